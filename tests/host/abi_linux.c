/* kernel/abi/ against Linux's own headers, at compile time. What only the C library's headers have
   is in test_abi.c; the two sets of headers do not go into one file. */
#include <stddef.h>
#include <stdint.h>
#include <sluice/capability.h>
#include "abi_all.h"

/* Before Linux's headers make macros of these names. */
enum {
    OUR_si_code = offsetof(struct abi_siginfo, si_code),
    OUR_si_pid = offsetof(struct abi_siginfo, rt.si_pid),
    OUR_si_uid = offsetof(struct abi_siginfo, rt.si_uid),
    OUR_si_value = offsetof(struct abi_siginfo, rt.si_value),
    OUR_si_tid = offsetof(struct abi_siginfo, timer.si_timerid),
    OUR_si_overrun = offsetof(struct abi_siginfo, timer.si_overrun),
    OUR_si_sys_private = offsetof(struct abi_siginfo, timer.si_sys_private),
    OUR_si_status = offsetof(struct abi_siginfo, chld.si_status),
    OUR_si_utime = offsetof(struct abi_siginfo, chld.si_utime),
    OUR_si_stime = offsetof(struct abi_siginfo, chld.si_stime),
    OUR_si_addr = offsetof(struct abi_siginfo, fault.si_addr),
    OUR_si_addr_lsb = offsetof(struct abi_siginfo, fault.si_addr_lsb),
    OUR_si_band = offsetof(struct abi_siginfo, poll.si_band),
    OUR_si_fd = offsetof(struct abi_siginfo, poll.si_fd),
    OUR_si_call_addr = offsetof(struct abi_siginfo, sys.si_call_addr),
    OUR_si_syscall = offsetof(struct abi_siginfo, sys.si_syscall),
    OUR_si_arch = offsetof(struct abi_siginfo, sys.si_arch),
};

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/prctl.h>
#include <asm/sigcontext.h>
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/statfs.h>
#include <asm/termios.h>
#include <asm/ucontext.h>
#include <linux/auxvec.h>
#include <linux/elf.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/ipc.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/msg.h>
#include <linux/openat2.h>
#include <linux/personality.h>
#include <linux/prctl.h>
#include <linux/reboot.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sem.h>
#include <linux/shm.h>
#include <linux/signalfd.h>
#include <linux/sockios.h>
#include <linux/sysinfo.h>
#include <linux/times.h>
#include <linux/tty_flags.h>
#include <linux/utime.h>
#include <linux/utsname.h>
#include <linux/wait.h>
#include <linux/close_range.h>
#include <linux/falloc.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <linux/random.h>
#include <linux/uio.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <stddef.h>
#include <stdint.h>

#define SAME(name) _Static_assert((unsigned)(name) == (unsigned)(ABI_##name), #name);
#include "abi_kernel.inc"

#define SAME_CAPABILITY(name) _Static_assert((int)CAP_##name == (int)CAPABILITY_##name, #name)
SAME_CAPABILITY(CHOWN);
SAME_CAPABILITY(DAC_OVERRIDE);
SAME_CAPABILITY(DAC_READ_SEARCH);
SAME_CAPABILITY(FOWNER);
SAME_CAPABILITY(FSETID);
SAME_CAPABILITY(KILL);
SAME_CAPABILITY(SETGID);
SAME_CAPABILITY(SETUID);
SAME_CAPABILITY(SETPCAP);
SAME_CAPABILITY(LINUX_IMMUTABLE);
SAME_CAPABILITY(NET_BIND_SERVICE);
SAME_CAPABILITY(NET_ADMIN);
SAME_CAPABILITY(NET_RAW);
SAME_CAPABILITY(IPC_LOCK);
SAME_CAPABILITY(IPC_OWNER);
SAME_CAPABILITY(SYS_CHROOT);
SAME_CAPABILITY(SYS_PTRACE);
SAME_CAPABILITY(SYS_ADMIN);
SAME_CAPABILITY(SYS_BOOT);
SAME_CAPABILITY(SYS_NICE);
SAME_CAPABILITY(SYS_RESOURCE);
SAME_CAPABILITY(SYS_TIME);
SAME_CAPABILITY(SYS_TTY_CONFIG);
SAME_CAPABILITY(MKNOD);
SAME_CAPABILITY(SETFCAP);
SAME_CAPABILITY(MAC_OVERRIDE);
SAME_CAPABILITY(SYSLOG);
SAME_CAPABILITY(WAKE_ALARM);
_Static_assert(sizeof(struct __user_cap_data_struct) == sizeof(struct abi_capability_data), "");
_Static_assert(sizeof(struct vfs_ns_cap_data) == sizeof(struct abi_vfs_capability), "");

_Static_assert(CLONE_CLEAR_SIGHAND == ABI_CLONE_CLEAR_SIGHAND, "CLONE_CLEAR_SIGHAND");
_Static_assert(CLONE_INTO_CGROUP == ABI_CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP");

#define SIZE(abi, linux) \
    _Static_assert(sizeof(struct abi) == sizeof(struct linux), "size of " #abi);
#define FIELD(abi, linux, field)                                                                   \
    _Static_assert(offsetof(struct abi, field) == offsetof(struct linux, field), #abi "." #field); \
    _Static_assert(sizeof(((struct abi *)0)->field) == sizeof(((struct linux *)0)->field),         \
                   "size of " #abi "." #field);

#define STAT(field) FIELD(abi_stat, stat, field)
SIZE(abi_stat, stat)
STAT(st_dev)
STAT(st_ino)
STAT(st_nlink)
STAT(st_mode)
STAT(st_uid)
STAT(st_gid)
STAT(st_rdev)
STAT(st_size)
STAT(st_blksize)
STAT(st_blocks)
_Static_assert(offsetof(struct abi_stat, st_atim) == offsetof(struct stat, st_atime), "st_atim");
_Static_assert(offsetof(struct abi_stat, st_mtim) == offsetof(struct stat, st_mtime), "st_mtim");
_Static_assert(offsetof(struct abi_stat, st_ctim) == offsetof(struct stat, st_ctime), "st_ctim");

#define STATX(field) FIELD(abi_statx, statx, field)
SIZE(abi_statx, statx)
STATX(stx_mask)
STATX(stx_attributes)
STATX(stx_nlink)
STATX(stx_uid)
STATX(stx_mode)
STATX(stx_ino)
STATX(stx_size)
STATX(stx_blocks)
STATX(stx_attributes_mask)
STATX(stx_atime)
STATX(stx_btime)
STATX(stx_ctime)
STATX(stx_mtime)
STATX(stx_rdev_major)
STATX(stx_dev_minor)
STATX(stx_mnt_id)
STATX(stx_dio_mem_align)

#define STATFS(field) FIELD(abi_statfs, statfs, field)
SIZE(abi_statfs, statfs)
STATFS(f_type)
STATFS(f_bsize)
STATFS(f_blocks)
STATFS(f_bavail)
STATFS(f_ffree)
STATFS(f_fsid)
STATFS(f_namelen)
STATFS(f_frsize)
STATFS(f_flags)

#define TERMIOS(field) FIELD(abi_termios, termios, field)
SIZE(abi_termios, termios)
TERMIOS(c_iflag)
TERMIOS(c_oflag)
TERMIOS(c_cflag)
TERMIOS(c_lflag)
TERMIOS(c_line)
TERMIOS(c_cc)
SIZE(abi_termios2, termios2)
FIELD(abi_termios2, termios2, c_ispeed)
FIELD(abi_termios2, termios2, c_ospeed)
SIZE(abi_termio, termio)
SIZE(abi_winsize, winsize)
FIELD(abi_winsize, winsize, ws_col)

SIZE(abi_sigaction, sigaction)
_Static_assert(offsetof(struct abi_sigaction, flags) == offsetof(struct sigaction, sa_flags), "");
_Static_assert(offsetof(struct abi_sigaction, restorer) == offsetof(struct sigaction, sa_restorer),
               "");
_Static_assert(offsetof(struct abi_sigaction, mask) == offsetof(struct sigaction, sa_mask), "");

#define SIGINFO(field) \
    _Static_assert((size_t)OUR_##field == offsetof(siginfo_t, field), "siginfo_t." #field);
_Static_assert(sizeof(struct abi_siginfo) == sizeof(siginfo_t), "siginfo_t");
SIGINFO(si_code)
SIGINFO(si_pid)
SIGINFO(si_uid)
SIGINFO(si_value)
SIGINFO(si_tid)
SIGINFO(si_overrun)
SIGINFO(si_sys_private)
SIGINFO(si_status)
SIGINFO(si_utime)
SIGINFO(si_stime)
SIGINFO(si_addr)
SIGINFO(si_addr_lsb)
SIGINFO(si_band)
SIGINFO(si_fd)
SIGINFO(si_call_addr)
SIGINFO(si_syscall)
SIGINFO(si_arch)

_Static_assert(sizeof(struct abi_stack) == sizeof(stack_t), "stack_t");
_Static_assert(offsetof(struct abi_stack, ss_size) == offsetof(stack_t, ss_size), "ss_size");
#define SIGCONTEXT(field) FIELD(abi_sigcontext, sigcontext, field)
SIZE(abi_sigcontext, sigcontext)
SIGCONTEXT(r8)
SIGCONTEXT(rdi)
SIGCONTEXT(rax)
SIGCONTEXT(rsp)
SIGCONTEXT(rip)
SIGCONTEXT(eflags)
SIGCONTEXT(cs)
SIGCONTEXT(ss)
SIGCONTEXT(err)
SIGCONTEXT(oldmask)
SIGCONTEXT(cr2)
SIGCONTEXT(fpstate)
SIZE(abi_ucontext, ucontext)
FIELD(abi_ucontext, ucontext, uc_stack)
FIELD(abi_ucontext, ucontext, uc_mcontext)
FIELD(abi_ucontext, ucontext, uc_sigmask)
SIZE(abi_fpx_sw_bytes, _fpx_sw_bytes)
_Static_assert(ABI_FP_SW_RESERVED_OFFSET == offsetof(struct _fpstate, sw_reserved), "sw_reserved");

SIZE(abi_signalfd_siginfo, signalfd_siginfo)
FIELD(abi_signalfd_siginfo, signalfd_siginfo, ssi_ptr)
FIELD(abi_signalfd_siginfo, signalfd_siginfo, ssi_addr)
FIELD(abi_signalfd_siginfo, signalfd_siginfo, ssi_arch)

SIZE(abi_clone_args, clone_args)
FIELD(abi_clone_args, clone_args, tls)
FIELD(abi_clone_args, clone_args, cgroup)
SIZE(abi_robust_list_head, robust_list_head)
FIELD(abi_robust_list_head, robust_list_head, futex_offset)
SIZE(abi_utsname, new_utsname)
SIZE(abi_sysinfo, sysinfo)
FIELD(abi_sysinfo, sysinfo, procs)
FIELD(abi_sysinfo, sysinfo, mem_unit)
SIZE(abi_tms, tms)
SIZE(abi_utimbuf, utimbuf)
SIZE(abi_rusage, rusage)
FIELD(abi_rusage, rusage, ru_maxrss)
FIELD(abi_rusage, rusage, ru_nivcsw)
SIZE(abi_open_how, open_how)
SIZE(abi_elf64_ehdr, elf64_hdr)
FIELD(abi_elf64_ehdr, elf64_hdr, e_phoff)
FIELD(abi_elf64_ehdr, elf64_hdr, e_phentsize)
FIELD(abi_elf64_ehdr, elf64_hdr, e_phnum)
SIZE(abi_elf64_phdr, elf64_phdr)
FIELD(abi_elf64_phdr, elf64_phdr, p_offset)
FIELD(abi_elf64_phdr, elf64_phdr, p_memsz)
FIELD(abi_elf64_phdr, elf64_phdr, p_align)
SIZE(abi_elf64_sym, elf64_sym)
SIZE(abi_iovec, iovec)

#define SAME_FIELD(theirs, ours, field)                                                    \
    _Static_assert(offsetof(struct theirs, field) == offsetof(struct abi_##ours, field) && \
                       sizeof(((struct theirs *)0)->field) ==                              \
                           sizeof(((struct abi_##ours *)0)->field),                        \
                   #ours "." #field);
SAME_FIELD(sembuf, sembuf, sem_num)
SAME_FIELD(sembuf, sembuf, sem_op)
SAME_FIELD(sembuf, sembuf, sem_flg)
SAME_FIELD(semid64_ds, semid_ds, sem_otime)
SAME_FIELD(semid64_ds, semid_ds, sem_ctime)
SAME_FIELD(semid64_ds, semid_ds, sem_nsems)
SAME_FIELD(seminfo, seminfo, semmni)
SAME_FIELD(seminfo, seminfo, semusz)
SAME_FIELD(seminfo, seminfo, semaem)
SAME_FIELD(msqid64_ds, msqid_ds, msg_stime)
SAME_FIELD(msqid64_ds, msqid_ds, msg_ctime)
SAME_FIELD(msqid64_ds, msqid_ds, msg_cbytes)
SAME_FIELD(msqid64_ds, msqid_ds, msg_qnum)
SAME_FIELD(msqid64_ds, msqid_ds, msg_qbytes)
SAME_FIELD(msqid64_ds, msqid_ds, msg_lspid)
SAME_FIELD(msqid64_ds, msqid_ds, msg_lrpid)
SAME_FIELD(msginfo, msginfo, msgmax)
SAME_FIELD(msginfo, msginfo, msgseg)
SAME_FIELD(shmid64_ds, shmid_ds, shm_segsz)
SAME_FIELD(shmid64_ds, shmid_ds, shm_nattch)
