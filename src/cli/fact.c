/* fact.c - `causality fact`: what is known of the domains, from where, and whether it holds. */
#include "cli/cli.h"
#include "cli/fact_add.h"

#include "base/error.h"
#include "base/limits.h"

#include <inttypes.h>

/* ---- Listing ---------------------------------------------------------------------------- */

struct filter {
    const struct czi_cli *cli;
    const char *kind;
    bool standing, retracted;
};

/* So much of an id is unique in practice and still leaves room on the line. */
#define ID_SHOWN 20

static void text_entry(const cz_fact *f)
{
    char id[CZ_ID_TEXT_SIZE];
    bool fact = strcmp(f->type, "fact") == 0;

    cz_id_print(&f->id, id);
    printf("%8" PRIu64 "  %.*s  %-9s  %-8s  ", f->number, ID_SHOWN, id,
           f->held     ? "held"
           : f->stands ? "stands"
                       : "retracted",
           fact ? cz_finality_name((int)f->finality) : "-");
    czi_print_claim(stdout, f);
    printf("\n");
}

static int on_fact(void *arg, const cz_fact *f)
{
    const struct filter *l = arg;

    if ((l->kind &&
         strcmp(l->kind, f->kind ? cz_fact_kind_name((int)f->kind) : f->type) != 0) ||
        (l->standing && !f->stands) || (l->retracted && !f->has_retracted_by))
        return CZ_OK;
    if (l->cli->json)
        czi_print_fact_json(f);
    else
        text_entry(f);
    return ferror(stdout) ? CZ_IO : CZ_OK;
}

static int fact_list(struct czi_cli *cli, int argc, char **argv)
{
    struct filter l = {.cli = cli,
                       .kind = czi_cli_option(cli, "kind"),
                       .standing = czi_cli_option(cli, "standing"),
                       .retracted = czi_cli_option(cli, "retracted")};
    int rc;

    if (l.standing && l.retracted)
        return czi_cli_usage(cli, "--standing and --retracted do not go together");
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    if (!cli->json)
        printf("%s%8s  %-*s  %-9s  %-8s  %s%s\n", czi_bold(cli), "NUMBER", ID_SHOWN, "ID",
               "STANDING", "FINALITY", "WHAT", czi_plain(cli));
    rc = cz_fact_list(cli->engine, argc ? argv[0] : NULL, on_fact, &l, &cli->err);
    if (rc == CZ_IO && ferror(stdout))
        return CZI_EXIT_IO;
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

/* ---- One -------------------------------------------------------------------------------- */

static int on_show(void *arg, const cz_fact *f)
{
    const struct czi_cli *cli = arg;

    if (cli->json)
        czi_print_fact_json(f);
    else
        czi_print_fact(cli, f);
    return CZ_OK;
}

static int fact_show(struct czi_cli *cli, int argc, char **argv)
{
    enum czi_found what;
    cz_id id;
    int rc;

    (void)argc;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = czi_cli_find(cli, argv[0], CZI_FOUND_FACT, &what, &id);
    if (!rc)
        rc = cz_fact_get(cli->engine, &id, on_show, cli, &cli->err);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

/* ---- Verifying -------------------------------------------------------------------------- */

struct layers {
    cz_id block;
    bool is_fact, is_block, has_observer;
};

static int on_layers(void *arg, const cz_fact *f)
{
    struct layers *l = arg;

    l->is_fact = strcmp(f->type, "fact") == 0;
    l->is_block = f->kind == CZ_FACT_BLOCK;
    l->block = f->block;
    return CZ_OK;
}

/* outcome NULL: the layer holds. */
static void print_layer(const struct czi_cli *cli, struct czi_json *j, const char *layer,
                        const char *outcome)
{
    if (cli->json)
        czi_json_string(j, layer, outcome ? outcome : "ok");
    else
        printf("%-11s%s\n", layer, outcome ? outcome : "ok");
}

/* A fact's block is verified by its own fact: that is the layer of the header. */
static int verify(struct czi_cli *cli, const cz_id *id)
{
    struct czi_json j = {.out = stdout};
    struct layers l = {0};
    cz_error header = {0}, own = {0};
    int rc = cz_fact_get(cli->engine, id, on_layers, &l, &cli->err), header_rc = CZ_OK, own_rc;
    bool inner; /* it has a layer below the header */

    if (rc)
        return czi_cli_fail(rc, &cli->err);
    inner = l.is_fact && !l.is_block;
    own_rc = cz_fact_verify(cli->engine, id, &own);
    if (inner)
        header_rc = cz_fact_verify(cli->engine, &l.block, &header);
    if ((own_rc && own_rc < CZ_UNKNOWN_DOMAIN) || (header_rc && header_rc < CZ_UNKNOWN_DOMAIN))
        return czi_cli_fail(own_rc ? own_rc : header_rc, own_rc ? &own : &header);
    rc = own_rc ? own_rc : header_rc;
    if (cli->json) {
        czi_json_open(&j, NULL, '{');
        czi_json_id(&j, "id", id);
    }
    print_layer(cli, &j, "observer", own_rc == CZ_BAD_OBSERVER ? own.detail : NULL);
    if (inner)
        print_layer(cli, &j, "header", header_rc ? header.detail : NULL);
    print_layer(cli, &j, inner ? "inclusion" : "header",
                own_rc == CZ_BAD_OBSERVER ? "not looked at"
                : own_rc                  ? own.detail
                                          : NULL);
    if (cli->json) {
        czi_json_string(&j, "fault", rc ? czi_fault_name(rc) : NULL);
        czi_json_close(&j, '}');
        printf("\n");
    }
    return rc ? CZI_EXIT_CORRUPT : CZI_EXIT_OK;
}

static int fact_verify(struct czi_cli *cli, int argc, char **argv)
{
    enum czi_found what;
    cz_id id;
    int rc;

    (void)argc;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = czi_cli_find(cli, argv[0], CZI_FOUND_FACT, &what, &id);
    return rc ? czi_cli_fail(rc, &cli->err) : verify(cli, &id);
}

/* ---- Retracting ------------------------------------------------------------------------- */

static int on_frozen(void *arg, const cz_domain *d)
{
    if (d->frozen)
        (void)snprintf(arg, CZI_DOMAIN_SIZE_MAX + 1, "%s", d->name);
    return CZ_OK;
}

static int report(struct czi_cli *cli, const cz_id *fact, const cz_id *retraction)
{
    struct czi_disputed d = {0};
    struct czi_json j = {.out = stdout};
    char frozen[CZI_DOMAIN_SIZE_MAX + 1] = "", what[CZ_ID_TEXT_SIZE], by[CZ_ID_TEXT_SIZE];
    int rc = cz_domain_list(cli->engine, on_frozen, frozen, &cli->err);
    uint64_t count;

    if (!rc)
        rc = czi_disputed_load(cli, &d);
    count = d.positions.len / sizeof count;
    czi_buf_done(&d.positions);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    cz_id_print(fact, what);
    cz_id_print(retraction, by);
    if (cli->json) {
        czi_json_open(&j, NULL, '{');
        czi_json_string(&j, "fact", what);
        czi_json_string(&j, "retraction", by);
        czi_json_u64(&j, "disputed", count);
        czi_json_string(&j, "frozen", frozen[0] ? frozen : NULL);
        czi_json_close(&j, '}');
        printf("\n");
        return CZI_EXIT_OK;
    }
    printf("fact       %s\nretraction %s\n", what, by);
    if (frozen[0])
        printf(
            "frozen     %s: the fact is final, so somebody must decide: causality domain show "
            "%s\n",
            frozen, frozen);
    printf("disputed   %" PRIu64 " effect%s%s\n", count, count == 1 ? "" : "s",
           count ? "; causality disputed lists them" : "");
    return CZI_EXIT_OK;
}

static int fact_retract(struct czi_cli *cli, int argc, char **argv)
{
    const char *evidence = czi_cli_option(cli, "evidence");
    cz_options writing = {.ordered = true, .threads = 1};
    CZI_AUTOBUF bytes = {0};
    uint8_t room[32];
    const uint8_t *seed = NULL;
    enum czi_found what;
    cz_id id, retraction;
    int exit_code, rc = czi_cli_seed(czi_cli_option(cli, "sign"), room, &seed, &cli->err);

    (void)argc;
    if (!rc && evidence)
        rc = czi_cli_load(evidence, CZI_FACT_SIZE_MAX, "CZI_FACT_SIZE_MAX", &bytes, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    if (!czi_cli_open(cli, &writing, &exit_code))
        return exit_code;
    rc = czi_cli_find(cli, argv[0], CZI_FOUND_FACT, &what, &id);
    if (!rc)
        rc = cz_fact_retract(cli->engine, &id, evidence ? bytes.data : NULL, bytes.len,
                             czi_cli_option(cli, "note"), seed, &retraction, &cli->err);
    return rc ? czi_cli_fail(rc, &cli->err) : report(cli, &id, &retraction);
}

int czi_cli_fact(struct czi_cli *cli, int argc, char **argv)
{
    static const struct czi_action actions[] = {
        {"add", "FILE|-…", 1, UINT8_MAX, " sign ", czi_fact_add_run},
        {"list", "[DOMAIN]", 0, 1, " kind standing retracted ", fact_list},
        {"show", "ID", 1, 1, NULL, fact_show},
        {"retract", "ID", 1, 1, " evidence note sign ", fact_retract},
        {"verify", "ID", 1, 1, NULL, fact_verify},
        {0},
    };

    return czi_cli_act(cli, actions, argc, argv);
}
