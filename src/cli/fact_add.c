/* fact_add.c - `causality fact add`: facts, retractions and domains in, from JSON Lines or a
 * file that is one item in DAG-CBOR.
 *
 * Layer: cli. Thread: main. All files are read and every line is decoded before anything is
 * added. A line is one of
 *
 *   {"fact": base64}
 *   {"retract": id, "evidence": base64, "note": text}           evidence and note may be
 * missing
 *   {"domain": {"name", "adapter", "parameters": hex, "safe_depth", "final_depth",
 *               "record_depth", "record_finality", "observers": [hex …]}}
 *
 * and in the first two may say "id", "kind", "height", "event" and "final" for people, which
 * are not looked at.
 */
#include "cli/fact_add.h"

#include "base/error.h"
#include "base/id_table.h"
#include "base/limits.h"
#include "cli/json_read.h"
#include "fact/item.h"

#include <stdarg.h>

/* A line: the largest fact in base64 with room. */
#define FACT_LINE_MAX ((size_t)2 * CZI_FACT_SIZE_MAX)

/* ---- Lines ------------------------------------------------------------------------------ */

#define FIELDS(X)                                                                              \
    X(FACT, "fact")                                                                            \
    X(RETRACT, "retract")                                                                      \
    X(DOMAIN, "domain")                                                                        \
    X(EVIDENCE, "evidence")                                                                    \
    X(NOTE, "note")                                                                            \
    X(ID, "id")                                                                                \
    X(KIND, "kind")                                                                            \
    X(HEIGHT, "height")                                                                        \
    X(EVENT, "event")                                                                          \
    X(FINAL, "final")                                                                          \
    X(NAME, "name")                                                                            \
    X(ADAPTER, "adapter")                                                                      \
    X(PARAMETERS, "parameters")                                                                \
    X(SAFE_DEPTH, "safe_depth")                                                                \
    X(FINAL_DEPTH, "final_depth")                                                              \
    X(RECORD_DEPTH, "record_depth")                                                            \
    X(RECORD_FINALITY, "record_finality")                                                      \
    X(OBSERVERS, "observers")

enum field {
#define CZI_DECLARE(field, name) FIELD_##field,
    FIELDS(CZI_DECLARE)
#undef CZI_DECLARE
        FIELD_COUNT
};
static const char *const field_names[] = {
#define CZI_NAME(field, name) name,
    FIELDS(CZI_NAME)
#undef CZI_NAME
};
#define SET(field) (1u << FIELD_##field)
#define REMARKS (SET(ID) | SET(KIND) | SET(HEIGHT) | SET(EVENT) | SET(FINAL))
#define DOMAIN_FIELDS                                                                          \
    (SET(NAME) | SET(ADAPTER) | SET(PARAMETERS) | SET(SAFE_DEPTH) | SET(FINAL_DEPTH) |         \
     SET(RECORD_DEPTH) | SET(RECORD_FINALITY) | SET(OBSERVERS))

struct object {
    const struct czi_json_token *self, *values[FIELD_COUNT];
    uint32_t has;
};

/* What a line says. */
struct line {
    enum { LINE_FACT, LINE_RETRACTION, LINE_DOMAIN } type;
    cz_id fact; /* to be retracted */
    char note[CZI_NOTE_SIZE_MAX + 1];
    cz_domain_spec spec;
    char name[CZI_DOMAIN_SIZE_MAX + 2], adapter[64];
    cz_observer observers[CZI_OBSERVERS_MAX];
};

struct adding {
    struct czi_cli *cli;
    const char *file;
    uint64_t number; /* of the line; 0: the file is one item */
    struct czi_json_doc doc;
    struct czi_buf bytes; /* of the fact, the evidence or the parameters */
    struct line line;
    const uint8_t *seed;
    /* Signing gives a block another id: what rests on the one that was read rests on that. */
    struct czi_id_table unsigned_ids;
    struct czi_buf signed_ids; /* of cz_id, by their numbers */
    uint64_t recorded, known, refused;
};

static int CZI_PRINTF(3, 4)
    bad(struct adding *a, const struct czi_json_token *t, const char *fmt, ...)
{
    char what[CZ_DETAIL_SIZE - 64];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return czi_fail(&a->cli->err, CZ_INVALID, "%s:%llu:%u: %s", a->file,
                    (unsigned long long)a->number, t->at + 1, what);
}

static int read_object(struct adding *a, const struct czi_json_token *self, uint32_t allowed,
                       struct object *o)
{
    const struct czi_json_token *first = czi_json_token(&a->doc, 0);
    uint32_t i = (uint32_t)(self - first) + 1;

    *o = (struct object){.self = self};
    if (self->type != CZI_JSON_OBJECT)
        return bad(a, self, "expected an object: {\"fact\": …}");
    while (i < self->next) {
        const struct czi_json_token *name = first + i;
        unsigned f = 0;

        while (f < FIELD_COUNT &&
               (name->text.len != strlen(field_names[f]) ||
                memcmp(name->text.data, field_names[f], name->text.len) != 0))
            f++;
        if (f == FIELD_COUNT || !(allowed >> f & 1))
            return bad(a, name, "unknown key \"%.*s\"; causality-facts(5) lists the keys",
                       (int)CZI_MIN(name->text.len, (size_t)40), (const char *)name->text.data);
        if (o->has >> f & 1)
            return bad(a, name, "the key \"%s\" is given twice", field_names[f]);
        o->has |= 1u << f;
        o->values[f] = name + 1;
        i = (name + 1)->next;
    }
    return CZ_OK;
}

static int read_text(struct adding *a, const struct object *o, enum field f, char *out,
                     size_t size)
{
    const struct czi_json_token *t = o->values[f];

    CZI_CHECK(t);
    if (t->type != CZI_JSON_STRING)
        return bad(a, t, "\"%s\" must be a string", field_names[f]);
    if (t->text.len >= size)
        return bad(a, t, "\"%s\" has more than %zu bytes", field_names[f], size - 1);
    memcpy(out, t->text.data, t->text.len);
    out[t->text.len] = 0;
    return CZ_OK;
}

static int read_bytes(struct adding *a, const struct object *o, enum field f, bool hex)
{
    const struct czi_json_token *t = o->values[f];
    struct czi_buf *b = &a->bytes;
    uint8_t *room;
    bool ok;

    if (t->type != CZI_JSON_STRING)
        return bad(a, t, "\"%s\" must be a string", field_names[f]);
    b->len = 0;
    room = czi_buf_reserve(b, t->text.len + 1);
    if (!room)
        return czi_nomem(&a->cli->err, "a fact");
    ok = hex ? czi_unhex(room, t->text.len / 2, (const char *)t->text.data, t->text.len)
             : czi_unbase64(b, t->text);
    if (hex && ok)
        b->len = t->text.len / 2;
    if (b->failed)
        return czi_nomem(&a->cli->err, "a fact");
    return ok ? CZ_OK
              : bad(a, t, "\"%s\" is not %s", field_names[f],
                    hex ? "an even number of hex digits"
                        : "base64 with padding (RFC 4648, section 4)");
}

static int read_u64(struct adding *a, const struct object *o, enum field f, uint64_t *ret)
{
    const struct czi_json_token *t = o->values[f];
    cz_quantity q;
    char text[24];

    (void)snprintf(text, sizeof text, "%.*s", (int)CZI_MIN(t->text.len, sizeof text - 1),
                   (const char *)t->text.data);
    if ((t->type != CZI_JSON_STRING && t->type != CZI_JSON_NUMBER) ||
        cz_quantity_parse(text, &q, NULL) != CZ_OK || q < 0 || q > UINT64_MAX)
        return bad(a, t, "\"%s\" must be a number from 0 to 2^64-1", field_names[f]);
    *ret = (uint64_t)q;
    return CZ_OK;
}

static int read_finality(struct adding *a, const struct object *o, enum cz_finality *ret)
{
    char text[16];
    int rc = read_text(a, o, FIELD_RECORD_FINALITY, text, sizeof text);

    for (int f = CZ_SEEN; !rc && f <= CZ_FINAL; f++)
        if (strcmp(text, cz_finality_name(f)) == 0) {
            *ret = (enum cz_finality)f;
            return CZ_OK;
        }
    return rc ? rc
              : bad(a, o->values[FIELD_RECORD_FINALITY],
                    "\"record_finality\": \"%s\" is none of seen, depth, safe, final", text);
}

static int read_observers(struct adding *a, const struct object *o)
{
    const struct czi_json_token *list = o->values[FIELD_OBSERVERS],
                                *first = czi_json_token(&a->doc, 0);
    struct line *l = &a->line;

    if (list->type != CZI_JSON_ARRAY)
        return bad(a, list, "\"observers\" must be an array");
    for (const struct czi_json_token *t = list + 1; t < first + list->next;
         t = first + t->next) {
        if (l->spec.observer_count == CZI_OBSERVERS_MAX)
            return bad(a, t, "more than %d observers", CZI_OBSERVERS_MAX);
        if (t->type != CZI_JSON_STRING ||
            !czi_unhex(l->observers[l->spec.observer_count].key, 32, (const char *)t->text.data,
                       t->text.len))
            return bad(a, t, "an observer is a public key: 64 hex digits");
        l->spec.observer_count++;
    }
    return CZ_OK;
}

static int read_domain(struct adding *a, const struct object *line)
{
    static const enum field depths[] = {FIELD_SAFE_DEPTH, FIELD_FINAL_DEPTH,
                                        FIELD_RECORD_DEPTH};
    cz_domain_spec *spec = &a->line.spec;
    uint64_t *const numbers[] = {&spec->safe_depth, &spec->final_depth, &spec->record_depth};
    struct object o;
    int rc = read_object(a, line->values[FIELD_DOMAIN], DOMAIN_FIELDS, &o);

    *spec = (cz_domain_spec){.name = a->line.name,
                             .adapter = a->line.adapter,
                             .observers = a->line.observers};
    if (!rc && (!(o.has & SET(NAME)) || !(o.has & SET(ADAPTER))))
        rc = bad(a, o.self, "a domain needs \"name\" and \"adapter\"");
    if (!rc)
        rc = read_text(a, &o, FIELD_NAME, a->line.name, sizeof a->line.name);
    if (!rc)
        rc = read_text(a, &o, FIELD_ADAPTER, a->line.adapter, sizeof a->line.adapter);
    a->bytes.len = 0;
    if (!rc && o.has & SET(PARAMETERS))
        rc = read_bytes(a, &o, FIELD_PARAMETERS, true);
    for (size_t i = 0; i < CZI_COUNTOF(depths) && !rc; i++)
        if (o.values[depths[i]])
            rc = read_u64(a, &o, depths[i], numbers[i]);
    if (!rc && o.has & SET(RECORD_FINALITY))
        rc = read_finality(a, &o, &spec->record_finality);
    if (!rc && o.has & SET(OBSERVERS))
        rc = read_observers(a, &o);
    spec->parameters = a->bytes.data;
    spec->parameters_len = a->bytes.len;
    return rc;
}

static int read_retraction(struct adding *a, const struct object *o)
{
    char id[CZ_ID_TEXT_SIZE + 1];
    int rc = read_text(a, o, FIELD_RETRACT, id, sizeof id);

    if (!rc && cz_id_parse(id, &a->line.fact, NULL) != CZ_OK)
        rc = bad(a, o->values[FIELD_RETRACT], "\"retract\" must be the whole id of a fact");
    a->line.note[0] = 0;
    if (!rc && o->has & SET(NOTE))
        rc = read_text(a, o, FIELD_NOTE, a->line.note, sizeof a->line.note);
    a->bytes.len = 0;
    if (!rc && o->has & SET(EVIDENCE))
        rc = read_bytes(a, o, FIELD_EVIDENCE, false);
    return rc;
}

static int read_line(struct adding *a, struct czi_slice text)
{
    static const uint32_t allowed =
        SET(FACT) | SET(RETRACT) | SET(DOMAIN) | SET(EVIDENCE) | SET(NOTE) | REMARKS;
    struct object o;
    uint32_t type;
    int rc;

    a->doc.size_max = FACT_LINE_MAX;
    if (!czi_json_parse(&a->doc, (const char *)text.data, text.len))
        return czi_fail(&a->cli->err, CZ_INVALID, "%s:%llu:%zu: %s", a->file,
                        (unsigned long long)a->number, a->doc.at + 1, a->doc.what);
    rc = read_object(a, czi_json_token(&a->doc, 0), allowed, &o);
    if (rc)
        return rc;
    type = o.has & (SET(FACT) | SET(RETRACT) | SET(DOMAIN));
    if (__builtin_popcount(type) != 1)
        return bad(a, o.self, "a line holds just one of \"fact\", \"retract\" and \"domain\"");
    if (o.has & (SET(EVIDENCE) | SET(NOTE)) && type != SET(RETRACT))
        return bad(a, o.self, "\"evidence\" and \"note\" go with \"retract\"");
    a->line.type = type == SET(FACT)      ? LINE_FACT
                   : type == SET(RETRACT) ? LINE_RETRACTION
                                          : LINE_DOMAIN;
    if (type == SET(DOMAIN))
        return read_domain(a, &o);
    return type == SET(FACT) ? read_bytes(a, &o, FIELD_FACT, false) : read_retraction(a, &o);
}

/* ---- Adding ----------------------------------------------------------------------------- */

bool czi_is_refusal(int code)
{
    switch (code) {
    case CZ_IO:
    case CZ_CORRUPT:
    case CZ_NOMEM:
    case CZ_CLOSED:
    case CZ_BUSY:
        return false;
    default:
        return code != CZ_OK;
    }
}

const char *czi_fault_name(int code)
{
    return code >= CZ_UNKNOWN_DOMAIN ? cz_reason_name(code) : cz_code_name(code);
}

static void put_place(const struct adding *a)
{
    (void)czi_print_text(stdout, a->file, strlen(a->file));
    if (a->number)
        printf(":%llu", (unsigned long long)a->number);
}

static const char *line_type(const struct line *l)
{
    return l->type == LINE_FACT ? "fact" : l->type == LINE_RETRACTION ? "retraction" : "domain";
}

/* code: 0, or why it was refused. */
static void tell(struct adding *a, int code, bool fresh, const cz_id *id)
{
    const char *status = code ? "refused" : fresh ? "recorded" : "known";
    const cz_error *err = &a->cli->err;
    struct czi_json j = {.out = stdout};
    char text[CZ_ID_TEXT_SIZE];

    a->refused += code != 0;
    a->recorded += !code && fresh;
    a->known += !code && !fresh;
    if (a->cli->json) {
        czi_json_open(&j, NULL, '{');
        czi_json_string(&j, "file", a->file);
        czi_json_number(&j, "line", a->number);
        czi_json_string(&j, "type", line_type(&a->line));
        czi_json_string(&j, "status", status);
        if (id)
            czi_json_id(&j, "id", id);
        else
            czi_json_string(&j, "id", NULL);
        czi_json_string(&j, "fault", code ? czi_fault_name(code) : NULL);
        czi_json_string(&j, "detail", code ? err->detail : NULL);
        czi_json_close(&j, '}');
        printf("\n");
        return;
    }
    put_place(a);
    if (code) {
        printf(": refused: %s: ", czi_fault_name(code));
        (void)czi_print_text(stdout, err->detail, strlen(err->detail));
        printf("\n");
        return;
    }
    printf(": %s %s ", fresh ? "recorded" : "known already:", line_type(&a->line));
    if (id)
        cz_id_print(id, text);
    printf("%s\n", id ? text : a->line.name);
}

/* How many items there are, whether anything was recorded. */
static int count_items(struct adding *a, uint64_t *ret)
{
    cz_stats stats;
    int rc = cz_stats_get(a->cli->engine, &stats, &a->cli->err);

    if (!rc)
        *ret = stats.facts;
    return rc;
}

/* The id that a fact which was signed before has now. */
static void follow_signed(const struct adding *a, cz_id *id)
{
    uint32_t n = czi_id_table_find(&a->unsigned_ids, id);

    if (n != CZI_ID_NONE)
        memcpy(id, a->signed_ids.data + n * sizeof *id, sizeof *id);
}

static int add_signed(struct adding *a, cz_id *ret_id)
{
    cz_error *err = &a->cli->err;
    CZI_AUTOBUF bytes = {0};
    struct czi_item item;
    cz_id before = czi_fact_id(a->bytes.data, a->bytes.len);
    bool fact = czi_item_decode(a->bytes.data, a->bytes.len, &item, NULL) == CZ_OK &&
                item.type == CZI_ITEM_FACT;
    int rc = CZ_OK;

    if (!fact || !item.fact.has_header)
        czi_buf_put(&bytes, a->bytes.data, a->bytes.len);
    if (fact && item.fact.has_header) {
        follow_signed(a, &item.fact.header);
        rc = czi_item_encode(&item, &bytes, err);
    }
    if (!rc && bytes.failed)
        rc = czi_nomem(err, "a fact");
    if (!rc)
        rc = cz_fact_add(a->cli->engine, bytes.data, bytes.len, a->seed, ret_id, err);
    if (rc || !fact || czi_id_table_find(&a->unsigned_ids, &before) != CZI_ID_NONE)
        return rc;
    czi_buf_put(&a->signed_ids, ret_id, sizeof *ret_id);
    if (a->signed_ids.failed || czi_id_table_insert(&a->unsigned_ids, &before) == CZI_ID_NONE)
        return czi_nomem(err, "the ids of facts");
    return CZ_OK;
}

static int add_line(struct adding *a, cz_id *ret_id)
{
    struct line *l = &a->line;
    cz_engine *g = a->cli->engine;
    cz_error *err = &a->cli->err;

    switch (l->type) {
    case LINE_FACT:
        if (a->seed)
            return add_signed(a, ret_id);
        return cz_fact_add(g, a->bytes.data, a->bytes.len, NULL, ret_id, err);
    case LINE_RETRACTION:
        follow_signed(a, &l->fact);
        return cz_fact_retract(g, &l->fact, a->bytes.len ? a->bytes.data : NULL, a->bytes.len,
                               l->note, a->seed, ret_id, err);
    case LINE_DOMAIN:
        break;
    }
    return cz_domain_set(g, &l->spec, err);
}

static int add_and_tell(struct adding *a)
{
    uint64_t before = 0, after = 0;
    cz_id id;
    int rc = count_items(a, &before), code;

    if (rc)
        return rc;
    a->cli->err = (cz_error){0};
    code = add_line(a, &id);
    if (code && !czi_is_refusal(code))
        return code;
    if (!code)
        rc = count_items(a, &after);
    if (!rc)
        tell(a, code, after != before, code || a->line.type == LINE_DOMAIN ? NULL : &id);
    return rc;
}

/* ---- Files ------------------------------------------------------------------------------ */

static bool is_blank(struct czi_slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (!strchr(" \t\r", line.data[i]) || !line.data[i])
            return false;
    return true;
}

/* Every line of a file: decodes it, and with `keep` adds it. */
static int walk_lines(struct adding *a, struct czi_slice text, bool keep)
{
    int rc = CZ_OK;

    a->number = 0;
    while (text.len && !rc && !ferror(stdout)) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        struct czi_slice line = {text.data, end ? (size_t)(end - text.data) : text.len};
        size_t taken = line.len + (end != NULL);

        text = (struct czi_slice){text.data + taken, text.len - taken};
        a->number++;
        if (is_blank(line))
            continue;
        rc = read_line(a, line);
        if (!rc && keep)
            rc = add_and_tell(a);
    }
    return rc;
}

/* A file is JSON Lines, or one item, which begins like an array of CBOR. */
static int walk(struct adding *a, struct czi_slice text, bool keep)
{
    if (!text.len || text.data[0] < 0x80)
        return walk_lines(a, text, keep);
    a->number = 0;
    a->line.type = LINE_FACT;
    a->bytes.len = 0;
    czi_buf_put(&a->bytes, text.data, text.len);
    if (a->bytes.failed)
        return czi_nomem(&a->cli->err, "a fact");
    return keep ? add_and_tell(a) : CZ_OK;
}

static int add_all(struct adding *a, const struct czi_buf *texts, int count, char **paths)
{
    int rc = CZ_OK;

    for (int keep = 0; keep < 2; keep++) {
        for (int i = 0; i < count && !rc; i++) {
            a->file = strcmp(paths[i], "-") == 0 ? "standard input" : paths[i];
            rc = walk(a, czi_buf_slice(&texts[i]), keep);
        }
        if (!keep && !rc) {
            cz_options writing = {.ordered = true, .threads = 1};
            int exit_code;

            if (!a->cli->engine && !czi_cli_open(a->cli, &writing, &exit_code))
                return exit_code;
        }
    }
    if (rc)
        return czi_cli_fail(rc, &a->cli->err);
    if (!a->cli->json)
        printf("recorded   %llu\nknown      %llu\nrefused    %llu\n",
               (unsigned long long)a->recorded, (unsigned long long)a->known,
               (unsigned long long)a->refused);
    return a->refused ? CZI_EXIT_NO : CZI_EXIT_OK;
}

int czi_fact_add_run(struct czi_cli *cli, int argc, char **argv)
{
    CZI_AUTOFREE struct adding *a = czi_alloc_zero(1, sizeof *a);
    CZI_AUTOFREE struct czi_buf *texts = czi_alloc_zero((size_t)argc, sizeof *texts);
    uint8_t seed[32];
    int rc, exit_code;

    if (!a || !texts)
        return czi_cli_fail(czi_nomem(&cli->err, "the files"), &cli->err);
    a->cli = cli;
    rc = czi_cli_seed(czi_cli_option(cli, "sign"), seed, &a->seed, &cli->err);
    for (int i = 0; i < argc && !rc; i++)
        rc = czi_cli_load(argv[i], CZI_BLOCK_FILE_MAX, "CZI_BLOCK_FILE_MAX", &texts[i],
                          &cli->err);
    exit_code = rc ? czi_cli_fail(rc, &cli->err) : add_all(a, texts, argc, argv);
    for (int i = 0; i < argc; i++)
        czi_buf_done(&texts[i]);
    czi_json_doc_done(&a->doc);
    czi_buf_done(&a->bytes);
    czi_id_table_done(&a->unsigned_ids);
    czi_buf_done(&a->signed_ids);
    return exit_code;
}
