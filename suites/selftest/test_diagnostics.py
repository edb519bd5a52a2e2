"""Evidence of a failure is whole even where a part of it cannot be read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

from suites.harness import diagnostics
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Container, Event, Pod
from suites.harness.errors import ClientError

APP = Container(
    name="app", container_id="c", image="i", image_digest="d", restarts=1, is_ready=True, last_termination=None
)
POD = Pod(
    name="app-0", uid="u", phase="Running", node="n", address="10.0.0.1", is_ready=True, is_terminating=False,
    shares_process_namespace=True, containers=(APP, replace(APP, name="gone", restarts=0)),
)  # fmt: skip


class ToyCluster:
    """One pod with a container that can be read and one that cannot."""

    def events(self, since: float) -> list[Event]:
        return [Event(at=since + 1, kind="Pod", name="app-0", reason="Killing", message="m")]

    def all_pods(self) -> list[Pod]:
        return [POD]

    def logs(self, pod: str, container: str, *, lines: int, previous: bool = False) -> str:  # noqa: ARG002
        if container == "gone":
            raise ClientError("no such container")
        return f"{container} {'before' if previous else 'now'}"


def test_events_have_the_shape_that_reports_read(tmp_path: Path) -> None:
    diagnostics.keep_events(cast(Cluster, ToyCluster()), tmp_path, since=100.0)
    (event,) = json.loads((tmp_path / "events.json").read_text(encoding="utf-8"))
    assert event == {"at": 101.0, "kind": "Pod", "name": "app-0", "reason": "Killing", "message": "m"}


def test_pods_and_logs_are_kept_and_what_is_missing_is_said(tmp_path: Path) -> None:
    diagnostics.keep_state(cast(Cluster, ToyCluster()), tmp_path)
    assert json.loads((tmp_path / "pods.json").read_text(encoding="utf-8"))[0]["name"] == "app-0"
    kept = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "logs").iterdir()}
    assert kept == {
        "app-0.app.log": "app now",
        "app-0.app.previous.log": "app before",
        "app-0.gone.log": "not to be had: no such container\n",
    }
