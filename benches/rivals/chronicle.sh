#!/usr/bin/env bash
# Runs Chronicle Queue's benchmark of latency, and prints its figures as `latency --external` reads them.
#
#   chronicle.sh JAR     JAR is built from Chronicle Queue's benchmarks: see docs/rivals.md
#
# BENCH_PAYLOAD and BENCH_RATE are set by `latency`. CHRONICLE_SECONDS is the length of a run, 20 unless it is set; its
# warm-up is 500,000 messages. CHRONICLE_JAVA is the Java to run.
set -euo pipefail

[[ -f ${1:-} ]] || { echo "chronicle.sh: ${1:-no JAR}: docs/rivals.md says how to build it" >&2; exit 2; }
: "${BENCH_PAYLOAD:?latency sets it}" "${BENCH_RATE:?latency sets it}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# What Chronicle's libraries need of Java 11 and later.
open=()
for package in java.base/java.{lang,lang.reflect,io,util,nio} java.base/sun.nio.ch java.base/jdk.internal.{misc,ref}; do
    open+=("--add-opens=$package=ALL-UNNAMED" "--add-exports=$package=ALL-UNNAMED")
done
# The line `co:` is corrected for coordinated omission, in microseconds: percentiles in pairs, then their figures.
"${CHRONICLE_JAVA:-java}" "${open[@]}" -cp "$1" -Dpath="$folder" -Dsize="$BENCH_PAYLOAD" -Dthroughput="$BENCH_RATE" \
    -Diterations=$((BENCH_RATE * ${CHRONICLE_SECONDS:-20})) \
    net.openhft.chronicle.queue.benchmark.LatencyDistributionMain |
    awk '
    /^co:/ {
        line = $0
        if (line !~ /was/) { getline; line = line " " $0 }
        sub(/^co: */, "", line)
        gsub(/,/, "", line)
        split(line, halves, / *-? *worst was */)
        names = split(halves[1], name, /[ \/]+/)
        split(halves[2], figure, /[ \/-]+/)
        for (i = 1; i <= names; i++) if (name[i] ~ /^(50|90|99|99\.9|99\.99)$/) print "p" name[i], figure[i] * 1000
        print "max", figure[names + 1] * 1000
    }'
