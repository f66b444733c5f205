/* history.h - what transactions read and wrote, and whether they could have done so one by one.
 *
 * A recorder and an independent checker for tests; it shares no line with the product. A
 * transaction is whatever should be atomic: a guard session from its first acquire to its last
 * release, or an effect from submit to result.
 *
 * The checker builds the direct serialization graph (Adya, Liskov, O'Neil: Generalized
 * Isolation Level Definitions, ICDE 2000) from the versions:
 *   ww  wrote v -> wrote v + 1
 *   wr  wrote v -> read v
 *   rw  read v  -> wrote v + 1
 * A history is serializable if every read shows what a committed transaction wrote last, and
 * the graph has no cycle. It is strictly so if there is none either with an edge from each
 * transaction that ended to each that started later. Versions are known, so this is exact.
 *
 * What an aborted or unfinished transaction *read* is held to the same (opacity: Guerraoui,
 * Kapalka: On the Correctness of Transactional Memory, PPoPP 2008), since whoever holds guards
 * never sees half of another's work. What it wrote only it may see.
 *
 * Thread: a history belongs to one thread. Each thread or task records its own; they are
 * merged when all have ended. Out of memory and misuse stop the program.
 *
 * Cost: O(n log n) time and O(n) memory in transactions and accesses; no recursion.
 */
#ifndef CZI_HISTORY_H
#define CZI_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum history_fault {
    HISTORY_FINE,
    HISTORY_MALFORMED,    /* the record: ends before it starts, two initial versions */
    HISTORY_DUPLICATE,    /* one version committed twice: a lost update */
    HISTORY_GAP,          /* a later version was committed, this one never */
    HISTORY_UNWRITTEN,    /* read of a version that nobody wrote, or the reader only later */
    HISTORY_ABORTED,      /* G1a: read of what was never committed */
    HISTORY_INTERMEDIATE, /* G1b: read of what its writer then overwrote */
    HISTORY_VALUE,        /* a version read with another value than was written */
    HISTORY_OWN,          /* a transaction does not see what it wrote itself */
    HISTORY_G0,           /* cycle of ww */
    HISTORY_G1C,          /* cycle of ww and wr: information flows in a circle */
    HISTORY_G_SINGLE,     /* cycle with one rw: read skew, lost update */
    HISTORY_G2,           /* cycle with more: write skew, long fork */
    HISTORY_NOT_STRICT,   /* serializable, but not in the order of time */
};
#define HISTORY_FAULTS 14

enum history_outcome { HISTORY_UNFINISHED, HISTORY_WAS_COMMITTED, HISTORY_WAS_ABORTED };

struct history_access {
    struct history_access *next; /* in the order of the transaction */
    uint64_t resource, version, value;
    bool write;
};

struct history_tx {
    struct history_tx *next;
    struct history *history;
    struct history_access *first, *last;
    uint64_t id;         /* only told, never compared */
    uint64_t start, end; /* end: UINT64_MAX while unfinished */
    enum history_outcome outcome;
};

struct history_chunk;

struct history {
    struct history_tx *first, *last;
    struct history_access *initial; /* what stood there before */
    size_t tx_count, access_count;  /* access_count with the initial ones */
    struct history_chunk *chunks;   /* the one in use first */
    enum history_fault fault;       /* of the newest check */
};

void history_init(struct history *h);
/* Of all zero: no-op. */
void history_done(struct history *h);
/* Moves all of `from`, which is empty afterwards; none of its transactions goes on. O(1) but
 * for its chunks of memory. */
void history_merge(struct history *h, struct history *from);

/* The next number of a clock for `now`. Relaxed, so that it hides no race from a thread
 * sanitizer; that is enough, since whatever orders two transactions in the product orders
 * their numbers too. Numbers may also be the steps of a schedule; equal ones are concurrent. */
static inline uint64_t history_now(_Atomic uint64_t *clock)
{
    return atomic_fetch_add_explicit(clock, 1, memory_order_relaxed) + 1;
}

/* What a resource has before the history; otherwise version 0, value 0. */
void history_initial(struct history *h, uint64_t resource, uint64_t version, uint64_t value);

/* `now` before anything of it can have happened. */
struct history_tx *history_begin(struct history *h, uint64_t id, uint64_t now);
void history_read(struct history_tx *tx, uint64_t resource, uint64_t version, uint64_t value);
/* version: which this write produces, one more than the one before. */
void history_write(struct history_tx *tx, uint64_t resource, uint64_t version, uint64_t value);
/* `now` when all of it has happened. No access follows. */
void history_commit(struct history_tx *tx, uint64_t now);
void history_abort(struct history_tx *tx, uint64_t now);

#define HISTORY_WHY_SIZE 2048
/* Whether the history is strictly serializable. If not, h->fault says how, and why[size] the
 * transactions, resources and versions: one of the shortest cycles found. A fault of the reads
 * and writes comes before a cycle, and a cycle that needs no order of time before one that
 * does, so HISTORY_NOT_STRICT implies that it is serializable. */
bool history_check(struct history *h, char *why, size_t size);
const char *history_fault_name(enum history_fault fault);

/* The order of a resource's committed writes: ids of up to `room` writers, first version first.
 * Returns how many there are. */
size_t history_writers(const struct history *h, uint64_t resource, uint64_t *ids, size_t room);

/* Zeroed memory for free(); never NULL. */
void *history_allocate(size_t count, size_t size);

#endif
