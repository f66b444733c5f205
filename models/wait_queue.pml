/* wait_queue.pml - the wait queue of src/lock/lock.h as a model that spin explores whole.
 *
 * README.md says what is modelled, which transition is which function, and how to run it
 * (models/check). Settings, each a -D:
 *   GUARDS, EFFECTS   tasks of each kind; the guards come first
 *   LOCKS             1 to 3
 *   GUARD_SET         locks in one request of a guard, at most
 *   EFFECT_SET        the same of an effect
 *   INTERRUPT         requests are cancelled and expire
 *   UPGRADE           guards ask for writing what they read
 *   SEIZE             guards and effects want to come after an effect that waits
 *   AWAIT             guards await effects by hand
 *   LIVENESS          holders release in the end; with the property `served` of task WATCHED
 *   NO_SYMMETRY       states that differ in the names of locks only are all visited
 *   NO_ASSERT         the assertions are off: what spin finds then is seen from outside
 *   FAULT_*           planted faults, which must be found
 */
#ifndef GUARDS
#define GUARDS 2
#endif
#ifndef EFFECTS
#define EFFECTS 2
#endif
#ifndef LOCKS
#define LOCKS 3
#endif
#ifndef GUARD_SET
#define GUARD_SET LOCKS
#endif
#ifndef EFFECT_SET
#define EFFECT_SET LOCKS
#endif
#define TASKS (GUARDS + EFFECTS)

/* With SEIZE each effect is a lock too, behind the others. */
#ifdef SEIZE
#define ALL_LOCKS (LOCKS + EFFECTS)
#else
#define ALL_LOCKS LOCKS
#endif
#define DONE(e) (LOCKS + (e) - GUARDS)

#ifdef NO_ASSERT
#define CHECK(claim) skip
#else
#define CHECK(claim) assert(claim)
#endif

#define BIT(n) (1 << (n))
#define COUNT(set) (((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1))

/* ---- State: each set is a bit set -------------------------------------------------------- */

/* A lock: who holds it, and the queue of who waits for it. The first `frontier` waiting holds
 * are eligible, the rest are not. */
byte readers[ALL_LOCKS], writers[ALL_LOCKS];
byte queue[ALL_LOCKS * TASKS], length[ALL_LOCKS], frontier[ALL_LOCKS];

/* An owner: the locks that it waits for by mode (none: it does not wait), how many of those
 * are not eligible, and how it was woken since it last ran. */
byte wants_read[TASKS], wants_write[TASKS], blocked[TASKS];
mtype = { none, GRANTED, QUEUED, DEADLOCK, CANCELLED, EXPIRED };
mtype woken[TASKS] = none;
bit asleep[TASKS]; /* its task does nothing until it is woken */
#ifdef AWAIT
byte awaits[TASKS];    /* 1 + the owner; 0: none */
bit is_awaited[TASKS]; /* by an owner, now or before in this round */
bit stopped[TASKS];    /* it begins no round any more, so none can be awaited */
#endif

/* For the assertions only: the owners that waited for something in conflict when this one came
 * and still do. Kept apart from the queues, so that it can contradict them. */
byte ahead[TASKS];

#ifdef INTERRUPT
bool calm; /* from now on nothing is cancelled and nothing expires */
#endif

#define SLOT(l, i) queue[(l) * TASKS + (i)]
#define wanted(o) (wants_read[o] | wants_write[o])
#define waiting(o) (wanted(o) != 0)
#define holders(l) (readers[l] | writers[l])
#define holder(l, o) ((holders(l) & BIT(o)) != 0)
#if ALL_LOCKS == 1
#define ALL_HOLDERS holders(0)
#elif ALL_LOCKS == 2
#define ALL_HOLDERS (holders(0) | holders(1))
#elif ALL_LOCKS == 3
#define ALL_HOLDERS (holders(0) | holders(1) | holders(2))
#elif ALL_LOCKS == 4
#define ALL_HOLDERS (holders(0) | holders(1) | holders(2) | holders(3))
#else
#define ALL_HOLDERS (holders(0) | holders(1) | holders(2) | holders(3) | holders(4))
#endif
#define holds(o) ((ALL_HOLDERS & BIT(o)) != 0)

/* Scratch of one step. */
hidden byte a, b, i, k, m, n, p, x, edges, fresh, seen, overtaken, left_queues;
hidden byte not_eligible, misplaced;
hidden byte can, may_block, cycle, found, conflict; /* booleans */
hidden int key, next_key;

/* ---- What must hold ---------------------------------------------------------------------- */

/* The definition: a waiting hold is eligible if it conflicts with no holder of the lock and with
 * nobody who waits before it. Sets `conflict` for place `at` of the queue of l. */
inline look_for_conflict(l, at)
{
    x = SLOT(l, at);
    conflict = writers[l] != 0 || ((wants_write[x] & BIT(l)) && readers[l] != 0);
    for (b : 0 .. TASKS - 1) {
        if
        :: b < at && ((wants_write[x] | wants_write[SLOT(l, b)]) & BIT(l)) -> conflict = true
        :: else
        fi
    }
}

/* After each transition: whoever waits waits for something, the frontiers are where the
 * definition puts them, the counts are right, and nobody sleeps whom nobody will wake. */
inline check_all()
{
#ifndef NO_ASSERT
    for (m : 0 .. TASKS - 1) {
        not_eligible = 0;
        misplaced = 0;
        for (k : 0 .. ALL_LOCKS - 1) {
            if
            :: wanted(m) & BIT(k) ->
                i = 0;
                do
                :: SLOT(k, i) != m -> i++
                :: else -> break
                od;
                look_for_conflict(k, i);
                not_eligible = not_eligible + conflict;
                misplaced = misplaced + (conflict != (i >= frontier[k]))
            :: else
            fi
        }
        assert(!waiting(m) || not_eligible != 0); /* a lost wake-up otherwise */
        assert(misplaced == 0);
        assert(blocked[m] == not_eligible);
        assert(!waiting(m) || woken[m] == none);
        assert(!asleep[m] || waiting(m) || woken[m] != none)
    }
#else
    skip
#endif
}

/* ---- Parts of transitions ---------------------------------------------------------------- */

/* No holder is in the way of one who comes behind the eligible ones, nor are these. */
#define admits(l, write)                                                                      \
    ((write) -> (holders(l) == 0 && frontier[l] == 0)                                         \
              : (writers[l] == 0 && (frontier[l] == 0 || !(wants_write[SLOT(l, 0)] & BIT(l)))))
#define available(l, write) (frontier[l] == length[l] && admits(l, write))
#define frontier_moves(l)                                                                     \
    (frontier[l] < length[l] && admits(l, wants_write[SLOT(l, frontier[l])] & BIT(l)))

inline add_holder(o, l, write)
{
    if
    :: write ->
        CHECK(holders(l) == 0); /* mutual exclusion */
        writers[l] = writers[l] | BIT(o)
    :: else ->
        CHECK(writers[l] == 0);
        readers[l] = readers[l] | BIT(o)
    fi
}

/* The waiting holds of o leave their queues; it wants them still. */
inline dequeue(o)
{
    for (k : 0 .. ALL_LOCKS - 1) {
        if
        :: wanted(o) & BIT(k) ->
            i = 0;
            do
            :: SLOT(k, i) != o -> i++
            :: else -> break
            od;
            if
            :: i < frontier[k] -> frontier[k]--
            :: else
            fi;
            length[k]--;
            do
            :: i < length[k] -> SLOT(k, i) = SLOT(k, i + 1); i++
            :: else -> break
            od;
            SLOT(k, i) = 0
        :: else
        fi
    }
    for (k : 0 .. TASKS - 1) {
        ahead[k] = ahead[k] & ~BIT(o)
    }
    ahead[o] = 0;
    blocked[o] = 0
}

#define WANTS_NOTHING(o) wants_read[o] = 0; wants_write[o] = 0

/* A waiting owner gets all that it waits for. */
inline grant(o)
{
    CHECK(ahead[o] == 0); /* barging otherwise */
    dequeue(o);
    for (k : 0 .. ALL_LOCKS - 1) {
        if
        :: wanted(o) & BIT(k) -> add_holder(o, k, wants_write[o] & BIT(k))
        :: else
        fi
    }
    WANTS_NOTHING(o);
#ifdef FAULT_FORGET_WAKE
    skip
#else
    woken[o] = GRANTED
#endif
}

/* The grant pass: the frontier moves over whoever has become eligible. */
inline pass(l)
{
    do
    :: frontier_moves(l) ->
        p = SLOT(l, frontier[l]);
        frontier[l]++;
        blocked[p]--;
        if
        :: blocked[p] == 0 ->
            grant(p);
#ifdef FAULT_SKIP_WAKE
            break
#endif
        :: else
        fi
    :: else -> break
    od
}

inline leave(o)
{
    dequeue(o);
    left_queues = wanted(o);
    WANTS_NOTHING(o);
    for (a : 0 .. ALL_LOCKS - 1) {
        if
        :: left_queues & BIT(a) -> pass(a)
        :: else
        fi
    }
}

/* `edges`: the owners that w waits for, which are the conflicting ones among the holders and
 * those before it in the queues; and the one that it awaits. With `brief` as src/lock/deadlock.c
 * has it: of those before it only up to the nearest that writes, who waits for the rest. */
inline find_edges(w, brief)
{
    edges = 0;
    for (k : 0 .. ALL_LOCKS - 1) {
        if
        :: wanted(w) & BIT(k) ->
            i = 0;
            do
            :: SLOT(k, i) != w -> i++
            :: else -> break
            od;
            if
            :: brief && i < frontier[k] -> x = w
            :: else -> x = TASKS
            fi;
            do
            :: i > 0 && x == TASKS ->
                i--;
                if
                :: (wants_write[w] | wants_write[SLOT(k, i)]) & BIT(k) ->
                    edges = edges | BIT(SLOT(k, i))
                :: else
                fi;
                if
                :: brief && (wants_write[SLOT(k, i)] & BIT(k)) -> x = SLOT(k, i)
                :: else
                fi
            :: else -> break
            od;
            if
            :: x == TASKS ->
                edges = edges | writers[k] | ((wants_write[w] & BIT(k)) -> readers[k] : 0)
            :: else
            fi
        :: else
        fi
    }
#ifdef AWAIT
    edges = edges | (awaits[w] -> BIT(awaits[w] - 1) : 0)
#endif
}

/* `cycle`: o waits for itself, through others or not. */
inline search_along(o, brief)
{
    seen = 0;
    fresh = BIT(o);
    cycle = false;
    do
    :: fresh != 0 && !cycle ->
        n = 0;
        do
        :: !(fresh & BIT(n)) -> n++
        :: else -> break
        od;
        find_edges(n, brief);
        seen = seen | BIT(n);
        fresh = (fresh | edges) & ~seen;
        cycle = (edges & BIT(o)) != 0
    :: else -> break
    od
}

/* The search of the code, where it searches; it sees what the definition says. */
inline search(o)
{
    cycle = false;
    if
    :: may_block -> search_along(o, true)
    :: else
    fi;
#ifndef NO_ASSERT
    found = cycle;
    search_along(o, false);
    assert(cycle == found)
#endif
}

/* `may_block`: somebody may wait for an owner that begins to wait. */
inline look_for_dependents(o)
{
    may_block = holds(o);
#if defined(AWAIT) && !defined(FAULT_AWAIT_UNSEEN)
    may_block = may_block || is_awaited[o]
#endif
}

/* ---- Symmetry ---------------------------------------------------------------------------- */

/* All that there is at a lock, as a number. */
inline find_key(l, ret_key)
{
    ret_key = readers[l] << TASKS | writers[l];
    for (m : 0 .. TASKS - 1) {
        ret_key = ret_key << 4;
        if
        :: m < length[l] ->
            x = SLOT(l, m);
            ret_key = ret_key | (1 + x) << 1 | ((wants_write[x] >> l) & 1)
        :: else
        fi
    }
}

#define SWAP(u, v) x = u; u = v; v = x
#define SWAP_BITS(set, l)                                                                     \
    set = (set & ~(BIT(l) | BIT(l + 1))) | ((set >> 1) & BIT(l)) | ((set & BIT(l)) << 1)

/* Two neighbouring locks in the order of their keys. */
inline sort_two(l)
{
    find_key(l, key);
    find_key(l + 1, next_key);
    if
    :: key > next_key ->
        SWAP(readers[l], readers[l + 1]);
        SWAP(writers[l], writers[l + 1]);
        SWAP(length[l], length[l + 1]);
        SWAP(frontier[l], frontier[l + 1]);
        for (m : 0 .. TASKS - 1) {
            SWAP(SLOT(l, m), SLOT(l + 1, m));
            SWAP_BITS(wants_read[m], l);
            SWAP_BITS(wants_write[m], l)
        }
    :: else
    fi
}

/* No task prefers one lock to another, so states that differ in the names of the locks only
 * behave alike: one of them is kept. */
inline sort_locks()
{
#ifndef NO_SYMMETRY
#if LOCKS > 1
    sort_two(0);
#endif
#if LOCKS > 2
    sort_two(1);
    sort_two(0);
#endif
#endif
    skip
}

inline finish()
{
    check_all();
    sort_locks()
}

/* ---- Transitions: one step each ---------------------------------------------------------- */

/* The request enters the queue of each of its locks. */
inline enqueue(o, read, write)
{
    wants_read[o] = read;
    wants_write[o] = write;
    ahead[o] = overtaken;
    for (k : 0 .. ALL_LOCKS - 1) {
        if
        :: wanted(o) & BIT(k) ->
            if
            :: available(k, write & BIT(k)) -> frontier[k]++
            :: else -> blocked[o]++
            fi;
            SLOT(k, length[k]) = o;
            length[k]++
        :: else
        fi
    }
}

/* The request is granted at once, or waits, or has failed since it closes a cycle; then nothing
 * has changed. */
inline acquire(o, read, write)
{
    d_step {
        can = true;
        overtaken = 0;
        for (k : 0 .. ALL_LOCKS - 1) {
            if
            :: (read | write) & BIT(k) ->
#ifdef FAULT_BARGE
                can = can && writers[k] == 0 && (!(write & BIT(k)) || readers[k] == 0)
#else
                can = can && available(k, write & BIT(k))
#endif
            :: else
            fi
        }
        for (m : 0 .. TASKS - 1) {
            if
            :: (wanted(m) & write) | (wants_write[m] & read) -> overtaken = overtaken | BIT(m)
            :: else
            fi
        }
        if
        :: can ->
            CHECK(overtaken == 0); /* barging otherwise */
            result = GRANTED;
            for (k : 0 .. ALL_LOCKS - 1) {
                if
                :: (read | write) & BIT(k) -> add_holder(o, k, write & BIT(k))
                :: else
                fi
            }
        :: else ->
            result = QUEUED;
            enqueue(o, read, write);
            CHECK(blocked[o] != 0);
#ifndef FAULT_NO_DETECTION
            look_for_dependents(o);
            search(o);
            if
            :: cycle -> result = DEADLOCK; leave(o)
            :: else
            fi
#endif
        fi;
        finish()
    }
}

inline drop_hold(o, l)
{
    readers[l] = readers[l] & ~BIT(o);
    writers[l] = writers[l] & ~BIT(o);
    pass(l)
}

inline release(o, l)
{
    d_step {
        drop_hold(o, l);
        finish()
    }
}

inline release_all(o)
{
    d_step {
        for (a : 0 .. ALL_LOCKS - 1) {
            if
            :: holder(a, o) -> drop_hold(o, a)
            :: else
            fi
        }
        finish()
    }
}

inline give_up(o, outcome)
{
    d_step {
        woken[o] = outcome;
        leave(o);
        finish()
    }
}

inline cancel(o) { give_up(o, CANCELLED) }
inline expire(o) { give_up(o, EXPIRED) }

/* The owner may be waiting; nobody is at the lock. */
inline seize(o, l)
{
    d_step {
        CHECK(holders(l) == 0 && length[l] == 0);
        writers[l] = BIT(o)
    }
}

#ifdef AWAIT
/* Unless that closes a cycle, o does nothing more until what e does is done. */
inline await(o, e)
{
    d_step {
        awaits[o] = 1 + e;
        is_awaited[e] = 1;
        look_for_dependents(o);
        search(o);
        if
        :: cycle -> awaits[o] = 0
        :: else
        fi
    }
}

inline await_done(e)
{
    d_step {
        for (m : 0 .. TASKS - 1) {
            if
            :: awaits[m] == 1 + e -> awaits[m] = 0
            :: else
            fi
        }
        is_awaited[e] = 0
    }
}
#else
#define await_done(e) skip
#endif

/* ---- What a task may do ------------------------------------------------------------------ */

#ifdef AWAIT
#define runs(o) (!asleep[o] && !awaits[o])
#else
#define runs(o) (!asleep[o])
#endif

#ifdef UPGRADE
#define may_write(o, l) (!(writers[l] & BIT(o)))
#else
#define may_write(o, l) (!holder(l, o))
#endif
#define may_read(o, l) (!holder(l, o))
#if LOCKS == 1
#define may_ask(o) may_write(o, 0)
#elif LOCKS == 2
#define may_ask(o) (may_write(o, 0) || may_write(o, 1))
#else
#define may_ask(o) (may_write(o, 0) || may_write(o, 1) || may_write(o, 2))
#endif

inline choose(l)
{
    if
    :: may_read(_pid, l) -> read = read | BIT(l)
    :: may_write(_pid, l) -> write = write | BIT(l)
    fi
}

inline choose_or_not(l, set)
{
    if
    :: true
    :: may_read(_pid, l) && COUNT(read | write) < set -> read = read | BIT(l)
    :: may_write(_pid, l) && COUNT(read | write) < set -> write = write | BIT(l)
    fi
}

/* Any request for 1 to `set` of the locks that the task may ask for, in any mix of modes. */
inline choose_request(set)
{
    if
    :: may_write(_pid, 0) ->
        choose(0);
#if LOCKS > 1
        choose_or_not(1, set);
#endif
#if LOCKS > 2
        choose_or_not(2, set)
#endif
#if LOCKS > 1
    :: may_write(_pid, 1) ->
        choose(1);
#if LOCKS > 2
        choose_or_not(2, set)
#endif
#endif
#if LOCKS > 2
    :: may_write(_pid, 2) -> choose(2)
#endif
    fi
}

#define ASK                                                                                   \
    acquire(_pid, read, write);                                                               \
    asleep[_pid] = (result == QUEUED)
#define FORGET_REQUEST read = 0; write = 0; result = none

/* With SEIZE: comes after an effect that waits. Its lock is a new one in each round, so here it
 * must be of no use to anybody any more. */
#define may_follow(e)                                                                         \
    (_pid != (e) && asleep[e] &&                                                              \
     (holder(DONE(e), e) || (holders(DONE(e)) == 0 && length[DONE(e)] == 0)))
inline follow(e)
{
    if
    :: !holder(DONE(e), e) -> seize(e, DONE(e))
    :: else
    fi;
    read = read | BIT(DONE(e))
}

#ifdef SEIZE
#define MAY_FOLLOW(e)                                                                         \
    :: atomic { runs(_pid) && may_follow(e) -> follow(e); ASK; FORGET_REQUEST }
inline follow_or_not(e)
{
    if
    :: true
    :: may_follow(e) -> follow(e)
    fi
}
/* It was enough that the effect ended. */
#define END_FOLLOW(e)                                                                         \
    if                                                                                        \
    :: holder(DONE(e), _pid) && _pid != (e) -> release(_pid, DONE(e))                         \
    :: else                                                                                   \
    fi
#else
#define MAY_FOLLOW(e)
#define follow_or_not(e) skip
#define END_FOLLOW(e) skip
#endif

#ifndef AWAIT
#define MAY_AWAIT(e)
#define WAS_AWAITED(e) false
#define STOP skip
#else
#define STOP stopped[_pid] = 1
#define MAY_AWAIT(e) :: atomic { runs(_pid) && !stopped[e] -> await(_pid, e) }
#define WAS_AWAITED(e) is_awaited[e]
#endif

#ifdef INTERRUPT
#define may_give_up (!calm && waiting(_pid) && !patient(_pid))
#define MAY_BE_CANCELLED :: atomic { may_give_up -> cancel(_pid) }
#define MAY_EXPIRE :: atomic { may_give_up -> expire(_pid) }
#else
#define MAY_BE_CANCELLED
#define MAY_EXPIRE
#endif

/* With LIVENESS, what is given back or not got is the beginning of the end of a round. */
#ifdef LIVENESS
#define LEAVE_IF(condition) leaving = (condition) && holds(_pid)
#define patient(o) ((o) == WATCHED)
#else
#define LEAVE_IF(condition) skip
#define patient(o) false
#endif

/* ---- Tasks: any number of rounds --------------------------------------------------------- */

/* Someone who holds guards: asks for more while holding some, and gives them back one by one. A
 * commit is to the queue what an abort is: the release. */
#if GUARDS > 0
active [GUARDS] proctype guard()
{
    byte read, write;
    mtype result = none;
    bit leaving;

    do
    :: atomic {
        runs(_pid) && !leaving && may_ask(_pid) ->
        choose_request(GUARD_SET);
        ASK;
        LEAVE_IF(result == DEADLOCK);
        FORGET_REQUEST
    }
    :: atomic {
        woken[_pid] != none ->
        LEAVE_IF(woken[_pid] != GRANTED);
        woken[_pid] = none;
        asleep[_pid] = 0;
        END_FOLLOW(GUARDS);
        END_FOLLOW(TASKS - 1)
    }
    :: atomic {
        runs(_pid) && holds(_pid) ->
        if
        :: holder(0, _pid) -> release(_pid, 0)
#if LOCKS > 1
        :: holder(1, _pid) -> release(_pid, 1)
#endif
#if LOCKS > 2
        :: holder(2, _pid) -> release(_pid, 2)
#endif
        fi;
        LEAVE_IF(true)
    }
    MAY_BE_CANCELLED
    MAY_EXPIRE
    MAY_FOLLOW(GUARDS)
    MAY_FOLLOW(TASKS - 1)
    MAY_AWAIT(GUARDS)
    MAY_AWAIT(TASKS - 1)
    :: runs(_pid) && !holds(_pid) -> break
    od;
end:
    false
}
#endif

/* An effect on its way: asks once for all that it touches, is applied in one step when it was
 * granted, and holds nothing before and after. */
#if EFFECTS > 0
active [EFFECTS] proctype effect()
{
    byte read, write;
    mtype result = none;

    do
    :: atomic {
        runs(_pid) && !holds(_pid) ->
        choose_request(EFFECT_SET);
        follow_or_not(GUARDS);
        follow_or_not(TASKS - 1);
        ASK;
        if
        :: result == DEADLOCK -> CHECK(WAS_AWAITED(_pid)); await_done(_pid)
        :: else
        fi;
        FORGET_REQUEST
    }
    :: atomic {
        woken[_pid] != none ->
        asleep[_pid] = 0;
        if
        :: woken[_pid] != GRANTED -> release_all(_pid); await_done(_pid)
        :: else
        fi;
        woken[_pid] = none
    }
    :: atomic { runs(_pid) && holds(_pid) -> release_all(_pid); await_done(_pid) }
    MAY_BE_CANCELLED
    :: atomic { runs(_pid) && !holds(_pid) && !WAS_AWAITED(_pid) -> STOP; break }
    od;
end:
    false
}
#endif

#ifdef INTERRUPT
active proctype world() { calm = true }
#endif

#ifdef LIVENESS
ltl served { [] (waiting(WATCHED) -> <> !waiting(WATCHED)) }
#endif
