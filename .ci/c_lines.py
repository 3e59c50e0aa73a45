#!/usr/bin/env python3
"""Turns the lines of docs/reader.py into those of ringlog-std/c/tests/read_by_format.c."""
import json, sys

REASONS = {"ring full": 1, "disk full": 2, "recovery cut": 3, "reader overrun": 4, "too long": 5, "receiver full": 6,
           "not readable": 7, "recorder ended": 8,
           "lost on the wire": 9, "device reset": 10}

for line in sys.stdin:
    event = json.loads(line)
    if "meta" in event:
        print(event["sequence"], "meta")
    elif "gap" in event:
        print(event["sequence"], event["timestamp"], "gap", event["gap"]["count"], REASONS[event["gap"]["reason"]])
    else:
        print(event["sequence"], event["timestamp"], event["event_type"], event["flags"], event["payload"])
