#!/usr/bin/env python3
"""Looks at images of the core for this machine, instruction by instruction. For .ci/witness.sh.

    hot_path.py self                 the rules below find what they are for, and nothing else
    hot_path.py image ELF...         no panic, allocation, system call, read-modify-write or fence in all of it
    hot_path.py functions ELF NAME   the same for the functions NAME_* and all that they reach, and prints each
"""
import os, re, subprocess, sys

SYMBOLS = {
    "a panic": r"panic|this_image_can_panic|unwrap_failed|expect_failed|slice_(start|end|index)|_Unwind_",
    "an allocation": r"__rust_(alloc|realloc|dealloc|no_alloc)|__rg_|\b(malloc|calloc|realloc|free)\b",
    "std": r"_ZN3std|_RN\w*3std",
}
# What an image of the core may ask the C library for.
LIBRARY = {"memcpy", "memmove", "memset", "memcmp", "bcmp"}
PREFIXES = ("lock", "xacquire", "xrelease", "rep", "repz", "repnz", "notrack", "bnd", "data16", "cs", "ds", "es")
FENCES = {"mfence", "sfence", "lfence", "serialize", "cpuid"}
SYSTEM = {"syscall", "sysenter", "int", "int80", "in", "out"}


def fail(*words):
    sys.exit("hot_path.py: " + " ".join(map(str, words)))


def sin(text):
    """What is wrong with an instruction as objdump writes it, or None."""
    words = text.split("#")[0].split()
    prefixes = set()
    while words and words[0] in PREFIXES:
        prefixes.add(words.pop(0))
    opcode, operands = (words[0], " ".join(words[1:])) if words else ("", "")
    if "lock" in prefixes:
        return "an atomic read-modify-write"
    # An exchange with memory is atomic without a prefix; one between registers is a padding.
    if re.fullmatch(r"xchg[bwlq]?", opcode) and "(" in operands:
        return "an atomic read-modify-write"
    if opcode in FENCES:
        return "a fence"
    if opcode in SYSTEM:
        return "a system call"
    return None


def disassemble(path):
    """Instructions of each function: name to list of (text, names it calls or jumps to)."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    functions, body = {}, None
    for line in text.splitlines():
        if head := re.match(r"^[0-9a-f]+ <(.+)>:$", line):
            body = functions.setdefault(head[1], [])
        elif (code := re.match(r"^\s*[0-9a-f]+:\s+(.*\S)", line)) and body is not None:
            body.append((code[1], targets(code[1])))
    if sum(map(len, functions.values())) < 50:
        fail(path, "was not disassembled")
    return functions


def targets(text):
    """Names of the functions that an instruction goes to or whose address it takes."""
    return {re.sub(r"[+@].*", "", name) for name in re.findall(r"<([^>]+)>", text)}


def check(path, functions, names):
    for name in names:
        for text, _ in functions[name]:
            if what := sin(text):
                fail(f"{path}: {name} contains {what}: {text}")


def image(path):
    listed = subprocess.run(["nm", path], capture_output=True, text=True).stdout
    if not listed:
        fail(path, "has no symbols to look at")
    symbols = [line.split()[-1] for line in listed.splitlines() if line.strip()]
    for what, pattern in SYMBOLS.items():
        if bad := [name for name in symbols if re.search(pattern, name)]:
            fail(f"{path} contains {what}: {', '.join(bad[:5])}")
    wanted = {line.split()[-1].split("@")[0] for line in listed.splitlines() if " U " in line}
    if strange := wanted - LIBRARY:
        fail(f"{path} asks for {', '.join(sorted(strange))}")
    functions = disassemble(path)
    check(path, functions, functions)
    print(f"{os.path.basename(path)}: {sum(map(len, functions.values()))} instructions in {len(functions)} functions: "
          "no panic, allocation, system call, atomic read-modify-write or fence")


def functions(path, prefix):
    bodies = disassemble(path)
    roots = sorted(name for name in bodies if name.startswith(prefix + "_"))
    if len(roots) < 5:
        fail(f"{path} has only {roots}")
    for root in roots:
        reached, outside, waiting = set(), set(), [root]
        while waiting:
            name = waiting.pop()
            if name in reached:
                continue
            reached.add(name)
            for _, goes in bodies[name]:
                waiting += [to for to in goes if to in bodies]
                outside |= {to for to in goes if to not in bodies and not to.startswith("_")}
        if strange := outside - LIBRARY:
            fail(f"{root} goes to {', '.join(sorted(strange))}")
        check(path, bodies, reached)
        inner = sorted(short(name) for name in reached - {root}) + sorted(outside)
        length = sum(len(bodies[name]) for name in reached)
        print(f"{root}: {length} instructions, with {', '.join(inner) or 'nothing else'}")


def short(name):
    """The last two parts of a mangled name."""
    path, at, parts = name.removeprefix("_ZN"), 0, []
    while number := re.match(r"\d+", path[at:]):
        at += number.end()
        parts.append(path[at:at + int(number[0])])
        at += int(number[0])
    return "::".join(parts[-3:-1]) or name


def self_check():
    wrong = {
        "lock cmpxchg %rcx,(%rdi)": "an atomic read-modify-write", "lock orl $0x0,(%rsp)": "an atomic read-modify-write",
        "xchg   %al,(%rdi)": "an atomic read-modify-write", "xchg   %rax,0x80(%rcx)": "an atomic read-modify-write",
        "mfence": "a fence", "lfence": "a fence", "syscall": "a system call", "int    $0x80": "a system call",
    }
    for text, what in wrong.items():
        if sin(text) != what:
            fail("does not see", what, "in:", text)
    for text in ("xchg   %ax,%ax", "mov    %rax,0x80(%rcx)", "int3", "cs nopw 0x0(%rax,%rax,1)", "rep stos %rax,%es:(%rdi)"):
        if sin(text):
            fail("sees", sin(text), "in:", text)
    print(f"{len(wrong)} instructions refused as they should be")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:] or ["help"]
    if command == "self":
        self_check()
    elif command == "image":
        for path in arguments:
            image(path)
    elif command == "functions" and len(arguments) == 2:
        functions(*arguments)
    else:
        fail(__doc__)
