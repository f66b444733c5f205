/* fuzz_eth_tx.c - the transaction decoder, and the recovery of senders, over any bytes.
 *
 * Properties: every slice lies within the input, what the sender signed is within it too, and
 * a sender that is found with s in the lower half is found at any height.
 */
#include "eth_seed.h"

static void check_within(struct czi_slice s, const uint8_t *data, size_t size)
{
    CZI_CHECK(!s.len || (s.data >= data && s.data + s.len <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct czi_eth_transfer t;
    struct czi_eth_tx tx;
    uint8_t hash[32], early[20], late[20];
    cz_error err = {0};

    if (czi_eth_tx_decode(data, size, &tx, &err) != CZ_OK) {
        CZI_CHECK(strncmp(err.detail, "transaction: ", 13) == 0);
        return 0;
    }
    check_within(tx.input, data, size);
    check_within(tx.access_list, data, size);
    check_within(tx.blob_hashes, data, size);
    check_within(tx.authorisations, data, size);
    check_within(tx.signed_fields, data, size);
    CZI_CHECK(tx.y_parity <= 1);
    czi_eth_tx_hash(&tx, hash);
    if (czi_eth_tx_sender(&tx, CZI_ETH_HOMESTEAD_BLOCK, late, NULL) == CZ_OK) {
        CZI_CHECK(czi_eth_tx_sender(&tx, 0, early, NULL) == CZ_OK);
        CZI_CHECK(memcmp(early, late, 20) == 0);
        if (czi_eth_transfer_of(&tx, 0, late, &t))
            CZI_CHECK(t.too_large ? t.quantity == 0 : t.quantity > 0);
    }
    return 0;
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    struct czi_eth_block *b;

    if (i > CZI_COUNTOF(seed_transactions))
        return false;
    if (i < CZI_COUNTOF(seed_transactions)) {
        put_hex(out, seed_transactions[i]);
        return true;
    }
    b = seed_block();
    czi_buf_put(out, b->txs[0].bytes.data, b->txs[0].bytes.len);
    czi_eth_block_free(b);
    return true;
}
