/* ask.c - whether an effect would be allowed now: asked of the rules that execution has, on the
 * state as it is.
 *
 * Layer: engine. Thread: any, but that of a callback which must not ask the engine.
 */
#include "base/error.h"
#include "engine/authority.h"
#include "engine/engine.h"
#include "engine/manager.h"
#include "engine/verify.h"

#include <stdio.h>

/* Reasons below are no matter of authority or facts: what a resource holds, and the like. */
#define FIRST_REASON CZ_UNKNOWN_DOMAIN

/* "operation 2 (transfer): …: bafy… (1 of the 2 signatures of its owners that are needed)" */
static int explain(const struct general *g, uint8_t reason, cz_error *err)
{
    const struct czi_blame *b = &g->blame;
    char where[64] = "", whom[160] = "", id[CZ_ID_TEXT_SIZE];
    int n = 0;

    if (b->op)
        (void)snprintf(where, sizeof where, "operation %u (%s): ", b->op,
                       czi_opcode_name(g->ops[b->op - 1].code));
    if (b->id) {
        cz_id copy;

        memcpy(&copy, b->id, sizeof copy);
        cz_id_print(&copy, id);
        n = snprintf(whom, sizeof whom, ": %s", id);
    }
    if (b->id && b->needed)
        (void)snprintf(whom + n, sizeof whom - (size_t)n, " (%u of its owners signed, %u must)",
                       b->signed_by, b->needed);
    return czi_fail(err, reason, "%s%s%s", where, cz_reason_text(reason), whom);
}

static int ask(struct czi_core *core, struct czi_pending *p, cz_error *err)
{
    struct general *scratch = core->general;
    uint8_t reason = czi_general_ask(core, p, scratch);
    int rc = core->failed;

    core->failed = CZ_OK; /* nobody but who asks has an interest */
    if (rc)
        return czi_fail(err, rc, "%s", core->why.detail);
    if (scratch->no_memory)
        return czi_nomem(err, "asking whether an effect is allowed");
    return reason >= FIRST_REASON ? explain(scratch, reason, err) : CZ_OK;
}

/* A guest that asks for facts has them read by the engine, which must rest meanwhile. */
static int ask_resting(cz_engine *g, struct czi_pending *p, cz_error *err)
{
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    rc = ask(&g->step.core, p, err);
    czi_read_end(g);
    return rc;
}

int czi_ask(cz_engine *g, const uint8_t *bytes, size_t len, const struct czi_effect_view *v,
            cz_error *err)
{
    struct czi_pending p = {.view = *v,
                            .bytes = (uint8_t *)(uintptr_t)bytes,
                            .len = (uint32_t)len};
    CZI_AUTOFREE uint8_t *copy = NULL;
    int rc;

    if (!czi_verify_effect(bytes, len, v))
        return czi_fail(err, CZ_BAD_SIGNATURE, "%s", cz_reason_text(CZ_BAD_SIGNATURE));
    if (v->is_open) { /* what it touches is written behind it */
        copy = czi_alloc(len + CZI_SCOPE_SIZE_MAX);
        if (!copy)
            return czi_nomem(err, "asking whether an effect is allowed");
        memcpy(copy, bytes, len);
        p.bytes = copy;
    }
    if (v->has_guest && v->fact_count)
        return ask_resting(g, &p, err);
    czi_manager_lock(g);
    rc = ask(&g->step.core, &p, err);
    czi_manager_unlock(g);
    return rc;
}

int cz_authorised(cz_engine *g, cz_effect *e, cz_error *err)
{
    struct czi_effect_view view;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = cz_effect_encode(e, &bytes, &len, err);

    if (!rc)
        rc = czi_effect_view(bytes, len, &view, err);
    return rc ? rc : czi_ask(g, bytes, len, &view, err);
}
