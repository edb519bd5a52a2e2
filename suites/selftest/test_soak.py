"""What grew, of looks written by hand; and that a soak is there only when it is asked for."""

from __future__ import annotations

import argparse
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from reports.records import History, Operation, Outcome, Window
from suites.fixtures.soak import Soak, duration_s, growth_plot
from suites.harness.checkers.growth import containers_of, soak_growth
from suites.harness.workloads.openloop import REPOSITORY

MIB = 1024**2
WINDOW = Window(start=0.0, end=1000.0)


def looks(
    client: str = "app-1/app",
    *,
    group: str = "app",
    memory_mib: tuple[float, float] = (100, 100),
    descriptors: tuple[float, float] = (50, 50),
    sockets: tuple[float, float] = (40, 40),
    times: range = range(0, 1001, 20),
    restart_at: float | None = None,
) -> list[Operation]:
    """Each resource goes evenly from its first value to its second one."""
    found = []
    for at in times:
        share = at / 1000

        def now(pair: tuple[float, float], share: float = share) -> float:
            return pair[0] + share * (pair[1] - pair[0])

        value: dict[str, Any] = {
            "group": group,
            "at": float(at),
            "cpu_s": float(at) if restart_at is None or at < restart_at else 0.5,
            "memory_bytes": now(memory_mib) * MIB,
            "descriptors": now(descriptors),
            "sockets": now(sockets),
        }
        found.append(
            Operation(client=client, kind="use", intended=at, started=at, finished=at, outcome="ok", value=value)
        )
    return found


def traffic(*outcomes: Outcome) -> History:
    return History(
        tuple(
            Operation(client="c", kind="search", intended=500.0, started=500.0, finished=500.1, outcome=outcome)
            for outcome in outcomes
        ),
        (),
    )


def growth(*found: list[Operation], components: tuple[str, ...] = ("app",), served: History | None = None) -> Any:
    operations = tuple(sorted((each for one in found for each in one), key=lambda each: each.intended))
    return soak_growth(History(operations, ()), served or traffic("ok"), window=WINDOW, components=components)


def test_what_stays_as_it_is_has_not_grown() -> None:
    found = growth(looks())
    assert (found.value, found.unit, found.doubts, found.guards) == (0.0, "ratio", (), {"error_ratio": 0.0})
    assert found.samples == 51 and found.facts["came_or_went"] == []


def test_the_container_that_grew_most_is_the_value() -> None:
    found = growth(looks(memory_mib=(100, 150)), looks("app-2/app", memory_mib=(100, 300)))
    # Middle of the first fifth against middle of the last one.
    assert found.value == pytest.approx((280 - 120) / 120, rel=0.05)
    assert found.facts["grew_most"][0].startswith("app-2/app memory 120.0 → 280.0 MiB")


def test_descriptors_and_sockets_count_as_memory_does() -> None:
    assert growth(looks(descriptors=(100, 200))).value == pytest.approx(0.73, abs=0.05)
    assert growth(looks(sockets=(100, 200))).value == pytest.approx(0.73, abs=0.05)


def test_a_few_more_of_a_few_are_no_growth() -> None:
    assert growth(looks(sockets=(2, 8), memory_mib=(5, 8), descriptors=(4, 10))).value < 0.1


def test_what_shrinks_has_not_grown() -> None:
    assert growth(looks(memory_mib=(200, 100))).value == 0.0


def test_what_filled_before_the_window_is_not_counted() -> None:
    early = looks(memory_mib=(10, 50), times=range(-600, 0, 20))
    assert growth(early, looks()).value == 0.0


def test_a_container_that_came_or_went_is_told_and_not_compared() -> None:
    late = looks("app-2/app", memory_mib=(10, 900), times=range(600, 1001, 20))
    found = growth(looks(), late)
    assert (found.value, found.doubts, found.facts["came_or_went"]) == (0.0, (), ["app-2/app"])


def test_a_component_of_which_none_stayed_is_doubted() -> None:
    found = growth(looks(times=range(600, 1001, 20)))
    assert found.value is None
    assert found.doubts == ("nothing of app was measured at the start and at the end",)


def test_a_component_that_nobody_measured_is_doubted() -> None:
    assert "nothing of redis was measured" in growth(looks(), components=("app", "redis")).doubts[0]


def test_a_restart_hides_growth_and_is_doubted() -> None:
    found = growth(looks(restart_at=500.0), looks("app-2/app"))
    assert found.doubts == ("app-1/app was restarted meanwhile",)


def test_others_than_the_targets_are_not_looked_at() -> None:
    assert growth(looks(), looks("etcd/etcd", group="kube-system", memory_mib=(10, 900))).value == 0.0


def test_failed_requests_are_a_guard_and_no_requests_are_none() -> None:
    assert growth(looks(), served=traffic("ok", "ok", "fail", "unknown")).guards == {"error_ratio": 0.5}
    assert growth(looks(), served=History((), ())).guards == {"error_ratio": None}


def test_the_plot_shows_what_was_held() -> None:
    plot = growth_plot(containers_of(looks("site-search-app-6c78cf6659-l9kd6/app"), WINDOW, ["app"]), WINDOW)
    assert [panel.name for panel in plot.panels] == ["memory", "open descriptors", "open sockets"]
    assert plot.panels[0].curves[0].name == "app-l9kd6/app" and plot.panels[0].curves[0].points[0] == (0.0, 100.0)


CLOCK = SimpleNamespace(now=5000.0)


class RunningTraffic:
    """Takes down how long it was to run on, and takes no time for it."""

    def __init__(self) -> None:
        self.streams = [
            SimpleNamespace(counts=SimpleNamespace(ok=1200)),
            SimpleNamespace(counts=SimpleNamespace(ok=34)),
        ]
        self.ran: list[tuple[str, float]] = []

    def until_steady(self, *, for_s: float) -> None:
        self.ran.append(("steady", for_s))

    def run_on(self, *, for_s: float) -> None:
        self.ran.append(("on", for_s))
        CLOCK.now += for_s


def test_what_counts_begins_once_it_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "suites.fixtures.soak.time", SimpleNamespace(time=lambda: CLOCK.now, monotonic=lambda: CLOCK.now)
    )
    traffic, said, began = RunningTraffic(), list[str](), CLOCK.now
    window = Soak(150.0, 90.0, said.append)(traffic)  # type: ignore[arg-type]
    assert (window.start - began, window.end - began) == (150.0, 240.0)
    assert traffic.ran == [("steady", 10.0), ("on", 60.0), ("on", 60.0), ("on", 30.0), ("on", 60.0), ("on", 30.0)]
    assert said[0] == "settles: 1234 requests answered well so far, 2.5 of 2.5 min left"
    assert [line.split(":")[0] for line in said] == ["settles"] * 3 + ["soaks"] * 2


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("8h", 28800), ("1.5m", 90)])
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "30 min", "-5m"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a duration"):
        duration_s(text)


@pytest.mark.parametrize(("options", "is_there"), [([], False), (["--soak", "2m"], True)])
def test_a_soak_is_there_only_when_it_is_asked_for(options: list[str], is_there: bool) -> None:
    listed = subprocess.run(  # noqa: S603 our own words
        [sys.executable, "-m", "pytest", "suites/load/test_soak.py", "--collect-only", "-q", *options],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ("test_nothing_grows_under_steady_traffic" in listed.stdout) is is_there, listed.stdout + listed.stderr
