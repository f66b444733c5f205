/* guest.h - inside of guests that are programs on a host (include/causality/guest.h, way p).
 *
 * Layer: program. Thread: the host's, but for czi_guest_is_code and czi_guest_known.
 *
 * A program whose name is the text of a code's id is a guest; its version is 1, for what is
 * named by its content never changes. Its function, for the host, is czi_guest_main: an
 * interpreter on the task's stack, which carries out calls with the public functions for
 * programs (causality.h, "In a program"). So all that holds of native programs holds of guests:
 * asks are numbered, inputs are recorded, and a guest goes on by running again on its log.
 *
 * An instance has one memory (a space), one budget of gas and one table of futures; each of its
 * tasks has a hart, and a native stack as long as it lives. Tasks take turns at calls that
 * wait; each time that one has used CZI_GUEST_TURN_GAS it waits for an input that says nothing,
 * so that others have their turn, and it learns that it was cancelled. A task that was
 * cancelled may use CZI_GUEST_CANCELLED_GAS more. All of that is counted in gas, so it is the
 * same in each run.
 *
 * A trap in any task, and the lack of gas, end the instance. Memory: see limits.h,
 * CZI_INSTANCES_MAX.
 *
 * Files: guest.c (codes, harts), guest_calls.c (which function carries out which call),
 * guest_tasks.c (futures), guest_emit.c (operations), guest_effects.c (effects, messages),
 * guest_resources.c (reads, guards).
 *
 * Invariants:
 *  G1  a slot of a task is free, or a future of the table has it in `tasks`, or it is an orphan
 *  G2  resources are bound in the manager just when `holder` is set and its guards are there
 */
#ifndef CZI_PROGRAM_GUEST_H
#define CZI_PROGRAM_GUEST_H

#include "program/host.h"
#include "vm/manager.h"

/* ---- Codes (guest.c) ------------------------------------------------------------------------
 */

/* A decoded code, shared by the instances of a host. */
struct czi_guest_code {
    struct czi_guest_code *next; /* the latest used first */
    cz_id id;                    /* of the resource */
    struct czi_code *code;
    uint32_t users;
};

extern const cz_program_def czi_guest_def;
/* Whether a program's name is a code's id. */
bool czi_guest_is_code(const char *name, cz_id *ret);
/* Any thread: the store has it. CZ_NOT_FOUND, CZ_WRONG_TYPE. */
CZI_MUST_USE int czi_guest_known(cz_engine *g, const cz_id *id, cz_error *err);
/* For an instance, from the host's store if it is not decoded yet. */
CZI_MUST_USE int czi_guest_take(cz_program *p, cz_error *err);
/* Gives a host without an engine what a code's resource holds. CZ_CORRUPT: it is not that. */
CZI_MUST_USE int czi_guest_give(cz_host *h, const cz_id *id, const void *elf, size_t len,
                                cz_error *err);
/* What a host has kept. */
void czi_host_guests_done(cz_host *h);
/* What a run has taken; its code too when `all`. */
void czi_guest_done(cz_program *p, bool all);

/* ---- Instances ------------------------------------------------------------------------------
 */

/* A fact that was awaited, as it was told. */
struct czi_guest_seen {
    struct czi_guest_seen *next;
    cz_fact_seen seen;
    struct cz_guest_fact fact; /* what the query says of it */
};

enum czi_slot {
    CZI_SLOT_FREE,
    CZI_SLOT_FORKED, /* has not begun */
    CZI_SLOT_RUNS,
    CZI_SLOT_OVER, /* its function has returned; its future was not used up */
};

struct czi_guest_task {
    struct czi_hart hart;
    struct czi_guest *guest;
    uint8_t slot; /* enum czi_slot */
    uint8_t number;
    bool emitted;       /* operations, to the effect in the making */
    bool orphan;        /* nobody has its future */
    enum czi_stop stop; /* of the call at hand: it traps, or there is no gas */
    uint64_t turn;      /* gas until the others have a turn */
    uint64_t left;      /* gas, once it was cancelled; before UINT64_MAX */
    uint64_t function, argument;
    cz_effect *effect;          /* in the making; NULL: none yet */
    struct cz_guest_fact *fact; /* that was joined last; NULL: none */
};

/* An entry of the table; what a guest has is generation and index in one number. */
struct czi_guest_future {
    cz_future future;
    bool used;
    uint8_t owner; /* the task's slot */
    uint32_t next; /* of the unused */
    uint64_t generation;
    uint64_t tasks; /* bits of slots that are over once it is used up */
    struct czi_guest_seen *seen, *seen_last;
};

struct czi_guest {
    cz_program *program;
    struct czi_vm_manager *manager;
    struct czi_run_input input;
    struct czi_world world;
    uint8_t key[32];
    uint64_t gas;
    struct czi_guest_task *tasks[CZ_GUEST_TASKS_MAX]; /* NULL: never was one */
    struct czi_guest_future *futures;
    uint32_t future_count, future_room, future_unused; /* index + 1; 0: none */
    /* Guards, of one task at a time. */
    struct czi_guest_task *holder;
    cz_guard guards[CZ_GUEST_WINDOWS_MAX];
    uint32_t guard_count;
    bool is_over; /* it ends with: */
    int code;
    char said[128];              /* its last message */
    char failed[CZ_DETAIL_SIZE]; /* why its last call that failed did */
    char detail[CZ_DETAIL_SIZE];
};

/* ---- Of calls -------------------------------------------------------------------------------
 */

typedef int64_t (*czi_guest_fn)(struct czi_guest_task *t, const uint64_t *a);

/* Carries one out: registers, gas. What is to be told: none, trap, gas. EXIT excepted. */
enum czi_stop czi_guest_call(struct czi_guest_task *t);
/* What the call at hand costs with so many bytes; false: there is not enough. */
bool czi_guest_pay(struct czi_guest_task *t, uint64_t bytes);
/* Copies; false: it traps. */
bool czi_guest_read(struct czi_guest_task *t, uint64_t from, void *to, size_t len);
bool czi_guest_write(struct czi_guest_task *t, uint64_t to, const void *from, size_t len);
/* Whether it could write there; else it traps. */
bool czi_guest_may_write(struct czi_guest_task *t, uint64_t to, uint64_t len);
/* Text of at most size - 1 bytes without zeroes among them. 0, or -CZ_INVALID, -CZ_LIMIT. */
int64_t czi_guest_text(struct czi_guest_task *t, uint64_t from, uint64_t len, char *to,
                       size_t size);
/* Bytes, at most max: a copy in b. 0, or -CZ_LIMIT; the instance is stopped without memory. */
int64_t czi_guest_bytes(struct czi_guest_task *t, uint64_t from, uint64_t len, size_t max,
                        struct czi_buf *b);
/* What a function of the host's has returned, as the result of a call. */
int64_t czi_guest_result(struct czi_guest_task *t, int rc, const cz_error *err);
/* A host has no more memory: the instance is stopped. -CZ_NOMEM. */
int64_t czi_guest_nomem(struct czi_guest_task *t);
static inline cz_program *czi_guest_program(const struct czi_guest_task *t)
{
    return t->guest->program;
}

/* guest.c: a task that was forked. A cz_branch_fn. */
int czi_guest_branch(cz_program *p, void *task, uint64_t *ret, cz_error *err);
/* A slot for one; NULL: there is none, or no memory, and the instance is stopped. */
struct czi_guest_task *czi_guest_task_new(struct czi_guest *g);
/* The futures that it has made are nobody's any more. */
void czi_guest_futures_leave(struct czi_guest_task *t);
void czi_guest_futures_done(struct czi_guest *g);
/* There is room for one more: 0, or -CZ_LIMIT. */
int64_t czi_guest_room(struct czi_guest_task *t);
/* Whether it has guards; they are dropped. */
void czi_guest_let_go(struct czi_guest_task *t);

/* guest_tasks.c */
int64_t czi_guest_fork(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_join(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_barrier(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_race(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_winner(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_timeout(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_sleep(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_watch(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_cancel(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_yield(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_await_fact(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_fact_seen(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_call_program(struct czi_guest_task *t, const uint64_t *a);
/* A future of the task's in the table, which has room. */
int64_t czi_guest_future_add(struct czi_guest_task *t, cz_future future);

/* guest_effects.c, guest_emit.c */
int64_t czi_guest_emit(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_perform(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_perform_future(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_return(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_random(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_send(struct czi_guest_task *t, const uint64_t *a);
/* The one in the making, made now if there is none; NULL: no memory, and it is stopped. */
cz_effect *czi_guest_effect(struct czi_guest_task *t);
void czi_guest_effect_drop(struct czi_guest_task *t);
/* A result to where the guest wants it, if it does. */
bool czi_guest_put_result(struct czi_guest_task *t, uint64_t to, const cz_result *r);

/* guest_resources.c */
int64_t czi_guest_read_resource(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_time(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_acquire(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_commit(struct czi_guest_task *t, const uint64_t *a);
int64_t czi_guest_release(struct czi_guest_task *t, const uint64_t *a);

#endif
