/* audit.h - what the parts of the audit share (audit.c).
 *
 * Layer: replay. Thread: the one that audits.
 */
#ifndef CZI_AUDIT_H
#define CZI_AUDIT_H

#include "base/error.h"
#include "codec/blake3.h"
#include "engine/cite.h"
#include "replay/fact_audit.h"
#include "replay/journal.h"

/* A resource as the effect at hand declares it: the recorded state before, then what each of
 * its operations says. */
struct czi_declared {
    uint32_t slot, asset;
    uint8_t kind, state;
    bool exists, created, has_data;
    unsigned __int128 before, quantity; /* wrap: what does not fit cannot match */
    struct czi_op creation;
    struct czi_slice data;
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
    } supply[CZI_OPERATIONS_MAX];
    unsigned supply_count;
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
/* Of what was read, or not applied: the version that was there, and its position. */
CZI_MUST_USE int czi_audit_seen(const struct czi_auditor *a, unsigned i, cz_error *err);

#endif
