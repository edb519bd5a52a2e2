"""Faults of an experiment: inject, prove, heal."""

from __future__ import annotations

from experiments.stage import set_up_stage, stage
from suites.harness.faults.pods import KillProcess


def kill_process(component: str) -> str:
    """SIGKILL for the main process of one of the component's pods, and the proof that it died."""
    here = stage()
    fault = KillProcess(component, cluster=here.cluster, history=here.history, deadlines=here.deadlines)
    here.fault = here.open.enter_context(fault)
    return fault.observed()


def heal() -> None:
    """Undo the fault and wait until the target has recovered. Twice is harmless, also without a fault."""
    here = set_up_stage()
    if here is not None and here.fault is not None:
        here.fault.heal()
