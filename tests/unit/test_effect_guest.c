/* test_effect_guest.c - effects that start guests: their operations, the open form, the scope.
 * Bytes are written by hand from docs/reference/formats.md. */
#include "codec/blake3.h"
#include "codec/cid.h"
#include "effect/effect.h"
#include "test.h"

static cz_id id_of(int fill)
{
    cz_id id;

    memset(&id, fill, sizeof id);
    return id;
}

static uint8_t *put_id(uint8_t *p, int fill)
{
    cz_id id = id_of(fill);

    return czi_cbor_put_bytes(p, &id, sizeof id);
}

static cz_effect *effect(void)
{
    cz_effect *e = cz_effect_new();
    cz_id origin = id_of(0x77);

    assert_non_null(e);
    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, 7);
    return e;
}

static void assert_bytes(cz_effect *e, const uint8_t *expected, size_t expected_len)
{
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_int_equal(len, expected_len);
    assert_memory_equal(bytes, expected, len);
}

/* [1, origin, 7, 2, [10…], [20…, 30…], [[18, 2, 1000, [1, 0], "in"]], [], [], null] */
static void a_run_has_the_documented_bytes(void **state)
{
    cz_id code = id_of(0x30);
    cz_guest_access seen[] = {{id_of(0x20), CZ_READ}, {id_of(0x10), CZ_WRITE}};
    uint8_t expected[256], *p = expected;
    cz_effect *e = effect();
    cz_error err = {0};

    (void)state;
    memcpy(p, "\x8a\x01", 2);
    p = put_id(p + 2, 0x77);
    memcpy(p, "\x07\x02\x81", 3);
    p = put_id(p + 3, 0x10);
    *p++ = 0x82;
    p = put_id(put_id(p, 0x20), 0x30);
    memcpy(p, "\x81\x85\x12\x02\x19\x03\xe8\x82\x01\x00\x42in\x80\x80\xf6", 16);
    assert_ok(cz_effect_run(e, &code, 1000, seen, 2, "in", 2, &err), err);
    assert_bytes(e, expected, (size_t)(p + 16 - expected));
    cz_effect_free(e);
}

/* [5, origin, 7, 2, [[19, code, 1000, "in"]], [], [], [], null, null, null] */
static size_t put_open(uint8_t *out)
{
    uint8_t *p = out;

    memcpy(p, "\x8b\x05", 2);
    p = put_id(p + 2, 0x77);
    memcpy(p, "\x07\x02\x81\x84\x13", 5);
    p = put_id(p + 5, 0x30);
    memcpy(p, "\x19\x03\xe8\x42in\x80\x80\x80\xf6\xf6\xf6", 12);
    return (size_t)(p + 12 - out);
}

static void a_call_has_the_documented_bytes_and_declares_nothing(void **state)
{
    cz_id code = id_of(0x30), id, hash;
    uint8_t expected[256];
    size_t len = put_open(expected);
    struct czi_effect_view v;
    struct czi_cbor c;
    struct czi_op op;
    cz_effect *e = effect();
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_call(e, &code, 1000, "in", 2, &err), err);
    assert_bytes(e, expected, len);
    assert_ok(cz_effect_id(e, &id, &err), err);
    czi_blake3(expected, len, hash.bytes);
    assert_memory_equal(&id, &hash, sizeof id);
    assert_ok(czi_effect_view(expected, len, &v, &err), err);
    assert_true(v.is_open);
    assert_int_equal(czi_effect_accesses(&v), 0);
    assert_int_equal(v.shape, CZI_SHAPE_GENERAL);
    assert_int_equal(czi_effect_origin(expected)[0], 0x77);
    c = czi_cbor(expected + v.ops, v.ops_len);
    czi_op_next(&c, &op);
    assert_int_equal(op.code, CZI_OP_CALL);
    assert_int_equal(op.gas, 1000);
    assert_memory_equal(op.code_id, &code, sizeof code);
    assert_int_equal(op.data.len, 2);
    cz_effect_free(e);
}

static void a_run_lists_places_in_the_order_given(void **state)
{
    cz_id code = id_of(0x30);
    cz_guest_access seen[40];
    uint8_t places[CZI_ACCESSES_MAX];
    struct czi_effect_view v;
    const uint8_t *bytes;
    struct czi_cbor c;
    struct czi_op op;
    size_t len;
    cz_effect *e = effect();
    cz_error err = {0};

    (void)state;
    for (int i = 0; i < 40; i++)
        seen[i] = (cz_guest_access){id_of(200 - i * 3), i % 2 ? CZ_WRITE : CZ_READ};
    assert_ok(cz_effect_run(e, &code, 1, seen, 40, NULL, 0, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    c = czi_cbor(bytes + v.ops, v.ops_len);
    czi_op_next(&c, &op);
    assert_int_equal(czi_op_places(&op, places), 40);
    for (unsigned i = 0; i < 40; i++) {
        assert_memory_equal(czi_effect_access_id(bytes, &v, places[i]), &seen[i].resource, 32);
        assert_int_equal(places[i] < v.write_count, i % 2);
    }
    assert_memory_equal(czi_effect_access_id(bytes, &v, op.a), &code, 32);
    cz_effect_free(e);
}

/* ---- Bounds and strictness ------------------------------------------------------------- */

static void the_builder_refuses_runs_that_no_effect_can_have(void **state)
{
    static uint8_t input[CZ_GUEST_INPUT_MAX + 1];
    cz_id code = id_of(0x30);
    cz_guest_access seen[CZI_ACCESSES_MAX + 1] = {{id_of(1), CZ_READ}, {id_of(1), CZ_WRITE}};
    cz_effect *e = effect();
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_effect_run(NULL, &code, 1, NULL, 0, NULL, 0, &err), CZ_NOMEM);
    assert_int_equal(cz_effect_run(e, &code, CZ_GAS_MAX + 1, NULL, 0, NULL, 0, &err), CZ_LIMIT);
    assert_int_equal(cz_effect_run(e, &code, 1, NULL, 0, input, sizeof input, &err), CZ_LIMIT);
    assert_int_equal(cz_effect_run(e, &code, 1, seen, CZI_ACCESSES_MAX + 1, NULL, 0, &err),
                     CZ_LIMIT);
    assert_int_equal(cz_effect_run(e, &code, 1, seen, 2, NULL, 0, &err), CZ_INVALID);
    assert_ok(cz_effect_run(e, &code, CZ_GAS_MAX, seen, 1, input, CZ_GUEST_INPUT_MAX, &err),
              err);
    assert_int_equal(cz_effect_run(e, &code, 1, NULL, 0, NULL, 0, &err), CZ_INVALID);
    assert_int_equal(cz_effect_call(e, &code, 1, NULL, 0, &err), CZ_INVALID);
    cz_effect_free(e);
}

static void a_call_and_a_resource_exclude_each_other(void **state)
{
    cz_id code = id_of(0x30), a = id_of(1);
    cz_effect *e = effect();
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_call(e, &code, 1, NULL, 0, &err), err);
    assert_int_equal(cz_effect_lock(e, &a, &err), CZ_INVALID);
    assert_int_equal(cz_effect_access(e, &a, CZ_READ, &err), CZ_INVALID);
    assert_int_equal(cz_effect_run(e, &code, 1, NULL, 0, NULL, 0, &err), CZ_INVALID);
    assert_ok(cz_effect_when(e, "moon", 1, 2, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    cz_effect_clear(e);
    assert_ok(cz_effect_access(e, &a, CZ_READ, &err), err);
    assert_int_equal(cz_effect_call(e, &code, 1, NULL, 0, &err), CZ_INVALID);
    cz_effect_free(e);
}

/* An effect that reads 0x30 and writes 0x10, with these operations. */
static int view_with(const char *ops, size_t ops_len, cz_error *err)
{
    uint8_t bytes[512], *p = bytes;
    struct czi_effect_view v;

    memcpy(p, "\x8a\x01", 2);
    p = put_id(p + 2, 0x77);
    memcpy(p, "\x07\x02\x81", 3);
    p = put_id(p + 3, 0x10);
    *p++ = 0x81;
    p = put_id(p, 0x30);
    memcpy(p, ops, ops_len);
    memcpy(p + ops_len, "\x80\x80\xf6", 3);
    return czi_effect_view(bytes, (size_t)(p + ops_len + 3 - bytes), &v, err);
}

static void a_run_is_read_strictly(void **state)
{
#define OPS(text) {text, sizeof text - 1}
    static const struct {
        const char *ops;
        size_t len;
    } good[] = {OPS("\x81\x85\x12\x01\x00\x80\x40"),         /* nothing listed, no gas */
                OPS("\x81\x85\x12\x00\x01\x82\x01\x00\x40"), /* the code itself is listed */
                OPS("\x81\x85\x12\x01\x1b\0\0\0\x02\x54\x0b\xe4\x00\x80\x40"),
                OPS("\x82\x82\x04\x00\x85\x12\x01\x00\x80\x40")},
      bad[] = {OPS("\x81\x84\x12\x01\x00\x80"),         /* no input */
               OPS("\x81\x85\x12\x02\x00\x80\x40"),     /* the code is not declared */
               OPS("\x81\x85\x12\x01\x00\x81\x02\x40"), /* the access listed is not */
               OPS("\x81\x85\x12\x01\x00\x82\x01\x01\x40"),
               OPS("\x81\x85\x12\x01\x00\x81\x18\x01\x40"), /* no shortest form */
               OPS("\x81\x85\x12\x01\x00\x81\x18\x40\x40"), /* place 64 */
               OPS("\x81\x85\x12\x01\x20\x80\x40"),         /* gas below zero */
               OPS("\x81\x85\x12\x01\x1b\0\0\0\x02\x54\x0b\xe4\x01\x80\x40"),
               OPS("\x81\x85\x12\x01\x00\x80\x60"), /* text */
               OPS("\x82\x85\x12\x01\x00\x80\x40\x85\x12\x01\x00\x80\x40"),
               OPS("\x81\x84\x13\x58\x20zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\x00\x40")};
#undef OPS
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(good); i++)
        assert_ok(view_with(good[i].ops, good[i].len, &err), err);
    for (unsigned i = 0; i < CZI_COUNTOF(bad); i++) {
        memset(&err, 0, sizeof err);
        assert_int_equal(view_with(bad[i].ops, bad[i].len, &err), CZ_INVALID);
        assert_non_null(strstr(err.detail, "byte "));
    }
}

static void an_open_effect_calls_one_guest_and_names_nothing(void **state)
{
#define CALL "\x84\x13\x58\x20zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\x00\x40"
    static const char twice[] = "\x82" CALL CALL;
#undef CALL
    const char *const ops[] = {"\x80", "\x81\x82\x04\x00", "\x81\x82\x0b\x00",
                               "\x81\x85\x12\x00\x00\x80\x40", twice};
    static const size_t lens[] = {1, 4, 4, 7, 77};
    struct czi_effect_view v;
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(ops); i++) {
        uint8_t bytes[256], *p = bytes;

        memcpy(p, "\x8b\x05", 2);
        p = put_id(p + 2, 0x77);
        memcpy(p, "\x07\x02", 2);
        memcpy(p + 2, ops[i], lens[i]);
        memcpy(p + 2 + lens[i], "\x80\x80\x80\xf6\xf6\xf6", 6);
        assert_int_equal(czi_effect_view(bytes, (size_t)(p + 8 + lens[i] - bytes), &v, &err),
                         CZ_INVALID);
        assert_non_null(strstr(err.detail, "byte "));
    }
}

/* Input of the largest size, notes and what it follows: just the bound, and one byte more. */
static void an_open_effect_is_bounded_in_bytes(void **state)
{
    static uint8_t data[CZI_OPEN_EFFECT_SIZE_MAX];
    cz_id code = id_of(0x30), program = id_of(0x40);
    cz_effect *e = effect();
    const uint8_t *bytes;
    size_t len, most;
    cz_error err = {0};

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        cz_effect_clear(e);
        cz_effect_set_program(e, &program, 1);
        assert_ok(cz_effect_call(e, &code, 1, data, CZ_GUEST_INPUT_MAX, &err), err);
        assert_ok(cz_effect_note(e, data, 20000, &err), err);
        assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
        most = 20000 + CZI_OPEN_EFFECT_SIZE_MAX - len + more;
        cz_effect_clear(e);
        cz_effect_set_program(e, &program, 1);
        assert_ok(cz_effect_call(e, &code, 1, data, CZ_GUEST_INPUT_MAX, &err), err);
        assert_ok(cz_effect_note(e, data, most, &err), err);
        assert_int_equal(cz_effect_encode(e, &bytes, &len, &err), more ? CZ_LIMIT : CZ_OK);
        assert_true(more || len == CZI_OPEN_EFFECT_SIZE_MAX);
    }
    cz_effect_free(e);
}

/* ---- Scope ------------------------------------------------------------------------------ */

static void a_scope_lies_behind_its_effect_and_gives_it_accesses(void **state)
{
    cz_id writes[] = {id_of(3), id_of(5)}, reads[] = {id_of(1), id_of(4), id_of(9)};
    uint8_t bytes[1024], *p;
    size_t len = put_open(bytes), scope_len, ret;
    struct czi_effect_view v, before;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    before = v;
    scope_len = czi_scope_encode(bytes + len, writes, 2, reads, 3);
    p = bytes + len;
    assert_int_equal(p[0], 0x82);
    assert_int_equal(p[1 + 2 * CZI_ID_STRIDE], 0x83);
    assert_int_equal(scope_len, 2 + 5 * CZI_ID_STRIDE);
    assert_ok(czi_effect_set_scope(&v, bytes, len, scope_len, &ret, &err), err);
    assert_int_equal(ret, scope_len);
    assert_int_equal(v.write_count, 2);
    assert_int_equal(v.read_count, 3);
    for (unsigned i = 0; i < 5; i++)
        assert_memory_equal(czi_effect_access_id(bytes, &v, i),
                            i < 2 ? &writes[i] : &reads[i - 2], 32);
    czi_effect_drop_scope(&v);
    assert_memory_equal(&v, &before, sizeof v);
}

static void an_empty_scope_is_one(void **state)
{
    uint8_t bytes[1024];
    size_t len = put_open(bytes), ret;
    struct czi_effect_view v;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    assert_int_equal(czi_scope_encode(bytes + len, NULL, 0, NULL, 0), 2);
    assert_ok(czi_effect_set_scope(&v, bytes, len, 2, &ret, &err), err);
    assert_int_equal(ret, 2);
    assert_int_equal(czi_effect_accesses(&v), 0);
}

static int set_scope(const char *scope, size_t scope_len, cz_error *err)
{
    uint8_t bytes[2048];
    size_t len = put_open(bytes), ret;
    struct czi_effect_view v, before;

    assert_false(czi_effect_view(bytes, len, &v, err));
    before = v;
    memcpy(bytes + len, scope, scope_len);
    if (czi_effect_set_scope(&v, bytes, len, scope_len, &ret, err) == CZ_OK)
        return CZ_OK;
    assert_memory_equal(&v, &before, sizeof v);
    return err->code;
}

static void a_scope_is_read_strictly_and_bounded(void **state)
{
    uint8_t scope[2048], *p;
    cz_error err = {0};

    (void)state;
    assert_int_equal(set_scope("", 0, &err), CZ_INVALID);
    assert_int_equal(set_scope("\x80", 1, &err), CZ_INVALID);
    assert_int_equal(set_scope("\x80\x81", 2, &err), CZ_INVALID);
    p = scope;
    *p++ = 0x82;
    p = put_id(put_id(p, 5), 5); /* twice */
    *p++ = 0x80;
    assert_int_equal(set_scope((char *)scope, (size_t)(p - scope), &err), CZ_INVALID);
    p = scope;
    *p++ = 0x81;
    p = put_id(p, 5);
    *p++ = 0x81;
    p = put_id(p, 5); /* in both */
    assert_int_equal(set_scope((char *)scope, (size_t)(p - scope), &err), CZ_INVALID);
    for (unsigned n = CZ_OPEN_ACCESSES_MAX; n <= CZ_OPEN_ACCESSES_MAX + 1; n++) {
        p = scope;
        p = czi_cbor_put_array(p, n - 1);
        for (unsigned i = 1; i < n; i++)
            p = put_id(p, (int)i);
        *p++ = 0x81;
        p = put_id(p, 0xee);
        assert_int_equal(set_scope((char *)scope, (size_t)(p - scope), &err),
                         n > CZ_OPEN_ACCESSES_MAX ? CZ_LIMIT : CZ_OK);
    }
}

/* ---- Code ------------------------------------------------------------------------------- */

static void a_code_is_named_by_its_bytes(void **state)
{
    static const uint8_t nobody[32], file[] = "any bytes";
    char text[CZ_ID_TEXT_SIZE], label[CZI_CODE_LABEL_SIZE + 10];
    cz_id hash, id, expected;
    struct czi_effect_view v;
    const uint8_t *bytes;
    struct czi_cbor c;
    struct czi_op op;
    size_t len;
    cz_effect *e = effect();
    cz_error err = {0};

    (void)state;
    czi_blake3(file, sizeof file, hash.bytes);
    cz_id_print(&hash, text);
    (void)snprintf(label, sizeof label, "code:%s", text);
    assert_ok(cz_resource_id((const cz_id *)nobody, label, &expected, &err), err);
    assert_ok(cz_effect_deploy(e, file, sizeof file, &id, &err), err);
    assert_memory_equal(&id, &expected, sizeof id);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    c = czi_cbor(bytes + v.ops, v.ops_len);
    czi_op_next(&c, &op);
    assert_int_equal(op.code, CZI_OP_CREATE);
    assert_int_equal(op.kind, CZ_CODE);
    assert_true(op.if_absent);
    assert_memory_equal(op.creator, nobody, 32);
    assert_memory_equal(op.controller, nobody, 32);
    assert_int_equal(op.data.len, sizeof file);
    assert_memory_equal(op.data.data, file, sizeof file);
    cz_effect_free(e);
}

static void a_code_has_the_size_of_data_at_most(void **state)
{
    static uint8_t file[CZI_DATA_SIZE_MAX + 1];
    cz_effect *e = effect();
    cz_error err = {0};
    cz_id id;

    (void)state;
    assert_int_equal(cz_effect_deploy(e, file, sizeof file, &id, &err), CZ_LIMIT);
    assert_ok(cz_effect_deploy(e, file, CZI_DATA_SIZE_MAX, &id, &err), err);
    cz_effect_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_has_the_documented_bytes),
        cmocka_unit_test(a_call_has_the_documented_bytes_and_declares_nothing),
        cmocka_unit_test(a_run_lists_places_in_the_order_given),
        cmocka_unit_test(the_builder_refuses_runs_that_no_effect_can_have),
        cmocka_unit_test(a_call_and_a_resource_exclude_each_other),
        cmocka_unit_test(a_run_is_read_strictly),
        cmocka_unit_test(an_open_effect_calls_one_guest_and_names_nothing),
        cmocka_unit_test(an_open_effect_is_bounded_in_bytes),
        cmocka_unit_test(a_scope_lies_behind_its_effect_and_gives_it_accesses),
        cmocka_unit_test(an_empty_scope_is_one),
        cmocka_unit_test(a_scope_is_read_strictly_and_bounded),
        cmocka_unit_test(a_code_is_named_by_its_bytes),
        cmocka_unit_test(a_code_has_the_size_of_data_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
