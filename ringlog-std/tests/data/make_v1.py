#!/usr/bin/env python3
"""Makes the frozen test vectors of version 1 of the format: make_v1.py FOLDER

Written from docs/format.md alone; it shares no code with the library or with a reader. Every run gives the same bytes.
Beside each file or folder NAME is NAME.json, what a reader has to find:

    about      what the vector shows
    reading    whole: every record is here and right. torn: right up to `at`, and what is there is no damage, since it is at or above
               synced_offset of a file that is not sealed. damage: right up to `at`, where a reader stops. refused: no record is given out.
               ring: a dump of memory, no file; the key `ring` has its unread events.
               frames: bytes of a wire; the key `frames` has what is read of them
    at         file and offset of the damage or the tear; in a header that of the field; no offset where a whole file is meant
    records    in order: sequence, timestamp and type, flags (the user's), payload in hex, or its
               length and SHA-256 if it has more than 300 bytes; or gap; or meta: the type or "log"
    also_damaged            a file that readers pass over, and that a program which checks all reports
    cursors, index          what else is in the folder, for readers that know it

Vectors are never changed. A later version of ringlog adds some, at the end of this file, and reads all.
"""
import hashlib
import json
import struct
import sys
from pathlib import Path

CLEAN, CHECKSUMS, STREAM, SEALED = 1, 2, 4, 8
WALL = 0x100  # nanoseconds since 1970
META, GAP, CHECKSUMMED, COMMITTED = 0x10, 0x20, 0x40, 0x80
ABOUT_LOG = 2
LOG_SIDE = 1 << 31
T0 = 1_700_000_000_000_000_000


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def xxh64(data):
    """The checksum of a Zstandard frame, of which the lower half is stored; with seed 0."""
    p1, p2, p3, p4, p5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
    mask = 2 ** 64 - 1

    def rotated(value, by):
        return (value << by | value >> 64 - by) & mask

    def mixed(lane, word):
        return rotated((lane + word * p2) & mask, 31) * p1 & mask

    at, total = 0, p5
    if len(data) >= 32:
        lanes = [p1 + p2 & mask, p2, 0, -p1 & mask]
        while at + 32 <= len(data):
            lanes = [mixed(lane, word) for lane, word in zip(lanes, struct.unpack_from("<4Q", data, at))]
            at += 32
        total = sum(rotated(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18))) & mask
        for lane in lanes:
            total = ((total ^ mixed(0, lane)) * p1 + p4) & mask
    total = total + len(data) & mask
    while at + 8 <= len(data):
        total = (rotated(total ^ mixed(0, struct.unpack_from("<Q", data, at)[0]), 27) * p1 + p4) & mask
        at += 8
    if at + 4 <= len(data):
        total = (rotated(total ^ struct.unpack_from("<I", data, at)[0] * p1 & mask, 23) * p2 + p3) & mask
        at += 4
    for byte in data[at:]:
        total = rotated(total ^ byte * p5 & mask, 11) * p1 & mask
    total = (total ^ total >> 33) * p2 & mask
    total = (total ^ total >> 29) * p3 & mask
    return total ^ total >> 32


def zstd(content):
    """One Zstandard frame with the length of the content and a checksum; its blocks are stored, not compressed."""
    out = struct.pack("<IBQ", 0xFD2FB528, 0b1110_0100, len(content))
    blocks = [content[at:at + 65536] for at in range(0, len(content), 65536)]
    for number, block in enumerate(blocks):
        out += struct.pack("<I", len(block) << 3 | (number == len(blocks) - 1))[:3] + block
    return out + struct.pack("<I", xxh64(content) & 0xFFFFFFFF)


def pattern(length, start=1):
    return bytes((start + 7 * at) % 251 for at in range(length))


def shown(payload):
    """A payload in hex; one that is long by its length and SHA-256."""
    return payload.hex() if len(payload) <= 300 else f"{len(payload)} bytes, SHA-256 {hashlib.sha256(payload).hexdigest()}"


class File:
    """A file as its writer leaves it: `event`, `gap` and `meta` add a record to the bytes and to the expected reading."""

    def __init__(self, flags=CLEAN | SEALED | CHECKSUMS | WALL, sequence=0, position=0, created=T0, magic=b"EVTL", version=1):
        self.flags, self.sequence, self.position, self.created = flags, sequence, position, created
        self.covered = magic + struct.pack("<IqQQI", version, created, sequence, position, flags & 0xFF06)
        self.salt = crc32c(self.covered)
        self.body, self.records, self.starts = b"", [], []

    def end(self):
        return 64 + len(self.body)

    def record(self, timestamp, kind, flags, payload, checksum=0, padding=b"\0"):
        flags |= COMMITTED | (CHECKSUMMED if self.flags & CHECKSUMS else 0)
        head = struct.pack("<QBBH", timestamp, kind, flags, len(payload))
        if self.flags & CHECKSUMS:
            place = (self.salt ^ self.end() // 8) & 0xFFFFFFFF
            checksum = crc32c(head + struct.pack("<I", place) + payload)
        self.starts.append(self.end())
        self.body += head + struct.pack("<I", checksum) + payload + padding * (-len(payload) % 8)
        return self.sequence + len(self.starts) - 1

    def event(self, timestamp, kind, flags, payload, **how):
        sequence = self.record(timestamp, kind, flags, payload, **how)
        self.records.append({"sequence": sequence, "timestamp": timestamp, "type": kind, "flags": flags, "payload": shown(payload)})
        return self

    def gap(self, timestamp, count, reason, extent=0):
        sequence = self.record(timestamp, 0, GAP, struct.pack("<QII", count, reason, extent))
        about = {"count": count, "reason": reason & ~LOG_SIDE, "log_side": reason >= LOG_SIDE, "extent_bytes": extent * 8}
        self.records.append({"sequence": sequence, "timestamp": timestamp, "gap": about})
        return self

    def meta(self, kind, text):
        about = kind == "log"
        payload = text.encode()
        sequence = self.record(0, 0 if about else kind, META | (ABOUT_LOG if about else 0), payload)
        self.records.append({"sequence": sequence, "meta": kind, "payload": payload.hex()})
        return self

    def events(self, count, first=0, length=8):
        for number in range(first, first + count):
            self.event(T0 + number, number % 3 + 1, number % 16, pattern(length, number + 1))
        return self

    def done(self, tail=b"", count=None, write=None, synced=None, flags=None):
        """The bytes: header, records, and `tail` after write_offset."""
        at_end = 64 if self.flags & STREAM else self.end()
        count = (0 if self.flags & STREAM else len(self.starts)) if count is None else count
        write = at_end if write is None else write
        head = self.covered[:16] + struct.pack("<QQQ", count, write, at_end if synced is None else synced)
        head += self.covered[16:32] + struct.pack("<II", self.flags if flags is None else flags, self.salt)
        return head + self.body + tail


def put(data, offset, new):
    return data[:offset] + new + data[offset + len(new):]


def name_of(sequence):
    return f"{sequence:020}.evtl"


def writer_file(sequence, position, state="closed", first=0):
    """The file `writer` of a log."""
    text = f"pid: 4711\nboot_id: \nlog_identity: {IDENTITY:032x}\nfirst: {first}\nring_identity: 0\nstate: {state}\n"
    text += f"end: {sequence} {position}\n" if state == "closed" else ""
    return (text + f"checksum: {crc32c(text.encode()):08x}\n").encode()


IDENTITY = 0x00112233445566778899AABBCCDDEEFF
vectors = {}


def vector(name, about, content, records, reading="whole", file=None, offset=None, **more):
    """`content`: the bytes of a file, or a folder as a dictionary from names to bytes."""
    at = {} if reading == "whole" else {"at": {"file": file or f"{name}.evtl", **({} if offset is None else {"offset": offset})}}
    assert name not in vectors
    vectors[name] = content, {"about": about, "reading": reading, **at, "records": records, **more}


def single(name, about, file, **done):
    vector(name, about, file.done(**done), file.records)


def damaged(name, about, good, content, whole, offset):
    """A file that is right up to its record number `whole`, and refused at an offset."""
    vector(name, about, content, good.records[:whole], "damage" if whole else "refused", offset=offset)


# Files that are whole.

LENGTHS = (0, 1, 7, 8, 9, 15, 16, 17, 300)


def lengths(flags):
    file = File(flags)
    for number, length in enumerate(LENGTHS):
        # Timestamps go back and forth, and to the end of their range.
        timestamp = (T0, 0, 2 ** 64 - 1, 5)[number % 4]
        file.event(timestamp, (0, 1, 255)[number % 3], number * 2 % 16, pattern(length, number), checksum=0xDEADBEEF)
    return file


single("empty", "a file without records, with room for some", File(), tail=bytes(64))
single("plain", "no checksums: the checksum field means nothing", lengths(CLEAN | SEALED | WALL))
single("checksums", "payloads of several lengths, timestamps that go back, all with a checksum", lengths(CLEAN | SEALED | CHECKSUMS | WALL))
single("largest", "the longest payload", File().event(T0, 1, 0, pattern(65535)).event(T0 + 1, 1, 0, b""))
for clock, what in enumerate(("unspecified", None, "monotonic nanoseconds", "ticks")):
    if what:
        single(f"clock_{clock}", f"timestamps are {what}", File(CLEAN | SEALED | CHECKSUMS | clock << 8).events(2))
single("clock_unknown", "a clock that version 1 does not name; timestamps are numbers", File(CLEAN | SEALED | CHECKSUMS | 0x4200).events(2))
single("clock_before_1970", "created_at is negative", File(created=-1).events(1))
single("high_sequence", "a file in the middle of a log, near the end of the range",
       File(sequence=2 ** 62, position=2 ** 62).events(2))
reasons = File().event(T0, 1, 0, b"a")
for reason in range(1, 11):
    reasons.gap(T0 + reason, 10 + reason, reason, extent=reason if reason in (3, 4) else 0)
single("gaps", "a GAP of each reason", reasons.event(T0 + 20, 1, 0, b"b"))
single("gaps_other", "a reason that version 1 does not name, an unknown count, the largest numbers, the log's side",
       File().gap(0, 0, 3 | LOG_SIDE, 0).event(T0, 1, 0, b"a").gap(T0, 7, 77).gap(T0, 0, 4).gap(2 ** 64 - 1, 2 ** 64 - 1, 2 ** 31 - 1, 2 ** 32 - 1)
       .gap(T0 + 1, 5, 2 | LOG_SIDE, 40))

TICK = '{"type":1,"name":"tick","size":8,"fields":[{"name":"price","offset":0,"kind":"i32","scale":-2},{"name":"size","offset":4,"kind":"u32"}]}'
NOTE = '{"type":2,"name":"note","size":0,"fields":[],"tail":"text"}'
TICK_2 = '{"type":1,"name":"tick","size":12,"fields":[{"name":"size","offset":0,"kind":"u64"},{"name":"price","offset":8,"kind":"i32","scale":-2}]}'
ABOUT = '{"log":{"ticks_per_second":32768,"user":{"host":"gw7"}}}'


def typed():
    return (File().meta("log", ABOUT).meta(1, TICK).meta(2, NOTE).event(T0, 1, 0, struct.pack("<iI", -125, 3))
            .event(T0 + 1, 2, 0, "schön".encode()).event(T0 + 2, 3, 0, b"\1\2"))


single("meta", "two types and the log are described, a third type is not", typed())
single("meta_twice", "a type is described twice, with a GAP of the log's side between: the later one counts",
       File().meta(1, TICK).gap(0, 0, 3 | LOG_SIDE).meta(1, TICK_2).event(T0, 1, 0, struct.pack("<Qi", 3, 250)))
single("meta_not_json", "what is no JSON describes nothing, and the file is whole", File().meta(1, "{tick").event(T0, 1, 0, b"abcd"))
single("meta_unknown_keys", "keys that version 1 does not know are passed over",
       File().meta(2, NOTE[:-1] + ',"color":"red"}').meta("log", '{"log":{"planet":"earth","user":{"a":"b"}}}').event(T0, 2, 0, b"abcd"))
single("meta_unknown_kind", "a kind and a tail that version 1 does not know describe nothing, and the file is whole",
       File().meta(1, TICK.replace("i32", "decimal128")).meta(2, NOTE.replace("text", "msgpack")).event(T0, 1, 0, bytes(8)).event(T0, 2, 0, b"abc"))
single("meta_does_not_fit", "an event shorter than its description is shown as bytes", File().meta(1, TICK).event(T0, 1, 0, b"abc"))

stream = File(STREAM | CHECKSUMS | WALL).events(3, length=5).gap(T0 + 9, 2, 1)
single("stream_end", "STREAM, to the end of the file", stream)
single("stream_zeros", "STREAM, then memory of zeros", stream, tail=bytes(100))
single("stream_erased", "STREAM, then erased flash", stream, tail=b"\xff" * 100)
single("stream_few", "STREAM, then five bytes 0xFF at the very end", stream, tail=b"\xff" * 5)
single("stream_plain", "STREAM without checksums", File(STREAM | WALL).events(3), tail=bytes(16))

live = File(CHECKSUMS | WALL).events(5)
single("unsealed", "the writer lives or was killed: event_count is a hint and is late", live, tail=bytes(80), count=3)
single("unsealed_hint", "event_count is ahead, and half a record is after write_offset", live, tail=b"\x55" * 24, count=9, synced=64)
vector("torn", "not sealed, and a record at or above synced_offset is not whole",
       put(live.done(tail=bytes(40), synced=live.starts[2]), live.starts[3] + 16, b"\0\0\0\0"), live.records[:3], "torn", offset=live.starts[3])
former = File(created=T0 - 1).events(8)
recycled = File().events(2)
single("recycled", "the blocks had another file, whose records are still after write_offset", recycled, tail=former.body[len(recycled.body):])
old = File(CHECKSUMS | WALL).events(2)
vector("recycled_stale", "write_offset is past two records of the file that had the blocks before: their salt is another one",
       old.done(write=former.starts[4], synced=64, tail=former.body[len(old.body):]), old.records, "torn", offset=former.starts[2])

# Folders.


def segment(first, count, position, flags=CLEAN | SEALED | CHECKSUMS | WALL):
    return File(flags, sequence=first, position=position, created=T0 + first).events(count, first)


def folder(*files, **more):
    return {name_of(file.sequence): file.done(tail=bytes(32)) for file in files} | more


def records(*files):
    return [record for file in files for record in file.records]


a, b, c = segment(0, 3, 0), segment(3, 4, 72), segment(7, 2, 168)
live_c = segment(7, 2, 168, CHECKSUMS | WALL)
vector("segments", "three segments and how the writer closed them", folder(a, b, c, writer=writer_file(9, 216)), records(a, b, c))
vector("segments_live", "the last segment has a writer; there are files that are no segments",
       folder(a, b, live_c, **{"writer": writer_file(0, 0, "open"), name_of(0) + ".1": b"moved aside", "notes.txt": b"not a segment"}),
       records(a, b, live_c))
vector("segments_retired", "the oldest segments were deleted", folder(b, c, writer=writer_file(9, 216, first=3)), records(b, c))
vector("writer_damaged", "a file `writer` that says nothing; the log is read to the end that is there",
       folder(a, b, writer=writer_file(9, 216)[:-3] + b"00\n"), records(a, b), also_damaged="writer")
crashed = File(SEALED | CHECKSUMS | WALL, created=T0 + 40).events(6)
after = File(sequence=4, position=96, created=T0 + 50).gap(0, 0, 3 | LOG_SIDE).events(2, 20)
vector("overtaken", "after a crash the log continued at position 96: the fifth and the sixth record of the first segment do not count",
       folder(crashed, after), crashed.records[:4] + after.records)
one = File().meta(1, TICK).event(T0, 1, 0, struct.pack("<iI", 100, 1))
two = File(sequence=2, position=24, created=T0 + 2).meta(1, TICK_2).event(T0 + 2, 1, 0, struct.pack("<Qi", 5, 101))
vector("layouts_changed", "the second segment describes type 1 anew", folder(one, two, writer=writer_file(4, 56)), records(one, two))


def slot(generation, sequence, identity=IDENTITY, magic=b"EVTC"):
    text = magic + struct.pack("<IQQqII16sI", 1, generation, sequence, T0, 4711, 0, identity.to_bytes(16, "little"), 0)
    return (text + struct.pack("<I", crc32c(text))).ljust(4096, b"\0")


vector("cursors", "four readers: one slot, the larger generation in the second slot, a slot that was cut short, no valid slot",
       folder(a, b, c, writer=writer_file(9, 216), **{
           "cursors/one": slot(1, 2) + bytes(4096), "cursors/second": slot(4, 3) + slot(5, 7),
           "cursors/torn": slot(2, 4) + put(slot(3, 6), 16, b"\x09"), "cursors/damaged": bytes(8192), "cursors/.tmp": b"ignored"}),
       records(a, b, c), cursors={"one": 2, "second": 7, "torn": 4, "damaged": None})

long = File().events(5, length=9000)
entries = []
for number, start in enumerate(long.starts):
    if not entries or start - entries[-1][0] >= 32768:
        entries.append((start, number, max((T0 + before for before in range(number)), default=0)))
table = b"".join(struct.pack("<QQQ", *entry) for entry in entries)
index = b"EVTX" + struct.pack("<IIIQQQQ12x", 1, long.salt, crc32c(table), long.end(), 5, T0 + 4, len(entries))
index += struct.pack("<I", crc32c(index)) + table
vector("index", "a segment with an index", {name_of(0): long.done(), "index/" + f"{0:020}.idx": index}, records(long),
       index={"file": f"index/{0:020}.idx", "entries": [list(entry) for entry in entries]})
vector("compressed", "the first segment is a compressed copy; a reader that does not decompress refuses the folder",
       {name_of(0) + ".zst": zstd(a.done(tail=bytes(32))), name_of(3): b.done(tail=bytes(32)), "writer": writer_file(7, 168)},
       records(a, b), without_zstd=name_of(0) + ".zst")

# Damage.

good = File().events(4, length=5)
whole = good.done(tail=bytes(24))
third = good.starts[2]


def header(name, about, content, offset):
    damaged("header_" + name, about, good, content, 0, offset)


header("short", "63 bytes", whole[:63], 63)
header("magic", "another magic", File(magic=b"EVTM").events(1).done(), 0)
header("version", "version 2: nothing after it is read", put(File(version=2).events(1).done(), 24, b"\xff" * 8), 4)
header("checksum", "one bit of created_at is wrong", put(whole, 8, bytes([whole[8] ^ 1])), 60)
header("sequence", "base_sequence is above 2^62", File(sequence=2 ** 62 + 1).events(1).done(), 40)
header("position", "base_position is no multiple of 8", File(position=12).events(1).done(), 48)
header("flags", "a flag that version 1 does not know", good.done(flags=good.flags | 0x10000), 56)
header("write_offset", "write_offset is no multiple of 8", good.done(write=good.end() - 4), 24)
header("write_offset_low", "write_offset is in the header", good.done(write=56), 24)
header("synced_offset", "synced_offset is in the header", good.done(synced=0), 32)
header("cut_short", "the file ends before write_offset", whole[:third + 8], 24)
damaged("event_count", "sealed with one record more than there are", good, good.done(count=5), 4, 16)
damaged("checksum", "one bit of a payload is wrong", good, put(whole, third + 16, bytes([whole[third + 16] ^ 4])), 2, third)
damaged("checksum_time", "one bit of a timestamp is wrong", good, put(whole, third, bytes([whole[third] ^ 1])), 2, third)
damaged("padding", "a padding byte is not zero", good, put(whole, third + 16 + 6, b"\1"), 2, third)
damaged("not_committed", "a record without COMMITTED", good, put(whole, third + 9, bytes([whole[third + 9] & 0x7F])), 2, third)
damaged("zeros", "a record of zeros", good, put(whole, third, bytes(24)), 2, third)
damaged("meta_and_gap", "META and GAP in one record", good, put(whole, third + 9, b"\xf0"), 2, third)
damaged("too_long", "payload_len reaches past write_offset", good, put(whole, third + 10, b"\xff\xff"), 2, third)
damaged("swapped", "two whole records that changed places", good,
        whole[:third] + whole[third + 24:third + 48] + whole[third:third + 24] + whole[third + 48:], 2, third)
damaged("no_room", "eight bytes are left, which is no record", good, good.done(tail=bytes(8), write=good.end() + 8), 4, good.end())
odd = File().events(2)
odd.record(T0, 0, GAP, bytes(8))
damaged("gap_length", "a GAP with a payload of 8 bytes", odd, odd.done(), 2, odd.starts[2])
odd = File().events(2)
odd.record(0, 1, META, TICK.encode())
damaged("meta_late", "a META record after the preamble", odd, odd.done(), 2, odd.starts[2])
odd = File().events(2)
odd.flags ^= CHECKSUMS
odd.record(T0, 1, 0, b"abc")
odd.flags ^= CHECKSUMS
damaged("unchecked", "a record without a checksum in a file with them", odd, odd.done(), 2, odd.starts[2])
odd = File(CLEAN | SEALED | WALL).events(2)
odd.record(T0, 1, CHECKSUMMED, b"abc")
damaged("checked", "a record with a checksum in a file without them", odd, odd.done(), 2, odd.starts[2])
# The same where no checksum notices it.
bare = File(CLEAN | SEALED | WALL).gap(T0, 1, 3 | LOG_SIDE).events(3, length=5)
plain, second = bare.done(tail=bytes(64)), bare.starts[1]
damaged("plain_not_committed", "no checksums, and a record without COMMITTED", bare, put(plain, second + 9, bytes([plain[second + 9] & 0x7F])), 1, second)
damaged("plain_padding", "no checksums, and a padding byte is not zero", bare, put(plain, second + 16 + 7, b"\1"), 1, second)
damaged("plain_too_long", "no checksums, and payload_len reaches past write_offset into bytes of zeros", bare,
        put(plain, bare.starts[3] + 10, b"\x28\x00"), 3, bare.starts[3])
damaged("plain_meta_and_gap", "no checksums, and META and GAP in the first record", bare, put(plain, 64 + 9, b"\xb0"), 0, 64)
vector("synced_damage", "not sealed, and a record below synced_offset is not whole: damage, no tear",
       put(live.done(), live.starts[3] + 16, b"\0\0\0\0"), live.records[:3], "damage", offset=live.starts[3])
vector("stream_cut", "STREAM, and the last record is cut short", stream.done()[:-8], stream.records[:3], "damage", offset=stream.starts[3])
vector("stream_garbage", "STREAM, then bytes that are no record", stream.done(tail=b"\1" * 24), stream.records, "damage", offset=stream.end())
vector("segment_missing", "the second of three segments is missing", folder(a, c), a.records, "damage", name_of(7), 40)
vector("segment_named_wrong", "a name that is not the header's base_sequence", {name_of(0): a.done(), name_of(4): b.done()},
       a.records, "damage", name_of(4), 40)
vector("segment_last_missing", "the log was closed with three segments, the last is missing", folder(a, b, writer=writer_file(9, 216)),
       records(a, b), "damage", name_of(7))
vector("segment_renamed", "a segment that a program has compressed: the log would have a hole",
       {name_of(0) + ".gz": b"\x1f\x8b", name_of(3): b.done()}, [], "refused", name_of(0) + ".gz")
vector("segments_none", "a folder without a segment", {"notes.txt": b"not a segment"}, [], "refused", ".")
vector("segments_all_missing", "the log was closed with records, and has no segment", {"writer": writer_file(9, 216)}, [], "refused", ".")
vector("segment_zeros", "a segment of zeros", {name_of(0): a.done(), name_of(3): bytes(128)}, a.records, "damage", name_of(3))

# Rings: three events and a GAP are unread, two more events were read. The last record straddles the end of the lap.

# By the bytes of a word: where the control words are, in words after the four constants; the layout's version and lines; the data.
MAGIC = {8: 0x52494E474C4F4731, 4: 0x524C4731, 2: 0x5231}
PLACES = {8: dict(identity=32, boot=40, head=128, gap_at=152, tail=256, data=384), 4: dict(identity=16, boot=24, head=32, gap_at=44, tail=56, data=64),
          2: dict(identity=8, boot=16, head=24, gap_at=30, tail=40, data=48)}


def ring(word=8, order="little", tail=0x1000, overwriting=False):
    capacity, overrun, place = 256, 128, PLACES[word]
    lap, where, start = bytearray(capacity + overrun), tail, None
    unread = []
    for number, length in enumerate((60, 50, 30, 16, 44, 77)):
        is_gap = number == 3
        payload = struct.pack("<QII", 6, 1, 0) if is_gap else pattern(length, number)
        # Records are little-endian on every machine.
        stored = struct.pack("<QBBHI", T0 + number, 0 if is_gap else 5, COMMITTED | (GAP if is_gap else number), len(payload), 0) + payload
        stored += bytes(-len(payload) % 8)
        if number == 2:
            start = where
        if number >= 2:
            unread.append({"timestamp": T0 + number, "gap": {"count": 6, "reason": 1, "log_side": False, "extent_bytes": 0}} if is_gap else
                          {"timestamp": T0 + number, "type": 5, "flags": number, "payload": payload.hex()})
        lap[where % capacity:where % capacity + len(stored)] = stored
        where += len(stored)
    control = bytearray(place["data"])
    layout = (2 | 2 << 11 if word == 8 else 1) | (word.bit_length() - 1) << 8 | overwriting << 15
    words = {0: MAGIC[word], word: layout, 2 * word: capacity, 3 * word: overrun, place["identity"]: 0xCDEF, place["boot"]: 1,
             place["head"]: where, place["head"] + word: 1, place["gap_at"]: 1, place["tail"]: start}
    for at, value in words.items():
        control[at:at + word] = (value % 2 ** (8 * word)).to_bytes(word, order)
    assert where - start <= capacity and len(lap) == capacity + overrun
    return bytes(control + lap), unread


def ring_vector(name, about, **what):
    image, unread = ring(**what)
    # A ring in a file fills its last page; the others are dumps.
    vector(name, about, image.ljust(4096, b"\0") if name == "ring" else image, [], "ring", f"{name}.ring", ring=unread)


ring_vector("ring", "a ring of 64 bits in a file: what its consumer has not read")
ring_vector("ring_wraps", "the same, and the head has wrapped", tail=2 ** 64 - 256)
ring_vector("ring_overwriting", "a flight recorder: older records were overwritten", overwriting=True)
ring_vector("ring_32", "a ring of 32 bits", word=4)
ring_vector("ring_32_big_endian", "a ring of 32 bits on a big-endian machine: its control words are, its records are not", word=4, order="big")
ring_vector("ring_16", "a ring of 16 bits whose head has wrapped", word=2, tail=2 ** 16 - 256)


# Bytes of a wire.


def stuffed(data):
    out = b""
    for piece in data.split(b"\0"):
        full, rest = divmod(len(piece), 254)
        out += b"".join(b"\xff" + piece[at * 254:at * 254 + 254] for at in range(full))
        # A piece of 254 bytes that a zero ends is followed by an empty one.
        out += bytes([rest + 1]) + piece[full * 254:]
    return out


def frame(salt, number, kind, body):
    data = struct.pack("<BBI", 0x10 | kind, salt & 0xFF, number) + body
    return stuffed(data + struct.pack("<I", crc32c(data))) + b"\0"


def sent(timestamp, kind, flags, payload):
    return struct.pack("<QBB", timestamp, kind, flags) + payload


def wire():
    first, second = (File(STREAM | CHECKSUMS | 0x300, created=created) for created in (1, 2))
    heads = [file.done()[:64] for file in (first, second)]
    a, b = first.salt, second.salt
    assert a & 0xFF != b & 0xFF
    tick, large, text = bytes(8), bytes(1 + at % 255 for at in range(300)), b"after a reset"
    data = b"\0boot loader\n\0" + frame(a, 0, 1, heads[0]) + frame(a, 0, 2, b"\1\0" + TICK.encode())
    data += frame(a, 0, 8, sent(10, 1, 3, tick)) + frame(a, 1, 8, sent(11, 3, 0, b""))
    # Record 2 is missing; record 4 has a wrong bit; kinds 4 and 9 are not known, and 9 is a record.
    data += frame(a, 3, 8, sent(13, 3, 0, large)) + frame(a, 4, 3, struct.pack("<Q", 4)) + frame(a, 4, 4, b"something")
    broken = bytearray(frame(a, 4, 8, sent(14, 3, 0, b"broken")))
    broken[-3] ^= 4
    data += bytes(broken) + frame(a, 5, 1, heads[0]) + frame(a, 5, 8, sent(15, 3, 0, large[:250]))
    data += frame(a, 6, 8, sent(16, 0, GAP, struct.pack("<QII", 7, 1, 0))) + frame(a, 7, 8, sent(17, 3, 15, b"\0\0")) + frame(a, 8, 9, b"later")
    data += frame(b, 0, 1, heads[1]) + frame(b, 0, 8, sent(1, 3, 0, text))

    def event(timestamp, kind, flags, payload):
        return {"timestamp": timestamp, "type": kind, "flags": flags, "payload": shown(payload)}

    def lost(count, reason):
        return {"gap": {"count": count, "reason": reason}}

    return data, [{"meta": 1, "payload": TICK.encode().hex()}, event(10, 1, 3, tick), event(11, 3, 0, b""), lost(1, 9), event(13, 3, 0, large),
                  lost(1, 9), event(15, 3, 0, large[:250]), lost(7, 1), event(17, 3, 15, b"\0\0"), lost(1, 7), lost(0, 10), event(1, 3, 0, text)]


line, heard = wire()
vector("frames", "a serial line: text of a boot loader, a frame that is missing, one that is broken, two of unknown kinds, a reset",
       line, [], "frames", "frames.wire", frames=heard)


def main():
    to = Path(sys.argv[1])
    to.mkdir(parents=True, exist_ok=True)
    for name, (content, expected) in vectors.items():
        ending = {"ring": ".ring", "frames": ".wire"}.get(expected["reading"], ".evtl")
        for path, data in content.items() if isinstance(content, dict) else [("", content)]:
            target = to / name / path if path else to / (name + ending)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        lines = ",\n".join("  " + json.dumps(record) for record in expected["records"])
        head = {key: value for key, value in expected.items() if key != "records"}
        text = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
        (to / (name + ".json")).write_text(f"{{\n{text},\n \"records\": [\n{lines}\n ]\n}}\n")


if __name__ == "__main__":
    main()
