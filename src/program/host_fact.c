/* host_fact.c - facts that programs await.
 *
 * Layer: program. Thread: the host's, but for czi_host_facts.
 *
 * An ask goes through the items of fact logs that are on disk: in the book, which knows domain,
 * kind and standing, and of those that may be it in the journal, which has what they say. What
 * it has passed it never looks at again, but for the first that would do and is not settled
 * yet. Cost: a few nanoseconds an item, and the reading of each fact of the kind and domain.
 */
#include "base/error.h"
#include "fact/fact.h"
#include "program/host.h"

/* Items that are looked at without a pause for the engine. */
#define BATCH 256u

struct quest {
    cz_fact_query query; /* texts are below */
    char domain[CZI_DOMAIN_SIZE_MAX + 1];
    char *account, *asset, *value;
    uint64_t from;              /* items before this are none */
    struct czi_ask *next;       /* of the host's that wait */
    cz_fact_seen *ret;          /* of whoever waits; NULL: nobody */
    struct czi_entry_info info; /* of the item at hand */
    uint32_t number;
};

/* ---- What a fact says -----------------------------------------------------------------------
 */

static bool is_text(const struct czi_fact *f, unsigned i, const char *text)
{
    const struct czi_fact_value *v = &f->claim[i];

    if (!text)
        return true;
    return i < f->claim_count && (v->type == CZI_VALUE_TEXT || v->type == CZI_VALUE_BYTES) &&
           v->bytes.len == strlen(text) && memcmp(v->bytes.data, text, v->bytes.len) == 0;
}

/* Where in its claim a kind has its amount (docs/reference/domains.md). */
static uint64_t amount_of(const struct czi_fact *f)
{
    unsigned i = f->kind == CZ_FACT_TIME ? 0 : f->kind == CZ_FACT_PRICE ? 1 : 2;
    bool has = f->kind == CZ_FACT_TIME || f->kind == CZ_FACT_PRICE ||
               f->kind == CZ_FACT_DEPOSIT || f->kind == CZ_FACT_WITHDRAWAL ||
               f->kind == CZ_FACT_BALANCE;

    return has && i < f->claim_count && f->claim[i].type == CZI_VALUE_UINT ? f->claim[i].number
                                                                           : 0;
}

static bool says(const struct czi_fact *f, const cz_fact_query *q)
{
    bool named = f->kind == CZ_FACT_DEPOSIT || f->kind == CZ_FACT_WITHDRAWAL ||
                 f->kind == CZ_FACT_BALANCE;

    if (q->account && !named && f->kind != CZ_FACT_PRICE && f->kind != CZ_FACT_REGISTER)
        return false;
    if ((q->asset && !named) || (q->value && f->kind != CZ_FACT_REGISTER))
        return false;
    return is_text(f, 0, q->account) && is_text(f, 1, named ? q->asset : q->value) &&
           amount_of(f) >= q->amount && f->time >= q->time;
}

/* ---- Looking --------------------------------------------------------------------------------
 */

/* With the mutex: the next item that may be it; false: none up to `end`. */
static bool next_item(const struct czi_book *book, struct quest *q, uint64_t *at, uint64_t end)
{
    uint32_t domain = czi_book_domain(book, (struct czi_slice){(const uint8_t *)q->domain,
                                                               strlen(q->domain)});

    for (; *at < end; ++*at) {
        czi_book_entry(book, (uint32_t)*at, &q->info);
        if (q->info.type != CZI_ITEM_FACT || q->info.domain != domain ||
            q->info.kind != q->query.kind || q->info.standing != CZI_STANDS)
            continue;
        q->number = (uint32_t)*at;
        return true;
    }
    return false;
}

static bool is_settled(cz_engine *g, const struct quest *q)
{
    uint64_t depth;
    enum cz_finality finality;

    czi_manager_lock(g);
    finality = czi_book_finality(g->step.core.book, q->number, &depth);
    czi_manager_unlock(g);
    return finality >= q->query.finality;
}

static void answer(struct czi_ask *a, const struct quest *q, const struct czi_fact *f)
{
    struct czi_buf *b = &a->payload;

    a->code = CZ_OK;
    a->value = (uint64_t)q->number + 1;
    b->len = 0;
    czi_cbor_add_head(b, CZI_CBOR_ARRAY, 4);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &q->info.id, sizeof(cz_id));
    czi_cbor_add_head(b, CZI_CBOR_UINT, q->info.height);
    czi_cbor_add_head(b, CZI_CBOR_UINT, q->info.time);
    czi_cbor_add_head(b, CZI_CBOR_UINT, amount_of(f));
}

/* CZ_OK: found, and in the ask; CZ_NOT_FOUND: not there yet. */
static int look(struct czi_ask *a, cz_error *err)
{
    cz_host *h = a->program->host;
    cz_engine *g = a->engine;
    struct quest *q = a->more;
    uint64_t at = q->from, items = atomic_load(&h->items);
    bool passes = true;

    while (at < items) {
        uint64_t end = CZI_MIN(items, at + BATCH);
        struct czi_slice bytes = {0};
        struct czi_fact f;
        bool may_be;
        int rc;

        czi_manager_lock(g);
        may_be = next_item(g->step.core.book, q, &at, end);
        czi_manager_unlock(g);
        if (may_be) {
            rc = czi_find_item(&h->finder, at, &bytes, err);
            if (!rc)
                rc = czi_fact_decode(bytes.data, bytes.len, &f, err);
            if (rc)
                return rc;
            if (says(&f, &q->query) && is_settled(g, q)) {
                answer(a, q, &f);
                return CZ_OK;
            }
            passes = passes && !says(&f, &q->query);
            at++;
        }
        if (passes)
            q->from = at;
    }
    return CZ_NOT_FOUND;
}

static void forget(struct czi_ask *a)
{
    struct czi_ask **at = &a->program->host->facts;

    while (*at && *at != a)
        at = &((struct quest *)(*at)->more)->next;
    if (*at)
        *at = ((struct quest *)a->more)->next;
}

static bool knows(const struct czi_ask *a)
{
    const struct quest *q = a->more;
    cz_engine *g = a->engine;
    bool known;

    czi_manager_lock(g);
    known = czi_book_domain(g->step.core.book, (struct czi_slice){(const uint8_t *)q->domain,
                                                                  strlen(q->domain)}) !=
            CZI_ID_NONE;
    czi_manager_unlock(g);
    return known;
}

static int ask_fact(struct czi_ask *a, cz_error *err)
{
    cz_host *h = a->program->host;
    struct quest *q = a->more;
    int rc = look(a, err);

    if (rc == CZ_NOT_FOUND && !knows(a)) {
        (void)czi_fail(err, CZ_UNKNOWN_DOMAIN, "no domain '%s' is known", q->domain);
        czi_ask_fail(a, err);
        rc = CZ_OK;
    }
    if (rc == CZ_NOT_FOUND) {
        q->next = h->facts;
        h->facts = a;
        return CZ_OK;
    }
    if (rc)
        return rc;
    a->promised = true;
    czi_host_post(h, &a->letter);
    return CZ_OK;
}

void czi_host_facts(struct czi_runner *r, uint64_t count)
{
    cz_host *h = (cz_host *)r;

    atomic_store(&h->items, count);
    if (!atomic_exchange(&h->looks, true))
        czi_host_post(h, &h->found);
}

void czi_host_look(cz_host *h, struct czi_letter *l)
{
    struct czi_ask **at = &h->facts, *a;

    (void)l;
    atomic_store(&h->looks, false);
    while ((a = *at) != NULL) {
        struct quest *q = a->more;
        cz_error err = {0};
        int rc = look(a, &err);

        if (rc == CZ_NOT_FOUND) {
            at = &q->next;
            continue;
        }
        *at = q->next;
        if (rc) {
            czi_instance_stop(a->program, rc, err.detail);
            continue;
        }
        a->promised = true;
        czi_host_post(h, &a->letter);
    }
}

/* ---- The ask --------------------------------------------------------------------------------
 */

static void tell_fact(struct czi_ask *a, const struct czi_input *in, cz_error *err)
{
    struct quest *q = a->more;
    struct czi_cbor c = czi_cbor(in->payload.data, in->payload.len);
    cz_fact_seen seen = {.number = in->value};

    (void)err;
    if (in->code || !q->ret)
        return;
    czi_cbor_array_of(&c, 4);
    seen.id = czi_cbor_bytes32(&c);
    seen.height = czi_cbor_uint(&c);
    seen.time = czi_cbor_uint(&c);
    seen.amount = czi_cbor_uint(&c);
    *q->ret = seen;
}

static void free_quest(struct czi_ask *a)
{
    struct quest *q = a->more;

    if (!q)
        return;
    if (!a->orphan)
        forget(a);
    czi_free(q->account);
    czi_free(q->asset);
    czi_free(q->value);
    czi_free(q);
}

static const struct czi_ask_ops fact_ops = {
    .input = CZI_INPUT_FACT,
    .ask = ask_fact,
    .tell = tell_fact,
    .free = free_quest,
};

static bool copy_text(char **to, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;

    *to = text ? czi_alloc(size) : NULL;
    if (*to)
        memcpy(*to, text, size);
    return !text || *to;
}

static void put_text(struct czi_buf *b, const char *text)
{
    if (text)
        czi_cbor_add_string(b, CZI_CBOR_BYTES, text, strlen(text));
    else
        czi_buf_put_byte(b, 0xf6);
}

static void put_query(struct czi_buf *b, const cz_fact_query *q)
{
    czi_cbor_add_head(b, CZI_CBOR_ARRAY, 8);
    put_text(b, q->domain);
    czi_cbor_add_head(b, CZI_CBOR_UINT, (unsigned)q->kind);
    put_text(b, q->account);
    put_text(b, q->asset);
    put_text(b, q->value);
    czi_cbor_add_head(b, CZI_CBOR_UINT, q->amount);
    czi_cbor_add_head(b, CZI_CBOR_UINT, q->time);
    czi_cbor_add_head(b, CZI_CBOR_UINT, (unsigned)q->finality);
}

static const char *problem(const cz_fact_query *q)
{
    if (!q->domain || strlen(q->domain) > CZI_DOMAIN_SIZE_MAX)
        return "a fact is of a domain, whose name has 1 to 32 bytes";
    if ((unsigned)q->kind < CZ_FACT_BLOCK || (unsigned)q->kind > CZ_FACT_CUSTOM)
        return "there is no such kind of fact";
    return (unsigned)q->finality > CZ_FINAL ? "there is no such finality" : NULL;
}

cz_future czi_fact_future(cz_program *p, const cz_fact_query *query, cz_fact_seen *ret)
{
    CZI_AUTOBUF what = {0};
    struct czi_ask *a;
    struct quest *q;
    cz_future future;
    cz_error err = {0};
    int rc = czi_program_may(p, &err);

    if (!rc && czi_is_cut(&p->tree))
        rc = czi_cut(&p->tree, &err);
    if (!rc && problem(query))
        rc = czi_fail(&err, CZ_INVALID, "fact: %s", problem(query));
    if (rc)
        return czi_leaf_over(&p->tree, rc, 0, &err);
    put_query(&what, query);
    a = czi_ask_new(p, &fact_ops, czi_program_asks(p, CZI_INPUT_FACT, &what), &future);
    if (!a)
        return future;
    q = a->more = czi_alloc_zero(1, sizeof *q);
    if (!q || !copy_text(&q->account, query->account) || !copy_text(&q->asset, query->asset) ||
        !copy_text(&q->value, query->value)) {
        czi_instance_stop(p, CZ_NOMEM, "out of memory for a fact");
        return future;
    }
    q->query = *query;
    memcpy(q->domain, query->domain, strlen(query->domain));
    q->query.domain = q->domain;
    q->query.account = q->account;
    q->query.asset = q->asset;
    q->query.value = q->value;
    q->ret = ret;
    czi_ask_go(a);
    return future;
}

cz_future cz_fact_future(cz_program *p, const cz_fact_query *query)
{
    return czi_fact_future(p, query, NULL);
}

int cz_await_fact(cz_program *p, const cz_fact_query *query, cz_fact_seen *ret, cz_error *err)
{
    cz_fact_seen seen = {0};
    int rc = cz_join(p, czi_fact_future(p, query, &seen), NULL, err);

    if (!rc && ret)
        *ret = seen;
    return rc;
}
