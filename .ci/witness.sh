# Witnesses that look at the real memory and at the machine code. Sourced by .ci/run.
#
# Each sanitizer runs with a std that is instrumented too (Debian's compiler, `-Zbuild-std`); where that cannot be
# had, with a nightly's plain one; where there is neither, it is skipped, in words. Miri and Kani are not run: see
# docs/unsafe.md. Each witness is first shown a planted mistake (.ci/witness), so that one that sees nothing fails.

witness_out=$target/witness
witness_host=x86_64-unknown-linux-gnu

# `debian`, `nightly` or nothing: what can build for a sanitizer.
witness_compiler() {
    if [[ $(uname -m) == x86_64 ]] && .ci/firmware-setup sanitizers >"$scratch/setup" 2>&1; then
        echo debian
    elif rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
        echo nightly
    fi
}

# Runs cargo for a sanitizer: `witness_cargo thread test ... [-- ...]`.
witness_cargo() {
    local sanitizer=$1 flags=-Zsanitizer=$1 words=()
    shift
    while (($# > 0)) && [[ $1 != -- ]]; do
        words+=("$1")
        shift
    done
    [[ $sanitizer != memory ]] || flags+=" -Zsanitizer-memory-track-origins"
    export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    case $witness_with in
        debian)
            RUSTC_BOOTSTRAP=1 RUSTFLAGS=$flags firmware_cargo "${words[@]}" --release -Zbuild-std --target "$witness_host" \
                --target-dir "$witness_out/$sanitizer" "$@"
            ;;
        nightly)
            RUSTFLAGS="$flags -Cunsafe-allow-abi-mismatch=sanitizer" run cargo +nightly "${words[@]}" --release \
                --target "$witness_host" --target-dir "$witness_out/$sanitizer-nightly" "$@"
            ;;
    esac
}

# `witness_planted SANITIZER MISTAKE WORDS`: the planted mistake ends the program, and the report says so.
witness_planted() {
    local program status=0
    witness_cargo "$1" build -q --manifest-path .ci/witness/Cargo.toml
    program=$witness_out/$1/$witness_host/release/planted
    [[ $witness_with == debian ]] || program=$witness_out/$1-nightly/$witness_host/release/planted
    run "$program" "$2" >"$scratch/planted" 2>&1 || status=$?
    if ((status == 0)) || ! grep -q "$3" "$scratch/planted"; then
        tail -n 20 "$scratch/planted"
        echo "the $1 sanitizer does not see a planted $2"
        return 1
    fi
}

# What of the library runs under a sanitizer: not what kills, fills a disk, or counts system calls.
witness_std_tests=(--lib --test integration -- --skip disk_full:: --skip kill_loop:: --skip hot_path:: --skip soak::
    --skip fork:: --skip storage_allocation::)

# Chooses the compiler; fails if there is none.
witness_begin() {
    witness_with=$(witness_compiler)
    case $witness_with in
        debian) echo "std is instrumented: $(/usr/bin/rustc -V)" ;;
        nightly)
            echo "std is not instrumented, as Debian's compiler and its sanitizer runtimes cannot be had here:"
            tail -n 1 "$scratch/setup"
            ;;
        *)
            skip sanitizers "there is neither Debian's compiler with their runtimes nor a nightly toolchain"
            return 1
            ;;
    esac
}

# The two-thread tests under ThreadSanitizer: a race on a byte, not only on a position.
witness_thread() {
    export TSAN_OPTIONS="allocator_may_return_null=1 halt_on_error=1 exitcode=66"
    witness_planted thread race 'data race'
    RINGLOG_TORTURE_SECONDS=${1:-1} witness_cargo thread test -q -p ringlog-nostd --test integration -- threads:: torture::
}

# The library's threads: `witness_threads_std TEST...`. What two mappings of one file share is not seen: docs/unsafe.md.
witness_threads_std() {
    export TSAN_OPTIONS="allocator_may_return_null=1 halt_on_error=1 exitcode=66"
    RINGLOG_IMAGES=500 witness_cargo thread test -q -p ringlog-std -p ringlog-tests --no-default-features "$@"
}

witness_valgrind() {
    if ! command -v valgrind >/dev/null && ! need valgrind valgrind; then
        skip memcheck "valgrind is not installed here and cannot be"
        return
    fi
    local program filter tests=(--error-exitcode=9 -q --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite)
    run cargo build -q --release --manifest-path .ci/witness/Cargo.toml --target-dir "$witness_out/plain"
    expect_code 9 valgrind "${tests[@]}" "$witness_out/plain/release/planted" uninitialised 2>"$scratch/planted"
    expect_code 9 valgrind "${tests[@]}" "$witness_out/plain/release/planted" leak 2>"$scratch/planted"
    run cargo test --release --no-run -p ringlog-nostd --lib --test integration 2>"$scratch/built" || { cat "$scratch/built"; return 1; }
    for program in $(sed -n 's/^ *Executable .*(\(.*\))$/\1/p' "$scratch/built"); do
        filter=()
        [[ $program != */integration-* ]] || filter=(pitfalls:: recover:: take_over:: flight_recorder::)
        run valgrind "${tests[@]}" "$program" -q "${filter[@]}"
    done
}

about_sanitizers="tests with threads under ThreadSanitizer, and test programs under valgrind's memcheck"
step_sanitizers() {
    if witness_begin; then
        witness_thread
        # Parking; a log's writer, workers and readers.
        witness_threads_std --test integration -- notify:: storage_read::
    fi
    witness_valgrind
    echo "not run here: AddressSanitizer, MemorySanitizer, cargo-careful, the long torture: sanitizers-full"
}

about_asan="the core, and the log and the rings above it, under AddressSanitizer with LeakSanitizer"
step_asan() {
    witness_begin || return 0
    # A ring that no machine has memory for is an error, here too.
    export ASAN_OPTIONS="allocator_may_return_null=1 detect_leaks=1 detect_stack_use_after_return=1 strict_string_checks=1"
    witness_planted address use-after-free 'heap-use-after-free'
    witness_planted address leak 'detected memory leaks'
    witness_cargo address test -q -p ringlog-nostd --lib --tests
    RINGLOG_IMAGES=500 witness_cargo address test -q -p ringlog-std -p ringlog-tests --no-default-features "${witness_std_tests[@]}"
}

about_msan="the core under MemorySanitizer"
step_msan() {
    witness_begin || return 0
    if [[ $witness_with != debian ]]; then
        skip msan "without an instrumented std it reports what std has written as uninitialised"
        return
    fi
    witness_planted memory uninitialised 'use-of-uninitialized-value'
    witness_cargo memory test -q -p ringlog-nostd --lib --tests
}

about_tsan="the core's torture, and the log and the rings above it, under ThreadSanitizer"
step_tsan() {
    witness_begin || return 0
    witness_thread 30
    witness_threads_std "${witness_std_tests[@]}"
}

about_careful="the core with std's own debug assertions (cargo-careful)"
step_careful() {
    witness_begin || return 0
    if [[ $witness_with != debian ]]; then
        skip careful "it needs the sources of std beside their compiler, as Debian has them"
        return
    fi
    if ! command -v cargo-careful >/dev/null && ! run cargo install --locked cargo-careful@0.4.10; then
        skip careful "cargo-careful is not installed here and cannot be"
        return
    fi
    RUSTC_BOOTSTRAP=1 run cargo +firmware careful test -q -p ringlog-nostd --lib --tests \
        --target-dir "$witness_out/careful"
}

# Why a program is refused is compared by a nightly compiler only.
about_misuse="programs that must not compile, and why they do not"
step_misuse() {
    if ! rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
        skip misuse "the error codes of programs that must not compile need a nightly toolchain"
        return
    fi
    run cargo +nightly test -q --doc -p ringlog-nostd -p ringlog-std --target-dir "$witness_out/nightly"
}

about_sanitizers_full="all of these, each of which can also be run alone: tsan, asan, msan, careful, misuse; long properties and torture"
step_sanitizers_full() {
    local part
    for part in tsan asan msan careful misuse; do
        echo "-- $part"
        ("step_$part")
    done
    PROPTEST_CASES=20000 run cargo test -q --release -p ringlog-nostd --test integration properties::
    RINGLOG_TORTURE_SECONDS=60 run cargo test --release -p ringlog-nostd --test integration torture:: -- --nocapture
}

about_hot_path="the core's whole API links without a panic; its hot path instruction by instruction, on this machine"
step_hot_path() {
    need python3 python3
    need objdump binutils
    [[ $(uname -m) == x86_64 ]] || { skip hot-path "it knows the instructions of x86-64 only"; return; }
    local images=$witness_out/hot-path/$witness_host/release
    CARGO_PROFILE_RELEASE_OPT_LEVEL=3 run cargo build -q --locked --release --manifest-path "$firmware/Cargo.toml" \
        -p ringlog-cost --target "$witness_host" --target-dir "$witness_out/hot-path"
    run python3 .ci/hot_path.py self
    run python3 .ci/hot_path.py image "$images/everything" "$images/hot_path"
    run python3 .ci/hot_path.py functions "$images/hot_path" hot
    # The check can fail: a program of std panics and allocates.
    run cargo build -q --release --manifest-path .ci/witness/Cargo.toml --target-dir "$witness_out/plain"
    expect_code 1 python3 .ci/hot_path.py image "$witness_out/plain/release/planted"
}

about_unsafe="docs/unsafe.md lists every unsafe block, function and impl of the libraries, and nothing else"
step_unsafe() {
    need python3 python3
    run python3 .ci/unsafe_sites.py docs/unsafe.md
}
