// ringlog.h: an event log for code that cannot wait, for C11 and C++.
//
// Made by cbindgen from the sources of ringlog-c-core and ringlog-c: change those, then run `.ci/run c-header`. How to build,
// install and begin: docs/c.md. Without the library: docs/format.md says what is in a ring and in a log, byte by byte.
// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a function returns
//     Functions that return `int` return RINGLOG_OK (0), or RINGLOG_EMPTY or RINGLOG_LOST (above 0), which are no errors, or a
//     code RINGLOG_E_... (below 0). ringlog_error_text has the words of each. On an error nothing has changed, unless the
//     function says otherwise. Each function that takes a handle may return RINGLOG_E_NULL, RINGLOG_E_MISALIGNED and
//     RINGLOG_E_NOT_OPEN; each that takes another pointer, RINGLOG_E_NULL.
//
//     errno says nothing, and may change in functions that make system calls. Memory that runs out, or a fault of the library,
//     ends the process (abort): nothing is thrown, and nothing unwinds into the caller.
//
// Handles
//     ringlog_ring, ringlog_producer and ringlog_consumer are memory of the caller's: static, on the stack, or in a struct. Before
//     its first use a handle is all zero (`ringlog_producer producer = {0};`, in C++ `{}`). After it was closed it may be opened
//     again.
//     An open handle is never copied; it may be moved with memcpy while no call uses it, if the old place is used no more.
//     A ringlog_log is made by ringlog_log_open and freed by ringlog_log_close, which sets the caller's pointer to null.
//
// Two libraries
//     libringlog has all functions. libringlog_core, for firmware, has those up to ringlog_consumer_close. Programs link one.
//
// Threads
//     A handle is used by one thread at a time; to give it to another thread, synchronise as for any other memory. Producer and
//     consumer of one ring are two handles, for two threads, cores, or processes: they need no lock, and none of their
//     functions waits or makes a system call, but those that open and close. Functions on different handles never disturb
//     each other. A signal handler may write and read with a handle that nothing else uses. A ringlog_log is used by one thread
//     at a time.
//
// After fork
//     A child does nothing with a copy of an end of a ring in a file but close it, which changes nothing for the parent. Until the
//     child does, or calls exec, a parent that dies leaves the role taken. Ends over other memory that both share it leaves alone:
//     closing one would close the parent's. It may close copies of ends over memory that is not shared, and of logs.
//
// Units
//     Lengths, capacities and positions are in bytes. Timestamps are in the unit that the application chooses; a log names its
//     clock.
//
// What cannot be checked
//     - a handle that was neither zeroed nor opened, was copied while open, or is used by two threads at once
//     - memory of a ring that is freed, moved, written by others, or made a ring again before both ends are closed
//     - two rings or two producers that are attached to the same memory with different ringlog_ring handles. (A ring in a file has
//       a lock for each end, which is checked.)
//     - a payload pointer whose bytes are fewer than its length, or a claimed or lent payload that is used after its time
//     - a ringlog_log that was closed by another copy of its pointer
//     - a ring's file that is cut short while it is open: both sides end by SIGBUS. (Logs are read without a mapping.)
//     - a `bool` that is neither true nor false, as in ringlog_ring_options that were not set: begin with `= {0}`
//     - the sizes of the handles, if the program was compiled with the header of another version: ringlog_version says

#ifndef RINGLOG_H
#define RINGLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The bytes of memory that a ring of this capacity and longest payload takes, as a constant: for a static buffer.
// `capacity` is a power of two of at least 32, and at least RINGLOG_RECORD_BYTES(max_payload). Neither is 0, which in
// `ringlog_ring_options` has another meaning.
#define RINGLOG_RING_BYTES(capacity, max_payload) \
    ((sizeof(size_t) == 8 ? 384 : 64) + RINGLOG_SIZE(capacity) + RINGLOG_RECORD_BYTES((max_payload) < 16 ? 16 : (max_payload)))

// The bytes that an event with this payload takes in a ring and in a log: header, payload, padding to a multiple of 8.
#define RINGLOG_RECORD_BYTES(payload_len) ((RINGLOG_SIZE(payload_len) + 23) / 8 * 8)

// For the two above.
#ifdef __cplusplus
#define RINGLOG_SIZE(number) (static_cast<size_t>(number))
#else
#define RINGLOG_SIZE(number) ((size_t)(number))
#endif

// Before functions whose result has to be looked at. Define it as nothing to have no warning.
#ifndef RINGLOG_CHECKED
#if (defined(__cplusplus) && __cplusplus >= 201703L) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
#define RINGLOG_CHECKED [[nodiscard]]
#elif defined(__GNUC__)
#define RINGLOG_CHECKED __attribute__((warn_unused_result))
#else
#define RINGLOG_CHECKED
#endif
#endif

// The version of this header: 10,000 times its first number, 100 times the second, the third.
#define RINGLOG_VERSION 100

// Done.
#define RINGLOG_OK 0

// There is nothing: no event to read, no GAP record, no loss, no such field.
#define RINGLOG_EMPTY 1

// The ring was full, so the event was counted as lost, or losses wait for room for their GAP record.
#define RINGLOG_LOST 2

// The ring has no room now. The event fits once the consumer has released some space.
#define RINGLOG_E_FULL (-1)

// The payload is longer than this ring takes, so it never fits: see `ringlog_producer_max_payload`.
#define RINGLOG_E_PAYLOAD_TOO_LONG (-2)

// More bytes were committed than were claimed.
#define RINGLOG_E_LENGTH (-3)

// A flag bit outside 0 to 3 is set.
#define RINGLOG_E_FLAGS (-4)

// The ring is corrupt: its words or records are such as no correct peer writes. This end uses it no further.
#define RINGLOG_E_CORRUPT (-5)

// A pointer is null that must not be.
#define RINGLOG_E_NULL (-10)

// A handle is not aligned as its type is, or memory does not start at a multiple of 8.
#define RINGLOG_E_MISALIGNED (-11)

// The handle is not open: it is all zero, was closed, or is one of another type.
#define RINGLOG_E_NOT_OPEN (-12)

// The handle is open already. Close it first, or use another one.
#define RINGLOG_E_OPEN (-13)

// This end of the ring was given out already.
#define RINGLOG_E_TAKEN (-14)

// A claim is neither committed nor aborted.
#define RINGLOG_E_CLAIM_OPEN (-15)

// Nothing is claimed.
#define RINGLOG_E_NO_CLAIM (-16)

// A batch is neither published nor dropped.
#define RINGLOG_E_BATCH_OPEN (-17)

// No batch was begun.
#define RINGLOG_E_NO_BATCH (-18)

// The capacity is no power of two, or too small for the longest payload, or too large.
#define RINGLOG_E_CAPACITY (-20)

// A longest payload of more than 65,535 bytes was asked for.
#define RINGLOG_E_MAX_PAYLOAD (-21)

// The memory is too small for the ring: see `ringlog_ring_required_len`.
#define RINGLOG_E_TOO_SMALL (-22)

// There is no ring in this memory or file, or one of another word size, byte order or layout.
#define RINGLOG_E_NOT_A_RING (-23)

// The sizes or positions of the ring contradict each other.
#define RINGLOG_E_DAMAGED (-24)

// The system refused: see `ringlog_last_error`.
#define RINGLOG_E_IO (-30)

// There is no ring or no log of that name. It may come: a recorder makes its ring when it starts.
#define RINGLOG_E_MISSING (-31)

// Something of that name exists.
#define RINGLOG_E_EXISTS (-32)

// Another process is making this ring. Open it once it is there.
#define RINGLOG_E_BUSY (-33)

// The file system has no room for the ring, or takes no file so large.
#define RINGLOG_E_NO_SPACE (-34)

// A folder, a pipe, a device, or a file with several names where a ring's file has to be.
#define RINGLOG_E_NOT_A_FILE (-35)

// The role of this end has an owner that is alive: one process writes, one reads.
#define RINGLOG_E_ROLE_TAKEN (-36)

// The ring is of an earlier boot, so its content cannot be trusted. Its recorder, once started, replaces it.
#define RINGLOG_E_OTHER_BOOT (-37)

// Events with another list of types are unread. The same call succeeds once they are read.
#define RINGLOG_E_OTHER_TYPES (-38)

// The list of types is not valid, or too long: see `ringlog_last_error`.
#define RINGLOG_E_TYPES (-39)

// The ring was replaced while it was opened. Open it again.
#define RINGLOG_E_REPLACED (-40)

// The name of a role's file beside the ring is taken by something else.
#define RINGLOG_E_ROLE_FILE (-41)

// There is no log at this path, or none that can be read.
#define RINGLOG_E_NOT_A_LOG (-50)

// A record, a header or a segment of the log is damaged or missing. What was read before is good.
#define RINGLOG_E_LOG_DAMAGED (-51)

// Retention deleted what would have been read next. Seek to a later sequence.
#define RINGLOG_E_OVERTAKEN (-52)

// The payload does not fit what the log says of its type.
#define RINGLOG_E_NOT_FITTING (-53)

// An error of a newer version of the core that this one has no code for.
#define RINGLOG_E_OTHER (-99)

// Sealed and complete.
#define RINGLOG_VERDICT_CLEAN 0

// Its writer is at work. All that it published is there.
#define RINGLOG_VERDICT_OPEN 1

// Bytes changed, or a writer died; no event is missing.
#define RINGLOG_VERDICT_DAMAGE 2

// It is readable, and events are missing, or may be.
#define RINGLOG_VERDICT_LOSS 3

// No event can be read, or a file could not be read.
#define RINGLOG_VERDICT_UNREADABLE 4

// An integer without a sign, in `whole_unsigned`.
#define RINGLOG_VALUE_UNSIGNED 1

// An integer with a sign, in `whole`.
#define RINGLOG_VALUE_SIGNED 2

// A floating-point number, in `number`.
#define RINGLOG_VALUE_FLOAT 3

// A truth value: `whole` is 0 or 1.
#define RINGLOG_VALUE_BOOL 4

// An integer with a scale: the value is `whole` times ten to the power of `scale`, in `number` as near as a double comes.
#define RINGLOG_VALUE_DECIMAL 5

// An integer that has a name, in `whole`; its name is in `text`.
#define RINGLOG_VALUE_LABEL 6

// A moment in the unit of the log's clock, in `whole_unsigned`.
#define RINGLOG_VALUE_TIMESTAMP 7

// Text in UTF-8, in `text`.
#define RINGLOG_VALUE_TEXT 8

// Bytes, in `text`.
#define RINGLOG_VALUE_BYTES 9

// An array or a struct. Ask for what is in it: `legs[0].price`.
#define RINGLOG_VALUE_NESTED 10

// A log that is open for reading. Make one with `ringlog_log_open`.
typedef struct ringlog_log ringlog_log;

// How to make a ring. All zero is the default.
typedef struct ringlog_ring_options {
    // Capacity in bytes, a power of two. 0 takes the largest that fits into the memory (4 MiB for a ring in a file).
    size_t capacity;
    // The longest payload in bytes, at most 65,535. 0 takes what the capacity allows.
    size_t max_payload;
    // A number that no other ring has, or 0. A log remembers the identity of the ring that fed it.
    uint64_t identity;
    // A number that no other run of the machine has, or 0. A ring in a file ignores it.
    uint64_t boot;
    // Position of the first event, a multiple of 8 (lower bits are ignored): where the log that the ring feeds ends.
    size_t start;
    // Gives every record a checksum, so that `ringlog_ring_recover` recognises whole records after a reset.
    bool retained;
} ringlog_ring_options;

// Memory for a ring's producer. All zero before its first use (`= {0}`).
typedef struct ringlog_producer {
    // Nobody's but the library's.
    size_t words[32];
} ringlog_producer;

// Memory for a ring's consumer. All zero before its first use (`= {0}`).
typedef struct ringlog_consumer {
    // Nobody's but the library's.
    size_t words[24];
} ringlog_consumer;

// An event that was read. Its payload is lent: see the function that filled it in.
typedef struct ringlog_event {
    // When the event happened, in the unit that its producer chose.
    // Of a GAP record: that of the first missing event, or 0 if nobody knows.
    uint64_t timestamp;
    // The payload, at a multiple of 8. Never null, also if it is empty.
    const void *payload;
    // The length of the payload in bytes, 0 to 65,535.
    size_t payload_len;
    // The kind of the event, 0 to 255: the application's.
    uint8_t event_type;
    // The four flag bits of the application.
    uint8_t flags;
    // Whether this is no event but a GAP record, which says how many are missing: see `ringlog_gap_of`.
    bool is_gap;
} ringlog_event;

// An event of a log.
typedef struct ringlog_log_event {
    // The event. Its payload is lent: see `ringlog_log_next`.
    struct ringlog_event event;
    // The number of the record in the log.
    uint64_t sequence;
} ringlog_log_event;

// The value of a field. What `kind` does not name is zero, but for the three numbers: where the value is an integer, each has it, as
// far as it fits.
typedef struct ringlog_value {
    // One of `RINGLOG_VALUE_...`.
    int kind;
    // The power of ten by which `whole` is multiplied.
    int32_t scale;
    // The value, or of a decimal the stored integer. Values above `INT64_MAX` are in `whole_unsigned`.
    int64_t whole;
    // The same without a sign.
    uint64_t whole_unsigned;
    // The value as a double, scale included.
    double number;
    // Text or bytes, not ended by a zero. They stay as long as the event's payload does.
    const char *text;
    // The length of `text` in bytes.
    size_t text_len;
} ringlog_value;

// What `ringlog_log_verify` found.
typedef struct ringlog_log_check {
    // One of `RINGLOG_VERDICT_...`: the worst that is true of the log.
    int verdict;
    // Number of events, without GAP and META records.
    uint64_t events;
    // Number of GAP records.
    uint64_t gaps;
    // Number of events that are missing by what the GAP records say.
    uint64_t lost;
    // Number of segments.
    uint64_t segments;
} ringlog_log_check;

// Memory for a ring that is made or found: see `ringlog_ring_init`. All zero before its first use (`= {0}`).
typedef struct ringlog_ring {
    // Nobody's but the library's.
    size_t words[8];
} ringlog_ring;

// What `ringlog_ring_recover` found.
typedef struct ringlog_recovered {
    // Number of whole records that are still in the ring, GAP records included. 0 in a new ring.
    uint64_t events;
    // Whether the ring continues with what was in it. Otherwise it is new.
    bool continues;
    // Whether records after those were not whole and were cut off.
    bool cut;
} ringlog_recovered;

// What a GAP record says.
typedef struct ringlog_gap {
    // How many events are missing; 0 if nobody knows.
    uint64_t count;
    // Why: 1 ring full, 2 disk full, 3 recovery cut, 4 reader overrun, 5 too long, 6 receiver full, 7 not readable,
    // 8 recorder ended, 9 lost on the wire, 10 device reset. A newer version may have others.
    uint32_t reason;
    // Missing bytes divided by 8; 0 if nobody knows.
    uint32_t extent;
    // Whether the log's side added the record. Then it never was in a ring.
    bool log_side;
} ringlog_gap;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns the version of the library, as `RINGLOG_VERSION` is that of the header. A program that may meet another library than
// it was compiled for compares them: before 1.0, `ringlog_version() / 100` has to be `RINGLOG_VERSION / 100`.
RINGLOG_CHECKED
int ringlog_version(void);

// Returns the words of a code. They end with a zero, have no newline, and stay valid for as long as the program runs.
//
// Any number may be asked for. Any thread may call it at any time.
RINGLOG_CHECKED const char *ringlog_error_text(int code);

// Returns the bytes of memory that a ring takes: its control words, one lap of records, and the overrun area.
//
// `capacity` and `max_payload` are in bytes and mean what they do in `ringlog_ring_options`; a `capacity` of 0 is the smallest
// that takes such payloads. 0 if there is no such ring. `RINGLOG_RING_BYTES` computes it at compile time, of a capacity and a
// longest payload that are not 0.
RINGLOG_CHECKED
size_t ringlog_ring_required_len(size_t capacity,
                                 size_t max_payload);

// Makes an empty ring in `memory`, which starts at a multiple of 8 and may hold anything. Until both ends are closed, it is
// the ring's.
//
// `options` may be null: then the ring is as large as fits into `memory_len` bytes, and takes payloads up to its capacity
// less 16 bytes.
//
// Errors: `RINGLOG_E_MISALIGNED`, `RINGLOG_E_CAPACITY`, `RINGLOG_E_MAX_PAYLOAD`, `RINGLOG_E_TOO_SMALL`, `RINGLOG_E_OPEN`.
RINGLOG_CHECKED
int ringlog_ring_init(struct ringlog_ring *ring,
                      void *memory,
                      size_t memory_len,
                      const struct ringlog_ring_options *options);

// Finds the ring that was made in this memory before: by another process that shares it, say.
//
// Both ends may be at work meanwhile. The sizes are copied once; positions and headers that another process damages later
// end in `RINGLOG_E_CORRUPT`.
//
// Errors: `RINGLOG_E_NOT_A_RING`, `RINGLOG_E_DAMAGED`, `RINGLOG_E_MISALIGNED`, `RINGLOG_E_TOO_SMALL`, `RINGLOG_E_OPEN`.
RINGLOG_CHECKED
int ringlog_ring_attach(struct ringlog_ring *ring,
                        void *memory,
                        size_t memory_len);

// Continues with the retained ring in memory that kept its contents through a reset, or makes a new one as the options say.
//
// Keeps the unread records from the oldest up to the first one that fails its checksum. Makes a new ring if the control words
// contradict each other, or the ring was not a retained one of the options' sizes. `found` may be null.
//
// Errors: as `ringlog_ring_init`, if the memory cannot hold a ring of the options.
RINGLOG_CHECKED
int ringlog_ring_recover(struct ringlog_ring *ring,
                         void *memory,
                         size_t memory_len,
                         const struct ringlog_ring_options *options,
                         struct ringlog_recovered *found);

// Gives out the two ends, open: one for the thread that writes, one for the thread that reads. Events that an earlier pair left
// are still there.
//
// A ring gives out each end once. To take an end again after it was closed, attach to the memory with another
// `ringlog_ring`. The handle `ring` is needed no longer once its ends are out; it may be zeroed or go.
//
// Errors: `RINGLOG_E_TAKEN` if one of them was given out, `RINGLOG_E_OPEN` if one of the handles is open. Then neither opens.
RINGLOG_CHECKED
int ringlog_ring_split(struct ringlog_ring *ring,
                       struct ringlog_producer *producer,
                       struct ringlog_consumer *consumer);

// Gives out the producer's end alone, open. The consumer is elsewhere, attached to the same memory.
//
// It continues after the last event that was published. If the previous producer died, events that it had not published are
// void, and losses whose GAP record it was writing are reported once.
//
// Errors: `RINGLOG_E_TAKEN`, `RINGLOG_E_OPEN`.
RINGLOG_CHECKED
int ringlog_ring_producer(struct ringlog_ring *ring,
                          struct ringlog_producer *producer);

// Gives out the consumer's end alone, open. The producer is elsewhere, attached to the same memory.
//
// It continues after the last event that was released.
//
// Errors: `RINGLOG_E_TAKEN`, `RINGLOG_E_OPEN`.
RINGLOG_CHECKED int ringlog_ring_consumer(struct ringlog_ring *ring, struct ringlog_consumer *consumer);

// Writes one event and publishes it. Takes no lock, makes no system call and allocates nothing.
//
// `timestamp` is in a unit that the application chooses. `event_type` is 0 to 255, `flags` 0 to 15; both are the application's.
// `payload` is `payload_len` bytes, 0 to what the ring takes; it may be null if that is 0.
//
// Errors: `RINGLOG_E_FULL` (the event fits once the consumer has released some space), `RINGLOG_E_PAYLOAD_TOO_LONG`,
// `RINGLOG_E_FLAGS`, `RINGLOG_E_CORRUPT`, `RINGLOG_E_CLAIM_OPEN`, `RINGLOG_E_BATCH_OPEN`.
RINGLOG_CHECKED
int ringlog_write(struct ringlog_producer *producer,
                  uint64_t timestamp,
                  uint8_t event_type,
                  uint8_t flags,
                  const void *payload,
                  size_t payload_len);

// Writes one event and publishes it, or counts it as lost if the ring is full: then it returns `RINGLOG_LOST`.
//
// Losses are reported by a GAP record, which is written before the next event for which this function finds room. `ringlog_write`,
// claims and batches write none: call `ringlog_flush_losses` first, so that the record is where the events are missing. The
// parameters are those of `ringlog_write`. An event that is refused for another reason than a full ring does not count as lost.
//
// Errors: as `ringlog_write`, but never `RINGLOG_E_FULL`.
int ringlog_write_lossy(struct ringlog_producer *producer,
                        uint64_t timestamp,
                        uint8_t event_type,
                        uint8_t flags,
                        const void *payload,
                        size_t payload_len);

// Tries to write the GAP record for losses that none reports yet. Returns `RINGLOG_OK` if none are pending any more, and
// `RINGLOG_LOST` if the ring has no room.
//
// Errors: `RINGLOG_E_CORRUPT`, `RINGLOG_E_CLAIM_OPEN`, `RINGLOG_E_BATCH_OPEN`.
int ringlog_flush_losses(struct ringlog_producer *producer);

// Reads the losses that no GAP record reports yet: their number, and the timestamp of the first. Returns `RINGLOG_EMPTY` if
// there are none. The pointers may be null.
//
// A number of `SIZE_MAX` means that many or more; the GAP record then says 0, unknown.
int ringlog_producer_pending_loss(struct ringlog_producer *producer,
                                  uint64_t *count,
                                  uint64_t *first_timestamp);

// Reserves room for a payload of up to `len` bytes, to be filled in place, and gives its address, a multiple of 8, in
// `payload`. The room holds old bytes until they are written.
//
// Between `ringlog_batch_begin` and `ringlog_batch_publish` the claim is one of the batch. One claim is open at a time. It
// publishes nothing and takes no room until `ringlog_commit`; after that, or `ringlog_abort`, the address is the ring's.
//
// Errors: `RINGLOG_E_FULL`, `RINGLOG_E_PAYLOAD_TOO_LONG`, `RINGLOG_E_CORRUPT`, `RINGLOG_E_CLAIM_OPEN`.
RINGLOG_CHECKED
int ringlog_claim(struct ringlog_producer *producer,
                  size_t len,
                  void **payload);

// Publishes the first `payload_len` bytes of the claim as an event, which may be fewer than were claimed. In a batch it is
// published with the batch. The other parameters are those of `ringlog_write`.
//
// Errors: `RINGLOG_E_NO_CLAIM`, `RINGLOG_E_LENGTH` for more bytes than were claimed, `RINGLOG_E_FLAGS`. Nothing
// is published then, and the claim stays open.
RINGLOG_CHECKED
int ringlog_commit(struct ringlog_producer *producer,
                   uint64_t timestamp,
                   uint8_t event_type,
                   uint8_t flags,
                   size_t payload_len);

// Gives up the claim. Nothing is published.
//
// Errors: `RINGLOG_E_NO_CLAIM`.
int ringlog_abort(struct ringlog_producer *producer);

// Begins a batch, whose events the consumer sees all at once, or not at all. Add events with `ringlog_batch_write`, or with
// `ringlog_claim` and `ringlog_commit`.
//
// Errors: `RINGLOG_E_CLAIM_OPEN`, `RINGLOG_E_BATCH_OPEN`.
int ringlog_batch_begin(struct ringlog_producer *producer);

// Adds one event to the batch. The parameters are those of `ringlog_write`.
//
// Errors: `RINGLOG_E_NO_BATCH`, `RINGLOG_E_CLAIM_OPEN`, and those of `ringlog_write`. After `RINGLOG_E_FULL` the earlier events are still
// in the batch: publish them, so that the consumer can make room.
RINGLOG_CHECKED
int ringlog_batch_write(struct ringlog_producer *producer,
                        uint64_t timestamp,
                        uint8_t event_type,
                        uint8_t flags,
                        const void *payload,
                        size_t payload_len);

// Publishes all events of the batch with one store, and gives their number in `events`, which may be null.
//
// Errors: `RINGLOG_E_NO_BATCH`, `RINGLOG_E_CLAIM_OPEN`.
RINGLOG_CHECKED int ringlog_batch_publish(struct ringlog_producer *producer, size_t *events);

// Discards the batch, and a claim that is open in it. Nothing of it is published.
//
// Errors: `RINGLOG_E_NO_BATCH`.
int ringlog_batch_drop(struct ringlog_producer *producer);

// Returns the longest payload that the ring takes, in bytes; 0 if the handle is not open.
size_t ringlog_producer_max_payload(struct ringlog_producer *producer);

// Returns the ring's capacity in bytes; 0 if the handle is not open.
size_t ringlog_producer_capacity(struct ringlog_producer *producer);

// Returns the bytes in use, headers and padding included; 0 if the handle is not open. The consumer may have released some
// since; only this producer adds to them.
size_t ringlog_producer_used(struct ringlog_producer *producer);

// Returns the position of the next event: the bytes published since the ring was made, wrapping; 0 if the handle is not open.
size_t ringlog_producer_position(struct ringlog_producer *producer);

// Returns whether the consumer has closed its side, or the handle is not open. It may be stale: another consumer may come.
bool ringlog_producer_is_closed(struct ringlog_producer *producer);

// Closes the producer's side. The consumer still gets every event that was published, then knows that no more will come. A claim
// or a batch that is open is discarded. The producer of a ring in a file gives its role back.
//
// Errors: `RINGLOG_E_NOT_OPEN`, also from the second call on.
int ringlog_producer_close(struct ringlog_producer *producer);

// Reads the next event. Its payload is lent from the ring: it stays until the next call of `ringlog_read` or `ringlog_release`
// with this handle, or until the consumer is closed.
//
// Returns `RINGLOG_EMPTY`, and leaves `event` as it is, if nothing is published.
//
// Errors: `RINGLOG_E_CORRUPT`; every later call then returns it too.
RINGLOG_CHECKED
int ringlog_read(struct ringlog_consumer *consumer,
                 struct ringlog_event *event);

// Gives the space of the event that was read last back to the producer. `ringlog_read` does so too before it reads on.
int ringlog_release(struct ringlog_consumer *consumer);

// Reads what a GAP record says, of an event that was read and is still lent. Returns `RINGLOG_EMPTY` for any other event.
RINGLOG_CHECKED
int ringlog_gap_of(const struct ringlog_event *event,
                   struct ringlog_gap *gap);

// Returns the bytes that are published and not read yet; 0 in a corrupt ring, or if the handle is not open. The producer may have
// published more since.
size_t ringlog_consumer_unread(struct ringlog_consumer *consumer);

// Returns the ring's capacity in bytes; 0 if the handle is not open.
size_t ringlog_consumer_capacity(struct ringlog_consumer *consumer);

// Returns the position of the oldest event that was not released: bytes since the ring was made, wrapping; 0 if the handle is not
// open.
size_t ringlog_consumer_position(struct ringlog_consumer *consumer);

// Returns the number that the ring was made with; 0 if the handle is not open.
uint64_t ringlog_consumer_identity(struct ringlog_consumer *consumer);

// Returns whether the producer has closed its side, or the handle is not open. There may still be events to read.
bool ringlog_consumer_is_closed(struct ringlog_consumer *consumer);

// Returns whether the producer has closed its side and every event was read, or the handle is not open.
bool ringlog_consumer_is_finished(struct ringlog_consumer *consumer);

// Reads the losses that no GAP record reports yet: their number, and the timestamp of the first. Returns `RINGLOG_EMPTY` if
// there are none. The pointers may be null.
//
// Exact once `ringlog_consumer_is_closed` has returned true. Before that it may be stale; but losses that were seen and no longer
// are have their GAP record in the ring.
int ringlog_consumer_pending_loss(struct ringlog_consumer *consumer,
                                  uint64_t *count,
                                  uint64_t *first_timestamp);

// Closes the consumer's side, which `ringlog_producer_is_closed` shows. An event that is lent is not released by that: the next
// consumer reads it again. The consumer of a ring in a file gives its role back.
//
// Errors: `RINGLOG_E_NOT_OPEN`, also from the second call on.
int ringlog_consumer_close(struct ringlog_consumer *consumer);

// Returns the words of the last error of a function for rings in files or for logs that this thread has met, with the file
// concerned and what to do; an empty text if there was none. They stay until the next such error of this thread, or its end.
//
// A success leaves them as they are, and so do `RINGLOG_E_NULL`, `RINGLOG_E_MISALIGNED` and `RINGLOG_E_OPEN`, whose words
// `ringlog_error_text` has.
//
// Only in `libringlog`, as all functions below.
RINGLOG_CHECKED
const char *ringlog_last_error(void);

// Returns whether the same call may succeed a little later: the end's owner is about to end, the ring is being made, its recorder
// has yet to start or replaces it, or is still reading events with another list of types.
RINGLOG_CHECKED
bool ringlog_is_transient(int code);

// Makes the ring `path`, a file that must not exist, for a producer and a consumer in two processes. Put it on a file system in
// memory, such as `/dev/shm`. A recorder (`ringlog serve --ring`) makes its ring itself.
//
// `options` may be null. A capacity of 0 is 4 MiB; an identity of 0 is replaced by a random one; `boot` is always that of the
// machine.
//
// Errors: `RINGLOG_E_EXISTS`, `RINGLOG_E_BUSY`, `RINGLOG_E_CAPACITY`, `RINGLOG_E_MAX_PAYLOAD`, `RINGLOG_E_NO_SPACE`, `RINGLOG_E_NOT_A_FILE`,
// `RINGLOG_E_IO`.
RINGLOG_CHECKED
int ringlog_file_create(const char *path,
                        const struct ringlog_ring_options *options);

// Opens the ring `path` as its producer, and takes that role, also over from a dead owner. The role is a lock that the kernel frees
// when the handle is closed or its process ends, also by a kill.
//
// `types` describes the events: a list of types as JSON, as docs/format.md says (`{"types":[...]}`), so that the log shows names and
// values instead of bytes. Null is none. The list counts for all events in the ring, so it replaces another one only while no
// event is unread.
//
// Errors: `RINGLOG_E_MISSING`, `RINGLOG_E_ROLE_TAKEN`, `RINGLOG_E_OTHER_BOOT`, `RINGLOG_E_OTHER_TYPES`, `RINGLOG_E_REPLACED`, which are transient
// (`ringlog_is_transient`); `RINGLOG_E_TYPES`, `RINGLOG_E_NOT_A_FILE`, `RINGLOG_E_NOT_A_RING`, `RINGLOG_E_DAMAGED`, `RINGLOG_E_TOO_SMALL`,
// `RINGLOG_E_ROLE_FILE`, `RINGLOG_E_OPEN`, `RINGLOG_E_IO`.
RINGLOG_CHECKED
int ringlog_file_producer(struct ringlog_producer *producer,
                          const char *path,
                          const char *types);

// Opens the ring `path` as its consumer, and takes that role, also over from a dead owner.
//
// A dead consumer may have handled events that it had not released: they are read again.
//
// Errors: as `ringlog_file_producer`, but for those of types.
RINGLOG_CHECKED int ringlog_file_consumer(struct ringlog_consumer *consumer, const char *path);

// Opens a log, the folder with its segments or a single file, for reading from its first event on. Gives it in `log`, which begins
// as null: it is left as it is on an error, and another log that was in it is not closed.
//
// The log may be read while it is written: then it ends for this reader where it ended when it was opened. Each opening
// has a separate place in it. After an error the place is not certain: seek again.
//
// Errors: `RINGLOG_E_MISSING`, also for a folder in which nothing is recorded yet; `RINGLOG_E_NOT_A_LOG`, `RINGLOG_E_LOG_DAMAGED`,
// `RINGLOG_E_IO`. `ringlog_last_error` has the words.
RINGLOG_CHECKED
int ringlog_log_open(struct ringlog_log **log,
                     const char *path);

// Closes a log, and sets the caller's pointer to null.
//
// Errors: `RINGLOG_E_NULL`, also from the second call on.
int ringlog_log_close(struct ringlog_log **log);

// Reads the next event or GAP record. Its payload is lent until the next call of this function, a seek, or the
// close.
//
// Returns `RINGLOG_EMPTY`, and leaves `event` as it is, at the end of the log.
//
// Errors: `RINGLOG_E_LOG_DAMAGED` (what was read before is good), `RINGLOG_E_OVERTAKEN`, `RINGLOG_E_IO`.
RINGLOG_CHECKED int ringlog_log_next(struct ringlog_log *log, struct ringlog_log_event *event);

// Goes to the record `sequence`, which the next call of `ringlog_log_next` reads: to the first record if the log begins after it, and
// to the end if it ends before it. What a search learns of a segment it keeps in the folder `index` of the log, a cache.
//
// Errors: as `ringlog_log_next`.
RINGLOG_CHECKED
int ringlog_log_seek(struct ringlog_log *log,
                     uint64_t sequence);

// Goes to the first record with a timestamp of `since` or later, in the order of the log: timestamps may go backwards. Returns
// `RINGLOG_EMPTY`, and stays where it is, if there is none.
//
// Errors: as `ringlog_log_next`.
RINGLOG_CHECKED
int ringlog_log_seek_time(struct ringlog_log *log,
                          uint64_t since);

// Gives the sequence after the last record that is published now.
//
// Errors: as `ringlog_log_next`.
RINGLOG_CHECKED int ringlog_log_end_sequence(struct ringlog_log *log, uint64_t *sequence);

// Reads a field of the event that was read last, by its name or path: `price`, `legs[0].id`, `tail`. Returns `RINGLOG_EMPTY` if the log
// does not describe the event's type, or its type has no such field.
//
// Errors: `RINGLOG_E_NOT_FITTING` if the payload does not fit the description.
RINGLOG_CHECKED
int ringlog_log_field(struct ringlog_log *log,
                      const char *name,
                      struct ringlog_value *value);

// Returns the name of the type of the event that was read last; null if the log does not describe it. It stays until the next call of
// this function or of `ringlog_log_fields`, or the close.
const char *ringlog_log_type_name(struct ringlog_log *log);

// Returns the fields of the event that was read last as text, `id=7 price=101.25 side=buy`; null if the log does not describe its type,
// or the payload does not fit. It stays until the next call of this function or of `ringlog_log_type_name`, or the close.
const char *ringlog_log_fields(struct ringlog_log *log);

// Reads and checks every record of a log, a folder or a single file, and gives what it found in `check`. It continues after damage,
// and writes nothing.
//
// Faults of the log are no error: they are in `check`. Errors: as `ringlog_log_open`.
RINGLOG_CHECKED
int ringlog_log_verify(const char *path,
                       struct ringlog_log_check *check);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RINGLOG_H */
