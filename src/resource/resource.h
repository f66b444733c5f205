/* resource.h - the register model: kinds, lifecycle, identity and the table of all resources.
 *
 * Layer: resource. Thread: the engine's, except czi_head which belongs to the sealing stage.
 * A resource is addressed by a slot, a number that is stable while the engine runs but means
 * nothing outside it: ids, orders and hashes never depend on slots.
 *
 * What execution touches is one 64-byte line a resource; the rest (names, data, log heads)
 * lies elsewhere.
 */
#ifndef CZI_RESOURCE_H
#define CZI_RESOURCE_H

#include "base/bytes.h"
#include "base/id_table.h"
#include "base/limits.h"
#include "base/quantity.h"
#include "causality/causality.h"
#include "codec/tags.h"

/* The others have a quantity of an asset. */
static inline bool czi_kind_has_data(unsigned kind)
{
    return kind >= CZ_DATA;
}
#define CZI_KIND_LAST CZ_CODE

/* ---- Identity and names ----------------------------------------------------------------- */

/* Canonical bytes of a resource's identity; out holds CZI_IDENTITY_SIZE_MAX. */
#define CZI_IDENTITY_SIZE_MAX (1 + 1 + 34 + 3 + CZI_LABEL_SIZE_MAX)
size_t czi_identity_encode(uint8_t *out, const void *creator, struct czi_slice label);
cz_id czi_identity_id(const void *creator, struct czi_slice label);

/* Of a resource of kind code: it follows from the bytes, "code:" and the text of their hash as
 * an id, created by nobody. out holds CZI_CODE_LABEL_SIZE, with the terminating zero. */
#define CZI_CODE_LABEL_SIZE (5 + CZ_ID_TEXT_SIZE)
void czi_code_label(const cz_id *hash, char out[CZI_CODE_LABEL_SIZE]);
cz_id czi_code_identity(const cz_id *hash);

/* A label is 1 to 128 bytes of UTF-8 without control characters, and is not the text of an
 * id, so that either can be typed where a resource is named. Returns NULL, or what is wrong. */
const char *czi_label_problem(struct czi_slice label);

/* ---- Lifecycle -------------------------------------------------------------------------- */

/* opcode of effect.h (lock … archive) -> legal? from the state -> new state. */
enum czi_move {
    CZI_MOVE_LOCK,
    CZI_MOVE_UNLOCK,
    CZI_MOVE_FREEZE,
    CZI_MOVE_UNFREEZE,
    CZI_MOVE_CONSUME,
    CZI_MOVE_ARCHIVE,
};
/* False when the move is not legal from *state; *state is then unchanged. */
CZI_MUST_USE bool czi_state_move(uint8_t *state, enum czi_move move);

/* ---- The table -------------------------------------------------------------------------- */

struct czi_lock;
struct czi_shared_clock;
struct czi_watched;

struct czi_resource {
    cz_quantity quantity;
    uint64_t version;
    uint64_t position; /* last write; 0: never, the slot is reserved but not created */
    uint64_t lamport;
    uint32_t asset; /* number in the assets table; unused for data */
    uint8_t kind, state;
    bool dirty;      /* changed since the last checkpoint */
    bool controlled; /* its controller, as it was created, was an account, outbox or code */
    struct czi_lock *lock; /* who holds it or waits for it; NULL: nobody (engine/park.h) */
    struct czi_watched *watched; /* who is told of its states; NULL: nobody (engine/watch.h) */
};
_Static_assert(sizeof(struct czi_resource) == 64, "one cache line a resource");

/* What execution seldom needs. */
struct czi_resource_name {
    cz_id creator, controller;
    char *label;   /* owned, zero-terminated */
    uint8_t *data; /* owned */
    uint32_t data_len;
    cz_id data_hash;
    struct czi_shared_clock *clock; /* of the last program's effect that wrote it (cite.h) */
};

/* The log's newest node; owned by the sealing stage. */
struct czi_head {
    uint8_t node[32]; /* zero before the first */
    uint32_t batch;   /* stamp of the batch that depth belongs to */
    uint32_t depth;   /* entries of this log so far in that batch */
};

/* 2 MiB of lines that execution touches: one huge page, which saves most address translation
 * when accounts are many (measured at 1M: a third of the time). */
#define CZI_RESOURCE_CHUNK_BITS 15
#define CZI_RESOURCE_CHUNK (1u << CZI_RESOURCE_CHUNK_BITS)

/* Where chunks come from: zeroed memory, 64-byte aligned. Without one, the heap. */
struct czi_page_source {
    void *(*take)(size_t size); /* NULL when out of memory */
    void (*give)(void *pages, size_t size);
};

struct czi_resources {
    const struct czi_page_source *source; /* set before the first is added, or NULL */
    struct czi_id_table ids;              /* id -> slot */
    struct czi_resource **hot;
    struct czi_resource_name **names;
    struct czi_head **heads;
    uint32_t *dirty; /* slots changed since the last checkpoint */
    uint32_t dirty_count, dirty_room;
};

void czi_resources_done(struct czi_resources *r);

static inline struct czi_resource *czi_resource_at(const struct czi_resources *r, uint32_t slot)
{
    return &r->hot[slot >> CZI_RESOURCE_CHUNK_BITS][slot & (CZI_RESOURCE_CHUNK - 1)];
}
static inline struct czi_resource_name *czi_resource_name(const struct czi_resources *r,
                                                          uint32_t slot)
{
    return &r->names[slot >> CZI_RESOURCE_CHUNK_BITS][slot & (CZI_RESOURCE_CHUNK - 1)];
}
static inline struct czi_head *czi_resource_head(const struct czi_resources *r, uint32_t slot)
{
    return &r->heads[slot >> CZI_RESOURCE_CHUNK_BITS][slot & (CZI_RESOURCE_CHUNK - 1)];
}

/* A slot for an id that has none, all zero; CZI_ID_NONE when out of memory or full. Room for
 * it in the dirty list is made too, so that marking never fails. */
CZI_MUST_USE uint32_t czi_resources_add(struct czi_resources *r, const cz_id *id);

static inline void czi_resource_mark(struct czi_resources *r, struct czi_resource *x,
                                     uint32_t slot)
{
    if (CZI_UNLIKELY(!x->dirty)) {
        x->dirty = true;
        r->dirty[r->dirty_count++] = slot;
    }
}

/* Replaces a data resource's bytes and their hash. */
CZI_MUST_USE bool czi_resource_set_data(struct czi_resource_name *n, struct czi_slice data,
                                        const cz_id *hash);

/* Slots of created resources in ascending id order; NULL when out of memory. The caller frees.
 */
CZI_MUST_USE uint32_t *czi_resources_sorted(const struct czi_resources *r, size_t *ret_count);

/* BLAKE3 over id || head of all created resources, ascending by id. */
CZI_MUST_USE int czi_resources_root(const struct czi_resources *r, uint8_t ret[32],
                                    cz_error *err);

#endif
