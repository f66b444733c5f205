/* test_account_stream.c - random effects of accounts through the engine, then through three who
 * judge what it did: replay executes it again, audit follows what is recorded, and
 * tests/property/verify.py, which shares no code, must come to the same outcome and reason of
 * every effect.
 *
 * Some owners sign and some do not, declarations are mostly right, capabilities are delegated,
 * used up, suspended and revoked, two chains go on and are reorganised, and what was withdrawn
 * is paid, refused, or neither. The generator knows what is there, and nothing of the rules.
 *
 * test_account_stream --store DIR SEED makes one of these stores, and prints its root.
 * CAUSALITY_SEED, CAUSALITY_SEEDS.
 */
#include "causality/sim.h"
#include "codec/ed25519.h"
#include "engine/engine.h"
#include "fs_fixture.h"
#include "platform/simulated.h"
#include "replay/journal.h"
#include "resource/policy.h"

#define ACCOUNTS 4
#define CAPABILITIES 24
#define KEYS 7
#define ASSETS 4
#define OPEN_MAX 256
#define EVENTS_MAX 512
#define EFFECTS 400
#define BURST_MAX 6

#ifdef TEST_IS_SLOW
#define SEEDS 3
#else
#define SEEDS 12
#endif
/* So many come to every reason. */
#define SEEDS_FOR_ALL 12

static const char *const assets[ASSETS] = {"moon:MOON", "moon:RAY", "sun:SUN", "USD"};
static const char *const chains[] = {"moon", "sun"};

struct account {
    bool there;
    unsigned owners, threshold, limited; /* sets of keys and of assets */
};
struct capability {
    bool there, has_ceiling;
    unsigned account, holder;
    int parent;
};
struct withdrawal {
    cz_id effect;
    unsigned number, account, asset;
    uint64_t quantity;
};
/* What the generator knows to be there. */
struct known {
    struct account accounts[ACCOUNTS];
    struct capability capabilities[CAPABILITIES];
    struct withdrawal open[OPEN_MAX];
    unsigned open_count, withdrawals; /* withdrawals: of the effect at hand */
};
struct event {
    unsigned chain;
    enum cz_fact_kind kind;
    char name[96];
    unsigned account, asset;
    unsigned withdrawal; /* in known.open, at the time */
};

struct world {
    struct czi_rng rng;
    cz_engine *engine;
    cz_sim_chain *chain[2];
    uint64_t nonce, applied;
    cz_id account[ACCOUNTS], capability[CAPABILITIES];
    struct known now, next; /* next: if the effect at hand applies */
    struct submitted {
        uint64_t ticket;
        struct known next;
    } burst[BURST_MAX]; /* in one batch */
    unsigned burst_count;
    struct event events[EVENTS_MAX];
    unsigned event_count;
    unsigned sign; /* keys that the effect at hand needs */
    uint64_t reasons[256];
};

static uint64_t below(struct world *w, uint64_t n)
{
    return czi_rng_below(&w->rng, n);
}

static bool percent(struct world *w, unsigned p)
{
    return below(w, 100) < p;
}

/* The builder refuses what no effect can hold; then the effect has less. */
#define TRY(call)                                                                              \
    do {                                                                                       \
        cz_error err_ = {0};                                                                   \
        (void)!(call);                                                                         \
    } while (0)
#define ERR &err_
#define MUST(call)                                                                             \
    do {                                                                                       \
        cz_error err_ = {0};                                                                   \
        assert_ok(call, err_);                                                                 \
    } while (0)

static cz_id id_of(const cz_id *creator, const char *label)
{
    cz_id id;

    MUST(cz_resource_id(creator, label, &id, ERR));
    return id;
}

static cz_id balance_of(const struct world *w, unsigned account, unsigned asset)
{
    return id_of(&w->account[account], assets[asset]);
}

static void key_of(unsigned k, uint8_t ret[32])
{
    uint8_t seed[32];

    memset(seed, 1 + (int)k, sizeof seed);
    czi_ed25519_public(seed, ret);
}

static void create(cz_effect *e, const cz_id *creator, const cz_id *controller,
                   const char *label, enum cz_kind kind, const char *asset, cz_quantity q,
                   struct czi_slice data, bool if_absent)
{
    cz_creation c = {.creator = *creator,
                     .controller = *controller,
                     .label = label,
                     .kind = kind,
                     .asset = asset,
                     .quantity = q,
                     .data = data.data,
                     .data_len = data.len,
                     .if_absent = if_absent};

    TRY(cz_effect_create(e, &c, ERR));
}

static void open_fungible(cz_effect *e, const cz_id *owner, unsigned asset)
{
    create(e, owner, owner, assets[asset], CZ_FUNGIBLE, assets[asset], 0, (struct czi_slice){0},
           true);
}

/* ---- Who is asked -------------------------------------------------------------------------
 */

static unsigned some_account(struct world *w)
{
    return (unsigned)below(w, ACCOUNTS);
}

static unsigned some_asset(struct world *w)
{
    return percent(w, 60) ? 0 : (unsigned)below(w, ASSETS);
}

/* Enough owners sign; mostly. */
static void sign_for(struct world *w, unsigned account)
{
    const struct account *a = &w->next.accounts[account];
    unsigned needed = a->threshold, first = (unsigned)below(w, KEYS);

    if (percent(w, 12))
        needed = (unsigned)below(w, needed + 1);
    for (unsigned i = 0; i < KEYS && needed; i++) {
        unsigned k = (first + i) % KEYS;

        if (a->owners >> k & 1) {
            w->sign |= 1u << k;
            needed--;
        }
    }
}

static void declare(struct world *w, cz_effect *e, unsigned account)
{
    bool write = w->next.accounts[account].limited != 0;

    if (percent(w, 4))
        return;
    TRY(cz_effect_access(e, &w->account[account], write != percent(w, 3) ? CZ_WRITE : CZ_READ,
                         ERR));
}

/* Presents a capability, with those above it. */
static void present(struct world *w, cz_effect *e, unsigned c)
{
    struct capability *x = &w->next.capabilities[c];

    TRY(cz_effect_use(e, &w->capability[c],
                      x->has_ceiling != percent(w, 3) ? CZ_WRITE : CZ_READ, ERR));
    if (percent(w, 95))
        w->sign |= 1u << x->holder;
    for (int above = x->parent; above >= 0; above = w->next.capabilities[above].parent)
        if (percent(w, 97))
            TRY(cz_effect_access(e, &w->capability[above],
                                 w->next.capabilities[above].has_ceiling ? CZ_WRITE : CZ_READ,
                                 ERR));
}

/* One that is there, of any account; -1: none was found. */
static int some_capability(struct world *w)
{
    for (int tries = 0; tries < 8; tries++) {
        unsigned c = (unsigned)below(w, CAPABILITIES);

        if (w->next.capabilities[c].there)
            return (int)c;
    }
    return -1;
}

/* The authority of an account: its owners', or somebody's capability of it. */
static void ask(struct world *w, cz_effect *e, unsigned account)
{
    declare(w, e, account);
    if (percent(w, 40))
        for (unsigned tries = 0; tries < 4; tries++) {
            int c = some_capability(w);

            if (c < 0 || w->next.capabilities[c].account != account)
                continue;
            present(w, e, (unsigned)c);
            return;
        }
    sign_for(w, account);
}

/* ---- Accounts and capabilities ------------------------------------------------------------
 */

static void some_policy(struct world *w, struct account *a, struct czi_buf *ret)
{
    uint8_t keys[KEYS][32];
    struct czi_policy p = {0};

    *a = (struct account){.there = true};
    for (unsigned k = 0; k < KEYS; k++)
        if (percent(w, 30) || (k == KEYS - 1 && !a->owners))
            a->owners |= 1u << k;
    for (unsigned k = 0; k < KEYS; k++) {
        unsigned at = p.owner_count;

        if (!(a->owners >> k & 1))
            continue;
        key_of(k, keys[k]);
        for (; at && memcmp(p.owners[at - 1], keys[k], 32) > 0; at--)
            p.owners[at] = p.owners[at - 1];
        p.owners[at] = keys[k];
        p.owner_count++;
    }
    p.threshold = a->threshold = 1 + (unsigned)below(w, CZI_MIN(p.owner_count, 3));
    for (unsigned i = 0; i < ASSETS; i++) {
        const char *domain = chains[below(w, 2)];

        if (!percent(w, 20))
            continue;
        a->limited |= 1u << i;
        p.limits[p.limit_count++] =
            (struct czi_limit){.asset = {(const uint8_t *)assets[i], strlen(assets[i])},
                               .domain = {(const uint8_t *)domain, strlen(domain)},
                               .quantity = (cz_quantity)below(w, 120),
                               .window = 10 + below(w, 60),
                               .number = percent(w, 2)};
    }
    /* Assets ascend bytewise, "USD" before the others. */
    if (a->limited >> (ASSETS - 1) & 1) {
        struct czi_limit last = p.limits[p.limit_count - 1];

        memmove(&p.limits[1], &p.limits[0], (p.limit_count - 1) * sizeof last);
        p.limits[0] = last;
    }
    czi_policy_put(ret, &p);
}

static void label_of(char *ret, size_t size, const char *what, unsigned n)
{
    (void)snprintf(ret, size, "%s-%u", what, n);
}

static void add_account(struct world *w, cz_effect *e)
{
    unsigned a = some_account(w);
    cz_id maker = cz_operator();
    struct account new;
    CZI_AUTOBUF bytes = {0};
    char label[16];

    some_policy(w, &new, &bytes);
    label_of(label, sizeof label, "account", a);
    if (!w->next.accounts[a].there || percent(w, 5)) {
        create(e, &maker, &maker, label, CZ_ACCOUNT, NULL, 0, czi_buf_slice(&bytes), false);
        w->next.accounts[a] = new;
        sign_for(w, a);
        return;
    }
    if (percent(w, 80))
        sign_for(w, a);
    TRY(cz_effect_write(e, &w->account[a], bytes.data, bytes.len, ERR));
    w->next.accounts[a] = new;
}

static void some_grant(struct world *w, unsigned c, int parent, struct capability *x,
                       struct czi_buf *ret)
{
    uint8_t holder[32];
    cz_id resource = {{0}};
    struct czi_grant g = {.holder = holder};
    unsigned account =
        parent >= 0 && percent(w, 97) ? w->next.capabilities[parent].account : some_account(w);
    const char *asset = assets[some_asset(w)];

    (void)c;
    *x = (struct capability){.there = true, .account = account, .parent = parent};
    x->holder = (unsigned)below(w, KEYS);
    key_of(x->holder, holder);
    g.account = w->account[account].bytes;
    if (parent >= 0)
        g.parent = w->capability[parent].bytes;
    resource = balance_of(w, account, some_asset(w));
    if (percent(w, 20))
        g.resource = resource.bytes;
    else if (percent(w, 60))
        g.asset = (struct czi_slice){(const uint8_t *)asset, strlen(asset)};
    g.rights = percent(w, 70) ? CZ_RIGHT_DEBIT | CZ_RIGHT_DELEGATE : 1 + (unsigned)below(w, 63);
    g.has_ceiling = x->has_ceiling = percent(w, 60);
    g.ceiling = g.has_ceiling ? (cz_quantity)below(w, 60) : 0;
    g.spent = g.ceiling && percent(w, 2);
    g.expires = percent(w, 30);
    g.expire_domain = (struct czi_slice){(const uint8_t *)"moon", 4};
    g.expire_time = cz_sim_height(w->chain[0]) * 10 + below(w, 400);
    czi_grant_put(ret, &g);
}

static void add_grant(struct world *w, cz_effect *e)
{
    unsigned c = (unsigned)below(w, CAPABILITIES), party;
    int parent = percent(w, 55) ? some_capability(w) : -1;
    cz_id creator = cz_operator(), controller;
    struct capability new;
    CZI_AUTOBUF bytes = {0};
    char label[24];

    if (w->next.capabilities[c].there)
        return;
    some_grant(w, c, parent, &new, &bytes);
    label_of(label, sizeof label, "capability", c);
    declare(w, e, new.account);
    if (parent >= 0 && percent(w, 85))
        present(w, e, (unsigned)parent);
    else
        sign_for(w, new.account);
    if (parent >= 0)
        TRY(cz_effect_access(e, &w->capability[parent], CZ_READ, ERR));
    party = percent(w, 95) ? new.account : some_account(w);
    controller = w->account[party];
    create(e, &creator, &controller, label, CZ_CAPABILITY, NULL, 0, czi_buf_slice(&bytes),
           false);
    w->next.capabilities[c] = new;
}

/* ---- What accounts have -------------------------------------------------------------------
 */

static void add_transfer(struct world *w, cz_effect *e)
{
    unsigned from = some_account(w), to = some_account(w), asset = some_asset(w);
    cz_id source = balance_of(w, from, asset), target = balance_of(w, to, asset);

    ask(w, e, from);
    if (percent(w, 80)) {
        TRY(cz_effect_access(e, &w->account[to], CZ_READ, ERR));
        open_fungible(e, &w->account[to], asset);
    }
    TRY(cz_effect_transfer(e, &source, &target, 1 + (cz_quantity)below(w, 40), ERR));
}

/* Data and positions, in the account's name. */
static void add_thing(struct world *w, cz_effect *e)
{
    static const uint8_t text[] = "something";
    unsigned a = some_account(w), b = some_account(w);
    cz_id note = id_of(&w->account[a], "note"), here = id_of(&w->account[a], "position"),
          there = id_of(&w->account[b], "position");
    struct czi_slice data = {text, 1 + below(w, 8)};

    ask(w, e, a);
    switch (below(w, 4)) {
    case 0:
        create(e, &w->account[a], &w->account[a], "note", CZ_DATA, NULL, 0, data,
               percent(w, 50));
        return;
    case 1:
        create(e, &w->account[a], &w->account[a], "position", CZ_POSITION, "USD", 0,
               (struct czi_slice){0}, percent(w, 50));
        return;
    case 2:
        TRY(cz_effect_write(e, &note, data.data, data.len, ERR));
        return;
    default:
        TRY(cz_effect_move(e, &here, &there, (cz_quantity)below(w, 5), ERR));
    }
}

/* Money that is, or must not be, made here. */
static void add_issue(struct world *w, cz_effect *e)
{
    unsigned a = some_account(w), asset = percent(w, 70) ? ASSETS - 1 : some_asset(w);
    cz_id maker = cz_operator();
    char label[16];

    label_of(label, sizeof label, "issue", (unsigned)below(w, 1000));
    if (percent(w, 50)) {
        ask(w, e, a);
        create(e, &w->account[a], &w->account[a], percent(w, 50) ? assets[asset] : label,
               CZ_FUNGIBLE, assets[asset], (cz_quantity)below(w, 100), (struct czi_slice){0},
               false);
        return;
    }
    create(e, &maker, percent(w, 80) ? &maker : &w->account[a], label, CZ_FUNGIBLE,
           assets[asset], (cz_quantity)below(w, 3), (struct czi_slice){0}, false);
}

static cz_id some_resource(struct world *w, unsigned account)
{
    cz_id outbox = id_of(&w->account[account], "outbox");

    switch (below(w, 7)) {
    case 0:
        return w->account[account];
    case 1:
        return id_of(&w->account[account], "note");
    case 2:
        return outbox;
    case 3:
        return id_of(&outbox, assets[some_asset(w)]);
    case 4:
        return id_of(&w->account[account], "position");
    default:
        return balance_of(w, account, some_asset(w));
    }
}

static void move_state(struct world *w, cz_effect *e, const cz_id *id)
{
    static int (*const moves[])(cz_effect *e, const cz_id *id,
                                cz_error *err) = {cz_effect_lock,    cz_effect_unlock,
                                                  cz_effect_unlock,  cz_effect_unlock,
                                                  cz_effect_freeze,  cz_effect_unfreeze,
                                                  cz_effect_unfreeze};

    if (percent(w, 6))
        TRY(cz_effect_archive(e, id, ERR));
    else if (percent(w, 6))
        TRY(cz_effect_consume(e, id, ERR));
    else
        TRY(moves[below(w, CZI_COUNTOF(moves))](e, id, ERR));
}

static void add_state(struct world *w, cz_effect *e)
{
    int c = some_capability(w);
    unsigned a = some_account(w);
    cz_id id = some_resource(w, a);

    if (c >= 0 && percent(w, 40)) {
        const struct capability *x = &w->next.capabilities[c];

        declare(w, e, x->account);
        if (x->parent >= 0 && percent(w, 50))
            TRY(cz_effect_access(e, &w->capability[x->parent], CZ_READ, ERR));
        if (percent(w, 30))
            w->sign |= 1u << x->holder;
        else if (x->parent >= 0 && percent(w, 50))
            w->sign |= 1u << w->next.capabilities[x->parent].holder;
        else
            sign_for(w, x->account);
        if (percent(w, 30))
            TRY(cz_effect_consume(e, &w->capability[c], ERR));
        else
            move_state(w, e, &w->capability[c]);
        return;
    }
    ask(w, e, a);
    move_state(w, e, &id);
}

/* Declared written, and nothing else; or looked at. */
static void add_bare(struct world *w, cz_effect *e)
{
    unsigned a = some_account(w);
    cz_id id = some_resource(w, a);

    if (percent(w, 70))
        ask(w, e, a);
    TRY(cz_effect_access(e, &id, percent(w, 70) ? CZ_WRITE : CZ_READ, ERR));
    TRY(cz_effect_require(e, &id, &(cz_requirement){.has_state = true}, ERR));
}

static void add_when(struct world *w, cz_effect *e)
{
    uint64_t now = cz_sim_height(w->chain[0]) * 10, from = now > 40 ? now - 40 : 0;

    from += below(w, 50);
    TRY(cz_effect_when(e, percent(w, 95) ? "moon" : "nowhere", from, from + below(w, 60), ERR));
}

/* ---- The gateway --------------------------------------------------------------------------
 */

static int keep_id(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    (void)err;
    *(cz_id *)arg = fact->id;
    return CZ_OK;
}

/* A fact of the kind that the chain has now; false: none was found. */
static bool some_event(struct world *w, enum cz_fact_kind kind, struct event *ret, cz_id *fact)
{
    for (unsigned tries = 0; tries < 30 && w->event_count; tries++) {
        const struct event *x = &w->events[below(w, w->event_count)];
        cz_error err = {0};

        if (x->kind != kind ||
            cz_sim_fact_of(w->chain[x->chain], kind, x->name, NULL, keep_id, fact, &err))
            continue;
        *ret = *x;
        return true;
    }
    return false;
}

static void cite(struct world *w, cz_effect *e, const cz_id *fact, const char *purpose)
{
    cz_dependency d = {.fact = *fact,
                       .policy = CZ_STILL_TRUE,
                       .optional = percent(w, 3),
                       .finality = percent(w, 5) ? CZ_FINAL : CZ_SEEN,
                       .purpose = purpose && percent(w, 3) ? "gift" : purpose};

    TRY(cz_effect_depend(e, &d, ERR));
}

static void add_deposit(struct world *w, cz_effect *e)
{
    struct event x;
    cz_id fact, to;

    if (!some_event(w, percent(w, 96) ? CZ_FACT_DEPOSIT : CZ_FACT_WITHDRAWAL, &x, &fact))
        return;
    if (percent(w, 5))
        x.account = some_account(w);
    if (percent(w, 3))
        x.asset = some_asset(w);
    cite(w, e, &fact, "deposit");
    if (percent(w, 90)) {
        TRY(cz_effect_access(e, &w->account[x.account], CZ_READ, ERR));
        open_fungible(e, &w->account[x.account], x.asset);
    }
    to = balance_of(w, x.account, x.asset);
    if (percent(w, 98))
        TRY(cz_effect_deposit(e, &to, &fact, ERR));
    if (percent(w, 2))
        TRY(cz_effect_deposit(e, &to, &fact, ERR));
}

static void add_withdrawal(struct world *w, cz_effect *e)
{
    static const uint8_t empty[] = {0x82, CZI_TAG_OUTBOX, 0x80};
    unsigned a = some_account(w), asset = some_asset(w), times = percent(w, 10) ? 40 : 1;
    unsigned other = percent(w, 4) ? some_account(w) : a;
    cz_id from = balance_of(w, a, asset), outbox = id_of(&w->account[other], "outbox"),
          reserve = id_of(&outbox, assets[asset]);

    ask(w, e, a);
    if (percent(w, 90))
        create(e, &w->account[other], &w->account[other], "outbox", CZ_OUTBOX, NULL, 0,
               (struct czi_slice){empty, sizeof empty}, true);
    open_fungible(e, &outbox, asset);
    for (unsigned i = 0; i < times && w->next.open_count < OPEN_MAX; i++) {
        struct withdrawal *x = &w->next.open[w->next.open_count++];

        *x = (struct withdrawal){.number = w->next.withdrawals++,
                                 .account = other,
                                 .asset = asset,
                                 .quantity = times > 1 ? 1 : 1 + below(w, 20)};
        TRY(cz_effect_withdraw(e, &from, &outbox, &reserve, (cz_quantity)x->quantity, "0xdead",
                               ERR));
    }
}

static void add_close(struct world *w, cz_effect *e)
{
    bool paid = percent(w, 60);
    struct event x;
    cz_id fact, outbox, reserve, to;

    if (!some_event(w, paid ? CZ_FACT_WITHDRAWAL : CZ_FACT_REGISTER, &x, &fact))
        return;
    if (percent(w, 5))
        x.account = some_account(w);
    if (percent(w, 4))
        x.asset = some_asset(w);
    outbox = id_of(&w->account[x.account], "outbox");
    reserve = id_of(&outbox, assets[x.asset]);
    to = balance_of(w, percent(w, 95) ? x.account : some_account(w), x.asset);
    cite(w, e, &fact, paid ? "withdrawal" : NULL);
    if (paid)
        TRY(cz_effect_confirm(e, &outbox, &reserve, &fact, ERR));
    else
        TRY(cz_effect_release(e, &outbox, &reserve, &to, &fact, ERR));
}

/* ---- Outside ------------------------------------------------------------------------------
 */

static struct event *new_event(struct world *w)
{
    struct event *x = &w->events[w->event_count];

    if (w->event_count == EVENTS_MAX)
        return &w->events[below(w, EVENTS_MAX)];
    w->event_count++;
    *x = (struct event){.chain = 0};
    return x;
}

static void number_of(struct event *x, uint64_t number)
{
    (void)snprintf(x->name, sizeof x->name, "%llu", (unsigned long long)number);
}

static void deposit_outside(struct world *w)
{
    unsigned account = some_account(w), asset = (unsigned)below(w, ASSETS - 1);
    cz_id id = percent(w, 50) ? w->account[account] : balance_of(w, account, asset);
    struct event *x = new_event(w);
    char text[CZ_ID_TEXT_SIZE];
    uint64_t number = 0;

    *x = (struct event){.chain = asset == 2,
                        .kind = CZ_FACT_DEPOSIT,
                        .account = account,
                        .asset = asset};
    cz_id_print(&id, text);
    if (percent(w, 40))
        label_of(text, sizeof text, "account", account);
    MUST(cz_sim_deposit(w->chain[x->chain], text, strchr(assets[asset], ':') + 1,
                        1 + below(w, 200), &number, ERR));
    number_of(x, number);
}

/* Somebody outside pays a withdrawal, or refuses to, or errs. */
static void close_outside(struct world *w)
{
    const struct withdrawal *o;
    struct event *x;
    uint64_t number = 0;
    char id[CZ_ID_TEXT_SIZE], name[80], text[128];

    if (!w->now.open_count)
        return;
    o = &w->now.open[below(w, w->now.open_count)];
    if (o->asset == ASSETS - 1)
        return;
    x = new_event(w);
    *x = (struct event){.chain = o->asset == 2, .account = o->account, .asset = o->asset};
    cz_id_print(&o->effect, id);
    (void)snprintf(name, sizeof name, "%s/%u", id, o->number);
    if (percent(w, 40)) {
        x->kind = CZ_FACT_REGISTER;
        (void)snprintf(x->name, sizeof x->name, "%s", name);
        MUST(cz_sim_register(w->chain[x->chain], name, percent(w, 95) ? "refused" : "pending",
                             7, ERR));
        return;
    }
    x->kind = CZ_FACT_WITHDRAWAL;
    (void)snprintf(text, sizeof text, "%s#%s", percent(w, 95) ? "0xdead" : "0xbeef", name);
    MUST(cz_sim_withdrawal(w->chain[x->chain], text, strchr(assets[o->asset], ':') + 1,
                           o->quantity + percent(w, 5), &number, ERR));
    number_of(x, number);
}

static void go_on_outside(struct world *w)
{
    for (unsigned i = 0; i < 2; i++)
        deposit_outside(w);
    if (percent(w, 60))
        close_outside(w);
    for (unsigned i = 0; i < 2; i++) {
        if (percent(w, 5) && cz_sim_height(w->chain[i]) > 2)
            MUST(cz_sim_reorg(w->chain[i], 1, percent(w, 50), ERR));
        else if (i == 0 || percent(w, 70))
            MUST(cz_sim_mine(w->chain[i], 1, ERR));
        MUST(cz_sim_observe(w->chain[i], w->engine, NULL, ERR));
    }
}

/* ---- A stream -----------------------------------------------------------------------------
 */

static void submit(struct world *w, cz_effect *e)
{
    cz_error err = {0};
    uint64_t ticket;
    unsigned stray = percent(w, 4) ? 1u << below(w, KEYS) : 0;

    for (unsigned k = 0; k < KEYS; k++) {
        uint8_t seed[32];

        memset(seed, 1 + (int)k, sizeof seed);
        if ((w->sign ^ stray) >> k & 1)
            assert_ok(cz_effect_sign(e, seed, &err), err);
    }
    assert_ok(cz_submit_effect(w->engine, e, NULL, NULL, &ticket, &err), err);
    w->burst[w->burst_count++] = (struct submitted){ticket, w->next};
    cz_effect_free(e);
}

/* What an effect that applied has changed of what is known. */
static void learn(struct world *w, const struct known *before, const struct known *after,
                  const cz_id *effect)
{
    for (unsigned i = 0; i < ACCOUNTS; i++)
        if (memcmp(&before->accounts[i], &after->accounts[i], sizeof after->accounts[i]) != 0)
            w->now.accounts[i] = after->accounts[i];
    for (unsigned i = 0; i < CAPABILITIES; i++)
        if (after->capabilities[i].there && !before->capabilities[i].there)
            w->now.capabilities[i] = after->capabilities[i];
    for (unsigned i = before->open_count; i < after->open_count; i++)
        if (w->now.open_count < OPEN_MAX) {
            w->now.open[w->now.open_count] = after->open[i];
            w->now.open[w->now.open_count++].effect = *effect;
        }
}

/* The engine has no threads: all that was submitted goes into one batch now. */
static void wait_for_all(struct world *w)
{
    struct known before = w->now;

    for (unsigned i = 0; i < w->burst_count; i++) {
        cz_error err = {0};
        cz_result r;

        assert_ok(cz_wait(w->engine, w->burst[i].ticket, CZ_FOREVER, &r, &err), err);
        w->reasons[r.reason]++;
        if (r.reason)
            continue;
        w->applied++;
        learn(w, &before, &w->burst[i].next, &r.effect);
    }
    w->burst_count = 0;
}

typedef void (*add_fn)(struct world *w, cz_effect *e);

static void run(struct world *w, const add_fn *adds, unsigned parts)
{
    cz_effect *e = cz_effect_new();
    cz_id origin = cz_operator();
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    assert_non_null(e);
    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, ++w->nonce);
    w->next = w->now;
    w->next.withdrawals = 0;
    w->sign = 0;
    for (unsigned i = 0; i < parts; i++)
        adds[i](w, e);
    if (cz_effect_encode(e, &bytes, &len, &err)) /* nothing was found to do */
        cz_effect_free(e);
    else
        submit(w, e);
    if (w->burst_count == BURST_MAX || percent(w, 60))
        wait_for_all(w);
}

static void run_effect(struct world *w)
{
    static const add_fn adds[] = {add_account,  add_grant,      add_grant,      add_transfer,
                                  add_transfer, add_transfer,   add_thing,      add_deposit,
                                  add_deposit,  add_withdrawal, add_close,      add_state,
                                  add_bare,     add_when,       add_withdrawal, add_close,
                                  add_issue};
    unsigned parts = percent(w, 75) ? 1 : 2 + (unsigned)below(w, 2);
    add_fn chosen[3];

    for (unsigned i = 0; i < parts; i++)
        chosen[i] = adds[below(w, CZI_COUNTOF(adds))];
    run(w, chosen, parts);
}

/* Accounts with something in them, mostly. */
static void begin(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        cz_domain_spec domain;

        MUST(cz_sim_new(chains[i], 7 + i, &w->chain[i], ERR));
        cz_sim_domain(w->chain[i], &domain);
        MUST(cz_domain_set(w->engine, &domain, ERR));
    }
    for (unsigned i = 0; i < 8; i++)
        run(w, &(const add_fn){add_account}, 1);
    for (unsigned i = 0; i < 8; i++) {
        go_on_outside(w);
        run(w, &(const add_fn){add_deposit}, 1);
    }
}

/* A store on fs, filled and closed. */
static void live(struct czi_fs *fs, uint64_t seed, uint8_t root[32], uint64_t reasons[256])
{
    struct czi_ledger_options store = {.fs = fs,
                                       .memory_index = true,
                                       .segment_size_max = UINT64_MAX};
    struct world *w = calloc(1, sizeof *w);
    cz_options o = {.ordered = true, .backlog_max = 64};
    cz_id maker = cz_operator();
    char label[24];

    assert_non_null(w);
    w->rng = czi_rng(seed);
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        label_of(label, sizeof label, "account", i);
        w->account[i] = id_of(&maker, label);
    }
    for (unsigned i = 0; i < CAPABILITIES; i++) {
        label_of(label, sizeof label, "capability", i);
        w->capability[i] = id_of(&maker, label);
    }
    MUST(czi_open_driven(&store, &o, &w->engine, ERR));
    begin(w);
    for (unsigned i = 0; i < EFFECTS; i++) {
        run_effect(w);
        if (!w->burst_count && percent(w, 25))
            go_on_outside(w);
    }
    wait_for_all(w);
    MUST(cz_root(w->engine, root, ERR));
    MUST(cz_close(w->engine, ERR));
    for (unsigned i = 0; i < 256; i++)
        reasons[i] += w->reasons[i];
    cz_sim_free(w->chain[0]);
    cz_sim_free(w->chain[1]);
    free(w);
}

static void replay_and_audit_come_to_the_same(void **state)
{
    static const cz_check_options two = {.threads = 2};
    uint64_t first = test_env("CAUSALITY_SEED", 1), seeds = test_env("CAUSALITY_SEEDS", SEEDS);
    uint64_t reasons[256] = {0};

    (void)state;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        cz_journal_report replayed;
        cz_audit_report audited;
        struct czi_fs *fs;
        cz_error err = {0};
        uint8_t root[32];
        int rc;

        assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &fs, &err), err);
        assert_ok(czi_ledger_create(fs, &err), err);
        live(fs, seed, root, reasons);
        rc = czi_replay(fs, &two, &replayed, &err);
        if (!rc)
            rc = czi_audit(fs, &two, &audited, &err);
        if (rc)
            fail_msg("CAUSALITY_SEED=%llu: %s", (unsigned long long)seed, err.detail);
        assert_memory_equal(replayed.root, root, 32);
        assert_memory_equal(audited.journal.root, root, 32);
        fs->ops->free(fs);
    }
    /* All that accounts are refused for was met. */
    for (unsigned i = CZ_UNSIGNED; i <= CZ_TOO_LATE && seeds >= SEEDS_FOR_ALL; i++)
        if (!reasons[i])
            fail_msg("no effect was rejected as %s", cz_reason_name((int)i));
    assert_true(reasons[CZ_APPLIED] > seeds * EFFECTS / 8);
}

static int make_store(const char *path, uint64_t seed)
{
    uint64_t reasons[256] = {0};
    struct czi_fs *fs;
    uint8_t root[32];

    MUST(cz_init(path, ERR));
    MUST(czi_fs_posix(path, &fs, ERR));
    live(fs, seed, root, reasons);
    fs->ops->free(fs);
    for (unsigned i = 0; i < sizeof root; i++)
        printf("%02x", root[i]);
    printf("\n");
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(replay_and_audit_come_to_the_same)};

    if (argc == 4 && strcmp(argv[1], "--store") == 0)
        return make_store(argv[2], strtoull(argv[3], NULL, 10));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
