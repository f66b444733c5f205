/* predicted.c - effects that call a guest and declare nothing, beside the same effects with all
 * declared: how fast, and how much of what they touched was predicted, by what.
 *
 *     build/bench/predicted [EFFECTS [ACCOUNTS [THREADS [ROUNDS]]]]
 *
 * 200,000 moves between two of 10,000 accounts, uniform, in memory with logs; two threads. The
 * contenders take turns, for three rounds; of each the best one counts, since others on the
 * machine only take away. A line of JSON each: ids are accounts that the input names by id,
 * names are own resources of the guest's, which it finds by label; cpu_us is the time of all
 * cores for an effect.
 */
#include "base/rng.h"
#include "engine/engine.h"
#include "engine/guests.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

struct order {
    uint8_t what[8];
    uint8_t from[32], to[32];
    uint64_t amount;
};
struct contender {
    const char *name;
    bool declared;
    unsigned sources;
    enum czi_predict_force force;
    double rate, cpu_us; /* the best so far */
    cz_stats before, after;
};
struct bench {
    unsigned effects, accounts, threads, rounds;
    cz_id *ids;
    struct czi_slice plain, with_template;
    cz_engine *g;
    cz_id code, origin;
    uint64_t nonce;
};

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int rc, const cz_error *err)
{
    if (!rc)
        return;
    (void)fprintf(stderr, "predicted: %s: %s\n", cz_code_name(rc), err->detail);
    exit(1);
}

static struct czi_slice load(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = calloc(1, CZI_DATA_SIZE_MAX);
    size_t n = f && data ? fread(data, 1, CZI_DATA_SIZE_MAX, f) : 0;

    if (!n) {
        (void)fprintf(stderr, "predicted: %s cannot be read\n", path);
        exit(1);
    }
    (void)fclose(f);
    return (struct czi_slice){data, n};
}

/* ---- A store -------------------------------------------------------------------------------
 */

static void submit(struct bench *b, cz_effect *e)
{
    cz_error err = {0};
    int rc;

    cz_effect_set_origin(e, &b->origin);
    cz_effect_set_nonce(e, ++b->nonce);
    while ((rc = cz_submit_effect(b->g, e, NULL, NULL, NULL, &err)) == CZ_BUSY)
        must(cz_flush(b->g, &err), &err);
    must(rc, &err);
    cz_effect_clear(e);
}

static void name_of(unsigned n, uint8_t out[32])
{
    memset(out, 0, 32);
    (void)snprintf((char *)out, 32, "customer-%u", n);
}

static void begin(struct bench *b, struct czi_slice elf)
{
    cz_options o = {.threads = b->threads, .ordered = true};
    cz_error err = {0};
    CZ_EFFECT(e);

    must(cz_open(NULL, &o, &b->g, &err), &err);
    b->nonce = 0;
    must(cz_effect_deploy(e, elf.data, elf.len, &b->code, &err), &err);
    submit(b, e);
    must(cz_flush(b->g, &err), &err);
}

static void make_accounts(struct bench *b, bool names)
{
    struct order o = {.what = "c", .amount = 1000000000};
    uint64_t account[8] = {1000000000};
    cz_creation c = {.creator = cz_operator(),
                     .kind = CZ_DATA,
                     .data = (const uint8_t *)account};
    cz_error err = {0};
    CZ_EFFECT(e);

    c.data_len = sizeof account;
    for (unsigned i = 0; i < b->accounts; i++) {
        char label[32];

        (void)snprintf(label, sizeof label, "account-%u", i);
        c.label = label;
        if (names) {
            name_of(i, o.from);
            must(cz_effect_call(e, &b->code, 1000000, &o, sizeof o, &err), &err);
            (void)snprintf(label, sizeof label, "account:%s", (const char *)o.from);
            must(cz_resource_id(&b->code, label, &b->ids[i], &err), &err);
        } else {
            must(cz_effect_create(e, &c, &err), &err);
            must(cz_resource_id(&c.creator, label, &b->ids[i], &err), &err);
        }
        submit(b, e);
    }
    must(cz_flush(b->g, &err), &err);
}

/* Canonical bytes of all moves, one behind the other: making them is not measured. */
static void encode_moves(struct bench *b, bool names, bool declared, struct czi_buf *bytes,
                         cz_submission *moves)
{
    struct czi_rng r = czi_rng(7);
    size_t *at = calloc(b->effects + 1, sizeof *at);
    cz_error err = {0};
    CZ_EFFECT(e);

    if (!at)
        exit(1);
    for (unsigned i = 0; i < b->effects; i++) {
        unsigned from = (unsigned)czi_rng_below(&r, b->accounts),
                 to = (from + 1 + (unsigned)czi_rng_below(&r, b->accounts - 1)) % b->accounts;
        struct order o = {.what = "i", .amount = 1};
        cz_guest_access accesses[] = {{b->ids[from], CZ_WRITE}, {b->ids[to], CZ_WRITE}};
        const uint8_t *encoded;
        size_t len;

        memcpy(o.from, &b->ids[from], 32);
        memcpy(o.to, &b->ids[to], 32);
        if (names) {
            o.what[0] = 'n';
            name_of(from, o.from);
            name_of(to, o.to);
        }
        cz_effect_set_origin(e, &b->origin);
        cz_effect_set_nonce(e, ++b->nonce);
        must(declared ? cz_effect_run(e, &b->code, 1000000, accesses, 2, &o, sizeof o, &err)
                      : cz_effect_call(e, &b->code, 1000000, &o, sizeof o, &err),
             &err);
        must(cz_effect_encode(e, &encoded, &len, &err), &err);
        czi_buf_put(bytes, encoded, len);
        at[i + 1] = bytes->len;
        cz_effect_clear(e);
    }
    for (unsigned i = 0; i < b->effects; i++)
        moves[i] = (cz_submission){bytes->data + at[i], at[i + 1] - at[i]};
    free(at);
}

/* ---- One line
 * --------------------------------------------------------------------------------
 */

static double share(uint64_t of, uint64_t all)
{
    return all ? 100.0 * (double)of / (double)all : 0;
}

static double cpu_s(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void run(struct bench *b, struct contender *c, bool names)
{
    CZI_AUTOBUF bytes = {0};
    cz_submission *moves = calloc(b->effects, sizeof *moves);
    struct czi_predictor *predictor;
    size_t accepted;
    double start, cpu, rate;
    cz_error err = {0};

    if (!moves)
        exit(1);
    begin(b, c->sources & CZI_PREDICT_TEMPLATE ? b->with_template : b->plain);
    make_accounts(b, names);
    encode_moves(b, names, c->declared, &bytes, moves);
    if (!czi_guests(&b->g->step.core)) /* the engine rests */
        exit(1);
    predictor = b->g->step.core.guests->predictor;
    czi_predictor_use(predictor, c->sources);
    czi_predictor_force(predictor, c->force, 1);
    must(cz_stats_get(b->g, &c->before, &err), &err);
    start = now_s();
    cpu = cpu_s();
    must(cz_submit_batch(b->g, moves, b->effects, NULL, NULL, NULL, &accepted, &err), &err);
    must(cz_flush(b->g, &err), &err);
    rate = b->effects / (now_s() - start);
    cpu = (cpu_s() - cpu) * 1e6 / b->effects;
    must(cz_stats_get(b->g, &c->after, &err), &err);
    if (c->after.rejected != c->before.rejected)
        (void)fprintf(stderr, "predicted: %" PRIu64 " were rejected\n",
                      c->after.rejected - c->before.rejected);
    c->rate = CZI_MAX(c->rate, rate);
    c->cpu_us = c->cpu_us > 0 ? CZI_MIN(c->cpu_us, cpu) : cpu;
    must(cz_close(b->g, &err), &err);
    free(moves);
}

static void print(const struct bench *b, const struct contender *c, double declared, bool names)
{
    const cz_stats *x = &c->before, *y = &c->after;
    uint64_t predicted = y->predicted - x->predicted;

    printf("{\"bench\":\"predicted\",\"accounts\":\"%s\",\"by\":\"%s\",\"effects_per_s\":%.0f,"
           "\"of_declared\":%.1f,\"cpu_us\":%.2f,\"predicted\":%.2f,\"too_wide\":%.2f,"
           "\"ahead\":%.1f,\"again\":%.2f,\"gas\":%.0f}\n",
           names ? "names" : "ids", c->name, c->rate, 100 * c->rate / declared, c->cpu_us,
           share(y->predicted_hits - x->predicted_hits, predicted),
           share(y->predicted_too_wide - x->predicted_too_wide, predicted),
           share(y->guests_ahead - x->guests_ahead, b->effects),
           share(y->guests_again - x->guests_again, b->effects),
           (double)(y->guest_gas - x->guest_gas) / b->effects);
    (void)fflush(stdout);
}

static void compare(struct bench *b, bool names)
{
    struct contender all[] = {
        {"declared", true, 0, CZI_PREDICT_AS_KNOWN, 0, 0, {0}, {0}},
        {"template", false, CZI_PREDICT_TEMPLATE, CZI_PREDICT_AS_KNOWN, 0, 0, {0}, {0}},
        {"text", false, CZI_PREDICT_TEXT, CZI_PREDICT_AS_KNOWN, 0, 0, {0}, {0}},
        {"profile", false, CZI_PREDICT_PROFILE, CZI_PREDICT_AS_KNOWN, 0, 0, {0}, {0}},
        {"all", false, CZI_PREDICT_ALL, CZI_PREDICT_AS_KNOWN, 0, 0, {0}, {0}},
        {"none", false, 0, CZI_PREDICT_NOTHING, 0, 0, {0}, {0}},
        {"none, each at its turn", false, 0, CZI_PREDICT_ANYTHING, 0, 0, {0}, {0}},
    };

    for (unsigned round = 0; round < b->rounds; round++)
        for (size_t i = 0; i < CZI_COUNTOF(all); i++)
            run(b, &all[i], names);
    for (size_t i = 0; i < CZI_COUNTOF(all); i++)
        print(b, &all[i], all[0].rate, names);
}

int main(int argc, char **argv)
{
    struct bench b = {.effects = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200000,
                      .accounts = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 10000,
                      .threads = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 2,
                      .rounds = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 3,
                      .origin = {{9}}};

    if (b.effects < 1 || b.accounts < 2 || b.rounds < 1) {
        (void)fprintf(stderr, "usage: predicted [EFFECTS [ACCOUNTS [THREADS [ROUNDS]]]]\n");
        return 2;
    }
    b.ids = calloc(b.accounts, sizeof *b.ids);
    b.plain = load(GUESTS "/teller.elf");
    b.with_template = load(GUESTS "/teller_template.elf");
    compare(&b, false);
    compare(&b, true);
    free(b.ids);
    return 0;
}
