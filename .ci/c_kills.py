#!/usr/bin/env python3
"""Kills a producer in C again and again while `ringlog serve --ring` records, sometimes the recorder too. Then each published
event is in the log once, in order, and no other is.

    c_kills.py RINGLOG PRODUCER FOLDER KILLS
"""
import json, os, random, signal, struct, subprocess, sys, time
from pathlib import Path


def kill_loop(ringlog, producer, folder, kills):
    ring, log = folder / "events.ring", folder / "log"
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    said = folder / "said"

    def record():
        # What it says is of no interest unless it fails.
        with open(said, "wb") as output:
            return subprocess.Popen([ringlog, "serve", "--ring", ring, "--log", log], stdout=output, stderr=output)

    recorder = record()
    progress, recorders_killed = [], 0
    for run in range(kills):
        path = folder / f"progress-{run}"
        path.write_bytes(bytes(16))
        child = subprocess.Popen([producer, ring, str(run), path])
        time.sleep(dice.uniform(0.005, 0.06))
        assert child.poll() is None, f"the producer of run {run} ended with {child.returncode}"
        if dice.random() < 0.2:
            recorder.kill()
            recorder.wait()
            recorder = record()
            recorders_killed += 1
        child.kill()
        child.wait()
        progress.append(struct.unpack("<QQ", path.read_bytes()))
    # Before it says so, a signal ends it like any program.
    while "stops at Ctrl-C" not in said.read_text() and recorder.poll() is None:
        time.sleep(0.01)
    recorder.send_signal(signal.SIGTERM)
    assert recorder.wait(60) == 0, f"the recorder ended with {recorder.returncode}: {said.read_text()}"
    return log, progress, recorders_killed


def numbers(ringlog, log, runs):
    """How many events of each run there are. They are in order, and their tails fit."""
    found, last = [0] * runs, 0
    with subprocess.Popen([ringlog, "cat", log, "--format", "json"], stdout=subprocess.PIPE) as cat:
        for line in cat.stdout:
            event = json.loads(line)
            assert "gap" not in event, f"a GAP record: {event}"
            run, number = event["fields"]["run"], event["fields"]["number"]
            tail = bytes.fromhex(event["fields"]["tail"])
            assert run >= last, f"run {run} after run {last}"
            assert number == found[run], f"event {number} of run {run} where {found[run]} should be"
            assert tail == bytes([number % 251]) * (number % 200), f"event {number} of run {run}: {tail}"
            assert event["timestamp"] == number and event["type"] == "step", f"{event}"
            found[run], last = number + 1, run
    assert cat.returncode == 0
    return found


def main(ringlog, producer, folder, kills):
    folder, kills = Path(folder), int(kills)
    log, progress, recorders_killed = kill_loop(ringlog, producer, folder, kills)
    found = numbers(ringlog, log, kills)
    for run, ((certain, possible), there) in enumerate(zip(progress, found)):
        assert certain <= there <= max(certain, possible), f"run {run}: {there} events, {certain} to {possible} were published"
    assert sum(found) > kills, "hardly anything was written"
    print(f"{kills} kills of the producer, {recorders_killed} of the recorder: {sum(found)} events, each once")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except AssertionError as error:
        sys.exit(f"c_kills.py: {error}")
