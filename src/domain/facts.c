/* facts.c - the way into fact logs: what comes from outside is verified here, then recorded.
 *
 * Layer: domain. Threads: any; proofs are checked on the caller's. What the store's state says
 * of an item (is its block recorded, does it stand, is it settled) the book decides: once here,
 * so that the caller gets the reason before anything is queued, and again when it is recorded.
 */
#include "engine/facts.h"
#include "base/error.h"
#include "domain/domain.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

/* What verifying needs of the store; copied, since the book moves on. */
struct surroundings {
    const struct czi_adapter *adapter;
    struct czi_buf parameters;
    bool has_block, has_target;
    struct czi_block block, target;
};

static struct czi_slice text(const char *s)
{
    return (struct czi_slice){(const uint8_t *)s, strlen(s)};
}

/* ---- Faults ------------------------------------------------------------------------------ */

/* With the gate: says of a frozen domain what to do. */
static void explain_freeze(const struct czi_book *book, struct czi_slice name, char *out,
                           size_t size)
{
    uint32_t n = czi_book_domain(book, name);
    struct czi_domain_info d = {0};
    char a[CZ_ID_TEXT_SIZE], b[CZ_ID_TEXT_SIZE];

    out[0] = 0;
    if (n != CZI_ID_NONE)
        czi_book_domain_info(book, n, &d);
    if (!d.frozen)
        return;
    cz_id_print(czi_book_id(book, d.contradicts[0]), a);
    cz_id_print(czi_book_id(book, d.contradicts[1]), b);
    (void)snprintf(out, size,
                   ": %s stands, and %s against it; decide which one to keep with `causality "
                   "domain resolve %s --keep ID`",
                   a, b, d.name);
}

static int refused(cz_engine *g, const struct czi_item *item, uint8_t reason, cz_error *err)
{
    char more[CZ_DETAIL_SIZE / 2];

    czi_manager_lock(g);
    explain_freeze(g->step.core.book, item->domain, more, sizeof more);
    czi_manager_unlock(g);
    if (reason != CZ_DOMAIN_FROZEN)
        more[0] = 0;
    return czi_fail(err, reason < CZ_UNKNOWN_DOMAIN ? CZ_REJECTED : (int)reason,
                    "domain %.*s: %s%s", (int)item->domain.len, item->domain.data,
                    cz_reason_text(reason), more);
}

/* ---- Verifying --------------------------------------------------------------------------- */

/* With the gate. What the item rests on, and whether the book would take it. */
static int look_around(const struct czi_book *book, const struct czi_item *item,
                       struct surroundings *s, uint8_t *ret_reason, cz_error *err)
{
    struct czi_slice adapter, parameters = {0};
    struct czi_domain_info d;
    struct czi_entry_info e;
    uint32_t n = czi_book_domain(book, item->domain);

    *ret_reason = czi_book_judge(book, item);
    if (item->type == CZI_ITEM_DOMAIN) {
        adapter = item->config.adapter;
        parameters = item->config.parameters;
    } else if (n != CZI_ID_NONE) {
        czi_book_domain_info(book, n, &d);
        adapter = text(d.adapter);
        parameters = d.parameters;
    } else {
        return CZ_OK; /* refused */
    }
    s->adapter = czi_adapter_find(adapter);
    if (!s->adapter)
        return czi_fail(err, CZ_UNSUPPORTED, "this library has no adapter \"%.*s\"",
                        (int)adapter.len, adapter.data);
    czi_buf_put(&s->parameters, parameters.data, parameters.len);
    if (item->type == CZI_ITEM_FACT && item->fact.has_header) {
        n = czi_book_find(book, &item->fact.header);
        s->has_block = n != CZI_ID_NONE && czi_book_block(book, n, &s->block);
    }
    if (item->type == CZI_ITEM_RETRACTION) {
        n = czi_book_find(book, &item->retraction.fact);
        if (n == CZI_ID_NONE)
            return CZ_OK; /* refused */
        czi_book_entry(book, n, &e);
        s->has_target = e.block != CZI_ID_NONE && czi_book_block(book, e.block, &s->target);
    }
    return s->parameters.failed ? czi_nomem(err, "a domain's parameters") : CZ_OK;
}

/* Everything, in the order in which a reader wants to be told: is it known here, is it genuine,
 * does the store's state allow it. */
static int check(cz_engine *g, const struct czi_item *item, cz_error *err)
{
    struct surroundings s = {0};
    uint8_t reason = CZ_APPLIED;
    int rc;

    czi_manager_lock(g);
    rc = look_around(g->step.core.book, item, &s, &reason, err);
    czi_manager_unlock(g);
    if (!rc && reason == CZ_UNKNOWN_DOMAIN)
        rc = refused(g, item, reason, err);
    if (!rc && reason && item->type != CZI_ITEM_DOMAIN && !s.has_block && !s.has_target &&
        !(item->type == CZI_ITEM_FACT && item->fact.kind == CZ_FACT_BLOCK))
        rc = refused(g, item, reason, err); /* there is nothing to check it against */
    if (!rc)
        rc = czi_item_verify(item, s.adapter, czi_buf_slice(&s.parameters),
                             s.has_block ? &s.block : NULL, s.has_target ? &s.target : NULL,
                             err);
    if (!rc && reason)
        rc = refused(g, item, reason, err);
    czi_buf_done(&s.parameters);
    return rc;
}

static bool is_recorded(cz_engine *g, const cz_id *id)
{
    bool is;

    czi_manager_lock(g);
    is = czi_book_find(g->step.core.book, id) != CZI_ID_NONE;
    czi_manager_unlock(g);
    return is;
}

/* What was submitted before may be what this one rests on. */
static int settle(cz_engine *g, cz_error *err)
{
    int rc = czi_read_begin(g, err);

    if (!rc)
        czi_read_end(g);
    return rc;
}

static int record(cz_engine *g, const struct czi_item *item, const struct czi_buf *bytes,
                  cz_id *ret, cz_error *err)
{
    cz_id id = czi_fact_id(bytes->data, bytes->len);
    cz_result result = {0};
    int rc = settle(g, err);

    if (!rc && !is_recorded(g, &id)) {
        rc = check(g, item, err);
        if (!rc)
            rc = czi_perform_item(g, bytes->data, bytes->len, &result, err);
        if (rc == CZ_REJECTED)
            rc = refused(g, item, (uint8_t)result.reason, err);
    }
    if (!rc && ret)
        *ret = id;
    return rc;
}

/* ---- Public ------------------------------------------------------------------------------ */

static int decode(const void *bytes, size_t len, struct czi_item *ret, cz_error *err)
{
    int rc = czi_item_decode(bytes, len, ret, err);

    if (!rc || rc == CZ_NOMEM)
        return rc;
    return czi_wrap(err, CZ_BAD_ENCODING, "%s", cz_reason_text(CZ_BAD_ENCODING));
}

int cz_fact_add(cz_engine *g, const void *bytes, size_t len, const uint8_t *seed, cz_id *ret,
                cz_error *err)
{
    CZI_AUTOBUF signed_bytes = {0};
    struct czi_item item;
    int rc = decode(bytes, len, &item, err);

    if (!rc && seed)
        rc = czi_item_sign(&item, seed, err);
    if (!rc)
        rc = czi_item_encode(&item, &signed_bytes, err);
    return rc ? rc : record(g, &item, &signed_bytes, ret, err);
}

int cz_fact_check(cz_engine *g, const void *bytes, size_t len, cz_error *err)
{
    struct czi_item item;
    int rc = decode(bytes, len, &item, err);

    if (!rc)
        rc = settle(g, err);
    return rc ? rc : check(g, &item, err);
}

static int note_slice(const char *note, struct czi_slice *ret, cz_error *err)
{
    *ret = text(note ? note : "");
    if (ret->len > CZI_NOTE_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "a note of %zu bytes; CZI_NOTE_SIZE_MAX is %d", ret->len,
                        CZI_NOTE_SIZE_MAX);
    return CZ_OK;
}

/* The name of the domain that an item belongs to, copied. */
static int domain_of(cz_engine *g, const cz_id *id, char name[CZI_DOMAIN_SIZE_MAX + 1],
                     cz_error *err)
{
    const struct czi_book *book = g->step.core.book;
    struct czi_entry_info e;
    struct czi_domain_info d;
    uint32_t n;

    czi_manager_lock(g);
    n = czi_book_find(book, id);
    if (n != CZI_ID_NONE) {
        czi_book_entry(book, n, &e);
        czi_book_domain_info(book, e.domain, &d);
        (void)snprintf(name, CZI_DOMAIN_SIZE_MAX + 1, "%s", d.name);
    }
    czi_manager_unlock(g);
    return n == CZI_ID_NONE ? czi_fact_missing(id, err) : CZ_OK;
}

int cz_fact_retract(cz_engine *g, const cz_id *fact, const void *evidence, size_t evidence_len,
                    const char *note, const uint8_t *seed, cz_id *ret, cz_error *err)
{
    CZI_AUTOBUF bytes = {0};
    char name[CZI_DOMAIN_SIZE_MAX + 1];
    struct czi_item item = {.type = CZI_ITEM_RETRACTION, .retraction = {.fact = *fact}};
    int rc = settle(g, err);

    if (!rc)
        rc = domain_of(g, fact, name, err);
    if (!rc)
        rc = note_slice(note, &item.retraction.note, err);
    if (rc)
        return rc;
    item.domain = text(name);
    item.retraction.evidence_count = evidence != NULL;
    item.retraction.evidence[0] = (struct czi_slice){evidence, evidence_len};
    if (seed)
        rc = czi_item_sign(&item, seed, err);
    if (!rc)
        rc = czi_item_encode(&item, &bytes, err);
    return rc ? rc : record(g, &item, &bytes, ret, err);
}

/* While the engine rests. */
static int verify_number(cz_engine *g, uint32_t number, cz_error *err)
{
    struct surroundings s = {0};
    struct czi_slice bytes = {0};
    struct czi_item item;
    uint8_t reason;
    int rc = czi_find_item(&g->reader, number, &bytes, err);

    if (!rc)
        rc = decode(bytes.data, bytes.len, &item, err);
    if (!rc)
        rc = look_around(g->step.core.book, &item, &s, &reason, err);
    if (!rc)
        rc = czi_item_verify(&item, s.adapter, czi_buf_slice(&s.parameters),
                             s.has_block ? &s.block : NULL, s.has_target ? &s.target : NULL,
                             err);
    czi_buf_done(&s.parameters);
    return rc;
}

int cz_fact_verify(cz_engine *g, const cz_id *id, cz_error *err)
{
    uint32_t number;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    number = czi_book_find(g->step.core.book, id);
    rc = number == CZI_ID_NONE ? czi_fact_missing(id, err) : verify_number(g, number, err);
    czi_read_end(g);
    return rc;
}

/* ---- Domains ----------------------------------------------------------------------------- */

static int compare_observers(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(cz_observer));
}

static int fill_config(const cz_domain_spec *spec, struct czi_domain_item *c, cz_error *err)
{
    if (!spec->name || !spec->adapter)
        return czi_fail(err, CZ_INVALID, "a domain needs a name and an adapter");
    if (spec->observer_count > CZI_OBSERVERS_MAX)
        return czi_fail(err, CZ_LIMIT, "a domain with %zu observers; CZI_OBSERVERS_MAX is %d",
                        spec->observer_count, CZI_OBSERVERS_MAX);
    if ((unsigned)spec->record_finality > CZ_FINAL)
        return czi_fail(err, CZ_INVALID, "there is no finality %d", (int)spec->record_finality);
    *c = (struct czi_domain_item){.adapter = text(spec->adapter),
                                  .parameters = {spec->parameters, spec->parameters_len},
                                  .policy = {spec->safe_depth, spec->final_depth,
                                             spec->record_depth, spec->record_finality},
                                  .observer_count = (uint32_t)spec->observer_count};
    if (spec->observer_count) {
        memcpy(c->observers, spec->observers, spec->observer_count * sizeof(cz_observer));
        qsort(c->observers, spec->observer_count, sizeof(cz_observer), compare_observers);
    }
    return CZ_OK;
}

/* With the gate: whether the domain is as wanted, but for the sequence, which is set to the
 * next one. */
static bool is_already(const struct czi_book *book, struct czi_item *item)
{
    uint32_t n = czi_book_domain(book, item->domain);
    struct czi_domain_item *c = &item->config;
    struct czi_domain_info d;

    if (n == CZI_ID_NONE)
        return false;
    czi_book_domain_info(book, n, &d);
    c->sequence = d.sequence + 1;
    return c->adapter.len == strlen(d.adapter) &&
           memcmp(c->adapter.data, d.adapter, c->adapter.len) == 0 &&
           c->parameters.len == d.parameters.len &&
           (!c->parameters.len ||
            memcmp(c->parameters.data, d.parameters.data, c->parameters.len) == 0) &&
           c->policy.safe_depth == d.policy.safe_depth &&
           c->policy.final_depth == d.policy.final_depth &&
           c->policy.record_depth == d.policy.record_depth &&
           c->policy.record_finality == d.policy.record_finality &&
           c->observer_count == d.observer_count &&
           memcmp(c->observers, d.observers, c->observer_count * sizeof c->observers[0]) == 0;
}

int cz_domain_set(cz_engine *g, const cz_domain_spec *spec, cz_error *err)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_item item = {.type = CZI_ITEM_DOMAIN};
    bool already;
    int rc = fill_config(spec, &item.config, err);

    if (!rc)
        rc = settle(g, err);
    if (rc)
        return rc;
    item.domain = text(spec->name);
    czi_manager_lock(g);
    already = is_already(g->step.core.book, &item);
    czi_manager_unlock(g);
    if (already)
        return CZ_OK;
    rc = czi_item_encode(&item, &bytes, err);
    return rc ? rc : record(g, &item, &bytes, NULL, err);
}

int cz_domain_resolve(cz_engine *g, const char *domain, const cz_id *keep, const char *note,
                      cz_error *err)
{
    const struct czi_book *book = g->step.core.book;
    CZI_AUTOBUF bytes = {0};
    struct czi_item item = {.type = CZI_ITEM_DECISION, .domain = text(domain)};
    struct czi_domain_info d = {0};
    bool found = false;
    uint32_t n;
    int rc = settle(g, err);

    if (!rc)
        rc = note_slice(note, &item.decision.note, err);
    if (rc)
        return rc;
    czi_manager_lock(g);
    n = czi_book_domain(book, item.domain);
    if (n != CZI_ID_NONE)
        czi_book_domain_info(book, n, &d);
    for (unsigned i = 0; i < 2 && d.frozen; i++)
        if (czi_id_equal(czi_book_id(book, d.contradicts[i]), keep)) {
            found = true;
            item.decision.keep = *keep;
            item.decision.drop = *czi_book_id(book, d.contradicts[!i]);
        }
    czi_manager_unlock(g);
    if (n == CZI_ID_NONE)
        return refused(g, &item, CZ_UNKNOWN_DOMAIN, err);
    if (!d.frozen)
        return czi_fail(err, CZ_INVALID, "domain %s is not frozen: there is nothing to decide",
                        domain);
    if (!found)
        return czi_fail(err, CZ_INVALID,
                        "domain %s: the fact to keep is none of the two that contradict",
                        domain);
    rc = czi_item_encode(&item, &bytes, err);
    return rc ? rc : record(g, &item, &bytes, NULL, err);
}
