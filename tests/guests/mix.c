/* mix.c - a guest whose every byte depends on all that it read: tests of the engine find out by
 * it whether effects ran on the right state. tests/guest_mix.h makes its input. */
#include <causality/guest.h>

struct mix {
    uint64_t flags, data_count, fungible_count, amount, loops, label;
    uint8_t ids[][32];
};
enum { OPEN = 1, FOLLOW = 2, TRAP = 4, FAIL = 8, SPIN = 16, OWN = 32, LOG = 64, LOOK = 128 };

static uint64_t stir(uint64_t h, uint64_t v)
{
    h ^= v;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static int64_t index_of(const struct mix *m, uint64_t place)
{
    return m->flags & OPEN ? czg_open((const cz_id *)m->ids[place], CZ_WRITE) : (int64_t)place;
}

/* A resource of the code's own, counted up. */
static uint64_t count_own(const struct mix *m, uint64_t h)
{
    struct cz_guest_new data = {.kind = CZ_DATA,
                                .label = (uint64_t)&m->label,
                                .label_len = 8,
                                .length = 8};
    int64_t index = czg_open_own(&m->label, 8, CZ_WRITE);
    uint64_t n = 0;

    if (index < 0)
        return h;
    if (czg_length(index) < 0)
        h = stir(h, (uint64_t)czg_allocate(index, &data));
    czg_load(index, 0, &n, sizeof n);
    n++;
    czg_store(index, 0, &n, sizeof n);
    return stir(h, n);
}

/* 64 bytes: a count, a hash of what all before it held, and an id to be looked at. */
static uint64_t mix_data(const struct mix *m, uint64_t place, uint64_t h)
{
    int64_t index = index_of(m, place);
    uint64_t words[8];

    if (czg_load(index, 0, words, sizeof words) != sizeof words)
        return stir(h, 77);
    for (unsigned i = 0; i < 8; i++)
        h = stir(h, words[i]);
    if (m->flags & FOLLOW && m->flags & OPEN) {
        struct cz_guest_info info;
        int64_t other = czg_open((const cz_id *)&words[2], CZ_READ);

        h = stir(h, czg_info(other, &info) ? 5 : info.version);
    }
    words[0]++;
    words[1] = h;
    if (!(m->flags & LOOK))
        czg_store(index, 0, words, sizeof words);
    return h;
}

int64_t guest_main(const uint8_t *input, size_t len)
{
    const struct mix *m = (const struct mix *)input;
    uint64_t h = len, k = m->data_count;

    for (uint64_t i = 0; i < m->data_count; i++)
        h = mix_data(m, i, h);
    for (uint64_t i = 0; i < m->loops; i++)
        h = stir(h, i);
    for (uint64_t i = 0; i + 1 < m->fungible_count; i++)
        h = stir(h, (uint64_t)czg_transfer(index_of(m, k + i), index_of(m, k + i + 1),
                                           m->amount + h % 3));
    if (m->flags & OWN)
        h = count_own(m, h);
    if (m->flags & LOG) {
        czg_log("mixed", 5);
        czg_output(&h, sizeof h);
    }
    if (m->flags & TRAP && h % 3 == 0)
        *(volatile uint64_t *)h = h;
    while (m->flags & SPIN && h % 5 == 0)
        __asm__ volatile("");
    return m->flags & FAIL && h % 4 == 0;
}
