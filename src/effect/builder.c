/* builder.c - cz_effect: collects what a proposal says, then writes its canonical bytes.
 *
 * Layer: effect. Thread: one at a time. Operations hold the number of an access in order of
 * first mention; encoding sorts the accesses and renumbers. Data and labels are copied into
 * one buffer, so that callers may free theirs.
 */
#include "effect/builder.h"
#include "base/error.h"
#include "codec/blake3.h"
#include "codec/ed25519.h"
#include "resource/policy.h"

#include <stdlib.h>

cz_effect *cz_effect_new(void)
{
    cz_effect *e = czi_alloc_zero(1, sizeof *e);

    if (e)
        e->priority = CZ_NORMAL;
    return e;
}

void cz_effect_free(cz_effect *e)
{
    if (!e)
        return;
    czi_buf_done(&e->ops);
    czi_buf_done(&e->bytes);
    czi_buf_done(&e->canonical);
    czi_free(e);
}

void cz_effect_cleanup(cz_effect **e)
{
    cz_effect_free(*e);
    *e = NULL;
}

void cz_effect_clear(cz_effect *e)
{
    struct czi_buf ops = e->ops, bytes = e->bytes, canonical = e->canonical;

    *e = (cz_effect){.priority = CZ_NORMAL, .ops = ops, .bytes = bytes, .canonical = canonical};
    e->ops.len = e->bytes.len = e->canonical.len = 0;
    e->ops.failed = e->bytes.failed = e->canonical.failed = false;
}

void cz_effect_set_origin(cz_effect *e, const cz_id *origin)
{
    e->origin = *origin;
    e->encoded = false;
}

void cz_effect_set_nonce(cz_effect *e, uint64_t nonce)
{
    e->nonce = nonce;
    e->encoded = false;
}

void cz_effect_set_priority(cz_effect *e, enum cz_priority priority)
{
    e->priority = (uint8_t)priority;
    e->encoded = false;
}

int czi_builder_use(cz_effect *e, const cz_id *id, bool written, uint8_t *ret, cz_error *err)
{
    uint8_t i = 0;

    if (!e)
        return czi_nomem(err, "an effect");
    if (e->is_open)
        return czi_fail(err, CZ_INVALID, "an effect with a call names no other resource");
    while (i < e->access_count && !czi_id_equal(&e->accesses[i].id, id))
        i++;
    if (i == CZI_ACCESSES_MAX)
        return czi_fail(err, CZ_LIMIT, "an effect has at most %d accesses", CZI_ACCESSES_MAX);
    if (i == e->access_count)
        e->accesses[e->access_count++] = (struct czi_builder_access){*id, false};
    e->accesses[i].written |= written;
    e->encoded = false;
    *ret = i;
    return CZ_OK;
}

int cz_effect_access(cz_effect *e, const cz_id *resource, enum cz_access mode, cz_error *err)
{
    uint8_t i;

    return czi_builder_use(e, resource, mode == CZ_WRITE, &i, err);
}

size_t czi_builder_keep(cz_effect *e, const void *data, size_t len)
{
    size_t at = e->bytes.len;

    czi_buf_put(&e->bytes, data, len);
    return at;
}

int czi_builder_add(cz_effect *e, const struct czi_builder_op *op, cz_error *err)
{
    if (e->ops.len / sizeof *op >= CZI_OPERATIONS_MAX)
        return czi_fail(err, CZ_LIMIT, "an effect has at most %d operations",
                        CZI_OPERATIONS_MAX);
    if (!e->bytes.failed)
        czi_buf_put(&e->ops, op, sizeof *op);
    e->encoded = false;
    if (!e->ops.failed && !e->bytes.failed)
        return CZ_OK;
    /* Both hold whole operations only, so the caller may go on, or try again. */
    e->ops.failed = e->bytes.failed = false;
    return czi_nomem(err, "an operation");
}

static int check_text(const char *what, const char *text, struct czi_slice *ret, cz_error *err)
{
    const char *problem;

    if (!text)
        return czi_fail(err, CZ_INVALID, "create: %s is missing", what);
    *ret = (struct czi_slice){(const uint8_t *)text, strlen(text)};
    problem = czi_label_problem(*ret);
    if (!problem)
        return CZ_OK;
    return czi_fail(err, ret->len > CZI_LABEL_SIZE_MAX ? CZ_LIMIT : CZ_INVALID, "create: %s %s",
                    what, problem);
}

static int check_data(const char *what, size_t len, cz_error *err)
{
    if (len <= CZI_DATA_SIZE_MAX)
        return CZ_OK;
    return czi_fail(err, CZ_LIMIT, "%s: %zu bytes of data, at most %u are allowed", what, len,
                    CZI_DATA_SIZE_MAX);
}

static int check_creation(const cz_creation *c, struct czi_op *op, cz_error *err)
{
    int rc = check_text("label", c->label, &op->label, err);

    if (!rc && (unsigned)c->kind > CZI_KIND_LAST)
        rc = czi_fail(err, CZ_INVALID, "create: there is no kind %d", (int)c->kind);
    if (!rc && !czi_kind_has_data(c->kind))
        rc = check_text("asset", c->asset, &op->asset, err);
    if (!rc && czi_kind_has_data(c->kind) && c->asset)
        rc = czi_fail(err, CZ_INVALID, "create: what holds data has no asset");
    if (!rc && c->kind != CZ_FUNGIBLE && c->quantity != 0)
        rc = czi_fail(err, CZ_INVALID, "create: only a fungible starts with a quantity");
    if (!rc && c->quantity < 0)
        rc = czi_fail(err, CZ_INVALID, "create: the quantity is negative");
    if (!rc && !czi_kind_has_data(c->kind) && c->data_len)
        rc = czi_fail(err, CZ_INVALID, "create: a resource with an asset has no data");
    return rc ? rc : check_data("create", c->data_len, err);
}

int cz_effect_create(cz_effect *e, const cz_creation *c, cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_CREATE, .kind = (uint8_t)c->kind}};
    cz_id id;
    int rc = check_creation(c, &p.op, err);

    if (rc)
        return rc;
    id = czi_identity_id(&c->creator, p.op.label);
    rc = czi_builder_use(e, &id, true, &p.op.a, err);
    if (rc)
        return rc;
    p.op.quantity = c->quantity;
    p.op.if_absent = c->if_absent;
    p.op.data.len = c->data_len;
    p.creator = czi_builder_keep(e, &c->creator, sizeof(cz_id));
    p.controller = czi_builder_keep(e, &c->controller, sizeof(cz_id));
    p.label = czi_builder_keep(e, p.op.label.data, p.op.label.len);
    p.asset = czi_builder_keep(e, p.op.asset.data, p.op.asset.len);
    p.data = czi_builder_keep(e, c->data, c->data_len);
    return czi_builder_add(e, &p, err);
}

static int add_pair(cz_effect *e, unsigned code, const cz_id *from, const cz_id *to,
                    cz_quantity quantity, cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = (uint8_t)code, .quantity = quantity}};
    int rc;

    if (quantity < (code == CZI_OP_TRANSFER))
        return czi_fail(err, CZ_INVALID, "%s: the quantity must %s", czi_opcode_name(code),
                        code == CZI_OP_TRANSFER ? "be above zero" : "not be negative");
    rc = czi_builder_use(e, from, true, &p.op.a, err);
    if (!rc)
        rc = czi_builder_use(e, to, true, &p.op.b, err);
    return rc ? rc : czi_builder_add(e, &p, err);
}

int cz_effect_transfer(cz_effect *e, const cz_id *from, const cz_id *to, cz_quantity quantity,
                       cz_error *err)
{
    return add_pair(e, CZI_OP_TRANSFER, from, to, quantity, err);
}

int cz_effect_move(cz_effect *e, const cz_id *from, const cz_id *to, cz_quantity quantity,
                   cz_error *err)
{
    return add_pair(e, CZI_OP_MOVE, from, to, quantity, err);
}

int cz_effect_write(cz_effect *e, const cz_id *resource, const void *data, size_t len,
                    cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_WRITE, .data = {NULL, len}}};
    int rc = check_data("write", len, err);

    if (!rc)
        rc = czi_builder_use(e, resource, true, &p.op.a, err);
    if (rc)
        return rc;
    p.data = czi_builder_keep(e, data, len);
    return czi_builder_add(e, &p, err);
}

static int add_move(cz_effect *e, unsigned code, const cz_id *resource, cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = (uint8_t)code}};
    int rc = czi_builder_use(e, resource, true, &p.op.a, err);

    return rc ? rc : czi_builder_add(e, &p, err);
}

int cz_effect_lock(cz_effect *e, const cz_id *resource, cz_error *err)
{
    return add_move(e, CZI_OP_LOCK, resource, err);
}

int cz_effect_unlock(cz_effect *e, const cz_id *resource, cz_error *err)
{
    return add_move(e, CZI_OP_UNLOCK, resource, err);
}

int cz_effect_freeze(cz_effect *e, const cz_id *resource, cz_error *err)
{
    return add_move(e, CZI_OP_FREEZE, resource, err);
}

int cz_effect_unfreeze(cz_effect *e, const cz_id *resource, cz_error *err)
{
    return add_move(e, CZI_OP_UNFREEZE, resource, err);
}

int cz_effect_consume(cz_effect *e, const cz_id *resource, cz_error *err)
{
    return add_move(e, CZI_OP_CONSUME, resource, err);
}

int cz_effect_archive(cz_effect *e, const cz_id *resource, cz_error *err)
{
    return add_move(e, CZI_OP_ARCHIVE, resource, err);
}

int cz_effect_require(cz_effect *e, const cz_id *resource, const cz_requirement *r,
                      cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_REQUIRE, .requirement = *r}};
    int rc;

    if (!r->has_state && !r->has_version && !r->has_quantity)
        return czi_fail(err, CZ_INVALID, "require: a state, a version or a quantity is needed");
    if (r->has_state && (unsigned)r->state > CZ_ARCHIVED)
        return czi_fail(err, CZ_INVALID, "require: there is no state %d", (int)r->state);
    rc = czi_builder_use(e, resource, false, &p.op.a, err);
    return rc ? rc : czi_builder_add(e, &p, err);
}

static int check_terms(const cz_dependency *d, cz_error *err)
{
    size_t len = d->purpose ? strlen(d->purpose) : 1;

    if ((unsigned)d->policy > CZ_AT_LEAST_HEIGHT)
        return czi_fail(err, CZ_INVALID, "depend: there is no policy %d", (int)d->policy);
    if ((unsigned)d->finality > CZ_FINAL)
        return czi_fail(err, CZ_INVALID, "depend: there is no finality %d", (int)d->finality);
    if ((d->depth != 0) != (d->finality == CZ_DEPTH))
        return czi_fail(err, CZ_INVALID,
                        "depend: a depth is needed with finality depth, and with no other");
    if (len == 0 || len > CZI_PURPOSE_SIZE_MAX)
        return czi_fail(err, len ? CZ_LIMIT : CZ_INVALID,
                        "depend: a purpose has 1 to CZI_PURPOSE_SIZE_MAX (%d) bytes",
                        CZI_PURPOSE_SIZE_MAX);
    if (d->purpose && !czi_utf8_valid(d->purpose, len))
        return czi_fail(err, CZ_INVALID, "depend: the purpose is not UTF-8");
    return CZ_OK;
}

/* A fact that is cited again is asked for what was said last. */
int cz_effect_depend(cz_effect *e, const cz_dependency *d, cz_error *err)
{
    struct czi_builder_citation c = {.fact = d->fact,
                                     .terms = {.policy = (uint8_t)d->policy,
                                               .finality = (uint8_t)d->finality,
                                               .optional = d->optional,
                                               .has_max_age = d->has_max_age,
                                               .depth = d->depth,
                                               .max_age = d->has_max_age ? d->max_age : 0}};
    uint8_t i = 0;
    int rc = check_terms(d, err);

    if (!e)
        return czi_nomem(err, "an effect");
    while (i < e->fact_count && !czi_id_equal(&e->facts[i].fact, &d->fact))
        i++;
    if (!rc && i == CZI_CITATIONS_MAX)
        rc = czi_fail(err, CZ_LIMIT, "an effect has at most %d cited facts", CZI_CITATIONS_MAX);
    if (rc)
        return rc;
    if (d->purpose) {
        c.terms.purpose.len = strlen(d->purpose);
        c.purpose = czi_builder_keep(e, d->purpose, c.terms.purpose.len);
        if (e->bytes.failed) {
            e->bytes.failed = false;
            return czi_nomem(err, "a purpose");
        }
    }
    e->facts[i] = c;
    e->fact_count = CZI_MAX(e->fact_count, (uint8_t)(i + 1));
    e->encoded = false;
    return CZ_OK;
}

int cz_effect_cite(cz_effect *e, const cz_id *fact, cz_error *err)
{
    cz_dependency d = {.fact = *fact, .policy = CZ_STILL_TRUE};

    return cz_effect_depend(e, &d, err);
}

int cz_effect_follow(cz_effect *e, const cz_id *effect, cz_error *err)
{
    if (!e)
        return czi_nomem(err, "an effect");
    for (uint8_t i = 0; i < e->after_count; i++)
        if (czi_id_equal(&e->after[i], effect))
            return CZ_OK;
    if (e->after_count == CZI_CITATIONS_MAX)
        return czi_fail(err, CZ_LIMIT, "an effect has at most %d predecessors",
                        CZI_CITATIONS_MAX);
    e->after[e->after_count++] = *effect;
    e->encoded = false;
    return CZ_OK;
}

void cz_effect_set_program(cz_effect *e, const cz_id *program, uint32_t task)
{
    e->program = *program;
    e->task = task;
    e->has_program = true;
    e->encoded = false;
}

void cz_effect_set_time(cz_effect *e, const cz_id *snapshot)
{
    static const cz_id none;

    e->time = *snapshot;
    e->has_time = !czi_id_equal(snapshot, &none);
    e->encoded = false;
}

int cz_effect_add_signature(cz_effect *e, const uint8_t key[32], const uint8_t signature[64],
                            cz_error *err)
{
    uint8_t i = 0;

    while (i < e->signature_count && memcmp(e->signatures[i], key, 32) < 0)
        i++;
    if (i == e->signature_count || memcmp(e->signatures[i], key, 32) != 0) {
        if (e->signature_count == CZI_SIGNATURES_MAX)
            return czi_fail(err, CZ_LIMIT, "an effect has at most %u signatures",
                            CZI_SIGNATURES_MAX);
        memmove(e->signatures[i + 1], e->signatures[i],
                (size_t)(e->signature_count - i) * CZI_SIGNER_SIZE);
        e->signature_count++;
    }
    memcpy(e->signatures[i], key, 32);
    memcpy(e->signatures[i] + 32, signature, 64);
    e->encoded = false;
    return CZ_OK;
}

int cz_effect_sign(cz_effect *e, const uint8_t seed[32], cz_error *err)
{
    uint8_t key[CZI_PUBLIC_SIZE], signature[CZI_SIGNATURE_SIZE];
    cz_id id;
    int rc = cz_effect_signing_id(e, &id, err);

    if (rc)
        return rc;
    czi_ed25519_public(seed, key);
    czi_ed25519_sign(seed, &id, sizeof id, signature);
    return cz_effect_add_signature(e, key, signature, err);
}

/* ---- Authority, the program's log, the gateway ----------------------------------------------
 */

int cz_effect_use(cz_effect *e, const cz_id *capability, enum cz_access mode, cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_USE}};
    int rc = czi_builder_use(e, capability, mode == CZ_WRITE, &p.op.a, err);

    return rc ? rc : czi_builder_add(e, &p, err);
}

/* The first operation, whenever it is added. */
int cz_effect_note(cz_effect *e, const void *data, size_t len, cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_NOTE, .data = {NULL, len}}}, first;
    int rc = check_data("note", len, err);

    if (!e)
        rc = czi_nomem(err, "an effect");
    if (!rc && e->ops.len) {
        memcpy(&first, e->ops.data, sizeof first);
        if (first.op.code == CZI_OP_NOTE)
            rc = czi_fail(err, CZ_INVALID, "note: the effect has one");
    }
    if (rc)
        return rc;
    p.data = czi_builder_keep(e, data, len);
    rc = czi_builder_add(e, &p, err);
    if (rc)
        return rc;
    memmove(e->ops.data + sizeof p, e->ops.data, e->ops.len - sizeof p);
    memcpy(e->ops.data, &p, sizeof p);
    return CZ_OK;
}

static int keep_text(cz_effect *e, const char *what, const char *text, size_t max,
                     struct czi_builder_op *p, cz_error *err)
{
    size_t len = text ? strlen(text) : 0;

    if (!e)
        return czi_nomem(err, "an effect");
    if (len == 0 || len > max)
        return czi_fail(err, len ? CZ_LIMIT : CZ_INVALID, "%s has 1 to %zu bytes", what, max);
    if (!czi_utf8_valid(text, len))
        return czi_fail(err, CZ_INVALID, "%s is not UTF-8", what);
    p->op.text.len = len;
    p->text = czi_builder_keep(e, text, len);
    return CZ_OK;
}

int cz_effect_when(cz_effect *e, const char *domain, uint64_t not_before, uint64_t not_after,
                   cz_error *err)
{
    struct czi_builder_op p = {
        .op = {.code = CZI_OP_WHEN, .not_before = not_before, .not_after = not_after}};
    int rc = CZ_OK;

    if (not_after < not_before)
        rc = czi_fail(err, CZ_INVALID, "when: the time ends before it begins");
    if (!rc)
        rc = keep_text(e, "when: a domain", domain, CZI_DOMAIN_SIZE_MAX, &p, err);
    return rc ? rc : czi_builder_add(e, &p, err);
}

/* An operation that names a fact has it cited, with the terms that were given before or plain
 * ones. */
static int cite_for(cz_effect *e, const cz_id *fact, struct czi_builder_op *p, cz_error *err)
{
    p->fact = *fact;
    for (uint8_t i = 0; i < e->fact_count; i++)
        if (czi_id_equal(&e->facts[i].fact, fact))
            return CZ_OK;
    return cz_effect_cite(e, fact, err);
}

int cz_effect_deposit(cz_effect *e, const cz_id *to, const cz_id *fact, cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_DEPOSIT}};
    int rc = czi_builder_use(e, to, true, &p.op.a, err);

    if (!rc)
        rc = cite_for(e, fact, &p, err);
    return rc ? rc : czi_builder_add(e, &p, err);
}

int cz_effect_withdraw(cz_effect *e, const cz_id *from, const cz_id *outbox,
                       const cz_id *reserve, cz_quantity quantity, const char *destination,
                       cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_WITHDRAW, .quantity = quantity}};
    int rc = CZ_OK;

    if (quantity <= 0)
        return czi_fail(err, CZ_INVALID, "withdraw: the quantity must be above zero");
    rc = keep_text(e, "withdraw: a destination", destination, CZ_DESTINATION_SIZE_MAX, &p, err);
    if (!rc && czi_destination_problem(
                   (struct czi_slice){(const uint8_t *)destination, strlen(destination)}))
        rc = czi_fail(err, CZ_INVALID, "withdraw: a destination has a control character");
    if (!rc)
        rc = czi_builder_use(e, from, true, &p.op.a, err);
    if (!rc)
        rc = czi_builder_use(e, outbox, true, &p.op.b, err);
    if (!rc)
        rc = czi_builder_use(e, reserve, true, &p.op.c, err);
    return rc ? rc : czi_builder_add(e, &p, err);
}

int cz_effect_confirm(cz_effect *e, const cz_id *outbox, const cz_id *reserve,
                      const cz_id *fact, cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_CONFIRM}};
    int rc = czi_builder_use(e, outbox, true, &p.op.a, err);

    if (!rc)
        rc = czi_builder_use(e, reserve, true, &p.op.b, err);
    if (!rc)
        rc = cite_for(e, fact, &p, err);
    return rc ? rc : czi_builder_add(e, &p, err);
}

int cz_effect_release(cz_effect *e, const cz_id *outbox, const cz_id *reserve, const cz_id *to,
                      const cz_id *fact, cz_error *err)
{
    struct czi_builder_op p = {.op = {.code = CZI_OP_RELEASE}};
    int rc = czi_builder_use(e, outbox, true, &p.op.a, err);

    if (!rc)
        rc = czi_builder_use(e, reserve, true, &p.op.b, err);
    if (!rc)
        rc = czi_builder_use(e, to, true, &p.op.c, err);
    if (!rc)
        rc = cite_for(e, fact, &p, err);
    return rc ? rc : czi_builder_add(e, &p, err);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(cz_id));
}

/* Writes the declared accesses in canonical order; number[i] becomes the place of access i. */
static void put_accesses(cz_effect *e, struct czi_buf *b, uint8_t number[CZI_ACCESSES_MAX])
{
    uint8_t order[CZI_ACCESSES_MAX] = {0};
    unsigned writes = 0;

    for (uint8_t i = 0; i < e->access_count; i++) {
        uint8_t at = i;

        /* Insertion sort: written first, then by id. At most 64, mostly two. */
        for (; at > 0; at--) {
            const struct czi_builder_access *x = &e->accesses[order[at - 1]],
                                            *y = &e->accesses[i];
            bool before =
                x->written != y->written ? x->written : compare_ids(&x->id, &y->id) < 0;

            if (before)
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
        writes += e->accesses[i].written;
    }
    czi_cbor_add_head(b, 4, writes);
    for (unsigned i = 0; i < e->access_count; i++) {
        if (i == writes)
            czi_cbor_add_head(b, 4, e->access_count - writes);
        czi_cbor_add_string(b, CZI_CBOR_BYTES, &e->accesses[order[i]].id, sizeof(cz_id));
        number[order[i]] = (uint8_t)i;
    }
    if (writes == e->access_count)
        czi_cbor_add_head(b, 4, 0);
}

/* Among the cited facts in canonical order. */
static uint8_t fact_place(const cz_effect *e, const cz_id *fact)
{
    uint8_t place = 0;

    for (uint8_t i = 0; i < e->fact_count; i++)
        place = (uint8_t)(place + (compare_ids(&e->facts[i].fact, fact) < 0));
    return place;
}

/* An operation whose places, if it has any, are still numbers in order of first mention. */
static void put_op(const cz_effect *e, struct czi_buf *b, struct czi_builder_op *p,
                   const uint8_t number[CZI_ACCESSES_MAX])
{
    CZI_AUTOBUF places = {0};

    for (unsigned i = 0; i < p->op.place_count; i++)
        czi_op_add_place(&places, number[e->bytes.data[p->places + i]]);
    p->op.places = czi_buf_slice(&places);
    czi_op_put(b, &p->op);
    b->failed |= places.failed;
}

static void put_ops(cz_effect *e, struct czi_buf *b, const uint8_t number[CZI_ACCESSES_MAX])
{
    size_t count = e->ops.len / sizeof(struct czi_builder_op);

    czi_cbor_add_head(b, 4, count);
    for (size_t i = 0; i < count; i++) {
        struct czi_builder_op p;

        memcpy(&p, e->ops.data + i * sizeof p, sizeof p);
        p.op.a = number[p.op.a];
        p.op.b = number[p.op.b];
        p.op.c = number[p.op.c];
        p.op.fact = fact_place(e, &p.fact);
        p.op.text.data = e->bytes.data + p.text;
        p.op.data.data = e->bytes.data + p.data;
        p.op.label.data = e->bytes.data + p.label;
        p.op.asset.data = e->bytes.data + p.asset;
        p.op.creator = e->bytes.data + p.creator;
        p.op.controller = e->bytes.data + p.controller;
        p.op.code_id = e->bytes.data + p.code_id;
        put_op(e, b, &p, number);
    }
}

static void put_link(struct czi_buf *b, const cz_id *id)
{
    uint8_t *p = czi_buf_reserve(b, CZI_CBOR_LINK_SIZE);

    if (p)
        b->len = (size_t)(czi_cbor_put_link(p, id) - b->data);
}

/* The fact's id is the first member, as in a list of ids. */
static void put_citations(cz_effect *e, struct czi_buf *b)
{
    qsort(e->facts, e->fact_count, sizeof e->facts[0], compare_ids);
    czi_cbor_add_head(b, 4, e->fact_count);
    for (uint8_t i = 0; i < e->fact_count; i++)
        put_link(b, &e->facts[i].fact);
    qsort(e->after, e->after_count, sizeof e->after[0], compare_ids);
    czi_cbor_add_head(b, 4, e->after_count);
    for (uint8_t i = 0; i < e->after_count; i++)
        put_link(b, &e->after[i]);
}

static bool has_terms(const cz_effect *e)
{
    for (uint8_t i = 0; i < e->fact_count; i++) {
        const struct czi_terms *t = &e->facts[i].terms;

        if (t->policy != CZ_STILL_TRUE || t->optional || t->finality != CZ_SEEN ||
            t->has_max_age || t->purpose.len)
            return true;
    }
    return false;
}

static void put_null(struct czi_buf *b)
{
    czi_buf_put_byte(b, 0xf6);
}

static void put_terms(const cz_effect *e, struct czi_buf *b,
                      const struct czi_builder_citation *c)
{
    const struct czi_terms *t = &c->terms;

    czi_cbor_add_head(b, 4, 6);
    czi_cbor_add_head(b, 0, t->policy);
    czi_buf_put_byte(b, t->optional ? 0xf5 : 0xf4);
    czi_cbor_add_head(b, 0, t->finality);
    czi_cbor_add_head(b, 0, t->depth);
    if (t->has_max_age)
        czi_cbor_add_head(b, 0, t->max_age);
    else
        put_null(b);
    if (t->purpose.len)
        czi_cbor_add_string(b, CZI_CBOR_TEXT, e->bytes.data + c->purpose, t->purpose.len);
    else
        put_null(b);
}

/* What the full and open forms have more. */
static void put_full(const cz_effect *e, struct czi_buf *b)
{
    unsigned terms = has_terms(e) ? e->fact_count : 0;

    czi_cbor_add_head(b, 4, terms);
    for (unsigned i = 0; i < terms; i++)
        put_terms(e, b, &e->facts[i]);
    if (e->has_time)
        put_link(b, &e->time);
    else
        put_null(b);
    if (!e->has_program) {
        put_null(b);
        return;
    }
    czi_cbor_add_head(b, 4, 2);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &e->program, sizeof(cz_id));
    czi_cbor_add_head(b, 0, e->task);
}

static void write_canonical(cz_effect *e, struct czi_buf *b, bool with_signature)
{
    uint8_t number[CZI_ACCESSES_MAX] = {0};
    bool full = e->has_time || e->has_program || has_terms(e);

    czi_cbor_add_head(b, 4, e->is_open ? 11 : full ? 13 : 10);
    czi_cbor_add_head(b, 0,
                      e->is_open ? CZI_TAG_EFFECT_OPEN
                      : full     ? CZI_TAG_EFFECT_FULL
                                 : CZI_TAG_EFFECT);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &e->origin, sizeof(cz_id));
    czi_cbor_add_head(b, 0, e->nonce);
    czi_cbor_add_head(b, 0, e->priority);
    if (!e->is_open)
        put_accesses(e, b, number);
    put_ops(e, b, number);
    put_citations(e, b);
    if (full || e->is_open)
        put_full(e, b);
    if (with_signature && e->signature_count) {
        czi_cbor_add_head(b, 2, (size_t)e->signature_count * CZI_SIGNER_SIZE);
        czi_buf_put(b, e->signatures, (size_t)e->signature_count * CZI_SIGNER_SIZE);
    } else {
        put_null(b);
    }
}

int cz_effect_encode(cz_effect *e, const uint8_t **ret, size_t *ret_len, cz_error *err)
{
    struct czi_effect_view view;
    int rc;

    if (!e)
        return czi_nomem(err, "an effect");
    if (!e->encoded) {
        e->canonical.len = 0;
        e->canonical.failed = false;
        write_canonical(e, &e->canonical, true);
        if (e->canonical.failed)
            return czi_nomem(err, "an effect's canonical bytes");
        /* What the builder lets through and a decoder would not (no operation, a priority out
         * of range, too many bytes in all) is found here. */
        rc = czi_effect_view(e->canonical.data, e->canonical.len, &view, err);
        if (rc)
            return rc;
        e->encoded = true;
    }
    *ret = e->canonical.data;
    *ret_len = e->canonical.len;
    return CZ_OK;
}

int cz_effect_id(cz_effect *e, cz_id *ret, cz_error *err)
{
    const uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = cz_effect_encode(e, &bytes, &len, err);

    if (!rc)
        czi_blake3(bytes, len, ret->bytes);
    return rc;
}

int cz_effect_signing_id(cz_effect *e, cz_id *ret, cz_error *err)
{
    CZI_AUTOBUF b = {0};

    if (!e)
        return czi_nomem(err, "an effect");
    write_canonical(e, &b, false);
    if (b.failed)
        return czi_nomem(err, "an effect's canonical bytes");
    czi_blake3(b.data, b.len, ret->bytes);
    return CZ_OK;
}

/* Takes one decoded operation over, with its accesses already declared in canonical order. */
static int take_op(cz_effect *e, const struct czi_op *op, cz_id fact, cz_error *err)
{
    struct czi_builder_op p = {.op = *op};
    uint8_t places[CZI_ACCESSES_MAX];

    p.data = czi_builder_keep(e, op->data.data, op->data.len);
    p.label = czi_builder_keep(e, op->label.data, op->label.len);
    p.asset = czi_builder_keep(e, op->asset.data, op->asset.len);
    p.text = czi_builder_keep(e, op->text.data, op->text.len);
    p.fact = fact;
    if (op->code == CZI_OP_RUN)
        p.places = czi_builder_keep(e, places, czi_op_places(op, places));
    if (op->code == CZI_OP_CALL)
        p.code_id = czi_builder_keep(e, op->code_id, sizeof(cz_id));
    e->has_guest |= op->code == CZI_OP_RUN || op->code == CZI_OP_CALL;
    if (op->code == CZI_OP_CREATE) {
        p.creator = czi_builder_keep(e, op->creator, sizeof(cz_id));
        p.controller = czi_builder_keep(e, op->controller, sizeof(cz_id));
    }
    return czi_builder_add(e, &p, err);
}

static int take_citation(cz_effect *e, const uint8_t *b, size_t len,
                         const struct czi_effect_view *v, unsigned i, struct czi_cbor *terms,
                         cz_error *err)
{
    struct czi_builder_citation *c = &e->facts[i];

    memcpy(&c->fact, czi_effect_fact(b, v, i), sizeof(cz_id));
    c->terms = czi_effect_next_terms(b, len, v, i, terms);
    c->purpose = czi_builder_keep(e, c->terms.purpose.data, c->terms.purpose.len);
    e->fact_count = (uint8_t)(i + 1);
    if (!e->bytes.failed)
        return CZ_OK;
    e->bytes.failed = false;
    return czi_nomem(err, "a purpose");
}

static void take_rest(cz_effect *e, const uint8_t *b, size_t len,
                      const struct czi_effect_view *v)
{
    const uint8_t *time = czi_effect_time(b, len, v);
    const uint8_t *program = czi_effect_program(b, len, v, &e->task);

    e->has_time = time != NULL;
    if (time)
        memcpy(&e->time, time, sizeof e->time);
    e->has_program = program != NULL;
    if (program)
        memcpy(&e->program, program, sizeof e->program);
}

int cz_effect_decode(cz_effect *e, const void *bytes, size_t len, cz_error *err)
{
    const uint8_t *b = bytes;
    struct czi_effect_view v;
    struct czi_cbor ops;
    int rc = czi_effect_view(bytes, len, &v, err);

    if (rc)
        return rc;
    cz_effect_clear(e);
    memcpy(&e->origin, czi_effect_origin(b), sizeof(cz_id));
    e->nonce = v.nonce;
    e->priority = v.priority;
    for (unsigned i = 0; i < czi_effect_accesses(&v); i++) {
        memcpy(&e->accesses[i].id, czi_effect_access_id(b, &v, i), sizeof(cz_id));
        e->accesses[i].written = i < v.write_count;
    }
    e->access_count = (uint8_t)czi_effect_accesses(&v);
    e->is_open = v.is_open;
    ops = czi_cbor(b + v.ops, v.ops_len);
    for (unsigned i = 0; i < v.op_count && !rc; i++) {
        struct czi_op op;
        cz_id fact = {{0}};

        czi_op_next(&ops, &op);
        if (op.fact < v.fact_count)
            memcpy(&fact, czi_effect_fact(b, &v, op.fact), sizeof fact);
        rc = take_op(e, &op, fact, err);
    }
    for (unsigned i = 0; i < v.fact_count && !rc; i++)
        rc = take_citation(e, b, len, &v, i, &ops, err);
    for (unsigned i = 0; i < v.after_count; i++)
        memcpy(&e->after[i], czi_effect_after(b, &v, i), sizeof(cz_id));
    e->after_count = v.after_count;
    e->signature_count = v.signature_count;
    if (v.signature_count)
        memcpy(e->signatures, czi_effect_signer(b, len, &v, 0),
               (size_t)v.signature_count * CZI_SIGNER_SIZE);
    take_rest(e, b, len, &v);
    return rc;
}
