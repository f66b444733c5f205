/* run.c - goes through decoded entries, a run of instructions at a time.
 *
 * Layer: vm. Threads: a hart and its space belong to one at a time. Handlers: run_values.h,
 * run_memory.h, run_control.h and run_pairs.h, which are pieces of one function, since labels
 * are.
 *
 * Gas is paid for a whole run of instructions when it is begun (code.h, C1), and what was not
 * retired is given back at a trap. When there is not enough for all, what there is gas for is
 * copied, each entry for itself, into the space's *tail*, which ends with GAS_OUT; handlers go
 * through it as through any other entries. So nothing counts single instructions, and the
 * result is as exact as if somebody did (tests/property/test_vm_exact.c).
 */
/* Each handler ends with a jump of its own to the next one, which a processor learns well; what
 * merges equal code would undo it. clang leaves them alone. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-gcse", "no-crossjumping")
#endif

#include "vm/space.h"

/* ---- Values that are no one operator of C ------------------------------------------------ */

static inline uint64_t word(uint64_t v)
{
    return (uint64_t)(int64_t)(int32_t)(uint32_t)v;
}
static inline uint64_t mulh(uint64_t a, uint64_t b)
{
    return (uint64_t)((__int128)(int64_t)a * (int64_t)b >> 64);
}
static inline uint64_t mulhsu(uint64_t a, uint64_t b)
{
    return (uint64_t)((__int128)(int64_t)a * (__int128)b >> 64);
}
static inline uint64_t mulhu(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 64);
}
/* By zero: all ones, and the dividend; the most negative number by -1: itself, and 0. */
static inline uint64_t divide(int64_t a, int64_t b)
{
    if (b == 0)
        return UINT64_MAX;
    return b == -1 ? 0 - (uint64_t)a : (uint64_t)(a / b);
}
static inline uint64_t remainder_of(int64_t a, int64_t b)
{
    if (b == 0)
        return (uint64_t)a;
    return b == -1 ? 0 : (uint64_t)(a % b);
}
static inline uint64_t divide_unsigned(uint64_t a, uint64_t b)
{
    return b ? a / b : UINT64_MAX;
}
static inline uint64_t remainder_unsigned(uint64_t a, uint64_t b)
{
    return b ? a % b : a;
}

/* Results of a (rs1) and b (rs2 or the immediate). */
#define V_ADD(a, b) ((a) + (b))
#define V_SUB(a, b) ((a) - (b))
#define V_SLL(a, b) ((a) << ((b) & 63))
#define V_SLT(a, b) ((uint64_t)((int64_t)(a) < (int64_t)(b)))
#define V_SLTU(a, b) ((uint64_t)((a) < (b)))
#define V_XOR(a, b) ((a) ^ (b))
#define V_SRL(a, b) ((a) >> ((b) & 63))
#define V_SRA(a, b) ((uint64_t)((int64_t)(a) >> ((b) & 63)))
#define V_OR(a, b) ((a) | (b))
#define V_AND(a, b) ((a) & (b))
#define V_ADDW(a, b) word((a) + (b))
#define V_SUBW(a, b) word((a) - (b))
#define V_SLLW(a, b) word((uint64_t)((uint32_t)(a) << ((b) & 31)))
#define V_SRLW(a, b) word((uint64_t)((uint32_t)(a) >> ((b) & 31)))
#define V_SRAW(a, b) ((uint64_t)(int64_t)((int32_t)(uint32_t)(a) >> ((b) & 31)))
#define V_MUL(a, b) ((a) * (b))
#define V_MULH(a, b) mulh((a), (b))
#define V_MULHSU(a, b) mulhsu((a), (b))
#define V_MULHU(a, b) mulhu((a), (b))
#define V_DIV(a, b) divide((int64_t)(a), (int64_t)(b))
#define V_DIVU(a, b) divide_unsigned((a), (b))
#define V_REM(a, b) remainder_of((int64_t)(a), (int64_t)(b))
#define V_REMU(a, b) remainder_unsigned((a), (b))
#define V_MULW(a, b) word((a) * (b))
#define V_DIVW(a, b) word(divide((int64_t)word(a), (int64_t)word(b)))
#define V_DIVUW(a, b)                                                                          \
    word((uint32_t)(b) ? (uint64_t)((uint32_t)(a) / (uint32_t)(b)) : UINT64_MAX)
#define V_REMW(a, b) word(remainder_of((int64_t)word(a), (int64_t)word(b)))
#define V_REMUW(a, b) word((uint32_t)(b) ? (uint64_t)((uint32_t)(a) % (uint32_t)(b)) : (a))
#define V_ADDI V_ADD
#define V_SLTI V_SLT
#define V_SLTIU V_SLTU
#define V_XORI V_XOR
#define V_ORI V_OR
#define V_ANDI V_AND
#define V_SLLI V_SLL
#define V_SRLI V_SRL
#define V_SRAI V_SRA
#define V_ADDIW V_ADDW
#define V_SLLIW V_SLLW
#define V_SRLIW V_SRLW
#define V_SRAIW V_SRAW

/* The second operand of each, of entry e. */
#define REG(e) x[(e)->rs2]
#define IMM(e) ((uint64_t)(int64_t)(e)->imm)
#define V_LI(a, b) (b)

/* Conditions. */
#define C_BEQ(a, b) ((a) == (b))
#define C_BNE(a, b) ((a) != (b))
#define C_BLT(a, b) ((int64_t)(a) < (int64_t)(b))
#define C_BGE(a, b) ((int64_t)(a) >= (int64_t)(b))
#define C_BLTU(a, b) ((a) < (b))
#define C_BGEU(a, b) ((a) >= (b))

/* ---- Places ------------------------------------------------------------------------------ */

/* Where an instruction lies: of an entry of the code, or of the tail. */
static uint64_t pc_of(const struct czi_hart *h, const struct czi_entry *e)
{
    const struct czi_space *s = h->space;
    const struct czi_code *code = h->code;
    uintptr_t in_tail = (uintptr_t)e - (uintptr_t)s->tail;

    if (in_tail < sizeof s->tail)
        return (uint64_t)(int64_t)code->pcs[s->tail_at + in_tail / sizeof *e];
    return (uint64_t)(int64_t)code->pcs[e - code->entries];
}

/* The tail of a run: so many instructions from an entry on, and an end. */
static const struct czi_entry *make_tail(const struct czi_hart *h, const struct czi_entry *from,
                                         unsigned count)
{
    struct czi_space *s = h->space;

    s->tail_at = (uint32_t)(from - h->code->entries);
    for (unsigned i = 0; i < count; i++) {
        s->tail[i] = czi_code_plain(h->code, s->tail_at + i);
        s->tail[i].n = (uint8_t)(count - i);
    }
    s->tail[count] = (struct czi_entry){.handler = czi_run_handlers()[CZI_RV_GAS_OUT]};
    return s->tail;
}

static enum czi_stop trap(struct czi_hart *h, enum czi_trap kind, uint64_t pc, uint64_t value)
{
    h->trap = (uint8_t)kind;
    h->trap_value = value;
    h->pc = pc;
    return CZI_STOP_TRAP;
}

/* At an address where there is no entry. */
static enum czi_stop trap_nowhere(struct czi_hart *h, uint64_t pc)
{
    uint32_t bits = 0;
    enum czi_trap kind = czi_code_fetch(h->code, pc, &bits);

    if (h->gas == 0) {
        h->pc = pc;
        return CZI_STOP_GAS;
    }
    if (kind == CZI_TRAP_NONE)
        return trap(h, CZI_TRAP_ILLEGAL, pc, bits);
    return trap(h, kind, pc, pc);
}

/* Whether the page of an address, which must be a multiple of its size, may be accessed at
 * once. Rotating brings what is wrong with an address to its top. */
static inline bool is_fast(const uint8_t *memory, uint64_t a, unsigned log2, unsigned state)
{
    uint64_t r = log2 ? a >> log2 | a << (64 - log2) : a;

    return CZI_LIKELY(r < (CZ_GUEST_MEMORY_END >> log2) &&
                      (memory[(int64_t)(r >> (12 - log2)) - CZI_STATES_SIZE] & state));
}
_Static_assert(CZ_GUEST_PAGE == 1u << 12, "shifts");

/* ---- Running ----------------------------------------------------------------------------- */

#define GO() goto * ip->handler
#define NEXT(count)                                                                            \
    do {                                                                                       \
        ip += (count);                                                                         \
        GO();                                                                                  \
    } while (0)
/* Begins another run of instructions, at ip. */
#define BEGIN()                                                                                \
    do {                                                                                       \
        gas -= ip->n;                                                                          \
        if (CZI_UNLIKELY(gas < 0))                                                             \
            goto no_gas;                                                                       \
        GO();                                                                                  \
    } while (0)

static enum czi_stop run(struct czi_hart *h, const void *const **ret_handlers)
{
    static const void *const handlers[] = {
#define LABEL(name, ...) &&op_##name,
        /* cppcheck-suppress syntaxError ; it does not know labels as values */
        CZI_OPS(LABEL)
#undef LABEL
#define LABEL(c1, first, c2, second, dep) &&op_##first##_##second##_##dep,
            CZI_PAIRS(LABEL)
#undef LABEL
    };
    uint64_t *x, at, value;
    uint8_t *memory;
    const struct czi_entry *ip, *entries;
    struct czi_space *space;
    uint64_t gas_beyond;
    int64_t gas;
    uint32_t place;
    enum czi_trap kind;

    if (ret_handlers) {
        *ret_handlers = handlers;
        return CZI_STOP_NONE;
    }
    place = czi_code_find(h->code, h->pc);
    if (!place)
        return trap_nowhere(h, h->pc);
    x = h->x;
    space = h->space;
    memory = space->memory;
    entries = h->code->entries;
    ip = entries + place;
    gas = h->gas > INT64_MAX ? INT64_MAX : (int64_t)h->gas;
    gas_beyond = h->gas - (uint64_t)gas;
    BEGIN();

#include "vm/run_control.h"
#include "vm/run_memory.h"
#include "vm/run_pairs.h"
#include "vm/run_values.h"

no_gas: /* not for all of the run at ip */
    gas += ip->n;
    if (gas > 0) {
        ip = make_tail(h, ip, (unsigned)gas);
        gas = 0;
        GO();
    }
op_GAS_OUT:
    h->pc = pc_of(h, ip);
    h->gas = gas_beyond;
    return CZI_STOP_GAS;
stop_at_ip: /* neither it nor what is behind it in its run was retired */
    gas += ip->n;
    h->gas = (uint64_t)gas + gas_beyond;
    return trap(h, kind, pc_of(h, ip), value);
nowhere: /* at: where to */
    h->gas = (uint64_t)gas + gas_beyond;
    return trap_nowhere(h, at);
}

const void *const *czi_run_handlers(void)
{
    const void *const *handlers;

    (void)run(NULL, &handlers);
    return handlers;
}

enum czi_stop czi_vm_run(struct czi_hart *h)
{
    return run(h, NULL);
}

void czi_hart_begin(struct czi_hart *h, struct czi_space *s, const struct czi_code *code,
                    uint64_t gas)
{
    enum { SP = 2, A0 = 10, A1 = 11, ABOVE = 64 };

    *h = (struct czi_hart){
        .pc = code->image.entry, .gas = gas, .reserved = UINT64_MAX, .space = s, .code = code};
    /* Zeroes as of a fresh stack: no arguments, no environment, no auxiliary vector. */
    h->x[SP] = CZ_GUEST_STACK_TOP - ABOVE;
    h->x[A0] = CZ_GUEST_INPUT;
    h->x[A1] = s->input_len;
}
