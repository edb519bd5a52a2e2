"""Releases that are no good: they are taken back before users notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from suites.harness.checkers.releases import failed_by_bad_release

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge, Recording
    from suites.harness.faults.rollout import NewRelease
    from suites.harness.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A release as chart values, and what is wrong with it."""

    title: str
    values: Mapping[str, Any]
    # Left out unless it is asked for: --all-releases.
    slow: bool = False


BAD = {
    "never-ready": Bad(
        title="never gets ready", values={"app": {"extraEnv": [{"name": "FAULT_NEVER_READY", "value": "true"}]}}
    ),
    # With a change of the schema that it takes along when it is refused.
    "failing-migration": Bad(
        title="has a failing migration",
        values={"migrate": {"rehearsal": True, "extraEnv": [{"name": "FAULT_MIGRATION_FAILS", "value": "true"}]}},
    ),
    # Its pods have to stay ready for longer than that: in production they always have to.
    "crashing": Bad(
        title="crashes after 20 s",
        values={
            "app": {
                "rollout": {"minReadySeconds": 25},
                "extraEnv": [{"name": "FAULT_CRASH_AFTER_S", "value": "20"}],
            }
        },
        slow=True,
    ),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bad" in metafunc.fixturenames:
        chosen = {name: bad for name, bad in BAD.items() if metafunc.config.option.all_releases or not bad.slow}
        metafunc.parametrize("bad", chosen.values(), ids=chosen.keys())


@pytest.mark.load
@pytest.mark.disruptive
@pytest.mark.objective("rollout.bad_release_stopped")
def test_users_see_nothing_of_a_bad_release(
    bad: Bad, search_traffic: Traffic, fault: Callable[..., NewRelease], history: Recording, judge: Judge
) -> None:
    """Every search is answered, and helm takes the release back by itself."""
    with search_traffic as flow:
        flow.until_steady(for_s=10)
        with fault("new_release", "app", bad.values, with_=("worker",), title=bad.title) as release:
            release.observed()
        flow.run_on(for_s=20)
    went = release.released
    found = failed_by_bad_release(
        history.closed(),
        version=release.version,
        stayed=went.stayed,
        took_s=went.took_s,
        said=went.said,
        doubts=flow.doubts,
    )
    judge("rollout.bad_release_stopped", found)
