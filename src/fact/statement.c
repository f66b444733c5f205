/* statement.c - see statement.h. */
#include "fact/statement.h"

#include "codec/dag_cbor.h"

static struct czi_slice read_text(struct czi_cbor *c)
{
    struct czi_slice s = czi_cbor_text(c);

    if (s.len == 0 || s.len > CZI_STATEMENT_TEXT_MAX)
        czi_cbor_fail(c, "a text has 1 to 128 bytes");
    return s;
}

bool czi_statement_read(unsigned kind, struct czi_slice claim, struct czi_statement *ret)
{
    static const char refused[] = "refused";
    struct czi_cbor c = czi_cbor(claim.data, claim.len);
    struct czi_statement s = {.kind = (uint8_t)kind};

    if (kind == CZ_FACT_DEPOSIT || kind == CZ_FACT_WITHDRAWAL) {
        czi_cbor_array_of(&c, 3);
        s.account = read_text(&c);
        s.asset = read_text(&c);
        s.amount = czi_cbor_uint(&c);
    } else if (kind == CZ_FACT_REGISTER) {
        struct czi_slice value;

        czi_cbor_array_of(&c, 2);
        s.account = read_text(&c);
        value = czi_cbor_bytes(&c);
        if (value.len != sizeof refused - 1 || memcmp(value.data, refused, value.len) != 0)
            return false;
    } else {
        return false;
    }
    if (czi_cbor_end(&c, NULL))
        return false;
    *ret = s;
    return true;
}
