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
 * would not fit one note. Effects are submitted in the order in which they were made, with the
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
 * Invariants:
 *  H1  inputs of an instance are delivered and recorded in one order
 *  H2  entry n is submitted only when entry n - 1 was
 *  H3  nothing of an instance is submitted while it has a past, nor once it is stopped
 */
#ifndef CZI_HOST_H
#define CZI_HOST_H

#include "base/id_table.h"
#include "engine/find.h"
#include "engine/manager.h"
#include "lock/watch.h"
#include "program/log.h"
#include "program/runtime.h"

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

enum czi_ask_kind {
    CZI_ASK_EFFECT,  /* an entry with operations of the code's */
    CZI_ASK_ENTRY,   /* an entry of its own; nobody waits for it, but see `then` */
    CZI_ASK_WATCH,   /* cz_watch; a sleep in a domain's time too */
    CZI_ASK_TIMER,   /* milliseconds */
    CZI_ASK_FACT,    /* a fact that is not recorded yet */
    CZI_ASK_GUARDS,  /* guards, all at once */
    CZI_ASK_PROGRAM, /* another program's end; its messages too */
};

struct czi_ask {
    struct czi_letter letter; /* first */
    struct czi_watcher timer; /* TIMER: its key is the deadline */
    cz_program *program;
    struct czi_ask *next, *previous; /* of the instance's, in the order of asking */
    struct czi_ask *next_unsent;     /* entries: in the order of making */
    uint64_t number;                 /* 0: no input comes of it */
    cz_future future;
    enum czi_ask_kind kind;
    bool has_leaf; /* its leaf is not over */
    bool is_asked; /* in earnest: a letter will come, or has */
    bool is_sent;  /* the letter is in the inbox or the queue */
    bool dropped;  /* nobody wants the answer any more */
    /* What came. */
    int code;
    uint64_t value;
    union {
        cz_result result;   /* EFFECT, ENTRY */
        cz_watched watched; /* WATCH */
    };
    cz_result *ret_result; /* of whoever waits; NULL: nobody */
    /* ENTRY: when it is on disk; NULL: nothing. */
    void (*then)(struct czi_ask *a);
    struct czi_buf bytes; /* entries: the effect; else what is asked */
    uint64_t nonce;       /* entries */
    cz_watch_spec watch;  /* WATCH; ids and names are below */
    cz_id id;
    char domain[CZI_DOMAIN_SIZE_MAX + 1], deadline_domain[CZI_DOMAIN_SIZE_MAX + 1];
    uint64_t watch_number;
    uint64_t after_ms; /* TIMER */
    void *more;        /* of the kind's own file, which frees it: */
    void (*free_more)(void *more);
};

/* ---- Instances ------------------------------------------------------------------------------
 */

/* A log that is replayed: the bytes of its entries, and how far the code has come. */
struct czi_past_entry {
    size_t at, len; /* of the effect's bytes */
    uint64_t position;
    cz_id effect, receipt;
    uint8_t reason;
};
struct czi_past {
    struct czi_buf bytes;
    struct czi_buf entries; /* of struct czi_past_entry */
    uint64_t count;
    uint64_t entry; /* whose inputs are next, from 1 */
    struct czi_cbor inputs;
    uint64_t inputs_left;
    struct czi_buf payload; /* of the input that was taken last */
    uint64_t told;          /* inputs that the code was given */
    uint64_t effects;       /* entries made, with operations of the code's */
};

enum czi_instance_state {
    CZI_INSTANCE_RUNS,
    CZI_INSTANCE_ENDS,    /* its end is made, and not on disk */
    CZI_INSTANCE_STOPS,   /* unwinds; nothing of it is recorded */
    CZI_INSTANCE_STOPPED, /* the same, and no task is left */
};

/* Tasks that record something, at one time, as a vector clock tells them apart. */
#define CZI_INSTANCE_TASKS CZI_CLOCK_TASKS_MAX

struct cz_program {
    struct czi_tree tree; /* first */
    cz_host *host;
    cz_id id;
    const cz_program_def *def;
    char label[65];
    struct czi_buf args;
    enum czi_instance_state state;
    struct czi_past *past; /* NULL: it is live */
    uint64_t entries;      /* made so far: the nonce of the last one */
    uint64_t asked;        /* the number of the last ask */
    uint64_t randoms;
    uint64_t value; /* cz_program_return */
    struct czi_note_parts parts;
    struct czi_ask *asks, *asks_last;
    uint32_t under_way;          /* effects whose result was not delivered */
    uint64_t clocks;             /* bits of task numbers that are taken */
    struct czi_task_part *tasks; /* of those that have one */
    struct czi_ask *end;         /* its last entry, and what that says: */
    int code;                    /* also of what stopped it */
    char detail[CZ_DETAIL_SIZE];
    bool misfits;                    /* stopped: its code does not fit its log */
    bool is_over;                    /* its first task has ended */
    uint64_t emitted;                /* messages so far */
    struct czi_invocation *invokers; /* of this instance, by others */
    cz_program *next_ending;
};

/* What the host keeps with a task: *czi_tree_user. */
struct czi_task_part {
    struct czi_task_part *next;
    uint64_t task;
    uint32_t clock;        /* its number in the vector clock; CZI_ID_NONE: none yet */
    struct czi_held *held; /* guards (host_guard.c) */
};

/* ---- Hosts ----------------------------------------------------------------------------------
 */

struct cz_host {
    struct czi_runner runner; /* first */
    cz_engine *engine;        /* NULL: it reruns a log */
    struct czi_runtime *runtime;
    struct czi_thread *thread;
    cz_program_def *programs;
    char *names; /* of those */
    size_t program_count;
    bool has_secret;
    uint8_t secret[32];
    cz_effect *effect; /* what entries are made with */
    struct czi_pool asks;
    struct czi_letters queue; /* taken out of the inbox */
    struct czi_watcher *timers;
    struct czi_ask *unsent, *unsent_last; /* entries that the backlog had no room for */
    struct czi_watcher again;             /* when to try those again */
    bool again_set, stepping;
    _Atomic uint32_t asleep; /* the thread's word */
    _Atomic uint32_t waiting;
    uint64_t items;            /* facts that are known to be acknowledged */
    struct czi_finder *finder; /* the thread's own way to the journal */

    struct czi_mutex *lock;
    /* All below: under lock. */
    struct czi_letters inbox;
    struct czi_id_table ids;
    cz_program **instances; /* by number; NULL: it has ended */
    uint32_t instance_room, live;
    struct czi_cond *ended;
    bool closing, stopped;
};
#endif
