/* test_note.c - notes of programs' logs, byte by byte as log.h says, their limits and texts. */
#include "codec/blake3.h"
#include "program/log.h"
#include "test.h"

static struct czi_slice slice(const char *text)
{
    return (struct czi_slice){(const uint8_t *)text, strlen(text)};
}

static struct czi_begin begin(void)
{
    return (struct czi_begin){slice("pay"), slice("a-b"), slice("xy"), 2};
}

/* By hand, after RFC 8949: 21 is 0x15. */
static const char BEGIN[] = "\x86\x15\x00\x63pay\x02\x63"
                            "a-b\x42xy";

#define B8(digit) digit digit digit digit digit digit digit digit
#define FINGERPRINT B8("\x11") B8("\x11") B8("\x11") B8("\x11")
#define PARTS                                                                                  \
    "\x58\x20" FINGERPRINT "\x82\x85\x03\x07\x00\x18\x64\x40\x85\x00\x08\x12\x19\x01\x00\x41p" \
    "\x81\x82\x02\x01\x81\x42hi"
static const char INPUTS[] = "\x86\x15\x01" PARTS;
static const char END[] = "\x89\x15\x02" PARTS "\x20\x05\x64oops";

/* A timer, number 7, that gave 100; an effect, number 8, rejected (18) at position 256, with
 * one byte; the branch 1 of race 2 has won; "hi" was emitted. */
static void add_parts(struct czi_note_parts *p)
{
    memset(p->fingerprint, 0x11, sizeof p->fingerprint);
    czi_note_add_input(p, &(struct czi_input){CZI_INPUT_TIMER, 7, CZ_OK, 100, {NULL, 0}});
    czi_note_add_input(p,
                       &(struct czi_input){CZI_INPUT_EFFECT, 8, CZ_REJECTED, 256, slice("p")});
    czi_note_add_winner(p, 2, 1);
    czi_note_add_emitted(p, slice("hi"));
}

static void assert_bytes(const struct czi_buf *out, const char *expected, size_t len)
{
    assert_int_equal(out->len, len);
    assert_memory_equal(out->data, expected, len);
}

static void a_begin_is_these_bytes(void **state)
{
    CZI_AUTOBUF out = {0};
    struct czi_begin b = begin();
    cz_error err = {0};

    (void)state;
    assert_ok(czi_note_begin(&b, &out, &err), err);
    assert_bytes(&out, BEGIN, sizeof BEGIN - 1);
}

static void inputs_and_an_end_are_these_bytes(void **state)
{
    CZI_AUTOBUF out = {0};
    struct czi_note_parts p = {0};
    cz_error err = {0};

    (void)state;
    add_parts(&p);
    assert_ok(czi_note_inputs(&p, &out, &err), err);
    assert_bytes(&out, INPUTS, sizeof INPUTS - 1);
    assert_ok(czi_note_end(&p, -1, 5, "oops", &out, &err), err);
    assert_bytes(&out, END, sizeof END - 1);
    czi_note_parts_done(&p);
}

static void cleared_parts_are_none_but_for_the_fingerprint(void **state)
{
    static const char none[] = "\x86\x15\x01\x58\x20" FINGERPRINT "\x80\x80\x80";
    CZI_AUTOBUF out = {0};
    struct czi_note_parts p = {0};
    cz_error err = {0};

    (void)state;
    add_parts(&p);
    assert_false(czi_note_parts_empty(&p));
    czi_note_parts_clear(&p);
    assert_true(czi_note_parts_empty(&p));
    assert_ok(czi_note_inputs(&p, &out, &err), err);
    assert_bytes(&out, none, sizeof none - 1);
    czi_note_parts_done(&p);
}

static void a_begin_is_read_back(void **state)
{
    struct czi_note n;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_note_decode((struct czi_slice){(const uint8_t *)BEGIN, sizeof BEGIN - 1}, &n,
                              &err),
              err);
    assert_int_equal(n.type, CZI_NOTE_BEGIN);
    assert_int_equal(n.begin.version, 2);
    assert_int_equal(n.begin.name.len, 3);
    assert_memory_equal(n.begin.name.data, "pay", 3);
    assert_memory_equal(n.begin.label.data, "a-b", 3);
    assert_int_equal(n.begin.args.len, 2);
    assert_memory_equal(n.begin.args.data, "xy", 2);
}

static void an_end_is_read_back(void **state)
{
    struct czi_note n;
    struct czi_input input;
    struct czi_winner w;
    struct czi_cbor c;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_note_decode((struct czi_slice){(const uint8_t *)END, sizeof END - 1}, &n,
                              &err),
              err);
    assert_int_equal(n.type, CZI_NOTE_END);
    assert_int_equal(n.code, -1);
    assert_int_equal(n.value, 5);
    assert_int_equal(n.detail.len, 4);
    assert_int_equal(n.fingerprint[31], 0x11);
    assert_int_equal(n.inputs.count, 2);
    c = czi_note_list_start(&n.inputs);
    input = czi_note_next_input(&c);
    assert_int_equal(input.kind, CZI_INPUT_TIMER);
    assert_int_equal(input.value, 100);
    input = czi_note_next_input(&c);
    assert_int_equal(input.number, 8);
    assert_int_equal(input.code, CZ_REJECTED);
    assert_int_equal(input.payload.len, 1);
    assert_true(c.at == c.end);
    c = czi_note_list_start(&n.winners);
    w = czi_note_next_winner(&c);
    assert_int_equal(w.race, 2);
    assert_int_equal(w.index, 1);
    c = czi_note_list_start(&n.emitted);
    assert_memory_equal(czi_note_next_emitted(&c).data, "hi", 2);
}

/* Each is BEGIN, INPUTS or END with a byte changed. */
static void what_is_not_canonical_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len, at;
        uint8_t byte;
        const char *what;
    } cases[] = {
        {BEGIN, sizeof BEGIN - 1, 1, 0x14, "no note"},
        {BEGIN, sizeof BEGIN - 1, 2, 0x03, "above its maximum"},
        {BEGIN, sizeof BEGIN - 1, 0, 0x85, "number of elements"},
        {BEGIN, sizeof BEGIN - 1, 4, 0x0a, "no name"},
        {BEGIN, sizeof BEGIN - 1, 7, 0x00, "version 0"},
        {BEGIN, sizeof BEGIN - 1, 9, 0x7f, "no label"},
        {INPUTS, sizeof INPUTS - 1, 39, 0x0e, "above its maximum"},
        {END, sizeof END - 1, sizeof END - 2, 0x0a, "control character"},
        {END, sizeof END - 1, 0, 0x86, "number of elements"},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOBUF bytes = {0};
        struct czi_note n;
        cz_error err = {0};

        czi_buf_put(&bytes, cases[i].bytes, cases[i].len);
        bytes.data[cases[i].at] = cases[i].byte;
        assert_int_equal(czi_note_decode(czi_buf_slice(&bytes), &n, &err), CZ_INVALID);
        if (!strstr(err.detail, cases[i].what))
            fail_msg("case %zu: %s", i, err.detail);
    }
}

static void a_note_that_is_cut_anywhere_is_refused(void **state)
{
    struct czi_note n;

    (void)state;
    for (size_t len = 0; len < sizeof END - 1; len++)
        assert_int_equal(czi_note_decode((struct czi_slice){(const uint8_t *)END, len}, &n,
                                         NULL),
                         CZ_INVALID);
}

static void names_have_their_bounds(void **state)
{
    char text[80];
    struct czi_begin b = begin();

    (void)state;
    memset(text, 'n', sizeof text);
    b.name = (struct czi_slice){(uint8_t *)text, CZI_PROGRAM_NAME_MAX};
    b.label = (struct czi_slice){(uint8_t *)text, CZI_PROGRAM_LABEL_MAX};
    assert_int_equal(czi_instance_check(&b, NULL), CZ_OK);
    b.name.len++;
    assert_int_equal(czi_instance_check(&b, NULL), CZ_LIMIT);
    b.name.len = 0;
    assert_int_equal(czi_instance_check(&b, NULL), CZ_INVALID);
    b.name.len = 1;
    b.label.len++;
    assert_int_equal(czi_instance_check(&b, NULL), CZ_LIMIT);
    b.label = slice("new\nline");
    assert_int_equal(czi_instance_check(&b, NULL), CZ_INVALID);
    b.label = slice("\xff");
    assert_int_equal(czi_instance_check(&b, NULL), CZ_INVALID);
}

static void arguments_have_their_bound(void **state)
{
    CZI_AUTOBUF out = {0};
    struct czi_begin b = begin();
    uint8_t *args = calloc(1, CZ_ARGS_SIZE_MAX + 1);

    (void)state;
    b.args = (struct czi_slice){args, CZ_ARGS_SIZE_MAX};
    assert_int_equal(czi_note_begin(&b, &out, NULL), CZ_OK);
    b.args.len++;
    assert_int_equal(czi_note_begin(&b, &out, NULL), CZ_LIMIT);
    free(args);
}

static void the_largest_payload_fits_every_note(void **state)
{
    CZI_AUTOBUF out = {0};
    struct czi_note_parts p = {0};
    struct czi_input input = {CZI_INPUT_READ, UINT64_MAX, INT32_MIN, UINT64_MAX, {NULL, 0}};
    uint8_t *payload = calloc(1, CZ_NOTE_SIZE_MAX);
    char detail[CZ_DETAIL_SIZE];
    struct czi_note n;
    cz_error err = {0};

    (void)state;
    memset(detail, 'd', sizeof detail - 1);
    detail[sizeof detail - 1] = 0;
    assert_true(czi_note_has_room(&p, CZI_NOTE_PAYLOAD_MAX));
    assert_false(czi_note_has_room(&p, CZI_NOTE_PAYLOAD_MAX + 1));
    input.payload = (struct czi_slice){payload, CZI_NOTE_PAYLOAD_MAX};
    czi_note_add_input(&p, &input);
    assert_ok(czi_note_end(&p, INT32_MAX, UINT64_MAX, detail, &out, &err), err);
    assert_ok(czi_note_decode(czi_buf_slice(&out), &n, &err), err);
    assert_int_equal(n.detail.len, CZ_DETAIL_SIZE - 1);
    czi_note_parts_clear(&p);
    input.payload.len = CZ_NOTE_SIZE_MAX;
    czi_note_add_input(&p, &input);
    assert_int_equal(czi_note_inputs(&p, &out, &err), CZ_LIMIT);
    free(payload);
    czi_note_parts_done(&p);
}

static void a_detail_is_made_fit_to_be_shown(void **state)
{
    CZI_AUTOBUF out = {0};
    struct czi_note_parts p = {0};
    struct czi_note n;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_note_end(&p, CZ_IO, 0, "a\xff\nb\xc3\xa9\xe2\x82", &out, &err), err);
    assert_ok(czi_note_decode(czi_buf_slice(&out), &n, &err), err);
    assert_int_equal(n.detail.len, 8);
    assert_memory_equal(n.detail.data, "a??b\xc3\xa9??", 8);
}

/* [22, "pay", "a-b", h'7879'], by hand. */
static void an_instance_is_named_by_what_was_started(void **state)
{
    static const char bytes[] = "\x84\x16\x63pay\x63"
                                "a-b\x42xy";
    struct czi_begin b = begin();
    uint8_t expected[32];
    cz_id id, other;

    (void)state;
    czi_blake3(bytes, sizeof bytes - 1, expected);
    assert_int_equal(czi_instance_id(&b, &id, NULL), CZ_OK);
    assert_memory_equal(id.bytes, expected, 32);
    b.version = 9;
    assert_int_equal(czi_instance_id(&b, &other, NULL), CZ_OK);
    assert_memory_equal(&other, &id, sizeof id);
}

static void a_note_tells_a_line_an_event(void **state)
{
    CZI_AUTOBUF text = {0};
    struct czi_note n;
    static const char expected[] = "timer 7: ok, 100\n"
                                   "effect 8: rejected, 256, 1 byte: \"p\"\n"
                                   "race 2: 1 wins\n"
                                   "emits 2 bytes: \"hi\"\n"
                                   "ends: code -1, 5: oops";
    static const char began[] = "begins: pay version 2, label \"a-b\", arguments: "
                                "2 bytes: \"xy\"";

    (void)state;
    assert_int_equal(czi_note_decode((struct czi_slice){(const uint8_t *)END, sizeof END - 1},
                                     &n, NULL),
                     CZ_OK);
    czi_note_text(&n, &text);
    assert_int_equal(text.len, sizeof expected - 1);
    assert_memory_equal(text.data, expected, text.len);
    text.len = 0;
    assert_int_equal(
        czi_note_decode((struct czi_slice){(const uint8_t *)BEGIN, sizeof BEGIN - 1}, &n, NULL),
        CZ_OK);
    czi_note_text(&n, &text);
    assert_int_equal(text.len, sizeof began - 1);
    assert_memory_equal(text.data, began, text.len);
}

static void bytes_that_are_no_text_are_shown_in_hex(void **state)
{
    CZI_AUTOBUF out = {0};
    CZI_AUTOBUF text = {0};
    struct czi_note_parts p = {0};
    uint8_t many[100] = {0xab};
    struct czi_note n;

    (void)state;
    czi_note_add_emitted(&p, slice("\x01\xfe"));
    czi_note_add_emitted(&p, (struct czi_slice){many, sizeof many});
    czi_note_add_emitted(&p, (struct czi_slice){NULL, 0});
    assert_int_equal(czi_note_inputs(&p, &out, NULL), CZ_OK);
    assert_int_equal(czi_note_decode(czi_buf_slice(&out), &n, NULL), CZ_OK);
    czi_note_text(&n, &text);
    czi_buf_put_byte(&text, 0);
    assert_string_equal((char *)text.data,
                        "emits 2 bytes: 01fe\n"
                        "emits 100 bytes: ab0000000000000000000000000000000000000000000000…\n"
                        "emits 0 bytes");
    czi_note_parts_done(&p);
}

static void without_memory_a_note_says_so(void **state)
{
    (void)state;
    for (int64_t skip = 0;; skip++) {
        CZI_AUTOBUF out = {0};
        struct czi_note_parts p = {0};
        int rc;

        czi_alloc_fail_after(skip);
        add_parts(&p);
        rc = czi_note_inputs(&p, &out, NULL);
        czi_note_parts_done(&p);
        if (!czi_alloc_failed()) {
            assert_int_equal(rc, CZ_OK);
            assert_true(skip > 3);
            break;
        }
        assert_int_equal(rc, CZ_NOMEM);
    }
    czi_alloc_fail_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_begin_is_these_bytes),
        cmocka_unit_test(inputs_and_an_end_are_these_bytes),
        cmocka_unit_test(cleared_parts_are_none_but_for_the_fingerprint),
        cmocka_unit_test(a_begin_is_read_back),
        cmocka_unit_test(an_end_is_read_back),
        cmocka_unit_test(what_is_not_canonical_is_refused),
        cmocka_unit_test(a_note_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(names_have_their_bounds),
        cmocka_unit_test(arguments_have_their_bound),
        cmocka_unit_test(the_largest_payload_fits_every_note),
        cmocka_unit_test(a_detail_is_made_fit_to_be_shown),
        cmocka_unit_test(an_instance_is_named_by_what_was_started),
        cmocka_unit_test(a_note_tells_a_line_an_event),
        cmocka_unit_test(bytes_that_are_no_text_are_shown_in_hex),
        cmocka_unit_test(without_memory_a_note_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
