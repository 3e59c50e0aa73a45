#!/usr/bin/env python3
"""Changes to how a log is shipped, each of which was seen to lose or double events: a named test notices each of them.

    .ci/ship_mutants.py FOLDER    FOLDER must not exist: the sources are copied there, and changed there

Built into $CARGO_TARGET_DIR, or target.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHIP = "ringlog-std/src/ship"

# What is broken, the test that must fail, and (file, text, replacement) of each edit.
MUTANTS = [
    ("no expectation header", "publishes_that_come_after_the_end_was_read_again_take_no_place",
     [("jetstream.rs", '"Nats-Expected-Last-Sequence"', '"Nats-Nothing"')]),
    ("pipelining at once after a refusal", "after_a_refusal_one_run_goes_alone_again",
     [("window.rs", "self.is_open = false;", "self.is_open = true;")]),
    ("runs cut at the watermark", "what_is_durable_now_does_not_decide_where_a_run_ends",
     [("runs.rs", "{ Cut::Nothing } else { Cut::Short }", "{ Cut::Nothing } else { Cut::Whole(self.take()) }")]),
    ("resume by direct get", "the_end_is_read_from_the_leader",
     [("jetstream.rs", '"STREAM.MSG.GET"', '"DIRECT.GET"')]),
    ("cursor moved on acknowledgement", "the_cursor_waits_for_the_hold_and_what_the_server_lost_in_it_is_sent_again",
     [("shipper.rs", "let hold = self.pace.hold + HOLD_STEP;", "let hold = Duration::ZERO;")]),
    ("shipping past the watermark", "nothing_is_sent_that_is_not_durable",
     [("runs.rs", "{ end } else { header.synced_offset.min(end) }", "{ end } else { end }")]),
    ("resuming from a local file", "a_shipper_resumes_where_the_stream_ends_and_not_where_the_cursor_is",
     [("shipper.rs", "let next = self.runs.next_sequence();",
       "if self.state.cursor > 0 { self.runs.go_to_segment(self.state.cursor); } let next = self.runs.next_sequence();")]),
    ("a late acknowledgement counted", "an_outcome_of_a_run_that_was_given_up_means_nothing",
     [("window.rs", "if token < self.first_token {", "if token > u64::MAX - 1 {"),
      ("window.rs", "if first.token == token && first.position == *position", "if first.position == *position")]),
]  # fmt: skip


def main(folder):
    copy = Path(folder)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
    changed = subprocess.run(["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                             capture_output=True).stdout.decode().split("\0")  # fmt: skip
    for name in filter(None, changed):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    environment = dict(os.environ, CARGO_TARGET_DIR=os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target")))

    def test(name):
        words = ["cargo", "test", "-q", "-p", "ringlog-std", "--features", "nats", "--lib", name]
        done = subprocess.run(words, cwd=copy, env=environment, capture_output=True, text=True)
        if "error: could not compile" in done.stderr:
            sys.exit(f"does not compile: {done.stderr[-3000:]}")
        return done

    whole = test("ship::")
    assert whole.returncode == 0 and " 0 passed" not in whole.stdout, f"the tests fail without a change: {whole.stdout[-3000:]}"
    survived = 0
    for what, name, edits in MUTANTS:
        kept = {}
        for file, text, replacement in edits:
            path = copy / SHIP / file
            source = path.read_text()
            kept.setdefault(path, source)
            assert source.count(text) == 1, f"{what}: {file} has {text!r} {source.count(text)} times"
            path.write_text(source.replace(text, replacement))
        done = test(name)
        is_noticed = done.returncode != 0 and f"{name} ... FAILED" in done.stdout or f"::{name}\n" in done.stdout
        print(f"{'noticed' if is_noticed else 'SURVIVES'}: {what} ({name})", flush=True)
        survived += not is_noticed
        for path, source in kept.items():
            path.write_text(source)
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
