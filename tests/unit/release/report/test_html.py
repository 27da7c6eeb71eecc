"""The report: whole, escaped, without anything from elsewhere."""

from __future__ import annotations

import html.parser
import re
from dataclasses import replace

import pytest

from django_deploykit.release.outcome import Outcome
from django_deploykit.release.report.html import ReleaseReport, page, text, ticks
from django_deploykit.release.report.style import STYLE
from django_deploykit.release.report.timeline import Latency, Sample, Span

HOSTILE = "\"'><script>alert(1)</script><img src=//evil.example/x onerror=y>&\x00\x1b"
VOID = {"meta", "line", "rect", "polyline", "circle", "br"}


OUTCOME = Outcome(
    "20261123T041500-ab12cd3",
    live={"web1": "old", "web2": "old"},
    before={"web1": "old", "web2": "old"},
    bytes={"web1": 2048, "web2": 1024},
    errors={"web2": "GET / answered 500\nIts last lines:"},
    findings=[
        {
            "host": "web1",
            "id": "deploykit.W204",
            "level": "WARNING",
            "message": "the cache is local",
        }
    ],
    pending=["shop.0002_price on default"],
    migrated=["web1: default"],
)


def report(**changes: object) -> ReleaseReport:
    spans = (
        Span("", "collectstatic", 100.0, 101.0),
        Span("web1", "send", 101.0, 102.0),
        Span("web2", "send", 101.0, 102.5),
        Span("web1", "switch", 103.0, 104.0),
        Span("web2", "switch", 104.0, 105.0, "failed"),
        Span("web1", "back", 105.0, 106.0),
    )
    one = ReleaseReport(
        project="shop",
        environment="production",
        action="release",
        release="20261123T041500-ab12cd3",
        commit="ab12cd3" + "0" * 33,
        owner="ann@laptop",
        begun=100.0,
        ended=106.0,
        code=4,
        size=1 << 20,
        outcome=OUTCOME,
        spans=spans,
        latencies=[
            Latency(
                "web1",
                3,
                1,
                0.002,
                0.03,
                0.03,
                (
                    Sample(103.0, 0.002, True),
                    Sample(103.5, 0.03, False),
                    Sample(104.0, 0.002, True),
                ),
            ),
        ],
        commits=("1 commit since 929a762:", "  + ab12cd3 Greet"),
    )
    return replace(one, **changes)  # type: ignore[arg-type]


class Reader(html.parser.HTMLParser):
    """Collects elements and attributes, and holds every end tag against its begin."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def parsed(document: str) -> Reader:
    reader = Reader()
    reader.feed(document)
    reader.close()
    assert reader.open == []
    return reader


def test_tells_who_what_when_and_how_it_ended_on_each_host() -> None:
    words = " ".join(parsed(page(report())).words)
    for part in (
        "failed and taken back",
        "20261123T041500-ab12cd3",
        "ann@laptop",
        "1970-01-01 00:01:40 UTC",
        "6.0 s",
        "GET / answered 500",
        "3.0 KiB",
        "deploykit.W204",
        "shop.0002_price on default",
        "+ ab12cd3 Greet",
        "3 requests, 1 failed",
    ):
        assert part in words, part


def test_draws_a_bar_for_each_span_and_a_mark_for_what_failed() -> None:
    document = page(report())
    timeline = document[document.index('class="timeline"') :].partition("</svg>")[0]
    assert timeline.count("<rect") == 6
    assert timeline.count(' failed"') == 1
    assert "web2: switch, 1.00 s, failed" in timeline
    latency = document[document.index('class="latency"') :].partition("</svg>")[0]
    assert latency.count('class="lost"') == 1
    assert "30 ms" in latency


def test_bars_lie_where_their_times_are() -> None:
    document = page(report(spans=(Span("a", "send", 0.0, 1.0), Span("a", "stage", 3.0, 4.0))))
    places = re.findall(r'<rect class="[^"]*" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', document)
    (first, wide), (second, other) = [(float(x), float(width)) for x, width in places]
    assert wide == other
    assert second - first == pytest.approx(3 * wide, abs=0.5)


def test_hostile_words_stay_words() -> None:
    hostile = report(
        project=HOSTILE,
        environment=HOSTILE,
        action=HOSTILE,
        release=HOSTILE,
        commit=HOSTILE,
        owner=HOSTILE,
        url=f"javascript:{HOSTILE}",
        failure=HOSTILE,
        outcome=Outcome(
            HOSTILE,
            live={HOSTILE: HOSTILE},
            before={HOSTILE: "x"},
            bytes={HOSTILE: 1},
            errors={HOSTILE: HOSTILE},
            findings=[dict.fromkeys(("host", "id", "level", "message"), HOSTILE)],
            pending=[HOSTILE],
            migrated=[HOSTILE],
        ),
        spans=(
            Span(HOSTILE, HOSTILE, 0.0, 9.0, "failed"),
            Span("", f"build: {HOSTILE}", 9.0, 20.0),
        ),
        latencies=(Latency(HOSTILE, 1, 0, 0.1, 0.1, 0.1, (Sample(0.0, 0.1, True),)),),
        commits=(HOSTILE,),
    )
    document = page(hostile)
    reader = parsed(document)
    assert reader.tags.isdisjoint({"script", "img", "a", "iframe", "link", "object", "form"})
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name == "href"]
    assert not [name for name, _ in reader.attributes if name == "src"]
    styles = [value for name, value in reader.attributes if name in ("class", "style")]
    assert not [value for value in styles if value and "script" in value]
    assert not re.search(r"[\x00\x1b]", document)
    assert "alert(1)" in " ".join(reader.words)  # shown, as a word


def test_nothing_comes_from_elsewhere() -> None:
    document = page(report(url=""))
    assert "default-src 'none'" in document
    assert not re.search(r"https?://|url\(|@import|src=|href=", document)
    assert "prefers-color-scheme: dark" in STYLE
    assert "@media print" in STYLE


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (0, "live"),
        (1, "refused"),
        (4, "failed and taken back"),
        (5, "not wholly taken back"),
        (130, "interrupted"),
    ],
)
def test_every_exit_code_has_its_words(code: int, word: str) -> None:
    assert word in page(report(code=code)).partition("</p>")[0]


def test_a_refusal_before_anything_began_is_a_whole_page_too() -> None:
    bare = ReleaseReport(
        "shop", "production", "ann", begun=0.0, ended=1.0, code=1, failure="no host\nx"
    )
    words = " ".join(parsed(page(bare)).words)
    assert "no host" in words
    assert "Timeline" not in words


def test_ticks_are_round_and_few() -> None:
    assert ticks(11.9) == [0, 2, 4, 6, 8, 10]
    assert ticks(0.05) == [0, 0.01, 0.02, 0.03, 0.04, 0.05]
    for seconds in (0.001, 0.7, 3.3, 59.0, 3600.0, 86400.0):
        assert 2 <= len(ticks(seconds)) <= 9


def test_text_is_safe_in_attributes() -> None:
    assert text("a\"b'c<d>&") == "a&quot;b&#x27;c&lt;d&gt;&amp;"
