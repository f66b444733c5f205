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

/* Out of memory, one of its buffers may be longer. */
static size_t count_of(const struct czi_signature_list *l)
{
    return CZI_MIN(l->signatures.len / sizeof(struct czi_signature),
                   l->origins.len / sizeof(struct czi_signature_origin));
}

static void verify(void *arg)
{
    struct czi_signature_list *l = arg;

    l->found = czi_verify_signatures((const void *)l->signatures.data, count_of(l), l->threads);
}

/* Of a list that was verified: what came out, and it is empty. */
static int conclude(struct czi_signature_audit *a, struct czi_signature_list *l, cz_error *err)
{
    const struct czi_signature *s = (const void *)l->signatures.data;
    const struct czi_signature_origin *origins = (const void *)l->origins.data;
    size_t count = count_of(l);

    if (!a->wrong.code && l->found < count)
        (void)wrong(&origins[l->found], s[l->found].key, &a->wrong);
    a->verified += count;
    l->signatures.len = l->origins.len = 0;
    if (a->wrong.code && err)
        *err = a->wrong;
    return a->wrong.code;
}

static int wait_for_other(struct czi_signature_audit *a, cz_error *err)
{
    if (!a->thread)
        return CZ_OK;
    czi_thread_join(a->thread);
    a->thread = NULL;
    return conclude(a, &a->lists[!a->filling], err);
}

int czi_signature_audit_rest(struct czi_signature_audit *a, cz_error *err)
{
    struct czi_signature_list *l = &a->lists[a->filling];
    int rc = wait_for_other(a, err);

    if (rc)
        return rc;
    l->threads = a->threads;
    verify(l);
    return conclude(a, l, err);
}

/* The list is full: another thread sees to it, as soon as it has seen to the one before. */
static int hand_over(struct czi_signature_audit *a, cz_error *err)
{
    struct czi_signature_list *l = &a->lists[a->filling];
    int rc = wait_for_other(a, err);

    if (rc)
        return rc;
    l->threads = a->threads;
    if (a->threads == 1 || czi_thread_start(&a->thread, verify, l, "cz-signed", NULL)) {
        a->thread = NULL;
        return czi_signature_audit_rest(a, err);
    }
    a->filling = !a->filling;
    return CZ_OK;
}

static int take(struct czi_signature_audit *a, const struct czi_pending *p,
                const struct czi_signature_origin *origin, cz_error *err)
{
    struct czi_signature_list *l = &a->lists[a->filling];
    cz_id id;

    czi_effect_signing_id(p->bytes, p->len, &p->view, id.bytes);
    for (unsigned i = 0; i < p->view.signature_count; i++) {
        struct czi_signature s = czi_signature_of(p->bytes, p->len, &p->view, &id, i);

        czi_buf_put(&l->signatures, &s, sizeof s);
        czi_buf_put(&l->origins, origin, sizeof *origin);
    }
    if (l->signatures.failed || l->origins.failed)
        return czi_nomem(err, "a list of signatures");
    return count_of(l) >= (size_t)SHARE * a->threads ? hand_over(a, err) : CZ_OK;
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
    (void)wait_for_other(a, NULL);
    for (unsigned i = 0; i < CZI_COUNTOF(a->lists); i++) {
        czi_buf_done(&a->lists[i].signatures);
        czi_buf_done(&a->lists[i].origins);
    }
}
