/* test_lock.c - the wait queue, claim by claim (R8, R10). What is expected follows from the
 * rules in lock/lock.h; tests/property/test_lock_property.c compares random streams with a
 * model.
 */
#include "lock_fixture.h"

/* A test's begin and end. */
#define SET_UP                                                                                 \
    struct fixture *f = malloc(sizeof *f);                                                     \
    (void)state;                                                                               \
    fixture_init(f)
#define TEAR_DOWN                                                                              \
    fixture_done(f);                                                                           \
    free(f)

/* ---- First come first served (R8) ----------------------------------------------------------
 */

static void what_is_free_is_granted_at_once(void **state)
{
    SET_UP;
    granted(f, 'A', "w0 r1 w2");
    assert_holders(f, 0, "Aw");
    assert_holders(f, 1, "Ar");
    assert_holders(f, 2, "Aw");
    assert_int_equal(f->l.live, 3);
    assert_int_equal(f->l.waiting, 0);
    assert_woken(f, "");
    TEAR_DOWN;
}

static void a_request_of_nothing_is_granted(void **state)
{
    SET_UP;
    granted(f, 'A', "");
    assert_null(owner_of(f, 'A')->holds);
    TEAR_DOWN;
}

static void writers_are_served_in_the_order_of_their_coming(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    queued(f, 'C', "w0");
    queued(f, 'B', "w0");
    queued(f, 'D', "w0");
    assert_queue(f, 0, "Cw' Bw' Dw'");
    release(f, 'A', 0);
    assert_woken(f, "C+");
    assert_holders(f, 0, "Cw");
    release(f, 'C', 0);
    assert_woken(f, "B+");
    release(f, 'B', 0);
    assert_woken(f, "D+");
    TEAR_DOWN;
}

static void readers_share(void **state)
{
    SET_UP;
    granted(f, 'A', "r0");
    granted(f, 'B', "r0");
    granted(f, 'C', "r0");
    assert_holders(f, 0, "Ar Br Cr");
    TEAR_DOWN;
}

static void a_writer_waits_for_the_last_reader(void **state)
{
    SET_UP;
    granted(f, 'A', "r0");
    granted(f, 'B', "r0");
    queued(f, 'C', "w0");
    release(f, 'A', 0);
    assert_woken(f, "");
    release(f, 'B', 0);
    assert_woken(f, "C+");
    TEAR_DOWN;
}

static void neighbouring_readers_are_granted_together(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    queued(f, 'B', "r0");
    queued(f, 'C', "r0");
    queued(f, 'D', "w0");
    queued(f, 'E', "r0");
    release(f, 'A', 0);
    assert_woken(f, "B+ C+");
    assert_holders(f, 0, "Br Cr");
    assert_queue(f, 0, "Dw' Er'");
    TEAR_DOWN;
}

static void a_reader_behind_a_waiting_writer_waits(void **state)
{
    SET_UP;
    granted(f, 'A', "r0");
    queued(f, 'B', "w0");
    queued(f, 'C', "r0");
    release(f, 'A', 0);
    assert_woken(f, "B+");
    assert_queue(f, 0, "Cr'");
    release(f, 'B', 0);
    assert_woken(f, "C+");
    TEAR_DOWN;
}

static void a_try_never_waits_and_changes_nothing(void **state)
{
    SET_UP;
    granted(f, 'A', "r0");
    would_wait(f, 'B', "w0");
    would_wait(f, 'B', "r1 w0");
    assert_queue(f, 0, "");
    assert_null(f->lock[1]);
    assert_int_equal(try_acquire(f, 'B', "r0"), CZI_GRANTED);
    TEAR_DOWN;
}

static void a_try_to_read_does_not_barge_past_a_waiting_writer(void **state)
{
    SET_UP;
    granted(f, 'A', "r0");
    queued(f, 'B', "w0");
    would_wait(f, 'C', "r0");
    TEAR_DOWN;
}

static void available_says_what_a_request_would_be_told(void **state)
{
    SET_UP;
    assert_true(czi_lock_available(NULL, CZ_WRITE));
    granted(f, 'A', "r0");
    assert_true(czi_lock_available(f->lock[0], CZ_READ));
    assert_false(czi_lock_available(f->lock[0], CZ_WRITE));
    queued(f, 'B', "w0");
    assert_false(czi_lock_available(f->lock[0], CZ_READ));
    release(f, 'A', 0);
    assert_false(czi_lock_available(f->lock[0], CZ_READ));
    TEAR_DOWN;
}

/* ---- Sets ----------------------------------------------------------------------------------
 */

static void a_set_is_granted_all_or_nothing(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'B', "w1");
    queued(f, 'C', "w0 w1 r2");
    release(f, 'A', 0);
    assert_woken(f, "");
    assert_holders(f, 0, "");
    assert_holders(f, 2, "");
    release(f, 'B', 1);
    assert_woken(f, "C+");
    assert_holders(f, 0, "Cw");
    assert_holders(f, 1, "Cw");
    assert_holders(f, 2, "Cr");
    TEAR_DOWN;
}

/* What it waits for elsewhere does not cost it its place where it could have the lock now. */
static void a_waiting_set_keeps_newcomers_out_of_all_its_queues(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    queued(f, 'B', "w0 w1");
    assert_queue(f, 1, "Bw");
    would_wait(f, 'C', "r1");
    queued(f, 'C', "w1");
    queued(f, 'D', "r1");
    assert_queue(f, 1, "Bw Cw' Dr'");
    release(f, 'A', 0);
    assert_woken(f, "B+");
    TEAR_DOWN;
}

static void a_reader_passes_by_a_set_that_waits_to_read_here(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    queued(f, 'B', "w0 r1");
    granted(f, 'C', "r1");
    would_wait(f, 'D', "w1");
    release(f, 'A', 0);
    assert_woken(f, "B+");
    assert_holders(f, 1, "Cr Br");
    TEAR_DOWN;
}

static void sets_without_holds_never_wait_for_each_other_both_ways(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'B', "w1");
    queued(f, 'C', "w0 w1");
    queued(f, 'D', "w1 w0");
    release(f, 'B', 1);
    release(f, 'A', 0);
    assert_woken(f, "C+");
    release_all(f, 'C');
    assert_woken(f, "D+");
    TEAR_DOWN;
}

static void one_release_wakes_lock_by_lock_in_queue_order(void **state)
{
    SET_UP;
    granted(f, 'A', "w0 w1");
    queued(f, 'B', "r0");
    queued(f, 'C', "r1");
    queued(f, 'D', "r0");
    queued(f, 'E', "r0 r1");
    release_all(f, 'A'); /* the newest hold first: 1, then 0 */
    assert_woken(f, "C+ B+ D+ E+");
    TEAR_DOWN;
}

/* As an effect does that is asked for its result while it waits. */
static void one_that_waits_may_seize_what_is_available(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'C', "r2");
    queued(f, 'B', "w0");
    assert_non_null(czi_locks_seize(&f->l, owner_of(f, 'B'), lock_at(f, 1), CZ_WRITE));
    assert_non_null(czi_locks_seize(&f->l, owner_of(f, 'B'), lock_at(f, 2), CZ_READ));
    assert_holders(f, 2, "Cr Br");
    deadlocked(f, 'A', "r1");
    assert_cycle(f, "Ar1h Bw0h");
    release(f, 'A', 0);
    assert_woken(f, "B+");
    TEAR_DOWN;
}

/* ---- Leaving -------------------------------------------------------------------------------
 */

static void a_cancelled_head_lets_those_behind_it_pass(void **state)
{
    SET_UP;
    granted(f, 'A', "r0");
    queued(f, 'B', "w0");
    queued(f, 'C', "r0");
    queued(f, 'D', "r0");
    queued(f, 'E', "w0");
    cancel(f, 'B');
    assert_woken(f, "B- C+ D+");
    assert_queue(f, 0, "Ew'");
    TEAR_DOWN;
}

static void a_cancelled_middle_joins_its_neighbours(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    queued(f, 'B', "r0");
    queued(f, 'C', "w0");
    queued(f, 'D', "r0");
    cancel(f, 'C');
    assert_woken(f, "C-");
    assert_queue(f, 0, "Br' Dr'");
    release(f, 'A', 0);
    assert_woken(f, "B+ D+");
    TEAR_DOWN;
}

static void a_cancelled_tail_leaves_a_queue_that_still_takes_newcomers(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    queued(f, 'B', "w0");
    queued(f, 'C', "w0");
    cancel(f, 'C');
    queued(f, 'D', "w0");
    assert_queue(f, 0, "Bw' Dw'");
    assert_woken(f, "C-");
    TEAR_DOWN;
}

static void a_cancelled_set_leaves_all_its_queues_first_and_wakes_then(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    queued(f, 'B', "w0 w1 w2");
    queued(f, 'C', "w1 w2");
    queued(f, 'D', "r2");
    cancel(f, 'B');
    assert_woken(f, "B- C+");
    assert_queue(f, 2, "Dr'");
    TEAR_DOWN;
}

static void a_cancelled_owner_keeps_what_it_holds_and_may_ask_again(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'B', "w1");
    queued(f, 'B', "w0");
    cancel(f, 'B');
    assert_woken(f, "B-");
    assert_holders(f, 1, "Bw");
    queued(f, 'B', "r0");
    release(f, 'A', 0);
    assert_woken(f, "B+");
    TEAR_DOWN;
}

static void holds_may_end_while_their_owner_waits(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'B', "w1");
    queued(f, 'B', "w0");
    queued(f, 'C', "w1");
    release(f, 'B', 1);
    assert_woken(f, "C+");
    assert_queue(f, 0, "Bw'");
    TEAR_DOWN;
}

static void deadlines_expire_in_their_order_not_that_of_coming(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    assert_int_equal(request(f, 'B', "w0", false, 30), CZI_QUEUED);
    assert_int_equal(request(f, 'C', "w0", false, 10), CZI_QUEUED);
    assert_int_equal(request(f, 'D', "w0", false, 20), CZI_QUEUED);
    assert_int_equal(request(f, 'E', "w0", false, UINT64_MAX), CZI_QUEUED);
    assert_int_equal(czi_locks_next_deadline(&f->l), 10);
    czi_locks_expire(&f->l, 9);
    assert_woken(f, "");
    czi_locks_expire(&f->l, 20);
    assert_woken(f, "C! D!");
    assert_int_equal(czi_locks_next_deadline(&f->l), 30);
    czi_locks_expire(&f->l, UINT64_MAX);
    assert_woken(f, "B!");
    assert_int_equal(czi_locks_next_deadline(&f->l), UINT64_MAX);
    assert_queue(f, 0, "Ew'");
    TEAR_DOWN;
}

static void an_expired_writer_lets_the_readers_behind_it_pass(void **state)
{
    SET_UP;
    granted(f, 'A', "r0");
    assert_int_equal(request(f, 'B', "w0", false, 5), CZI_QUEUED);
    assert_int_equal(request(f, 'C', "r0", false, 7), CZI_QUEUED);
    czi_locks_expire(&f->l, 5);
    assert_woken(f, "B! C+");
    assert_int_equal(czi_locks_next_deadline(&f->l), UINT64_MAX);
    TEAR_DOWN;
}

/* Also when the owner's next request has none. */
static void a_grant_ends_the_deadline(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    assert_int_equal(request(f, 'B', "w0", false, 5), CZI_QUEUED);
    release(f, 'A', 0);
    granted(f, 'A', "w1");
    assert_woken(f, "B+");
    queued(f, 'B', "w1");
    assert_int_equal(czi_locks_next_deadline(&f->l), UINT64_MAX);
    czi_locks_expire(&f->l, 5);
    assert_woken(f, "");
    TEAR_DOWN;
}

static void a_lock_of_no_use_is_gone(void **state)
{
    SET_UP;
    czi_lock_drop(&f->l, lock_at(f, 0));
    assert_null(f->lock[0]);
    granted(f, 'A', "w0 w1");
    czi_lock_drop(&f->l, f->lock[0]);
    assert_non_null(f->lock[0]);
    queued(f, 'B', "w1 w2");
    release_all(f, 'A');
    assert_null(f->lock[0]);
    assert_non_null(f->lock[1]);
    assert_woken(f, "B+");
    release(f, 'B', 1);
    assert_null(f->lock[1]);
    assert_int_equal(f->l.live, 1);
    granted(f, 'A', "w3");
    queued(f, 'C', "w3 w4");
    cancel(f, 'C');
    assert_null(f->lock[4]);
    TEAR_DOWN;
}

/* ---- Deadlock (R10) ------------------------------------------------------------------------
 */

static void the_request_that_closes_a_cycle_fails_and_names_it(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'B', "w1");
    queued(f, 'A', "w1");
    deadlocked(f, 'B', "w0");
    assert_cycle(f, "Bw0h Aw1h");
    TEAR_DOWN;
}

static void it_keeps_what_it_held_and_all_can_finish(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'B', "w1");
    queued(f, 'A', "w1");
    queued(f, 'C', "w1");
    deadlocked(f, 'B', "w0 w2");
    assert_holders(f, 1, "Bw");
    assert_queue(f, 0, "");
    assert_null(f->lock[2]);
    assert_int_equal(f->l.waiting, 2);
    assert_woken(f, "");
    release_all(f, 'B');
    assert_woken(f, "A+");
    release_all(f, 'A');
    assert_woken(f, "C+");
    granted(f, 'B', "w0");
    TEAR_DOWN;
}

static void a_cycle_of_three_is_told_from_the_one_that_closes_it(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'B', "r1");
    granted(f, 'C', "w2");
    queued(f, 'B', "r2");
    queued(f, 'A', "w1");
    deadlocked(f, 'C', "r0");
    assert_cycle(f, "Cr0h Aw1h Br2h");
    TEAR_DOWN;
}

static void a_chain_is_no_cycle(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'B', "w1");
    granted(f, 'C', "w2");
    granted(f, 'D', "w3");
    queued(f, 'A', "w1");
    queued(f, 'C', "w3");
    queued(f, 'B', "w2");
    release_all(f, 'D');
    assert_woken(f, "C+");
    TEAR_DOWN;
}

static void nobody_upgrades(void **state)
{
    SET_UP;
    granted(f, 'A', "r0");
    deadlocked(f, 'A', "w0");
    assert_cycle(f, "Aw0h");
    assert_holders(f, 0, "Ar");
    granted(f, 'B', "w1");
    deadlocked(f, 'B', "r1");
    assert_cycle(f, "Br1h");
    TEAR_DOWN;
}

static void two_readers_that_would_upgrade_fail_both(void **state)
{
    SET_UP;
    granted(f, 'A', "r0");
    granted(f, 'B', "r0");
    deadlocked(f, 'A', "w0");
    deadlocked(f, 'B', "w0");
    TEAR_DOWN;
}

static void each_of_the_readers_that_share_counts(void **state)
{
    for (const char *reader = "ABC"; *reader; reader++) {
        SET_UP;
        granted(f, 'A', "r0");
        granted(f, 'B', "r0");
        granted(f, 'C', "r0");
        granted(f, 'D', "w1");
        queued(f, *reader, "w1");
        deadlocked(f, 'D', "w0");
        assert_cycle(f, ((char[]){'D', 'w', '0', 'h', ' ', *reader, 'w', '1', 'h', 0}));
        TEAR_DOWN;
    }
}

/* C holds 0 and asks for 1, where B waits ahead, which waits for 0. */
static void a_place_in_the_queue_closes_a_cycle_too(void **state)
{
    SET_UP;
    granted(f, 'A', "r1");
    granted(f, 'C', "w0");
    queued(f, 'B', "w1 w0");
    deadlocked(f, 'C', "r1");
    assert_cycle(f, "Cr1q Bw0h");
    TEAR_DOWN;
}

/* The writer waits for all the readers ahead, not only for the nearest one. */
static void a_writer_waits_for_each_reader_ahead(void **state)
{
    for (const char *ahead = "BCD"; *ahead; ahead++) {
        SET_UP;
        granted(f, 'A', "w0");
        granted(f, 'E', "w1");
        for (const char *b = "BCD"; *b; b++)
            queued(f, *b, *b == *ahead ? "r0 w1" : "r0");
        deadlocked(f, 'E', "w0");
        assert_cycle(f, ((char[]){'E', 'w', '0', 'q', ' ', *ahead, 'w', '1', 'h', 0}));
        TEAR_DOWN;
    }
}

/* Through D, though a writer stands between. */
static void what_is_ahead_of_a_writer_ahead_counts(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'E', "w1");
    queued(f, 'D', "r0 w1");
    queued(f, 'B', "w0");
    deadlocked(f, 'E', "r0");
    assert_cycle(f, "Er0q Bw0q Dw1h");
    TEAR_DOWN;
}

static void readers_do_not_wait_for_readers_ahead(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'E', "w1");
    queued(f, 'B', "r0 w1");
    queued(f, 'E', "r0");
    release_all(f, 'A');
    assert_woken(f, "E+");
    TEAR_DOWN;
}

/* C and B read behind A in a row, D would write behind them. E waits for C, whose walk along
 * the row passes B without asking what else B waits for; by D that is asked. */
static void a_reader_that_was_passed_by_counts_for_the_writer_behind(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'C', "w4");
    granted(f, 'D', "w5");
    granted(f, 'E', "w1");
    queued(f, 'B', "r0 w1");
    queued(f, 'C', "r0");
    queued(f, 'D', "w0");
    deadlocked(f, 'E', "w4 w5");
    assert_cycle(f, "Ew5h Dw0q Bw1h");
    TEAR_DOWN;
}

/* Two ways lead back, whichever is come by first: over one other owner, and over two. */
static void the_cycle_that_is_told_is_a_shortest_one(void **state)
{
    for (const char *near = "AB"; *near; near++) {
        char far = *near == 'A' ? 'B' : 'A';
        SET_UP;

        granted(f, 'A', "r0");
        granted(f, 'B', "r0");
        granted(f, 'C', "w1");
        granted(f, 'D', "w2 w3");
        queued(f, *near, "w2");
        queued(f, far, "w1");
        queued(f, 'C', "w3");
        deadlocked(f, 'D', "w0");
        assert_cycle(f, ((char[]){'D', 'w', '0', 'h', ' ', *near, 'w', '2', 'h', 0}));
        cancel(f, *near);
        deadlocked(f, 'D', "w0");
        assert_int_equal(f->l.cycle_count, 3);
        TEAR_DOWN;
    }
}

static void to_await_an_owner_can_close_a_cycle(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    queued(f, 'B', "w0");
    assert_false(czi_owner_await(&f->l, owner_of(f, 'A'), owner_of(f, 'B')));
    assert_cycle(f, "A~ Bw0h");
    assert_int_equal(owner_of(f, 'A')->state, CZI_OWNER_IDLE);
    TEAR_DOWN;
}

static void a_request_closes_a_cycle_through_one_that_awaits(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    granted(f, 'B', "w1");
    assert_true(czi_owner_await(&f->l, owner_of(f, 'A'), owner_of(f, 'B')));
    deadlocked(f, 'B', "r2 w0");
    assert_cycle(f, "Bw0h A~");
    czi_owner_await_done(&f->l, owner_of(f, 'A'));
    queued(f, 'B', "w0");
    TEAR_DOWN;
}

/* B holds nothing, yet A waits for it. */
static void one_that_holds_nothing_but_is_awaited_can_close_a_cycle(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    assert_true(czi_owner_await(&f->l, owner_of(f, 'A'), owner_of(f, 'B')));
    deadlocked(f, 'B', "w0");
    assert_cycle(f, "Bw0h A~");
    assert_true(czi_owner_await(&f->l, owner_of(f, 'C'), owner_of(f, 'D')));
    assert_false(czi_owner_await(&f->l, owner_of(f, 'D'), owner_of(f, 'C')));
    assert_cycle(f, "D~ C~");
    assert_false(czi_owner_await(&f->l, owner_of(f, 'E'), owner_of(f, 'E')));
    assert_cycle(f, "E~");
    czi_owner_await_done(&f->l, owner_of(f, 'A'));
    czi_owner_await_done(&f->l, owner_of(f, 'C'));
    TEAR_DOWN;
}

static void a_try_that_would_close_a_cycle_only_would_wait(void **state)
{
    SET_UP;
    granted(f, 'A', "w0");
    would_wait(f, 'A', "w0");
    TEAR_DOWN;
}

/* Memory of a pool is whatever it was before. */
static void a_cycle_is_found_whatever_the_memory_of_its_holds_was(void **state)
{
    void *old[CZI_POOL_CHUNK];
    SET_UP;
    for (unsigned i = 0; i < CZI_POOL_CHUNK; i++) {
        old[i] = czi_pool_take(&f->l.holds);
        assert_non_null(old[i]);
        memset(old[i], 0xff, sizeof(struct czi_hold));
    }
    for (unsigned i = 0; i < CZI_POOL_CHUNK; i++)
        czi_pool_give(&f->l.holds, old[i]);
    granted(f, 'A', "w0");
    granted(f, 'B', "w1");
    queued(f, 'A', "r1");
    deadlocked(f, 'B', "r0");
    assert_cycle(f, "Br0h Ar1h");
    TEAR_DOWN;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_free_is_granted_at_once),
        cmocka_unit_test(a_request_of_nothing_is_granted),
        cmocka_unit_test(writers_are_served_in_the_order_of_their_coming),
        cmocka_unit_test(readers_share),
        cmocka_unit_test(a_writer_waits_for_the_last_reader),
        cmocka_unit_test(neighbouring_readers_are_granted_together),
        cmocka_unit_test(a_reader_behind_a_waiting_writer_waits),
        cmocka_unit_test(a_try_never_waits_and_changes_nothing),
        cmocka_unit_test(a_try_to_read_does_not_barge_past_a_waiting_writer),
        cmocka_unit_test(available_says_what_a_request_would_be_told),
        cmocka_unit_test(a_set_is_granted_all_or_nothing),
        cmocka_unit_test(a_waiting_set_keeps_newcomers_out_of_all_its_queues),
        cmocka_unit_test(a_reader_passes_by_a_set_that_waits_to_read_here),
        cmocka_unit_test(sets_without_holds_never_wait_for_each_other_both_ways),
        cmocka_unit_test(one_release_wakes_lock_by_lock_in_queue_order),
        cmocka_unit_test(one_that_waits_may_seize_what_is_available),
        cmocka_unit_test(a_cancelled_head_lets_those_behind_it_pass),
        cmocka_unit_test(a_cancelled_middle_joins_its_neighbours),
        cmocka_unit_test(a_cancelled_tail_leaves_a_queue_that_still_takes_newcomers),
        cmocka_unit_test(a_cancelled_set_leaves_all_its_queues_first_and_wakes_then),
        cmocka_unit_test(a_cancelled_owner_keeps_what_it_holds_and_may_ask_again),
        cmocka_unit_test(holds_may_end_while_their_owner_waits),
        cmocka_unit_test(deadlines_expire_in_their_order_not_that_of_coming),
        cmocka_unit_test(an_expired_writer_lets_the_readers_behind_it_pass),
        cmocka_unit_test(a_grant_ends_the_deadline),
        cmocka_unit_test(a_lock_of_no_use_is_gone),
        cmocka_unit_test(the_request_that_closes_a_cycle_fails_and_names_it),
        cmocka_unit_test(it_keeps_what_it_held_and_all_can_finish),
        cmocka_unit_test(a_cycle_of_three_is_told_from_the_one_that_closes_it),
        cmocka_unit_test(a_chain_is_no_cycle),
        cmocka_unit_test(nobody_upgrades),
        cmocka_unit_test(two_readers_that_would_upgrade_fail_both),
        cmocka_unit_test(each_of_the_readers_that_share_counts),
        cmocka_unit_test(a_place_in_the_queue_closes_a_cycle_too),
        cmocka_unit_test(a_writer_waits_for_each_reader_ahead),
        cmocka_unit_test(what_is_ahead_of_a_writer_ahead_counts),
        cmocka_unit_test(readers_do_not_wait_for_readers_ahead),
        cmocka_unit_test(a_reader_that_was_passed_by_counts_for_the_writer_behind),
        cmocka_unit_test(the_cycle_that_is_told_is_a_shortest_one),
        cmocka_unit_test(to_await_an_owner_can_close_a_cycle),
        cmocka_unit_test(a_request_closes_a_cycle_through_one_that_awaits),
        cmocka_unit_test(one_that_holds_nothing_but_is_awaited_can_close_a_cycle),
        cmocka_unit_test(a_try_that_would_close_a_cycle_only_would_wait),
        cmocka_unit_test(a_cycle_is_found_whatever_the_memory_of_its_holds_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
