"""What somebody needs who asks why a check failed: pods, events and logs of that time, kept beside its history."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.errors import ClientError

_LOG_LINES = 300


def keep_events(cluster: Cluster, folder: Path, *, since: float) -> None:
    """Write the namespace's events since then to events.json."""
    events = [asdict(event) for event in cluster.events(since)]
    (folder / "events.json").write_text(json.dumps(events, indent=1), encoding="utf-8")


def keep_state(cluster: Cluster, folder: Path) -> None:
    """Write every pod to pods.json and the end of every container's log, present and previous, to logs/.

    What cannot be read is written down as that: one pod that is gone must not cost the evidence of the others.
    """
    pods = cluster.all_pods()
    (folder / "pods.json").write_text(json.dumps([asdict(pod) for pod in pods], indent=1), encoding="utf-8")
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    for pod in pods:
        for container in pod.containers:
            name = f"{pod.name}.{container.name}"
            _keep_log(cluster, pod, container.name, logs / f"{name}.log", previous=False)
            if container.restarts:
                _keep_log(cluster, pod, container.name, logs / f"{name}.previous.log", previous=True)


def _keep_log(cluster: Cluster, pod: Pod, container: str, path: Path, *, previous: bool) -> None:
    try:
        text = cluster.logs(pod.name, container, lines=_LOG_LINES, previous=previous)
    except ClientError as error:
        text = f"not to be had: {error}\n"
    path.write_text(text, encoding="utf-8")
