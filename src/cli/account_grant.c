/* account_grant.c - `causality account grant` and `revoke`: capabilities. */
#include "cli/account.h"

#include "base/error.h"
#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>

/* A capability in the making. */
struct making {
    cz_grant grant;
    char domain[CZI_DOMAIN_SIZE_MAX + 1];
};

static int take_rights(const struct czi_cli *cli, cz_grant *g)
{
    static const struct {
        unsigned bit;
        const char *name;
    } rights[] = {
#define CZI_NAME(right, bit, name) {bit, name},
        CZ_RIGHTS(CZI_NAME)
#undef CZI_NAME
    };
    const char *names[CZI_CLI_MANY_MAX];
    unsigned count = czi_cli_many(cli, "right", names);

    for (unsigned i = 0; i < count; i++)
        for (size_t k = 0; k < CZI_COUNTOF(rights); k++)
            if (strcmp(names[i], rights[k].name) == 0)
                g->rights |= rights[k].bit;
    return count ? CZI_EXIT_OK
                 : czi_cli_usage(cli, "which rights does it give? --right debit, …");
}

/* DOMAIN:TIME */
static int take_expiry(const struct czi_cli *cli, struct making *m)
{
    const char *text = czi_cli_option(cli, "until"), *colon;
    char *end;

    if (!text)
        return CZI_EXIT_OK;
    colon = strrchr(text, ':');
    if (colon && colon > text && (size_t)(colon - text) < sizeof m->domain && colon[1] >= '0' &&
        colon[1] <= '9') {
        memcpy(m->domain, text, (size_t)(colon - text));
        errno = 0;
        m->grant.expire_domain = m->domain;
        m->grant.expire_time = strtoull(colon + 1, &end, 10);
        if (!*end && !errno)
            return CZI_EXIT_OK;
    }
    return czi_cli_usage(cli, "--until: \"%s\" is not DOMAIN:TIME, in that domain's time",
                         text);
}

static int take_target(struct czi_cli *cli, cz_grant *g)
{
    const char *resource = czi_cli_option(cli, "resource");
    enum czi_found what;
    int rc;

    g->asset = czi_cli_option(cli, "asset");
    if (!resource)
        return CZI_EXIT_OK;
    if (g->asset)
        return czi_cli_usage(cli, "--resource and --asset do not go together");
    g->has_resource = true;
    rc = czi_cli_find(cli, resource, CZI_FOUND_RESOURCE, &what, &g->resource);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

static int take_parent(struct czi_cli *cli, cz_grant *g)
{
    const char *parent = czi_cli_option(cli, "parent");
    int rc;

    g->has_parent = parent != NULL;
    if (!parent)
        return CZI_EXIT_OK;
    rc = czi_cli_find_kind(cli, parent, CZ_CAPABILITY, &g->parent);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

static int build_grant(struct czi_account_run *r, char **argv)
{
    struct czi_cli *cli = r->cli;
    struct making m = {0};
    cz_grant *g = &m.grant;
    const char *holder = czi_cli_option(cli, "holder");
    const char *ceiling = czi_cli_option(cli, "ceiling");
    int rc = holder ? czi_account_key(cli, "holder", holder, g->holder)
                    : czi_cli_usage(cli, "who holds it? --holder KEY");

    if (!rc)
        rc = take_rights(cli, g);
    if (!rc)
        rc = take_expiry(cli, &m);
    if (!rc && ceiling)
        rc = czi_account_quantity(cli, ceiling, &g->ceiling);
    g->has_ceiling = ceiling != NULL;
    if (!rc)
        rc = czi_account_named(cli, argv[0], &g->account);
    if (!rc)
        rc = take_target(cli, g);
    if (!rc)
        rc = take_parent(cli, g);
    if (rc)
        return rc;
    r->account = g->account;
    r->has_capability = true;
    rc = cz_account_grant(cli->engine, r->effect, argv[1], g, &r->capability, &cli->err);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

int czi_account_grant_run(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    return czi_account_propose(cli, argv, build_grant);
}

static int build_revoke(struct czi_account_run *r, char **argv)
{
    struct czi_cli *cli = r->cli;
    cz_resource resource = {.version = 0};
    int rc = czi_cli_find_kind(cli, argv[0], CZ_CAPABILITY, &r->capability);

    if (!rc)
        rc = cz_resource_get(cli->engine, &r->capability, &resource, &cli->err);
    if (!rc) {
        r->account = resource.controller;
        r->has_capability = true;
        rc = cz_account_revoke(cli->engine, r->effect, &r->capability, &cli->err);
    }
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

int czi_account_revoke_run(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    return czi_account_propose(cli, argv, build_revoke);
}
