/* general.h - the general way of an effect: any operations on copies of the resources that it
 * declares, committed when every operation and the conservation check succeeded.
 *
 * Layer: engine. Thread: the engine's. Private to execution: execute.c has the short way and
 * the batch, general.c loading and committing, operations.c what each operation does.
 */
#ifndef CZI_GENERAL_H
#define CZI_GENERAL_H

#include "engine/cite.h"

/* A resource as the effect at hand sees it. */
struct work {
    struct czi_resource now;
    uint32_t slot;
    bool exists, created, has_data;
    struct czi_slice data;         /* new bytes, when has_data */
    const struct czi_op *creation; /* of the effect at hand, when created */
};

struct general {
    struct czi_core *core;
    const struct czi_pending *pending;
    struct work works[CZI_ACCESSES_MAX];
    struct czi_op ops[CZI_OPERATIONS_MAX];
    /* Declared changes of supply, per operation that has one. */
    struct {
        uint32_t asset;
        cz_quantity change;
    } supply[CZI_OPERATIONS_MAX];
    unsigned supply_count, count;
    struct czi_citing citing;
    struct czi_item item; /* the one at hand */
    bool no_memory;       /* not full: nothing may depend on it, so the engine must stop */
};

/* CZ_APPLIED or the reason why not, as a transfer has it. */
uint8_t czi_transfer_reason(const struct czi_resource *from, const struct czi_resource *to,
                            cz_quantity q);
/* Carries one operation out, on the copies. */
CZI_MUST_USE uint8_t czi_operation(struct general *g, const struct czi_op *op);
/* Executes an entry that has its position; false: out of memory. */
CZI_MUST_USE bool czi_general(struct czi_core *core, struct czi_batch *b, struct czi_entry *e,
                              struct general *g);

/* ---- Posts ------------------------------------------------------------------------------- */

static inline void czi_post_write(struct czi_post *post, uint32_t slot,
                                  const struct czi_resource *x, uint64_t previous)
{
    post->quantity = x->quantity;
    post->version = x->version;
    post->previous = previous;
    post->slot = slot;
    post->kind = x->kind;
    post->state = x->state;
    post->written = true;
}

static inline void czi_post_seen(struct czi_post *post, uint32_t slot,
                                 const struct czi_resource *x)
{
    *post = (struct czi_post){.slot = slot};
    if (x) {
        post->version = x->version;
        post->previous = x->position;
    }
}

static inline void czi_touch(struct czi_core *core, struct czi_resource *x, uint32_t slot,
                             uint64_t position, uint64_t lamport)
{
    x->version++;
    x->position = position;
    x->lamport = lamport;
    if (CZI_UNLIKELY(x->watched != NULL))
        core->met_watched = true;
    czi_resource_mark(&core->resources, x, slot);
}

#endif
