/* fields.h - the fields of headers, transactions, withdrawals and authorisations, as tables:
 * one row gives a field's name in JSON, its kind, and where it lies in the C struct. JSON and
 * RLP are read by the same rows.
 *
 * Layer: domain/ethereum. Threads: pure functions. Source: the execution-apis specification
 * for JSON (quantities without leading zeroes, data by whole bytes, lower-case hex), the
 * yellow paper and the EIPs named at each table for the order in RLP.
 *
 * The JSON forms are strict: exactly one text for one value, so that no character of a block
 * can be changed unnoticed. All nodes whose output we have seen (geth, reth, anvil 1.7) write
 * r, s and every other number as a quantity without leading zeroes; padded ones are refused.
 */
#ifndef CZI_ETH_FIELDS_H
#define CZI_ETH_FIELDS_H

#include "domain/ethereum/rlp.h"

#include <jansson.h>

/* kind, C type */
enum czi_eth_kind {
    CZI_ETH_U64,            /* uint64_t */
    CZI_ETH_U256,           /* uint8_t[32], big-endian */
    CZI_ETH_ADDRESS,        /* uint8_t[20] */
    CZI_ETH_TO,             /* struct czi_eth_to: an address or, for a creation, none */
    CZI_ETH_HASH,           /* uint8_t[32] */
    CZI_ETH_NONCE,          /* uint8_t[8] */
    CZI_ETH_BLOOM,          /* uint8_t[256] */
    CZI_ETH_BYTES,          /* struct czi_slice */
    CZI_ETH_HASHES,         /* struct czi_slice: the RLP of a list of hashes */
    CZI_ETH_ACCESSES,       /* struct czi_slice: the RLP of an access list (EIP-2930) */
    CZI_ETH_AUTHORISATIONS, /* struct czi_slice: the RLP of authorisations (EIP-7702) */
};

struct czi_eth_to {
    bool present;
    uint8_t address[20];
};

struct czi_eth_field {
    const char *name;
    const char *other; /* a second name that JSON may use when the first is not there */
    enum czi_eth_kind kind;
    size_t offset;
};

struct czi_eth_fields {
    const struct czi_eth_field *row;
    size_t count;
};

/* Looks a field up in a JSON object. CZ_INVALID "NAME is missing". */
CZI_MUST_USE int czi_eth_json_get(json_t *object, const char *name, const char *other,
                                  json_t **ret, cz_error *err);

/* Appends the RLP of the fields, in order, without the list's head, as a JSON object gives
 * them. Members of the object that no row names are not looked at. CZ_INVALID names the
 * field. Of b's failure the caller takes care. */
CZI_MUST_USE int czi_eth_json_to_rlp(const struct czi_eth_fields *fields, json_t *object,
                                     struct czi_buf *b, cz_error *err);

/* Reads the fields, in order, into the struct; slices point into the RLP. CZ_INVALID names
 * the field. More items than fields are left to czi_rlp_end. */
CZI_MUST_USE int czi_eth_rlp_to_struct(const struct czi_eth_fields *fields, struct czi_rlp *r,
                                       void *ret, cz_error *err);

/* True when a row has the name, as first or second. */
bool czi_eth_fields_have(const struct czi_eth_fields *fields, const char *name);

/* A JSON text that is exactly "0x" and n lower-case bytes in hex. */
CZI_MUST_USE bool czi_eth_json_bytes(json_t *value, uint8_t *out, size_t n);
/* A JSON text that is a quantity; right-aligned in n big-endian bytes. */
CZI_MUST_USE bool czi_eth_json_number(json_t *value, uint8_t *out, size_t n);
CZI_MUST_USE bool czi_eth_json_u64(json_t *value, uint64_t *ret);

/* Foreign text for an error message: cut at 80 characters, control and other characters
 * beyond plain ASCII as '?'. */
#define CZI_ETH_SHOWN_SIZE 84
const char *czi_eth_shown(const char *text, char out[CZI_ETH_SHOWN_SIZE]);

#endif
