/* guard.c - what a guard shows, what it stages, and how that becomes an effect (R9).
 *
 * Layer: engine. Threads: the guard's context's. See manager.h. A resource is read without the
 * mutex: while the guard is held nobody else changes it.
 *
 * Commit turns the difference between what is and what was staged into operations: lifecycle
 * moves that open, transfers between the guarded resources, writes, lifecycle moves that close.
 */
#include "base/error.h"
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

/* ---- Contents -------------------------------------------------------------------------------
 */

static cz_contents contents_of(const struct czi_guard *guard)
{
    const struct czi_resource *x = guard->hot;
    const struct czi_staged *s = guard->staged;
    cz_contents c = {.resource = *guard->id,
                     .kind = (enum cz_kind)x->kind,
                     .state = (enum cz_state)x->state,
                     .asset = guard->asset,
                     .quantity = x->quantity,
                     .version = x->version};

    if (czi_kind_has_data(x->kind)) {
        c.data = guard->name->data;
        c.data_len = guard->name->data_len;
    }
    if (!s)
        return c;
    if (s->has_state)
        c.state = (enum cz_state)s->state;
    if (s->has_quantity)
        c.quantity = s->quantity;
    if (s->has_data) {
        c.data = s->data.data;
        c.data_len = s->data.len;
    }
    return c;
}

int cz_guard_contents(const cz_guard *handle, cz_contents *ret, cz_error *err)
{
    struct czi_guard *guard = NULL;
    cz_engine *g = NULL;
    int rc = czi_guard_of(handle, &g, &guard, err);

    if (!rc)
        rc = czi_wait_durable(g, guard->context, guard->hot->position, err);
    if (rc)
        return rc;
    *ret = contents_of(guard);
    return CZ_OK;
}

/* ---- Update ---------------------------------------------------------------------------------
 */

static int check_update(const struct czi_guard *guard, const cz_contents *now,
                        const cz_contents *c, cz_error *err)
{
    const char *label = guard->name->label;

    if (guard->mode != CZ_WRITE)
        return czi_fail(err, CZ_INVALID,
                        "update: the guard of %s only reads; acquire it in "
                        "write mode",
                        label);
    if (guard->state != CZI_GUARD_HELD)
        return czi_fail(err, CZ_INVALID, "update: %s is being committed", label);
    if (!czi_id_equal(&c->resource, &now->resource))
        return czi_fail(err, CZ_INVALID,
                        "update: these are the contents of another resource "
                        "than %s",
                        label);
    if (c->kind != now->kind ||
        (c->asset && (!now->asset || strcmp(c->asset, now->asset) != 0)))
        return czi_fail(err, CZ_WRONG_TYPE, "update: kind and asset of %s cannot change",
                        label);
    if (!czi_kind_has_data(c->kind) && c->data)
        return czi_fail(err, CZ_WRONG_TYPE, "update: %s is of kind %s and has no data", label,
                        cz_kind_name((int)c->kind));
    if (czi_kind_has_data(c->kind) && c->quantity != 0)
        return czi_fail(err, CZ_WRONG_TYPE, "update: %s is data and has no quantity", label);
    if (c->kind == CZ_FUNGIBLE && c->quantity < 0)
        return czi_fail(err, CZ_INVALID, "update: the quantity of %s would be negative", label);
    if (c->data_len > CZI_DATA_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "update: %zu bytes for %s, at most %u are possible",
                        c->data_len, label, CZI_DATA_SIZE_MAX);
    if (c->data_len && !c->data && czi_kind_has_data(c->kind))
        return czi_fail(err, CZ_INVALID, "update: %zu bytes for %s, and no data", c->data_len,
                        label);
    if ((unsigned)c->state > CZ_ARCHIVED)
        return czi_fail(err, CZ_INVALID, "update: no lifecycle state %d", (int)c->state);
    if (guard->hot->state >= CZ_CONSUMED && c->state != (enum cz_state)guard->hot->state)
        return czi_fail(err, CZ_INVALID, "update: %s is %s, which is final", label,
                        cz_state_name(guard->hot->state));
    return CZ_OK;
}

static bool same_data(const cz_contents *a, const cz_contents *b)
{
    return a->data_len == b->data_len &&
           (a->data_len == 0 || memcmp(a->data, b->data, a->data_len) == 0);
}

static bool is_recorded(const struct czi_guard *guard, const struct czi_buf *data)
{
    return data->len == guard->name->data_len &&
           (data->len == 0 || memcmp(data->data, guard->name->data, data->len) == 0);
}

int cz_guard_update(const cz_guard *handle, const cz_contents *contents, cz_error *err)
{
    CZI_AUTOBUF data = {0};
    struct czi_guard *guard = NULL;
    struct czi_staged *s;
    cz_engine *g = NULL;
    cz_contents now;
    int rc = czi_guard_of(handle, &g, &guard, err);

    if (rc)
        return rc;
    now = contents_of(guard);
    rc = check_update(guard, &now, contents, err);
    if (rc)
        return rc;
    /* First the copy: the new data may lie in the old. */
    if (czi_kind_has_data(contents->kind) && !same_data(&now, contents)) {
        czi_buf_put(&data, contents->data, contents->data_len);
        if (data.failed)
            return czi_nomem(err, "an update");
    }
    s = guard->staged ? guard->staged : czi_alloc_zero(1, sizeof *s);
    if (!s)
        return czi_nomem(err, "an update");
    guard->staged = s;
    if (czi_kind_has_data(contents->kind) && !same_data(&now, contents)) {
        struct czi_buf old = s->data;

        s->data = data;
        data = old;
        s->has_data = !is_recorded(guard, &s->data);
    }
    s->quantity = contents->quantity;
    s->has_quantity = contents->quantity != guard->hot->quantity;
    s->state = (uint8_t)contents->state;
    s->has_state = s->state != guard->hot->state;
    return CZ_OK;
}

/* ---- Views ----------------------------------------------------------------------------------
 */

int cz_guard_map(const cz_guard *handle, const cz_lens *lens, cz_view *ret, cz_error *err)
{
    struct czi_guard *guard = NULL;
    cz_engine *g = NULL;
    int rc = czi_guard_of(handle, &g, &guard, err);

    if (rc)
        return rc;
    if (!lens->get || lens->part_size == 0 || lens->part_size > CZ_LENS_SIZE_MAX)
        return czi_fail(err, CZ_INVALID, "map: a lens needs get, and a part of 1 to %d bytes",
                        CZ_LENS_SIZE_MAX);
    *ret = (cz_view){*handle, lens};
    return CZ_OK;
}

int cz_view_get(const cz_view *view, void *ret_part, cz_error *err)
{
    uint8_t part[CZ_LENS_SIZE_MAX] __attribute__((aligned(16)));
    cz_contents whole;
    int rc = cz_guard_contents(&view->guard, &whole, err);

    if (!rc)
        rc = view->lens->get(view->lens->arg, &whole, part, err);
    if (!rc)
        memcpy(ret_part, part, view->lens->part_size);
    return rc;
}

int cz_view_set(const cz_view *view, const void *part, cz_error *err)
{
    cz_contents whole, next;
    int rc = cz_guard_contents(&view->guard, &whole, err);

    if (rc)
        return rc;
    if (!view->lens->put)
        return czi_fail(err, CZ_INVALID, "view: its lens has no put, so it is read-only");
    next = whole;
    rc = view->lens->put(view->lens->arg, &whole, part, &next, err);
    return rc ? rc : cz_guard_update(&view->guard, &next, err);
}

/* ---- Commit: the effect ---------------------------------------------------------------------
 */

/* Guards of one commit: distinct, of one engine and context, ascending by resource. */
struct commit {
    cz_engine *engine;
    cz_context *context;
    struct czi_guard *guards[CZI_ACCESSES_MAX];
    cz_quantity left[CZI_ACCESSES_MAX]; /* of quantities: what is still to come or go */
    unsigned count;
};

static bool comes_before(const struct czi_guard *a, const struct czi_guard *b)
{
    CZI_CHECK(a && b);
    return czi_id_before(a->id, b->id);
}

static int collect(struct commit *c, const cz_guard *handles, size_t count, cz_error *err)
{
    *c = (struct commit){0};
    if (count == 0)
        return czi_fail(err, CZ_INVALID, "commit: no guard is given");
    for (size_t i = 0; i < count; i++) {
        struct czi_guard *guard = NULL;
        cz_engine *g = NULL;
        unsigned at;
        int rc = czi_guard_of(&handles[i], &g, &guard, err);

        if (rc)
            return rc;
        CZI_CHECK(guard);
        if (c->engine && g != c->engine)
            return czi_fail(err, CZ_INVALID, "commit: the guards are of several engines");
        if (guard->state != CZI_GUARD_HELD)
            return czi_fail(err, CZ_INVALID, "commit: %s is being committed already",
                            guard->name->label);
        c->engine = g;
        c->context = guard->context;
        for (at = 0; at < c->count && comes_before(c->guards[at], guard);)
            at++;
        if (at < c->count && c->guards[at] == guard)
            continue;
        if (c->count == CZI_ACCESSES_MAX)
            return czi_fail(err, CZ_LIMIT, "commit: an effect touches at most %d resources",
                            CZI_ACCESSES_MAX);
        memmove(&c->guards[at + 1], &c->guards[at], (c->count - at) * sizeof c->guards[0]);
        c->guards[at] = guard;
        c->count++;
    }
    return CZ_OK;
}

typedef int (*lifecycle_fn)(cz_effect *e, const cz_id *resource, cz_error *err);

/* From a state to active, and from active to a state. Consuming is possible from locked and
 * archiving from frozen, but from active too. */
static const lifecycle_fn open_with[] = {
    [CZ_LOCKED] = cz_effect_unlock, [CZ_FROZEN] = cz_effect_unfreeze, [CZ_ARCHIVED] = NULL};
static const lifecycle_fn close_with[] = {[CZ_LOCKED] = cz_effect_lock,
                                          [CZ_FROZEN] = cz_effect_freeze,
                                          [CZ_CONSUMED] = cz_effect_consume,
                                          [CZ_ARCHIVED] = cz_effect_archive};

static int put_state(const struct commit *c, cz_effect *e, bool open, cz_error *err)
{
    int rc = CZ_OK;

    for (unsigned i = 0; i < c->count && !rc; i++) {
        const struct czi_guard *guard = c->guards[i];
        lifecycle_fn fn;

        if (!guard->staged || !guard->staged->has_state)
            continue;
        fn = open ? open_with[guard->hot->state] : close_with[guard->staged->state];
        if (fn)
            rc = fn(e, guard->id, err);
    }
    return rc;
}

/* Of two guards with one asset of one kind: from the one that has too much to the other. */
static int put_transfer(struct commit *c, cz_effect *e, unsigned from, unsigned to,
                        cz_error *err)
{
    cz_quantity q = CZI_MIN(-c->left[from], c->left[to]);
    const cz_id *a = c->guards[from]->id, *b = c->guards[to]->id;

    c->left[from] += q;
    c->left[to] -= q;
    return c->guards[from]->hot->kind == CZ_POSITION ? cz_effect_move(e, a, b, q, err)
                                                     : cz_effect_transfer(e, a, b, q, err);
}

static bool same_asset(const struct czi_guard *a, const struct czi_guard *b)
{
    return a->hot->kind == b->hot->kind && a->hot->asset == b->hot->asset;
}

static int put_quantities(struct commit *c, cz_effect *e, cz_error *err)
{
    int rc = CZ_OK;

    for (unsigned i = 0; i < c->count; i++) {
        const struct czi_staged *s = c->guards[i]->staged;
        cz_quantity negated;

        c->left[i] = 0;
        if (s && s->has_quantity &&
            (__builtin_sub_overflow(s->quantity, c->guards[i]->hot->quantity, &c->left[i]) ||
             __builtin_sub_overflow(0, c->left[i], &negated)))
            return czi_fail(err, CZ_INVALID, "commit: the change of %s exceeds 128 bits",
                            c->guards[i]->name->label);
    }
    for (unsigned from = 0; from < c->count; from++)
        for (unsigned to = 0; to < c->count && c->left[from] < 0 && !rc; to++)
            if (c->left[to] > 0 && same_asset(c->guards[from], c->guards[to]))
                rc = put_transfer(c, e, from, to, err);
    for (unsigned i = 0; i < c->count && !rc; i++) {
        char text[CZ_QUANTITY_TEXT_SIZE];

        if (c->left[i] == 0)
            continue;
        cz_quantity_print(c->left[i], text);
        rc = czi_fail(err, CZ_INVALID,
                      "commit: the quantity of %s changes by %s %s that no other guarded "
                      "resource gives or takes",
                      c->guards[i]->name->label, text, c->guards[i]->asset);
    }
    return rc;
}

static int put_data(const struct commit *c, cz_effect *e, cz_error *err)
{
    int rc = CZ_OK;

    for (unsigned i = 0; i < c->count && !rc; i++) {
        const struct czi_staged *s = c->guards[i]->staged;

        if (s && s->has_data)
            rc = cz_effect_write(e, c->guards[i]->id, s->data.data, s->data.len, err);
    }
    return rc;
}

/* Who proposes what is done to a resource under a guard: nobody else uses this origin, and who
 * holds the guard uses it alone, so its next nonce is known. */
static cz_id guard_origin(const cz_id *resource)
{
    return czi_identity_id(resource, (struct czi_slice){(const uint8_t *)"guard", 5});
}

/* With its next nonce. */
static void set_origin(cz_engine *g, cz_effect *e, const cz_id *origin)
{
    const struct czi_core *core = &g->step.core;
    uint32_t number;

    cz_effect_set_origin(e, origin);
    czi_manager_lock(g);
    number = czi_id_table_find(&core->origin_ids, origin);
    cz_effect_set_nonce(e, number == CZI_ID_NONE ? 0 : core->origins[number].next_nonce);
    czi_manager_unlock(g);
}

static int propose(struct commit *c, cz_effect *e, cz_error *err)
{
    cz_id origin = {{0}};
    int rc = put_state(c, e, true, err);

    if (!rc)
        rc = put_quantities(c, e, err);
    if (!rc)
        rc = put_data(c, e, err);
    if (!rc)
        rc = put_state(c, e, false, err);
    for (unsigned i = c->count; i-- > 0 && !rc;) {
        if (!czi_guard_changes(c->guards[i]))
            rc = cz_effect_access(e, c->guards[i]->id, CZ_READ, err);
        else
            origin = guard_origin(c->guards[i]->id);
    }
    if (rc)
        return rc;
    set_origin(c->engine, e, &origin);
    return CZ_OK;
}

/* ---- Commit: under the guards ---------------------------------------------------------------
 */

static void set_state(struct commit *c, enum czi_guard_state state)
{
    for (unsigned i = 0; i < c->count; i++)
        c->guards[i]->state = state & 3u;
}

/* With the mutex: updates have become an effect, or there were none. */
static void end_guards(struct commit *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (c->guards[i]->staged) {
            c->guards[i]->staged->has_state = c->guards[i]->staged->has_quantity = false;
            c->guards[i]->staged->has_data = false;
        }
        czi_guard_end(c->engine, c->guards[i]);
    }
}

static void clear_handles(cz_guard *handles, size_t count)
{
    for (size_t i = 0; i < count; i++)
        handles[i] = (cz_guard){0};
}

static int submit(struct commit *c, cz_effect *e, cz_result *ret, cz_error *err)
{
    struct czi_manager *m = &c->engine->manager;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = cz_effect_encode(e, &bytes, &len, err);

    if (rc)
        return rc;
    set_state(c, CZI_GUARD_COMMITTING);
    rc = czi_perform(c->engine, c->context, bytes, len, true, ret, err);
    czi_manager_lock(c->engine);
    set_state(c, CZI_GUARD_HELD);
    m->stats.commits += rc == CZ_OK;
    m->stats.rejections += rc == CZ_REJECTED;
    if (rc == CZ_OK)
        end_guards(c);
    czi_manager_unlock(c->engine);
    return rc;
}

int cz_guards_commit(cz_guard *handles, size_t count, cz_result *ret, cz_error *err)
{
    cz_result result = {0};
    struct commit c;
    cz_effect *e;
    bool any = false;
    int rc = collect(&c, handles, count, err);

    if (rc)
        return rc;
    for (unsigned i = 0; i < c.count; i++)
        any = any || czi_guard_changes(c.guards[i]);
    if (!any) {
        czi_manager_lock(c.engine);
        end_guards(&c);
        czi_manager_unlock(c.engine);
    } else {
        e = cz_effect_new();
        rc = e ? propose(&c, e, err) : czi_nomem(err, "an effect");
        if (!rc)
            rc = submit(&c, e, &result, err);
        cz_effect_free(e);
    }
    if (!rc)
        clear_handles(handles, count);
    if (ret && (!rc || rc == CZ_REJECTED))
        *ret = result;
    return rc;
}

int cz_guard_commit(cz_guard *handle, cz_result *ret, cz_error *err)
{
    return cz_guards_commit(handle, 1, ret, err);
}

/* Each access of an effect of the caller's needs a guard that allows it. */
static int check_covered(const struct commit *c, const uint8_t *bytes,
                         const struct czi_effect_view *v, cz_error *err)
{
    if (v->is_open)
        return czi_fail(
            err, CZ_INVALID,
            "apply: what an effect touches that declares nothing is not known before");
    for (unsigned i = 0; i < czi_effect_accesses(v); i++) {
        const uint8_t *id = czi_effect_access_id(bytes, v, i);
        const struct czi_guard *guard = NULL;
        char text[CZ_ID_TEXT_SIZE];
        cz_id copy;

        for (unsigned k = 0; k < c->count; k++)
            if (czi_id_equal(c->guards[k]->id, id))
                guard = c->guards[k];
        if (guard && (guard->mode == CZ_WRITE || i >= v->write_count))
            continue;
        memcpy(&copy, id, sizeof copy);
        cz_id_print(&copy, text);
        return czi_fail(err, CZ_INVALID, "apply: %s %s, which %s",
                        i < v->write_count ? "the effect writes" : "the effect reads", text,
                        guard ? "is only guarded for reading" : "none of the guards is for");
    }
    return CZ_OK;
}

/* An earlier effect of the same origin that waits would come later and lose its nonce. */
static int check_origin(const struct commit *c, const uint8_t *bytes, cz_error *err)
{
    const struct czi_core *core = &c->engine->step.core;
    uint32_t n;
    bool waits;

    czi_manager_lock(c->engine);
    n = czi_id_table_find(&core->origin_ids, czi_effect_origin(bytes));
    waits = n != CZI_ID_NONE && core->origins[n].lock;
    czi_manager_unlock(c->engine);
    if (!waits)
        return CZ_OK;
    return czi_fail(err, CZ_CONFLICT,
                    "apply: an earlier effect of this origin waits for a guard");
}

int cz_guards_apply(cz_guard *handles, size_t count, cz_effect *effect, cz_result *ret,
                    cz_error *err)
{
    cz_result result = {0};
    struct czi_effect_view view;
    const uint8_t *bytes = NULL;
    struct commit c;
    size_t len = 0;
    int rc = collect(&c, handles, count, err);

    if (!rc)
        rc = cz_effect_encode(effect, &bytes, &len, err);
    if (!rc)
        rc = czi_effect_view(bytes, len, &view, err);
    for (unsigned i = 0; i < c.count && !rc; i++)
        if (czi_guard_changes(c.guards[i]))
            rc = czi_fail(err, CZ_INVALID,
                          "apply: %s has an update, which this effect would "
                          "lose; commit or release it",
                          c.guards[i]->name->label);
    if (!rc)
        rc = check_covered(&c, bytes, &view, err);
    if (!rc)
        rc = check_origin(&c, bytes, err);
    if (!rc)
        rc = submit(&c, effect, &result, err);
    if (!rc)
        clear_handles(handles, count);
    if (ret && (!rc || rc == CZ_REJECTED))
        *ret = result;
    return rc;
}

/* ---- Making resources -----------------------------------------------------------------------
 */

/* CZ_OK: it exists as asked for; CZ_WRONG_TYPE: in another way; CZ_NOT_FOUND. */
static int find_same(cz_engine *g, const cz_creation *creation, const cz_id *id,
                     uint64_t *ret_position, cz_error *err)
{
    cz_claim claim = {*id, CZ_READ, 0};
    const struct czi_core *core = &g->step.core;
    uint32_t slot = 0;
    int rc;

    czi_manager_lock(g);
    rc = czi_claim_slot(g, &claim, &slot, err);
    if (!rc) {
        const struct czi_resource *x = czi_resource_at(&core->resources, slot);
        const char *asset = creation->asset ? creation->asset : "";

        if (x->kind != creation->kind ||
            (!czi_kind_has_data(x->kind) && strcmp(core->assets[x->asset].name, asset) != 0))
            rc = czi_fail(err, CZ_WRONG_TYPE,
                          "register: %s exists and is of another kind or asset",
                          creation->label);
        *ret_position = x->position;
    }
    czi_manager_unlock(g);
    return rc;
}

/* Proposes until it is known who made the resource: another one may use the nonce first. */
static int create(cz_engine *g, cz_effect *e, const cz_creation *creation, bool if_absent,
                  cz_id *ret, cz_error *err)
{
    cz_creation copy = *creation;
    cz_context *c = NULL;
    uint64_t position = 0;
    cz_id id, origin;
    int told, rc = cz_resource_id(&creation->creator, creation->label, &id, err);

    copy.if_absent = if_absent;
    if (!rc)
        rc = cz_effect_create(e, &copy, err);
    if (rc)
        return rc;
    origin = guard_origin(&id);
    for (;;) {
        cz_result result = {0};

        rc = find_same(g, creation, &id, &position, err);
        if (rc != CZ_NOT_FOUND)
            break;
        set_origin(g, e, &origin);
        rc = cz_perform(g, e, &result, err);
        if (!rc && result.status == CZ_STATUS_APPLIED) {
            *ret = id;
            return CZ_OK;
        }
        if (rc != CZ_OK &&
            (rc != CZ_REJECTED || (result.reason != CZ_NONCE && result.reason != CZ_EXISTS)))
            return rc;
    }
    told = czi_context_current(g, &c, err);
    if (!told) /* that it exists, when that is on disk */
        told = czi_wait_durable(g, c, position, err);
    if (told)
        return told;
    if (!if_absent)
        return czi_fail(err, CZ_CONFLICT, "create: %s exists already", creation->label);
    if (!rc)
        *ret = id;
    return rc;
}

static int create_with_effect(cz_engine *g, const cz_creation *creation, bool if_absent,
                              cz_id *ret, cz_error *err)
{
    cz_effect *e = cz_effect_new();
    int rc = e ? create(g, e, creation, if_absent, ret, err) : czi_nomem(err, "an effect");

    cz_effect_free(e);
    return rc;
}

int cz_create(cz_engine *g, const cz_creation *creation, cz_id *ret, cz_error *err)
{
    return create_with_effect(g, creation, false, ret, err);
}

int cz_register(cz_engine *g, const cz_creation *creation, cz_id *ret, cz_error *err)
{
    return create_with_effect(g, creation, true, ret, err);
}
