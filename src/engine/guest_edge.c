/* guest_edge.c - what the core needs while guests run that it must not do itself: threads, and
 * facts' bytes from the journal.
 *
 * Layer: engine. Thread: the engine's, or one that has the engine rest.
 */
#include "base/error.h"
#include "engine/engine.h"

/* ---- Threads -------------------------------------------------------------------------------
 */

/* Started by the first wave. Without them the engine's thread does it all. */
static void fan_out(void *arg, void (*fn)(void *arg, unsigned worker, uint32_t job), void *ctx,
                    uint32_t count)
{
    cz_engine *g = arg;

    if (!g->workers && czi_workers_new(g->options.threads, &g->workers, NULL))
        g->workers = NULL;
    if (g->workers)
        czi_workers_run(g->workers, fn, ctx, count);
}

/* ---- Facts ---------------------------------------------------------------------------------
 */

static bool is_free(const struct czi_step *s, const struct czi_batch *b)
{
    for (uint32_t i = 0; i < s->free_count; i++)
        if (s->free[i] == b)
            return true;
    return false;
}

/* An item that is not durable yet lies in a batch under way. */
static const struct czi_pending *find_in_flight(const struct czi_step *s, uint32_t number)
{
    const cz_id *id = czi_book_id(s->core.book, number);

    for (unsigned i = 0; i < CZI_BATCHES_IN_FLIGHT; i++) {
        const struct czi_batch *b = s->all[i];

        if (is_free(s, b) || number < b->facts_before ||
            number - b->facts_before >= b->fact_count)
            continue;
        for (uint32_t k = 0; k < b->entry_count; k++)
            if (b->entries[k].pending->is_item &&
                czi_id_equal(&b->entries[k].pending->item_id, id))
                return b->entries[k].pending;
    }
    return NULL;
}

static int item_bytes(void *arg, uint32_t number, struct czi_buf *ret, cz_error *err)
{
    cz_engine *g = arg;
    const struct czi_pending *p = find_in_flight(&g->step, number);
    struct czi_slice bytes;
    int rc = CZ_OK;

    if (p)
        bytes = (struct czi_slice){p->bytes, p->len};
    else
        rc = czi_find_item(&g->look_up, number, &bytes, err);
    if (rc)
        return rc;
    czi_buf_put(ret, bytes.data, bytes.len);
    return ret->failed ? czi_nomem(err, "a fact") : CZ_OK;
}

void czi_engine_serve_guests(cz_engine *g)
{
    struct czi_core *core = &g->step.core;

    core->item_bytes = item_bytes;
    core->item_bytes_arg = g;
    core->fan_out_arg = g;
    core->threads = g->options.threads;
    if (g->options.threads > 1 && !g->driven)
        core->fan_out = fan_out;
}
