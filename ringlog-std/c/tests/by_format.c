// A producer that does not link ringlog: written from docs/format.md alone ("A producer without the library").
//
//     by_format RING FIRST EVENTS [die]
//
// Writes EVENTS events numbered from FIRST on, of lengths 0 to 99. With `die` it ends without giving the role back, over a record
// that it has not published.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void refuse(const char *why) {
    fprintf(stderr, "by_format: %s\n", why);
    exit(1);
}

struct producer {
    int role;
    unsigned char *file;
    uint64_t capacity, overrun, head;
};

static _Atomic uint64_t *word(struct producer *producer, size_t offset) {
    return (_Atomic uint64_t *)(void *)(producer->file + offset);
}

static uint64_t constant(struct producer *producer, size_t offset) {
    return atomic_load_explicit(word(producer, offset), memory_order_relaxed);
}

static int leads_to(const char *path, int file) {
    struct stat named, open;
    return lstat(path, &named) == 0 && fstat(file, &open) == 0 && named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

// Step 2.
static int take_role(const char *ring) {
    char path[PATH_MAX + 16], text[64] = {0};
    snprintf(path, sizeof path, "%s.producer", ring);
    for (;;) {
        int file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (file < 0) {
            refuse("cannot open the file of the role");
        }
        ssize_t len = pread(file, text, sizeof text - 1, 0);
        if (len < 0 || (strncmp(text, "pid: ", 5) != 0 && text[0] != 0)) {
            refuse("another program's file has the name of the role's");
        }
        if (flock(file, LOCK_EX | LOCK_NB) != 0) {
            refuse("the ring has a producer");
        }
        if (!leads_to(path, file)) {
            close(file);
            continue;
        }
        int written = snprintf(text, sizeof text, "pid: %ld\n", (long)getpid());
        if (pwrite(file, text, (size_t)written, 0) != written || ftruncate(file, written) != 0) {
            refuse("cannot write into the file of the role");
        }
        return file;
    }
}

// Step 4.
static uint64_t boot(void) {
    char id[36];
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (file == NULL || fread(id, 1, sizeof id, file) != sizeof id) {
        refuse("no boot id");
    }
    fclose(file);
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t at = 0; at < sizeof id; at++) {
        hash = (hash ^ (unsigned char)id[at]) * 0x100000001B3u;
    }
    return hash;
}

static struct producer begin(const char *name) {
    char path[PATH_MAX];
    if (realpath(name, path) == NULL) {
        refuse("no such ring");
    }
    struct producer producer = {.role = take_role(path)};
    int file = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_size < 4096) {
        refuse("not a ring's file");
    }
    producer.file = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (producer.file == MAP_FAILED) {
        refuse("cannot map");
    }
    // Step 3.
    if (atomic_load_explicit(word(&producer, 0), memory_order_acquire) != 0x52494E474C4F4731u) {
        refuse("no ring");
    }
    uint64_t layout = constant(&producer, 8);
    if (((layout & 0x3FFF) != 0x1302 && (layout & 0x3FFF) != 0x1301) || (layout & 0x4000) != 0) {
        refuse("another layout");
    }
    producer.capacity = constant(&producer, 16);
    producer.overrun = constant(&producer, 24);
    uint64_t bytes = 384 + producer.capacity + producer.overrun;
    if ((producer.capacity & (producer.capacity - 1)) != 0 || producer.overrun % 8 != 0 || producer.overrun < 32 ||
        producer.overrun > producer.capacity || (bytes + 4095) / 4096 * 4096 != (uint64_t)status.st_size) {
        refuse("damaged sizes");
    }
    if (!leads_to(path, file)) {
        refuse("the ring was replaced");
    }
    if (constant(&producer, 40) != boot()) {
        refuse("a ring of an earlier boot");
    }
    // Step 5.
    producer.head = constant(&producer, 128);
    uint64_t gap_at = constant(&producer, 152);
    if (gap_at != 1) {
        if ((int64_t)(producer.head - gap_at) > 0) {
            atomic_store_explicit(word(&producer, 144), 0, memory_order_release);
        }
        atomic_store_explicit(word(&producer, 152), 1, memory_order_release);
    }
    // Step 6.
    if ((layout & 0xFF) == 2 && constant(&producer, 168) != 0) {
        while (atomic_load_explicit(word(&producer, 256), memory_order_acquire) != producer.head) {
            usleep(1000);
        }
        atomic_store_explicit(word(&producer, 168), 0, memory_order_relaxed);
    }
    // Step 7.
    atomic_store_explicit(word(&producer, 136), 0, memory_order_relaxed);
    close(file);
    return producer;
}

// Returns whether there is room.
static int store(struct producer *producer, uint64_t timestamp, uint8_t type, const void *payload, uint16_t n) {
    uint64_t length = (16 + (uint64_t)n + 7) / 8 * 8;
    if (length > producer->overrun) {
        refuse("the ring never takes this event");
    }
    uint64_t tail = atomic_load_explicit(word(producer, 256), memory_order_acquire);
    uint64_t used = producer->head - tail;
    if (tail % 8 != 0 || used > producer->capacity) {
        refuse("a corrupt ring");
    }
    if (length > producer->capacity - used) {
        return 0;
    }
    unsigned char *record = producer->file + 384 + (producer->head & (producer->capacity - 1));
    uint8_t header[16] = {[8] = type, [9] = 0x80, [10] = (uint8_t)n, [11] = (uint8_t)(n >> 8)};
    for (int byte = 0; byte < 8; byte++) {
        header[byte] = (uint8_t)(timestamp >> (8 * byte));
    }
    memcpy(record, header, 16);
    memcpy(record + 16, payload, n);
    memset(record + 16 + n, 0, length - 16 - n);
    producer->head += length;
    return 1;
}

static void publish(struct producer *producer) {
    atomic_store_explicit(word(producer, 128), producer->head, memory_order_release);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        refuse("usage: by_format RING FIRST EVENTS [die]");
    }
    struct producer producer = begin(argv[1]);
    uint64_t first = strtoull(argv[2], NULL, 10), events = strtoull(argv[3], NULL, 10);
    unsigned char payload[100];
    for (uint64_t number = first; number < first + events; number++) {
        memset(payload, (int)(number % 251), sizeof payload);
        while (!store(&producer, number, 9, payload, (uint16_t)(number % 100))) {
            usleep(100);
        }
        publish(&producer);
    }
    if (argc > 4) {
        memset(payload, 0xEE, sizeof payload);
        store(&producer, UINT64_MAX, 9, payload, sizeof payload);
        _exit(0);
    }
    atomic_store_explicit(word(&producer, 136), 1, memory_order_release);
    return flock(producer.role, LOCK_UN) == 0 && close(producer.role) == 0 ? 0 : 1;
}
