"""What must hold before an experiment and after it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from chaosk8s.pod import probes  # type: ignore[import-untyped]
from kubernetes.config import kube_config

from experiments.stage import stage
from suites.harness.clients.sql import Postgres
from suites.harness.faults.records import left_records
from suites.harness.target import Target
from suites.harness.wait import until


def component_is_ready(component: str) -> bool:
    """All the replicas the component's workload wants are ready."""
    return stage().cluster.readiness(component).is_ready


def every_component_is_ready() -> bool:
    """All the replicas that the workload of each component wants are ready."""
    here = stage()
    return all(here.cluster.readiness(component).is_ready for component in here.target.components)


def pods_are_ready(component: str) -> bool:
    """chaostoolkit-kubernetes finds pods of the component, and none of them but ready ones.

    Whether they are as many as there should be is not asked here; whether one is left over that should be gone is.
    """
    target = stage().target
    selector = target.component(component).selector
    with _led_to(target):
        return bool(
            probes.pods_in_conditions(
                selector,
                [{"type": "Ready", "status": "True"}],
                ns=target.namespace,
                secrets={"KUBERNETES_CONTEXT": target.context},
            )
        )


def every_instance_follows() -> bool:
    """Every PostgreSQL instance has all that the primary has. One that does not follow it may well be called ready."""
    here = stage()
    postgres = Postgres(here.cluster)
    primary = postgres.primary()
    position = postgres.written_up_to(primary)
    instances = [pod.name for pod in postgres.pods()]
    until(
        lambda: [name for name in instances if name != primary and not postgres.has_replayed(name, position)],
        where=lambda behind: not behind,
        within=here.deadlines.call_answered_s,
        what=f"every instance at {position}, where {primary} is",
    )
    return len(instances) >= postgres.instances_wanted


def platform_is_ready() -> bool:
    """The platform says through its ingress that it can serve, and that each dependency is healthy."""
    said = stage().platform.ready()
    return said.status == 200 and bool(said.dependencies) and all(said.dependencies.values())


def nothing_is_left_behind() -> bool:
    """No fault waits to be undone, neither by what the cluster has kept nor by what this machine has."""
    here = stage()
    return not left_records(here.cluster, here.target.context, here.target.namespace)


@contextmanager
def _led_to(target: Target) -> Iterator[None]:
    """chaostoolkit-kubernetes can be told a context, but takes the kubeconfig that KUBECONFIG named at the start."""
    started_with = kube_config.KUBE_CONFIG_DEFAULT_LOCATION, os.environ.get("KUBECONFIG")
    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = os.environ["KUBECONFIG"] = str(target.kubeconfig)
    try:
        yield
    finally:
        kube_config.KUBE_CONFIG_DEFAULT_LOCATION = started_with[0]
        if started_with[1] is None:
            del os.environ["KUBECONFIG"]
        else:
            os.environ["KUBECONFIG"] = started_with[1]
