"""Where a value stands on an axis, and which round numbers are written beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence


class Scale:
    """Values to height: linear from 0, or (unless `linear`) logarithmic where the highest would flatten the rest."""

    def __init__(self, values: Sequence[float], *, top: float, bottom: float, linear: bool = False) -> None:
        ordered = sorted(max(value, 0.0) for value in values)
        self.highest = max(ordered[-1], 1e-3) * 1.05
        middle = ordered[len(ordered) // 2]
        self.is_log = not linear and middle > 0 and ordered[-1] / middle > 15
        self.lowest = max(min(value for value in ordered if value > 0) * 0.9, 0.1) if self.is_log else 0.0
        self.top, self.bottom = top, bottom

    def y(self, value: float) -> float:
        if self.is_log:
            share = math.log(max(value, self.lowest) / self.lowest) / math.log(self.highest / self.lowest)
        else:
            share = value / self.highest
        return self.bottom - min(1.0, max(0.0, share)) * (self.bottom - self.top)

    def ticks(self) -> list[float]:
        if not self.is_log:
            return nice_ticks(0, self.highest, 5)
        decades = range(math.floor(math.log10(self.lowest)), math.ceil(math.log10(self.highest)) + 1)
        steps = (1, 2, 5) if len(decades) <= 4 else (1,)
        return [
            step * 10.0**power
            for power in decades
            for step in steps
            if self.lowest <= step * 10.0**power <= self.highest
        ]


def nice_ticks(low: float, high: float, about: int) -> list[float]:
    """About so many round numbers from `low` on, none above `high`."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    return [low + index * step for index in range(int((high - low) / step + 1e-9) + 1)]
