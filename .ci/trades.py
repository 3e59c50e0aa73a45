#!/usr/bin/env python3
"""Compares a typed log with the CSV file that it was imported from, as polars reads it.

    trades.py CSV SCHEMA READER_JSON CAT_JSON CAT_CSV FOUND_JSON

SCHEMA is what `ringlog schema emit LOG --json` prints, READER_JSON what docs/reader.py prints of the log, the others what
`ringlog cat` prints; FOUND_JSON with the condition that `trades.py --where` prints. In each of them the count and the sum of
each column are those of the file, exactly.
"""
import json
import struct
import sys
from decimal import Decimal

import polars

# The same condition for `cat --where` and for polars.
WHERE = "Price >= 1641.25 && Volume > 4"
FOUND = (polars.col("Price").cast(polars.Decimal(18, 4)) >= Decimal("1641.25")) & (polars.col("Volume").cast(polars.Int64) > 4)

FORMATS = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q"}


def totals(columns):
    """The count and the exact sum of each column; `columns` are lists of numbers as text."""
    frame = polars.DataFrame(columns, schema={name: polars.String for name in columns})
    sums = frame.select(polars.all().cast(polars.Decimal(38, 9)).sum()).row(0, named=True)
    counts = frame.select(polars.all().count()).row(0, named=True)
    return {name: (counts[name], Decimal(sums[name]).normalize()) for name in columns}


def of_file(path):
    """The numeric columns of the file, as they are written in it."""
    numbers = [name for name, kind in polars.scan_csv(path).collect_schema().items() if kind.is_numeric()]
    return polars.read_csv(path, infer_schema=False).select(numbers)


def of_payloads(path, schema):
    """The fields of the events, decoded by their schema."""
    columns = {field["name"]: [] for field in schema["fields"]}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            payload = bytes.fromhex(json.loads(line)["payload"])
            assert len(payload) == schema["size"], f"payload of {len(payload)} bytes"
            for field in schema["fields"]:
                value, = struct.unpack_from("<" + FORMATS[field["kind"]], payload, field["offset"])
                columns[field["name"]].append(str(Decimal(value).scaleb(field.get("scale", 0))))
    return columns


def of_json(path, names):
    """The fields of the events as `cat` prints them, with all their digits."""
    with open(path, encoding="utf-8") as lines:
        events = [json.loads(line, parse_float=str, parse_int=str)["fields"] for line in lines]
    return {name: [event[name] for event in events] for name in names}


def of_csv(path, names):
    return polars.read_csv(path, infer_schema=False).select(names).to_dict(as_series=False)


def main(csv, schema, reader_json, cat_json, cat_csv, found_json):
    with open(schema, encoding="utf-8") as file:
        schema, = json.load(file)["types"]
    frame = of_file(csv)
    names, wanted = frame.columns, totals(frame.to_dict(as_series=False))
    selected = totals(frame.filter(FOUND).to_dict(as_series=False))
    assert 0 < selected[names[0]][0] < wanted[names[0]][0], f"{WHERE} finds all or nothing: {selected}"
    for path, columns, expected in [
        (reader_json, of_payloads(reader_json, schema), wanted),
        (cat_json, of_json(cat_json, names), wanted),
        (cat_csv, of_csv(cat_csv, names), wanted),
        (found_json, of_json(found_json, names), selected),
    ]:
        found = totals(columns)
        assert found == expected, f"{path}: {found} instead of {expected}"
        print(f"{path}: " + ", ".join(f"{name} {count} values, sum {total:f}" for name, (count, total) in found.items()))


if sys.argv[1:] == ["--where"]:
    print(WHERE)
else:
    main(*sys.argv[1:])
