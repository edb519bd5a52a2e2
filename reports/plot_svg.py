"""Draws a plot as SVG: no script, no outside file, colours from the page so that light, dark and print all work.

Panels are stacked over one axis. Each line is named where it ends, so that nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from reports.plot import Curve, Panel, Plot
from reports.scale import Scale, nice_ticks
from reports.units import number, quantity

WIDTH, LEFT, RIGHT = 960.0, 84.0, 220.0
PANEL_HEIGHT, PANEL_GAP, HEAD, FOOT = 190.0, 34.0, 22.0, 44.0
# As many as the page has colours for.
MAX_STYLES = 8
_LABEL_HEIGHT = 13.0


def draw_plot(plot: Plot) -> str:
    """The plot as one `<svg>` element with a title that says what is seen."""
    xs = plot.xs()
    highest = max(xs, default=0.0) or 1.0
    height = len(plot.panels) * (PANEL_HEIGHT + PANEL_GAP) - PANEL_GAP + HEAD + FOOT
    parts = [
        f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(plot.title)}</title>",
    ]
    top = HEAD
    for panel in plot.panels:
        parts += _panel(panel, top, highest)
        top += PANEL_HEIGHT + PANEL_GAP
    bottom = top - PANEL_GAP
    if plot.mark is not None:
        x = _x(plot.mark, highest)
        parts.append(f'<path class="mark" d="M{x:.1f} {HEAD:.1f}V{bottom:.1f}"/>')
        parts.append(f'<text class="marktext" x="{x - 5:.1f}" y="{bottom - 6:.1f}">{escape(plot.mark_name)}</text>')
    for tick in nice_ticks(0, highest, 8):
        x = _x(tick, highest)
        parts.append(f'<path class="axis" d="M{x:.1f} {bottom:.1f}v4"/>')
        parts.append(f'<text class="xtick" x="{x:.1f}" y="{bottom + 17:.1f}">{number(tick)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="xtick" x="{middle:.1f}" y="{bottom + 35:.1f}">{escape(plot.x_name)}</text>')
    return "".join([*parts, "</svg>"])


def _panel(panel: Panel, top: float, highest: float) -> list[str]:
    bottom = top + PANEL_HEIGHT
    parts = [f'<text class="panel" x="{LEFT:.1f}" y="{top - 7:.1f}">{escape(panel.name)}</text>']
    values = [y for curve in panel.curves for _, y in curve.points if y is not None]
    if not values:
        middle = (LEFT + WIDTH - RIGHT) / 2
        return [*parts, f'<text class="none" x="{middle:.1f}" y="{(top + bottom) / 2:.1f}">nothing was measured</text>']
    scale = Scale(
        [*values, *([panel.bound] if panel.bound is not None else [])], top=top, bottom=bottom, linear=panel.linear
    )
    for tick in scale.ticks():
        y = scale.y(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 3.5:.1f}">{quantity(tick, panel.unit)}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {bottom:.1f}H{WIDTH - RIGHT}"/>')
    if panel.bound is not None:
        y = scale.y(panel.bound)
        parts.append(f'<path class="bound" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="boundname" x="{LEFT + 5}" y="{y - 4:.1f}">{escape(panel.bound_name)}</text>')
    for index, curve in enumerate(panel.curves):
        parts += _curve(curve, index % MAX_STYLES, scale, highest)
    return [*parts, *_names(panel, scale, highest)]


def _curve(curve: Curve, style: int, scale: Scale, highest: float) -> list[str]:
    path, is_drawing, dots = "", False, ""
    for x, y in curve.points:
        if y is None:
            is_drawing = False
            continue
        place = f"{_x(x, highest):.1f} {scale.y(y):.1f}"
        path += f"{'L' if is_drawing else 'M'}{place}"
        dots += f"M{place}m-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0"
        is_drawing = True
    return [f'<path class="curve s{style}" d="{path}"/>', f'<path class="dots s{style}" d="{dots}"/>'] if path else []


def _names(panel: Panel, scale: Scale, highest: float) -> list[str]:
    """The name of each line beside its last point, moved apart where two would cover each other."""
    ends = []
    for index, curve in enumerate(panel.curves):
        last = next(((x, y) for x, y in reversed(curve.points) if y is not None), None)
        if last is not None and last[1] is not None:
            ends.append((scale.y(last[1]), _x(last[0], highest), last[1], index % MAX_STYLES, curve.name))
    ends.sort()
    places = _apart([end[0] for end in ends], lowest=scale.top + 4, highest=scale.bottom)
    return [
        f'<path class="leader s{style}" d="M{x + 3:.1f} {y:.1f}L{WIDTH - RIGHT + 6:.1f} {place:.1f}"/>'
        f'<text class="s{style}" x="{WIDTH - RIGHT + 10:.1f}" y="{place + 3.5:.1f}">'
        f"{escape(name)} {quantity(round(value, 2), panel.unit)}</text>"
        for (y, x, value, style, name), place in zip(ends, places, strict=True)
    ]


def _apart(wanted: Sequence[float], *, lowest: float, highest: float) -> list[float]:
    """The places, ascending, at least a label's height from each other, as near as may be to where they are wanted."""
    placed: list[float] = []
    for place in wanted:
        placed.append(max(place, placed[-1] + _LABEL_HEIGHT if placed else lowest))
    limit = highest
    for index in range(len(placed) - 1, -1, -1):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - _LABEL_HEIGHT
    return placed


def _x(value: float, highest: float) -> float:
    return LEFT + value / highest * (WIDTH - LEFT - RIGHT)
