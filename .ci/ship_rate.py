"""How fast a log is shipped, beside a bare pipelined publisher of messages of the same size: `.ci/ship.py rate` runs it.

The publisher sends the same number of messages of the same mean size over one connection, without headers, with as many on their
way, to a stream of the same settings on the same server, and counts acknowledgements. Both run in turn; the medians are compared.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import time
from pathlib import Path

import nats
from nats.js.api import DiscardPolicy, StreamConfig
from ship_base import Server, free_port, segments_of, started

ROUNDS, WINDOW = 5, 256
LEAST_SHARE, LEAST_EVENTS, MOST_MEMORY = 0.8, 2_000_000, 64 << 20


def bare(port, subject, payload, count):
    """Publishes `count` messages, and returns the seconds until all are acknowledged."""
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.sendall(b'CONNECT {"verbose":false,"pedantic":false,"lang":"x","version":"1"}\r\nSUB _INBOX.bare 1\r\nPING\r\n')
        seen = b""
        while b"PONG\r\n" not in seen:
            seen += server.recv(65536)
        message = b"PUB %s _INBOX.bare %d\r\n" % (subject.encode(), len(payload)) + payload + b"\r\n"
        begin, sent, acknowledged, rest = time.monotonic(), 0, 0, b""
        while acknowledged < count:
            room = min(WINDOW - (sent - acknowledged), count - sent)
            for _ in range(room):
                server.sendall(message)
            sent += room
            data = rest + server.recv(1 << 16)
            assert b'"error"' not in data, data
            acknowledged += data.count(b'"seq":')
            at = data.rfind(b'"seq":')
            rest = data[at + 6 :][-5:] if at >= 0 else data[-5:]
        return time.monotonic() - begin


def ship(program, log, port, name):
    """Ships a log to a stream of this name; returns the seconds, the report and the most memory in bytes."""
    begin = time.monotonic()
    words = [program, "ship", str(log), f"nats://127.0.0.1:{port}", "--create", "--stream", name, "--cursor", name, "--json"]
    shipper = started([*words, "--window", str(WINDOW)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    memory = 0
    while shipper.poll() is None:
        try:
            lines = Path(f"/proc/{shipper.pid}/status").read_text().splitlines()
        except OSError:
            break
        memory = max([memory, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))])
        time.sleep(0.02)
    report = json.loads(shipper.communicate()[0])
    seconds = time.monotonic() - begin
    assert shipper.returncode == 0, report
    return seconds, report, memory


def rate(program, server_program, folder, megabytes=384):
    folder = Path(folder)
    folder.mkdir()
    server, log, lines = Server(server_program, folder / "server", free_port()).start(), folder / "log", folder / "lines"
    # A record of 64 bytes: 16 of its header, 48 of the line.
    with open(lines, "w") as file:
        for number in range(megabytes << 20 >> 6):
            file.write(f"{number:048}\n")
    words = ["serve", "--feed", str(lines), "--log", str(log), "--rate", "max", "--segment-size", "64MiB", "--quiet"]
    done = subprocess.run([program, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines.unlink()
    total = sum(map(len, segments_of(log).values()))

    async def change(action):
        client = await nats.connect(f"nats://127.0.0.1:{server.port}")
        try:
            await action(client.jetstream())
        finally:
            await client.close()

    ships, bares, memory, messages = [], [], 0, 0
    for number in range(ROUNDS):
        os.sync()
        seconds, report, most = ship(program, log, server.port, f"log{number}")
        ships.append(seconds)
        memory, messages = max(memory, most), report["position"]
        asyncio.run(change(lambda streams: streams.delete_stream(f"log{number}")))
        config = StreamConfig(name="bare", subjects=["bare"], discard=DiscardPolicy.NEW, deny_delete=True, deny_purge=True)
        asyncio.run(change(lambda streams: streams.add_stream(config)))
        os.sync()
        bares.append(bare(server.port, "bare", os.urandom(total // messages), messages))
        asyncio.run(change(lambda streams: streams.delete_stream("bare")))
    server.kill()
    shipped, published = statistics.median(ships), statistics.median(bares)
    share, events = published / shipped, total / 64 / shipped
    print(f"{messages} messages of {total // messages} bytes in {ROUNDS} rounds, medians: shipped in {shipped:.2f} s, published bare in "
          f"{published:.2f} s: {share:.2f} of it (at least {LEAST_SHARE})")  # fmt: skip
    print(f"{events / 1e6:.2f} M events of 64 bytes a second (at least {LEAST_EVENTS / 1e6:.0f} M), {total / shipped / 1e6:.0f} MB/s")
    print(f"most memory of the shipper: {memory / 1048576:.1f} MiB (at most {MOST_MEMORY >> 20} MiB)")
    print("rounds: " + " ".join(f"{a:.2f}/{b:.2f}" for a, b in zip(ships, bares)))
    missed = [what for what, is_met in [("share", share >= LEAST_SHARE), ("events", events >= LEAST_EVENTS), ("memory", memory <= MOST_MEMORY)]
              if not is_met]  # fmt: skip
    assert not missed, f"missed: {', '.join(missed)}"
