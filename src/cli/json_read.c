/* json_read.c - see json_read.h. Source: RFC 8259. */
#include "cli/json_read.h"

#include "base/limits.h"
#include "codec/dag_cbor.h"

#include <nettle/base64.h>

bool czi_unbase64(struct czi_buf *b, struct czi_slice text)
{
    struct base64_decode_ctx ctx;
    size_t len = BASE64_DECODE_LENGTH(text.len);
    uint8_t *out = czi_buf_reserve(b, len + BASE64_ENCODE_RAW_LENGTH(len));

    if (!out)
        return false;
    base64_decode_init(&ctx);
    if (!base64_decode_update(&ctx, &len, out, text.len, (const char *)text.data) ||
        !base64_decode_final(&ctx))
        return false;
    base64_encode_raw((char *)out + len, len, out);
    if (BASE64_ENCODE_RAW_LENGTH(len) != text.len ||
        (text.len && memcmp(out + len, text.data, text.len) != 0))
        return false;
    b->len += len;
    return true;
}

struct parser {
    struct czi_json_doc *doc;
    const char *start, *at, *end;
    unsigned depth;
};

static bool value(struct parser *p);

static bool fail(struct parser *p, const char *where, const char *what)
{
    p->doc->what = what;
    p->doc->at = (size_t)(where - p->start);
    return false;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end &&
           (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n'))
        p->at++;
}

static bool next_is(const struct parser *p, char c)
{
    return p->at < p->end && *p->at == c;
}

static bool is_digit(const struct parser *p)
{
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

static bool add(struct parser *p, enum czi_json_type type, const char *at)
{
    struct czi_json_token t = {.type = (uint8_t)type, .at = (uint32_t)(at - p->start)};

    t.next = czi_json_count(p->doc) + 1;
    czi_buf_put(&p->doc->tokens, &t, sizeof t);
    return p->doc->tokens.failed ? fail(p, at, "out of memory") : true;
}

static struct czi_json_token *token(struct parser *p, uint32_t i)
{
    return (struct czi_json_token *)(void *)p->doc->tokens.data + i;
}

/* ---- Strings ---------------------------------------------------------------------------- */

/* The code unit of four hex digits, or -1. */
static int32_t hex4(struct parser *p)
{
    uint8_t v[2];

    if (p->end - p->at < 4 || !czi_unhex(v, 2, p->at, 4))
        return -1;
    p->at += 4;
    return v[0] << 8 | v[1];
}

static void put_utf8(struct czi_buf *b, uint32_t c)
{
    if (c < 0x80) {
        czi_buf_put_byte(b, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        czi_buf_put_byte(b, (uint8_t)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            czi_buf_put_byte(b, (uint8_t)(0xe0 | c >> 12));
        } else {
            czi_buf_put_byte(b, (uint8_t)(0xf0 | c >> 18));
            czi_buf_put_byte(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        }
        czi_buf_put_byte(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    }
    czi_buf_put_byte(b, (uint8_t)(0x80 | (c & 0x3f)));
}

/* After "\u"; escape is where the backslash stands. */
static bool unicode(struct parser *p, const char *escape)
{
    int32_t c = hex4(p), low;

    if (c < 0)
        return fail(p, escape, "\\u takes four hex digits");
    if (c == 0)
        return fail(p, escape, "U+0000 in a string; data with zero bytes goes into data_hex");
    if (c >= 0xd800 && c < 0xe000) {
        if (c >= 0xdc00 || p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u')
            return fail(p, escape, "half of a surrogate pair");
        p->at += 2;
        low = hex4(p);
        if (low < 0xdc00 || low >= 0xe000)
            return fail(p, escape, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(&p->doc->decoded, (uint32_t)c);
    return true;
}

static bool escape(struct parser *p)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = p->at++, *found;

    if (p->at == p->end)
        return fail(p, at, "the line ends within a string");
    if (*p->at == 'u') {
        p->at++;
        return unicode(p, at);
    }
    found = *p->at ? strchr(from, *p->at) : NULL;
    if (!found)
        return fail(p, at, "an unknown escape in a string");
    p->at++;
    czi_buf_put_byte(&p->doc->decoded, (uint8_t)to[found - from]);
    return true;
}

/* The decoded bytes never move: room for the whole document was made before. */
static bool string(struct parser *p)
{
    const char *open = p->at++, *plain = p->at;
    size_t decoded = p->doc->decoded.len;
    struct czi_json_token *t;
    bool escaped = false;

    if (!add(p, CZI_JSON_STRING, open))
        return false;
    while (p->at < p->end && *p->at != '"') {
        if ((uint8_t)*p->at < 0x20)
            return fail(p, p->at, "a control character in a string");
        if (*p->at != '\\') {
            p->at++;
            continue;
        }
        escaped = true;
        czi_buf_put(&p->doc->decoded, plain, (size_t)(p->at - plain));
        if (!escape(p))
            return false;
        plain = p->at;
    }
    if (p->at == p->end)
        return fail(p, open, "the line ends within this string");
    if (escaped)
        czi_buf_put(&p->doc->decoded, plain, (size_t)(p->at - plain));
    t = token(p, czi_json_count(p->doc) - 1);
    t->text.data = escaped ? p->doc->decoded.data + decoded : (const uint8_t *)plain;
    t->text.len = escaped ? p->doc->decoded.len - decoded : (size_t)(p->at - plain);
    p->at++;
    return czi_utf8_valid(t->text.data, t->text.len) ||
           fail(p, open, "this string is not UTF-8");
}

/* ---- The rest --------------------------------------------------------------------------- */

static bool digits(struct parser *p)
{
    if (!is_digit(p))
        return fail(p, p->at, "expected a digit");
    while (is_digit(p))
        p->at++;
    return true;
}

static bool number(struct parser *p)
{
    const char *start = p->at;
    struct czi_json_token *t;

    if (!add(p, CZI_JSON_NUMBER, start))
        return false;
    p->at += *p->at == '-';
    if (next_is(p, '0'))
        p->at++;
    else if (!digits(p))
        return false;
    if (is_digit(p))
        return fail(p, start, "a number with a leading zero");
    if (next_is(p, '.')) {
        p->at++;
        if (!digits(p))
            return false;
    }
    if (next_is(p, 'e') || next_is(p, 'E')) {
        p->at++;
        if (next_is(p, '+') || next_is(p, '-'))
            p->at++;
        if (!digits(p))
            return false;
    }
    t = token(p, czi_json_count(p->doc) - 1);
    t->text = (struct czi_slice){(const uint8_t *)start, (size_t)(p->at - start)};
    return true;
}

static bool word(struct parser *p, const char *text, enum czi_json_type type)
{
    size_t len = strlen(text);

    if ((size_t)(p->end - p->at) < len || memcmp(p->at, text, len) != 0)
        return fail(p, p->at, "expected a JSON value");
    if (!add(p, type, p->at))
        return false;
    p->at += len;
    return true;
}

static bool member(struct parser *p)
{
    if (!next_is(p, '"'))
        return fail(p, p->at, "expected a key in double quotes");
    if (!string(p))
        return false;
    skip_space(p);
    if (!next_is(p, ':'))
        return fail(p, p->at, "expected ':' after the key");
    p->at++;
    skip_space(p);
    return value(p);
}

/* An object or an array. */
static bool container(struct parser *p, bool object)
{
    const char *open = p->at++;
    char close = object ? '}' : ']';
    uint32_t self = czi_json_count(p->doc);
    bool first = true;

    if (!add(p, object ? CZI_JSON_OBJECT : CZI_JSON_ARRAY, open))
        return false;
    if (++p->depth > CZI_JSON_DEPTH_MAX)
        return fail(p, open, "arrays and objects nest too deep");
    for (skip_space(p); !(first && next_is(p, close)); first = false) {
        if (!(object ? member(p) : value(p)))
            return false;
        skip_space(p);
        if (next_is(p, close))
            break;
        if (!next_is(p, ','))
            return fail(p, p->at, object ? "expected ',' or '}'" : "expected ',' or ']'");
        p->at++;
        skip_space(p);
    }
    p->at++;
    p->depth--;
    token(p, self)->next = czi_json_count(p->doc);
    return true;
}

static bool value(struct parser *p)
{
    if (p->at == p->end)
        return fail(p, p->at, "the line ends where a JSON value is expected");
    switch (*p->at) {
    case '{':
        return container(p, true);
    case '[':
        return container(p, false);
    case '"':
        return string(p);
    case 't':
        return word(p, "true", CZI_JSON_TRUE);
    case 'f':
        return word(p, "false", CZI_JSON_FALSE);
    case 'n':
        return word(p, "null", CZI_JSON_NULL);
    default:
        if (*p->at == '-' || is_digit(p))
            return number(p);
        return fail(p, p->at, "expected a JSON value");
    }
}

void czi_json_doc_done(struct czi_json_doc *d)
{
    czi_buf_done(&d->tokens);
    czi_buf_done(&d->decoded);
    *d = (struct czi_json_doc){.size_max = d->size_max};
}

bool czi_json_parse(struct czi_json_doc *d, const char *text, size_t len)
{
    struct parser p = {d, text, text, text + len, 0};
    size_t size_max = d->size_max ? d->size_max : CZI_JSON_LINE_MAX;

    d->tokens.len = d->decoded.len = 0;
    d->what = NULL;
    if (len > size_max)
        return fail(&p, text,
                    d->size_max ? "the line is too long"
                                : "the line is longer than CZI_JSON_LINE_MAX (262144 bytes)");
    if (memchr(text, '\\', len) && !czi_buf_reserve(&d->decoded, len))
        return fail(&p, text, "out of memory");
    skip_space(&p);
    if (!value(&p))
        return false;
    skip_space(&p);
    return p.at == p.end || fail(&p, p.at, "something follows the JSON value");
}
