"""What the database is asked, and what is made of its answers; the watch's own script against a server of our own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from suites.harness.clients import sql
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Container, ExecResult, Pod, Readiness
from suites.harness.clients.sql import Postgres, ScrapeRow
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError
from suites.harness.target import Target
from suites.harness.watch import sample_of
from suites.harness.workloads.ledger import PREFIX, Ledger

SOON = Deadlines().stretched(0.0001)


def pod(name: str, *, container: str = sql.CONTAINER, phase: str = "Running") -> Pod:
    return Pod(
        name=name, uid=name, phase=phase, node="n", address="10.0.0.1", is_ready=True, is_terminating=False,
        shares_process_namespace=False,
        containers=(
            Container(
                name=container, container_id=name, image="i", image_digest="d", restarts=0, is_ready=True,
                last_termination=None,
            ),
        ),
    )  # fmt: skip


@dataclass
class ToyCluster:
    """Three instances, each with an answer to what a statement begins with."""

    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: list[Sequence[str]] = field(default_factory=list)
    target: Target = field(default_factory=lambda: Target.load("kind"))
    wanted: int = 3

    def pods(self, component: str) -> list[Pod]:  # noqa: ARG002
        job = pod("db-2-join", container="join")
        return [pod("db-1"), pod("db-2"), job, pod("db-3"), pod("db-4", phase="Pending")]

    def readiness(self, component: str) -> Readiness:
        return Readiness(component=component, ready=3, wanted=self.wanted)

    def exec(self, pod: str, container: str, command: Sequence[str]) -> ExecResult:
        assert container == sql.CONTAINER
        self.asked.append(command)
        statement = command[-2]
        for (name, begin), answer in self.answers.items():
            if name == pod and statement.startswith(begin):
                return ExecResult(stdout=answer, stderr="", exit_code=0)
        return ExecResult(stdout="", stderr="psql: error: connection refused\n", exit_code=2)


PRIMARY, REPLICA = {"select not pg_is_in_recovery()": "t\n"}, {"select not pg_is_in_recovery()": "f\n"}


def cluster(**answers: dict[str, str]) -> ToyCluster:
    """Instances `db_1` and so on with their answers."""
    return ToyCluster(
        {(name.replace("_", "-"), begin): text for name, told in answers.items() for begin, text in told.items()}
    )


def postgres(toy: ToyCluster) -> Postgres:
    return Postgres(cast(Cluster, toy))


def test_only_running_instances_are_asked_and_one_of_them_is_the_primary() -> None:
    found = postgres(cluster(db_1=REPLICA, db_2=PRIMARY, db_3=REPLICA))
    assert [each.name for each in found.pods()] == ["db-1", "db-2", "db-3"]
    assert found.primary() == "db-2"


@pytest.mark.parametrize(
    ("second", "why"),
    [(PRIMARY, "2 instances call themselves primary: db-1, db-2"), ({}, r"db-2: select not .* connection refused")],
)
def test_no_primary_is_named_when_two_say_so_or_one_does_not_answer(second: dict[str, str], why: str) -> None:
    with pytest.raises(ClientError, match=why):
        postgres(cluster(db_1=PRIMARY, db_2=second, db_3=REPLICA)).primary()


def test_rows_are_read_whatever_stands_in_them_and_what_is_given_is_no_part_of_the_statement() -> None:
    toy = cluster(
        db_1={
            "select name": '"a, ""b""",1\nc,2\n',
            "select idempotency_key": "k,i,s,completed,2,0.5,1.5\nl,j,s,queued,0,,\n",
        }
    )
    assert postgres(toy).sites_named("db-1", "it's") == {'a, "b"': 1, "c": 2}
    assert "it's" not in toy.asked[0][-2]
    assert toy.asked[0][-1] == "it's"
    assert postgres(toy).scrapes_keyed("db-1", "k") == [
        ScrapeRow(key="k", id="i", site="s", status="completed", attempts=2, started_at=0.5, finished_at=1.5),
        ScrapeRow(key="l", id="j", site="s", status="queued", attempts=0, started_at=None, finished_at=None),
    ]


def test_every_instance_is_read_once_it_shows_what_the_primary_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """One has it, one never catches up, one that is wanted is not there."""
    monkeypatch.setattr("suites.harness.workloads.ledger._REPLAYED_WITHIN_S", 0.0)
    toy = cluster(
        db_1={**PRIMARY, "select pg_current_wal_flush_lsn": "0/10\n", "select name": "w,1\n"},
        db_2={**REPLICA, "select pg_last_wal_replay_lsn": "t\n", "select name": "w,1\n"},
        db_3={**REPLICA, "select pg_last_wal_replay_lsn": "f\n"},
    )
    toy.wanted = 4
    ledger = Ledger(postgres(toy), SOON)
    assert ledger.stored() == {"db-1": {"w": 1}, "db-2": {"w": 1}, "db-3": None, "instance 4 of 4": None}
    assert {command[-1] for command in toy.asked if "starts_with" in command[-2]} == {ledger.name}
    assert {command[-1] for command in toy.asked if "replay" in command[-2]} == {"0/10"}


@pytest.mark.parametrize("status", ["completed", "running"])
def test_scrapes_are_read_when_they_are_over_or_as_they_are(status: str) -> None:
    toy = cluster(db_1={**PRIMARY, "select idempotency_key": f"k,i,s,{status},1,,\n"}, db_2=REPLICA, db_3=REPLICA)
    assert [scrape.status for scrape in Ledger(postgres(toy), SOON).scrapes()] == [status]


def test_what_was_written_is_erased_also_that_of_checks_that_were_killed() -> None:
    toy = cluster(db_1={**PRIMARY, "with gone": "7\n"}, db_2=REPLICA, db_3=REPLICA)
    assert Ledger(postgres(toy), SOON).erase() == 7
    assert toy.asked[-1][-1] == PREFIX


def test_an_instance_is_promoted_once_it_archives_nothing() -> None:
    """What it could not archive would be told, and have it demoted before anybody saw it."""
    toy = cluster(db_3={"copy ": "", "select pg_reload_conf()": "t\n", "select pg_promote": "t\n"})
    postgres(toy).promote("db-3")
    first, second, third = (command[-2] for command in toy.asked)
    assert "archive_command = true" in first and second == "select pg_reload_conf()" and "pg_promote" in third


PSQL = """#!/bin/bash
read -r asked
case "$asked" in *pg_logical_emit_message*watch*) ;; *) exit 3 ;; esac
echo "1.5 standby 1.0"
printf '2.5 acc'
sleep 0.8
echo "epted 1.0"
exec sleep 5
"""


def test_the_watch_tells_silence_and_puts_lines_together(tmp_path: Path) -> None:
    """The server answers once, then owes an answer that comes in two halves, then owes the next one for ever."""
    program = tmp_path / "psql"
    program.write_text(PSQL)
    program.chmod(0o755)
    watch = subprocess.Popen(  # noqa: S603 fixed words
        ["bash", "-c", sql.WATCH_SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,  # noqa: S607
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert watch.stdin is not None and watch.stdout is not None
    seen = [sample_of("db-1", watch.stdout.readline(), stream=1, received=0.0) for _ in range(4)]
    assert [each.value["answer"] for each in seen] == ["standby", "silent", "accepted", "silent"]
    assert [each.started for each in seen if each.outcome != "unknown"] == [1.5, 2.5]
    watch.stdin.close()
    assert watch.wait(20) == 0
    watch.stdout.close()
