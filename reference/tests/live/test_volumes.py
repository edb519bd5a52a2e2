"""A volume is as large as it was asked for, and full without its node's disk being so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reference.cluster import platform
from reference.cluster.process import run
from reference.tests.live.target import needs_target, objects

pytestmark = [
    needs_target,
    pytest.mark.skipif(not Path("/dev/loop-control").exists(), reason="this kernel has no loop devices"),
]

GIB = 1 << 30


def test_every_volume_is_a_file_system_of_its_own() -> None:
    volumes = [volume for volume in objects("persistentvolumes") if _is_the_platforms(volume)]
    assert volumes
    roots = {volume["metadata"]["name"]: _file_system(volume) for volume in volumes}
    assert [name for name, (mounted, _) in roots.items() if not mounted] == []
    for volume in volumes:
        asked_for = volume["spec"]["capacity"]["storage"]
        assert asked_for.endswith("Gi")
        _, size_bytes = roots[volume["metadata"]["name"]]
        # What the file system keeps for itself is not to be had.
        assert 0.9 < size_bytes / (int(asked_for.removesuffix("Gi")) * GIB) <= 1


def _is_the_platforms(volume: dict[str, Any]) -> bool:
    return bool(volume["spec"]["claimRef"]["namespace"] == platform.NAMESPACE)


def _node(volume: dict[str, Any]) -> str:
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    (name,) = term["matchExpressions"][0]["values"]
    return str(name)


def _file_system(volume: dict[str, Any]) -> tuple[bool, int]:
    """Whether something is mounted where the volume is, and the size in bytes of the file system that it is part of."""
    path = volume["spec"]["hostPath"]["path"]
    script = f"mountpoint -q {path} && echo yes || echo no; stat --file-system --format '%S %b' {path}"
    mounted, sizes = run("docker", "exec", _node(volume), "sh", "-c", script).splitlines()
    block, blocks = (int(number) for number in sizes.split())
    return mounted == "yes", block * blocks
