#!/usr/bin/env python3
"""docs/unsafe.md lists every unsafe site of the libraries, and nothing else.

    unsafe_sites.py docs/unsafe.md            compares
    unsafe_sites.py docs/unsafe.md --print    the sites of the sources, in the document's form

A site is a function with unsafe blocks in it (and how many), an `unsafe fn`, or an `unsafe impl`. In the document
each is the first cell of a table row, under a heading that is the file's name: `| WriteEnd::write | 1 | ... |`.
"""
import re, sys
from pathlib import Path

LIBRARIES = ("ringlog-nostd/src", "ringlog-nostd/c/src", "ringlog-std/src", "ringlog-std/c/src", "ringlog-std/cli/src")
# Where unsafe is allowed at all.
FILES = {
    "ringlog-nostd/src/protocol/parts.rs", "ringlog-nostd/src/protocol/read_end.rs", "ringlog-nostd/src/protocol/write_end.rs",
    "ringlog-nostd/src/handle/foreign.rs", "ringlog-nostd/src/ring/memory.rs", "ringlog-nostd/src/ring/static_ring.rs", "ringlog-nostd/src/ring/model.rs",
    "ringlog-nostd/c/src/handles.rs", "ringlog-nostd/c/src/open_producer.rs", "ringlog-nostd/c/src/open_ring.rs",
    "ringlog-nostd/c/src/ring_functions.rs",
    "ringlog-nostd/c/src/producer_functions.rs", "ringlog-nostd/c/src/consumer_functions.rs",
    "ringlog-std/c/src/file_functions.rs", "ringlog-std/c/src/log_functions.rs",
    "ringlog-std/src/ring/heap.rs", "ringlog-std/src/ring/shared_memory.rs",
    "ringlog-std/src/os/mmap.rs", "ringlog-std/src/os/gate.rs", "ringlog-std/src/checksum/crc32c.rs",
}


def code_of(path):
    """The file without comments and without the contents of string literals; same lines."""
    text = re.sub(r"//[^\n]*", "", path.read_text())
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def sites(path):
    """Name of the site -> [unsafe blocks in it, what it is]."""
    found, owner, function = {}, "", ""
    for line in code_of(path).splitlines():
        if line.startswith("}"):
            owner = ""
        if head := re.match(r"(unsafe )?impl(<.*?>)? (?:([\w:]+)(?:<.*?>)? for )?([\w:]+)", line):
            owner, function = head[4], ""
            if head[1]:
                found[f"{head[3]} for {owner}"] = [0, "unsafe impl"]
        if head := re.search(r'\b(unsafe )?(?:extern "" )?fn (\w+)', line):
            function = f"{owner}::{head[2]}" if owner and line.startswith(" ") else head[2]
            if head[1]:
                # One name for two builds.
                function += " (2)" if function in found else ""
                found[function] = [0, "unsafe fn"]
        for _ in re.finditer(r"\bunsafe \{", line):
            found.setdefault(function, [0, "fn"])[0] += 1
    return found


def in_sources():
    all_sites = {}
    for library in LIBRARIES:
        for path in sorted(Path(library).rglob("*.rs")):
            found, name = sites(path), path.as_posix()
            words = len(re.findall(r"\bunsafe\b(?! *\()", code_of(path)))
            understood = sum(blocks + (what != "fn") for blocks, what in found.values())
            assert words == understood, f"{name}: {words} times `unsafe`, but {understood} sites are understood"
            assert name in FILES or not words, f"{name}: unsafe code outside the files that may have it"
            if found:
                all_sites[name] = found
    return all_sites


def in_document(document):
    all_sites, name = {}, None
    for line in Path(document).read_text().splitlines():
        if head := re.match(r"##+ `(.+\.rs)`", line):
            name = head[1]
            assert name not in all_sites, f"{name} has two headings"
            all_sites[name] = {}
        elif (row := re.match(r"\| `([^`]+)` \| (\d+|unsafe impl|unsafe fn(?:, \d+)?) \| (.+) \| (.+) \|$", line)) and name:
            assert row[1] not in all_sites[name], f"{name}: {row[1]} is listed twice"
            all_sites[name][row[1]] = row[2]
            for test in re.findall(r"`([\w/-]+/(?:tests|src)/[\w/.-]+)`", row[4]):
                assert Path(test).exists(), f"{name}: {row[1]} names {test}, which is not there"
    return all_sites


def written(blocks, what):
    if what == "unsafe impl":
        return what
    if what == "unsafe fn":
        return f"{what}, {blocks}" if blocks else what
    return str(blocks)


def main(document, *options):
    sources = {name: {site: written(*is_) for site, is_ in found.items()} for name, found in in_sources().items()}
    if "--print" in options:
        for name, found in sources.items():
            print(f"\n### `{name}`\n")
            for site, count in found.items():
                print(f"| `{site}` | {count} | | |")
        return
    listed = in_document(document)
    for name in sorted(sources.keys() | listed.keys()):
        here, there = sources.get(name, {}), listed.get(name, {})
        for site in sorted(here.keys() | there.keys()):
            assert site in there, f"{document} does not list {name}: {site} ({here[site]})"
            assert site in here, f"{document} lists {name}: {site}, which has no unsafe code"
            assert here[site] == there[site], f"{document} says {there[site]} of {name}: {site}, which has {here[site]}"
    count = sum(len(found) for found in sources.values())
    print(f"{count} unsafe sites in {len(sources)} files, all listed")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except AssertionError as error:
        sys.exit(f"unsafe_sites.py: {error}")
