/* guests.c - effects that run a guest over two resources of 64 bytes: how many a second, and
 * where the time goes.
 *
 *     build/bench/guests_vm [EFFECTS [ACCOUNTS [THREADS [ROUNDS [DIR [KIND]]]]]]
 *
 * 400,000 effects over 10,000 accounts, each of about 1,000 instructions, with receipts and
 * logs; two threads. In memory, or in new stores at DIR0 and so on, durable. The kinds take
 * turns, for three rounds; of each the quickest counts, since others on the machine only take
 * away. A line of JSON for each kind: what is declared, what is not, a transfer by the guest;
 * the same without computing, and a native write of the same two, to compare with. cpu_us is
 * the time of all cores for an effect, then that of each kind of thread.
 */
#include "engine/guests.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "guest_mix.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct bench {
    uint32_t effects, accounts, threads;
    cz_engine *g;
    cz_id *data, *balances, code, origin;
    uint64_t nonce;
    cz_error err;
};
struct kind {
    const char *name;
    bool is_native;
    uint64_t flags, data, balances, loops;
};
static const struct kind kinds[] = {
    {"two of data, declared", false, 0, 2, 0, 1},
    {"two of data, open", false, MIX_OPEN, 2, 0, 1},
    {"a transfer, declared", false, 0, 0, 2, 1},
    {"two of data, no computing", false, 0, 2, 0, 0},
    {"two of data, written natively", true, 0, 2, 0, 0},
};
/* So that a run retires about 1,000 instructions: 8 for each, and 200 to 300 beside. */
#define DATA_LOOPS 95u
#define TRANSFER_LOOPS 112u

static void must(int rc, const cz_error *err)
{
    if (!rc)
        return;
    (void)fprintf(stderr, "guests: %s: %s\n", cz_code_name(rc), err->detail);
    exit(1);
}

/* ---- Time ----------------------------------------------------------------------------------
 */

#define ROLES 5
static const char *const roles[ROLES] = {"guests_vm", "cz-engine", "cz-seal", "cz-persist",
                                         "cz-guest"};
struct times {
    double wall;
    double cpu[ROLES]; /* of threads by their names, in seconds */
};

static void read_thread(const char *task, struct times *t)
{
    char path[64], name[32] = "";
    unsigned long long ns = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", task);
    f = fopen(path, "r");
    if (!f || fscanf(f, "%31s", name) != 1)
        name[0] = 0;
    if (f)
        (void)fclose(f);
    (void)snprintf(path, sizeof path, "/proc/self/task/%.20s/schedstat", task);
    f = fopen(path, "r");
    if (!f || fscanf(f, "%llu", &ns) != 1)
        ns = 0;
    if (f)
        (void)fclose(f);
    for (unsigned i = 0; i < ROLES; i++)
        if (strcmp(name, roles[i]) == 0)
            t->cpu[i] += (double)ns / 1e9;
}

static struct times now(void)
{
    struct times t = {.wall = 0};
    struct timespec ts;
    DIR *d = opendir("/proc/self/task");

    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            read_thread(e->d_name, &t);
    if (d)
        (void)closedir(d);
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    t.wall = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
    return t;
}

/* ---- The store -----------------------------------------------------------------------------
 */

static cz_effect *begin(struct bench *b)
{
    cz_effect *e = cz_effect_new();

    if (!e)
        exit(1);
    cz_effect_set_origin(e, &b->origin);
    cz_effect_set_nonce(e, ++b->nonce);
    return e;
}

static void apply(struct bench *b, cz_effect *e)
{
    cz_result r;
    uint64_t ticket;

    must(cz_submit_effect(b->g, e, NULL, NULL, &ticket, &b->err), &b->err);
    must(cz_wait(b->g, ticket, CZ_FOREVER, &r, &b->err), &b->err);
    if (r.reason) {
        (void)fprintf(stderr, "guests: %s\n", cz_reason_name((int)r.reason));
        exit(1);
    }
    cz_effect_free(e);
}

static void create(struct bench *b, cz_effect *e, const char *what, uint32_t i, cz_id *ret)
{
    static const uint8_t zeroes[64];
    bool is_data = *what == 'd';
    char label[32];
    cz_creation c = {.creator = cz_operator(),
                     .label = label,
                     .kind = is_data ? CZ_DATA : CZ_FUNGIBLE,
                     .asset = is_data ? NULL : "gold",
                     .quantity = is_data ? 0 : 1000000000,
                     .data = is_data ? zeroes : NULL,
                     .data_len = is_data ? sizeof zeroes : 0};

    (void)snprintf(label, sizeof label, "%s %u", what, i);
    must(cz_effect_create(e, &c, &b->err), &b->err);
    must(cz_resource_id(&c.creator, label, ret, &b->err), &b->err);
}

static void fill(struct bench *b)
{
    static uint8_t elf[CZI_DATA_SIZE_MAX];
    FILE *f = fopen(GUESTS "/mix.elf", "rb");
    cz_effect *e = begin(b);
    size_t len;

    if (!f)
        exit(1);
    len = fread(elf, 1, sizeof elf, f);
    (void)fclose(f);
    must(cz_effect_deploy(e, elf, len, &b->code, &b->err), &b->err);
    apply(b, e);
    for (uint32_t i = 0; i < b->accounts;) {
        e = begin(b);
        for (uint32_t end = CZI_MIN(i + 16, b->accounts); i < end; i++) {
            create(b, e, "data", i, &b->data[i]);
            create(b, e, "gold", i, &b->balances[i]);
        }
        apply(b, e);
    }
}

/* ---- One kind ------------------------------------------------------------------------------
 */

static void add(struct bench *b, cz_effect *e, const struct kind *k, struct czi_rng *rng)
{
    struct mix m = {.flags = k->flags,
                    .data_count = k->data,
                    .fungible_count = k->balances,
                    .amount = 1,
                    .loops = k->loops * (k->data ? DATA_LOOPS : TRANSFER_LOOPS)};
    uint32_t from = (uint32_t)czi_rng_below(rng, b->accounts),
             to = (uint32_t)czi_rng_below(rng, b->accounts - 1);
    const cz_id *ids = k->data ? b->data : b->balances;
    cz_guest_access accesses[2];

    to += to >= from;
    accesses[0] = (cz_guest_access){ids[from], CZ_WRITE};
    accesses[1] = (cz_guest_access){ids[to], CZ_WRITE};
    memcpy(m.ids[0], &ids[from], 32);
    memcpy(m.ids[1], &ids[to], 32);
    if (k->is_native) {
        must(cz_effect_write(e, &ids[from], m.ids, 64, &b->err), &b->err);
        must(cz_effect_write(e, &ids[to], m.ids, 64, &b->err), &b->err);
    } else if (k->flags & MIX_OPEN) {
        must(cz_effect_call(e, &b->code, 100000, &m, mix_size(&m), &b->err), &b->err);
    } else {
        must(cz_effect_run(e, &b->code, 100000, accesses, 2, &m, offsetof(struct mix, ids),
                           &b->err),
             &b->err);
    }
}

static cz_submission *make(struct bench *b, const struct kind *k)
{
    cz_submission *all = malloc(b->effects * sizeof *all);
    struct czi_rng rng = czi_rng(1);

    for (uint32_t i = 0; i < b->effects; i++) {
        cz_effect *e = begin(b);
        const uint8_t *bytes = NULL;
        uint8_t *copy;
        size_t len = 0;

        add(b, e, k, &rng);
        must(cz_effect_encode(e, &bytes, &len, &b->err), &b->err);
        copy = malloc(len);
        memcpy(copy, bytes, len);
        all[i] = (cz_submission){copy, len};
        cz_effect_free(e);
    }
    return all;
}

struct figures {
    struct times from, to;
    cz_stats was, is;
};

static void tell(const struct bench *b, const struct kind *k, const struct figures *f)
{
    const struct times *from = &f->from, *to = &f->to;
    const cz_stats *was = &f->was, *is = &f->is;
    double n = b->effects, all = 0;
    uint64_t guests = CZI_MAX(is->guests - was->guests, 1u);

    for (unsigned i = 0; i < ROLES; i++)
        all += to->cpu[i] - from->cpu[i];
    (void)printf("{\"bench\":\"guests\",\"kind\":\"%s\",\"effects_per_s\":%.0f,\"cpu_us\":%.2f",
                 k->name, n / (to->wall - from->wall), all / n * 1e6);
    for (unsigned i = 0; i < ROLES; i++)
        (void)printf(",\"%s\":%.2f", i ? roles[i] + 3 : "submit",
                     (to->cpu[i] - from->cpu[i]) / n * 1e6);
    (void)printf(",\"gas\":%" PRIu64 ",\"ahead\":%.1f,\"again\":%.1f,\"applied\":%" PRIu64
                 ",\"journal\":%.0f}\n",
                 (is->guest_gas - was->guest_gas) / guests,
                 100.0 * (double)(is->guests_ahead - was->guests_ahead) / (double)guests,
                 100.0 * (double)(is->guests_again - was->guests_again) / (double)guests,
                 is->applied - was->applied,
                 (double)(is->journal_bytes - was->journal_bytes) / n);
    (void)fflush(stdout);
}

static void measure(struct bench *b, const struct kind *k, struct figures *best)
{
    cz_submission *all = make(b, k);
    struct figures f;
    uint64_t ticket = 0;
    size_t accepted = 0;
    cz_result r;

    must(cz_stats_get(b->g, &f.was, &b->err), &b->err);
    f.from = now();
    must(cz_submit_batch(b->g, all, b->effects, NULL, NULL, &ticket, &accepted, &b->err),
         &b->err);
    must(cz_wait(b->g, ticket + accepted - 1, CZ_FOREVER, &r, &b->err), &b->err);
    f.to = now();
    must(cz_stats_get(b->g, &f.is, &b->err), &b->err);
    if (best->to.wall <= 0 || f.to.wall - f.from.wall < best->to.wall - best->from.wall)
        *best = f;
    for (uint32_t i = 0; i < b->effects; i++)
        free((void *)(uintptr_t)all[i].bytes);
    free(all);
}

/* Each in a store of its own; durable ones are at DIR0, DIR1 and so on. */
static void with_store(struct bench *b, const char *dir, const struct kind *k,
                       struct figures *best)
{
    cz_options options = {.threads = b->threads, .ordered = true};
    static unsigned number;
    char path[256];

    (void)snprintf(path, sizeof path, "%s%u", dir ? dir : "", number++);
    if (dir)
        must(cz_init(path, &b->err), &b->err);
    must(cz_open(dir ? path : NULL, &options, &b->g, &b->err), &b->err);
    b->nonce = 0;
    fill(b);
    measure(b, k, best);
    must(cz_close(b->g, &b->err), &b->err);
}

int main(int argc, char **argv)
{
    struct bench b = {.effects = argc > 1 ? (uint32_t)atoi(argv[1]) : 400000,
                      .accounts = argc > 2 ? (uint32_t)atoi(argv[2]) : 10000,
                      .threads = argc > 3 ? (uint32_t)atoi(argv[3]) : 2};
    int rounds = argc > 4 ? atoi(argv[4]) : 3;
    const char *dir = argc > 5 && *argv[5] ? argv[5] : NULL, *only = argc > 6 ? argv[6] : NULL;
    static struct figures best[CZI_COUNTOF(kinds)];
    b.data = malloc(b.accounts * sizeof *b.data);
    b.balances = malloc(b.accounts * sizeof *b.balances);
    memset(&b.origin, 3, sizeof b.origin);
    czi_memory_keep();
    for (int r = 0; r < rounds; r++)
        for (unsigned i = 0; i < CZI_COUNTOF(kinds); i++)
            if (!only || strstr(kinds[i].name, only))
                with_store(&b, dir, &kinds[i], &best[i]);
    for (unsigned i = 0; i < CZI_COUNTOF(kinds); i++)
        if (best[i].to.wall > 0)
            tell(&b, &kinds[i], &best[i]);
    free(b.data);
    free(b.balances);
    return 0;
}
