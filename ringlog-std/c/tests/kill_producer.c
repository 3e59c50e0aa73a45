// A producer that is killed: .ci/c_kills.py starts it, kills it, and compares the log with what it says here.
//
//     kill_producer RING RUN PROGRESS
//
// Writes events (RUN, number) in every way that there is, one after the other, until it is killed. In the file PROGRESS, 16 bytes that
// are mapped, is how many events are published for certain, and how many may be.
#define _DEFAULT_SOURCE
#include "../../../ringlog-nostd/c/tests/check.h"
#include "ringlog.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char TYPES[] = "{\"types\":[{\"type\":1,\"name\":\"step\",\"size\":16,\"fields\":["
                            "{\"name\":\"run\",\"offset\":0,\"kind\":\"u64\"},{\"name\":\"number\",\"offset\":8,\"kind\":\"u64\"}],"
                            "\"tail\":\"bytes\"}]}";

enum { BATCH = 3, LONGEST = 200 };

struct payload {
    uint64_t run, number;
    unsigned char tail[LONGEST];
};

// The tail's length follows from the number, so that a torn or mixed event shows.
static size_t fill(struct payload *payload, uint64_t run, uint64_t number) {
    size_t tail = number % LONGEST;
    payload->run = run;
    payload->number = number;
    memset(payload->tail, (int)(number % 251), tail);
    return 16 + tail;
}

// Publishes what comes next, in one of three ways, and returns how many events that is; 0 if the ring is full.
static uint64_t step(ringlog_producer *producer, int way, uint64_t run, uint64_t number, volatile uint64_t *possible) {
    struct payload payload;
    void *room;
    size_t len, events = 0;
    int code;
    switch (way) {
    case 0:
        len = fill(&payload, run, number);
        *possible = number + 1;
        code = ringlog_write(producer, number, 1, 0, &payload, len);
        if (code != RINGLOG_E_FULL) {
            CHECK_CODE(code, RINGLOG_OK);
            return 1;
        }
        return 0;
    case 1:
        code = ringlog_claim(producer, sizeof payload, &room);
        if (code == RINGLOG_E_FULL) {
            return 0;
        }
        CHECK_CODE(code, RINGLOG_OK);
        len = fill(room, run, number);
        *possible = number + 1;
        CHECK_CODE(ringlog_commit(producer, number, 1, 0, len), RINGLOG_OK);
        return 1;
    default:
        CHECK_CODE(ringlog_batch_begin(producer), RINGLOG_OK);
        for (uint64_t at = 0; at < BATCH; at++) {
            len = fill(&payload, run, number + at);
            code = ringlog_batch_write(producer, number + at, 1, 0, &payload, len);
            if (code == RINGLOG_E_FULL) {
                break;
            }
            CHECK_CODE(code, RINGLOG_OK);
            *possible = number + at + 1;
        }
        CHECK_CODE(ringlog_batch_publish(producer, &events), RINGLOG_OK);
        return events;
    }
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    uint64_t run = strtoull(argv[2], NULL, 10);
    int file = open(argv[3], O_RDWR);
    CHECK(file >= 0);
    volatile uint64_t *progress = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(progress != MAP_FAILED);
    ringlog_producer producer = {0};
    int code;
    while (ringlog_is_transient(code = ringlog_file_producer(&producer, argv[1], TYPES))) {
        usleep(200);
    }
    if (code != RINGLOG_OK) {
        fprintf(stderr, "%s\n", ringlog_last_error());
        return 1;
    }
    int way = 0;
    unsigned steps = 0;
    for (uint64_t number = 0;; way = (way + 1) % 3) {
        uint64_t events = step(&producer, way, run, number, &progress[1]);
        number += events;
        progress[0] = number;
        // Now and then a pause, so that the log of many runs is read back in seconds.
        if (events == 0 || ++steps % 64 == 0) {
            usleep(50);
        }
    }
}
