# The steps of .ci/run that look at what `report` and `plot` make of a log; it sources this file.

# Makes a log of a few files, the page of it, and what `info` says.
report_of_demo() {
    local ringlog=$target/release/ringlog
    rm -rf "$scratch/looked"
    run cargo build --release -p ringlog-cli --bin ringlog
    run "$ringlog" serve --rate max --max-bytes 20MB --segment-size 4MiB --log "$scratch/looked" --json >"$scratch/looked.json"
    run "$ringlog" info "$scratch/looked" --json >"$scratch/looked-info.json"
    run "$ringlog" report "$scratch/looked" -o "$scratch/report.html" --plot order_add.price --plot interarrival
}

about_report="a page of the demo's log has the numbers of info, a title and a table for each chart, and requests nothing; a chart in the terminal"
step_report() {
    need python3 python3
    report_of_demo
    run python3 .ci/report_page.py page "$scratch/report.html" "$scratch/looked-info.json"
    expect_code 2 "$target/release/ringlog" report "$scratch/looked" -o "$scratch/looked/report.html" 2>/dev/null
    run "$target/release/ringlog" plot "$scratch/looked" order_add.price --where 'instrument == "gold"' --height 6 | tee "$scratch/chart"
    [[ $(wc -l <"$scratch/chart") == 9 ]]
}

about_browser="the same page in Chromium: drawn, zoomed by keys and by the pointer, no sideways scroll at 390 pixels, no error in the console, printed"
step_browser() {
    need python3 python3
    need chromium chromium
    report_of_demo
    mkdir -p "$target/report-pictures"
    run python3 .ci/report_page.py browser "$scratch/report.html" "$target/report-pictures"
}

about_looking_rate="the rate and the memory of report on a log of 2 GB, beside verify --jobs 1 in the same run"
step_looking_rate() {
    need python3 python3
    run cargo build --release -p ringlog-cli --bin ringlog
    run "$target/release/ringlog" serve --rate max --max-bytes "${RINGLOG_LOOKING_BYTES:-2GB}" --log "$scratch/rate" --json >"$scratch/rate.json"
    run python3 .ci/looking_rate.py "$target/release/ringlog" "$scratch/rate" "$scratch"
}
