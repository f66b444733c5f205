/* guard_world.c - see guard_world.h. */
#include "guard_world.h"

#include <string.h>

/* cmocka's assertions jump out, which a task must not do: whatever must hold in an actor is a
 * CZI_CHECK, and its text goes to stderr. */
static void must(int rc, const cz_error *err, const char *what)
{
    if (rc)
        (void)fprintf(stderr, "%s: %s: %s\n", what, cz_code_name(rc), err->detail);
    CZI_CHECK(rc == CZ_OK);
}

static uint64_t now(struct actor *a)
{
    return history_now(&a->world->clock);
}

static unsigned below(struct actor *a, unsigned n)
{
    return (unsigned)czi_rng_below(&a->rng, n);
}

static void pause_sometimes(struct actor *a)
{
    if (below(a, 2))
        a->world->yield();
}

static uint64_t next_value(struct actor *a)
{
    return ((uint64_t)(a->id + 1) << 40) + ++a->values;
}

static uint64_t value_of(const cz_contents *c)
{
    uint64_t v = 0;

    CZI_CHECK(c->data_len == sizeof v);
    memcpy(&v, c->data, sizeof v);
    return v;
}

/* ---- Guard sessions -------------------------------------------------------------------------
 */

struct session {
    struct actor *actor;
    struct history_tx *tx;
    unsigned count;
    unsigned resource[WORLD_RESOURCES_MAX];
    cz_guard guard[WORLD_RESOURCES_MAX];
    enum cz_access mode[WORLD_RESOURCES_MAX];
    uint64_t version[WORLD_RESOURCES_MAX], written[WORLD_RESOURCES_MAX]; /* value; 0: none */
};

static cz_claim claim_of(const struct session *s, unsigned i)
{
    return (cz_claim){s->actor->world->ids[s->resource[i]], s->mode[i], CZ_TYPED(CZ_DATA)};
}

/* Different resources and any modes, in any order. */
static void choose(struct session *s, unsigned count)
{
    struct actor *a = s->actor;
    unsigned order[WORLD_RESOURCES_MAX];

    for (unsigned i = 0; i < a->world->resources; i++)
        order[i] = i;
    s->count = CZI_MIN(count, a->world->resources);
    for (unsigned i = 0; i < s->count; i++) {
        unsigned k = i + below(a, a->world->resources - i), t = order[i];

        order[i] = order[k];
        order[k] = t;
        s->resource[i] = order[i];
        s->mode[i] = below(a, 2) ? CZ_WRITE : CZ_READ;
        s->guard[i] = (cz_guard){0};
        s->written[i] = 0;
    }
}

static int look(struct session *s, unsigned i, cz_error *err)
{
    cz_contents c;
    int rc = cz_guard_contents(&s->guard[i], &c, err);

    if (rc)
        return rc;
    s->version[i] = c.version;
    history_read(s->tx, s->resource[i], c.version, value_of(&c));
    /* Nobody changes it while it is held. */
    pause_sometimes(s->actor);
    rc = cz_guard_contents(&s->guard[i], &c, err);
    if (!rc)
        history_read(s->tx, s->resource[i], c.version, value_of(&c));
    return rc;
}

static void change(struct session *s, unsigned i)
{
    uint64_t v = next_value(s->actor);
    cz_contents c;
    cz_error err = {0};

    must(cz_guard_contents(&s->guard[i], &c, &err), &err, "contents");
    c.data = (const uint8_t *)&v;
    c.data_len = sizeof v;
    must(cz_guard_update(&s->guard[i], &c, &err), &err, "update");
    s->written[i] = v;
}

static void finish_aborted(struct session *s)
{
    cz_error err = {0};

    must(cz_release_many(s->guard, s->count, &err), &err, "release");
    history_abort(s->tx, now(s->actor));
    s->actor->aborted++;
}

/* Reads all, changes some, and commits or gives up. */
static int use(struct session *s)
{
    struct actor *a = s->actor;
    cz_result r = {0};
    cz_error err = {0};
    int rc = CZ_OK;

    for (unsigned i = 0; i < s->count && !rc; i++)
        rc = look(s, i, &err);
    if (rc) {
        CZI_CHECK(rc == CZ_CANCELLED);
        finish_aborted(s);
        return rc;
    }
    for (unsigned i = 0; i < s->count; i++)
        if (s->mode[i] == CZ_WRITE && below(a, 4))
            change(s, i);
    pause_sometimes(a);
    if (below(a, 5) == 0) {
        finish_aborted(s);
        return CZ_OK;
    }
    rc = cz_guards_commit(s->guard, s->count, &r, &err);
    if (rc == CZ_CANCELLED) { /* before it was proposed */
        finish_aborted(s);
        return rc;
    }
    must(rc, &err, "commit");
    for (unsigned i = 0; i < s->count; i++)
        if (s->written[i])
            history_write(s->tx, s->resource[i], s->version[i] + 1, s->written[i]);
    history_commit(s->tx, now(a));
    a->committed++;
    return CZ_OK;
}

static int count_failure(struct actor *a, int rc, const cz_error *err)
{
    a->deadlocks += rc == CZ_DEADLOCK;
    a->timeouts += rc == CZ_TIMEOUT;
    a->cancelled += rc == CZ_CANCELLED;
    if (rc != CZ_DEADLOCK && rc != CZ_TIMEOUT && rc != CZ_CANCELLED && rc != CZ_BUSY)
        must(rc, err, "acquire");
    return rc;
}

static uint64_t some_timeout(struct actor *a)
{
    return below(a, 4) ? CZ_FOREVER : a->world->timeout_ms;
}

/* One after the other, which may close a cycle; then all over again. */
static int acquire_in_turn(struct session *s)
{
    cz_error err = {0};

    for (unsigned i = 0; i < s->count; i++) {
        cz_claim claim = claim_of(s, i);
        int rc = below(s->actor, 8)
                     ? cz_acquire(s->actor->world->engine, &claim, some_timeout(s->actor),
                                  &s->guard[i], &err)
                     : cz_try_acquire(s->actor->world->engine, &claim, &s->guard[i], &err);

        if (rc)
            return count_failure(s->actor, rc, &err);
        pause_sometimes(s->actor);
    }
    return CZ_OK;
}

static int acquire_together(struct session *s)
{
    cz_claim claims[WORLD_RESOURCES_MAX];
    cz_error err = {0};
    int rc;

    for (unsigned i = 0; i < s->count; i++)
        claims[i] = claim_of(s, i);
    rc = cz_acquire_many(s->actor->world->engine, claims, s->count, some_timeout(s->actor),
                         s->guard, &err);
    return rc ? count_failure(s->actor, rc, &err) : CZ_OK;
}

/* True when the actor was cancelled. */
static bool session(struct actor *a)
{
    struct session s = {.actor = a};
    bool together = below(a, 2);
    int rc;

    choose(&s, 1 + below(a, 3));
    for (unsigned tries = 0; tries < 20; tries++) {
        s.tx = history_begin(&a->history, (uint64_t)a->id << 32 | ++a->values, now(a));
        rc = together ? acquire_together(&s) : acquire_in_turn(&s);
        if (!rc)
            return use(&s) != CZ_OK;
        finish_aborted(&s);
        if (rc == CZ_CANCELLED)
            return true;
        pause_sometimes(a);
    }
    return false;
}

/* ---- Effects --------------------------------------------------------------------------------
 */

struct receipt_of_effect {
    struct world *world;
    struct history_tx *tx;
    uint64_t value;
};

/* What it read and wrote, as its receipt has it. */
static int take_receipt(void *arg, const cz_receipt *r)
{
    const struct receipt_of_effect *e = arg;

    for (size_t i = 0; i < r->post_count; i++)
        for (unsigned k = 0; k < e->world->resources; k++)
            if (memcmp(&e->world->ids[k], &r->posts[i].resource, sizeof(cz_id)) == 0 &&
                r->posts[i].mode == CZ_WRITE)
                history_write(e->tx, k, r->posts[i].version, e->value + k);
    return CZ_OK;
}

/* Whoever was cancelled may have been so before it was submitted. */
static void take_open(struct world *w, const struct actor *a)
{
    struct receipt_of_effect e = {w, a->open_tx, a->open_value};
    cz_error err = {0};
    int rc = cz_receipt_get(w->engine, &a->open_effect, take_receipt, &e, &err);

    if (rc == CZ_NOT_FOUND)
        history_abort(a->open_tx, history_now(&w->clock));
    else
        history_commit(a->open_tx, history_now(&w->clock));
    CZI_CHECK(rc == CZ_OK || rc == CZ_NOT_FOUND);
}

/* Writes one to three resources without a guard. */
static bool effect(struct actor *a)
{
    struct world *w = a->world;
    struct session s = {.actor = a};
    cz_id origin, id;
    cz_result r = {0};
    cz_error err = {0};
    uint64_t value = (next_value(a) << 8);
    struct history_tx *tx;
    int rc;

    memset(&origin, (int)a->id + 1, sizeof origin);
    choose(&s, 1 + below(a, 3));
    cz_effect_clear(a->effect);
    cz_effect_set_origin(a->effect, &origin);
    cz_effect_set_nonce(a->effect, a->values);
    for (unsigned i = 0; i < s.count; i++) {
        uint64_t v = value + s.resource[i];

        must(s.mode[i] == CZ_WRITE || i == 0
                 ? cz_effect_write(a->effect, &w->ids[s.resource[i]], &v, sizeof v, &err)
                 : cz_effect_access(a->effect, &w->ids[s.resource[i]], CZ_READ, &err),
             &err, "effect");
    }
    must(cz_effect_id(a->effect, &id, &err), &err, "id");
    tx = history_begin(&a->history, (uint64_t)a->id << 32 | ++a->values, now(a));
    rc = cz_perform(w->engine, a->effect, &r, &err);
    if (!rc) {
        struct receipt_of_effect e = {w, tx, value};

        rc = cz_receipt_get(w->engine, &id, take_receipt, &e, &err);
    }
    if (rc == CZ_CANCELLED) {
        a->cancelled++;
        a->open_tx = tx;
        a->open_effect = id;
        a->open_value = value;
        return true;
    }
    must(rc, &err, "perform");
    history_commit(tx, now(a));
    a->performed++;
    return false;
}

/* ---- The world ------------------------------------------------------------------------------
 */

int actor_run(struct actor *a, cz_error *err)
{
    bool cancelled = false;

    for (unsigned i = 0; i < a->rounds && !cancelled; i++) {
        cancelled = below(a, 3) ? session(a) : effect(a);
        a->world->yield();
    }
    return cancelled ? czi_fail(err, CZ_CANCELLED, "actor %u was cancelled", a->id) : CZ_OK;
}

void world_init(struct world *w, cz_engine *engine, uint64_t seed, unsigned resources,
                unsigned actors, unsigned rounds, void (*yield)(void))
{
    uint64_t zero = 0;
    cz_error err = {0};

    *w = (struct world){.engine = engine,
                        .resources = resources,
                        .actors = actors,
                        .timeout_ms = 5,
                        .yield = yield};
    for (unsigned i = 0; i < resources; i++) {
        char label[16];
        cz_creation c = {.creator = cz_operator(),
                         .controller = cz_operator(),
                         .label = label,
                         .kind = CZ_DATA,
                         .data = (const uint8_t *)&zero,
                         .data_len = sizeof zero};

        (void)snprintf(label, sizeof label, "r%u", i);
        must(cz_create(engine, &c, &w->ids[i], &err), &err, "create");
    }
    for (unsigned i = 0; i < actors; i++) {
        struct actor *a = &w->actor[i];

        *a = (struct actor){.world = w, .id = i, .rounds = rounds};
        a->rng = czi_rng(seed * WORLD_ACTORS_MAX + i);
        a->effect = cz_effect_new();
        CZI_CHECK(a->effect);
        history_init(&a->history);
    }
}

bool world_check(struct world *w, char *why, size_t size)
{
    struct history h;
    cz_lock_stats stats;
    cz_error err = {0};
    bool ok;

    must(cz_flush(w->engine, &err), &err, "flush");
    history_init(&h);
    for (unsigned i = 0; i < w->resources; i++)
        history_initial(&h, i, 1, 0);
    for (unsigned i = 0; i < w->actors; i++) {
        struct actor *a = &w->actor[i];

        if (a->open_tx)
            take_open(w, a);
        history_merge(&h, &a->history);
    }
    ok = history_check(&h, why, size);
    for (unsigned i = 0; i < w->resources && ok; i++) {
        cz_resource r;
        size_t writers = history_writers(&h, i, NULL, 0);

        must(cz_resource_get(w->engine, &w->ids[i], &r, &err), &err, "get");
        ok = r.version == 1 + writers;
        if (!ok)
            (void)snprintf(why, size, "r%u is at version %llu after %zu writes", i,
                           (unsigned long long)r.version, writers);
    }
    must(cz_lock_stats_get(w->engine, &stats, &err), &err, "stats");
    if (ok && (stats.guards || stats.waiting || stats.waiting_effects)) {
        (void)snprintf(why, size, "%llu guards are held, %llu requests and %llu effects wait",
                       (unsigned long long)stats.guards, (unsigned long long)stats.waiting,
                       (unsigned long long)stats.waiting_effects);
        ok = false;
    }
    history_done(&h);
    return ok;
}

void world_done(struct world *w)
{
    for (unsigned i = 0; i < w->actors; i++) {
        cz_effect_free(w->actor[i].effect);
        history_done(&w->actor[i].history);
    }
}
