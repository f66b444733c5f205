/* future.c - nodes, their handles, and how ending and cancelling spread. See future.h. */
#include "program/future.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

/* ---- Nodes and handles ---------------------------------------------------------------------
 */

static struct czi_future *node_at(const struct czi_runtime *r, uint32_t index)
{
    return &r->chunks[index / CZI_CHUNK][index % CZI_CHUNK];
}

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

static struct czi_future *node_new(struct czi_runtime *r)
{
    struct czi_future *n;

    if (r->fresh == r->chunk_count * CZI_CHUNK && !chunk_new(r))
        return NULL;
    n = node_at(r, r->fresh);
    n->index = r->fresh++;
    n->generation = 0;
    return n;
}

static void set_up(struct czi_future *n, struct czi_tree *t, enum czi_kind kind)
{
    n->kind = (uint8_t)kind;
    n->is = CZI_READY;
    n->over = n->cancelled = n->awaited = n->decided = n->dropped = n->keeps = n->cancelling =
        false;
    n->code = CZ_OK;
    n->value = 0;
    n->detail = NULL;
    n->tree = t;
    n->first = n->last = n->cursor = NULL;
    n->place = 0;
}

struct czi_future *czi_future_take(struct czi_tree *t, struct czi_future *above,
                                   enum czi_kind kind, cz_future *ret_reason)
{
    struct czi_runtime *r = t->runtime;
    struct czi_future *n = r->unused;

    if (CZI_UNLIKELY(r->live == r->max)) {
        *ret_reason = czi_future_reason(CZ_LIMIT);
        return NULL;
    }
    if (CZI_LIKELY(n != NULL)) {
        r->unused = n->queue_next;
    } else if (!(n = node_new(r))) {
        *ret_reason = czi_future_reason(CZ_NOMEM);
        return NULL;
    }
    n->generation++;
    r->live++;
    t->live++;
    set_up(n, t, kind);
    n->above = above;
    if (above)
        czi_member_add(above, n);
    return n;
}

void czi_future_init(struct czi_future *n, struct czi_tree *t, enum czi_kind kind)
{
    n->index = CZI_NO_INDEX;
    n->generation = 0;
    set_up(n, t, kind);
    n->above = t->running;
}

void czi_future_give(struct czi_future *n)
{
    struct czi_runtime *r = n->tree->runtime;

    CZI_CHECK(n->over && !n->first && !n->cancelling && !n->awaited);
    if (n->above)
        czi_member_remove(n);
    czi_free(n->detail);
    n->detail = NULL;
    n->above = NULL; /* so that no handle finds it */
    r->live--;
    n->tree->live--;
    if (CZI_UNLIKELY(n->generation == UINT32_MAX))
        return; /* never again: its first handle would be good once more */
    n->queue_next = r->unused;
    r->unused = n;
}

cz_future czi_future_handle(const struct czi_future *n)
{
    return (cz_future){n->index, n->generation};
}

cz_future czi_future_reason(int code)
{
    return (cz_future){CZI_NO_INDEX, (uint32_t)code};
}

struct czi_future *czi_future_of(struct czi_tree *t, cz_future f, int *ret_code)
{
    struct czi_runtime *r = t->runtime;
    struct czi_future *n;

    *ret_code = CZ_STALE;
    if (f.index == CZI_NO_INDEX && f.generation)
        *ret_code = (int)f.generation;
    if (f.index >= r->fresh)
        return NULL;
    n = node_at(r, f.index);
    if (n->generation != f.generation || n->above != t->running || n->dropped)
        return NULL;
    return n;
}

void czi_member_add(struct czi_future *above, struct czi_future *n)
{
    n->above = above;
    n->next = NULL;
    n->previous = above->last;
    if (above->last)
        above->last->next = n;
    else
        above->first = n;
    above->last = n;
}

void czi_member_remove(struct czi_future *n)
{
    struct czi_future *above = n->above;

    if (above->cursor == n)
        above->cursor = n->next;
    if (n->previous)
        n->previous->next = n->next;
    else
        above->first = n->next;
    if (n->next)
        n->next->previous = n->previous;
    else
        above->last = n->previous;
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
    if (!n->detail)
        return czi_future_tell_code(n->tree->runtime, n->code, err);
    return czi_fail(err, n->code, "%s", n->detail);
}

int czi_future_tell_code(const struct czi_runtime *r, int code, cz_error *err)
{
    switch (code) {
    case CZ_OK:
        return CZ_OK;
    case CZ_STALE:
        return czi_fail(err, code, "the future was used up, or is not this task's");
    case CZ_LIMIT:
        return czi_fail(err, code, "%u futures are not joined, and no more may (futures_max)",
                        r->max);
    case CZ_NOMEM:
        return czi_nomem(err, "a future");
    case CZ_CANCELLED:
        return czi_fail(err, code, "it was cancelled");
    case CZ_TIMEOUT:
        return czi_fail(err, code, "the deadline came first");
    default:
        return czi_fail(err, code, "%s", cz_code_name(code));
    }
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

void czi_future_ended(struct czi_future *n)
{
    struct czi_queue *q = &n->tree->runtime->ended;

    CZI_CHECK(!n->over);
    n->over = true;
    n->queue_next = NULL;
    if (q->first)
        q->last->queue_next = n;
    else
        q->first = n;
    q->last = n;
}

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

bool czi_change_begin(struct czi_runtime *r)
{
    bool outermost = !r->settling;

    r->settling = true;
    return outermost;
}

void czi_change_end(struct czi_runtime *r, bool outermost)
{
    if (!outermost)
        return;
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
    r->settling = false;
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
    n = node_at(r, leaf.index);
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
