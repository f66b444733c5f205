/* list.c - `causality list`: resources by label, as a table or as JSON.
 *
 * Layer: cli. Labels of what matches are copied and sorted; each resource is then read again
 * by its id, so that what is kept is small.
 */
#include "cli/cli.h"

#include "base/error.h"
#include "resource/resource.h"

#include <stdlib.h>

struct entry {
    cz_id id;
    size_t label; /* offset in labels */
};

struct filter {
    const struct czi_cli *cli;
    const char *kind, *prefix, *asset, *state;
    struct czi_buf entries; /* of struct entry */
    struct czi_buf labels;  /* paths, zero-terminated */
};

static int keep(void *arg, const cz_resource *r)
{
    struct filter *f = arg;
    struct entry e = {r->id, f->labels.len};
    char path[CZI_PATH_SIZE];
    size_t len = czi_cli_path(f->cli, &r->id, path);

    if ((f->kind && strcmp(f->kind, cz_kind_name((int)r->kind)) != 0) ||
        (f->state && strcmp(f->state, cz_state_name((int)r->state)) != 0) ||
        (f->asset && (!r->asset || strcmp(f->asset, r->asset) != 0)) ||
        (f->prefix && strncmp(path, f->prefix, strlen(f->prefix)) != 0))
        return 0;
    czi_buf_put(&f->entries, &e, sizeof e);
    czi_buf_put(&f->labels, path, len + 1);
    return f->entries.failed || f->labels.failed ? CZ_NOMEM : CZ_OK;
}

static int compare(const void *a, const void *b, void *labels)
{
    const struct entry *x = a, *y = b;
    int order = strcmp((const char *)labels + x->label, (const char *)labels + y->label);

    return order ? order : memcmp(&x->id, &y->id, sizeof x->id);
}

/* ---- The table -------------------------------------------------------------------------- */

enum { LABEL, KIND, ASSET, QUANTITY, VERSION, STATE, COLUMNS };

static const struct {
    const char *title;
    bool right;
} columns[COLUMNS] = {
    [LABEL] = {"RESOURCE", false},   [KIND] = {"KIND", false},      [ASSET] = {"ASSET", false},
    [QUANTITY] = {"QUANTITY", true}, [VERSION] = {"VERSION", true}, [STATE] = {"STATE", false},
};

struct row {
    const char *cells[COLUMNS];
    char path[CZI_PATH_SIZE];
    char quantity[CZ_QUANTITY_TEXT_SIZE], version[CZ_QUANTITY_TEXT_SIZE];
};

static void fill_row(const struct czi_cli *cli, struct row *row, const cz_resource *r)
{
    (void)czi_cli_path(cli, &r->id, row->path);
    cz_quantity_print(r->quantity, row->quantity);
    cz_quantity_print((cz_quantity)r->version, row->version);
    row->cells[LABEL] = row->path;
    row->cells[KIND] = cz_kind_name((int)r->kind);
    row->cells[ASSET] = r->asset ? r->asset : "-";
    row->cells[QUANTITY] = czi_kind_has_data(r->kind) ? "-" : row->quantity;
    row->cells[VERSION] = row->version;
    row->cells[STATE] = cz_state_name((int)r->state);
}

/* The bytes of the first `count` characters. */
static size_t prefix_of(const char *text, size_t count)
{
    size_t len = 0, seen = 0;

    for (; text[len]; len++) {
        seen += ((uint8_t)text[len] & 0xc0) != 0x80;
        if (seen > count)
            break;
    }
    return len;
}

/* What is too wide ends in a character that says so. */
static void print_cell(const char *text, size_t width, bool right, bool last)
{
    size_t has = czi_text_width(text, strlen(text));
    bool cut = has > width;
    int gap = cut ? 0 : (int)(width - has);

    if (right)
        printf("%*s", gap, "");
    (void)fwrite(text, 1, prefix_of(text, cut ? width - 1 : width), stdout);
    if (cut)
        (void)fputs("…", stdout);
    if (!last)
        printf("%*s  ", right ? 0 : gap, "");
}

/* Labels and assets give way, longest first, when the terminal is too narrow. */
static void fit(size_t width[COLUMNS])
{
    size_t all = 2 * (COLUMNS - 1), terminal = czi_terminal_width();

    for (int c = 0; c < COLUMNS; c++)
        all += width[c];
    while (terminal && all > terminal && CZI_MAX(width[LABEL], width[ASSET]) > 8) {
        width[width[LABEL] >= width[ASSET] ? LABEL : ASSET]--;
        all--;
    }
}

static int print_table(struct czi_cli *cli, const struct entry *entries, size_t count)
{
    size_t width[COLUMNS];
    struct row row;
    cz_resource r;
    int rc = CZ_OK;

    for (int c = 0; c < COLUMNS; c++)
        width[c] = strlen(columns[c].title);
    for (size_t i = 0; i < count && !rc; i++) {
        rc = cz_resource_get(cli->engine, &entries[i].id, &r, &cli->err);
        if (rc)
            return rc;
        fill_row(cli, &row, &r);
        for (int c = 0; c < COLUMNS; c++)
            width[c] = CZI_MAX(width[c], czi_text_width(row.cells[c], strlen(row.cells[c])));
    }
    fit(width);
    (void)fputs(czi_bold(cli), stdout);
    for (int c = 0; c < COLUMNS; c++)
        print_cell(columns[c].title, width[c], columns[c].right, c == COLUMNS - 1);
    printf("%s\n", czi_plain(cli));
    for (size_t i = 0; i < count && !rc; i++) {
        rc = cz_resource_get(cli->engine, &entries[i].id, &r, &cli->err);
        if (rc)
            return rc;
        fill_row(cli, &row, &r);
        for (int c = 0; c < COLUMNS; c++)
            print_cell(row.cells[c], width[c], columns[c].right, c == COLUMNS - 1);
        printf("\n");
    }
    return rc;
}

static int print_json(struct czi_cli *cli, const struct entry *entries, size_t count)
{
    cz_resource r;
    int rc = CZ_OK;

    for (size_t i = 0; i < count && !rc && !ferror(stdout); i++) {
        rc = cz_resource_get(cli->engine, &entries[i].id, &r, &cli->err);
        if (!rc)
            czi_print_resource_json(&r);
    }
    return rc;
}

int czi_cli_list(struct czi_cli *cli, int argc, char **argv)
{
    struct filter f = {.cli = cli,
                       .kind = czi_cli_option(cli, "kind"),
                       .prefix = czi_cli_option(cli, "prefix"),
                       .asset = czi_cli_option(cli, "asset"),
                       .state = czi_cli_option(cli, "state")};
    struct entry *entries;
    size_t count;
    int rc;

    (void)argc;
    (void)argv;
    if (!czi_cli_open(cli, NULL, &rc))
        return rc;
    rc = cz_resource_list(cli->engine, keep, &f, &cli->err);
    if (rc == CZ_NOMEM)
        rc = czi_nomem(&cli->err, "the list of resources");
    entries = (void *)f.entries.data;
    count = f.entries.len / sizeof *entries;
    if (!rc && count)
        qsort_r(entries, count, sizeof *entries, compare, f.labels.data);
    if (!rc)
        rc = cli->json ? print_json(cli, entries, count) : print_table(cli, entries, count);
    czi_buf_done(&f.entries);
    czi_buf_done(&f.labels);
    return rc ? czi_cli_fail(rc, &cli->err) : CZI_EXIT_OK;
}
