#!/usr/bin/env python3
"""Writes measured tables into a document, between their marks.

    tables.py DOCUMENT REPORT...     REPORT: what `compare --json` or `latency --json` wrote
    tables.py --self-test            writes a small report into a small document, and compares

A table's place is between `<!-- table NAME -->` and `<!-- end of table -->`. NAME is `ring` or `ring ratios` (all
payloads of a report side by side), `logging` (a row for each way to log), or how the title of one of its tables begins,
for example `Append to follower, 50000`.
Places without a table in the reports stay as they are, and so does all other text.
"""

import json
import re
import sys
from pathlib import Path

PLACE = re.compile(r"(<!-- table (.+?) -->\n)(.*?)(<!-- end of table -->)", re.S)
RING = re.compile(r"Payloads of (\d+) bytes, the consumer looks (.+), threads (.+)")
LOGGING = re.compile(r"Logging, (\d+) threads?: a call of `info!` with three fields, one (.+)")
QUANTILE = re.compile(r"(.+), (p[\d.]+)(?:; (.+) % lost, (\d+) % of them reported)?")
POLICIES = {"again at once": "at once", "after 256 spins": "waits"}
UNITS = [(1e9, 2, " s"), (1e6, 2, " ms"), (1e3, 2, " µs"), (0, 1, " ns")]


def markdown(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def spread(row, value):
    return f"{row[value]:.1f} ({row['first_quartile']:.1f} to {row['third_quartile']:.1f})"


def by_policy(tables):
    """The tables of the ring by payload, by policy."""
    found = [(match, table) for table in tables if (match := RING.fullmatch(table["title"]))]
    policies = dict.fromkeys(match[2] for match, _ in found)
    return {POLICIES[policy]: {int(match[1]): table for match, table in found if match[2] == policy}
            for policy in policies}


def ring(tables):
    """One table for each policy: a row for each ring, a column for each payload."""
    parts = []
    for policy, columns in by_policy(tables).items():
        cells = {}
        for payload, table in columns.items():
            for row in table["rows"]:
                cells.setdefault(row["name"], {})[payload] = spread(row, "nanoseconds_per_event")
        rows = [[name, *(of.get(payload, "–") for payload in columns)] for name, of in cells.items()]
        parts.append(markdown([policy, *(f"{payload} B" for payload in columns)], rows))
    return "\n".join(parts)


def ring_ratios(tables):
    """A row for each goal, a column for each payload. What reaches its goal is bold."""
    rows, payloads = {}, {}
    for policy, columns in by_policy(tables).items():
        for payload, table in columns.items():
            payloads[payload] = f"{payload} B"
            for goal in table["goals"]:
                mark = "**" if goal["ratio"] >= goal["wanted"] else ""
                quartiles = f"{goal['first_quartile']:.2f} to {goal['third_quartile']:.2f}"
                ratio = f"{mark}{goal['ratio']:.2f}{mark} ({quartiles})"
                rows.setdefault((f"{goal['name']}; {policy}", f"{goal['wanted']:g}"), {})[payload] = ratio
    cells = [[*names, *(of.get(payload, "–") for payload in payloads)] for names, of in rows.items()]
    return markdown(["", "goal", *payloads.values()], cells) if cells else ""


def compared(table):
    """A table of `compare`, and its ratios."""
    rows = [[row["name"], f"{row['nanoseconds_per_event']:.1f}",
             f"{row['first_quartile']:.1f} to {row['third_quartile']:.1f}",
             f"{row['events_per_second'] / 1e6:.1f}", f"{row['bytes_per_second'] / 1e9:.2f}"]
            for row in table["rows"] if row["rounds"]]
    text = markdown(["", "ns per event", "quartiles", "M events/s", "GB/s"], rows)
    goals = [[goal["name"], f"{goal['ratio']:.2f}", f"{goal['first_quartile']:.2f} to {goal['third_quartile']:.2f}",
              f"{goal['wanted']:.2f}", "met" if goal["ratio"] >= goal["wanted"] else "not met"]
             for goal in table["goals"] if goal["ratio"]]
    if goals:
        text += "\n" + markdown(["how many times as fast", "ratio", "quartiles", "goal", ""], goals)
    return text


def logging(tables):
    """A table for each number of threads and each load: a row for each way to log, a column for each quantile."""
    parts = []
    for load, table in ((match, table) for table in tables if (match := LOGGING.fullmatch(table["title"]))):
        quantiles, cells = {}, {}
        for row in table["rows"]:
            name, quantile, lost, reported = QUANTILE.fullmatch(row["name"]).groups()
            quantiles[quantile] = None
            of = cells.setdefault(name, {"lost": f"{lost} %" if lost else "0", "reported": f"{reported} %" if lost else "–"})
            of[quantile] = f"{row['nanoseconds_per_event']:.0f} ({row['first_quartile']:.0f} to {row['third_quartile']:.0f})"
        head = f"{load[1]} {'thread' if load[1] == '1' else 'threads'}, one {load[2]}"
        rows = [[name, *(of[quantile] for quantile in quantiles), of["lost"], of["reported"]] for name, of in cells.items()]
        parts.append(markdown([head, *(f"{quantile}, ns" for quantile in quantiles), "lost", "of that reported"], rows))
        goals = [[goal["name"], f"{goal['ratio']:.2f}", f"{goal['first_quartile']:.2f} to {goal['third_quartile']:.2f}",
                  f"{goal['wanted']:.2f}", "met" if goal["ratio"] >= goal["wanted"] else "not met"] for goal in table["goals"]]
        if goals:
            parts.append(markdown(["how many times as fast", "ratio", "quartiles", "goal", ""], goals))
    return "\n".join(parts)


def figure(value, unit):
    """As `latency` shows it: in the unit of the median, the least and the largest round in brackets."""
    if value["value"] is None:
        return "–"
    if unit == "Nanos":
        divisor, digits, suffix = next(it for it in UNITS if value["value"] >= it[0])
        divisor = divisor or 1
    else:
        divisor, digits, suffix = 1, {"Percent": 2, "Ratio": 2, "Count": 0}[unit], " %" if unit == "Percent" else ""
    text, low, high = (f"{value[key] / divisor:.{digits}f}" for key in ("value", "low", "high"))
    return f"{text}{suffix}" + (f" ({low}–{high})" if value["low"] != value["high"] else "")


def latencies(section):
    """A section of `latency`."""
    columns = section["columns"]
    kept = [index for index, column in enumerate(columns) if column["name"] not in ("times", "preempted", "TLB")]
    rows = [[row["name"], *(figure(row["figures"][index], columns[index]["unit"]) for index in kept)]
            for row in section["rows"]]
    return markdown(["", *(columns[index]["name"] for index in kept)], rows)


def table(name, reports):
    """The text for a place, or None."""
    pivots = {"ring": ring, "ring ratios": ring_ratios, "logging": logging}
    for report in reports:
        if name in pivots:
            if text := pivots[name](report.get("tables", [])):
                return text
            continue
        for kind, show in (("tables", compared), ("sections", latencies)):
            for found in report.get(kind, []):
                if found["title"].startswith(name):
                    return show(found)
    return None


def write(text, reports):
    """The document with the tables of the reports, and the names of those that were written."""
    written = []

    def place(match):
        new = table(match[2], reports)
        if new is None:
            return match[0]
        written.append(match[2])
        return f"{match[1]}{new}{match[4]}"

    return PLACE.sub(place, text), written


def self_test():
    row = {"name": "own", "nanoseconds_per_event": 2.0, "first_quartile": 1.0, "third_quartile": 3.0,
           "events_per_second": 5e8, "bytes_per_second": 4e10, "rounds": 3}
    goal = {"name": "of a copy", "ratio": 0.5, "first_quartile": 0.4, "third_quartile": 0.6, "wanted": 0.7}
    title = "Payloads of 16 bytes, the consumer looks again at once, threads pinned"
    reports = [{"tables": [{"title": title, "rows": [row], "goals": [goal]},
                           {"title": "Into a log, payloads of 64 bytes", "rows": [row], "goals": [goal]},
                           {"title": "Logging, 1 threads: a call of `info!` with three fields, one every 2000 ns", "goals": [],
                            "rows": [row | {"name": "Layer, p50; 1.50 % lost, 100 % of them reported"},
                                     row | {"name": "Layer, p99; 1.50 % lost, 100 % of them reported"},
                                     row | {"name": "fmt, p50"}, row | {"name": "fmt, p99"}]}]},
               {"sections": [{"title": "Append to follower", "columns": [{"name": "times", "unit": "Count"},
                                                                        {"name": "p50", "unit": "Nanos"},
                                                                        {"name": "p99", "unit": "Nanos"}],
                              "rows": [{"name": "log", "figures": [{"value": 7.0, "low": 7.0, "high": 7.0},
                                                                  {"value": 1500.0, "low": 900.0, "high": 2000.0},
                                                                  {"value": None, "low": None, "high": None}]}]}]}]
    places = "".join(f"text\n<!-- table {name} -->\nold\n<!-- end of table -->\n"
                     for name in ("ring", "ring ratios", "logging", "Into a log", "Append to", "Nothing"))
    text, written = write(places, reports)
    assert written == ["ring", "ring ratios", "logging", "Into a log", "Append to"], written
    assert write(text, reports)[0] == text, "written again it is the same"
    for line in ("| 1 thread, one every 2000 ns | p50, ns | p99, ns | lost | of that reported |",
                 "| Layer | 2 (1 to 3) | 2 (1 to 3) | 1.50 % | 100 % |", "| fmt | 2 (1 to 3) | 2 (1 to 3) | 0 | – |",
                 "| own | 2.0 (1.0 to 3.0) |", "| of a copy; at once | 0.7 | 0.50 (0.40 to 0.60) |",
                 "| own | 2.0 | 1.0 to 3.0 | 500.0 | 40.00 |",
                 "| of a copy | 0.50 | 0.40 to 0.60 | 0.70 | not met |", "| log | 1.50 µs (0.90–2.00) | – |",
                 "<!-- table Nothing -->\nold\n"):
        assert line in text, (line, text)


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return
    document, *paths = map(Path, sys.argv[1:])
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    text, written = write(document.read_text(encoding="utf-8"), reports)
    document.write_text(text, encoding="utf-8")
    print("\n".join(written) or "no table of these reports has a place in the document")


if __name__ == "__main__":
    main()
