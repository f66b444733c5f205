/* standalone.c - runs a fuzz target without libFuzzer: over given files, and over random
 * mutations of the target's own seeds.
 *
 *     fuzz_<name> [--runs N] [--seconds S] [--seed N] [--write-seeds DIR] [FILE...]
 *
 * Without arguments: FUZZ_RUNS (20000) runs, or FUZZ_SECONDS when that is set, from
 * FUZZ_SEED (1). The same seed gives the same inputs. An input that ends the process is left
 * in the working directory as crash-<name>.
 */
#include "fuzz.h"

#include "base/rng.h"
#include "platform/platform.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS_MAX 64
#define INPUT_MAX (1u << 16)

static struct {
    const char *name;
    const uint8_t *data;
    size_t len;
    uint64_t run;
} now;

/* Sanitizers end a process without a signal. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*fn)(void));

static void keep_input(void)
{
    char path[256];
    FILE *f;

    (void)snprintf(path, sizeof path, "crash-%s", now.name);
    f = fopen(path, "wb");
    if (f) {
        (void)fwrite(now.data, 1, now.len, f);
        (void)fclose(f);
    }
    (void)fprintf(stderr, "%s: run %" PRIu64 " failed; the input is in %s\n", now.name, now.run,
                  path);
}

static void on_signal(int sig)
{
    keep_input();
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

/* In a block of its own size, so that a sanitizer sees the first byte read beyond it. */
static void run_one(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    CZI_CHECK(copy);
    if (len)
        memcpy(copy, data, len);
    now.data = copy;
    now.len = len;
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
    now.run++;
}

static int run_file(const char *path)
{
    uint8_t *data = malloc(INPUT_MAX);
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f || !data) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        free(data);
        return 1;
    }
    n = fread(data, 1, INPUT_MAX, f);
    (void)fclose(f);
    run_one(data, n);
    free(data);
    return 0;
}

/* ---- Mutation ------------------------------------------------------------------------- */

struct input {
    uint8_t data[INPUT_MAX];
    size_t len;
};

/* Replaces `out` bytes at `at` by n bytes, as far as there is room. */
static void replace(struct input *in, size_t at, size_t out, const uint8_t *bytes, size_t n)
{
    out = CZI_MIN(out, in->len - at);
    if (in->len - out + n > INPUT_MAX)
        return;
    memmove(in->data + at + n, in->data + at + out, in->len - at - out);
    memcpy(in->data + at, bytes, n);
    in->len = in->len - out + n;
}

static size_t below(struct czi_rng *r, size_t n)
{
    return n ? (size_t)czi_rng_below(r, n) : 0;
}

static void mutate(struct input *in, const struct czi_buf *other, struct czi_rng *r)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x17, 0x18, 0x1f, 0x20, 0x37, 0x38, 0x3f, 0x40,
                                    0x58, 0x60, 0x78, 0x7f, 0x80, 0x81, 0x98, 0xa0, 0xb7, 0xb8,
                                    0xbf, 0xc0, 0xd8, 0xed, 0xf4, 0xf6, 0xf7, 0xf8, 0xfb, 0xff};
    size_t at = below(r, in->len), n = 1 + below(r, 8);
    uint8_t bytes[8];
    uint64_t noise = czi_rng_next(r);

    memcpy(bytes, &noise, sizeof bytes);
    switch (czi_rng_below(r, 8)) {
    case 0: /* one bit */
        if (in->len)
            in->data[at] ^= (uint8_t)(1u << (noise & 7));
        break;
    case 1: /* a byte that formats care about */
        replace(in, at, 1, &edges[below(r, sizeof edges)], 1);
        break;
    case 2: /* one more or less */
        if (in->len)
            in->data[at] = (uint8_t)(in->data[at] + (noise & 1 ? 1 : -1));
        break;
    case 3: /* noise over */
        replace(in, at, n, bytes, n);
        break;
    case 4: /* noise between */
        replace(in, at, 0, bytes, n);
        break;
    case 5: /* out */
        replace(in, at, 1 + below(r, 1 + in->len / 4), bytes, 0);
        break;
    case 6: /* the end */
        if (noise % 4 == 0)
            in->len = at;
        break;
    default: /* a piece of a seed */
        if (other->len) {
            size_t from = below(r, other->len), size = 1 + below(r, other->len - from);

            replace(in, at, noise % 2 ? size : 0, other->data + from, size);
        }
    }
}

static void run_mutations(uint64_t runs, uint64_t seconds, uint64_t seed)
{
    static struct czi_buf seeds[SEEDS_MAX];
    static struct input in;
    struct czi_rng r = czi_rng(seed);
    uint64_t end = czi_clock_ns() + seconds * 1000000000u;
    size_t count = 0;

    while (count < SEEDS_MAX && fuzz_seed(count, &seeds[count])) {
        CZI_CHECK(!seeds[count].failed && seeds[count].len <= INPUT_MAX);
        run_one(seeds[count].data, seeds[count].len);
        count++;
    }
    CZI_CHECK(count > 0);
    while (seconds ? now.run % 256 != 0 || czi_clock_ns() < end : now.run < runs) {
        const struct czi_buf *s = &seeds[below(&r, count)];

        in.len = s->len;
        if (s->len)
            memcpy(in.data, s->data, s->len);
        for (size_t n = 1 + below(&r, 6); n; n--)
            mutate(&in, &seeds[below(&r, count)], &r);
        run_one(in.data, in.len);
    }
    for (size_t i = 0; i < count; i++)
        czi_buf_done(&seeds[i]);
}

static int write_seeds(const char *dir)
{
    CZI_AUTOBUF seed = {0};

    for (size_t i = 0; fuzz_seed(i, &seed); i++, seed.len = 0) {
        char path[4096];
        FILE *f;

        (void)snprintf(path, sizeof path, "%s/%s-seed-%zu", dir, now.name, i);
        f = fopen(path, "wb");
        if (!f || fwrite(seed.data, 1, seed.len, f) != seed.len || fclose(f)) {
            (void)fprintf(stderr, "%s: cannot be written\n", path);
            return 1;
        }
    }
    return 0;
}

static uint64_t number(const char *text, uint64_t otherwise)
{
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    uint64_t runs = number(getenv("FUZZ_RUNS"), 20000);
    uint64_t seconds = number(getenv("FUZZ_SECONDS"), 0);
    uint64_t seed = number(getenv("FUZZ_SEED"), 1);
    const char *slash = strrchr(argv[0], '/');
    bool files = false;

    now.name = slash ? slash + 1 : argv[0];
    (void)signal(SIGABRT, on_signal);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(keep_input);
    else
        (void)signal(SIGSEGV, on_signal);
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (!strcmp(argv[i], "--runs"))
            runs = number(value, runs), seconds = 0, i++;
        else if (!strcmp(argv[i], "--seconds"))
            seconds = number(value, seconds), i++;
        else if (!strcmp(argv[i], "--seed"))
            seed = number(value, seed), i++;
        else if (!strcmp(argv[i], "--write-seeds"))
            return write_seeds(value);
        else if (files = true, run_file(argv[i]))
            return 1;
    }
    if (!files)
        run_mutations(runs, seconds, seed);
    printf("%s: %" PRIu64 " inputs, seed %" PRIu64 "\n", now.name, now.run, seed);
    return 0;
}
