/* guest_effects.c - what a guest that is a program does: effects, messages, its value.
 *
 * Layer: program. Thread: the host's. See guest.h. Each task has an effect of its own in the
 * making; performing it, whatever comes of that, begins another.
 */
#include "program/guest.h"

#include "base/error.h"

#include <stdio.h>

cz_effect *czi_guest_effect(struct czi_guest_task *t)
{
    if (!t->effect)
        t->effect = cz_effect_new();
    if (!t->effect)
        (void)czi_guest_nomem(t);
    return t->effect;
}

void czi_guest_effect_drop(struct czi_guest_task *t)
{
    cz_effect_free(t->effect);
    t->effect = NULL;
    t->emitted = false;
}

bool czi_guest_put_result(struct czi_guest_task *t, uint64_t to, const cz_result *r)
{
    struct cz_guest_result result = {.position = r->position, .reason = (uint64_t)r->reason};

    memcpy(result.effect, &r->effect, sizeof result.effect);
    return !to || czi_guest_write(t, to, &result, sizeof result);
}

int64_t czi_guest_perform(struct czi_guest_task *t, const uint64_t *a)
{
    cz_effect *e;
    cz_result result = {0};
    cz_error err = {0};
    int rc;

    if (a[0] && !czi_guest_may_write(t, a[0], sizeof(struct cz_guest_result)))
        return 0;
    e = czi_guest_effect(t);
    if (!e)
        return -CZ_NOMEM;
    rc = cz_program_perform(czi_guest_program(t), e, &result, &err);
    czi_guest_effect_drop(t);
    if (rc == CZ_OK || rc == CZ_REJECTED)
        (void)czi_guest_put_result(t, a[0], &result);
    return czi_guest_result(t, rc, &err);
}

int64_t czi_guest_perform_future(struct czi_guest_task *t, const uint64_t *a)
{
    cz_effect *e = NULL;
    int64_t rc = czi_guest_room(t);

    (void)a;
    if (!rc)
        e = czi_guest_effect(t);
    if (!e)
        return rc ? rc : -CZ_NOMEM;
    rc = czi_guest_future_add(t, cz_perform_future(czi_guest_program(t), e));
    czi_guest_effect_drop(t);
    return rc;
}

int64_t czi_guest_return(struct czi_guest_task *t, const uint64_t *a)
{
    cz_program_return(czi_guest_program(t), a[0]);
    return CZ_OK;
}

int64_t czi_guest_random(struct czi_guest_task *t, const uint64_t *a)
{
    (void)a;
    return (int64_t)cz_program_random(czi_guest_program(t));
}

/* What it says last may tell why it ends: so much of that is kept. */
static void remember(struct czi_guest *g, struct czi_slice text)
{
    size_t len = CZI_MIN(text.len, sizeof g->said - 1);

    if (len)
        memcpy(g->said, text.data, len);
    g->said[len] = 0;
}

/* A message, or a line of its log, which is the same: in the log of the program. */
int64_t czi_guest_send(struct czi_guest_task *t, const uint64_t *a)
{
    CZI_AUTOBUF bytes = {0};
    cz_error err = {0};
    int64_t rc = czi_guest_bytes(t, a[0], a[1], CZ_EMIT_SIZE_MAX, &bytes);
    int sent;

    if (rc)
        return rc;
    if (t->hart.x[17] == CZ_CALL_LOG)
        remember(t->guest, czi_buf_slice(&bytes));
    sent = cz_program_emit(czi_guest_program(t), bytes.data, bytes.len, &err);
    return czi_guest_result(t, sent, &err);
}
