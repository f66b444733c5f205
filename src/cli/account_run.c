/* account_run.c - see account.h: from an action to an effect, and to what became of it. */
#include "cli/account.h"

#include "base/error.h"
#include "engine/engine.h"

/* False: said what is wrong. */
static bool load_keys(struct czi_account_run *r)
{
    const char *paths[CZI_CLI_MANY_MAX];
    unsigned count = czi_cli_many(r->cli, "key", paths);
    const uint8_t *seed;

    if (count > CZ_OWNERS_MAX) {
        (void)czi_cli_usage(r->cli, "--key: at most %d of them", CZ_OWNERS_MAX);
        return false;
    }
    for (; r->seed_count < count; r->seed_count++)
        if (czi_cli_seed(paths[r->seed_count], r->seeds[r->seed_count], &seed, &r->cli->err))
            return false;
    return true;
}

static int present(struct czi_account_run *r)
{
    const char *names[CZI_CLI_MANY_MAX];
    unsigned count = czi_cli_many(r->cli, "use", names);
    int rc = CZ_OK;

    for (unsigned i = 0; i < count && !rc; i++) {
        cz_id id;

        rc = czi_cli_find_kind(r->cli, names[i], CZ_CAPABILITY, &id);
        if (!rc)
            rc = cz_account_use(r->cli->engine, r->effect, &id, &r->cli->err);
    }
    return rc;
}

/* The lowest nonce of an origin that is not used, from 1. */
static int next_nonce(cz_engine *g, const cz_id *origin, uint64_t *ret, cz_error *err)
{
    uint32_t n;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    n = czi_core_origin(&g->step.core, origin->bytes, false);
    *ret = n == CZI_ID_NONE ? 1 : CZI_MAX(g->step.core.origins[n].next_nonce, 1u);
    czi_read_end(g);
    return CZ_OK;
}

static int set_origin(struct czi_account_run *r)
{
    const char *text = czi_cli_option(r->cli, "id");
    cz_error *err = &r->cli->err;
    uint64_t nonce = 1;
    cz_id origin;
    int rc = cz_resource_id(&r->account, "cli", &origin, err);

    if (!rc && text) {
        rc = cz_resource_id(&origin, text, &origin, err);
        if (rc)
            rc = czi_wrap(err, rc, "--id");
    } else if (!rc) {
        rc = next_nonce(r->cli->engine, &origin, &nonce, err);
    }
    if (rc)
        return rc;
    cz_effect_set_origin(r->effect, &origin);
    cz_effect_set_nonce(r->effect, nonce);
    return CZ_OK;
}

/* ---- What became of it ------------------------------------------------------------------ */

/* status: as a result's name, or "refused". */
static void tell_json(const struct czi_account_run *r, const cz_result *result,
                      const char *status, const char *reference)
{
    struct czi_json j = {.out = stdout};

    czi_json_open(&j, NULL, '{');
    czi_json_id(&j, "effect", &result->effect);
    czi_json_string(&j, "status", status);
    czi_json_string(&j, "reason", result->reason ? cz_reason_name((int)result->reason) : NULL);
    if (result->has_receipt)
        czi_json_id(&j, "receipt", &result->receipt);
    else
        czi_json_string(&j, "receipt", NULL);
    if (result->position)
        czi_json_u64(&j, "position", result->position);
    else
        czi_json_string(&j, "position", NULL);
    if (r->has_capability)
        czi_json_id(&j, "capability", &r->capability);
    if (r->withdraws)
        czi_json_string(&j, "reference", reference);
    czi_json_close(&j, '}');
    printf("\n");
}

static void tell_text(const struct czi_account_run *r, const cz_result *result,
                      const char *reference)
{
    char id[CZ_ID_TEXT_SIZE];

    printf("%-11s%s%s%s%s%s\n", "status", czi_bold(r->cli), cz_status_name((int)result->status),
           czi_plain(r->cli), result->reason ? ": " : "",
           result->reason ? cz_reason_text((int)result->reason) : "");
    cz_id_print(&result->effect, id);
    printf("%-11s%s\n", "effect", id);
    if (result->position)
        printf("%-11s%llu\n", "position", (unsigned long long)result->position);
    if (r->has_capability && !result->reason) {
        cz_id_print(&r->capability, id);
        printf("%-11s%s\n", "capability", id);
    }
    if (r->withdraws && !result->reason) {
        printf("%-11s", "reference");
        (void)czi_print_text(stdout, reference, strlen(reference));
        printf("\n");
    }
}

static int tell(const struct czi_account_run *r, const cz_result *result)
{
    cz_withdrawal w = {.effect = result->effect,
                       .destination = r->destination ? r->destination : ""};
    char reference[CZ_REFERENCE_SIZE];

    cz_withdrawal_reference(&w, reference);
    if (r->cli->json)
        tell_json(r, result, cz_status_name((int)result->status), reference);
    else
        tell_text(r, result, reference);
    if (result->reason == CZ_NONCE && czi_cli_option(r->cli, "id"))
        czi_cli_say("--id %s was used for something else", czi_cli_option(r->cli, "id"));
    return result->reason ? CZI_EXIT_NO : CZI_EXIT_OK;
}

/* ---- The effect ------------------------------------------------------------------------- */

static int take_receipt(void *arg, const cz_receipt *receipt)
{
    cz_result *result = arg;

    result->receipt = receipt->id;
    result->has_receipt = true;
    result->position = receipt->position;
    result->reason = receipt->reason;
    result->status = CZ_STATUS_DUPLICATE;
    return CZ_OK;
}

/* What was done before is not proposed again: meanwhile it might not be allowed any more. */
static int submit(struct czi_account_run *r, cz_result *result)
{
    cz_engine *g = r->cli->engine;
    cz_error *err = &r->cli->err;
    uint64_t ticket;
    int rc = cz_effect_id(r->effect, &result->effect, err);

    if (rc)
        return rc;
    rc = cz_receipt_get(g, &result->effect, take_receipt, result, err);
    if (rc != CZ_NOT_FOUND)
        return rc;
    rc = cz_propose(g, r->effect, NULL, NULL, &ticket, err);
    return rc ? rc : cz_wait(g, ticket, CZ_FOREVER, result, err);
}

static int refuse(const struct czi_account_run *r, int rc, const cz_result *result)
{
    cz_result refused = *result;

    czi_cli_name_ids(r->cli, &r->cli->err);
    refused.reason = (enum cz_reason)rc;
    if (r->cli->json && rc >= CZ_UNKNOWN_DOMAIN)
        tell_json(r, &refused, "refused", NULL);
    return czi_cli_fail(rc, &r->cli->err);
}

static int propose(struct czi_account_run *r)
{
    cz_result result = {0};
    int rc = set_origin(r);

    for (unsigned i = 0; i < r->seed_count && !rc; i++)
        rc = cz_effect_sign(r->effect, r->seeds[i], &r->cli->err);
    if (rc)
        return czi_cli_fail(rc, &r->cli->err);
    rc = submit(r, &result);
    return rc ? refuse(r, rc, &result) : tell(r, &result);
}

int czi_account_propose(struct czi_cli *cli, char **argv,
                        int (*build)(struct czi_account_run *r, char **argv))
{
    struct czi_account_run r = {.cli = cli};
    cz_options writing = {.ordered = true, .threads = 1};
    int exit_code, rc;

    if (!load_keys(&r))
        return cli->err.code ? czi_cli_fail(cli->err.code, &cli->err) : CZI_EXIT_USAGE;
    if (!czi_cli_open(cli, &writing, &exit_code))
        return exit_code;
    r.effect = cz_effect_new();
    if (!r.effect)
        return czi_cli_fail(czi_nomem(&cli->err, "an effect"), &cli->err);
    rc = present(&r);
    exit_code = rc ? czi_cli_fail(rc, &cli->err) : build(&r, argv);
    if (!exit_code)
        exit_code = propose(&r);
    cz_effect_free(r.effect);
    return exit_code;
}
