/* test_history.c - the checker of histories is itself checked: it refuses each anomaly of the
 * books, agrees with a brute-force search for a serial order on small random histories, accepts
 * what random transactions in a serial order recorded, and refuses that with one access
 * changed.
 *
 * CAUSALITY_SEEDS: how many random histories.
 */
#include "test.h"

#include "history.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

/* ---- Histories in the notation of the books --------------------------------------------- */

/* What is written as a version, unless the text says otherwise. */
static uint64_t usual_value(uint64_t version)
{
    return version * 10;
}

/* Items of a text, each at the next tick of time; T1 begins with its first item.
 *   b1          T1 begins
 *   r1x0 w1x2=7 T1 reads version 0 of x, writes version 2 of it with value 7 (otherwise 20)
 *   c1 a1       T1 commits, aborts */
static void parse(struct history *h, const char *text)
{
    struct history_tx *txs[10] = {NULL};
    uint64_t now = 0;

    for (const char *at = text; *at; at += strspn(at, " ")) {
        char what = *at++;
        unsigned id = (unsigned)(*at++ - '0');
        uint64_t resource, version, value;
        char *end;

        assert_true(id < 10);
        now++;
        if (!txs[id])
            txs[id] = history_begin(h, id, now);
        if (what == 'c')
            history_commit(txs[id], now);
        if (what == 'a')
            history_abort(txs[id], now);
        if (what != 'r' && what != 'w')
            continue;
        resource = (uint64_t)*at++;
        version = strtoul(at, &end, 10);
        value = *end == '=' ? strtoul(end + 1, &end, 10) : usual_value(version);
        at = end;
        (what == 'r' ? history_read : history_write)(txs[id], resource, version, value);
    }
}

/* Each of `names`, a list with spaces, is in the explanation of a fault. */
static void assert_fault(const char *text, enum history_fault fault, const char *names)
{
    struct history h;
    char why[HISTORY_WHY_SIZE], name[16];
    bool fine;

    history_init(&h);
    parse(&h, text);
    fine = history_check(&h, why, sizeof(why));
    if (h.fault != fault)
        fail_msg("%s: %s instead of %s: %s", text, history_fault_name(h.fault),
                 history_fault_name(fault), why);
    assert_int_equal(fine, fault == HISTORY_FINE);
    for (; *names; names += strspn(names, " ")) {
        size_t len = strcspn(names, " ");

        (void)snprintf(name, sizeof(name), "%.*s", (int)len, names);
        if (!strstr(why, name))
            fail_msg("%s: no %s in: %s", text, name, why);
        names += len;
    }
    history_done(&h);
}

/* ---- Planted anomalies ------------------------------------------------------------------ */

static void a_lost_update_is_refused(void **state)
{
    (void)state;
    assert_fault("r1x0 r2x0 w1x1 c1 w2x1=11 c2", HISTORY_DUPLICATE, "T1 T2 v1");
    assert_fault("r1x0 r2x0 w1x1 c1 w2x2 c2", HISTORY_G_SINGLE, "T1 T2 v0 v1 v2");
}

static void an_aborted_read_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 r2x1 a1 c2", HISTORY_ABORTED, "T1 T2 v1 (aborted)");
    /* Another one committed a version of that number afterwards. */
    assert_fault("w1x1=5 r2x1=5 a1 w3x1=6 c3 c2", HISTORY_ABORTED, "T1 T2 v1 (aborted)");
}

static void a_read_of_an_unfinished_write_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 r2x1 c2", HISTORY_ABORTED, "T1 T2 v1 (unfinished)");
}

static void an_intermediate_read_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 r2x1 w1x2 c1 c2", HISTORY_INTERMEDIATE, "T1 T2 v1");
}

static void a_non_repeatable_read_is_refused(void **state)
{
    (void)state;
    assert_fault("r1x0 w2x1 c2 r1x1 c1", HISTORY_G_SINGLE, "T1 T2 v0 v1");
}

static void write_skew_is_refused(void **state)
{
    (void)state;
    assert_fault("r1x0 r1y0 r2x0 r2y0 w1x1 w2y1 c1 c2", HISTORY_G2, "T1 T2 v0 v1");
}

static void a_long_fork_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 w2y1 c1 c2 r3x1 r3y0 r4x0 r4y1 c3 c4", HISTORY_G2, "T1 T2 T3 T4");
}

static void read_skew_is_refused(void **state)
{
    (void)state;
    assert_fault("r1x0 w2x1 w2y1 c2 r1y1 c1", HISTORY_G_SINGLE, "T1 T2 v0 v1");
}

static void a_fractured_read_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 w1y1 c1 w2x2 w2y2 r3x2 r3y1 c2 c3", HISTORY_G_SINGLE, "T2 T3 v1 v2");
}

static void circular_information_flow_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 w2y1 r1y1 r2x1 c1 c2", HISTORY_G1C, "T1 T2 v1");
}

static void writes_in_a_cycle_are_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 w2x2 w2y1 w1y2 c1 c2", HISTORY_G0, "T1 T2 v1 v2");
    assert_fault("w1x1 w2x2 w1x3 c1 c2", HISTORY_G0, "T1 T2");
}

static void a_read_only_anomaly_is_refused(void **state)
{
    (void)state;
    /* Fekete, O'Neil, O'Neil, SIGMOD Record 2004: T1 and T2 alone are serializable. */
    assert_fault("r2x0 r2y0 r1y0 w1y1 c1 r3x0 r3y1 c3 w2x1 c2", HISTORY_G2, "T1 T2 T3");
    assert_fault("r2x0 r2y0 r1y0 w1y1 c1 w2x1 c2", HISTORY_FINE, "");
}

static void a_stale_read_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 c1 r2x0 c2", HISTORY_NOT_STRICT, "T1 T2 v0 v1");
    assert_fault("b2 w1x1 c1 r2x0 c2", HISTORY_FINE, "");
}

static void a_stale_read_long_after_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 c1 r3y0 c3 r4y0 c4 r5y0 c5 r2x0 c2", HISTORY_NOT_STRICT, "T1 T2");
}

/* T3 sees what T2 did but not what T1 did, which was over before T2 began. */
static void an_order_of_time_through_others_is_refused(void **state)
{
    (void)state;
    assert_fault("b3 w1x1 c1 w2y1 c2 r3x0 r3y1 c3", HISTORY_NOT_STRICT, "T1 T2 T3");
    assert_fault("b3 w1x1 b2 c1 w2y1 c2 r3x0 r3y1 c3", HISTORY_FINE, "");
}

static void writes_against_the_order_of_time_are_refused(void **state)
{
    (void)state;
    assert_fault("w1x2 c1 w2x1 c2", HISTORY_NOT_STRICT, "T1 T2");
}

static void a_missing_version_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 c1 w2x3 c2", HISTORY_GAP, "T2 v2 v3");
    assert_fault("w1x2 c1", HISTORY_GAP, "T1 v1 v2");
    assert_fault("w1x1 a1 w2x2 c2", HISTORY_GAP, "T2 v1 v2");
}

static void a_version_written_twice_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 c1 w2x1 c2", HISTORY_DUPLICATE, "T1 T2 v1");
    assert_fault("w1x0 c1", HISTORY_DUPLICATE, "T1 v0");
}

static void a_wrong_value_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1=5 c1 r2x1=6 c2", HISTORY_VALUE, "T1 T2 v1 5 6");
    assert_fault("r1x0=6 c1", HISTORY_VALUE, "T1 v0 6");
}

static void a_version_that_nobody_wrote_is_refused(void **state)
{
    (void)state;
    assert_fault("w1x1 c1 r2x2 c2", HISTORY_UNWRITTEN, "T2 v2");
    assert_fault("r1x1 w1x1 c1", HISTORY_UNWRITTEN, "T1 v1");
}

static void an_own_write_must_be_seen(void **state)
{
    (void)state;
    assert_fault("w1x1 r1x0 c1", HISTORY_OWN, "T1 v0 v1");
    assert_fault("w1x1 r1x1=7 c1", HISTORY_OWN, "T1 v1 7");
    assert_fault("w1x1 w1x2 r1x1 c1", HISTORY_OWN, "T1 v2 v1");
    assert_fault("w1x2 w1x1 c1", HISTORY_OWN, "T1 v2 v1");
    assert_fault("w1x1 r1x0 a1", HISTORY_OWN, "T1 (aborted)");
}

static void what_an_aborted_transaction_saw_counts(void **state)
{
    (void)state;
    assert_fault("r1x0 w2x1 w2y1 c2 r1y1 a1", HISTORY_G_SINGLE, "T1 (aborted) T2");
    assert_fault("w1x1 r2x1 a1 a2", HISTORY_ABORTED, "T1 T2 (aborted)");
    assert_fault("w1x1 c1 r2x0", HISTORY_NOT_STRICT, "T1 T2 (unfinished)");
}

static void an_end_before_its_start_is_refused(void **state)
{
    struct history h;
    char why[HISTORY_WHY_SIZE];

    (void)state;
    history_init(&h);
    history_commit(history_begin(&h, 3, 5), 4);
    assert_false(history_check(&h, why, sizeof(why)));
    assert_int_equal(h.fault, HISTORY_MALFORMED);
    assert_non_null(strstr(why, "T3"));
    history_done(&h);
}

static void two_initial_versions_are_refused(void **state)
{
    struct history h;
    char why[HISTORY_WHY_SIZE];

    (void)state;
    history_init(&h);
    history_initial(&h, 4, 1, 1);
    history_initial(&h, 4, 2, 1);
    assert_false(history_check(&h, why, sizeof(why)));
    assert_int_equal(h.fault, HISTORY_MALFORMED);
    assert_non_null(strstr(why, "r4"));
    history_done(&h);
}

/* ---- What is fine ----------------------------------------------------------------------- */

static void serial_histories_are_fine(void **state)
{
    (void)state;
    assert_fault("", HISTORY_FINE, "");
    assert_fault("b1 c1", HISTORY_FINE, "");
    assert_fault("r1x0 r1y0 c1", HISTORY_FINE, "");
    assert_fault("r1x0 w1x1 c1 r2x1 w2x2 w2y1 c2 r3y1 w3y2 c3 r4x2 r4y2 c4", HISTORY_FINE, "");
    assert_fault("w1x1 r1x1 w1x2 r1x2 c1 r2x2 c2", HISTORY_FINE, "");
}

static void overlapping_transactions_may_have_any_order(void **state)
{
    (void)state;
    assert_fault("b1 b2 r2x0 w1x1 c1 c2", HISTORY_FINE, "");
    assert_fault("b1 b2 w1x2 w2x1 c1 c2", HISTORY_FINE, "");
    assert_fault("r1x0 b2 r3y1 w2y1 c2 c1 c3", HISTORY_FINE, "");
}

static void an_abort_leaves_no_trace(void **state)
{
    (void)state;
    assert_fault("r1x0 w1x1=5 r1x1=5 a1 r2x0 w2x1 c2 r3x1 c3", HISTORY_FINE, "");
    assert_fault("w1x1=5 w2x1=6 a1 c2 r3x1=6 c3", HISTORY_FINE, "");
    assert_fault("w1x1 r2x0 c2", HISTORY_FINE, "");
}

static void a_history_may_begin_with_any_version(void **state)
{
    struct history h;
    struct history_tx *tx;
    char why[HISTORY_WHY_SIZE];

    (void)state;
    history_init(&h);
    history_initial(&h, 4, UINT64_MAX - 1, 99);
    tx = history_begin(&h, 1, 1);
    history_read(tx, 4, UINT64_MAX - 1, 99);
    history_write(tx, 4, UINT64_MAX, 100);
    history_commit(tx, 2);
    if (!history_check(&h, why, sizeof(why)))
        fail_msg("%s", why);
    history_read(history_begin(&h, 2, 3), 4, 0, 0);
    assert_false(history_check(&h, why, sizeof(why)));
    assert_int_equal(h.fault, HISTORY_UNWRITTEN);
    history_done(&h);
}

static void writers_are_told_in_the_order_of_versions(void **state)
{
    struct history h;
    uint64_t ids[4] = {0, 0, 0, 77};

    (void)state;
    history_init(&h);
    parse(&h, "b1 b2 w4x9 w1x2 w2x1 w2y1 w3x3 c3 c2 c1 a4");
    assert_int_equal(history_writers(&h, 'x', ids, 3), 3);
    assert_true(ids[0] == 2 && ids[1] == 1 && ids[2] == 3 && ids[3] == 77);
    assert_int_equal(history_writers(&h, 'x', ids, 1), 3);
    assert_int_equal(history_writers(&h, 'z', ids, 4), 0);
    history_done(&h);
}

static void an_explanation_is_cut_to_its_room(void **state)
{
    struct history h;
    char why[12];

    (void)state;
    history_init(&h);
    parse(&h, "r1x0 r2x0 w1x1 c1 w2x2 c2");
    memset(why, '#', sizeof(why));
    assert_false(history_check(&h, why, 10));
    assert_int_equal(strlen(why), 9);
    assert_true(why[10] == '#');
    assert_false(history_check(&h, NULL, 0));
    history_done(&h);
}

/* ---- Random histories ------------------------------------------------------------------- */

#define ACCESSES_MAX 8
#define RESOURCES_MAX 64

struct access {
    uint64_t resource, version, value;
    bool write;
    bool own; /* a read of an own write */
};

struct transaction {
    struct access accesses[ACCESSES_MAX];
    uint64_t start, end;
    unsigned count;
    bool aborts;
};

struct shape {
    unsigned transactions, resources, accesses; /* at most so many each */
    uint64_t reach; /* how far an interval goes from its point; points are 1000 apart */
};

struct state {
    uint64_t version, value;
};

static uint64_t below(struct czi_rng *rng, uint64_t n)
{
    return czi_rng_below(rng, n);
}

static void generate_one(struct czi_rng *rng, const struct shape *shape,
                         struct state *resources, struct transaction *tx)
{
    struct state now[RESOURCES_MAX];
    bool written[RESOURCES_MAX] = {false};

    memcpy(now, resources, shape->resources * sizeof(now[0]));
    tx->aborts = !below(rng, 8);
    tx->count = 1 + (unsigned)below(rng, shape->accesses);
    for (unsigned i = 0; i < tx->count; i++) {
        uint64_t r = below(rng, shape->resources);
        bool write = below(rng, 5) < 2;

        if (write) {
            now[r].version++;
            now[r].value = czi_rng_next(rng);
        }
        tx->accesses[i] =
            (struct access){r, now[r].version, now[r].value, write, !write && written[r]};
        written[r] |= write;
    }
    if (!tx->aborts)
        memcpy(resources, now, shape->resources * sizeof(now[0]));
}

/* Serializable: the transactions are run one by one, each at a point within its interval. */
static void generate(struct czi_rng *rng, const struct shape *shape, struct state *initial,
                     struct transaction *txs)
{
    struct state resources[RESOURCES_MAX];

    for (unsigned i = 0; i < shape->resources; i++)
        initial[i] = (struct state){below(rng, 3), czi_rng_next(rng)};
    memcpy(resources, initial, sizeof(resources));
    for (unsigned i = 0; i < shape->transactions; i++) {
        uint64_t point = shape->reach + 1000 * i;

        generate_one(rng, shape, resources, &txs[i]);
        txs[i].start = point - below(rng, shape->reach + 1);
        txs[i].end = point + below(rng, shape->reach + 1);
    }
}

/* As if by four threads. */
static void record(struct czi_rng *rng, const struct shape *shape, const struct state *initial,
                   const struct transaction *txs, struct history *h)
{
    struct history logs[4];

    history_init(h);
    for (unsigned i = 0; i < 4; i++)
        history_init(&logs[i]);
    for (unsigned i = 0; i < shape->resources; i++)
        history_initial(&logs[i % 4], i, initial[i].version, initial[i].value);
    for (unsigned i = 0; i < shape->transactions; i++) {
        const struct transaction *t = &txs[i];
        struct history_tx *tx = history_begin(&logs[below(rng, 4)], i, t->start);

        for (unsigned k = 0; k < t->count; k++) {
            const struct access *a = &t->accesses[k];

            (a->write ? history_write : history_read)(tx, a->resource, a->version, a->value);
        }
        (t->aborts ? history_abort : history_commit)(tx, t->end);
    }
    for (unsigned i = 0; i < 4; i++)
        history_merge(h, &logs[i]);
}

static enum history_fault verdict(struct czi_rng *rng, const struct shape *shape,
                                  const struct state *initial, const struct transaction *txs,
                                  char *why)
{
    struct history h;
    enum history_fault fault;

    record(rng, shape, initial, txs, &h);
    (void)history_check(&h, why, HISTORY_WHY_SIZE);
    fault = h.fault;
    history_done(&h);
    return fault;
}

static void histories_of_serial_runs_are_fine(void **state)
{
    static struct transaction txs[200];
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 1000);

    (void)state;
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        struct czi_rng rng = czi_rng(seed);
        struct shape shape = {1 + (unsigned)below(&rng, 200), 1 + (unsigned)below(&rng, 20),
                              1 + (unsigned)below(&rng, ACCESSES_MAX), below(&rng, 20000)};
        struct state initial[RESOURCES_MAX];
        char why[HISTORY_WHY_SIZE];

        generate(&rng, &shape, initial, txs);
        if (verdict(&rng, &shape, initial, txs, why))
            fail_msg("seed %lu: %s", seed, why);
    }
}

/* ---- One access changed ----------------------------------------------------------------- */

/* Who committed this version: its number, -1: initial, -2: nobody. Its value. */
static int writer_of(const struct shape *shape, const struct state *initial,
                     const struct transaction *txs, uint64_t resource, uint64_t version,
                     uint64_t *ret_value)
{
    if (initial[resource].version == version) {
        *ret_value = initial[resource].value;
        return -1;
    }
    for (unsigned i = 0; i < shape->transactions; i++)
        for (unsigned k = 0; !txs[i].aborts && k < txs[i].count; k++) {
            const struct access *a = &txs[i].accesses[k];

            if (a->write && a->resource == resource && a->version == version) {
                *ret_value = a->value;
                return (int)i;
            }
        }
    return -2;
}

static bool overlap(const struct transaction *a, const struct transaction *b)
{
    return a->start <= b->end && b->start <= a->end;
}

static bool writes(const struct transaction *tx, uint64_t resource)
{
    for (unsigned i = 0; i < tx->count; i++)
        if (tx->accesses[i].write && tx->accesses[i].resource == resource)
            return true;
    return false;
}

/* Moves an access by one version and gives a read the value of where it points now. Whether it
 * must be refused: a write leaves a gap, an own read or one beside an own write does not fit to
 * that, and a version that is not there cannot be read. Else the read has changed sides with
 * the transaction that wrote the later one of both versions, which time only allows when the
 * two overlap. */
static bool mutate(const struct shape *shape, const struct state *initial,
                   struct transaction *txs, struct transaction *tx, struct access *a, bool up)
{
    uint64_t later = up ? a->version + 1 : a->version, ignored;
    int passed = writer_of(shape, initial, txs, a->resource, later, &ignored), target;

    a->version += up ? 1 : UINT64_MAX;
    if (a->write || a->own || (!tx->aborts && writes(tx, a->resource)))
        return true;
    target = writer_of(shape, initial, txs, a->resource, a->version, &a->value);
    if (target == -2 || passed < 0)
        return true;
    return !overlap(tx, &txs[passed]);
}

/* Of what is not told beforehand most is refused too: a change of sides is only fine if no
 * other access of the transaction, and no third one in between, orders the two. */
static void one_access_changed_is_refused(void **state)
{
    static struct transaction txs[100];
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 1000), refused = 0, told = 0;
    struct shape shape = {100, 8, 6, 3000};

    (void)state;
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        struct czi_rng rng = czi_rng(seed);
        struct state initial[RESOURCES_MAX];
        struct transaction *tx;
        struct access *a;
        char why[HISTORY_WHY_SIZE];
        bool must, is;

        generate(&rng, &shape, initial, txs);
        do {
            tx = &txs[below(&rng, shape.transactions)];
            a = &tx->accesses[below(&rng, tx->count)];
        } while (tx->aborts && a->write);
        must = mutate(&shape, initial, txs, tx, a, below(&rng, 2));
        is = verdict(&rng, &shape, initial, txs, why) != HISTORY_FINE;
        if (must && !is)
            fail_msg("seed %lu: T%td is accepted with an access changed", seed, tx - txs);
        refused += is;
        told += must;
    }
    print_message("%lu of %lu changed histories refused, %lu of them for certain\n", refused,
                  seeds, told);
    if (seeds >= 100) {
        assert_true(told >= seeds / 2);
        assert_true(refused >= seeds / 5 * 4);
    }
}

static void a_version_changed_alone_is_refused(void **state)
{
    static struct transaction txs[50];
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 1000);
    struct shape shape = {50, 8, 6, 3000};

    (void)state;
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        struct czi_rng rng = czi_rng(seed);
        struct state initial[RESOURCES_MAX];
        struct transaction *tx;
        struct access *a;
        char why[HISTORY_WHY_SIZE];

        generate(&rng, &shape, initial, txs);
        do {
            tx = &txs[below(&rng, shape.transactions)];
            a = &tx->accesses[below(&rng, tx->count)];
        } while (tx->aborts && a->write);
        a->version += below(&rng, 2) ? 1 : UINT64_MAX;
        if (!verdict(&rng, &shape, initial, txs, why))
            fail_msg("seed %lu: T%td is accepted with a version changed", seed, tx - txs);
    }
}

/* ---- Against brute force ---------------------------------------------------------------- */

#define FEW 5

/* Whether the transaction could have run right now; what it leaves. */
static bool could_run(const struct shape *shape, const struct transaction *tx,
                      struct state *resources)
{
    struct state now[RESOURCES_MAX];
    bool written[RESOURCES_MAX] = {false};

    memcpy(now, resources, shape->resources * sizeof(now[0]));
    for (unsigned i = 0; i < tx->count; i++) {
        const struct access *a = &tx->accesses[i];
        struct state *r = &now[a->resource];

        if (!a->write && (a->version != r->version || a->value != r->value))
            return false;
        /* What is never committed may have any version, but its own ones rise. */
        if (a->write && !tx->aborts && a->version != r->version + 1)
            return false;
        if (a->write && written[a->resource] && a->version <= r->version)
            return false;
        *r = (struct state){a->version, a->value};
        written[a->resource] |= a->write;
    }
    if (!tx->aborts)
        memcpy(resources, now, shape->resources * sizeof(now[0]));
    return true;
}

/* Whether some order of the transactions not yet in `done` explains them. */
static bool some_order(const struct shape *shape, const struct transaction *txs,
                       const struct state *resources, unsigned done, bool strict)
{
    if (done == (1u << shape->transactions) - 1)
        return true;
    for (unsigned i = 0; i < shape->transactions; i++) {
        struct state after[RESOURCES_MAX];
        bool too_early = false;

        if (done & 1u << i)
            continue;
        for (unsigned k = 0; strict && k < shape->transactions; k++)
            too_early |= !(done & 1u << k) && txs[k].end < txs[i].start;
        memcpy(after, resources, shape->resources * sizeof(after[0]));
        if (!too_early && could_run(shape, &txs[i], after) &&
            some_order(shape, txs, after, done | 1u << i, strict))
            return true;
    }
    return false;
}

/* Lets an access be of another version of its resource: a read of any that was written, a write
 * changes places with another one. */
static void disturb_version(struct czi_rng *rng, const struct shape *shape,
                            const struct state *initial, struct transaction *txs,
                            struct access *a)
{
    struct transaction *tx = &txs[below(rng, shape->transactions)];
    uint64_t first = initial[a->resource].version, version;

    if (!a->write) {
        a->version = first + below(rng, 4);
        if (writer_of(shape, initial, txs, a->resource, a->version, &a->value) == -2) {
            a->version = first;
            a->value = initial[a->resource].value;
        }
        return;
    }
    for (unsigned k = 0; k < tx->count; k++) {
        struct access *b = &tx->accesses[k];

        if (b->write && b->resource == a->resource && !tx->aborts) {
            version = a->version;
            a->version = b->version;
            b->version = version;
            return;
        }
    }
}

/* Changes a few things, mostly into something that might have been. */
static void disturb(struct czi_rng *rng, const struct shape *shape, const struct state *initial,
                    struct transaction *txs)
{
    for (uint64_t n = below(rng, 4); n; n--) {
        struct transaction *tx = &txs[below(rng, shape->transactions)];
        struct access *a = &tx->accesses[below(rng, tx->count)];

        switch (below(rng, 12)) {
        case 0:
            tx->aborts = !tx->aborts;
            break;
        case 1:
            a->value = below(rng, 4);
            break;
        case 2:
            a->version += below(rng, 2) ? 1 : UINT64_MAX;
            break;
        case 3:
            tx->start = below(rng, tx->end + 1);
            tx->end = tx->start + below(rng, 3000);
            break;
        default:
            disturb_version(rng, shape, initial, txs, a);
        }
    }
}

static void verdicts_are_those_of_brute_force(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 1000) * 20, counts[HISTORY_FAULTS] = {0};
    const enum history_fault frequent[] = {HISTORY_FINE,      HISTORY_DUPLICATE, HISTORY_GAP,
                                           HISTORY_UNWRITTEN, HISTORY_VALUE,     HISTORY_OWN,
                                           HISTORY_G_SINGLE,  HISTORY_NOT_STRICT};

    (void)state;
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        struct czi_rng rng = czi_rng(seed);
        struct shape shape = {2 + (unsigned)below(&rng, FEW - 1), 1 + (unsigned)below(&rng, 3),
                              1 + (unsigned)below(&rng, 4), below(&rng, 4000)};
        struct state initial[RESOURCES_MAX];
        struct transaction txs[FEW];
        char why[HISTORY_WHY_SIZE];
        enum history_fault fault;
        bool serial, strict;

        generate(&rng, &shape, initial, txs);
        disturb(&rng, &shape, initial, txs);
        serial = some_order(&shape, txs, initial, 0, false);
        strict = serial && some_order(&shape, txs, initial, 0, true);
        fault = verdict(&rng, &shape, initial, txs, why);
        counts[fault]++;
        if (strict != (fault == HISTORY_FINE) ||
            serial != (fault == HISTORY_FINE || fault == HISTORY_NOT_STRICT))
            fail_msg("seed %lu: %s and %s, but the checker says %s", seed,
                     serial ? "serializable" : "not serializable",
                     strict ? "in the order of time" : "not in the order of time",
                     fault ? why : "fine");
    }
    for (unsigned i = 0; i < HISTORY_FAULTS; i++)
        print_message("%7lu %s\n", counts[i], history_fault_name(i));
    /* Otherwise the comparison says little. */
    for (unsigned i = 0; i < sizeof(frequent) / sizeof(frequent[0]); i++)
        assert_true(counts[frequent[i]] >= seeds / 200);
}

/* ---- Size ------------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double timed_check(struct history *h, char *why)
{
    double start = seconds();

    (void)history_check(h, why, HISTORY_WHY_SIZE);
    return seconds() - start;
}

#define MANY 100000

static void a_hundred_thousand_transactions_are_checked(void **state)
{
    struct transaction *txs = calloc(MANY, sizeof(*txs));
    struct shape shape = {MANY, RESOURCES_MAX, ACCESSES_MAX, 20000};
    struct czi_rng rng = czi_rng(1);
    struct state initial[RESOURCES_MAX];
    struct history h;
    char why[HISTORY_WHY_SIZE];

    (void)state;
    assert_non_null(txs);
    generate(&rng, &shape, initial, txs);
    record(&rng, &shape, initial, txs, &h);
    print_message("%zu transactions, %zu accesses: %.3f s\n", h.tx_count, h.access_count,
                  timed_check(&h, why));
    if (h.fault)
        fail_msg("%s", why);
    history_done(&h);
    free(txs);
}

/* Write skew in a circle of this many, each reads what the next one writes: the longest path
 * that a search can be sent on. */
static void a_cycle_of_a_hundred_thousand_is_found(void **state)
{
    struct history h;
    char why[HISTORY_WHY_SIZE];

    (void)state;
    history_init(&h);
    for (uint64_t i = 0; i < MANY; i++) {
        struct history_tx *tx = history_begin(&h, i, 1);

        history_read(tx, (i + 1) % MANY, 0, 0);
        history_write(tx, i, 1, 1);
        history_commit(tx, 1);
    }
    print_message("a cycle of %d: %.3f s\n", MANY, timed_check(&h, why));
    assert_int_equal(h.fault, HISTORY_G2);
    assert_int_equal(strlen(why), sizeof(why) - 1);
    history_done(&h);
}

static void the_shortest_cycle_is_told(void **state)
{
    struct history h;
    struct history_tx *tx;
    char why[HISTORY_WHY_SIZE];

    (void)state;
    history_init(&h);
    /* Each reads what the one before wrote, the first what the last did; T7 also what T8 did,
     * which a search that follows the resources upwards meets last. */
    for (uint64_t i = 0; i < 1000; i++) {
        tx = history_begin(&h, i, 1);
        history_read(tx, (i + 999) % 1000, 1, 1);
        history_write(tx, i, 1, 1);
        if (i == 7)
            history_read(tx, 5000, 1, 1);
        if (i == 8)
            history_write(tx, 5000, 1, 1);
        history_commit(tx, 1);
    }
    assert_false(history_check(&h, why, sizeof(why)));
    assert_int_equal(h.fault, HISTORY_G1C);
    assert_true(strlen(why) < 200);
    assert_non_null(strstr(why, "T7"));
    assert_non_null(strstr(why, "T8"));
    history_done(&h);
}

static void a_small_history_takes_microseconds(void **state)
{
    struct shape shape = {50, 8, 4, 3000};
    struct czi_rng rng = czi_rng(1);
    struct transaction txs[50];
    struct state initial[RESOURCES_MAX];
    struct history h;
    char why[HISTORY_WHY_SIZE];
    double best = 1e9;

    (void)state;
    generate(&rng, &shape, initial, txs);
    record(&rng, &shape, initial, txs, &h);
    for (int i = 0; i < 100; i++) {
        double s = timed_check(&h, why);

        best = s < best ? s : best;
        assert_int_equal(h.fault, HISTORY_FINE);
    }
    print_message("%zu transactions, %zu accesses: %.1f us\n", h.tx_count, h.access_count,
                  best * 1e6);
    history_done(&h);
}

/* ---- Threads ---------------------------------------------------------------------------- */

#define THREADS 4
#define SHARED 4

struct shared {
    pthread_mutex_t lock[SHARED];
    struct state resources[SHARED];
    _Atomic uint64_t clock;
};

struct worker {
    pthread_t thread;
    struct shared *shared;
    struct history history;
    unsigned number;
};

/* Moves between two resources, with both locked in order; sometimes only looks. */
static void *work(void *arg)
{
    struct worker *w = arg;
    struct shared *s = w->shared;
    struct czi_rng rng = czi_rng(w->number);

    for (unsigned n = 0; n < 500; n++) {
        unsigned a = (unsigned)below(&rng, SHARED - 1);
        unsigned pair[] = {a, a + 1 + (unsigned)below(&rng, SHARED - 1 - a)};
        bool update = below(&rng, 2);
        struct history_tx *tx =
            history_begin(&w->history, w->number * 1000 + n, history_now(&s->clock));

        for (unsigned i = 0; i < 2; i++) {
            struct state *r = &s->resources[pair[i]];

            (void)pthread_mutex_lock(&s->lock[pair[i]]);
            history_read(tx, pair[i], r->version, r->value);
        }
        for (unsigned i = 0; i < 2; i++) {
            struct state *r = &s->resources[pair[i]];

            if (update) {
                *r = (struct state){r->version + 1, czi_rng_next(&rng)};
                history_write(tx, pair[i], r->version, r->value);
            }
        }
        for (unsigned i = 0; i < 2; i++)
            (void)pthread_mutex_unlock(&s->lock[pair[i]]);
        history_commit(tx, history_now(&s->clock));
    }
    return NULL;
}

static void threads_record_and_merge(void **state)
{
    static struct shared shared;
    struct worker workers[THREADS];
    struct history h;
    uint64_t writers = 0;
    char why[HISTORY_WHY_SIZE];

    (void)state;
    history_init(&h);
    for (unsigned i = 0; i < SHARED; i++)
        assert_int_equal(pthread_mutex_init(&shared.lock[i], NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.shared = &shared, .number = i};
        history_init(&workers[i].history);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        history_merge(&h, &workers[i].history);
    }
    assert_int_equal(h.tx_count, THREADS * 500);
    if (!history_check(&h, why, sizeof(why)))
        fail_msg("%s", why);
    for (unsigned i = 0; i < SHARED; i++) {
        assert_int_equal(history_writers(&h, i, &writers, 1), shared.resources[i].version);
        (void)pthread_mutex_destroy(&shared.lock[i]);
    }
    history_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_update_is_refused),
        cmocka_unit_test(an_aborted_read_is_refused),
        cmocka_unit_test(a_read_of_an_unfinished_write_is_refused),
        cmocka_unit_test(an_intermediate_read_is_refused),
        cmocka_unit_test(a_non_repeatable_read_is_refused),
        cmocka_unit_test(write_skew_is_refused),
        cmocka_unit_test(a_long_fork_is_refused),
        cmocka_unit_test(read_skew_is_refused),
        cmocka_unit_test(a_fractured_read_is_refused),
        cmocka_unit_test(circular_information_flow_is_refused),
        cmocka_unit_test(writes_in_a_cycle_are_refused),
        cmocka_unit_test(a_read_only_anomaly_is_refused),
        cmocka_unit_test(a_stale_read_is_refused),
        cmocka_unit_test(a_stale_read_long_after_is_refused),
        cmocka_unit_test(an_order_of_time_through_others_is_refused),
        cmocka_unit_test(writes_against_the_order_of_time_are_refused),
        cmocka_unit_test(a_missing_version_is_refused),
        cmocka_unit_test(a_version_written_twice_is_refused),
        cmocka_unit_test(a_wrong_value_is_refused),
        cmocka_unit_test(a_version_that_nobody_wrote_is_refused),
        cmocka_unit_test(an_own_write_must_be_seen),
        cmocka_unit_test(what_an_aborted_transaction_saw_counts),
        cmocka_unit_test(an_end_before_its_start_is_refused),
        cmocka_unit_test(two_initial_versions_are_refused),
        cmocka_unit_test(serial_histories_are_fine),
        cmocka_unit_test(overlapping_transactions_may_have_any_order),
        cmocka_unit_test(an_abort_leaves_no_trace),
        cmocka_unit_test(a_history_may_begin_with_any_version),
        cmocka_unit_test(writers_are_told_in_the_order_of_versions),
        cmocka_unit_test(an_explanation_is_cut_to_its_room),
        cmocka_unit_test(histories_of_serial_runs_are_fine),
        cmocka_unit_test(one_access_changed_is_refused),
        cmocka_unit_test(a_version_changed_alone_is_refused),
        cmocka_unit_test(verdicts_are_those_of_brute_force),
        cmocka_unit_test(a_hundred_thousand_transactions_are_checked),
        cmocka_unit_test(a_cycle_of_a_hundred_thousand_is_found),
        cmocka_unit_test(the_shortest_cycle_is_told),
        cmocka_unit_test(a_small_history_takes_microseconds),
        cmocka_unit_test(threads_record_and_merge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
