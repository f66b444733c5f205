/* host.h - inside of cz_host: programs that run, and go on where they were (R12, R13, R16).
 *
 * Layer: program. A host joins three rooms: the runtime (runtime.h: tasks and futures, which
 * know of nothing outside), the engine, and the log of each program (log.h).
 *
 * Instances and asks. An *instance* (struct cz_program) is one program that was started. All
 * that its code wants from outside is an *ask*: an effect, a watch, a fact, a time, a guard,
 * another program. Asks are numbered from 1 as the code makes them, and what each one is goes
 * into the instance's *fingerprint*. What the outside says is an *input*: kind, number of the
 * ask, code, value, payload. So a run is a function of how it began and of its inputs:
 *
 *     the code runs until none of its tasks is ready; then the next input is delivered: it ends
 *     the leaf of its ask (or, unasked, cancels the program), and the code runs again
 *
 * Some asks are answered at once, in the turn that makes them (reads, times, look-ups): what
 * was executed and is not on disk yet may be seen, since all that follows from it is recorded
 * behind it (R15). Their inputs are in the same list.
 *
 * Entries. Inputs are recorded with the next effect of the instance, in its note: so the log of
 * n effects has n entries, and two more, begin and end. An entry of its own, a note alone, is
 * made before anybody outside is told what follows from inputs that are not recorded: before an
 * end is reported, an emitted message given on, another program begun; and when the inputs
 * would not fit one note; then the input that did not fit is not in the log yet, and may never
 * be. Effects are submitted in the order in which they were made, with the
 * instance's id as origin and nonces 1, 2, 3… Nothing else waits for the disk.
 *
 * Replay. Whoever goes on with an instance runs its code on its log: inputs come from the
 * notes, an entry that the code makes is compared with the one that is recorded, byte for byte,
 * and nothing is submitted. The first that differs, or is missing when there are no more inputs
 * to make it, is a *misfit*: the instance is stopped, records nothing more, and says which
 * entry it was. Once the last recorded entry is made the instance is *live*: what is still
 * under way is asked in earnest, in the order in which it was asked the first time. Effects
 * that are recorded are submitted again, which gives the first one's result; watches judge the
 * present, so nothing is missed; timers in the host's milliseconds begin anew.
 *
 * Threads. Code, instances and asks belong to the host's thread (of an engine that is driven by
 * hand: whoever drives). Others leave *letters* in the host's inbox: callbacks of the engine,
 * which run on its thread, and calls of cz_program_start and cz_program_cancel. An ask has its
 * letter in it, so that nothing is allocated where nothing may fail. The thread takes one
 * letter at a time, and only when no task is ready. `lock` guards the inbox and what others
 * look at, and is held for moments; it comes after the manager's mutex and the engine's locks.
 *
 * An ask lives until its leaf is over and its letter, if one was promised, has come.
 *
 * Files: host.c (beginning, end, thread, letters), instance.c (an instance's life),
 * entry.c (notes and effects), ask.c (asks, inputs), past.c (a log that is replayed),
 * host_*.c (kinds of asks), programs.c (public functions of other threads), rerun.c
 * (cz_program_replay).
 *
 * What another run would not meet is no input: a lack of memory, of futures or of stacks, which
 * others may have, stops the instance, also when its code returns CZ_NOMEM. Nothing of it is
 * recorded, and it goes on under the next host.
 *
 * Invariants:
 *  H1  inputs of an instance are delivered and recorded in one order
 *  H2  entry n is submitted only when entry n - 1 was
 *  H3  nothing of an instance is submitted while it has a past, nor once it is stopped
 */
#ifndef CZI_HOST_H
#define CZI_HOST_H

#include "account/account.h"
#include "base/id_table.h"
#include "engine/engine.h"
#include "program/log.h"
#include "program/runtime.h"
#include "program/timers.h"

/* Whether the task whose turn it is shall end, and with what (runtime.c). */
bool czi_is_cut(const struct czi_tree *t);
int czi_cut(const struct czi_tree *t, cz_error *err);

/* ---- Letters --------------------------------------------------------------------------------
 */

struct czi_letter {
    struct czi_letter *next;
    /* On the host's thread, while no task is ready. */
    void (*open)(cz_host *h, struct czi_letter *l);
};
struct czi_letters {
    struct czi_letter *first, *last;
};

/* ---- Asks -----------------------------------------------------------------------------------
 */

struct czi_ask;

/* What makes one kind of ask different. */
struct czi_ask_ops {
    enum czi_input_kind input;
    /* In earnest. It promises a letter unless it fails, which stops the instance. */
    CZI_MUST_USE int (*ask)(struct czi_ask *a, cz_error *err);
    /* Nobody wants the answer any more: so that it comes soon. NULL: it comes anyway. Its leaf
     * is over already, but of a kind that `stays`: its leaf is over with the answer. */
    void (*drop)(struct czi_ask *a);
    bool stays;
    /* The answer is here, and is not delivered yet: true if it shall be, as an input. NULL:
     * true. */
    bool (*came)(struct czi_ask *a);
    /* What an input says, live or of the past, goes to whoever waits. NULL: nobody. */
    void (*tell)(struct czi_ask *a, const struct czi_input *in, cz_error *err);
    void (*free)(struct czi_ask *a); /* what `more` points to; NULL: nothing */
};

struct czi_ask {
    struct czi_letter letter; /* first */
    const struct czi_ask_ops *ops;
    cz_program *program;
    cz_engine *engine;
    struct czi_ask *next, *previous; /* of the instance's, in the order of asking */
    struct czi_ask *next_unsent;     /* entries: in the order of making */
    struct czi_ask *next_alike;      /* of the past: whose numbers have the same low bits */
    uint64_t number;                 /* of what the code asked for; 0: it did not */
    cz_future future;
    bool has_leaf; /* which is not over */
    bool is_asked; /* in earnest */
    bool promised; /* a letter will come, or is in the queue */
    bool dropped;  /* nobody wants the answer any more */
    bool held;     /* it is being delivered */
    bool orphan;   /* the host is gone; with the manager's mutex */
    struct czi_alarm alarm;
    /* What came; a code above 0 has its detail in the payload. */
    int code;
    uint64_t value;
    struct czi_buf payload;
    uint64_t watch; /* its number in the engine */
    /* Of entries. */
    struct czi_buf bytes; /* the effect */
    uint64_t nonce;
    cz_result result;
    cz_result *ret_result;           /* of whoever waits; NULL: nobody */
    uint32_t clock;                  /* of the task that has made an effect */
    bool queued;                     /* of an effect: it is not made yet */
    bool commits;                    /* it is under way under guards: */
    struct czi_buf guards;           /* of cz_guard */
    void (*then)(struct czi_ask *a); /* when it is on disk; NULL: nothing */
    void *more;                      /* of the kind's own file */
};

/* ---- Instances ------------------------------------------------------------------------------
 */

/* A log that is replayed: its entries, and how far the code has come. */
struct czi_past_entry {
    size_t at, len; /* of the effect's bytes */
    uint64_t position;
    cz_id effect, receipt;
    enum cz_reason reason;
};
struct czi_past {
    struct czi_buf bytes;
    struct czi_past_entry *entries;
    uint64_t count, room;
    uint64_t entry; /* whose inputs are next, from 1; beyond the count: there are no more */
    struct czi_cbor inputs;
    uint64_t inputs_left;
    struct czi_buf payload; /* of the input that was taken last */
    struct czi_input part;  /* the last one of those that the payload begins with */
    uint64_t told;          /* inputs that the code was given */
    uint64_t effects;       /* entries made with operations of the code's */
    struct czi_ask **asks;  /* with a number, by its low bits; NULL: there was no memory */
    uint32_t ask_room, ask_count;
};

enum czi_instance_state {
    CZI_INSTANCE_QUEUED, /* to begin */
    CZI_INSTANCE_RUNS,
    CZI_INSTANCE_ENDS,  /* its end is made, and not on disk */
    CZI_INSTANCE_STOPS, /* unwinds, or has; nothing of it is recorded */
};

struct cz_program {
    struct czi_tree tree; /* first */
    cz_host *host;
    struct czi_letter letter, cancel; /* to begin; to be cancelled */
    uint32_t letters;                 /* of these, in the inbox; with the host's lock */
    cz_program *next_over;
    cz_id id;
    const cz_program_def *def;      /* NULL: the host has none that fits */
    struct czi_guest_code *code_of; /* of a guest (guest.h), and its run */
    struct czi_guest *guest;
    uint32_t version;
    char name[64], label[65];
    struct czi_buf args;
    struct czi_past *past; /* NULL: it is live */
    struct czi_past *done; /* the same, once it is, until the turn is over */
    uint64_t entries;      /* made so far: the nonce of the last one */
    uint64_t asked;        /* the number of the last ask */
    uint64_t randoms;
    uint64_t value; /* cz_program_return */
    struct czi_note_parts parts;
    struct czi_ask *asks, *asks_last;
    struct czi_task_part *tasks; /* of those that have one */
    uint64_t clocks;             /* bits of task numbers that are taken */
    uint64_t emitted;            /* messages so far */
    struct invocation *invokers; /* of this instance */
    char *end_detail;            /* of its first task */
    uint32_t queued;             /* effects of the code's that are not made, */
    uint32_t under_way;          /* and that are, without a delivered result */
    uint32_t held;               /* guards, now */
    uint32_t regaining;          /* tasks that acquire theirs again */
    bool waking;                 /* nothing is asked before that is done */
    uint64_t guards;             /* so far */
    struct czi_held *committing; /* of tasks that were over before their effect was */
    bool is_over;                /* its first task has ended */
    bool resumes;                /* the store knows it */
    bool has_tree, told_to_end;
    cz_program *next_to_stop;
    int end_code; /* what its first task returned */
    /* With the host's lock where others look: */
    enum czi_instance_state state;
    bool misfits; /* stopped: its code does not fit its log */
    int code;     /* of what stopped it */
    char detail[CZ_DETAIL_SIZE];
};

/* What a host keeps with a task: *czi_tree_user. */
struct czi_task_part {
    struct czi_task_part *next;
    uint64_t task;
    uint32_t clock;      /* its number in the vector clock; CZI_ID_NONE: none yet */
    struct czi_buf seen; /* what it has read last */
    struct czi_held *held;
    struct czi_owner_part *owner; /* as the locks know it */
};

/* ---- Hosts ----------------------------------------------------------------------------------
 */

struct cz_host {
    struct czi_runner runner; /* first */
    cz_engine *engine;        /* NULL: it reruns a log */
    struct czi_runtime *runtime;
    struct czi_thread *thread;
    cz_program_def *programs; /* names are in `names` */
    char *names;
    size_t program_count;
    struct czi_guest_code *codes;                             /* that were decoded */
    struct czi_vm_manager *spaces[CZI_GUEST_SPACES_IDLE_MAX]; /* idle ones */
    uint32_t space_count;
    uint64_t guest_gas; /* of each guest: CZI_PROGRAM_GAS_MAX, but in tests */
    bool has_secret, no_resume;
    bool keeps_past; /* until the instance is freed: a rerun */
    uint8_t secret[32];
    cz_effect *effect;         /* what entries are made with */
    struct czi_buf note, text; /* room for one */
    struct czi_letters queue;  /* taken out of the inbox */
    struct czi_timers timers;
    struct czi_ask *unsent, *unsent_last; /* entries that the backlog had no room for */
    uint64_t again; /* when to try those again; UINT64_MAX: it is not known yet */
    bool stepping, ends;
    uint32_t trees;           /* that are not over */
    uint32_t commits;         /* effects under way under guards */
    bool ending;              /* it ends when there are none */
    struct czi_finder finder; /* the thread's own way to the journal */
    struct czi_ask *facts;    /* that wait for one */
    _Atomic uint64_t items;   /* of fact logs that are acknowledged */
    atomic_bool looks;        /* the letter `found` is on the way */
    struct czi_letter found;
    cz_program *asks_engine; /* who was given the engine last */
    struct czi_account_hook hook;
    _Atomic uint32_t asleep;             /* the thread's word */
    _Atomic uint32_t arrivals;           /* letters in the inbox */
    struct czi_letter end, shut, resend; /* cz_host_close; the engine has stopped; BUSY */
    cz_program *over;                    /* instances to be freed */
    cz_program *to_stop;                 /* whose trees shall stop */

    struct czi_mutex *lock;
    struct czi_cond *news; /* an instance has ended, or was stopped */
    /* All below: under lock. */
    struct czi_letters inbox;
    struct czi_id_table ids;
    cz_program **instances; /* by number; NULL: none now */
    uint32_t instance_room, live;
    uint32_t visitors; /* in cz_program_wait */
    bool closing, stopped;
    bool gone; /* its thread has ended: there is no news any more */
};

/* ---- host.c ---------------------------------------------------------------------------------
 */

/* Any thread. */
void czi_host_post(cz_host *h, struct czi_letter *l);
/* Nanoseconds of the host's clock. */
uint64_t czi_host_now(const cz_host *h);
/* Its letter is posted at that time; of equal times, first the one that was armed first.
 * CZ_NOMEM. */
CZI_MUST_USE int czi_host_arm(cz_host *h, struct czi_ask *a, uint64_t deadline, cz_error *err);
/* False: it is not armed; its letter may be on the way. */
bool czi_host_disarm(cz_host *h, struct czi_ask *a);
/* Everything but thread and engine, for both kinds of host; done frees it. */
CZI_MUST_USE int czi_host_make(const cz_host_options *options, cz_host **ret, cz_error *err);
void czi_host_done(cz_host *h);
/* Instances of the store that have not ended, which begin with their letters. */
CZI_MUST_USE int czi_host_resume(cz_host *h, cz_error *err);
/* Turns until no task is ready. */
void czi_host_settle(cz_host *h);
/* NULL: there is none. version 0: the newest. Guests have one (guest.h), if they are there. */
const cz_program_def *czi_host_program(const cz_host *h, const char *name, uint32_t version);
/* The seed of an instance's key. */
void czi_program_seed(const uint8_t secret[32], const cz_id *id, uint8_t ret[32]);

/* ---- instance.c -----------------------------------------------------------------------------
 */

/* Not in the host's table, nor begun. Names are checked. */
CZI_MUST_USE int czi_instance_new(cz_host *h, const struct czi_begin *begin, const cz_id *id,
                                  cz_program **ret, cz_error *err);
void czi_instance_free(cz_program *p);
/* Under the host's lock. NULL: this host does not know it, or no more. */
cz_program *czi_instance_find(const cz_host *h, const cz_id *id);
CZI_MUST_USE int czi_instance_enter(cz_host *h, cz_program *p, cz_error *err);
/* It runs until no task is ready: from its beginning, through its past. */
void czi_instance_run(cz_program *p);
/* Nothing more is recorded of it; its tasks unwind with the code, from the next turn on. */
void czi_instance_stop(cz_program *p, int code, const char *detail);
void czi_instance_misfit(cz_program *p, const char *fmt, ...) CZI_PRINTF(2, 3);
/* Those turns begin; false: there are none. */
bool czi_host_stop_trees(cz_host *h);
/* Of functions that tasks call: it is stopped, and why. */
CZI_MUST_USE int czi_program_may(const cz_program *p, cz_error *err);
/* Its last entry is on disk. */
void czi_instance_ended(struct czi_ask *end);
/* The letter of one that shall begin. */
void czi_instance_begin(cz_host *h, struct czi_letter *l);
/* Frees those that are over, of which nothing is under way. */
void czi_host_tidy(cz_host *h);
/* The part of the task whose turn it is; NULL when out of memory: the instance is stopped. */
struct czi_task_part *czi_task_part_here(cz_program *p);

/* ---- past.c ---------------------------------------------------------------------------------
 */

/* Takes one entry in; cz_program_entry_fn of a struct czi_past. */
int czi_past_add(void *past, const cz_program_entry *entry);
void czi_past_free(struct czi_past *past); /* NULL: no-op */
/* All is taken in: how it began. Slices live as long as the past. CZ_CORRUPT. */
CZI_MUST_USE int czi_past_start(struct czi_past *past, struct czi_begin *ret, cz_error *err);
/* Its last entry is its end. */
bool czi_past_has_ended(const struct czi_past *past, struct czi_note *ret);
/* The next input, with its parts joined; it lives until the next one. False: there is none. */
CZI_MUST_USE bool czi_past_next(cz_program *p, struct czi_input *ret);
/* There was none. If the last entry may have been made because the next input did not fit,
 * which was lost then, it is made again. False: it was not, or another entry is missing. */
CZI_MUST_USE bool czi_past_make_last(cz_program *p);
/* The kind and number of the next one, without taking it. */
CZI_MUST_USE bool czi_past_peek(struct czi_past *past, struct czi_input *ret);
/* An ask with a number, of the instance's list, is new, or about to be freed. */
void czi_past_ask_add(cz_program *p, struct czi_ask *a);
void czi_past_ask_remove(cz_program *p, struct czi_ask *a);
/* The one that waits for an input; NULL: none does. */
struct czi_ask *czi_past_ask(const cz_program *p, uint64_t number);
/* The recorded entry that an ask has made; NULL: it is none of the past. */
const struct czi_past_entry *czi_past_entry_of(const cz_program *p, const struct czi_ask *a);
/* The code has made an entry: it is the one that is recorded, or the instance misfits. The past
 * ends with the last one. */
CZI_MUST_USE int czi_past_compare(cz_program *p, struct czi_ask *a, cz_error *err);

/* ---- ask.c ----------------------------------------------------------------------------------
 */

/* The code asks for something: counts, and takes it into the fingerprint. what: canonical
 * bytes of one item, or nothing. Returns the number. */
uint64_t czi_program_asks(cz_program *p, enum czi_input_kind kind, const struct czi_buf *what);
/* With a leaf. NULL: there is no room, and the instance is stopped; *ret is over. */
struct czi_ask *czi_ask_new(cz_program *p, const struct czi_ask_ops *ops, uint64_t number,
                            cz_future *ret);
/* Without one. */
struct czi_ask *czi_ask_alone(cz_program *p, const struct czi_ask_ops *ops);
/* It is complete: asks in earnest, if the instance is live. In any case. */
void czi_ask_go(struct czi_ask *a);
void czi_ask_now(struct czi_ask *a);
/* Those that were made in the past ask now. */
void czi_asks_wake(cz_program *p);
/* The letter of an ask. */
void czi_ask_open(cz_host *h, struct czi_letter *l);
/* One that is in no list. */
void czi_ask_free(struct czi_ask *a);
/* The answer is here: any thread, once, if it was promised. */
void czi_ask_post(struct czi_ask *a);
/* Nobody asks any more; it is freed now or with its letter. */
void czi_ask_drop(struct czi_ask *a);
/* The same of one whose leaf may not be over: then that will drop it. */
void czi_ask_done(struct czi_ask *a);
/* Notes an input, and ends the leaf of its ask. */
void czi_input_deliver(struct czi_ask *a, const struct czi_input *in);
/* Notes an input for the next entry. */
void czi_input_note(cz_program *p, const struct czi_input *in);
/* The same of parts of one whose rest was lost, with all their bytes; and that it was: a part
 * without bytes. */
void czi_input_note_lost(cz_program *p, const struct czi_input *part, struct czi_slice payload);
void czi_input_note_loss(cz_program *p, const struct czi_input *part);
/* An input that the code is waiting for in its turn: of the past, true with *in; false: it is
 * live, and must find out itself. An error is the misfit's. */
CZI_MUST_USE int czi_input_past(cz_program *p, enum czi_input_kind kind, uint64_t number,
                                struct czi_input *in, bool *ret_past, cz_error *err);
/* A code's detail as the payload of an input, and back. */
void czi_ask_fail(struct czi_ask *a, const cz_error *err);

/* ---- entry.c --------------------------------------------------------------------------------
 */

/* An entry with a note of everything since the last one, and the operations of the code's
 * effect whose bytes a has (none: no operations). a takes its bytes and result; it is submitted
 * if the instance is live. CZ_INVALID, CZ_LIMIT: what is wrong with the code's effect, and
 * nothing has changed; any other code has stopped the instance. */
CZI_MUST_USE int czi_entry_make(cz_program *p, struct czi_ask *a, cz_error *err);
/* Makes the effects that may be made now. */
void czi_effects_look(cz_program *p);
bool czi_ask_is_effect(const struct czi_ask *a);
/* How the program begins, and ends. */
void czi_entry_begin(cz_program *p);
void czi_entry_end(cz_program *p, int code, const char *detail);
/* An entry of its own: so that what was told until now is recorded. */
void czi_entry_flush(cz_program *p);
/* The same; then: when it is on disk. NULL: it was recorded before, or the instance is stopped.
 */
struct czi_ask *czi_entry_record(cz_program *p, void (*then)(struct czi_ask *a));
/* As czi_ask_ops.ask of entries: submits. */
CZI_MUST_USE int czi_entry_send(struct czi_ask *a, cz_error *err);
/* An instance was stopped: what was not submitted yet never will be. */
void czi_entries_forget(cz_program *p);
/* A cz_done_fn. */
void czi_entry_done(void *arg, const cz_result *r);
/* Its result is here: as the log has it. False: there is none, and the instance is stopped. */
CZI_MUST_USE bool czi_entry_result(struct czi_ask *a);
/* Tries those again that the backlog had no room for. */
void czi_entries_send(cz_host *h);
/* What an effect of the code's is as an ask. */
extern const struct czi_ask_ops czi_ask_effect;

/* ---- programs.c -----------------------------------------------------------------------------
 */

/* Whoever is in cz_program_wait leaves the host before it goes. */
void czi_host_see_off(cz_host *h);
/* Host's thread: whether the store has a log of it. */
bool czi_program_is_known(cz_engine *g, const cz_id *id);

/* ---- host_watch.c ---------------------------------------------------------------------------
 */

/* ---- host_guard.c ---------------------------------------------------------------------------
 */

bool czi_ask_is_request(const struct czi_ask *a); /* for guards */
void czi_guards_task_over(cz_program *p, struct czi_task_part *t);
/* Effects have results: those that wait for that ask for their guards. */
void czi_guards_look(cz_program *p);
/* All tasks acquire again what they hold. */
void czi_guards_regain(cz_program *p);
/* Whether an effect touches what is guarded by a task (NULL: by any of the instance). */
bool czi_guards_conflict(const cz_program *p, const struct czi_task_part *mine,
                         struct czi_slice effect);
/* An effect with what its guards require becomes the host's. CZ_STALE, CZ_INVALID. */
CZI_MUST_USE int czi_guards_require(cz_program *p, const cz_guard *guards, size_t count,
                                    cz_effect *effect, cz_error *err);
/* An effect under guards is about to be submitted; it is over, one way or another; it has
 * applied. */
void czi_guards_commit(struct czi_ask *a);
void czi_guards_committed(struct czi_ask *a);
void czi_guards_applied(struct czi_ask *a);
/* Those that were left to an effect. */
void czi_guards_abandon(cz_program *p);

/* ---- host_invoke.c --------------------------------------------------------------------------
 */

bool czi_ask_is_invocation(const struct czi_ask *a);
/* One message more for it. */
void czi_invoke_message(struct czi_ask *a, const struct czi_input *in);
/* There may be messages to take. */
void czi_invoke_look(struct czi_ask *a);
/* A program has ended: those that have invoked it are told. It is no more: they forget it. */
void czi_invokers_tell(cz_program *p, int code, uint64_t value, const char *detail);
void czi_invokers_forget(cz_program *p);

/* ---- host_read.c ----------------------------------------------------------------------------
 */

/* A question that is answered in the turn that asks it: of the past, or as `look` finds it. */
struct czi_question {
    enum czi_input_kind kind;
    const struct czi_buf *what;
    int (*look)(cz_program *p, const void *arg, struct czi_buf *payload, cz_error *err);
    const void *arg;
};
CZI_MUST_USE int czi_program_question(cz_program *p, const struct czi_question *q,
                                      struct czi_buf *ret, cz_error *err);
/* What functions on accounts look up for a program: of a struct czi_account_hook. */
int czi_host_answer(void *host, cz_engine *g, const struct czi_account_question *asked,
                    struct czi_account_answer *ret, cz_error *err);

/* ---- host_fact.c ----------------------------------------------------------------------------
 */

/* There are new items of fact logs: as a runner, and as a letter. */
void czi_host_facts(struct czi_runner *r, uint64_t count);
void czi_host_look(cz_host *h, struct czi_letter *l);
/* ret: what is told, where it must stay until the future is used up; NULL: nobody. */
cz_future czi_fact_future(cz_program *p, const cz_fact_query *query, cz_fact_seen *ret);

/* A leaf for a deadline. */
cz_future czi_program_sleep(struct czi_tree *t, const cz_deadline *deadline);

#endif
