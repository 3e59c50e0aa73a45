#!/usr/bin/env python3
"""A day of `ringlog serve` as a service, in a minute.

    .ci/service.py PROGRAM FOLDER [ROUNDS]    runs it; FOLDER must not exist
    .ci/service.py --self-test                plants faults in what is compared, and fails unless each is found

This program is the service manager: it opens NOTIFY_SOCKET, starts `serve` with a file of options, and kills it. Meanwhile
it sends numbered datagrams to a multicast group, and scrapes in both forms with the parsers of `prometheus-client`.
Where it may mount a small disk, the disk becomes full and is freed. At the end the log of the service at work is backed up,
restored, drawn and exported.
"""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

GROUP, PORT, BYTES = "239.255.77.78", 0, 1000
DISK_BYTES, KEEP_BYTES = 96 << 20, 24 << 20
WATCHDOG = 1.5
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def wait(what, has_come, seconds=30):
    end = time.monotonic() + seconds
    while not (found := has_come()):
        assert time.monotonic() < end, f"it does not come: {what}"
        time.sleep(0.02)
    return found


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path, self.words, self.open = str(path), [], True
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(0.1)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while self.open:
            try:
                text = self.socket.recv(65536).decode()
            except TimeoutError:
                continue
            now = time.monotonic()
            self.words += [(now, *line.split("=", 1)) for line in text.splitlines()]

    def said(self, key, since=0.0):
        return [(at, value) for at, name, value in list(self.words) if name == key and at >= since]


class Sender(threading.Thread):
    """Sends datagrams with rising numbers to the group, or to one address where there is no multicast."""

    def __init__(self, address, rate=4000):
        super().__init__(daemon=True)
        self.address, self.pause, self.padding = address, 20 / rate, bytes(BYTES - 8)
        self.number, self.runs, self.at_work = 0, threading.Event(), True
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)

    def run(self):
        while self.at_work:
            self.runs.wait()
            for _ in range(20):
                try:
                    self.socket.sendto(struct.pack(">Q", self.number) + self.padding, self.address)
                except OSError:
                    pass  # Nobody listens at an address without multicast.
                self.number += 1
            time.sleep(self.pause)


def parsed(text, is_open):
    """The samples of a scrape: name and labels, to the value. Fails where the parser of Prometheus does."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
    from prometheus_client.parser import text_string_to_metric_families as plain

    samples, kinds = {}, {}
    for family in (open_metrics if is_open else plain)(text):
        assert family.documentation, f"{family.name} has no help"
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in samples, f"{key} twice"
            samples[key] = sample.value
            kinds[key] = family.type
    return samples, kinds


class Scraper(threading.Thread):
    """Scrapes five times a second, and compares each scrape with the one before it."""

    def __init__(self, base):
        super().__init__(daemon=True)
        self.base, self.last, self.count, self.problem, self.at_work = base, None, 0, None, True

    def get(self, path, accept="text/plain"):
        request = urllib.request.Request(self.base + path, headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    def scrape(self, is_open=False):
        code, kind, text = self.get("/metrics", OPEN_METRICS if is_open else "text/plain")
        assert code == 200 and kind.startswith("application/openmetrics-text" if is_open else "text/plain"), (code, kind)
        return parsed(text, is_open)

    def value(self, name, **labels):
        return self.scrape()[0][(name, *sorted(labels.items()))]

    def run(self):
        try:
            while self.at_work:
                self.count += 1
                samples, kinds = self.scrape(is_open=self.count % 2 == 0)
                compare_scrapes(self.last, samples, kinds)
                self.last = samples
                time.sleep(0.2)
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            if self.at_work:
                self.problem = f"does not answer: {error}"
        except AssertionError as error:
            self.problem = str(error)

    def end(self):
        self.at_work = False
        self.join()
        assert not self.problem, self.problem


def compare_scrapes(before, after, kinds):
    """Counters never fall, and what is durable is published."""
    for key, value in after.items():
        name = key[0]
        rises = kinds[key] == "counter" or name.endswith(("_bucket", "_count", "_position_bytes", "_sequence"))
        old = (before or {}).get(key)
        assert not rises or old is None or value >= old, f"{key} falls from {old} to {value}"
    published = after.get(("ringlog_published_position_bytes",))
    assert published is None or after[("ringlog_durable_position_bytes",)] <= published, after
    buckets = [(key[1][1], value) for key, value in after.items() if key[0] == "ringlog_sync_seconds_bucket"]
    counts = [value for _, value in sorted(buckets, key=lambda it: float(it[0]))]
    assert counts == sorted(counts), f"buckets: {buckets}"
    assert not counts or counts[-1] == after[("ringlog_sync_seconds_count",)], "the last bucket is not the count"


class Run:
    """One run of `serve` under the manager."""

    def __init__(self, program, folder, manager, options, log):
        self.log, self.manager, self.started = log, manager, time.monotonic()
        config = folder / "serve.toml"
        config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in options.items()))
        self.messages = folder / "messages"
        self.messages.unlink(missing_ok=True)
        environment = {**os.environ, "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": str(int(WATCHDOG * 1e6))}
        words = [program, "serve", "--config", config, "--log", log, "--log-file", self.messages, "--json"]
        self.process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait("READY=1", lambda: self.alive() and manager.said("READY", self.started))
        text = self.messages.read_text()
        self.scraper = Scraper("http://" + text.split("metrics at http://")[1].split("/")[0])
        self.place = text.split("listening at ")[1].split()[0].rstrip(",;") if "listening at " in text else ""
        self.scraper.start()

    def alive(self):
        assert self.process.poll() is None, self.process.communicate()
        return True

    def is_well(self):
        code, _, text = self.scraper.get("/health")
        assert (code == 200) == (text == "ok\n"), (code, text)
        return code == 200

    def unwell_because(self, reason):
        code, _, text = self.scraper.get("/health")
        return code == 503 and any(line.startswith(reason) for line in text.splitlines())

    def kill(self):
        self.scraper.at_work = False
        self.process.kill()
        self.process.communicate()
        self.scraper.join()

    def stop(self, codes=(0, 3)):
        """Ends it as a service manager does. Returns its summary."""
        self.scraper.end()
        asked = time.monotonic()
        self.process.terminate()
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode in codes, (self.process.returncode, out, err)
        assert self.manager.said("STOPPING", asked), "no STOPPING=1"
        return json.loads(out)


def run(program, *words, codes=(0,)):
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode in codes, (words, done.returncode, done.stderr)
    return done.stdout


def check_numbers(program, log):
    """The numbers of the datagrams in a log rise. Returns how many there are."""
    last, count = -1, 0
    for line in run(program, "cat", log, "--format", "json", "--payload", "hex").splitlines():
        event = json.loads(line)
        if "hex" not in event or event["payload_len"] != BYTES:
            continue  # A GAP record.
        number = int(event["hex"][:16], 16)
        assert number > last, f"datagram {number} after {last}"
        last, count = number, count + 1
    assert count > 0
    return count


def compare_with_info(samples, info):
    """What a scrape of a run that has recorded everything has in common with what `info` reads in the log."""
    value = lambda name: samples[(name,)]
    pairs = {
        "events": (value("ringlog_events_total"), info["events"]),
        "gaps": (value("ringlog_gaps_total"), info["gaps"]),
        "bytes": (value("ringlog_record_bytes_total"), info["bytes"]),
        "unknown": (value("ringlog_gaps_of_unknown_count_total"), info["gaps_of_unknown_count"]),
        "first": (value("ringlog_oldest_sequence"), info["segments"][0]["base_sequence"]),
        "next": (value("ringlog_next_sequence"), info["last_sequence"] + 1),
        "files": (sum(v for k, v in samples.items() if k[0] == "ringlog_segments"), len(info["segments"])),
    }
    lost = {dict(key[1:])["reason"]: v for key, v in samples.items() if key[0] == "ringlog_lost_events_total" and v}
    pairs["lost"] = (lost, info["lost_by_reason"])
    wrong = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    assert not wrong, f"scraped, and by info: {wrong}"


def extras(program, log, folder):
    """What is done with the log of a service while it records: a backup, twice, restored and verified; a report, an export."""
    backup, restored, page, lines = folder / "backup", folder / "restored", folder / "report.html", folder / "export.json"
    # What retention has deleted meanwhile is not in the second one.
    copied = [json.loads(run(program, "backup", log, backup, "--mirror", "--json")) for _ in range(2)]
    assert copied[1]["kept_files"] > 0 and copied[1]["next_sequence"] >= copied[0]["next_sequence"], copied
    # The log has GAP records, and a backup has them too.
    run(program, "verify", backup, codes=(0, 3))
    run(program, "restore", backup, restored)
    run(program, "verify", restored, codes=(0, 3))
    files = [{path.name: path.read_bytes() for path in it.glob("*.evtl")} for it in (backup, restored)]
    assert files[0] and files[0] == files[1], [sorted(it) for it in files]
    count = check_numbers(program, restored)
    run(program, "report", log, "-o", page, codes=(0, 3))
    assert page.read_text().rstrip().endswith("</html>")
    run(program, "export", restored, lines, "--to", "json")
    exported = sum('"payload_len":%d' % BYTES in line for line in lines.read_text().splitlines())
    assert exported == count, f"{exported} datagrams in the export of {count}"
    run(program, "tail", log, "-n", "3")
    print(f"backup of {copied[1]['files']} files, {copied[1]['kept_files']} of them kept; {count} datagrams restored and exported")


def fill(disk):
    """Takes the room of the disk but for 4 MiB."""
    free = os.statvfs(disk)
    room = free.f_bavail * free.f_frsize - (4 << 20)
    with open(disk / "ballast", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, room)


def service(program, folder, disk, has_disk, rounds):
    manager = Manager(folder / "notify")
    options = {
        "feed": f"udp://{GROUP}:{PORT}?interface=127.0.0.1&buffer=4MiB", "metrics": "127.0.0.1:0", "segment-size": "1MiB", "sync": "200ms",
        "keep-bytes": KEEP_BYTES, "full-disk": "drop", "log-level": "info", "health-unsynced": "5s",
    }
    log = disk / "log"
    try:
        first = Run(program, folder, manager, options, log)
    except AssertionError as error:
        # A sandbox may have no multicast.
        print(f"no multicast: {error}")
        options["feed"] = "udp://127.0.0.1:0?buffer=4MiB"
        first = Run(program, folder, manager, options, log)
    current, sender = first, Sender(None)
    for number in range(rounds):
        sender.address = address_of(current.place)
        if number == 0:
            sender.start()
        sender.runs.set()
        # Later, retention recycles files, and no new room is asked for.
        one_round(disk, has_disk and number == 0, manager, current)
        # Killed while it records, and started again.
        before = current.scraper.value("ringlog_next_sequence")
        current.kill()
        current = Run(program, folder, manager, options, log)
        sender.address = address_of(current.place)
        after = current.scraper.value("ringlog_next_sequence")
        assert after >= before, f"sequence {after} after {before}"
        assert current.scraper.value("ringlog_lost_events_total", reason="ring full") == 0
        wait("events after the kill", lambda: current.scraper.value("ringlog_events_total") > 1000)
        wait("health after the kill", current.is_well)
        print(f"round {number + 1}: {sender.number} datagrams sent, {current.scraper.count} scrapes since the kill")
    check_hangup(current, folder)
    extras(program, log, folder)
    wait("retention", lambda: current.scraper.value("ringlog_retired_segments_total") > 3)
    sender.runs.clear()
    end_and_compare(program, current, log)
    print(f"kept: {check_numbers(program, log)} datagrams")
    manager.open = sender.at_work = False
    return manager


def address_of(place):
    host, port = place.removeprefix("udp://").split("?")[0].rsplit(":", 1)
    return (host, int(port))


def one_round(disk, has_disk, manager, current):
    """Health, signs of life, and a disk that becomes full and is freed, while the log still grows."""
    wait("events", lambda: current.scraper.value("ringlog_events_total") > 2000)
    wait("health", current.is_well)
    if has_disk:
        fill(disk)
        wait("a full disk", lambda: current.unwell_because("disk full: "))
        wait("losses", lambda: current.unwell_because("dropping: ") and current.scraper.value("ringlog_dropping") == 1)
        assert current.scraper.value("ringlog_disk_full") == 1
        full = time.monotonic()
        wait("signs of life on a full disk", lambda: manager.said("WATCHDOG", full))
        wait("a status of a full disk", lambda: any(text.startswith("disk full: ") for _, text in manager.said("STATUS", full)), 10)
        (disk / "ballast").unlink()
        wait("room", lambda: current.scraper.value("ringlog_disk_full") == 0 and current.scraper.value("ringlog_dropping") == 0)
        assert current.scraper.value("ringlog_lost_events_total", reason="disk full") > 0
        wait("health on the freed disk", current.is_well)
    since = time.monotonic()
    wait("signs of life", lambda: len(manager.said("WATCHDOG", since)) >= 2)
    wait("a status", lambda: manager.said("STATUS", since), 10)


def check_hangup(current, folder):
    """SIGHUP begins a new file of messages."""
    old = folder / "messages.1"
    current.messages.rename(old)
    current.process.send_signal(signal.SIGHUP)
    wait("a new file of messages", current.messages.exists)
    assert current.alive() and "SIGHUP" in current.messages.read_text()


def end_and_compare(program, current, log):
    """Ends a run that has nothing left to record, and compares its numbers with the log."""
    drained = lambda it: it[("ringlog_ring_unread_bytes", ("ring", "0"))] == 0 and it[("ringlog_not_durable_seconds",)] == 0
    still = lambda: current.scraper.value("ringlog_events_total")
    wait("the end of the feed", lambda: (before := still()) and not time.sleep(0.3) and before == still())
    samples = wait("an empty ring", lambda: drained(it := current.scraper.scrape()[0]) and it)
    current.stop()
    info = json.loads(run(program, "info", log, "--json"))
    # The files of other runs are there too, so what can be compared is where the log begins and ends, and how many files it has.
    assert samples[("ringlog_oldest_sequence",)] == info["segments"][0]["base_sequence"], info["segments"][0]
    assert samples[("ringlog_next_sequence",)] == info["last_sequence"] + 1, (samples[("ringlog_next_sequence",)], info["last_sequence"])
    assert sum(v for k, v in samples.items() if k[0] == "ringlog_segments") == len(info["segments"])
    run(program, "verify", log, codes=(0, 3))


def exact(program, folder):
    """A run on a new log, whose numbers are all those of `info`: events, bytes, gaps, and losses by reason."""
    log, manager = folder / "exact", Manager(folder / "notify-exact")
    options = {"feed": f"unix:{folder}/lines", "metrics": 0, "segment-size": "1MiB", "sync": "100ms"}
    current = Run(program, folder, manager, options, log)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(folder / "lines"))
    for number in range(20_000):
        client.sendall(b"line %d of the feed\n" % number)
        if number % 5_000 == 0:
            client.sendall(b"x" * 70_000 + b"\n")
    client.close()
    wait("all lines", lambda: current.scraper.value("ringlog_events_total") == 20_000 and current.scraper.value("ringlog_not_durable_seconds") == 0)
    wait("the noted ring", lambda: current.scraper.value("ringlog_ring_unread_bytes", ring="0") == 0)
    plain, opened = current.scraper.scrape()[0], current.scraper.scrape(is_open=True)[0]
    moving = ("ringlog_disk_free_bytes", "ringlog_recorder_turns_total", "ringlog_healthy")
    differ = {key for key in plain if plain[key] != opened.get(key) and key[0] not in moving}
    assert not {key for key in differ if key[0] != "ringlog_sync_seconds_bucket"}, f"the two forms differ: {differ}"
    assert plain[("ringlog_feed_events_total",)] == 20_000 and plain[("ringlog_feed_lost_events_total",)] == 4
    assert current.unwell_because("dropping: "), "a loss of a moment ago"
    wrong = current.scraper.get("/nothing")
    assert wrong[0] == 404, wrong
    summary = current.stop(codes=(3,))
    info = json.loads(run(program, "info", log, "--json"))
    compare_with_info(plain, info)
    assert (summary["events"], summary["lost"]) == (info["events"], info["lost"])
    manager.open = False
    return plain, info


def refused(program, folder):
    """What is wrong in a file of options ends the program before a log is there."""
    config = folder / "wrong.toml"
    config.write_text("log = \"none\"\nkeep_bytes = 5\n")
    done = subprocess.run([program, "serve", "--config", config], capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 2 and f"{config}:2: " in done.stderr and "keep-bytes" in done.stderr, done
    assert not (folder / "none").exists()


def in_namespace(words):
    """Runs this program again where it may mount a disk; returns None where it may not."""
    probe = ["unshare", "--map-root-user", "--mount", "--", "sh", "-c", "mount -t tmpfs none /mnt"]
    if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        return None
    return subprocess.run([*probe[:4], sys.executable, __file__, "--mounted", *words], check=False).returncode


def main(program, folder, rounds, is_mounted):
    folder, program = Path(folder), str(Path(program).resolve())
    disk = folder / "disk"
    disk.mkdir(parents=True, exist_ok=True)
    if is_mounted:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", disk], check=True)
    else:
        (folder / "skipped").write_text("no disk can be mounted here: that of the service is never full\n")
    started = time.monotonic()
    refused(program, folder)
    service(program, folder, disk, is_mounted, rounds)
    exact(program, folder)
    print(f"a service ran for {time.monotonic() - started:.0f} s: ready, watched, scraped, full, killed, and its numbers are those of its log")


def self_test():
    text = "# HELP a b\n# TYPE a counter\na 2.0\n"
    samples, kinds = parsed(text, False)
    compare_scrapes(None, samples, kinds)
    compare_scrapes({("a_total",): 2.0}, *parsed("# HELP a b\n# TYPE a counter\na_total 2.0\n# EOF\n", True))
    info = {"events": 1, "gaps": 0, "bytes": 24, "gaps_of_unknown_count": 0, "segments": [{"base_sequence": 0}], "last_sequence": 0, "lost_by_reason": {"too long": 2}}
    good = {
        ("ringlog_events_total",): 1, ("ringlog_gaps_total",): 0, ("ringlog_record_bytes_total",): 24, ("ringlog_gaps_of_unknown_count_total",): 0,
        ("ringlog_oldest_sequence",): 0, ("ringlog_next_sequence",): 1, ("ringlog_segments", ("state", "open")): 1,
        ("ringlog_lost_events_total", ("reason", "too long")): 2, ("ringlog_lost_events_total", ("reason", "ring full")): 0,
    }
    compare_with_info(good, info)
    faults = [lambda key=key: compare_with_info({**good, key: good[key] + 1}, info) for key in good]
    faults += [
        lambda: compare_scrapes({("a", ): 3.0}, {("a",): 2.0}, {("a",): "counter"}),
        lambda: compare_scrapes(None, {("ringlog_published_position_bytes",): 1, ("ringlog_durable_position_bytes",): 2}, {("ringlog_published_position_bytes",): "gauge", ("ringlog_durable_position_bytes",): "gauge"}),
        lambda: parsed("# TYPE a counter\na 1\na 1\n", False),
        lambda: parsed("# HELP a b\n# TYPE a counter\na_total 1\n", True),
    ]
    for number, fault in enumerate(faults):
        try:
            fault()
        except (AssertionError, ValueError):
            continue
        raise SystemExit(f"fault {number} was not found")
    print(f"{len(faults)} planted faults were found")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        self_test()
    else:
        mounted = arguments[0] == "--mounted"
        arguments = arguments[mounted:]
        code = None if mounted else in_namespace(arguments)
        if code is None:
            main(arguments[0], arguments[1], int(arguments[2]) if len(arguments) > 2 else 1, mounted)
        else:
            raise SystemExit(code)
