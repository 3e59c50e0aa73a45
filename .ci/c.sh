# Steps about the libraries for C and C++. Sourced by .ci/run.

c_out=$target/c
c_scratch=$scratch/c
c_warnings=(-Wall -Wextra -Wpedantic -Werror)

# Prints the path of cbindgen, installed where it is missing.
c_cbindgen() {
    local version=0.29.4
    if command -v cbindgen >/dev/null && [[ $(cbindgen --version) == "cbindgen $version" ]]; then
        command -v cbindgen
        return
    fi
    [[ -x $target/tools/bin/cbindgen ]] || run cargo install -q --locked --root "$target/tools" "cbindgen@$version" >&2
    echo "$target/tools/bin/cbindgen"
}

c_header() {
    local cbindgen
    need python3 python3
    cbindgen=$(c_cbindgen)
    run python3 .ci/c_header.py "$cbindgen" "$@"
}

# The libraries, as a user builds them.
c_libraries() {
    run cargo rustc --profile c --crate-type staticlib --features panic-handler -p ringlog-c-core
}

# What the core needs of the rest of the program: memcpy and its kin, and nothing that panics or allocates.
c_core_is_bare() {
    need nm binutils
    nm "$c_out/libringlog_core.a" >"$scratch/symbols" 2>/dev/null
    grep -q ' T ringlog_write$' "$scratch/symbols"
    if grep -E 'panic|__rust_alloc|_ZN3std' "$scratch/symbols"; then
        echo "the core for C can panic, or brings in std or an allocator"
        return 1
    fi
}

# `c_test COMPILER NAME SOURCE LIBRARY...`: compiles a test program with all warnings.
c_test() {
    local compiler=$1 name=$2 source=$3
    shift 3
    mkdir -p "$c_scratch"
    # shellcheck disable=SC2086 # a compiler with its options
    run $compiler "${c_warnings[@]}" -O2 -g -I ringlog-std/c/include "$source" "$@" -pthread -o "$c_scratch/$name"
}

c_valgrind() {
    need valgrind valgrind
    run valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite "$@"
}

about_c="the libraries for C and C++: header and code agree, test programs with all warnings, misuse, valgrind"
step_c() {
    need gcc gcc
    need g++ g++
    run cargo clippy -p ringlog-c-core --all-targets --features alloc -- -D warnings
    c_header --check
    c_libraries
    c_core_is_bare
    c_test "gcc -std=c11" core ringlog-nostd/c/tests/core.c "$c_out/libringlog_core.a"
    run "$c_scratch/core"
    c_valgrind "$c_scratch/core"
    # The header is one of C++ too.
    echo '#include "ringlog.h"' >"$scratch/header.cpp"
    run g++ -std=c++17 "${c_warnings[@]}" -I ringlog-std/c/include -fsyntax-only "$scratch/header.cpp"
}

about_c_asan="the test programs in C with clang, AddressSanitizer and UndefinedBehaviorSanitizer"
step_c_asan() {
    need clang clang
    c_libraries
    c_test "clang -std=c11 -fsanitize=address,undefined -fno-sanitize-recover=all" core-asan ringlog-nostd/c/tests/core.c \
        "$c_out/libringlog_core.a"
    run "$c_scratch/core-asan"
}
