/* getrandom(2). */
#ifndef ABI_RANDOM_H
#define ABI_RANDOM_H

#define ABI_GRND_NONBLOCK 1
#define ABI_GRND_RANDOM   2
#define ABI_GRND_INSECURE 4

#endif
