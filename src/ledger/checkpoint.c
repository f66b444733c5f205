/* checkpoint.c - see checkpoint.h. */
#include "ledger/checkpoint.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "codec/dag_cbor.h"

#include <inttypes.h>
#include <stdio.h>

#define TAG "checkpoint/1"
#define FIELDS 7
#define FILE_SIZE_MAX (CZI_PLACE_SIZE_MAX + 32)

size_t czi_place_put(uint8_t out[CZI_PLACE_SIZE_MAX], const struct czi_place *p)
{
    uint8_t *at = czi_cbor_put_array(out, FIELDS);

    at = czi_cbor_put_text(at, TAG, strlen(TAG));
    at = czi_cbor_put_uint(at, p->segment);
    at = czi_cbor_put_uint(at, p->offset);
    at = czi_cbor_put_uint(at, p->end);
    at = czi_cbor_put_uint(at, p->positions);
    at = czi_cbor_put_uint(at, p->facts);
    at = czi_cbor_put_bytes(at, p->hash, 32);
    return (size_t)(at - out);
}

int czi_place_parse(struct czi_slice bytes, struct czi_place *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes.data, bytes.len);
    struct czi_place p = {0};
    struct czi_slice tag;
    cz_error detail = {0};
    cz_id hash;

    czi_cbor_array_of(&c, FIELDS);
    tag = czi_cbor_text(&c);
    if (!c.what && (tag.len != strlen(TAG) || memcmp(tag.data, TAG, tag.len) != 0))
        czi_cbor_fail(&c, "not a " TAG);
    p.segment = (uint32_t)czi_cbor_uint_max(&c, UINT32_MAX);
    p.offset = czi_cbor_uint(&c);
    p.end = czi_cbor_uint(&c);
    p.positions = czi_cbor_uint(&c);
    p.facts = czi_cbor_uint(&c);
    hash = czi_cbor_bytes32(&c);
    memcpy(p.hash, hash.bytes, 32);
    if (czi_cbor_end(&c, &detail))
        return czi_fail(err, CZ_CORRUPT, "%s", detail.detail);
    *ret = p;
    return CZ_OK;
}

static bool same_place(const struct czi_place *a, const struct czi_place *b)
{
    return a->segment == b->segment && a->offset == b->offset && a->end == b->end &&
           a->positions == b->positions && a->facts == b->facts &&
           !memcmp(a->hash, b->hash, 32);
}

int czi_place_verify(struct czi_fs *fs, const struct czi_place *p, uint32_t count,
                     cz_error *err)
{
    struct czi_place start = czi_place_start(), found;
    CZI_AUTOBUF buf = {0};
    struct czi_frame frame;
    char path[CZI_SEGMENT_PATH_SIZE];
    int rc = CZ_CORRUPT;

    if (same_place(p, &start))
        return CZ_OK;
    czi_segment_path(path, p->segment);
    if (p->offset && p->segment && p->segment <= count) {
        rc = czi_segment_read(fs, p->segment, p->offset, &buf, &frame, err);
        if (rc && rc != CZ_CORRUPT)
            return rc;
    }
    if (rc)
        return czi_fail(err, CZ_CORRUPT,
                        "the journal should hold a frame at %s, offset %" PRIu64
                        ", which ends at %" PRIu64 ": the journal is shorter or was changed",
                        path, p->offset, p->end);
    found = czi_place_of(&frame);
    if (!same_place(p, &found))
        return czi_fail(err, CZ_CORRUPT,
                        "%s: offset %" PRIu64 ": another frame is expected here", path,
                        p->offset);
    return CZ_OK;
}

/* ---- Files ------------------------------------------------------------------------------- */

static int write_new(struct czi_fs *fs, const char *path, const void *data, size_t len,
                     cz_error *err)
{
    struct czi_file *f;
    int rc = fs->ops->remove(fs, path, err);

    if (rc && rc != CZ_NOT_FOUND)
        return rc;
    rc = fs->ops->open(fs, path, CZI_OPEN_CREATE, &f, err);
    if (rc)
        return rc;
    rc = fs->ops->write(f, 0, data, len, err);
    if (!rc)
        rc = fs->ops->sync(f, err);
    fs->ops->close(f);
    return rc;
}

int czi_file_replace(struct czi_fs *fs, const char *path, const void *data, size_t len,
                     cz_error *err)
{
    char temporary[64];
    int n = snprintf(temporary, sizeof temporary, "%s.new", path), rc;

    CZI_CHECK(n > 0 && (size_t)n < sizeof temporary);
    rc = write_new(fs, temporary, data, len, err);
    if (!rc)
        rc = fs->ops->rename(fs, temporary, path, err);
    return rc ? rc : fs->ops->sync_dir(fs, "", err);
}

int czi_file_load(struct czi_fs *fs, const char *path, uint8_t *data, size_t max,
                  size_t *ret_len, cz_error *err)
{
    struct czi_file *f;
    int rc = fs->ops->open(fs, path, CZI_OPEN_READ, &f, err);

    if (rc)
        return rc;
    rc = fs->ops->read(f, 0, data, max, ret_len, err);
    fs->ops->close(f);
    return rc;
}

int czi_checkpoint_write(struct czi_fs *fs, const struct czi_place *p, cz_error *err)
{
    uint8_t bytes[FILE_SIZE_MAX];
    size_t len = czi_place_put(bytes, p);

    czi_blake3(bytes, len, bytes + len);
    return czi_file_replace(fs, "CHECKPOINT", bytes, len + 32, err);
}

int czi_checkpoint_read(struct czi_fs *fs, struct czi_place *ret, cz_error *err)
{
    uint8_t bytes[FILE_SIZE_MAX + 1], hash[32];
    size_t len;
    int rc = czi_file_load(fs, "CHECKPOINT", bytes, sizeof bytes, &len, err);

    if (rc == CZ_NOT_FOUND)
        return czi_fail(err, CZ_CORRUPT, "CHECKPOINT is missing");
    if (rc)
        return rc;
    if (len < 32 || len > FILE_SIZE_MAX)
        return czi_fail(err, CZ_CORRUPT, "CHECKPOINT has an impossible size");
    czi_blake3(bytes, len - 32, hash);
    if (memcmp(hash, bytes + len - 32, 32) != 0)
        return czi_fail(err, CZ_CORRUPT, "CHECKPOINT does not match its hash");
    rc = czi_place_parse((struct czi_slice){bytes, len - 32}, ret, err);
    return rc ? czi_wrap(err, rc, "CHECKPOINT") : CZ_OK;
}
