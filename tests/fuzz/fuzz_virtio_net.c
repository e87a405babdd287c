/* A virtio network card whose device does what the input says: honest things, absurd frames, lies.
 */
#include "drivers/virtio/net.h"
#include "fuzz.h"
#include "net_walk.h"

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    bool honest = choices_next(&choices, 4) == 0;

    net_features(0, false); /* brings the driver and its row into the program */
    net_walk(&choices, 2048, honest);
}
