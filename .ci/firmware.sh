# Steps about bare-metal and other-width targets. Sourced by .ci/run; see ringlog-nostd/firmware/.
#
# Everything they need comes from Debian packages: .ci/firmware-setup installs them and builds what Debian has
# as sources only. Where something is missing the step says so and fails.

firmware_targets=(thumbv6m-none-eabi thumbv7m-none-eabi thumbv7em-none-eabihf riscv32imc-unknown-none-elf
    armebv7r-none-eabi)
# Two instruction sets, neither with compare-and-swap.
firmware_two=(thumbv6m-none-eabi riscv32imc-unknown-none-elf)
firmware=$root/ringlog-nostd/firmware
firmware_out=$target/firmware

firmware_setup() {
    run .ci/firmware-setup "$@" || { echo "firmware targets cannot be built or emulated here: see above"; return 1; }
}

# Debian's Rust, even where rustup has another.
firmware_cargo() {
    RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc run /usr/bin/cargo "$@"
}

firmware_build() {
    local name=$1
    shift
    firmware_cargo build -q --release --manifest-path "$firmware/Cargo.toml" --target-dir "$firmware_out/$name" "$@"
}

# Runs an image in its emulator; more arguments are the emulator's. Ends with the image's exit status.
firmware_emulate() {
    local machine=$1 image=$2 status=0
    shift 2
    local emulator
    read -ra emulator <<<"$(firmware_emulator "$machine")"
    command -v "${emulator[0]}" >/dev/null || { echo "${emulator[0]} is missing: $machine cannot be emulated"; return 1; }
    case $machine in
        armeb*) run timeout 120 "${emulator[@]}" "$@" "$image" || status=$? ;;
        *) run timeout 120 "${emulator[@]}" -monitor none "$@" -kernel "$image" </dev/null || status=$? ;;
    esac
    ((status == 0)) || echo "$image ended with status $status (2 a wrong byte, 5 a fault, 101 a panic, 124 no end)"
    return "$status"
}

firmware_emulator() {
    local semihosting="-display none -semihosting-config enable=on,target=native"
    case $1 in
        thumbv6m-*) echo "qemu-system-arm -M microbit $semihosting" ;;
        thumbv7m-*) echo "qemu-system-arm -M lm3s6965evb $semihosting" ;;
        thumbv7em-*) echo "qemu-system-arm -M mps2-an386 $semihosting" ;;
        # Without the A extension: an atomic read-modify-write would trap.
        riscv32imc-*) echo "qemu-system-riscv32 -M virt -cpu rv32,a=false,f=false,d=false -bios none $semihosting" ;;
        armeb*) echo "qemu-armeb -cpu cortex-r5" ;;
    esac
}

# Start and length of the memory to dump: RAM and what is retained after it.
firmware_ram() {
    case $1 in
        thumbv6m-*) echo 0x20000000 0x4000 ;;
        thumbv7m-*) echo 0x20000000 0xF000 ;;
        thumbv7em-*) echo 0x20000000 0x201000 ;;
        riscv32imc-*) echo 0x80000000 0x201000 ;;
    esac
}

firmware_objdump() {
    case $1 in
        riscv*) echo riscv64-unknown-elf-objdump ;;
        *) echo arm-none-eabi-objdump ;;
    esac
}

# An interrupt and the main loop on one static.
firmware_exchange() {
    # shellcheck disable=SC2046 # two words or none
    firmware_emulate "$1" "$2/exchange" $(firmware_counted "$1")
}

# The same with the other way to get the one swap of `split`, where there is no compare-and-swap. Leaves its image
# where the first one was: cargo puts that back.
firmware_single_core() {
    case $1 in
        thumbv6m-* | riscv32imc-*)
            firmware_build apps -p ringlog-firmware --no-default-features --features single-core \
                --target "$1" --bin exchange
            firmware_exchange "$1" "$2"
            ;;
    esac
}

# Makes a run repeat exactly, also under load.
firmware_counted() { [[ $1 == armeb* ]] || echo "-icount shift=6"; }

# Resets by the system, a panic and the watchdog, with damage in between. User-mode emulation has no resets.
firmware_resets() {
    [[ $1 == armeb* ]] || firmware_emulate "$1" "$2/retained" -icount shift=6
}

# A log file out of the UART, read by the host's tools.
firmware_stream() {
    local machine=$1 images=$2 file=$scratch/serial.out
    rm -f "$file"
    case $machine in
        armeb*) (cd "$scratch" && firmware_emulate "$machine" "$images/stream") ;;
        *) firmware_emulate "$machine" "$images/stream" -icount shift=6 -serial "file:$file" ;;
    esac
    run "$target/release/ringlog" verify "$file"
    run "$target/release/ringlog" cat "$file" --format hex | run python3 .ci/firmware.py stream 0 1000
}

# Frames out of the UART, as they came and with bytes missing in the middle.
firmware_frames() {
    local machine=$1 images=$2 file=$scratch/serial.out log=$scratch/frames.log
    rm -rf "$file" "$log"
    case $machine in
        armeb*) (cd "$scratch" && firmware_emulate "$machine" "$images/frames") ;;
        *) firmware_emulate "$machine" "$images/frames" -icount shift=6 -serial "file:$file" ;;
    esac
    run "$target/release/ringlog" receive "$file" --log "$log"
    run "$target/release/ringlog" cat "$log" --format hex | run python3 .ci/firmware.py stream 0 1000
    rm -rf "$log"
    { head -c 20000 "$file"; tail -c +20004 "$file"; } >"$file.cut"
    expect_code 3 "$target/release/ringlog" receive "$file.cut" --log "$log" --json >"$scratch/frames.json"
    run python3 .ci/firmware.py received 1000 "$scratch/frames.json"
}

# The rings in the memory of a machine that stopped.
firmware_dump() {
    local machine=$1 images=$2 dump=$scratch/ram.bin said=$scratch/said emulator file
    rm -f "$dump"
    case $machine in
        armeb*)
            (cd "$scratch" && rm -f serial.out && firmware_emulate "$machine" "$images/dump") >"$said"
            mv "$scratch/serial.out" "$dump"
            ;;
        *)
            read -ra emulator <<<"$(firmware_emulator "$machine")"
            # shellcheck disable=SC2046 # two words
            run python3 .ci/firmware.py dump "${emulator[@]}" -serial none -kernel "$images/dump" -- \
                $(firmware_ram "$machine") "$dump" >"$said"
            ;;
    esac
    # Both rings have lost events, and say so.
    expect_code 3 "$target/release/ringlog" recover-image "$dump" --json >"$scratch/rings.json"
    run python3 .ci/firmware.py report "$scratch/rings.json" "$said"
    rm -rf "$scratch/rings"
    expect_code 3 "$target/release/ringlog" recover-image "$dump" --to "$scratch/rings"
    for file in "$scratch"/rings/*.evtl; do
        expect_code 3 "$target/release/ringlog" verify "$file"
    done
}

# A row of the cost table, and what may not be in an image.
firmware_cost() {
    local machine=$1 images=$2 image cost=$firmware_out/cost/$1/release
    firmware_build cost -p ringlog-cost --features small-copy --target "$machine"
    rm -rf "$scratch/small-copy"
    mkdir "$scratch/small-copy"
    cp "$cost"/{write,write_fixed,claim,read,drain,write_read} "$scratch/small-copy/"
    firmware_build cost -p ringlog-cost --target "$machine"
    for image in everything write_read; do
        run python3 .ci/firmware.py image "$cost/$image" "$(firmware_objdump "$machine")"
    done
    # The check can fail: a program that prints contains panics.
    expect_code 1 python3 .ci/firmware.py image "$images/exchange" "$(firmware_objdump "$machine")"
    rm -f "$scratch/trace"
    firmware_emulate "$machine" "$images/count" -singlestep -d nochain,exec -D "$scratch/trace"
    run python3 .ci/firmware.py row "$machine" "$cost" "$scratch/small-copy" "$images/count" \
        "$scratch/trace" >>"$scratch/cost"
    rm -f "$scratch/trace"
}

# An application on RTIC 2, on the boards that have its table of interrupts: a task awaits a timer's events.
firmware_rtic() {
    case $1 in
        thumbv6m-* | thumbv7m-*) ;;
        *) return ;;
    esac
    firmware_cargo build -q --release --manifest-path "$firmware/rtic/Cargo.toml" --target-dir "$firmware_out/rtic" --target "$1"
    # A processor that sleeps until the next interrupt does not do so in real time.
    firmware_emulate "$1" "$firmware_out/rtic/$1/release/ringlog-rtic" -icount shift=6,sleep=off
}

firmware_rustc() { /usr/bin/rustc -V | cut -d' ' -f1,2; }

firmware_run() {
    local machine images
    firmware_setup "$@"
    run cargo fmt --manifest-path "$firmware/Cargo.toml" --all --check
    run cargo fmt --manifest-path "$firmware/avr/Cargo.toml" --check
    run cargo fmt --manifest-path "$firmware/rtic/Cargo.toml" --check
    run cargo build --release --bin ringlog
    : >"$scratch/cost"
    for machine in "$@"; do
        echo "-- $machine"
        # Debian's linter beside Debian's compiler, not rustup's.
        PATH=/usr/bin:$PATH firmware_cargo clippy -q --release --manifest-path "$firmware/Cargo.toml" --workspace \
            --target-dir "$firmware_out/apps" --target "$machine" -- -D warnings
        firmware_build apps -p ringlog-firmware --target "$machine"
        images=$firmware_out/apps/$machine/release
        firmware_exchange "$machine" "$images"
        firmware_resets "$machine" "$images"
        firmware_stream "$machine" "$images"
        firmware_frames "$machine" "$images"
        firmware_dump "$machine" "$images"
        firmware_cost "$machine" "$images"
        firmware_single_core "$machine" "$images"
        firmware_rtic "$machine"
    done
    run python3 .ci/firmware.py table docs/firmware.md "$scratch/cost" "$(firmware_rustc)"
}

about_firmware_two="two bare-metal targets under emulation: interrupts, resets, a stream and a dump to the host, cost, RTIC"
step_firmware_two() { firmware_run "${firmware_two[@]}"; }

about_firmware="the same for all bare-metal targets"
step_firmware() { firmware_run "${firmware_targets[@]}"; }

about_firmware_cost="measures what the core costs on each target and writes the table into docs/firmware.md"
step_firmware_cost() {
    local machine
    firmware_setup "${firmware_targets[@]}"
    : >"$scratch/cost"
    for machine in "${firmware_targets[@]}"; do
        firmware_build apps -p ringlog-firmware --target "$machine"
        firmware_cost "$machine" "$firmware_out/apps/$machine/release"
    done
    run python3 .ci/firmware.py update docs/firmware.md "$scratch/cost" "$(firmware_rustc)"
}

about_words="the core's tests with 32-bit words, and on a big-endian machine under emulation"
step_words() {
    firmware_setup i686-unknown-linux-gnu s390x-unknown-linux-gnu
    export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=i686-linux-gnu-gcc
    local libraries=/usr/i686-linux-gnu/lib
    export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUSTFLAGS="-Clink-arg=-Wl,-rpath,$libraries -Clink-arg=-Wl,--dynamic-linker,$libraries/ld-linux.so.2"
    export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=s390x-linux-gnu-gcc
    export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER="qemu-s390x -L /usr/s390x-linux-gnu"
    command -v qemu-s390x >/dev/null || { echo "qemu-s390x is missing: no big-endian machine can be emulated"; return 1; }
    # Not the whole of std anew in each test program.
    export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    local machine
    for machine in i686-unknown-linux-gnu s390x-unknown-linux-gnu; do
        firmware_cargo test -q --release -p ringlog-nostd --lib --tests --target "$machine" --target-dir "$firmware_out/words"
    done
}

about_words_16="the ring with 16-bit words and positions, on an emulated ATmega1284P"
step_words_16() {
    firmware_setup avr-none
    command -v simavr >/dev/null || { echo "simavr is missing: no machine with 16-bit words can be emulated"; return 1; }
    (
        # Assembly for this architecture is unstable, and its core library is built with the program.
        cd "$firmware/avr"
        export RUSTC_BOOTSTRAP=1
        firmware_cargo build -q --release -Zbuild-std=core --target avr-none --target-dir "$firmware_out/avr"
    )
    run timeout 120 simavr -m atmega1284p "$firmware_out/avr/avr-none/release/ringlog-avr.elf" 2>&1 | tee "$scratch/avr"
    grep -q 'PASS avr-none usize=16' "$scratch/avr"
}
