#!/usr/bin/env python3
"""Checks firmware images and what the emulators left. For .ci/firmware.sh.

    firmware.py image ELF OBJDUMP            no panic, allocation, wide atomic or division in it
    firmware.py row TARGET IMAGES SMALL ELF TRACE   a row of the cost table, goals checked
    firmware.py table DOCUMENT FILE RUSTC    FILE's rows against the table in DOCUMENT, within 5 %
    firmware.py update DOCUMENT FILE RUSTC   puts FILE's rows into DOCUMENT
    firmware.py stream FIRST END             stdin: `ringlog cat --format hex` against the script of events
    firmware.py received COUNT JSON         what `ringlog receive --json` said of frames of which 3 bytes are missing
    firmware.py dump QEMU... -- START LENGTH FILE   runs an emulator until READY and saves its memory
    firmware.py report JSON SAID             `ringlog recover-image --json` against what the firmware said
"""
import json, os, re, select, struct, subprocess, sys, time

IMAGES = ("write", "write_fixed", "claim", "read", "drain", "write_read")
LIBRARY = re.compile(r"mem(cpy|move|set|clr|cmp)")
FORBIDDEN = {
    "a panic": r"panic|this_image_can_panic|unwrap_failed|expect_failed|slice_(start|end|index)",
    "an allocation": r"__rust_(alloc|realloc|dealloc)|__rg_|malloc",
    "a wide or library atomic": r"__atomic_|__sync_|_critical_section",
    "a division": r"__aeabi_(u?idiv|u?ldiv)|__u?(div|mod)[sdt]i3|__udivmod|__divmod|specialized_div",
}
INSTRUCTIONS = {
    "a division": r"udiv|sdiv|divu?|remu?",
    "a read-modify-write": r"(ld|st)rex[bhd]?|lr\.w\S*|sc\.w\S*|amo\S+|swpb?",
}
MARKS = "<!-- firmware-cost -->", "<!-- /firmware-cost -->"


def fail(*words):
    sys.exit("firmware.py: " + " ".join(map(str, words)))


class Elf:
    """Sections and symbols of a 32-bit ELF file, either byte order."""

    def __init__(self, path):
        self.path, self.bytes = path, open(path, "rb").read()
        if self.bytes[:5] != b"\x7fELF\x01":
            fail(path, "is no 32-bit ELF file")
        self.order = "<>"[self.bytes[5] - 1]
        start, = self.unpack("I", 32)
        size, count, names = self.unpack("HHH", 46)
        self.sections = [self.unpack("10I", start + size * at) for at in range(count)]
        self.names = [self.string(self.sections[names][4] + s[0]) for s in self.sections]

    def unpack(self, form, at):
        return struct.unpack_from(self.order + form, self.bytes, at)

    def string(self, at):
        return self.bytes[at:self.bytes.index(b"\0", at)].decode()

    def flash(self):
        """Bytes that are loaded. The unwind index of Arm is dropped by firmware's linker scripts."""
        loaded = [s[5] for s, name in zip(self.sections, self.names)
                  if s[2] & 2 and s[1] != 8 and not name.startswith(".ARM.exidx")]
        return sum(loaded)

    def symbols(self):
        """(name, address, size) of functions and objects."""
        for s in self.sections:
            if s[1] != 2:
                continue
            for at in range(s[4], s[4] + s[5], 16):
                name, value, size, info = self.unpack("IIIB", at)
                if info & 15 in (0, 1, 2):
                    yield self.string(self.sections[s[6]][4] + name), value, size

    def symbol(self, name):
        found = [value for n, value, _ in self.symbols() if n == name]
        return found[0] if found else fail(self.path, "has no symbol", name)

    def words(self, name, count):
        address = self.symbol(name)
        for s in self.sections:
            if s[2] & 2 and s[1] != 8 and s[3] <= address < s[3] + s[5]:
                return self.unpack(f"{count}I", s[4] + address - s[3])
        fail(self.path, "does not hold", name)

    def library(self):
        """Bytes of the target's own memory functions, each address once."""
        return sum({value: size for name, value, size in self.symbols() if LIBRARY.search(name)}.values())


def image(path, objdump):
    names = [name for name, _, _ in Elf(path).symbols()]
    if len(names) < 2:
        fail(path, "has no symbols to look at")
    for what, pattern in FORBIDDEN.items():
        bad = [name for name in names if re.search(pattern, name)]
        if bad:
            fail(path, "contains", what + ":", ", ".join(bad))
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    opcodes = re.findall(r"^\s*[0-9a-f]+:\s+(\S+)", text, re.M)
    if len(opcodes) < 50:
        fail(path, "was not disassembled")
    for what, pattern in INSTRUCTIONS.items():
        bad = sorted({op for op in opcodes if re.fullmatch(f"({pattern})(\\.[wn])?", op)})
        if bad:
            fail(path, "contains", what + ":", ", ".join(bad))
    print(f"{os.path.basename(path)}: {len(opcodes)} instructions, {len(names)} symbols: no panic, allocation, division or atomic read-modify-write")


def count(elf, trace):
    """Instructions of each call of the functions named op_*, from entry to return."""
    entries = {value & ~1: name for name, value, _ in elf.symbols() if name.startswith("op_")}
    calls = {name: [] for name in entries.values()}
    running, returns, executed, before = None, (), 0, 0
    for line in open(trace):
        if not line.startswith("Trace"):
            continue
        pc = int(line.split("/")[1], 16)
        if running is None and pc in entries:
            running, returns, executed = entries[pc], (before + 2, before + 4), 0
        elif running is not None and pc in returns:
            calls[running].append(executed)
            running = None
        executed += 1
        before = pc
    for name, counts in calls.items():
        if len(counts) < 10:
            fail(elf.path, "ran", name, len(counts), "times in the trace")
    return calls


def row(target, images, small, program, trace):
    flash = {name: Elf(f"{images}/{name}") for name in IMAGES}
    least = {name: Elf(f"{small}/{name}").flash() for name in IMAGES}
    control, producer, consumer = flash["write_read"].words("RAM_BYTES", 3)
    if control > 64:
        fail(target, "the control block has", control, "bytes, the goal is 64")
    if target == "thumbv6m-none-eabi" and least["write_read"] >= 1024:
        fail(target, "write and read take", least["write_read"], "bytes of flash, the goal is below 1024")
    calls = count(Elf(program), trace)
    mean = lambda name: sum(calls[name]) / len(calls[name])
    def size(name):
        library = flash[name].library()
        return f"{flash[name].flash() - library}" + (f" + {library}" if library else "")
    # Every event was written and read: the reads of events that were claimed count as reads.
    cells = [f"`{target}`", *map(size, IMAGES), least["write_read"], f"{control} + {producer} + {consumer}",
             f"{mean('op_write'):.0f}", f"{mean('op_fixed'):.0f}", f"{mean('op_claim'):.0f}", f"{mean('op_read'):.0f}",
             f"{mean('op_drain') / 10:.0f}", max(calls["op_interrupt"])]
    print("| " + " | ".join(map(str, cells)) + " |")


def document_rows(text):
    if MARKS[0] not in text or MARKS[1] not in text:
        fail("the document has no place for the cost table")
    inside = text[text.index(MARKS[0]):text.index(MARKS[1])]
    return inside, {line.split("|")[1].strip(): line for line in inside.splitlines() if line.startswith("| `")}


def table(document, file, rustc):
    inside, rows = document_rows(open(document).read())
    measured = {line.split("|")[1].strip(): line.strip() for line in open(file) if line.startswith("|")}
    print(open(file).read(), end="")
    if rustc not in inside:
        print(f"the document's table was made with another compiler than {rustc}: not compared")
        return
    wrong = [target for target, line in measured.items() if not is_close(rows.get(target, ""), line)]
    if wrong or not measured:
        fail("the document's cost table is not what was measured, for", ", ".join(wrong), "- run `.ci/run firmware-cost`")


def is_close(stated, measured):
    """Within 5 %, or 8 bytes or instructions."""
    stated, measured = ([int(n) for n in re.findall(r"\d+", line.split("|", 2)[2])] for line in (stated + "||", measured))
    return len(stated) == len(measured) and all(abs(a - b) <= max(8, b * 0.05) for a, b in zip(stated, measured))


def update(document, file, rustc):
    text = open(document).read()
    _, rows = document_rows(text)
    rows.update({line.split("|")[1].strip(): line.strip() for line in open(file) if line.startswith("|")})
    head = ("| target | write | `write_fixed` | claim + commit | read | drain | write + read | the same with `small-copy` | RAM: control + producer + consumer "
            "| instructions: write | `write_fixed` | claim + commit | read | drain | worst in an interrupt |\n" + "|---" * 15 + "|")
    body = "\n".join([MARKS[0], f"Measured with {rustc}, `opt-level = \"s\"`, LTO:", "", head, *rows.values(), ""])
    start, end = text.index(MARKS[0]), text.index(MARKS[1])
    open(document, "w").write(text[:start] + body + text[end:])


def payload_of(number):
    """The script of ringlog-nostd/firmware/src/script.rs."""
    return bytes(((number * 37) ^ (place * 11)) & 0xFF for place in range(number * 7 % 33))


def stream(first, end):
    lines = sys.stdin.read().splitlines()
    if len(lines) != end - first:
        fail(len(lines), "events instead of", end - first)
    # A log of frames begins with a description.
    start = int(lines[0].split(" ")[0]) - first
    for number, line in zip(range(first, end), lines):
        sequence, timestamp, _, _, *payload = line.split(" ")
        if (int(sequence) - start, int(timestamp)) != (number, number) or bytes.fromhex("".join(payload)) != payload_of(number):
            fail("event", number, "is not what the firmware wrote:", line)
    print(f"{len(lines)} events, each as the firmware wrote it")


def received(count, file):
    said = json.load(open(file))
    events, lost = said["events"], said["lost"]
    if events + lost != count or not 0 < lost <= 2 or said["lost_by_reason"] != {"lost on the wire": lost}:
        fail(events, "events and", lost, "lost instead of", count, "and 1 or 2:", said)
    print(f"{events} events and {lost} lost, of {count}")


def dump(arguments):
    split = arguments.index("--")
    start, length, file = arguments[split + 1:]
    emulator = subprocess.Popen(arguments[:split] + ["-monitor", "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, deadline = b"", time.monotonic() + 60
    try:
        while b"READY" not in said:
            if not select.select([emulator.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                fail("the firmware was not ready after 60 s:", said.decode(errors="replace"))
            part = os.read(emulator.stdout.fileno(), 4096)
            if not part:
                fail("the emulator ended:", said.decode(errors="replace"))
            said += part
        rest, _ = emulator.communicate(f"stop\nmemsave {start} {length} \"{file}\"\nquit\n".encode(), timeout=60)
    finally:
        emulator.kill()
    if not os.path.exists(file) or os.path.getsize(file) != int(length, 0):
        fail("no dump was made:", rest.decode(errors="replace"))
    print("\n".join(line for line in said.decode(errors="replace").splitlines() if "lost" in line))


def report(found, said):
    expected = {}
    for kind, first, end, lost in re.findall(r"(plain|retained): (\d+)\.\.(\d+) lost (\d+)", open(said).read()):
        expected[kind == "retained"] = (int(end) - int(first), int(lost), int(first), int(end) - 1)
    rings = json.load(open(found))["rings"]
    for ring in rings:
        seen = (ring["events"], ring["lost"], ring["first_timestamp"], ring["last_timestamp"])
        if expected.pop(ring["retained"], None) != seen or ring["damage"] or ring["overwrites_oldest"] != ring["retained"]:
            fail("the dump holds", ring)
    if expected:
        fail("rings that were not found:", expected)
    print(f"{len(rings)} rings, {rings[0]['word_bits']}-bit {rings[0]['byte_order']}-endian, as the firmware left them")


def main(command, *arguments):
    if command == "dump":
        dump(list(arguments))
    elif command == "stream":
        stream(*map(int, arguments))
    elif command == "received":
        received(int(arguments[0]), arguments[1])
    else:
        {"image": image, "row": row, "table": table, "update": update, "report": report}[command](*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) > 1 else sys.exit(__doc__)
