"""Of the second verifier (verify.py): what an effect's operations make of resources, and who may do
them, written from docs/reference/formats.md. Judges whether an effect applies, and what then is.
"""
import base64
import copy

from verify_codec import blake3, cbor, is_bytes, is_text, is_uint, need, need_ascending, put

FUNGIBLE, POSITION, DATA, ACCOUNT, CAPABILITY, OUTBOX, CODE = range(7)
ACTIVE, LOCKED, FROZEN, CONSUMED, ARCHIVED = range(5)
(CREATE, TRANSFER, MOVE, WRITE, LOCK, UNLOCK, FREEZE, UNFREEZE, CONSUME, ARCHIVE, REQUIRE, USE,
 NOTE, WHEN, DEPOSIT, WITHDRAW, CONFIRM, RELEASE, RUN, CALL) = range(20)
GUESTS, GAS_MAX, INPUT_MAX = {RUN, CALL}, 10 ** 10, 32768
MOVES = {LOCK: {ACTIVE: LOCKED}, UNLOCK: {LOCKED: ACTIVE}, FREEZE: {ACTIVE: FROZEN},
         UNFREEZE: {FROZEN: ACTIVE}, CONSUME: {ACTIVE: CONSUMED, LOCKED: CONSUMED},
         ARCHIVE: {ACTIVE: ARCHIVED, FROZEN: ARCHIVED}}
DEBITS, WITHDRAWS, WRITES, LIFECYCLE, CREATES, DELEGATES = (1 << n for n in range(6))
CHAIN_MAX, OPEN_MAX, SIGNERS_MAX = 8, 64, 16
LEAST, MOST = -(1 << 127), (1 << 127) - 1
FACT, DEPOSITED, WITHDRAWN, REGISTER = 6, 3, 4, 8
(UNKNOWN_RESOURCE, EXISTS, WRONG_KIND, WRONG_ASSET, WRONG_STATE, OVERDRAFT, OVERFLOW, REQUIRE_STATE,
 REQUIRE_VERSION, REQUIRE_QUANTITY) = range(1, 11)
NOT_EMPTY, UNKNOWN_DOMAIN, EVENT_CONSUMED = 14, 32, 41
(UNSIGNED, WRONG_KEY, BELOW_THRESHOLD, UNDECLARED, REVOKED, EXPIRED, OTHER_RESOURCE, RIGHT_MISSING,
 OVER_CEILING, NOT_ATTENUATED, DIRECT_OWNERSHIP, RATE_LIMIT, BAD_POLICY, UNPROVEN, WRONG_FACT,
 NO_WITHDRAWAL, OUTBOX_FULL, TOO_EARLY, TOO_LATE, NOT_CODE, TRAPPED, OUT_OF_GAS, GUEST_FAILED,
 BAD_CODE, CODE_ONLY) = range(49, 74)


class Unjudged(Exception):
    """What depends on what only a guest knows: this verifier runs none."""


class Refused(Exception):
    def __init__(self, reason):
        super().__init__(f"reason {reason}")
        self.reason = reason


def demand(condition, reason):
    if not condition:
        raise Refused(reason)


def id_text(ident):
    text = base64.b32encode(bytes.fromhex("01711e20") + ident).decode()
    return "b" + text.lower().rstrip("=")


def resource_id(creator, label):
    return blake3(put([4, creator, label]))


OPERATOR = resource_id(bytes(32), "operator")


def is_clean(text, most):
    return is_text(text, 1, most) and not any(ord(c) < 32 or ord(c) == 127 for c in text)


def id_of(text):
    """The id that a text is, or None."""
    try:
        data = base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))
    except ValueError:
        return None
    return data[4:] if len(data) == 36 and id_text(data[4:]) == text else None


def is_label(text):
    return is_clean(text, 128) and id_of(text) is None


def is_domain(text):
    return is_text(text, 1, 32) and "\0" not in text


def is_quantity(value, least=0):
    return type(value) is int and least <= value <= MOST


# ---- What accounts, capabilities and outboxes hold ----------------------------------------------


class Policy:
    def __init__(self, data):
        t = cbor(data)
        need(put(t) == data and isinstance(t, list) and len(t) == 4 and t[0] == 18, "a policy")
        _, self.threshold, self.owners, limits = t
        need(is_uint(self.threshold) and 1 <= self.threshold <= len(self.owners) <= 16
             and all(is_bytes(k, 32) for k in self.owners), "a policy's owners")
        need_ascending(self.owners, "owners do not ascend")
        need(len(limits) <= 16 and all(len(x) == 6 for x in limits), "limits")
        for asset, quantity, domain, window, number, spent in limits:
            need(is_label(asset) and is_quantity(quantity) and is_domain(domain)
                 and is_uint(window, number) and window and is_quantity(spent)
                 and spent <= quantity, "a limit")
        need_ascending([x[0].encode() for x in limits], "limits do not ascend")
        self.limits = limits

    def is_new(self):
        return all(x[4] == x[5] == 0 for x in self.limits)

    def signers(self, keys):
        return len(set(self.owners) & set(keys))

    def bytes(self):
        return put([18, self.threshold, self.owners, self.limits])


class Grant:
    def __init__(self, data):
        t = cbor(data)
        need(put(t) == data and isinstance(t, list) and len(t) == 10 and t[0] == 19, "a grant")
        (_, self.account, self.parent, self.holder, self.resource, self.asset, self.rights,
         self.ceiling, self.spent, self.expires) = t
        need(is_bytes(self.account, 32) and is_bytes(self.holder, 32), "a grant's parties")
        need(all(i is None or is_bytes(i, 32) for i in (self.parent, self.resource)),
             "a grant's ids")
        need(self.asset is None or (self.resource is None and is_label(self.asset)), "a target")
        need(is_uint(self.rights) and 0 < self.rights < 64, "rights")
        need((self.ceiling is None or is_quantity(self.ceiling)) and is_quantity(self.spent)
             and self.spent <= (self.ceiling or 0), "a ceiling")
        need(self.expires is None or (len(self.expires) == 2 and is_domain(self.expires[0])
                                      and is_uint(self.expires[1])), "an expiry")

    def is_within(self, parent):
        if self.account != parent.account or self.rights & ~parent.rights:
            return False
        if parent.resource is not None and self.resource != parent.resource:
            return False
        if parent.asset is not None and self.asset != parent.asset:
            return False
        if parent.ceiling is not None and (self.ceiling is None or self.ceiling > parent.ceiling):
            return False
        return parent.expires is None or (self.expires is not None
                                          and self.expires[0] == parent.expires[0]
                                          and self.expires[1] <= parent.expires[1])

    def fits(self, ident, asset):
        if self.resource is not None:
            return self.resource == ident
        return self.asset is None or self.asset == asset

    def bytes(self):
        return put([19, self.account, self.parent, self.holder, self.resource, self.asset,
                    self.rights, self.ceiling, self.spent, self.expires])


class Outbox:
    def __init__(self, data):
        t = cbor(data)
        need(put(t) == data and isinstance(t, list) and len(t) == 2 and t[0] == 20, "an outbox")
        self.open = t[1]
        need(len(self.open) <= OPEN_MAX and all(len(x) == 5 for x in self.open), "withdrawals")
        for effect, number, asset, quantity, destination in self.open:
            need(is_bytes(effect, 32) and is_uint(number) and number < 256 and is_label(asset)
                 and is_quantity(quantity, 1) and is_clean(destination, 60), "a withdrawal")
        need_ascending([x[:2] for x in self.open], "withdrawals do not ascend")

    def bytes(self):
        return put([20, self.open])


FORMS = {ACCOUNT: Policy, CAPABILITY: Grant, OUTBOX: Outbox}


def read_form(kind, data):
    try:
        return FORMS[kind](data)
    except Exception:  # whatever is wrong with bytes that a user gave
        raise Refused(BAD_POLICY) from None


# ---- Resources ----------------------------------------------------------------------------------


class Thing:
    """An attribute that is not there is one that a guest has set, unseen."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unjudged(name)

    def __init__(self, kind, creator, controller, label, asset):
        self.kind, self.creator, self.controller, self.label = kind, creator, controller, label
        self.asset = asset
        self.state, self.version, self.quantity, self.data = ACTIVE, 0, 0, None
        self.controlled = False

    def value(self):
        if self.kind < DATA:
            return self.quantity
        return blake3(self.data) if "data" in self.__dict__ else self.hash

    @staticmethod
    def unseen(kind):
        """What a guest has created."""
        new = Thing(kind, None, None, None, None)
        new.hash = None
        for name in ("creator", "controller", "label", "asset", "controlled", "data"):
            delattr(new, name)
        return new

    def become(self, state, value):
        """As a guest has left it."""
        self.state = state
        if self.kind < DATA:
            self.quantity = value
        elif self.value() != value:
            self.hash = value
            self.__dict__.pop("data", None)


class Ledger:
    """All resources, as the effects that applied left them."""

    def __init__(self, book):
        self.book, self.things, self.supply = book, {}, {}

    def time(self, domain):
        d = self.book.domains.get(domain)
        return d.known[2] if d and d.known else None

    def is_external(self, asset):
        domain, colon, _ = asset.partition(":")
        return bool(colon) and domain in self.book.domains

    def perform(self, effect, ident, keys, left_out, programs):
        """What each access is then, in order; Refused. Nothing is kept before keep()."""
        act = Act(self, effect, ident, keys, left_out, programs)
        act.run()
        return act

    def keep(self, act):
        for i in act.effect.writes:
            self.things[i] = act.now[i]
            self.things[i].version += 1
        for asset, change in act.supply.items():
            self.supply[asset] = self.supply.get(asset, 0) + change

    def trust(self, writes):
        """Keeps what is recorded of writes: (id, kind, state, value). What they make of the sum of
        an asset, they make of its supply."""
        for ident, kind, state, value in writes:
            there = self.things.setdefault(ident, Thing.unseen(kind))
            if kind == FUNGIBLE and "asset" in there.__dict__:
                change = value - there.quantity
                self.supply[there.asset] = self.supply.get(there.asset, 0) + change
            there.become(state, value)
            there.version += 1

    def check_sums(self):
        sums = {}
        for t in self.things.values():
            if t.kind == FUNGIBLE and "asset" in t.__dict__:
                sums[t.asset] = sums.get(t.asset, 0) + t.quantity
        need(all(self.supply.get(a, 0) == n for a, n in sums.items()), "a supply")


# ---- The form of operations ---------------------------------------------------------------------

# One letter for each argument: w access that is written, r any, q quantity, d bytes, f fact, t
# destination, g gas, i input, k a code's id; the others have forms of their own.
ARGUMENTS = {TRANSFER: "wwq", MOVE: "wwq", WRITE: "wd", REQUIRE: "r???", USE: "r", NOTE: "d",
             WHEN: "???", DEPOSIT: "wf", WITHDRAW: "wwwqt", CONFIRM: "wwf", RELEASE: "wwwf",
             RUN: "rg?i", CALL: "kgi", **{code: "w" for code in MOVES}}


def strict_creation(effect, access, creator, label, kind, asset, value, controller, if_absent):
    need(is_uint(access, kind) and access < len(effect.writes) and kind <= CODE
         and is_bytes(creator, 32) and is_bytes(controller, 32) and is_label(label)
         and isinstance(if_absent, bool), "a creation")
    need(resource_id(creator, label) == effect.accesses[access], "a created resource's id")
    need(asset is None if kind >= DATA else is_label(asset), "a creation's asset")
    forms = {FUNGIBLE: is_quantity(value), POSITION: value is None}
    need(forms.get(kind, is_bytes(value, 0, 65536)), "a creation's value")


def strict_other(effect, code, rest):
    if code == REQUIRE:
        state, version, quantity = rest[1:]
        need(rest[1:] != [None] * 3 and (state is None or (is_uint(state) and state <= ARCHIVED))
             and (version is None or is_uint(version))
             and (quantity is None or is_quantity(quantity, LEAST)), "a requirement")
    elif code == RUN:
        need(len(rest[2]) <= 64 and len(set(rest[2])) == len(rest[2]) and is_uint(*rest[2])
             and all(n < len(effect.accesses) for n in rest[2]), "accesses of a run")
    elif code == WHEN:
        need(is_text(rest[0], 1, 32) and is_uint(*rest[1:]) and rest[1] <= rest[2], "a time")
    need(code != NOTE or effect.program is not None, "a note of no program")


def strict_operation(effect, code, rest):
    if code == CREATE:
        need(len(rest) == 8, "a creation's arguments")
        return strict_creation(effect, *rest)
    need(code in ARGUMENTS and len(rest) == len(ARGUMENTS[code]), "an operation's arguments")
    writes, accesses = len(effect.writes), len(effect.accesses)
    for letter, value in zip(ARGUMENTS[code], rest):
        need({"w": is_uint(value) and value < writes, "r": is_uint(value) and value < accesses,
              "f": is_uint(value) and value < len(effect.facts),
              "q": is_quantity(value, 0 if code == MOVE else 1), "d": is_bytes(value, 0, 65536),
              "g": is_uint(value) and value <= GAS_MAX, "i": is_bytes(value, 0, INPUT_MAX),
              "k": is_bytes(value, 32), "t": is_clean(value, 60), "?": True}[letter],
             "an argument")
    return strict_other(effect, code, rest)


def strict_operations(effect):
    for n, (code, *rest) in enumerate(effect.operations):
        need(is_uint(code) and (code != NOTE or n == 0), "an operation")
        strict_operation(effect, code, rest)
    codes = [op[0] for op in effect.operations]
    calls = codes.count(CALL)
    need(codes.count(RUN) + calls <= 1 and calls == effect.is_open, "guests of an effect")
    need(not effect.is_open or set(codes) <= {CALL, NOTE, WHEN}, "an open effect's operations")


def is_asset_of(asset, domain, name):
    return ":" in asset and asset.partition(":")[::2] == (domain, name)


def is_canonical(kind, creator, label, asset, value, controller):
    """An empty balance or reserve in its place."""
    return kind == FUNGIBLE and not value and creator == controller and label == asset


# ---- An effect ----------------------------------------------------------------------------------


class Act:
    def __init__(self, ledger, effect, ident, keys, left_out, programs):
        self.ledger, self.effect, self.ident, self.keys = ledger, effect, ident, keys
        self.left_out, self.programs = left_out, programs
        self.now = {i: copy.copy(ledger.things.get(i)) for i in effect.accesses}
        self.touched, self.presented, self.withdrawals, self.supply = set(), [], 0, {}
        self.used = set()  # facts, by deposits and confirmations

    def see(self, ident):
        return self.now[ident] if ident in self.now else self.ledger.things.get(ident)

    def run(self):
        steps = {CREATE: self.create, TRANSFER: self.transfer, MOVE: self.move, WRITE: self.write,
                 REQUIRE: self.require, USE: self.use, NOTE: lambda *_: None, WHEN: self.when,
                 DEPOSIT: self.deposit, WITHDRAW: self.withdraw, CONFIRM: self.confirm,
                 RELEASE: self.release, RUN: self.run_guest, CALL: self.call_guest}
        for code, *rest in self.effect.operations:
            if code in MOVES:
                self.lifecycle(code, *rest)
            else:
                steps[code](*rest)
        self.demand_used()
        for i in self.effect.writes:
            self.written_alone(i)
        demand(all(self.now.values()), UNKNOWN_RESOURCE)

    def run_guest(self, access, *_):
        demand(self.at(access, touches=False)[1].kind == CODE, NOT_CODE)
        raise Unjudged("a guest's run")

    def call_guest(self, code, *_):
        demand(self.see(code), UNKNOWN_RESOURCE)
        demand(self.see(code).kind == CODE, NOT_CODE)
        raise Unjudged("a guest's run")

    def at(self, access, touches=True):
        """The id of an access, and what exists there."""
        ident = self.effect.accesses[access]
        demand(self.now[ident], UNKNOWN_RESOURCE)
        if touches:
            self.touched.add(ident)
        return ident, self.now[ident]

    def exist(self, *accesses):
        for access in accesses:
            self.at(access)

    def change_supply(self, asset, change):
        self.supply[asset] = self.supply.get(asset, 0) + change
        demand(LEAST <= self.ledger.supply.get(asset, 0) + self.supply[asset] <= MOST, OVERFLOW)

    # Who may do it.

    def account_of(self, thing):
        """The account that controls it, and whether it is a reserve; None: nobody's."""
        if not thing.controlled:
            return None, False
        controller = self.see(thing.controller)
        if controller.kind == OUTBOX:
            return controller.controller, True
        demand(controller.kind != CODE, CODE_ONLY)
        return thing.controller, False

    def owners_fault(self, account, lifecycle=False):
        thing = self.now.get(account)
        demand(thing, UNDECLARED)
        demand(thing.state == ACTIVE or lifecycle, WRONG_STATE)
        policy = Policy(thing.data)
        count = policy.signers(self.keys)
        if count >= policy.threshold:
            return 0
        return UNSIGNED if not self.keys else WRONG_KEY if not count else BELOW_THRESHOLD

    def owners_only(self, account, lifecycle=False):
        fault = self.owners_fault(account, lifecycle)
        demand(not fault, fault)

    def chain(self, ident):
        """A capability and those above it."""
        out = []
        while ident is not None:
            out.append(ident)
            ident = Grant(self.see(ident).data).parent
        return out

    def authorise(self, account, right, ident, asset, quantity=None):
        """quantity: what counts against ceilings."""
        fault = self.owners_fault(account)
        if not fault:
            return
        steps, furthest = (OTHER_RESOURCE, RIGHT_MISSING, OVER_CEILING), -1
        for presented in self.presented:
            grant = Grant(self.now[presented].data)
            if grant.account != account:
                continue
            if not grant.fits(ident, asset):
                step = 0
            elif not grant.rights & right:
                step = 1
            elif not self.spend(presented, quantity):
                step = 2
            else:
                return
            furthest = max(furthest, step)
        raise Refused(fault if furthest < 0 else steps[furthest])

    def spend(self, ident, quantity):
        if quantity is None:
            return True
        grants = [(i, Grant(self.now[i].data)) for i in self.chain(ident)]
        grants = [(i, g) for i, g in grants if g.ceiling is not None]
        if any(g.spent + quantity > g.ceiling for _, g in grants):
            return False
        for i, g in grants:
            g.spent += quantity
            self.now[i].data = g.bytes()
        return True

    def leave(self, account, asset, quantity):
        """Counts what leaves an account against its limit."""
        policy = Policy(self.now[account].data)
        for limit in policy.limits:
            if limit[0] != asset:
                continue
            demand(account in self.effect.writes, UNDECLARED)
            time = self.ledger.time(limit[2])
            demand(time is not None, RATE_LIMIT)
            window = max(time // limit[3], limit[4])
            spent = quantity + (limit[5] if window == limit[4] else 0)
            demand(spent <= limit[1], RATE_LIMIT)
            limit[4:6] = [window, spent]
            self.now[account].data = policy.bytes()
            self.touched.add(account)

    def debit(self, ident, thing, to, quantity):
        account, reserve = self.account_of(thing)
        demand(not reserve and not self.account_of(to)[1], UNPROVEN)
        if account is None:
            return
        self.authorise(account, DEBITS, ident, thing.asset, quantity)
        if self.account_of(to)[0] != account:
            self.leave(account, thing.asset, quantity)

    # Operations.

    def create(self, access, creator, label, kind, asset, value, controller, if_absent):
        ident = self.effect.accesses[access]
        if self.now[ident]:
            there, master = self.now[ident], self.see(controller)
            demand(if_absent and there.kind == kind and there.asset == asset, EXISTS)
            demand(not master or master.kind not in (ACCOUNT, OUTBOX, CODE)
                   or (there.controlled and there.controller == controller), EXISTS)
            if is_canonical(kind, creator, label, asset, value, controller) and (
                    not master or master.kind != CODE):
                self.touched.add(ident)
            return
        if kind == CODE or (creator == bytes(32) and label.startswith("code:")):
            demand(kind == CODE and creator == controller == bytes(32)
                   and label == "code:" + id_text(blake3(value)), BAD_CODE)
        if kind == FUNGIBLE and value:
            demand(not self.ledger.is_external(asset), UNPROVEN)
        new = Thing(kind, creator, controller, label, asset)
        new.quantity, new.data = (0, value) if kind >= DATA else (value or 0, None)
        master = self.see(controller)
        new.controlled = master is not None and master.kind in (ACCOUNT, OUTBOX, CODE)
        if kind == FUNGIBLE and self.ledger.is_external(asset):
            demand(new.controlled and master.kind != CODE, DIRECT_OWNERSHIP)
        demand(controller not in self.programs, DIRECT_OWNERSHIP)
        self.may_create(ident, new)
        self.now[ident] = new
        self.touched.add(ident)
        if kind == FUNGIBLE and value:
            self.change_supply(asset, value)

    def may_create(self, ident, new):
        if new.kind == ACCOUNT:
            policy = read_form(ACCOUNT, new.data)
            demand(policy.is_new(), BAD_POLICY)
            count = policy.signers(self.keys)
            demand(self.keys, UNSIGNED)
            demand(count, WRONG_KEY)
            demand(count >= policy.threshold, BELOW_THRESHOLD)
        if new.kind == CAPABILITY:
            self.may_grant(new)
            return self.ask_party(new.creator, ident, new)
        if new.kind == OUTBOX:
            demand(new.controlled and new.creator == new.controller and new.label == "outbox"
                   and self.see(new.controller).kind == ACCOUNT, DIRECT_OWNERSHIP)
            demand(not read_form(OUTBOX, new.data).open, BAD_POLICY)
            return None
        master = self.see(new.controller)
        if not is_canonical(new.kind, new.creator, new.label, new.asset, new.quantity,
                            new.controller) or (master and master.kind == CODE):
            self.ask_party(new.creator, ident, new)
            self.ask_party(new.controller, ident, new)
        return None

    def ask_party(self, party, ident, new):
        there = self.see(party)
        if there and there.kind in (ACCOUNT, OUTBOX, CODE):
            demand(there.kind != CODE, CODE_ONLY)
            demand(there.kind == ACCOUNT, UNPROVEN)
            self.authorise(party, CREATES, ident, new.asset)

    def may_grant(self, new):
        grant = read_form(CAPABILITY, new.data)
        demand(grant.spent == 0 and grant.account == new.controller, BAD_POLICY)
        account = self.see(grant.account)
        demand(account and account.kind == ACCOUNT, BAD_POLICY)
        fault = self.owners_fault(grant.account)
        if grant.parent is None:
            demand(not fault, fault)
            return
        above = self.now.get(grant.parent)
        demand(above, UNDECLARED)
        demand(above.kind == CAPABILITY, WRONG_KIND)
        parent = Grant(above.data)
        if fault:
            demand(grant.parent in self.presented, fault)
            demand(parent.rights & DELEGATES, RIGHT_MISSING)
        demand(grant.is_within(parent), NOT_ATTENUATED)
        demand(len(self.chain(grant.parent)) < CHAIN_MAX, NOT_ATTENUATED)

    def transfer(self, a, b, quantity):
        (ident, here), (_, there) = self.at(a), self.at(b)
        demand(here.kind == there.kind == FUNGIBLE, WRONG_KIND)
        demand(here.asset == there.asset, WRONG_ASSET)
        demand(here.state == there.state == ACTIVE, WRONG_STATE)
        demand(here.quantity >= quantity, OVERDRAFT)
        demand(here is there or there.quantity + quantity <= MOST, OVERFLOW)
        self.debit(ident, here, there, quantity)
        here.quantity -= quantity
        there.quantity += quantity

    def move(self, a, b, quantity):
        (ident, here), (_, there) = self.at(a), self.at(b)
        demand(here.kind == there.kind == POSITION, WRONG_KIND)
        demand(here.asset == there.asset, WRONG_ASSET)
        demand(here.state == there.state == ACTIVE, WRONG_STATE)
        demand(here is there or (here.quantity - quantity >= LEAST
                                 and there.quantity + quantity <= MOST), OVERFLOW)
        self.debit(ident, here, there, quantity)
        here.quantity -= quantity
        there.quantity += quantity

    def write(self, access, data):
        ident, thing = self.at(access)
        demand(thing.kind in (DATA, ACCOUNT), WRONG_KIND)
        demand(thing.state == ACTIVE, WRONG_STATE)
        if thing.kind == ACCOUNT:
            demand(read_form(ACCOUNT, data).is_new(), BAD_POLICY)
            self.owners_only(ident)
        else:
            self.controlled_by(ident, thing, WRITES)
        thing.data = data

    def controlled_by(self, ident, thing, right):
        """What neither debits nor withdraws."""
        account, reserve = self.account_of(thing)
        demand(not reserve, UNPROVEN)
        if account is not None:
            self.authorise(account, right, ident, thing.asset)

    def written_alone(self, ident):
        """Of what is declared written, but of no operation."""
        thing = self.now[ident]
        if not thing or ident in self.touched:
            return
        if thing.kind == ACCOUNT:
            self.owners_only(ident)
        else:
            self.controlled_by(ident, thing, WRITES)

    def lifecycle(self, code, access):
        ident, thing = self.at(access)
        demand(thing.kind != CODE, WRONG_KIND)
        demand(thing.state in MOVES[code], WRONG_STATE)
        held = thing.quantity
        demand(code == CONSUME and thing.kind != POSITION or code not in (CONSUME, ARCHIVE)
               or not held, NOT_EMPTY)
        demand(thing.kind != OUTBOX or code not in (CONSUME, ARCHIVE)
               or not Outbox(thing.data).open, NOT_EMPTY)
        self.may_move(code, ident, thing)
        if code == CONSUME and thing.kind == FUNGIBLE and held:
            demand(not self.ledger.is_external(thing.asset), UNPROVEN)
            thing.quantity = 0
            self.change_supply(thing.asset, -held)
        thing.state = MOVES[code][thing.state]

    def may_move(self, code, ident, thing):
        if thing.kind == ACCOUNT:
            self.owners_only(ident, lifecycle=True)
        elif thing.kind != CAPABILITY:
            self.controlled_by(ident, thing, LIFECYCLE)
        elif code != CONSUME:
            self.owners_only(thing.controller)
        else:
            above = self.chain(ident)
            holders = {Grant(self.now[i].data).holder for i in above if i in self.now}
            if not holders & set(self.keys):
                self.owners_only(thing.controller)

    def require(self, access, state, version, quantity):
        _, thing = self.at(access, touches=False)
        demand(state is None or thing.state == state, REQUIRE_STATE)
        demand(version is None or thing.version == version, REQUIRE_VERSION)
        demand(quantity is None or (thing.kind < DATA and thing.quantity >= quantity),
               REQUIRE_QUANTITY)

    def use(self, access):
        ident, thing = self.at(access, touches=False)
        demand(thing.kind == CAPABILITY, WRONG_KIND)
        holder = Grant(thing.data).holder
        demand(self.keys, UNSIGNED)
        demand(holder in self.keys, WRONG_KEY)
        for i in self.chain(ident):
            demand(self.now.get(i), UNDECLARED)
            grant = Grant(self.now[i].data)
            demand(grant.ceiling is None or i in self.effect.writes, UNDECLARED)
            demand(self.now[i].state == ACTIVE, REVOKED)
            if grant.expires:
                time = self.ledger.time(grant.expires[0])
                demand(time is not None and time <= grant.expires[1], EXPIRED)
            self.touched.add(i)
        self.presented.append(ident)

    def when(self, domain, not_before, not_after):
        demand(domain in self.ledger.book.domains, UNKNOWN_DOMAIN)
        time = self.ledger.time(domain)
        demand(time is not None and time >= not_before, TOO_EARLY)
        demand(time <= not_after, TOO_LATE)

    # The gateway.

    def fact(self, place, kind, purpose):
        """A cited fact that holds, and says something that the ledger acts on: domain, claim."""
        demand(place not in self.left_out, WRONG_FACT)
        fact = self.ledger.book.items[bytes(self.effect.facts[place])]
        claim = fact.t[10]
        demand(fact.kind == kind and purpose in (None, self.effect.terms[place][5]), WRONG_FACT)
        demand(claim and is_text(claim[0], 1, 128), WRONG_FACT)
        if kind == REGISTER:
            demand(claim[1:] == [b"refused"], WRONG_FACT)
            return fact.domain, claim
        demand(len(claim) == 3 and is_text(claim[1], 1, 128) and is_uint(claim[2]), WRONG_FACT)
        demand(place not in self.used, EVENT_CONSUMED)
        self.used.add(place)
        return fact.domain, claim

    def demand_used(self):
        """What is used up for the gateway's purposes has passed it."""
        kinds = {"deposit": DEPOSITED, "withdrawal": WITHDRAWN}
        for place, (link, terms) in enumerate(zip(self.effect.facts, self.effect.terms)):
            if place not in self.left_out and place not in self.used and terms[5] in kinds:
                fact = self.ledger.book.items[bytes(link)]
                demand(fact.kind != kinds[terms[5]], WRONG_FACT)

    def deposit(self, access, place):
        ident, thing = self.at(access)
        demand(thing.kind == FUNGIBLE, WRONG_KIND)
        demand(thing.state == ACTIVE, WRONG_STATE)
        domain, claim = self.fact(place, DEPOSITED, "deposit")
        account, reserve = self.account_of(thing)
        demand(account is not None, DIRECT_OWNERSHIP)
        demand(not reserve, UNPROVEN)
        name, asset, amount = claim
        demand(is_asset_of(thing.asset, domain, asset), WRONG_FACT)
        parties = {id_text(ident): ident, id_text(account): account}
        named = parties.get(name) or (is_label(name) and resource_id(OPERATOR, name))
        demand(named in (ident, account), WRONG_FACT)
        demand(thing.quantity + amount <= MOST, OVERFLOW)
        self.change_supply(thing.asset, amount)
        thing.quantity += amount

    def outbox(self, access):
        ident, thing = self.at(access)
        demand(thing.kind == OUTBOX, WRONG_KIND)
        demand(thing.state == ACTIVE, WRONG_STATE)
        return ident, thing, Outbox(thing.data)

    def reserve(self, access, outbox, asset):
        _, thing = self.at(access)
        demand(thing.kind == FUNGIBLE, WRONG_KIND)
        demand(thing.asset == asset, WRONG_ASSET)
        demand(thing.creator == thing.controller == outbox and thing.label == asset, UNPROVEN)
        demand(thing.state == ACTIVE, WRONG_STATE)
        return thing

    def withdraw(self, a, b, c, quantity, destination):
        self.exist(a, b, c)
        ident, here = self.at(a)
        demand(here.kind == FUNGIBLE, WRONG_KIND)
        demand(here.state == ACTIVE, WRONG_STATE)
        account, is_reserve = self.account_of(here)
        demand(account is not None and not is_reserve, UNPROVEN)
        box, thing, outbox = self.outbox(b)
        demand(thing.controller == account, UNPROVEN)
        demand(self.ledger.is_external(here.asset), UNKNOWN_DOMAIN)
        reserve = self.reserve(c, box, here.asset)
        self.authorise(account, WITHDRAWS, ident, here.asset, quantity)
        demand(here.quantity >= quantity, OVERDRAFT)
        demand(reserve.quantity + quantity <= MOST, OVERFLOW)
        self.leave(account, here.asset, quantity)
        demand(len(outbox.open) < OPEN_MAX, OUTBOX_FULL)
        outbox.open.append([self.ident, self.withdrawals, here.asset, quantity, destination])
        outbox.open.sort(key=lambda x: x[:2])
        self.withdrawals += 1
        thing.data = outbox.bytes()
        here.quantity -= quantity
        reserve.quantity += quantity

    def close(self, b, c, place, kind, purpose, name_of):
        """Takes the withdrawal that a fact names out of its outbox."""
        domain, (name, *says) = self.fact(place, kind, purpose)
        box, thing, outbox = self.outbox(b)
        found = [x for x in outbox.open if name_of(x) == name]
        demand(found, NO_WITHDRAWAL)
        asset, quantity = found[0][2:4]
        reserve = self.reserve(c, box, asset)
        demand(asset.partition(":")[0] == domain, WRONG_FACT)
        demand(kind == REGISTER or says == [asset.partition(":")[2], quantity], WRONG_FACT)
        demand(reserve.quantity >= quantity, OVERDRAFT)
        outbox.open.remove(found[0])
        reserve.quantity -= quantity
        thing.data = outbox.bytes()
        return thing.controller, asset, quantity

    def confirm(self, b, c, place):
        self.exist(b, c)
        _, asset, quantity = self.close(b, c, place, WITHDRAWN, "withdrawal",
                                        lambda x: f"{x[4]}#{id_text(x[0])}/{x[1]}")
        self.change_supply(asset, -quantity)

    def release(self, b, c, d, place):
        self.exist(b, c, d)
        account, asset, quantity = self.close(b, c, place, REGISTER, None,
                                              lambda x: f"{id_text(x[0])}/{x[1]}")
        _, to = self.at(d)
        demand(to.kind == FUNGIBLE, WRONG_KIND)
        demand(to.asset == asset, WRONG_ASSET)
        demand(to.state == ACTIVE, WRONG_STATE)
        demand(self.account_of(to) == (account, False), UNPROVEN)
        demand(to.quantity + quantity <= MOST, OVERFLOW)
        to.quantity += quantity
