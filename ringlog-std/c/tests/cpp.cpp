// ringlog.hpp: what closes itself, what is given up, and what a move leaves.
//
//     cpp DATA    DATA is a copy of ringlog-std/tests/data
#include "../../../ringlog-nostd/c/tests/check.h"
#include "ringlog.hpp"

#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

namespace {

struct Pair {
    uint32_t left, right;
};

static_assert(!std::is_copy_constructible_v<ringlog::Producer> && !std::is_copy_assignable_v<ringlog::Consumer>, "one owner");
static_assert(std::is_nothrow_move_constructible_v<ringlog::Producer> && std::is_nothrow_move_assignable_v<ringlog::Log>, "movable");
static_assert(!std::is_move_constructible_v<ringlog::Claim> && !std::is_move_constructible_v<ringlog::Batch>, "bound to a scope");

ringlog::Ring<1024, 64> ring;

// Returns the number of events that are read.
size_t count(ringlog::Consumer &consumer) {
    size_t events = 0;
    CHECK_CODE(consumer.drain([&](const ringlog_event &) { events++; }), RINGLOG_EMPTY);
    return events;
}

void ends_close_themselves() {
    ringlog::Consumer consumer;
    {
        ringlog::Producer producer;
        CHECK_CODE(ring.split(producer, consumer), RINGLOG_OK);
        CHECK(producer.capacity() == 1024 && producer.max_payload() == 64);
        CHECK_CODE(producer.write(1, 7, Pair{1, 2}, 3), RINGLOG_OK);
        CHECK(!consumer.is_closed());
    }
    CHECK(consumer.is_closed() && !consumer.is_finished());
    ringlog_event event;
    Pair pair{};
    uint64_t both = 0;
    char nine[9];
    CHECK_CODE(consumer.read(event), RINGLOG_OK);
    CHECK(event.event_type == 7 && event.flags == 3 && ringlog::copy_payload(event, pair) && pair.left == 1 && pair.right == 2);
    CHECK(ringlog::copy_payload(event, both) && !ringlog::copy_payload(event, nine));
    CHECK(consumer.is_finished());
}

void a_moved_end_is_open_in_one_place() {
    ringlog::Producer first, second;
    ringlog::Consumer consumer;
    CHECK_CODE(ring.split(first, consumer), RINGLOG_OK);
    second = std::move(first);
    CHECK_CODE(first.write(1, 7, "x", 1), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(second.write(1, 7, "x", 1), RINGLOG_OK);
    ringlog::Producer third(std::move(second));
    CHECK_CODE(second.close(), RINGLOG_E_NOT_OPEN);
    CHECK_CODE(third.write(2, 7, "y", 1), RINGLOG_OK);
    CHECK(!consumer.is_closed() && count(consumer) == 2);
    third = ringlog::Producer();
    CHECK(consumer.is_closed());
}

// Returns whether the next event is this text, with these flags.
bool is_next(ringlog::Consumer &consumer, const std::string &text, uint8_t flags) {
    ringlog_event event;
    return consumer.read(event) == RINGLOG_OK && event.flags == flags &&
           std::string(static_cast<const char *>(event.payload), event.payload_len) == text;
}

// A length is a length, of an array too: never the flags of a payload that is the array.
void a_payload_is_bytes_or_text_or_a_struct() {
    static_assert(ringlog::is_payload_v<Pair> && ringlog::is_payload_v<uint64_t> && ringlog::is_payload_v<double>, "plain values");
    static_assert(!ringlog::is_payload_v<char[4]> && !ringlog::is_payload_v<char *> && !ringlog::is_payload_v<std::nullptr_t> &&
                      !ringlog::is_payload_v<std::string>,
                  "what has a length, or is elsewhere");
    ringlog::Producer producer;
    ringlog::Consumer consumer;
    CHECK_CODE(ring.split(producer, consumer), RINGLOG_OK);
    char buffer[32] = "abcdef";
    const size_t len = 3;
    CHECK_CODE(producer.write(1, 7, buffer, len), RINGLOG_OK);
    CHECK(is_next(consumer, "abc", 0));
    CHECK_CODE(producer.write(1, 7, "hello", 5, 2), RINGLOG_OK);
    CHECK(is_next(consumer, "hello", 2));
    CHECK_CODE(producer.write(1, 7, nullptr, 0), RINGLOG_OK);
    CHECK(is_next(consumer, "", 0));
    CHECK_CODE(producer.write(1, 7, "a text"), RINGLOG_OK);
    CHECK(is_next(consumer, "a text", 0));
    CHECK_CODE(producer.write_lossy(1, 7, std::string("lossy"), 1), RINGLOG_OK);
    CHECK(is_next(consumer, "lossy", 1));
    CHECK_CODE(producer.write_lossy(1, 7, buffer, len), RINGLOG_OK);
    CHECK(is_next(consumer, "abc", 0));
    ringlog::Batch batch(producer);
    CHECK_CODE(batch.write(1, 7, buffer, len), RINGLOG_OK);
    CHECK_CODE(batch.write(1, 7, "in a batch"), RINGLOG_OK);
    CHECK_CODE(batch.publish(), RINGLOG_OK);
    CHECK(is_next(consumer, "abc", 0) && is_next(consumer, "in a batch", 0));
    // Ends that are open are not ends of a new ring, and keep theirs.
    CHECK_CODE(producer.write(1, 7, uint64_t{5}), RINGLOG_OK);
    CHECK_CODE(ring.split(producer, consumer), RINGLOG_E_OPEN);
    CHECK(count(consumer) == 1);
}

void what_is_not_finished_is_given_up() {
    ringlog::Producer producer;
    ringlog::Consumer consumer;
    CHECK_CODE(ring.split(producer, consumer), RINGLOG_OK);
    {
        ringlog::Claim claim(producer, 8);
        CHECK_CODE(claim.code(), RINGLOG_OK);
        CHECK(claim.payload() != nullptr);
        ringlog::Claim second(producer, 8);
        CHECK_CODE(second.code(), RINGLOG_E_CLAIM_OPEN);
        CHECK(second.payload() == nullptr);
        CHECK_CODE(second.commit(1, 7, 8), RINGLOG_E_CLAIM_OPEN);
    }
    CHECK(count(consumer) == 0);
    {
        ringlog::Claim claim(producer, 8);
        std::memcpy(claim.payload(), "12345678", 8);
        CHECK_CODE(claim.commit(1, 7, 9), RINGLOG_E_LENGTH);
        CHECK_CODE(claim.commit(1, 7, 8), RINGLOG_OK);
        CHECK_CODE(claim.commit(1, 7, 8), RINGLOG_E_NO_CLAIM);
    }
    CHECK(count(consumer) == 1);
    {
        ringlog::Batch batch(producer);
        CHECK_CODE(batch.write(1, 7, Pair{1, 2}), RINGLOG_OK);
        CHECK_CODE(ringlog::Batch(producer).code(), RINGLOG_E_BATCH_OPEN);
        CHECK_CODE(producer.write(1, 7, "x", 1), RINGLOG_E_BATCH_OPEN);
    }
    CHECK(count(consumer) == 0);
    {
        ringlog::Batch batch(producer);
        CHECK_CODE(batch.write(1, 7, Pair{1, 2}), RINGLOG_OK);
        {
            ringlog::Claim claim(producer, 8);
            CHECK_CODE(claim.commit(2, 7, 0), RINGLOG_OK);
        }
        size_t events = 0;
        CHECK_CODE(batch.publish(&events), RINGLOG_OK);
        CHECK(events == 2);
        CHECK_CODE(batch.publish(), RINGLOG_E_NO_BATCH);
    }
    CHECK(count(consumer) == 2);
    CHECK_CODE(producer.write_lossy(1, 7, Pair{1, 2}), RINGLOG_OK);
    CHECK(consumer.unread() == 24 && producer.used() == 24 && !producer.is_closed());
}

void a_log_closes_itself(const std::string &data) {
    ringlog::Log log, other;
    ringlog_log_event read;
    ringlog_value value;
    CHECK_CODE(log.next(read), RINGLOG_E_NULL);
    CHECK_CODE(log.open((data + "/typed/log").c_str()), RINGLOG_OK);
    CHECK_CODE(log.next(read), RINGLOG_OK);
    other = std::move(log);
    CHECK(log.get() == nullptr && std::string(other.type_name()) == "tick" && std::string(other.fields()) == "price=101");
    CHECK_CODE(other.field("price", value), RINGLOG_OK);
    CHECK(value.whole == 101);
    CHECK_CODE(other.seek(8), RINGLOG_OK);
    CHECK_CODE(other.next(read), RINGLOG_OK);
    CHECK(read.sequence == 8);
    CHECK_CODE(other.seek_time(0), RINGLOG_OK);
    CHECK_CODE(other.open((data + "/format.evtl").c_str()), RINGLOG_OK);
    CHECK_CODE(other.next(read), RINGLOG_OK);
    CHECK(read.sequence == 0 && other.type_name() == nullptr);
}

} // namespace

int main(int argc, char **argv) {
    CHECK(argc == 2);
    ends_close_themselves();
    a_moved_end_is_open_in_one_place();
    a_payload_is_bytes_or_text_or_a_struct();
    what_is_not_finished_is_given_up();
    a_log_closes_itself(argv[1]);
    puts("cpp.cpp: all as it should be");
    return 0;
}
