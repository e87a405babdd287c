/* Every header of kernel/abi/. */
#ifndef TESTS_HOST_ABI_ALL_H
#define TESTS_HOST_ABI_ALL_H

#include "kernel/abi/auxv.h"
#include "kernel/abi/dirent.h"
#include "kernel/abi/elf.h"
#include "kernel/abi/epoll.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/futex.h"
#include "kernel/abi/inotify.h"
#include "kernel/abi/limits.h"
#include "kernel/abi/mman.h"
#include "kernel/abi/mount.h"
#include "kernel/abi/poll.h"
#include "kernel/abi/prctl.h"
#include "kernel/abi/random.h"
#include "kernel/abi/reboot.h"
#include "kernel/abi/resource.h"
#include "kernel/abi/sched.h"
#include "kernel/abi/signal.h"
#include "kernel/abi/socket.h"
#include "kernel/abi/stat.h"
#include "kernel/abi/sysinfo.h"
#include "kernel/abi/syslog.h"
#include "kernel/abi/termios.h"
#include "kernel/abi/time.h"
#include "kernel/abi/types.h"
#include "kernel/abi/uio.h"
#include "kernel/abi/utsname.h"
#include "kernel/abi/wait.h"

#endif
