/* Adds, changes, events and collections as CHOICES say, at most STEPS of them; each answer must be
 * that of a model of the rules. */
#ifndef TESTS_HOST_EPOLL_WALK_H
#define TESTS_HOST_EPOLL_WALK_H

#include "choices.h"

void epoll_walk(struct choices *choices, uint32_t steps);

#endif
