"""What must hold before an experiment and after it."""

from __future__ import annotations

from experiments.stage import stage


def component_is_ready(component: str) -> bool:
    """All the replicas the component's workload wants are ready."""
    return stage().cluster.readiness(component).is_ready


def platform_is_ready() -> bool:
    """The platform says through its ingress that it can serve, and that each dependency is healthy."""
    said = stage().platform.ready()
    return said.status == 200 and bool(said.dependencies) and all(said.dependencies.values())
