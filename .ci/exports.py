#!/usr/bin/env python3
"""Exports a log to each format, and compares what other programs read of it with what `ringlog` itself prints.

    exports.py small RINGLOG CAPTURE FOLDER   Parquet and Arrow by pyarrow and polars, CSV, JSON, the trace and pcapng by hand
    exports.py long RINGLOG CAPTURE FOLDER    the same, and DuckDB, MCAP by its Python package, pcapng by tshark
    exports.py rate RINGLOG LOG FOLDER        Parquet of a large log beside pyarrow's `write_table` of the same columns

RINGLOG is the program with the feature `full`, FOLDER an empty folder to work in. Counts are those of `info --json`, values those
of `cat --format json`.
"""
import csv
import json
import os
import re
import struct
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

DAY = 86_400_000_000_000
# Parquet at this part of pyarrow's rate, with this much memory.
RATE_WANTED = 0.5
MEMORY_WANTED = 200e6


def run(*words, code=0):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == code, f"{words}: exit code {done.returncode}: {done.stderr}"
    return done.stdout


def flat(value, path=""):
    """The values inside objects and lists by their paths, as columns are named."""
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    found = {}
    for key, part in parts:
        name = f"{path}[{key}]" if isinstance(value, list) else f"{path}.{key}".lstrip(".")
        found.update(flat(part, name) if isinstance(part, (dict, list)) else {name: part})
    return found


def records(ringlog, log):
    """The events of each type by name, and the GAP records."""
    types, gaps = {}, []
    for line in run(ringlog, "cat", log, "--format", "json").splitlines():
        record = json.loads(line, parse_float=Decimal)
        gaps.append(record) if "gap" in record else types.setdefault(record["type"], []).append(record)
    return types, gaps


def same(what, found, wanted):
    assert len(found) == len(wanted), f"{what}: {len(found)} instead of {len(wanted)}"
    for at, (one, other) in enumerate(zip(found, wanted)):
        assert one == other, f"{what}: row {at}: {one!r} instead of {other!r}"


def check_counts(ringlog, log, types, gaps):
    info = json.loads(run(ringlog, "info", log, "--json"))
    assert info["gaps"] == len(gaps) and info["events"] == sum(map(len, types.values()))
    for kind in info["event_types"]:
        assert kind["events"] == len(types[kind["name"]]), kind


def check_tables(ringlog, log, folder, types, gaps):
    import polars
    import pyarrow
    import pyarrow.parquet
    for ending in ["parquet", "arrow"]:
        out = folder / f"{ending}-tables"
        run(ringlog, "export", log, out, "--to", ending)
        names = sorted(path.name for path in out.iterdir())
        same(f"{ending}: tables", names, sorted(f"{name}.{ending}" for name in [*types] + ["gaps"] * bool(gaps)))
        for name, rows in types.items():
            path, what = out / f"{name}.{ending}", f"{ending}: {name}"
            if ending == "parquet":
                table, frame = pyarrow.parquet.read_table(path), polars.read_parquet(path)
            else:
                table, frame = pyarrow.ipc.open_file(path).read_all(), polars.read_ipc(path, memory_map=False)
            same(f"{what}: sequence", table["sequence"].to_pylist(), [row["sequence"] for row in rows])
            times = table["timestamp"]
            assert times.type == pyarrow.timestamp("ns", "UTC"), times.type
            stamps = [row["timestamp"] for row in rows]
            same(f"{what}: timestamp", times.cast(pyarrow.int64()).to_pylist(), stamps)
            assert frame["timestamp"].dt.timestamp("ns").to_list() == stamps, f"{what}: polars, timestamp"
            for field in flat(rows[0]["fields"]):
                wanted = [flat(row["fields"])[field] for row in rows]
                found = table[field].to_pylist()
                if isinstance(found[0], bytes):
                    found = [value.hex() for value in found]
                same(f"{what}: {field}", found, wanted)
                if isinstance(wanted[0], (int, Decimal)) and not isinstance(wanted[0], bool):
                    total = frame[field].cast(polars.Decimal(38, 9)).sum()
                    assert total == sum(wanted), f"{what}: {field}: polars sums to {total}"
                elif isinstance(wanted[0], str) and not frame[field].dtype == polars.Binary:
                    assert frame[field].cast(polars.String).to_list() == wanted, f"{what}: {field}: polars"
        if gaps:
            table = pyarrow.parquet.read_table(out / f"gaps.{ending}") if ending == "parquet" \
                else pyarrow.ipc.open_file(out / f"gaps.{ending}").read_all()
            same(f"{ending}: gaps", table["count"].to_pylist(), [gap["gap"]["count"] for gap in gaps])
            same(f"{ending}: reasons", table["reason"].to_pylist(), [gap["gap"]["reason"] for gap in gaps])


def check_csv_and_json(ringlog, log, folder, types, gaps):
    tables = folder / "csv-tables"
    run(ringlog, "export", log, tables, "--to", "csv")
    for name, rows in types.items():
        with open(tables / f"{name}.csv", encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        same(f"csv: {name}: sequence", [int(row["sequence"]) for row in found], [row["sequence"] for row in rows])
        same(f"csv: {name}: payload", [row["payload (hex)"] for row in found], [row["hex"] for row in rows])
        for field, value in flat(rows[0]["fields"]).items():
            if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
                total = sum(Decimal(row[field]) for row in found)
                assert total == sum(flat(row["fields"])[field] for row in rows), f"csv: {name}: {field}"
    lines = folder / "log.json"
    run(ringlog, "export", log, lines, "--to", "json")
    with open(lines, encoding="utf-8") as file:
        found = [json.loads(line, parse_float=Decimal) for line in file]
    wanted = sorted([row for rows in types.values() for row in rows] + gaps, key=lambda row: row["sequence"])
    same("json", [row for row in found if "meta" not in row], wanted)
    for export in [tables, lines]:
        back = folder / f"{export.name}-log"
        run(ringlog, "import", export, "--log", back, code=3 if gaps else 0)
        for words in (lambda at: ["cat", at, "--format", "hex"], lambda at: ["schema", "emit", at, "--json"]):
            one, other = (run(ringlog, *words(at)).splitlines() for at in (log, back))
            same(f"{export.name}, imported", other, one)


def check_trace(ringlog, log, folder, types, gaps):
    path = folder / "trace.json"
    run(ringlog, "export", log, path, "--to", "chrome-trace")
    trace = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    start = int(trace["otherData"]["start"])
    assert start % DAY == 0, start
    entries = {}
    for entry in trace["traceEvents"]:
        entries.setdefault(entry["ph"], []).append(entry)
    instants = {entry["args"]["sequence"]: entry for entry in entries["i"]}
    for name, rows in types.items():
        for row in rows:
            entry = instants.pop(row["sequence"])
            assert entry["name"] == name and entry["args"]["fields"] == row["fields"], entry
            assert start + int(Decimal(entry["ts"]) * 1000) == row["timestamp"], entry
    for gap in gaps:
        entry = instants.pop(gap["sequence"])
        assert entry["s"] == "g" and entry["args"]["count"] == gap["gap"]["count"], entry
    assert not instants
    counters = [entry for entry in entries["C"] if entry["name"] == "order_add"]
    same("trace: counters", [entry["args"]["price"] for entry in counters],
         [row["fields"]["price"] for row in types["order_add"]])


def packets_of(path):
    """Time in nanoseconds, original length and bytes of each packet of a little-endian pcapng file with that unit."""
    data, at, found = Path(path).read_bytes(), 0, []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        if kind == 6:
            _, high, low, captured, original = struct.unpack_from("<IIIII", data, at + 8)
            found.append((high << 32 | low, original, data[at + 28:at + 28 + captured].hex()))
        at += length
    return found


def check_capture(ringlog, capture, folder):
    log, out, back = folder / "capture-log", folder / "capture.pcapng", folder / "capture-back"
    run(ringlog, "import", capture, "--log", log)
    run(ringlog, "export", log, out, "--to", "pcapng")
    types, _ = records(ringlog, log)
    fields = [(row["timestamp"], row["fields"]["original_length"], row["fields"]["tail"]) for row in types["packet"]]
    same("pcapng", packets_of(out), fields)
    run(ringlog, "import", out, "--log", back)
    one, other = (run(ringlog, "cat", at, "--format", "hex").splitlines() for at in (log, back))
    same("pcapng, imported", other, one)


def check_recipes(ringlog, log, captured, folder, has_duckdb):
    """Runs the commands and recipes of docs/exports.md as they are there, as far as the packages are installed."""
    text = (Path(__file__).parent.parent / "docs/exports.md").read_text(encoding="utf-8")
    work = folder / "recipes"
    (work / "bin").mkdir(parents=True)
    for name, target in [("bin/ringlog", ringlog), ("my-log", log), ("captured", captured)]:
        (work / name).symlink_to(Path(target).resolve())
    environment = {**os.environ, "PATH": f"{(work / 'bin').resolve()}:{os.environ['PATH']}"}
    lines = re.findall(r"^ringlog export .*$", text, re.M) + re.findall(r"`(ringlog export my-log [^`]*|ringlog export captured [^`]*)`", text)
    assert len(lines) == 6, lines
    for line in lines:
        (work / "trace.json").unlink(missing_ok=True)
        done = subprocess.run(line, shell=True, cwd=work, env=environment, capture_output=True, text=True)
        # GAP records have no place in some formats.
        assert done.returncode in (0, 3), f"{line}: {done.stderr}"
    blocks = re.findall(r"```(python|sql)\n(.*?)```", text, re.S)
    assert len(blocks) == 3, blocks
    ran = 0
    for language, block in blocks:
        if language == "sql" and has_duckdb:
            block = f"import duckdb\nfor query in {block!r}.split(';')[:-1]:\n    print(duckdb.sql(query).fetchall())\n"
        elif language == "sql" or "import pandas" in block:
            continue
        done = subprocess.run([sys.executable, "-c", block], cwd=work, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.strip(), f"{block}: {done.stderr}"
        ran += 1
    assert ran == 1 + has_duckdb


def check_types(schema, what):
    """The rule of Foxglove's reader: a property has one type, a word, and no item of an array is an array."""
    for name, about in schema["properties"].items():
        parts = [about] if about["type"] != "array" else [about, about["items"]]
        for part in parts:
            assert part["type"] in ("boolean", "string", "number", "integer", "object", "array"), f"{what}.{name}: {part}"
            if part["type"] == "object":
                check_types(part, f"{what}.{name}")
        assert len(parts) == 1 or parts[1]["type"] != "array", f"{what}.{name}: {about}"


def small(ringlog, capture, folder, has_duckdb=False):
    log = folder / "demo"
    run(ringlog, "serve", "--for", "1s", "--rate", "20k", "--log", log)
    types, gaps = records(ringlog, log)
    check_counts(ringlog, log, types, gaps)
    check_tables(ringlog, log, folder, types, gaps)
    check_csv_and_json(ringlog, log, folder, types, gaps)
    check_trace(ringlog, log, folder, types, gaps)
    check_capture(ringlog, capture, folder)
    check_recipes(ringlog, log, folder / "capture-log", folder, has_duckdb)
    for to in ["parquet", "json"]:
        one = folder / f"one.{to}"
        chosen = ["--type", "trade", "--where", "trade.price > 500"]
        run(ringlog, "export", log, one, "--to", to, *chosen)
        run(ringlog, "export", log, one, "--to", to, *chosen, code=2)
    import pyarrow.parquet
    wanted = [row["fields"]["price"] for row in types["trade"] if row["fields"]["price"] > 500]
    same("--where", pyarrow.parquet.read_table(folder / "one.parquet")["price"].to_pylist(), wanted)
    print(f"{sum(map(len, types.values()))} events of {len(types)} types are the same in each format")


def long(ringlog, capture, folder):
    import duckdb
    from mcap.reader import make_reader
    small(ringlog, capture, folder, has_duckdb=True)
    log = folder / "demo"
    types, _ = records(ringlog, log)
    for name, rows in types.items():
        path = folder / "parquet-tables" / f"{name}.parquet"
        ((count,),) = duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall()
        assert count == len(rows), f"DuckDB: {name}: {count}"
        for field, value in flat(rows[0]["fields"]).items():
            if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
                ((total,),) = duckdb.sql(f"SELECT sum(\"{field}\") FROM '{path}'").fetchall()
                assert total == sum(flat(row["fields"])[field] for row in rows), f"DuckDB: {name}.{field}: {total}"
        ((first,),) = duckdb.sql(f"SELECT epoch_ns(min(timestamp)) FROM '{path}'").fetchall()
        assert first == min(row["timestamp"] for row in rows), f"DuckDB: {name}: {first}"
    out = folder / "log.mcap"
    run(ringlog, "export", log, out, "--to", "mcap")
    found = {}
    with open(out, "rb") as file:
        for schema, channel, message in make_reader(file).iter_messages(log_time_order=False):
            assert (schema.encoding, channel.message_encoding) == ("jsonschema", "json")
            properties = json.loads(schema.data)["properties"]
            if channel.topic[1:] not in found:
                check_types(json.loads(schema.data), channel.topic)
            body = json.loads(message.data, parse_float=Decimal)
            assert set(body) <= set(properties), (set(body), set(properties))
            assert message.log_time == message.publish_time
            found.setdefault(channel.topic[1:], []).append((message.log_time, body))
    for name, rows in types.items():
        wanted = [(row["timestamp"], {"_sequence": row["sequence"], "_flags": row["flags"], **row["fields"]}) for row in rows]
        same(f"mcap: {name}", found[name], wanted)
    fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.protocols"]
    words = [word for field in fields for word in ("-e", field)]
    one, other = (run("tshark", "-r", path, "-T", "fields", *words) for path in (capture, folder / "capture.pcapng"))
    same("tshark", other.splitlines(), one.splitlines())
    print("DuckDB, mcap and tshark read the same")


def peak_bytes(words):
    """Runs a command; returns its seconds, and the most memory that it had."""
    started = time.monotonic()
    child = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)
    peak = 0
    while child.poll() is None:
        try:
            status = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii")
            peak = max([peak] + [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")])
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.02)
    assert child.returncode == 0, words
    return time.monotonic() - started, peak


def rate(ringlog, log, folder):
    import pyarrow.parquet
    ours, memory = peak_bytes([ringlog, "export", log, folder / "tables", "--to", "parquet"])
    theirs, written = 0, 0
    for path in sorted((folder / "tables").iterdir()):
        # A table at a time, in memory: the clock runs while it is written.
        table = pyarrow.parquet.read_table(path)
        written += table.nbytes
        started = time.monotonic()
        pyarrow.parquet.write_table(table, folder / "theirs.parquet")
        theirs += time.monotonic() - started
        del table
    ratio = theirs / ours
    print(f"Parquet of {written / 1e9:.2f} GB of columns: {ours:.2f} s, pyarrow's write_table {theirs:.2f} s, rate {ratio:.2f} of it; "
          f"most memory {memory / 1e6:.0f} MB")
    assert ratio >= RATE_WANTED, f"the rate is {ratio:.2f} of pyarrow's, {RATE_WANTED} is wanted"
    assert memory < MEMORY_WANTED, f"{memory / 1e6:.0f} MB, {MEMORY_WANTED / 1e6:.0f} MB is wanted"


if __name__ == "__main__":
    step, program, source, work = sys.argv[1:]
    work = Path(work)
    work.mkdir(parents=True, exist_ok=True)
    {"small": small, "long": long, "rate": rate}[step](program, source, work)
