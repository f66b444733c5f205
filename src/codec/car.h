/* car.h - CAR version 1, written and read (IPLD "Content Addressable aRchives").
 *
 * Layer: codec. Threads: pure functions; a reader belongs to one thread. No allocation, and
 * no I/O of its own: the writer hands pieces to a sink, whose error it returns at once; the
 * reader pulls from memory.
 */
#ifndef CZI_CAR_H
#define CZI_CAR_H

#include "base/bytes.h"
#include "causality/causality.h"

typedef int (*czi_sink_fn)(void *arg, const void *data, size_t len, cz_error *err);

/* The header; root_count may be 0. */
CZI_MUST_USE int czi_car_write_header(czi_sink_fn sink, void *arg, const cz_id *roots,
                                      size_t root_count, cz_error *err);
CZI_MUST_USE int czi_car_write_block(czi_sink_fn sink, void *arg, const cz_id *id,
                                     const void *data, size_t len, cz_error *err);

struct czi_car {
    struct czi_cursor in;
    uint64_t root_count;
    const uint8_t *roots; /* links of one size */
};
/* Checks the header (strict DAG-CBOR, version 1, roots in our form). The bytes stay the
 * caller's and outlive the reader. */
CZI_MUST_USE int czi_car_open(struct czi_car *car, const void *data, size_t len, cz_error *err);
/* Root i of the header. */
CZI_MUST_USE int czi_car_root(const struct czi_car *car, uint64_t i, cz_id *ret, cz_error *err);
/* Next block, its hash checked; *ret_more is false at the end. CZ_INVALID names the offset of
 * the block's length. Blocks of another codec or hash are refused: their hash is not checked
 * by anything here. After an error the reader is not used further. */
CZI_MUST_USE int czi_car_next(struct czi_car *car, bool *ret_more, cz_id *ret_id,
                              struct czi_slice *ret_block, cz_error *err);

#endif
