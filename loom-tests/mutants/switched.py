"""What run.py here and .ci/schedules/run.py share: changes that are switched on in one build of a copy, and the kept table."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs/orderings.md"
SWITCH = "RINGLOG_MUTANT"

# What the copy gets besides: whether the change of a number is switched on.
SWITCHES = f"""
pub(crate) fn is(number: usize) -> bool {{
    static ON: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *ON.get_or_init(|| std::env::var("{SWITCH}").map_or(0, |number| number.parse().unwrap())) == number
}}
"""


def manifest(members, version):
    """The workspace's, of these members only, whose version says what they are."""
    text = (ROOT / "Cargo.toml").read_text()
    text = re.sub(r"^members = .*", f"members = {json.dumps(members)}", text, flags=re.M)
    text = re.sub(r"^default-members = .*\n", "", text, flags=re.M)
    # To cargo these are then other packages: no other build in the same target folder ever finds a changed program.
    return re.sub(r'^version = "(.*)"', rf'version = "\1+{version}"', text, count=1, flags=re.M)


def build(folder, settings, *arguments):
    """Builds the tests of a copy; returns what cargo says of each program."""
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
    """The environment of a program in which this change is switched on; 0 is none."""
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
        """{(file, change): what found it}, where something did."""
        lines = self.text.splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        return {(row[0].strip("`"), row[1]): row[2].strip("`") for row in rows if "::" in row[2]}

    def settle(self, found):
        """Prints the table that was found; writes it with `--write`, else it has to be the kept one."""
        print(found, end="")
        if "--write" in sys.argv[1:]:
            TABLE.write_text(self.before + found + self.after)
        elif found != self.text:
            sys.exit(f"{TABLE} says something else: {sys.argv[0]} --write")
