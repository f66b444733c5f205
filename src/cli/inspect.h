/* inspect.h - what audit, replay and export share: their options, and the report of a journal.
 *
 * Layer: cli. Thread: main.
 */
#ifndef CZI_INSPECT_H
#define CZI_INSPECT_H

#include "cli/cli.h"

struct czi_inspection {
    struct czi_cli *cli;
    const char *what; /* the verb, as messages and progress name it */
    struct czi_progress progress;
    cz_check_options options;
};

/* Fills it from --threads; false: said what is wrong. Stays where it is while it is used. */
CZI_MUST_USE bool czi_inspect_begin(struct czi_inspection *c, struct czi_cli *cli);
/* Failure: the finding, in JSON on standard output too; returns the exit code. */
int czi_inspect_failed(struct czi_inspection *c, int rc);

void czi_inspect_print(const cz_journal_report *r);
void czi_inspect_json(struct czi_json *j, const cz_journal_report *r);

#endif
