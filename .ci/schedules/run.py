#!/usr/bin/env python3
"""The questions of storage/tests/schedules notice what they ask for: each change in changes.py makes one of them fail.

    .ci/schedules/run.py            checks, and that the table in docs/orderings.md says what was found
    .ci/schedules/run.py --write    checks, and writes the table
    .ci/schedules/run.py --all      prints every question that notices a change, not the first one only

Makes a copy of the source in which each change is there and switched off, builds its unit tests once, and asks for each
change, switched on by an environment variable, first the question that the table names, then all of them.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from changes import CHANGES

sys.path.append(str(Path(__file__).resolve().parents[2] / "loom-tests/mutants"))
from switched import ROOT, SWITCHES, KeptTable, build, manifest, switched_on

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
PREFIX = "storage::tests::schedules::"

def changed_sources():
    """{path: text} of the two libraries' files, with all changes in them."""
    sources = {}
    for crate in ("ringlog-nostd", "ringlog-std"):
        for path in (ROOT / crate).rglob("*"):
            inside = path.relative_to(ROOT)
            if path.is_file() and not {"target", "firmware"} & set(inside.parts):
                sources[inside] = path.read_bytes()
    storage = Path("ringlog-std/src/storage")
    for number, change in enumerate(CHANGES, 1):
        for old, new, *file in change.edits:
            path = storage / (file[0] if file else change.file)
            old, new = old.encode(), new.replace("MUTANT", f"crate::storage::switches::is({number})").encode()
            if sources[path].count(old) != 1:
                found = sources[path].count(old)
                sys.exit(f"changes.py: {change.name}: the text is {found} times in {path.name}: {old.decode()}")
            sources[path] = sources[path].replace(old, new)
    sources[storage / "switches.rs"] = SWITCHES.encode()
    modules = storage / "mod.rs"
    sources[modules] = sources[modules].replace(b"mod error;", b"mod error;\nmod switches;", 1)
    sources[Path("Cargo.toml")] = manifest(["ringlog-nostd", "ringlog-std"], "changed").encode()
    return sources


def make_copy():
    """Writes what differs from the copy that is there, so that only that is built again."""
    sources = changed_sources()
    for path in list(COPY.rglob("*")):
        if path.is_file() and path.relative_to(COPY) not in sources and path.name != "Cargo.lock":
            path.unlink()
    for inside, text in sources.items():
        path = COPY / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != text:
            path.write_bytes(text)
    if not (COPY / "Cargo.lock").exists() or (ROOT / "Cargo.lock").stat().st_mtime > (COPY / "Cargo.lock").stat().st_mtime:
        shutil.copy(ROOT / "Cargo.lock", COPY)


def changed_program():
    """Builds the unit tests of the copy; returns the program."""
    artifacts = build(COPY, SETTINGS, "-p", "ringlog-std", "--lib", "--no-default-features")
    return next(it["executable"] for it in artifacts if "lib" in it["target"]["kind"])


def questions(program):
    listed = subprocess.run([program, "--list", PREFIX], capture_output=True, text=True, check=True).stdout
    found = re.findall(rf"^{PREFIX}(\w+::\w+): test$", listed, flags=re.M)
    if not found:
        sys.exit("there is no question")
    return found


def how_it_fails(program, number, question, orders):
    """How a question fails with a change switched on; `None` if it does not."""
    command = [program, "--nocapture", "--exact", PREFIX + question]
    environment = switched_on(number, RINGLOG_SCHEDULES=str(orders))
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=TIME_LIMIT
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == 0:
        return None
    said = done.stdout + done.stderr
    for words, how in [("deadlock!", "deadlock"), ("max_steps", "never ends"), ("panicked at", "assertion")]:
        if words in said:
            return how
    sys.exit(f"{question}: fails in another way: {said[-2000:]}")


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
    make_copy()
    program = changed_program()
    asked = questions(program)

    def look_at(numbered):
        number, change = numbered
        first = expected.get((change.file, change.name))
        # The likely one first.
        return noticed(program, number, sorted(asked, key=lambda question: question != first), change.orders)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for question, how in zip(asked, pool.map(lambda question: how_it_fails(program, 0, question, 100), asked)):
            if how:
                sys.exit(f"{question}: fails without a change: {how}")
        found = []
        for change, by in zip(CHANGES, pool.map(look_at, enumerate(CHANGES, 1))):
            print(f"{change.file}: {change.name}: {by or 'not noticed'}", flush=True)
            found.append(by)

    rows = ["| file | change | question | orders | how |\n", "|---|---|---|---:|---|\n"]
    for change, by in zip(CHANGES, found):
        question, how = (f"`{by[0][0]}`", by[0][1]) if by else ("none", "**is not noticed**")
        rows.append(f"| `{change.file}` | {change.name} | {question} | {change.orders:,} | {how} |\n")
    survivors = found.count([])
    print(f"{len(CHANGES)} changes, {survivors} are not noticed")
    kept.settle("".join(rows))
    if survivors:
        sys.exit("a question is too weak, or asks in too few orders")


if __name__ == "__main__":
    main()
