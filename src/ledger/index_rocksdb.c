/* index_rocksdb.c - the index in RocksDB, filled by bulk loads of sorted files only.
 *
 * Layer: ledger. Threads: load one at a time; get, scan and floor beside it from any thread.
 *
 * A load writes one sorted file beside the database and moves it in: no memtable, no log, and
 * it is visible and durable as a whole (the manifest is synced). One column family; the first
 * key byte is the table. Keys are hashes for the most part, so nothing is compressed, and
 * universal compaction merges files of similar size, which suits loads of similar size.
 */
#include "base/error.h"
#include "ledger/index.h"

#include <rocksdb/c.h>
#include <stdio.h>

/* Data blocks that stay in memory; the page cache holds more. */
#define CACHE_SIZE (32u * 1024u * 1024u)
/* Open files of a writer; a reader keeps all, because its writer may delete them. */
#define OPEN_FILES 256
#define BLOOM_BITS 10

struct rocks_index {
    struct czi_index base;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_readoptions_t *read_options;
    char *load_path;
};

static struct rocks_index *rocks_of(struct czi_index *x)
{
    return (struct rocks_index *)x;
}

/* Takes RocksDB's message, whose first word is the only code that the C interface gives. */
static int rocks_fail(const char *what, char *message, cz_error *err)
{
    int code = !strncmp(message, "Corruption", 10) ? CZ_CORRUPT : CZ_IO;
    int rc = czi_fail(err, code, "cannot %s the index: %s%s", what, message,
                      code == CZ_CORRUPT ? " (rebuild it with `causality reindex`)" : "");

    rocksdb_free(message);
    return rc;
}

/* A process that was killed while a file moved in leaves its old name behind: a hard link to a
 * file of the database, which writing to would destroy. So the name goes first. */
static void write_file(rocksdb_sstfilewriter_t *w, const char *path, const struct czi_row *rows,
                       size_t count, char **message)
{
    (void)remove(path);
    rocksdb_sstfilewriter_open(w, path, message);
    for (size_t i = 0; !*message && i < count; i++)
        rocksdb_sstfilewriter_put(w, (const char *)rows[i].key.data, rows[i].key.len,
                                  (const char *)rows[i].value.data, rows[i].value.len, message);
    if (!*message)
        rocksdb_sstfilewriter_finish(w, message);
}

static int rocks_load(struct czi_index *x, const struct czi_row *rows, size_t count,
                      cz_error *err)
{
    struct rocks_index *r = rocks_of(x);
    rocksdb_envoptions_t *env = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *w = rocksdb_sstfilewriter_create(env, r->options);
    rocksdb_ingestexternalfileoptions_t *how = rocksdb_ingestexternalfileoptions_create();
    const char *files[] = {r->load_path};
    char *message = NULL;

    write_file(w, r->load_path, rows, count, &message);
    rocksdb_ingestexternalfileoptions_set_move_files(how, 1);
    if (!message)
        rocksdb_ingest_external_file(r->db, files, 1, how, &message);
    rocksdb_ingestexternalfileoptions_destroy(how);
    rocksdb_sstfilewriter_destroy(w);
    rocksdb_envoptions_destroy(env);
    return message ? rocks_fail("add to", message, err) : CZ_OK;
}

static int rocks_get(struct czi_index *x, struct czi_slice key, struct czi_buf *ret,
                     cz_error *err)
{
    struct rocks_index *r = rocks_of(x);
    char *message = NULL, *value;
    size_t len;

    value =
        rocksdb_get(r->db, r->read_options, (const char *)key.data, key.len, &len, &message);
    if (message)
        return rocks_fail("read", message, err);
    if (!value)
        return czi_fail(err, CZ_NOT_FOUND, "no such row in the index");
    czi_buf_put(ret, value, len);
    rocksdb_free(value);
    return ret->failed ? czi_nomem(err, "a row of the index") : CZ_OK;
}

static struct czi_row row_at(const rocksdb_iterator_t *it)
{
    struct czi_row row;

    row.key.data = (const uint8_t *)rocksdb_iter_key(it, &row.key.len);
    row.value.data = (const uint8_t *)rocksdb_iter_value(it, &row.value.len);
    return row;
}

static int end_iteration(rocksdb_iterator_t *it, int rc, cz_error *err)
{
    char *message = NULL;

    rocksdb_iter_get_error(it, &message);
    rocksdb_iter_destroy(it);
    return message ? rocks_fail("read", message, err) : rc;
}

static int rocks_scan(struct czi_index *x, struct czi_slice prefix,
                      int (*fn)(void *arg, const struct czi_row *row), void *arg, cz_error *err)
{
    struct rocks_index *r = rocks_of(x);
    rocksdb_iterator_t *it = rocksdb_create_iterator(r->db, r->read_options);
    int rc = CZ_OK;

    for (rocksdb_iter_seek(it, (const char *)prefix.data, prefix.len);
         !rc && rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        struct czi_row row = row_at(it);

        if (row.key.len < prefix.len || memcmp(row.key.data, prefix.data, prefix.len) != 0)
            break;
        rc = fn(arg, &row);
    }
    return end_iteration(it, rc, err);
}

static int copy_row(const struct czi_row *row, struct czi_buf *ret_key,
                    struct czi_buf *ret_value, cz_error *err)
{
    if (ret_key)
        czi_buf_put(ret_key, row->key.data, row->key.len);
    if (ret_value)
        czi_buf_put(ret_value, row->value.data, row->value.len);
    if ((ret_key && ret_key->failed) || (ret_value && ret_value->failed))
        return czi_nomem(err, "a row of the index");
    return CZ_OK;
}

static int rocks_floor(struct czi_index *x, struct czi_slice key, struct czi_buf *ret_key,
                       struct czi_buf *ret_value, cz_error *err)
{
    struct rocks_index *r = rocks_of(x);
    rocksdb_iterator_t *it = rocksdb_create_iterator(r->db, r->read_options);
    int rc = CZ_NOT_FOUND;

    rocksdb_iter_seek_for_prev(it, (const char *)key.data, key.len);
    if (rocksdb_iter_valid(it)) {
        struct czi_row row = row_at(it);

        if (row.key.len && row.key.data[0] == key.data[0])
            rc = copy_row(&row, ret_key, ret_value, err);
    }
    if (rc == CZ_NOT_FOUND)
        czi_fail(err, rc, "no such row in the index");
    return end_iteration(it, rc, err);
}

static void rocks_close(struct czi_index *x)
{
    struct rocks_index *r = rocks_of(x);

    if (!x)
        return;
    if (r->db)
        rocksdb_close(r->db);
    if (r->read_options)
        rocksdb_readoptions_destroy(r->read_options);
    if (r->options)
        rocksdb_options_destroy(r->options);
    czi_free(r->load_path);
    czi_free(r);
}

static const struct czi_index_ops rocks_ops = {
    .load = rocks_load,
    .get = rocks_get,
    .scan = rocks_scan,
    .floor = rocks_floor,
    .close = rocks_close,
};

static rocksdb_options_t *make_options(bool read_only)
{
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(CACHE_SIZE);

    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(
                                                             BLOOM_BITS));
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_cache_destroy(cache); /* the table's options hold it */
    rocksdb_options_set_block_based_table_factory(o, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_set_create_if_missing(o, !read_only);
    rocksdb_options_set_compression(o, rocksdb_no_compression);
    rocksdb_options_set_compaction_style(o, rocksdb_universal_compaction);
    rocksdb_options_set_max_open_files(o, read_only ? -1 : OPEN_FILES);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_set_keep_log_file_num(o, 1);
    rocksdb_options_set_info_log_level(o, 3); /* errors */
    return o;
}

int czi_index_rocksdb(const char *path, bool read_only, struct czi_index **ret, cz_error *err)
{
    struct rocks_index *r = czi_alloc_zero(1, sizeof *r);
    struct czi_buf load_path = {0};
    char *message = NULL;

    czi_buf_printf(&load_path, "%s/load.sst", path);
    czi_buf_put_byte(&load_path, 0);
    if (!r || load_path.failed) {
        czi_buf_done(&load_path);
        czi_free(r);
        return czi_nomem(err, "the index");
    }
    r->base.ops = &rocks_ops;
    r->load_path = (char *)load_path.data;
    r->options = make_options(read_only);
    r->read_options = rocksdb_readoptions_create();
    r->db = read_only ? rocksdb_open_for_read_only(r->options, path, 0, &message)
                      : rocksdb_open(r->options, path, &message);
    if (message) {
        rocks_close(&r->base);
        return rocks_fail("open", message, err);
    }
    *ret = &r->base;
    return CZ_OK;
}
