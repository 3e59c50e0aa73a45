// Reads a log: checks it, prints its events with their fields, and searches it.
//
//     read_log LOG [SINCE]
//
// With SINCE it begins at the first event of that time or later, in the unit of the log's clock.
#include <ringlog.h>

#include <stdio.h>
#include <stdlib.h>

static int failed(const char *what) {
    fprintf(stderr, "read_log: %s: %s\n", what, ringlog_last_error());
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: read_log LOG [SINCE]\n");
        return 2;
    }
    ringlog_log_check check;
    if (ringlog_log_verify(argv[1], &check) != RINGLOG_OK) {
        return failed("verify");
    }
    fprintf(stderr, "%llu events, %llu GAP records, %llu lost, verdict %d\n", (unsigned long long)check.events,
            (unsigned long long)check.gaps, (unsigned long long)check.lost, check.verdict);

    ringlog_log *log = NULL;
    if (ringlog_log_open(&log, argv[1]) != RINGLOG_OK) {
        return failed("open");
    }
    int code = argc > 2 ? ringlog_log_seek_time(log, strtoull(argv[2], NULL, 10)) : RINGLOG_OK;
    ringlog_log_event read;
    while (code == RINGLOG_OK && (code = ringlog_log_next(log, &read)) == RINGLOG_OK) {
        ringlog_gap gap;
        ringlog_value value;
        printf("%llu %llu ", (unsigned long long)read.sequence, (unsigned long long)read.event.timestamp);
        if (ringlog_gap_of(&read.event, &gap) == RINGLOG_OK) {
            printf("GAP count=%llu reason=%u\n", (unsigned long long)gap.count, (unsigned)gap.reason);
        } else if (ringlog_log_type_name(log) != NULL) {
            printf("%s ", ringlog_log_type_name(log));
            printf("%s", ringlog_log_fields(log));
            // A field by its name.
            if (ringlog_log_field(log, "price", &value) == RINGLOG_OK && value.kind == RINGLOG_VALUE_DECIMAL) {
                printf(" (price as a double: %.2f)", value.number);
            }
            printf("\n");
        } else {
            printf("type=%u, %zu bytes\n", (unsigned)read.event.event_type, read.event.payload_len);
        }
    }
    if (code != RINGLOG_EMPTY) {
        code = failed("read");
    } else {
        code = 0;
    }
    ringlog_log_close(&log);
    return code;
}
