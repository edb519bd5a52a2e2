"""Traffic that runs while something is done to the target."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from types import TracebackType
from typing import Self

from reports.records import HistoryWriter, Mark
from suites.harness.deadlines import Deadlines
from suites.harness.sites import ScrapedSite
from suites.harness.wait import until
from suites.harness.workloads.openloop import OpenLoop
from suites.harness.workloads.plan import Connections
from suites.harness.workloads.probes import Probes
from suites.harness.workloads.queries import QueryMix

# 200 searches a second, half of them on connections that are opened for them.
_SEARCHES_HZ = 100.0
_CONNECTIONS: tuple[Connections, ...] = ("new", "reused")
# One interval of the slowest probing that is believed. Being late can only lengthen a gap, so this is less strict than
# where latency itself is judged.
_LATE_P99_LIMIT_MS = 50.0
# Enough different titles for a mix of queries, few enough to be scraped in seconds.
CORPUS_PAGES = 200


class SearchTraffic:
    """200 searches a second and the probes, each half on new and half on reused connections, into one history.

    Four clients by name, so that each kind of connection can be looked at by itself.
    """

    def __init__(self, streams: list[OpenLoop], history: HistoryWriter, deadlines: Deadlines) -> None:
        self._streams = streams
        self._history = history
        self._deadlines = deadlines
        self._running = contextlib.ExitStack()
        self.doubts: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as started:
            for stream in self._streams:
                started.enter_context(stream)
            self._running = started.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.stop()
        self._running.__exit__(kind, error, at)

    def stop(self) -> None:
        """Send nothing more, and take down what the generators doubt about themselves. Twice is harmless."""
        reports = [stream.stop() for stream in self._streams]
        self.doubts = tuple(doubt for report in reports for doubt in report.doubts(_LATE_P99_LIMIT_MS))

    def until_steady(self, *, for_s: float) -> None:
        """Return once every client got as many good answers as that time holds. Raises NotReached when it does not."""
        wanted = [stream.counts.ok + stream.plan.rate_hz * for_s for stream in self._streams]
        until(
            lambda: [stream.counts.ok for stream in self._streams],
            where=lambda answers: all(answer >= want for answer, want in zip(answers, wanted, strict=True)),
            within=for_s + self._deadlines.call_answered_s,
            every=0.25,
            what=f"{for_s:g} s of traffic with good answers",
        )
        self._history.add(Mark(mark="steady", fault="", at=time.time()))

    def run_on(self, *, for_s: float) -> None:
        """Return once every client sent as many requests as that time holds, however they were answered."""
        wanted = [stream.counts.sent + stream.plan.rate_hz * for_s for stream in self._streams]
        until(
            lambda: [stream.counts.sent for stream in self._streams],
            where=lambda counts: all(count >= want for count, want in zip(counts, wanted, strict=True)),
            within=for_s + self._deadlines.call_answered_s,
            every=0.25,
            what=f"{for_s:g} s of traffic",
        )


def search_traffic(
    base_url: str, corpus: ScrapedSite, history: HistoryWriter, *, deadlines: Deadlines, seed: int
) -> SearchTraffic:
    """Searches over a corpus; they flow while the `with` block runs."""
    mix = QueryMix.of_titles({corpus.id: [page.title for page in corpus.served.pages]}, seed=seed)
    searches = [
        OpenLoop(
            base_url=base_url,
            rate_hz=_SEARCHES_HZ,
            requests=replace(mix, stream=number),
            history=history.path,
            connections=connections,
            client=f"search-{connections}",
        )
        for number, connections in enumerate(_CONNECTIONS)
    ]
    probes = Probes(base_url=base_url, requests=replace(mix, stream=len(searches)), history=history.path)
    return SearchTraffic([*searches, *probes.streams.values()], history, deadlines)
