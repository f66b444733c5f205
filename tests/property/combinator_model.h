/* combinator_model.h - what tasks and futures shall do: a model of program/runtime.h in a few
 * recursive functions, and the trees that it and the runtime are given.
 *
 * A *plan* is a tree of nodes: what each task makes, step by step, and how it waits for that.
 * Each node is made at most once, so a node of the plan is a future. The model runs a plan as
 * tables: there are no stacks, a task is a place in its list of steps; ending and cancelling
 * are plain recursion. It shares nothing with the runtime, and tells what happens as text.
 */
#ifndef CZI_COMBINATOR_MODEL_H
#define CZI_COMBINATOR_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAN_NODES = 64, PLAN_PARTS = 5, STORY_SIZE = 16384 };

enum plan_kind {
    PLAN_LEAF,     /* ends when the world says so */
    PLAN_NOW,      /* over from the beginning */
    PLAN_STALE,    /* a handle of nothing */
    PLAN_TASK,     /* its parts are its steps */
    PLAN_CALLBACK, /* its first part is what it is called for; the others its steps */
    PLAN_BARRIER,
    PLAN_RACE_ANY,
    PLAN_RACE_OK,
    PLAN_RACE_UNTIL,
    PLAN_TIMEOUT,   /* of one part; the alarm is the node itself */
    PLAN_FORK_JOIN, /* these three have tasks as parts, and are waited for at once */
    PLAN_FORK_TRY,
    PLAN_FORK_EACH,
    PLAN_END, /* no future: a step that ends a leaf */
};

/* What a task does with a step. */
enum plan_how {
    PLAN_JOIN,
    PLAN_WAIT,   /* makes it and waits in one call, if there is one */
    PLAN_LEAVE,  /* makes it, and never joins it */
    PLAN_CANCEL, /* cancels and joins it at once */
    PLAN_LATER,  /* asks it to end, then joins it */
};

struct plan_node {
    uint8_t kind, how;
    bool slow;     /* a leaf that does not end when it is cancelled */
    bool stubborn; /* a task that goes on after a step has failed */
    bool pause;    /* a yield between making the parts and what they are parts of; in each */
    int code;      /* of NOW, and of END */
    int target;    /* of END */
    int refuse;    /* of FORK_EACH: the index at which it wants no more */
    uint64_t value;
    int parts[PLAN_PARTS], count;
};

struct plan {
    struct plan_node nodes[PLAN_NODES]; /* the first one is the first task */
    int count;
};

struct story {
    char text[STORY_SIZE];
    size_t len;
};
__attribute__((format(printf, 2, 3))) void story_add(struct story *s, const char *fmt, ...);

struct model;
struct model *model_new(const struct plan *plan); /* its first task is ready */
void model_free(struct model *m);
void model_run(struct model *m); /* until nothing is ready */
/* The world's doing. */
bool model_is_live(const struct model *m, int leaf); /* a leaf, or the alarm of a timeout */
void model_end(struct model *m, int leaf, int code, uint64_t value);
void model_cancel(struct model *m);
void model_stop(struct model *m, int code);
bool model_is_over(const struct model *m);
const struct story *model_story(const struct model *m);

#endif
