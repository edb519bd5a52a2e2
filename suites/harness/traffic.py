"""Traffic that runs while something is done to the target."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from reports.records import HistoryWriter, Mark
from suites.harness.deadlines import Deadlines
from suites.harness.errors import NotReached
from suites.harness.sites import ScrapedSite
from suites.harness.wait import until
from suites.harness.workloads import journeys
from suites.harness.workloads.journeys import CONNECTIONS, Journey
from suites.harness.workloads.openloop import OpenLoop
from suites.harness.workloads.probes import Probes
from suites.harness.workloads.queries import QueryMix

# 200 searches a second, half of them on connections that are opened for them.
_SEARCHES_HZ = 100.0
# One interval of the slowest probing that is believed. Being late can only lengthen a gap, so this is less strict than
# where latency itself is judged.
_LATE_P99_LIMIT_MS = 50.0
# Which version of the platform answered, by the contract.
VERSION_HEADER = "x-app-version"
# Enough different titles for a mix of queries, few enough to be scraped in seconds.
CORPUS_PAGES = 200


class Traffic:
    """Streams of requests that flow into one history while the `with` block runs, each a client by name."""

    def __init__(self, streams: Iterable[OpenLoop], history: HistoryWriter, deadlines: Deadlines) -> None:
        self.streams = tuple(streams)
        self._history = history
        self._deadlines = deadlines
        self._running = contextlib.ExitStack()
        self.doubts: tuple[str, ...] = ()
        self.cpu_s: dict[str, float] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as started:
            for stream in self.streams:
                started.enter_context(stream)
            self._running = started.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.stop()
        self._running.__exit__(kind, error, at)

    def stop(self) -> None:
        """Send nothing more, and take down what the generators doubt about themselves. Twice is harmless."""
        reports = [stream.stop() for stream in self.streams]
        self.doubts = tuple(doubt for report in reports for doubt in report.doubts(_LATE_P99_LIMIT_MS))
        self.cpu_s = {report.client: report.cpu_s for report in reports}

    def until_steady(self, *, for_s: float) -> None:
        """Return once every client got as many good answers as that time holds. Raises NotReached when it does not."""
        self._until_answered(for_s=for_s, within_s=for_s + self._deadlines.call_answered_s)
        self._history.add(Mark(mark="steady", fault="", at=time.time()))

    def recovers(self, *, for_s: float, within_s: float) -> bool:
        """Whether every client gets as many good answers again as that time holds, while a fault is on."""
        try:
            self._until_answered(for_s=for_s, within_s=within_s)
        except NotReached:
            return False
        return True

    def _until_answered(self, *, for_s: float, within_s: float) -> None:
        wanted = [stream.counts.ok + stream.plan.rate_hz * for_s for stream in self.streams]
        until(
            lambda: [stream.counts.ok for stream in self.streams],
            where=lambda answers: all(answer >= want for answer, want in zip(answers, wanted, strict=True)),
            within=within_s,
            every=0.25,
            what=f"{for_s:g} s of traffic with good answers",
        )

    def run_on(self, *, for_s: float) -> None:
        """Return once every client sent what was due within that time from now, however it was answered."""
        wanted = time.time() + for_s
        until(
            lambda: min(stream.counts.sent_until for stream in self.streams),
            where=lambda sent_until: sent_until >= wanted,
            within=for_s + self._deadlines.call_answered_s,
            every=0.25,
            what=f"{for_s:g} s of traffic",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What the clients of each journey need to know."""

    corpus: ScrapedSite
    # The ids of sites that are scraped over and over.
    task_sites: Sequence[str]
    # What every id begins with that a client keeps.
    ledger: str
    # Whom sites that are only written down claim to be of.
    host: str
    api_key: str
    seed: int

    def journey(self, name: str, *, use_cache: bool = True) -> Journey:
        """The journey of that name. Raises ValueError naming those there are."""
        if name == journeys.SEARCH:
            return journeys.search(mix_of(self.corpus, seed=self.seed, use_cache=use_cache))
        if name == journeys.WRITE:
            return journeys.write(self.ledger, host=self.host, api_key=self.api_key)
        if name == journeys.SUBMIT:
            return journeys.submit(self.ledger, self.task_sites, api_key=self.api_key)
        if name == journeys.READ:
            return journeys.read(self.corpus.scrape.id)
        raise ValueError(f"no journey {name!r}; there is {', '.join(journeys.NAMES)}")


def traffic_of(base_url: str, flowing: Iterable[Journey], *, history: HistoryWriter, deadlines: Deadlines) -> Traffic:
    """The journeys side by side, each half on new and half on reused connections: clients `write-new`, `write-reused`.

    So that each kind of connection can be looked at by itself.
    """
    streams = [
        OpenLoop(
            base_url=base_url,
            rate_hz=journey.rate_hz,
            requests=requests,
            history=history.path,
            connections=connections,
            client=f"{journey.name}-{connections}",
            timeout_s=journey.timeout_s,
        )
        for journey in flowing
        for connections, requests in zip(CONNECTIONS, journey.requests, strict=True)
    ]
    return Traffic(streams, history, deadlines)


def search_traffic(
    base_url: str, corpus: ScrapedSite, history: HistoryWriter, *, deadlines: Deadlines, seed: int
) -> Traffic:
    """200 searches a second over a corpus and 80 probes of it, each half on new and half on reused connections.

    What each is answered with ends with the version that answered.
    """
    mix = replace(mix_of(corpus, seed=seed), tells=VERSION_HEADER)
    searches = [
        OpenLoop(
            base_url=base_url,
            rate_hz=_SEARCHES_HZ,
            requests=replace(mix, stream=number),
            history=history.path,
            connections=connections,
            client=f"search-{connections}",
        )
        for number, connections in enumerate(CONNECTIONS)
    ]
    probes = Probes(base_url=base_url, requests=replace(mix, stream=len(searches)), history=history.path)
    return Traffic([*searches, *probes.streams.values()], history, deadlines)


def mix_of(corpus: ScrapedSite, *, seed: int, use_cache: bool = True) -> QueryMix:
    """Queries that find something in one site."""
    titles = {corpus.id: [page.title for page in corpus.served.pages]}
    return QueryMix.of_titles(titles, seed=seed, use_cache=use_cache)
