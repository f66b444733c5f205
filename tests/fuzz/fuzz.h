/* fuzz.h - what a fuzz target is made of.
 *
 * A target is one file, tests/fuzz/fuzz_<name>.c, named in tests/fuzz/meson.build. It defines
 * the two functions below and states its properties with CZI_CHECK. The same file is built
 * with standalone.c (any compiler; mutates the seeds at random) and, in a build with
 * -Dfuzz=true, with libFuzzer (clang; guided by coverage) as fuzz_<name>_guided.
 */
#ifndef CZI_FUZZ_H
#define CZI_FUZZ_H

#include "base/bytes.h"
#include "base/error.h"

/* One input, in memory of exactly its size. Returns 0; a property that does not hold ends
 * the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Appends seed number i, an input that reaches deep into the target, to out; false when there
 * is none of that number. */
bool fuzz_seed(size_t i, struct czi_buf *out);

#endif
