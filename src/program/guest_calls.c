/* guest_calls.c - the calls of guests that are programs: which function carries out which, what
 * they cost, and how they reach the guest's memory. See guest.h.
 *
 * Calls that are the same in every way of running are VmResourceManager's (vm/manager.h).
 */
#include "program/guest.h"

#include "base/error.h"

#include <stdio.h>

/* What a call costs follows from the size that is one of its arguments, or from more. */
enum size { NONE = 6, OWN = 7 };

struct known {
    uint16_t number;
    uint8_t size; /* argument; NONE: it has none; OWN: its function takes the gas */
    czi_guest_fn fn;
};

static const struct known known[] = {
    {CZ_CALL_LOG, 1, czi_guest_send},
    {CZ_CALL_EMIT, OWN, czi_guest_emit},
    {CZ_CALL_TIME, NONE, czi_guest_time},
    {CZ_CALL_FORK, NONE, czi_guest_fork},
    {CZ_CALL_JOIN, NONE, czi_guest_join},
    {CZ_CALL_BARRIER, NONE, czi_guest_barrier},
    {CZ_CALL_RACE, NONE, czi_guest_race},
    {CZ_CALL_WINNER, NONE, czi_guest_winner},
    {CZ_CALL_TIMEOUT, NONE, czi_guest_timeout},
    {CZ_CALL_SLEEP, NONE, czi_guest_sleep},
    {CZ_CALL_WATCH, NONE, czi_guest_watch},
    {CZ_CALL_CANCEL, NONE, czi_guest_cancel},
    {CZ_CALL_YIELD, NONE, czi_guest_yield},
    {CZ_CALL_AWAIT_FACT, NONE, czi_guest_await_fact},
    {CZ_CALL_FACT_SEEN, OWN, czi_guest_fact_seen},
    {CZ_CALL_PERFORM, NONE, czi_guest_perform},
    {CZ_CALL_PERFORM_FUTURE, NONE, czi_guest_perform_future},
    {CZ_CALL_CALL_PROGRAM, OWN, czi_guest_call_program},
    {CZ_CALL_READ, 3, czi_guest_read_resource},
    {CZ_CALL_ACQUIRE, NONE, czi_guest_acquire},
    {CZ_CALL_COMMIT, NONE, czi_guest_commit},
    {CZ_CALL_RELEASE, NONE, czi_guest_release},
    {CZ_CALL_RETURN, NONE, czi_guest_return},
    {CZ_CALL_RANDOM, NONE, czi_guest_random},
    {CZ_CALL_SEND, 1, czi_guest_send},
};

bool czi_guest_pay(struct czi_guest_task *t, uint64_t bytes)
{
    return czi_call_pay(&t->hart, (unsigned)t->hart.x[17], bytes, &t->stop);
}

/* ---- The guest's memory ---------------------------------------------------------------------
 */

static struct czi_space *space(const struct czi_guest_task *t)
{
    return czi_vm_manager_space(t->guest->manager);
}

bool czi_guest_read(struct czi_guest_task *t, uint64_t from, void *to, size_t len)
{
    if (czi_space_read(space(t), from, to, len))
        return true;
    t->stop = czi_call_trap(&t->hart, CZI_TRAP_LOAD, from);
    return false;
}

bool czi_guest_may_write(struct czi_guest_task *t, uint64_t to, uint64_t len)
{
    if (czi_space_can(space(t), to, len, true))
        return true;
    t->stop = czi_call_trap(&t->hart, CZI_TRAP_STORE, to);
    return false;
}

bool czi_guest_write(struct czi_guest_task *t, uint64_t to, const void *from, size_t len)
{
    if (czi_space_write(space(t), to, from, len))
        return true;
    t->stop = czi_call_trap(&t->hart, CZI_TRAP_STORE, to);
    return false;
}

int64_t czi_guest_text(struct czi_guest_task *t, uint64_t from, uint64_t len, char *to,
                       size_t size)
{
    to[0] = 0;
    if (len >= size)
        return -CZ_LIMIT;
    if (!czi_guest_read(t, from, to, len))
        return -CZ_INVALID; /* it traps */
    to[len] = 0;
    return memchr(to, 0, len) ? -CZ_INVALID : CZ_OK;
}

int64_t czi_guest_bytes(struct czi_guest_task *t, uint64_t from, uint64_t len, size_t max,
                        struct czi_buf *b)
{
    if (len > max)
        return -CZ_LIMIT;
    b->len = 0;
    if (!czi_buf_reserve(b, len + 1))
        return czi_guest_nomem(t);
    if (!czi_guest_read(t, from, b->data, len))
        return -CZ_INVALID; /* it traps */
    b->len = len;
    return CZ_OK;
}

/* ---- Results --------------------------------------------------------------------------------
 */

int64_t czi_guest_result(struct czi_guest_task *t, int rc, const cz_error *err)
{
    struct czi_guest *g = t->guest;

    if (!rc)
        return CZ_OK;
    if (rc == CZ_NOMEM) /* which is nothing that another run would meet */
        return czi_guest_nomem(t);
    (void)snprintf(g->failed, sizeof g->failed, "%s",
                   err && err->detail[0] ? err->detail : cz_code_name(rc));
    return -rc;
}

int64_t czi_guest_nomem(struct czi_guest_task *t)
{
    czi_instance_stop(t->guest->program, CZ_NOMEM, "out of memory for what a guest asks for");
    return -CZ_NOMEM;
}

/* ---- Calls ----------------------------------------------------------------------------------
 */

static enum czi_stop carry_out(struct czi_guest_task *t, const struct known *k)
{
    const uint64_t *a = &t->hart.x[10];
    int64_t result;

    t->stop = CZI_STOP_NONE;
    t->hart.reserved = UINT64_MAX;
    if (k->size != OWN && !czi_guest_pay(t, k->size == NONE ? 0 : a[k->size]))
        return t->stop;
    result = k->fn(t, a);
    if (t->stop == CZI_STOP_NONE)
        t->hart.x[10] = (uint64_t)result;
    return t->stop;
}

enum czi_stop czi_guest_call(struct czi_guest_task *t)
{
    uint64_t number = t->hart.x[17];
    enum czi_stop stop = CZI_STOP_NONE;

    for (size_t i = 0; i < CZI_COUNTOF(known); i++)
        if (known[i].number == number)
            return carry_out(t, &known[i]);
    if (!czi_vm_manager_call(t->guest->manager, &t->hart, &stop))
        return czi_call_trap(&t->hart, CZI_TRAP_CALL, number);
    if (stop != CZI_STOP_TRAP || t->hart.trap != CZI_TRAP_NONE)
        return stop;
    (void)czi_guest_nomem(t);
    return CZI_STOP_NONE; /* it is stopped */
}
