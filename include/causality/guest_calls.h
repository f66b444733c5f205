/* guest_calls.h - the calls of guest.h as functions, for guests only; included by guest.h.
 *
 * What they give, and when they trap, stands in guest.h and docs/reference/vm.md. int64_t: 0 or
 * above, or minus a CZ_* code.
 */
#ifndef CAUSALITY_GUEST_CALLS_H
#define CAUSALITY_GUEST_CALLS_H

/* Any call. Only a0 is changed. */
static inline int64_t czg_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                               uint64_t e, uint64_t f)
{
    register uint64_t a0 __asm__("a0") = a;
    register uint64_t a1 __asm__("a1") = b;
    register uint64_t a2 __asm__("a2") = c;
    register uint64_t a3 __asm__("a3") = d;
    register uint64_t a4 __asm__("a4") = e;
    register uint64_t a5 __asm__("a5") = f;
    register uint64_t a7 __asm__("a7") = number;

    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                     : "memory");
    return (int64_t)a0;
}
#define CZG_CALL0(n) czg_call(n, 0, 0, 0, 0, 0, 0)
#define CZG_CALL1(n, a) czg_call(n, (uint64_t)(a), 0, 0, 0, 0, 0)
#define CZG_CALL2(n, a, b) czg_call(n, (uint64_t)(a), (uint64_t)(b), 0, 0, 0, 0)
#define CZG_CALL3(n, a, b, c) czg_call(n, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), 0, 0, 0)
#define CZG_CALL4(n, a, b, c, d)                                                               \
    czg_call(n, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), 0, 0)
/* A pointer as the structures of guest.h have it. */
#define CZG_PTR(p) ((uint64_t)(uintptr_t)(p))

/* ---- Itself and what it was given ---------------------------------------------------- */

__attribute__((noreturn)) static inline void czg_exit(int64_t code)
{
    for (;;)
        (void)CZG_CALL1(CZ_CALL_EXIT, code);
}
static inline int64_t czg_input(void *to, size_t offset, size_t size)
{
    return CZG_CALL3(CZ_CALL_INPUT, to, offset, size);
}
static inline int64_t czg_output(const void *from, size_t size)
{
    return CZG_CALL2(CZ_CALL_OUTPUT, from, size);
}
static inline int64_t czg_log(const void *text, size_t size)
{
    return CZG_CALL2(CZ_CALL_LOG, text, size);
}
static inline int64_t czg_hash(enum cz_guest_hash hash, const void *from, size_t size,
                               uint8_t to[32])
{
    return CZG_CALL4(CZ_CALL_HASH, hash, from, size, to);
}
static inline bool czg_verify(const uint8_t key[32], const void *from, size_t size,
                              const uint8_t signature[64])
{
    return CZG_CALL4(CZ_CALL_VERIFY, key, from, size, signature) == 1;
}
static inline uint64_t czg_gas(void)
{
    return (uint64_t)CZG_CALL0(CZ_CALL_GAS);
}
static inline void czg_self(cz_id *to)
{
    (void)CZG_CALL1(CZ_CALL_SELF, to);
}
static inline void czg_origin(cz_id *to)
{
    (void)CZG_CALL1(CZ_CALL_ORIGIN, to);
}
static inline int64_t czg_signer(size_t i, uint8_t to[32])
{
    return CZG_CALL2(CZ_CALL_SIGNER, i, to);
}
static inline int64_t czg_way(void)
{
    return CZG_CALL0(CZ_CALL_WAY);
}

/* ---- Resources ----------------------------------------------------------------------- */

/* The index of a resource. */
static inline int64_t czg_open(const cz_id *id, enum cz_access mode)
{
    return CZG_CALL2(CZ_CALL_OPEN, id, mode);
}
static inline int64_t czg_info(int64_t index, struct cz_guest_info *to)
{
    return CZG_CALL2(CZ_CALL_INFO, index, to);
}
static inline int64_t czg_length(int64_t index)
{
    return CZG_CALL1(CZ_CALL_LENGTH, index);
}
static inline int64_t czg_load(int64_t index, size_t offset, void *to, size_t size)
{
    return CZG_CALL4(CZ_CALL_LOAD, index, offset, to, size);
}
static inline int64_t czg_store(int64_t index, size_t offset, const void *from, size_t size)
{
    return CZG_CALL4(CZ_CALL_STORE, index, offset, from, size);
}
static inline int64_t czg_resize(int64_t index, size_t size)
{
    return CZG_CALL2(CZ_CALL_RESIZE, index, size);
}
static inline int64_t czg_allocate(int64_t index, const struct cz_guest_new *what)
{
    return CZG_CALL2(CZ_CALL_ALLOCATE, index, what);
}
static inline int64_t czg_transfer(int64_t from, int64_t to, cz_quantity quantity)
{
    return CZG_CALL4(CZ_CALL_TRANSFER, from, to, (uint64_t)quantity,
                     (uint64_t)(quantity >> 64));
}
static inline int64_t czg_emit(const struct cz_guest_op *op)
{
    return CZG_CALL1(CZ_CALL_EMIT, op);
}
static inline int64_t czg_invoke(struct cz_guest_invoke *invoke)
{
    return CZG_CALL1(CZ_CALL_INVOKE, invoke);
}

/* ---- Outside ------------------------------------------------------------------------- */

static inline int64_t czg_fact(size_t i, struct cz_guest_fact *to)
{
    return CZG_CALL2(CZ_CALL_FACT, i, to);
}
static inline int64_t czg_fact_bytes(size_t i, size_t offset, void *to, size_t size)
{
    return CZG_CALL4(CZ_CALL_FACT_BYTES, i, offset, to, size);
}
static inline int64_t czg_time(const char *domain, size_t len, struct cz_guest_time *to)
{
    return CZG_CALL3(CZ_CALL_TIME, domain, len, to);
}

/* ---- Programs: tasks and futures ------------------------------------------------------ */

typedef int64_t (*czg_task_fn)(uint64_t argument);
/* A future; so with all that follow up to czg_await_fact. */
static inline int64_t czg_fork(czg_task_fn function, uint64_t argument)
{
    return CZG_CALL2(CZ_CALL_FORK, function, argument);
}
static inline int64_t czg_barrier(const uint64_t *futures, size_t count)
{
    return CZG_CALL2(CZ_CALL_BARRIER, futures, count);
}
static inline int64_t czg_race(enum cz_race_mode mode, const uint64_t *futures, size_t count)
{
    return CZG_CALL3(CZ_CALL_RACE, mode, futures, count);
}
static inline int64_t czg_timeout(const struct cz_guest_deadline *deadline, int64_t future)
{
    return CZG_CALL2(CZ_CALL_TIMEOUT, deadline, future);
}
static inline int64_t czg_sleep(const struct cz_guest_deadline *deadline)
{
    return CZG_CALL1(CZ_CALL_SLEEP, deadline);
}
static inline int64_t czg_watch(const struct cz_guest_watch *watch)
{
    return CZG_CALL1(CZ_CALL_WATCH, watch);
}
static inline int64_t czg_await_fact(const struct cz_guest_query *query)
{
    return CZG_CALL1(CZ_CALL_AWAIT_FACT, query);
}
static inline int64_t czg_call_program(const struct cz_guest_spec *spec)
{
    return CZG_CALL1(CZ_CALL_CALL_PROGRAM, spec);
}
static inline int64_t czg_perform_future(void)
{
    return CZG_CALL0(CZ_CALL_PERFORM_FUTURE);
}
/* Uses the future up; how it ended. value may be NULL. */
static inline int64_t czg_join(int64_t future, uint64_t *value)
{
    return CZG_CALL2(CZ_CALL_JOIN, future, value);
}
static inline int64_t czg_winner(void)
{
    return CZG_CALL0(CZ_CALL_WINNER);
}
static inline int64_t czg_cancel(int64_t future)
{
    return CZG_CALL1(CZ_CALL_CANCEL, future);
}
static inline int64_t czg_yield(void)
{
    return CZG_CALL0(CZ_CALL_YIELD);
}
static inline int64_t czg_fact_seen(struct cz_guest_fact *to)
{
    return CZG_CALL1(CZ_CALL_FACT_SEEN, to);
}

/* ---- Programs: effects, resources ------------------------------------------------------ */

static inline int64_t czg_perform(struct cz_guest_result *to)
{
    return CZG_CALL1(CZ_CALL_PERFORM, to);
}
static inline int64_t czg_read(const cz_id *id, struct cz_guest_info *info, void *to,
                               size_t size)
{
    return CZG_CALL4(CZ_CALL_READ, id, info, to, size);
}
static inline int64_t czg_acquire(const struct cz_guest_claim *claims, size_t count)
{
    return CZG_CALL2(CZ_CALL_ACQUIRE, claims, count);
}
static inline int64_t czg_commit(struct cz_guest_result *to)
{
    return CZG_CALL1(CZ_CALL_COMMIT, to);
}
static inline int64_t czg_release(void)
{
    return CZG_CALL0(CZ_CALL_RELEASE);
}
static inline int64_t czg_return(uint64_t value)
{
    return CZG_CALL1(CZ_CALL_RETURN, value);
}
static inline uint64_t czg_random(void)
{
    return (uint64_t)CZG_CALL0(CZ_CALL_RANDOM);
}
static inline int64_t czg_send(const void *from, size_t size)
{
    return CZG_CALL2(CZ_CALL_SEND, from, size);
}

/* ---- Support (guest/sdk/support.c) ------------------------------------------------------ */

/* The guest's own function; what it returns is the exit code. */
int64_t guest_main(const uint8_t *input, size_t len);

/* The id of (creator, label); CZ_LABEL_SIZE_MAX bytes at most. */
void czg_resource_id(const cz_id *creator, const void *label, size_t len, cz_id *to);
/* 2 * len characters of hex. */
void czg_hex(const void *from, size_t len, char *to);
/* Bytes before the first zero, at most max. */
size_t czg_text_len(const char *text, size_t max);
/* Whether the key is among those that signed. */
bool czg_has_signed(const uint8_t key[32]);
/* Ends with a code other than 0, after a message. */
__attribute__((noreturn)) void czg_fail(const char *text);
/* A data or fungible resource of this code's own, or that can be made so. Fails when there is
 * one that somebody made in its name before the code was there. */
int64_t czg_open_own(const void *label, size_t len, enum cz_access mode);

/* ---- Accounts (guest/sdk/account.c), of programs -------------------------------------------
 */

/* These emit operations of the effect in the making; texts end with a zero. What a pointer
 * names is read at once. */

/* Of cz_operator. */
void czg_account_id(const char *label, cz_id *to);
int64_t czg_emit_access(const cz_id *id, enum cz_access mode);
/* An empty balance, unless it is there. */
int64_t czg_emit_balance(const cz_id *account, const char *asset);
int64_t czg_emit_use(const cz_id *capability, enum cz_access mode);
int64_t czg_emit_when(const char *domain, uint64_t not_before, uint64_t not_after);
/* purpose NULL: none */
int64_t czg_emit_depend(const cz_id *fact, enum cz_fact_policy policy,
                        enum cz_finality finality, const char *purpose);
/* Out of the balance, of an account without limits. */
int64_t czg_emit_withdraw(const cz_id *account, const char *asset, cz_quantity quantity,
                          const char *destination);
/* Waits for a deposit's fact, and has it credited to the account's balance. */
int64_t czg_await_deposit(const struct cz_guest_query *query, const cz_id *account,
                          const char *asset, struct cz_guest_fact *to);

/* One entry of the access template. */
#define CZG_TEMPLATE(name, ...)                                                                \
    static const struct cz_template_entry name                                                 \
        __attribute__((section(".causality.access"), used)) = {__VA_ARGS__}

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int value, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *text);

#endif
