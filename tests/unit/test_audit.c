/* test_audit.c - audit: a whole store passes; each rule has a forgery that only it can find. */
#include "replay_fixture.h"

static const cz_check_options one = {.threads = 1}, two = {.threads = 2};

struct state {
    struct sample sample;
    struct czi_fs *fs;
    struct forger forger;
};

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);

    s->fs = sample_fs(&s->sample);
    forge_open(&s->forger, s->fs);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;

    forge_done(&s->forger);
    s->fs->ops->free(s->fs);
    free(s);
    return 0;
}

/* The forged store must fail so, with the segment, an offset and this in the text; it must fail
 * alike on two threads. */
static void expect_code(struct state *s, int code, const char *what)
{
    struct czi_fs *fs = forge_write(&s->forger);

    for (int i = 0; i < 2; i++) {
        cz_audit_report r = {.proofs = 4711};
        cz_error err = {0};
        int rc = czi_audit(fs, i ? &two : &one, &r, &err);

        if (rc != code || err.code != code || !strstr(err.detail, what) ||
            !strstr(err.detail, "journal/0000000000000001: offset "))
            fail_msg("expected '%s', got %s: %s", what, cz_code_name(rc), err.detail);
        assert_int_equal(r.proofs, 4711); /* untouched */
    }
    fs->ops->free(fs);
}

static void expect(struct state *s, uint64_t position, const char *what)
{
    char text[256];

    (void)snprintf(text, sizeof text, "position %llu: %s", (unsigned long long)position, what);
    expect_code(s, CZ_CORRUPT, text);
}

/* A new effect in the place of one of the sample. */
static cz_effect *instead_of(uint64_t position)
{
    struct sample next = {.nonce = position - 1};

    return new_effect(&next);
}

/* ---- What is right ---------------------------------------------------------------------- */

static void a_whole_store_passes(void **state)
{
    struct state *s = *state;

    for (int i = 0; i < 2; i++) {
        cz_audit_report r;
        cz_error err = {0};

        assert_ok(czi_audit(s->fs, i ? &two : &one, &r, &err), err);
        assert_memory_equal(r.journal.root, s->sample.root, 32);
        assert_int_equal(r.journal.positions, POSITIONS);
        assert_int_equal(r.journal.applied, POSITIONS - REJECTED);
        assert_int_equal(r.journal.rejected, REJECTED);
        assert_int_equal(r.journal.facts, s->sample.items);
        assert_int_equal(r.journal.resources, RESOURCES);
        assert_int_equal(r.journal.assets, 2);
        assert_int_equal(r.journal.domains, 2);
        assert_int_equal(r.journal.segments, 1);
        assert_int_equal(r.journal.frames, s->forger.frames);
        assert_int_equal(r.proofs, s->sample.items);
        assert_int_equal(r.unverified, 0);
        assert_false(r.journal.unfinished_tail);
        assert_int_equal(r.journal.tail_offset, r.journal.journal_bytes);
    }
}

/* Also along links that name no resource (R4). */
static void lamport_times_rise_along_every_link(void **state)
{
    static const struct {
        unsigned before, after;
    } links[] = {{EVENT, FORK},
                 {EVENT, SEE},
                 {FORK, TOUCH},
                 {TOUCH, SEE},
                 {SEE, AFTER},
                 {CITE, FOLLOW},
                 {CITE_NONE, FOLLOW_NONE},
                 {PAY, TOUCH}};
    struct forger *f = &((struct state *)*state)->forger;

    for (size_t i = 0; i < CZI_COUNTOF(links); i++)
        assert_true(forged(f, links[i].before)->outcome.lamport <
                    forged(f, links[i].after)->outcome.lamport);
}

static void an_empty_store_passes(void **state)
{
    struct czi_fs *fs;
    cz_audit_report r;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &fs, &err), err);
    assert_ok(czi_ledger_create(fs, &err), err);
    assert_ok(czi_audit(fs, NULL, &r, &err), err);
    assert_int_equal(r.journal.positions, 0);
    assert_int_equal(r.journal.frames, 0);
    assert_false(r.journal.unfinished_tail);
    fs->ops->free(fs);
}

static void progress(void *arg, uint64_t done, uint64_t total)
{
    uint64_t *last = arg;

    assert_true(done > *last && done <= total);
    *last = done;
}

static void progress_rises_to_the_journals_size(void **state)
{
    struct state *s = *state;
    uint64_t last = 0;
    cz_check_options o = {.threads = 2, .progress = progress, .progress_arg = &last};
    cz_audit_report r;
    cz_error err = {0};

    assert_ok(czi_audit(s->fs, &o, &r, &err), err);
    assert_int_equal(last, r.journal.journal_bytes);
}

static void more_threads_than_the_limit_are_refused(void **state)
{
    struct state *s = *state;
    cz_check_options o = {.threads = CZI_THREADS_MAX + 1};
    cz_audit_report r;
    cz_error err = {0};

    assert_int_equal(czi_audit(s->fs, &o, &r, &err), CZ_LIMIT);
}

/* Its header is then read from the frame before. */
static void a_fact_may_lie_in_another_frame_than_its_header(void **state)
{
    struct state *s = *state;
    struct forged_record *fact = forged_fact(&s->forger, 2);
    struct czi_fs *fs;
    cz_audit_report r;
    cz_error err = {0};

    for (struct forged_record *x = fact; x < s->forger.records + s->forger.count; x++)
        x->frame += 1000;
    fs = forge_write(&s->forger);
    for (int i = 0; i < 2; i++) {
        assert_ok(czi_audit(fs, i ? &two : &one, &r, &err), err);
        assert_int_equal(r.proofs, s->sample.items);
    }
    fs->ops->free(fs);
}

static const uint8_t domain_hash[32] = {1};

static void put_item(struct forged_record *r, const struct czi_item *item)
{
    cz_error err = {0};

    assert_ok(czi_item_encode(item, &r->bytes, &err), err);
}

/* A domain that only a later library knows. */
static void facts_of_an_unknown_adapter_are_counted_as_unverified(void **state)
{
    struct state *s = *state;
    struct forged_record *last = &s->forger.records[s->forger.count - 1], *r;
    struct czi_item domain = {.type = CZI_ITEM_DOMAIN,
                              .domain = {(const uint8_t *)"elsewhere", 9},
                              .config = {.adapter = {(const uint8_t *)"later", 5}}};
    struct czi_fact_value parent = {.type = CZI_VALUE_BYTES, .bytes = {domain_hash, 32}};
    struct czi_item fact = {.type = CZI_ITEM_FACT,
                            .domain = domain.domain,
                            .fact = {.domain = domain.domain,
                                     .kind = CZ_FACT_BLOCK,
                                     .claim_count = 1}};
    struct czi_fs *fs;
    cz_audit_report report;
    cz_error err = {0};

    fact.fact.claim[0] = parent;
    r = forge_insert(&s->forger, forged_fact(&s->forger, 0), last);
    put_item(r, &domain);
    r = forge_insert(&s->forger, r, r);
    put_item(r, &fact);
    fs = forge_write(&s->forger);
    assert_ok(czi_audit(fs, &one, &report, &err), err);
    assert_int_equal(report.proofs, s->sample.items);
    assert_int_equal(report.unverified, 2);
    assert_int_equal(report.journal.domains, 3);
    fs->ops->free(fs);
}

/* ---- Versions, links, kinds ------------------------------------------------------------- */

static void a_version_that_skips_is_found(void **state)
{
    forged_post(&((struct state *)*state)->forger, PAY, "a")->version++;
    expect(*state, PAY, "the version of resource");
}

static void a_version_that_was_not_the_one_to_read_is_found(void **state)
{
    forged_post(&((struct state *)*state)->forger, READ, "d")->version--;
    expect(*state, READ, "the version seen of resource");
}

static void a_wrong_version_in_a_rejection_is_found(void **state)
{
    forged_post(&((struct state *)*state)->forger, OVERDRAFT, "b")->version++;
    expect(*state, OVERDRAFT, "the version seen of resource");
}

static void a_log_that_points_past_its_last_entry_is_found(void **state)
{
    forged_post(&((struct state *)*state)->forger, READ, "a")->previous = MAKE_AB;
    expect(*state, READ, "the previous position of resource");
}

static void a_kind_that_changes_is_found(void **state)
{
    forged_post(&((struct state *)*state)->forger, PAY, "a")->kind = CZ_POSITION;
    expect(*state, PAY, "the kind of resource");
}

static void a_read_of_nothing_is_found(void **state)
{
    struct state *s = *state;
    cz_effect *e = instead_of(READ);
    cz_id none = resource_id("nobody");
    cz_error err = {0};

    add_transfer(e, "a", "b", 1);
    assert_ok(cz_effect_access(e, &none, CZ_READ, &err), err);
    forge_effect(forged(&s->forger, READ), e);
    expect(s, READ, "it reads a resource that does not exist");
}

static void an_operation_on_nothing_is_found(void **state)
{
    struct state *s = *state;
    cz_effect *e = instead_of(PAY);

    add_transfer(e, "a", "nobody", 30);
    forge_effect(forged(&s->forger, PAY), e);
    expect_code(s, CZ_CORRUPT, "does not exist");
}

static void a_second_creation_is_found(void **state)
{
    struct state *s = *state;
    cz_effect *e = instead_of(MAKE_C);

    add_creation(e, "a", CZ_FUNGIBLE, "USD", 5, NULL);
    forged(&s->forger, MAKE_C)->outcome.lamport =
        forged(&s->forger, FOLLOW)->outcome.lamport + 1;
    forge_effect(forged(&s->forger, MAKE_C), e);
    expect(s, MAKE_C, "it creates a resource that exists");
}

/* ---- Lifecycle -------------------------------------------------------------------------- */

static void an_illegal_lifecycle_move_is_found(void **state)
{
    struct state *s = *state;
    cz_effect *e = instead_of(LOCK);
    cz_id b = resource_id("b");
    cz_error err = {0};

    assert_ok(cz_effect_unlock(e, &b, &err), err);
    forge_effect(forged(&s->forger, LOCK), e);
    forged_post(&s->forger, LOCK, "b")->state = CZ_ACTIVE;
    expect(s, LOCK, "the lifecycle does not allow to unlock what is active");
}

static void a_state_that_no_operation_made_is_found(void **state)
{
    forged_post(&((struct state *)*state)->forger, LOCK, "b")->state = CZ_FROZEN;
    expect(*state, LOCK, "access 0 is recorded as frozen, its operations make it locked");
}

static void what_is_archived_must_be_empty(void **state)
{
    struct state *s = *state;
    struct forged_record *r = forged(&s->forger, ARCHIVE);
    cz_effect *e = instead_of(ARCHIVE);
    cz_id a = resource_id("a");
    cz_error err = {0};

    assert_ok(cz_effect_archive(e, &a, &err), err);
    forge_effect(r, e);
    r->outcome.lamport = forged(&s->forger, FOLLOW)->outcome.lamport + 1;
    r->posts[0] = (struct czi_post){.written = true,
                                    .kind = CZ_FUNGIBLE,
                                    .state = CZ_ARCHIVED,
                                    .quantity = 100 - 30 - 1 - 1,
                                    .version = 5,
                                    .previous = FOLLOW};
    expect(s, ARCHIVE, "access 0 is archived, but not empty");
}

/* ---- Quantities and data ---------------------------------------------------------------- */

static void money_from_nowhere_is_found(void **state)
{
    forged_post(&((struct state *)*state)->forger, PAY, "b")->quantity += 1;
    expect(*state, PAY, "asset USD is not conserved: the effect adds 1, it declares 0");
}

static void a_creation_with_more_than_it_declares_is_found(void **state)
{
    forged_post(&((struct state *)*state)->forger, MAKE_C, "c")->quantity += 1;
    expect(*state, MAKE_C, "asset USD is not conserved: the effect adds 6, it declares 5");
}

static void a_consumption_that_keeps_something_is_found(void **state)
{
    forged_post(&((struct state *)*state)->forger, CONSUME, "c")->quantity = 1;
    expect(*state, CONSUME, "asset USD is not conserved: the effect adds -4, it declares -5");
}

static void positions_that_do_not_sum_to_zero_are_found(void **state)
{
    forged_post(&((struct state *)*state)->forger, MOVE, "p")->quantity -= 1;
    expect(*state, MOVE, "asset ETH is not conserved: the effect adds -1, it declares 0");
}

static void a_wrong_balance_that_is_conserved_is_found(void **state)
{
    struct state *s = *state;

    forged_post(&s->forger, PAY, "a")->quantity = 69;
    forged_post(&s->forger, PAY, "b")->quantity = 81;
    expect_code(s, CZ_CORRUPT, "the balance of access 0 is ");
}

static void a_negative_balance_is_found(void **state)
{
    struct state *s = *state;
    cz_effect *e = instead_of(PAY);

    add_transfer(e, "a", "b", 1000);
    forge_effect(forged(&s->forger, PAY), e);
    forged_post(&s->forger, PAY, "a")->quantity = -900;
    forged_post(&s->forger, PAY, "b")->quantity = 1050;
    expect(s, PAY, "the fungible balance of access");
}

static void data_with_another_hash_is_found(void **state)
{
    forged(&((struct state *)*state)->forger, WRITE)->hashes[0][31] ^= 0x80;
    expect(*state, WRITE, "the recorded hash of access 0 is not that of its data");
}

/* The archive does not write data, so what it records must be the hash from before. */
static void data_that_changes_without_a_write_is_found(void **state)
{
    forged(&((struct state *)*state)->forger, ARCHIVE)->hashes[0][0] ^= 1;
    expect(*state, ARCHIVE, "the recorded hash of access 0 is not that of its data");
}

/* ---- Order and causes ------------------------------------------------------------------- */

static void a_wrong_lamport_time_is_found(void **state)
{
    forged(&((struct state *)*state)->forger, FOLLOW)->outcome.lamport--;
    expect(*state, FOLLOW, "the Lamport time is ");
}

static void a_wrong_lamport_time_of_a_rejection_is_found(void **state)
{
    forged(&((struct state *)*state)->forger, UNKNOWN)->outcome.lamport++;
    expect(*state, UNKNOWN, "the Lamport time is ");
}

static void a_nonce_that_does_not_rise_is_found(void **state)
{
    struct state *s = *state;
    cz_effect *e = instead_of(PAY);

    add_move(e, "p", "q", 7);
    forge_effect(forged(&s->forger, MOVE), e);
    expect(s, MOVE, "the nonce 4 does not rise: 5 is");
}

static void an_effect_that_applies_twice_is_found(void **state)
{
    struct state *s = *state;
    struct forged_record *r = forged(&s->forger, PAY);

    forge_insert(&s->forger, r, r);
    expect(s, PAY + 1, "the nonce 4 does not rise: 5 is");
}

static void a_cited_fact_that_is_not_there_is_found(void **state)
{
    struct state *s = *state;
    cz_effect *e = instead_of(CITE);
    cz_id nothing = {{9}};
    cz_error err = {0};

    add_move(e, "q", "p", 2);
    assert_ok(cz_effect_cite(e, &nothing, &err), err);
    forge_effect(forged(&s->forger, CITE), e);
    expect(s, CITE, "its reason is \"applied\", but what it cites gives \"unknown-fact\"");
}

static void a_rejection_for_a_fact_that_is_there_is_found(void **state)
{
    struct state *s = *state;
    cz_effect *e = instead_of(CITE_NONE);
    cz_error err = {0};

    add_move(e, "q", "p", 1);
    assert_ok(cz_effect_cite(e, &s->sample.facts[0], &err), err);
    forge_effect(forged(&s->forger, CITE_NONE), e);
    expect(s, CITE_NONE, "it is rejected as unknown-fact, but all that it cites holds");
}

static void follow_instead(struct state *s, uint64_t position, const cz_id *effect)
{
    cz_effect *e = instead_of(position);
    cz_error err = {0};

    add_transfer(e, "a", "b", 1);
    assert_ok(cz_effect_follow(e, effect, &err), err);
    forge_effect(forged(&s->forger, position), e);
}

static void a_predecessor_that_was_rejected_is_found(void **state)
{
    struct state *s = *state;

    follow_instead(s, FOLLOW, &s->sample.effects[OVERDRAFT]);
    expect(s, FOLLOW,
           "its reason is \"applied\", but what it cites gives \"unknown-predecessor\"");
}

static void a_predecessor_that_comes_later_is_found(void **state)
{
    struct state *s = *state;

    follow_instead(s, FOLLOW, &s->sample.effects[CONSUME]);
    expect(s, FOLLOW,
           "its reason is \"applied\", but what it cites gives \"unknown-predecessor\"");
}

static void a_rejection_for_a_predecessor_that_applied_is_found(void **state)
{
    struct state *s = *state;

    follow_instead(s, FOLLOW_NONE, &s->sample.effects[CITE]);
    forged(&s->forger, FOLLOW_NONE)->outcome.lamport =
        forged(&s->forger, FOLLOW)->outcome.lamport + 1;
    expect(s, FOLLOW_NONE,
           "it is rejected as unknown-predecessor, but all that it cites holds");
}

static void a_reason_that_does_not_exist_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, OVERDRAFT)->outcome.reason = CZ_NONCE + 1;
    expect(s, OVERDRAFT, "the reason 17 is none that is recorded");
    forged(&s->forger, OVERDRAFT)->outcome.reason = CZ_NONCE;
    expect(s, OVERDRAFT, "the reason 16 is none that is recorded");
}

static void a_rejection_for_a_resource_that_exists_is_found(void **state)
{
    forged(&((struct state *)*state)->forger, OVERDRAFT)->outcome.reason = CZ_UNKNOWN_RESOURCE;
    expect(*state, OVERDRAFT, "it is rejected for a resource that exists");
}

/* ---- Frames and records ----------------------------------------------------------------- */

static void a_wrong_hash_over_receipts_is_found(void **state)
{
    struct state *s = *state;

    s->forger.spoil_receipts = forged(&s->forger, WRITE)->frame;
    expect_code(s, CZ_CORRUPT, "frame at position 6: its receipts are not those");
}

static void a_gap_between_positions_is_found(void **state)
{
    ((struct state *)*state)->forger.skip_positions = 1;
    expect_code(*state, CZ_CORRUPT, "skips or repeats a position");
}

static void a_frame_that_claims_more_effects_than_it_has_is_found(void **state)
{
    ((struct state *)*state)->forger.extra_count = 1;
    expect_code(*state, CZ_CORRUPT, "it does not hold what its header says");
}

static void an_effect_that_is_not_canonical_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, PAY)->bytes.data[1] = 3;
    expect_code(s, CZ_CORRUPT, "effect: byte 2: this is not an effect");
}

/* ---- Facts ------------------------------------------------------------------------------ */

static void a_fact_that_stands_twice_is_found(void **state)
{
    struct state *s = *state;
    struct forged_record *fact = forged_fact(&s->forger, 2);

    forge_insert(&s->forger, fact, fact);
    expect_code(s, CZ_CORRUPT, "fact 4: it is recorded a second time");
}

/* Before the four last bytes of a transfer's fact (no observer, no signature) is its amount. */
static void a_fact_whose_proof_does_not_hold_is_found(void **state)
{
    struct state *s = *state;
    struct forged_record *fact = forged_fact(&s->forger, 2);

    fact->bytes.data[fact->bytes.len - 3] ^= 1;
    expect_code(s, CZ_PROOF, "fact 3: ");
}

static void a_fact_without_its_header_is_found(void **state)
{
    struct state *s = *state;
    struct forged_record *header = forged_fact(&s->forger, 1);

    forge_insert(&s->forger, header, forged_fact(&s->forger, 2));
    header = forged_fact(&s->forger, 1);
    header->type = CZI_RECORD_ITEM;
    header->bytes.len = 0;
    put_item(header, &(struct czi_item){.type = CZI_ITEM_DOMAIN,
                                        .domain = {(const uint8_t *)"elsewhere", 9},
                                        .config = {.adapter = {(const uint8_t *)"later", 5}}});
    expect_code(s, CZ_CORRUPT, "fact 3: the domain's head is not that far yet");
}

static void a_fact_of_no_domain_is_found(void **state)
{
    struct state *s = *state;
    struct forged_record *domain = forged_fact(&s->forger, 0);

    put_item(domain, &(struct czi_item){.type = CZI_ITEM_DOMAIN,
                                        .domain = {(const uint8_t *)"elsewhere", 9},
                                        .config = {.adapter = {(const uint8_t *)"later", 5}}});
    expect_code(s, CZ_CORRUPT, "fact 2: no such domain is known to the store");
}

static void a_fact_that_is_malformed_is_found(void **state)
{
    struct state *s = *state;
    struct forged_record *fact = forged_fact(&s->forger, 0);

    czi_buf_put_byte(&fact->bytes, 0);
    expect_code(s, CZ_CORRUPT, "fact 1: item: byte ");
}

/* ---- Time and links -----------------------------------------------------------------------
 */

static void a_time_map_that_the_facts_do_not_give_is_found(void **state)
{
    struct state *s = *state;

    memset(forged(&s->forger, PAY)->time, 0xcc, 32);
    expect(s, PAY, "its time map is not what the facts before it give");
}

static void a_time_map_that_is_left_out_is_found(void **state)
{
    struct state *s = *state;

    memset(forged(&s->forger, EVENT)->time, 0, 32);
    expect(s, EVENT, "its time map is not what the facts before it give");
}

/* EARLY, LATE and LATEST are of one frame, in which time moves twice. */
static void a_time_map_that_moves_too_early_in_a_frame_is_found(void **state)
{
    struct state *s = *state;
    struct forged_record *early = forged(&s->forger, EARLY), *late = forged(&s->forger, LATE),
                         *latest = forged(&s->forger, LATEST);

    assert_int_equal(early->frame, latest->frame);
    assert_memory_not_equal(early->time, late->time, 32);
    assert_memory_not_equal(late->time, latest->time, 32);
    memcpy(late->time, latest->time, 32);
    expect(s, LATE, "its time map is not what the facts before it give");
}

static void a_link_to_another_predecessor_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, FOLLOW)->extra.after[0] = PAY;
    expect(s, FOLLOW, "the position of a predecessor is 4, but 12 follows");
}

static void a_fact_left_out_without_need_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, LEAVE)->extra.left_out = 3;
    expect(s, LEAVE, "the set of facts left out is 3, but ");
}

static void a_fact_not_left_out_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, LEAVE_UP)->extra.left_out = 0;
    expect(s, LEAVE_UP, "the set of facts left out is 0, but 1 follows");
}

static void another_effect_of_the_task_before_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, TOUCH)->extra.task_previous = EVENT;
    expect(s, TOUCH, "the position of its task's effect before is 24, but 25 follows");
}

/* SEE is of task 1, TOUCH, before it, of task 2 of the same program. */
static void another_entry_of_the_programs_log_before_is_found(void **state)
{
    struct state *s = *state;

    assert_int_equal(forged(&s->forger, SEE)->extra.program_previous, TOUCH);
    forged(&s->forger, SEE)->extra.program_previous = FORK;
    expect(s, SEE, "the position of its program's entry before is 25, but 26 follows");
}

static void an_entry_that_is_cut_out_of_its_programs_log_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, FORK)->extra.program_previous = 0;
    expect(s, FORK, "the position of its program's entry before is 0, but 24 follows");
}

static void a_clock_that_runs_ahead_is_found(void **state)
{
    struct state *s = *state;
    struct forged_record *r = forged(&s->forger, SEE);

    assert_int_equal(r->extra.clock->count, 2);
    r->extra.clock->parts[1].count++;
    expect(s, SEE, "its vector clock is not what follows");
}

static void a_clock_that_lacks_what_was_read_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, SEE)->extra.clock->count = 1;
    expect(s, SEE, "its vector clock is not what follows");
}

static void an_effect_of_a_program_without_a_clock_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, EVENT)->extra.clock = NULL;
    expect(s, EVENT, "its vector clock is not what follows");
}

static void a_read_of_another_position_is_found(void **state)
{
    struct state *s = *state;

    forged_post(&s->forger, READ, "d")->previous = MAKE_D;
    expect(s, READ, "the position of the version seen of resource ");
}

/* ---- What is cited --------------------------------------------------------------------------
 */

static void a_credit_that_is_given_twice_is_found(void **state)
{
    struct state *s = *state;
    struct forged_record *r = forged(&s->forger, TWICE);

    r->outcome.reason = CZ_APPLIED;
    memcpy(r->posts, forged(&s->forger, CREDIT)->posts, sizeof r->posts);
    expect(s, TWICE, "its reason is \"applied\", but what it cites gives \"event-consumed\"");
}

static void a_refusal_of_what_holds_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, CREDIT)->outcome.reason = CZ_BELOW_FINALITY;
    expect(s, CREDIT, "it is rejected as below-finality, but all that it cites holds");
}

static void another_fault_than_the_first_is_found(void **state)
{
    struct state *s = *state;

    forged(&s->forger, STALE)->outcome.reason = CZ_FACT_EXPIRED;
    expect(s, STALE, "its reason is \"expired\", but what it cites gives \"stale-fact\"");
}

/* Without the retraction in front of it the chain's other block does not fit. */
static void a_retraction_that_is_missing_is_found(void **state)
{
    struct state *s = *state;
    struct forger *f = &s->forger;
    unsigned i = 0;

    for (; i < f->count; i++) {
        struct czi_item item;

        if (f->records[i].type == CZI_RECORD_ITEM &&
            !czi_item_decode(f->records[i].bytes.data, f->records[i].bytes.len, &item, NULL) &&
            item.type == CZI_ITEM_RETRACTION)
            break;
    }
    assert_true(i < f->count);
    put_item(&f->records[i],
             &(struct czi_item){.type = CZI_ITEM_DOMAIN,
                                .domain = {(const uint8_t *)"elsewhere", 9},
                                .config = {.adapter = {(const uint8_t *)"later", 5}}});
    expect_code(s, CZ_CORRUPT, ": it is not, or no longer, part of the chain");
}

/* ---- Bytes ------------------------------------------------------------------------------ */

static void flip(struct czi_fs *fs, uint64_t at, unsigned bit)
{
    struct czi_file *f;
    uint8_t byte;
    size_t got;
    cz_error err = {0};

    assert_ok(fs->ops->open(fs, "journal/0000000000000001", CZI_OPEN_WRITE, &f, &err), err);
    assert_ok(fs->ops->read(f, at, &byte, 1, &got, &err), err);
    byte ^= (uint8_t)(1u << bit);
    assert_ok(fs->ops->write(f, at, &byte, 1, &err), err);
    fs->ops->close(f);
}

/* The offset that the text names; the error is about the frame, mark or header there. */
static uint64_t named_offset(const char *detail)
{
    const char *at = strstr(detail, "offset ");

    return at ? strtoull(at + 7, NULL, 10) : UINT64_MAX;
}

/* Of so many places one is tried, but with CAUSALITY_SEEDS: an odd number, so that over all
 * frames each part of them comes. */
#ifdef TEST_IS_SLOW
#define SPARSE 29
#else
#define SPARSE 7
#endif

/* One bit of a byte by default (another one each time), all with CAUSALITY_SEEDS. */
static void every_flipped_bit_of_a_closed_journal_is_found_with_its_place(void **state)
{
    struct state *s = *state;
    unsigned long bits = test_env("CAUSALITY_SEEDS", 1) > 1 ? 8 : 1;
    struct czi_buf bytes = {0};
    cz_audit_report r;

    get_file(s->fs, "journal/0000000000000001", &bytes);
    for (uint64_t at = 0; at < bytes.len; at += bits == 1 ? SPARSE : 1)
        for (unsigned b = 0; b < bits; b++) {
            unsigned bit = (unsigned)(at + b) % 8;
            cz_error err = {0};
            uint64_t named;

            flip(s->fs, at, bit);
            if (czi_audit(s->fs, &one, &r, &err) != CZ_CORRUPT)
                fail_msg("byte %u bit %u went by", (unsigned)at, bit);
            named = named_offset(err.detail);
            /* The damage lies in what begins there, or is the length of the one before. */
            if (!strstr(err.detail, "journal/0000000000000001") || named > at)
                fail_msg("byte %u bit %u: %s", (unsigned)at, bit, err.detail);
            flip(s->fs, at, bit);
        }
    czi_buf_done(&bytes);
}

static void cut(struct czi_fs *fs, uint64_t size)
{
    struct czi_file *f;
    cz_error err = {0};

    assert_ok(fs->ops->open(fs, "journal/0000000000000001", CZI_OPEN_WRITE, &f, &err), err);
    assert_ok(fs->ops->truncate(f, size, &err), err);
    fs->ops->close(f);
}

static void cuts_of_a_closed_journal_are_found(void **state)
{
    struct state *s = *state;
    struct czi_buf bytes = {0};

    get_file(s->fs, "journal/0000000000000001", &bytes);
    for (uint64_t n = 1; 3 * n < bytes.len; n++) {
        uint64_t size = bytes.len - (n < 100 ? n : 3 * n);
        cz_audit_report r;
        cz_error err = {0};

        cut(s->fs, size);
        if (czi_audit(s->fs, &one, &r, &err) != CZ_CORRUPT)
            fail_msg("cut at %u went by", (unsigned)size);
    }
    czi_buf_done(&bytes);
}

/* A store that was never closed: what is whole is audited, the rest is reported. */
static void cuts_of_a_crashed_journal_are_a_prefix_and_its_tail(void **state)
{
    struct state *s = *state;
    struct czi_place start = czi_place_start();
    struct czi_buf bytes = {0};
    uint64_t before = POSITIONS + 1, whole = 0;
    uint64_t step = SPARSE > 7 ? SPARSE : 1;
    cz_error err = {0};

    assert_ok(czi_checkpoint_write(s->fs, &start, &err), err);
    get_file(s->fs, "journal/0000000000000001", &bytes);
    for (uint64_t size = bytes.len; size >= CZI_SEGMENT_HEADER_SIZE; size -= step) {
        cz_audit_report r;

        cut(s->fs, size);
        assert_ok(czi_audit(s->fs, &one, &r, &err), err);
        assert_int_equal(r.journal.tail_offset + r.journal.tail_bytes, size);
        assert_int_equal(r.journal.unfinished_tail, r.journal.tail_bytes != 0);
        assert_true(r.journal.positions <= before);
        before = r.journal.positions;
        whole += !r.journal.unfinished_tail;
    }
    assert_int_equal(before, 0);
    if (step == 1)
        assert_int_equal(whole, s->forger.frames + 1);
    czi_buf_done(&bytes);
}

static void a_segment_that_was_only_begun_is_an_unfinished_tail(void **state)
{
    struct state *s = *state;
    cz_audit_report r;
    cz_error err = {0};

    put_file(s->fs, "journal/0000000000000002", "CZ", 2);
    assert_ok(czi_audit(s->fs, &one, &r, &err), err);
    assert_true(r.journal.unfinished_tail);
    assert_int_equal(r.journal.tail_bytes, 2);
    assert_int_equal(r.journal.positions, POSITIONS);
}

static void running_out_of_memory_anywhere_is_an_error_and_leaks_nothing(void **state)
{
    struct state *s = *state;
    const cz_check_options *const options[] = {&one, &two};

    for (size_t i = 0; i < CZI_COUNTOF(options); i++) {
        bool failed = true;

        for (int64_t n = 0; failed; n++) {
            cz_audit_report r;
            cz_error err = {0};
            int rc;

            czi_alloc_fail_after(n);
            rc = czi_audit(s->fs, options[i], &r, &err);
            failed = czi_alloc_failed();
            czi_alloc_fail_after(-1);
            /* What only makes it faster may be missing: a thread for proofs. */
            if (rc && !(failed && rc == CZ_NOMEM))
                fail_msg("allocation %d: %s: %s", (int)n, cz_code_name(rc), err.detail);
            if (!rc)
                assert_memory_equal(r.journal.root, s->sample.root, 32);
            assert_true(n < 10000);
        }
    }
}

/* ---- The index -------------------------------------------------------------------------- */

/* So many effects that closing makes a checkpoint. */
static void run_many(struct sample *s)
{
    enum { COUNT = 50100, EACH = 100 };
    cz_id origin = cz_operator(), a = resource_id("a"), b = resource_id("b");
    static uint8_t bytes[EACH][CZI_TRANSFER_SIZE_MAX];
    cz_submission submissions[EACH];
    cz_error err = {0};
    uint64_t ticket;
    size_t accepted;

    for (unsigned n = 0; n < COUNT; n += EACH) {
        for (unsigned i = 0; i < EACH; i++)
            submissions[i] =
                (cz_submission){bytes[i], czi_transfer_encode(bytes[i], &origin, ++s->nonce,
                                                              CZ_NORMAL, n / EACH % 2 ? &a : &b,
                                                              n / EACH % 2 ? &b : &a, 1)};
        assert_ok(cz_submit_batch(s->engine, submissions, EACH, NULL, NULL, &ticket, &accepted,
                                  &err),
                  err);
    }
}

static void forge_supply(const char *path)
{
    struct czi_index *x;
    uint8_t value[CZI_CBOR_QUANTITY_SIZE_MAX];
    struct czi_row row = {{(const uint8_t *)"aUSD", 4}, {value, 0}};
    cz_error err = {0};

    row.value.len = (size_t)(czi_cbor_put_quantity(value, 151) - value);
    assert_ok(czi_index_rocksdb(path, false, &x, &err), err);
    assert_ok(x->ops->load(x, &row, 1, &err), err);
    x->ops->close(x);
}

/* The log of the sample's program, right but for its head. */
static void forge_program(const char *path)
{
    static const uint8_t key[] = {'q', 0, 0, 0, 0, 0, 0, 0, EVENT}, head[32];
    cz_id program = resource_id("program");
    struct czi_buf value = {0};
    struct czi_index *x;
    struct czi_row row = {{key, sizeof key}, {NULL, 0}};
    cz_error err = {0};

    czi_cbor_add_head(&value, CZI_CBOR_ARRAY, 4);
    czi_cbor_add_string(&value, CZI_CBOR_BYTES, &program, sizeof program);
    czi_cbor_add_head(&value, CZI_CBOR_UINT, LOST - EVENT + 1);
    czi_cbor_add_head(&value, CZI_CBOR_UINT, LOST);
    czi_cbor_add_string(&value, CZI_CBOR_BYTES, head, sizeof head);
    row.value = czi_buf_slice(&value);
    assert_ok(czi_index_rocksdb(path, false, &x, &err), err);
    assert_ok(x->ops->load(x, &row, 1, &err), err);
    x->ops->close(x);
    czi_buf_done(&value);
}

static void the_index_is_compared_with_the_journal(void **state)
{
    char dir[4096], path[4200], index[4300];
    struct sample s;
    cz_audit_report r;
    cz_journal_report j;
    cz_error err = {0};

    (void)state;
    fixture_temp_dir(dir);
    (void)snprintf(path, sizeof path, "%s/store", dir);
    (void)snprintf(index, sizeof index, "%s/index", path);
    make_store(path, &s);
    assert_ok(cz_audit(path, NULL, &r, &err), err);
    assert_false(r.journal.index_compared); /* too little for a checkpoint */
    assert_ok(cz_open(path, NULL, &s.engine, &err), err);
    run_many(&s);
    assert_ok(cz_root(s.engine, s.root, &err), err);
    assert_ok(cz_close(s.engine, &err), err);
    assert_ok(cz_audit(path, NULL, &r, &err), err);
    assert_true(r.journal.index_compared);
    assert_memory_equal(r.journal.root, s.root, 32);
    assert_ok(cz_replay(path, NULL, &j, &err), err);
    assert_true(j.index_compared);
    assert_memory_equal(j.root, s.root, 32);
    forge_program(index);
    assert_int_equal(cz_audit(path, NULL, &r, &err), CZ_CORRUPT);
    assert_non_null(strstr(err.detail, "index: the log of a program"));
    assert_int_equal(cz_replay(path, NULL, &j, &err), CZ_CORRUPT);
    forge_supply(index);
    assert_int_equal(cz_audit(path, NULL, &r, &err), CZ_CORRUPT);
    assert_non_null(strstr(err.detail, "index: the supply of an asset"));
    assert_int_equal(cz_replay(path, NULL, &j, &err), CZ_CORRUPT);
    fixture_remove_tree(dir);
}

#define FORGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FORGED(a_whole_store_passes),
        FORGED(lamport_times_rise_along_every_link),
        cmocka_unit_test(an_empty_store_passes),
        FORGED(progress_rises_to_the_journals_size),
        FORGED(more_threads_than_the_limit_are_refused),
        FORGED(a_fact_may_lie_in_another_frame_than_its_header),
        FORGED(facts_of_an_unknown_adapter_are_counted_as_unverified),
        FORGED(a_version_that_skips_is_found),
        FORGED(a_version_that_was_not_the_one_to_read_is_found),
        FORGED(a_wrong_version_in_a_rejection_is_found),
        FORGED(a_log_that_points_past_its_last_entry_is_found),
        FORGED(a_kind_that_changes_is_found),
        FORGED(a_read_of_nothing_is_found),
        FORGED(an_operation_on_nothing_is_found),
        FORGED(a_second_creation_is_found),
        FORGED(an_illegal_lifecycle_move_is_found),
        FORGED(a_state_that_no_operation_made_is_found),
        FORGED(what_is_archived_must_be_empty),
        FORGED(money_from_nowhere_is_found),
        FORGED(a_creation_with_more_than_it_declares_is_found),
        FORGED(a_consumption_that_keeps_something_is_found),
        FORGED(positions_that_do_not_sum_to_zero_are_found),
        FORGED(a_wrong_balance_that_is_conserved_is_found),
        FORGED(a_negative_balance_is_found),
        FORGED(data_with_another_hash_is_found),
        FORGED(data_that_changes_without_a_write_is_found),
        FORGED(a_wrong_lamport_time_is_found),
        FORGED(a_wrong_lamport_time_of_a_rejection_is_found),
        FORGED(a_nonce_that_does_not_rise_is_found),
        FORGED(an_effect_that_applies_twice_is_found),
        FORGED(a_cited_fact_that_is_not_there_is_found),
        FORGED(a_rejection_for_a_fact_that_is_there_is_found),
        FORGED(a_predecessor_that_was_rejected_is_found),
        FORGED(a_predecessor_that_comes_later_is_found),
        FORGED(a_rejection_for_a_predecessor_that_applied_is_found),
        FORGED(a_reason_that_does_not_exist_is_found),
        FORGED(a_rejection_for_a_resource_that_exists_is_found),
        FORGED(a_wrong_hash_over_receipts_is_found),
        FORGED(a_gap_between_positions_is_found),
        FORGED(a_frame_that_claims_more_effects_than_it_has_is_found),
        FORGED(an_effect_that_is_not_canonical_is_found),
        FORGED(a_fact_that_stands_twice_is_found),
        FORGED(a_fact_whose_proof_does_not_hold_is_found),
        FORGED(a_fact_without_its_header_is_found),
        FORGED(a_fact_of_no_domain_is_found),
        FORGED(a_fact_that_is_malformed_is_found),
        FORGED(a_time_map_that_the_facts_do_not_give_is_found),
        FORGED(a_time_map_that_is_left_out_is_found),
        FORGED(a_time_map_that_moves_too_early_in_a_frame_is_found),
        FORGED(a_link_to_another_predecessor_is_found),
        FORGED(a_fact_left_out_without_need_is_found),
        FORGED(a_fact_not_left_out_is_found),
        FORGED(another_effect_of_the_task_before_is_found),
        FORGED(another_entry_of_the_programs_log_before_is_found),
        FORGED(an_entry_that_is_cut_out_of_its_programs_log_is_found),
        FORGED(a_clock_that_runs_ahead_is_found),
        FORGED(a_clock_that_lacks_what_was_read_is_found),
        FORGED(an_effect_of_a_program_without_a_clock_is_found),
        FORGED(a_read_of_another_position_is_found),
        FORGED(a_credit_that_is_given_twice_is_found),
        FORGED(a_refusal_of_what_holds_is_found),
        FORGED(another_fault_than_the_first_is_found),
        FORGED(a_retraction_that_is_missing_is_found),
        FORGED(every_flipped_bit_of_a_closed_journal_is_found_with_its_place),
        FORGED(cuts_of_a_closed_journal_are_found),
        FORGED(cuts_of_a_crashed_journal_are_a_prefix_and_its_tail),
        FORGED(a_segment_that_was_only_begun_is_an_unfinished_tail),
        FORGED(running_out_of_memory_anywhere_is_an_error_and_leaks_nothing),
        cmocka_unit_test(the_index_is_compared_with_the_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
