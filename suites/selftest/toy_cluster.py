"""A namespace with its pods and nodes in memory: enough to see what a fault reads and in which order it acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from reports.records import Mark
from suites.harness.clients.objects import Container, ExecResult, Node, Pod, Readiness, Termination
from suites.harness.errors import ClientError, NothingSelected
from suites.harness.faults.base import ALLOW_LABEL
from suites.harness.target import Target

LISTING = """1795505845
12 (python3) S 0 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5000 1 1
30 (worker (1)) S 12 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5100 1 1
77 (sh) S 0 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 9900 1 1
"""


@dataclass
class ToyNodes:
    """The nodes w0 and w1 and a control plane. Every call that changes one is kept in `done`."""

    there: list[Node] = field(default_factory=lambda: [node("cp", control_plane=True), node("w0"), node("w1")])
    silent: set[str] = field(default_factory=set)
    beats: int = 0
    beats_stop: bool = False
    # Why a pod may not be evicted, by its name.
    budgets: dict[str, str] = field(default_factory=dict)
    # After so many refusals they refuse no more.
    gives_way_after: int = 1_000_000
    forbidden: str = ""
    done: list[str] = field(default_factory=list)
    evicted: Callable[[Pod], None] = lambda _: None

    def all(self) -> list[Node]:
        return self.there

    def node(self, name: str) -> Node:
        return next(node for node in self.there if node.name == name)

    def change(self, name: str, *, is_ready: bool = True, is_cordoned: bool = False) -> None:
        self.there = [
            replace(node, is_ready=is_ready, is_cordoned=is_cordoned) if node.name == name else node
            for node in self.there
        ]

    def kubelet_answers(self, name: str) -> bool:
        return name not in self.silent

    def heartbeat(self, name: str) -> str:
        if name not in self.silent and not self.beats_stop:
            self.beats += 1
        return f"beat {self.beats}"

    def cordon(self, name: str, *, dry_run: bool = False) -> None:
        if self.forbidden:
            raise ClientError(f"cordon node {name}: {self.forbidden}")
        if not dry_run:
            self.done.append(f"cordon {name}")
            self.change(name, is_cordoned=True)

    def uncordon(self, name: str) -> None:
        self.done.append(f"uncordon {name}")
        self.change(name, is_cordoned=False)

    def evict(self, pod: Pod, *, dry_run: bool = False) -> str | None:
        refusal = self.budgets.get(pod.name) if self.gives_way_after else None
        if refusal is not None:
            self.gives_way_after -= 1
        if not dry_run and refusal is None:
            self.done.append(f"evict {pod.name}")
            self.evicted(pod)
        return refusal


@dataclass
class ToyCluster:
    """Pods belong to the component that their name begins with. What is executed in one is answered by `shell`."""

    pods_there: list[Pod]
    labels: dict[str, str] = field(default_factory=lambda: {ALLOW_LABEL: "allowed"})
    target: Target = field(default_factory=lambda: Target.load("kind"))
    roles: dict[str, str] = field(default_factory=dict)
    listing: ExecResult = field(default_factory=lambda: ExecResult(stdout=LISTING, stderr="", exit_code=0))
    kill: ExecResult = field(default_factory=lambda: ExecResult(stdout="", stderr="", exit_code=None))
    kill_works: bool = True
    deletes: bool = True
    # What the workload makes in place of a pod that was deleted; None: nothing.
    remake: Callable[[Pod], Pod | None] = lambda gone: replace(gone, uid=f"{gone.uid}+")
    forbidden: str = ""
    hands_over: bool = True
    nodes: ToyNodes = field(default_factory=ToyNodes)
    kept: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    namespace: str = "site-search"

    def __post_init__(self) -> None:
        self.wanted = {name: len(self.pods(name)) for name in self.target.components}

    def namespace_labels(self) -> dict[str, str]:
        return self.labels

    def all_pods(self) -> list[Pod]:
        return list(self.pods_there)

    def pods(self, component: str, role: str | None = None) -> list[Pod]:
        self.target.component(component).selector_of(role)
        return [
            pod
            for pod in self.pods_there
            if pod.name.startswith(f"{component}-") and (role is None or self.roles.get(pod.name) == role)
        ]

    def ready_pods(self, component: str, role: str | None = None) -> list[Pod]:
        ready = [pod for pod in self.pods(component, role) if pod.is_ready]
        if not ready:
            raise NothingSelected(f"no ready pod matches component={component}")
        return ready

    def pod(self, name: str) -> Pod:
        return next(pod for pod in self.pods_there if pod.name == name)

    def exec(self, pod: str, container: str, command: Sequence[str]) -> ExecResult:  # noqa: ARG002
        if not command[-1].startswith("kill"):
            return self.listing
        self.done.append(f"{command[-1]} in {pod} with {len(self.kept)} record kept")
        if self.kill_works:
            self.pods_there = [killed(entry) if entry.name == pod else entry for entry in self.pods_there]
        return self.kill

    def delete_pod(self, pod: Pod, *, grace_s: float | None, dry_run: bool = False) -> None:
        if self.forbidden:
            raise ClientError(f"delete pod {pod.name}: {self.forbidden}")
        if dry_run:
            return
        self.done.append(f"delete {pod.name} with grace {grace_s} and {len(self.kept)} record kept")
        if self.deletes:
            self.take(pod)

    def take(self, pod: Pod) -> None:
        """The pod is gone, and its workload has made what it makes."""
        made = self.remake(pod)
        self.pods_there = [entry for entry in self.pods_there if entry.uid != pod.uid] + ([made] if made else [])

    def hand_over(self, component: str, pod: str) -> None:
        self.done.append(f"hand {component} over to {pod}")
        if self.hands_over:
            self.roles = {name: "primary" if name == pod else "replica" for name in self.roles}

    def readiness(self, component: str) -> Readiness:
        ready = [pod for pod in self.pods(component) if pod.is_ready]
        return Readiness(component=component, ready=len(ready), wanted=self.wanted[component])

    def write_note(self, name: str, labels: dict[str, str], text: str) -> None:  # noqa: ARG002
        self.kept[name] = text

    def notes(self, selector: str) -> dict[str, str]:  # noqa: ARG002
        return self.kept

    def delete_note(self, name: str) -> None:
        self.kept.pop(name, None)


class Marks(list[Mark]):
    def add(self, mark: Mark, /) -> None:
        self.append(mark)

    @property
    def kinds(self) -> list[str]:
        return [entry.mark for entry in self]


def node(name: str, *, control_plane: bool = False) -> Node:
    return Node(name=name, is_ready=True, is_cordoned=False, is_control_plane=control_plane)


def pod(name: str = "app-0", *, restarts: int = 0, shared: bool = True, on: str = "w0") -> Pod:
    container = Container(
        name=name.partition("-")[0],
        container_id=f"c-{name}",
        image="i",
        image_digest="d",
        restarts=restarts,
        is_ready=True,
        last_termination=None,
    )
    return Pod(
        name=name,
        uid=f"u-{name}",
        phase="Running",
        node=on,
        address="10.0.0.1",
        is_ready=True,
        is_terminating=False,
        shares_process_namespace=shared,
        containers=(container,),
    )


def killed(before: Pod, **ended: object) -> Pod:
    """The pod after its container was restarted, as its kubelet reports it."""
    container = before.containers[0]
    end = Termination(
        container_id=container.container_id, exit_code=137, signal=None, finished_at=1795505845.0, reason="Error"
    )
    end = replace(end, **ended)  # type: ignore[arg-type]
    after = replace(
        container, container_id=f"{container.container_id}+", restarts=container.restarts + 1, last_termination=end
    )
    return replace(before, containers=(after,))
