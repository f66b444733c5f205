/* test_watch.c - watches against a small model: of random effects and blocks, and random
 * watches made before, between and within them, each is told once, of the first event of which
 * it is true, in the order of the journal.
 *
 * The model knows nothing of batches: it applies what was submitted, in the order in which the
 * engine told it, and keeps every state. On an engine that is driven by a seed it is known when
 * a watch began; on one with threads it is known to within an entry, and any of those
 * beginnings may be the true one.
 */
#include "causality/sim.h"
#include "stage.h"

#include "domain/domain.h"
#include "engine/engine.h"
#include "fact/fact.h"
#include "platform/simulated.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { COINS = 4, DATA = COINS, THINGS, EVENTS_MAX = 1500, WATCHES_MAX = 400, BLOCKS = 120 };

/* ---- What happens -------------------------------------------------------------------------
 */

enum what { PAY, WRITE, LOCK, UNLOCK, CREATE, BLOCK };

struct event {
    struct world *world;
    enum what what;
    unsigned a, b;  /* things */
    unsigned value; /* amount, text, height */
    cz_result result;
};

struct thing {
    bool exists, locked;
    unsigned quantity, data;
    uint64_t version, lamport;
};

struct state {
    struct thing things[THINGS];
    uint64_t height, time, lamport, position;
    unsigned wrote; /* bits: what the last event wrote */
    bool moved;     /* it moved the time map */
};

/* What a watch is about. */
enum about { CHANGE, QUANTITY, VERSION, TEXT, LOCKED, HEIGHT, NEXT_BLOCK, MAP };

struct watch {
    struct world *world;
    enum about about;
    unsigned thing;
    uint64_t value;
    uint64_t deadline_lamport, deadline_time, deadline_height;
    unsigned first, last; /* it began before one of these events */
    bool from_callback;   /* then more may have been executed */
    uint64_t number;
    _Atomic unsigned told; /* times */
    cz_watched got;
    unsigned event;    /* when it was told: so many events were */
    unsigned given_up; /* events told before; UINT32_MAX: it was not */
    int given_up_code;
};

struct world {
    uint64_t seed;
    bool threads;
    cz_engine *engine;
    cz_sim_chain *chain;
    struct czi_buf blocks[BLOCKS + 1];
    uint64_t times[BLOCKS + 1];
    struct czi_rng rng; /* of the engine's thread, when there is one; else of all */
    struct event events[EVENTS_MAX];
    unsigned submitted, next_block;
    struct event *told[EVENTS_MAX];
    _Atomic unsigned told_count;
    struct state states[EVENTS_MAX + 1];
    struct watch watches[WATCHES_MAX];
    _Atomic unsigned watch_count;
    struct watch *own; /* the last one that no callback made */
    cz_id ids[THINGS];
    unsigned order[WATCHES_MAX]; /* of those that an event ended */
    unsigned ended;
};

_Noreturn static void failed(const struct world *w, const char *what, int line)
{
    (void)fprintf(stderr, "test_watch.c:%d: seed %llu, %s: %s\n", line,
                  (unsigned long long)w->seed, w->threads ? "threads" : "driven", what);
    abort();
}
#define CHECK(w, expr) ((expr) ? (void)0 : failed(w, #expr, __LINE__))

/* ---- The model ------------------------------------------------------------------------------
 */

static bool applies(const struct state *s, const struct event *e)
{
    const struct thing *a = &s->things[e->a], *b = &s->things[e->b];

    switch (e->what) {
    case PAY:
        return a->exists && b->exists && a->quantity >= e->value;
    case WRITE:
    case LOCK:
        return a->exists && !a->locked;
    case UNLOCK:
        return a->exists && a->locked;
    case CREATE:
        return !a->exists;
    default:
        return e->value > s->height;
    }
}

static void write_thing(struct state *s, unsigned i)
{
    s->things[i].version++;
    s->things[i].lamport = s->lamport;
    s->wrote |= 1u << i;
}

static void happen(const struct world *w, struct state *s, const struct event *e)
{
    struct thing *a = &s->things[e->a], *b = &s->things[e->b];
    bool applied = applies(s, e);
    uint64_t lamport;

    s->wrote = 0;
    s->moved = false;
    if (e->what == BLOCK) {
        CHECK(w, e->result.status == (applied ? CZ_STATUS_APPLIED : CZ_STATUS_DUPLICATE));
        s->moved = applied;
        s->height = CZI_MAX(s->height, e->value);
        s->time = w->times[s->height];
        return;
    }
    CHECK(w, e->result.status == (applied ? CZ_STATUS_APPLIED : CZ_STATUS_REJECTED));
    CHECK(w, e->result.position == ++s->position);
    lamport = 1 + CZI_MAX(a->lamport, e->what == PAY ? b->lamport : 0);
    if (applied) {
        struct state before = *s;

        s->lamport = lamport;
        write_thing(s, e->a);
        if (e->what == PAY) {
            a->quantity -= e->value;
            b->quantity += e->value;
            write_thing(s, e->b);
        }
        if (e->what == LOCK || e->what == UNLOCK)
            a->locked = e->what == LOCK;
        if (e->what == WRITE)
            a->data = e->value;
        if (e->what == CREATE) {
            a->exists = true;
            a->quantity = e->value;
        }
        lamport = CZI_MAX(before.lamport, lamport);
    }
    s->lamport = CZI_MAX(s->lamport, lamport);
}

/* ---- Whether a watch is true ----------------------------------------------------------------
 */

static bool of_time(const struct watch *x)
{
    return x->about >= HEIGHT;
}

/* Of a state, whatever came before. */
static bool holds(const struct watch *x, const struct state *s)
{
    const struct thing *t = &s->things[x->thing];

    switch (x->about) {
    case QUANTITY:
        return t->exists && t->quantity % 7 == x->value % 7;
    case VERSION:
        return t->exists && t->version == x->value;
    case TEXT:
        return t->exists && t->data % 5 == x->value % 5;
    case LOCKED:
        return t->exists && t->locked && t->data % 3 == x->value % 3;
    case HEIGHT:
        return s->height >= x->value;
    case MAP:
        return s->height % 6 == x->value % 6;
    default:
        return false;
    }
}

static bool comes_true(const struct watch *x, const struct state *s)
{
    if (of_time(x))
        return s->moved && (x->about == NEXT_BLOCK || holds(x, s));
    return (s->wrote >> x->thing & 1) && (x->about == CHANGE || holds(x, s));
}

static bool is_late(const struct watch *x, const struct state *s)
{
    return (x->deadline_lamport && s->lamport >= x->deadline_lamport) ||
           (x->deadline_time && s->time >= x->deadline_time) ||
           (x->deadline_height && s->height >= x->deadline_height);
}

struct expected {
    int code;
    unsigned event; /* UINT32_MAX: none */
    uint64_t version;
};

static struct expected expect(const struct world *w, const struct watch *x, unsigned begin,
                              bool judge_first, unsigned end)
{
    const struct state *s = &w->states[begin];

    if (judge_first && holds(x, s))
        return (struct expected){CZ_OK, UINT32_MAX, s->things[x->thing].version};
    if (is_late(x, s))
        return (struct expected){CZ_TIMEOUT, UINT32_MAX, 0};
    for (unsigned e = begin; e < end; e++) {
        s = &w->states[e + 1];
        if (comes_true(x, s))
            return (struct expected){CZ_OK, e, s->things[x->thing].version};
        if (is_late(x, s))
            return (struct expected){CZ_TIMEOUT, e, 0};
    }
    return (struct expected){CZ_CLOSED, UINT32_MAX, 0};
}

static bool is_written_after(const struct world *w, const struct watch *x, unsigned begin)
{
    bool written = false;

    for (unsigned e = begin; e < w->told_count && !of_time(x); e++)
        written |= w->states[e + 1].wrote >> x->thing & 1;
    return written;
}

/* Whether what a watch was told can come of a beginning. */
static bool agrees(const struct world *w, const struct watch *x, unsigned begin,
                   bool judge_first)
{
    struct expected want = expect(w, x, begin, judge_first, w->told_count);
    const struct event *e = want.event == UINT32_MAX ? NULL : w->told[want.event];
    const struct state *s = e ? &w->states[want.event + 1] : &w->states[begin];

    if (x->got.code == CZ_CANCELLED)
        return want.code == CZ_CLOSED || (e ? want.event : begin) >= x->given_up;
    if (x->got.code == CZ_CLOSED && begin == w->told_count)
        return true; /* the engine may close before it begins */
    if (x->got.code != want.code)
        return false;
    if (want.code == CZ_CLOSED)
        return true;
    if (x->got.position != (e && e->what != BLOCK ? e->result.position : 0) ||
        x->got.fact != (e && e->what == BLOCK ? e->value + 1 : 0) ||
        (want.code == CZ_OK && !of_time(x) && x->got.version != want.version) ||
        x->got.lamport != s->lamport)
        return false;
    return !e || x->event == want.event; /* just before it is told itself */
}

static void describe(const struct world *w, const struct watch *x)
{
    struct expected want = expect(w, x, x->first, true, w->told_count);

    (void)fprintf(
        stderr,
        "watch %llu, of %d, thing %u, value %llu, begun at %u to %u%s: told %d, position"
        " %llu, fact %llu, version %llu, lamport %llu, after %u events; wanted %d, event"
        " %u, version %llu\n",
        (unsigned long long)x->number, (int)x->about, x->thing, (unsigned long long)x->value,
        x->first, x->last, x->from_callback ? ", from a callback" : "", x->got.code,
        (unsigned long long)x->got.position, (unsigned long long)x->got.fact,
        (unsigned long long)x->got.version, (unsigned long long)x->got.lamport, x->event,
        want.code, want.event, (unsigned long long)want.version);
}

static void check_watch(const struct world *w, const struct watch *x)
{
    bool found = false;

    CHECK(w, x->told == 1);
    for (unsigned begin = x->first; begin <= x->last && begin <= w->told_count && !found;
         begin++) {
        found = agrees(w, x, begin, true);
        /* What overwrites its first state was executed already. */
        if (!found && (x->from_callback || w->threads) && is_written_after(w, x, begin))
            found = agrees(w, x, begin, false);
    }
    if (!found)
        describe(w, x);
    CHECK(w, found);
}

/* ---- The engine -----------------------------------------------------------------------------
 */

static bool resource_is(void *arg, const cz_resource *r)
{
    const struct watch *x = arg;
    struct state s = {0};

    s.things[x->thing] = (struct thing){.exists = true,
                                        .locked = r->state == CZ_LOCKED,
                                        .quantity = (unsigned)r->quantity,
                                        .version = r->version};
    if (x->about == TEXT || x->about == LOCKED) {
        CHECK(x->world, r->data_len == sizeof(unsigned));
        memcpy(&s.things[x->thing].data, r->data, sizeof(unsigned));
    }
    return holds(x, &s);
}

static bool time_is(void *arg, const cz_time_map *map)
{
    const struct watch *x = arg;
    struct state s = {0};
    cz_domain_time t;

    if (cz_time_map_find(map, "moon", &t, NULL) == CZ_OK)
        s.height = t.height;
    CHECK(x->world, s.height == 0 || t.time == x->world->times[s.height]);
    return holds(x, &s);
}

static void watch(struct world *w, struct czi_rng *rng, unsigned first, unsigned more,
                  bool from_callback);

static void watched(void *arg, const cz_watched *got)
{
    struct watch *x = arg;
    struct world *w = x->world;
    bool by_event = got->position || got->fact;
    unsigned told = w->told_count;

    x->got = *got;
    x->event = told;
    if (by_event)
        w->order[w->ended++] = (unsigned)(x - w->watches);
    x->told++;
    if (got->code == CZ_CANCELLED || got->code == CZ_CLOSED)
        return;
    if (czi_rng_below(&w->rng, 3) == 0)
        watch(w, &w->rng, told + by_event, !by_event, true);
}

static void watch(struct world *w, struct czi_rng *rng, unsigned first, unsigned more,
                  bool from_callback)
{
    unsigned i = atomic_fetch_add(&w->watch_count, 1);
    struct watch *x = &w->watches[i];
    cz_watch_spec spec = {.arg = x};
    cz_error err = {0};

    if (i >= WATCHES_MAX) {
        w->watch_count = WATCHES_MAX;
        return;
    }
    *x = (struct watch){.world = w,
                        .about = (enum about)czi_rng_below(rng, MAP + 1),
                        .thing = (unsigned)czi_rng_below(rng, THINGS),
                        .first = first,
                        .last = first + more,
                        .from_callback = from_callback,
                        .given_up = UINT32_MAX};
    if (x->about == TEXT || x->about == LOCKED)
        x->thing = DATA;
    if (x->about == QUANTITY)
        x->thing %= COINS;
    x->value = x->about == HEIGHT ? 1 + czi_rng_below(rng, BLOCKS) : czi_rng_below(rng, 60);
    if (czi_rng_below(rng, 3) == 0)
        x->deadline_lamport = 1 + czi_rng_below(rng, 300);
    if (czi_rng_below(rng, 4) == 0)
        x->deadline_height = 1 + czi_rng_below(rng, BLOCKS);
    if (czi_rng_below(rng, 4) == 0)
        x->deadline_time = w->times[1 + czi_rng_below(rng, BLOCKS)];
    spec.deadline_lamport = x->deadline_lamport;
    spec.deadline_time = x->deadline_time;
    spec.deadline_height = x->deadline_height;
    spec.deadline_domain = x->deadline_time || x->deadline_height ? "moon" : NULL;
    if (of_time(x)) {
        spec.domain = x->about == MAP && x->value % 2 ? NULL : "moon";
        spec.time_map = !spec.domain;
        spec.time_is = x->about == MAP ? time_is : NULL;
        spec.height = x->about == HEIGHT ? x->value : 0;
    } else {
        spec.resource = &w->ids[x->thing];
        spec.resource_is = x->about == CHANGE ? NULL : resource_is;
        spec.with_data = x->thing == DATA;
    }
    CHECK(w, cz_watch(w->engine, &spec, watched, x, &x->number, &err) == CZ_OK);
    if (from_callback)
        return;
    w->own = x;
    if (w->threads)
        x->last = w->told_count + 1;
}

static void done(void *arg, const cz_result *r)
{
    struct event *e = arg;
    struct world *w = e->world;

    e->result = *r;
    w->told[w->told_count] = e;
    w->told_count++;
    if (czi_rng_below(&w->rng, 24) == 0)
        watch(w, &w->rng, w->told_count, 0, true);
}

static void build(const struct world *w, const struct event *e, unsigned nonce, cz_effect *f)
{
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .kind = e->a == DATA ? CZ_DATA : CZ_FUNGIBLE,
                     .asset = e->a == DATA ? NULL : "COIN",
                     .quantity = e->a == DATA ? 0 : e->value,
                     .data = e->a == DATA ? (const uint8_t *)"\0\0\0" : NULL,
                     .data_len = e->a == DATA ? 4 : 0};
    char label[] = {(char)('A' + e->a), 0};
    cz_id origin = cz_operator();
    cz_error err = {0};
    int rc = CZ_OK;

    c.label = label;
    cz_effect_set_origin(f, &origin);
    cz_effect_set_nonce(f, nonce);
    if (e->what == PAY)
        rc = cz_effect_transfer(f, &w->ids[e->a], &w->ids[e->b], e->value, &err);
    else if (e->what == WRITE)
        rc = cz_effect_write(f, &w->ids[e->a], &e->value, sizeof e->value, &err);
    else if (e->what == LOCK)
        rc = cz_effect_lock(f, &w->ids[e->a], &err);
    else if (e->what == UNLOCK)
        rc = cz_effect_unlock(f, &w->ids[e->a], &err);
    else
        rc = cz_effect_create(f, &c, &err);
    CHECK(w, rc == CZ_OK);
}

static void submit(struct world *w, struct czi_rng *rng, cz_effect *f)
{
    static const enum what whats[] = {PAY,  PAY,    PAY,    PAY,   WRITE, WRITE,
                                      LOCK, UNLOCK, CREATE, BLOCK, BLOCK};
    struct event *e = &w->events[w->submitted++];
    uint64_t ticket;
    cz_error err = {0};

    *e = (struct event){.world = w, .what = whats[czi_rng_below(rng, CZI_COUNTOF(whats))]};
    e->a = e->what == PAY ? (unsigned)czi_rng_below(rng, COINS) : DATA;
    if (e->what == CREATE)
        e->a = (unsigned)czi_rng_below(rng, THINGS);
    e->b = e->what == PAY ? (e->a + 1 + (unsigned)czi_rng_below(rng, COINS - 1)) % COINS : e->a;
    e->value = 1 + (unsigned)czi_rng_below(rng, e->what == CREATE ? 200 : 50);
    if (e->what == CREATE && e->a == DATA)
        e->value = 0;
    if (e->what == BLOCK) /* the next, or one that is known */
        e->value = w->next_block < BLOCKS && czi_rng_below(rng, 4)
                       ? ++w->next_block
                       : (unsigned)czi_rng_below(rng, w->next_block + 1);
    if (e->what == BLOCK && !e->value) { /* the genesis block has no fact */
        w->submitted--;
    } else if (e->what == BLOCK) {
        CHECK(w, czi_submit_item(w->engine, w->blocks[e->value].data, w->blocks[e->value].len,
                                 done, e, &ticket, &err) == CZ_OK);
    } else {
        cz_effect_clear(f);
        build(w, e, w->submitted, f);
        CHECK(w, cz_submit_effect(w->engine, f, done, e, &ticket, &err) == CZ_OK);
    }
}

static void give_up(struct world *w, struct czi_rng *rng)
{
    unsigned count = CZI_MIN(w->watch_count, (unsigned)WATCHES_MAX);
    struct watch *x;

    if (w->threads) /* callbacks make others meanwhile */
        x = w->own;
    else
        x = count ? &w->watches[czi_rng_below(rng, count)] : NULL;
    if (!x || x->given_up != UINT32_MAX)
        return;
    x->given_up = w->told_count;
    x->given_up_code = cz_unwatch(w->engine, x->number, NULL);
    CHECK(w, w->threads || (x->given_up_code == CZ_OK) ==
                               (x->got.code == CZ_CANCELLED && x->event == w->told_count));
}

/* ---- A run --------------------------------------------------------------------------------
 */

static int keep_block(void *arg, const cz_sim_fact *f, cz_error *err)
{
    struct world *w = arg;
    struct czi_fact fact;

    if (f->kind != CZ_FACT_BLOCK)
        return CZ_OK;
    czi_buf_put(&w->blocks[f->height], f->bytes, f->len);
    if (czi_fact_decode(f->bytes, f->len, &fact, err))
        return CZ_INVALID;
    w->times[f->height] = fact.time;
    return CZ_OK;
}

static struct world *open_world(uint64_t seed, bool threads)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    cz_options o = {.threads = 2 + (unsigned)(seed % 2),
                    .batch_max = 1 + (unsigned)(seed % 24),
                    .backlog_max = 1024,
                    .ordered = true};
    struct world *w = calloc(1, sizeof *w);
    cz_domain_spec domain;
    cz_error err = {0};

    w->seed = seed;
    w->threads = threads;
    w->rng = czi_rng(seed);
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, &err), err);
    assert_ok(czi_ledger_create(store.fs, &err), err);
    assert_ok(threads ? czi_open_store(&store, &o, &w->engine, &err)
                      : czi_open_driven(&store, &o, &w->engine, &err),
              err);
    w->engine->fs = store.fs;
    assert_ok(cz_sim_new("moon", seed, &w->chain, &err), err);
    assert_ok(cz_sim_mine(w->chain, BLOCKS, &err), err);
    assert_ok(cz_sim_facts(w->chain, 0, NULL, keep_block, w, &err), err);
    cz_sim_domain(w->chain, &domain);
    assert_ok(cz_domain_set(w->engine, &domain, &err), err);
    for (unsigned i = 0; i < THINGS; i++) {
        char label[] = {(char)('A' + i), 0};
        cz_id creator = cz_operator();

        assert_ok(cz_resource_id(&creator, label, &w->ids[i], &err), err);
    }
    return w;
}

static void check_world(struct world *w)
{
    unsigned count = CZI_MIN(w->watch_count, (unsigned)WATCHES_MAX);

    CHECK(w, w->told_count == w->submitted);
    for (unsigned e = 0; e < w->told_count; e++) {
        w->states[e + 1] = w->states[e];
        happen(w, &w->states[e + 1], w->told[e]);
    }
    for (unsigned i = 0; i < count; i++)
        check_watch(w, &w->watches[i]);
    for (unsigned i = 1; i < w->ended; i++) {
        const struct watch *a = &w->watches[w->order[i - 1]], *b = &w->watches[w->order[i]];

        CHECK(w, a->event < b->event || (a->event == b->event && a->number < b->number));
    }
}

static void close_world(struct world *w)
{
    cz_error err = {0};

    assert_ok(cz_close(w->engine, &err), err);
    check_world(w);
    for (unsigned h = 0; h <= BLOCKS; h++)
        czi_buf_done(&w->blocks[h]);
    cz_sim_free(w->chain);
    free(w);
}

static void watches_are_told_as_the_model_says(void **state)
{
    unsigned long first = test_env("CAUSALITY_SEED", 1);
    unsigned long seeds = test_env("CAUSALITY_SEEDS", STAGE_SEEDS / 20);

    (void)state;
    for (unsigned long seed = first; seed < first + seeds; seed++) {
        struct world *w = open_world(seed, false);
        struct czi_rng *rng = &w->rng;
        cz_effect *f = cz_effect_new();
        unsigned steps = 20 + (unsigned)czi_rng_below(rng, 40);

        for (unsigned i = 0; i < steps; i++) {
            unsigned submissions =
                (unsigned)czi_rng_below(rng, 3) * (unsigned)czi_rng_below(rng, 13);

            for (unsigned k = 0; k < submissions; k++)
                submit(w, rng, f);
            /* Those made here begin when the engine next works: nothing is executed till then.
             */
            for (uint64_t k = czi_rng_below(rng, 5); k > 0; k--)
                watch(w, rng, w->told_count, 0, false);
            if (czi_rng_below(rng, 2))
                give_up(w, rng);
            if (czi_rng_below(rng, 3))
                (void)czi_engine_pump(w->engine);
        }
        cz_effect_free(f);
        close_world(w);
    }
}

static void *submit_many(void *arg)
{
    struct world *w = arg;
    struct czi_rng rng = czi_rng(w->seed + 1000000);
    cz_effect *f = cz_effect_new();

    for (unsigned i = 0; i < 1000; i++) {
        submit(w, &rng, f);
        if (czi_rng_below(&rng, 20) == 0)
            sched_yield();
    }
    cz_effect_free(f);
    return NULL;
}

static void so_they_are_beside_threads(void **state)
{
    unsigned long first = test_env("CAUSALITY_SEED", 1);
    unsigned long rounds = test_env("CAUSALITY_ROUNDS", STAGE_SEEDS / 250);

    (void)state;
    for (unsigned long seed = first; seed < first + rounds; seed++) {
        struct world *w = open_world(seed, true);
        struct czi_rng rng = czi_rng(seed + 2000000);
        pthread_t submitter;
        cz_error err = {0};

        assert_int_equal(pthread_create(&submitter, NULL, submit_many, w), 0);
        for (unsigned i = 0; i < 200; i++) {
            watch(w, &rng, w->told_count, 0, false);
            if (czi_rng_below(&rng, 3) == 0)
                give_up(w, &rng);
            for (uint64_t k = czi_rng_below(&rng, 30); k > 0; k--)
                sched_yield();
        }
        assert_int_equal(pthread_join(submitter, NULL), 0);
        assert_ok(cz_flush(w->engine, &err), err);
        close_world(w);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(watches_are_told_as_the_model_says),
        cmocka_unit_test(so_they_are_beside_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
