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
    bool keeps;      /* of a combinator on a stack: parts that are over */
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

/* A new member of `above` (NULL: of none), all fields of every kind set, the kind's own zero.
 * NULL: *ret_reason is a future that is over, which says why. */
struct czi_future *czi_future_take(struct czi_tree *t, struct czi_future *above,
                                   enum czi_kind kind, cz_future *ret_reason);
/* Takes it from its node and gives it back. Its members are gone already. */
void czi_future_give(struct czi_future *n);
/* One on the stack. */
void czi_future_init(struct czi_future *n, struct czi_tree *t, enum czi_kind kind);
cz_future czi_future_handle(const struct czi_future *n);
/* A future that is over with a code, which takes no room and has no detail. */
cz_future czi_future_reason(int code);
/* Of the task whose turn it is; NULL: *ret_code says how it counts. */
struct czi_future *czi_future_of(struct czi_tree *t, cz_future f, int *ret_code);
/* err: code and detail of a node that is over; gives the code. */
int czi_future_tell(const struct czi_future *n, cz_error *err);
int czi_future_tell_code(const struct czi_runtime *r, int code, cz_error *err);
char *czi_detail(const cz_error *err); /* a copy; NULL: none */

void czi_member_add(struct czi_future *above, struct czi_future *n);
void czi_member_remove(struct czi_future *n);

/* Changes. Between begin and settle nothing is told; settle does all that they entail. Within
 * one another only the outermost settles. */
bool czi_change_begin(struct czi_runtime *r);
void czi_change_end(struct czi_runtime *r, bool outermost);
/* Within a change. */
void czi_future_cancel(struct czi_future *n);
void czi_future_ended(struct czi_future *n); /* over is set, and the result */
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
void czi_ready(struct czi_future *n);
void czi_unready(struct czi_future *n);
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
