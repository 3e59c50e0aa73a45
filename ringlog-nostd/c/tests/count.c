// Runs one loop a given number of times, for .ci/counts.py: writes events and reads them on one thread.
//
//     count RING PAYLOAD single|batch EVENTS
#include "check.h"
#include "ringlog.h"

#include <stdint.h>
#include <string.h>

enum { CAPACITY = 1 << 18, MAX_PAYLOAD = 1024, BATCH = 64 };

static _Alignas(8) unsigned char memory[RINGLOG_RING_BYTES(CAPACITY, MAX_PAYLOAD)];

static ringlog_producer producer;
static ringlog_consumer consumer;

// The payload is read, and no more.
static void take(uint64_t number) {
    ringlog_event event;
    CHECK(ringlog_read(&consumer, &event) == RINGLOG_OK && event.timestamp == number);
    __asm__ volatile("" : : "r"(event.payload) : "memory");
}

int main(int argc, char **argv) {
    CHECK(argc == 5);
    size_t payload_len = strtoul(argv[2], NULL, 10);
    uint64_t events = strtoull(argv[4], NULL, 10);
    unsigned char payload[MAX_PAYLOAD] = {1, 2, 3};
    ringlog_ring ring = {0};
    const ringlog_ring_options options = {.capacity = CAPACITY, .max_payload = MAX_PAYLOAD};
    CHECK_CODE(ringlog_ring_init(&ring, memory, sizeof memory, &options), RINGLOG_OK);
    CHECK_CODE(ringlog_ring_split(&ring, &producer, &consumer), RINGLOG_OK);
    if (strcmp(argv[3], "single") == 0) {
        for (uint64_t number = 0; number < events; number++) {
            CHECK(ringlog_write(&producer, number, 7, 0, payload, payload_len) == RINGLOG_OK);
            take(number);
        }
        return 0;
    }
    for (uint64_t number = 0; number < events; number += BATCH) {
        CHECK(ringlog_batch_begin(&producer) == RINGLOG_OK);
        for (uint64_t at = 0; at < BATCH; at++) {
            CHECK(ringlog_batch_write(&producer, number + at, 7, 0, payload, payload_len) == RINGLOG_OK);
        }
        CHECK(ringlog_batch_publish(&producer, NULL) == RINGLOG_OK);
        for (uint64_t at = 0; at < BATCH; at++) {
            take(number + at);
        }
    }
    return 0;
}
