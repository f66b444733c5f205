/* future.h - inside of the runtime: nodes, and how they end.
 *
 * Layer: program. Thread: the runtime's. A node is a task, a leaf or a combinator. It belongs
 * to exactly one other, `above`: to the task that made it, or to what it is a part of; the
 * first task of a tree to none. Two lists of work make everything that a change entails happen
 * before the call that made it returns, without recursion, however deep a tree is:
 *
 *     ended       nodes that are over and have not told the one above; first in, first out
 *     cancelling  nodes whose members are being cancelled, one by one; last in, first out
 *
 * What has ended goes first. Invariants, whenever both lists are empty:
 *  F1  a part that is over is in no combinator (but in one that keeps it, or that gives it to
 *      fork_each)
 *  F2  a combinator is over if and only if none of its parts is left
 *  F3  a combinator or a task that has ended its function has no part that was not cancelled,
 *      once its result is decided
 *  F4  a waiting task waits for a node that is not over (or, of fork_each, has none to give)
 */
#ifndef CZI_FUTURE_H
#define CZI_FUTURE_H

#include "base/alloc.h"
#include "program/runtime.h"

enum czi_kind {
    CZI_TASK,
    CZI_LEAF,
    CZI_BARRIER,
    CZI_RACE,
    CZI_TIMEOUT, /* a race of the future and its deadline */
    CZI_ALL,     /* of fork_try_join: over when all are */
    CZI_EACH,    /* of fork_each: gives them one by one */
};

enum czi_task_is {
    CZI_PENDING,  /* of a callback: its future is not over */
    CZI_READY,    /* in the queue */
    CZI_RUNNING,  /* its turn */
    CZI_WAITING,  /* for a node */
    CZI_RETURNED, /* its function; what it left behind is being joined */
};

struct czi_future {
    uint32_t index, generation; /* index CZI_NO_INDEX: on the stack of the task that waits */
    uint8_t kind, is;           /* enum czi_kind; enum czi_task_is */
    bool over;
    bool cancelled; /* asked to end */
    bool awaited;   /* by the task above, which waits */
    union {
        bool decided; /* of a combinator: what follows is its result */
        bool cut;     /* of a task: its wait ends as cancelled */
    };
    bool dropped;    /* by the task above: nobody joins it */
    bool cancelling; /* in that list */
    int code;
    uint64_t value;
    char *detail; /* of the code; NULL: none */
    struct czi_tree *tree;
    struct czi_future *above;
    struct czi_future *next, *previous;             /* members of the same node */
    struct czi_future *queue_next, *queue_previous; /* ready, cancelling, ended, done, unused */
    struct czi_future *first, *last;                /* members: parts, or futures of a task */
    struct czi_future *cursor;                      /* the next one to cancel */
    size_t place;                                   /* among the parts */
    union {
        struct {
            union {
                cz_branch_fn fn;
                cz_callback_fn handler; /* of a callback */
            };
            void *arg;
            struct czi_fiber *fiber; /* NULL: has not begun, or is over */
            struct czi_future *waits_for;
            void *user;
            uint64_t number;
            size_t winner; /* of the race that it joined last */
            int ended;     /* how a callback's future did */
            bool is_callback;
        } task;
        struct {
            void (*cancel)(void *arg, cz_future leaf);
            void *arg;
        } leaf;
        struct {
            size_t left; /* parts that are not over */
            size_t count, winner;
            cz_until_fn until;
            void *arg;
            uint64_t number;
            struct czi_future *done_first, *done_last; /* of fork_each */
            enum cz_race_mode mode;
            bool making; /* its parts are being added */
            bool keeps;  /* of one on a stack: parts that are over */
        } parts;
    };
};
_Static_assert(sizeof(struct czi_future) <= 192, "three cache lines, as limits.h says");

#define CZI_NO_INDEX UINT32_MAX
#define CZI_CHUNK 1024u

struct czi_queue {
    struct czi_future *first, *last;
};

struct czi_runtime {
    struct czi_fiber_pool fibers;
    struct czi_queue ready, ended;
    struct czi_future *cancelling;
    struct czi_future *unused;
    struct czi_future **chunks;
    size_t stack_size;
    uint32_t chunk_count, chunk_room;
    uint32_t fresh;              /* indexes below were used */
    uint32_t live, max;          /* nodes */
    uint32_t ready_count, turns; /* that are left in a row */
    bool settling;               /* in the midst of changes */
};

/* ---- future.c -------------------------------------------------------------------------------
 */

static inline struct czi_tree *czi_tree_of(cz_program *p)
{
    return (struct czi_tree *)(void *)p;
}

/* One that was never used; NULL when out of memory. */
struct czi_future *czi_node_new(struct czi_runtime *r);

static inline struct czi_future *czi_node_at(const struct czi_runtime *r, uint32_t index)
{
    return &r->chunks[index / CZI_CHUNK][index % CZI_CHUNK];
}

static inline void czi_member_add(struct czi_future *above, struct czi_future *n)
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

static inline void czi_member_remove(struct czi_future *n)
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

static inline void czi_set_up(struct czi_future *n, struct czi_tree *t, enum czi_kind kind)
{
    n->kind = (uint8_t)kind;
    n->is = CZI_READY;
    n->over = n->cancelled = n->awaited = n->decided = n->dropped = n->cancelling = false;
    n->code = CZ_OK;
    n->value = 0;
    n->detail = NULL;
    n->tree = t;
    n->first = n->last = n->cursor = NULL;
    n->place = 0;
}

/* A future that is over with a code, which takes no room and has no detail. */
static inline cz_future czi_future_reason(int code)
{
    return (cz_future){CZI_NO_INDEX, (uint32_t)code};
}

/* The same, of one for which there was no room. */
cz_future czi_future_starved(struct czi_tree *t, int code);

/* A new member of `above` (NULL: of none); what is its kind's own is not set. NULL: *ret_reason
 * is a future that is over, which says why. */

static inline struct czi_future *czi_future_take(struct czi_tree *t, struct czi_future *above,
                                                 enum czi_kind kind, cz_future *ret_reason)
{
    struct czi_runtime *r = t->runtime;
    struct czi_future *n = r->unused;

    if (CZI_UNLIKELY(r->live == r->max)) {
        *ret_reason = czi_future_starved(t, CZ_LIMIT);
        return NULL;
    }
    if (CZI_LIKELY(n != NULL)) {
        r->unused = n->queue_next;
    } else if (!(n = czi_node_new(r))) {
        *ret_reason = czi_future_starved(t, CZ_NOMEM);
        return NULL;
    }
    n->generation++;
    r->live++;
    t->live++;
    czi_set_up(n, t, kind);
    n->above = above;
    if (above)
        czi_member_add(above, n);
    return n;
}

/* One on the stack. */
static inline void czi_future_init(struct czi_future *n, struct czi_tree *t, enum czi_kind kind)
{
    n->index = CZI_NO_INDEX;
    n->generation = 0;
    czi_set_up(n, t, kind);
    n->above = t->running;
}

/* Takes it from its node and gives it back. Its members are gone already. */
static inline void czi_future_give(struct czi_future *n)
{
    struct czi_runtime *r = n->tree->runtime;

    CZI_CHECK(n->over && !n->first && !n->cancelling && !n->awaited);
    if (n->above)
        czi_member_remove(n);
    if (CZI_UNLIKELY(n->detail))
        czi_free(n->detail);
    n->above = NULL; /* so that no handle finds it */
    r->live--;
    n->tree->live--;
    if (CZI_UNLIKELY(n->generation == UINT32_MAX))
        return; /* never again: its first handle would be good once more */
    n->queue_next = r->unused;
    r->unused = n;
}

static inline cz_future czi_future_handle(const struct czi_future *n)
{
    return (cz_future){n->index, n->generation};
}

/* Of the task whose turn it is; NULL: *ret_code says how it counts. */
static inline struct czi_future *czi_future_of(struct czi_tree *t, cz_future f, int *ret_code)
{
    struct czi_runtime *r = t->runtime;
    struct czi_future *n;

    *ret_code = CZ_STALE;
    if (f.index == CZI_NO_INDEX && f.generation)
        *ret_code = (int)f.generation;
    if (f.index >= r->fresh)
        return NULL;
    n = czi_node_at(r, f.index);
    if (n->generation != f.generation || n->above != t->running || n->dropped)
        return NULL;
    return n;
}

/* err: code and detail of a node that is over; gives the code. */
int czi_future_tell(const struct czi_future *n, cz_error *err);
/* The same of a future without a node: CZ_STALE, CZ_LIMIT or CZ_NOMEM. */
int czi_reason_tell(const struct czi_runtime *r, int code, cz_error *err);
char *czi_detail(const cz_error *err); /* a copy; NULL: none */

/* Changes. Between begin and end nothing is told; the end of the outermost does all that they
 * entail. */
void czi_settle(struct czi_runtime *r);

static inline bool czi_change_begin(struct czi_runtime *r)
{
    bool outermost = !r->settling;

    r->settling = true;
    return outermost;
}

static inline void czi_change_end(struct czi_runtime *r, bool outermost)
{
    if (!outermost)
        return;
    if (r->ended.first || r->cancelling)
        czi_settle(r);
    r->settling = false;
}

/* Within a change: it is over, and has its result. */
static inline void czi_future_ended(struct czi_future *n)
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

/* Within a change. */
void czi_future_cancel(struct czi_future *n);
void czi_future_cancel_members(struct czi_future *n);
/* Asks it to end; nobody will join it, so it is given back when it is over. */
void czi_future_drop(struct czi_future *n);

/* The code with which waits of the tree are cut, and its text. */
int czi_cut_code(const struct czi_tree *t);
int czi_cut(const struct czi_tree *t, cz_error *err);

/* ---- combine.c ------------------------------------------------------------------------------
 */

/* Of a combinator that was taken or initialised: its parts are added in order, those that are
 * over count at once, and `end` lets it be over, or waited for. All in one change. */
void czi_parts_begin(struct czi_future *c, size_t count);
void czi_part_add(struct czi_future *c, struct czi_future *part, size_t place);
void czi_part_missing(struct czi_future *c, int code, size_t place); /* over without a node */
void czi_parts_end(struct czi_future *c);
/* Adds futures of the task whose turn it is. */
void czi_parts_of(struct czi_future *c, const cz_future *futures, size_t count);
/* Between begin and end: what kind of race it is, which may be none. */
void czi_race_of(struct czi_future *c, enum cz_race_mode mode, cz_until_fn until, void *arg);

/* The one of a callback. */
void czi_part_of_callback(struct czi_future *task, struct czi_future *part);

/* Within a change: a part is over. */
void czi_part_over(struct czi_future *above, struct czi_future *part);
/* Within a change: it is over as soon as its parts are, which are cancelled. */
void czi_combinator_fail(struct czi_future *c, int code, const char *detail);

/* ---- runtime.c ------------------------------------------------------------------------------
 */

/* It stands last in the queue. */
static inline void czi_ready(struct czi_future *n)
{
    struct czi_runtime *r = n->tree->runtime;

    n->is = CZI_READY;
    n->queue_next = NULL;
    n->queue_previous = r->ready.last;
    if (r->ready.last)
        r->ready.last->queue_next = n;
    else
        r->ready.first = n;
    r->ready.last = n;
    r->ready_count++;
}

static inline void czi_unready(struct czi_future *n)
{
    struct czi_runtime *r = n->tree->runtime;

    if (n->queue_previous)
        n->queue_previous->queue_next = n->queue_next;
    else
        r->ready.first = n->queue_next;
    if (n->queue_next)
        n->queue_next->queue_previous = n->queue_previous;
    else
        r->ready.last = n->queue_previous;
    r->ready_count--;
}

/* A new member of `above`, ready. NULL: *ret_reason. */
struct czi_future *czi_task_new(struct czi_future *above, cz_branch_fn fn, void *arg,
                                cz_future *ret_reason);
/* Within a change: its function has returned or will never run, and nothing of it is left. */
void czi_task_gone(struct czi_future *n);

/* The task whose turn it is waits until n is over (of fork_each: or has one to give), and gets
 * CZ_OK, or the code with which its wait was cut. Of a task that is to end n is cancelled
 * first. n must be awaited by nobody. */
CZI_MUST_USE int czi_wait(struct czi_tree *t, struct czi_future *n);
/* Whether the task whose turn it is is to end. */
bool czi_is_cut(const struct czi_tree *t);

#endif
