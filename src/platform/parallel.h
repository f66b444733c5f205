/* parallel.h - one test of many things on several threads: proofs, signatures.
 *
 * Layer: platform. Threads: the calling one works too; all others have ended when it returns.
 * What is found is the same for any number of threads.
 */
#ifndef CZI_PARALLEL_H
#define CZI_PARALLEL_H

#include "base/check.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the thing with this number passes. Called on any of the threads, once a number. */
typedef bool (*czi_holds_fn)(const void *arg, size_t number);

/* The lowest number in 0 .. count-1 that does not pass; count: all do. Fewer than `alone` stay
 * on the calling thread, since waking others would cost more; so does the share of a thread
 * that cannot be started. Cost: 20 us a thread. */
size_t czi_parallel_find(size_t count, size_t alone, unsigned threads, czi_holds_fn holds,
                         const void *arg);

#endif
