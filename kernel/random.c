/* Lock order: pool_lock -> random_lock, a leaf. */
#include "kernel/random.h"
#include <sluice/string.h>
#include "kernel/cpu/clock.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/spinlock.h"

#define RANDOM_REKEY_BYTES (1u << 20)

static spinlock_t random_lock;
static uint32_t random_key[8];
static uint64_t random_counter;
static uint64_t random_since_rekey;

static inline uint32_t rotate_left(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static void chacha_quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b, *d = rotate_left(*d ^ *a, 16);
    *c += *d, *b = rotate_left(*b ^ *c, 12);
    *a += *b, *d = rotate_left(*d ^ *a, 8);
    *c += *d, *b = rotate_left(*b ^ *c, 7);
}

/* One 64-byte block of the key stream (RFC 8439's function; the nonce is zero, the counter 64 bits
 * wide). */
static void chacha_block(const uint32_t key[8], uint64_t counter, uint32_t out[16])
{
    uint32_t in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(in + 4, key, 32);
    in[12] = (uint32_t)counter;
    in[13] = (uint32_t)(counter >> 32);
    in[14] = in[15] = 0;
    memcpy(out, in, sizeof in);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++)
            chacha_quarter(out + i, out + 4 + i, out + 8 + i, out + 12 + i);
        for (int i = 0; i < 4; i++)
            chacha_quarter(out + i, out + 4 + (i + 1) % 4, out + 8 + (i + 2) % 4,
                           out + 12 + (i + 3) % 4);
    }
    for (int i = 0; i < 16; i++)
        out[i] += in[i];
}

/* A word from the hardware, mixed with the time stamp counter in any case. */
static uint64_t random_hardware(void)
{
    uint64_t word = 0;
    unsigned char ok = 0;
    for (int i = 0; i < 10 && !ok && cpu_features.rdseed; i++)
        __asm__ volatile("rdseed %0" : "=r"(word), "=@ccc"(ok));
    for (int i = 0; i < 10 && !ok && cpu_features.rdrand; i++)
        __asm__ volatile("rdrand %0" : "=r"(word), "=@ccc"(ok));
    return word * 0x9e3779b97f4a7c15ull ^ __builtin_ia32_rdtsc();
}

/* The lock is held. Folds DATA into the key through the cipher, so that old material stays
 * unrecoverable and new can only add. */
static void random_absorb(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint32_t block[16];
    for (size_t done = 0; done < size; done += 32) {
        size_t n = size - done < 32 ? size - done : 32;
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)random_key)[i] ^= bytes[done + i];
        chacha_block(random_key, random_counter++, block);
        memcpy(random_key, block, sizeof random_key);
    }
}

static void random_rekey(void)
{
    uint64_t fresh[8];
    for (size_t i = 0; i < sizeof fresh / sizeof fresh[0]; i++)
        fresh[i] = random_hardware() ^ (uint64_t)clock_real();
    random_absorb(fresh, sizeof fresh);
    random_since_rekey = 0;
}

void random_init(void)
{
    spin_lock(&random_lock);
    random_rekey();
    spin_unlock(&random_lock);
}

void random_mix(const void *data, size_t size)
{
    spin_lock(&random_lock);
    random_absorb(data, size);
    spin_unlock(&random_lock);
}

/* The first half of each first block becomes the next key: what was given out can't be computed
 * from later states. */
void random_fill(void *buffer, size_t size)
{
    uint8_t *out = buffer;
    uint32_t block[16], key[8];
    spin_lock(&random_lock);
    random_since_rekey += size;
    if (random_since_rekey > RANDOM_REKEY_BYTES)
        random_rekey();
    memcpy(key, random_key, sizeof key);
    uint64_t counter = random_counter++;
    chacha_block(key, counter << 32, block);
    memcpy(random_key, block, sizeof random_key);
    spin_unlock(&random_lock);
    for (uint64_t i = 1; size; i++) {
        chacha_block(key, (counter << 32) + i, block);
        size_t n = size < sizeof block ? size : sizeof block;
        memcpy(out, block, n);
        out += n;
        size -= n;
    }
    __builtin_memset(key, 0, sizeof key);
    __builtin_memset(block, 0, sizeof block);
    __asm__ volatile("" ::"r"(key), "r"(block) : "memory");
}

/* Words are drawn many at a time, and each is forgotten as it is given out. */
#define RANDOM_POOL 32u
static spinlock_t pool_lock;
static uint64_t pool[RANDOM_POOL];
static unsigned pool_left;

uint64_t random_u64(void)
{
    spin_lock(&pool_lock);
    if (!pool_left) {
        random_fill(pool, sizeof pool);
        pool_left = RANDOM_POOL;
    }
    uint64_t word = pool[--pool_left];
    pool[pool_left] = 0;
    spin_unlock(&pool_lock);
    return word;
}
