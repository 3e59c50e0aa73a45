#!/usr/bin/env python3
"""Shows that every ordering of the ring and of the log's publication is needed: a model fails if it is weakened.

    loom-tests/mutants/run.py            runs the mutants and compares with the table in docs/orderings.md
    loom-tests/mutants/run.py --write    runs the mutants and writes the table

Makes a copy of the source that contains all mutants, switched off, and builds its models once. An environment variable
switches on one mutant at a time. For each it runs the model that the table names, then all models. A mutant that no
model notices is an error.
"""

import os
import re
import sys
from pathlib import Path

from swaps import SWAPS
from switched import ROOT, SWITCHES, KeptTable, build, change_source, crate_sources, how_it_failed, in_parallel, manifest
from switched import run_switched, write_copy

# The models' own target folder, so that their dependencies are not built again. git ignores it.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "loom-tests/target")).resolve()
COPY = TARGET / "mutants"
# The settings of loom-tests/.cargo/config.toml, which does not apply if the copy is outside of that folder.
SETTINGS = {
    "CARGO_TARGET_DIR": str(TARGET),
    "RUSTFLAGS": "--cfg ringlog_loom",
    "CARGO_PROFILE_TEST_OPT_LEVEL": "3",
}
# In seconds. Models take seconds; one that takes longer has not noticed the mutant.
TIME_LIMIT = 120

# A module that the copy gets in addition. (The model checker does not see std's cells.)
MUTANT_RS = f"""
extern crate std;

use crate::sync::Ordering;
{SWITCHES}
pub(crate) fn relaxed_by(number: usize, ordering: Ordering) -> Ordering {{
    if is(number) {{ Ordering::Relaxed }} else {{ ordering }}
}}

pub(crate) fn fence_less(number: usize, ordering: Ordering) {{
    if !is(number) {{
        crate::sync::fence(ordering);
    }}
}}

pub(crate) fn fence_weaker(number: usize, ordering: Ordering) -> Ordering {{
    if is(number) {{ Ordering::AcqRel }} else {{ ordering }}
}}
"""

FENCE = re.compile(r"\bfence\(Ordering::(Acquire|Release|AcqRel|SeqCst)\)")
ORDERING = re.compile(r"(?<!_)\bOrdering::(Acquire|Release|AcqRel|SeqCst)\b")


class Source:
    """The mutants in the copy: `mutants[n - 1]` is the (file, name) of number n."""

    def __init__(self):
        self.mutants = []

    def add(self, file, name):
        self.mutants.append((file, name))
        return len(self.mutants)

    def weaken(self, file, text):
        """Adds a switch at each ordering except Relaxed and at each fence, outside of comments and unit tests."""
        code, tests, rest = text.partition("#[cfg(test)]")
        function, lines, counts = "", [], {}
        if re.search(r"^(pub(?!\(crate\) mod tests)|impl|unsafe|fn|const|static)\b", rest, flags=re.M):
            sys.exit(f"{file}: code after the unit tests gets no mutants: move it before them")

        def named(what):
            """Names a site by its function, so that the table does not change when lines move."""
            counts[function, what] = counts.get((function, what), 0) + 1
            number = counts[function, what]
            return f"`{function}`: {what}" + (f", no. {number}" if number > 1 else "")

        def fence(found):
            kind = found[1]
            number = self.add(file, named(f"{kind} fence removed"))
            weaker = f"Ordering::{kind}"
            if kind == "SeqCst":
                weaker = f"crate::mutant::fence_weaker({self.add(file, named('SeqCst fence to AcqRel'))}, {weaker})"
            return f"crate::mutant::fence_less({number}, {weaker})"

        def ordering(found):
            number = self.add(file, named(f"{found[1]} to Relaxed"))
            return f"crate::mutant::relaxed_by({number}, {found[0]})"

        for line in code.splitlines(keepends=True):
            if not line.lstrip().startswith("//"):
                function = (re.findall(r"\bfn (\w+)", line) or [function])[0]
                if FENCE.search(line) and len(ORDERING.findall(line)) > 1:
                    sys.exit(f"{file}: a fence and an ordering on one line: {line}")
                line = FENCE.sub(fence, line) if FENCE.search(line) else ORDERING.sub(ordering, line)
            lines.append(line)
        return "".join(lines) + tests + rest


def make_copy():
    """Copies the two crates that the models need and adds all mutants."""
    sources = crate_sources("ringlog-nostd", "loom-tests")
    sources[Path("Cargo.toml")] = manifest(["ringlog-nostd", "loom-tests"], "mutants")
    folder, source = Path("ringlog-nostd/src"), Source()
    for name, file, old, new in SWAPS:
        change_source(sources, folder / file, name, old, new, f"crate::mutant::is({source.add(file, name)})")
    swaps = len(source.mutants)
    for path, text in sources.items():
        # Without the facade of the atomics: in the model it has no orderings, only comments about them.
        if path.suffix == ".rs" and folder in path.parents and path.name != "sync.rs":
            file = path.relative_to(folder).as_posix()
            sources[path] = source.weaken(file, text.decode()).replace("STRONG_", "Ordering::").encode()
    root = folder / "lib.rs"
    sources[root] = sources[root].replace(b"mod sync;", b"mod mutant;\nmod sync;", 1)
    sources[folder / "mutant.rs"] = MUTANT_RS.encode()
    write_copy(COPY, sources)
    return source.mutants, swaps


def models():
    """Builds the models of the copy and returns a program for each file of models."""
    artifacts = build(COPY / "loom-tests", SETTINGS)
    return {it["target"]["name"]: it["executable"] for it in artifacts if it["target"]["kind"] == ["test"]}


def run_models(program, number, *arguments):
    """Runs models, one after the other, with a mutant switched on. Returns `None` if they take too long."""
    return run_switched([program, "--test-threads", "1", *arguments], number, TIME_LIMIT)


def failed_models(program, number):
    """Returns the names of a program's models that fail with a mutant switched on, up to one that ends the program."""
    done = run_models(program, number)
    if done is None:
        return []
    # A deadlock ends the whole program. The last name in the output is that of the model that met it.
    return re.findall(r"^test (\w+)(?: - should panic)? \.\.\. (?!ok$)", done.stdout, flags=re.M)


def how_it_fails(program, number, model):
    """Returns how this model fails with a mutant switched on, or `None` if it does not."""
    done = run_models(program, number, "--nocapture", "--exact", model)
    return how_it_failed(done, [("Causality violation", "race"), ("deadlock", "deadlock")])


def killer(programs, number, expected):
    """Returns (file, model, how) of the first model that notices a mutant: the expected one, or any."""
    file, model = expected or (None, None)
    if file in programs:
        how = how_it_fails(programs[file], number, model)
        if how:
            return file, model, how
    for file, program in sorted(programs.items()):
        # The models of that file fail on purpose.
        if file != "race_is_seen":
            for model in failed_models(program, number):
                how = how_it_fails(program, number, model)
                if how:
                    return file, model, how
    return None


def main():
    kept = KeptTable("mutants")
    # A finder is (file of models, model).
    expected = {mutant: tuple(finder.split("::")) for mutant, finder in kept.finders().items()}
    mutants, swaps = make_copy()
    programs = models()
    for file, program in programs.items():
        if failed := failed_models(program, 0):
            sys.exit(f"{file}: fails without a mutant: {', '.join(failed)}")

    numbers = range(1, len(mutants) + 1)
    found = list(in_parallel(killer, [programs] * len(mutants), numbers, map(expected.get, mutants)))

    rows, survivors = [], 0
    # The orderings first.
    for (file, name), dead in sorted(zip(mutants[swaps:], found[swaps:])) + list(zip(mutants[:swaps], found[:swaps])):
        survivors += dead is None
        model, how = (f"`{dead[0]}::{dead[1]}`", dead[2]) if dead else ("none", "**survives**")
        rows.append([f"`{file}`", name, model, how])
    print(f"{len(mutants)} mutants, {survivors} survive")
    kept.compare(["file", "mutant", "model that fails", "how"], rows)
    if survivors:
        sys.exit("an ordering that no model needs, or a model that is missing")


main()
