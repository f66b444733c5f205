/* test_vector_clock_property.c - vector clocks of random programs against a search of the graph
 * of their events; and of random clocks against plain arrays, up to the bound and beyond.
 *
 * A program has up to 8 tasks at a time, which act, fork, join and send each other messages. An
 * event's clock is that of the last event of its task's number, merged with those of the events
 * that it follows, and one more. Faults are planted, which the comparison must find.
 *
 * CAUSALITY_SEEDS: how many. CAUSALITY_SEED: where they begin. A failure prints the seed.
 */
#include "test.h"
#include "timemap/lamport.h"
#include "timemap/vector_clock.h"

#ifdef TEST_IS_SLOW
#define SEEDS 200
#else
#define SEEDS 2000
#endif

#define LIVE_MAX 8
#define NUMBERS 10
#define EVENTS_MAX 120
#define PREDS_MAX 2
#define NONE UINT32_MAX

enum fault { NO_FAULT, FORGETS_NUMBER, FORGETS_MESSAGE, FORGETS_FORK, FORGETS_JOIN };

struct event {
    struct czi_vector_clock clock;
    uint64_t lamport;
    uint32_t preds[PREDS_MAX], pred_count;
};

struct program {
    struct czi_rng r;
    enum fault fault;
    struct event events[EVENTS_MAX];
    uint32_t count;
    struct {
        uint32_t number; /* in clocks */
        uint32_t last;   /* event, NONE: the number was never used */
        bool live;
    } tasks[NUMBERS];
    uint32_t live;
    uint32_t message; /* the event that sent it */
    uint32_t reused, joined;
};

static uint64_t seed;

#define REQUIRE(condition)                                                                     \
    do {                                                                                       \
        if (!(condition))                                                                      \
            fail_msg("CAUSALITY_SEED=%llu: %s", (unsigned long long)seed, #condition);         \
    } while (0)

static uint32_t below(struct czi_rng *r, uint32_t n)
{
    return (uint32_t)czi_rng_below(r, n);
}

/* ---- Programs ---------------------------------------------------------------------------- */

/* The task's next event, after its own last one and `other` (or NONE). */
static uint32_t act(struct program *p, uint32_t task, uint32_t other, bool forgets_other,
                    bool forgets_own)
{
    struct event *e = &p->events[p->count];
    struct czi_lamport lamport = {0};
    uint32_t own = p->tasks[task].last;

    *e = (struct event){0};
    if (own != NONE) {
        e->preds[e->pred_count++] = own;
        if (!forgets_own)
            e->clock = p->events[own].clock;
    }
    if (other != NONE) {
        e->preds[e->pred_count++] = other;
        if (!forgets_other)
            REQUIRE(czi_clock_merge(&e->clock, &p->events[other].clock));
    }
    for (uint32_t i = 0; i < e->pred_count; i++)
        czi_lamport_observe(&lamport, p->events[e->preds[i]].lamport);
    e->lamport = czi_lamport_tick(&lamport);
    REQUIRE(czi_clock_increment(&e->clock, p->tasks[task].number));
    p->tasks[task].last = p->count;
    return p->count++;
}

/* Any task that lives, or does not; there is one. */
static uint32_t pick(struct program *p, bool live)
{
    uint32_t i;

    do
        i = below(&p->r, NUMBERS);
    while (p->tasks[i].live != live);
    return i;
}

static void fork_task(struct program *p, uint32_t parent)
{
    uint32_t child = pick(p, false), begin = act(p, parent, NONE, false, false);

    p->reused += p->tasks[child].last != NONE;
    p->tasks[child].live = true;
    p->live++;
    (void)act(p, child, begin, p->fault == FORGETS_FORK, p->fault == FORGETS_NUMBER);
}

static void join_task(struct program *p, uint32_t joiner)
{
    uint32_t joined;

    do
        joined = pick(p, true);
    while (joined == joiner);
    (void)act(p, joiner, p->tasks[joined].last, p->fault == FORGETS_JOIN, false);
    p->tasks[joined].live = false;
    p->live--;
    p->joined++;
}

static void step(struct program *p)
{
    uint32_t task = pick(p, true);

    switch (below(&p->r, 6)) {
    case 0:
        if (p->live < LIVE_MAX)
            fork_task(p, task);
        break;
    case 1:
        if (p->live > 1)
            join_task(p, task);
        break;
    case 2:
        p->message = act(p, task, NONE, false, false);
        break;
    case 3: /* the same message may come twice, and late */
        if (p->message != NONE)
            (void)act(p, task, p->message, p->fault == FORGETS_MESSAGE, false);
        break;
    default:
        (void)act(p, task, NONE, false, false);
    }
}

static void run(struct program *p, enum fault fault)
{
    *p = (struct program){.r = czi_rng(seed), .fault = fault, .message = NONE};
    for (uint32_t i = 0; i < NUMBERS; i++) {
        p->tasks[i].number = i < 2 ? i * UINT32_MAX : (uint32_t)czi_rng_next(&p->r) << 4 | i;
        p->tasks[i].last = NONE;
    }
    p->tasks[0].live = true;
    p->live = 1;
    while (p->count + 2 <= EVENTS_MAX)
        step(p);
}

/* ---- The oracle -------------------------------------------------------------------------- */

/* Marks all from which a path leads to `event`. */
static void mark_past(const struct program *p, uint32_t event, bool *past)
{
    uint32_t stack[EVENTS_MAX * PREDS_MAX], depth = 0;

    memset(past, 0, EVENTS_MAX * sizeof *past);
    stack[depth++] = event;
    while (depth) {
        const struct event *e = &p->events[stack[--depth]];

        for (uint32_t i = 0; i < e->pred_count; i++)
            if (!past[e->preds[i]]) {
                past[e->preds[i]] = true;
                stack[depth++] = e->preds[i];
            }
    }
}

struct tally {
    unsigned long before, concurrent, wrong;
};

/* Events are numbered so that a path leads upwards: of a < b, b is never before a. */
static void compare_all_pairs(const struct program *p, struct tally *t)
{
    bool past[EVENTS_MAX];

    for (uint32_t b = 0; b < p->count; b++) {
        mark_past(p, b, past);
        for (uint32_t a = 0; a < p->count; a++) {
            enum cz_order order = czi_clock_compare(&p->events[a].clock, &p->events[b].clock),
                          back = czi_clock_compare(&p->events[b].clock, &p->events[a].clock);

            if (a > b)
                continue;
            if (a == b) {
                t->wrong += order != CZ_SAME;
            } else if (past[a]) {
                t->before++;
                t->wrong += order != CZ_BEFORE || back != CZ_AFTER;
            } else {
                t->concurrent++;
                t->wrong += order != CZ_CONCURRENT || back != CZ_CONCURRENT;
            }
        }
    }
}

static void clocks_agree_with_a_search_of_the_graph(void **state)
{
    static struct program p;
    uint64_t first = test_env("CAUSALITY_SEED", 1), count = test_env("CAUSALITY_SEEDS", SEEDS);
    unsigned long reused = 0, joined = 0;
    struct tally t = {0};

    (void)state;
    for (seed = first; seed < first + count; seed++) {
        run(&p, NO_FAULT);
        compare_all_pairs(&p, &t);
        REQUIRE(t.wrong == 0);
        reused += p.reused;
        joined += p.joined;
    }
    assert_true(t.before > count * 1000 && t.concurrent > count * 500);
    assert_true(reused > count && joined > count);
}

/* One way only: of many concurrent pairs one has the lower time too. */
static void lamport_time_rises_along_every_path(void **state)
{
    static struct program p;
    unsigned long misleading = 0;

    (void)state;
    for (seed = 1; seed <= 20; seed++) {
        run(&p, NO_FAULT);
        for (uint32_t b = 0; b < p.count; b++) {
            bool past[EVENTS_MAX];

            mark_past(&p, b, past);
            for (uint32_t a = 0; a < b; a++) {
                REQUIRE(!past[a] || p.events[a].lamport < p.events[b].lamport);
                misleading += !past[a] && p.events[a].lamport < p.events[b].lamport;
            }
        }
    }
    assert_true(misleading > 1000);
}

static void a_planted_fault_is_found(void **state)
{
    static struct program p;

    (void)state;
    for (enum fault fault = FORGETS_NUMBER; fault <= FORGETS_JOIN; fault++) {
        struct tally t = {0};

        for (seed = 1; seed <= 20; seed++) {
            run(&p, fault);
            compare_all_pairs(&p, &t);
        }
        if (!t.wrong)
            fail_msg("nothing found of fault %d", (int)fault);
    }
}

/* ---- Bounds, against plain arrays -------------------------------------------------------- */

#define WIDE 80 /* more tasks than a clock holds */
#define CLOCKS 4

struct model {
    uint64_t counts[WIDE];
};

static uint32_t width(const struct model *m)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < WIDE; i++)
        n += m->counts[i] != 0;
    return n;
}

static enum cz_order order_of(const struct model *a, const struct model *b)
{
    bool less = false, more = false;

    for (uint32_t i = 0; i < WIDE; i++) {
        less |= a->counts[i] < b->counts[i];
        more |= a->counts[i] > b->counts[i];
    }
    return less ? (more ? CZ_CONCURRENT : CZ_BEFORE) : more ? CZ_AFTER : CZ_SAME;
}

static void require_equal(const struct czi_vector_clock *c, const struct model *m)
{
    uint32_t at = 0;

    REQUIRE(c->count == width(m));
    for (uint32_t i = 0; i < WIDE; i++) {
        REQUIRE(czi_clock_get(c, i * 1000) == m->counts[i]);
        REQUIRE(czi_clock_get(c, i * 1000 + 1) == 0);
        if (!m->counts[i])
            continue;
        REQUIRE(c->parts[at].task == i * 1000 && c->parts[at].count == m->counts[i]);
        at++;
    }
}

static void require_same_bytes(const struct czi_vector_clock *c)
{
    uint8_t bytes[CZI_CLOCK_SIZE_MAX], again_bytes[CZI_CLOCK_SIZE_MAX];
    size_t len = (size_t)(czi_clock_put(bytes, c) - bytes);
    struct czi_cbor in = czi_cbor(bytes, len);
    struct czi_vector_clock again;
    cz_error err = {0};

    czi_clock_read(&in, &again);
    assert_ok(czi_cbor_end(&in, &err), err);
    REQUIRE((size_t)(czi_clock_put(again_bytes, &again) - again_bytes) == len);
    REQUIRE(memcmp(bytes, again_bytes, len) == 0);
    REQUIRE(czi_clock_compare(c, &again) == CZ_SAME);
}

/* One random operation on clock i and its model; true when the bound was in the way. */
static bool operate(struct czi_rng *r, struct czi_vector_clock *clocks, struct model *models)
{
    uint32_t i = below(r, CLOCKS), k = below(r, CLOCKS), task = below(r, WIDE);
    struct model wanted = models[i];
    bool fits, done;

    if (below(r, 16)) {
        wanted.counts[task]++;
        done = czi_clock_increment(&clocks[i], task * 1000);
    } else {
        for (uint32_t t = 0; t < WIDE; t++)
            wanted.counts[t] = CZI_MAX(wanted.counts[t], models[k].counts[t]);
        done = czi_clock_merge(&clocks[i], &clocks[k]);
    }
    fits = width(&wanted) <= CZI_CLOCK_TASKS_MAX;
    REQUIRE(done == fits);
    if (fits)
        models[i] = wanted;
    require_equal(&clocks[i], &models[i]);
    require_same_bytes(&clocks[i]);
    REQUIRE(czi_clock_compare(&clocks[i], &clocks[k]) == order_of(&models[i], &models[k]));
    return !fits;
}

static void beyond_its_bound_a_clock_refuses_and_stays(void **state)
{
    uint64_t first = test_env("CAUSALITY_SEED", 1),
             count = CZI_MAX(test_env("CAUSALITY_SEEDS", SEEDS) / 10, 1);
    unsigned long refused = 0;

    (void)state;
    for (seed = first; seed < first + count; seed++) {
        struct czi_rng r = czi_rng(seed);
        struct czi_vector_clock clocks[CLOCKS] = {0};
        struct model models[CLOCKS] = {0};

        for (unsigned i = 0; i < 600; i++)
            refused += operate(&r, clocks, models);
    }
    assert_true(refused > count * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_agree_with_a_search_of_the_graph),
        cmocka_unit_test(lamport_time_rises_along_every_path),
        cmocka_unit_test(a_planted_fault_is_found),
        cmocka_unit_test(beyond_its_bound_a_clock_refuses_and_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
