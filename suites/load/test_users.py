"""Many users at the same time, from outside the ingress."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.users import concurrent_users
from suites.harness.workloads.machine import MachineSpeed

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge
    from suites.harness.workloads.corpus import Corpus
    from suites.harness.workloads.users import UsersRun

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
# What a user waits for an answer; the locustfile's own time-out.
TIMEOUT_MS = 5000.0


@pytest.mark.load
@pytest.mark.disruptive
@pytest.mark.timeout(2400)
@pytest.mark.objective("load.concurrent_users")
def test_a_thousand_users_are_served_at_the_same_time(
    run_users: Callable[..., UsersRun], corpus: Corpus, users_asked: int, load_s: float, judge: Judge
) -> None:
    """They browse, search, refine, page on and now and then have a site scraped, 3 to 10 s between two clicks."""
    with MachineSpeed() as machine:
        run = run_users(LOCUSTFILE, users_asked=users_asked, for_s=load_s)
    judge(
        "load.concurrent_users",
        concurrent_users(
            run.history,
            run.looks,
            asked=users_asked,
            for_s=load_s,
            timeout_ms=TIMEOUT_MS,
            doubts=(*run.report.doubts(), *corpus.doubts()),
            facts={"generator": asdict(run.report), "corpus_pages": corpus.pages, "machine": machine.facts},
        ),
    )
