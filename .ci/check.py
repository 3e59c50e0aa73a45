"""Comparisons that `.ci/run` makes; each ends with an AssertionError that says what differs."""
import contextlib
import io
import json
import re
import runpy
import struct
import sys
import tarfile
import tempfile
from pathlib import Path


def json_lines(path):
    # Not splitlines(): it also splits at characters that a string may contain.
    return [json.loads(line) for line in Path(path).read_text().split("\n") if line]


def summary(path):
    """The last JSON object of a program's output, on one line or on several."""
    text = Path(path).read_text().strip()
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return json.loads(text.splitlines()[-1])


def document(format_md, sample):
    """The hexdump in the document is the sample file, and its table explains every byte once, in order."""
    text = Path(format_md).read_text()
    dump = re.search(r"```hexdump\n(.*?)```", text, re.DOTALL).group(1)
    stored = Path(sample).read_bytes()
    assert bytes.fromhex("".join(line[8:] for line in dump.splitlines())) == stored, "hexdump is not the file"
    at = 0
    for offset, cells in re.findall(r"^\| \**(\d+)\** \| `([0-9a-f ]{2,})` (?:\.\.\. )?\|", text, re.MULTILINE):
        part = bytes.fromhex(cells)
        if at == int(offset) and stored[at:at + len(part)] == part:
            at += len(part)
    assert at == 161, f"the table explains the file up to byte {at}, not up to 160"


def typed(format_md, reader):
    """Each typed sample is as the document describes it, every byte once, and reader.py says of it what is said there."""
    section = Path(format_md).read_text().partition("\n## Typed files, byte by byte\n")[2].partition("\n## ")[0]
    parts = re.split(r"^### `(.+)`$", section, flags=re.MULTILINE)[1:]
    described = list(zip(parts[::2], parts[1::2]))
    folder = Path("ringlog-std/tests/data/typed")
    assert {Path(path) for path, _ in described} == set(folder.rglob("*.evtl")), "a sample without a description"
    for path, text in described:
        stored = Path(path).read_bytes()
        dump = re.search(r"```hexdump\n(.*?)```", text, re.DOTALL)[1]
        assert bytes.fromhex("".join(line[8:] for line in dump.splitlines())) == stored, f"{path}: hexdump is not the file"
        rows = re.findall(r"^\| \**(\d+)\** \| `(.+?)` \|", text, re.MULTILINE)
        at = 0
        for offset, cell in rows:
            part = bytes.fromhex(cell) if re.fullmatch(r"[0-9a-f]{2}( [0-9a-f]{2})*", cell) else cell.encode()
            assert at == int(offset) and stored[at:at + len(part)] == part, f"{path}: offset {offset}: {cell}"
            at += len(part)
        assert at == len(stored), f"{path}: the table explains {at} bytes of {len(stored)}"
    said = {"log": 0, "stream.evtl": 0, "bad_json.evtl": 0, "meta_and_gap.evtl": 1, "misplaced.evtl": 1,
            "damaged_preamble.evtl": 1}
    for name, code in said.items():
        assert run_reader(reader, folder / name) == code, name
        assert run_reader(reader, folder / name, "--meta") == code, name
    print(f"{len(described)} typed samples are described")


def flips(reader, sample):
    """reader.py refuses the file with any one bit flipped, but for bits that no checksum and no rule covers."""
    stored = bytearray(Path(sample).read_bytes())
    # CLEAN, the watermark while it stays above 64 and on the grid, and what lies beyond write_offset.
    free = {56 * 8} | set(range(32 * 8 + 3, 40 * 8)) | set(range(160 * 8, len(stored) * 8))
    # Without SEALED the count is a hint and nobody minds.
    free.add(56 * 8 + 3)
    with tempfile.TemporaryDirectory() as folder:
        damaged = Path(folder, "damaged.evtl")
        for bit in range(len(stored) * 8):
            stored[bit // 8] ^= 1 << bit % 8
            damaged.write_bytes(stored)
            stored[bit // 8] ^= 1 << bit % 8
            code = run_reader(reader, damaged)
            # The watermark below 64 is refused as well.
            if bit not in free or bit // 8 == 32 and code:
                assert code, f"bit {bit % 8} of byte {bit // 8} flipped and not noticed"
            else:
                assert not code, f"bit {bit % 8} of byte {bit // 8} matters to nobody, and was refused"
    print(f"{len(stored) * 8} bits flipped, one at a time")


def run_reader(reader, log, *options):
    """The exit code of reader.py, run in this process."""
    arguments, sys.argv = sys.argv, [reader, *options, str(log)]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            runpy.run_path(reader, run_name="__main__")
    except SystemExit as exit:
        return exit.code
    finally:
        sys.argv = arguments


def guarantees(document):
    """Every test and file that the document names is there."""
    text = Path(document).read_text()
    tests = Path("ringlog-std/tests")
    folders = [tests, Path("ringlog-std/logging-tests/tests")]
    named = re.findall(r"`([a-z_]+): ([a-z0-9_]+)`", text)
    assert len(named) > 10, "the document names hardly any test"
    for module, name in named:
        files = (source for root in folders for source in root.rglob(f"{module}.rs"))
        sources = [*files, *(source for root in folders for folder in root.rglob(module) for source in folder.glob("*.rs"))]
        assert any(re.search(rf"fn {name}\b", source.read_text()) for source in sources), f"no test {name} in {module}"
    for path, name in re.findall(r"`((?:[a-z_]+::)+)([a-z0-9_]+)`", text):
        folder = Path("ringlog-std/src", *path.split("::")[:-1])
        folder = folder.parent if folder.name == "tests" else folder
        module = tests.joinpath("integration", *path.split("::")[:-1])
        sources = [source for at in (folder, module) for source in (at.with_suffix(".rs"), *sorted(at.glob("*.rs")))]
        assert any(f"fn {name}" in source.read_text() for source in sources if source.exists()), f"no test {path}{name}"
    for path in re.findall(r"`(ringlog-[a-z]+/[a-z0-9_/]+\.rs)`", text):
        assert Path(path).exists(), f"no file {path}"
    print(f"{len(named)} tests are named, and there")


def published(metadata):
    """Prints the names of the packages that may be published."""
    print("\n".join(it["name"] for it in json.loads(Path(metadata).read_text())["packages"] if it["publish"] != []))


def packed(crate):
    """A packed crate has both licences, as they are here, and a file to read first."""
    with tarfile.open(crate) as archive:
        names = {name.partition("/")[2]: name for name in archive.getnames()}
        for licence in "LICENSE-MIT", "LICENSE-APACHE":
            assert licence in names, f"{crate}: no {licence}; make a link to the one at the root in the package's folder"
            assert archive.extractfile(names[licence]).read() == Path(licence).read_bytes(), f"{crate}: another {licence}"
        manifest = archive.extractfile(names["Cargo.toml"]).read().decode()
    readme = re.search(r'^readme = "(.+)"$', manifest, re.M)
    assert readme and readme[1] in names, f"{crate}: no readme"


def doc_examples(*coverages):
    """Everything public that rustdoc counts has an example (its `--show-coverage`, one file for each library)."""
    total = 0
    for coverage in coverages:
        for file, found in json.loads(Path(coverage).read_text()).items():
            missing = found["total_examples"] - found["with_examples"]
            assert missing == 0, f"{file}: {missing} public items without an example"
            assert found["total"] == found["with_docs"], f"{file}: public items without a doc comment"
            total += found["total_examples"]
    assert total > 100, "hardly anything was counted"
    print(f"{total} public types and functions, each with an example")


def counts(serve_json, info_json, limited, events_json):
    """serve, info and cat speak of the same log, and nothing was lost."""
    serve, info = summary(serve_json), summary(info_json)
    for key in ("events", "lost", "gaps", "bytes", "first_timestamp", "last_timestamp"):
        assert key in serve and key in info, f"{key} is missing"
        assert serve[key] == info[key], f"{key}: serve says {serve[key]}, info says {info[key]}"
    assert info["events"] > 0 and info["lost"] == 0, info
    events = json_lines(events_json)
    assert len(events) == info["events"] + info["gaps"], f"cat gives {len(events)} records"
    assert Path(limited).read_text().count("\n") == 5, "cat --limit 5 does not give five lines"
    print(f"{info['events']} events, {info['lost']} lost, {info['bytes']} bytes")


def same(events_json, reader_json):
    """`cat --format json` and docs/reader.py give the same records."""
    ours, theirs = json_lines(events_json), json_lines(reader_json)
    assert len(ours) == len(theirs), f"{len(ours)} records from cat, {len(theirs)} from reader.py"
    for left, right in zip(ours, theirs):
        assert as_reader(left) == right, f"cat: {left}\nreader.py: {right}"
    print(f"{len(ours)} records agree")


def as_reader(line):
    """A line of `cat --format json` in the words of reader.py."""
    read = {key: line[key] for key in ("sequence", "timestamp")}
    if "gap" in line:
        gap = line["gap"]
        read["gap"] = {"count": gap["count"] or 0, "reason": gap["reason"], "log_side": gap["log_side"],
                       "extent_bytes": gap["missing_bytes"] or 0}
        return read
    payload = bytes.fromhex(line["hex"]) if "hex" in line else line["text"].encode()
    assert line["payload_len"] == len(payload), line
    return read | {"event_type": line["event_type"], "flags": line["flags"], "payload": payload.hex()}


def packets(pcapng):
    """Timestamp in nanoseconds and payload of every packet of a little-endian pcapng file: interface, link type and
    original length, then its bytes."""
    data, at, per_second, link_types = Path(pcapng).read_bytes(), 0, [], []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        body = data[at + 8:at + length - 4]
        if kind == 0x0A0D0D0A:
            per_second, link_types = [], []
        elif kind == 1:
            per_second.append(resolution(body[8:]))
            link_types.append(body[:2])
        elif kind == 6:
            interface, high, low, captured = struct.unpack_from("<IIII", body)
            nanoseconds = (high << 32 | low) * 1_000_000_000 // per_second[interface]
            head = struct.pack("<H", interface) + link_types[interface] + body[16:20]
            yield nanoseconds, head + body[20:20 + captured]
        at += length


def resolution(options):
    """Ticks per second of an interface: option 9, or microseconds."""
    while len(options) >= 4:
        code, length = struct.unpack_from("<HH", options)
        if code == 9:
            power = options[4]
            return 2 ** (power & 127) if power & 128 else 10 ** power
        options = options[4 + (length + 3) // 4 * 4:]
    return 1_000_000


def capture(pcapng, reader_json):
    """Every packet of the capture is in the log, byte for byte, in order, at its nanosecond."""
    wanted = list(packets(pcapng))
    events = [(event["timestamp"], bytes.fromhex(event["payload"])) for event in json_lines(reader_json)]
    assert len(events) == len(wanted), f"{len(wanted)} packets, {len(events)} events"
    for number, (packet, event) in enumerate(zip(wanted, events)):
        assert packet == event, f"packet {number}: {packet} became {event}"
    print(f"{len(events)} packets, {sum(len(payload) for _, payload in events)} bytes, equal")


def rows(csv, reader_json):
    """Every row of a CSV file below its heading is in the log, byte for byte, in order."""
    wanted = [line.rstrip(b"\r") for line in Path(csv).read_bytes().split(b"\n")[1:] if line.strip()]
    events = [bytes.fromhex(event["payload"]) for event in json_lines(reader_json)]
    assert len(events) == len(wanted), f"{len(wanted)} rows, {len(events)} events"
    for number, (row, event) in enumerate(zip(wanted, events)):
        assert row == event, f"row {number}: {row} became {event}"
    print(f"{len(events)} rows equal")


functions = document, typed, flips, guarantees, doc_examples, counts, same, capture, rows, published, packed
{function.__name__: function for function in functions}[sys.argv[1]](*sys.argv[2:])
