#!/usr/bin/env python3
"""Prints the rate at which a log is looked at, beside `verify --jobs 1` in the same run, and the memory that it takes.

    .ci/looking_rate.py RINGLOG LOG FOLDER

Each command runs three times, one after the other; the fastest run of each counts. Fails if a command has less than its part of the
rate of `verify`, or more memory than its limit.
"""

import json
import os
import subprocess
import sys
import time

# The part of the rate of `verify --jobs 1`, and MiB at the most.
REPORT = (0.5, 200)
RUNS = 3


def measured(line):
    """Seconds and MiB of one run."""
    started = time.monotonic()
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{line} ended with {process.returncode}"
    return time.monotonic() - started, usage.ru_maxrss / 1024


def main(ringlog, log, folder):
    page = os.path.join(folder, "rate.html")
    lines = {
        "verify --jobs 1": [ringlog, "verify", log, "--jobs", "1"],
        "report": [ringlog, "report", log, "-o", page],
        "report, two fields": [ringlog, "report", log, "-o", page, "--plot", "order_add.price", "--plot", "payload_size"],
    }
    best, memory = {}, {}
    for _ in range(RUNS):
        for name, line in lines.items():
            seconds, mebibytes = measured(line)
            best[name] = min(seconds, best.get(name, seconds))
            memory[name] = max(mebibytes, memory.get(name, 0))
    info = json.loads(subprocess.run([ringlog, "info", log, "--json"], stdout=subprocess.PIPE, check=True).stdout)
    verify = best["verify --jobs 1"]
    for name, seconds in best.items():
        rates = f"{info['bytes'] / seconds / 1e6:7.0f} MB/s  {info['events'] / seconds / 1e6:6.2f} M events/s"
        print(f"{name:<20} {seconds:7.2f} s  {rates}  {verify / seconds:5.2f} of verify  {memory[name]:5.0f} MiB")
    part, most = REPORT
    assert verify / best["report"] >= part, f"report has {verify / best['report']:.2f} of the rate of verify, not {part}"
    assert max(memory.values()) < most, f"{memory} MiB"


if __name__ == "__main__":
    main(*sys.argv[1:])
