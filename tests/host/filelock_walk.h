/* Sets and clears record locks as CHOICES say, at most STEPS times; each answer must be that of a
 * model which knows what every owner holds on every byte. */
#ifndef TESTS_HOST_FILELOCK_WALK_H
#define TESTS_HOST_FILELOCK_WALK_H

#include "choices.h"

void filelock_walk(struct choices *choices, unsigned steps);

#endif
