"""Locust in a process of its own, against a server whose every answer is known."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from suites.harness.workloads.crowd import UserScript
from suites.harness.workloads.openloop import REPOSITORY, STARVE_VARIABLE, GeneratorError
from suites.harness.workloads.users import UsersRun, run_users
from suites.selftest.workloads.toy import Toy

LOCUSTFILE = REPOSITORY / "suites" / "load" / "locustfile.py"
SCRIPT = UserScript(
    titles={"s1": ["river stone morning", "quiet harbour light"]},
    scrape_sites=["t1"],
    scrapes_at_most=2,
    seed=1,
    think_at_least_s=0.1,
    think_at_most_s=0.3,
)


def run(url: str, folder: Path, *, for_s: float = 2.0, processes: int = 1) -> UsersRun:
    return run_users(
        LOCUSTFILE, SCRIPT, base_url=url, api_key="a key", users=20, for_s=for_s, folder=folder, spawned_per_s=20,
        processes=processes,
    )  # fmt: skip


def test_every_request_of_every_user_is_an_operation(toy: Toy, tmp_path: Path) -> None:
    found = run(toy.url, tmp_path)
    operations = found.history.operations
    assert {operation.client for operation in operations} == {f"user-{number}" for number in range(1, 21)}
    assert {operation.outcome for operation in operations} == {"ok"}
    assert {"browse", "site", "search"} <= {operation.kind for operation in operations}
    assert {str(operation.value).rpartition(":")[2] for operation in operations} == {"hit"}
    assert all(operation.intended == operation.started <= operation.finished for operation in operations)
    assert max(look.value["users"] for look in found.looks.operations) == found.report.users_most == 20
    assert found.report.scrapes_submitted <= 2 and found.report.unexpected == ()
    assert (tmp_path / "locust.html").stat().st_size > 0
    assert not (tmp_path / "users-script.json").exists()


def test_what_several_processes_saw_is_one_history(toy: Toy, tmp_path: Path) -> None:
    found = run(toy.url, tmp_path, for_s=5.0, processes=2)
    clients = {operation.client for operation in found.history.operations}
    assert len(clients) == found.report.users_most == 20
    assert {int(client.removeprefix("user-")) // 10_000 for client in clients} == {0, 1}
    assert {operation.outcome for operation in found.history.operations} == {"ok"}
    assert found.report.processes == 3 and found.report.scrapes_submitted <= 2


def test_what_is_not_answered_well_is_told_as_every_generator_tells_it(toy: Toy, tmp_path: Path) -> None:
    found = run(f"{toy.url}/refused/503/database_unavailable", tmp_path / "refused")
    assert {(each.outcome, each.error) for each in found.history.operations} == {
        ("fail", "HTTP 503 database_unavailable")
    }
    assert {each.kind for each in found.history.operations} == {"browse"}


def test_a_server_that_is_not_there_is_a_failure_of_each_request(tmp_path: Path) -> None:
    found = run("http://127.0.0.1:1", tmp_path)
    assert found.history.operations
    assert {each.outcome for each in found.history.operations} == {"fail"}
    assert all("cannot connect" in str(each.error) for each in found.history.operations)


def test_a_starved_generator_of_users_is_doubted(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STARVE_VARIABLE, "0.9")
    assert "was late: p99" in " ".join(run(toy.url, tmp_path).report.doubts())


def test_a_locustfile_that_is_none_says_why(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match=r"Locust ended with 1 and no report: .*Could not find"):
        run_users(
            tmp_path / "none.py", SCRIPT, base_url="http://127.0.0.1:1", api_key="", users=1, for_s=0, folder=tmp_path
        )


def test_nothing_of_gevent_is_in_the_process_that_judges() -> None:
    assert "gevent" not in sys.modules and "locust" not in sys.modules
