/* watch_judge.c - whether what is watched has become true; see watch.h.
 *
 * Layer: engine. Thread: the engine's.
 */
#include "base/error.h"
#include "engine/engine.h"

/* What has just been acknowledged, and whose watches that ended. */
struct moment {
    cz_engine *engine;
    struct czi_watches *w;
    uint64_t position, fact; /* of what it was; both 0: watches began */
    struct czi_sentry *ended;
};

static struct moment moment(cz_engine *g)
{
    return (struct moment){.engine = g, .w = &g->watches};
}

static void end(struct moment *m, struct czi_sentry *s, int code)
{
    czi_sentry_end(m->w, s, code);
    s->result.position = m->position;
    s->result.fact = m->fact;
    s->result.lamport = m->w->now.lamport;
    s->result.time = m->w->now.id;
    s->next_ended = m->ended;
    m->ended = s;
}

/* ---- Resources ------------------------------------------------------------------------------
 */

/* The bytes of a data resource after the effect at `position`: what a later one under way has
 * replaced first, or what the resource has now. */
static struct czi_slice data_at(const cz_engine *g, uint32_t slot, uint64_t position)
{
    const struct czi_resource_name *n = czi_resource_name(&g->step.core.resources, slot);
    const struct czi_replaced *first = NULL;

    for (unsigned i = 0; i < CZI_BATCHES_IN_FLIGHT; i++) {
        const struct czi_buf *b = &g->step.all[i]->replaced;
        const struct czi_replaced *r = (const void *)b->data;

        for (size_t k = 0; k < b->len / sizeof *r; k++)
            if (r[k].slot == slot && r[k].position > position) {
                if (!first || r[k].position < first->position)
                    first = &r[k];
                break;
            }
    }
    return first ? (struct czi_slice){first->data, first->len}
                 : (struct czi_slice){n->data, n->data_len};
}

/* The bytes that an applied effect gave its i-th access, if it did; this is next to nothing
 * beside a search among all that others replace. */
static bool data_given(const struct czi_pending *p, unsigned i, bool created,
                       struct czi_slice *ret)
{
    struct czi_cbor c = czi_cbor(p->bytes + p->view.ops, p->view.ops_len);
    bool given = false;

    if (p->view.has_guest) /* which may have changed it behind any operation */
        return false;
    for (unsigned k = 0; k < p->view.op_count; k++) {
        struct czi_op op;

        czi_op_next(&c, &op);
        if (op.a != i || !(op.code == CZI_OP_WRITE || (op.code == CZI_OP_CREATE && created)))
            continue;
        *ret = op.data;
        given = true;
    }
    return given;
}

/* As the table has it now. */
static cz_resource describe(const struct czi_core *core, uint32_t slot)
{
    const struct czi_resource *x = czi_resource_at(&core->resources, slot);
    const struct czi_resource_name *n = czi_resource_name(&core->resources, slot);

    return (cz_resource){.id = *czi_id_table_id(&core->resources.ids, slot),
                         .creator = n->creator,
                         .controller = n->controller,
                         .label = n->label,
                         .asset =
                             czi_kind_has_data(x->kind) ? NULL : core->assets[x->asset].name,
                         .kind = (enum cz_kind)x->kind,
                         .state = (enum cz_state)x->state,
                         .quantity = x->quantity,
                         .version = x->version,
                         .position = x->position,
                         .lamport = x->lamport};
}

/* Whether a watch is true of r; its bytes are looked for when the first one wants them. */
static bool is_true(const struct moment *m, const struct czi_sentry *s, const cz_resource *r,
                    struct czi_slice *data)
{
    cz_resource whole;

    if (!s->with_data || !czi_kind_has_data(r->kind))
        return s->resource_is(s->arg, r);
    if (!data->data)
        *data = data_at(m->engine, s->watched->slot, r->position);
    whole = *r;
    whole.data = data->data;
    whole.data_len = data->len;
    return s->resource_is(s->arg, &whole);
}

/* A write of something watched. */
static void judge_write(struct moment *m, const struct czi_batch *b, const struct czi_entry *e,
                        unsigned i)
{
    const struct czi_core *core = &m->engine->step.core;
    const struct czi_post *post = &b->posts[e->posts + i];
    const struct czi_watched *x = czi_resource_at(&core->resources, post->slot)->watched;
    struct czi_slice data = {0};
    struct czi_sentry *next;
    cz_resource r;

    if (!x)
        return;
    r = describe(core, post->slot);
    r.quantity = czi_kind_has_data(post->kind) ? 0 : post->quantity;
    r.version = post->version;
    r.position = m->position;
    r.lamport = e->lamport;
    r.state = (enum cz_state)post->state;
    if (czi_kind_has_data(post->kind) && !data_given(e->pending, i, post->version == 1, &data))
        data.data = NULL;
    for (struct czi_sentry *s = x->list.first; s; s = next) {
        next = s->next;
        if (s->resource_is && !is_true(m, s, &r, &data))
            continue;
        s->result.version = r.version;
        end(m, s, CZ_OK);
    }
}

/* ---- Time -----------------------------------------------------------------------------------
 */

static void end_due(struct moment *m, struct czi_watcher *const *heap, uint64_t reached,
                    int code)
{
    while (*heap && (*heap)->key <= reached)
        end(m, ((struct czi_timer *)(void *)*heap)->sentry, code);
}

static void judge_maps(struct moment *m, struct czi_sentries *list)
{
    struct czi_sentry *next;

    for (struct czi_sentry *s = list->first; s; s = next) {
        next = s->next;
        if (!s->time_is || s->time_is(s->arg, &m->w->now))
            end(m, s, CZ_OK);
    }
}

static const struct czi_domain_time *time_of(const struct moment *m, uint32_t domain)
{
    struct czi_domain_info d;

    czi_book_domain_info(m->engine->step.core.book, domain, &d);
    return czi_time_map_find(&m->w->now.map,
                             (struct czi_slice){(const uint8_t *)d.name, strlen(d.name)});
}

/* The time map is another one since a domain's entry is. What becomes true with its deadline
 * has become true. */
static void judge_time(struct moment *m, uint32_t domain)
{
    struct czi_domain_watches *d = &m->w->domains[domain];
    const struct czi_domain_time *at = time_of(m, domain);

    if (!at)
        return;
    end_due(m, &d->heights, at->height, CZ_OK);
    judge_maps(m, &d->list);
    judge_maps(m, &m->w->time_map);
    end_due(m, &d->deadline_heights, at->height, CZ_TIMEOUT);
    end_due(m, &d->deadline_times, at->time, CZ_TIMEOUT);
}

/* ---- Beginning ------------------------------------------------------------------------------
 */

static void arm(struct czi_sentry *s, struct czi_watcher **heap, uint64_t key)
{
    struct czi_timer *t = &s->timers[s->timer_count++];

    t->node = (struct czi_watcher){.key = key};
    t->heap = heap;
    t->sentry = s;
    czi_watchers_add(heap, &t->node);
}

/* One that is not there yet gets a slot, as for those who wait for guards (park.c). */
static uint32_t find_slot(cz_engine *g, const cz_id *id)
{
    struct czi_resources *r = &g->step.core.resources;
    uint32_t slot = czi_id_table_find(&r->ids, id);

    if (slot != CZI_ID_NONE)
        return slot;
    czi_manager_lock(g);
    slot = czi_resources_add(r, id);
    czi_manager_unlock(g);
    return slot;
}

/* Batches under way may have written it before it was watched. Then what it was when the watch
 * begins is not known any more, but each state that comes is in one of them. */
static bool is_under_way(const struct moment *m, const struct czi_resource *r)
{
    for (unsigned i = 0; r->position > m->w->position && i < CZI_BATCHES_IN_FLIGHT; i++)
        m->engine->step.all[i]->watched = true;
    return r->position > m->w->position;
}

static bool is_true_now(const struct moment *m, struct czi_sentry *s,
                        const struct czi_resource *r)
{
    cz_resource now;
    struct czi_slice data = {0};

    if (is_under_way(m, r) || !r->position || !s->resource_is)
        return false;
    now = describe(&m->engine->step.core, s->watched->slot);
    s->result.version = now.version;
    return is_true(m, s, &now, &data);
}

static bool begin_resource(struct moment *m, struct czi_sentry *s)
{
    struct czi_resources *all = &m->engine->step.core.resources;
    uint32_t slot = find_slot(m->engine, &s->resource);
    struct czi_resource *r;

    if (slot == CZI_ID_NONE) {
        end(m, s, all->ids.count >= CZI_RESOURCES_MAX ? CZ_LIMIT : CZ_NOMEM);
        return false;
    }
    r = czi_resource_at(all, slot);
    if (r->watched) {
        czi_free(s->watched);
    } else {
        s->watched->slot = slot;
        r->watched = s->watched;
    }
    s->watched = r->watched;
    s->is_fresh = false;
    atomic_fetch_sub(&m->w->fresh_count, 1);
    czi_sentries_add(&s->watched->list, s);
    if (is_true_now(m, s, r)) {
        end(m, s, CZ_OK);
        return false;
    }
    s->result.version = 0;
    return true;
}

static bool begin_time(struct moment *m, struct czi_sentry *s)
{
    struct czi_watches *w = m->w;
    const struct czi_domain_time *at;
    bool is_now = s->time_is && s->time_is(s->arg, &w->now);

    s->is_fresh = false;
    atomic_fetch_sub(&w->fresh_count, 1);
    if (s->domain != CZI_ID_NONE && s->height) {
        at = time_of(m, s->domain);
        is_now = at && at->height >= s->height;
        arm(s, &w->domains[s->domain].heights, s->height);
    } else {
        czi_sentries_add(s->domain == CZI_ID_NONE ? &w->time_map : &w->domains[s->domain].list,
                         s);
    }
    if (is_now)
        end(m, s, CZ_OK);
    return !is_now;
}

/* It did not end at once: until when, if that has not come already. */
static void begin_deadlines(struct moment *m, struct czi_sentry *s)
{
    const struct czi_domain_time *at =
        s->deadline_domain == CZI_ID_NONE ? NULL : time_of(m, s->deadline_domain);
    struct czi_domain_watches *d = NULL;

    if ((s->deadline_lamport && m->w->now.lamport >= s->deadline_lamport) ||
        (s->deadline_time && at && at->time >= s->deadline_time) ||
        (s->deadline_height && at && at->height >= s->deadline_height)) {
        end(m, s, CZ_TIMEOUT);
        return;
    }
    if (s->deadline_domain != CZI_ID_NONE)
        d = &m->w->domains[s->deadline_domain];
    if (s->deadline_time)
        arm(s, &d->deadline_times, s->deadline_time);
    if (s->deadline_height)
        arm(s, &d->deadline_heights, s->deadline_height);
    if (s->deadline_lamport)
        arm(s, &m->w->lamport, s->deadline_lamport);
}

/* With the lock: forgets resources that nobody watches. */
static void tidy(struct czi_watches *w, const struct czi_core *core)
{
    struct czi_watched *x;

    atomic_store(&w->untidy, false);
    while ((x = w->idle) != NULL) {
        w->idle = x->next_idle;
        x->idle = false;
        if (x->list.first)
            continue;
        czi_resource_at(&core->resources, x->slot)->watched = NULL;
        czi_free(x);
    }
}

/* With the lock: whether each of a batch's entries must be looked at. */
static bool must_look(struct czi_watches *w, const struct czi_batch *b)
{
    w->lamport_next = w->lamport ? w->lamport->key : UINT64_MAX;
    return b &&
           (b->watched || (w->of_time && b->time_count > 1) || b->lamport >= w->lamport_next);
}

/* Those that were made begin; returns those that ended at once. Any that callbacks make then
 * begin the next time: who watches what is true already, again and again, does not stop the
 * engine. */
static struct czi_sentry *begin_fresh(cz_engine *g, const struct czi_batch *b)
{
    struct czi_watches *w = &g->watches;
    struct moment m = moment(g);
    struct czi_sentry *s;

    czi_mutex_lock(w->lock);
    while ((s = w->fresh.first) != NULL) {
        czi_sentries_remove(s);
        if (s->watched ? begin_resource(&m, s) : begin_time(&m, s))
            begin_deadlines(&m, s);
    }
    tidy(w, &g->step.core);
    w->looking = must_look(w, b);
    czi_mutex_unlock(w->lock);
    return m.ended;
}

void czi_watches_begin(cz_engine *g)
{
    if (CZI_UNLIKELY(atomic_load(&g->watches.fresh_count) != 0))
        czi_sentries_tell(begin_fresh(g, NULL));
}

/* ---- Batches --------------------------------------------------------------------------------
 */

static void move_on(cz_engine *g, const struct czi_batch *b, const struct czi_entry *e)
{
    struct czi_watches *w = &g->watches;
    const struct czi_time_move *move =
        (const struct czi_time_move *)(const void *)b->moves.data;
    struct czi_domain_info d;

    czi_book_domain_info(g->step.core.book, move[w->moved].domain, &d);
    w->failed |=
        czi_time_map_advance(&w->now.map,
                             (struct czi_slice){(const uint8_t *)d.name, strlen(d.name)},
                             &move[w->moved].at, NULL, NULL) != CZ_OK;
    w->moved = e->from;
    w->now.id = b->times[e->from];
}

/* One more is acknowledged; true: it moved the time map. */
static bool take_entry(cz_engine *g, const struct czi_batch *b)
{
    struct czi_watches *w = &g->watches;
    const struct czi_entry *e = &b->entries[w->at++];

    if (e->status == CZI_ENTRY_EFFECT) {
        w->position = b->first_position + e->number;
        w->now.lamport = CZI_MAX(w->now.lamport, e->lamport);
    }
    if (e->status != CZI_ENTRY_ITEM)
        return false;
    w->facts++;
    if (e->from == w->moved)
        return false;
    move_on(g, b, e);
    return true;
}

void czi_watches_batch(cz_engine *g, const struct czi_batch *b)
{
    struct czi_watches *w = &g->watches;

    w->at = w->moved = 0;
    w->looking = false;
    if (CZI_LIKELY(atomic_load_explicit(&w->count, memory_order_relaxed) == 0))
        return;
    czi_mutex_lock(w->lock);
    w->looking = must_look(w, b);
    czi_mutex_unlock(w->lock);
}

int czi_watches_batch_done(cz_engine *g, struct czi_batch *b, cz_error *err)
{
    struct czi_watches *w = &g->watches;

    while (b->fact_count && w->at < b->entry_count)
        (void)take_entry(g, b);
    w->position = b->first_position + b->position_count - 1;
    w->now.lamport = b->lamport;
    czi_watches_begin(g);
    w->looking = false;
    czi_replaced_done(b); /* nobody asks for what was before this any more */
    if (CZI_UNLIKELY(atomic_load_explicit(&w->untidy, memory_order_relaxed))) {
        czi_mutex_lock(w->lock);
        tidy(w, &g->step.core);
        czi_mutex_unlock(w->lock);
    }
    return w->failed ? czi_nomem(err, "the time map that is acknowledged") : CZ_OK;
}

/* Whether an effect wrote something that is watched. */
static bool is_watched(const cz_engine *g, const struct czi_batch *b, const struct czi_entry *e)
{
    bool watched = false;

    for (unsigned i = 0; i < e->post_count && !watched; i++) {
        const struct czi_post *p = &b->posts[e->posts + i];

        watched = p->written && czi_resource_at(&g->step.core.resources, p->slot)->watched;
    }
    return watched;
}

static struct czi_sentry *judge(cz_engine *g, const struct czi_batch *b,
                                const struct czi_entry *e, bool wrote, bool moved,
                                struct czi_sentry *ended)
{
    struct czi_watches *w = &g->watches;
    struct moment m = moment(g);

    m.ended = ended;
    czi_mutex_lock(w->lock);
    if (e->status == CZI_ENTRY_EFFECT)
        m.position = w->position;
    else
        m.fact = w->facts;
    for (unsigned i = 0; wrote && i < e->post_count; i++)
        if (b->posts[e->posts + i].written)
            judge_write(&m, b, e, i);
    if (moved && !w->failed)
        judge_time(&m, e->origin);
    end_due(&m, &w->lamport, w->now.lamport, CZ_TIMEOUT);
    w->lamport_next = w->lamport ? w->lamport->key : UINT64_MAX;
    czi_mutex_unlock(w->lock);
    return m.ended;
}

void czi_watches_entry(cz_engine *g, struct czi_batch *b, uint32_t k)
{
    struct czi_watches *w = &g->watches;
    const struct czi_entry *e = &b->entries[k];
    struct czi_sentry *ended = NULL;
    bool wrote, moved;

    while (w->at < k)
        (void)take_entry(g, b);
    if (atomic_load(&w->fresh_count))
        czi_sentries_tell(begin_fresh(g, b));
    /* What those callbacks made begins before this entry too; who ends at once is told later.
     */
    if (atomic_load(&w->fresh_count))
        ended = begin_fresh(g, b);
    moved = take_entry(g, b);
    wrote = b->watched && e->status == CZI_ENTRY_EFFECT && !e->reason && is_watched(g, b, e);
    if (w->looking && (wrote || moved || w->now.lamport >= w->lamport_next))
        ended = judge(g, b, e, wrote, moved, ended);
    czi_sentries_tell(ended);
}

/* ---- Life -----------------------------------------------------------------------------------
 */

int czi_watches_init(cz_engine *g, cz_error *err)
{
    const struct czi_core *core = &g->step.core;
    struct czi_watches *w = &g->watches;

    w->lock = czi_mutex_new();
    w->domains = czi_alloc_zero(CZI_DOMAINS_MAX, sizeof *w->domains);
    if (!w->lock || !w->domains)
        return czi_nomem(err, "watches");
    w->closed = g->options.read_only;
    w->position = core->positions;
    w->facts = g->manager.items = czi_book_count(core->book);
    w->now.lamport = core->lamport;
    w->now.id = *czi_book_time_id(core->book);
    return czi_time_map_copy(czi_book_time(core->book), &w->now.map, err);
}

void czi_watches_done(struct czi_watches *w)
{
    struct czi_watched *x;

    while ((x = w->idle) != NULL) {
        w->idle = x->next_idle;
        czi_free(x);
    }
    czi_time_map_done(&w->now.map);
    czi_free(w->table);
    czi_free(w->domains);
    czi_mutex_free(w->lock);
}
