/* builder.c - cz_effect: collects what a proposal says, then writes its canonical bytes.
 *
 * Layer: effect. Thread: one at a time. Operations hold the number of an access in order of
 * first mention; encoding sorts the accesses and renumbers. Data and labels are copied into
 * one buffer, so that callers may free theirs.
 */
#include "base/error.h"
#include "codec/blake3.h"
#include "effect/effect.h"

#include <stdlib.h>

struct access {
    cz_id id;
    bool written;
};

/* An operation whose slices are offsets into `bytes` until it is encoded. */
struct pending_op {
    struct czi_op op;
    size_t data, label, asset, creator, controller;
};

struct cz_effect {
    cz_id origin;
    uint64_t nonce;
    uint8_t priority;
    uint8_t access_count, fact_count, after_count, signature_len;
    struct access accesses[CZI_ACCESSES_MAX];
    cz_id facts[CZI_CITATIONS_MAX], after[CZI_CITATIONS_MAX];
    uint8_t signature[CZI_SIGNATURE_SIZE_MAX];
    struct czi_buf ops; /* of struct pending_op */
    struct czi_buf bytes;
    struct czi_buf canonical;
    bool encoded;
};

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

/* The number of an access, declared now if it was not; the stronger mode wins. */
static int use(cz_effect *e, const cz_id *id, bool written, uint8_t *ret, cz_error *err)
{
    uint8_t i = 0;

    while (i < e->access_count && !czi_id_equal(&e->accesses[i].id, id))
        i++;
    if (i == CZI_ACCESSES_MAX)
        return czi_fail(err, CZ_LIMIT, "an effect has at most %d accesses", CZI_ACCESSES_MAX);
    if (i == e->access_count)
        e->accesses[e->access_count++] = (struct access){*id, false};
    e->accesses[i].written |= written;
    e->encoded = false;
    *ret = i;
    return CZ_OK;
}

int cz_effect_access(cz_effect *e, const cz_id *resource, enum cz_access mode, cz_error *err)
{
    uint8_t i;

    return use(e, resource, mode == CZ_WRITE, &i, err);
}

static size_t keep(cz_effect *e, const void *data, size_t len)
{
    size_t at = e->bytes.len;

    czi_buf_put(&e->bytes, data, len);
    return at;
}

static int add(cz_effect *e, const struct pending_op *op, cz_error *err)
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

    if (!rc && (unsigned)c->kind > CZ_DATA)
        rc = czi_fail(err, CZ_INVALID, "create: there is no kind %d", (int)c->kind);
    if (!rc && c->kind != CZ_DATA)
        rc = check_text("asset", c->asset, &op->asset, err);
    if (!rc && c->kind == CZ_DATA && c->asset)
        rc = czi_fail(err, CZ_INVALID, "create: data has no asset");
    if (!rc && c->kind != CZ_FUNGIBLE && c->quantity != 0)
        rc = czi_fail(err, CZ_INVALID, "create: only a fungible starts with a quantity");
    if (!rc && c->quantity < 0)
        rc = czi_fail(err, CZ_INVALID, "create: the quantity is negative");
    if (!rc && c->kind != CZ_DATA && c->data_len)
        rc = czi_fail(err, CZ_INVALID, "create: only data has data");
    return rc ? rc : check_data("create", c->data_len, err);
}

int cz_effect_create(cz_effect *e, const cz_creation *c, cz_error *err)
{
    struct pending_op p = {.op = {.code = CZI_OP_CREATE, .kind = (uint8_t)c->kind}};
    cz_id id;
    int rc = check_creation(c, &p.op, err);

    if (rc)
        return rc;
    id = czi_identity_id(&c->creator, p.op.label);
    rc = use(e, &id, true, &p.op.a, err);
    if (rc)
        return rc;
    p.op.quantity = c->quantity;
    p.op.if_absent = c->if_absent;
    p.op.data.len = c->data_len;
    p.creator = keep(e, &c->creator, sizeof(cz_id));
    p.controller = keep(e, &c->controller, sizeof(cz_id));
    p.label = keep(e, p.op.label.data, p.op.label.len);
    p.asset = keep(e, p.op.asset.data, p.op.asset.len);
    p.data = keep(e, c->data, c->data_len);
    return add(e, &p, err);
}

static int add_pair(cz_effect *e, unsigned code, const cz_id *from, const cz_id *to,
                    cz_quantity quantity, cz_error *err)
{
    struct pending_op p = {.op = {.code = (uint8_t)code, .quantity = quantity}};
    int rc;

    if (quantity < (code == CZI_OP_TRANSFER))
        return czi_fail(err, CZ_INVALID, "%s: the quantity must %s", czi_opcode_name(code),
                        code == CZI_OP_TRANSFER ? "be above zero" : "not be negative");
    rc = use(e, from, true, &p.op.a, err);
    if (!rc)
        rc = use(e, to, true, &p.op.b, err);
    return rc ? rc : add(e, &p, err);
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
    struct pending_op p = {.op = {.code = CZI_OP_WRITE, .data = {NULL, len}}};
    int rc = check_data("write", len, err);

    if (!rc)
        rc = use(e, resource, true, &p.op.a, err);
    if (rc)
        return rc;
    p.data = keep(e, data, len);
    return add(e, &p, err);
}

static int add_move(cz_effect *e, unsigned code, const cz_id *resource, cz_error *err)
{
    struct pending_op p = {.op = {.code = (uint8_t)code}};
    int rc = use(e, resource, true, &p.op.a, err);

    return rc ? rc : add(e, &p, err);
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
    struct pending_op p = {.op = {.code = CZI_OP_REQUIRE, .requirement = *r}};
    int rc;

    if (!r->has_state && !r->has_version && !r->has_quantity)
        return czi_fail(err, CZ_INVALID, "require: a state, a version or a quantity is needed");
    if (r->has_state && (unsigned)r->state > CZ_ARCHIVED)
        return czi_fail(err, CZ_INVALID, "require: there is no state %d", (int)r->state);
    rc = use(e, resource, false, &p.op.a, err);
    return rc ? rc : add(e, &p, err);
}

static int add_link(cz_effect *e, cz_id *list, uint8_t *count, const cz_id *id,
                    const char *what, cz_error *err)
{
    for (uint8_t i = 0; i < *count; i++)
        if (czi_id_equal(&list[i], id))
            return CZ_OK;
    if (*count == CZI_CITATIONS_MAX)
        return czi_fail(err, CZ_LIMIT, "an effect has at most %d %s", CZI_CITATIONS_MAX, what);
    list[(*count)++] = *id;
    e->encoded = false;
    return CZ_OK;
}

int cz_effect_cite(cz_effect *e, const cz_id *fact, cz_error *err)
{
    return add_link(e, e->facts, &e->fact_count, fact, "cited facts", err);
}

int cz_effect_follow(cz_effect *e, const cz_id *effect, cz_error *err)
{
    return add_link(e, e->after, &e->after_count, effect, "predecessors", err);
}

int cz_effect_set_signature(cz_effect *e, const void *signature, size_t len, cz_error *err)
{
    if (len > CZI_SIGNATURE_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "a signature has at most %u bytes",
                        CZI_SIGNATURE_SIZE_MAX);
    if (len)
        memcpy(e->signature, signature, len);
    e->signature_len = (uint8_t)len;
    e->encoded = false;
    return CZ_OK;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(cz_id));
}

/* Writes the declared accesses in canonical order; number[i] becomes the place of access i. */
static void put_accesses(cz_effect *e, struct czi_buf *b, uint8_t number[CZI_ACCESSES_MAX])
{
    uint8_t order[CZI_ACCESSES_MAX];
    unsigned writes = 0;

    for (uint8_t i = 0; i < e->access_count; i++) {
        uint8_t at = i;

        /* Insertion sort: written first, then by id. At most 64, mostly two. */
        for (; at > 0; at--) {
            const struct access *x = &e->accesses[order[at - 1]], *y = &e->accesses[i];
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

static void put_ops(cz_effect *e, struct czi_buf *b, const uint8_t number[CZI_ACCESSES_MAX])
{
    size_t count = e->ops.len / sizeof(struct pending_op);

    czi_cbor_add_head(b, 4, count);
    for (size_t i = 0; i < count; i++) {
        struct pending_op p;

        memcpy(&p, e->ops.data + i * sizeof p, sizeof p);
        p.op.a = number[p.op.a];
        p.op.b = number[p.op.b];
        p.op.data.data = e->bytes.data + p.data;
        p.op.label.data = e->bytes.data + p.label;
        p.op.asset.data = e->bytes.data + p.asset;
        p.op.creator = e->bytes.data + p.creator;
        p.op.controller = e->bytes.data + p.controller;
        czi_op_put(b, &p.op);
    }
}

static void put_links(struct czi_buf *b, cz_id *list, uint8_t count)
{
    qsort(list, count, sizeof *list, compare_ids);
    czi_cbor_add_head(b, 4, count);
    for (uint8_t i = 0; i < count; i++) {
        uint8_t *p = czi_buf_reserve(b, CZI_CBOR_LINK_SIZE);

        if (p)
            b->len = (size_t)(czi_cbor_put_link(p, &list[i]) - b->data);
    }
}

static void write_canonical(cz_effect *e, struct czi_buf *b, bool with_signature)
{
    uint8_t number[CZI_ACCESSES_MAX] = {0};

    czi_cbor_add_head(b, 4, 10);
    czi_cbor_add_head(b, 0, CZI_TAG_EFFECT);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &e->origin, sizeof(cz_id));
    czi_cbor_add_head(b, 0, e->nonce);
    czi_cbor_add_head(b, 0, e->priority);
    put_accesses(e, b, number);
    put_ops(e, b, number);
    put_links(b, e->facts, e->fact_count);
    put_links(b, e->after, e->after_count);
    if (with_signature && e->signature_len) {
        czi_cbor_add_head(b, 2, e->signature_len);
        czi_buf_put(b, e->signature, e->signature_len);
    } else {
        czi_buf_put_byte(b, 0xf6);
    }
}

int cz_effect_encode(cz_effect *e, const uint8_t **ret, size_t *ret_len, cz_error *err)
{
    struct czi_effect_view view;
    int rc;

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

    write_canonical(e, &b, false);
    if (b.failed)
        return czi_nomem(err, "an effect's canonical bytes");
    czi_blake3(b.data, b.len, ret->bytes);
    return CZ_OK;
}

/* Takes one decoded operation over, with its accesses already declared in canonical order. */
static int take_op(cz_effect *e, const struct czi_op *op, cz_error *err)
{
    struct pending_op p = {.op = *op};

    p.data = keep(e, op->data.data, op->data.len);
    p.label = keep(e, op->label.data, op->label.len);
    p.asset = keep(e, op->asset.data, op->asset.len);
    if (op->code == CZI_OP_CREATE) {
        p.creator = keep(e, op->creator, sizeof(cz_id));
        p.controller = keep(e, op->controller, sizeof(cz_id));
    }
    return add(e, &p, err);
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
    ops = czi_cbor(b + v.ops, v.ops_len);
    for (unsigned i = 0; i < v.op_count && !rc; i++) {
        struct czi_op op;

        czi_op_next(&ops, &op);
        rc = take_op(e, &op, err);
    }
    for (unsigned i = 0; i < v.fact_count; i++)
        memcpy(&e->facts[i], czi_effect_fact(b, &v, i), sizeof(cz_id));
    for (unsigned i = 0; i < v.after_count; i++)
        memcpy(&e->after[i], czi_effect_after(b, &v, i), sizeof(cz_id));
    e->fact_count = v.fact_count;
    e->after_count = v.after_count;
    e->signature_len = v.signature_len;
    memcpy(e->signature, b + len - v.signature_len, v.signature_len);
    return rc;
}
