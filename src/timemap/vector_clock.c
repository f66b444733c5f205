/* vector_clock.c - see vector_clock.h.
 *
 * Layer: timemap. Invariant: parts ascend by task, and no count is zero.
 */
#include "timemap/vector_clock.h"

_Static_assert(CZ_CLOCK_MAX == CZI_CLOCK_TASKS_MAX, "the public bound is the internal one");

/* Where the task is, or belongs. */
static uint32_t place(const struct czi_vector_clock *c, uint32_t task)
{
    uint32_t low = 0, high = c->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (c->parts[middle].task < task)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t czi_clock_get(const struct czi_vector_clock *c, uint32_t task)
{
    uint32_t i = place(c, task);

    return i < c->count && c->parts[i].task == task ? c->parts[i].count : 0;
}

bool czi_clock_increment(struct czi_vector_clock *c, uint32_t task)
{
    uint32_t i = place(c, task);

    if (i < c->count && c->parts[i].task == task) {
        if (c->parts[i].count == UINT64_MAX)
            return false;
        c->parts[i].count++;
        return true;
    }
    if (c->count == CZI_CLOCK_TASKS_MAX)
        return false;
    memmove(c->parts + i + 1, c->parts + i, (c->count - i) * sizeof c->parts[0]);
    c->parts[i] = (cz_clock_part){.task = task, .count = 1};
    c->count++;
    return true;
}

/* How many tasks of `other` are not in c. */
static uint32_t count_new(const struct czi_vector_clock *c,
                          const struct czi_vector_clock *other)
{
    uint32_t n = 0;

    for (uint32_t i = 0, j = 0; j < other->count; j++) {
        while (i < c->count && c->parts[i].task < other->parts[j].task)
            i++;
        n += i == c->count || c->parts[i].task != other->parts[j].task;
    }
    return n;
}

bool czi_clock_merge(struct czi_vector_clock *c, const struct czi_vector_clock *other)
{
    uint32_t i = c->count, j = other->count, total = i + count_new(c, other);

    if (total > CZI_CLOCK_TASKS_MAX)
        return false;
    c->count = total;
    /* From the end, so that no part is overwritten before it was moved. */
    for (uint32_t to = total; j;) {
        const cz_clock_part *theirs = &other->parts[j - 1];

        to--;
        if (i && c->parts[i - 1].task > theirs->task) {
            c->parts[to] = c->parts[--i];
            continue;
        }
        j--;
        if (i && c->parts[i - 1].task == theirs->task) {
            c->parts[to] = c->parts[--i];
            c->parts[to].count = CZI_MAX(c->parts[to].count, theirs->count);
        } else {
            c->parts[to] = *theirs;
        }
    }
    return true;
}

enum cz_order cz_clock_compare(const cz_clock_part *a, size_t a_count, const cz_clock_part *b,
                               size_t b_count)
{
    bool less = false, more = false;

    for (size_t i = 0, j = 0; i < a_count || j < b_count;) {
        bool has_a = i < a_count && (j == b_count || a[i].task <= b[j].task);
        bool has_b = j < b_count && (i == a_count || b[j].task <= a[i].task);
        uint64_t in_a = has_a ? a[i].count : 0, in_b = has_b ? b[j].count : 0;

        less |= in_a < in_b;
        more |= in_a > in_b;
        i += has_a;
        j += has_b;
    }
    if (less)
        return more ? CZ_CONCURRENT : CZ_BEFORE;
    return more ? CZ_AFTER : CZ_SAME;
}

enum cz_order czi_clock_compare(const struct czi_vector_clock *a,
                                const struct czi_vector_clock *b)
{
    return cz_clock_compare(a->parts, a->count, b->parts, b->count);
}

/* ---- Canonical bytes -------------------------------------------------------------------- */

uint8_t *czi_clock_put(uint8_t *out, const struct czi_vector_clock *c)
{
    out = czi_cbor_put_array(out, c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        out = czi_cbor_put_array(out, 2);
        out = czi_cbor_put_uint(out, c->parts[i].task);
        out = czi_cbor_put_uint(out, c->parts[i].count);
    }
    return out;
}

void czi_clock_read(struct czi_cbor *c, struct czi_vector_clock *ret)
{
    uint64_t n = czi_cbor_array(c);

    if (n > CZI_CLOCK_TASKS_MAX)
        czi_cbor_fail(c, "a clock of more tasks than CZI_CLOCK_TASKS_MAX");
    for (uint32_t i = 0; i < n && !c->what; i++) {
        cz_clock_part *part = &ret->parts[i];

        czi_cbor_array_of(c, 2);
        part->task = (uint32_t)czi_cbor_uint_max(c, UINT32_MAX);
        if (i && part->task <= ret->parts[i - 1].task)
            czi_cbor_fail(c, "a clock's tasks are not in ascending order");
        part->count = czi_cbor_uint(c);
        if (!part->count)
            czi_cbor_fail(c, "a clock's task without events");
    }
    ret->count = c->what ? 0 : (uint32_t)n;
}
