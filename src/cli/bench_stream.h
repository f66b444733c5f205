/* bench_stream.h - the stream of transfers that `causality bench` and its peers all run.
 *
 * Layer: cli (the peers of bench/peers include it too, in C and C++; link with -lm).
 * Threads: a stream belongs to one. The same parameters give the same items in every
 * program. Nothing is allocated.
 *
 * A transfer moves `amount` from one account to another if there is enough; with
 * CZ_BENCH_BALANCE in every account there always is. An effect that only reads compares both
 * balances with `amount` and changes nothing. Accounts are drawn by Zipf's law with exponent
 * Z (0: uniform); a seeded permutation scatters the ranks over the ids, so that hot accounts
 * are not neighbours in memory.
 *
 * Source: W. Hörmann, G. Derflinger, "Rejection-inversion to generate variates from monotone
 * discrete distributions", ACM TOMACS 6(3), 1996. Floating point is fine here: nothing of
 * this reaches a log.
 */
#ifndef CZI_BENCH_STREAM_H
#define CZI_BENCH_STREAM_H

#include "base/rng.h"

#include <math.h>

/* 2^32 transfers of the largest amount cannot empty an account. */
#define CZ_BENCH_BALANCE 1000000000000000
#define CZ_BENCH_AMOUNT_MAX 100
#define CZ_BENCH_SEED 1
/* Beyond it nearly all draws give the same account, and a pair of two is never found. */
#define CZ_BENCH_ZIPF_MAX 4.0

struct cz_bench_item {
    uint32_t from, to; /* 0 <= from, to < accounts; from != to */
    uint32_t amount;   /* 1 to CZ_BENCH_AMOUNT_MAX */
    bool read_only;
};

struct cz_bench_stream {
    struct czi_rng rng;
    uint32_t accounts, read_percent;
    double exponent;
    double u_first, u_last, accept; /* of the sampler: see cz_bench_rank */
    uint32_t mask;                  /* smallest 2^k - 1 >= accounts - 1 */
    uint32_t multiply[3], add[3];   /* of the permutation: see cz_bench_scatter */
};

/* H(x), the integral of t^-z from 1 to x; accurate around z = 1 too. */
static inline double cz_bench_area(double z, double x)
{
    double l = log(x), y = (1 - z) * l;

    return l * (fabs(y) > 1e-8 ? expm1(y) / y : 1 + y / 2);
}

/* The x with H(x) = u. */
static inline double cz_bench_area_inverse(double z, double u)
{
    double y = (1 - z) * u;

    return exp(u * (fabs(y) > 1e-8 ? log1p(y) / y : 1 - y / 2));
}

/* A rank from 1 to accounts with probability proportional to rank^-z: a point under the
 * curve is drawn by inversion, and kept if it lies in the histogram's bar that it rounds to. */
static inline uint32_t cz_bench_rank(struct cz_bench_stream *s)
{
    for (;;) {
        double u01 = (double)(czi_rng_next(&s->rng) >> 11) * 0x1p-53;
        double u = s->u_last + u01 * (s->u_first - s->u_last);
        double x = cz_bench_area_inverse(s->exponent, u);
        double k = floor(x + 0.5);

        k = k < 1 ? 1 : k > s->accounts ? s->accounts : k;
        if (k - x <= s->accept ||
            u >= cz_bench_area(s->exponent, k + 0.5) - pow(k, -s->exponent))
            return (uint32_t)k;
    }
}

/* A permutation of 0 .. accounts-1: rounds that are bijective on the next power of two,
 * walked until the result is in range. */
static inline uint32_t cz_bench_scatter(const struct cz_bench_stream *s, uint32_t x)
{
    do {
        for (int i = 0; i < 3; i++) {
            x = (x * s->multiply[i] + s->add[i]) & s->mask;
            x ^= x >> 7;
            x ^= x >> 3;
        }
    } while (x >= s->accounts);
    return x;
}

/* accounts >= 2, 0 <= exponent <= CZ_BENCH_ZIPF_MAX, read_percent <= 100. */
static inline void cz_bench_stream_init(struct cz_bench_stream *s, uint32_t accounts,
                                        double exponent, uint32_t read_percent, uint64_t seed)
{
    s->rng = czi_rng(seed);
    s->accounts = accounts;
    s->read_percent = read_percent;
    s->exponent = exponent;
    s->u_first = cz_bench_area(exponent, 1.5) - 1;
    s->u_last = cz_bench_area(exponent, (double)accounts + 0.5);
    s->accept =
        2 - cz_bench_area_inverse(exponent, cz_bench_area(exponent, 2.5) - pow(2, -exponent));
    s->mask = UINT32_MAX >> __builtin_clz(accounts - 1);
    for (int i = 0; i < 3; i++) {
        s->multiply[i] = (uint32_t)czi_rng_next(&s->rng) | 1;
        s->add[i] = (uint32_t)czi_rng_next(&s->rng);
    }
}

static inline uint32_t cz_bench_account(struct cz_bench_stream *s)
{
    if (s->exponent > 0)
        return cz_bench_scatter(s, cz_bench_rank(s) - 1);
    return (uint32_t)czi_rng_below(&s->rng, s->accounts);
}

static inline struct cz_bench_item cz_bench_stream_next(struct cz_bench_stream *s)
{
    struct cz_bench_item item;

    item.from = cz_bench_account(s);
    do {
        item.to = cz_bench_account(s);
    } while (item.to == item.from);
    item.amount = 1 + (uint32_t)czi_rng_below(&s->rng, CZ_BENCH_AMOUNT_MAX);
    item.read_only = czi_rng_below(&s->rng, 100) < s->read_percent;
    return item;
}

/* One number over the final state, to compare programs: start with 0, add every account in
 * the order of ids; `version` counts the effects that changed the account (0 at first).
 * Printed as 16 hex digits. */
static inline uint64_t cz_bench_checksum_add(uint64_t sum, __int128 quantity, uint64_t version)
{
    const uint64_t words[3] = {(uint64_t)quantity, (uint64_t)(quantity >> 64), version};

    for (int i = 0; i < 3; i++) {
        sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 29;
    }
    return sum;
}

#endif
