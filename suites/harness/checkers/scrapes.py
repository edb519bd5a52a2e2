"""Whether scrapes that were asked for at once were all done, side by side, and what searches felt of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from reports.records import Measurement


class ScrapeTimes(Protocol):
    """When a scrape ran, as the platform has it."""

    @property
    def attempts(self) -> int: ...
    @property
    def started_at(self) -> float | None: ...
    @property
    def finished_at(self) -> float | None: ...


def concurrent_scrapes(
    lost: Measurement, scrapes: Sequence[ScrapeTimes], *, asked: int, searches: Measurement, searches_at_least: int
) -> Measurement:
    """The scrapes that were asked for and not done exactly once: not accepted, lost, or with an effect twice.

    Guards: `running_together`, see there; `search_p95_ms` and `search_error_ratio` of the searches meanwhile.
    """
    accepted = int(lost.facts["accepted"])
    undone = None if lost.value is None else asked - accepted + lost.value + (lost.guards["duplicated_effects"] or 0.0)
    first = min((scrape.started_at for scrape in scrapes if scrape.started_at is not None), default=None)
    last = max((scrape.finished_at for scrape in scrapes if scrape.finished_at is not None), default=None)
    return replace(
        lost,
        value=undone,
        samples=asked,
        window=searches.window,
        guards={
            "running_together": running_together(scrapes),
            "search_p95_ms": searches.value,
            "search_error_ratio": searches.guards["error_ratio"],
        },
        doubts=(*lost.doubts, *searches.doubts, *_doubts(searches.samples, searches_at_least)),
        facts={
            "asked": asked,
            **lost.facts,
            "running_together_most": max((count for count, _ in _counts(scrapes)), default=0),
            "from_first_start_to_last_end_s": last - first if first is not None and last is not None else None,
            "search": dict(searches.facts),
        },
    )


def running_together(scrapes: Iterable[ScrapeTimes]) -> float | None:
    """How many ran at the same time, at least, during half of the time from the first start to the last end.

    By the times that the platform gives each of them, all of one clock: nothing between two samples is missed. One that
    was attempted again counts as not running, as when it waited in between is not known.
    """
    held = sorted(_counts(scrapes), reverse=True)
    half_s = sum(for_s for _, for_s in held) / 2
    for count, for_s in held:
        half_s -= for_s
        if half_s <= 0:
            return float(count)
    return None


def _counts(scrapes: Iterable[ScrapeTimes]) -> list[tuple[int, float]]:
    """How many ran, and for how many seconds, between each two starts or ends."""
    changes = sorted(
        change
        for scrape in scrapes
        if scrape.attempts == 1 and scrape.started_at is not None and scrape.finished_at is not None
        for change in ((scrape.started_at, 1), (scrape.finished_at, -1))
    )
    counts, running = [], 0
    for (at, change), (until, _) in pairwise(changes):
        running += change
        counts.append((running, until - at))
    return counts


def _doubts(samples: int, at_least: int) -> list[str]:
    return [] if samples >= at_least else [f"{samples:,} searches meanwhile, at least {at_least:,} needed"]
