/* await.c - the functions of programs that wait: joins, barriers, races, forks, timeouts.
 *
 * Layer: program. A combinator that is made to be waited for at once is on the waiting task's
 * stack: it takes no future's room and cannot fail to be made.
 */
#include "base/alloc.h"
#include "base/error.h"
#include "program/future.h"

static bool change(struct czi_tree *t)
{
    CZI_CHECK(t->running);
    return czi_change_begin(t->runtime);
}

static void cancel(struct czi_future *n)
{
    struct czi_runtime *r = n->tree->runtime;
    bool outermost = czi_change_begin(r);

    czi_future_cancel(n);
    czi_change_end(r, outermost);
}

/* After a wait for a combinator on the stack: what is left of it. */
static void give_all(struct czi_future *c)
{
    while (c->first)
        czi_future_give(c->first);
    czi_free(c->detail);
    c->detail = NULL;
}

/* ---- One future ----------------------------------------------------------------------------
 */

int cz_join(cz_program *p, cz_future f, uint64_t *ret, cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future *n;
    int rc;

    CZI_CHECK(t->running);
    n = czi_future_of(t, f, &rc);
    if (CZI_UNLIKELY(!n))
        return czi_is_cut(t) ? czi_cut(t, err) : czi_reason_tell(t->runtime, rc, err);
    rc = czi_wait(t, n);
    if (CZI_UNLIKELY(rc)) {
        rc = czi_cut(t, err);
    } else {
        rc = czi_future_tell(n, err);
        if (!rc && ret)
            *ret = n->value;
        if (n->kind == CZI_RACE || n->kind == CZI_TIMEOUT)
            t->running->task.winner = n->parts.winner;
    }
    czi_future_give(n);
    return rc;
}

int cz_cancel(cz_program *p, cz_future f, cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future *n;
    int rc;

    CZI_CHECK(t->running);
    n = czi_future_of(t, f, &rc);
    if (n) {
        cancel(n);
        rc = czi_wait(t, n);
        czi_future_give(n);
        return rc ? czi_cut(t, err) : CZ_OK;
    }
    if (czi_is_cut(t))
        return czi_cut(t, err);
    return rc == CZ_STALE ? czi_reason_tell(t->runtime, rc, err) : CZ_OK;
}

void cz_cancel_later(cz_program *p, cz_future f)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future *n;
    int code;

    CZI_CHECK(t->running);
    n = czi_future_of(t, f, &code);
    if (n)
        cancel(n);
}

cz_future cz_sleep_future(cz_program *p, const cz_deadline *deadline)
{
    struct czi_tree *t = czi_tree_of(p);
    cz_error err = {0};

    CZI_CHECK(t->running);
    if (deadline)
        return t->ops->sleep(t, deadline);
    (void)czi_fail(&err, CZ_INVALID, "no deadline");
    return czi_leaf_over(t, CZ_INVALID, 0, &err);
}

int cz_sleep(cz_program *p, const cz_deadline *deadline, cz_error *err)
{
    return cz_join(p, cz_sleep_future(p, deadline), NULL, err);
}

/* ---- Barriers and races --------------------------------------------------------------------
 */

int cz_barrier(cz_program *p, const cz_future *futures, size_t count, cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future c;
    bool outermost;
    int rc;

    if (count && !futures)
        return czi_fail(err, CZ_INVALID, "no array of futures");
    outermost = change(t);
    czi_future_init(&c, t, CZI_BARRIER);
    czi_parts_begin(&c, count);
    czi_parts_of(&c, futures, count);
    czi_parts_end(&c);
    czi_change_end(t->runtime, outermost);
    rc = czi_wait(t, &c) ? czi_cut(t, err) : czi_future_tell(&c, err);
    give_all(&c);
    return rc;
}

/* A race, and how its winner ended. Without one: its code. */
static int race(cz_program *p, struct czi_future *c, const cz_future *futures, size_t count,
                enum cz_race_mode mode, cz_until_fn until, void *arg, cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    bool outermost;

    if (count && !futures)
        return czi_fail(err, CZ_INVALID, "no array of futures");
    outermost = change(t);
    czi_future_init(c, t, CZI_RACE);
    czi_parts_begin(c, count);
    czi_race_of(c, mode, until, arg);
    czi_parts_of(c, futures, count);
    czi_parts_end(c);
    czi_change_end(t->runtime, outermost);
    if (czi_wait(t, c)) {
        give_all(c);
        return czi_cut(t, err);
    }
    t->running->task.winner = c->parts.winner;
    return CZ_OK;
}

static int race_for_value(cz_program *p, enum cz_race_mode mode, const cz_future *futures,
                          size_t count, size_t *ret_winner, uint64_t *ret, cz_error *err)
{
    struct czi_future c;
    int rc = race(p, &c, futures, count, mode, NULL, NULL, err);

    if (rc)
        return rc;
    rc = czi_future_tell(&c, err);
    if (!rc && ret_winner)
        *ret_winner = c.parts.winner;
    if (!rc && ret)
        *ret = c.value;
    give_all(&c);
    return rc;
}

static int race_for_end(cz_program *p, enum cz_race_mode mode, const cz_future *futures,
                        size_t count, cz_until_fn until, void *arg, cz_completion *ret,
                        cz_error *err)
{
    struct czi_future c;
    int rc = race(p, &c, futures, count, mode, until, arg, err);

    if (rc)
        return rc;
    if (c.parts.winner == SIZE_MAX)
        rc = czi_future_tell(&c, err);
    else if (ret)
        *ret = (cz_completion){c.parts.winner, c.code, c.value};
    give_all(&c);
    return rc;
}

int cz_race(cz_program *p, const cz_future *futures, size_t count, size_t *ret_winner,
            uint64_t *ret, cz_error *err)
{
    return race_for_value(p, CZ_RACE_ANY, futures, count, ret_winner, ret, err);
}

int cz_race_ok(cz_program *p, const cz_future *futures, size_t count, size_t *ret_winner,
               uint64_t *ret, cz_error *err)
{
    return race_for_value(p, CZ_RACE_OK, futures, count, ret_winner, ret, err);
}

int cz_race_result(cz_program *p, const cz_future *futures, size_t count, cz_completion *ret,
                   cz_error *err)
{
    return race_for_end(p, CZ_RACE_ANY, futures, count, NULL, NULL, ret, err);
}

int cz_race_until(cz_program *p, const cz_future *futures, size_t count, cz_until_fn until,
                  void *arg, cz_completion *ret, cz_error *err)
{
    return race_for_end(p, CZ_RACE_UNTIL, futures, count, until, arg, ret, err);
}

/* ---- Forks ---------------------------------------------------------------------------------
 */

static int check_branches(const cz_branch *branches, size_t count, cz_error *err)
{
    if (count && !branches)
        return czi_fail(err, CZ_INVALID, "no array of branches");
    for (size_t i = 0; i < count; i++)
        if (!branches[i].fn)
            return czi_fail(err, CZ_INVALID, "branch %zu has no function to run", i);
    return CZ_OK;
}

/* Forks branches as the parts of c, which stay there when they are over. *ret_made are; the
 * others, for which there is no room, ended with *ret_code. */
static void fork_all(struct czi_future *c, struct czi_tree *t, enum czi_kind kind,
                     const cz_branch *branches, size_t count, size_t *ret_made, int *ret_code)
{
    bool outermost = change(t);
    cz_future reason = {0};
    size_t i;

    czi_future_init(c, t, kind);
    czi_parts_begin(c, count);
    c->parts.keeps = true;
    for (i = 0; i < count; i++) {
        struct czi_future *n = czi_task_new(c, branches[i].fn, branches[i].arg, &reason);

        if (!n) {
            czi_part_missing(c, (int)reason.generation, i);
            break;
        }
        n->place = i;
        c->parts.left++;
    }
    czi_parts_end(c);
    czi_change_end(t->runtime, outermost);
    *ret_made = i;
    *ret_code = (int)reason.generation;
}

int cz_fork_join(cz_program *p, const cz_branch *branches, size_t count, uint64_t *ret_values,
                 cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future c;
    size_t made;
    int code, rc = check_branches(branches, count, err);

    if (rc)
        return rc;
    fork_all(&c, t, CZI_BARRIER, branches, count, &made, &code);
    rc = czi_wait(t, &c) ? czi_cut(t, err) : czi_future_tell(&c, err);
    if (!rc && ret_values)
        for (const struct czi_future *n = c.first; n; n = n->next)
            ret_values[n->place] = n->value;
    give_all(&c);
    return rc;
}

int cz_fork_try_join(cz_program *p, const cz_branch *branches, size_t count, cz_completion *ret,
                     cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future c;
    size_t made;
    int code, rc = check_branches(branches, count, err);

    if (rc)
        return rc;
    fork_all(&c, t, CZI_ALL, branches, count, &made, &code);
    rc = czi_wait(t, &c) ? czi_cut(t, err) : CZ_OK;
    if (!rc && ret) {
        for (const struct czi_future *n = c.first; n; n = n->next)
            ret[n->place] = (cz_completion){n->place, n->code, n->value};
        for (size_t i = made; i < count; i++)
            ret[i] = (cz_completion){i, code, 0};
    }
    give_all(&c);
    return rc;
}

/* One that is over and was not given yet; false: none. */
static bool next_of_each(struct czi_future *c, cz_completion *ret)
{
    struct czi_future *n = c->parts.done_first;

    if (!n)
        return false;
    c->parts.done_first = n->queue_next;
    *ret = (cz_completion){n->place, n->code, n->value};
    czi_future_give(n);
    return true;
}

static int give_each(cz_program *p, struct czi_future *c, size_t made, int code,
                     cz_each_fn each, void *arg, cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    cz_completion completion;

    for (size_t i = made; i < c->parts.count; i++) {
        int rc;

        completion = (cz_completion){i, code, 0};
        rc = each(p, arg, &completion, err);
        if (rc)
            return rc;
    }
    while (!czi_is_cut(t)) {
        while (next_of_each(c, &completion)) {
            int rc = each(p, arg, &completion, err);

            if (rc)
                return rc;
        }
        if (c->over)
            return CZ_OK;
        if (czi_wait(t, c))
            break;
    }
    return czi_cut(t, err);
}

int cz_fork_each(cz_program *p, const cz_branch *branches, size_t count, cz_each_fn each,
                 void *arg, cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future c;
    size_t made;
    int code, rc = check_branches(branches, count, err);

    if (rc)
        return rc;
    if (!each)
        return czi_fail(err, CZ_INVALID, "no function to call with each");
    fork_all(&c, t, CZI_EACH, branches, count, &made, &code);
    rc = give_each(p, &c, made, code, each, arg, err);
    if (rc)
        cancel(&c);
    if (!c.over && czi_wait(t, &c))
        CZI_CHECK(c.over); /* that this task is to end too makes no difference */
    give_all(&c);
    return rc;
}

/* ---- Timeouts ------------------------------------------------------------------------------
 */

static int timeout(cz_program *p, struct czi_future *c, const cz_deadline *deadline,
                   cz_future f, cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    cz_future parts[] = {f, cz_sleep_future(p, deadline)};
    bool outermost = change(t);

    czi_future_init(c, t, CZI_TIMEOUT);
    czi_parts_begin(c, CZI_COUNTOF(parts));
    czi_parts_of(c, parts, CZI_COUNTOF(parts));
    czi_parts_end(c);
    czi_change_end(t->runtime, outermost);
    if (czi_wait(t, c)) {
        give_all(c);
        return czi_cut(t, err);
    }
    t->running->task.winner = c->parts.winner;
    return CZ_OK;
}

int cz_timeout(cz_program *p, const cz_deadline *deadline, cz_future f, uint64_t *ret,
               cz_error *err)
{
    struct czi_future c;
    int rc = timeout(p, &c, deadline, f, err);

    if (rc)
        return rc;
    rc = czi_future_tell(&c, err);
    if (!rc && ret)
        *ret = c.value;
    give_all(&c);
    return rc;
}

int cz_timeout_result(cz_program *p, const cz_deadline *deadline, cz_future f,
                      cz_completion *ret, cz_error *err)
{
    struct czi_future c;
    int rc = timeout(p, &c, deadline, f, err);

    if (rc)
        return rc;
    if (ret)
        *ret = (cz_completion){0, c.code, c.value};
    give_all(&c);
    return CZ_OK;
}

/* Up to percent of it is taken off. */
static uint64_t with_jitter(struct czi_tree *t, uint64_t delay, unsigned percent)
{
    uint64_t most = (uint64_t)((unsigned __int128)delay * percent / 100);

    if (most == 0)
        return delay;
    return delay -
           (uint64_t)((unsigned __int128)t->ops->random(t) * ((unsigned __int128)most + 1) >>
                      64);
}

static uint64_t next_delay(const cz_retry *retry, uint64_t delay)
{
    delay = delay > UINT64_MAX / 2 ? UINT64_MAX : 2 * delay;
    return retry->delay_max_ms ? CZI_MIN(delay, retry->delay_max_ms) : delay;
}

int cz_timeout_with_retry(cz_program *p, const cz_retry *retry, const cz_branch *branch,
                          uint64_t *ret, cz_error *err)
{
    struct czi_tree *t = czi_tree_of(p);
    uint64_t delay;

    if (!retry || retry->attempts == 0)
        return czi_fail(err, CZ_INVALID, "no attempt: at least 1");
    if (retry->jitter_percent > 100)
        return czi_fail(err, CZ_INVALID, "a jitter of %u percent; at most 100",
                        retry->jitter_percent);
    if (!branch || !branch->fn)
        return czi_fail(err, CZ_INVALID, "no function to run");
    delay =
        retry->delay_max_ms ? CZI_MIN(retry->delay_ms, retry->delay_max_ms) : retry->delay_ms;
    for (unsigned attempt = 1;; attempt++) {
        cz_deadline pause = {.after_ms = with_jitter(t, delay, retry->jitter_percent)};
        cz_future f = cz_fork(p, branch->fn, branch->arg);
        cz_error failure = {0};
        int rc = cz_timeout(p, &retry->deadline, f, ret, &failure);

        if (!rc)
            return CZ_OK;
        if (attempt == retry->attempts || czi_is_cut(t))
            return czi_fail(err, rc, "%s", failure.detail);
        if (delay) {
            rc = cz_sleep(p, &pause, err);
            if (rc)
                return rc;
        }
        delay = next_delay(retry, delay);
    }
}
