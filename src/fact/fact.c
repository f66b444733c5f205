/* fact.c - see fact.h. */
#include "fact/fact.h"

#include "codec/blake3.h"
#include "codec/dag_cbor.h"
#include "codec/tags.h"

#define TUPLE 10
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
               f->domain.len + f->event_key.len;

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
    p = czi_cbor_put_uint(p, f->trust);
    p = f->has_header ? czi_cbor_put_link(p, &f->header) : czi_cbor_put_null(p);
    p = czi_cbor_put_array(p, f->proof_count);
    for (size_t i = 0; i < f->proof_count; i++)
        p = czi_cbor_put_bytes(p, f->proof[i].data, f->proof[i].len);
    p = czi_cbor_put_array(p, f->claim_count);
    for (size_t i = 0; i < f->claim_count; i++)
        p = put_value(p, &f->claim[i]);
    return p;
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

int czi_fact_decode(const void *bytes, size_t len, struct czi_fact *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes, len);
    uint64_t kind;
    int rc;

    if (len > CZI_FACT_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "a fact of %zu bytes; CZI_FACT_SIZE_MAX is %u", len,
                        CZI_FACT_SIZE_MAX);
    ret->domain = read_domain(&c);
    kind = czi_cbor_uint_max(&c, CZ_FACT_TRANSACTION);
    if (kind < CZ_FACT_BLOCK)
        czi_cbor_fail(&c, "a fact of an unknown kind");
    ret->kind = kind == CZ_FACT_TRANSACTION ? CZ_FACT_TRANSACTION : CZ_FACT_BLOCK;
    read_anchor(&c, ret);
    ret->finality = (enum cz_finality)czi_cbor_uint_max(&c, CZ_FINAL);
    ret->event_key = czi_cbor_bytes(&c);
    if (ret->event_key.len > CZI_EVENT_KEY_SIZE_MAX)
        czi_cbor_fail(&c, "the event key is longer than CZI_EVENT_KEY_SIZE_MAX");
    ret->trust = (enum czi_fact_trust)czi_cbor_uint_max(&c, CZI_TRUST_PINNED);
    ret->has_header = !czi_cbor_null(&c);
    ret->header = ret->has_header ? czi_cbor_link(&c) : (cz_id){0};
    ret->proof_count = read_count(&c, CZI_FACT_PROOF_ITEMS_MAX,
                                  "the proof has more items than CZI_FACT_PROOF_ITEMS_MAX");
    for (size_t i = 0; i < ret->proof_count; i++)
        ret->proof[i] = czi_cbor_bytes(&c);
    ret->claim_count = read_count(&c, CZI_FACT_CLAIM_ITEMS_MAX,
                                  "the claim has more values than CZI_FACT_CLAIM_ITEMS_MAX");
    for (size_t i = 0; i < ret->claim_count; i++)
        read_value(&c, &ret->claim[i]);
    rc = czi_cbor_end(&c, err);
    return rc == CZ_OK ? CZ_OK : czi_wrap(err, rc, "fact");
}

int czi_fact_domain(const void *bytes, size_t len, struct czi_slice *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes, len);
    struct czi_slice domain = read_domain(&c);

    if (c.what)
        return czi_wrap(err, czi_cbor_end(&c, err), "fact");
    *ret = domain;
    return CZ_OK;
}

cz_id czi_fact_id(const void *bytes, size_t len)
{
    cz_id id;

    czi_blake3(bytes, len, id.bytes);
    return id;
}
