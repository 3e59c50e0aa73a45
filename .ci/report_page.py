#!/usr/bin/env python3
"""Checks a page of `ringlog report`.

    .ci/report_page.py page PAGE INFO     its numbers are those of `ringlog info --json`, it requests nothing, each chart has a
                                          title and a table; then plants faults, and fails unless each is found
    .ci/report_page.py browser PAGE FOLDER    opens it in Chromium: what is drawn, keys, the width of a telephone, errors; pictures
                                          of it (light, dark, narrow, printed) are left in the folder
"""

import html.parser
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_BYTES = 3_000_000
# How a page could ask for something elsewhere.
REQUESTS = re.compile(r"\bfetch\b|XMLHttpRequest|@import|url\(|://|WebSocket|EventSource|sendBeacon|import\(|serviceWorker|<link|<iframe", re.I)
VOID = {"meta", "br", "link", "img", "input", "hr", "col", "base", "source", "embed", "track", "wbr", "area"}
CHARTS = ["events", "bytes", "field-0", "histogram-0", "histogram-1", "segments"]
EQUAL = ["events", "lost", "gaps", "gaps_of_unknown_count", "bytes", "payload_bytes", "first_timestamp", "last_timestamp", "first_time", "last_time",
         "first_sequence", "last_sequence", "types", "lost_by_reason", "clock"]


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.figures, self.data, self.scripts, self.ids = [], [], {}, "", [], []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.links += [(tag, name, value) for name, value in attributes if name in ("src", "href", "action", "srcset", "data", "xlink:href")]
        self.links += [(tag, name, value) for name, value in attributes if name.startswith("on")]
        self.ids += [given["id"]] if "id" in given else []
        if tag not in VOID:
            self.open.append((tag, given))
        if tag == "figure":
            self.figures[given["id"]] = {"title": "", "tables": 0, "labels": [], "rows": 0}
        figure = self.figure()
        if figure is not None:
            figure["tables"] += tag == "table"
            figure["rows"] += tag == "tr"
            figure["labels"] += [given["aria-label"]] if "plot" in given.get("class", "") else []
        if tag == "script":
            self.scripts.append(given)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, text):
        if self.open and self.open[-1] == ("script", {"type": "application/json", "id": "data"}):
            self.data += text
        figure = self.figure()
        if figure is not None and any(tag == "h2" for tag, _ in self.open):
            figure["title"] += text

    def figure(self):
        ids = [given["id"] for tag, given in self.open if tag == "figure"]
        return self.figures[ids[-1]] if ids else None


def once(pairs):
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys), f"a key twice: {keys}"
    return dict(pairs)


def check(text, info):
    assert len(text.encode()) < MOST_BYTES, f"{len(text.encode())} bytes"
    page = Page(text)
    assert not page.links, f"leads elsewhere: {page.links}"
    found = REQUESTS.search(text)
    assert not found, f"asks for something: {text[max(0, found.start() - 60):found.end() + 60]!r}"
    assert "default-src 'none'" in text and len(page.scripts) == 2, "the policy of the page"
    assert len(set(page.ids)) == len(page.ids), "an id twice"
    data = json.loads(page.data, object_pairs_hook=once)
    for key in EQUAL:
        assert data.get(key) == info.get(key), f"{key}: {data.get(key)} and not {info.get(key)}"
    of_type = lambda rows: {row["event_type"]: (row.get("name"), row["events"], row["payload_bytes"], row["first_timestamp"], row["last_timestamp"]) for row in rows}
    assert of_type(data["event_types"]) == of_type(info["event_types"]), "types"
    assert sum(sum(group["events"]) for group in data["groups"]) == info["events"], "bins of events"
    assert sum(sum(group["bytes"]) for group in data["groups"]) <= info["bytes"], "bins of bytes"
    assert sum(it[2] for it in data["gap_bins"]) <= info["lost"], "gaps"
    assert [row["records"] for row in data["segments"]] == [row["records"] for row in info["segments"]], "segments"
    for histogram in data["histograms"]:
        assert sum(bar[2] for bar in histogram["bars"]) == histogram["count"], histogram["title"]
    assert set(CHARTS) <= set(page.figures), f"charts: {list(page.figures)}"
    for name, figure in page.figures.items():
        assert figure["title"] and figure["tables"] and figure["rows"] > 1, f"{name}: {figure}"
        assert len(figure["labels"]) == 1 and figure["labels"][0], f"{name} has no label"
    return data


def page(path, info_path):
    text, info = Path(path).read_text(), json.loads(Path(info_path).read_text())
    check(text, info)
    planted = [
        ("</main>", '<img src="x.png"></main>'), ("</main>", "<a href='x'>x</a></main>"), ("</style>", "@import 'x';</style>"),
        ("</style>", "p { background: url(x) }</style>"), ('"use strict";', '"use strict"; fetch("x");'),
        (f'"events":{info["events"]}', f'"events":{info["events"] + 1}'), ("<table>", "<div>"), ("<h2>Events over time</h2>", ""),
        ("</main>", "x" * MOST_BYTES + "</main>"), ("</main>", "<p onclick=x>x</p></main>"), ("default-src 'none'", "default-src *"),
    ]
    for before, after in planted:
        changed = text.replace(before, after, 1)
        assert changed != text, f"nothing to plant at {before}"
        try:
            check(changed, info)
        except (AssertionError, json.JSONDecodeError):
            continue
        raise SystemExit(f"not found: {after[:60]}")
    print(f"{path}: {len(text.encode()):,} bytes, equal to info; {len(planted)} planted faults found")


# A window has at least 500 pixels; a frame may be as narrow as a telephone.
FRAME = """<!doctype html><body style="margin: 0"><iframe src="%s" style="border: 0; width: %dpx; height: %dpx"></iframe>
<script>addEventListener("message", (it) => document.body.append(Object.assign(document.createElement("output"), { id: "probe", textContent: it.data })))</script>
"""

# Runs in a copy of the page: uses its charts as a person does, and writes what came of it into the document.
PROBE = """
<script nonce="%s">
addEventListener("load", () => setTimeout(() => {
  const plots = [...document.querySelectorAll("figure .plot")], first = plots[0];
  const labels = () => [...first.querySelectorAll("text")].map((it) => it.textContent).join("|");
  const key = (plot, name, more) => plot.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, ...more }));
  const values = (plot) => plot.parentElement.querySelector(".values").textContent;
  const shapes = () => first.querySelectorAll("svg svg path").length;
  const said = { width: innerWidth, scroll: document.documentElement.scrollWidth, drawn: plots.filter((it) => it.querySelector("svg")).length, plots: plots.length,
    shapes: plots.map((it) => it.querySelectorAll("path, rect").length), whole: labels(), groups: shapes() };
  said.outside = [...document.querySelectorAll("body *")].filter((it) => !it.closest(".table, .plot svg") && it.getBoundingClientRect().right > innerWidth + 1).map((it) => it.outerHTML.slice(0, 80));
  key(first, "ArrowRight");
  said.values = values(first);
  key(first, "+"); key(first, "+");
  said.zoomed = labels();
  key(first, "ArrowRight", { shiftKey: true });
  said.panned = labels();
  key(first, "Escape");
  said.again = labels();
  const bars = plots.find((it) => it.parentElement.id.startsWith("histogram"));
  key(bars, "End");
  said.bar = values(bars);
  document.querySelector("#legend button").click();
  said.fewer = shapes();
  const at = first.getBoundingClientRect(), y = at.top + 60;
  const pointer = (type, x) => first.dispatchEvent(new PointerEvent(type, { clientX: at.left + x, clientY: y, button: 0, pointerId: 1, bubbles: true }));
  first.setPointerCapture = () => {};
  pointer("pointerdown", at.width * 0.4); pointer("pointermove", at.width * 0.5); pointer("pointerup", at.width * 0.5);
  said.dragged = labels();
  document.querySelector("[data-zoom=all]").click();
  parent.postMessage(JSON.stringify(said), "*");
}, 300));
</script>
"""


def chromium(folder, path, *options, width=1200, height=3200):
    line = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking", "--enable-logging=stderr",
            f"--user-data-dir={folder}/profile", "--virtual-time-budget=5000", f"--window-size={width},{height}", *options, path.absolute().as_uri()]
    done = subprocess.run(line, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    console = [it for it in done.stderr.splitlines() if "CONSOLE" in it]
    assert not console, f"the console has {console}"
    return done.stdout


def framed(folder, path, width, height):
    frame = folder / "frame.html"
    frame.write_text(FRAME % (path.absolute().as_uri(), width, height))
    return frame


def probed(folder, path, width):
    dom = chromium(folder, framed(folder, path, width, 3200), "--dump-dom")
    found = re.search(r'<output id="probe">(.*?)</output>', dom, re.S)
    assert found, "the probe did not end"
    return json.loads(html.unescape(found[1]))


def with_series(text, count, least, most, mean):
    """The page with other values of its first field; each of them is a function of the bin."""
    before = Page(text).data
    data = json.loads(before)
    bins = range(data["axis"]["bins"])
    data["series"][0].update(count=[count(at) for at in bins], min=[least(at) for at in bins], max=[most(at) for at in bins],
                             mean=[mean(at) for at in bins], unit=None, is_span=False)
    return text.replace(before, json.dumps(data).replace("<", "\\u003c"))


def points(figure, name):
    d = re.search(rf'<path class="{name}" d="([^"]*)"', figure)[1]
    labels = re.findall(r'<text [^>]*text-anchor="end"[^>]*>([^<]*)</text>', figure)
    return [tuple(map(float, it)) for it in re.findall(r"(-?[\d.]+),(-?[\d.]+)", d)], labels


def check_fields(folder, text):
    """Values that are close, extreme, or far apart in time: each is drawn where it is, and no two labels are the same."""
    copy = folder / "fields.html"
    some = lambda value: lambda at: value if at % 400 == 7 else None
    near = lambda offset: lambda at: 1e6 + at / 1000 + offset
    cases = {
        "close": (lambda at: 3, near(0), near(0.003), near(0.001)),
        "tiny": (lambda at: 3, lambda at: at * 1e-11, lambda at: at * 1.5e-11, lambda at: at * 1.2e-11),
        "extreme": (lambda at: 3, lambda at: -1.79e308, lambda at: 1.79e308, lambda at: 1e308),
        "far apart": (lambda at: 1 if at % 400 == 7 else 0, some(4), some(4), some(4)),
    }
    for name, values in cases.items():
        copy.write_text(with_series(text, *values))
        dom = chromium(folder, copy, "--dump-dom", width=1200)
        figure = dom[dom.index('id="field-0"'):].split("</figure>")[0]
        (mean, labels), (band, _), (dots, _) = (points(figure, it) for it in ("mean", "band", "dots"))
        assert len(labels) > 1 and len(set(labels)) == len(labels), f"{name}: labels {labels}"
        assert not any(it in figure for it in ("NaN", "Infinity")), f"{name}: no number"
        if name == "far apart":
            assert len(dots) >= 1 and not band, f"{name}: {len(dots)} marks"
            continue
        at = {}
        for x, y in band:
            at.setdefault(x, []).append(y)
        outside = [(x, y) for x, y in mean if not min(at[x]) - 1 <= y <= max(at[x]) + 1]
        assert len(mean) > 20 and not outside, f"{name}: the mean is outside of the band at {outside[:3]}"
        lefts = [float(it) for it in re.findall(r'<svg x="(\d+)"', dom)]
        assert lefts and len(set(lefts)) == 1, f"{name}: the charts begin at {set(lefts)}"
        assert name != "close" or lefts[0] > 60, f"{name}: the labels are cut"
    print(f"fields: {', '.join(cases)}")


def browser(path, pictures):
    with tempfile.TemporaryDirectory() as folder:
        shown(Path(path), Path(folder), Path(pictures))


def shown(path, folder, pictures):
    text = path.read_text()
    nonce = re.search(r'<script nonce="(\w+)">', text)[1]
    copy, data = folder / "probed.html", json.loads(Page(text).data)
    groups = len(data["groups"])
    # The clock of this log, and of a telephone; then other clocks.
    for width, unit in [(1200, "unix"), (390, "unix"), (1200, "seconds"), (390, "units")]:
        changed = text.replace('"unit":"unix"', f'"unit":"{unit}"', 1)
        copy.write_text(changed.replace("</body>", PROBE % nonce + "</body>"))
        said = probed(folder, copy, width)
        assert said["width"] == width, f"the window is {said['width']} wide"
        assert said["scroll"] <= width and not said["outside"], f"{width}: {said['scroll']} wide, outside: {said['outside']}"
        assert said["drawn"] == said["plots"] >= len(CHARTS) and min(said["shapes"]) > 0, said
        assert said["groups"] == groups and said["fewer"] == groups - 1, "the legend"
        assert said["values"] and said["bar"], "values by keys"
        labels = [said[it] for it in ("whole", "zoomed", "panned", "dragged")]
        assert len(set(labels)) == 4 and said["again"] == said["whole"], f"zoom: {labels}"
    check_fields(folder, text)
    for name, options, size in [
        ("light", [], (1200, 3200)), ("dark", ["--blink-settings=preferredColorScheme=0"], (1200, 3200)), ("narrow", [], (500, 5200)),
    ]:
        place = framed(folder, path, 390, size[1]) if name == "narrow" else path
        picture = pictures / f"{name}.png"
        chromium(folder, place, f"--screenshot={picture}", *options, width=size[0], height=size[1])
        assert picture.stat().st_size > 30_000, f"{name}: an empty picture"
    printed = pictures / "printed.pdf"
    chromium(folder, path, f"--print-to-pdf={printed}", "--no-pdf-header-footer")
    assert printed.stat().st_size > 20_000, "an empty print"
    # A script that a name in a log smuggles in does not run.
    copy.write_text(text.replace("</main>", "<script>document.title = 'smuggled'</script></main>"))
    try:
        chromium(folder, copy, "--dump-dom")
    except AssertionError as error:
        assert "Content Security Policy" in str(error), error
    else:
        raise SystemExit("a script without the nonce ran")
    print(f"{path}: drawn, zoomed and read at 1200 and 390 pixels; pictures in {pictures}")


if __name__ == "__main__":
    {"page": page, "browser": browser}[sys.argv[1]](*sys.argv[2:])
