# Steps about the libraries for C and C++. Sourced by .ci/run.

c_scratch=$scratch/c
c_prefix=$scratch/c/prefix
# A copy, since a search keeps an index beside a log.
c_data=$scratch/c/data
c_flags=(-Wall -Wextra -Wpedantic -Werror -O2 -g -I ringlog-std/c/include)
# What Rust's std needs in a static library.
c_std=(-pthread -ldl -lm)

c_valgrind=(valgrind -q --fair-sched=try --error-exitcode=9 --leak-check=full --show-leak-kinds=definite
    --errors-for-leak-kinds=definite)

# Sets `cbindgen` to the program, which is installed where it is missing.
c_cbindgen() {
    local version=0.29.4
    cbindgen=$(command -v cbindgen || true)
    [[ -z $cbindgen || $("$cbindgen" --version) != "cbindgen $version" ]] || return 0
    cbindgen=$target/tools/bin/cbindgen
    [[ -x $cbindgen ]] || run cargo install -q --locked --root "$target/tools" "cbindgen@$version"
}

# Makes the header anew; with `--check`, compares it.
c_header() {
    local cbindgen
    need python3 python3
    c_cbindgen
    run python3 .ci/c_header.py "$cbindgen" "$@"
}

# `c_install PREFIX`: builds the libraries and puts them there.
c_install() {
    run ringlog-std/c/install.sh "$@"
}

c_begin() {
    mkdir -p "$c_scratch"
    rm -rf "$c_data"
    cp -r ringlog-std/tests/data "$c_data"
}

# What the core needs of the rest of the program: memcpy and its kin, and nothing that panics or allocates.
c_core_is_bare() {
    need nm binutils
    nm "$c_prefix/lib/libringlog_core.a" >"$scratch/symbols" 2>/dev/null
    grep -q ' T ringlog_write$' "$scratch/symbols"
    if grep -E 'panic|__rust_alloc|_ZN3std' "$scratch/symbols"; then
        echo "the core for C can panic, or brings in std or an allocator"
        return 1
    fi
}

# `c_compile COMPILER NAME SOURCE LIBRARY...`: compiles a test program with all warnings.
c_compile() {
    local compiler=$1 name=$2 source=$3
    shift 3
    # shellcheck disable=SC2086 # a compiler with its options
    run $compiler "${c_flags[@]}" "$source" "$@" -o "$c_scratch/$name"
}

# `c_tests COMPILER COMMAND...`: the test programs, each with the core and with the whole library, started by a command.
c_tests() {
    local compiler=$1 library=$c_prefix/lib/libringlog.a
    shift
    c_compile "$compiler" core ringlog-nostd/c/tests/core.c "$c_prefix/lib/libringlog_core.a" -pthread
    run "$@" "$c_scratch/core"
    c_compile "$compiler" core-in-all ringlog-nostd/c/tests/core.c "$library" "${c_std[@]}"
    run "$@" "$c_scratch/core-in-all"
    c_compile "$compiler" files ringlog-std/c/tests/files.c "$library" "${c_std[@]}"
    rm -rf "$c_scratch/folder"
    mkdir "$c_scratch/folder"
    run "$@" "$c_scratch/files" "$c_scratch/folder" "$c_data"
}

# The same for the test program in C++.
c_test_of_cpp() {
    local compiler=$1
    shift
    c_compile "$compiler" cpp ringlog-std/c/tests/cpp.cpp "$c_prefix/lib/libringlog.a" "${c_std[@]}"
    run "$@" "$c_scratch/cpp" "$c_data"
}

# What `.ci/run counts` counts: the core as C has it.
c_count_program() {
    mkdir -p "$c_scratch"
    run cargo rustc -q --profile c --crate-type staticlib --features panic-handler -p ringlog-c-core
    c_compile "gcc -std=c11" count ringlog-nostd/c/tests/count.c "$target/c/libringlog_core.a"
}

# The examples, built by CMake and by make with pkg-config, and what they do.
c_examples() {
    local built
    run cmake -S ringlog-std/c/examples -B "$c_scratch/cmake" -DCMAKE_PREFIX_PATH="$c_prefix"
    run cmake --build "$c_scratch/cmake"
    mkdir -p "$c_scratch/make"
    PKG_CONFIG_PATH=$c_prefix/lib/pkgconfig run make -C ringlog-std/c/examples OUT="$c_scratch/make"
    for built in "$c_scratch/cmake" "$c_scratch/make"; do
        run "$built/threads"
        run "$built/raii"
        c_recorded "$built"
    done
}

# `c_recorded FOLDER`: the example producer writes into a ring that `ringlog serve` records, and the example reader reads the log.
c_recorded() {
    local ring=$1/events.ring log=$1/log recorder
    "$target/release/ringlog" serve --ring "$ring" --log "$log" >"$1/said" 2>&1 &
    recorder=$!
    run timeout 60 "$1/producer" "$ring" 1000
    kill -TERM "$recorder"
    wait "$recorder"
    run "$1/read_log" "$log" >"$1/read"
    [[ $(wc -l <"$1/read") == 1000 ]]
    grep -q 'order_add id=999 price=104.99 quantity=10 side=sell (price as a double: 104.99)' "$1/read"
    # From a time on: the last event's.
    run "$1/read_log" "$log" "$(tail -n 1 "$1/read" | cut -d' ' -f2)" >"$1/last"
    tail -n 1 "$1/read" | diff - "$1/last"
}

# Programs in C that do not link ringlog, by docs/format.md alone: a producer, after one with types, which dies twice; and a reader,
# which finds in the samples and in that log what docs/reader.py finds.
c_by_format() {
    local ring=$c_scratch/format.ring log=$c_scratch/format-log recorder file
    need python3 python3
    c_compile "gcc -std=c11" by_format ringlog-std/c/tests/by_format.c
    c_compile "gcc -std=c11" read_by_format ringlog-std/c/tests/read_by_format.c
    "$target/release/ringlog" serve --ring "$ring" --log "$log" >"$c_scratch/said" 2>&1 &
    recorder=$!
    run timeout 60 "$c_scratch/make/producer" "$ring" 10
    run timeout 60 "$c_scratch/by_format" "$ring" 0 1000 die
    run timeout 60 "$c_scratch/by_format" "$ring" 1000 20000 die
    run timeout 60 "$c_scratch/by_format" "$ring" 21000 1000
    kill -TERM "$recorder"
    wait "$recorder"
    run "$target/release/ringlog" verify "$log"
    for file in "$sample" ringlog-std/tests/data/typed/stream.evtl "$log"/*.evtl; do
        run "$c_scratch/read_by_format" "$file" >>"$c_scratch/by-format"
        run python3 docs/reader.py --meta "$file" | python3 .ci/c_lines.py >>"$c_scratch/by-reader"
    done
    run diff "$c_scratch/by-format" "$c_scratch/by-reader"
    [[ $(grep -c ' 9 0 ' "$c_scratch/by-format") == 22000 ]]
    # A flipped byte is found.
    cp "$sample" "$scratch/flipped.evtl"
    printf '\053' | dd of="$scratch/flipped.evtl" bs=1 seek=96 conv=notrunc status=none
    expect_code 1 "$c_scratch/read_by_format" "$scratch/flipped.evtl"
}

# `c_firmware TARGET`: the core for a bare machine, and an interrupt and a main loop in C on it, built by clang, under emulation.
c_firmware() {
    local built=$firmware_out/c/$1/c
    need clang clang
    firmware_setup "$1"
    firmware_cargo rustc -q --target-dir "$firmware_out/c" --profile c --crate-type staticlib --features panic-handler \
        -p ringlog-c-core --target "$1"
    run clang --target="$1" -mcpu=cortex-m3 -std=c11 -Wall -Wextra -Wpedantic -Werror -Os -ffreestanding \
        -I ringlog-std/c/include -c ringlog-nostd/c/firmware/firmware.c -o "$c_scratch/firmware.o"
    run arm-none-eabi-ld --gc-sections -T ringlog-nostd/c/firmware/lm3s6965.ld "$c_scratch/firmware.o" \
        "$built/libringlog_core.a" -o "$c_scratch/firmware.elf"
    arm-none-eabi-nm "$c_scratch/firmware.elf" >"$scratch/symbols"
    if grep -i panic "$scratch/symbols"; then
        echo "the image can panic"
        return 1
    fi
    run timeout 120 qemu-system-arm -M lm3s6965evb -icount shift=6 -display none -semihosting-config enable=on,target=native \
        -monitor none -kernel "$c_scratch/firmware.elf" </dev/null
}

# `c_kills COUNT`: kills a producer in C that often.
c_kills() {
    need python3 python3
    c_compile "gcc -std=c11" kill_producer ringlog-std/c/tests/kill_producer.c "$c_prefix/lib/libringlog.a" "${c_std[@]}"
    rm -rf "$c_scratch/kills"
    mkdir "$c_scratch/kills"
    run python3 .ci/c_kills.py "$target/release/ringlog" "$c_scratch/kill_producer" "$c_scratch/kills" "$1"
}

# The commands of docs/c.md under "The first event", as they are written.
c_first_event() {
    local made_link= status=0
    sed -n '/^## The first event/,/^## /p' docs/c.md | sed -n '/^```sh$/,/^```$/p' | sed '/^```/d' >"$c_scratch/first.sh"
    local commands
    commands=$(sed "/<<'END'/,/^END/{/<<'END'/!d}" "$c_scratch/first.sh" | grep -vcE '^ *(#|$)')
    echo "$commands commands"
    ((commands < 10))
    # The document says `target`.
    if [[ ! -e target && $target != "$root/target" ]]; then
        ln -s "$target" target
        made_link=1
    fi
    rm -rf target/first /dev/shm/first.ring*
    run timeout 900 bash -euo pipefail "$c_scratch/first.sh" | tee "$c_scratch/first" || status=$?
    rm -f /dev/shm/first.ring*
    [[ -z $made_link ]] || rm target
    ((status == 0))
    grep -q 'greeting  *tail="hello, log"' "$c_scratch/first"
}

about_c="the libraries for C and C++: header and code agree, tests with all warnings and under valgrind, examples, firmware, 50 kills, docs/c.md"
step_c() {
    need gcc gcc
    need g++ g++
    need valgrind valgrind
    need cmake cmake
    need make make
    need pkg-config pkg-config
    c_begin
    c_header --check
    c_install "$c_prefix"
    c_core_is_bare
    c_tests "gcc -std=c11" env
    c_test_of_cpp "g++ -std=c++17" env
    c_tests "gcc -std=c11" "${c_valgrind[@]}"
    c_test_of_cpp "g++ -std=c++17" "${c_valgrind[@]}"
    run cargo build --release
    c_examples
    c_by_format
    c_firmware thumbv6m-none-eabi
    c_kills 50
    c_first_event
}

about_c_long="the same tests with clang, AddressSanitizer and UndefinedBehaviorSanitizer; firmware for thumbv7m; 500 kills"
step_c_long() {
    need clang clang
    c_begin
    c_install "$c_prefix"
    c_tests "clang -std=c11 -fsanitize=address,undefined -fno-sanitize-recover=all" env
    c_test_of_cpp "clang++ -std=c++17 -fsanitize=address,undefined -fno-sanitize-recover=all" env
    run cargo build --release
    c_firmware thumbv7m-none-eabi
    c_kills 500
}
