"""Traffic in the background of an experiment."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.stage import Stage, set_up_stage, stage
from suites.harness.errors import HarnessError
from suites.harness.traffic import CORPUS_PAGES, Script, Traffic, search_traffic, traffic_of
from suites.harness.workloads.journeys import SUBMIT, WRITE

# Enough that a page which one scrape did not store is seldom stored by the next one before anybody looks.
_TASK_SITES = 12


def start_searches(steady_for_s: float) -> None:
    """Start 280 searches a second, and return once they were answered well for that long."""
    here = stage()
    corpus = here.sites.scraped(pages=CORPUS_PAGES)
    _start(
        here,
        search_traffic(here.base_url, corpus, here.history, deadlines=here.deadlines, seed=here.seed),
        steady_for_s,
    )


def start_journeys(journeys: Sequence[str], steady_for_s: float, use_cache: bool = True) -> None:
    """Start these journeys (search, write, submit, read), and return once all were answered well for that long.

    Each runs at least 20 times a second on new and on reused connections. With `use_cache` False no search is answered
    from the cache.
    """
    here = stage()
    corpus = here.sites.scraped(pages=CORPUS_PAGES)
    if SUBMIT in journeys:
        here.task_sites = [here.sites.made(pages=1, size=200) for _ in range(_TASK_SITES)]
    script = Script(
        corpus=corpus,
        task_sites=[site.id for site in here.task_sites],
        ledger=here.keep_ledger().name if {SUBMIT, WRITE} & set(journeys) else "",
        host=here.target.services["demosite"].removesuffix(":80"),
        api_key=here.cluster.secret(here.target.secret("admin_api_key")),
        seed=here.seed,
    )
    flowing = [script.journey(name, use_cache=use_cache) for name in journeys]
    _start(here, traffic_of(here.base_url, flowing, history=here.history, deadlines=here.deadlines), steady_for_s)


def run_on(for_s: float) -> None:
    """Let the traffic run on for that long, however it is answered."""
    _running().run_on(for_s=for_s)


def recover(for_s: float, within_s: float) -> bool:
    """Let the traffic run on until it was answered well for that long; whether it was, within the time."""
    return _running().recovers(for_s=for_s, within_s=within_s)


def stop() -> None:
    """Stop the traffic. Twice is harmless, and so is traffic that never ran."""
    here = set_up_stage()
    if here is not None:
        here.stop_traffic()


def _start(here: Stage, traffic: Traffic, steady_for_s: float) -> None:
    if here.traffic is not None:
        raise HarnessError("traffic was started already")
    here.traffic = here.open.enter_context(traffic)
    traffic.until_steady(for_s=steady_for_s)


def _running() -> Traffic:
    traffic = stage().traffic
    if traffic is None:
        raise HarnessError("no traffic was started")
    return traffic
