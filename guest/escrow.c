/* escrow.c - money of a buyer is held until somebody decides, or the time is over.
 *
 * Effect. The escrow is a data resource, its money a fungible one, both controlled by this
 * code. Inputs begin with what to do and a name of 15 bytes (filled up with zeroes):
 *
 *   'o' name, struct terms  opens: the first signer is the buyer, whose money moves in
 *   'r' name                releases to the seller: the buyer or the arbiter has signed
 *   'b' name                gives it back: the seller or the arbiter has signed, or the
 * domain's time is past the deadline
 */
#include <causality/guest.h>

struct terms {
    uint8_t seller[32], arbiter[32];
    cz_id from, to; /* fungibles of buyer and seller */
    uint64_t amount, deadline;
    char domain[32], asset[32];
};
struct input {
    char what, name[15];
    struct terms terms;
};
struct escrow {
    struct terms terms;
    uint8_t buyer[32];
    uint64_t is_over;
};

/* "<name>" and "<name>/money" */
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

static int64_t open(const struct input *in)
{
    struct escrow e = {.terms = in->terms};
    char label[22], money_label[22];
    size_t len, money_len;
    int64_t state = open_part(in->name, false, label, &len),
            money = open_part(in->name, true, money_label, &money_len);
    struct cz_guest_new data = {.kind = CZ_DATA,
                                .label = CZG_PTR(label),
                                .label_len = len,
                                .length = sizeof e};
    struct cz_guest_new fungible = {.kind = CZ_FUNGIBLE,
                                    .label = CZG_PTR(money_label),
                                    .label_len = money_len,
                                    .asset = CZG_PTR(in->terms.asset),
                                    .asset_len = czg_text_len(in->terms.asset, 32)};

    if (czg_signer(0, e.buyer))
        czg_fail("escrow: nobody has signed");
    if (czg_allocate(state, &data) || czg_allocate(money, &fungible))
        czg_fail("escrow: there is one of this name");
    (void)czg_store(state, 0, &e, sizeof e);
    return czg_transfer(czg_open(&in->terms.from, CZ_WRITE), money, (cz_quantity)e.terms.amount)
               ? 2
               : 0;
}

static bool is_late(const struct escrow *e)
{
    struct cz_guest_time now;

    return czg_time(e->terms.domain, czg_text_len(e->terms.domain, 32), &now) == 0 &&
           now.time > e->terms.deadline;
}

static int64_t end(const struct input *in, bool forth)
{
    char label[22];
    size_t len;
    struct escrow e;
    int64_t state = open_part(in->name, false, label, &len);

    if (czg_load(state, 0, &e, sizeof e) != sizeof e || e.is_over)
        czg_fail("escrow: there is none, or it is over");
    if (!(czg_has_signed(forth ? e.buyer : e.terms.seller) || czg_has_signed(e.terms.arbiter) ||
          (!forth && is_late(&e))))
        czg_fail("escrow: whoever could decide has not signed");
    e.is_over = 1;
    (void)czg_store(state, 0, &e, sizeof e);
    return czg_transfer(open_part(in->name, true, label, &len),
                        czg_open(forth ? &e.terms.to : &e.terms.from, CZ_WRITE),
                        (cz_quantity)e.terms.amount)
               ? 2
               : 0;
}

int64_t guest_main(const uint8_t *input, size_t len)
{
    const struct input *in = (const struct input *)input;

    if (len == sizeof *in && in->what == 'o')
        return open(in);
    if (len == 16 && (in->what == 'r' || in->what == 'b'))
        return end(in, in->what == 'r');
    czg_fail("escrow: no such input, see escrow.c");
}
