// A ring over a static buffer, between two threads. It needs the core alone: no allocation, and no system call on the way.
#include <ringlog.h>

#include <pthread.h>
#include <stdio.h>

enum { CAPACITY = 1 << 16, MAX_PAYLOAD = 64, EVENTS = 1000000 };

static _Alignas(8) unsigned char memory[RINGLOG_RING_BYTES(CAPACITY, MAX_PAYLOAD)];

// The thread that must not wait: it loses events where the ring is full, and counts them.
static void *write_samples(void *producer) {
    for (uint64_t number = 0; number < EVENTS; number++) {
        ringlog_write_lossy(producer, number, 1, 0, &number, sizeof number);
    }
    // The losses that wait for room; the consumer finds them if there is none.
    ringlog_flush_losses(producer);
    ringlog_producer_close(producer);
    return NULL;
}

int main(void) {
    ringlog_ring ring = {0};
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    const ringlog_ring_options options = {.capacity = CAPACITY, .max_payload = MAX_PAYLOAD};
    int code = ringlog_ring_init(&ring, memory, sizeof memory, &options);
    if (code == RINGLOG_OK) {
        code = ringlog_ring_split(&ring, &producer, &consumer);
    }
    if (code != RINGLOG_OK) {
        fprintf(stderr, "%s\n", ringlog_error_text(code));
        return 1;
    }
    pthread_t writer;
    if (pthread_create(&writer, NULL, write_samples, &producer) != 0) {
        return 1;
    }
    uint64_t events = 0, lost = 0;
    while (!ringlog_consumer_is_finished(&consumer)) {
        ringlog_event event;
        ringlog_gap gap;
        if (ringlog_read(&consumer, &event) != RINGLOG_OK) {
            continue;
        }
        if (ringlog_gap_of(&event, &gap) == RINGLOG_OK) {
            lost += gap.count;
        } else if (event.payload_len == sizeof events && *(const uint64_t *)event.payload == events + lost) {
            events++;
        } else {
            fprintf(stderr, "event %llu is not the next one\n", (unsigned long long)event.timestamp);
            return 1;
        }
    }
    uint64_t pending = 0;
    if (ringlog_consumer_pending_loss(&consumer, &pending, NULL) == RINGLOG_OK) {
        lost += pending;
    }
    pthread_join(writer, NULL);
    printf("%llu events read, %llu reported as lost\n", (unsigned long long)events, (unsigned long long)lost);
    ringlog_consumer_close(&consumer);
    return events + lost == EVENTS ? 0 : 1;
}
