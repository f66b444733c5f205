/* signed.c - what is left of the rate of Ed25519 when effects are signed.
 *
 * Layer: bench, outside the product. Transfers from account to account: two balances written,
 * two accounts read, one signature, and no two effects of a round have an origin in common.
 * Contenders take turns with such a round: *bare* verifies the signatures and nothing else, on
 * all cores and with the function that the engine calls; the others are engines, from the first
 * submission to the last acknowledgement. `processor time` is of all threads together: on a
 * machine that others use too, it says more than the rates do. Then the store is audited and
 * replayed. Prints a line of JSON a figure: row, contender, unit, value (the median of the
 * rounds). `--quick`: fewer and shorter rounds. `--dir DIR`: where the durable one writes.
 */
#include "base/alloc.h"
#include "causality/causality.h"
#include "engine/verify.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 31, SIZE_MAX_EACH = 512, CONTENDERS = 3 };

static unsigned rounds = 9;
static uint32_t count = 16384; /* accounts, and effects of a round */

static void must(int rc, const cz_error *err)
{
    if (!rc)
        return;
    (void)fprintf(stderr, "signed: %s: %s\n", cz_code_name(rc), err->detail);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static double print(const char *row, const char *contender, const char *unit, double *figures,
                    size_t n)
{
    qsort(figures, n, sizeof *figures, compare);
    printf("{\"row\":\"%s\",\"contender\":\"%s\",\"unit\":\"%s\",\"value\":%.4g}\n", row,
           contender, unit, figures[n / 2]);
    (void)fflush(stdout);
    return figures[n / 2];
}

/* ---- Effects ------------------------------------------------------------------------------
 */

struct account {
    cz_id id, balance;
    uint8_t seed[32];
};

static struct account *accounts;
static uint8_t (*bytes)[SIZE_MAX_EACH];
static cz_submission *submissions;
static struct czi_signature *signatures;
static uint64_t random_state = 88172645463325252ull;

static uint32_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) % count);
}

static void name_accounts(void)
{
    cz_id operator= cz_operator();
    cz_error err = {0};

    for (uint32_t i = 0; i < count; i++) {
        struct account *a = &accounts[i];
        char label[32];

        (void)snprintf(label, sizeof label, "account%u", i);
        must(cz_resource_id(&operator, label, &a->id, &err), &err);
        must(cz_resource_id(&a->id, "USD", &a->balance, &err), &err);
        memcpy(a->seed, &i, sizeof i);
    }
}

/* Into its place in the round. */
static void keep(uint32_t i, cz_effect *e, const uint8_t seed[32])
{
    struct czi_effect_view view;
    const uint8_t *encoded;
    size_t len;
    cz_error err = {0};
    cz_id id;

    must(cz_effect_sign(e, seed, &err), &err);
    must(cz_effect_encode(e, &encoded, &len, &err), &err);
    CZI_CHECK(len <= SIZE_MAX_EACH);
    memcpy(bytes[i], encoded, len);
    submissions[i] = (cz_submission){bytes[i], len};
    must(czi_effect_view(bytes[i], len, &view, &err), &err);
    czi_effect_signing_id(bytes[i], len, &view, id.bytes);
    signatures[i] = czi_signature_of(bytes[i], len, &view, &id, 0);
    cz_effect_free(e);
}

static cz_effect *effect(const struct account *a, uint64_t nonce)
{
    cz_effect *e = cz_effect_new();

    CZI_CHECK(e);
    cz_effect_set_origin(e, &a->id);
    cz_effect_set_nonce(e, nonce);
    return e;
}

static void make_creations(void)
{
    uint8_t policy_bytes[CZ_POLICY_SIZE_MAX];
    cz_error err = {0};

    for (uint32_t i = 0; i < count; i++) {
        const struct account *a = &accounts[i];
        cz_policy policy = {.threshold = 1, .owner_count = 1};
        cz_creation c = {.creator = cz_operator(), .controller = cz_operator()};
        cz_effect *e = effect(a, 1);
        char label[32];

        (void)snprintf(label, sizeof label, "account%u", i);
        cz_public_key(a->seed, policy.owners[0]);
        c.label = label;
        c.kind = CZ_ACCOUNT;
        c.data = policy_bytes;
        must(cz_policy_encode(&policy, policy_bytes, &c.data_len, &err), &err);
        must(cz_effect_create(e, &c, &err), &err);
        keep(i, e, a->seed);
    }
}

static void make_balances(void)
{
    cz_error err = {0};

    for (uint32_t i = 0; i < count; i++) {
        const struct account *a = &accounts[i];
        cz_creation c = {.creator = a->id,
                         .controller = a->id,
                         .label = "USD",
                         .kind = CZ_FUNGIBLE,
                         .asset = "USD",
                         .quantity = 1000000000};
        cz_effect *e = effect(a, 2);

        must(cz_effect_access(e, &a->id, CZ_READ, &err), &err);
        must(cz_effect_create(e, &c, &err), &err);
        keep(i, e, a->seed);
    }
}

static void make_transfers(uint64_t nonce)
{
    cz_error err = {0};

    for (uint32_t i = 0; i < count; i++) {
        const struct account *from = &accounts[i];
        const struct account *to = &accounts[(i + 1 + draw() % (count - 1)) % count];
        cz_effect *e = effect(from, nonce);

        must(cz_effect_access(e, &from->id, CZ_READ, &err), &err);
        must(cz_effect_access(e, &to->id, CZ_READ, &err), &err);
        must(cz_effect_transfer(e, &from->balance, &to->balance, 1, &err), &err);
        keep(i, e, from->seed);
    }
}

/* ---- Contenders ---------------------------------------------------------------------------
 */

struct contender {
    const char *name;
    cz_engine *engine; /* NULL: bare */
    double rates[ROUNDS_MAX], of_bare[ROUNDS_MAX];
    double cpu[ROUNDS_MAX]; /* microseconds an effect, of all threads */
};

static uint64_t cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void run(struct contender *c, unsigned round)
{
    uint64_t start = czi_clock_ns(), cpu = cpu_ns();
    cz_error err = {0};

    if (!c->engine) {
        CZI_CHECK(czi_verify_signatures(signatures, count, czi_cpu_count()) == count);
    } else {
        must(cz_submit_batch(c->engine, submissions, count, NULL, NULL, NULL, NULL, &err),
             &err);
        must(cz_flush(c->engine, &err), &err);
    }
    c->rates[round] = (double)count * 1e9 / (double)(czi_clock_ns() - start);
    c->cpu[round] = (double)(cpu_ns() - cpu) / 1e3 / count;
}

static void check_applied(cz_engine *g, uint64_t expected)
{
    cz_stats stats;
    cz_error err = {0};

    must(cz_stats_get(g, &stats, &err), &err);
    if (stats.applied == expected && !stats.rejected)
        return;
    (void)fprintf(stderr, "signed: %llu applied and %llu rejected, not %llu\n",
                  (unsigned long long)stats.applied, (unsigned long long)stats.rejected,
                  (unsigned long long)expected);
    exit(1);
}

/* Of a single one, in microseconds. */
static double run_alone(cz_engine *g, uint32_t i)
{
    uint64_t start = czi_clock_ns(), ticket;
    cz_error err = {0};
    cz_result r;

    must(cz_submit(g, submissions[i].bytes, submissions[i].len, NULL, NULL, &ticket, &err),
         &err);
    must(cz_wait(g, ticket, CZ_FOREVER, &r, &err), &err);
    return (double)(czi_clock_ns() - start) / 1e3;
}

static void bench_alone(const struct contender *c, uint64_t nonce)
{
    static double figures[1024];
    uint32_t n = CZI_MIN(count, (uint32_t)CZI_COUNTOF(figures));

    make_transfers(nonce);
    for (unsigned k = 1; k < CONTENDERS; k++) {
        for (uint32_t i = 0; i < n; i++)
            figures[i] = run_alone(c[k].engine, i);
        (void)print("one effect alone", c[k].name, "us", figures, n);
    }
}

static void bench_checks(const char *dir, double bare)
{
    static const char *const names[] = {"audit", "replay"};
    double figures[2][3], cpu[2][3], of_bare;
    cz_journal_report replayed;
    cz_audit_report audited;
    cz_error err = {0};

    for (unsigned i = 0; i < 6; i++) {
        uint64_t start = czi_clock_ns(), cpu_start = cpu_ns();

        if (i % 2)
            must(cz_replay(dir, NULL, &replayed, &err), &err);
        else
            must(cz_audit(dir, NULL, &audited, &err), &err);
        figures[i % 2][i / 2] =
            (double)audited.signatures * 1e9 / (double)(czi_clock_ns() - start);
        cpu[i % 2][i / 2] = (double)(cpu_ns() - cpu_start) / 1e3 / (double)audited.signatures;
    }
    for (unsigned k = 0; k < 2; k++) {
        of_bare = print("signatures a second", names[k], "/s", figures[k], 3) / bare;
        (void)print("of the bare rate", names[k], "", &of_bare, 1);
        (void)print("processor time", names[k], "us", cpu[k], 3);
    }
}

/* Accounts and their balances. */
static void prepare(struct contender *c)
{
    for (unsigned step = 0; step < 2; step++) {
        if (step)
            make_balances();
        else
            make_creations();
        for (unsigned k = 1; k < CONTENDERS; k++)
            run(&c[k], 0);
    }
}

static double report(struct contender *c)
{
    double bare = print("signatures a second", c[0].name, "/s", c[0].rates, rounds);

    for (unsigned k = 1; k < CONTENDERS; k++)
        (void)print("signatures a second", c[k].name, "/s", c[k].rates, rounds);
    for (unsigned k = 1; k < CONTENDERS; k++)
        (void)print("of the bare rate", c[k].name, "", c[k].of_bare, rounds);
    for (unsigned k = 0; k < CONTENDERS; k++)
        (void)print("processor time", c[k].name, "us", c[k].cpu, rounds);
    return bare;
}

static void bench_all(const char *dir)
{
    static struct contender c[CONTENDERS] = {{"bare"}, {"in memory"}, {"durable"}};
    double bare;
    cz_error err = {0};

    must(cz_open(NULL, NULL, &c[1].engine, &err), &err);
    must(cz_init(dir, &err), &err);
    must(cz_open(dir, NULL, &c[2].engine, &err), &err);
    prepare(c);
    for (unsigned i = 0; i < rounds; i++) {
        make_transfers(3 + i);
        for (unsigned k = 0; k < CONTENDERS; k++) {
            run(&c[k], i);
            c[k].of_bare[i] = c[k].rates[i] / c[0].rates[i];
        }
    }
    for (unsigned k = 1; k < CONTENDERS; k++)
        check_applied(c[k].engine, (uint64_t)count * (2 + rounds));
    bare = report(c);
    bench_alone(c, 3 + rounds);
    for (unsigned k = 1; k < CONTENDERS; k++)
        must(cz_close(c[k].engine, &err), &err);
    bench_checks(dir, bare);
}

int main(int argc, char **argv)
{
    const char *parent = ".";
    char dir[4096], command[4200];

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            rounds = 3;
            count = 4096;
        } else if (!strcmp(argv[i], "--dir") && i + 1 < argc) {
            parent = argv[++i];
        } else {
            (void)fprintf(stderr, "usage: signed [--quick] [--dir DIR]\n");
            return 2;
        }
    }
    (void)snprintf(dir, sizeof dir, "%s/signed-XXXXXX", parent);
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    czi_memory_keep();
    accounts = czi_alloc_zero(count, sizeof *accounts);
    bytes = czi_alloc(count * sizeof *bytes);
    submissions = czi_alloc(count * sizeof *submissions);
    signatures = czi_alloc(count * sizeof *signatures);
    CZI_CHECK(accounts && bytes && submissions && signatures);
    name_accounts();
    (void)snprintf(command, sizeof command, "%s/store", dir);
    bench_all(command);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command) ? 1 : 0;
}
