/* guest_tasks.c - futures of guests that are programs: forks, joins, and all between.
 *
 * Layer: program. Thread: the host's. See guest.h.
 *
 * What a guest has is a number; what it stands for is in the instance's table, and numbers
 * follow from what the guest did alone. A number that was used up, is another task's or was
 * made up is -CZ_STALE, and nothing happens.
 */
#include "program/guest.h"

#include "base/alloc.h"
#include "base/error.h"

#define INDEX_BITS 10u
_Static_assert(CZI_GUEST_FUTURES_MAX == 1u << INDEX_BITS, "an index fits");

/* ---- The table ------------------------------------------------------------------------------
 */

static void free_seen(struct czi_guest_seen *s)
{
    struct czi_guest_seen *next;

    for (; s; s = next) {
        next = s->next;
        czi_free(s);
    }
}

/* Tasks that are over, or will never begin; what still runs ends by itself. */
static void free_slots(struct czi_guest *g, uint64_t slots)
{
    for (; slots; slots &= slots - 1) {
        struct czi_guest_task *t = g->tasks[__builtin_ctzll(slots)];

        if (t->slot == CZI_SLOT_RUNS)
            t->orphan = true;
        else
            t->slot = CZI_SLOT_FREE;
    }
}

int64_t czi_guest_room(struct czi_guest_task *t)
{
    struct czi_guest *g = t->guest;
    struct czi_guest_future *more;
    uint32_t room = CZI_MAX(16u, 2 * g->future_room);

    if (g->future_unused || g->future_count < g->future_room)
        return CZ_OK;
    if (g->future_room == CZI_GUEST_FUTURES_MAX)
        return -CZ_LIMIT;
    more = czi_realloc(g->futures, room * sizeof *more);
    if (!more)
        return czi_guest_nomem(t);
    g->futures = more;
    g->future_room = room;
    return CZ_OK;
}

/* There is room. */
static uint32_t enter(struct czi_guest_task *t, cz_future future)
{
    struct czi_guest *g = t->guest;
    uint32_t i = g->future_unused ? g->future_unused - 1 : g->future_count++;
    struct czi_guest_future *f = &g->futures[i];
    uint64_t generation = g->future_unused ? f->generation + 1 : 1;

    if (g->future_unused)
        g->future_unused = f->next;
    *f = (struct czi_guest_future){.future = future,
                                   .used = true,
                                   .owner = t->number,
                                   .generation = generation};
    return i;
}

static int64_t number_of(const struct czi_guest *g, uint32_t i)
{
    return (int64_t)(g->futures[i].generation << INDEX_BITS | i);
}

/* UINT32_MAX: it is none of the task's. */
static uint32_t find(const struct czi_guest_task *t, uint64_t number)
{
    const struct czi_guest *g = t->guest;
    uint32_t i = (uint32_t)(number & (CZI_GUEST_FUTURES_MAX - 1));

    if (i >= g->future_count || !g->futures[i].used || g->futures[i].owner != t->number ||
        g->futures[i].generation != number >> INDEX_BITS)
        return UINT32_MAX;
    return i;
}

/* Out of the table: its number is used up. */
static struct czi_guest_future take(struct czi_guest *g, uint32_t i)
{
    struct czi_guest_future f = g->futures[i];

    g->futures[i].used = false;
    g->futures[i].next = g->future_unused;
    g->future_unused = i + 1;
    return f;
}

void czi_guest_futures_leave(struct czi_guest_task *t)
{
    struct czi_guest *g = t->guest;

    for (uint32_t i = 0; i < g->future_count; i++) {
        struct czi_guest_future f;

        if (!g->futures[i].used || g->futures[i].owner != t->number)
            continue;
        f = take(g, i);
        free_slots(g, f.tasks);
        free_seen(f.seen);
    }
}

void czi_guest_futures_done(struct czi_guest *g)
{
    for (uint32_t i = 0; i < g->future_count; i++)
        if (g->futures[i].used)
            free_seen(g->futures[i].seen);
    czi_free(g->futures);
}

int64_t czi_guest_future_add(struct czi_guest_task *t, cz_future future)
{
    return number_of(t->guest, enter(t, future));
}

/* ---- Waiting --------------------------------------------------------------------------------
 */

/* It is over, and so is all that it was made of. */
static int64_t used_up(struct czi_guest_task *t, struct czi_guest_future *f, int rc,
                       uint64_t value, const cz_error *err)
{
    free_slots(t->guest, f->tasks);
    for (const struct czi_guest_seen *s = f->seen; s && !rc; s = s->next) {
        if (!s->seen.number || s->seen.number != value)
            continue;
        if (!t->fact)
            t->fact = czi_alloc(sizeof *t->fact);
        if (!t->fact) {
            rc = (int)-czi_guest_nomem(t);
            break;
        }
        *t->fact = s->fact;
        memcpy(t->fact->id, &s->seen.id, sizeof t->fact->id);
        t->fact->number = s->seen.number;
        t->fact->height = s->seen.height;
        t->fact->time = s->seen.time;
        t->fact->amount[0] = s->seen.amount;
    }
    free_seen(f->seen);
    return czi_guest_result(t, rc, err);
}

int64_t czi_guest_join(struct czi_guest_task *t, const uint64_t *a)
{
    struct czi_guest_future f;
    uint32_t i = find(t, a[0]);
    uint64_t value = 0;
    cz_error err = {0};
    int rc;

    if (a[1] && !czi_guest_may_write(t, a[1], sizeof value))
        return 0;
    if (i == UINT32_MAX)
        return -CZ_STALE;
    f = take(t->guest, i);
    rc = cz_join(czi_guest_program(t), f.future, &value, &err);
    if (!rc && a[1])
        (void)czi_guest_write(t, a[1], &value, sizeof value);
    return used_up(t, &f, rc, value, &err);
}

int64_t czi_guest_cancel(struct czi_guest_task *t, const uint64_t *a)
{
    struct czi_guest_future f;
    uint32_t i = find(t, a[0]);
    cz_error err = {0};
    int rc;

    if (i == UINT32_MAX)
        return -CZ_STALE;
    f = take(t->guest, i);
    rc = cz_cancel(czi_guest_program(t), f.future, &err);
    return used_up(t, &f, rc, 0, &err);
}

int64_t czi_guest_winner(struct czi_guest_task *t, const uint64_t *a)
{
    size_t winner = cz_winner(czi_guest_program(t));

    (void)a;
    return winner == SIZE_MAX ? -CZ_NOT_FOUND : (int64_t)winner;
}

int64_t czi_guest_yield(struct czi_guest_task *t, const uint64_t *a)
{
    cz_error err = {0};
    int rc = cz_program_yield(czi_guest_program(t), &err);

    (void)a;
    return czi_guest_result(t, rc, &err);
}

/* ---- Tasks ----------------------------------------------------------------------------------
 */

int64_t czi_guest_fork(struct czi_guest_task *t, const uint64_t *a)
{
    struct czi_guest *g = t->guest;
    struct czi_guest_task *forked;
    int64_t room = czi_guest_room(t);
    uint32_t i;

    forked = room ? NULL : czi_guest_task_new(g);
    if (!forked)
        return room ? room : -CZ_LIMIT;
    forked->function = a[0];
    forked->argument = a[1];
    forked->hart.space = t->hart.space;
    forked->hart.code = t->hart.code;
    forked->hart.reserved = UINT64_MAX;
    forked->hart.x[3] = t->hart.x[3]; /* where the code's data is */
    forked->hart.x[4] = t->hart.x[4];
    i = enter(t, cz_fork(g->program, czi_guest_branch, forked));
    g->futures[i].tasks = UINT64_C(1) << forked->number;
    return number_of(g, i);
}

/* ---- Combinators ----------------------------------------------------------------------------
 */

struct parts {
    cz_future *futures;
    size_t count;
    uint64_t tasks;
    struct czi_guest_seen *seen;
};

static void append(struct czi_guest_seen **to, struct czi_guest_seen *more)
{
    while (*to)
        to = &(*to)->next;
    *to = more;
}

/* All of them are the task's, and none is named twice. */
static int64_t check_parts(const struct czi_guest_task *t, const uint64_t *numbers,
                           size_t count)
{
    uint64_t named[CZI_GUEST_FUTURES_MAX / 64] = {0};

    for (size_t k = 0; k < count; k++) {
        uint32_t i = find(t, numbers[k]);

        if (i == UINT32_MAX || named[i / 64] >> i % 64 & 1)
            return -CZ_STALE;
        named[i / 64] |= UINT64_C(1) << i % 64;
    }
    return CZ_OK;
}

/* Out of the table. parts->futures is to be freed. */
static int64_t take_parts(struct czi_guest_task *t, uint64_t from, uint64_t count,
                          struct parts *parts)
{
    CZI_AUTOBUF numbers = {0};
    int64_t rc = count > CZI_GUEST_FUTURES_MAX ? -CZ_LIMIT : CZ_OK;

    if (!rc)
        rc = czi_guest_bytes(t, from, count * sizeof(uint64_t),
                             CZI_GUEST_FUTURES_MAX * sizeof(uint64_t), &numbers);
    if (!rc)
        rc = check_parts(t, (const uint64_t *)(const void *)numbers.data, count);
    if (!rc && !count)
        rc = czi_guest_room(t);
    if (rc)
        return rc;
    parts->futures = czi_alloc_zero(count + 1, sizeof *parts->futures);
    if (!parts->futures)
        return czi_guest_nomem(t);
    parts->count = count;
    for (size_t k = 0; k < count; k++) {
        uint64_t number;
        struct czi_guest_future f;

        memcpy(&number, numbers.data + k * sizeof number, sizeof number);
        f = take(t->guest, find(t, number));
        parts->futures[k] = f.future;
        parts->tasks |= f.tasks;
        append(&parts->seen, f.seen);
    }
    return CZ_OK;
}

static int64_t enter_whole(struct czi_guest_task *t, struct parts *parts, cz_future future)
{
    uint32_t i = enter(t, future);

    t->guest->futures[i].tasks = parts->tasks;
    t->guest->futures[i].seen = parts->seen;
    czi_free(parts->futures);
    return number_of(t->guest, i);
}

int64_t czi_guest_barrier(struct czi_guest_task *t, const uint64_t *a)
{
    struct parts parts = {0};
    int64_t rc = take_parts(t, a[0], a[1], &parts);

    if (rc)
        return rc;
    return enter_whole(t, &parts,
                       cz_barrier_future(czi_guest_program(t), parts.futures, parts.count));
}

int64_t czi_guest_race(struct czi_guest_task *t, const uint64_t *a)
{
    struct parts parts = {0};
    int64_t rc;

    if (a[0] != CZ_RACE_ANY && a[0] != CZ_RACE_OK)
        return -CZ_INVALID;
    rc = take_parts(t, a[1], a[2], &parts);
    if (rc)
        return rc;
    return enter_whole(t, &parts,
                       cz_race_future(czi_guest_program(t), (enum cz_race_mode)a[0],
                                      parts.futures, parts.count, NULL, NULL));
}

/* ---- Time -----------------------------------------------------------------------------------
 */

struct deadline {
    cz_deadline is;
    char domain[CZI_DOMAIN_SIZE_MAX + 1];
};

static int64_t take_deadline(struct czi_guest_task *t, const struct cz_guest_deadline *d,
                             struct deadline *ret)
{
    int64_t rc = CZ_OK;

    ret->is = (cz_deadline){.time = d->time, .after_ms = d->after_ms};
    if (!d->domain)
        return CZ_OK;
    rc = czi_guest_text(t, d->domain, d->domain_len, ret->domain, sizeof ret->domain);
    ret->is.domain = ret->domain;
    return rc;
}

static int64_t read_deadline(struct czi_guest_task *t, uint64_t from, struct deadline *ret)
{
    struct cz_guest_deadline d;

    if (!czi_guest_read(t, from, &d, sizeof d))
        return -CZ_INVALID; /* it traps */
    return take_deadline(t, &d, ret);
}

int64_t czi_guest_sleep(struct czi_guest_task *t, const uint64_t *a)
{
    struct deadline d;
    int64_t rc = read_deadline(t, a[0], &d);

    if (!rc)
        rc = czi_guest_room(t);
    return rc ? rc : czi_guest_future_add(t, cz_sleep_future(czi_guest_program(t), &d.is));
}

int64_t czi_guest_timeout(struct czi_guest_task *t, const uint64_t *a)
{
    struct deadline d;
    struct czi_guest_future f;
    uint32_t i = find(t, a[1]), whole;
    int64_t rc = read_deadline(t, a[0], &d);

    if (!rc && i == UINT32_MAX)
        rc = -CZ_STALE;
    if (rc)
        return rc;
    f = take(t->guest, i);
    whole = enter(t, cz_timeout_future(czi_guest_program(t), &d.is, f.future));
    t->guest->futures[whole].tasks = f.tasks;
    t->guest->futures[whole].seen = f.seen;
    return number_of(t->guest, whole);
}

/* ---- Watches --------------------------------------------------------------------------------
 */

/* The argument is the version itself: a watch may outlive the task's memory. */
static bool has_changed(void *version, const cz_resource *r)
{
    return r->version > (uintptr_t)version;
}

int64_t czi_guest_watch(struct czi_guest_task *t, const uint64_t *a)
{
    cz_program *p = czi_guest_program(t);
    char domain[CZI_DOMAIN_SIZE_MAX + 1];
    cz_watch_spec spec = {0};
    struct cz_guest_watch w;
    struct deadline d;
    cz_future future;
    cz_id id;
    int64_t rc;

    if (!czi_guest_read(t, a[0], &w, sizeof w))
        return 0;
    rc = take_deadline(t, &w.deadline, &d);
    if (!rc && w.kind == CZ_GUEST_WATCH_RESOURCE) {
        spec.resource = &id;
        spec.resource_is = has_changed;
        spec.arg = (void *)(uintptr_t)w.version; // NOLINT(performance-no-int-to-ptr)
        if (!czi_guest_read(t, w.resource, &id, sizeof id))
            return 0;
    } else if (!rc && w.kind == CZ_GUEST_WATCH_HEIGHT) {
        spec.domain = domain;
        spec.height = w.height;
        rc = czi_guest_text(t, w.domain, w.domain_len, domain, sizeof domain);
    } else if (!rc) {
        rc = -CZ_INVALID;
    }
    if (!rc)
        rc = czi_guest_room(t);
    if (rc)
        return rc;
    spec.deadline_domain = d.is.domain;
    spec.deadline_time = d.is.domain ? d.is.time : 0;
    future = cz_watch_future(p, &spec);
    if (!d.is.domain && d.is.after_ms)
        future = cz_timeout_future(p, &d.is, future);
    return czi_guest_future_add(t, future);
}

/* ---- Facts ----------------------------------------------------------------------------------
 */

struct query {
    cz_fact_query is;
    char domain[CZI_DOMAIN_SIZE_MAX + 1], value[CZI_GUEST_QUERY_VALUE_MAX + 1];
    char account[sizeof(((struct cz_guest_fact *)NULL)->account) + 1];
    char asset[sizeof(((struct cz_guest_fact *)NULL)->asset) + 1];
};

static int64_t take_query(struct czi_guest_task *t, const struct cz_guest_query *q,
                          struct query *ret)
{
    int64_t rc;

    ret->is = (cz_fact_query){.domain = ret->domain,
                              .kind = (enum cz_fact_kind)q->kind,
                              .account = q->account ? ret->account : NULL,
                              .asset = q->asset ? ret->asset : NULL,
                              .value = q->value ? ret->value : NULL,
                              .amount = q->amount,
                              .time = q->time,
                              .finality = (enum cz_finality)q->finality};
    if (q->kind > CZ_FACT_CUSTOM || q->finality > CZ_FINAL)
        return -CZ_INVALID;
    rc = czi_guest_text(t, q->domain, q->domain_len, ret->domain, sizeof ret->domain);
    if (!rc && q->account)
        rc = czi_guest_text(t, q->account, q->account_len, ret->account, sizeof ret->account);
    if (!rc && q->asset)
        rc = czi_guest_text(t, q->asset, q->asset_len, ret->asset, sizeof ret->asset);
    if (!rc && q->value)
        rc = czi_guest_text(t, q->value, q->value_len, ret->value, sizeof ret->value);
    return rc;
}

static void take_fields(struct cz_guest_fact *fact, const struct query *q)
{
    fact->kind = q->is.kind;
    fact->finality = q->is.finality;
    memcpy(fact->domain, q->domain, strlen(q->domain));
    if (q->is.account)
        memcpy(fact->account, q->account, strlen(q->account));
    if (q->is.asset)
        memcpy(fact->asset, q->asset, strlen(q->asset));
}

int64_t czi_guest_await_fact(struct czi_guest_task *t, const uint64_t *a)
{
    struct cz_guest_query given;
    struct query q = {0};
    struct czi_guest_seen *s;
    int64_t rc;
    uint32_t i;

    if (!czi_guest_read(t, a[0], &given, sizeof given))
        return 0;
    rc = take_query(t, &given, &q);
    if (!rc)
        rc = czi_guest_room(t);
    if (rc)
        return rc;
    s = czi_alloc_zero(1, sizeof *s);
    if (!s)
        return czi_guest_nomem(t);
    take_fields(&s->fact, &q);
    i = enter(t, czi_fact_future(czi_guest_program(t), &q.is, &s->seen));
    t->guest->futures[i].seen = s;
    return number_of(t->guest, i);
}

int64_t czi_guest_fact_seen(struct czi_guest_task *t, const uint64_t *a)
{
    if (!czi_guest_pay(t, sizeof *t->fact) || !czi_guest_may_write(t, a[0], sizeof *t->fact))
        return 0;
    if (!t->fact)
        return -CZ_NOT_FOUND;
    (void)czi_guest_write(t, a[0], t->fact, sizeof *t->fact);
    return CZ_OK;
}

/* ---- Other programs -------------------------------------------------------------------------
 */

int64_t czi_guest_call_program(struct czi_guest_task *t, const uint64_t *a)
{
    CZI_AUTOBUF args = {0};
    struct cz_guest_spec s;
    cz_program_spec spec = {0};
    char name[64], label[65];
    int64_t rc;

    if (!czi_guest_read(t, a[0], &s, sizeof s))
        return 0;
    if (!czi_guest_pay(t, CZI_MIN(s.args_len, (uint64_t)CZ_ARGS_SIZE_MAX)))
        return 0;
    rc = czi_guest_text(t, s.name, s.name_len, name, sizeof name);
    if (!rc)
        rc = czi_guest_text(t, s.label, s.label_len, label, sizeof label);
    if (!rc)
        rc = czi_guest_bytes(t, s.args, s.args_len, CZ_ARGS_SIZE_MAX, &args);
    if (!rc)
        rc = czi_guest_room(t);
    if (rc)
        return rc;
    spec = (cz_program_spec){.name = name,
                             .label = label,
                             .args = args.data,
                             .args_len = args.len};
    return czi_guest_future_add(t, cz_invoke_future(czi_guest_program(t), &spec));
}
