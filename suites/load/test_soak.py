"""Traffic that goes on and on: what grows then grows for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.growth import soak_growth

if TYPE_CHECKING:
    from suites.fixtures.evidence import Judge, Recording
    from suites.fixtures.soak import Soak, SoakWatch
    from suites.harness.traffic import Traffic


@pytest.mark.load
@pytest.mark.soak
@pytest.mark.disruptive
@pytest.mark.objective("load.soak_growth")
def test_nothing_grows_under_steady_traffic(
    soak_watch: SoakWatch, soak: Soak, soak_traffic: Traffic, history: Recording, judge: Judge
) -> None:
    """Searches, scrapes and questions how far they are go on until caches are full, then as long as `--soak` says."""
    with soak_watch.watch, soak_traffic as flow:
        window = soak(flow)
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
