/*
 * argv and envp on their way from the old image to the new: one run of NUL-terminated strings in
 * kernel pages, arguments first.
 */
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/resource.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/usercopy.h"
#include "kernel/task/exec.h"

#define ARGUMENT_MAX    (32 * PAGE_SIZE) /* a string, as Linux */
#define ARGUMENTS_LEAST (32 * PAGE_SIZE) /* allowed however small the stack limit is */
#define ARGUMENTS_MOST  (6ul << 20)      /* three quarters of the default stack, as Linux */

static size_t arguments_limit(void)
{
    uint64_t limit = current_process() ? process_limit(ABI_RLIMIT_STACK) / 4 : ARGUMENTS_MOST;
    if (limit > ARGUMENTS_MOST)
        limit = ARGUMENTS_MOST;
    return limit < ARGUMENTS_LEAST ? ARGUMENTS_LEAST : limit;
}

static long arguments_grow(struct exec_arguments *a, size_t limit)
{
    if ((a->page_count + 1) * PAGE_SIZE > limit)
        return -ABI_E2BIG;
    void **pages = heap_alloc((a->page_count + 1) * sizeof *pages, 0);
    void *page = page_alloc(0, 0);
    if (!pages || !page) {
        heap_free(pages);
        if (page)
            page_unref(page);
        return -ABI_ENOMEM;
    }
    if (a->page_count)
        memcpy(pages, a->pages, a->page_count * sizeof *pages);
    pages[a->page_count++] = page;
    heap_free(a->pages);
    a->pages = pages;
    return 0;
}

/* Appends SIZE kernel bytes. */
static long arguments_append(struct exec_arguments *a, const char *bytes, size_t size)
{
    while (size) {
        size_t offset = a->used % PAGE_SIZE;
        if (a->used == a->page_count * PAGE_SIZE) {
            long error = arguments_grow(a, arguments_limit());
            if (error)
                return error;
        }
        size_t n = PAGE_SIZE - offset < size ? PAGE_SIZE - offset : size;
        memcpy((char *)a->pages[a->used / PAGE_SIZE] + offset, bytes, n);
        a->used += n;
        bytes += n;
        size -= n;
    }
    return 0;
}

/* Appends a user string of at most ARGUMENT_MAX bytes, its NUL included, page piece by page piece.
 */
static long arguments_append_user(struct exec_arguments *a, const char *string)
{
    size_t length = 0;
    for (;;) {
        if (a->used == a->page_count * PAGE_SIZE) {
            long error = arguments_grow(a, arguments_limit());
            if (error)
                return error;
        }
        size_t offset = a->used % PAGE_SIZE, room = PAGE_SIZE - offset;
        char *to = (char *)a->pages[a->used / PAGE_SIZE] + offset;
        long n = string_from_user(to, string + length, room);
        if (n != -ABI_ENAMETOOLONG) {
            if (n < 0)
                return n;
            a->used += (size_t)n + 1;
            return length + (size_t)n + 1 > ARGUMENT_MAX ? -ABI_E2BIG : 0;
        }
        a->used += room;
        length += room;
        if (length >= ARGUMENT_MAX)
            return -ABI_E2BIG;
    }
}

static long arguments_gather_user(struct exec_arguments *a, uint64_t vector, uint32_t *count)
{
    uint64_t string;
    if (!vector)
        return 0; /* Linux takes NULL for an empty list */
    for (;; vector += sizeof string) {
        if (copy_from_user(&string, (const void *)vector, sizeof string))
            return -ABI_EFAULT;
        if (!string)
            return 0;
        long error = arguments_append_user(a, (const char *)string);
        if (error)
            return error;
        ++*count;
    }
}

static long arguments_gather_kernel(struct exec_arguments *a, const char *const strings[],
                                    uint32_t *count)
{
    for (; *strings; strings++, ++*count) {
        long error = arguments_append(a, *strings, strlen(*strings) + 1);
        if (error)
            return error;
    }
    return 0;
}

static long arguments_finish(struct exec_arguments *a, long error)
{
    if (error)
        exec_arguments_free(a);
    return error;
}

long exec_arguments_from_user(struct exec_arguments *out, uint64_t argv, uint64_t envp)
{
    *out = (struct exec_arguments){0};
    long error = arguments_gather_user(out, argv, &out->argc);
    /* A program with no argv[0] at all reads its environment as arguments; Linux gives it an empty
     * one. */
    if (!error && !out->argc) {
        error = arguments_append(out, "", 1);
        out->argc = 1;
    }
    if (!error)
        error = arguments_gather_user(out, envp, &out->envc);
    return arguments_finish(out, error);
}

long exec_arguments_from_kernel(struct exec_arguments *out, const char *const argv[],
                                const char *const envp[])
{
    *out = (struct exec_arguments){0};
    long error = arguments_gather_kernel(out, argv, &out->argc);
    if (!error)
        error = arguments_gather_kernel(out, envp, &out->envc);
    return arguments_finish(out, error);
}

void exec_arguments_free(struct exec_arguments *a)
{
    for (size_t i = 0; i < a->page_count; i++)
        page_unref(a->pages[i]);
    heap_free(a->pages);
    *a = (struct exec_arguments){0};
}

static char arguments_byte(const struct exec_arguments *a, size_t at)
{
    return ((const char *)a->pages[at / PAGE_SIZE])[at % PAGE_SIZE];
}

/* Appends what OLD holds from byte AT on. */
static long arguments_append_rest(struct exec_arguments *a, const struct exec_arguments *old,
                                  size_t at)
{
    long error = 0;
    while (at < old->used && !error) {
        size_t n = PAGE_SIZE - at % PAGE_SIZE;
        if (n > old->used - at)
            n = old->used - at;
        error = arguments_append(a, (const char *)old->pages[at / PAGE_SIZE] + at % PAGE_SIZE, n);
        at += n;
    }
    return error;
}

long exec_arguments_replace_first(struct exec_arguments *a, const char *const strings[])
{
    struct exec_arguments fresh = {.envc = a->envc};
    size_t first = 0;
    while (arguments_byte(a, first))
        first++;
    long error = arguments_gather_kernel(&fresh, strings, &fresh.argc);
    if (!error)
        error = arguments_append_rest(&fresh, a, first + 1);
    fresh.argc += a->argc - 1;
    exec_arguments_free(error ? &fresh : a);
    if (!error)
        *a = fresh;
    return error;
}
