/* lmdb.c - LMDB: one write transaction a batch, synced on commit (its default).
 *
 * To its advantage: balances are known from memory (puts, no gets), keys are native integers,
 * records are appended in order.
 */
#include "peers/peer.h"

#include <lmdb.h>
#include <stdlib.h>

/* Address space only: the file grows as it is written. */
#define MAP_SIZE ((size_t)64 << 30)

struct lightning {
    MDB_env *env;
    MDB_dbi accounts, records;
};

static void must(int rc, const char *what)
{
    if (rc)
        peer_die(what, mdb_strerror(rc));
}

static void put(MDB_txn *txn, MDB_dbi dbi, uint32_t id, const void *body, size_t n,
                unsigned flags)
{
    MDB_val key = {sizeof id, &id}, value = {n, NULL};

    must(mdb_put(txn, dbi, &key, &value, flags | MDB_RESERVE), "lmdb: put");
    memcpy(value.mv_data, body, n);
}

static void put_balance(MDB_txn *txn, struct lightning *l, struct peer_run *run, uint32_t id)
{
    struct peer_balance b = peer_balance_of(&run->accounts[id]);

    put(txn, l->accounts, id, &b, sizeof b, 0);
}

void peer_lmdb_setup(struct peer_run *run)
{
    struct lightning *l = calloc(1, sizeof *l);
    char path[PEER_PATH_SIZE];
    MDB_txn *txn;

    peer_path(run, "lmdb", path);
    if (!l)
        peer_die("lmdb", "out of memory");
    must(mdb_env_create(&l->env), "lmdb: environment");
    must(mdb_env_set_mapsize(l->env, MAP_SIZE), "lmdb: map size");
    must(mdb_env_set_maxdbs(l->env, 2), "lmdb: databases");
    must(mdb_env_open(l->env, path, MDB_NOSUBDIR, 0600), path);
    must(mdb_txn_begin(l->env, NULL, 0, &txn), "lmdb: begin");
    must(mdb_dbi_open(txn, "account", MDB_CREATE | MDB_INTEGERKEY, &l->accounts), "lmdb: open");
    must(mdb_dbi_open(txn, "record", MDB_CREATE | MDB_INTEGERKEY, &l->records), "lmdb: open");
    for (uint32_t id = 0; id < run->account_count; id++)
        put_balance(txn, l, run, id);
    must(mdb_txn_commit(txn), "lmdb: commit");
    run->state = l;
}

static void lmdb_commit(struct peer_run *run, uint32_t first, uint32_t end)
{
    struct lightning *l = run->state;
    uint8_t record[PEER_RECORD_SIZE_MAX];
    MDB_txn *txn;

    must(mdb_txn_begin(l->env, NULL, 0, &txn), "lmdb: begin");
    for (uint32_t i = first; i < end; i++) {
        const struct cz_bench_item *item = &run->items[i];

        if (!item->read_only) {
            put_balance(txn, l, run, item->from);
            put_balance(txn, l, run, item->to);
        }
        peer_record(run, i, record);
        put(txn, l->records, i, record, run->record_size, MDB_APPEND);
    }
    must(mdb_txn_commit(txn), "lmdb: commit");
}

void peer_lmdb(struct peer_run *run)
{
    peer_durable(run, lmdb_commit);
}

void peer_lmdb_finish(struct peer_run *run)
{
    struct lightning *l = run->state;
    MDB_txn *txn;

    must(mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn), "lmdb: begin");
    for (uint32_t id = 0; id < run->account_count; id++) {
        MDB_val key = {sizeof id, &id}, value;

        must(mdb_get(txn, l->accounts, &key, &value), "lmdb: get");
        peer_balance_load(&run->accounts[id], value.mv_data);
    }
    mdb_txn_abort(txn);
    mdb_env_close(l->env);
    free(l);
}
