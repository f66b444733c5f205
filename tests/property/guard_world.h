/* guard_world.h - actors that use guards and effects at random, as tasks or as threads.
 *
 * The same actor runs on a seeded schedule (tasks on an engine without threads) and on real
 * threads. Everything that it reads and writes goes into a history, which the checker of
 * history.h must find strictly serializable.
 */
#ifndef GUARD_WORLD_H
#define GUARD_WORLD_H

#include "test.h"

#include "history.h"

#include "causality/causality.h"

#define WORLD_RESOURCES_MAX 8
#define WORLD_ACTORS_MAX 16

struct actor {
    struct world *world;
    unsigned id;
    struct czi_rng rng;
    struct history history;
    uint64_t values;   /* made so far: each value is written once */
    cz_effect *effect; /* scratch */
    unsigned rounds;
    unsigned committed, aborted, deadlocks, timeouts, cancelled, performed;
    /* An effect whose submitter was cancelled while it waited: it may be applied later. */
    struct history_tx *open_tx;
    cz_id open_effect;
    uint64_t open_value;
};

struct world {
    cz_engine *engine;
    unsigned resources, actors;
    cz_id ids[WORLD_RESOURCES_MAX];
    _Atomic uint64_t clock;
    uint64_t timeout_ms; /* of waits that have one */
    void (*yield)(void);
    void *user; /* the test's */
    struct actor actor[WORLD_ACTORS_MAX];
};

/* Resources of kind data with 8 bytes each, and actors with `rounds` transactions to do. The
 * engine is the caller's. */
void world_init(struct world *w, cz_engine *engine, uint64_t seed, unsigned resources,
                unsigned actors, unsigned rounds, void (*yield)(void));
/* All of an actor's transactions. Returns a cz code when it was cancelled. */
int actor_run(struct actor *a, cz_error *err);
/* After all actors have ended: merges their histories and checks them, the versions in the
 * engine, and that nobody holds or waits any more. False: why says what is wrong. */
bool world_check(struct world *w, char *why, size_t size);
void world_done(struct world *w);

#endif
