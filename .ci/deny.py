#!/usr/bin/env python3
"""Licences, sources and names of all crates in a build, by `cargo metadata` and deny.toml; and docs/dependencies.md.

    .ci/deny.py                checks
    .ci/deny.py --self-test    plants a licence, a source, a name and rows, and fails unless each is refused
"""
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/dependencies.md"
MOST_CRATES_OF_THE_CORE = 8
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def is_allowed(expression, allowed):
    """Whether the licences of an SPDX expression that somebody may choose are all allowed."""
    tokens = re.findall(r"\(|\)|[^\s()/]+|/", expression)
    at = 0

    def either():
        nonlocal at
        found = both()
        while at < len(tokens) and tokens[at] in ("OR", "/"):
            at += 1
            found = both() or found
        return found

    def both():
        nonlocal at
        found = one()
        while at < len(tokens) and tokens[at] == "AND":
            at += 1
            found = one() and found
        return found

    def one():
        nonlocal at
        token, at = tokens[at], at + 1
        if token == "(":
            found, at = either(), at + 1
            return found
        if at < len(tokens) and tokens[at] == "WITH":
            token, at = f"{token} WITH {tokens[at + 1]}", at + 2
        return token in allowed

    return either()


def faults_of_packages(packages, rules):
    """What is wrong with the crates of a build, one line each."""
    allowed, banned = set(rules["licenses"]["allow"]), {it["crate"] for it in rules["bans"]["deny"]}
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if package["name"] in banned:
            yield f"{name}: banned by deny.toml"
        if package["source"] is None:
            if not Path(package["manifest_path"]).is_relative_to(ROOT):
                yield f"{name}: a path outside of this repository, {package['manifest_path']}"
        elif package["source"] != REGISTRY:
            yield f"{name}: from {package['source']}, which is not the registry"
        if not package["license"]:
            yield f"{name}: no licence in its manifest"
        elif not is_allowed(package["license"], allowed):
            yield f"{name}: the licence {package['license']} is not allowed by deny.toml"


def direct(packages):
    """The crates that published packages name, with these packages; and those of tests and benchmarks alone."""
    own = {package["name"] for package in packages if package["source"] is None}
    shipped, others = {}, set()
    for package in packages:
        if package["source"] is not None:
            continue
        for needed in package["dependencies"]:
            if needed["name"] in own:
                continue
            if package["publish"] != [] and needed["kind"] != "dev":
                shipped.setdefault(needed["name"], set()).add(package["name"])
            else:
                others.add(needed["name"])
    return shipped, others - shipped.keys()


def faults_of_document(text, shipped, others):
    """Where docs/dependencies.md differs from the manifests."""
    main, _, tests = text.partition("\n## Tests and benchmarks alone\n")
    rows = {}
    for name, packages in re.findall(r"^\| `([^`]+)` \| (.+?) \|", main, re.M):
        if name in rows:
            yield f"{name}: two rows"
        # A feature of a package is in brackets.
        rows[name] = set(re.findall(r"`([^`]+)`", re.sub(r"\([^)]*\)", "", packages)))
    listed = {name for row in re.findall(r"^\| (`.+?) \|", tests, re.M) for name in re.findall(r"`([^`]+)`", row)}
    for name in sorted(rows.keys() | shipped.keys()):
        if rows.get(name) != shipped.get(name):
            yield f"{name}: docs/dependencies.md has {sorted(rows.get(name, []))}, the manifests {sorted(shipped.get(name, []))}"
    for name in sorted(listed ^ others):
        yield f"{name}: {'not' if name in others else 'only'} in docs/dependencies.md, for tests and benchmarks"


def crates_of_the_core():
    lines = cargo("tree", "--locked", "-p", "ringlog-nostd", "--edges", "normal", "--prefix", "none").splitlines()
    return sorted({line.split()[0] for line in lines if line.strip()})


def check(packages, rules, text, core):
    faults = [*faults_of_packages(packages, rules), *faults_of_document(text, *direct(packages))]
    if len(core) > MOST_CRATES_OF_THE_CORE:
        faults.append(f"the core needs {len(core)} crates, at most {MOST_CRATES_OF_THE_CORE} are allowed: {', '.join(core)}")
    return faults


def self_test(packages, rules, text, core):
    def plant(changes, *, document=text, crates=core):
        changed = [package | changes if package["name"] == "crc" else package for package in packages]
        return check(changed, rules, document, crates)

    assert not check(packages, rules, text, core), "something is wrong already: run this without --self-test"
    planted = [
        plant({"license": "GPL-3.0-only"}), plant({"license": "MIT AND SSPL-1.0"}), plant({"license": None}),
        plant({"source": "git+https://example.org/crc"}), plant({"name": "openssl-sys"}),
        plant({"source": None, "manifest_path": "/elsewhere/Cargo.toml"}),
        plant({}, document=text.replace("| `quanta` |", "| `quantum` |")), plant({}, document=text.replace("`tempfile`", "`tempdir`")),
        plant({}, document=text.replace("`ringlog-std`, `ringlog-cli` |", "`ringlog-std` |", 1)), plant({}, crates=[*core, "one", "more"]),
    ]
    for number, faults in enumerate(planted):
        assert faults, f"planted fault {number} was not noticed"
    assert is_allowed("MIT OR GPL-3.0-only", {"MIT"}) and is_allowed("(MIT OR X) AND Y", {"MIT", "Y"}) and not is_allowed("MIT AND X", {"MIT"})
    print(f"{len(planted)} planted faults, all noticed")


def main():
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    everything = packages, rules, DOCUMENT.read_text(), crates_of_the_core()
    if sys.argv[1:] == ["--self-test"]:
        return self_test(*everything)
    faults = check(*everything)
    print("\n".join(faults) or f"{len(packages)} crates in all, {len(everything[3])} in the core: licences, sources and rows are right")
    return bool(faults)


sys.exit(main())
