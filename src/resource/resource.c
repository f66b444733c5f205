/* resource.c - see resource.h. */
#include "resource/resource.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "codec/cid.h"
#include "codec/dag_cbor.h"

#include <stdlib.h>

#define CHUNKS_MAX (CZI_RESOURCES_MAX / CZI_RESOURCE_CHUNK)

const char *cz_kind_name(int kind)
{
    static const char *const names[] = {
#define CZI_NAME(name, value, text) [value] = text,
        CZ_KINDS(CZI_NAME)
#undef CZI_NAME
    };

    return kind >= 0 && (size_t)kind < CZI_COUNTOF(names) ? names[kind] : "unknown";
}

const char *cz_state_name(int state)
{
    static const char *const names[] = {
#define CZI_NAME(name, value, text) [value] = text,
        CZ_STATES(CZI_NAME)
#undef CZI_NAME
    };

    return state >= 0 && (size_t)state < CZI_COUNTOF(names) ? names[state] : "unknown";
}

size_t czi_identity_encode(uint8_t *out, const void *creator, struct czi_slice label)
{
    uint8_t *p = czi_cbor_put_array(out, 3);

    p = czi_cbor_put_uint(p, CZI_TAG_RESOURCE);
    p = czi_cbor_put_bytes(p, creator, sizeof(cz_id));
    p = czi_cbor_put_text(p, (const char *)label.data, label.len);
    return (size_t)(p - out);
}

cz_id czi_identity_id(const void *creator, struct czi_slice label)
{
    uint8_t bytes[CZI_IDENTITY_SIZE_MAX];
    cz_id id;

    CZI_CHECK(label.len <= CZI_LABEL_SIZE_MAX);
    czi_blake3(bytes, czi_identity_encode(bytes, creator, label), id.bytes);
    return id;
}

void czi_code_label(const cz_id *hash, char out[CZI_CODE_LABEL_SIZE])
{
    memcpy(out, "code:", 5);
    cz_id_print(hash, out + 5);
}

cz_id czi_code_identity(const cz_id *hash)
{
    static const cz_id nobody;
    char label[CZI_CODE_LABEL_SIZE];

    czi_code_label(hash, label);
    return czi_identity_id(&nobody, (struct czi_slice){(const uint8_t *)label, strlen(label)});
}

cz_id cz_operator(void)
{
    static const cz_id nobody;

    return czi_identity_id(&nobody, (struct czi_slice){(const uint8_t *)"operator", 8});
}

int cz_resource_id(const cz_id *creator, const char *label, cz_id *ret, cz_error *err)
{
    struct czi_slice s = {(const uint8_t *)label, strlen(label)};
    const char *problem = czi_label_problem(s);

    if (problem)
        return czi_fail(err, s.len > CZI_LABEL_SIZE_MAX ? CZ_LIMIT : CZ_INVALID, "label: %s",
                        problem);
    *ret = czi_identity_id(creator, s);
    return CZ_OK;
}

const char *czi_label_problem(struct czi_slice label)
{
    cz_id id;
    char text[CZ_ID_TEXT_SIZE];
    uint8_t cbor[CZI_LABEL_SIZE_MAX + CZI_CBOR_HEAD_SIZE_MAX];
    struct czi_cbor c;

    if (label.len == 0)
        return "is empty";
    if (label.len > CZI_LABEL_SIZE_MAX)
        return "is longer than 128 bytes";
    for (size_t i = 0; i < label.len; i++)
        if (label.data[i] < 0x20 || label.data[i] == 0x7f)
            return "has a control character";
    c = czi_cbor(cbor,
                 (size_t)(czi_cbor_put_text(cbor, (const char *)label.data, label.len) - cbor));
    (void)czi_cbor_text(&c);
    if (c.what)
        return "is not UTF-8";
    if (label.len == CZ_ID_TEXT_SIZE - 1) {
        memcpy(text, label.data, label.len);
        text[label.len] = 0;
        if (cz_id_parse(text, &id, NULL) == CZ_OK)
            return "is the text of an id";
    }
    return NULL;
}

bool czi_state_move(uint8_t *state, enum czi_move move)
{
    enum { NO = 255 };
    static const uint8_t to[][5] = {
        /*                   active        locked       frozen       consumed archived */
        [CZI_MOVE_LOCK] = {CZ_LOCKED, NO, NO, NO, NO},
        [CZI_MOVE_UNLOCK] = {NO, CZ_ACTIVE, NO, NO, NO},
        [CZI_MOVE_FREEZE] = {CZ_FROZEN, NO, NO, NO, NO},
        [CZI_MOVE_UNFREEZE] = {NO, NO, CZ_ACTIVE, NO, NO},
        [CZI_MOVE_CONSUME] = {CZ_CONSUMED, CZ_CONSUMED, NO, NO, NO},
        [CZI_MOVE_ARCHIVE] = {CZ_ARCHIVED, NO, CZ_ARCHIVED, NO, NO},
    };

    if (to[move][*state] == NO)
        return false;
    *state = to[move][*state];
    return true;
}

static void drop_chunk(const struct czi_resources *r, void *chunk, size_t size)
{
    if (chunk && r->source)
        r->source->give(chunk, size * CZI_RESOURCE_CHUNK);
    else
        czi_free(chunk);
}

void czi_resources_done(struct czi_resources *r)
{
    for (uint32_t slot = 0; slot < r->ids.count; slot++) {
        czi_free(czi_resource_name(r, slot)->label);
        czi_free(czi_resource_name(r, slot)->data);
    }
    for (uint32_t i = 0; i < CHUNKS_MAX && r->hot && r->names && r->heads; i++) {
        drop_chunk(r, r->hot[i], sizeof **r->hot);
        drop_chunk(r, r->names[i], sizeof **r->names);
        drop_chunk(r, r->heads[i], sizeof **r->heads);
    }
    czi_free(r->hot);
    czi_free(r->names);
    czi_free(r->heads);
    czi_free(r->dirty);
    czi_id_table_done(&r->ids);
    *r = (struct czi_resources){0};
}

static bool add_chunk(const struct czi_resources *r, void **chunk, size_t size)
{
    if (*chunk)
        return true;
    size *= CZI_RESOURCE_CHUNK;
    if (r->source) {
        *chunk = r->source->take(size);
    } else {
        *chunk = czi_alloc_aligned(size);
        if (*chunk)
            memset(*chunk, 0, size);
    }
    return *chunk != NULL;
}

/* The arrays of chunks have their full length from the start: the sealing stage reads them
 * while new chunks are added. */
static bool make_directory(struct czi_resources *r)
{
    if (!r->hot)
        r->hot = czi_alloc_zero(CHUNKS_MAX, sizeof *r->hot);
    if (!r->names)
        r->names = czi_alloc_zero(CHUNKS_MAX, sizeof *r->names);
    if (!r->heads)
        r->heads = czi_alloc_zero(CHUNKS_MAX, sizeof *r->heads);
    return r->hot && r->names && r->heads;
}

static bool make_room(struct czi_resources *r, uint32_t slot)
{
    uint32_t chunk = slot >> CZI_RESOURCE_CHUNK_BITS;

    if (!make_directory(r))
        return false;
    if (slot >= r->dirty_room) {
        uint32_t room = CZI_MAX(4096u, r->dirty_room * 2);
        uint32_t *fresh = czi_realloc(r->dirty, room * sizeof *fresh);

        if (!fresh)
            return false;
        r->dirty = fresh;
        r->dirty_room = room;
    }
    return add_chunk(r, (void **)&r->hot[chunk], sizeof **r->hot) &&
           add_chunk(r, (void **)&r->names[chunk], sizeof **r->names) &&
           add_chunk(r, (void **)&r->heads[chunk], sizeof **r->heads);
}

uint32_t czi_resources_add(struct czi_resources *r, const cz_id *id)
{
    if (r->ids.count >= CZI_RESOURCES_MAX || !make_room(r, r->ids.count))
        return CZI_ID_NONE;
    return czi_id_table_insert(&r->ids, id);
}

bool czi_resource_set_data(struct czi_resource_name *n, struct czi_slice data,
                           const cz_id *hash)
{
    uint8_t *copy = czi_alloc(data.len);

    if (!copy)
        return false;
    if (data.len)
        memcpy(copy, data.data, data.len);
    czi_free(n->data);
    n->data = copy;
    n->data_len = (uint32_t)data.len;
    n->data_hash = *hash;
    return true;
}

static int compare_slots(const void *a, const void *b, void *arg)
{
    const struct czi_resources *r = arg;

    return memcmp(czi_id_table_id(&r->ids, *(const uint32_t *)a),
                  czi_id_table_id(&r->ids, *(const uint32_t *)b), sizeof(cz_id));
}

uint32_t *czi_resources_sorted(const struct czi_resources *r, size_t *ret_count)
{
    uint32_t *slots = czi_alloc(r->ids.count * sizeof *slots);
    size_t n = 0;

    if (!slots)
        return NULL;
    for (uint32_t slot = 0; slot < r->ids.count; slot++)
        if (czi_resource_at(r, slot)->position)
            slots[n++] = slot;
    qsort_r(slots, n, sizeof *slots, compare_slots, (void *)(uintptr_t)r);
    *ret_count = n;
    return slots;
}

int czi_resources_root(const struct czi_resources *r, uint8_t ret[32], cz_error *err)
{
    size_t n;
    CZI_AUTOFREE uint32_t *slots = czi_resources_sorted(r, &n);
    struct czi_blake3 h;

    if (!slots)
        return czi_nomem(err, "the root's sorted list of resources");
    czi_blake3_init(&h);
    for (size_t i = 0; i < n; i++) {
        czi_blake3_update(&h, czi_id_table_id(&r->ids, slots[i]), sizeof(cz_id));
        czi_blake3_update(&h, czi_resource_head(r, slots[i])->node, 32);
    }
    czi_blake3_final(&h, ret);
    return CZ_OK;
}
