"""A second verifier, written from docs/reference/formats.md alone: reads a store's journal, checks
its hashes, chains and receipts, follows every log, and computes the root.

usage: verify.py STORE                    prints positions, facts and root; exits 1 on a finding
       verify.py --sample TEST_EXPORT     on a store that this program makes, whole and damaged

It uses Python's standard library, and b3sum for what is long. It does not verify domains' proofs
and does not judge operations: its use is that it shares no line with the engine.
"""
import pathlib
import random
import subprocess
import sys
import tempfile

# ---- BLAKE3 (hash mode), from the paper's pseudo-code -------------------------------------------

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
START, END, ROOT = 1, 2, 8
MASK = 0xFFFFFFFF
QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK = 1024


def rotate(v, n):
    return (v >> n | v << (32 - n)) & MASK


def compress(chain, block, length, flags):
    v = list(chain) + list(IV[:4]) + [0, 0, length, flags]
    m = [int.from_bytes(block[i:i + 4], "little") for i in range(0, 64, 4)]
    for _ in range(7):
        for n, (a, b, c, d) in enumerate(QUARTERS):
            for x, left, right in ((m[2 * n], 16, 12), (m[2 * n + 1], 8, 7)):
                v[a] = (v[a] + v[b] + x) & MASK
                v[d] = rotate(v[d] ^ v[a], left)
                v[c] = (v[c] + v[d]) & MASK
                v[b] = rotate(v[b] ^ v[c], right)
        m = [m[i] for i in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)]


def blake3(data):
    if len(data) > CHUNK:
        out = subprocess.run(["b3sum", "--no-names"], input=data, capture_output=True, check=True)
        return bytes.fromhex(out.stdout.decode().strip())
    chain = IV
    blocks = [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
    for n, block in enumerate(blocks):
        flags = (START if n == 0 else 0) | (END | ROOT if n + 1 == len(blocks) else 0)
        chain = compress(chain, block.ljust(64, b"\0"), len(block), flags)
    return b"".join(word.to_bytes(4, "little") for word in chain)


# ---- Reading --------------------------------------------------------------------------------


class Finding(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Finding(what)


class Link(bytes):
    pass


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(self.at + n <= len(self.data), "bytes end early")
        self.at += n
        return self.data[self.at - n:self.at]

    def byte(self):
        return self.take(1)[0]

    def little(self, n):
        return int.from_bytes(self.take(n), "little")

    def varint(self):
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                need(byte or shift == 7, "a varint is not in its shortest form")
                return value

    def zigzag(self):
        v = self.varint()
        return v >> 1 ^ -(v & 1)

    def cbor(self):
        first = self.byte()
        major, low = first >> 5, first & 31
        if first in (0xF4, 0xF5, 0xF6):
            return {0xF4: False, 0xF5: True, 0xF6: None}[first]
        need(major != 7 and low < 28, "not DAG-CBOR")
        arg = low
        if low >= 24:
            size = 1 << (low - 24)
            arg = int.from_bytes(self.take(size), "big")
            need(arg >= (24 if size == 1 else 1 << 4 * size), "a number in a long form")
        if major == 0:
            return arg
        if major == 1:
            return -1 - arg
        if major == 2:
            return self.take(arg)
        if major == 3:
            return self.take(arg).decode("utf-8")
        if major == 4:
            return [self.cbor() for _ in range(arg)]
        need(major == 6 and arg == 42, "no map and no other tag is expected")
        cid = self.cbor()
        need(isinstance(cid, bytes) and len(cid) == 37 and cid[:5] == bytes.fromhex("0001711e20"),
             "not one of our links")
        return Link(cid[5:])


def cbor(data):
    reader = Reader(data)
    value = reader.cbor()
    need(reader.at == len(data), "bytes behind a CBOR item")
    return value


def head(major, arg):
    for n, size in ((24, 0), (1 << 8, 1), (1 << 16, 2), (1 << 32, 4), (1 << 64, 8)):
        if arg < n:
            low = arg if size == 0 else 23 + size.bit_length()
            return bytes([major << 5 | low]) + (arg.to_bytes(size, "big") if size else b"")
    raise AssertionError


def put(value):
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, Link):
        return b"\xd8\x2a\x58\x25\x00\x01\x71\x1e\x20" + value
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(put, value))
    if 0 <= value < 1 << 64:
        return head(0, value)
    if -(1 << 64) <= value < 0:
        return head(1, -1 - value)
    return head(2, 16) + value.to_bytes(16, "big", signed=True)


# ---- The journal ----------------------------------------------------------------------------


class State:
    def __init__(self):
        self.positions = self.facts = 0
        self.hash = bytes(32)
        self.place = ["checkpoint/1", 1, 0, 88, 0, 0, bytes(32)]
        self.resources = {}  # id -> [version, position, lamport, kind, quantity, head]
        self.nonces, self.effects, self.fact_ids, self.domains = {}, {}, set(), {}
        self.sums = {}  # of positions, by asset
        self.assets = {}

    def root(self):
        return blake3(b"".join(i + self.resources[i][5] for i in sorted(self.resources)))


def node(previous, item):
    return blake3(put([Link(previous) if previous else None, Link(item)]))


def read_effect(state, record, position, applied):
    data = record.take(record.varint())
    tag, origin, nonce, _, writes, reads, operations, cited, after, _ = cbor(data)
    need(tag == 1 and put(cbor(data)) == data, "not an effect in canonical form")
    need(nonce >= state.nonces.get(origin, 0), "a nonce does not rise")
    state.nonces[origin] = nonce + 1
    lamport, reason = record.varint(), 0 if applied else record.byte()
    accesses = writes + reads
    before = [state.resources.get(i, [0, 0, 0, None, 0, None]) for i in accesses]
    highest = max((b[2] for b in before), default=0)
    for follows in after:
        done = state.effects.get(bytes(follows))
        need(done or reason in (11, 12), "it follows what is not applied")
        highest = max(highest, done or 0)
    need(all(bytes(f) in state.fact_ids for f in cited) == (reason != 11), "a cited fact")
    need(lamport == highest + 1, "a Lamport time")
    for op in operations:
        if op[0] == 0 and op[5] is not None:
            state.assets.setdefault(accesses[op[1]], op[5])
    posts, news = [], []
    for n, old in enumerate(before):
        version = record.varint()
        if not applied or n >= len(writes):
            need(version == old[0], "a version that was seen")
            posts.append(version)
            continue
        back = record.varint()
        both = record.byte()
        kind, lifecycle = both >> 4, both & 15
        value = record.take(32) if kind == 2 else record.zigzag()
        need(version == old[0] + 1, "a version")
        need((position - back if back else 0) == old[1], "a previous position")
        need(old[3] in (None, kind), "a kind")
        need(kind != 0 or value >= 0, "a negative balance")
        posts.append([version, lifecycle, value])
        news.append([version, position, lamport, kind, value, old[5]])
        if kind == 1:
            asset = state.assets[accesses[n]]
            state.sums[asset] = state.sums.get(asset, 0) + value - old[4]
    need(all(v == 0 for v in state.sums.values()), "positions do not sum to zero")
    effect = blake3(data)
    receipt = blake3(put([2, Link(effect), position, lamport, reason, posts]))
    for i, new in zip(writes, news):
        new[5] = node(new[5], receipt)
        state.resources[i] = new
    if applied:
        state.effects[effect] = lamport
    return receipt


def read_fact(state, record):
    data = record.take(record.varint())
    fact, fact_id = cbor(data), blake3(data)
    need(fact[0] == 5 and len(fact) == 10 and put(fact) == data, "not a fact in canonical form")
    need(fact_id not in state.fact_ids, "a fact stands twice")
    need(fact[7] is None or bytes(fact[7]) in state.fact_ids, "a fact without its header")
    state.fact_ids.add(fact_id)
    state.domains[fact[1]] = node(state.domains.get(fact[1]), fact_id)


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
    record, receipts, seen_facts = Reader(payload), [], 0
    while record.at < len(payload):
        kind = record.byte()
        need(kind in (1, 2, 3), "a record's type")
        if kind == 3:
            read_fact(state, record)
            seen_facts += 1
        else:
            receipts.append(read_effect(state, record, first + len(receipts), kind == 1))
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
    return state


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
        assert state.root().hex() == out.stdout.decode().strip(), "another root"
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
    print(f"{state.positions} positions, {state.facts} facts: the same root; 50 damages found")


if __name__ == "__main__":
    try:
        if sys.argv[1] == "--sample":
            sample(sys.argv[2])
        else:
            report(sys.argv[1])
    except Finding as finding:
        sys.exit(str(finding))
