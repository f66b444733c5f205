/* guests.c - what guests need, and one run at its turn; see guests.h. */
#include "engine/guests.h"

#include "base/error.h"

#define WINDOW_FIRST 64u

/* Of a code's own resources, for predictions. */
static bool name_of(void *arg, const uint8_t id[32], const uint8_t **ret_creator,
                    struct czi_slice *ret_label)
{
    const struct czi_core *core = arg;
    uint32_t slot = czi_id_table_find(&core->resources.ids, id);
    const struct czi_resource_name *n;

    if (slot == CZI_ID_NONE || !czi_resource_at(&core->resources, slot)->position)
        return false;
    n = czi_resource_name(&core->resources, slot);
    *ret_creator = n->creator.bytes;
    *ret_label = (struct czi_slice){(const uint8_t *)n->label, strlen(n->label)};
    return true;
}

struct czi_guests *czi_guests(struct czi_core *core)
{
    struct czi_guests *g = core->guests;

    if (CZI_LIKELY(g != NULL))
        return g;
    g = czi_alloc_zero(1, sizeof *g);
    if (!g || czi_codes_init(&g->codes, NULL) ||
        czi_vm_manager_new(&g->workers[0].manager, NULL) ||
        czi_predictor_new(name_of, core, &g->predictor, NULL)) {
        core->guests = g;
        czi_guests_done(core);
        return NULL;
    }
    g->worker_count = 1;
    g->window = WINDOW_FIRST;
    core->guests = g;
    return g;
}

static void keep_done(struct czi_keep *k)
{
    uint8_t **chunks = (uint8_t **)(void *)k->chunks.data;

    for (size_t i = 0; i < k->chunks.len / sizeof *chunks; i++)
        czi_free(chunks[i]);
    czi_buf_done(&k->chunks);
}

void czi_guests_done(struct czi_core *core)
{
    struct czi_guests *g = core->guests;

    if (!g)
        return;
    czi_guests_effect_done(g);
    for (unsigned i = 0; i < CZI_THREADS_MAX; i++) {
        czi_vm_manager_free(g->workers[i].manager);
        keep_done(&g->workers[i].keep);
    }
    for (unsigned i = 0; i < CZI_CITATIONS_MAX; i++)
        czi_buf_done(&g->facts[i]);
    czi_predictor_free(g->predictor);
    czi_codes_done(&g->codes);
    czi_free(g->ahead);
    czi_free(g);
    core->guests = NULL;
}

/* ---- Predictions ---------------------------------------------------------------------------
 */

void czi_guests_predict_input(const struct czi_pending *p, const struct czi_op *op,
                              const struct czi_code *code, struct czi_predict_input *ret)
{
    *ret = (struct czi_predict_input){
        .code_id = op->code_id,
        .image = code ? czi_code_image(code) : NULL,
        .input = op->data,
        .origin = czi_effect_origin(p->bytes),
        .signer =
            p->view.signature_count ? czi_effect_signer(p->bytes, p->len, &p->view, 0) : NULL,
    };
}

void czi_guests_predict(struct czi_core *core, const struct czi_pending *p,
                        const struct czi_op *op, const struct czi_code *code,
                        struct czi_prediction *ret)
{
    struct czi_predict_input in;

    czi_guests_predict_input(p, op, code, &in);
    czi_predict(core->guests->predictor, &in, ret);
}

/* Who was to run ahead with a code that goes runs at its turn. */
void czi_guests_trim(struct czi_guests *g)
{
    if (!czi_codes_overfull(&g->codes))
        return;
    for (uint32_t i = 0; i < g->ahead_count; i++)
        g->ahead[i].code = NULL;
    czi_codes_trim(&g->codes);
}

/* ---- At its turn ---------------------------------------------------------------------------
 */

void czi_guests_effect_done(struct czi_guests *g)
{
    for (unsigned i = 0; g->fresh_set && i < CZI_ACCESSES_MAX; i++)
        if (g->fresh_set >> i & 1)
            czi_code_drop(g->fresh[i]);
    for (unsigned i = 0; g->facts_read && i < CZI_CITATIONS_MAX; i++)
        if (g->facts[i].cap > CZI_DATA_SIZE_MAX)
            czi_buf_done(&g->facts[i]);
    g->fresh_set = g->facts_read = 0;
}

int czi_guests_fresh(struct general *g, const struct work *w, struct czi_code **ret)
{
    struct czi_guests *guests = g->core->guests;
    unsigned i = czi_work_place(g, w);
    int rc;

    if (!(guests->fresh_set >> i & 1)) {
        rc = czi_code_new(w->data.data, w->data.len, &guests->fresh[i], NULL);
        if (rc)
            return rc;
        guests->fresh_set |= UINT64_C(1) << i;
    }
    *ret = guests->fresh[i];
    return CZ_OK;
}

/* What ran without memory may have it now: others have given some back. */
bool czi_guests_run(struct general *g, struct czi_code *code, const struct czi_run_result **ret)
{
    struct czi_guests *guests = g->core->guests;

    for (unsigned tries = 0; tries < 2; tries++) {
        czi_sight_init(&guests->sight, g->core, g, g->pending);
        guests->order.in.code = code;
        guests->order.in.world = &guests->sight.world;
        czi_vm_manager_run(guests->workers[0].manager, &guests->order.in, &guests->result);
        if (g->core->failed)
            return false;
        if (guests->result.status != CZI_RUN_NOMEM && !guests->sight.no_memory) {
            *ret = &guests->result;
            return true;
        }
    }
    return false;
}
