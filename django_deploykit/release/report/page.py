"""A release as one HTML page: a timeline of hosts by steps, and what there is to know beside it.

The page is pure data turned into text: no script, nothing from elsewhere, every word escaped.
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django_deploykit.progress import FAILED, in_bytes
from django_deploykit.release.report.style import STYLE
from django_deploykit.release.report.timeline import Latency, Span

# Steps in the order of the legend; each has a colour of its own in the style sheet.
_KNOWN = (
    "export",
    "install",
    "pack",
    "collectstatic",
    "layers",
    "write",
    "ask",
    "lock",
    "prepare",
    "settle",
    "send",
    "stage",
    "check",
    "migrate",
    "switch",
    "back",
    "prune",
)
_BUILDING = frozenset(_KNOWN[:6])
_WIDTH, _NAMES, _ROW, _BAR = 960.0, 150.0, 30.0, 18.0  # of the timeline, in its own units
_CHART = 120.0  # height of a latency chart
_COLUMNS = 240  # points of a latency chart at most


@dataclass(frozen=True)
class HostEnd:
    """How it ended on one host; ``sent`` are bytes, ``error`` may have several lines."""

    host: str
    live: str
    before: str
    sent: int = 0
    error: str = ""


@dataclass(frozen=True)
class Finding:
    """A finding of ``deploy_check`` on a host."""

    host: str
    id: str
    level: str
    message: str


@dataclass(frozen=True)
class Report:
    """What a page tells; ``begun`` and ``ended`` are Unix seconds, ``size`` the bundle's bytes.

    ``code`` is the command's exit code, ``failure`` what it said where it refused or was interrupted.
    """

    project: str
    environment: str
    action: str
    release: str
    commit: str
    owner: str
    begun: float
    ended: float
    code: int
    url: str = ""
    size: int = 0
    failure: str = ""
    hosts: tuple[HostEnd, ...] = ()
    spans: tuple[Span, ...] = ()
    latencies: tuple[Latency, ...] = ()
    findings: tuple[Finding, ...] = ()
    migrations: tuple[str, ...] = ()
    migrated: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()


def page(report: Report) -> str:
    """Return the page."""
    what = f"{report.action} of {report.project} to {report.environment}"
    parts = [
        _head(report),
        _section("What is live where", _hosts(report)),
        _section("Timeline", _timeline(report)),
        *(_section("Requests during the switch", _latencies(report)) for _ in report.latencies[:1]),
        *(_section("Commits", _lines(report.commits)) for _ in report.commits[:1]),
        *(
            _section("Migrations", _migrations(report))
            for _ in (*report.migrations, *report.migrated)[:1]
        ),
        *(_section("Findings of deploy_check", _findings(report)) for _ in report.findings[:1]),
        _section("Seconds by step", _seconds(report)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(what)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def text(value: object) -> str:
    """Return a value as HTML text or an attribute: escaped, characters that show nothing replaced.

    >>> text('<a "b">\\x00')
    '&lt;a &quot;b&quot;&gt;\\ufffd'
    """
    words = "".join(
        char if char.isprintable() or char in "\n\t" else "\ufffd" for char in str(value)
    )
    return html.escape(words, quote=True)


def _head(report: Report) -> str:
    words = {
        0: ("good", "live"),
        4: ("bad", "failed and taken back"),
        5: ("bad", "failed and not wholly taken back"),
        130: ("bad", "interrupted"),
    }
    mood, word = words.get(report.code, ("bad", "refused, nothing was switched"))
    facts = [
        ("release", report.release or "none"),
        ("commit", report.commit[:12]),
        ("environment", report.environment),
        ("by", report.owner),
        ("begun", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.begun))),
        ("took", f"{report.ended - report.begun:.1f} s"),
        ("sent", in_bytes(sum(one.sent for one in report.hosts)) if report.size else ""),
        ("bundle", in_bytes(report.size) if report.size else ""),
        ("migrations", ", ".join(report.migrated) or "none"),
        ("findings", str(len(report.findings) or "none") if _reached(report, "check") else ""),
        ("site", report.url),
    ]
    rows = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in facts if value
    )
    failure = f'<pre class="failure">{text(report.failure)}</pre>' if report.failure else ""
    return (
        f'<header>\n<p class="state {mood}">{text(word)}</p>\n'
        f"<h1>{text(report.action.capitalize())} of {text(report.project)}</h1>\n"
        f"<dl>{rows}</dl>\n{failure}</header>"
    )


def _reached(report: Report, step: str) -> bool:
    return any(span.step == step for span in report.spans)


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{text(title)}</h2>\n{body}\n</section>" if body else ""


def _hosts(report: Report) -> str:
    largest = max((one.sent for one in report.hosts), default=0) or 1
    rows = []
    for one in report.hosts:
        bar = f'<span class="bytes" style="width:{one.sent / largest * 6:.2f}rem"></span>'
        sent = f"{bar}{text(in_bytes(one.sent))}" if one.sent else ""
        same = one.live == one.before
        mood = "bad" if one.error else "" if same else "good"
        rows.append(
            f'<tr class="{mood}"><th scope="row">{text(one.host)}</th><td>{text(one.live)}</td>'
            f"<td>{'the same' if same else text(one.before)}</td><td>{sent}</td></tr>"
        )
        if one.error:
            rows.append(f'<tr class="why"><td colspan="4"><pre>{text(one.error)}</pre></td></tr>')
    head = "<tr><th>host</th><th>live now</th><th>before</th><th>sent</th></tr>"
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>' if rows else ""


def _class(step: str) -> str:
    """Return the style of a step: a known name, never a word from elsewhere."""
    return f"s-{step}" if step in _KNOWN else f"s-{_legend(step)}"


def _who(spans: Iterable[Span]) -> list[str]:
    names = list(dict.fromkeys(span.host for span in spans))
    return sorted(names, key=lambda name: (name != "", names.index(name)))


def _timeline(report: Report) -> str:
    if not report.spans:
        return ""
    first = min(span.begun for span in report.spans)
    last = max(*(span.ended for span in report.spans), first + 0.001)
    scale = (_WIDTH - _NAMES - 10) / (last - first)
    names = _who(report.spans)
    height = len(names) * _ROW + 26
    parts = [_axis(last - first, scale, height)]
    for place, name in enumerate(names):
        top = place * _ROW
        parts.append(
            f'<text class="name" x="0" y="{top + 19:.1f}">{text(_short(name or "build", 20))}</text>'
            f'<line class="rule" x1="0" x2="{_WIDTH:.0f}" y1="{top + _ROW:.1f}" y2="{top + _ROW:.1f}"/>'
        )
        parts += [_bar(span, first, scale, top) for span in report.spans if span.host == name]
    used = {_legend(span.step) for span in report.spans}
    legend = "".join(
        f'<li><i class="s-{name}"></i>{name}</li>'
        for name in ("build", *_KNOWN, "other")
        if name in used
    )
    if any(span.result == FAILED for span in report.spans):
        legend += '<li><i class="failed"></i>failed</li>'
    return (
        f'<div class="wide"><svg class="timeline" viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" '
        f'aria-label="hosts by steps over {last - first:.1f} seconds">{"".join(parts)}</svg></div>'
        f'<ul class="legend">{legend}</ul>'
    )


def _legend(step: str) -> str:
    """Return the legend's word for a step: the steps of a build have one together."""
    if step in _BUILDING or step.startswith("build: "):
        return "build"
    return step if step in _KNOWN else "other"


def _bar(span: Span, first: float, scale: float, top: float) -> str:
    left = _NAMES + (span.begun - first) * scale
    width = max(1.5, (span.ended - span.begun) * scale)
    failed = span.result == FAILED
    tip = f"{span.host or 'build'}: {span.step}, {span.ended - span.begun:.2f} s, {span.result}"
    label = ("✗ " if failed else "") + span.step
    word = (
        f'<text class="label" x="{left + 4:.1f}" y="{top + 19:.1f}">{text(label)}</text>'
        if width > 7 * len(label) + 6
        else ""
    )
    style = f"{_class(span.step)}{' failed' if failed else ''}"
    return (
        f'<g><title>{text(tip)}</title><rect class="{style}" x="{left:.1f}" y="{top + 6:.1f}" '
        f'width="{width:.1f}" height="{_BAR:.0f}" rx="2"/>{word}</g>'
    )


def _axis(seconds: float, scale: float, height: float) -> str:
    parts = []
    for moment in ticks(seconds):
        x = _NAMES + moment * scale
        parts.append(
            f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 22:.1f}"/>'
            f'<text class="axis" x="{x:.1f}" y="{height - 8:.1f}">{moment:g} s</text>'
        )
    return "".join(parts)


def ticks(seconds: float, most: int = 8) -> list[float]:
    """Return round moments from 0 to the end.

    >>> ticks(3.0, 4)
    [0.0, 1.0, 2.0, 3.0]
    """
    step = 0.001
    while seconds / step > most:
        for factor in (2, 5, 10):
            if seconds / (step * factor) <= most:
                step *= factor
                break
        else:
            step *= 10
    return [round(step * place, 6) for place in range(int(seconds / step + 1e-9) + 1)]


def _latencies(report: Report) -> str:
    return "".join(_latency(one) for one in report.latencies)


def _latency(one: Latency) -> str:
    mood = "bad" if one.failed else "good"
    words = (
        f"{one.count} requests, {one.failed} failed; half within {one.p50 * 1000:.0f} ms, "
        f"99 of 100 within {one.p99 * 1000:.0f} ms, slowest {one.slowest * 1000:.0f} ms"
    )
    title = (
        f'<p class="probe"><b>{text(one.host)}</b> <span class="{mood}">{text(words)}</span></p>'
    )
    return f'{title}<div class="wide">{_chart(one)}</div>' if one.samples else title


def _chart(one: Latency) -> str:
    first, last = one.samples[0].at, max(one.samples[-1].at, one.samples[0].at + 0.001)
    top = max(sample.seconds for sample in one.samples) or 0.001
    wide, left = _WIDTH - 60, 50.0
    buckets: dict[int, float] = {}
    failed: list[str] = []
    for sample in one.samples:
        share = (sample.at - first) / (last - first)
        place = int(share * (_COLUMNS - 1))
        buckets[place] = max(buckets.get(place, 0.0), sample.seconds)
        if not sample.ok:
            x = left + share * wide
            failed.append(
                f'<line class="lost" x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{_CHART - 26:.0f}"/>'
            )
    points = " ".join(
        f"{left + place / (_COLUMNS - 1) * wide:.1f},{(1 - value / top) * (_CHART - 34) + 8:.1f}"
        for place, value in sorted(buckets.items())
    )
    marks = "".join(
        f'<text class="axis" x="{left + moment / (last - first) * wide:.1f}" y="{_CHART - 6:.0f}">'
        f"{moment:g} s</text>"
        for moment in ticks(last - first)
    )
    return (
        f'<svg class="latency" viewBox="0 0 {_WIDTH:.0f} {_CHART:.0f}" role="img" '
        f'aria-label="milliseconds of each request">'
        f'<line class="rule" x1="{left:.0f}" x2="{left + wide:.0f}" y1="8" y2="8"/>'
        f'<line class="rule" x1="{left:.0f}" x2="{left + wide:.0f}" y1="{_CHART - 26:.0f}" y2="{_CHART - 26:.0f}"/>'
        f'<text class="axis end" x="{left - 6:.0f}" y="13">{top * 1000:.0f} ms</text>'
        f'<text class="axis end" x="{left - 6:.0f}" y="{_CHART - 22:.0f}">0</text>'
        f'<polyline points="{points}"/>{"".join(failed[:_COLUMNS])}{marks}</svg>'
    )


def _lines(lines: Sequence[str]) -> str:
    return f"<pre>{text(chr(10).join(lines))}</pre>"


def _migrations(report: Report) -> str:
    done = "Applied: " + ", ".join(report.migrated) if report.migrated else "None was applied."
    return f"<p>{text(done)}</p>" + (_lines(report.migrations) if report.migrations else "")


def _findings(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{text(one.host)}</td><td>{text(one.level)}</td><td>{text(one.id)}</td>"
        f'<td class="words">{text(one.message)}</td></tr>'
        for one in report.findings
    )
    head = "<tr><th>host</th><th>level</th><th>id</th><th>finding</th></tr>"
    return f'<div class="wide"><table>{head}{rows}</table></div>'


def _seconds(report: Report) -> str:
    """Return the figures of the timeline as a table, steps by hosts."""
    if not report.spans:
        return ""
    names = _who(report.spans)
    steps = list(
        dict.fromkeys(span.step for span in sorted(report.spans, key=lambda one: one.begun))
    )
    head = "".join(f"<th>{text(name or 'build')}</th>" for name in names)
    rows = []
    for step in steps:
        cells = []
        for name in names:
            some = [span for span in report.spans if (span.host, span.step) == (name, step)]
            failed = any(span.result == FAILED for span in some)
            value = f"{sum(span.ended - span.begun for span in some):.2f}" if some else ""
            cells.append(f'<td class="number">{"✗ " if failed else ""}{value}</td>')
        rows.append(f'<tr><th scope="row">{text(step)}</th>{"".join(cells)}</tr>')
    return f'<div class="wide"><table class="figures"><tr><th>step</th>{head}</tr>{"".join(rows)}</table></div>'


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
