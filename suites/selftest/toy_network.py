"""Pods with a network between them in memory: what a fault's scripts would do in a shell, done to sets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from suites.harness.clients.ephemeral import Ephemeral, Kit
from suites.harness.clients.network import Reach, Way
from suites.harness.clients.objects import ExecResult, Pod
from suites.harness.clients.volumes import Mount
from suites.harness.errors import Unsupported
from suites.selftest.toy_cluster import ToyCluster, killed

ADDRESS, SERVICE = "10.0.0.7", "10.96.0.7"


@dataclass
class ToyEphemeral:
    """Containers of ours, by pod. A pod in `refusing` is not given any, as where pods must be restricted."""

    annotated: str = "faults:1"
    there: dict[str, list[Ephemeral]] = field(default_factory=dict)
    refusing: set[str] = field(default_factory=set)
    start: bool = True

    def image(self) -> str:
        return self.annotated

    def of(self, pod: str) -> list[Ephemeral]:
        return self.there.get(pod, [])

    def add(self, pod: str, kit: Kit, *, dry_run: bool = False) -> str:
        if pod in self.refusing:
            raise Unsupported(f"pod {pod} may not be given a container for {kit.purpose}: violates PodSecurity")
        name = f"sre-{kit.purpose}-{len(self.of(pod)) + 1}"
        if not dry_run:
            made = Ephemeral(name=name, image=kit.image, volume=kit.volume, is_running=self.start)
            self.there[pod] = [*self.of(pod), made]
        return name

    def is_running(self, pod: str, name: str) -> bool:
        return next(entry.is_running for entry in self.of(pod) if entry.name == name)

    def end(self, pod: str) -> None:
        self.there[pod] = [replace(entry, is_running=False, detail="ended with code 0") for entry in self.of(pod)]


@dataclass
class ToyNetwork:
    """Every component is reached at one address of its own and one of a Service."""

    ways: tuple[Way, ...] = (Way(address=ADDRESS, port=6379), Way(address=SERVICE, port=6379))

    def reach(self, pods: Sequence[Pod]) -> Reach:
        assert pods
        return Reach(addresses=(ADDRESS, SERVICE), ways=self.ways)


@dataclass
class ToyPolicies:
    """NetworkPolicies by name."""

    there: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def all(self) -> list[dict[str, Any]]:
        return [{"metadata": {"name": name}, "spec": spec} for name, spec in self.there.items()]

    def make(self, name: str, spec: dict[str, Any], *, image: str, for_s: float, dry_run: bool = False) -> None:
        assert image
        if not dry_run:
            self.done.append(f"make for {for_s:g} s")
            self.there[name] = spec

    def remove(self, name: str) -> None:
        self.there.pop(name, None)


@dataclass
class ToyVolumes:
    mounted: list[Mount] = field(
        default_factory=lambda: [Mount(pod="redis-0", claim="data-0", volume="data", path="/data")]
    )

    asked: dict[str, str] = field(default_factory=lambda: {"data-0": "Bound, 1Gi"})

    def mounts(self) -> list[Mount]:
        return self.mounted

    def claims(self) -> dict[str, str]:
        return dict(self.asked)


@dataclass
class ToyNet(ToyCluster):
    """`tables` are the rules loaded in each pod; they hit if `rules_bite`, and stay if they are `stuck`."""

    tables: dict[str, set[str]] = field(default_factory=dict)
    rules_bite: bool = True
    stuck: bool = False
    # Pods that reach nothing, fault or not.
    cut_off: set[str] = field(default_factory=set)
    has_queue: bool = True
    latency_ms: float = 0.0
    lost: int = 3
    policies_bite: bool = True
    # The folder of its file system that a volume is, its size and what is left, in blocks of 1 MiB.
    volume: str = "/\n1048576 200 150\n"
    filled: set[str] = field(default_factory=set)
    network: ToyNetwork = field(default_factory=ToyNetwork)
    ephemeral: ToyEphemeral = field(default_factory=ToyEphemeral)
    policies: ToyPolicies = field(default_factory=ToyPolicies)
    volumes: ToyVolumes = field(default_factory=ToyVolumes)
    # What the main process has and may have, and how a container that ran out of memory ended.
    memory: str = "805306368\n110000000\n995\n"
    end_of_memory: str = "OOMKilled"

    def exec(self, pod: str, container: str, command: Sequence[str]) -> ExecResult:
        if not container.startswith("sre-"):
            return self._in_main_container(pod, command)
        entry = next(entry for entry in self.ephemeral.of(pod) if entry.name == container)
        if not entry.is_running:
            return ExecResult(stdout="", stderr="container not found", exit_code=None)
        return self._answer(pod, command[-1])

    def _answer(self, pod: str, script: str) -> ExecResult:
        if loaded := re.search(r"table inet (sre_\w+) \{", script):
            self.done.append(f"rules in {pod} with {len(self.kept)} record kept")
            self.tables.setdefault(pod, set()).add(loaded[1])
            return answer()
        if swept := re.search(r"nft delete table inet (sre_\w+)", script):
            self.done.append(f"sweep of {pod}")
            if not self.stuck:
                self.tables.get(pod, set()).discard(swept[1])
            return answer(exit_code=int(self.stuck))
        if script.endswith("nft list tables"):
            return answer("\n".join(f"table inet {name}" for name in sorted(self.tables.get(pod, ()))))
        if "fallocate" in script:
            self.filled.add(pod)
            return answer()
        if "rm -f /sre-volume" in script:
            self.filled.clear()
            return answer()
        if "mountinfo" in script:
            return answer(self.volume)
        if "--queue-num 1 " in script:
            return answer(
                stderr="" if self.has_queue else "No such file or directory", exit_code=int(not self.has_queue)
            )
        return answer(self._from_network(pod, script))

    def _from_network(self, pod: str, script: str) -> str:
        is_hit = (self.rules_bite and bool(self.tables.get(pod))) or (self.policies_bite and bool(self.policies.there))
        if "getent" in script:
            return "not found" if is_hit or pod in self.cut_off else "found"
        if "nft list counter" in script:
            return f"counter lost {{ packets {self.lost if is_hit else 0} bytes 99 }}"
        if "python3 -" in script:
            return f"{1.0 + (self.latency_ms if is_hit else 0.0)}"
        if pod in self.cut_off or (is_hit and not self.latency_ms):
            return ""
        return "\n".join(f"{address} {port}" for address, port in re.findall(r"try ([\d.]+) (\d+) &", script))

    def _in_main_container(self, pod: str, command: Sequence[str]) -> ExecResult:
        script = command[2] if command[0] == "sh" else ""
        if "VmRSS" in script:
            return answer(self.memory)
        if "/dev/zero" in script:
            self.done.append(f"take {' × '.join(command[5:7])} bytes for {command[7]} s in {pod}, process {command[4]}")
            if self.end_of_memory:
                ended = {"reason": self.end_of_memory}
                self.pods_there = [killed(entry, **ended) if entry.name == pod else entry for entry in self.pods_there]
            return answer()
        if "oom_score_adj" in script:
            self.done.append(f"give back in {pod}: process {command[4]} to {command[5]}")
            return answer()
        if "--file-system" in command:
            return answer("4096 4" if pod in self.filled else "1048576 150")
        return super().exec(pod, "", command)


def answer(stdout: str = "", *, stderr: str = "", exit_code: int = 0) -> ExecResult:
    return ExecResult(stdout=stdout, stderr=stderr, exit_code=exit_code)
