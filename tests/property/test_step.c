/* test_step.c - the state machine driven by hand: updates are performed late and in any order
 * that the stages allow, with pauses and checkpoints in between. Whatever the schedule, the
 * results are the model's (R1), stages keep batch order, and the bounds hold.
 */
#include "generate.h"

#include "codec/blake3.h"
#include "engine/cite.h"

struct known {
    cz_id effect;
    struct czi_predecessor what;
};

struct driver {
    struct czi_rng rng;
    struct gen_stream *s;
    struct czi_step step;
    struct czi_pending pendings[GEN_ITEMS_MAX];
    size_t arrived, answered;
    uint64_t last_batch; /* acknowledged */
    /* Updates not yet performed, per stage first come first served. */
    struct czi_batch *stage[3][CZI_BATCHES_IN_FLIGHT];
    unsigned waiting[3];
    const struct czi_pending *look_up;
    bool checkpoint;
    unsigned look_ups, checkpoints, in_flight_max;
    struct known known[GEN_ITEMS_MAX]; /* of sealed batches */
    size_t known_count;
};

static void take_updates(struct driver *d)
{
    const struct czi_step *s = &d->step;

    for (uint32_t i = 0; i < s->update_count; i++) {
        const struct czi_update *u = &s->updates[i];

        switch (u->type) {
        case CZI_UPDATE_SEAL:
        case CZI_UPDATE_PERSIST:
        case CZI_UPDATE_ACKNOWLEDGE:
            assert_true(d->waiting[u->type] < CZI_BATCHES_IN_FLIGHT);
            d->stage[u->type][d->waiting[u->type]++] = u->batch;
            break;
        case CZI_UPDATE_LOOK_UP:
            assert_null(d->look_up);
            assert_int_equal(s->unsealed, 0);
            d->look_up = u->pending;
            d->look_ups++;
            break;
        case CZI_UPDATE_CHECKPOINT:
            assert_false(d->checkpoint);
            assert_int_equal(czi_step_in_flight(s), 0);
            d->checkpoint = true;
            d->checkpoints++;
        }
    }
    d->in_flight_max = CZI_MAX(d->in_flight_max, czi_step_in_flight(s));
    assert_true(czi_step_in_flight(s) <= CZI_BATCHES_IN_FLIGHT);
    /* Nothing executes while a checkpoint is taken. */
    assert_true(!d->checkpoint || czi_step_in_flight(s) == 0);
}

static void event(struct driver *d, struct czi_event e)
{
    cz_error err = {0};

    assert_ok(czi_step(&d->step, &e, &err), err);
    take_updates(d);
}

static void seal(struct driver *d, struct czi_batch *b)
{
    czi_seal(&d->step.core, b);
    for (uint32_t i = 0; i < b->entry_count; i++) {
        const struct czi_entry *e = &b->entries[i];

        if (e->status == CZI_ENTRY_EFFECT) {
            const struct czi_extra *x = czi_entry_extra(b, e);

            d->known[d->known_count++] =
                (struct known){b->effect_ids[e->number],
                               {.applied = e->reason == 0,
                                .lamport = e->lamport,
                                .position = b->first_position + e->number,
                                .clock = czi_clock_ref(x ? x->clock : NULL)}};
        }
    }
}

/* Ordered mode: results come in the order of the stream. */
static void acknowledge(struct driver *d, struct czi_batch *b)
{
    assert_int_equal(b->number, d->last_batch + 1);
    d->last_batch = b->number;
    for (uint32_t i = 0; i < b->entry_count; i++) {
        const struct czi_entry *e = &b->entries[i];
        const cz_result *expected = &d->s->items[d->answered].expected;

        assert_ptr_equal(e->pending, &d->pendings[d->answered++]);
        if (e->status == CZI_ENTRY_LOOK_UP) {
            assert_true(expected->status == CZ_STATUS_DUPLICATE ||
                        expected->reason == CZ_NONCE);
        } else if (e->status == CZI_ENTRY_EFFECT) {
            assert_int_equal(e->reason, expected->reason);
            assert_int_equal(b->first_position + e->number, expected->position);
            assert_memory_equal(&b->receipt_ids[e->number], &expected->receipt, 32);
        } else {
            assert_int_equal(e->status == CZI_ENTRY_DUPLICATE,
                             expected->status == CZ_STATUS_DUPLICATE);
            assert_int_equal(e->status == CZI_ENTRY_REFUSED,
                             expected->status == CZ_STATUS_REJECTED);
        }
    }
}

static void perform_stage(struct driver *d, unsigned stage)
{
    static const enum czi_event_type next[] = {CZI_EVENT_SEALED, CZI_EVENT_PERSISTED,
                                               CZI_EVENT_ACKNOWLEDGED};
    struct czi_batch *b = d->stage[stage][0];

    d->waiting[stage]--;
    memmove(d->stage[stage], d->stage[stage] + 1, d->waiting[stage] * sizeof b);
    if (stage == CZI_UPDATE_SEAL)
        seal(d, b);
    if (stage == CZI_UPDATE_ACKNOWLEDGE)
        acknowledge(d, b);
    event(d, (struct czi_event){.type = next[stage], .batch = b});
}

static void answer_look_up(struct driver *d)
{
    struct czi_predecessor answers[CZI_CITATIONS_MAX] = {{0}};
    const struct czi_pending *p = d->look_up;

    for (unsigned i = 0; i < p->view.after_count; i++)
        for (size_t k = 0; k < d->known_count; k++)
            if (memcmp(&d->known[k].effect, czi_effect_after(p->bytes, &p->view, i), 32) == 0) {
                answers[i] = d->known[k].what;
                (void)czi_clock_ref(answers[i].clock);
            }
    d->look_up = NULL;
    event(d, (struct czi_event){.type = CZI_EVENT_KNOWN, .predecessors = answers});
}

static void arrive(struct driver *d, size_t n)
{
    struct czi_arrival arrivals[GEN_ITEMS_MAX];

    n = CZI_MIN(n, d->s->count - d->arrived);
    for (size_t i = 0; i < n; i++) {
        struct czi_pending *p = &d->pendings[d->arrived + i];

        arrivals[i] = (struct czi_arrival){.number = (uint32_t)(d->arrived + i),
                                           .len = p->len,
                                           .accesses = (uint8_t)czi_effect_accesses(&p->view),
                                           .priority = p->view.priority,
                                           .after_count = p->view.after_count,
                                           .is_item = p->is_item};
    }
    d->arrived += n;
    event(d, (struct czi_event){.type = CZI_EVENT_ADMIT,
                                .arrivals = arrivals,
                                .count = (uint32_t)n});
}

static void make_pendings(struct driver *d)
{
    cz_error err = {0};

    for (size_t i = 0; i < d->s->count; i++) {
        const struct gen_item *item = &d->s->items[i];
        struct czi_pending *p = &d->pendings[i];

        *p = (struct czi_pending){.bytes = item->bytes,
                                  .len = (uint32_t)item->len,
                                  .is_item = !item->effect};
        if (item->effect)
            assert_ok(czi_effect_view(item->bytes, item->len, &p->view, &err), err);
        else
            p->item_id = czi_fact_id(p->bytes, p->len);
    }
}

/* One thing that may happen next, whichever. */
static void something(struct driver *d)
{
    uint64_t what = czi_rng_below(&d->rng, 10);

    if (what < 3 && d->waiting[what]) {
        perform_stage(d, (unsigned)what);
    } else if (what == 3 && d->look_up) {
        answer_look_up(d);
    } else if (what == 4 && d->checkpoint) {
        d->checkpoint = false;
        event(d, (struct czi_event){.type = CZI_EVENT_RESUME});
    } else if (what == 5) {
        arrive(d, czi_rng_below(&d->rng, 12));
    } else if (what == 6 && czi_rng_below(&d->rng, 20) == 0) {
        d->step.wants_checkpoint = true;
    } else if (what == 7 && czi_rng_below(&d->rng, 10) == 0) {
        uint32_t executed = d->step.unsealed;

        /* A pause starts nothing, whatever comes in. */
        d->step.paused = true;
        arrive(d, 5);
        assert_int_equal(d->step.unsealed, executed);
        assert_true(czi_step_wanted(&d->step) == UINT32_MAX);
        d->step.paused = false;
        arrive(d, 0);
    }
}

static void drive(uint64_t seed, unsigned batch_max, struct driver *d)
{
    struct gen_options o = {.seed = seed, .count = 120, .origins = 2, .create = true};
    uint8_t root[32], expected[32];
    unsigned long steps = 0;
    cz_error err = {0};

    *d = (struct driver){.rng = czi_rng(seed), .s = gen_stream(&o)};
    gen_expect(d->s, REF_FAITHFUL);
    make_pendings(d);
    assert_ok(czi_step_init(&d->step, d->pendings, GEN_ITEMS_MAX, batch_max, true, &err), err);
    while (d->answered < d->s->count) {
        something(d);
        if (++steps > 1000000)
            fail_msg("seed %llu: nothing more happens after %zu of %zu",
                     (unsigned long long)seed, d->answered, d->s->count);
    }
    assert_ok(czi_resources_root(&d->step.core.resources, root, &err), err);
    ref_root(&d->s->model, expected);
    assert_memory_equal(root, expected, 32);
    gen_free(d->s);
    for (size_t k = 0; k < d->known_count; k++)
        czi_predecessors_done(&d->known[k].what, 1);
    czi_step_done(&d->step);
}

static void any_schedule_of_updates_gives_the_same_results(void **state)
{
    static const unsigned batches[] = {1, 3, 16};
    static struct driver d;
    unsigned look_ups = 0, checkpoints = 0, in_flight = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= test_env("CAUSALITY_SEEDS", 150); seed++) {
        drive(seed, batches[seed % 3], &d);
        look_ups += d.look_ups;
        checkpoints += d.checkpoints;
        in_flight = CZI_MAX(in_flight, d.in_flight_max);
    }
    assert_true(look_ups > 100 && checkpoints > 100);
    assert_int_equal(in_flight, CZI_BATCHES_IN_FLIGHT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_schedule_of_updates_gives_the_same_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
