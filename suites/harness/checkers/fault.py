"""Whether there was a fault at all, and whether it ended."""

from __future__ import annotations

from reports.records import History


def doubts_of_fault(history: History) -> list[str]:
    """Why nothing that was measured may be put down to the fault: it was not injected, not observed, not healed."""
    injecting = history.first("injecting")
    if injecting is None:
        return ["no fault was injected"]
    return [
        f"fault {injecting.fault} was never {mark}" for mark in ("observed", "healed") if history.first(mark) is None
    ]
