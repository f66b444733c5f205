/* general.h - the general way of an effect: any operations on copies of the resources that it
 * declares, committed when every operation and the conservation check succeeded.
 *
 * Layer: engine. Thread: the engine's. Private to execution: execute.c has the short way and
 * the batch, general.c loading and committing, operations.c what each operation does,
 * authority.c who may do it (authority.h), gateway.c what comes in and goes out, guest.c what
 * comes of a guest's run (guests.h).
 *
 * What happens is a function of the effect, its id, the state of what it declares, the time map
 * and the facts that it cites; beside those only what never changes is read of other resources:
 * whether one exists and of which kind, who controls it, and what a capability was delegated
 * of.
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

/* Whom or what the reason concerns, for people. */
struct czi_blame {
    const uint8_t *id; /* of an account, capability, or other resource; NULL: nothing */
    unsigned needed, signed_by; /* of an account's owners, when needed is not 0 */
    unsigned op;                /* the operation's place, from 1; 0: none */
};

struct general {
    struct czi_core *core;
    const struct czi_pending *pending;
    const struct czi_batch *batch; /* it is in; NULL: asking */
    struct work works[CZI_ACCESSES_MAX];
    struct czi_op ops[CZI_OPERATIONS_MAX];
    struct czi_op creations[CZI_ACCESSES_MAX]; /* by the effect's guest */
    unsigned creation_count;
    /* Declared changes of supply, per operation that has one. */
    struct {
        uint32_t asset;
        cz_quantity change;
    } supply[2 * CZI_OPERATIONS_MAX];
    unsigned supply_count, count;
    uint64_t touched; /* bit i: an operation changes the i-th access, or may */
    /* Numbers of the accesses that are capabilities which were presented, in order. */
    uint8_t presented[CZI_ACCESSES_MAX];
    unsigned presented_count;
    uint32_t withdrawals; /* so far */
    uint64_t facts_used;  /* bit i: by a deposit or confirm */
    /* The code that the operation at hand comes from; NULL: it is the effect's own. */
    const uint8_t *actor;
    struct czi_pending *open; /* it, when it is an open effect: its scope is set here */
    struct czi_ahead *ahead;  /* of its guest; NULL: it did not run ahead */
    const struct czi_run_result *result; /* of its guest; NULL: it was not started */
    const struct czi_run_result *ran;    /* the same, once it exited with 0; */
    const uint8_t *ran_code;             /* that guest's code */
    struct czi_blame blame;
    struct czi_citing citing;
    struct czi_item item; /* the one at hand */
    /* New bytes that operations make, and where the next are made. */
    struct czi_buf derived[CZI_ACCESSES_MAX], spare;
    bool asking;    /* nothing will be committed, and no name is added */
    bool no_memory; /* not full: nothing may depend on it, so the engine must stop */
};

/* CZ_APPLIED or the reason why not, as a transfer has it. */
uint8_t czi_transfer_reason(const struct czi_resource *from, const struct czi_resource *to,
                            cz_quantity q);
/* How many accesses an operation names, and whether it changes them. */
unsigned czi_operation_names(unsigned code, bool *ret_changes);
/* Carries one operation out, on the copies. */
CZI_MUST_USE uint8_t czi_operation(struct general *g, const struct czi_op *op);
/* Executes an entry that has its position; false: out of memory. */
CZI_MUST_USE bool czi_general(struct czi_core *core, struct czi_batch *b, struct czi_entry *e,
                              struct general *g);
/* Whether an effect would apply now: CZ_APPLIED, or the reason, with g->blame. What it follows
 * and its clock are not asked for. */
CZI_MUST_USE uint8_t czi_general_ask(struct czi_core *core, struct czi_pending *p,
                                     struct general *g);

/* ---- Works ------------------------------------------------------------------------------- */

static inline unsigned czi_work_place(const struct general *g, const struct work *w)
{
    return (unsigned)(w - g->works);
}
static inline const uint8_t *czi_work_id(const struct general *g, const struct work *w)
{
    return czi_effect_access_id(g->pending->bytes, &g->pending->view, czi_work_place(g, w));
}
static inline bool czi_work_written(const struct general *g, const struct work *w)
{
    return czi_work_place(g, w) < g->pending->view.write_count;
}
static inline void czi_work_touch(struct general *g, const struct work *w)
{
    g->touched |= UINT64_C(1) << czi_work_place(g, w);
}
/* Of what exists. */
static inline const uint8_t *czi_work_controller(const struct general *g, const struct work *w)
{
    return w->created ? w->creation->controller
                      : czi_resource_name(&g->core->resources, w->slot)->controller.bytes;
}
/* The bytes of what exists and holds data. */
static inline struct czi_slice czi_work_data(const struct general *g, const struct work *w)
{
    const struct czi_resource_name *n;

    if (w->has_data)
        return w->data;
    n = czi_resource_name(&g->core->resources, w->slot);
    return (struct czi_slice){n->data, n->data_len};
}
/* data NULL of what has none. */
static inline struct czi_slice czi_work_asset(const struct general *g, const struct work *w)
{
    const char *name;

    if (czi_kind_has_data(w->now.kind))
        return (struct czi_slice){NULL, 0};
    if (w->created)
        return w->creation->asset;
    name = g->core->assets[w->now.asset].name;
    return (struct czi_slice){(const uint8_t *)name, strlen(name)};
}
/* The declared access of an id, or NULL. */
struct work *czi_work_find(struct general *g, const uint8_t *id);
/* What was put into g->spare are the work's bytes now. */
void czi_work_derive(struct general *g, struct work *w);
/* Declares a change of an asset's supply; a reason. */
CZI_MUST_USE uint8_t czi_change_supply(struct general *g, uint32_t asset, cz_quantity change);

/* ---- Guests (guest.c) -------------------------------------------------------------------- */

/* The operation run or call. */
CZI_MUST_USE uint8_t czi_guest_operation(struct general *g, const struct czi_op *op);
/* Whether a code ran, and all that it did is done. */
bool czi_guest_has_run(const struct general *g, const uint8_t *code);
/* What an open effect would touch now. False: out of memory, or the core has failed. */
CZI_MUST_USE bool czi_guest_touched(struct czi_core *core, struct czi_pending *p,
                                    struct czi_touched *ret);
/* An open effect that is rejected only looked at what it touched. */
void czi_guest_rejected(struct general *g);
/* A creation of a code: it is one, and named by its hash. */
CZI_MUST_USE uint8_t czi_code_fault(struct general *g, const struct czi_op *op);
void czi_load_works(struct general *g);
/* Asks for what an effect's accesses will need, in three steps that need the one before. */
void czi_general_prefetch(const struct czi_core *core, const struct czi_pending *p,
                          unsigned step);
/* The accesses are others now: loads the copies, and what follows from them. */
CZI_MUST_USE uint8_t czi_scope_changed(struct general *g);

/* ---- The gateway (gateway.c) ------------------------------------------------------------- */

/* The domain of an external asset: what stands before its first colon. False: it has none. */
CZI_MUST_USE bool czi_asset_domain(struct czi_slice asset, struct czi_slice *ret);
/* Its domain is known. */
bool czi_is_external(const struct czi_book *book, struct czi_slice asset);
CZI_MUST_USE uint8_t czi_deposit(struct general *g, struct work *to, const struct czi_op *op);
CZI_MUST_USE uint8_t czi_withdraw(struct general *g, const struct czi_op *op);
CZI_MUST_USE uint8_t czi_confirm(struct general *g, const struct czi_op *op);
CZI_MUST_USE uint8_t czi_release(struct general *g, const struct czi_op *op);
/* After the operations: no deposit or withdrawal is used up for the gateway's purposes without
 * passing it, or nobody could ever be credited with it. */
CZI_MUST_USE uint8_t czi_gateway_unused(const struct general *g);

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
