/* decode.c - code: an ELF file's executable segments, decoded once and for all.
 *
 * Layer: vm. Threads: a code is immutable, and counted by atomics. Invariants: code.h.
 *
 * What is written cannot be executed and the other way round, so nothing that is decoded can
 * change. All that a jump can reach is decoded beforehand, each even address of the file's
 * bytes, so that nothing is published while harts run. Zeroes behind them are not, whatever the
 * file says of their number: they are illegal one and all, and an EDGE says so.
 */
#include "vm/code.h"

#include "base/alloc.h"
#include "base/error.h"
#include "codec/blake3.h"

/* ---- Bytes ------------------------------------------------------------------------------- */

static const struct czi_segment *segment_of(const struct czi_image *image, uint64_t pc)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct czi_segment *s = &image->segments[i];

        if ((s->mode & CZI_PAGE_EXEC) && pc >= s->address && pc - s->address < s->memory_size)
            return s;
    }
    return NULL;
}

static uint32_t byte_of(const struct czi_segment *s, uint64_t offset)
{
    return offset < s->bytes.len ? s->bytes.data[offset] : 0;
}

/* Of the segment that pc lies in. */
static enum czi_trap fetch(const struct czi_segment *s, uint64_t pc, uint32_t *ret_bits)
{
    uint64_t offset = pc - s->address, left = s->memory_size - offset;
    uint32_t bits;

    if (left < 2)
        return CZI_TRAP_FETCH;
    bits = byte_of(s, offset) | byte_of(s, offset + 1) << 8;
    if ((bits & 3) == 3) {
        if (left < 4)
            return CZI_TRAP_FETCH;
        bits |= byte_of(s, offset + 2) << 16 | byte_of(s, offset + 3) << 24;
    }
    *ret_bits = bits;
    return CZI_TRAP_NONE;
}

enum czi_trap czi_code_fetch(const struct czi_code *code, uint64_t pc, uint32_t *ret_bits)
{
    const struct czi_segment *s = pc & 1 ? NULL : segment_of(&code->image, pc);

    return s ? fetch(s, pc, ret_bits) : CZI_TRAP_FETCH;
}

/* ---- Sequences --------------------------------------------------------------------------- */

struct builder {
    struct czi_code *code;
    uint32_t cap;
    unsigned run; /* entries since one that ends a run */
};

static bool is_end(unsigned op)
{
    return op >= CZI_RV_BEQ && op <= CZI_RV_ILLEGAL;
}

static bool is_jump(unsigned op)
{
    return op == CZI_RV_J || op == CZI_RV_JAL || (op >= CZI_RV_BEQ && op <= CZI_RV_BGEU);
}

/* While a code is built an entry's handler is its op. */
static unsigned op_of(const struct czi_entry *e)
{
    return (unsigned)(uintptr_t)e->handler;
}

static struct czi_entry entry_of(const struct czi_decoded *d)
{
    struct czi_entry e = {(const void *)(uintptr_t)d->op, d->rd, d->rs1, d->rs2, 0, d->imm};

    if (d->op == CZI_RV_JAL)
        e.rs1 = d->len;
    else if (d->op == CZI_RV_JALR)
        e.rs2 = d->len;
    return e;
}

static bool grow(struct builder *b)
{
    uint32_t cap = b->cap ? b->cap * 2 : 256;
    struct czi_entry *entries = czi_realloc(b->code->entries, cap * sizeof *entries);
    int32_t *pcs;

    if (!entries)
        return false;
    b->code->entries = entries;
    pcs = czi_realloc(b->code->pcs, cap * sizeof *pcs);
    if (!pcs)
        return false;
    b->code->pcs = pcs;
    b->cap = cap;
    return true;
}

CZI_MUST_USE static bool put(struct builder *b, const struct czi_entry *e, int64_t pc)
{
    struct czi_code *code = b->code;

    if (code->count == b->cap && !grow(b))
        return false;
    code->entries[code->count] = *e;
    code->pcs[code->count] = (int32_t)pc;
    code->count++;
    b->run = is_end(op_of(e)) ? 0 : b->run + 1;
    return true;
}

CZI_MUST_USE static bool put_pseudo(struct builder *b, enum czi_rv op, int64_t pc)
{
    struct czi_entry e = {.handler = (const void *)(uintptr_t)op, .rd = 32};
    bool ok = put(b, &e, pc);

    b->run = 0;
    return ok;
}

static void count(struct czi_code_info *info, const struct czi_decoded *d)
{
    if (d->op == CZI_RV_ILLEGAL) {
        info->unknown++;
        return;
    }
    info->instructions++;
    info->blocks += is_end(d->op);
    info->compressed += d->len == 2;
    info->atomics += d->op >= CZI_RV_LR_W && d->op <= CZI_RV_AMOMAXU_D;
}

/* From pc until what is there already, or to the end of the file's bytes. The first sweep of a
 * segment meets nothing, and goes through all of it. */
CZI_MUST_USE static bool sweep(struct builder *b, const struct czi_segment *s, uint64_t pc,
                               bool is_first)
{
    struct czi_code *code = b->code;
    uint64_t end = s->address + s->bytes.len;
    struct czi_decoded d;
    struct czi_entry e;
    uint32_t bits, *at;

    for (b->run = 0; pc < end; pc += d.len) {
        at = &code->map[(pc - code->base) / 2];
        if (*at)
            return put_pseudo(b, CZI_RV_GOTO, (int64_t)pc);
        if (b->run == CZI_RUN_MAX && !put_pseudo(b, CZI_RV_GOTO, (int64_t)pc))
            return false;
        if (fetch(s, pc, &bits) != CZI_TRAP_NONE)
            break;
        d = czi_decode(bits, pc);
        e = entry_of(&d);
        *at = code->count;
        if (!put(b, &e, (int64_t)pc))
            return false;
        if (is_first)
            count(&code->info, &d);
        else if (d.op >= CZI_RV_JAL && d.op <= CZI_RV_ILLEGAL && d.op != CZI_RV_ECALL)
            return true;
    }
    return put_pseudo(b, CZI_RV_EDGE, (int64_t)pc);
}

static bool sweep_all(struct builder *b)
{
    const struct czi_image *image = &b->code->image;

    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < image->segment_count; i++) {
            const struct czi_segment *s = &image->segments[i];
            uint64_t pc = s->address + (s->address & 1), end = s->address + s->bytes.len;

            if (!(s->mode & CZI_PAGE_EXEC))
                continue;
            if (pass == 0 && !sweep(b, s, pc, true))
                return false;
            for (; pass == 1 && pc < end; pc += 2)
                if (!czi_code_find(b->code, pc) && !sweep(b, s, pc, false))
                    return false;
        }
    return true;
}

/* ---- Links ------------------------------------------------------------------------------- */

/* The place of what a jump goes to: an entry of its own that traps when it is nothing. */
static bool target(struct builder *b, int64_t pc, uint32_t *ret)
{
    *ret = czi_code_find(b->code, (uint64_t)pc);
    if (*ret)
        return true;
    *ret = b->code->count;
    return put_pseudo(b, CZI_RV_EDGE, pc);
}

static bool link_jumps(struct builder *b)
{
    struct czi_code *code = b->code;
    uint32_t to, end = code->count;

    for (uint32_t i = 1; i < end; i++) {
        unsigned op = op_of(&code->entries[i]);
        int64_t pc = code->pcs[i];

        /* An instruction that is cut off by its segment's end is nothing, and stays an edge. */
        if (op == CZI_RV_EDGE && czi_code_find(code, (uint64_t)pc))
            op = CZI_RV_GOTO;
        if (is_jump(op))
            pc += code->entries[i].imm;
        else if (op != CZI_RV_GOTO)
            continue;
        if (!target(b, pc, &to))
            return false;
        code->entries[i].handler = (const void *)(uintptr_t)op;
        code->entries[i].imm = ((int32_t)to - (int32_t)i) * (int32_t)sizeof *code->entries;
    }
    return true;
}

/* ---- Pairs ------------------------------------------------------------------------------- */

/* The op for two neighbours: 0, there is none. [1]: the second one needs the first one's value.
 */
static const uint8_t pairs[2][CZI_RV_COUNT][CZI_RV_COUNT] = {
#define PAIR_D 1
#define PAIR_I 0
#define PAIR(c1, first, c2, second, dep)                                                       \
    [PAIR_##dep][CZI_RV_##first][CZI_RV_##second] = CZI_RV_##first##_##second##_##dep,
    CZI_PAIRS(PAIR)
#undef PAIR
};
_Static_assert(CZI_RV_COUNT_ALL <= 256, "a byte each");

static bool can_swap(unsigned op)
{
    return op == CZI_RV_ADD || op == CZI_RV_XOR || op == CZI_RV_OR || op == CZI_RV_AND ||
           op == CZI_RV_ADDW || op == CZI_RV_MUL || op == CZI_RV_MULW || op == CZI_RV_BEQ ||
           op == CZI_RV_BNE;
}

/* e and the one behind it, in the same run. */
static unsigned pair_of(const struct czi_entry *e, unsigned op, struct czi_entry *next,
                        unsigned next_op)
{
    unsigned pair = 0;

    if (next->rs2 == e->rd && next->rs1 != e->rd && can_swap(next_op)) {
        next->rs2 = next->rs1;
        next->rs1 = e->rd;
    }
    if (e->rd == next->rs1)
        pair = pairs[PAIR_D][op][next_op];
    return pair ? pair : pairs[PAIR_I][op][next_op];
}

/* C1, and handlers for ops; backwards, since each run is counted from its end. */
static void finish(struct czi_code *code)
{
    const void *const *handlers = czi_run_handlers();
    unsigned n = 0, next_op = CZI_RV_EDGE;

    for (uint32_t i = code->count; i-- > 0;) {
        struct czi_entry *e = &code->entries[i];
        unsigned op = op_of(e), pair = 0;

        if (op == CZI_RV_GOTO)
            n = 0;
        else
            n = is_end(op) || op == CZI_RV_EDGE ? 1 : n + 1;
        e->n = (uint8_t)n;
        if (n > 1)
            pair = pair_of(e, op, e + 1, next_op);
        e->handler = handlers[pair ? pair : op];
        next_op = op;
    }
}

struct czi_entry czi_code_plain(const struct czi_code *code, uint32_t i)
{
    uint64_t pc = (uint64_t)(int64_t)code->pcs[i];
    struct czi_decoded d;
    struct czi_entry e;
    uint32_t bits = 0;

    CZI_CHECK(czi_code_fetch(code, pc, &bits) == CZI_TRAP_NONE);
    d = czi_decode(bits, pc);
    CZI_CHECK(!is_end(d.op));
    e = entry_of(&d);
    e.handler = czi_run_handlers()[d.op];
    return e;
}

/* ---- Life -------------------------------------------------------------------------------- */

/* The addresses that map has to cover. */
static void set_span(struct czi_code *code)
{
    uint64_t low = CZ_GUEST_IMAGE_END, high = 0;

    for (unsigned i = 0; i < code->image.segment_count; i++) {
        const struct czi_segment *s = &code->image.segments[i];

        if (!(s->mode & CZI_PAGE_EXEC))
            continue;
        low = CZI_MIN(low, s->address & ~UINT64_C(1));
        high = CZI_MAX(high, s->address + s->bytes.len);
    }
    code->base = low;
    code->span = high > low ? (high - low + 1) & ~UINT64_C(1) : 0;
}

static int build(struct czi_code *code, cz_error *err)
{
    struct builder b = {.code = code};
    struct czi_code_info *info = &code->info;

    set_span(code);
    code->map = czi_alloc_zero(code->span / 2 + 1, sizeof *code->map);
    /* Entry 0 is nothing's: a fetch of nothing, wherever it is. */
    if (!code->map || !put_pseudo(&b, CZI_RV_EDGE, 0) || !sweep_all(&b) || !link_jumps(&b))
        return czi_nomem(err, "decoded code");
    finish(code);
    info->provable = !info->compressed && !info->atomics;
    info->decoded_bytes = code->count * (sizeof *code->entries + sizeof *code->pcs) +
                          code->span / 2 * sizeof *code->map;
    return CZ_OK;
}

int czi_code_new(const void *file, size_t len, struct czi_code **ret, cz_error *err)
{
    struct czi_code *code = czi_alloc_zero(1, sizeof *code);
    int rc;

    if (!code)
        return czi_nomem(err, "code");
    atomic_init(&code->references, 1);
    code->file = czi_alloc(len);
    if (code->file) {
        if (len)
            memcpy(code->file, file, len);
        code->file_len = len;
        rc = czi_elf_read(code->file, len, &code->image, err);
    } else {
        rc = czi_nomem(err, "a copy of the code's file");
    }
    if (rc == CZ_OK)
        rc = build(code, err);
    if (rc != CZ_OK) {
        czi_code_drop(code);
        return rc;
    }
    czi_blake3(code->file, len, code->hash.bytes);
    *ret = code;
    return CZ_OK;
}

struct czi_code *czi_code_ref(struct czi_code *code)
{
    atomic_fetch_add_explicit(&code->references, 1, memory_order_relaxed);
    return code;
}

void czi_code_drop(struct czi_code *code)
{
    if (!code || atomic_fetch_sub_explicit(&code->references, 1, memory_order_acq_rel) != 1)
        return;
    czi_free(code->entries);
    czi_free(code->pcs);
    czi_free(code->map);
    czi_free(code->file);
    czi_free(code);
}

const struct czi_image *czi_code_image(const struct czi_code *code)
{
    return &code->image;
}
const cz_id *czi_code_hash(const struct czi_code *code)
{
    return &code->hash;
}
struct czi_code_info czi_code_info(const struct czi_code *code)
{
    return code->info;
}
