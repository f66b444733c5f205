/* fuzz_effects_json.c - the reader of JSON effects over any bytes.
 *
 * Properties: an error names a column of the text or the one after it; what is read is a valid
 * effect that encodes; and its text is JSON to another library (jansson), without duplicate
 * keys.
 */
#include "base/limits.h"
#include "cli/effects_json.h"
#include "effect/effect.h"
#include "fuzz.h"

#include <jansson.h>
#include <stdlib.h>

static void check_error(const cz_error *err, int rc, size_t size)
{
    char *end;
    unsigned long column = strtoul(err->detail, &end, 10);

    /* The latter two of a key file. */
    CZI_CHECK(rc == CZ_INVALID || rc == CZ_LIMIT || rc == CZ_NOT_FOUND || rc == CZ_IO);
    CZI_CHECK(err->code == rc && column >= 1 && column <= size + 1);
    CZI_CHECK(end[0] == ':' && end[1] == ' ' && end[2]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cz_effect *e = cz_effect_new();
    struct czi_effect_view view;
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};
    json_t *json;
    int rc;

    CZI_CHECK(e);
    rc = czi_effect_from_json((const char *)data, size, e, &err);
    if (rc) {
        check_error(&err, rc, size);
    } else {
        CZI_CHECK(cz_effect_encode(e, &bytes, &len, &err) == CZ_OK);
        CZI_CHECK(czi_effect_view(bytes, len, &view, &err) == CZ_OK);
        json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
        CZI_CHECK(json_is_object(json));
        json_decref(json);
    }
    cz_effect_free(e);
    return 0;
}

#define KEY "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
#define FACT "bafyr4icbxvci24ddspjpivcg4th332gkgh3wwzuzyftau7z3ujywrv2syi"

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    static const char *const seeds[] = {
        "{\"op\":\"transfer\",\"from\":\"a\",\"to\":\"b\",\"quantity\":\"5\",\"nonce\":1}",
        "{\"op\":\"create\",\"resource\":\"a\",\"kind\":\"fungible\",\"asset\":\"USD\","
        "\"quantity\":100,\"controller\":\"b\",\"if_absent\":true,\"nonce\":"
        "\"18446744073709551615\"}",
        "{\"op\":\"write\",\"resource\":\"\\u00e9\\ud834\\udd1e\",\"data_base64\":\"Zm9v\","
        "\"nonce\":2}",
        "{\"origin\":\"o\",\"nonce\":5,\"priority\":\"low\",\"ops\":[{\"op\":\"require\","
        "\"resource\":\"a\",\"state\":\"active\",\"version\":\"3\",\"quantity\":\"-10\"},"
        "{\"op\":\"lock\",\"resource\":\"a\"},{\"op\":\"write\",\"resource\":\"d\","
        "\"data_hex\":\"00ff\"}],\"access\":[{\"resource\":\"x\",\"mode\":\"read\"}],"
        "\"facts\":[\"bafyr4icbxvci24ddspjpivcg4th332gkgh3wwzuzyftau7z3ujywrv2syi\"],"
        "\"after\":[\"bafyr4icbxvci24ddspjpivcg4th332gkgh3wwzuzyftau7z3ujywrv2syi\"],"
        "\"signature\":\"\"}",
        "{\"op\":\"create\",\"resource\":\"a\",\"nonce\":1,\"policy\":{\"threshold\":1,"
        "\"owners\":["
        "\"" KEY "\"],\"limits\":[{\"asset\":\"U\",\"quantity\":5,\"domain\":\"moon\","
        "\"window\":60}]}}",
        "{\"op\":\"create\",\"resource\":\"c\",\"nonce\":1,\"creator\":\"a\",\"grant\":{"
        "\"account\":\"a\",\"parent\":[\"a\",\"p\"],\"holder\":\"" KEY
        "\",\"rights\":[\"debit\","
        "\"delegate\"],\"asset\":\"U\",\"ceiling\":7,\"expire_domain\":\"moon\","
        "\"expire_time\":9}}",
        "{\"nonce\":1,\"program\":{\"id\":\"p\",\"task\":1},\"ops\":[{\"op\":\"note\","
        "\"data\":\"x\"},{\"op\":\"use\",\"capability\":[\"a\",\"c\"],\"mode\":\"write\"},"
        "{\"op\":\"when\",\"domain\":\"moon\",\"not_before\":1,\"not_after\":2},"
        "{\"op\":\"deposit\",\"to\":[\"a\",\"U\"],\"fact\":\"" FACT "\"},"
        "{\"op\":\"withdraw\",\"from\":\"b\",\"outbox\":\"o\",\"reserve\":\"r\",\"quantity\":1,"
        "\"destination\":\"d\"},{\"op\":\"confirm\",\"outbox\":\"o\",\"reserve\":\"r\","
        "\"fact\":\"" FACT "\"},{\"op\":\"release\",\"outbox\":\"o\",\"reserve\":\"r\","
        "\"to\":\"b\",\"fact\":\"" FACT "\"}]}",
    };

    if (i >= CZI_COUNTOF(seeds))
        return false;
    czi_buf_put(out, seeds[i], strlen(seeds[i]));
    return true;
}
