/* fuzz_guest.c - any bytes as code: the decoder, and both ways to run what it made.
 *
 * Input: 8 bytes that choose gas and registers, then the text. Property: run.c and step.c,
 * which were written apart, end in the same state; with the gas at which they stopped, and one
 * less.
 */
#include "../unit/elf_fixture.h"
#include "fuzz.h"

#define TEXT 0x10000u
#define DATA 0x20000u
#define DATA_SIZE 4096u
#define GAS_MAX 1024u

struct end {
    struct czi_hart hart;
    enum czi_stop stop;
    unsigned dirty;
    uint8_t data[DATA_SIZE], stack[256], window[300];
};

/* Pointers to all that is mapped and to what is not, and numbers that are corners of something.
 */
static void fill_registers(struct czi_hart *h, const uint8_t choice[8])
{
    static const uint64_t values[16] = {
        DATA,
        DATA + 4090,
        CZ_GUEST_WINDOW(0) + 8,
        CZ_GUEST_WINDOW(1) + 290,
        CZ_GUEST_STACK_TOP - 64,
        TEXT,
        TEXT + 6,
        CZ_GUEST_INPUT,
        0,
        1,
        UINT64_MAX,
        UINT64_C(1) << 63,
        UINT64_C(0x80000000),
        CZ_GUEST_MEMORY_END - 4,
        UINT64_C(0x0123456789abcdef),
        CZ_GUEST_IMAGE_END - 3,
    };

    for (unsigned i = 1; i < 32; i++)
        h->x[i] = values[(choice[2 + i % 6] + i * 5u) & 15];
}

static void run_once(struct czi_space *s, struct czi_code *code, const uint8_t choice[8],
                     uint64_t gas, bool stepwise, struct end *ret)
{
    static const uint8_t bytes[300] = {1, 2, 3};
    cz_error err = {0};

    memset(ret, 0, sizeof *ret);
    CZI_CHECK(czi_space_load(s, code, &err) == CZ_OK);
    czi_space_set_input(s, (struct czi_slice){bytes, 100});
    czi_space_map(s, 0, (struct czi_slice){bytes, 300}, true);
    czi_space_map(s, 1, (struct czi_slice){bytes, 300}, false);
    czi_hart_begin(&ret->hart, s, code, gas);
    fill_registers(&ret->hart, choice);
    if (stepwise)
        do
            ret->stop = czi_vm_step(&ret->hart);
        while (ret->stop == CZI_STOP_NONE);
    else
        ret->stop = czi_vm_run(&ret->hart);
    ret->dirty = czi_space_dirty(s);
    CZI_CHECK(czi_space_read(s, DATA, ret->data, DATA_SIZE));
    CZI_CHECK(czi_space_read(s, CZ_GUEST_STACK_TOP - 256, ret->stack, 256));
    CZI_CHECK(czi_space_read(s, CZ_GUEST_WINDOW(0), ret->window, 300));
}

static void compare(const struct end *a, const struct end *b)
{
    CZI_CHECK(a->stop == b->stop && a->hart.pc == b->hart.pc && a->hart.gas == b->hart.gas);
    CZI_CHECK(memcmp(a->hart.x, b->hart.x, 32 * sizeof a->hart.x[0]) == 0 && a->hart.x[0] == 0);
    if (a->stop == CZI_STOP_TRAP)
        CZI_CHECK(a->hart.trap == b->hart.trap && a->hart.trap_value == b->hart.trap_value);
    CZI_CHECK(a->hart.reserved == b->hart.reserved && a->dirty == b->dirty);
    CZI_CHECK(memcmp(a->data, b->data, sizeof a->data) == 0 &&
              memcmp(a->stack, b->stack, sizeof a->stack) == 0 &&
              memcmp(a->window, b->window, sizeof a->window) == 0);
}

static void run_both(struct czi_code *code, const uint8_t choice[8])
{
    static struct czi_space *spaces[2];
    static struct end ends[2];
    uint64_t gas = (choice[0] | (unsigned)choice[1] << 8) % GAS_MAX;
    cz_error err = {0};

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++) {
            if (!spaces[i])
                CZI_CHECK(czi_space_new(&spaces[i], &err) == CZ_OK);
            run_once(spaces[i], code, choice, gas, i, &ends[i]);
        }
        compare(&ends[0], &ends[1]);
        gas -= ends[0].hart.gas; /* what it used: once more, with one less */
        if (gas-- == 0)
            break;
    }
    /* A space keeps its code: not beyond the input that it belongs to. */
    czi_space_clear(spaces[0]);
    czi_space_clear(spaces[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_plan plan = {.entry = TEXT, .segment_count = 2};
    CZI_AUTOBUF file = {0};
    struct czi_code *code;
    cz_error err = {0};

    if (size < 10 || size > 4096)
        return 0;
    plan.segments[0] =
        (struct elf_segment){ELF_LOAD, ELF_R | ELF_X, TEXT, data + 8, size - 8, size - 8};
    plan.segments[1] = (struct elf_segment){ELF_LOAD, ELF_R | ELF_W, DATA, NULL, 0, DATA_SIZE};
    elf_build(&file, &plan);
    CZI_CHECK(czi_code_new(file.data, file.len, &code, &err) == CZ_OK);
    run_both(code, data);
    czi_code_drop(code);
    return 0;
}

/* Each a few instructions of one kind. */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    static const uint32_t wide[][8] = {
        /* Loop with a store: li t0,9; sd t0,0(a0); addi t0,t0,-1; bnez t0,-8; ecall */
        {0x00900293, 0x00553023, 0xfff28293, 0xfe029ce3, 0x00000073},
        /* lr, sc, amoadd, misaligned ld, mulhsu, div, sraw */
        {0x1005a2af, 0x1855a32f, 0x0065b3af, 0x0015be03, 0x02b52eb3, 0x02b54f33, 0x40b5dfbb,
         0x0000100f},
        /* lui, auipc, jalr through them, jal over the middle of an instruction */
        {0x000102b7, 0x00000317, 0x00c300e7, 0x0060006f, 0x00028067, 0xffffffff, 0x00000013,
         0x00100073},
        /* A run longer than what pays at once */
        {0x00150513, 0x00a50533, 0x00a52023, 0x00052583, 0xfea59ee3, 0x0ff0000f, 0x00b50533},
    };
    static const uint16_t narrow[] = {0x4529, 0x157d, 0xfd75, 0xe82a, 0x6542, 0x8d89, 0x9d2d,
                                      0x8385, 0x0001, 0xa019, 0x0000, 0x9002, 0x8082, 0x1141};
    uint8_t choice[8] = {200, 1, (uint8_t)i, 3, 5, 7, 11, 13};

    if (i > CZI_COUNTOF(wide))
        return false;
    czi_buf_put(out, choice, sizeof choice);
    if (i < CZI_COUNTOF(wide))
        for (int k = 0; k < (i == 3 ? 40 : 1); k++)
            czi_buf_put(out, wide[i], sizeof wide[i]);
    else
        czi_buf_put(out, narrow, sizeof narrow);
    return true;
}
