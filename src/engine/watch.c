/* watch.c - to watch, to give it up, and to wait; see watch.h.
 *
 * Layer: engine. Threads: any.
 */
#include "base/error.h"
#include "engine/engine.h"

/* ---- Lists ----------------------------------------------------------------------------------
 */

void czi_sentries_add(struct czi_sentries *list, struct czi_sentry *s)
{
    s->list = list;
    s->next = NULL;
    s->previous = list->last;
    if (list->last)
        list->last->next = s;
    else
        list->first = s;
    list->last = s;
}

void czi_sentries_remove(struct czi_sentry *s)
{
    struct czi_sentries *list = s->list;

    if (s->previous)
        s->previous->next = s->next;
    else
        list->first = s->next;
    if (s->next)
        s->next->previous = s->previous;
    else
        list->last = s->previous;
    s->list = NULL;
}

/* ---- The table of all -----------------------------------------------------------------------
 */

/* With the lock. Twice as large as need be, so that numbers rise by little more than one. */
static int make_room(struct czi_watches *w, cz_error *err)
{
    struct czi_sentry **table;
    uint32_t room = CZI_MAX(64u, 2 * w->room), count = atomic_load(&w->count);

    if (count >= CZI_WATCHES_MAX)
        return czi_fail(err, CZ_LIMIT, "%u watches; CZI_WATCHES_MAX is %u", count,
                        CZI_WATCHES_MAX);
    if (2 * count < w->room)
        return CZ_OK;
    table = czi_alloc_zero(room, sizeof *table);
    if (!table)
        return czi_nomem(err, "the table of watches");
    for (uint32_t i = 0; i < w->room; i++)
        if (w->table[i])
            table[w->table[i]->result.watch % room] = w->table[i];
    czi_free(w->table);
    w->table = table;
    w->room = room;
    return CZ_OK;
}

static struct czi_sentry **place(const struct czi_watches *w, uint64_t number)
{
    return &w->table[number % w->room];
}

static bool wants_time(const struct czi_sentry *s)
{
    return !s->watched || s->deadline_time || s->deadline_height;
}

static void number_it(struct czi_watches *w, struct czi_sentry *s)
{
    do
        w->last++;
    while (*place(w, w->last));
    s->result.watch = w->last;
    *place(w, w->last) = s;
    w->of_time += wants_time(s);
    atomic_fetch_add(&w->count, 1);
    s->is_fresh = true;
    czi_sentries_add(&w->fresh, s);
    atomic_fetch_add(&w->fresh_count, 1);
}

/* Nobody watches it: the engine's thread will forget it. */
static void idle(struct czi_watches *w, struct czi_watched *x)
{
    if (x->list.first || x->idle)
        return;
    x->idle = true;
    x->next_idle = w->idle;
    w->idle = x;
    atomic_store(&w->untidy, true);
}

void czi_sentry_end(struct czi_watches *w, struct czi_sentry *s, int code)
{
    *place(w, s->result.watch) = NULL;
    w->of_time -= wants_time(s);
    atomic_fetch_sub(&w->count, 1);
    if (s->list)
        czi_sentries_remove(s);
    if (s->is_fresh) {
        atomic_fetch_sub(&w->fresh_count, 1);
        czi_free(s->watched);
    } else if (s->watched) {
        idle(w, s->watched);
    }
    for (unsigned i = 0; i < s->timer_count; i++)
        if (s->timers[i].heap)
            czi_watchers_remove(s->timers[i].heap, &s->timers[i].node);
    s->result.code = code;
}

/* ---- Telling --------------------------------------------------------------------------------
 */

static struct czi_sentry *merge(struct czi_sentry *a, struct czi_sentry *b)
{
    struct czi_sentry *first = NULL, **end = &first;

    while (a && b) {
        struct czi_sentry **lower = a->result.watch < b->result.watch ? &a : &b;

        *end = *lower;
        end = &(*end)->next_ended;
        *lower = *end;
    }
    *end = a ? a : b;
    return first;
}

/* In order of numbers. runs[i] holds 2^i of them, or none. */
static struct czi_sentry *sort(struct czi_sentry *list)
{
    struct czi_sentry *runs[32] = {0}, *sorted = NULL;

    while (list) {
        struct czi_sentry *run = list;
        unsigned i = 0;

        list = list->next_ended;
        run->next_ended = NULL;
        for (; runs[i]; runs[i++] = NULL)
            run = merge(runs[i], run);
        runs[i] = run;
    }
    for (unsigned i = 0; i < CZI_COUNTOF(runs); i++)
        sorted = merge(runs[i], sorted);
    return sorted;
}

void czi_sentries_tell(struct czi_sentry *ended)
{
    if (CZI_UNLIKELY(ended && ended->next_ended))
        ended = sort(ended);
    while (ended) {
        struct czi_sentry *s = ended;

        ended = s->next_ended;
        s->done(s->done_arg, &s->result);
        czi_free(s);
    }
}

/* ---- Beginning ------------------------------------------------------------------------------
 */

/* NULL, or what is wrong. */
static const char *problem(const cz_watch_spec *s, cz_watched_fn done)
{
    bool late = s->deadline_time || s->deadline_height;

    if ((s->resource != NULL) + (s->domain != NULL) + s->time_map != 1)
        return "it must be of one thing: a resource, a domain, or the time map";
    if (!done)
        return "it needs a callback";
    if (s->resource ? s->time_is != NULL : s->resource_is || s->with_data)
        return "its predicate is about something else";
    if (s->height && (!s->domain || s->time_is))
        return "a height is of a domain, and instead of a predicate";
    if (late != (s->deadline_domain != NULL))
        return "a deadline by a domain needs the domain, and a time or a height";
    return NULL;
}

/* Watches of a domain are found by its number. */
static int find_domain(cz_engine *g, const char *name, uint32_t *ret, cz_error *err)
{
    *ret = CZI_ID_NONE;
    if (!name)
        return CZ_OK;
    czi_manager_lock(g);
    *ret = czi_book_domain(g->step.core.book,
                           (struct czi_slice){(const uint8_t *)name, strlen(name)});
    czi_manager_unlock(g);
    return *ret == CZI_ID_NONE
               ? czi_fail(err, CZ_UNKNOWN_DOMAIN, "watch: no domain '%.*s' is known",
                          CZI_DOMAIN_SIZE_MAX, name)
               : CZ_OK;
}

static int make(cz_engine *g, const cz_watch_spec *spec, cz_watched_fn done, void *done_arg,
                struct czi_sentry **ret, cz_error *err)
{
    unsigned timers = (unsigned)(spec->height != 0) + (spec->deadline_time != 0) +
                      (spec->deadline_height != 0) + (spec->deadline_lamport != 0);
    struct czi_sentry *s = czi_alloc(sizeof *s + timers * sizeof *s->timers);
    int rc;

    if (!s)
        return czi_nomem(err, "a watch");
    *s = (struct czi_sentry){.resource_is = spec->resource_is,
                             .time_is = spec->time_is,
                             .arg = spec->arg,
                             .done = done,
                             .done_arg = done_arg,
                             .height = spec->height,
                             .deadline_time = spec->deadline_time,
                             .deadline_height = spec->deadline_height,
                             .deadline_lamport = spec->deadline_lamport,
                             .with_data = spec->with_data};
    rc = find_domain(g, spec->domain, &s->domain, err);
    if (!rc)
        rc = find_domain(g, spec->deadline_domain, &s->deadline_domain, err);
    if (!rc && spec->resource) {
        s->resource = *spec->resource;
        s->watched = czi_alloc_zero(1, sizeof *s->watched);
        rc = s->watched ? CZ_OK : czi_nomem(err, "a watch");
    }
    if (rc) {
        czi_free(s);
        return rc;
    }
    *ret = s;
    return CZ_OK;
}

static int closed(cz_engine *g, cz_error *err)
{
    int rc;

    czi_mutex_lock(g->lock);
    rc = g->stop_code ? czi_fail(err, CZ_CLOSED, "the engine stopped: %s", g->stop_detail)
                      : czi_fail(err, CZ_CLOSED,
                                 g->options.read_only ? "the store is open for reading only"
                                                      : "the engine is closing");
    czi_mutex_unlock(g->lock);
    return rc;
}

int cz_watch(cz_engine *g, const cz_watch_spec *spec, cz_watched_fn done, void *done_arg,
             uint64_t *ret_watch, cz_error *err)
{
    const char *what = problem(spec, done);
    struct czi_watches *w = &g->watches;
    struct czi_sentry *s = NULL;
    int rc = what ? czi_fail(err, CZ_INVALID, "watch: %s", what)
                  : make(g, spec, done, done_arg, &s, err);

    if (rc)
        return rc;
    czi_mutex_lock(w->lock);
    rc = w->closed ? CZ_CLOSED : make_room(w, err);
    if (!rc) {
        number_it(w, s);
        if (ret_watch)
            *ret_watch = s->result.watch;
    }
    czi_mutex_unlock(w->lock);
    if (rc) {
        czi_free(s->watched);
        czi_free(s);
        return rc == CZ_CLOSED ? closed(g, err) : rc;
    }
    czi_mutex_lock(g->lock);
    czi_cond_signal(g->wake);
    czi_mutex_unlock(g->lock);
    return CZ_OK;
}

int cz_unwatch(cz_engine *g, uint64_t watch, cz_error *err)
{
    struct czi_watches *w = &g->watches;
    struct czi_sentry *s;

    czi_mutex_lock(w->lock);
    s = w->room ? *place(w, watch) : NULL;
    if (s && s->result.watch == watch)
        czi_sentry_end(w, s, CZ_CANCELLED);
    else
        s = NULL;
    czi_mutex_unlock(w->lock);
    if (!s)
        return czi_fail(err, CZ_NOT_FOUND, "no watch %llu: its callback has come, or does now",
                        (unsigned long long)watch);
    s->next_ended = NULL;
    czi_sentries_tell(s);
    return CZ_OK;
}

void czi_watches_close(cz_engine *g)
{
    struct czi_watches *w = &g->watches;
    struct czi_sentry *ended = NULL;

    czi_mutex_lock(w->lock);
    w->closed = true;
    for (uint32_t i = 0; i < w->room; i++) {
        struct czi_sentry *s = w->table[i];

        if (!s)
            continue;
        czi_sentry_end(w, s, CZ_CLOSED);
        s->next_ended = ended;
        ended = s;
    }
    czi_mutex_unlock(w->lock);
    czi_sentries_tell(ended);
}

/* ---- Waiting --------------------------------------------------------------------------------
 */

struct await {
    cz_engine *engine;
    cz_context *context;
    cz_watched result;
    bool done;
};

static void awaited(void *arg, const cz_watched *result)
{
    struct await *a = arg;
    cz_engine *g = a->engine;

    czi_manager_lock(g);
    a->result = *result;
    a->done = true;
    czi_context_wake(a->context);
    czi_manager_unlock(g);
}

/* With the mutex. */
static int wait_awaited(struct await *a, uint64_t timeout_ms, cz_error *err)
{
    cz_context *c = a->context;
    uint64_t deadline = czi_manager_deadline(c->engine, timeout_ms);
    int rc = CZ_OK;

    while (!a->done && !rc) {
        rc = czi_context_may_wait(c, err);
        if (!rc && deadline != UINT64_MAX && czi_manager_now(c->engine) >= deadline)
            rc = czi_fail(err, CZ_TIMEOUT, "it did not become true within %llu ms",
                          (unsigned long long)timeout_ms);
        if (!rc)
            czi_context_block(c, deadline);
    }
    return rc;
}

/* Gives a watch up, if it has not ended meanwhile. Then its callback is on its way, on the
 * engine's thread, and needs `a`. */
static void give_up(struct await *a, uint64_t watch)
{
    cz_engine *g = a->engine;

    if (cz_unwatch(g, watch, NULL) == CZ_OK)
        return;
    czi_manager_lock(g);
    while (!a->done)
        czi_context_block(a->context, UINT64_MAX);
    czi_manager_unlock(g);
}

static int outcome(cz_engine *g, int code, cz_error *err)
{
    switch (code) {
    case CZ_OK:
        return CZ_OK;
    case CZ_TIMEOUT:
        return czi_fail(err, code, "the deadline came before it became true");
    case CZ_CLOSED:
        return closed(g, err);
    default:
        return czi_fail(err, code, "watch: the resource could not be entered: %s",
                        cz_code_name(code));
    }
}

int cz_await(cz_engine *g, const cz_watch_spec *spec, uint64_t timeout_ms, cz_watched *ret,
             cz_error *err)
{
    struct await a = {.engine = g};
    uint64_t watch = 0;
    bool done;
    int rc = czi_context_current(g, &a.context, err);

    if (!rc)
        rc = cz_watch(g, spec, awaited, &a, &watch, err);
    if (rc)
        return rc;
    czi_manager_lock(g);
    rc = wait_awaited(&a, timeout_ms, err);
    done = a.done;
    czi_manager_unlock(g);
    if (!done)
        give_up(&a, watch);
    /* A timeout that came at the same moment does not count; having been cancelled does. */
    if (rc && (rc != CZ_TIMEOUT || a.result.code == CZ_CANCELLED))
        return rc;
    rc = outcome(g, a.result.code, err);
    if (!rc && ret)
        *ret = a.result;
    return rc;
}
