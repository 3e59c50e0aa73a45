# The fuzz step of .ci/run, which sources this file.

# A minute of each. They share the processors: on two, each gets half a minute of work.
fuzz_targets=(compressed cursor decode frames recovery salvage schema)
fuzz_seconds=60

about_fuzz="a minute of each fuzz target, where a nightly toolchain and cargo-fuzz are there"
step_fuzz() {
    if ! rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
        skip fuzz "no nightly toolchain is installed here, and the sanitizers that cargo-fuzz uses need one"
        return
    fi
    if ! cargo fuzz --version >/dev/null 2>&1 && ! run cargo install --locked cargo-fuzz; then
        skip fuzz "cargo-fuzz is not installed here and cannot be"
        return
    fi
    need c++ g++
    run cargo +nightly fuzz build --target-dir "$target/fuzz"
    fuzz_all
}

# Starts all targets, then waits for each; a crash leaves its input in fuzz/artifacts.
fuzz_all() {
    local name pids=() failed=0 at
    for name in "${fuzz_targets[@]}"; do
        mkdir -p "fuzz/corpus/$name" "fuzz/artifacts/$name"
        run "$target/fuzz/x86_64-unknown-linux-gnu/release/$name" "fuzz/corpus/$name" ringlog-std/tests/data \
            -max_total_time=$fuzz_seconds -max_len=16384 -rss_limit_mb=2048 -timeout=20 \
            -artifact_prefix="fuzz/artifacts/$name/" >"$scratch/fuzz-$name" 2>&1 &
        pids+=($!)
    done
    for at in "${!pids[@]}"; do
        name=${fuzz_targets[$at]}
        if wait "${pids[$at]}"; then
            echo "$name: $(grep -aE '^Done ' "$scratch/fuzz-$name")"
        else
            grep -a -A2 'panicked at' "$scratch/fuzz-$name" || tail -n 40 "$scratch/fuzz-$name"
            grep -a '^Base64:' "$scratch/fuzz-$name" || true
            echo "$name: found something; run it with: cargo +nightly fuzz run $name fuzz/artifacts/$name/FILE"
            failed=1
        fi
    done
    return "$failed"
}
