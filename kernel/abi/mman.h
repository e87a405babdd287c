/* mmap(2) and its family. */
#ifndef ABI_MMAN_H
#define ABI_MMAN_H

#define ABI_PROT_NONE      0x0
#define ABI_PROT_READ      0x1
#define ABI_PROT_WRITE     0x2
#define ABI_PROT_EXEC      0x4
#define ABI_PROT_GROWSDOWN 0x01000000
#define ABI_PROT_GROWSUP   0x02000000

#define ABI_MAP_TYPE            0x0f
#define ABI_MAP_SHARED          0x01
#define ABI_MAP_PRIVATE         0x02
#define ABI_MAP_SHARED_VALIDATE 0x03
#define ABI_MAP_FIXED           0x10
#define ABI_MAP_ANONYMOUS       0x20
#define ABI_MAP_32BIT           0x40
#define ABI_MAP_GROWSDOWN       0x0100
#define ABI_MAP_DENYWRITE       0x0800
#define ABI_MAP_EXECUTABLE      0x1000
#define ABI_MAP_LOCKED          0x2000
#define ABI_MAP_NORESERVE       0x4000
#define ABI_MAP_POPULATE        0x8000
#define ABI_MAP_NONBLOCK        0x10000
#define ABI_MAP_STACK           0x20000
#define ABI_MAP_HUGETLB         0x40000
#define ABI_MAP_SYNC            0x80000
#define ABI_MAP_FIXED_NOREPLACE 0x100000

#define ABI_MS_ASYNC      1
#define ABI_MS_INVALIDATE 2
#define ABI_MS_SYNC       4

#define ABI_MADV_NORMAL     0
#define ABI_MADV_RANDOM     1
#define ABI_MADV_SEQUENTIAL 2
#define ABI_MADV_WILLNEED   3
#define ABI_MADV_DONTNEED   4
#define ABI_MADV_FREE       8
#define ABI_MADV_REMOVE     9
#define ABI_MADV_DONTFORK   10
#define ABI_MADV_DOFORK     11
#define ABI_MADV_HUGEPAGE   14
#define ABI_MADV_NOHUGEPAGE 15
#define ABI_MADV_DONTDUMP   16
#define ABI_MADV_DODUMP     17
#define ABI_MADV_WIPEONFORK 18
#define ABI_MADV_KEEPONFORK 19
#define ABI_MADV_COLD       20
#define ABI_MADV_PAGEOUT    21

#define ABI_MREMAP_MAYMOVE   1
#define ABI_MREMAP_FIXED     2
#define ABI_MREMAP_DONTUNMAP 4

#define ABI_MLOCK_ONFAULT 1 /* mlock2's */
#define ABI_MCL_CURRENT   1
#define ABI_MCL_FUTURE    2
#define ABI_MCL_ONFAULT   4

#endif
