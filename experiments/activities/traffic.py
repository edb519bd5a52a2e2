"""Traffic in the background of an experiment."""

from __future__ import annotations

from experiments.stage import set_up_stage, stage
from suites.harness.errors import HarnessError
from suites.harness.traffic import CORPUS_PAGES, search_traffic


def start_searches(steady_for_s: float) -> None:
    """Start searches and probes, and return once they were answered well for that long."""
    here = stage()
    corpus = here.sites.scraped(pages=CORPUS_PAGES)
    here.traffic = here.open.enter_context(
        search_traffic(here.base_url, corpus, here.history, deadlines=here.deadlines, seed=here.seed)
    )
    here.traffic.until_steady(for_s=steady_for_s)


def run_on(for_s: float) -> None:
    """Let the traffic run on for that long, however it is answered."""
    traffic = stage().traffic
    if traffic is None:
        raise HarnessError("no traffic was started")
    traffic.run_on(for_s=for_s)


def stop() -> None:
    """Stop the traffic. Twice is harmless, and so is traffic that never ran."""
    here = set_up_stage()
    if here is not None and here.traffic is not None:
        here.traffic.stop()
