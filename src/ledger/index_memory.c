/* index_memory.c - the index in memory, for simulation and stores without a directory.
 *
 * Layer: ledger. Threads: load one at a time; get, scan and floor beside it from any thread.
 *
 * A load becomes one immutable sorted run, merged with its neighbours while they are of
 * similar size, so there are logarithmically many and a row is copied as often. Readers hold
 * references to the runs as they were, and never wait for a load. Newer runs win.
 */
#include "base/error.h"
#include "ledger/index.h"
#include "platform/platform.h"

/* Sizes at least double from one run to the next older. */
#define RUNS_MAX 64u

struct run {
    unsigned refs; /* under the mutex */
    size_t count;
    size_t size; /* of all keys and values */
    struct czi_row rows[];
};

struct runs {
    unsigned count;
    struct run *at[RUNS_MAX]; /* oldest first */
};

struct memory_index {
    struct czi_index base;
    struct czi_mutex *mutex;
    struct runs runs;
};

static struct memory_index *memory_of(struct czi_index *x)
{
    return (struct memory_index *)x;
}

static int compare(struct czi_slice a, struct czi_slice b)
{
    int c = memcmp(a.data, b.data, CZI_MIN(a.len, b.len));

    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static struct run *new_run(size_t count, size_t size)
{
    struct run *r = czi_alloc(sizeof *r + count * sizeof *r->rows + size);

    if (r)
        *r = (struct run){.refs = 1};
    return r;
}

static struct czi_slice put_bytes(uint8_t **at, struct czi_slice from)
{
    uint8_t *to = *at;

    if (from.len)
        memcpy(to, from.data, from.len);
    *at += from.len;
    return (struct czi_slice){to, from.len};
}

static void append_row(struct run *r, uint8_t **at, const struct czi_row *row)
{
    struct czi_row *to = &r->rows[r->count++];

    to->key = put_bytes(at, row->key);
    to->value = put_bytes(at, row->value);
    r->size += row->key.len + row->value.len;
}

static struct run *copy_rows(const struct czi_row *rows, size_t count)
{
    size_t size = 0;
    struct run *r;
    uint8_t *at;

    for (size_t i = 0; i < count; i++)
        size += rows[i].key.len + rows[i].value.len;
    r = new_run(count, size);
    if (!r)
        return NULL;
    at = (uint8_t *)&r->rows[count];
    for (size_t i = 0; i < count; i++)
        append_row(r, &at, &rows[i]);
    return r;
}

static struct run *merge(const struct run *older, const struct run *newer)
{
    struct run *r = new_run(older->count + newer->count, older->size + newer->size);
    size_t i = 0, j = 0;
    uint8_t *at;

    if (!r)
        return NULL;
    at = (uint8_t *)&r->rows[older->count + newer->count];
    while (i < older->count || j < newer->count) {
        int c = i == older->count   ? 1
                : j == newer->count ? -1
                                    : compare(older->rows[i].key, newer->rows[j].key);

        append_row(r, &at, c < 0 ? &older->rows[i] : &newer->rows[j]);
        i += c <= 0;
        j += c >= 0;
    }
    return r;
}

static void put_runs(struct memory_index *m, struct runs *runs)
{
    for (unsigned i = 0; i < runs->count; i++) {
        unsigned left;

        czi_mutex_lock(m->mutex);
        left = --runs->at[i]->refs;
        czi_mutex_unlock(m->mutex);
        if (!left)
            czi_free(runs->at[i]);
    }
}

static struct runs get_runs(struct memory_index *m)
{
    struct runs now;

    czi_mutex_lock(m->mutex);
    now = m->runs;
    for (unsigned i = 0; i < now.count; i++)
        now.at[i]->refs++;
    czi_mutex_unlock(m->mutex);
    return now;
}

static int memory_load(struct czi_index *x, const struct czi_row *rows, size_t count,
                       cz_error *err)
{
    struct memory_index *m = memory_of(x);
    struct runs next = m->runs, replaced = {0};
    struct run *r = copy_rows(rows, count);

    while (r && next.count && next.at[next.count - 1]->size <= 2 * r->size) {
        struct run *both = merge(next.at[next.count - 1], r);

        czi_free(r);
        r = both;
        if (r)
            replaced.at[replaced.count++] = next.at[--next.count];
    }
    if (!r)
        return czi_nomem(err, "the index");
    CZI_CHECK(next.count < RUNS_MAX);
    next.at[next.count++] = r;
    czi_mutex_lock(m->mutex);
    m->runs = next;
    czi_mutex_unlock(m->mutex);
    put_runs(m, &replaced);
    return CZ_OK;
}

/* The first row of a run that is not below key. */
static size_t lower_bound(const struct run *r, struct czi_slice key)
{
    size_t low = 0, high = r->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (compare(r->rows[mid].key, key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int copy_out(struct czi_buf *to, struct czi_slice from, cz_error *err)
{
    if (!to)
        return CZ_OK;
    czi_buf_put(to, from.data, from.len);
    return to->failed ? czi_nomem(err, "a row of the index") : CZ_OK;
}

static int memory_get(struct czi_index *x, struct czi_slice key, struct czi_buf *ret,
                      cz_error *err)
{
    struct runs runs = get_runs(memory_of(x));
    int rc = CZ_NOT_FOUND;

    for (unsigned i = runs.count; rc == CZ_NOT_FOUND && i--;) {
        const struct run *r = runs.at[i];
        size_t at = lower_bound(r, key);

        if (at < r->count && !compare(r->rows[at].key, key))
            rc = copy_out(ret, r->rows[at].value, err);
    }
    put_runs(memory_of(x), &runs);
    return rc == CZ_NOT_FOUND ? czi_fail(err, rc, "no such row in the index") : rc;
}

/* The smallest row at the runs' places, of equal keys the newest; moves past it in all runs. */
static const struct czi_row *next_row(const struct runs *runs, size_t at[RUNS_MAX])
{
    const struct czi_row *best = NULL;

    for (unsigned i = runs->count; i--;) {
        const struct run *r = runs->at[i];

        if (at[i] < r->count && (!best || compare(r->rows[at[i]].key, best->key) < 0))
            best = &r->rows[at[i]];
    }
    for (unsigned i = 0; best && i < runs->count; i++) {
        const struct run *r = runs->at[i];

        at[i] += at[i] < r->count && !compare(r->rows[at[i]].key, best->key);
    }
    return best;
}

static int memory_scan(struct czi_index *x, struct czi_slice prefix,
                       int (*fn)(void *arg, const struct czi_row *row), void *arg,
                       cz_error *err)
{
    struct runs runs = get_runs(memory_of(x));
    const struct czi_row *row;
    size_t at[RUNS_MAX];
    int rc = CZ_OK;

    (void)err;
    for (unsigned i = 0; i < runs.count; i++)
        at[i] = lower_bound(runs.at[i], prefix);
    while (!rc && (row = next_row(&runs, at)) && row->key.len >= prefix.len &&
           !memcmp(row->key.data, prefix.data, prefix.len))
        rc = fn(arg, row);
    put_runs(memory_of(x), &runs);
    return rc;
}

static int memory_floor(struct czi_index *x, struct czi_slice key, struct czi_buf *ret_key,
                        struct czi_buf *ret_value, cz_error *err)
{
    struct runs runs = get_runs(memory_of(x));
    const struct czi_row *best = NULL;
    int rc;

    for (unsigned i = runs.count; i--;) {
        const struct run *r = runs.at[i];
        size_t at = lower_bound(r, key);

        at += at < r->count && !compare(r->rows[at].key, key);
        if (at && r->rows[at - 1].key.data[0] == key.data[0] &&
            (!best || compare(r->rows[at - 1].key, best->key) > 0))
            best = &r->rows[at - 1];
    }
    rc = best ? copy_out(ret_key, best->key, err)
              : czi_fail(err, CZ_NOT_FOUND, "no such row in the index");
    if (!rc)
        rc = copy_out(ret_value, best->value, err);
    put_runs(memory_of(x), &runs);
    return rc;
}

static void memory_close(struct czi_index *x)
{
    if (!x)
        return;
    put_runs(memory_of(x), &memory_of(x)->runs);
    czi_mutex_free(memory_of(x)->mutex);
    czi_free(x);
}

static const struct czi_index_ops memory_ops = {
    .load = memory_load,
    .get = memory_get,
    .scan = memory_scan,
    .floor = memory_floor,
    .close = memory_close,
};

int czi_index_memory(struct czi_index **ret, cz_error *err)
{
    struct memory_index *m = czi_alloc_zero(1, sizeof *m);

    if (m)
        m->mutex = czi_mutex_new();
    if (!m || !m->mutex) {
        czi_free(m);
        return czi_nomem(err, "the index");
    }
    m->base.ops = &memory_ops;
    *ret = &m->base;
    return CZ_OK;
}
