/* fuzz_record.c - the reader of a frame's payload over any bytes.
 *
 * Properties: reading ends; positions are consecutive; records that are accepted are what the
 * writer writes of them, byte for byte.
 */
#include "fuzz.h"
#include "ledger/record.h"

#define FIRST 1000

static void write_again(const struct czi_record *r, struct czi_buf *out)
{
    uint8_t *p =
        czi_buf_reserve(out, czi_record_size_max(r->bytes.len, czi_effect_accesses(&r->view)));

    CZI_CHECK(p);
    p = r->type == CZI_RECORD_FACT ? czi_record_put_fact(p, r->bytes)
                                   : czi_record_put_effect(p, r->bytes, &r->outcome);
    out->len = (size_t)(p - out->data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CZI_AUTOBUF again = {0};
    struct czi_record_reader reader;
    struct czi_record r;
    uint64_t position = FIRST;
    cz_error err = {0};
    size_t records = 0;
    bool more = true;

    czi_record_reader(&reader, (struct czi_slice){data, size}, FIRST);
    while (more) {
        if (czi_record_next(&reader, &more, &r, &err) != CZ_OK) {
            CZI_CHECK(err.code == CZ_CORRUPT && strstr(err.detail, "offset"));
            return 0;
        }
        if (!more)
            break;
        CZI_CHECK(++records <= size);
        if (r.type != CZI_RECORD_FACT)
            CZI_CHECK(r.outcome.position == position++);
        write_again(&r, &again);
        CZI_CHECK(again.len == czi_cursor_offset(&reader.in));
    }
    CZI_CHECK(again.len == size && (!size || memcmp(again.data, data, size) == 0));
    return 0;
}

static void put_effect(struct czi_buf *out, size_t i, uint64_t position)
{
    cz_id origin = {{9}}, a = {{1}}, b = {{2}};
    uint8_t bytes[CZI_TRANSFER_SIZE_MAX], hash[32] = {7};
    struct czi_post posts[2] = {{.quantity = -((cz_quantity)5 << (i * 16)),
                                 .version = 3,
                                 .previous = 1,
                                 .written = true},
                                {.data_hash = hash,
                                 .version = 300,
                                 .kind = CZ_DATA,
                                 .state = CZ_LOCKED,
                                 .written = true}};
    struct czi_outcome o = {.position = position,
                            .lamport = 70 * i,
                            .reason = i % 3 == 2 ? CZ_OVERDRAFT : CZ_APPLIED,
                            .post_count = 2,
                            .posts = posts};
    struct czi_record r = {.type = CZI_RECORD_APPLIED,
                           .view = {.write_count = 2},
                           .bytes = {bytes, czi_transfer_encode(bytes, &origin, i, CZ_NORMAL,
                                                                &a, &b, 5)},
                           .outcome = o};

    write_again(&r, out);
}

/* i records, effects and facts in turns. */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    if (i > 6)
        return false;
    for (size_t k = 0; k < i; k++) {
        put_effect(out, k, FIRST + k);
        if (k % 2) {
            struct czi_record fact = {.type = CZI_RECORD_FACT,
                                      .bytes = {(const uint8_t *)"any bytes", 9}};

            write_again(&fact, out);
        }
    }
    return true;
}
