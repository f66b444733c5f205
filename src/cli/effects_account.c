/* effects_account.c - what accounts and capabilities hold, in JSON.
 *
 * Layer: cli. Both go into their canonical bytes at once, which lie in the reader's memory.
 */
#include "cli/effects_fields.h"

#include "base/error.h"
#include "cli/cli.h"

#include <stdlib.h>

static int keep(struct reader *r, const struct object *o, const void *bytes, size_t len,
                struct czi_slice *ret)
{
    struct czi_buf *b = &r->memory->data;

    b->len = 0;
    czi_buf_put(b, bytes, len);
    *ret = czi_buf_slice(b);
    return b->failed ? czi_fields_at(r, o->self, czi_nomem(r->err, "data")) : CZ_OK;
}

/* 64 hex digits. */
static int read_key(struct reader *r, enum field f, const struct czi_json_token *t,
                    uint8_t ret[32])
{
    if (t->type == CZI_JSON_STRING &&
        czi_unhex(ret, 32, (const char *)t->text.data, t->text.len))
        return CZ_OK;
    return czi_fields_bad(r, t, "\"%s\": a public key is 64 hex digits", czi_field_names[f]);
}

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static int by_asset(const void *a, const void *b)
{
    const cz_limit *x = a, *y = b;

    return strcmp(x->asset, y->asset);
}

/* ---- Policies --------------------------------------------------------------------------- */

/* Strings of limits lie here. */
struct making {
    cz_policy policy;
    char assets[CZ_LIMITS_MAX][CZI_LABEL_SIZE_MAX + 2];
    char domains[CZ_LIMITS_MAX][CZI_LABEL_SIZE_MAX + 2];
};

static int add_owner(struct reader *r, enum field f, const struct czi_json_token *t, void *arg)
{
    struct making *m = arg;
    cz_policy *p = &m->policy;

    if (p->owner_count == CZ_OWNERS_MAX)
        return czi_fields_bad(r, t, "an account has at most %d owners", CZ_OWNERS_MAX);
    return read_key(r, f, t, p->owners[p->owner_count++]);
}

#define LIMIT_FIELDS (SET(ASSET) | SET(QUANTITY) | SET(DOMAIN) | SET(WINDOW))

static int add_limit(struct reader *r, enum field f, const struct czi_json_token *t, void *arg)
{
    struct making *m = arg;
    cz_policy *p = &m->policy;
    cz_limit *l = &p->limits[p->limit_count];
    struct object o;
    int rc;

    (void)f;
    if (p->limit_count == CZ_LIMITS_MAX)
        return czi_fields_bad(r, t, "an account has at most %d limits", CZ_LIMITS_MAX);
    rc = czi_fields_object(r, t, &o);
    if (!rc)
        rc = czi_fields_check(r, &o, "a limit", LIMIT_FIELDS, LIMIT_FIELDS);
    if (!rc)
        rc = czi_fields_copy(r, &o, FIELD_ASSET, m->assets[p->limit_count]);
    if (!rc)
        rc = czi_fields_copy(r, &o, FIELD_DOMAIN, m->domains[p->limit_count]);
    if (!rc)
        rc = czi_fields_quantity(r, &o, FIELD_QUANTITY, &l->quantity);
    if (!rc)
        rc = czi_fields_u64(r, &o, FIELD_WINDOW, &l->window);
    l->asset = m->assets[p->limit_count];
    l->domain = m->domains[p->limit_count];
    p->limit_count++;
    return rc;
}

int czi_fields_policy(struct reader *r, const struct object *owner, struct czi_slice *ret)
{
    uint8_t bytes[CZ_POLICY_SIZE_MAX];
    struct making m = {.policy = {.threshold = 1}};
    uint64_t threshold = 1;
    struct object o;
    size_t len = 0;
    int rc = czi_fields_object(r, owner->values[FIELD_POLICY], &o);

    if (!rc)
        rc = czi_fields_check(r, &o, "a policy", SET(THRESHOLD) | SET(OWNERS) | SET(LIMITS),
                              SET(OWNERS));
    if (!rc && o.has & SET(THRESHOLD))
        rc = czi_fields_u64(r, &o, FIELD_THRESHOLD, &threshold);
    if (!rc)
        rc = czi_fields_each(r, &o, FIELD_OWNERS, add_owner, &m);
    if (!rc && o.has & SET(LIMITS))
        rc = czi_fields_each(r, &o, FIELD_LIMITS, add_limit, &m);
    if (rc)
        return rc;
    /* Whatever order they are told in. */
    qsort(m.policy.owners, m.policy.owner_count, 32, by_key);
    qsort(m.policy.limits, m.policy.limit_count, sizeof m.policy.limits[0], by_asset);
    m.policy.threshold = (unsigned)CZI_MIN(threshold, (uint64_t)UINT32_MAX);
    rc = czi_fields_at(r, o.self, cz_policy_encode(&m.policy, bytes, &len, r->err));
    return rc ? rc : keep(r, &o, bytes, len, ret);
}

/* ---- Capabilities ----------------------------------------------------------------------- */

static const char *const rights[] = {
#define CZI_NAME(right, bit, name) name,
    CZ_RIGHTS(CZI_NAME) NULL
#undef CZI_NAME
};

static int add_right(struct reader *r, enum field f, const struct czi_json_token *t, void *arg)
{
    cz_grant *g = arg;

    for (unsigned i = 0; t->type == CZI_JSON_STRING && rights[i]; i++)
        if (czi_fields_equal(t->text, rights[i])) {
            g->rights |= 1u << i;
            return CZ_OK;
        }
    return czi_fields_bad(r, t,
                          "\"%s\" holds some of debit, withdraw, write, lifecycle, create, "
                          "delegate",
                          czi_field_names[f]);
}

static int read_target(struct reader *r, const struct object *o, cz_grant *g,
                       char asset[CZI_LABEL_SIZE_MAX + 2])
{
    int rc = CZ_OK;

    g->has_parent = o->has & SET(PARENT);
    g->has_resource = o->has & SET(RESOURCE);
    if (g->has_parent)
        rc = czi_fields_name(r, o, FIELD_PARENT, &g->parent);
    if (!rc && g->has_resource)
        rc = czi_fields_name(r, o, FIELD_RESOURCE, &g->resource);
    if (!rc && o->has & SET(ASSET)) {
        rc = czi_fields_copy(r, o, FIELD_ASSET, asset);
        g->asset = asset;
    }
    return rc;
}

static int read_bounds(struct reader *r, const struct object *o, cz_grant *g,
                       char domain[CZI_LABEL_SIZE_MAX + 2])
{
    int rc = CZ_OK;

    g->has_ceiling = o->has & SET(CEILING);
    if (g->has_ceiling)
        rc = czi_fields_quantity(r, o, FIELD_CEILING, &g->ceiling);
    if (!rc && !(o->has & SET(EXPIRE_DOMAIN)) != !(o->has & SET(EXPIRE_TIME)))
        rc = czi_fields_bad(r, o->self,
                            "a domain's time is needed for both or neither of "
                            "\"expire_domain\" and \"expire_time\"");
    if (rc || !(o->has & SET(EXPIRE_DOMAIN)))
        return rc;
    g->expire_domain = domain;
    rc = czi_fields_copy(r, o, FIELD_EXPIRE_DOMAIN, domain);
    return rc ? rc : czi_fields_u64(r, o, FIELD_EXPIRE_TIME, &g->expire_time);
}

#define GRANT_NEEDED (SET(ACCOUNT) | SET(HOLDER) | SET(RIGHTS))
#define GRANT_OPTIONAL                                                                         \
    (SET(PARENT) | SET(RESOURCE) | SET(ASSET) | SET(CEILING) | SET(EXPIRE_DOMAIN) |            \
     SET(EXPIRE_TIME))

int czi_fields_grant(struct reader *r, const struct object *owner, struct czi_slice *ret)
{
    char asset[CZI_LABEL_SIZE_MAX + 2], domain[CZI_LABEL_SIZE_MAX + 2];
    uint8_t bytes[CZ_GRANT_SIZE_MAX];
    cz_grant g = {.rights = 0};
    struct object o;
    size_t len = 0;
    int rc = czi_fields_object(r, owner->values[FIELD_GRANT], &o);

    if (!rc)
        rc = czi_fields_check(r, &o, "a grant", GRANT_NEEDED | GRANT_OPTIONAL, GRANT_NEEDED);
    if (!rc)
        rc = czi_fields_name(r, &o, FIELD_ACCOUNT, &g.account);
    if (!rc)
        rc = read_key(r, FIELD_HOLDER, o.values[FIELD_HOLDER], g.holder);
    if (!rc)
        rc = czi_fields_each(r, &o, FIELD_RIGHTS, add_right, &g);
    if (!rc)
        rc = read_target(r, &o, &g, asset);
    if (!rc)
        rc = read_bounds(r, &o, &g, domain);
    if (!rc)
        rc = czi_fields_at(r, o.self, cz_grant_encode(&g, bytes, &len, r->err));
    return rc ? rc : keep(r, &o, bytes, len, ret);
}
