/* rlp.c - see rlp.h. */
#include "domain/ethereum/rlp.h"

#include "base/limits.h"

/* The lengths up to which the head is one byte. */
#define SHORT_MAX 55

void czi_rlp_fail(struct czi_rlp *r, const char *what)
{
    if (r->what)
        return;
    r->what = what;
    r->offset = (size_t)(r->at - r->start);
}

/* The length behind a long head: `n` big-endian bytes at p. False when it is not the one
 * that an encoder writes. */
static bool long_length(const uint8_t *p, size_t n, uint64_t *ret)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    *ret = v;
    return p[0] != 0 && v > SHORT_MAX;
}

/* What follows the first byte; at least that byte is there. */
static const char *read_head(const struct czi_rlp *r, size_t *ret_head, uint64_t *ret_len,
                             bool *ret_list)
{
    uint8_t first = *r->at;
    size_t left = (size_t)(r->end - r->at), of_length;

    *ret_list = first >= 0xc0;
    if (first < 0x80) {
        *ret_head = 0;
        *ret_len = 1;
        return NULL;
    }
    first = (uint8_t)(first - (*ret_list ? 0xc0 : 0x80));
    of_length = first > SHORT_MAX ? (size_t)(first - SHORT_MAX) : 0;
    *ret_head = 1 + of_length;
    *ret_len = first;
    if (*ret_head > left)
        return "the length of an item is cut off";
    if (of_length && !long_length(r->at + 1, of_length, ret_len))
        return "the length of an item is not in its shortest form";
    if (*ret_len > left - *ret_head)
        return "an item is longer than what contains it";
    if (!*ret_list && *ret_len == 1 && r->at[1] < 0x80)
        return "a single byte is not in its shortest form";
    return NULL;
}

struct czi_rlp_item czi_rlp_item(struct czi_rlp *r)
{
    struct czi_rlp_item item = {0};
    size_t head = 0;
    uint64_t len = 0;
    const char *what;

    if (r->what)
        return item;
    if (r->at == r->end) {
        czi_rlp_fail(r, "an item is missing");
        return item;
    }
    what = read_head(r, &head, &len, &item.list);
    if (what) {
        czi_rlp_fail(r, what);
        return (struct czi_rlp_item){0};
    }
    item.payload = (struct czi_slice){r->at + head, (size_t)len};
    item.whole = (struct czi_slice){r->at, head + (size_t)len};
    r->at += item.whole.len;
    return item;
}

/* Notes an error about the item just read, at its first byte. */
static void fail_at(struct czi_rlp *r, const struct czi_rlp_item *item, const char *what)
{
    r->at = item->whole.data;
    czi_rlp_fail(r, what);
}

struct czi_slice czi_rlp_string(struct czi_rlp *r)
{
    struct czi_rlp_item item = czi_rlp_item(r);

    if (!r->what && item.list)
        fail_at(r, &item, "a list where a string belongs");
    return r->what ? (struct czi_slice){0} : item.payload;
}

const uint8_t *czi_rlp_fixed(struct czi_rlp *r, size_t n)
{
    const uint8_t *at = r->at;
    struct czi_slice s = czi_rlp_string(r);

    if (!r->what && s.len != n) {
        r->at = at;
        czi_rlp_fail(r, "a string of the wrong length");
    }
    return r->what ? NULL : s.data;
}

/* A number of at most `max` bytes. */
static struct czi_slice number(struct czi_rlp *r, size_t max)
{
    const uint8_t *at = r->at;
    struct czi_slice s = czi_rlp_string(r);

    if (r->what)
        return s;
    if (s.len > max || (s.len && s.data[0] == 0)) {
        r->at = at;
        czi_rlp_fail(r, s.len > max ? "a number is too large" : "a number with leading zeroes");
        return (struct czi_slice){0};
    }
    return s;
}

uint64_t czi_rlp_u64(struct czi_rlp *r)
{
    struct czi_slice s = number(r, 8);
    uint64_t v = 0;

    for (size_t i = 0; i < s.len; i++)
        v = v << 8 | s.data[i];
    return v;
}

void czi_rlp_u256(struct czi_rlp *r, uint8_t out[32])
{
    struct czi_slice s = number(r, 32);

    memset(out, 0, 32);
    if (s.len)
        memcpy(out + 32 - s.len, s.data, s.len);
}

struct czi_rlp czi_rlp_list(struct czi_rlp *r)
{
    struct czi_rlp_item item = czi_rlp_item(r);

    if (!r->what && !item.list)
        fail_at(r, &item, "a string where a list belongs");
    if (r->what)
        return *r;
    return (struct czi_rlp){r->start, item.payload.data, item.payload.data + item.payload.len,
                            NULL, 0};
}

int czi_rlp_end(const struct czi_rlp *r, cz_error *err)
{
    if (r->what)
        return czi_fail(err, CZ_INVALID, "byte %zu: %s", r->offset, r->what);
    if (r->at != r->end)
        return czi_fail(err, CZ_INVALID, "byte %zu: more items than belong there",
                        (size_t)(r->at - r->start));
    return CZ_OK;
}

static void validate(struct czi_rlp *r, unsigned depth)
{
    struct czi_rlp inside;
    struct czi_rlp_item item = czi_rlp_item(r);

    if (r->what || !item.list)
        return;
    if (depth == 0) {
        fail_at(r, &item, "lists are nested too deep");
        return;
    }
    inside = czi_rlp(item.payload.data, item.payload.len);
    inside.start = r->start;
    while (czi_rlp_more(&inside))
        validate(&inside, depth - 1);
    if (inside.what) {
        r->what = inside.what;
        r->offset = inside.offset;
    }
}

int czi_rlp_validate(const void *data, size_t len, cz_error *err)
{
    struct czi_rlp r = czi_rlp(data, len);

    validate(&r, CZI_RLP_DEPTH_MAX);
    return czi_rlp_end(&r, err);
}

/* ---- Writer --------------------------------------------------------------------------- */

static size_t length_size(size_t len)
{
    size_t n = 0;

    for (; len; len >>= 8)
        n++;
    return n;
}

size_t czi_rlp_head_size(size_t len)
{
    return len <= SHORT_MAX ? 1 : 1 + length_size(len);
}

static size_t write_head(uint8_t out[CZI_RLP_HEAD_SIZE_MAX], uint8_t base, size_t len)
{
    size_t n = length_size(len);

    if (len <= SHORT_MAX) {
        out[0] = (uint8_t)(base + len);
        return 1;
    }
    out[0] = (uint8_t)(base + SHORT_MAX + n);
    for (size_t i = 0; i < n; i++)
        out[1 + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
    return 1 + n;
}

void czi_rlp_put_string(struct czi_buf *b, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint8_t head[CZI_RLP_HEAD_SIZE_MAX];

    if (len != 1 || bytes[0] >= 0x80)
        czi_buf_put(b, head, write_head(head, 0x80, len));
    czi_buf_put(b, data, len);
}

size_t czi_rlp_write_list_head(uint8_t out[CZI_RLP_HEAD_SIZE_MAX], size_t len)
{
    return write_head(out, 0xc0, len);
}

size_t czi_rlp_write_u64(uint8_t out[CZI_RLP_HEAD_SIZE_MAX], uint64_t v)
{
    size_t n = 0;

    for (uint64_t rest = v; rest; rest >>= 8)
        n++;
    if (n == 1 && v < 0x80) {
        out[0] = (uint8_t)v;
        return 1;
    }
    out[0] = (uint8_t)(0x80 + n);
    for (size_t i = 0; i < n; i++)
        out[1 + i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    return 1 + n;
}

void czi_rlp_put_number(struct czi_buf *b, const uint8_t *be, size_t len)
{
    while (len && !*be) {
        be++;
        len--;
    }
    czi_rlp_put_string(b, be, len);
}

void czi_rlp_put_u64(struct czi_buf *b, uint64_t v)
{
    uint8_t out[CZI_RLP_HEAD_SIZE_MAX];

    czi_buf_put(b, out, czi_rlp_write_u64(out, v));
}

size_t czi_rlp_open(struct czi_buf *b)
{
    return b->len;
}

void czi_rlp_close(struct czi_buf *b, size_t opened)
{
    uint8_t head[CZI_RLP_HEAD_SIZE_MAX];
    size_t len = b->len - opened, n = write_head(head, 0xc0, len);

    if (!czi_buf_reserve(b, n))
        return;
    memmove(b->data + opened + n, b->data + opened, len);
    memcpy(b->data + opened, head, n);
    b->len += n;
}
