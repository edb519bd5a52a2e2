"""What containers used, from looks at them: how many cores in a window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

from reports.records import Operation, Window

# Kubelets measure every 10 to 20 s, when they like. Between two measurements of which so much lies in the window, what
# was used is mostly the window's own; two such exist in any window of 30 s.
_WITHIN_AT_LEAST = 0.75


def cores(looks: Iterable[Operation], window: Window) -> dict[str, float | None]:
    """Processor time by group as cores, between the two measurements that tell most of the window.

    None where a container of the group has no such two: a part is not the whole.
    """
    measured: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    for look in looks:
        if look.outcome == "ok" and look.value["cpu_s"] is not None and look.value["at"] is not None:
            measured[look.value["group"], look.client][look.value["at"]] = look.value["cpu_s"]
    found: dict[str, float | None] = {}
    for (group, _), seen in sorted(measured.items()):
        if max(seen) < window.start or min(seen) > window.end:
            # It had gone, or was still to come.
            continue
        used = _rate(seen, window)
        so_far = found.get(group, 0.0)
        found[group] = None if used is None or so_far is None else so_far + used
    return found


def _rate(seen: dict[float, float], window: Window) -> float | None:
    best: tuple[float, float] | None = None
    for first, last in combinations(sorted(seen), 2):
        within_s = min(last, window.end) - max(first, window.start)
        share = within_s / (last - first)
        # As much of the window as may be, and as little of anything else.
        if share >= _WITHIN_AT_LEAST and (best is None or within_s * share > best[0]):
            best = within_s * share, max(0.0, (seen[last] - seen[first]) / (last - first))
    return None if best is None else best[1]
