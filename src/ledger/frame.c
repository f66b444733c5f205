/* frame.c - sealing and checking one journal frame; the format is in ledger.h.
 *
 * Layer: ledger. Threads: pure functions.
 */
#include "base/error.h"
#include "base/limits.h"
#include "codec/blake3.h"
#include "ledger/ledger.h"

#define MAGIC "CZF1"
#define HASHED_SIZE 96

static void frame_hash(const uint8_t *frame, size_t payload_len, uint8_t out[32])
{
    struct czi_blake3 h;

    czi_blake3_init(&h);
    czi_blake3_update(&h, frame, HASHED_SIZE);
    czi_blake3_update(&h, frame + CZI_FRAME_HEADER_SIZE, payload_len);
    czi_blake3_final(&h, out);
}

void czi_frame_seal(uint8_t *frame, size_t payload_len, struct czi_frame *f)
{
    uint8_t *p = frame;

    CZI_CHECK(payload_len <= CZI_FRAME_SIZE_MAX - CZI_FRAME_HEADER_SIZE);
    memcpy(p, MAGIC, 4);
    p = czi_put_u32le(p + 4, (uint32_t)payload_len);
    p = czi_put_u64le(p, f->first_position);
    p = czi_put_u32le(p, f->position_count);
    p = czi_put_u32le(p, f->fact_count);
    p = czi_put_u64le(p, f->facts_before);
    memcpy(p, f->previous, 32);
    memcpy(p + 32, f->receipts, 32);
    frame_hash(frame, payload_len, f->hash);
    memcpy(p + 64, f->hash, 32);
    f->payload = (struct czi_slice){frame + CZI_FRAME_HEADER_SIZE, payload_len};
}

int czi_frame_parse(const uint8_t *data, size_t len, struct czi_frame *ret, cz_error *err)
{
    struct czi_frame f = {0};
    uint8_t hash[32];
    size_t payload_len;

    if (len < 4 || memcmp(data, MAGIC, 4) != 0)
        return czi_fail(err, CZ_NOT_FOUND, "no frame begins here");
    if (len < CZI_FRAME_HEADER_SIZE)
        return czi_fail(err, CZ_NOT_FOUND, "the frame's header is cut short");
    payload_len = czi_get_u32le(data + 4);
    if (payload_len > CZI_FRAME_SIZE_MAX - CZI_FRAME_HEADER_SIZE)
        return czi_fail(err, CZ_CORRUPT, "the frame claims %zu bytes, more than a frame holds",
                        payload_len);
    if (payload_len > len - CZI_FRAME_HEADER_SIZE)
        return czi_fail(err, CZ_NOT_FOUND, "the frame of %zu bytes is cut short", payload_len);
    frame_hash(data, payload_len, hash);
    if (memcmp(hash, data + HASHED_SIZE, 32) != 0)
        return czi_fail(err, CZ_CORRUPT, "the frame does not match its hash");
    f.first_position = czi_get_u64le(data + 8);
    f.position_count = czi_get_u32le(data + 16);
    f.fact_count = czi_get_u32le(data + 20);
    f.facts_before = czi_get_u64le(data + 24);
    memcpy(f.previous, data + 32, 32);
    memcpy(f.receipts, data + 64, 32);
    memcpy(f.hash, hash, 32);
    f.payload = (struct czi_slice){data + CZI_FRAME_HEADER_SIZE, payload_len};
    *ret = f;
    return CZ_OK;
}
