/* code.h - codes of guests, from files and stores, for the verbs vm and program.
 *
 * Layer: cli. Thread: main.
 */
#ifndef CZI_CLI_CODE_H
#define CZI_CLI_CODE_H

#include "cli/cli.h"
#include "vm/vm.h"

/* " <main+0x8>", or nothing; fit for a terminal. */
#define CZI_CODE_NAME_SIZE 96
void czi_code_name(const struct czi_image *image, uint64_t address,
                   char out[CZI_CODE_NAME_SIZE]);

/* "open" for CZ_CALL_OPEN; the number where there is no such call. */
#define CZI_CALL_NAME_SIZE 24
const char *czi_call_name(uint64_t number, char out[CZI_CALL_NAME_SIZE]);

int czi_program_inspect(struct czi_cli *cli, int argc, char **argv);
int czi_program_disasm(struct czi_cli *cli, int argc, char **argv);

#endif
