"""Traffic that goes on and on: what grows then grows for ever."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from reports.records import Window
from suites.harness.checkers.growth import soak_growth

if TYPE_CHECKING:
    from suites.fixtures.evidence import Judge, Recording
    from suites.fixtures.soak import SoakWatch
    from suites.harness.traffic import Traffic


@pytest.mark.load
@pytest.mark.soak
@pytest.mark.disruptive
@pytest.mark.objective("load.soak_growth")
def test_nothing_grows_under_steady_traffic(
    soak_watch: SoakWatch, soak_s: float, soak_traffic: Traffic, history: Recording, judge: Judge
) -> None:
    """Searches, scrapes and questions how far they are go on for as long as `--soak` says."""
    with soak_watch.watch, soak_traffic as flow:
        flow.until_steady(for_s=10)
        began = time.time()
        flow.run_on(for_s=soak_s)
        window = Window(start=began, end=time.time())
    soak_watch.draw(window)
    judge(
        "load.soak_growth",
        soak_growth(
            soak_watch.watch.history(),
            history.closed(),
            window=window,
            components=soak_watch.components,
            doubts=flow.doubts,
        ),
    )
