/* future.c - nodes, their handles, and how ending and cancelling spread. See future.h. */
#include "program/future.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

/* ---- Nodes and handles ---------------------------------------------------------------------
 */

static bool chunk_new(struct czi_runtime *r)
{
    if (r->chunk_count == r->chunk_room) {
        uint32_t room = r->chunk_room ? 2 * r->chunk_room : 8;
        struct czi_future **chunks = czi_realloc(r->chunks, room * sizeof *chunks);

        if (!chunks)
            return false;
        r->chunks = chunks;
        r->chunk_room = room;
    }
    r->chunks[r->chunk_count] = czi_alloc_aligned(CZI_CHUNK * sizeof **r->chunks);
    if (!r->chunks[r->chunk_count])
        return false;
    r->chunk_count++;
    return true;
}

struct czi_future *czi_node_new(struct czi_runtime *r)
{
    struct czi_future *n;

    if (r->fresh == r->chunk_count * CZI_CHUNK && !chunk_new(r))
        return NULL;
    n = czi_node_at(r, r->fresh);
    n->index = r->fresh++;
    n->generation = 0;
    return n;
}

/* ---- Results -------------------------------------------------------------------------------
 */

char *czi_detail(const cz_error *err)
{
    size_t len;
    char *copy;

    if (!err || !err->detail[0])
        return NULL;
    len = strnlen(err->detail, sizeof err->detail - 1);
    copy = czi_alloc(len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, err->detail, len);
    copy[len] = 0;
    return copy;
}

int czi_future_tell(const struct czi_future *n, cz_error *err)
{
    if (CZI_LIKELY(!n->code))
        return CZ_OK;
    if (n->detail)
        return czi_fail(err, n->code, "%s", n->detail);
    if (n->code == CZ_CANCELLED)
        return czi_fail(err, n->code, "it was cancelled");
    if (n->kind == CZI_TIMEOUT && n->code == CZ_TIMEOUT)
        return czi_fail(err, n->code, "the deadline came first");
    if (n->kind == CZI_RACE && n->parts.winner == SIZE_MAX && n->code == CZ_NOT_FOUND)
        return czi_fail(err, n->code, "nothing in the race is what its predicate looks for");
    return czi_fail(err, n->code, "%s", cz_code_name(n->code));
}

int czi_reason_tell(const struct czi_runtime *r, int code, cz_error *err)
{
    switch (code) {
    case CZ_LIMIT:
        return czi_fail(err, code, "%u futures are not joined, and no more may (futures_max)",
                        r->max);
    case CZ_NOMEM:
        return czi_nomem(err, "a future");
    default:
        return czi_fail(err, code, "the future was used up, or is not this task's");
    }
}

cz_future czi_future_starved(struct czi_tree *t, int code)
{
    if (t->ops->starved)
        t->ops->starved(t, code);
    return czi_future_reason(code);
}

int czi_cut_code(const struct czi_tree *t)
{
    return t->stopping ? t->stop_code : CZ_CANCELLED;
}

int czi_cut(const struct czi_tree *t, cz_error *err)
{
    if (!t->stopping)
        return czi_fail(err, CZ_CANCELLED, "the task was cancelled");
    if (!t->stop_detail)
        return czi_fail(err, t->stop_code, "the program was stopped: %s",
                        cz_code_name(t->stop_code));
    return czi_fail(err, t->stop_code, "%s", t->stop_detail);
}

/* ---- Changes -------------------------------------------------------------------------------
 */

static void start_cancelling(struct czi_future *n)
{
    struct czi_runtime *r = n->tree->runtime;

    n->cursor = n->first;
    n->cancelling = true;
    n->queue_next = r->cancelling;
    r->cancelling = n;
}

void czi_future_cancel_members(struct czi_future *n)
{
    CZI_CHECK(!n->cancelling);
    start_cancelling(n);
}

/* One that does not wait. */
static void cancel_task(struct czi_future *n)
{
    if (n->is == CZI_PENDING) {
        start_cancelling(n);
    } else if (n->is == CZI_READY && !n->task.fiber) {
        czi_unready(n);
        n->code = czi_cut_code(n->tree);
        n->value = 0;
        czi_task_gone(n);
    }
}

/* Tasks that wait for each other are a chain, and no deeper. */
void czi_future_cancel(struct czi_future *n)
{
    while (!n->cancelled && !n->over && n->kind == CZI_TASK && n->is == CZI_WAITING) {
        n->cancelled = n->cut = true;
        n = n->task.waits_for;
    }
    if (n->cancelled || n->over)
        return;
    n->cancelled = true;
    if (n->kind == CZI_TASK) {
        cancel_task(n);
    } else if (n->kind != CZI_LEAF) {
        if (!n->decided)
            czi_combinator_fail(n, czi_cut_code(n->tree), NULL);
    } else if (n->leaf.cancel) {
        n->leaf.cancel(n->leaf.arg, czi_future_handle(n));
    } else {
        n->code = CZ_CANCELLED;
        czi_future_ended(n);
    }
}

void czi_future_drop(struct czi_future *n)
{
    if (n->over) {
        czi_future_give(n);
        return;
    }
    n->dropped = true;
    czi_future_cancel(n);
}

/* Of a task that has returned: one that it left behind is over. */
static void left_behind_over(struct czi_future *task, struct czi_future *n)
{
    czi_future_give(n);
    if (!task->first && !task->cancelling)
        czi_task_gone(task);
}

static void tell(struct czi_future *n)
{
    struct czi_future *above = n->above;

    if (!above) {
        czi_ready(n); /* the first task: its tree is over */
    } else if (above->kind != CZI_TASK || above->is == CZI_PENDING) {
        czi_part_over(above, n);
    } else if (above->is == CZI_RETURNED) {
        left_behind_over(above, n);
    } else if (n->awaited) {
        n->awaited = false;
        above->task.waits_for = NULL;
        czi_ready(above);
    } else if (n->dropped) {
        czi_future_give(n);
    }
}

/* Of the node that came last: one member more is cancelled, or it has none any more. */
static void cancel_next(struct czi_runtime *r)
{
    struct czi_future *n = r->cancelling, *member = n->cursor;

    if (member) {
        n->cursor = member->next;
        if (!member->over)
            czi_future_cancel(member);
        else if (n->kind == CZI_TASK)
            czi_future_give(member);
        return;
    }
    r->cancelling = n->queue_next;
    n->cancelling = false;
    if (n->kind == CZI_TASK) {
        if (n->is == CZI_RETURNED && !n->first)
            czi_task_gone(n);
    } else if (n->parts.left == 0) {
        czi_future_ended(n);
    }
}

void czi_settle(struct czi_runtime *r)
{
    for (;;) {
        struct czi_future *n = r->ended.first;

        if (n) {
            r->ended.first = n->queue_next;
            tell(n);
        } else if (r->cancelling) {
            cancel_next(r);
        } else {
            break;
        }
    }
}

/* ---- Leaves --------------------------------------------------------------------------------
 */

cz_future czi_leaf(struct czi_tree *t, void (*cancel)(void *arg, cz_future leaf), void *arg,
                   bool *ret_made)
{
    cz_future reason;
    struct czi_future *n;

    CZI_CHECK(t->running);
    n = czi_future_take(t, t->running, CZI_LEAF, &reason);
    *ret_made = n != NULL;
    if (!n)
        return reason;
    n->leaf.cancel = cancel;
    n->leaf.arg = arg;
    return czi_future_handle(n);
}

cz_future czi_leaf_over(struct czi_tree *t, int code, uint64_t value, const cz_error *err)
{
    bool made;
    cz_future f = czi_leaf(t, NULL, NULL, &made);

    if (made)
        (void)czi_leaf_end(t->runtime, f, code, value, err);
    return f;
}

bool czi_leaf_end(struct czi_runtime *r, cz_future leaf, int code, uint64_t value,
                  const cz_error *err)
{
    struct czi_future *n;
    bool outermost;

    if (leaf.index >= r->fresh)
        return false;
    n = czi_node_at(r, leaf.index);
    if (n->generation != leaf.generation || n->over || n->kind != CZI_LEAF)
        return false;
    n->code = code;
    n->value = value;
    n->detail = code ? czi_detail(err) : NULL;
    outermost = czi_change_begin(r);
    czi_future_ended(n);
    czi_change_end(r, outermost);
    return true;
}
