/* host_guard.c - guards of programs: to acquire them, to look at what they hold, to apply, to
 * release (R9).
 *
 * Layer: program. Thread: the host's, but for `woken`. See host.h.
 *
 * What the code has is a handle and what it was told: that is of its past and its present
 * alike. Behind it is a guard of the engine's while the instance is live: each task of a
 * program that acquires something is an owner there, so who waits for whom is known to the
 * locks (R10). When a program goes on, each of its tasks first acquires again what it holds,
 * all in one step; nothing else is asked before that is done. An effect under guards requires
 * the versions that the code was told, so nobody can have come in between.
 *
 * Effects of one instance take their turn in the log. So one that touches what another task of
 * the instance guards is not made before that is released; one under guards not before all that
 * were made have their results; and guards are not asked for while an effect that was made may
 * still want what they are for. Then no effect of the instance waits for its own guards.
 */
#include "base/error.h"
#include "effect/effect.h"
#include "program/host.h"

/* ---- Owners ---------------------------------------------------------------------------------
 */

/* A task as an owner; lives as long as the task or what it has asked for. */
struct czi_owner_part {
    cz_context context; /* first */
    struct czi_ask *request;
    uint32_t refs;
};

struct czi_held {
    struct czi_held *next;
    cz_guard handle;
    cz_id resource;
    enum cz_access mode;
    uint64_t version; /* as the code was told */
    struct czi_guard *real;
    struct czi_owner_part *owner; /* whose that is */
    struct czi_buf seen;          /* contents, as they were told last */
};

/* Guards that are asked for, or asked for again. */
struct request {
    cz_claim *claims;
    uint32_t count;
    struct czi_many many;
    struct czi_owner_part *owner;
    struct czi_task_part *part; /* NULL: the task is over */
    cz_guard *ret;              /* of whoever waits */
    bool regains;
    bool queued; /* in the locks */
    bool bound;  /* the guards are the owner's, and nobody's else */
    bool waits;  /* for effects of the instance */
};

static bool is_program_guard(const cz_guard *guard)
{
    return guard->engine == UINT64_MAX;
}

static void block(cz_context *c, uint64_t deadline)
{
    (void)deadline;
    CZI_CHECK(!c); /* programs wait by themselves */
}

/* With the mutex: the locks have an answer. */
static void woken(cz_context *c)
{
    struct czi_owner_part *o = (struct czi_owner_part *)(void *)c;

    atomic_store_explicit(&c->signalled, 0, memory_order_relaxed);
    if (c->lock_woken && o->request)
        czi_host_post(o->request->program->host, &o->request->letter);
}

static const struct czi_blocking blocking = {block, woken};

static struct czi_owner_part *owner_of(struct czi_ask *a, struct czi_task_part *t)
{
    cz_program *p = a->program;
    struct czi_owner_part *o = t->owner;

    if (!o) {
        o = czi_alloc_zero(1, sizeof *o);
        if (!o)
            return NULL;
        czi_context_init(&o->context, a->engine, CZ_PARTY_TASK, p->label, &blocking);
        czi_manager_lock(a->engine);
        czi_context_add(&o->context);
        czi_manager_unlock(a->engine);
        o->refs = 1;
        t->owner = o;
    }
    o->refs++;
    return o;
}

static void owner_done(struct czi_owner_part *o)
{
    cz_engine *g;

    if (!o || --o->refs)
        return;
    g = o->context.engine;
    czi_manager_lock(g);
    czi_context_remove(&o->context);
    czi_manager_unlock(g);
    czi_context_done(&o->context);
    czi_free(o);
}

/* ---- What is held ---------------------------------------------------------------------------
 */

static void destroy(cz_program *p, struct czi_held *x)
{
    cz_engine *g = p->host->engine;

    if (x->real) {
        czi_manager_lock(g);
        x->real->state = CZI_GUARD_HELD;
        czi_guard_end(g, x->real);
        czi_manager_unlock(g);
    }
    owner_done(x->owner);
    czi_buf_done(&x->seen);
    czi_free(x);
}

/* Under an effect that is on its way the engine's guard stays until that is over. */
static void free_held(cz_program *p, struct czi_held *x)
{
    p->held--;
    if (x->real && x->real->state == CZI_GUARD_COMMITTING) {
        x->next = p->committing;
        p->committing = x;
    } else {
        destroy(p, x);
    }
}

void czi_guards_abandon(cz_program *p)
{
    struct czi_held *x;

    while ((x = p->committing) != NULL) {
        p->committing = x->next;
        destroy(p, x);
    }
}

static struct czi_held **place(struct czi_task_part *t, const cz_guard *guard)
{
    struct czi_held **at = &t->held;

    while (*at && ((*at)->handle.index != guard->index ||
                   (*at)->handle.generation != guard->generation))
        at = &(*at)->next;
    return at;
}

static struct czi_held *find(cz_program *p, const cz_guard *guard, cz_error *err)
{
    struct czi_task_part *t = *czi_tree_user(&p->tree);
    struct czi_held *x = t && is_program_guard(guard) ? *place(t, guard) : NULL;

    if (!x)
        (void)czi_fail(err, CZ_STALE,
                       "guard: the task holds no such guard; it was released, or is another's");
    return x;
}

void czi_guards_task_over(cz_program *p, struct czi_task_part *t)
{
    struct czi_held *x;

    while ((x = t->held) != NULL) {
        t->held = x->next;
        free_held(p, x);
    }
    for (struct czi_ask *a = p->asks; a; a = a->next)
        if (czi_ask_is_request(a) && ((struct request *)a->more)->part == t)
            ((struct request *)a->more)->part = NULL;
    owner_done(t->owner);
    t->owner = NULL;
}

/* ---- Asking ---------------------------------------------------------------------------------
 */

static bool wants(const struct request *r, const uint8_t *id)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (czi_id_equal(&r->claims[i].resource, id))
            return true;
    return false;
}

/* An effect of the instance that was made may want some of it. */
static bool is_touched(const cz_program *p, const struct request *r)
{
    struct czi_effect_view v;

    for (const struct czi_ask *a = p->asks; a; a = a->next) {
        if (!czi_ask_is_effect(a) || !a->nonce || !a->has_leaf ||
            czi_effect_view(a->bytes.data, a->bytes.len, &v, NULL))
            continue;
        for (unsigned i = 0; i < czi_effect_accesses(&v); i++)
            if (wants(r, czi_effect_access_id(a->bytes.data, &v, i)))
                return true;
    }
    return false;
}

/* With the mutex. What the code is told: the versions. */
static void bind(struct czi_ask *a, struct request *r)
{
    const struct czi_core *core = &a->engine->step.core;

    czi_many_bind(&r->owner->context, &r->many);
    r->bound = true;
    a->payload.len = 0;
    czi_cbor_add_head(&a->payload, CZI_CBOR_ARRAY, r->count);
    for (uint32_t i = 0; i < r->count; i++)
        czi_cbor_add_head(
            &a->payload, CZI_CBOR_UINT,
            czi_resource_at(&core->resources, r->many.slots[r->many.want_of[i]])->version);
}

/* With the mutex. CZ_BUSY: it waits in the locks. */
static int acquire(struct czi_ask *a, struct request *r, cz_error *err)
{
    cz_engine *g = a->engine;
    struct czi_locks *l = &g->step.core.parking.locks;
    enum czi_acquired got;
    int rc = czi_context_may_wait(&r->owner->context, err);

    if (!rc)
        rc = czi_many_find(g, &r->many, r->claims, err);
    if (!rc)
        rc = czi_many_prepare(g, &r->many, err);
    if (rc)
        return rc;
    r->owner->request = a;
    got = czi_locks_acquire(l, &r->owner->context.owner, r->many.wants, r->many.distinct, false,
                            UINT64_MAX);
    if (got == CZI_QUEUED) {
        r->queued = true;
        return CZ_BUSY;
    }
    r->owner->request = NULL;
    if (got == CZI_GRANTED) {
        bind(a, r);
        return CZ_OK;
    }
    czi_guards_unreserve(g, r->many.guards, r->many.distinct);
    if (got == CZI_DEADLOCK)
        return czi_deadlock_fail(&r->owner->context, err);
    return got == CZI_TOO_MANY ? czi_fail(err, CZ_LIMIT, "acquire: too many requests wait")
                               : czi_nomem(err, "a request for guards");
}

static int ask_guards(struct czi_ask *a, cz_error *err)
{
    struct request *r = a->more;
    int rc;

    r->waits = !r->regains && is_touched(a->program, r);
    if (r->waits)
        return CZ_OK;
    r->owner = r->part ? owner_of(a, r->part) : NULL;
    if (!r->owner)
        return czi_nomem(err, "a task that holds guards");
    a->promised = true;
    czi_manager_lock(a->engine);
    rc = acquire(a, r, err);
    czi_manager_unlock(a->engine);
    if (rc == CZ_BUSY)
        return CZ_OK;
    if (rc == CZ_CLOSED || rc == CZ_NOMEM) {
        a->promised = false;
        return rc;
    }
    if (rc)
        czi_ask_fail(a, err);
    czi_host_post(a->program->host, &a->letter);
    return CZ_OK;
}

/* Results of effects have come. */
void czi_guards_look(cz_program *p)
{
    struct czi_ask *next;
    cz_error err = {0};

    for (struct czi_ask *a = p->asks; a; a = next) {
        int rc = CZ_OK;

        next = a->next;
        if (czi_ask_is_request(a) && ((struct request *)a->more)->waits)
            rc = ask_guards(a, &err);
        if (rc)
            czi_instance_stop(p, rc, err.detail);
    }
}

/* The locks have answered. Whether the guards are there. */
static bool settle(struct czi_ask *a, struct request *r)
{
    cz_context *c = &r->owner->context;
    bool granted;

    if (!r->queued)
        return r->bound;
    r->queued = false;
    r->owner->request = NULL;
    czi_manager_lock(a->engine);
    c->lock_woken = false;
    granted = c->owner.outcome == CZI_WOKEN_GRANTED;
    if (granted)
        bind(a, r);
    else
        czi_guards_unreserve(a->engine, r->many.guards, r->many.distinct);
    czi_manager_unlock(a->engine);
    return granted;
}

/* The engine's guard of the i-th claim. */
static void take_real(struct czi_held *x, struct request *r, uint32_t i)
{
    x->real = r->many.guards[r->many.want_of[i]];
    r->many.guards[r->many.want_of[i]] = NULL;
    x->owner = r->owner;
    x->owner->refs++;
}

static void regained(struct czi_ask *a, struct request *r)
{
    cz_program *p = a->program;

    for (uint32_t i = 0; i < r->count && r->part; i++)
        for (struct czi_held *x = r->part->held; x; x = x->next)
            if (!x->real && czi_id_equal(&x->resource, &r->claims[i].resource)) {
                take_real(x, r, i);
            }
    if (--p->regaining == 0 && p->state != CZI_INSTANCE_STOPS) {
        p->waking = false;
        czi_asks_wake(p);
    }
}

static bool guards_came(struct czi_ask *a)
{
    struct request *r = a->more;
    cz_program *p = a->program;

    if (settle(a, r)) {
        if (!r->regains)
            return true;
        regained(a, r);
    } else if (a->code && !r->regains) {
        return true; /* the engine has refused it */
    } else {
        czi_instance_stop(p, CZ_CLOSED, "the engine is closing or has stopped");
    }
    czi_ask_done(a);
    return false;
}

static void drop_guards(struct czi_ask *a)
{
    struct request *r = a->more;

    if (!r->queued)
        return;
    czi_manager_lock(a->engine);
    if (r->owner->context.owner.state == CZI_OWNER_WAITING)
        czi_locks_cancel(&a->engine->step.core.parking.locks, &r->owner->context.owner);
    czi_manager_unlock(a->engine);
}

static void free_request(struct czi_ask *a)
{
    struct request *r = a->more;

    if (!r)
        return;
    if (r->owner && r->queued)
        (void)settle(a, r);
    if (r->bound) {
        czi_manager_lock(a->engine);
        for (uint32_t i = 0; i < r->many.distinct; i++)
            if (r->many.guards[i])
                czi_guard_end(a->engine, r->many.guards[i]);
        czi_manager_unlock(a->engine);
    }
    owner_done(r->owner);
    czi_many_done(&r->many);
    czi_free(r->claims);
    czi_free(r);
}

/* The claim that an earlier one names too. */
static uint32_t first_of(const struct request *r, uint32_t i)
{
    uint32_t k = 0;

    while (!czi_id_equal(&r->claims[k].resource, &r->claims[i].resource))
        k++;
    return k;
}

static struct czi_held *hold(cz_program *p, struct czi_task_part *t, const cz_id *resource,
                             enum cz_access mode, uint64_t version)
{
    struct czi_held *x = czi_alloc_zero(1, sizeof *x);

    if (!x) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for guards");
        return NULL;
    }
    p->guards++;
    p->held++;
    x->handle = (cz_guard){UINT64_MAX, (uint32_t)p->guards, (uint32_t)(p->guards >> 32) + 1};
    x->resource = *resource;
    x->mode = mode;
    x->version = version;
    x->next = t->held;
    t->held = x;
    return x;
}

static void guards_tell(struct czi_ask *a, const struct czi_input *in, cz_error *err)
{
    struct request *r = a->more;
    struct czi_cbor c = czi_cbor(in->payload.data, in->payload.len);

    (void)err;
    if (in->code || !r->part)
        return;
    czi_cbor_array_of(&c, r->count);
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t version = czi_cbor_uint(&c);
        uint32_t k = first_of(r, i);
        struct czi_held *x;

        if (k < i) {
            x = *place(r->part, &r->ret[k]);
            if (x && r->claims[i].mode == CZ_WRITE)
                x->mode = CZ_WRITE;
            r->ret[i] = r->ret[k];
            continue;
        }
        x = hold(a->program, r->part, &r->claims[i].resource, r->claims[i].mode, version);
        if (!x)
            return;
        r->ret[i] = x->handle;
        if (r->bound)
            take_real(x, r, i);
    }
}

static const struct czi_ask_ops guards_ops = {
    .input = CZI_INPUT_GUARDS,
    .ask = ask_guards,
    .drop = drop_guards,
    .came = guards_came,
    .tell = guards_tell,
    .free = free_request,
};

bool czi_ask_is_request(const struct czi_ask *a)
{
    return a->ops == &guards_ops && a->more;
}

static struct request *request_new(struct czi_task_part *t, const cz_claim *claims,
                                   size_t count, cz_error *err)
{
    struct request *r = czi_alloc_zero(1, sizeof *r);
    int rc = r ? czi_many_init(&r->many, count, err) : czi_nomem(err, "a request for guards");

    if (!rc) {
        r->claims = czi_alloc(count * sizeof *claims);
        if (!r->claims)
            rc = czi_nomem(err, "a request for guards");
    }
    if (rc) {
        if (r)
            czi_many_done(&r->many);
        czi_free(r);
        return NULL;
    }
    memcpy(r->claims, claims, count * sizeof *claims);
    r->count = (uint32_t)count;
    r->part = t;
    czi_many_sort(&r->many, r->claims);
    return r;
}

static void put_claims(struct czi_buf *b, const cz_claim *claims, size_t count)
{
    czi_cbor_add_head(b, CZI_CBOR_ARRAY, 3 * count);
    for (size_t i = 0; i < count; i++) {
        czi_cbor_add_string(b, CZI_CBOR_BYTES, &claims[i].resource, sizeof(cz_id));
        czi_cbor_add_head(b, CZI_CBOR_UINT, (unsigned)claims[i].mode);
        czi_cbor_add_head(b, CZI_CBOR_UINT, claims[i].kinds);
    }
}

int cz_program_acquire(cz_program *p, const cz_claim *claims, size_t count, cz_guard *ret,
                       cz_error *err)
{
    CZI_AUTOBUF what = {0};
    CZI_AUTOBUF given = {0};
    struct czi_task_part *t;
    struct czi_ask *a;
    struct request *r;
    cz_future future;
    int rc = czi_program_may(p, err);

    if (!rc && czi_is_cut(&p->tree))
        rc = czi_cut(&p->tree, err);
    if (!rc && count == 0)
        rc = czi_fail(err, CZ_INVALID, "acquire: no claim is given");
    if (!rc)
        rc = czi_claims_check(claims, count, err);
    if (rc)
        return rc;
    t = czi_task_part_here(p);
    r = t && czi_buf_reserve(&given, count * sizeof *ret) ? request_new(t, claims, count, err)
                                                          : NULL;
    if (!r) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for guards");
        return czi_program_may(p, err);
    }
    r->ret = (cz_guard *)(void *)given.data;
    put_claims(&what, claims, count);
    a = czi_ask_new(p, &guards_ops, czi_program_asks(p, CZI_INPUT_GUARDS, &what), &future);
    if (!a) {
        czi_many_done(&r->many);
        czi_free(r->claims);
        czi_free(r);
        return cz_join(p, future, NULL, err);
    }
    a->more = r;
    czi_ask_go(a);
    rc = cz_join(p, future, NULL, err);
    if (!rc)
        memcpy(ret, given.data, count * sizeof *ret);
    return rc;
}

/* ---- Going on -------------------------------------------------------------------------------
 */

void czi_guards_regain(cz_program *p)
{
    for (struct czi_task_part *t = p->tasks; t; t = t->next) {
        CZI_AUTOBUF claims = {0};
        struct czi_ask *a;
        cz_error err = {0};
        int rc = CZ_OK;

        for (const struct czi_held *x = t->held; x; x = x->next) {
            cz_claim claim = {x->resource, x->mode, 0};

            czi_buf_put(&claims, &claim, sizeof claim);
        }
        if (!t->held)
            continue;
        a = czi_ask_alone(p, &guards_ops);
        if (a)
            a->more = claims.failed
                          ? NULL
                          : request_new(t, (const cz_claim *)(const void *)claims.data,
                                        claims.len / sizeof(cz_claim), &err);
        if (!a || !a->more) {
            czi_instance_stop(p, CZ_NOMEM, "out of memory for guards");
            return;
        }
        ((struct request *)a->more)->regains = true;
        p->regaining++;
        a->is_asked = true;
        rc = ask_guards(a, &err);
        if (rc)
            czi_instance_stop(p, rc, err.detail);
    }
}

/* ---- Contents -------------------------------------------------------------------------------
 */

static int ask_contents(struct czi_ask *a, cz_error *err)
{
    cz_engine *g = a->engine;
    struct czi_held *x = a->more;
    const struct czi_guard *real = x->real;
    const struct czi_resource *hot;
    bool has_data;

    (void)err;
    CZI_CHECK(real);
    czi_manager_lock(g);
    hot = real->hot;
    has_data = czi_kind_has_data(hot->kind);
    czi_cbor_add_head(&a->payload, CZI_CBOR_ARRAY, 6);
    czi_cbor_add_head(&a->payload, CZI_CBOR_UINT, hot->kind);
    czi_cbor_add_head(&a->payload, CZI_CBOR_UINT, hot->state);
    if (real->asset)
        czi_cbor_add_string(&a->payload, CZI_CBOR_BYTES, real->asset, strlen(real->asset) + 1);
    else
        czi_buf_put_byte(&a->payload, 0xf6);
    czi_cbor_add_quantity(&a->payload, has_data ? 0 : hot->quantity);
    czi_cbor_add_string(&a->payload, CZI_CBOR_BYTES, has_data ? real->name->data : NULL,
                        has_data ? real->name->data_len : 0);
    czi_cbor_add_head(&a->payload, CZI_CBOR_UINT, hot->version);
    czi_manager_unlock(g);
    a->promised = true;
    czi_host_post(a->program->host, &a->letter);
    return CZ_OK;
}

static void contents_tell(struct czi_ask *a, const struct czi_input *in, cz_error *err)
{
    struct czi_held *x = a->more;

    (void)err;
    x->seen.len = 0;
    czi_buf_put(&x->seen, in->payload.data, in->payload.len);
    if (x->seen.failed)
        czi_instance_stop(a->program, CZ_NOMEM, "out of memory for what a guard holds");
}

static const struct czi_ask_ops contents_ops = {
    .input = CZI_INPUT_CONTENTS,
    .ask = ask_contents,
    .tell = contents_tell,
};

static int read_contents(struct czi_held *x, cz_contents *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(x->seen.data, x->seen.len);
    cz_contents t = {.resource = x->resource};
    struct czi_slice s;
    int rc;

    czi_cbor_array_of(&c, 6);
    t.kind = (enum cz_kind)czi_cbor_uint(&c);
    t.state = (enum cz_state)czi_cbor_uint(&c);
    if (!czi_cbor_null(&c))
        t.asset = (const char *)czi_cbor_bytes(&c).data;
    t.quantity = czi_cbor_quantity(&c);
    s = czi_cbor_bytes(&c);
    t.version = czi_cbor_uint(&c);
    rc = czi_cbor_end(&c, err);
    if (rc)
        return rc;
    if (czi_kind_has_data(t.kind)) {
        t.data = s.data;
        t.data_len = s.len;
    }
    x->version = t.version;
    *ret = t;
    return CZ_OK;
}

int cz_program_contents(cz_program *p, const cz_guard *guard, cz_contents *ret, cz_error *err)
{
    CZI_AUTOBUF what = {0};
    struct czi_ask *a;
    struct czi_held *x;
    cz_future future;
    int rc = czi_program_may(p, err);

    if (!rc && czi_is_cut(&p->tree))
        rc = czi_cut(&p->tree, err);
    if (rc)
        return rc;
    x = find(p, guard, err);
    if (!x)
        return CZ_STALE;
    czi_cbor_add_string(&what, CZI_CBOR_BYTES, &x->resource, sizeof(cz_id));
    a = czi_ask_new(p, &contents_ops, czi_program_asks(p, CZI_INPUT_CONTENTS, &what), &future);
    if (a) {
        a->more = x;
        czi_ask_go(a);
    }
    rc = cz_join(p, future, NULL, err);
    return rc ? rc : read_contents(x, ret, err);
}

/* ---- Effects and guards ---------------------------------------------------------------------
 */

/* Whether an effect touches what a task guards. */
static bool conflicts(const struct czi_task_part *t, const uint8_t *bytes,
                      const struct czi_effect_view *v)
{
    for (const struct czi_held *x = t->held; x; x = x->next)
        for (unsigned i = 0; i < czi_effect_accesses(v); i++)
            if ((i < v->write_count || x->mode == CZ_WRITE) &&
                czi_id_equal(czi_effect_access_id(bytes, v, i), &x->resource))
                return true;
    return false;
}

bool czi_guards_conflict(const cz_program *p, const struct czi_task_part *mine,
                         struct czi_slice effect)
{
    struct czi_effect_view v;

    if (!p->held || czi_effect_view(effect.data, effect.len, &v, NULL))
        return false;
    if (v.is_open) /* nobody knows yet what it touches */
        return !mine || mine->held;
    if (mine)
        return conflicts(mine, effect.data, &v);
    for (const struct czi_task_part *t = p->tasks; t; t = t->next)
        if (conflicts(t, effect.data, &v))
            return true;
    return false;
}

/* Each access needs a guard that allows it. */
static int check_covered(cz_program *p, const cz_guard *guards, size_t count,
                         struct czi_slice effect, cz_error *err)
{
    struct czi_effect_view v;
    char text[CZ_ID_TEXT_SIZE];
    int rc = czi_effect_view(effect.data, effect.len, &v, err);

    if (!rc && v.is_open)
        rc =
            czi_fail(err, CZ_INVALID,
                     "apply: what an effect touches that declares nothing is not known before");
    for (unsigned i = 0; !rc && i < czi_effect_accesses(&v); i++) {
        const uint8_t *id = czi_effect_access_id(effect.data, &v, i);
        bool covered = false;
        cz_id copy;

        for (size_t k = 0; k < count && !covered; k++) {
            const struct czi_held *x = find(p, &guards[k], NULL);

            covered = x && czi_id_equal(&x->resource, id) &&
                      (x->mode == CZ_WRITE || i >= v.write_count);
        }
        if (covered)
            continue;
        memcpy(&copy, id, sizeof copy);
        cz_id_print(&copy, text);
        rc = czi_fail(err, CZ_INVALID,
                      "apply: the effect %s %s, which none of the guards allows",
                      i < v.write_count ? "writes" : "reads", text);
    }
    return rc;
}

/* The effect with the versions that were told, in the host's. */
int czi_guards_require(cz_program *p, const cz_guard *guards, size_t count, cz_effect *effect,
                       cz_error *err)
{
    cz_effect *e = p->host->effect;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = cz_effect_encode(effect, &bytes, &len, err);

    if (!rc && count == 0)
        rc = czi_fail(err, CZ_INVALID, "apply: no guard is given");
    for (size_t i = 0; i < count && !rc; i++)
        if (!find(p, &guards[i], err))
            rc = CZ_STALE;
    if (!rc)
        rc = check_covered(p, guards, count, (struct czi_slice){bytes, len}, err);
    if (!rc)
        rc = cz_effect_decode(e, bytes, len, err);
    for (size_t i = 0; i < count && !rc; i++) {
        const struct czi_held *x = find(p, &guards[i], err);
        cz_requirement r = {.has_version = true, .version = x->version};

        rc = cz_effect_require(e, &x->resource, &r, err);
    }
    return rc;
}

/* With what it is submitted under; NULL: its task is over. */
static struct czi_held *held_of(const struct czi_ask *a, size_t i)
{
    const cz_guard *guards = (const cz_guard *)(const void *)a->guards.data;

    for (struct czi_task_part *t = a->program->tasks; t; t = t->next) {
        struct czi_held *x = *place(t, &guards[i]);

        if (x)
            return x;
    }
    return NULL;
}

static void set_state(struct czi_ask *a, enum czi_guard_state state)
{
    czi_manager_lock(a->engine);
    for (size_t i = 0; i < a->guards.len / sizeof(cz_guard); i++) {
        struct czi_held *x = held_of(a, i);

        if (x && x->real)
            x->real->state = state & 3u;
    }
    czi_manager_unlock(a->engine);
}

void czi_guards_commit(struct czi_ask *a)
{
    a->commits = true;
    a->program->host->commits++;
    set_state(a, CZI_GUARD_COMMITTING);
}

void czi_guards_committed(struct czi_ask *a)
{
    cz_host *h = a->program->host;

    a->commits = false;
    set_state(a, CZI_GUARD_HELD);
    czi_guards_abandon(a->program);
    if (--h->commits == 0 && h->ending)
        czi_host_post(h, &h->end);
}

static void let_go(cz_program *p, const cz_guard *guard)
{
    for (struct czi_task_part *t = p->tasks; t; t = t->next) {
        struct czi_held **at = place(t, guard), *x = *at;

        if (!x)
            continue;
        *at = x->next;
        free_held(p, x);
        return;
    }
}

void czi_guards_applied(struct czi_ask *a)
{
    const cz_guard *guards = (const cz_guard *)(const void *)a->guards.data;

    for (size_t i = 0; i < a->guards.len / sizeof *guards; i++)
        let_go(a->program, &guards[i]);
}

int cz_program_release(cz_program *p, cz_guard *guards, size_t count, cz_error *err)
{
    int rc = CZ_OK;

    for (size_t i = 0; i < count; i++) {
        cz_guard guard = guards[i];

        if (guard.engine == 0)
            continue;
        if (!find(p, &guard, rc ? NULL : err)) {
            rc = CZ_STALE;
            continue;
        }
        let_go(p, &guard);
        for (size_t k = i; k < count; k++)
            if (guards[k].index == guard.index && guards[k].generation == guard.generation)
                guards[k] = (cz_guard){0};
    }
    czi_effects_look(p);
    return rc;
}

/* ---- Until a condition holds ----------------------------------------------------------------
 */

struct seen {
    uint64_t version;
};

static bool has_changed(void *arg, const cz_resource *r)
{
    const struct seen *s = arg;

    return r->version > s->version;
}

/* Until one of them is another one than was seen. */
static int await_change(cz_program *p, const cz_claim *claims, const struct seen *seen,
                        size_t count, cz_error *err)
{
    cz_future *futures = czi_alloc(count * sizeof *futures);
    int rc;

    if (!futures) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for watches");
        return czi_program_may(p, err);
    }
    for (size_t i = 0; i < count; i++) {
        cz_watch_spec spec = {.resource = &claims[i].resource,
                              .resource_is = has_changed,
                              .arg = (void *)(uintptr_t)&seen[i]};

        futures[i] = cz_watch_future(p, &spec);
    }
    rc = cz_race(p, futures, count, NULL, NULL, err);
    czi_free(futures);
    return rc;
}

int cz_barrier_resources(cz_program *p, const cz_claim *claims, size_t count,
                         cz_condition_fn condition, void *arg, cz_guard *ret, cz_error *err)
{
    cz_contents *contents = czi_alloc_zero(count + 1, sizeof *contents);
    struct seen *seen = czi_alloc_zero(count + 1, sizeof *seen);
    bool holds = false;
    int rc = CZ_OK;

    if (!contents || !seen) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for contents");
        rc = czi_program_may(p, err);
    }
    if (count)
        memset(ret, 0, count * sizeof *ret);
    while (!rc && !holds) {
        rc = cz_program_acquire(p, claims, count, ret, err);
        for (size_t i = 0; i < count && !rc && condition; i++) {
            rc = cz_program_contents(p, &ret[i], &contents[i], err);
            seen[i].version = contents[i].version;
        }
        holds = !rc && (!condition || condition(arg, contents, count));
        if (holds)
            break;
        if (count && ret[0].engine)
            (void)!cz_program_release(p, ret, count, NULL);
        if (!rc)
            rc = await_change(p, claims, seen, count, err);
    }
    czi_free(contents);
    czi_free(seen);
    return rc;
}
