/* import.c - blocks become facts, and their transfers effects between positions.
 *
 * Layer: domain/ethereum. Thread: the caller's; recovery of senders uses more.
 *
 * Everything is verified before anything is submitted, so a falsified block leaves the store
 * as it was. What is submitted depends on the blocks alone, not on the store: a block that is
 * imported again gives the same facts and effects, which are then duplicates. That is why each
 * block is an origin of its own (nonce: index of the transaction), why positions are created
 * "if absent" by every effect that uses them, and why blocks may come in any order.
 */
#include "base/error.h"
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

struct import {
    cz_engine *engine;
    const cz_import_options *options;
    struct czi_buf sources; /* of struct source */
    uint64_t bytes, bytes_done, bytes_now;
    cz_import_report report;
    const struct source *at; /* being submitted */
    cz_id origin;            /* its block's */
    cz_effect *effect;
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

/* ---- Trust
 * ------------------------------------------------------------------------------------ */

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

/* ---- Effects
 * ----------------------------------------------------------------------------------- */

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

static int submit_fact(void *arg, const cz_id *id, struct czi_slice fact,
                       const struct czi_eth_transfer *transfer, cz_error *err)
{
    struct import *im = arg;
    uint64_t ticket;
    int rc = czi_submit_fact(im->engine, fact.data, fact.len, &ticket, err);

    im->report.facts++;
    if (rc || !transfer)
        return rc;
    im->report.native += transfer->standard == CZI_ETH_NATIVE;
    im->report.erc20 += transfer->standard != CZI_ETH_NATIVE;
    im->report.too_large += transfer->too_large;
    return transfer->too_large ? CZ_OK : submit_move(im, id, transfer, err);
}

static int submit_block(struct import *im, const struct source *s, cz_error *err)
{
    cz_id creator = cz_operator();
    char label[CZ_LABEL_SIZE_MAX], hash[65];
    int rc;

    czi_hex(hash, s->block->hash, 32);
    (void)snprintf(label, sizeof label, CZI_ETH_DOMAIN ":block:0x%s", hash);
    rc = cz_resource_id(&creator, label, &im->origin, err);
    if (!rc)
        rc = czi_eth_block_facts(s->block, submit_fact, im, err);
    im->report.blocks++;
    im->report.transactions += s->block->tx_count;
    return rc ? czi_wrap(err, rc, "%s", s->name) : CZ_OK;
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
    cz_effect_free(im.effect);
    if (!rc)
        *ret = im.report;
    return rc;
}
