/* inspect.c - see inspect.h. */
#include "cli/inspect.h"

#include "base/limits.h"

#include <inttypes.h>

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    struct czi_inspection *c = arg;

    czi_progress_show(c->cli, &c->progress, c->what, done, total);
}

bool czi_inspect_begin(struct czi_inspection *c, struct czi_cli *cli)
{
    uint64_t threads = 0;

    *c = (struct czi_inspection){.cli = cli, .what = cli->verb->name};
    if (!czi_cli_number(cli, "threads", 1, CZI_THREADS_MAX, &threads))
        return false;
    c->options = (cz_check_options){.threads = (unsigned)threads,
                                    .progress = on_progress,
                                    .progress_arg = c};
    return true;
}

int czi_inspect_failed(struct czi_inspection *c, int rc)
{
    struct cz_error *err = &c->cli->err;

    czi_progress_clear(&c->progress);
    if (czi_exit_of(rc) != CZI_EXIT_CORRUPT)
        return czi_cli_fail(rc, err);
    if (c->cli->json)
        czi_json_line(c->what, "failed", "code", cz_code_name(rc), "finding", err->detail);
    else
        printf("%s: failed\n", c->what);
    return czi_cli_fail(rc, err);
}

/* name in JSON, text, field */
#define COUNTS(X)                                                                              \
    X("segments", segments)                                                                    \
    X("frames", frames)                                                                        \
    X("journal_bytes", journal_bytes)                                                          \
    X("effects", positions)                                                                    \
    X("applied", applied)                                                                      \
    X("rejected", rejected)                                                                    \
    X("facts", facts)                                                                          \
    X("resources", resources)                                                                  \
    X("assets", assets)                                                                        \
    X("domains", domains)

void czi_inspect_print(const cz_journal_report *r)
{
    char root[65];

#define PRINT(name, field) printf("%-14s %" PRIu64 "\n", name, r->field);
    COUNTS(PRINT)
#undef PRINT
    printf("%-14s %s\n", "index", r->index_compared ? "agrees" : "not there to compare");
    if (r->unfinished_tail)
        printf("%-14s %" PRIu64 " bytes behind the last whole frame, journal/%016" PRIx32
               " at %" PRIu64 ": an append that was cut short, or altered\n",
               "torn tail", r->tail_bytes, r->tail_segment, r->tail_offset);
    czi_hex(root, r->root, sizeof r->root);
    printf("%-14s %s\n", "root", root);
}

void czi_inspect_json(struct czi_json *j, const cz_journal_report *r)
{
    char segment[32];

#define PRINT(name, field) czi_json_u64(j, name, r->field);
    COUNTS(PRINT)
#undef PRINT
    czi_json_hex(j, "root", r->root, sizeof r->root);
    czi_json_bool(j, "index_compared", r->index_compared);
    if (!r->unfinished_tail) {
        czi_json_string(j, "unfinished_tail", NULL);
        return;
    }
    (void)snprintf(segment, sizeof segment, "journal/%016" PRIx32, r->tail_segment);
    czi_json_open(j, "unfinished_tail", '{');
    czi_json_string(j, "segment", segment);
    czi_json_u64(j, "offset", r->tail_offset);
    czi_json_u64(j, "bytes", r->tail_bytes);
    czi_json_close(j, '}');
}
