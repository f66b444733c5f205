/* guest_try.c - what an effect's guest would do now, and all that was tracked of it.
 *
 * Layer: engine. Thread: any; the engine rests meanwhile.
 */
#include "base/error.h"
#include "engine/engine.h"
#include "engine/guests.h"

static unsigned touches_of(const struct czi_run_result *r, cz_guest_touch *ret)
{
    for (unsigned i = 0; i < r->access_count; i++) {
        const struct czi_access *a = &r->accesses[i];

        ret[i] = (cz_guest_touch){.declared_write = a->writable,
                                  .exists = a->found_position != 0,
                                  .read = a->read,
                                  .written = a->written,
                                  .loads = a->loads,
                                  .stores = a->stores};
        memcpy(&ret[i].resource, a->id, sizeof ret[i].resource);
    }
    return r->access_count;
}

static int tell(const struct general *g, uint8_t reason, cz_guest_trace_fn fn, void *arg)
{
    cz_guest_touch touches[CZI_ACCESSES_MAX + 1];
    cz_guest_trace t = {.touches = touches, .reason = (enum cz_reason)reason, .detail = ""};

    if (g->result) {
        t.run = czi_guest_run_of(g->result);
        t.instructions = g->result->instructions;
        t.touch_count = touches_of(g->result, touches);
        t.operations = g->result->op_count;
        t.detail = g->result->detail;
    }
    return fn(arg, &t);
}

static int try(cz_engine *g, struct czi_pending *p, cz_guest_trace_fn fn, void *arg,
               cz_error *err)
{
    struct czi_core *core = &g->step.core;
    uint8_t reason = czi_general_ask(core, p, core->general);
    int rc = core->failed;

    core->failed = CZ_OK; /* nobody but who asks has an interest */
    if (rc)
        return czi_fail(err, rc, "%s", core->why.detail);
    if (core->general->no_memory)
        return czi_nomem(err, "trying a guest");
    return tell(core->general, reason, fn, arg);
}

int cz_guest_try(cz_engine *g, cz_effect *e, cz_guest_trace_fn fn, void *arg, cz_error *err)
{
    CZI_AUTOFREE uint8_t *copy = NULL;
    struct czi_pending p = {.len = 0};
    const uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = cz_effect_encode(e, &bytes, &len, err);

    if (!rc)
        rc = czi_effect_view(bytes, len, &p.view, err);
    if (!rc && !p.view.has_guest)
        rc = czi_fail(err, CZ_INVALID, "the effect starts no guest");
    if (!rc && !czi_verify_effect(bytes, len, &p.view))
        rc = czi_fail(err, CZ_BAD_SIGNATURE, "%s", cz_reason_text(CZ_BAD_SIGNATURE));
    if (rc)
        return rc;
    copy = czi_alloc(len + CZI_SCOPE_SIZE_MAX);
    if (!copy)
        return czi_nomem(err, "trying a guest");
    memcpy(copy, bytes, len);
    p.bytes = copy;
    p.len = (uint32_t)len;
    rc = czi_read_begin(g, err);
    if (rc)
        return rc;
    rc = try(g, &p, fn, arg, err);
    czi_read_end(g);
    return rc;
}
