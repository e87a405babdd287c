/* capget(2), capset(2) and the options of prctl(2) about capabilities. */
#include "kernel/abi/capability.h"
#include "kernel/abi/prctl.h"
#include "kernel/mem/usercopy.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"

/* ---- capget, capset ---- */

/* How many words the data has; of an unknown version the one to use is told. */
static long header_words(long header)
{
    uint32_t version, best = ABI_LINUX_CAPABILITY_VERSION_3;
    if (get_user(&version, header, sizeof version))
        return -ABI_EFAULT;
    if (version == ABI_LINUX_CAPABILITY_VERSION_1)
        return 1;
    if (version == ABI_LINUX_CAPABILITY_VERSION_2 || version == ABI_LINUX_CAPABILITY_VERSION_3)
        return 2;
    return put_user(header, &best, sizeof best) ? -ABI_EFAULT : -ABI_EINVAL;
}

static long header_pid(long header, int32_t *out)
{
    const long at = header + (long)offsetof(struct abi_capability_header, pid);
    return get_user(out, at, sizeof *out) ? -ABI_EFAULT : 0;
}

static void sets_split(const struct cred *cred, struct abi_capability_data out[2])
{
    for (int word = 0; word < 2; word++)
        out[word] = (struct abi_capability_data){
            .effective = (uint32_t)(cred->effective >> 32 * word),
            .permitted = (uint32_t)(cred->permitted >> 32 * word),
            .inheritable = (uint32_t)(cred->inheritable >> 32 * word),
        };
}

static long sets_of(int32_t pid, struct abi_capability_data out[2])
{
    struct thread *thread = pid && pid != current_thread()->tid ? thread_find(pid) : NULL;
    if (!thread && pid && pid != current_thread()->tid)
        return -ABI_ESRCH;
    if (!thread) {
        sets_split(cred_current(), out);
        return 0;
    }
    struct cred *cred = thread->process ? process_cred_get(thread->process) : NULL;
    if (cred)
        sets_split(cred, out);
    cred_unref(cred);
    thread_unref(thread);
    return cred ? 0 : -ABI_ESRCH;
}

long sys_capget(long header, long data)
{
    struct abi_capability_data sets[2];
    int32_t pid;
    long words = header_words(header);
    if (words < 0 || !data)
        return !data && (words > 0 || words == -ABI_EINVAL) ? 0 : words;
    long error = header_pid(header, &pid);
    if (!error)
        error = pid < 0 ? -ABI_EINVAL : sets_of(pid, sets);
    if (error)
        return error;
    return put_user(data, sets, (size_t)words * sizeof sets[0]) ? -ABI_EFAULT : 0;
}

static bool sets_permitted(const struct cred *fresh, const struct cred *old)
{
    bool inherits = !(fresh->inheritable & ~(old->inheritable | old->permitted)) ||
                    process_capable(CAPABILITY_SETPCAP);
    return inherits && !(fresh->inheritable & ~(old->inheritable | old->bounding)) &&
           !(fresh->permitted & ~old->permitted) && !(fresh->effective & ~fresh->permitted);
}

long sys_capset(long header, long data)
{
    struct abi_capability_data sets[2] = {0};
    int32_t pid;
    long words = header_words(header);
    if (words < 0)
        return words;
    long error = header_pid(header, &pid);
    if (error)
        return error;
    if (pid != 0 && pid != current_thread()->tid)
        return -ABI_EPERM;
    if (get_user(sets, data, (size_t)words * sizeof sets[0]))
        return -ABI_EFAULT;
    const struct cred *old = cred_current();
    struct cred *cred = cred_copy(old, old->group_count);
    if (!cred)
        return -ABI_ENOMEM;
    cred->effective = (sets[0].effective | (uint64_t)sets[1].effective << 32) & CAPABILITY_ALL;
    cred->permitted = (sets[0].permitted | (uint64_t)sets[1].permitted << 32) & CAPABILITY_ALL;
    cred->inheritable =
        (sets[0].inheritable | (uint64_t)sets[1].inheritable << 32) & CAPABILITY_ALL;
    cred->ambient &= cred->permitted & cred->inheritable;
    if (!sets_permitted(cred, old)) {
        cred_unref(cred);
        return -ABI_EPERM;
    }
    cred_install(cred);
    return 0;
}

/* ---- prctl ---- */

#define SECUREBITS                                                           \
    (ABI_SECBIT_NOROOT | ABI_SECBIT_NO_SETUID_FIXUP | ABI_SECBIT_KEEP_CAPS | \
     ABI_SECBIT_NO_CAP_AMBIENT_RAISE | ABI_SECBIT_EXEC_RESTRICT_FILE |       \
     ABI_SECBIT_EXEC_DENY_INTERACTIVE)
#define SECUREBITS_FREE (ABI_SECBIT_EXEC_RESTRICT_FILE | ABI_SECBIT_EXEC_DENY_INTERACTIVE)

/* The caller's credentials for changing; NULL: no memory. */
static struct cred *cred_own_copy(void)
{
    const struct cred *old = cred_current();
    return cred_copy(old, old->group_count);
}

static bool capability_known(long number)
{
    return (uint64_t)number <= CAPABILITY_LAST;
}

static long bounding_drop(long number)
{
    if (!process_capable(CAPABILITY_SETPCAP))
        return -ABI_EPERM;
    if (!capability_known(number))
        return -ABI_EINVAL;
    struct cred *cred = cred_own_copy();
    if (!cred)
        return -ABI_ENOMEM;
    cred->bounding &= ~CAPABILITY_BIT(number);
    cred_install(cred);
    return 0;
}

/* Locked bits stay, locks too. Those that only interpreters look at are anybody's to set. */
static bool securebits_permitted(uint64_t old, uint64_t fresh)
{
    const uint64_t locks = SECUREBITS << 1, unguarded = SECUREBITS_FREE | SECUREBITS_FREE << 1;
    uint64_t changed = old ^ fresh;
    if ((old & locks) >> 1 & changed || old & locks & ~fresh || fresh & ~(SECUREBITS | locks))
        return false;
    return process_capable(CAPABILITY_SETPCAP) || (changed && !(changed & ~unguarded));
}

static long securebits_install(uint32_t bits)
{
    struct cred *cred = cred_own_copy();
    if (!cred)
        return -ABI_ENOMEM;
    cred->securebits = bits;
    cred_install(cred);
    return 0;
}

static long keep_set(uint32_t bits, long keep)
{
    if (keep != 0 && keep != 1)
        return -ABI_EINVAL;
    if (bits & ABI_SECBIT_KEEP_CAPS_LOCKED)
        return -ABI_EPERM;
    return securebits_install((bits & ~(uint32_t)ABI_SECBIT_KEEP_CAPS) |
                              (keep ? ABI_SECBIT_KEEP_CAPS : 0));
}

static long ambient_change(long operation, uint64_t set)
{
    struct cred *cred = cred_own_copy();
    if (!cred)
        return -ABI_ENOMEM;
    cred->ambient =
        operation == ABI_PR_CAP_AMBIENT_RAISE ? cred->ambient | set : cred->ambient & ~set;
    cred_install(cred);
    return 0;
}

static long ambient_call(long operation, long number, long c, long d)
{
    const struct cred *cred = cred_current();
    if (operation == ABI_PR_CAP_AMBIENT_CLEAR_ALL)
        return number | c | d ? -ABI_EINVAL : ambient_change(operation, CAPABILITY_ALL);
    if (!capability_known(number) || c | d)
        return -ABI_EINVAL;
    uint64_t bit = CAPABILITY_BIT(number);
    if (operation == ABI_PR_CAP_AMBIENT_IS_SET)
        return (cred->ambient & bit) != 0;
    if (operation != ABI_PR_CAP_AMBIENT_RAISE && operation != ABI_PR_CAP_AMBIENT_LOWER)
        return -ABI_EINVAL;
    if (operation == ABI_PR_CAP_AMBIENT_RAISE &&
        (!(cred->permitted & cred->inheritable & bit) ||
         cred->securebits & ABI_SECBIT_NO_CAP_AMBIENT_RAISE))
        return -ABI_EPERM;
    return ambient_change(operation, bit);
}

static long renounce_privileges(void)
{
    struct cred *cred = cred_own_copy();
    if (!cred)
        return -ABI_ENOMEM;
    cred->no_new_privileges = true;
    cred_install(cred);
    return 0;
}

long prctl_capabilities(long option, long a, long b, long c, long d)
{
    const struct cred *cred = cred_current();
    switch (option) {
    case ABI_PR_CAPBSET_READ:
        return capability_known(a) ? capability_in(cred->bounding, (enum capability)a)
                                   : -ABI_EINVAL;
    case ABI_PR_CAPBSET_DROP:
        return bounding_drop(a);
    case ABI_PR_GET_SECUREBITS:
        return cred->securebits;
    case ABI_PR_SET_SECUREBITS:
        return securebits_permitted(cred->securebits, (uint64_t)a) ? securebits_install((uint32_t)a)
                                                                   : -ABI_EPERM;
    case ABI_PR_GET_KEEPCAPS:
        return (cred->securebits & ABI_SECBIT_KEEP_CAPS) != 0;
    case ABI_PR_SET_KEEPCAPS:
        return keep_set(cred->securebits, a);
    case ABI_PR_CAP_AMBIENT:
        return ambient_call(a, b, c, d);
    case ABI_PR_GET_NO_NEW_PRIVS:
        return a | b | c | d ? -ABI_EINVAL : cred->no_new_privileges;
    case ABI_PR_SET_NO_NEW_PRIVS:
        return a != 1 || b | c | d ? -ABI_EINVAL : renounce_privileges();
    default:
        return -ABI_EINVAL;
    }
}
