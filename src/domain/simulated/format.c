/* format.c - see format.h. */
#include "domain/simulated/format.h"

#include "codec/blake3.h"
#include "codec/dag_cbor.h"

#include <inttypes.h>
#include <stdio.h>

#define LEAF_PREFIX 0 /* of a node: 1, see merkle.c */
#define BALANCE_SEPARATOR '/'

/* A name and some numbers and hashes: the size of what is signed, and of a header. */
#define HEADER_SIZE_MAX                                                                        \
    (2 * CZI_CBOR_HEAD_SIZE_MAX + CZI_DOMAIN_SIZE_MAX + 3 * CZI_CBOR_HEAD_SIZE_MAX + 3 * 34)
_Static_assert(HEADER_SIZE_MAX + CZI_SIGNATURE_SIZE + 3 * CZI_CBOR_HEAD_SIZE_MAX <=
                   CZI_SIM_SIGNED_SIZE_MAX,
               "a signed header fits");
_Static_assert(2 * CZI_CBOR_HEAD_SIZE_MAX + CZI_DOMAIN_SIZE_MAX + 2 * 34 <=
                   CZI_SIM_PARAMETERS_SIZE_MAX,
               "parameters fit");

static uint8_t *put_name(uint8_t *p, struct czi_slice name)
{
    return czi_cbor_put_text(p, (const char *)name.data, name.len);
}

static struct czi_slice read_name(struct czi_cbor *c)
{
    struct czi_slice name = czi_cbor_text(c);

    if (!name.len || name.len > CZI_DOMAIN_SIZE_MAX)
        czi_cbor_fail(c, "the chain's name is empty or longer than CZI_DOMAIN_SIZE_MAX");
    return name;
}

static void read_hash(struct czi_cbor *c, uint8_t out[32])
{
    cz_id hash = czi_cbor_bytes32(c);

    memcpy(out, hash.bytes, sizeof hash.bytes);
}

/* ---- Parameters ------------------------------------------------------------------------- */

size_t czi_sim_parameters_encode(const struct czi_sim_parameters *p,
                                 uint8_t out[CZI_SIM_PARAMETERS_SIZE_MAX])
{
    uint8_t *end = czi_cbor_put_array(out, 3);

    end = put_name(end, p->name);
    end = czi_cbor_put_bytes(end, p->key, sizeof p->key);
    end = czi_cbor_put_bytes(end, p->genesis, sizeof p->genesis);
    return (size_t)(end - out);
}

int czi_sim_parameters_decode(struct czi_slice bytes, struct czi_sim_parameters *ret,
                              cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes.data, bytes.len);

    czi_cbor_array_of(&c, 3);
    ret->name = read_name(&c);
    read_hash(&c, ret->key);
    read_hash(&c, ret->genesis);
    return czi_cbor_end(&c, err);
}

/* ---- What is signed --------------------------------------------------------------------- */

/* Signatures are over [what, name, height, hash], so that none can stand for another. */
struct message {
    uint8_t bytes[HEADER_SIZE_MAX];
    size_t len;
};

static struct message message(const char *what, const struct czi_sim_header *h,
                              const uint8_t hash[32])
{
    struct message m;
    uint8_t *p = czi_cbor_put_array(m.bytes, 4);

    p = czi_cbor_put_text(p, what, strlen(what));
    p = put_name(p, h->name);
    p = czi_cbor_put_uint(p, h->height);
    p = czi_cbor_put_bytes(p, hash, 32);
    m.len = (size_t)(p - m.bytes);
    return m;
}

static void sign(const char *what, const struct czi_sim_header *h, const uint8_t hash[32],
                 const uint8_t seed[CZI_SEED_SIZE], uint8_t ret[CZI_SIGNATURE_SIZE])
{
    struct message m = message(what, h, hash);

    czi_ed25519_sign(seed, m.bytes, m.len, ret);
}

static bool is_signed(const char *what, const struct czi_sim_parameters *p,
                      const struct czi_sim_header *h, const uint8_t hash[32],
                      struct czi_slice signature)
{
    struct message m = message(what, h, hash);

    return signature.len == CZI_SIGNATURE_SIZE &&
           czi_ed25519_verify(p->key, m.bytes, m.len, signature.data);
}

void czi_sim_certify(const struct czi_sim_header *h, const uint8_t hash[32],
                     const uint8_t seed[CZI_SEED_SIZE], uint8_t ret[CZI_SIGNATURE_SIZE])
{
    sign("final", h, hash, seed, ret);
}

bool czi_sim_certified(const struct czi_sim_parameters *p, const struct czi_sim_header *h,
                       const uint8_t hash[32], struct czi_slice certificate)
{
    return is_signed("final", p, h, hash, certificate);
}

/* ---- Headers ---------------------------------------------------------------------------- */

static size_t put_header(const struct czi_sim_header *h, uint8_t out[HEADER_SIZE_MAX])
{
    uint8_t *p = czi_cbor_put_array(out, 7);

    p = put_name(p, h->name);
    p = czi_cbor_put_uint(p, h->height);
    p = czi_cbor_put_bytes(p, h->parent, sizeof h->parent);
    p = czi_cbor_put_uint(p, h->time);
    p = czi_cbor_put_uint(p, h->branch);
    p = czi_cbor_put_bytes(p, h->events_root, sizeof h->events_root);
    p = czi_cbor_put_bytes(p, h->state_root, sizeof h->state_root);
    return (size_t)(p - out);
}

size_t czi_sim_header_sign(const struct czi_sim_header *h, const uint8_t seed[CZI_SEED_SIZE],
                           uint8_t out[CZI_SIM_SIGNED_SIZE_MAX], uint8_t ret_hash[32])
{
    uint8_t header[HEADER_SIZE_MAX], signature[CZI_SIGNATURE_SIZE], *p;
    size_t len = put_header(h, header);

    czi_blake3(header, len, ret_hash);
    sign("header", h, ret_hash, seed, signature);
    p = czi_cbor_put_array(out, 2);
    p = czi_cbor_put_bytes(p, header, len);
    p = czi_cbor_put_bytes(p, signature, sizeof signature);
    return (size_t)(p - out);
}

int czi_sim_header_verify(const struct czi_sim_parameters *p, struct czi_slice bytes,
                          struct czi_sim_header *ret, uint8_t ret_hash[32], cz_error *err)
{
    struct czi_cbor outer = czi_cbor(bytes.data, bytes.len), c;
    struct czi_slice header, signature;
    int rc;

    czi_cbor_array_of(&outer, 2);
    header = czi_cbor_bytes(&outer);
    signature = czi_cbor_bytes(&outer);
    rc = czi_cbor_end(&outer, err);
    if (rc != CZ_OK)
        return czi_wrap(err, CZ_INVALID, "the signed header");
    c = czi_cbor(header.data, header.len);
    czi_cbor_array_of(&c, 7);
    ret->name = read_name(&c);
    ret->height = czi_cbor_uint(&c);
    read_hash(&c, ret->parent);
    ret->time = czi_cbor_uint(&c);
    ret->branch = czi_cbor_uint(&c);
    read_hash(&c, ret->events_root);
    read_hash(&c, ret->state_root);
    rc = czi_cbor_end(&c, err);
    if (rc != CZ_OK)
        return czi_wrap(err, CZ_INVALID, "the header");
    if (ret->name.len != p->name.len || memcmp(ret->name.data, p->name.data, p->name.len) != 0)
        return czi_fail(err, CZ_INVALID, "the header is of another chain");
    czi_blake3(header.data, header.len, ret_hash);
    if (!is_signed("header", p, ret, ret_hash, signature))
        return czi_fail(err, CZ_INVALID, "the chain's validator has not signed the header");
    return CZ_OK;
}

/* ---- Claims ----------------------------------------------------------------------------- */

#define U CZI_VALUE_UINT
#define B CZI_VALUE_BYTES
#define T CZI_VALUE_TEXT
static const struct form {
    enum czi_sim_place place;
    size_t count;
    enum czi_fact_value_type types[CZI_SIM_CLAIM_MAX];
} forms[] = {
    [CZ_FACT_BLOCK] = {CZI_SIM_BLOCK, 3, {B, B, B}},      /* parent, both roots */
    [CZ_FACT_TRANSACTION] = {CZI_SIM_EVENT, 1, {B}},      /* data */
    [CZ_FACT_DEPOSIT] = {CZI_SIM_EVENT, 3, {T, T, U}},    /* account, asset, amount */
    [CZ_FACT_WITHDRAWAL] = {CZI_SIM_EVENT, 3, {T, T, U}}, /* account, asset, amount */
    [CZ_FACT_BALANCE] = {CZI_SIM_STATE, 3, {T, T, U}},    /* account, asset, amount */
    [CZ_FACT_PRICE] = {CZI_SIM_STATE, 2, {T, U}},         /* pair, price */
    [CZ_FACT_TIME] = {CZI_SIM_BLOCK, 1, {U}},             /* time */
    [CZ_FACT_REGISTER] = {CZI_SIM_STATE, 2, {T, B}},      /* name, value */
    [CZ_FACT_CUSTOM] = {CZI_SIM_EVENT, 1, {B}},           /* data */
};
#undef U
#undef B
#undef T

enum czi_sim_place czi_sim_place(enum cz_fact_kind kind)
{
    return forms[kind].place;
}

static bool is_name(struct czi_slice s)
{
    return s.len > 0 && s.len <= CZ_LABEL_SIZE_MAX && czi_utf8_valid(s.data, s.len);
}

bool czi_sim_claim_fits(enum cz_fact_kind kind, const struct czi_fact_value *claim,
                        size_t count)
{
    const struct form *form = &forms[kind];

    if (count != form->count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (claim[i].type != form->types[i] ||
            (claim[i].type == CZI_VALUE_TEXT && !is_name(claim[i].bytes)))
            return false;
    /* So that "account/asset" says where the asset begins. */
    return kind != CZ_FACT_BALANCE ||
           !memchr(claim[1].bytes.data, BALANCE_SEPARATOR, claim[1].bytes.len);
}

size_t czi_sim_event_key(struct czi_slice name, uint64_t event,
                         uint8_t out[CZI_EVENT_KEY_SIZE_MAX])
{
    char number[24];
    size_t digits = (size_t)snprintf(number, sizeof number, ":%" PRIu64, event);

    _Static_assert(CZI_DOMAIN_SIZE_MAX + sizeof number <= CZI_EVENT_KEY_SIZE_MAX, "it fits");
    memcpy(out, name.data, name.len);
    memcpy(out + name.len, number, digits);
    return name.len + digits;
}

bool czi_sim_is_event_key(struct czi_slice name, struct czi_slice key)
{
    uint8_t expected[CZI_EVENT_KEY_SIZE_MAX];
    uint64_t event = 0;

    for (size_t i = name.len + 1; i < key.len; i++)
        event = event * 10 + (uint64_t)(key.data[i] - '0');
    return event && czi_sim_event_key(name, event, expected) == key.len &&
           memcmp(expected, key.data, key.len) == 0;
}

size_t czi_sim_name_key(struct czi_slice name, uint8_t out[CZI_EVENT_KEY_SIZE_MAX])
{
    if (name.len > CZI_EVENT_KEY_SIZE_MAX) {
        czi_blake3(name.data, name.len, out);
        return 32;
    }
    memcpy(out, name.data, name.len);
    return name.len;
}

size_t czi_sim_state_key(enum cz_fact_kind kind, const struct czi_fact_value *claim,
                         uint8_t out[CZI_EVENT_KEY_SIZE_MAX])
{
    static const struct czi_slice time = {(const uint8_t *)"time", 4};
    uint8_t text[CZI_SIM_NAME_MAX];
    struct czi_slice name = {.data = text};

    if (kind == CZ_FACT_TIME)
        return czi_sim_name_key(time, out);
    if (kind != CZ_FACT_BALANCE)
        return czi_sim_name_key(claim[0].bytes, out);
    memcpy(text, claim[0].bytes.data, claim[0].bytes.len);
    name.len = claim[0].bytes.len;
    text[name.len++] = BALANCE_SEPARATOR;
    memcpy(text + name.len, claim[1].bytes.data, claim[1].bytes.len);
    name.len += claim[1].bytes.len;
    return czi_sim_name_key(name, out);
}

/* ---- Leaves ----------------------------------------------------------------------------- */

static void add_head(struct czi_blake3 *h, unsigned major, uint64_t arg)
{
    uint8_t head[CZI_CBOR_HEAD_SIZE_MAX];

    czi_blake3_update(h, head, (size_t)(czi_cbor_put_head(head, major, arg) - head));
}

static void add_string(struct czi_blake3 *h, unsigned major, struct czi_slice s)
{
    add_head(h, major, s.len);
    czi_blake3_update(h, s.data, s.len);
}

void czi_sim_leaf(enum cz_fact_kind kind, struct czi_slice key,
                  const struct czi_fact_value *claim, size_t count, uint8_t out[32])
{
    static const uint8_t prefix = LEAF_PREFIX;
    struct czi_blake3 h;

    czi_blake3_init(&h);
    czi_blake3_update(&h, &prefix, 1);
    add_head(&h, CZI_CBOR_ARRAY, 3);
    add_head(&h, CZI_CBOR_UINT, kind);
    add_string(&h, CZI_CBOR_BYTES, key);
    add_head(&h, CZI_CBOR_ARRAY, count);
    for (size_t i = 0; i < count; i++) {
        if (claim[i].type == CZI_VALUE_UINT)
            add_head(&h, CZI_CBOR_UINT, claim[i].number);
        else
            add_string(&h, claim[i].type == CZI_VALUE_TEXT ? CZI_CBOR_TEXT : CZI_CBOR_BYTES,
                       claim[i].bytes);
    }
    czi_blake3_final(&h, out);
}
