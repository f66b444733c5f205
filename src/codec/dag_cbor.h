/* dag_cbor.h - strict DAG-CBOR: RFC 8949 section 4.2.1 core deterministic encoding under the
 * IPLD rules (integers shortest and within 64 bits, no floats, no indefinite lengths, text
 * is valid UTF-8, map keys are text, unique, sorted by length, then bytewise; the one tag is
 * 42, a link; false, true and null are the only simple values).
 *
 * Layer: codec. The encoder appends to memory that the caller has reserved and cannot fail;
 * the decoder is a pull reader over bytes that it does not own and refuses every form that
 * is not the canonical one, at the byte where it sees it.
 */
#ifndef CZI_DAG_CBOR_H
#define CZI_DAG_CBOR_H

#include "base/bytes.h"
#include "causality/causality.h"

/* ---- Encoder: each returns the byte after what it wrote. ------------------------------ */

#define CZI_CBOR_HEAD_SIZE_MAX 9
/* Tag 42, byte string head, identity multibase zero, CIDv1 dag-cbor blake3-256, digest. */
#define CZI_CBOR_LINK_SIZE 41
/* A 128-bit quantity: an integer when it fits -2^64 .. 2^64-1, else 16 bytes big-endian
 * two's complement. */
#define CZI_CBOR_QUANTITY_SIZE_MAX 17

uint8_t *czi_cbor_put_head(uint8_t *p, unsigned major, uint64_t arg);
uint8_t *czi_cbor_put_quantity(uint8_t *p, __int128 v);
uint8_t *czi_cbor_put_bytes(uint8_t *p, const void *data, size_t len);
uint8_t *czi_cbor_put_text(uint8_t *p, const char *text, size_t len);
uint8_t *czi_cbor_put_link(uint8_t *p, const cz_id *id);
static inline uint8_t *czi_cbor_put_uint(uint8_t *p, uint64_t v)
{
    return czi_cbor_put_head(p, 0, v);
}
static inline uint8_t *czi_cbor_put_array(uint8_t *p, uint64_t count)
{
    return czi_cbor_put_head(p, 4, count);
}
static inline uint8_t *czi_cbor_put_map(uint8_t *p, uint64_t count)
{
    return czi_cbor_put_head(p, 5, count);
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

/* ---- Decoder -------------------------------------------------------------------------- */

/* After the first error every call returns zero values and does not move; the caller checks
 * once at the end (czi_cbor_end). `what` is static text: what was wrong at `offset`. */
struct czi_cbor {
    const uint8_t *start, *at, *end;
    const char *what;
    size_t offset;
};

static inline struct czi_cbor czi_cbor(const void *data, size_t len)
{
    const uint8_t *p = data;

    return (struct czi_cbor){p, p, p + len, NULL, 0};
}

/* Notes the first error at the current place. */
void czi_cbor_fail(struct czi_cbor *c, const char *what);

uint64_t czi_cbor_uint(struct czi_cbor *c);
/* An unsigned integer not above max. */
uint64_t czi_cbor_uint_max(struct czi_cbor *c, uint64_t max);
__int128 czi_cbor_quantity(struct czi_cbor *c);
bool czi_cbor_bool(struct czi_cbor *c);
struct czi_slice czi_cbor_bytes(struct czi_cbor *c);
/* A byte string of exactly 32 bytes. */
cz_id czi_cbor_bytes32(struct czi_cbor *c);
/* Checked to be UTF-8. */
struct czi_slice czi_cbor_text(struct czi_cbor *c);
cz_id czi_cbor_link(struct czi_cbor *c);
/* The number of elements. */
uint64_t czi_cbor_array(struct czi_cbor *c);
/* An array of exactly n elements. */
void czi_cbor_array_of(struct czi_cbor *c, uint64_t n);
uint64_t czi_cbor_map(struct czi_cbor *c);
/* Next key of a map; *prev is the key before (NULL data at first), for the order check. */
struct czi_slice czi_cbor_key(struct czi_cbor *c, struct czi_slice *prev);
/* Consumes a null if one is next. */
bool czi_cbor_null(struct czi_cbor *c);
/* The major type of what is next (0..7), or -1 at the end or after an error. */
int czi_cbor_peek(const struct czi_cbor *c);
/* One whole item of any kind, checked. Nesting up to CZI_CBOR_DEPTH_MAX. */
void czi_cbor_skip(struct czi_cbor *c);
/* CZ_OK when there was no error and all bytes are used; else CZ_INVALID with
 * "byte OFFSET: WHAT". */
CZI_MUST_USE int czi_cbor_end(const struct czi_cbor *c, cz_error *err);

/* Whole check of one document: canonical, and every tag 42 a well-formed CID of any codec
 * and hash. */
CZI_MUST_USE int czi_cbor_validate(const void *data, size_t len, cz_error *err);
/* Calls fn with each of our links (dag-cbor, BLAKE3-256) in a valid document, in order. */
void czi_cbor_links(const void *data, size_t len, void (*fn)(void *arg, const cz_id *link),
                    void *arg);

#endif
