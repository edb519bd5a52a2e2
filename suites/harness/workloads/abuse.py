"""What one client can do to a platform, one after the other: ask too often, never finish asking, send too much."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from reports.records import Window
from suites.harness.workloads.floods import FLOOD, Flood
from suites.harness.workloads.openloop import OpenLoop
from suites.harness.workloads.oversized import OversizedBody, send_oversized
from suites.harness.workloads.plan import ScheduleReport
from suites.harness.workloads.queries import QueryMix
from suites.harness.workloads.searches import TIMEOUT_S
from suites.harness.workloads.slowloris import HeldConnection, hold_connections

# The contract's own for searches.
LIMIT_PER_MINUTE = 600
TIMES_LIMIT = 20.0
NORMAL_CLIENTS = 50
# Each asks twice a second, a fifth of its limit.
NORMAL_HZ = 2.0 * NORMAL_CLIENTS
# Docker's port forwarding needs six file descriptors for a connection and ends for good at 20,000 of them.
HELD_HEADS, HELD_BODIES = 300, 50
# A thousand times what any body of the contract holds.
OVERSIZED_BYTES = 64 * 1024 * 1024
_OVERSIZED_ANSWERED_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done, and when."""

    flood: Window
    flooding: ScheduleReport
    held: tuple[HeldConnection, ...]
    holding: Window
    oversized: tuple[OversizedBody, ...]
    sending: Window


class AbusiveClient:
    """One client among others; what it floods with goes into `history`."""

    def __init__(self, base_url: str, mix: QueryMix, *, api_key: str, history: Path) -> None:
        self._base_url = base_url
        self._mix = mix
        self._api_key = api_key
        self._history = history

    def abuse(self, *, flood_s: float, hold_s: float) -> Done:
        """All three, one after the other."""
        with _timed() as flood:
            flooding = self._flood(flood_s)
        with _timed() as holding:
            held = hold_connections(self._base_url, heads=HELD_HEADS, bodies=HELD_BODIES, for_s=hold_s)
        with _timed() as sending:
            oversized = [self._send_oversized(chunked=chunked) for chunked in (False, True)]
        return Done(
            flood=flood[0],
            flooding=flooding,
            held=tuple(held),
            holding=holding[0],
            oversized=tuple(oversized),
            sending=sending[0],
        )

    def _flood(self, for_s: float) -> ScheduleReport:
        generator = OpenLoop(
            base_url=self._base_url,
            rate_hz=LIMIT_PER_MINUTE * TIMES_LIMIT / 60.0,
            duration_s=for_s,
            requests=Flood(requests=replace(self._mix, stream=1)),
            history=self._history,
            client=FLOOD,
            timeout_s=TIMEOUT_S,
        )
        return generator.start().wait()

    def _send_oversized(self, *, chunked: bool) -> OversizedBody:
        return send_oversized(
            self._base_url,
            headers=(("X-API-Key", self._api_key),),
            offered_bytes=OVERSIZED_BYTES,
            chunked=chunked,
            within_s=_OVERSIZED_ANSWERED_S,
        )


@contextmanager
def _timed() -> Iterator[list[Window]]:
    """The window of what is done in the `with` block, once it is over."""
    found: list[Window] = []
    start = time.time()
    yield found
    found.append(Window(start=start, end=time.time()))
