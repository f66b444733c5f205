/* test_causal.c - the causal index against plain searches of the same graph. */
#include "base/alloc.h"
#include "base/limits.h"
#include "causal_history.h"
#include "test.h"
#include "timemap/causal.h"

#include <string.h>

#ifdef TEST_IS_SLOW
#define TEST_SLOWER 1
#else
#define TEST_SLOWER 0
#endif

/* ---- A model: the same history as plain lists -------------------------------------------- */

struct model {
    struct causal_history h;
    size_t *first;      /* of each event's predecessors in h.preds */
    size_t *succ_first; /* and successors in succ, repetitions kept */
    uint32_t *succ;
    uint32_t *seen; /* by search number `mark` */
    uint32_t *queue;
    uint32_t *lamport;
    uint32_t mark;
};

static struct model model_of(struct causal_history h)
{
    struct model m = {.h = h};
    size_t *at;

    m.first = calloc(h.events + 1u, sizeof *m.first);
    m.succ_first = calloc(h.events + 2u, sizeof *m.succ_first);
    m.succ = malloc((h.links + 1) * sizeof *m.succ);
    m.seen = calloc(h.events, sizeof *m.seen);
    m.queue = malloc(h.events * sizeof *m.queue);
    m.lamport = calloc(h.events, sizeof *m.lamport);
    assert_true(m.first && m.succ_first && m.succ && m.seen && m.queue && m.lamport);
    for (uint32_t e = 0; e < h.events; e++) {
        m.first[e + 1] = m.first[e] + h.counts[e];
        for (size_t i = m.first[e]; i < m.first[e + 1]; i++)
            m.lamport[e] = CZI_MAX(m.lamport[e], m.lamport[h.preds[i]] + 1);
    }
    for (size_t i = 0; i < h.links; i++)
        m.succ_first[h.preds[i] + 2]++;
    for (uint32_t e = 0; e < h.events; e++)
        m.succ_first[e + 1] += m.succ_first[e];
    at = m.succ_first + 1;
    for (uint32_t e = 0; e < h.events; e++)
        for (size_t i = m.first[e]; i < m.first[e + 1]; i++)
            m.succ[at[h.preds[i]]++] = e;
    return m;
}

static void model_done(struct model *m)
{
    causal_history_done(&m->h);
    free(m->first);
    free(m->succ_first);
    free(m->succ);
    free(m->seen);
    free(m->queue);
    free(m->lamport);
}

/* A search backward from b, breadth first, that looks at nothing below `floor`: marks all that
 * it meets as seen. */
static void search_back(struct model *m, uint32_t b, uint32_t floor)
{
    uint32_t head = 0, tail = 0;

    m->mark++;
    m->queue[tail++] = b;
    while (head < tail) {
        uint32_t e = m->queue[head++];

        for (size_t i = m->first[e]; i < m->first[e + 1]; i++) {
            uint32_t p = m->h.preds[i];

            if (p < floor || m->seen[p] == m->mark)
                continue;
            m->seen[p] = m->mark;
            m->queue[tail++] = p;
        }
    }
}

static struct czi_causal *index_of(const struct causal_history *h, struct czi_rng *rng)
{
    struct czi_causal *c = czi_causal_new();
    const uint32_t *preds = h->preds;

    assert_non_null(c);
    for (uint32_t e = 0; e < h->events;) {
        uint32_t n = (uint32_t)czi_rng_below(rng, 3000);

        n = CZI_MIN(h->events - e, n);
        assert_int_equal(czi_causal_add_many(c, preds, h->counts + e, n), n);
        for (uint32_t i = 0; i < n; i++)
            preds += h->counts[e + i];
        e += n;
    }
    assert_int_equal(czi_causal_count(c), h->events);
    return c;
}

/* ---- Pairs of large histories ------------------------------------------------------------ */

struct tally {
    uint32_t before, concurrent;
    uint32_t lamport; /* concurrent, and Lamport times that say otherwise */
};

static void ask(struct czi_causal *c, const struct model *m, uint32_t a, uint32_t b,
                struct tally *t)
{
    bool want = m->seen[a] == m->mark, got = czi_causal_before(c, a, b);
    uint64_t links = m->first[b + 1] - m->first[a + 1];

    if (got != want)
        fail_msg("%u before %u: %d, and a plain search says %d", a, b, got, want);
    if (czi_causal_steps(c) > CZI_CAUSAL_SEARCH_STEPS + (b - a) / 64 + 2 + links)
        fail_msg("%u before %u took %llu steps", a, b, (unsigned long long)czi_causal_steps(c));
    assert_false(czi_causal_before(c, b, a));
    t->before += want;
    t->concurrent += !want;
    t->lamport += !want && m->lamport[a] < m->lamport[b];
}

/* Of each b, half of the a are any events before it, or half are near: at all scales in turn.
 */
static void compare(struct czi_causal *c, struct model *m, unsigned pairs, unsigned each,
                    struct czi_rng *rng, struct tally *t)
{
    for (unsigned i = 0; i < pairs; i += each) {
        uint32_t b = 1 + (uint32_t)czi_rng_below(rng, m->h.events - 1);
        uint32_t scale = 8u << czi_rng_below(rng, 20);
        uint32_t reach = i / each % 2 ? CZI_MIN(b, scale) : b;

        search_back(m, b, b - reach);
        for (unsigned k = 0; k < each; k++)
            ask(c, m, b - 1 - (uint32_t)czi_rng_below(rng, reach), b, t);
    }
}

static uint64_t seed(void)
{
    return test_env("CAUSALITY_SEED", 1);
}

static struct tally agree(const struct causal_kind *k, uint32_t events, unsigned pairs,
                          unsigned each)
{
    struct czi_rng rng = czi_rng(seed());
    struct model m = model_of(causal_history(k, events, seed()));
    struct czi_causal *c = index_of(&m.h, &rng);
    struct tally t = {0};

    compare(c, &m, pairs, each, &rng, &t);
    print_message("%s, %u events, seed %llu: %u before, %u concurrent, %u of them in the order "
                  "of Lamport times, %.1f bytes an event\n",
                  k->name, events, (unsigned long long)seed(), t.before, t.concurrent,
                  t.lamport, (double)czi_causal_bytes(c) / m.h.events);
    czi_causal_free(c);
    model_done(&m);
    return t;
}

static void answers_agree_with_a_plain_search(void **state)
{
    uint32_t events = TEST_SLOWER ? 30000 : 300000;
    unsigned pairs = TEST_SLOWER ? 2000 : 8000;

    (void)state;
    for (unsigned i = 0; i < causal_kind_count; i++) {
        struct tally t = agree(&causal_kinds[i], events, pairs, 40);

        /* With accounts, times alone would be wrong often. */
        assert_true(causal_kinds[i].accounts < 1000 || t.lamport > pairs / 20);
    }
}

/* The figure wanted: 10 million effects with hot and cold resources, 100,000 pairs, 64 bytes.
 */
static void answers_agree_on_ten_million_effects(void **state)
{
    static const char *const names[] = {"10k uniform", "10k zipf 0.9", "1M zipf 0.9",
                                        "half on 100 hot of 1M"};

    (void)state;
    if (!getenv("CAUSALITY_LONG"))
        skip();
    for (unsigned i = 0; i < causal_kind_count; i++)
        for (unsigned k = 0; k < CZI_COUNTOF(names); k++)
            if (strcmp(names[k], causal_kinds[i].name) == 0) {
                struct tally t = agree(&causal_kinds[i], 10000000, 100000, 500);

                assert_true(t.before > 1000 && t.lamport > 1000);
            }
}

/* Two halves of wide layers that never meet: neither side's end is near. */
static void a_search_that_takes_too_long_becomes_a_sweep(void **state)
{
    enum { WIDE = 6000, LAYERS = 60, FIRST = 1, LAST = 1 + (LAYERS - 1) * WIDE };
    const struct causal_kind *k = causal_kinds;
    struct czi_rng rng = czi_rng(seed());
    struct czi_causal *c;
    struct model m;
    uint64_t most = 0;

    (void)state;
    while (strcmp(k->name, "layers in halves") != 0)
        k++;
    m = model_of(causal_history(k, 1 + WIDE * LAYERS, seed()));
    c = index_of(&m.h, &rng);
    assert_int_equal(k->accounts, WIDE);
    for (uint32_t i = 0; i < 40; i++) {
        struct tally t = {0};

        search_back(&m, LAST + i, 0);
        ask(c, &m, FIRST + i, LAST + i, &t);
        ask(c, &m, FIRST + WIDE / 2 + i, LAST + i, &t);
        assert_true(t.concurrent > 0);
        (void)czi_causal_before(c, FIRST + WIDE / 2 + i, LAST + i);
        most = CZI_MAX(most, czi_causal_steps(c));
    }
    print_message("at most %llu steps\n", (unsigned long long)most);
    assert_true(most > CZI_CAUSAL_SEARCH_STEPS);
    czi_causal_free(c);
    model_done(&m);
}

/* ---- Links ------------------------------------------------------------------------------- */

static void links_are_what_was_added(void **state)
{
    uint32_t *got = malloc(70000 * sizeof *got);

    (void)state;
    for (unsigned i = 0; i < causal_kind_count; i++) {
        struct czi_rng rng = czi_rng(seed());
        struct model m = model_of(causal_history(&causal_kinds[i], 60000, seed()));
        struct czi_causal *c = index_of(&m.h, &rng);

        for (uint32_t e = 0; e < m.h.events; e++) {
            uint32_t n = czi_causal_preds(c, e, 0, got, 70000), s, last = UINT32_MAX;
            uint64_t cursor = 0;

            m.mark++;
            for (size_t k = m.first[e]; k < m.first[e + 1]; k++)
                m.seen[m.h.preds[k]] = m.mark;
            for (uint32_t k = 0; k < n; k++) {
                assert_true(k == 0 || got[k - 1] < got[k]);
                assert_int_equal(m.seen[got[k]], m.mark);
                m.seen[got[k]] = 0;
            }
            for (size_t k = m.first[e]; k < m.first[e + 1]; k++)
                assert_int_equal(m.seen[m.h.preds[k]], 0);
            if (n > 2) {
                assert_int_equal(czi_causal_preds(c, e, n - 2, got + n, 1), n);
                assert_int_equal(got[n], got[n - 2]);
            }
            for (size_t k = m.succ_first[e]; k < m.succ_first[e + 1]; k++) {
                if (m.succ[k] == last)
                    continue;
                last = m.succ[k];
                assert_true(czi_causal_next(c, e, &cursor, &s));
                assert_int_equal(s, last);
            }
            assert_false(czi_causal_next(c, e, &cursor, &s));
            assert_false(czi_causal_next(c, e, &cursor, &s));
        }
        czi_causal_free(c);
        model_done(&m);
    }
    free(got);
}

/* ---- All pairs of small histories -------------------------------------------------------- */

enum { SMALL = 200, WORDS = (SMALL + 63) / 64 };

/* A small history of a random shape: how many predecessors, and from how far. */
static void small_graph(struct czi_rng *rng)
{
    uint64_t past[SMALL][WORDS] = {0};
    uint32_t n = 2 + (uint32_t)czi_rng_below(rng, SMALL - 1), preds[8],
             most = 1 + (uint32_t)czi_rng_below(rng, 8),
             reach = 1 + (uint32_t)czi_rng_below(rng, SMALL);
    struct czi_causal *c = czi_causal_new();

    assert_non_null(c);
    for (uint32_t e = 0; e < n; e++) {
        uint32_t count = e ? (uint32_t)czi_rng_below(rng, most + 1) : 0;

        for (uint32_t i = 0; i < count; i++) {
            preds[i] = e - 1 - (uint32_t)czi_rng_below(rng, CZI_MIN(e, reach));
            for (unsigned w = 0; w < WORDS; w++)
                past[e][w] |= past[preds[i]][w];
            past[e][preds[i] / 64] |= (uint64_t)1 << preds[i] % 64;
        }
        assert_true(czi_causal_add(c, preds, count));
        for (uint32_t a = 0; czi_rng_below(rng, 8) == 0 && a <= e; a++)
            assert_int_equal(czi_causal_before(c, a, e), past[e][a / 64] >> a % 64 & 1);
    }
    for (uint32_t b = 0; b < n; b++)
        for (uint32_t a = 0; a < n; a++)
            if (czi_causal_before(c, a, b) != (past[b][a / 64] >> a % 64 & 1))
                fail_msg("%u events, %u before %u", n, a, b);
    czi_causal_free(c);
}

static void all_pairs_of_small_histories_agree(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", TEST_SLOWER ? 200 : 3000);

    (void)state;
    for (uint64_t s = seed(); s < seed() + seeds; s++) {
        struct czi_rng rng = czi_rng(s);

        small_graph(&rng);
    }
}

/* ---- Bounds ------------------------------------------------------------------------------ */

/* The figure wanted: at most 64 for effects with two predecessors. */
static void an_effect_takes_at_most_64_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        struct czi_rng rng = czi_rng(seed());
        struct causal_history h = causal_history(&causal_kinds[i], 300000, seed());
        struct czi_causal *c = index_of(&h, &rng);

        assert_true(czi_causal_bytes(c) <= 64 * (size_t)h.events);
        czi_causal_free(c);
        causal_history_done(&h);
    }
}

static void running_out_of_memory_changes_nothing(void **state)
{
    struct causal_history h =
        causal_history(&causal_kinds[causal_kind_count - 1], 40000, seed());
    const uint32_t *preds = h.preds;
    struct model m = model_of(h);
    struct czi_causal *c = NULL;
    unsigned failures = 0;
    struct tally t = {0};
    struct czi_rng rng = czi_rng(seed());

    (void)state;
    for (int64_t skip = 0; !c; skip++) {
        czi_alloc_fail_after(skip);
        c = czi_causal_new();
        assert_true(c || czi_alloc_failed());
    }
    for (uint32_t e = 0; e < h.events; preds += h.counts[e++])
        for (int64_t skip = 0;; skip++) {
            bool added;

            czi_alloc_fail_after(skip);
            added = czi_causal_add(c, preds, h.counts[e]);
            if (added) {
                assert_false(czi_alloc_failed());
                break;
            }
            failures++;
            assert_true(czi_alloc_failed());
            assert_int_equal(czi_causal_count(c), e);
        }
    czi_alloc_fail_after(-1);
    assert_true(failures > 10);
    compare(c, &m, 2000, 40, &rng, &t);
    czi_causal_free(c);
    model_done(&m);
}

/* Transfers between five accounts in a fixed rotation: whatever comes follows all that was long
 * before, and labels can tell. (Two chains of hubs that were alike used to end each other here,
 * and each answer took 25,000 steps.) */
static void few_accounts_in_rotation_are_told_by_labels(void **state)
{
    enum { ACCOUNTS = 5, EVENTS = 60000, PAIRS = 20000 };
    struct czi_causal *c = czi_causal_new();
    struct czi_rng rng = czi_rng(3);
    uint32_t last[ACCOUNTS];
    uint64_t steps = 0;

    (void)state;
    assert_non_null(c);
    for (uint32_t i = 0; i < EVENTS; i++) {
        uint32_t from = i % ACCOUNTS, to = (i * 3 + 1) % ACCOUNTS;
        uint32_t preds[2] = {last[from], last[to]};

        if (i < 50 || from == to) { /* something that follows nothing */
            assert_true(czi_causal_add(c, NULL, 0));
            if (i < ACCOUNTS)
                last[i] = i;
            continue;
        }
        assert_true(czi_causal_add(c, preds, 2));
        last[from] = last[to] = i;
    }
    for (uint32_t i = 0; i < PAIRS; i++) {
        uint32_t a = (uint32_t)czi_rng_below(&rng, EVENTS - 1);
        uint32_t b = a + 1 + (uint32_t)czi_rng_below(&rng, EVENTS - a - 1);

        (void)czi_causal_before(c, a, b);
        steps += czi_causal_steps(c);
    }
    assert_true(steps / PAIRS < 100);
    czi_causal_free(c);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(few_accounts_in_rotation_are_told_by_labels),
        cmocka_unit_test(answers_agree_with_a_plain_search),
        cmocka_unit_test(answers_agree_on_ten_million_effects),
        cmocka_unit_test(a_search_that_takes_too_long_becomes_a_sweep),
        cmocka_unit_test(links_are_what_was_added),
        cmocka_unit_test(all_pairs_of_small_histories_agree),
        cmocka_unit_test(an_effect_takes_at_most_64_bytes),
        cmocka_unit_test(running_out_of_memory_changes_nothing),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
