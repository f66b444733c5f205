/* domain.c - see domain.h. */
#include "domain/domain.h"

static const struct czi_adapter *const adapters[] = {
    &czi_adapter_ethereum,
    &czi_adapter_simulated,
};

const struct czi_adapter *czi_adapter_find(struct czi_slice name)
{
    for (size_t i = 0; i < CZI_COUNTOF(adapters); i++)
        if (name.len == strlen(adapters[i]->name) &&
            memcmp(name.data, adapters[i]->name, name.len) == 0)
            return adapters[i];
    return NULL;
}

static int check_domain(const struct czi_domain_item *d, const struct czi_adapter *adapter,
                        cz_error *err)
{
    int rc = adapter->parameters(d->parameters, err);

    return rc == CZ_OK ? CZ_OK : czi_wrap(err, rc, "parameters");
}

static int check_retraction(const struct czi_retraction *r, const struct czi_adapter *adapter,
                            struct czi_slice parameters, const struct czi_block *target,
                            cz_error *err)
{
    int rc = CZ_OK;

    if (!adapter->retraction && r->evidence_count)
        rc = czi_fail(err, CZ_BAD_HEADER, "adapter %s takes no evidence", adapter->name);
    else if (adapter->retraction && target)
        rc = adapter->retraction(parameters, r, target->height, target->hash, err);
    return rc == CZ_OK ? CZ_OK : czi_wrap(err, rc, "header");
}

/* That the fact rests on this block, as far as that is the same for all domains. */
static int check_anchor(const struct czi_fact *f, const struct czi_block *block, cz_error *err)
{
    if (!f->has_header || !block)
        return czi_fail(err, CZ_BAD_INCLUSION, "without the fact of its block");
    if (f->height != block->height || f->time != block->time ||
        memcmp(f->block_hash, block->hash, sizeof f->block_hash) != 0)
        return czi_fail(err, CZ_BAD_INCLUSION, "its anchor is not its block");
    if (f->trust != block->trust)
        return czi_fail(err, CZ_BAD_INCLUSION, "its trust is not that of its block");
    return CZ_OK;
}

static int check_fact(const struct czi_fact *f, const struct czi_adapter *adapter,
                      struct czi_slice parameters, const struct czi_block *block, cz_error *err)
{
    int rc;

    if (f->kind == CZ_FACT_BLOCK) {
        rc = adapter->header(parameters, f, err);
        return rc == CZ_OK ? CZ_OK : czi_wrap(err, rc, "header");
    }
    rc = check_anchor(f, block, err);
    if (rc == CZ_OK)
        rc = adapter->inclusion(parameters, f, block, err);
    return rc == CZ_OK ? CZ_OK : czi_wrap(err, rc, "inclusion");
}

int czi_item_verify(const struct czi_item *item, const struct czi_adapter *adapter,
                    struct czi_slice parameters, const struct czi_block *block,
                    const struct czi_block *target, cz_error *err)
{
    int rc = czi_item_check_signature(item, err);

    if (rc != CZ_OK)
        return czi_wrap(err, rc == CZ_NOMEM ? rc : CZ_BAD_OBSERVER, "observer");
    if (!adapter && item->type != CZI_ITEM_DECISION)
        return czi_fail(err, CZ_UNSUPPORTED, "this library has no adapter for the domain");
    switch (item->type) {
    case CZI_ITEM_FACT:
        return check_fact(&item->fact, adapter, parameters, block, err);
    case CZI_ITEM_RETRACTION:
        return check_retraction(&item->retraction, adapter, parameters, target, err);
    case CZI_ITEM_DOMAIN:
        return check_domain(&item->config, adapter, err);
    case CZI_ITEM_DECISION:
        break;
    }
    return CZ_OK;
}
