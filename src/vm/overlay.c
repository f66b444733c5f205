/* overlay.c - places, indexes and operations of a run; see overlay.h. */
#include "vm/overlay.h"

/* ---- Places and indexes -------------------------------------------------------------------
 */

unsigned czi_place_find(const struct czi_vm_manager *m, const uint8_t id[32])
{
    unsigned i = 0;

    while (i < m->place_count && !czi_id_equal(m->accesses[i].id, id))
        i++;
    return i;
}

unsigned czi_place_add(struct czi_vm_manager *m, const uint8_t id[32], bool writable,
                       const struct czi_found *found)
{
    unsigned i = m->place_count++;
    struct czi_access *a = &m->accesses[i];
    struct czi_place *p = &m->places[i];

    CZI_CHECK(i < CZI_PLACES_MAX);
    if (found)
        p->found = *found;
    else
        m->in.world->find(m->in.world->arg, id, &p->found);
    *a = (struct czi_access){.writable = writable};
    memcpy(a->id, id, sizeof a->id);
    p->now = (struct czi_now){.exists = p->found.exists};
    if (!p->found.exists)
        return i;
    a->found_position = p->found.position;
    p->now.quantity = p->found.quantity;
    p->now.controller = p->found.controller;
    p->now.asset = p->found.asset;
    p->now.data = p->found.data;
    p->now.kind = p->found.kind;
    p->now.state = p->found.state;
    return i;
}

void czi_index_map(struct czi_vm_manager *m, struct czi_frame *f, unsigned index,
                   struct czi_slice contents)
{
    static const uint8_t nothing[1];
    struct czi_index *x = &f->indexes[index];
    const struct czi_now *now = &m->places[x->place].now;

    if (x->is_mapped)
        czi_space_unmap(f->space, index);
    x->is_mapped = now->exists && czi_kind_has_data(now->kind);
    if (!contents.len)
        contents.data = nothing;
    if (x->is_mapped)
        czi_space_map(f->space, index, contents, x->writable && now->kind == CZ_DATA);
}

unsigned czi_index_add(struct czi_vm_manager *m, struct czi_frame *f, unsigned place,
                       bool writable, struct czi_slice contents)
{
    unsigned index = f->index_count++;

    CZI_CHECK(index < CZ_GUEST_WINDOWS_MAX);
    f->indexes[index] = (struct czi_index){.place = (uint8_t)place, .writable = writable};
    czi_index_map(m, f, index, contents);
    return index;
}

unsigned czi_index_find(const struct czi_frame *f, unsigned place)
{
    unsigned i = 0;

    while (i < f->index_count && f->indexes[i].place != place)
        i++;
    return i;
}

struct czi_slice czi_index_contents(const struct czi_vm_manager *m, const struct czi_frame *f,
                                    unsigned index)
{
    const struct czi_index *x = &f->indexes[index];

    return x->is_mapped ? czi_space_window(f->space, index) : m->places[x->place].now.data;
}

void czi_index_note(struct czi_vm_manager *m, struct czi_frame *f, unsigned index)
{
    const struct czi_index *x = &f->indexes[index];
    struct czi_access *a = &m->accesses[x->place];

    if (!x->is_mapped)
        return;
    if (czi_space_window_read(f->space, index)) {
        a->touched = a->read = true;
        a->loads += !a->loads;
    }
    if (czi_space_window_written(f->space, index)) {
        a->touched = true;
        m->places[x->place].now.written = true;
        a->stores += !a->stores;
    }
}

/* ---- Bytes that stay ----------------------------------------------------------------------
 */

/* len is at most CZI_DATA_SIZE_MAX, so that a chunk is at least three quarters full. */
uint8_t *czi_overlay_bytes(struct czi_vm_manager *m, size_t len, int *ret)
{
    struct czi_arena *a = &m->arena;
    uint8_t *bytes;

    CZI_CHECK(len <= CZI_DATA_SIZE_MAX);
    *ret = CZ_LIMIT;
    if (len > CZI_RUN_BYTES_MAX - a->used)
        return NULL;
    if (a->chunks[a->chunk] && len > CZI_ARENA_CHUNK - a->at) {
        a->chunk++;
        a->at = 0;
    }
    CZI_CHECK(a->chunk < CZI_ARENA_CHUNKS);
    *ret = CZ_NOMEM;
    if (!a->chunks[a->chunk])
        a->chunks[a->chunk] = czi_alloc(CZI_ARENA_CHUNK);
    if (!a->chunks[a->chunk]) {
        m->no_memory = true;
        return NULL;
    }
    bytes = a->chunks[a->chunk] + a->at;
    a->at += len;
    a->used += len;
    *ret = CZ_OK;
    return bytes;
}

/* ---- Operations ---------------------------------------------------------------------------
 */

bool czi_overlay_fits(const struct czi_vm_manager *m, unsigned n)
{
    return m->creation_count + m->op_count + n <= CZI_RUN_OPERATIONS_MAX;
}

struct czi_op *czi_overlay_op(struct czi_vm_manager *m, const struct czi_frame *f)
{
    CZI_CHECK(czi_overlay_fits(m, 1));
    m->op_actors[m->op_count] = f->code_id;
    return &m->ops[m->op_count++];
}

bool czi_overlay_is_loose(const struct czi_vm_manager *m, const struct czi_frame *f,
                          unsigned index)
{
    const struct czi_index *x = &f->indexes[index];
    const struct czi_now *now = &m->places[x->place].now;

    return x->is_mapped &&
           ((now->is_created && !now->is_filled) || czi_space_window_written(f->space, index));
}

int czi_overlay_keep(struct czi_vm_manager *m, struct czi_frame *f, unsigned index)
{
    struct czi_index *x = &f->indexes[index];
    struct czi_now *now = &m->places[x->place].now;
    struct czi_slice held = czi_space_window(f->space, index), kept = {NULL, held.len};
    bool fills = now->is_created && !now->is_filled;
    uint8_t *bytes;
    int rc;

    if (!fills && !czi_overlay_fits(m, 1))
        return CZ_LIMIT;
    bytes = czi_overlay_bytes(m, held.len, &rc);
    if (!bytes)
        return rc;
    if (held.len)
        memcpy(bytes, held.data, held.len);
    kept.data = bytes;
    czi_index_note(m, f, index);
    if (fills) {
        m->creations[now->creation].data = kept;
        now->is_filled = true;
    } else {
        *czi_overlay_op(m, f) =
            (struct czi_op){.code = CZI_OP_WRITE, .a = x->place, .data = kept};
    }
    now->data = kept;
    x->is_kept = true;
    czi_index_map(m, f, index, kept);
    return CZ_OK;
}

void czi_overlay_reset(struct czi_vm_manager *m)
{
    m->place_count = m->creation_count = m->op_count = 0;
    m->arena.chunk = 0;
    m->arena.at = m->arena.used = 0;
}

void czi_overlay_mark(const struct czi_vm_manager *m, struct czi_mark *ret)
{
    ret->places = m->place_count;
    ret->creations = m->creation_count;
    ret->ops = m->op_count;
    ret->messages = m->messages_len;
    ret->arena_chunk = m->arena.chunk;
    ret->arena_at = m->arena.at;
    ret->arena_used = m->arena.used;
    for (unsigned i = 0; i < m->place_count; i++)
        ret->now[i] = m->places[i].now;
}

void czi_overlay_undo(struct czi_vm_manager *m, const struct czi_mark *mark)
{
    m->creation_count = mark->creations;
    m->op_count = mark->ops;
    m->messages_len = mark->messages;
    m->arena.chunk = mark->arena_chunk;
    m->arena.at = mark->arena_at;
    m->arena.used = mark->arena_used;
    for (unsigned i = 0; i < mark->places; i++)
        m->places[i].now = mark->now[i];
    for (unsigned i = mark->places; i < m->place_count; i++)
        m->places[i].now.ran = false;
}
