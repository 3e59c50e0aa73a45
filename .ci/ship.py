#!/usr/bin/env python3
"""Ships logs to a JetStream server that is killed, and compares the stream with the log, byte for byte.

    .ci/ship.py PROGRAM NATS_SERVER FOLDER [KILLS] [SEED]    runs it; FOLDER must not exist; from 100 kills on also what takes long
    .ci/ship.py cluster PROGRAM NATS_SERVER FOLDER LEADERS [SEED]    three replicas, whose leader is killed that often
    .ci/ship.py rate PROGRAM NATS_SERVER FOLDER    how fast that is; PROGRAM is a release build, on a machine that does nothing else
    .ci/ship.py --self-test                                            plants faults in what is compared, and fails unless each is found

A recorder is at work while shipper, server or both are killed. A proxy between them drops acknowledgements, or holds publishes
back until the shipper has read the end of the stream. The oracle is an ordered consumer of `nats-py`: its payloads, one after
another, must be the records of the log's files. `ringlog pull` makes a log of the stream, which must have the same records in
files of the same names. At the end come the refusals: wrong address, credentials, stream, log.
"""

import asyncio
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import nats
from nats.js.api import StreamConfig
from ship_base import HEADER, Server, compare, free_port, read_stream, segments_of, started, without_checksums
from ship_cases import run_all
from ship_rate import rate

class Proxy:
    """Forwards connections; loses acknowledgements, or holds back what the client sends."""

    def __init__(self, server_port):
        self.server_port, self.lose_acks, self.hold = server_port, 0.0, 0.0
        self.dice, self.lost = random.Random(1), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port), timeout=2)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            threading.Thread(target=self.up, args=(client, server), daemon=True).start()
            threading.Thread(target=self.down, args=(server, client), daemon=True).start()

    def up(self, client, server):
        # What a client sent before it was killed still arrives.
        try:
            while data := client.recv(65536):
                if self.hold and len(data) > 4096:
                    time.sleep(self.hold)
                server.sendall(data)
        except OSError:
            pass
        try:
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def down(self, server, client):
        reader = server.makefile("rb")
        try:
            while line := reader.readline():
                body = b""
                if line[:4] in (b"MSG ", b"HMSG"):
                    body = reader.read(int(line.split()[-1]) + 2)
                if b'"seq":' in body and b'{"stream":' in body and self.dice.random() < self.lose_acks:
                    self.lost += 1
                    continue
                client.sendall(line + body)
        except OSError:
            pass
        client.close()


class Shipper:
    """`ringlog ship --follow`."""

    def __init__(self, program, log, port, output):
        self.words = [program, "ship", str(log), f"nats://127.0.0.1:{port}", "--create", "--ack-timeout", "1s"]
        self.words += ["--linger", "200ms", "--hold", "3s"]
        self.output, self.process = output, None

    def start(self):
        with open(self.output, "ab") as output:
            self.process = started([*self.words, "--follow"], stdout=output, stderr=output)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def finish(self):
        return subprocess.run([*self.words, "--json"], capture_output=True, text=True, timeout=60)


def kills(program, server_program, folder, count, seed):
    dice = random.Random(seed)
    log, copy = folder / "log", folder / "copy"
    server = Server(server_program, folder / "server", free_port()).start()
    proxy = Proxy(server.port)
    proxy.dice = dice
    recorder = started(
        [program, "serve", "--feed", "demo", "--log", str(log), "--rate", "20000", "--sync", "100ms", "--segment-size", "1MiB"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    while not list(log.glob("*.evtl")):
        assert recorder.poll() is None, "the recorder does not start"
        time.sleep(0.05)
    shipper = Shipper(program, log, proxy.port, folder / "ship.out")
    shipper.start()
    for number in range(count):
        proxy.lose_acks = dice.choice([0, 0, 0.05, 0.5])
        proxy.hold = dice.choice([0, 0, 0.3, 1.5])
        time.sleep(dice.uniform(0.2, 1.6))
        assert shipper.process.poll() is None, f"the shipper ended before kill {number}: {(folder / 'ship.out').read_text()}"
        which = dice.choice(["shipper", "server", "both"])
        if which != "server":
            shipper.kill()
        if which != "shipper":
            server.kill()
            time.sleep(dice.uniform(0, 0.4))
            server.start()
        if which != "server":
            shipper.start()
    proxy.lose_acks = proxy.hold = 0.0
    time.sleep(2.5)
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(30) == 0, "the recorder did not end cleanly"
    shipper.kill()
    done = shipper.finish()
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    records = segments_of(log)
    messages = asyncio.run(read_stream(server.port, "log"))
    compare(messages, records)
    # Once the hold is over, the cursor follows.
    deadline = time.monotonic() + 20
    shipper.start()
    while time.monotonic() < deadline:
        cursors = json.loads(subprocess.run([program, "cursors", str(log), "--json"], capture_output=True, text=True).stdout or "[]")
        if json.dumps(cursors).find(f": {report['acknowledged']}") > 0:
            break
        time.sleep(0.3)
    else:
        raise AssertionError(f"the cursor does not move to {report['acknowledged']}: {cursors}")
    shipper.kill()
    pull = [program, "pull", f"nats://127.0.0.1:{server.port}", str(copy), "--stream", "log"]
    # Killed once, and started again.
    half = started(pull, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    half.kill()
    half.wait()
    pulled = subprocess.run([*pull, "--close"], capture_output=True, text=True)
    assert pulled.returncode == 0, pulled.stderr
    pulled_records = segments_of(copy)
    assert list(pulled_records) == list(records), "the copy has files of other names"
    for name, data in records.items():
        assert without_checksums(pulled_records[name]) == without_checksums(data), f"{name} has other records in the copy"
    verified = subprocess.run([program, "verify", str(copy)], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    server.kill()
    total = sum(map(len, records.values()))
    print(f"{count} kills, {proxy.lost} acknowledgements lost: {len(messages)} messages, {total} bytes, {len(records)} files: equal")


def refusals(program, server_program, folder):
    extra = 'authorization { token: "s3cret" }\n'
    server = Server(server_program, folder / "closed", free_port(), extra).start()
    url = f"nats://127.0.0.1:{server.port}"
    for name in ("one", "two"):
        made = [program, "serve", "--feed", "demo", "--log", str(folder / name), "--rate", "5000", "--for", "300ms"]
        assert subprocess.run(made, capture_output=True).returncode == 0
    token = folder / "token"
    token.write_text("s3cret\n")
    wrong = folder / "wrong"
    wrong.write_text("other\n")
    one, login = folder / "one", ["--token-file", str(token)]

    def ship(log, *words, to=url):
        done = subprocess.run([program, "ship", str(log), to, "--linger", "50ms", "--ack-timeout", "300ms", *words],
                              capture_output=True, text=True, timeout=60)  # fmt: skip
        assert "s3cret" not in done.stdout + done.stderr, "a secret is printed"
        return done

    cases = [
        (1, "cannot be reached", ship(one, to=f"nats://127.0.0.1:{free_port()}")),
        (2, "refuses this client", ship(one)),
        (2, "refuses this client", ship(one, "--token-file", str(wrong))),
        (2, "has no stream one", ship(one, *login)),
        (2, "does not belong into an address", ship(one, to=url.replace("//", "//user:s3cret@"))),
        (2, "not the folder of a log", ship(folder, *login)),
        (0, "", ship(one, *login, "--create")),
        (0, "", ship(one, *login)),
        (3, "is of log", ship(folder / "two", *login, "--stream", "one")),
    ]

    async def change(action):
        client = await nats.connect(url, token="s3cret")
        await action(client.jetstream())
        await client.close()

    asyncio.run(change(lambda streams: streams.add_stream(StreamConfig(name="plain", subjects=["plain"]))))
    cases.append((2, "was not made for a log", ship(one, *login, "--stream", "plain")))
    asyncio.run(change(lambda streams: streams.publish("ringlog.one", b"hello")))
    cases.append((3, "has no header Ringlog-Run", ship(one, *login)))
    cases.append((3, "", ship(one, *login, "--resume-at", "0")))
    asyncio.run(change(lambda streams: streams.delete_stream("one")))
    cases.append((2, "has no stream one", ship(one, *login)))
    for code, words, done in cases:
        said = done.stdout + done.stderr
        assert done.returncode == code and words in said, f"exit {done.returncode} instead of {code}, without {words!r}: {said}"
    server.kill()
    print(f"{len(cases)} refusals: each with its exit code and its words")


async def leader_of(ports, stream):
    """The name of the server that leads a stream, by one of those that answer."""
    for port in ports:
        try:
            client = await nats.connect(f"nats://127.0.0.1:{port}", connect_timeout=1, allow_reconnect=False)
            try:
                info = await client.jetstream().stream_info(stream)
                if info.cluster and info.cluster.leader:
                    return info.cluster.leader
            finally:
                await client.close()
        except Exception:  # It was killed, or there is no leader at this moment.
            continue
    return None


def cluster(program, server_program, folder, count, seed):
    """Three replicas, whose leader is killed while messages are on their way."""
    dice, log = random.Random(seed), folder / "three"
    ports, routes = [free_port() for _ in range(3)], [free_port() for _ in range(3)]
    peers = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
    servers = {}
    for number, (port, route) in enumerate(zip(ports, routes)):
        extra = f'server_name: s{number}\ncluster {{ name: three, listen: "127.0.0.1:{route}", routes: [{peers}] }}\n'
        servers[f"s{number}"] = Server(server_program, folder / f"s{number}", port, extra).start()
    recorder = started(
        [program, "serve", "--feed", "demo", "--log", str(log), "--rate", "20000", "--sync", "100ms", "--segment-size", "1MiB"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    words = [program, "ship", str(log), ",".join(f"nats://127.0.0.1:{port}" for port in ports), "--ack-timeout", "2s"]
    words += ["--linger", "200ms", "--hold", "3s", "--create", "--replicas", "3"]
    deadline = time.monotonic() + 60
    # The servers have to find each other first.
    while subprocess.run([*words, "--json"], capture_output=True, timeout=60).returncode != 0:
        assert time.monotonic() < deadline, "the stream cannot be made"
        time.sleep(1)
    output = open(folder / "three.out", "ab")
    shipper = started([*words, "--follow"], stdout=output, stderr=output)
    kills = 0
    while kills < count:
        time.sleep(dice.uniform(0.5, 2))
        assert shipper.poll() is None, (folder / "three.out").read_text()
        if not (leader := asyncio.run(leader_of(ports, "three"))):
            continue
        servers[leader].kill()
        kills += 1
        time.sleep(dice.uniform(0.2, 2))
        servers[leader].start()
    time.sleep(2)
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(30) == 0, "the recorder did not end cleanly"
    shipper.kill()
    shipper.wait()
    deadline = time.monotonic() + 60
    # There may be no leader at this moment.
    while (done := subprocess.run([*words, "--json"], capture_output=True, text=True, timeout=120)).returncode != 0:
        assert time.monotonic() < deadline, done.stderr
    records = segments_of(log)
    compare(asyncio.run(read_stream(ports[0], "three")), records)
    for server in servers.values():
        server.kill()
    print(f"three replicas, {count} leaders killed: {sum(map(len, records.values()))} bytes: equal")


def beside(program, server_program, folder):
    """`serve --ship`, with the server away at first and killed once; then `ship --verify`."""
    server, log = Server(server_program, folder / "beside-server", free_port()), folder / "beside"
    words = ["--feed", "demo", "--log", str(log), "--rate", "50000", "--sync", "100ms", "--segment-size", "1MiB", "--for", "6s"]
    words += ["--ship", f"nats://127.0.0.1:{server.port}", "--ship-replicas", "1"]
    recorder = started([program, "serve", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(1)
    server.start()
    time.sleep(2)
    server.kill()
    time.sleep(0.5)
    server.start()
    said = recorder.communicate(timeout=60)[0]
    assert recorder.returncode == 0 and "all of the log is in the stream beside" in said, said
    records = segments_of(log)
    compare(asyncio.run(read_stream(server.port, "beside")), records)
    verify = [program, "ship", str(log), f"nats://127.0.0.1:{server.port}", "--verify"]
    verified = subprocess.run(verify, capture_output=True, text=True)
    assert verified.returncode == 0, verified.stderr
    name = next(iter(records))
    with open(log / name, "r+b") as file:
        file.seek(HEADER + 20)
        byte = file.read(1)
        file.seek(HEADER + 20)
        file.write(bytes([byte[0] ^ 1]))
    verified = subprocess.run(verify, capture_output=True, text=True)
    assert verified.returncode == 3 and "message 1 of the stream" in verified.stderr, verified.stdout + verified.stderr
    server.kill()
    print(f"serve --ship: {sum(map(len, records.values()))} bytes: equal, and a changed byte is found")


def rolled_back(program, server_program, folder):
    """A server that comes back as it was before: what the log still has is shipped again, what it has deleted is a GAP."""
    server, log = Server(server_program, folder / "old-server", free_port()).start(), folder / "old"
    store, kept = folder / "old-server" / "store", folder / "old-store"
    ship = [program, "ship", str(log), f"nats://127.0.0.1:{server.port}", "--create", "--ack-timeout", "300ms", "--linger", "50ms"]

    def record():
        words = ["--feed", "demo", "--log", str(log), "--rate", "20000", "--for", "1s", "--segment-size", "256KiB"]
        assert subprocess.run([program, "serve", *words], capture_output=True).returncode == 0

    def ships(code):
        done = subprocess.run(ship, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr

    def go_back():
        server.kill()
        shutil.rmtree(store)
        shutil.copytree(kept, store)
        server.start()

    record()
    ships(0)
    server.kill()
    shutil.copytree(store, kept)
    server.start()
    record()
    ships(0)
    go_back()
    ships(0)
    compare(asyncio.run(read_stream(server.port, "old")), segments_of(log))
    go_back()
    names = sorted(log.glob("*.evtl"))
    end = int(asyncio.run(read_stream(server.port, "old"))[-1][0].split(" ")[3])
    gone = [path for path in names if int(path.stem) <= end]
    first = int(names[len(gone) + 1].stem)
    for path in [*gone, names[len(gone)]]:
        path.unlink()
    ships(3)
    gaps = [header.split(" ") for header, _ in asyncio.run(read_stream(server.port, "old")) if header.startswith("1 g ")]
    assert len(gaps) == 1 and int(gaps[0][3]) + int(gaps[0][4]) == first, gaps
    server.kill()
    print(f"a server rolled back: shipped again, and a GAP of {gaps[0][4]} records that the log had deleted")


def self_test():
    records = {"a": bytes(range(48)), "b": bytes(24)}
    run = "1 r 00 {} {} 00 64 0 00"
    whole = [(run.format(0, 2), records["a"]), (run.format(2, 1), records["b"])]
    compare(whole, records)
    faults = [
        whole[:1],
        whole[1:],
        [whole[0], whole[0], whole[1]],
        [whole[1], whole[0]],
        [(whole[0][0], bytes(48)), whole[1]],
        [whole[0], (run.format(3, 1), records["b"])],
        [("", records["a"]), whole[1]],
    ]
    for fault in faults:
        try:
            compare(fault, records)
        except AssertionError:
            continue
        sys.exit(f"a planted fault is not found: {fault}")
    print(f"{len(faults)} planted faults are found")


def main(program, server_program, folder, count="15", seed="1"):
    folder = Path(folder)
    folder.mkdir()
    begin = time.monotonic()
    kills(program, server_program, folder, int(count), int(seed))
    rolled_back(program, server_program, folder)
    beside(program, server_program, folder)
    refusals(program, server_program, folder)
    run_all(program, server_program, folder, int(count) >= 100)
    print(f"{version_of(server_program)}, {time.monotonic() - begin:.0f} s")
    shutil.rmtree(folder)


def version_of(server_program):
    return subprocess.run([server_program, "--version"], capture_output=True, text=True).stdout.strip()


def main_cluster(program, server_program, folder, leaders, seed="1"):
    folder = Path(folder)
    folder.mkdir()
    begin = time.monotonic()
    cluster(program, server_program, folder, int(leaders), int(seed))
    print(f"{version_of(server_program)}, {time.monotonic() - begin:.0f} s")
    shutil.rmtree(folder)


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    elif sys.argv[1:2] == ["cluster"]:
        main_cluster(*sys.argv[2:])
    elif sys.argv[1:2] == ["rate"]:
        rate(*sys.argv[2:5])
        shutil.rmtree(sys.argv[4])
        print(version_of(sys.argv[3]))
    else:
        main(*sys.argv[1:])
