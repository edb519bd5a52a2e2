"""What a part of the network being away did to clients, and how soon it is over once the network is whole again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reports.records import History, Measurement, Operation, Window
from suites.harness.checkers.fault import doubts_of_fault
from suites.harness.checkers.outage import error_ratio

# The platform gives up on a dependency within this time and says so; a client that hears nothing longer was left alone.
ANSWERED_WITHIN_S = 5.0
# "Not now, come back": what a client can act on. Anything else leaves it to guess.
CLEAR = ("HTTP 503", "HTTP 429")


def recovery(history: History, lost: Measurement, *, kind: str = "write", doubts: Iterable[str] = ()) -> Measurement:
    """Seconds from the begin of healing until the last operation of the kind that was not answered well.

    0 when none was; no value when a client got no good answer any more. `lost` is what became of the acknowledged
    writes. Guards: `lost_writes`; `unclear_errors`, operations that were refused with anything but a clear word or later
    than a client can wait; `search_error_ratio` while the fault was on.
    """
    operations = [each for each in history.operations if each.kind == kind]
    injecting, healing = history.first("injecting"), history.first("healing")
    searches = error_ratio(history)
    if injecting is None or healing is None or not operations:
        nothing = () if operations else (f"no {kind} was recorded",)
        return Measurement(value=None, unit="s", samples=0, doubts=(*doubts, *doubts_of_fault(history), *nothing))
    since = [each for each in operations if each.finished >= injecting.at]
    failed = [each for each in since if each.outcome != "ok"]
    unclear = [each for each in failed if not is_clear(each)]
    last = max((each.finished for each in failed if each.finished > healing.at), default=healing.at)
    clients = {each.client for each in operations}
    back = {each.client for each in since if each.outcome == "ok" and each.finished > last}
    return Measurement(
        value=last - healing.at if back == clients else None,
        unit="s",
        samples=len(since),
        window=Window(start=injecting.at, end=max(each.finished for each in operations)),
        guards={
            "lost_writes": lost.value,
            "unclear_errors": float(len(unclear)),
            "search_error_ratio": searches.value,
        },
        doubts=tuple(
            dict.fromkeys(
                (
                    *doubts,
                    *doubts_of_fault(history),
                    *lost.doubts,
                    *searches.doubts,
                    *(f"client {client} got no good {kind} any more" for client in sorted(clients - back)),
                )
            )
        ),
        fault=injecting.fault,
        facts={
            "refused": len(failed),
            "refusals": dict(Counter(f"{each.outcome}: {each.error}" for each in failed).most_common()),
            "longest_wait_s": round(max((each.finished - each.intended for each in failed), default=0.0), 3),
            "acknowledged_meanwhile": sum(1 for each in since if each.outcome == "ok" and each.finished < healing.at),
            "writes": lost.facts,
            "searches": searches.facts,
        },
    )


def is_clear(operation: Operation) -> bool:
    """Whether a client that was refused knows what to do."""
    return (operation.error or "").startswith(CLEAR) and operation.finished - operation.intended <= ANSWERED_WITHIN_S
