/* effects_fields.h - the keys of effects in JSON, and the values that stand under them.
 *
 * Layer: cli. Thread: a reader belongs to one. Which keys an object takes, and which it needs,
 * are sets. A key that is unknown, misplaced or given twice is an error at its place; all
 * functions here put "COLUMN: " before what is wrong.
 */
#ifndef CZI_EFFECTS_FIELDS_H
#define CZI_EFFECTS_FIELDS_H

#include "base/limits.h"
#include "cli/effects_json.h"

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
    X(PURPOSE, "purpose")                                                                      \
    X(CAPABILITY, "capability")                                                                \
    X(DOMAIN, "domain")                                                                        \
    X(NOT_BEFORE, "not_before")                                                                \
    X(NOT_AFTER, "not_after")                                                                  \
    X(OUTBOX, "outbox")                                                                        \
    X(RESERVE, "reserve")                                                                      \
    X(DESTINATION, "destination")                                                              \
    X(SIGN, "sign")                                                                            \
    X(THRESHOLD, "threshold")                                                                  \
    X(OWNERS, "owners")                                                                        \
    X(LIMITS, "limits")                                                                        \
    X(WINDOW, "window")                                                                        \
    X(GRANT, "grant")                                                                          \
    X(ACCOUNT, "account")                                                                      \
    X(PARENT, "parent")                                                                        \
    X(HOLDER, "holder")                                                                        \
    X(RIGHTS, "rights")                                                                        \
    X(CEILING, "ceiling")                                                                      \
    X(EXPIRE_DOMAIN, "expire_domain")                                                          \
    X(EXPIRE_TIME, "expire_time")                                                              \
    X(CODE, "code")                                                                            \
    X(GAS, "gas")                                                                              \
    X(ACCESSES, "accesses")                                                                    \
    X(INPUT, "input")                                                                          \
    X(INPUT_HEX, "input_hex")                                                                  \
    X(INPUT_BASE64, "input_base64")

enum field {
#define CZI_DECLARE(field, name) FIELD_##field,
    FIELDS(CZI_DECLARE)
#undef CZI_DECLARE
        FIELD_COUNT
};
_Static_assert(FIELD_COUNT <= 64, "sets of fields are 64 bits");

extern const char *const czi_field_names[];

#define SET(field) ((uint64_t)1 << FIELD_##field)
#define DATA_FIELDS (SET(DATA) | SET(DATA_HEX) | SET(DATA_BASE64))
#define INPUT_FIELDS (SET(INPUT) | SET(INPUT_HEX) | SET(INPUT_BASE64))
#define CONTENTS_FIELDS (DATA_FIELDS | SET(POLICY) | SET(GRANT))
#define COMMON_FIELDS                                                                          \
    (SET(ORIGIN) | SET(NONCE) | SET(PRIORITY) | SET(FACTS) | SET(AFTER) | SET(SIGNATURE) |     \
     SET(SIGN) | SET(ACCESS) | SET(TIME) | SET(PROGRAM))
#define DEPENDENCY_FIELDS                                                                      \
    (SET(FACT) | SET(POLICY) | SET(OPTIONAL) | SET(FINALITY) | SET(DEPTH) | SET(MAX_AGE) |     \
     SET(PURPOSE))

/* An object by its fields. */
struct object {
    const struct czi_json_token *self;
    const struct czi_json_token *keys[FIELD_COUNT], *values[FIELD_COUNT];
    uint64_t has;
};

/* What reading goes on with. */
struct reader {
    struct czi_effect_reader *memory;
    cz_effect *effect;
    cz_error *err;
};

/* As much of a text from outside as a message shows. */
#define SHOWN(s) (int)CZI_MIN((s).len, (size_t)40), (const char *)(s).data

CZI_MUST_USE int CZI_PRINTF(3, 4)
    czi_fields_bad(struct reader *r, const struct czi_json_token *t, const char *fmt, ...);
CZI_MUST_USE int czi_fields_at(struct reader *r, const struct czi_json_token *t, int rc);
CZI_MUST_USE bool czi_fields_equal(struct czi_slice s, const char *text);
CZI_MUST_USE int czi_fields_object(struct reader *r, const struct czi_json_token *self,
                                   struct object *o);
/* owner: as it is named in messages. */
CZI_MUST_USE int czi_fields_check(struct reader *r, const struct object *o, const char *owner,
                                  uint64_t allowed, uint64_t needed);
CZI_MUST_USE int czi_fields_string(struct reader *r, const struct object *o, enum field f,
                                   struct czi_slice *ret);
/* A decimal string, or a JSON integer from 0 to 2^53 - 1. */
CZI_MUST_USE int czi_fields_quantity(struct reader *r, const struct object *o, enum field f,
                                     cz_quantity *ret);
CZI_MUST_USE int czi_fields_u64(struct reader *r, const struct object *o, enum field f,
                                uint64_t *ret);
/* A label of the operator's, the text of an id, or [name, label]: what that resource has
 * created under a label. */
CZI_MUST_USE int czi_fields_name(struct reader *r, const struct object *o, enum field f,
                                 cz_id *ret);
/* One of the names, which NULL ends. */
CZI_MUST_USE int czi_fields_choice(struct reader *r, const struct object *o, enum field f,
                                   const char *const *names, unsigned *ret);
CZI_MUST_USE int czi_fields_bool(struct reader *r, const struct object *o, enum field f,
                                 bool *ret);
/* Text, or bytes in hex or base64, under one of the keys of DATA_FIELDS. */
CZI_MUST_USE int czi_fields_data(struct reader *r, const struct object *o,
                                 struct czi_slice *ret);
/* The same of INPUT_FIELDS. */
CZI_MUST_USE int czi_fields_input(struct reader *r, const struct object *o,
                                  struct czi_slice *ret);
CZI_MUST_USE int czi_fields_copy(struct reader *r, const struct object *o, enum field f,
                                 char out[CZI_LABEL_SIZE_MAX + 2]);
/* f: for messages. */
CZI_MUST_USE int czi_fields_id(struct reader *r, enum field f, const struct czi_json_token *t,
                               cz_id *ret);
/* Calls fn with each element of an array. */
CZI_MUST_USE int czi_fields_each(struct reader *r, const struct object *o, enum field f,
                                 int (*fn)(struct reader *r, enum field f,
                                           const struct czi_json_token *t, void *arg),
                                 void *arg);

/* effects_account.c: the bytes of an account or a capability, from "policy" or "grant". */
CZI_MUST_USE int czi_fields_policy(struct reader *r, const struct object *o,
                                   struct czi_slice *ret);
CZI_MUST_USE int czi_fields_grant(struct reader *r, const struct object *o,
                                  struct czi_slice *ret);

#endif
