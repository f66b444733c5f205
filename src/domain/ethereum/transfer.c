/* transfer.c - see transfer.h. */
#include "domain/ethereum/transfer.h"

#define WORD 32
#define SELECTOR 4

/* An ERC-20 call: its words are addresses, but for the amount, which is last. */
static const struct {
    const char *name;
    uint8_t selector[SELECTOR];
    size_t addresses;
} standards[CZI_ETH_STANDARDS] = {
    [CZI_ETH_NATIVE] = {"native", {0}, 0},
    [CZI_ETH_ERC20_TRANSFER] = {"erc20 transfer, as submitted", {0xa9, 0x05, 0x9c, 0xbb}, 1},
    [CZI_ETH_ERC20_TRANSFER_FROM] = {"erc20 transferFrom, as submitted",
                                     {0x23, 0xb8, 0x72, 0xdd},
                                     2},
};

const char *czi_eth_standard_name(enum czi_eth_standard standard)
{
    return standards[standard].name;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    while (n && !*p) {
        p++;
        n--;
    }
    return n == 0;
}

/* Whether the input is a call of this standard. */
static bool is_call(struct czi_slice input, enum czi_eth_standard standard)
{
    size_t addresses = standards[standard].addresses;

    if (input.len != SELECTOR + WORD * (addresses + 1) ||
        memcmp(input.data, standards[standard].selector, SELECTOR) != 0)
        return false;
    for (size_t i = 0; i < addresses; i++)
        if (!is_zero(input.data + SELECTOR + WORD * i, 12))
            return false;
    return true;
}

static void read_call(struct czi_slice input, struct czi_eth_transfer *t)
{
    const uint8_t *word = input.data + SELECTOR;

    if (t->standard == CZI_ETH_ERC20_TRANSFER_FROM) {
        memcpy(t->from, word + 12, 20);
        word += WORD;
    }
    memcpy(t->to, word + 12, 20);
    memcpy(t->amount, word + WORD, WORD);
}

static void set_quantity(struct czi_eth_transfer *t)
{
    unsigned __int128 v = 0;

    t->too_large = !is_zero(t->amount, 16) || t->amount[16] >= 0x80;
    for (size_t i = 16; i < WORD && !t->too_large; i++)
        v = v << 8 | t->amount[i];
    t->quantity = (cz_quantity)v;
}

bool czi_eth_transfer_of(const struct czi_eth_tx *tx, uint32_t tx_index,
                         const uint8_t sender[20], struct czi_eth_transfer *ret)
{
    struct czi_eth_transfer t = {.tx_index = tx_index, .standard = CZI_ETH_NATIVE};

    if (!tx->to.present)
        return false;
    memcpy(t.sender, sender, 20);
    memcpy(t.from, sender, 20);
    if (tx->input.len == 0) {
        memcpy(t.to, tx->to.address, 20);
        memcpy(t.amount, tx->value, WORD);
    } else {
        t.standard = CZI_ETH_ERC20_TRANSFER;
        while (t.standard < CZI_ETH_STANDARDS && !is_call(tx->input, t.standard))
            t.standard++;
        if (t.standard == CZI_ETH_STANDARDS)
            return false;
        memcpy(t.token, tx->to.address, 20);
        read_call(tx->input, &t);
    }
    if (t.standard == CZI_ETH_NATIVE && is_zero(t.amount, WORD))
        return false;
    set_quantity(&t);
    *ret = t;
    return true;
}
