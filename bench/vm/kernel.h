/* kernel.h - what bench/vm.c runs, natively and as a guest: the same C.
 */
#ifndef CZI_BENCH_KERNEL_H
#define CZI_BENCH_KERNEL_H

#include <stdint.h>

/* Does some hundred million instructions of work, and gives a number that follows from it. */
uint64_t KERNEL(void);

#endif
