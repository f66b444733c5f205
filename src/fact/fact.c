/* fact.c - see fact.h. */
#include "fact/fact.h"

#include "codec/blake3.h"
#include "codec/dag_cbor.h"
#include "codec/tags.h"
#include "fact/observer.h"

#define TUPLE 13
#define ANCHOR 3

/* ---- Encoding ------------------------------------------------------------------------- */

static int check_bounds(const struct czi_fact *f, cz_error *err)
{
    const struct {
        const char *limit;
        size_t is, most;
    } bounds[] = {
        {"CZI_DOMAIN_SIZE_MAX", f->domain.len, CZI_DOMAIN_SIZE_MAX},
        {"CZI_EVENT_KEY_SIZE_MAX", f->event_key.len, CZI_EVENT_KEY_SIZE_MAX},
        {"CZI_FACT_PROOF_ITEMS_MAX", f->proof_count, CZI_FACT_PROOF_ITEMS_MAX},
        {"CZI_FACT_CLAIM_ITEMS_MAX", f->claim_count, CZI_FACT_CLAIM_ITEMS_MAX},
    };

    for (size_t i = 0; i < CZI_COUNTOF(bounds); i++)
        if (bounds[i].is > bounds[i].most)
            return czi_fail(err, CZ_LIMIT, "a fact with %zu; %s is %zu", bounds[i].is,
                            bounds[i].limit, bounds[i].most);
    return CZ_OK;
}

/* An upper bound for the canonical bytes. */
static size_t size_bound(const struct czi_fact *f)
{
    size_t n = 16 * CZI_CBOR_HEAD_SIZE_MAX + CZI_CBOR_LINK_SIZE + sizeof f->block_hash +
               CZI_OBSERVER_ROOM + f->domain.len + f->event_key.len;

    for (size_t i = 0; i < f->proof_count; i++)
        n += CZI_CBOR_HEAD_SIZE_MAX + f->proof[i].len;
    for (size_t i = 0; i < f->claim_count; i++)
        n += CZI_CBOR_HEAD_SIZE_MAX + f->claim[i].bytes.len;
    return n;
}

static uint8_t *put_value(uint8_t *p, const struct czi_fact_value *v)
{
    switch (v->type) {
    case CZI_VALUE_UINT:
        return czi_cbor_put_uint(p, v->number);
    case CZI_VALUE_BYTES:
        return czi_cbor_put_bytes(p, v->bytes.data, v->bytes.len);
    case CZI_VALUE_TEXT:
        return czi_cbor_put_text(p, (const char *)v->bytes.data, v->bytes.len);
    case CZI_VALUE_NULL:
        break;
    }
    return czi_cbor_put_null(p);
}

static uint8_t *put_fact(uint8_t *p, const struct czi_fact *f)
{
    p = czi_cbor_put_array(p, TUPLE);
    p = czi_cbor_put_uint(p, CZI_TAG_FACT);
    p = czi_cbor_put_text(p, (const char *)f->domain.data, f->domain.len);
    p = czi_cbor_put_uint(p, f->kind);
    p = czi_cbor_put_array(p, ANCHOR);
    p = czi_cbor_put_uint(p, f->height);
    p = czi_cbor_put_bytes(p, f->block_hash, sizeof f->block_hash);
    p = czi_cbor_put_uint(p, f->time);
    p = czi_cbor_put_uint(p, f->finality);
    p = czi_cbor_put_bytes(p, f->event_key.data, f->event_key.len);
    p = f->has_expires ? czi_cbor_put_uint(p, f->expires) : czi_cbor_put_null(p);
    p = czi_cbor_put_uint(p, f->trust);
    p = f->has_header ? czi_cbor_put_link(p, &f->header) : czi_cbor_put_null(p);
    p = czi_cbor_put_array(p, f->proof_count);
    for (size_t i = 0; i < f->proof_count; i++)
        p = czi_cbor_put_bytes(p, f->proof[i].data, f->proof[i].len);
    p = czi_cbor_put_array(p, f->claim_count);
    for (size_t i = 0; i < f->claim_count; i++)
        p = put_value(p, &f->claim[i]);
    return czi_observer_put(p, f->has_observer, f->observer, f->signature);
}

int czi_fact_encode(const struct czi_fact *f, struct czi_buf *out, cz_error *err)
{
    uint8_t *begin;
    int rc = check_bounds(f, err);

    if (rc != CZ_OK)
        return rc;
    out->len = 0;
    begin = czi_buf_reserve(out, size_bound(f));
    if (!begin)
        return czi_nomem(err, "a fact");
    out->len = (size_t)(put_fact(begin, f) - begin);
    if (out->len > CZI_FACT_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "a fact of %zu bytes; CZI_FACT_SIZE_MAX is %u", out->len,
                        CZI_FACT_SIZE_MAX);
    return CZ_OK;
}

/* ---- Decoding ------------------------------------------------------------------------- */

/* The number of elements of an array that has room for `most`. */
static size_t read_count(struct czi_cbor *c, size_t most, const char *what)
{
    uint64_t n = czi_cbor_array(c);

    if (n <= most)
        return (size_t)n;
    czi_cbor_fail(c, what);
    return 0;
}

static void read_value(struct czi_cbor *c, struct czi_fact_value *v)
{
    *v = (struct czi_fact_value){.type = CZI_VALUE_NULL};
    switch (czi_cbor_peek(c)) {
    case CZI_CBOR_UINT:
        v->type = CZI_VALUE_UINT;
        v->number = czi_cbor_uint(c);
        break;
    case CZI_CBOR_BYTES:
        v->type = CZI_VALUE_BYTES;
        v->bytes = czi_cbor_bytes(c);
        break;
    case CZI_CBOR_TEXT:
        v->type = CZI_VALUE_TEXT;
        v->bytes = czi_cbor_text(c);
        break;
    default:
        if (!czi_cbor_null(c))
            czi_cbor_fail(c, "a claim's value is neither a number, bytes, text nor null");
    }
}

static struct czi_slice read_domain(struct czi_cbor *c)
{
    struct czi_slice domain;

    czi_cbor_array_of(c, TUPLE);
    if (czi_cbor_uint(c) != CZI_TAG_FACT)
        czi_cbor_fail(c, "not a fact");
    domain = czi_cbor_text(c);
    if (!domain.len || domain.len > CZI_DOMAIN_SIZE_MAX)
        czi_cbor_fail(c, "the domain's name is empty or longer than CZI_DOMAIN_SIZE_MAX");
    return domain;
}

static void read_anchor(struct czi_cbor *c, struct czi_fact *f)
{
    cz_id hash;

    czi_cbor_array_of(c, ANCHOR);
    f->height = czi_cbor_uint(c);
    hash = czi_cbor_bytes32(c);
    memcpy(f->block_hash, hash.bytes, sizeof f->block_hash);
    f->time = czi_cbor_uint(c);
}

static void read_kind(struct czi_cbor *c, struct czi_fact *f)
{
    uint64_t kind = czi_cbor_uint_max(c, CZ_FACT_CUSTOM);

    if (kind < CZ_FACT_BLOCK)
        czi_cbor_fail(c, "a fact of an unknown kind");
    f->kind = c->what ? CZ_FACT_BLOCK : (enum cz_fact_kind)kind;
}

/* A block's fact rests on no other one. */
static void read_header(struct czi_cbor *c, struct czi_fact *f)
{
    bool is_block = f->kind == CZ_FACT_BLOCK;

    if (czi_cbor_peek(c) == CZI_CBOR_TAG ? is_block : !is_block)
        czi_cbor_fail(c, is_block ? "a block's fact with a header"
                                  : "without a header, and no block's fact");
    f->has_header = !czi_cbor_null(c);
    f->header = f->has_header ? czi_cbor_link(c) : (cz_id){0};
}

static void read_lists(struct czi_cbor *c, struct czi_fact *f)
{
    const uint8_t *claim;

    f->proof_count = read_count(c, CZI_FACT_PROOF_ITEMS_MAX,
                                "the proof has more items than CZI_FACT_PROOF_ITEMS_MAX");
    for (size_t i = 0; i < f->proof_count; i++)
        f->proof[i] = czi_cbor_bytes(c);
    claim = c->at;
    f->claim_count = read_count(c, CZI_FACT_CLAIM_ITEMS_MAX,
                                "the claim has more values than CZI_FACT_CLAIM_ITEMS_MAX");
    for (size_t i = 0; i < f->claim_count; i++)
        read_value(c, &f->claim[i]);
    f->claim_bytes = (struct czi_slice){claim, (size_t)(c->at - claim)};
}

int czi_fact_decode(const void *bytes, size_t len, struct czi_fact *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes, len);
    int rc;

    if (len > CZI_FACT_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "a fact of %zu bytes; CZI_FACT_SIZE_MAX is %u", len,
                        CZI_FACT_SIZE_MAX);
    ret->domain = read_domain(&c);
    read_kind(&c, ret);
    read_anchor(&c, ret);
    ret->finality = (enum cz_finality)czi_cbor_uint_max(&c, CZ_FINAL);
    ret->event_key = czi_cbor_bytes(&c);
    if (ret->event_key.len > CZI_EVENT_KEY_SIZE_MAX)
        czi_cbor_fail(&c, "the event key is longer than CZI_EVENT_KEY_SIZE_MAX");
    ret->has_expires = !czi_cbor_null(&c);
    ret->expires = ret->has_expires ? czi_cbor_uint(&c) : 0;
    ret->trust = (enum czi_fact_trust)czi_cbor_uint_max(&c, CZI_TRUST_SIGNED);
    read_header(&c, ret);
    read_lists(&c, ret);
    czi_observer_read(&c, &ret->has_observer, ret->observer, ret->signature);
    rc = czi_cbor_end(&c, err);
    return rc == CZ_OK ? CZ_OK : czi_wrap(err, rc, "fact");
}

cz_id czi_fact_id(const void *bytes, size_t len)
{
    cz_id id;

    czi_blake3(bytes, len, id.bytes);
    return id;
}

int czi_fact_block(const struct czi_fact *f, struct czi_block *ret, cz_error *err)
{
    struct czi_block b = {.height = f->height, .time = f->time, .trust = (uint8_t)f->trust};

    if (f->kind != CZ_FACT_BLOCK)
        return czi_fail(err, CZ_INVALID, "the fact is no block's");
    if (f->claim_count < 1 || f->claim_count > 1 + CZI_BLOCK_ROOTS_MAX)
        return czi_fail(err, CZ_INVALID, "a block claims its parent and at most %d roots",
                        CZI_BLOCK_ROOTS_MAX);
    for (size_t i = 0; i < f->claim_count; i++) {
        const struct czi_fact_value *v = &f->claim[i];

        if (v->type != CZI_VALUE_BYTES || v->bytes.len != sizeof b.parent)
            return czi_fail(err, CZ_INVALID, "value %zu of a block's claim is no hash", i);
        memcpy(i ? b.roots[i - 1] : b.parent, v->bytes.data, sizeof b.parent);
    }
    memcpy(b.hash, f->block_hash, sizeof b.hash);
    b.root_count = (uint8_t)(f->claim_count - 1);
    *ret = b;
    return CZ_OK;
}
