/* guest_world.c - what a guest sees of the state; see guests.h. */
#include "base/error.h"
#include "engine/guests.h"

#include <string.h>

/* ---- Resources -----------------------------------------------------------------------------
 */

static void describe(const struct czi_resource *x, struct czi_found *ret)
{
    ret->exists = true;
    ret->kind = x->kind;
    ret->state = x->state;
    ret->is_controlled = x->controlled;
    ret->version = x->version;
    ret->position = x->position;
    ret->quantity = czi_kind_has_data(x->kind) ? 0 : x->quantity;
}

static void found_work(const struct general *g, const struct work *w, struct czi_found *ret)
{
    describe(&w->now, ret);
    memcpy(ret->controller, czi_work_controller(g, w), sizeof ret->controller);
    if (czi_kind_has_data(w->now.kind))
        ret->data = czi_work_data(g, w);
    else
        ret->asset = czi_work_asset(g, w);
}

static void found_slot(const struct czi_core *core, uint32_t slot, struct czi_found *ret)
{
    const struct czi_resource *x = czi_resource_at(&core->resources, slot);
    const struct czi_resource_name *n = czi_resource_name(&core->resources, slot);
    const char *asset;

    describe(x, ret);
    memcpy(ret->controller, n->controller.bytes, sizeof ret->controller);
    if (czi_kind_has_data(x->kind)) {
        ret->data = (struct czi_slice){n->data, n->data_len};
        return;
    }
    asset = core->assets[x->asset].name;
    ret->asset = (struct czi_slice){(const uint8_t *)asset, strlen(asset)};
}

/* *ret_work: the effect's copy, if it declares it. CZI_ID_NONE: it is not in the state. */
static uint32_t look_up(const struct czi_sight *s, const uint8_t *id, struct work **ret_work)
{
    uint32_t slot;

    *ret_work = s->g ? czi_work_find(s->g, id) : NULL;
    if (*ret_work)
        return CZI_ID_NONE;
    slot = czi_id_table_find(&s->core->resources.ids, id);
    return slot != CZI_ID_NONE && czi_resource_at(&s->core->resources, slot)->position
               ? slot
               : CZI_ID_NONE;
}

static void find(void *arg, const uint8_t id[32], struct czi_found *ret)
{
    const struct czi_sight *s = arg;
    struct work *w;
    uint32_t slot = look_up(s, id, &w);

    *ret = (struct czi_found){0};
    if (w && w->exists)
        found_work(s->g, w, ret);
    else if (slot != CZI_ID_NONE)
        found_slot(s->core, slot, ret);
}

static struct czi_code *find_code(void *arg, const uint8_t id[32])
{
    struct czi_sight *s = arg;
    struct czi_found found;
    struct czi_code *code = NULL;
    struct work *w;
    int rc;

    (void)look_up(s, id, &w);
    find(s, id, &found);
    if (!found.exists || found.kind != CZ_CODE)
        return NULL;
    rc = w && w->created ? czi_guests_fresh(s->g, w, &code)
                         : czi_codes_get(&s->core->guests->codes, id, found.data, &code);
    s->no_memory |= rc == CZ_NOMEM;
    return code;
}

/* ---- The outside ---------------------------------------------------------------------------
 */

/* Of an item that the batch at hand recorded. */
static int from_batch(const struct czi_batch *b, const cz_id *id, struct czi_buf *ret)
{
    uint32_t i = 0;

    while (!b->entries[i].pending->is_item ||
           !czi_id_equal(&b->entries[i].pending->item_id, id)) {
        i++;
        CZI_CHECK(i < b->entry_count);
    }
    czi_buf_put(ret, b->entries[i].pending->bytes, b->entries[i].pending->len);
    return ret->failed ? CZ_NOMEM : CZ_OK;
}

static int from_elsewhere(struct czi_core *core, uint32_t number, struct czi_buf *ret)
{
    int rc = core->item_bytes
                 ? core->item_bytes(core->item_bytes_arg, number, ret, &core->why)
                 : czi_fail(&core->why, CZ_UNSUPPORTED, "facts of guests cannot be read here");

    if (rc && rc != CZ_NOMEM)
        core->failed = rc;
    return rc;
}

/* The bytes of a cited fact, from wherever they lie; NULL: they cannot be had, and the core has
 * failed. */
static const struct czi_buf *fact_bytes(struct czi_sight *s, unsigned i, uint32_t number)
{
    struct czi_guests *guests = s->core->guests;
    struct czi_buf *b = &guests->facts[i];
    int rc;

    if (guests->facts_read >> i & 1)
        return b;
    b->len = 0;
    b->failed = false;
    rc = s->g->batch && number >= s->g->batch->facts_before
             ? from_batch(s->g->batch, czi_book_id(s->core->book, number), b)
             : from_elsewhere(s->core, number, b);
    if (rc)
        return NULL;
    guests->facts_read |= UINT64_C(1) << i;
    return b;
}

static bool fact(void *arg, unsigned i, struct czi_slice *ret_bytes, cz_id *ret_id,
                 unsigned *ret_finality, uint64_t *ret_number)
{
    struct czi_sight *s = arg;
    const struct czi_citing *c = s->g ? &s->g->citing : NULL;
    const struct czi_buf *bytes;
    uint64_t depth;
    uint32_t n;

    s->needs_turn |= !c;
    if (!c || i >= c->fact_count || !(c->holds >> i & 1))
        return false;
    memcpy(ret_id, c->facts[i].fact, sizeof *ret_id);
    n = czi_book_find(s->core->book, ret_id);
    CZI_CHECK(n != CZI_ID_NONE);
    bytes = fact_bytes(s, i, n);
    s->no_memory |= !bytes;
    if (!bytes)
        return false;
    *ret_bytes = czi_buf_slice(bytes);
    *ret_finality = czi_book_finality(s->core->book, n, &depth);
    *ret_number = (uint64_t)n + 1;
    return true;
}

static bool time_of(void *arg, struct czi_slice domain, struct cz_guest_time *ret)
{
    struct czi_sight *s = arg;
    const struct czi_domain_time *at = czi_time_map_find(czi_book_time(s->core->book), domain);

    s->asked_book = true;
    if (!at)
        return false;
    ret->height = at->height;
    ret->time = at->time;
    memcpy(ret->hash, at->hash, sizeof ret->hash);
    return true;
}

void czi_sight_init(struct czi_sight *s, struct czi_core *core, struct general *g,
                    const struct czi_pending *p)
{
    *s = (struct czi_sight){.core = core, .g = g, .pending = p};
    s->world = (struct czi_world){.arg = s,
                                  .find = find,
                                  .code = find_code,
                                  .fact = fact,
                                  .time = time_of,
                                  .origin = czi_effect_origin(p->bytes),
                                  .signer_count = p->view.signature_count,
                                  .key_stride = CZI_SIGNER_SIZE};
    if (p->view.signature_count)
        s->world.signers = czi_effect_signer(p->bytes, p->len, &p->view, 0);
}
