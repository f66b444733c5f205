/* test_combinators.c - the algebra of tasks and futures: random trees of forks, barriers,
 * races, timeouts, callbacks and leaves, which end in random order, and are cancelled and
 * stopped at random moments, tell the same story in the runtime as in a model
 * (combinator_model.h): turns, results, values, winners, who is cancelled, the order of joins,
 * and nothing lives afterwards.
 *
 * CAUSALITY_SEEDS trees (20,000), from CAUSALITY_SEED on; a failure prints its own seed and
 * both stories. Their words: t begins, h (and with what) a handler, o is over, w race/winner,
 * ?place is asked of a predicate, -leaf is cancelled, j node=code is joined, v its value, W
 * cz_winner, e fork_each was given.
 */
#include "base/alloc.h"
#include "combinator_model.h"
#include "program/runtime.h"
#include "test.h"

#include <string.h>

/* ---- Plans ----------------------------------------------------------------------------------
 */

struct gen {
    struct plan *plan;
    struct czi_rng rng;
};

static unsigned below(struct gen *g, unsigned n)
{
    return (unsigned)czi_rng_below(&g->rng, n);
}

static bool one_in(struct gen *g, unsigned n)
{
    return below(g, n) == 0;
}

static int room(const struct gen *g)
{
    return PLAN_NODES - g->plan->count;
}

/* Codes that leaves and tasks end with. */
static int some_code(struct gen *g)
{
    static const int codes[] = {CZ_OK, CZ_OK, CZ_OK, CZ_OK, CZ_BUSY, CZ_IO, CZ_REJECTED};

    return codes[below(g, CZI_COUNTOF(codes))];
}

static int new_node(struct gen *g, enum plan_kind kind)
{
    int n = g->plan->count++;

    assert_in_range(n, 0, PLAN_NODES - 1);
    g->plan->nodes[n] = (struct plan_node){.kind = (uint8_t)kind,
                                           .slow = one_in(g, 4),
                                           .stubborn = one_in(g, 3),
                                           .pause = one_in(g, 3),
                                           .code = some_code(g),
                                           .value = below(g, 10),
                                           .refuse = -1};
    return n;
}

static int gen_future(struct gen *g, int depth);

static void gen_steps(struct gen *g, int n, int depth)
{
    unsigned steps = below(g, 4);

    for (unsigned i = 0; i < steps && room(g) > 0; i++) {
        int step = one_in(g, 12) ? new_node(g, PLAN_END) : gen_future(g, depth - 1);
        struct plan_node *s = &g->plan->nodes[step];

        s->how = (uint8_t)(one_in(g, 2) ? PLAN_WAIT : below(g, PLAN_LATER + 1));
        if (s->kind >= PLAN_FORK_JOIN)
            s->how = PLAN_WAIT;
        g->plan->nodes[n].parts[g->plan->nodes[n].count++] = step;
    }
}

static int gen_task(struct gen *g, int depth)
{
    int n = new_node(g, PLAN_TASK);

    gen_steps(g, n, depth);
    return n;
}

static void gen_parts(struct gen *g, int n, unsigned count, bool tasks, int depth)
{
    for (unsigned i = 0; i < count && room(g) > 0; i++) {
        int part = tasks ? gen_task(g, depth - 1) : gen_future(g, depth - 1);

        /* What is waited for in the same call that makes it is no part of anything. */
        g->plan->nodes[n].parts[g->plan->nodes[n].count++] = part;
    }
}

static int gen_simple(struct gen *g)
{
    unsigned dice = below(g, 12);

    return new_node(g, dice == 0 ? PLAN_STALE : dice <= 2 ? PLAN_NOW : PLAN_LEAF);
}

/* step: forks that are waited for at once, too. */
static int gen_composite(struct gen *g, enum plan_kind kind, int depth)
{
    int n = new_node(g, kind);

    switch (kind) {
    case PLAN_CALLBACK:
        gen_parts(g, n, 1, false, depth);
        gen_steps(g, n, depth);
        break;
    case PLAN_TIMEOUT:
        gen_parts(g, n, 1, false, depth);
        break;
    case PLAN_FORK_EACH:
        gen_parts(g, n, below(g, 5), true, depth);
        g->plan->nodes[n].refuse = one_in(g, 3) ? (int)below(g, 4) : -1;
        break;
    case PLAN_FORK_JOIN:
    case PLAN_FORK_TRY:
        gen_parts(g, n, below(g, 5), true, depth);
        break;
    default:
        gen_parts(g, n, one_in(g, 12) ? 0 : 1 + below(g, PLAN_PARTS), false, depth);
        break;
    }
    return n;
}

static int gen_future(struct gen *g, int depth)
{
    if (depth <= 0 || room(g) < 12 || one_in(g, 3))
        return gen_simple(g);
    if (one_in(g, 3))
        return gen_task(g, depth);
    return gen_composite(g, (enum plan_kind)(PLAN_CALLBACK + below(g, 6)), depth);
}

/* A step may be a fork that is waited for at once: some of the first task's are. */
static void gen_plan(struct gen *g, struct plan *plan)
{
    int count;

    plan->count = 0;
    g->plan = plan;
    (void)gen_task(g, 4 + (int)below(g, 3));
    for (int i = 0; i < 3 && one_in(g, 2) && room(g) >= 12; i++) {
        struct plan_node *first = &plan->nodes[0];
        int step;

        if (first->count == PLAN_PARTS)
            break;
        step = gen_composite(g, (enum plan_kind)(PLAN_FORK_JOIN + below(g, 3)), 4);
        plan->nodes[step].how = PLAN_WAIT;
        first->parts[first->count++] = step;
    }
    count = plan->count;
    for (int i = 0; i < count; i++)
        plan->nodes[i].target = (int)below(g, (unsigned)count);
}

/* ---- The runtime plays a plan ---------------------------------------------------------------
 */

struct play;

struct actor {
    struct play *play;
    int node;
};

struct play {
    struct czi_tree tree; /* first */
    const struct plan *plan;
    struct czi_runtime *runtime;
    struct actor actors[2 * PLAN_NODES];
    cz_future leaves[2 * PLAN_NODES];
    struct story story;
    bool is_over;
    bool is_poor; /* there is not room for everything */
};

static struct play *play_of(void *tree)
{
    return tree;
}

static cz_program *program(struct play *p)
{
    return (cz_program *)(void *)p;
}

static void cancel_leaf(void *arg, cz_future leaf)
{
    const struct actor *a = arg;
    struct play *p = a->play;

    story_add(&p->story, "-%d", a->node);
    if (a->node >= PLAN_NODES || !p->plan->nodes[a->node].slow)
        assert_true(czi_leaf_end(p->runtime, leaf, CZ_CANCELLED, 0, NULL));
}

static cz_future make_leaf(struct play *p, int n)
{
    bool made;

    p->leaves[n] = czi_leaf(&p->tree, cancel_leaf, &p->actors[n], &made);
    assert_true(made || p->is_poor);
    return p->leaves[n];
}

static cz_future sleep_leaf(struct czi_tree *t, const cz_deadline *deadline)
{
    return make_leaf(play_of(t), PLAN_NODES + (int)deadline->after_ms);
}

static void won(struct czi_tree *t, uint64_t race, size_t index)
{
    story_add(&play_of(t)->story, "w%d/%d", (int)race, (int)index);
}

static void task_over(struct czi_tree *t, uint64_t task, void *user)
{
    assert_null(user);
    story_add(&play_of(t)->story, "o%d", (int)task);
}

static void program_over(struct czi_tree *t, int code, uint64_t value, const cz_error *err)
{
    (void)value;
    assert_int_equal(t->live, 0);
    assert_int_equal(err ? err->code : CZ_OK, code);
    story_add(&play_of(t)->story, "end=%d", code);
    play_of(t)->is_over = true;
}

static const struct czi_tree_ops ops = {won, task_over, sleep_leaf, NULL, program_over, NULL};

static bool until(void *arg, const cz_completion *c)
{
    story_add(&((struct play *)arg)->story, "?%d", (int)c->index);
    return c->value % 2 == 1 || c->code == CZ_IO;
}

static int run_task(cz_program *p, void *arg, uint64_t *ret, cz_error *err);
static int run_handler(cz_program *p, void *arg, const cz_completion *c, uint64_t *ret,
                       cz_error *err);

static enum cz_race_mode mode_of(enum plan_kind kind)
{
    return kind == PLAN_RACE_ANY  ? CZ_RACE_ANY
           : kind == PLAN_RACE_OK ? CZ_RACE_OK
                                  : CZ_RACE_UNTIL;
}

static cz_future make(struct play *p, int n);

static void make_parts(struct play *p, int n, cz_future *parts)
{
    for (int i = 0; i < p->plan->nodes[n].count; i++)
        parts[i] = make(p, p->plan->nodes[n].parts[i]);
}

static cz_future combine(struct play *p, int n, const cz_future *parts)
{
    const struct plan_node *plan = &p->plan->nodes[n];
    cz_deadline deadline = {.after_ms = (uint64_t)n};

    switch ((enum plan_kind)plan->kind) {
    case PLAN_BARRIER:
        return cz_barrier_future(program(p), parts, (size_t)plan->count);
    case PLAN_TIMEOUT:
        return cz_timeout_future(program(p), &deadline, parts[0]);
    default:
        return cz_race_future(program(p), mode_of((enum plan_kind)plan->kind), parts,
                              (size_t)plan->count, until, p);
    }
}

static cz_future make(struct play *p, int n)
{
    const struct plan_node *plan = &p->plan->nodes[n];
    cz_future parts[PLAN_PARTS];

    switch ((enum plan_kind)plan->kind) {
    case PLAN_LEAF:
        return make_leaf(p, n);
    case PLAN_NOW:
        return czi_leaf_over(&p->tree, plan->code, plan->value, NULL);
    case PLAN_STALE:
        return (cz_future){0, 0};
    case PLAN_TASK:
        return cz_fork(program(p), run_task, &p->actors[n]);
    case PLAN_CALLBACK:
        return cz_callback(program(p), make(p, plan->parts[0]), run_handler, &p->actors[n]);
    default:
        make_parts(p, n, parts);
        return combine(p, n, parts);
    }
}

/* Waiting functions that make what they wait for. Values and errors, or completions. */
static int wait_at_once(struct play *p, int n, const cz_future *parts, uint64_t *ret,
                        cz_error *err)
{
    const struct plan_node *plan = &p->plan->nodes[n];
    size_t count = (size_t)plan->count, winner = SIZE_MAX;
    cz_deadline deadline = {.after_ms = (uint64_t)n};
    cz_completion c = {0};
    int rc;

    switch ((enum plan_kind)plan->kind) {
    case PLAN_BARRIER:
        return cz_barrier(program(p), parts, count, err);
    case PLAN_RACE_ANY:
        if (plan->stubborn) {
            rc = cz_race(program(p), parts, count, &winner, ret, err);
            assert_true(rc || winner == cz_winner(program(p)));
            return rc;
        }
        rc = cz_race_result(program(p), parts, count, &c, err);
        break;
    case PLAN_RACE_OK:
        return cz_race_ok(program(p), parts, count, &winner, ret, err);
    case PLAN_RACE_UNTIL:
        rc = cz_race_until(program(p), parts, count, until, p, &c, err);
        break;
    default:
        if (plan->stubborn)
            return cz_timeout(program(p), &deadline, parts[0], ret, err);
        rc = cz_timeout_result(program(p), &deadline, parts[0], &c, err);
        break;
    }
    *ret = c.value;
    return rc ? rc : c.code;
}

static int each(cz_program *program, void *arg, const cz_completion *c, cz_error *err)
{
    const struct actor *a = arg;
    const struct plan_node *plan = &a->play->plan->nodes[a->node];

    story_add(&a->play->story, "e%d:%d:%d", (int)c->index, c->code, (int)c->value);
    if ((int)c->index == plan->refuse)
        return CZ_CONFLICT;
    return plan->pause ? cz_program_yield(program, err) : CZ_OK;
}

static int fork_at_once(struct play *p, int n, cz_error *err)
{
    const struct plan_node *plan = &p->plan->nodes[n];
    size_t count = (size_t)plan->count;
    cz_branch branches[PLAN_PARTS];
    cz_completion c[PLAN_PARTS];
    uint64_t values[PLAN_PARTS];
    int rc;

    for (size_t i = 0; i < count; i++)
        branches[i] = (cz_branch){run_task, &p->actors[plan->parts[i]]};
    if (plan->kind == PLAN_FORK_EACH)
        return cz_fork_each(program(p), branches, count, each, &p->actors[n], err);
    if (plan->kind == PLAN_FORK_JOIN) {
        rc = cz_fork_join(program(p), branches, count, values, err);
        for (size_t i = 0; !rc && i < count; i++)
            story_add(&p->story, "v%d", (int)values[i]);
        return rc;
    }
    rc = cz_fork_try_join(program(p), branches, count, c, err);
    for (size_t i = 0; !rc && i < count; i++)
        story_add(&p->story, "%d:%d:%d", (int)c[i].index, c[i].code, (int)c[i].value);
    return rc;
}

static bool is_combinator(enum plan_kind kind)
{
    return kind >= PLAN_BARRIER && kind <= PLAN_TIMEOUT;
}

/* A step that is more than its future; sum: of the values. */
static int join_step(struct play *p, int n, uint64_t *sum, cz_error *err)
{
    const struct plan_node *plan = &p->plan->nodes[n];
    enum plan_kind kind = (enum plan_kind)plan->kind;
    cz_future parts[PLAN_PARTS], f = {0, 0};
    uint64_t value = 0;
    bool at_once = is_combinator(kind) && plan->how == PLAN_WAIT;
    int rc;

    if (is_combinator(kind)) {
        make_parts(p, n, parts);
        rc = plan->pause ? cz_program_yield(program(p), err) : CZ_OK;
        if (rc)
            assert_true(rc == CZ_CANCELLED || rc == CZ_CLOSED);
        if (!at_once)
            f = combine(p, n, parts);
    } else {
        f = make(p, n);
    }
    if (plan->how == PLAN_LEAVE)
        return CZ_OK;
    if (plan->how == PLAN_LATER)
        cz_cancel_later(program(p), f);
    if (plan->how == PLAN_CANCEL)
        rc = cz_cancel(program(p), f, err);
    else
        rc = at_once ? wait_at_once(p, n, parts, &value, err)
                     : cz_join(program(p), f, &value, err);
    if (is_combinator(kind) && kind != PLAN_BARRIER && plan->how != PLAN_CANCEL)
        story_add(&p->story, "W%d", (int)cz_winner(program(p)));
    if (!rc && plan->how != PLAN_CANCEL && !(at_once && kind == PLAN_BARRIER)) {
        story_add(&p->story, "v%d", (int)value);
        *sum = (*sum + value) % 100;
    }
    story_add(&p->story, "j%d=%d", n, rc);
    return rc;
}

static int run_steps(struct play *p, int task, int from, uint64_t *ret, cz_error *err)
{
    const struct plan_node *plan = &p->plan->nodes[task];
    uint64_t sum = 0;

    for (int i = from; i < plan->count; i++) {
        int n = plan->parts[i], rc;
        const struct plan_node *step = &p->plan->nodes[n];

        if (step->kind == PLAN_END) {
            if (p->plan->nodes[step->target].kind == PLAN_LEAF)
                (void)czi_leaf_end(p->runtime, p->leaves[step->target], step->code, step->value,
                                   NULL);
            continue;
        }
        if (step->kind >= PLAN_FORK_JOIN) {
            rc = fork_at_once(p, n, err);
            story_add(&p->story, "j%d=%d", n, rc);
        } else {
            rc = join_step(p, n, &sum, err);
        }
        if (rc && !plan->stubborn)
            return rc;
    }
    *ret = sum + (uint64_t)task;
    return CZ_OK;
}

static int run_task(cz_program *program, void *arg, uint64_t *ret, cz_error *err)
{
    const struct actor *a = arg;

    assert_ptr_equal(play_of(program), a->play);
    story_add(&a->play->story, "t%d", (int)czi_tree_task(&a->play->tree));
    return run_steps(a->play, a->node, 0, ret, err);
}

static int run_handler(cz_program *program, void *arg, const cz_completion *c, uint64_t *ret,
                       cz_error *err)
{
    const struct actor *a = arg;

    (void)program;
    assert_int_equal(c->index, 0);
    story_add(&a->play->story, "t%d", (int)czi_tree_task(&a->play->tree));
    story_add(&a->play->story, "h%d:%d", c->code, (int)c->value);
    return run_steps(a->play, a->node, 1, ret, err);
}

/* ---- Both ----------------------------------------------------------------------------------
 */

static struct plan plan;
static struct play play;
static unsigned counts[128]; /* of the words of all stories, by first letter */

static void run(struct czi_runtime *r)
{
    while (czi_runtime_run_one(r)) {
    }
}

static void compare(uint64_t seed, const struct model *m)
{
    const struct story *s = model_story(m);

    if (!strcmp(play.story.text, s->text))
        return;
    fail_msg("seed %llu:\nruntime: %s\nmodel:   %s", (unsigned long long)seed, play.story.text,
             s->text);
}

/* Something of the world happens to both. */
static void happen(struct gen *g, uint64_t seed, struct model *m)
{
    int live[2 * PLAN_NODES], count = 0;
    unsigned dice = below(g, 40);

    if (dice == 0) {
        czi_tree_cancel(&play.tree);
        model_cancel(m);
        return;
    }
    if (dice == 1) {
        czi_tree_stop(&play.tree, CZ_CLOSED, NULL);
        model_stop(m, CZ_CLOSED);
        return;
    }
    for (int i = 0; i < 2 * PLAN_NODES; i++)
        if (model_is_live(m, i))
            live[count++] = i;
    if (count == 0)
        fail_msg("seed %llu: nothing is live, and it has not ended: %s",
                 (unsigned long long)seed, play.story.text);
    for (unsigned n = 1 + below(g, 2); n > 0; n--) { /* two, before anybody's turn */
        int leaf = live[below(g, (unsigned)count)], code = some_code(g);
        uint64_t value = below(g, 10);
        bool was = model_is_live(m, leaf);

        if (was)
            model_end(m, leaf, code, value);
        assert_int_equal(czi_leaf_end(play.runtime, play.leaves[leaf], code, value, NULL), was);
    }
}

static void set_stage(struct gen *g, struct czi_runtime *r)
{
    gen_plan(g, &plan);
    memset(&play, 0, sizeof play);
    play.plan = &plan;
    play.runtime = r;
    for (int i = 0; i < 2 * PLAN_NODES; i++)
        play.actors[i] = (struct actor){&play, i};
}

static void one_tree(struct czi_runtime *r, uint64_t seed)
{
    struct gen g = {.rng = czi_rng(seed)};
    struct model *m;
    cz_error err = {0};

    set_stage(&g, r);
    m = model_new(&plan);
    assert_ok(czi_tree_begin(&play.tree, r, &ops, run_task, &play.actors[0], &err), err);
    if (one_in(&g, 100)) { /* before it has begun */
        czi_tree_cancel(&play.tree);
        model_cancel(m);
    }
    for (;;) {
        run(r);
        model_run(m);
        compare(seed, m);
        if (model_is_over(m))
            break;
        happen(&g, seed, m);
    }
    if (!play.is_over || play.tree.live || czi_runtime_ready(r))
        fail_msg("seed %llu: something lives on", (unsigned long long)seed);
    model_free(m);
    for (const char *c = play.story.text; *c; c = strchr(c, ' ') + 1)
        counts[*c & 127]++;
}

static void random_trees_tell_the_same_story_as_the_model(void **state)
{
    uint64_t seed = test_env("CAUSALITY_SEED", 1);
#ifdef TEST_IS_SLOW
    unsigned long trees = test_env("CAUSALITY_SEEDS", 3000);
#else
    unsigned long trees = test_env("CAUSALITY_SEEDS", 20000);
#endif
    struct czi_runtime *r;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_runtime_new(0, 256, 1024, &r, &err), err);
    for (unsigned long i = 0; i < trees; i++)
        one_tree(r, seed + i);
    czi_runtime_free(r);
    if (trees < 1000)
        return;
    for (const char *word = "theow?-jvWe"; *word; word++) /* each of them happens */
        if (counts[*word & 127] < trees / 100)
            fail_msg("only %u times '%c'", counts[*word & 127], *word);
}

/* Ends some leaf that lives; false: none does. */
static bool end_a_leaf(struct gen *g)
{
    unsigned from = below(g, 2 * PLAN_NODES);

    for (unsigned i = 0; i < 2 * PLAN_NODES; i++)
        if (czi_leaf_end(play.runtime, play.leaves[(from + i) % (2 * PLAN_NODES)], some_code(g),
                         below(g, 10), NULL))
            return true;
    return false;
}

/* Without room, stacks or, once, memory: there is no model of that, but it ends. */
static void one_poor_tree(uint64_t seed)
{
    struct gen g = {.rng = czi_rng(seed)};
    uint32_t stacks = 1 + below(&g, 6), futures = 1 + below(&g, 40);
    struct czi_runtime *r;
    cz_error err = {0};
    int rc;

    assert_ok(czi_runtime_new(16384, stacks, futures, &r, &err), err);
    set_stage(&g, r);
    play.is_poor = true;
    czi_alloc_fail_after(one_in(&g, 2) ? (int64_t)below(&g, 20) : -1);
    rc = czi_tree_begin(&play.tree, r, &ops, run_task, &play.actors[0], &err);
    assert_true(rc == CZ_OK || (rc == CZ_NOMEM && czi_alloc_failed()));
    for (;;) {
        run(r);
        if (rc || play.is_over)
            break;
        if (one_in(&g, 30))
            czi_tree_cancel(&play.tree);
        else if (!end_a_leaf(&g))
            fail_msg("seed %llu: nothing is live, and it has not ended: %s",
                     (unsigned long long)seed, play.story.text);
    }
    czi_alloc_fail_after(-1);
    if (czi_runtime_ready(r))
        fail_msg("seed %llu: something lives on", (unsigned long long)seed);
    czi_runtime_free(r); /* and checks that no future lives */
}

static void random_trees_end_whatever_is_missing(void **state)
{
    uint64_t seed = test_env("CAUSALITY_SEED", 1);
    unsigned long trees = test_env("CAUSALITY_SEEDS", 20000) / 10;

    (void)state;
    for (unsigned long i = 0; i < trees; i++)
        one_poor_tree(seed + i);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(random_trees_end_whatever_is_missing),
        cmocka_unit_test(random_trees_tell_the_same_story_as_the_model),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
