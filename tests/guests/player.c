/* player.c - a guest that does what its input says: a list of steps, then bytes that they point
 * to. tests/guest_script.h makes the input. What each step gave is put out at the end. */
#include <causality/guest.h>

enum what { END, CALL, COPY, LOAD, STORE };
struct step {
    uint64_t what, a[7];
};

enum { RESULTS_MAX = 500 };
static int64_t results[RESULTS_MAX];
static size_t result_count;

static void keep(int64_t result)
{
    if (result_count < RESULTS_MAX)
        results[result_count++] = result;
}

static void copy(uint64_t to, uint64_t from, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++)
        ((volatile uint8_t *)to)[i] = ((volatile uint8_t *)from)[i];
}

static int64_t load(uint64_t from, uint64_t len)
{
    uint64_t value = 0;

    copy((uint64_t)&value, from, len);
    return (int64_t)value;
}

/* END (code, whether the results are put out) */
int64_t guest_main(const uint8_t *input, size_t len)
{
    const struct step *s = (const struct step *)input;

    (void)len;
    for (;; s++) {
        switch (s->what) {
        case CALL:
            keep(czg_call(s->a[0], s->a[1], s->a[2], s->a[3], s->a[4], s->a[5], s->a[6]));
            break;
        case COPY:
            copy(s->a[0], s->a[1], s->a[2]);
            break;
        case LOAD:
            keep(load(s->a[0], s->a[1]));
            break;
        case STORE:
            copy(s->a[0], (uint64_t)&s->a[1], s->a[2]);
            break;
        default:
            if (s->a[1])
                (void)czg_output(results, result_count * sizeof results[0]);
            return (int64_t)s->a[0];
        }
    }
}
