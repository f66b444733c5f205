/* analyse.c - constants that reach calls: one pass over a code's ways until nothing changes.
 *
 * Layer: vm. Threads: pure functions. A *place* is an address that something jumps to, with
 * what is known of the registers there on all ways so far; knowledge only shrinks, so it ends.
 * Bounds: CZI_ANALYSE_PLACES_MAX places, and STEPS_EACH steps for each halfword of text.
 */
#include "vm/analyse.h"

#include "base/error.h"
#include "base/limits.h"
#include "vm/analyse_step.h"

#define STEPS_EACH 16u

enum { RA = 1, GP = 3, A0 = 10, A1 = 11, A7 = 17 };
/* What a function may change: ra, t0 to t6, a0 to a7. */
#define CHANGED_BY_CALLS 0xf003fce2u

enum seen { PASSED = 1, COUNTED = 2 };

struct known {
    uint32_t mask;
    uint64_t x[32];
};
struct place {
    uint64_t address;
    struct known known;
    bool queued, by_pointer;
    bool is_joined; /* ways that end in a jump lead here, or one from above */
};
struct way {
    const struct czi_image *image;
    uint32_t *numbers; /* of a place, + 1, for each halfword of text; 0: none */
    uint8_t *seen;     /* of enum seen, for each of these */
    struct place *places;
    uint32_t *queue;
    uint32_t place_count, place_room, queued, halfwords;
    uint64_t steps; /* that may still be made */
    uint64_t gp;    /* as the beginning sets it, for what pointers lead to; 0: unknown */
    bool was_noted; /* by the ways that lead to the place */
    bool by_pointer, is_jump, too_large, collecting;
    struct czi_analysis *ret;
};

/* ---- Text ----------------------------------------------------------------------------------
 */

/* Executable bytes of the file from an address on; *ret_number: of its halfword. */
static struct czi_slice text_at(const struct way *w, uint64_t address, uint32_t *ret_number)
{
    uint32_t before = 0;

    for (unsigned i = 0; i < w->image->segment_count; i++) {
        const struct czi_segment *s = &w->image->segments[i];

        if (!(s->mode & CZI_PAGE_EXEC))
            continue;
        if (address >= s->address && address - s->address < s->bytes.len && address % 2 == 0) {
            uint64_t at = address - s->address;

            *ret_number = before + (uint32_t)(at / 2);
            return (struct czi_slice){s->bytes.data + at, s->bytes.len - at};
        }
        before += (uint32_t)(s->bytes.len / 2 + 1);
    }
    return (struct czi_slice){NULL, 0};
}

/* Bytes that never change; NULL: none. */
static const uint8_t *fixed_bytes(const struct czi_image *image, uint64_t address, size_t len)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct czi_segment *s = &image->segments[i];

        if (!(s->mode & CZI_PAGE_WRITE) && address >= s->address &&
            address - s->address < s->bytes.len && s->bytes.len - (address - s->address) >= len)
            return s->bytes.data + (address - s->address);
    }
    return NULL;
}

/* ---- Registers -----------------------------------------------------------------------------
 */

static bool knows(const struct known *k, unsigned r)
{
    return k->mask >> r & 1;
}

static void forget(struct known *k, uint32_t registers)
{
    k->mask &= ~registers | 1;
}

static void set(struct known *k, unsigned r, bool is_known, uint64_t v)
{
    if (!r)
        return;
    forget(k, 1u << r);
    k->x[r] = is_known ? v : 0;
    k->mask |= (uint32_t)is_known << r;
}

/* What both say; whether that is less than *a said. */
static bool meet(struct known *a, const struct known *b)
{
    uint32_t before = a->mask;

    a->mask &= b->mask;
    for (unsigned r = 1; r < 32; r++)
        if (knows(a, r) && a->x[r] != b->x[r])
            forget(a, 1u << r);
    return a->mask != before;
}

/* ---- Calls ---------------------------------------------------------------------------------
 */

static void note_number(struct czi_analysis *a, uint64_t number)
{
    unsigned i = 0;

    while (i < a->call_count && a->calls[i] < number)
        i++;
    if ((i < a->call_count && a->calls[i] == number) || a->call_count == CZI_ANALYSIS_CALLS_MAX)
        return;
    memmove(&a->calls[i + 1], &a->calls[i], (a->call_count - i) * sizeof *a->calls);
    a->calls[i] = number;
    a->call_count++;
}

static bool same_site(const struct czi_open_site *a, const struct czi_open_site *b)
{
    return a->from == b->from && a->offset == b->offset &&
           memcmp(a->id, b->id, sizeof a->id) == 0;
}

static void note_open(struct way *w, const struct known *k)
{
    struct czi_analysis *a = w->ret;
    struct czi_open_site site = {.from = CZ_TEMPLATE_FIXED_ID,
                                 .write = !knows(k, A1) || k->x[A1] != CZ_READ};
    const uint8_t *id = knows(k, A0) ? fixed_bytes(w->image, k->x[A0], sizeof site.id) : NULL;

    a->may_write |= site.write;
    if (id) {
        memcpy(site.id, id, sizeof site.id);
    } else if (knows(k, A0) && k->x[A0] - CZ_GUEST_INPUT < CZ_GUEST_INPUT_MAX) {
        site.from = CZ_TEMPLATE_INPUT_ID;
        site.offset = (uint16_t)(k->x[A0] - CZ_GUEST_INPUT);
    } else {
        a->unknown_opens++;
        return;
    }
    for (unsigned i = 0; i < a->open_count; i++) {
        if (same_site(&a->opens[i], &site)) {
            a->opens[i].write |= site.write;
            return;
        }
    }
    if (a->open_count < CZI_ANALYSIS_OPENS_MAX)
        a->opens[a->open_count++] = site;
}

/* What is invoked opens nothing by itself, but may be given what to write. */
static void note_call(struct way *w, const struct known *k, uint32_t at)
{
    struct czi_analysis *a = w->ret;

    a->sites += !(w->seen[at] & COUNTED);
    w->seen[at] |= COUNTED;
    if (!knows(k, A7)) {
        a->unknown_sites++;
        a->may_write = true;
        return;
    }
    note_number(a, k->x[A7]);
    if (k->x[A7] == CZ_CALL_OPEN)
        note_open(w, k);
}

/* ---- Places --------------------------------------------------------------------------------
 */

static void put(struct way *w, uint32_t n)
{
    if (w->places[n].queued)
        return;
    w->places[n].queued = true;
    w->queue[w->queued++] = n;
}

static void go(struct way *w, uint64_t address, const struct known *k)
{
    struct place *p;
    uint32_t at;
    struct czi_slice text = text_at(w, address, &at);

    if (!text.len)
        return;
    if (w->collecting) {
        /* Compilers let several calls end in one ecall: each has its own number. */
        if (czi_step_decode(text).kind == CZI_STEP_CALL)
            note_call(w, k, at);
        return;
    }
    if (!w->numbers[at]) {
        if (w->place_count == w->place_room) {
            w->too_large = true;
            return;
        }
        w->numbers[at] = ++w->place_count;
        w->places[w->place_count - 1] = (struct place){.address = address,
                                                       .known = *k,
                                                       .by_pointer = w->by_pointer,
                                                       .is_joined = w->is_jump};
        put(w, w->place_count - 1);
        return;
    }
    p = &w->places[w->numbers[at] - 1];
    p->is_joined |= w->is_jump;
    /* A guess about pointers spoils nothing that is certain. */
    if (w->by_pointer == p->by_pointer && meet(&p->known, k))
        put(w, w->numbers[at] - 1);
}

/* ---- Walking -------------------------------------------------------------------------------
 */

static void jump(struct way *w, const struct czi_step *s, struct known *k, bool is_known,
                 uint64_t target)
{
    /* Where a function returns to is not followed: its callers go on by themselves. */
    set(k, s->rd, false, 0);
    if (is_known)
        go(w, target, k);
}

/* Carries out one instruction; false: the way ends, or goes on elsewhere. */
static bool step(struct way *w, const struct czi_step *s, struct known *k, uint64_t pc,
                 uint32_t at)
{
    uint64_t a = k->x[s->rs1], imm = (uint64_t)s->imm;
    bool has_a = knows(k, s->rs1);

    switch (s->kind) {
    case CZI_STEP_END:
        return false;
    case CZI_STEP_NONE:
        return true;
    case CZI_STEP_SET:
        set(k, s->rd, true, imm);
        return true;
    case CZI_STEP_PC:
        set(k, s->rd, true, pc + imm);
        return true;
    case CZI_STEP_ADDI:
        set(k, s->rd, has_a, a + imm);
        return true;
    case CZI_STEP_ADDIW:
        set(k, s->rd, has_a, (uint64_t)(int64_t)(int32_t)(uint32_t)(a + imm));
        return true;
    case CZI_STEP_SLLI:
        set(k, s->rd, has_a, a << imm);
        return true;
    case CZI_STEP_ADD:
        set(k, s->rd, has_a && knows(k, s->rs2), a + k->x[s->rs2]);
        return true;
    case CZI_STEP_BRANCH:
        go(w, pc + imm, k);
        return true;
    case CZI_STEP_JUMP:
    case CZI_STEP_JUMP_REGISTER:
        jump(w, s, k, s->kind == CZI_STEP_JUMP || has_a,
             s->kind == CZI_STEP_JUMP ? pc + imm : (a + imm) & ~UINT64_C(1));
        if (s->rd)
            forget(k, CHANGED_BY_CALLS);
        return s->rd != 0;
    case CZI_STEP_CALL:
        if (w->collecting && !w->was_noted)
            note_call(w, k, at);
        if (knows(k, A7) && k->x[A7] == CZ_CALL_EXIT)
            return false;
        forget(k, 1u << A0);
        return true;
    default:
        set(k, s->rd, false, 0);
        return true;
    }
}

/* From a place to the end of its way, or to the next place. */
static void walk(struct way *w, uint32_t n)
{
    struct known k = w->places[n].known;
    uint64_t pc = w->places[n].address;
    uint32_t at;

    w->by_pointer = w->places[n].by_pointer;
    w->is_jump = true;
    for (bool first = true;; first = false) {
        struct czi_slice text = text_at(w, pc, &at);
        struct czi_step s = czi_step_decode(text);

        if (!text.len || !w->steps)
            break;
        if (!first && w->numbers[at]) {
            go(w, pc, &k);
            break;
        }
        w->steps--;
        w->was_noted = first && w->places[n].is_joined;
        w->seen[at] |= PASSED;
        if (!step(w, &s, &k, pc, at))
            break;
        if (knows(&k, GP) && !w->gp)
            w->gp = k.x[GP];
        pc += s.len;
    }
}

static void walk_all(struct way *w)
{
    while (w->queued && w->steps) {
        uint32_t n = w->queue[--w->queued];

        w->places[n].queued = false;
        walk(w, n);
    }
    w->too_large |= w->queued != 0;
}

static void begin_at(struct way *w, uint64_t address, const struct known *k)
{
    w->is_jump = false;
    go(w, address, k);
    walk_all(w);
}

static bool ends_way(const struct czi_step *s)
{
    return s->kind == CZI_STEP_END ||
           ((s->kind == CZI_STEP_JUMP || s->kind == CZI_STEP_JUMP_REGISTER) && !s->rd);
}

/* Calls in a segment that no way led to: from behind what ended before them. */
static void walk_segment(struct way *w, const struct czi_segment *segment,
                         const struct known *nothing)
{
    uint64_t begin = 0;

    for (uint64_t at = 0; at + 1 < segment->bytes.len;) {
        struct czi_step s = czi_step_decode(
            (struct czi_slice){segment->bytes.data + at, segment->bytes.len - at});
        uint64_t next = at + (s.len ? s.len : 2);
        uint32_t n;

        if (!text_at(w, segment->address + at, &n).len)
            return;
        if (s.kind == CZI_STEP_CALL && !(w->seen[n] & PASSED)) {
            begin_at(w, segment->address + begin, nothing);
            if (!(w->seen[n] & PASSED))
                begin_at(w, segment->address + at, nothing);
        }
        if ((w->seen[n] & PASSED) || ends_way(&s))
            begin = next;
        at = next;
    }
}

static void walk_rest(struct way *w)
{
    struct known nothing = {.mask = 1};

    set(&nothing, GP, w->gp != 0, w->gp);
    for (unsigned i = 0; i < w->image->segment_count; i++)
        if (w->image->segments[i].mode & CZI_PAGE_EXEC) {
            w->by_pointer = true;
            walk_segment(w, &w->image->segments[i], &nothing);
        }
}

static bool make_room(struct way *w)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < w->image->segment_count; i++)
        if (w->image->segments[i].mode & CZI_PAGE_EXEC)
            n += (uint32_t)(w->image->segments[i].bytes.len / 2 + 1);
    w->halfwords = n;
    w->steps = (uint64_t)n * STEPS_EACH;
    w->numbers = czi_alloc_zero(n, sizeof *w->numbers);
    w->seen = czi_alloc_zero(n, 1);
    w->place_room = CZI_MIN(n, CZI_ANALYSE_PLACES_MAX);
    w->places = czi_alloc(sizeof *w->places * w->place_room);
    w->queue = czi_alloc(sizeof *w->queue * w->place_room);
    return w->numbers && w->seen && w->places && w->queue;
}

static void release(struct way *w)
{
    czi_free(w->numbers);
    czi_free(w->seen);
    czi_free(w->places);
    czi_free(w->queue);
}

int czi_analyse(const struct czi_image *image, struct czi_analysis *ret, cz_error *err)
{
    struct way w = {.image = image, .ret = ret};
    struct known start = {.mask = 1};

    if (!make_room(&w)) {
        release(&w);
        return czi_nomem(err, "looking at a code");
    }
    *ret = (struct czi_analysis){0};
    set(&start, A0, true, CZ_GUEST_INPUT);
    begin_at(&w, image->entry, &start);
    walk_rest(&w);
    w.collecting = true;
    w.steps = (uint64_t)w.halfwords * STEPS_EACH;
    for (uint32_t n = 0; n < w.place_count; n++)
        walk(&w, n);
    ret->is_whole = !w.too_large && w.steps != 0;
    ret->may_write |= !ret->is_whole;
    release(&w);
    return CZ_OK;
}
