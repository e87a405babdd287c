/*
 * The frame around every fuzz target. A target defines fuzz_one, which runs one input; the frame
 * starts it from a fresh porting layer and checks afterwards what the host tests check: as many
 * objects, blocks and pages as before, no timer. Whatever cmocka's asserts say is a crash.
 *
 * An input is read through struct choices (tests/host/choices.h), or as it is. Any input is a valid
 * one: what it lacks counts as zeros.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "choices.h"
#include "harness.h"

void fuzz_one(const uint8_t *bytes, size_t size);

/* A copy of exactly SIZE bytes in a block of its own, so that the sanitizer sees reads beyond it;
 * free() it. */
void *fuzz_copy(const void *bytes, size_t size);

/* The next LENGTH bytes of the input, or as many as there are (*LENGTH says), without a copy. */
const uint8_t *fuzz_take(struct choices *choices, size_t *length);

#endif
