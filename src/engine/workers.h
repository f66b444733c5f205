/* workers.h - threads that help the engine's with jobs that change nothing: guests that run
 * ahead of their turn.
 *
 * Layer: engine. Threads: one owner, which works too; what a job does must be safe beside the
 * others. A *wave* is a number of jobs; it is over when all are done. Between waves the others
 * spin for some microseconds, since the next wave mostly comes at once, and then sleep.
 *
 * A wave is one word: its number, how many jobs it has, and the first that nobody has claimed.
 * Who claims some sees in the same step of which wave they are, so that one who comes too late
 * finds nothing; as long as a claimed job runs its wave is not over, and what it reads of the
 * wave stays as it is.
 */
#ifndef CZI_WORKERS_H
#define CZI_WORKERS_H

#include "base/error.h"

#include <stdint.h>

/* Jobs in one wave. */
#define CZI_WAVE_MAX 65535u

/* worker: 0 to threads-1, the owner is 0; each is in one job at a time. */
typedef void (*czi_wave_fn)(void *arg, unsigned worker, uint32_t job);

struct czi_workers;
/* threads: with the owner's, at least 1. A thread that cannot be started is left out. CZ_NOMEM.
 */
CZI_MUST_USE int czi_workers_new(unsigned threads, struct czi_workers **ret, cz_error *err);
void czi_workers_free(struct czi_workers *w); /* NULL: no-op */
/* How many can be in jobs at the same time. */
unsigned czi_workers_count(const struct czi_workers *w);
/* Runs the jobs 0 to count-1, at most CZI_WAVE_MAX. Cost beside them: about 0.3 us while the
 * others spin, a few us when they sleep. */
void czi_workers_run(struct czi_workers *w, czi_wave_fn fn, void *arg, uint32_t count);

#endif
