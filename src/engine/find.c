/* find.c - see find.h. */
#include "engine/find.h"

#include "base/error.h"
#include "codec/blake3.h"

void czi_finder_done(struct czi_finder *f)
{
    czi_buf_done(&f->buf);
    *f = (struct czi_finder){0};
}

int czi_receipt_id(const cz_id *effect, const struct czi_outcome *o, cz_id *ret, cz_error *err)
{
    uint8_t small[1024];
    size_t max = czi_receipt_size(o);
    CZI_AUTOFREE uint8_t *large = max > sizeof small ? czi_alloc(max) : NULL;
    uint8_t *bytes = max > sizeof small ? large : small;

    if (!bytes)
        return czi_nomem(err, "a receipt");
    czi_blake3(bytes, czi_receipt_encode(bytes, effect, o), ret->bytes);
    return CZ_OK;
}

int czi_find_position(struct czi_finder *f, uint64_t position, cz_error *err)
{
    bool in_frame = f->record.bytes.data && position >= f->frame.first_position &&
                    position < f->frame.first_position + f->frame.position_count;
    bool more = true;
    int rc;

    if (!in_frame) {
        f->record = (struct czi_record){0};
        rc = czi_ledger_read(f->ledger, position, &f->buf, &f->frame, err);
        if (rc)
            return rc;
    }
    if (!in_frame || position <= f->record.outcome.position)
        czi_record_reader(&f->reader, f->frame.payload, f->frame.first_position);
    do {
        rc = czi_record_next(&f->reader, &more, &f->record, err);
        if (!rc && !more)
            rc = czi_fail(err, CZ_CORRUPT, "the frame has fewer effects than it says");
        if (rc) {
            f->record = (struct czi_record){0};
            return czi_wrap(err, rc, "position %llu", (unsigned long long)position);
        }
    } while (f->record.type == CZI_RECORD_ITEM || f->record.outcome.position < position);
    czi_blake3(f->record.bytes.data, f->record.bytes.len, f->effect.bytes);
    return czi_receipt_id(&f->effect, &f->record.outcome, &f->receipt, err);
}

int czi_find_item(struct czi_finder *f, uint64_t number, struct czi_slice *ret, cz_error *err)
{
    bool more = true;
    uint64_t at;
    int rc;

    f->record = (struct czi_record){0}; /* the frame may change */
    rc = czi_ledger_read_fact(f->ledger, number, &f->buf, &f->frame, err);
    if (rc)
        return rc;
    czi_record_reader(&f->reader, f->frame.payload, f->frame.first_position);
    for (at = f->frame.facts_before; !rc && more && at <= number;) {
        rc = czi_record_next(&f->reader, &more, &f->record, err);
        at += !rc && more && f->record.type == CZI_RECORD_ITEM;
    }
    if (!rc && !more)
        rc = czi_fail(err, CZ_CORRUPT, "the frame has fewer facts than it says");
    if (!rc)
        *ret = f->record.bytes;
    f->record = (struct czi_record){0};
    return rc ? czi_wrap(err, rc, "fact %llu", (unsigned long long)(number + 1)) : CZ_OK;
}

/* Whether a record is an entry of the log that is named by an id, and the one before it. */
typedef bool (*in_log_fn)(const struct czi_record *rec, const cz_id *id,
                          uint64_t *ret_previous);

static bool in_resource(const struct czi_record *rec, const cz_id *resource,
                        uint64_t *ret_previous)
{
    for (unsigned i = 0; rec->type == CZI_RECORD_APPLIED && i < rec->view.write_count; i++)
        if (czi_id_equal(czi_effect_access_id(rec->bytes.data, &rec->view, i), resource)) {
            *ret_previous = rec->outcome.posts[i].previous;
            return true;
        }
    return false;
}

static bool in_program(const struct czi_record *rec, const cz_id *program,
                       uint64_t *ret_previous)
{
    uint32_t task;

    if (rec->type == CZI_RECORD_ITEM || !rec->view.has_program ||
        !czi_id_equal(czi_effect_program(rec->bytes.data, rec->bytes.len, &rec->view, &task),
                      program))
        return false;
    *ret_previous = rec->outcome.extra->program_previous;
    return true;
}

struct log {
    in_log_fn holds;
    const cz_id *id;
    int (*fn)(void *arg, const struct czi_finder *f);
    void *arg;
    bool found;        /* an entry; */
    uint64_t previous; /* the one before the first of those */
};

/* Of the frame at hand, the entries up to a position. */
static int each_entry(struct czi_finder *f, struct log *log, uint64_t position, cz_error *err)
{
    bool more = true;
    int rc = CZ_OK;

    czi_record_reader(&f->reader, f->frame.payload, f->frame.first_position);
    while (!rc && more && f->reader.position <= position) {
        uint64_t previous;

        rc = czi_record_next(&f->reader, &more, &f->record, err);
        if (rc || !more || !log->holds(&f->record, log->id, &previous))
            continue;
        if (!log->found)
            log->previous = previous;
        log->found = true;
        if (!log->fn)
            continue;
        czi_blake3(f->record.bytes.data, f->record.bytes.len, f->effect.bytes);
        rc = czi_receipt_id(&f->effect, &f->record.outcome, &f->receipt, err);
        if (!rc)
            rc = log->fn(log->arg, f);
    }
    return rc;
}

static int find_entries(struct czi_finder *f, struct log log, uint64_t position,
                        uint64_t *ret_previous, cz_error *err)
{
    int rc = czi_ledger_read(f->ledger, position, &f->buf, &f->frame, err);

    if (!rc)
        rc = each_entry(f, &log, position, err);
    if (!rc && (!log.found || log.previous >= f->frame.first_position))
        rc = czi_fail(err, CZ_CORRUPT,
                      "position %llu does not belong to the log that points to it",
                      (unsigned long long)position);
    if (!rc)
        *ret_previous = log.previous;
    return rc;
}

int czi_find_log(struct czi_finder *f, const cz_id *resource, uint64_t position,
                 int (*fn)(void *arg, const struct czi_finder *f), void *arg,
                 uint64_t *ret_previous, cz_error *err)
{
    struct log log = {.holds = in_resource, .id = resource, .fn = fn, .arg = arg};

    return find_entries(f, log, position, ret_previous, err);
}

int czi_find_entries(struct czi_finder *f, const cz_id *program, uint64_t position,
                     int (*fn)(void *arg, const struct czi_finder *f), void *arg,
                     uint64_t *ret_previous, cz_error *err)
{
    struct log log = {.holds = in_program, .id = program, .fn = fn, .arg = arg};

    return find_entries(f, log, position, ret_previous, err);
}

int czi_find_entries_in(struct czi_finder *f, const struct czi_frame *frame,
                        const cz_id *program, int (*fn)(void *arg, const struct czi_finder *f),
                        void *arg, cz_error *err)
{
    struct log log = {.holds = in_program, .id = program, .fn = fn, .arg = arg};

    f->frame = *frame;
    return each_entry(f, &log, UINT64_MAX, err);
}

/* Whoever sends effects again sends them in order: the one behind the last that was found. */
static bool is_next(struct czi_finder *f, const cz_id *id)
{
    uint64_t next = f->record.outcome.position + 1;

    return f->record.bytes.data && f->record.type != CZI_RECORD_ITEM &&
           next < f->frame.first_position + f->frame.position_count &&
           czi_find_position(f, next, NULL) == CZ_OK && czi_id_equal(&f->effect, id);
}

int czi_find_effect(struct czi_finder *f, const cz_id *id, cz_error *err)
{
    uint64_t position;
    int rc;

    if (is_next(f, id))
        return CZ_OK;
    rc = czi_ledger_find(f->ledger, id, &position, err);
    if (!rc)
        rc = czi_find_position(f, position, err);
    if (!rc && !czi_id_equal(&f->effect, id))
        rc = czi_fail(err, CZ_NOT_FOUND, "no such effect");
    return rc;
}
