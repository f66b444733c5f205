/* test_vm_space.c - a guest's memory: what is mapped and how, to the byte; what a reset leaves;
 * windows; and a random walk against a small model that keeps a mode and a value for each byte.
 */
#include "base/alloc.h"
#include "unit/vm_fixture.h"
#include "vm/space.h"

#define PAGE UINT64_C(4096)
#define HEAP ((DATA + DATA_SIZE + PAGE - 1) / PAGE * PAGE) /* first page behind the image */

static bool can_read(struct czi_space *s, uint64_t at, size_t len)
{
    return czi_space_can(s, at, len, false);
}
static bool can_write(struct czi_space *s, uint64_t at, size_t len)
{
    return czi_space_can(s, at, len, true);
}
static uint8_t byte_at(struct czi_space *s, uint64_t at)
{
    uint8_t v = 0xee;

    assert_true(czi_space_read(s, at, &v, 1));
    return v;
}
static void put_byte(struct czi_space *s, uint64_t at, uint8_t v)
{
    assert_true(czi_space_write(s, at, &v, 1));
}

static void the_image_is_mapped_as_its_segments_say(void **state)
{
    VM(1, ECALL);

    (void)state;
    assert_true(can_read(vm.space, TEXT, 4) && !can_write(vm.space, TEXT, 1));
    assert_int_equal(byte_at(vm.space, TEXT), 0x73);
    assert_int_equal(byte_at(vm.space, TEXT + 4), 0); /* pages are mapped whole */
    assert_true(can_write(vm.space, DATA, DATA_SIZE));
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(byte_at(vm.space, DATA + i), i + 1);
    assert_int_equal(byte_at(vm.space, DATA + 8), 0);
    assert_int_equal(byte_at(vm.space, DATA + DATA_SIZE - 1), 0);
}

/* Each border of the map of guest.h, one byte to either side. */
static void nothing_is_mapped_but_what_the_map_names(void **state)
{
    VM(1, ECALL);

    (void)state;
    assert_false(can_read(vm.space, 0, 1));
    assert_false(can_read(vm.space, PAGE - 1, 1));
    assert_false(can_read(vm.space, TEXT - 1, 1));
    assert_false(can_read(vm.space, TEXT + PAGE, 1)); /* between two segments */
    assert_false(can_read(vm.space, DATA - 1, 2));
    assert_true(can_write(vm.space, HEAP, CZ_GUEST_IMAGE_END - HEAP));
    assert_false(can_read(vm.space, CZ_GUEST_IMAGE_END - 1, 2));
    assert_false(can_read(vm.space, CZ_GUEST_STACK_TOP - CZ_GUEST_STACK_SIZE - 1, 1));
    assert_true(
        can_write(vm.space, CZ_GUEST_STACK_TOP - CZ_GUEST_STACK_SIZE, CZ_GUEST_STACK_SIZE));
    assert_false(can_write(vm.space, CZ_GUEST_STACK_TOP - 1, 2));
    assert_false(can_read(vm.space, CZ_GUEST_INPUT, 1));
    assert_false(can_read(vm.space, CZ_GUEST_OUTPUT, 1));
    assert_false(can_read(vm.space, CZ_GUEST_WINDOWS, 1));
    assert_false(can_read(vm.space, CZ_GUEST_MEMORY_END - 1, 1));
    assert_false(can_read(vm.space, CZ_GUEST_MEMORY_END, 1));
}

static void ranges_never_wrap(void **state)
{
    VM(1, ECALL);

    (void)state;
    assert_false(can_read(vm.space, UINT64_MAX, 1));
    assert_false(can_read(vm.space, UINT64_MAX, 2));
    assert_false(can_read(vm.space, DATA, SIZE_MAX));
    assert_false(can_read(vm.space, UINT64_MAX - 7, SIZE_MAX));
    assert_true(can_read(vm.space, UINT64_MAX, 0)); /* nothing of it */
}

static void what_cannot_be_written_whole_is_not_written_at_all(void **state)
{
    uint8_t ones[16];
    VM(1, ECALL);

    (void)state;
    memset(ones, 0xff, sizeof ones);
    assert_false(czi_space_write(vm.space, CZ_GUEST_STACK_TOP - 8, ones, 16));
    assert_int_equal(byte_at(vm.space, CZ_GUEST_STACK_TOP - 8), 0);
    assert_int_equal(czi_space_dirty(vm.space), 0);
}

static void loading_again_forgets_what_was_written(void **state)
{
    VM(1, ECALL);

    (void)state;
    put_byte(vm.space, DATA, 99);
    put_byte(vm.space, HEAP + 5, 98);
    put_byte(vm.space, CZ_GUEST_STACK_TOP - 1, 97);
    assert_int_equal(czi_space_dirty(vm.space), 3);
    vm_load(&vm, 1);
    assert_int_equal(czi_space_dirty(vm.space), 0);
    assert_int_equal(byte_at(vm.space, DATA), 1);
    assert_int_equal(byte_at(vm.space, HEAP + 5), 0);
    assert_int_equal(byte_at(vm.space, CZ_GUEST_STACK_TOP - 1), 0);
}

static void another_code_finds_nothing_of_the_one_before(void **state)
{
    /* Its text where the other's data was, its data in the other's heap. */
    static const uint32_t text[] = {ECALL};
    struct elf_plan plan = {
        .entry = DATA,
        .segments = {{ELF_LOAD, ELF_R | ELF_X, DATA, text, 4, 4},
                     {ELF_LOAD, ELF_R | ELF_W, HEAP, "xyz", 3, 5000}},
        .segment_count = 2,
    };
    CZI_AUTOBUF file = {0};
    struct czi_code *other = NULL;
    VM(1, ECALL);

    (void)state;
    elf_build(&file, &plan);
    assert_ok(czi_code_new(file.data, file.len, &other, &vm.err), vm.err);
    put_byte(vm.space, DATA + 100, 99);
    put_byte(vm.space, HEAP + 100, 98);
    put_byte(vm.space, CZ_GUEST_STACK_TOP - 1, 97);
    assert_ok(czi_space_load(vm.space, other, &vm.err), vm.err);
    assert_false(can_read(vm.space, TEXT, 1));
    assert_false(can_write(vm.space, DATA, 1));
    assert_int_equal(byte_at(vm.space, DATA), 0x73);
    assert_int_equal(byte_at(vm.space, DATA + 100), 0);
    assert_int_equal(byte_at(vm.space, HEAP), 'x');
    assert_int_equal(byte_at(vm.space, HEAP + 100), 0);
    assert_int_equal(byte_at(vm.space, CZ_GUEST_STACK_TOP - 1), 0);
    vm_load(&vm, 1); /* and the first one again */
    assert_int_equal(byte_at(vm.space, DATA), 1);
    assert_int_equal(byte_at(vm.space, HEAP), 0);
    czi_code_drop(other);
}

static void a_space_keeps_the_code_that_it_has_loaded(void **state)
{
    VM(1, ECALL);

    (void)state;
    czi_code_drop(vm.code);
    vm.code = NULL;
    assert_int_equal(byte_at(vm.space, TEXT), 0x73);
    czi_space_clear(vm.space);
    assert_false(can_read(vm.space, TEXT, 1));
    assert_false(can_read(vm.space, CZ_GUEST_STACK_TOP - 1, 1));
}

static void input_and_output_can_be_read_and_not_written(void **state)
{
    static uint8_t long_input[CZ_GUEST_INPUT_MAX];
    VM(1, ECALL);

    (void)state;
    memset(long_input, 7, sizeof long_input);
    czi_space_set_input(vm.space, (struct czi_slice){long_input, sizeof long_input});
    assert_true(can_read(vm.space, CZ_GUEST_INPUT, CZ_GUEST_INPUT_MAX));
    assert_false(can_write(vm.space, CZ_GUEST_INPUT, 1));
    assert_int_equal(byte_at(vm.space, CZ_GUEST_INPUT + CZ_GUEST_INPUT_MAX - 1), 7);
    czi_space_set_input(vm.space, (struct czi_slice){long_input, 3});
    assert_int_equal(byte_at(vm.space, CZ_GUEST_INPUT + 2), 7);
    assert_int_equal(byte_at(vm.space, CZ_GUEST_INPUT + 3), 0);
    assert_false(can_read(vm.space, CZ_GUEST_INPUT + PAGE, 1));
    czi_space_set_output(vm.space, (struct czi_slice){(const uint8_t *)"out", 3});
    assert_int_equal(byte_at(vm.space, CZ_GUEST_OUTPUT + 1), 'u');
    assert_false(can_write(vm.space, CZ_GUEST_OUTPUT, 1));
    vm_load(&vm, 1);
    assert_false(can_read(vm.space, CZ_GUEST_INPUT, 1));
    assert_false(can_read(vm.space, CZ_GUEST_OUTPUT, 1));
}

static void each_task_has_a_stack_with_nothing_below_it(void **state)
{
    VM(1, ECALL);

    (void)state;
    for (unsigned task = 1; task < CZ_GUEST_TASKS_MAX; task++) {
        uint64_t top = czi_space_stack(vm.space, task);

        assert_true(can_write(vm.space, top - CZ_GUEST_TASK_STACK_SIZE, 1));
        assert_true(can_write(vm.space, top - 1, 1));
        assert_false(can_read(vm.space, top - CZ_GUEST_TASK_STACK_SIZE - 1, 1));
        put_byte(vm.space, top - 1, (uint8_t)task);
    }
    for (unsigned task = 1; task < CZ_GUEST_TASKS_MAX; task++) {
        uint64_t top = CZ_GUEST_STACKS + task * (CZ_GUEST_TASK_STACK_SIZE + PAGE);

        assert_int_equal(byte_at(vm.space, top - 1), task);
        czi_space_drop_stack(vm.space, task);
        assert_false(can_read(vm.space, top - 1, 1));
    }
}

/* Thousands of tasks after each other in one run: each finds zeroes, and no list overflows. */
static void stacks_come_again_as_zeroes_without_end(void **state)
{
    VM(1, ECALL);

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t top = czi_space_stack(vm.space, 1 + i % 2);

        assert_int_equal(byte_at(vm.space, top - 8), 0);
        put_byte(vm.space, top - 8, 1);
        put_byte(vm.space, top - 8 - PAGE * 3, 1);
        czi_space_drop_stack(vm.space, 1 + i % 2);
    }
    assert_true(czi_space_dirty(vm.space) <= 4);
    vm_load(&vm, 1);
    assert_int_equal(czi_space_dirty(vm.space), 0);
}

/* ---- Windows ----------------------------------------------------------------------------- */

static struct czi_slice pattern(uint8_t *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(i * 7 + 1);
    return (struct czi_slice){to, len};
}

/* Lengths around the borders of pages, and the longest. */
static void a_window_ends_with_its_resource_to_the_byte(void **state)
{
    static const size_t lengths[] = {0, 1, 63, 4095, 4096, 4097, 8192, 65535, 65536};
    static uint8_t bytes[CZ_GUEST_WINDOW_SIZE];
    VM(1, ECALL);

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(lengths); i++) {
        size_t len = lengths[i];
        uint64_t at = CZ_GUEST_WINDOW(5);

        czi_space_map(vm.space, 5, pattern(bytes, len), true);
        assert_false(can_read(vm.space, at + len, 1));
        assert_false(can_read(vm.space, at, len + 1));
        assert_true(can_write(vm.space, at, len));
        if (len) {
            assert_int_equal(byte_at(vm.space, at + len - 1), bytes[len - 1]);
            put_byte(vm.space, at + len - 1, 200);
            assert_int_equal(byte_at(vm.space, at + len - 1), 200);
            assert_int_equal(czi_space_window(vm.space, 5).len, len);
            assert_int_equal(czi_space_window(vm.space, 5).data[len - 1], 200);
            assert_memory_equal(czi_space_window(vm.space, 5).data, bytes, len - 1);
        }
        assert_false(can_read(vm.space, at - 1, 1));
        czi_space_unmap(vm.space, 5);
        assert_false(can_read(vm.space, at, 1));
    }
}

static void a_read_only_window_cannot_be_written(void **state)
{
    VM(1, ECALL);

    (void)state;
    czi_space_map(vm.space, 0, (struct czi_slice){(const uint8_t *)"abc", 3}, false);
    assert_false(can_write(vm.space, CZ_GUEST_WINDOW(0), 1));
    assert_int_equal(byte_at(vm.space, CZ_GUEST_WINDOW(0) + 2), 'c');
    assert_false(czi_space_window_written(vm.space, 0));
}

/* Nobody touches it: neither read nor written, and the bytes are those that were given. */
static void reading_and_writing_a_window_are_told_apart(void **state)
{
    static uint8_t bytes[10000];
    struct czi_slice given = pattern(bytes, sizeof bytes);
    VM(1, ECALL);

    (void)state;
    czi_space_map(vm.space, 1, given, true);
    assert_true(can_write(vm.space, CZ_GUEST_WINDOW(1), 1)); /* asking is no access */
    assert_false(czi_space_window_read(vm.space, 1));
    assert_false(czi_space_window_written(vm.space, 1));
    assert_ptr_equal(czi_space_window(vm.space, 1).data, bytes);
    (void)byte_at(vm.space, CZ_GUEST_WINDOW(1) + 5000);
    assert_true(czi_space_window_read(vm.space, 1));
    assert_false(czi_space_window_written(vm.space, 1));
    assert_int_equal(czi_space_dirty(vm.space), 0);
    czi_space_map(vm.space, 2, given, true);
    put_byte(vm.space, CZ_GUEST_WINDOW(2), 1);
    assert_true(czi_space_window_written(vm.space, 2));
    assert_false(czi_space_window_read(vm.space, 2));
    assert_int_equal(czi_space_dirty(vm.space), 1);
    (void)byte_at(vm.space, CZ_GUEST_WINDOW(2));
    assert_true(czi_space_window_read(vm.space, 2));
}

static void two_full_windows_lie_behind_each_other(void **state)
{
    static uint8_t bytes[CZ_GUEST_WINDOW_SIZE];
    uint8_t got[2];
    VM(1, ECALL);

    (void)state;
    (void)pattern(bytes, sizeof bytes);
    czi_space_map(vm.space, 3, (struct czi_slice){bytes, sizeof bytes}, true);
    czi_space_map(vm.space, 4, (struct czi_slice){bytes, 1}, false);
    assert_true(czi_space_read(vm.space, CZ_GUEST_WINDOW(4) - 1, got, 2));
    assert_int_equal(got[0], bytes[sizeof bytes - 1]);
    assert_int_equal(got[1], bytes[0]);
    assert_false(can_write(vm.space, CZ_GUEST_WINDOW(4) - 1, 2));
    assert_false(can_read(vm.space, CZ_GUEST_WINDOW(4) - 1, 3));
}

static void resizing_cuts_and_grows_with_zeroes(void **state)
{
    static uint8_t bytes[5000];
    VM(1, ECALL);

    (void)state;
    czi_space_map(vm.space, 7, pattern(bytes, sizeof bytes), true);
    czi_space_resize(vm.space, 7, 3);
    assert_true(czi_space_window_written(vm.space, 7));
    assert_false(can_read(vm.space, CZ_GUEST_WINDOW(7) + 3, 1));
    czi_space_resize(vm.space, 7, 9000);
    assert_int_equal(byte_at(vm.space, CZ_GUEST_WINDOW(7) + 2), bytes[2]);
    for (unsigned i = 3; i < 9000; i++)
        assert_int_equal(byte_at(vm.space, CZ_GUEST_WINDOW(7) + i), 0);
    assert_false(can_read(vm.space, CZ_GUEST_WINDOW(7) + 9000, 1));
    assert_int_equal(czi_space_window(vm.space, 7).len, 9000);
    czi_space_resize(vm.space, 7, CZ_GUEST_WINDOW_SIZE);
    assert_true(can_write(vm.space, CZ_GUEST_WINDOW(7), CZ_GUEST_WINDOW_SIZE));
    czi_space_resize(vm.space, 7, 0);
    assert_false(can_read(vm.space, CZ_GUEST_WINDOW(7), 1));
}

static void windows_are_gone_with_the_next_load(void **state)
{
    VM(1, ECALL);

    (void)state;
    czi_space_map(vm.space, 63, (struct czi_slice){(const uint8_t *)"z", 1}, true);
    put_byte(vm.space, CZ_GUEST_WINDOW(63), 1);
    vm_load(&vm, 1);
    assert_false(can_read(vm.space, CZ_GUEST_WINDOW(63), 1));
    assert_false(czi_space_window_written(vm.space, 63));
    assert_int_equal(czi_space_dirty(vm.space), 0);
}

/* ---- A model ----------------------------------------------------------------------------- */

struct model {
    uint8_t *value, *mode; /* of each byte of memory; mode: 1 read, 2 write */
};

static void model_set(struct model *m, uint64_t at, uint64_t len, unsigned mode)
{
    memset(m->mode + at, (int)mode, len);
    memset(m->value + at, 0, len);
}
static bool model_can(const struct model *m, uint64_t at, size_t len, unsigned mode)
{
    for (size_t i = 0; i < len; i++)
        if (at + i >= CZ_GUEST_MEMORY_END || !(m->mode[at + i] & mode))
            return false;
    return true;
}
static void model_load(struct model *m)
{
    model_set(m, 0, CZ_GUEST_MEMORY_END, 0);
    model_set(m, TEXT, PAGE, 1);
    m->value[TEXT] = 0x73;
    model_set(m, DATA, CZ_GUEST_IMAGE_END - DATA, 3);
    memcpy(m->value + DATA, DATA_FIRST, 8);
    model_set(m, CZ_GUEST_STACK_TOP - CZ_GUEST_STACK_SIZE, CZ_GUEST_STACK_SIZE, 3);
}
static void model_map(struct model *m, unsigned window, struct czi_slice bytes, bool writable)
{
    model_set(m, CZ_GUEST_WINDOW(window), CZ_GUEST_WINDOW_SIZE, 0);
    model_set(m, CZ_GUEST_WINDOW(window), bytes.len, writable ? 3 : 1);
    if (bytes.len)
        memcpy(m->value + CZ_GUEST_WINDOW(window), bytes.data, bytes.len);
}

/* Where things end, and near it. */
static uint64_t random_address(struct czi_rng *rng)
{
    static const uint64_t near[] = {
        TEXT,
        TEXT + PAGE,
        DATA,
        HEAP,
        HEAP + 2 * PAGE,
        CZ_GUEST_IMAGE_END,
        CZ_GUEST_STACK_TOP,
        CZ_GUEST_STACK_TOP - CZ_GUEST_STACK_SIZE,
        CZ_GUEST_WINDOW(0),
        CZ_GUEST_WINDOW(1),
        CZ_GUEST_WINDOW(1) + PAGE,
        CZ_GUEST_WINDOW(2),
        CZ_GUEST_WINDOW(63),
        CZ_GUEST_MEMORY_END,
    };

    return near[czi_rng_next(rng) % CZI_COUNTOF(near)] + czi_rng_next(rng) % 80 - 40;
}

struct walk {
    struct vm vm;
    struct model m;
    struct czi_rng rng;
    uint8_t bytes[3][CZ_GUEST_WINDOW_SIZE];
};

static void walk_window(struct walk *w)
{
    static const size_t lengths[] = {0, 5, 40, 4096, 4100, 65500, 65536};
    unsigned window = (unsigned)(czi_rng_next(&w->rng) % 3);
    size_t len = lengths[czi_rng_next(&w->rng) % CZI_COUNTOF(lengths)];
    bool is_mapped = w->vm.space->windows >> window & 1;
    size_t old = czi_space_window(w->vm.space, window).len;
    bool writable = czi_rng_next(&w->rng) % 3 != 0;
    struct czi_slice bytes = {w->bytes[window], len};
    uint64_t at = CZ_GUEST_WINDOW(window);

    switch (czi_rng_next(&w->rng) % 3) {
    case 0:
        for (size_t i = 0; i < len; i++)
            w->bytes[window][i] = (uint8_t)czi_rng_next(&w->rng);
        czi_space_map(w->vm.space, window, bytes, writable);
        model_map(&w->m, window, bytes, writable);
        break;
    case 1:
        czi_space_unmap(w->vm.space, window);
        model_map(&w->m, window, (struct czi_slice){0}, false);
        break;
    default:
        if (!is_mapped)
            break;
        writable = w->vm.space->window[window].is_writable;
        czi_space_resize(w->vm.space, window, len);
        if (len > old)
            model_set(&w->m, at + old, len - old, writable ? 3 : 1);
        else
            model_set(&w->m, at + len, old - len, 0);
        break;
    }
}

static void walk_access(struct walk *w, unsigned long seed)
{
    uint64_t at = random_address(&w->rng);
    size_t len = 1 + czi_rng_next(&w->rng) % (czi_rng_next(&w->rng) % 8 ? 16 : 9000);
    bool write = czi_rng_next(&w->rng) % 2;
    bool can = model_can(&w->m, at, len, write ? 2 : 1), did;
    uint8_t buffer[9000];

    for (size_t i = 0; i < len; i++)
        buffer[i] = (uint8_t)czi_rng_next(&w->rng);
    did = write ? czi_space_write(w->vm.space, at, buffer, len)
                : czi_space_read(w->vm.space, at, buffer, len);
    if (did != can)
        fail_msg("seed %lu: %s of %zu bytes at 0x%llx: %d", seed, write ? "write" : "read", len,
                 (unsigned long long)at, did);
    if (did && write)
        memcpy(w->m.value + at, buffer, len);
    else if (did && memcmp(w->m.value + at, buffer, len) != 0)
        fail_msg("seed %lu: other bytes at 0x%llx", seed, (unsigned long long)at);
}

static void a_walk_finds_what_a_byte_for_byte_model_says(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 3), seed = test_env("CAUSALITY_SEED", 1);
    struct walk *w = calloc(1, sizeof *w);
    static const uint32_t text[] = {ECALL};

    (void)state;
    assert_non_null(w);
    w->m.value = malloc(CZ_GUEST_MEMORY_END);
    w->m.mode = malloc(CZ_GUEST_MEMORY_END);
    assert_true(w->m.value && w->m.mode);
    w->vm = vm_begin(text, sizeof text, 1);
    seeds = CZI_MIN(seeds, 200ul); /* a walk fills 60 MiB of model many times */
    for (; seeds; seeds--, seed++) {
        w->rng = czi_rng(seed);
        vm_load(&w->vm, 1);
        model_load(&w->m);
        for (unsigned step = 0; step < 3000; step++) {
            if (czi_rng_next(&w->rng) % 8)
                walk_access(w, seed);
            else if (czi_rng_next(&w->rng) % 32)
                walk_window(w);
            else {
                vm_load(&w->vm, 1);
                model_load(&w->m);
            }
        }
    }
    vm_end(&w->vm);
    free(w->m.value);
    free(w->m.mode);
    free(w);
}

static void without_memory_there_is_no_space(void **state)
{
    (void)state;
    for (int64_t skip = 0; skip < 2; skip++) {
        struct czi_space *s = NULL;
        cz_error err = {0};

        czi_alloc_fail_after(skip);
        assert_int_equal(czi_space_new(&s, &err), CZ_NOMEM);
        assert_true(czi_alloc_failed());
        czi_alloc_fail_after(-1);
        assert_null(s);
    }
    czi_space_free(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_image_is_mapped_as_its_segments_say),
        cmocka_unit_test(nothing_is_mapped_but_what_the_map_names),
        cmocka_unit_test(ranges_never_wrap),
        cmocka_unit_test(what_cannot_be_written_whole_is_not_written_at_all),
        cmocka_unit_test(loading_again_forgets_what_was_written),
        cmocka_unit_test(another_code_finds_nothing_of_the_one_before),
        cmocka_unit_test(a_space_keeps_the_code_that_it_has_loaded),
        cmocka_unit_test(input_and_output_can_be_read_and_not_written),
        cmocka_unit_test(each_task_has_a_stack_with_nothing_below_it),
        cmocka_unit_test(stacks_come_again_as_zeroes_without_end),
        cmocka_unit_test(a_window_ends_with_its_resource_to_the_byte),
        cmocka_unit_test(a_read_only_window_cannot_be_written),
        cmocka_unit_test(reading_and_writing_a_window_are_told_apart),
        cmocka_unit_test(two_full_windows_lie_behind_each_other),
        cmocka_unit_test(resizing_cuts_and_grows_with_zeroes),
        cmocka_unit_test(windows_are_gone_with_the_next_load),
        cmocka_unit_test(a_walk_finds_what_a_byte_for_byte_model_says),
        cmocka_unit_test(without_memory_there_is_no_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
