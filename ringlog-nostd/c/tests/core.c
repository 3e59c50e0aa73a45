// The functions over the caller's memory: what they do, and what they say of misuse.
#include "check.h"
#include "ringlog.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

enum { CAPACITY = 1024, MAX_PAYLOAD = 64 };

static _Alignas(8) unsigned char memory[RINGLOG_RING_BYTES(CAPACITY, MAX_PAYLOAD)];

static const ringlog_ring_options OPTIONS = {.capacity = CAPACITY, .max_payload = MAX_PAYLOAD, .identity = 42};

// Makes the ring anew and opens its ends.
static void fresh(ringlog_producer *producer, ringlog_consumer *consumer) {
    ringlog_ring ring = {0};
    CHECK_CODE(ringlog_ring_init(&ring, memory, sizeof memory, &OPTIONS), RINGLOG_OK);
    CHECK_CODE(ringlog_ring_split(&ring, producer, consumer), RINGLOG_OK);
}

static void close_both(ringlog_producer *producer, ringlog_consumer *consumer) {
    CHECK_CODE(ringlog_producer_close(producer), RINGLOG_OK);
    CHECK_CODE(ringlog_consumer_close(consumer), RINGLOG_OK);
}

// Reads one event and compares all of it.
static void expect(ringlog_consumer *consumer, uint64_t timestamp, uint8_t type, uint8_t flags, const char *payload) {
    ringlog_event event;
    memset(&event, 0xAA, sizeof event);
    CHECK_CODE(ringlog_read(consumer, &event), RINGLOG_OK);
    CHECK(event.timestamp == timestamp);
    CHECK(event.event_type == type);
    CHECK(event.flags == flags);
    CHECK(!event.is_gap);
    CHECK(event.payload_len == strlen(payload));
    CHECK((uintptr_t)event.payload % 8 == 0);
    CHECK(memcmp(event.payload, payload, event.payload_len) == 0);
}

static void expect_empty(ringlog_consumer *consumer) {
    ringlog_event event;
    CHECK_CODE(ringlog_read(consumer, &event), RINGLOG_EMPTY);
}

static void the_sizes_of_the_header_are_those_of_the_library(void) {
    for (size_t max_payload = 0; max_payload < 200; max_payload++) {
        size_t wanted = RINGLOG_RING_BYTES(256, max_payload);
        // An option of 0 means what the capacity allows.
        CHECK(ringlog_ring_required_len(256, max_payload) == (max_payload ? wanted : RINGLOG_RING_BYTES(256, 240)));
    }
    CHECK(ringlog_ring_required_len(256, 65535) == 0);
    CHECK(ringlog_ring_required_len(1 << 17, 65535) == RINGLOG_RING_BYTES(1 << 17, 65535));
    CHECK(ringlog_ring_required_len(100, 16) == 0);
    CHECK(ringlog_ring_required_len(0, 100) == RINGLOG_RING_BYTES(128, 100));
    CHECK(RINGLOG_RECORD_BYTES(0) == 16 && RINGLOG_RECORD_BYTES(1) == 24 && RINGLOG_RECORD_BYTES(8) == 24);
}

static void each_code_has_words(void) {
    const char *none = ringlog_error_text(12345);
    for (int code = -99; code <= 2; code++) {
        CHECK(strlen(ringlog_error_text(code)) > 0);
    }
    CHECK(strcmp(ringlog_error_text(RINGLOG_E_FULL), none) != 0);
    CHECK(strcmp(ringlog_error_text(RINGLOG_E_OTHER), none) != 0);
    CHECK(strcmp(ringlog_error_text(INT32_MIN), none) == 0);
    CHECK(strstr(ringlog_error_text(RINGLOG_E_FULL), "full") != NULL);
}

static void events_come_out_as_they_went_in(void) {
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    fresh(&producer, &consumer);
    CHECK(ringlog_producer_capacity(&producer) == CAPACITY && ringlog_consumer_capacity(&consumer) == CAPACITY);
    CHECK(ringlog_producer_max_payload(&producer) == MAX_PAYLOAD);
    CHECK(ringlog_consumer_identity(&consumer) == 42);
    expect_empty(&consumer);
    CHECK_CODE(ringlog_write(&producer, UINT64_MAX, 255, 15, "hello", 5), RINGLOG_OK);
    CHECK_CODE(ringlog_write(&producer, 2, 0, 0, NULL, 0), RINGLOG_OK);
    CHECK(ringlog_producer_used(&producer) == 40 && ringlog_producer_position(&producer) == 40);
    CHECK(ringlog_consumer_unread(&consumer) == 40 && ringlog_consumer_position(&consumer) == 0);
    expect(&consumer, UINT64_MAX, 255, 15, "hello");
    CHECK(ringlog_consumer_unread(&consumer) == 16 && ringlog_producer_used(&producer) == 40);
    CHECK_CODE(ringlog_release(&consumer), RINGLOG_OK);
    CHECK(ringlog_producer_used(&producer) == 16 && ringlog_consumer_position(&consumer) == 24);
    expect(&consumer, 2, 0, 0, "");
    expect_empty(&consumer);
    CHECK(!ringlog_consumer_is_closed(&consumer) && !ringlog_producer_is_closed(&producer));
    CHECK_CODE(ringlog_write(&producer, 3, 1, 0, "x", 1), RINGLOG_OK);
    CHECK_CODE(ringlog_producer_close(&producer), RINGLOG_OK);
    CHECK(ringlog_consumer_is_closed(&consumer) && !ringlog_consumer_is_finished(&consumer));
    expect(&consumer, 3, 1, 0, "x");
    CHECK(ringlog_consumer_is_finished(&consumer));
    CHECK_CODE(ringlog_consumer_close(&consumer), RINGLOG_OK);
}

static void every_length_fits_or_is_refused(void) {
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    fresh(&producer, &consumer);
    char payload[MAX_PAYLOAD + 2];
    for (size_t len = 0; len <= MAX_PAYLOAD + 1; len++) {
        memset(payload, (int)('a' + len % 26), sizeof payload);
        payload[len] = 0;
        if (len > MAX_PAYLOAD) {
            CHECK_CODE(ringlog_write(&producer, len, 1, 0, payload, len), RINGLOG_E_PAYLOAD_TOO_LONG);
            continue;
        }
        CHECK_CODE(ringlog_write(&producer, len, 1, 0, payload, len), RINGLOG_OK);
        expect(&consumer, len, 1, 0, payload);
    }
    for (size_t len = 65535; len != 0; len = len > SIZE_MAX / 2 ? 0 : len * 2 + 1) {
        CHECK_CODE(ringlog_write(&producer, 1, 1, 0, payload, len), RINGLOG_E_PAYLOAD_TOO_LONG);
        CHECK_CODE(ringlog_write_lossy(&producer, 1, 1, 0, payload, len), RINGLOG_E_PAYLOAD_TOO_LONG);
        CHECK_CODE(ringlog_claim(&producer, len, &(void *){NULL}), RINGLOG_E_PAYLOAD_TOO_LONG);
    }
    expect_empty(&consumer);
    close_both(&producer, &consumer);
}

static void a_claim_is_filled_in_place(void) {
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    fresh(&producer, &consumer);
    void *payload = NULL;
    CHECK_CODE(ringlog_commit(&producer, 1, 1, 0, 0), RINGLOG_E_NO_CLAIM);
    CHECK_CODE(ringlog_abort(&producer), RINGLOG_E_NO_CLAIM);
    for (int lap = 0; lap < 100; lap++) {
        CHECK_CODE(ringlog_claim(&producer, MAX_PAYLOAD, &payload), RINGLOG_OK);
        CHECK((uintptr_t)payload % 8 == 0);
        memset(payload, 0xEE, MAX_PAYLOAD);
        memcpy(payload, "filled", 6);
        CHECK_CODE(ringlog_claim(&producer, 1, &payload), RINGLOG_E_CLAIM_OPEN);
        CHECK_CODE(ringlog_write(&producer, 1, 1, 0, "x", 1), RINGLOG_E_CLAIM_OPEN);
        CHECK_CODE(ringlog_write_lossy(&producer, 1, 1, 0, "x", 1), RINGLOG_E_CLAIM_OPEN);
        CHECK_CODE(ringlog_flush_losses(&producer), RINGLOG_E_CLAIM_OPEN);
        CHECK_CODE(ringlog_batch_begin(&producer), RINGLOG_E_CLAIM_OPEN);
        CHECK_CODE(ringlog_commit(&producer, 7, 3, 1, MAX_PAYLOAD + 1), RINGLOG_E_LENGTH);
        CHECK_CODE(ringlog_commit(&producer, 7, 3, 1, 1 << 20), RINGLOG_E_LENGTH);
        CHECK_CODE(ringlog_commit(&producer, 7, 3, 16, 6), RINGLOG_E_FLAGS);
        expect_empty(&consumer);
        CHECK_CODE(ringlog_commit(&producer, 7, 3, 1, 6), RINGLOG_OK);
        expect(&consumer, 7, 3, 1, "filled");
        // The padding is zero, though the claim was not.
        CHECK(memcmp((const char *)payload + 6, "\0", 2) == 0);
        CHECK_CODE(ringlog_claim(&producer, 8, &payload), RINGLOG_OK);
        CHECK_CODE(ringlog_abort(&producer), RINGLOG_OK);
        expect_empty(&consumer);
        CHECK(ringlog_producer_used(&producer) == 0);
    }
    close_both(&producer, &consumer);
}

static void a_batch_is_seen_all_at_once_or_not_at_all(void) {
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    fresh(&producer, &consumer);
    size_t events = 99;
    void *payload = NULL;
    CHECK_CODE(ringlog_batch_write(&producer, 1, 1, 0, "a", 1), RINGLOG_E_NO_BATCH);
    CHECK_CODE(ringlog_batch_publish(&producer, &events), RINGLOG_E_NO_BATCH);
    CHECK_CODE(ringlog_batch_drop(&producer), RINGLOG_E_NO_BATCH);
    for (int lap = 0; lap < 100; lap++) {
        CHECK_CODE(ringlog_batch_begin(&producer), RINGLOG_OK);
        CHECK_CODE(ringlog_batch_begin(&producer), RINGLOG_E_BATCH_OPEN);
        CHECK_CODE(ringlog_write(&producer, 1, 1, 0, "x", 1), RINGLOG_E_BATCH_OPEN);
        CHECK_CODE(ringlog_batch_write(&producer, 1, 1, 0, "one", 3), RINGLOG_OK);
        CHECK_CODE(ringlog_claim(&producer, 16, &payload), RINGLOG_OK);
        CHECK_CODE(ringlog_batch_write(&producer, 1, 1, 0, "x", 1), RINGLOG_E_CLAIM_OPEN);
        CHECK_CODE(ringlog_batch_publish(&producer, &events), RINGLOG_E_CLAIM_OPEN);
        memcpy(payload, "two", 3);
        CHECK_CODE(ringlog_commit(&producer, 2, 2, 0, 3), RINGLOG_OK);
        CHECK_CODE(ringlog_batch_write(&producer, 3, 3, 0, "three", 5), RINGLOG_OK);
        CHECK_CODE(ringlog_batch_write(&producer, 3, 3, 16, "three", 5), RINGLOG_E_FLAGS);
        expect_empty(&consumer);
        CHECK_CODE(ringlog_batch_publish(&producer, &events), RINGLOG_OK);
        CHECK(events == 3);
        expect(&consumer, 1, 1, 0, "one");
        expect(&consumer, 2, 2, 0, "two");
        expect(&consumer, 3, 3, 0, "three");
        CHECK_CODE(ringlog_batch_begin(&producer), RINGLOG_OK);
        CHECK_CODE(ringlog_batch_write(&producer, 1, 1, 0, "never", 5), RINGLOG_OK);
        CHECK_CODE(ringlog_claim(&producer, 16, &payload), RINGLOG_OK);
        CHECK_CODE(ringlog_batch_drop(&producer), RINGLOG_OK);
        expect_empty(&consumer);
    }
    // A full ring leaves the batch as it was.
    CHECK_CODE(ringlog_batch_begin(&producer), RINGLOG_OK);
    size_t written = 0;
    while (ringlog_batch_write(&producer, written, 1, 0, "12345678", 8) == RINGLOG_OK) {
        written++;
    }
    CHECK_CODE(ringlog_batch_write(&producer, written, 1, 0, "12345678", 8), RINGLOG_E_FULL);
    CHECK_CODE(ringlog_batch_publish(&producer, &events), RINGLOG_OK);
    CHECK(events == written && written == CAPACITY / 24);
    for (size_t event = 0; event < written; event++) {
        expect(&consumer, event, 1, 0, "12345678");
    }
    CHECK_CODE(ringlog_batch_begin(&producer), RINGLOG_OK);
    CHECK_CODE(ringlog_batch_publish(&producer, NULL), RINGLOG_OK);
    expect_empty(&consumer);
    close_both(&producer, &consumer);
}

static void losses_are_counted_and_reported(void) {
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    fresh(&producer, &consumer);
    uint64_t count = 0, first = 0;
    CHECK_CODE(ringlog_producer_pending_loss(&producer, &count, &first), RINGLOG_EMPTY);
    uint64_t written = 0;
    while (ringlog_write_lossy(&producer, written, 1, 0, NULL, 0) == RINGLOG_OK) {
        written++;
    }
    CHECK(written == CAPACITY / 16);
    CHECK_CODE(ringlog_write(&producer, 1, 1, 0, NULL, 0), RINGLOG_E_FULL);
    CHECK_CODE(ringlog_write_lossy(&producer, 1000, 1, 0, NULL, 0), RINGLOG_LOST);
    CHECK_CODE(ringlog_write_lossy(&producer, 1001, 1, 16, NULL, 0), RINGLOG_E_FLAGS);
    CHECK_CODE(ringlog_producer_pending_loss(&producer, &count, &first), RINGLOG_OK);
    CHECK(count == 2 && first == written);
    count = first = 0;
    CHECK_CODE(ringlog_consumer_pending_loss(&consumer, &count, &first), RINGLOG_OK);
    CHECK(count == 2 && first == written);
    CHECK_CODE(ringlog_flush_losses(&producer), RINGLOG_LOST);
    ringlog_event event;
    ringlog_gap gap;
    for (uint64_t at = 0; at < written; at++) {
        CHECK_CODE(ringlog_read(&consumer, &event), RINGLOG_OK);
        CHECK(event.timestamp == at && !event.is_gap);
        CHECK_CODE(ringlog_gap_of(&event, &gap), RINGLOG_EMPTY);
    }
    CHECK_CODE(ringlog_release(&consumer), RINGLOG_OK);
    CHECK_CODE(ringlog_write_lossy(&producer, 2000, 1, 0, "later", 5), RINGLOG_OK);
    CHECK_CODE(ringlog_read(&consumer, &event), RINGLOG_OK);
    CHECK(event.is_gap && event.timestamp == written);
    CHECK_CODE(ringlog_gap_of(&event, &gap), RINGLOG_OK);
    CHECK(gap.count == 2 && gap.reason == 1 && !gap.log_side && gap.extent == 0);
    expect(&consumer, 2000, 1, 0, "later");
    CHECK_CODE(ringlog_flush_losses(&producer), RINGLOG_OK);
    CHECK_CODE(ringlog_producer_pending_loss(&producer, NULL, NULL), RINGLOG_EMPTY);
    close_both(&producer, &consumer);
}

static void misuse_is_a_code(void) {
    ringlog_ring ring = {0};
    ringlog_producer producer = {0}, second = {0};
    ringlog_consumer consumer = {0}, other = {0};
    ringlog_event event;
    void *payload;
    // Null.
    CHECK_CODE(ringlog_ring_init(NULL, memory, sizeof memory, NULL), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_ring_init(&ring, NULL, sizeof memory, NULL), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_ring_attach(&ring, NULL, 0), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_ring_split(NULL, &producer, &consumer), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_write(NULL, 1, 1, 0, "x", 1), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_read(NULL, &event), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_read(&consumer, NULL), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_claim(&producer, 1, NULL), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_gap_of(NULL, NULL), RINGLOG_E_NULL);
    CHECK(ringlog_producer_used(NULL) == 0 && ringlog_producer_is_closed(NULL) && ringlog_consumer_is_finished(NULL));
    // Not open.
    CHECK_CODE(ringlog_ring_split(&ring, &producer, &consumer), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_write(&producer, 1, 1, 0, "x", 1), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_read(&consumer, &event), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_producer_close(&producer), RINGLOG_E_NOT_OPEN);
    // Sizes and alignment.
    CHECK_CODE(ringlog_ring_init(&ring, memory + 1, sizeof memory - 1, NULL), RINGLOG_E_MISALIGNED);
    CHECK_CODE(ringlog_ring_init(&ring, memory, 100, NULL), RINGLOG_E_TOO_SMALL);
    CHECK_CODE(ringlog_ring_init(&ring, memory, SIZE_MAX, NULL), RINGLOG_E_TOO_SMALL);
    CHECK_CODE(ringlog_ring_init(&ring, memory, sizeof memory - 1, &OPTIONS), RINGLOG_E_TOO_SMALL);
    CHECK_CODE(ringlog_ring_init(&ring, memory, sizeof memory, &(ringlog_ring_options){.capacity = 1000}), RINGLOG_E_CAPACITY);
    CHECK_CODE(ringlog_ring_init(&ring, memory, sizeof memory, &(ringlog_ring_options){.max_payload = 65536}),
               RINGLOG_E_MAX_PAYLOAD);
    CHECK_CODE(ringlog_ring_attach(&ring, memory + 4, 8), RINGLOG_E_MISALIGNED);
    memset(memory, 0, sizeof memory);
    CHECK_CODE(ringlog_ring_attach(&ring, memory, sizeof memory), RINGLOG_E_NOT_A_RING);
    unsigned char handles[sizeof(ringlog_producer) + 1] = {0};
    CHECK_CODE(ringlog_write((ringlog_producer *)(void *)(handles + ((uintptr_t)handles % 2 ? 0 : 1)), 1, 1, 0, "x", 1),
               RINGLOG_E_MISALIGNED);
    // Twice.
    CHECK_CODE(ringlog_ring_init(&ring, memory, sizeof memory, &OPTIONS), RINGLOG_OK);
    CHECK_CODE(ringlog_ring_init(&ring, memory, sizeof memory, &OPTIONS), RINGLOG_E_OPEN);
    CHECK_CODE(ringlog_ring_attach(&ring, memory, sizeof memory), RINGLOG_E_OPEN);
    CHECK_CODE(ringlog_ring_split(&ring, &producer, &consumer), RINGLOG_OK);
    CHECK_CODE(ringlog_ring_split(&ring, &second, &other), RINGLOG_E_TAKEN);
    CHECK_CODE(ringlog_ring_producer(&ring, &second), RINGLOG_E_TAKEN);
    CHECK_CODE(ringlog_ring_consumer(&ring, &other), RINGLOG_E_TAKEN);
    ringlog_ring found = {0};
    CHECK_CODE(ringlog_ring_attach(&found, memory, sizeof memory), RINGLOG_OK);
    CHECK_CODE(ringlog_ring_producer(&found, &producer), RINGLOG_E_OPEN);
    CHECK_CODE(ringlog_ring_split(&found, &second, &consumer), RINGLOG_E_OPEN);
    CHECK_CODE(ringlog_write(&second, 1, 1, 0, "x", 1), RINGLOG_E_NOT_OPEN);
    // Another type of handle.
    CHECK_CODE(ringlog_write((ringlog_producer *)(void *)&consumer, 1, 1, 0, "x", 1), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_read((ringlog_consumer *)(void *)&producer, &event), RINGLOG_E_NOT_OPEN);
    // A payload that is not there; flags.
    CHECK_CODE(ringlog_write(&producer, 1, 1, 0, NULL, 1), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_write(&producer, 1, 1, 0x80, "x", 1), RINGLOG_E_FLAGS);
    CHECK(ringlog_producer_used(&producer) == 0);
    // After the close.
    CHECK_CODE(ringlog_claim(&producer, 8, &payload), RINGLOG_OK);
    close_both(&producer, &consumer);
    CHECK_CODE(ringlog_commit(&producer, 1, 1, 0, 8), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_write(&producer, 1, 1, 0, "x", 1), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_write_lossy(&producer, 1, 1, 0, "x", 1), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_batch_begin(&producer), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_producer_close(&producer), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_read(&consumer, &event), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_release(&consumer), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(ringlog_consumer_close(&consumer), RINGLOG_E_NOT_OPEN);
    CHECK(ringlog_producer_capacity(&producer) == 0 && ringlog_consumer_capacity(&consumer) == 0);
    // A closed handle opens again.
    CHECK_CODE(ringlog_ring_split(&found, &producer, &consumer), RINGLOG_OK);
    CHECK_CODE(ringlog_write(&producer, 1, 1, 0, "again", 5), RINGLOG_OK);
    expect(&consumer, 1, 1, 0, "again");
    close_both(&producer, &consumer);
}

static void an_end_continues_where_the_one_before_was(void) {
    ringlog_ring made = {0}, writes = {0}, reads = {0};
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    CHECK_CODE(ringlog_ring_init(&made, memory, sizeof memory, &OPTIONS), RINGLOG_OK);
    for (int life = 0; life < 3; life++) {
        writes = reads = (ringlog_ring){0};
        CHECK_CODE(ringlog_ring_attach(&writes, memory, sizeof memory), RINGLOG_OK);
        CHECK_CODE(ringlog_ring_attach(&reads, memory, sizeof memory), RINGLOG_OK);
        CHECK_CODE(ringlog_ring_producer(&writes, &producer), RINGLOG_OK);
        CHECK_CODE(ringlog_ring_producer(&writes, &producer), RINGLOG_E_OPEN);
        CHECK_CODE(ringlog_ring_consumer(&reads, &consumer), RINGLOG_OK);
        CHECK_CODE(ringlog_write(&producer, (uint64_t)life + 1, 1, 0, "new", 3), RINGLOG_OK);
        if (life > 0) {
            // Not released, so that the next consumer reads it again.
            expect(&consumer, (uint64_t)life, 1, 0, "new");
            CHECK_CODE(ringlog_consumer_close(&consumer), RINGLOG_OK);
            reads = (ringlog_ring){0};
            CHECK_CODE(ringlog_ring_attach(&reads, memory, sizeof memory), RINGLOG_OK);
            CHECK_CODE(ringlog_ring_consumer(&reads, &consumer), RINGLOG_OK);
            expect(&consumer, (uint64_t)life, 1, 0, "new");
            CHECK_CODE(ringlog_release(&consumer), RINGLOG_OK);
        }
        close_both(&producer, &consumer);
    }
}

static void a_damaged_ring_is_not_an_empty_one(void) {
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    ringlog_event event;
    fresh(&producer, &consumer);
    CHECK_CODE(ringlog_write(&producer, 1, 1, 0, "x", 1), RINGLOG_OK);
    memset(memory + sizeof memory - CAPACITY - RINGLOG_RECORD_BYTES(MAX_PAYLOAD), 0, 16);
    CHECK_CODE(ringlog_read(&consumer, &event), RINGLOG_E_CORRUPT);
    CHECK_CODE(ringlog_read(&consumer, &event), RINGLOG_E_CORRUPT);
    CHECK(ringlog_consumer_unread(&consumer) == 0);
    close_both(&producer, &consumer);
}

static void a_retained_ring_outlives_a_reset(void) {
    ringlog_ring_options options = OPTIONS;
    options.retained = true;
    ringlog_recovered found = {.events = 99, .continues = true, .cut = true};
    ringlog_ring ring = {0};
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    memset(memory, 0xFF, sizeof memory);
    CHECK_CODE(ringlog_ring_recover(&ring, memory, sizeof memory, &options, &found), RINGLOG_OK);
    CHECK(!found.continues && found.events == 0 && !found.cut);
    CHECK_CODE(ringlog_ring_producer(&ring, &producer), RINGLOG_OK);
    CHECK_CODE(ringlog_write(&producer, 1, 1, 0, "kept", 4), RINGLOG_OK);
    CHECK_CODE(ringlog_write(&producer, 2, 1, 0, "damaged", 7), RINGLOG_OK);
    // The reset: nothing is closed. A byte of the second record is damaged.
    memory[sizeof memory - CAPACITY - RINGLOG_RECORD_BYTES(MAX_PAYLOAD) + 24 + 16] ^= 1;
    ring = (ringlog_ring){0};
    CHECK_CODE(ringlog_ring_recover(&ring, memory, sizeof memory, &options, &found), RINGLOG_OK);
    CHECK(found.continues && found.events == 1 && found.cut);
    producer = (ringlog_producer){0};
    CHECK_CODE(ringlog_ring_split(&ring, &producer, &consumer), RINGLOG_OK);
    expect(&consumer, 1, 1, 0, "kept");
    expect_empty(&consumer);
    close_both(&producer, &consumer);
}

enum { EVENTS = 200000 };

static void *write_all(void *producer) {
    for (uint64_t event = 0; event < EVENTS;) {
        char payload[24];
        memset(payload, (int)(event % 251), sizeof payload);
        switch (ringlog_write(producer, event, (uint8_t)event, (uint8_t)(event % 16), payload, event % 25)) {
        case RINGLOG_OK:
            event++;
            break;
        case RINGLOG_E_FULL:
            sched_yield();
            break;
        default:
            return NULL;
        }
    }
    ringlog_producer_close(producer);
    return producer;
}

static void two_threads_need_no_lock(void) {
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    fresh(&producer, &consumer);
    pthread_t writer;
    CHECK(pthread_create(&writer, NULL, write_all, &producer) == 0);
    uint64_t next = 0;
    while (!ringlog_consumer_is_finished(&consumer)) {
        ringlog_event event;
        int code = ringlog_read(&consumer, &event);
        if (code == RINGLOG_EMPTY) {
            sched_yield();
            continue;
        }
        CHECK_CODE(code, RINGLOG_OK);
        CHECK(event.timestamp == next && event.event_type == (uint8_t)next && event.flags == next % 16);
        CHECK(event.payload_len == next % 25);
        for (size_t at = 0; at < event.payload_len; at++) {
            CHECK(((const unsigned char *)event.payload)[at] == next % 251);
        }
        next++;
    }
    void *done = NULL;
    CHECK(pthread_join(writer, &done) == 0 && done == &producer);
    CHECK(next == EVENTS);
    CHECK_CODE(ringlog_consumer_close(&consumer), RINGLOG_OK);
}

int main(void) {
    the_sizes_of_the_header_are_those_of_the_library();
    each_code_has_words();
    events_come_out_as_they_went_in();
    every_length_fits_or_is_refused();
    a_claim_is_filled_in_place();
    a_batch_is_seen_all_at_once_or_not_at_all();
    losses_are_counted_and_reported();
    misuse_is_a_code();
    an_end_continues_where_the_one_before_was();
    a_damaged_ring_is_not_an_empty_one();
    a_retained_ring_outlives_a_reset();
    two_threads_need_no_lock();
    puts("core.c: all as it should be");
    return 0;
}
