/* main.c - `peers`: runs the benchmark stream through one peer and prints one line.
 *
 *     peers --peer mutexes --accounts 10000 --zipf 0.9 --effects 10000000 --threads 2 --json
 *     peers --peer sqlite --effects 200000 --batch 1024 --bytes 154 --seconds 10 --dir /data
 *     peers --list
 *
 * The flags are those of `causality bench transfers`. The stream is made and the accounts are
 * touched before the clock starts. A durable peer keeps its files in a new directory below
 * --dir (by default the current one; it must be on a disk for the figure to mean anything)
 * and removes it; --seconds stops it early. Whatever the peer, the outcome (for a durable one,
 * read back from what it stored) must equal that of a plain loop over the same effects, or the
 * program ends with status 70.
 */
#include "peers/peer.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_MISSING = 3, EXIT_IO = 5, EXIT_BUG = 70 };

/* A peer whose library was not there at build time has no `run`. */
#ifdef PEER_ITM
#define ITM peer_itm
#else
#define ITM NULL
#endif
#ifdef PEER_OMP
#define OMP peer_omp
#else
#define OMP NULL
#endif
#ifdef PEER_TBB
#define TBB peer_tbb
#else
#define TBB NULL
#endif
#define DURABLE(name) peer_##name##_setup, peer_##name, peer_##name##_finish
#define MISSING NULL, NULL, NULL
#ifdef PEER_SQLITE
#define SQLITE DURABLE(sqlite)
#else
#define SQLITE MISSING
#endif
#ifdef PEER_ROCKSDB
#define ROCKSDB DURABLE(rocksdb)
#else
#define ROCKSDB MISSING
#endif
#ifdef PEER_LMDB
#define LMDB DURABLE(lmdb)
#else
#define LMDB MISSING
#endif

static const struct peer peers[] = {
    {"loop", NULL, peer_loop, NULL},
    {"mutex1", NULL, peer_mutex1, NULL},
    {"mutexes", NULL, peer_mutexes, NULL},
    {"mutexes-alone", NULL, peer_mutexes_alone, NULL},
    {"itm", NULL, ITM, NULL},
    {"tbb", NULL, TBB, NULL},
    {"omp", NULL, OMP, NULL},
    {"append", DURABLE(append)},
    {"sqlite", SQLITE},
    {"rocksdb", ROCKSDB},
    {"lmdb", LMDB},
};

struct arguments {
    const struct peer *peer;
    const char *dir;
    uint32_t accounts, effects, threads, read_percent, batch, bytes;
    double zipf, seconds;
    bool json;
};

void peer_die(const char *what, const char *why)
{
    fprintf(stderr, "peers: %s: %s\n", what, why);
    exit(EXIT_IO);
}

double peer_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static _Noreturn void usage(const char *what, const char *value)
{
    fprintf(stderr,
            "peers: %s%s%s\n"
            "usage: peers --peer NAME [--accounts N] [--zipf Z] [--effects M] [--threads T]\n"
            "             [--read-percent P] [--batch B] [--bytes BYTES] [--seconds S]\n"
            "             [--dir DIR] [--json]\n"
            "       peers --list\n",
            what, value ? ": " : "", value ? value : "");
    exit(EXIT_USAGE);
}

/* The flags that take a number; a field is a uint32_t, or a double if `fraction`. */
static const struct flag {
    const char *name;
    size_t field;
    double min, max;
    bool fraction;
} flags[] = {
    {"--accounts", offsetof(struct arguments, accounts), 2, 1u << 30, false},
    {"--zipf", offsetof(struct arguments, zipf), 0, CZ_BENCH_ZIPF_MAX, true},
    {"--effects", offsetof(struct arguments, effects), 1, 4e9, false},
    {"--threads", offsetof(struct arguments, threads), 1, 1024, false},
    {"--read-percent", offsetof(struct arguments, read_percent), 0, 100, false},
    {"--batch", offsetof(struct arguments, batch), 1, 1 << 20, false},
    {"--bytes", offsetof(struct arguments, bytes), PEER_RECORD_SIZE_MIN, PEER_RECORD_SIZE_MAX,
     false},
    {"--seconds", offsetof(struct arguments, seconds), 0, 1e9, true},
};

static void set_number(struct arguments *a, const struct flag *flag, const char *text)
{
    char *field = (char *)a + flag->field, *end;
    double v = strtod(text, &end);

    if (*text == '\0' || *end != '\0' || !(v >= flag->min && v <= flag->max) ||
        (!flag->fraction && v != floor(v))) {
        fprintf(stderr, "peers: %s takes a number from %g to %g%s\n", flag->name, flag->min,
                flag->max, flag->fraction ? "" : ", a whole one");
        usage(flag->name, text);
    }
    if (flag->fraction)
        *(double *)(void *)field = v;
    else
        *(uint32_t *)(void *)field = (uint32_t)v;
}

static const struct peer *find_peer(const char *name)
{
    for (size_t i = 0; i < CZI_COUNTOF(peers); i++) {
        if (strcmp(peers[i].name, name))
            continue;
        if (!peers[i].run) {
            fprintf(stderr, "peers: %s: its library was missing at build time\n", name);
            exit(EXIT_MISSING);
        }
        return &peers[i];
    }
    usage("unknown peer", name);
}

static _Noreturn void list_peers(void)
{
    for (size_t i = 0; i < CZI_COUNTOF(peers); i++)
        if (peers[i].run)
            printf("%s\n", peers[i].name);
    exit(0);
}

static void set(struct arguments *a, const char *name, const char *value)
{
    if (!strcmp(name, "--peer")) {
        a->peer = find_peer(value);
        return;
    }
    if (!strcmp(name, "--dir")) {
        a->dir = value;
        return;
    }
    for (size_t i = 0; i < CZI_COUNTOF(flags); i++) {
        if (!strcmp(name, flags[i].name)) {
            set_number(a, &flags[i], value);
            return;
        }
    }
    usage("unknown flag", name);
}

static struct arguments parse(int argc, char **argv)
{
    struct arguments a = {.dir = ".",
                          .accounts = 10000,
                          .effects = 1000000,
                          .threads = 1,
                          .batch = 1024,
                          .bytes = 154,
                          .seconds = 1e9};

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--list"))
            list_peers();
        if (!strcmp(argv[i], "--json"))
            a.json = true;
        else if (i + 1 == argc)
            usage("a flag without a value", argv[i]);
        else {
            set(&a, argv[i], argv[i + 1]);
            i++;
        }
    }
    if (!a.peer)
        usage("--peer is missing", NULL);
    return a;
}

static void *allocate(size_t n)
{
    void *p = aligned_alloc(64, (n + 63) / 64 * 64);

    if (!p)
        peer_die("allocate", "out of memory");
    memset(p, 0, n);
    return p;
}

static struct cz_bench_item *make_items(const struct arguments *a)
{
    struct cz_bench_item *items = allocate(a->effects * sizeof *items);
    struct cz_bench_stream stream;

    cz_bench_stream_init(&stream, a->accounts, a->zipf, a->read_percent, CZ_BENCH_SEED);
    for (uint32_t i = 0; i < a->effects; i++)
        items[i] = cz_bench_stream_next(&stream);
    return items;
}

static struct peer_account *make_accounts(uint32_t count)
{
    struct peer_account *accounts = allocate(count * sizeof *accounts);

    for (uint32_t i = 0; i < count; i++) {
        accounts[i].quantity = CZ_BENCH_BALANCE;
        pthread_mutex_init(&accounts[i].lock, NULL);
    }
    return accounts;
}

static uint64_t checksum(const struct peer_account *accounts, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++)
        sum = cz_bench_checksum_add(sum, accounts[i].quantity, accounts[i].version);
    return sum;
}

/* The checksum of a plain loop over what the peer did; reads are compared too. */
static uint64_t expected(const struct peer_run *done)
{
    struct peer_run again = *done;

    again.accounts = make_accounts(done->account_count);
    peer_loop(&again);
    if (again.reads_true != done->reads_true) {
        fprintf(stderr, "peers: %" PRIu64 " reads held, in a plain loop %" PRIu64 "\n",
                done->reads_true, again.reads_true);
        exit(EXIT_BUG);
    }
    uint64_t sum = checksum(again.accounts, again.account_count);
    free(again.accounts);
    return sum;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print(const struct arguments *a, const struct peer_run *run, double seconds,
                  uint64_t sum)
{
    double rate = run->item_count / seconds;
    uint32_t batches = run->latency_count;

    if (!a->json) {
        printf("%-14s %12.0f effects/s  (%" PRIu32 " in %.3f s)  checksum %016" PRIx64 "\n",
               a->peer->name, rate, run->item_count, seconds, sum);
        return;
    }
    printf("{\"peer\":\"%s\",\"accounts\":%" PRIu32 ",\"zipf\":%g,\"read_percent\":%" PRIu32
           ",\"threads\":%" PRIu32 ",\"batch\":%" PRIu32 ",\"effects\":%" PRIu32
           ",\"seconds\":%.6f,\"per_second\":%.0f",
           a->peer->name, a->accounts, a->zipf, a->read_percent, run->threads, a->batch,
           run->item_count, seconds, rate);
    if (batches > 0) {
        qsort(run->latencies, batches, sizeof *run->latencies, by_value);
        printf(",\"bytes_per_effect\":%" PRIu32 ",\"p50_us\":%.1f,\"p99_us\":%.1f", a->bytes,
               1e6 * run->latencies[batches / 2],
               1e6 * run->latencies[(uint64_t)batches * 99 / 100]);
    }
    printf(",\"checksum\":\"%016" PRIx64 "\"}\n", sum);
}

/* Runs the peer and returns the seconds that it took. */
static double run_peer(const struct peer *peer, struct peer_run *run, const char *dir)
{
    char own[PEER_PATH_SIZE];
    bool durable = peer->setup != NULL;

    if (durable) {
        if (snprintf(own, sizeof own, "%s/peer-XXXXXX", dir) >= (int)sizeof own ||
            !mkdtemp(own))
            peer_die(dir, strerror(errno));
        run->dir = own;
        run->threads = 1;
        run->latencies = allocate((run->item_count / run->batch + 1) * sizeof(double));
        peer->setup(run);
    }
    double start = peer_now();
    peer->run(run);
    double seconds = peer_now() - start;
    if (durable) {
        peer->finish(run);
        if (nftw(own, remove_entry, 16, FTW_DEPTH | FTW_PHYS))
            peer_die(own, strerror(errno));
    }
    return seconds;
}

int main(int argc, char **argv)
{
    struct arguments a = parse(argc, argv);
    struct cz_bench_item *items = make_items(&a);
    struct peer_run run = {
        .account_count = a.accounts,
        .threads = a.threads,
        .batch = a.batch,
        .record_size = a.bytes,
        .item_count = a.effects,
        .seconds_max = a.seconds,
        .items = items,
        .accounts = make_accounts(a.accounts),
    };
    double seconds = run_peer(a.peer, &run, a.dir);
    uint64_t sum = checksum(run.accounts, run.account_count);
    bool same = sum == expected(&run);

    if (same)
        print(&a, &run, seconds, sum);
    else
        fprintf(stderr, "peers: %s: its accounts differ from those of a plain loop\n",
                a.peer->name);
    free(items);
    free(run.accounts);
    free(run.latencies);
    return same ? 0 : EXIT_BUG;
}
