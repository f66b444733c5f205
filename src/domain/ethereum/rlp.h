/* rlp.h - RLP, Ethereum's serialisation of nested byte strings, strict in both directions.
 *
 * Layer: domain/ethereum. Threads: pure; a reader belongs to one thread.
 * Source: Ethereum yellow paper, appendix B.
 *
 * The reader is a pull reader over bytes that it does not own. It refuses every form that an
 * encoder would not write, at the byte where it sees it: a single byte below 0x80 with a
 * head, a long length that would have been a short one, a length with leading zeroes, a length
 * that goes beyond what contains it, and, for numbers, leading zeroes. Reading never recurses
 * but in czi_rlp_validate, which goes CZI_RLP_DEPTH_MAX deep.
 */
#ifndef CZI_ETH_RLP_H
#define CZI_ETH_RLP_H

#include "base/bytes.h"
#include "base/error.h"

/* ---- Reader --------------------------------------------------------------------------- */

/* The inside of one list, or the top level. After the first error every call returns empty
 * values and does not move; the caller checks once with czi_rlp_end. */
struct czi_rlp {
    const uint8_t *start, *at, *end;
    const char *what; /* static text: what was wrong */
    size_t offset;    /* where, counted from the start of the document */
};

struct czi_rlp_item {
    bool list;
    struct czi_slice payload;
    struct czi_slice whole; /* head and payload */
};

static inline struct czi_rlp czi_rlp(const void *data, size_t len)
{
    const uint8_t *p = data;

    return (struct czi_rlp){p, p, len ? p + len : p, NULL, 0};
}

/* True while there is another item to read. */
static inline bool czi_rlp_more(const struct czi_rlp *r)
{
    return !r->what && r->at < r->end;
}

/* Notes the first error at the current place. */
void czi_rlp_fail(struct czi_rlp *r, const char *what);

/* The next item of either kind; what is inside a list is not looked at. */
struct czi_rlp_item czi_rlp_item(struct czi_rlp *r);
struct czi_slice czi_rlp_string(struct czi_rlp *r);
/* A string of exactly n bytes; NULL after an error. */
const uint8_t *czi_rlp_fixed(struct czi_rlp *r, size_t n);
/* Numbers: big-endian strings without leading zeroes. */
uint64_t czi_rlp_u64(struct czi_rlp *r);
void czi_rlp_u256(struct czi_rlp *r, uint8_t out[32]);
/* The inside of the next item, which must be a list. An error in it is its own. */
struct czi_rlp czi_rlp_list(struct czi_rlp *r);

/* CZ_OK when there was no error and all bytes are used; else CZ_INVALID with
 * "byte OFFSET: WHAT". */
CZI_MUST_USE int czi_rlp_end(const struct czi_rlp *r, cz_error *err);

/* Whole check of one document: exactly one item, and everything inside it. */
CZI_MUST_USE int czi_rlp_validate(const void *data, size_t len, cz_error *err);

/* ---- Writer: appends to a buffer, which remembers a failure. ---------------------------- */

/* Bytes that the head of a string or list of len bytes takes (not for the single bytes below
 * 0x80, which have none). */
size_t czi_rlp_head_size(size_t len);
void czi_rlp_put_string(struct czi_buf *b, const void *data, size_t len);
/* A big-endian number of any width, leading zeroes left out. */
void czi_rlp_put_number(struct czi_buf *b, const uint8_t *be, size_t len);
void czi_rlp_put_u64(struct czi_buf *b, uint64_t v);
/* A list whose length is not known yet: what is appended between the two calls is inside. */
size_t czi_rlp_open(struct czi_buf *b);
void czi_rlp_close(struct czi_buf *b, size_t opened);

/* The same without a buffer: the head of a list of len bytes; a number. Return the length. */
#define CZI_RLP_HEAD_SIZE_MAX 9
size_t czi_rlp_write_list_head(uint8_t out[CZI_RLP_HEAD_SIZE_MAX], size_t len);
size_t czi_rlp_write_u64(uint8_t out[CZI_RLP_HEAD_SIZE_MAX], uint64_t v);

#endif
