/* programs.h - the logs of programs, as the store has them.
 *
 * Layer: engine. Threads: any, one at a time, between czi_read_begin and czi_read_end.
 *
 * A program's log is the chain of its effects, applied or not. Nothing here looks into notes.
 */
#ifndef CZI_PROGRAMS_H
#define CZI_PROGRAMS_H

#include "engine/find.h"

struct czi_program_row {
    cz_id program, head;
    uint64_t entries, first, last; /* positions */
};
/* CZ_NOT_FOUND: it has no effect. */
CZI_MUST_USE int czi_program_find(cz_engine *g, const cz_id *program,
                                  struct czi_program_row *ret, cz_error *err);
/* All, in the order of their first entries. A non-zero return ends the walk and is returned. */
typedef int (*czi_program_row_fn)(void *arg, const struct czi_program_row *row, cz_error *err);
CZI_MUST_USE int czi_program_each(cz_engine *g, czi_program_row_fn fn, void *arg,
                                  cz_error *err);

struct czi_program_entry {
    uint64_t number;                /* from 1 */
    cz_id node;                     /* [node before, receipt] */
    struct czi_slice note;          /* data NULL: it has none */
    const struct czi_finder *found; /* the effect with its outcome */
};
typedef int (*czi_program_entry_fn)(void *arg, const struct czi_program_entry *entry,
                                    cz_error *err);
/* Oldest first; what entry has lives until fn returns, which must not read in g itself.
 * Where at least one position in CZI_PROGRAM_SPREAD is the program's, the journal is read from
 * its first to its last entry. Else each frame that holds entries is read twice, when they are
 * many three times. Memory: 8 bytes for each such frame up to CZI_PROGRAM_MARKS, and little
 * more beyond. */
#define CZI_PROGRAM_SPREAD 64u
#define CZI_PROGRAM_MARKS 65536u
CZI_MUST_USE int czi_program_entries(cz_engine *g, const cz_id *program,
                                     czi_program_entry_fn fn, void *arg, cz_error *err);
/* One entry, by its position; its number and node are not known. *ret lives until f reads
 * again. Cheap when positions rise. */
CZI_MUST_USE int czi_program_entry_at(struct czi_finder *f, uint64_t position,
                                      struct czi_program_entry *ret, cz_error *err);

/* With marks, at least 2, or reading all (0): for tests. */
CZI_MUST_USE int czi_program_walk(cz_engine *g, const cz_id *program, uint32_t marks,
                                  czi_program_entry_fn fn, void *arg, cz_error *err);

#endif
