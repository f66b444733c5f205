/* dag_cbor.h - strict DAG-CBOR: RFC 8949 section 4.2.1 core deterministic encoding under the
 * IPLD rules (integers shortest and within 64 bits, no floats, no indefinite lengths, text
 * is valid UTF-8, map keys are text, unique, sorted by length, then bytewise; the one tag is
 * 42, a link; false, true and null are the only simple values).
 *
 * Layer: codec. Threads: pure functions; a reader belongs to one thread. No allocation.
 * The encoder appends to memory that the caller has reserved and cannot fail;
 * the decoder is a pull reader over bytes that it does not own and refuses every form that
 * is not the canonical one, at the byte where it sees it. What every effect passes through is
 * inline here.
 */
#ifndef CZI_DAG_CBOR_H
#define CZI_DAG_CBOR_H

#include "base/bytes.h"
#include "causality/causality.h"

enum czi_cbor_major {
    CZI_CBOR_UINT,
    CZI_CBOR_NEGATIVE,
    CZI_CBOR_BYTES,
    CZI_CBOR_TEXT,
    CZI_CBOR_ARRAY,
    CZI_CBOR_MAP,
    CZI_CBOR_TAG,
    CZI_CBOR_SIMPLE,
};

/* ---- Encoder: each returns the byte after what it wrote. ------------------------------ */

#define CZI_CBOR_HEAD_SIZE_MAX 9
/* Tag 42, byte string head, identity multibase zero, CIDv1 dag-cbor blake3-256, digest. */
#define CZI_CBOR_LINK_SIZE 41
/* A 128-bit quantity: an integer when it fits -2^64 .. 2^64-1, else 16 bytes big-endian
 * two's complement. */
#define CZI_CBOR_QUANTITY_SIZE_MAX 17

/* What comes before the digest in one of our links. */
#define CZI_CBOR_LINK_PREFIX "\xd8\x2a\x58\x25\x00\x01\x71\x1e\x20"
#define CZI_CBOR_LINK_PREFIX_SIZE 9

/* The argument in 1, 2, 4 or 8 bytes; arg >= 24. */
uint8_t *czi_cbor_put_head_wide(uint8_t *p, unsigned major, uint64_t arg);

static inline uint8_t *czi_cbor_put_head(uint8_t *p, unsigned major, uint64_t arg)
{
    if (CZI_LIKELY(arg < 24)) {
        *p = (uint8_t)(major << 5 | arg);
        return p + 1;
    }
    return czi_cbor_put_head_wide(p, major, arg);
}
/* Any quantity; the usual ones take the inline way below. */
uint8_t *czi_cbor_put_quantity_wide(uint8_t *p, __int128 v);
static inline uint8_t *czi_cbor_put_quantity(uint8_t *p, __int128 v)
{
    if (CZI_LIKELY(v >= 0 && v <= (__int128)UINT64_MAX))
        return czi_cbor_put_head(p, CZI_CBOR_UINT, (uint64_t)v);
    return czi_cbor_put_quantity_wide(p, v);
}
static inline uint8_t *czi_cbor_put_bytes(uint8_t *p, const void *data, size_t len)
{
    p = czi_cbor_put_head(p, CZI_CBOR_BYTES, len);
    if (len)
        memcpy(p, data, len);
    return p + len;
}
/* text is UTF-8: the caller has checked what came from outside. */
static inline uint8_t *czi_cbor_put_text(uint8_t *p, const char *text, size_t len)
{
    p = czi_cbor_put_head(p, CZI_CBOR_TEXT, len);
    if (len)
        memcpy(p, text, len);
    return p + len;
}
static inline uint8_t *czi_cbor_put_link(uint8_t *p, const cz_id *id)
{
    memcpy(p, CZI_CBOR_LINK_PREFIX, CZI_CBOR_LINK_PREFIX_SIZE);
    memcpy(p + CZI_CBOR_LINK_PREFIX_SIZE, id->bytes, sizeof id->bytes);
    return p + CZI_CBOR_LINK_SIZE;
}
static inline uint8_t *czi_cbor_put_uint(uint8_t *p, uint64_t v)
{
    return czi_cbor_put_head(p, CZI_CBOR_UINT, v);
}
static inline uint8_t *czi_cbor_put_array(uint8_t *p, uint64_t count)
{
    return czi_cbor_put_head(p, CZI_CBOR_ARRAY, count);
}
static inline uint8_t *czi_cbor_put_map(uint8_t *p, uint64_t count)
{
    return czi_cbor_put_head(p, CZI_CBOR_MAP, count);
}
static inline uint8_t *czi_cbor_put_null(uint8_t *p)
{
    *p = 0xf6;
    return p + 1;
}
static inline uint8_t *czi_cbor_put_bool(uint8_t *p, bool v)
{
    *p = v ? 0xf5 : 0xf4;
    return p + 1;
}

/* True when data is UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above
 * U+10FFFF). */
CZI_MUST_USE bool czi_utf8_valid(const void *data, size_t len);

/* The same into a growing buffer, where speed does not matter. */
void czi_cbor_add_head(struct czi_buf *b, unsigned major, uint64_t arg);
void czi_cbor_add_string(struct czi_buf *b, unsigned major, const void *data, size_t len);
void czi_cbor_add_quantity(struct czi_buf *b, __int128 v);

/* ---- Decoder -------------------------------------------------------------------------- */

/* After the first error every call returns zero values and does not move; the caller checks
 * once at the end (czi_cbor_end). `what` is static text: what was wrong at `offset`. An
 * error also moves `end` down to `at`, so that the bounds check of every call is the check
 * for an earlier error too. */
struct czi_cbor {
    const uint8_t *start, *at, *end;
    const char *what;
    size_t offset;
};

static inline struct czi_cbor czi_cbor(const void *data, size_t len)
{
    const uint8_t *p = data;

    return (struct czi_cbor){p, p, len ? p + len : p, NULL, 0};
}

/* Notes the first error at the current place. */
void czi_cbor_fail(struct czi_cbor *c, const char *what);

/* Any head of this major type, shortest form only: also the way to every refusal. */
uint64_t czi_cbor_head_wide(struct czi_cbor *c, unsigned major);

static inline uint64_t czi_cbor_head(struct czi_cbor *c, unsigned major)
{
    if (CZI_LIKELY(c->at < c->end)) {
        unsigned low = *c->at ^ major << 5;

        if (CZI_LIKELY(low < 24)) {
            c->at++;
            return low;
        }
    }
    return czi_cbor_head_wide(c, major);
}

static inline uint64_t czi_cbor_uint(struct czi_cbor *c)
{
    return czi_cbor_head(c, CZI_CBOR_UINT);
}
/* An unsigned integer not above max. */
uint64_t czi_cbor_uint_max(struct czi_cbor *c, uint64_t max);
__int128 czi_cbor_quantity(struct czi_cbor *c);
bool czi_cbor_bool(struct czi_cbor *c);
struct czi_slice czi_cbor_bytes(struct czi_cbor *c);
/* A byte string of exactly 32 bytes. */
cz_id czi_cbor_bytes32(struct czi_cbor *c);
/* Checked to be UTF-8. */
struct czi_slice czi_cbor_text(struct czi_cbor *c);
/* Refusal of what is not one of our links, at the byte that differs. */
void czi_cbor_not_our_link(struct czi_cbor *c);
/* A link in our form: dag-cbor, BLAKE3-256. */
static inline cz_id czi_cbor_link(struct czi_cbor *c)
{
    cz_id id = {{0}};

    if (CZI_LIKELY((size_t)(c->end - c->at) >= CZI_CBOR_LINK_SIZE &&
                   memcmp(c->at, CZI_CBOR_LINK_PREFIX, CZI_CBOR_LINK_PREFIX_SIZE) == 0)) {
        memcpy(id.bytes, c->at + CZI_CBOR_LINK_PREFIX_SIZE, sizeof id.bytes);
        c->at += CZI_CBOR_LINK_SIZE;
    } else {
        czi_cbor_not_our_link(c);
    }
    return id;
}
/* The number of elements; never more than bytes are left. */
uint64_t czi_cbor_array(struct czi_cbor *c);
/* An array of exactly n elements. */
void czi_cbor_array_of(struct czi_cbor *c, uint64_t n);
/* The number of entries; never more than half the bytes left. */
uint64_t czi_cbor_map(struct czi_cbor *c);
/* Next key of a map; *prev is the key before (NULL data at first), for the order check. */
struct czi_slice czi_cbor_key(struct czi_cbor *c, struct czi_slice *prev);
/* Consumes a null if one is next. */
static inline bool czi_cbor_null(struct czi_cbor *c)
{
    if (c->at == c->end || *c->at != 0xf6)
        return false;
    c->at++;
    return true;
}
/* The major type of what is next (0..7), or -1 at the end or after an error. */
static inline int czi_cbor_peek(const struct czi_cbor *c)
{
    return c->at < c->end ? *c->at >> 5 : -1;
}
/* One whole item of any kind, checked. Nesting up to CZI_CBOR_DEPTH_MAX. */
void czi_cbor_skip(struct czi_cbor *c);
/* CZ_OK when there was no error and all bytes are used; else CZ_INVALID (CZ_LIMIT for the
 * depth) with "byte OFFSET: WHAT". */
CZI_MUST_USE int czi_cbor_end(const struct czi_cbor *c, cz_error *err);

/* Whole check of one document: canonical, and every tag 42 a well-formed CID of any codec
 * and hash. */
CZI_MUST_USE int czi_cbor_validate(const void *data, size_t len, cz_error *err);
/* Calls fn with each of our links (dag-cbor, BLAKE3-256) in a valid document, in order;
 * ends early at a byte that is not canonical. */
void czi_cbor_links(const void *data, size_t len, void (*fn)(void *arg, const cz_id *link),
                    void *arg);

#endif
