#!/usr/bin/env python3
"""The questions of storage/tests/schedules and recorder/many/schedules.rs notice what they ask for: each change in changes.py makes one of them fail.

    .ci/schedules/run.py            checks, and that the table in docs/orderings.md says what was found
    .ci/schedules/run.py --write    checks, and writes the table
    .ci/schedules/run.py --all      prints every question that notices a change, not the first one only

Makes a copy of the source in which each change is there and switched off, builds its unit tests once, and asks for each
change, switched on by an environment variable, first the question that the table names, then all of them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from changes import CHANGES

sys.path.append(str(Path(__file__).resolve().parents[2] / "loom-tests/mutants"))
from switched import ROOT, SWITCHES, KeptTable, build, change_source, crate_sources, how_it_failed, in_parallel, manifest
from switched import run_switched, write_copy

# That of `.ci/run schedules`, so that what the tests depend on is not built again.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "schedules"
COPY = TARGET / "changed"
SETTINGS = {
    "CARGO_TARGET_DIR": str(TARGET),
    "RUSTFLAGS": "--cfg ringlog_shuttle",
    "CARGO_PROFILE_TEST_OPT_LEVEL": "1",
}
# Seconds. Questions take a few: one that takes longer has not noticed anything.
TIME_LIMIT = 600
# Of most questions; the table names them without it.
PREFIX = "storage::tests::schedules::"


def changed_sources():
    """{path: bytes} of the two libraries' files, with all changes in them."""
    sources = crate_sources("ringlog-nostd", "ringlog-std")
    source = Path("ringlog-std/src")
    storage = source / "storage"
    for number, change in enumerate(CHANGES, 1):
        for old, new, *file in change.edits:
            name = file[0] if file else change.file
            path = (source if name.startswith("recorder/") else storage) / name
            change_source(sources, path, change.name, old, new, f"crate::storage::switches::is({number})")
    sources[storage / "switches.rs"] = SWITCHES.encode()
    modules = storage / "mod.rs"
    sources[modules] = sources[modules].replace(b"mod error;", b"mod error;\npub(crate) mod switches;", 1)
    sources[Path("Cargo.toml")] = manifest(["ringlog-nostd", "ringlog-std"], "changed")
    return sources


def changed_program():
    """Builds the unit tests of the copy; returns the program."""
    artifacts = build(COPY, SETTINGS, "-p", "ringlog-std", "--lib", "--no-default-features")
    return next(it["executable"] for it in artifacts if "lib" in it["target"]["kind"])


def questions(program):
    listed = subprocess.run([program, "--list", "schedules::"], capture_output=True, text=True, check=True).stdout
    found = [it.removeprefix(PREFIX) for it in re.findall(r"^(\S+): test$", listed, flags=re.M)]
    if not found:
        sys.exit("there is no question")
    return found


def how_it_fails(program, number, question, orders):
    """How a question fails with a change switched on; `None` if it does not."""
    name = question if "::schedules::" in question else PREFIX + question
    command = [program, "--nocapture", "--exact", name]
    done = run_switched(command, number, TIME_LIMIT, RINGLOG_SCHEDULES=str(orders))
    return how_it_failed(done, [("deadlock!", "deadlock"), ("max_steps", "never ends")])


def noticed(program, number, asked, orders):
    """[(question, how)] of the first question that notices a change, or of all with `--all`."""
    found = []
    for question in asked:
        if how := how_it_fails(program, number, question, orders):
            found.append((question, how))
            if "--all" not in sys.argv[1:]:
                break
    return found


def main():
    kept = KeptTable("changes")
    expected = kept.finders()
    write_copy(COPY, changed_sources())
    program = changed_program()
    asked = questions(program)

    def look_at(numbered):
        number, change = numbered
        first = expected.get((change.file, change.name))
        # The likely one first.
        return noticed(program, number, sorted(asked, key=lambda question: question != first), change.orders)

    for question, how in zip(asked, in_parallel(lambda question: how_it_fails(program, 0, question, 100), asked)):
        if how:
            sys.exit(f"{question}: fails without a change: {how}")
    rows, found = [], []
    for change, by in zip(CHANGES, in_parallel(look_at, enumerate(CHANGES, 1))):
        print(f"{change.file}: {change.name}: {by or 'not noticed'}", flush=True)
        question, how = (f"`{by[0][0]}`", by[0][1]) if by else ("none", "**is not noticed**")
        rows.append([f"`{change.file}`", change.name, question, f"{change.orders:,}", how])
        found.append(by)
    survivors = found.count([])
    print(f"{len(CHANGES)} changes, {survivors} are not noticed")
    kept.compare(["file", "change", "question", "orders", "how"], rows)
    if survivors:
        sys.exit("a question is too weak, or asks in too few orders")


if __name__ == "__main__":
    main()
