/* look_up.c - the answers to what account.h asks, from the engine's state.
 *
 * Layer: account. Threads: any; an answer waits until the engine rests, as every question does.
 */
#include "account/account.h"

#include "base/error.h"
#include "engine/engine.h"
#include "engine/facts.h"
#include "fact/fact.h"

#include <stdio.h>

static _Thread_local const struct czi_account_hook *thread_hook;

const struct czi_account_hook *czi_account_set_hook(const struct czi_account_hook *hook)
{
    const struct czi_account_hook *before = thread_hook;

    thread_hook = hook;
    return before;
}

/* ---- Answers ---------------------------------------------------------------------------- */

static void put(struct czi_account_answer *a, const void *data, size_t len)
{
    CZI_CHECK(len <= sizeof a->bytes - a->len);
    if (len)
        memcpy(a->bytes + a->len, data, len);
    a->len = (uint16_t)(a->len + len);
}

static void put_byte(struct czi_account_answer *a, bool v)
{
    uint8_t byte = v;

    put(a, &byte, 1);
}

static struct czi_slice slice(const char *text)
{
    return (struct czi_slice){(const uint8_t *)text, strlen(text)};
}

static bool same(struct czi_slice a, struct czi_slice b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* As much of a text from outside as a message shows. */
#define SHOWN(s) (int)CZI_MIN((s).len, (size_t)160), (const char *)(s).data

/* ---- Resources, while the engine rests --------------------------------------------------- */

/* CZI_ID_NONE: there is none. */
static uint32_t find(const cz_engine *g, const void *id)
{
    const struct czi_resources *r = &g->step.core.resources;
    uint32_t slot = czi_id_table_find(&r->ids, id);

    return slot != CZI_ID_NONE && czi_resource_at(r, slot)->position ? slot : CZI_ID_NONE;
}

static enum cz_kind kind_of(const cz_engine *g, uint32_t slot)
{
    return (enum cz_kind)czi_resource_at(&g->step.core.resources, slot)->kind;
}

static struct czi_slice data_of(const cz_engine *g, uint32_t slot)
{
    const struct czi_resource_name *n = czi_resource_name(&g->step.core.resources, slot);

    return (struct czi_slice){n->data, n->data_len};
}

static const char *label_of(const cz_engine *g, uint32_t slot)
{
    return czi_resource_name(&g->step.core.resources, slot)->label;
}

/* The data of a resource of this kind. */
static int read_kind(const cz_engine *g, const void *id, enum cz_kind kind,
                     struct czi_slice *ret, cz_error *err)
{
    uint32_t slot = find(g, id);
    char text[CZ_ID_TEXT_SIZE];
    cz_id copy;

    memcpy(&copy, id, sizeof copy);
    cz_id_print(&copy, text);
    if (slot == CZI_ID_NONE)
        return czi_fail(err, CZ_NOT_FOUND, "there is no %s %s", cz_kind_name((int)kind), text);
    if (kind_of(g, slot) != kind)
        return czi_fail(err, CZ_WRONG_TYPE, "\"%s\" (%s) is of kind %s, and no %s",
                        label_of(g, slot), text, cz_kind_name((int)kind_of(g, slot)),
                        cz_kind_name((int)kind));
    *ret = data_of(g, slot);
    return CZ_OK;
}

static int answer_account(cz_engine *g, const struct czi_account_question *q,
                          struct czi_account_answer *ret, cz_error *err)
{
    struct czi_policy policy;
    struct czi_slice data = {0};
    uint8_t flags = 0;
    int rc = CZ_OK;

    if (find(g, &q->id) != CZI_ID_NONE) {
        rc = read_kind(g, &q->id, CZ_ACCOUNT, &data, err);
        if (!rc)
            rc = czi_policy_read(data, &policy, err);
        flags = CZI_ACCOUNT_EXISTS;
        if (!rc && q->asset && czi_policy_limit(&policy, slice(q->asset)))
            flags |= CZI_ACCOUNT_LIMITED;
    }
    if (!rc)
        put(ret, &flags, 1);
    return rc;
}

static int answer_capability(cz_engine *g, const struct czi_account_question *q,
                             struct czi_account_answer *ret, cz_error *err)
{
    const uint8_t *id = q->id.bytes;

    for (unsigned i = 0; id; i++) {
        struct czi_slice data = {0};
        struct czi_grant grant;
        int rc = read_kind(g, id, CZ_CAPABILITY, &data, err);

        if (!rc)
            rc = czi_grant_read(data, &grant, err);
        if (!rc && i == CZ_DELEGATION_MAX)
            rc = czi_fail(err, CZ_LIMIT, "the capability has more than %d above it",
                          CZ_DELEGATION_MAX - 1);
        if (rc)
            return rc;
        if (!i) {
            put(ret, grant.account, 32);
            put(ret, grant.holder, 32);
        }
        put(ret, id, 32);
        put_byte(ret, grant.has_ceiling);
        id = grant.parent;
    }
    return CZ_OK;
}

/* ---- Facts ------------------------------------------------------------------------------ */

static bool is_text(struct czi_slice s)
{
    return !s.len || !memchr(s.data, 0, s.len);
}

/* Whether a claim has the form of its kind, and says nothing that no resource can be named. */
static bool fits(const struct czi_account_said *s, const struct czi_fact *f)
{
    const struct czi_fact_value *c = f->claim;

    if (s->kind == CZ_FACT_REGISTER)
        return f->claim_count == 2 && c[0].type == CZI_VALUE_TEXT &&
               c[1].type == CZI_VALUE_BYTES && c[0].bytes.len < sizeof s->text &&
               is_text(c[0].bytes);
    return (s->kind == CZ_FACT_DEPOSIT || s->kind == CZ_FACT_WITHDRAWAL) &&
           f->claim_count == 3 && c[0].type == CZI_VALUE_TEXT && c[1].type == CZI_VALUE_TEXT &&
           c[2].type == CZI_VALUE_UINT && c[0].bytes.len < sizeof s->text &&
           c[1].bytes.len < sizeof s->asset && is_text(c[0].bytes) && is_text(c[1].bytes);
}

static int hear(void *arg, const cz_fact *fact)
{
    struct czi_account_said *s = arg;
    struct czi_fact f;
    const struct czi_fact_value *c = f.claim;

    s->kind = fact->kind;
    s->is_fact = strcmp(fact->type, "fact") == 0 &&
                 czi_fact_decode(fact->bytes, fact->len, &f, NULL) == CZ_OK;
    s->fits = s->is_fact && fits(s, &f);
    if (!s->fits)
        return CZ_OK;
    s->text_len = c[0].bytes.len;
    memcpy(s->text, c[0].bytes.data, s->text_len);
    if (s->kind == CZ_FACT_REGISTER) {
        s->refuses = c[1].bytes.len == 7 && memcmp(c[1].bytes.data, "refused", 7) == 0;
        return CZ_OK;
    }
    s->amount = c[2].number;
    s->asset_len = (size_t)snprintf(s->asset, sizeof s->asset, "%s:%.*s", fact->domain,
                                    (int)c[1].bytes.len, (const char *)c[1].bytes.data);
    s->fits = s->asset_len < sizeof s->asset;
    return CZ_OK;
}

int czi_account_hear(cz_engine *g, const cz_id *fact, struct czi_account_said *ret,
                     cz_error *err)
{
    *ret = (struct czi_account_said){0};
    return cz_fact_get(g, fact, hear, ret, err);
}

static int wrong_fact(const cz_id *fact, const char *why, cz_error *err)
{
    char text[CZ_ID_TEXT_SIZE];

    cz_id_print(fact, text);
    return czi_fail(err, CZ_WRONG_FACT, "the fact %s %s", text, why);
}

static int answer_deposit(cz_engine *g, const struct czi_account_said *s,
                          const struct czi_account_question *q, struct czi_account_answer *ret,
                          cz_error *err)
{
    struct czi_slice name = {(const uint8_t *)s->text, s->text_len};
    cz_id operator_id = cz_operator(), id, balance;
    uint32_t slot;
    int rc;

    if (s->kind != CZ_FACT_DEPOSIT || !s->fits)
        return wrong_fact(&q->id, "is no deposit", err);
    if (cz_id_parse(s->text, &id, NULL) != CZ_OK) {
        if (czi_label_problem(name))
            return wrong_fact(&q->id, "names something that cannot be an account", err);
        id = czi_identity_id(&operator_id, name);
    }
    slot = find(g, &id);
    if (slot == CZI_ID_NONE)
        return czi_fail(err, CZ_NOT_FOUND,
                        "the deposit is for \"%.*s\", and there is no such account; it can be "
                        "credited once there is",
                        SHOWN(name));
    if (kind_of(g, slot) == CZ_ACCOUNT) {
        rc = cz_account_balance(&id, s->asset, &balance, err);
        if (rc)
            return rc;
        put_byte(ret, true);
        put(ret, &balance, sizeof balance);
        put(ret, &id, sizeof id);
    } else if (kind_of(g, slot) == CZ_FUNGIBLE) {
        put_byte(ret, false);
        put(ret, &id, sizeof id);
    } else {
        return czi_fail(err, CZ_WRONG_TYPE,
                        "the deposit is for \"%.*s\", which is of kind %s: neither an account "
                        "nor a balance",
                        SHOWN(name), cz_kind_name((int)kind_of(g, slot)));
    }
    put(ret, s->asset, s->asset_len);
    return CZ_OK;
}

static int answer_withdrawal(cz_engine *g, const struct czi_account_said *s,
                             const struct czi_account_question *q,
                             struct czi_account_answer *ret, cz_error *err)
{
    struct czi_slice name = {(const uint8_t *)s->text, s->text_len}, data = {0};
    bool confirms = s->kind == CZ_FACT_WITHDRAWAL;
    const struct czi_withdrawal *w;
    cz_id outbox = cz_account_outbox(&q->id);
    struct czi_outbox o;
    uint8_t effect[32];
    uint32_t number;
    int rc;

    if (!s->fits || s->kind == CZ_FACT_DEPOSIT || !czi_withdrawal_parse(name, effect, &number))
        return wrong_fact(&q->fact, "closes no withdrawal", err);
    if (!confirms && !s->refuses)
        return wrong_fact(&q->fact, "does not say that the withdrawal was refused", err);
    rc = read_kind(g, &outbox, CZ_OUTBOX, &data, err);
    if (rc == CZ_NOT_FOUND)
        return czi_fail(err, CZ_NO_WITHDRAWAL, "nothing was ever withdrawn from the account");
    if (!rc)
        rc = czi_outbox_read(data, &o, err);
    if (rc)
        return rc;
    w = czi_outbox_find(&o, effect, number);
    if (!w)
        return czi_fail(err, CZ_NO_WITHDRAWAL,
                        "the account's outbox does not hold the withdrawal \"%.*s\": it was "
                        "closed, or never made",
                        SHOWN(name));
    if (confirms && (!same(w->asset, slice(s->asset)) || w->quantity != s->amount))
        return wrong_fact(&q->fact, "shows another asset or amount than was withdrawn", err);
    put_byte(ret, confirms);
    put(ret, w->asset.data, w->asset.len);
    return CZ_OK;
}

static int answer_of_fact(cz_engine *g, const struct czi_account_question *q,
                          struct czi_account_answer *ret, cz_error *err)
{
    bool deposit = q->what == CZI_ASK_DEPOSIT;
    const cz_id *fact = deposit ? &q->id : &q->fact;
    struct czi_account_said s;
    int rc = czi_account_hear(g, fact, &s, err);

    if (!rc && !s.is_fact)
        rc = wrong_fact(fact, "is an item of another type", err);
    if (!rc)
        rc = czi_read_begin(g, err);
    if (rc)
        return rc;
    rc = (deposit ? answer_deposit : answer_withdrawal)(g, &s, q, ret, err);
    czi_read_end(g);
    return rc;
}

int czi_account_answer(cz_engine *g, const struct czi_account_question *q,
                       struct czi_account_answer *ret, cz_error *err)
{
    struct czi_account_answer a = {0};
    int rc;

    if (q->what == CZI_ASK_DEPOSIT || q->what == CZI_ASK_WITHDRAWAL) {
        rc = answer_of_fact(g, q, &a, err);
    } else {
        rc = czi_read_begin(g, err);
        if (rc)
            return rc;
        rc = (q->what == CZI_ASK_ACCOUNT ? answer_account : answer_capability)(g, q, &a, err);
        czi_read_end(g);
    }
    if (!rc)
        *ret = a;
    return rc;
}

int czi_account_look_up(cz_engine *g, const struct czi_account_question *q,
                        struct czi_account_answer *ret, cz_error *err)
{
    const struct czi_account_hook *hook = thread_hook;

    return hook ? hook->answer(hook->arg, g, q, ret, err) : czi_account_answer(g, q, ret, err);
}
