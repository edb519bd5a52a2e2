"""Searches of the corpus at a given rate, each run with its own history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reports.records import History
from suites.harness.workloads.corpus import Corpus
from suites.harness.workloads.machine import MachineSpeed
from suites.harness.workloads.openloop import OpenLoop
from suites.harness.workloads.plan import ScheduleReport
from suites.harness.workloads.queries import Query, QueryMix
from suites.harness.workloads.request import Requests

# Ten times the promise: whoever waits longer has gone.
TIMEOUT_S = 2.0
# What waits for an answer when 1000 searches a second get none, and a quarter more. Docker's port forwarding needs six
# file descriptors for a connection and ends for good when it runs out: with 20,000 of them that is at 3,300.
IN_FLIGHT_AT_MOST = 2500


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRun:
    """What clients saw, and how well the generator kept its schedule."""

    history: History
    report: ScheduleReport
    machine: Mapping[str, float]

    @property
    def schedule_facts(self) -> dict[str, Any]:
        return {**asdict(self.report), "cpu_ms_per_request": self.report.cpu_ms_per_request}


def _as_they_are(searches: Requests) -> Requests:
    return searches


class Searches:
    """Open-model searches; runs of the same stream ask for the same in the same order.

    `asked` turns them into requests of something else than the platform.
    """

    timeout_ms = TIMEOUT_S * 1000.0

    def __init__(
        self,
        corpus: Corpus,
        *,
        base_url: str,
        folder: Path,
        seed: int,
        asked: Callable[[Requests], Requests] = _as_they_are,
    ) -> None:
        self.corpus = corpus
        self._titles = corpus.titles
        self._base_url = base_url
        self._folder = folder
        self._seed = seed
        self._asked = asked

    @property
    def popular(self) -> tuple[Query, ...]:
        """What is asked more than once, most often first."""
        return QueryMix.of_titles(self._titles, seed=self._seed).popular

    def run(
        self, name: str, *, rate_hz: float, duration_s: float, stream: int = 0, use_cache: bool = True
    ) -> SearchRun:
        """Search for that long, then read the history `name`.jsonl, closed on disk."""
        path = self._folder / f"{name}.jsonl"
        generator = self.stream(
            name, rate_hz=rate_hz, history=path, duration_s=duration_s, stream=stream, use_cache=use_cache
        )
        with MachineSpeed() as machine:
            report = generator.start().wait()
        return SearchRun(history=History.read(path), report=report, machine=machine.facts)

    def stream(
        self,
        name: str,
        *,
        rate_hz: float,
        history: Path,
        duration_s: float | None = None,
        stream: int = 0,
        use_cache: bool = True,
    ) -> OpenLoop:
        """Searches that are not started yet, for as long as something else takes when no duration is given."""
        return OpenLoop(
            base_url=self._base_url,
            rate_hz=rate_hz,
            duration_s=duration_s,
            requests=self._asked(QueryMix.of_titles(self._titles, seed=self._seed, stream=stream, use_cache=use_cache)),
            history=history,
            client=f"search-{name}",
            timeout_s=TIMEOUT_S,
            max_in_flight=IN_FLIGHT_AT_MOST,
        )
