/* fiber.c - see fiber.h.
 *
 * The switch itself is Boost.Context's (its assembly; none of its C++). What is ours is where
 * stacks come from, and that sanitizers and valgrind know of each switch.
 *
 * A slab holds 64 stacks, and a fiber's own record is at the top of its stack:
 *
 *     page     | slot 0                         | slot 1
 *     slab ... |[guard] low ... stack ... fiber |[guard] low ... stack ... fiber
 *           ^^^ mark of slot 0               ^^^ mark of slot 1
 *
 * The first page of a slot faults where the system allows that. Where it does not, the page is
 * part of the stack, and the last bytes below it are the slot's *mark*: they lie in the page
 * that the neighbour's record is in, so a mark takes no page of its own.
 *
 * A fiber that is done waits in `entry` for its next fn: neither its context nor what a
 * sanitizer knows of its stack is made anew.
 */
#include "program/fiber.h"

#include "base/error.h"
#include "platform/platform.h"

#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define NO_ASAN __attribute__((no_sanitize("address")))
#else
#define NO_ASAN
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0u
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

/* boost/context/detail/fcontext.hpp, in C. A context is the stack pointer of who is suspended;
 * a jump gives the other side the context to jump back to. */
struct transfer {
    void *from, *data;
};
struct transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t size, void (*fn)(struct transfer));

/* jump_fcontext, and what it gave: the context of who was left. It goes on by an indirect jump,
 * not a return, so each call of it leaves one address too many in the processor's memory of
 * returns, and the returns after it are all guessed wrong: 15 ns for a task that yields to
 * another one (bench/tasks). So it is jumped to, with the address that it goes on at in its
 * place; the bytes below the stack pointer may be in use here. Where the processor guards
 * returns (shadow stacks), it is called. */
#if defined(__x86_64__) && !(defined(__CET__) && (__CET__ & 2))
static inline __attribute__((always_inline)) void *jump(void *to, void *data)
{
    void *from;

    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "push %%rax\n\t"
                     "jmp jump_fcontext\n"
                     "1:\n\t"
                     "lea 128(%%rsp), %%rsp"
                     : "=a"(from), "+D"(to), "+S"(data)
                     :
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "cc", "memory", "xmm0", "xmm1",
                       "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                       "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return from;
}
#else
static inline __attribute__((always_inline)) void *jump(void *to, void *data)
{
    return jump_fcontext(to, data).from;
}
#endif

enum {
    SLAB_STACKS = 64,
    MARK_WORDS = 16, /* two cache lines */
    MARK_SIZE = MARK_WORDS * sizeof(uint64_t),
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
    STACK_FACTOR = 4, /* frames are larger */
#else
    STACK_FACTOR = 1,
#endif
};

/* No address, no small number, and no run of one byte. */
#define MARK 0x9e3779b97f4a7c15u

struct czi_fiber {
    void *context; /* where it goes on */
    struct czi_fiber_pool *pool;
    void (*fn)(void *arg);
    void *arg;
    struct czi_fiber *next; /* in the pool's idle */
    uint8_t *low;           /* of the stack, which ends at this record */
    void *state;            /* of a sanitizer */
    unsigned valgrind_id;
    bool done, guarded;
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct czi_fiber) == 64, "one cache line");

/* At the begin of its memory, in the page that ends with the mark of slot 0. */
struct czi_fiber_slab {
    struct czi_fiber_slab *next;
    uint32_t made, guards;
};
_Static_assert(sizeof(struct czi_fiber_slab) + MARK_SIZE <= CZI_STACK_PAGE, "one page");

/* ---- What sanitizers want to know ----------------------------------------------------------
 *
 * Inlined always: the thread sanitizer keeps a stack of calls a fiber, so no function may begin
 * on one side of a switch and return on the other. */

#define INLINE static inline __attribute__((always_inline))

#ifdef FIBER_ASAN

INLINE void before_switch_to(struct czi_fiber *f)
{
    __sanitizer_start_switch_fiber(&f->pool->scheduler_state, f->low,
                                   (size_t)((uint8_t *)f - f->low));
}

INLINE void after_switch_to(struct czi_fiber_pool *p)
{
    __sanitizer_finish_switch_fiber(p->scheduler_state, NULL, NULL);
}

/* From f to g, or (NULL) to the scheduler. One that is done leaves nothing: its frames on the
 * heap are freed. */
INLINE void before_leave(struct czi_fiber *f, struct czi_fiber *g)
{
    const struct czi_fiber_pool *p = f->pool;

    if (f->done)
        f->state = NULL;
    __sanitizer_start_switch_fiber(f->done ? NULL : &f->state, g ? g->low : p->scheduler_low,
                                   g ? (size_t)((uint8_t *)g - g->low) : p->scheduler_size);
}

/* In f; from: the fiber that was left for it, or NULL. */
INLINE void after_leave(struct czi_fiber *f, const struct czi_fiber *from)
{
    const void *low;
    size_t size;

    __sanitizer_finish_switch_fiber(f->state, &low, &size);
    if (!from) {
        f->pool->scheduler_low = low;
        f->pool->scheduler_size = size;
    }
}

static void stack_made(struct czi_fiber *f)
{
    __asan_unpoison_memory_region(f->low, (size_t)((uint8_t *)f - f->low));
}

static void stack_gone(struct czi_fiber *f)
{
    stack_made(f);
}

#elif defined(FIBER_TSAN)

INLINE void before_switch_to(struct czi_fiber *f)
{
    f->pool->scheduler_state = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(f->state, 0);
}

INLINE void after_switch_to(struct czi_fiber_pool *p)
{
    (void)p;
}

INLINE void before_leave(struct czi_fiber *f, struct czi_fiber *g)
{
    __tsan_switch_to_fiber(g ? g->state : f->pool->scheduler_state, 0);
}

INLINE void after_leave(struct czi_fiber *f, const struct czi_fiber *from)
{
    (void)f;
    (void)from;
}

static void stack_made(struct czi_fiber *f)
{
    f->state = __tsan_create_fiber(0);
}

static void stack_gone(struct czi_fiber *f)
{
    __tsan_destroy_fiber(f->state);
}

#else

INLINE void before_switch_to(struct czi_fiber *f)
{
    (void)f;
}

INLINE void after_switch_to(struct czi_fiber_pool *p)
{
    (void)p;
}

INLINE void before_leave(struct czi_fiber *f, struct czi_fiber *g)
{
    (void)f;
    (void)g;
}

INLINE void after_leave(struct czi_fiber *f, const struct czi_fiber *from)
{
    (void)f;
    (void)from;
}

static void stack_made(struct czi_fiber *f)
{
    (void)f;
}

static void stack_gone(struct czi_fiber *f)
{
    (void)f;
}

#endif

/* ---- Stacks --------------------------------------------------------------------------------
 */

int czi_fiber_pool_init(struct czi_fiber_pool *p, size_t stack_size, uint32_t max,
                        cz_error *err)
{
    if (stack_size < CZI_STACK_PAGE)
        return czi_fail(err, CZ_INVALID, "a stack of %zu bytes; at least %u", stack_size,
                        CZI_STACK_PAGE);
    if (stack_size > CZI_TASK_STACK_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "a stack of %zu bytes; at most %u (TASK_STACK_SIZE_MAX)",
                        stack_size, CZI_TASK_STACK_SIZE_MAX);
    if (max == 0 || max > CZI_TASK_STACKS_MAX)
        return czi_fail(err, CZ_LIMIT, "%u stacks; from 1 to %u (TASK_STACKS_MAX)", max,
                        CZI_TASK_STACKS_MAX);
    stack_size = stack_size * STACK_FACTOR + sizeof(struct czi_fiber) + MARK_SIZE;
    stack_size = (stack_size + CZI_STACK_PAGE - 1) / CZI_STACK_PAGE * CZI_STACK_PAGE;
    *p = (struct czi_fiber_pool){.slot_size = CZI_STACK_PAGE + stack_size, .max = max};
    return CZ_OK;
}

static size_t slab_size(const struct czi_fiber_pool *p)
{
    return CZI_STACK_PAGE + SLAB_STACKS * p->slot_size;
}

static uint8_t *slot_of(const struct czi_fiber_pool *p, struct czi_fiber_slab *s, uint32_t i)
{
    return (uint8_t *)s + CZI_STACK_PAGE + i * p->slot_size;
}

static struct czi_fiber *fiber_of(const struct czi_fiber_pool *p, uint8_t *slot)
{
    return (struct czi_fiber *)(slot + p->slot_size - MARK_SIZE) - 1;
}

void czi_fiber_pool_done(struct czi_fiber_pool *p)
{
    CZI_CHECK(p->live == 0); /* what they hold would never be released */
    for (struct czi_fiber_slab *s = p->slabs, *next; s; s = next) {
        next = s->next;
        for (uint32_t i = 0; i < s->made; i++) {
            struct czi_fiber *f = fiber_of(p, slot_of(p, s, i));

            VALGRIND_STACK_DEREGISTER(f->valgrind_id);
            stack_gone(f);
        }
        czi_stacks_give(s, slab_size(p), s->guards);
    }
    *p = (struct czi_fiber_pool){0};
}

static uint64_t *mark_of(const struct czi_fiber *f)
{
    return (uint64_t *)(void *)(f->low - MARK_SIZE);
}

static void put_mark(struct czi_fiber *f)
{
    for (unsigned i = 0; i < MARK_WORDS; i++)
        mark_of(f)[i] = MARK;
}

/* After each switch. A context is the lowest address in use, but only of this moment. */
static inline void check_stack(const struct czi_fiber *f)
{
    uint64_t damage = 0;

    if (!f->guarded)
        for (unsigned i = 0; i < MARK_WORDS; i++)
            damage |= mark_of(f)[i] ^ MARK;
    if (CZI_UNLIKELY(damage || (uint8_t *)f->context < f->low))
        czi_check_failed("overflow of a fiber's stack: its pool needs a larger stack_size",
                         __FILE__, __LINE__);
}

static void entry(struct transfer t);

/* NULL when out of memory. */
static struct czi_fiber *stack_new(struct czi_fiber_pool *p)
{
    struct czi_fiber_slab *s = p->slabs;
    struct czi_fiber *f;
    uint8_t *slot;

    if (!s || s->made == SLAB_STACKS) {
        s = czi_stacks_take(slab_size(p));
        if (!s)
            return NULL;
        s->next = p->slabs;
        p->slabs = s;
    }
    slot = slot_of(p, s, s->made++);
    f = fiber_of(p, slot);
    f->pool = p;
    f->guarded = czi_stack_guard(slot);
    f->low = f->guarded ? slot + CZI_STACK_PAGE : slot;
    s->guards += f->guarded;
    if (!f->guarded)
        put_mark(f);
    f->context = make_fcontext(f, (size_t)((uint8_t *)f - f->low), entry);
    f->valgrind_id = VALGRIND_STACK_REGISTER(f->low, (uint8_t *)f - 1);
    stack_made(f);
    p->made++;
    return f;
}

/* ---- Switches ------------------------------------------------------------------------------
 */

int czi_fiber_new(struct czi_fiber_pool *p, void (*fn)(void *arg), void *arg,
                  struct czi_fiber **ret, cz_error *err)
{
    struct czi_fiber *f = p->idle;

    if (CZI_LIKELY(f != NULL)) {
        p->idle = f->next;
    } else {
        if (p->made == p->max)
            return czi_fail(err, CZ_LIMIT, "%u tasks have a stack, and no more may", p->max);
        f = stack_new(p);
        if (!f)
            return czi_nomem(err, "the stack of a task");
    }
    f->fn = fn;
    f->arg = arg;
    f->done = false;
    p->live++;
    *ret = f;
    return CZ_OK;
}

/* The address of a frame, because that of a variable may be elsewhere with a sanitizer. */
size_t czi_fiber_room(const struct czi_fiber *f)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    return here > (uintptr_t)f->low ? (size_t)(here - (uintptr_t)f->low) / STACK_FACTOR : 0;
}

bool czi_fiber_done(const struct czi_fiber *f)
{
    return f->done;
}

/* After each jump, which gave the context of whoever was left: a fiber, or NULL for the
 * scheduler. */
INLINE void arrive(struct czi_fiber_pool *p, struct czi_fiber *left, void *context)
{
    if (!left) {
        p->scheduler = context;
        return;
    }
    left->context = context;
    check_stack(left);
    if (left->done) {
        left->next = p->idle;
        p->idle = left;
        p->live--;
    }
}

void czi_fiber_switch_to(struct czi_fiber *f)
{
    struct czi_fiber_pool *p = f->pool;
    void *context;

    CZI_CHECK(!p->running && !f->done);
    p->running = f;
    p->left = NULL;
    before_switch_to(f);
    context = jump(f->context, f);
    after_switch_to(p);
    p->running = NULL;
    arrive(p, p->left, context);
}

/* To g, or (NULL) to the scheduler. */
INLINE void leave(struct czi_fiber *f, struct czi_fiber *g)
{
    struct czi_fiber_pool *p = f->pool;
    void *context;

    p->left = f;
    before_leave(f, g);
    context = jump(g ? g->context : p->scheduler, g);
    after_leave(f, p->left);
    arrive(p, p->left, context);
}

void czi_fiber_yield(struct czi_fiber *f)
{
    CZI_CHECK(f->pool->running == f);
    leave(f, NULL);
}

void czi_fiber_pass(struct czi_fiber *f, struct czi_fiber *g)
{
    CZI_CHECK(f->pool->running == f && g->pool == f->pool && g != f && !g->done);
    f->pool->running = g;
    leave(f, g);
}

void czi_fiber_then(struct czi_fiber_pool *p, struct czi_fiber *g)
{
    CZI_CHECK(p->running && g->pool == p && g != p->running && !g->done);
    p->then = g;
}

static void must_not_unwind(struct czi_fiber **f)
{
    (void)f;
    czi_check_failed("a fiber was unwound: it must return", __FILE__, __LINE__);
}

/* The bottom of each stack; never returns. The address sanitizer must not move its frame to the
 * heap, because that ends with each fn. */
static NO_ASAN void entry(struct transfer t)
{
    struct czi_fiber *f CZI_CLEANUP(must_not_unwind) = t.data;
    struct czi_fiber_pool *p = f->pool;

    after_leave(f, p->left);
    arrive(p, p->left, t.from);
    for (;;) {
        struct czi_fiber *then;

        f->fn(f->arg);
        f->done = true;
        then = p->then;
        p->then = NULL;
        if (then)
            p->running = then;
        leave(f, then);
    }
}
