/* names.c - what a person calls things: labels, ids, prefixes of ids.
 *
 * Layer: cli. Thread: main, over a store that is open for reading only, or that nobody but this
 * thread changes: nothing changes between two questions.
 */
#include "cli/cli.h"

#include "base/error.h"
#include "codec/cid.h"
#include "engine/engine.h"

int czi_name_id(const char *text, size_t len, cz_id *ret, cz_error *err)
{
    char copy[CZI_LABEL_SIZE_MAX + 1];
    const char *problem;
    cz_id creator = cz_operator(), hash;

    if (len < sizeof copy) {
        memcpy(copy, text, len);
        copy[len] = 0;
        if (strlen(copy) == len && cz_id_parse(copy, ret, NULL) == CZ_OK)
            return CZ_OK;
    }
    problem = czi_label_problem((struct czi_slice){(const uint8_t *)text, len});
    if (problem)
        return czi_fail(err, CZ_INVALID, "a label %s", problem);
    if (len == CZI_CODE_LABEL_SIZE - 1 && memcmp(text, "code:", 5) == 0 &&
        cz_id_parse(copy + 5, &hash, NULL) == CZ_OK) {
        *ret = czi_code_identity(&hash);
        return CZ_OK;
    }
    *ret = czi_identity_id(&creator, (struct czi_slice){(const uint8_t *)text, len});
    return CZ_OK;
}

const char *czi_cli_label(const struct czi_cli *cli, const cz_id *id)
{
    const struct czi_resources *r = &cli->engine->step.core.resources;
    uint32_t slot = czi_id_table_find(&r->ids, id);

    if (slot == CZI_ID_NONE || !czi_resource_at(r, slot)->position)
        return NULL;
    return czi_resource_name(r, slot)->label;
}

size_t czi_cli_path(const struct czi_cli *cli, const cz_id *id, char out[CZI_PATH_SIZE])
{
    const struct czi_resources *r = &cli->engine->step.core.resources;
    const char *labels[CZI_PATH_LABELS];
    unsigned count = 0;
    size_t len = 0;

    while (count < CZI_PATH_LABELS && (labels[count] = czi_cli_label(cli, id)) != NULL) {
        id = &czi_resource_name(r, czi_id_table_find(&r->ids, id))->creator;
        count++;
    }
    out[0] = 0;
    while (count--)
        len += (size_t)snprintf(out + len, CZI_PATH_SIZE - len, "%s%s", labels[count],
                                count ? "/" : "");
    return len;
}

void czi_print_name(const struct czi_cli *cli, FILE *out, const cz_id *id)
{
    char path[CZI_PATH_SIZE], text[CZ_ID_TEXT_SIZE];
    size_t len = czi_cli_path(cli, id, path);
    cz_id operator_id = cz_operator();

    if (len) {
        (void)czi_print_text(out, path, len);
        return;
    }
    cz_id_print(id, text);
    (void)fputs(czi_id_equal(id, &operator_id) ? "operator" : text, out);
}

/* The id at the beginning of a text; false: there is none, or none of a resource. */
static bool take_path(const struct czi_cli *cli, const char *text, char path[CZI_PATH_SIZE])
{
    char copy[CZ_ID_TEXT_SIZE];
    size_t len = strnlen(text, sizeof copy - 1);
    cz_id id;

    memcpy(copy, text, len);
    copy[len] = 0;
    return cz_id_parse(copy, &id, NULL) == CZ_OK && czi_cli_path(cli, &id, path);
}

void czi_cli_name_ids(const struct czi_cli *cli, cz_error *err)
{
    char detail[CZ_DETAIL_SIZE], path[CZI_PATH_SIZE];
    size_t len = 0;

    for (const char *at = err->detail; *at && len + 1 < sizeof detail;) {
        bool found = take_path(cli, at, path);
        int n = snprintf(detail + len, sizeof detail - len, "%.*s",
                         found ? (int)strlen(path) : 1, found ? path : at);

        len = CZI_MIN(len + (size_t)n, sizeof detail - 1);
        at += found ? CZ_ID_TEXT_SIZE - 1 : 1;
    }
    detail[len] = 0;
    memcpy(err->detail, detail, len + 1);
}

/* ---- Finding ---------------------------------------------------------------------------- */

/* An ambiguous prefix lists so many. */
#define CANDIDATES_MAX 16

struct search {
    const char *label; /* or, when NULL, the prefix */
    bool one_kind;
    enum cz_kind kind; /* only resources of this one */
    uint8_t digest[32];
    unsigned bits;
    unsigned count;
    struct {
        cz_id id;
        enum czi_found what;
    } found[CANDIDATES_MAX];
};

static void add(struct search *s, enum czi_found what, const cz_id *id)
{
    if (s->count < CANDIDATES_MAX) {
        s->found[s->count].id = *id;
        s->found[s->count].what = what;
    }
    s->count++;
}

static bool starts_with(const cz_id *id, const uint8_t digest[32], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(id->bytes, digest, whole) == 0 &&
           (!rest || (id->bytes[whole] ^ digest[whole]) >> (8 - rest) == 0);
}

static int match(void *arg, const cz_resource *r)
{
    struct search *s = arg;

    if (s->one_kind && r->kind != s->kind)
        return 0;
    if (s->label ? strcmp(r->label, s->label) == 0 : starts_with(&r->id, s->digest, s->bits))
        add(s, CZI_FOUND_RESOURCE, &r->id);
    return 0;
}

static int find_effects(struct czi_cli *cli, struct search *s)
{
    cz_engine *g = cli->engine;
    uint64_t positions[CANDIDATES_MAX];
    size_t count = 0;
    int rc = czi_ledger_find_prefix(g->ledger, s->digest, s->bits, positions, CANDIDATES_MAX,
                                    &count, &cli->err);

    for (size_t i = 0; i < count && !rc; i++) {
        rc = czi_find_position(&g->reader, positions[i], &cli->err);
        if (!rc)
            add(s, CZI_FOUND_EFFECT, &g->reader.effect);
    }
    return rc;
}

static void find_facts(struct czi_cli *cli, struct search *s)
{
    const struct czi_book *book = cli->engine->step.core.book;

    for (uint32_t i = 0; i < czi_book_count(book); i++)
        if (starts_with(czi_book_id(book, i), s->digest, s->bits))
            add(s, CZI_FOUND_FACT, czi_book_id(book, i));
}

static const char *kind_name(enum czi_found what)
{
    return what == CZI_FOUND_EFFECT ? "effect" : what == CZI_FOUND_FACT ? "fact" : "resource";
}

static int choose(struct czi_cli *cli, const struct search *s, const char *text,
                  enum czi_found *ret_what, cz_id *ret)
{
    char id[CZ_ID_TEXT_SIZE];

    if (s->count == 1) {
        *ret_what = s->found[0].what;
        *ret = s->found[0].id;
        return CZ_OK;
    }
    for (unsigned i = 0; i < CZI_MIN(s->count, (unsigned)CANDIDATES_MAX); i++) {
        char path[CZI_PATH_SIZE];

        cz_id_print(&s->found[i].id, id);
        (void)fprintf(stderr, "%s  %-8s  ", id, kind_name(s->found[i].what));
        (void)czi_print_text(stderr, path, czi_cli_path(cli, &s->found[i].id, path));
        (void)fputc('\n', stderr);
    }
    return czi_fail(&cli->err, CZ_CONFLICT,
                    "\"%s\" names %s%u things: type more of the id you mean", text,
                    s->count >= CANDIDATES_MAX ? "at least " : "", s->count);
}

/* "resource, effect or fact", of those in the sum. */
static const char *kinds_text(unsigned kinds)
{
    static const char *const texts[] = {[1] = "resource",
                                        [2] = "effect",
                                        [3] = "resource or effect",
                                        [4] = "fact",
                                        [5] = "resource or fact",
                                        [6] = "effect or fact",
                                        [7] = "resource, effect or fact"};

    return texts[kinds & 7];
}

static int find_prefix(struct czi_cli *cli, unsigned kinds, struct search *s)
{
    int rc = CZ_OK;

    if (kinds & CZI_FOUND_RESOURCE)
        rc = cz_resource_list(cli->engine, match, s, &cli->err);
    if (!rc && kinds & CZI_FOUND_EFFECT)
        rc = find_effects(cli, s);
    if (!rc && kinds & CZI_FOUND_FACT)
        find_facts(cli, s);
    return rc;
}

static bool exists(struct czi_cli *cli, const struct search *s, const cz_id *id)
{
    cz_resource r;

    return cz_resource_get(cli->engine, id, &r, NULL) == CZ_OK &&
           (!s->one_kind || r.kind == s->kind);
}

/* What text says as it stands; or "alice/EUR", where each '/' may be the one between a
 * resource's name and what it created, as deep as paths are printed. */
static bool find_named(struct czi_cli *cli, const char *text, size_t len, unsigned depth,
                       const struct search *s, cz_id *ret)
{
    static const struct search any;

    if (czi_name_id(text, len, ret, NULL) == CZ_OK && exists(cli, s, ret))
        return true;
    for (size_t i = len; depth > 1 && i-- > 1;) {
        struct czi_slice label = {(const uint8_t *)text + i + 1, len - i - 1};
        cz_id creator;

        if (text[i] != '/' || czi_label_problem(label) ||
            !find_named(cli, text, i, depth - 1, &any, &creator))
            continue;
        *ret = czi_identity_id(&creator, label);
        if (exists(cli, s, ret))
            return true;
    }
    return false;
}

static int find(struct czi_cli *cli, const char *text, unsigned kinds, struct search *s,
                enum czi_found *ret_what, cz_id *ret)
{
    bool resources = kinds & CZI_FOUND_RESOURCE;
    int rc;

    *ret_what = CZI_FOUND_RESOURCE;
    if (resources && find_named(cli, text, strlen(text), CZI_PATH_LABELS, s, ret))
        return CZ_OK;
    /* A label under another creator, then a prefix. */
    rc = resources ? cz_resource_list(cli->engine, match, s, &cli->err) : CZ_OK;
    if (!rc && !s->count && czi_cid_prefix(text, s->digest, &s->bits) && s->bits) {
        s->label = NULL;
        rc = find_prefix(cli, kinds, s);
    }
    if (rc)
        return rc;
    return s->count ? choose(cli, s, text, ret_what, ret) : CZ_NOT_FOUND;
}

int czi_cli_find(struct czi_cli *cli, const char *text, unsigned kinds,
                 enum czi_found *ret_what, cz_id *ret)
{
    struct search s = {.label = text};
    int rc = find(cli, text, kinds, &s, ret_what, ret);

    if (rc == CZ_NOT_FOUND)
        rc = czi_fail(&cli->err, CZ_NOT_FOUND, "there is no %s \"%s\"; %s", kinds_text(kinds),
                      text,
                      kinds & CZI_FOUND_RESOURCE ? "causality list shows what there is"
                      : kinds == CZI_FOUND_FACT  ? "causality fact list shows what there is"
                                                 : "give an id, or the beginning of one");
    return rc;
}

int czi_cli_find_kind(struct czi_cli *cli, const char *text, enum cz_kind kind, cz_id *ret)
{
    struct search s = {.label = text, .one_kind = true, .kind = kind};
    enum czi_found what;
    int rc = find(cli, text, CZI_FOUND_RESOURCE, &s, &what, ret);

    if (rc == CZ_NOT_FOUND)
        rc = czi_fail(&cli->err, CZ_NOT_FOUND,
                      "there is no %s \"%s\"%s; causality list --kind %s shows what there is",
                      cz_kind_name((int)kind), text,
                      kind == CZ_CODE ? ", and no file of that name" : "",
                      cz_kind_name((int)kind));
    return rc;
}
