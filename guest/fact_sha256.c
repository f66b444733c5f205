/* fact_sha256.c - the SHA-256 of a cited fact, computed in the guest and kept in a resource.
 *
 * Effect that cites one fact. The digest (FIPS 180-4) of its canonical bytes is written into
 * the data resource "sha256/<the fact's id in hex>" of this code, and put out. The host's own
 * SHA-256 must say the same, or the run fails.
 */
#include <causality/guest.h>

struct sha256 {
    uint32_t h[8];
    uint8_t block[64];
    uint64_t len;
};

static const uint32_t K[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
                               0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
                               0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
                               0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
                               0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
                               0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
                               0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
                               0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
                               0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
                               0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
                               0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
                               0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
                               0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static void compress(struct sha256 *s)
{
    uint32_t w[64], v[8];

    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)s->block[4 * i] << 24 | (uint32_t)s->block[4 * i + 1] << 16 |
               (uint32_t)s->block[4 * i + 2] << 8 | s->block[4 * i + 3];
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(v, s->h, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t x = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                     ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i],
                 y = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
                     ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += x;
        v[0] = x + y;
    }
    for (unsigned i = 0; i < 8; i++)
        s->h[i] += v[i];
}

static void add(struct sha256 *s, const uint8_t *bytes, size_t len)
{
    for (; len; len--) {
        s->block[s->len++ % 64] = *bytes++;
        if (s->len % 64 == 0)
            compress(s);
    }
}

static void finish(struct sha256 *s, uint8_t to[32])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = s->len * 8;
    uint8_t end[8];

    add(s, padding, 1 + (119 - s->len % 64) % 64);
    for (unsigned i = 0; i < 8; i++)
        end[i] = (uint8_t)(bits >> (56 - 8 * i));
    add(s, end, sizeof end);
    for (unsigned i = 0; i < 32; i++)
        to[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

static uint8_t fact[65536];

int64_t guest_main(const uint8_t *input, size_t len)
{
    struct sha256 s = {.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                             0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
    struct cz_guest_fact about;
    uint8_t digest[32], hosts[32];
    char label[7 + 64] = "sha256/";
    struct cz_guest_new data = {.kind = CZ_DATA,
                                .label = CZG_PTR(label),
                                .label_len = sizeof label,
                                .length = sizeof digest};
    int64_t n, index;

    (void)input;
    (void)len;
    if (czg_fact(0, &about))
        czg_fail("fact_sha256: cite a fact");
    n = czg_fact_bytes(0, 0, fact, sizeof fact);
    if (n == sizeof fact)
        czg_fail("fact_sha256: the fact is too long");
    add(&s, fact, (size_t)n);
    finish(&s, digest);
    (void)czg_hash(CZ_HASH_SHA256, fact, (size_t)n, hosts);
    if (memcmp(digest, hosts, sizeof digest))
        czg_fail("fact_sha256: the host says otherwise");
    czg_hex(about.id, sizeof about.id, label + 7);
    index = czg_open_own(label, sizeof label, CZ_WRITE);
    if (czg_length(index) < 0 && czg_allocate(index, &data))
        czg_fail("fact_sha256: the resource cannot be made");
    (void)czg_store(index, 0, digest, sizeof digest);
    (void)czg_output(digest, sizeof digest);
    return 0;
}
