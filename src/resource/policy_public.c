/* policy_public.c - the functions of causality.h on the data of accounts, capabilities and
 * outboxes.
 *
 * Layer: resource. Threads: pure functions. What they encode they read back, so that the rules
 * stand in one place (policy.c).
 */
#include "resource/policy.h"

#include "base/error.h"

static struct czi_slice text_slice(const char *text)
{
    return (struct czi_slice){(const uint8_t *)text, strlen(text)};
}

/* A zero-terminated copy at *texts, which moves on. */
static const char *keep_text(char **texts, struct czi_slice s)
{
    char *copy = *texts;

    memcpy(copy, s.data, s.len);
    copy[s.len] = 0;
    *texts += s.len + 1;
    return copy;
}

static int give(const struct czi_buf *bytes, uint8_t *ret, size_t size, size_t *ret_len,
                cz_error *err)
{
    if (bytes->failed)
        return czi_nomem(err, "the bytes of an account or capability");
    CZI_CHECK(bytes->len <= size);
    memcpy(ret, bytes->data, bytes->len);
    *ret_len = bytes->len;
    return CZ_OK;
}

int cz_policy_encode(const cz_policy *policy, uint8_t ret[CZ_POLICY_SIZE_MAX], size_t *ret_len,
                     cz_error *err)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_policy p = {.threshold = policy->threshold,
                           .owner_count = policy->owner_count,
                           .limit_count = policy->limit_count},
                      read;
    int rc;

    if (p.owner_count > CZ_OWNERS_MAX || p.limit_count > CZ_LIMITS_MAX)
        return czi_fail(err, CZ_INVALID,
                        "account: %u owners and %u limits, at most %d (CZ_OWNERS_MAX) and %d "
                        "(CZ_LIMITS_MAX) are allowed",
                        p.owner_count, p.limit_count, CZ_OWNERS_MAX, CZ_LIMITS_MAX);
    for (unsigned i = 0; i < p.owner_count; i++)
        p.owners[i] = policy->owners[i];
    for (unsigned i = 0; i < p.limit_count; i++) {
        const cz_limit *l = &policy->limits[i];

        if (!l->asset || !l->domain)
            return czi_fail(err, CZ_INVALID, "account: limit %u has no asset or domain", i);
        p.limits[i] = (struct czi_limit){text_slice(l->asset),
                                         text_slice(l->domain),
                                         l->quantity,
                                         l->spent,
                                         l->window,
                                         l->number};
    }
    czi_policy_put(&bytes, &p);
    rc = bytes.failed ? CZ_OK : czi_policy_read(czi_buf_slice(&bytes), &read, err);
    return rc ? rc : give(&bytes, ret, CZ_POLICY_SIZE_MAX, ret_len, err);
}

int cz_policy_decode(const void *bytes, size_t len, char texts[CZ_POLICY_TEXTS_MAX],
                     cz_policy *ret, cz_error *err)
{
    struct czi_policy p;
    int rc = czi_policy_read((struct czi_slice){bytes, len}, &p, err);

    if (rc)
        return rc;
    *ret = (cz_policy){.threshold = p.threshold,
                       .owner_count = p.owner_count,
                       .limit_count = p.limit_count};
    for (unsigned i = 0; i < p.owner_count; i++)
        memcpy(ret->owners[i], p.owners[i], sizeof ret->owners[i]);
    for (unsigned i = 0; i < p.limit_count; i++) {
        const struct czi_limit *l = &p.limits[i];

        ret->limits[i] = (cz_limit){keep_text(&texts, l->asset),
                                    l->quantity,
                                    keep_text(&texts, l->domain),
                                    l->window,
                                    l->number,
                                    l->spent};
    }
    return CZ_OK;
}

int cz_grant_encode(const cz_grant *grant, uint8_t ret[CZ_GRANT_SIZE_MAX], size_t *ret_len,
                    cz_error *err)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_grant g = {.account = grant->account.bytes,
                          .parent = grant->has_parent ? grant->parent.bytes : NULL,
                          .holder = grant->holder,
                          .resource = grant->has_resource ? grant->resource.bytes : NULL,
                          .rights = grant->rights,
                          .has_ceiling = grant->has_ceiling,
                          .ceiling = grant->has_ceiling ? grant->ceiling : 0,
                          .spent = grant->spent,
                          .expires = grant->expire_domain != NULL,
                          .expire_time = grant->expire_time},
                     read;
    int rc;

    if (grant->asset)
        g.asset = text_slice(grant->asset);
    if (grant->expire_domain)
        g.expire_domain = text_slice(grant->expire_domain);
    czi_grant_put(&bytes, &g);
    rc = bytes.failed ? CZ_OK : czi_grant_read(czi_buf_slice(&bytes), &read, err);
    return rc ? rc : give(&bytes, ret, CZ_GRANT_SIZE_MAX, ret_len, err);
}

int cz_grant_decode(const void *bytes, size_t len, char texts[CZ_GRANT_TEXTS_MAX],
                    cz_grant *ret, cz_error *err)
{
    struct czi_grant g;
    int rc = czi_grant_read((struct czi_slice){bytes, len}, &g, err);

    if (rc)
        return rc;
    *ret = (cz_grant){.has_parent = g.parent != NULL,
                      .has_resource = g.resource != NULL,
                      .rights = g.rights,
                      .has_ceiling = g.has_ceiling,
                      .ceiling = g.ceiling,
                      .spent = g.spent,
                      .expire_time = g.expire_time};
    memcpy(ret->account.bytes, g.account, sizeof ret->account.bytes);
    memcpy(ret->holder, g.holder, sizeof ret->holder);
    if (g.parent)
        memcpy(ret->parent.bytes, g.parent, sizeof ret->parent.bytes);
    if (g.resource)
        memcpy(ret->resource.bytes, g.resource, sizeof ret->resource.bytes);
    if (g.asset.data)
        ret->asset = keep_text(&texts, g.asset);
    if (g.expires)
        ret->expire_domain = keep_text(&texts, g.expire_domain);
    return CZ_OK;
}

int cz_outbox_decode(const void *bytes, size_t len, cz_withdrawal_fn fn, void *arg,
                     cz_error *err)
{
    char texts[CZ_ASSET_SIZE_MAX + CZ_DESTINATION_SIZE_MAX + 2];
    struct czi_outbox o;
    int rc = czi_outbox_read((struct czi_slice){bytes, len}, &o, err);

    for (unsigned i = 0; i < o.count && !rc; i++) {
        const struct czi_withdrawal *w = &o.open[i];
        char *at = texts;
        cz_withdrawal out = {.number = w->number, .quantity = w->quantity};

        memcpy(out.effect.bytes, w->effect, sizeof out.effect.bytes);
        out.asset = keep_text(&at, w->asset);
        out.destination = keep_text(&at, w->destination);
        rc = fn(arg, &out);
    }
    return rc;
}

void cz_withdrawal_reference(const cz_withdrawal *w, char ret[CZ_REFERENCE_SIZE])
{
    struct czi_withdrawal x = {.number = w->number, .destination = text_slice(w->destination)};

    x.destination.len = CZI_MIN(x.destination.len, (size_t)CZ_DESTINATION_SIZE_MAX);
    memcpy(x.effect, w->effect.bytes, sizeof x.effect);
    (void)czi_withdrawal_reference(&x, ret);
}
