#!/usr/bin/env python3
"""Runs `ringlog top` in tmux and compares what it shows with what happens to the log.

    .ci/top.py PROGRAM    PROGRAM is a `ringlog` that was built with the feature `top`
"""

import contextlib
import functools
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

PROGRAM = Path(sys.argv[1]).resolve()
SERVERS = itertools.count()
PATIENCE = 20.0
TYPES = ["1 order_add", "2 order_modify", "3 order_cancel", "4 trade", "5 quote"]


def tmux(server, *words):
    name = f"ringlog-top-{os.getpid()}-{server}"
    return subprocess.run(["tmux", "-L", name, "-f", "/dev/null", *words], check=True, capture_output=True, text=True).stdout


def columns(line):
    return sum(0 if unicodedata.combining(it) else 2 if unicodedata.east_asian_width(it) in "WF" else 1 for it in line)


class Missing(Exception):
    """A line is not on the screen yet."""


class Pane:
    """A shell in a pane of this size."""

    def __init__(self, width, height, environment=()):
        self.width, self.height = width, height
        # A server for each: one that ends still has its name for a moment.
        self.tmux = functools.partial(tmux, next(SERVERS))
        words = [word for pair in environment for word in ("-e", pair)]
        # The size of a window without a client stays as it is.
        self.tmux("new-session", "-d", "-x", str(width), "-y", str(height), *words, "env PS1='$ ' sh")
        self.tmux("set-option", "-g", "window-size", "manual")
        self.tmux("resize-window", "-x", str(width), "-y", str(height))
        self.wait(lambda lines: lines[0] == "$", "a prompt")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def top(self, *words):
        """Starts `top`; the pane has its exit code when it has ended."""
        self.keys(f"clear; echo before; {shlex.join([str(PROGRAM), 'top', *map(str, words)])}; echo exit $?", "Enter")

    def lines(self, *options):
        lines = self.tmux("capture-pane", "-p", *options).split("\n")[: self.height]
        if not options:
            wide = [line for line in lines if columns(line) > self.width]
            assert not wide, f"wider than {self.width} columns: {wide}"
        return [line.rstrip() for line in lines]

    def wait(self, is_there, what=""):
        """Waits until the lines are as they should be, and returns them."""
        end = time.monotonic() + PATIENCE
        while True:
            lines = self.lines()
            with contextlib.suppress(Missing):
                if is_there(lines):
                    return lines
            assert time.monotonic() < end, f"{what or is_there}: not on the screen:\n" + "\n".join(lines)
            time.sleep(0.1)

    def wait_for(self, *parts):
        return self.wait(lambda lines: any(all(it in line for it in parts) for line in lines), parts)

    def ended(self, code, *parts):
        """`top` has ended with this code, and the terminal is as it was."""
        lines = self.wait_for(f"exit {code}")
        assert any(line == "before" for line in lines), lines
        text = "".join(lines)
        assert all(it in text for it in parts), (parts, lines)
        assert self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").strip() == "0 1", "the terminal is not restored"
        self.keys("stty -a | tr ' ' '\\n' | grep -x -e icanon -e echo", "Enter")
        self.wait(lambda lines: "icanon" in lines and "echo" in lines, "line editing and echo")

    def close(self):
        self.tmux("kill-server")


@contextlib.contextmanager
def pane(*size, **options):
    shown = Pane(*size, **options)
    try:
        yield shown
    finally:
        shown.close()


@contextlib.contextmanager
def serving(*words):
    service = subprocess.Popen([PROGRAM, "serve", *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield service
    finally:
        if service.poll() is None:
            service.send_signal(signal.SIGTERM)
        service.wait()


def place_of(lines, beginning):
    for at, line in enumerate(lines):
        if line.startswith(beginning):
            return at
    raise Missing(beginning)


def row(lines, name):
    """The numbers of a row of the table: now, 10 s, 1 min, 5 min; None for what is not known yet."""
    line = lines[place_of(lines, name)]
    words = line[len(name) :].replace(",", "").replace("~", "").split("  ")
    scale = {"k": 1e3, "M": 1e6, "G": 1e9}
    numbers = []
    for word in (it.strip() for it in words):
        if word == "-":
            numbers.append(None)
        elif found := re.fullmatch(r"([\d.]+)(?: ([kMG]))?", word):
            numbers.append(float(found[1]) * scale.get(found[2], 1))
    return numbers[:4]


def shows_rates(lines):
    rate = row(lines, "all records")[0]
    return rate and 15_000 < rate < 25_000 and all(row(lines, name)[0] for name in TYPES)


def events(lines):
    return [line for line in lines[place_of(lines, "last events") + 1 : -1] if line and not line.startswith("q quit")]


def sizes(folder):
    log = folder / "log"
    with serving("--rate", "20k", "--log", log, "--sync", "1s"):
        until(lambda: any(log.glob("*.evtl")))
        for size in [(80, 24), (200, 50)]:
            with pane(*size) as shown:
                shown.top(log)
                lines = shown.wait(shows_rates, "rates of all types")
                sum_of_types = sum(row(lines, name)[0] for name in TYPES)
                assert 0.8 < sum_of_types / row(lines, "all records")[0] < 1.2, lines
                assert lines[size[1] - 1].startswith("q quit"), lines
                shown.wait_for("writer", "(ringlog) is writing")
                shown.wait_for("disk", "free of", "full in")
                assert len(events(lines)) >= 3 and all("  " in it for it in events(lines)), lines
                pauses(shown)
                filters(shown)
                helps(shown)
                resizes(shown)
                shown.keys("q")
                shown.ended(0)
            print(f"{size[0]}x{size[1]}: rates, pause, filter, one type, help, another size, q")
    with pane(80, 24) as shown:
        shown.top(log)
        shown.wait_for("writer", "closed at record")
        shown.wait_for("all", "bytes are on the disk")
        shown.keys("C-c")
        shown.ended(0)
    print("a closed log, Ctrl-C")


def pauses(shown):
    shown.keys("p")
    paused = shown.wait_for("PAUSED")
    time.sleep(2.5)
    assert shown.lines() == paused, "numbers change on a paused screen"
    shown.keys("p")
    shown.wait(lambda lines: "PAUSED" not in lines[0] and lines != paused, "numbers that change again")


def filters(shown):
    shown.keys("/")
    shown.wait_for("filter: _")
    shown.type("trade.price > 0 && event_typo > 3")
    shown.keys("Enter")
    shown.wait_for("--where")
    # It can be corrected, and its letters are no commands.
    shown.type("p")
    shown.wait_for("filter: trade.price > 0 && event_typo > 3p_")
    assert "PAUSED" not in shown.lines()[0], "a letter of the filter is a command"
    shown.keys("C-u")
    shown.type("trade.price > 0")
    shown.keys("Enter")
    lines = shown.wait(lambda it: len(events(it)) > 2 and all("  trade  " in line for line in events(it)), "trades alone")
    assert any("last events where trade.price > 0" in line for line in lines)
    shown.wait(lambda it: row(it, "4 trade")[0] and row(it, "all records")[0], "the rate of trades, and of all")
    shown.keys("/", "C-u", "Enter")
    shown.wait(shows_rates, "rates of all types after the filter")
    shown.keys("Down", "t")
    shown.wait(lambda it: len(events(it)) > 2 and all("  order_add  " in line for line in events(it)), "the marked type")
    shown.wait_for("1 order_add*")
    shown.keys("Escape")
    shown.wait(lambda it: any("  quote  " in line for line in events(it)), "all types again")


def helps(shown):
    shown.keys("?")
    shown.wait_for("pause the screen")
    shown.keys("x")
    shown.wait(lambda it: not any("pause the screen" in line for line in it), "no help")


def resizes(shown):
    before = shown.width, shown.height
    for shown.width, shown.height in [(60, 18), (120, 40), before]:
        shown.tmux("resize-window", "-x", str(shown.width), "-y", str(shown.height))
        shown.wait(lambda lines: lines[shown.height - 1].startswith("q quit") and "ringlog top" in lines[0], "another size")


def grows(folder):
    """A screen that grew while `top` ran leaves nothing of it beside what the shell had shown."""
    with pane(80, 24) as shown:
        shown.keys("seq 100", "Enter")
        shown.wait_for("100")
        shown.type(f"{PROGRAM} top {folder / 'log'}; echo exit $?")
        shown.keys("Enter")
        shown.wait_for("writer", "closed at record")
        shown.width, shown.height = 200, 50
        shown.tmux("resize-window", "-x", "200", "-y", "50")
        shown.wait(lambda lines: lines[49].startswith("q quit"), "another size")
        shown.keys("q")
        lines = shown.wait_for("exit 0")
        left = [line for line in lines if re.search(r"order_add|all records|writer|last events", line)]
        assert not left, left
    print("a screen that grew")


def endings(folder):
    log = folder / "killed"
    with serving("--rate", "20k", "--log", log) as service:
        until(lambda: any(log.glob("*.evtl")))
        with pane(80, 24, environment=["NO_COLOR=1"]) as shown:
            shown.top(log, "--interval", "200ms", "--type", "trade")
            shown.wait(lambda it: row(it, "4 trade")[0], "a rate")
            colours = re.findall(r"\x1b\[[\d;]*\b(?:3[1-7]|9[0-7]|38)\b[\d;]*m", "\n".join(shown.lines("-e")))
            assert not colours, colours
            service.kill()
            service.wait()
            shown.wait_for("writer", "ended without closing the log")
            shown.wait(lambda it: row(it, "all records")[0] == 0, "no rate")
            segment = max(log.glob("*.evtl"))
            segment.write_bytes(b"no segment" * 100)
            shown.wait_for("problem", segment.name[:8])
            os.kill(top_process(shown), signal.SIGTERM)
            shown.ended(0)
    with pane(80, 24) as shown:
        shown.top(folder / "missing")
        shown.ended(1, "there is no such log yet")
    words = [PROGRAM, "top", log]
    refused = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and f"ringlog tail --follow {log}" in refused.stderr and not refused.stdout, refused
    print("a killed writer, a damaged segment, SIGTERM, NO_COLOR; no log, no terminal")


def loses_its_terminal(log):
    """One that no terminal shows any more ends: it would read the end of its input for ever."""
    shown = Pane(80, 24)
    shown.top(log)
    shown.wait_for("ringlog top")
    pid = top_process(shown)
    shown.close()
    until(lambda: not os.path.exists(f"/proc/{pid}"))
    print("a terminal that is gone")


def top_process(shown):
    shell = shown.tmux("display-message", "-p", "#{pane_pid}").strip()
    return int(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0])


def rings(folder):
    log, ring = folder / "log", folder / "ring"
    with serving("--ring", ring, "--log", folder / "from-ring", "--ring-size", "1MiB"):
        until(ring.exists)
        feed = subprocess.Popen([PROGRAM, "replay", log, "--to", f"ring:{ring}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with pane(80, 24) as shown:
                shown.top(ring)
                lines = shown.wait_for("ring", "% of 1.0 MiB")
                assert any(line.startswith("types") and "order_add" in line for line in lines), lines
                shown.wait(lambda it: re.search(r"written +[1-9][\d.]* [KM]i", "\n".join(it)), "bytes a second")
                shown.wait_for("producer", "(ringlog)")
                shown.wait_for("consumer", "(ringlog)")
                shown.wait_for("unread", "lost 0")
                shown.keys("q")
                shown.ended(0)
                shown.top(folder / "from-ring", "--ring", ring)
                shown.wait_for("ring", "% of 1.0 MiB")
                shown.wait(lambda it: row(it, "1 order_add")[0], "the log beside its ring")
                shown.keys("q")
                shown.ended(0)
        finally:
            feed.kill()
            feed.wait()
    print("a ring, and a log with its ring")


def full_speed(folder):
    """The screen must not take the processors from the log: its share is printed."""
    log = folder / "fast"
    with serving("--rate", "max", "--log", log, "--keep-bytes", "1GiB"):
        until(lambda: any(log.glob("*.evtl")))
        with pane(80, 24) as shown:
            shown.top(log)
            shown.wait(lambda it: (row(it, "all records")[0] or 0) > 100_000, "a rate")
            process = top_process(shown)
            before, started = processor_seconds(process), time.monotonic()
            time.sleep(4)
            share = (processor_seconds(process) - before) / (time.monotonic() - started)
            lines = shown.wait(lambda it: row(it, "all records")[1], "a rate of 10 seconds")
            rate = row(lines, "all records")[1]
            shown.keys("q")
            shown.ended(0)
    sample = next((line for line in lines if line.startswith("sample")), "all were read")
    print(f"{rate:,.0f} records a second take {share:.0%} of a processor; {sample}")
    assert share < 0.5, "top takes too much of a processor"


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(is_true):
    end = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sizes(folder)
        grows(folder)
        endings(folder)
        loses_its_terminal(folder / "killed")
        rings(folder)
        full_speed(folder)


main()
