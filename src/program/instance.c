/* instance.c - one program that was started: how it begins, goes on, ends and is stopped.
 *
 * Layer: program. Thread: the host's, but for what says otherwise. See host.h.
 */
#include "base/error.h"
#include "codec/blake3.h"
#include "program/guest.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- Memory ---------------------------------------------------------------------------------
 */

static void open_cancel(cz_host *h, struct czi_letter *l);

static void take_names(cz_program *p, const struct czi_begin *begin)
{
    (void)snprintf(p->name, sizeof p->name, "%.*s", (int)begin->name.len,
                   (const char *)begin->name.data);
    (void)snprintf(p->label, sizeof p->label, "%.*s", (int)begin->label.len,
                   (const char *)begin->label.data);
    p->def = czi_host_program(p->host, p->name, p->version);
}

/* A zero byte follows them, which is not counted. */
static void keep_args(cz_program *p, struct czi_slice args)
{
    p->args.len = 0;
    if (args.len)
        czi_buf_put(&p->args, args.data, args.len);
    czi_buf_put_byte(&p->args, 0);
    if (!p->args.failed)
        p->args.len--;
}

int czi_instance_new(cz_host *h, const struct czi_begin *begin, const cz_id *id,
                     cz_program **ret, cz_error *err)
{
    cz_program *p = czi_alloc_zero(1, sizeof *p);

    if (p)
        keep_args(p, begin->args);
    if (!p || p->args.failed) {
        czi_free(p);
        return czi_nomem(err, "a program");
    }
    p->host = h;
    p->id = *id;
    p->version = begin->version;
    take_names(p, begin);
    p->letter.open = czi_instance_begin;
    p->cancel.open = open_cancel;
    *ret = p;
    return CZ_OK;
}

void czi_instance_free(cz_program *p)
{
    struct czi_ask *next;
    struct czi_task_part *after;

    if (p->host->asks_engine == p)
        p->host->asks_engine = NULL;

    for (struct czi_ask *a = p->asks; a; a = next) {
        next = a->next;
        if (!a->promised) /* else it frees itself */
            czi_ask_free(a);
    }
    for (struct czi_task_part *t = p->tasks; t; t = after) {
        after = t->next;
        czi_buf_done(&t->seen);
        czi_free(t);
    }
    czi_guest_done(p, true);
    czi_guards_abandon(p);
    czi_invokers_forget(p);
    czi_free(p->end_detail);
    czi_past_free(p->past);
    czi_past_free(p->done);
    czi_note_parts_done(&p->parts);
    czi_buf_done(&p->args);
    czi_free(p);
}

/* ---- The host's table -----------------------------------------------------------------------
 */

cz_program *czi_instance_find(const cz_host *h, const cz_id *id)
{
    uint32_t n = czi_id_table_find(&h->ids, id);

    return n == CZI_ID_NONE || n >= h->instance_room ? NULL : h->instances[n];
}

int czi_instance_enter(cz_host *h, cz_program *p, cz_error *err)
{
    uint32_t n = czi_id_table_find(&h->ids, &p->id), room;
    cz_program **more;

    if (h->live >= CZI_INSTANCES_MAX)
        return czi_fail(err, CZ_LIMIT, "%u programs run; INSTANCES_MAX is %u", h->live,
                        CZI_INSTANCES_MAX);
    if (n == CZI_ID_NONE)
        n = czi_id_table_insert(&h->ids, &p->id);
    if (n == CZI_ID_NONE)
        return czi_nomem(err, "the table of programs");
    if (n >= h->instance_room) {
        room = CZI_MAX(64u, 2 * n);
        more = czi_realloc(h->instances, room * sizeof(cz_program *));
        if (!more)
            return czi_nomem(err, "the table of programs");
        memset(more + h->instance_room, 0, (room - h->instance_room) * sizeof(cz_program *));
        h->instances = more;
        h->instance_room = room;
    }
    CZI_CHECK(!h->instances[n]);
    h->instances[n] = p;
    h->live++;
    return CZ_OK;
}

/* It has ended, or shall not run: from now on the store alone knows of it. */
static void leave(cz_program *p)
{
    cz_host *h = p->host;

    czi_mutex_lock(h->lock);
    h->instances[czi_id_table_find(&h->ids, &p->id)] = NULL;
    h->live--;
    czi_cond_broadcast(h->news);
    czi_mutex_unlock(h->lock);
    p->next_over = h->over;
    h->over = p;
}

void czi_host_tidy(cz_host *h)
{
    cz_program **at = &h->over, *p;

    while ((p = *at) != NULL) {
        bool wanted;

        czi_mutex_lock(h->lock);
        wanted = p->letters > 0;
        czi_mutex_unlock(h->lock);
        if (wanted || p->asks || (p->has_tree && !p->is_over)) {
            at = &p->next_over;
            continue;
        }
        *at = p->next_over;
        czi_instance_free(p);
    }
}

static void letter_came(cz_program *p)
{
    czi_mutex_lock(p->host->lock);
    p->letters--;
    czi_mutex_unlock(p->host->lock);
}

/* ---- Tasks ----------------------------------------------------------------------------------
 */

struct czi_task_part *czi_task_part_here(cz_program *p)
{
    void **user = czi_tree_user(&p->tree);
    struct czi_task_part *t = *user;

    if (t)
        return t;
    t = czi_alloc_zero(1, sizeof *t);
    if (!t) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for a task");
        return NULL;
    }
    t->task = czi_tree_task(&p->tree);
    t->clock = CZI_ID_NONE;
    t->next = p->tasks;
    p->tasks = t;
    *user = t;
    return t;
}

static void task_over(struct czi_tree *tree, uint64_t task, void *user)
{
    cz_program *p = (cz_program *)tree;
    struct czi_task_part *t = user, **at = &p->tasks;

    (void)task;
    if (!t)
        return;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    czi_guards_task_over(p, t);
    if (t->clock != CZI_ID_NONE)
        p->clocks &= ~(1ull << t->clock);
    czi_buf_done(&t->seen);
    czi_free(t);
    czi_effects_look(p);
}

/* ---- What the runtime wants -----------------------------------------------------------------
 */

static void won(struct czi_tree *tree, uint64_t race, size_t index)
{
    cz_program *p = (cz_program *)tree;

    if (p->state != CZI_INSTANCE_RUNS)
        return;
    if (!czi_note_has_room(&p->parts, 0))
        czi_entry_flush(p);
    czi_note_add_winner(&p->parts, race, index);
}

static uint64_t draw(struct czi_tree *tree)
{
    cz_program *p = (cz_program *)tree;
    uint8_t bytes[40], hash[32];
    uint64_t v;

    memcpy(bytes, &p->id, 32);
    czi_put_u64le(bytes + 32, p->randoms++);
    czi_blake3(bytes, sizeof bytes, hash);
    memcpy(&v, hash, sizeof v);
    return v;
}

/* Its first task has returned, and everything is joined. */
static void over(struct czi_tree *tree, int code, uint64_t value, const cz_error *err)
{
    cz_program *p = (cz_program *)tree;

    (void)value;
    p->is_over = true;
    czi_guest_done(p, false);
    p->host->trees--;
    if (code == CZ_NOMEM) /* which another run would not have met */
        czi_instance_stop(p, code, err ? err->detail : "out of memory");
    if (p->state != CZI_INSTANCE_RUNS)
        return;
    p->end_code = code;
    if (code && err) {
        p->end_detail = czi_alloc(strlen(err->detail) + 1);
        if (p->end_detail)
            memcpy(p->end_detail, err->detail, strlen(err->detail) + 1);
    }
    czi_entry_end(p, code, code && err ? err->detail : "");
}

/* What the code would be told is no input, and another run would not be told it. */
static void starved(struct czi_tree *tree, int code)
{
    czi_instance_stop((cz_program *)tree, code,
                      code == CZ_LIMIT ? "the host has no more room for futures or stacks "
                                         "(futures_max, stacks_max); it goes on under the next"
                                       : "out of memory for a future or a stack");
}

static const struct czi_tree_ops tree_ops = {
    .won = won,
    .task_over = task_over,
    .sleep = czi_program_sleep,
    .random = draw,
    .starved = starved,
    .over = over,
};

uint64_t cz_program_random(cz_program *p)
{
    return draw(&p->tree);
}

static int first_task(cz_program *p, void *arg, uint64_t *ret_value, cz_error *err)
{
    (void)arg;
    (void)ret_value;
    return p->def->fn(p, p->args.data, p->args.len, err);
}

/* ---- Stopping -------------------------------------------------------------------------------
 */

void czi_instance_stop(cz_program *p, int code, const char *detail)
{
    cz_host *h = p->host;
    cz_error err = {.code = code};

    if (p->state == CZI_INSTANCE_STOPS || p->state == CZI_INSTANCE_ENDS)
        return;
    (void)snprintf(err.detail, sizeof err.detail, "%s", detail);
    czi_mutex_lock(h->lock);
    p->state = CZI_INSTANCE_STOPS;
    p->code = code;
    p->misfits = code == CZ_DIFFERS;
    memcpy(p->detail, err.detail, sizeof p->detail);
    czi_cond_broadcast(h->news);
    czi_mutex_unlock(h->lock);
    czi_entries_forget(p);
    p->next_to_stop = h->to_stop;
    h->to_stop = p;
}

/* Effects under way that were cancelled before stay until their result comes; now nobody waits
 * for that any more. */
static void end_leaves(cz_program *p, const cz_error *err)
{
    struct czi_ask *a = p->asks;

    while (a) {
        bool ends = a->has_leaf;

        if (ends) {
            a->has_leaf = false;
            (void)czi_leaf_end(p->tree.runtime, a->future, p->code, 0, err);
            czi_ask_drop(a);
        }
        a = ends ? p->asks : a->next; /* what ends may take others with it */
    }
}

bool czi_host_stop_trees(cz_host *h)
{
    bool any = h->to_stop != NULL;
    cz_program *p;

    while ((p = h->to_stop) != NULL) {
        cz_error err = {.code = p->code};

        h->to_stop = p->next_to_stop;
        memcpy(err.detail, p->detail, sizeof err.detail);
        if (p->has_tree && !p->is_over) {
            czi_tree_stop(&p->tree, p->code, &err);
            end_leaves(p, &err);
        }
    }
    return any;
}

void czi_instance_misfit(cz_program *p, const char *fmt, ...)
{
    char detail[CZ_DETAIL_SIZE];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    czi_instance_stop(p, CZ_DIFFERS, detail);
}

int czi_program_may(const cz_program *p, cz_error *err)
{
    if (CZI_LIKELY(p->state == CZI_INSTANCE_RUNS))
        return CZ_OK;
    return czi_fail(err, p->state == CZI_INSTANCE_STOPS ? p->code : CZ_CANCELLED, "%s",
                    p->state == CZI_INSTANCE_STOPS ? p->detail : "the program has ended");
}

/* ---- Running --------------------------------------------------------------------------------
 */

/* An input that was recorded. */
static void deliver_past(cz_program *p, const struct czi_input *in)
{
    struct czi_ask *a = czi_past_ask(p, in->number);

    if (in->kind == CZI_INPUT_CANCEL) {
        czi_input_note(p, in);
        czi_tree_cancel(&p->tree);
    } else if (a && in->kind == CZI_INPUT_MESSAGE && czi_ask_is_invocation(a)) {
        czi_invoke_message(a, in);
    } else if (!a || a->ops->input != in->kind) {
        czi_instance_misfit(
            p, "entry %llu: logged is a %s (number %llu), which the code does not wait for",
            (unsigned long long)p->past->entry, czi_input_name(in->kind),
            (unsigned long long)in->number);
    } else {
        czi_input_deliver(a, in);
    }
}

static void run_past(cz_program *p)
{
    struct czi_input in = {0};

    while (p->past && p->state == CZI_INSTANCE_RUNS) {
        if (czi_past_next(p, &in))
            deliver_past(p, &in);
        else if (p->past && p->state == CZI_INSTANCE_RUNS && !czi_past_make_last(p))
            czi_instance_misfit(
                p, "entry %llu of %llu is logged, and the code does not come to it",
                (unsigned long long)p->entries + 1, (unsigned long long)p->past->count);
        czi_host_settle(p->host);
    }
    if (p->host->keeps_past)
        return;
    czi_past_free(p->done);
    p->done = NULL;
}

void czi_instance_run(cz_program *p)
{
    cz_host *h = p->host;
    cz_error err = {0};
    int rc = czi_tree_begin(&p->tree, h->runtime, &tree_ops, first_task, NULL, &err);

    if (rc) {
        czi_instance_stop(p, rc, err.detail);
        return;
    }
    p->has_tree = true;
    h->trees++;
    czi_mutex_lock(h->lock);
    p->state = CZI_INSTANCE_RUNS;
    czi_mutex_unlock(h->lock);
    p->waking = p->past != NULL;
    czi_entry_begin(p);
    czi_host_settle(h);
    run_past(p);
    if (!p->waking || !h->engine || p->state == CZI_INSTANCE_STOPS)
        return;
    czi_guards_regain(p);
    if (p->regaining || p->state == CZI_INSTANCE_STOPS)
        return;
    p->waking = false;
    czi_asks_wake(p);
}

/* ---- Letters --------------------------------------------------------------------------------
 */

/* What the store has of it. */
static int load(cz_program *p, cz_error *err)
{
    struct czi_past *past = czi_alloc_zero(1, sizeof *past);
    struct czi_begin begin = {0};
    int rc = past ? cz_program_log(p->host->engine, &p->id, czi_past_add, past, err)
                  : czi_nomem(err, "a program's log");

    if (!rc)
        rc = czi_past_start(past, &begin, err);
    if (rc) {
        czi_past_free(past);
        return rc;
    }
    p->past = past;
    p->version = begin.version;
    take_names(p, &begin);
    keep_args(p, begin.args);
    return p->args.failed ? czi_nomem(err, "a program's arguments") : CZ_OK;
}

static int prepare(cz_host *h, cz_program *p, cz_error *err)
{
    int rc = CZ_OK;

    if (h->ends || h->stopped)
        return czi_fail(err, CZ_CLOSED, "the host closes, or its engine has stopped");
    if (p->resumes || czi_program_is_known(h->engine, &p->id))
        rc = load(p, err);
    if (!rc && !p->def)
        rc = czi_fail(err, CZ_UNSUPPORTED, "the host has no program %s version %u", p->name,
                      p->version);
    if (!rc && p->def == &czi_guest_def)
        rc = czi_guest_take(p, err);
    return rc;
}

/* Before it was started again. */
static void has_ended(cz_program *p, const struct czi_note *note)
{
    char detail[CZ_DETAIL_SIZE];

    (void)snprintf(detail, sizeof detail, "%.*s", (int)note->detail.len,
                   (const char *)note->detail.data);
    czi_invokers_tell(p, note->code, note->value, detail);
    leave(p);
}

void czi_instance_begin(cz_host *h, struct czi_letter *l)
{
    cz_program *p = (cz_program *)(void *)((uintptr_t)l - offsetof(struct cz_program, letter));
    struct czi_note note = {0};
    cz_error err = {0};
    int rc = prepare(h, p, &err);

    letter_came(p);
    if (rc)
        czi_instance_stop(p, rc, err.detail);
    else if (p->past && czi_past_has_ended(p->past, &note))
        has_ended(p, &note);
    else
        czi_instance_run(p);
}

static void open_cancel(cz_host *h, struct czi_letter *l)
{
    cz_program *p = (cz_program *)(void *)((uintptr_t)l - offsetof(struct cz_program, cancel));
    struct czi_input in = {.kind = CZI_INPUT_CANCEL};

    (void)h;
    letter_came(p);
    if (p->state != CZI_INSTANCE_RUNS)
        return;
    czi_input_note(p, &in);
    czi_tree_cancel(&p->tree);
}

void czi_instance_ended(struct czi_ask *end)
{
    cz_program *p = end->program;

    czi_invokers_tell(p, p->end_code, p->value, p->end_detail ? p->end_detail : "");
    leave(p);
}
