// A reader of log files that does not link ringlog: written from docs/format.md alone.
//
//     read_by_format FILE...
//
// Checks each file and prints a line for each record: sequence, timestamp, type, flags of the user, payload in hex; or `gap`, count,
// reason; or `meta`. The files of a log are given in the order of their names.
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *path;

static void damaged(uint64_t offset, const char *why) {
    fprintf(stderr, "%s: offset %" PRIu64 ": %s\n", path, offset, why);
    exit(1);
}

// Little-endian numbers.
static uint64_t number(const unsigned char *bytes, int len) {
    uint64_t value = 0;
    while (len-- > 0) {
        value = value << 8 | bytes[len];
    }
    return value;
}

static uint32_t crc32c(uint32_t crc, const unsigned char *bytes, size_t len) {
    crc = ~crc;
    while (len-- > 0) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
        }
    }
    return ~crc;
}

static void store32(unsigned char *to, uint32_t value) {
    for (int byte = 0; byte < 4; byte++) {
        to[byte] = (unsigned char)(value >> (8 * byte));
    }
}

// Checks the file header and returns the salt.
static uint32_t check_header(const unsigned char *file, size_t len) {
    unsigned char covered[36];
    if (len < 64) {
        damaged(len, "shorter than a header");
    }
    uint32_t flags = (uint32_t)number(file + 56, 4);
    memcpy(covered, file, 16);
    memcpy(covered + 16, file + 40, 16);
    store32(covered + 32, flags & 0x0000FF06);
    uint32_t salt = crc32c(0, covered, sizeof covered);
    if (memcmp(file, "EVTL", 4) != 0) {
        damaged(0, "no log file");
    }
    if (number(file + 4, 4) != 1) {
        damaged(4, "not version 1");
    }
    if (salt != number(file + 60, 4)) {
        damaged(60, "checksum of the header");
    }
    if (number(file + 40, 8) > (uint64_t)1 << 62) {
        damaged(40, "base_sequence");
    }
    if (number(file + 48, 8) > (uint64_t)1 << 62 || file[48] % 8 != 0) {
        damaged(48, "base_position");
    }
    if ((flags & ~(uint32_t)0x0000FF0F) != 0) {
        damaged(56, "unknown flags");
    }
    for (int at = 24; at <= 32; at += 8) {
        if (number(file + at, 8) < 64 || file[at] % 8 != 0) {
            damaged((uint64_t)at, "write_offset or synced_offset");
        }
    }
    return salt;
}

// Whether the records of a STREAM file end here: the next 16 bytes, or all that are left, were never written.
static int is_unwritten(const unsigned char *bytes, uint64_t left) {
    uint64_t len = left < 16 ? left : 16, same = 1;
    while (same < len && bytes[same] == bytes[0]) {
        same++;
    }
    return same == len && (bytes[0] == 0x00 || bytes[0] == 0xFF);
}

// Whether a record may be in the preamble: META, or a GAP of the log's side.
static int is_of_preamble(const unsigned char *record) {
    return (record[9] & 0x10) != 0 || ((record[9] & 0x20) != 0 && (record[27] & 0x80) != 0);
}

// Checks a record and returns its length.
static uint64_t check_record(const unsigned char *file, uint64_t offset, uint64_t end, uint32_t salt, int checksums) {
    const unsigned char *record = file + offset;
    if (end - offset < 16) {
        damaged(offset, "no room for a record");
    }
    uint64_t payload_len = number(record + 10, 2), len = (16 + payload_len + 7) / 8 * 8;
    if (len > end - offset) {
        damaged(offset, "a record that is too long");
    }
    if ((record[9] & 0x80) == 0 || (record[9] & 0x30) == 0x30 || (record[9] & 0x40) != (checksums ? 0x40 : 0)) {
        damaged(offset, "flags");
    }
    if ((record[9] & 0x20) != 0 && payload_len != 16) {
        damaged(offset, "a GAP record of another length");
    }
    for (uint64_t at = 16 + payload_len; at < len; at++) {
        if (record[at] != 0) {
            damaged(offset, "padding");
        }
    }
    if (checksums) {
        unsigned char header[16];
        memcpy(header, record, 16);
        store32(header + 12, salt ^ (uint32_t)(offset / 8));
        if (crc32c(crc32c(0, header, 16), record + 16, payload_len) != number(record + 12, 4)) {
            damaged(offset, "checksum");
        }
    }
    return len;
}

static void print(const unsigned char *record, uint64_t sequence) {
    printf("%" PRIu64 " ", sequence);
    if (record[9] & 0x10) {
        printf("meta\n");
        return;
    }
    printf("%" PRIu64 " ", number(record, 8));
    if (record[9] & 0x20) {
        printf("gap %" PRIu64 " %" PRIu64 "\n", number(record + 16, 8), number(record + 24, 4) & 0x7FFFFFFF);
        return;
    }
    printf("%u %u ", record[8], record[9] & 0x0F);
    for (uint64_t at = 0; at < number(record + 10, 2); at++) {
        printf("%02x", record[16 + at]);
    }
    printf("\n");
}

static void read_file(void) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        damaged(0, "cannot open");
    }
    long len = ftell(file);
    rewind(file);
    unsigned char *bytes = malloc((size_t)len + 1);
    if (len < 0 || bytes == NULL || fread(bytes, 1, (size_t)len, file) != (size_t)len) {
        damaged(0, "cannot read");
    }
    fclose(file);
    uint32_t salt = check_header(bytes, (size_t)len);
    uint32_t flags = (uint32_t)number(bytes + 56, 4);
    // A STREAM file has records up to its end.
    uint64_t end = flags & 0x0004 ? (uint64_t)len : number(bytes + 24, 8);
    if (end > (uint64_t)len) {
        damaged(24, "the file was cut short");
    }
    uint64_t sequence = number(bytes + 40, 8), first = sequence;
    int is_preamble = 1;
    for (uint64_t offset = 64; offset < end; sequence++) {
        if ((flags & 0x0004) != 0 && is_unwritten(bytes + offset, end - offset)) {
            break;
        }
        uint64_t record_len = check_record(bytes, offset, end, salt, (flags & 0x0002) != 0);
        is_preamble = is_preamble && is_of_preamble(bytes + offset);
        if (!is_preamble && (bytes[offset + 9] & 0x10) != 0) {
            damaged(offset, "a META record after the preamble");
        }
        print(bytes + offset, sequence);
        offset += record_len;
    }
    if ((flags & 0x000C) == 0x0008 && number(bytes + 16, 8) != sequence - first) {
        damaged(16, "event_count");
    }
    free(bytes);
}

int main(int argc, char **argv) {
    for (int at = 1; at < argc; at++) {
        path = argv[at];
        read_file();
    }
    return 0;
}
