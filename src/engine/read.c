/* read.c - questions about a store: resources, root, logs, receipts.
 *
 * Layer: engine. Threads: any. Each question waits until the engine rests (czi_read_begin), so
 * that it sees what is acknowledged and nothing else.
 */
#include "base/error.h"
#include "engine/engine.h"
#include "engine/guests.h"

#include <stdio.h>

static void describe(const struct czi_core *core, uint32_t slot, cz_resource *ret)
{
    const struct czi_resource *x = czi_resource_at(&core->resources, slot);
    const struct czi_resource_name *n = czi_resource_name(&core->resources, slot);

    *ret = (cz_resource){.id = *czi_id_table_id(&core->resources.ids, slot),
                         .creator = n->creator,
                         .controller = n->controller,
                         .label = n->label,
                         .kind = (enum cz_kind)x->kind,
                         .state = (enum cz_state)x->state,
                         .quantity = x->quantity,
                         .version = x->version,
                         .position = x->position,
                         .lamport = x->lamport};
    memcpy(ret->head.bytes, czi_resource_head(&core->resources, slot)->node, 32);
    if (czi_kind_has_data(x->kind)) {
        ret->data = n->data;
        ret->data_len = n->data_len;
    } else {
        ret->asset = core->assets[x->asset].name;
    }
}

static uint32_t find_slot(const struct czi_core *core, const cz_id *id, cz_error *err)
{
    uint32_t slot = czi_id_table_find(&core->resources.ids, id);
    char text[CZ_ID_TEXT_SIZE];

    if (slot != CZI_ID_NONE && czi_resource_at(&core->resources, slot)->position)
        return slot;
    cz_id_print(id, text);
    (void)czi_fail(err, CZ_NOT_FOUND, "no resource %s", text);
    return CZI_ID_NONE;
}

int cz_resource_get(cz_engine *g, const cz_id *id, cz_resource *ret, cz_error *err)
{
    uint32_t slot;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    slot = find_slot(&g->step.core, id, err);
    if (slot == CZI_ID_NONE)
        rc = CZ_NOT_FOUND;
    else
        describe(&g->step.core, slot, ret);
    czi_read_end(g);
    return rc;
}

int cz_resource_list(cz_engine *g, cz_resource_fn fn, void *arg, cz_error *err)
{
    uint32_t *slots;
    size_t n = 0;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    slots = czi_resources_sorted(&g->step.core.resources, &n);
    if (!slots)
        rc = czi_nomem(err, "the list of resources");
    for (size_t i = 0; i < n && !rc; i++) {
        cz_resource r;

        describe(&g->step.core, slots[i], &r);
        rc = fn(arg, &r);
    }
    czi_free(slots);
    czi_read_end(g);
    return rc;
}

int cz_root(cz_engine *g, uint8_t ret[32], cz_error *err)
{
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    rc = czi_resources_root(&g->step.core.resources, ret, err);
    czi_read_end(g);
    return rc;
}

int cz_stats_get(cz_engine *g, cz_stats *ret, cz_error *err)
{
    const struct czi_core *core = &g->step.core;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    *ret = core->guests ? core->guests->stats : (cz_stats){0};
    ret->positions = core->positions;
    ret->applied = core->applied;
    ret->rejected = core->rejected;
    ret->duplicates = core->duplicates;
    ret->facts = czi_book_count(core->book);
    ret->batches = core->batches;
    ret->resources = core->created;
    ret->journal_bytes = czi_ledger_size(g->ledger);
    czi_read_end(g);
    return CZ_OK;
}

cz_receipt czi_receipt_describe(const struct czi_record *rec, const cz_id *effect,
                                const cz_id *receipt, cz_post *posts)
{
    const struct czi_extra *x = rec->outcome.extra;
    cz_receipt r = {.id = *receipt,
                    .effect = *effect,
                    .position = rec->outcome.position,
                    .lamport = rec->outcome.lamport,
                    .reason = (enum cz_reason)rec->outcome.reason,
                    .posts = posts,
                    .effect_bytes = rec->bytes.data,
                    .effect_len = rec->bytes.len};

    if (rec->outcome.time)
        memcpy(&r.time, rec->outcome.time, sizeof r.time);
    if (x && x->clock) {
        r.clock = x->clock->parts;
        r.clock_count = x->clock->count;
    }
    r.run = x ? x->run : NULL;
    if (r.reason)
        return r;
    r.post_count = rec->outcome.post_count;
    for (unsigned i = 0; i < r.post_count; i++) {
        const struct czi_post *p = &rec->outcome.posts[i];

        posts[i] = (cz_post){.mode = p->written ? CZ_WRITE : CZ_READ,
                             .version = p->version,
                             .state = (enum cz_state)p->state,
                             .kind = (enum cz_kind)p->kind};
        memcpy(&posts[i].resource, czi_effect_access_id(rec->bytes.data, &rec->view, i),
               sizeof(cz_id));
        if (p->written && czi_kind_has_data(p->kind))
            memcpy(&posts[i].data_hash, p->data_hash, sizeof(cz_id));
        else
            posts[i].quantity = p->quantity;
    }
    return r;
}

struct visit {
    cz_receipt_fn fn;
    void *arg;
};

static int visit(void *arg, const struct czi_finder *f)
{
    const struct visit *v = arg;
    cz_post posts[CZI_ACCESSES_MAX];
    cz_receipt r = czi_receipt_describe(&f->record, &f->effect, &f->receipt, posts);

    return v->fn(v->arg, &r);
}

/* Back through the frames first, to learn which hold entries, then forward through those. */
static int walk_log(cz_engine *g, const cz_id *resource, uint64_t position, struct visit *v,
                    cz_error *err)
{
    CZI_AUTOBUF newest = {0}; /* per frame its last entry, newest frame first */
    uint64_t previous = 0;
    int rc = CZ_OK;

    while (position && !rc) {
        czi_buf_put(&newest, &position, sizeof position);
        rc = czi_find_log(&g->reader, resource, position, NULL, NULL, &previous, err);
        position = previous;
    }
    if (!rc && newest.failed)
        rc = czi_nomem(err, "a log's positions");
    for (size_t i = newest.len / sizeof position; i-- > 0 && !rc;) {
        memcpy(&position, newest.data + i * sizeof position, sizeof position);
        rc = czi_find_log(&g->reader, resource, position, visit, v, &previous, err);
    }
    return rc;
}

int cz_log(cz_engine *g, const cz_id *resource, cz_receipt_fn fn, void *arg, cz_error *err)
{
    struct visit v = {fn, arg};
    uint32_t slot;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    slot = find_slot(&g->step.core, resource, err);
    rc = slot == CZI_ID_NONE
             ? CZ_NOT_FOUND
             : walk_log(g, resource, czi_resource_at(&g->step.core.resources, slot)->position,
                        &v, err);
    czi_read_end(g);
    return rc;
}

int cz_receipt_get(cz_engine *g, const cz_id *effect, cz_receipt_fn fn, void *arg,
                   cz_error *err)
{
    struct visit v = {fn, arg};
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    rc = czi_find_effect(&g->reader, effect, err);
    if (!rc)
        rc = visit(&v, &g->reader);
    czi_read_end(g);
    return rc;
}

#define CZI_TEXT2(x) #x
#define CZI_TEXT(x) CZI_TEXT2(x)

const char *cz_version(void)
{
    return CZI_TEXT(CZ_VERSION_MAJOR) "." CZI_TEXT(CZ_VERSION_MINOR) "." CZI_TEXT(
        CZ_VERSION_PATCH);
}
