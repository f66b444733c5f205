/* programs.c - the logs of programs, read back; see programs.h. */
#include "engine/programs.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "engine/engine.h"

static struct czi_program_row row_of(const struct czi_core *core, uint32_t n)
{
    const struct czi_program_log *l = czi_program_log(core, n);
    struct czi_program_row row = {.program = *czi_id_table_id(&core->program_ids, n),
                                  .entries = l->entries,
                                  .first = l->first,
                                  .last = l->last};

    memcpy(row.head.bytes, l->head, sizeof l->head);
    return row;
}

int czi_program_find(cz_engine *g, const cz_id *program, struct czi_program_row *ret,
                     cz_error *err)
{
    const struct czi_core *core = &g->step.core;
    uint32_t n = czi_id_table_find(&core->program_ids, program);
    char text[CZ_ID_TEXT_SIZE];

    if (n != CZI_ID_NONE) {
        *ret = row_of(core, n);
        return CZ_OK;
    }
    cz_id_print(program, text);
    return czi_fail(err, CZ_NOT_FOUND, "no program %s", text);
}

int czi_program_each(cz_engine *g, czi_program_row_fn fn, void *arg, cz_error *err)
{
    const struct czi_core *core = &g->step.core;
    int rc = CZ_OK;

    for (uint32_t i = 0; i < core->program_ids.count && !rc; i++) {
        struct czi_program_row row = row_of(core, i);

        rc = fn(arg, &row, err);
    }
    return rc;
}

/* Its first operation, if that is a note. */
static struct czi_slice note_of(const struct czi_record *rec)
{
    struct czi_cbor c = czi_cbor(rec->bytes.data + rec->view.ops, rec->view.ops_len);
    struct czi_op op;

    if (!rec->view.op_count)
        return (struct czi_slice){NULL, 0};
    czi_op_next(&c, &op);
    return op.code == CZI_OP_NOTE ? op.data : (struct czi_slice){NULL, 0};
}

int czi_program_entry_at(struct czi_finder *f, uint64_t position, struct czi_program_entry *ret,
                         cz_error *err)
{
    int rc = czi_find_position(f, position, err);

    if (!rc)
        *ret = (struct czi_program_entry){.note = note_of(&f->record), .found = f};
    return rc;
}

/* ---- Walking --------------------------------------------------------------------------------
 * Where entries are dense, the journal is read from the first to the last of them. Where they
 * are rare, links are followed: a frame is known by its last entry. Links lead back, so the way
 * is walked back once, keeping a mark at each frame, or, when there are too many, at each
 * second, fourth … of them; then it is walked forward, piece by piece between marks.
 */

struct walk {
    cz_engine *g;
    const cz_id *program;
    struct czi_buf marks, piece; /* of uint64_t, newest first */
    uint32_t marks_max, stride;
    struct czi_finder finder; /* of what is read */
    struct czi_program_entry entry;
    czi_program_entry_fn fn;
    void *arg;
    int ended; /* what fn returned, which may be any number */
    cz_error *err;
};

static int give(void *arg, const struct czi_finder *f)
{
    struct walk *w = arg;
    uint8_t node[CZI_NODE_SIZE_MAX];

    w->entry.number++;
    czi_blake3(node, czi_node_encode(node, w->entry.node.bytes, f->receipt.bytes),
               w->entry.node.bytes);
    w->entry.note = note_of(&f->record);
    w->entry.found = f;
    w->ended = w->fn(w->arg, &w->entry, w->err);
    return w->ended;
}

static uint64_t at(const struct czi_buf *b, size_t i)
{
    uint64_t v;

    memcpy(&v, b->data + i * sizeof v, sizeof v);
    return v;
}

/* Every second of the marks goes; the newest stays. */
static void thin(struct walk *w)
{
    size_t n = w->marks.len / sizeof(uint64_t);

    for (size_t i = 0; 2 * i < n; i++)
        memcpy(w->marks.data + i * sizeof(uint64_t), w->marks.data + 2 * i * sizeof(uint64_t),
               sizeof(uint64_t));
    w->marks.len = (n + 1) / 2 * sizeof(uint64_t);
    w->stride *= 2;
}

static int walk_back(struct walk *w, uint64_t position)
{
    uint64_t previous = 0;
    int rc = CZ_OK;

    for (uint64_t i = 0; position && !rc; i++) {
        if (w->marks.len == w->marks_max * sizeof position)
            thin(w);
        if (i % w->stride == 0)
            czi_buf_put(&w->marks, &position, sizeof position);
        if (w->marks.failed)
            return czi_nomem(w->err, "a log's positions");
        rc = czi_find_entries(&w->g->reader, w->program, position, NULL, NULL, &previous,
                              w->err);
        position = previous;
    }
    return rc;
}

/* Forward through the frames from the one after `until` to the one with `position`. */
static int walk_piece(struct walk *w, uint64_t position, uint64_t until)
{
    uint64_t previous = 0;
    int rc = CZ_OK;

    w->piece.len = 0;
    czi_buf_put(&w->piece, &position, sizeof position);
    while (w->stride > 1 && !rc) {
        rc = czi_find_entries(&w->g->reader, w->program, position, NULL, NULL, &previous,
                              w->err);
        position = previous;
        if (position <= until)
            break;
        czi_buf_put(&w->piece, &position, sizeof position);
    }
    if (!rc && w->piece.failed)
        rc = czi_nomem(w->err, "a log's positions");
    for (size_t i = w->piece.len / sizeof position; i-- > 0 && !rc;)
        rc = czi_find_entries(&w->g->reader, w->program, at(&w->piece, i), give, w, &previous,
                              w->err);
    return rc;
}

static int walk_links(struct walk *w, uint64_t last)
{
    int rc = walk_back(w, last);

    for (size_t n = w->marks.len / sizeof(uint64_t), i = n; i-- > 0 && !rc;)
        rc = walk_piece(w, at(&w->marks, i), i + 1 < n ? at(&w->marks, i + 1) : 0);
    czi_buf_done(&w->marks);
    czi_buf_done(&w->piece);
    return rc;
}

static int walk_frame(void *arg, const struct czi_frame *frame, cz_error *err)
{
    struct walk *w = arg;

    return czi_find_entries_in(&w->finder, frame, w->program, give, w, err);
}

int czi_program_walk(cz_engine *g, const cz_id *program, uint32_t marks,
                     czi_program_entry_fn fn, void *arg, cz_error *err)
{
    struct walk w = {.g = g,
                     .program = program,
                     .marks_max = marks,
                     .stride = 1,
                     .fn = fn,
                     .arg = arg,
                     .err = err};
    struct czi_program_row row;
    int rc = czi_program_find(g, program, &row, err);

    if (!rc)
        rc = marks ? walk_links(&w, row.last)
                   : czi_ledger_range(g->ledger, row.first, row.last, walk_frame, &w, err);
    if (w.ended)
        return w.ended;
    if (!rc && (w.entry.number != row.entries || !czi_id_equal(&w.entry.node, &row.head)))
        rc = czi_fail(err, CZ_CORRUPT, "the log of a program is not what its head says");
    return rc;
}

int czi_program_entries(cz_engine *g, const cz_id *program, czi_program_entry_fn fn, void *arg,
                        cz_error *err)
{
    struct czi_program_row row;
    int rc = czi_program_find(g, program, &row, err);
    bool is_dense = !rc && (row.last - row.first) / CZI_PROGRAM_SPREAD < row.entries;

    return rc ? rc
              : czi_program_walk(g, program, is_dense ? 0 : CZI_PROGRAM_MARKS, fn, arg, err);
}
