"""What else can happen to a log that is shipped: `.ci/ship.py` runs it. Each case has a server and a log apart."""

import asyncio
import base64
import json
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import nats
from nats.js.api import StreamConfig
from ship_base import Server, compare, free_port, read_stream, segments_of, started, without_checksums

RECORD = {"--feed": "demo", "--rate": "100000", "--sync": "100ms", "--segment-size": "256KiB"}
PACE = ["--ack-timeout", "500ms", "--linger", "50ms", "--hold", "1s"]


def recording(*words):
    """The words of `serve`, of which those that are given win."""
    return ["serve", *(word for pair in {**RECORD, **dict(zip(words[::2], words[1::2]))}.items() for word in pair)]


class Case:
    """A server, a log, and the programs that work on both."""

    def __init__(self, program, server_program, folder, name, extra=""):
        self.program, self.folder = program, Path(folder) / name
        self.folder.mkdir(parents=True)
        self.server = Server(server_program, self.folder / "server", free_port(), extra)
        self.log, self.url = self.folder / "log", f"nats://127.0.0.1:{self.server.port}"

    def run(self, *words, code=0, says="", limit=60):
        done = subprocess.run([self.program, *map(str, words)], capture_output=True, text=True, timeout=limit)
        said = done.stdout + done.stderr
        assert done.returncode == code and says in said, f"{words}: exit {done.returncode} instead of {code}, without {says!r}: {said}"
        return done

    def record(self, *words, code=0, **options):
        return self.run(*recording("--log", self.log, *words), code=code, **options)

    def recorder(self, *words):
        """A recorder at work, once its log has a file."""
        with open(self.folder / "serve.out", "ab") as out:
            recorder = started([self.program, *recording("--log", str(self.log), *words)], stdout=out, stderr=out)
        end = time.monotonic() + 20
        while not list(self.log.glob("*.evtl")):
            assert recorder.poll() is None and time.monotonic() < end, (self.folder / "serve.out").read_text()
            time.sleep(0.02)
        return recorder

    def ended(self, recorder, code=0):
        recorder.send_signal(signal.SIGINT)
        assert recorder.wait(30) == code, (self.folder / "serve.out").read_text()

    def words(self, *words, log=None):
        return ["ship", str(log or self.log), self.url, *PACE, *words]

    def ship(self, *words, log=None, **options):
        return self.run(*self.words(*words, log=log), **options)

    def follower(self, *words, log=None, output="ship.out"):
        path = self.folder / output
        with open(path, "ab") as out:
            process = started([self.program, *self.words("--follow", *words, log=log)], stdout=out, stderr=out)
        process.said = path.read_text
        return process

    def stream(self):
        return asyncio.run(read_stream(self.server.port, "log"))

    def wait_for(self, what, is_there, limit=30):
        end = time.monotonic() + limit
        while not is_there():
            assert time.monotonic() < end, f"{what}: not after {limit} s"
            time.sleep(0.05)

    def change(self, action):
        async def act():
            client = await nats.connect(self.url)
            try:
                return await action(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(act())

    def identity(self):
        lines = dict(line.split(": ", 1) for line in (self.log / "writer").read_text().splitlines() if ": " in line)
        return lines["log_identity"]

    def make_stream(self, **more):
        """The stream as `--create` makes it, but for what would keep a test from deleting messages."""
        metadata = {"ringlog-format": "1", "ringlog-run-bytes": "16384", "ringlog-log": self.identity()}
        config = StreamConfig(name="log", subjects=["ringlog.log"], metadata=metadata, **more)
        self.change(lambda streams: streams.add_stream(config))

    def end(self):
        self.server.kill()


def gaps_of(messages):
    """The (first, next) of each GAP that the shipper made."""
    words = [header.split(" ") for header, _ in messages]
    return [(int(word[3]), int(word[3]) + int(word[4])) for word in words if word[1] == "g"]


def compare_after_gap(messages, records):
    """All numbers follow each other, and what comes after the last GAP is the log from there on."""
    following = 0
    for header, _ in messages:
        words = header.split(" ")
        assert int(words[3]) == following, f"record {following} does not come next: {header}"
        following += int(words[4])
    last = max(at for at, (header, _) in enumerate(messages) if header.startswith("1 g "))
    next_record = gaps_of(messages)[-1][1]
    stored = b"".join(payload for _, payload in messages[last + 1 :])
    expected = b"".join(data for name, data in records.items() if int(Path(name).stem) >= next_record)
    assert stored == expected, f"{len(stored)} bytes after the GAP, {len(expected)} in the log from record {next_record}"


def two_shippers(case):
    """The second on the log is refused by the cursor, one on a copy by the fence: the stream is the log's either way."""
    case.server.start()
    recorder = case.recorder()
    first = case.follower("--create")
    time.sleep(1.5)
    case.ship(code=1, says="ship")
    copy = case.folder / "copy"
    shutil.copytree(case.log, copy, ignore=shutil.ignore_patterns(".*", "cursors"))
    # The copy is as long as the stream, or longer, only if it is fed at the same time.
    second = case.follower("--stream", "log", log=copy, output="second.out")
    time.sleep(3)
    assert first.poll() is None, first.said()
    case.ended(recorder)
    first.kill()
    first.wait()
    if second.poll() is None:
        second.kill()
    assert second.wait() in (3, -signal.SIGKILL), f"exit {second.returncode}: {second.said()}"
    case.ship()
    compare(case.stream(), segments_of(case.log))
    return f"two shippers (the second: exit {second.returncode}): equal"


def overtaken(case):
    """The server is away for longer than retention waits for: with `cursor_bytes` a GAP, without it nothing is missing."""
    said = []
    for limit in ([], ["--cursor-bytes", "4MiB"]):
        case.server.start()
        recorder = case.recorder("--keep-bytes", "1MiB", *limit)
        shipper = case.follower("--create")
        time.sleep(1.5)
        case.server.kill()
        before = {path.name for path in case.log.glob("*.evtl")}
        newest = max(before)
        case.wait_for("the log grows", lambda: sum(p.stat().st_size for p in case.log.glob("*.evtl")) > 6 << 20
                      or not limit or limit and min(p.name for p in case.log.glob("*.evtl")) > newest, 60)  # fmt: skip
        if not limit:
            case.wait_for("more than retention keeps", lambda: len(list(case.log.glob("*.evtl"))) > 24, 60)
        assert shipper.poll() is None, shipper.said()
        case.ended(recorder)
        shipper.kill()
        shipper.wait()
        case.server.start()
        done = case.ship("--json", code=3 if limit else 0)
        messages = case.stream()
        if limit:
            assert gaps_of(messages) and json.loads(done.stdout)["gaps"] == 1, done.stdout
            compare_after_gap(messages, segments_of(case.log))
            first, following = gaps_of(messages)[0]
            pulled_after_gap(case, messages, following)
            said.append(f"with it a GAP of records {first} to {following - 1}, and pulled into two folders")
        else:
            assert not gaps_of(messages), gaps_of(messages)
            numbers = [header.split(" ") for header, _ in messages]
            assert all(int(a[3]) + int(a[4]) == int(b[3]) for a, b in zip(numbers, numbers[1:])), "records are missing"
            stored, kept = b"".join(payload for _, payload in messages), b"".join(segments_of(case.log).values())
            assert int(numbers[0][3]) == 0 and stored.endswith(kept), "the stream does not end as the log does"
            said.append("without cursor_bytes nothing is missing")
        case.server.kill()
        shutil.rmtree(case.log)
        shutil.rmtree(case.server.folder / "store")
    return "retention overtakes the cursor: " + ", ".join(said)


def pulled_after_gap(case, messages, following):
    """`pull` makes two logs of a stream with a GAP, also where it is killed and started again."""
    copy = case.folder / "copy"
    words = ["pull", case.url, copy, "--stream", "log"]
    for kill in (0.1, 0.3):
        half = started([case.program, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(kill)
        half.kill()
        half.wait()
    case.run(*words, code=3, says=f"goes to {copy}.from-{following}")
    case.run(*words, "--close", code=3)
    at = next(number for number, (header, _) in enumerate(messages) if header.startswith("1 g "))
    after = Path(f"{copy}.from-{following}")
    for folder, part in ((copy, messages[:at]), (after, messages[at + 1 :])):
        pulled = b"".join(map(without_checksums, segments_of(folder).values()))
        kept = b"".join(without_checksums(payload) for _, payload in part)
        before = len(pulled) - len(kept)
        assert pulled.endswith(kept) and (before == 0 if folder == copy else 0 < before < 256), f"{folder}: {before} bytes before"
    for folder in (copy, after):
        case.run("verify", folder, code=0 if folder == copy else 3)
        shutil.rmtree(folder)


def full_disk(case):
    """The disk fills while the server is away: the recording ends without `cursor_bytes`, and continues with it."""
    small = case.folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(small)], capture_output=True).returncode:
        return "a disk that fills: [not tried: no right to mount a tmpfs]"
    try:
        case.log = small / "log"
        case.server.start()
        case.record("--for", "300ms")
        case.ship("--create")
        case.server.kill()
        # The cursor is there, and nobody moves it.
        done = case.record("--keep-bytes", "4MiB", "--full-disk", "stop", "--for", "30s", code=1)
        assert "No space" in done.stderr or "disk" in done.stderr, done.stderr
        case.server.start()
        case.ship()
        compare(case.stream(), segments_of(case.log))
        case.change(lambda streams: streams.delete_stream("log"))
        shutil.rmtree(case.log)
        case.record("--for", "300ms")
        case.ship("--create")
        case.server.kill()
        case.record("--keep-bytes", "4MiB", "--cursor-bytes", "12MiB", "--full-disk", "stop", "--for", "6s")
        case.server.start()
        case.ship(code=3)
        messages = case.stream()
        compare_after_gap(messages, segments_of(case.log))
        (first, following), *more = gaps_of(messages)
        assert not more
        return f"a disk that fills: the recording ends; with cursor_bytes a GAP of records {first} to {following - 1}"
    finally:
        case.server.kill()
        subprocess.run(["umount", "-l", str(small)], check=True)


def down_for_long(case):
    """The shipper is down while the log grows to many times what retention keeps."""
    case.server.start()
    case.record("--for", "300ms")
    case.ship("--create")
    recorder = case.recorder("--keep-bytes", "1MiB", "--rate", "300000")
    case.wait_for("twenty times as much", lambda: sum(p.stat().st_size for p in case.log.glob("*.evtl")) > 20 << 20, 60)
    case.ended(recorder)
    before = segments_of(case.log)
    case.ship()
    compare(case.stream(), before)
    return f"a shipper that was down: {sum(map(len, before.values())) >> 20} MiB later: equal"


def changed_streams(case):
    """Purged, trimmed, deleted and made again, also while a shipper follows."""
    case.server.start()
    case.record("--for", "500ms")
    case.make_stream()
    case.ship()
    whole = segments_of(case.log)
    compare(case.stream(), whole)
    # Trimmed: what is left is the log's end.
    middle = len(case.stream()) // 2
    case.change(lambda streams: streams.purge_stream("log", seq=middle))
    case.ship()
    left = case.stream()
    assert b"".join(whole.values()).endswith(b"".join(payload for _, payload in left)) and len(left) > 2
    copy = case.folder / "trimmed"
    case.run("pull", case.url, copy, "--stream", "log", "--close")
    pulled = b"".join(map(without_checksums, segments_of(copy).values()))
    kept = b"".join(without_checksums(payload) for _, payload in left)
    assert pulled.endswith(kept) and 0 < len(pulled) - len(kept) < 256, "the copy is not a GAP and what is left"
    # Purged: refused, and continued where it is asked for.
    case.change(lambda streams: streams.purge_stream("log"))
    case.ship(code=3, says="its last message was deleted")
    at = int(sorted(whole)[1].split(".")[0])
    case.ship("--resume-at", at, code=3)
    messages = case.stream()
    assert gaps_of(messages)[0][1] == at, messages[0][0]
    # Deleted and made again, with a shipper that follows.
    recorder = case.recorder()
    shipper = case.follower()
    time.sleep(1)
    case.change(lambda streams: streams.delete_stream("log"))
    case.make_stream()
    time.sleep(3)
    case.ended(recorder)
    if shipper.poll() is None:
        shipper.kill()
    shipper.wait()
    case.ship()
    compare(case.stream(), segments_of(case.log))
    # Deleted: an error, and fed again where that is asked for.
    case.change(lambda streams: streams.delete_stream("log"))
    case.ship(code=2, says="has no stream log")
    case.ship("--create")
    compare(case.stream(), segments_of(case.log))
    return "streams that were trimmed, purged, made again, deleted: as described"


def openssl(*words, **options):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **options).stdout


def nkey():
    """A user's seed and public key, as `nk -gen user` makes them."""

    def text(data):
        crc = 0
        for byte in data:
            crc ^= byte << 8
            for _ in range(8):
                crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
        return base64.b32encode(data + struct.pack("<H", crc)).rstrip(b"=").decode()

    key = openssl("genpkey", "-algorithm", "ed25519", "-outform", "DER")
    public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", input=key)[-32:]
    seed, user = 18 << 3, 20 << 3
    return text(bytes([seed | user >> 5, (user & 31) << 3]) + key[-32:]), text(bytes([user]) + public)


def certificates(folder):
    """A CA, and a server's and a client's certificate by it."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-days", "2", "-subj", "/CN=ca")
    names = folder / "names"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ("server", "client"):
        openssl("req", "-new", *key, "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial",
                "-out", folder / f"{name}.pem", "-days", "2", "-extfile", names)  # fmt: skip


def logins(program, server_program, folder):
    """Nkey, password, TLS with a CA and a client's certificate: the right ones ship, the wrong ones are clear errors."""
    seed, public = nkey()
    other, _ = nkey()
    count = 0
    keys = Case(program, server_program, folder, "nkey", f'authorization {{ users: [ {{ nkey: "{public}" }} ] }}\n')
    secret = {}
    for name, text in [("seed", seed), ("other", other), ("rubbish", "hello"), ("right", "s3cret-word"), ("wrong", "other-word")]:
        secret[name] = keys.folder / name
        secret[name].write_text(text + "\n")

    def tries(case, rows):
        nonlocal count
        case.server.start()
        case.record("--for", "200ms")
        for code, says, words in rows:
            done = case.ship(*words, code=code, says=says)
            printed = done.stdout + done.stderr
            assert not any(text in printed for text in (seed, other, "s3cret-word")), f"a secret is printed: {printed}"
            count += 1
        case.end()

    refused = "refuses this client"
    tries(keys, [(2, refused, []), (2, refused, ["--nkey-file", secret["other"]]), (2, "", ["--nkey-file", secret["rubbish"]]),
                 (1, "cannot read the file", ["--nkey-file", keys.folder / "missing"]), (2, "", ["--credentials", keys.folder / "missing"]),
                 (2, "", ["--credentials", secret["rubbish"]]), (0, "", ["--nkey-file", secret["seed"], "--create"])])  # fmt: skip
    words = Case(program, server_program, folder, "password", 'authorization { user: ship, password: "s3cret-word" }\n')
    user = ["--user", "ship", "--password-file"]
    tries(words, [(2, refused, [*user, secret["wrong"]]), (0, "", [*user, secret["right"], "--create"])])
    tls = Case(program, server_program, folder, "tls")
    certificates(tls.folder)
    at = tls.folder
    files = f'cert_file: "{at}/server.pem", key_file: "{at}/server.key", ca_file: "{at}/ca.pem"'
    with open(tls.server.config, "a") as config:
        config.write(f"tls {{ {files}, verify: true }}\n")
    own = ["--tls-cert", at / "client.pem", "--tls-key", at / "client.key"]
    no_tls = "no encrypted connection"
    tries(tls, [(2, no_tls, own), (2, no_tls, ["--tls-ca", at / "names", *own]), (2, no_tls, ["--tls-ca", at / "ca.pem"]), (0, "", ["--tls-ca", at / "ca.pem", *own, "--create"])])
    return f"{count} logins by nkey, password and TLS: each with its exit code and its words, no secret printed"


def old_server(case):
    """A server that says it is older than what keeps a stream's metadata."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def answer():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            info = {"server_id": "X", "server_name": "x", "version": "2.9.25", "proto": 1, "host": "127.0.0.1", "port": port,
                    "headers": True, "max_payload": 1 << 20, "jetstream": True, "client_id": 1}  # fmt: skip
            client.sendall(b"INFO " + json.dumps(info).encode() + b"\r\n")
            try:
                while data := client.recv(65536):
                    if b"PING\r\n" in data:
                        client.sendall(b"PONG\r\n")
            except OSError:
                pass

    threading.Thread(target=answer, daemon=True).start()
    case.record("--for", "200ms")
    case.url = f"nats://127.0.0.1:{port}"
    case.ship(code=2, says="the server has version 2.9.25; use nats-server 2.10 or later")
    listener.close()
    return "a server of version 2.9.25: refused"


def following(case):
    """`--follow` refuses a log that nobody syncs, and prints a line of JSON a second; `--metrics` has what `--ship` does."""
    case.server.start()
    recorder = case.recorder("--sync", "never")
    time.sleep(0.3)
    case.ship("--create", "--follow", code=2, says="syncs nothing before it closes the log")
    case.run(*recording("--sync", "never", "--log", case.folder / "other", "--ship", case.url), code=2, says="--sync never")
    case.ended(recorder)
    case.ship("--create")
    compare(case.stream(), segments_of(case.log))
    recorder = case.recorder("--sync", "50ms")
    shipper = started([case.program, *case.words("--follow", "--json")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    time.sleep(3.5)
    case.ended(recorder)
    time.sleep(2.5)
    shipper.send_signal(signal.SIGINT)
    lines = [json.loads(line) for line in shipper.communicate(timeout=20)[0].splitlines()]
    assert shipper.returncode == 0 and len(lines) >= 4, lines
    assert lines[-1]["lag_records"] == lines[-1]["lag_bytes"] == lines[-1]["not_durable_bytes"] == 0, lines[-1]
    assert any(line["lag_records"] > 0 for line in lines) and lines[-1]["acknowledged"] > lines[0]["acknowledged"], lines
    port = free_port()
    recorder = case.recorder("--ship", case.url, "--metrics", str(port))

    def value(name):
        try:
            text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        except OSError:
            return -1
        found = [line.split()[1] for line in text.splitlines() if line.startswith(f"ringlog_ship_{name} ")]
        return float(found[0]) if found else -1

    begin = lines[-1]["acknowledged"]
    case.wait_for("metrics of --ship", lambda: value("acknowledged_sequence") > begin)
    assert value("waiting") == 0 and value("stopped") == 0 and value("messages_total") > 0 and value("gaps_total") == 0
    case.server.kill()
    case.wait_for("a lag", lambda: value("waiting") == 1 and value("lag_bytes") > 1e6 and value("waits_total") > 0)
    case.server.start()
    case.wait_for("no lag", lambda: value("waiting") == 0 and value("lag_bytes") < 2e6)
    case.change(lambda streams: streams.delete_stream("log"))
    case.wait_for("the end of the shipper", lambda: value("stopped") == 1)
    case.ended(recorder)
    return f"--follow: a log that is never synced is refused; {len(lines)} lines of JSON; metrics of --ship"


SHORT = [following, two_shippers, changed_streams, old_server]
LONG = [overtaken, full_disk, down_for_long]


def run_all(program, server_program, folder, is_long):
    """Runs the cases, each with what it prints and how long it took."""
    folder = Path(folder) / "cases"
    for act in SHORT + (LONG if is_long else []):
        begin = time.monotonic()
        case = Case(program, server_program, folder, act.__name__)
        try:
            said = act(case)
        finally:
            if case.server.process:
                case.end()
        print(f"{said} ({time.monotonic() - begin:.1f} s)", flush=True)
    begin = time.monotonic()
    print(f"{logins(program, server_program, folder)} ({time.monotonic() - begin:.1f} s)", flush=True)
