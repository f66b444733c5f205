/* fuzz_frame.c - any bytes as a journal frame, and as all that follows a segment's header.
 *
 * Properties: a frame that is accepted is the one that sealing its parts makes. Whatever the
 * journal holds, opening it for writing either names the damage or recovers; what it recovers
 * is then a store in whose every byte a strict scan finds no fault, and scan and recovery see
 * the same frames; the last effect and the last fact are found.
 */
#include "fuzz.h"
#include "ledger/segment.h"
#include "platform/simulated.h"

#define SEGMENT "journal/0000000000000001"

static void check_frame(const uint8_t *data, size_t size)
{
    CZI_AUTOBUF again = {0};
    struct czi_frame f, sealed;
    uint8_t *p;

    if (czi_frame_parse(data, size, &f, NULL) != CZ_OK)
        return;
    CZI_CHECK(f.payload.data == data + CZI_FRAME_HEADER_SIZE);
    CZI_CHECK(f.payload.len <= size - CZI_FRAME_HEADER_SIZE);
    sealed = f;
    p = czi_buf_reserve(&again, CZI_FRAME_HEADER_SIZE + f.payload.len);
    CZI_CHECK(p);
    memcpy(p + CZI_FRAME_HEADER_SIZE, f.payload.data, f.payload.len);
    czi_frame_seal(p, f.payload.len, &sealed);
    CZI_CHECK(!memcmp(p, data, CZI_FRAME_HEADER_SIZE + f.payload.len));
}

/* Frames that the fuzzer makes have few positions or none of ours: ids do not matter here. */
static int recover_frame(void *arg, const struct czi_frame *f, const cz_id **ret_ids,
                         cz_error *err)
{
    static const cz_id ids[64];

    if (f->position_count > CZI_COUNTOF(ids))
        return czi_fail(err, CZ_LIMIT, "more positions than this target has ids for");
    *ret_ids = ids;
    ++*(unsigned *)arg;
    return CZ_OK;
}

static int scan_frame(void *arg, const struct czi_frame *f, cz_error *err)
{
    (void)f;
    (void)err;
    ++*(unsigned *)arg;
    return CZ_OK;
}

static struct czi_fs *store_with(const uint8_t *data, size_t size)
{
    struct czi_file *file;
    struct czi_fs *fs;

    CZI_CHECK(czi_fs_simulated(CZI_SIM_VOLATILE, &fs, NULL) == CZ_OK);
    CZI_CHECK(czi_ledger_create(fs, NULL) == CZ_OK);
    CZI_CHECK(fs->ops->open(fs, SEGMENT, CZI_OPEN_WRITE, &file, NULL) == CZ_OK);
    CZI_CHECK(fs->ops->write(file, CZI_SEGMENT_HEADER_SIZE, data, size, NULL) == CZ_OK);
    fs->ops->close(file);
    return fs;
}

/* The last of each is found, whatever the frames hold. */
static void check_finders(struct czi_ledger *l)
{
    CZI_AUTOBUF buf = {0};
    struct czi_frame f = {0};
    uint64_t positions, facts;
    uint8_t hash[32];

    czi_ledger_tip(l, hash, &positions, &facts);
    if (positions)
        CZI_CHECK(czi_ledger_read(l, positions, &buf, &f, NULL) == CZ_OK &&
                  f.first_position + f.position_count - 1 == positions);
    f = (struct czi_frame){0};
    if (facts)
        CZI_CHECK(czi_ledger_read_fact(l, facts - 1, &buf, &f, NULL) == CZ_OK &&
                  f.facts_before + f.fact_count == facts);
    CZI_CHECK(czi_ledger_read_fact(l, facts, &buf, &f, NULL) == CZ_NOT_FOUND);
}

static void check_segment(const uint8_t *data, size_t size)
{
    struct czi_fs *fs = store_with(data, size);
    struct czi_ledger_options o = {.fs = fs, .memory_index = true};
    unsigned recovered = 0, scanned = 0;
    struct czi_ledger *l;
    cz_error err = {0};
    uint64_t torn;
    int rc;

    CZI_CHECK(czi_ledger_open(&o, &l, &err) == CZ_OK);
    rc = czi_ledger_recover(l, recover_frame, &recovered, &torn, &err);
    if (rc == CZ_OK) {
        CZI_CHECK(torn <= size);
        CZI_CHECK(czi_ledger_scan(l, false, scan_frame, &scanned, &err) == CZ_OK);
        CZI_CHECK(scanned == recovered);
        check_finders(l);
    } else {
        CZI_CHECK(rc == CZ_LIMIT ||
                  (rc == CZ_CORRUPT && strstr(err.detail, SEGMENT ": offset ")));
    }
    CZI_CHECK(czi_ledger_close(l, &err) == CZ_OK);
    fs->ops->free(fs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_frame(data, size);
    check_segment(data, size);
    return 0;
}

/* Seed 0 is a bare frame; seed i holds i appends of up to three frames. */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    struct czi_frame f = {.first_position = 1};
    size_t frames = 0;

    if (i > 6)
        return false;
    do {
        size_t payload = 10 * i + frames, size = CZI_FRAME_HEADER_SIZE + payload;
        uint8_t *p;

        if (i && frames % 3 == 0) {
            p = czi_buf_reserve(out, CZI_MARK_SIZE);
            CZI_CHECK(p);
            czi_mark_put(p, 1, CZI_SEGMENT_HEADER_SIZE + out->len);
            out->len += CZI_MARK_SIZE;
        }
        p = czi_buf_reserve(out, size);
        CZI_CHECK(p);
        memset(p, (int)frames, size);
        f.position_count = (uint32_t)frames % 4;
        f.fact_count = (uint32_t)i;
        czi_frame_seal(p, payload, &f);
        out->len += size;
        memcpy(f.previous, f.hash, sizeof f.previous);
        f.first_position += f.position_count;
        f.facts_before += f.fact_count;
    } while (++frames < 3 * i);
    return true;
}
