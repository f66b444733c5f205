/* policy.h - what the data of accounts, capabilities and outboxes say, and how it changes
 * (R14).
 *
 * Layer: resource. Threads: pure functions. Execution, audit and the public functions on
 * accounts all come here; engine/authority.c has the rules that need more than one resource.
 *
 * Canonical bytes (DAG-CBOR):
 *   account     [18, threshold uint, owners [bytes(32)…],
 *                limits [[asset text, quantity, domain text, window uint, number uint,
 *                         spent quantity]…]]
 *               owners ascending, none twice; limits ascending by asset (bytewise, a shorter
 *               one before those that it begins), none twice; 1 <= threshold <= owners;
 *               window > 0; spent <= quantity
 *   capability  [19, account bytes(32), parent bytes(32) | null, holder bytes(32),
 *                resource bytes(32) | null, asset text | null, rights uint,
 *                ceiling quantity | null, spent quantity, [domain text, time uint] | null]
 *               resource and asset not both; rights not 0, and of CZ_RIGHTS alone; spent <=
 *               ceiling, or 0 without one
 *   outbox      [20, [[effect bytes(32), number uint, asset text, quantity,
 *                      destination text]…]]
 *               ascending by effect, then number; number < CZI_OPERATIONS_MAX; quantity > 0;
 *               a destination has 1 to 60 bytes, none of them a control character
 * Quantities are written as operations write them (codec/dag_cbor.h), and are never negative.
 * Assets are labels (resource.h), domains have 1 to CZI_DOMAIN_SIZE_MAX bytes without a zero.
 */
#ifndef CZI_POLICY_H
#define CZI_POLICY_H

#include "resource/resource.h"

/* ---- Accounts -------------------------------------------------------------------------------
 */

struct czi_limit {
    struct czi_slice asset, domain;
    cz_quantity quantity, spent;
    uint64_t window, number;
};
/* Slices point into the bytes. */
struct czi_policy {
    unsigned threshold, owner_count, limit_count;
    const uint8_t *owners[CZ_OWNERS_MAX];
    struct czi_limit limits[CZ_LIMITS_MAX];
};
/* Strict. CZ_INVALID with the offset, CZ_LIMIT. err may be NULL. */
CZI_MUST_USE int czi_policy_read(struct czi_slice bytes, struct czi_policy *ret, cz_error *err);
void czi_policy_put(struct czi_buf *out, const struct czi_policy *p);
/* Whether it may be given by a user: nothing is spent yet. */
bool czi_policy_is_new(const struct czi_policy *p);
/* How many of the owners are among `count` keys, which lie `stride` bytes apart, ascending. */
unsigned czi_policy_signers(const struct czi_policy *p, const uint8_t *keys, size_t stride,
                            unsigned count);
/* NULL: none. */
struct czi_limit *czi_policy_limit(struct czi_policy *p, struct czi_slice asset);
/* Takes a quantity from a limit at a domain's time; false: it would be exceeded, and nothing
 * has changed. A time before the window in which something was spent last counts to that one.
 */
CZI_MUST_USE bool czi_limit_spend(struct czi_limit *l, uint64_t time, cz_quantity quantity);

/* ---- Capabilities ---------------------------------------------------------------------------
 */

struct czi_grant {
    const uint8_t *account, *parent, *holder, *resource; /* 32 bytes; NULL: none */
    struct czi_slice asset;                              /* data NULL: none */
    unsigned rights;
    bool has_ceiling, expires;
    cz_quantity ceiling, spent;
    struct czi_slice expire_domain;
    uint64_t expire_time;
};
CZI_MUST_USE int czi_grant_read(struct czi_slice bytes, struct czi_grant *ret, cz_error *err);
void czi_grant_put(struct czi_buf *out, const struct czi_grant *g);
/* Whether the child gives no more than its parent: account, target, rights, ceiling (no ceiling
 * is more than any), expiry (the same domain's, not later; none is later than any). */
bool czi_grant_within(const struct czi_grant *child, const struct czi_grant *parent);

/* ---- Outboxes -------------------------------------------------------------------------------
 */

struct czi_withdrawal {
    uint8_t effect[32];
    uint32_t number;
    struct czi_slice asset, destination;
    cz_quantity quantity;
};
struct czi_outbox {
    unsigned count;
    struct czi_withdrawal open[CZ_WITHDRAWALS_MAX];
};
/* NULL, or what is wrong with it. */
const char *czi_destination_problem(struct czi_slice s);
/* On failure *ret is undefined. */
CZI_MUST_USE int czi_outbox_read(struct czi_slice bytes, struct czi_outbox *ret, cz_error *err);
void czi_outbox_put(struct czi_buf *out, const struct czi_outbox *o);
/* False: it is full. */
CZI_MUST_USE bool czi_outbox_add(struct czi_outbox *o, const struct czi_withdrawal *w);
/* By effect and number; NULL: it is not there. */
struct czi_withdrawal *czi_outbox_find(struct czi_outbox *o, const uint8_t effect[32],
                                       uint32_t number);
void czi_outbox_remove(struct czi_outbox *o, struct czi_withdrawal *w);
/* What facts name a withdrawal by: "<effect id>/<number>"; and with the destination in front,
 * "<destination>#…". Return the length, without the terminating zero. */
#define CZI_REFERENCE_SIZE_MAX CZ_REFERENCE_SIZE
size_t czi_withdrawal_name(const struct czi_withdrawal *w, char *out);
size_t czi_withdrawal_reference(const struct czi_withdrawal *w, char *out);
/* The name that a text is, or that follows its last '#'; false: there is none. */
CZI_MUST_USE bool czi_withdrawal_parse(struct czi_slice text, uint8_t ret_effect[32],
                                       uint32_t *ret_number);

/* ---- All three ----------------------------------------------------------------------------
 */

/* Whether bytes are what a resource of this kind holds; data may be anything. */
bool czi_is_form(unsigned kind, struct czi_slice bytes);

#endif
