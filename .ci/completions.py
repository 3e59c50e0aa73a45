#!/usr/bin/env python3
"""Types part of a command line in bash and zsh, presses <TAB> in tmux, and looks at what the shell makes of it.

    .ci/completions.py PROGRAM
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = Path(sys.argv[1]).resolve()
PATIENCE = 20.0
# What is typed, and what the line is after one <TAB>. An option with one meaning, a command, a word of a list, a file.
CASES = [
    ("ringlog sal", "ringlog salvage"),
    ("ringlog verify --js", "ringlog verify --json"),
    ("ringlog tail --foll", "ringlog tail --follow"),
    ("ringlog export --to parq", "ringlog export --to parquet"),
    ("ringlog info only-on", "ringlog info only-one.evtl"),
]
SHELLS = {
    "bash": ("bash --norc --noprofile -i", "source ./ringlog.bash"),
    "zsh": ("zsh -f -i", "fpath=($PWD $fpath); autoload -U compinit; compinit -u -d ./dump"),
}


def tmux(name, *words):
    return subprocess.run(["tmux", "-L", name, "-f", "/dev/null", *words], check=True, capture_output=True, text=True).stdout


def wait(name, is_there, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        screen = tmux(name, "capture-pane", "-p").rstrip("\n")
        if is_there(screen):
            return
        time.sleep(0.05)
    sys.exit(f"{name}: {what} is not on the screen after {PATIENCE:.0f} s:\n{screen}")


def complete(shell, folder):
    name = f"ringlog-complete-{shell}-{os.getpid()}"
    command, setup = SHELLS[shell]
    environment = f"cd {folder} && exec env PATH={folder}:$PATH PS1='$ ' PROMPT='$ ' HOME={folder}"
    tmux(name, "new-session", "-d", "-x", "120", "-y", "40", f"{environment} {command}")
    try:
        wait(name, lambda screen: screen.endswith("$"), "a prompt")
        tmux(name, "send-keys", "-l", f"PS1='$ '; {setup}; echo rea''dy")
        tmux(name, "send-keys", "Enter")
        wait(name, lambda screen: "\nready\n" in screen, "the end of the preparations")
        for typed, expected in CASES:
            tmux(name, "send-keys", "C-u")
            tmux(name, "send-keys", "-l", typed)
            wait(name, lambda screen: screen.splitlines()[-1] == f"$ {typed}", "what was typed")
            tmux(name, "send-keys", "Tab")
            wait(name, lambda screen: screen.splitlines()[-1].rstrip() == f"$ {expected}", expected)
            print(f"{shell}: {typed}<TAB> {expected}")
    finally:
        tmux(name, "kill-server")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "ringlog").symlink_to(PROGRAM)
        (folder / "only-one.evtl").write_bytes(b"")
        for shell, file in [("bash", "ringlog.bash"), ("zsh", "_ringlog")]:
            (folder / file).write_bytes(subprocess.run([PROGRAM, "completions", shell], check=True, capture_output=True).stdout)
        for shell in SHELLS:
            complete(shell, folder)


main()
