"""A volume is as large as it was asked for, and full without its node's disk being so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reference.cluster import platform
from reference.cluster.process import run
from reference.tests.live.target import needs_target, objects

GIB = 1 << 30

pytestmark = [
    needs_target,
    pytest.mark.skipif(not Path("/dev/loop-control").exists(), reason="this kernel has no loop devices"),
]

Volume = dict[str, Any]


@pytest.fixture(scope="module")
def volumes() -> list[Volume]:
    """Those of the platform."""
    if not objects("namespaces", "--field-selector", f"metadata.name={platform.NAMESPACE}"):
        pytest.skip("the platform is not on this cluster; deploy it: tox -e up")
    found = [each for each in objects("persistentvolumes") if _namespace(each) == platform.NAMESPACE]
    assert found
    if _on_node(found[0], "command -v node-volumes || true") == "":
        pytest.skip("nodes of an image that was pulled make folders")
    return found


def test_every_volume_is_a_file_system_of_its_own(volumes: list[Volume]) -> None:
    paths = {each["metadata"]["name"]: _on_node(each, 'mountpoint "$0" || true', _path(each)) for each in volumes}
    assert [name for name, said in paths.items() if "is a mountpoint" not in said] == []


def test_every_volume_is_as_large_as_it_was_asked_for(volumes: list[Volume]) -> None:
    for volume in volumes:
        asked_for = volume["spec"]["capacity"]["storage"]
        assert asked_for.endswith("Gi")
        block, blocks = _on_node(volume, "stat --file-system --format '%S %b' \"$0\"", _path(volume)).split()
        # What the file system keeps for itself is not to be had.
        assert 0.9 < int(block) * int(blocks) / (int(asked_for.removesuffix("Gi")) * GIB) <= 1


def _namespace(volume: Volume) -> str:
    return str(volume["spec"]["claimRef"]["namespace"])


def _path(volume: Volume) -> str:
    return str(volume["spec"]["hostPath"]["path"])


def _on_node(volume: Volume, script: str, *arguments: str) -> str:
    """What a shell prints on the node that has the volume."""
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    (node,) = term["matchExpressions"][0]["values"]
    return run("docker", "exec", node, "sh", "-c", script, *arguments)
