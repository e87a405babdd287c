/* setsockopt and getsockopt: values go through kernel memory; the sockets know what they mean. */
#include "kernel/mem/heap.h"
#include "kernel/sys/socket.h"

#define OPTION_BRIEF 128 /* most values fit, and need no memory of their own */

/* A value on its way in or out. */
struct option {
    oskit_u32_t length;
    void *value; /* `brief`, a block, or NULL: no memory */
    uint64_t brief[OPTION_BRIEF / sizeof(uint64_t)];
};

/* Room for LENGTH bytes, but no more than any option takes: behind it programs may claim what they
 * like. */
static bool option_begin(struct option *option, long length)
{
    option->length = length < (long)SOCKET_OPTION_MAX ? (oskit_u32_t)length : SOCKET_OPTION_MAX;
    option->value = option->length <= OPTION_BRIEF ? option->brief : heap_alloc(option->length, 0);
    return option->value != NULL;
}

static void option_end(struct option *option)
{
    if (option->value != option->brief)
        heap_free(option->value);
}

static long option_set(const struct openfile *file, long level, long name, long user, long length)
{
    struct option option;
    if (!option_begin(&option, length))
        return -ABI_ENOMEM;
    /* Most options are an int, whatever the length that the program gives: only what is there
     * counts. */
    size_t missing = copy_from_user(option.value, (const void *)user, option.length);
    long error = missing && missing == option.length ? -ABI_EFAULT : 0;
    if (!error)
        error = errno_from_oskit(
            file->socket->ops->setsockopt(file->socket, (oskit_s32_t)level, (oskit_s32_t)name,
                                          option.value, option.length - (oskit_u32_t)missing));
    option_end(&option);
    return error;
}

long sys_setsockopt(long number, long level, long name, long user, long length)
{
    struct fd fd;
    length = (int32_t)length;
    if (length < 0)
        return -ABI_EINVAL;
    long error = socket_get(number, &fd);
    if (error)
        return error;
    error = option_set(fd.file, level, name, user, length);
    fd_put(fd);
    return error;
}

/* SO_ERROR is told in the OSKit's codes. */
static void option_translate(struct option *option, long level, long name)
{
    oskit_s32_t code;
    if (level != ABI_SOL_SOCKET || name != ABI_SO_ERROR || option->length < sizeof code)
        return;
    __builtin_memcpy(&code, option->value, sizeof code);
    code = (oskit_s32_t)-errno_from_oskit(code);
    __builtin_memcpy(option->value, &code, sizeof code);
}

/* A filter's length is told in instructions, not in bytes. */
static oskit_u32_t option_unit(long level, long name)
{
    return level == ABI_SOL_SOCKET && name == ABI_SO_GET_FILTER ? 8 : 1;
}

static long option_get(const struct openfile *file, long level, long name, long user,
                       long user_length)
{
    struct option option;
    oskit_u32_t unit = option_unit(level, name);
    int32_t length;
    if (get_user(&length, user_length, sizeof length))
        return -ABI_EFAULT;
    if (length < 0)
        return -ABI_EINVAL;
    if (!option_begin(&option, (long)length * unit))
        return -ABI_ENOMEM;
    oskit_u32_t room = option.length;
    /* Some read a question there (PACKET_HDRLEN); what can't be read reads as nothing. */
    if (level != ABI_SOL_SOCKET && option.length && get_user(option.value, user, option.length))
        __builtin_memset(option.value, 0, option.length);
    long error = errno_from_oskit(file->socket->ops->getsockopt(
        file->socket, (oskit_s32_t)level, (oskit_s32_t)name, option.value, &option.length));
    if (!error) {
        option_translate(&option, level, name);
        if (option.length && room)
            error = put_user(user, option.value, option.length < room ? option.length : room);
        option.length /= unit;
    }
    if (!error)
        error = put_user(user_length, &option.length, sizeof option.length);
    option_end(&option);
    return error;
}

long sys_getsockopt(long number, long level, long name, long user, long user_length)
{
    struct fd fd;
    long error = socket_get(number, &fd);
    if (error)
        return error;
    error = option_get(fd.file, level, name, user, user_length);
    fd_put(fd);
    return error;
}
