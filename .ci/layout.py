#!/usr/bin/env python3
"""Which folder may import which: compares the imports of the libraries with the map in docs/design.md.

Fails also on the name of a Rust file in docs/design.md that no file of the repository ends with.

    .ci/layout.py            checks
    .ci/layout.py --edges    prints each import between two files
    .ci/layout.py --self-test    plants an upward import, a circle and a wrong name, and fails unless all are found

The map lists the folders of each library from the lowest up. A file may import from its own folder and from those above
its own in the list. No two files import each other, not even through others. Unit tests may import what they like.
"""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAP = ROOT / "docs/design.md"
ROW = re.compile(r"^\| `(ringlog-\w+(?:/\w+)?/src/[^`]*)` \|", re.M)
NAMED_FILE = re.compile(r"`([\w/.-]+\.rs)`")
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|r#*".*?"#*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'', re.S)
TEST_MODULE = re.compile(r"#\[cfg\((?:all\()?test\b[^\]]*\]\s*(?:pub(?:\([^)]*\))? )?mod \w+ (?=\{)")
TEST_STATEMENT = re.compile(r"#\[cfg\((?:all\()?test\b[^\]]*\]\s*[^;{]*;")
TEST_FILE = re.compile(r"#\[cfg\((?:all\()?(?:test|doctest)\b[^\]]*\]\s*(?:#\[path[^\]]*\]\s*)?(?:pub(?:\([^)]*\))? )?mod (\w+);")
REEXPORT = re.compile(r"\bpub(?:\([^)]*\))? use ([^;]+);")
USE = re.compile(r"\buse ([^;]+);")
# A path after `$` is the macro's, for other crates. Macros are at the root: their calls import no file.
PATH = re.compile(r"(?<![\w:$])(?<!#\[)(?:crate|self|super)(?:::\w+)+\b(?!!|::)")


def without_tests(text):
    """The source without comments, texts and unit tests."""
    text = TEST_STATEMENT.sub("", NOISE.sub(" ", text))
    while found := TEST_MODULE.search(text):
        depth, end = 0, text.index("{", found.end() - 1)
        for end in range(end, len(text)):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if depth == 0:
                break
        text = text[: found.start()] + text[end + 1 :]
    return text


def expanded(tree):
    """The paths of a `use` tree."""
    tree = re.sub(r"\s+", " ", tree).strip()
    brace = tree.find("{")
    if brace < 0:
        return [tree.split(" as ")[0].strip()]
    parts, depth, part = [], 0, ""
    for letter in tree[brace + 1 : tree.rindex("}")]:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [tree[:brace].strip() + path for it in [*parts, part] if it.strip() for path in expanded(it)]


class Library:
    """The files of one library, and what each of them imports."""

    def __init__(self, src):
        self.src = src
        names = [path.relative_to(ROOT / src) for path in sorted((ROOT / src).rglob("*.rs"))]
        self.files = {self.module_of(it): it for it in names if it.parts[0] != "bin"}
        tests = {(*m, name) for m, it in self.files.items() for name in TEST_FILE.findall((ROOT / src / it).read_text())}
        self.files = {m: it for m, it in self.files.items() if not any(m[:n] in tests for n in range(len(m) + 1))}
        self.text = {m: without_tests((ROOT / src / it).read_text()) for m, it in self.files.items()}
        self.reexports = {module: self.reexports_of(module) for module in self.files}

    @staticmethod
    def module_of(file):
        parts = file.with_suffix("").parts
        return parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts

    def absolute(self, path, module):
        """The words of a path from the library's root; None for other libraries."""
        words = path.split("::")
        if words[0] == "crate":
            return tuple(words[1:])
        at = list(module)
        if words[0] not in ("self", "super"):
            return (*module, *words) if (*module, words[0]) in self.files else None
        for number, word in enumerate(words):
            if word == "super":
                at = at[:-1]
            elif word != "self":
                return (*at, *words[number:])
        return tuple(at)

    def reexports_of(self, module):
        paths = (path for tree in REEXPORT.findall(self.text[module]) for path in expanded(tree))
        found = (self.absolute(path, module) for path in paths)
        return {it[-1]: it for it in found if it and it[:-1] != module}

    def module_of_item(self, path):
        """The module that holds what a path names."""
        for length in range(len(path), -1, -1):
            module, rest = path[:length], path[length:]
            if module not in self.files:
                continue
            if rest and rest[0] in self.reexports[module]:
                return self.module_of_item((*self.reexports[module][rest[0]], *rest[1:]))
            return module
        return ()

    def imports(self):
        """Pairs of files: who imports whom."""
        for module, text in self.text.items():
            if self.files[module].name in ("lib.rs", "mod.rs"):
                text = REEXPORT.sub("", text)
            trees = [path for tree in USE.findall(text) for path in expanded(tree)]
            rest = USE.sub("", text)
            for path in {*trees, *PATH.findall(rest)}:
                words = self.absolute(path, module)
                target = self.module_of_item(words) if words else module
                if target != module:
                    yield module, target


def folder_of(src, file):
    """The folder of a file; that above it for a `mod.rs` that has only tests beside it, as it is a file with a folder's name."""
    folder = file.parent
    if file.name == "mod.rs" and all(it.name in ("mod.rs", "tests.rs") for it in (ROOT / src / folder).iterdir()):
        folder = folder.parent
    return f"{src}/" if folder == Path() else f"{src}/{folder.as_posix()}/"


def rank(place, order):
    """The line of the map for a file: the file itself where it is listed, otherwise its folder."""
    return next((order.index(it) for it in place if it in order), None)


def upward(library, order):
    for module, target in sorted(set(library.imports())):
        files = [library.files[it] for it in (module, target)]
        ranks = [rank((f"{library.src}/{it}", folder_of(library.src, it)), order) for it in files]
        for it, found in zip(files, ranks):
            if found is None:
                yield f"{library.src}/{it}: its folder has no line in {MAP.relative_to(ROOT)}"
        if None not in ranks and ranks[1] > ranks[0]:
            yield f"{library.src}/{files[0]} imports {files[1]}, which is above it"


def circles(library):
    """Groups of files that reach each other by imports (Tarjan, 1972)."""
    graph = defaultdict(set)
    for module, target in library.imports():
        graph[module].add(target)
    index, low, stack, on_stack, counter = {}, {}, [], set(), [0]

    def visit(node):
        index[node] = low[node] = counter[0]
        counter[0] += 1
        stack.append(node)
        on_stack.add(node)
        for target in graph[node]:
            if target not in index:
                yield from visit(target)
                low[node] = min(low[node], low[target])
            elif target in on_stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
                on_stack.discard(group[-1])
            if len(group) > 1:
                yield group

    for node in sorted(graph):
        if node not in index:
            yield from visit(node)


def unknown_names(text):
    """The Rust files that a document names and git does not have."""
    files = subprocess.run(["git", "ls-files", "*.rs"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    ends = ["/" + it for it in files.splitlines()]
    return [name for name in NAMED_FILE.findall(text) if not any(it.endswith("/" + name) for it in ends)]


def self_test(order):
    """Each kind of fault, planted into what was read of the core and of the document, is found."""
    library = Library("ringlog-nostd/src")
    wanted = "ringlog-nostd/src/format/header.rs imports handle/producer.rs, which is above it"
    assert wanted not in list(upward(library, order)), "the import is there already"
    library.text["format", "header"] += "use crate::handle::producer::Producer;"
    assert wanted in list(upward(library, order)), "an upward import is not found"
    assert any(("format", "header") in group for group in circles(library)), "a circle is not found"
    assert unknown_names("`read/follow/successor.rs` and `no_such_file.rs`") == ["no_such_file.rs"]
    print("a planted upward import, a planted circle and a planted wrong name are found")


def main(*options):
    order = ROW.findall(MAP.read_text())
    if "--self-test" in options:
        return self_test(order)
    faults = []
    for src in ("ringlog-nostd/src", "ringlog-std/src", "ringlog-std/cli/src"):
        library = Library(src)
        edges = sorted(set(library.imports()))
        if "--edges" in options:
            for module, target in edges:
                print(f"{src}/{library.files[module]} -> {library.files[target]}")
        faults += sorted(set(upward(library, [it for it in order if it.startswith(src)])))
        for group in circles(library):
            faults.append(f"{src}: import each other: " + ", ".join(sorted(str(library.files[it]) for it in group)))
        print(f"{src}: {len(library.files)} files, {len(edges)} imports")
    faults += [f"{MAP.relative_to(ROOT)} names {it}, which is no file" for it in unknown_names(MAP.read_text())]
    for fault in faults:
        print(fault)
    if faults:
        sys.exit(f"{len(faults)} faults: an import against the order of {MAP.relative_to(ROOT)}, or a wrong name in it")


if __name__ == "__main__":
    main(*sys.argv[1:])
