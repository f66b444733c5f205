/* sqlite.c - SQLite: WAL, synchronous=FULL, one transaction a batch.
 *
 * To its advantage: the connection is exclusive, statements are prepared, balances are known
 * from memory (an UPDATE by primary key, no SELECT), records have ascending row ids.
 */
#include "peers/peer.h"

#include <sqlite3.h>
#include <stdlib.h>

struct sqlite {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *update, *insert;
};

static void must(const struct sqlite *s, int rc, int expected, const char *what)
{
    if (rc != expected)
        peer_die(what, s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
}

static void execute(struct sqlite *s, const char *sql)
{
    must(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL), SQLITE_OK, sql);
}

static sqlite3_stmt *prepare(struct sqlite *s, const char *sql)
{
    sqlite3_stmt *stmt;

    must(s, sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL), SQLITE_OK, sql);
    return stmt;
}

static void step(struct sqlite *s, sqlite3_stmt *stmt)
{
    must(s, sqlite3_step(stmt), SQLITE_DONE, "sqlite: step");
    must(s, sqlite3_reset(stmt), SQLITE_OK, "sqlite: reset");
}

/* Statements of the form (body ?1, key ?2). */
static void put(struct sqlite *s, sqlite3_stmt *stmt, uint32_t key, const void *body, size_t n)
{
    must(s, sqlite3_bind_blob(stmt, 1, body, (int)n, SQLITE_STATIC), SQLITE_OK, "sqlite: bind");
    must(s, sqlite3_bind_int64(stmt, 2, key), SQLITE_OK, "sqlite: bind");
    step(s, stmt);
}

static void put_balance(struct sqlite *s, sqlite3_stmt *stmt, struct peer_run *run, uint32_t id)
{
    struct peer_balance b = peer_balance_of(&run->accounts[id]);

    put(s, stmt, id, &b, sizeof b);
}

void peer_sqlite_setup(struct peer_run *run)
{
    struct sqlite *s = calloc(1, sizeof *s);
    char path[PEER_PATH_SIZE];

    peer_path(run, "sqlite", path);
    if (!s)
        peer_die("sqlite", "out of memory");
    must(s, sqlite3_open(path, &s->db), SQLITE_OK, path);
    execute(s, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
               "PRAGMA synchronous=FULL; PRAGMA cache_size=-262144;"
               "CREATE TABLE account(id INTEGER PRIMARY KEY, body BLOB);"
               "CREATE TABLE record(id INTEGER PRIMARY KEY, body BLOB); BEGIN");
    sqlite3_stmt *create = prepare(s, "INSERT INTO account(body, id) VALUES(?1, ?2)");
    for (uint32_t id = 0; id < run->account_count; id++)
        put_balance(s, create, run, id);
    sqlite3_finalize(create);
    execute(s, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    s->begin = prepare(s, "BEGIN");
    s->commit = prepare(s, "COMMIT");
    s->update = prepare(s, "UPDATE account SET body=?1 WHERE id=?2");
    s->insert = prepare(s, "INSERT INTO record(body, id) VALUES(?1, ?2)");
    run->state = s;
}

static void sqlite_commit(struct peer_run *run, uint32_t first, uint32_t end)
{
    struct sqlite *s = run->state;
    uint8_t record[PEER_RECORD_SIZE_MAX];

    step(s, s->begin);
    for (uint32_t i = first; i < end; i++) {
        const struct cz_bench_item *item = &run->items[i];

        if (!item->read_only) {
            put_balance(s, s->update, run, item->from);
            put_balance(s, s->update, run, item->to);
        }
        peer_record(run, i, record);
        put(s, s->insert, i, record, run->record_size);
    }
    step(s, s->commit);
}

void peer_sqlite(struct peer_run *run)
{
    peer_durable(run, sqlite_commit);
}

void peer_sqlite_finish(struct peer_run *run)
{
    struct sqlite *s = run->state;
    sqlite3_stmt *all = prepare(s, "SELECT id, body FROM account");

    while (sqlite3_step(all) == SQLITE_ROW)
        peer_balance_load(&run->accounts[sqlite3_column_int64(all, 0)],
                          sqlite3_column_blob(all, 1));
    sqlite3_finalize(all);
    sqlite3_finalize(s->begin);
    sqlite3_finalize(s->commit);
    sqlite3_finalize(s->update);
    sqlite3_finalize(s->insert);
    sqlite3_close(s->db);
    free(s);
}
