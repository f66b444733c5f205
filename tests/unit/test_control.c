/* test_control.c - the wait graph as bytes, and the socket over which an engine gives it. */
#include "base/limits.h"
#include "engine/control.h"
#include "fs_fixture.h"
#include <cmocka.h>

#include <inttypes.h>

/* ---- Graphs as text --------------------------------------------------------------------- */

/* What a visitor is called with, a line a call: two graphs are equal when their texts are. */
struct text {
    struct czi_buf buf;
    unsigned calls, stop_at; /* the call that returns 77; 0: none */
};

static int answer_of(struct text *t)
{
    return ++t->calls == t->stop_at ? 77 : CZ_OK;
}

static void print_party(struct czi_buf *b, const cz_party *p)
{
    czi_buf_printf(b, "%d %" PRIu64 " <%s>", (int)p->kind, p->id, p->name);
}

static int print_edge(void *arg, const cz_wait_edge *e)
{
    struct text *t = arg;

    czi_buf_printf(&t->buf, "%02x%02x <%s> ", e->resource.bytes[0], e->resource.bytes[31],
                   e->label);
    print_party(&t->buf, &e->party);
    czi_buf_printf(&t->buf, " %d %d %" PRIu64 "\n", (int)e->mode, e->holds, e->place);
    return answer_of(t);
}

static int print_cycle(void *arg, const cz_cycle *c)
{
    struct text *t = arg;

    czi_buf_printf(&t->buf, "cycle %" PRIu64 " of %zu\n", c->number, c->count);
    for (size_t i = 0; i < c->count; i++) {
        const cz_cycle_step *s = &c->steps[i];

        print_party(&t->buf, &s->party);
        czi_buf_printf(&t->buf, " %02x%02x <%s> %d %d\n", s->resource.bytes[0],
                       s->resource.bytes[31], s->label, (int)s->mode, s->awaits_effect);
    }
    return answer_of(t);
}

static cz_wait_graph_visitor visitor_of(struct text *t)
{
    return (cz_wait_graph_visitor){print_edge, print_cycle, t};
}

static void assert_same(const struct text *a, const struct text *b)
{
    assert_int_equal(a->buf.len, b->buf.len);
    assert_true(!a->buf.len || memcmp(a->buf.data, b->buf.data, a->buf.len) == 0);
}

/* ---- Graphs to tell --------------------------------------------------------------------- */

/* Stands in for the engine's own; the engine that it is called with is looked at only where a
 * test says so. */
static int one_edge(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    cz_wait_edge e = {.resource = {{1}},
                      .label = "a",
                      .party = {CZ_PARTY_TASK, 7, "t"},
                      .mode = CZ_WRITE,
                      .holds = true};

    (void)g;
    (void)err;
    return v->edge(v->arg, &e);
}

static int no_edge(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    (void)g;
    (void)v;
    (void)err;
    return CZ_OK;
}

static int failing(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    (void)g;
    (void)v;
    return czi_fail(err, CZ_CLOSED, "the disk is gone");
}

static uint64_t graph_seed;

static cz_party random_party(struct czi_rng *r)
{
    cz_party p = {.kind = (enum cz_party_kind)czi_rng_below(r, 4),
                  .id = czi_rng_next(r) >> czi_rng_below(r, 64)};
    size_t len = czi_rng_below(r, CZ_PARTY_NAME_SIZE);

    for (size_t i = 0; i < len; i++)
        p.name[i] = (char)(1 + czi_rng_below(r, 126));
    return p;
}

static int random_cycle(struct czi_rng *r, uint64_t number, const cz_wait_graph_visitor *v)
{
    cz_cycle_step steps[5] = {0};
    cz_cycle c = {steps, czi_rng_below(r, 6), number};

    for (size_t i = 0; i < c.count; i++) {
        steps[i].party = random_party(r);
        steps[i].resource.bytes[0] = (uint8_t)czi_rng_next(r);
        (void)snprintf(steps[i].label, sizeof steps[i].label, "wanted %zu", i);
        steps[i].mode = (enum cz_access)czi_rng_below(r, 2);
        steps[i].awaits_effect = czi_rng_below(r, 2);
    }
    return v->cycle(v->arg, &c);
}

static int random_graph(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    struct czi_rng r = czi_rng(graph_seed);
    unsigned resources = (unsigned)czi_rng_below(&r, 5);
    int rc = CZ_OK;

    (void)g;
    (void)err;
    for (unsigned i = 0; i < resources; i++) {
        unsigned holders = (unsigned)czi_rng_below(&r, 4),
                 waiters = (unsigned)czi_rng_below(&r, 40);
        cz_wait_edge e = {.resource = {{(uint8_t)(3 * i), [31] = (uint8_t)czi_rng_next(&r)}},
                          .label = i % 2 ? "" : "überweisung"};

        for (unsigned k = 0; k < holders + waiters && !rc; k++) {
            e.party = random_party(&r);
            e.mode = (enum cz_access)czi_rng_below(&r, 2);
            e.holds = k < holders;
            e.place = e.holds ? 0 : 1 + k - holders;
            rc = v->edge(v->arg, &e);
        }
    }
    for (uint64_t n = czi_rng_below(&r, 4); n && !rc; n--)
        rc = random_cycle(&r, n * 100, v);
    return rc;
}

/* Beyond what an answer holds, both in edges and in cycles. */
enum { HUGE_EDGES = 500000, HUGE_CYCLES = 40, HUGE_STEPS = 4000 };

static int huge_graph(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    cz_wait_edge e = {.label = "queue", .mode = CZ_WRITE};
    cz_cycle_step *steps = calloc(HUGE_STEPS, sizeof *steps);
    cz_cycle c = {steps, HUGE_STEPS, 0};

    (void)g;
    (void)err;
    memset(e.party.name, 'n', sizeof e.party.name - 1);
    for (unsigned i = 1; i <= HUGE_EDGES; i++) {
        e.party.id = e.place = i;
        assert_int_equal(v->edge(v->arg, &e), CZ_OK);
    }
    for (unsigned i = 0; i < HUGE_STEPS; i++) {
        steps[i].party = e.party;
        memset(steps[i].label, 'l', CZ_LABEL_SIZE_MAX);
    }
    for (c.number = HUGE_CYCLES; c.number; c.number--)
        assert_int_equal(v->cycle(v->arg, &c), CZ_OK);
    free(steps);
    return CZ_OK;
}

/* ---- The form --------------------------------------------------------------------------- */

/* Hex digits as bytes; anything else is skipped. */
static struct czi_buf unhex(const char *text)
{
    struct czi_buf b = {0};
    char digits[2];
    unsigned n = 0;

    for (; *text; text++) {
        uint8_t byte;

        if (!strchr("0123456789abcdef", *text))
            continue;
        digits[n++ % 2] = *text;
        if (n % 2 == 0) {
            assert_true(czi_unhex(&byte, 1, digits, 2));
            czi_buf_put_byte(&b, byte);
        }
    }
    return b;
}

#define ID1 "5820 01" ZERO31
#define ZERO31 "00000000 00000000 00000000 00000000 00000000 00000000 00000000 000000"
#define A32 "61616161 61616161 61616161 61616161 61616161 61616161 61616161 61616161"
#define ID2 "5820 02" ZERO31

static void the_bytes_are_the_documented_ones(void **state)
{
    struct czi_buf expected = unhex("84 0b 81 83" ID1 "6161 81 85 01 07 6174 01 00 80 00");
    CZI_AUTOBUF out = {0};
    cz_error err = {0};

    (void)state;
    assert_ok(czi_wait_graph_encode(one_edge, NULL, 1000, &out, &err), err);
    assert_int_equal(out.len, expected.len);
    assert_memory_equal(out.data, expected.data, out.len);
    czi_buf_done(&expected);
}

static void a_graph_comes_back_as_it_was(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 300);

    (void)state;
    for (graph_seed = 1; graph_seed <= seeds; graph_seed++) {
        struct text told = {0}, read = {0};
        cz_wait_graph_visitor a = visitor_of(&told), b = visitor_of(&read);
        CZI_AUTOBUF out = {0};
        cz_error err = {0};

        assert_int_equal(random_graph(NULL, &a, NULL), CZ_OK);
        assert_ok(czi_wait_graph_encode(random_graph, NULL, 1u << 20, &out, &err), err);
        assert_ok(czi_wait_graph_decode(out.data, out.len, &b, &err), err);
        if (told.buf.len != read.buf.len ||
            (told.buf.len && memcmp(told.buf.data, read.buf.data, read.buf.len) != 0))
            print_error("seed %llu\n", (unsigned long long)graph_seed);
        assert_same(&told, &read);
        czi_buf_done(&told.buf);
        czi_buf_done(&read.buf);
    }
}

/* A resource that proposes effects: its origin's order has its id. */
static int one_id_twice(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    cz_wait_edge e[] = {{{{1}}, "", {CZ_PARTY_EFFECT, 1, ""}, CZ_WRITE, true, 0},
                        {{{1}}, "", {CZ_PARTY_EFFECT, 2, ""}, CZ_WRITE, false, 1},
                        {{{1}}, "alice", {CZ_PARTY_THREAD, 1, ""}, CZ_WRITE, true, 0},
                        {{{1}}, "alice", {CZ_PARTY_EFFECT, 1, ""}, CZ_WRITE, false, 1}};
    int rc = CZ_OK;

    (void)g;
    (void)err;
    for (size_t i = 0; i < CZI_COUNTOF(e) && !rc; i++)
        rc = v->edge(v->arg, &e[i]);
    return rc;
}

static void an_origin_and_a_resource_may_have_one_id(void **state)
{
    struct text told = {0}, read = {0};
    cz_wait_graph_visitor a = visitor_of(&told), b = visitor_of(&read);
    CZI_AUTOBUF out = {0};
    cz_error err = {0};

    (void)state;
    assert_int_equal(one_id_twice(NULL, &a, NULL), CZ_OK);
    assert_ok(czi_wait_graph_encode(one_id_twice, NULL, 1000, &out, &err), err);
    assert_ok(czi_wait_graph_decode(out.data, out.len, &b, &err), err);
    assert_same(&told, &read);
    czi_buf_done(&told.buf);
    czi_buf_done(&read.buf);
}

static int odd_names(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    cz_wait_edge e = {.label = "r", .party = {CZ_PARTY_THREAD, 1, "caf\xc3"}, .holds = true};

    (void)g;
    (void)err;
    return v->edge(v->arg, &e);
}

static void a_name_that_is_cut_within_a_character_is_still_read(void **state)
{
    struct text read = {0};
    cz_wait_graph_visitor v = visitor_of(&read);
    CZI_AUTOBUF out = {0};
    cz_error err = {0};

    (void)state;
    assert_ok(czi_wait_graph_encode(odd_names, NULL, 1000, &out, &err), err);
    assert_ok(czi_wait_graph_decode(out.data, out.len, &v, &err), err);
    czi_buf_put_byte(&read.buf, 0);
    assert_non_null(strstr((char *)read.buf.data, "<caf?>"));
    czi_buf_done(&read.buf);
}

static int count_call(void *arg)
{
    ++*(uint64_t *)arg;
    return CZ_OK;
}
static int count_edge(void *arg, const cz_wait_edge *e)
{
    (void)e;
    return count_call(arg);
}
static int count_cycle(void *arg, const cz_cycle *c)
{
    (void)c;
    return count_call(arg);
}

/* CZI_CONTROL_ANSWER_MAX: what is in comes whole, what is not is counted. */
static void a_graph_beyond_an_answer_is_cut_and_says_so(void **state)
{
    uint64_t calls = 0;
    unsigned long long missing;
    cz_wait_graph_visitor v = {count_edge, count_cycle, &calls};
    CZI_AUTOBUF out = {0};
    cz_error err = {0};

    (void)state;
    assert_ok(czi_wait_graph_encode(huge_graph, NULL, CZI_CONTROL_ANSWER_MAX, &out, &err), err);
    assert_true(out.len <= CZI_CONTROL_ANSWER_MAX);
    assert_true(out.len >= CZI_CONTROL_ANSWER_MAX / 10 * 9);
    assert_int_equal(czi_wait_graph_decode(out.data, out.len, &v, &err), CZ_LIMIT);
    assert_int_equal(sscanf(err.detail, "%llu more", &missing), 1);
    assert_int_equal(calls + missing, HUGE_EDGES + HUGE_CYCLES);
    assert_true(missing > 0 && calls > HUGE_EDGES / 2);
}

static int large_then_small_cycle(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    static const cz_cycle_step steps[100];
    cz_cycle large = {steps, CZI_COUNTOF(steps), 2}, small = {steps, 1, 1};

    (void)g;
    (void)err;
    return v->cycle(v->arg, &large) || v->cycle(v->arg, &small) ? CZ_NOMEM : CZ_OK;
}

static void once_a_cycle_is_left_out_so_are_the_older_ones(void **state)
{
    uint64_t calls = 0;
    cz_wait_graph_visitor v = {count_edge, count_cycle, &calls};
    CZI_AUTOBUF out = {0};
    cz_error err = {0};

    (void)state;
    assert_ok(czi_wait_graph_encode(large_then_small_cycle, NULL, 1000, &out, &err), err);
    assert_int_equal(czi_wait_graph_decode(out.data, out.len, &v, &err), CZ_LIMIT);
    assert_int_equal(calls, 0);
    assert_memory_equal(err.detail, "2 more", 6);
}

static void only_the_canonical_form_is_read_and_nothing_is_told_before(void **state)
{
    static const struct {
        const char *what, *bytes;
    } wrong[] = {
        {"another tag", "84 0a 80 80 00"},
        {"too few elements", "83 0b 80 80"},
        {"bytes behind", "84 0b 80 80 00 00"},
        {"a number not in its shortest form", "84 0b 80 80 1800"},
        {"resources that descend", "84 0b 82 83" ID2 "60 81 85 00 01 60 00 00"
                                   "83" ID1 "60 81 85 00 01 60 00 00 80 00"},
        {"a resource twice", "84 0b 82 83" ID1 "60 81 85 00 01 60 00 00"
                             "83" ID1 "60 81 85 00 01 60 00 00 80 00"},
        {"a resource behind one of its id with a label",
         "84 0b 82 83" ID1 "6161 81 85 00 01 60 00 00"
         "83" ID1 "60 81 85 00 01 60 00 00 80 00"},
        {"a kind of party", "84 0b 81 83" ID1 "60 81 85 04 01 60 00 00 80 00"},
        {"a mode", "84 0b 81 83" ID1 "60 81 85 00 01 60 02 00 80 00"},
        {"a zero in a name", "84 0b 81 83" ID1 "60 81 85 00 01 6100 00 00 80 00"},
        {"a holder behind a waiter",
         "84 0b 81 83" ID1 "60 82 85 00 01 60 00 01 85 00 01 60 00 00 80 00"},
        {"one place twice",
         "84 0b 81 83" ID1 "60 82 85 00 01 60 00 01 85 00 01 60 00 01 80 00"},
        {"a resource where nobody is", "84 0b 81 83" ID1 "60 80 80 00"},
        {"a name of 64 bytes", "84 0b 81 83" ID1 "60 81 85 00 01 7840" A32 A32 "00 00 80 00"},
        {"cycle zero", "84 0b 80 81 82 00 80 00"},
        {"a cycle twice", "84 0b 80 82 82 05 80 82 05 80 00"},
        {"cycles that ascend", "84 0b 80 82 82 01 80 82 02 80 00"},
        {"a good edge, then a bad cycle",
         "84 0b 81 83" ID1 "60 81 85 00 01 60 00 00 81 82 00 80 00"},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(wrong); i++) {
        struct czi_buf b = unhex(wrong[i].bytes);
        uint64_t calls = 0;
        cz_wait_graph_visitor v = {count_edge, count_cycle, &calls};
        cz_error err = {0};

        if (czi_wait_graph_decode(b.data, b.len, &v, &err) != CZ_INVALID || calls)
            fail_msg("%s was read", wrong[i].what);
        czi_buf_done(&b);
    }
}

static void no_part_of_a_graph_is_a_graph(void **state)
{
    CZI_AUTOBUF out = {0};
    cz_wait_graph_visitor v = {0};
    cz_error err = {0};

    (void)state;
    graph_seed = 4;
    assert_ok(czi_wait_graph_encode(random_graph, NULL, 1u << 20, &out, &err), err);
    assert_true(out.len > 100);
    for (size_t n = 0; n < out.len; n++)
        assert_int_equal(czi_wait_graph_decode(out.data, n, &v, &err), CZ_INVALID);
    assert_ok(czi_wait_graph_decode(out.data, out.len, &v, &err), err);
}

static void what_the_visitor_returns_ends_the_walk(void **state)
{
    struct text all = {0};
    cz_wait_graph_visitor v = visitor_of(&all);
    CZI_AUTOBUF out = {0};
    cz_error err = {0};

    (void)state;
    graph_seed = 4;
    assert_ok(czi_wait_graph_encode(random_graph, NULL, 1u << 20, &out, &err), err);
    assert_ok(czi_wait_graph_decode(out.data, out.len, &v, &err), err);
    assert_true(all.calls > 3);
    for (unsigned n = 1; n <= all.calls; n++) {
        struct text some = {.stop_at = n};

        v = visitor_of(&some);
        assert_int_equal(czi_wait_graph_decode(out.data, out.len, &v, &err), 77);
        assert_int_equal(some.calls, n);
        assert_memory_equal(some.buf.data, all.buf.data, some.buf.len);
        czi_buf_done(&some.buf);
    }
    czi_buf_done(&all.buf);
}

/* ---- Requests and answers --------------------------------------------------------------- */

static void every_request_gets_an_answer_that_says_what_is_wrong_with_it(void **state)
{
    static const char *const wrong[] = {"",       "80",     "0a", "8118ff", "8109",
                                        "820a00", "810a00", "a0", "ff",     "81180a"};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(wrong); i++) {
        struct czi_buf request = unhex(wrong[i]), answer = {0};
        uint64_t calls = 0;
        cz_wait_graph_visitor v = {count_edge, count_cycle, &calls};
        cz_error err = {0};

        assert_ok(czi_control_answer(NULL, one_edge, request.data, request.len, &answer, &err),
                  err);
        assert_int_equal(czi_control_read(answer.data, answer.len, &v, &err), CZ_INVALID);
        assert_memory_equal(err.detail, "request: ", 9);
        assert_int_equal(calls, 0);
        czi_buf_done(&request);
        czi_buf_done(&answer);
    }
}

static void an_error_of_the_engine_is_the_answer(void **state)
{
    CZI_AUTOBUF answer = {0};
    cz_wait_graph_visitor v = {0};
    cz_error err = {0};

    (void)state;
    assert_ok(czi_control_answer(NULL, failing, "\x81\x0a", 2, &answer, &err), err);
    assert_int_equal(czi_control_read(answer.data, answer.len, &v, &err), CZ_CLOSED);
    assert_string_equal(err.detail, "the disk is gone");
}

static void what_is_neither_a_graph_nor_a_refusal_is_no_answer(void **state)
{
    static const char *const wrong[] = {"",
                                        "83 0c 00 60",
                                        "83 0c 01",
                                        "83 0c 01 60 00",
                                        "83 0c 190100 60",
                                        "83 0c 01 61ff",
                                        "83 0b 80 80",
                                        "81 0c"};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(wrong); i++) {
        struct czi_buf answer = unhex(wrong[i]);
        cz_wait_graph_visitor v = {0};
        cz_error err = {0};

        assert_int_equal(czi_control_read(answer.data, answer.len, &v, &err), CZ_INVALID);
        czi_buf_done(&answer);
    }
}

/* ---- A process that answers ---------------------------------------------------------------
 */

struct running {
    char dir[4096];
    struct czi_control *control;
};

/* The control alone, with a graph of ours. */
static void start(struct running *r, czi_wait_graph_fn graph)
{
    cz_error err = {0};

    fixture_temp_dir(r->dir);
    assert_ok(czi_control_start(NULL, r->dir, graph, &r->control, &err), err);
}

static void stop(struct running *r)
{
    czi_control_stop(r->control);
    fixture_remove_tree(r->dir);
}

static struct czi_stream *dial(const struct running *r)
{
    struct czi_stream *s = NULL;
    cz_error err = {0};

    assert_ok(czi_dial(r->dir, CZI_CONTROL_NAME, 60000, &s, &err), err);
    return s;
}

static void another_process_sees_what_the_engine_tells(void **state)
{
    struct running r = {0};
    struct text told = {0}, read = {0};
    cz_wait_graph_visitor a = visitor_of(&told), b = visitor_of(&read);
    cz_error err = {0};

    (void)state;
    start(&r, random_graph);
    for (graph_seed = 1; graph_seed <= 20; graph_seed++) {
        told.buf.len = read.buf.len = 0;
        assert_int_equal(random_graph(NULL, &a, NULL), CZ_OK);
        assert_ok(cz_wait_graph_of(r.dir, &b, &err), err);
        assert_same(&told, &read);
    }
    stop(&r);
    assert_int_equal(cz_wait_graph_of(r.dir, &b, &err), CZ_NOT_FOUND);
    czi_buf_done(&told.buf);
    czi_buf_done(&read.buf);
}

static void without_a_writer_there_is_no_graph(void **state)
{
    cz_wait_graph_visitor v = {0};
    char dir[4096];
    cz_error err = {0};

    (void)state;
    fixture_temp_dir(dir);
    assert_int_equal(cz_wait_graph_of(dir, &v, &err), CZ_NOT_FOUND);
    assert_non_null(strstr(err.detail, dir));
    fixture_remove_tree(dir);
    assert_int_equal(cz_wait_graph_of(dir, &v, &err), CZ_NOT_FOUND);
    czi_control_stop(NULL);
}

static void an_error_of_the_engine_reaches_whoever_asks(void **state)
{
    struct running r = {0};
    cz_wait_graph_visitor v = {0};
    cz_error err = {0};

    (void)state;
    start(&r, failing);
    assert_int_equal(cz_wait_graph_of(r.dir, &v, &err), CZ_CLOSED);
    assert_string_equal(err.detail, "the disk is gone");
    stop(&r);
}

/* CZI_CONTROL_MESSAGE_MAX. */
static void a_request_is_bounded(void **state)
{
    static const uint8_t noise[CZI_CONTROL_MESSAGE_MAX + 1];
    struct running r = {0};
    cz_wait_graph_visitor v = {0};

    (void)state;
    start(&r, one_edge);
    for (size_t more = 0; more < 2; more++) {
        struct czi_stream *s = dial(&r);
        CZI_AUTOBUF answer = {0};
        cz_error err = {0};

        assert_ok(czi_stream_send(s, noise, CZI_CONTROL_MESSAGE_MAX + more, 60000, &err), err);
        assert_ok(czi_stream_receive(s, 4096, 60000, &answer, &err), err);
        assert_int_equal(czi_control_read(answer.data, answer.len, &v, &err),
                         more ? CZ_LIMIT : CZ_INVALID);
        assert_true(!more || strstr(err.detail, "CZI_CONTROL_MESSAGE_MAX"));
        czi_stream_close(s);
    }
    stop(&r);
}

static void a_silent_client_holds_up_neither_others_nor_the_end(void **state)
{
    struct running r = {0};
    struct czi_stream *silent[2];
    uint64_t edges = 0;
    cz_wait_graph_visitor v = {.edge = count_edge, .arg = &edges};
    cz_error err = {0};

    (void)state;
    start(&r, one_edge);
    silent[0] = dial(&r);
    assert_ok(cz_wait_graph_of(r.dir, &v, &err), err); /* its turn comes */
    assert_int_equal(edges, 1);
    silent[1] = dial(&r);
    stop(&r); /* at once: nobody waits for it */
    czi_stream_close(silent[0]);
    czi_stream_close(silent[1]);
}

static int large_graph(cz_engine *g, const cz_wait_graph_visitor *v, cz_error *err)
{
    cz_wait_edge e = {.label = "queue", .mode = CZ_WRITE};

    (void)g;
    (void)err;
    for (e.place = 1; e.place <= 200000; e.place++)
        if (v->edge(v->arg, &e))
            return CZ_NOMEM;
    return CZ_OK;
}

static void the_engine_ends_while_a_client_does_not_read_its_answer(void **state)
{
    struct running r = {0};
    struct czi_stream *s;
    CZI_AUTOBUF head = {0};
    cz_error err = {0};

    (void)state;
    start(&r, large_graph);
    s = dial(&r);
    assert_ok(czi_stream_send(s, "\x81\x0a", 2, 60000, &err), err);
    /* Its length is here: the answer, of some 2 MB, is under way. */
    assert_int_equal(czi_stream_receive(s, 0, 60000, &head, &err), CZ_LIMIT);
    stop(&r);
    czi_stream_close(s);
}

static void a_client_may_leave_at_any_time(void **state)
{
    struct running r = {0};
    uint64_t edges = 0;
    cz_wait_graph_visitor v = {.edge = count_edge, .arg = &edges};
    cz_error err = {0};

    (void)state;
    start(&r, large_graph);
    for (int i = 0; i < 20; i++) {
        struct czi_stream *s = dial(&r);

        if (i % 2)
            assert_ok(czi_stream_send(s, "\x81\x0a", 2, 60000, &err), err);
        czi_stream_close(s);
    }
    assert_ok(cz_wait_graph_of(r.dir, &v, &err), err);
    assert_int_equal(edges, 200000);
    stop(&r);
}

static void ask_often(void *arg)
{
    const struct running *r = arg;

    for (int i = 0; i < 50; i++) {
        uint64_t edges = 0;
        cz_wait_graph_visitor v = {.edge = count_edge, .arg = &edges};
        cz_error err = {0};

        assert_ok(cz_wait_graph_of(r->dir, &v, &err), err);
        assert_int_equal(edges, 1);
    }
}

static void many_may_ask_at_once(void **state)
{
    struct running r = {0};
    struct czi_thread *t[4];
    cz_error err = {0};

    (void)state;
    start(&r, one_edge);
    for (size_t i = 0; i < CZI_COUNTOF(t); i++)
        assert_ok(czi_thread_start(&t[i], ask_often, &r, "asks", &err), err);
    for (size_t i = 0; i < CZI_COUNTOF(t); i++)
        czi_thread_join(t[i]);
    stop(&r);
}

static int once(const char *dir, bool *ret_answered)
{
    struct text t = {0};
    cz_wait_graph_visitor v = visitor_of(&t);
    struct czi_control *c = NULL;
    cz_error err = {0};
    int rc = czi_control_start(NULL, dir, random_graph, &c, &err);

    if (!rc)
        rc = cz_wait_graph_of(dir, &v, &err);
    *ret_answered = !rc && !t.buf.failed;
    czi_control_stop(c);
    czi_buf_done(&t.buf);
    return rc;
}

static void want_of_memory_is_an_error_wherever_it_comes(void **state)
{
    char dir[4096];
    bool answered = false;
    int64_t n;

    (void)state;
    graph_seed = 4;
    fixture_temp_dir(dir);
    for (n = 0; n < 1000; n++) {
        int rc;

        czi_alloc_fail_after(n);
        rc = once(dir, &answered);
        if (!czi_alloc_failed())
            break;
        if (rc != CZ_OK && rc != CZ_NOMEM)
            fail_msg("allocation %d: %s", (int)n, cz_code_name(rc));
    }
    czi_alloc_fail_after(-1);
    assert_true(n > 8 && n < 1000 && answered);
    fixture_remove_tree(dir);
}

static void an_empty_graph_is_a_graph(void **state)
{
    struct running r = {0};
    uint64_t calls = 0;
    cz_wait_graph_visitor v = {count_edge, count_cycle, &calls};
    cz_error err = {0};

    (void)state;
    start(&r, no_edge);
    assert_ok(cz_wait_graph_of(r.dir, &v, &err), err);
    assert_int_equal(calls, 0);
    stop(&r);
}

/* ---- A running engine ------------------------------------------------------------------- */

static cz_id id_of(const char *label)
{
    cz_id creator = cz_operator(), id;
    cz_error err = {0};

    assert_ok(cz_resource_id(&creator, label, &id, &err), err);
    return id;
}

static void make(cz_engine *g, const char *label)
{
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = CZ_FUNGIBLE,
                     .asset = "EUR",
                     .quantity = 10};
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_create(g, &c, &id, &err), err);
}

static void hold(cz_engine *g, const char *label, enum cz_access mode, cz_guard *ret)
{
    cz_claim claim = {id_of(label), mode, 0};
    cz_error err = {0};

    assert_ok(cz_acquire(g, &claim, CZ_FOREVER, ret, &err), err);
}

/* `from` proposes it, so that its own id names its order too. */
static void pay(cz_engine *g, uint64_t nonce, const char *from, const char *to)
{
    cz_id a = id_of(from), b = id_of(to);
    cz_effect *e = cz_effect_new();
    cz_error err = {0};
    uint64_t ticket;

    assert_non_null(e);
    cz_effect_set_origin(e, &a);
    cz_effect_set_nonce(e, nonce);
    assert_ok(cz_effect_transfer(e, &a, &b, 1, &err), err);
    assert_ok(cz_submit_effect(g, e, NULL, NULL, &ticket, &err), err);
    cz_effect_free(e);
}

static void wait_behind(void *arg)
{
    cz_engine *g = arg;
    cz_error err = {0};
    cz_guard guard;

    assert_ok(cz_thread_name(g, "second", &err), err);
    hold(g, "alice", CZ_READ, &guard);
    assert_ok(cz_release(&guard, &err), err);
}

/* Asks until so many wait. */
static void tell_when(cz_engine *g, uint64_t waiting, struct text *t)
{
    cz_wait_graph_visitor v = visitor_of(t);
    cz_lock_stats stats = {0};
    cz_error err = {0};

    while (stats.waiting + stats.waiting_effects < waiting)
        assert_ok(cz_lock_stats_get(g, &stats, &err), err);
    t->buf.len = 0;
    assert_ok(cz_wait_graph(g, &v, &err), err);
}

static void an_open_store_tells_its_guards_its_waiters_and_its_effects(void **state)
{
    cz_options o = {.threads = 2, .backlog_max = 64, .batch_max = 64};
    struct text told = {0}, read = {0};
    cz_wait_graph_visitor v = visitor_of(&read);
    struct czi_thread *t;
    char dir[4096];
    cz_error err = {0};
    cz_engine *g;
    cz_guard guard;

    (void)state;
    fixture_temp_dir(dir);
    assert_ok(cz_init(dir, &err), err);
    assert_ok(cz_open(dir, &o, &g, &err), err);
    make(g, "alice");
    make(g, "bob");
    assert_ok(cz_thread_name(g, "first", &err), err);
    hold(g, "alice", CZ_WRITE, &guard);
    assert_ok(czi_thread_start(&t, wait_behind, g, "waits", &err), err);
    tell_when(g, 1, &told);
    pay(g, 1, "alice", "bob");
    pay(g, 2, "alice", "bob");
    tell_when(g, 3, &told);
    assert_ok(cz_wait_graph_of(dir, &v, &err), err);
    assert_same(&told, &read);
    czi_buf_put_byte(&read.buf, 0);
    assert_non_null(strstr((char *)read.buf.data, "<alice> 0 1 <first> 1 1 0\n"));
    assert_non_null(strstr((char *)read.buf.data, "<second> 0 0 1\n"));
    assert_ok(cz_release(&guard, &err), err);
    czi_thread_join(t);
    assert_ok(cz_flush(g, &err), err);
    read.buf.len = 0;
    assert_ok(cz_wait_graph_of(dir, &v, &err), err);
    assert_int_equal(read.buf.len, 0);
    assert_ok(cz_close(g, &err), err);
    assert_int_equal(cz_wait_graph_of(dir, &v, &err), CZ_NOT_FOUND);
    fixture_remove_tree(dir);
    czi_buf_done(&told.buf);
    czi_buf_done(&read.buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_the_documented_ones),
        cmocka_unit_test(a_graph_comes_back_as_it_was),
        cmocka_unit_test(an_origin_and_a_resource_may_have_one_id),
        cmocka_unit_test(a_name_that_is_cut_within_a_character_is_still_read),
        cmocka_unit_test(a_graph_beyond_an_answer_is_cut_and_says_so),
        cmocka_unit_test(once_a_cycle_is_left_out_so_are_the_older_ones),
        cmocka_unit_test(only_the_canonical_form_is_read_and_nothing_is_told_before),
        cmocka_unit_test(no_part_of_a_graph_is_a_graph),
        cmocka_unit_test(what_the_visitor_returns_ends_the_walk),
        cmocka_unit_test(every_request_gets_an_answer_that_says_what_is_wrong_with_it),
        cmocka_unit_test(an_error_of_the_engine_is_the_answer),
        cmocka_unit_test(what_is_neither_a_graph_nor_a_refusal_is_no_answer),
        cmocka_unit_test(another_process_sees_what_the_engine_tells),
        cmocka_unit_test(without_a_writer_there_is_no_graph),
        cmocka_unit_test(an_error_of_the_engine_reaches_whoever_asks),
        cmocka_unit_test(an_empty_graph_is_a_graph),
        cmocka_unit_test(a_request_is_bounded),
        cmocka_unit_test(a_silent_client_holds_up_neither_others_nor_the_end),
        cmocka_unit_test(the_engine_ends_while_a_client_does_not_read_its_answer),
        cmocka_unit_test(a_client_may_leave_at_any_time),
        cmocka_unit_test(many_may_ask_at_once),
        cmocka_unit_test(want_of_memory_is_an_error_wherever_it_comes),
        cmocka_unit_test(an_open_store_tells_its_guards_its_waiters_and_its_effects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
