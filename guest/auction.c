/* auction.c - the highest bid until a domain's time, with the money of whoever leads.
 *
 * Effect. State and money are controlled by this code. A higher bid pays back the one before in
 * the same effect, so the code never owes anybody anything. Inputs begin with what to do and a
 * name of 15 bytes (filled up with zeroes):
 *
 *   'o' name, struct terms            opens
 *   'b' name, struct bid              bids: before or at the deadline, more than the last
 *   'c' name                          closes, after the deadline: the seller gets the money
 */
#include <causality/guest.h>

struct terms {
    cz_id to; /* the seller's fungible */
    uint64_t deadline, least;
    char domain[32], asset[32];
};
struct bid {
    cz_id from; /* the bidder's fungible; gets it back too */
    uint64_t amount;
};
struct input {
    char what, name[15];
    union {
        struct terms terms;
        struct bid bid;
    };
};
struct auction {
    struct terms terms;
    struct bid best;
    uint64_t bids, is_over;
};

static int64_t open_part(const char name[15], bool money, char label[22], size_t *len)
{
    *len = czg_text_len(name, 15);
    memcpy(label, name, *len);
    if (money) {
        memcpy(label + *len, "/money", 6);
        *len += 6;
    }
    return czg_open_own(label, *len, CZ_WRITE);
}

static uint64_t now(const struct terms *t)
{
    struct cz_guest_time time;

    if (czg_time(t->domain, czg_text_len(t->domain, sizeof t->domain), &time))
        czg_fail("auction: nothing is known of the domain's time");
    return time.time;
}

static int64_t open(const struct input *in)
{
    struct auction a = {.terms = in->terms};
    char label[22], money_label[22];
    size_t len, money_len;
    int64_t state = open_part(in->name, false, label, &len),
            money = open_part(in->name, true, money_label, &money_len);
    struct cz_guest_new data = {.kind = CZ_DATA,
                                .label = CZG_PTR(label),
                                .label_len = len,
                                .length = sizeof a};
    struct cz_guest_new fungible = {.kind = CZ_FUNGIBLE,
                                    .label = CZG_PTR(money_label),
                                    .label_len = money_len,
                                    .asset = CZG_PTR(in->terms.asset),
                                    .asset_len = czg_text_len(in->terms.asset, 32)};

    if (czg_allocate(state, &data) || czg_allocate(money, &fungible))
        czg_fail("auction: there is one of this name");
    (void)czg_store(state, 0, &a, sizeof a);
    return 0;
}

static int64_t load(const struct input *in, struct auction *a)
{
    char label[22];
    size_t len;
    int64_t state = open_part(in->name, false, label, &len);

    if (czg_load(state, 0, a, sizeof *a) != sizeof *a || a->is_over)
        czg_fail("auction: there is none, or it is over");
    return state;
}

static int64_t bid(const struct input *in)
{
    struct auction a;
    char label[22];
    size_t len;
    int64_t state = load(in, &a), money = open_part(in->name, true, label, &len), rc = 0;

    if (now(&a.terms) > a.terms.deadline)
        czg_fail("auction: the time is over");
    if (in->bid.amount < a.terms.least || in->bid.amount <= a.best.amount)
        czg_fail("auction: that is not more");
    if (a.bids)
        rc = czg_transfer(money, czg_open(&a.best.from, CZ_WRITE), (cz_quantity)a.best.amount);
    if (!rc)
        rc =
            czg_transfer(czg_open(&in->bid.from, CZ_WRITE), money, (cz_quantity)in->bid.amount);
    a.best = in->bid;
    a.bids++;
    (void)czg_store(state, 0, &a, sizeof a);
    (void)czg_output(&a.bids, sizeof a.bids);
    return rc ? 2 : 0;
}

static int64_t close(const struct input *in)
{
    struct auction a;
    char label[22];
    size_t len;
    int64_t state = load(in, &a), money = open_part(in->name, true, label, &len), rc = 0;

    if (now(&a.terms) <= a.terms.deadline)
        czg_fail("auction: the time is not over");
    a.is_over = 1;
    (void)czg_store(state, 0, &a, sizeof a);
    if (a.bids)
        rc = czg_transfer(money, czg_open(&a.terms.to, CZ_WRITE), (cz_quantity)a.best.amount);
    (void)czg_output(&a.best, sizeof a.best);
    return rc ? 2 : 0;
}

int64_t guest_main(const uint8_t *input, size_t len)
{
    const struct input *in = (const struct input *)input;

    if (len == 16 + sizeof in->terms && in->what == 'o')
        return open(in);
    if (len == 16 + sizeof in->bid && in->what == 'b')
        return bid(in);
    if (len == 16 && in->what == 'c')
        return close(in);
    czg_fail("auction: no such input, see auction.c");
}
