# The step of .ci/run that runs `serve` as a service; it sources this file.

# `service_day ROUNDS`: the day of a service, in rounds of about half a minute.
service_day() {
    local python=$scratch/service-python/bin/python
    python3 -m venv "$scratch/service-python" >/dev/null 2>&1 || { need pyvenv python3-venv; run python3 -m venv "$scratch/service-python"; }
    run "$python" -m pip install -q --no-deps --require-hashes -r .ci/service.txt
    run cargo test -q -p ringlog-std --features "$library_features" --doc prometheus
    run cargo build --release
    run "$python" .ci/service.py --self-test
    rm -rf "$scratch/service"
    run "$python" .ci/service.py "$target/release/ringlog" "$scratch/service" "$1"
    [[ ! -e $scratch/service/skipped ]] || skip service "$(cat "$scratch/service/skipped")"
    if command -v systemd-analyze >/dev/null; then
        sed "s|/usr/local/bin/ringlog|$target/release/ringlog|; s|^User=.*|User=root|; s|^Group=.*|Group=root|" ringlog-std/cli/service/ringlog.service \
            >"$scratch/ringlog.service"
        run systemd-analyze verify --man=no "$scratch/ringlog.service" 2>&1 | tee "$scratch/unit-said"
        # What it does not know is a warning.
        [[ ! -s $scratch/unit-said ]] || return 1
    else
        echo "there is no systemd-analyze here, so the unit file is not verified"
    fi
}

about_service="serve under a service manager: ready, watchdog, scraped by the parser of Prometheus, disk full and freed, killed, retention, numbers equal to info"
step_service() {
    need python3 python3
    service_day 1
}

about_service_long="the same for ten minutes"
step_service_long() {
    need python3 python3
    service_day 90
}
