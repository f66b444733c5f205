/* fuzz_note.c - the decoder of the notes of programs' logs over any bytes.
 *
 * Properties: what is decoded encodes to the same bytes, element by element, and has a text
 * with as many lines as it tells events.
 */
#include "fuzz.h"
#include "program/log.h"

static void copy_parts(const struct czi_note *n, struct czi_note_parts *p)
{
    struct czi_cbor c = czi_note_list_start(&n->inputs);

    memcpy(p->fingerprint, n->fingerprint, sizeof p->fingerprint);
    for (uint64_t i = 0; i < n->inputs.count; i++) {
        struct czi_input input = czi_note_next_input(&c);

        czi_note_add_input(p, &input);
    }
    CZI_CHECK(!c.what && c.at == c.end);
    c = czi_note_list_start(&n->winners);
    for (uint64_t i = 0; i < n->winners.count; i++) {
        struct czi_winner w = czi_note_next_winner(&c);

        czi_note_add_winner(p, w.race, w.index);
    }
    CZI_CHECK(!c.what && c.at == c.end);
    c = czi_note_list_start(&n->emitted);
    for (uint64_t i = 0; i < n->emitted.count; i++)
        czi_note_add_emitted(p, czi_note_next_emitted(&c));
    CZI_CHECK(!c.what && c.at == c.end);
}

static int encode(const struct czi_note *n, struct czi_buf *out)
{
    struct czi_note_parts parts = {0};
    char detail[CZ_DETAIL_SIZE] = "";
    int rc;

    if (n->type == CZI_NOTE_BEGIN)
        return czi_note_begin(&n->begin, out, NULL);
    copy_parts(n, &parts);
    if (n->detail.len)
        memcpy(detail, n->detail.data, n->detail.len);
    rc = n->type == CZI_NOTE_INPUTS
             ? czi_note_inputs(&parts, out, NULL)
             : czi_note_end(&parts, n->code, n->value, detail, out, NULL);
    czi_note_parts_done(&parts);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct czi_slice bytes = {data, size};
    CZI_AUTOBUF out = {0};
    CZI_AUTOBUF text = {0};
    struct czi_note note;
    cz_error err = {0};
    uint64_t lines = 1;

    if (czi_note_decode(bytes, &note, &err) != CZ_OK) {
        CZI_CHECK(err.detail[0]);
        return 0;
    }
    CZI_CHECK(encode(&note, &out) == CZ_OK);
    CZI_CHECK(out.len == size && memcmp(out.data, data, size) == 0);
    czi_note_text(&note, &text);
    CZI_CHECK(!text.failed && czi_utf8_valid(text.data, text.len));
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    if (note.type != CZI_NOTE_BEGIN)
        CZI_CHECK(lines == CZI_MAX(1, note.inputs.count + note.winners.count +
                                          note.emitted.count + (note.type == CZI_NOTE_END)));
    return 0;
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    static const uint8_t bytes[] = "0123456789abcdef";
    struct czi_begin begin = {{bytes, 6}, {bytes, 3}, {bytes, 16}, 300};
    struct czi_note_parts parts = {0};

    if (i > 2)
        return false;
    for (unsigned k = 0; k < CZI_INPUT_KINDS; k++)
        czi_note_add_input(&parts, &(struct czi_input){(enum czi_input_kind)k,
                                                       1ull << 4 * k,
                                                       (int32_t)(5 - 3 * k),
                                                       k * k,
                                                       {bytes, k}});
    czi_note_add_winner(&parts, 24, 1);
    czi_note_add_emitted(&parts, (struct czi_slice){bytes, 9});
    if (i == 0)
        CZI_CHECK(czi_note_begin(&begin, out, NULL) == CZ_OK);
    else if (i == 1)
        CZI_CHECK(czi_note_inputs(&parts, out, NULL) == CZ_OK);
    else
        CZI_CHECK(czi_note_end(&parts, CZ_TIMEOUT, 1ull << 40, "why", out, NULL) == CZ_OK);
    czi_note_parts_done(&parts);
    return true;
}
