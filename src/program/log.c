/* log.c - the public functions that read programs' logs from a store.
 *
 * Layer: program. Threads: any. Each question waits until the engine rests (czi_read_begin).
 */
#include "program/log.h"

#include "base/error.h"
#include "engine/engine.h"
#include "engine/programs.h"

const char *cz_program_state_name(int state)
{
    static const char *const names[] = {
#define NAME(name, value, text) [value] = text,
        CZ_PROGRAM_STATES(NAME)
#undef NAME
    };

    return state >= 0 && (size_t)state < CZI_COUNTOF(names) ? names[state] : NULL;
}

static struct czi_slice slice(const char *text)
{
    return (struct czi_slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

int cz_program_id(const cz_program_spec *spec, cz_id *ret, cz_error *err)
{
    struct czi_begin begin = {.name = slice(spec->name),
                              .label = slice(spec->label),
                              .args = {spec->args, spec->args_len}};
    int rc = czi_instance_check(&begin, err);

    return rc ? rc : czi_instance_id(&begin, ret, err);
}

/* ---- Reports --------------------------------------------------------------------------------
 */

/* Of a note that was checked: names fit with their zero. */
static void copy_text(char *out, struct czi_slice text)
{
    if (text.len)
        memcpy(out, text.data, text.len);
    out[text.len] = 0;
}

static void report_begin(const struct czi_note *n, cz_program_report *r)
{
    copy_text(r->name, n->begin.name);
    copy_text(r->label, n->begin.label);
    r->version = n->begin.version;
}

static void report_end(const struct czi_note *n, cz_program_report *r)
{
    r->code = n->code;
    r->value = n->value;
    r->state = n->code == CZ_OK          ? CZ_PROGRAM_COMPLETED
               : n->code == CZ_CANCELLED ? CZ_PROGRAM_CANCELLED
                                         : CZ_PROGRAM_FAILED;
    copy_text(r->detail, n->detail);
}

/* Whoever is no host may write other notes, or none: they say nothing of names and ends. */
static int report_entry(struct czi_finder *f, uint64_t position, enum czi_note_type type,
                        void (*fn)(const struct czi_note *n, cz_program_report *r),
                        cz_program_report *r, cz_error *err)
{
    struct czi_program_entry entry;
    struct czi_note note;
    int rc = czi_program_entry_at(f, position, &entry, err);

    if (!rc && entry.note.data && !czi_note_decode(entry.note, &note, NULL) &&
        note.type == type)
        fn(&note, r);
    return rc;
}

static int report(struct czi_finder *firsts, struct czi_finder *lasts,
                  const struct czi_program_row *row, cz_program_report *ret, cz_error *err)
{
    cz_program_report r = {.id = row->program,
                           .head = row->head,
                           .entries = row->entries,
                           .first = row->first,
                           .last = row->last};
    int rc = report_entry(firsts, row->first, CZI_NOTE_BEGIN, report_begin, &r, err);

    if (!rc)
        rc = report_entry(lasts, row->last, CZI_NOTE_END, report_end, &r, err);
    if (!rc)
        *ret = r;
    return rc;
}

int cz_program_get(cz_engine *g, cz_host *host, const cz_id *id, cz_program_report *ret,
                   cz_error *err)
{
    struct czi_program_row row;
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    rc = czi_program_find(g, id, &row, err);
    if (!rc)
        rc = report(&g->reader, &g->reader, &row, ret, err);
    czi_read_end(g);
    if (!rc && host && czi_host_misfit(host, id, ret->detail))
        ret->state = CZ_PROGRAM_MISFIT;
    return rc;
}

/* First entries come in order, and so do most of the last ones: each have a reader, which goes
 * through a frame once. */
struct list {
    struct czi_finder *firsts, lasts;
    cz_program_report_fn fn;
    void *arg;
};

static int list_one(void *arg, const struct czi_program_row *row, cz_error *err)
{
    struct list *l = arg;
    cz_program_report r;
    int rc = report(l->firsts, &l->lasts, row, &r, err);

    return rc ? rc : l->fn(l->arg, &r);
}

int cz_program_list(cz_engine *g, cz_program_report_fn fn, void *arg, cz_error *err)
{
    struct list l = {&g->reader, {.ledger = g->ledger}, fn, arg};
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    rc = czi_program_each(g, list_one, &l, err);
    czi_finder_done(&l.lasts);
    czi_read_end(g);
    return rc;
}

/* ---- Logs -----------------------------------------------------------------------------------
 */

/* "task 2: transfer, withdraw: applied". A note is told by itself. */
static void put_effect(struct czi_buf *out, const struct czi_record *rec)
{
    struct czi_cbor c = czi_cbor(rec->bytes.data + rec->view.ops, rec->view.ops_len);
    unsigned told = 0;
    uint32_t task;

    (void)czi_effect_program(rec->bytes.data, rec->bytes.len, &rec->view, &task);
    czi_buf_printf(out, "task %u: ", task);
    for (unsigned i = 0; i < rec->view.op_count; i++) {
        struct czi_op op;

        czi_op_next(&c, &op);
        if (op.code != CZI_OP_NOTE)
            czi_buf_printf(out, "%s%s", told++ ? ", " : "", czi_opcode_name(op.code));
    }
    czi_buf_printf(out, "%s%s", told ? ": " : "",
                   rec->outcome.reason ? "rejected, " : "applied");
    if (rec->outcome.reason)
        czi_buf_printf(out, "%s", cz_reason_name(rec->outcome.reason));
}

/* Whether there is more to tell of it than its note. */
static bool does_something(const struct czi_record *rec, struct czi_slice note)
{
    return rec->outcome.reason || !note.data || rec->view.op_count > 1;
}

struct reading {
    cz_program_entry_fn fn;
    void *arg;
    struct czi_buf text;
};

static int put_text(struct czi_buf *out, const struct czi_program_entry *entry, cz_error *err)
{
    const struct czi_record *rec = &entry->found->record;
    struct czi_note note;

    out->len = 0;
    if (entry->note.data && !czi_note_decode(entry->note, &note, NULL)) {
        czi_note_text(&note, out);
    } else if (entry->note.data) {
        czi_buf_printf(out, "a note that is no host's, ");
        czi_note_bytes_text(entry->note, out);
    }
    if (does_something(rec, entry->note)) {
        if (out->len)
            czi_buf_put_byte(out, '\n');
        put_effect(out, rec);
    }
    czi_buf_put_byte(out, 0);
    return out->failed ? czi_nomem(err, "an entry's text") : CZ_OK;
}

static int read_entry(void *arg, const struct czi_program_entry *entry, cz_error *err)
{
    struct reading *r = arg;
    const struct czi_finder *f = entry->found;
    cz_post posts[CZI_ACCESSES_MAX];
    cz_receipt receipt = czi_receipt_describe(&f->record, &f->effect, &f->receipt, posts);
    cz_program_entry e = {.receipt = &receipt,
                          .number = entry->number,
                          .node = entry->node,
                          .note = entry->note.data,
                          .note_len = entry->note.len};
    int rc = put_text(&r->text, entry, err);

    e.text = (const char *)r->text.data;
    return rc ? rc : r->fn(r->arg, &e);
}

int cz_program_log(cz_engine *g, const cz_id *id, cz_program_entry_fn fn, void *arg,
                   cz_error *err)
{
    struct reading r = {.fn = fn, .arg = arg};
    int rc = czi_read_begin(g, err);

    if (rc)
        return rc;
    rc = czi_program_entries(g, id, read_entry, &r, err);
    czi_buf_done(&r.text);
    czi_read_end(g);
    return rc;
}
