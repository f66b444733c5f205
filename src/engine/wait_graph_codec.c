/* wait_graph_codec.c - see wait_graph_codec.h. */
#include "engine/wait_graph_codec.h"

#include "base/error.h"
#include "base/limits.h"
#include "codec/dag_cbor.h"
#include "codec/tags.h"

#include <inttypes.h>

_Static_assert(CZI_LABEL_SIZE_MAX == CZ_LABEL_SIZE_MAX, "labels of steps are that long");

size_t czi_clean_text(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size - 1);

    memcpy(out, text, len);
    out[len] = 0;
    if (!czi_utf8_valid(out, len))
        for (size_t i = 0; i < len; i++)
            if ((uint8_t)out[i] > 0x7f)
                out[i] = '?';
    return len;
}

/* ---- Encoder ---------------------------------------------------------------------------- */

/* A line with the head of a new resource around it. */
#define EDGE_SIZE_MAX                                                                          \
    (CZ_PARTY_NAME_SIZE + CZ_LABEL_SIZE_MAX + 32 + 10 * CZI_CBOR_HEAD_SIZE_MAX)

struct writer {
    struct czi_buf resources, lines, cycles; /* lines: of the newest resource */
    uint64_t resource_count, line_count, cycle_count;
    uint64_t edges_omitted, cycles_omitted;
    size_t room; /* for edges, and as much for cycles */
    cz_id resource;
    char label[CZ_LABEL_SIZE_MAX + 1];
};

static void add_uint(struct czi_buf *b, uint64_t v)
{
    czi_cbor_add_head(b, CZI_CBOR_UINT, v);
}

static void add_text(struct czi_buf *b, const char *text, size_t size)
{
    char clean[CZ_LABEL_SIZE_MAX + 1];
    size_t len = czi_clean_text(clean, CZI_MIN(size, sizeof clean), text);

    czi_cbor_add_string(b, CZI_CBOR_TEXT, clean, len);
}

static void add_party(struct czi_buf *b, const cz_party *p)
{
    add_uint(b, (uint64_t)p->kind);
    add_uint(b, p->id);
    add_text(b, p->name, sizeof p->name);
}

static void end_resource(struct writer *w)
{
    if (!w->line_count)
        return;
    czi_cbor_add_head(&w->resources, CZI_CBOR_ARRAY, 3);
    czi_cbor_add_string(&w->resources, CZI_CBOR_BYTES, &w->resource, sizeof w->resource);
    add_text(&w->resources, w->label, sizeof w->label);
    czi_cbor_add_head(&w->resources, CZI_CBOR_ARRAY, w->line_count);
    czi_buf_put(&w->resources, w->lines.data, w->lines.len);
    w->resource_count++;
    w->lines.len = w->line_count = 0;
}

static int write_edge(void *arg, const cz_wait_edge *e)
{
    struct writer *w = arg;

    /* Each is asked whether the largest would fit, so what is left out is the end. */
    if (w->resources.len + w->lines.len + EDGE_SIZE_MAX > w->room) {
        w->edges_omitted++;
        return CZ_OK;
    }
    /* An origin's order and a resource may have one id; only the resource has a label. */
    if (memcmp(&w->resource, &e->resource, sizeof w->resource) != 0 ||
        !w->label[0] != !e->label[0])
        end_resource(w);
    if (!w->line_count) {
        w->resource = e->resource;
        (void)czi_clean_text(w->label, sizeof w->label, e->label);
    }
    czi_cbor_add_head(&w->lines, CZI_CBOR_ARRAY, 5);
    add_party(&w->lines, &e->party);
    add_uint(&w->lines, (uint64_t)e->mode);
    add_uint(&w->lines, e->holds ? 0 : e->place);
    w->line_count++;
    return w->lines.failed || w->resources.failed ? CZ_NOMEM : CZ_OK;
}

static int write_cycle(void *arg, const cz_cycle *cycle)
{
    struct writer *w = arg;
    struct czi_buf *b = &w->cycles;
    size_t before = b->len;

    czi_cbor_add_head(b, CZI_CBOR_ARRAY, 2);
    add_uint(b, cycle->number);
    czi_cbor_add_head(b, CZI_CBOR_ARRAY, cycle->count);
    for (size_t i = 0; i < cycle->count && b->len <= w->room; i++) {
        const cz_cycle_step *s = &cycle->steps[i];

        czi_cbor_add_head(b, CZI_CBOR_ARRAY, 7);
        add_party(b, &s->party);
        czi_cbor_add_string(b, CZI_CBOR_BYTES, &s->resource, sizeof s->resource);
        add_text(b, s->label, sizeof s->label);
        add_uint(b, (uint64_t)s->mode);
        czi_buf_put_byte(b, s->awaits_effect ? 0xf5 : 0xf4);
    }
    if (w->cycles_omitted || b->len > w->room) {
        b->len = before;
        w->cycles_omitted++;
    } else {
        w->cycle_count++;
    }
    return b->failed ? CZ_NOMEM : CZ_OK;
}

static void assemble(struct writer *w, struct czi_buf *out)
{
    end_resource(w);
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, 4);
    add_uint(out, CZI_TAG_WAIT_GRAPH);
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, w->resource_count);
    czi_buf_put(out, w->resources.data, w->resources.len);
    czi_cbor_add_head(out, CZI_CBOR_ARRAY, w->cycle_count);
    czi_buf_put(out, w->cycles.data, w->cycles.len);
    add_uint(out, w->edges_omitted + w->cycles_omitted);
    out->failed |= w->resources.failed || w->cycles.failed;
}

int czi_wait_graph_encode(czi_wait_graph_fn graph, cz_engine *g, size_t size_max,
                          struct czi_buf *out, cz_error *err)
{
    struct writer w = {.room = (size_max - 4 * CZI_CBOR_HEAD_SIZE_MAX) / 2};
    cz_wait_graph_visitor v = {write_edge, write_cycle, &w};
    int rc = graph(g, &v, err);

    if (!rc)
        assemble(&w, out);
    if (rc == CZ_NOMEM || out->failed)
        rc = czi_nomem(err, "the wait graph");
    czi_buf_done(&w.resources);
    czi_buf_done(&w.lines);
    czi_buf_done(&w.cycles);
    return rc;
}

/* ---- Decoder ---------------------------------------------------------------------------- */

/* A text of at most size - 1 bytes and no zero among them. */
static void read_text(struct czi_cbor *c, char *out, size_t size)
{
    struct czi_slice s = czi_cbor_text(c);

    if (s.len >= size || (s.len && memchr(s.data, 0, s.len))) {
        czi_cbor_fail(c, "a text is too long, or holds a zero");
        s.len = 0;
    }
    if (s.len)
        memcpy(out, s.data, s.len);
    out[s.len] = 0;
}

static void read_party(struct czi_cbor *c, cz_party *p)
{
    p->kind = (enum cz_party_kind)czi_cbor_uint_max(c, CZ_PARTY_EFFECT);
    p->id = czi_cbor_uint(c);
    read_text(c, p->name, sizeof p->name);
}

/* Both walks return what the visitor did; errors of form are the cursor's. */
static int walk_resources(struct czi_cbor *c, const cz_wait_graph_visitor *v)
{
    char label[CZ_LABEL_SIZE_MAX + 1];
    cz_wait_edge e = {.label = label};
    bool labelled = false;
    int rc = CZ_OK, order;

    for (uint64_t n = czi_cbor_array(c), i = 0; i < n && !c->what && !rc; i++) {
        cz_id before = e.resource;
        uint64_t place = 0, lines;

        czi_cbor_array_of(c, 3);
        e.resource = czi_cbor_bytes32(c);
        read_text(c, label, sizeof label);
        order = memcmp(&before, &e.resource, sizeof before);
        if (i && (order > 0 || (order == 0 && (labelled || !label[0]))))
            czi_cbor_fail(c, "resources do not ascend");
        labelled = label[0];
        lines = czi_cbor_array(c);
        if (!lines)
            czi_cbor_fail(c, "a resource where nobody is");
        for (uint64_t k = 0; k < lines && !c->what && !rc; k++) {
            czi_cbor_array_of(c, 5);
            read_party(c, &e.party);
            e.mode = (enum cz_access)czi_cbor_uint_max(c, CZ_WRITE);
            e.place = czi_cbor_uint(c);
            e.holds = !e.place;
            if (place && e.place <= place)
                czi_cbor_fail(c, "places do not ascend");
            place = e.place;
            if (v->edge && !c->what)
                rc = v->edge(v->arg, &e);
        }
    }
    return rc;
}

static void read_step(struct czi_cbor *c, cz_cycle_step *s)
{
    czi_cbor_array_of(c, 7);
    read_party(c, &s->party);
    s->resource = czi_cbor_bytes32(c);
    read_text(c, s->label, sizeof s->label);
    s->mode = (enum cz_access)czi_cbor_uint_max(c, CZ_WRITE);
    s->awaits_effect = czi_cbor_bool(c);
}

/* One cycle. Without a visitor its steps are only looked at. */
static int walk_cycle(struct czi_cbor *c, const cz_wait_graph_visitor *v, uint64_t *number,
                      cz_error *err)
{
    CZI_AUTOFREE cz_cycle_step *steps = NULL;
    cz_cycle_step one;
    cz_cycle cycle;

    czi_cbor_array_of(c, 2);
    cycle.number = czi_cbor_uint(c);
    if (!cycle.number || cycle.number >= *number)
        czi_cbor_fail(c, "numbers of cycles do not descend to 1");
    *number = cycle.number;
    cycle.count = (size_t)czi_cbor_array(c);
    if (v->cycle && !c->what) {
        steps = czi_alloc_zero(cycle.count, sizeof *steps);
        if (!steps)
            return czi_nomem(err, "a cycle of the wait graph");
    }
    for (size_t i = 0; i < cycle.count && !c->what; i++)
        read_step(c, steps ? &steps[i] : &one);
    cycle.steps = steps;
    return v->cycle && !c->what ? v->cycle(v->arg, &cycle) : CZ_OK;
}

static int walk(struct czi_cbor *c, const cz_wait_graph_visitor *v, uint64_t *ret_omitted,
                cz_error *err)
{
    uint64_t number = UINT64_MAX;
    int rc;

    czi_cbor_array_of(c, 4);
    if (czi_cbor_uint(c) != CZI_TAG_WAIT_GRAPH)
        czi_cbor_fail(c, "no wait graph");
    rc = walk_resources(c, v);
    for (uint64_t n = rc ? 0 : czi_cbor_array(c), i = 0; i < n && !c->what && !rc; i++)
        rc = walk_cycle(c, v, &number, err);
    if (!rc)
        *ret_omitted = czi_cbor_uint(c);
    return rc;
}

int czi_wait_graph_decode(const void *bytes, size_t len, const cz_wait_graph_visitor *v,
                          cz_error *err)
{
    static const cz_wait_graph_visitor nobody;
    struct czi_cbor c = czi_cbor(bytes, len);
    uint64_t omitted = 0;
    int rc = walk(&c, &nobody, &omitted, err);

    if (!rc)
        rc = czi_cbor_end(&c, err);
    if (rc)
        return czi_wrap(err, rc, "wait graph");
    c = czi_cbor(bytes, len);
    rc = walk(&c, v, &omitted, err);
    if (!rc && omitted)
        return czi_fail(err, CZ_LIMIT, "%" PRIu64 " more edges and cycles than an answer holds",
                        omitted);
    return rc;
}
