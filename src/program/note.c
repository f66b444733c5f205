/* note.c - the codec of notes; see log.h.
 *
 * Layer: program. Threads: pure functions.
 */
#include "base/error.h"
#include "codec/blake3.h"
#include "program/log.h"
#include "resource/resource.h"

const char *czi_input_name(unsigned kind)
{
    static const char *const names[] = {
#define NAME(kind, value, name) [value] = name,
        CZI_INPUTS(NAME)
#undef NAME
    };

    _Static_assert(CZI_COUNTOF(names) == CZI_INPUT_KINDS, "one name a kind");
    return kind < CZI_COUNTOF(names) ? names[kind] : NULL;
}

/* ---- Parts ----------------------------------------------------------------------------------
 */

void czi_note_parts_done(struct czi_note_parts *p)
{
    czi_buf_done(&p->inputs);
    czi_buf_done(&p->winners);
    czi_buf_done(&p->emitted);
    *p = (struct czi_note_parts){0};
}

void czi_note_parts_clear(struct czi_note_parts *p)
{
    p->input_count = p->winner_count = p->emitted_count = 0;
    p->inputs.len = p->winners.len = p->emitted.len = 0;
}

void czi_note_add_input(struct czi_note_parts *p, const struct czi_input *input)
{
    czi_cbor_add_head(&p->inputs, CZI_CBOR_ARRAY, 5);
    czi_cbor_add_head(&p->inputs, CZI_CBOR_UINT, input->kind);
    czi_cbor_add_head(&p->inputs, CZI_CBOR_UINT, input->number);
    czi_cbor_add_quantity(&p->inputs, input->code);
    czi_cbor_add_head(&p->inputs, CZI_CBOR_UINT, input->value);
    czi_cbor_add_string(&p->inputs, CZI_CBOR_BYTES, input->payload.data, input->payload.len);
    p->input_count++;
}

void czi_note_add_winner(struct czi_note_parts *p, uint64_t race, uint64_t index)
{
    czi_cbor_add_head(&p->winners, CZI_CBOR_ARRAY, 2);
    czi_cbor_add_head(&p->winners, CZI_CBOR_UINT, race);
    czi_cbor_add_head(&p->winners, CZI_CBOR_UINT, index);
    p->winner_count++;
}

void czi_note_add_emitted(struct czi_note_parts *p, struct czi_slice data)
{
    czi_cbor_add_string(&p->emitted, CZI_CBOR_BYTES, data.data, data.len);
    p->emitted_count++;
}

/* ---- Instances ------------------------------------------------------------------------------
 */

/* NULL, or what is wrong. Of a guest the name is a code's id. */
static const char *name_problem(struct czi_slice name, size_t max)
{
    char text[CZ_ID_TEXT_SIZE];
    cz_id id;

    if (max == CZI_PROGRAM_NAME_MAX && name.len == sizeof text - 1) {
        memcpy(text, name.data, name.len);
        text[name.len] = 0;
        if (cz_id_parse(text, &id, NULL) == CZ_OK)
            return NULL;
    }
    if (!name.len)
        return "is empty";
    if (name.len > max)
        return "is too long";
    return czi_label_problem(name);
}

static int check_name(struct czi_slice name, size_t max, const char *what, cz_error *err)
{
    const char *problem = name_problem(name, max);

    return problem ? czi_fail(err, name.len > max ? CZ_LIMIT : CZ_INVALID,
                              "a program's %s, of 1 to %zu bytes: it %s", what, max, problem)
                   : CZ_OK;
}

int czi_instance_check(const struct czi_begin *b, cz_error *err)
{
    int rc = check_name(b->name, CZI_PROGRAM_NAME_MAX, "name", err);

    if (!rc)
        rc = check_name(b->label, CZI_PROGRAM_LABEL_MAX, "label", err);
    if (rc)
        return rc;
    if (b->args.len > CZ_ARGS_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT,
                        "%zu bytes of arguments of a program; there may be CZ_ARGS_SIZE_MAX, "
                        "%u",
                        b->args.len, CZ_ARGS_SIZE_MAX);
    return CZ_OK;
}

int czi_instance_id(const struct czi_begin *b, cz_id *ret, cz_error *err)
{
    CZI_AUTOBUF out = {0};

    czi_cbor_add_head(&out, CZI_CBOR_ARRAY, 4);
    czi_cbor_add_head(&out, CZI_CBOR_UINT, CZI_TAG_INSTANCE);
    czi_cbor_add_string(&out, CZI_CBOR_TEXT, b->name.data, b->name.len);
    czi_cbor_add_string(&out, CZI_CBOR_TEXT, b->label.data, b->label.len);
    czi_cbor_add_string(&out, CZI_CBOR_BYTES, b->args.data, b->args.len);
    if (out.failed)
        return czi_nomem(err, "a program's id");
    czi_blake3(out.data, out.len, ret->bytes);
    return CZ_OK;
}

/* ---- Notes ----------------------------------------------------------------------------------
 */

static void put_head(struct czi_buf *out, enum czi_note_type type, unsigned elements)
{
    out->len = 0;
    out->failed = false;
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, elements);
    czi_cbor_add_head(out, CZI_CBOR_UINT, CZI_TAG_NOTE);
    czi_cbor_add_head(out, CZI_CBOR_UINT, type);
}

static int check_size(const struct czi_buf *out, cz_error *err)
{
    if (out->failed)
        return czi_nomem(err, "a note");
    if (out->len > CZ_NOTE_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "a note of %zu bytes; CZ_NOTE_SIZE_MAX is %u", out->len,
                        CZ_NOTE_SIZE_MAX);
    return CZ_OK;
}

int czi_note_begin(const struct czi_begin *b, struct czi_buf *out, cz_error *err)
{
    int rc = czi_instance_check(b, err);

    if (rc)
        return rc;
    if (!b->version)
        return czi_fail(err, CZ_INVALID, "version 0 of a program: they count from 1");
    put_head(out, CZI_NOTE_BEGIN, 6);
    czi_cbor_add_string(out, CZI_CBOR_TEXT, b->name.data, b->name.len);
    czi_cbor_add_head(out, CZI_CBOR_UINT, b->version);
    czi_cbor_add_string(out, CZI_CBOR_TEXT, b->label.data, b->label.len);
    czi_cbor_add_string(out, CZI_CBOR_BYTES, b->args.data, b->args.len);
    return check_size(out, err);
}

static void put_list(struct czi_buf *out, uint32_t count, const struct czi_buf *elements)
{
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, count);
    czi_buf_put(out, elements->data, elements->len);
    if (elements->failed)
        out->failed = true;
}

static void put_parts(struct czi_buf *out, const struct czi_note_parts *p)
{
    czi_cbor_add_string(out, CZI_CBOR_BYTES, p->fingerprint, sizeof p->fingerprint);
    put_list(out, p->input_count, &p->inputs);
    put_list(out, p->winner_count, &p->winners);
    put_list(out, p->emitted_count, &p->emitted);
}

int czi_note_inputs(const struct czi_note_parts *p, struct czi_buf *out, cz_error *err)
{
    put_head(out, CZI_NOTE_INPUTS, 6);
    put_parts(out, p);
    return check_size(out, err);
}

static bool is_control(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f;
}

/* Copies text to less than CZ_DETAIL_SIZE bytes, with a question mark for each byte that is a
 * control character, or not part of a character. Returns its length. */
static size_t clean_text(char *out, const char *text)
{
    size_t left = strnlen(text, CZ_DETAIL_SIZE), n = 0;

    while (left) {
        size_t len = 1;

        while (len < CZI_MIN(left, 4) && !czi_utf8_valid(text, len))
            len++;
        if (!czi_utf8_valid(text, len) || is_control((uint8_t)*text))
            len = 0;
        if (n + CZI_MAX(len, 1) > CZ_DETAIL_SIZE - 1)
            break;
        if (len)
            memcpy(out + n, text, len);
        else
            out[n] = '?';
        len = CZI_MAX(len, 1);
        n += len;
        text += len;
        left -= len;
    }
    return n;
}

int czi_note_end(const struct czi_note_parts *p, int32_t code, uint64_t value,
                 const char *detail, struct czi_buf *out, cz_error *err)
{
    char text[CZ_DETAIL_SIZE];
    size_t len = clean_text(text, detail);

    put_head(out, CZI_NOTE_END, 9);
    put_parts(out, p);
    czi_cbor_add_quantity(out, code);
    czi_cbor_add_head(out, CZI_CBOR_UINT, value);
    czi_cbor_add_string(out, CZI_CBOR_TEXT, text, len);
    return check_size(out, err);
}

/* ---- Reading --------------------------------------------------------------------------------
 */

static int32_t read_code(struct czi_cbor *c)
{
    struct czi_cbor before = *c;
    cz_quantity v = czi_cbor_quantity(c);

    if (v < INT32_MIN || v > INT32_MAX) {
        *c = before;
        czi_cbor_fail(c, "a code of more than 32 bits");
        return 0;
    }
    return (int32_t)v;
}

struct czi_input czi_note_next_input(struct czi_cbor *c)
{
    struct czi_input input = {0};

    czi_cbor_array_of(c, 5);
    input.kind = (enum czi_input_kind)czi_cbor_uint_max(c, CZI_INPUT_KINDS - 1);
    input.number = czi_cbor_uint(c);
    input.code = read_code(c);
    input.value = czi_cbor_uint(c);
    input.payload = czi_cbor_bytes(c);
    return input;
}

struct czi_winner czi_note_next_winner(struct czi_cbor *c)
{
    struct czi_winner w = {0};

    czi_cbor_array_of(c, 2);
    w.race = czi_cbor_uint(c);
    w.index = czi_cbor_uint(c);
    return w;
}

struct czi_slice czi_note_next_emitted(struct czi_cbor *c)
{
    struct czi_cbor before = *c;
    struct czi_slice data = czi_cbor_bytes(c);

    if (data.len > CZ_EMIT_SIZE_MAX) {
        *c = before;
        czi_cbor_fail(c, "more bytes emitted than CZ_EMIT_SIZE_MAX");
    }
    return data;
}

static void skip_input(struct czi_cbor *c)
{
    (void)czi_note_next_input(c);
}

static void skip_winner(struct czi_cbor *c)
{
    (void)czi_note_next_winner(c);
}

static void skip_emitted(struct czi_cbor *c)
{
    (void)czi_note_next_emitted(c);
}

static struct czi_note_list read_list(struct czi_cbor *c, void (*skip)(struct czi_cbor *c))
{
    struct czi_note_list list = {.count = czi_cbor_array(c)};

    list.bytes.data = c->at;
    for (uint64_t i = 0; i < list.count && !c->what; i++)
        skip(c);
    list.bytes.len = (size_t)(c->at - list.bytes.data);
    return list;
}

static void read_begin(struct czi_cbor *c, struct czi_note *n)
{
    struct czi_begin *b = &n->begin;

    b->name = czi_cbor_text(c);
    if (!c->what && name_problem(b->name, CZI_PROGRAM_NAME_MAX))
        czi_cbor_fail(c, "no name of a program");
    b->version = (uint32_t)czi_cbor_uint_max(c, UINT32_MAX);
    if (!c->what && !b->version)
        czi_cbor_fail(c, "version 0");
    b->label = czi_cbor_text(c);
    if (!c->what && name_problem(b->label, CZI_PROGRAM_LABEL_MAX))
        czi_cbor_fail(c, "no label of a program");
    b->args = czi_cbor_bytes(c);
    if (b->args.len > CZ_ARGS_SIZE_MAX)
        czi_cbor_fail(c, "more bytes of arguments than CZ_ARGS_SIZE_MAX");
}

static void read_parts(struct czi_cbor *c, struct czi_note *n)
{
    cz_id fingerprint = czi_cbor_bytes32(c);

    memcpy(n->fingerprint, &fingerprint, sizeof n->fingerprint);
    n->inputs = read_list(c, skip_input);
    n->winners = read_list(c, skip_winner);
    n->emitted = read_list(c, skip_emitted);
}

static void read_end(struct czi_cbor *c, struct czi_note *n)
{
    n->code = read_code(c);
    n->value = czi_cbor_uint(c);
    n->detail = czi_cbor_text(c);
    if (n->detail.len >= CZ_DETAIL_SIZE)
        czi_cbor_fail(c, "a detail that is too long");
    for (size_t i = 0; i < n->detail.len && !c->what; i++)
        if (is_control(n->detail.data[i]))
            czi_cbor_fail(c, "a control character in a detail");
}

int czi_note_decode(struct czi_slice bytes, struct czi_note *ret, cz_error *err)
{
    static const uint8_t elements[] = {
        [CZI_NOTE_BEGIN] = 6, [CZI_NOTE_INPUTS] = 6, [CZI_NOTE_END] = 9};
    struct czi_cbor c = czi_cbor(bytes.data, bytes.len);
    struct czi_note n = {0};
    uint64_t count;
    int rc;

    if (bytes.len > CZ_NOTE_SIZE_MAX)
        return czi_fail(err, CZ_LIMIT, "a note of %zu bytes; CZ_NOTE_SIZE_MAX is %u", bytes.len,
                        CZ_NOTE_SIZE_MAX);
    count = czi_cbor_array(&c);
    if (czi_cbor_uint(&c) != CZI_TAG_NOTE)
        czi_cbor_fail(&c, "no note");
    n.type = (enum czi_note_type)czi_cbor_uint_max(&c, CZI_NOTE_END);
    if (!c.what && count != elements[n.type])
        czi_cbor_fail(&c, "not the number of elements of such a note");
    if (n.type == CZI_NOTE_BEGIN)
        read_begin(&c, &n);
    else
        read_parts(&c, &n);
    if (n.type == CZI_NOTE_END)
        read_end(&c, &n);
    rc = czi_cbor_end(&c, err);
    if (rc)
        return czi_wrap(err, rc, "a note");
    *ret = n;
    return CZ_OK;
}
