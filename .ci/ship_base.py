"""What the tests of `ringlog ship` share: processes, a server, and the oracle."""

import atexit
import socket
import struct
import subprocess
import time
from pathlib import Path

import nats

HEADER, END = 64, 24


STARTED = []


def started(*words, **options):
    """A process that does not outlive this program."""
    STARTED.append(subprocess.Popen(*words, **options))
    return STARTED[-1]


@atexit.register
def end_all():
    for process in STARTED:
        if process.poll() is None:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def segments_of(log):
    """The records of each file of a log, by name."""
    found = {}
    for path in sorted(Path(log).glob("*.evtl")):
        data = path.read_bytes()
        found[path.name] = data[HEADER : struct.unpack_from("<Q", data, END)[0]]
    return found


def without_checksums(records):
    """Records with zeros for their checksums, which depend on the place."""
    data, at = bytearray(records), 0
    while at < len(data):
        data[at + 12 : at + 16] = bytes(4)
        at += (16 + struct.unpack_from("<H", data, at + 10)[0] + 7) // 8 * 8
    return bytes(data)


def compare(messages, records):
    """Compares (header, payload) of each message with a log's records."""
    stored, expected = b"".join(payload for _, payload in messages), b"".join(records.values())
    following = 0
    for header, payload in messages:
        words = header.split(" ")
        assert words[:2] == ["1", "r"], f"no run: {header}"
        assert int(words[3]) == following, f"record {following} does not come next: {header}"
        following += int(words[4])
    assert len(stored) == len(expected), f"{len(stored)} bytes in the stream, {len(expected)} in the log"
    assert stored == expected, "the stream has other bytes than the log"


class Server:
    def __init__(self, program, folder, port, extra=""):
        self.program, self.folder, self.port = program, Path(folder), port
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "server.conf"
        store = self.folder / "store"
        self.config.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{store}" }}\n{extra}')
        self.process = None

    def start(self):
        with open(self.folder / "server.log", "ab") as log:
            self.process = started([self.program, "-c", str(self.config)], stdout=log, stderr=log)
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                assert time.monotonic() < end and self.process.poll() is None, "the server does not start"
                time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()


async def read_stream(port, stream):
    """All messages of a stream, by an ordered consumer."""
    client = await nats.connect(f"nats://127.0.0.1:{port}")
    try:
        streams = client.jetstream()
        last = (await streams.stream_info(stream)).state.last_seq
        found = []
        if last:
            consumer = await streams.subscribe(f"ringlog.{stream}", stream=stream, ordered_consumer=True)
            while not found or found[-1][2] < last:
                message = await consumer.next_msg(timeout=20)
                number = message.metadata.sequence.stream
                found.append(((message.headers or {}).get("Ringlog-Run", ""), message.data, number))
        return [(header, payload) for header, payload, _ in found]
    finally:
        await client.close()
