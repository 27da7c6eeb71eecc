"""Writes a release's report as one HTML page, with a timeline of the steps on each host.

The page has no scripts and loads nothing from elsewhere. All text in it is escaped.
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django_deploykit.progress import FAILED, in_bytes
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.report.style import STYLE
from django_deploykit.release.report.timeline import Latency, Span
from django_deploykit.runtime.base.moments import utc

# Steps in the order of the legend. Each has its own colour in the style sheet.
_BUILDING = ("export", "install", "pack", "collectstatic", "layers", "write")
_RELEASING = (
    *("ask", "lock", "prepare", "settle", "send", "stage"),
    *("check", "migrate", "switch", "back", "prune"),
)
_STATES = {
    0: ("good", "live"),
    4: ("bad", "failed and taken back"),
    5: ("bad", "failed and not wholly taken back"),
    130: ("bad", "interrupted"),
}
_WIDTH, _NAMES, _ROW, _BAR = 960.0, 150.0, 30.0, 18.0  # of the timeline, in its own units
_CHART = 120.0  # height of a latency chart
_COLUMNS = 240  # points of a latency chart at most


@dataclass
class ReleaseReport:
    """The data of a page; ``begun`` and ``ended`` are in Unix seconds.

    ``size`` is the bundle's size in bytes. ``code`` is the command's exit code. ``failure`` is its
    error if it refused or was interrupted.
    """

    project: str
    environment: str
    owner: str
    action: str = "release"
    release: str = ""
    commit: str = ""
    url: str = ""
    size: int = 0
    outcome: Outcome = field(default_factory=lambda: Outcome(""))
    spans: Sequence[Span] = ()
    latencies: list[Latency] = field(default_factory=list)
    commits: Sequence[str] = ()
    begun: float = field(default_factory=time.time)
    ended: float = 0.0
    code: int = 0
    failure: str = ""


def page(report: ReleaseReport) -> str:
    """Return the report as an HTML page."""
    title = f"{report.action} of {report.project} to {report.environment}"
    sections = {
        "What is live where": _hosts(report.outcome),
        "Timeline": _timeline(report.spans),
        "Requests during the switch": "".join(map(_latency, report.latencies)),
        "Commits": _lines(report.commits),
        "Migrations": _migrations(report.outcome),
        "Findings of deploy_check": _findings(report.outcome),
        "Seconds by step": _seconds(report.spans),
    }
    parts = [
        f"<section>\n<h2>{name}</h2>\n{body}\n</section>" for name, body in sections.items() if body
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join([_head(report), *parts])
        + "\n</main>\n</body>\n</html>\n"
    )


def text(value: object) -> str:
    """Return a value escaped for HTML text or an attribute, with invisible characters replaced.

    >>> text('<a "b">\\x00')
    '&lt;a &quot;b&quot;&gt;\\ufffd'
    """
    words = "".join(
        char if char.isprintable() or char in "\n\t" else "\ufffd" for char in str(value)
    )
    return html.escape(words, quote=True)


def _head(report: ReleaseReport) -> str:
    mood, word = _STATES.get(report.code, ("bad", "refused, nothing was switched"))
    outcome = report.outcome
    checked = any(span.step == "check" for span in report.spans)
    facts = {
        "release": report.release or outcome.release or "none",
        "commit": report.commit[:12],
        "environment": report.environment,
        "by": report.owner,
        "begun": f"{utc(report.begun)} UTC",
        "took": f"{report.ended - report.begun:.1f} s",
        "sent": in_bytes(sum(outcome.bytes.values())) if report.size else "",
        "bundle": in_bytes(report.size) if report.size else "",
        "migrations": ", ".join(outcome.migrated) or "none",
        "findings": str(len(outcome.findings) or "none") if checked else "",
        "site": report.url,
    }
    rows = "".join(
        f"<div><dt>{name}</dt><dd>{text(value)}</dd></div>"
        for name, value in facts.items()
        if value
    )
    failure = f'<pre class="failure">{text(report.failure)}</pre>' if report.failure else ""
    return (
        f'<header>\n<p class="state {mood}">{word}</p>\n'
        f"<h1>{text(report.action.capitalize())} of {text(report.project)}</h1>\n"
        f"<dl>{rows}</dl>\n{failure}</header>"
    )


def _table(heads: Iterable[str], rows: Sequence[str], style: str = "") -> str:
    """Return a table, or an empty string without rows. ``heads`` are text, ``rows`` are HTML."""
    head = "".join(f"<th>{text(name)}</th>" for name in heads)
    table = f"<table{style}><tr>{head}</tr>{''.join(rows)}</table>"
    return f'<div class="wide">{table}</div>' if rows else ""


def _hosts(outcome: Outcome) -> str:
    largest = max(outcome.bytes.values(), default=0) or 1
    rows = []
    for host, live in outcome.live.items():
        sent, error = outcome.bytes.get(host, 0), outcome.errors.get(host, "")
        bar = f'<span class="bytes" style="width:{sent / largest * 6:.2f}rem"></span>'
        before = outcome.before.get(host)
        now = live or ("unknown" if before else "nothing")
        same = now == (before or "nothing")
        mood = "bad" if error else "" if same else "good"
        rows.append(
            f'<tr class="{mood}"><th scope="row">{text(host)}</th><td>{text(now)}</td>'
            f"<td>{'the same' if same else text(before or 'nothing')}</td>"
            f"<td>{f'{bar}{in_bytes(sent)}' if sent else ''}</td></tr>"
        )
        if error:
            rows.append(f'<tr class="why"><td colspan="4"><pre>{text(error)}</pre></td></tr>')
    return _table(("host", "live now", "before", "sent"), rows)


def _columns(spans: Iterable[Span]) -> list[str]:
    """Return the hosts of spans, first the controller, which has an empty name."""
    return sorted(dict.fromkeys(span.host for span in spans), key=bool)


def _timeline(spans: Sequence[Span]) -> str:
    if not spans:
        return ""
    first = min(span.begun for span in spans)
    seconds = max(max(span.ended for span in spans) - first, 0.001)
    scale = (_WIDTH - _NAMES - 10) / seconds
    names = _columns(spans)
    height = len(names) * _ROW + 26
    parts = [_axis(seconds, scale, height)]
    for place, name in enumerate(names):
        top = place * _ROW
        label = name or "build"
        short = label if len(label) <= 20 else f"{label[:19]}…"
        parts.append(
            f'<text class="name" x="0" y="{top + 19:.1f}">{text(short)}</text>'
            f'<line class="rule" x1="0" x2="{_WIDTH:.0f}" y1="{top + _ROW:.1f}" y2="{top + _ROW:.1f}"/>'
        )
        parts += [_bar(span, first, scale, top) for span in spans if span.host == name]
    used = {_legend(span.step) for span in spans}
    legend = "".join(
        f'<li><i class="s-{name}"></i>{name}</li>'
        for name in ("build", *_RELEASING, "other")
        if name in used
    )
    if any(span.result == FAILED for span in spans):
        legend += '<li><i class="failed"></i>failed</li>'
    return (
        f'<div class="wide"><svg class="timeline" viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" '
        f'aria-label="hosts by steps over {seconds:.1f} seconds">{"".join(parts)}</svg></div>'
        f'<ul class="legend">{legend}</ul>'
    )


def _legend(step: str) -> str:
    """Return a step's name in the legend. All steps of a build share one."""
    if step in _BUILDING or step.startswith("build: "):
        return "build"
    return step if step in _RELEASING else "other"


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
    # The class is always a known name, never text from elsewhere.
    style = span.step if span.step in _BUILDING else _legend(span.step)
    return (
        f'<g><title>{text(tip)}</title><rect class="s-{style}{" failed" if failed else ""}" '
        f'x="{left:.1f}" y="{top + 6:.1f}" width="{width:.1f}" height="{_BAR:.0f}" rx="2"/>{word}</g>'
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
    """Return round times from 0 to ``seconds``, at most ``most`` of them after 0.

    >>> ticks(3.0, 4)
    [0.0, 1.0, 2.0, 3.0]
    """
    steps = (factor * 10.0**power for power in range(-3, 12) for factor in (1, 2, 5))
    step = next(step for step in steps if seconds / step <= most)
    return [round(step * place, 6) for place in range(int(seconds / step + 1e-9) + 1)]


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
    wide, left, floor = _WIDTH - 60, 50.0, _CHART - 26
    slowest: dict[int, float] = {}  # by column
    failed: list[str] = []
    for sample in one.samples:
        share = (sample.at - first) / (last - first)
        place = int(share * (_COLUMNS - 1))
        slowest[place] = max(slowest.get(place, 0.0), sample.seconds)
        if not sample.ok:
            x = left + share * wide
            failed.append(f'<line class="lost" x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{floor:.0f}"/>')
    points = " ".join(
        f"{left + place / (_COLUMNS - 1) * wide:.1f},{(1 - value / top) * (floor - 8) + 8:.1f}"
        for place, value in sorted(slowest.items())
    )
    marks = "".join(
        f'<text class="axis" x="{left + moment / (last - first) * wide:.1f}" y="{_CHART - 6:.0f}">'
        f"{moment:g} s</text>"
        for moment in ticks(last - first)
    )
    rules = "".join(
        f'<line class="rule" x1="{left:.0f}" x2="{left + wide:.0f}" y1="{y:.0f}" y2="{y:.0f}"/>'
        f'<text class="axis end" x="{left - 6:.0f}" y="{y + 5:.0f}">{word}</text>'
        for y, word in ((8.0, f"{top * 1000:.0f} ms"), (floor, "0"))
    )
    return (
        f'<svg class="latency" viewBox="0 0 {_WIDTH:.0f} {_CHART:.0f}" role="img" '
        f'aria-label="milliseconds of each request">{rules}'
        f'<polyline points="{points}"/>{"".join(failed[:_COLUMNS])}{marks}</svg>'
    )


def _lines(lines: Sequence[str]) -> str:
    return f"<pre>{text(chr(10).join(lines))}</pre>" if lines else ""


def _migrations(outcome: Outcome) -> str:
    if not outcome.pending and not outcome.migrated:
        return ""
    done = "Applied: " + ", ".join(outcome.migrated) if outcome.migrated else "None was applied."
    return f"<p>{text(done)}</p>{_lines(outcome.pending)}"


def _findings(outcome: Outcome) -> str:
    rows = []
    for one in outcome.findings:
        host, level, name, message = (
            text(one.get(key, "")) for key in ("host", "level", "id", "message")
        )
        rows.append(
            f"<tr><td>{host}</td><td>{level}</td><td>{name}</td>"
            f'<td class="words">{message}</td></tr>'
        )
    return _table(("host", "level", "id", "finding"), rows)


def _seconds(spans: Sequence[Span]) -> str:
    """Return a table of the seconds that each step took, with a column for each host."""
    names = _columns(spans)
    rows = []
    for step in dict.fromkeys(span.step for span in sorted(spans, key=lambda one: one.begun)):
        cells = []
        for name in names:
            some = [span for span in spans if (span.host, span.step) == (name, step)]
            failed = any(span.result == FAILED for span in some)
            value = f"{sum(span.ended - span.begun for span in some):.2f}" if some else ""
            cells.append(f'<td class="number">{"✗ " if failed else ""}{value}</td>')
        rows.append(f'<tr><th scope="row">{text(step)}</th>{"".join(cells)}</tr>')
    return _table(("step", *(name or "build" for name in names)), rows, ' class="figures"')
