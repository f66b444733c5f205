/* test_effects_json.c - JSON effects say what the same calls of the API say, and what is
 * wrong is refused at its column. */
#include "base/limits.h"
#include "cli/effects_json.h"
#include "test.h"

static cz_id id_of(const char *label)
{
    cz_id creator = cz_operator(), id;
    cz_error err = {0};

    assert_ok(cz_resource_id(&creator, label, &id, &err), err);
    return id;
}

static cz_effect *fresh(const cz_id *origin, uint64_t nonce)
{
    cz_effect *e = cz_effect_new();

    assert_non_null(e);
    cz_effect_set_origin(e, origin);
    cz_effect_set_nonce(e, nonce);
    return e;
}

/* The text means the effect that was built by calls; which is freed. */
static void assert_means(const char *text, cz_effect *wanted)
{
    cz_effect *e = cz_effect_new();
    const uint8_t *a = NULL, *b = NULL;
    size_t a_len = 0, b_len = 0;
    cz_error err = {0};

    assert_ok(czi_effect_from_json(text, strlen(text), e, &err), err);
    assert_ok(cz_effect_encode(e, &a, &a_len, &err), err);
    assert_ok(cz_effect_encode(wanted, &b, &b_len, &err), err);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
    cz_effect_free(e);
    cz_effect_free(wanted);
}

static void a_transfer_comes_from_the_resource_it_takes_from(void **state)
{
    cz_id a = id_of("a"), b = id_of("b");
    cz_effect *e = fresh(&a, 1);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_transfer(e, &a, &b, 5, &err), err);
    assert_means(
        "{\"op\":\"transfer\",\"from\":\"a\",\"to\":\"b\",\"quantity\":\"5\",\"nonce\":1}", e);
}

static void a_number_may_be_a_json_integer_or_a_string(void **state)
{
    cz_id a = id_of("a"), b = id_of("b");
    cz_effect *e = fresh(&a, UINT64_MAX - 1);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_move(e, &a, &b, (cz_quantity)9007199254740991, &err), err);
    assert_means(" { \"nonce\" : \"18446744073709551614\", \"to\":\"b\", \"from\":\"a\",\r\t"
                 "\"quantity\": 9007199254740991, \"op\":\"move\" } ",
                 e);
}

static void other_operations_come_from_the_operator(void **state)
{
    static const struct {
        const char *name;
        int (*add)(cz_effect *e, const cz_id *id, cz_error *err);
    } moves[] = {
        {"lock", cz_effect_lock},       {"unlock", cz_effect_unlock},
        {"freeze", cz_effect_freeze},   {"unfreeze", cz_effect_unfreeze},
        {"consume", cz_effect_consume}, {"archive", cz_effect_archive},
    };
    cz_id a = id_of("a"), us = cz_operator();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(moves); i++) {
        cz_effect *e = fresh(&us, 7);
        cz_error err = {0};
        char text[128];

        assert_ok(moves[i].add(e, &a, &err), err);
        (void)snprintf(text, sizeof text, "{\"op\":\"%s\",\"resource\":\"a\",\"nonce\":7}",
                       moves[i].name);
        assert_means(text, e);
    }
}

static void a_creation_takes_its_kind_from_what_is_given(void **state)
{
    cz_id us = cz_operator(), bob = id_of("bob");
    cz_creation c = {.creator = us,
                     .controller = us,
                     .label = "a",
                     .asset = "USD",
                     .quantity = (cz_quantity)1 << 100};
    cz_creation d = {.creator = us,
                     .controller = bob,
                     .label = "d",
                     .kind = CZ_DATA,
                     .data = (const uint8_t *)"h\xc3\xa9\n",
                     .data_len = 4,
                     .if_absent = true};
    cz_creation p = {
        .creator = bob, .controller = bob, .label = "p", .kind = CZ_POSITION, .asset = "ETH"};
    cz_effect *e = fresh(&us, 1), *f = fresh(&us, 2), *g = fresh(&us, 3);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_create(e, &c, &err), err);
    assert_means("{\"op\":\"create\",\"resource\":\"a\",\"asset\":\"USD\","
                 "\"quantity\":\"1267650600228229401496703205376\",\"nonce\":1}",
                 e);
    assert_ok(cz_effect_create(f, &d, &err), err);
    assert_means("{\"op\":\"create\",\"resource\":\"d\",\"data\":\"h\\u00e9\\n\","
                 "\"controller\":\"bob\",\"if_absent\":true,\"nonce\":2}",
                 f);
    assert_ok(cz_effect_create(g, &p, &err), err);
    assert_means(
        "{\"op\":\"create\",\"resource\":\"p\",\"kind\":\"position\",\"asset\":\"ETH\","
        "\"creator\":\"bob\",\"nonce\":3}",
        g);
}

/* Base64: RFC 4648, section 10. */
static void data_comes_as_text_hex_or_base64(void **state)
{
    static const char *const texts[] = {"\"data\":\"foobar\"", "\"data_hex\":\"666F6f626172\"",
                                        "\"data_base64\":\"Zm9vYmFy\""};
    cz_id a = id_of("a"), us = cz_operator();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(texts); i++) {
        cz_effect *e = fresh(&us, 1);
        cz_error err = {0};
        char text[128];

        assert_ok(cz_effect_write(e, &a, "foobar", 6, &err), err);
        (void)snprintf(text, sizeof text,
                       "{\"op\":\"write\",\"resource\":\"a\",%s,\"nonce\":1}", texts[i]);
        assert_means(text, e);
    }
}

static void escapes_name_code_points(void **state)
{
    cz_id us = cz_operator(), a = id_of("\xf0\x9d\x84\x9e/\"\\");
    cz_effect *e = fresh(&us, 0);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_means("{\"op\":\"lock\",\"resource\":\"\\ud834\\uDD1E\\/\\\"\\\\\",\"nonce\":0}", e);
}

static void the_long_form_says_everything(void **state)
{
    cz_id alice = id_of("alice"), a = id_of("a"), b = id_of("b"), x = id_of("x");
    cz_requirement q = {.has_state = true,
                        .state = CZ_LOCKED,
                        .has_version = true,
                        .version = 3,
                        .has_quantity = true,
                        .quantity = -10};
    cz_effect *e = fresh(&alice, 5);
    char text[1024], fact[CZ_ID_TEXT_SIZE], hex[2 * 96 + 1] = "";
    uint8_t key[32], signature[64];
    cz_error err = {0};

    (void)state;
    memset(key, 1, sizeof key);
    memset(signature, 0xff, sizeof signature);
    for (unsigned i = 0; i < 96; i++)
        strcat(hex, i < 32 ? "01" : "fF");
    cz_id_print(&x, fact);
    cz_effect_set_priority(e, CZ_URGENT);
    assert_ok(cz_effect_require(e, &a, &q, &err), err);
    assert_ok(cz_effect_transfer(e, &a, &b, 1, &err), err);
    assert_ok(cz_effect_access(e, &x, CZ_READ, &err), err);
    assert_ok(cz_effect_access(e, &alice, CZ_WRITE, &err), err);
    assert_ok(cz_effect_cite(e, &x, &err), err);
    assert_ok(cz_effect_follow(e, &x, &err), err);
    assert_ok(cz_effect_add_signature(e, key, signature, &err), err);
    (void)snprintf(
        text, sizeof text,
        "{\"origin\":\"alice\",\"nonce\":5,\"priority\":\"urgent\",\"ops\":["
        "{\"op\":\"require\",\"resource\":\"a\",\"state\":\"locked\",\"version\":\"3\","
        "\"quantity\":\"-10\"},"
        "{\"op\":\"transfer\",\"from\":\"a\",\"to\":\"b\",\"quantity\":1}],"
        "\"access\":[{\"resource\":\"%s\",\"mode\":\"read\"},"
        "{\"resource\":\"alice\",\"mode\":\"write\"}],"
        "\"facts\":[\"%s\"],\"after\":[\"%s\"],\"signature\":\"%s\"}",
        fact, fact, fact, hex);
    assert_means(text, e);
}

static void the_origin_of_a_list_is_that_of_its_first_operation(void **state)
{
    cz_id a = id_of("a"), b = id_of("b"), c = id_of("c");
    cz_effect *e = fresh(&b, 1);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_transfer(e, &b, &c, 1, &err), err);
    assert_ok(cz_effect_transfer(e, &a, &c, 2, &err), err);
    assert_means("{\"nonce\":1,\"ops\":["
                 "{\"op\":\"transfer\",\"from\":\"b\",\"to\":\"c\",\"quantity\":1},"
                 "{\"op\":\"transfer\",\"from\":\"a\",\"to\":\"c\",\"quantity\":2}]}",
                 e);
}

/* The ^ stands before the byte that the message must name, and is not part of the text. */
struct refusal {
    const char *text, *what;
};

static const struct refusal refusals[] = {
    {"^", "line ends"},
    {"{^", "expected a key"},
    {"^[]", "expected an object"},
    {"{} ^x", "something follows"},
    {"{\"op\":^tru}", "expected a JSON value"},
    {"{\"op\" ^1}", "expected ':'"},
    {"{\"nonce\":^01}", "leading zero"},
    {"{\"nonce\":1.^}", "a digit"},
    {"{\"op\":\"a^\tb\"}", "control character"},
    {"{\"op\":\"^\\x\"}", "unknown escape"},
    {"{\"op\":\"^\\ud834\"}", "surrogate"},
    {"{\"op\":\"^\\u0000\"}", "U+0000"},
    {"{\"op\":^\"\xff\"}", "UTF-8"},
    {"{\"op\":^\"lock", "ends within this string"},
    {"{\"a\":[[[[[[[^[[", "too deep"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^\"18446744073709551615\"}", "2^64-2"},
    {"{\"op\":\"lock\",^\"wat\":1}", "unknown key \"wat\""},
    {"{\"op\":\"lock\",^\"op\":1}", "given twice"},
    {"{\"op\":^\"lok\"}", "none of create, transfer"},
    {"^{\"nonce\":1}", "needs the key \"op\""},
    {"^{\"op\":\"lock\",\"nonce\":1}", "needs the key \"resource\""},
    {"^{\"op\":\"lock\",\"resource\":\"a\"}", "makes it harmless"},
    {"{\"op\":\"lock\",\"resource\":\"a\",^\"to\":1}", "does not belong to \"lock\""},
    {"{\"op\":\"lock\",\"resource\":^1}", "must be a string"},
    {"{\"op\":\"lock\",\"resource\":^\"\"}", "a label"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^1.5}", "no integer"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^-1}", "2^53-1"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^9007199254740992}",
     "write it as a string"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^\"18446744073709551616\"}", "2^64-1"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^true}", "must be an integer"},
    {"{\"op\":\"transfer\",\"from\":\"a\",\"to\":\"b\",\"quantity\":^\"0\"}", "above zero"},
    {"{\"op\":\"move\",\"from\":\"a\",\"to\":\"b\",\"quantity\":^\"-1\"}", "not be negative"},
    {"{\"op\":\"move\",\"from\":\"a\",\"to\":\"b\",\"quantity\":^\"05\"}", "leading zeroes"},
    {"{\"op\":\"move\",\"from\":\"a\",\"to\":\"b\",\"quantity\":^"
     "\"170141183460469231731687303715884105728\"}",
     "128 bits"},
    {"^{\"op\":\"create\",\"resource\":\"a\"}", "what kind?"},
    {"{\"op\":\"create\",\"resource\":\"a\",\"asset\":\"U\",\"if_absent\":^1}",
     "true or false"},
    {"^{\"op\":\"write\",\"resource\":\"a\"}", "\"data_hex\""},
    {"{\"op\":\"write\",\"resource\":\"a\",\"data_hex\":^\"abc\"}", "even number"},
    {"{\"op\":\"write\",\"resource\":\"a\",\"data_base64\":^\"Zm9vYg\"}", "padding"},
    {"{\"op\":\"write\",\"resource\":\"a\",\"data\":\"a\",^\"data_hex\":\"61\"}",
     "more than once"},
    {"^{\"op\":\"require\",\"resource\":\"a\",\"nonce\":1}", "is needed"},
    {"{\"ops\":^[],\"nonce\":1}", "at least one operation"},
    {"{\"ops\":^{},\"nonce\":1}", "must be an array"},
    {"{\"ops\":[^1],\"nonce\":1}", "expected an object"},
    {"{\"ops\":[{\"op\":\"lock\",\"resource\":\"a\",^\"nonce\":2}],\"nonce\":1}",
     "does not belong to \"lock\""},
    {"{\"ops\":[],^\"op\":\"lock\",\"nonce\":1}", "an effect with \"ops\""},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"after\":[^\"bafy\"]}", "is not an id"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"signature\":^\"0\"}", "hex digits"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"priority\":^\"x\"}",
     "urgent, high, normal, low"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[^1]}",
     "ids, which are strings"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[^{}]}",
     "needs the key \"fact\""},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[{\"fact\":^\"x\"}]}", ""},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[{^\"op\":\"\",\"fact\":\"\"}]"
     "}",
     "does not belong to a fact that is cited"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"program\":^1}", "expected an object"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"program\":^{\"id\":\"x\"}}",
     "needs the key \"task\""},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"program\":{\"id\":\"x\",\"task\":^"
     "4294967296}}",
     "2^32-1"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"time\":^1}", "ids, which are strings"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,^\"purpose\":\"x\"}", "does not belong"},
    {"{\"nonce\":1,\"ops\":^[]}", "at least one operation"},
};

static void what_is_wrong_is_refused_at_its_column(void **state)
{
    cz_effect *e = cz_effect_new();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(refusals); i++) {
        const struct refusal *r = &refusals[i];
        size_t before = (size_t)(strchr(r->text, '^') - r->text);
        char text[256], place[32];
        cz_error err = {0};
        int rc;

        (void)snprintf(text, sizeof text, "%.*s%s", (int)before, r->text, r->text + before + 1);
        (void)snprintf(place, sizeof place, "%zu: ", before + 1);
        rc = czi_effect_from_json(text, strlen(text), e, &err);
        if (rc != CZ_INVALID || strncmp(err.detail, place, strlen(place)) != 0 ||
            !strstr(err.detail, r->what))
            fail_msg("%s: %s: %s; wanted %s", r->text, cz_code_name(rc), err.detail, r->what);
    }
    cz_effect_free(e);
}

static void bounds_are_limits(void **state)
{
    cz_effect *e = cz_effect_new();
    CZI_AUTOBUF line = {0}, label = {0};
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i <= CZI_JSON_LINE_MAX; i++)
        czi_buf_put_byte(&line, ' ');
    assert_int_equal(czi_effect_from_json((char *)line.data, line.len, e, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "1: the line is longer"));
    czi_buf_printf(&label, "{\"op\":\"create\",\"asset\":\"U\",\"nonce\":1,\"resource\":\"");
    for (size_t i = 0; i <= CZI_LABEL_SIZE_MAX; i++)
        czi_buf_put_byte(&label, 'x');
    czi_buf_printf(&label, "\"}");
    assert_int_equal(czi_effect_from_json((char *)label.data, label.len, e, &err), CZ_LIMIT);
    cz_effect_free(e);
}

static const char everything[] = "{\"nonce\":1,\"ops\":[{\"op\":\"write\",\"resource\":"
                                 "\"a\\n\\u00e9\",\"data_base64\":\"AA==\"},"
                                 "{\"op\":\"create\",\"resource\":\"b\",\"asset\":\"U\"}]}";

static void out_of_memory_anywhere_is_an_error_and_the_next_read_works(void **state)
{
    static const char text[] = "{\"nonce\":1,\"ops\":[{\"op\":\"write\",\"resource\":"
                               "\"\\u00e9\",\"data_base64\":\"AA==\"},"
                               "{\"op\":\"create\",\"resource\":\"b\",\"asset\":\"U\"}]}";
    cz_error err = {0};
    int64_t n = 0;

    (void)state;
    for (bool failed = true; failed; n++) {
        cz_effect *e = cz_effect_new();
        int rc;

        czi_alloc_fail_after(n);
        rc = czi_effect_from_json(text, strlen(text), e, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_int_equal(rc, failed ? CZ_NOMEM : CZ_OK);
        assert_ok(czi_effect_from_json(text, strlen(text), e, &err), err);
        cz_effect_free(e);
    }
    assert_true(n > 3);
}

static void a_text_cut_anywhere_is_refused(void **state)
{
    cz_effect *e = cz_effect_new();
    cz_error err = {0};

    (void)state;
    for (size_t len = 0; len < sizeof everything - 1; len++) {
        /* Of exactly its size, so that a sanitizer sees a read beyond it. */
        CZI_AUTOFREE char *cut = czi_alloc(len);

        memcpy(cut, everything, len);
        assert_int_equal(czi_effect_from_json(cut, len, e, &err), CZ_INVALID);
    }
    cz_effect_free(e);
}

static void a_fact_may_be_cited_on_terms(void **state)
{
    cz_id me = cz_operator(), a = id_of("a"), fact = id_of("some fact");
    cz_dependency d = {.fact = fact,
                       .policy = CZ_AT_LEAST_HEIGHT,
                       .optional = true,
                       .finality = CZ_DEPTH,
                       .depth = 6,
                       .has_max_age = true,
                       .max_age = UINT64_MAX,
                       .purpose = "credit"};
    cz_effect *e = fresh(&me, 1);
    char id[CZ_ID_TEXT_SIZE], text[512];
    cz_error err = {0};

    (void)state;
    cz_id_print(&fact, id);
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_depend(e, &d, &err), err);
    (void)
        snprintf(text, sizeof text,
                 "{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[{\"fact\":\"%s\","
                 "\"policy\":\"at-least-height\",\"optional\":true,\"depth\":6,"
                 "\"max_age\":\"18446744073709551615\",\"purpose\":\"credit\"}]}",
                 id);
    assert_means(text, e);
}

static void a_fact_without_terms_is_a_plain_citation(void **state)
{
    cz_id me = cz_operator(), a = id_of("a"), fact = id_of("some fact");
    cz_effect *e = fresh(&me, 1);
    char id[CZ_ID_TEXT_SIZE], text[256];
    cz_error err = {0};

    (void)state;
    cz_id_print(&fact, id);
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_cite(e, &fact, &err), err);
    (void)snprintf(
        text, sizeof text,
        "{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[{\"fact\":\"%s\"}]}", id);
    assert_means(text, e);
}

static void an_effect_may_be_an_event_of_a_task_and_carry_a_time(void **state)
{
    cz_id me = cz_operator(), program = id_of("swap"), time = id_of("some time");
    cz_effect *e = fresh(&me, 1);
    char id[CZ_ID_TEXT_SIZE], text[256];

    (void)state;
    cz_id_print(&time, id);
    cz_effect_set_program(e, &program, UINT32_MAX);
    cz_effect_set_time(e, &time);
    (void)snprintf(text, sizeof text,
                   "{\"nonce\":1,\"ops\":[],\"program\":{\"id\":\"swap\",\"task\":4294967295},"
                   "\"time\":\"%s\"}",
                   id);
    assert_means(text, e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_comes_from_the_resource_it_takes_from),
        cmocka_unit_test(a_number_may_be_a_json_integer_or_a_string),
        cmocka_unit_test(other_operations_come_from_the_operator),
        cmocka_unit_test(a_creation_takes_its_kind_from_what_is_given),
        cmocka_unit_test(data_comes_as_text_hex_or_base64),
        cmocka_unit_test(escapes_name_code_points),
        cmocka_unit_test(the_long_form_says_everything),
        cmocka_unit_test(the_origin_of_a_list_is_that_of_its_first_operation),
        cmocka_unit_test(a_fact_may_be_cited_on_terms),
        cmocka_unit_test(a_fact_without_terms_is_a_plain_citation),
        cmocka_unit_test(an_effect_may_be_an_event_of_a_task_and_carry_a_time),
        cmocka_unit_test(what_is_wrong_is_refused_at_its_column),
        cmocka_unit_test(bounds_are_limits),
        cmocka_unit_test(out_of_memory_anywhere_is_an_error_and_the_next_read_works),
        cmocka_unit_test(a_text_cut_anywhere_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
