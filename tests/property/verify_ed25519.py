"""Of the second verifier (verify.py): Ed25519 from RFC 8032, in its strict form: a signature has
one form, and points of small order are refused. Slow, and of use for verifying alone.
"""
import functools
import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)  # X, Y, Z, T: x = X/Z, y = Y/Z, T = XY/Z


def add(a, b):
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(a):
    x, y = a[0] * a[0] % P, a[1] * a[1] % P
    h, c = x + y, 2 * a[2] * a[2]
    e, g = h - (a[0] + a[1]) ** 2, x - y
    f = c + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, a):
    out = NEUTRAL
    for bit in bin(n)[2:]:
        out = double(out)
        if bit == "1":
            out = add(out, a)
    return out


def x_of(y, odd):
    """None: no point has this y."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square or (x == 0 and odd):
        return None
    return P - x if x & 1 != odd else x


def decode(data):
    """A point of large order in its only form, or None."""
    y = int.from_bytes(data, "little")
    y, odd = y & (1 << 255) - 1, y >> 255
    x = x_of(y, odd) if y < P else None
    if x is None:
        return None
    point = (x, y, 1, x * y % P)
    eight = double(double(double(point)))
    return None if eight[0] == 0 and eight[1] == eight[2] else point


def encode(a):
    inverse = pow(a[2], -1, P)
    x, y = a[0] * inverse % P, a[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE_Y = 4 * pow(5, -1, P) % P
BASE = (x_of(BASE_Y, 0), BASE_Y, 1, x_of(BASE_Y, 0) * BASE_Y % P)


def number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


@functools.lru_cache(1 << 12)
def is_signed(key, message, signature):
    a, r = decode(key), decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    minus = (P - a[0], a[1], 1, P - a[3])
    return encode(add(times(s, BASE), times(number(signature[:32], key, message), minus))) \
        == signature[:32]


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    secret = int.from_bytes(digest[:32], "little")
    return secret & ~7 & (1 << 254) - 1 | 1 << 254, digest[32:]


def public(seed):
    return encode(times(expand(seed)[0], BASE))


def sign(seed, message):
    secret, prefix = expand(seed)
    key, r = public(seed), number(prefix, message)
    point = encode(times(r, BASE))
    s = (r + number(point, key, message) * secret) % ORDER
    return point + s.to_bytes(32, "little")
