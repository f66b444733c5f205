/* note_text.c - what notes say, for people; see log.h.
 *
 * Layer: program. Threads: pure functions. A line an event:
 *     begins: escrow version 2, label "a-b", 48 bytes of arguments
 *     fact 3: ok, 17
 *     effect 4: rejected
 *     race 0: 1 wins
 *     emits 5 bytes: "hello"
 *     ends: cancelled, 0: the detail
 */
#include "program/log.h"

/* Of bytes that are shown, and of text. */
#define SHOWN_MAX 48u
#define TEXT_MAX 512u

static void new_line(struct czi_buf *out, size_t start)
{
    if (out->len > start)
        czi_buf_put_byte(out, '\n');
}

/* A code may be a reason of a rejected effect too (cz_authorised); numbers are a program's own.
 */
static void put_code(struct czi_buf *out, int32_t code)
{
    const char *name = cz_code_name(code);

    if (strcmp(name, cz_code_name(-1)) == 0)
        name = cz_reason_name(code);
    if (strcmp(name, cz_reason_name(-1)) != 0)
        czi_buf_printf(out, "%s", name);
    else
        czi_buf_printf(out, "code %d", code);
}

static bool is_printable(struct czi_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] < 0x20 || s.data[i] == 0x7f || s.data[i] == '"')
            return false;
    return czi_utf8_valid(s.data, s.len);
}

void czi_note_bytes_text(struct czi_slice s, struct czi_buf *out)
{
    char hex[2 * SHOWN_MAX + 1];

    czi_buf_printf(out, "%zu byte%s", s.len, s.len == 1 ? "" : "s");
    if (!s.len)
        return;
    if (s.len <= TEXT_MAX && is_printable(s)) {
        czi_buf_printf(out, ": \"%.*s\"", (int)s.len, (const char *)s.data);
        return;
    }
    czi_hex(hex, s.data, CZI_MIN(s.len, SHOWN_MAX / 2));
    czi_buf_printf(out, ": %s%s", hex, s.len > SHOWN_MAX / 2 ? "…" : "");
}

static void put_begin(struct czi_buf *out, const struct czi_begin *b)
{
    czi_buf_printf(out,
                   "begins: %.*s version %u, label \"%.*s\", arguments: ", (int)b->name.len,
                   (const char *)b->name.data, b->version, (int)b->label.len,
                   (const char *)b->label.data);
    czi_note_bytes_text(b->args, out);
}

static void put_input(struct czi_buf *out, const struct czi_input *input)
{
    czi_buf_printf(out, "%s %llu: ", czi_input_name(input->kind),
                   (unsigned long long)input->number);
    put_code(out, input->code);
    if (input->value)
        czi_buf_printf(out, ", %llu", (unsigned long long)input->value);
    if (!input->payload.len)
        return;
    czi_buf_printf(out, ", ");
    czi_note_bytes_text(input->payload, out);
}

void czi_note_text(const struct czi_note *n, struct czi_buf *out)
{
    size_t start = out->len;
    struct czi_cbor c;

    if (n->type == CZI_NOTE_BEGIN) {
        put_begin(out, &n->begin);
        return;
    }
    c = czi_note_list_start(&n->inputs);
    for (uint64_t i = 0; i < n->inputs.count; i++) {
        struct czi_input input = czi_note_next_input(&c);

        new_line(out, start);
        put_input(out, &input);
    }
    c = czi_note_list_start(&n->winners);
    for (uint64_t i = 0; i < n->winners.count; i++) {
        struct czi_winner w = czi_note_next_winner(&c);

        new_line(out, start);
        czi_buf_printf(out, "race %llu: %llu wins", (unsigned long long)w.race,
                       (unsigned long long)w.index);
    }
    c = czi_note_list_start(&n->emitted);
    for (uint64_t i = 0; i < n->emitted.count; i++) {
        new_line(out, start);
        czi_buf_printf(out, "emits ");
        czi_note_bytes_text(czi_note_next_emitted(&c), out);
    }
    if (n->type != CZI_NOTE_END)
        return;
    new_line(out, start);
    czi_buf_printf(out, "ends: ");
    put_code(out, n->code);
    czi_buf_printf(out, ", %llu", (unsigned long long)n->value);
    if (n->detail.len)
        czi_buf_printf(out, ": %.*s", (int)n->detail.len, (const char *)n->detail.data);
}
