#!/usr/bin/env python3
"""Prints the events of a ringlog file or folder, one JSON object a line: python3 docs/reader.py [--meta] LOG

With --meta it also prints META records, and the name and the fields of each event that they describe.

Written from docs/format.md alone, as a check of that document and a start for readers in other languages.
Exit code: 0 all read, every checksum right; 3 an unsealed file ends, beyond its synced_offset, in a record
that is not whole; 1 damage, records missing at the end of a closed log, or no log, with the file and the
offset on stderr; 2 usage.
"""
import json, os, re, struct, sys
from decimal import Decimal

CHECKSUMS, STREAM, SEALED, KNOWN = 2, 4, 8, 0xFF0F
MAX_POSITION = 2 ** 62  # of positions and of sequences
COMMITTED, CHECKSUMMED, GAP, META, ABOUT_LOG = 0x80, 0x40, 0x20, 0x10, 0x02
REASONS = {1: "ring full", 2: "disk full", 3: "recovery cut", 4: "reader overrun", 5: "too long", 6: "receiver full",
           7: "not readable", 8: "recorder ended", 9: "lost on the wire",
           10: "device reset"}


class Damage(Exception):
    """The arguments: path, offset, text, whether it may be the tear of a power loss."""


TABLE = list(range(256))
for _ in range(8):
    TABLE = [value >> 1 ^ (0x82F63B78 if value & 1 else 0) for value in TABLE]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


NUMBERS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i8": "b", "i16": "h", "i32": "i", "i64": "q", "f32": "f",
           "f64": "d", "bool": "B", "timestamp": "Q"}


def schema_of(payload):
    """The JSON object of a META record; None if it is none."""
    try:
        schema = json.loads(payload.decode())
    except ValueError:
        return None
    return schema if isinstance(schema, dict) else None


def value_of(field, payload):
    """The value of a field; a ValueError if the payload does not fit. Arrays and structs are not read: None."""
    at, kind = field["offset"], field["kind"]
    if kind in ("text", "bytes"):
        value = payload[at:at + field["length"]]
        return value.partition(b"\0")[0].decode() if kind == "text" else value.hex()
    if kind not in NUMBERS:
        return None
    (value,) = struct.unpack_from("<" + NUMBERS[kind], payload, at)
    if kind == "bool":
        return (False, True)[value]
    if "labels" in field:
        return field["labels"].get(str(value), value)
    # A scaled number is exact as a text only.
    return str(Decimal(value).scaleb(field["scale"])) if "scale" in field else value


def described(schema, payload):
    """The name and the fields of an event; nothing if the payload does not fit its schema."""
    try:
        if schema is None:
            return {}
        fixed, tail, kind = payload[:schema["size"]], payload[schema["size"]:], schema.get("tail", "none")
        if len(fixed) < schema["size"] or tail and kind == "none":
            return {}
        fields = {field["name"]: value_of(field, fixed) for field in schema["fields"]}
        if kind != "none":
            fields["tail"] = tail.decode() if kind == "text" else tail.hex()
        return {"name": schema["name"], "fields": fields}
    except (LookupError, TypeError, AttributeError, ValueError, struct.error):
        return {}


class Segment:
    """One file: its header, checked, and the bytes of its records."""
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.read_header(file.read(64))
            size = os.fstat(file.fileno()).st_size
            if self.write_offset > size and not self.flags & STREAM:
                raise Damage(path, 24, f"write_offset is {self.write_offset}, the file ends at {size}")
            self.body = file.read() if self.flags & STREAM else file.read(self.write_offset - 64)

    def read_header(self, head):
        if len(head) < 64:
            raise Damage(self.path, len(head), "shorter than a file header")
        (magic, version, self.created_at, self.event_count, self.write_offset, self.synced_offset,
         self.base_sequence, self.base_position, self.flags, stored) = struct.unpack("<4sIqQQQQQII", head)
        if magic != b"EVTL":
            raise Damage(self.path, 0, f"magic is {magic!r}, not b'EVTL'")
        if version != 1:
            raise Damage(self.path, 4, f"version {version}, this reads version 1")
        self.salt = crc32c(head[0:16] + head[40:56] + struct.pack("<I", self.flags & 0xFF06))
        if stored != self.salt:
            raise Damage(self.path, 60, f"header checksum {stored:#010x} stored, {self.salt:#010x} computed")
        for value, at in (self.base_sequence, 40), (self.base_position, 48):
            if value > MAX_POSITION:
                raise Damage(self.path, at, f"{value} is more than 2^62, which no log reaches")
        if self.base_position % 8:
            raise Damage(self.path, 48, f"no record is at position {self.base_position}")
        if self.flags & ~KNOWN:
            raise Damage(self.path, 56, f"unknown flag bits in {self.flags:#x}")
        for value, at in (self.write_offset, 24), (self.synced_offset, 32):
            if value < 64 or value % 8:
                raise Damage(self.path, at, f"no record can end at {value}")

    def record_at(self, at):
        """The record at `at` in the body: timestamp, type, flags, payload, stride."""
        def damage(text):
            tear = not self.flags & (SEALED | STREAM) and 64 + at >= self.synced_offset
            return Damage(self.path, 64 + at, text, tear)

        left = len(self.body) - at
        if left < 16:
            raise damage(f"{left} bytes left, no record is that short")
        timestamp, event_type, flags, length, stored = struct.unpack_from("<QBBHI", self.body, at)
        if not flags & COMMITTED:
            raise damage("no committed record")
        if flags & META and flags & GAP:
            raise damage("flag bits of META and GAP both set")
        if flags & GAP and length != 16:
            raise damage(f"GAP record with a payload of {length} bytes")
        stride = (16 + length + 7) // 8 * 8
        if stride > left:
            raise damage(f"record of {stride} bytes, {left} bytes left")
        payload = self.body[at + 16:at + 16 + length]
        if any(self.body[at + 16 + length:at + stride]):
            raise damage("padding is not zero")
        if bool(flags & CHECKSUMMED) != bool(self.flags & CHECKSUMS):
            raise damage("record and file disagree on whether there are checksums")
        if flags & CHECKSUMMED:
            place = struct.pack("<I", self.salt ^ ((64 + at) // 8 & 0xFFFFFFFF))
            computed = crc32c(self.body[at:at + 12] + place + payload)
            if computed != stored:
                raise damage(f"checksum {stored:#010x} stored, {computed:#010x} computed")
        return timestamp, event_type, flags, payload, stride

    def at_end(self, at):
        rest = self.body[at:at + 16]
        return not rest or bool(self.flags & STREAM) and rest in (b"\0" * len(rest), b"\xff" * len(rest))

    def print_events(self, next_position, shows_meta):
        """Prints everything below `next_position` (None = all), returns the number of records."""
        at = preamble = index = 0
        schemas = {}  # By type. A reader begins each file with none.
        while not self.at_end(at):
            timestamp, event_type, flags, payload, stride = self.record_at(at)
            count, reason, extent = struct.unpack("<QII", payload) if flags & GAP else (0, 0, 0)
            if preamble == at and (flags & META or reason >> 31):
                preamble += stride
            elif flags & META:
                raise Damage(self.path, 64 + at, "META record after the preamble")
            elif next_position is not None and self.base_position + at - preamble >= next_position:
                return index
            if flags & META:
                schema = schema_of(payload)
                if schema is not None and not flags & ABOUT_LOG:
                    schemas[event_type] = schema
                if shows_meta:
                    about = "log" if flags & ABOUT_LOG else event_type
                    shown = payload.decode(errors="replace") if schema is None else schema
                    print(json.dumps({"sequence": self.base_sequence + index, "meta": about, "schema": shown}))
                at, index = at + stride, index + 1
                continue
            event = {"sequence": self.base_sequence + index, "timestamp": timestamp}
            if flags & GAP:
                reason, log_side = reason & 0x7FFFFFFF, bool(reason >> 31)
                event["gap"] = {"count": count, "reason": REASONS.get(reason, f"reason {reason}"),
                                "log_side": log_side, "extent_bytes": extent * 8}
            else:
                event |= {"event_type": event_type, "flags": flags & 15, "payload": payload.hex()}
                event |= described(schemas.get(event_type), payload) if shows_meta else {}
            print(json.dumps(event))
            at, index = at + stride, index + 1
        if self.flags & (SEALED | STREAM) == SEALED and index != self.event_count:
            raise Damage(self.path, 16, f"sealed with {self.event_count} records, {index} are here")
        return index


def recorded_end(log):
    """The sequence at which a folder's log was closed; None where that is not recorded."""
    try:
        with open(os.path.join(log, "writer"), "rb") as file:
            text = file.read(4096)
    except OSError:
        return None
    lines, line, rest = text.partition(b"\nchecksum: ")
    if not line or rest[:9] != b"%08x\n" % crc32c(lines + b"\n"):
        print(f"{log}/writer: damaged, so the end of the log is not recorded", file=sys.stderr)
        return None
    end = re.search(rb"^end: (\d+) \d+$", lines, re.MULTILINE)
    return int(end[1]) if end else None


def check_names(log, names):
    """A segment under a name with a further ending, such as .zst, is refused: without it the log would have a hole."""
    for name in names:
        ending = re.fullmatch(r"[0-9]{20}\.evtl\.([^.]*)(\..*)?", name, re.DOTALL)
        if ending and not (re.fullmatch(r"[0-9]+", ending[1]) and int(ending[1]) < 2 ** 32):
            raise Damage(os.path.join(log, name), 0, f"decompress this segment to {name[:25]}, or move it away")


def print_log(log, shows_meta):
    paths, expected, end = [log], None, None
    if os.path.isdir(log):
        end = recorded_end(log)
        listed = sorted(os.listdir(log))
        check_names(log, listed)
        names = [name for name in listed if re.fullmatch(r"[0-9]{20}\.evtl", name)]
        paths = [os.path.join(log, name) for name in names]
        if paths and end is not None and int(os.path.basename(paths[-1])[:20]) >= end:
            with open(paths[-1], "rb") as file:
                if not any(file.read(64)):
                    paths.pop()  # the log was closed before it
    if not paths and end:
        raise Damage(log, 0, f"the log was closed at record {end}, and has no segment")
    if not paths:
        raise Damage(log, 0, "no segments (files named by 20 digits and .evtl)")
    for path, successor in zip(paths, paths[1:] + [None]):
        segment = Segment(path)
        named = int(os.path.basename(path)[:20]) if path != log else None
        if {named, expected, segment.base_sequence} - {None, segment.base_sequence}:
            raise Damage(path, 40, f"base_sequence {segment.base_sequence}, not {named if expected is None else expected}")
        try:
            next_position = Segment(successor).base_position if successor else None
        except Damage:
            next_position = None  # The next turn reports it, after the records of this segment.
        expected = segment.base_sequence + segment.print_events(next_position, shows_meta)
    if end is not None and expected < end:
        path = os.path.join(log, f"{expected:020}.evtl")
        raise Damage(path, 0, f"the log was closed at record {end}, and ends at record {expected}: this file is missing")


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--meta"]
    if len(arguments) != 1:
        print("usage: reader.py [--meta] LOG", file=sys.stderr)
        return 2
    try:
        return print_log(arguments[0], "--meta" in sys.argv[1:]) or 0
    except Damage as damage:
        print("{}: offset {}: {}".format(*damage.args), file=sys.stderr)
        return 3 if any(damage.args[3:]) else 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 1


sys.exit(main())
