"""Pictures of curves: for each job a panel with our line, and the line of what it cannot avoid. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.growth_table import row_name, sizes
from benchmarks.measure import Samples

_OURS, _LIMIT, _INK = "#f28c28", "#4f86f7", "#5b6675"
_WIDE, _HIGH, _LEFT, _TOP, _BOTTOM = 300, 230, 48, 44, 184
# A panel: its title, its row, and whose line is the limit.
PANELS = (
    ("bundle, one line", "bundle", "git archive"),
    ("bundle, one static file", "static", "collectstatic"),
    ("release, one line", "release", "boot and check"),
    ("rollback", "rollback", "boot"),
)


@dataclass(frozen=True)
class Panel:
    """A job of a curve: seconds for each size, ours and the limit's."""

    title: str
    labels: list[str]
    ours: list[float]
    limit: list[float]
    limit_name: str


def pictures(samples: Samples, titles: Mapping[str, str]) -> dict[str, str]:
    """Return the SVG of each curve that was measured, by the curve's name."""
    found = {}
    for curve, title in titles.items():
        panels = list(_panels(samples, curve))
        if panels:
            found[curve] = _svg(title, panels)
    return found


def _panels(samples: Samples, curve: str) -> Iterator[Panel]:
    labels = sizes(samples, curve)
    for title, row, limit in PANELS:
        ours = [samples.median(row_name(curve, row, one), "ours") for one in labels]
        cost = [samples.median(row_name(curve, row, one), limit) for one in labels]
        known = [one for one in ours if one is not None]
        if len(known) == len(labels) > 1:
            values = [one for one in cost if one is not None]
            yield Panel(title, labels, known, values if len(values) == len(labels) else [], limit)


def _svg(title: str, panels: list[Panel]) -> str:
    width = _WIDE * len(panels)
    drawn = "".join(
        f'<g transform="translate({place * _WIDE} 0)">{_panel(panel, title)}</g>'
        for place, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HIGH}" font-size="12"'
        f' font-family="system-ui, sans-serif" fill="{_INK}" role="img"'
        f' aria-label="Seconds of each job by number of {html.escape(title)}">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{drawn}</svg>\n'
    )


def _panel(panel: Panel, title: str) -> str:
    most = max([*panel.ours, *panel.limit])
    marks = "".join(
        f'<text x="{_LEFT - 6}" y="{_y(part * most, most) + 4:.0f}" text-anchor="end">{part * most:.1f} s</text>'
        for part in (0.0, 0.5, 1.0)
    )
    below = "".join(
        f'<text x="{_x(place, panel):.0f}" y="{_BOTTOM + 16}" text-anchor="middle">{html.escape(label)}</text>'
        for place, label in enumerate(panel.labels)
    )
    lines = _line(panel, panel.ours, most, _OURS, "")
    if panel.limit:
        lines += _line(panel, panel.limit, most, _LIMIT, ' stroke-dasharray="5 4"')
    legend = (
        f'<text x="{_LEFT}" y="16" font-weight="bold">{html.escape(panel.title)}</text>'
        f'<text x="{_LEFT}" y="32" fill="{_OURS}">ours</text>'
    )
    if panel.limit:
        legend += (
            f'<text x="{_LEFT + 40}" y="32" fill="{_LIMIT}">{html.escape(panel.limit_name)}</text>'
        )
    return (
        f'{legend}{marks}{below}<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_WIDE - 16}" stroke="{_INK}" fill="none"/>'
        f'{lines}<text x="{(_LEFT + _WIDE - 16) / 2:.0f}" y="{_BOTTOM + 34}" text-anchor="middle">'
        f"{html.escape(title)}</text>"
    )


def _line(panel: Panel, values: list[float], most: float, color: str, dashes: str) -> str:
    points = [(_x(place, panel), _y(value, most)) for place, value in enumerate(values)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{dashes}/>{dots}'
    )


def _x(place: int, panel: Panel) -> float:
    """Sizes stand side by side: each is about ten times the one before."""
    return _LEFT + 20 + place * (_WIDE - _LEFT - 60) / (len(panel.labels) - 1)


def _y(value: float, most: float) -> float:
    return _BOTTOM - value / most * (_BOTTOM - _TOP - 8)
