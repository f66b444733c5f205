/* swap_planted.c - the swap with the fault that the decision record's example has: two claims
 * and two refunds, one after the other, each an effect of its own. test_swap.c must find it.
 */
#undef CZ_MODULE
#include <causality/causality.h>
#undef CZ_MODULE
#define CZ_MODULE(programs)
#include "../../examples/swap.c"

const cz_program_def *planted_programs(void);

static int pay_each(cz_program *p, struct swap *s, bool forth, cz_error *err)
{
    cz_result result = {0};
    int rc = CZ_OK;

    for (unsigned i = 0; i < 2 && !rc; i++)
        rc = pay(p, &(struct way){&s->legs[i], 1, forth}, &result, err);
    return rc;
}

static int claim_both(cz_program *p, void *arg, uint64_t *ret, cz_error *err)
{
    struct swap *s = arg;
    cz_branch funding[] = {{fund, &s->legs[0]}, {fund, &s->legs[1]}};
    int rc = cz_fork_join(p, funding, 2, NULL, err);

    (void)ret;
    return rc ? rc : pay_each(p, s, true, err);
}

static int planted(cz_program *p, const void *args, size_t len, cz_error *err)
{
    struct swap s = {0};
    cz_future ways[2];
    size_t way = 0;
    int rc = len ? read_arguments(&s, args, err) : CZ_INVALID;

    if (rc)
        return rc;
    ways[0] = cz_fork(p, claim_both, &s);
    ways[1] = cz_fork(p, refund, s.legs);
    rc = cz_race_ok(p, ways, 2, &way, NULL, err);
    cz_program_return(p, way);
    return rc;
}

static const cz_program_def planted_list[] = {{"swap", 1, planted, "one or the other"}, {0}};

const cz_program_def *planted_programs(void)
{
    (void)swap;
    (void)programs;
    return planted_list;
}
