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
from suites.harness.deadlines import Deadlines
from suites.harness.errors import HarnessError
from suites.harness.faults.base import Fault
from suites.harness.sites import Sites
from suites.harness.target import Target
from suites.harness.traffic import SearchTraffic
from suites.harness.turns import turn


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
    open: ExitStack = field(default_factory=ExitStack)
    traffic: SearchTraffic | None = None
    fault: Fault | None = None


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
    """Wait for a turn alone at the target, named by SRE_TARGET and its like, and make everything ready."""
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
        base_url = target.base_url or cluster.ingress_url()
        platform = started.enter_context(SiteSearch(base_url, cluster.secret(target.secret("admin_api_key"))))
        deadlines = Deadlines().stretched(float(os.environ.get("SRE_SLOW_FACTOR", "1")))
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
            open=started.pop_all(),
        )
    return _current


def strike() -> None:
    """Heal, stop and close everything. Twice is harmless."""
    global _current
    struck, _current = _current, None
    if struck is not None:
        struck.open.close()
