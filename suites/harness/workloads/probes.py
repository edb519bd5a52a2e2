"""Probes: light, steady requests that see a gap in service to within their interval."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from suites.harness.workloads.openloop import OpenLoop
from suites.harness.workloads.plan import Connections, ScheduleReport
from suites.harness.workloads.request import Requests

# A gap lies between two answers, so up to two intervals are added to it: 50 ms of the 1 s that is promised.
PROBE_RATE_HZ = 40.0
# A probe that waits longer says no more about the gap than the ones sent after it do.
PROBE_TIMEOUT_S = 2.0


class Probes:
    """The same probe on new and on reused connections, as clients `probe-new` and `probe-reused` of one history."""

    def __init__(
        self,
        *,
        base_url: str,
        requests: Requests,
        history: Path,
        rate_hz: float = PROBE_RATE_HZ,
        timeout_s: float = PROBE_TIMEOUT_S,
        connections: tuple[Connections, ...] = ("new", "reused"),
    ) -> None:
        self._streams = {
            kind: OpenLoop(
                base_url=base_url,
                rate_hz=rate_hz,
                requests=requests,
                history=history,
                connections=kind,
                client=f"probe-{kind}",
                timeout_s=timeout_s,
            )
            for kind in connections
        }
        self.interval_s = 1.0 / rate_hz

    @property
    def streams(self) -> Mapping[Connections, OpenLoop]:
        return MappingProxyType(self._streams)

    def start(self) -> Self:
        with contextlib.ExitStack() as started:
            for stream in self._streams.values():
                started.enter_context(stream)
            started.pop_all()
        return self

    def stop(self) -> dict[Connections, ScheduleReport]:
        return {kind: stream.stop() for kind, stream in self._streams.items()}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for stream in self._streams.values():
            stream.__exit__(kind, error, at)
