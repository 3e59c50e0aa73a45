#!/usr/bin/env python3
"""Makes ringlog-std/c/include/ringlog.h by cbindgen, or compares it.

    c_header.py CBINDGEN           writes the header
    c_header.py CBINDGEN --check   fails if the header in the tree is another one
"""
import re, subprocess, sys
from pathlib import Path

PACKAGE = Path("ringlog-std/c")
HEADER = Path("ringlog-std/c/include/ringlog.h")


def made(cbindgen):
    command = [cbindgen, "--quiet", "--config", PACKAGE / "cbindgen.toml", "--lockfile", "Cargo.lock", PACKAGE]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # cbindgen writes negative numbers bare, which `-RINGLOG_E_FULL` would not survive.
    text = re.sub(r"^(#define \w+) (-\d+)$", r"\1 (\2)", text, flags=re.M)
    return in_order(re.sub(r"\n{3,}", "\n\n", text))


def in_order(text):
    """The core first: its codes and functions are those that every program needs."""
    blocks = text.split("\n\n")
    constants = [at for at, it in enumerate(blocks) if re.search(r"^#define RINGLOG_[A-Z_]+ \(?-?\d+\)?$", it, flags=re.M)]
    functions = [at for at, it in enumerate(blocks) if re.search(r"^[A-Za-z].*\bringlog_\w+\(", it, flags=re.M)]
    for places, later in ((constants, r"^#define RINGLOG_V(?!ERSION)"), (functions, r"\bringlog_(last_error|is_transient|file_\w+|log_\w+)\(")):
        ordered = sorted((blocks[at] for at in places), key=lambda it: re.search(later, code_of(it), flags=re.M) is not None)
        for at, block in zip(places, ordered):
            blocks[at] = block
    return "\n\n".join(blocks)


def code_of(block):
    return re.sub(r"^//.*\n", "", block, flags=re.M)


def main(cbindgen, *options):
    text = made(cbindgen)
    if "--check" not in options:
        HEADER.write_text(text)
    elif HEADER.read_text() != text:
        sys.exit(f"{HEADER} is not what cbindgen makes of the sources: run `.ci/run c-header`")
    functions = len(re.findall(r"^[A-Za-z].*\bringlog_\w+\(", text, flags=re.M))
    print(f"{HEADER}: {functions} functions")


if __name__ == "__main__":
    main(*sys.argv[1:])
