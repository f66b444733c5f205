/* program.h - what the actions of `causality program` share; program_run.c runs programs.
 *
 * Layer: cli. Thread: main.
 */
#ifndef CZI_CLI_PROGRAM_H
#define CZI_CLI_PROGRAM_H

#include "cli/cli.h"

/* The program that a label, an id or the begin of one names, in the open store. */
CZI_MUST_USE int czi_program_find_one(struct czi_cli *cli, const char *text, cz_id *ret);
void czi_program_print(const struct czi_cli *cli, const cz_program_report *r);
/* Says why, and of code that does not fit its log what to try; an exit code. */
int czi_program_failed(const struct czi_cli *cli, int rc, const cz_error *err);

/* The programs of a shared object, which stays loaded. */
struct czi_module {
    const cz_program_def *programs;
    size_t count;
};
CZI_MUST_USE int czi_module_load(const char *path, struct czi_module *ret, cz_error *err);

int czi_program_id(struct czi_cli *cli, int argc, char **argv);
int czi_program_run(struct czi_cli *cli, int argc, char **argv);
int czi_program_cancel(struct czi_cli *cli, int argc, char **argv);

#endif
