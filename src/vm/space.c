/* space.c - a guest's memory: a flat arena, pages that are filled when touched, windows.
 *
 * Layer: vm. Threads: a space belongs to one at a time. Invariants: space.h. Map: guest.h.
 *
 * What a run leaves behind is forgotten by changing states, a byte for each page that it wrote;
 * bytes are copied when somebody touches the page again. So a reset costs what was written, and
 * another code in the same space costs what was touched, and 4 KiB of states.
 */
#include "vm/space.h"

#include "base/alloc.h"
#include "base/error.h"

#define PAGE CZ_GUEST_PAGE
#define PAGE_OF(address) ((unsigned)((address) / PAGE))

#define STACK_SLOT (PAGE + CZ_GUEST_TASK_STACK_SIZE) /* an unmapped page below each */
#define STACKS_END (CZ_GUEST_STACK_TOP - CZ_GUEST_STACK_SIZE - PAGE)
_Static_assert(CZ_GUEST_STACKS + (uint64_t)STACK_SLOT * (CZ_GUEST_TASKS_MAX - 1) <= STACKS_END,
               "stacks of tasks lie below the first one's");
_Static_assert(CZI_PAGE_COUNT <= CZI_STATES_SIZE, "a state each");
_Static_assert(CZI_PAGE_COUNT * sizeof(uint16_t) <= CZI_LIST_SIZE, "a number each");

static uint8_t *states(const struct czi_space *s)
{
    return s->memory - CZI_STATES_SIZE;
}

static void set_states(struct czi_space *s, uint64_t from, uint64_t to, unsigned state)
{
    memset(states(s) + PAGE_OF(from), (int)state, PAGE_OF(to) - PAGE_OF(from));
}

/* Above 32 MiB the C library maps memory page by page, and gives it back: of less it clears
 * what was used before, all of it, and keeps it (mallopt(3), M_MMAP_THRESHOLD). */
#define BLOCK_SIZE ((size_t)33 << 20)
_Static_assert(PAGE + 2 * (size_t)CZI_LIST_SIZE + CZI_STATES_SIZE + CZ_GUEST_MEMORY_END <=
                   BLOCK_SIZE,
               "all that a space has is one block");

/* ---- Life -------------------------------------------------------------------------------- */

int czi_space_new(struct czi_space **ret, cz_error *err)
{
    struct czi_space *s = czi_alloc_zero(1, sizeof *s);
    uint8_t *begin;

    if (!s)
        return czi_nomem(err, "a guest's memory");
    s->block = czi_alloc_zero(1, BLOCK_SIZE);
    if (!s->block) {
        czi_free(s);
        return czi_nomem(err, "a guest's memory");
    }
    begin = s->block + (PAGE - (uintptr_t)s->block % PAGE);
    s->filled = (void *)begin;
    s->dirty = (void *)(begin + CZI_LIST_SIZE);
    s->memory = begin + 2 * (size_t)CZI_LIST_SIZE + CZI_STATES_SIZE;
    *ret = s;
    return CZ_OK;
}

void czi_space_free(struct czi_space *s)
{
    if (!s)
        return;
    czi_code_drop(s->code);
    czi_free(s->block);
    czi_free(s);
}

/* ---- Filling ----------------------------------------------------------------------------- */

/* One page as the image has it, zeroes where it says nothing. */
static void fill_from_image(const struct czi_image *image, uint64_t begin, uint8_t *to)
{
    uint64_t end = begin + PAGE, at = begin;

    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct czi_segment *g = &image->segments[i];
        uint64_t from = CZI_MAX(g->address, begin);
        uint64_t until = CZI_MIN(g->address + g->bytes.len, end);

        if (from >= until)
            continue;
        memset(to + (at - begin), 0, from - at);
        memcpy(to + (from - begin), g->bytes.data + (from - g->address), until - from);
        at = until;
    }
    memset(to + (at - begin), 0, end - at);
}

static void fill(struct czi_space *s, unsigned page)
{
    uint64_t begin = (uint64_t)page * PAGE;
    uint8_t *state = &states(s)[page];

    if (s->code && begin < s->code->image.end)
        fill_from_image(&s->code->image, begin, s->memory + begin);
    else
        memset(s->memory + begin, 0, PAGE);
    *state |= CZI_FILLED | CZI_FAST_READ;
    if (*state & CZI_IN_FILLED)
        return;
    *state |= CZI_IN_FILLED;
    s->filled[s->filled_count++] = (uint16_t)page;
}

/* Copies a window's page, all of it that is mapped. A window grows only when it is filled. */
static void fill_window(struct czi_space *s, struct czi_window *w, uint64_t begin,
                        unsigned page)
{
    size_t from = (size_t)page * PAGE, len = CZI_MIN(w->len - from, (size_t)PAGE);

    memcpy(s->memory + begin + from, w->bytes.data + from, len);
    w->filled |= (uint16_t)(1u << page);
}

static unsigned window_pages(const struct czi_window *w)
{
    return (unsigned)((w->len + PAGE - 1) / PAGE);
}

static void fill_window_whole(struct czi_space *s, struct czi_window *w, uint64_t begin)
{
    for (unsigned i = 0; i < window_pages(w); i++)
        if (!(w->filled & 1u << i))
            fill_window(s, w, begin, i);
}

/* ---- Touching ---------------------------------------------------------------------------- */

static void touch_window(struct czi_space *s, unsigned page, bool write)
{
    unsigned number = (page - PAGE_OF(CZ_GUEST_WINDOWS)) / CZI_WINDOW_PAGES;
    unsigned i = page % CZI_WINDOW_PAGES, bit = 1u << i;
    struct czi_window *w = &s->window[number];
    uint64_t begin = CZ_GUEST_WINDOW(number);
    bool is_whole = w->len >= (size_t)(i + 1) * PAGE;
    uint8_t *state = &states(s)[page];

    /* What was written is asked for in one piece (czi_space_window). */
    if (write && !w->was_written)
        fill_window_whole(s, w, begin);
    else if (!(w->filled & bit))
        fill_window(s, w, begin, i);
    if (write) {
        w->was_written = true;
        s->window_dirty_count += !(w->dirty & bit);
        w->dirty |= (uint16_t)bit;
    } else {
        w->was_read = true;
    }
    if (is_whole)
        *state |= write ? CZI_FAST_WRITE : CZI_FAST_READ;
}
_Static_assert(PAGE_OF(CZ_GUEST_WINDOWS) % CZI_WINDOW_PAGES == 0, "of pages by their number");

static void touch_page(struct czi_space *s, unsigned page, bool write)
{
    uint8_t *state = &states(s)[page];

    if (*state & (write ? CZI_FAST_WRITE : CZI_FAST_READ))
        return;
    if (page >= PAGE_OF(CZ_GUEST_WINDOWS)) {
        touch_window(s, page, write);
        return;
    }
    if (!(*state & CZI_FILLED))
        fill(s, page);
    if (!write)
        return;
    *state |= CZI_FAST_WRITE;
    if (*state & CZI_IN_DIRTY)
        return;
    *state |= CZI_IN_DIRTY;
    s->dirty[s->dirty_count++] = (uint16_t)page;
}

/* end: the range's last byte, which lies in this page or behind it */
static bool can_page(const struct czi_space *s, unsigned page, uint64_t last, bool write)
{
    const struct czi_window *w;
    uint64_t offset;

    if (!(states(s)[page] & (write ? CZI_MAY_WRITE : CZI_MAY_READ)))
        return false;
    if (page < PAGE_OF(CZ_GUEST_WINDOWS))
        return true;
    offset = CZI_MIN(last, (uint64_t)page * PAGE + PAGE - 1) - CZ_GUEST_WINDOWS;
    w = &s->window[offset / CZ_GUEST_WINDOW_SIZE];
    return offset % CZ_GUEST_WINDOW_SIZE < w->len;
}

static bool can(const struct czi_space *s, uint64_t address, size_t len, bool write)
{
    uint64_t last = address + len - 1;

    if (address >= CZ_GUEST_MEMORY_END || len > CZ_GUEST_MEMORY_END - address)
        return false;
    for (unsigned page = PAGE_OF(address); page <= PAGE_OF(last); page++)
        if (!can_page(s, page, last, write))
            return false;
    return true;
}

bool czi_space_touch(struct czi_space *s, uint64_t address, size_t len, bool write)
{
    if (!can(s, address, len, write))
        return false;
    for (unsigned page = PAGE_OF(address); page <= PAGE_OF(address + len - 1); page++)
        touch_page(s, page, write);
    return true;
}

bool czi_space_can(struct czi_space *s, uint64_t address, size_t len, bool write)
{
    return len == 0 || can(s, address, len, write);
}

bool czi_space_read(struct czi_space *s, uint64_t address, void *to, size_t len)
{
    if (len == 0)
        return true;
    if (!czi_space_touch(s, address, len, false))
        return false;
    memcpy(to, s->memory + address, len);
    return true;
}

bool czi_space_write(struct czi_space *s, uint64_t address, const void *from, size_t len)
{
    if (len == 0)
        return true;
    if (!czi_space_touch(s, address, len, true))
        return false;
    memcpy(s->memory + address, from, len);
    return true;
}

unsigned czi_space_dirty(const struct czi_space *s)
{
    return s->dirty_count + s->window_dirty_count;
}

/* ---- Input, output, stacks --------------------------------------------------------------- */

/* Bytes that the guest may read: whole pages, zero behind them. */
static void set_bytes(struct czi_space *s, uint64_t begin, size_t *len, struct czi_slice bytes)
{
    uint64_t pages = (bytes.len + PAGE - 1) / PAGE * PAGE;
    uint64_t old = (*len + PAGE - 1) / PAGE * PAGE;

    if (bytes.len)
        memcpy(s->memory + begin, bytes.data, bytes.len);
    if (*len > bytes.len)
        memset(s->memory + begin + bytes.len, 0, *len - bytes.len);
    set_states(s, begin, begin + pages, CZI_MAY_READ | CZI_FAST_READ | CZI_FILLED);
    if (old > pages)
        set_states(s, begin + pages, begin + old, 0);
    *len = bytes.len;
}

void czi_space_set_input(struct czi_space *s, struct czi_slice input)
{
    CZI_CHECK(input.len <= CZ_GUEST_INPUT_MAX);
    set_bytes(s, CZ_GUEST_INPUT, &s->input_len, input);
}

void czi_space_set_output(struct czi_space *s, struct czi_slice output)
{
    CZI_CHECK(output.len <= CZ_GUEST_OUTPUT_MAX);
    set_bytes(s, CZ_GUEST_OUTPUT, &s->output_len, output);
}

static uint64_t stack_top(unsigned task)
{
    CZI_CHECK(task >= 1 && task < CZ_GUEST_TASKS_MAX);
    return CZ_GUEST_STACKS + (uint64_t)task * STACK_SLOT;
}

/* What pages are stays in the lists that they are in. */
static void set_stack(struct czi_space *s, unsigned task, unsigned state)
{
    uint8_t *at = states(s) + PAGE_OF(stack_top(task) - CZ_GUEST_TASK_STACK_SIZE);

    for (unsigned i = 0; i < CZ_GUEST_TASK_STACK_SIZE / PAGE; i++)
        at[i] = (uint8_t)((at[i] & (CZI_IN_FILLED | CZI_IN_DIRTY)) | state);
}

uint64_t czi_space_stack(struct czi_space *s, unsigned task)
{
    set_stack(s, task, CZI_MAY_READ | CZI_MAY_WRITE);
    s->stacks |= UINT64_C(1) << task;
    return stack_top(task);
}

void czi_space_drop_stack(struct czi_space *s, unsigned task)
{
    set_stack(s, task, 0);
    s->stacks &= ~(UINT64_C(1) << task);
}

/* ---- Windows ----------------------------------------------------------------------------- */

void czi_space_map(struct czi_space *s, unsigned window, struct czi_slice bytes, bool writable)
{
    struct czi_window *w = &s->window[window];
    uint64_t begin = CZ_GUEST_WINDOW(window);

    CZI_CHECK(window < CZ_GUEST_WINDOWS_MAX && bytes.len <= CZ_GUEST_WINDOW_SIZE);
    czi_space_unmap(s, window);
    *w = (struct czi_window){.bytes = bytes, .len = bytes.len, .is_writable = writable};
    set_states(s, begin, begin + (uint64_t)window_pages(w) * PAGE,
               CZI_MAY_READ | (writable ? CZI_MAY_WRITE : 0u));
    s->windows |= UINT64_C(1) << window;
}

void czi_space_unmap(struct czi_space *s, unsigned window)
{
    struct czi_window *w = &s->window[window];
    uint64_t begin = CZ_GUEST_WINDOW(window);

    if (!(s->windows >> window & 1))
        return;
    set_states(s, begin, begin + (uint64_t)window_pages(w) * PAGE, 0);
    s->window_dirty_count -= (unsigned)__builtin_popcount(w->dirty);
    s->windows &= ~(UINT64_C(1) << window);
    *w = (struct czi_window){0};
}

struct czi_slice czi_space_window(const struct czi_space *s, unsigned window)
{
    const struct czi_window *w = &s->window[window];

    if (w->was_written)
        return (struct czi_slice){s->memory + CZ_GUEST_WINDOW(window), w->len};
    return w->bytes;
}
bool czi_space_window_written(const struct czi_space *s, unsigned window)
{
    return s->window[window].was_written;
}
bool czi_space_window_read(const struct czi_space *s, unsigned window)
{
    return s->window[window].was_read;
}

void czi_space_resize(struct czi_space *s, unsigned window, size_t len)
{
    struct czi_window *w = &s->window[window];
    uint64_t begin = CZ_GUEST_WINDOW(window);
    size_t old = w->len;
    unsigned pages;

    CZI_CHECK((s->windows >> window & 1) && len <= CZ_GUEST_WINDOW_SIZE);
    fill_window_whole(s, w, begin);
    if (len > old)
        memset(s->memory + begin + old, 0, len - old);
    set_states(s, begin, begin + (uint64_t)window_pages(w) * PAGE, 0);
    w->len = len;
    pages = window_pages(w);
    w->filled = (uint16_t)((1u << pages) - 1);
    w->was_written = true;
    set_states(s, begin, begin + (uint64_t)pages * PAGE,
               CZI_MAY_READ | (w->is_writable ? CZI_MAY_WRITE : 0u));
}

/* ---- Loading ----------------------------------------------------------------------------- */

/* All that is no code's: windows, forked stacks, input, output. */
static void forget_guests(struct czi_space *s)
{
    for (uint64_t left = s->windows; left; left &= left - 1)
        czi_space_unmap(s, (unsigned)__builtin_ctzll(left));
    for (uint64_t left = s->stacks; left; left &= left - 1)
        czi_space_drop_stack(s, (unsigned)__builtin_ctzll(left));
    czi_space_set_input(s, (struct czi_slice){0});
    czi_space_set_output(s, (struct czi_slice){0});
}

/* Pages that were written are to be filled again. */
static void forget_written(struct czi_space *s)
{
    uint8_t *state = states(s);

    for (unsigned i = 0; i < s->dirty_count; i++)
        state[s->dirty[i]] &=
            (uint8_t)~(CZI_FAST_READ | CZI_FAST_WRITE | CZI_FILLED | CZI_IN_DIRTY);
    s->dirty_count = 0;
}

static void forget_filled(struct czi_space *s)
{
    uint8_t *state = states(s);

    for (unsigned i = 0; i < s->filled_count; i++)
        state[s->filled[i]] &= CZI_MAY_READ | CZI_MAY_WRITE;
    s->filled_count = 0;
    s->dirty_count = 0;
}

static void map_image(struct czi_space *s, const struct czi_image *image)
{
    set_states(s, 0, image->end, 0);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct czi_segment *g = &image->segments[i];

        set_states(s, g->address, g->address + g->memory_size + PAGE - 1,
                   CZI_MAY_READ | (g->mode & CZI_PAGE_WRITE ? CZI_MAY_WRITE : 0u));
    }
    set_states(s, image->end, CZ_GUEST_IMAGE_END, CZI_MAY_READ | CZI_MAY_WRITE);
    set_states(s, CZ_GUEST_STACK_TOP - CZ_GUEST_STACK_SIZE, CZ_GUEST_STACK_TOP,
               CZI_MAY_READ | CZI_MAY_WRITE);
}

int czi_space_load(struct czi_space *s, struct czi_code *code, cz_error *err)
{
    (void)err;
    forget_guests(s);
    if (s->code == code) {
        forget_written(s);
        return CZ_OK;
    }
    forget_filled(s);
    czi_code_ref(code);
    czi_code_drop(s->code);
    s->code = code;
    map_image(s, &code->image);
    return CZ_OK;
}

void czi_space_clear(struct czi_space *s)
{
    forget_guests(s);
    forget_filled(s);
    set_states(s, 0, CZ_GUEST_STACK_TOP, 0);
    czi_code_drop(s->code);
    s->code = NULL;
}
