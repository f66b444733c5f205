/* guests_ahead.c - which guests run before their turn, and what is kept of that; see guests.h.
 */
#include "base/error.h"
#include "engine/guests.h"

/* Entries that are looked at, at least: as many are worth waking others. */
#define WINDOW_MIN 16u

/* ---- Memory that stays while a batch is executed -------------------------------------------
 */

static uint8_t **chunks_of(const struct czi_keep *k)
{
    return (uint8_t **)(void *)k->chunks.data;
}

static void keep_reset(struct czi_keep *k)
{
    k->chunk = k->at = 0;
}

/* NULL: no memory, or enough is kept. */
static void *keep_room(struct czi_keep *k, size_t size)
{
    uint8_t *chunk;

    size = (size + 15) & ~(size_t)15;
    if (size > CZI_KEEP_CHUNK)
        return NULL;
    if (k->at + size > CZI_KEEP_CHUNK) {
        k->chunk++;
        k->at = 0;
    }
    if (k->chunk >= CZI_KEEP_BYTES_MAX / CZI_KEEP_CHUNK)
        return NULL;
    if (k->chunk == k->chunks.len / sizeof chunk) {
        chunk = czi_alloc_aligned(CZI_KEEP_CHUNK);
        czi_buf_put(&k->chunks, &chunk, sizeof chunk);
        if (!chunk || k->chunks.failed) {
            if (!k->chunks.failed)
                k->chunks.len -= sizeof chunk;
            k->chunks.failed = false;
            czi_free(chunk);
            return NULL;
        }
    }
    chunk = chunks_of(k)[k->chunk] + k->at;
    k->at += size;
    return chunk;
}

static bool keep_bytes(struct czi_keep *k, const uint8_t **at, size_t len)
{
    void *copy;

    if (!*at || !len)
        return true;
    copy = keep_room(k, len);
    if (copy)
        memcpy(copy, *at, len);
    *at = copy;
    return copy != NULL;
}

static bool keep_slice(struct czi_keep *k, struct czi_slice *s)
{
    return keep_bytes(k, &s->data, s->len);
}

static bool keep_op(struct czi_keep *k, struct czi_op *op)
{
    if (!keep_slice(k, &op->data) || !keep_slice(k, &op->text))
        return false;
    return op->code != CZI_OP_CREATE ||
           (keep_slice(k, &op->label) && keep_slice(k, &op->asset) &&
            keep_bytes(k, &op->creator, 32) && keep_bytes(k, &op->controller, 32));
}

static bool keep_ops(struct czi_keep *k, const uint8_t *code_id, struct czi_run_result *r)
{
    struct czi_op *ops = keep_room(k, r->op_count * sizeof *ops);
    const uint8_t **actors = keep_room(k, r->op_count * sizeof *actors);

    if (!ops || !actors)
        return false;
    memcpy(ops, r->ops, r->op_count * sizeof *ops);
    for (unsigned i = 0; i < r->op_count; i++) {
        actors[i] = czi_id_equal(r->op_actors[i], code_id) ? code_id : r->op_actors[i];
        if (!keep_op(k, &ops[i]) || (actors[i] != code_id && !keep_bytes(k, &actors[i], 32)))
            return false;
    }
    r->ops = ops;
    r->op_actors = actors;
    return true;
}

/* Makes all that a result points to its keeper's. */
static bool keep_result(struct czi_keep *k, const uint8_t *code_id, struct czi_run_result *r)
{
    struct czi_access *accesses = keep_room(k, r->access_count * sizeof *accesses);

    if (!accesses || (r->op_count && !keep_ops(k, code_id, r)))
        return false;
    memcpy(accesses, r->accesses, r->access_count * sizeof *accesses);
    r->accesses = accesses;
    return keep_slice(k, &r->output) && keep_slice(k, &r->messages);
}

/* ---- A wave --------------------------------------------------------------------------------
 */

static void find_guest(const struct czi_pending *p, struct czi_op *op)
{
    struct czi_cbor c = czi_cbor(p->bytes + p->view.ops, p->view.ops_len);

    do
        czi_op_next(&c, op);
    while (op->code != CZI_OP_RUN && op->code != CZI_OP_CALL);
}

/* Beside others: changes nothing but its own run and what its worker keeps. */
static void run_job(void *arg, unsigned worker, uint32_t job)
{
    struct czi_core *core = arg;
    struct czi_guests *g = core->guests;
    struct czi_ahead *a = &g->ahead[g->jobs[job]];
    struct czi_guest_order order;
    struct czi_sight sight;
    struct czi_op op;

    if (worker >= g->worker_count)
        return;
    for (uint32_t step = 0, k = job + 3; step < 3; step++, k--)
        if (k < g->job_count)
            czi_general_prefetch(core, g->ahead[g->jobs[k]].pending, step);
    find_guest(a->pending, &op);
    czi_guests_order(a->pending, &op, &order);
    czi_sight_init(&sight, core, NULL, a->pending);
    order.in.code = a->code;
    order.in.world = &sight.world;
    czi_vm_manager_run(g->workers[worker].manager, &order.in, &a->result);
    a->items = czi_book_count(core->book);
    a->asked_book = sight.asked_book;
    a->done = a->result.status != CZI_RUN_NOMEM && !sight.no_memory && !sight.needs_turn &&
              keep_result(&g->workers[worker].keep, order.in.code_id, &a->result);
}

/* ---- Who runs ahead ------------------------------------------------------------------------
 */

/* False: too many. */
static bool mark(struct czi_marks *m, const uint8_t *id)
{
    uint64_t word = czi_id_word(id);
    uint32_t tag = (uint32_t)(word >> 32), i = (uint32_t)word % CZI_MARKS;

    while (m->buckets[i].stamp == m->stamp) {
        if (m->buckets[i].tag == tag)
            return true;
        i = (i + 1) % CZI_MARKS;
    }
    if (m->count == CZI_MARKS / 2)
        return false;
    m->count++;
    m->buckets[i] = (struct czi_mark_bucket){m->stamp, tag};
    return true;
}

static bool is_marked(const struct czi_marks *m, const uint8_t *id)
{
    uint64_t word = czi_id_word(id);
    uint32_t tag = (uint32_t)(word >> 32), i = (uint32_t)word % CZI_MARKS;

    for (; m->buckets[i].stamp == m->stamp; i = (i + 1) % CZI_MARKS)
        if (m->buckets[i].tag == tag)
            return true;
    return false;
}

static void begin_marks(struct czi_marks *m)
{
    m->count = 0;
    if (++m->stamp == 0) {
        memset(m->buckets, 0, sizeof m->buckets);
        m->stamp = 1;
    }
}

/* The code of an effect's guest; NULL: it must be found out at its turn. */
static struct czi_code *code_of(struct czi_core *core, const uint8_t *id)
{
    uint32_t slot = czi_id_table_find(&core->resources.ids, id);
    const struct czi_resource_name *n;
    struct czi_code *code = NULL;

    if (slot == CZI_ID_NONE || czi_resource_at(&core->resources, slot)->kind != CZ_CODE ||
        !czi_resource_at(&core->resources, slot)->position)
        return NULL;
    n = czi_resource_name(&core->resources, slot);
    return czi_codes_get(&core->guests->codes, id, (struct czi_slice){n->data, n->data_len},
                         &code)
               ? NULL
               : code;
}

static struct czi_ahead *new_ahead(struct czi_guests *g, const struct czi_pending *p)
{
    struct czi_ahead *a;

    if (g->ahead_count == g->ahead_room) {
        uint32_t room = 2 * g->ahead_room + 256;
        struct czi_ahead *more = czi_realloc(g->ahead, room * sizeof *more);

        if (!more)
            return NULL;
        g->ahead = more;
        g->ahead_room = room;
    }
    a = &g->ahead[g->ahead_count++];
    a->pending = p;
    a->code = NULL;
    a->predicted = NULL;
    a->items = 0;
    a->asked_book = a->tried = a->done = false; /* the result is left as it is: it is large */
    return a;
}

/* Makes a run ahead of an entry that has none, and guesses what it will touch. */
static struct czi_ahead *prepare(struct czi_core *core, const struct czi_pending *p)
{
    struct czi_guests *g = core->guests;
    const uint8_t *id =
        p->view.is_open ? NULL : czi_effect_access_id(p->bytes, &p->view, p->view.from);
    struct czi_prediction *predicted = NULL;
    struct czi_ahead *a;
    struct czi_code *code;
    struct czi_op op;

    if (p->view.is_open) {
        find_guest(p, &op);
        id = op.code_id;
    }
    code = code_of(core, id);
    if (p->view.is_open && code) {
        predicted = keep_room(&g->workers[0].keep, sizeof *predicted);
        if (predicted)
            czi_guests_predict(core, p, &op, code, predicted);
    }
    a = new_ahead(g, p);
    if (a) {
        a->code = !p->view.is_open || (predicted && !predicted->is_anything) ? code : NULL;
        a->predicted = predicted;
    }
    return a;
}

static bool meets_mark(const struct czi_guests *g, const struct czi_ahead *a)
{
    const struct czi_pending *p = a->pending;

    for (unsigned i = 0; a->predicted && i < a->predicted->count; i++)
        if (is_marked(&g->marks, a->predicted->accesses[i].id))
            return true;
    for (unsigned i = 0; !p->view.is_open && i < czi_effect_accesses(&p->view); i++)
        if (is_marked(&g->marks, czi_effect_access_id(p->bytes, &p->view, i)))
            return true;
    return false;
}

/* What the effect will have written when those behind it have their turn. */
static bool mark_writes(struct czi_guests *g, const struct czi_pending *p,
                        const struct czi_ahead *a)
{
    for (unsigned i = 0; !p->view.is_open && i < p->view.write_count; i++)
        if (!mark(&g->marks, czi_effect_access_id(p->bytes, &p->view, i)))
            return false;
    if (!p->view.is_open || !a)
        return true;
    for (unsigned i = 0; a->done && i < a->result.access_count; i++)
        if (a->result.accesses[i].written && !mark(&g->marks, a->result.accesses[i].id))
            return false;
    for (unsigned i = 0; !a->done && a->predicted && i < a->predicted->count; i++)
        if (a->predicted->accesses[i].write && !mark(&g->marks, a->predicted->accesses[i].id))
            return false;
    return true;
}

static bool may_run_ahead(const struct czi_core *core, const struct czi_entry *e)
{
    const struct czi_effect_view *v = &e->pending->view;

    return v->has_guest && v->guest_first && !v->fact_count &&
           e->nonce >= core->origins[e->origin].next_nonce;
}

/* One entry of the window; false: those behind it are not looked at. */
static bool consider(struct czi_core *core, struct czi_entry *e)
{
    struct czi_guests *g = core->guests;
    const struct czi_pending *p = e->pending;
    struct czi_ahead *a = NULL;

    if (e->status == CZI_ENTRY_ITEM)
        return false;
    if (e->status != CZI_ENTRY_EFFECT)
        return true;
    if (p->view.has_guest) {
        a = czi_guests_ahead(core, e);
        g->considered++;
        if (!a && may_run_ahead(core, e)) {
            a = prepare(core, p);
            e->to = a ? g->ahead_count : 0;
        }
        if (a && !a->tried && a->code && !meets_mark(g, a)) {
            a->tried = true;
            g->jobs[g->job_count++] = (uint32_t)(a - g->ahead);
        }
    }
    return mark_writes(g, p, a) && !czi_codes_overfull(&g->codes);
}

/* Those that are in others' way run at their turn, on the engine's thread alone: the farther
 * one looks, the more they are. */
static void adapt(struct czi_guests *g, uint32_t looked_at)
{
    uint32_t left_out = g->considered - g->job_count;

    if (looked_at < g->window)
        return;
    if (left_out <= g->considered / 32)
        g->window = CZI_MIN(2 * g->window, CZI_WAVE_ENTRIES_MAX);
    else if (left_out > g->considered / 8 && g->window > WINDOW_MIN)
        g->window /= 2;
}

static void make_workers(struct czi_core *core, struct czi_guests *g)
{
    while (g->worker_count < CZI_MIN(core->threads, CZI_THREADS_MAX) &&
           !czi_vm_manager_new(&g->workers[g->worker_count].manager, NULL))
        g->worker_count++;
}

void czi_guests_look_ahead(struct czi_core *core, struct czi_batch *b, uint32_t i)
{
    struct czi_guests *g;
    uint32_t k = i, end;

    if (!core->fan_out || (core->guests && i < core->guests->horizon))
        return;
    g = czi_guests(core);
    if (!g || !may_run_ahead(core, &b->entries[i]))
        return;
    g->job_count = g->considered = 0;
    begin_marks(&g->marks);
    end = CZI_MIN(i + g->window, b->entry_count);
    while (k < end && consider(core, &b->entries[k]))
        k++;
    adapt(g, k - i);
    g->horizon = k;
    if (g->job_count < 2) {
        for (uint32_t j = 0; j < g->job_count; j++)
            g->ahead[g->jobs[j]].tried = false;
        return;
    }
    make_workers(core, g);
    core->fan_out(core->fan_out_arg, run_job, core, g->job_count);
}

struct czi_ahead *czi_guests_ahead(struct czi_core *core, const struct czi_entry *e)
{
    struct czi_guests *g = core->guests;

    return g && e->to && e->to <= g->ahead_count && g->ahead[e->to - 1].pending == e->pending
               ? &g->ahead[e->to - 1]
               : NULL;
}

void czi_guests_begin(struct czi_core *core)
{
    struct czi_guests *g = core->guests;

    if (!g)
        return;
    g->ahead_count = g->horizon = 0;
    for (unsigned i = 0; i < g->worker_count; i++)
        keep_reset(&g->workers[i].keep);
    czi_codes_trim(&g->codes);
}
