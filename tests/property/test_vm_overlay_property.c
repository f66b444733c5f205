/* test_vm_overlay_property.c - random guests that call, invoke each other, fail and trap,
 * against a model of what they see and do.
 *
 * The model is a plain list of things that are changed at once; an invocation that fails puts a
 * copy back. While a script for the player is made, step by step, the model says what each step
 * gives and what it costs. Then the script runs, and
 *
 *   - every result, the gas of all calls, what was read and what was written are as the model
 *     says, and the same stepwise;
 *   - the operations that the run wants, applied one after the other to what was there at first
 *     with the ledger's rules, give what the model has at the end;
 *   - no code's write holds what another code has written: each writes bytes of its own parity.
 *
 * CAUSALITY_SEED, CAUSALITY_SEEDS.
 */
#include "guest_world.h"
#include "resource/resource.h"

enum { SEEDS = 3000, SEEDS_SLOW = 150 };
enum { THINGS = 13, PLAYER = 11, OTHER = 12, SIZE_MAX_ = 300, DEPTH_MAX = 3, RESULTS = 300 };
#define AT (SCRIPT_ROOM + 2048)
#define ANSWER (SCRIPT_ROOM + 4096)

struct thing {
    bool exists, writable;
    uint8_t kind, state;
    const char *asset;
    cz_quantity q;
    int controller; /* an actor, or -1 */
    unsigned len;
    uint8_t data[SIZE_MAX_];
};
struct state {
    struct thing t[THINGS];
    bool written[THINGS];
    bool unfilled[THINGS]; /* created, and its contents are still in a window */
    unsigned messages;
};
struct frame {
    struct script *s;
    unsigned actor, depth, count, room; /* room: of the whole script */
    struct {
        unsigned thing;
        bool writable;
    } index[THINGS];
    bool loose[THINGS]; /* its window holds what no operation does yet */
    int64_t results[RESULTS];
    unsigned result_count;
    bool trapped;
};
struct model {
    struct czi_rng rng;
    struct state first, now;
    bool read[THINGS];
    uint64_t gas;
    unsigned ops; /* at most */
    uint8_t ids[THINGS][32];
};

static struct guest_world w;
static uint8_t actors[2][32];
static const char *const own[2] = {"own0", "own1"};

static uint64_t below(struct model *m, uint64_t n)
{
    return czi_rng_below(&m->rng, n);
}
static uint64_t units(uint64_t bytes)
{
    return (bytes + 63) / 64;
}
static void expect(struct frame *f, int64_t result)
{
    assert_true(f->result_count < RESULTS);
    f->results[f->result_count++] = result;
}
static void call(struct model *m, struct frame *f, unsigned number, uint64_t gas, uint64_t a,
                 uint64_t b, uint64_t c, uint64_t d)
{
    m->gas += gas;
    (void)script_call(f->s, number, a, b, c, d);
}
/* The frame ends here. */
static void trap(struct frame *f)
{
    f->trapped = true;
}
static bool has_bytes(const struct thing *t)
{
    return t->exists && czi_kind_has_data(t->kind);
}
static uint8_t byte_of(struct model *m, unsigned actor)
{
    return (uint8_t)(2 * (1 + below(m, 100)) + actor);
}
static bool is_loose(const struct model *m, const struct frame *f, unsigned thing)
{
    return has_bytes(&m->now.t[thing]) && (f->loose[thing] || m->now.unfilled[thing]);
}
static void keep(struct model *m, struct frame *f, unsigned thing)
{
    f->loose[thing] = m->now.unfilled[thing] = false;
    m->now.written[thing] = true;
}

/* ---- Steps --------------------------------------------------------------------------------
 */

/* Loads up to 8 bytes of what lies at an address. */
static void look(struct frame *f, uint64_t address, const uint8_t *bytes, unsigned len)
{
    uint64_t v = 0;

    memcpy(&v, bytes, len);
    (void)script_load(f->s, address, len);
    expect(f, (int64_t)v);
}

static void step_length(struct model *m, struct frame *f, unsigned i)
{
    const struct thing *t = &m->now.t[f->index[i].thing];

    call(m, f, CZ_CALL_LENGTH, 10, i, 0, 0, 0);
    m->read[f->index[i].thing] = true;
    expect(f, has_bytes(t) ? (int64_t)t->len : t->exists ? -CZ_WRONG_TYPE : -CZ_NOT_FOUND);
}

static void step_info(struct model *m, struct frame *f, unsigned i)
{
    const struct thing *t = &m->now.t[f->index[i].thing];
    struct cz_guest_info in = {.exists = t->exists};

    call(m, f, CZ_CALL_INFO, 30 + 4 * units(sizeof in), i, AT, 0, 0);
    m->read[f->index[i].thing] = true;
    expect(f, 0);
    if (t->exists) {
        in.state = t->state;
        in.length = has_bytes(t) ? t->len : 0;
        in.quantity[0] = (uint64_t)t->q;
        in.is_own = t->controller == (int)f->actor;
    }
    look(f, AT + offsetof(struct cz_guest_info, exists), (uint8_t *)&in.exists, 8);
    look(f, AT + offsetof(struct cz_guest_info, state), (uint8_t *)&in.state, 8);
    look(f, AT + offsetof(struct cz_guest_info, length), (uint8_t *)&in.length, 8);
    look(f, AT + offsetof(struct cz_guest_info, quantity), (uint8_t *)in.quantity, 8);
    look(f, AT + offsetof(struct cz_guest_info, is_own), (uint8_t *)&in.is_own, 8);
}

static void step_load(struct model *m, struct frame *f, unsigned i)
{
    const struct thing *t = &m->now.t[f->index[i].thing];
    unsigned offset = (unsigned)below(m, 120), size = (unsigned)below(m, 120), n = 0;

    call(m, f, CZ_CALL_LOAD, 30 + 8 * units(size), i, offset, AT, size);
    m->read[f->index[i].thing] = true;
    if (!has_bytes(t)) {
        expect(f, t->exists ? -CZ_WRONG_TYPE : -CZ_NOT_FOUND);
        return;
    }
    if (offset < t->len)
        n = CZI_MIN(size, t->len - offset);
    expect(f, n);
    if (n)
        look(f, AT, t->data + offset, CZI_MIN(n, 8u));
}

static void step_window_load(struct model *m, struct frame *f, unsigned i)
{
    const struct thing *t = &m->now.t[f->index[i].thing];
    unsigned len = 1 + (unsigned)below(m, 8), offset;

    if (!has_bytes(t) || t->len < len) {
        if (below(m, 60) == 0) { /* one byte too many */
            (void)script_load(f->s, CZ_GUEST_WINDOW(i) + (has_bytes(t) ? t->len : 0), 1);
            trap(f);
        }
        return;
    }
    offset = (unsigned)below(m, t->len - len + 1);
    m->read[f->index[i].thing] = true;
    look(f, CZ_GUEST_WINDOW(i) + offset, t->data + offset, len);
}

static void step_window_store(struct model *m, struct frame *f, unsigned i)
{
    struct thing *t = &m->now.t[f->index[i].thing];
    unsigned offset;

    if (!has_bytes(t) || !t->len)
        return;
    offset = (unsigned)below(m, t->len);
    if (!f->index[i].writable || t->kind != CZ_DATA) {
        if (below(m, 60) == 0) {
            script_store(f->s, CZ_GUEST_WINDOW(i) + offset, 1, 1);
            trap(f);
        }
        return;
    }
    if (t->state != CZ_ACTIVE)
        return; /* allowed, but the ledger would refuse all of it */
    t->data[offset] = byte_of(m, f->actor);
    script_store(f->s, CZ_GUEST_WINDOW(i) + offset, t->data[offset], 1);
    f->loose[f->index[i].thing] = m->now.written[f->index[i].thing] = true;
}

/* Whether the contents may be changed; otherwise says so. */
static bool may_write(struct model *m, struct frame *f, unsigned i)
{
    const struct thing *t = &m->now.t[f->index[i].thing];

    m->read[f->index[i].thing] = true;
    if (t->exists && t->kind == CZ_DATA && t->state == CZ_ACTIVE)
        return true;
    expect(f, !t->exists ? -CZ_NOT_FOUND : t->kind == CZ_DATA ? -CZ_CONFLICT : -CZ_WRONG_TYPE);
    return false;
}

static void set_len(struct thing *t, unsigned len)
{
    if (len > t->len)
        memset(t->data + t->len, 0, len - t->len);
    t->len = len;
}

static void change(struct model *m, struct frame *f, unsigned i)
{
    f->loose[f->index[i].thing] = m->now.written[f->index[i].thing] = true;
}

static void step_store(struct model *m, struct frame *f, unsigned i)
{
    struct thing *t = &m->now.t[f->index[i].thing];
    uint64_t offset = below(m, 20) ? below(m, 150) : CZI_DATA_SIZE_MAX - below(m, 20);
    unsigned size = (unsigned)below(m, 100);
    uint8_t bytes[100];

    for (unsigned k = 0; k < size; k++)
        bytes[k] = byte_of(m, f->actor);
    call(m, f, CZ_CALL_STORE, 60 + 16 * units(size), i, offset, script_data(f->s, bytes, size),
         size);
    if (!f->index[i].writable) {
        trap(f);
        return;
    }
    if (!may_write(m, f, i))
        return;
    if (offset + size > CZI_DATA_SIZE_MAX) {
        expect(f, -CZ_LIMIT);
        return;
    }
    expect(f, 0);
    if (!size)
        return;
    if (offset + size > SIZE_MAX_) { /* longer than the model keeps: takes it back */
        m->gas += offset > t->len ? 16 * units(offset - t->len) : 0;
        call(m, f, CZ_CALL_RESIZE, 60, i, 0, 0, 0);
        expect(f, 0);
        t->len = 0;
        change(m, f, i);
        return;
    }
    if (offset > t->len)
        m->gas += 16 * units(offset - t->len);
    if (offset + size > t->len)
        set_len(t, (unsigned)offset + size);
    memcpy(t->data + offset, bytes, size);
    change(m, f, i);
}

static void step_resize(struct model *m, struct frame *f, unsigned i)
{
    uint64_t size = below(m, 20) ? below(m, SIZE_MAX_) : CZI_DATA_SIZE_MAX + 1 + below(m, 9);

    call(m, f, CZ_CALL_RESIZE, 60 + 8 * units(size), i, size, 0, 0);
    if (!f->index[i].writable) {
        trap(f);
        return;
    }
    if (!may_write(m, f, i))
        return;
    expect(f, size > CZI_DATA_SIZE_MAX ? -CZ_LIMIT : 0);
    if (size > CZI_DATA_SIZE_MAX)
        return;
    set_len(&m->now.t[f->index[i].thing], (unsigned)size);
    change(m, f, i);
}

static int64_t transfer_result(const struct thing *a, const struct thing *b, cz_quantity q)
{
    bool moves = a->kind != CZ_FUNGIBLE;

    if (!a->exists || !b->exists)
        return -CZ_NOT_FOUND;
    if (czi_kind_has_data(a->kind) || a->kind != b->kind || strcmp(a->asset, b->asset) != 0)
        return -CZ_WRONG_TYPE;
    if (moves ? q < 0 : q <= 0)
        return -CZ_INVALID;
    if (a->state != CZ_ACTIVE || b->state != CZ_ACTIVE)
        return -CZ_CONFLICT;
    return !moves && a->q < q ? -CZ_REJECTED : 0;
}

static void step_transfer(struct model *m, struct frame *f, unsigned i)
{
    unsigned k = (unsigned)below(m, f->count);
    unsigned from = f->index[i].thing, to = f->index[k].thing;
    cz_quantity q = (cz_quantity)below(m, 12) - 1;
    int64_t result = transfer_result(&m->now.t[from], &m->now.t[to], q);

    if (!f->index[k].writable && below(m, 60))
        return;
    call(m, f, CZ_CALL_TRANSFER, 200, i, k, (uint64_t)q, (uint64_t)(q >> 64));
    if (!f->index[i].writable || !f->index[k].writable) {
        trap(f);
        return;
    }
    m->read[from] = m->read[to] = true;
    expect(f, result);
    if (result)
        return;
    m->now.t[from].q -= q;
    m->now.t[to].q += q;
    m->now.written[from] = m->now.written[to] = true;
}

static void step_write(struct model *m, struct frame *f, unsigned i)
{
    struct thing *t = &m->now.t[f->index[i].thing];
    struct cz_guest_op op = {.code = CZ_OP_WRITE};
    uint8_t bytes[100];

    op.data_len = below(m, sizeof bytes);
    for (unsigned k = 0; k < op.data_len; k++)
        bytes[k] = byte_of(m, f->actor);
    op.a = script_data(f->s, m->ids[f->index[i].thing], 32);
    op.data = script_data(f->s, bytes, op.data_len);
    call(m, f, CZ_CALL_EMIT, 200, script_data(f->s, &op, sizeof op), 0, 0, 0);
    if (!f->index[i].writable) {
        trap(f);
        return;
    }
    m->gas += 8 * units(op.data_len);
    if (!may_write(m, f, i))
        return;
    expect(f, 0);
    t->len = (unsigned)op.data_len;
    memcpy(t->data, bytes, t->len);
    change(m, f, i);
}

/* As the ledger has it; code: lock … archive. */
static bool move_state(struct thing *t, unsigned code)
{
    uint8_t state = t->state;

    if (!czi_state_move(&state, (enum czi_move)(code - CZ_OP_LOCK)) ||
        (t->q != 0 &&
         (code == CZ_OP_ARCHIVE || (code == CZ_OP_CONSUME && t->kind == CZ_POSITION))))
        return false;
    t->state = state;
    if (code == CZ_OP_CONSUME)
        t->q = 0;
    return true;
}

static void step_lifecycle(struct model *m, struct frame *f, unsigned i)
{
    unsigned thing = f->index[i].thing;
    struct thing *t = &m->now.t[thing];
    struct cz_guest_op op = {.code = CZ_OP_LOCK + below(m, below(m, 4) ? 4 : 6)};

    op.a = script_data(f->s, m->ids[thing], 32);
    call(m, f, CZ_CALL_EMIT, 200, script_data(f->s, &op, sizeof op), 0, 0, 0);
    if (!f->index[i].writable) {
        trap(f);
        return;
    }
    m->read[thing] = true;
    if (!t->exists || t->kind == CZ_CODE || !move_state(t, (unsigned)op.code)) {
        expect(f, !t->exists           ? -CZ_NOT_FOUND
                  : t->kind == CZ_CODE ? -CZ_WRONG_TYPE
                                       : -CZ_CONFLICT);
        return;
    }
    expect(f, 0);
    if (is_loose(m, f, thing)) {
        m->gas += 8 * units(t->len);
        keep(m, f, thing);
    }
    m->now.written[thing] = true;
}

static void step_allocate(struct model *m, struct frame *f, unsigned i)
{
    unsigned thing = f->index[i].thing;
    struct thing *t = &m->now.t[thing];
    struct cz_guest_new in = {.kind = below(m, 3) ? CZ_DATA : CZ_FUNGIBLE,
                              .label_len = 4,
                              .length = below(m, 100),
                              .quantity = {below(m, 20)}};
    bool is_data = in.kind == CZ_DATA;
    cz_id id = czi_identity_id(actors[f->actor],
                               (struct czi_slice){(const uint8_t *)own[f->actor], 4});

    in.label = script_data(f->s, own[f->actor], 4);
    in.asset = script_data(f->s, "coin", 4);
    in.asset_len = 4;
    call(m, f, CZ_CALL_ALLOCATE, 400, i, script_data(f->s, &in, sizeof in), 0, 0);
    if (!f->index[i].writable) {
        trap(f);
        return;
    }
    m->read[thing] = true;
    if (t->exists || memcmp(id.bytes, m->ids[thing], 32) != 0) {
        expect(f, t->exists ? -CZ_CONFLICT : -CZ_INVALID);
        return;
    }
    expect(f, 0);
    m->gas += 8 * units(4 + (is_data ? in.length : 4));
    *t = (struct thing){.exists = true,
                        .writable = t->writable,
                        .kind = (uint8_t)in.kind,
                        .asset = is_data ? NULL : "coin",
                        .q = is_data ? 0 : (cz_quantity)in.quantity[0],
                        .controller = (int)f->actor,
                        .len = is_data ? (unsigned)in.length : 0};
    m->now.written[thing] = true;
    m->now.unfilled[thing] = is_data;
    f->loose[thing] = false;
}

static void step_open(struct model *m, struct frame *f, unsigned i)
{
    uint64_t mode = below(m, 2);

    call(m, f, CZ_CALL_OPEN, 100, script_data(f->s, m->ids[f->index[i].thing], 32), mode, 0, 0);
    if (mode == CZ_WRITE && !f->index[i].writable)
        trap(f);
    else
        expect(f, i);
}

static void step_log(struct model *m, struct frame *f, unsigned i)
{
    unsigned size = (unsigned)below(m, 100);

    (void)i;
    if (m->now.messages > 1000)
        return;
    call(m, f, CZ_CALL_LOG, 40 + 8 * units(size), CZ_GUEST_INPUT, size, 0, 0);
    expect(f, 0);
    m->now.messages += 1 + size;
}

static void step_undeclared(struct model *m, struct frame *f, unsigned i)
{
    (void)i;
    if (below(m, 60))
        return;
    call(m, f, CZ_CALL_LENGTH, 10, f->count, 0, 0, 0);
    trap(f);
}

/* ---- Invoking -----------------------------------------------------------------------------
 */

static const unsigned rooms[DEPTH_MAX] = {CZ_GUEST_INPUT_MAX, 9000, 4000};
static const unsigned steps_max[DEPTH_MAX] = {160, 60, 32};

static void run_frame(struct model *m, struct frame *f, uint64_t *ret_code);

/* What the caller may write and passes on to be written is kept first. */
static void pass_on(struct model *m, struct frame *f, struct frame *g, uint64_t *indexes)
{
    unsigned len = 0;

    for (unsigned i = 0; i < f->count; i++) {
        bool writable = f->index[i].writable && below(m, 3);

        if (!below(m, 3))
            continue;
        indexes[g->count] = i | (writable || !f->index[i].writable ? 0 : CZ_INVOKE_READ);
        g->index[g->count].thing = f->index[i].thing;
        g->index[g->count++].writable = writable;
        if (writable && is_loose(m, f, f->index[i].thing)) {
            len += m->now.t[f->index[i].thing].len;
            keep(m, f, f->index[i].thing);
        }
    }
    m->gas += 8 * units(len);
}

static void hand_back(struct model *m, struct frame *g)
{
    unsigned len = 0;

    for (unsigned i = 0; i < g->count; i++)
        if (g->index[i].writable && is_loose(m, g, g->index[i].thing)) {
            len += m->now.t[g->index[i].thing].len;
            keep(m, g, g->index[i].thing);
        }
    m->gas += 8 * units(len);
}

static void expect_end(struct frame *f, const struct frame *g, uint64_t code, bool ok)
{
    expect(f, ok ? 0 : -CZ_REJECTED);
    (void)script_load(f->s, SCRIPT_ROOM + offsetof(struct cz_guest_invoke, ret_code), 8);
    expect(f, (int64_t)code);
    (void)script_load(f->s, SCRIPT_ROOM + offsetof(struct cz_guest_invoke, ret_output), 8);
    expect(f, ok ? 8 * g->result_count : 0);
    for (unsigned i = 0; ok && i < CZI_MIN(g->result_count, 8u); i++)
        look(f, ANSWER + 8 * i, (const uint8_t *)&g->results[i], 8);
}

static void step_invoke(struct model *m, struct frame *f, unsigned i)
{
    struct cz_guest_invoke in = {.gas = 10000000, .output = ANSWER, .output_size = 64};
    struct frame *g;
    struct state *before;
    uint64_t indexes[THINGS], code;
    bool ok;

    (void)i;
    if (f->depth + 1 == DEPTH_MAX || f->s->len + rooms[f->depth + 1] + 400 > f->room)
        return;
    g = calloc(1, sizeof *g);
    before = malloc(sizeof *before);
    *g = (struct frame){.s = malloc(sizeof(struct script)),
                        .actor = (unsigned)below(m, 2),
                        .depth = f->depth + 1};
    m->gas += 1000;
    m->ops += THINGS;
    pass_on(m, f, g, indexes);
    *before = m->now;
    run_frame(m, g, &code);
    ok = !g->trapped && code == 0;
    m->read[g->actor ? OTHER : PLAYER] = true;
    in.code = script_data(f->s, actors[g->actor], 32);
    in.input_len = g->s->len;
    in.input = script_data(f->s, g->s->bytes, g->s->len);
    in.count = g->count;
    in.indexes = script_data(f->s, indexes, 8 * (size_t)g->count);
    m->gas += 8 * units(in.input_len + in.output_size);
    script_copy(f->s, SCRIPT_ROOM, script_data(f->s, &in, sizeof in), sizeof in);
    (void)script_call(f->s, CZ_CALL_INVOKE, SCRIPT_ROOM, 0, 0, 0);
    if (ok)
        hand_back(m, g);
    else
        m->now = *before;
    expect_end(f, g, g->trapped ? CZ_INVOKE_TRAPPED : code, ok);
    free(g->s);
    free(g);
    free(before);
}

/* ---- Frames -------------------------------------------------------------------------------
 */

static void (*const all_steps[])(struct model *m, struct frame *f, unsigned i) = {
    step_length,   step_info,     step_load,     step_window_load,  step_window_load,
    step_store,    step_store,    step_resize,   step_window_store, step_window_store,
    step_write,    step_transfer, step_transfer, step_lifecycle,    step_allocate,
    step_allocate, step_open,     step_log,      step_undeclared,   step_invoke,
    step_invoke,
};
/* These stop a frame when what they name is not to be written: seldom chosen then. */
static bool is_welcome(struct model *m, const struct frame *f, unsigned step, unsigned i)
{
    void (*s)(struct model *, struct frame *, unsigned) = all_steps[step];

    if (s != step_store && s != step_resize && s != step_write && s != step_transfer &&
        s != step_lifecycle && s != step_allocate && s != step_open)
        return true;
    return f->index[i].writable || below(m, 100) == 0;
}

/* Makes a frame's script, and does in the model what it does. */
static void run_frame(struct model *m, struct frame *f, uint64_t *ret_code)
{
    struct script *s = f->s;
    unsigned most = 4 + (unsigned)below(m, f->depth ? 12 : 60);

    script_begin(s);
    s->len = steps_max[f->depth] * sizeof(struct script_step);
    f->room = rooms[f->depth];
    for (unsigned n = 0; n < most && !f->trapped; n++) {
        unsigned step = (unsigned)below(m, CZI_COUNTOF(all_steps)), i;

        if (!f->count || s->steps + 16 > steps_max[f->depth] || s->len + 600 > f->room ||
            m->ops > CZI_RUN_OPERATIONS_MAX - 30 || f->result_count > RESULTS - 20)
            break;
        i = (unsigned)below(m, f->count);
        if (all_steps[step] == step_transfer && !m->now.t[f->index[i].thing].asset)
            i = (unsigned)below(m, f->count);
        if (!is_welcome(m, f, step, i))
            continue;
        m->ops += 2;
        all_steps[step](m, f, i);
    }
    *ret_code = f->depth && below(m, 4) == 0 ? 1 + below(m, 9) : 0;
    if (f->trapped)
        return;
    script_end(s, *ret_code, false);
    m->gas += 40 + 8 * units(8 * (uint64_t)f->result_count);
}

/* ---- The world ----------------------------------------------------------------------------
 */

static void make_thing(struct model *m, unsigned i)
{
    static const uint8_t kinds[] = {CZ_DATA,     CZ_DATA,     CZ_DATA,
                                    CZ_FUNGIBLE, CZ_FUNGIBLE, CZ_FUNGIBLE,
                                    CZ_POSITION, CZ_POSITION, CZ_DATA};
    struct thing *t = &m->now.t[i];

    t->controller = -1;
    t->writable = below(m, 5) != 0;
    if (i >= 9) {
        t->exists = i >= PLAYER;
        t->kind = t->exists ? CZ_CODE : 0;
        t->writable &= !t->exists;
        return;
    }
    t->exists = below(m, 12) != 0;
    t->kind = kinds[i];
    if (!t->exists)
        return;
    t->state = below(m, 8) ? CZ_ACTIVE : (uint8_t)below(m, CZ_ARCHIVED + 1);
    if (t->kind != CZ_DATA) {
        t->asset = i == 5 ? "stone" : "coin";
        t->q = (cz_quantity)below(m, 30);
        return;
    }
    t->len = (unsigned)below(m, 100);
    memset(t->data, 1, t->len);
}

/* The same for the run, and what it declares, in some order. */
static void declare(struct model *m, struct frame *root)
{
    static uint8_t bytes[THINGS][SIZE_MAX_];
    unsigned order[THINGS];

    w.count = w.in.access_count = 0;
    for (unsigned i = 0; i < THINGS; i++) {
        const struct thing *t = &m->now.t[i];
        struct world_resource *r;
        unsigned k = (unsigned)below(m, i + 1);

        order[i] = order[k];
        order[k] = i;
        if (!t->exists)
            continue;
        r = world_add(&w, "", t->kind);
        memcpy(r->id, m->ids[i], 32);
        r->found.state = t->state;
        r->found.quantity = t->q;
        if (t->asset)
            r->found.asset = (struct czi_slice){(const uint8_t *)t->asset, strlen(t->asset)};
        memcpy(bytes[i], t->data, SIZE_MAX_);
        r->found.data = (struct czi_slice){bytes[i], t->len};
        r->code = t->kind == CZ_CODE ? w.player : NULL;
    }
    for (unsigned i = 0; i < THINGS; i++) {
        struct czi_access *a = &w.accesses[w.in.access_count++];

        *a = (struct czi_access){.writable = m->now.t[order[i]].writable};
        memcpy(a->id, m->ids[order[i]], 32);
        root->index[i].thing = order[i];
        root->index[i].writable = a->writable;
    }
    root->count = THINGS;
}

static void make_world(struct model *m, struct frame *root)
{
    for (unsigned i = 0; i < THINGS; i++) {
        char name[16];
        cz_id id;

        (void)snprintf(name, sizeof name, "thing %u", i);
        world_id(name, m->ids[i]);
        if (i == 9 || i == 10) {
            id = czi_identity_id(actors[i - 9],
                                 (struct czi_slice){(const uint8_t *)own[i - 9], 4});
            memcpy(m->ids[i], id.bytes, 32);
        }
        if (i >= PLAYER)
            memcpy(m->ids[i], actors[i - PLAYER], 32);
        make_thing(m, i);
    }
    m->read[PLAYER] = true; /* whoever runs it looks at it */
    declare(m, root);
    m->first = m->now;
}

/* ---- The ledger ---------------------------------------------------------------------------
 */

/* Bytes that are not as before are of the actor's parity, or zeroes. */
static void check_parity(const struct thing *before, struct czi_slice data, unsigned actor)
{
    for (size_t i = 0; i < data.len; i++)
        if ((i >= before->len || before->data[i] != data.data[i]) && data.data[i] &&
            data.data[i] % 2 != actor)
            fail_msg("actor %u writes %u", actor, data.data[i]);
}

static void set_data(struct thing *t, struct czi_slice data)
{
    assert_true(data.len <= SIZE_MAX_);
    t->len = (unsigned)data.len;
    if (data.len)
        memcpy(t->data, data.data, data.len);
}

static void apply(struct state *s, const struct frame *root, const struct czi_op *op,
                  unsigned actor)
{
    struct thing *a = &s->t[root->index[op->a].thing], *b = &s->t[root->index[op->b].thing];

    assert_true(root->index[op->a].writable);
    if (op->code == CZI_OP_CREATE) {
        assert_false(a->exists);
        check_parity(a, op->data, actor);
        *a = (struct thing){.exists = true,
                            .kind = op->kind,
                            .q = op->quantity,
                            .controller = (int)actor,
                            .asset = op->asset.data ? "coin" : NULL};
        assert_memory_equal(op->creator, actors[actor], 32);
        assert_memory_equal(op->label.data, own[actor], 4);
        set_data(a, op->data);
        return;
    }
    assert_true(a->exists);
    switch (op->code) {
    case CZI_OP_TRANSFER:
    case CZI_OP_MOVE:
        assert_true(root->index[op->b].writable);
        assert_int_equal(transfer_result(a, b, op->quantity), 0);
        assert_true((op->code == CZI_OP_MOVE) == (a->kind == CZ_POSITION));
        a->q -= op->quantity;
        b->q += op->quantity;
        break;
    case CZI_OP_WRITE:
        assert_true(a->kind == CZ_DATA && a->state == CZ_ACTIVE);
        check_parity(a, op->data, actor);
        set_data(a, op->data);
        break;
    default:
        assert_true(move_state(a, op->code));
    }
}

static void check_end(struct model *m, const struct frame *root)
{
    for (unsigned i = 0; i < w.out.op_count; i++)
        apply(&m->first, root, &w.out.ops[i], memcmp(w.out.op_actors[i], actors[0], 32) != 0);
    for (unsigned i = 0; i < THINGS; i++) {
        const struct thing *a = &m->first.t[i], *b = &m->now.t[i];

        if (a->exists != b->exists ||
            (a->exists && (a->kind != b->kind || a->state != b->state || a->q != b->q ||
                           a->len != b->len || memcmp(a->data, b->data, a->len) != 0)))
            fail_msg("thing %u is not as it should be", i);
    }
    assert_int_equal(w.out.messages.len, m->now.messages);
}

/* ---- A seed -------------------------------------------------------------------------------
 */

static void check_run(struct model *m, struct frame *root)
{
    cz_error err = {0};

    w.in.input = script_input(root->s);
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    assert_ok(czi_validate_resource_access(&w.out, &w.in, &err), err);
    assert_int_equal(w.out.status, root->trapped ? CZI_RUN_TRAPPED : CZI_RUN_EXITED);
    for (unsigned i = 0; !root->trapped && i < root->result_count; i++)
        if (world_result(&w, i) != root->results[i])
            fail_msg("result %u is %lld, not %lld", i, (long long)world_result(&w, i),
                     (long long)root->results[i]);
    if (w.out.gas - w.out.instructions != m->gas)
        fail_msg("calls cost %llu, not %llu",
                 (unsigned long long)(w.out.gas - w.out.instructions),
                 (unsigned long long)m->gas);
    for (unsigned i = 0; i < THINGS; i++) {
        unsigned thing = root->index[i].thing;

        if (w.out.accesses[i].read != m->read[thing] ||
            w.out.accesses[i].written != m->now.written[thing])
            fail_msg("thing %u: read %d, written %d", thing, w.out.accesses[i].read,
                     w.out.accesses[i].written);
    }
    if (root->trapped)
        assert_int_equal(w.out.op_count, 0);
}

static void one_seed(uint64_t seed, unsigned long *counts)
{
    static struct model m;
    static struct frame root;
    static struct script script;
    struct czi_run_result fast;
    uint64_t code;

    memset(&m, 0, sizeof m);
    memset(&root, 0, sizeof root);
    m.rng = czi_rng(seed);
    root.s = &script;
    make_world(&m, &root);
    run_frame(&m, &root, &code);
    w.in.stepwise = true;
    check_run(&m, &root);
    fast = w.out;
    w.in.stepwise = false;
    check_run(&m, &root);
    assert_true(fast.gas == w.out.gas && fast.pc == w.out.pc && fast.value == w.out.value);
    counts[0] += root.trapped;
    counts[1] += w.out.op_count;
    if (!root.trapped)
        check_end(&m, &root);
}

static unsigned long seed_now;

static int tell_seed(void **state)
{
    (void)state;
    if (seed_now)
        print_message("CAUSALITY_SEED=%lu CAUSALITY_SEEDS=1\n", seed_now);
    return 0;
}

static void guests_do_what_the_model_says(void **state)
{
    unsigned long seeds = SEEDS, first = test_env("CAUSALITY_SEED", 1), counts[2] = {0};

    (void)state;
#ifdef TEST_IS_SLOW
    seeds = SEEDS_SLOW;
#endif
    seeds = test_env("CAUSALITY_SEEDS", seeds);
    world_begin(&w);
    memcpy(actors[0], w.player_id, 32);
    world_id("other", actors[1]);
    w.in.gas = 100000000;
    for (unsigned long seed = first; seed < first + seeds; seed++) {
        w.in.code_id = w.player_id;
        seed_now = seed;
        one_seed(seed, counts);
    }
    seed_now = 0;
    print_message("%lu seeds, %lu traps, %lu operations\n", seeds, counts[0], counts[1]);
    if (seeds > 100) {
        assert_true(counts[0] > seeds / 20 && counts[0] < seeds / 2);
        assert_true(counts[1] > seeds);
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_teardown(guests_do_what_the_model_says, tell_seed),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
