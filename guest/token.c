/* token.c - a token of one's own: balances are resources that only this code can change.
 *
 * Effect. The balance of a key is the data resource whose label is the key in hex, created and
 * controlled by this code: 16 bytes, little endian. Inputs:
 *
 *   'm' amount(16)                 mints for the first signer, who is the minter from the first
 *                                  time on ("minter" holds the key)
 *   't' from(32) to(32) amount(16) moves; `from` must have signed
 *
 * Resources may be declared or not: the template below says what a transfer touches.
 */
#include <causality/guest.h>

struct transfer {
    uint8_t what, from[32], to[32], amount[16];
};

CZG_TEMPLATE(from, .from = CZ_TEMPLATE_OWN_HEX, .mode = CZ_WRITE, .offset = 1, .length = 32);
CZG_TEMPLATE(to, .from = CZ_TEMPLATE_OWN_HEX, .mode = CZ_WRITE, .offset = 33, .length = 32);

typedef unsigned __int128 amount;

static amount read_amount(const uint8_t bytes[16])
{
    amount a;

    memcpy(&a, bytes, sizeof a);
    return a;
}

/* The resource with this label, made if it is not there. */
static int64_t own(const char *label, size_t len, size_t size)
{
    struct cz_guest_new data = {.kind = CZ_DATA,
                                .label = CZG_PTR(label),
                                .label_len = len,
                                .length = size};
    int64_t index = czg_open_own(label, len, CZ_WRITE);

    if (czg_length(index) < 0 && czg_allocate(index, &data))
        czg_fail("token: a resource cannot be made");
    return index;
}

static int64_t balance_of(const uint8_t key[32])
{
    char label[64];

    czg_hex(key, 32, label);
    return own(label, sizeof label, sizeof(amount));
}

static amount load(int64_t balance)
{
    uint8_t bytes[16];

    (void)czg_load(balance, 0, bytes, sizeof bytes);
    return read_amount(bytes);
}

static void credit(int64_t balance, amount a)
{
    amount sum = load(balance) + a;

    if (sum < a)
        czg_fail("token: the balance would be too large");
    (void)czg_store(balance, 0, &sum, sizeof sum);
}

static int64_t mint(amount a)
{
    static const uint8_t nobody[32];
    uint8_t signer[32], minter[32];
    int64_t rule = own("minter", 6, 32);

    if (czg_signer(0, signer))
        czg_fail("token: nobody has signed");
    (void)czg_load(rule, 0, minter, sizeof minter);
    if (!memcmp(minter, nobody, sizeof minter))
        (void)czg_store(rule, 0, signer, sizeof signer);
    else if (memcmp(minter, signer, sizeof minter))
        czg_fail("token: only the minter mints");
    credit(balance_of(signer), a);
    return 0;
}

static int64_t transfer(const struct transfer *t)
{
    amount a = read_amount(t->amount), before, after;
    int64_t from = balance_of(t->from), to = balance_of(t->to);

    if (!czg_has_signed(t->from))
        czg_fail("token: the owner has not signed");
    before = load(from);
    if (before < a)
        czg_fail("token: not so much is there");
    after = before - a;
    (void)czg_store(from, 0, &after, sizeof after);
    credit(to, a);
    return 0;
}

int64_t guest_main(const uint8_t *input, size_t len)
{
    if (len == 17 && input[0] == 'm')
        return mint(read_amount(input + 1));
    if (len == sizeof(struct transfer) && input[0] == 't')
        return transfer((const struct transfer *)input);
    czg_fail("token: no such input, see token.c");
}
