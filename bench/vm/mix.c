/* mix.c - what CoreMark is made of, written anew: lists, matrices, a state machine, a CRC.
 */
#include "kernel.h"

/* ---- A list that is searched, reversed and sorted by merging ---- */

struct item {
    struct item *next;
    int16_t key, value;
};
#define ITEMS 120u
static struct item items[ITEMS];

static struct item *list_make(uint32_t seed)
{
    for (unsigned i = 0; i < ITEMS; i++) {
        seed = seed * 1103515245u + 12345u;
        items[i].key = (int16_t)(seed >> 16);
        items[i].value = (int16_t)i;
        items[i].next = i + 1 < ITEMS ? &items[i + 1] : 0;
    }
    return items;
}

static struct item *list_find(struct item *at, int16_t value)
{
    while (at && at->value != value)
        at = at->next;
    return at;
}

static struct item *list_reverse(struct item *at)
{
    struct item *done = 0, *next;

    for (; at; at = next) {
        next = at->next;
        at->next = done;
        done = at;
    }
    return done;
}

static struct item *list_merge(struct item *a, struct item *b, int by_key)
{
    struct item *head = 0, **end = &head;

    while (a && b) {
        struct item **least = (by_key ? a->key <= b->key : a->value <= b->value) ? &a : &b;

        *end = *least;
        end = &(*least)->next;
        *least = (*least)->next;
    }
    *end = a ? a : b;
    return head;
}

static struct item *list_sort(struct item *at, int by_key)
{
    struct item *bins[8] = {0};

    while (at) {
        struct item *run = at;
        unsigned i = 0;

        at = at->next;
        run->next = 0;
        for (; bins[i]; bins[i++] = 0)
            run = list_merge(bins[i], run, by_key);
        bins[i] = run;
    }
    for (unsigned i = 0; i < 8; i++)
        at = list_merge(bins[i], at, by_key);
    return at;
}

/* ---- Matrices of small numbers ---- */

#define SIDE 12
static int16_t left[SIDE][SIDE], right[SIDE][SIDE];
static int32_t product[SIDE][SIDE];

static uint32_t matrices(int16_t by)
{
    uint32_t sum = 0;

    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = (int16_t)(i * j + by);
            right[i][j] = (int16_t)(i - j * by);
        }
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            int32_t v = 0;

            for (int k = 0; k < SIDE; k++)
                v += (int32_t)left[i][k] * right[k][j];
            product[i][j] = v;
            sum += (uint32_t)(v >> 2 & 0xf) * (uint32_t)(v >> 5 & 0x7f);
        }
    return sum;
}

/* ---- Numbers in a text, by a state machine ---- */

enum { START, SIGN, INTEGER, FRACTION, EXPONENT, SCIENTIFIC, BAD, STATES };

static int next_state(int state, char c)
{
    int digit = c >= '0' && c <= '9';

    switch (state) {
    case START:
        return digit ? INTEGER : c == '+' || c == '-' ? SIGN : c == '.' ? FRACTION : BAD;
    case SIGN:
        return digit ? INTEGER : c == '.' ? FRACTION : BAD;
    case INTEGER:
        return digit ? INTEGER : c == '.' ? FRACTION : c == 'e' ? EXPONENT : BAD;
    case FRACTION:
        return digit ? FRACTION : c == 'e' ? EXPONENT : BAD;
    case EXPONENT:
        return digit ? SCIENTIFIC : c == '+' || c == '-' ? SCIENTIFIC : BAD;
    case SCIENTIFIC:
        return digit ? SCIENTIFIC : BAD;
    default:
        return BAD;
    }
}

static uint32_t states(const char *text, char flip)
{
    uint32_t counts[STATES] = {0}, sum = 0;
    int state = START;

    for (; *text; text++) {
        char c = (char)(*text ^ ((*text & 15) == 3 ? flip : 0));

        if (c == ',') {
            counts[state]++;
            state = START;
        } else {
            state = next_state(state, c);
        }
    }
    for (int i = 0; i < STATES; i++)
        sum = sum * 31 + counts[i];
    return sum;
}

/* ---- A cyclic redundancy check, bit by bit ---- */

static uint16_t crc(uint32_t data, uint16_t at)
{
    for (unsigned i = 0; i < 32; i++, data >>= 1) {
        unsigned bit = (data ^ at) & 1;

        at = (uint16_t)(at >> 1);
        if (bit)
            at ^= 0xa001;
    }
    return at;
}

uint64_t KERNEL(void)
{
    static const char text[] =
        "5012,1234,-874,+122,35.54400,.1234500,-110.700,+0.64400,5.500e+3,-.123e-2,-87e+832,"
        "+0.6e-12,T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^";
    uint16_t check = 0;

    for (uint32_t round = 0; round < 2600; round++) {
        struct item *list = list_make(round);

        list = list_sort(list, 1);
        for (int16_t i = 0; i < 40; i++) {
            struct item *found = list_find(list, (int16_t)(i * 3));

            check = crc(found ? (uint32_t)(uint16_t)found->key : 1u, check);
            list = i & 4 ? list_reverse(list) : list;
        }
        list = list_sort(list, 0);
        check = crc((uint32_t)(uint16_t)list->key, check);
        check = crc(matrices((int16_t)(round & 15)), check);
        check = crc(states(text, (char)(round & 7)), check);
        check = crc(states(text, (char)(round >> 3 & 7)), check);
    }
    return check;
}
