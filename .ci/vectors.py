#!/usr/bin/env python3
"""Holds readers to the frozen vectors of version 1 of the format.

    .ci/vectors.py frozen                  the committed vectors are those of their list and of their script
    .ci/vectors.py ringlog PROGRAM         `cat`, `verify`, `info`, `cursors` and `recover-image`, in a copy
    .ci/vectors.py python READER           docs/reader.py
    .ci/vectors.py node READER             the reader in JavaScript, which also reads cursors, an index and a ring
    .ci/vectors.py c READER                the reader in C, compiled; for single files
    .ci/vectors.py kaitai MODULE_FOLDER    the description for Kaitai Struct, compiled to Python; for files that are whole
    .ci/vectors.py magic FILE              the entries for file(1)
    .ci/vectors.py list                    prints the SHA-256 of each file, for v1.sha256
    .ci/vectors.py self-test               plants changes, and fails unless each is noticed
    .ci/vectors.py mutants                 takes each check out of the readers in C and in Python: a vector notices it
"""
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "ringlog-std/tests/data"
REASONS = ("ring full", "disk full", "recovery cut", "reader overrun", "too long", "receiver full", "not readable", "recorder ended",
           "lost on the wire", "device reset")
MOST_BYTES = 300_000
# Readings of what is no file of a log.
NO_LOG = ("ring", "frames")


def sums(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def check_frozen(folder=DATA / "v1", listed=DATA / "v1.sha256"):
    """The folder has exactly the files of the list, and exactly those that the script makes."""
    found = sums(folder)
    wanted = {name: digest for digest, name in (line.split(maxsplit=1) for line in listed.read_text().splitlines())}
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, DATA / "make_v1.py", scratch], check=True)
        made = sums(Path(scratch))
    for name in sorted(found.keys() | wanted.keys() | made.keys()):
        assert found.get(name) == wanted.get(name), f"{folder / name}: a frozen vector was changed, added or removed; see {listed}"
        assert found.get(name) == made.get(name), f"{folder / name}: make_v1.py makes other bytes than these"
    total = sum((folder / name).stat().st_size for name in found)
    assert total < MOST_BYTES, f"{total} bytes in {folder}"
    return f"{len(found)} files, {total} bytes"


def vectors(folder=DATA / "v1"):
    """The name, the path and the expected reading of each."""
    for path in sorted(folder.glob("*.json")):
        (content,) = (it for it in folder.glob(f"{path.stem}*") if it.suffix != ".json" and it.stem == path.stem)
        yield path.stem, content, json.loads(path.read_text())


def shown(payload):
    return payload if len(payload) <= 600 else f"{len(payload) // 2} bytes, SHA-256 {hashlib.sha256(bytes.fromhex(payload)).hexdigest()}"


def lines(text):
    return [json.loads(line) for line in text.split("\n") if line]


def reason_of(text):
    return REASONS.index(text) + 1 if text in REASONS else int(text.removeprefix("reason "))


def from_cat(event):
    """A line of `ringlog cat --format json --payload hex`."""
    if "gap" not in event:
        return event["event_type"], event["flags"], shown(event["hex"])
    gap = event["gap"]
    return {"count": gap["count"] or 0, "reason": reason_of(gap["reason"]), "log_side": gap["log_side"],
            "extent_bytes": gap["missing_bytes"] or 0}


def from_python(event):
    if "gap" not in event:
        return event["event_type"], event["flags"], shown(event["payload"])
    return event["gap"] | {"reason": reason_of(event["gap"]["reason"])}


def from_node(event):
    return event.get("gap") or (event["type"], event["flags"], shown(event["payload"]))


def events(found, content):
    return [(event.get("sequence"), event["timestamp"], content(event)) for event in found if "meta" not in event]


def shown_if_event(event):
    return event["payload"] if "meta" in event else shown(event["payload"])


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)


def same(name, found, wanted):
    assert found == wanted, f"{name}: {found} instead of {wanted}"


def check_damage(name, path, expected, said, has_offset=True):
    """The message names the file of the damage, and its offset."""
    at = expected["at"]
    file = path / at["file"] if path.is_dir() else path
    assert str(file) in said, f"{name}: no word of {file}: {said}"
    if has_offset and "offset" in at:
        assert re.search(rf"\boffset {at['offset']}\b", said), f"{name}: no word of offset {at['offset']}: {said}"


def metas(expected):
    return [record for record in expected["records"] if "meta" in record]


def check_reader(command, content, folder=DATA / "v1", only=None):
    """A reader that gives out a JSON object a line; its exit code is 0, 1 for damage or 3 for a tear."""
    count = 0
    for name, path, expected in vectors(folder):
        if expected["reading"] in NO_LOG or only not in (None, name):
            continue
        without_zstd = expected.get("without_zstd")
        if without_zstd:
            expected |= {"reading": "refused", "at": {"file": without_zstd}, "records": []}
        read = run(*command, path)
        found = lines(read.stdout)
        same(name, events(found, content), events(expected["records"], from_node))
        same(name, [event["sequence"] for event in found if "meta" in event], [record["sequence"] for record in metas(expected)])
        same(name, read.returncode, {"whole": 0, "torn": 3}.get(expected["reading"], 1))
        if read.returncode:
            check_damage(name, path, expected, read.stderr)
        count += 1
    return f"{count} vectors"


def check_node(reader):
    command = ["node", reader]
    result = check_reader(command, from_node)
    for name, path, expected in vectors():
        if metas(expected):
            same(name, [event for event in lines(run(*command, path).stdout) if "meta" in event], metas(expected))
        if "cursors" in expected:
            same(name, json.loads(run(*command, "--cursors", path).stdout), expected["cursors"])
        if "index" in expected:
            same(name, json.loads(run(*command, "--index", path / expected["index"]["file"]).stdout)["entries"], expected["index"]["entries"])
        if "ring" in expected:
            same(name, lines(run(*command, "--ring", path).stdout), expected["ring"])
        if "frames" in expected:
            found = [event if "gap" in event else event | {"payload": shown_if_event(event)} for event in lines(run(*command, "--frames", path).stdout)]
            same(name, found, expected["frames"])
    return result + ", with cursors, an index, rings and frames"


def check_verify(name, program, path, expected):
    """What `verify` and `info` say agrees with the records."""
    gaps = [record["gap"] for record in expected["records"] if "gap" in record]
    whole = expected["reading"] == "whole"
    verified = run(program, "verify", "--json", path)
    is_clean = whole and not gaps and "also_damaged" not in expected
    assert (verified.returncode == 0) == is_clean, f"{name}: verify ends with {verified.returncode}: {verified.stdout}"
    if not whole:
        return
    found = json.loads(verified.stdout)
    assert (found["result"] == "clean") == is_clean, f"{name}: {found['result']}"
    payloads = [record for record in expected["records"] if "payload" in record and "meta" not in record]
    same(name, (found["events"], found["gaps"], found["lost"]), (len(payloads), len(gaps), min(sum(gap["count"] for gap in gaps), 2 ** 64 - 1)))
    informed = json.loads(run(program, "info", "--json", path).stdout)
    same(name, (informed["events"], informed["lost"]), (found["events"], found["lost"]))


def check_ringlog(program):
    count = 0
    with tempfile.TemporaryDirectory() as scratch:
        # A search keeps an index beside a log, and a reader of times another.
        folder = Path(scratch, "v1")
        shutil.copytree(DATA / "v1", folder)
        for name, path, expected in vectors(folder):
            count += 1
            if expected["reading"] == "ring":
                read = run(program, "recover-image", path, "--format", "json", "--payload", "hex")
                found = [(event["timestamp"], from_cat(event)) for event in lines(read.stdout)]
                same(name, found, [(event["timestamp"], from_node(event)) for event in expected["ring"]])
                continue
            if expected["reading"] == "frames":
                check_frames(name, program, path, expected, Path(scratch, "received"))
                continue
            read = run(program, "cat", "--format", "json", "--payload", "hex", path)
            same(name, events(lines(read.stdout), from_cat), events(expected["records"], from_node))
            same(name, read.returncode, 0 if expected["reading"] == "whole" else 1)
            if read.returncode:
                # Of a header the library names the file, and the field in words.
                offset = expected["at"].get("offset", 0)
                check_damage(name, path, expected, read.stderr, has_offset=offset >= 64)
            check_verify(name, program, path, expected)
            if "cursors" in expected:
                listed = json.loads(run(program, "cursors", "--json", path).stdout)["cursors"]
                found = {it["name"]: it["next_sequence"] if it["state"] == "good" else None for it in listed}
                same(name, found, expected["cursors"])
            if "index" in expected:
                check_index(name, program, path, expected)
    return f"{count} vectors"


def check_frames(name, program, path, expected, log):
    """`ringlog receive` makes a log of them, in which each loss is a GAP record."""
    received = run(program, "receive", path, "--log", log)
    assert received.returncode in (0, 3), f"{name}: {received.stderr}"
    found = []
    for event in lines(run(program, "cat", "--format", "json", "--payload", "hex", log).stdout):
        gap = event.get("gap")
        found.append({"count": gap["count"] or 0, "reason": reason_of(gap["reason"])} if gap else (event["timestamp"], from_cat(event)))
    wanted = [event.get("gap") or (event["timestamp"], from_node(event)) for event in expected["frames"] if "meta" not in event]
    same(name, found, wanted)


def check_index(name, program, path, expected):
    """The library takes the index as it is, and makes the same one where there is none."""
    index = path / expected["index"]["file"]
    stored, inode, last = index.read_bytes(), index.stat().st_ino, expected["records"][-1]
    since = f"2023-11-14T22:13:20.{last['timestamp'] % 10 ** 9:09}Z"
    for is_there in True, False:
        found = lines(run(program, "cat", "--format", "json", path, "--since", since).stdout)
        same(name, [event["sequence"] for event in found], [last["sequence"]])
        assert index.read_bytes() == stored, f"{name}: {index} was made with other bytes"
        assert not is_there or index.stat().st_ino == inode, f"{name}: {index} was made anew"
        index.unlink()


def check_c(reader):
    count = 0
    for name, path, expected in vectors():
        if path.is_dir() or expected["reading"] in NO_LOG:
            continue
        read = run(reader, path)
        found = [tuple(line.split(" ")) for line in read.stdout.splitlines()]
        wanted = []
        for record in expected["records"]:
            start = (str(record["sequence"]),) + (() if "meta" in record else (str(record["timestamp"]),))
            if "meta" in record:
                wanted.append(start + ("meta",))
            elif "gap" in record:
                wanted.append(start + ("gap", str(record["gap"]["count"]), str(record["gap"]["reason"])))
            else:
                wanted.append(start + (str(record["type"]), str(record["flags"]), record["payload"]))
        same(name, [line if len(line) < 5 or line[2] == "gap" else line[:4] + (shown(line[4]),) for line in found], wanted)
        same(name, read.returncode, 0 if expected["reading"] == "whole" else 1)
        if read.returncode:
            check_damage(name, path, expected, read.stderr)
        count += 1
    return f"{count} files"


def of_kaitai(sequence, record):
    """A record as the description has it, in the form of the expected readings."""
    if record.is_meta:
        about = "log" if record.user_flags & 2 else record.event_type
        return {"sequence": sequence, "meta": about, "payload": record.payload.hex()}
    start = {"sequence": sequence, "timestamp": record.timestamp}
    if record.is_gap:
        gap = record.gap
        reason = gap.reason if isinstance(gap.reason, int) else gap.reason.value
        return start | {"gap": {"count": gap.count, "reason": reason, "log_side": gap.is_of_log_side, "extent_bytes": gap.extent * 8}}
    return start | {"type": record.event_type, "flags": record.user_flags, "payload": shown(record.payload.hex())}


def check_kaitai(folder):
    sys.path.insert(0, str(folder))
    from kaitaistruct import ValidationFailedError
    from ringlog import Ringlog
    count = refused = 0
    for name, path, expected in vectors():
        if path.is_dir() or expected["reading"] in NO_LOG:
            continue
        if expected["reading"] != "whole":
            if expected["at"]["offset"] in (0, 4, 40, 56):
                try:
                    Ringlog.from_file(str(path))
                    raise AssertionError(f"{name}: not refused")
                except ValidationFailedError:
                    refused += 1
            continue
        file = Ringlog.from_file(str(path))
        stored = file.published.records if not file.header.is_stream else [
            item.record for item in getattr(file, "streamed", None) or [] if getattr(item, "record", None) and item.record.is_valid]
        same(name, [of_kaitai(file.header.base_sequence + index, record) for index, record in enumerate(stored)], expected["records"])
        file.close()
        count += 1
    assert count > 20 and refused > 3, f"{count} read, {refused} refused"
    return f"{count} files read, {refused} headers refused"


MAGIC = {
    "plain.evtl": "ringlog log file, version 1, from record 0, sealed, 9 records, without checksums",
    "high_sequence.evtl": "ringlog log file, version 1, from record 4611686018427387904, sealed, 2 records, with checksums",
    "unsealed.evtl": "ringlog log file, version 1, from record 0, not sealed, with checksums",
    "stream_end.evtl": "ringlog log file, version 1, from record 0, stream, with checksums",
    "header_version.evtl": "ringlog log file, version 2, newer than this description",
    "ring.ring": "ringlog ring, 64-bit little-endian, capacity 256 bytes",
    "ring_32.ring": "ringlog ring, 32-bit little-endian, capacity 256 bytes",
    "ring_32_big_endian.ring": "ringlog ring, 32-bit big-endian, capacity 256 bytes",
    "cursors/cursors/one": "ringlog cursor, version 1",
    "index/index/00000000000000000000.idx": "ringlog index of a log file, version 1, 5 records",
}


def check_magic(entries):
    for name, wanted in MAGIC.items():
        same(name, run("file", "-b", "-m", entries, DATA / "v1" / name).stdout.strip(), wanted)
    return f"{len(MAGIC)} files"


def fails(check, *arguments, **more):
    try:
        check(*arguments, **more)
    except (AssertionError, json.JSONDecodeError):
        return True
    return False


def self_test():
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "v1")
        shutil.copytree(DATA / "v1", folder)
        reader = [sys.executable, DATA.parents[2] / "docs/reader.py", "--meta"]
        assert not fails(check_frozen, folder)
        planted = 0
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                stored = path.read_bytes()
                path.write_bytes(stored[:-1] + bytes([stored[-1] ^ 1]))
                assert fails(check_frozen_quickly, folder), f"a changed byte at the end of {path} was not noticed"
                path.write_bytes(stored)
                planted += 1
        (folder / "plain.evtl").rename(folder / "more.evtl")
        assert fails(check_frozen, folder), "a renamed vector was not noticed"
        (folder / "more.evtl").rename(folder / "plain.evtl")
        # The same list and other bytes from the script: both have to agree.
        listed = Path(scratch, "list")
        (folder / "plain.evtl").write_bytes((folder / "plain.evtl").read_bytes() + b"\0")
        listed.write_text("".join(f"{digest}  {name}\n" for name, digest in sums(folder).items()))
        assert fails(check_frozen, folder, listed), "bytes that the script does not make were not noticed"
        # An expected reading that says something else.
        for name, old, new in (("gaps", '"count": 13', '"count": 14'), ("plain", '"timestamp": 5', '"timestamp": 6'),
                               ("torn", '"torn"', '"damage"'), ("checksum", '"offset": 112', '"offset": 120')):
            path = folder / f"{name}.json"
            stored = path.read_text()
            assert old in stored and not fails(check_reader, reader, from_python, folder, name)
            path.write_text(stored.replace(old, new, 1))
            assert fails(check_reader, reader, from_python, folder, name), f"another reading of {name} was not noticed"
            path.write_text(stored)
    return f"{planted + 6} changes planted, all noticed"


# Checks that another one makes as well, at the same offset.
DOUBLED = {"end - offset < 16": "len > end - offset", "not paths and end": "not paths"}


def mutants():
    """The readers in C and in Python, each without one of its checks."""
    root, noticed = DATA.parents[2], 0
    readers = (("ringlog-std/c/tests/read_by_format.c", re.compile(r"\bif \((.*)\) \{\n *damaged\("), "0 && ({})"),
               ("docs/reader.py", re.compile(r"\b(?:if|elif) (.*):\n *raise (?:damage|Damage)\("), "False and ({})"))
    with tempfile.TemporaryDirectory() as scratch:
        for path, check, without in readers:
            source = (root / path).read_text()
            for found in check.finditer(source):
                changed, program = Path(scratch, Path(path).name), Path(scratch, "reader")
                changed.write_text(source[:found.start(1)] + without.format(found[1]) + source[found.end(1):])
                if changed.suffix == ".c":
                    subprocess.run(["gcc", "-std=c11", "-w", changed, "-o", program], check=True)
                    is_noticed = fails(check_c, program)
                else:
                    is_noticed = fails(check_reader, [sys.executable, changed, "--meta"], from_python)
                assert is_noticed or found[1] in DOUBLED, f"{path}: no vector notices that `{found[1]}` is not checked"
                assert not is_noticed or found[1] not in DOUBLED, f"{path}: `{found[1]}` is noticed; take it out of DOUBLED"
                noticed += is_noticed
    assert noticed > 30, f"only {noticed} checks were found in the readers"
    return f"{noticed} checks taken out of the readers, each noticed by a vector"


def check_frozen_quickly(folder):
    """The part of `check_frozen` that needs no script."""
    wanted = [line.split(maxsplit=1)[::-1] for line in (DATA / "v1.sha256").read_text().splitlines()]
    assert sums(folder) == dict(wanted)


def main():
    step, *arguments = sys.argv[1:]
    if step == "list":
        sys.stdout.write("".join(f"{digest}  {name}\n" for name, digest in sums(DATA / "v1").items()))
        return
    checks = {
        "frozen": check_frozen, "ringlog": check_ringlog, "node": check_node, "c": check_c, "kaitai": check_kaitai, "magic": check_magic,
        "python": lambda reader: check_reader([sys.executable, reader, "--meta"], from_python), "self-test": self_test,
        "mutants": mutants,
    }
    print(f"vectors, {step}: {checks[step](*arguments)}")


main()
