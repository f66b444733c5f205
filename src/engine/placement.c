/* placement.c - the public functions: what is, what the journal suggests, and making it so.
 *
 * Layer: engine. Thread: any; apply holds the writer's lock meanwhile.
 */
#include "engine/placement.h"

#include "base/error.h"
#include "base/limits.h"
#include "ledger/record.h"

#include <stdlib.h>

#define GROUP_MAX_DEFAULT 256u

/* ---- The journal ----------------------------------------------------------------------------
 */

typedef int (*use_fn)(void *arg, const uint8_t *const *ids, unsigned count, cz_error *err);

/* One pass over what was applied. */
struct pass {
    struct czi_record_reader reader;
    cz_placement_report *report; /* effects and resources are counted; may be NULL */
    use_fn fn;
    void *arg;
};

/* A resource begins with version 1. */
static void count_effect(struct pass *p, const struct czi_record *r)
{
    p->report->effects++;
    for (unsigned i = 0; i < r->view.write_count; i++)
        p->report->resources += r->outcome.posts[i].version == 1;
}

static int read_frame(void *arg, const struct czi_frame *frame, cz_error *err)
{
    struct pass *p = arg;
    struct czi_record r;
    bool more;
    int rc;

    czi_record_reader(&p->reader, frame->payload, frame->first_position);
    for (;;) {
        const uint8_t *ids[CZI_ACCESSES_MAX];
        unsigned count;

        rc = czi_record_next(&p->reader, &more, &r, err);
        if (rc || !more)
            return rc;
        if (r.type != CZI_RECORD_APPLIED)
            continue;
        count = czi_effect_accesses(&r.view);
        for (unsigned i = 0; i < count; i++)
            ids[i] = czi_effect_access_id(r.bytes.data, &r.view, i);
        if (p->report)
            count_effect(p, &r);
        rc = p->fn(p->arg, ids, count, err);
        if (rc)
            return rc;
    }
}

static int read_journal(struct czi_fs *fs, struct pass *p, cz_error *err)
{
    struct czi_ledger_options options = {.fs = fs, .read_only = true, .memory_index = true};
    struct czi_ledger *l = NULL;
    int rc = czi_ledger_open(&options, &l, err), closed;

    if (rc)
        return rc;
    rc = czi_ledger_scan(l, true, read_frame, p, err);
    closed = czi_ledger_close(l, rc ? NULL : err);
    return rc ? rc : closed;
}

/* ---- Measuring a placement ----------------------------------------------------------------
 */

struct measure {
    const struct czi_placement *placement;
    cz_placement_report *report;
    uint64_t *weights; /* by number in the placement; NULL: not wanted */
};

static int measure_use(void *arg, const uint8_t *const *ids, unsigned count, cz_error *err)
{
    struct measure *m = arg;
    uint32_t numbers[CZI_ACCESSES_MAX];

    (void)err;
    m->report->pairs += (uint64_t)count * (count - (count > 0)) / 2;
    for (unsigned i = 0; i < count; i++) {
        numbers[i] = czi_id_table_find(&m->placement->ids, ids[i]);
        if (numbers[i] == CZI_ID_NONE)
            continue;
        if (m->weights)
            m->weights[numbers[i]]++;
        for (unsigned k = 0; k < i; k++)
            m->report->together +=
                numbers[k] != CZI_ID_NONE &&
                m->placement->groups[numbers[k]] == m->placement->groups[numbers[i]];
    }
    return CZ_OK;
}

struct placed {
    cz_id id;
    uint64_t weight;
    uint16_t group;
};

static int by_group(const void *pa, const void *pb)
{
    const struct placed *a = pa, *b = pb;

    return a->group != b->group ? (a->group < b->group ? -1 : 1)
                                : memcmp(&a->id, &b->id, sizeof a->id);
}

static int tell(const struct czi_placement *p, const uint64_t *weights, cz_placement_fn fn,
                void *arg, cz_error *err)
{
    struct placed *all = czi_alloc(CZI_MAX(p->ids.count, 1) * sizeof *all);
    int rc = CZ_OK;

    if (!all)
        return czi_nomem(err, "the placement");
    for (uint32_t i = 0; i < p->ids.count; i++)
        all[i] = (struct placed){*czi_id_table_id(&p->ids, i), weights[i], p->groups[i]};
    qsort(all, p->ids.count, sizeof *all, by_group);
    for (uint32_t i = 0; i < p->ids.count && !rc; i++)
        rc = fn(arg, all[i].group, &all[i].id, all[i].weight);
    czi_free(all);
    return rc;
}

static uint32_t count_groups(const struct czi_placement *p)
{
    uint8_t seen[(CZ_PLACEMENT_GROUPS_MAX + 1) / 8] = {0};
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->ids.count; i++) {
        uint16_t g = p->groups[i];

        n += !(seen[g / 8] >> g % 8 & 1);
        seen[g / 8] |= (uint8_t)(1u << g % 8);
    }
    return n;
}

/* What the journal says of a placement: the second of two passes, so exact. */
static int report_on(struct czi_fs *fs, const struct czi_placement *p, cz_placement_fn fn,
                     void *arg, cz_placement_report *ret, cz_error *err)
{
    cz_placement_report report = {.grouped = p->ids.count, .groups = count_groups(p)};
    struct measure m = {.placement = p, .report = &report};
    struct pass pass = {.report = &report, .fn = measure_use, .arg = &m};
    int rc;

    m.weights = czi_alloc_zero(CZI_MAX(p->ids.count, 1), sizeof *m.weights);
    if (!m.weights)
        return czi_nomem(err, "the placement");
    rc = read_journal(fs, &pass, err);
    if (!rc && fn)
        rc = tell(p, m.weights, fn, arg, err);
    czi_free(m.weights);
    if (!rc)
        *ret = report;
    return rc;
}

/* ---- Suggesting and applying --------------------------------------------------------------
 */

static int note_use(void *arg, const uint8_t *const *ids, unsigned count, cz_error *err)
{
    return czi_pairs_note(arg, ids, count, err);
}

static int suggest(struct czi_fs *fs, uint32_t group_max, struct czi_placement *ret,
                   cz_error *err)
{
    struct czi_pairs pairs;
    struct pass pass = {.fn = note_use, .arg = &pairs};
    int rc = czi_pairs_init(&pairs, 0, 0, err);

    if (rc)
        return rc;
    rc = read_journal(fs, &pass, err);
    if (!rc)
        rc = czi_placement_suggest(&pairs, group_max ? group_max : GROUP_MAX_DEFAULT, ret, err);
    czi_pairs_done(&pairs);
    return rc;
}

int cz_placement_show(const char *dir, cz_placement_fn fn, void *arg, cz_placement_report *ret,
                      cz_error *err)
{
    struct czi_placement p = {0};
    struct czi_fs *fs;
    int rc = czi_fs_posix(dir, &fs, err);

    if (rc)
        return rc;
    rc = czi_placement_read(fs, &p, err);
    if (!rc)
        rc = report_on(fs, &p, fn, arg, ret, err);
    czi_placement_done(&p);
    fs->ops->free(fs);
    return rc;
}

int cz_placement_suggest(const char *dir, uint32_t group_max, cz_placement_fn fn, void *arg,
                         cz_placement_report *ret, cz_error *err)
{
    struct czi_placement p = {0};
    struct czi_fs *fs;
    int rc = czi_fs_posix(dir, &fs, err);

    if (rc)
        return rc;
    rc = suggest(fs, group_max, &p, err);
    if (!rc)
        rc = report_on(fs, &p, fn, arg, ret, err);
    czi_placement_done(&p);
    fs->ops->free(fs);
    return rc;
}

struct application {
    struct czi_fs *fs;
    uint32_t group_max;
    cz_placement_report report;
};

/* The file is what decides: with its name in place all is done but throwing away an index that
 * whoever opens the store next would throw away too. */
static int apply_locked(void *arg, cz_error *err)
{
    struct application *a = arg;
    struct czi_placement p = {0};
    int rc = suggest(a->fs, a->group_max, &p, err);

    if (!rc)
        rc = report_on(a->fs, &p, NULL, NULL, &a->report, err);
    if (!rc)
        rc = czi_placement_write(a->fs, &p, err);
    czi_placement_done(&p);
    return rc;
}

int cz_placement_apply(const char *dir, uint32_t group_max, cz_placement_report *ret,
                       cz_error *err)
{
    struct application a = {.group_max = group_max};
    int rc = czi_fs_posix(dir, &a.fs, err);

    if (rc)
        return rc;
    rc = czi_ledger_drop_index_after(a.fs, apply_locked, &a, err);
    if (!rc)
        *ret = a.report;
    a.fs->ops->free(a.fs);
    return rc;
}
