/* effects_fields.c - see effects_fields.h.
 *
 * Layer: cli.
 */
#include "cli/effects_fields.h"

#include "base/error.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "resource/resource.h"

#include <stdarg.h>

const char *const czi_field_names[] = {
#define CZI_NAME(field, name) name,
    FIELDS(CZI_NAME)
#undef CZI_NAME
};

int CZI_PRINTF(3, 4)
    czi_fields_bad(struct reader *r, const struct czi_json_token *t, const char *fmt, ...)
{
    char what[CZ_DETAIL_SIZE - 16];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return czi_fail(r->err, CZ_INVALID, "%u: %s", t->at + 1, what);
}

/* Puts the place before what a function of the library said. */
int czi_fields_at(struct reader *r, const struct czi_json_token *t, int rc)
{
    return rc ? czi_wrap(r->err, rc, "%u", t->at + 1) : CZ_OK;
}

bool czi_fields_equal(struct czi_slice s, const char *text)
{
    return s.len == strlen(text) && (!s.len || memcmp(s.data, text, s.len) == 0);
}

/* ---- Objects ---------------------------------------------------------------------------- */

int czi_fields_object(struct reader *r, const struct czi_json_token *self, struct object *o)
{
    const struct czi_json_doc *d = &r->memory->doc;
    const struct czi_json_token *first = czi_json_token(d, 0);
    uint32_t i = (uint32_t)(self - first) + 1;

    *o = (struct object){.self = self};
    if (self->type != CZI_JSON_OBJECT)
        return czi_fields_bad(r, self, "expected an object: {\"op\": …}");
    while (i < self->next) {
        const struct czi_json_token *key = first + i, *value = key + 1;
        unsigned f = 0;

        while (f < FIELD_COUNT && !czi_fields_equal(key->text, czi_field_names[f]))
            f++;
        if (f == FIELD_COUNT)
            return czi_fields_bad(r, key,
                                  "unknown key \"%.*s\"; causality-effects(5) lists the keys",
                                  SHOWN(key->text));
        if (o->has >> f & 1)
            return czi_fields_bad(r, key, "the key \"%s\" is given twice", czi_field_names[f]);
        o->has |= (uint64_t)1 << f;
        o->keys[f] = key;
        o->values[f] = value;
        i = value->next;
    }
    return CZ_OK;
}

/* owner: as it is named in messages. */
int czi_fields_check(struct reader *r, const struct object *o, const char *owner,
                     uint64_t allowed, uint64_t needed)
{
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        if ((o->has & ~allowed) >> f & 1)
            return czi_fields_bad(r, o->keys[f], "the key \"%s\" does not belong to %s",
                                  czi_field_names[f], owner);
        if ((needed & ~o->has) >> f & 1)
            return czi_fields_bad(r, o->self, "%s needs the key \"%s\"", owner,
                                  czi_field_names[f]);
    }
    return CZ_OK;
}

/* ---- Values ----------------------------------------------------------------------------- */

#define JSON_INTEGER_MAX ((1ull << 53) - 1)

int czi_fields_string(struct reader *r, const struct object *o, enum field f,
                      struct czi_slice *ret)
{
    const struct czi_json_token *t = o->values[f];

    CZI_CHECK(t);
    if (t->type != CZI_JSON_STRING)
        return czi_fields_bad(r, t, "\"%s\" must be a string", czi_field_names[f]);
    *ret = t->text;
    return CZ_OK;
}

/* A decimal string, or a JSON integer from 0 to 2^53 - 1. */
int czi_fields_quantity(struct reader *r, const struct object *o, enum field f,
                        cz_quantity *ret)
{
    const struct czi_json_token *t = o->values[f];
    bool number = t->type == CZI_JSON_NUMBER;

    if (!number && t->type != CZI_JSON_STRING)
        return czi_fields_bad(r, t, "\"%s\" must be an integer, or a string of decimal digits",
                              czi_field_names[f]);
    if (!czi_quantity_parse(ret, (const char *)t->text.data, t->text.len))
        return czi_fields_bad(
            r, t,
            "\"%s\": %.*s is no integer of at most 128 bits; write decimal digits "
            "without leading zeroes, point or exponent",
            czi_field_names[f], SHOWN(t->text));
    if (number && (*ret < 0 || *ret > (cz_quantity)JSON_INTEGER_MAX))
        return czi_fields_bad(
            r, t,
            "\"%s\": %.*s is not from 0 to 2^53-1, which is what JSON programs agree "
            "on; write it as a string",
            czi_field_names[f], SHOWN(t->text));
    return CZ_OK;
}

int czi_fields_u64(struct reader *r, const struct object *o, enum field f, uint64_t *ret)
{
    cz_quantity v = 0;
    int rc = czi_fields_quantity(r, o, f, &v);

    if (rc)
        return rc;
    if (v < 0 || v > UINT64_MAX)
        return czi_fields_bad(r, o->values[f], "\"%s\" must lie from 0 to 2^64-1",
                              czi_field_names[f]);
    *ret = (uint64_t)v;
    return CZ_OK;
}

/* [name, label, …]: each is what the one before has created under a label. */
static int read_path(struct reader *r, const struct czi_json_token *list, enum field f,
                     cz_id *ret)
{
    const struct czi_json_token *first = czi_json_token(&r->memory->doc, 0);
    const struct czi_json_token *t = list + 1, *end = first + list->next;
    const char *problem = t == end ? "is empty" : NULL;
    int rc = CZ_OK;

    for (; t < end && !rc && !problem; t = first + t->next) {
        if (t->type != CZI_JSON_STRING)
            return czi_fields_bad(r, t, "\"%s\": a list of names holds strings",
                                  czi_field_names[f]);
        if (t == list + 1)
            rc = czi_fields_at(r, t,
                               czi_name_id((const char *)t->text.data, t->text.len, ret,
                                           r->err));
        else if (!(problem = czi_label_problem(t->text)))
            *ret = czi_identity_id(ret, t->text);
    }
    return !problem
               ? rc
               : czi_fields_bad(r, list, "\"%s\": a label %s", czi_field_names[f], problem);
}

int czi_fields_name(struct reader *r, const struct object *o, enum field f, cz_id *ret)
{
    struct czi_slice text = {0};
    int rc;

    CZI_CHECK(o->values[f]);
    if (o->values[f]->type == CZI_JSON_ARRAY)
        return read_path(r, o->values[f], f, ret);
    rc = czi_fields_string(r, o, f, &text);
    return rc ? rc
              : czi_fields_at(r, o->values[f],
                              czi_name_id((const char *)text.data, text.len, ret, r->err));
}

/* One of the names that name(i) gives until it gives NULL. */
int czi_fields_choice(struct reader *r, const struct object *o, enum field f,
                      const char *const *names, unsigned *ret)
{
    char all[256] = "";
    size_t len = 0;
    struct czi_slice text = {0};
    int rc = czi_fields_string(r, o, f, &text);

    if (rc)
        return rc;
    for (unsigned i = 0; names[i]; i++) {
        if (czi_fields_equal(text, names[i])) {
            *ret = i;
            return CZ_OK;
        }
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", names[i]);
    }
    return czi_fields_bad(r, o->values[f], "\"%s\": \"%.*s\" is none of %s", czi_field_names[f],
                          SHOWN(text), all);
}

int czi_fields_bool(struct reader *r, const struct object *o, enum field f, bool *ret)
{
    const struct czi_json_token *t = o->values[f];

    if (t->type != CZI_JSON_TRUE && t->type != CZI_JSON_FALSE)
        return czi_fields_bad(r, t, "\"%s\" must be true or false", czi_field_names[f]);
    *ret = t->type == CZI_JSON_TRUE;
    return CZ_OK;
}

/* text: the first of three keys, before those for hex and base64. */
static int read_bytes(struct reader *r, const struct object *o, enum field text_field,
                      struct czi_slice *ret)
{
    struct czi_buf *b = &r->memory->data;
    uint64_t has = o->has >> text_field;
    bool hex = has & 2, base64 = has & 4;
    enum field f = text_field + (hex ? 1u : base64 ? 2u : 0u);
    struct czi_slice text = {0};
    uint8_t *out;
    int rc = czi_fields_string(r, o, f, &text);

    *ret = text;
    if (rc || f == text_field)
        return rc;
    if (__builtin_popcountll(has & 7) > 1)
        return czi_fields_bad(r, o->keys[f], "\"%s\" is given more than once",
                              czi_field_names[text_field]);
    b->len = 0;
    out = czi_buf_reserve(b, text.len + 1);
    if (hex && out && czi_unhex(out, text.len / 2, (const char *)text.data, text.len))
        b->len = text.len / 2;
    else if (!out || hex || !czi_unbase64(b, text))
        rc = b->failed ? czi_fields_at(r, o->values[f], czi_nomem(r->err, "data"))
                       : czi_fields_bad(r, o->values[f], "\"%s\" is not %s", czi_field_names[f],
                                        hex ? "an even number of hex digits"
                                            : "base64 with padding (RFC 4648, section 4)");
    *ret = czi_buf_slice(b);
    return rc;
}

_Static_assert(FIELD_DATA_HEX == FIELD_DATA + 1 && FIELD_DATA_BASE64 == FIELD_DATA + 2 &&
                   FIELD_INPUT_HEX == FIELD_INPUT + 1 && FIELD_INPUT_BASE64 == FIELD_INPUT + 2,
               "text, hex, base64");

int czi_fields_data(struct reader *r, const struct object *o, struct czi_slice *ret)
{
    return read_bytes(r, o, FIELD_DATA, ret);
}

int czi_fields_input(struct reader *r, const struct object *o, struct czi_slice *ret)
{
    return read_bytes(r, o, FIELD_INPUT, ret);
}

int czi_fields_copy(struct reader *r, const struct object *o, enum field f,
                    char out[CZI_LABEL_SIZE_MAX + 2])
{
    struct czi_slice text = {0};
    int rc = czi_fields_string(r, o, f, &text);

    if (rc)
        return rc;
    /* One byte too many is enough for the library to refuse it. */
    (void)snprintf(out, CZI_LABEL_SIZE_MAX + 2, "%.*s",
                   (int)CZI_MIN(text.len, (size_t)CZI_LABEL_SIZE_MAX + 1),
                   (const char *)text.data);
    return CZ_OK;
}

/* f: for messages. */
int czi_fields_id(struct reader *r, enum field f, const struct czi_json_token *t, cz_id *ret)
{
    char text[CZ_ID_TEXT_SIZE + 1];

    if (t->type != CZI_JSON_STRING)
        return czi_fields_bad(r, t, "\"%s\" holds ids, which are strings", czi_field_names[f]);
    (void)snprintf(text, sizeof text, "%.*s", (int)CZI_MIN(t->text.len, sizeof text - 1),
                   (const char *)t->text.data);
    return czi_fields_at(r, t, cz_id_parse(text, ret, r->err));
}

/* ---- Lists ------------------------------------------------------------------------------ */

/* Calls fn with each element of an array. */
int czi_fields_each(struct reader *r, const struct object *o, enum field f,
                    int (*fn)(struct reader *r, enum field f, const struct czi_json_token *t,
                              void *arg),
                    void *arg)
{
    const struct czi_json_token *first = czi_json_token(&r->memory->doc, 0);
    const struct czi_json_token *list = o->values[f];
    int rc = CZ_OK;

    if (list->type != CZI_JSON_ARRAY)
        return czi_fields_bad(r, list, "\"%s\" must be an array", czi_field_names[f]);
    for (const struct czi_json_token *t = list + 1; t < first + list->next && !rc;
         t = first + t->next)
        rc = fn(r, f, t, arg);
    return rc;
}
