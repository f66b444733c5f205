/* audit_guest.c - guests of effects, run again on what the recorded effects before them made.
 *
 * Layer: replay. Thread: the one that audits.
 *
 * Nothing of the engine's way to run guests is used but the virtual machine and its manager:
 * what a guest sees is told here, from the audit's own state; how it ended is compared with
 * what is recorded; what it wants done is judged, operation by operation, as those of the
 * effect are.
 */
#include "engine/general.h"
#include "replay/audit.h"

#include <string.h>

/* ---- What a guest sees --------------------------------------------------------------------
 */

struct sight {
    struct czi_auditor *a;
    cz_error *err;
    int rc; /* of reading facts and codes: not the guest's fault */
};

static void found_declared(const struct czi_auditor *a, unsigned i, struct czi_found *ret)
{
    const struct czi_declared *d = &a->declared[i];
    const struct czi_resource *x = czi_audit_resource(a, i);
    const char *asset;

    if (!d->exists)
        return;
    *ret = (struct czi_found){.exists = true,
                              .kind = d->kind,
                              .state = d->state,
                              .is_controlled = d->controlled,
                              .version = x ? x->version : 0,
                              .position = x ? x->position : 0,
                              .quantity = (cz_quantity)d->quantity};
    memcpy(ret->controller, czi_audit_controller(a, i), sizeof ret->controller);
    if (czi_kind_has_data(d->kind)) {
        ret->data = czi_audit_data(a, i);
        return;
    }
    asset = a->core->assets[d->asset].name;
    ret->asset = (struct czi_slice){(const uint8_t *)asset, strlen(asset)};
}

static void found_elsewhere(const struct czi_core *core, const uint8_t *id,
                            struct czi_found *ret)
{
    uint32_t slot = czi_id_table_find(&core->resources.ids, id);
    const struct czi_resource_name *n;
    const struct czi_resource *x;
    const char *asset;

    if (slot == CZI_ID_NONE)
        return;
    x = czi_resource_at(&core->resources, slot);
    n = czi_resource_name(&core->resources, slot);
    *ret = (struct czi_found){.exists = true,
                              .kind = x->kind,
                              .state = x->state,
                              .is_controlled = x->controlled,
                              .version = x->version,
                              .position = x->position,
                              .quantity = x->quantity};
    memcpy(ret->controller, n->controller.bytes, sizeof ret->controller);
    if (czi_kind_has_data(x->kind)) {
        ret->data = (struct czi_slice){n->data, n->data_len};
        return;
    }
    asset = core->assets[x->asset].name;
    ret->asset = (struct czi_slice){(const uint8_t *)asset, strlen(asset)};
}

static void find(void *arg, const uint8_t id[32], struct czi_found *ret)
{
    const struct sight *s = arg;
    uint32_t i = czi_audit_access(s->a, id);

    *ret = (struct czi_found){.exists = false};
    if (i != CZI_ID_NONE)
        found_declared(s->a, i, ret);
    else
        found_elsewhere(s->a->core, id, ret);
}

static struct czi_code *find_code(void *arg, const uint8_t id[32])
{
    struct sight *s = arg;
    struct czi_code *code = NULL;
    struct czi_found found;
    int rc;

    find(s, id, &found);
    if (!found.exists || found.kind != CZ_CODE)
        return NULL;
    rc = czi_codes_get(&s->a->codes, id, found.data, &code);
    if (rc)
        s->rc = rc == CZ_NOMEM ? czi_nomem(s->err, "a code")
                               : czi_audit_found(s->a, s->err, "a code is no program");
    return rc ? NULL : code;
}

/* Of an item of the frame at hand, or of one before it. */
static int read_fact(struct sight *s, uint32_t number, const cz_id *id, struct czi_buf *ret)
{
    const struct czi_batch *b = s->a->batch;

    ret->len = 0;
    if (number < b->facts_before)
        return s->a->core->item_bytes(s->a->core->item_bytes_arg, number, ret, s->err);
    for (uint32_t i = 0; i < b->entry_count; i++) {
        const struct czi_pending *p = b->entries[i].pending;

        if (!p->is_item || !czi_id_equal(&p->item_id, id))
            continue;
        czi_buf_put(ret, p->bytes, p->len);
        return ret->failed ? czi_nomem(s->err, "a fact") : CZ_OK;
    }
    return czi_audit_found(s->a, s->err, "a cited fact is not where it was recorded");
}

static bool fact(void *arg, unsigned i, struct czi_slice *ret_bytes, cz_id *ret_id,
                 unsigned *ret_finality, uint64_t *ret_number)
{
    struct sight *s = arg;
    const struct czi_citing *c = &s->a->citing;
    uint64_t depth;
    uint32_t n;

    if (i >= c->fact_count || !(c->holds >> i & 1))
        return false;
    memcpy(ret_id, c->facts[i].fact, sizeof *ret_id);
    n = czi_book_find(s->a->core->book, ret_id);
    CZI_CHECK(n != CZI_ID_NONE);
    s->rc = s->rc ? s->rc : read_fact(s, n, ret_id, &s->a->fact_bytes);
    if (s->rc)
        return false;
    *ret_bytes = czi_buf_slice(&s->a->fact_bytes);
    *ret_finality = czi_book_finality(s->a->core->book, n, &depth);
    *ret_number = (uint64_t)n + 1;
    return true;
}

static bool time_of(void *arg, struct czi_slice domain, struct cz_guest_time *ret)
{
    const struct sight *s = arg;
    const struct czi_domain_time *at =
        czi_time_map_find(czi_book_time(s->a->core->book), domain);

    if (!at)
        return false;
    ret->height = at->height;
    ret->time = at->time;
    memcpy(ret->hash, at->hash, sizeof ret->hash);
    return true;
}

/* ---- Running it again ---------------------------------------------------------------------
 */

struct order {
    struct czi_run_input in;
    struct sight sight;
    struct czi_world world;
    struct czi_access accesses[CZI_ACCESSES_MAX];
    uint8_t places[CZI_ACCESSES_MAX];
};

static void read_order(const struct czi_auditor *a, const struct czi_op *op, struct order *ret)
{
    const struct czi_pending *p = a->pending;

    ret->in = (struct czi_run_input){.input = op->data, .gas = op->gas, .way = 'e'};
    ret->in.is_open = op->code == CZI_OP_CALL;
    ret->in.code_id =
        ret->in.is_open ? op->code_id : czi_effect_access_id(p->bytes, &p->view, op->a);
    if (ret->in.is_open)
        return;
    ret->in.accesses = ret->accesses;
    ret->in.access_count = czi_op_places(op, ret->places);
    for (unsigned i = 0; i < ret->in.access_count; i++) {
        struct czi_access *x = &ret->accesses[i];

        *x = (struct czi_access){.writable = ret->places[i] < p->view.write_count};
        memcpy(x->id, czi_effect_access_id(p->bytes, &p->view, ret->places[i]), sizeof x->id);
    }
}

static int run(struct czi_auditor *a, struct order *o, struct czi_run_result *ret,
               cz_error *err)
{
    const struct czi_pending *p = a->pending;

    *ret = (struct czi_run_result){.status = CZI_RUN_NOMEM};
    if (!a->manager && czi_vm_manager_new(&a->manager, err))
        return CZ_NOMEM;
    o->sight = (struct sight){.a = a, .err = err};
    o->world = (struct czi_world){.arg = &o->sight,
                                  .find = find,
                                  .code = find_code,
                                  .fact = fact,
                                  .time = time_of,
                                  .origin = czi_effect_origin(p->bytes),
                                  .signer_count = p->view.signature_count,
                                  .key_stride = CZI_SIGNER_SIZE};
    if (p->view.signature_count)
        o->world.signers = czi_effect_signer(p->bytes, p->len, &p->view, 0);
    czi_codes_trim(&a->codes);
    o->in.world = &o->world;
    o->in.code = find_code(&o->sight, o->in.code_id);
    if (!o->in.code)
        return o->sight.rc ? o->sight.rc
                           : czi_audit_found(a, err, "what its guest should be is no code");
    czi_vm_manager_run(a->manager, &o->in, ret);
    if (o->sight.rc)
        return o->sight.rc;
    return ret->status == CZI_RUN_NOMEM ? czi_nomem(err, "a guest's run") : CZ_OK;
}

/* ---- Against what is recorded -------------------------------------------------------------
 */

static int check_end(const struct czi_auditor *a, const struct czi_run_result *r, cz_error *err)
{
    const cz_guest_run *is = a->outcome->extra ? a->outcome->extra->run : NULL;
    cz_guest_run should = czi_guest_run_of(r);

    if (is && is->gas != should.gas)
        return czi_audit_found(a, err, "its guest used %llu gas, not %llu",
                               (unsigned long long)should.gas, (unsigned long long)is->gas);
    if (!czi_guest_run_same(is, &should))
        return czi_audit_found(a, err, "its guest ends in another way than is recorded");
    return CZ_OK;
}

/* What an open effect has touched, against its recorded scope. */
static int check_scope(const struct czi_auditor *a, const struct czi_run_result *r,
                       cz_error *err)
{
    bool applied = a->outcome->reason == CZ_APPLIED;
    unsigned count = 0;

    for (unsigned k = 0; k < r->access_count; k++) {
        const struct czi_access *x = &r->accesses[k];
        bool writes = applied && x->written;
        uint32_t i = czi_audit_access(a, x->id);

        if (!writes && !x->found_position)
            continue;
        count++;
        if (i == CZI_ID_NONE || (i < a->pending->view.write_count) != writes)
            return czi_audit_found(a, err, "what its guest touches is not what is recorded");
    }
    return count == a->count
               ? CZ_OK
               : czi_audit_found(a, err, "its guest touches fewer resources than are recorded");
}

/* ---- What it wants done -------------------------------------------------------------------
 */

static bool find_place(const struct czi_auditor *a, const struct order *o,
                       const struct czi_run_result *r, uint8_t *place)
{
    uint32_t i;

    if (*place < o->in.access_count) {
        *place = o->places[*place];
        return true;
    }
    i = *place < r->access_count ? czi_audit_access(a, r->accesses[*place].id) : CZI_ID_NONE;
    *place = (uint8_t)i;
    return i != CZI_ID_NONE;
}

static int carry_out(struct czi_auditor *a, const struct order *o,
                     const struct czi_run_result *r, unsigned k, cz_error *err)
{
    struct czi_op op = r->ops[k];
    uint8_t *places[] = {&op.a, &op.b, &op.c};
    bool changes;
    unsigned named = czi_operation_names(op.code, &changes);

    CZI_CHECK(named <= CZI_COUNTOF(places));
    for (unsigned i = 0; i < named; i++)
        if (!find_place(a, o, r, places[i]) ||
            (changes && *places[i] >= a->pending->view.write_count))
            return czi_audit_found(a, err, "its guest changes what it may only read");
    a->actor = r->op_actors[k];
    return czi_audit_declare(a, &op, err);
}

/* Codes that have run to their end: what they control may be declared written. */
static int note_codes(struct czi_auditor *a, const struct order *o,
                      const struct czi_run_result *r)
{
    a->ran_count = 0;
    a->ran[a->ran_count++] = o->in.code_id;
    for (unsigned k = 0; k < r->access_count; k++)
        if (r->accesses[k].ran)
            a->ran[a->ran_count++] = r->accesses[k].id;
    return CZ_OK;
}

int czi_audit_guest(struct czi_auditor *a, const struct czi_op *op, cz_error *err)
{
    struct czi_run_result r;
    struct order o;
    int rc;

    read_order(a, op, &o);
    rc = run(a, &o, &r, err);
    if (!rc)
        rc = check_end(a, &r, err);
    if (!rc && (r.status != CZI_RUN_EXITED || r.value))
        rc = czi_audit_found(a, err, "it is applied, but its guest did not end with 0");
    if (!rc && o.in.is_open)
        rc = check_scope(a, &r, err);
    if (!rc)
        rc = note_codes(a, &o, &r);
    for (unsigned k = 0; k < r.op_count && !rc; k++)
        rc = carry_out(a, &o, &r, k, err);
    a->actor = NULL;
    return rc;
}

/* The operation that starts the guest, when nothing before it changes what it sees. */
static bool find_start(const struct czi_auditor *a, struct czi_op *ret)
{
    const struct czi_pending *p = a->pending;
    struct czi_cbor c = czi_cbor(p->bytes + p->view.ops, p->view.ops_len);

    for (unsigned i = 0; i < p->view.op_count; i++) {
        czi_op_next(&c, ret);
        if (ret->code == CZI_OP_RUN || ret->code == CZI_OP_CALL)
            return true;
        if (ret->code != CZI_OP_NOTE && ret->code != CZI_OP_WHEN && ret->code != CZI_OP_USE &&
            ret->code != CZI_OP_REQUIRE)
            return false;
    }
    return false;
}

static uint8_t reason_of(const struct czi_run_result *r)
{
    if (r->status == CZI_RUN_TRAPPED)
        return CZ_TRAPPED;
    if (r->status == CZI_RUN_NO_GAS)
        return CZ_OUT_OF_GAS;
    return r->value ? CZ_GUEST_FAILED : CZ_APPLIED;
}

int czi_audit_guest_rejected(struct czi_auditor *a, cz_error *err)
{
    const cz_guest_run *is = a->outcome->extra ? a->outcome->extra->run : NULL;
    uint8_t reason = a->outcome->reason;
    struct czi_run_result r;
    struct czi_op op;
    struct order o;
    int rc;

    if (!is)
        return reason == CZ_TRAPPED || reason == CZ_OUT_OF_GAS || reason == CZ_GUEST_FAILED
                   ? czi_audit_found(a, err, "it is rejected as %s, but no guest has run",
                                     cz_reason_name(reason))
                   : CZ_OK;
    if (!find_start(a, &op))
        return CZ_OK;
    read_order(a, &op, &o);
    rc = run(a, &o, &r, err);
    if (!rc)
        rc = check_end(a, &r, err);
    if (!rc && reason_of(&r) && reason_of(&r) != reason)
        rc = czi_audit_found(a, err, "its guest makes it %s, not %s",
                             cz_reason_name(reason_of(&r)), cz_reason_name(reason));
    return rc || !o.in.is_open ? rc : check_scope(a, &r, err);
}
