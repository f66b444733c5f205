/* fact_add.h - `causality fact add`, and what `fact retract` says like it.
 *
 * Layer: cli. Thread: main.
 */
#ifndef CZI_FACT_ADD_H
#define CZI_FACT_ADD_H

#include "cli/cli.h"

int czi_fact_add_run(struct czi_cli *cli, int argc, char **argv);

/* Whether a code is a refusal of what was given, and not a failure of ours. */
bool czi_is_refusal(int code);
/* "bad-header" for CZ_BAD_HEADER, "conflict" for CZ_CONFLICT. */
const char *czi_fault_name(int code);

#endif
