/* host.c - a host's beginning and end, its thread, its letters and its clock.
 *
 * Layer: program. See host.h.
 */
#include "program/host.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "program/guest.h"

/* How long the thread looks for work before it sleeps: a sleep and a wake cost some 10 us. */
#define SPINS 2000u
/* Letters between two looks at the clock. */
#define LETTERS 64u
/* Until an entry that the backlog had no room for is tried again. */
#define AGAIN_NS 1000000u

/* The host whose step the calling thread is in. */
static _Thread_local __attribute__((tls_model("initial-exec"))) cz_host *here;

/* ---- Letters --------------------------------------------------------------------------------
 */

static void wake(cz_host *h)
{
    if (atomic_load(&h->asleep) && atomic_exchange(&h->asleep, 0))
        czi_word_wake(&h->asleep, 1);
}

void czi_host_post(cz_host *h, struct czi_letter *l)
{
    l->next = NULL;
    czi_mutex_lock(h->lock);
    if (h->inbox.first)
        h->inbox.last->next = l;
    else
        h->inbox.first = l;
    h->inbox.last = l;
    atomic_fetch_add(&h->arrivals, 1);
    czi_mutex_unlock(h->lock);
    wake(h);
}

static struct czi_letter *next_letter(cz_host *h)
{
    struct czi_letter *l;

    if (!h->queue.first) {
        czi_mutex_lock(h->lock);
        h->queue = h->inbox;
        h->inbox = (struct czi_letters){0};
        atomic_store(&h->arrivals, 0);
        czi_mutex_unlock(h->lock);
    }
    l = h->queue.first;
    if (l)
        h->queue.first = l->next;
    return l;
}

/* ---- Time -----------------------------------------------------------------------------------
 */

uint64_t czi_host_now(const cz_host *h)
{
    return czi_manager_now(h->engine);
}

int czi_host_arm(cz_host *h, struct czi_ask *a, uint64_t deadline, cz_error *err)
{
    return czi_timers_add(&h->timers, &a->alarm, deadline, err);
}

bool czi_host_disarm(cz_host *h, struct czi_ask *a)
{
    return czi_timers_remove(&h->timers, &a->alarm);
}

/* UINT64_MAX: never. */
static uint64_t first_deadline(const cz_host *h)
{
    uint64_t first = UINT64_MAX;

    return czi_timers_next(&h->timers, &first) ? CZI_MIN(first, h->again) : h->again;
}

static void expire(cz_host *h, uint64_t now)
{
    struct czi_alarm *due;

    if (h->again <= now) {
        h->again = UINT64_MAX;
        czi_host_post(h, &h->resend);
    }
    while ((due = czi_timers_due(&h->timers, now)) != NULL) {
        struct czi_ask *a =
            (struct czi_ask *)(void *)((uintptr_t)due - offsetof(struct czi_ask, alarm));

        czi_host_post(h, &a->letter);
    }
}

static void resend(cz_host *h, struct czi_letter *l)
{
    (void)l;
    czi_entries_send(h);
    if (h->unsent && h->again == UINT64_MAX)
        h->again = czi_host_now(h) + AGAIN_NS;
}

/* ---- Turns ----------------------------------------------------------------------------------
 */

static bool turn(cz_host *h)
{
    bool stopped = czi_host_stop_trees(h);

    return czi_runtime_run_one(h->runtime) || stopped;
}

void czi_host_settle(cz_host *h)
{
    const struct czi_account_hook *outer = czi_account_set_hook(&h->hook);

    while (turn(h)) {
    }
    (void)czi_account_set_hook(outer);
}

/* One task has its turn, or one letter is opened. */
static bool step(cz_host *h)
{
    const struct czi_account_hook *outer_hook;
    cz_host *outer = here;
    struct czi_letter *l = NULL;
    bool worked;

    if (h->stepping)
        return false; /* the engine is driven while the host waits for it */
    h->stepping = true;
    here = h;
    outer_hook = czi_account_set_hook(&h->hook);
    worked = turn(h);
    if (!worked) {
        l = next_letter(h);
        if (l)
            l->open(h, l);
    }
    if (h->unsent && h->again == UINT64_MAX)
        resend(h, NULL);
    czi_host_tidy(h);
    (void)czi_account_set_hook(outer_hook);
    here = outer;
    h->stepping = false;
    return worked || l;
}

static bool run_one(struct czi_runner *r)
{
    return step((cz_host *)r);
}

static uint64_t next_deadline(const struct czi_runner *r)
{
    return first_deadline((const cz_host *)r);
}

static void runner_expire(struct czi_runner *r, uint64_t now)
{
    expire((cz_host *)r, now);
}

static int runner_cancel(struct czi_runner *r, const cz_id *program, cz_error *err)
{
    return cz_program_cancel((cz_host *)r, program, err);
}

static void closed(struct czi_runner *r)
{
    cz_host *h = (cz_host *)r;
    bool first;

    czi_mutex_lock(h->lock);
    first = !h->stopped;
    h->stopped = true;
    czi_mutex_unlock(h->lock);
    if (first)
        czi_host_post(h, &h->shut);
}

/* Until something may be there; false when the thread shall end. */
static bool rest(cz_host *h)
{
    uint64_t deadline = first_deadline(h), now = 0;
    bool work;

    if (h->ends && !h->trees)
        return false;
    if (deadline != UINT64_MAX) {
        now = czi_clock_ns();
        if (deadline <= now) {
            expire(h, now);
            return true;
        }
    }
    for (unsigned i = 0; i < SPINS && !atomic_load(&h->arrivals); i++)
        czi_cpu_relax();
    czi_mutex_lock(h->lock);
    work = h->inbox.first != NULL;
    atomic_store(&h->asleep, !work);
    czi_mutex_unlock(h->lock);
    if (!work)
        (void)czi_word_wait(&h->asleep, 1,
                            deadline == UINT64_MAX ? UINT64_MAX : deadline - now);
    atomic_store(&h->asleep, 0);
    return true;
}

static void host_main(void *arg)
{
    cz_host *h = arg;

    do
        for (unsigned n = 1; step(h); n++)
            if (n % LETTERS == 0 && first_deadline(h) != UINT64_MAX)
                expire(h, czi_clock_ns());
    while (rest(h));
}

/* ---- Making ---------------------------------------------------------------------------------
 */

static int check_programs(const cz_host_options *o, cz_error *err)
{
    cz_id code;

    for (size_t i = 0; i < o->count; i++) {
        const cz_program_def *d = &o->programs[i];
        size_t len = d->name ? strlen(d->name) : 0;

        if (len < 1 || len > 63 || !d->fn || !d->version)
            return czi_fail(err, CZ_INVALID,
                            "host: program %zu needs a name of 1 to 63 bytes, a version from 1 "
                            "and a function",
                            i);
        if (czi_guest_is_code(d->name, &code))
            return czi_fail(err, CZ_INVALID, "host: %s is the name of a code", d->name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(o->programs[k].name, d->name) == 0 &&
                o->programs[k].version == d->version)
                return czi_fail(err, CZ_INVALID, "host: there are two programs %s version %u",
                                d->name, d->version);
    }
    return CZ_OK;
}

static int copy_programs(cz_host *h, const cz_host_options *o, cz_error *err)
{
    size_t size = 0, at = 0;

    for (size_t i = 0; i < o->count; i++)
        size += strlen(o->programs[i].name) + 1;
    h->programs = czi_alloc_zero(o->count, sizeof *h->programs);
    h->names = czi_alloc(size);
    if (!h->programs || !h->names)
        return czi_nomem(err, "a host's programs");
    for (size_t i = 0; i < o->count; i++) {
        size_t len = strlen(o->programs[i].name) + 1;

        h->programs[i] = o->programs[i];
        h->programs[i].name = h->names + at;
        h->programs[i].summary = NULL;
        memcpy(h->names + at, o->programs[i].name, len);
        at += len;
    }
    h->program_count = o->count;
    return CZ_OK;
}

const cz_program_def *czi_host_program(const cz_host *h, const char *name, uint32_t version)
{
    const cz_program_def *best = NULL;
    cz_id code;

    for (size_t i = 0; i < h->program_count; i++) {
        const cz_program_def *d = &h->programs[i];

        if (strcmp(d->name, name) != 0 || (version && d->version != version))
            continue;
        if (!best || d->version > best->version)
            best = d;
    }
    if (!best && version <= 1 && czi_guest_is_code(name, &code))
        best = &czi_guest_def;
    return best;
}

void czi_program_seed(const uint8_t secret[32], const cz_id *id, uint8_t ret[32])
{
    uint8_t bytes[64];

    memcpy(bytes, secret, 32);
    memcpy(bytes + 32, id, 32);
    czi_blake3(bytes, sizeof bytes, ret);
}

static void end(cz_host *h, struct czi_letter *l);
static void shut(cz_host *h, struct czi_letter *l);

int czi_host_make(const cz_host_options *o, cz_host **ret, cz_error *err)
{
    cz_host *h;
    int rc = check_programs(o, err);

    if (rc)
        return rc;
    h = czi_alloc_zero(1, sizeof *h);
    if (!h)
        return czi_nomem(err, "a host");
    rc = copy_programs(h, o, err);
    h->effect = cz_effect_new();
    h->lock = czi_mutex_new();
    h->news = czi_cond_new();
    if (!rc && (!h->effect || !h->lock || !h->news))
        rc = czi_nomem(err, "a host");
    if (!rc)
        rc = czi_runtime_new(o->stack_size, o->stacks_max, o->futures_max, &h->runtime, err);
    if (rc) {
        czi_host_done(h);
        return rc;
    }
    h->again = UINT64_MAX;
    h->has_secret = o->secret != NULL;
    if (o->secret)
        memcpy(h->secret, o->secret, sizeof h->secret);
    h->no_resume = o->no_resume;
    h->guest_gas = CZI_PROGRAM_GAS_MAX;
    h->end.open = end;
    h->shut.open = shut;
    h->resend.open = resend;
    h->found.open = czi_host_look;
    h->hook = (struct czi_account_hook){czi_host_answer, h};
    h->runner = (struct czi_runner){.run_one = run_one,
                                    .next_deadline = next_deadline,
                                    .expire = runner_expire,
                                    .closed = closed,
                                    .facts = czi_host_facts,
                                    .cancel = runner_cancel};
    *ret = h;
    return CZ_OK;
}

void czi_host_done(cz_host *h)
{
    czi_runtime_free(h->runtime);
    for (uint32_t i = 0; i < h->instance_room; i++)
        if (h->instances[i])
            czi_instance_free(h->instances[i]);
    czi_free(h->instances);
    czi_host_guests_done(h);
    czi_id_table_done(&h->ids);
    cz_effect_free(h->effect);
    czi_finder_done(&h->finder);
    czi_timers_done(&h->timers);
    czi_buf_done(&h->note);
    czi_buf_done(&h->text);
    czi_free(h->programs);
    czi_free(h->names);
    if (h->lock)
        czi_mutex_free(h->lock);
    if (h->news)
        czi_cond_free(h->news);
    czi_free(h);
}

static void forget_engine(cz_host *h)
{
    cz_engine *g = h->engine;
    struct czi_runner *r;

    czi_manager_lock(g);
    for (r = g->manager.runners; r && r != &h->runner;)
        r = r->next;
    if (r)
        czi_runner_remove(g, r);
    czi_manager_unlock(g);
}

int cz_host_new(cz_engine *g, const cz_host_options *options, cz_host **ret, cz_error *err)
{
    static const cz_host_options none;
    cz_host *h = NULL;
    int rc = czi_host_make(options ? options : &none, &h, err);

    if (rc)
        return rc;
    h->engine = g;
    h->finder.ledger = g->ledger;
    if (!h->no_resume)
        rc = czi_host_resume(h, err);
    if (!rc) {
        czi_manager_lock(g);
        czi_runner_add(g, &h->runner);
        atomic_store(&h->items, g->manager.items);
        if (g->manager.closed)
            closed(&h->runner);
        czi_manager_unlock(g);
        if (!g->driven)
            rc = czi_thread_start(&h->thread, host_main, h, "cz-programs", err);
    }
    if (rc) {
        forget_engine(h);
        czi_host_done(h);
        return rc;
    }
    (void)cz_ref(g);
    *ret = h;
    return CZ_OK;
}

/* ---- The end --------------------------------------------------------------------------------
 */

static void stop_all(cz_host *h, const char *why)
{
    for (uint32_t i = 0; i < h->ids.count; i++) {
        cz_program *p = i < h->instance_room ? h->instances[i] : NULL;

        if (p)
            czi_instance_stop(p, CZ_CLOSED, why);
    }
}

static void shut(cz_host *h, struct czi_letter *l)
{
    (void)l;
    stop_all(h, "the engine is closing or has stopped");
}

static void end(cz_host *h, struct czi_letter *l)
{
    (void)l;
    h->ending = h->commits && !h->stopped;
    if (h->ending)
        return; /* what is under guards must not be released before it is executed */
    h->ends = true;
    stop_all(h, "the host closes");
}

/* What was promised may come later than the host lasts. */
static void leave_orphans(cz_host *h)
{
    struct czi_letter *l;

    czi_manager_lock(h->engine);
    for (uint32_t i = 0; i < h->instance_room; i++)
        for (struct czi_ask *a = h->instances[i] ? h->instances[i]->asks : NULL; a; a = a->next)
            a->orphan = true;
    for (cz_program *p = h->over; p; p = p->next_over)
        for (struct czi_ask *a = p->asks; a; a = a->next)
            a->orphan = true;
    czi_manager_unlock(h->engine);
    while ((l = next_letter(h)) != NULL)
        if (l->open == czi_ask_open)
            ((struct czi_ask *)l)->promised = false;
}

static bool drive(cz_engine *g)
{
    czi_manager_drive(g, UINT64_MAX);
    return true;
}

int cz_host_close(cz_host *h, cz_error *err)
{
    cz_engine *g;

    if (!h)
        return CZ_OK;
    if (here == h)
        return czi_fail(err, CZ_INVALID, "host: its own programs cannot close it");
    g = h->engine;
    czi_mutex_lock(h->lock);
    h->closing = true;
    czi_mutex_unlock(h->lock);
    czi_host_post(h, &h->end);
    if (h->thread)
        czi_thread_join(h->thread);
    else
        while (step(h) || (!h->ends && drive(g))) {
        }
    czi_host_see_off(h);
    forget_engine(h);
    leave_orphans(h);
    for (cz_program *p = h->over; p; p = h->over) {
        h->over = p->next_over;
        czi_instance_free(p);
    }
    czi_host_done(h);
    return cz_close(g, err);
}
