/* swap_outcomes.c - everything that can become of a swap, each as a short timeline.
 *
 *     build/examples/swap_outcomes
 *
 * The program is examples/swap.c as it is, in a simulated world: blocks are final two blocks
 * later, the claim deadline is at 100, the refund deadline at 120, in the time of the moon.
 */
#include "swap_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(struct swap_world *w, const char *what)
{
    (void)printf("  %4" PRIu64 "  %s\n", swap_time(w), what);
}

/* What the ledger has decided, as far as its balances show it. */
struct seen {
    cz_quantity held[SIDES], reserve[SIDES];
    bool ended, frozen;
};

static int note_frozen(void *arg, const cz_domain *domain)
{
    *(bool *)arg |= domain->frozen;
    return CZ_OK;
}

static void show_changes(struct swap_world *w, struct seen *before)
{
    struct seen now = {.ended = before->ended};
    cz_program_report r;
    char what[160];
    cz_error err = {0};

    for (int i = 0; i < SIDES; i++) {
        const char *asset = w->sides[i].asset;

        now.held[i] = swap_held(w, i, false);
        now.reserve[i] = swap_held(w, i, true);
        if (now.held[i] > before->held[i])
            (void)snprintf(what, sizeof what, "ledger: the escrow is credited with %d %s",
                           (int)(now.held[i] - before->held[i]), asset);
        else if (now.reserve[i] > before->reserve[i])
            (void)snprintf(what, sizeof what, "ledger: %d %s are in the outbox",
                           (int)now.reserve[i], asset);
        else if (now.reserve[i] < before->reserve[i])
            (void)snprintf(what, sizeof what, "ledger: the payment of %d %s is proven",
                           (int)(before->reserve[i] - now.reserve[i]), asset);
        else
            continue;
        show(w, what);
    }
    if (!cz_domain_list(w->engine, note_frozen, &now.frozen, &err) && now.frozen &&
        !before->frozen)
        show(w, "ledger: two final blocks contradict; the domain is frozen");
    if (!before->ended && swap_ended(w, &r)) {
        now.ended = true;
        (void)snprintf(what, sizeof what, "program: %s, %s",
                       cz_program_state_name((int)r.state), r.value ? "refunded" : "settled");
        show(w, what);
    }
    *before = now;
}

/* What happens at a time: the moon's. */
enum act { DEPOSIT, CRASH, HOLD_PAYMENTS, PAY, REORG, REORG_GONE, RESOLVE, END_ACTS };
struct event {
    uint64_t time;
    enum act act;
    int side;
    uint64_t depth;
};

struct outcome {
    const char *title;
    uint64_t claim, refund;
    struct event events[7];
    uint64_t paid[SIDES][2]; /* expected: on each chain back, forth */
};

static const struct outcome outcomes[] = {
    {"both settle",
     100,
     120,
     {{20, DEPOSIT, MOON, 0}, {40, DEPOSIT, SUN, 0}, {0, END_ACTS, 0, 0}},
     {{0, 100}, {0, 50}}},
    {"one never deposits", 100, 120, {{20, DEPOSIT, MOON, 0}, {0, END_ACTS, 0, 0}}, {{100, 0}}},
    {"a late deposit",
     100,
     120,
     {{20, DEPOSIT, MOON, 0}, {130, DEPOSIT, SUN, 0}, {0, END_ACTS, 0, 0}},
     {{100, 0}, {50, 0}}},
    {"claim and refund in the same instant",
     100,
     100,
     {{20, DEPOSIT, MOON, 0}, {70, DEPOSIT, SUN, 0}, {0, END_ACTS, 0, 0}},
     {{100, 0}, {50, 0}}},
    {"claim exactly at the deadline",
     100,
     120,
     {{20, DEPOSIT, MOON, 0}, {70, DEPOSIT, SUN, 0}, {0, END_ACTS, 0, 0}},
     {{0, 100}, {0, 50}}},
    {"one block after the deadline",
     100,
     120,
     {{20, DEPOSIT, MOON, 0}, {80, DEPOSIT, SUN, 0}, {0, END_ACTS, 0, 0}},
     {{100, 0}, {50, 0}}},
    {"a crash between decision and payment",
     100,
     120,
     {{20, DEPOSIT, MOON, 0},
      {20, DEPOSIT, SUN, 0},
      {20, HOLD_PAYMENTS, 0, 0},
      {60, CRASH, 0, 0},
      {70, PAY, 0, 0},
      {0, END_ACTS, 0, 0}},
     {{0, 100}, {0, 50}}},
    {"a deposit retracted before settling, and included again",
     100,
     120,
     {{20, DEPOSIT, MOON, 0}, {30, DEPOSIT, SUN, 0}, {30, REORG, MOON, 1}, {0, END_ACTS, 0, 0}},
     {{0, 100}, {0, 50}}},
    {"a deposit retracted before settling, and gone",
     100,
     120,
     {{20, DEPOSIT, MOON, 0},
      {30, DEPOSIT, SUN, 0},
      {30, REORG_GONE, MOON, 1},
      {0, END_ACTS, 0, 0}},
     {{0, 0}, {50, 0}}},
    {"a final deposit retracted after settling: nothing is paid before the operator decides",
     100,
     120,
     {{20, DEPOSIT, MOON, 0},
      {20, DEPOSIT, SUN, 0},
      {20, HOLD_PAYMENTS, 0, 0},
      {60, REORG, MOON, 5},
      {60, PAY, 0, 0},
      {90, RESOLVE, MOON, 0},
      {0, END_ACTS, 0, 0}},
     {{0, 100}, {0, 50}}},
};

static void act(struct swap_world *w, const struct event *e, bool *pays)
{
    switch (e->act) {
    case DEPOSIT:
        swap_deposit(w, e->side);
        break;
    case CRASH:
        swap_crash(w);
        break;
    case HOLD_PAYMENTS:
        *pays = false;
        break;
    case PAY:
        *pays = true;
        break;
    case REORG:
    case REORG_GONE:
        swap_reorg(w, e->side, e->depth, e->act == REORG);
        swap_observe(w, e->side);
        break;
    case RESOLVE:
        swap_resolve(w, e->side);
        break;
    default:
        break;
    }
}

static bool run(const struct outcome *o)
{
    struct swap_world w = {.say = show};
    cz_sim_options options = {.seed = 1};
    struct seen seen = {0};
    bool pays = true, as_expected = true;
    const char *wrong;

    (void)printf("%s (claim until %" PRIu64 ", refund from %" PRIu64 ")\n", o->title, o->claim,
                 o->refund);
    swap_world_init(&w, &options, cz_module_programs(), o->claim, o->refund, 200);
    while (swap_time(&w) < 260) {
        uint64_t now;

        swap_tick(&w);
        now = swap_time(&w);
        show_changes(&w, &seen);
        for (const struct event *e = o->events; e->act != END_ACTS; e++)
            if (e->time == now)
                act(&w, e, &pays);
        show_changes(&w, &seen);
        if (pays)
            swap_pay(&w);
        show_changes(&w, &seen);
    }
    wrong = swap_wrong(&w, true);
    for (int i = 0; i < SIDES; i++)
        as_expected &= w.sides[i].back == o->paid[i][0] && w.sides[i].forth == o->paid[i][1];
    if (!wrong && !as_expected)
        wrong = "other than it should be";
    (void)printf("        paid: alice %" PRIu64 " MOON %" PRIu64 " SUN, bob %" PRIu64
                 " MOON %" PRIu64 " SUN: %s\n\n",
                 w.sides[MOON].back, w.sides[SUN].forth, w.sides[MOON].forth, w.sides[SUN].back,
                 wrong ? wrong : "value is conserved, nobody has both legs");
    swap_world_done(&w);
    return !wrong;
}

int main(void)
{
    bool right = true;

    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        right &= run(&outcomes[i]);
    return right ? 0 : 1;
}
