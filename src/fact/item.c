/* item.c - see item.h. */
#include "fact/item.h"

#include "codec/dag_cbor.h"
#include "codec/ed25519.h"
#include "codec/tags.h"
#include "fact/observer.h"

enum { RETRACTION_TUPLE = 7, DOMAIN_TUPLE = 7, POLICY_TUPLE = 4, DECISION_TUPLE = 5 };

static const uint8_t tags[] = {[CZI_ITEM_FACT] = CZI_TAG_FACT,
                               [CZI_ITEM_RETRACTION] = CZI_TAG_RETRACTION,
                               [CZI_ITEM_DOMAIN] = CZI_TAG_DOMAIN,
                               [CZI_ITEM_DECISION] = CZI_TAG_DECISION};

/* ---- Encoding ------------------------------------------------------------------------- */

static int check_size(const char *limit, size_t is, size_t most, cz_error *err)
{
    return is <= most ? CZ_OK
                      : czi_fail(err, CZ_LIMIT, "an item with %zu; %s is %zu", is, limit, most);
}
#define CHECK_SIZE(limit, is, err) check_size(#limit, (is), (limit), (err))

static int check_text(const char *what, struct czi_slice text, cz_error *err)
{
    return czi_utf8_valid(text.data, text.len)
               ? CZ_OK
               : czi_fail(err, CZ_INVALID, "the %s is not UTF-8", what);
}

static int check_retraction(const struct czi_retraction *r, cz_error *err)
{
    size_t size = 0;
    int rc = CHECK_SIZE(CZI_EVIDENCE_ITEMS_MAX, r->evidence_count, err);

    if (!rc)
        rc = CHECK_SIZE(CZI_NOTE_SIZE_MAX, r->note.len, err);
    if (!rc)
        rc = check_text("note", r->note, err);
    for (size_t i = 0; !rc && i < r->evidence_count; i++) {
        size += r->evidence[i].len;
        rc = CHECK_SIZE(CZI_FACT_SIZE_MAX, size, err);
    }
    return rc;
}

static int check_domain(const struct czi_domain_item *d, cz_error *err)
{
    int rc = CHECK_SIZE(CZI_OBSERVERS_MAX, d->observer_count, err);

    if (!rc)
        rc = CHECK_SIZE(CZI_DOMAIN_PARAMETERS_MAX, d->parameters.len, err);
    if (!rc)
        rc = CHECK_SIZE(CZI_DOMAIN_SIZE_MAX, d->adapter.len, err);
    if (!rc && !d->adapter.len)
        rc = czi_fail(err, CZ_INVALID, "the adapter's name is empty");
    if (!rc)
        rc = check_text("adapter's name", d->adapter, err);
    for (uint32_t i = 1; !rc && i < d->observer_count; i++)
        if (memcmp(d->observers[i - 1], d->observers[i], CZI_PUBLIC_SIZE) >= 0)
            rc = czi_fail(err, CZ_INVALID, "the observers do not ascend");
    return rc;
}

static int check_item(const struct czi_item *item, cz_error *err)
{
    int rc = CHECK_SIZE(CZI_DOMAIN_SIZE_MAX, item->domain.len, err);

    if (!rc && !item->domain.len)
        rc = czi_fail(err, CZ_INVALID, "the domain's name is empty");
    if (!rc)
        rc = check_text("domain's name", item->domain, err);
    if (rc)
        return rc;
    switch (item->type) {
    case CZI_ITEM_RETRACTION:
        return check_retraction(&item->retraction, err);
    case CZI_ITEM_DOMAIN:
        return check_domain(&item->config, err);
    case CZI_ITEM_DECISION:
        rc = CHECK_SIZE(CZI_NOTE_SIZE_MAX, item->decision.note.len, err);
        return rc ? rc : check_text("note", item->decision.note, err);
    case CZI_ITEM_FACT:
        break;
    }
    return CZ_OK;
}

/* An upper bound for the canonical bytes. */
static size_t size_bound(const struct czi_item *item)
{
    size_t n = 16 * CZI_CBOR_HEAD_SIZE_MAX + 2 * CZI_CBOR_LINK_SIZE + CZI_OBSERVER_ROOM +
               CZI_DOMAIN_SIZE_MAX + CZI_NOTE_SIZE_MAX;

    if (item->type == CZI_ITEM_RETRACTION)
        for (size_t i = 0; i < item->retraction.evidence_count; i++)
            n += CZI_CBOR_HEAD_SIZE_MAX + item->retraction.evidence[i].len;
    if (item->type == CZI_ITEM_DOMAIN)
        n += CZI_DOMAIN_SIZE_MAX + item->config.parameters.len +
             item->config.observer_count * (CZI_CBOR_HEAD_SIZE_MAX + CZI_PUBLIC_SIZE);
    return n;
}

static uint8_t *put_text(uint8_t *p, struct czi_slice text)
{
    return czi_cbor_put_text(p, (const char *)text.data, text.len);
}

static uint8_t *put_retraction(uint8_t *p, const struct czi_retraction *r)
{
    p = czi_cbor_put_link(p, &r->fact);
    p = put_text(p, r->note);
    p = czi_cbor_put_array(p, r->evidence_count);
    for (size_t i = 0; i < r->evidence_count; i++)
        p = czi_cbor_put_bytes(p, r->evidence[i].data, r->evidence[i].len);
    return czi_observer_put(p, r->has_observer, r->observer, r->signature);
}

static uint8_t *put_domain(uint8_t *p, const struct czi_domain_item *d)
{
    p = czi_cbor_put_uint(p, d->sequence);
    p = put_text(p, d->adapter);
    p = czi_cbor_put_bytes(p, d->parameters.data, d->parameters.len);
    p = czi_cbor_put_array(p, POLICY_TUPLE);
    p = czi_cbor_put_uint(p, d->policy.safe_depth);
    p = czi_cbor_put_uint(p, d->policy.final_depth);
    p = czi_cbor_put_uint(p, d->policy.record_depth);
    p = czi_cbor_put_uint(p, d->policy.record_finality);
    p = czi_cbor_put_array(p, d->observer_count);
    for (uint32_t i = 0; i < d->observer_count; i++)
        p = czi_cbor_put_bytes(p, d->observers[i], CZI_PUBLIC_SIZE);
    return p;
}

static uint8_t *put_item(uint8_t *p, const struct czi_item *item)
{
    static const uint8_t tuples[] = {[CZI_ITEM_RETRACTION] = RETRACTION_TUPLE,
                                     [CZI_ITEM_DOMAIN] = DOMAIN_TUPLE,
                                     [CZI_ITEM_DECISION] = DECISION_TUPLE};

    p = czi_cbor_put_array(p, tuples[item->type]);
    p = czi_cbor_put_uint(p, tags[item->type]);
    p = put_text(p, item->domain);
    if (item->type == CZI_ITEM_RETRACTION)
        return put_retraction(p, &item->retraction);
    if (item->type == CZI_ITEM_DOMAIN)
        return put_domain(p, &item->config);
    p = czi_cbor_put_link(p, &item->decision.keep);
    p = czi_cbor_put_link(p, &item->decision.drop);
    return put_text(p, item->decision.note);
}

int czi_item_encode(const struct czi_item *item, struct czi_buf *out, cz_error *err)
{
    uint8_t *begin;
    int rc;

    if (item->type == CZI_ITEM_FACT)
        return czi_fact_encode(&item->fact, out, err);
    rc = check_item(item, err);
    if (rc)
        return rc;
    out->len = 0;
    begin = czi_buf_reserve(out, size_bound(item));
    if (!begin)
        return czi_nomem(err, "an item");
    out->len = (size_t)(put_item(begin, item) - begin);
    return CHECK_SIZE(CZI_FACT_SIZE_MAX, out->len, err);
}

/* ---- Decoding ------------------------------------------------------------------------- */

static struct czi_slice read_text(struct czi_cbor *c, size_t most, const char *what)
{
    struct czi_slice text = czi_cbor_text(c);

    if (text.len > most)
        czi_cbor_fail(c, what);
    return text;
}

static void read_retraction(struct czi_cbor *c, struct czi_retraction *r)
{
    uint64_t count;

    r->fact = czi_cbor_link(c);
    r->note = read_text(c, CZI_NOTE_SIZE_MAX, "the note is longer than CZI_NOTE_SIZE_MAX");
    count = czi_cbor_array(c);
    if (count > CZI_EVIDENCE_ITEMS_MAX) {
        czi_cbor_fail(c, "more evidence than CZI_EVIDENCE_ITEMS_MAX");
        count = 0;
    }
    r->evidence_count = (size_t)count;
    for (size_t i = 0; i < r->evidence_count; i++)
        r->evidence[i] = czi_cbor_bytes(c);
    czi_observer_read(c, &r->has_observer, r->observer, r->signature);
}

void czi_item_read_observers(struct czi_cbor *c, struct czi_domain_item *d)
{
    uint64_t count = czi_cbor_array(c);

    if (count > CZI_OBSERVERS_MAX) {
        czi_cbor_fail(c, "more observers than CZI_OBSERVERS_MAX");
        count = 0;
    }
    d->observer_count = (uint32_t)count;
    for (uint32_t i = 0; i < d->observer_count; i++) {
        cz_id key = czi_cbor_bytes32(c);

        memcpy(d->observers[i], key.bytes, sizeof key.bytes);
        if (i && memcmp(d->observers[i - 1], d->observers[i], sizeof key.bytes) >= 0)
            czi_cbor_fail(c, "the observers do not ascend");
    }
}

static void read_domain(struct czi_cbor *c, struct czi_domain_item *d)
{
    d->sequence = czi_cbor_uint(c);
    d->adapter = read_text(c, CZI_DOMAIN_SIZE_MAX,
                           "the adapter's name is longer than CZI_DOMAIN_SIZE_MAX");
    if (!d->adapter.len)
        czi_cbor_fail(c, "the adapter's name is empty");
    d->parameters = czi_cbor_bytes(c);
    if (d->parameters.len > CZI_DOMAIN_PARAMETERS_MAX)
        czi_cbor_fail(c, "more parameters than CZI_DOMAIN_PARAMETERS_MAX");
    czi_cbor_array_of(c, POLICY_TUPLE);
    d->policy.safe_depth = czi_cbor_uint(c);
    d->policy.final_depth = czi_cbor_uint(c);
    d->policy.record_depth = czi_cbor_uint(c);
    d->policy.record_finality = (enum cz_finality)czi_cbor_uint_max(c, CZ_FINAL);
    czi_item_read_observers(c, d);
}

static void read_decision(struct czi_cbor *c, struct czi_decision *d)
{
    d->keep = czi_cbor_link(c);
    d->drop = czi_cbor_link(c);
    d->note = read_text(c, CZI_NOTE_SIZE_MAX, "the note is longer than CZI_NOTE_SIZE_MAX");
}

static void read_rest(struct czi_cbor *c, uint64_t count, struct czi_item *item)
{
    static const uint8_t tuples[] = {[CZI_ITEM_FACT] = 0,
                                     [CZI_ITEM_RETRACTION] = RETRACTION_TUPLE,
                                     [CZI_ITEM_DOMAIN] = DOMAIN_TUPLE,
                                     [CZI_ITEM_DECISION] = DECISION_TUPLE};

    if (count != tuples[item->type])
        czi_cbor_fail(c, "the tuple has another number of values");
    item->domain = read_text(c, CZI_DOMAIN_SIZE_MAX,
                             "the domain's name is longer than CZI_DOMAIN_SIZE_MAX");
    if (!item->domain.len)
        czi_cbor_fail(c, "the domain's name is empty");
    if (item->type == CZI_ITEM_RETRACTION)
        read_retraction(c, &item->retraction);
    else if (item->type == CZI_ITEM_DOMAIN)
        read_domain(c, &item->config);
    else
        read_decision(c, &item->decision);
}

int czi_item_decode(const void *bytes, size_t len, struct czi_item *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes, len);
    uint64_t count = czi_cbor_array(&c), tag = czi_cbor_uint(&c);
    unsigned type = 0;
    int rc;

    if (len > CZI_FACT_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "an item of %zu bytes; CZI_FACT_SIZE_MAX is %u", len,
                        CZI_FACT_SIZE_MAX);
    while (type < CZI_COUNTOF(tags) && tags[type] != tag)
        type++;
    if (c.what || type == CZI_COUNTOF(tags)) {
        czi_cbor_fail(&c, "neither a fact nor a retraction, domain or decision");
        return czi_wrap(err, czi_cbor_end(&c, err), "item");
    }
    ret->type = (enum czi_item_type)type;
    if (ret->type == CZI_ITEM_FACT) {
        rc = czi_fact_decode(bytes, len, &ret->fact, err);
        ret->domain = ret->fact.domain;
        return rc;
    }
    read_rest(&c, count, ret);
    rc = czi_cbor_end(&c, err);
    return rc == CZ_OK ? CZ_OK : czi_wrap(err, rc, "item");
}

/* ---- Signatures ----------------------------------------------------------------------- */

static int message_of(const struct czi_item *item, cz_id *ret, cz_error *err)
{
    CZI_AUTOBUF bytes = {0};
    int rc = czi_item_encode(item, &bytes, err);

    if (rc == CZ_OK)
        *ret = czi_observer_message(&bytes);
    return rc;
}

int czi_item_sign(struct czi_item *item, const uint8_t seed[32], cz_error *err)
{
    struct czi_retraction *r = &item->retraction;
    struct czi_item copy = *item;
    cz_id message;
    int rc;

    if (item->type == CZI_ITEM_FACT)
        return czi_fact_sign(&item->fact, seed, err);
    if (item->type != CZI_ITEM_RETRACTION)
        return CZ_OK;
    copy.retraction.has_observer = true;
    czi_ed25519_public(seed, copy.retraction.observer);
    rc = message_of(&copy, &message, err);
    if (rc)
        return rc;
    *r = copy.retraction;
    czi_ed25519_sign(seed, message.bytes, sizeof message.bytes, r->signature);
    return CZ_OK;
}

int czi_item_check_signature(const struct czi_item *item, cz_error *err)
{
    const struct czi_retraction *r = &item->retraction;
    cz_id message;
    int rc;

    if (item->type == CZI_ITEM_FACT)
        return czi_fact_check_signature(&item->fact, err);
    if (item->type != CZI_ITEM_RETRACTION || !r->has_observer)
        return CZ_OK;
    rc = message_of(item, &message, err);
    if (rc)
        return rc;
    if (!czi_ed25519_verify(r->observer, message.bytes, sizeof message.bytes, r->signature))
        return czi_fail(err, CZ_BAD_OBSERVER,
                        "the retraction's signature is not its observer's");
    return CZ_OK;
}
