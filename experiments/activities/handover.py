"""What is arranged before a fault, so that it can be played at all."""

from __future__ import annotations

from experiments.stage import stage
from suites.harness import handover


def primary_on_worker() -> str:
    """Have the database's primary on a node that may be taken away; the pod that is it."""
    here = stage()
    return handover.primary_on_worker(here.cluster, here.deadlines)
