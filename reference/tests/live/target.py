"""What the tests of the live target share: whether it is there, or its nodes alone, and what its pods have."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from reference.cluster import kind

_running = {node.state for node in kind.nodes()} == {"running"}
needs_nodes = pytest.mark.skipif(not _running, reason="no nodes run here; bring a target up: tox -e up")
# An engine that starts brings its nodes back, and with them no cluster before `up` saw to it.
needs_target = pytest.mark.skipif(
    not (_running and kind.api_answers()), reason="no target answers here; bring one up: tox -e up"
)

ANSWERS_WITHIN_S = 10.0


def objects(*arguments: str) -> list[dict[str, Any]]:
    """What `kubectl get` finds."""
    found: list[dict[str, Any]] = json.loads(kind.kubectl("get", *arguments, "--output", "json"))["items"]
    return found


def said(*arguments: str) -> str:
    """What kubectl printed; nothing where it failed, or did not end in time."""
    try:
        return kind.kubectl(*arguments, check=False, timeout_s=ANSWERS_WITHIN_S)
    except subprocess.TimeoutExpired:
        return ""
