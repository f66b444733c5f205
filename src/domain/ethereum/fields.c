/* fields.c - see fields.h. */
#include "domain/ethereum/fields.h"

/* EIP-7702: the parts of one authorisation. It may be one that takes no effect, so r, s and
 * the parity have only the bounds that make the transaction itself valid. */
static const struct czi_eth_field authorisation_rows[] = {
    {"chainId", NULL, CZI_ETH_U256, 0}, {"address", NULL, CZI_ETH_ADDRESS, 0},
    {"nonce", NULL, CZI_ETH_U64, 0},    {"yParity", NULL, CZI_ETH_U64, 0},
    {"r", NULL, CZI_ETH_U256, 0},       {"s", NULL, CZI_ETH_U256, 0},
};
static const struct czi_eth_field access_rows[] = {
    {"address", NULL, CZI_ETH_ADDRESS, 0},
    {"storageKeys", NULL, CZI_ETH_HASHES, 0},
};
static const struct czi_eth_fields authorisation = {authorisation_rows,
                                                    CZI_COUNTOF(authorisation_rows)};
static const struct czi_eth_fields access_of_list = {access_rows, CZI_COUNTOF(access_rows)};

/* Bytes of the kinds that have a fixed length; 0 for the others. */
static size_t fixed_size(enum czi_eth_kind kind)
{
    static const uint16_t sizes[] = {
        [CZI_ETH_ADDRESS] = 20, [CZI_ETH_TO] = 20,     [CZI_ETH_HASH] = 32,
        [CZI_ETH_NONCE] = 8,    [CZI_ETH_BLOOM] = 256, [CZI_ETH_AUTHORISATIONS] = 0,
    };

    return sizes[kind];
}

const char *czi_eth_shown(const char *text, char out[CZI_ETH_SHOWN_SIZE])
{
    size_t n = 0;

    for (; n < CZI_ETH_SHOWN_SIZE - 4 && text[n]; n++)
        out[n] = text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?';
    memcpy(out + n, text[n] ? "..." : "", text[n] ? 4 : 1);
    return out;
}

bool czi_eth_fields_have(const struct czi_eth_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++)
        if (!strcmp(fields->row[i].name, name) ||
            (fields->row[i].other && !strcmp(fields->row[i].other, name)))
            return true;
    return false;
}

int czi_eth_json_get(json_t *object, const char *name, const char *other, json_t **ret,
                     cz_error *err)
{
    json_t *v = json_object_get(object, name);

    if (!v && other)
        v = json_object_get(object, other);
    if (!v)
        return czi_fail(err, CZ_INVALID, "%s is missing", name);
    *ret = v;
    return CZ_OK;
}

/* ---- JSON texts ----------------------------------------------------------------------- */

/* The digits behind "0x" when the value is a text of lower-case hex digits; else NULL. */
static const char *hex_digits(json_t *value, size_t *ret_len)
{
    const char *text = json_string_value(value);
    size_t len = text ? json_string_length(value) : 0;

    if (len < 2 || text[0] != '0' || text[1] != 'x')
        return NULL;
    for (size_t i = 2; i < len; i++)
        if (!(text[i] >= '0' && text[i] <= '9') && !(text[i] >= 'a' && text[i] <= 'f'))
            return NULL;
    *ret_len = len - 2;
    return text + 2;
}

bool czi_eth_json_bytes(json_t *value, uint8_t *out, size_t n)
{
    size_t len = 0;
    const char *digits = hex_digits(value, &len);

    return digits && len == 2 * n && czi_unhex(out, n, digits, len);
}

bool czi_eth_json_number(json_t *value, uint8_t *out, size_t n)
{
    size_t len = 0;
    const char *digits = hex_digits(value, &len);
    char even[65] = "0";

    if (!digits || !len || len > 2 * n || (digits[0] == '0' && len > 1))
        return false;
    memset(out, 0, n);
    memcpy(even + len % 2, digits, len);
    len += len % 2;
    return czi_unhex(out + n - len / 2, len / 2, even, len);
}

bool czi_eth_json_u64(json_t *value, uint64_t *ret)
{
    uint8_t be[8];
    uint64_t v = 0;

    if (!czi_eth_json_number(value, be, sizeof be))
        return false;
    for (size_t i = 0; i < sizeof be; i++)
        v = v << 8 | be[i];
    *ret = v;
    return true;
}

/* ---- JSON to RLP ---------------------------------------------------------------------- */

static int wrong_form(cz_error *err, const char *name, json_t *value, const char *expected)
{
    char shown[CZI_ETH_SHOWN_SIZE];

    if (!json_is_string(value))
        return czi_fail(err, CZ_INVALID, "%s is not text; expected %s", name, expected);
    return czi_fail(err, CZ_INVALID, "%s is \"%s\"; expected %s", name,
                    czi_eth_shown(json_string_value(value), shown), expected);
}

static int put_fixed(const struct czi_eth_field *f, json_t *value, struct czi_buf *b,
                     cz_error *err)
{
    uint8_t bytes[256];
    char expected[64];
    size_t n = fixed_size(f->kind);

    if (f->kind == CZI_ETH_TO && json_is_null(value)) {
        czi_rlp_put_string(b, NULL, 0);
        return CZ_OK;
    }
    if (!czi_eth_json_bytes(value, bytes, n)) {
        (void)snprintf(expected, sizeof expected, "0x and %zu lower-case hex digits", 2 * n);
        return wrong_form(err, f->name, value, expected);
    }
    czi_rlp_put_string(b, bytes, n);
    return CZ_OK;
}

static int put_number(const struct czi_eth_field *f, json_t *value, struct czi_buf *b,
                      cz_error *err)
{
    size_t n = f->kind == CZI_ETH_U64 ? 8 : 32;
    uint8_t be[32];

    if (!czi_eth_json_number(value, be, n))
        return wrong_form(err, f->name, value,
                          n == 8 ? "a quantity of up to 64 bits, without leading zeroes"
                                 : "a quantity of up to 256 bits, without leading zeroes");
    czi_rlp_put_number(b, be, n);
    return CZ_OK;
}

static int put_bytes(const struct czi_eth_field *f, json_t *value, struct czi_buf *b,
                     cz_error *err)
{
    CZI_AUTOBUF bytes = {0};
    size_t len = 0;
    const char *digits = hex_digits(value, &len);
    uint8_t *out;

    if (!digits || len % 2)
        return wrong_form(err, f->name, value, "0x and whole bytes in lower-case hex");
    out = czi_buf_reserve(&bytes, len / 2);
    if (!out)
        return czi_nomem(err, "bytes of a field");
    CZI_CHECK(czi_unhex(out, len / 2, digits, len));
    czi_rlp_put_string(b, out, len / 2);
    return CZ_OK;
}

/* One element of a list: an object with exactly the members of `members`. */
static int put_object(const struct czi_eth_fields *members, json_t *object, struct czi_buf *b,
                      cz_error *err)
{
    char shown[CZI_ETH_SHOWN_SIZE];
    size_t opened = czi_rlp_open(b);
    const char *name;
    json_t *value;
    int rc = CZ_OK;

    if (!json_is_object(object))
        rc = czi_fail(err, CZ_INVALID, "not an object");
    json_object_foreach(object, name, value)
    {
        if (rc == CZ_OK && !czi_eth_fields_have(members, name))
            rc = czi_fail(err, CZ_INVALID, "unknown field \"%s\"", czi_eth_shown(name, shown));
    }
    if (rc == CZ_OK)
        rc = czi_eth_json_to_rlp(members, object, b, err);
    czi_rlp_close(b, opened);
    return rc;
}

static int put_list(const struct czi_eth_field *f, json_t *value, struct czi_buf *b,
                    cz_error *err)
{
    static const struct czi_eth_field hash = {"hash", NULL, CZI_ETH_HASH, 0};
    size_t opened = czi_rlp_open(b);
    int rc = CZ_OK;

    if (!json_is_array(value))
        return czi_fail(err, CZ_INVALID, "%s is not an array", f->name);
    for (size_t i = 0; i < json_array_size(value) && rc == CZ_OK; i++) {
        json_t *element = json_array_get(value, i);

        if (f->kind == CZI_ETH_HASHES)
            rc = put_fixed(&hash, element, b, err);
        else
            rc = put_object(f->kind == CZI_ETH_ACCESSES ? &access_of_list : &authorisation,
                            element, b, err);
        if (rc != CZ_OK)
            rc = czi_wrap(err, rc, "%s, element %zu", f->name, i);
    }
    czi_rlp_close(b, opened);
    return rc;
}

int czi_eth_json_to_rlp(const struct czi_eth_fields *fields, json_t *object, struct czi_buf *b,
                        cz_error *err)
{
    static int (*const put[])(const struct czi_eth_field *f, json_t *value, struct czi_buf *b,
                              cz_error *err) = {
        [CZI_ETH_U64] = put_number,          [CZI_ETH_U256] = put_number,
        [CZI_ETH_ADDRESS] = put_fixed,       [CZI_ETH_TO] = put_fixed,
        [CZI_ETH_HASH] = put_fixed,          [CZI_ETH_NONCE] = put_fixed,
        [CZI_ETH_BLOOM] = put_fixed,         [CZI_ETH_BYTES] = put_bytes,
        [CZI_ETH_HASHES] = put_list,         [CZI_ETH_ACCESSES] = put_list,
        [CZI_ETH_AUTHORISATIONS] = put_list,
    };

    for (size_t i = 0; i < fields->count; i++) {
        const struct czi_eth_field *f = &fields->row[i];
        json_t *value = NULL;
        int rc = czi_eth_json_get(object, f->name, f->other, &value, err);

        if (rc == CZ_OK)
            rc = put[f->kind](f, value, b, err);
        if (rc != CZ_OK)
            return rc;
    }
    return CZ_OK;
}

/* ---- RLP to struct -------------------------------------------------------------------- */

/* Checks the elements of a list; errors go to the reader that the list is in. */
static void check_list(enum czi_eth_kind kind, struct czi_rlp *r);

static void check_element(enum czi_eth_kind kind, struct czi_rlp *inside)
{
    struct czi_rlp element;
    uint8_t number[32];

    if (kind == CZI_ETH_HASHES) {
        (void)czi_rlp_fixed(inside, 32);
        return;
    }
    element = czi_rlp_list(inside);
    if (kind == CZI_ETH_ACCESSES) {
        (void)czi_rlp_fixed(&element, 20);
        check_list(CZI_ETH_HASHES, &element);
    } else {
        czi_rlp_u256(&element, number);
        (void)czi_rlp_fixed(&element, 20);
        (void)czi_rlp_u64(&element);
        if (czi_rlp_u64(&element) > UINT8_MAX)
            czi_rlp_fail(&element, "a parity beyond 8 bits");
        czi_rlp_u256(&element, number);
        czi_rlp_u256(&element, number);
    }
    if (!inside->what && (element.what || element.at != element.end)) {
        inside->what = element.what ? element.what : "more items than belong there";
        inside->offset = element.what ? element.offset : (size_t)(element.at - element.start);
    }
}

static void check_list(enum czi_eth_kind kind, struct czi_rlp *r)
{
    struct czi_rlp inside = czi_rlp_list(r);

    while (czi_rlp_more(&inside))
        check_element(kind, &inside);
    if (!r->what && inside.what) {
        r->what = inside.what;
        r->offset = inside.offset;
    }
}

static void read_to(struct czi_rlp *r, struct czi_eth_to *to)
{
    struct czi_slice s = czi_rlp_string(r);

    to->present = s.len != 0;
    if (s.len == 20)
        memcpy(to->address, s.data, 20);
    else if (s.len)
        czi_rlp_fail(r, "an address of the wrong length");
}

static void read_field(const struct czi_eth_field *f, struct czi_rlp *r, uint8_t *at)
{
    const uint8_t *from = r->at, *fixed;
    struct czi_slice slice;

    switch (f->kind) {
    case CZI_ETH_U64:
        *(uint64_t *)(void *)at = czi_rlp_u64(r);
        break;
    case CZI_ETH_U256:
        czi_rlp_u256(r, at);
        break;
    case CZI_ETH_TO:
        read_to(r, (struct czi_eth_to *)(void *)at);
        break;
    case CZI_ETH_BYTES:
        *(struct czi_slice *)(void *)at = czi_rlp_string(r);
        break;
    case CZI_ETH_HASHES:
    case CZI_ETH_ACCESSES:
    case CZI_ETH_AUTHORISATIONS:
        check_list(f->kind, r);
        slice = (struct czi_slice){from, (size_t)(r->at - from)};
        *(struct czi_slice *)(void *)at = slice;
        break;
    default:
        fixed = czi_rlp_fixed(r, fixed_size(f->kind));
        if (fixed)
            memcpy(at, fixed, fixed_size(f->kind));
    }
}

int czi_eth_rlp_to_struct(const struct czi_eth_fields *fields, struct czi_rlp *r, void *ret,
                          cz_error *err)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct czi_eth_field *f = &fields->row[i];

        read_field(f, r, (uint8_t *)ret + f->offset);
        if (r->what)
            return czi_wrap(err, czi_rlp_end(r, err), "%s", f->name);
    }
    return CZ_OK;
}
