/* test_statement.c - which claims the ledger acts on, and what they say. */
#include "codec/dag_cbor.h"
#include "fact/statement.h"
#include "test.h"

static void put_text(struct czi_buf *b, const char *text)
{
    czi_cbor_add_string(b, CZI_CBOR_TEXT, text, strlen(text));
}

/* [account, asset, amount] */
static void put_move(struct czi_buf *b, const char *account, const char *asset, uint64_t amount)
{
    czi_cbor_add_head(b, CZI_CBOR_ARRAY, 3);
    put_text(b, account);
    put_text(b, asset);
    czi_cbor_add_head(b, CZI_CBOR_UINT, amount);
}

/* [name, value] */
static void put_register(struct czi_buf *b, const char *name, const char *value)
{
    czi_cbor_add_head(b, CZI_CBOR_ARRAY, 2);
    put_text(b, name);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, value, strlen(value));
}

static bool is_text(struct czi_slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

static void a_deposit_says_who_gets_what(void **state)
{
    CZI_AUTOBUF b = {0};
    struct czi_statement s;

    (void)state;
    put_move(&b, "alice", "gold", UINT64_MAX);
    assert_true(czi_statement_read(CZ_FACT_DEPOSIT, czi_buf_slice(&b), &s));
    assert_true(is_text(s.account, "alice") && is_text(s.asset, "gold"));
    assert_true(s.amount == UINT64_MAX && s.kind == CZ_FACT_DEPOSIT);
    assert_true(czi_statement_read(CZ_FACT_WITHDRAWAL, czi_buf_slice(&b), &s));
    assert_int_equal(s.kind, CZ_FACT_WITHDRAWAL);
}

static void a_register_is_a_statement_when_it_refuses(void **state)
{
    CZI_AUTOBUF refused = {0}, other = {0}, longer = {0};
    struct czi_statement s;

    (void)state;
    put_register(&refused, "x/0", "refused");
    put_register(&other, "x/0", "refusee");
    put_register(&longer, "x/0", "refused ");
    assert_true(czi_statement_read(CZ_FACT_REGISTER, czi_buf_slice(&refused), &s));
    assert_true(is_text(s.account, "x/0"));
    assert_false(czi_statement_read(CZ_FACT_REGISTER, czi_buf_slice(&other), &s));
    assert_false(czi_statement_read(CZ_FACT_REGISTER, czi_buf_slice(&longer), &s));
}

static void other_claims_say_nothing(void **state)
{
    char text[CZI_STATEMENT_TEXT_MAX + 2] = {0};
    CZI_AUTOBUF move = {0}, none = {0}, longest = {0}, too_long = {0}, more = {0};
    struct czi_statement s;

    (void)state;
    put_move(&move, "alice", "gold", 1);
    for (unsigned kind = 0; kind < 12; kind++)
        assert_int_equal(czi_statement_read(kind, czi_buf_slice(&move), &s),
                         kind == CZ_FACT_DEPOSIT || kind == CZ_FACT_WITHDRAWAL);
    for (size_t len = 0; len < move.len; len++)
        assert_false(
            czi_statement_read(CZ_FACT_DEPOSIT, (struct czi_slice){move.data, len}, &s));
    put_move(&none, "", "gold", 1);
    assert_false(czi_statement_read(CZ_FACT_DEPOSIT, czi_buf_slice(&none), &s));
    memset(text, 'x', sizeof text - 1);
    put_move(&too_long, text, text, 1);
    assert_false(czi_statement_read(CZ_FACT_DEPOSIT, czi_buf_slice(&too_long), &s));
    text[CZI_STATEMENT_TEXT_MAX] = 0;
    put_move(&longest, text, text, UINT64_MAX);
    assert_true(czi_statement_read(CZ_FACT_DEPOSIT, czi_buf_slice(&longest), &s));
    assert_int_equal(longest.len, CZI_STATEMENT_SIZE_MAX);
    put_move(&more, "alice", "gold", 1);
    czi_buf_put_byte(&more, 0);
    assert_false(czi_statement_read(CZ_FACT_DEPOSIT, czi_buf_slice(&more), &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deposit_says_who_gets_what),
        cmocka_unit_test(a_register_is_a_statement_when_it_refuses),
        cmocka_unit_test(other_claims_say_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
