/* test.h - cmocka with what it needs before it, and what every test program wants. */
#ifndef CZI_TEST_H
#define CZI_TEST_H

/* cmocka.h uses these without including them; the order matters. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/bytes.h"
#include "base/error.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

/* An expected success; prints the detail otherwise. err is a cz_error variable. */
#define assert_ok(call, err)                                                                   \
    do {                                                                                       \
        int rc_ = (call);                                                                      \
        if (rc_)                                                                               \
            fail_msg("%s: %s: %s", #call, cz_code_name(rc_), (err).detail);                    \
    } while (0)

/* With a sanitizer everything takes many times as long: fewer seeds by default. gcc defines a
 * macro, clang has a feature. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_IS_SLOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_IS_SLOW 1
#endif
#endif

/* A positive number from the environment, for runs longer than the default. */
static inline unsigned long test_env(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    unsigned long v = text ? strtoul(text, NULL, 10) : 0;

    return v ? v : otherwise;
}

#endif
