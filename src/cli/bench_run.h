/* bench_run.h - one run of `causality bench transfers`; see bench_run.c. Layer: cli. */
#ifndef CZI_BENCH_RUN_H
#define CZI_BENCH_RUN_H

#include "base/check.h"
#include "causality/causality.h"

enum czi_bench_mode { CZI_BENCH_PLAN, CZI_BENCH_LOG, CZI_BENCH_DURABLE };

struct czi_bench {
    enum czi_bench_mode mode;
    uint32_t accounts;
    double zipf;
    uint64_t effects;
    unsigned threads; /* 0: all */
    unsigned batch;   /* 0: the largest */
    unsigned read_percent;
    bool causal;     /* the causal index is kept up meanwhile */
    const char *dir; /* durable: where the temporary store is made; NULL: here */
};

struct czi_bench_result {
    double seconds;
    double per_second;
    double bytes_per_effect; /* of the journal; 0 in mode plan */
    double p50_us, p99_us;   /* of one submission at a time, batch 1 only */
    uint64_t checksum;       /* over balances and versions, as the peers print it */
    uint64_t rejected;
};

CZI_MUST_USE int czi_bench_run(const struct czi_bench *b, struct czi_bench_result *ret,
                               cz_error *err);

#endif
