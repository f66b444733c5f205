/* import.c - blocks become facts, and their transfers effects between positions.
 *
 * Layer: domain/ethereum. Thread: the caller's; recovery of senders uses more.
 *
 * Everything is verified before anything is submitted, so a falsified block leaves the store
 * as it was. A block's effects are submitted when its facts are recorded, so that none is spent
 * on a fact that the domain's rules refuse. What is submitted depends on the blocks alone, not
 * on the store: a block that is imported again gives the same facts and effects, which are then
 * duplicates. That is why each block is an origin of its own (nonce: index of the transaction),
 * why positions are created "if absent" by every effect that uses them, and why blocks may come
 * in any order.
 */
#include "base/error.h"
#include "domain/domain.h"
#include "domain/ethereum/fact.h"
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

/* A block with what its source is called, for messages. */
struct source {
    const char *name;
    uint64_t line; /* 0: the source holds one block only */
    struct czi_eth_block *block;
};

/* A fact of the block that is being submitted. */
struct submitted {
    cz_id fact;
    uint64_t ticket;
    bool is_transfer;
    struct czi_eth_transfer transfer;
};

struct import {
    cz_engine *engine;
    const cz_import_options *options;
    struct czi_buf sources; /* of struct source */
    uint64_t bytes, bytes_done, bytes_now;
    cz_import_report report;
    struct czi_buf submitted; /* of struct submitted */
    cz_id origin;             /* the block's */
    cz_effect *effect;
    cz_error refusal; /* the first one of a fact, or code 0 */
};

/* ---- Splitting a file into blocks -----------------------------------------------------------
 */

/* The end of the JSON value that starts at p, by its brackets; end when it does not close. */
static const char *value_end(const char *p, const char *end)
{
    int depth = 0;
    bool text = false;

    for (; p < end; p++) {
        if (text) {
            if (*p == '\\' && p + 1 < end)
                p++;
            else if (*p == '"')
                text = false;
        } else if (*p == '"') {
            text = true;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if ((*p == '}' || *p == ']') && --depth <= 0) {
            return p + 1;
        }
    }
    return end;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static struct source *source_at(const struct import *im, size_t i)
{
    return (struct source *)(void *)im->sources.data + i;
}

static size_t source_count(const struct import *im)
{
    return im->sources.len / sizeof(struct source);
}

static void show_progress(void *arg, size_t done, size_t total)
{
    struct import *im = arg;

    if (im->options->progress && total)
        im->options->progress(im->options->progress_arg,
                              im->bytes_done + im->bytes_now * done / total, im->bytes);
}

static int verify_one(struct import *im, const cz_import_source *from, const char *p,
                      size_t len, uint64_t line, cz_error *err)
{
    struct czi_eth_block_options o = {.threads = im->options->threads,
                                      .progress = show_progress,
                                      .arg = im};
    struct source s = {.name = from->name, .line = line};
    int rc;

    im->bytes_now = len;
    rc = czi_eth_block_verify(p, len, &o, &s.block, err);
    if (rc)
        return line ? czi_wrap(err, rc, "%s:%llu", from->name, (unsigned long long)line)
                    : czi_wrap(err, rc, "%s", from->name);
    czi_buf_put(&im->sources, &s, sizeof s);
    if (im->sources.failed) {
        czi_eth_block_free(s.block);
        return czi_nomem(err, "the list of blocks");
    }
    im->bytes_done += len;
    return CZ_OK;
}

/* A file is one block, the answer to a request for one, or several of them, as in JSON Lines.
 */
static int verify_source(struct import *im, const cz_import_source *from, cz_error *err)
{
    const char *p = from->json, *end = p + from->len;
    uint64_t line = 1, blocks = 0;
    int rc = CZ_OK;

    while (!rc) {
        const char *stop;

        for (; p < end && is_space(*p); p++)
            line += *p == '\n';
        if (p == end)
            break;
        stop = value_end(p, end);
        rc = verify_one(im, from, p, (size_t)(stop - p), blocks || stop + 1 < end ? line : 0,
                        err);
        for (; p < stop; p++)
            line += *p == '\n';
        blocks++;
    }
    if (!rc && !blocks)
        rc = czi_fail(err, CZ_INVALID, "%s: no block in it", from->name);
    return rc;
}

/* ---- Trust ------------------------------------------------------------------------------ */

/* A pinned hash vouches for its block and, through the parent hashes, for the blocks before it
 * that are imported with it. */
static int pin(struct import *im, cz_error *err)
{
    uint8_t wanted[32];
    size_t left = source_count(im);
    bool found = true;

    if (!im->options->trust)
        return CZ_OK;
    memcpy(wanted, im->options->trust, sizeof wanted);
    while (left && found) {
        found = false;
        for (size_t i = 0; i < source_count(im) && !found; i++) {
            struct czi_eth_block *b = source_at(im, i)->block;

            if (b->pinned || memcmp(b->hash, wanted, 32) != 0)
                continue;
            found = b->pinned = true;
            memcpy(wanted, b->header.parent_hash, 32);
            left--;
        }
    }
    for (size_t i = 0; i < source_count(im); i++)
        if (!source_at(im, i)->block->pinned)
            return czi_fail(err, CZ_PROOF,
                            "%s: block %llu is neither the trusted block nor linked to it by "
                            "parent hashes",
                            source_at(im, i)->name,
                            (unsigned long long)source_at(im, i)->block->header.number);
    return CZ_OK;
}

/* ---- Effects ---------------------------------------------------------------------------- */

static void put_address(char *out, const uint8_t address[20])
{
    memcpy(out, "0x", 2);
    czi_hex(out + 2, address, 20);
}

/* "ethereum:0x…:ETH" and "ethereum:ETH", or with the token's address. */
static int add_position(cz_effect *e, const uint8_t address[20],
                        const struct czi_eth_transfer *t, cz_id *ret, cz_error *err)
{
    char holder[43], token[43] = "ETH", label[CZ_LABEL_SIZE_MAX + 1];
    char asset[CZ_ASSET_SIZE_MAX + 1];
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = CZ_POSITION,
                     .asset = asset,
                     .if_absent = true};
    int rc;

    put_address(holder, address);
    if (t->standard != CZI_ETH_NATIVE)
        put_address(token, t->token);
    (void)snprintf(label, sizeof label, CZI_ETH_DOMAIN ":%s:%s", holder, token);
    (void)snprintf(asset, sizeof asset, CZI_ETH_DOMAIN ":%s", token);
    rc = cz_resource_id(&c.creator, label, ret, err);
    return rc ? rc : cz_effect_create(e, &c, err);
}

static void count(void *arg, const cz_result *r)
{
    cz_import_report *report = arg;

    report->applied += r->status == CZ_STATUS_APPLIED;
    report->duplicates += r->status == CZ_STATUS_DUPLICATE;
    report->rejected += r->status == CZ_STATUS_REJECTED;
}

static int submit_move(struct import *im, const cz_id *fact, const struct czi_eth_transfer *t,
                       cz_error *err)
{
    cz_effect *e = im->effect;
    cz_submission s = {0};
    const uint8_t *bytes = NULL;
    cz_id from, to;
    int rc;

    cz_effect_clear(e);
    cz_effect_set_origin(e, &im->origin);
    cz_effect_set_nonce(e, t->tx_index);
    rc = add_position(e, t->from, t, &from, err);
    if (!rc)
        rc = add_position(e, t->to, t, &to, err);
    if (!rc)
        rc = cz_effect_move(e, &from, &to, t->quantity, err);
    if (!rc)
        rc = cz_effect_cite(e, fact, err);
    if (!rc)
        rc = cz_effect_encode(e, &bytes, &s.len, err);
    s.bytes = bytes;
    return rc ? rc : cz_submit_batch(im->engine, &s, 1, count, &im->report, NULL, NULL, err);
}

/* ---- Facts ------------------------------------------------------------------------------ */

/* The fact's tickets and ids are kept until its block is done. */
static int submit_fact(void *arg, const cz_id *id, struct czi_slice fact,
                       const struct czi_eth_transfer *transfer, cz_error *err)
{
    struct import *im = arg;
    struct submitted s = {.fact = *id, .is_transfer = transfer};
    int rc = czi_submit_item(im->engine, fact.data, fact.len, NULL, NULL, &s.ticket, err);

    if (rc)
        return rc;
    if (transfer)
        s.transfer = *transfer;
    czi_buf_put(&im->submitted, &s, sizeof s);
    return im->submitted.failed ? czi_nomem(err, "a block's facts") : CZ_OK;
}

static void note_refusal(struct import *im, const struct source *at, const struct submitted *s,
                         enum cz_reason reason)
{
    char id[CZ_ID_TEXT_SIZE], what[48] = "block";

    im->report.refused++;
    if (im->refusal.code)
        return;
    cz_id_print(&s->fact, id);
    if (s->is_transfer)
        (void)snprintf(what, sizeof what, "the transfer of transaction %u in block",
                       s->transfer.tx_index);
    czi_error_set(&im->refusal, reason < CZ_UNKNOWN_DOMAIN ? CZ_REJECTED : (int)reason,
                  "%s: %s %llu: the store's domain " CZI_ETH_DOMAIN " refused the fact %s: %s",
                  at->name, what, (unsigned long long)at->block->header.number, id,
                  cz_reason_text((int)reason));
}

/* Waits for the facts of a block, and submits the moves of those that are recorded. */
static int submit_moves(struct import *im, const struct source *at, cz_error *err)
{
    const struct submitted *s = (const struct submitted *)(const void *)im->submitted.data;
    int rc = CZ_OK;

    for (size_t n = im->submitted.len / sizeof *s; n && !rc; n--, s++) {
        cz_result r;

        rc = cz_wait(im->engine, s->ticket, CZ_FOREVER, &r, err);
        if (rc)
            break;
        if (r.status == CZ_STATUS_REJECTED) {
            note_refusal(im, at, s, r.reason);
            continue;
        }
        im->report.facts++;
        if (!s->is_transfer)
            continue;
        im->report.native += s->transfer.standard == CZI_ETH_NATIVE;
        im->report.erc20 += s->transfer.standard != CZI_ETH_NATIVE;
        im->report.too_large += s->transfer.too_large;
        if (!s->transfer.too_large)
            rc = submit_move(im, &s->fact, &s->transfer, err);
    }
    return rc;
}

static int submit_block(struct import *im, const struct source *s, cz_error *err)
{
    cz_id creator = cz_operator();
    char label[CZ_LABEL_SIZE_MAX], hash[65];
    int rc;

    im->submitted.len = 0;
    czi_hex(hash, s->block->hash, 32);
    (void)snprintf(label, sizeof label, CZI_ETH_DOMAIN ":block:0x%s", hash);
    rc = cz_resource_id(&creator, label, &im->origin, err);
    if (!rc)
        rc = czi_eth_block_facts(s->block, submit_fact, im, err);
    if (!rc)
        rc = submit_moves(im, s, err);
    im->report.blocks++;
    im->report.transactions += s->block->tx_count;
    return rc ? czi_wrap(err, rc, "%s", s->name) : CZ_OK;
}

/* ---- The domain ------------------------------------------------------------------------- */

struct other_adapter {
    bool found;
    char name[64];
};

static int find_other_adapter(void *arg, const cz_domain *d)
{
    struct other_adapter *other = arg;

    if (strcmp(d->name, CZI_ETH_DOMAIN) == 0 &&
        strcmp(d->adapter, czi_adapter_ethereum.name) != 0) {
        other->found = true;
        (void)snprintf(other->name, sizeof other->name, "%s", d->adapter);
    }
    return 0;
}

/* The domain as whoever says nothing wants it; one that is known stays as it is. */
static int submit_domain(struct import *im, cz_error *err)
{
    struct czi_item item = {.type = CZI_ITEM_DOMAIN,
                            .domain = {(const uint8_t *)CZI_ETH_DOMAIN,
                                       strlen(CZI_ETH_DOMAIN)}};
    struct other_adapter other = {0};
    CZI_AUTOBUF bytes = {0};
    cz_result r;
    uint64_t ticket;
    int rc;

    item.config.adapter = (struct czi_slice){(const uint8_t *)czi_adapter_ethereum.name,
                                             strlen(czi_adapter_ethereum.name)};
    rc = czi_item_encode(&item, &bytes, err);
    if (!rc)
        rc = czi_submit_item(im->engine, bytes.data, bytes.len, NULL, NULL, &ticket, err);
    if (!rc)
        rc = cz_wait(im->engine, ticket, CZ_FOREVER, &r, err);
    if (rc || r.status != CZ_STATUS_REJECTED)
        return rc;
    if (r.reason != CZ_EXISTS)
        return czi_fail(err, CZ_REJECTED, "domain " CZI_ETH_DOMAIN ": %s",
                        cz_reason_text((int)r.reason));
    rc = cz_domain_list(im->engine, find_other_adapter, &other, err);
    if (!rc && other.found)
        rc = czi_fail(err, CZ_INVALID, "the store's domain " CZI_ETH_DOMAIN " is of adapter %s",
                      other.name);
    return rc;
}

static int run(struct import *im, const cz_import_source *sources, size_t source_number,
               cz_error *err)
{
    cz_error late = {0};
    int rc = im->effect ? CZ_OK : czi_nomem(err, "an effect"), flushed;

    for (size_t i = 0; i < source_number; i++)
        im->bytes += sources[i].len;
    for (size_t i = 0; i < source_number && !rc; i++)
        rc = verify_source(im, &sources[i], err);
    if (!rc)
        rc = pin(im, err);
    if (!rc)
        rc = submit_domain(im, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < source_count(im) && !rc; i++)
        rc = submit_block(im, source_at(im, i), err);
    /* Whatever happened, the counters are this call's: wait for the last of them. */
    flushed = cz_flush(im->engine, &late);
    return rc ? rc : flushed ? czi_fail(err, flushed, "%s", late.detail) : CZ_OK;
}

int cz_import_ethereum(cz_engine *engine, const cz_import_source *sources, size_t count_sources,
                       const cz_import_options *options, cz_import_report *ret, cz_error *err)
{
    static const cz_import_options none;
    struct import im = {.engine = engine,
                        .options = options ? options : &none,
                        .effect = cz_effect_new()};
    int rc = run(&im, sources, count_sources, err);

    for (size_t i = 0; i < source_count(&im); i++)
        czi_eth_block_free(source_at(&im, i)->block);
    czi_buf_done(&im.sources);
    czi_buf_done(&im.submitted);
    cz_effect_free(im.effect);
    if (rc)
        return rc;
    *ret = im.report;
    return im.refusal.code ? czi_fail(err, im.refusal.code, "%s", im.refusal.detail) : CZ_OK;
}
