#!/usr/bin/env python3
"""Kills `ringlog backup`, `restore` and `prune` at any point. What is there verifies, and running them again completes it: then a
backup is the log, byte for byte, and a pruned log is the end of what it was.

    keeping.py kills RINGLOG FOLDER KILLS
    keeping.py size RINGLOG LOG FOLDER MOST      a compressed backup of LOG takes at most MOST of the bytes of its records

RINGLOG has the feature `zstd`.
"""
import json, random, shutil, signal, subprocess, sys, time
from pathlib import Path

# Many small files, so that a kill comes between two of them, or in one.
SEGMENTS = ["--segment-size", "64KiB"]


def run(*command, code=0):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == code, f"{command}: exit code {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def files(folder):
    """The content of each file of a folder, without its cache and what has no name yet."""
    found = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return {path.name: path.read_bytes() for path in found}


class Killer:
    """Starts a command, and kills it after a part of the time that it took the last time."""

    def __init__(self, dice):
        self.dice, self.seconds, self.killed = dice, {}, 0

    def __call__(self, *command):
        name = command[1]
        before = time.monotonic()
        child = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            code = child.wait(self.dice.uniform(0, self.seconds.get(name, 0.05)))
            # It was faster: the next one has less time.
            self.seconds[name] = 0.9 * self.seconds.get(name, 0.05)
            assert code == 0, f"{command}: exit code {code}"
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            self.killed += 1
            self.seconds[name] = max(1.1 * self.seconds.get(name, 0.05), 0.005)
        return time.monotonic() - before


class Kills:
    def __init__(self, ringlog, folder, kills):
        self.ringlog, self.folder, self.kills = ringlog, Path(folder), int(kills)
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        self.dice = random.Random(seed)
        self.kill = Killer(self.dice)
        self.log = self.folder / "log"
        self.compared = 0

    def record(self, size):
        run(self.ringlog, "serve", "--feed", "demo", "--rate", "max", "--log", self.log, "--max-bytes", size, *SEGMENTS)

    def holds(self, log):
        """What is there verifies; before the first file there is nothing."""
        if any(path.name.endswith((".evtl", ".evtl.zst")) for path in log.glob("*")):
            run(self.ringlog, "verify", log)

    def backed_up(self, options):
        """Completes a backup and compares all of it with the log."""
        backup = self.folder / ("zstd" if "--zstd" in options else "plain")
        run(self.ringlog, "backup", self.log, backup, *options)
        kept = json.loads(run(self.ringlog, "backup", self.log, backup, *options, "--json"))
        assert kept["copied_files"] == kept["linked_files"] == 0, f"a second backup copies: {kept}"
        if "--zstd" in options:
            restored = self.folder / "restored"
            self.kill(self.ringlog, "restore", backup, restored)
            # It is there as a whole or not at all.
            if not restored.exists():
                run(self.ringlog, "restore", backup, restored)
            backup = restored
        log, copy = files(self.log), files(backup)
        # What the log has not any more is in the backup still.
        older = {name for name in copy if name < min(log)} if "--mirror" not in options else set()
        assert {name: copy[name] for name in copy.keys() - older} == log, f"{backup} is not the log"
        left = [*backup.glob(".copy-*"), *self.folder.glob(".restored.*")]
        assert not left, f"left: {left}"
        shutil.rmtree(self.folder / "restored", ignore_errors=True)
        self.compared += 1

    def of_backups(self, options):
        backup = self.folder / ("zstd" if "--zstd" in options else "plain")
        self.kill(self.ringlog, "backup", self.log, backup, *options)
        self.holds(backup)
        if self.dice.random() < 0.3:
            self.backed_up(options)
            if self.dice.random() < 0.3:
                shutil.rmtree(backup)

    def of_prune(self):
        pruned = self.folder / "pruned"
        shutil.rmtree(pruned, ignore_errors=True)
        shutil.copytree(self.log, pruned)
        before = files(pruned)
        command = [self.ringlog, "prune", pruned, "--keep-files", "3"]
        for _ in range(3):
            self.kill(*command)
            self.holds(pruned)
        run(*command)
        run(self.ringlog, "verify", pruned)
        left = files(pruned)
        left.pop("writer")
        names = sorted(name for name in before if name.endswith(".evtl"))
        assert sorted(left) == names[-len(left):], f"{sorted(left)} of {names}"
        assert len(left) <= 3 and all(before[name] == content for name, content in left.items())

    def of_a_log_at_work(self, kills):
        shutil.rmtree(self.folder / "plain", ignore_errors=True)
        command = [self.ringlog, "serve", "--feed", "demo", "--rate", "50k", "--log", self.log, "--sync", "64KiB", *SEGMENTS]
        with open(self.folder / "said", "wb") as said:
            recorder = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            for _ in range(kills):
                self.of_live_backup()
                time.sleep(self.dice.uniform(0, 0.03))
        finally:
            recorder.send_signal(signal.SIGINT)
            assert recorder.wait(60) == 0, (self.folder / "said").read_text()
        self.backed_up([])

    def of_live_backup(self):
        backup = self.folder / "plain"
        self.kill(self.ringlog, "backup", self.log, backup)
        self.holds(backup)
        if self.dice.random() < 0.3:
            run(self.ringlog, "backup", self.log, backup)
            self.holds(backup)

    def main(self):
        self.record("2MiB")
        kinds = [lambda: self.of_backups([]), lambda: self.of_backups(["--zstd"]), lambda: self.of_backups(["--mirror"]), self.of_prune]
        for at in range(self.kills):
            self.dice.choice(kinds)()
            if at % 10 == 9:
                self.record("300KiB")
            if at % 50 == 49:
                # From here on the backups have more than the log.
                self.backed_up([])
                self.backed_up(["--zstd"])
                run(self.ringlog, "prune", self.log, "--keep-files", "20")
        self.backed_up([])
        self.backed_up(["--zstd"])
        self.of_a_log_at_work(max(self.kills // 3, 10))
        print(f"{self.kill.killed} kills, {self.compared} backups compared with their log")
        assert self.kill.killed >= self.kills // 3 and self.compared > 2


def size(ringlog, log, folder, most):
    log, folder = Path(log), Path(folder)
    done = json.loads(run(ringlog, "backup", log, folder, "--zstd", "--json"))
    records = json.loads(run(ringlog, "info", log, "--json"))["bytes"]
    share = done["bytes"] / records
    print(f"compressed backup: {done['bytes']:,} bytes of {records:,} in records, {share:.3f}")
    assert share <= float(most), f"{share:.3f} is more than {most}"
    run(ringlog, "verify", folder)
    restored = folder.with_name(folder.name + "-restored")
    run(ringlog, "restore", folder, restored)
    assert files(restored) == files(log), "the restored log is another"


if __name__ == "__main__":
    try:
        {"kills": lambda *words: Kills(*words).main(), "size": size}[sys.argv[1]](*sys.argv[2:])
    except AssertionError as error:
        sys.exit(f"keeping.py: {error}")
