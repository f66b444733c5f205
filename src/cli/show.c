/* show.c - `causality show`: a resource as it is now, an effect with its receipt, or a fact. */
#include "cli/cli.h"

#include "base/error.h"
#include "effect/effect.h"

/* ---- A resource ------------------------------------------------------------------------- */

static void line(const char *key)
{
    printf("%-11s", key);
}

static void text_line(const char *key, const char *text)
{
    line(key);
    (void)czi_print_text(stdout, text, strlen(text));
    printf("\n");
}

static void id_line(const char *key, const cz_id *id)
{
    char text[CZ_ID_TEXT_SIZE];

    cz_id_print(id, text);
    printf("%-11s%s\n", key, text);
}

static void name_line(const struct czi_cli *cli, const char *key, const cz_id *id)
{
    line(key);
    czi_print_name(cli, stdout, id);
    printf("\n");
}

static void quantity_line(const char *key, cz_quantity q)
{
    char text[CZ_QUANTITY_TEXT_SIZE];

    cz_quantity_print(q, text);
    printf("%-11s%s\n", key, text);
}

/* As much of the data as a person reads. */
#define DATA_SHOWN 1024u

static void print_resource(const struct czi_cli *cli, const cz_resource *r)
{
    line("resource");
    (void)fputs(czi_bold(cli), stdout);
    czi_print_name(cli, stdout, &r->id);
    printf("%s\n", czi_plain(cli));
    id_line("id", &r->id);
    text_line("kind", cz_kind_name((int)r->kind));
    if (r->asset)
        text_line("asset", r->asset);
    if (!czi_kind_has_data(r->kind))
        quantity_line("quantity", r->quantity);
    text_line("state", cz_state_name((int)r->state));
    quantity_line("version", (cz_quantity)r->version);
    name_line(cli, "controller", &r->controller);
    name_line(cli, "creator", &r->creator);
    quantity_line("position", (cz_quantity)r->position);
    quantity_line("lamport", (cz_quantity)r->lamport);
    id_line("head", &r->head);
    if (!czi_kind_has_data(r->kind))
        return;
    if (r->kind == CZ_CODE) {
        printf("%-11s%zu bytes; causality program inspect tells what they say\n", "data",
               r->data_len);
        return;
    }
    if (r->kind > CZ_DATA) {
        printf("%-11s%zu bytes; causality account show tells what they say\n", "data",
               r->data_len);
        return;
    }
    printf("%-11s%zu bytes: ", "data", r->data_len);
    (void)czi_print_text(stdout, (const char *)r->data, CZI_MIN(r->data_len, DATA_SHOWN));
    printf("%s\n", r->data_len > DATA_SHOWN ? "…" : "");
}

static int show_resource(struct czi_cli *cli, const cz_id *id)
{
    cz_resource r;
    int rc = cz_resource_get(cli->engine, id, &r, &cli->err);

    if (rc)
        return rc;
    if (cli->json)
        czi_print_resource_json(&r);
    else
        print_resource(cli, &r);
    return CZ_OK;
}

/* ---- An effect -------------------------------------------------------------------------- */

static const char *const priorities[] = {"urgent", "high", "normal", "low"};
_Static_assert(CZI_COUNTOF(priorities) == CZI_PRIORITIES, "one name each");

struct effect {
    const struct czi_cli *cli;
    const cz_receipt *receipt;
    bool disputed;
    struct czi_effect_view view;
    cz_id origin, program;
    bool has_program, has_time;
    uint32_t task;
};

static cz_id predecessor(const struct effect *e, unsigned i)
{
    cz_id id;

    memcpy(&id, czi_effect_after(e->receipt->effect_bytes, &e->view, i), sizeof id);
    return id;
}

static const char *status_of(const cz_receipt *r)
{
    return cz_status_name((int)r->reason ? CZ_STATUS_REJECTED : CZ_STATUS_APPLIED);
}

static void json_after(struct czi_json *j, const struct effect *e)
{
    czi_json_open(j, "after", '[');
    for (unsigned i = 0; i < e->view.after_count; i++) {
        cz_id id = predecessor(e, i);

        czi_json_id(j, NULL, &id);
    }
    czi_json_close(j, ']');
}

/* What was known when it was proposed and when it applied, and the program's own order. */
static void json_times(struct czi_json *j, const struct effect *e)
{
    const cz_receipt *r = e->receipt;
    const uint8_t *proposed = czi_effect_time(r->effect_bytes, r->effect_len, &e->view);
    cz_id time;

    if (proposed) {
        memcpy(&time, proposed, sizeof time);
        czi_json_id(j, "time", &time);
    }

    if (e->has_time)
        czi_json_id(j, "time_map", &r->time);
    else
        czi_json_string(j, "time_map", NULL);
    if (!e->has_program) {
        czi_json_string(j, "program", NULL);
        czi_json_string(j, "clock", NULL);
        return;
    }
    czi_json_open(j, "program", '{');
    czi_json_id(j, "id", &e->program);
    czi_json_number(j, "task", e->task);
    czi_json_close(j, '}');
    czi_json_open(j, "clock", '{');
    for (size_t i = 0; i < r->clock_count; i++) {
        char task[16];

        (void)snprintf(task, sizeof task, "%u", (unsigned)r->clock[i].task);
        czi_json_u64(j, task, r->clock[i].count);
    }
    czi_json_close(j, '}');
}

static void json_posts(struct czi_json *j, const struct effect *e)
{
    czi_json_open(j, "posts", '[');
    for (size_t i = 0; i < e->receipt->post_count; i++) {
        const cz_post *p = &e->receipt->posts[i];

        czi_json_open(j, NULL, '{');
        czi_json_string(j, "resource", czi_cli_label(e->cli, &p->resource));
        czi_json_id(j, "id", &p->resource);
        czi_json_string(j, "mode", p->mode == CZ_WRITE ? "write" : "read");
        czi_json_u64(j, "version", p->version);
        if (p->mode == CZ_WRITE) {
            czi_json_string(j, "state", cz_state_name((int)p->state));
            if (czi_kind_has_data(p->kind))
                czi_json_hex(j, "data_hash", &p->data_hash, sizeof p->data_hash);
            else
                czi_json_quantity(j, "quantity", p->quantity);
        }
        czi_json_close(j, '}');
    }
    czi_json_close(j, ']');
}

static void json_effect(const struct effect *e)
{
    struct czi_json j = {.out = stdout};
    const cz_receipt *r = e->receipt;

    czi_json_open(&j, NULL, '{');
    czi_json_id(&j, "effect", &r->effect);
    czi_json_id(&j, "receipt", &r->id);
    czi_json_string(&j, "status", status_of(r));
    czi_json_string(&j, "reason", r->reason ? cz_reason_name((int)r->reason) : NULL);
    czi_json_u64(&j, "position", r->position);
    czi_json_u64(&j, "lamport", r->lamport);
    czi_json_id(&j, "origin", &e->origin);
    czi_json_u64(&j, "nonce", e->view.nonce);
    czi_json_string(&j, "priority", priorities[e->view.priority]);
    czi_print_ops_json(e->cli, &j, "ops", r->effect_bytes, r->effect_len);
    json_posts(&j, e);
    if (e->view.has_guest)
        czi_print_run_json(&j, "run", r->run);
    czi_print_facts_json(&j, r->effect_bytes, r->effect_len);
    json_after(&j, e);
    json_times(&j, e);
    czi_json_bool(&j, "disputed", e->disputed);
    if (e->view.signature_count)
        czi_json_hex(&j, "signature",
                     czi_effect_signer(r->effect_bytes, r->effect_len, &e->view, 0),
                     (size_t)e->view.signature_count * CZI_SIGNER_SIZE);
    else
        czi_json_string(&j, "signature", NULL);
    czi_json_close(&j, '}');
    printf("\n");
}

static void print_signers(const struct effect *e)
{
    const cz_receipt *r = e->receipt;

    for (unsigned i = 0; i < e->view.signature_count; i++) {
        char hex[65];

        czi_hex(hex, czi_effect_signer(r->effect_bytes, r->effect_len, &e->view, i), 32);
        text_line("signed by", hex);
    }
}

static void print_posts(const struct effect *e)
{
    for (size_t i = 0; i < e->receipt->post_count; i++) {
        const cz_post *p = &e->receipt->posts[i];
        char quantity[CZ_QUANTITY_TEXT_SIZE];

        printf("%-11s", p->mode == CZ_WRITE ? "wrote" : "read");
        czi_print_name(e->cli, stdout, &p->resource);
        printf(": version %llu", (unsigned long long)p->version);
        cz_quantity_print(p->quantity, quantity);
        if (p->mode == CZ_WRITE)
            printf(", %s", cz_state_name((int)p->state));
        if (p->mode == CZ_WRITE && !czi_kind_has_data(p->kind))
            printf(", quantity %s", quantity);
        printf("\n");
    }
}

static void print_times(const struct effect *e)
{
    const cz_receipt *r = e->receipt;

    if (e->has_time)
        id_line("time map", &r->time);
    if (!e->has_program)
        return;
    line("program");
    czi_print_name(e->cli, stdout, &e->program);
    printf(", task %u\n", (unsigned)e->task);
    line("clock");
    for (size_t i = 0; i < r->clock_count; i++)
        printf("%s%u:%llu", i ? " " : "", (unsigned)r->clock[i].task,
               (unsigned long long)r->clock[i].count);
    printf("\n");
}

static void print_effect(const struct effect *e)
{
    const cz_receipt *r = e->receipt;

    id_line("effect", &r->effect);
    id_line("receipt", &r->id);
    printf("%-11s%s%s%s%s%s\n", "status", czi_bold(e->cli), status_of(r), czi_plain(e->cli),
           r->reason ? ": " : "", r->reason ? cz_reason_text((int)r->reason) : "");
    if (e->disputed)
        printf("%-11sit rests on a fact that was retracted: causality why shows which\n",
               "disputed");
    quantity_line("position", (cz_quantity)r->position);
    quantity_line("lamport", (cz_quantity)r->lamport);
    name_line(e->cli, "origin", &e->origin);
    quantity_line("nonce", (cz_quantity)e->view.nonce);
    text_line("priority", priorities[e->view.priority]);
    line("ops");
    czi_print_ops_text(e->cli, stdout, r->effect_bytes, r->effect_len);
    printf("\n");
    print_signers(e);
    if (r->run)
        czi_print_run(r->run);
    print_posts(e);
    czi_print_facts_text(stdout, r->effect_bytes, r->effect_len);
    for (unsigned i = 0; i < e->view.after_count; i++) {
        cz_id id = predecessor(e, i);

        id_line("after", &id);
    }
    print_times(e);
}

static bool is_zero(const cz_id *id)
{
    static const cz_id none;

    return memcmp(id, &none, sizeof none) == 0;
}

static int on_receipt(void *arg, const cz_receipt *r)
{
    struct effect *e = arg;
    const uint8_t *program;

    e->receipt = r;
    CZI_CHECK(czi_effect_view(r->effect_bytes, r->effect_len, &e->view, NULL) == CZ_OK);
    memcpy(&e->origin, czi_effect_origin(r->effect_bytes), sizeof e->origin);
    program = czi_effect_program(r->effect_bytes, r->effect_len, &e->view, &e->task);
    e->has_program = program != NULL;
    if (program)
        memcpy(&e->program, program, sizeof e->program);
    e->has_time = !is_zero(&r->time);
    if (e->cli->json)
        json_effect(e);
    else
        print_effect(e);
    return CZ_OK;
}

static int show_effect(struct czi_cli *cli, const cz_id *id)
{
    struct effect e = {.cli = cli};
    int rc = cz_is_disputed(cli->engine, id, &e.disputed, &cli->err);

    return rc ? rc : cz_receipt_get(cli->engine, id, on_receipt, &e, &cli->err);
}

/* ---- A fact ----------------------------------------------------------------------------- */

static int on_fact(void *arg, const cz_fact *f)
{
    const struct czi_cli *cli = arg;

    if (cli->json)
        czi_print_fact_json(f);
    else
        czi_print_fact(cli, f);
    return CZ_OK;
}

int czi_cli_show(struct czi_cli *cli, int argc, char **argv)
{
    enum czi_found what;
    cz_id id;
    int rc;

    (void)argc;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = czi_cli_find(cli, argv[0], CZI_FOUND_RESOURCE | CZI_FOUND_EFFECT | CZI_FOUND_FACT,
                      &what, &id);
    if (!rc && what == CZI_FOUND_RESOURCE)
        rc = show_resource(cli, &id);
    else if (!rc && what == CZI_FOUND_EFFECT)
        rc = show_effect(cli, &id);
    else if (!rc)
        rc = cz_fact_get(cli->engine, &id, on_fact, cli, &cli->err);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}
