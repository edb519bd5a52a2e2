"""How far the pods are that play users in a cluster, read from what the Kubernetes API tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MASTER, WORKER = "master", "worker"
# A reason to wait that waiting does not mend.
_NO_IMAGE = ("ErrImage", "ImagePull", "InvalidImage")
_STUCK = ("CreateContainer", "RunContainer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Players:
    """Of the master's pod and the workers': which run, why others do not, and how those ended that have.

    `lacking` is why no waiting helps; empty while there is hope.
    """

    master: str = ""
    running: tuple[str, ...] = ()
    waiting: Mapping[str, str]
    ended: Mapping[str, int]
    lacking: str = ""

    @property
    def failed(self) -> Mapping[str, int]:
        """Those that ended as none should, with their exit codes."""
        return {name: code for name, code in self.ended.items() if code != 0}

    @property
    def master_ended(self) -> int | None:
        """The exit code of Locust's master; None while it has none."""
        return self.ended.get(self.master)

    def all_run(self, workers: int) -> bool:
        """Whether the master and so many workers have been started, whatever became of them since."""
        return len(self.running) + len(self.ended) == workers + 1

    def __repr__(self) -> str:
        told = [f"{len(self.running)} pods run"]
        told += [f"{name} ended with {code}" for name, code in self.ended.items()]
        told += [f"{name} waits: {why}" for name, why in self.waiting.items()]
        return "; ".join(told)


def players_of(pods: Iterable[Mapping[str, Any]]) -> Players:
    """From the release's pods as the API writes them."""
    master, lacking = "", ""
    running, waiting, ended = [], {}, {}
    for pod in pods:
        name, component = pod["metadata"]["name"], pod["metadata"]["labels"]["component"]
        if component == MASTER:
            master = name
        state = _state_of(pod, component)
        if "running" in state:
            running.append(name)
        elif "terminated" in state:
            ended[name] = int(state["terminated"]["exitCode"])
        else:
            waiting[name] = _why(state, pod)
            lacking = lacking or _lacking(state, pod, component)
    return Players(master=master, running=tuple(running), waiting=waiting, ended=ended, lacking=lacking)


def _state_of(pod: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    for status in pod["status"].get("containerStatuses", ()):
        if status["name"] == container and status.get("state"):
            state: Mapping[str, Any] = status["state"]
            return state
    return {"waiting": {}}


def _why(state: Mapping[str, Any], pod: Mapping[str, Any]) -> str:
    waiting = state["waiting"]
    conditions = {each["type"]: each for each in pod["status"].get("conditions", ())}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason', 'not scheduled')}: {scheduled.get('message', '')}".strip(": ")
    return ": ".join(filter(None, (waiting.get("reason", "not begun"), waiting.get("message", ""))))


def _lacking(state: Mapping[str, Any], pod: Mapping[str, Any], container: str) -> str:
    reason = str(state["waiting"].get("reason", ""))
    node = pod["spec"].get("nodeName", "")
    if reason.startswith(_NO_IMAGE):
        image = next(each["image"] for each in pod["spec"]["containers"] if each["name"] == container)
        return f"node {node} has no image {image} and cannot pull it ({reason})"
    if reason.startswith(_STUCK):
        return f"{pod['metadata']['name']} on node {node} cannot start: {_why(state, pod)}"
    return ""
