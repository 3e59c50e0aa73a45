# shellcheck shell=bash
# A log's writer, workers and readers, and a recorder with several producers, in any order: see
# ringlog-std/src/storage/tests/schedules and ringlog-std/src/recorder/many/schedules.rs. Sourced by .ci/run.

# `schedules_run COUNT`: that many schedules for each question.
schedules_run() {
    export RINGLOG_SCHEDULES=$1 CARGO_PROFILE_TEST_OPT_LEVEL=1
    RUSTFLAGS="--cfg ringlog_shuttle" run cargo test -p ringlog-std --lib --no-default-features \
        --target-dir "$target/schedules" schedules:: | tee "$scratch/schedules"
    # Without the cfg every question vanishes and nothing fails.
    grep -qE '^test result: ok\. [1-9]' "$scratch/schedules" || { echo "no schedule was run"; return 1; }
}

about_schedules="the log's threads and readers in 1,000 orders for each question: promises, waiting, ownership; several producers"
step_schedules() (
    schedules_run 1000
)

about_schedules_long="the same in 50,000 orders"
step_schedules_long() (
    schedules_run 50000
)

about_schedule_mutants="changes to how those threads work together: a named question notices each of them"
step_schedule_mutants() (
    need python3 python3
    run python3 .ci/schedules/run.py
)
