"""A second verifier, written from docs/reference/formats.md alone: reads a store's journal, checks
its hashes, chains and receipts, follows every log, and computes the root.

usage: verify.py STORE                    prints positions, facts and root; exits 1 on a finding
       verify.py --sample TEST_EXPORT     on a store that this program makes, whole and damaged
       verify.py --lies TEST_ACCOUNTS     on those that this one makes: each lies, or is true
       verify.py --stream TEST_STREAM N   on N random ones, whose roots this program prints

It uses Python's standard library, and b3sum for what is long. It does not verify domains' proofs
and the signatures of facts, and runs no guests: what one wrote it takes from the record, and does
not judge what depends on bytes that it has not seen. Its use is that it shares no line with the
engine.
"""
import pathlib
import random
import subprocess
import sys
import tempfile

from verify_codec import (Finding, Link, Reader, blake3, cbor, is_bytes, is_text, is_uint, need,
                          need_ascending, put)
from verify_ed25519 import is_signed
from verify_rules import (BAD_CODE, CALL, CODE, GUEST_FAILED, GUESTS, NOT_CODE, OUT_OF_GAS,
                          TRAPPED, Ledger, Refused, Unjudged, strict_operations)

# ---- Fact logs ------------------------------------------------------------------------------

FACT, RETRACTION, DOMAIN, DECISION, TIME_MAP = 6, 14, 15, 16, 17
BLOCK, FINAL, SAFE, DEPTH = 1, 3, 2, 1
EVENTS = {1, 2, 3, 4, 9}


def need_observer(observer, signature):
    need((observer is None and signature is None)
         or (is_bytes(observer, 32) and is_bytes(signature, 64)), "an observer")


def strict_fact(t):
    need(len(t) == 13 and is_uint(t[2]) and 1 <= t[2] <= 9, "a fact's kind")
    need(isinstance(t[3], list) and len(t[3]) == 3 and is_uint(t[3][0], t[3][2])
         and is_bytes(t[3][1], 32), "an anchor")
    need(is_uint(t[4], t[7]) and t[4] <= 3 and t[7] <= 2 and is_bytes(t[5], 0, 64), "a fact")
    need(t[6] is None or is_uint(t[6]), "when a fact expires")
    need((t[8] is None) == (t[2] == BLOCK) and (t[8] is None or isinstance(t[8], Link)), "a header")
    need(len(t[9]) <= 68 and all(is_bytes(p, 0, 1 << 19) for p in t[9]), "a proof")
    need(len(t[10]) <= 16 and all(c is None or is_uint(c) or is_bytes(c, 0, 1 << 19)
                                  or isinstance(c, str) for c in t[10]), "a claim")
    need_observer(t[11], t[12])


def strict_item(data):
    """The tuple of an item of a fact log, if it has just the form that the page gives."""
    t = cbor(data)
    need(len(data) <= 524288 and isinstance(t, list) and put(t) == data, "an item's form")
    need(t[0] in (FACT, RETRACTION, DOMAIN, DECISION) and is_text(t[1], 1, 32), "an item")
    if t[0] == FACT:
        strict_fact(t)
    elif t[0] == RETRACTION:
        need(len(t) == 7 and isinstance(t[2], Link) and is_text(t[3], 0, 256) and len(t[4]) <= 4
             and all(is_bytes(e, 0, 1 << 19) for e in t[4]), "a retraction")
        need_observer(t[5], t[6])
    elif t[0] == DOMAIN:
        need(len(t) == 7 and is_uint(t[2]) and is_text(t[3], 1, 32) and is_bytes(t[4], 0, 4096)
             and len(t[5]) == 4 and is_uint(*t[5]) and t[5][3] <= 3, "a domain")
        need(len(t[6]) <= 64 and all(is_bytes(k, 32) for k in t[6]), "observers")
        need_ascending(t[6], "observers do not ascend")
    else:
        need(len(t) == 5 and isinstance(t[2], Link) and isinstance(t[3], Link)
             and is_text(t[4], 0, 256), "a decision")
    return t


class Item:
    def __init__(self, ident, t):
        self.id, self.t, self.type, self.domain = ident, t, t[0], t[1]
        self.standing = "stands"
        if self.type == FACT:
            self.kind, (self.height, self.hash, self.time) = t[2], t[3]
            self.finality, self.expires, self.trust = t[4], t[6], t[7]
            self.key, self.claim = (t[1], t[2], t[5]), put(t[10])
            self.observer = t[11]
            self.parent = t[10][0] if t[10] else None
        elif self.type == RETRACTION:
            self.observer = t[5]

    def is_block(self):
        return self.type == FACT and self.kind == BLOCK


class Domain:
    def __init__(self, t):
        self.adapter, self.parameters = t[3], t[4]
        self.final = self.safe = -1  # the highest height that is
        self.held = None  # frozen: (what stands, what is held)
        self.known = None  # the time map's [height, hash, time, safe, final]
        self.configure(t)

    def configure(self, t):
        self.sequence, self.observers = t[2], t[6]
        self.safe_depth, self.final_depth, self.record_depth, self.record_finality = t[5]


class Book:
    def __init__(self):
        self.items, self.domains, self.used = {}, {}, set()

    def standing(self, domain):
        return [i for i in self.items.values()
                if i.type == FACT and i.domain == domain and i.standing == "stands"]

    def chain(self, domain):
        """The first fact of each block that stands, by height."""
        blocks = {}
        for i in self.standing(domain):
            if i.is_block():
                blocks.setdefault(i.height, i)
        return blocks

    def head(self, domain):
        chain = self.chain(domain)
        return chain[max(chain)] if chain else None

    # Each gives a reason, or 0 and what the item is held against.

    def judge_block(self, d, new):
        chain = self.chain(new.domain)
        if not 1 <= len(new.t[10]) <= 5 or not all(is_bytes(c, 32) for c in new.t[10]):
            return 33, None
        at = chain.get(new.height)
        if at and (at.hash, at.time, at.key, at.claim) == (new.hash, new.time, new.key, new.claim):
            return 0, None
        if any(b.hash == new.hash and h != new.height for h, b in chain.items()):
            return 38, None
        below, above = chain.get(new.height - 1), chain.get(new.height + 1)
        misfits = [b for b, bad in ((below, below and below.hash != new.parent), (at, at),
                                    (above, above and above.parent != new.hash)) if bad]
        if misfits:
            lowest = min(new.height, misfits[0].height)
            held = new.finality == FINAL and lowest <= d.final
            return (0, misfits[0]) if held else (38, None)
        parents = [i for i in self.items.values()
                   if i.is_block() and i.domain == new.domain and i.hash == new.parent]
        if parents and not (below and below.hash == new.parent):
            return 38, None
        return 0, None

    def level(self, d, height, head):
        if height <= d.final:
            return FINAL
        if height <= d.safe:
            return SAFE
        return DEPTH if height < head else 0

    def judge_other(self, d, new):
        chain, head = self.chain(new.domain), self.head(new.domain)
        rests = self.items.get(bytes(new.t[8]))
        if not rests or not rests.is_block() or rests.domain != new.domain:
            if not head or new.height > head.height:
                return 37, None
            at = chain.get(new.height)
            return (38 if at and at.hash != new.hash else 36), None
        if rests.standing != "stands":
            return 38, None
        if (rests.height, rests.hash, rests.time, rests.trust) != (new.height, new.hash, new.time,
                                                                   new.trust):
            return 36, None
        if head.height - new.height < d.record_depth:
            return 37, None
        if self.level(d, new.height, head.height) < d.record_finality:
            return 39, None
        same = [i for i in self.standing(new.domain) if i.key == new.key]
        if new.kind in EVENTS:
            others = sorted(same, key=lambda i: i.height)[:1]
        else:
            others = [i for i in same if i.height == new.height][-1:]
        if not others or others[0].claim == new.claim:
            return 0, None
        final = max(new.height, others[0].height) <= d.final
        return (0, others[0]) if final else (45, None)

    def judge_retraction(self, d, new):
        fact = self.items.get(bytes(new.t[2]))
        if not fact:
            return 11, None
        if fact.standing != "stands":
            return 38, None
        if fact.type != FACT or fact.domain != new.domain:
            return 5, None
        return 0, fact if fact.height <= d.final else None

    def judge_domain(self, d, new):
        if "\0" in new.domain or "\0" in new.t[3]:
            return 33
        if not d:
            return 32 if new.t[2] else 15 if len(self.domains) == 4096 else 0
        if new.t[2] == 0:
            return 2
        if new.t[2] != d.sequence + 1:
            return 44
        return 3 if (new.t[3], new.t[4]) != (d.adapter, d.parameters) else 0

    def judge(self, new):
        d = self.domains.get(new.domain)
        if new.type == DOMAIN:
            return self.judge_domain(d, new), None
        if not d:
            return 32, None
        if new.type == DECISION:
            named = {bytes(new.t[2]), bytes(new.t[3])}
            return (0 if d.held and named == {i.id for i in d.held} else 5), None
        if d.held:
            return 43, None
        if (new.observer not in d.observers) if d.observers else new.observer is not None:
            return 42, None
        if new.type == RETRACTION:
            return self.judge_retraction(d, new)
        head = self.head(new.domain)
        if new.expires is not None and head and new.expires < head.time:
            return 40, None
        return (self.judge_block if new.kind == BLOCK else self.judge_other)(d, new)

    # What taking one does.

    def settle(self, domain):
        d, head = self.domains[domain], self.head(domain)
        if not head:
            return
        if d.final_depth and head.height >= d.final_depth:
            d.final = max(d.final, head.height - d.final_depth)
        if d.safe_depth and head.height >= d.safe_depth:
            d.safe = max(d.safe, head.height - d.safe_depth)
        d.safe = max(d.safe, d.final)
        now, old = (head.height, head.time, head.hash), d.known
        if not old or now > (old[0], old[2], old[1]):
            d.known = [head.height, head.hash, head.time] + (old[3:] if old else [0, 0])
        d.known = d.known[:3] + [max(d.known[3], d.safe), max(d.known[4], d.final)]

    def enter(self, block):
        d = self.domains[block.domain]
        if block.finality == FINAL:
            d.final = max(d.final, block.height)
        if block.finality == SAFE:
            d.safe = max(d.safe, block.height)
        self.settle(block.domain)

    def retract(self, fact):
        d = self.domains[fact.domain]
        if not fact.is_block():
            fact.standing = "retracted"
            return
        for i in self.standing(fact.domain):
            if i.height >= fact.height:
                i.standing = "retracted"
        d.final, d.safe = min(d.final, fact.height - 1), min(d.safe, fact.height - 1)

    def decide(self, d, keep):
        stands, held = d.held
        d.held = None
        if keep == stands.id:
            held.standing = "retracted"
            return
        if stands.is_block() or held.type == RETRACTION:
            self.retract(stands)
        else:
            for i in self.standing(stands.domain):
                if (i.key, i.claim) == (stands.key, stands.claim) and (
                        i.kind in EVENTS or i.height == stands.height):
                    i.standing = "retracted"
        held.standing = "stands"
        if held.is_block():
            self.enter(held)

    def take(self, ident, t):
        need(ident not in self.items, "an item stands twice")
        new = Item(ident, t)
        reason, against = self.judge(new)
        need(reason == 0, f"an item that is not taken, for {reason}")
        self.items[ident] = new
        d = self.domains.get(new.domain)
        if against:
            new.standing, d.held = "held", (against, new)
        elif new.type == DOMAIN:
            if d:
                d.configure(t)
            else:
                self.domains[new.domain] = Domain(t)
            self.settle(new.domain)
        elif new.type == DECISION:
            self.decide(d, bytes(t[2]))
        elif new.type == RETRACTION:
            self.retract(self.items[bytes(t[2])])
        elif new.kind == BLOCK:
            self.enter(new)

    def time(self):
        known = sorted((name.encode(), d.known) for name, d in self.domains.items() if d.known)
        if not known:
            return None
        return blake3(put([TIME_MAP, [[name.decode()] + at for name, at in known]]))

    # Dependencies.

    def fault(self, fact_id, terms, earlier):
        policy, _, finality, depth, max_age, purpose = terms
        f = self.items.get(bytes(fact_id))
        if not f or f.type != FACT:
            return 11
        d = self.domains[f.domain]
        if d.held:
            return 43
        if f.standing != "stands":
            return 38
        if policy == 0 and d.known[:3] != [f.height, f.hash, f.time]:
            return 44
        if policy == 1 and f.kind not in EVENTS:
            same = [i for i in self.standing(f.domain) if i.key == f.key]
            if max(same, key=lambda i: i.height).claim != f.claim:
                return 44
        head = self.head(f.domain).height
        settled = {0: True, DEPTH: head - f.height >= depth or f.height <= d.final,
                   SAFE: f.height <= d.safe, FINAL: f.height <= d.final}
        if not settled[finality]:
            return 39
        now = d.known[2]
        if (f.expires is not None and f.expires < now) or (max_age is not None
                                                           and now - f.time > max_age):
            return 40
        alike = [(g, p) for g, p in earlier if g.key == f.key]
        if any(g.claim != f.claim for g, _ in alike):
            return 45
        if purpose is not None and (purpose in [p for _, p in alike]
                                    or (f.key, purpose) in self.used):
            return 41
        return 0

    def judge_facts(self, facts, terms):
        """The reason, which facts are left out, and what an applied effect uses up."""
        earlier, left_out = [], []
        for n, (fact, term) in enumerate(zip(facts, terms)):
            reason = self.fault(fact, term, earlier)
            if reason and not term[1]:
                return reason, [], []
            if reason:
                left_out.append(n)
            else:
                earlier.append((self.items[bytes(fact)], term[5]))
        return 0, left_out, [(f.key, p) for f, p in earlier if p is not None]


# ---- The journal ----------------------------------------------------------------------------

PLAIN = [1, False, 0, 0, None, None]
CITED = {11, 12} | set(range(32, 46))
OPERATIONS_TOO = {32, 41}  # reasons that an operation gives too
NO_ROOM = 15  # which a verifier cannot tell
REASONS = set(range(1, 16)) | CITED | set(range(49, 74))
OF_RUNS = {TRAPPED, OUT_OF_GAS, GUEST_FAILED}
SCOPE_MAX, OUTPUT_MAX = 16, 4096


class State:
    def __init__(self):
        self.positions = self.facts = 0
        self.hash = bytes(32)
        self.place = ["checkpoint/1", 1, 0, 88, 0, 0, bytes(32)]
        # id -> [version, position, lamport, kind, quantity, head, (program, clock)]
        self.resources = {}
        self.nonces, self.domains = {}, {}
        self.effects = {}  # id -> (applied, position, lamport, (program, clock))
        self.tasks = {}  # (program, task) -> (position, lamport, (program, clock))
        self.programs = {}  # id -> [position of its log's last entry, entries, head]
        self.book = Book()
        self.ledger = Ledger(self.book)
        self.sums = {}  # of positions, by asset

    def root(self):
        return blake3(b"".join(i + self.resources[i][5] for i in sorted(self.resources)))


def node(previous, item):
    return blake3(put([Link(previous) if previous else None, Link(item)]))


FORMS = {1: 10, 5: 11, 13: 13}  # elements of each


class Effect:
    """The tuple of an effect, if it has just the form that the page gives."""

    def __init__(self, data):
        t = cbor(data)
        need(len(data) <= 131072 and isinstance(t, list) and put(t) == data, "an effect's form")
        need(t[0] in FORMS and len(t) == FORMS[t[0]], "not an effect")
        self.is_open = t[0] == 5
        if self.is_open:
            need(len(data) <= 61440, "an open effect's size")
            t = t[:4] + [[], []] + t[4:]
        full = t[0] == 13
        (self.origin, self.nonce, priority, self.writes, self.reads, self.operations, self.facts,
         self.after) = t[1:9]
        terms, self.time, self.program = t[9:12] if len(t) == 13 else ([], None, None)
        need(is_bytes(self.origin, 32) and is_uint(self.nonce, priority) and priority <= 3
             and self.nonce < (1 << 64) - 1, "an effect's head")
        self.accesses = self.writes + self.reads
        need(all(is_bytes(i, 32) for i in self.accesses) and len(self.accesses) <= 64
             and not set(self.writes) & set(self.reads), "accesses")
        for ids in (self.writes, self.reads, self.facts, self.after):
            need_ascending(ids, "ids do not ascend")
        for links in (self.facts, self.after):
            need(len(links) <= 64 and all(isinstance(i, Link) for i in links), "citations")
        need((1 if self.program is None else 0) <= len(self.operations) <= 256, "operations")
        need(t[-1] is None or (is_bytes(t[-1], 96, 16 * 96) and len(t[-1]) % 96 == 0),
             "signatures")
        self.signers = [t[-1][i:i + 32] for i in range(0, len(t[-1] or b""), 96)]
        need_ascending(self.signers, "keys of signatures do not ascend")
        self.check_signatures(cbor(data))
        need(self.time is None or isinstance(self.time, Link), "a proposal's time")
        if self.program is not None:
            need(len(self.program) == 2 and is_bytes(self.program[0], 32)
                 and is_uint(self.program[1]) and self.program[1] < 1 << 32, "a program")
        self.has_terms = bool(terms)
        self.check_terms(terms)
        need(not full or terms or self.time is not None or self.program is not None,
             "the full form without need")
        self.terms = terms or [PLAIN] * len(self.facts)
        strict_operations(self)
        self.guests = [op for op in self.operations if op[0] in GUESTS]

    def read_scope(self, record):
        """What an open effect touched; its bytes."""
        begin = record.at
        self.writes, self.reads = record.cbor(), record.cbor()
        scope = record.data[begin:record.at]
        need(put(self.writes) + put(self.reads) == scope, "a scope's form")
        self.accesses = self.writes + self.reads
        need(all(is_bytes(i, 32) for i in self.accesses) and len(self.accesses) <= SCOPE_MAX
             and not set(self.writes) & set(self.reads), "a scope")
        need_ascending(self.writes, "ids do not ascend")
        need_ascending(self.reads, "ids do not ascend")
        return scope

    def check_signatures(self, t):
        signed = blake3(put(t[:-1] + [None])) if self.signers else None
        for n, key in enumerate(self.signers):
            need(is_signed(key, signed, t[-1][96 * n + 32:96 * n + 96]), "a signature is not right")

    def check_terms(self, terms):
        need(not terms or (len(terms) == len(self.facts) and any(x != PLAIN for x in terms)),
             "terms")
        for x in terms:
            need(len(x) == 6 and is_uint(x[0], x[2], x[3]) and x[0] <= 2 and x[2] <= 3
                 and isinstance(x[1], bool) and (x[3] != 0) == (x[2] == DEPTH)
                 and (x[4] is None or is_uint(x[4])) and (x[5] is None or is_text(x[5], 1, 64)),
                 "terms of a fact")


def back(record, position):
    n = record.varint()
    need(n < position or n == 0, "a link to nowhere")
    return position - n if n else 0


def read_post(record, position, old, write):
    """What is recorded of one access: its post, and what the resource is then."""
    version = record.varint()
    need(back(record, position) == old[1], "a position before")
    if not write:
        need(version == old[0], "a version that was seen")
        return version, None
    both = record.byte()
    kind, lifecycle = both >> 4, both & 15
    value = record.take(32) if kind >= 2 else record.zigzag()
    need(version == old[0] + 1, "a version")
    need(kind <= CODE and lifecycle <= 4 and old[3] in (None, kind), "a kind or state")
    need(kind != 0 or value >= 0, "a negative balance")
    return [version, lifecycle, value], [version, position, None, kind, value, old[5], old[6]]


def clock_of(state, e, before):
    """None: there is no room."""
    program, task = e.program
    parts = {}
    known = [state.tasks[program, task][2]] if (program, task) in state.tasks else []
    known += [state.effects[bytes(i)][3] for i in e.after if bytes(i) in state.effects]
    for clock in known + [b[6] for b in before]:
        if clock and clock[0] == program:
            for k, count in clock[1]:
                parts[k] = max(parts.get(k, 0), count)
    parts[task] = parts.get(task, 0) + 1
    return (program, [[k, parts[k]] for k in sorted(parts)]) if len(parts) <= 64 else None


def read_links(state, record, e, position, left_out, clock):
    for follows in e.after:
        there = state.effects.get(bytes(follows))
        need(back(record, position) == (there[1] if there else 0), "a link to a predecessor")
    if e.has_terms:
        need(record.varint() == sum(1 << n for n in left_out), "facts left out")
    if e.program is None:
        return
    task = state.tasks.get(tuple(e.program))
    need(back(record, position) == (task[0] if task else 0), "a link to the task's effect before")
    entry = state.programs.get(e.program[0])
    need(back(record, position) == (entry[0] if entry else 0), "a link to the program's entry")
    parts = [[record.varint(), record.varint()] for _ in range(record.varint())]
    need(parts == (clock[1] if clock else []), "a vector clock")


def read_run(record, e, reason):
    """How its guest ended, as the receipt has it."""
    begin = record.byte()
    if begin == 0:
        need(reason and reason not in OF_RUNS, "a reason of a run that never was")
        return None
    status, code, trap, pc, gas = begin - 1, *(record.varint() for _ in range(4))
    output, messages = (record.take(record.varint()) for _ in range(2))
    need(status <= 2 and (status == 1) == (0 < trap < 256) and (status != 2 or code == 0)
         and (status == 1 or trap == 0), "an end of a run")
    need(gas <= e.guests[0][2], "more gas than there was")
    need(len(output) + len(messages) <= OUTPUT_MAX, "output")
    each = Reader(messages)
    while each.at < len(messages):
        each.take(each.varint())
    must = {1: TRAPPED, 2: OUT_OF_GAS}.get(status, GUEST_FAILED if code else 0)
    need(reason == must if must else reason not in OF_RUNS, "a reason of a run")
    return [status, code, trap, pc, gas, output, messages]


def judge_citations(state, e):
    reason, left_out, uses = state.book.judge_facts(e.facts, e.terms)
    if not reason and not all(state.effects.get(bytes(i), (False,))[0] for i in e.after):
        reason = 12
    return reason, left_out, uses


def lamport_of(state, e, before):
    times = [b[2] for b in before]
    times += [state.effects[bytes(i)][2] for i in e.after if bytes(i) in state.effects]
    if e.program is not None and tuple(e.program) in state.tasks:
        times.append(state.tasks[tuple(e.program)][1])
    return 1 + max(times, default=0)


def perform(state, e, effect, reason, left_out):
    """What the operations make of the resources; None: the effect is rejected, and rightly so."""
    programs = set(state.programs) | ({e.program[0]} if e.program else set())
    try:
        act = state.ledger.perform(e, effect, e.signers, left_out, programs)
    except Unjudged:
        need(e.guests or reason not in OF_RUNS | {NOT_CODE}, "a reason without a guest")
        return None
    except Refused as refused:
        need(reason, f"it applied, but should have been rejected for {refused.reason}")
        need(reason == refused.reason,
             f"it is rejected for {reason}, but should have been for {refused.reason}")
        return None
    if reason == BAD_CODE and any(op[0] == 0 and op[4] == CODE for op in e.operations):
        return None  # only who can load programs can tell
    need(reason == 0, f"it is rejected for {reason}, but nothing is wrong with it")
    return act


def read_effect(state, record, position, applied, time):
    data = record.take(record.varint())
    e = Effect(data)
    if e.is_open:
        e.read_scope(record)
    need(e.nonce >= state.nonces.get(e.origin, 0), "a nonce does not rise")
    state.nonces[e.origin] = e.nonce + 1
    lamport, reason = record.varint(), 0 if applied else record.byte()
    need(applied or reason in REASONS, "a reason")
    before = [state.resources.get(i, [0, 0, 0, None, 0, None, None]) for i in e.accesses]
    need(time == state.book.time(), "the snapshot of the time map")
    need(lamport == lamport_of(state, e, before), "a Lamport time")
    fault, left_out, uses = judge_citations(state, e)
    clock = clock_of(state, e, before) if e.program is not None else None
    need(reason == fault if fault else reason not in CITED - OPERATIONS_TOO,
         "a reason of what is cited")
    need(fault or clock or e.program is None or reason == 15, "a clock without room")
    effect = blake3(data)
    act = None if fault or reason == NO_ROOM else perform(state, e, effect, reason, left_out)
    posts, news = [], []
    for n, old in enumerate(before):
        post, new = read_post(record, position, old, applied and n < len(e.writes))
        posts.append(post)
        if new:
            new[2] = lamport
            new[6] = clock or old[6]
            news.append(new)
            if new[3] == 1:
                asset = (act.now if act else state.ledger.things)[e.accesses[n]].asset
                state.sums[asset] = state.sums.get(asset, 0) + new[4] - old[4]
        if new and act:
            there = act.now[e.accesses[n]]
            need([new[3], post[1], post[2]] == [there.kind, there.state, there.value()],
                 f"access {n} is not what the operations make of it")
    need(all(v == 0 for v in state.sums.values()), "positions do not sum to zero")
    read_links(state, record, e, position, left_out, clock)
    said = [3, Link(effect), position, lamport, Link(time) if time else None,
            clock[1] if clock else None, left_out, reason, posts]
    if e.is_open:
        need(applied or not e.writes, "a rejected effect wrote")
        need(all(old[0] for old in before[len(e.writes):]), "a scope names what is not there")
    if e.guests:
        said[0] = 26
        said.insert(7, [e.writes, e.reads] if e.is_open else None)
        said.append(read_run(record, e, reason))
    receipt = blake3(put(said))
    for i, new in zip(e.writes, news):
        new[5] = node(new[5], receipt)
        state.resources[i] = new
    state.effects[effect] = (applied, position, lamport, clock)
    if clock:
        state.tasks[tuple(e.program)] = (position, lamport, clock)
    if e.program is not None:
        _, entries, head = state.programs.get(e.program[0], (0, 0, None))
        state.programs[e.program[0]] = (position, entries + 1, node(head, receipt))
    if applied:
        state.book.used.update(uses)
        if act:
            state.ledger.keep(act)
        else:
            state.ledger.trust([(i, new[3], post[1], new[4])
                                for i, new, post in zip(e.writes, news, posts)])
    return receipt


def read_item(state, record):
    data = record.take(record.varint())
    item = strict_item(data)
    ident = blake3(data)
    state.book.take(ident, item)
    state.domains[item[1]] = node(state.domains.get(item[1]), ident)


def read_frame(state, reader, segment):
    offset = reader.at
    header = reader.take(128)
    fields = Reader(header)
    need(fields.take(4) == b"CZF1", "no frame")
    length, first = fields.little(4), fields.little(8)
    positions, facts, facts_before = fields.little(4), fields.little(4), fields.little(8)
    previous, receipts_hash, own = fields.take(32), fields.take(32), fields.take(32)
    payload = reader.take(length)
    need(blake3(header[:96] + payload) == own, "a frame's hash")
    need(previous == state.hash, "a frame's chain")
    need(first == state.positions + 1 and facts_before == state.facts, "a frame's counts")
    record, receipts, seen_facts, time = Reader(payload), [], 0, None
    while record.at < len(payload):
        kind = record.byte()
        if kind == 4:
            now = record.take(32)
            need(now != bytes(32) and now != time, "a time that is none, or was so before")
            time, kind = now, record.byte()
            need(kind in (1, 2), "a time that no effect sees")
        need(kind in (1, 2, 3), "a record's type")
        if kind == 3:
            read_item(state, record)
            seen_facts += 1
        else:
            receipts.append(read_effect(state, record, first + len(receipts), kind == 1, time))
    need(len(receipts) == positions and seen_facts == facts, "a frame's contents")
    need(blake3(b"".join(receipts)) == receipts_hash, "a frame's receipts")
    state.positions += positions
    state.facts += facts
    state.hash = own
    state.place = ["checkpoint/1", segment, offset, reader.at, state.positions, state.facts, own]
    return state.place


def read_segment(state, data, number):
    reader = Reader(data)
    header = reader.take(88)
    expected = (b"CZJ1" + number.to_bytes(4, "little") + (state.positions + 1).to_bytes(8, "little")
                + state.facts.to_bytes(8, "little") + state.hash)
    need(header == expected + blake3(expected), "a segment's header")
    places, marked = [], False
    while reader.at < len(data):
        mark = b"CZA1" + number.to_bytes(4, "little") + reader.at.to_bytes(8, "little")
        if data[reader.at:reader.at + 4] == b"CZA1":
            need(not marked and reader.take(48) == mark + blake3(mark), "a mark")
            marked = True
        else:
            need(marked or places, "no append begins here")
            places.append(read_frame(state, reader, number))
            marked = False
    need(not marked, "a mark without a frame")
    return places


def verify(store):
    store = pathlib.Path(store)
    need((store / "FORMAT").read_bytes() == b"causality store 1\n", "FORMAT")
    checkpoint = (store / "CHECKPOINT").read_bytes()
    need(blake3(checkpoint[:-32]) == checkpoint[-32:], "CHECKPOINT's hash")
    state = State()
    places = [state.place]
    for number, path in enumerate(sorted((store / "journal").iterdir()), 1):
        need(path.name == f"{number:016x}", "a segment is missing")
        try:
            places += read_segment(state, path.read_bytes(), number)
        except (Finding, ValueError, TypeError, UnicodeDecodeError) as error:
            raise Finding(f"{path.name}, after position {state.positions}: {error}") from error
    need(cbor(checkpoint[:-32]) in places, "the journal lacks what CHECKPOINT names")
    state.ledger.check_sums()
    return state


# ---- Forging --------------------------------------------------------------------------------
# A journal is taken apart into records and put together again with frames, hashes, chain and
# CHECKPOINT that all fit, but for the hash over receipts, which is looked at last: what is found
# before that is what was changed.


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


class Record:
    """Fields by name, in their order: numbers are varints, bytes stand as they are."""

    def __init__(self, reader):
        self.fields = {}
        self.type = reader.byte()
        self.effect = None
        if self.type == 4:
            self.fields["time"] = reader.take(32)
            return
        self.bytes = reader.take(reader.varint())
        if self.type != 3:
            self.effect = Effect(self.bytes)
            self.take_outcome(reader)

    def take_outcome(self, reader):
        e, f = self.effect, self.fields
        if e.is_open:
            f["scope"] = e.read_scope(reader)
        f["lamport"] = reader.varint()
        if self.type == 2:
            f["reason"] = reader.take(1)
        for n in range(len(e.accesses)):
            f[f"version {n}"], f[f"back {n}"] = reader.varint(), reader.varint()
            if self.type == 1 and n < len(e.writes):
                f[f"state {n}"] = reader.take(1)
                is_data = f[f"state {n}"][0] >> 4 >= 2
                f[f"value {n}"] = reader.take(32) if is_data else reader.varint()
        for n in range(len(e.after)):
            f[f"after {n}"] = reader.varint()
        if e.has_terms:
            f["left out"] = reader.varint()
        if e.program is not None:
            f["task"], f["program"], f["clock"] = (reader.varint(), reader.varint(),
                                                   reader.varint())
            for n in range(f["clock"]):
                f[f"clock task {n}"], f[f"clock count {n}"] = reader.varint(), reader.varint()
        if e.guests:
            f["run"] = reader.take(1)
            for name in ("code", "trap", "pc", "gas") if f["run"] != b"\0" else ():
                f[name] = reader.varint()
            for name in ("output", "messages") if f["run"] != b"\0" else ():
                f[f"{name} length"] = reader.varint()
                f[name] = reader.take(f[f"{name} length"])

    def put(self):
        out = bytes([self.type])
        if self.type != 4:
            out += varint(len(self.bytes)) + self.bytes
        return out + b"".join(v if isinstance(v, bytes) else varint(v)
                              for v in self.fields.values())


class Forger:
    def __init__(self, store):
        self.store = pathlib.Path(store)
        self.journal = self.store / "journal" / "0000000000000001"
        reader = Reader(self.journal.read_bytes())
        self.header = reader.take(88)
        self.frames = []  # (header, records); each is written as an append of its own
        while reader.at < len(reader.data):
            if reader.data[reader.at:reader.at + 4] == b"CZA1":
                reader.take(48)
            header = reader.take(128)
            payload = Reader(reader.take(int.from_bytes(header[4:8], "little")))
            records = []
            while payload.at < len(payload.data):
                records.append(Record(payload))
            self.frames.append((header, records))

    def write(self):
        out, previous, place = self.header, bytes(32), None
        positions = items = 0
        for header, records in self.frames:
            payload = b"".join(r.put() for r in records)
            mark = b"CZA1" + (1).to_bytes(4, "little") + len(out).to_bytes(8, "little")
            out += mark + blake3(mark)
            at = len(out)
            head = b"CZF1" + len(payload).to_bytes(4, "little") + header[8:32] + previous
            head += header[64:96]
            previous = blake3(head + payload)
            out += head + previous + payload
            positions += sum(r.effect is not None for r in records)
            items += sum(r.type == 3 for r in records)
            place = put(["checkpoint/1", 1, at, len(out), positions, items, previous])
        self.journal.write_bytes(out)
        (self.store / "CHECKPOINT").write_bytes(place + blake3(place))


# What only who runs the guest can tell.
OPAQUE = {"code", "pc", "gas", "output length", "output", "messages length", "messages"}


def outcome_changes(record):
    """Each number of what is recorded of an effect, changed."""
    for name, value in record.fields.items():
        if name in OPAQUE or value == b"":
            continue
        if name == "reason":
            yield from ((name, bytes([n])) for n in (1, 38, 51) if n != value[0])
        elif isinstance(value, bytes):
            yield name, bytes([value[0] ^ 1]) + value[1:]
        else:
            yield name, value + 1
            if value:
                yield name, value - 1


# What every item says that later ones, effects or the time map depend on.
ITEM_CHANGES = {
    FACT: {"domain": lambda t: t.__setitem__(1, t[1] + "x"),
           "height": lambda t: t[3].__setitem__(0, t[3][0] + 1),
           "block hash": lambda t: t[3].__setitem__(1, bytes(32)),
           "time": lambda t: t[3].__setitem__(2, t[3][2] + 1),
           "header": lambda t: t.__setitem__(8, Link(bytes(32))),
           "observer": lambda t: t.__setitem__(slice(11, 13), [bytes(32), bytes(64)])},
    RETRACTION: {"domain": lambda t: t.__setitem__(1, t[1] + "x"),
                 "fact": lambda t: t.__setitem__(2, Link(bytes(32))),
                 "observer": lambda t: t.__setitem__(slice(5, 7), [bytes(32), bytes(64)])},
    DOMAIN: {"name": lambda t: t.__setitem__(1, t[1] + "x"),
             "sequence": lambda t: t.__setitem__(2, t[2] + 1)},
    DECISION: {"domain": lambda t: t.__setitem__(1, t[1] + "x"),
               "keep": lambda t: t.__setitem__(2, Link(bytes(32))),
               "both": lambda t: t.__setitem__(slice(2, 4), [t[3], t[2]])},
}


def item_changes(record):
    for name, change in ITEM_CHANGES[cbor(record.bytes)[0]].items():
        t = cbor(record.bytes)
        change(t)
        if t != cbor(record.bytes) and not (name == "header" and t[2] == BLOCK):
            yield name, put(t)


def forge_each(store):
    """Returns how many changes were made; each was found, and not by a hash."""
    forger = Forger(store)
    forger.write()
    verify(store)
    count = 0
    records = [r for _, frame in forger.frames for r in frame]
    for n, record in enumerate(records):
        changes = item_changes(record) if record.type == 3 else outcome_changes(record)
        for name, value in list(changes):
            old = record.bytes if record.type == 3 else record.fields[name]
            if record.type == 3:
                record.bytes = value
            else:
                record.fields[name] = value
            forger.write()
            need_found(store, f"record {n} of type {record.type}, {name}: {value!r}")
            if record.type == 3:
                record.bytes = old
            else:
                record.fields[name] = old
            count += 1
    for n, record in enumerate(records):  # a record that is missing, but for the last item
        if record.type == 4 or (record.type == 3 and n + 1 < len(records)):
            frame = next(f for _, f in forger.frames if record in f)
            at = frame.index(record)
            del frame[at]
            forger.write()
            need_found(store, f"record {n} of type {record.type} left out")
            frame.insert(at, record)
            count += 1
    return count


def need_found(store, what):
    try:
        verify(store)
    except Finding as finding:
        if "receipts" in str(finding) or "hash" in str(finding):
            sys.exit(f"{what}: only a hash tells: {finding}")
        return
    sys.exit(f"{what}: it went by")


# ---- Running --------------------------------------------------------------------------------


def report(store):
    state = verify(store)
    print(f"positions {state.positions} facts {state.facts} root {state.root().hex()}")


def sample(program):
    for length in (0, 1, 63, 64, 65, 1023, 1024):
        data = bytes(i % 251 for i in range(length))
        out = subprocess.run(["b3sum", "--no-names"], input=data, capture_output=True, check=True)
        assert blake3(data).hex() == out.stdout.decode().strip(), length
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/store"
        out = subprocess.run([program, "--store", store], capture_output=True, check=True)
        state = verify(store)
        root, *programs = out.stdout.decode().splitlines()
        assert state.root().hex() == root, "another root"
        logs = [f"{program.hex()} {entries} {head.hex()}"
                for program, (_, entries, head) in state.programs.items()]
        assert programs == logs, "another log of a program"
        journal = pathlib.Path(store, "journal", "0000000000000001")
        whole, chance = journal.read_bytes(), random.Random(1)
        for _ in range(50):
            at, bit = chance.randrange(len(whole)), chance.randrange(8)
            journal.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1:])
            try:
                verify(store)
            except Finding:
                continue
            sys.exit(f"byte {at}, bit {bit}: a flipped bit went by")
        journal.write_bytes(whole)
        forged = forge_each(store)
    print(f"{state.positions} positions, {state.facts} items: the same root; 50 damages and "
          f"{forged} forgeries found")


def lies(program):
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "--stores", folder], check=True)
        for store in sorted(pathlib.Path(folder).iterdir()):
            if store.name.startswith("lie-"):
                need_found(store, store.name)
                count += 1
            else:
                verify(store)
    need(count > 0, "no lies")
    print(f"{count} lies found")


def stream(program, seeds):
    positions = 0
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory() as folder:
            store = f"{folder}/store"
            out = subprocess.run([program, "--store", store, str(seed)], capture_output=True,
                                 check=True)
            try:
                state = verify(store)
            except Finding as finding:
                raise Finding(f"seed {seed}: {finding}") from finding
            need(state.root().hex() == out.stdout.decode().strip(), f"seed {seed}: another root")
            positions += state.positions
    print(f"{positions} positions: the same outcome, reason and root")


if __name__ == "__main__":
    try:
        if sys.argv[1] == "--sample":
            sample(sys.argv[2])
        elif sys.argv[1] == "--lies":
            lies(sys.argv[2])
        elif sys.argv[1] == "--stream":
            stream(sys.argv[2], int(sys.argv[3]))
        else:
            report(sys.argv[1])
    except Finding as finding:
        sys.exit(str(finding))
