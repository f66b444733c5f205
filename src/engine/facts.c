/* facts.c - questions about fact logs: domains, facts, and the time map.
 *
 * Layer: engine. Threads: any. As in read.c: what is acknowledged, and nothing else. Adding to
 * fact logs needs proofs to be checked, which is domain/facts.c.
 */
#include "engine/facts.h"

#include "base/error.h"
#include "engine/engine.h"

#include <stdio.h>

static const char *const type_names[] = {
    [CZI_ITEM_FACT] = "fact",
    [CZI_ITEM_RETRACTION] = "retraction",
    [CZI_ITEM_DOMAIN] = "domain",
    [CZI_ITEM_DECISION] = "decision",
};

void czi_fact_describe(const struct czi_book *book, uint32_t number, struct czi_slice bytes,
                       cz_fact *ret)
{
    struct czi_entry_info e;
    struct czi_domain_info d;

    czi_book_entry(book, number, &e);
    czi_book_domain_info(book, e.domain, &d);
    *ret = (cz_fact){.id = e.id,
                     .domain = d.name,
                     .type = type_names[e.type],
                     .number = (uint64_t)number + 1,
                     .height = e.height,
                     .time = e.time,
                     .stands = e.standing == CZI_STANDS,
                     .held = e.standing == CZI_HELD,
                     .bytes = bytes.data,
                     .len = bytes.len};
    if (e.retracted_by != CZI_ID_NONE) {
        ret->has_retracted_by = true;
        ret->retracted_by = *czi_book_id(book, e.retracted_by);
    }
    if (e.type != CZI_ITEM_FACT)
        return;
    ret->kind = (enum cz_fact_kind)e.kind;
    ret->finality = czi_book_finality(book, number, &ret->depth);
    ret->has_expires = e.expires != UINT64_MAX;
    ret->expires = ret->has_expires ? e.expires : 0;
    if (e.block != CZI_ID_NONE) {
        struct czi_block block;

        ret->block = *czi_book_id(book, e.block);
        if (czi_book_block(book, e.block, &block))
            memcpy(ret->block_hash, block.hash, sizeof ret->block_hash);
    }
}

/* While the engine rests. */
static int visit_fact(cz_engine *g, uint32_t number, cz_fact_fn fn, void *arg, cz_error *err)
{
    struct czi_slice bytes;
    cz_fact fact;
    int rc = czi_find_item(&g->reader, number, &bytes, err);

    if (rc)
        return rc;
    czi_fact_describe(g->step.core.book, number, bytes, &fact);
    return fn(arg, &fact);
}

static int unknown_domain(const char *name, cz_error *err)
{
    return czi_fail(err, CZ_UNKNOWN_DOMAIN, "the store knows no domain \"%s\"", name);
}

uint32_t czi_domain_named(const struct czi_book *book, const char *name)
{
    return czi_book_domain(book, (struct czi_slice){(const uint8_t *)name, strlen(name)});
}

int cz_fact_list(cz_engine *g, const char *domain, cz_fact_fn fn, void *arg, cz_error *err)
{
    const struct czi_book *book = g->step.core.book;
    uint32_t wanted = CZI_ID_NONE;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    if (domain)
        wanted = czi_domain_named(book, domain);
    if (domain && wanted == CZI_ID_NONE)
        rc = unknown_domain(domain, err);
    for (uint32_t i = 0; i < czi_book_count(book) && !rc; i++) {
        struct czi_entry_info e;

        czi_book_entry(book, i, &e);
        if (!domain || e.domain == wanted)
            rc = visit_fact(g, i, fn, arg, err);
    }
    czi_read_end(g);
    return rc;
}

int czi_fact_missing(const cz_id *id, cz_error *err)
{
    char text[CZ_ID_TEXT_SIZE];

    cz_id_print(id, text);
    return czi_fail(err, CZ_NOT_FOUND, "no fact %s", text);
}

int cz_fact_get(cz_engine *g, const cz_id *id, cz_fact_fn fn, void *arg, cz_error *err)
{
    uint32_t number;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    number = czi_book_find(g->step.core.book, id);
    rc =
        number == CZI_ID_NONE ? czi_fact_missing(id, err) : visit_fact(g, number, fn, arg, err);
    czi_read_end(g);
    return rc;
}

static void describe_domain(const struct czi_core *core, uint32_t i, cz_domain *ret)
{
    struct czi_domain_info d;

    czi_book_domain_info(core->book, i, &d);
    *ret = (cz_domain){.name = d.name,
                       .adapter = d.adapter,
                       .height = d.head.height,
                       .time = d.head.time,
                       .has_head = d.has_head,
                       .safe_height = d.head.safe,
                       .final_height = d.head.final,
                       .safe_depth = d.policy.safe_depth,
                       .final_depth = d.policy.final_depth,
                       .record_depth = d.policy.record_depth,
                       .record_finality = d.policy.record_finality,
                       .observers = (const cz_observer *)(const void *)d.observers,
                       .observer_count = d.observer_count,
                       .items = core->domains[i].items,
                       .frozen = d.frozen};
    memcpy(ret->hash, d.head.hash, sizeof ret->hash);
    memcpy(&ret->head, core->domains[i].head, sizeof ret->head);
    for (unsigned k = 0; k < 2 && d.frozen; k++)
        ret->contradicts[k] = *czi_book_id(core->book, d.contradicts[k]);
}

int cz_domain_list(cz_engine *g, cz_domain_fn fn, void *arg, cz_error *err)
{
    const struct czi_core *core = &g->step.core;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    for (uint32_t i = 0; i < czi_book_domains(core->book) && !rc; i++) {
        cz_domain d;

        describe_domain(core, i, &d);
        rc = fn(arg, &d);
    }
    czi_read_end(g);
    return rc;
}

/* ---- The time map ------------------------------------------------------------------------ */

int cz_snapshot(cz_engine *g, cz_time_map **ret, cz_error *err)
{
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    rc = czi_time_map_new(czi_book_time(g->step.core.book), g->step.core.lamport, ret, err);
    czi_read_end(g);
    return rc;
}

/* Takes items into a book of its own until its time map is the wanted one. */
static int rebuild(cz_engine *g, struct czi_book *book, const cz_id *wanted, cz_error *err)
{
    uint32_t count = czi_book_count(g->step.core.book), domain;
    struct czi_slice bytes;
    struct czi_item item;
    int rc = CZ_OK;

    for (uint32_t i = 0; i < count && !czi_id_equal(czi_book_time_id(book), wanted); i++) {
        cz_id id;

        rc = czi_find_item(&g->reader, i, &bytes, err);
        if (!rc)
            rc = czi_item_decode(bytes.data, bytes.len, &item, err);
        if (rc)
            return rc;
        id = czi_fact_id(bytes.data, bytes.len);
        if (czi_book_take(book, &item, &id, &domain) == CZI_BOOK_NOMEM)
            return czi_nomem(err, "a time map");
    }
    if (!czi_id_equal(czi_book_time_id(book), wanted))
        return czi_fail(err, CZ_CORRUPT, "no facts give the time map that the receipt names");
    return CZ_OK;
}

int cz_snapshot_at(cz_engine *g, const cz_id *effect, cz_time_map **ret, cz_error *err)
{
    struct czi_book *book = czi_book_new();
    uint64_t lamport = 0;
    cz_id wanted = {{0}};
    int rc = book ? czi_read_begin(g, err) : czi_nomem(err, "a time map");

    if (rc) {
        czi_book_free(book);
        return rc;
    }
    rc = czi_find_effect(&g->reader, effect, err);
    if (!rc) {
        lamport = g->reader.record.outcome.lamport;
        if (g->reader.record.outcome.time)
            memcpy(&wanted, g->reader.record.outcome.time, sizeof wanted);
        rc = rebuild(g, book, &wanted, err);
    }
    if (!rc)
        rc = czi_time_map_new(czi_book_time(book), lamport, ret, err);
    czi_read_end(g);
    czi_book_free(book);
    return rc;
}

/* ---- Proposing --------------------------------------------------------------------------- */

/* With the gate: what the effect cites, as it is now; and the snapshot. */
static uint8_t check_now(cz_engine *g, const uint8_t *bytes, size_t len,
                         const struct czi_effect_view *v, struct czi_citing *c, cz_id *ret_time)
{
    uint8_t reason;

    czi_manager_lock(g);
    czi_cite_list(bytes, len, v, c);
    reason = czi_cite_facts(g->step.core.book, c);
    *ret_time = *czi_book_time_id(g->step.core.book);
    czi_manager_unlock(g);
    return reason;
}

int cz_propose(cz_engine *g, cz_effect *e, cz_done_fn done, void *arg, uint64_t *ret_ticket,
               cz_error *err)
{
    CZI_AUTOFREE struct czi_citing *c = czi_alloc(sizeof *c);
    struct czi_effect_view view;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    uint8_t reason;
    cz_id time;
    int rc = c ? cz_effect_encode(e, &bytes, &len, err) : czi_nomem(err, "a proposal");

    if (!rc)
        rc = czi_effect_view(bytes, len, &view, err);
    if (rc)
        return rc;
    reason = check_now(g, bytes, len, &view, c, &time);
    if (reason)
        return czi_fail(err, reason == CZ_UNKNOWN_FACT ? CZ_NOT_FOUND : (int)reason,
                        "the effect was not proposed: %s", cz_reason_text(reason));
    rc = czi_ask(g, bytes, len, &view, err);
    if (rc)
        return czi_wrap(err, rc, "the effect was not proposed");
    if (!view.signature_count) /* they are of all that it says */
        cz_effect_set_time(e, &time);
    return cz_submit_effect(g, e, done, arg, ret_ticket, err);
}

/* ---- Events ------------------------------------------------------------------------------ */

/* An event of a task is an effect without operations. Its origin is the task. */
static int make_event(cz_effect *e, const cz_id *program, uint32_t task, const cz_id *after,
                      size_t count, cz_id *ret_origin, cz_error *err)
{
    char label[32];
    int rc;

    (void)snprintf(label, sizeof label, "task %u", task);
    rc = cz_resource_id(program, label, ret_origin, err);
    for (size_t i = 0; i < count && !rc; i++)
        rc = cz_effect_follow(e, &after[i], err);
    cz_effect_set_program(e, program, task);
    cz_effect_set_origin(e, ret_origin);
    return rc;
}

int cz_record_event(cz_engine *g, const cz_id *program, uint32_t task, const cz_id *after,
                    size_t count, cz_id *ret, cz_error *err)
{
    cz_effect *e = cz_effect_new();
    cz_result result = {0};
    uint64_t nonce = 0;
    cz_id origin;
    int rc = e ? make_event(e, program, task, after, count, &origin, err)
               : czi_nomem(err, "an event");

    /* Somebody else may take the nonce first: then the next one. */
    while (!rc) {
        uint32_t n;

        czi_manager_lock(g);
        n = czi_core_origin(&g->step.core, origin.bytes, false);
        nonce = CZI_MAX(nonce + 1, n == CZI_ID_NONE ? 1 : g->step.core.origins[n].next_nonce);
        czi_manager_unlock(g);
        cz_effect_set_nonce(e, nonce);
        rc = cz_perform(g, e, &result, err);
        if (rc != CZ_REJECTED || result.reason != CZ_NONCE)
            break;
        rc = CZ_OK;
    }
    cz_effect_free(e);
    if (!rc && ret)
        *ret = result.effect;
    return rc;
}
