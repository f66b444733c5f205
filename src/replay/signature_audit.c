/* signature_audit.c - see signature_audit.h. */
#include "replay/signature_audit.h"

#include "base/error.h"
#include "engine/verify.h"
#include "replay/journal.h"

#include <inttypes.h>

/* Signatures that each thread gets at once: 4 ms of work, beside which starting it (20 us)
 * does not count. */
#define SHARE 100u

static int wrong(const struct czi_signature_origin *o, const uint8_t key[32], cz_error *err)
{
    const struct czi_frame frame = {.segment = o->segment, .offset = o->offset};
    char text[65];

    czi_hex(text, key, 32);
    return czi_at_frame(&frame,
                        czi_fail(err, CZ_PROOF,
                                 "position %" PRIu64 ": the signature of key %s is not of this "
                                 "effect",
                                 o->position, text),
                        err);
}

int czi_signature_audit_rest(struct czi_signature_audit *a, cz_error *err)
{
    const struct czi_signature *s = (const void *)a->signatures.data;
    const struct czi_signature_origin *origins = (const void *)a->origins.data;
    /* Out of memory, one list may be longer. */
    size_t count = CZI_MIN(a->signatures.len / sizeof *s, a->origins.len / sizeof *origins);
    size_t found = czi_verify_signatures(s, count, a->threads);

    if (found < count)
        return wrong(&origins[found], s[found].key, err);
    a->verified += count;
    a->signatures.len = a->origins.len = 0;
    return CZ_OK;
}

static int take(struct czi_signature_audit *a, const struct czi_pending *p,
                const struct czi_signature_origin *origin, cz_error *err)
{
    cz_id id;

    czi_effect_signing_id(p->bytes, p->len, &p->view, id.bytes);
    for (unsigned i = 0; i < p->view.signature_count; i++) {
        struct czi_signature s = czi_signature_of(p->bytes, p->len, &p->view, &id, i);

        czi_buf_put(&a->signatures, &s, sizeof s);
        czi_buf_put(&a->origins, origin, sizeof *origin);
    }
    if (a->signatures.failed || a->origins.failed)
        return czi_nomem(err, "a list of signatures");
    return a->signatures.len / sizeof(struct czi_signature) >= SHARE * a->threads
               ? czi_signature_audit_rest(a, err)
               : CZ_OK;
}

int czi_signature_audit_frame(struct czi_signature_audit *a, const struct czi_frame *frame,
                              const struct czi_batch *b, cz_error *err)
{
    struct czi_signature_origin origin = {.offset = frame->offset, .segment = frame->segment};
    int rc = CZ_OK;

    for (uint32_t i = 0; i < b->entry_count && a->threads && !rc; i++) {
        const struct czi_entry *e = &b->entries[i];

        if (CZI_LIKELY(!e->pending->view.signature_count))
            continue;
        origin.position = b->first_position + e->number;
        rc = take(a, e->pending, &origin, err);
    }
    return rc;
}

void czi_signature_audit_done(struct czi_signature_audit *a)
{
    czi_buf_done(&a->signatures);
    czi_buf_done(&a->origins);
}
