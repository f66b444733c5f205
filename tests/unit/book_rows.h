/* book_rows.h - rows of a book as an index keeps them: ascending, one value a key. */
#ifndef CZI_BOOK_ROWS_H
#define CZI_BOOK_ROWS_H

#include "fact/book.h"
#include "test.h"

struct row {
    struct czi_buf key, value;
};

struct rows {
    struct row *row;
    unsigned count, room, puts;
};

static inline int compare_keys(const struct czi_buf *a, const uint8_t *key, size_t len)
{
    int order = memcmp(a->data, key, CZI_MIN(a->len, len));

    return order ? order : (a->len > len) - (a->len < len);
}

static inline int put_row(void *arg, const uint8_t *key, size_t len,
                          const struct czi_buf *value)
{
    struct rows *r = arg;
    unsigned i = r->count;

    while (i > 0 && compare_keys(&r->row[i - 1].key, key, len) >= 0)
        i--;
    if (i == r->count || compare_keys(&r->row[i].key, key, len) != 0) {
        if (r->count == r->room) {
            r->room = CZI_MAX(64u, 2 * r->room);
            r->row = realloc(r->row, r->room * sizeof r->row[0]);
            assert_non_null(r->row);
        }
        memmove(&r->row[i + 1], &r->row[i], (r->count++ - i) * sizeof r->row[0]);
        memset(&r->row[i], 0, sizeof r->row[i]);
        czi_buf_put(&r->row[i].key, key, len);
    }
    r->row[i].value.len = 0;
    czi_buf_put(&r->row[i].value, value->data, value->len);
    r->puts++;
    return CZ_OK;
}

static inline void rows_done(struct rows *r)
{
    for (unsigned i = 0; i < r->count; i++) {
        czi_buf_done(&r->row[i].key);
        czi_buf_done(&r->row[i].value);
    }
    free(r->row);
    memset(r, 0, sizeof *r);
}

static inline void rows_save(struct rows *r, struct czi_book *b)
{
    cz_error err = {0};

    assert_ok(czi_book_save(b, put_row, r, &err), err);
    czi_book_saved(b);
}

static inline int rows_load(const struct rows *r, struct czi_book *b, cz_error *err)
{
    int rc = CZ_OK;

    for (unsigned i = 0; i < r->count && !rc; i++)
        rc = czi_book_load(b, czi_buf_slice(&r->row[i].key), czi_buf_slice(&r->row[i].value),
                           err);
    return rc ? rc : czi_book_loaded(b, err);
}

#endif
