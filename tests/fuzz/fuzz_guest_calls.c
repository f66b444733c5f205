/* fuzz_guest_calls.c - any calls with any arguments, on a few resources.
 *
 * Input: flags; how many calls; for each its number and six arguments, a byte each that chooses
 * from numbers and addresses (value_of); the rest lies in memory twice, as input and where it
 * can be written, for structures. Properties: whatever a call is given it goes on, stops or
 * traps; gas only shrinks; a call that stops was not carried out by halves (operations stay
 * valid); what was wanted in the end is of what was declared.
 */
#include "../unit/elf_fixture.h"
#include "fuzz.h"
#include "vm/manager.h"

enum { THINGS = 7, CALLS_MAX = 40, CALL_SIZE = 7 };
#define HEAP UINT64_C(0x900000)
#define IDS UINT64_C(0x910000)

/* Puts the input's first byte into window 0, and exits with its lowest bit. */
static const uint32_t text[] = {0x00054303, 0x01a002b7, 0x00628023,
                                0x00137513, 0x05d00893, 0x00000073};

static struct world {
    uint8_t ids[THINGS][32];
    struct czi_found found[THINGS];
    struct czi_code *code;
    struct czi_vm_manager *manager;
} w;

static void on_find(void *arg, const uint8_t id[32], struct czi_found *ret)
{
    (void)arg;
    *ret = (struct czi_found){.exists = false};
    for (unsigned i = 0; i < THINGS; i++)
        if (memcmp(id, w.ids[i], 32) == 0)
            *ret = w.found[i];
}
static struct czi_code *on_code(void *arg, const uint8_t id[32])
{
    (void)arg;
    return memcmp(id, w.ids[6], 32) == 0 ? w.code : NULL;
}
static bool on_fact(void *arg, unsigned i, struct czi_slice *ret_bytes, cz_id *ret_id,
                    unsigned *ret_finality, uint64_t *ret_number)
{
    (void)arg;
    *ret_bytes = (struct czi_slice){(const uint8_t *)text, sizeof text}; /* no fact at all */
    *ret_id = (cz_id){{0}};
    *ret_finality = 0;
    *ret_number = 1;
    return i == 0;
}
static bool on_time(void *arg, struct czi_slice domain, struct cz_guest_time *ret)
{
    (void)arg;
    *ret = (struct cz_guest_time){.height = 1};
    return domain.len == 1;
}

static void begin_world(void)
{
    static const uint8_t bytes[5000] = {1, 2, 3};
    static const uint8_t kinds[THINGS] = {CZ_DATA,     CZ_DATA,   CZ_FUNGIBLE, CZ_FUNGIBLE,
                                          CZ_POSITION, CZ_OUTBOX, CZ_CODE};
    struct elf_plan plan = {.entry = 0x10000, .segment_count = 1};
    CZI_AUTOBUF file = {0};
    cz_error err = {0};

    plan.segments[0] =
        (struct elf_segment){ELF_LOAD, ELF_R | ELF_X, 0x10000, text, sizeof text, sizeof text};
    elf_build(&file, &plan);
    CZI_CHECK(czi_code_new(file.data, file.len, &w.code, &err) == CZ_OK);
    CZI_CHECK(czi_vm_manager_new(&w.manager, &err) == CZ_OK);
    for (unsigned i = 0; i < THINGS; i++) {
        memset(w.ids[i], (int)i + 1, 32);
        w.found[i] = (struct czi_found){.exists = true,
                                        .kind = kinds[i],
                                        .position = i + 1,
                                        .quantity = kinds[i] < CZ_DATA ? 100 : 0};
        if (kinds[i] < CZ_DATA)
            w.found[i].asset = (struct czi_slice){(const uint8_t *)"coin", 4};
        else
            w.found[i].data = (struct czi_slice){bytes, i * 1000u};
    }
}

static uint64_t value_of(uint8_t choice)
{
    static const uint64_t values[32] = {0,
                                        1,
                                        2,
                                        3,
                                        6,
                                        7,
                                        63,
                                        64,
                                        4096,
                                        65536,
                                        65537,
                                        UINT64_MAX,
                                        UINT64_MAX - 4095,
                                        CZ_GUEST_MEMORY_END,
                                        CZ_GUEST_MEMORY_END - 8,
                                        IDS,
                                        IDS + 32,
                                        IDS + 64,
                                        IDS + 96,
                                        IDS + 32 * 6,
                                        IDS + 32 * 7,
                                        CZ_GUEST_WINDOW(0),
                                        CZ_GUEST_WINDOW(0) + 500,
                                        CZ_GUEST_WINDOW(1),
                                        CZ_GUEST_WINDOW(5) + 4990,
                                        CZ_GUEST_STACK_TOP - 64,
                                        CZ_GUEST_OUTPUT,
                                        0x10000,
                                        CZ_GUEST_IMAGE_END - 8,
                                        UINT64_C(1) << 63,
                                        100,
                                        5000};

    if (choice < 32)
        return values[choice];
    if (choice < 128)
        return CZ_GUEST_INPUT + 8u * (choice - 32u);
    return choice < 192 ? HEAP + 8u * (choice - 128u) : choice - 192u;
}

static void bind_all(const struct czi_run_input *in)
{
    cz_error err = {0};
    unsigned index;

    for (unsigned i = 0; i < in->access_count; i++) {
        struct czi_found found;

        on_find(NULL, in->accesses[i].id, &found);
        CZI_CHECK(czi_vm_manager_bind(w.manager, in->accesses[i].id, in->accesses[i].writable,
                                      &found, &index, &err) == CZ_OK &&
                  index == i);
    }
}

/* False: it is over. */
static bool one_call(struct czi_hart *h, const uint8_t *bytes)
{
    static const uint16_t others[] = {0, 93, 1023, 1035, 2000};
    enum czi_stop stop = CZI_STOP_NONE;
    uint64_t gas = h->gas, pc = h->pc;

    h->x[17] = bytes[0] < 74 ? 1024u + bytes[0] : others[bytes[0] % 5];
    for (unsigned i = 0; i < 6; i++)
        h->x[10 + i] = value_of(bytes[1 + i]);
    if (!czi_vm_manager_call(w.manager, h, &stop)) {
        CZI_CHECK(h->gas == gas && stop == CZI_STOP_NONE);
        return true;
    }
    CZI_CHECK(h->gas <= gas && h->x[0] == 0);
    CZI_CHECK(stop != CZI_STOP_GAS || h->gas == 0);
    CZI_CHECK(stop != CZI_STOP_TRAP ||
              (h->pc == pc - 4 && h->trap != CZI_TRAP_NONE && h->trap != CZI_TRAP_ILLEGAL));
    return stop == CZI_STOP_NONE;
}

static void check_wishes(const struct czi_run_input *in)
{
    struct czi_run_result r = {.op_count = 0};
    cz_error err = {0};

    czi_collect_effects(w.manager, &r);
    CZI_CHECK(r.op_count <= CZI_OPERATIONS_MAX);
    CZI_CHECK(czi_validate_resource_access(&r, in, &err) == CZ_OK);
    for (unsigned i = 0; i < r.op_count; i++)
        CZI_CHECK(r.ops[i].data.len <= CZI_DATA_SIZE_MAX && r.op_actors[i] &&
                  memcmp(r.op_actors[i], w.ids[6], 32) == 0);
    CZI_CHECK(czi_vm_manager_output(w.manager).len + czi_vm_manager_messages(w.manager).len <=
              CZ_GUEST_OUTPUT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct czi_world world = {.find = on_find,
                                           .code = on_code,
                                           .fact = on_fact,
                                           .time = on_time,
                                           .origin = w.ids[0],
                                           .signers = w.ids[0],
                                           .signer_count = 2,
                                           .key_stride = 32};
    struct czi_access accesses[THINGS + 1] = {{.writable = false}};
    struct czi_run_input in = {
        .way = 'e', .gas = 1000000, .code_id = w.ids[6], .accesses = accesses, .world = &world};
    size_t count = size > 2 ? CZI_MIN(data[1] % CALLS_MAX, (size - 2) / CALL_SIZE) : 0;
    struct czi_hart h;
    cz_error err = {0};

    if (size < 2 || size > 4096)
        return 0;
    if (!w.code)
        begin_world();
    in.code = w.code;
    in.input = (struct czi_slice){data + 2 + CALL_SIZE * count, size - 2 - CALL_SIZE * count};
    in.is_open = data[0] & 1;
    in.access_count = in.is_open ? 0 : THINGS + 1; /* the last one is not there */
    for (unsigned i = 0; i < in.access_count; i++) {
        accesses[i].writable = i != 1 && i != 6;
        memset(accesses[i].id, (int)i + 1, 32);
    }
    CZI_CHECK(czi_vm_manager_begin(w.manager, &in, &err) == CZ_OK);
    bind_all(&in);
    czi_hart_begin(&h, czi_vm_manager_space(w.manager), in.code,
                   data[0] & 2 ? 100u * data[0] : in.gas);
    CZI_CHECK(czi_space_write(h.space, HEAP, in.input.data, in.input.len));
    CZI_CHECK(czi_space_write(h.space, IDS, w.ids, sizeof w.ids));
    for (size_t i = 0; i < count && one_call(&h, data + 2 + CALL_SIZE * i); i++) {
    }
    check_wishes(&in);
    return 0;
}

static void put_words(struct czi_buf *out, const uint64_t *words, unsigned count)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < count; i++) {
        (void)czi_put_u64le(bytes, words[i]);
        czi_buf_put(out, bytes, sizeof bytes);
    }
}

/* The structures behind the calls: an invocation of the code with resources 0 and 2, a write of
 * resource 0, a resource to be made, and a text with indexes behind it. */
#define AT_OP (HEAP + sizeof(struct cz_guest_invoke))
#define AT_NEW (AT_OP + sizeof(struct cz_guest_op))
#define AT_TEXT (AT_NEW + sizeof(struct cz_guest_new))
static void put_structures(struct czi_buf *out)
{
    struct cz_guest_invoke invoke = {.code = IDS + 32 * 6,
                                     .input = AT_TEXT,
                                     .input_len = 4,
                                     .indexes = AT_TEXT + 8,
                                     .count = 2,
                                     .gas = 1000,
                                     .output = HEAP + 400,
                                     .output_size = 8};
    struct cz_guest_op op = {.code = CZ_OP_WRITE, .a = IDS, .data = IDS, .data_len = 100};
    struct cz_guest_new new = {.kind = CZ_DATA, .label = AT_TEXT, .label_len = 4, .length = 10};
    const uint64_t tail[] = {0x6e696f64, 0, 2}; /* "doin": even, so that it exits with 0 */

    put_words(out, (const uint64_t *)&invoke, sizeof invoke / 8);
    put_words(out, (const uint64_t *)&op, sizeof op / 8);
    put_words(out, (const uint64_t *)&new, sizeof new / 8);
    put_words(out, tail, 3);
}

/* Each a few calls that work, with arguments as value_of has them. */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    enum {
        INDEX = 192,
        HEAP_0 = 128,
        OP = HEAP_0 + (AT_OP - HEAP) / 8,
        NEW = HEAP_0 + (AT_NEW - HEAP) / 8
    };
    static const uint8_t calls[][5][CALL_SIZE] = {
        /* INVOKE; STORE(0, 64, input, 100); LOAD(0, 0, heap, 64); LENGTH(0); INVOKE */
        {{25, HEAP_0},
         {20, INDEX, 7, 32, 30},
         {19, INDEX, 0, HEAP_0 + 60, 7},
         {18, INDEX},
         {25, HEAP_0}},
        /* TRANSFER(2, 3, 6); EMIT; INFO(0, heap); RESIZE(0, 5000); TRANSFER */
        {{23, 2, 3, 4, 0},
         {24, OP},
         {17, INDEX, HEAP_0 + 60},
         {21, INDEX, 31},
         {23, 3, 2, 1, 0}},
        /* OPEN(id, write); OPEN; ALLOCATE(7, …); OUTPUT(input, 64); LOG */
        {{16, 15, 1}, {16, 16, 0}, {22, 5, NEW}, {2, 32, 7}, {3, 32, 7}},
        /* HASH; VERIFY; SIGNER; FACT_BYTES; TIME */
        {{4, 1, 32, 7, HEAP_0 + 60},
         {5, 32, 32, 7, 32},
         {9, 1, HEAP_0 + 60},
         {33, 0, 0, HEAP_0 + 60, 7},
         {34, 32, 1, HEAP_0 + 60}},
    };

    if (i >= 2 * CZI_COUNTOF(calls))
        return false;
    czi_buf_put_byte(out, i >= CZI_COUNTOF(calls)); /* opening */
    czi_buf_put_byte(out, 5);
    czi_buf_put(out, calls[i % CZI_COUNTOF(calls)], sizeof calls[0]);
    put_structures(out);
    return true;
}
