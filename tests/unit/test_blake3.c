/* test_blake3.c - BLAKE3 on every path of this processor: published vectors, b3sum, and that
 * nothing is read or written beyond what is given. */
#include "codec/blake3.h"
#include "test.h"
#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

/* The inputs of BLAKE3's published test vectors (byte i is i % 251) and their hashes; b3sum
 * of Debian gives the same. */
static const struct {
    size_t len;
    const char *hash;
} vectors[] = {
    {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
    {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
    {2, "7b7015bb92cf0b318037702a6cdd81dee41224f734684c2c122cd6359cb1ee63"},
    {3, "e1be4d7a8ab5560aa4199eea339849ba8e293d55ca0a81006726d184519e647f"},
    {4, "f30f5ab28fe047904037f77b6da4fea1e27241c5d132638d8bedce9d40494f32"},
    {5, "b40b44dfd97e7a84a996a91af8b85188c66c126940ba7aad2e7ae6b385402aa2"},
    {6, "06c4e8ffb6872fad96f9aaca5eee1553eb62aed0ad7198cef42e87f6a616c844"},
    {7, "3f8770f387faad08faa9d8414e9f449ac68e6ff0417f673f602a646a891419fe"},
    {8, "2351207d04fc16ade43ccab08600939c7c1fa70a5c0aaca76063d04c3228eaeb"},
    {63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b"},
    {64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98"},
    {65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee"},
    {127, "d81293fda863f008c09e92fc382a81f5a0b4a1251cba1634016a0f86a6bd640d"},
    {128, "f17e570564b26578c33bb7f44643f539624b05df1a76c81f30acd548c44b45ef"},
    {129, "683aaae9f3c5ba37eaaf072aed0f9e30bac0865137bae68b1fde4ca2aebdcb12"},
    {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
    {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
    {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
    {2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"},
    {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
    {3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2"},
    {3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"},
    {4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"},
    {4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995"},
    {5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833"},
    {5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"},
    {6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205"},
    {6145, "f1323a8631446cc50536a9f705ee5cb619424d46887f3c376c695b70e0f0507f"},
    {7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a"},
    {7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"},
    {8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63"},
    {8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
    {16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"},
    {31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
    {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
};

#define LEN_MAX 102400
#define PAGE 4096

/* 0: as the processor likes it. */
static const unsigned limits[] = {1, 4, 8, 16, 0};

static uint8_t *pattern(void)
{
    static uint8_t bytes[LEN_MAX];

    for (size_t i = 0; i < LEN_MAX; i++)
        bytes[i] = (uint8_t)(i % 251);
    return bytes;
}

static void assert_hash(const uint8_t hash[32], const char *hex)
{
    char text[65];

    czi_hex(text, hash, 32);
    assert_string_equal(text, hex);
}

static int default_lanes(void **state)
{
    (void)state;
    (void)czi_blake3_limit_lanes(0);
    return 0;
}

/* In pieces of up to piece_max bytes. */
static void hash_in_pieces(struct czi_rng *r, const uint8_t *data, size_t len, size_t piece_max,
                           uint8_t out[32])
{
    struct czi_blake3 h;

    czi_blake3_init(&h);
    for (size_t at = 0, n; at < len; at += n) {
        n = (size_t)czi_rng_below(r, piece_max + 1);
        n = CZI_MIN(n, len - at);
        czi_blake3_update(&h, data + at, n);
    }
    czi_blake3_final(&h, out);
}

static void one_shot_gives_the_published_vectors_on_every_path(void **state)
{
    const uint8_t *data = pattern();
    uint8_t hash[32];

    (void)state;
    for (size_t l = 0; l < CZI_COUNTOF(limits); l++) {
        (void)czi_blake3_limit_lanes(limits[l]);
        for (size_t i = 0; i < CZI_COUNTOF(vectors); i++) {
            czi_blake3(data, vectors[i].len, hash);
            assert_hash(hash, vectors[i].hash);
        }
    }
}

static void streaming_gives_the_published_vectors_on_every_path(void **state)
{
    static const size_t pieces[] = {1, 63, 64, 65, 1024, 3000, LEN_MAX};
    const uint8_t *data = pattern();
    struct czi_rng r = czi_rng(1);
    uint8_t hash[32];

    (void)state;
    for (size_t l = 0; l < CZI_COUNTOF(limits); l++) {
        (void)czi_blake3_limit_lanes(limits[l]);
        for (size_t i = 0; i < CZI_COUNTOF(vectors); i++) {
            for (size_t p = 0; p < CZI_COUNTOF(pieces); p++) {
                hash_in_pieces(&r, data, vectors[i].len, pieces[p], hash);
                assert_hash(hash, vectors[i].hash);
            }
        }
    }
}

static void many_gives_the_published_vectors_on_every_path(void **state)
{
    const uint8_t *data[CZI_COUNTOF(vectors)];
    uint32_t len[CZI_COUNTOF(vectors)];
    uint8_t out[CZI_COUNTOF(vectors)][32];

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(vectors); i++) {
        data[i] = pattern();
        len[i] = (uint32_t)vectors[i].len;
    }
    for (size_t l = 0; l < CZI_COUNTOF(limits); l++) {
        (void)czi_blake3_limit_lanes(limits[l]);
        memset(out, 0, sizeof out);
        czi_blake3_many(data, len, CZI_COUNTOF(vectors), out);
        for (size_t i = 0; i < CZI_COUNTOF(vectors); i++)
            assert_hash(out[i], vectors[i].hash);
    }
}

static void a_hasher_goes_on_after_final(void **state)
{
    const uint8_t *data = pattern();
    struct czi_blake3 h;
    uint8_t hash[32];

    (void)state;
    czi_blake3_init(&h);
    for (size_t i = 0, at = 0; i < CZI_COUNTOF(vectors); i++) {
        czi_blake3_update(&h, data + at, vectors[i].len - at);
        at = vectors[i].len;
        czi_blake3_final(&h, hash);
        assert_hash(hash, vectors[i].hash);
    }
}

/* Random messages: each path against one message at a time on the portable one, which the
 * vectors and b3sum vouch for. Every count that leaves another remainder in the lanes. */
static void many_equals_one_at_a_time_for_every_count_and_mix(void **state)
{
    enum { COUNT = 70 };
    const uint8_t *bytes = pattern(), *data[COUNT];
    uint32_t len[COUNT];
    uint8_t out[COUNT + 1][32], expected[32], untouched[32];
    struct czi_rng r = czi_rng(2);

    (void)state;
    memset(untouched, 0xee, sizeof untouched);
    for (size_t count = 0; count <= COUNT; count++) {
        for (unsigned mix = 0; mix < 4; mix++) {
            static const unsigned len_max[] = {64, 300, 1024, 2100};

            for (size_t i = 0; i < count; i++) {
                data[i] = bytes + czi_rng_below(&r, 4096);
                len[i] = (uint32_t)czi_rng_below(&r, len_max[mix] + 1);
            }
            for (size_t l = 0; l < CZI_COUNTOF(limits); l++) {
                (void)czi_blake3_limit_lanes(limits[l]);
                memset(out, 0xee, sizeof out);
                czi_blake3_many(data, len, count, out);
                assert_memory_equal(out[count], untouched, 32);
                (void)czi_blake3_limit_lanes(1);
                for (size_t i = 0; i < count; i++) {
                    czi_blake3(data[i], len[i], expected);
                    assert_memory_equal(out[i], expected, 32);
                }
            }
        }
    }
}

/* One line of b3sum's output a file. */
static void b3sum_files(const char *dir, size_t count, char (*hash)[65])
{
    char command[512], line[256];
    FILE *p;

    (void)snprintf(command, sizeof command, "cd '%s' && b3sum --no-names $(seq 0 %zu)", dir,
                   count - 1);
    p = popen(command, "r");
    assert_non_null(p);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(fgets(line, sizeof line, p));
        memcpy(hash[i], line, 64);
        hash[i][64] = 0;
    }
    assert_int_equal(pclose(p), 0);
}

static void b3sum_agrees_with_every_path(void **state)
{
    enum { COUNT = 60, MAX = 600000 };
    char dir[] = "/tmp/causality-b3sum-XXXXXX", path[64];
    static char hash[COUNT][65];
    static uint8_t bytes[COUNT][MAX], out[COUNT][32];
    const uint8_t *data[COUNT];
    uint32_t len[COUNT];
    struct czi_rng r = czi_rng(test_env("SEED", 3));

    (void)state;
    if (system("b3sum --version >/dev/null 2>&1") != 0)
        skip();
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < COUNT; i++) {
        static const unsigned max[] = {300, 1024, 20000, MAX};
        FILE *f;

        len[i] = (uint32_t)czi_rng_below(&r, max[i % 4] + 1);
        data[i] = bytes[i];
        for (size_t k = 0; k < len[i]; k++)
            bytes[i][k] = (uint8_t)czi_rng_next(&r);
        (void)snprintf(path, sizeof path, "%s/%zu", dir, i);
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes[i], 1, len[i], f), len[i]);
        assert_int_equal(fclose(f), 0);
    }
    b3sum_files(dir, COUNT, hash);
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(path, sizeof path, "%s/%zu", dir, i);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);

    for (size_t l = 0; l < CZI_COUNTOF(limits); l++) {
        (void)czi_blake3_limit_lanes(limits[l]);
        czi_blake3_many(data, len, COUNT, out);
        for (size_t i = 0; i < COUNT; i++) {
            uint8_t one[32];

            assert_hash(out[i], hash[i]);
            czi_blake3(data[i], len[i], one);
            assert_hash(one, hash[i]);
            hash_in_pieces(&r, data[i], len[i], 1 + czi_rng_below(&r, 5000), one);
            assert_hash(one, hash[i]);
        }
    }
}

/* Messages that begin right after an unreadable page, and ones that end right before one: a
 * read beyond either end would be the end of the test. */
static void messages_need_no_readable_bytes_around_them(void **state)
{
    enum { COUNT = 35, SIZE = PAGE };
    uint8_t *base =
        mmap(NULL, SIZE + 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const uint8_t *data[COUNT];
    uint32_t len[COUNT];
    uint8_t out[COUNT][32], expected[32];

    (void)state;
    assert_ptr_not_equal(base, MAP_FAILED);
    memcpy(base + PAGE, pattern(), SIZE);
    assert_int_equal(mprotect(base, PAGE, PROT_NONE), 0);
    assert_int_equal(mprotect(base + PAGE + SIZE, PAGE, PROT_NONE), 0);
    for (uint32_t n = 0; n <= 1100; n++) {
        for (size_t i = 0; i < COUNT; i++) {
            len[i] = n;
            data[i] = i % 2 ? base + PAGE : base + PAGE + SIZE - n;
        }
        for (size_t l = 0; l < CZI_COUNTOF(limits); l++) {
            (void)czi_blake3_limit_lanes(limits[l]);
            czi_blake3_many(data, len, COUNT, out);
            czi_blake3(data[0], n, expected);
            assert_memory_equal(out[0], expected, 32);
            assert_memory_equal(out[COUNT - 1], expected, 32);
        }
    }
    assert_int_equal(munmap(base, SIZE + 2 * PAGE), 0);
}

/* Chunk 2^32 and those after it, which no test can reach byte by byte. */
static void chunks_beyond_four_terabytes_hash_alike_on_every_path(void **state)
{
    const uint8_t *data = pattern();
    uint8_t first[32], hash[32];

    (void)state;
    for (size_t l = 0; l < CZI_COUNTOF(limits); l++) {
        struct czi_blake3 h;

        (void)czi_blake3_limit_lanes(limits[l]);
        czi_blake3_init(&h);
        h.chunks = 1ull << 32;
        h.stack_len = 1; /* one subtree of 2^32 chunks */
        memset(h.stack[0], 7, 32);
        czi_blake3_update(&h, data, 40000);
        czi_blake3_final(&h, hash);
        if (l == 0)
            memcpy(first, hash, 32);
        assert_memory_equal(hash, first, 32);

        h.chunks = 0;
        h.chunk_len = 0;
        h.stack_len = 1;
        memset(h.stack[0], 7, 32);
        czi_blake3_update(&h, data, 1024);
        czi_blake3_final(&h, hash);
        assert_memory_not_equal(hash, first, 32);
    }
}

static void lanes_are_limited_and_restored(void **state)
{
    unsigned most = czi_blake3_limit_lanes(0);

    (void)state;
    assert_int_equal(czi_blake3_limit_lanes(1), 1);
    for (unsigned n = 1; n <= 16; n++)
        assert_true(czi_blake3_limit_lanes(n) <= n);
    assert_int_equal(czi_blake3_limit_lanes(0), most);
}

static void hashing_allocates_nothing(void **state)
{
    const uint8_t *data[40];
    uint32_t len[40];
    uint8_t out[40][32];

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        data[i] = pattern();
        len[i] = (uint32_t)(i * 100);
    }
    czi_alloc_fail_after(0);
    czi_blake3_many(data, len, 40, out);
    czi_blake3(data[0], LEN_MAX, out[0]);
    assert_false(czi_alloc_failed());
    czi_alloc_fail_after(-1);
}

#define ON_EVERY_PATH(fn) cmocka_unit_test_teardown(fn, default_lanes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_PATH(one_shot_gives_the_published_vectors_on_every_path),
        ON_EVERY_PATH(streaming_gives_the_published_vectors_on_every_path),
        ON_EVERY_PATH(many_gives_the_published_vectors_on_every_path),
        ON_EVERY_PATH(many_equals_one_at_a_time_for_every_count_and_mix),
        ON_EVERY_PATH(b3sum_agrees_with_every_path),
        ON_EVERY_PATH(messages_need_no_readable_bytes_around_them),
        ON_EVERY_PATH(chunks_beyond_four_terabytes_hash_alike_on_every_path),
        ON_EVERY_PATH(lanes_are_limited_and_restored),
        cmocka_unit_test(a_hasher_goes_on_after_final),
        cmocka_unit_test(hashing_allocates_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
