/* effects_json.c - see effects_json.h.
 *
 * Layer: cli. Which keys an operation takes, and which it needs, is a table. A key that is
 * unknown, misplaced or given twice is an error at its place.
 */
#include "cli/effects_json.h"

#include "base/error.h"
#include "cli/cli.h"
#include "cli/effects_fields.h"
#include "effect/effect.h"

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
    bool policy = o->has & SET(POLICY), grant = o->has & SET(GRANT);
    int rc = CZ_OK;

    if (o->has & SET(KIND))
        rc = czi_fields_choice(r, o, FIELD_KIND, kinds, &kind);
    else if (policy || grant)
        kind = policy ? CZ_ACCOUNT : CZ_CAPABILITY;
    else if (data && !asset)
        kind = CZ_DATA;
    else if (!asset || data)
        rc = czi_fields_bad(
            r, o->self,
            "create: what kind? Give an \"asset\" (fungible), \"data\", a \"policy\" "
            "(account) or a \"grant\" (capability), or name the \"kind\"");
    *ret = (enum cz_kind)kind;
    return rc;
}

/* What a resource shall hold, under whichever key; none: nothing. */
static int read_contents(struct reader *r, const struct object *o, struct czi_slice *ret)
{
    uint64_t has = o->has & CONTENTS_FIELDS;

    if (has & SET(POLICY) || has & SET(GRANT)) {
        if (__builtin_popcountll(has) > 1)
            return czi_fields_bad(r, o->self, "what it holds is given more than once");
        return has & SET(POLICY) ? czi_fields_policy(r, o, ret) : czi_fields_grant(r, o, ret);
    }
    return has ? czi_fields_data(r, o, ret) : CZ_OK;
}

static int add_create(struct reader *r, const struct object *o, unsigned code)
{
    char label[CZI_LABEL_SIZE_MAX + 2], asset[CZI_ASSET_SIZE_MAX + 2];
    cz_creation c = {.creator = cz_operator(), .label = label};
    struct czi_slice data = {0};
    int rc = czi_fields_copy(r, o, FIELD_RESOURCE, label);

    (void)code;
    if (!rc)
        rc = read_kind(r, o, &c.kind);
    if (!rc && o->has & SET(ASSET)) {
        rc = czi_fields_copy(r, o, FIELD_ASSET, asset);
        c.asset = asset;
    }
    if (!rc && o->has & SET(QUANTITY))
        rc = czi_fields_quantity(r, o, FIELD_QUANTITY, &c.quantity);
    if (!rc && o->has & SET(CREATOR))
        rc = czi_fields_name(r, o, FIELD_CREATOR, &c.creator);
    c.controller = c.creator;
    if (!rc && o->has & SET(CONTROLLER))
        rc = czi_fields_name(r, o, FIELD_CONTROLLER, &c.controller);
    if (!rc && o->has & SET(IF_ABSENT))
        rc = czi_fields_bool(r, o, FIELD_IF_ABSENT, &c.if_absent);
    if (!rc)
        rc = read_contents(r, o, &data);
    c.data = data.data;
    c.data_len = data.len;
    return rc ? rc : czi_fields_at(r, o->self, cz_effect_create(r->effect, &c, r->err));
}

static int add_pair(struct reader *r, const struct object *o, unsigned code)
{
    cz_quantity quantity = 0;
    cz_id from = {{0}}, to = {{0}};
    int rc = czi_fields_name(r, o, FIELD_FROM, &from);

    if (!rc)
        rc = czi_fields_name(r, o, FIELD_TO, &to);
    if (!rc)
        rc = czi_fields_quantity(r, o, FIELD_QUANTITY, &quantity);
    if (rc)
        return rc;
    return czi_fields_at(r, o->values[FIELD_QUANTITY],
                         (code == CZI_OP_TRANSFER
                              ? cz_effect_transfer
                              : cz_effect_move)(r->effect, &from, &to, quantity, r->err));
}

static int add_write(struct reader *r, const struct object *o, unsigned code)
{
    struct czi_slice data = {0};
    cz_id id = {{0}};
    int rc = czi_fields_name(r, o, FIELD_RESOURCE, &id);

    (void)code;
    if (!rc && !(o->has & CONTENTS_FIELDS))
        rc = czi_fields_bad(r, o->self,
                            "\"write\" needs \"data\", \"data_hex\" or \"data_base64\"; of "
                            "an account, \"policy\"");
    if (!rc)
        rc = read_contents(r, o, &data);
    return rc ? rc
              : czi_fields_at(r, o->self,
                              cz_effect_write(r->effect, &id, data.data, data.len, r->err));
}

static int add_lifecycle(struct reader *r, const struct object *o, unsigned code)
{
    static int (*const adders[CZI_OPCODES])(cz_effect *, const cz_id *, cz_error *) = {
        [CZI_OP_LOCK] = cz_effect_lock,       [CZI_OP_UNLOCK] = cz_effect_unlock,
        [CZI_OP_FREEZE] = cz_effect_freeze,   [CZI_OP_UNFREEZE] = cz_effect_unfreeze,
        [CZI_OP_CONSUME] = cz_effect_consume, [CZI_OP_ARCHIVE] = cz_effect_archive,
    };
    cz_id id = {{0}};
    int rc = czi_fields_name(r, o, FIELD_RESOURCE, &id);

    return rc ? rc : czi_fields_at(r, o->self, adders[code](r->effect, &id, r->err));
}

static int add_require(struct reader *r, const struct object *o, unsigned code)
{
    cz_requirement q = {.has_state = o->has & SET(STATE),
                        .has_version = o->has & SET(VERSION),
                        .has_quantity = o->has & SET(QUANTITY)};
    unsigned state = 0;
    cz_id id = {{0}};
    int rc = czi_fields_name(r, o, FIELD_RESOURCE, &id);

    (void)code;
    if (!rc && q.has_state)
        rc = czi_fields_choice(r, o, FIELD_STATE, states, &state);
    if (!rc && q.has_version)
        rc = czi_fields_u64(r, o, FIELD_VERSION, &q.version);
    if (!rc && q.has_quantity)
        rc = czi_fields_quantity(r, o, FIELD_QUANTITY, &q.quantity);
    q.state = (enum cz_state)state;
    return rc ? rc : czi_fields_at(r, o->self, cz_effect_require(r->effect, &id, &q, r->err));
}

static int add_use(struct reader *r, const struct object *o, unsigned code)
{
    unsigned mode = CZ_READ;
    cz_id id = {{0}};
    int rc = czi_fields_name(r, o, FIELD_CAPABILITY, &id);

    (void)code;
    if (!rc && o->has & SET(MODE))
        rc = czi_fields_choice(r, o, FIELD_MODE, modes, &mode);
    return rc ? rc
              : czi_fields_at(r, o->self,
                              cz_effect_use(r->effect, &id, (enum cz_access)mode, r->err));
}

static int add_note(struct reader *r, const struct object *o, unsigned code)
{
    struct czi_slice data = {0};
    int rc = CZ_OK;

    (void)code;
    if (!(o->has & DATA_FIELDS))
        rc = czi_fields_bad(r, o->self,
                            "\"note\" needs \"data\", \"data_hex\" or \"data_base64\"");
    if (!rc)
        rc = czi_fields_data(r, o, &data);
    return rc ? rc
              : czi_fields_at(r, o->self,
                              cz_effect_note(r->effect, data.data, data.len, r->err));
}

static int add_when(struct reader *r, const struct object *o, unsigned code)
{
    uint64_t not_before = 0, not_after = UINT64_MAX;
    char domain[CZI_LABEL_SIZE_MAX + 2];
    int rc = czi_fields_copy(r, o, FIELD_DOMAIN, domain);

    (void)code;
    if (!rc && !(o->has & (SET(NOT_BEFORE) | SET(NOT_AFTER))))
        rc = czi_fields_bad(r, o->self, "\"when\" needs \"not_before\" or \"not_after\"");
    if (!rc && o->has & SET(NOT_BEFORE))
        rc = czi_fields_u64(r, o, FIELD_NOT_BEFORE, &not_before);
    if (!rc && o->has & SET(NOT_AFTER))
        rc = czi_fields_u64(r, o, FIELD_NOT_AFTER, &not_after);
    return rc ? rc
              : czi_fields_at(r, o->self,
                              cz_effect_when(r->effect, domain, not_before, not_after, r->err));
}

static int add_withdraw(struct reader *r, const struct object *o, unsigned code)
{
    char destination[CZI_LABEL_SIZE_MAX + 2];
    cz_id from = {{0}}, outbox = {{0}}, reserve = {{0}};
    cz_quantity quantity = 0;
    int rc = czi_fields_name(r, o, FIELD_FROM, &from);

    (void)code;
    if (!rc)
        rc = czi_fields_name(r, o, FIELD_OUTBOX, &outbox);
    if (!rc)
        rc = czi_fields_name(r, o, FIELD_RESERVE, &reserve);
    if (!rc)
        rc = czi_fields_quantity(r, o, FIELD_QUANTITY, &quantity);
    if (!rc)
        rc = czi_fields_copy(r, o, FIELD_DESTINATION, destination);
    return rc ? rc
              : czi_fields_at(r, o->self,
                              cz_effect_withdraw(r->effect, &from, &outbox, &reserve, quantity,
                                                 destination, r->err));
}

/* What an operation acts on, cited for its purpose unless "facts" says how. */
static int cite_for(struct reader *r, const struct object *o, const char *purpose, cz_id *ret)
{
    cz_dependency d = {.policy = CZ_STILL_TRUE, .purpose = purpose};
    int rc = czi_fields_id(r, FIELD_FACT, o->values[FIELD_FACT], &d.fact);

    *ret = d.fact;
    return rc ? rc : czi_fields_at(r, o->self, cz_effect_depend(r->effect, &d, r->err));
}

static int add_deposit(struct reader *r, const struct object *o, unsigned code)
{
    cz_id to = {{0}}, fact = {{0}};
    int rc = czi_fields_name(r, o, FIELD_TO, &to);

    (void)code;
    if (!rc)
        rc = cite_for(r, o, "deposit", &fact);
    return rc ? rc
              : czi_fields_at(r, o->self, cz_effect_deposit(r->effect, &to, &fact, r->err));
}

/* Confirm and release. */
static int add_closing(struct reader *r, const struct object *o, unsigned code)
{
    bool confirms = code == CZI_OP_CONFIRM;
    cz_id outbox = {{0}}, reserve = {{0}}, to = {{0}}, fact = {{0}};
    int rc = czi_fields_name(r, o, FIELD_OUTBOX, &outbox);

    if (!rc)
        rc = czi_fields_name(r, o, FIELD_RESERVE, &reserve);
    if (!rc && !confirms)
        rc = czi_fields_name(r, o, FIELD_TO, &to);
    if (!rc)
        rc = cite_for(r, o, confirms ? "withdrawal" : NULL, &fact);
    if (rc)
        return rc;
    return czi_fields_at(r, o->self,
                         confirms
                             ? cz_effect_confirm(r->effect, &outbox, &reserve, &fact, r->err)
                             : cz_effect_release(r->effect, &outbox, &reserve, &to, &fact,
                                                 r->err));
}

/* ---- Guests ----------------------------------------------------------------------------- */

/* Where each access of a run goes. */
struct seen {
    cz_guest_access accesses[CZI_ACCESSES_MAX];
    unsigned count;
};

static int read_access(struct reader *r, const struct czi_json_token *t, cz_id *ret,
                       unsigned *ret_mode)
{
    struct object o;
    int rc = czi_fields_object(r, t, &o);

    if (!rc)
        rc = czi_fields_check(r, &o, "an access", SET(RESOURCE) | SET(MODE),
                              SET(RESOURCE) | SET(MODE));
    if (!rc)
        rc = czi_fields_name(r, &o, FIELD_RESOURCE, ret);
    return rc ? rc : czi_fields_choice(r, &o, FIELD_MODE, modes, ret_mode);
}

static int add_seen(struct reader *r, enum field f, const struct czi_json_token *t, void *arg)
{
    struct seen *s = arg;
    cz_guest_access *a = &s->accesses[s->count];
    unsigned mode = CZ_READ;
    int rc;

    if (s->count == CZI_ACCESSES_MAX)
        return czi_fields_bad(r, t, "\"%s\" holds at most %d", czi_field_names[f],
                              CZI_ACCESSES_MAX);
    rc = read_access(r, t, &a->resource, &mode);
    a->mode = mode ? CZ_WRITE : CZ_READ;
    s->count++;
    return rc;
}

/* What a run and a call need. */
static int read_guest(struct reader *r, const struct object *o, cz_id *ret_code,
                      uint64_t *ret_gas, struct czi_slice *ret_input)
{
    int rc = czi_fields_name(r, o, FIELD_CODE, ret_code);

    if (!rc)
        rc = czi_fields_u64(r, o, FIELD_GAS, ret_gas);
    return rc || !(o->has & INPUT_FIELDS) ? rc : czi_fields_input(r, o, ret_input);
}

static int add_run(struct reader *r, const struct object *o, unsigned code)
{
    struct seen seen = {.count = 0};
    struct czi_slice input = {0};
    uint64_t gas = 0;
    cz_id id = {{0}};
    int rc = read_guest(r, o, &id, &gas, &input);

    (void)code;
    if (!rc && o->has & SET(ACCESSES))
        rc = czi_fields_each(r, o, FIELD_ACCESSES, add_seen, &seen);
    return rc ? rc
              : czi_fields_at(r, o->self,
                              cz_effect_run(r->effect, &id, gas, seen.accesses, seen.count,
                                            input.data, input.len, r->err));
}

static int add_call(struct reader *r, const struct object *o, unsigned code)
{
    struct czi_slice input = {0};
    uint64_t gas = 0;
    cz_id id = {{0}};
    int rc = read_guest(r, o, &id, &gas, &input);

    (void)code;
    return rc ? rc
              : czi_fields_at(r, o->self,
                              cz_effect_call(r->effect, &id, gas, input.data, input.len,
                                             r->err));
}

#define LIFECYCLE {add_lifecycle, 0, SET(RESOURCE)}
#define PAIR {add_pair, 0, SET(FROM) | SET(TO) | SET(QUANTITY)}

static const struct {
    int (*add)(struct reader *r, const struct object *o, unsigned code);
    uint64_t optional, needed;
} operations[CZI_OPCODES] = {
    [CZI_OP_CREATE] = {add_create,
                       SET(KIND) | SET(ASSET) | SET(QUANTITY) | CONTENTS_FIELDS | SET(CREATOR) |
                           SET(CONTROLLER) | SET(IF_ABSENT),
                       SET(RESOURCE)},
    [CZI_OP_TRANSFER] = PAIR,
    [CZI_OP_MOVE] = PAIR,
    [CZI_OP_WRITE] = {add_write, CONTENTS_FIELDS, SET(RESOURCE)},
    [CZI_OP_LOCK] = LIFECYCLE,
    [CZI_OP_UNLOCK] = LIFECYCLE,
    [CZI_OP_FREEZE] = LIFECYCLE,
    [CZI_OP_UNFREEZE] = LIFECYCLE,
    [CZI_OP_CONSUME] = LIFECYCLE,
    [CZI_OP_ARCHIVE] = LIFECYCLE,
    [CZI_OP_REQUIRE] = {add_require, SET(STATE) | SET(VERSION) | SET(QUANTITY), SET(RESOURCE)},
    [CZI_OP_USE] = {add_use, SET(MODE), SET(CAPABILITY)},
    [CZI_OP_NOTE] = {add_note, DATA_FIELDS, 0},
    [CZI_OP_WHEN] = {add_when, SET(NOT_BEFORE) | SET(NOT_AFTER), SET(DOMAIN)},
    [CZI_OP_DEPOSIT] = {add_deposit, 0, SET(TO) | SET(FACT)},
    [CZI_OP_WITHDRAW] = {add_withdraw, 0,
                         SET(FROM) | SET(OUTBOX) | SET(RESERVE) | SET(QUANTITY) |
                             SET(DESTINATION)},
    [CZI_OP_CONFIRM] = {add_closing, 0, SET(OUTBOX) | SET(RESERVE) | SET(FACT)},
    [CZI_OP_RELEASE] = {add_closing, 0, SET(OUTBOX) | SET(RESERVE) | SET(TO) | SET(FACT)},
    [CZI_OP_RUN] = {add_run, SET(ACCESSES) | INPUT_FIELDS, SET(CODE) | SET(GAS)},
    [CZI_OP_CALL] = {add_call, INPUT_FIELDS, SET(CODE) | SET(GAS)},
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
        return czi_fields_bad(r, o->self, "an operation needs the key \"op\"");
    rc = czi_fields_choice(r, o, FIELD_OP, opcodes, &code);
    if (rc)
        return rc;
    (void)snprintf(owner, sizeof owner, "\"%s\"", opcodes[code]);
    rc =
        czi_fields_check(r, o, owner,
                         operations[code].optional | operations[code].needed | common | SET(OP),
                         operations[code].needed);
    if (!rc && origin && operations[code].add == add_pair)
        rc = czi_fields_name(r, o, FIELD_FROM, origin);
    return rc ? rc : operations[code].add(r, o, code);
}

/* ---- Lists ------------------------------------------------------------------------------ */

static int add_after(struct reader *r, enum field f, const struct czi_json_token *t, void *arg)
{
    cz_id id;
    int rc = czi_fields_id(r, f, t, &id);

    (void)arg;
    return rc ? rc : czi_fields_at(r, t, cz_effect_follow(r->effect, &id, r->err));
}

static int read_purpose(struct reader *r, const struct object *o,
                        char out[CZI_PURPOSE_SIZE_MAX + 2])
{
    struct czi_slice text = {0};
    int rc = czi_fields_string(r, o, FIELD_PURPOSE, &text);

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
        rc = czi_fields_choice(r, o, FIELD_POLICY, policies, &policy);
    if (!rc && o->has & SET(FINALITY))
        rc = czi_fields_choice(r, o, FIELD_FINALITY, finalities, &finality);
    if (!rc && o->has & SET(DEPTH))
        rc = czi_fields_u64(r, o, FIELD_DEPTH, &d->depth);
    if (!rc && o->has & SET(OPTIONAL))
        rc = czi_fields_bool(r, o, FIELD_OPTIONAL, &d->optional);
    if (!rc && o->has & SET(MAX_AGE))
        rc = czi_fields_u64(r, o, FIELD_MAX_AGE, &d->max_age);
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
        rc = czi_fields_id(r, f, t, &d.fact);
        return rc ? rc : czi_fields_at(r, t, cz_effect_cite(r->effect, &d.fact, r->err));
    }
    rc = czi_fields_object(r, t, &o);
    if (!rc)
        rc = czi_fields_check(r, &o, "a fact that is cited", DEPENDENCY_FIELDS, SET(FACT));
    if (!rc)
        rc = czi_fields_id(r, FIELD_FACT, o.values[FIELD_FACT], &d.fact);
    if (!rc)
        rc = read_terms(r, &o, &d);
    if (!rc && o.has & SET(PURPOSE)) {
        rc = read_purpose(r, &o, purpose);
        d.purpose = purpose;
    }
    return rc ? rc : czi_fields_at(r, t, cz_effect_depend(r->effect, &d, r->err));
}

static int add_access(struct reader *r, enum field f, const struct czi_json_token *t, void *arg)
{
    unsigned mode = 0;
    cz_id id = {{0}};
    int rc = read_access(r, t, &id, &mode);

    (void)f;
    (void)arg;
    return rc ? rc
              : czi_fields_at(r, t,
                              cz_effect_access(r->effect, &id, mode ? CZ_WRITE : CZ_READ,
                                               r->err));
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
    int rc = czi_fields_object(r, t, &o);

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
    int rc = czi_fields_string(r, o, FIELD_SIGNATURE, &text);

    if (!rc && (text.len > 2 * sizeof bytes || text.len % (2 * (size_t)CZI_SIGNER_SIZE) ||
                !czi_unhex(bytes, text.len / 2, (const char *)text.data, text.len)))
        rc = czi_fields_bad(
            r, t, "\"signature\" is not 1 to 16 times 192 hex digits (key, signature)");
    for (size_t i = 0; i < text.len / 2 && !rc; i += CZI_SIGNER_SIZE)
        rc = czi_fields_at(r, t,
                           cz_effect_add_signature(r->effect, bytes + i, bytes + i + 32,
                                                   r->err));
    return rc;
}

static int read_program(struct reader *r, const struct object *o)
{
    const struct czi_json_token *t = o->values[FIELD_PROGRAM];
    uint64_t task = 0;
    struct object p;
    cz_id id = {{0}};
    int rc = czi_fields_object(r, t, &p);

    if (!rc)
        rc = czi_fields_check(r, &p, "a program", SET(ID) | SET(TASK), SET(ID) | SET(TASK));
    if (!rc)
        rc = czi_fields_name(r, &p, FIELD_ID, &id);
    if (!rc)
        rc = czi_fields_u64(r, &p, FIELD_TASK, &task);
    if (!rc && task > UINT32_MAX)
        rc = czi_fields_bad(r, p.values[FIELD_TASK], "\"task\" must lie from 0 to 2^32-1");
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
        return czi_fields_bad(
            r, o->self,
            "an effect needs a \"nonce\": a number that rises with each effect of one "
            "origin, and makes it harmless to send the same effect again");
    rc = czi_fields_u64(r, o, FIELD_NONCE, &nonce);
    if (!rc && nonce == UINT64_MAX)
        rc = czi_fields_bad(r, o->values[FIELD_NONCE], "\"nonce\" must lie from 0 to 2^64-2");
    cz_effect_set_nonce(r->effect, nonce);
    if (!rc && o->has & SET(PRIORITY))
        rc = czi_fields_choice(r, o, FIELD_PRIORITY, priorities, &priority);
    cz_effect_set_priority(r->effect, (enum cz_priority)priority);
    if (!rc && o->has & SET(FACTS))
        rc = czi_fields_each(r, o, FIELD_FACTS, add_fact, NULL);
    if (!rc && o->has & SET(AFTER))
        rc = czi_fields_each(r, o, FIELD_AFTER, add_after, NULL);
    if (!rc && o->has & SET(TIME)) {
        rc = czi_fields_id(r, FIELD_TIME, o->values[FIELD_TIME], &time);
        if (!rc)
            cz_effect_set_time(r->effect, &time);
    }
    if (!rc && o->has & SET(PROGRAM))
        rc = read_program(r, o);
    if (!rc && o->has & SET(ACCESS))
        rc = czi_fields_each(r, o, FIELD_ACCESS, add_access, NULL);
    if (!rc && o->has & SET(SIGNATURE))
        rc = read_signature(r, o);
    return rc;
}

static int add_signer(struct reader *r, enum field f, const struct czi_json_token *t, void *arg)
{
    uint8_t room[32];
    const uint8_t *seed;
    char path[1024];
    int rc;

    (void)arg;
    if (t->type != CZI_JSON_STRING || t->text.len >= sizeof path || !t->text.len)
        return czi_fields_bad(r, t, "\"%s\" holds names of key files", czi_field_names[f]);
    memcpy(path, t->text.data, t->text.len);
    path[t->text.len] = 0;
    /* Standard input may be where this line comes from. */
    if (strcmp(path, "-") == 0)
        return czi_fields_bad(r, t, "\"%s\" holds names of key files", czi_field_names[f]);
    rc = czi_cli_seed(path, room, &seed, r->err);
    if (!rc)
        rc = cz_effect_sign(r->effect, seed, r->err);
    return czi_fields_at(r, t, rc);
}

static int read_effect(struct reader *r, const struct object *o)
{
    struct origin origin = {.id = cz_operator()};
    const uint8_t *bytes;
    size_t len;
    int rc;

    if (o->has & SET(OPS))
        rc = czi_fields_check(r, o, "an effect with \"ops\"", COMMON_FIELDS | SET(OPS), 0);
    else if (!(o->has & SET(OP)))
        rc = czi_fields_bad(r, o->self,
                            "an effect needs the key \"op\", or \"ops\" with a list of them");
    else
        rc = read_operation(r, o, COMMON_FIELDS, &origin.id);
    if (!rc && o->has & SET(OPS))
        rc = czi_fields_each(r, o, FIELD_OPS, add_operation, &origin);
    if (!rc && o->has & SET(OPS) && !origin.taken && !(o->has & SET(PROGRAM)))
        rc = czi_fields_bad(r, o->values[FIELD_OPS], "\"ops\" needs at least one operation");
    if (!rc && o->has & SET(ORIGIN))
        rc = czi_fields_name(r, o, FIELD_ORIGIN, &origin.id);
    if (!rc)
        rc = read_common(r, o);
    cz_effect_set_origin(r->effect, &origin.id);
    /* Everything else is there. */
    if (!rc && o->has & SET(SIGN))
        rc = czi_fields_each(r, o, FIELD_SIGN, add_signer, NULL);
    return rc ? rc
              : czi_fields_at(r, o->self, cz_effect_encode(r->effect, &bytes, &len, r->err));
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
    rc = czi_fields_object(&r, czi_json_token(d, 0), &o);
    return rc ? rc : read_effect(&r, &o);
}

int czi_effect_from_json(const char *text, size_t len, cz_effect *e, cz_error *err)
{
    struct czi_effect_reader memory = {0};
    int rc = czi_effect_read(&memory, text, len, e, err);

    czi_effect_reader_done(&memory);
    return rc;
}
