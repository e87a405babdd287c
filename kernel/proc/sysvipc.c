/* /proc/sysvipc: System V's objects, a line each. Each is asked for by itself, so that no lock is
 * held for long; what comes and goes meanwhile may be missed. */
#include "kernel/mem/layout.h"
#include "kernel/proc/system.h"
#include "kernel/sys/msgqueue.h"
#include "kernel/sys/segment.h"
#include "kernel/sys/semaphores.h"

oskit_error_t proc_show_segments(oskit_u64_t key, struct synth_text *text)
{
    struct abi_shmid_ds about;
    uint64_t pages;
    int id;
    (void)key;
    synth_printf(text, "       key      shmid perms                  size  cpid  lpid nattch   uid "
                       "  gid  cuid  cgid      atime      dtime      ctime                   rss"
                       "                  swap\n");
    for (int index = 0; segment_tell(index, &about, &id, &pages); index = sysv_index(id) + 1)
        synth_printf(
            text,
            "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu %10lu %21lu %21lu\n",
            about.shm_perm.key, id, about.shm_perm.mode, about.shm_segsz, about.shm_cpid,
            about.shm_lpid, about.shm_nattch, about.shm_perm.uid, about.shm_perm.gid,
            about.shm_perm.cuid, about.shm_perm.cgid, about.shm_atime, about.shm_dtime,
            about.shm_ctime, pages * PAGE_SIZE, 0ul);
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_semaphores(oskit_u64_t key, struct synth_text *text)
{
    struct abi_semid_ds about;
    int id;
    (void)key;
    synth_printf(text, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime"
                       "      ctime\n");
    for (int index = 0; semaphore_set_tell(index, &about, &id); index = sysv_index(id) + 1)
        synth_printf(text, "%10d %10d  %4o %10lu %5u %5u %5u %5u %10lu %10lu\n", about.sem_perm.key,
                     id, about.sem_perm.mode, about.sem_nsems, about.sem_perm.uid,
                     about.sem_perm.gid, about.sem_perm.cuid, about.sem_perm.cgid, about.sem_otime,
                     about.sem_ctime);
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_messages(oskit_u64_t key, struct synth_text *text)
{
    struct abi_msqid_ds about;
    int id;
    (void)key;
    synth_printf(text, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid"
                       "  cuid  cgid      stime      rtime      ctime\n");
    for (int index = 0; message_queue_tell(index, &about, &id); index = sysv_index(id) + 1)
        synth_printf(text,
                     "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu %10lu %10lu\n",
                     about.msg_perm.key, id, about.msg_perm.mode, about.msg_cbytes, about.msg_qnum,
                     about.msg_lspid, about.msg_lrpid, about.msg_perm.uid, about.msg_perm.gid,
                     about.msg_perm.cuid, about.msg_perm.cgid, about.msg_stime, about.msg_rtime,
                     about.msg_ctime);
    return OSKIT_SUCCESS;
}
