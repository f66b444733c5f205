/* bytes.h - the one growing buffer, the one reading cursor, hex and base32.
 *
 * Layer: base. Threads: a buffer belongs to one thread at a time.
 */
#ifndef CZI_BYTES_H
#define CZI_BYTES_H

#include "base/alloc.h"
#include "base/check.h"

#include <string.h>

/* A view; owns nothing. */
struct czi_slice {
    const uint8_t *data;
    size_t len;
};

/* A growing buffer. All zero is a valid empty one; czi_buf_done of it is a no-op.
 * Appending never returns an error: after an out-of-memory `failed` is set, later appends
 * do nothing, and the owner checks once at the end. */
struct czi_buf {
    uint8_t *data;
    size_t len, cap;
    bool failed;
};

void czi_buf_done(struct czi_buf *b);
/* Makes room for n more bytes; returns where they go (len is not moved), NULL on failure. */
uint8_t *czi_buf_reserve(struct czi_buf *b, size_t n);
void czi_buf_put(struct czi_buf *b, const void *data, size_t n);
void czi_buf_put_byte(struct czi_buf *b, uint8_t v);
/* printf into the buffer, without a terminating zero. */
void czi_buf_printf(struct czi_buf *b, const char *fmt, ...) CZI_PRINTF(2, 3);
static inline struct czi_slice czi_buf_slice(const struct czi_buf *b)
{
    return (struct czi_slice){b->data, b->len};
}
#define CZI_AUTOBUF CZI_CLEANUP(czi_buf_done) struct czi_buf

/* Reads forward over bytes that it does not own; a short read sets `failed`, returns zeroes
 * and does not move. `start` gives offsets for error messages. */
struct czi_cursor {
    const uint8_t *start, *at, *end;
    bool failed;
};

static inline struct czi_cursor czi_cursor(const void *data, size_t len)
{
    const uint8_t *p = data;

    return (struct czi_cursor){p, p, p + len, false};
}
static inline size_t czi_cursor_left(const struct czi_cursor *c)
{
    return (size_t)(c->end - c->at);
}
static inline size_t czi_cursor_offset(const struct czi_cursor *c)
{
    return (size_t)(c->at - c->start);
}
/* n bytes, or NULL and failed. */
static inline const uint8_t *czi_cursor_take(struct czi_cursor *c, size_t n)
{
    const uint8_t *p = c->at;

    if (CZI_UNLIKELY(n > czi_cursor_left(c))) {
        c->failed = true;
        return NULL;
    }
    c->at += n;
    return p;
}

/* Fixed-width little-endian numbers (frames on disk). */
static inline uint8_t *czi_put_u32le(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
    return p + 4;
}
static inline uint8_t *czi_put_u64le(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
    return p + 8;
}
/* Big-endian numbers order as their bytes do: for keys. */
static inline uint8_t *czi_put_u32be(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
    return p + 4;
}
static inline uint32_t czi_get_u32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint32_t czi_get_u32le(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t czi_get_u64le(const uint8_t *p)
{
    return (uint64_t)czi_get_u32le(p) | (uint64_t)czi_get_u32le(p + 4) << 32;
}

/* LEB128, shortest form only; at most 10 bytes for 64 bits and 19 for 128. */
static inline uint8_t *czi_put_varint(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}
uint8_t *czi_put_varint128(uint8_t *p, unsigned __int128 v);
/* A non-shortest or overlong form sets failed. */
uint64_t czi_cursor_varint(struct czi_cursor *c);
unsigned __int128 czi_cursor_varint128(struct czi_cursor *c);
static inline unsigned __int128 czi_zigzag(__int128 v)
{
    return ((unsigned __int128)v << 1) ^ (unsigned __int128)(v >> 127);
}
static inline __int128 czi_unzigzag(unsigned __int128 v)
{
    return (__int128)(v >> 1) ^ -(__int128)(v & 1);
}

/* Lower-case hex without prefix; out holds 2n+1 bytes. */
void czi_hex(char *out, const void *data, size_t n);
/* Reads exactly n bytes from 2n hex digits (either case); false when text differs in length
 * or holds another character. */
CZI_MUST_USE bool czi_unhex(void *out, size_t n, const char *text, size_t text_len);

/* RFC 4648 base32, lower case, no padding. out holds ceil(8n/5)+1 bytes. */
size_t czi_base32(char *out, const void *data, size_t n);
/* Strict inverse: wrong character, impossible length or non-zero spare bits give false. */
CZI_MUST_USE bool czi_unbase32(uint8_t *out, size_t *ret_n, const char *text, size_t text_len);

#endif
