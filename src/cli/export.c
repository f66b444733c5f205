/* export.c - `causality export`: everything recorded, as one CAR file.
 *
 * Layer: cli. A file appears under its name when it is complete: until then it is NAME.part.
 * What is no file (a pipe, a device) is written as it is.
 */
#include "cli/inspect.h"

#include "base/error.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

struct output {
    const char *path; /* NULL: standard output */
    struct czi_buf part;
    bool renamed; /* part is to be renamed */
    FILE *file;
};

static int io_error(const struct output *o, cz_error *err)
{
    return czi_fail(err, CZ_IO, "%s: %s", o->path ? o->path : "standard output",
                    strerror(errno));
}

static int sink(void *arg, const void *data, size_t len, cz_error *err)
{
    struct output *o = arg;

    return fwrite(data, 1, len, o->file) == len ? CZ_OK : io_error(o, err);
}

static int open_output(struct output *o, cz_error *err)
{
    struct stat st;

    o->file = stdout;
    if (!o->path)
        return CZ_OK;
    o->renamed = stat(o->path, &st) != 0 || S_ISREG(st.st_mode);
    czi_buf_printf(&o->part, "%s%s", o->path, o->renamed ? ".part" : "");
    czi_buf_put_byte(&o->part, 0);
    if (o->part.failed)
        return czi_nomem(err, "the file's name");
    o->file = fopen((const char *)o->part.data, "we");
    return o->file ? CZ_OK : io_error(o, err);
}

/* Complete and durable, or gone. */
static int close_output(struct output *o, int rc, cz_error *err)
{
    const char *part = (const char *)o->part.data;

    if (!o->path || !o->file)
        return rc;
    if (!rc && (fflush(o->file) != 0 || (o->renamed && fsync(fileno(o->file)) != 0)))
        rc = io_error(o, err);
    if (fclose(o->file) != 0 && !rc)
        rc = io_error(o, err);
    if (!rc && o->renamed && rename(part, o->path) != 0)
        rc = io_error(o, err);
    if (rc && o->renamed)
        (void)unlink(part);
    return rc;
}

static void print_report(const struct czi_cli *cli, const char *path,
                         const cz_export_report *report)
{
    struct czi_json j = {.out = stdout};
    char root[CZ_ID_TEXT_SIZE];

    cz_id_print(&report->root, root);
    if (!cli->json) {
        printf("file    %s\nblocks  %llu\nbytes   %llu\nroot    %s\n", path,
               (unsigned long long)report->blocks, (unsigned long long)report->bytes, root);
        return;
    }
    czi_json_open(&j, NULL, '{');
    czi_json_string(&j, "file", path);
    czi_json_u64(&j, "blocks", report->blocks);
    czi_json_u64(&j, "bytes", report->bytes);
    czi_json_string(&j, "root", root);
    czi_json_close(&j, '}');
    printf("\n");
}

int czi_cli_export(struct czi_cli *cli, int argc, char **argv)
{
    struct output o = {.path = czi_cli_option(cli, "output")};
    struct czi_inspection c;
    cz_export_report report;
    int rc;

    (void)argc;
    (void)argv;
    if (!czi_inspect_begin(&c, cli))
        return CZI_EXIT_USAGE;
    if (!o.path && cli->json)
        return czi_cli_usage(cli, "--json tells what was written: give --output FILE, because "
                                  "without it the CAR itself goes to standard output");
    if (!o.path && cli->out_terminal)
        return czi_cli_usage(cli, "a CAR is nothing for a terminal: give --output FILE, or "
                                  "send it through a pipe");
    rc = open_output(&o, &cli->err);
    if (!rc)
        rc = cz_export_car(cli->dir, &c.options, sink, &o, &report, &cli->err);
    rc = close_output(&o, rc, &cli->err);
    czi_buf_done(&o.part);
    czi_progress_clear(&c.progress);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    if (o.path)
        print_report(cli, o.path, &report);
    return CZI_EXIT_OK;
}
