/* account_show.c - `causality account show`, `inbox` and `outbox`: what an account is, what it
 * has, what came in and what went out.
 */
#include "cli/account.h"

#include "base/error.h"
#include "base/id_table.h"

#include <inttypes.h>

/* ---- Rights ----------------------------------------------------------------------------- */

static const struct {
    unsigned bit;
    const char *name;
} rights[] = {
#define CZI_NAME(right, bit, name) {bit, name},
    CZ_RIGHTS(CZI_NAME)
#undef CZI_NAME
};

static void text_rights(unsigned has)
{
    const char *gap = "";

    for (size_t i = 0; i < CZI_COUNTOF(rights); i++)
        if (has & rights[i].bit) {
            printf("%s%s", gap, rights[i].name);
            gap = ", ";
        }
}

static void json_rights(struct czi_json *j, unsigned has)
{
    czi_json_open(j, "rights", '[');
    for (size_t i = 0; i < CZI_COUNTOF(rights); i++)
        if (has & rights[i].bit)
            czi_json_string(j, NULL, rights[i].name);
    czi_json_close(j, ']');
}

/* ---- One account ------------------------------------------------------------------------ */

static void print(const char *text)
{
    (void)czi_print_text(stdout, text, strlen(text));
}

static void print_quantity(cz_quantity q)
{
    char text[CZ_QUANTITY_TEXT_SIZE];

    cz_quantity_print(q, text);
    (void)fputs(text, stdout);
}

static void text_policy(const cz_policy *p)
{
    char hex[65];

    printf("%-11s%u of %u must sign\n", "owners", p->threshold, p->owner_count);
    for (unsigned i = 0; i < p->owner_count; i++) {
        czi_hex(hex, p->owners[i], 32);
        printf("%-11s%s\n", "", hex);
    }
    for (unsigned i = 0; i < p->limit_count; i++) {
        const cz_limit *l = &p->limits[i];

        printf("%-11s", "limit");
        print_quantity(l->quantity);
        printf(" ");
        print(l->asset);
        printf(" within each %" PRIu64 " of the time of ", l->window);
        print(l->domain);
        if (l->spent) {
            printf("; ");
            print_quantity(l->spent);
            printf(" within number %" PRIu64, l->number);
        }
        printf("\n");
    }
}

static void json_policy(struct czi_json *j, const cz_policy *p)
{
    czi_json_number(j, "threshold", p->threshold);
    czi_json_open(j, "owners", '[');
    for (unsigned i = 0; i < p->owner_count; i++)
        czi_json_hex(j, NULL, p->owners[i], 32);
    czi_json_close(j, ']');
    czi_json_open(j, "limits", '[');
    for (unsigned i = 0; i < p->limit_count; i++) {
        const cz_limit *l = &p->limits[i];

        czi_json_open(j, NULL, '{');
        czi_json_string(j, "asset", l->asset);
        czi_json_quantity(j, "quantity", l->quantity);
        czi_json_string(j, "domain", l->domain);
        czi_json_u64(j, "window", l->window);
        czi_json_u64(j, "number", l->number);
        czi_json_quantity(j, "spent", l->spent);
        czi_json_close(j, '}');
    }
    czi_json_close(j, ']');
}

static void text_holding(const cz_holding *h)
{
    printf("%-11s", "holds");
    print_quantity(h->resource.quantity);
    printf(" ");
    print(h->resource.asset);
    /* What is not in the canonical place has a name of its own. */
    if (strcmp(h->resource.label, h->resource.asset) != 0) {
        printf(" in ");
        print(h->resource.label);
    }
    if (h->is_reserve)
        printf(", on its way out");
    if (h->resource.state != CZ_ACTIVE)
        printf(", %s", cz_state_name((int)h->resource.state));
    printf("\n");
}

static void json_holding(struct czi_json *j, const cz_holding *h)
{
    czi_json_open(j, NULL, '{');
    czi_json_string(j, "asset", h->resource.asset);
    czi_json_quantity(j, "quantity", h->resource.quantity);
    czi_json_string(j, "kind", cz_kind_name((int)h->resource.kind));
    czi_json_string(j, "state", cz_state_name((int)h->resource.state));
    czi_json_string(j, "resource", h->resource.label);
    czi_json_id(j, "id", &h->resource.id);
    czi_json_bool(j, "reserve", h->is_reserve);
    czi_json_close(j, '}');
}

static void text_capability(const struct czi_cli *cli, const cz_resource *r, const cz_grant *g)
{
    char hex[65], id[CZ_ID_TEXT_SIZE];

    printf("%-11s", "capability");
    print(r->label);
    printf(": ");
    text_rights(g->rights);
    if (g->has_resource) {
        printf(" of ");
        czi_print_name(cli, stdout, &g->resource);
    } else if (g->asset) {
        printf(" of ");
        print(g->asset);
    }
    if (g->has_ceiling) {
        printf(", up to ");
        print_quantity(g->ceiling);
        printf(" of which ");
        print_quantity(g->spent);
        printf(" are spent");
    }
    if (g->expire_domain) {
        printf(", until %" PRIu64 " of ", g->expire_time);
        print(g->expire_domain);
    }
    if (r->state != CZ_ACTIVE)
        printf(", %s", cz_state_name((int)r->state));
    czi_hex(hex, g->holder, 32);
    cz_id_print(&r->id, id);
    printf("\n%-11sholder %s\n%-11sid     %s\n", "", hex, "", id);
    if (g->has_parent) {
        printf("%-11sby     ", "");
        czi_print_name(cli, stdout, &g->parent);
        printf("\n");
    }
}

static void json_capability(struct czi_json *j, const cz_resource *r, const cz_grant *g)
{
    czi_json_open(j, NULL, '{');
    czi_json_string(j, "capability", r->label);
    czi_json_id(j, "id", &r->id);
    czi_json_string(j, "state", cz_state_name((int)r->state));
    czi_json_hex(j, "holder", g->holder, sizeof g->holder);
    json_rights(j, g->rights);
    if (g->has_resource)
        czi_json_id(j, "resource", &g->resource);
    else
        czi_json_string(j, "resource", NULL);
    czi_json_string(j, "asset", g->asset);
    if (g->has_ceiling)
        czi_json_quantity(j, "ceiling", g->ceiling);
    else
        czi_json_string(j, "ceiling", NULL);
    czi_json_quantity(j, "spent", g->spent);
    czi_json_string(j, "expire_domain", g->expire_domain);
    if (g->expire_domain)
        czi_json_u64(j, "expire_time", g->expire_time);
    else
        czi_json_string(j, "expire_time", NULL);
    if (g->has_parent)
        czi_json_id(j, "parent", &g->parent);
    else
        czi_json_string(j, "parent", NULL);
    czi_json_close(j, '}');
}

struct showing {
    struct czi_cli *cli;
    struct czi_json j;
};

static int show_capabilities(struct showing *s, const cz_account_state *a)
{
    struct czi_cli *cli = s->cli;

    for (size_t i = 0; i < a->capability_count; i++) {
        char texts[CZ_GRANT_TEXTS_MAX];
        cz_resource r;
        cz_grant g;
        int rc = cz_resource_get(cli->engine, &a->capabilities[i], &r, &cli->err);

        if (!rc)
            rc = cz_grant_decode(r.data, r.data_len, texts, &g, &cli->err);
        if (rc)
            return rc;
        if (cli->json)
            json_capability(&s->j, &r, &g);
        else
            text_capability(cli, &r, &g);
    }
    return CZ_OK;
}

static int show_text(struct showing *s, const cz_account_state *a)
{
    char id[CZ_ID_TEXT_SIZE];

    cz_id_print(&a->id, id);
    printf("%-11s%s", "account", czi_bold(s->cli));
    print(a->label);
    printf("%s\n%-11s%s\n%-11s%s\n", czi_plain(s->cli), "id", id, "state",
           cz_state_name((int)a->state));
    text_policy(a->policy);
    for (size_t i = 0; i < a->holding_count; i++)
        text_holding(&a->holdings[i]);
    return show_capabilities(s, a);
}

static int show_json(struct showing *s, const cz_account_state *a)
{
    struct czi_json *j = &s->j;
    int rc;

    czi_json_open(j, NULL, '{');
    czi_json_string(j, "account", a->label);
    czi_json_id(j, "id", &a->id);
    czi_json_string(j, "state", cz_state_name((int)a->state));
    json_policy(j, a->policy);
    czi_json_open(j, "holdings", '[');
    for (size_t i = 0; i < a->holding_count; i++)
        json_holding(j, &a->holdings[i]);
    czi_json_close(j, ']');
    czi_json_open(j, "capabilities", '[');
    rc = show_capabilities(s, a);
    czi_json_close(j, ']');
    czi_json_close(j, '}');
    printf("\n");
    return rc;
}

static int show(void *arg, const cz_account_state *a)
{
    struct showing *s = arg;

    return s->cli->json ? show_json(s, a) : show_text(s, a);
}

int czi_account_show_run(struct czi_cli *cli, int argc, char **argv)
{
    struct showing s = {.cli = cli, .j = {.out = stdout}};
    cz_id id;
    int rc;

    (void)argc;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = czi_account_named(cli, argv[0], &id);
    if (rc)
        return rc;
    rc = cz_account_get(cli->engine, &id, show, &s, &cli->err);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

/* ---- What came and went ----------------------------------------------------------------- */

struct listing {
    struct czi_cli *cli;
    bool incoming, open_only;
};

static void reference_of(const cz_account_entry *e, char ret[CZ_REFERENCE_SIZE])
{
    cz_withdrawal w = {.effect = e->withdrawal, .number = e->number, .destination = e->outside};

    cz_withdrawal_reference(&w, ret);
}

static bool is_withdrawal(const cz_account_entry *e)
{
    return e->kind != CZ_ENTRY_DEPOSIT && e->kind != CZ_ENTRY_TRANSFER;
}

static void json_entry(const cz_account_entry *e)
{
    static const cz_id none;
    struct czi_json j = {.out = stdout};
    char reference[CZ_REFERENCE_SIZE];

    czi_json_open(&j, NULL, '{');
    czi_json_u64(&j, "position", e->position);
    czi_json_id(&j, "effect", &e->effect);
    czi_json_u64(&j, "lamport", e->lamport);
    czi_json_string(&j, "kind", cz_entry_kind_name((int)e->kind));
    czi_json_string(&j, "asset", e->asset);
    czi_json_quantity(&j, "quantity", e->quantity);
    if (e->kind == CZ_ENTRY_TRANSFER)
        czi_json_id(&j, "other", &e->other);
    if (!czi_id_equal(&e->fact, &none))
        czi_json_id(&j, "fact", &e->fact);
    if (is_withdrawal(e)) {
        reference_of(e, reference);
        czi_json_string(&j, "destination", e->outside);
        czi_json_id(&j, "withdrawal", &e->withdrawal);
        czi_json_number(&j, "number", e->number);
        czi_json_string(&j, "reference", reference);
    }
    if (e->kind == CZ_ENTRY_WITHDRAWAL)
        czi_json_bool(&j, "open", e->open);
    czi_json_bool(&j, "disputed", e->disputed);
    czi_json_close(&j, '}');
    printf("\n");
}

static void text_entry(const struct listing *l, const cz_account_entry *e)
{
    char quantity[CZ_QUANTITY_TEXT_SIZE], text[CZ_REFERENCE_SIZE];

    cz_quantity_print(e->quantity, quantity);
    printf("%8" PRIu64 "  %-10s  %16s  ", e->position, cz_entry_kind_name((int)e->kind),
           quantity);
    print(e->asset);
    if (e->kind == CZ_ENTRY_TRANSFER) {
        (void)fputs(l->incoming ? "  from " : "  to ", stdout);
        czi_print_name(l->cli, stdout, &e->other);
    } else if (e->kind == CZ_ENTRY_DEPOSIT) {
        cz_id_print(&e->fact, text);
        printf("  by %s", text);
    } else {
        reference_of(e, text);
        printf("  to ");
        print(text);
    }
    if (e->kind == CZ_ENTRY_WITHDRAWAL && e->open)
        printf("  open");
    if (e->disputed)
        printf("  [disputed]");
    printf("\n");
}

static int list_entry(void *arg, const cz_account_entry *e)
{
    struct listing *l = arg;

    if (l->open_only && !e->open)
        return CZ_OK;
    if (l->cli->json)
        json_entry(e);
    else
        text_entry(l, e);
    return ferror(stdout) ? CZ_IO : CZ_OK;
}

static int list(struct czi_cli *cli, const char *name, bool incoming)
{
    struct listing l = {.cli = cli,
                        .incoming = incoming,
                        .open_only = !incoming && czi_cli_option(cli, "open")};
    cz_id id;
    int rc;

    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = czi_account_named(cli, name, &id);
    if (rc)
        return rc;
    if (!cli->json)
        printf("%s%8s  %-10s  %16s  %s%s\n", czi_bold(cli), "POSITION", "WHAT", "QUANTITY",
               incoming ? "ASSET, AND FROM WHERE" : "ASSET, AND WHERE TO", czi_plain(cli));
    rc = (incoming ? cz_account_inbox : cz_account_outgoing)(cli->engine, &id, list_entry, &l,
                                                             &cli->err);
    if (rc == CZ_IO && ferror(stdout))
        return CZI_EXIT_IO;
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}

int czi_account_inbox_run(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    return list(cli, argv[0], true);
}

int czi_account_outbox_run(struct czi_cli *cli, int argc, char **argv)
{
    (void)argc;
    return list(cli, argv[0], false);
}
