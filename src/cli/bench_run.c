/* bench_run.c - transfers between accounts, as fast as they go.
 *
 * Layer: cli; includes the engine's inside for mode plan. Modes:
 *   plan     the stream's items become entries of a batch, and the engine's execute stage runs
 *            them: ordered execution with all rules, no bytes, no receipts
 *   log      canonical effects through the public API into an engine in memory: checked,
 *            ordered, executed, receipts, log nodes, hashes, frames
 *   durable  the same into a store on disk, one fsync a batch
 * The clock runs from the first submission to the last acknowledgement. Making the stream and
 * its canonical bytes comes before, and so does a run in memory that touches what memory the
 * measured one needs. Batch 1 submits one effect at a time and waits for it.
 */
#include "cli/bench_run.h"

#include "base/error.h"
#include "cli/bench_stream.h"
#include "engine/core.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Effects whose bytes are made ahead and then submitted, again and again: the memory they take
 * must not grow with the run. */
#define CHUNK 65536u

static cz_id account_id(uint32_t n)
{
    cz_id creator = cz_operator();
    char label[16];
    int len = snprintf(label, sizeof label, "a%u", n);

    return czi_identity_id(&creator, (struct czi_slice){(const uint8_t *)label, (size_t)len});
}

/* ---- Mode plan ------------------------------------------------------------------------------
 */

static int make_accounts(struct czi_core *core, uint32_t n, cz_error *err)
{
    uint32_t asset = czi_core_asset(core, (struct czi_slice){(const uint8_t *)"USD", 3}, true);

    for (uint32_t i = 0; i < n; i++) {
        cz_id id = account_id(i);
        uint32_t slot = czi_resources_add(&core->resources, &id);
        uint32_t origin = czi_core_origin(core, id.bytes, true);

        if (asset == CZI_ID_NONE || slot == CZI_ID_NONE || origin != slot)
            return czi_nomem(err, "the accounts");
        *czi_resource_at(&core->resources, slot) = (struct czi_resource){
            .quantity = CZ_BENCH_BALANCE, .version = 1, .position = 1, .asset = asset};
    }
    core->positions = 1;
    return CZ_OK;
}

static void put_item(struct czi_entry *e, const struct cz_bench_item *item, uint64_t nonce)
{
    e->quantity = item->amount;
    e->nonce = nonce;
    e->from = item->from;
    e->to = item->to;
    e->origin = item->from;
    e->status = CZI_ENTRY_EFFECT;
    e->shape = item->read_only ? CZI_SHAPE_CHECK : CZI_SHAPE_TRANSFER;
    e->waited = false;
}

static int run_plan(const struct czi_bench *b, struct czi_core *core,
                    struct czi_bench_result *ret, cz_error *err)
{
    CZI_AUTOFREE struct cz_bench_item *items = czi_alloc(b->effects * sizeof *items);
    struct cz_bench_stream stream;
    struct czi_batch *batch = NULL;
    uint64_t start;
    int rc = items ? czi_batch_new(b->batch, &batch, err) : czi_nomem(err, "the stream");

    cz_bench_stream_init(&stream, b->accounts, b->zipf, b->read_percent, CZ_BENCH_SEED);
    for (uint64_t i = 0; i < b->effects && !rc; i++)
        items[i] = cz_bench_stream_next(&stream);
    start = czi_clock_ns();
    for (uint64_t done = 0; done < b->effects && !rc; done += batch->entry_count) {
        batch->entry_count = (uint32_t)CZI_MIN(b->effects - done, (uint64_t)b->batch);
        for (uint32_t i = 0; i < batch->entry_count; i++)
            put_item(&batch->entries[i], &items[done + i], done + i);
        rc = czi_core_execute(core, batch, 0, err);
    }
    ret->seconds = (double)(czi_clock_ns() - start) / 1e9;
    ret->rejected = core->rejected;
    for (uint32_t i = 0; i < b->accounts && !rc; i++) {
        const struct czi_resource *x = czi_resource_at(&core->resources, i);

        ret->checksum = cz_bench_checksum_add(ret->checksum, x->quantity, x->version - 1);
    }
    czi_batch_free(batch);
    return rc;
}

static int bench_plan(const struct czi_bench *b, struct czi_bench_result *ret, cz_error *err)
{
    struct czi_core core;
    int rc = czi_core_init(&core, err);

    core.plan_only = true;
    if (!rc)
        rc = make_accounts(&core, b->accounts, err);
    if (!rc)
        rc = run_plan(b, &core, ret, err);
    czi_core_done(&core);
    return rc;
}

/* ---- Modes log and durable
 * -------------------------------------------------------------------- */

struct accounts {
    cz_id *ids;
    uint64_t *nonces;
    uint64_t rejected;
};

static int create_accounts(cz_engine *g, const struct czi_bench *b, struct accounts *a,
                           cz_error *err)
{
    cz_effect *e = cz_effect_new();
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .kind = CZ_FUNGIBLE,
                     .asset = "USD",
                     .quantity = CZ_BENCH_BALANCE};
    int rc = e ? CZ_OK : czi_nomem(err, "an effect");

    for (uint32_t i = 0; i < b->accounts && !rc; i++) {
        char label[16];
        const uint8_t *bytes;
        cz_submission s;

        (void)snprintf(label, sizeof label, "a%u", i);
        a->ids[i] = account_id(i);
        cz_effect_clear(e);
        cz_effect_set_origin(e, &c.creator);
        cz_effect_set_nonce(e, i);
        c.label = label;
        rc = cz_effect_create(e, &c, err);
        if (!rc)
            rc = cz_effect_encode(e, &bytes, &s.len, err);
        if (!rc) {
            s.bytes = bytes;
            rc = cz_submit_batch(g, &s, 1, NULL, NULL, NULL, NULL, err);
        }
    }
    cz_effect_free(e);
    return rc ? rc : cz_flush(g, err);
}

/* A check of two balances has no fast encoder; the builder makes it. */
static size_t encode_check(uint8_t *out, cz_effect *e, const struct accounts *a,
                           const struct cz_bench_item *item, uint64_t nonce)
{
    cz_requirement r = {.has_quantity = true, .quantity = item->amount};
    const uint8_t *bytes = NULL;
    size_t len = 0;

    cz_effect_clear(e);
    cz_effect_set_origin(e, &a->ids[item->from]);
    cz_effect_set_nonce(e, nonce);
    if (cz_effect_require(e, &a->ids[item->from], &r, NULL) ||
        cz_effect_access(e, &a->ids[item->to], CZ_READ, NULL) ||
        cz_effect_encode(e, &bytes, &len, NULL) || len > CZI_TRANSFER_SIZE_MAX)
        return 0;
    memcpy(out, bytes, len);
    return len;
}

static void count_rejected(void *arg, const cz_result *r)
{
    struct accounts *a = arg;

    a->rejected += r->status != CZ_STATUS_APPLIED;
}

struct chunk {
    cz_submission submissions[CHUNK];
    uint8_t bytes[CHUNK][CZI_TRANSFER_SIZE_MAX];
};

static bool fill_chunk(struct chunk *c, uint32_t n, struct cz_bench_stream *stream,
                       struct accounts *a, cz_effect *e)
{
    for (uint32_t i = 0; i < n; i++) {
        struct cz_bench_item item = cz_bench_stream_next(stream);
        uint64_t nonce = a->nonces[item.from]++;
        size_t len = item.read_only ? encode_check(c->bytes[i], e, a, &item, nonce)
                                    : czi_transfer_encode(c->bytes[i], &a->ids[item.from],
                                                          nonce, CZ_NORMAL, &a->ids[item.from],
                                                          &a->ids[item.to], item.amount);

        c->submissions[i] = (cz_submission){c->bytes[i], len};
        if (!len)
            return false;
    }
    return true;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* One after the other, each acknowledged before the next. */
static int submit_singly(cz_engine *g, const struct chunk *c, uint32_t n, uint64_t *latencies,
                         struct accounts *a, cz_error *err)
{
    int rc = CZ_OK;

    for (uint32_t i = 0; i < n && !rc; i++) {
        uint64_t start = czi_clock_ns(), ticket;
        cz_result r;

        rc = cz_submit(g, c->submissions[i].bytes, c->submissions[i].len, count_rejected, a,
                       &ticket, err);
        if (!rc)
            rc = cz_wait(g, ticket, CZ_FOREVER, &r, err);
        latencies[i] = czi_clock_ns() - start;
    }
    return rc;
}

/* The clock stops while the next chunk's bytes are made; nothing is in flight then. */
static int run_stream(cz_engine *g, const struct czi_bench *b, struct accounts *a,
                      struct chunk *c, struct czi_bench_result *ret, cz_error *err)
{
    struct cz_bench_stream stream;
    cz_effect *e = cz_effect_new();
    CZI_AUTOFREE uint64_t *latencies = czi_alloc(CHUNK * sizeof *latencies);
    uint64_t ns = 0;
    uint32_t n = 0;
    int rc = e && latencies ? CZ_OK : czi_nomem(err, "the stream");

    cz_bench_stream_init(&stream, b->accounts, b->zipf, b->read_percent, CZ_BENCH_SEED);
    for (uint64_t done = 0; done < b->effects && !rc; done += n) {
        uint64_t start;

        n = (uint32_t)CZI_MIN(b->effects - done, (uint64_t)CHUNK);
        if (!fill_chunk(c, n, &stream, a, e))
            rc = czi_nomem(err, "an effect");
        start = czi_clock_ns();
        if (!rc && b->batch == 1)
            rc = submit_singly(g, c, n, latencies, a, err);
        else if (!rc)
            rc = cz_submit_batch(g, c->submissions, n, count_rejected, a, NULL, NULL, err);
        if (!rc && done + n == b->effects)
            rc = cz_flush(g, err);
        ns += czi_clock_ns() - start;
    }
    cz_effect_free(e);
    ret->seconds = (double)ns / 1e9;
    ret->rejected = a->rejected;
    if (!rc && b->batch == 1 && n) {
        qsort(latencies, n, sizeof *latencies, compare_u64);
        size_t half = n / 2, most = (size_t)n * 99 / 100;

        ret->p50_us = (double)latencies[half] / 1e3;
        ret->p99_us = (double)latencies[most] / 1e3;
    }
    return rc;
}

static int checksum(cz_engine *g, const struct czi_bench *b, const struct accounts *a,
                    struct czi_bench_result *ret, cz_error *err)
{
    for (uint32_t i = 0; i < b->accounts; i++) {
        cz_resource r;
        int rc = cz_resource_get(g, &a->ids[i], &r, err);

        if (rc)
            return rc;
        ret->checksum = cz_bench_checksum_add(ret->checksum, r.quantity, r.version - 1);
    }
    return CZ_OK;
}

static int run_engine(cz_engine *g, const struct czi_bench *b, struct czi_bench_result *ret,
                      cz_error *err)
{
    struct accounts a = {.ids = czi_alloc(b->accounts * sizeof *a.ids),
                         .nonces = czi_alloc_zero(b->accounts, sizeof *a.nonces)};
    struct chunk *c = czi_alloc_aligned(sizeof *c);
    cz_stats before = {0}, after = {0};
    int rc = a.ids && a.nonces && c ? CZ_OK : czi_nomem(err, "the accounts");

    if (!rc)
        rc = create_accounts(g, b, &a, err);
    if (!rc)
        rc = cz_stats_get(g, &before, err);
    if (!rc)
        rc = run_stream(g, b, &a, c, ret, err);
    if (!rc)
        rc = cz_stats_get(g, &after, err);
    if (!rc)
        rc = checksum(g, b, &a, ret, err);
    ret->bytes_per_effect =
        (double)(after.journal_bytes - before.journal_bytes) / (double)b->effects;
    czi_free(a.ids);
    czi_free(a.nonces);
    czi_free(c);
    return rc;
}

struct place {
    struct czi_fs *fs;
    const char *dir;
};

static int remove_name(void *arg, const char *name)
{
    const struct place *at = arg;
    CZI_AUTOBUF path = {0};

    czi_buf_printf(&path, "%s/%s", at->dir, name);
    czi_buf_put_byte(&path, 0);
    if (!path.failed)
        (void)at->fs->ops->remove(at->fs, (const char *)path.data, NULL);
    return CZ_OK;
}

static void remove_dir(const char *dir, const char *name)
{
    CZI_AUTOBUF path = {0};

    czi_buf_printf(&path, "%s/%s%c", dir, name, 0);
    if (!path.failed)
        (void)rmdir((const char *)path.data);
}

/* The temporary store: two levels of plain files. */
static void remove_store(const char *dir)
{
    static const char *const below[] = {"journal", "index", "."};
    struct czi_fs *fs;

    if (czi_fs_posix(dir, &fs, NULL))
        return;
    for (size_t i = 0; i < CZI_COUNTOF(below); i++) {
        struct place at = {fs, below[i]};

        (void)fs->ops->list(fs, below[i], remove_name, &at, NULL);
        if (below[i][0] != '.')
            remove_dir(dir, below[i]);
    }
    fs->ops->free(fs);
    (void)rmdir(dir);
}

static int bench_engine(const struct czi_bench *b, struct czi_bench_result *ret, cz_error *err)
{
    cz_options o = {.threads = b->threads,
                    .batch_max = b->batch,
                    .ordered = true,
                    .causal_now = b->causal};
    CZI_AUTOBUF dir = {0};
    const char *store = NULL;
    cz_engine *g = NULL;
    int rc = CZ_OK;

    if (b->mode == CZI_BENCH_DURABLE) {
        czi_buf_printf(&dir, "%s/causality-bench-%ld%c", b->dir ? b->dir : ".", (long)getpid(),
                       0);
        if (dir.failed)
            return czi_nomem(err, "a path");
        store = (const char *)dir.data;
        rc = cz_init(store, err);
    }
    if (!rc)
        rc = cz_open(store, &o, &g, err);
    if (!rc) {
        cz_error late = {0};
        int closed;

        rc = run_engine(g, b, ret, err);
        closed = cz_close(g, &late);
        if (!rc && closed)
            rc = czi_fail(err, closed, "%s", late.detail);
    }
    if (store)
        remove_store(store);
    return rc;
}

int czi_bench_run(const struct czi_bench *options, struct czi_bench_result *ret, cz_error *err)
{
    struct czi_bench b = *options;
    int rc;

    czi_memory_keep();
    *ret = (struct czi_bench_result){0};
    if (!b.batch)
        b.batch = CZI_BATCH_ENTRIES_DEFAULT;
    if (b.mode == CZI_BENCH_PLAN) {
        rc = bench_plan(&b, ret, err);
    } else {
        /* The first run, in memory, also measures how the machine hands out fresh pages, which
         * in a virtual machine can take longer than all else; the second finds them made. */
        struct czi_bench first = b;

        first.mode = CZI_BENCH_LOG;
        rc = b.batch == 1 ? CZ_OK : bench_engine(&first, ret, err);
        *ret = (struct czi_bench_result){0};
        if (!rc)
            rc = bench_engine(&b, ret, err);
    }
    if (!rc && ret->seconds > 0)
        ret->per_second = (double)b.effects / ret->seconds;
    return rc;
}
