/* load.c - see load.h.
 *
 * Effect ids are sorted by a radix over their first 4 bytes and by comparison where these tie
 * (uniform ids: rarely), engine rows by comparison. Everything goes to the index as one run,
 * because a run becomes visible at once: the meta row never says more than is there.
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

/* An id and where it is: sorted instead of the ids themselves. */
struct entry {
    uint32_t prefix; /* first 4 bytes, big endian */
    uint32_t at;     /* in the tail */
};

static const cz_id *id_at(const struct czi_tail *t, uint32_t at)
{
    const struct czi_tail_part *p = t->parts;

    for (; at >= p->capacity; p++)
        at -= p->capacity;
    return &p->ids[at];
}

static void list_entries(const struct czi_tail *t, struct entry *out)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < t->part_count; i++)
        for (uint32_t j = 0; j < t->parts[i].count; j++, at++) {
            const uint8_t *id = t->parts[i].ids[j].bytes;

            out[at] = (struct entry){(uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 |
                                         (uint32_t)id[2] << 8 | id[3],
                                     at};
        }
}

/* Two stable passes of 16 bits; the result is in a. */
static void radix_sort(struct entry *a, struct entry *b, size_t n)
{
    uint32_t start[65536];

    for (int shift = 0; shift < 32; shift += 16) {
        struct entry *swap = a;
        uint32_t sum = 0;

        memset(start, 0, sizeof start);
        for (size_t i = 0; i < n; i++)
            start[a[i].prefix >> shift & 0xffff]++;
        for (size_t i = 0; i < CZI_COUNTOF(start); i++) {
            uint32_t count = start[i];

            start[i] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            b[start[a[i].prefix >> shift & 0xffff]++] = a[i];
        a = b;
        b = swap;
    }
}

static int compare_entries(const void *pa, const void *pb, void *arg)
{
    const struct entry *a = pa, *b = pb;
    int c = memcmp(id_at(arg, a->at), id_at(arg, b->at), sizeof(cz_id));

    return c ? c : (a->at > b->at) - (a->at < b->at);
}

static void sort_ties(const struct czi_tail *t, struct entry *e, size_t n)
{
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && e[j].prefix == e[i].prefix; j++)
            continue;
        if (j - i > 1)
            qsort_r(e + i, j - i, sizeof *e, compare_entries, (void *)(uintptr_t)t);
    }
}

/* Of an id that came twice the first position counts: it is the older in the order. */
static void put_effects(struct build *b, const struct czi_tail *t, const struct entry *e,
                        size_t n)
{
    uint8_t key[CZI_EFFECT_KEY_SIZE] = {'e'}, value[8];

    for (size_t i = 0; i < n; i++) {
        const cz_id *id = id_at(t, e[i].at);

        if (i + 8 < n)
            __builtin_prefetch(id_at(t, e[i + 8].at));
        if (i && !memcmp(key + 1, id, sizeof *id))
            continue;
        memcpy(key + 1, id, sizeof *id);
        czi_put_u64le(value, t->first_position + e[i].at);
        put_row(b, key, sizeof key, value, sizeof value);
    }
}

static int add_effects(struct build *b, const struct czi_tail *t, cz_error *err)
{
    size_t n = (size_t)t->count;
    CZI_AUTOFREE struct entry *e = czi_alloc(2 * n * sizeof *e);

    if (!e || n > UINT32_MAX)
        return czi_nomem(err, "the order of the index");
    list_entries(t, e);
    radix_sort(e, e + n, n);
    sort_ties(t, e, n);
    put_effects(b, t, e, n);
    return CZ_OK;
}

/* ---- Frames and the whole ------------------------------------------------------------------
 */

void czi_frame_key(uint8_t out[CZI_FRAME_KEY_SIZE], uint64_t first_position)
{
    out[0] = 'p';
    for (int i = 0; i < 8; i++)
        out[1 + i] = (uint8_t)(first_position >> (56 - 8 * i));
}

static void add_frames(struct build *b, const struct czi_tail *t)
{
    const struct czi_tail_frame *f = (const void *)t->frames.data;

    for (size_t n = t->frames.len / sizeof *f; n--; f++) {
        uint8_t key[CZI_FRAME_KEY_SIZE], value[CZI_FRAME_VALUE_SIZE];

        czi_frame_key(key, f->first_position);
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
        CZI_CHECK(!memchr("emp", out[i].key.data[0], 3));
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
                      const struct czi_row *end, cz_error *err)
{
    int rc;

    from = add_below(b, from, end, 'e');
    rc = add_effects(b, l->tail, err);
    if (rc)
        return rc;
    from = add_below(b, from, end, 'm');
    add_meta(b, &l->place);
    from = add_below(b, from, end, 'p');
    add_frames(b, l->tail);
    add_below(b, from, end, UINT8_MAX + 1);
    return CZ_OK;
}

int czi_load_run(const struct czi_load *l, cz_error *err)
{
    size_t engine = l->rows.spans.len / sizeof(struct czi_row_span),
           frames = l->tail->frames.len / sizeof(struct czi_tail_frame),
           effects = (size_t)l->tail->count;
    CZI_AUTOFREE struct czi_row *sorted = sort_engine_rows(&l->rows, engine);
    CZI_AUTOFREE struct czi_row *rows =
        czi_alloc((engine + effects + frames + 1) * sizeof *rows);
    CZI_AUTOFREE uint8_t *bytes = czi_alloc(
        effects * (CZI_EFFECT_KEY_SIZE + 8) +
        frames * (CZI_FRAME_KEY_SIZE + CZI_FRAME_VALUE_SIZE) + 1 + CZI_PLACE_SIZE_MAX);
    struct build b = {.rows = rows, .at = bytes};
    int rc;

    if (l->rows.bytes.failed || l->rows.spans.failed || !sorted || !rows || !bytes)
        return czi_nomem(err, "the index's rows");
    rc = fill_build(&b, l, sorted, sorted + engine, err);
    return rc ? rc : l->index->ops->load(l->index, rows, b.count, err);
}
