/* fact_audit.c - see fact_audit.h. */
#include "replay/fact_audit.h"

#include "base/error.h"
#include "domain/domain.h"
#include "platform/parallel.h"

/* Fewer proofs than this in a frame are not worth waking threads (a proof takes 40 us). */
#define PROOFS_ALONE 8u

struct job {
    struct czi_slice bytes, parameters;
    const struct czi_adapter *adapter;
    uint64_t number;
    bool has_block, has_target;
    struct czi_block block, target;
};

static int verify(const struct job *job, cz_error *err)
{
    struct czi_item item;
    int rc = czi_item_decode(job->bytes.data, job->bytes.len, &item, err);

    return rc ? rc
              : czi_item_verify(&item, job->adapter, job->parameters,
                                job->has_block ? &job->block : NULL,
                                job->has_target ? &job->target : NULL, err);
}

/* What the proof of a recorded item is checked against. */
static int add_job(struct czi_fact_audit *a, const struct czi_pending *p, uint64_t number,
                   cz_error *err)
{
    const struct czi_book *book = a->core->book;
    uint32_t n = czi_book_find(book, &p->item_id);
    struct job job = {.bytes = {p->bytes, p->len}, .number = number};
    struct czi_entry_info info, target;
    struct czi_domain_info domain;
    struct czi_item item;
    int rc = czi_item_decode(p->bytes, p->len, &item, err);

    if (rc)
        return rc;
    CZI_CHECK(n != CZI_ID_NONE);
    czi_book_entry(book, n, &info);
    czi_book_domain_info(book, info.domain, &domain);
    job.adapter = czi_adapter_find(
        (struct czi_slice){(const uint8_t *)domain.adapter, strlen(domain.adapter)});
    job.parameters = domain.parameters;
    if (!job.adapter) {
        a->unverified++;
        return CZ_OK;
    }
    if (item.type == CZI_ITEM_FACT && info.block != n)
        job.has_block = czi_book_block(book, info.block, &job.block);
    if (item.type == CZI_ITEM_RETRACTION) {
        czi_book_entry(book, czi_book_find(book, &item.retraction.fact), &target);
        job.has_target = czi_book_block(book, target.block, &job.target);
    }
    czi_buf_put(&a->jobs, &job, sizeof job);
    return a->jobs.failed ? czi_nomem(err, "a list of proofs") : CZ_OK;
}

static bool holds(const void *arg, size_t number)
{
    const struct job *jobs = arg;

    return verify(&jobs[number], NULL) == CZ_OK;
}

static int verify_all(struct czi_fact_audit *a, cz_error *err)
{
    const struct job *jobs = (const struct job *)(const void *)a->jobs.data, *bad;
    size_t count = a->jobs.len / sizeof *jobs;
    size_t found = czi_parallel_find(count, PROOFS_ALONE, a->threads, holds, jobs);
    int rc;

    if (found == count) {
        a->verified += count;
        return CZ_OK;
    }
    bad = &jobs[found];
    rc = verify(bad, err);
    czi_wrap(err, rc, "fact %llu", (unsigned long long)bad->number);
    if (err)
        err->code = CZ_PROOF;
    return CZ_PROOF;
}

int czi_fact_audit_batch(struct czi_fact_audit *a, const struct czi_batch *b, cz_error *err)
{
    uint64_t number = b->facts_before;
    int rc = CZ_OK;

    if (!b->fact_count)
        return CZ_OK;
    a->jobs.len = 0;
    for (uint32_t i = 0; i < b->entry_count && !rc; i++)
        if (b->entries[i].status == CZI_ENTRY_ITEM)
            rc = add_job(a, b->entries[i].pending, ++number, err);
    return rc ? rc : verify_all(a, err);
}

void czi_fact_audit_done(struct czi_fact_audit *a)
{
    czi_buf_done(&a->jobs);
}
