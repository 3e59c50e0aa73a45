// ringlog.hpp: ringlog.h for C++17. Handles close themselves, claims and batches that are not finished are given up. No
// exceptions: functions return the codes of ringlog.h, which says what each does. Threads, units and lifetimes are described there.
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef RINGLOG_HPP
#define RINGLOG_HPP

#include "ringlog.h"

#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ringlog {

// Whether a T is a payload by itself: a struct of plain values, or a number. An array, a pointer and null are not, so that
// `write(time, type, bytes, len)` never takes `len` for the flags. A view such as std::span is a struct: pass its data and size.
template <class T>
inline constexpr bool is_payload_v =
    std::is_trivially_copyable_v<T> && (std::is_class_v<T> || std::is_union_v<T> || std::is_arithmetic_v<T> || std::is_enum_v<T>);

// Copies the payload of an event to a struct, unless it is shorter. What follows the struct, a tail, is left out. Returns false,
// and leaves the struct as it is, for a shorter payload and for a GAP record.
template <class T> bool copy_payload(const ringlog_event &event, T &value) {
    static_assert(std::is_trivially_copyable_v<T>, "a payload is bytes: only structs of plain values can be copied from it");
    if (event.is_gap || event.payload_len < sizeof(T)) {
        return false;
    }
    std::memcpy(&value, event.payload, sizeof(T));
    return true;
}

// A handle of ringlog.h that is closed at the end of its scope. It can be moved, not copied.
template <class Handle, int (*close_handle)(Handle *)> class Owned {
public:
    Owned() = default;
    Owned(const Owned &) = delete;
    Owned &operator=(const Owned &) = delete;
    Owned(Owned &&other) noexcept { take(other); }
    Owned &operator=(Owned &&other) noexcept {
        if (this != &other) {
            close();
            take(other);
        }
        return *this;
    }
    ~Owned() { close(); }

    // Closes it now. Returns RINGLOG_E_NOT_OPEN if it was not open.
    int close() { return close_handle(&handle_); }

    // The handle, for functions of ringlog.h that have no method here.
    Handle *get() { return &handle_; }

private:
    void take(Owned &other) {
        std::memcpy(&handle_, &other.handle_, sizeof handle_);
        other.handle_ = Handle{};
    }

    Handle handle_{};
};

class Claim;
class Batch;

// The producer's end of a ring.
class Producer : public Owned<ringlog_producer, ringlog_producer_close> {
public:
    // Opens a ring in a file: see ringlog_file_producer. Only in libringlog.
    [[nodiscard]] int open_file(const char *path, const char *types = nullptr) { return ringlog_file_producer(get(), path, types); }

    [[nodiscard]] int write(uint64_t timestamp, uint8_t event_type, const void *payload, size_t payload_len, uint8_t flags = 0) {
        return ringlog_write(get(), timestamp, event_type, flags, payload, payload_len);
    }

    // Writes text, without a zero after it.
    [[nodiscard]] int write(uint64_t timestamp, uint8_t event_type, std::string_view text, uint8_t flags = 0) {
        return ringlog_write(get(), timestamp, event_type, flags, text.data(), text.size());
    }

    // Writes a struct as the payload. Its padding is written too: structs for a log have none.
    template <class T, class = std::enable_if_t<is_payload_v<T>>>
    [[nodiscard]] int write(uint64_t timestamp, uint8_t event_type, const T &payload, uint8_t flags = 0) {
        return ringlog_write(get(), timestamp, event_type, flags, &payload, sizeof payload);
    }

    int write_lossy(uint64_t timestamp, uint8_t event_type, const void *payload, size_t payload_len, uint8_t flags = 0) {
        return ringlog_write_lossy(get(), timestamp, event_type, flags, payload, payload_len);
    }

    int write_lossy(uint64_t timestamp, uint8_t event_type, std::string_view text, uint8_t flags = 0) {
        return ringlog_write_lossy(get(), timestamp, event_type, flags, text.data(), text.size());
    }

    template <class T, class = std::enable_if_t<is_payload_v<T>>>
    int write_lossy(uint64_t timestamp, uint8_t event_type, const T &payload, uint8_t flags = 0) {
        return ringlog_write_lossy(get(), timestamp, event_type, flags, &payload, sizeof payload);
    }

    size_t capacity() { return ringlog_producer_capacity(get()); }
    size_t max_payload() { return ringlog_producer_max_payload(get()); }
    size_t used() { return ringlog_producer_used(get()); }
    bool is_closed() { return ringlog_producer_is_closed(get()); }
};

// Room for one payload, given up at the end of its scope unless it was committed. It ends before its producer does.
class Claim {
public:
    Claim(Producer &producer, size_t len) : producer_(producer), code_(ringlog_claim(producer.get(), len, &payload_)) {}
    Claim(const Claim &) = delete;
    Claim &operator=(const Claim &) = delete;
    ~Claim() {
        if (code_ == RINGLOG_OK) {
            ringlog_abort(producer_.get());
        }
    }

    // What ringlog_claim returned. Only with RINGLOG_OK is there a payload; after the commit it is RINGLOG_E_NO_CLAIM.
    int code() const { return code_; }
    // The room to fill, at a multiple of 8; null without a claim.
    void *payload() { return code_ == RINGLOG_OK ? payload_ : nullptr; }

    [[nodiscard]] int commit(uint64_t timestamp, uint8_t event_type, size_t payload_len, uint8_t flags = 0) {
        if (code_ != RINGLOG_OK) {
            return code_;
        }
        const int code = ringlog_commit(producer_.get(), timestamp, event_type, flags, payload_len);
        if (code == RINGLOG_OK) {
            code_ = RINGLOG_E_NO_CLAIM;
        }
        return code;
    }

private:
    Producer &producer_;
    void *payload_ = nullptr;
    int code_;
};

// Events that the consumer sees all at once, or not at all: dropped at the end of its scope unless it was published. It ends
// before its producer does. A Claim that is made meanwhile is one of the batch.
class Batch {
public:
    explicit Batch(Producer &producer) : producer_(producer), code_(ringlog_batch_begin(producer.get())) {}
    Batch(const Batch &) = delete;
    Batch &operator=(const Batch &) = delete;
    ~Batch() {
        if (code_ == RINGLOG_OK) {
            ringlog_batch_drop(producer_.get());
        }
    }

    // What ringlog_batch_begin returned; after the publication, RINGLOG_E_NO_BATCH.
    int code() const { return code_; }

    [[nodiscard]] int write(uint64_t timestamp, uint8_t event_type, const void *payload, size_t payload_len, uint8_t flags = 0) {
        return ringlog_batch_write(producer_.get(), timestamp, event_type, flags, payload, payload_len);
    }

    [[nodiscard]] int write(uint64_t timestamp, uint8_t event_type, std::string_view text, uint8_t flags = 0) {
        return ringlog_batch_write(producer_.get(), timestamp, event_type, flags, text.data(), text.size());
    }

    template <class T, class = std::enable_if_t<is_payload_v<T>>>
    [[nodiscard]] int write(uint64_t timestamp, uint8_t event_type, const T &payload, uint8_t flags = 0) {
        return ringlog_batch_write(producer_.get(), timestamp, event_type, flags, &payload, sizeof payload);
    }

    [[nodiscard]] int publish(size_t *events = nullptr) {
        if (code_ != RINGLOG_OK) {
            return code_;
        }
        const int code = ringlog_batch_publish(producer_.get(), events);
        if (code == RINGLOG_OK) {
            code_ = RINGLOG_E_NO_BATCH;
        }
        return code;
    }

private:
    Producer &producer_;
    int code_;
};

// The consumer's end of a ring.
class Consumer : public Owned<ringlog_consumer, ringlog_consumer_close> {
public:
    // Opens a ring in a file: see ringlog_file_consumer. Only in libringlog.
    [[nodiscard]] int open_file(const char *path) { return ringlog_file_consumer(get(), path); }

    int read(ringlog_event &event) { return ringlog_read(get(), &event); }
    int release() { return ringlog_release(get()); }

    // Calls `f` with each event that is there, and releases them. Returns RINGLOG_EMPTY, or the code of an error.
    template <class F> int drain(F &&f) {
        ringlog_event event;
        int code;
        while ((code = read(event)) == RINGLOG_OK) {
            f(static_cast<const ringlog_event &>(event));
        }
        return code;
    }

    size_t unread() { return ringlog_consumer_unread(get()); }
    bool is_closed() { return ringlog_consumer_is_closed(get()); }
    bool is_finished() { return ringlog_consumer_is_finished(get()); }
};

// A ring whose memory is inside of this object, which stays where it is until both ends are closed.
template <size_t Capacity, size_t MaxPayload> class Ring {
    static_assert(MaxPayload > 0 && MaxPayload <= 65535, "a longest payload is 1 to 65535 bytes");
    static_assert((Capacity & (Capacity - 1)) == 0 && Capacity >= RINGLOG_RECORD_BYTES(MaxPayload < 16 ? 16 : MaxPayload),
                  "a capacity is a power of two with room for the longest payload");

public:
    Ring() = default;
    Ring(const Ring &) = delete;
    Ring &operator=(const Ring &) = delete;

    // Makes the ring anew and opens its ends. Not while ends of an earlier call are open.
    [[nodiscard]] int split(Producer &producer, Consumer &consumer) {
        // Before the memory changes: they may be ends of this ring.
        if (producer.capacity() != 0 || ringlog_consumer_capacity(consumer.get()) != 0) {
            return RINGLOG_E_OPEN;
        }
        ringlog_ring ring{};
        ringlog_ring_options options{};
        options.capacity = Capacity;
        options.max_payload = MaxPayload;
        const int code = ringlog_ring_init(&ring, memory_, sizeof memory_, &options);
        return code == RINGLOG_OK ? ringlog_ring_split(&ring, producer.get(), consumer.get()) : code;
    }

private:
    alignas(8) unsigned char memory_[RINGLOG_RING_BYTES(Capacity, MaxPayload)]{};
};

// A log that is open for reading. Only in libringlog.
class Log {
public:
    Log() = default;
    Log(const Log &) = delete;
    Log &operator=(const Log &) = delete;
    Log(Log &&other) noexcept : log_(std::exchange(other.log_, nullptr)) {}
    Log &operator=(Log &&other) noexcept {
        if (this != &other) {
            close();
            log_ = std::exchange(other.log_, nullptr);
        }
        return *this;
    }
    ~Log() { close(); }

    [[nodiscard]] int open(const char *path) {
        close();
        return ringlog_log_open(&log_, path);
    }
    int close() { return ringlog_log_close(&log_); }
    int next(ringlog_log_event &event) { return ringlog_log_next(log_, &event); }
    int seek(uint64_t sequence) { return ringlog_log_seek(log_, sequence); }
    int seek_time(uint64_t since) { return ringlog_log_seek_time(log_, since); }
    int field(const char *name, ringlog_value &value) { return ringlog_log_field(log_, name, &value); }
    // Null if the log does not describe the event that was read last.
    const char *type_name() { return ringlog_log_type_name(log_); }
    const char *fields() { return ringlog_log_fields(log_); }
    ringlog_log *get() { return log_; }

private:
    ringlog_log *log_ = nullptr;
};

} // namespace ringlog

#endif
