/* peer.h - what the peers of scripts/bench share: the account, the work of one effect, and
 * the table of peers.
 *
 * Layer: bench, outside the product; C and C++. Each peer does the work of Causality's plan
 * mode in another way: read both accounts, check funds, move, count a version, note the
 * position. main.c makes the stream, times `run`, and holds the outcome against a plain loop.
 */
#ifndef PEER_H
#define PEER_H

#include "cli/bench_stream.h"

#include <pthread.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One cache line, as a register of Causality. Versions and positions have 32 bits, so that
 * the lock of those peers that need one lies in the same line: the best case for them. */
struct peer_account {
    __int128 quantity;
    uint32_t version;
    uint32_t last_position;
    pthread_mutex_t lock;
} __attribute__((aligned(64)));

struct peer_run {
    uint32_t account_count, threads, batch, record_size;
    uint32_t item_count; /* durable peers lower it to what they did within `seconds_max` */
    double seconds_max;
    const char *dir; /* of a durable peer: empty, removed afterwards */
    const struct cz_bench_item *items;
    struct peer_account *accounts;
    void *state;       /* the peer's own, from setup to finish */
    double *latencies; /* durable peers: seconds of each batch */
    uint32_t latency_count;
    uint64_t reads_true; /* outcome of the reads, so that they are not optimized away */
};

/* Effects [first, end) of the stream on one of `threads` threads; returns reads that held. */
typedef uint64_t peer_chunk(struct peer_run *run, uint32_t first, uint32_t end);

struct peer {
    const char *name;
    void (*setup)(struct peer_run *run);  /* untimed; may be NULL */
    void (*run)(struct peer_run *run);    /* timed */
    void (*finish)(struct peer_run *run); /* untimed: a durable peer loads what it stored */
};

/* One effect; the caller sees to it that nobody else is in these two accounts. */
static inline bool peer_apply(struct peer_account *from, struct peer_account *to,
                              const struct cz_bench_item *item, uint32_t position)
{
    if (item->read_only)
        return from->quantity >= item->amount && to->quantity >= item->amount;
    if (from->quantity >= item->amount) {
        from->quantity -= item->amount;
        to->quantity += item->amount;
        from->version++;
        to->version++;
        from->last_position = position;
        to->last_position = position;
    }
    return false;
}

/* Ends the process: `what` failed, and why. A bench has nothing to roll back. */
_Noreturn void peer_die(const char *what, const char *why);
double peer_now(void);
/* Runs the stream in chunks: thread t takes chunks t, t + threads, t + 2 threads, … */
void peer_parallel(struct peer_run *run, peer_chunk *chunk);

uint64_t peer_loop_chunk(struct peer_run *run, uint32_t first, uint32_t end);
void peer_loop(struct peer_run *run);
void peer_mutex1(struct peer_run *run);
void peer_mutexes(struct peer_run *run);
void peer_mutexes_alone(struct peer_run *run);
void peer_itm(struct peer_run *run);
void peer_omp(struct peer_run *run);
void peer_tbb(struct peer_run *run);

/* A durable peer applies effects [first, end) to the accounts in memory, then stores the two
 * balances and the record of each in one go, and returns when all is on disk. */
typedef void peer_commit(struct peer_run *run, uint32_t first, uint32_t end);
/* Batch after batch until the stream or the time is over. */
void peer_durable(struct peer_run *run, peer_commit *commit);
/* Writes the record of one effect, record_size bytes: its number, the item, then noise that
 * does not compress. */
void peer_record(const struct peer_run *run, uint32_t index, uint8_t *ret_record);
#define PEER_RECORD_SIZE_MIN 20
#define PEER_RECORD_SIZE_MAX 65536
/* What a durable peer keeps of an account. */
struct peer_balance {
    __int128 quantity;
    uint32_t version, last_position;
};
static inline struct peer_balance peer_balance_of(const struct peer_account *a)
{
    struct peer_balance b = {a->quantity, a->version, a->last_position};

    return b;
}
static inline void peer_balance_load(struct peer_account *a, const void *stored)
{
    struct peer_balance b;

    memcpy(&b, stored, sizeof b);
    a->quantity = b.quantity;
    a->version = b.version;
    a->last_position = b.last_position;
}
#define PEER_PATH_SIZE 4096
void peer_path(const struct peer_run *run, const char *name, char ret_path[PEER_PATH_SIZE]);

#define PEER_DECLARE_DURABLE(name)                                                             \
    void peer_##name##_setup(struct peer_run *run);                                            \
    void peer_##name(struct peer_run *run);                                                    \
    void peer_##name##_finish(struct peer_run *run);

PEER_DECLARE_DURABLE(append)
PEER_DECLARE_DURABLE(sqlite)
PEER_DECLARE_DURABLE(rocksdb)
PEER_DECLARE_DURABLE(lmdb)

#ifdef __cplusplus
}
#endif

#endif
