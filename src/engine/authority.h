/* authority.h - who may do what: the rules of accounts and capabilities (R14).
 *
 * Layer: engine. Thread: the engine's. The rules in full: docs/reference/formats.md, Authority;
 * why they are so: docs/adr/0025-accounts-in-the-ledger.md. What the bytes of accounts and
 * capabilities say, and how it changes, is in resource/policy.h.
 *
 * Each function gives CZ_APPLIED or the first reason; g->blame then tells whom it is about.
 * Operations come here once their own conditions hold, just before they change anything but
 * copies: a refused effect leaves no trace, neither of what it spent.
 *
 * What a code controls is changed by operations that a run of that code asked for, and by no
 * others; g->actor says whose the operation at hand is.
 *
 * Invariants of a store. (1) What is controlled has a controller that exists, and is an
 * account, an outbox or a code; an outbox is controlled by an account. (2) A capability's chain
 * ends, has at most CZ_DELEGATION_MAX links, is of one account, and none gives more than the
 * one above. (3) The bytes of accounts, capabilities and outboxes are well formed.
 */
#ifndef CZI_AUTHORITY_H
#define CZI_AUTHORITY_H

#include "engine/general.h"

/* A transfer or move: authority of the account of `from`, its limits, and reserves are left
 * alone. */
CZI_MUST_USE uint8_t czi_authorise_debit(struct general *g, struct work *from, struct work *to,
                                         cz_quantity q);
/* A withdrawal of `account`'s. */
CZI_MUST_USE uint8_t czi_authorise_withdrawal(struct general *g, struct work *from,
                                              const uint8_t *account, cz_quantity q);
/* Counts what leaves an account that has authorised it against its limit. */
CZI_MUST_USE uint8_t czi_authorise_leaving(struct general *g, const uint8_t *account,
                                           struct czi_slice asset, cz_quantity q);
/* New bytes of data, or an account's new policy. */
CZI_MUST_USE uint8_t czi_authorise_write(struct general *g, struct work *w,
                                         struct czi_slice data);
CZI_MUST_USE uint8_t czi_authorise_lifecycle(struct general *g, struct work *w, unsigned code);
/* A creation; w->now has kind, asset and whether it is controlled. */
CZI_MUST_USE uint8_t czi_authorise_creation(struct general *g, struct work *w,
                                            const struct czi_op *op);
/* Presents a capability. */
CZI_MUST_USE uint8_t czi_authorise_use(struct general *g, struct work *w);
/* After the operations: what is declared written without any. */
CZI_MUST_USE uint8_t czi_authorise_untouched(struct general *g);

/* Who a resource belongs to. */
enum czi_owner_kind { CZI_NOBODY, CZI_ACCOUNT, CZI_RESERVE, CZI_CODE };
/* *ret_account: the account, also of a reserve, or the code; NULL: nobody. */
enum czi_owner_kind czi_owner_of(struct general *g, const struct work *w,
                                 const uint8_t **ret_account);
/* The kind of a controller that exists, also one that is not declared; -1: it does not. */
int czi_controller_kind(struct general *g, const uint8_t *id);
/* An empty balance or reserve in its place. */
bool czi_is_canonical(const struct czi_op *creation);

#endif
