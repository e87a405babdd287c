/*
 * The machine at the other end of a fake card's wire, 10.0.2.2 with 02:00:00:00:00:02: what it is
 * sent it turns round into an answer, a refusal or a complaint, now and then damaged, as the input
 * decides.
 */
#ifndef TESTS_FUZZ_NEIGHBOUR_H
#define TESTS_FUZZ_NEIGHBOUR_H

#include "choices.h"
#include "fake_card.h"

/* Tells 10.0.2.15 its hardware address. */
void neighbour_known(struct fake_card *card);
/* Answers a few of the frames that CARD has sent, and loses the rest. */
void neighbour_answers(struct fake_card *card, struct choices *choices);

#endif
