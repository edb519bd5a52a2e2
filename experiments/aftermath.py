"""What is there to judge by once an experiment's traffic has stopped and its fault is healed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from experiments.stage import Stage
from reports.records import History
from suites.harness.clients.sql import Postgres, ScrapeRow
from suites.harness.errors import HarnessError
from suites.harness.sites import pages_served, pages_stored
from suites.harness.workloads.ledger import Ledger


class Aftermath:
    """The closed history, and what the target says afterwards. Each thing is read once, when it is first asked for.

    The stage must have come to its end before.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @cached_property
    def history(self) -> History:
        """What clients did, and when the fault was injected, observed and healed."""
        return History.read(self._stage.history.path)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What the traffic doubts about itself."""
        return self._stage.traffic.doubts if self._stage.traffic is not None else ()

    @cached_property
    def stored_by_instance(self) -> Mapping[str, Mapping[str, int] | None]:
        """How often each database instance has each id that was written."""
        return self._ledger.stored()

    @property
    def scrapes(self) -> list[ScrapeRow]:
        """Every scrape that was submitted, once all are over or the deadline is."""
        return self._looked[0]

    @property
    def looked_until(self) -> float:
        """Until when it was looked for the end of scrapes."""
        return self._looked[1]

    @property
    def completed_at(self) -> list[float]:
        """When each scrape that completed did so."""
        return [each.finished_at for each in self.scrapes if each.status == "completed" and each.finished_at]

    @cached_property
    def pages_served(self) -> Mapping[str, Mapping[str, str]]:
        """What the demo website serves of each site that was submitted."""
        return pages_served(self._stage.task_sites)

    @cached_property
    def pages_stored(self) -> Mapping[str, list[tuple[str, str]] | None]:
        """What the platform has of each site that was submitted."""
        return pages_stored(self._stage.platform, self._stage.task_sites)

    @cached_property
    def failover_decided_at(self) -> float | None:
        """When the database's operator last chose another primary, before this experiment or in it."""
        return Postgres(self._stage.cluster).failover_decided_at()

    @property
    def watched_primaries(self) -> bool:
        """Whether it was looked at which database instances take writes."""
        return self._stage.primaries is not None

    @cached_property
    def primaries(self) -> History:
        """Which database instance took writes when."""
        if self._stage.primaries is None:
            raise HarnessError("the primaries were not watched")
        return self._stage.primaries.history()

    @cached_property
    def witness(self) -> Mapping[str, Any]:
        """What pods, restarts and logs say of the same time."""
        injecting = self.history.first("injecting")
        try:
            return self._stage.witness.testify(fault=injecting.fault if injecting else None)
        except HarnessError as error:
            return {"unread": [str(error)]}

    @cached_property
    def _looked(self) -> tuple[list[ScrapeRow], float]:
        return self._ledger.scrapes(), time.time()

    @property
    def _ledger(self) -> Ledger:
        if self._stage.ledger is None:
            raise HarnessError("nothing was written or submitted")
        return self._stage.ledger
