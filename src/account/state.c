/* state.c - what an account is and has now.
 *
 * Layer: account. Threads: any. The resources of the store are looked through, and what was
 * found is told when the engine goes on again.
 */
#include "account/account.h"

#include "base/error.h"
#include "engine/engine.h"

#include <stdlib.h>

struct gather {
    const cz_engine *engine;
    struct czi_account_parts *parts;
    bool found;
    enum cz_kind kind;
};

/* Whether its account was there when it was created, so that it is really the account's. */
static bool is_controlled(const struct gather *g, const cz_id *id)
{
    const struct czi_resources *r = &g->engine->step.core.resources;

    return czi_resource_at(r, czi_id_table_find(&r->ids, id))->controlled;
}

static void take_account(struct gather *g, const cz_resource *r)
{
    g->found = true;
    g->kind = r->kind;
    g->parts->label = r->label;
    g->parts->state = r->state;
    czi_buf_put(&g->parts->data, r->data, r->data_len);
}

static int take(void *arg, const cz_resource *r)
{
    struct gather *g = arg;
    struct czi_account_parts *p = g->parts;
    bool is_reserve = czi_id_equal(&r->controller, &p->outbox) && r->kind == CZ_FUNGIBLE;
    bool is_own = czi_id_equal(&r->controller, &p->account);
    bool stands = r->state != CZ_CONSUMED && r->state != CZ_ARCHIVED;

    if (czi_id_equal(&r->id, &p->account))
        take_account(g, r);
    else if (czi_id_equal(&r->id, &p->outbox))
        p->has_outbox = r->kind == CZ_OUTBOX;
    else if ((!is_own && !is_reserve) || !is_controlled(g, &r->id))
        return CZ_OK;
    else if (r->kind == CZ_CAPABILITY && stands)
        czi_buf_put(&p->capabilities, &r->id, sizeof r->id);
    else if (r->kind == CZ_FUNGIBLE || r->kind == CZ_POSITION)
        czi_buf_put(&p->holdings, &(cz_holding){.resource = *r, .is_reserve = is_reserve},
                    sizeof(cz_holding));
    return CZ_OK;
}

static int by_asset(const void *a, const void *b)
{
    const cz_holding *x = a, *y = b;
    int order = strcmp(x->resource.asset, y->resource.asset);

    if (!order)
        order = (int)x->is_reserve - (int)y->is_reserve;
    return order ? order : memcmp(&x->resource.id, &y->resource.id, sizeof(cz_id));
}

int czi_account_parts_load(cz_engine *engine, const cz_id *account,
                           struct czi_account_parts *ret, cz_error *err)
{
    struct gather g = {.engine = engine, .parts = ret};
    char text[CZ_ID_TEXT_SIZE];
    int rc;

    *ret =
        (struct czi_account_parts){.account = *account, .outbox = cz_account_outbox(account)};
    rc = cz_resource_list(engine, take, &g, err);
    cz_id_print(account, text);
    if (!rc && !g.found)
        rc = czi_fail(err, CZ_NOT_FOUND, "there is no account %s", text);
    if (!rc && g.kind != CZ_ACCOUNT)
        rc = czi_fail(err, CZ_WRONG_TYPE, "\"%s\" is of kind %s, and no account", ret->label,
                      cz_kind_name((int)g.kind));
    if (!rc && (ret->data.failed || ret->holdings.failed || ret->capabilities.failed))
        rc = czi_nomem(err, "what an account has");
    if (!rc && ret->holdings.len)
        qsort(ret->holdings.data, ret->holdings.len / sizeof(cz_holding), sizeof(cz_holding),
              by_asset);
    return rc;
}

void czi_account_parts_done(struct czi_account_parts *p)
{
    czi_buf_done(&p->data);
    czi_buf_done(&p->holdings);
    czi_buf_done(&p->capabilities);
}

int cz_account_get(cz_engine *engine, const cz_id *account, cz_account_fn fn, void *arg,
                   cz_error *err)
{
    CZI_CLEANUP(czi_account_parts_done) struct czi_account_parts p;
    char texts[CZ_POLICY_TEXTS_MAX];
    cz_policy policy;
    cz_account_state s;
    int rc = czi_account_parts_load(engine, account, &p, err);

    if (!rc)
        rc = cz_policy_decode(p.data.data, p.data.len, texts, &policy, err);
    if (rc)
        return rc;
    s = (cz_account_state){.id = *account,
                           .label = p.label,
                           .state = p.state,
                           .policy = &policy,
                           .holdings = (const cz_holding *)(const void *)p.holdings.data,
                           .holding_count = p.holdings.len / sizeof(cz_holding),
                           .capabilities = (const cz_id *)(const void *)p.capabilities.data,
                           .capability_count = p.capabilities.len / sizeof(cz_id)};
    return fn(arg, &s);
}
