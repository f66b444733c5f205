/* history.c - what came into an account and what went out, read from logs.
 *
 * Layer: account. Threads: any. Nothing is kept for this: the logs of what the account has say
 * it all, and the order of positions is a causal one. The engine goes on meanwhile; what is
 * told is everything up to one position.
 *
 * Transfers and deposits are in the log of the resource that they debit or credit; what becomes
 * of withdrawals is in the log of the outbox.
 */
#include "account/account.h"

#include "base/error.h"
#include "base/id_table.h"
#include "effect/effect.h"

#include <stdlib.h>

const char *cz_entry_kind_name(int kind)
{
    static const char *const names[] = {"deposit", "transfer", "withdrawal", "confirmed",
                                        "released"};

    return kind >= 0 && (size_t)kind < CZI_COUNTOF(names) ? names[kind] : "unknown kind";
}

/* An entry in the making, and its place among those of its position. */
struct line {
    cz_account_entry entry;
    uint32_t op;
    size_t outside; /* in texts; NO_TEXT: none */
};
#define NO_TEXT SIZE_MAX

struct story {
    cz_engine *engine;
    struct czi_account_parts parts;
    struct czi_id_table own;    /* ids of holdings, in their order */
    bool incoming;              /* else outgoing */
    uint64_t last;              /* position */
    uint32_t holding;           /* whose log is read */
    struct czi_buf lines;       /* of struct line */
    struct czi_buf withdrawals; /* of struct line: all of the outbox */
    struct czi_buf texts;       /* zero-terminated, one behind the other */
    struct czi_buf disputed;    /* of uint64_t: positions, ascending */
};

static void story_done(struct story *s)
{
    czi_account_parts_done(&s->parts);
    czi_id_table_done(&s->own);
    czi_buf_done(&s->lines);
    czi_buf_done(&s->withdrawals);
    czi_buf_done(&s->texts);
    czi_buf_done(&s->disputed);
}

static const cz_holding *holding(const struct story *s, uint32_t i)
{
    return (const cz_holding *)(const void *)s->parts.holdings.data + i;
}

static struct line *line(const struct czi_buf *b, size_t i)
{
    return (struct line *)(void *)b->data + i;
}

static size_t line_count(const struct czi_buf *b)
{
    return b->len / sizeof(struct line);
}

/* ---- Logs ------------------------------------------------------------------------------- */

/* One operation of a recorded effect. */
struct step {
    const cz_receipt *receipt;
    struct czi_effect_view view;
    struct czi_op op;
    uint32_t number;     /* of the operation */
    uint32_t withdrawal; /* how many withdrawals come before it */
};

static cz_id access_of(const struct step *t, unsigned i)
{
    cz_id id;

    memcpy(&id, czi_effect_access_id(t->receipt->effect_bytes, &t->view, i), sizeof id);
    return id;
}

static cz_id fact_of(const struct step *t)
{
    cz_id id;

    memcpy(&id, czi_effect_fact(t->receipt->effect_bytes, &t->view, t->op.fact), sizeof id);
    return id;
}

static struct line begin_line(const struct step *t, enum cz_entry_kind kind)
{
    return (struct line){.entry = {.kind = kind,
                                   .position = t->receipt->position,
                                   .effect = t->receipt->effect,
                                   .lamport = t->receipt->lamport,
                                   .outside = "",
                                   .quantity = t->op.quantity},
                         .op = t->number,
                         .outside = NO_TEXT};
}

/* In the log of a holding: transfers from and to what is not the account's, and deposits. */
static void take_from_holding(struct story *s, const struct step *t)
{
    const cz_holding *h = holding(s, s->holding);
    bool moves = t->op.code == CZI_OP_TRANSFER || t->op.code == CZI_OP_MOVE;
    struct line l = begin_line(t, moves ? CZ_ENTRY_TRANSFER : CZ_ENTRY_DEPOSIT);
    cz_id a = access_of(t, t->op.a), mine = a;

    l.entry.asset = h->resource.asset;
    if (moves) {
        mine = access_of(t, s->incoming ? t->op.b : t->op.a);
        l.entry.other = s->incoming ? a : access_of(t, t->op.b);
        if (czi_id_table_find(&s->own, &l.entry.other) != CZI_ID_NONE)
            return;
    } else if (t->op.code == CZI_OP_DEPOSIT && s->incoming) {
        l.entry.fact = fact_of(t);
    } else {
        return;
    }
    if (czi_id_equal(&mine, &h->resource.id))
        czi_buf_put(&s->lines, &l, sizeof l);
}

/* In the log of the outbox: what was entered, and the facts that closed it. */
static void take_from_outbox(struct story *s, const struct step *t)
{
    bool enters = t->op.code == CZI_OP_WITHDRAW;
    bool closes = t->op.code == CZI_OP_CONFIRM || t->op.code == CZI_OP_RELEASE;
    struct line l = begin_line(t, enters                         ? CZ_ENTRY_WITHDRAWAL
                                  : t->op.code == CZI_OP_CONFIRM ? CZ_ENTRY_CONFIRMED
                                                                 : CZ_ENTRY_RELEASED);
    cz_id outbox, from;
    uint32_t i;

    if (!enters && !closes)
        return;
    outbox = access_of(t, enters ? t->op.b : t->op.a);
    if (!czi_id_equal(&outbox, &s->parts.outbox))
        return;
    if (closes) {
        l.entry.fact = fact_of(t);
        czi_buf_put(&s->lines, &l, sizeof l);
        return;
    }
    from = access_of(t, t->op.a);
    i = czi_id_table_find(&s->own, &from);
    if (i == CZI_ID_NONE)
        return;
    l.entry.asset = holding(s, i)->resource.asset;
    l.entry.withdrawal = t->receipt->effect;
    l.entry.number = t->withdrawal;
    l.entry.open = true;
    l.outside = s->texts.len;
    czi_buf_put(&s->texts, t->op.text.data, t->op.text.len);
    czi_buf_put_byte(&s->texts, 0);
    czi_buf_put(&s->withdrawals, &l, sizeof l);
}

static void walk_effect(struct story *s, const cz_receipt *r,
                        void (*take)(struct story *s, const struct step *t))
{
    struct step t = {.receipt = r};
    struct czi_cbor c;

    if (r->reason || r->position > s->last)
        return;
    CZI_CHECK(czi_effect_view(r->effect_bytes, r->effect_len, &t.view, NULL) == CZ_OK);
    c = czi_cbor(r->effect_bytes + t.view.ops, t.view.ops_len);
    for (; t.number < t.view.op_count; t.number++) {
        czi_op_next(&c, &t.op);
        take(s, &t);
        t.withdrawal += t.op.code == CZI_OP_WITHDRAW;
    }
}

static int on_holding(void *arg, const cz_receipt *r)
{
    walk_effect(arg, r, take_from_holding);
    return CZ_OK;
}

static int on_outbox(void *arg, const cz_receipt *r)
{
    walk_effect(arg, r, take_from_outbox);
    return CZ_OK;
}

static int on_dispute(void *arg, const cz_dispute *d)
{
    struct story *s = arg;

    czi_buf_put(&s->disputed, &d->position, sizeof d->position);
    return CZ_OK;
}

static int read_logs(struct story *s, cz_error *err)
{
    uint32_t count = (uint32_t)(s->parts.holdings.len / sizeof(cz_holding));
    int rc = CZ_OK;

    for (uint32_t i = 0; i < count; i++)
        if (czi_id_table_insert(&s->own, &holding(s, i)->resource.id) == CZI_ID_NONE)
            return czi_nomem(err, "what an account has");
    for (s->holding = 0; s->holding < count && !rc; s->holding++)
        if (!holding(s, s->holding)->is_reserve)
            rc = cz_log(s->engine, &holding(s, s->holding)->resource.id, on_holding, s, err);
    if (!rc && s->parts.has_outbox)
        rc = cz_log(s->engine, &s->parts.outbox, on_outbox, s, err);
    return rc ? rc : cz_disputed(s->engine, on_dispute, s, err);
}

/* ---- What facts say --------------------------------------------------------------------- */

static int by_withdrawal(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = memcmp(&x->entry.withdrawal, &y->entry.withdrawal, sizeof(cz_id));

    if (order)
        return order;
    return x->entry.number < y->entry.number ? -1 : x->entry.number > y->entry.number;
}

/* NULL: there is none. They are sorted. */
static struct line *find_withdrawal(const struct story *s, const uint8_t effect[32],
                                    uint32_t number)
{
    struct line key = {.entry = {.number = number}};

    memcpy(&key.entry.withdrawal, effect, sizeof key.entry.withdrawal);
    return s->withdrawals.len ? bsearch(&key, s->withdrawals.data, line_count(&s->withdrawals),
                                        sizeof key, by_withdrawal)
                              : NULL;
}

/* A line whose fact closed a withdrawal takes the rest from there. */
static int close_withdrawal(const struct story *s, struct line *l,
                            const struct czi_account_said *said, cz_error *err)
{
    struct czi_slice name = {(const uint8_t *)said->text, said->text_len};
    uint8_t effect[32];
    uint32_t number;
    struct line *w = NULL;

    if (said->fits && czi_withdrawal_parse(name, effect, &number))
        w = find_withdrawal(s, effect, number);
    if (!w)
        return czi_fail(err, CZ_CORRUPT,
                        "the effect at position %llu closes a withdrawal that the outbox's "
                        "log does not have",
                        (unsigned long long)l->entry.position);
    w->entry.open = false;
    l->entry.asset = w->entry.asset;
    l->entry.quantity = w->entry.quantity;
    l->entry.withdrawal = w->entry.withdrawal;
    l->entry.number = w->entry.number;
    l->outside = w->outside;
    return CZ_OK;
}

static int ask_facts(struct story *s, cz_error *err)
{
    if (s->withdrawals.len)
        qsort(s->withdrawals.data, line_count(&s->withdrawals), sizeof(struct line),
              by_withdrawal);
    for (size_t i = 0; i < line_count(&s->lines); i++) {
        struct line *l = line(&s->lines, i);
        struct czi_account_said said;
        int rc;

        if (l->entry.kind == CZ_ENTRY_TRANSFER)
            continue;
        rc = czi_account_hear(s->engine, &l->entry.fact, &said, err);
        if (!rc && l->entry.kind == CZ_ENTRY_DEPOSIT)
            l->entry.quantity = (cz_quantity)said.amount;
        else if (!rc)
            rc = close_withdrawal(s, l, &said, err);
        if (rc)
            return rc;
    }
    return CZ_OK;
}

/* ---- Telling ---------------------------------------------------------------------------- */

static int by_position(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    if (x->entry.position != y->entry.position)
        return x->entry.position < y->entry.position ? -1 : 1;
    return x->op < y->op ? -1 : x->op > y->op;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

static bool belongs(const struct story *s, enum cz_entry_kind kind)
{
    return kind == CZ_ENTRY_TRANSFER ||
           s->incoming == (kind == CZ_ENTRY_DEPOSIT || kind == CZ_ENTRY_RELEASED);
}

static int tell(struct story *s, cz_account_entry_fn fn, void *arg, cz_error *err)
{
    int rc = CZ_OK;

    if (!s->incoming)
        czi_buf_put(&s->lines, s->withdrawals.data, s->withdrawals.len);
    if (s->lines.failed)
        return czi_nomem(err, "an account's entries");
    if (s->lines.len)
        qsort(s->lines.data, line_count(&s->lines), sizeof(struct line), by_position);
    for (size_t i = 0; i < line_count(&s->lines) && !rc; i++) {
        struct line *l = line(&s->lines, i);

        if (!belongs(s, l->entry.kind))
            continue;
        if (l->outside != NO_TEXT)
            l->entry.outside = (const char *)s->texts.data + l->outside;
        l->entry.disputed = s->disputed.len && bsearch(&l->entry.position, s->disputed.data,
                                                       s->disputed.len / sizeof(uint64_t),
                                                       sizeof(uint64_t), by_number) != NULL;
        rc = fn(arg, &l->entry);
    }
    return rc;
}

static int tell_story(cz_engine *engine, const cz_id *account, bool incoming,
                      cz_account_entry_fn fn, void *arg, cz_error *err)
{
    CZI_CLEANUP(story_done) struct story s = {.engine = engine, .incoming = incoming};
    cz_stats stats = {0};
    int rc = cz_stats_get(engine, &stats, err);

    /* What the account has is read after this, so that all effects up to there are about what
     * is known here. */
    s.last = stats.positions;
    if (!rc)
        rc = czi_account_parts_load(engine, account, &s.parts, err);
    if (!rc)
        rc = read_logs(&s, err);
    if (!rc && (s.lines.failed || s.withdrawals.failed || s.texts.failed || s.disputed.failed))
        rc = czi_nomem(err, "an account's entries");
    if (!rc)
        rc = ask_facts(&s, err);
    return rc ? rc : tell(&s, fn, arg, err);
}

int cz_account_inbox(cz_engine *engine, const cz_id *account, cz_account_entry_fn fn, void *arg,
                     cz_error *err)
{
    return tell_story(engine, account, true, fn, arg, err);
}

int cz_account_outgoing(cz_engine *engine, const cz_id *account, cz_account_entry_fn fn,
                        void *arg, cz_error *err)
{
    return tell_story(engine, account, false, fn, arg, err);
}
