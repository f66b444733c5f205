/* transfer.h - which transactions move value, from whom to whom and how much.
 *
 * Layer: domain/ethereum. Threads: pure functions. Source: EIP-20 for the calls; the rules:
 *
 * - native: a recipient, value above zero, empty input;
 * - ERC-20 transfer(address,uint256): selector a9059cbb, exactly 68 bytes of input, the
 *   address word with twelve leading zero bytes, to the token contract;
 * - ERC-20 transferFrom(address,address,uint256): 23b872dd, exactly 100 bytes, likewise.
 *
 * An ERC-20 amount of zero is a transfer like any other (EIP-20). A call that also carries
 * ether is a token transfer nevertheless: the ether is not counted. A creation is never a
 * transfer. What a transaction asks for need not have happened (only a receipt proves success),
 * so ERC-20 transfers are named "as submitted".
 */
#ifndef CZI_ETH_TRANSFER_H
#define CZI_ETH_TRANSFER_H

#include "domain/ethereum/transaction.h"

enum czi_eth_standard {
    CZI_ETH_NATIVE,
    CZI_ETH_ERC20_TRANSFER,
    CZI_ETH_ERC20_TRANSFER_FROM,
    CZI_ETH_STANDARDS,
};

struct czi_eth_transfer {
    uint32_t tx_index;
    enum czi_eth_standard standard;
    uint8_t sender[20]; /* who signed */
    uint8_t from[20], to[20];
    uint8_t token[20];    /* the contract; zero for native */
    uint8_t amount[32];   /* big-endian */
    bool too_large;       /* the amount exceeds a signed 128-bit position: not applied */
    cz_quantity quantity; /* the amount; 0 when too large */
};

/* As facts and people see it: "native", "erc20 transfer, as submitted", … */
const char *czi_eth_standard_name(enum czi_eth_standard standard);

/* False when the transaction is no transfer. */
CZI_MUST_USE bool czi_eth_transfer_of(const struct czi_eth_tx *tx, uint32_t tx_index,
                                      const uint8_t sender[20], struct czi_eth_transfer *ret);

#endif
