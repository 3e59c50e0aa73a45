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

# Debian's Rust, whatever rustup says.
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

# Start and length of the memory to dump: RAM and what is retained behind it.
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

# An interrupt and the main loop on one static; both ways to get its one swap where there is no compare-and-swap.
firmware_exchange() {
    local machine=$1 images=$2
    firmware_emulate "$machine" "$images/exchange" $(firmware_counted "$machine")
    case $machine in
        thumbv6m-* | riscv32imc-*)
            firmware_build single-core -p ringlog-firmware --no-default-features --features single-core \
                --target "$machine" --bin exchange
            firmware_emulate "$machine" "$firmware_out/single-core/$machine/release/exchange" \
                $(firmware_counted "$machine")
            ;;
    esac
}

# Makes a run repeat exactly, whatever the load of this machine.
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

# The rings in the memory of a machine that stopped.
firmware_dump() {
    local machine=$1 images=$2 dump=$scratch/ram.bin said=$scratch/said emulator
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
    expect_code 3 "$target/release/ringlog" verify "$scratch"/rings/*.evtl
}

# A row of the cost table, and what may not be in an image.
firmware_cost() {
    local machine=$1 images=$2 image
    firmware_build cost -p ringlog-cost --target "$machine"
    firmware_build small-copy -p ringlog-cost --features small-copy --target "$machine"
    for image in everything write_read; do
        run python3 .ci/firmware.py image "$firmware_out/cost/$machine/release/$image" "$(firmware_objdump "$machine")"
    done
    rm -f "$scratch/trace"
    firmware_emulate "$machine" "$images/count" -singlestep -d nochain,exec -D "$scratch/trace"
    run python3 .ci/firmware.py row "$machine" "$firmware_out/cost/$machine/release" \
        "$firmware_out/small-copy/$machine/release" "$images/count" "$scratch/trace" >>"$scratch/cost"
    rm -f "$scratch/trace"
}

firmware_rustc() { /usr/bin/rustc -V | cut -d' ' -f1,2; }

firmware_run() {
    local machine images
    firmware_setup "$@"
    run cargo fmt --manifest-path "$firmware/Cargo.toml" --all --check
    run cargo build --release --bin ringlog
    : >"$scratch/cost"
    for machine in "$@"; do
        echo "-- $machine"
        firmware_build apps -p ringlog-firmware --target "$machine"
        images=$firmware_out/apps/$machine/release
        firmware_exchange "$machine" "$images"
        firmware_resets "$machine" "$images"
        firmware_stream "$machine" "$images"
        firmware_dump "$machine" "$images"
        firmware_cost "$machine" "$images"
    done
    run python3 .ci/firmware.py table README.md "$scratch/cost" "$(firmware_rustc)"
}

about_firmware_two="two bare-metal targets under emulation: interrupts, resets, a stream and a dump to the host, cost"
step_firmware_two() { firmware_run "${firmware_two[@]}"; }

about_firmware="the same for all bare-metal targets"
step_firmware() { firmware_run "${firmware_targets[@]}"; }

about_firmware_cost="measures what the core costs on each target and writes the table into README.md"
step_firmware_cost() {
    local machine
    firmware_setup "${firmware_targets[@]}"
    : >"$scratch/cost"
    for machine in "${firmware_targets[@]}"; do
        firmware_build apps -p ringlog-firmware --target "$machine" --bin count
        firmware_cost "$machine" "$firmware_out/apps/$machine/release"
    done
    run python3 .ci/firmware.py update README.md "$scratch/cost" "$(firmware_rustc)"
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
    local machine
    for machine in i686-unknown-linux-gnu s390x-unknown-linux-gnu; do
        firmware_cargo test -q --release -p ringlog-nostd --lib --tests --target "$machine" --target-dir "$firmware_out/words"
    done
}
