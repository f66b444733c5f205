/* program_guest.h - guests as programs, for the actions of `causality program`.
 *
 * Layer: cli. Thread: main.
 */
#ifndef CZI_CLI_PROGRAM_GUEST_H
#define CZI_CLI_PROGRAM_GUEST_H

#include "cli/cli.h"

/* What is given where a module could stand: an ELF file for RISC-V, or a code of the store. */
struct czi_guest_given {
    const char *text;
    bool is_guest, is_file;
    struct czi_buf elf;         /* of a file */
    char name[CZ_ID_TEXT_SIZE]; /* of its programs, once it is there */
    struct czi_buf input;       /* --input */
};
/* A file of any kind that is there is one; else what is no path is a code. Errors are of
 * reading. */
CZI_MUST_USE int czi_guest_look(struct czi_cli *cli, const char *text,
                                struct czi_guest_given *ret);
/* In the open store, which is written to: deploys a file, finds a code. */
CZI_MUST_USE int czi_guest_find(struct czi_cli *cli, struct czi_guest_given *g);
void czi_guest_given_done(struct czi_guest_given *g);
/* What an instance of it is started with: the words behind it, or --input. */
cz_program_spec czi_guest_spec(struct czi_cli *cli, const struct czi_guest_given *g, int argc,
                               char **argv);
/* Whether an instance is a guest's, by its program's name. */
bool czi_guest_is(const cz_program_report *r);
/* Whether a file is made for RISC-V. */
bool czi_guest_is_file(const char *path);

int czi_program_deploy(struct czi_cli *cli, int argc, char **argv);

#endif
