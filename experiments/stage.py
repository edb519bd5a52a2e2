"""What one experiment plays on: the target, the history, and what has to be stopped and healed at its end.

`controls.verdict` sets it up and strikes it; activities reach it through `stage()`.
"""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from reports.records import HistoryWriter
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.site_search import SiteSearch
from suites.harness.clients.sql import Postgres
from suites.harness.deadlines import Deadlines
from suites.harness.errors import HarnessError
from suites.harness.faults.base import Fault
from suites.harness.faults.undo import replay
from suites.harness.sites import MadeSite, Sites
from suites.harness.target import Target
from suites.harness.traffic import Traffic
from suites.harness.turns import turn
from suites.harness.watch import PrimaryWatch
from suites.harness.witness import Witness
from suites.harness.workloads.ledger import Ledger


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything an experiment's activities share. What is in `open` is closed when the stage is struck."""

    target: Target
    cluster: Cluster
    platform: SiteSearch
    sites: Sites
    history: HistoryWriter
    deadlines: Deadlines
    seed: int
    base_url: str
    witness: Witness
    open: ExitStack = field(default_factory=ExitStack)
    faults: list[Fault] = field(default_factory=list)
    traffic: Traffic | None = None
    # What the traffic writes down for later, if it writes or submits.
    ledger: Ledger | None = None
    task_sites: list[MadeSite] = field(default_factory=list)
    primaries: PrimaryWatch | None = None

    @property
    def folder(self) -> Path:
        """Where the evidence is kept."""
        return self.history.path.parent

    def keep_ledger(self) -> Ledger:
        """The ids of this experiment's writes and submissions; what was written is deleted at its end."""
        if self.ledger is None:
            self.ledger = Ledger(Postgres(self.cluster), self.deadlines)
            self.open.callback(self.ledger.erase)
        return self.ledger

    def stop_traffic(self) -> None:
        """Twice is harmless, and so is traffic that never ran."""
        if self.traffic is not None:
            self.traffic.stop()

    def stop_watching(self) -> None:
        """Twice is harmless, and so is it where nothing was watched."""
        if self.primaries is not None:
            self.primaries.stop()

    def heal(self) -> None:
        """Undo every fault, the last one first. Twice is harmless."""
        for fault in reversed(self.faults):
            fault.heal()

    def end(self) -> list[str]:
        """Stop the traffic, heal, and look at nothing any more; what could not be done. Twice is harmless."""
        wrong = []
        for end in (self.stop_traffic, self.heal, self.stop_watching, self.history.close):
            try:
                end()
            except HarnessError as error:
                wrong.append(str(error))
        return wrong


_current: Stage | None = None


def set_up_stage() -> Stage | None:
    """The stage of the experiment that runs, if it came to be set up."""
    return _current


def stage() -> Stage:
    """The stage of the experiment that runs. Raises HarnessError when there is none."""
    if _current is None:
        raise HarnessError("no experiment is set up: does it name the control experiments.controls.verdict?")
    return _current


def set_up(history: Path, *, seed: int) -> Stage:
    """Wait for a turn alone at the target, heal what was left behind there, and make everything ready.

    The target is the one named by SRE_TARGET and its like.
    """
    # Activities are plain functions that chaostoolkit calls by name.
    global _current
    target = Target.load(
        os.environ.get("SRE_TARGET", "kind"),
        context=os.environ.get("SRE_CONTEXT"),
        namespace=os.environ.get("SRE_NAMESPACE"),
        base_url=os.environ.get("SRE_BASE_URL"),
    )
    with ExitStack() as started:
        started.enter_context(turn(target, alone=True))
        cluster = Cluster(target)
        cluster.check_reachable()
        deadlines = Deadlines().stretched(float(os.environ.get("SRE_SLOW_FACTOR", "1")))
        replay(cluster, deadlines, only_abandoned=True)
        base_url = target.base_url or cluster.ingress_url()
        platform = started.enter_context(SiteSearch(base_url, cluster.secret(target.secret("admin_api_key"))))
        sites = Sites(platform, cluster, deadlines, random.Random(seed))
        started.callback(sites.delete_all)
        _current = Stage(
            target=target,
            cluster=cluster,
            platform=platform,
            sites=sites,
            history=started.enter_context(HistoryWriter(history)),
            deadlines=deadlines,
            seed=seed,
            base_url=base_url,
            witness=Witness(cluster),
            open=started.pop_all(),
        )
    return _current


def strike() -> None:
    """Heal, stop and close everything. Twice is harmless."""
    global _current
    struck, _current = _current, None
    if struck is not None:
        struck.open.close()
