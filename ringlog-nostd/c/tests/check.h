// What the test programs in C share.
#ifndef RINGLOG_CHECK_H
#define RINGLOG_CHECK_H

#include <stdio.h>
#include <stdlib.h>

// Ends the program with the place and the text of a condition that does not hold.
#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);           \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

// The same for a function that returns a code.
#define CHECK_CODE(call, wanted)                                                      \
    do {                                                                              \
        int code_ = (call);                                                           \
        if (code_ != (wanted)) {                                                      \
            fprintf(stderr, "%s:%d: %s returned %d (%s), not %s\n", __FILE__, __LINE__, #call, code_, \
                    ringlog_error_text(code_), #wanted);                              \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

#endif
