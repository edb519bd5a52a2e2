"""Draws a timeline as SVG: no script, no outside file, colours from the page so that light, dark and print all work.

From top to bottom on one time axis: Kubernetes events, latency of the good answers, what went wrong (a lane for each
group of clients), good answers per second. Faults are shaded through all of them. Nothing is told by colour alone:
groups differ by dash and shape, a failure is a cross, an unknown outcome a ring.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from reports.scale import Scale, nice_ticks
from reports.timeline import ErrorBin, Series, Timeline
from reports.units import number, quantity

WIDTH = 960.0
LEFT, RIGHT = 116.0, 14.0
LATENCY_HEIGHT, LANE_HEIGHT, RATE_HEIGHT, EVENTS_HEIGHT = 190.0, 20.0, 54.0, 26.0
FAULT_LABEL_HEIGHT = 16.0
FAULT_LABEL_ROWS = 4
# About the width of a letter at the size that labels have.
LETTER = 6.6
GAP = 12.0


def draw(
    timeline: Timeline, *, title: str, events: Sequence[Mapping[str, Any]] = (), bound_ms: float | None = None
) -> str:
    """The timeline as one `<svg>` element with a title that says what is seen."""
    canvas = _Canvas(timeline)
    canvas.fault_labels()
    if events:
        canvas.events(events)
    canvas.latency(bound_ms)
    for index, series in enumerate(timeline.series):
        canvas.errors(index, series)
    canvas.rate()
    return canvas.finish(title)


class _Canvas:
    """Panels stacked downwards; faults are put beneath them at the end, when the full height is known."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.parts: list[str] = []
        self.y = 2.0
        self.top = self.y

    def x(self, at: float) -> float:
        share = (at - self.timeline.start) / (self.timeline.end - self.timeline.start)
        return LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)

    def fault_labels(self) -> None:
        """The name of each fault above its shade, in rows so that none covers another; shades begin below them."""
        taken = [0.0] * FAULT_LABEL_ROWS
        for span in self.timeline.faults:
            text = span.fault if len(span.fault) <= 70 else f"{span.fault[:69]}…"
            text += "" if span.observed is not None else " (never observed)"
            text += "" if span.healed is not None else " (never healed)"
            left = min(self.x(span.start), max(LEFT, WIDTH - RIGHT - len(text) * LETTER))
            free = [row for row, end in enumerate(taken) if end <= left]
            if not free:
                # More than fit: their shade's title still names them.
                continue
            taken[free[0]] = left + (len(text) + 2) * LETTER
            y = self.y + free[0] * FAULT_LABEL_HEIGHT + 11
            self.parts.append(f'<text class="faulttext" x="{left:.1f}" y="{y:.1f}">{_text(text)}</text>')
        self.y += sum(end > 0 for end in taken) * FAULT_LABEL_HEIGHT
        self.top = self.y

    def events(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Ticks of Kubernetes events; those on one spot share a tick, and its title lists them."""
        middle = self.y + EVENTS_HEIGHT / 2
        self._label(middle, "events")
        self._line(LEFT, middle, WIDTH - RIGHT, middle, "axis")
        spots: dict[int, list[Mapping[str, Any]]] = {}
        for event in events:
            if self.timeline.start <= event["at"] <= self.timeline.end:
                spots.setdefault(round(self.x(event["at"]) / 4), []).append(event)
        for spot, here in sorted(spots.items()):
            lines = [f"{self._since(event['at'])} {_event_text(event)}" for event in here[:12]]
            if len(here) > len(lines):
                lines.append(f"… and {len(here) - len(lines)} more")
            self.parts.append(
                f'<path class="event" d="M{spot * 4} {middle - 7:.1f}l5 7l-5 7l-5 -7z">'
                f"<title>{_text(chr(10).join(lines))}</title></path>"
            )
        self.y += EVENTS_HEIGHT + GAP / 2

    def latency(self, bound_ms: float | None) -> None:
        """Latency of the good answers: each one, or the median, the 95th percentile and the highest of each slice."""
        values = [
            value
            for series in self.timeline.series
            for value in [*(point[1] for point in series.points), *(bin_.max_ms for bin_ in series.bins)]
        ]
        top, bottom = self.y, self.y + LATENCY_HEIGHT
        if not values:
            self._label((top + bottom) / 2, "latency")
            self.parts.append(f'<text class="none" x="{WIDTH / 2}" y="{(top + bottom) / 2:.1f}">no good answer</text>')
            self.y = bottom + GAP
            return
        scale = Scale([*values, *([bound_ms] if bound_ms else [])], top=top, bottom=bottom)
        for tick in scale.ticks():
            self._line(LEFT, scale.y(tick), WIDTH - RIGHT, scale.y(tick), "grid")
            self.parts.append(
                f'<text class="tick" x="{LEFT - 6}" y="{scale.y(tick) + 3.5:.1f}">{quantity(tick, "ms")}</text>'
            )
        if bound_ms is not None:
            self._line(LEFT, scale.y(bound_ms), WIDTH - RIGHT, scale.y(bound_ms), "bound")
            self.parts.append(
                f'<text class="boundtext" x="{WIDTH - RIGHT}" y="{scale.y(bound_ms) - 4:.1f}">'
                f"bound {quantity(bound_ms, 'ms')}</text>"
            )
        for index, series in enumerate(self.timeline.series):
            self._series(index, series, scale)
        self.y = bottom + GAP

    def errors(self, index: int, series: Series) -> None:
        """A lane for what went wrong: a cross for failures, a ring for unknown outcomes."""
        middle = self.y + LANE_HEIGHT / 2
        self._label(middle, f"✕ {series.name}", f"s{index}")
        self._line(LEFT, middle, WIDTH - RIGHT, middle, "axis")
        for error in series.errors:
            x = self.x(error.at)
            # Many at once weigh more on the page, within the lane.
            size = min(7.0, 3.0 + math.log10(error.fail + error.unknown) * 1.6)
            title = f"<title>{_text(self._error_text(error))}</title>"
            if error.fail:
                down, up = f"l{2 * size:.1f} {2 * size:.1f}", f"l{2 * size:.1f} {-2 * size:.1f}"
                cross = f"M{x - size:.1f} {middle - size:.1f}{down}M{x - size:.1f} {middle + size:.1f}{up}"
                self.parts.append(f'<path class="fail" d="{cross}">{title}</path>')
            else:
                ring = f'cx="{x:.1f}" cy="{middle:.1f}" r="{size:.1f}"'
                self.parts.append(f'<circle class="unknown" {ring}>{title}</circle>')
        self.y += LANE_HEIGHT

    def rate(self) -> None:
        """Good answers per second by when they came."""
        steps = self.timeline.answers_per_s
        self.y += GAP
        top, bottom = self.y, self.y + RATE_HEIGHT
        self._label((top + bottom) / 2, "good/s")
        self._line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis")
        highest = max((rate for _, rate in steps), default=0.0)
        # A window of no length has no rate.
        if 0 < highest < math.inf:
            ends = [*(at for at, _ in steps[1:]), self.timeline.end]
            path = f"M{LEFT} {bottom:.1f}"
            for (at, rate), end in zip(steps, ends, strict=True):
                y = bottom - rate / highest * (RATE_HEIGHT - 4)
                path += f"L{self.x(at):.1f} {y:.1f}H{self.x(end):.1f}"
            self.parts.append(f'<path class="rate" d="{path}V{bottom:.1f}z"/>')
            self.parts.append(f'<text class="tick" x="{LEFT - 6}" y="{top + 8:.1f}">{number(round(highest))}</text>')
        self.y = bottom + 4

    def finish(self, title: str) -> str:
        bottom = self.y
        axis = []
        length = self.timeline.end - self.timeline.start
        for tick in nice_ticks(0, length, 10):
            x = self.x(self.timeline.start + tick)
            axis.append(f'<path class="axis" d="M{x:.1f} {bottom:.1f}v4"/>')
            axis.append(f'<text class="xtick" x="{x:.1f}" y="{bottom + 17:.1f}">{number(tick)} s</text>')
        beneath = list(self._faults(bottom))
        for at in self.timeline.steady:
            beneath.append(
                f'<path class="steady" d="M{self.x(at):.1f} {bottom - 6:.1f}v6"><title>steady</title></path>'
            )
        height = bottom + 24
        return (
            f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" xmlns="http://www.w3.org/2000/svg">'
            f"<title>{_text(title)}</title>{''.join(beneath)}{''.join(self.parts)}{''.join(axis)}</svg>"
        )

    def _faults(self, bottom: float) -> Iterable[str]:
        for span in self.timeline.faults:
            left = self.x(span.start)
            right = self.x(self.timeline.end if span.healed is None else span.healed)
            # A fault that heals at once must still be seen.
            width = max(2.0, right - left)
            said = [f"fault {span.fault}"]
            for name in ("injecting", "observed", "healing", "healed"):
                at = getattr(span, name)
                said.append(f"{name} {'never' if at is None else self._since(at)}")
            yield (
                f'<rect class="fault" x="{left:.1f}" y="{self.top:.1f}" width="{width:.1f}" '
                f'height="{bottom - self.top:.1f}"><title>{_text(chr(10).join(said))}</title></rect>'
            )
            if span.observed is not None:
                x = self.x(span.observed)
                line = f"M{x:.1f} {self.top:.1f}V{bottom:.1f}"
                yield f'<path class="observed" d="{line}"><title>observed</title></path>'

    def _series(self, index: int, series: Series, scale: Scale) -> None:
        style = f"s{index}"
        if series.points:
            dots = "".join(_dot(index, self.x(at), scale.y(latency)) for at, latency in series.points)
            self.parts.append(f'<path class="dots {style}" d="{dots}"/>')
        for run in _unbroken(series):
            self.parts.append(
                f'<path class="p95 {style}" d="{_line_path((self.x(bin_.at), scale.y(bin_.p95_ms)) for bin_ in run)}"/>'
                f'<path class="p50 {style}" d="{_line_path((self.x(bin_.at), scale.y(bin_.p50_ms)) for bin_ in run)}"/>'
            )
        if series.bins:
            dots = "".join(_dot(index, self.x(bin_.at), scale.y(bin_.max_ms)) for bin_ in series.bins)
            self.parts.append(f'<path class="max {style}" d="{dots}"/>')

    def _label(self, middle: float, text: str, style: str = "") -> None:
        short = text if len(text) <= 17 else f"{text[:16]}…"
        self.parts.append(
            f'<text class="lane {style}" x="{LEFT - 6}" y="{middle + 3.5:.1f}">{_text(short)}'
            f"<title>{_text(text)}</title></text>"
        )

    def _line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        self.parts.append(f'<path class="{style}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>')

    def _since(self, at: float) -> str:
        return f"+{at - self.timeline.start:.2f} s"

    def _error_text(self, error: ErrorBin) -> str:
        counts = [
            f"{number(count)} {name}" for name, count in (("failed", error.fail), ("unknown", error.unknown)) if count
        ]
        return f"{self._since(error.at)}: {', '.join(counts)}, first: {error.example}"


def _unbroken(series: Series) -> list[list[Any]]:
    """Bins in stretches without a hole, so that no line is drawn over time without answers."""
    if not series.bins:
        return []
    gaps = [later.at - earlier.at for earlier, later in zip(series.bins, series.bins[1:], strict=False)]
    usual = min(gaps, default=0.0)
    stretches = [[series.bins[0]]]
    for bin_, gap in zip(series.bins[1:], gaps, strict=True):
        if gap > usual * 1.5:
            stretches.append([])
        stretches[-1].append(bin_)
    return stretches


def _line_path(points: Iterable[tuple[float, float]]) -> str:
    placed = [f"{x:.1f} {y:.1f}" for x, y in points]
    # One lonely bin is a dot: a line of no length with round ends.
    return f"M{placed[0]}h0" if len(placed) == 1 else "M" + "L".join(placed)


def marker(index: int) -> str:
    """The shape that stands for one answer of the group, for a legend."""
    shape = f'<path class="dots s{index}" d="{_dot(index, 7, 6)}"/>'
    return f'<svg class="swatch small" viewBox="2 1 10 10" aria-hidden="true">{shape}</svg>'


def _dot(index: int, x: float, y: float) -> str:
    """Round for the first group, then a square, a triangle, a diamond."""
    if index == 0:
        return f"M{x:.1f} {y:.1f}m-1.6 0a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0 -3.2 0"
    shape = ("m-1.7 -1.7h3.4v3.4h-3.4z", "m0 -2.2l2.2 3.8h-4.4z", "m0 -2.4l2.4 2.4l-2.4 2.4l-2.4 -2.4z")
    return f"M{x:.1f} {y:.1f}{shape[(index - 1) % 3]}"


def _event_text(event: Mapping[str, Any]) -> str:
    return f"{event['kind']} {event['name']}: {event['reason']} {event['message']}"


def _text(text: str) -> str:
    """Escaped, without characters that XML does not allow."""
    return escape("".join(character for character in text if character >= " " or character in "\n\t"))
