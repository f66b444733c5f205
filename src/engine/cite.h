/* cite.h - what an effect cites and follows: facts, predecessors, and its program's clock.
 *
 * Layer: engine. Thread: the engine's. Execution and audit both come here.
 */
#ifndef CZI_CITE_H
#define CZI_CITE_H

#include "engine/core.h"

/* Of the effect at hand. */
struct czi_citing {
    struct czi_dependency facts[CZI_CITATIONS_MAX]; /* in the order of the effect */
    unsigned fact_count;
    uint64_t holds; /* bit i: the i-th fact holds */
    const struct czi_predecessor *before;
    uint64_t lamport; /* the effect's own */
    struct czi_extra extra;
};

/* Checks facts and predecessors as they are now (R5, R6); *lamport rises to the latest of what
 * is followed: predecessors, also those that did not apply, and the task's effect before; so it
 * rises along every link (R4). CZ_APPLIED or the first reason. c is filled either way. */
CZI_MUST_USE uint8_t czi_cite(const struct czi_core *core, const struct czi_pending *p,
                              struct czi_citing *c, uint64_t *lamport);

/* The reasons that it gives. */
static inline bool czi_cite_is_reason(uint8_t reason)
{
    return reason == CZ_UNKNOWN_FACT || reason == CZ_UNKNOWN_PREDECESSOR ||
           (reason >= CZ_UNKNOWN_DOMAIN && reason <= CZ_FACT_CONFLICT);
}

/* The facts alone, of any effect: those that c lists. */
CZI_MUST_USE uint8_t czi_cite_facts(const struct czi_book *book, struct czi_citing *c);
void czi_cite_list(const uint8_t *bytes, size_t len, const struct czi_effect_view *v,
                   struct czi_citing *c);

/* Of a program's effect, for c->extra: its program's log and the entry before, and its vector
 * clock: what its task knew, what it follows and what the resources at `slots` (CZI_ID_NONE:
 * there is none) were last written with, plus one. *ret_reason is CZ_FULL when it does not fit;
 * then there is no clock. False: out of memory. */
CZI_MUST_USE bool czi_cite_clock(struct czi_core *core, const struct czi_pending *p,
                                 struct czi_citing *c, const uint32_t *slots, unsigned count,
                                 uint8_t *ret_reason);
/* Once the effect has its outcome at a position: it is in its program's log, and its task has
 * this clock now. */
void czi_cite_task(struct czi_core *core, const struct czi_pending *p, struct czi_citing *c,
                   uint64_t position);
/* Once it applied: what it uses up, and the clocks of what it wrote. False: out of memory. */
CZI_MUST_USE bool czi_cite_applied(struct czi_core *core, struct czi_citing *c,
                                   const uint32_t *slots, unsigned write_count);
/* Last: puts what few effects have into the batch, which has the clock and the guest's run
 * (c->extra.run) then; the scope is what p's view was set to. False: out of memory. */
CZI_MUST_USE bool czi_cite_keep(struct czi_batch *b, struct czi_entry *e,
                                const struct czi_pending *p, struct czi_citing *c);

/* Clocks that are shared. NULL: no-op. */
static inline struct czi_shared_clock *czi_clock_ref(struct czi_shared_clock *c)
{
    if (c)
        __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}
void czi_clock_drop(struct czi_shared_clock *c);
/* A copy that is its owner's; NULL when out of memory. */
struct czi_shared_clock *czi_clock_copy(const struct czi_shared_clock *c);
/* Either may be NULL. */
bool czi_clock_same(const struct czi_shared_clock *a, const struct czi_shared_clock *b);
/* What a record of the journal says of a predecessor. CZ_NOMEM. */
CZI_MUST_USE int czi_predecessor_of(const struct czi_outcome *o, struct czi_predecessor *ret,
                                    cz_error *err);
/* Drops the clocks of predecessors. */
void czi_predecessors_done(struct czi_predecessor *known, unsigned count);
void czi_extras_done(struct czi_buf *extras);
/* Frees what one owns; again: no-op. */
void czi_extra_done(struct czi_extra *x);

#endif
