/* runtime_fixture.h - one program without a host: its leaves are ended by the test, and all
 * that the runtime tells a host is kept as text.
 */
#ifndef CZI_RUNTIME_FIXTURE_H
#define CZI_RUNTIME_FIXTURE_H

#include "base/alloc.h"
#include "program/runtime.h"
#include "test.h"

#include <string.h>

enum { TOLD_SIZE = 8192, LEAVES = 64 };

struct stage;

/* A leaf of a test: ends when told to, and with CZ_CANCELLED when cancelled, unless it is slow.
 */
struct leaf {
    struct stage *stage;
    cz_future future;
    char name[16];
    bool slow; /* to be cancelled: the test ends it */
};

struct stage {
    struct czi_tree tree; /* first */
    struct czi_runtime *runtime;
    int (*play)(struct stage *s, cz_error *err); /* the first task's function */
    char told[TOLD_SIZE];                        /* what happened, in order */
    struct leaf leaves[LEAVES];
    unsigned leaf_count;
    uint64_t randoms[16];
    unsigned random_count;
    cz_deadline deadlines[LEAVES];
    unsigned deadline_count;
    bool slow_sleeps, is_over;
    int code;
    uint64_t value;
    cz_error error;
    void *arg;
};

static inline struct stage *stage_of(void *tree)
{
    return tree;
}

static inline __attribute__((format(printf, 2, 3))) void tell(struct stage *s, const char *fmt,
                                                              ...)
{
    size_t len = strlen(s->told);
    va_list ap;

    va_start(ap, fmt);
    if (len && len < sizeof s->told - 2)
        s->told[len++] = ' ';
    (void)vsnprintf(s->told + len, sizeof s->told - len, fmt, ap);
    va_end(ap);
}

#define assert_told(s, text)                                                                   \
    do {                                                                                       \
        assert_string_equal((s)->told, text);                                                  \
        (s)->told[0] = 0;                                                                      \
    } while (0)

static inline void leaf_cancel(void *arg, cz_future future)
{
    struct leaf *l = arg;

    assert_memory_equal(&future, &l->future, sizeof future);
    tell(l->stage, "-%s", l->name);
    if (!l->slow)
        assert_true(czi_leaf_end(l->stage->runtime, future, CZ_CANCELLED, 0, NULL));
}

/* A leaf of the task whose turn it is; its handle is kept, for end(). */
static inline cz_future leaf(struct stage *s, const char *name)
{
    struct leaf *l = &s->leaves[s->leaf_count];
    bool made;

    assert_true(s->leaf_count < LEAVES);
    *l = (struct leaf){.stage = s};
    (void)snprintf(l->name, sizeof l->name, "%s", name);
    l->future = czi_leaf(&s->tree, leaf_cancel, l, &made);
    if (made)
        s->leaf_count++;
    return l->future;
}

static inline cz_future slow_leaf(struct stage *s, const char *name)
{
    cz_future f = leaf(s, name);

    s->leaves[s->leaf_count - 1].slow = true;
    return f;
}

static inline struct leaf *leaf_named(struct stage *s, const char *name)
{
    for (unsigned i = s->leaf_count; i-- > 0;)
        if (!strcmp(s->leaves[i].name, name))
            return &s->leaves[i];
    fail_msg("no leaf %s", name);
    return NULL;
}

/* Turns until nothing is ready. */
static inline void turns(struct stage *s)
{
    while (czi_runtime_run_one(s->runtime)) {
    }
}

/* A leaf ends, and what comes of it has its turn. */
static inline void end(struct stage *s, const char *name, int code, uint64_t value)
{
    cz_error err = {0};

    (void)snprintf(err.detail, sizeof err.detail, "%s ended", name);
    assert_true(czi_leaf_end(s->runtime, leaf_named(s, name)->future, code, value, &err));
    turns(s);
}

static inline void stage_won(struct czi_tree *t, uint64_t race, size_t index)
{
    tell(stage_of(t), "won:%llu/%zu", (unsigned long long)race, index);
}

static inline void stage_task_over(struct czi_tree *t, uint64_t task, void *user)
{
    tell(stage_of(t), user ? "over:%llu!" : "over:%llu", (unsigned long long)task);
}

/* Each alarm is a leaf named z0, z1, ... */
static inline cz_future stage_sleep(struct czi_tree *t, const cz_deadline *deadline)
{
    struct stage *s = stage_of(t);
    char name[16];
    cz_future f;

    (void)snprintf(name, sizeof name, "z%u", s->deadline_count);
    s->deadlines[s->deadline_count++] = *deadline;
    f = leaf(s, name);
    s->leaves[s->leaf_count - 1].slow = s->slow_sleeps;
    return f;
}

static inline uint64_t stage_random(struct czi_tree *t)
{
    struct stage *s = stage_of(t);

    return s->randoms[s->random_count++];
}

static inline void stage_over(struct czi_tree *t, int code, uint64_t value, const cz_error *err)
{
    struct stage *s = stage_of(t);

    assert_false(s->is_over);
    assert_int_equal(t->live, 0);
    s->is_over = true;
    s->code = code;
    s->value = value;
    assert_true(err ? code == err->code : code == CZ_OK);
    if (err)
        s->error = *err;
    tell(s, "end");
}

static const struct czi_tree_ops stage_ops = {stage_won,    stage_task_over, stage_sleep,
                                              stage_random, stage_over,      NULL};

static inline int stage_main(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct stage *s = stage_of(p);

    (void)arg;
    *ret = 77;
    return s->play(s, err);
}

static inline cz_program *program(struct stage *s)
{
    return (cz_program *)(void *)s;
}

/* A program whose first task is `play`; it has not run. */
static inline struct stage *stage_with(struct czi_runtime *r,
                                       int (*play)(struct stage *s, cz_error *err))
{
    struct stage *s = calloc(1, sizeof *s);
    cz_error err = {0};

    assert_non_null(s);
    s->play = play;
    s->runtime = r;
    assert_ok(czi_tree_begin(&s->tree, r, &stage_ops, stage_main, NULL, &err), err);
    return s;
}

static inline struct stage *stage(int (*play)(struct stage *s, cz_error *err))
{
    struct czi_runtime *r;
    cz_error err = {0};

    assert_ok(czi_runtime_new(0, 64, 256, &r, &err), err);
    return stage_with(r, play);
}

/* It must have ended. */
static inline void stage_free(struct stage *s)
{
    assert_true(s->is_over);
    assert_int_equal(czi_runtime_ready(s->runtime), 0);
    czi_runtime_free(s->runtime);
    free(s);
}

/* Runs it to its end, without a leaf that somebody else must end. */
static inline void stage_whole(int (*play)(struct stage *s, cz_error *err), int code,
                               const char *told)
{
    struct stage *s = stage(play);

    turns(s);
    assert_string_equal(s->told, told);
    assert_true(s->is_over);
    assert_int_equal(s->code, code);
    stage_free(s);
}

/* ---- Branches -------------------------------------------------------------------------------
 */

/* A task that waits for a leaf of its own, and gives what that gave. */
static inline int waits(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    return cz_join(p, leaf(stage_of(p), arg), ret, err);
}

/* Gives the number that its arg is; a negative one is a code. */
static inline int gives(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    intptr_t number = (intptr_t)arg;

    (void)p;
    if (number < 0)
        return czi_fail(err, (int)-number, "it gives %d", (int)-number);
    *ret = (uint64_t)number;
    return CZ_OK;
}

#define GIVES(number) ((void *)(intptr_t)(number))

static inline cz_future fork_waits(struct stage *s, const char *name)
{
    return cz_fork(program(s), waits, (void *)(uintptr_t)name);
}

static inline cz_future fork_gives(struct stage *s, int number)
{
    return cz_fork(program(s), gives, GIVES(number));
}

#endif
