/* log.c - `causality log`: the entries of one resource's log, oldest first. */
#include "cli/cli.h"

#include "resource/resource.h"

struct log {
    const struct czi_cli *cli;
    cz_id resource;
    struct czi_disputed disputed;
};

static const cz_post *post_of(const struct log *l, const cz_receipt *r)
{
    for (size_t i = 0; i < r->post_count; i++)
        if (memcmp(&r->posts[i].resource, &l->resource, sizeof l->resource) == 0)
            return &r->posts[i];
    return NULL;
}

static bool is_zero(const cz_id *id)
{
    static const cz_id none;

    return memcmp(id, &none, sizeof none) == 0;
}

static void json_entry(const struct log *l, const cz_receipt *r, const cz_post *p)
{
    struct czi_json j = {.out = stdout};

    czi_json_open(&j, NULL, '{');
    czi_json_u64(&j, "position", r->position);
    czi_json_id(&j, "effect", &r->effect);
    czi_json_id(&j, "receipt", &r->id);
    czi_json_u64(&j, "version", p->version);
    czi_json_string(&j, "state", cz_state_name((int)p->state));
    if (czi_kind_has_data(p->kind))
        czi_json_string(&j, "quantity", NULL);
    else
        czi_json_quantity(&j, "quantity", p->quantity);
    czi_json_u64(&j, "lamport", r->lamport);
    if (is_zero(&r->time))
        czi_json_string(&j, "time_map", NULL);
    else
        czi_json_id(&j, "time_map", &r->time);
    czi_json_bool(&j, "disputed", czi_disputed_has(&l->disputed, r->position));
    czi_print_ops_json(l->cli, &j, "ops", r->effect_bytes, r->effect_len);
    czi_json_close(&j, '}');
    (void)putc_unlocked('\n', stdout);
}

/* So much of an id is unique in practice and still leaves room on the line. */
#define ID_SHOWN 20

static void text_entry(const struct log *l, const cz_receipt *r, const cz_post *p)
{
    char quantity[CZ_QUANTITY_TEXT_SIZE], effect[CZ_ID_TEXT_SIZE];

    cz_quantity_print(p->quantity, quantity);
    cz_id_print(&r->effect, effect);
    printf("%10llu  %7llu  %-8s  %20s  %.*s  ", (unsigned long long)r->position,
           (unsigned long long)p->version, cz_state_name((int)p->state),
           czi_kind_has_data(p->kind) ? "-" : quantity, ID_SHOWN, effect);
    if (czi_disputed_has(&l->disputed, r->position))
        printf("[disputed] ");
    czi_print_ops_text(l->cli, stdout, r->effect_bytes, r->effect_len);
    printf("\n");
}

/* A write error ends the walk; the end of the command reports it. */
static int on_entry(void *arg, const cz_receipt *r)
{
    const struct log *l = arg;
    const cz_post *p = post_of(l, r);

    CZI_CHECK(p);
    if (l->cli->json)
        json_entry(l, r, p);
    else
        text_entry(l, r, p);
    return ferror(stdout) ? CZ_IO : CZ_OK;
}

int czi_cli_log(struct czi_cli *cli, int argc, char **argv)
{
    struct log l = {.cli = cli};
    enum czi_found what;
    int rc;

    (void)argc;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = czi_cli_find(cli, argv[0], CZI_FOUND_RESOURCE, &what, &l.resource);
    if (!rc)
        rc = czi_disputed_load(cli, &l.disputed);
    if (!rc && !cli->json)
        printf("%s%10s  %7s  %-8s  %20s  %-*s  %s%s\n", czi_bold(cli), "POSITION", "VERSION",
               "STATE", "QUANTITY", ID_SHOWN, "EFFECT", "WHAT", czi_plain(cli));
    if (!rc)
        rc = cz_log(cli->engine, &l.resource, on_entry, &l, &cli->err);
    czi_buf_done(&l.disputed.positions);
    if (rc == CZ_IO && ferror(stdout))
        return CZI_EXIT_IO;
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}
