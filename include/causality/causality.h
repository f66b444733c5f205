/* causality.h - the whole public API of libcausality, and its manual.
 *
 * Causality orders and records effects on many resources. An *effect* is one atomic state
 * transition over a declared set of *resources*; it is named by the hash of its canonical
 * bytes. Admission gives each effect a *position*; effects that share a resource apply in
 * position order, and that order is the resource's *log*. Applying an effect yields a
 * *receipt*. Everything is kept in a *store*: a directory with a journal from which every
 * run can be audited and replayed.
 *
 *     cz_engine *engine;
 *     cz_error err = {0};
 *     if (cz_open("ledger", NULL, &engine, &err))
 *         die(err.detail);
 *     cz_effect *e = cz_effect_new();
 *     cz_effect_set_origin(e, &alice);
 *     cz_effect_set_nonce(e, 1);
 *     cz_effect_transfer(e, &alice, &bob, 5);
 *     uint64_t ticket;
 *     cz_result result;
 *     if (cz_submit_effect(engine, e, NULL, NULL, &ticket, &err) ||
 *         cz_wait(engine, ticket, CZ_FOREVER, &result, &err))
 *         die(err.detail);
 *     cz_effect_free(e);
 *     cz_close(engine, &err);
 *
 * Conventions. A function that can fail returns 0 (CZ_OK) or a CZ_* code, and fills an
 * optional cz_error with what failed, where, and what to do. Outputs named ret_* are last
 * and untouched on failure (cz_error excepted). Strings are UTF-8. Nothing here reads a
 * clock for anything that reaches a log. The library never prints and never exits, but that a
 * broken internal invariant aborts, because going on would be untrue. A failed write or fsync
 * stops an engine for good: it is never retried, what it did not confirm is not acknowledged,
 * and every later call returns CZ_CLOSED with the reason (R15). A thread may be cancelled
 * (pthread_cancel) while it waits in the library, which takes effect when it has waited; not in
 * a call that opens, closes, reads logs, audits or exports.
 */
#ifndef CAUSALITY_H
#define CAUSALITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CZ_VERSION_MAJOR 0
#define CZ_VERSION_MINOR 1
#define CZ_VERSION_PATCH 0

#if defined(__GNUC__)
#define CZ_API __attribute__((visibility("default")))
#define CZ_MUST_USE __attribute__((warn_unused_result))
#else
#define CZ_API
#define CZ_MUST_USE
#endif

/* ---- Errors ------------------------------------------------------------------------- */

/* code, value, name */
#define CZ_CODES(X)                                                                            \
    X(CZ_OK, 0, "ok")                                                                          \
    X(CZ_INVALID, 1, "invalid")     /* malformed input or argument */                          \
    X(CZ_NOT_FOUND, 2, "not found") /* no such resource, effect, file, … */                    \
    X(CZ_BUSY, 3, "busy")           /* backlog full, or the store is open elsewhere */         \
    X(CZ_CONFLICT, 4, "conflict")   /* nonce already used by another effect */                 \
    X(CZ_IO, 5, "input/output")     /* the operating system refused */                         \
    X(CZ_CORRUPT, 6, "corrupt")     /* bytes on disk contradict themselves */                  \
    X(CZ_PROOF, 7, "proof")         /* an outside claim whose proof does not hold */           \
    X(CZ_LIMIT, 8, "limit")         /* a bound of limits.h; the detail names it */             \
    X(CZ_NOMEM, 9, "out of memory")                                                            \
    X(CZ_TIMEOUT, 10, "timeout") /* waited as long as was allowed */                           \
    X(CZ_CLOSED, 11, "closed")   /* the engine stopped, by cz_close or by an earlier error */  \
    X(CZ_DIFFERS, 12, "differs") /* replay found another result than the journal says */       \
    X(CZ_UNSUPPORTED, 13, "unsupported")                                                       \
    X(CZ_DEADLOCK, 14, "deadlock")   /* waiting would never end; the detail names the cycle */ \
    X(CZ_STALE, 15, "stale")         /* a guard that ended, or is another context's */         \
    X(CZ_CANCELLED, 16, "cancelled") /* the context or task was cancelled */                   \
    X(CZ_WRONG_TYPE, 17, "wrong type") /* the resource is of another kind */                   \
    X(CZ_REJECTED, 18, "rejected")     /* recorded, but not applied; the result tells why */

enum cz_code {
#define CZ_DECLARE(code, value, name) code = value,
    CZ_CODES(CZ_DECLARE)
#undef CZ_DECLARE
};

/* fault, value, name, text: the ways in which a fact, or citing it, can be wrong. They are
 * codes of functions that take facts, and reasons of rejected effects and facts, with one
 * number for both; recorded in receipts, so values never change meaning. */
#define CZ_FAULTS(X)                                                                           \
    X(CZ_UNKNOWN_DOMAIN, 32, "unknown-domain", "no such domain is known to the store")         \
    X(CZ_BAD_ENCODING, 33, "bad-encoding", "the bytes are not a fact's canonical form")        \
    X(CZ_BAD_HEADER, 34, "bad-header", "the proof of the block's header does not hold")        \
    X(CZ_BAD_INCLUSION, 35, "bad-inclusion", "the proof that the block holds it is wrong")     \
    X(CZ_HEAD_UNKNOWN, 36, "head-unknown", "the block that it rests on is not recorded")       \
    X(CZ_HEAD_BEHIND, 37, "head-behind", "the domain's head is not that far yet")              \
    X(CZ_NOT_CANONICAL, 38, "not-canonical", "it is not, or no longer, part of the chain")     \
    X(CZ_BELOW_FINALITY, 39, "below-finality", "it is not as settled as is asked for")         \
    X(CZ_FACT_EXPIRED, 40, "expired", "it is too old by the domain's time")                    \
    X(CZ_EVENT_CONSUMED, 41, "event-consumed", "the event was used for this purpose before")   \
    X(CZ_BAD_OBSERVER, 42, "bad-observer", "no observer of the domain has signed it")          \
    X(CZ_DOMAIN_FROZEN, 43, "domain-frozen", "two final facts of the domain contradict")       \
    X(CZ_STALE_FACT, 44, "stale-fact", "the domain has gone on since, or says otherwise now")  \
    X(CZ_FACT_CONFLICT, 45, "fact-conflict", "another fact says otherwise about the same")

#define CZ_DETAIL_SIZE 768

/* One per call, caller-owned; zero it once. detail is one line of text. */
typedef struct cz_error {
    int code;
    char detail[CZ_DETAIL_SIZE];
} cz_error;

/* Fills err (may be NULL) with a code and a formatted detail, and returns the code: for
 * programs and callbacks that fail on their own account. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
CZ_API int
cz_error_set(cz_error *err, int code, const char *format, ...);

/* "conflict" for CZ_CONFLICT. Static text. */
CZ_API const char *cz_code_name(int code);

/* Version of the library that runs, as "0.1.0". */
CZ_API const char *cz_version(void);

/* ---- Identity ----------------------------------------------------------------------- */

/* BLAKE3-256 of canonical bytes. In text: CIDv1, dag-cbor, base32, 59 characters. */
typedef struct cz_id {
    uint8_t bytes[32];
} cz_id;

#define CZ_ID_TEXT_SIZE 60

CZ_API void cz_id_print(const cz_id *id, char out[CZ_ID_TEXT_SIZE]);
/* CZ_INVALID unless text is exactly one whole id. */
CZ_API CZ_MUST_USE int cz_id_parse(const char *text, cz_id *ret, cz_error *err);

/* The id of a resource: hash of (creator, label), stable for its whole life (R3). */
CZ_API CZ_MUST_USE int cz_resource_id(const cz_id *creator, const char *label, cz_id *ret,
                                      cz_error *err);
/* The creator that the command uses for resources and origins named only by a label. */
CZ_API cz_id cz_operator(void);

/* ---- Resources ---------------------------------------------------------------------- */

/* 128 bits, in the asset's smallest unit. Fungible quantities are never negative. */
__extension__ typedef __int128 cz_quantity;

/* Decimal text both ways; out of range or other characters: CZ_INVALID. */
#define CZ_QUANTITY_TEXT_SIZE 41
CZ_API void cz_quantity_print(cz_quantity q, char out[CZ_QUANTITY_TEXT_SIZE]);
CZ_API CZ_MUST_USE int cz_quantity_parse(const char *text, cz_quantity *ret, cz_error *err);

/* name, value, text */
#define CZ_KINDS(X)                                                                            \
    X(CZ_FUNGIBLE, 0, "fungible") /* quantity >= 0 of one asset */                             \
    X(CZ_POSITION, 1, "position") /* mirrored external balance; an asset's sum is zero */      \
    X(CZ_DATA, 2, "data")         /* bytes */                                                  \
    /* The following hold bytes too, of a form that the ledger checks and acts on: */          \
    X(CZ_ACCOUNT, 3, "account")       /* who may act for it: cz_policy */                      \
    X(CZ_CAPABILITY, 4, "capability") /* a right that an account has given: cz_grant */        \
    X(CZ_OUTBOX, 5, "outbox")         /* an account's withdrawals that are not closed */       \
    X(CZ_CODE, 6, "code")             /* a RISC-V program: section Guests */

#define CZ_STATES(X)                                                                           \
    X(CZ_ACTIVE, 0, "active")                                                                  \
    X(CZ_LOCKED, 1, "locked")                                                                  \
    X(CZ_FROZEN, 2, "frozen")                                                                  \
    X(CZ_CONSUMED, 3, "consumed") /* final */                                                  \
    X(CZ_ARCHIVED, 4, "archived") /* final */

enum cz_kind {
#define CZ_DECLARE(name, value, text) name = value,
    CZ_KINDS(CZ_DECLARE)
#undef CZ_DECLARE
};
enum cz_state {
#define CZ_DECLARE(name, value, text) name = value,
    CZ_STATES(CZ_DECLARE)
#undef CZ_DECLARE
};
CZ_API const char *cz_kind_name(int kind);
CZ_API const char *cz_state_name(int state);

#define CZ_LABEL_SIZE_MAX 128 /* bytes, without the terminating zero */
#define CZ_ASSET_SIZE_MAX 128

/* What a resource is now. Strings and data belong to the engine and live until the callback
 * or, from cz_resource_get, the next call on the same engine that may change state. */
typedef struct cz_resource {
    cz_id id;
    cz_id creator;
    cz_id controller;
    const char *label;
    const char *asset; /* NULL for data */
    enum cz_kind kind;
    enum cz_state state;
    cz_quantity quantity; /* 0 for data */
    const uint8_t *data;  /* NULL but for data */
    size_t data_len;
    uint64_t version;  /* 1 after creation, + 1 with each effect that declares it written */
    uint64_t position; /* of the last effect that wrote it */
    uint64_t lamport;  /* Lamport time of that effect */
    cz_id head;        /* newest log node */
} cz_resource;

/* ---- Effects ------------------------------------------------------------------------ */

/* reason, value, name, text: why an effect was rejected; 0 is applied. Recorded in receipts,
 * so values never change meaning. Those of CZ_FAULTS are reasons too. */
#define CZ_REASONS(X)                                                                          \
    X(CZ_APPLIED, 0, "applied", "applied")                                                     \
    X(CZ_UNKNOWN_RESOURCE, 1, "unknown-resource", "no such resource")                          \
    X(CZ_EXISTS, 2, "exists", "the resource exists already")                                   \
    X(CZ_WRONG_KIND, 3, "wrong-kind", "the operation does not fit the resource's kind")        \
    X(CZ_WRONG_ASSET, 4, "wrong-asset", "the two resources hold different assets")             \
    X(CZ_WRONG_STATE, 5, "wrong-state", "the resource's lifecycle state forbids it")           \
    X(CZ_OVERDRAFT, 6, "overdraft", "the quantity is not there")                               \
    X(CZ_OVERFLOW, 7, "overflow", "the quantity would exceed 128 bits")                        \
    X(CZ_REQUIRE_STATE, 8, "require-state", "a required state does not hold")                  \
    X(CZ_REQUIRE_VERSION, 9, "require-version", "a required version does not hold")            \
    X(CZ_REQUIRE_QUANTITY, 10, "require-quantity", "a required quantity is not there")         \
    X(CZ_UNKNOWN_FACT, 11, "unknown-fact", "a cited fact is not recorded")                     \
    X(CZ_UNKNOWN_PREDECESSOR, 12, "unknown-predecessor", "an effect to follow is not applied") \
    X(CZ_NOT_CONSERVED, 13, "not-conserved", "an asset's total would change")                  \
    X(CZ_NOT_EMPTY, 14, "not-empty", "a resource with a quantity cannot be archived")          \
    X(CZ_FULL, 15, "full", "the store holds as many resources or assets as it can")            \
    X(CZ_NONCE, 16, "nonce", "the origin's nonce was used by another effect")                  \
    /* Authority (R14) */                                                                      \
    X(CZ_BAD_SIGNATURE, 48, "bad-signature", "a signature is not of its key and this effect")  \
    X(CZ_UNSIGNED, 49, "unsigned", "the account has not authorised it: nobody has signed")     \
    X(CZ_WRONG_KEY, 50, "wrong-key", "who has signed is no owner, and not the holder")         \
    X(CZ_BELOW_THRESHOLD, 51, "below-threshold", "too few of the account's owners signed")     \
    X(CZ_UNDECLARED, 52, "undeclared",                                                         \
      "an account or capability that decides is not declared")                                 \
    X(CZ_REVOKED, 53, "revoked", "the capability was revoked, or is suspended")                \
    X(CZ_CAPABILITY_EXPIRED, 54, "capability-expired", "the capability's time is over")        \
    X(CZ_OTHER_RESOURCE, 55, "other-resource", "the capability is for another resource")       \
    X(CZ_RIGHT_MISSING, 56, "right-missing", "the capability does not give this right")        \
    X(CZ_OVER_CEILING, 57, "over-ceiling", "the capability's ceiling would be exceeded")       \
    X(CZ_NOT_ATTENUATED, 58, "not-attenuated", "it would give more than the giver has")        \
    X(CZ_DIRECT_OWNERSHIP, 59, "direct-ownership", "only an account may control it")           \
    X(CZ_RATE_LIMIT, 60, "rate-limit", "the account's limit for this time is reached")         \
    X(CZ_BAD_POLICY, 61, "bad-policy", "the bytes are not those of such a resource")           \
    X(CZ_UNPROVEN, 62, "unproven", "external value comes and goes only by proven facts")       \
    X(CZ_WRONG_FACT, 63, "wrong-fact", "the fact does not say what the operation needs")       \
    X(CZ_NO_WITHDRAWAL, 64, "no-withdrawal", "the outbox holds no such withdrawal")            \
    X(CZ_OUTBOX_FULL, 65, "outbox-full", "too many withdrawals of the account are open")       \
    X(CZ_TOO_EARLY, 66, "too-early", "the domain's time is before the one required")           \
    X(CZ_TOO_LATE, 67, "too-late", "the domain's time is after the one required")              \
    /* Guests (R17) */                                                                         \
    X(CZ_NOT_CODE, 68, "not-code", "what should run is no code")                               \
    X(CZ_TRAPPED, 69, "trapped", "the guest did what it must not do")                          \
    X(CZ_OUT_OF_GAS, 70, "out-of-gas", "the guest used up its gas")                            \
    X(CZ_GUEST_FAILED, 71, "guest-failed", "the guest ended with another code than 0")         \
    X(CZ_BAD_CODE, 72, "bad-code", "it is no loadable program, or not named by its hash")      \
    X(CZ_CODE_ONLY, 73, "code-only", "only the code that controls it may do this")             \
    CZ_FAULTS(X)

enum cz_reason {
#define CZ_DECLARE(reason, value, name, text) reason = value,
    CZ_REASONS(CZ_DECLARE)
#undef CZ_DECLARE
};
CZ_API const char *cz_reason_name(int reason);
CZ_API const char *cz_reason_text(int reason);

enum cz_access { CZ_READ, CZ_WRITE };

/* Priorities (R11): lower is served first. */
enum cz_priority { CZ_URGENT, CZ_HIGH, CZ_NORMAL, CZ_LOW };

/* A proposal in the making. Heap-owned by the caller, one thread at a time. Operations
 * declare the accesses that they need; naming a resource twice is legal and the stronger
 * mode wins (R2). Operations run in the order in which they were added. */
typedef struct cz_effect cz_effect;

CZ_API cz_effect *cz_effect_new(void); /* NULL when out of memory */
CZ_API void cz_effect_free(cz_effect *e);
CZ_API void cz_effect_clear(cz_effect *e);
/* Declares a new one that is freed at the end of its scope; NULL, which the functions below
 * refuse with CZ_NOMEM, when out of memory. */
#if defined(__GNUC__)
CZ_API void cz_effect_cleanup(cz_effect **e);
#define CZ_EFFECT(name)                                                                        \
    __attribute__((cleanup(cz_effect_cleanup))) cz_effect *name = cz_effect_new()
#endif

/* Who proposes, and the proposer's counter: nonces of one origin rise (R3). */
CZ_API void cz_effect_set_origin(cz_effect *e, const cz_id *origin);
CZ_API void cz_effect_set_nonce(cz_effect *e, uint64_t nonce);
CZ_API void cz_effect_set_priority(cz_effect *e, enum cz_priority priority);

/* The adders below return CZ_OK, CZ_LIMIT, CZ_INVALID or CZ_NOMEM. */

/* Declares an access that no operation implies. */
CZ_API CZ_MUST_USE int cz_effect_access(cz_effect *e, const cz_id *resource,
                                        enum cz_access mode, cz_error *err);

typedef struct cz_creation {
    cz_id creator;
    cz_id controller;
    const char *label;
    enum cz_kind kind;
    const char *asset;    /* fungible and position */
    cz_quantity quantity; /* fungible: issued with it, which raises the asset's supply */
    const uint8_t *data;  /* data */
    size_t data_len;
    bool if_absent; /* no error when it exists with the same kind and asset */
} cz_creation;

CZ_API CZ_MUST_USE int cz_effect_create(cz_effect *e, const cz_creation *creation,
                                        cz_error *err);
/* Between fungibles of one asset; quantity > 0. */
CZ_API CZ_MUST_USE int cz_effect_transfer(cz_effect *e, const cz_id *from, const cz_id *to,
                                          cz_quantity quantity, cz_error *err);
/* Between positions of one asset; `from` may go negative. A quantity of zero is a move too, as
 * EIP-20 has it for transfers. */
CZ_API CZ_MUST_USE int cz_effect_move(cz_effect *e, const cz_id *from, const cz_id *to,
                                      cz_quantity quantity, cz_error *err);
/* Replaces the bytes of a data resource. */
CZ_API CZ_MUST_USE int cz_effect_write(cz_effect *e, const cz_id *resource, const void *data,
                                       size_t len, cz_error *err);
/* Lifecycle: active <-> locked, active <-> frozen; consume from active or locked (a
 * fungible's remaining quantity is retired from the supply); archive from active or frozen,
 * empty only; a position is consumed empty only too. consumed and archived are final. */
CZ_API CZ_MUST_USE int cz_effect_lock(cz_effect *e, const cz_id *resource, cz_error *err);
CZ_API CZ_MUST_USE int cz_effect_unlock(cz_effect *e, const cz_id *resource, cz_error *err);
CZ_API CZ_MUST_USE int cz_effect_freeze(cz_effect *e, const cz_id *resource, cz_error *err);
CZ_API CZ_MUST_USE int cz_effect_unfreeze(cz_effect *e, const cz_id *resource, cz_error *err);
CZ_API CZ_MUST_USE int cz_effect_consume(cz_effect *e, const cz_id *resource, cz_error *err);
CZ_API CZ_MUST_USE int cz_effect_archive(cz_effect *e, const cz_id *resource, cz_error *err);

/* A precondition at this place in the list of operations; unset parts are not checked. */
typedef struct cz_requirement {
    bool has_state, has_version, has_quantity;
    enum cz_state state;
    uint64_t version;     /* exactly, before this effect */
    cz_quantity quantity; /* at least */
} cz_requirement;

CZ_API CZ_MUST_USE int cz_effect_require(cz_effect *e, const cz_id *resource,
                                         const cz_requirement *r, cz_error *err);

/* How a fact is cited. The three policies say what may have changed since the fact was
 * recorded, or since the effect was proposed; it is checked when the effect applies (R6). */
enum cz_fact_policy {
    CZ_EXACT,           /* nothing: its block is still the newest of its domain that is known */
    CZ_STILL_TRUE,      /* the domain may have gone on, but what it says still holds */
    CZ_AT_LEAST_HEIGHT, /* it stands, whatever newer facts say about the same */
};
/* How settled a block is. */
enum cz_finality {
    CZ_SEEN,  /* it is recorded */
    CZ_DEPTH, /* blocks are built on it */
    CZ_SAFE,  /* by the domain's policy or own proof */
    CZ_FINAL,
};
CZ_API const char *cz_policy_name(int policy);
CZ_API const char *cz_finality_name(int finality);

typedef struct cz_dependency {
    cz_id fact;
    enum cz_fact_policy policy;
    bool optional;             /* the effect applies without it too */
    enum cz_finality finality; /* at least */
    uint64_t depth;            /* with CZ_DEPTH: blocks built on it, at least; from 1 */
    bool has_max_age;
    uint64_t max_age; /* from the fact's block to the domain's newest, in the domain's time */
    /* Not NULL: the effect uses up the fact's event for this purpose, so that no other effect
     * ever can, by this fact or another one of the same event (a deposit is credited once). 1
     * to 64 bytes. "deposit" of a deposit's and "withdrawal" of a withdrawal's fact are the
     * gateway's: only with cz_effect_deposit and cz_effect_confirm, else CZ_WRONG_FACT. */
    const char *purpose;
} cz_dependency;

CZ_API CZ_MUST_USE int cz_effect_depend(cz_effect *e, const cz_dependency *dependency,
                                        cz_error *err);
/* The task of a program that the effect is an event of. Its receipt then has the program's
 * vector clock, and it follows the task's effect before. A number may be used again once what
 * used it is joined; 64 tasks at a time. */
CZ_API void cz_effect_set_program(cz_effect *e, const cz_id *program, uint32_t task);
/* The snapshot of the time map that the effect was proposed under (cz_propose sets it). */
CZ_API void cz_effect_set_time(cz_effect *e, const cz_id *snapshot);

/* A fact that must be recorded and still be true; an effect that must have applied before. */
CZ_API CZ_MUST_USE int cz_effect_cite(cz_effect *e, const cz_id *fact, cz_error *err);
CZ_API CZ_MUST_USE int cz_effect_follow(cz_effect *e, const cz_id *effect, cz_error *err);
/* Signs cz_effect_signing_id with an Ed25519 key, for whom it is allowed to act (R14). To be
 * done last: every later change of the effect makes signatures wrong. Signing again with the
 * same key replaces. At most CZ_SIGNATURES_MAX keys. */
#define CZ_SIGNATURES_MAX 16
CZ_API CZ_MUST_USE int cz_effect_sign(cz_effect *e, const uint8_t seed[32], cz_error *err);
/* The same with a signature that was made elsewhere; it is checked when the effect is
 * submitted. */
CZ_API CZ_MUST_USE int cz_effect_add_signature(cz_effect *e, const uint8_t key[32],
                                               const uint8_t signature[64], cz_error *err);

/* Presents a capability to the operations that follow; its holder must sign. All above it, of
 * which it was delegated, must be declared (cz_effect_access), and be declared written just
 * when they have a ceiling; `mode` says the same of this one. */
CZ_API CZ_MUST_USE int cz_effect_use(cz_effect *e, const cz_id *capability, enum cz_access mode,
                                     cz_error *err);
/* Bytes for the program's log, at most CZ_NOTE_SIZE_MAX; of a program's effect only. */
#define CZ_NOTE_SIZE_MAX 65536
CZ_API CZ_MUST_USE int cz_effect_note(cz_effect *e, const void *data, size_t len,
                                      cz_error *err);
/* A domain's time, as the time map has it when the effect applies, lies between the two, both
 * included: else CZ_TOO_EARLY or CZ_TOO_LATE. CZ_UNKNOWN_DOMAIN; no block yet: too early. */
CZ_API CZ_MUST_USE int cz_effect_when(cz_effect *e, const char *domain, uint64_t not_before,
                                      uint64_t not_after, cz_error *err);
/* The gateway. A fungible asset "<domain>:<asset>" of a known domain is external: it is issued
 * only by deposits and retired only by confirmed withdrawals, and only accounts hold it.
 *
 * Credits `to` with what a deposit's fact says; it must be cited with the purpose "deposit", so
 * that it is credited once. The fact's account is the text of the id, or the label of
 * cz_operator, of `to` or of its account. Needs nobody's authority. */
CZ_API CZ_MUST_USE int cz_effect_deposit(cz_effect *e, const cz_id *to, const cz_id *fact,
                                         cz_error *err);
/* Moves a quantity of the account's to the reserve of its outbox, and enters it there under
 * this effect's id and a number, from 0: the how-many-th withdrawal of the effect it is.
 * Whoever pays outside names "<destination>#<effect id>/<number>" as the account, so that it is
 * paid once. outbox: resource of kind outbox, label "outbox", created by the account; reserve:
 * fungible, label the asset, created by and controlled by the outbox. */
CZ_API CZ_MUST_USE int cz_effect_withdraw(cz_effect *e, const cz_id *from, const cz_id *outbox,
                                          const cz_id *reserve, cz_quantity quantity,
                                          const char *destination, cz_error *err);
/* Closes a withdrawal. Confirmed: a withdrawal's fact of that domain shows that it was paid;
 * cited with the purpose "withdrawal". Released: a fact of kind register, named "<effect
 * id>/<number>" with value "refused", shows that it never will be; the quantity goes back to
 * `to`, of the same account. Only a fact closes it: neither needs nor has anybody's authority.
 */
CZ_API CZ_MUST_USE int cz_effect_confirm(cz_effect *e, const cz_id *outbox,
                                         const cz_id *reserve, const cz_id *fact,
                                         cz_error *err);
CZ_API CZ_MUST_USE int cz_effect_release(cz_effect *e, const cz_id *outbox,
                                         const cz_id *reserve, const cz_id *to,
                                         const cz_id *fact, cz_error *err);

/* Canonical bytes (docs/reference/formats.md). *ret belongs to e and lives until e is
 * changed or freed. */
CZ_API CZ_MUST_USE int cz_effect_encode(cz_effect *e, const uint8_t **ret, size_t *ret_len,
                                        cz_error *err);
/* Replaces what e holds. Anything that is not the canonical form is CZ_INVALID, with the
 * byte offset. */
CZ_API CZ_MUST_USE int cz_effect_decode(cz_effect *e, const void *bytes, size_t len,
                                        cz_error *err);
CZ_API CZ_MUST_USE int cz_effect_id(cz_effect *e, cz_id *ret, cz_error *err);
/* The id of the effect with its signature slot empty. */
CZ_API CZ_MUST_USE int cz_effect_signing_id(cz_effect *e, cz_id *ret, cz_error *err);

/* ---- Engine ------------------------------------------------------------------------- */

/* A store and the engine that runs it. Reference-counted; every function may be called from
 * any thread. */
typedef struct cz_engine cz_engine;

typedef struct cz_options {
    /* 0: as many as the machine has, at most 64. Results never depend on it (R1). */
    unsigned threads;
    /* Largest number of entries in a batch, 1 to 8192; 0: 2048. */
    unsigned batch_max;
    /* Opens without the writer's lock; nothing can be submitted. */
    bool read_only;
    /* Positions follow the order of submission exactly, but for effects that wait for a guard;
     * priorities are recorded only. */
    bool ordered;
    /* Submissions that may wait, 1 to 65536; 0: 65536. Beyond it callers get CZ_BUSY. */
    unsigned backlog_max;
    /* Events (effects and facts) of which the causal index is kept in memory, at 64 bytes each,
     * from the first question on; 0: 2^26. */
    uint32_t causal_max;
    /* Keeps it from the beginning, so that the first question needs not read the journal. */
    bool causal_now;
} cz_options;

/* Makes an empty store. CZ_CONFLICT when dir already holds one or anything else. */
CZ_API CZ_MUST_USE int cz_init(const char *dir, cz_error *err);

/* Opens a store and recovers it: a torn tail of the journal is cut, anything else that does
 * not verify is CZ_CORRUPT with segment and offset. dir NULL: an engine in memory, gone when
 * closed. options NULL: defaults. CZ_BUSY when another process writes it.
 * Cost: what the journal holds since the last checkpoint is executed again. */
CZ_API CZ_MUST_USE int cz_open(const char *dir, const cz_options *options, cz_engine **ret,
                               cz_error *err);
CZ_API cz_engine *cz_ref(cz_engine *engine);
/* Drops a reference. The last one waits until everything submitted is acknowledged, writes a
 * checkpoint and frees. The engine is gone also when an error is returned. NULL: no-op. */
CZ_API int cz_close(cz_engine *engine, cz_error *err);

/* Throws away what is derived from the journal and only makes opening and looking up quick;
 * the next opening for writing makes it again. CZ_BUSY while a process writes the store. */
CZ_API CZ_MUST_USE int cz_reindex(const char *dir, cz_error *err);

enum cz_status {
    CZ_STATUS_APPLIED,
    CZ_STATUS_REJECTED,
    CZ_STATUS_DUPLICATE,
    /* The engine stopped first (callbacks only): whether it is on disk shows when the store is
     * opened again; submitting it again is safe. */
    CZ_STATUS_UNKNOWN,
};
CZ_API const char *cz_status_name(int status);

/* What became of a submission. On disk before anyone is told (R15). */
typedef struct cz_result {
    uint64_t ticket;
    cz_id effect; /* or fact */
    cz_id receipt;
    /* false: refused at admission (reason CZ_NONCE or CZ_BAD_SIGNATURE), or a fact */
    bool has_receipt;
    uint64_t position; /* 1 is the first; 0 without receipt. For a duplicate: the first one's */
    enum cz_status status;
    enum cz_reason reason; /* for a duplicate: the first one's */
} cz_result;

/* Called on one of the engine's threads, in position order, soon after the result is on
 * disk. Must not call back into the engine except cz_submit*. */
typedef void (*cz_done_fn)(void *arg, const cz_result *result);

#define CZ_FOREVER UINT64_MAX

/* Queues canonical bytes, which are copied. Signatures are verified on threads of their own
 * before the effect can have a position; what comes behind it does not overtake it. Malformed
 * bytes are CZ_INVALID at once, a full backlog CZ_BUSY; then nothing was queued. done may be
 * NULL. */
CZ_API CZ_MUST_USE int cz_submit(cz_engine *engine, const void *bytes, size_t len,
                                 cz_done_fn done, void *arg, uint64_t *ret_ticket,
                                 cz_error *err);
CZ_API CZ_MUST_USE int cz_submit_effect(cz_engine *engine, cz_effect *e, cz_done_fn done,
                                        void *arg, uint64_t *ret_ticket, cz_error *err);

typedef struct cz_submission {
    const void *bytes;
    size_t len;
} cz_submission;

/* Queues a run of effects in order, one lock for all; waits while the backlog is full, unless
 * the caller holds guards: then CZ_BUSY, since all of it may wait for those. Tickets rise,
 * *ret_ticket is the first; they are consecutive unless others submit meanwhile. On an error
 * *ret_accepted tells how many were queued before the one that was refused. */
CZ_API CZ_MUST_USE int cz_submit_batch(cz_engine *engine, const cz_submission *submissions,
                                       size_t count, cz_done_fn done, void *arg,
                                       uint64_t *ret_ticket, size_t *ret_accepted,
                                       cz_error *err);

/* CZ_BUSY while the result is not yet there; CZ_NOT_FOUND when the ticket was never given or
 * is older than the last backlog_max * 2 (131,072) and some more. CZ_BUSY also while it waits
 * for a guard. */
CZ_API CZ_MUST_USE int cz_poll(cz_engine *engine, uint64_t ticket, cz_result *ret,
                               cz_error *err);
/* As cz_poll, but waits; CZ_TIMEOUT after timeout_ms. CZ_DEADLOCK when the effect waits for a
 * guard of the caller's, directly or through others. */
CZ_API CZ_MUST_USE int cz_wait(cz_engine *engine, uint64_t ticket, uint64_t timeout_ms,
                               cz_result *ret, cz_error *err);
/* Waits until everything submitted before is acknowledged. CZ_DEADLOCK when some of it waits
 * for a guard of the caller's. */
CZ_API CZ_MUST_USE int cz_flush(cz_engine *engine, cz_error *err);

/* ---- Reading ------------------------------------------------------------------------ */

/* These wait until what was submitted before is acknowledged or waits for a guard, and see
 * exactly what is acknowledged. While a callback of theirs runs, the engine rests: it must not
 * wait for anything, nor yield. */

CZ_API CZ_MUST_USE int cz_resource_get(cz_engine *engine, const cz_id *id, cz_resource *ret,
                                       cz_error *err);
/* All resources in ascending id order; a callback's non-zero return ends the walk and is
 * returned. */
typedef int (*cz_resource_fn)(void *arg, const cz_resource *resource);
CZ_API CZ_MUST_USE int cz_resource_list(cz_engine *engine, cz_resource_fn fn, void *arg,
                                        cz_error *err);

/* BLAKE3 over id || head of every resource, ascending by id. */
CZ_API CZ_MUST_USE int cz_root(cz_engine *engine, uint8_t ret[32], cz_error *err);

/* One line of an effect's receipt. */
typedef struct cz_post {
    cz_id resource;
    enum cz_access mode;
    uint64_t version; /* after; the version seen when mode is CZ_READ */
    enum cz_state state;
    enum cz_kind kind;
    cz_quantity quantity; /* after */
    cz_id data_hash;      /* of data resources, after: BLAKE3 of the bytes */
} cz_post;

/* One component of a program's vector clock. */
typedef struct cz_clock_part {
    uint32_t task;
    uint64_t count;
} cz_clock_part;
#define CZ_CLOCK_MAX 64

/* How a guest's run ended (section Guests). */
enum cz_guest_status {
    CZ_GUEST_EXITED,
    CZ_GUEST_TRAPPED,
    CZ_GUEST_NO_GAS,
};
typedef struct cz_guest_run {
    enum cz_guest_status status;
    uint64_t code; /* exit code; of a trap the address, number or bits that it is about */
    unsigned trap; /* of a trap: which (cz_guest_trap_text) */
    uint64_t pc;   /* where it ended */
    uint64_t gas;  /* used: instructions and calls */
    const uint8_t *output; /* what it put out */
    size_t output_len;
    const uint8_t *messages; /* what it logged: each a length (LEB128) and so many bytes */
    size_t messages_len;
} cz_guest_run;
CZ_API const char *cz_guest_trap_text(unsigned trap);

typedef struct cz_receipt {
    cz_id id;
    cz_id effect;
    uint64_t position;
    uint64_t lamport;
    enum cz_reason reason;
    cz_id time;           /* snapshot of the time map; all zero: nothing was known */
    const cz_post *posts; /* in access order; none when rejected */
    size_t post_count;
    const cz_clock_part *clock; /* of its program; NULL: it is no program's */
    size_t clock_count;
    const uint8_t *effect_bytes;
    size_t effect_len;
    const cz_guest_run *run; /* of the guest that it started; NULL: none */
} cz_receipt;

typedef int (*cz_receipt_fn)(void *arg, const cz_receipt *receipt);

/* The entries of one resource's log, oldest first. */
CZ_API CZ_MUST_USE int cz_log(cz_engine *engine, const cz_id *resource, cz_receipt_fn fn,
                              void *arg, cz_error *err);
/* The receipt of one effect. */
CZ_API CZ_MUST_USE int cz_receipt_get(cz_engine *engine, const cz_id *effect, cz_receipt_fn fn,
                                      void *arg, cz_error *err);

typedef struct cz_stats {
    uint64_t positions; /* effects with a receipt */
    uint64_t applied, rejected, duplicates, facts, batches;
    uint64_t resources;
    uint64_t journal_bytes;
    /* Of guests, since the engine was opened. */
    uint64_t guests, guest_gas;  /* runs at a position, and the gas that they used */
    uint64_t guests_ahead;       /* of these: run beside others, before their turn */
    uint64_t guests_again;       /* of these: run again, since something had changed */
    uint64_t predicted;          /* of effects that declare nothing */
    uint64_t predicted_hits;     /* of these: all that was touched was predicted */
    uint64_t predicted_too_wide; /* of these: more was predicted than was touched */
} cz_stats;
CZ_API CZ_MUST_USE int cz_stats_get(cz_engine *engine, cz_stats *ret, cz_error *err);

/* ---- Guards ------------------------------------------------------------------------- */

/* A guard is a scoped hold of one resource: shared (CZ_READ) or exclusive (CZ_WRITE). While it
 * is held, nobody else writes the resource (shared) or touches it (exclusive): not with a
 * guard, and not with a submitted effect, which waits in the resource's queue meanwhile and
 * lets others pass that have nothing to do with it. The queue is first come first served (R8):
 * neighbouring readers share, a reader behind a waiting writer waits, and a reader never
 * becomes a writer.
 *
 *     CZ_GUARD(account);
 *     cz_claim claim = {id, CZ_WRITE, CZ_TYPED(CZ_DATA)};
 *     cz_contents c;
 *     int rc = cz_acquire(engine, &claim, CZ_FOREVER, &account, &err);
 *     if (!rc)
 *         rc = cz_guard_contents(&account, &c, &err);
 *     if (rc)
 *         return rc;
 *     c.data = (const uint8_t *)"paid";
 *     c.data_len = 4;
 *     rc = cz_guard_update(&account, &c, &err);
 *     return rc ? rc : cz_guard_commit(&account, NULL, &err);
 *
 * Leaving the scope aborts what was not committed.
 *
 * Every guard belongs to the *context* that acquired it: the calling thread's own, the task's
 * when a task calls, or one that the thread entered. What a context holds is released when it
 * ends, however it ends. From a thread these functions block; from a task they suspend it.
 *
 * Waiting can end in CZ_TIMEOUT, CZ_CANCELLED, CZ_CLOSED, and in CZ_DEADLOCK: somebody whom the
 * caller would wait for waits for the caller, directly or through others. The request that
 * would close the cycle fails at once and changes nothing; the caller still holds what it held.
 * Release something and try again, or acquire all that is needed in one step
 * (cz_acquire_many), which cannot deadlock. */
typedef struct cz_guard {
    uint64_t engine;
    uint32_t index, generation;
} cz_guard;

/* Declares a guard that releases itself at the end of its scope, uncommitted. No goto past the
 * declaration, and no longjmp out of the scope. */
#if defined(__GNUC__)
#define CZ_GUARD(name) __attribute__((cleanup(cz_guard_cleanup))) cz_guard name = {0, 0, 0}
#endif

/* One resource that is asked for. */
typedef struct cz_claim {
    cz_id resource;
    enum cz_access mode;
    unsigned kinds; /* which kinds will do: CZ_TYPED(kind) | …; 0: any. Else CZ_WRONG_TYPE */
} cz_claim;
#define CZ_TYPED(kind) (1u << (kind))

/* Waits until the resource can be had. timeout_ms may be CZ_FOREVER. CZ_NOT_FOUND when there is
 * no such resource, CZ_LIMIT beyond a million guards. Cost, when nobody is in the way: about
 * that of a reader-writer lock. */
CZ_API CZ_MUST_USE int cz_acquire(cz_engine *engine, const cz_claim *claim, uint64_t timeout_ms,
                                  cz_guard *ret, cz_error *err);
/* Does not wait: CZ_BUSY, and the detail names the holder. */
CZ_API CZ_MUST_USE int cz_try_acquire(cz_engine *engine, const cz_claim *claim, cz_guard *ret,
                                      cz_error *err);
/* All or nothing, in one step, at most CZ_CLAIMS_MAX. A resource may be named more than once:
 * the stronger mode wins, and the same guard is given at each place; release it once. */
#define CZ_CLAIMS_MAX 1024
CZ_API CZ_MUST_USE int cz_acquire_many(cz_engine *engine, const cz_claim *claims, size_t count,
                                       uint64_t timeout_ms, cz_guard *ret, cz_error *err);

/* Ends the hold; what was updated and not committed is thrown away (R9). Afterwards *guard is
 * no guard, which is fine to release again. CZ_STALE for a copy of a released one, and for
 * another context's. */
CZ_API int cz_release(cz_guard *guard, cz_error *err);
/* Several; those that are no guards, or the same one again, are skipped. */
CZ_API int cz_release_many(cz_guard *guards, size_t count, cz_error *err);
CZ_API void cz_guard_cleanup(cz_guard *guard);

/* What a guarded resource holds, with the updates of this guard. */
typedef struct cz_contents {
    cz_id resource;
    enum cz_kind kind;
    enum cz_state state;
    const char *asset; /* NULL for data */
    cz_quantity quantity;
    const uint8_t *data; /* of data resources; lives as long as the guard, or until an update */
    size_t data_len;
    uint64_t version; /* without the updates */
} cz_contents;

/* Waits until what it shows is on disk (R15). */
CZ_API CZ_MUST_USE int cz_guard_contents(const cz_guard *guard, cz_contents *ret,
                                         cz_error *err);
/* Replaces state, quantity and data of a guard in write mode; the rest must be as it is.
 * Nothing is recorded before the commit. Data is copied. */
CZ_API CZ_MUST_USE int cz_guard_update(const cz_guard *guard, const cz_contents *contents,
                                       cz_error *err);

/* Records what was updated as one effect, waits until it is on disk, and releases the guard.
 * When it is rejected (CZ_REJECTED, result->reason) or could not be proposed, the guard is
 * still held with its updates. Without updates nothing is recorded and result->has_receipt is
 * false. The effect's origin is the resource's own (hash of resource and "guard"). result may
 * be NULL. */
CZ_API CZ_MUST_USE int cz_guard_commit(cz_guard *guard, cz_result *ret, cz_error *err);
/* The same of several guards of one context as one effect: all or nothing. Quantities become
 * transfers (positions: moves) between the guarded resources, so their sum must not change;
 * otherwise CZ_INVALID. Those without updates are read. */
CZ_API CZ_MUST_USE int cz_guards_commit(cz_guard *guards, size_t count, cz_result *ret,
                                        cz_error *err);
/* Applies an effect of the caller's under guards: each resource that it touches must be among
 * theirs, in a mode that allows it. Otherwise as cz_guards_commit. */
CZ_API CZ_MUST_USE int cz_guards_apply(cz_guard *guards, size_t count, cz_effect *effect,
                                       cz_result *ret, cz_error *err);
/* Throws the updates away and releases: cz_release under the name of what it means. */
CZ_API int cz_guard_abort(cz_guard *guard, cz_error *err);

/* A reference that does not keep the guard. Both may be used from any thread. */
typedef struct cz_weak_guard {
    cz_guard guard;
} cz_weak_guard;
CZ_API cz_weak_guard cz_guard_weak(const cz_guard *guard);
CZ_API bool cz_weak_alive(const cz_weak_guard *weak);

/* A view of a part of a guarded resource, of part_size bytes (at most CZ_LENS_SIZE_MAX): how to
 * get it out of the whole, and how to put it back, which makes a new whole. put NULL: the view
 * is read-only. Pure functions; they return a code. data that put gives must live until it
 * returns to cz_view_set. */
#define CZ_LENS_SIZE_MAX 4096
typedef struct cz_lens {
    size_t part_size;
    int (*get)(void *arg, const cz_contents *whole, void *ret_part, cz_error *err);
    int (*put)(void *arg, const cz_contents *whole, const void *part, cz_contents *ret_whole,
               cz_error *err);
    void *arg;
} cz_lens;
typedef struct cz_view {
    cz_guard guard;
    const cz_lens *lens; /* the caller's; must outlive the view */
} cz_view;
/* The view lives as long as the guard; later it is CZ_STALE. */
CZ_API CZ_MUST_USE int cz_guard_map(const cz_guard *guard, const cz_lens *lens, cz_view *ret,
                                    cz_error *err);
CZ_API CZ_MUST_USE int cz_view_get(const cz_view *view, void *ret_part, cz_error *err);
CZ_API CZ_MUST_USE int cz_view_set(const cz_view *view, const void *part, cz_error *err);

/* Makes a resource, and waits until that is on disk. CZ_CONFLICT when it exists; CZ_REJECTED.
 * cz_register also takes one that exists with the same kind and asset. */
CZ_API CZ_MUST_USE int cz_create(cz_engine *engine, const cz_creation *creation, cz_id *ret,
                                 cz_error *err);
CZ_API CZ_MUST_USE int cz_register(cz_engine *engine, const cz_creation *creation, cz_id *ret,
                                   cz_error *err);

/* Submits an effect and waits until it is acknowledged: CZ_OK or CZ_REJECTED, with the result.
 * CZ_DEADLOCK when it waits for a guard of the caller's; it stays submitted. CZ_CANCELLED: it
 * may have been submitted. Submitting it again is safe. */
CZ_API CZ_MUST_USE int cz_perform(cz_engine *engine, cz_effect *effect, cz_result *ret,
                                  cz_error *err);

/* ---- Who holds, who waits ----------------------------------------------------------- */

/* Whoever holds or waits: a context, or an effect that waits for a guard. */
enum cz_party_kind { CZ_PARTY_THREAD, CZ_PARTY_TASK, CZ_PARTY_CONTEXT, CZ_PARTY_EFFECT };
#define CZ_PARTY_NAME_SIZE 64
typedef struct cz_party {
    enum cz_party_kind kind;
    uint64_t id;                   /* of the context, from 1; an effect's ticket */
    char name[CZ_PARTY_NAME_SIZE]; /* as the user gave it; an effect's id */
} cz_party;

/* One party at one resource. */
typedef struct cz_wait_edge {
    cz_id resource;
    const char *label; /* of the resource; of an effect or origin that is waited for: "" */
    cz_party party;
    enum cz_access mode;
    bool holds;     /* else it waits */
    uint64_t place; /* in the queue, from 1; 0 for holders */
} cz_wait_edge;

/* Party i waits for resource i, which party i + 1 (after the last the first) holds, or is
 * queued for ahead of it. A party that joins a task waits for party i + 1 itself: then resource
 * is all zero, and label is "the end of '<name>'". */
typedef struct cz_cycle_step {
    cz_party party;
    cz_id resource; /* or the effect that it waits for */
    char label[CZ_LABEL_SIZE_MAX + 1];
    enum cz_access mode;
    bool awaits_effect;
} cz_cycle_step;
typedef struct cz_cycle {
    const cz_cycle_step *steps;
    size_t count;
    uint64_t number; /* of the refusal, from 1 */
} cz_cycle;

/* The cycle of the calling context's last CZ_DEADLOCK; lives until its next one. CZ_NOT_FOUND
 * when there was none, or no memory to keep it. */
CZ_API CZ_MUST_USE int cz_deadlock_cycle(cz_engine *engine, cz_cycle *ret, cz_error *err);

/* Holders of a resource, and who waits for it in queue order: the first `room` of them go to
 * ret, which may be NULL; *ret_count is how many there are. */
CZ_API CZ_MUST_USE int cz_owner(cz_engine *engine, const cz_id *resource, cz_wait_edge *ret,
                                size_t room, size_t *ret_count, cz_error *err);
CZ_API CZ_MUST_USE int cz_waiters(cz_engine *engine, const cz_id *resource, cz_wait_edge *ret,
                                  size_t room, size_t *ret_count, cz_error *err);
/* Whether a guard would be granted at once. */
CZ_API CZ_MUST_USE int cz_is_available(cz_engine *engine, const cz_id *resource,
                                       enum cz_access mode, bool *ret, cz_error *err);

/* A callback's non-zero return ends the walk and is returned. Either may be NULL. */
typedef struct cz_wait_graph_visitor {
    /* Grouped by resource, ascending by id; holders before waiters, these in queue order. */
    int (*edge)(void *arg, const cz_wait_edge *edge);
    /* Cycles that were refused lately, newest first (at most 16, of at most 64 steps). */
    int (*cycle)(void *arg, const cz_cycle *cycle);
    void *arg;
} cz_wait_graph_visitor;
CZ_API CZ_MUST_USE int cz_wait_graph(cz_engine *engine, const cz_wait_graph_visitor *visitor,
                                     cz_error *err);
/* The same of the process that has the store in dir open for writing, as it was at one moment.
 * CZ_NOT_FOUND: there is no such process; CZ_BUSY: it does not answer; CZ_LIMIT, after
 * everything else: the graph is larger than an answer, and the end was left out. */
CZ_API CZ_MUST_USE int cz_wait_graph_of(const char *dir, const cz_wait_graph_visitor *visitor,
                                        cz_error *err);

typedef struct cz_lock_stats {
    uint64_t acquired, waited; /* guards granted; of these, after waiting */
    uint64_t refused;          /* tries that found somebody in the way */
    uint64_t deadlocks, timeouts, cancellations;
    uint64_t commits, rejections, aborts; /* aborts: guards released with updates */
    uint64_t effects_waited;              /* effects that waited for a guard */
    uint64_t guards, waiting, waiting_effects, contexts; /* now */
} cz_lock_stats;
CZ_API CZ_MUST_USE int cz_lock_stats_get(cz_engine *engine, cz_lock_stats *ret, cz_error *err);

/* ---- Contexts ----------------------------------------------------------------------- */

/* What one line of work holds. Each thread has one of its own for each engine, made when it is
 * first needed and ended when the thread does. A program whose lines of work are not threads
 * makes contexts itself, and enters one in a thread for as long as it works there. */
typedef struct cz_context cz_context;

/* name: up to 63 bytes, for messages. Keeps the engine open. */
CZ_API CZ_MUST_USE int cz_context_new(cz_engine *engine, const char *name, cz_context **ret,
                                      cz_error *err);
/* From now on the calling thread acts for it, until cz_context_leave. CZ_BUSY while another
 * thread does. Not in a task. */
CZ_API CZ_MUST_USE int cz_context_enter(cz_context *context, cz_error *err);
CZ_API void cz_context_leave(void);
/* Releases all that it holds, uncommitted, and frees it. CZ_BUSY while a thread is in it.
 * NULL: no-op. */
CZ_API int cz_context_end(cz_context *context, cz_error *err);
/* From any thread: what it waits for now, or what it next would, ends in CZ_CANCELLED. */
CZ_API void cz_context_cancel(cz_context *context);
/* A name for the calling thread's context, instead of "thread N". */
CZ_API CZ_MUST_USE int cz_thread_name(cz_engine *engine, const char *name, cz_error *err);
/* What the calling context holds, newest first. */
CZ_API CZ_MUST_USE int cz_context_guards(cz_engine *engine, cz_wait_edge *ret, size_t room,
                                         size_t *ret_count, cz_error *err);

/* ---- Tasks -------------------------------------------------------------------------- */

/* A task is a line of work with a context of its own. The tasks of a scheduler take turns on
 * one thread: one goes on until it ends, yields, or waits for a guard, a result or another
 * task. Waiting suspends it and never the thread. A task says beforehand which resources it
 * needs, and is *queued* until all of them can be had together; then they are reserved for it:
 * it begins with a guard of each. Queued tasks hold up nobody. Among them the more urgent
 * priority comes first, then the older one; who was passed too often is promoted: it enters
 * the queues of its resources like anybody else, where nobody passes it, so none starves (R11).
 *
 *     static int pay(void *arg, cz_error *err)
 *     {
 *         cz_guard account;
 *         if (cz_task_guard(0, &account, err) || … || cz_guard_commit(&account, NULL, err))
 *             return err->code;
 *         return CZ_OK;             // guards that are left are released, uncommitted
 *     }
 *     cz_claim needs[] = {{id, CZ_WRITE, CZ_TYPED(CZ_DATA)}};
 *     cz_task_spec spec = {.name = "pay", .fn = pay, .needs = needs, .need_count = 1,
 *                          .priority = CZ_NORMAL};
 *     if (cz_task_spawn(scheduler, &spec, &task, &err) ||
 *         cz_task_join(scheduler, task, CZ_FOREVER, &report, &err))
 *         die(err.detail);
 *
 * A task's function must return: what unwinds its stack in another way (longjmp, pthread_exit,
 * an exception of C++) ends the process. */
typedef struct cz_scheduler cz_scheduler;

typedef struct cz_scheduler_options {
    size_t stack_size;   /* of a task, in bytes; 0: 64 KiB */
    uint32_t stacks_max; /* tasks admitted and not ended, at most 2^20; 0: 16384 */
    uint32_t tasks_max;  /* spawned and not forgotten, at most 2^20; 0: 2^20 */
} cz_scheduler_options;

/* Starts the thread for its tasks, and keeps the engine open. options NULL: defaults. */
CZ_API CZ_MUST_USE int cz_scheduler_new(cz_engine *engine, const cz_scheduler_options *options,
                                        cz_scheduler **ret, cz_error *err);
/* Cancels all tasks, waits until they have ended, and frees. CZ_INVALID from a task;
 * any other error is cz_close's, and the scheduler is gone. NULL: no-op. */
CZ_API int cz_scheduler_close(cz_scheduler *scheduler, cz_error *err);

/* What it returns is the outcome: CZ_OK, or a code whose detail it left in err. */
typedef int (*cz_task_fn)(void *arg, cz_error *err);

typedef struct cz_task_spec {
    const char *name; /* up to 63 bytes, copied; NULL: "task N" */
    cz_task_fn fn;
    void *arg;
    const cz_claim *needs; /* copied; at most CZ_CLAIMS_MAX */
    size_t need_count;
    enum cz_priority priority;
    uint64_t timeout_ms; /* for admission; 0 or CZ_FOREVER: none */
    bool detached;       /* nobody will join it: it is forgotten when it ends */
} cz_task_spec;

/* state, value, text */
#define CZ_TASK_STATES(X)                                                                      \
    X(CZ_TASK_QUEUED, 0, "queued")       /* not admitted yet */                                \
    X(CZ_TASK_RUNNING, 1, "running")     /* admitted: runs, or will when its turn comes */     \
    X(CZ_TASK_WAITING, 2, "waiting")     /* suspended, for a guard, a result, another task */  \
    X(CZ_TASK_COMPLETED, 3, "completed") /* its function returned CZ_OK */                     \
    X(CZ_TASK_FAILED, 4, "failed")       /* another code, or it could not be admitted */       \
    X(CZ_TASK_CANCELLED, 5, "cancelled") /* before it ran, or CZ_CANCELLED once it was told */

enum cz_task_state {
#define CZ_DECLARE(name, value, text) name = value,
    CZ_TASK_STATES(CZ_DECLARE)
#undef CZ_DECLARE
};
CZ_API const char *cz_task_state_name(int state);

/* From any thread, and from tasks. The needs are checked at once: CZ_NOT_FOUND, CZ_WRONG_TYPE.
 * CZ_LIMIT: tasks_max; CZ_CLOSED: the engine stopped, or the scheduler closes. *ret_task, from
 * 1, is never used again, and is written before the task begins; it may be NULL. */
CZ_API CZ_MUST_USE int cz_task_spawn(cz_scheduler *scheduler, const cz_task_spec *spec,
                                     uint64_t *ret_task, cz_error *err);
/* A task that has not begun ends without running. Any other meets CZ_CANCELLED where it waits,
 * or next would wait or acquire, and each time after that; what it has committed stands, and a
 * commit under way is finished. CZ_NOT_FOUND: forgotten, or never was. */
CZ_API CZ_MUST_USE int cz_task_cancel(cz_scheduler *scheduler, uint64_t task, cz_error *err);

typedef struct cz_task_report {
    uint64_t task;
    char name[CZ_PARTY_NAME_SIZE];
    enum cz_task_state state;
    enum cz_priority priority;
    int code;                    /* once it ended */
    char detail[CZ_DETAIL_SIZE]; /* of its error */
    uint64_t admission;          /* it was the n-th to be admitted; 0: it was not */
    uint64_t waits;              /* times it was suspended in a wait */
    uint64_t guards;             /* held now */
    bool promoted;               /* it was passed too often */
} cz_task_report;

/* Waits until a task has ended, and forgets it; of several who join one, each gets its report.
 * Threads block, tasks are suspended. ret may be NULL. CZ_DEADLOCK: the task waits for the
 * caller, directly or through others; CZ_TIMEOUT; CZ_INVALID: it is detached. */
CZ_API CZ_MUST_USE int cz_task_join(cz_scheduler *scheduler, uint64_t task, uint64_t timeout_ms,
                                    cz_task_report *ret, cz_error *err);
CZ_API CZ_MUST_USE int cz_task_get(cz_scheduler *scheduler, uint64_t task, cz_task_report *ret,
                                   cz_error *err);

/* In a task. The guard of its i-th need, from 0; CZ_NOT_FOUND beyond them. Needs that name one
 * resource share a guard. */
CZ_API CZ_MUST_USE int cz_task_guard(size_t need, cz_guard *ret, cz_error *err);
/* Lets the others have their turn. No-op outside of tasks. */
CZ_API void cz_task_yield(void);
/* The calling task; 0 outside of tasks. */
CZ_API uint64_t cz_task_self(void);

typedef struct cz_scheduler_stats {
    struct {
        uint64_t spawned, admitted, promoted;
        uint64_t queued, queued_most; /* now, and at any time */
    } priorities[4];
    uint64_t completed, failed, cancelled; /* since the beginning */
    uint64_t queued, running, waiting;     /* now; running: those whose turn will come too */
    uint64_t ended;                        /* and not forgotten */
    uint64_t switches;                     /* turns that were taken */
    uint64_t ready_most;                   /* longest queue of those whose turn would come */
} cz_scheduler_stats;
CZ_API CZ_MUST_USE int cz_scheduler_stats_get(cz_scheduler *scheduler, cz_scheduler_stats *ret,
                                              cz_error *err);

/* ---- Facts and domains -------------------------------------------------------------- */

/* A domain is an independent source of truth: a chain, with its own blocks, time and finality.
 * External state enters only as facts, each with a proof in two layers: that its block belongs
 * to the domain (the block is a fact too), and that the block says so. Facts are verified, then
 * recorded in the domain's fact log; each store decides for itself which domains it knows,
 * whose observations it takes, and when a block is settled. */

/* kind, value, name */
#define CZ_FACT_KINDS(X)                                                                       \
    X(CZ_FACT_BLOCK, 1, "block")                                                               \
    X(CZ_FACT_TRANSACTION, 2, "transaction")                                                   \
    X(CZ_FACT_DEPOSIT, 3, "deposit")                                                           \
    X(CZ_FACT_WITHDRAWAL, 4, "withdrawal")                                                     \
    X(CZ_FACT_BALANCE, 5, "balance")                                                           \
    X(CZ_FACT_PRICE, 6, "price") /* of an oracle */                                            \
    X(CZ_FACT_TIME, 7, "time")                                                                 \
    X(CZ_FACT_REGISTER, 8, "register")                                                         \
    X(CZ_FACT_CUSTOM, 9, "custom")

enum cz_fact_kind {
#define CZ_DECLARE(kind, value, name) kind = value,
    CZ_FACT_KINDS(CZ_DECLARE)
#undef CZ_DECLARE
};
CZ_API const char *cz_fact_kind_name(int kind);

typedef struct cz_observer {
    uint8_t key[32]; /* Ed25519, public */
} cz_observer;

/* What the store knows and wants of a domain. */
typedef struct cz_domain_spec {
    const char *name;       /* 1 to 32 bytes */
    const char *adapter;    /* "ethereum", "simulated" */
    const void *parameters; /* what the adapter wants to know; see docs/reference/domains.md */
    size_t parameters_len;
    /* Blocks that must be built on one, so that it is safe, final; 0: depth is not enough. */
    uint64_t safe_depth, final_depth;
    /* What is asked of a block before facts that rest on it are recorded. */
    uint64_t record_depth;
    enum cz_finality record_finality;
    /* If there are any, facts must be signed by one of them. */
    const cz_observer *observers;
    size_t observer_count;
} cz_domain_spec;

/* Makes a domain known, or gives a known one another policy and other observers; adapter and
 * parameters stay (CZ_WRONG_KIND). Waits until it is on disk. */
CZ_API CZ_MUST_USE int cz_domain_set(cz_engine *engine, const cz_domain_spec *spec,
                                     cz_error *err);

typedef struct cz_domain {
    const char *name, *adapter;
    uint64_t height, time; /* of the head; has_head false: none yet */
    uint8_t hash[32];
    bool has_head;
    uint64_t safe_height, final_height;
    uint64_t safe_depth, final_depth, record_depth;
    enum cz_finality record_finality;
    const cz_observer *observers;
    size_t observer_count;
    uint64_t items; /* of its fact log */
    cz_id head;     /* newest node of its fact log */
    bool frozen;
    cz_id contradicts[2]; /* frozen: the item that stands, and the one against it */
} cz_domain;

typedef int (*cz_domain_fn)(void *arg, const cz_domain *domain);
/* In the order in which they became known. Strings live until the callback returns. */
CZ_API CZ_MUST_USE int cz_domain_list(cz_engine *engine, cz_domain_fn fn, void *arg,
                                      cz_error *err);
/* Ends a freeze: of the two items that contradict, `keep` stays and the other one is retracted.
 */
CZ_API CZ_MUST_USE int cz_domain_resolve(cz_engine *engine, const char *domain,
                                         const cz_id *keep, const char *note, cz_error *err);

/* Checks canonical bytes of a fact (docs/reference/formats.md) completely, and records it:
 * waits until it is on disk. One of CZ_FAULTS, whose detail says what is wrong, and then
 * nothing has changed; recorded before: CZ_OK. seed NULL, or the 32 bytes of an Ed25519 key to
 * sign it with as its observer first. */
CZ_API CZ_MUST_USE int cz_fact_add(cz_engine *engine, const void *bytes, size_t len,
                                   const uint8_t *seed, cz_id *ret, cz_error *err);
/* The same checks, without recording. */
CZ_API CZ_MUST_USE int cz_fact_check(cz_engine *engine, const void *bytes, size_t len,
                                     cz_error *err);
/* Withdraws a fact, and if it is a block's, all above it and all that rests on them. Effects
 * that cite one and are not applied yet will be rejected; those that are applied are disputed,
 * with all that follows from them. evidence, if the domain's adapter wants any: a header that
 * competes. note: up to 256 bytes. */
CZ_API CZ_MUST_USE int cz_fact_retract(cz_engine *engine, const cz_id *fact,
                                       const void *evidence, size_t evidence_len,
                                       const char *note, const uint8_t *seed, cz_id *ret,
                                       cz_error *err);

/* An item of a domain's fact log: a fact, or (kind 0) a retraction, a domain's configuration or
 * a decision. */
typedef struct cz_fact {
    cz_id id;
    const char *domain;
    enum cz_fact_kind kind;
    const char *type; /* "fact", "retraction", "domain", "decision" */
    uint64_t number;  /* in the store, from 1 */
    uint64_t height, time;
    uint8_t block_hash[32];
    enum cz_finality finality; /* now */
    uint64_t depth;            /* blocks built on it, now */
    bool stands, held;         /* held: it contradicts what is final, and nobody decided yet */
    bool has_expires;
    uint64_t expires;
    cz_id block; /* of the fact of its block */
    cz_id retracted_by;
    bool has_retracted_by;
    const uint8_t *bytes; /* canonical */
    size_t len;
} cz_fact;

typedef int (*cz_fact_fn)(void *arg, const cz_fact *fact);
/* In order of recording; domain NULL: all. What is given lives until the callback returns. */
CZ_API CZ_MUST_USE int cz_fact_list(cz_engine *engine, const char *domain, cz_fact_fn fn,
                                    void *arg, cz_error *err);
CZ_API CZ_MUST_USE int cz_fact_get(cz_engine *engine, const cz_id *id, cz_fact_fn fn, void *arg,
                                   cz_error *err);
/* Verifies a recorded fact again: its signature and both layers of its proof. */
CZ_API CZ_MUST_USE int cz_fact_verify(cz_engine *engine, const cz_id *id, cz_error *err);

/* An applied effect that is disputed, since it cites a retracted fact or follows one that does,
 * unless another fact of the same event stands. */
typedef struct cz_dispute {
    cz_id effect;
    uint64_t position;
    cz_id fact;  /* a retracted one that it rests on */
    bool direct; /* the effect itself cites it */
} cz_dispute;
typedef int (*cz_dispute_fn)(void *arg, const cz_dispute *dispute);
/* In order of position. */
CZ_API CZ_MUST_USE int cz_disputed(cz_engine *engine, cz_dispute_fn fn, void *arg,
                                   cz_error *err);
CZ_API CZ_MUST_USE int cz_is_disputed(cz_engine *engine, const cz_id *effect, bool *ret,
                                      cz_error *err);

/* Checks the facts that an effect cites as they are now (R6), and that accounts allow it
 * (cz_authorised); a fault is returned, and nothing was queued. Gives the effect the snapshot
 * of the time map, unless it is signed already, and submits it. It is checked again when it
 * applies. */
CZ_API CZ_MUST_USE int cz_propose(cz_engine *engine, cz_effect *effect, cz_done_fn done,
                                  void *arg, uint64_t *ret_ticket, cz_error *err);

/* Keys. A seed is 32 bytes of the caller's own randomness. */
CZ_API void cz_public_key(const uint8_t seed[32], uint8_t ret[32]);

/* ---- Time and causality ------------------------------------------------------------- */

/* What was known of every domain at one moment, and the Lamport time: the record's TimeMap.
 * Snapshots are immutable; the id is of the domains' part, all zero when there is none. */
typedef struct cz_time_map cz_time_map;
typedef struct cz_domain_time {
    const char *domain; /* lives as long as the map */
    uint64_t height, time;
    uint8_t hash[32];
    uint64_t safe_height, final_height;
} cz_domain_time;

CZ_API CZ_MUST_USE int cz_snapshot(cz_engine *engine, cz_time_map **ret, cz_error *err);
/* As an effect's receipt names it. Cost: the facts up to it are read. */
CZ_API CZ_MUST_USE int cz_snapshot_at(cz_engine *engine, const cz_id *effect, cz_time_map **ret,
                                      cz_error *err);
CZ_API void cz_time_map_free(cz_time_map *map);
CZ_API cz_id cz_time_map_id(const cz_time_map *map);
CZ_API uint64_t cz_time_map_lamport(const cz_time_map *map);
CZ_API size_t cz_time_map_count(const cz_time_map *map);
/* Ascending by name, i below the count. */
CZ_API cz_domain_time cz_time_map_at(const cz_time_map *map, size_t i);
CZ_API CZ_MUST_USE int cz_time_map_find(const cz_time_map *map, const char *domain,
                                        cz_domain_time *ret, cz_error *err);
/* The newer of both, domain by domain. Commutative, associative, idempotent. */
CZ_API CZ_MUST_USE int cz_time_map_merge(const cz_time_map *a, const cz_time_map *b,
                                         cz_time_map **ret, cz_error *err);
/* a knows at least as much of every domain as b, and more of one. */
CZ_API bool cz_time_map_ahead(const cz_time_map *a, const cz_time_map *b);

enum cz_order { CZ_SAME, CZ_BEFORE, CZ_AFTER, CZ_CONCURRENT };
CZ_API const char *cz_order_name(int order);
/* How two events, each an effect or a fact, lie in causal order (R4): before means that a path
 * of links leads from a to b: versions read and overwritten, facts cited, effects followed, a
 * task's effect before. From an index that is made at the first question and kept up with every
 * receipt from then on. Cost: about a microsecond; the first time, reading the journal.
 * CZ_LIMIT: the history is larger than options.causal_max. */
CZ_API CZ_MUST_USE int cz_causal_order(cz_engine *engine, const cz_id *a, const cz_id *b,
                                       enum cz_order *ret, cz_error *err);
/* The same of two effects by their positions, without looking anything else up: for many. */
CZ_API CZ_MUST_USE int cz_causal_order_at(cz_engine *engine, uint64_t a, uint64_t b,
                                          enum cz_order *ret, cz_error *err);
CZ_API CZ_MUST_USE int cz_happened_before(cz_engine *engine, const cz_id *a, const cz_id *b,
                                          bool *ret, cz_error *err);
CZ_API CZ_MUST_USE int cz_concurrent(cz_engine *engine, const cz_id *a, const cz_id *b,
                                     bool *ret, cz_error *err);

/* Records an event of a task that is no effect on any resource, behind the events `after` and
 * the task's last one; it has a receipt like any effect. Waits until it is on disk. */
CZ_API CZ_MUST_USE int cz_record_event(cz_engine *engine, const cz_id *program, uint32_t task,
                                       const cz_id *after, size_t count, cz_id *ret,
                                       cz_error *err);

/* Of two clocks of one program, as receipts have them. */
CZ_API enum cz_order cz_clock_compare(const cz_clock_part *a, size_t a_count,
                                      const cz_clock_part *b, size_t b_count);

/* Why one event directly follows another. */
enum cz_link {
    CZ_LINK_WRITE,
    CZ_LINK_READ,
    CZ_LINK_FACT,
    CZ_LINK_AFTER,
    CZ_LINK_TASK,
    CZ_LINK_BLOCK
};
CZ_API const char *cz_link_name(int link);
typedef struct cz_cause {
    enum cz_link link;
    cz_id resource; /* of WRITE and READ */
    bool is_fact;
    uint64_t number; /* position of an effect, number of a fact */
} cz_cause;
typedef struct cz_event {
    cz_id id;
    bool is_fact;
    uint64_t number;           /* position of an effect, number of a fact */
    const cz_receipt *receipt; /* of an effect */
    const cz_fact *fact;
    const cz_cause *causes; /* all of them, in the order in which the event names them */
    size_t cause_count;
} cz_event;
typedef int (*cz_event_fn)(void *arg, const cz_event *event);
/* One event with its direct causes, by id, or by position or number. What is given lives until
 * the callback returns, which must not ask the engine. */
CZ_API CZ_MUST_USE int cz_event_get(cz_engine *engine, const cz_id *id, cz_event_fn fn,
                                    void *arg, cz_error *err);
CZ_API CZ_MUST_USE int cz_event_at(cz_engine *engine, bool is_fact, uint64_t number,
                                   cz_event_fn fn, void *arg, cz_error *err);
/* The causal past of an event, itself first: the effects from the newest on, then the facts in
 * the same way; so each comes after all that follow it. Read from the journal as it goes, so
 * that the first ones come at once. The engine goes on meanwhile. */
CZ_API CZ_MUST_USE int cz_causes(cz_engine *engine, const cz_id *id, cz_event_fn fn, void *arg,
                                 cz_error *err);

/* ---- Watching ----------------------------------------------------------------------- */

/* Until something becomes true: of a resource, of a domain, or of the whole time map. Judged is
 * each state as it comes on disk, in the order of the journal, also those in the middle of a
 * batch; nothing polls. So a watch ends at the first state of which it is true, and none is
 * missed: it judges every state that anybody is told of after cz_watch has returned; called
 * from a callback of the engine's, every one after what the callback is about.
 *
 * The state at the beginning is judged too, unless an effect that overwrites it was executed
 * already and is on its way to the disk: then that effect's state is the first. Waiting for the
 * engine to rest instead, as cz_resource_get does, would stop it for each watch.
 *
 * A deadline is in the time of a domain, or in Lamport time, and ends the watch with the first
 * event that reaches it, if what is watched was not true by then: the same event may do both,
 * and then it was true.
 *
 * Who watches holds nothing. To await a resource's change while holding a guard that keeps
 * others from changing it lasts until the deadline or for ever: nothing looks for that. */
typedef struct cz_watch_spec {
    /* One of these. The resource may be one that is not there yet. */
    const cz_id *resource;
    const char *domain;
    bool time_map;
    /* Whether it is true. NULL: with the first change after the beginning. Called on the
     * engine's thread, which waits: must be quick, and not call back into the library but to
     * look at what it is given (a resource without its log's head, and with its data only when
     * `with_data`). resource: after each applied effect that declares it written. time_is:
     * after each item of a fact log that moves the time map, of `domain`: its entry; that may
     * not be there yet. */
    bool (*resource_is)(void *arg, const cz_resource *resource);
    bool (*time_is)(void *arg, const cz_time_map *map); /* of domain and time_map */
    void *arg;
    bool with_data;
    /* Of a domain, without time_is: its head in the time map is so high. 0: with the first
     * change. */
    uint64_t height;
    /* CZ_TIMEOUT when the domain's time or height in the time map is so far, or the latest
     * Lamport time of all receipts is; 0: not. */
    const char *deadline_domain;
    uint64_t deadline_time, deadline_height;
    uint64_t deadline_lamport;
} cz_watch_spec;

typedef struct cz_watched {
    uint64_t watch;
    int code; /* CZ_OK; CZ_TIMEOUT the deadline; CZ_CANCELLED; CZ_CLOSED; of a resource that is
                 not there yet: CZ_LIMIT or CZ_NOMEM, there is no room for it */
    /* What ended it: the effect at this position, or the item of a fact log with this number,
     * as in cz_fact. Both 0: it was so when the watch began, or it was given up. */
    uint64_t position, fact;
    uint64_t version; /* of the resource, when it was true */
    uint64_t lamport; /* the latest of all receipts then, */
    cz_id time;       /* and the snapshot of the time map */
} cz_watched;
/* Once, on the engine's thread but for CZ_CANCELLED, in the order of the journal; of those that
 * end with one event, in order of their numbers. Just before the callback of the effect or fact
 * that ended it. May only call cz_submit*, cz_watch and cz_unwatch. What it watches begins with
 * the next event at the latest, and is judged at once as above: so who follows something must
 * ask for what it has not seen. */
typedef void (*cz_watched_fn)(void *arg, const cz_watched *result);

/* Strings and ids of spec are copied. Numbers rise, from 1. It may have ended when this
 * returns, but not before *ret_watch is written. CZ_UNKNOWN_DOMAIN; CZ_LIMIT: 2^20 watches have
 * not ended. Costs nothing while nothing happens to what is watched, however many there are;
 * heights and deadlines cost nothing until they are reached. */
CZ_API CZ_MUST_USE int cz_watch(cz_engine *engine, const cz_watch_spec *spec,
                                cz_watched_fn done, void *done_arg, uint64_t *ret_watch,
                                cz_error *err);
/* Calls its callback with CZ_CANCELLED, on the calling thread, before it returns. CZ_NOT_FOUND:
 * it has come, or does now on the engine's thread. */
CZ_API CZ_MUST_USE int cz_unwatch(cz_engine *engine, uint64_t watch, cz_error *err);
/* Waits: a thread blocks, a task is suspended. The code of the result; ret may be NULL.
 * CZ_TIMEOUT: after timeout_ms, or the deadline of spec. CZ_CANCELLED: the context was, and the
 * watch is given up. */
CZ_API CZ_MUST_USE int cz_await(cz_engine *engine, const cz_watch_spec *spec,
                                uint64_t timeout_ms, cz_watched *ret, cz_error *err);

/* ---- Accounts ----------------------------------------------------------------------- */

/* An account program is the only gateway by which external value enters, leaves and moves
 * between programs (R14). An account is a resource of kind account; it *controls* the resources
 * that were created with it as controller. Everybody may read those, and credit fungibles;
 * whatever else touches one needs the account's authority: signatures of enough of its owners,
 * or a capability. All rules are the ledger's own, and hold for whoever submits an effect. The
 * functions here only make the effects that are usual. An effect that needs an account's
 * authority declares the account, read; written, when the account has a limit for what leaves.
 *
 * The account that a label names is the resource with that label of cz_operator; whoever makes
 * it first has it. */

/* So much of an asset may leave the account within each window of a domain's time: from n *
 * window up to but not including (n + 1) * window. */
typedef struct cz_limit {
    const char *asset;
    cz_quantity quantity;
    const char *domain;
    uint64_t window;   /* above 0 */
    uint64_t number;   /* of the window in which something left last, and how much; of a new */
    cz_quantity spent; /* policy: 0 */
} cz_limit;

#define CZ_OWNERS_MAX 16
#define CZ_LIMITS_MAX 16
typedef struct cz_policy {
    unsigned threshold;                /* so many owners must sign, from 1 */
    uint8_t owners[CZ_OWNERS_MAX][32]; /* Ed25519, ascending, none twice */
    unsigned owner_count;
    cz_limit limits[CZ_LIMITS_MAX]; /* ascending by asset, none twice */
    unsigned limit_count;
} cz_policy;

/* A policy's canonical bytes, to create or write an account with. CZ_INVALID says what is wrong
 * with it. */
#define CZ_POLICY_SIZE_MAX 8192
CZ_API CZ_MUST_USE int cz_policy_encode(const cz_policy *policy,
                                        uint8_t ret[CZ_POLICY_SIZE_MAX], size_t *ret_len,
                                        cz_error *err);
/* Strings of the limits go to `texts`, which must live as long as they. Strict: CZ_INVALID. */
#define CZ_POLICY_TEXTS_MAX (CZ_LIMITS_MAX * (CZ_ASSET_SIZE_MAX + 1 + 33))
CZ_API CZ_MUST_USE int cz_policy_decode(const void *bytes, size_t len,
                                        char texts[CZ_POLICY_TEXTS_MAX], cz_policy *ret,
                                        cz_error *err);

/* right, bit, name: what a capability gives. */
#define CZ_RIGHTS(X)                                                                           \
    X(CZ_RIGHT_DEBIT, 1, "debit")         /* transfer or move out of it */                     \
    X(CZ_RIGHT_WITHDRAW, 2, "withdraw")   /* out of the ledger */                              \
    X(CZ_RIGHT_WRITE, 4, "write")         /* data, and declaring it written */                 \
    X(CZ_RIGHT_LIFECYCLE, 8, "lifecycle") /* lock … archive */                                 \
    X(CZ_RIGHT_CREATE, 16, "create")      /* resources that the account creates or controls */ \
    X(CZ_RIGHT_DELEGATE, 32, "delegate")  /* capabilities that give no more than this one */

enum cz_right {
#define CZ_DECLARE(right, bit, name) right = bit,
    CZ_RIGHTS(CZ_DECLARE)
#undef CZ_DECLARE
};

/* What a capability says. It is used by its holder; ends by being consumed, which its account,
 * its holder, and the holders of those above it may do; is suspended while locked or frozen,
 * which its account may do. */
typedef struct cz_grant {
    cz_id account; /* whose right it is; the capability's controller too */
    bool has_parent;
    cz_id parent;       /* delegated: a capability that gives at least as much */
    uint8_t holder[32]; /* Ed25519 */
    bool has_resource;  /* for one resource; else */
    cz_id resource;
    const char *asset; /* for all of the account's of one asset; else, NULL, for all it has */
    unsigned rights;   /* enum cz_right */
    bool has_ceiling;
    cz_quantity ceiling; /* so much may leave by it, and by those delegated of it, in all */
    cz_quantity spent;   /* of that; of a new one 0 */
    const char *expire_domain; /* NULL: never; else the last moment in that domain's time */
    uint64_t expire_time;
} cz_grant;
#define CZ_GRANT_SIZE_MAX 512
#define CZ_GRANT_TEXTS_MAX (CZ_ASSET_SIZE_MAX + 1 + 33)
/* Capabilities above one another. */
#define CZ_DELEGATION_MAX 8
CZ_API CZ_MUST_USE int cz_grant_encode(const cz_grant *grant, uint8_t ret[CZ_GRANT_SIZE_MAX],
                                       size_t *ret_len, cz_error *err);
CZ_API CZ_MUST_USE int cz_grant_decode(const void *bytes, size_t len,
                                       char texts[CZ_GRANT_TEXTS_MAX], cz_grant *ret,
                                       cz_error *err);

/* One withdrawal that is not closed. */
typedef struct cz_withdrawal {
    cz_id effect;
    uint32_t number;
    const char *asset; /* strings live until the callback returns */
    cz_quantity quantity;
    const char *destination; /* at most CZ_DESTINATION_SIZE_MAX bytes */
} cz_withdrawal;
#define CZ_DESTINATION_SIZE_MAX 60
/* Open at one time, in one outbox. */
#define CZ_WITHDRAWALS_MAX 64
typedef int (*cz_withdrawal_fn)(void *arg, const cz_withdrawal *withdrawal);
CZ_API CZ_MUST_USE int cz_outbox_decode(const void *bytes, size_t len, cz_withdrawal_fn fn,
                                        void *arg, cz_error *err);
/* "<destination>#<effect id>/<number>" */
#define CZ_REFERENCE_SIZE (CZ_DESTINATION_SIZE_MAX + 1 + CZ_ID_TEXT_SIZE + 11)
CZ_API void cz_withdrawal_reference(const cz_withdrawal *w, char ret[CZ_REFERENCE_SIZE]);

/* Ids of what an account has, by convention. */
CZ_API CZ_MUST_USE int cz_account_id(const char *label, cz_id *ret, cz_error *err);
CZ_API CZ_MUST_USE int cz_account_balance(const cz_id *account, const char *asset, cz_id *ret,
                                          cz_error *err);
CZ_API cz_id cz_account_outbox(const cz_id *account);
CZ_API CZ_MUST_USE int cz_account_reserve(const cz_id *account, const char *asset, cz_id *ret,
                                          cz_error *err);

/* These add to an effect what does one thing, with all that must be declared, so that several
 * can be one effect. Accounts are looked up in the engine: what must be declared depends on
 * whether they have limits. */
/* Its own keys must sign. */
CZ_API CZ_MUST_USE int cz_account_create(cz_effect *e, const char *label,
                                         const cz_policy *policy, cz_error *err);
CZ_API CZ_MUST_USE int cz_account_set_policy(cz_engine *engine, cz_effect *e,
                                             const cz_id *account, const cz_policy *policy,
                                             cz_error *err);
/* An empty balance, if there is none. Needs no authority. */
CZ_API CZ_MUST_USE int cz_account_open(cz_effect *e, const cz_id *account, const char *asset,
                                       cz_error *err);
/* From balance to balance; opens the one of `to` if need be. */
CZ_API CZ_MUST_USE int cz_account_transfer(cz_engine *engine, cz_effect *e, const cz_id *from,
                                           const cz_id *to, const char *asset,
                                           cz_quantity quantity, cz_error *err);
/* Credits a recorded deposit's fact to the account or resource that it names. terms: finality
 * and so on that are asked of it; NULL: still true, as recorded. */
CZ_API CZ_MUST_USE int cz_account_deposit(cz_engine *engine, cz_effect *e, const cz_id *fact,
                                          const cz_dependency *terms, cz_error *err);
CZ_API CZ_MUST_USE int cz_account_withdraw(cz_engine *engine, cz_effect *e,
                                           const cz_id *account, const char *asset,
                                           cz_quantity quantity, const char *destination,
                                           cz_error *err);
/* The same from another resource of the account's than its balance. */
CZ_API CZ_MUST_USE int cz_account_withdraw_from(cz_engine *engine, cz_effect *e,
                                                const cz_id *account, const cz_id *from,
                                                const char *asset, cz_quantity quantity,
                                                const char *destination, cz_error *err);
/* Closes the withdrawal that a fact names: confirmed by a withdrawal's, released by a
 * register's. */
CZ_API CZ_MUST_USE int cz_account_close(cz_engine *engine, cz_effect *e, const cz_id *account,
                                        const cz_id *fact, cz_error *err);
/* A capability, under a label of the account's (or, delegated, of the giver's key). */
CZ_API CZ_MUST_USE int cz_account_grant(cz_engine *engine, cz_effect *e, const char *label,
                                        const cz_grant *grant, cz_id *ret, cz_error *err);
CZ_API CZ_MUST_USE int cz_account_revoke(cz_engine *engine, cz_effect *e,
                                         const cz_id *capability, cz_error *err);
/* Presents a capability, and declares all that is above it. */
CZ_API CZ_MUST_USE int cz_account_use(cz_engine *engine, cz_effect *e, const cz_id *capability,
                                      cz_error *err);

/* What an account is and has now. Strings live until the callback returns. */
typedef struct cz_holding {
    cz_resource resource;
    bool is_reserve; /* of its outbox: on its way out */
} cz_holding;
typedef struct cz_account_state {
    cz_id id;
    const char *label;
    enum cz_state state;
    const cz_policy *policy;
    const cz_holding *holdings; /* fungibles and positions, by asset */
    size_t holding_count;
    const cz_id *capabilities; /* that stand, by id */
    size_t capability_count;
} cz_account_state;
typedef int (*cz_account_fn)(void *arg, const cz_account_state *account);
CZ_API CZ_MUST_USE int cz_account_get(cz_engine *engine, const cz_id *account, cz_account_fn fn,
                                      void *arg, cz_error *err);

/* What came in and went out, in causal order (that of positions, which is one). */
enum cz_entry_kind {
    CZ_ENTRY_DEPOSIT,
    CZ_ENTRY_TRANSFER,
    CZ_ENTRY_WITHDRAWAL, /* out: entered in the outbox */
    CZ_ENTRY_CONFIRMED,  /* out: of a withdrawal */
    CZ_ENTRY_RELEASED,   /* in: of a withdrawal */
};
CZ_API const char *cz_entry_kind_name(int kind);
typedef struct cz_account_entry {
    enum cz_entry_kind kind;
    uint64_t position;
    cz_id effect;
    uint64_t lamport;
    const char *asset;
    cz_quantity quantity;
    cz_id other;         /* the other resource of a transfer */
    const char *outside; /* the destination of a withdrawal; "" */
    cz_id fact;          /* of a deposit, or that closed a withdrawal */
    cz_id withdrawal;    /* CONFIRMED, RELEASED, WITHDRAWAL: its effect and number */
    uint32_t number;
    bool open;     /* of a withdrawal: nothing has closed it */
    bool disputed; /* its effect is */
} cz_account_entry;
typedef int (*cz_account_entry_fn)(void *arg, const cz_account_entry *entry);
/* Cost: the resources of the store are looked through, and the logs of the account's read. */
CZ_API CZ_MUST_USE int cz_account_inbox(cz_engine *engine, const cz_id *account,
                                        cz_account_entry_fn fn, void *arg, cz_error *err);
CZ_API CZ_MUST_USE int cz_account_outgoing(cz_engine *engine, const cz_id *account,
                                           cz_account_entry_fn fn, void *arg, cz_error *err);

/* Whether an effect would be allowed now: CZ_OK, or the reason as a code with a detail that
 * says who would have to sign or what is missing. What cz_propose checks too. */
CZ_API CZ_MUST_USE int cz_authorised(cz_engine *engine, cz_effect *e, cz_error *err);

/* ---- Programs ----------------------------------------------------------------------- */

/* A program is a C function, or a guest (below), that proposes effects and awaits things. A
 * *host* runs programs: their tasks take turns on one thread. Each start is an *instance* with
 * a log of its own in the store: its effects, the facts that it saw, and everything that came
 * from outside, in the order in which it came. So a program's function must do nothing that
 * does not follow from its arguments and from what the functions here have told it: no clock,
 * no random numbers, no global state. Then a program goes on where it was when its process
 * dies: its function is called again, and is told what its log says until that ends (durable
 * execution).
 *
 *     static int pay(cz_program *p, const void *args, size_t len, cz_error *err)
 *     {
 *         cz_result result;
 *         …
 *         cz_future both[] = {cz_watch_future(p, &funded), cz_sleep_future(p, &deadline)};
 *         if (cz_race(p, both, 2, &first, NULL, err))
 *             return err->code;
 *         return first == 0 ? cz_program_perform(p, effect, &result, err) : CZ_TIMEOUT;
 *     }
 *
 * Tasks are structured: whoever forks outlives what it has forked. A function that returns with
 * futures that are not over has them cancelled and joined. Cancelling takes effect where a task
 * waits, or next would: it gets CZ_CANCELLED there and each time after that; its guards are
 * released when it returns; what it has committed stands (R12). */
typedef struct cz_host cz_host;
typedef struct cz_program cz_program;

/* args are followed by a zero byte, so that text can be read as such. */
typedef int (*cz_program_fn)(cz_program *p, const void *args, size_t len, cz_error *err);
typedef struct cz_program_def {
    const char *name; /* 1 to 63 bytes */
    uint32_t version; /* from 1: a new one for each change that old logs do not fit */
    cz_program_fn fn;
    const char *summary; /* for people; may be NULL */
} cz_program_def;

/* A shared object with programs for the command (causality program run FILE.so …) exports this
 * function: its programs, ended by one without a name. The text given on the command line is
 * what they get as arguments. */
#define CZ_MODULE(programs)                                                                    \
    CZ_API const cz_program_def *cz_module_programs(void);                                     \
    CZ_API const cz_program_def *cz_module_programs(void)                                      \
    {                                                                                          \
        return (programs);                                                                     \
    }

typedef struct cz_host_options {
    const cz_program_def *programs; /* copied; the functions must stay */
    size_t count;
    size_t stack_size;    /* of a task; 0: 64 KiB */
    uint32_t stacks_max;  /* 0: 16384 */
    uint32_t futures_max; /* not joined, of all programs; 0: 2^20 */
    /* 32 bytes of secret, from which the keys of programs are made; NULL: they have none. The
     * same host must get the same one again. */
    const uint8_t *secret;
    bool no_resume; /* leaves the unfinished instances of the store alone */
} cz_host_options;

/* Goes on with all instances of the store that have not ended and whose program and version it
 * has. One host for an engine. Keeps the engine open. */
CZ_API CZ_MUST_USE int cz_host_new(cz_engine *engine, const cz_host_options *options,
                                   cz_host **ret, cz_error *err);
/* Stops: what runs is unwound with CZ_CLOSED, is not ended in the store, and goes on under the
 * next host. The error is cz_close's. NULL: no-op. */
CZ_API int cz_host_close(cz_host *host, cz_error *err);

typedef struct cz_program_spec {
    const char *name;
    uint32_t version;  /* 0: the newest that the host has */
    const char *label; /* 1 to 64 bytes, tells instances apart */
    const void *args;
    size_t args_len; /* at most CZ_ARGS_SIZE_MAX */
} cz_program_spec;
#define CZ_ARGS_SIZE_MAX 32768
/* The id is the hash of name, label and arguments: starting the same again is CZ_OK, changes
 * nothing, and gives the same id. Any thread; returns when the start is queued. */
CZ_API CZ_MUST_USE int cz_program_start(cz_host *host, const cz_program_spec *spec, cz_id *ret,
                                        cz_error *err);
/* As cz_program_start would give it. */
CZ_API CZ_MUST_USE int cz_program_id(const cz_program_spec *spec, cz_id *ret, cz_error *err);
/* Asks it to stop: its first task is cancelled. CZ_NOT_FOUND: this host does not run it. */
CZ_API CZ_MUST_USE int cz_program_cancel(cz_host *host, const cz_id *id, cz_error *err);

/* The same of the process that has the store in dir open for writing. CZ_NOT_FOUND: there is
 * no such process; CZ_UNSUPPORTED: it does not run it; CZ_BUSY: it does not answer. */
CZ_API CZ_MUST_USE int cz_program_cancel_of(const char *dir, const cz_id *id, cz_error *err);

#define CZ_PROGRAM_STATES(X)                                                                   \
    X(CZ_PROGRAM_RUNNING, 0, "running") /* or would, had it a host */                          \
    X(CZ_PROGRAM_COMPLETED, 1, "completed")                                                    \
    X(CZ_PROGRAM_FAILED, 2, "failed")                                                          \
    X(CZ_PROGRAM_CANCELLED, 3, "cancelled")                                                    \
    /* Its code does other things than its log says; nothing more is recorded. */              \
    X(CZ_PROGRAM_MISFIT, 4, "misfit")
enum cz_program_state {
#define CZ_DECLARE(name, value, text) name = value,
    CZ_PROGRAM_STATES(CZ_DECLARE)
#undef CZ_DECLARE
};
CZ_API const char *cz_program_state_name(int state);

typedef struct cz_program_report {
    cz_id id;
    char name[64];
    uint32_t version;
    char label[65];
    enum cz_program_state state;
    int code;                    /* once it ended: what its function returned */
    char detail[CZ_DETAIL_SIZE]; /* of its error, or of the misfit */
    uint64_t entries;            /* of its log */
    uint64_t first, last;        /* positions of its log's first and last entry */
    cz_id head;                  /* newest node of its log */
    uint64_t value;              /* as cz_program_return set it */
} cz_program_report;
/* Until its end is on disk. CZ_TIMEOUT; CZ_NOT_FOUND; CZ_DIFFERS: misfit; CZ_CLOSED: the host
 * closes, which waits until all that are in here have left. */
CZ_API CZ_MUST_USE int cz_program_wait(cz_host *host, const cz_id *id, uint64_t timeout_ms,
                                       cz_program_report *ret, cz_error *err);
/* From the store; no host is needed. A misfit is known to a host only (host may be NULL). */
CZ_API CZ_MUST_USE int cz_program_get(cz_engine *engine, cz_host *host, const cz_id *id,
                                      cz_program_report *ret, cz_error *err);
typedef int (*cz_program_report_fn)(void *arg, const cz_program_report *report);
/* In the order of their first entries. */
CZ_API CZ_MUST_USE int cz_program_list(cz_engine *engine, cz_program_report_fn fn, void *arg,
                                       cz_error *err);

/* One entry of a program's log: an effect of the program, with what its note says. */
typedef struct cz_program_entry {
    const cz_receipt *receipt;
    uint64_t number;     /* from 1 */
    cz_id node;          /* [previous node, receipt] */
    const char *text;    /* what it says, for people: one line an event, separated by \n */
    const uint8_t *note; /* canonical (docs/reference/formats.md); NULL: none */
    size_t note_len;
} cz_program_entry;
typedef int (*cz_program_entry_fn)(void *arg, const cz_program_entry *entry);
/* Oldest first. */
CZ_API CZ_MUST_USE int cz_program_log(cz_engine *engine, const cz_id *id,
                                      cz_program_entry_fn fn, void *arg, cz_error *err);

typedef struct cz_program_replay_report {
    cz_program_report program;
    uint64_t entries,
        effects;     /* reproduced, to the byte; of these, with operations on resources */
    uint64_t inputs; /* that the code was told */
} cz_program_replay_report;
/* Runs an instance's code on its log alone: no engine writes, no domain, no clock. Each effect
 * and note that it makes is compared with the log's, byte for byte. CZ_DIFFERS: the detail
 * names the first entry that does not fit, and how. options: programs, stack_size, secret;
 * NULL: none. A guest's code comes out of the store. */
CZ_API CZ_MUST_USE int cz_program_replay(const char *dir, const cz_id *id,
                                         const cz_host_options *options,
                                         cz_program_replay_report *ret, cz_error *err);

/* ---- In a program ------------------------------------------------------------------- */

/* All below are called by a program's tasks only, with the program that they were given. */

CZ_API cz_id cz_program_self(const cz_program *p);
CZ_API const char *cz_program_label(const cz_program *p);
/* The instance's Ed25519 key; CZ_UNSUPPORTED: the host has no secret. Of an instance that may
 * not have begun: cz_host_program_key. */
CZ_API CZ_MUST_USE int cz_program_key(const cz_program *p, uint8_t ret[32], cz_error *err);
/* The same from the host's secret. */
CZ_API void cz_key_of_program(const uint8_t secret[32], const cz_id *id, uint8_t ret[32]);
CZ_API CZ_MUST_USE int cz_host_program_key(const cz_host *host, const cz_id *id,
                                           uint8_t ret[32], cz_error *err);
/* What the report's value will be. */
CZ_API void cz_program_return(cz_program *p, uint64_t value);
/* A pseudo-random number that follows from the instance's id: each call gives the next. */
CZ_API uint64_t cz_program_random(cz_program *p);
/* Lets other tasks have their turn. */
CZ_API CZ_MUST_USE int cz_program_yield(cz_program *p, cz_error *err);

/* An effect of this program: origin, nonce, priority, program, task and note are set in a copy,
 * which is signed with the program's key if the host has a secret; it must bring no signature.
 * Waits until it is acknowledged: CZ_OK, or CZ_REJECTED with the result. CZ_DEADLOCK: it
 * touches what the calling task guards; what another task of the program guards it waits for.
 */
CZ_API CZ_MUST_USE int cz_program_perform(cz_program *p, cz_effect *effect, cz_result *ret,
                                          cz_error *err);
/* What a resource is now; CZ_NOT_FOUND. Logged. Strings and data live until the task's next
 * read. */
CZ_API CZ_MUST_USE int cz_program_read(cz_program *p, const cz_id *resource, cz_resource *ret,
                                       cz_error *err);
/* What the time map knows of a domain now; CZ_NOT_FOUND. Logged. */
CZ_API CZ_MUST_USE int cz_program_time(cz_program *p, const char *domain, cz_domain_time *ret,
                                       cz_error *err);
/* For cz_account_* functions, which look things up in the engine and get answers that are
 * logged, and for nothing else: it is NULL while a program's log is replayed alone. */
CZ_API cz_engine *cz_program_engine(cz_program *p);

/* Futures. What is under way; a handle, (index, generation). One that could not be made is over
 * with the reason as its code, so errors need a look only where it is joined. Each belongs to
 * the task that made it, until it becomes a part of another future or is joined; a handle that
 * was used up is CZ_STALE, and where it is a part, it is one that is over with that code. */
typedef struct cz_future {
    uint32_t index, generation;
} cz_future;

/* How something under way ended. */
typedef struct cz_completion {
    size_t index;   /* among those that were given together */
    int code;       /* CZ_OK, or why not */
    uint64_t value; /* what it gave; 0 */
} cz_completion;

/* A branch of a program. Its error's detail, if it fails, goes to whoever joins it. */
typedef int (*cz_branch_fn)(cz_program *p, void *arg, uint64_t *ret_value, cz_error *err);
typedef struct cz_branch {
    cz_branch_fn fn;
    void *arg;
} cz_branch;

/* A deadline: when the domain's time is so far, or, domain NULL, in so many milliseconds from
 * now by the host's clock, which is logged when it is over; when the program goes on under
 * another host, it begins anew. */
typedef struct cz_deadline {
    const char *domain; /* copied */
    uint64_t time;
    uint64_t after_ms;
} cz_deadline;

/* Making futures: nothing waits. */
CZ_API cz_future cz_fork(cz_program *p, cz_branch_fn fn, void *arg);
CZ_API cz_future cz_perform_future(cz_program *p, cz_effect *effect); /* value: the position */
CZ_API cz_future cz_sleep_future(cz_program *p, const cz_deadline *deadline);
/* As cz_watch; value: the version of the resource, the domain's height, else the Lamport time.
 * The predicate must be a function of what it is given and its arg, which must stay. */
CZ_API cz_future cz_watch_future(cz_program *p, const cz_watch_spec *spec);
/* A fact of a domain: recorded before, or as soon as it is. Value: its number in the store. */
typedef struct cz_fact_query {
    const char *domain;
    enum cz_fact_kind kind;
    /* Of deposits, withdrawals and balances; prices (pair), registers (name): account. NULL:
     * any. */
    const char *account, *asset;
    const char *value;         /* of a register: its bytes; NULL: any */
    uint64_t amount;           /* at least */
    uint64_t time;             /* of its block, at least */
    enum cz_finality finality; /* at least; so it may be awaited until it is final */
} cz_fact_query;
CZ_API cz_future cz_fact_future(cz_program *p, const cz_fact_query *query);
CZ_API cz_future cz_invoke_future(cz_program *p, const cz_program_spec *spec);
/* All of them. Over with the first error, after the others were cancelled and joined. None: OK
 * at once. Value: how many. */
CZ_API cz_future cz_barrier_future(cz_program *p, const cz_future *futures, size_t count);
enum cz_race_mode {
    CZ_RACE_ANY,   /* the first that is over, however */
    CZ_RACE_OK,    /* the first success; without one the last error */
    CZ_RACE_UNTIL, /* the first that the predicate is true of; without one CZ_NOT_FOUND */
};
typedef bool (*cz_until_fn)(void *arg, const cz_completion *completion);
/* The others are cancelled and joined before it is over. Of two that are over at once the one
 * that was named first wins. Value: the winner's. None: CZ_INVALID. until: of CZ_RACE_UNTIL. */
CZ_API cz_future cz_race_future(cz_program *p, enum cz_race_mode mode, const cz_future *futures,
                                size_t count, cz_until_fn until, void *until_arg);
/* CZ_TIMEOUT when the deadline comes first. */
CZ_API cz_future cz_timeout_future(cz_program *p, const cz_deadline *deadline, cz_future f);
/* Runs handler in a new task when f is over, with its completion; over with the handler. An
 * asynchronous reply's handler. */
typedef int (*cz_callback_fn)(cz_program *p, void *arg, const cz_completion *completion,
                              uint64_t *ret_value, cz_error *err);
CZ_API cz_future cz_callback(cz_program *p, cz_future f, cz_callback_fn handler, void *arg);

/* Waiting. These use futures up, whatever they return. ret may be NULL. */
CZ_API CZ_MUST_USE int cz_join(cz_program *p, cz_future f, uint64_t *ret, cz_error *err);
/* The index of the winner in its race, of a race that was joined last by this task; of a
 * timeout 0, or 1 for its deadline. SIZE_MAX: nobody has won. */
CZ_API size_t cz_winner(const cz_program *p);
/* And joins it: CZ_OK, however it ended; what the error says is of the caller. */
CZ_API CZ_MUST_USE int cz_cancel(cz_program *p, cz_future f, cz_error *err);
/* Asks it to end, and leaves it to be joined. */
CZ_API void cz_cancel_later(cz_program *p, cz_future f);
CZ_API CZ_MUST_USE int cz_barrier(cz_program *p, const cz_future *futures, size_t count,
                                  cz_error *err);
/* Resources that can be had together, and whose contents satisfy a condition (NULL: any): gives
 * guards of all of them, in the order of the claims. When it does not hold, they are released,
 * and asked for again after the next change of one of them. */
typedef bool (*cz_condition_fn)(void *arg, const cz_contents *contents, size_t count);
CZ_API CZ_MUST_USE int cz_barrier_resources(cz_program *p, const cz_claim *claims, size_t count,
                                            cz_condition_fn condition, void *arg, cz_guard *ret,
                                            cz_error *err);
CZ_API CZ_MUST_USE int cz_race(cz_program *p, const cz_future *futures, size_t count,
                               size_t *ret_winner, uint64_t *ret, cz_error *err);
CZ_API CZ_MUST_USE int cz_race_ok(cz_program *p, const cz_future *futures, size_t count,
                                  size_t *ret_winner, uint64_t *ret, cz_error *err);
/* How the first one ended, error or not, as a value: fails only when the race itself does. */
CZ_API CZ_MUST_USE int cz_race_result(cz_program *p, const cz_future *futures, size_t count,
                                      cz_completion *ret, cz_error *err);
CZ_API CZ_MUST_USE int cz_race_until(cz_program *p, const cz_future *futures, size_t count,
                                     cz_until_fn until, void *arg, cz_completion *ret,
                                     cz_error *err);
/* Values in the order of the branches; the first error cancels the others and is returned. */
CZ_API CZ_MUST_USE int cz_fork_join(cz_program *p, const cz_branch *branches, size_t count,
                                    uint64_t *ret_values, cz_error *err);
/* How each one ended; nothing is cancelled. */
CZ_API CZ_MUST_USE int cz_fork_try_join(cz_program *p, const cz_branch *branches, size_t count,
                                        cz_completion *ret, cz_error *err);
/* each is called in the order in which they end; its first code that is not CZ_OK cancels the
 * others and is returned. */
typedef int (*cz_each_fn)(cz_program *p, void *arg, const cz_completion *completion,
                          cz_error *err);
CZ_API CZ_MUST_USE int cz_fork_each(cz_program *p, const cz_branch *branches, size_t count,
                                    cz_each_fn each, void *arg, cz_error *err);
CZ_API CZ_MUST_USE int cz_timeout(cz_program *p, const cz_deadline *deadline, cz_future f,
                                  uint64_t *ret, cz_error *err);
/* The same as a value: code CZ_TIMEOUT, or how it ended. */
CZ_API CZ_MUST_USE int cz_timeout_result(cz_program *p, const cz_deadline *deadline,
                                         cz_future f, cz_completion *ret, cz_error *err);
typedef struct cz_retry {
    unsigned attempts;       /* from 1 */
    cz_deadline deadline;    /* of each */
    uint64_t delay_ms;       /* before the second; doubled each time, */
    uint64_t delay_max_ms;   /* up to this; 0: no bound */
    unsigned jitter_percent; /* each delay is taken off up to so much, at random
                                (cz_program_random) */
} cz_retry;
/* Runs the branch until it succeeds; the last error. */
CZ_API CZ_MUST_USE int cz_timeout_with_retry(cz_program *p, const cz_retry *retry,
                                             const cz_branch *branch, uint64_t *ret,
                                             cz_error *err);
CZ_API CZ_MUST_USE int cz_sleep(cz_program *p, const cz_deadline *deadline, cz_error *err);
/* The record's watch; cz_watch_future and cz_join. */
CZ_API CZ_MUST_USE int cz_program_watch(cz_program *p, const cz_watch_spec *spec, uint64_t *ret,
                                        cz_error *err);
/* A fact as a program sees it. */
typedef struct cz_fact_seen {
    cz_id id;
    uint64_t number, height, time, amount;
} cz_fact_seen;
CZ_API CZ_MUST_USE int cz_await_fact(cz_program *p, const cz_fact_query *query,
                                     cz_fact_seen *ret, cz_error *err);

/* Waits for a deposit's fact, and has it credited to what it names (cz_account_deposit), which
 * happens once whoever asks. The query's kind is CZ_FACT_DEPOSIT, whatever it says. */
CZ_API CZ_MUST_USE int cz_await_deposit(cz_program *p, const cz_fact_query *query,
                                        cz_fact_seen *ret, cz_error *err);

/* Calling other programs: instances of their own, with a log of their own, which the caller
 * outlives. A call that is cancelled cancels them and waits. ret: the value of the report. */
CZ_API CZ_MUST_USE int cz_invoke(cz_program *p, const cz_program_spec *spec, uint64_t *ret,
                                 cz_error *err);
CZ_API CZ_MUST_USE int cz_invoke_batch(cz_program *p, const cz_program_spec *specs,
                                       size_t count, cz_completion *ret, cz_error *err);
/* each: of what it emits, in order, as it comes. */
typedef int (*cz_emitted_fn)(cz_program *p, void *arg, const void *data, size_t len,
                             cz_error *err);
CZ_API CZ_MUST_USE int cz_invoke_stream(cz_program *p, const cz_program_spec *spec,
                                        cz_emitted_fn each, void *arg, uint64_t *ret,
                                        cz_error *err);
/* To the one who has invoked this instance as a stream, else to nobody; in the log either way.
 */
#define CZ_EMIT_SIZE_MAX 4096
CZ_API CZ_MUST_USE int cz_program_emit(cz_program *p, const void *data, size_t len,
                                       cz_error *err);

/* Guards (R9), of the calling task: released when its function returns. To commit, the effect
 * of cz_program_apply touches nothing but what the guards hold. A guard that was held when the
 * process died is acquired again when the program goes on; if the resource was changed
 * meanwhile, applying is CZ_REJECTED. */
CZ_API CZ_MUST_USE int cz_program_acquire(cz_program *p, const cz_claim *claims, size_t count,
                                          cz_guard *ret, cz_error *err);
CZ_API CZ_MUST_USE int cz_program_contents(cz_program *p, const cz_guard *guard,
                                           cz_contents *ret, cz_error *err);
CZ_API CZ_MUST_USE int cz_program_apply(cz_program *p, cz_guard *guards, size_t count,
                                        cz_effect *effect, cz_result *ret, cz_error *err);
CZ_API CZ_MUST_USE int cz_program_release(cz_program *p, cz_guard *guards, size_t count,
                                          cz_error *err);

/* ---- Guests ------------------------------------------------------------------------- */

/* A guest is a RISC-V program (a static RV64IMAC ELF; causality/guest.h is its SDK) that runs
 * in the engine's own virtual machine: the same on every machine, to the instruction. Its
 * binary is a resource of kind code, which is named by its content and never changes. An effect
 * runs it on resources that the effect declares, by index; what it writes is applied when it
 * exits with 0 and everything else in the effect holds, and is dropped otherwise. Gas is one
 * for each instruction retired and what calls cost (docs/reference/vm.md); the receipt says how
 * much was used. A resource that a code allocated is controlled by it: nothing but runs of that
 * code change it. */

/* CZ_INVALID: it is no program that can be loaded, and err says why. */
CZ_API CZ_MUST_USE int cz_code_id(const void *elf, size_t len, cz_id *ret, cz_error *err);
/* Creates the code, if it is not there. */
CZ_API CZ_MUST_USE int cz_effect_deploy(cz_effect *e, const void *elf, size_t len, cz_id *ret,
                                        cz_error *err);

/* A resource that a guest sees, by its place in the list. */
typedef struct cz_guest_access {
    cz_id resource;
    enum cz_access mode;
} cz_guest_access;
/* Runs a code with so much gas, at most CZ_GAS_MAX. One run in an effect. */
#define CZ_GAS_MAX UINT64_C(10000000000)
CZ_API CZ_MUST_USE int cz_effect_run(cz_effect *e, const cz_id *code, uint64_t gas,
                                     const cz_guest_access *accesses, size_t count,
                                     const void *input, size_t len, cz_error *err);
/* The same without declaring anything: the guest opens what it needs, at most
 * CZ_OPEN_ACCESSES_MAX resources with the code itself, and the receipt says what that was. The
 * engine predicts it, to run such effects beside each other; a wrong prediction costs time and
 * changes nothing. The effect can have nothing else that names a resource. */
#define CZ_OPEN_ACCESSES_MAX 16
CZ_API CZ_MUST_USE int cz_effect_call(cz_effect *e, const cz_id *code, uint64_t gas,
                                      const void *input, size_t len, cz_error *err);

/* One access of a run, as it was tracked. */
typedef struct cz_guest_touch {
    cz_id resource;
    bool declared_write; /* or opened so */
    bool exists;         /* before the run */
    bool read, written;  /* what really happened */
    uint64_t loads, stores;
} cz_guest_touch;
typedef struct cz_guest_trace {
    cz_guest_run run;
    uint64_t instructions;
    const cz_guest_touch *touches; /* all live until the callback returns */
    size_t touch_count;
    size_t operations;     /* that it wants applied */
    enum cz_reason reason; /* as the receipt would say it now */
    const char *detail;
} cz_guest_trace;
typedef int (*cz_guest_trace_fn)(void *arg, const cz_guest_trace *trace);
/* Runs an effect's guest on the present state and applies nothing: the record's
 * VmResourceManager, tracking and validating. CZ_INVALID: it has no guest. */
CZ_API CZ_MUST_USE int cz_guest_try(cz_engine *engine, cz_effect *e, cz_guest_trace_fn fn,
                                    void *arg, cz_error *err);

/* The virtual machine alone: an ELF that needs no ledger, with input and output. */
typedef struct cz_vm_options {
    uint64_t gas; /* 0: CZ_GAS_MAX */
    const void *input;
    size_t input_len; /* at most 32 KiB */
    bool stepwise;    /* one instruction at a time: slower, the same result */
} cz_vm_options;
typedef struct cz_vm_report {
    cz_guest_run run; /* output and messages live until cz_vm_report_done */
    uint64_t instructions;
    uint64_t pages_written;
    bool provable;               /* its code is RV64IM only */
    char detail[CZ_DETAIL_SIZE]; /* of a trap: what, where; "" */
    void *owned;
} cz_vm_report;
/* CZ_OK however the guest ended. CZ_INVALID, CZ_LIMIT: it could not be loaded. */
CZ_API CZ_MUST_USE int cz_vm_run(const void *elf, size_t len, const cz_vm_options *options,
                                 cz_vm_report *ret, cz_error *err);
CZ_API void cz_vm_report_done(cz_vm_report *report); /* of all zero: no-op */

typedef struct cz_code_segment {
    uint64_t address, memory_size, file_size;
    bool can_write, can_execute;
} cz_code_segment;
/* A resource that the code says it will touch (struct cz_template_entry in guest.h has what the
 * members mean), or that a constant in its text names where it calls OPEN. */
typedef struct cz_code_access {
    bool of_text;
    unsigned from; /* enum cz_template_from */
    enum cz_access mode;
    unsigned offset, length;
    uint8_t prefix[56];
    size_t prefix_len;
} cz_code_access;
typedef struct cz_code_report {
    cz_id id;
    uint64_t entry, instructions, blocks, compressed, atomics;
    uint64_t unknown; /* halfwords in executable segments that no instruction begins with */
    bool provable;
    size_t size;
    cz_code_segment segments[16];
    size_t segment_count;
    size_t template_count; /* entries of its access template */
    size_t call_sites;     /* ecall instructions */
    /* What is seen in its text without running it. */
    uint64_t calls[64]; /* numbers of calls (guest.h), ascending */
    size_t call_count;
    size_t unknown_calls; /* sites where the number is not seen */
    bool may_write;       /* as an effect that declares nothing: it opens something to write */
    cz_code_access accesses[48]; /* template first; beyond that cut */
    size_t access_count;
} cz_code_report;
CZ_API CZ_MUST_USE int cz_code_inspect(const void *elf, size_t len, cz_code_report *ret,
                                       cz_error *err);
/* Each instruction of the executable segments, in order: symbol is NULL but where one begins.
 */
typedef int (*cz_disasm_fn)(void *arg, uint64_t address, uint32_t bits, unsigned length,
                            const char *symbol, const char *text);
CZ_API CZ_MUST_USE int cz_code_disasm(const void *elf, size_t len, cz_disasm_fn fn, void *arg,
                                      cz_error *err);

/* ---- Placement ---------------------------------------------------------------------- */

/* Resources that are used together lie together: in the index, whose keys begin with the group,
 * and in memory, once the store is opened again. Results never depend on it. Group 0 holds what
 * is in no other. */
#define CZ_PLACEMENT_GROUPS_MAX 65535
typedef struct cz_placement_report {
    uint64_t effects; /* of the journal, that were looked at */
    uint64_t resources, grouped;
    uint32_t groups;   /* beside 0 */
    uint64_t pairs;    /* times that two resources were used by one effect, */
    uint64_t together; /* and of these: both in one group, not 0 */
} cz_placement_report;
/* group: of a resource; weight: how often it was used. Ascending by group, then id. */
typedef int (*cz_placement_fn)(void *arg, uint32_t group, const cz_id *resource,
                               uint64_t weight);
/* What is. Needs no lock. fn may be NULL. */
CZ_API CZ_MUST_USE int cz_placement_show(const char *dir, cz_placement_fn fn, void *arg,
                                         cz_placement_report *ret, cz_error *err);
/* What the journal suggests: groups of at most group_max resources (0: 256). */
CZ_API CZ_MUST_USE int cz_placement_suggest(const char *dir, uint32_t group_max,
                                            cz_placement_fn fn, void *arg,
                                            cz_placement_report *ret, cz_error *err);
/* Makes it so, and rewrites the index; CZ_BUSY while a process writes the store. All or
 * nothing.
 */
CZ_API CZ_MUST_USE int cz_placement_apply(const char *dir, uint32_t group_max,
                                          cz_placement_report *ret, cz_error *err);

/* ---- Import ------------------------------------------------------------------------- */

/* Text of one file: a block as eth_getBlockByNumber(n, true) gives it, the JSON-RPC answer
 * that holds one, or several of either behind each other (JSON Lines). */
typedef struct cz_import_source {
    const char *name; /* for messages */
    const char *json;
    size_t len;
} cz_import_source;

typedef struct cz_import_options {
    /* 32 bytes: the hash of the newest block. It vouches for that block and, by their parent
     * hashes, for the others, which must be its ancestors. NULL: facts say that the operator
     * trusts their headers. */
    const uint8_t *trust;
    unsigned threads; /* for the recovery of senders; 0: all */
    /* Bytes verified so far, and in all. */
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *progress_arg;
} cz_import_options;

typedef struct cz_import_report {
    uint64_t blocks, transactions;
    uint64_t facts;         /* blocks and transfers, whether new or recorded before */
    uint64_t native, erc20; /* transfers */
    uint64_t too_large;     /* recorded as facts, but no position holds so much */
    uint64_t refused;       /* facts that the domain's rules do not let in */
    uint64_t applied, duplicates, rejected; /* effects */
} cz_import_report;

/* Verifies the blocks completely (hashes, roots, senders, every member) and then records a fact
 * for each header and for each transfer of value, and applies each transfer as an effect that
 * moves between the positions ethereum:<address>:ETH or ethereum:<address>:<token>. What does
 * not verify is CZ_PROOF or CZ_INVALID, names block, transaction and member, and nothing was
 * submitted. The domain "ethereum" is made known if it is not. A fact that the store refuses
 * all the same, as of a block that contradicts the recorded chain, has no effect; everything
 * else is imported, *ret is filled, and the first such fault is returned. Importing again is
 * harmless. */
CZ_API CZ_MUST_USE int cz_import_ethereum(cz_engine *engine, const cz_import_source *sources,
                                          size_t count, const cz_import_options *options,
                                          cz_import_report *ret, cz_error *err);

/* ---- Audit, replay, export ---------------------------------------------------------- */

/* These three read the journal of a store and change nothing; they need no lock and may run
 * beside the process that writes it. A journal that ends in half a frame (its writer was
 * killed and nobody opened it since) is not an error: `unfinished_tail` tells it, and all
 * that is reported is true of what comes before. A store that was closed has a checkpoint,
 * so there every missing or changed byte is an error. */

/* Called now and then by the thread that called: bytes of the journal so far, and in all. */
typedef void (*cz_progress_fn)(void *arg, uint64_t done, uint64_t total);

typedef struct cz_check_options {
    unsigned threads;        /* 0: as many as the machine has, at most 64 */
    cz_progress_fn progress; /* NULL: none */
    void *progress_arg;
} cz_check_options;

/* What a journal holds. */
typedef struct cz_journal_report {
    uint64_t segments, frames, journal_bytes;
    uint64_t positions; /* effects with a receipt: applied + rejected */
    uint64_t applied, rejected, facts, resources, assets, domains;
    uint8_t root[32];    /* as cz_root */
    bool index_compared; /* the index's state, as of its checkpoint, was there and agrees */
    bool unfinished_tail;
    uint32_t tail_segment; /* where whole frames end: journal/<16 hex digits>, byte offset, */
    uint64_t tail_offset, tail_bytes; /* and how many bytes follow */
} cz_journal_report;

typedef struct cz_audit_report {
    cz_journal_report journal;
    uint64_t signatures; /* of effects, verified again */
    uint64_t proofs;     /* facts whose proof was verified again */
    uint64_t unverified; /* facts of domains that this library cannot verify */
} cz_audit_report;

/* Checks all that is on disk against itself, without executing: hashes, chains, canonical
 * forms, positions, versions, links between log entries, lifecycles, Lamport times, nonces,
 * citations, conservation of every asset, receipts, log heads, the signatures of effects and
 * the proof of each fact. The first finding is CZ_CORRUPT or CZ_PROOF, and err names segment
 * file, offset, position and what is wrong. options NULL: defaults. */
CZ_API CZ_MUST_USE int cz_audit(const char *dir, const cz_check_options *options,
                                cz_audit_report *ret, cz_error *err);

/* Executes everything again from the journal alone, with no domain, network or clock, and
 * compares each outcome and receipt, and the state with the index's. The first difference is
 * CZ_DIFFERS with its position; bytes that do not verify are CZ_CORRUPT, signatures and proofs
 * that do not CZ_PROOF. */
CZ_API CZ_MUST_USE int cz_replay(const char *dir, const cz_check_options *options,
                                 cz_journal_report *ret, cz_error *err);

/* Takes the next bytes of a stream; what it returns other than 0 ends the writing. */
typedef int (*cz_sink_fn)(void *arg, const void *data, size_t len, cz_error *err);

typedef struct cz_export_report {
    cz_journal_report journal;
    cz_id root; /* the one root of the file */
    uint64_t blocks, bytes;
} cz_export_report;

/* Everything recorded, as CAR version 1 with one root (docs/reference/formats.md): resource
 * identities, effects, receipts, log nodes, facts; each block once, every link resolves. The
 * store is checked first, so that nothing is written of one that is damaged. */
CZ_API CZ_MUST_USE int cz_export_car(const char *dir, const cz_check_options *options,
                                     cz_sink_fn sink, void *arg, cz_export_report *ret,
                                     cz_error *err);

#ifdef __cplusplus
}
#endif

#endif
