/* index.h - the derived index: rows that can be rebuilt from the journal.
 *
 * Layer: ledger. A row is a key (first byte: its table) and a value. Rows are only ever added
 * or replaced, in sorted runs that become visible at once. Drivers: RocksDB (its log off, bulk
 * load of sorted files) and memory.
 *
 * Tables: 'e' effects by the first bytes of their ids -> positions (load.h) · 'p' first
 * position of a frame, big endian -> segment, offset · 'g' the same by the facts before it ·
 * 'm' meta: how far the index goes · all others belong to the engine: 'r' group and resource
 * id, 'o' origin, 'a' asset, 'd' domain, 'b' what the book says, 'k' tasks, 'q' programs, 'c'
 * counts, 'l' whose groups those of 'r' are.
 */
#ifndef CZI_INDEX_H
#define CZI_INDEX_H

#include "base/bytes.h"
#include "causality/causality.h"

struct czi_row {
    struct czi_slice key, value;
};

struct czi_index;
struct czi_index_ops {
    /* Rows sorted by key, keys unique. All or none; durable on return. Any thread, one at a
     * time; may run beside get and scan. */
    int (*load)(struct czi_index *x, const struct czi_row *rows, size_t count, cz_error *err);
    /* CZ_NOT_FOUND. The value is appended to ret. */
    int (*get)(struct czi_index *x, struct czi_slice key, struct czi_buf *ret, cz_error *err);
    /* Every row whose key starts with prefix, ascending; fn's non-zero ends and is returned. */
    int (*scan)(struct czi_index *x, struct czi_slice prefix,
                int (*fn)(void *arg, const struct czi_row *row), void *arg, cz_error *err);
    /* The last row of the same table (first key byte) with key <= the given one; CZ_NOT_FOUND.
     * Either output may be NULL. */
    int (*floor)(struct czi_index *x, struct czi_slice key, struct czi_buf *ret_key,
                 struct czi_buf *ret_value, cz_error *err);
    void (*close)(struct czi_index *x); /* NULL is a no-op */
};
struct czi_index {
    const struct czi_index_ops *ops;
};

/* path: a directory of its own, made when missing. read_only works beside a writer. */
CZI_MUST_USE int czi_index_rocksdb(const char *path, bool read_only, struct czi_index **ret,
                                   cz_error *err);
CZI_MUST_USE int czi_index_memory(struct czi_index **ret, cz_error *err);

#endif
