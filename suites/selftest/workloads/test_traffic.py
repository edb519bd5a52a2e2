"""Traffic goes on for as long as was asked, by the clock that its requests are due by."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from reports.records import HistoryWriter
from suites.harness.deadlines import Deadlines
from suites.harness.traffic import Traffic
from suites.harness.workloads.openloop import OpenLoop
from suites.harness.workloads.plan import Counts

FOR_S = 0.1


class ToyStream:
    """A stream that was held up: it sends at once what was due meanwhile, and only then what is due."""

    def __init__(self) -> None:
        now = time.time()
        self._told: Iterator[Counts] = iter(
            [
                Counts(sent=10, sent_until=now - 1.0),
                Counts(sent=60, sent_until=now + FOR_S / 2),
                Counts(sent=70, sent_until=now + 2 * FOR_S),
            ]
        )
        self.counts_told: list[Counts] = []

    @property
    def counts(self) -> Counts:
        self.counts_told.append(next(self._told))
        return self.counts_told[-1]


def test_requests_that_were_due_before_are_none_of_the_time_asked_for(tmp_path: Path) -> None:
    stream = ToyStream()
    Traffic([cast(OpenLoop, stream)], HistoryWriter(tmp_path / "history.jsonl"), Deadlines()).run_on(for_s=FOR_S)
    assert [counts.sent for counts in stream.counts_told] == [10, 60, 70]
