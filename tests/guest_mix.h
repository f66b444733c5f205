/* guest_mix.h - input of the guest tests/guests/mix.c. */
#ifndef GUEST_MIX_H
#define GUEST_MIX_H

#include "causality/guest.h"

enum {
    MIX_OPEN = 1,   /* opens its resources itself */
    MIX_FOLLOW = 2, /* and looks at one that the bytes of each name */
    MIX_TRAP = 4,   /* for one in three states */
    MIX_FAIL = 8,   /* for one in four */
    MIX_SPIN = 16,  /* uses up its gas for one in five */
    MIX_OWN = 32,   /* counts in a resource of its own */
    MIX_LOG = 64,
    MIX_LOOK = 128, /* reads only */
};
struct mix {
    uint64_t flags, data_count, fungible_count, amount, loops, label;
    uint8_t ids[16][32]; /* data, then fungibles */
};
static inline size_t mix_size(const struct mix *m)
{
    return offsetof(struct mix, ids) + 32 * (size_t)(m->data_count + m->fungible_count);
}

#endif
