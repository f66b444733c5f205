/* test_analyse.c - what the text of a code says of its calls. Programs are assembled here, from
 * the encodings of the ISA manual; what they call is known since we wrote them.
 */
#include "base/limits.h"
#include "test.h"
#include "unit/elf_fixture.h"
#include "vm/analyse.h"

enum { ZERO, RA, SP, GP, TP, T0, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5, A6, A7 };
#define TEXT 0x10000u
#define FIXED 0x20000u
#define VARIABLES 0x30000u

static uint32_t i_type(unsigned op, unsigned f, unsigned rd, unsigned rs1, int imm)
{
    return (uint32_t)imm << 20 | rs1 << 15 | f << 12 | rd << 7 | op;
}
static uint32_t addi(unsigned rd, unsigned rs1, int imm)
{
    return i_type(0x13, 0, rd, rs1, imm);
}
static uint32_t li(unsigned rd, int imm)
{
    return addi(rd, ZERO, imm);
}
static uint32_t lui(unsigned rd, uint32_t imm)
{
    return imm << 12 | rd << 7 | 0x37;
}
static uint32_t auipc(unsigned rd, uint32_t imm)
{
    return imm << 12 | rd << 7 | 0x17;
}
static uint32_t add(unsigned rd, unsigned rs1, unsigned rs2)
{
    return rs2 << 20 | rs1 << 15 | rd << 7 | 0x33;
}
static uint32_t ld(unsigned rd, unsigned rs1, int imm)
{
    return i_type(0x03, 3, rd, rs1, imm);
}
static uint32_t jalr(unsigned rd, unsigned rs1, int imm)
{
    return i_type(0x67, 0, rd, rs1, imm);
}
/* Offsets in instructions, since all of them have four bytes here. */
static uint32_t jal(unsigned rd, int by)
{
    uint32_t o = (uint32_t)by * 4;

    return (o >> 20 & 1) << 31 | (o >> 1 & 0x3ff) << 21 | (o >> 11 & 1) << 20 |
           (o >> 12 & 0xff) << 12 | rd << 7 | 0x6f;
}
static uint32_t beqz(unsigned rs1, int by)
{
    uint32_t o = (uint32_t)by * 4;

    return (o >> 12 & 1) << 31 | (o >> 5 & 0x3f) << 25 | rs1 << 15 | (o >> 1 & 0xf) << 8 |
           (o >> 11 & 1) << 7 | 0x63;
}
#define ECALL 0x73u
#define RET jalr(ZERO, RA, 0)
#define LAST li(A7, 93), ECALL

static const uint8_t one_id[64] = {[0 ... 31] = 0x11, [32 ... 63] = 0x22};

static struct czi_analysis analyse_bytes(const void *text, size_t len)
{
    struct elf_plan plan = {
        .entry = TEXT,
        .segments = {{ELF_LOAD, ELF_R | ELF_X, TEXT, text, len, len},
                     {ELF_LOAD, ELF_R, FIXED, one_id, sizeof one_id, sizeof one_id},
                     {ELF_LOAD, ELF_R | ELF_W, VARIABLES, one_id, sizeof one_id, 4096}},
        .segment_count = 3,
    };
    CZI_AUTOBUF file = {0};
    struct czi_analysis a;
    struct czi_image image;
    cz_error err = {0};

    elf_build(&file, &plan);
    assert_ok(czi_elf_read(file.data, file.len, &image, &err), err);
    assert_ok(czi_analyse(&image, &a, &err), err);
    return a;
}
#define ANALYSE(...)                                                                           \
    ({                                                                                         \
        const uint32_t text_[] = {__VA_ARGS__};                                                \
        analyse_bytes(text_, sizeof text_);                                                    \
    })

static void assert_calls(const struct czi_analysis *a, const uint64_t *numbers, unsigned count)
{
    assert_int_equal(a->call_count, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(a->calls[i], numbers[i]);
}
#define ASSERT_CALLS(a, ...)                                                                   \
    do {                                                                                       \
        const uint64_t numbers_[] = {__VA_ARGS__};                                             \
        assert_calls((a), numbers_, CZI_COUNTOF(numbers_));                                    \
    } while (0)

static void numbers_of_calls_are_found_once_and_ascending(void **state)
{
    struct czi_analysis a =
        ANALYSE(li(A7, 1042), ECALL, li(A7, 1027), ECALL, li(A7, 1042), ECALL, LAST);

    (void)state;
    ASSERT_CALLS(&a, 93, 1027, 1042);
    assert_int_equal(a.sites, 4);
    assert_int_equal(a.unknown_sites, 0);
    assert_true(a.is_whole);
    assert_false(a.may_write);
}

static void a_constant_id_is_found_however_its_address_is_made(void **state)
{
    const struct czi_analysis found[] = {
        ANALYSE(lui(A0, FIXED >> 12), li(A1, CZ_READ), li(A7, CZ_CALL_OPEN), ECALL, LAST),
        ANALYSE(auipc(A0, (FIXED - TEXT) >> 12), li(A1, CZ_READ), li(A7, CZ_CALL_OPEN), ECALL,
                LAST),
        ANALYSE(lui(GP, FIXED >> 12), addi(GP, GP, 2000), addi(A0, GP, -2000), li(A1, CZ_READ),
                li(A7, CZ_CALL_OPEN), ECALL, LAST),
        ANALYSE(li(T0, 2), i_type(0x13, 1, T0, T0, 16), add(A0, T0, ZERO), li(A1, CZ_READ),
                li(A7, CZ_CALL_OPEN), ECALL, LAST),
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(found); i++) {
        assert_int_equal(found[i].open_count, 1);
        assert_int_equal(found[i].opens[0].from, CZ_TEMPLATE_FIXED_ID);
        assert_memory_equal(found[i].opens[0].id, one_id, 32);
        assert_false(found[i].opens[0].write);
        assert_false(found[i].may_write);
        assert_int_equal(found[i].unknown_opens, 0);
    }
}

static void what_can_change_is_no_constant(void **state)
{
    struct czi_analysis written = ANALYSE(lui(A0, VARIABLES >> 12), li(A1, CZ_READ),
                                          li(A7, CZ_CALL_OPEN), ECALL, LAST),
                        cut = ANALYSE(lui(A0, FIXED >> 12), addi(A0, A0, 33),
                                      li(A7, CZ_CALL_OPEN), ECALL, LAST),
                        loaded = ANALYSE(lui(T0, FIXED >> 12), ld(A0, T0, 0),
                                         li(A7, CZ_CALL_OPEN), ECALL, LAST);

    (void)state;
    assert_int_equal(written.unknown_opens, 1);
    assert_int_equal(cut.unknown_opens, 1); /* only 31 bytes are left there */
    assert_int_equal(loaded.unknown_opens, 1);
    assert_int_equal(written.open_count + cut.open_count + loaded.open_count, 0);
    assert_false(written.may_write);
    assert_true(cut.may_write); /* the mode is not known */
}

/* The input's address comes in a0, goes on to a function, and is remembered over a call. */
static void a_place_in_the_input_is_followed_through_calls(void **state)
{
    struct czi_analysis a =
        ANALYSE(addi(A0, A0, 40), jal(RA, 3),                              /* 0 */
                LAST,                                                      /* 2 */
                addi(S0, A0, 8),                                           /* 4: the function */
                li(A1, CZ_WRITE), li(A7, CZ_CALL_OPEN), ECALL, jal(RA, 6), /* 8: to 14 */
                addi(A0, S0, 32), li(A1, CZ_READ), li(A7, CZ_CALL_OPEN), ECALL, RET, /* 13 */
                RET);

    (void)state;
    assert_int_equal(a.open_count, 2);
    assert_int_equal(a.opens[0].from, CZ_TEMPLATE_INPUT_ID);
    assert_int_equal(a.opens[0].offset, 40);
    assert_true(a.opens[0].write);
    assert_int_equal(a.opens[1].offset, 80);
    assert_false(a.opens[1].write);
    assert_int_equal(a.unknown_opens, 0);
    assert_true(a.may_write);
}

static void a_function_may_change_what_it_may(void **state)
{
    struct czi_analysis a = ANALYSE(lui(A0, FIXED >> 12), jal(RA, 4), /* a0 is lost */
                                    li(A7, CZ_CALL_OPEN), ECALL, LAST, RET);

    (void)state;
    assert_int_equal(a.unknown_opens, 1);
    assert_int_equal(a.open_count, 0);
}

/* if (x) a7 = 1027; else a7 = 1042; ecall: each way is asked for itself. */
static void ways_that_end_in_one_call_have_a_number_each(void **state)
{
    struct czi_analysis a =
        ANALYSE(beqz(A1, 3), li(A7, 1027), jal(ZERO, 2), li(A7, 1042), ECALL, LAST);

    (void)state;
    ASSERT_CALLS(&a, 93, 1027, 1042);
    assert_int_equal(a.sites, 2);
    assert_int_equal(a.unknown_sites, 0);
}

/* One instruction behind where they meet it is one number or none. */
static void what_two_ways_do_not_agree_on_is_unknown(void **state)
{
    struct czi_analysis a =
        ANALYSE(beqz(A1, 3), li(A7, 1027), jal(ZERO, 2), li(A7, 1042), li(A0, 0), ECALL, LAST);

    (void)state;
    ASSERT_CALLS(&a, 93);
    assert_int_equal(a.unknown_sites, 1);
    assert_true(a.may_write);
}

/* for (a7 = 1026;; a7++): known the first time only. */
static void a_loop_ends_with_what_holds_in_every_round(void **state)
{
    struct czi_analysis a =
        ANALYSE(li(A7, 1026), li(A5, 5), addi(A7, A7, 1), ECALL, beqz(A5, -2), LAST);

    (void)state;
    ASSERT_CALLS(&a, 93);
    assert_int_equal(a.unknown_sites, 1);
}

static void what_only_pointers_lead_to_is_looked_at_too(void **state)
{
    struct czi_analysis a = ANALYSE(lui(GP, FIXED >> 12), ld(T0, SP, 0), jalr(RA, T0, 0), LAST,
                                    addi(A0, GP, 0), /* behind the end: no jump leads here */
                                    li(A1, CZ_WRITE), li(A7, CZ_CALL_OPEN), ECALL, RET);

    (void)state;
    ASSERT_CALLS(&a, 93, CZ_CALL_OPEN);
    assert_int_equal(a.open_count, 1);
    assert_memory_equal(a.opens[0].id, one_id, 32);
    assert_true(a.may_write);
}

/* The same in compressed instructions: c.lui a0, 0x20 is not possible (0x20 does not fit), so
 * c.li and c.slli; c.mv; c.j over what is none; c.jr at the end. */
static void compressed_instructions_are_followed(void **state)
{
    static const uint16_t text[] = {
        0x4509,         /* c.li a0, 2 */
        0x0542,         /* c.slli a0, 16 */
        0x4581,         /* c.li a1, 0 */
        0x6885,         /* c.lui a7, 1: 4096 */
        0xa011,         /* c.j +4 */
        0x0000,         /* none */
        0x86aa,         /* c.mv a3, a0 */
        0x8536,         /* c.mv a0, a3 */
        0x8893, 0x8008, /* addi a7, a7, -2048 */
        0x8893, 0xc108, /* addi a7, a7, -1008: 1040 */
        0x0073, 0x0000, /* ecall */
        0x8082,         /* ret */
    };
    struct czi_analysis a = analyse_bytes(text, sizeof text);

    (void)state;
    ASSERT_CALLS(&a, CZ_CALL_OPEN);
    assert_int_equal(a.open_count, 1);
    assert_memory_equal(a.opens[0].id, one_id, 32);
}

static void no_more_opens_are_kept_than_an_effect_can_touch(void **state)
{
    enum { SITES = CZI_ANALYSIS_OPENS_MAX + 3 };
    uint32_t text[SITES * 4 + 2];
    struct czi_analysis a;
    unsigned n = 0;

    (void)state;
    for (unsigned i = 0; i < SITES; i++) {
        text[n++] = lui(A0, CZ_GUEST_INPUT >> 12);
        text[n++] = addi(A0, A0, (int)(32 * i));
        text[n++] = li(A7, CZ_CALL_OPEN);
        text[n++] = ECALL;
    }
    text[n++] = li(A7, 93);
    text[n++] = ECALL;
    a = analyse_bytes(text, n * sizeof *text);
    assert_int_equal(a.open_count, CZI_ANALYSIS_OPENS_MAX);
    assert_int_equal(a.sites, SITES + 1);
}

/* As many jumps as there may be places, and one more. */
static void of_too_many_places_nothing_is_claimed(void **state)
{
    enum { JUMPS = CZI_ANALYSE_PLACES_MAX };
    static uint32_t text[JUMPS + 2];
    struct czi_analysis a;

    (void)state;
    for (unsigned i = 0; i < JUMPS; i++)
        text[i] = jal(ZERO, 1);
    text[JUMPS - 1] = li(A7, 93);
    text[JUMPS] = ECALL;
    a = analyse_bytes(text, sizeof text); /* the entry and JUMPS - 1 targets */
    assert_true(a.is_whole);
    ASSERT_CALLS(&a, 93);
    text[JUMPS - 1] = jal(ZERO, 1);
    text[JUMPS] = li(A7, 93);
    text[JUMPS + 1] = ECALL;
    a = analyse_bytes(text, sizeof text);
    assert_false(a.is_whole);
    assert_true(a.may_write);
}

/* A ladder of loops that each take something away from what is known. */
static void looking_ends_whatever_the_text(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 300),
                  first = test_env("CAUSALITY_SEED", 1);
    static uint16_t text[4096];

    (void)state;
    for (unsigned long seed = first; seed < first + seeds; seed++) {
        struct czi_rng r = czi_rng(seed);
        unsigned kind = (unsigned)(seed % 3);

        for (size_t i = 0; i < CZI_COUNTOF(text); i++) {
            uint64_t n = czi_rng_next(&r);

            text[i] = (uint16_t)n;
            if (kind == 1 && n >> 62) /* branches and jumps of quadrant 1 */
                text[i] = (uint16_t)((n & 0x1ffc) | (n >> 60 & 1 ? 0xc001 : 0xa001));
            if (kind == 2)
                text[i] |= 3;
        }
        (void)analyse_bytes(text, sizeof text);
    }
}

static void without_memory_it_says_so(void **state)
{
    const uint32_t text[] = {LAST};
    struct elf_plan plan = {.entry = TEXT,
                            .segments = {{ELF_LOAD, ELF_R | ELF_X, TEXT, text, 8, 8}},
                            .segment_count = 1};
    CZI_AUTOBUF file = {0};
    struct czi_image image;
    struct czi_analysis a = {.sites = 77};
    cz_error err = {0};
    int rc = CZ_NOMEM;

    (void)state;
    elf_build(&file, &plan);
    assert_ok(czi_elf_read(file.data, file.len, &image, &err), err);
    for (int64_t skip = 0; rc; skip++) {
        czi_alloc_fail_after(skip);
        rc = czi_analyse(&image, &a, &err);
        czi_alloc_fail_after(-1);
        assert_true(rc == CZ_OK || (rc == CZ_NOMEM && a.sites == 77));
    }
    assert_int_equal(a.sites, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_calls_are_found_once_and_ascending),
        cmocka_unit_test(a_constant_id_is_found_however_its_address_is_made),
        cmocka_unit_test(what_can_change_is_no_constant),
        cmocka_unit_test(a_place_in_the_input_is_followed_through_calls),
        cmocka_unit_test(a_function_may_change_what_it_may),
        cmocka_unit_test(ways_that_end_in_one_call_have_a_number_each),
        cmocka_unit_test(what_two_ways_do_not_agree_on_is_unknown),
        cmocka_unit_test(a_loop_ends_with_what_holds_in_every_round),
        cmocka_unit_test(what_only_pointers_lead_to_is_looked_at_too),
        cmocka_unit_test(compressed_instructions_are_followed),
        cmocka_unit_test(no_more_opens_are_kept_than_an_effect_can_touch),
        cmocka_unit_test(of_too_many_places_nothing_is_claimed),
        cmocka_unit_test(looking_ends_whatever_the_text),
        cmocka_unit_test(without_memory_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
