/* rocksdb.c - RocksDB: one WriteBatch with sync=1 a batch.
 *
 * To its advantage: balances are known from memory (puts, no gets), no compression, memtables
 * large enough that a short run does not wait for a flush.
 */
#include "peers/peer.h"

#include <rocksdb/c.h>
#include <stdlib.h>

enum { MEMTABLE_SIZE = 256 << 20, KEY_SIZE = 5 };

struct rocks {
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    rocksdb_t *db;
    rocksdb_writebatch_t *batch;
};

static void must(const char *what, const char *error)
{
    if (error)
        peer_die(what, error);
}

/* 'a' and the id for an account, 'r' and the position for a record; big-endian, so that
 * records come in order. */
static void put(struct rocks *r, char table, uint32_t id, const void *body, size_t n)
{
    const char key[KEY_SIZE] = {table, (char)(id >> 24), (char)(id >> 16), (char)(id >> 8),
                                (char)id};

    rocksdb_writebatch_put(r->batch, key, sizeof key, body, n);
}

static void put_balance(struct rocks *r, struct peer_run *run, uint32_t id)
{
    struct peer_balance b = peer_balance_of(&run->accounts[id]);

    put(r, 'a', id, &b, sizeof b);
}

static void write_batch(struct rocks *r)
{
    char *error = NULL;

    rocksdb_write(r->db, r->write, r->batch, &error);
    must("rocksdb: write", error);
    rocksdb_writebatch_clear(r->batch);
}

void peer_rocksdb_setup(struct peer_run *run)
{
    struct rocks *r = calloc(1, sizeof *r);
    char path[PEER_PATH_SIZE], *error = NULL;

    peer_path(run, "rocksdb", path);
    if (!r)
        peer_die("rocksdb", "out of memory");
    r->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(r->options, 1);
    rocksdb_options_set_compression(r->options, rocksdb_no_compression);
    rocksdb_options_set_write_buffer_size(r->options, MEMTABLE_SIZE);
    r->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(r->write, 1);
    r->read = rocksdb_readoptions_create();
    r->batch = rocksdb_writebatch_create();
    r->db = rocksdb_open(r->options, path, &error);
    must(path, error);
    for (uint32_t id = 0; id < run->account_count; id++)
        put_balance(r, run, id);
    write_batch(r);
    run->state = r;
}

static void rocksdb_commit(struct peer_run *run, uint32_t first, uint32_t end)
{
    struct rocks *r = run->state;
    uint8_t record[PEER_RECORD_SIZE_MAX];

    for (uint32_t i = first; i < end; i++) {
        const struct cz_bench_item *item = &run->items[i];

        if (!item->read_only) {
            put_balance(r, run, item->from);
            put_balance(r, run, item->to);
        }
        peer_record(run, i, record);
        put(r, 'r', i, record, run->record_size);
    }
    write_batch(r);
}

void peer_rocksdb(struct peer_run *run)
{
    peer_durable(run, rocksdb_commit);
}

void peer_rocksdb_finish(struct peer_run *run)
{
    struct rocks *r = run->state;
    rocksdb_iterator_t *it = rocksdb_create_iterator(r->db, r->read);

    rocksdb_iter_seek(it, "a", 1);
    for (uint32_t id = 0; id < run->account_count; id++, rocksdb_iter_next(it)) {
        size_t n = 0;
        const char *body = rocksdb_iter_valid(it) ? rocksdb_iter_value(it, &n) : NULL;

        if (n != sizeof(struct peer_balance))
            peer_die("rocksdb", "an account is missing");
        peer_balance_load(&run->accounts[id], body);
    }
    rocksdb_iter_destroy(it);
    rocksdb_writebatch_destroy(r->batch);
    rocksdb_close(r->db);
    rocksdb_readoptions_destroy(r->read);
    rocksdb_writeoptions_destroy(r->write);
    rocksdb_options_destroy(r->options);
    free(r);
}
