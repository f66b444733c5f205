/* test_book_rows.c - a book goes into rows of the index and comes back; damaged rows are
 * refused; out of memory anywhere is an error and no harm.
 */
#include "codec/dag_cbor.h"
#include "unit/book_fixture.h"
#include "unit/book_rows.h"

#define EVENT .kind = CZ_FACT_DEPOSIT
#define PRICE .kind = CZ_FACT_PRICE
#define A(h) .branch = 'a', .height = (h)

/* One of everything: two domains, observers, blocks, kinds of facts, a reorganisation, a
 * consumption, and a freeze. */
static struct czi_book *one_of_everything(void)
{
    struct czi_book *b = book_with((struct czi_domain_policy){.safe_depth = 2});
    struct czi_item other = domain_item("other", 0, no_policy);
    cz_id cited = id_of(SPEC(EVENT, A(2), .claim = 5, .expires = 5000));
    struct czi_dependency d = {cited.bytes, czi_plain_terms()};

    other.config.observer_count = 1;
    assert_int_equal(take_item(b, &other), CZ_APPLIED);
    take_chain(b, 'a', 0, 1, 5);
    assert_int_equal(TAKE(b, EVENT, A(2), .claim = 5, .expires = 5000), CZ_APPLIED);
    assert_int_equal(TAKE(b, PRICE, A(5), .claim = 6), CZ_APPLIED);
    assert_int_equal(RETRACT(b, A(4)), CZ_APPLIED);
    take_chain(b, 'b', 'a', 4, 4);
    assert_int_equal(TAKE(b, A(3), .finality = CZ_FINAL), CZ_APPLIED);
    d.terms.purpose = text_slice("credit");
    assert_true(czi_book_consume(b, &d));
    assert_int_equal(TAKE(b, .branch = 'c', .height = 3, .parent = 'a', .finality = CZ_FINAL),
                     CZ_APPLIED);
    assert_true(domain_of(b).frozen);
    return b;
}

static void assert_same_entry(struct czi_book *a, struct czi_book *b, uint32_t n)
{
    struct czi_entry_info x = info_of(a, n), y = info_of(b, n);

    assert_memory_equal(&x.id, &y.id, sizeof x.id);
    assert_memory_equal(&x.key, &y.key, sizeof x.key);
    assert_memory_equal(&x.claim, &y.claim, sizeof x.claim);
    assert_int_equal(x.type, y.type);
    assert_int_equal(x.kind, y.kind);
    assert_int_equal(x.finality, y.finality);
    assert_int_equal(x.standing, y.standing);
    assert_int_equal(x.domain, y.domain);
    assert_int_equal(x.block, y.block);
    assert_int_equal(x.height, y.height);
    assert_int_equal(x.time, y.time);
    assert_int_equal(x.expires, y.expires);
    assert_int_equal(x.retracted_by, y.retracted_by);
}

static void assert_same_block(struct czi_book *a, struct czi_book *b, uint32_t n)
{
    struct czi_block x = {0}, y = {0};

    assert_int_equal(czi_book_block(a, n, &x), czi_book_block(b, n, &y));
    assert_int_equal(x.height, y.height);
    assert_int_equal(x.time, y.time);
    assert_memory_equal(x.hash, y.hash, sizeof x.hash);
    assert_memory_equal(x.parent, y.parent, sizeof x.parent);
    assert_memory_equal(x.roots, y.roots, sizeof x.roots);
    assert_int_equal(x.root_count, y.root_count);
    assert_int_equal(x.trust, y.trust);
}

static void assert_same(struct czi_book *a, struct czi_book *b)
{
    assert_int_equal(czi_book_count(a), czi_book_count(b));
    assert_int_equal(czi_book_domains(a), czi_book_domains(b));
    assert_memory_equal(czi_book_time_id(a), czi_book_time_id(b), 32);
    for (uint32_t n = 0; n < czi_book_count(a); n++) {
        uint64_t depth_a, depth_b;

        assert_same_entry(a, b, n);
        assert_same_block(a, b, n);
        assert_int_equal(czi_book_finality(a, n, &depth_a), czi_book_finality(b, n, &depth_b));
        assert_int_equal(depth_a, depth_b);
        assert_int_equal(czi_book_standing(a, n), czi_book_standing(b, n));
    }
}

static void a_book_comes_back_from_its_rows(void **state)
{
    struct czi_book *a = one_of_everything(), *b = czi_book_new();
    struct rows r = {.count = 0};
    struct czi_domain_info x = domain_of(a), y;
    cz_error err = {0};

    (void)state;
    rows_save(&r, a);
    assert_int_equal(r.count, czi_book_rows(a));
    assert_ok(rows_load(&r, b, &err), err);
    assert_same(a, b);
    y = domain_of(b);
    assert_string_equal(y.name, "test");
    assert_string_equal(y.adapter, "simulated");
    assert_int_equal(y.parameters.len, 1);
    assert_int_equal(x.policy.safe_depth, y.policy.safe_depth);
    assert_int_equal(x.policy.final_depth, y.policy.final_depth);
    assert_memory_equal(&x.head, &y.head, sizeof x.head);
    assert_true(y.frozen);
    assert_memory_equal(x.contradicts, y.contradicts, sizeof x.contradicts);
    czi_book_domain_info(b, 1, &y);
    assert_int_equal(y.observer_count, 1);
    rows_done(&r);
    czi_book_free(a);
    czi_book_free(b);
}

static void a_loaded_book_goes_on_as_the_other_one(void **state)
{
    struct czi_book *books[2] = {one_of_everything(), czi_book_new()};
    struct rows r = {.count = 0};
    cz_error err = {0};

    (void)state;
    rows_save(&r, books[0]);
    assert_ok(rows_load(&r, books[1], &err), err);
    for (int i = 0; i < 2; i++) {
        struct czi_book *b = books[i];
        struct czi_domain_info d = domain_of(b);
        cz_id stands = *czi_book_id(b, d.contradicts[0]);
        cz_id against = *czi_book_id(b, d.contradicts[1]);

        assert_int_equal(TAKE(b, A(9)), CZ_DOMAIN_FROZEN);
        assert_int_equal(decide(b, &against, &stands), CZ_APPLIED);
        assert_int_equal(domain_of(b).head.height, 3);
        take_chain(b, 'c', 0, 4, 5);
        assert_int_equal(TAKE(b, EVENT, .branch = 'c', .height = 5, .claim = 6),
                         CZ_FACT_CONFLICT);
        assert_int_equal(TAKE(b, EVENT, .branch = 'c', .height = 5, .claim = 5), CZ_APPLIED);
    }
    assert_same(books[0], books[1]);
    rows_done(&r);
    czi_book_free(books[0]);
    czi_book_free(books[1]);
}

static void only_what_changed_is_saved_again(void **state)
{
    struct czi_book *b = book_with(no_policy);
    struct rows r = {.count = 0};

    (void)state;
    take_chain(b, 'a', 0, 1, 5);
    rows_save(&r, b);
    assert_int_equal(r.puts, 1 + 6 + 1); /* domain, items, time map */
    r.puts = 0;
    rows_save(&r, b);
    assert_int_equal(r.puts, 0);
    assert_int_equal(RETRACT(b, A(4)), CZ_APPLIED);
    r.puts = 0;
    rows_save(&r, b);
    assert_int_equal(r.puts, 3); /* two blocks and the retraction */
    rows_done(&r);
    czi_book_free(b);
}

static void a_row_is_known_only_as_it_is(void **state)
{
    struct czi_book *b = one_of_everything();
    struct rows r = {.count = 0};

    (void)state;
    rows_save(&r, b);
    for (unsigned i = 0; i < r.count; i++) {
        struct czi_slice key = czi_buf_slice(&r.row[i].key),
                         value = czi_buf_slice(&r.row[i].value), shorter = value;

        assert_true(czi_book_has_row(b, key, value));
        r.row[i].value.data[value.len - 1] ^= 1;
        assert_false(czi_book_has_row(b, key, value));
        r.row[i].value.data[value.len - 1] ^= 1;
        shorter.len--;
        assert_false(czi_book_has_row(b, key, shorter));
        r.row[i].key.data[key.len - 1] ^= 0x40;
        assert_false(czi_book_has_row(b, key, value));
        r.row[i].key.data[key.len - 1] ^= 0x40;
        key.len--;
        assert_false(czi_book_has_row(b, key, value));
    }
    rows_done(&r);
    czi_book_free(b);
}

/* Each bit of each row, one at a time: loading refuses it or gives a book that can be used. */
static void damaged_rows_do_no_harm(void **state)
{
    struct czi_book *a = one_of_everything();
    struct rows r = {.count = 0};
    unsigned refused = 0;

    (void)state;
    rows_save(&r, a);
    for (unsigned i = 0; i < r.count; i++)
        for (size_t bit = 0; bit < 8 * r.row[i].value.len; bit++) {
            struct czi_book *b = czi_book_new();
            cz_error err = {0};
            int rc;

            r.row[i].value.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            rc = rows_load(&r, b, &err);
            if (rc == CZ_OK) {
                (void)TAKE(b, .branch = 'b', .height = 5, .salt = 9);
                (void)TAKE(b, EVENT, A(2), .claim = 8);
                (void)RETRACT(b, A(3));
            } else {
                assert_int_equal(rc, CZ_CORRUPT);
                assert_non_null(strstr(err.detail, "reindex"));
                refused++;
            }
            czi_book_free(b);
            r.row[i].value.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    assert_true(refused > 100);
    rows_done(&r);
    czi_book_free(a);
}

static void missing_rows_and_other_tables_are_refused(void **state)
{
    struct czi_book *a = one_of_everything();
    struct rows r = {.count = 0};

    (void)state;
    rows_save(&r, a);
    for (unsigned i = 0; i + 1 < r.count; i++) {
        struct row out = r.row[i];
        struct czi_book *b = czi_book_new();
        cz_error err = {0};

        if (out.key.data[0] == 'u') { /* nothing else tells of it */
            czi_book_free(b);
            continue;
        }
        memmove(&r.row[i], &r.row[i + 1], (r.count - i - 1) * sizeof out);
        r.count--;
        assert_int_equal(rows_load(&r, b, &err), CZ_CORRUPT);
        memmove(&r.row[i + 1], &r.row[i], (r.count - i) * sizeof out);
        r.row[i] = out;
        r.count++;
        czi_book_free(b);
    }
    r.row[0].key.data[0] = 'x';
    {
        struct czi_book *b = czi_book_new();
        cz_error err = {0};

        assert_int_equal(rows_load(&r, b, &err), CZ_CORRUPT);
        czi_book_free(b);
    }
    rows_done(&r);
    czi_book_free(a);
}

/* ---- Out of memory ----------------------------------------------------------------------- */

/* A script that goes through all that allocates; false when memory was out. */
static bool run_script(struct made *items, unsigned count, struct czi_book **ret)
{
    struct czi_book *b = czi_book_new();
    struct czi_dependency d = {items[3].id.bytes, czi_plain_terms()};
    uint32_t domain;

    *ret = b;
    if (!b)
        return false;
    for (unsigned i = 0; i < count; i++) {
        uint8_t reason = czi_book_take(b, &items[i].item, &items[i].id, &domain);

        if (reason == CZI_BOOK_NOMEM)
            return false;
        assert_int_equal(reason, CZ_APPLIED);
    }
    d.terms.purpose = text_slice("credit");
    return czi_book_consume(b, &d);
}

static void running_out_of_memory_anywhere_is_an_error(void **state)
{
    struct made items[8] = {0};
    struct czi_item retraction = {.type = CZI_ITEM_RETRACTION, .domain = text_slice("test")},
                    config =
                        domain_item("test", 0, (struct czi_domain_policy){.safe_depth = 1});
    struct czi_book *b;
    int64_t skip = 0;
    bool done;

    (void)state;
    make_item(&config, &items[0]);
    make_fact(SPEC(A(1)), &items[1]);
    make_fact(SPEC(A(2)), &items[2]);
    make_fact(SPEC(EVENT, A(2)), &items[3]);
    make_fact(SPEC(PRICE, A(1)), &items[4]);
    retraction.retraction.fact = items[2].id;
    make_item(&retraction, &items[5]);
    do {
        czi_alloc_fail_after(skip++);
        done = run_script(items, 6, &b);
        czi_alloc_fail_after(-1);
        czi_book_free(b);
    } while (!done);
    assert_true(skip > 20);
    for (unsigned i = 0; i < 6; i++)
        made_done(&items[i]);
}

static int put_or_fail(void *arg, const uint8_t *key, size_t key_len,
                       const struct czi_buf *value)
{
    (void)key;
    (void)key_len;
    (void)value;
    return --*(int *)arg < 0 ? CZ_IO : CZ_OK;
}

static void saving_gives_back_what_the_caller_s_function_says(void **state)
{
    struct czi_book *b = one_of_everything();
    cz_error err = {0};
    int rows = (int)czi_book_rows(b);

    (void)state;
    for (int i = 0; i < rows; i++) {
        int left = i;

        assert_int_equal(czi_book_save(b, put_or_fail, &left, &err), CZ_IO);
    }
    assert_ok(czi_book_save(b, put_or_fail, &rows, &err), err);
    czi_alloc_fail_after(0);
    assert_int_equal(czi_book_save(b, put_or_fail, &rows, &err), CZ_NOMEM);
    czi_alloc_fail_after(-1);
    czi_book_free(b);
}

static void loading_out_of_memory_is_an_error(void **state)
{
    struct czi_book *a = one_of_everything(), *b;
    struct rows r = {.count = 0};
    int64_t skip = 0;
    int rc;

    (void)state;
    rows_save(&r, a);
    do {
        cz_error err = {0};

        b = czi_book_new();
        czi_alloc_fail_after(skip++);
        rc = rows_load(&r, b, &err);
        czi_alloc_fail_after(-1);
        if (rc)
            assert_int_equal(rc, CZ_NOMEM);
        else
            assert_same(a, b);
        czi_book_free(b);
    } while (rc);
    assert_true(skip > 20);
    rows_done(&r);
    czi_book_free(a);
}

static void an_empty_book_has_no_rows(void **state)
{
    struct czi_book *b = czi_book_new();
    struct rows r = {.count = 0};
    cz_error err = {0};

    (void)state;
    rows_save(&r, b);
    assert_int_equal(r.count, 0);
    assert_int_equal(czi_book_rows(b), 0);
    assert_ok(czi_book_loaded(b, &err), err);
    czi_book_free(b);
    czi_book_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_book_comes_back_from_its_rows),
        cmocka_unit_test(a_loaded_book_goes_on_as_the_other_one),
        cmocka_unit_test(only_what_changed_is_saved_again),
        cmocka_unit_test(a_row_is_known_only_as_it_is),
        cmocka_unit_test(damaged_rows_do_no_harm),
        cmocka_unit_test(missing_rows_and_other_tables_are_refused),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error),
        cmocka_unit_test(saving_gives_back_what_the_caller_s_function_says),
        cmocka_unit_test(loading_out_of_memory_is_an_error),
        cmocka_unit_test(an_empty_book_has_no_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
