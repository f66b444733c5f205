/* bytes.c - see bytes.h. */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>

void czi_buf_done(struct czi_buf *b)
{
    czi_free(b->data);
    *b = (struct czi_buf){0};
}

uint8_t *czi_buf_reserve(struct czi_buf *b, size_t n)
{
    size_t cap;
    uint8_t *grown;

    if (b->failed)
        return NULL;
    if (n <= b->cap - b->len && b->data)
        return b->data + b->len;
    if (n > SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return NULL;
    }
    cap = CZI_MAX(b->cap * 2, (size_t)256);
    cap = CZI_MAX(cap, b->len + n);
    grown = czi_realloc(b->data, cap);
    if (!grown) {
        b->failed = true;
        return NULL;
    }
    b->data = grown;
    b->cap = cap;
    return b->data + b->len;
}

void czi_buf_put(struct czi_buf *b, const void *data, size_t n)
{
    uint8_t *p = czi_buf_reserve(b, n);

    if (p && n) {
        memcpy(p, data, n);
        b->len += n;
    }
}

void czi_buf_put_byte(struct czi_buf *b, uint8_t v)
{
    czi_buf_put(b, &v, 1);
}

void czi_buf_printf(struct czi_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    uint8_t *p;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    p = n < 0 ? NULL : czi_buf_reserve(b, (size_t)n + 1);
    if (p) {
        (void)vsnprintf((char *)p, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

uint8_t *czi_put_varint128(uint8_t *p, unsigned __int128 v)
{
    if (CZI_LIKELY(v <= UINT64_MAX))
        return czi_put_varint(p, (uint64_t)v);
    while (v >= 0x80) {
        *p++ = (uint8_t)((uint8_t)v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

/* Shared by both widths: bits is 64 or 128. */
static unsigned __int128 cursor_varint(struct czi_cursor *c, unsigned bits)
{
    unsigned __int128 v = 0;
    const uint8_t *p = c->at;

    for (unsigned shift = 0; p < c->end && shift < bits; shift += 7) {
        uint8_t b = *p++;

        if (shift + 7 > bits && b >> (bits - shift) != 0)
            break;
        v |= (unsigned __int128)(b & 0x7f) << shift;
        if (b & 0x80)
            continue;
        if (b == 0 && shift > 0)
            break;
        c->at = p;
        return v;
    }
    c->failed = true;
    return 0;
}

uint64_t czi_cursor_varint(struct czi_cursor *c)
{
    return (uint64_t)cursor_varint(c, 64);
}

unsigned __int128 czi_cursor_varint128(struct czi_cursor *c)
{
    return cursor_varint(c, 128);
}

void czi_hex(char *out, const void *data, size_t n)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = "0123456789abcdef"[p[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
    }
    out[2 * n] = 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool czi_unhex(void *out, size_t n, const char *text, size_t text_len)
{
    uint8_t *p = out;

    if (text_len / 2 != n || text_len % 2 != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);

        if (hi < 0 || lo < 0)
            return false;
        p[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

size_t czi_base32(char *out, const void *data, size_t n)
{
    const uint8_t *p = data;
    size_t len = 0;
    unsigned bits = 0;
    uint32_t acc = 0;

    for (size_t i = 0; i < n; i++) {
        acc = acc << 8 | p[i];
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            out[len++] = "abcdefghijklmnopqrstuvwxyz234567"[acc >> bits & 31];
        }
    }
    if (bits)
        out[len++] = "abcdefghijklmnopqrstuvwxyz234567"[acc << (5 - bits) & 31];
    out[len] = 0;
    return len;
}

bool czi_unbase32(uint8_t *out, size_t *ret_n, const char *text, size_t text_len)
{
    size_t n = 0;
    unsigned bits = 0;
    uint32_t acc = 0;

    for (size_t i = 0; i < text_len; i++) {
        char c = text[i];
        uint32_t v;

        if (c >= 'a' && c <= 'z')
            v = (uint32_t)(c - 'a');
        else if (c >= '2' && c <= '7')
            v = (uint32_t)(c - '2') + 26;
        else
            return false;
        acc = (acc << 5 | v) & 0xffff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (uint8_t)(acc >> bits);
        }
    }
    if (bits >= 5 || (acc & ((1u << bits) - 1)) != 0)
        return false;
    *ret_n = n;
    return true;
}
