"""Shared by run.py here and by .ci/schedules/run.py: one build of a copy with switched changes, runs of it, the kept table."""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs/orderings.md"
SWITCH = "RINGLOG_MUTANT"

# A function that the copy gets in addition: whether the change with this number is switched on.
SWITCHES = f"""
pub(crate) fn is(number: usize) -> bool {{
    static ON: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *ON.get_or_init(|| std::env::var("{SWITCH}").map_or(0, |number| number.parse().unwrap())) == number
}}
"""


def crate_sources(*crates):
    """Returns {path: bytes} of the files of these crates."""
    unwanted = {"target", "firmware", "mutants", ".cargo"}
    inside = [path.relative_to(ROOT) for crate in crates for path in sorted((ROOT / crate).rglob("*")) if path.is_file()]
    return {path: (ROOT / path).read_bytes() for path in inside if not unwanted & set(path.parts)}


def change_source(sources, path, name, old, new, switch):
    """Replaces a text that is in the file once. `MUTANT` in the new text becomes the call that asks the switch."""
    found = sources[path].count(old.encode())
    if found != 1:
        sys.exit(f"{name}: this text is {found} times in {path}, not once: {old}")
    sources[path] = sources[path].replace(old.encode(), new.replace("MUTANT", switch).encode())


def write_copy(copy, sources):
    """Writes what differs from the copy that is there, so that only that is built again."""
    sources[Path("Cargo.lock")] = (ROOT / "Cargo.lock").read_bytes()
    for path in list(copy.rglob("*")):
        if path.is_file() and path.relative_to(copy) not in sources:
            path.unlink()
    for inside, text in sources.items():
        path = copy / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != text:
            path.write_bytes(text)


def manifest(members, version):
    """Returns the workspace's manifest with only these members, marked by their version."""
    text = (ROOT / "Cargo.toml").read_text()
    text = re.sub(r"^members = .*", f"members = {json.dumps(members)}", text, flags=re.M)
    text = re.sub(r"^default-members = .*\n", "", text, flags=re.M)
    # To cargo these are other packages, so no other build in the same target folder uses a changed program.
    return re.sub(r'^version = "(.*)"', rf'version = "\1+{version}"', text, count=1, flags=re.M).encode()


def build(folder, settings, *arguments):
    """Builds the tests of a copy and returns cargo's message for each program."""
    command = ["cargo", "test", "--offline", "--no-run", *arguments, "--message-format", "json"]
    environment = {**os.environ, **settings}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    artifacts = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0:
        for artifact in artifacts:
            print(artifact.get("message", {}).get("rendered") or "", end="")
        sys.exit(f"{folder}: the changed copy does not build")
    return [artifact for artifact in artifacts if artifact.get("executable")]


def run_switched(command, number, time_limit, **settings):
    """Runs a program with this change switched on; 0 is none. Returns `None` if it takes longer, in seconds."""
    environment = {**os.environ, SWITCH: str(number), "RUST_BACKTRACE": "0", **settings}
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=time_limit
        )
    except subprocess.TimeoutExpired:
        return None


def how_it_failed(done, signs):
    """Returns the word for the first sign in the output of a program that failed; `None` if it did not fail in time."""
    if done is None or done.returncode == 0:
        return None
    output = done.stdout + done.stderr
    for sign, how in [*signs, ("panicked at", "assertion")]:
        if sign in output:
            return how
    sys.exit(f"{' '.join(map(str, done.args))}: fails in another way: {output[-2000:]}")


def in_parallel(function, *arguments):
    """Calls the function for each, on all processors. Gives the results in order, as they come."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(function, *arguments)


class KeptTable:
    """A table in docs/orderings.md, between two marks."""

    def __init__(self, mark):
        self.begin, self.end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->\n"
        before, begin, rest = TABLE.read_text().partition(self.begin)
        self.text, end, after = rest.partition(self.end)
        if not (begin and end):
            sys.exit(f"{TABLE}: the marks of the table are missing")
        self.before, self.after = before + begin, end + after

    def finders(self):
        """Returns {(file, change): what found it} for the changes that something found."""
        lines = self.text.splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        return {(row[0].strip("`"), row[1]): row[2].strip("`") for row in rows if "::" in row[2]}

    def compare(self, columns, rows):
        """Prints the table that was found. Writes it with `--write`, otherwise exits unless it is the kept one."""
        lines = ["---:" if column == "orders" else "---" for column in columns]
        found = f"| {' | '.join(columns)} |\n|{'|'.join(lines)}|\n"
        found += "".join(f"| {' | '.join(row)} |\n" for row in rows)
        print(found, end="")
        if "--write" in sys.argv[1:]:
            TABLE.write_text(self.before + found + self.after)
        elif found != self.text:
            sys.exit(f"{TABLE} differs from this table: update it with {sys.argv[0]} --write")
