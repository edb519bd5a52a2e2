"""`python -m suites.harness.clients.uncordon KUBECONFIG CONTEXT NODE`: ends a drain whose runner is gone."""

from __future__ import annotations

import sys
from pathlib import Path

from suites.harness.clients.api import connect
from suites.harness.clients.nodes import Nodes
from suites.harness.target import Target

_ROOT = Path(__file__).resolve().parents[3]


def command(target: Target, node: str) -> list[str]:
    """What uncordons the node, from whatever folder and environment it is run."""
    return [
        "env", f"PYTHONPATH={_ROOT}", sys.executable, "-m", __name__, str(target.kubeconfig.resolve()), target.context,
        node,
    ]  # fmt: skip


def _main(kubeconfig: str, context: str, node: str) -> None:
    Nodes(connect(Path(kubeconfig), context), namespace="").uncordon(node)


if __name__ == "__main__":
    _main(*sys.argv[1:])
