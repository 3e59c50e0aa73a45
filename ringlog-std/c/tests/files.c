// Rings in files and logs: what the functions do, and what they say of misuse.
//
//     files FOLDER DATA    FOLDER is empty, DATA is a copy of ringlog-std/tests/data
#define _DEFAULT_SOURCE
#include "../../../ringlog-nostd/c/tests/check.h"
#include "ringlog.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char TYPES[] = "{\"types\":[{\"type\":1,\"name\":\"tick\",\"size\":8,\"fields\":["
                            "{\"name\":\"price\",\"offset\":0,\"kind\":\"i64\",\"scale\":-2}]}]}";
static const char OTHER_TYPES[] = "{\"types\":[{\"type\":2,\"name\":\"tock\",\"size\":0,\"fields\":[]}]}";

static char ring_path[4096], path[4096];

static const char *in(const char *folder, const char *name) {
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

// The last error names the file, and what to do.
static void said(const char *part) {
    if (strstr(ringlog_last_error(), part) == NULL) {
        fprintf(stderr, "\"%s\" does not say \"%s\"\n", ringlog_last_error(), part);
        exit(1);
    }
}

static void a_ring_is_made_once(void) {
    ringlog_ring_options options = {.capacity = 4096, .max_payload = 64};
    CHECK(strcmp(ringlog_last_error(), "") == 0);
    CHECK_CODE(ringlog_file_create(NULL, NULL), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_file_create(ring_path, &(ringlog_ring_options){.capacity = 1000}), RINGLOG_E_CAPACITY);
    said(ring_path);
    CHECK_CODE(ringlog_file_create(ring_path, &(ringlog_ring_options){.max_payload = 65536}), RINGLOG_E_MAX_PAYLOAD);
    CHECK_CODE(ringlog_file_create("/no/such/folder/ring", &options), RINGLOG_E_MISSING);
    CHECK_CODE(ringlog_file_create(ring_path, &options), RINGLOG_OK);
    CHECK_CODE(ringlog_file_create(ring_path, &options), RINGLOG_E_EXISTS);
    said("exists already");
}

static void each_end_has_one_owner(void) {
    ringlog_producer producer = {0}, second = {0};
    ringlog_consumer consumer = {0}, other = {0};
    CHECK_CODE(ringlog_file_producer(&producer, "/no/such/ring", NULL), RINGLOG_E_MISSING);
    CHECK(ringlog_is_transient(RINGLOG_E_MISSING) && !ringlog_is_transient(RINGLOG_E_IO) && !ringlog_is_transient(RINGLOG_OK));
    CHECK_CODE(ringlog_file_producer(&producer, "/dev/null", NULL), RINGLOG_E_NOT_A_FILE);
    CHECK_CODE(ringlog_file_producer(&producer, NULL, NULL), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_file_producer(NULL, ring_path, NULL), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_file_producer(&producer, ring_path, "{"), RINGLOG_E_TYPES);
    said(ring_path);
    CHECK_CODE(ringlog_file_producer(&producer, ring_path, "{\"types\":[{\"type\":300}]}"), RINGLOG_E_TYPES);
    CHECK_CODE(ringlog_file_producer(&producer, ring_path, TYPES), RINGLOG_OK);
    CHECK_CODE(ringlog_file_producer(&producer, ring_path, TYPES), RINGLOG_E_OPEN);
    CHECK_CODE(ringlog_file_producer(&second, ring_path, TYPES), RINGLOG_E_ROLE_TAKEN);
    said("this process");
    CHECK_CODE(ringlog_file_consumer(&consumer, ring_path), RINGLOG_OK);
    CHECK_CODE(ringlog_file_consumer(&other, ring_path), RINGLOG_E_ROLE_TAKEN);
    CHECK(ringlog_producer_capacity(&producer) == 4096 && ringlog_producer_max_payload(&producer) == 64);
    CHECK_CODE(ringlog_write(&producer, 1, 1, 0, "12345678", 8), RINGLOG_OK);
    CHECK_CODE(ringlog_producer_close(&producer), RINGLOG_OK);
    // The list of types changes only while no event is unread.
    CHECK_CODE(ringlog_file_producer(&producer, ring_path, OTHER_TYPES), RINGLOG_E_OTHER_TYPES);
    said("unread");
    CHECK_CODE(ringlog_file_producer(&producer, ring_path, TYPES), RINGLOG_OK);
    CHECK_CODE(ringlog_producer_close(&producer), RINGLOG_OK);
    ringlog_event event;
    CHECK_CODE(ringlog_read(&consumer, &event), RINGLOG_OK);
    CHECK(event.timestamp == 1 && event.payload_len == 8 && memcmp(event.payload, "12345678", 8) == 0);
    CHECK_CODE(ringlog_release(&consumer), RINGLOG_OK);
    CHECK_CODE(ringlog_file_producer(&producer, ring_path, OTHER_TYPES), RINGLOG_OK);
    CHECK_CODE(ringlog_producer_close(&producer), RINGLOG_OK);
    CHECK(ringlog_consumer_is_finished(&consumer));
    CHECK_CODE(ringlog_consumer_close(&consumer), RINGLOG_OK);
    CHECK_CODE(ringlog_consumer_close(&consumer), RINGLOG_E_NOT_OPEN);
}

// The role of a process that is gone is free, however it went.
static void a_dead_producer_leaves_its_role(void) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        ringlog_producer producer = {0};
        for (int number = 0; ringlog_file_producer(&producer, ring_path, NULL) != RINGLOG_OK && number < 1000; number++) {
            usleep(1000);
        }
        int code = ringlog_write(&producer, 7, 1, 0, "child", 5);
        void *room;
        if (code == RINGLOG_OK) {
            code = ringlog_claim(&producer, 8, &room);
        }
        _exit(code == RINGLOG_OK ? 0 : 1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ringlog_producer producer = {0};
    ringlog_consumer consumer = {0};
    ringlog_event event;
    CHECK_CODE(ringlog_file_producer(&producer, ring_path, NULL), RINGLOG_OK);
    CHECK_CODE(ringlog_file_consumer(&consumer, ring_path), RINGLOG_OK);
    CHECK_CODE(ringlog_read(&consumer, &event), RINGLOG_OK);
    CHECK(event.timestamp == 7 && event.payload_len == 5);
    CHECK_CODE(ringlog_read(&consumer, &event), RINGLOG_EMPTY);
    CHECK_CODE(ringlog_producer_close(&producer), RINGLOG_OK);
    CHECK_CODE(ringlog_consumer_close(&consumer), RINGLOG_OK);
}

static void a_file_that_is_no_ring_is_refused(const char *folder) {
    ringlog_producer producer = {0};
    FILE *file = fopen(in(folder, "letter"), "w");
    CHECK(file != NULL && fputs("Dear reader", file) >= 0 && fclose(file) == 0);
    CHECK_CODE(ringlog_file_producer(&producer, path, NULL), RINGLOG_E_TOO_SMALL);
    CHECK(truncate(path, 8192) == 0);
    CHECK_CODE(ringlog_file_producer(&producer, path, NULL), RINGLOG_E_NOT_A_RING);
    said("letter");
    CHECK(truncate(ring_path, 4096) == 0);
    CHECK_CODE(ringlog_file_producer(&producer, ring_path, NULL), RINGLOG_E_TOO_SMALL);
}

static void a_log_is_read_and_searched(const char *data) {
    ringlog_log *log = NULL;
    ringlog_log_event read;
    ringlog_gap gap;
    ringlog_value value;
    uint64_t end = 0;
    CHECK_CODE(ringlog_log_open(NULL, data), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_log_open(&log, NULL), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_log_open(&log, "/no/such/log"), RINGLOG_E_MISSING);
    said("/no/such/log");
    CHECK_CODE(ringlog_log_open(&log, in(data, "capture.pcapng")), RINGLOG_E_NOT_A_LOG);
    CHECK(log == NULL);
    CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_log_close(&log), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_log_open(&log, in(data, "format.evtl")), RINGLOG_OK);
    CHECK_CODE(ringlog_log_next(log, NULL), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_log_field(log, "price", &value), RINGLOG_EMPTY);
    CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_OK);
    CHECK(read.sequence == 0 && read.event.timestamp == 1700000000000000001u && read.event.event_type == 7);
    CHECK(read.event.flags == 3 && read.event.payload_len == 5 && memcmp(read.event.payload, "hello", 5) == 0);
    CHECK_CODE(ringlog_gap_of(&read.event, &gap), RINGLOG_EMPTY);
    CHECK(ringlog_log_type_name(log) == NULL && ringlog_log_fields(log) == NULL);
    CHECK_CODE(ringlog_log_seek(log, 2), RINGLOG_OK);
    CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_OK);
    CHECK(read.sequence == 2 && read.event.is_gap);
    CHECK_CODE(ringlog_gap_of(&read.event, &gap), RINGLOG_OK);
    CHECK(gap.count == 3 && gap.reason == 1 && !gap.log_side);
    CHECK_CODE(ringlog_log_seek_time(log, 1700000000000001001u), RINGLOG_OK);
    CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_OK);
    CHECK(read.sequence == 2);
    CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_OK);
    CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_EMPTY);
    CHECK(read.sequence == 3 && read.event.event_type == 255 && read.event.payload_len == 8);
    CHECK_CODE(ringlog_log_seek_time(log, UINT64_MAX), RINGLOG_EMPTY);
    CHECK_CODE(ringlog_log_seek(log, 1000), RINGLOG_OK);
    CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_EMPTY);
    CHECK_CODE(ringlog_log_end_sequence(log, &end), RINGLOG_OK);
    CHECK(end == 4);
    CHECK_CODE(ringlog_log_close(&log), RINGLOG_OK);
    CHECK(log == NULL);
    CHECK_CODE(ringlog_log_close(&log), RINGLOG_E_NULL);
}

static void a_typed_log_gives_names_and_values(const char *data) {
    ringlog_log *log = NULL;
    ringlog_log_event read;
    ringlog_value value;
    static const uint64_t SEQUENCES[] = {2, 3, 7, 8};
    CHECK_CODE(ringlog_log_open(&log, in(data, "typed/log")), RINGLOG_OK);
    for (size_t at = 0; at < 4; at++) {
        CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_OK);
        CHECK(read.sequence == SEQUENCES[at]);
        if (at == 0) {
            CHECK(strcmp(ringlog_log_type_name(log), "tick") == 0);
            CHECK(strcmp(ringlog_log_fields(log), "price=101") == 0);
            CHECK_CODE(ringlog_log_field(log, "price", &value), RINGLOG_OK);
            CHECK(value.kind == RINGLOG_VALUE_UNSIGNED && value.whole == 101 && value.whole_unsigned == 101);
            CHECK(value.number == 101.0 && value.text == NULL && value.text_len == 0);
            CHECK_CODE(ringlog_log_field(log, "volume", &value), RINGLOG_EMPTY);
            CHECK_CODE(ringlog_log_field(log, "\xFF", &value), RINGLOG_EMPTY);
            CHECK_CODE(ringlog_log_field(log, NULL, &value), RINGLOG_E_NULL);
        }
    }
    CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_EMPTY);
    CHECK_CODE(ringlog_log_close(&log), RINGLOG_OK);
}

// What the system refuses is no damage.
static void too_many_open_files_are_no_damage(const char *data) {
    ringlog_log *log = NULL;
    ringlog_log_event read;
    struct rlimit before, none;
    CHECK_CODE(ringlog_log_open(&log, in(data, "typed/log")), RINGLOG_OK);
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = before;
    none.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK_CODE(ringlog_log_seek_time(log, 0), RINGLOG_E_IO);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_CODE(ringlog_log_seek_time(log, 0), RINGLOG_OK);
    CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_OK);
    CHECK_CODE(ringlog_log_close(&log), RINGLOG_OK);
}

static void a_log_is_verified(const char *folder, const char *data) {
    ringlog_log_check check;
    ringlog_log *empty = NULL;
    // Nothing is recorded yet.
    CHECK(mkdir(in(folder, "new"), 0777) == 0);
    CHECK_CODE(ringlog_log_open(&empty, path), RINGLOG_E_MISSING);
    CHECK_CODE(ringlog_log_verify(path, &check), RINGLOG_E_MISSING);
    CHECK_CODE(ringlog_log_verify("/no/such/log", &check), RINGLOG_E_MISSING);
    CHECK_CODE(ringlog_log_verify(data, NULL), RINGLOG_E_NULL);
    CHECK_CODE(ringlog_log_verify(in(data, "format.evtl"), &check), RINGLOG_OK);
    CHECK(check.verdict == RINGLOG_VERDICT_LOSS && check.events == 3 && check.gaps == 1 && check.lost == 3);
    CHECK(check.segments == 1);
    // A byte of the payload of sequence 0 is flipped.
    unsigned char bytes[4096];
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    CHECK(fclose(file) == 0 && len > 100);
    bytes[64 + 16] ^= 1;
    file = fopen(in(folder, "damaged.evtl"), "wb");
    CHECK(file != NULL && fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
    ringlog_log *log = NULL;
    ringlog_log_event read;
    CHECK_CODE(ringlog_log_open(&log, path), RINGLOG_OK);
    CHECK_CODE(ringlog_log_next(log, &read), RINGLOG_E_LOG_DAMAGED);
    said("offset 64");
    CHECK_CODE(ringlog_log_close(&log), RINGLOG_OK);
    CHECK_CODE(ringlog_log_verify(path, &check), RINGLOG_OK);
    CHECK(check.verdict == RINGLOG_VERDICT_LOSS && check.events == 2);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    snprintf(ring_path, sizeof ring_path, "%s/events.ring", argv[1]);
    a_ring_is_made_once();
    each_end_has_one_owner();
    a_dead_producer_leaves_its_role();
    a_file_that_is_no_ring_is_refused(argv[1]);
    a_log_is_read_and_searched(argv[2]);
    a_typed_log_gives_names_and_values(argv[2]);
    too_many_open_files_are_no_damage(argv[2]);
    a_log_is_verified(argv[1], argv[2]);
    puts("files.c: all as it should be");
    return 0;
}
