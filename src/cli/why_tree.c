/* why_tree.c - the causal past as a picture: a line an event, newest first, with rails that
 * lead from it down to its causes.
 *
 * Layer: cli. Thread: main. Each rail leads to an effect that is yet to come. At an event its
 * newest cause goes on in its rail, the others branch off to the right, and those to which a
 * rail leads already are joined. So each event stands there once, as soon as it is read, and
 * what a line rests on is told by number too. Facts stand below the first effect that rests on
 * them. Of very wide pasts only so many rails are drawn.
 */
#include "cli/why.h"

#include "base/error.h"
#include "engine/engine.h"
#include "engine/facts.h"

#include <inttypes.h>

#define RAILS_MAX 12

/* Enough to name an event among any that are there at once. */
#define ID_SHOWN 16

struct tree {
    uint64_t rails[RAILS_MAX]; /* positions; 0: free */
    unsigned width;            /* rails up to the last one in use */
    uint64_t *facts_told;      /* bits by number */
    struct czi_buf facts;      /* of uint64_t: a stack of those to be told now */
    uint64_t lines;
    size_t columns;      /* of the terminal; 0: any */
    struct czi_buf text; /* of a line */
    FILE *out;           /* into text */
};

/* ---- Lines ------------------------------------------------------------------------------ */

/* What does not fit ends in a character that says so. */
static void print_line(const struct tree *t)
{
    const char *text = (const char *)t->text.data;
    size_t len = t->text.len, seen = 0;

    if (t->columns && czi_text_width(text, len) > t->columns)
        for (len = 0; len < t->text.len; len++) {
            seen += ((uint8_t)text[len] & 0xc0) != 0x80;
            if (seen == t->columns)
                break;
        }
    (void)fwrite(text, 1, len, stdout);
    (void)fputs(len < t->text.len ? "…\n" : "\n", stdout);
}

static void put_links(const struct czi_cli *cli, FILE *out, const cz_event *e)
{
    for (size_t i = 0; i < e->cause_count; i++) {
        const cz_cause *c = &e->causes[i];
        bool first = true;

        for (size_t k = 0; k < i && first; k++)
            first = e->causes[k].is_fact != c->is_fact || e->causes[k].number != c->number;
        if (!first)
            continue;
        (void)fprintf(out, "%s%s%" PRIu64, i ? ", " : "  ← ", c->is_fact ? "fact " : "",
                      c->number);
        for (size_t k = i; k < e->cause_count; k++)
            if (e->causes[k].is_fact == c->is_fact && e->causes[k].number == c->number) {
                (void)fputs(k == i ? " (" : ", ", out);
                czi_why_link(cli, out, &e->causes[k]);
            }
        (void)fputc(')', out);
    }
}

static void put_event(const struct czi_why *w, FILE *out, const cz_event *e)
{
    char id[CZ_ID_TEXT_SIZE];

    cz_id_print(&e->id, id);
    (void)fprintf(out, " %s%" PRIu64 "  %.*s  ", e->is_fact ? "fact " : "", e->number, ID_SHOWN,
                  id);
    czi_why_marks(w, out, e);
    czi_why_what(w, out, e);
    put_links(w->cli, out, e);
}

/* rails: what stands before it. */
static int print_event(struct czi_why *w, struct tree *t, const char *rails, const cz_event *e)
{
    t->text.len = 0;
    (void)fputs(rails, t->out);
    put_event(w, t->out, e);
    if (fflush(t->out) != 0 || t->text.failed)
        return czi_nomem(&w->cli->err, "a line");
    print_line(t);
    t->lines++;
    return CZ_OK;
}

/* ---- Rails ------------------------------------------------------------------------------ */

static int rail_of(const struct tree *t, uint64_t position)
{
    for (int i = 0; i < RAILS_MAX; i++)
        if (t->rails[i] == position)
            return i;
    return -1;
}

static unsigned width_of(const struct tree *t)
{
    unsigned width = RAILS_MAX;

    while (width && !t->rails[width - 1])
        width--;
    return width;
}

/* How the line of an event goes: which rails come from above, go on, and are tied to it. */
struct row {
    bool above[RAILS_MAX], below[RAILS_MAX], tied[RAILS_MAX];
    int own; /* -1: it has none */
};

/* Causes from the newest on: the first that is new takes the event's rail. */
static void lay_rails(struct tree *t, const cz_event *e, struct row *row)
{
    uint64_t last = UINT64_MAX;

    *row = (struct row){.own = rail_of(t, e->number)};
    for (int i = 0; i < RAILS_MAX; i++)
        row->above[i] = t->rails[i] != 0;
    if (row->own < 0)
        row->own = rail_of(t, 0);
    if (row->own >= 0)
        t->rails[row->own] = 0;
    for (;;) {
        uint64_t next = 0;
        int rail;

        for (size_t i = 0; i < e->cause_count; i++)
            if (!e->causes[i].is_fact && e->causes[i].number < last)
                next = CZI_MAX(next, e->causes[i].number);
        if (!next)
            break;
        last = next;
        rail = rail_of(t, next);
        if (rail < 0)
            rail = row->own >= 0 && !t->rails[row->own] ? row->own : rail_of(t, 0);
        if (rail < 0)
            continue; /* no room: it comes without one */
        t->rails[rail] = next;
        row->tied[rail] = rail != row->own;
    }
    for (int i = 0; i < RAILS_MAX; i++)
        row->below[i] = t->rails[i] != 0;
    t->width = CZI_MAX(width_of(t), (unsigned)(row->own + 1));
}

/* By what leads up (1), down (2), left (4), right (8). */
static const char *const joints[16] = {" ", "╵", "╷", "│", "╴", "╯", "╮", "┤",
                                       "╶", "╰", "╭", "├", "─", "┴", "┬", "┼"};

static void put_row(const struct row *row, unsigned width, char *out, size_t size)
{
    int low = row->own, high = row->own;
    size_t len = 0;

    for (int i = 0; i < RAILS_MAX && row->own >= 0; i++)
        if (row->tied[i]) {
            low = CZI_MIN(low, i);
            high = CZI_MAX(high, i);
        }
    for (int i = 0; i < (int)width; i++) {
        bool across = i >= low && i <= high && row->own >= 0;
        unsigned joint = (row->above[i] ? 1u : 0u) | (row->below[i] ? 2u : 0u);
        const char *glyph = joints[joint];

        if (i == row->own)
            glyph = "●";
        else if (across && row->tied[i])
            glyph = joints[joint | (i > low ? 4u : 0u) | (i < high ? 8u : 0u)];
        else if (across && !joint)
            glyph = "─";
        len += (size_t)snprintf(out + len, size - len, "%s%s", glyph,
                                across && i < high ? "─" : " ");
        CZI_CHECK(len < size);
    }
    if (row->own < 0)
        len += (size_t)snprintf(out + len, size - len, "●");
    out[len] = 0;
}

/* Rails that only pass. */
static void put_passing(const struct tree *t, char *out, size_t size)
{
    unsigned width = width_of(t);
    size_t len = 0;

    for (unsigned i = 0; i < width; i++)
        len += (size_t)snprintf(out + len, size - len, "%s ", t->rails[i] ? "│" : " ");
    (void)snprintf(out + len, size - len, "◇");
}

#define ROW_SIZE (RAILS_MAX * 8 + 8)

/* ---- Facts ------------------------------------------------------------------------------ */

static int push_facts(struct czi_why *w, struct tree *t, const cz_event *e)
{
    for (size_t i = e->cause_count; i-- > 0;) {
        uint64_t number = e->causes[i].number;

        if (!e->causes[i].is_fact || t->facts_told[number / 64] >> number % 64 & 1)
            continue;
        t->facts_told[number / 64] |= (uint64_t)1 << number % 64;
        czi_buf_put(&t->facts, &number, sizeof number);
    }
    return t->facts.failed ? czi_nomem(&w->cli->err, "facts") : CZ_OK;
}

/* A fact by its number; what it rests on is pushed. */
static int tell_fact(struct czi_why *w, struct tree *t, uint64_t number)
{
    const struct czi_book *book = w->cli->engine->step.core.book;
    uint32_t causes[2], own = (uint32_t)number - 1;
    char rails[ROW_SIZE];
    struct czi_slice bytes;
    struct czi_item item;
    cz_cause links[2];
    cz_fact fact;
    cz_event e;
    unsigned n;
    /* While the walk goes on, the engine must not be asked; its reader is idle. */
    int rc = czi_find_item(&w->cli->engine->reader, own, &bytes, &w->cli->err);

    if (!rc)
        rc = czi_item_decode(bytes.data, bytes.len, &item, &w->cli->err);
    if (rc)
        return rc;
    czi_fact_describe(book, own, bytes, &fact);
    n = czi_linked_items(book, &item, own, causes);
    for (unsigned i = 0; i < n; i++)
        links[i] = (cz_cause){.link = CZ_LINK_BLOCK,
                              .is_fact = true,
                              .number = (uint64_t)causes[i] + 1};
    e = (cz_event){.id = fact.id,
                   .is_fact = true,
                   .number = number,
                   .fact = &fact,
                   .causes = links,
                   .cause_count = n};
    put_passing(t, rails, sizeof rails);
    rc = print_event(w, t, rails, &e);
    return rc ? rc : push_facts(w, t, &e);
}

static int tell_facts(struct czi_why *w, struct tree *t)
{
    int rc = CZ_OK;

    while (!rc && t->facts.len) {
        uint64_t number;

        if (t->lines >= w->max) {
            w->cut = true;
            return czi_why_stop(w);
        }
        t->facts.len -= sizeof number;
        memcpy(&number, t->facts.data + t->facts.len, sizeof number);
        rc = tell_fact(w, t, number);
    }
    return rc;
}

/* ---- The tree --------------------------------------------------------------------------- */

static int tell(struct czi_why *w, const cz_event *e)
{
    struct tree *t = w->arg;
    char rails[ROW_SIZE];
    struct row row;
    int rc;

    if (e->is_fact && t->lines && t->facts_told[e->number / 64] >> e->number % 64 & 1)
        return CZ_OK; /* with the effect that cites it */
    if (t->lines >= w->max) {
        w->cut = true;
        return czi_why_stop(w);
    }
    if (e->is_fact) {
        t->facts_told[e->number / 64] |= (uint64_t)1 << e->number % 64;
        put_passing(t, rails, sizeof rails);
    } else {
        lay_rails(t, e, &row);
        put_row(&row, t->width, rails, sizeof rails);
    }
    rc = print_event(w, t, rails, e);
    /* With a depth, facts come at the end, those that are within. */
    if (!rc && w->depth == UINT64_MAX)
        rc = push_facts(w, t, e);
    return rc ? rc : tell_facts(w, t);
}

/* What the rails lead to and was not reached. */
static void print_rest(const struct tree *t)
{
    const char *between = "";

    printf("… left out: ");
    for (unsigned i = 0; i < RAILS_MAX; i++)
        if (t->rails[i]) {
            printf("%s%" PRIu64, between, t->rails[i]);
            between = ", ";
        }
    printf("%s; --max N shows more\n", *between ? " and what is before them" : "the rest");
}

int czi_why_tree(struct czi_why *w, const cz_id *id)
{
    struct tree t = {.columns = czi_terminal_width()};
    uint32_t facts = czi_book_count(w->cli->engine->step.core.book);
    int rc;

    t.facts_told = czi_alloc_zero(facts / 64 + 2, sizeof *t.facts_told);
    t.out = czi_buf_stream(&t.text);
    rc = t.facts_told && t.out ? czi_why_walk(w, id, tell, &t)
                               : czi_nomem(&w->cli->err, "a picture");
    if (!rc && w->cut)
        print_rest(&t);
    if (t.out)
        (void)fclose(t.out);
    czi_buf_done(&t.text);
    czi_free(t.facts_told);
    czi_buf_done(&t.facts);
    return rc;
}
