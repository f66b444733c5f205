/* combine.c - barriers, races, timeouts and callbacks: what becomes of them as their parts end.
 *
 * Layer: program. A combinator is *decided* when its result is known, which is the first time
 * that a part's end settles it, and then cancels its parts; it is over when none is left.
 */
#include "program/future.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

/* How a part ended. */
struct part_end {
    size_t place;
    int code;
    uint64_t value;
    char **detail; /* to be taken; NULL: none */
};

static void take_detail(struct czi_future *c, char **detail)
{
    czi_free(c->detail);
    c->detail = NULL;
    if (detail) {
        c->detail = *detail;
        *detail = NULL;
    }
}

static void decide(struct czi_future *c, int code, uint64_t value, char **detail)
{
    c->decided = true;
    c->code = code;
    c->value = value;
    take_detail(c, detail);
    if (!c->parts.making)
        czi_future_cancel_members(c);
}

void czi_combinator_fail(struct czi_future *c, int code, const char *detail)
{
    cz_error err = {.code = code};
    char *copy;

    if (detail)
        czi_error_set(&err, code, "%s", detail);
    copy = czi_detail(&err);
    decide(c, code, 0, &copy);
}

static void win(struct czi_future *c, const struct part_end *e)
{
    const struct czi_tree *t = c->tree;

    c->parts.winner = e->place;
    if (t->ops->won)
        t->ops->won(c->tree, c->parts.number, e->place);
    decide(c, e->code, e->value, e->detail);
}

static void race_part_over(struct czi_future *c, const struct part_end *e)
{
    cz_completion completion = {e->place, e->code, e->value};

    switch (c->parts.mode) {
    case CZ_RACE_ANY:
        win(c, e);
        break;
    case CZ_RACE_OK:
        if (!e->code) {
            win(c, e);
        } else {
            c->code = e->code;
            take_detail(c, e->detail);
        }
        break;
    case CZ_RACE_UNTIL:
        if (c->parts.until(c->parts.arg, &completion))
            win(c, e);
        break;
    }
}

/* Of a future (0) and its deadline (1), which may fail too. */
static void timeout_part_over(struct czi_future *c, struct part_end e)
{
    if (e.place == 1) {
        e.code = e.code ? e.code : CZ_TIMEOUT;
        e.value = 0;
    }
    win(c, &e);
}

static void count(struct czi_future *c, const struct part_end *e)
{
    if (c->decided)
        return;
    switch (c->kind) {
    case CZI_BARRIER:
        if (e->code)
            decide(c, e->code, 0, e->detail);
        break;
    case CZI_RACE:
        race_part_over(c, e);
        break;
    case CZI_TIMEOUT:
        timeout_part_over(c, *e);
        break;
    default: /* all parts of the others count alike */
        break;
    }
}

/* No part has decided it. */
static void decide_at_last(struct czi_future *c)
{
    c->decided = true;
    if (c->kind == CZI_BARRIER)
        c->value = c->parts.count;
    else if (c->kind == CZI_RACE && c->parts.mode == CZ_RACE_UNTIL)
        c->code = CZ_NOT_FOUND;
}

/* One that is being cancelled is over when all its parts have been asked (cancel_next). */
static void see_whether_over(struct czi_future *c)
{
    if (c->parts.left || c->parts.making)
        return;
    if (!c->decided)
        decide_at_last(c);
    if (!c->cancelling)
        czi_future_ended(c);
}

/* Of fork_each: the parts that are over queue for its task, which may wait for one. */
static void give_to_each(struct czi_future *c, struct czi_future *part)
{
    part->queue_next = NULL;
    if (c->parts.done_first)
        c->parts.done_last->queue_next = part;
    else
        c->parts.done_first = part;
    c->parts.done_last = part;
    if (c->awaited && !c->decided) {
        c->awaited = false;
        c->above->task.waits_for = NULL;
        czi_ready(c->above);
    }
}

/* The future of a callback is over: its handler's turn will come. */
static void reply(struct czi_future *task, struct czi_future *part)
{
    task->task.ended = part->code;
    task->value = part->value;
    czi_future_give(part);
    if (!task->cancelled) {
        czi_ready(task);
        return;
    }
    task->value = 0;
    task->code = czi_cut_code(task->tree);
    task->is = CZI_RETURNED;
    if (!task->cancelling)
        czi_task_gone(task);
}

void czi_part_over(struct czi_future *above, struct czi_future *part)
{
    struct part_end e = {part->place, part->code, part->value, &part->detail};

    if (above->kind == CZI_TASK) {
        reply(above, part);
        return;
    }
    count(above, &e);
    if (above->kind == CZI_EACH)
        give_to_each(above, part);
    else if (!above->parts.keeps)
        czi_future_give(part);
    above->parts.left--;
    see_whether_over(above);
}

/* ---- Making --------------------------------------------------------------------------------
 */

void czi_parts_begin(struct czi_future *c, size_t parts)
{
    c->parts.left = 0;
    c->parts.count = parts;
    c->parts.winner = SIZE_MAX;
    c->parts.until = NULL;
    c->parts.arg = NULL;
    c->parts.number = 0;
    c->parts.done_first = c->parts.done_last = NULL;
    c->parts.mode = CZ_RACE_ANY;
    c->parts.making = true;
    c->parts.keeps = false;
    if (c->kind == CZI_RACE || c->kind == CZI_TIMEOUT)
        c->parts.number = c->tree->races++;
}

void czi_race_of(struct czi_future *c, enum cz_race_mode mode, cz_until_fn until, void *arg)
{
    c->parts.mode = mode;
    c->parts.until = until;
    c->parts.arg = arg;
    if (c->parts.count == 0)
        czi_combinator_fail(c, CZ_INVALID, "a race of no futures has no winner");
    else if (mode != CZ_RACE_ANY && mode != CZ_RACE_OK && mode != CZ_RACE_UNTIL)
        czi_combinator_fail(c, CZ_INVALID, "no such mode of a race");
    else if (mode == CZ_RACE_UNTIL && !until)
        czi_combinator_fail(c, CZ_INVALID, "a race until a predicate holds needs one");
}

void czi_part_add(struct czi_future *c, struct czi_future *part, size_t place)
{
    czi_member_remove(part);
    czi_member_add(c, part);
    part->place = place;
    c->parts.left++;
    if (part->over)
        czi_part_over(c, part);
}

void czi_part_missing(struct czi_future *c, int code, size_t place)
{
    cz_error err = {0};
    char *detail;

    (void)czi_reason_tell(c->tree->runtime, code, &err);
    detail = czi_detail(&err);
    count(c, &(struct part_end){place, code, 0, &detail});
    czi_free(detail);
}

void czi_parts_end(struct czi_future *c)
{
    c->parts.making = false;
    if (c->decided && c->parts.left)
        czi_future_cancel_members(c);
    else
        see_whether_over(c);
}

void czi_parts_of(struct czi_future *c, const cz_future *futures, size_t parts)
{
    for (size_t i = 0; i < parts; i++) {
        int code;
        struct czi_future *part = czi_future_of(c->tree, futures[i], &code);

        if (part)
            czi_part_add(c, part, i);
        else
            czi_part_missing(c, code, i);
    }
}

void czi_part_of_callback(struct czi_future *task, struct czi_future *part)
{
    czi_member_remove(part);
    czi_member_add(task, part);
    if (part->over)
        reply(task, part);
}

/* A combinator with a handle, or (NULL) the reason why there is none: then its parts are
 * dropped, because it has used them up. */
static struct czi_future *make(struct czi_tree *t, enum czi_kind kind, const cz_future *futures,
                               size_t parts, cz_future *ret_reason)
{
    struct czi_future *c;
    int code;

    CZI_CHECK(t->running);
    c = czi_future_take(t, t->running, kind, ret_reason);
    if (CZI_LIKELY(c != NULL)) {
        czi_parts_begin(c, parts);
        return c;
    }
    for (size_t i = 0; i < parts; i++) {
        struct czi_future *part = czi_future_of(t, futures[i], &code);

        if (part)
            czi_future_drop(part);
    }
    return NULL;
}

static cz_future none_given(struct czi_tree *t)
{
    cz_error err = {0};

    (void)czi_fail(&err, CZ_INVALID, "no array of futures");
    return czi_leaf_over(t, CZ_INVALID, 0, &err);
}

cz_future cz_barrier_future(cz_program *p, const cz_future *futures, size_t parts)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future *c;
    cz_future made;
    bool outermost;

    if (parts && !futures)
        return none_given(t);
    outermost = czi_change_begin(t->runtime);
    c = make(t, CZI_BARRIER, futures, parts, &made);
    if (c) {
        made = czi_future_handle(c);
        czi_parts_of(c, futures, parts);
        czi_parts_end(c);
    }
    czi_change_end(t->runtime, outermost);
    return made;
}

cz_future cz_race_future(cz_program *p, enum cz_race_mode mode, const cz_future *futures,
                         size_t parts, cz_until_fn until, void *until_arg)
{
    struct czi_tree *t = czi_tree_of(p);
    struct czi_future *c;
    cz_future made;
    bool outermost;

    if (parts && !futures)
        return none_given(t);
    outermost = czi_change_begin(t->runtime);
    c = make(t, CZI_RACE, futures, parts, &made);
    if (c) {
        made = czi_future_handle(c);
        czi_race_of(c, mode, until, until_arg);
        czi_parts_of(c, futures, parts);
        czi_parts_end(c);
    }
    czi_change_end(t->runtime, outermost);
    return made;
}

cz_future cz_timeout_future(cz_program *p, const cz_deadline *deadline, cz_future f)
{
    struct czi_tree *t = czi_tree_of(p);
    cz_future parts[] = {f, cz_sleep_future(p, deadline)}, made;
    bool outermost = czi_change_begin(t->runtime);
    struct czi_future *c = make(t, CZI_TIMEOUT, parts, CZI_COUNTOF(parts), &made);

    if (c) {
        made = czi_future_handle(c);
        czi_parts_of(c, parts, CZI_COUNTOF(parts));
        czi_parts_end(c);
    }
    czi_change_end(t->runtime, outermost);
    return made;
}
