"""A cluster whose nodes were all stopped comes back, wherever its nodes are then."""

from __future__ import annotations

import ipaddress

import pytest

from reference.cluster import kind, platform
from reference.cluster.process import run
from reference.cluster.progress import Progress
from reference.tests.live.target import needs_target

pytestmark = [needs_target, pytest.mark.by_hand]


def test_the_cluster_comes_back_when_its_control_plane_has_another_address() -> None:
    before = {node.name: ipaddress.ip_address(kind.address(node.name)) for node in kind.nodes()}
    run("docker", "stop", "--time", "20", *before)
    # Docker gives the lowest free address to whoever starts first.
    others = [name for name in before if name != kind.CONTROL_PLANE]
    was_first = before[kind.CONTROL_PLANE] == min(before.values())
    for name in [*others, kind.CONTROL_PLANE] if was_first else [kind.CONTROL_PLANE, *others]:
        run("docker", "start", name)
    assert ipaddress.ip_address(kind.address(kind.CONTROL_PLANE)) != before[kind.CONTROL_PLANE]

    assert kind.start_stopped()
    platform.wait_ready(Progress())
