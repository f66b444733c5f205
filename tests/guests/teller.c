/* teller.c - moves an amount between two accounts, with about 1,000 instructions: what
 * bench/predicted.c and tests run, declared and not. teller_template.c is the same with a
 * template.
 *
 * Input: what(8, the first byte counts) from(32) to(32) amount(8). An account has 64 bytes of
 * data: balance, how often it was used, and a hash of all that happened to it.
 *
 *   'i'  from and to are ids of resources
 *   'n'  they are names, filled up with zeroes: resources of this code's own, "account:NAME"
 *   'c'  makes the account with the name `from`, with this amount
 */
#include <causality/guest.h>

struct order {
    uint8_t what[8];
    uint8_t from[32], to[32];
    uint64_t amount;
};
struct account {
    uint64_t balance, uses, hash[6];
};

#ifdef TELLER_TEMPLATE
CZG_TEMPLATE(from_id, .from = CZ_TEMPLATE_INPUT_ID, .mode = CZ_WRITE, .offset = 8);
CZG_TEMPLATE(to_id, .from = CZ_TEMPLATE_INPUT_ID, .mode = CZ_WRITE, .offset = 40);
CZG_TEMPLATE(from_name, .from = CZ_TEMPLATE_OWN_LABEL, .mode = CZ_WRITE,
             .prefix = "account:", .prefix_len = 8, .offset = 8, .length = 32);
CZG_TEMPLATE(to_name, .from = CZ_TEMPLATE_OWN_LABEL, .mode = CZ_WRITE,
             .prefix = "account:", .prefix_len = 8, .offset = 40, .length = 32);
#endif

static size_t put_label(char label[48], const uint8_t name[32])
{
    size_t len = 0;

    memcpy(label, "account:", 8);
    while (len < 32 && name[len]) {
        label[8 + len] = (char)name[len];
        len++;
    }
    return 8 + len;
}

static int64_t open_name(const uint8_t name[32])
{
    char label[48];

    return czg_open_own(label, put_label(label, name), CZ_WRITE);
}

static int64_t create(const struct order *o)
{
    struct account a = {.balance = o->amount};
    char label[48];
    size_t len = put_label(label, o->from);
    struct cz_guest_new new = {.kind = CZ_DATA,
                               .label = CZG_PTR(label),
                               .label_len = len,
                               .length = sizeof a};
    int64_t index = open_name(o->from);

    if (czg_allocate(index, &new))
        czg_fail("teller: there is such an account");
    return czg_store(index, 0, &a, sizeof a);
}

/* What takes time: each account's hash goes through all of its words. */
static void stir(struct account *a, uint64_t with)
{
    for (unsigned round = 0; round < 12; round++)
        for (unsigned i = 0; i < 6; i++) {
            a->hash[i] = (a->hash[i] ^ with) * 0x9e3779b97f4a7c15u;
            with ^= a->hash[i] >> 29;
        }
}

static int64_t move(int64_t from, int64_t to, uint64_t amount)
{
    struct account a, b;

    if (czg_load(from, 0, &a, sizeof a) != sizeof a ||
        czg_load(to, 0, &b, sizeof b) != sizeof b)
        czg_fail("teller: no such account");
    if (from == to || a.balance < amount)
        czg_fail("teller: not so much is there");
    a.balance -= amount;
    b.balance += amount;
    a.uses++;
    b.uses++;
    stir(&a, b.uses);
    stir(&b, a.uses);
    (void)czg_store(from, 0, &a, sizeof a);
    return czg_store(to, 0, &b, sizeof b);
}

int64_t guest_main(const uint8_t *input, size_t len)
{
    const struct order *o = (const struct order *)input;

    if (len != sizeof *o)
        return 2;
    if (o->what[0] == 'c')
        return create(o);
    if (o->what[0] == 'n')
        return move(open_name(o->from), open_name(o->to), o->amount);
    return move(czg_open((const cz_id *)o->from, CZ_WRITE),
                czg_open((const cz_id *)o->to, CZ_WRITE), o->amount);
}
