/* The tests' only tool: a check that says where and what, and counts. */
#ifndef CHIPLINK_TESTS_CHECK_H
#define CHIPLINK_TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

static int checks;
static int failures;

#define CHECK(what)                                                                                \
    do {                                                                                           \
        checks++;                                                                                  \
        if (!(what)) {                                                                             \
            failures++;                                                                            \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #what);                              \
        }                                                                                          \
    } while (0)

#define SAME(actual, length, ...)                                                                  \
    do {                                                                                           \
        static const unsigned char expected_[] = {__VA_ARGS__};                                    \
        CHECK((size_t)(length) == sizeof expected_);                                               \
        CHECK(memcmp((actual), expected_, sizeof expected_) == 0);                                 \
    } while (0)

static int report(const char *name) {
    printf("%s: %d checks, %d failed\n", name, checks, failures);
    return failures > 0;
}

#endif
