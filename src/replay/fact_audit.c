/* fact_audit.c - see fact_audit.h. */
#include "replay/fact_audit.h"

#include "base/error.h"
#include "domain/ethereum/fact.h"
#include "fact/fact.h"
#include "ledger/segment.h"

#include <stdatomic.h>

/* Fewer proofs than this in a frame are not worth waking threads (a proof takes 40 us). */
#define PROOFS_ALONE 8u

/* Header facts of earlier frames that stay in memory from one frame to the next. */
#define HEADERS_KEPT 64u

/* How each domain checks its own facts. */
static const struct {
    const char *domain;
    int (*verify)(struct czi_slice fact, struct czi_slice header, cz_error *err);
} verifiers[] = {{CZI_ETH_DOMAIN, czi_eth_fact_verify}};

struct place {
    uint64_t offset; /* of the frame */
    uint32_t segment;
    uint32_t at, len; /* in its payload */
};

struct header {
    uint32_t fact;
    struct czi_buf bytes;
};

struct job {
    struct czi_slice fact, header;
    uint32_t number;
    int (*verify)(struct czi_slice fact, struct czi_slice header, cz_error *err);
};

/* ---- Facts ------------------------------------------------------------------------------ */

static int as_corrupt(cz_error *err)
{
    if (err)
        err->code = CZ_CORRUPT;
    return CZ_CORRUPT;
}

static int bad_fact(uint32_t number, int rc, cz_error *err)
{
    return czi_wrap(err, rc, "fact %u", number + 1);
}

/* A header fact of an earlier frame, read again. */
static int load_header(struct czi_fact_audit *a, uint32_t number, const struct place *place,
                       struct czi_slice *ret, cz_error *err)
{
    const struct header *headers = (const struct header *)(const void *)a->headers.data;
    CZI_AUTOBUF frame_bytes = {0};
    struct header fresh = {.fact = number};
    struct czi_frame frame;
    int rc;

    for (size_t i = a->headers.len / sizeof *headers; i-- > 0;)
        if (headers[i].fact == number) {
            *ret = czi_buf_slice(&headers[i].bytes);
            return CZ_OK;
        }
    rc = czi_segment_read(a->fs, place->segment, place->offset, &frame_bytes, &frame, err);
    if (rc)
        return rc;
    CZI_CHECK((uint64_t)place->at + place->len <= frame.payload.len);
    czi_buf_put(&fresh.bytes, frame.payload.data + place->at, place->len);
    *ret = czi_buf_slice(&fresh.bytes);
    if (!fresh.bytes.failed)
        czi_buf_put(&a->headers, &fresh, sizeof fresh);
    if (!fresh.bytes.failed && !a->headers.failed)
        return CZ_OK;
    czi_buf_done(&fresh.bytes);
    a->headers.failed = false;
    return czi_nomem(err, "a header's fact");
}

static void forget_headers(struct czi_fact_audit *a)
{
    struct header *headers = (struct header *)(void *)a->headers.data;

    for (size_t i = 0; i < a->headers.len / sizeof *headers; i++)
        czi_buf_done(&headers[i].bytes);
    a->headers.len = 0;
}

/* Notes the fact's proof for this frame's round of checks. */
static int want_proof(struct czi_fact_audit *a, const struct czi_frame *frame,
                      const struct czi_fact *f, uint32_t number, cz_error *err)
{
    const struct place *places = (const struct place *)(const void *)a->places.data;
    struct job job = {.number = number};
    const struct place *own = &places[number];
    int rc = CZ_OK;

    for (size_t i = 0; i < CZI_COUNTOF(verifiers); i++)
        if (f->domain.len == strlen(verifiers[i].domain) &&
            memcmp(f->domain.data, verifiers[i].domain, f->domain.len) == 0)
            job.verify = verifiers[i].verify;
    if (!job.verify) {
        a->unverified++;
        return CZ_OK;
    }
    job.fact = (struct czi_slice){frame->payload.data + own->at, own->len};
    if (f->has_header) {
        uint32_t n = czi_id_table_find(&a->core->fact_ids, f->header.bytes);
        const struct place *place = &places[n];

        if (place->segment == own->segment && place->offset == own->offset)
            job.header = (struct czi_slice){frame->payload.data + place->at, place->len};
        else
            rc = load_header(a, n, place, &job.header, err);
    }
    czi_buf_put(&a->jobs, &job, sizeof job);
    return rc || !a->jobs.failed ? rc : czi_nomem(err, "a list of proofs");
}

int czi_fact_audit_take(struct czi_fact_audit *a, const struct czi_frame *frame,
                        struct czi_batch *b, struct czi_entry *e, cz_error *err)
{
    const struct czi_pending *p = e->pending;
    uint32_t number = a->core->fact_ids.count;
    struct place place = {frame->offset, frame->segment,
                          (uint32_t)(p->bytes - frame->payload.data), p->len};
    struct czi_fact f;
    int rc = czi_fact_decode(p->bytes, p->len, &f, err);

    if (rc)
        return bad_fact(number, as_corrupt(err), err);
    if (czi_id_table_find(&a->core->fact_ids, &p->fact_id) != CZI_ID_NONE)
        return bad_fact(number, czi_fail(err, CZ_CORRUPT, "it is recorded a second time"), err);
    if (f.has_header && czi_id_table_find(&a->core->fact_ids, f.header.bytes) == CZI_ID_NONE)
        return bad_fact(number,
                        czi_fail(err, CZ_PROOF, "its header's fact is not recorded before it"),
                        err);
    e->number = CZI_ID_NONE;
    e->status = CZI_ENTRY_FACT;
    e->origin = czi_core_domain(a->core, f.domain, true);
    czi_buf_put(&a->places, &place, sizeof place);
    if (e->origin == CZI_ID_NONE || a->places.failed ||
        czi_id_table_insert(&a->core->fact_ids, &p->fact_id) == CZI_ID_NONE)
        return czi_nomem(err, "a fact");
    b->fact_count++;
    return a->proofs ? want_proof(a, frame, &f, number, err) : CZ_OK;
}

/* ---- Proofs, on several threads --------------------------------------------------------- */

struct proofs {
    const struct job *jobs;
    size_t count;
    _Atomic size_t next;
    _Atomic size_t failed; /* the first one that did; count: none */
};

static void verify_some(void *arg)
{
    struct proofs *p = arg;
    size_t i;

    while ((i = atomic_fetch_add(&p->next, 1)) < p->count) {
        size_t failed = atomic_load(&p->failed);

        if (p->jobs[i].verify(p->jobs[i].fact, p->jobs[i].header, NULL) == CZ_OK)
            continue;
        while (i < failed && !atomic_compare_exchange_weak(&p->failed, &failed, i)) {
        }
    }
}

int czi_fact_audit_verify(struct czi_fact_audit *a, cz_error *err)
{
    struct proofs p = {.jobs = (const struct job *)(const void *)a->jobs.data,
                       .count = a->jobs.len / sizeof(struct job)};
    struct czi_thread *threads[CZI_THREADS_MAX] = {0};
    const struct job *bad;

    atomic_init(&p.next, 0);
    atomic_init(&p.failed, p.count);
    /* A thread that does not start leaves its share to the others. */
    for (unsigned i = 1; i < a->threads && p.count >= PROOFS_ALONE; i++)
        if (czi_thread_start(&threads[i], verify_some, &p, "cz-proof", NULL))
            threads[i] = NULL;
    verify_some(&p);
    for (unsigned i = 1; i < a->threads; i++)
        czi_thread_join(threads[i]);
    if (atomic_load(&p.failed) == p.count) {
        a->verified += p.count;
        a->jobs.len = 0;
        if (a->headers.len / sizeof(struct header) > HEADERS_KEPT)
            forget_headers(a);
        return CZ_OK;
    }
    bad = &p.jobs[atomic_load(&p.failed)];
    return bad_fact(bad->number, bad->verify(bad->fact, bad->header, err), err);
}

void czi_fact_audit_done(struct czi_fact_audit *a)
{
    forget_headers(a);
    czi_buf_done(&a->headers);
    czi_buf_done(&a->places);
    czi_buf_done(&a->jobs);
}
