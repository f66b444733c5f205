/* test_predict.c - which accesses are predicted: by a code's template, by its text, and by what
 * earlier runs of it touched.
 */
#include "base/limits.h"
#include "engine/predict.h"
#include "resource/resource.h"
#include "test.h"
#include "unit/elf_fixture.h"

static const cz_id code = {{0xc0, 0xde, 1}};

/* Resources that have names: all of those that tests speak of. */
#define NAMED_MAX 64
static struct named {
    cz_id id, creator;
    char label[CZI_LABEL_SIZE_MAX + 1];
} named[NAMED_MAX];
static unsigned named_count;

static bool find_name(void *arg, const uint8_t id[32], const uint8_t **ret_creator,
                      struct czi_slice *ret_label)
{
    (void)arg;
    for (unsigned i = 0; i < named_count; i++) {
        if (memcmp(&named[i].id, id, 32) == 0) {
            *ret_creator = named[i].creator.bytes;
            *ret_label =
                (struct czi_slice){(const uint8_t *)named[i].label, strlen(named[i].label)};
            return true;
        }
    }
    return false;
}

static cz_id named_id(const cz_id *creator, const char *label)
{
    cz_id id;
    cz_error err = {0};

    assert_ok(cz_resource_id(creator, label, &id, &err), err);
    named[named_count % NAMED_MAX] = (struct named){.id = id, .creator = *creator};
    snprintf(named[named_count % NAMED_MAX].label, CZI_LABEL_SIZE_MAX + 1, "%s", label);
    named_count = named_count < NAMED_MAX - 1 ? named_count + 1 : NAMED_MAX - 1;
    return id;
}

static cz_id number_id(unsigned n)
{
    struct czi_rng r = czi_rng(n);
    cz_id id;

    for (unsigned i = 0; i < 4; i++) {
        uint64_t v = czi_rng_next(&r);

        memcpy(id.bytes + (size_t)8 * i, &v, 8);
    }
    return id;
}

static struct czi_predictor *begin(void)
{
    struct czi_predictor *p;
    cz_error err = {0};

    named_count = 0;
    assert_ok(czi_predictor_new(find_name, NULL, &p, &err), err);
    return p;
}

/* What a run touches, and one run: is asked what it will be, and told what it was. */
struct run {
    struct czi_access accesses[CZ_OPEN_ACCESSES_MAX];
    unsigned count;
};
static void touch(struct run *r, const cz_id *id, bool write)
{
    struct czi_access *a = &r->accesses[r->count++];

    *a = (struct czi_access){.writable = write, .touched = true};
    memcpy(a->id, id, 32);
}
static enum czi_predict_verdict run_input(struct czi_predictor *p, struct czi_predict_input *in,
                                          const struct run *r)
{
    struct czi_prediction was;

    if (!in->code_id)
        in->code_id = code.bytes;
    czi_predict(p, in, &was);
    return czi_predict_learn(p, in, &was, r->accesses, r->count, false, false);
}
static enum czi_predict_verdict run(struct czi_predictor *p, const void *input, size_t len,
                                    const struct run *r)
{
    struct czi_predict_input in = {.input = {input, len}};

    return run_input(p, &in, r);
}
static struct czi_prediction ask(struct czi_predictor *p, const void *input, size_t len,
                                 const struct czi_image *image)
{
    struct czi_predict_input in = {code.bytes, image, {input, len}, NULL, NULL};
    struct czi_prediction ret;

    czi_predict(p, &in, &ret);
    return ret;
}
static void assert_predicted(const struct czi_prediction *p, unsigned i, const cz_id *id,
                             bool write)
{
    assert_true(i < p->count);
    assert_memory_equal(p->accesses[i].id, id, 32);
    assert_int_equal(p->accesses[i].write, write);
}

static void nothing_is_predicted_of_what_is_not_known(void **state)
{
    struct czi_predictor *p = begin();
    struct czi_prediction was = ask(p, "abc", 3, NULL);

    (void)state;
    assert_int_equal(was.count, 0);
    assert_false(was.is_anything);
    czi_predictor_free(p);
}

/* ---- Template and text ------------------------------------------------------------------- */

/* A file whose text opens the id at FIXED to be read, and input + 8 to be written. */
#define FIXED 0x20000u
static const uint32_t opening[] = {
    0x00850513,                         /* addi a0, a0, 8 */
    0x00100593,                         /* li a1, CZ_WRITE */
    0x41000893,                         /* li a7, CZ_CALL_OPEN */
    0x00000073,                         /* ecall */
    0x00020537,                         /* lui a0, FIXED >> 12 */
    0x00000593,                         /* li a1, CZ_READ */
    0x41000893, 0x00000073, 0x05d00893, /* li a7, 93 */
    0x00000073,
};
static cz_id fixed_id; /* what lies at FIXED */

static struct czi_image make_image(struct czi_buf *file, const uint32_t *text, size_t len,
                                   const struct cz_template_entry *template, size_t count)
{
    struct elf_plan plan = {
        .entry = 0x10000,
        .segments = {{ELF_LOAD, ELF_R | ELF_X, 0x10000, text, len, len},
                     {ELF_LOAD, ELF_R, FIXED, &fixed_id, sizeof fixed_id, sizeof fixed_id}},
        .segment_count = 2,
        .access = template,
        .access_len = count * sizeof *template,
    };
    struct czi_image image;
    cz_error err = {0};

    fixed_id = number_id(77);
    elf_build(file, &plan);
    assert_ok(czi_elf_read(file->data, file->len, &image, &err), err);
    return image;
}

static void a_template_says_ids_labels_and_what_is_fixed(void **state)
{
    struct cz_template_entry template[] = {
        {.from = CZ_TEMPLATE_INPUT_ID, .mode = CZ_WRITE, .offset = 4},
        {.from = CZ_TEMPLATE_OWN_LABEL,
         .mode = CZ_READ,
         .prefix_len = 8,
         .offset = 36,
         .length = 16,
         .prefix = "account:"},
        {.from = CZ_TEMPLATE_OWN_HEX,
         .mode = CZ_WRITE,
         .prefix_len = 2,
         .offset = 0,
         .length = 4,
         .prefix = "x:"},
        {.from = CZ_TEMPLATE_OWN_LABEL, .mode = CZ_WRITE, .prefix_len = 5, .prefix = "total"},
        {.from = CZ_TEMPLATE_FIXED_ID, .mode = CZ_READ, .prefix_len = 32},
    };
    struct czi_predictor *p = begin();
    CZI_AUTOBUF file = {0};
    struct czi_image image;
    struct czi_prediction was;
    uint8_t input[52] = {0xde, 0xad, 0xbe, 0x0f};
    cz_id first = number_id(1), fixed = number_id(2), alice, hex, total;

    (void)state;
    memcpy(template[4].prefix, &fixed, 32);
    image = make_image(&file, opening, sizeof opening, template, CZI_COUNTOF(template));
    czi_predictor_use(p, CZI_PREDICT_TEMPLATE);
    alice = named_id(&code, "account:alice");
    hex = named_id(&code, "x:deadbe0f");
    total = named_id(&code, "total");
    memcpy(input + 4, &first, 32);
    memcpy(input + 36, "alice", 5); /* and zeroes */
    was = ask(p, input, sizeof input, &image);
    assert_int_equal(was.count, 5);
    assert_predicted(&was, 0, &first, true);
    assert_predicted(&was, 1, &alice, false);
    assert_predicted(&was, 2, &hex, true);
    assert_predicted(&was, 3, &total, true);
    assert_predicted(&was, 4, &fixed, false);
    /* Of an input that is too short, what is there: "account:" needs one byte more at least. */
    was = ask(p, input, 36, &image);
    assert_int_equal(was.count, 4);
    was = ask(p, input, 41, &image);
    assert_int_equal(was.count, 5);
    assert_predicted(&was, 1, &alice, false);
    was = ask(p, input, 3, &image);
    assert_int_equal(was.count, 2);
    czi_predictor_free(p);
}

static void what_reaches_calls_in_the_text_is_predicted(void **state)
{
    struct czi_predictor *p = begin();
    CZI_AUTOBUF file = {0};
    struct czi_image image = make_image(&file, opening, sizeof opening, NULL, 0);
    struct czi_prediction was;
    cz_id id = number_id(5);
    uint8_t input[40] = {0};

    (void)state;
    memcpy(input + 8, &id, 32);
    was = ask(p, input, sizeof input, &image);
    assert_int_equal(was.count, 2);
    assert_predicted(&was, 0, &id, true);
    assert_predicted(&was, 1, &fixed_id, false);
    czi_predictor_free(p);
}

/* The template says that it is written; the text, that nothing can be. */
static void who_cannot_write_is_predicted_to_read(void **state)
{
    struct cz_template_entry template = {.from = CZ_TEMPLATE_INPUT_ID, .mode = CZ_WRITE};
    struct czi_predictor *p = begin();
    CZI_AUTOBUF file = {0};
    struct czi_image image = make_image(&file, opening + 4, sizeof opening - 16, &template, 1);
    struct czi_prediction was;
    cz_id id = number_id(5);

    (void)state;
    was = ask(p, &id, sizeof id, &image);
    assert_int_equal(was.count, 2);
    assert_predicted(&was, 0, &id, false);
    assert_predicted(&was, 1, &fixed_id, false);
    czi_predictor_free(p);
}

static void
a_template_that_errs_is_forgotten_and_one_that_comes_true_again_is_back(void **state)
{
    struct cz_template_entry template = {.from = CZ_TEMPLATE_INPUT_ID, .mode = CZ_WRITE};
    struct czi_predictor *p = begin();
    CZI_AUTOBUF file = {0};
    struct czi_image image = make_image(&file, opening + 8, 8, &template, 1);
    struct run none = {0}, some = {0};
    cz_id id = number_id(5);
    struct czi_predict_input in = {code.bytes, &image, {id.bytes, 32}, NULL, NULL};
    unsigned wide = 0, missed = 0;

    (void)state;
    czi_predictor_use(p, CZI_PREDICT_TEMPLATE | CZI_PREDICT_PROFILE);
    touch(&some, &id, true);
    for (unsigned i = 0; i < 64; i++)
        wide += run_input(p, &in, &none) == CZI_PREDICT_TOO_WIDE;
    assert_int_equal(wide, 4); /* then this way of running it has a count of its own */
    assert_int_equal(ask(p, &id, 32, &image).count, 0);
    for (unsigned i = 0; i < 100; i++)
        missed += run_input(p, &in, &some) == CZI_PREDICT_MISSED;
    assert_in_range(missed, 1, 64);
    assert_int_equal(ask(p, &id, 32, &image).count, 1);
    czi_predictor_free(p);
}

/* ---- Profiles ---------------------------------------------------------------------------- */

/* Runs with inputs that `make` fills in, until none of the last 10 is anything but a hit. */
struct story {
    struct czi_predictor *p;
    struct czi_predict_input in;
    uint8_t input[128];
    struct run run;
};
static unsigned runs_until_known(struct story *s, void (*make)(struct story *s, unsigned i))
{
    unsigned hits = 0, i = 0;

    for (; hits < 10; i++) {
        assert_true(i < 200);
        s->run.count = 0;
        s->in.code_id = code.bytes;
        s->in.input = (struct czi_slice){s->input, 0};
        make(s, i);
        hits = run_input(s->p, &s->in, &s->run) == CZI_PREDICT_HIT ? hits + 1 : 0;
    }
    return i - 10;
}

static void make_ids(struct story *s, unsigned i)
{
    cz_id from = number_id(2 * i), to = number_id(2 * i + 1);

    s->input[0] = 't';
    memcpy(s->input + 1, &from, 32);
    memcpy(s->input + 33, &to, 32);
    s->in.input.len = 73;
    touch(&s->run, &from, true);
    touch(&s->run, &to, false);
}

static void ids_in_the_input_are_learned_in_two_runs(void **state)
{
    struct story s = {.p = begin()};

    (void)state;
    assert_int_equal(runs_until_known(&s, make_ids), 2);
    czi_predictor_free(s.p);
}

static void make_labels(struct story *s, unsigned i)
{
    char name[16], label[64];
    cz_id a, b, c;

    snprintf(name, sizeof name, "%c%u", (int)('a' + i % 26), 7 * i * i);
    s->in.input.len = (size_t)snprintf((char *)s->input, sizeof s->input, "pay %s", name);
    a = (named_count = 0, named_id(&code, name));
    snprintf(label, sizeof label, "%s/money", name);
    b = named_id(&code, label);
    snprintf(label, sizeof label, "money:%s", name);
    c = named_id(&code, label);
    touch(&s->run, &a, true);
    touch(&s->run, &b, true);
    touch(&s->run, &c, true);
}

static void own_labels_that_contain_a_name_of_the_input_are_learned(void **state)
{
    struct story s = {.p = begin()};

    (void)state;
    assert_in_range(runs_until_known(&s, make_labels), 2, 6);
    czi_predictor_free(s.p);
}

static void make_hex(struct story *s, unsigned i)
{
    char label[65];
    cz_id key = number_id(i), a;

    memcpy(s->input, &key, 32);
    memset(s->input + 32, (int)i, 8);
    s->in.input.len = 40;
    czi_hex(label, &key, 32);
    a = (named_count = 0, named_id(&code, label));
    touch(&s->run, &a, true);
}

static void own_labels_in_hex_are_learned(void **state)
{
    struct story s = {.p = begin()};

    (void)state;
    assert_in_range(runs_until_known(&s, make_hex), 2, 4);
    czi_predictor_free(s.p);
}

/* A balance named by who signed, and one named by who proposes. */
static void make_signed(struct story *s, unsigned i)
{
    static cz_id signer, origin;
    char label[70];
    cz_id a, b;

    signer = number_id(i);
    origin = number_id(1000 + i / 2);
    s->in.signer = signer.bytes;
    s->in.origin = origin.bytes;
    s->in.input.len = 1;
    czi_hex(label, &signer, 32);
    a = (named_count = 0, named_id(&code, label));
    memcpy(label, "of:", 3);
    czi_hex(label + 3, &origin, 32);
    b = named_id(&code, label);
    touch(&s->run, &a, true);
    touch(&s->run, &b, false);
}

static void origin_and_signer_serve_as_the_input_does(void **state)
{
    struct story s = {.p = begin()};

    (void)state;
    assert_in_range(runs_until_known(&s, make_signed), 2, 4);
    czi_predictor_free(s.p);
}

static void make_fixed(struct story *s, unsigned i)
{
    cz_id always = number_id(4711), never = number_id(i);

    memcpy(s->input, &never, 8);
    s->in.input.len = 8;
    touch(&s->run, &always, true);
}

static void what_is_always_the_same_is_learned(void **state)
{
    struct story s = {.p = begin()};

    (void)state;
    assert_int_equal(runs_until_known(&s, make_fixed), 2);
    czi_predictor_free(s.p);
}

/* Three things that a code can be told to do, with other accesses each. */
static void make_kinds(struct story *s, unsigned i)
{
    cz_id a = number_id(3 * i), b = number_id(3 * i + 1), total = number_id(4711);

    s->input[0] = "abc"[i * i % 7 % 3];
    memcpy(s->input + 1, &a, 32);
    memcpy(s->input + 33, &b, 32);
    s->in.input.len = 65;
    if (s->input[0] != 'a')
        touch(&s->run, &a, s->input[0] == 'b');
    if (s->input[0] != 'b')
        touch(&s->run, &b, true);
    if (s->input[0] == 'c')
        touch(&s->run, &total, true);
}

static void what_depends_on_the_first_byte_is_told_apart(void **state)
{
    struct story s = {.p = begin()};

    (void)state;
    assert_in_range(runs_until_known(&s, make_kinds), 4, 60);
    czi_predictor_free(s.p);
}

static void a_rule_that_changes_is_learned_again(void **state)
{
    struct story s = {.p = begin()};

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        s.run.count = 0;
        make_ids(&s, i);
        (void)run(s.p, s.input, 73, &s.run);
    }
    memset(s.input, 0, sizeof s.input);
    assert_in_range(runs_until_known(&s, make_fixed), 2, 100);
    czi_predictor_free(s.p);
}

/* Hit: all of it, and all that is written predicted so. */
static void verdicts_are_what_they_say(void **state)
{
    struct czi_predictor *p = begin();
    cz_id a = number_id(1), b = number_id(2);
    struct czi_predict_input in = {.code_id = code.bytes};
    struct czi_prediction was = {.count = 2};
    struct run both = {0}, other_mode = {0}, one = {0}, three = {0}, with_code = {0};

    (void)state;
    memcpy(was.accesses[0].id, &a, 32);
    memcpy(was.accesses[1].id, &b, 32);
    was.accesses[0].write = true;
    touch(&both, &b, false);
    touch(&both, &a, true);
    touch(&other_mode, &a, true);
    touch(&other_mode, &b, true);
    touch(&one, &a, true);
    three = both;
    touch(&three, &fixed_id, false);
    with_code = both;
    touch(&with_code, &code, false); /* that is known anyway */
#define VERDICT(r) czi_predict_learn(p, &in, &was, (r).accesses, (r).count, false, false)
    assert_int_equal(VERDICT(both), CZI_PREDICT_HIT);
    assert_int_equal(VERDICT(with_code), CZI_PREDICT_HIT);
    assert_int_equal(VERDICT(other_mode), CZI_PREDICT_MISSED);
    assert_int_equal(VERDICT(three), CZI_PREDICT_MISSED);
    assert_int_equal(VERDICT(one), CZI_PREDICT_TOO_WIDE);
    one.accesses[0].writable = false;
    assert_int_equal(VERDICT(one), CZI_PREDICT_TOO_WIDE);
    both.accesses[0].touched = false; /* declared perhaps, but it never looked */
    assert_int_equal(VERDICT(both), CZI_PREDICT_TOO_WIDE);
#undef VERDICT
    czi_predictor_free(p);
}

static void a_code_whose_runs_ahead_are_in_vain_has_its_turn_first(void **state)
{
    struct czi_predictor *p = begin();
    struct czi_predict_input in = {.code_id = code.bytes};
    struct czi_prediction was;
    unsigned anything = 0;

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        czi_predict(p, &in, &was);
        if (was.is_anything)
            break;
        (void)czi_predict_learn(p, &in, &was, NULL, 0, true, true);
    }
    assert_true(was.is_anything);
    for (; was.is_anything; anything++) {
        assert_true(anything < 1000);
        (void)czi_predict_learn(p, &in, &was, NULL, 0, false, false);
        czi_predict(p, &in, &was);
    }
    assert_in_range(anything, 2, 999);   /* and then it is tried again */
    for (unsigned i = 0; i < 100; i++) { /* half of them are not too many */
        (void)czi_predict_learn(p, &in, &was, NULL, 0, true, i % 2 == 0);
        czi_predict(p, &in, &was);
        assert_false(was.is_anything);
    }
    czi_predictor_free(p);
}

/* ---- Bounds ------------------------------------------------------------------------------ */

static void what_is_kept_is_bounded(void **state)
{
    struct czi_predictor *p = begin();
    size_t most = 0;

    (void)state;
    for (unsigned i = 0; i < 4 * CZI_PREDICT_CODES_MAX; i++) {
        cz_id id = number_id(i), other = number_id(i + 100000);
        struct czi_predict_input in = {.code_id = id.bytes};
        struct run r = {0};

        touch(&r, &other, true);
        (void)run_input(p, &in, &r);
        most = CZI_MAX(most, czi_predictor_bytes(p));
    }
    assert_in_range(most, CZI_PREDICT_CODES_MAX * 1024, CZI_PREDICT_CODES_MAX * 8192);
    czi_predictor_free(p);
}

/* Far more rules than there is room for come and go; what holds all the time is kept. */
static void rules_are_bounded_and_good_ones_stay(void **state)
{
    struct czi_predictor *p = begin();
    cz_id always = number_id(4711);
    unsigned found = 0;

    (void)state;
    for (unsigned i = 0; i < 40 * CZI_PREDICT_RULES_MAX; i++) {
        struct czi_prediction was = ask(p, NULL, 0, NULL);
        struct run r = {0};

        found += was.count >= 1 && memcmp(was.accesses[0].id, &always, 32) == 0;
        assert_true(was.count < CZ_OPEN_ACCESSES_MAX);
        touch(&r, &always, false);
        for (unsigned k = 0; k < 14; k++) {
            cz_id other = number_id(14 * i + k);

            touch(&r, &other, true);
        }
        (void)run(p, NULL, 0, &r);
    }
    assert_in_range(found, 40 * CZI_PREDICT_RULES_MAX - 10, 40 * CZI_PREDICT_RULES_MAX);
    czi_predictor_free(p);
}

static void without_memory_nothing_is_predicted(void **state)
{
    struct czi_predictor *p;
    struct czi_prediction was = {.count = 3};
    struct czi_predict_input in = {.code_id = code.bytes};
    struct run r = {0};
    cz_error err = {0};

    (void)state;
    czi_alloc_fail_after(0);
    assert_int_equal(czi_predictor_new(find_name, NULL, &p, &err), CZ_NOMEM);
    p = begin();
    touch(&r, &code, true);
    czi_alloc_fail_after(0);
    czi_predict(p, &in, &was);
    assert_int_equal(was.count, 0);
    czi_alloc_fail_after(0);
    assert_int_equal(czi_predict_learn(p, &in, &was, r.accesses, 1, false, false),
                     CZI_PREDICT_HIT);
    czi_alloc_fail_after(-1);
    czi_predictor_free(p);
    czi_predictor_free(NULL);
}

/* ---- What tests can ask for ---------------------------------------------------------------
 */

static void tests_can_have_any_answer(void **state)
{
    struct story s = {.p = begin()};
    unsigned kinds[3] = {0};

    (void)state;
    (void)runs_until_known(&s, make_ids);
    czi_predictor_force(s.p, CZI_PREDICT_NOTHING, 1);
    assert_int_equal(ask(s.p, s.input, 73, NULL).count, 0);
    czi_predictor_force(s.p, CZI_PREDICT_WRONG, 1);
    assert_int_equal(ask(s.p, s.input, 73, NULL).count, CZ_OPEN_ACCESSES_MAX - 1);
    czi_predictor_force(s.p, CZI_PREDICT_ANYTHING, 1);
    assert_true(ask(s.p, s.input, 73, NULL).is_anything);
    czi_predictor_force(s.p, CZI_PREDICT_RANDOM, 1);
    for (unsigned i = 0; i < 200; i++) {
        struct czi_prediction was = ask(s.p, s.input, 73, NULL);

        kinds[was.is_anything ? 0 : was.count ? 1 : 2]++;
        (void)run(s.p, s.input, 73, &s.run);
    }
    for (unsigned k = 0; k < 3; k++)
        assert_in_range(kinds[k], 5, 190);
    czi_predictor_force(s.p, CZI_PREDICT_AS_KNOWN, 0);
    assert_int_equal(ask(s.p, s.input, 73, NULL).count, 2); /* it has gone on learning */
    czi_predictor_free(s.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_predicted_of_what_is_not_known),
        cmocka_unit_test(a_template_says_ids_labels_and_what_is_fixed),
        cmocka_unit_test(what_reaches_calls_in_the_text_is_predicted),
        cmocka_unit_test(who_cannot_write_is_predicted_to_read),
        cmocka_unit_test(
            a_template_that_errs_is_forgotten_and_one_that_comes_true_again_is_back),
        cmocka_unit_test(ids_in_the_input_are_learned_in_two_runs),
        cmocka_unit_test(own_labels_that_contain_a_name_of_the_input_are_learned),
        cmocka_unit_test(own_labels_in_hex_are_learned),
        cmocka_unit_test(origin_and_signer_serve_as_the_input_does),
        cmocka_unit_test(what_is_always_the_same_is_learned),
        cmocka_unit_test(what_depends_on_the_first_byte_is_told_apart),
        cmocka_unit_test(a_rule_that_changes_is_learned_again),
        cmocka_unit_test(verdicts_are_what_they_say),
        cmocka_unit_test(a_code_whose_runs_ahead_are_in_vain_has_its_turn_first),
        cmocka_unit_test(what_is_kept_is_bounded),
        cmocka_unit_test(rules_are_bounded_and_good_ones_stay),
        cmocka_unit_test(without_memory_nothing_is_predicted),
        cmocka_unit_test(tests_can_have_any_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
