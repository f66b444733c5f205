/* test_time_map.c - the time map: what it keeps, its canonical bytes written out by hand as
 * time_map.h says, and snapshots as callers see them.
 *
 * Its laws: tests/property/test_time_map_property.c.
 */
#include "codec/blake3.h"
#include "test.h"
#include "timemap/time_map.h"

#define CZI_AUTOMAP CZI_CLEANUP(czi_time_map_done) struct czi_time_map

static struct czi_slice slice(const char *s)
{
    return (struct czi_slice){(const uint8_t *)s, strlen(s)};
}

static struct czi_domain_time entry(uint64_t height, uint64_t time, uint8_t hash, uint64_t safe,
                                    uint64_t final)
{
    struct czi_domain_time t = {.height = height, .time = time, .safe = safe, .final = final};

    memset(t.hash, hash, sizeof t.hash);
    return t;
}

static bool advance(struct czi_time_map *m, const char *domain, struct czi_domain_time at)
{
    bool changed;
    cz_error err = {0};

    assert_ok(czi_time_map_advance(m, slice(domain), &at, &changed, &err), err);
    return changed;
}

static void assert_entry(const struct czi_domain_time *is, struct czi_domain_time expected)
{
    assert_non_null(is);
    assert_int_equal(is->height, expected.height);
    assert_int_equal(is->time, expected.time);
    assert_memory_equal(is->hash, expected.hash, 32);
    assert_int_equal(is->safe, expected.safe);
    assert_int_equal(is->final, expected.final);
}

/* ---- What it keeps ---------------------------------------------------------------------- */

static void nothing_is_known_at_first(void **state)
{
    CZI_AUTOMAP m = {0}, again = {0};
    CZI_AUTOBUF bytes = {0};
    cz_id id = {{1}}, none = {{0}};
    cz_error err = {0};

    (void)state;
    assert_null(czi_time_map_find(&m, slice("ethereum")));
    assert_null(czi_time_map_find(&m, (struct czi_slice){0}));
    assert_ok(czi_time_map_encode(&m, &bytes, &err), err);
    assert_int_equal(bytes.len, 0);
    assert_ok(czi_time_map_decode(NULL, 0, &again, &err), err);
    assert_int_equal(again.count, 0);
    assert_ok(czi_time_map_id(&m, &id, &err), err);
    assert_memory_equal(&id, &none, sizeof id);
}

static void of_two_entries_the_greater_of_each_part_stays(void **state)
{
    const struct {
        struct czi_domain_time first, second, both;
    } cases[] = {
        /* height before time before hash */
        {entry(5, 9, 9, 0, 0), entry(6, 1, 1, 0, 0), entry(6, 1, 1, 0, 0)},
        {entry(5, 9, 1, 0, 0), entry(5, 8, 2, 0, 0), entry(5, 9, 1, 0, 0)},
        {entry(5, 9, 0x7f, 0, 0), entry(5, 9, 0x80, 0, 0), entry(5, 9, 0x80, 0, 0)},
        /* safe and final by themselves */
        {entry(5, 9, 1, 3, 2), entry(4, 9, 1, 4, 1), entry(5, 9, 1, 4, 2)},
        {entry(5, 9, 1, 3, 2), entry(6, 9, 1, 0, 4), entry(6, 9, 1, 3, 4)},
        {entry(5, 9, 1, 3, 2), entry(5, 9, 1, 3, 2), entry(5, 9, 1, 3, 2)},
        {entry(UINT64_MAX, 1, 1, 1, 1), entry(1, UINT64_MAX, 255, 2, UINT64_MAX),
         entry(UINT64_MAX, 1, 1, 2, UINT64_MAX)},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOMAP m = {0}, other_way = {0};

        assert_true(advance(&m, "x", cases[i].first));
        assert_int_equal(advance(&m, "x", cases[i].second),
                         memcmp(&cases[i].first, &cases[i].both, sizeof cases[i].both) != 0);
        assert_entry(czi_time_map_find(&m, slice("x")), cases[i].both);
        assert_true(advance(&other_way, "x", cases[i].second));
        (void)advance(&other_way, "x", cases[i].first);
        assert_entry(czi_time_map_find(&other_way, slice("x")), cases[i].both);
    }
}

static void the_hash_s_first_byte_counts_most(void **state)
{
    CZI_AUTOMAP m = {0};
    struct czi_domain_time low = entry(1, 1, 0, 0, 0), high = low;

    (void)state;
    low.hash[31] = 255;
    high.hash[0] = 1;
    assert_true(advance(&m, "x", low));
    assert_true(advance(&m, "x", high));
    assert_false(advance(&m, "x", low));
    assert_entry(czi_time_map_find(&m, slice("x")), high);
}

static void domains_ascend_bytewise_whatever_comes_first(void **state)
{
    static const char *const come[] = {"z", "\xc3\xa9", "ab", "b", "a", "A", "abc", "-"};
    static const char *const are[] = {"-", "A", "a", "ab", "abc", "b", "z", "\xc3\xa9"};
    CZI_AUTOMAP m = {0};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(come); i++)
        assert_true(advance(&m, come[i], entry(i, 0, 0, 0, 0)));
    assert_int_equal(m.count, CZI_COUNTOF(are));
    for (size_t i = 0; i < CZI_COUNTOF(are); i++)
        assert_string_equal(m.entries[i].name, are[i]);
    for (size_t i = 0; i < CZI_COUNTOF(come); i++)
        assert_int_equal(czi_time_map_find(&m, slice(come[i]))->height, i);
    assert_null(czi_time_map_find(&m, slice("aba")));
    assert_null(czi_time_map_find(&m, slice("abcd")));
}

static void what_is_no_name_is_refused(void **state)
{
    const struct {
        struct czi_slice name;
        int code;
    } cases[] = {
        {{NULL, 0}, CZ_INVALID},
        {{(const uint8_t *)"a\0b", 3}, CZ_INVALID},
        {{(const uint8_t *)"\xff", 1}, CZ_INVALID},
        {{(const uint8_t *)"123456789012345678901234567890123", 33}, CZ_LIMIT},
    };
    CZI_AUTOMAP m = {0};
    struct czi_domain_time at = entry(1, 1, 1, 1, 1);
    bool changed = true;
    cz_error err = {0};

    (void)state;
    assert_int_equal(CZI_DOMAIN_SIZE_MAX, 32);
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++)
        assert_int_equal(czi_time_map_advance(&m, cases[i].name, &at, &changed, &err),
                         cases[i].code);
    assert_true(changed);
    assert_int_equal(m.count, 0);
    assert_true(advance(&m, "12345678901234567890123456789012", at));
    assert_string_equal(m.entries[0].name, "12345678901234567890123456789012");
}

/* ---- Comparing and merging -------------------------------------------------------------- */

static void comparing_tells_who_knows_more(void **state)
{
    const struct czi_domain_time base = entry(5, 5, 5, 3, 2);
    const struct {
        struct czi_domain_time other;
        enum cz_order order;
    } cases[] = {
        {entry(5, 5, 5, 3, 2), CZ_SAME},       {entry(6, 0, 0, 3, 2), CZ_BEFORE},
        {entry(4, 9, 9, 3, 2), CZ_AFTER},      {entry(5, 6, 0, 3, 2), CZ_BEFORE},
        {entry(5, 5, 4, 3, 2), CZ_AFTER},      {entry(5, 5, 5, 4, 2), CZ_BEFORE},
        {entry(5, 5, 5, 3, 1), CZ_AFTER},      {entry(6, 5, 5, 2, 2), CZ_CONCURRENT},
        {entry(5, 5, 5, 4, 1), CZ_CONCURRENT}, {entry(4, 5, 5, 3, 3), CZ_CONCURRENT},
    };
    static const enum cz_order reverse[] = {
        [CZ_SAME] = CZ_SAME,
        [CZ_BEFORE] = CZ_AFTER,
        [CZ_AFTER] = CZ_BEFORE,
        [CZ_CONCURRENT] = CZ_CONCURRENT,
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOMAP a = {0}, b = {0};

        assert_true(advance(&a, "x", base));
        assert_true(advance(&b, "x", cases[i].other));
        assert_int_equal(czi_time_map_compare(&a, &b), cases[i].order);
        assert_int_equal(czi_time_map_compare(&b, &a), reverse[cases[i].order]);
    }
}

static void a_domain_of_which_all_is_zero_is_more_than_none(void **state)
{
    CZI_AUTOMAP a = {0}, b = {0};

    (void)state;
    assert_int_equal(czi_time_map_compare(&a, &b), CZ_SAME);
    assert_true(advance(&b, "x", (struct czi_domain_time){0}));
    assert_int_equal(czi_time_map_compare(&a, &b), CZ_BEFORE);
    assert_int_equal(czi_time_map_compare(&b, &a), CZ_AFTER);
    assert_true(advance(&a, "a", (struct czi_domain_time){0}));
    assert_int_equal(czi_time_map_compare(&a, &b), CZ_CONCURRENT);
    assert_true(advance(&a, "x", (struct czi_domain_time){0}));
    assert_int_equal(czi_time_map_compare(&a, &b), CZ_AFTER);
}

static void merging_knows_what_either_knew(void **state)
{
    CZI_AUTOMAP a = {0}, b = {0}, empty = {0};
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    static const uint64_t heights[] = {1, 20, 3, 4, 5};
    cz_error err = {0};

    (void)state;
    assert_true(advance(&a, "b", entry(2, 0, 0, 0, 0)));
    assert_true(advance(&a, "d", entry(4, 0, 0, 0, 0)));
    assert_true(advance(&b, "a", entry(1, 0, 0, 0, 0)));
    assert_true(advance(&b, "b", entry(20, 0, 0, 0, 0)));
    assert_true(advance(&b, "c", entry(3, 0, 0, 0, 0)));
    assert_true(advance(&b, "d", entry(3, 0, 0, 0, 0)));
    assert_true(advance(&b, "e", entry(5, 0, 0, 0, 0)));
    assert_ok(czi_time_map_merge(&a, &b, &err), err);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(a.count, CZI_COUNTOF(names));
        for (size_t i = 0; i < CZI_COUNTOF(names); i++) {
            assert_string_equal(a.entries[i].name, names[i]);
            assert_int_equal(a.entries[i].at.height, heights[i]);
        }
        assert_ok(czi_time_map_merge(&a, round ? &a : &empty, &err), err);
    }
    assert_ok(czi_time_map_merge(&empty, &a, &err), err);
    assert_int_equal(czi_time_map_compare(&empty, &a), CZ_SAME);
}

static void fill(struct czi_time_map *m, unsigned first, unsigned count)
{
    char name[16];

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "domain-%05u", first + i);
        assert_true(advance(m, name, entry(first + i, 1, 1, 1, 1)));
    }
}

static void domains_are_bounded(void **state)
{
    CZI_AUTOMAP full = {0}, two = {0}, before = {0};
    struct czi_domain_time at = entry(9, 9, 9, 9, 9);
    cz_error err = {0};

    (void)state;
    fill(&full, 0, CZI_DOMAINS_MAX);
    assert_ok(czi_time_map_copy(&full, &before, &err), err);
    assert_int_equal(czi_time_map_advance(&full, slice("more"), &at, NULL, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_DOMAINS_MAX"));
    /* One that it has, raised, and one more: neither is merged. */
    assert_true(advance(&two, "domain-00007", entry(100000, 0, 0, 0, 0)));
    assert_true(advance(&two, "more", entry(1, 0, 0, 0, 0)));
    assert_int_equal(czi_time_map_merge(&full, &two, &err), CZ_LIMIT);
    assert_int_equal(czi_time_map_compare(&full, &before), CZ_SAME);
    assert_true(advance(&full, "domain-00007", entry(100000, 0, 0, 0, 0)));
}

/* ---- Canonical bytes -------------------------------------------------------------------- */

/* Grows piece by piece; `hashes` are 32 bytes of one value. */
static void put(struct czi_buf *b, const char *bytes, size_t len)
{
    czi_buf_put(b, bytes, len);
}
#define PUT(b, text) put((b), (text), sizeof(text) - 1)

static void put_hash(struct czi_buf *b, uint8_t fill_byte)
{
    PUT(b, "\x58\x20");
    for (int i = 0; i < 32; i++)
        czi_buf_put_byte(b, fill_byte);
}

/* [name, 23, hash, 256, 1, 0] */
static void put_entry(struct czi_buf *b, const char *name)
{
    czi_buf_put_byte(b, 0x86);
    czi_buf_put_byte(b, (uint8_t)(0x60 + strlen(name)));
    put(b, name, strlen(name));
    czi_buf_put_byte(b, 0x17);
    put_hash(b, 0xab);
    PUT(b, "\x19\x01\x00\x01\x00");
}

static void bytes_and_id_are_as_documented(void **state)
{
    CZI_AUTOMAP m = {0}, again = {0};
    CZI_AUTOBUF expected = {0}, out = {0};
    cz_id id, hash;
    cz_error err = {0};

    (void)state;
    PUT(&expected, "\x82\x11\x82");
    put_entry(&expected, "bitcoin");
    PUT(&expected, "\x86\x68"
                   "ethereum"
                   "\x1b\xff\xff\xff\xff\xff\xff\xff\xff");
    put_hash(&expected, 0);
    PUT(&expected, "\x18\x18\x1a\x00\x01\x00\x00\x1b\x00\x00\x00\x01\x00\x00\x00\x00");
    assert_true(advance(&m, "ethereum", entry(UINT64_MAX, 24, 0, 65536, 1ull << 32)));
    assert_true(advance(&m, "bitcoin", entry(23, 256, 0xab, 1, 0)));
    assert_ok(czi_time_map_encode(&m, &out, &err), err);
    assert_int_equal(out.len, expected.len);
    assert_memory_equal(out.data, expected.data, out.len);
    czi_blake3(expected.data, expected.len, hash.bytes);
    assert_ok(czi_time_map_id(&m, &id, &err), err);
    assert_memory_equal(&id, &hash, sizeof id);
    assert_ok(czi_time_map_decode(expected.data, expected.len, &again, &err), err);
    assert_int_equal(again.count, 2);
    assert_string_equal(again.entries[0].name, "bitcoin");
    assert_entry(&again.entries[0].at, entry(23, 256, 0xab, 1, 0));
    assert_entry(czi_time_map_find(&again, slice("ethereum")),
                 entry(UINT64_MAX, 24, 0, 65536, 1ull << 32));
}

static void assert_refused(const struct czi_buf *b, const char *why)
{
    struct czi_time_map untouched = {.count = 77};
    cz_error err = {0};

    assert_false(b->failed);
    assert_int_equal(czi_time_map_decode(b->data, b->len, &untouched, &err), CZ_INVALID);
    if (!strstr(err.detail, why) || strncmp(err.detail, "time map: byte ", 15) != 0)
        fail_msg("\"%s\" does not say \"%s\"", err.detail, why);
    assert_int_equal(untouched.count, 77);
}

/* A map of one entry, whose pieces are given. */
static void assert_entry_refused(const char *pieces, size_t len, const char *why)
{
    CZI_AUTOBUF b = {0};

    PUT(&b, "\x82\x11\x81");
    for (size_t i = 0; i < len; i++) {
        if (pieces[i] == '#') /* stands for a hash */
            put_hash(&b, 1);
        else
            czi_buf_put_byte(&b, (uint8_t)pieces[i]);
    }
    assert_refused(&b, why);
}
#define REFUSE_ENTRY(pieces, why) assert_entry_refused((pieces), sizeof(pieces) - 1, (why))

static void other_forms_of_an_entry_are_refused(void **state)
{
    CZI_AUTOMAP m = {0};
    CZI_AUTOBUF good = {0};
    cz_error err = {0};

    (void)state;
    PUT(&good, "\x82\x11\x81\x86\x61x\x01");
    put_hash(&good, 1);
    PUT(&good, "\x02\x03\x04");
    assert_ok(czi_time_map_decode(good.data, good.len, &m, &err), err);
    REFUSE_ENTRY("\x85\x61x\x01#\x02\x03", "another number of elements");
    REFUSE_ENTRY("\x87\x61x\x01#\x02\x03\x04\x05", "another number of elements");
    REFUSE_ENTRY("\x86\x60\x01#\x02\x03\x04", "empty");
    REFUSE_ENTRY("\x86\x63x\0y\x01#\x02\x03\x04", "no text");
    REFUSE_ENTRY("\x86\x61\xff\x01#\x02\x03\x04", "not UTF-8");
    REFUSE_ENTRY("\x86\x41x\x01#\x02\x03\x04", "expected");
    REFUSE_ENTRY("\x86\x78\x21"
                 "123456789012345678901234567890123\x01#\x02\x03\x04",
                 "CZI_DOMAIN_SIZE_MAX");
    REFUSE_ENTRY("\x86\x78\x01x\x01#\x02\x03\x04", "short");
    REFUSE_ENTRY("\x86\x61x\x18\x01#\x02\x03\x04", "short");
    REFUSE_ENTRY("\x86\x61x\x20#\x02\x03\x04", "expected");
    REFUSE_ENTRY("\x86\x61x\xf6#\x02\x03\x04", "expected");
    REFUSE_ENTRY("\x86\x61x\x01\x41\x01\x02\x03\x04", "32 bytes");
    REFUSE_ENTRY("\x86\x61x\x01#\x19\x00\x02\x03\x04", "short");
    REFUSE_ENTRY("\x86\x61x\x01#\x02\x03\x04\x05", "after the end");
}

static void other_forms_of_the_tuple_are_refused(void **state)
{
    static const struct {
        const char *head;
        size_t len;
        const char *names[3];
        const char *why;
    } cases[] = {
        {"\x81\x11", 2, {0}, "another number of elements"},
        {"\x83\x11\x81", 3, {"a"}, "another number of elements"},
        {"\x9f\x11\x81", 3, {"a"}, "indefinite"},
        {"\x82\x10\x81", 3, {"a"}, "not a time map"},
        {"\x82\x18\x11\x81", 4, {"a"}, "short"},
        {"\x82\x11\x80", 3, {0}, "without domains"},
        {"\x82\x11\x98\x01", 4, {"a"}, "short"},
        {"\x82\x11\x82", 3, {"a"}, "end"},
        {"\x82\x11\x81", 3, {"a", "b"}, "after the end"},
        {"\x82\x11\x82", 3, {"b", "a"}, "ascending"},
        {"\x82\x11\x82", 3, {"ab", "a"}, "ascending"},
        {"\x82\x11\x82", 3, {"a", "a"}, "ascending"},
        {"\x82\x11\x83", 3, {"b", "c", "a"}, "ascending"},
        /* of maps with text keys the length would go first, here it does not */
        {"\x82\x11\x82", 3, {"b", "aa"}, "ascending"},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOBUF b = {0};

        put(&b, cases[i].head, cases[i].len);
        for (size_t k = 0; k < 3 && cases[i].names[k]; k++)
            put_entry(&b, cases[i].names[k]);
        assert_refused(&b, cases[i].why);
    }
}

static void every_cut_is_refused(void **state)
{
    CZI_AUTOBUF b = {0};

    (void)state;
    PUT(&b, "\x82\x11\x82");
    put_entry(&b, "a");
    put_entry(&b, "b");
    while (--b.len)
        assert_refused(&b, "");
}

static void a_decoder_takes_as_many_domains_as_a_map_and_no_more(void **state)
{
    CZI_AUTOMAP m = {0}, again = {0};
    CZI_AUTOBUF b = {0};
    cz_error err = {0};

    (void)state;
    fill(&m, 0, CZI_DOMAINS_MAX);
    assert_ok(czi_time_map_encode(&m, &b, &err), err);
    assert_ok(czi_time_map_decode(b.data, b.len, &again, &err), err);
    assert_int_equal(czi_time_map_compare(&m, &again), CZ_SAME);
    assert_int_equal(b.data[3] << 8 | b.data[4], CZI_DOMAINS_MAX);
    b.data[4]++;
    put_entry(&b, "more");
    assert_int_equal(czi_time_map_decode(b.data, b.len, &m, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_DOMAINS_MAX"));
}

/* ---- Out of memory ---------------------------------------------------------------------- */

/* What allocates, upon two maps; returns the code. */
static int do_advance(struct czi_time_map *m, struct czi_time_map *other, cz_error *err)
{
    struct czi_domain_time at = entry(1, 1, 1, 1, 1);

    (void)other;
    return czi_time_map_advance(m, slice("new"), &at, NULL, err);
}

static int do_merge(struct czi_time_map *m, struct czi_time_map *other, cz_error *err)
{
    return czi_time_map_merge(m, other, err);
}

static int do_copy(struct czi_time_map *m, struct czi_time_map *other, cz_error *err)
{
    CZI_AUTOMAP copy = {0};
    int rc = czi_time_map_copy(m, &copy, err);

    (void)other;
    assert_int_equal(copy.count, rc == CZ_OK ? m->count : 0);
    return rc;
}

static int do_codec(struct czi_time_map *m, struct czi_time_map *other, cz_error *err)
{
    CZI_AUTOMAP again = {0};
    CZI_AUTOBUF b = {0};
    int rc = czi_time_map_encode(m, &b, err);

    (void)other;
    if (rc == CZ_OK)
        rc = czi_time_map_decode(b.data, b.len, &again, err);
    assert_int_equal(again.count, rc == CZ_OK ? m->count : 0);
    return rc;
}

static int do_id(struct czi_time_map *m, struct czi_time_map *other, cz_error *err)
{
    cz_id id = {{7}}, before = id;
    int rc = czi_time_map_id(m, &id, err);

    (void)other;
    assert_true(rc == CZ_OK || memcmp(&id, &before, sizeof id) == 0);
    return rc;
}

static int do_snapshots(struct czi_time_map *m, struct czi_time_map *other, cz_error *err)
{
    cz_time_map *a = NULL, *b = NULL, *both = NULL;
    int rc = czi_time_map_new(m, 1, &a, err);

    if (rc == CZ_OK)
        rc = czi_time_map_new(other, 2, &b, err);
    if (rc == CZ_OK)
        rc = cz_time_map_merge(a, b, &both, err);
    assert_true((rc == CZ_OK) == (both != NULL));
    cz_time_map_free(a);
    cz_time_map_free(b);
    cz_time_map_free(both);
    return rc;
}

static void out_of_memory_changes_nothing(void **state)
{
    int (*const all[])(struct czi_time_map *, struct czi_time_map *,
                       cz_error *) = {do_advance, do_merge, do_copy,
                                      do_codec,   do_id,    do_snapshots};
    /* A snapshot is three: itself, its entries, and the bytes for its id. Merging two of them
     * makes a copy that grows, and a third one. */
    static const int allocations[] = {1, 1, 1, 2, 1, 3 + 3 + 2 + 3};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(all); i++)
        for (int skip = 0;; skip++) {
            CZI_AUTOMAP m = {0}, other = {0}, before = {0};
            cz_error err = {0};
            bool failed;
            int rc;

            fill(&m, 0, 4); /* its room is full */
            fill(&other, 2, 4);
            assert_ok(czi_time_map_copy(&m, &before, &err), err);
            czi_alloc_fail_after(skip);
            rc = all[i](&m, &other, &err);
            failed = czi_alloc_failed();
            czi_alloc_fail_after(-1);
            assert_int_equal(rc, failed ? CZ_NOMEM : CZ_OK);
            if (!failed) {
                assert_int_equal(skip, allocations[i]);
                break;
            }
            assert_int_equal(czi_time_map_compare(&m, &before), CZ_SAME);
        }
}

/* ---- Snapshots as callers see them ------------------------------------------------------ */

static void a_snapshot_stays_as_it_was_taken(void **state)
{
    CZI_AUTOMAP m = {0};
    cz_time_map *snapshot;
    cz_domain_time t;
    cz_id id, now;
    cz_error err = {0};

    (void)state;
    assert_true(advance(&m, "b", entry(2, 20, 0xb, 1, 0)));
    assert_true(advance(&m, "a", entry(1, 10, 0xa, 0, 0)));
    assert_ok(czi_time_map_id(&m, &id, &err), err);
    assert_ok(czi_time_map_new(&m, 7, &snapshot, &err), err);
    assert_true(advance(&m, "b", entry(3, 30, 3, 3, 3)));
    assert_true(advance(&m, "c", entry(4, 4, 4, 4, 4)));
    now = cz_time_map_id(snapshot);
    assert_memory_equal(&now, &id, sizeof id);
    assert_int_equal(cz_time_map_lamport(snapshot), 7);
    assert_int_equal(cz_time_map_count(snapshot), 2);
    t = cz_time_map_at(snapshot, 0);
    assert_string_equal(t.domain, "a");
    assert_int_equal(t.height, 1);
    assert_ok(cz_time_map_find(snapshot, "b", &t, &err), err);
    assert_string_equal(t.domain, "b");
    assert_int_equal(t.height, 2);
    assert_int_equal(t.time, 20);
    assert_int_equal(t.hash[31], 0xb);
    assert_int_equal(t.safe_height, 1);
    assert_int_equal(t.final_height, 0);
    assert_int_equal(cz_time_map_find(snapshot, "c", &t, &err), CZ_NOT_FOUND);
    assert_non_null(strstr(err.detail, "domain c"));
    cz_time_map_free(snapshot);
    cz_time_map_free(NULL);
}

static void merged_snapshots_have_the_greater_of_each_and_the_later_lamport_time(void **state)
{
    CZI_AUTOMAP x = {0}, y = {0};
    cz_time_map *a, *b, *ab, *ba;
    cz_id left, right;
    cz_error err = {0};

    (void)state;
    assert_true(advance(&x, "x", entry(2, 0, 0, 0, 0)));
    assert_true(advance(&y, "x", entry(1, 0, 0, 0, 0)));
    assert_true(advance(&y, "y", entry(1, 0, 0, 0, 0)));
    assert_ok(czi_time_map_new(&x, 5, &a, &err), err);
    assert_ok(czi_time_map_new(&y, 9, &b, &err), err);
    assert_ok(cz_time_map_merge(a, b, &ab, &err), err);
    assert_ok(cz_time_map_merge(b, a, &ba, &err), err);
    assert_int_equal(cz_time_map_lamport(ab), 9);
    assert_int_equal(cz_time_map_lamport(ba), 9);
    assert_int_equal(cz_time_map_count(ab), 2);
    assert_int_equal(cz_time_map_at(ab, 0).height, 2);
    left = cz_time_map_id(ab);
    right = cz_time_map_id(ba);
    assert_memory_equal(&left, &right, sizeof left);
    assert_false(cz_time_map_ahead(a, b));
    assert_false(cz_time_map_ahead(b, a));
    assert_true(cz_time_map_ahead(ab, a));
    assert_true(cz_time_map_ahead(ab, b));
    assert_false(cz_time_map_ahead(ab, ba));
    assert_false(cz_time_map_ahead(a, ab));
    cz_time_map_free(a);
    cz_time_map_free(b);
    cz_time_map_free(ab);
    cz_time_map_free(ba);
}

static void everything_has_a_name(void **state)
{
    static const struct {
        const char *(*name_of)(int);
        int first;
        const char *names[9];
    } cases[] = {
        {cz_order_name, CZ_SAME, {"same", "before", "after", "concurrent"}},
        {cz_policy_name, CZ_EXACT, {"exact", "still-true", "at-least-height"}},
        {cz_finality_name, CZ_SEEN, {"seen", "depth", "safe", "final"}},
        {cz_fact_kind_name,
         CZ_FACT_BLOCK,
         {"block", "transaction", "deposit", "withdrawal", "balance", "price", "time",
          "register", "custom"}},
        {cz_link_name, CZ_LINK_WRITE, {"write", "read", "fact", "after", "task", "block"}},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        int k = 0;

        for (; k < 9 && cases[i].names[k]; k++)
            assert_string_equal(cases[i].name_of(cases[i].first + k), cases[i].names[k]);
        assert_string_equal(cases[i].name_of(cases[i].first - 1), "unknown");
        assert_string_equal(cases[i].name_of(cases[i].first + k), "unknown");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),
        cmocka_unit_test(of_two_entries_the_greater_of_each_part_stays),
        cmocka_unit_test(the_hash_s_first_byte_counts_most),
        cmocka_unit_test(domains_ascend_bytewise_whatever_comes_first),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(comparing_tells_who_knows_more),
        cmocka_unit_test(a_domain_of_which_all_is_zero_is_more_than_none),
        cmocka_unit_test(merging_knows_what_either_knew),
        cmocka_unit_test(domains_are_bounded),
        cmocka_unit_test(bytes_and_id_are_as_documented),
        cmocka_unit_test(other_forms_of_an_entry_are_refused),
        cmocka_unit_test(other_forms_of_the_tuple_are_refused),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(a_decoder_takes_as_many_domains_as_a_map_and_no_more),
        cmocka_unit_test(out_of_memory_changes_nothing),
        cmocka_unit_test(a_snapshot_stays_as_it_was_taken),
        cmocka_unit_test(merged_snapshots_have_the_greater_of_each_and_the_later_lamport_time),
        cmocka_unit_test(everything_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
