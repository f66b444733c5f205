/* guards.h - what the parts of the bench of guards share: rows of contenders, and a world of
 * resources with as many locks of other kinds beside them.
 *
 * Layer: bench, outside the product. A row is one thing to do, in as many ways as it has
 * contenders. They take turns (A B C, A B C, …) in one process, so that what else the machine
 * does falls on all of them; the figure of each is the median of its rounds.
 */
#ifndef GUARDS_H
#define GUARDS_H

#include "causality/causality.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct options {
    unsigned rounds, slice_ms;
    const char *dir; /* for stores on disk */
    bool quick;
};
extern struct options options;

/* ---- Rows -----------------------------------------------------------------------------------
 */

struct contender {
    const char *name;
    double (*measure)(void *arg); /* one round: its figure */
    void *arg;
    const char *row; /* NULL: the row that it is given to */
};
/* Prints a line of JSON for each contender. */
void row(const char *section, const char *name, const char *unit, const struct contender *c,
         size_t count);
/* The same of figures that are there already, one after the other. */
void row_of(const char *section, const char *name, const char *unit, const char *contender,
            double *figures, size_t count);

/* Ends the program with err's text unless rc is CZ_OK. */
void must(int rc, const cz_error *err);
_Noreturn void die(const char *why);
double now(void); /* seconds */

/* ---- A world of resources -------------------------------------------------------------------
 */

/* First come first served as guards are, by spinning: what that order costs at best. */
struct ticket_lock {
    _Atomic uint32_t next, serving;
};

struct world {
    cz_engine *engine;
    uint32_t count;
    cz_id *ids;
    struct cell *cells;           /* one a resource */
    struct czi_id_table *numbers; /* of the ids, for those who look their lock up */
    uint32_t *order;              /* random, ORDER numbers of resources */
};
#define ORDER (1u << 16)

/* A lock of each kind, in cache lines of their own. */
struct cell {
    struct {
        pthread_rwlock_t lock;
    } __attribute__((aligned(64))) rw;
    struct {
        pthread_mutex_t lock;
    } __attribute__((aligned(64))) mutex;
    struct {
        struct ticket_lock lock;
    } __attribute__((aligned(64))) ticket;
    struct {
        uint64_t value; /* what is guarded */
    } __attribute__((aligned(64))) data;
};

/* dir NULL: in memory. Data resources of eight bytes. */
void world_init(struct world *w, uint32_t count, const char *dir);
void world_done(struct world *w);

/* A place for a store below options.dir, and its end. */
void store_make(char *path, size_t size);
void store_remove(const char *path);

/* ---- Sections -------------------------------------------------------------------------------
 */

void bench_alone(void);
void bench_contended(void);
void bench_many(void);
void bench_commits(void);
void bench_waiting(void);
void bench_effects(void);

#endif
