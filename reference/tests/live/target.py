"""What the tests of the live target share: whether there is one, and what its nodes and pods have."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from reference.cluster import kind

needs_target = pytest.mark.skipif(not kind.nodes(), reason="no target here; bring one up: tox -e up")

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
