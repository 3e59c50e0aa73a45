#!/usr/bin/env python3
"""Makes ringlog-std/c/include/ringlog.h by cbindgen, or compares it.

    c_header.py CBINDGEN           writes the header
    c_header.py CBINDGEN --check   fails if the header in the tree is another one
"""
import re, subprocess, sys
from pathlib import Path

PACKAGE = Path("ringlog-nostd/c")
HEADER = Path("ringlog-std/c/include/ringlog.h")


def made(cbindgen):
    command = [cbindgen, "--quiet", "--config", "ringlog-std/c/cbindgen.toml", "--lockfile", "Cargo.lock", PACKAGE]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # cbindgen writes negative numbers bare, which `-RINGLOG_E_FULL` would not survive.
    text = re.sub(r"^(#define \w+) (-\d+)$", r"\1 (\2)", text, flags=re.M)
    return re.sub(r"\n{3,}", "\n\n", text)


def main(cbindgen, *options):
    text = made(cbindgen)
    if "--check" not in options:
        HEADER.write_text(text)
    elif HEADER.read_text() != text:
        sys.exit(f"{HEADER} is not what cbindgen makes of the sources: run `.ci/run c-header`")
    functions = len(re.findall(r"^[a-z].*\bringlog_\w+\(", text, flags=re.M))
    print(f"{HEADER}: {functions} functions")


if __name__ == "__main__":
    main(*sys.argv[1:])
