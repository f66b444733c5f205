"""Faults planted in src/lock, src/program and src/vm, one at a time: the tests must find each.

usage: mutants.py [ROOM...] [--verbose]

A mutant is one place of one file with other text. It is compiled with the test that is to find it,
and found when that test fails, crashes or hangs. The same tests must pass without it. A mutant
whose place is not in the file exactly once, or that does not compile, fails the check: keep the
list up with the code. --verbose says how each was found.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import mutants_vm
import tree

CC = ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-w"]
SECONDS_MAX = 30
COMPILE_SECONDS_MAX = 200
PROPERTY = "tests/property/test_lock_property.c"
WATCH = "tests/unit/test_watch.c"
SCALE = "tests/unit/test_lock_scale.c"
CLAIMS = "tests/unit/test_lock.c"
COMBINATORS = "tests/property/test_combinators.c"
TASKS = "tests/unit/test_runtime.c"
TASK_FAULTS = "tests/unit/test_runtime_faults.c"
TIMERS = "tests/unit/test_timers.c"
CORE = {"lock": ["src/lock/lock.c", "src/lock/deadlock.c", "src/lock/watch.c"],
        "program": [f"src/program/{name}.c" for name in (
            "await", "combine", "fiber", "future", "runtime", "timers")] + [
                "src/platform/posix.c"],
        "vm": ["src/codec/blake3.c", "src/codec/blake3_lanes.c"] + [f"src/vm/{name}.c" for name in (
            "decode", "decode_bits", "disasm", "elf", "run", "space", "step")]}
WITH = {PROPERTY: ["tests/property/lock_model.c"], WATCH: [], SCALE: [], CLAIMS: [],
        COMBINATORS: ["tests/property/combinator_model.c"], TASKS: [], TASK_FAULTS: [], TIMERS: [],
        mutants_vm.LOCKSTEP: ["tests/property/vm_generate.c"],
        mutants_vm.ISA: [], mutants_vm.MEMORY: [], mutants_vm.SHORT: []}
ROOM = {test: "program" if test in (COMBINATORS, TASKS, TASK_FAULTS, TIMERS) else
        "vm" if "test_vm_" in test else "lock" for test in WITH}
BASE = ["src/base/alloc.c", "src/base/bytes.c", "src/base/error.c", "src/base/pool.c"]
LIBS = {"lock": [], "program": ["-lboost_context", "-lpthread"], "vm": []}
ENV = {PROPERTY: {"CAUSALITY_SEEDS": "3000"}, WATCH: {"CAUSALITY_SEEDS": "20"},
       SCALE: {"CMOCKA_TEST_FILTER": "deadlines*"}, CLAIMS: {}, TASKS: {}, TIMERS: {},
       COMBINATORS: {"CAUSALITY_SEEDS": "5000"}, TASK_FAULTS: {},
       mutants_vm.LOCKSTEP: {"CAUSALITY_SEEDS": "500"}, mutants_vm.ISA: {}, mutants_vm.MEMORY: {},
       mutants_vm.SHORT: {}}

# (what is wrong, file, place, text instead[, the test that finds it])
LOCK_MUTANTS = [
    # Wake-ups (planted in models/wait_queue.pml too).
    ("a release wakes nobody", "lock.c",
     "    pass(l, lock);\n    czi_lock_drop(l, lock);", "    czi_lock_drop(l, lock);"),
    ("a release lets only one pass", "lock.c",
     "    while (frontier_moves(lock)) {", "    if (frontier_moves(lock)) {"),
    ("a cancelled owner lets nobody pass", "lock.c", "        pass(l, h->lock);\n", ""),
    ("only the first queue of a cancelled set passes", "lock.c",
     "        pass(l, h->lock);\n", "        if (!h->before)\n            pass(l, h->lock);\n"),
    ("a set is granted when one lock of it is free", "lock.c",
     "        if (--h->owner->blocked == 0)\n", "        --h->owner->blocked;\n"),
    ("a place that is free at once counts as not free", "lock.c",
     "    h->eligible = czi_lock_available(lock, (enum cz_access)h->mode);",
     "    h->eligible = false;"),
    ("the frontier stays on who left", "lock.c",
     "    if (lock->frontier == h)\n        lock->frontier = h->next;\n", ""),
    ("the frontier of a queue is its newest", "lock.c",
     "        if (!lock->frontier)\n            lock->frontier = h;",
     "        lock->frontier = h;"),
    ("a released writer still writes", "lock.c", "    lock->writer = false;\n", ""),
    ("only the newest hold is released", "lock.c", "    while (owner->holds)\n",
     "    if (owner->holds)\n"),
    # Barging (planted in models/wait_queue.pml too).
    ("a reader barges past who waits", "lock.h",
     "    return !lock->writer && !lock->frontier && "
     "(!lock->head || lock->head->mode == CZ_READ);",
     "    return !lock->writer;"),
    ("a reader barges past a writer that could have the lock", "lock.h",
     "!lock->frontier && (!lock->head || lock->head->mode == CZ_READ);", "!lock->frontier;"),
    ("a writer barges past who waits", "lock.h", "return !lock->holders && !lock->head;",
     "return !lock->holders;"),
    ("a writer passes by those ahead of it", "lock.c",
     "return !lock->holders && h == lock->head;", "return !lock->holders;"),
    ("a writer does not mind holders", "lock.c",
     "return !lock->holders && h == lock->head;", "return h == lock->head;"),
    ("a reader passes by a writer ahead", "lock.c",
     "return !lock->writer && (h == lock->head || lock->head->mode == CZ_READ);",
     "return !lock->writer;"),
    ("of a set only the last lock counts", "lock.c",
     "        available = available && czi_lock_available(",
     "        available = czi_lock_available("),
    ("a queue is last come first served", "lock.c",
     "    h->next = NULL;\n    h->prev = lock->tail;\n    if (lock->tail)\n"
     "        lock->tail->next = h;\n    else\n        lock->head = h;\n    lock->tail = h;",
     "    h->prev = NULL;\n    h->next = lock->head;\n    if (lock->head)\n"
     "        lock->head->prev = h;\n    else\n        lock->tail = h;\n    lock->head = h;"),
    ("a try waits", "lock.c", "rc = try ? CZI_WOULD_WAIT : wait_for", "rc = wait_for"),
    # Deadlock.
    ("no cycle is looked for", "lock.c",
     "if (czi_owner_may_block(l, owner) && czi_owner_in_cycle(l, owner)) {", "if (false) {"),
    ("who is awaited is not searched", "lock.h", "return owner->holds || l->awaiting;",
     "return owner->holds;"),
    ("of those who share only the newest counts", "deadlock.c",
     "    for (h = w->lock->holders; h; h = h->next)\n        if ((writes",
     "    for (h = w->lock->holders; h; h = NULL)\n        if ((writes"),
    ("who shares does not count", "deadlock.c",
     "if ((writes || h->mode == CZ_WRITE) && visit", "if (h->mode == CZ_WRITE && visit"),
    ("places in the queue do not count", "deadlock.c",
     "    for (h = w->prev; h; h = h->prev) {\n        if (h->mode == CZ_WRITE)\n"
     "            return visit", "    for (h = NULL; h; h = h->prev) {\n"
     "        if (h->mode == CZ_WRITE)\n            return visit"),
    ("readers ahead of a writer do not count", "deadlock.c",
     "        if (writes && visit(s, h->owner))\n            return true;\n", ""),
    ("a writer trusts what a reader has seen", "deadlock.c", "if (h->seen && !writes)",
     "if (h->seen)", CLAIMS),
    ("what was seen is seen in the next search", "deadlock.c",
     "    found = search(&s);\n    forget_seen(&s);\n", "    found = search(&s);\n"),
    ("the search goes no further than those in the way", "deadlock.c",
     "s->from = s->from->link)", "s->from = NULL)"),
    ("the search marks nobody, so it may never end", "deadlock.c", "    to->mark = s->mark;\n",
     ""),
    ("who awaits is a dead end", "deadlock.c",
     "visit(s, s->from->awaits)", "false"),
    ("who watches is a dead end", "deadlock.c", "found = visit_needs(s, s->from->watches);",
     "found = false;"),
    ("who watches has one need", "deadlock.c", "w->need(w, i, &need); i++)",
     "i < 1 && w->need(w, i, &need); i++)"),
    ("who watches does not mind who waits", "deadlock.c", "    for (h = lock->tail; h;",
     "    for (h = NULL; h;"),
    ("the closing request loses what it held", "lock.c", "        return CZI_DEADLOCK;",
     "        czi_locks_release_all(l, owner);\n        return CZI_DEADLOCK;"),
    ("the closing request stays in its queues", "lock.c",
     "        leave(l, owner);\n        return CZI_DEADLOCK;", "        return CZI_DEADLOCK;"),
    ("a step of the cycle names another lock", "deadlock.c", ".key = w->lock->key,",
     ".key = w->lock->key + 1,"),
    ("a step of the cycle wants the other mode", "deadlock.c",
     ".wanted = w->mode,", ".wanted = !w->mode,"),
    ("any cycle is told, not a shortest", "deadlock.c",
     "    s->last->link = to;\n    s->last = to;\n",
     "    to->link = s->from->link;\n    s->from->link = to;\n", CLAIMS),
    # Deadlines.
    ("the latest deadline comes first", "lock.c",
     "if (l->timers[k]->deadline < l->timers[best]->deadline)",
     "if (l->timers[k]->deadline > l->timers[best]->deadline)"),
    ("a new deadline stays at the end of the heap", "lock.c",
     "        timer_up(l, l->timer_count++, owner);",
     "        timer_set(l, l->timer_count++, owner);"),
    ("a deadline that ends leaves the heap in disorder", "lock.c",
     "        timer_up(l, i, last);\n    else\n        timer_down(l, i, last);",
     "        timer_set(l, i, last);\n    else\n        timer_set(l, i, last);"),
    ("a deadline that moves never moves up", "lock.c",
     "        timer_up(l, i, last);\n    else\n        timer_down(l, i, last);",
     "        timer_down(l, i, last);\n    else\n        timer_down(l, i, last);", SCALE),
    ("a deadline stays after the grant", "lock.c", "    timer_remove(l, o);\n", ""),
    ("a deadline comes one too late", "lock.c", "l->timers[0]->deadline <= now",
     "l->timers[0]->deadline < now"),
    # Locks of no use, and those who watch.
    ("a lock of no use stays", "lock.c", "    pass(l, lock);\n    czi_lock_drop(l, lock);",
     "    pass(l, lock);"),
    ("a lock goes while somebody waits", "lock.c", "if (lock->holders || lock->head ||",
     "if (lock->holders ||"),
    ("nobody is stirred", "lock.c", "stir(l, lock);\n", "stir;\n", WATCH),
    ("a watched lock goes", "lock.c", " || lock->watchers || lock->is_stirred)",
     " || lock->is_stirred)", WATCH),
    ("a stirred lock goes", "lock.c", " || lock->watchers || lock->is_stirred)",
     " || lock->watchers)", WATCH),
    ("a lock that is watched by who passes goes", "lock.c", " || lock->passing || ", " || ",
     WATCH),
    ("who passes is not stirred", "lock.c", "!lock->watchers && !lock->passing",
     "!lock->watchers", WATCH),
    ("who passes does not look behind one that cannot", "watch.c",
     "while (w && !w->passes && lock->passing", "while (false && lock->passing", WATCH),
    ("only who passes looks", "watch.c", "while ((w = czi_lock_watcher(lock))",
     "while ((w = lock->passing)", WATCH),
    ("who stands before others may leave while they look", "watch.c",
     "while (czi_lock_watcher(lock) != first)", "while (false)", WATCH),
    ("a watcher with a higher key may stand above", "watch.c", "if (b->key < a->key) {",
     "if (b->key + 1 < a->key) {", WATCH),
    ("those under a watcher that ends are lost", "watch.c",
     ", below);", ", NULL);", WATCH),
    ("a watcher that ends is still its neighbour's", "watch.c",
     "w->next->previous = w->previous;", ";", WATCH),
]

PROGRAM_MUTANTS = [
    # What a combinator becomes.
    ("an error does not end a barrier", "combine.c",
     "        if (e->code)\n            decide(c, e->code, 0, e->detail);\n", ""),
    ("a barrier counts nothing", "combine.c",
     "        c->value = c->parts.count;\n", "        ;\n"),
    ("a race for success takes an error", "combine.c", "        if (!e->code) {\n            win",
     "        if (true) {\n            win"),
    ("a race for success has the first error", "combine.c",
     "            c->code = e->code;\n            take_detail",
     "            c->code = c->code ? c->code : e->code;\n            take_detail"),
    ("a predicate is not asked", "combine.c", "if (c->parts.until(c->parts.arg, &completion))",
     "if (true)"),
    ("a race that nobody won is a success", "combine.c", "        c->code = CZ_NOT_FOUND;\n",
     "        c->code = CZ_OK;\n"),
    ("a race of nothing is a success", "combine.c", "    if (c->parts.count == 0)\n",
     "    if (false)\n"),
    ("a deadline is a success", "combine.c", "e.code ? e.code : CZ_TIMEOUT", "e.code"),
    ("a deadline that fails is a timeout", "combine.c", "e.code ? e.code : CZ_TIMEOUT",
     "CZ_TIMEOUT"),
    ("the winner is not told", "combine.c", "    if (t->ops->won)\n", "    if (false)\n"),
    ("a second part wins too", "combine.c", "    if (c->decided)\n        return;\n", ""),
    ("who comes last wins among those that are over", "combine.c",
     "    for (size_t i = 0; i < parts; i++) {\n        int code;\n"
     "        struct czi_future *part = czi_future_of(c->tree",
     "    for (size_t i = parts; i-- > 0;) {\n        int code;\n"
     "        struct czi_future *part = czi_future_of(c->tree"),
    ("losers go on", "combine.c",
     "    if (!c->parts.making)\n        czi_future_cancel_members(c);", "    ;"),
    ("losers of a race that is won as it is made go on", "combine.c",
     "    if (c->decided && c->parts.left)\n", "    if (false)\n"),
    ("losers are not joined", "combine.c", "    if (c->parts.left || c->parts.making)",
     "    if ((c->parts.left && !c->decided) || c->parts.making)"),
    ("a combinator is over before all its parts were asked to end", "combine.c",
     "    if (!c->cancelling)\n        czi_future_ended(c);", "    czi_future_ended(c);"),
    ("a stale part counts as nothing", "combine.c",
     "    count(c, &(struct part_end){place, code, 0, &detail});\n", ""),
    ("a race takes no number", "combine.c", "c->tree->races++", "c->tree->races"),
    ("each is given in the order of the branches", "await.c",
     "    struct czi_future *n = c->parts.done_first;\n",
     "    struct czi_future *n = c->first && c->first->over ? c->first : c->parts.done_first;\n"),
    ("what each refuses cancels nothing", "await.c", "    if (rc)\n        cancel(&c);\n", ""),
    # Callbacks.
    ("a handler runs though it was cancelled", "combine.c", "    if (!task->cancelled) {", "    {"),
    ("a handler is told of success", "combine.c", "    task->task.ended = part->code;",
     "    task->task.ended = CZ_OK;"),
    ("a cancelled callback leaves its future alone", "future.c",
     "    if (n->is == CZI_PENDING) {\n        start_cancelling(n);\n    } else if",
     "    if (n->is == CZI_PENDING) {\n    } else if"),
    # Cancelling.
    ("what has not begun runs though it was cancelled", "future.c",
     "n->is == CZI_READY && !n->task.fiber)", "false)"),
    ("what has begun ends where it is", "future.c", "n->is == CZI_READY && !n->task.fiber)",
     "n->is == CZI_READY)"),
    ("what a cancelled task waits for goes on", "future.c",
     "        n->cancelled = n->cut = true;\n        n = n->task.waits_for;\n",
     "        n->cancelled = n->cut = true;\n        return;\n"),
    ("a wait that was cancelled has its result", "future.c",
     "n->cancelled = n->cut = true;", "n->cancelled = true;"),
    ("a leaf is asked to end again", "future.c",
     "    if (n->cancelled || n->over)\n        return;\n", "    if (n->over)\n        return;\n"),
    ("parts are cancelled from the last one", "future.c", "    n->cursor = n->first;\n",
     "    n->cursor = n->last;\n"),
    ("only the first part is cancelled", "future.c", "        n->cursor = member->next;\n",
     "        n->cursor = NULL;\n"),
    ("a result that is known is lost when it is cancelled", "future.c",
     "        if (!n->decided)\n            czi_combinator_fail",
     "        if (n->parts.left)\n            n->code = CZ_CANCELLED;\n"
     "        if (!n->decided)\n            czi_combinator_fail"),
    ("cancelling comes before what has ended", "future.c", "        if (n) {\n            r->ended",
     "        if (n && !r->cancelling) {\n            r->ended"),
    ("a wait that is over is taken back", "runtime.c",
     "    return self->cut || t->stopping ? czi_cut_code(t) : CZ_OK;",
     "    return self->cut || self->cancelled || t->stopping ? czi_cut_code(t) : CZ_OK;"),
    ("a cancelled task waits once more", "runtime.c",
     "    self->cut = self->cancelled || t->stopping;", "    self->cut = t->stopping;"),
    ("a cancelled task waits for what nobody cancels", "runtime.c",
     "        czi_future_cancel(n);\n        czi_change_end(r, outermost);\n    }\n"
     "    if (!n->over)",
     "        czi_change_end(r, outermost);\n    }\n    if (!n->over)"),
    ("a cancelled task yields", "runtime.c", "    if (!czi_is_cut(t)) {", "    {"),
    ("a stopped program goes on", "runtime.c", "    t->stopping = true;\n", ""),
    ("a stop cancels nothing", "runtime.c", "    czi_tree_cancel(t);\n}", "}"),
    # Structure.
    ("what a task leaves behind goes on", "runtime.c",
     "    if (n->first)\n        czi_future_cancel",
     "    if (false)\n        czi_future_cancel"),
    ("a task is over before what it leaves behind is", "future.c",
     "    if (!task->first && !task->cancelling)\n        czi_task_gone(task);",
     "    if (!task->cancelling)\n        czi_task_gone(task);"),
    ("what is over and was not joined stays", "future.c",
     "        else if (n->kind == CZI_TASK)\n            czi_future_give(member);", ""),
    ("what a task holds is kept", "runtime.c", "    if (t->ops->task_over)\n", "    if (false)\n"),
    # Turns.
    ("the newest runs first", "future.h",
     "    n->queue_next = NULL;\n    n->queue_previous = r->ready.last;\n"
     "    if (r->ready.last)\n        r->ready.last->queue_next = n;\n    else\n"
     "        r->ready.first = n;\n    r->ready.last = n;\n",
     "    n->queue_previous = NULL;\n    n->queue_next = r->ready.first;\n"
     "    if (r->ready.first)\n        r->ready.first->queue_previous = n;\n    else\n"
     "        r->ready.last = n;\n    r->ready.first = n;\n"),
    ("a task that yields is called upon", "runtime.c",
     "    return awaited && awaited->kind != CZI_EACH &&", "    return awaited != self &&"),
    ("a task that takes each is called upon", "runtime.c", "awaited->kind != CZI_EACH &&", ""),
    ("tasks are called on one stack without end", "runtime.c",
     " >= r->stack_size;", " > 0;", TASK_FAULTS),
    ("a program has turns without end", "runtime.c", "    r->turns--;\n", "", TASK_FAULTS),
    # Handles.
    ("a handle is good for ever", "future.h", "n->generation != f.generation || ", "", TASK_FAULTS),
    ("a handle is good for all tasks", "future.h", " || n->above != t->running", "", TASKS),
    ("a dropped future may be joined", "future.h", " || n->dropped)", ")", TASK_FAULTS),
    ("a dropped future stays", "future.c",
     "    } else if (n->dropped) {\n        czi_future_give(n);\n    }", "    }", TASK_FAULTS),
    ("an index is used for ever", "future.h", "n->generation == UINT32_MAX", "false", TASK_FAULTS),
    ("a leaf ends twice", "future.c", " || n->over || n->kind", " || n->kind", TASKS),
    ("a host is not told of what has no room", "future.c", "    if (t->ops->starved)\n",
     "    if (false)\n", TASK_FAULTS),
    ("a host is not told of what has no stack", "runtime.c", "    if (n->tree->ops->starved)\n",
     "    if (false)\n", TASK_FAULTS),
    ("there is always room", "future.h", "r->live == r->max", "false", TASK_FAULTS),
    ("a delay is not doubled", "await.c", ": 2 * delay;", ": delay;", TASKS),
    ("a delay has no bound", "await.c",
     "    return retry->delay_max_ms ? CZI_MIN(delay, retry->delay_max_ms) : delay;",
     "    return delay;", TASKS),
    ("all of a delay may be taken off", "await.c", "delay * percent / 100", "delay", TASKS),
    ("a cancelled retry tries again", "await.c", " || czi_is_cut(t))", ")", TASKS),
    # Timers.
    ("of equal timers the newest is due first", "timers.c", "a->sequence < b->sequence",
     "a->sequence > b->sequence", TIMERS),
    ("a timer moves down only", "timers.c",
     "    if (at > 0 && before(&last, &ts->heap[(at - 1) / 4]))\n        up(ts, at, last);\n"
     "    else\n", "", TIMERS),
    ("a heap looks at three children", "timers.c", "i < first + 4", "i < first + 3", TIMERS),
    ("a timer is due one too late", "timers.c", "ts->heap[0].deadline > now",
     "ts->heap[0].deadline >= now", TIMERS),
]

MUTANTS = ([("lock", PROPERTY, m) for m in LOCK_MUTANTS] +
           [("program", COMBINATORS, m) for m in PROGRAM_MUTANTS] +
           [("vm", mutants_vm.LOCKSTEP, m) for m in mutants_vm.VM_MUTANTS])
ROOMS = [room for room in sys.argv[1:] if room in CORE] or list(CORE)
TESTS = [test for test in WITH if ROOM[test] in ROOMS]
MUTANTS_OF_ROOMS = [i for i, m in enumerate(MUTANTS) if m[0] in ROOMS]


def run(command, seconds=SECONDS_MAX, **env):
    try:
        return subprocess.run(command, cwd=tree.ROOT, env={**os.environ, **env}, text=True,
                              errors="replace", stdin=subprocess.DEVNULL, timeout=seconds,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired:
        return None


class Bench:
    """Objects of the files as they are; a mutant adds its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        everything = {*BASE}
        for test in TESTS:
            everything |= {test, *CORE[ROOM[test]], *WITH[test]}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for name, problem in pool.map(self.compile_clean, sorted(everything)):
                if problem:
                    sys.exit(f"{name}: does not compile:\n{problem}")

    def object(self, name, where="clean"):
        return self.folder / where / (name.replace("/", "_") + ".o")

    def compile(self, name, target, include="src"):
        target.parent.mkdir(exist_ok=True)
        done = run([*CC, "-I", include, "-I", "src", "-I", "include", "-I", "tests",
                    "-I", "tests/unit", "-c", name, "-o", str(target)], COMPILE_SECONDS_MAX)
        return done.stdout if done and done.returncode else "" if done else "the compiler hangs"

    def compile_clean(self, name):
        return name, self.compile(name, self.object(name))

    def failure(self, test, where="clean"):
        """How a test fails with the objects of a mutant where it has its own; None: it passes."""
        program = self.folder / where / "test"
        objects = []
        for name in (test, *WITH[test], *CORE[ROOM[test]], *BASE):
            own = self.object(name, where)
            objects.append(str(own if own.exists() else self.object(name)))
        linked = run([*CC, *objects, "-lcmocka", *LIBS[ROOM[test]], "-o", str(program)],
                     COMPILE_SECONDS_MAX)
        if not linked or linked.returncode:
            sys.exit(f"{test} does not link:\n{linked.stdout if linked else ''}")
        done = run([str(program)], **ENV[test])
        if done is None:
            return "it hangs"
        if not done.returncode:
            return None
        told = [line for line in done.stdout.splitlines()
                if "ERROR" in line or "failed: " in line or "check" in line]
        return told[0] if told else f"exit code {done.returncode}"

    def try_mutant(self, number):
        """A finding, or None."""
        room, usual, (what, file, place, instead, *by) = MUTANTS[number]
        test = by[0] if by else usual
        text = (tree.ROOT / "src" / room / file).read_text()
        where = f"mutant-{number}"
        folder = self.folder / where / room
        name = f"src/{room}/{file}"
        if text.count(place) != 1:
            return f"{name}:1: mutant '{what}': its place is there {text.count(place)} times"
        folder.mkdir(parents=True)
        (folder / file).write_text(text.replace(place, instead))
        again = [name] if file.endswith(".c") else [*CORE[room], test, *WITH[test]]
        for source in again:
            mutated = str(folder / file) if source == name else source
            problem = self.compile(mutated, self.object(source, where), str(folder.parent))
            if problem:
                return f"{name}:1: mutant '{what}' does not compile: {problem}"
        failure = self.failure(test, where)
        if "--verbose" in sys.argv:
            print(f"{what}: {failure}", flush=True)
        return None if failure else f"{name}:1: mutant '{what}' is not found by {test}"


def check():
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder)
        for test in TESTS:
            failure = bench.failure(test)
            if failure:
                return [f"{test}:1: fails without a mutant: {failure}"]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = pool.map(bench.try_mutant, MUTANTS_OF_ROOMS)
            return [finding for finding in found if finding]


if __name__ == "__main__":
    findings = check()
    for finding in findings:
        print(finding)
    total = len(MUTANTS_OF_ROOMS)
    print(f"{total - len(findings)} of {total} mutants found")
    sys.exit(1 if findings else 0)
