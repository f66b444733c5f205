"""Of the second verifier (verify.py): BLAKE3, DAG-CBOR and checks of values, written from
docs/reference/formats.md and the papers that it names.
"""
import functools
import subprocess

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


@functools.lru_cache(1 << 16)
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


# ---- Values ----------------------------------------------------------------------------------


def is_uint(*values):
    return all(type(v) is int and 0 <= v < 1 << 64 for v in values)


def is_bytes(value, low, high=None):
    return type(value) is bytes and low <= len(value) <= (low if high is None else high)


def is_text(value, low, high):
    return isinstance(value, str) and low <= len(value.encode()) <= high


def need_ascending(values, what):
    need(all(x < y for x, y in zip(values, values[1:])), what)
