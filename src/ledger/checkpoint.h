/* checkpoint.h - a place in the journal as bytes: the file CHECKPOINT and the index's meta row.
 *
 * Layer: ledger. Threads: pure functions, but for the file.
 *
 * The place is the DAG-CBOR tuple ["checkpoint/1", segment, offset, end, positions, facts,
 * frame hash]. In the file BLAKE3 of the tuple follows it. Both are lower bounds: the journal
 * must hold that very frame there, and may hold more.
 */
#ifndef CZI_CHECKPOINT_H
#define CZI_CHECKPOINT_H

#include "ledger/segment.h"

#define CZI_PLACE_SIZE_MAX 128

size_t czi_place_put(uint8_t out[CZI_PLACE_SIZE_MAX], const struct czi_place *p);
CZI_MUST_USE int czi_place_parse(struct czi_slice bytes, struct czi_place *ret, cz_error *err);
/* CZ_CORRUPT unless the journal's segments 1..count hold exactly this frame there. */
CZI_MUST_USE int czi_place_verify(struct czi_fs *fs, const struct czi_place *p, uint32_t count,
                                  cz_error *err);

/* Writes a file so that after a crash either the old or the new content is there. */
CZI_MUST_USE int czi_file_replace(struct czi_fs *fs, const char *path, const void *data,
                                  size_t len, cz_error *err);
/* Up to max bytes of a small file. */
CZI_MUST_USE int czi_file_load(struct czi_fs *fs, const char *path, uint8_t *data, size_t max,
                               size_t *ret_len, cz_error *err);

CZI_MUST_USE int czi_checkpoint_write(struct czi_fs *fs, const struct czi_place *p,
                                      cz_error *err);
CZI_MUST_USE int czi_checkpoint_read(struct czi_fs *fs, struct czi_place *ret, cz_error *err);

#endif
