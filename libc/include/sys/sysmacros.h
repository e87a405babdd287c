/* Device numbers, packed as the kernel packs them. */
#ifndef _SYS_SYSMACROS_H
#define _SYS_SYSMACROS_H

#define major(dev) ((unsigned)((((dev) >> 8) & 0xffful) | (((dev) >> 32) & 0xfffff000ul)))
#define minor(dev) ((unsigned)(((dev)&0xfful) | (((dev) >> 12) & 0xffffff00ul)))
#define makedev(major, minor)                                                   \
    (((major)&0xffful) << 8 | ((major)&0xfffff000ul) << 32 | ((minor)&0xfful) | \
     ((minor)&0xffffff00ul) << 12)

#endif
