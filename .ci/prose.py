#!/usr/bin/env python3
"""Counts phrases that the prose of this project avoids, in everything that git tracks.

    .ci/prose.py                checks all of it
    .ci/prose.py PATH...        checks these files and folders
    .ci/prose.py --self-test    plants phrases, and fails unless exactly those in prose are found

Prose is all of a document, and of a source its comments and string literals. Names do not count: neither words that are
part of an identifier nor what is in backticks. Files of data and licences are left out. `.ci/prose.allowed` has the
exceptions, one a line: path | phrase | reason. An exception that allows nothing is an error.
"""

import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = ROOT / ".ci/prose.allowed"

# What to say instead is after the phrase.
PHRASES = {
    r"behind": "after (time), past (place)",
    r"tells?|told": "reports, says, notes, knows",
    r"stands?|stood": "is at, is in",
    r"whoever|whatever|whichever": "anyone, all that, any",
    r"so many": "how many, this number",
    r"(?:go(?:es)?|went) on": "continues",
    r"(?:is|are) to be": "must, will",
    r"in one hand": "in one place",
    r"of its own": "its own",
    r"made[- ]up": "simulated, generated",
    r"(?-i:Has) the [^.?]{1,60} done": "subject, verb, object",
}
PATTERN = re.compile(r"\b(?:%s)\b" % "|".join(it.replace(" ", r"\s+") for it in PHRASES), re.I)

DATA = re.compile(r"(^|/)(LICENSE-\w+|\.gitignore|Cargo\.lock)$|\.(svg|png|pcapng|evtl)$|/data/v1/")
CODE_SPAN = re.compile(r"`[^`\n]+`")
# A value in a format string.
PLACEHOLDER = re.compile(r"\{[^{}\n]*\}")
RUST = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|r(?P<hash>\#*)"(?P<raw>.*?)"(?P=hash)|"(?P<string>(?:\\.|[^"\\])*)"|'(?:\\.|[^'\\])'""",
    re.S,
)
LEADER = re.compile(r"^([ \t]*)(//[/!]?|\#+)(?=\s|$)", re.M)


def blank(text, mark="\0"):
    """As many marks, on as many lines."""
    return re.sub(r"[^\n]", mark, text)


def rust_prose(text):
    """The source, with its code blanked out."""
    prose, at = [], 0
    for found in RUST.finditer(text):
        kind = next((it for it in ("comment", "raw", "string") if found[it] is not None), None)
        start, end = found.span(kind) if kind else (found.end(), found.end())
        prose += [blank(text[at:start]), text[start:end]]
        at = end
    return "".join([*prose, blank(text[at:])])


def python_prose(text):
    lines = text.splitlines(keepends=True)
    kept = [blank(line) for line in lines]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or tokenize.tok_name[token.type] in ("STRING", "FSTRING_MIDDLE"):
            for row in range(token.start[0] - 1, token.end[0]):
                first = token.start[1] if row == token.start[0] - 1 else 0
                last = token.end[1] if row == token.end[0] - 1 else len(lines[row])
                kept[row] = kept[row][:first] + lines[row][first:last] + kept[row][last:]
    return "".join(kept)


def prose(name, text):
    source = {".rs": rust_prose, ".py": python_prose}.get(Path(name).suffix)
    if source:
        text = PLACEHOLDER.sub(lambda found: blank(found[0]), source(text))
    text = CODE_SPAN.sub(lambda found: blank(found[0]), text)
    return LEADER.sub(lambda found: " " * len(found[0]), text)


def phrases(name, text):
    """(line, phrase, the line's text) of each phrase in the prose of a file."""
    lines = text.splitlines()
    searched = prose(name, text)
    for found in PATTERN.finditer(searched):
        line = searched.count("\n", 0, found.start())
        yield line + 1, " ".join(found[0].lower().split()), lines[line].strip()


def tracked(paths):
    listed = subprocess.run(["git", "ls-files", "-z", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and not DATA.search(name) and (ROOT / name).is_file()]


def exceptions():
    rows = [line.split(" | ") for line in ALLOWED.read_text().splitlines() if line and not line.startswith("#")]
    for row in rows:
        if len(row) != 3 or not all(row):
            sys.exit(f"{ALLOWED.name}: not `path | phrase | reason`: {' | '.join(row)}")
    return {(path, phrase): False for path, phrase, _ in rows}


def check(paths):
    allowed, counts = exceptions(), Counter()
    names = tracked(paths)
    for name in names:
        for line, phrase, text in phrases(name, (ROOT / name).read_text()):
            key = next((it for it in ((name, phrase), (name, "*")) if it in allowed), None)
            if key:
                allowed[key] = True
                continue
            counts[phrase] += 1
            print(f"{name}:{line}: {phrase}: {text}")
    unused = [] if paths else [" | ".join(key) for key, used in allowed.items() if not used]
    for key in unused:
        print(f"{ALLOWED.name}: allows nothing: {key}")
    print(f"{len(names)} files, {counts.total()} phrases", *(f"{number} {phrase}" for phrase, number in counts.most_common()), sep="; ")
    if counts or unused:
        sys.exit("say it in plain words: .ci/prose.py has the phrases and what to say instead")


def self_test():
    planted = {
        "a.rs": ('/// The place\n/// goes\n/// on `behind` it.\nfn behind() { say("it is told"); told(r#"stands"#, \'"\'); } // so many\n',
                 ["goes on", "told", "stands", "so many"]),
        "a.py": ('"""Whatever."""\nbehind = f"made-up {told}"  # tells\n', ["whatever", "made-up", "tells"]),
        "a.md": ("It is to\nbe. `a_test: whoever` a_test_of_its_own\n", ["is to be"]),
        "run": ("# a folder of its own\n", ["of its own"]),
    }
    for name, (text, wanted) in planted.items():
        found = [phrase for _, phrase, _ in phrases(name, text)]
        assert found == wanted, f"{name}: {found} instead of {wanted}"
    print("planted phrases are found, and names are not")


if __name__ == "__main__":
    self_test() if sys.argv[1:] == ["--self-test"] else check(sys.argv[1:])
