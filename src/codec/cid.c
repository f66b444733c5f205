/* cid.c - see cid.h; and the text forms of ids and quantities of causality.h.
 *
 * Layer: codec. Threads: pure functions.
 */
#include "codec/cid.h"

#include "base/error.h"
#include "base/quantity.h"

/* CID version 1, dag-cbor, BLAKE3, 32 bytes (multicodec table). */
static const uint8_t prefix[4] = {0x01, 0x71, 0x1e, 0x20};

#define MULTIBASE_BASE32 'b'
#define TEXT_LEN (CZ_ID_TEXT_SIZE - 1)

void czi_cid_put(uint8_t out[CZI_CID_SIZE], const cz_id *id)
{
    memcpy(out, prefix, sizeof prefix);
    memcpy(out + sizeof prefix, id->bytes, sizeof id->bytes);
}

bool czi_cid_get(const uint8_t *bytes, size_t len, cz_id *ret)
{
    if (len != CZI_CID_SIZE || memcmp(bytes, prefix, sizeof prefix) != 0)
        return false;
    memcpy(ret->bytes, bytes + sizeof prefix, sizeof ret->bytes);
    return true;
}

void cz_id_print(const cz_id *id, char out[CZ_ID_TEXT_SIZE])
{
    uint8_t cid[CZI_CID_SIZE];

    czi_cid_put(cid, id);
    out[0] = MULTIBASE_BASE32;
    CZI_CHECK(czi_base32(out + 1, cid, sizeof cid) == TEXT_LEN - 1);
}

int cz_id_parse(const char *text, cz_id *ret, cz_error *err)
{
    uint8_t cid[CZI_CID_SIZE];
    size_t n, len = strnlen(text, CZ_ID_TEXT_SIZE);

    if (len != TEXT_LEN || text[0] != MULTIBASE_BASE32)
        return czi_fail(err, CZ_INVALID,
                        "\"%.80s\" is not an id: one has %d characters, the first a 'b'", text,
                        TEXT_LEN);
    if (!czi_unbase32(cid, &n, text + 1, len - 1))
        return czi_fail(err, CZ_INVALID, "\"%s\" is not base32 (a-z, 2-7)", text);
    if (!czi_cid_get(cid, n, ret))
        return czi_fail(err, CZ_INVALID, "\"%s\" is not a CID of dag-cbor by BLAKE3-256", text);
    return CZ_OK;
}

/* The value of a base32 digit, or -1. */
static int base32_digit(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    return -1;
}

bool czi_cid_prefix(const char *text, uint8_t digest[32], unsigned *ret_bits)
{
    /* 58 digits are 290 bits: two more than a CID has, which are zero. */
    uint8_t cid[CZI_CID_SIZE + 1] = {0};
    size_t len = strnlen(text, CZ_ID_TEXT_SIZE);
    unsigned bits = 0, fixed;

    if (len > TEXT_LEN || (len && text[0] != MULTIBASE_BASE32))
        return false;
    for (size_t i = 1; i < len; i++) {
        int v = base32_digit(text[i]);

        if (v < 0)
            return false;
        for (int k = 4; k >= 0; k--, bits++)
            cid[bits / 8] |= (uint8_t)((v >> k & 1) << (7 - bits % 8));
    }
    fixed = CZI_MIN(bits, 8 * (unsigned)sizeof prefix);
    for (unsigned i = 0; i < fixed; i++)
        if ((cid[i / 8] ^ prefix[i / 8]) >> (7 - i % 8) & 1)
            return false;
    if (cid[CZI_CID_SIZE] != 0)
        return false;
    memcpy(digest, cid + sizeof prefix, 32);
    *ret_bits = CZI_MIN(bits - fixed, 256u);
    return true;
}

void cz_quantity_print(cz_quantity q, char out[CZ_QUANTITY_TEXT_SIZE])
{
    (void)czi_quantity_print(out, q);
}

int cz_quantity_parse(const char *text, cz_quantity *ret, cz_error *err)
{
    /* One more than the longest quantity is enough to refuse what is longer. */
    if (!czi_quantity_parse(ret, text, strnlen(text, CZ_QUANTITY_TEXT_SIZE)))
        return czi_fail(err, CZ_INVALID,
                        "\"%.80s\" is not a quantity: a decimal integer of at most 128 bits, "
                        "without leading zeroes",
                        text);
    return CZ_OK;
}
