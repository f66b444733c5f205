/* capability.c - effects of capabilities: grant, delegate, present, revoke.
 *
 * Layer: account. Threads: any; an effect belongs to one. See build.c.
 */
#include "account/account.h"

#include "base/error.h"

/* A capability and all above it, upwards. */
struct chain {
    cz_id account, holder; /* holder: a key */
    cz_id ids[CZ_DELEGATION_MAX];
    bool ceilings[CZ_DELEGATION_MAX];
    unsigned count;
};

static int look_up_chain(cz_engine *engine, const cz_id *capability, struct chain *ret,
                         cz_error *err)
{
    struct czi_account_question q = {.what = CZI_ASK_CAPABILITY, .id = *capability};
    struct czi_account_answer a = {0};
    int rc = czi_account_look_up(engine, &q, &a, err);

    if (rc)
        return rc;
    if (a.len < 64 + 33 || (a.len - 64u) % 33)
        return czi_fail(err, CZ_CORRUPT, "an answer about a capability of %u bytes", a.len);
    memcpy(&ret->account, a.bytes, 32);
    memcpy(&ret->holder, a.bytes + 32, 32);
    ret->count = (a.len - 64u) / 33;
    for (unsigned i = 0; i < ret->count; i++) {
        memcpy(&ret->ids[i], a.bytes + 64 + (size_t)i * 33, 32);
        ret->ceilings[i] = a.bytes[64 + (size_t)i * 33 + 32];
    }
    return CZ_OK;
}

static int present(cz_effect *e, const struct chain *c, cz_error *err)
{
    int rc = cz_effect_access(e, &c->account, CZ_READ, err);

    for (unsigned i = 1; i < c->count && !rc; i++)
        rc = cz_effect_access(e, &c->ids[i], c->ceilings[i] ? CZ_WRITE : CZ_READ, err);
    return rc ? rc : cz_effect_use(e, &c->ids[0], c->ceilings[0] ? CZ_WRITE : CZ_READ, err);
}

int cz_account_use(cz_engine *engine, cz_effect *e, const cz_id *capability, cz_error *err)
{
    struct chain chain = {.count = 0};
    int rc = look_up_chain(engine, capability, &chain, err);

    return rc ? rc : present(e, &chain, err);
}

int cz_account_grant(cz_engine *engine, cz_effect *e, const char *label, const cz_grant *grant,
                     cz_id *ret, cz_error *err)
{
    uint8_t bytes[CZ_GRANT_SIZE_MAX];
    cz_creation c = {.creator = grant->account,
                     .controller = grant->account,
                     .label = label,
                     .kind = CZ_CAPABILITY,
                     .data = bytes};
    struct chain chain = {.count = 0};
    cz_id id;
    int rc = cz_grant_encode(grant, bytes, &c.data_len, err);

    if (!rc && grant->has_parent) {
        rc = look_up_chain(engine, &grant->parent, &chain, err);
        if (!rc && chain.count == CZ_DELEGATION_MAX)
            rc = czi_fail(err, CZ_LIMIT,
                          "a chain has at most CZ_DELEGATION_MAX (%d) capabilities",
                          CZ_DELEGATION_MAX);
        if (!rc)
            rc = present(e, &chain, err);
        c.creator = chain.holder;
    }
    if (!rc)
        rc = czi_account_declare(engine, e, &grant->account, NULL, err);
    if (!rc)
        rc = cz_resource_id(&c.creator, label, &id, err);
    if (!rc)
        rc = cz_effect_create(e, &c, err);
    if (!rc)
        *ret = id;
    return rc;
}

int cz_account_revoke(cz_engine *engine, cz_effect *e, const cz_id *capability, cz_error *err)
{
    struct chain chain = {.count = 0};
    int rc = look_up_chain(engine, capability, &chain, err);

    if (!rc)
        rc = cz_effect_access(e, &chain.account, CZ_READ, err);
    /* Whoever holds one of those above may revoke it too. */
    for (unsigned i = 1; i < chain.count && !rc; i++)
        rc = cz_effect_access(e, &chain.ids[i], CZ_READ, err);
    return rc ? rc : cz_effect_consume(e, capability, err);
}
