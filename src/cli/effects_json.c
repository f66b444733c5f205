/* effects_json.c - see effects_json.h.
 *
 * Layer: cli. Which keys an operation takes, and which it needs, is a table. A key that is
 * unknown, misplaced or given twice is an error at its place.
 */
#include "cli/effects_json.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "effect/effect.h"

#include <stdarg.h>

#define FIELDS(X)                                                                              \
    X(OP, "op")                                                                                \
    X(FROM, "from")                                                                            \
    X(TO, "to")                                                                                \
    X(QUANTITY, "quantity")                                                                    \
    X(RESOURCE, "resource")                                                                    \
    X(KIND, "kind")                                                                            \
    X(ASSET, "asset")                                                                          \
    X(DATA, "data")                                                                            \
    X(DATA_HEX, "data_hex")                                                                    \
    X(DATA_BASE64, "data_base64")                                                              \
    X(CREATOR, "creator")                                                                      \
    X(CONTROLLER, "controller")                                                                \
    X(IF_ABSENT, "if_absent")                                                                  \
    X(STATE, "state")                                                                          \
    X(VERSION, "version")                                                                      \
    X(MODE, "mode")                                                                            \
    X(ORIGIN, "origin")                                                                        \
    X(NONCE, "nonce")                                                                          \
    X(PRIORITY, "priority")                                                                    \
    X(FACTS, "facts")                                                                          \
    X(AFTER, "after")                                                                          \
    X(SIGNATURE, "signature")                                                                  \
    X(ACCESS, "access")                                                                        \
    X(OPS, "ops")                                                                              \
    X(TIME, "time")                                                                            \
    X(PROGRAM, "program")                                                                      \
    X(ID, "id")                                                                                \
    X(TASK, "task")                                                                            \
    X(FACT, "fact")                                                                            \
    X(POLICY, "policy")                                                                        \
    X(OPTIONAL, "optional")                                                                    \
    X(FINALITY, "finality")                                                                    \
    X(DEPTH, "depth")                                                                          \
    X(MAX_AGE, "max_age")                                                                      \
    X(PURPOSE, "purpose")

enum field {
#define CZI_DECLARE(field, name) FIELD_##field,
    FIELDS(CZI_DECLARE)
#undef CZI_DECLARE
        FIELD_COUNT
};
_Static_assert(FIELD_COUNT <= 64, "sets of fields are 64 bits");

static const char *const field_names[] = {
#define CZI_NAME(field, name) name,
    FIELDS(CZI_NAME)
#undef CZI_NAME
};

#define SET(field) ((uint64_t)1 << FIELD_##field)
#define DATA_FIELDS (SET(DATA) | SET(DATA_HEX) | SET(DATA_BASE64))
#define COMMON_FIELDS                                                                          \
    (SET(ORIGIN) | SET(NONCE) | SET(PRIORITY) | SET(FACTS) | SET(AFTER) | SET(SIGNATURE) |     \
     SET(ACCESS) | SET(TIME) | SET(PROGRAM))
#define DEPENDENCY_FIELDS                                                                      \
    (SET(FACT) | SET(POLICY) | SET(OPTIONAL) | SET(FINALITY) | SET(DEPTH) | SET(MAX_AGE) |     \
     SET(PURPOSE))

/* An object by its fields. */
struct object {
    const struct czi_json_token *self;
    const struct czi_json_token *keys[FIELD_COUNT], *values[FIELD_COUNT];
    uint64_t has;
};

struct reader {
    struct czi_effect_reader *memory;
    cz_effect *effect;
    cz_error *err;
};

static int CZI_PRINTF(3, 4)
    bad(struct reader *r, const struct czi_json_token *t, const char *fmt, ...)
{
    char what[CZ_DETAIL_SIZE - 16];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return czi_fail(r->err, CZ_INVALID, "%u: %s", t->at + 1, what);
}

/* Puts the place before what a function of the library said. */
static int at(struct reader *r, const struct czi_json_token *t, int rc)
{
    return rc ? czi_wrap(r->err, rc, "%u", t->at + 1) : CZ_OK;
}

static bool equals(struct czi_slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

/* As much of a text from outside as a message shows. */
#define SHOWN(s) (int)CZI_MIN((s).len, (size_t)40), (const char *)(s).data

/* ---- Objects ---------------------------------------------------------------------------- */

static int read_object(struct reader *r, const struct czi_json_token *self, struct object *o)
{
    const struct czi_json_doc *d = &r->memory->doc;
    const struct czi_json_token *first = czi_json_token(d, 0);
    uint32_t i = (uint32_t)(self - first) + 1;

    *o = (struct object){.self = self};
    if (self->type != CZI_JSON_OBJECT)
        return bad(r, self, "expected an object: {\"op\": …}");
    while (i < self->next) {
        const struct czi_json_token *key = first + i, *value = key + 1;
        unsigned f = 0;

        while (f < FIELD_COUNT && !equals(key->text, field_names[f]))
            f++;
        if (f == FIELD_COUNT)
            return bad(r, key, "unknown key \"%.*s\"; causality-effects(5) lists the keys",
                       SHOWN(key->text));
        if (o->has >> f & 1)
            return bad(r, key, "the key \"%s\" is given twice", field_names[f]);
        o->has |= (uint64_t)1 << f;
        o->keys[f] = key;
        o->values[f] = value;
        i = value->next;
    }
    return CZ_OK;
}

/* owner: as it is named in messages. */
static int check_fields(struct reader *r, const struct object *o, const char *owner,
                        uint64_t allowed, uint64_t needed)
{
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        if ((o->has & ~allowed) >> f & 1)
            return bad(r, o->keys[f], "the key \"%s\" does not belong to %s", field_names[f],
                       owner);
        if ((needed & ~o->has) >> f & 1)
            return bad(r, o->self, "%s needs the key \"%s\"", owner, field_names[f]);
    }
    return CZ_OK;
}

/* ---- Values ----------------------------------------------------------------------------- */

#define JSON_INTEGER_MAX ((1ull << 53) - 1)

static int read_string(struct reader *r, const struct object *o, enum field f,
                       struct czi_slice *ret)
{
    const struct czi_json_token *t = o->values[f];

    CZI_CHECK(t);
    if (t->type != CZI_JSON_STRING)
        return bad(r, t, "\"%s\" must be a string", field_names[f]);
    *ret = t->text;
    return CZ_OK;
}

/* A decimal string, or a JSON integer from 0 to 2^53 - 1. */
static int read_quantity(struct reader *r, const struct object *o, enum field f,
                         cz_quantity *ret)
{
    const struct czi_json_token *t = o->values[f];
    bool number = t->type == CZI_JSON_NUMBER;

    if (!number && t->type != CZI_JSON_STRING)
        return bad(r, t, "\"%s\" must be an integer, or a string of decimal digits",
                   field_names[f]);
    if (!czi_quantity_parse(ret, (const char *)t->text.data, t->text.len))
        return bad(r, t,
                   "\"%s\": %.*s is no integer of at most 128 bits; write decimal digits "
                   "without leading zeroes, point or exponent",
                   field_names[f], SHOWN(t->text));
    if (number && (*ret < 0 || *ret > (cz_quantity)JSON_INTEGER_MAX))
        return bad(r, t,
                   "\"%s\": %.*s is not from 0 to 2^53-1, which is what JSON programs agree "
                   "on; write it as a string",
                   field_names[f], SHOWN(t->text));
    return CZ_OK;
}

static int read_u64(struct reader *r, const struct object *o, enum field f, uint64_t *ret)
{
    cz_quantity v = 0;
    int rc = read_quantity(r, o, f, &v);

    if (rc)
        return rc;
    if (v < 0 || v > UINT64_MAX)
        return bad(r, o->values[f], "\"%s\" must lie from 0 to 2^64-1", field_names[f]);
    *ret = (uint64_t)v;
    return CZ_OK;
}

/* A label of the operator's, or the text of an id. */
static int read_name(struct reader *r, const struct object *o, enum field f, cz_id *ret)
{
    struct czi_slice text = {0};
    int rc = read_string(r, o, f, &text);

    return rc ? rc
              : at(r, o->values[f],
                   czi_name_id((const char *)text.data, text.len, ret, r->err));
}

/* One of the names that name(i) gives until it gives NULL. */
static int read_choice(struct reader *r, const struct object *o, enum field f,
                       const char *const *names, unsigned *ret)
{
    char all[160] = "";
    size_t len = 0;
    struct czi_slice text = {0};
    int rc = read_string(r, o, f, &text);

    if (rc)
        return rc;
    for (unsigned i = 0; names[i]; i++) {
        if (equals(text, names[i])) {
            *ret = i;
            return CZ_OK;
        }
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", names[i]);
    }
    return bad(r, o->values[f], "\"%s\": \"%.*s\" is none of %s", field_names[f], SHOWN(text),
               all);
}

static int read_bool(struct reader *r, const struct object *o, enum field f, bool *ret)
{
    const struct czi_json_token *t = o->values[f];

    if (t->type != CZI_JSON_TRUE && t->type != CZI_JSON_FALSE)
        return bad(r, t, "\"%s\" must be true or false", field_names[f]);
    *ret = t->type == CZI_JSON_TRUE;
    return CZ_OK;
}

static int read_data(struct reader *r, const struct object *o, struct czi_slice *ret)
{
    struct czi_buf *b = &r->memory->data;
    bool hex = o->has & SET(DATA_HEX), base64 = o->has & SET(DATA_BASE64);
    enum field f = hex ? FIELD_DATA_HEX : base64 ? FIELD_DATA_BASE64 : FIELD_DATA;
    struct czi_slice text = {0};
    uint8_t *out;
    int rc = read_string(r, o, f, &text);

    *ret = text;
    if (rc || f == FIELD_DATA)
        return rc;
    if (__builtin_popcountll(o->has & DATA_FIELDS) > 1)
        return bad(r, o->keys[f], "data is given more than once");
    b->len = 0;
    out = czi_buf_reserve(b, text.len + 1);
    if (hex && out && czi_unhex(out, text.len / 2, (const char *)text.data, text.len))
        b->len = text.len / 2;
    else if (!out || hex || !czi_unbase64(b, text))
        rc = b->failed ? at(r, o->values[f], czi_nomem(r->err, "data"))
                       : bad(r, o->values[f], "\"%s\" is not %s", field_names[f],
                             hex ? "an even number of hex digits"
                                 : "base64 with padding (RFC 4648, section 4)");
    *ret = czi_buf_slice(b);
    return rc;
}

/* ---- Operations ------------------------------------------------------------------------- */

/* Ended by NULL, for read_choice. */
static const char *const kinds[] = {
#define CZI_NAME(name, value, text) text,
    CZ_KINDS(CZI_NAME) NULL
#undef CZI_NAME
};
static const char *const states[] = {
#define CZI_NAME(name, value, text) text,
    CZ_STATES(CZI_NAME) NULL
#undef CZI_NAME
};
static const char *const priorities[] = {"urgent", "high", "normal", "low", NULL};
static const char *const modes[] = {"read", "write", NULL};
/* As the library names them. */
static const char *const policies[] = {"exact", "still-true", "at-least-height", NULL};
static const char *const finalities[] = {"seen", "depth", "safe", "final", NULL};
static const char *const opcodes[] = {
#define CZI_NAME(code, value, name, arguments) name,
    CZI_OPERATIONS(CZI_NAME) NULL
#undef CZI_NAME
};

static int read_kind(struct reader *r, const struct object *o, enum cz_kind *ret)
{
    unsigned kind = CZ_FUNGIBLE;
    bool asset = o->has & SET(ASSET), data = o->has & DATA_FIELDS;
    int rc = CZ_OK;

    if (o->has & SET(KIND))
        rc = read_choice(r, o, FIELD_KIND, kinds, &kind);
    else if (data && !asset)
        kind = CZ_DATA;
    else if (!asset || data)
        rc = bad(r, o->self,
                 "create: what kind? Give an \"asset\" (fungible) or \"data\", or name the "
                 "\"kind\"");
    *ret = (enum cz_kind)kind;
    return rc;
}

static int copy_text(struct reader *r, const struct object *o, enum field f,
                     char out[CZI_LABEL_SIZE_MAX + 2])
{
    struct czi_slice text = {0};
    int rc = read_string(r, o, f, &text);

    if (rc)
        return rc;
    /* One byte too many is enough for the library to refuse it. */
    (void)snprintf(out, CZI_LABEL_SIZE_MAX + 2, "%.*s",
                   (int)CZI_MIN(text.len, (size_t)CZI_LABEL_SIZE_MAX + 1),
                   (const char *)text.data);
    return CZ_OK;
}

static int add_create(struct reader *r, const struct object *o, unsigned code)
{
    char label[CZI_LABEL_SIZE_MAX + 2], asset[CZI_ASSET_SIZE_MAX + 2];
    cz_creation c = {.creator = cz_operator(), .label = label};
    struct czi_slice data = {0};
    int rc = copy_text(r, o, FIELD_RESOURCE, label);

    (void)code;
    if (!rc)
        rc = read_kind(r, o, &c.kind);
    if (!rc && o->has & SET(ASSET)) {
        rc = copy_text(r, o, FIELD_ASSET, asset);
        c.asset = asset;
    }
    if (!rc && o->has & SET(QUANTITY))
        rc = read_quantity(r, o, FIELD_QUANTITY, &c.quantity);
    if (!rc && o->has & SET(CREATOR))
        rc = read_name(r, o, FIELD_CREATOR, &c.creator);
    c.controller = c.creator;
    if (!rc && o->has & SET(CONTROLLER))
        rc = read_name(r, o, FIELD_CONTROLLER, &c.controller);
    if (!rc && o->has & SET(IF_ABSENT))
        rc = read_bool(r, o, FIELD_IF_ABSENT, &c.if_absent);
    if (!rc && o->has & DATA_FIELDS)
        rc = read_data(r, o, &data);
    c.data = data.data;
    c.data_len = data.len;
    return rc ? rc : at(r, o->self, cz_effect_create(r->effect, &c, r->err));
}

static int add_pair(struct reader *r, const struct object *o, unsigned code)
{
    cz_quantity quantity = 0;
    cz_id from = {{0}}, to = {{0}};
    int rc = read_name(r, o, FIELD_FROM, &from);

    if (!rc)
        rc = read_name(r, o, FIELD_TO, &to);
    if (!rc)
        rc = read_quantity(r, o, FIELD_QUANTITY, &quantity);
    if (rc)
        return rc;
    return at(r, o->values[FIELD_QUANTITY],
              (code == CZI_OP_TRANSFER ? cz_effect_transfer : cz_effect_move)(r->effect, &from,
                                                                              &to, quantity,
                                                                              r->err));
}

static int add_write(struct reader *r, const struct object *o, unsigned code)
{
    struct czi_slice data = {0};
    cz_id id = {{0}};
    int rc = read_name(r, o, FIELD_RESOURCE, &id);

    (void)code;
    if (!rc && !(o->has & DATA_FIELDS))
        rc = bad(r, o->self, "\"write\" needs \"data\", \"data_hex\" or \"data_base64\"");
    if (!rc)
        rc = read_data(r, o, &data);
    return rc ? rc
              : at(r, o->self, cz_effect_write(r->effect, &id, data.data, data.len, r->err));
}

static int add_lifecycle(struct reader *r, const struct object *o, unsigned code)
{
    static int (*const adders[CZI_OPCODES])(cz_effect *, const cz_id *, cz_error *) = {
        [CZI_OP_LOCK] = cz_effect_lock,       [CZI_OP_UNLOCK] = cz_effect_unlock,
        [CZI_OP_FREEZE] = cz_effect_freeze,   [CZI_OP_UNFREEZE] = cz_effect_unfreeze,
        [CZI_OP_CONSUME] = cz_effect_consume, [CZI_OP_ARCHIVE] = cz_effect_archive,
    };
    cz_id id = {{0}};
    int rc = read_name(r, o, FIELD_RESOURCE, &id);

    return rc ? rc : at(r, o->self, adders[code](r->effect, &id, r->err));
}

static int add_require(struct reader *r, const struct object *o, unsigned code)
{
    cz_requirement q = {.has_state = o->has & SET(STATE),
                        .has_version = o->has & SET(VERSION),
                        .has_quantity = o->has & SET(QUANTITY)};
    unsigned state = 0;
    cz_id id = {{0}};
    int rc = read_name(r, o, FIELD_RESOURCE, &id);

    (void)code;
    if (!rc && q.has_state)
        rc = read_choice(r, o, FIELD_STATE, states, &state);
    if (!rc && q.has_version)
        rc = read_u64(r, o, FIELD_VERSION, &q.version);
    if (!rc && q.has_quantity)
        rc = read_quantity(r, o, FIELD_QUANTITY, &q.quantity);
    q.state = (enum cz_state)state;
    return rc ? rc : at(r, o->self, cz_effect_require(r->effect, &id, &q, r->err));
}

#define LIFECYCLE {add_lifecycle, 0, SET(RESOURCE)}
#define PAIR {add_pair, 0, SET(FROM) | SET(TO) | SET(QUANTITY)}

static const struct {
    int (*add)(struct reader *r, const struct object *o, unsigned code);
    uint64_t optional, needed;
} operations[CZI_OPCODES] = {
    [CZI_OP_CREATE] = {add_create,
                       SET(KIND) | SET(ASSET) | SET(QUANTITY) | DATA_FIELDS | SET(CREATOR) |
                           SET(CONTROLLER) | SET(IF_ABSENT),
                       SET(RESOURCE)},
    [CZI_OP_TRANSFER] = PAIR,
    [CZI_OP_MOVE] = PAIR,
    [CZI_OP_WRITE] = {add_write, DATA_FIELDS, SET(RESOURCE)},
    [CZI_OP_LOCK] = LIFECYCLE,
    [CZI_OP_UNLOCK] = LIFECYCLE,
    [CZI_OP_FREEZE] = LIFECYCLE,
    [CZI_OP_UNFREEZE] = LIFECYCLE,
    [CZI_OP_CONSUME] = LIFECYCLE,
    [CZI_OP_ARCHIVE] = LIFECYCLE,
    [CZI_OP_REQUIRE] = {add_require, SET(STATE) | SET(VERSION) | SET(QUANTITY), SET(RESOURCE)},
};

/* common: the fields that may stand beside the operation's. ret_first: whether to take the
 * default origin from it. */
static int read_operation(struct reader *r, const struct object *o, uint64_t common,
                          cz_id *origin)
{
    unsigned code;
    char owner[16];
    int rc;

    if (!(o->has & SET(OP)))
        return bad(r, o->self, "an operation needs the key \"op\"");
    rc = read_choice(r, o, FIELD_OP, opcodes, &code);
    if (rc)
        return rc;
    (void)snprintf(owner, sizeof owner, "\"%s\"", opcodes[code]);
    rc = check_fields(r, o, owner,
                      operations[code].optional | operations[code].needed | common | SET(OP),
                      operations[code].needed);
    if (!rc && origin && operations[code].add == add_pair)
        rc = read_name(r, o, FIELD_FROM, origin);
    return rc ? rc : operations[code].add(r, o, code);
}

/* ---- Lists ------------------------------------------------------------------------------ */

/* Calls fn with each element of an array. */
static int each(struct reader *r, const struct object *o, enum field f,
                int (*fn)(struct reader *r, enum field f, const struct czi_json_token *t,
                          void *arg),
                void *arg)
{
    const struct czi_json_token *first = czi_json_token(&r->memory->doc, 0);
    const struct czi_json_token *list = o->values[f];
    int rc = CZ_OK;

    if (list->type != CZI_JSON_ARRAY)
        return bad(r, list, "\"%s\" must be an array", field_names[f]);
    for (const struct czi_json_token *t = list + 1; t < first + list->next && !rc;
         t = first + t->next)
        rc = fn(r, f, t, arg);
    return rc;
}

/* f: for messages. */
static int read_id(struct reader *r, enum field f, const struct czi_json_token *t, cz_id *ret)
{
    char text[CZ_ID_TEXT_SIZE + 1];

    if (t->type != CZI_JSON_STRING)
        return bad(r, t, "\"%s\" holds ids, which are strings", field_names[f]);
    (void)snprintf(text, sizeof text, "%.*s", (int)CZI_MIN(t->text.len, sizeof text - 1),
                   (const char *)t->text.data);
    return at(r, t, cz_id_parse(text, ret, r->err));
}

static int add_after(struct reader *r, enum field f, const struct czi_json_token *t, void *arg)
{
    cz_id id;
    int rc = read_id(r, f, t, &id);

    (void)arg;
    return rc ? rc : at(r, t, cz_effect_follow(r->effect, &id, r->err));
}

static int read_purpose(struct reader *r, const struct object *o,
                        char out[CZI_PURPOSE_SIZE_MAX + 2])
{
    struct czi_slice text = {0};
    int rc = read_string(r, o, FIELD_PURPOSE, &text);

    /* One byte too many is enough for the library to refuse it. */
    (void)snprintf(out, CZI_PURPOSE_SIZE_MAX + 2, "%.*s",
                   (int)CZI_MIN(text.len, (size_t)CZI_PURPOSE_SIZE_MAX + 1),
                   rc ? "" : (const char *)text.data);
    return rc;
}

static int read_terms(struct reader *r, const struct object *o, cz_dependency *d)
{
    unsigned policy = CZ_STILL_TRUE, finality = o->has & SET(DEPTH) ? CZ_DEPTH : CZ_SEEN;
    int rc = CZ_OK;

    if (o->has & SET(POLICY))
        rc = read_choice(r, o, FIELD_POLICY, policies, &policy);
    if (!rc && o->has & SET(FINALITY))
        rc = read_choice(r, o, FIELD_FINALITY, finalities, &finality);
    if (!rc && o->has & SET(DEPTH))
        rc = read_u64(r, o, FIELD_DEPTH, &d->depth);
    if (!rc && o->has & SET(OPTIONAL))
        rc = read_bool(r, o, FIELD_OPTIONAL, &d->optional);
    if (!rc && o->has & SET(MAX_AGE))
        rc = read_u64(r, o, FIELD_MAX_AGE, &d->max_age);
    d->has_max_age = o->has & SET(MAX_AGE);
    d->policy = (enum cz_fact_policy)policy;
    d->finality = (enum cz_finality)finality;
    return rc;
}

/* An id, or an object with terms. */
static int add_fact(struct reader *r, enum field f, const struct czi_json_token *t, void *arg)
{
    char purpose[CZI_PURPOSE_SIZE_MAX + 2];
    cz_dependency d = {.policy = CZ_STILL_TRUE};
    struct object o;
    int rc;

    (void)arg;
    if (t->type != CZI_JSON_OBJECT) {
        rc = read_id(r, f, t, &d.fact);
        return rc ? rc : at(r, t, cz_effect_cite(r->effect, &d.fact, r->err));
    }
    rc = read_object(r, t, &o);
    if (!rc)
        rc = check_fields(r, &o, "a fact that is cited", DEPENDENCY_FIELDS, SET(FACT));
    if (!rc)
        rc = read_id(r, FIELD_FACT, o.values[FIELD_FACT], &d.fact);
    if (!rc)
        rc = read_terms(r, &o, &d);
    if (!rc && o.has & SET(PURPOSE)) {
        rc = read_purpose(r, &o, purpose);
        d.purpose = purpose;
    }
    return rc ? rc : at(r, t, cz_effect_depend(r->effect, &d, r->err));
}

static int add_access(struct reader *r, enum field f, const struct czi_json_token *t, void *arg)
{
    struct object o;
    unsigned mode = 0;
    cz_id id = {{0}};
    int rc = read_object(r, t, &o);

    (void)f;
    (void)arg;
    if (!rc)
        rc = check_fields(r, &o, "an access", SET(RESOURCE) | SET(MODE),
                          SET(RESOURCE) | SET(MODE));
    if (!rc)
        rc = read_name(r, &o, FIELD_RESOURCE, &id);
    if (!rc)
        rc = read_choice(r, &o, FIELD_MODE, modes, &mode);
    return rc ? rc
              : at(r, t, cz_effect_access(r->effect, &id, mode ? CZ_WRITE : CZ_READ, r->err));
}

/* arg: where the default origin goes, only for the first. */
struct origin {
    cz_id id;
    bool taken;
};

static int add_operation(struct reader *r, enum field f, const struct czi_json_token *t,
                         void *arg)
{
    struct origin *origin = arg;
    struct object o;
    int rc = read_object(r, t, &o);

    (void)f;
    if (!rc)
        rc = read_operation(r, &o, 0, origin->taken ? NULL : &origin->id);
    origin->taken = true;
    return rc;
}

/* ---- The effect ------------------------------------------------------------------------- */

static int read_signature(struct reader *r, const struct object *o)
{
    const struct czi_json_token *t = o->values[FIELD_SIGNATURE];
    uint8_t bytes[CZI_SIGNATURES_MAX * CZI_SIGNER_SIZE];
    struct czi_slice text = {0};
    int rc = read_string(r, o, FIELD_SIGNATURE, &text);

    if (!rc && (text.len > 2 * sizeof bytes || text.len % (2 * (size_t)CZI_SIGNER_SIZE) ||
                !czi_unhex(bytes, text.len / 2, (const char *)text.data, text.len)))
        rc = bad(r, t, "\"signature\" is not 1 to 16 times 192 hex digits (key, signature)");
    for (size_t i = 0; i < text.len / 2 && !rc; i += CZI_SIGNER_SIZE)
        rc = at(r, t, cz_effect_add_signature(r->effect, bytes + i, bytes + i + 32, r->err));
    return rc;
}

static int read_program(struct reader *r, const struct object *o)
{
    const struct czi_json_token *t = o->values[FIELD_PROGRAM];
    uint64_t task = 0;
    struct object p;
    cz_id id = {{0}};
    int rc = read_object(r, t, &p);

    if (!rc)
        rc = check_fields(r, &p, "a program", SET(ID) | SET(TASK), SET(ID) | SET(TASK));
    if (!rc)
        rc = read_name(r, &p, FIELD_ID, &id);
    if (!rc)
        rc = read_u64(r, &p, FIELD_TASK, &task);
    if (!rc && task > UINT32_MAX)
        rc = bad(r, p.values[FIELD_TASK], "\"task\" must lie from 0 to 2^32-1");
    if (!rc)
        cz_effect_set_program(r->effect, &id, (uint32_t)task);
    return rc;
}

static int read_common(struct reader *r, const struct object *o)
{
    cz_id time;
    unsigned priority = CZ_NORMAL;
    uint64_t nonce = 0;
    int rc;

    if (!(o->has & SET(NONCE)))
        return bad(r, o->self,
                   "an effect needs a \"nonce\": a number that rises with each effect of one "
                   "origin, and makes it harmless to send the same effect again");
    rc = read_u64(r, o, FIELD_NONCE, &nonce);
    if (!rc && nonce == UINT64_MAX)
        rc = bad(r, o->values[FIELD_NONCE], "\"nonce\" must lie from 0 to 2^64-2");
    cz_effect_set_nonce(r->effect, nonce);
    if (!rc && o->has & SET(PRIORITY))
        rc = read_choice(r, o, FIELD_PRIORITY, priorities, &priority);
    cz_effect_set_priority(r->effect, (enum cz_priority)priority);
    if (!rc && o->has & SET(FACTS))
        rc = each(r, o, FIELD_FACTS, add_fact, NULL);
    if (!rc && o->has & SET(AFTER))
        rc = each(r, o, FIELD_AFTER, add_after, NULL);
    if (!rc && o->has & SET(TIME)) {
        rc = read_id(r, FIELD_TIME, o->values[FIELD_TIME], &time);
        if (!rc)
            cz_effect_set_time(r->effect, &time);
    }
    if (!rc && o->has & SET(PROGRAM))
        rc = read_program(r, o);
    if (!rc && o->has & SET(ACCESS))
        rc = each(r, o, FIELD_ACCESS, add_access, NULL);
    if (!rc && o->has & SET(SIGNATURE))
        rc = read_signature(r, o);
    return rc;
}

static int read_effect(struct reader *r, const struct object *o)
{
    struct origin origin = {.id = cz_operator()};
    const uint8_t *bytes;
    size_t len;
    int rc;

    if (o->has & SET(OPS))
        rc = check_fields(r, o, "an effect with \"ops\"", COMMON_FIELDS | SET(OPS), 0);
    else if (!(o->has & SET(OP)))
        rc = bad(r, o->self, "an effect needs the key \"op\", or \"ops\" with a list of them");
    else
        rc = read_operation(r, o, COMMON_FIELDS, &origin.id);
    if (!rc && o->has & SET(OPS))
        rc = each(r, o, FIELD_OPS, add_operation, &origin);
    if (!rc && o->has & SET(OPS) && !origin.taken && !(o->has & SET(PROGRAM)))
        rc = bad(r, o->values[FIELD_OPS], "\"ops\" needs at least one operation");
    if (!rc && o->has & SET(ORIGIN))
        rc = read_name(r, o, FIELD_ORIGIN, &origin.id);
    if (!rc)
        rc = read_common(r, o);
    cz_effect_set_origin(r->effect, &origin.id);
    return rc ? rc : at(r, o->self, cz_effect_encode(r->effect, &bytes, &len, r->err));
}

void czi_effect_reader_done(struct czi_effect_reader *r)
{
    czi_json_doc_done(&r->doc);
    czi_buf_done(&r->data);
}

int czi_effect_read(struct czi_effect_reader *memory, const char *text, size_t len,
                    cz_effect *e, cz_error *err)
{
    struct czi_json_doc *d = &memory->doc;
    struct reader r = {memory, e, err};
    struct object o;
    int rc;

    cz_effect_clear(e);
    memory->data.failed = d->tokens.failed = d->decoded.failed = false;
    if (!czi_json_parse(d, text, len))
        return czi_fail(err,
                        len > CZI_JSON_LINE_MAX                 ? CZ_LIMIT
                        : d->tokens.failed || d->decoded.failed ? CZ_NOMEM
                                                                : CZ_INVALID,
                        "%zu: %s", d->at + 1, d->what);
    rc = read_object(&r, czi_json_token(d, 0), &o);
    return rc ? rc : read_effect(&r, &o);
}

int czi_effect_from_json(const char *text, size_t len, cz_effect *e, cz_error *err)
{
    struct czi_effect_reader memory = {0};
    int rc = czi_effect_read(&memory, text, len, e, err);

    czi_effect_reader_done(&memory);
    return rc;
}
