#!/usr/bin/env python3
"""Counts instructions for one event, written and read on one thread, and compares them with a table.

    counts.py check DOCUMENT PROGRAM C   this project's rows only: fails where a count has grown by more than 3 %
                                         or where a struct takes more than its bytes do
    counts.py write DOCUMENT PROGRAM C   all rings: measures and writes the table between its two marks

PROGRAM is the `count` of the benchmarks, C that of ringlog-nostd/c/tests/count.c. Each runs a loop a given number of times; valgrind's callgrind counts the instructions of
two lengths of it, and their difference is what the loop costs, exactly, no matter what else the program does.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

FROM_C = "ringlog, from C"
RINGS = [
    "ringlog", "ringlog, structs", "ringlog, their bytes", FROM_C, "rtrb, chunks of bytes", "nexus-logbuf", "bbqueue, framed", "rtrb, slots", "ringbuf, slots",
    "heapless, slots", "gil, slots", "disruptor, slots",
]
# This project's, which are checked.
OWN = RINGS[:4]
PAYLOADS = [16, 64, 256, 1024]
WAYS = {"single": "one by one", "batch": "batches of 64"}
SHORT, LONG = 6400, 12800
MOST_GROWTH = 1.03
BEGIN, END = "<!-- counts -->\n", "<!-- end of counts -->"


def instructions(programs, ring, payload, way, events):
    program = programs[ring == FROM_C]
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, ring, str(payload), way]
    done = subprocess.run([*command, str(events)], capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        sys.exit(f"counts.py: {ring}, {payload} bytes, {way}: no count\n{done.stderr[-2000:]}")
    return int(found[1])


def per_event(programs, ring, payload, way):
    counts = [instructions(programs, ring, payload, way, events) for events in (SHORT, LONG)]
    return (counts[1] - counts[0]) / (LONG - SHORT)


def rows(text):
    """The table's counts by ring, way and payload."""
    counts = {}
    for line in text.split(BEGIN)[1].split(END)[0].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 2 + len(PAYLOADS) and cells[0] in RINGS:
            for payload, count in zip(PAYLOADS, cells[2:]):
                counts[cells[0], cells[1], payload] = float(count)
    return counts


def skip(check, reason):
    """Says that a check cannot run here, for .ci/run to count."""
    print(f"skipped: {check}: {reason}")
    if path := os.environ.get("RINGLOG_SKIPS"):
        with open(path, "a", encoding="utf-8") as skips:
            print(f"{check}: {reason}", file=skips)


def compiler():
    return " ".join(subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[:2])


def processor():
    return re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))[1].strip()


def check(document, *programs):
    text = Path(document).read_text(encoding="utf-8")
    counted_with = re.search(r"Counted with (rustc \d+\.\d+\.\d+)", text)[1]
    if counted_with != compiler():
        skip("counts", f"the table is of {counted_with}, this is {compiler()}")
        return
    wanted = rows(text)
    # Longer payloads are copied by the C library, which chooses its way by the processor.
    same_processor = re.search(r"on an (.+?)\. Longer", text)[1] == processor()
    if not same_processor:
        skip("counts-long", "another processor than the table's: payloads of more than 64 bytes are counted and not judged")
    grown, dearer = [], []
    for way, name in WAYS.items():
        for payload in PAYLOADS:
            counts = {}
            for ring in OWN:
                known = wanted[ring, name, payload]
                count = counts[ring] = per_event(programs, ring, payload, way)
                print(f"{ring}, {name}, {payload} bytes: {count:.1f} instructions, {known:.1f} in the table")
                if count > known * MOST_GROWTH and (same_processor or payload <= 64):
                    grown.append((ring, name, payload))
            # A tenth: what the table shows.
            if counts["ringlog, structs"] > counts["ringlog, their bytes"] + 0.1:
                dearer.append((name, payload))
    if grown:
        sys.exit(f"counts.py: more than 3 % more instructions than in {document}: {grown}")
    if dearer:
        sys.exit(f"counts.py: a struct takes more instructions than its bytes: {dearer}")


def write(document, *programs):
    lines = ["| ring | | " + " | ".join(f"{payload} B" for payload in PAYLOADS) + " |", "|---" * (2 + len(PAYLOADS)) + "|"]
    for way, name in WAYS.items():
        for ring in RINGS:
            counts = [per_event(programs, ring, payload, way) for payload in PAYLOADS]
            lines.append(f"| {ring} | {name} | " + " | ".join(f"{count:.1f}" for count in counts) + " |")
            print(lines[-1], flush=True)
    text = Path(document).read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    Path(document).write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    {"check": check, "write": write}[sys.argv[1]](*sys.argv[2:])
