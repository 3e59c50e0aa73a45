# shellcheck shell=bash
# The models of the ring and of the log's publication. Sourced by .ci/run.

# Not the caller's target folder: see loom-tests/.cargo/config.toml.
loom_target() {
    if [[ -n ${CARGO_TARGET_DIR:-} ]]; then export CARGO_TARGET_DIR=$target/loom; fi
}

about_loom="the models of the ring's real code, and how far each was looked into"
step_loom() (
    cd loom-tests
    loom_target
    # --show-output: how many executions each model had, and whether those were all.
    run cargo test -- --show-output | tee "$scratch/models"
    # Without the cfg every model vanishes and nothing fails.
    grep -qE '^test result: ok\. [1-9]' "$scratch/models" || { echo "no model was run"; return 1; }
)

about_mutants="each ordering weakened, each fence removed, steps swapped: a named model fails for every one"
step_mutants() (
    need python3 python3
    loom_target
    run python3 loom-tests/mutants/run.py
)
