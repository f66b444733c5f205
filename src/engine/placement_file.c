/* placement_file.c - the file PLACEMENT, and an index that is written by it.
 *
 * Layer: engine. Thread: the one that opens a store.
 *
 * The file: "causality placement 1\n", u32 number of resources, for each, ascending by id, 32
 * bytes id and u16 group (from 1), then BLAKE3 of all that. Numbers are little-endian.
 */
#include "engine/placement.h"

#include "base/error.h"
#include "base/limits.h"
#include "codec/blake3.h"
#include "engine/core.h"
#include "ledger/checkpoint.h"

#include <stdlib.h>

#define FILE_NAME "PLACEMENT"
#define ENTRY_SIZE 34u
#define HASH_SIZE 32u
static const char magic[] = "causality placement 1\n";
#define HEAD_SIZE (sizeof magic - 1 + 4)
#define AGAIN "`causality placement apply` writes it again"

int czi_placement_add(struct czi_placement *p, const cz_id *id, uint16_t group, cz_error *err)
{
    if (p->ids.count == p->room) {
        uint32_t room = p->room ? 2 * p->room : 64;
        uint16_t *groups = czi_realloc(p->groups, room * sizeof *groups);

        if (!groups)
            return czi_nomem(err, "the placement");
        p->groups = groups;
        p->room = room;
    }
    if (czi_id_table_insert(&p->ids, id) == CZI_ID_NONE)
        return czi_nomem(err, "the placement");
    p->groups[p->ids.count - 1] = group;
    return CZ_OK;
}

void czi_placement_done(struct czi_placement *p)
{
    czi_id_table_done(&p->ids);
    czi_free(p->groups);
    *p = (struct czi_placement){0};
}

void czi_placement_free(struct czi_placement *p)
{
    if (p)
        czi_placement_done(p);
    czi_free(p);
}

/* ---- Reading ------------------------------------------------------------------------------
 */

/* The whole file, in memory of the caller's; NULL: there is none. */
static int load_file(struct czi_fs *fs, uint8_t **ret, size_t *ret_len, cz_error *err)
{
    struct czi_file *f;
    uint64_t size;
    uint8_t *data = NULL;
    int rc = fs->ops->open(fs, FILE_NAME, CZI_OPEN_READ, &f, err);

    *ret = NULL;
    if (rc)
        return rc == CZ_NOT_FOUND ? CZ_OK : rc;
    rc = fs->ops->size(f, &size, err);
    if (!rc &&
        size > HEAD_SIZE + (uint64_t)CZI_PLACEMENT_RESOURCES_MAX * ENTRY_SIZE + HASH_SIZE)
        rc = czi_fail(err, CZ_CORRUPT, FILE_NAME " is too long; " AGAIN);
    if (!rc) {
        data = czi_alloc((size_t)size + 1);
        rc = data ? fs->ops->read(f, 0, data, (size_t)size, ret_len, err)
                  : czi_nomem(err, FILE_NAME);
    }
    fs->ops->close(f);
    if (rc)
        czi_free(data);
    else
        *ret = data;
    return rc;
}

static int parse(struct czi_slice file, struct czi_placement *ret, cz_error *err)
{
    uint8_t hash[HASH_SIZE];
    const uint8_t *at = file.data + sizeof magic - 1, *before = NULL;
    uint32_t count;

    if (file.len < HEAD_SIZE + HASH_SIZE || memcmp(file.data, magic, sizeof magic - 1) != 0)
        return czi_fail(err, CZ_CORRUPT, FILE_NAME " is no placement; " AGAIN);
    czi_blake3(file.data, file.len - HASH_SIZE, hash);
    count = czi_get_u32le(at);
    if (memcmp(hash, file.data + file.len - HASH_SIZE, HASH_SIZE) != 0 ||
        file.len != HEAD_SIZE + (size_t)count * ENTRY_SIZE + HASH_SIZE)
        return czi_fail(err, CZ_CORRUPT, FILE_NAME " does not match its hash; " AGAIN);
    at += 4;
    for (uint32_t i = 0; i < count; i++, before = at, at += ENTRY_SIZE) {
        uint16_t group = (uint16_t)(at[32] | at[33] << 8);
        cz_id id;
        int rc;

        memcpy(&id, at, sizeof id);
        if (!group || (before && memcmp(before, at, sizeof id) >= 0))
            return czi_fail(err, CZ_CORRUPT, FILE_NAME " is not in order; " AGAIN);
        rc = czi_placement_add(ret, &id, group, err);
        if (rc)
            return rc;
    }
    if (count) /* no groups at all are those of a store without the file */
        memcpy(ret->hash, hash, sizeof ret->hash);
    return CZ_OK;
}

int czi_placement_read(struct czi_fs *fs, struct czi_placement *ret, cz_error *err)
{
    uint8_t *data;
    size_t len = 0;
    int rc = load_file(fs, &data, &len, err);

    if (rc || !data)
        return rc;
    rc = parse((struct czi_slice){data, len}, ret, err);
    if (rc)
        czi_placement_done(ret);
    czi_free(data);
    return rc;
}

/* ---- Writing ------------------------------------------------------------------------------
 */

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(cz_id));
}

int czi_placement_write(struct czi_fs *fs, const struct czi_placement *p, cz_error *err)
{
    size_t len = HEAD_SIZE + (size_t)p->ids.count * ENTRY_SIZE;
    uint8_t *data = czi_alloc(len + HASH_SIZE), *at = data;
    int rc;

    CZI_CHECK(p->ids.count <= CZI_PLACEMENT_RESOURCES_MAX);
    if (!data)
        return czi_nomem(err, FILE_NAME);
    memcpy(at, magic, sizeof magic - 1);
    at = czi_put_u32le(at + sizeof magic - 1, p->ids.count);
    for (uint32_t i = 0; i < p->ids.count; i++, at += ENTRY_SIZE) {
        memcpy(at, czi_id_table_id(&p->ids, i), sizeof(cz_id));
        at[32] = (uint8_t)p->groups[i];
        at[33] = (uint8_t)(p->groups[i] >> 8);
    }
    qsort(data + HEAD_SIZE, p->ids.count, ENTRY_SIZE, by_id);
    czi_blake3(data, len, data + len);
    rc = czi_file_replace(fs, FILE_NAME, data, len + HASH_SIZE, err);
    czi_free(data);
    return rc;
}

/* ---- The index's ----------------------------------------------------------------------------
 */

struct layout {
    uint8_t hash[HASH_SIZE];
    bool has_rows;
};

static int note_layout(void *arg, const struct czi_row *row)
{
    struct layout *l = arg;

    l->has_rows = true;
    if (row->key.data[0] == 'l' && row->value.len == sizeof l->hash)
        memcpy(l->hash, row->value.data, sizeof l->hash);
    return CZ_OK;
}

/* Whether the index was written by this placement; one without rows is as good. */
static int index_agrees(struct czi_ledger *l, const struct czi_placement *p, bool *ret,
                        cz_error *err)
{
    struct layout layout = {0};
    int rc = czi_ledger_rows(l, 'c', note_layout, &layout, err);

    if (!rc)
        rc = czi_ledger_rows(l, 'l', note_layout, &layout, err);
    *ret = !layout.has_rows || memcmp(layout.hash, p->hash, sizeof layout.hash) == 0;
    return rc;
}

int czi_placement_open(const struct czi_ledger_options *options, struct czi_core *core,
                       struct czi_ledger **ret, cz_error *err)
{
    struct czi_placement *p;
    bool agrees = false;
    int rc = czi_ledger_open(options, ret, err);

    /* What has no index of its own on disk has no use for groups. A reader takes the index as
     * it is. */
    if (rc || !options->fs->root || options->memory_index || options->index ||
        options->read_only)
        return rc;
    p = czi_alloc_zero(1, sizeof *p);
    if (!p)
        return czi_nomem(err, "the placement");
    core->placement = p;
    rc = czi_placement_read(options->fs, p, err);
    if (!rc)
        rc = index_agrees(*ret, p, &agrees, err);
    if (rc || agrees)
        return rc;
    rc = czi_ledger_close(*ret, err);
    *ret = NULL;
    if (!rc)
        rc = czi_ledger_drop_index(options->fs, err);
    return rc ? rc : czi_ledger_open(options, ret, err);
}
