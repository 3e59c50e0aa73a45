// A ring between an interrupt and the main loop of a Cortex-M microcontroller, in C without a C library: for the machine lm3s6965evb
// of QEMU, where .ci/run builds it with clang and runs it. docs/c.md says how.
//
// The timer's interrupt writes samples and must not wait: what finds no room is counted. The main loop reads, and now and then is too
// slow. At the end each sample was read, or is in the count of a GAP record.
#include <ringlog.h>

enum { CAPACITY = 512, MAX_PAYLOAD = 16, SAMPLES = 5000 };

static _Alignas(8) unsigned char memory[RINGLOG_RING_BYTES(CAPACITY, MAX_PAYLOAD)];
static ringlog_ring ring;
static ringlog_producer producer;
static ringlog_consumer consumer;

static volatile uint32_t samples;

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYSTICK_CONTROL REGISTER(0xE000E010)
#define SYSTICK_RELOAD REGISTER(0xE000E014)
#define SYSTICK_CURRENT REGISTER(0xE000E018)

// Ends the emulation: 0 is success.
static _Noreturn void leave(uint32_t code) {
    // Semihosting: SYS_EXIT_EXTENDED with the reason "application exit".
    uint32_t block[2] = {0x20026, code};
    register uint32_t operation __asm__("r0") = 0x20;
    register uint32_t *argument __asm__("r1") = block;
    __asm__ volatile("bkpt 0xAB" : : "r"(operation), "r"(argument) : "memory");
    for (;;) {
    }
}

// The producer is this interrupt's alone.
void sample(void) {
    if (samples == SAMPLES) {
        return;
    }
    uint32_t reading[2] = {samples, ~samples};
    int code = ringlog_write_lossy(&producer, samples, 1, 0, reading, sizeof reading);
    if (code < 0) {
        leave(3);
    }
    samples++;
    if (samples == SAMPLES) {
        SYSTICK_CONTROL = 0;
        ringlog_producer_close(&producer);
    }
}

static void wait(uint32_t rounds) {
    for (volatile uint32_t round = 0; round < rounds; round++) {
    }
}

void start(void) {
    const ringlog_ring_options options = {.capacity = CAPACITY, .max_payload = MAX_PAYLOAD};
    if (ringlog_ring_init(&ring, memory, sizeof memory, &options) != RINGLOG_OK ||
        ringlog_ring_split(&ring, &producer, &consumer) != RINGLOG_OK) {
        leave(1);
    }
    SYSTICK_RELOAD = 2000;
    SYSTICK_CURRENT = 0;
    SYSTICK_CONTROL = 7;
    uint32_t read = 0, lost = 0;
    while (!ringlog_consumer_is_finished(&consumer)) {
        ringlog_event event;
        ringlog_gap gap;
        if (ringlog_read(&consumer, &event) != RINGLOG_OK) {
            continue;
        }
        if (ringlog_gap_of(&event, &gap) == RINGLOG_OK) {
            lost += (uint32_t)gap.count;
            continue;
        }
        const uint32_t *reading = event.payload;
        if (event.payload_len != 8 || reading[0] != read + lost || reading[1] != ~reading[0]) {
            leave(2);
        }
        read++;
        if (read % 400 == 0) {
            ringlog_release(&consumer);
            wait(10000);
        }
    }
    uint64_t pending = 0;
    if (ringlog_consumer_pending_loss(&consumer, &pending, NULL) == RINGLOG_OK) {
        lost += (uint32_t)pending;
    }
    // Both have to happen, or the example shows nothing.
    leave(read + lost == SAMPLES && read > 0 && lost > 0 ? 0 : 4);
}

static void fault(void) {
    leave(5);
}

extern uint32_t stack_top[];

// Memory of zeros needs no start-up code here: QEMU's RAM is zero.
__attribute__((section(".vectors"), used)) static const void *const VECTORS[16] = {
    stack_top, (const void *)start, (const void *)fault, (const void *)fault, [15] = (const void *)sample,
};
