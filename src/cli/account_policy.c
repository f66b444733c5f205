/* account_policy.c - `causality account new` and `policy`: who may act for an account, and how
 * much may leave it.
 */
#include "cli/account.h"

#include "base/error.h"
#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>

struct texts {
    char asset[CZ_ASSET_SIZE_MAX + 1];
    char domain[CZI_DOMAIN_SIZE_MAX + 1];
};

/* A policy in the making; its strings are in texts. */
struct making {
    cz_policy policy;
    struct texts texts[CZ_LIMITS_MAX];
};

/* ---- Owners ----------------------------------------------------------------------------- */

/* Into its place among the others, unless it is there. */
static int add_owner(const struct czi_cli *cli, cz_policy *p, const uint8_t key[32])
{
    unsigned i = 0;

    while (i < p->owner_count && memcmp(p->owners[i], key, 32) < 0)
        i++;
    if (i < p->owner_count && memcmp(p->owners[i], key, 32) == 0)
        return CZI_EXIT_OK;
    if (p->owner_count == CZ_OWNERS_MAX)
        return czi_cli_usage(cli, "an account has at most %d owners", CZ_OWNERS_MAX);
    memmove(p->owners[i + 1], p->owners[i], (size_t)(p->owner_count - i) * 32);
    memcpy(p->owners[i], key, 32);
    p->owner_count++;
    return CZI_EXIT_OK;
}

/* Those of --owner instead of what there is, if there are any. */
static int take_owners(const struct czi_cli *cli, cz_policy *p)
{
    const char *texts[CZI_CLI_MANY_MAX];
    unsigned count = czi_cli_many(cli, "owner", texts);
    uint8_t key[32];
    int rc = CZI_EXIT_OK;

    if (count)
        p->owner_count = 0;
    for (unsigned i = 0; i < count && !rc; i++) {
        rc = czi_account_key(cli, "owner", texts[i], key);
        if (!rc)
            rc = add_owner(cli, p, key);
    }
    return rc;
}

static int take_threshold(const struct czi_cli *cli, cz_policy *p)
{
    uint64_t threshold = p->threshold;

    if (!czi_cli_number(cli, "threshold", 1, CZ_OWNERS_MAX, &threshold))
        return CZI_EXIT_USAGE;
    p->threshold = (unsigned)threshold;
    if (p->threshold > p->owner_count)
        return czi_cli_usage(cli, "%u owners must sign, and there are %u", p->threshold,
                             p->owner_count);
    return CZI_EXIT_OK;
}

/* ---- Limits ----------------------------------------------------------------------------- */

/* The text behind the last colon, which is cut off; NULL: there is none. */
static char *cut(char *text)
{
    char *colon = strrchr(text, ':');

    if (colon)
        *colon = 0;
    return colon ? colon + 1 : NULL;
}

static bool read_limit(const char *text, cz_limit *limit, struct texts *texts)
{
    char copy[CZ_ASSET_SIZE_MAX + CZI_DOMAIN_SIZE_MAX + 80];
    char *window, *domain, *quantity, *end;

    if (strlen(text) >= sizeof copy)
        return false;
    memcpy(copy, text, strlen(text) + 1);
    window = cut(copy);
    domain = cut(copy);
    quantity = cut(copy);
    if (!quantity || strlen(copy) > CZ_ASSET_SIZE_MAX || strlen(domain) > CZI_DOMAIN_SIZE_MAX ||
        *window < '0' || *window > '9')
        return false;
    errno = 0;
    limit->window = strtoull(window, &end, 10);
    memcpy(texts->asset, copy, strlen(copy) + 1);
    memcpy(texts->domain, domain, strlen(domain) + 1);
    limit->asset = texts->asset;
    limit->domain = texts->domain;
    return !*end && !errno && cz_quantity_parse(quantity, &limit->quantity, NULL) == CZ_OK;
}

static int by_asset(const void *a, const void *b)
{
    const cz_limit *x = a, *y = b;

    return strcmp(x->asset, y->asset);
}

/* Those of --limit instead of what there is, if there are any. */
static int take_limits(const struct czi_cli *cli, struct making *m)
{
    const char *texts[CZI_CLI_MANY_MAX];
    unsigned count = czi_cli_many(cli, "limit", texts);
    cz_policy *p = &m->policy;

    if (!count)
        return CZI_EXIT_OK;
    p->limit_count = 0;
    if (count == 1 && strcmp(texts[0], "none") == 0)
        return CZI_EXIT_OK;
    if (count > CZ_LIMITS_MAX)
        return czi_cli_usage(cli, "--limit: at most %d of them", CZ_LIMITS_MAX);
    for (; p->limit_count < count; p->limit_count++) {
        cz_limit *limit = &p->limits[p->limit_count];

        *limit = (cz_limit){0};
        if (!read_limit(texts[p->limit_count], limit, &m->texts[p->limit_count]))
            return czi_cli_usage(cli, "--limit: \"%s\" is not ASSET:QUANTITY:DOMAIN:WINDOW",
                                 texts[p->limit_count]);
    }
    qsort(p->limits, p->limit_count, sizeof p->limits[0], by_asset);
    return CZI_EXIT_OK;
}

/* ---- A new account ---------------------------------------------------------------------- */

static int build_new(struct czi_account_run *r, char **argv)
{
    struct making m = {0};
    cz_policy *p = &m.policy;
    struct czi_cli *cli = r->cli;
    int rc = take_owners(cli, p);

    /* Who signs for a new account is one of its owners. */
    for (unsigned i = 0; i < r->seed_count && !rc; i++) {
        uint8_t key[32];

        cz_public_key(r->seeds[i], key);
        rc = add_owner(cli, p, key);
    }
    if (!rc && !p->owner_count)
        rc = czi_cli_usage(cli, "an account needs an owner: --key FILE, which causality key "
                                "new makes, or --owner KEY");
    if (!rc && p->owner_count > 1 && !czi_cli_option(cli, "threshold"))
        rc = czi_cli_usage(cli, "how many of the %u owners must sign? --threshold N",
                           p->owner_count);
    p->threshold = 1;
    if (!rc)
        rc = take_threshold(cli, p);
    if (!rc)
        rc = take_limits(cli, &m);
    if (rc)
        return rc;
    rc = cz_account_id(argv[0], &r->account, &cli->err);
    if (!rc)
        rc = cz_account_create(r->effect, argv[0], p, &cli->err);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

int czi_account_new_run(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    return czi_account_propose(cli, argv, build_new);
}

/* ---- Another policy --------------------------------------------------------------------- */

/* What the account has now; limits begin anew. */
static int keep_policy(void *arg, const cz_account_state *a)
{
    struct making *m = arg;

    m->policy = *a->policy;
    for (unsigned i = 0; i < m->policy.limit_count; i++) {
        cz_limit *limit = &m->policy.limits[i];
        struct texts *t = &m->texts[i];

        (void)snprintf(t->asset, sizeof t->asset, "%s", limit->asset);
        (void)snprintf(t->domain, sizeof t->domain, "%s", limit->domain);
        limit->asset = t->asset;
        limit->domain = t->domain;
        limit->number = 0;
        limit->spent = 0;
    }
    return CZ_OK;
}

static int build_policy(struct czi_account_run *r, char **argv)
{
    struct making m = {0};
    struct czi_cli *cli = r->cli;
    int rc = czi_account_named(cli, argv[0], &r->account);

    if (rc)
        return rc;
    rc = cz_account_get(cli->engine, &r->account, keep_policy, &m, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    rc = take_owners(cli, &m.policy);
    if (!rc)
        rc = take_threshold(cli, &m.policy);
    if (!rc)
        rc = take_limits(cli, &m);
    if (rc)
        return rc;
    rc = cz_account_set_policy(cli->engine, r->effect, &r->account, &m.policy, &cli->err);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

int czi_account_policy_run(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    if (!czi_cli_option(cli, "owner") && !czi_cli_option(cli, "threshold") &&
        !czi_cli_option(cli, "limit"))
        return czi_cli_usage(cli, "what is to change? --owner, --threshold, --limit; "
                                  "causality account show prints what it is");
    return czi_account_propose(cli, argv, build_policy);
}
