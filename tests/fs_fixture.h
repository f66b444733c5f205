/* fs_fixture.h - a ledger of made-up frames over any file system, and a plain model of it.
 *
 * Frame n holds `count` effects and facts that follow from n and a seed alone, so a test can
 * say what must be there without remembering bytes. The model is the number of frames.
 */
#ifndef CZI_FS_FIXTURE_H
#define CZI_FS_FIXTURE_H

#include "codec/blake3.h"
#include "ledger/ledger.h"
#include "test.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURE_EFFECTS_MAX 16

/* What frame n (from 0) of a store is: everything but its place. */
struct fixture_frame {
    unsigned effects, facts;
    size_t payload;
};

static inline struct fixture_frame fixture_shape(uint64_t n)
{
    struct czi_rng rng = czi_rng(n + 77);
    struct fixture_frame s;

    s.effects = (unsigned)czi_rng_below(&rng, 5);
    s.facts = (unsigned)czi_rng_below(&rng, 3);
    s.payload = (size_t)czi_rng_below(&rng, 900);
    return s;
}

/* The id of the effect at a position: a hash, like real ones. */
static inline cz_id fixture_id(uint64_t position)
{
    uint8_t bytes[8];
    cz_id id;

    czi_put_u64le(bytes, position);
    czi_blake3(bytes, sizeof bytes, id.bytes);
    return id;
}

/* The chain as a writer keeps it. */
struct fixture_chain {
    uint64_t frames, positions, facts;
    uint8_t hash[32];
};

/* Appends frame number c->frames to out and its ids to ids, and moves the chain. */
static inline void fixture_frame_put(struct fixture_chain *c, struct czi_buf *out,
                                     struct czi_buf *ids)
{
    struct fixture_frame s = fixture_shape(c->frames);
    struct czi_rng rng = czi_rng(c->frames);
    size_t size = CZI_FRAME_HEADER_SIZE + s.payload;
    uint8_t *p = czi_buf_reserve(out, size);
    struct czi_frame f = {.first_position = c->positions + 1,
                          .position_count = s.effects,
                          .fact_count = s.facts,
                          .facts_before = c->facts};

    assert_non_null(p);
    for (size_t i = 0; i < s.payload; i++)
        p[CZI_FRAME_HEADER_SIZE + i] = (uint8_t)czi_rng_next(&rng);
    memcpy(f.previous, c->hash, 32);
    czi_frame_seal(p, s.payload, &f);
    out->len += size;
    for (unsigned i = 0; i < s.effects; i++) {
        cz_id id = fixture_id(c->positions + 1 + i);

        czi_buf_put(ids, &id, sizeof id);
    }
    assert_false(ids->failed);
    memcpy(c->hash, f.hash, 32);
    c->frames++;
    c->positions += s.effects;
    c->facts += s.facts;
}

/* Appends `count` frames in one go; the chain moves only when that succeeded. */
static inline int fixture_append(struct czi_ledger *l, struct fixture_chain *c, unsigned count,
                                 cz_error *err)
{
    struct fixture_chain next = *c;
    struct czi_buf frames = {0}, ids = {0};
    int rc;

    while (count--)
        fixture_frame_put(&next, &frames, &ids);
    rc =
        czi_ledger_append(l,
                          &(struct czi_piece){frames.data, frames.len, (const cz_id *)ids.data},
                          1, err);
    if (!rc)
        *c = next;
    czi_buf_done(&frames);
    czi_buf_done(&ids);
    return rc;
}

/* What a recovery or a scan saw. */
struct fixture_seen {
    struct fixture_chain chain;
    cz_id ids[FIXTURE_EFFECTS_MAX];
};

/* Checks that a frame is the next one, byte for byte. */
static inline void fixture_expect(struct fixture_seen *s, const struct czi_frame *f)
{
    struct czi_buf frame = {0}, ids = {0};

    fixture_frame_put(&s->chain, &frame, &ids);
    assert_memory_equal(f->hash, s->chain.hash, 32);
    assert_int_equal(f->payload.len, frame.len - CZI_FRAME_HEADER_SIZE);
    assert_memory_equal(f->payload.data, frame.data + CZI_FRAME_HEADER_SIZE, f->payload.len);
    if (ids.len)
        memcpy(s->ids, ids.data, ids.len);
    czi_buf_done(&frame);
    czi_buf_done(&ids);
}

static inline int fixture_recover_frame(void *arg, const struct czi_frame *f,
                                        const cz_id **ret_ids, cz_error *err)
{
    struct fixture_seen *s = arg;

    (void)err;
    fixture_expect(s, f);
    *ret_ids = s->ids;
    return CZ_OK;
}

static inline int fixture_scan_frame(void *arg, const struct czi_frame *f, cz_error *err)
{
    (void)err;
    fixture_expect(arg, f);
    return CZ_OK;
}

/* The chain after the frames up to a position count and hash that a ledger reports, for
 * stores whose index lets recovery begin in the middle. */
static inline struct fixture_chain fixture_chain_to(const uint8_t hash[32], uint64_t limit)
{
    struct fixture_chain c = {0};
    struct czi_buf frames = {0}, ids = {0};

    while (memcmp(c.hash, hash, 32) != 0) {
        assert_true(c.frames < limit);
        frames.len = ids.len = 0;
        fixture_frame_put(&c, &frames, &ids);
    }
    czi_buf_done(&frames);
    czi_buf_done(&ids);
    return c;
}

/* Opens and recovers; *ret is the chain as found, verified frame by frame. */
static inline int fixture_open(const struct czi_ledger_options *o, struct czi_ledger **ret,
                               struct fixture_chain *ret_chain, uint64_t *ret_torn,
                               cz_error *err)
{
    struct fixture_seen seen = {0};
    struct czi_ledger *l;
    uint64_t positions, facts;
    uint8_t hash[32];
    int rc = czi_ledger_open(o, &l, err);

    if (rc)
        return rc;
    czi_ledger_tip(l, hash, &positions, &facts);
    seen.chain = fixture_chain_to(hash, 100000);
    rc = czi_ledger_recover(l, fixture_recover_frame, &seen, ret_torn, err);
    if (rc) {
        czi_ledger_close(l, NULL);
        return rc;
    }
    czi_ledger_tip(l, hash, &positions, &facts);
    assert_memory_equal(hash, seen.chain.hash, 32);
    assert_int_equal(positions, seen.chain.positions);
    assert_int_equal(facts, seen.chain.facts);
    *ret_chain = seen.chain;
    *ret = l;
    return CZ_OK;
}

/* Every fact is found by its number; frames without effects among them. */
static inline void fixture_check_facts(struct czi_ledger *l, const struct fixture_chain *c)
{
    struct czi_frame frame = {0};
    struct czi_buf buf = {0};
    cz_error err = {0};

    for (uint64_t n = 0; n < c->facts; n++) {
        assert_ok(czi_ledger_read_fact(l, n, &buf, &frame, &err), err);
        assert_true(frame.facts_before <= n && n < frame.facts_before + frame.fact_count);
    }
    for (uint64_t n = c->facts; n--;) { /* from behind too: no frame is at hand already */
        frame = (struct czi_frame){0};
        assert_ok(czi_ledger_read_fact(l, n, &buf, &frame, &err), err);
        assert_true(frame.facts_before <= n && n < frame.facts_before + frame.fact_count);
    }
    assert_int_equal(czi_ledger_read_fact(l, c->facts, &buf, &frame, &err), CZ_NOT_FOUND);
    assert_int_equal(czi_ledger_read_fact(l, UINT64_MAX, &buf, &frame, &err), CZ_NOT_FOUND);
    czi_buf_done(&buf);
}

/* Every position is found by its effect's id, and its frame is read; then every fact. */
static inline void fixture_check_finders(struct czi_ledger *l, const struct fixture_chain *c)
{
    struct czi_frame frame = {0};
    struct czi_buf buf = {0};
    cz_error err = {0};

    for (uint64_t p = 1; p <= c->positions; p++) {
        cz_id id = fixture_id(p);
        uint64_t found;

        assert_ok(czi_ledger_find(l, &id, &found, &err), err);
        assert_int_equal(found, p);
        assert_ok(czi_ledger_read(l, p, &buf, &frame, &err), err);
        assert_true(frame.first_position <= p &&
                    p < frame.first_position + frame.position_count);
    }
    assert_int_equal(czi_ledger_read(l, c->positions + 1, &buf, &frame, &err), CZ_NOT_FOUND);
    assert_int_equal(czi_ledger_read(l, 0, &buf, &frame, &err), CZ_NOT_FOUND);
    czi_buf_done(&buf);
    fixture_check_facts(l, c);
}

/* A checkpoint with one engine row that says how many frames there are. */
static inline int fixture_checkpoint(struct czi_ledger *l, const struct fixture_chain *c,
                                     bool background, cz_error *err)
{
    struct czi_rows rows = {0};
    uint8_t value[8];

    czi_put_u64le(value, c->frames);
    czi_rows_add(&rows, "zframes", 7, value, sizeof value);
    return czi_ledger_checkpoint(l, &rows, background, err);
}

/* ---- Real directories ------------------------------------------------------------------- */

static inline int fixture_remove_one(const char *path, const struct stat *st, int kind,
                                     struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void fixture_remove_tree(const char *path)
{
    nftw(path, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A directory of its own below TMPDIR; fixture_remove_tree removes it. */
static inline void fixture_temp_dir(char path[4096])
{
    const char *tmp = getenv("TMPDIR");

    snprintf(path, 4096, "%s/causality-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(path));
}

#endif
