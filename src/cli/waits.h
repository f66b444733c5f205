/* waits.h - a wait graph in memory, and the cycles that are in it now.
 *
 * Layer: cli. Thread: main. Filled by a visitor, then solved once. All indices go into the
 * arrays beside them. Cost: linear in the graph but for one sort of its parties.
 *
 * A waiter waits for each holder, and each waiter before it, unless both only read. Arcs say
 * it with fewer lines: a waiter's arc to the writer before it stands for all that this one
 * waits for, so that who can be reached, and so the cycles, are the same.
 */
#ifndef CZI_WAITS_H
#define CZI_WAITS_H

#include "base/bytes.h"
#include "causality/causality.h"

/* One party at one resource. */
struct czi_wait_line {
    cz_party party;
    uint64_t place; /* 0: it holds */
    uint32_t resource;
    uint32_t node; /* the party among all parties */
    uint8_t mode;  /* enum cz_access */
    bool on_cycle;
};

struct czi_wait_resource {
    cz_id id;
    uint32_t first, count; /* lines */
    char label[CZ_LABEL_SIZE_MAX + 1];
};

/* Who waits in one line waits for who is in the other. */
struct czi_wait_arc {
    uint32_t from, to; /* lines */
};

/* A cycle that is there now: arcs[i].to and arcs[i + 1].from are one party. */
struct czi_wait_cycle {
    uint32_t first, count; /* arcs, in `path` */
    uint32_t parties;      /* that wait for each other, on this cycle or others */
};

/* A cycle that was refused. */
struct czi_wait_refusal {
    uint64_t number;
    uint32_t first, count; /* steps */
};

/* All zero is an empty one. */
struct czi_waits {
    struct czi_buf line_bytes, resource_bytes, step_bytes, refusal_bytes, path_bytes,
        cycle_bytes;
    /* After czi_waits_solve: */
    struct czi_wait_line *lines;
    struct czi_wait_resource *resources;
    const cz_party **parties; /* of each node; ascending by kind and id */
    cz_cycle_step *steps;
    struct czi_wait_refusal *refusals; /* newest first */
    struct czi_wait_arc *path;
    struct czi_wait_cycle *cycles; /* one for each group that waits for each other */
    uint32_t line_count, resource_count, party_count, refusal_count, cycle_count;
};

cz_wait_graph_visitor czi_waits_visitor(struct czi_waits *w);
CZI_MUST_USE int czi_waits_solve(struct czi_waits *w, cz_error *err);
void czi_waits_done(struct czi_waits *w);

#endif
