/* print.c - resources and operations, as JSON and for people.
 *
 * Layer: cli. Thread: main.
 */
#include "cli/cli.h"

#include "base/error.h"
#include "effect/effect.h"

void czi_print_resource_json(const cz_resource *r)
{
    struct czi_json j = {.out = stdout};

    czi_json_open(&j, NULL, '{');
    czi_json_string(&j, "resource", r->label);
    czi_json_id(&j, "id", &r->id);
    czi_json_string(&j, "kind", cz_kind_name((int)r->kind));
    czi_json_string(&j, "asset", r->asset);
    if (czi_kind_has_data(r->kind))
        czi_json_string(&j, "quantity", NULL);
    else
        czi_json_quantity(&j, "quantity", r->quantity);
    czi_json_u64(&j, "version", r->version);
    czi_json_string(&j, "state", cz_state_name((int)r->state));
    czi_json_id(&j, "head", &r->head);
    czi_json_id(&j, "controller", &r->controller);
    czi_json_id(&j, "creator", &r->creator);
    czi_json_u64(&j, "position", r->position);
    czi_json_u64(&j, "lamport", r->lamport);
    if (czi_kind_has_data(r->kind))
        czi_json_base64(&j, "data", r->data, r->data_len);
    czi_json_close(&j, '}');
    (void)putc_unlocked('\n', stdout);
}

/* ---- Operations ------------------------------------------------------------------------- */

/* One operation with the bytes that its accesses lie in. */
struct operation {
    const uint8_t *bytes;
    struct czi_effect_view view;
    struct czi_op op;
};

static cz_id access_of(const struct operation *o, unsigned i)
{
    cz_id id;

    memcpy(&id, czi_effect_access_id(o->bytes, &o->view, i), sizeof id);
    return id;
}

static cz_id id_at(const uint8_t *p)
{
    cz_id id;

    memcpy(&id, p, sizeof id);
    return id;
}

/* What an operation names, by its key in JSON; of those that the table has not: nothing. */
static const struct shape {
    const char *keys[3];
    bool has_quantity, has_fact;
    const char *words[3]; /* before them in text; NULL: left out */
} shapes[CZI_OPCODES] = {
    [CZI_OP_TRANSFER] = {{"from", "to"}, true, false, {" from ", " to "}},
    [CZI_OP_MOVE] = {{"from", "to"}, true, false, {" from ", " to "}},
    [CZI_OP_WRITE] = {{"resource"}, false, false, {" "}},
    [CZI_OP_LOCK] = {{"resource"}, false, false, {" "}},
    [CZI_OP_UNLOCK] = {{"resource"}, false, false, {" "}},
    [CZI_OP_FREEZE] = {{"resource"}, false, false, {" "}},
    [CZI_OP_UNFREEZE] = {{"resource"}, false, false, {" "}},
    [CZI_OP_CONSUME] = {{"resource"}, false, false, {" "}},
    [CZI_OP_ARCHIVE] = {{"resource"}, false, false, {" "}},
    [CZI_OP_REQUIRE] = {{"resource"}, false, false, {" "}},
    [CZI_OP_USE] = {{"capability"}, false, false, {" "}},
    [CZI_OP_DEPOSIT] = {{"to"}, false, true, {" to "}},
    [CZI_OP_WITHDRAW] = {{"from", "outbox", "reserve"}, true, false, {" from "}},
    [CZI_OP_CONFIRM] = {{"outbox", "reserve"}, false, true, {" from ", NULL}},
    [CZI_OP_RELEASE] = {{"outbox", "reserve", "to"}, false, true, {NULL, " from ", " to "}},
    [CZI_OP_RUN] = {{"code"}, false, false, {" "}},
};

static void json_name(const struct czi_cli *cli, struct czi_json *j, const char *key,
                      const cz_id *id)
{
    const char *label = czi_cli_label(cli, id);
    cz_id by_label;

    /* A label names a resource of the operator's only: another's is named by its id. */
    if (label && !czi_name_id(label, strlen(label), &by_label, NULL) &&
        czi_id_equal(&by_label, id))
        czi_json_string(j, key, label);
    else
        czi_json_id(j, key, id);
}

static void json_creation(struct czi_json *j, const struct czi_op *op)
{
    cz_id creator = id_at(op->creator), controller = id_at(op->controller);

    czi_json_text(j, "resource", op->label);
    czi_json_string(j, "kind", cz_kind_name(op->kind));
    if (!czi_kind_has_data(op->kind))
        czi_json_text(j, "asset", op->asset);
    if (op->kind == CZ_FUNGIBLE)
        czi_json_quantity(j, "quantity", op->quantity);
    if (czi_kind_has_data(op->kind))
        czi_json_base64(j, "data_base64", op->data.data, op->data.len);
    czi_json_id(j, "creator", &creator);
    czi_json_id(j, "controller", &controller);
    if (op->if_absent)
        czi_json_bool(j, "if_absent", true);
}

static void json_guest(const struct czi_cli *cli, struct czi_json *j, const struct operation *o)
{
    uint8_t places[CZI_ACCESSES_MAX];
    unsigned count = czi_op_places(&o->op, places);
    cz_id id;

    if (o->op.code == CZI_OP_CALL) {
        id = id_at(o->op.code_id);
        json_name(cli, j, "code", &id);
    }
    czi_json_u64(j, "gas", o->op.gas);
    if (count)
        czi_json_open(j, "accesses", '[');
    for (unsigned i = 0; i < count; i++) {
        id = access_of(o, places[i]);
        czi_json_open(j, NULL, '{');
        json_name(cli, j, "resource", &id);
        czi_json_string(j, "mode", places[i] < o->view.write_count ? "write" : "read");
        czi_json_close(j, '}');
    }
    if (count)
        czi_json_close(j, ']');
    if (o->op.data.len)
        czi_json_base64(j, "input_base64", o->op.data.data, o->op.data.len);
}

static bool starts_guest(const struct czi_op *op)
{
    return op->code == CZI_OP_RUN || op->code == CZI_OP_CALL;
}

static void json_rest(struct czi_json *j, const struct czi_op *op)
{
    const cz_requirement *r = &op->requirement;

    if (op->code == CZI_OP_WRITE || op->code == CZI_OP_NOTE)
        czi_json_base64(j, "data_base64", op->data.data, op->data.len);
    if (r->has_state)
        czi_json_string(j, "state", cz_state_name((int)r->state));
    if (r->has_version)
        czi_json_u64(j, "version", r->version);
    if (r->has_quantity)
        czi_json_quantity(j, "quantity", r->quantity);
    if (op->code == CZI_OP_WITHDRAW)
        czi_json_text(j, "destination", op->text);
    if (op->code != CZI_OP_WHEN)
        return;
    czi_json_text(j, "domain", op->text);
    czi_json_u64(j, "not_before", op->not_before);
    czi_json_u64(j, "not_after", op->not_after);
}

static void json_op(const struct czi_cli *cli, struct czi_json *j, const struct operation *o)
{
    const struct czi_op *op = &o->op;
    const struct shape *shape = &shapes[op->code];
    const uint8_t accesses[] = {op->a, op->b, op->c};

    czi_json_open(j, NULL, '{');
    czi_json_string(j, "op", czi_opcode_name(op->code));
    if (op->code == CZI_OP_CREATE)
        json_creation(j, op);
    for (unsigned i = 0; i < CZI_COUNTOF(accesses) && shape->keys[i]; i++) {
        cz_id id = access_of(o, accesses[i]);

        json_name(cli, j, shape->keys[i], &id);
    }
    if (op->code == CZI_OP_USE)
        czi_json_string(j, "mode", op->a < o->view.write_count ? "write" : "read");
    if (shape->has_quantity)
        czi_json_quantity(j, "quantity", op->quantity);
    if (shape->has_fact) {
        cz_id fact = id_at(czi_effect_fact(o->bytes, &o->view, op->fact));

        czi_json_id(j, "fact", &fact);
    }
    if (starts_guest(op))
        json_guest(cli, j, o);
    json_rest(j, op);
    czi_json_close(j, '}');
}

static void text_quantity(FILE *out, const char *before, cz_quantity q)
{
    char text[CZ_QUANTITY_TEXT_SIZE];

    cz_quantity_print(q, text);
    (void)fprintf(out, "%s%s", before, text);
}

static void text_creation(const struct czi_cli *cli, FILE *out, const struct operation *o)
{
    const struct czi_op *op = &o->op;
    cz_id id = access_of(o, op->a);

    (void)fputs("create ", out);
    if (czi_cli_label(cli, &id))
        czi_print_name(cli, out, &id);
    else
        (void)czi_print_text(out, (const char *)op->label.data, op->label.len);
    if (op->kind == CZ_FUNGIBLE)
        text_quantity(out, " with ", op->quantity);
    if (op->kind > CZ_DATA)
        (void)fprintf(out, ", %s", cz_kind_name(op->kind));
    if (!czi_kind_has_data(op->kind)) {
        (void)fputs(op->kind == CZ_FUNGIBLE ? " " : " for ", out);
        (void)czi_print_text(out, (const char *)op->asset.data, op->asset.len);
    } else {
        (void)fprintf(out, " with %zu bytes", op->data.len);
    }
    if (op->if_absent)
        (void)fputs(" if absent", out);
}

static void text_requirement(FILE *out, const cz_requirement *r)
{
    if (r->has_state)
        (void)fprintf(out, " state %s", cz_state_name((int)r->state));
    if (r->has_version)
        (void)fprintf(out, " version %llu", (unsigned long long)r->version);
    if (r->has_quantity)
        text_quantity(out, " quantity ", r->quantity);
}

static void text_when(FILE *out, const struct czi_op *op)
{
    (void)fputs(" the time of ", out);
    (void)czi_print_text(out, (const char *)op->text.data, op->text.len);
    (void)fprintf(out, " is %llu", (unsigned long long)op->not_before);
    if (op->not_after == UINT64_MAX)
        (void)fputs(" or later", out);
    else
        (void)fprintf(out, " to %llu", (unsigned long long)op->not_after);
}

static void text_guest(const struct czi_cli *cli, FILE *out, const struct operation *o)
{
    uint8_t places[CZI_ACCESSES_MAX];
    unsigned count = czi_op_places(&o->op, places);
    cz_id id;

    if (o->op.code == CZI_OP_CALL) {
        id = id_at(o->op.code_id);
        (void)fputc(' ', out);
        czi_print_name(cli, out, &id);
    }
    for (unsigned i = 0; i < count; i++) {
        id = access_of(o, places[i]);
        (void)fputs(i ? ", " : " on ", out);
        czi_print_name(cli, out, &id);
    }
    if (o->op.data.len)
        (void)fprintf(out, " with %zu bytes", o->op.data.len);
}

static void text_op(const struct czi_cli *cli, FILE *out, const struct operation *o)
{
    const struct czi_op *op = &o->op;
    const struct shape *shape = &shapes[op->code];
    const uint8_t accesses[] = {op->a, op->b, op->c};

    if (op->code == CZI_OP_CREATE) {
        text_creation(cli, out, o);
        return;
    }
    (void)fputs(czi_opcode_name(op->code), out);
    if (shape->has_quantity)
        text_quantity(out, " ", op->quantity);
    for (unsigned i = 0; i < CZI_COUNTOF(accesses); i++)
        if (shape->words[i]) {
            cz_id id = access_of(o, accesses[i]);

            (void)fputs(shape->words[i], out);
            czi_print_name(cli, out, &id);
        }
    if (op->code == CZI_OP_WRITE || op->code == CZI_OP_NOTE)
        (void)fprintf(out, ": %zu bytes", op->data.len);
    if (op->code == CZI_OP_WITHDRAW) {
        (void)fputs(" for ", out);
        (void)czi_print_text(out, (const char *)op->text.data, op->text.len);
    }
    if (op->code == CZI_OP_WHEN)
        text_when(out, op);
    if (starts_guest(op))
        text_guest(cli, out, o);
    text_requirement(out, &op->requirement);
}

/* Every operation of effect bytes that came from the journal, and so are valid. */
static void each_op(const struct czi_cli *cli, struct czi_json *j, FILE *out,
                    const uint8_t *bytes, size_t len)
{
    struct operation o = {.bytes = bytes};
    struct czi_cbor c;

    CZI_CHECK(czi_effect_view(bytes, len, &o.view, NULL) == CZ_OK);
    c = czi_cbor(bytes + o.view.ops, o.view.ops_len);
    for (unsigned i = 0; i < o.view.op_count; i++) {
        czi_op_next(&c, &o.op);
        if (j) {
            json_op(cli, j, &o);
        } else if (out) {
            (void)fputs(i ? "; " : "", out);
            text_op(cli, out, &o);
        }
    }
}

void czi_print_ops_json(const struct czi_cli *cli, struct czi_json *j, const char *key,
                        const uint8_t *bytes, size_t len)
{
    czi_json_open(j, key, '[');
    each_op(cli, j, NULL, bytes, len);
    czi_json_close(j, ']');
}

void czi_print_ops_text(const struct czi_cli *cli, FILE *out, const uint8_t *bytes, size_t len)
{
    each_op(cli, NULL, out, bytes, len);
}

/* ---- In short --------------------------------------------------------------------------- */

void czi_print_what(const struct czi_cli *cli, FILE *out, const uint8_t *bytes, size_t len)
{
    struct operation o = {.bytes = bytes};
    struct czi_cbor c;
    uint32_t task = 0;

    CZI_CHECK(czi_effect_view(bytes, len, &o.view, NULL) == CZ_OK);
    if (!o.view.op_count) {
        (void)czi_effect_program(bytes, len, &o.view, &task);
        (void)fprintf(out, "event of task %u", (unsigned)task);
        return;
    }
    c = czi_cbor(bytes + o.view.ops, o.view.ops_len);
    for (unsigned i = 0; i < o.view.op_count; i++) {
        czi_op_next(&c, &o.op);
        if ((o.op.code != CZI_OP_CREATE || !o.op.if_absent) && o.op.code != CZI_OP_USE &&
            o.op.code != CZI_OP_NOTE)
            break;
    }
    text_op(cli, out, &o);
    if (o.view.op_count > 1)
        (void)fprintf(out, "; and %u more", o.view.op_count - 1u);
}

/* ---- Facts that are cited --------------------------------------------------------------- */

static bool are_plain(const struct czi_terms *t)
{
    struct czi_terms plain = czi_plain_terms();

    return t->policy == plain.policy && t->finality == plain.finality && !t->optional &&
           !t->has_max_age && !t->purpose.data;
}

static void json_terms(struct czi_json *j, const cz_id *id, const struct czi_terms *t)
{
    czi_json_open(j, NULL, '{');
    czi_json_id(j, "fact", id);
    czi_json_string(j, "policy", cz_policy_name(t->policy));
    if (t->optional)
        czi_json_bool(j, "optional", true);
    czi_json_string(j, "finality", cz_finality_name(t->finality));
    if (t->finality == CZ_DEPTH)
        czi_json_u64(j, "depth", t->depth);
    if (t->has_max_age)
        czi_json_u64(j, "max_age", t->max_age);
    if (t->purpose.data)
        czi_json_text(j, "purpose", t->purpose);
    czi_json_close(j, '}');
}

static void text_terms(FILE *out, const cz_id *id, const struct czi_terms *t)
{
    char text[CZ_ID_TEXT_SIZE];

    cz_id_print(id, text);
    (void)fprintf(out, "%-11s%s: %s, %s", "fact", text, cz_policy_name(t->policy),
                  cz_finality_name(t->finality));
    if (t->finality == CZ_DEPTH)
        (void)fprintf(out, " %llu", (unsigned long long)t->depth);
    if (t->has_max_age)
        (void)fprintf(out, ", at most %llu old", (unsigned long long)t->max_age);
    if (t->optional)
        (void)fputs(", optional", out);
    if (t->purpose.data) {
        (void)fputs(", consumed for ", out);
        (void)czi_print_text(out, (const char *)t->purpose.data, t->purpose.len);
    }
    (void)fputc('\n', out);
}

/* The i-th that is cited; c is the caller's, from 0 on. */
static cz_id fact_of(const uint8_t *bytes, size_t len, const struct czi_effect_view *v,
                     unsigned i, struct czi_cbor *c, struct czi_terms *ret_terms)
{
    *ret_terms = v->has_terms ? czi_effect_next_terms(bytes, len, v, i, c) : czi_plain_terms();
    return id_at(czi_effect_fact(bytes, v, i));
}

void czi_print_facts_json(struct czi_json *j, const uint8_t *bytes, size_t len)
{
    struct czi_effect_view v;
    struct czi_terms terms;
    struct czi_cbor c;

    CZI_CHECK(czi_effect_view(bytes, len, &v, NULL) == CZ_OK);
    czi_json_open(j, "facts", '[');
    for (unsigned i = 0; i < v.fact_count; i++) {
        cz_id id = fact_of(bytes, len, &v, i, &c, &terms);

        if (are_plain(&terms))
            czi_json_id(j, NULL, &id);
        else
            json_terms(j, &id, &terms);
    }
    czi_json_close(j, ']');
}

void czi_print_facts_text(FILE *out, const uint8_t *bytes, size_t len)
{
    struct czi_effect_view v;
    struct czi_terms terms;
    struct czi_cbor c;

    CZI_CHECK(czi_effect_view(bytes, len, &v, NULL) == CZ_OK);
    for (unsigned i = 0; i < v.fact_count; i++) {
        cz_id id = fact_of(bytes, len, &v, i, &c, &terms);

        text_terms(out, &id, &terms);
    }
}
