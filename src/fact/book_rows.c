/* book_rows.c - a book as rows of the index, and back; see book.h.
 *
 * Layer: fact. Values are canonical DAG-CBOR tuples:
 *   'd' number  [name, adapter, parameters, sequence,
 *                [safe depth, final depth, record depth, record finality], [observer…],
 *                safe height | null, final height | null, [stands, against] | null]
 *   'f' number  [type, id bytes(32), domain, standing, retracted by | null]           no fact
 *               [0, id bytes(32), domain, standing, retracted by | null, kind, finality, trust,
 *                expires | null, key bytes(32), claim bytes(32), block's number | block,
 *                the claim, if it is a statement, as bytes | null]
 *      block    [height, time, hash bytes(32), parent bytes(32), [root bytes(32)…],
 *                level, depth]             level and depth: of a retracted one, else 0
 *   'u' hash    null
 *   't'         the time map
 */
#include "fact/book_state.h"

#include "codec/dag_cbor.h"

/* ---- Writing ---------------------------------------------------------------------------- */

static void put_uint(struct czi_buf *b, uint64_t v)
{
    czi_cbor_add_head(b, CZI_CBOR_UINT, v);
}

static void put_null(struct czi_buf *b)
{
    czi_buf_put_byte(b, 0xf6);
}

static void put_bytes(struct czi_buf *b, const void *data, size_t len)
{
    czi_cbor_add_string(b, CZI_CBOR_BYTES, data, len);
}

static void put_text(struct czi_buf *b, const char *text)
{
    czi_cbor_add_string(b, CZI_CBOR_TEXT, text, strlen(text));
}

static void put_array(struct czi_buf *b, uint64_t count)
{
    czi_cbor_add_head(b, CZI_CBOR_ARRAY, count);
}

/* none: the value that stands for null. */
static void put_optional(struct czi_buf *b, uint64_t v, uint64_t none)
{
    if (v == none)
        put_null(b);
    else
        put_uint(b, v);
}

static void put_mark(struct czi_buf *b, const struct czi_mark *m)
{
    if (m->any)
        put_uint(b, m->height);
    else
        put_null(b);
}

static void put_domain(struct czi_buf *b, const struct czi_domain_state *d)
{
    put_array(b, CZI_ROW_DOMAIN);
    put_text(b, d->name);
    put_text(b, d->adapter);
    put_bytes(b, d->parameters, d->parameters_len);
    put_uint(b, d->sequence);
    put_array(b, CZI_ROW_POLICY);
    put_uint(b, d->policy.safe_depth);
    put_uint(b, d->policy.final_depth);
    put_uint(b, d->policy.record_depth);
    put_uint(b, d->policy.record_finality);
    put_array(b, d->observer_count);
    for (uint32_t i = 0; i < d->observer_count; i++)
        put_bytes(b, d->observers[i], sizeof d->observers[i]);
    put_mark(b, &d->safe);
    put_mark(b, &d->final);
    if (!d->frozen) {
        put_null(b);
        return;
    }
    put_array(b, 2);
    put_uint(b, d->contradicts[0]);
    put_uint(b, d->contradicts[1]);
}

static void put_block(struct czi_buf *b, const struct czi_book *book,
                      const struct czi_block_state *at)
{
    put_array(b, CZI_ROW_BLOCK);
    put_uint(b, at->height);
    put_uint(b, at->time);
    put_bytes(b, at->hash, sizeof at->hash);
    put_bytes(b, at->parent, sizeof at->parent);
    put_array(b, at->root_count);
    for (uint32_t i = 0; i < at->root_count; i++)
        put_bytes(b, czi_list_at(&book->roots, 32, at->first_root + i), 32);
    put_uint(b, at->level);
    put_uint(b, at->depth);
}

static void put_entry(struct czi_buf *b, const struct czi_book *book, uint32_t n)
{
    const struct czi_entry_state *e = czi_entry_at(book, n);
    const struct czi_claim_state *claim;

    put_array(b, czi_is_fact(e) ? CZI_ROW_FACT : CZI_ROW_OTHER);
    put_uint(b, e->type);
    put_bytes(b, czi_book_id(book, n), sizeof(cz_id));
    put_uint(b, e->domain);
    put_uint(b, e->standing);
    put_optional(b, e->retracted_by, CZI_ID_NONE);
    if (!czi_is_fact(e))
        return;
    put_uint(b, e->kind);
    put_uint(b, e->finality);
    put_uint(b, e->trust);
    put_optional(b, e->expires, UINT64_MAX);
    put_bytes(b, czi_id_table_id(&book->key_ids, czi_key_of(book, e)), sizeof(cz_id));
    put_bytes(b, czi_id_table_id(&book->claim_ids, e->claim), sizeof(cz_id));
    if (e->block == n)
        put_block(b, book, czi_block_of(book, e));
    else
        put_uint(b, e->block);
    claim = czi_claim_at(book, e->claim);
    if (claim->said)
        put_bytes(b, claim->said, claim->said_len);
    else
        put_null(b);
}

static int put_time(struct czi_buf *b, const struct czi_book *book, cz_error *err)
{
    return czi_time_map_encode(&book->time, b, err);
}

/* ---- Saving ----------------------------------------------------------------------------- */

struct saving {
    struct czi_book *book;
    czi_book_row_fn fn;
    void *arg;
    struct czi_buf value;
    cz_error *err;
};

static int emit(struct saving *s, const uint8_t *key, size_t key_len)
{
    int rc = s->value.failed ? czi_nomem(s->err, "a row about facts")
                             : s->fn(s->arg, key, key_len, &s->value);

    s->value.len = 0;
    return rc;
}

static void numbered_key(uint8_t key[5], uint8_t table, uint32_t n)
{
    key[0] = table;
    for (int i = 0; i < 4; i++)
        key[1 + i] = (uint8_t)(n >> (24 - 8 * i));
}

static int save_entry(struct saving *s, uint32_t n)
{
    uint8_t key[5];

    numbered_key(key, 'f', n);
    put_entry(&s->value, s->book, n);
    return emit(s, key, sizeof key);
}

static int save_entries(struct saving *s)
{
    int rc = CZ_OK;

    for (size_t at = 0; !rc && at < s->book->changed.len; at += sizeof(uint32_t)) {
        uint32_t n;

        memcpy(&n, s->book->changed.data + at, sizeof n);
        rc = save_entry(s, n);
    }
    for (uint32_t n = s->book->saved; !rc && n < s->book->entries.count; n++)
        rc = save_entry(s, n);
    return rc;
}

static int save_domains(struct saving *s)
{
    int rc = CZ_OK;

    for (uint32_t n = 0; !rc && n < s->book->domains.count; n++) {
        uint8_t key[5];

        if (!czi_domain_at(s->book, n)->dirty)
            continue;
        numbered_key(key, 'd', n);
        put_domain(&s->value, czi_domain_at(s->book, n));
        rc = emit(s, key, sizeof key);
    }
    return rc;
}

static int save_used(struct saving *s)
{
    int rc = CZ_OK;

    for (uint32_t n = s->book->used_saved; !rc && n < s->book->used.count; n++) {
        uint8_t key[1 + sizeof(cz_id)] = {'u'};

        memcpy(key + 1, czi_id_table_id(&s->book->used, n), sizeof(cz_id));
        put_null(&s->value);
        rc = emit(s, key, sizeof key);
    }
    return rc;
}

static int save_time(struct saving *s)
{
    static const uint8_t key = 't';
    int rc;

    if (!s->book->time_dirty)
        return CZ_OK;
    rc = put_time(&s->value, s->book, s->err);
    return rc ? rc : emit(s, &key, 1);
}

int czi_book_save(struct czi_book *b, czi_book_row_fn fn, void *arg, cz_error *err)
{
    struct saving s = {.book = b, .fn = fn, .arg = arg, .err = err};
    int rc = save_domains(&s);

    if (!rc)
        rc = save_entries(&s);
    if (!rc)
        rc = save_time(&s);
    if (!rc)
        rc = save_used(&s);
    czi_buf_done(&s.value);
    return rc;
}

void czi_book_saved(struct czi_book *b)
{
    for (size_t at = 0; at < b->changed.len; at += sizeof(uint32_t)) {
        uint32_t n;

        memcpy(&n, b->changed.data + at, sizeof n);
        czi_entry_at(b, n)->dirty = false;
    }
    for (uint32_t n = 0; n < b->domains.count; n++)
        czi_domain_at(b, n)->dirty = false;
    b->changed.len = 0;
    b->saved = b->entries.count;
    b->used_saved = b->used.count;
    b->time_dirty = false;
}

uint64_t czi_book_rows(const struct czi_book *b)
{
    return (uint64_t)b->domains.count + b->entries.count + b->used.count + (b->time.count > 0);
}

static bool read_number(struct czi_slice key, uint32_t *ret)
{
    uint32_t n = 0;

    if (key.len != 5)
        return false;
    for (int i = 0; i < 4; i++)
        n = n << 8 | key.data[1 + i];
    *ret = n;
    return true;
}

bool czi_book_has_row(const struct czi_book *b, struct czi_slice key, struct czi_slice value)
{
    CZI_AUTOBUF own = {0};
    uint32_t n = 0;

    if (!key.len)
        return false;
    switch (key.data[0]) {
    case 'd':
        if (!read_number(key, &n) || n >= b->domains.count)
            return false;
        put_domain(&own, czi_domain_at(b, n));
        break;
    case 'f':
        if (!read_number(key, &n) || n >= b->entries.count)
            return false;
        put_entry(&own, b, n);
        break;
    case 'u':
        if (key.len != 1 + sizeof(cz_id) ||
            czi_id_table_find(&b->used, key.data + 1) == CZI_ID_NONE)
            return false;
        put_null(&own);
        break;
    case 't':
        if (key.len != 1 || !b->time.count || put_time(&own, b, NULL))
            return false;
        break;
    default:
        return false;
    }
    return !own.failed && own.len == value.len && !memcmp(own.data, value.data, own.len);
}
