/* stage.h - one test, run twice: as tasks on a schedule drawn from a seed, and as threads.
 *
 * Actors are functions over the public API. On the seeded stage they are tasks of an engine
 * without threads: each step either runs the task that the seed picks, or lets the engine work,
 * or lets time pass, so the same seed gives the same run. On the other stage each actor is a
 * thread with a context of its own, on an engine with threads.
 *
 * An actor must not use cmocka's assertions, which jump out of its stack: STAGE_CHECK says what
 * failed and where, with the seed.
 */
#ifndef STAGE_H
#define STAGE_H

#include "test.h"

#include "causality/causality.h"

/* Seeds and philosophers by default. */
#ifdef TEST_IS_SLOW
#define STAGE_SEEDS 500
#define STAGE_CROWD 2000
#else
#define STAGE_SEEDS 1000
#define STAGE_CROWD 10000
#endif

#define STAGE_RESOURCES_MAX 16
#define STAGE_ACTORS_MAX 64
#define STAGE_FLAGS 16

struct stage;
typedef int (*actor_fn)(struct stage *s, unsigned actor, cz_error *err);

struct stage {
    uint64_t seed;
    bool threads;
    cz_engine *engine;
    cz_scheduler *scheduler; /* of the seeded stage */
    unsigned resources, actors;
    cz_id ids[STAGE_RESOURCES_MAX];
    actor_fn fn[STAGE_ACTORS_MAX];
    uint64_t tasks[STAGE_ACTORS_MAX];
    cz_context *contexts[STAGE_ACTORS_MAX];
    int codes[STAGE_ACTORS_MAX]; /* what the actors returned */
    void *user;                  /* the test's */
    _Atomic unsigned flags[STAGE_FLAGS];
    _Atomic unsigned counter;
};

_Noreturn void stage_failed(const struct stage *s, const char *what, const char *file,
                            int line);
#define STAGE_CHECK(s, expr) ((expr) ? (void)0 : stage_failed(s, #expr, __FILE__, __LINE__))
/* A call that must succeed; err is a cz_error variable. */
#define STAGE_OK(s, call, err)                                                                 \
    do {                                                                                       \
        if (call)                                                                              \
            stage_failed(s, (err).detail, __FILE__, __LINE__);                                 \
    } while (0)

/* Resources 0 … are data with one byte, 'a', named "A", "B", …. */
void stage_begin(struct stage *s, uint64_t seed, bool threads, unsigned resources);
void stage_add(struct stage *s, actor_fn fn);
/* Until all actors have ended. On the seeded stage it fails when nobody can go on. */
void stage_run(struct stage *s);
/* Nobody holds or waits any more; closes the engine. */
void stage_end(struct stage *s);

/* For actors. */
void stage_yield(struct stage *s);
/* Until another actor has set the flag. */
void stage_set(struct stage *s, unsigned flag);
void stage_until(struct stage *s, unsigned flag);
/* Until so many wait for a resource. */
void stage_until_waiting(struct stage *s, unsigned resource, size_t count);
/* The next number: tells the order of what actors did. */
unsigned stage_number(struct stage *s);
cz_claim stage_claim(const struct stage *s, unsigned resource, enum cz_access mode);
int stage_acquire(struct stage *s, unsigned resource, enum cz_access mode, cz_guard *ret,
                  cz_error *err);
/* The byte that a guarded resource has; and another one, committed. */
char stage_look(struct stage *s, const cz_guard *g);
void stage_commit(struct stage *s, cz_guard *g, char byte);

/* An engine in memory without threads, and a scheduler on it. */
void driven_open(uint64_t seed, unsigned backlog, cz_engine **ret,
                 cz_scheduler **ret_scheduler);
/* Until all tasks have ended: each step is drawn from rng. False: somebody waits for ever. */
bool driven_run(cz_engine *g, cz_scheduler *s, struct czi_rng *rng);

/* Runs a test on the seeded stage with many seeds, and on threads some times. */
void on_both_stages(void (*test)(uint64_t seed, bool threads), unsigned long seeds,
                    unsigned long rounds);

#endif
