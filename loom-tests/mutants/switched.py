"""Shared by run.py here and by .ci/schedules/run.py: one build of a copy with switched changes, and the kept table."""

import json
import os
import re
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


def manifest(members, version):
    """Returns the workspace's manifest with only these members, marked by their version."""
    text = (ROOT / "Cargo.toml").read_text()
    text = re.sub(r"^members = .*", f"members = {json.dumps(members)}", text, flags=re.M)
    text = re.sub(r"^default-members = .*\n", "", text, flags=re.M)
    # To cargo these are other packages, so no other build in the same target folder uses a changed program.
    return re.sub(r'^version = "(.*)"', rf'version = "\1+{version}"', text, count=1, flags=re.M)


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


def switched_on(number, **settings):
    """Returns the environment of a program in which this change is switched on. 0 is none."""
    return {**os.environ, SWITCH: str(number), "RUST_BACKTRACE": "0", **settings}


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

    def settle(self, found):
        """Prints the table that was found. Writes it with `--write`, otherwise exits unless it is the kept one."""
        print(found, end="")
        if "--write" in sys.argv[1:]:
            TABLE.write_text(self.before + found + self.after)
        elif found != self.text:
            sys.exit(f"{TABLE} differs from this table: update it with {sys.argv[0]} --write")
