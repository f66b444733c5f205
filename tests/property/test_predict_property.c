/* test_predict_property.c - predictions for random codes, each of which touches what a rule of
 * its own says: soon nearly all is predicted. And for codes that are made to be unpredictable:
 * they cost no more than they may.
 */
#include "base/limits.h"
#include "engine/predict.h"
#include "resource/resource.h"
#include "test.h"

#define RUNS 600
#define SETTLED 300 /* runs after which hits are counted */

/* ---- Codes with a hidden rule ---------------------------------------------------------------
 */

enum from { INPUT_ID, LABEL, HEX, FIXED, SIGNER, ORIGIN, FROMS };

/* One access: where its id comes from. */
struct rule {
    enum from from;
    bool write;
    unsigned offset, length; /* of the part; LABEL: of room for a name with zeroes behind */
    char prefix[8], suffix[8];
    cz_id fixed;
};
/* What is done for one first byte. */
struct way {
    uint8_t byte;
    struct rule rules[6];
    unsigned rule_count, len; /* len: of the input */
};
struct code {
    cz_id id;
    struct way ways[4];
    unsigned way_count;
};

static void random_bytes(struct czi_rng *r, void *to, size_t len)
{
    uint8_t *p = to;

    while (len--)
        *p++ = (uint8_t)czi_rng_next(r);
}

static void random_text(struct czi_rng *r, char *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = "abcdefghijklmnopqrstuvwxyz-:/"[czi_rng_below(r, 29)];
}

/* Each rule has a part of the input to itself, as fields of a structure are. */
static struct way random_way(struct czi_rng *r, uint8_t byte)
{
    struct way w = {.byte = byte, .len = 1 + (unsigned)czi_rng_below(r, 16)};

    w.rule_count = 1 + (unsigned)czi_rng_below(r, CZI_COUNTOF(w.rules));
    for (unsigned i = 0; i < w.rule_count; i++) {
        struct rule *x = &w.rules[i];

        *x = (struct rule){.from = (enum from)czi_rng_below(r, FROMS),
                           .write = czi_rng_below(r, 2)};
        x->offset = w.len;
        x->length = x->from == INPUT_ID || x->from == HEX ? 32 : x->from == LABEL ? 24 : 0;
        w.len += x->length + (unsigned)czi_rng_below(r, 9);
        random_text(r, x->prefix, 3 + czi_rng_below(r, 4));
        random_text(r, x->suffix, czi_rng_below(r, 4));
        random_bytes(r, &x->fixed, sizeof x->fixed);
    }
    return w;
}

static struct code random_code(struct czi_rng *r)
{
    struct code c = {.way_count = 1 + (unsigned)czi_rng_below(r, 4)};
    uint8_t first = (uint8_t)czi_rng_next(r);

    random_bytes(r, &c.id, sizeof c.id);
    for (unsigned i = 0; i < c.way_count; i++)
        c.ways[i] = random_way(r, (uint8_t)(first + i));
    return c;
}

/* ---- One run
 * ---------------------------------------------------------------------------------
 */

struct run {
    uint8_t input[512];
    cz_id origin, signer;
    struct czi_predict_input in;
    struct czi_access accesses[CZ_OPEN_ACCESSES_MAX];
    char labels[CZ_OPEN_ACCESSES_MAX][CZI_LABEL_SIZE_MAX + 1]; /* "": has none */
    unsigned count;
    unsigned long names; /* that were asked for */
};

static bool find_name(void *arg, const uint8_t id[32], const uint8_t **ret_creator,
                      struct czi_slice *ret_label)
{
    struct run *run = arg;

    run->names++;
    for (unsigned i = 0; i < run->count; i++) {
        if (memcmp(run->accesses[i].id, id, 32) != 0 || !run->labels[i][0])
            continue;
        *ret_creator = run->in.code_id;
        *ret_label =
            (struct czi_slice){(const uint8_t *)run->labels[i], strlen(run->labels[i])};
        return true;
    }
    return false;
}

static void touch(struct run *run, const uint8_t id[32], bool write, const char *label)
{
    unsigned n = run->count++;

    run->accesses[n] = (struct czi_access){.touched = true, .writable = write};
    memcpy(run->accesses[n].id, id, 32);
    snprintf(run->labels[n], sizeof run->labels[n], "%s", label);
}

static void touch_label(struct run *run, const struct rule *x, const char *part)
{
    char label[CZI_LABEL_SIZE_MAX + 1];
    cz_id id;
    int n = snprintf(label, sizeof label, "%s%s%s", x->prefix, part, x->suffix);

    id =
        czi_identity_id(run->in.code_id, (struct czi_slice){(const uint8_t *)label, (size_t)n});
    touch(run, id.bytes, x->write, label);
}

static void follow(struct run *run, const struct rule *x, struct czi_rng *r)
{
    uint8_t *part = run->input + x->offset;
    char text[65];

    switch (x->from) {
    case INPUT_ID:
        touch(run, part, x->write, "");
        break;
    case LABEL:
        memset(part, 0, x->length);
        random_text(r, (char *)part, 4 + czi_rng_below(r, x->length - 4));
        snprintf(text, sizeof text, "%.*s", (int)x->length, (const char *)part);
        touch_label(run, x, text);
        break;
    case HEX:
        czi_hex(text, part, 32);
        touch_label(run, x, text);
        break;
    case FIXED:
        touch(run, x->fixed.bytes, x->write, "");
        break;
    default:
        czi_hex(text, x->from == SIGNER ? &run->signer : &run->origin, 32);
        touch_label(run, x, text);
    }
}

static void begin_run(struct run *run, const cz_id *code, struct czi_rng *r, unsigned len)
{
    random_bytes(r, run->input, sizeof run->input);
    random_bytes(r, &run->origin, sizeof run->origin);
    random_bytes(r, &run->signer, sizeof run->signer);
    run->count = 0;
    run->in = (struct czi_predict_input){.code_id = code->bytes,
                                         .input = {run->input, len},
                                         .origin = run->origin.bytes,
                                         .signer = run->signer.bytes};
}

static struct czi_predictor *begin(struct run *run)
{
    struct czi_predictor *p;
    cz_error err = {0};

    assert_ok(czi_predictor_new(find_name, run, &p, &err), err);
    return p;
}

static enum czi_predict_verdict finish_run(struct czi_predictor *p, struct run *run)
{
    struct czi_prediction was;

    czi_predict(p, &run->in, &was);
    return czi_predict_learn(p, &run->in, &was, run->accesses, run->count, false, false);
}

/* ---- Properties
 * ------------------------------------------------------------------------------
 */

static void codes_with_a_rule_are_predicted_soon(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 60),
                  first = test_env("CAUSALITY_SEED", 1);
    static struct run run;

    (void)state;
    for (unsigned long seed = first; seed < first + seeds; seed++) {
        struct czi_rng r = czi_rng(seed);
        struct code c = random_code(&r);
        struct czi_predictor *p = begin(&run);
        unsigned hits = 0;

        for (unsigned i = 0; i < RUNS; i++) {
            const struct way *w = &c.ways[czi_rng_below(&r, c.way_count)];
            bool hit;

            begin_run(&run, &c.id, &r, w->len);
            run.input[0] = w->byte;
            for (unsigned k = 0; k < w->rule_count; k++)
                follow(&run, &w->rules[k], &r);
            hit = finish_run(p, &run) != CZI_PREDICT_MISSED;
            hits += hit && i >= SETTLED;
        }
        czi_predictor_free(p);
        if (hits < (RUNS - SETTLED) * 95 / 100)
            fail_msg("seed %lu: %u of %u runs were predicted", seed, hits, RUNS - SETTLED);
    }
}

/* The same while one run in ten touches something else, and another in ten less. */
static void noise_does_not_hide_a_rule(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 60),
                  first = test_env("CAUSALITY_SEED", 1);
    static struct run run;

    (void)state;
    for (unsigned long seed = first; seed < first + seeds; seed++) {
        struct czi_rng r = czi_rng(seed);
        struct code c = random_code(&r);
        struct czi_predictor *p = begin(&run);
        unsigned hits = 0, clean = 0;

        for (unsigned i = 0; i < 2 * RUNS; i++) {
            const struct way *w = &c.ways[czi_rng_below(&r, c.way_count)];
            uint64_t luck = czi_rng_below(&r, 10);
            uint8_t other[32];
            bool hit;

            begin_run(&run, &c.id, &r, w->len);
            run.input[0] = w->byte;
            for (unsigned k = 0; k < w->rule_count; k++)
                follow(&run, &w->rules[k], &r);
            random_bytes(&r, other, sizeof other);
            if (luck == 0)
                touch(&run, other, true, "");
            if (luck == 1)
                run.count--;
            hit = finish_run(p, &run) != CZI_PREDICT_MISSED;
            clean += luck > 1 && i >= RUNS;
            hits += hit && luck > 1 && i >= RUNS;
        }
        czi_predictor_free(p);
        if (hits * 10 < clean * 9)
            fail_msg("seed %lu: %u of %u runs were predicted", seed, hits, clean);
    }
}

/* Ids that are in the input, each time elsewhere; own labels that share bytes with it; what
 * never comes again. The dear part of learning is what asks for names: at most 15 for each
 * study, and one study for four runs beyond the first 32. */
static void codes_without_a_rule_cost_no_more_than_they_may(void **state)
{
    enum { ACCESSES = CZ_OPEN_ACCESSES_MAX - 1 };
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 20),
                  first = test_env("CAUSALITY_SEED", 1);
    static struct run run;

    (void)state;
    for (unsigned long seed = first; seed < first + seeds; seed++) {
        struct czi_rng r = czi_rng(seed);
        struct czi_predictor *p = begin(&run);
        cz_id code;
        size_t bytes = 0;

        random_bytes(&r, &code, sizeof code);
        run.names = 0;
        for (unsigned i = 0; i < RUNS; i++) {
            begin_run(&run, &code, &r, sizeof run.input);
            for (unsigned k = 0; k < ACCESSES; k++) {
                struct rule x = {.from = (enum from)czi_rng_below(&r, FROMS), .write = true};

                x.length = x.from == LABEL ? 24 : 32;
                x.offset = (unsigned)czi_rng_below(&r, sizeof run.input - 32);
                random_bytes(&r, &x.fixed, sizeof x.fixed);
                random_text(&r, x.prefix, 4);
                follow(&run, &x, &r);
            }
            (void)finish_run(p, &run);
            assert_true(!bytes || czi_predictor_bytes(p) == bytes);
            bytes = czi_predictor_bytes(p);
        }
        czi_predictor_free(p);
        if (run.names > ACCESSES * (32 + RUNS / 4))
            fail_msg("seed %lu: %lu names were asked for", seed, run.names);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_with_a_rule_are_predicted_soon),
        cmocka_unit_test(noise_does_not_hide_a_rule),
        cmocka_unit_test(codes_without_a_rule_cost_no_more_than_they_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
