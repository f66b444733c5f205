/* time_map.c - see time_map.h.
 *
 * Layer: timemap. Invariant: entries ascend by name, none twice, each name well-formed; so maps
 * that know the same have the same canonical bytes.
 */
#include "timemap/time_map.h"

#include "codec/blake3.h"
#include "codec/dag_cbor.h"
#include "codec/tags.h"

#define TUPLE 2
#define ENTRY 6
/* Canonical bytes of one entry, at most. */
#define ENTRY_SIZE_MAX                                                                         \
    (1 + CZI_CBOR_HEAD_SIZE_MAX + CZI_DOMAIN_SIZE_MAX + 4 * CZI_CBOR_HEAD_SIZE_MAX + 2 + 32)

/* ---- Entries ---------------------------------------------------------------------------- */

void czi_time_map_done(struct czi_time_map *m)
{
    czi_free(m->entries);
    *m = (struct czi_time_map){0};
}

static int compare_names(const char *a, struct czi_slice b)
{
    size_t len = strlen(a), common = CZI_MIN(len, b.len);
    int order = common ? memcmp(a, b.data, common) : 0;

    return order ? order : (len > b.len) - (len < b.len);
}

static struct czi_slice name_of(const struct czi_time_entry *e)
{
    return (struct czi_slice){(const uint8_t *)e->name, strlen(e->name)};
}

/* Where the domain is, or belongs. */
static uint32_t place(const struct czi_time_map *m, struct czi_slice domain, bool *ret_found)
{
    uint32_t low = 0, high = m->count;

    *ret_found = false;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = compare_names(m->entries[middle].name, domain);

        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct czi_time_entry *czi_time_map_entry(const struct czi_time_map *m,
                                                struct czi_slice domain)
{
    bool found;
    uint32_t i = place(m, domain, &found);

    return found ? &m->entries[i] : NULL;
}

const struct czi_domain_time *czi_time_map_find(const struct czi_time_map *m,
                                                struct czi_slice domain)
{
    const struct czi_time_entry *e = czi_time_map_entry(m, domain);

    return e ? &e->at : NULL;
}

/* Of what is known of the newest block: height, then time, then hash. */
static int compare_blocks(const struct czi_domain_time *a, const struct czi_domain_time *b)
{
    if (a->height != b->height)
        return a->height < b->height ? -1 : 1;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return memcmp(a->hash, b->hash, sizeof a->hash);
}

/* The greater of each part; true when that is more than there was. */
static bool raise_entry(struct czi_domain_time *at, const struct czi_domain_time *by)
{
    struct czi_domain_time old = *at;
    bool newer = compare_blocks(at, by) < 0;

    if (newer)
        *at = *by;
    at->safe = CZI_MAX(old.safe, by->safe);
    at->final = CZI_MAX(old.final, by->final);
    return newer || at->safe != old.safe || at->final != old.final;
}

/* Room for `count` entries. */
static int make_room(struct czi_time_map *m, uint32_t count, cz_error *err)
{
    struct czi_time_entry *entries;
    uint32_t room;

    if (count <= m->room)
        return CZ_OK;
    if (count > CZI_DOMAINS_MAX)
        return czi_fail(err, CZ_LIMIT, "a time map of %u domains; CZI_DOMAINS_MAX is %u", count,
                        CZI_DOMAINS_MAX);
    room = CZI_MIN(CZI_MAX(count, 2 * m->room), CZI_DOMAINS_MAX);
    entries = czi_realloc(m->entries, room * sizeof *entries);
    if (!entries)
        return czi_nomem(err, "a time map");
    m->entries = entries;
    m->room = room;
    return CZ_OK;
}

static bool is_name(struct czi_slice s)
{
    return s.len && czi_utf8_valid(s.data, s.len) && !memchr(s.data, 0, s.len);
}

static void set_entry(struct czi_time_entry *e, struct czi_slice domain,
                      const struct czi_domain_time *at)
{
    *e = (struct czi_time_entry){.at = *at};
    memcpy(e->name, domain.data, domain.len);
}

int czi_time_map_advance(struct czi_time_map *m, struct czi_slice domain,
                         const struct czi_domain_time *at, bool *ret_changed, cz_error *err)
{
    bool found, changed = true;
    uint32_t i = place(m, domain, &found);

    if (found) {
        changed = raise_entry(&m->entries[i].at, at);
    } else {
        int rc;

        if (domain.len > CZI_DOMAIN_SIZE_MAX)
            return czi_fail(err, CZ_LIMIT,
                            "a domain's name of %zu bytes; CZI_DOMAIN_SIZE_MAX is %u",
                            domain.len, CZI_DOMAIN_SIZE_MAX);
        if (!is_name(domain))
            return czi_fail(err, CZ_INVALID, "a domain's name is empty or no text");
        rc = make_room(m, m->count + 1, err);
        if (rc != CZ_OK)
            return rc;
        memmove(m->entries + i + 1, m->entries + i, (m->count - i) * sizeof m->entries[0]);
        set_entry(&m->entries[i], domain, at);
        m->count++;
    }
    if (ret_changed)
        *ret_changed = changed;
    return CZ_OK;
}

/* ---- Whole maps ------------------------------------------------------------------------- */

/* How the next entries of two walks lie: < 0 only a has this domain, > 0 only b, 0 both. */
static int next_of(const struct czi_time_map *a, uint32_t i, const struct czi_time_map *b,
                   uint32_t j)
{
    if (i == a->count || j == b->count)
        return (i == a->count) - (j == b->count);
    return strcmp(a->entries[i].name, b->entries[j].name);
}

static uint32_t count_union(const struct czi_time_map *a, const struct czi_time_map *b)
{
    uint32_t n = 0;

    for (uint32_t i = 0, j = 0; i < a->count || j < b->count; n++) {
        int order = next_of(a, i, b, j);

        i += order <= 0;
        j += order >= 0;
    }
    return n;
}

int czi_time_map_merge(struct czi_time_map *m, const struct czi_time_map *other, cz_error *err)
{
    uint32_t i = m->count, j = other->count, total = count_union(m, other);
    int rc = make_room(m, total, err);

    if (rc != CZ_OK)
        return rc;
    m->count = total;
    /* From the end, so that no entry is overwritten before it was moved. */
    for (uint32_t to = total; j;) {
        const struct czi_time_entry *theirs = &other->entries[j - 1];
        int order = i ? strcmp(m->entries[i - 1].name, theirs->name) : -1;

        to--;
        m->entries[to] = order < 0 ? *theirs : m->entries[i - 1];
        if (order == 0)
            raise_entry(&m->entries[to].at, &theirs->at);
        i -= order >= 0;
        j -= order <= 0;
    }
    return CZ_OK;
}

int czi_time_map_copy(const struct czi_time_map *m, struct czi_time_map *ret, cz_error *err)
{
    struct czi_time_map copy = {0};
    int rc = make_room(&copy, m->count, err);

    if (rc != CZ_OK)
        return rc;
    if (m->count)
        memcpy(copy.entries, m->entries, m->count * sizeof copy.entries[0]);
    copy.count = m->count;
    *ret = copy;
    return CZ_OK;
}

enum cz_order czi_time_map_compare(const struct czi_time_map *a, const struct czi_time_map *b)
{
    bool less = false, more = false;

    for (uint32_t i = 0, j = 0; i < a->count || j < b->count;) {
        int order = next_of(a, i, b, j);

        if (order == 0) {
            const struct czi_domain_time *in_a = &a->entries[i].at, *in_b = &b->entries[j].at;
            int blocks = compare_blocks(in_a, in_b);

            less |= blocks < 0 || in_a->safe < in_b->safe || in_a->final < in_b->final;
            more |= blocks > 0 || in_a->safe > in_b->safe || in_a->final > in_b->final;
        }
        more |= order < 0;
        less |= order > 0;
        i += order <= 0;
        j += order >= 0;
    }
    if (less)
        return more ? CZ_CONCURRENT : CZ_BEFORE;
    return more ? CZ_AFTER : CZ_SAME;
}

/* ---- Canonical bytes -------------------------------------------------------------------- */

static uint8_t *put_entry(uint8_t *p, const struct czi_time_entry *e)
{
    p = czi_cbor_put_array(p, ENTRY);
    p = czi_cbor_put_text(p, e->name, strlen(e->name));
    p = czi_cbor_put_uint(p, e->at.height);
    p = czi_cbor_put_bytes(p, e->at.hash, sizeof e->at.hash);
    p = czi_cbor_put_uint(p, e->at.time);
    p = czi_cbor_put_uint(p, e->at.safe);
    return czi_cbor_put_uint(p, e->at.final);
}

int czi_time_map_encode(const struct czi_time_map *m, struct czi_buf *out, cz_error *err)
{
    uint8_t *p;

    out->len = 0;
    if (!m->count)
        return CZ_OK;
    p = czi_buf_reserve(out, 3 * CZI_CBOR_HEAD_SIZE_MAX + m->count * (size_t)ENTRY_SIZE_MAX);
    if (!p)
        return czi_nomem(err, "a time map");
    p = czi_cbor_put_array(p, TUPLE);
    p = czi_cbor_put_uint(p, CZI_TAG_TIME_MAP);
    p = czi_cbor_put_array(p, m->count);
    for (uint32_t i = 0; i < m->count; i++)
        p = put_entry(p, &m->entries[i]);
    out->len = (size_t)(p - out->data);
    return CZ_OK;
}

static void read_entry(struct czi_cbor *c, struct czi_time_entry *ret)
{
    struct czi_domain_time at = {0};
    struct czi_slice name;
    cz_id hash;

    czi_cbor_array_of(c, ENTRY);
    name = czi_cbor_text(c);
    if (!is_name(name) || name.len > CZI_DOMAIN_SIZE_MAX)
        czi_cbor_fail(c, "a domain's name is empty, no text, or longer than"
                         " CZI_DOMAIN_SIZE_MAX");
    at.height = czi_cbor_uint(c);
    hash = czi_cbor_bytes32(c);
    memcpy(at.hash, hash.bytes, sizeof at.hash);
    at.time = czi_cbor_uint(c);
    at.safe = czi_cbor_uint(c);
    at.final = czi_cbor_uint(c);
    if (!c->what)
        set_entry(ret, name, &at);
}

static void read_entries(struct czi_cbor *c, struct czi_time_map *m, uint32_t count)
{
    for (; m->count < count && !c->what; m->count++) {
        struct czi_time_entry *e = &m->entries[m->count];

        read_entry(c, e);
        if (!c->what && m->count && compare_names(e[-1].name, name_of(e)) >= 0)
            czi_cbor_fail(c, "a time map's domains are not in ascending order");
    }
}

int czi_time_map_decode(const void *bytes, size_t len, struct czi_time_map *ret, cz_error *err)
{
    struct czi_cbor c = czi_cbor(bytes, len);
    CZI_CLEANUP(czi_time_map_done) struct czi_time_map m = {0};
    uint64_t count;
    int rc;

    if (!len)
        return CZ_OK;
    czi_cbor_array_of(&c, TUPLE);
    if (czi_cbor_uint(&c) != CZI_TAG_TIME_MAP)
        czi_cbor_fail(&c, "not a time map");
    count = czi_cbor_array(&c);
    if (!count)
        czi_cbor_fail(&c, "a time map without domains has no bytes");
    if (!c.what) {
        rc = make_room(&m, (uint32_t)CZI_MIN(count, UINT32_MAX), err);
        if (rc != CZ_OK)
            return rc;
        read_entries(&c, &m, (uint32_t)count);
    }
    rc = czi_cbor_end(&c, err);
    if (rc != CZ_OK)
        return czi_wrap(err, rc, "time map");
    *ret = m;
    m = (struct czi_time_map){0};
    return CZ_OK;
}

int czi_time_map_id(const struct czi_time_map *m, cz_id *ret, cz_error *err)
{
    CZI_AUTOBUF bytes = {0};
    int rc = czi_time_map_encode(m, &bytes, err);

    if (rc != CZ_OK)
        return rc;
    *ret = (cz_id){0};
    if (bytes.len)
        czi_blake3(bytes.data, bytes.len, ret->bytes);
    return CZ_OK;
}
