// A producer into a ring that another process records: `ringlog serve --ring RING --log LOG`.
//
//     producer RING EVENTS
//
// The types of its events are given as JSON, so that the log shows names: `ringlog cat LOG`.
#define _POSIX_C_SOURCE 199309L
#include <ringlog.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// The payload of type 1. Little-endian, without padding.
struct order_add {
    uint64_t id;
    int64_t price; // in cents
    uint32_t quantity;
    uint8_t side; // 0 buy, 1 sell
    uint8_t reserved[3];
};

static const char TYPES[] =
    "{\"types\":[{\"type\":1,\"name\":\"order_add\",\"size\":24,\"fields\":["
    "{\"name\":\"id\",\"offset\":0,\"kind\":\"u64\"},"
    "{\"name\":\"price\",\"offset\":8,\"kind\":\"i64\",\"scale\":-2,\"unit\":\"USD\"},"
    "{\"name\":\"quantity\",\"offset\":16,\"kind\":\"u32\"},"
    "{\"name\":\"side\",\"offset\":20,\"kind\":\"u8\",\"labels\":{\"0\":\"buy\",\"1\":\"sell\"}}]}]}";

static uint64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void wait_a_moment(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: producer RING EVENTS\n");
        return 2;
    }
    ringlog_producer producer = {0};
    int code;
    // Until the recorder has made its ring, and the producer before this one has ended.
    while (ringlog_is_transient(code = ringlog_file_producer(&producer, argv[1], TYPES))) {
        wait_a_moment();
    }
    if (code != RINGLOG_OK) {
        fprintf(stderr, "%s\n", ringlog_last_error());
        return 1;
    }
    unsigned long events = strtoul(argv[2], NULL, 10);
    for (unsigned long number = 0; number < events; number++) {
        struct order_add order = {.id = number, .price = 10000 + (int64_t)(number % 500), .quantity = 10, .side = number % 2};
        // A program that must not wait calls ringlog_write_lossy instead, and a GAP record reports what is lost.
        while ((code = ringlog_write(&producer, nanoseconds(), 1, 0, &order, sizeof order)) == RINGLOG_E_FULL) {
            wait_a_moment();
        }
        if (code != RINGLOG_OK) {
            fprintf(stderr, "%s\n", ringlog_error_text(code));
            return 1;
        }
    }
    return ringlog_producer_close(&producer);
}
