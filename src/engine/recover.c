/* recover.c - opening: the rows of the last checkpoint, then the frames after it again.
 *
 * Layer: engine. Thread: the one that opens. What executing gives is compared with what is
 * written: every outcome and every receipt (through the frame's hash over their ids).
 */
#include "base/error.h"
#include "engine/cite.h"
#include "engine/engine.h"
#include "engine/replayer.h"
#include "engine/rows.h"

struct recovery {
    struct czi_core *core;
    struct czi_finder *finder; /* for predecessors */
    struct czi_replayer replayer;
    struct czi_predecessor known[CZI_CITATIONS_MAX];
    int failed; /* a look-up: then what executing gave means nothing */
    cz_error why;
};

static const struct czi_predecessor *look_up(void *arg, const struct czi_pending *p)
{
    struct recovery *r = arg;
    struct czi_predecessor *known = r->known;
    const struct czi_record *found = &r->finder->record;

    for (unsigned i = 0; i < p->view.after_count && !r->failed; i++) {
        cz_id id;
        int rc;

        memcpy(&id, czi_effect_after(p->bytes, &p->view, i), sizeof id);
        czi_predecessors_done(&known[i], 1);
        known[i] = (struct czi_predecessor){0};
        /* Only what lies before the frame at hand counts: it begins with its follower. */
        rc = czi_find_effect(r->finder, &id, &r->why);
        if (!rc && found->outcome.position <= r->core->positions)
            rc = czi_predecessor_of(&found->outcome, &known[i], &r->why);
        if (rc && rc != CZ_NOT_FOUND)
            r->failed = rc;
    }
    return known;
}

static int recover_frame(void *arg, const struct czi_frame *frame, const cz_id **ret_ids,
                         cz_error *err)
{
    struct recovery *r = arg;
    int rc = czi_replayer_take(&r->replayer, frame, err);

    if (!rc)
        rc = czi_replayer_run(&r->replayer, r->core, frame, err);
    *ret_ids = r->replayer.batch->effect_ids;
    if (r->failed) {
        if (err)
            *err = r->why;
        return r->failed;
    }
    if (rc != CZ_DIFFERS)
        return rc;
    czi_wrap(err, CZ_CORRUPT, "recovery");
    if (err)
        err->code = CZ_CORRUPT;
    return CZ_CORRUPT;
}

int czi_engine_load(cz_engine *g, cz_error *err)
{
    struct czi_core *core = &g->step.core;
    struct recovery r = {.core = core, .finder = &g->reader};
    const struct czi_predecessor *(*predecessors)(void *, const struct czi_pending *) =
        core->predecessors;
    uint64_t torn, positions, facts;
    int rc = czi_core_load(core, g->ledger, err);

    if (rc)
        return rc;
    rc = czi_replayer_init(&r.replayer, err);
    if (rc)
        return rc;
    core->predecessors = look_up;
    core->predecessors_arg = &r;
    g->saved_positions = core->positions;
    rc = czi_ledger_recover(g->ledger, recover_frame, &r, &torn, err);
    czi_replayer_done(&r.replayer);
    czi_predecessors_done(r.known, CZI_CITATIONS_MAX);
    core->predecessors = predecessors;
    core->predecessors_arg = &g->step;
    if (rc)
        return rc;
    czi_ledger_tip(g->ledger, g->tip, &positions, &facts);
    if (positions != core->positions || facts != czi_book_count(core->book))
        return czi_fail(
            err, CZ_CORRUPT,
            "index: it holds %llu positions and %u facts, the journal %llu and %llu; "
            "`causality reindex` rebuilds it",
            (unsigned long long)core->positions, czi_book_count(core->book),
            (unsigned long long)positions, (unsigned long long)facts);
    return CZ_OK;
}
