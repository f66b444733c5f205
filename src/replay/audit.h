/* audit.h - what the parts of the audit share (audit.c).
 *
 * Layer: replay. Thread: the one that audits.
 */
#ifndef CZI_AUDIT_H
#define CZI_AUDIT_H

#include "base/error.h"
#include "codec/blake3.h"
#include "engine/cite.h"
#include "engine/codes.h"
#include "replay/fact_audit.h"
#include "replay/journal.h"
#include "resource/policy.h"
#include "vm/manager.h"

/* A resource as the effect at hand declares it: the recorded state before, then what each of
 * its operations says. */
struct czi_declared {
    uint32_t slot, asset;
    uint8_t kind, state;
    bool exists, created, has_data;
    bool controlled;                    /* by an account, outbox or code */
    bool touched;                       /* by an operation that looks at who may do it */
    unsigned __int128 before, quantity; /* wrap: what does not fit cannot match */
    struct czi_op creation;
    struct czi_slice data; /* when has_data: of the effect, or derived */
};

struct czi_auditor {
    struct czi_core *core;
    struct czi_fact_audit facts;
    bool proofs; /* are verified too */
    struct czi_citing citing;
    struct czi_item item;
    struct czi_buf *snapshots, *snapshot_bytes; /* NULL: nobody wants them */
    struct czi_declared declared[CZI_ACCESSES_MAX];
    unsigned count;
    struct {
        uint32_t asset;
        unsigned __int128 change;
    } supply[2 * CZI_OPERATIONS_MAX]; /* of the effect's operations, and of its guest's */
    unsigned supply_count;
    /* What operations derive of the bytes of accounts, capabilities and outboxes. */
    struct czi_buf derived[CZI_ACCESSES_MAX];
    uint8_t presented[CZI_OPERATIONS_MAX]; /* capabilities: accesses */
    unsigned presented_count;
    uint32_t withdrawals;
    uint64_t facts_used; /* bit i: by a deposit or confirmation */
    /* Of guests. */
    struct czi_codes codes;
    struct czi_vm_manager *manager; /* NULL until one is needed */
    struct czi_buf fact_bytes;
    const struct czi_batch *batch; /* of the frame at hand */
    /* The code that the operation at hand is of; NULL: it is the effect's own. Those that ran.
     */
    const uint8_t *actor, *ran[CZI_ACCESSES_MAX + 2];
    unsigned ran_count;
    /* The effect at hand. */
    const struct czi_pending *pending;
    const struct czi_outcome *outcome; /* with its posts */
};

/* CZ_CORRUPT at the position of the effect at hand. */
CZI_PRINTF(3, 4)
int czi_audit_found(const struct czi_auditor *a, cz_error *err, const char *fmt, ...);

/* The recorded state of an access of the effect at hand; NULL: there is no such resource. */
static inline const struct czi_resource *czi_audit_resource(const struct czi_auditor *a,
                                                            unsigned i)
{
    return a->declared[i].slot == CZI_ID_NONE
               ? NULL
               : czi_resource_at(&a->core->resources, a->declared[i].slot);
}

/* Checks an effect, and carries the state along (audit_effect.c). */
CZI_MUST_USE int czi_audit_effect(struct czi_auditor *a, struct czi_batch *b,
                                  struct czi_entry *e, cz_error *err);
/* What the operations of an applied effect make of what it declares, against what is recorded
 * (audit_operations.c). */
CZI_MUST_USE int czi_audit_applied(struct czi_auditor *a, cz_error *err);
/* One operation, of the effect or of its guest; a place is below count. */
CZI_MUST_USE int czi_audit_declare(struct czi_auditor *a, const struct czi_op *op,
                                   cz_error *err);
/* The operations run and call, of an applied effect, and what came of a rejected one's
 * (audit_guest.c). */
CZI_MUST_USE int czi_audit_guest(struct czi_auditor *a, const struct czi_op *op, cz_error *err);
CZI_MUST_USE int czi_audit_guest_rejected(struct czi_auditor *a, cz_error *err);
/* Of what was read, or not applied: the version that was there, and its position. */
CZI_MUST_USE int czi_audit_seen(const struct czi_auditor *a, unsigned i, cz_error *err);

/* ---- Who may do it (audit_authority.c) ----------------------------------------------------
 */

/* The access of a resource, or CZI_ID_NONE. */
uint32_t czi_audit_access(const struct czi_auditor *a, const uint8_t *id);
const uint8_t *czi_audit_creator(const struct czi_auditor *a, unsigned i);
const uint8_t *czi_audit_controller(const struct czi_auditor *a, unsigned i);
struct czi_slice czi_audit_label(const struct czi_auditor *a, unsigned i);
/* The bytes of an account, capability or outbox as they are now. */
struct czi_slice czi_audit_data(const struct czi_auditor *a, unsigned i);
/* Takes bytes that an operation derives, which are the auditor's then. */
CZI_MUST_USE int czi_audit_derive(struct czi_auditor *a, unsigned i, struct czi_buf *bytes,
                                  cz_error *err);

/* The account of what is controlled, and whether it is a reserve; NULL: nobody's. */
const uint8_t *czi_audit_account(const struct czi_auditor *a, unsigned i, bool *ret_reserve);
/* Whether an account lets the effect do this to an access; quantity: what counts against
 * ceilings, or NULL. */
CZI_MUST_USE int czi_audit_authorise(struct czi_auditor *a, const uint8_t *account,
                                     enum cz_right right, unsigned i,
                                     const cz_quantity *quantity, cz_error *err);
/* What leaves an account, against its limit. */
CZI_MUST_USE int czi_audit_leave(struct czi_auditor *a, const uint8_t *account, unsigned from,
                                 cz_quantity quantity, cz_error *err);
bool czi_audit_is_external(const struct czi_auditor *a, uint32_t asset);

/* Of what exists, and is to be created if it does not. */
CZI_MUST_USE int czi_audit_create_again(struct czi_auditor *a, const struct czi_op *op,
                                        uint32_t asset, cz_error *err);
/* Before what they do is done; of a creation, after. */
CZI_MUST_USE int czi_audit_may_create(struct czi_auditor *a, unsigned i, cz_error *err);
CZI_MUST_USE int czi_audit_may_debit(struct czi_auditor *a, unsigned from, unsigned to,
                                     cz_quantity quantity, cz_error *err);
CZI_MUST_USE int czi_audit_may_write(struct czi_auditor *a, unsigned i, struct czi_slice data,
                                     cz_error *err);
CZI_MUST_USE int czi_audit_may_move(struct czi_auditor *a, unsigned i, unsigned code,
                                    cz_error *err);
/* Presents a capability. */
CZI_MUST_USE int czi_audit_use(struct czi_auditor *a, unsigned i, cz_error *err);
/* After all operations: what is declared written and no operation answers for. */
CZI_MUST_USE int czi_audit_untouched(struct czi_auditor *a, cz_error *err);

/* ---- What comes and goes (audit_gateway.c) ------------------------------------------------
 */

CZI_MUST_USE int czi_audit_when(struct czi_auditor *a, const struct czi_op *op, cz_error *err);
CZI_MUST_USE int czi_audit_deposit(struct czi_auditor *a, const struct czi_op *op,
                                   cz_error *err);
CZI_MUST_USE int czi_audit_withdraw(struct czi_auditor *a, const struct czi_op *op,
                                    cz_error *err);
CZI_MUST_USE int czi_audit_confirm(struct czi_auditor *a, const struct czi_op *op,
                                   cz_error *err);
CZI_MUST_USE int czi_audit_release(struct czi_auditor *a, const struct czi_op *op,
                                   cz_error *err);
/* After all operations: what is used up for the gateway's purposes has passed it. */
CZI_MUST_USE int czi_audit_unused(struct czi_auditor *a, cz_error *err);
/* A domain's time as the time map has it; false: it has none. */
CZI_MUST_USE bool czi_audit_time(const struct czi_auditor *a, struct czi_slice domain,
                                 uint64_t *ret);

#endif
