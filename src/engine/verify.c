/* verify.c - see verify.h. */
#include "engine/verify.h"

#include "base/error.h"
#include "codec/blake3.h"
#include "engine/engine.h"
#include "platform/parallel.h"

/* Fewer signatures than this are not worth waking threads. */
#define ALONE 4u

/* Runs for each verifier: one in work, and some that are done and wait for an older one, which
 * takes longer the more a busy machine delays its thread. */
#define RUNS_EACH 4u

/* ---- Checking ---------------------------------------------------------------------------- */

struct czi_signature czi_signature_of(const uint8_t *bytes, size_t len,
                                      const struct czi_effect_view *v, const cz_id *signing_id,
                                      unsigned i)
{
    struct czi_signature s = {.signed_id = *signing_id};

    const uint8_t *signer = czi_effect_signer(bytes, len, v, i);

    memcpy(s.key, signer, sizeof s.key);
    memcpy(s.signature, signer + sizeof s.key, sizeof s.signature);
    return s;
}

static bool is_good(const struct czi_signature *s)
{
    return czi_ed25519_verify(s->key, s->signed_id.bytes, sizeof s->signed_id, s->signature);
}

static bool holds(const void *arg, size_t number)
{
    const struct czi_signature *signatures = arg;

    return is_good(&signatures[number]);
}

size_t czi_verify_signatures(const struct czi_signature *s, size_t count, unsigned threads)
{
    return czi_parallel_find(count, ALONE, threads, holds, s);
}

bool czi_verify_effect(const uint8_t *bytes, size_t len, const struct czi_effect_view *v)
{
    cz_id id;

    if (!v->signature_count)
        return true;
    czi_effect_signing_id(bytes, len, v, id.bytes);
    for (unsigned i = 0; i < v->signature_count; i++) {
        struct czi_signature s = czi_signature_of(bytes, len, v, &id, i);

        if (!is_good(&s))
            return false;
    }
    return true;
}

/* A refused one is named by its id, which a batch gives to positions only. */
void czi_verify_pending(struct czi_pending *p)
{
    if (p->is_item || !p->view.signature_count)
        return;
    p->bad_signature = !czi_verify_effect(p->bytes, p->len, &p->view);
    if (p->bad_signature)
        czi_blake3(p->bytes, p->len, p->item_id.bytes);
}

/* ---- Runs -------------------------------------------------------------------------------- */

/* Under lock. Takes its share of what waits, up to CZI_VERIFY_RUN signatures. */
static struct czi_run *take(cz_engine *g)
{
    struct czi_verifying *v = &g->verifying;
    struct czi_run *r = &v->runs[(v->first_run + v->run_count++) % v->run_room];
    uint32_t share = (v->waiting.count + v->thread_count - 1) / v->thread_count;
    unsigned signatures = 0;

    share = CZI_MIN(share, CZI_VERIFY_RUN);
    for (r->count = 0; r->count < share && signatures < CZI_VERIFY_RUN; r->count++) {
        uint32_t slot = czi_admission_peek(&v->waiting)->number;

        czi_admission_pop(&v->waiting);
        r->slots[r->count] = slot;
        signatures += g->pendings[slot].view.signature_count;
    }
    r->done = false;
    return r;
}

/* Under lock: all runs that are done and have none before them go on. */
static void move_on(cz_engine *g)
{
    struct czi_verifying *v = &g->verifying;

    while (v->run_count && v->runs[v->first_run].done) {
        const struct czi_run *r = &v->runs[v->first_run];

        for (uint32_t i = 0; i < r->count; i++)
            g->inbox[g->inbox_count++] = czi_arrival_of(r->slots[i], &g->pendings[r->slots[i]]);
        v->count -= r->count;
        v->first_run = (v->first_run + 1) % v->run_room;
        v->run_count--;
    }
    if (g->inbox_count >= g->wanted)
        czi_cond_signal(g->wake);
}

static bool may_take(const struct czi_verifying *v)
{
    return v->waiting.count && v->run_count < v->run_room;
}

static void verifier(void *arg)
{
    cz_engine *g = arg;
    struct czi_verifying *v = &g->verifying;

    czi_mutex_lock(g->lock);
    while (!g->workers_stop && !g->stop_code) {
        struct czi_run *r;

        if (!may_take(v)) {
            v->idle++;
            czi_cond_wait(v->work, g->lock);
            v->idle--;
            continue;
        }
        r = take(g);
        if (v->idle && may_take(v))
            czi_cond_signal(v->work);
        czi_mutex_unlock(g->lock);
        for (uint32_t i = 0; i < r->count; i++)
            if (!g->pendings[r->slots[i]].under_guards)
                czi_verify_pending(&g->pendings[r->slots[i]]);
        czi_mutex_lock(g->lock);
        r->done = true;
        move_on(g);
    }
    czi_mutex_unlock(g->lock);
}

void czi_verifying_add(cz_engine *g, const struct czi_arrival *a)
{
    struct czi_verifying *v = &g->verifying;

    czi_admission_push(&v->waiting, a);
    v->count++;
    if (v->idle)
        czi_cond_signal(v->work);
}

/* ---- Threads ----------------------------------------------------------------------------- */

static int make_memory(cz_engine *g, cz_error *err)
{
    struct czi_verifying *v = &g->verifying;
    int rc = CZ_OK;

    if (!v->waiting.capacity)
        rc = czi_admission_init(&v->waiting, g->slots, g->options.ordered, err);
    v->run_room = RUNS_EACH * g->options.threads;
    if (!v->runs)
        v->runs = czi_alloc(v->run_room * sizeof *v->runs);
    if (!v->work)
        v->work = czi_cond_new();
    return rc || (v->runs && v->work) ? rc : czi_nomem(err, "the verifiers of signatures");
}

/* Under lock. A thread that does not start leaves its share to the others. */
static int start_threads(cz_engine *g, cz_error *err)
{
    struct czi_verifying *v = &g->verifying;
    int rc = CZ_OK;

    while (v->thread_count < g->options.threads && !rc) {
        rc = czi_thread_start(&v->threads[v->thread_count], verifier, g, "cz-verify",
                              v->thread_count ? NULL : err);
        v->thread_count += !rc;
    }
    return v->thread_count ? CZ_OK : rc;
}

int czi_verifying_start(cz_engine *g, cz_error *err)
{
    struct czi_verifying *v = &g->verifying;
    int rc = CZ_OK;

    if (CZI_LIKELY(atomic_load_explicit(&v->started, memory_order_acquire)))
        return CZ_OK;
    czi_mutex_lock(g->lock);
    /* Of an engine that stopped, the submission is told so when it arrives. */
    if (!atomic_load(&v->started) && !g->stop_code && !g->workers_stop) {
        rc = make_memory(g, err);
        if (!rc)
            rc = start_threads(g, err);
        if (!rc)
            atomic_store_explicit(&v->started, true, memory_order_release);
    }
    czi_mutex_unlock(g->lock);
    return rc;
}

void czi_verifying_wake(cz_engine *g)
{
    if (g->verifying.work)
        czi_cond_broadcast(g->verifying.work);
}

void czi_verifying_join(cz_engine *g)
{
    struct czi_verifying *v = &g->verifying;

    for (unsigned i = 0; i < v->thread_count; i++)
        czi_thread_join(v->threads[i]);
    v->thread_count = 0;
}

void czi_verifying_done(struct czi_verifying *v)
{
    czi_admission_done(&v->waiting);
    czi_free(v->runs);
    czi_cond_free(v->work);
}
