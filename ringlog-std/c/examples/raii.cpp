// A ring of structs in C++: ends that close themselves, a batch, a claim.
#include <ringlog.hpp>

#include <cstdio>
#include <thread>

namespace {

// The payload of type 7, without padding.
struct Sample {
    uint64_t sensor;
    double volts;
};

constexpr uint8_t SAMPLE = 7;
constexpr uint64_t SAMPLES = 100000;

ringlog::Ring<1 << 14, sizeof(Sample)> ring;

void write_samples(ringlog::Producer producer) {
    for (uint64_t number = 0; number < SAMPLES;) {
        // Two at a time: the consumer never sees the first without the second. A batch without publish() is dropped.
        ringlog::Batch batch(producer);
        if (batch.write(number, SAMPLE, Sample{number, 0.5}) == RINGLOG_OK &&
            batch.write(number + 1, SAMPLE, Sample{number + 1, 1.5}) == RINGLOG_OK && batch.publish() == RINGLOG_OK) {
            number += 2;
        }
    }
    // Filled in place.
    for (bool done = false; !done;) {
        ringlog::Claim claim(producer, sizeof(Sample));
        if (auto *room = static_cast<Sample *>(claim.payload())) {
            *room = Sample{SAMPLES, 2.5};
            done = claim.commit(SAMPLES, SAMPLE, sizeof(Sample)) == RINGLOG_OK;
        }
    }
} // The producer closes here.

} // namespace

int main() {
    ringlog::Producer producer;
    ringlog::Consumer consumer;
    if (const int code = ring.split(producer, consumer); code != RINGLOG_OK) {
        std::fprintf(stderr, "%s\n", ringlog_error_text(code));
        return 1;
    }
    std::thread writer(write_samples, std::move(producer));
    uint64_t next = 0;
    double volts = 0;
    while (!consumer.is_finished()) {
        consumer.drain([&](const ringlog_event &event) {
            Sample sample;
            if (ringlog::copy_payload(event, sample) && sample.sensor == next) {
                next++;
                volts += sample.volts;
            }
        });
    }
    writer.join();
    std::printf("%llu samples, %.1f volts\n", static_cast<unsigned long long>(next), volts);
    return next == SAMPLES + 1 && volts == SAMPLES + 2.5 ? 0 : 1;
}
