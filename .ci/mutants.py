#!/usr/bin/env python3
"""What survived cargo-mutants against the arguments in docs/mutants.md.

    mutants.py DOCUMENT [--sample] MUTANTS.OUT...

A survivor is named by file and change, without line and column, which every edit moves. In the document each is the
first cell of a table row under a heading that is the file's name. With --sample, an argument for a mutant that was not
tried is no error.
"""
import re, sys
from collections import Counter
from pathlib import Path


def survivors(folders):
    found = Counter()
    for folder in folders:
        listed = Path(folder, "missed.txt").read_text().splitlines()
        tried = sum(len(Path(folder, f"{kind}.txt").read_text().splitlines()) for kind in ("caught", "missed", "timeout"))
        assert tried, f"{folder}: nothing was tried"
        print(f"{folder}: {tried} mutants, {len(listed)} survived")
        for line in listed:
            path, what = re.fullmatch(r"(\S+?\.rs):\d+:\d+: (.*)", line).groups()
            found[path, what] += 1
    return found


def argued(document):
    found, path = Counter(), None
    for line in Path(document).read_text().splitlines():
        if head := re.match(r"##+ `(.+\.rs)`", line):
            path = head[1]
        elif (row := re.match(r"\| `(.+?)`(?: × (\d+))? \| (.+) \|$", line)) and path:
            found[path, row[1].replace("\\|", "|")] += int(row[2] or 1)
    return found


def main(document, *arguments):
    alive, explained = survivors([name for name in arguments if name != "--sample"]), argued(document)
    unargued = alive - explained
    for (path, what), count in sorted(unargued.items()):
        print(f"survives, and is not argued: {path}: {what}" + (f" × {count}" if count > 1 else ""))
    dead = Counter() if "--sample" in arguments else explained - alive
    for path, what in sorted(dead):
        print(f"is argued, and does not survive: {path}: {what}")
    sys.exit(1 if unargued or dead else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
