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
# Past the longest recovery that is promised: a client that got nothing for so long has not recovered in time.
LOOK_FOR_S = 40.0


def recovery(history: History, lost: Measurement, *, kind: str = "write", doubts: Iterable[str] = ()) -> Measurement:
    """Seconds from the begin of healing until the last operation of the kind that was not answered well.

    0 when none was; all the time that was looked for when a client got no good answer any more. `lost` is what became
    of the acknowledged writes. Guards: `lost_writes`; `unclear_errors`, operations refused with anything but a clear
    word, or later than a client can wait; `search_error_ratio` while the fault was on.
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
    end = max(each.finished for each in operations)
    last = max((each.finished for each in failed if each.finished > healing.at), default=healing.at)
    clients = {each.client for each in operations}
    back = {each.client for each in since if each.outcome == "ok" and each.finished > last}
    looked_s = end - healing.at
    return Measurement(
        value=last - healing.at if back == clients else looked_s if looked_s >= LOOK_FOR_S else None,
        unit="s",
        samples=len(since),
        window=Window(start=injecting.at, end=end),
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
                    *_not_looked_for(clients - back, looked_s),
                )
            )
        ),
        fault=injecting.fault,
        facts={
            "refused": len(failed),
            "refusals": dict(Counter(f"{each.outcome}: {each.error}" for each in failed).most_common()),
            "never_served_again": sorted(clients - back),
            "longest_wait_s": round(max((each.finished - each.intended for each in failed), default=0.0), 3),
            "acknowledged_meanwhile": sum(1 for each in since if each.outcome == "ok" and each.finished < healing.at),
            "writes": lost.facts,
            "searches": searches.facts,
        },
    )


def _not_looked_for(clients: set[str], looked_s: float) -> list[str]:
    if not clients or looked_s >= LOOK_FOR_S:
        return []
    return [f"{', '.join(sorted(clients))} not served again in {looked_s:.1f} s, looked for {LOOK_FOR_S:g} s at least"]


def is_clear(operation: Operation) -> bool:
    """Whether a client that was refused knows what to do."""
    return (operation.error or "").startswith(CLEAR) and operation.finished - operation.intended <= ANSWERED_WITHIN_S
