#!/usr/bin/env python3
"""Compares this tree with an earlier commit: runs the benchmark program of both in turn, round by round.

    .ci/run against COMMIT [ROUNDS] [arguments of `compare`, default: log]
    .ci/run against COMMIT [ROUNDS] evicted [arguments of `evicted`]

Prints, for each row that both programs have, the median time of each and the median of the rounds' ratios with its
quartiles: how many times as fast this tree is. A round is one run of each program, one right after the other, and which is
first alternates. The machine may get slower or faster between rounds; the ratios of rounds do not care. `evicted` is a
program by itself: a commit that does not have it builds this tree's.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def build(folder, target, name):
    """Builds the benchmark program of this name, of the tree in `folder`."""
    source = Path("benches/src/bin") / f"{name}.rs"
    if not (Path(folder) / source).exists():
        shutil.copy(source, Path(folder) / source)
    command = ["cargo", "build", "--release", "-q", "-p", "ringlog-benches", "--bin", name, "--target-dir", target]
    print("+", *command, f"(in {folder})", flush=True)
    subprocess.run(command, cwd=folder, check=True)
    return Path(target) / "release" / name


def measure(program, arguments, scratch):
    """Runs one round. Returns nanoseconds per event by table and row, and what was read from the disk if that is known."""
    report = Path(scratch) / "report.json"
    command = [program, *arguments, "--rounds", "1", "--json", report]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = json.loads(report.read_text())
    figures = {}
    for table in found["tables"]:
        for row in table["rows"]:
            if row["rounds"]:
                # Rows that are a limit of the machine had the same name without that word before.
                name = row["name"].removeprefix("limit: ")
                figures[table["title"], name] = row["nanoseconds_per_event"]
    return figures, found.get("disk_read_bytes")


def quartiles(numbers):
    if len(numbers) < 2:
        return numbers[0], numbers[0]
    first, _, third = statistics.quantiles(numbers, n=4, method="inclusive")
    return first, third


def main():
    commit, rest = sys.argv[1], sys.argv[2:]
    rounds = int(rest.pop(0)) if rest and rest[0].isdigit() else 15
    arguments = rest or ["log"]
    name = "compare"
    if arguments[0] == "evicted":
        name = arguments.pop(0)
    target = Path(subprocess.run(["bash", "-c", "realpath -m ${CARGO_TARGET_DIR:-target}"], check=True,
                                 capture_output=True, text=True).stdout.strip())
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", tree, commit], check=True)
        try:
            old = build(tree, target / "against", name)
            kept = Path(scratch) / "old"
            kept.write_bytes(old.read_bytes())
            kept.chmod(0o755)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], check=True)
        new = build(".", target, name)
        pairs, reads = [], []
        for number in range(rounds):
            order = [kept, new] if number % 2 == 0 else [new, kept]
            found = {program: measure(program, arguments, scratch) for program in order}
            pairs.append((found[kept][0], found[new][0]))
            reads.append((found[kept][1], found[new][1]))
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    names = [name for name in pairs[0][1] if name in pairs[0][0]]
    for title in dict.fromkeys(title for title, _ in names):
        print(f"\n### {title}, against {commit}\n")
        print("| | then, ns | now, ns | times as fast | quartiles |\n|---|---|---|---|---|")
        for key in (name for name in names if name[0] == title):
            then, now = [pair[0][key] for pair in pairs], [pair[1][key] for pair in pairs]
            ratios = [before / after for before, after in zip(then, now)]
            first, third = quartiles(ratios)
            print(f"| {key[1]} | {statistics.median(then):.1f} | {statistics.median(now):.1f} "
                  f"| {statistics.median(ratios):.2f} | {first:.2f} to {third:.2f} |")
    known = [pair for pair in reads if None not in pair]
    if known:
        then, now = [statistics.median(column) / 1e6 for column in zip(*known)]
        print(f"\nRead from the disk during a round: {then:.1f} MB then, {now:.1f} MB now (medians).")


if __name__ == "__main__":
    main()
