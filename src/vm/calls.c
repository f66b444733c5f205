/* calls.c - what a guest asks for: which call it is, whether its way has it, what it costs, and
 * the calls about the guest itself; see overlay.h.
 *
 * A call is paid before it does anything, with the most that it may move by what is asked for.
 * Then traps (indexes before pointers), then all that a program can expect to happen. Whatever
 * stops a call, nothing was changed by it.
 */
#include "codec/blake3.h"
#include "codec/ed25519.h"
#include "codec/keccak.h"
#include "vm/overlay.h"

#include <nettle/sha2.h>
#include <stdarg.h>
#include <stdio.h>

#define FIRST CZ_CALL_INPUT
#define LAST CZ_CALL_SEND
/* EXIT is row 0, the others follow by number. */
#define ROW(number) ((number) < FIRST ? 0 : (number) - FIRST + 1)

static const struct row {
    const char *name; /* NULL: no such call */
    const char *ways;
    uint16_t gas, gas_64;
} rows[LAST - FIRST + 2] = {
#define CZI_ROW(call, number, gas_, gas_64_, ways_)                                            \
    [ROW(number)] = {&#call[8], ways_, gas_, gas_64_},
    CZ_GUEST_CALLS(CZI_ROW)
#undef CZI_ROW
};

static const struct row *find_row(uint64_t number)
{
    const struct row *r;

    if (number < FIRST)
        return number == CZ_CALL_EXIT ? &rows[0] : NULL;
    if (number > LAST)
        return NULL;
    r = &rows[ROW(number)];
    return r->name ? r : NULL;
}

/* ---- Ends of a call -----------------------------------------------------------------------
 */

enum czi_stop czi_call_trap(struct czi_hart *h, enum czi_trap trap, uint64_t value)
{
    h->trap = (uint8_t)trap;
    h->trap_value = value;
    h->pc -= 4; /* ecall has no shorter form */
    return CZI_STOP_TRAP;
}

static bool pay(struct czi_hart *h, uint64_t cost, enum czi_stop *ret)
{
    if (cost > h->gas) {
        h->gas = 0;
        *ret = CZI_STOP_GAS;
        return false;
    }
    h->gas -= cost;
    return true;
}

bool czi_call_pay(struct czi_hart *h, unsigned number, uint64_t size, enum czi_stop *ret)
{
    const struct row *r = find_row(number);

    CZI_CHECK(r);
    if (size > CZ_GUEST_MEMORY_END) {
        *ret = czi_call_trap(h, CZI_TRAP_CALL, number);
        return false;
    }
    return pay(h, r->gas + r->gas_64 * ((size + 63) / 64), ret);
}

bool czi_call_pay_more(struct czi_call *c, uint64_t size)
{
    CZI_CHECK(size <= CZ_GUEST_MEMORY_END);
    return pay(c->h, find_row(c->number)->gas_64 * ((size + 63) / 64), &c->stop);
}

void czi_call_refuse(struct czi_call *c, const char *fmt, ...)
{
    char *out = c->m->detail;
    size_t size = sizeof c->m->detail;
    int n = snprintf(out, size, "%s: ", c->name);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(out + n, size - (size_t)n, fmt, args);
    va_end(args);
    c->stop = czi_call_trap(c->h, CZI_TRAP_CALL, c->number);
}

void czi_call_no_memory(struct czi_call *c)
{
    c->m->no_memory = true;
    c->stop = czi_call_trap(c->h, CZI_TRAP_NONE, 0);
}

/* ---- Memory -------------------------------------------------------------------------------
 */

static void wild(struct czi_call *c, uint64_t address, uint64_t size, bool write)
{
    (void)snprintf(c->m->detail, sizeof c->m->detail, "%s: %llu bytes at 0x%llx cannot be %s",
                   c->name, (unsigned long long)size, (unsigned long long)address,
                   write ? "written" : "read");
    c->stop = czi_call_trap(c->h, write ? CZI_TRAP_STORE : CZI_TRAP_LOAD, address);
}

bool czi_call_can(struct czi_call *c, uint64_t address, uint64_t size, bool write)
{
    if (CZI_LIKELY(czi_space_can(c->h->space, address, size, write)))
        return true;
    wild(c, address, size, write);
    return false;
}

bool czi_call_get(struct czi_call *c, uint64_t address, void *to, size_t size)
{
    if (CZI_LIKELY(czi_space_read(c->h->space, address, to, size)))
        return true;
    wild(c, address, size, false);
    return false;
}

bool czi_call_put(struct czi_call *c, uint64_t address, const void *from, size_t size)
{
    if (CZI_LIKELY(czi_space_write(c->h->space, address, from, size)))
        return true;
    wild(c, address, size, true);
    return false;
}

/* ---- The guest itself ---------------------------------------------------------------------
 */

static uint64_t put_part(struct czi_call *c, struct czi_slice whole, uint64_t offset,
                         uint64_t to, uint64_t size)
{
    size_t n = offset < whole.len ? (size_t)CZI_MIN(size, whole.len - offset) : 0;

    if (!czi_call_can(c, to, size, true) || (n && !czi_call_put(c, to, whole.data + offset, n)))
        return 0;
    return n;
}

/* (to, offset, size) */
static uint64_t input(struct czi_call *c)
{
    return put_part(c, c->m->in.input, c->a[1], c->a[0], c->a[2]);
}

static uint64_t input_length(struct czi_call *c)
{
    return c->m->in.input.len;
}

/* What is put out and logged by the first code, and logged by those that it invokes, shares one
 * bound. */
static size_t room_left(const struct czi_vm_manager *m, const struct czi_frame *f)
{
    size_t taken = f->output_len + (f == m->frames ? m->messages_len : 0);

    return CZ_GUEST_OUTPUT_MAX - taken;
}

/* (from, size) */
static uint64_t output(struct czi_call *c)
{
    struct czi_frame *f = c->f;
    uint64_t size = c->a[1];

    if (!czi_call_can(c, c->a[0], size, false))
        return 0;
    if (size > room_left(c->m, f))
        return czi_call_code(CZ_LIMIT);
    if (!czi_call_get(c, c->a[0], f->output + f->output_len, size))
        return 0;
    f->output_len += (unsigned)size;
    czi_space_set_output(f->space, (struct czi_slice){f->output, f->output_len});
    return 0;
}

/* (from, size) */
static uint64_t log_message(struct czi_call *c)
{
    struct czi_vm_manager *m = c->m;
    uint64_t size = c->a[1];
    uint8_t head[10];
    size_t head_len = (size_t)(czi_put_varint(head, size) - head);
    size_t left = CZ_GUEST_OUTPUT_MAX - m->messages_len - m->frames[0].output_len;

    if (!czi_call_can(c, c->a[0], size, false))
        return 0;
    if (size + head_len > left)
        return czi_call_code(CZ_LIMIT);
    memcpy(m->messages + m->messages_len, head, head_len);
    if (!czi_call_get(c, c->a[0], m->messages + m->messages_len + head_len, size))
        return 0;
    m->messages_len += (unsigned)(head_len + size);
    return 0;
}

union hasher {
    struct czi_blake3 blake3;
    struct sha256_ctx sha256;
    struct czi_keccak keccak;
};

static void hash_begin(union hasher *h, uint64_t which)
{
    if (which == CZ_HASH_BLAKE3)
        czi_blake3_init(&h->blake3);
    else if (which == CZ_HASH_SHA256)
        sha256_init(&h->sha256);
    else
        czi_keccak_init(&h->keccak);
}

static void hash_update(union hasher *h, uint64_t which, const void *data, size_t len)
{
    if (which == CZ_HASH_BLAKE3)
        czi_blake3_update(&h->blake3, data, len);
    else if (which == CZ_HASH_SHA256)
        sha256_update(&h->sha256, len, data);
    else
        czi_keccak_update(&h->keccak, data, len);
}

static void hash_final(union hasher *h, uint64_t which, uint8_t out[32])
{
    if (which == CZ_HASH_BLAKE3)
        czi_blake3_final(&h->blake3, out);
    else if (which == CZ_HASH_SHA256)
        sha256_digest(&h->sha256, 32, out);
    else
        czi_keccak_final(&h->keccak, out);
}

/* (which, from, size, to 32) */
static uint64_t hash(struct czi_call *c)
{
    uint64_t which = c->a[0], from = c->a[1], left = c->a[2];
    union hasher h;
    uint8_t out[32];

    if (which > CZ_HASH_KECCAK256) {
        czi_call_refuse(c, "there is no hash %llu", (unsigned long long)which);
        return 0;
    }
    if (!czi_call_can(c, from, left, false) || !czi_call_can(c, c->a[3], 32, true))
        return 0;
    hash_begin(&h, which);
    while (left) {
        size_t n = CZI_MIN(left, sizeof c->m->scratch);

        if (!czi_call_get(c, from, c->m->scratch, n))
            return 0;
        hash_update(&h, which, c->m->scratch, n);
        from += n;
        left -= n;
    }
    hash_final(&h, which, out);
    (void)czi_call_put(c, c->a[3], out, sizeof out);
    return 0;
}

/* (key 32, from, size, signature 64) */
static uint64_t verify(struct czi_call *c)
{
    uint8_t key[CZI_PUBLIC_SIZE], signature[CZI_SIGNATURE_SIZE];
    uint64_t size = c->a[2];

    if (size > sizeof c->m->scratch) {
        czi_call_refuse(c, "a message of %llu bytes; %zu is the most", (unsigned long long)size,
                        sizeof c->m->scratch);
        return 0;
    }
    if (!czi_call_get(c, c->a[0], key, sizeof key) ||
        !czi_call_get(c, c->a[1], c->m->scratch, size) ||
        !czi_call_get(c, c->a[3], signature, sizeof signature))
        return 0;
    return czi_ed25519_verify(key, c->m->scratch, size, signature);
}

static uint64_t gas_left(struct czi_call *c)
{
    return c->h->gas;
}

static uint64_t self(struct czi_call *c)
{
    (void)czi_call_put(c, c->a[0], c->f->code_id, 32);
    return 0;
}

static uint64_t origin(struct czi_call *c)
{
    (void)czi_call_put(c, c->a[0], c->m->in.world->origin, 32);
    return 0;
}

/* (i, to 32) */
static uint64_t signer(struct czi_call *c)
{
    const struct czi_world *w = c->m->in.world;

    if (!czi_call_can(c, c->a[1], 32, true))
        return 0;
    if (c->a[0] >= w->signer_count)
        return czi_call_code(CZ_NOT_FOUND);
    (void)czi_call_put(c, c->a[1], w->signers + c->a[0] * w->key_stride, 32);
    return 0;
}

static uint64_t way(struct czi_call *c)
{
    return (uint8_t)c->m->in.way;
}

/* ---- Which call it is ---------------------------------------------------------------------
 */

/* The function, and how many bytes it is paid for. */
static const struct {
    czi_call_fn fn;
    uint8_t sized; /* 1 + the argument; 0: none */
    uint16_t size; /* without one */
    bool not_for_programs;
} functions[LAST - FIRST + 2] = {
    [ROW(CZ_CALL_INPUT)] = {input, 1 + 2},
    [ROW(CZ_CALL_INPUT_LENGTH)] = {input_length},
    [ROW(CZ_CALL_OUTPUT)] = {output, 1 + 1},
    [ROW(CZ_CALL_LOG)] = {log_message, 1 + 1},
    [ROW(CZ_CALL_HASH)] = {hash, 1 + 2},
    [ROW(CZ_CALL_VERIFY)] = {verify, 1 + 2},
    [ROW(CZ_CALL_GAS)] = {gas_left},
    [ROW(CZ_CALL_SELF)] = {self, .size = 32},
    [ROW(CZ_CALL_ORIGIN)] = {origin, .size = 32},
    [ROW(CZ_CALL_SIGNER)] = {signer, .size = 32},
    [ROW(CZ_CALL_WAY)] = {way},
    [ROW(CZ_CALL_OPEN)] = {czi_call_do_open},
    [ROW(CZ_CALL_INFO)] = {czi_call_do_info, .size = sizeof(struct cz_guest_info)},
    [ROW(CZ_CALL_LENGTH)] = {czi_call_do_length},
    [ROW(CZ_CALL_LOAD)] = {czi_call_do_load, 1 + 3},
    [ROW(CZ_CALL_STORE)] = {czi_call_do_store, 1 + 3},
    [ROW(CZ_CALL_RESIZE)] = {czi_call_do_resize, 1 + 1},
    [ROW(CZ_CALL_ALLOCATE)] = {czi_call_do_allocate},
    [ROW(CZ_CALL_TRANSFER)] = {czi_call_do_transfer},
    [ROW(CZ_CALL_EMIT)] = {czi_call_do_emit, .not_for_programs = true},
    [ROW(CZ_CALL_INVOKE)] = {czi_call_do_invoke},
    [ROW(CZ_CALL_FACT)] = {czi_call_do_fact, .size = sizeof(struct cz_guest_fact)},
    [ROW(CZ_CALL_FACT_BYTES)] = {czi_call_do_fact_bytes, 1 + 3},
    [ROW(CZ_CALL_TIME)] = {czi_call_do_time, .not_for_programs = true},
};

bool czi_vm_manager_call(struct czi_vm_manager *m, struct czi_hart *h, enum czi_stop *ret)
{
    uint64_t number = h->x[17], before = h->gas, size, result;
    const struct row *r = find_row(number);
    struct czi_call c = {.m = m, .f = czi_frame_now(m), .h = h};
    unsigned row;

    if (!r)
        return false;
    row = (unsigned)(r - rows);
    if (!functions[row].fn || !strchr(r->ways, m->in.way) ||
        (m->in.way == 'p' && functions[row].not_for_programs))
        return false;
    h->reserved = UINT64_MAX;
    m->detail[0] = 0;
    c.name = r->name;
    c.number = (unsigned)number;
    memcpy(c.a, &h->x[10], sizeof c.a);
    size = functions[row].sized ? c.a[functions[row].sized - 1] : functions[row].size;
    if (czi_call_pay(h, c.number, size, &c.stop)) {
        result = functions[row].fn(&c);
        if (c.stop == CZI_STOP_NONE)
            h->x[10] = result;
    } else if (c.stop == CZI_STOP_TRAP) {
        (void)snprintf(m->detail, sizeof m->detail, "%s: %llu bytes; no memory has so many",
                       c.name, (unsigned long long)size);
    }
    m->call_gas += before - h->gas - c.inner;
    *ret = c.stop;
    return true;
}
