/* load.c - see load.h.
 *
 * Effect ids are gathered in buckets by their first two bytes, a row each: what a table of
 * sorted rows costs is by the row (an id a row took 200 ns, most of the index's time), and a
 * bucket of a full segment holds a few dozen. Engine rows are sorted by comparison. Everything
 * goes to the index as one run, because a run becomes visible at once: the meta row never says
 * more than is there.
 */
#include "ledger/load.h"

#include "base/error.h"

#include <stdlib.h>

/* ---- Rows of the engine --------------------------------------------------------------------
 */

void czi_rows_add(struct czi_rows *rows, const void *key, size_t key_len, const void *value,
                  size_t value_len)
{
    struct czi_row_span span = {.key = rows->bytes.len,
                                .value = rows->bytes.len + key_len,
                                .key_len = (uint32_t)key_len,
                                .value_len = (uint32_t)value_len};

    CZI_CHECK(key_len && key_len <= UINT32_MAX && value_len <= UINT32_MAX);
    czi_buf_put(&rows->bytes, key, key_len);
    czi_buf_put(&rows->bytes, value, value_len);
    czi_buf_put(&rows->spans, &span, sizeof span);
}

void czi_rows_done(struct czi_rows *rows)
{
    czi_buf_done(&rows->bytes);
    czi_buf_done(&rows->spans);
}

static int compare_rows(const void *pa, const void *pb)
{
    const struct czi_row *a = pa, *b = pb;
    int c = memcmp(a->key.data, b->key.data, CZI_MIN(a->key.len, b->key.len));

    return c ? c : (a->key.len > b->key.len) - (a->key.len < b->key.len);
}

/* The run that is being built, in table order. */
struct build {
    struct czi_row *rows;
    size_t count;
    uint8_t *at; /* where the next key and value go that are made here */
};

static void put_row(struct build *b, const void *key, size_t key_len, const void *value,
                    size_t value_len)
{
    memcpy(b->at, key, key_len);
    memcpy(b->at + key_len, value, value_len);
    b->rows[b->count++] = (struct czi_row){{b->at, key_len}, {b->at + key_len, value_len}};
    b->at += key_len + value_len;
}

/* ---- Effects -------------------------------------------------------------------------------
 */

/* Bytes of an id in a row's key, and behind them in its value. */
#define BUCKETS 65536u

static unsigned bucket_of(const uint8_t *id)
{
    return (unsigned)id[0] << 8 | id[1];
}

/* Calls nothing, allocates nothing: ends[k] becomes where bucket k's entries end. */
static void count_buckets(const struct czi_tail *t, uint32_t *ends)
{
    uint32_t sum = 0;

    memset(ends, 0, BUCKETS * sizeof *ends);
    for (uint32_t i = 0; i < t->part_count; i++)
        for (uint32_t j = 0; j < t->parts[i].count; j++)
            ends[bucket_of(t->parts[i].ids[j].bytes)]++;
    for (uint32_t k = 0; k < BUCKETS; k++)
        ends[k] = sum += ends[k];
}

/* Fills the buckets from their starts, in the order of positions. `at` holds the starts and
 * ends up as the ends. */
static void fill_buckets(const struct czi_tail *t, uint32_t *at, uint8_t *entries)
{
    uint32_t offset = 0;

    for (uint32_t i = 0; i < t->part_count; i++)
        for (uint32_t j = 0; j < t->parts[i].count; j++) {
            const uint8_t *id = t->parts[i].ids[j].bytes;
            uint8_t *p = entries + (size_t)at[bucket_of(id)]++ * CZI_EFFECT_ENTRY_SIZE;

            memcpy(p, id + 2, CZI_EFFECT_ENTRY_SIZE - 4);
            czi_put_u32le(p + CZI_EFFECT_ENTRY_SIZE - 4, offset++);
        }
}

void czi_effect_key(uint8_t out[CZI_EFFECT_KEY_SIZE], const uint8_t *id,
                    uint64_t first_position)
{
    out[0] = 'e';
    memcpy(out + 1, id, 2);
    for (int i = 0; i < 8; i++)
        out[3 + i] = (uint8_t)(first_position >> (56 - 8 * i));
}

static int add_effects(struct build *b, const struct czi_tail *t, uint8_t *entries,
                       cz_error *err)
{
    CZI_AUTOFREE uint32_t *at = czi_alloc(BUCKETS * sizeof *at);
    uint32_t start = 0;

    if (!at || t->count > UINT32_MAX)
        return czi_nomem(err, "the buckets of the index");
    count_buckets(t, at);
    /* Ends become starts: the bucket before ends where this one begins. */
    memmove(at + 1, at, (BUCKETS - 1) * sizeof *at);
    at[0] = 0;
    fill_buckets(t, at, entries);
    for (uint32_t k = 0; k < BUCKETS; start = at[k++]) {
        uint8_t id[2] = {(uint8_t)(k >> 8), (uint8_t)k};
        size_t count = at[k] - start;

        if (!count)
            continue;
        czi_effect_key(b->at, id, t->first_position);
        b->rows[b->count++] = (struct czi_row){{b->at, CZI_EFFECT_KEY_SIZE},
                                               {entries + (size_t)start * CZI_EFFECT_ENTRY_SIZE,
                                                count * CZI_EFFECT_ENTRY_SIZE}};
        b->at += CZI_EFFECT_KEY_SIZE;
    }
    return CZ_OK;
}

/* ---- Frames and the whole ------------------------------------------------------------------
 */

void czi_frame_key(uint8_t out[CZI_FRAME_KEY_SIZE], char table, uint64_t first)
{
    out[0] = (uint8_t)table;
    for (int i = 0; i < 8; i++)
        out[1 + i] = (uint8_t)(first >> (56 - 8 * i));
}

static void add_frames(struct build *b, const struct czi_tail *t, char table)
{
    const struct czi_tail_frame *f = (const void *)t->frames.data;
    bool facts = table == 'g';

    for (size_t n = t->frames.len / sizeof *f; n--; f++) {
        uint8_t key[CZI_FRAME_KEY_SIZE], value[CZI_FRAME_VALUE_SIZE];

        if (!(facts ? f->fact_count : f->position_count))
            continue;
        czi_frame_key(key, table, facts ? f->facts_before : f->first_position);
        czi_put_u64le(czi_put_u32le(value, f->segment), f->offset);
        put_row(b, key, sizeof key, value, sizeof value);
    }
}

static void add_meta(struct build *b, const struct czi_place *place)
{
    uint8_t value[CZI_PLACE_SIZE_MAX];
    size_t len = czi_place_put(value, place);

    put_row(b, "m", 1, value, len);
}

/* The engine's rows, sorted; each key once, none in a table of the ledger's. */
static struct czi_row *sort_engine_rows(const struct czi_rows *rows, size_t count)
{
    struct czi_row *out = czi_alloc(count * sizeof *out);

    for (size_t i = 0; out && i < count; i++) {
        struct czi_row_span s;

        memcpy(&s, rows->spans.data + i * sizeof s, sizeof s);
        out[i] = (struct czi_row){{rows->bytes.data + s.key, s.key_len},
                                  {rows->bytes.data + s.value, s.value_len}};
        CZI_CHECK(!memchr("egmp", out[i].key.data[0], 4));
    }
    if (out)
        qsort(out, count, sizeof *out, compare_rows);
    for (size_t i = 1; out && i < count; i++)
        CZI_CHECK(compare_rows(&out[i - 1], &out[i]) < 0);
    return out;
}

/* Copies the engine's rows of the tables below `table`. */
static const struct czi_row *add_below(struct build *b, const struct czi_row *from,
                                       const struct czi_row *end, unsigned table)
{
    while (from < end && from->key.data[0] < table)
        b->rows[b->count++] = *from++;
    return from;
}

static int fill_build(struct build *b, const struct czi_load *l, const struct czi_row *from,
                      const struct czi_row *end, uint8_t *entries, cz_error *err)
{
    int rc;

    from = add_below(b, from, end, 'e');
    rc = add_effects(b, l->tail, entries, err);
    if (rc)
        return rc;
    from = add_below(b, from, end, 'g');
    add_frames(b, l->tail, 'g');
    from = add_below(b, from, end, 'm');
    add_meta(b, &l->place);
    from = add_below(b, from, end, 'p');
    add_frames(b, l->tail, 'p');
    add_below(b, from, end, UINT8_MAX + 1);
    return CZ_OK;
}

int czi_load_run(const struct czi_load *l, cz_error *err)
{
    size_t engine = l->rows.spans.len / sizeof(struct czi_row_span),
           frames = l->tail->frames.len / sizeof(struct czi_tail_frame) * 2,
           effects = (size_t)l->tail->count;
    CZI_AUTOFREE struct czi_row *sorted = sort_engine_rows(&l->rows, engine);
    size_t buckets = CZI_MIN(effects, (size_t)BUCKETS);
    CZI_AUTOFREE struct czi_row *rows =
        czi_alloc((engine + buckets + frames + 1) * sizeof *rows);
    CZI_AUTOFREE uint8_t *bytes = czi_alloc(
        buckets * CZI_EFFECT_KEY_SIZE + frames * (CZI_FRAME_KEY_SIZE + CZI_FRAME_VALUE_SIZE) +
        1 + CZI_PLACE_SIZE_MAX);
    CZI_AUTOFREE uint8_t *entries = czi_alloc(effects * CZI_EFFECT_ENTRY_SIZE);
    struct build b = {.rows = rows, .at = bytes};
    int rc;

    if (l->rows.bytes.failed || l->rows.spans.failed || !sorted || !rows || !bytes || !entries)
        return czi_nomem(err, "the index's rows");
    rc = fill_build(&b, l, sorted, sorted + engine, entries, err);
    return rc ? rc : l->index->ops->load(l->index, rows, b.count, err);
}
