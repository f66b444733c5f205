/* account.c - `causality account`: its actions, and what comes, goes and moves between. */
#include "cli/account.h"

#include "base/error.h"
#include "base/id_table.h"

#include <stdlib.h>

int czi_account_named(struct czi_cli *cli, const char *text, cz_id *ret)
{
    int rc = czi_cli_find_kind(cli, text, CZ_ACCOUNT, ret);

    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

int czi_account_quantity(const struct czi_cli *cli, const char *text, cz_quantity *ret)
{
    cz_error err = {0};

    if (cz_quantity_parse(text, ret, &err) == CZ_OK && *ret > 0)
        return CZI_EXIT_OK;
    return czi_cli_usage(cli,
                         "\"%s\" is no quantity: decimal digits, above 0, in the asset's "
                         "smallest unit",
                         text);
}

int czi_account_key(const struct czi_cli *cli, const char *option, const char *text,
                    uint8_t ret[32])
{
    if (czi_unhex(ret, 32, text, strlen(text)))
        return CZI_EXIT_OK;
    return czi_cli_usage(cli,
                         "--%s: \"%s\" is no public key: 64 hex digits, as causality key show "
                         "prints them",
                         option, text);
}

/* What a function of the library said, as an exit code. */
static int done(struct czi_account_run *r, int rc)
{
    return rc ? czi_cli_fail(rc, &r->cli->err) : CZI_EXIT_OK;
}

/* ---- Balances --------------------------------------------------------------------------- */

static int build_open(struct czi_account_run *r, char **argv)
{
    int rc = czi_account_named(r->cli, argv[0], &r->account);

    return rc ? rc : done(r, cz_account_open(r->effect, &r->account, argv[1], &r->cli->err));
}

static int account_open(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    return czi_account_propose(cli, argv, build_open);
}

static int build_transfer(struct czi_account_run *r, char **argv)
{
    struct czi_cli *cli = r->cli;
    cz_quantity quantity = 0;
    cz_id to;
    int rc = czi_account_quantity(cli, argv[2], &quantity);

    if (!rc)
        rc = czi_account_named(cli, argv[0], &r->account);
    if (!rc)
        rc = czi_account_named(cli, argv[1], &to);
    if (!rc && czi_id_equal(&r->account, &to))
        rc = czi_cli_usage(cli, "both are the same account");
    return rc ? rc
              : done(r, cz_account_transfer(cli->engine, r->effect, &r->account, &to, argv[3],
                                            quantity, &cli->err));
}

static int account_transfer(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    return czi_account_propose(cli, argv, build_transfer);
}

/* ---- The gateway ------------------------------------------------------------------------ */

static int find_fact(struct czi_cli *cli, const char *text, cz_id *ret)
{
    enum czi_found what;
    int rc = czi_cli_find(cli, text, CZI_FOUND_FACT, &what, ret);

    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

static int build_deposit(struct czi_account_run *r, char **argv)
{
    struct czi_cli *cli = r->cli;
    const char *finality = czi_cli_option(cli, "finality");
    cz_dependency terms = {.policy = CZ_STILL_TRUE};
    cz_id fact;
    int rc = find_fact(cli, argv[0], &fact);

    for (int f = CZ_SEEN; finality && f <= CZ_FINAL; f++)
        if (strcmp(finality, cz_finality_name(f)) == 0)
            terms.finality = (enum cz_finality)f;
    /* Whose it is, the fact says. */
    r->account = fact;
    return rc ? rc
              : done(r, cz_account_deposit(cli->engine, r->effect, &fact, &terms, &cli->err));
}

static int account_deposit(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    return czi_account_propose(cli, argv, build_deposit);
}

static int build_withdraw(struct czi_account_run *r, char **argv)
{
    struct czi_cli *cli = r->cli;
    cz_quantity quantity = 0;
    int rc = czi_account_quantity(cli, argv[1], &quantity);

    if (!rc)
        rc = czi_account_named(cli, argv[0], &r->account);
    r->withdraws = true;
    r->destination = argv[3];
    return rc ? rc
              : done(r, cz_account_withdraw(cli->engine, r->effect, &r->account, argv[2],
                                            quantity, argv[3], &cli->err));
}

static int account_withdraw(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    return czi_account_propose(cli, argv, build_withdraw);
}

static int build_close(struct czi_account_run *r, char **argv)
{
    struct czi_cli *cli = r->cli;
    cz_id fact;
    int rc = czi_account_named(cli, argv[0], &r->account);

    if (!rc)
        rc = find_fact(cli, argv[1], &fact);
    return rc ? rc
              : done(r,
                     cz_account_close(cli->engine, r->effect, &r->account, &fact, &cli->err));
}

static int account_close(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    return czi_account_propose(cli, argv, build_close);
}

int czi_cli_account(struct czi_cli *cli, int argc, char **argv)
{
    static const struct czi_action actions[] = {
        {"new", "NAME", 1, 1, " key owner threshold limit id ", czi_account_new_run},
        {"show", "NAME", 1, 1, NULL, czi_account_show_run},
        {"policy", "NAME", 1, 1, " key owner threshold limit id ", czi_account_policy_run},
        {"open", "NAME ASSET", 2, 2, " id ", account_open},
        {"transfer", "FROM TO QUANTITY ASSET", 4, 4, " key use id ", account_transfer},
        {"deposit", "FACT", 1, 1, " finality id ", account_deposit},
        {"withdraw", "NAME QUANTITY ASSET DESTINATION", 4, 4, " key use id ", account_withdraw},
        {"close", "NAME FACT", 2, 2, " id ", account_close},
        {"grant", "NAME LABEL", 2, 2,
         " key holder right resource asset ceiling until parent id ", czi_account_grant_run},
        {"revoke", "CAPABILITY", 1, 1, " key id ", czi_account_revoke_run},
        {"inbox", "NAME", 1, 1, NULL, czi_account_inbox_run},
        {"outbox", "NAME", 1, 1, " open ", czi_account_outbox_run},
        {0},
    };

    return czi_cli_act(cli, actions, argc, argv);
}
