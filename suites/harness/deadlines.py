"""How long the suites look for an event before they give up, named after the events.

A deadline only ends a wait; how long the platform may take is an objective's matter. Slow machines stretch deadlines
(`--slow-factor`) and never objectives.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds to look for each event."""

    call_answered_s: float = 10
    scrape_completed_s: float = 120
    page_searchable_s: float = 30
    # kubelet notices an exited container within its 1 s relist and then writes the status.
    exit_noticed_s: float = 5
    # The first restart comes without back-off, later ones after 10 s and more; five minutes is the longest.
    container_restarted_s: float = 330
    component_ready_again_s: float = 330
    # Longer than either may take, so that what never comes is told from what comes late.
    worker_created_s: float = 75
    workers_ready_s: float = 150
    # An autoscaler that looks every 15 s, and whoever may end its work first.
    scaled_in_s: float = 120
    # What `helm upgrade` is given as its --timeout, beside the time that new pods have to stay ready.
    release_ready_s: float = 90
    # An image may have to be pulled first.
    tools_started_s: float = 60
    # Nodes may have to be made first for pods that play users.
    players_started_s: float = 120
    # A pod's own grace period comes first.
    pod_replaced_s: float = 330
    # A budget may refuse until a replica has taken over; one that refuses for ever keeps its pod.
    pods_evicted_s: float = 60
    # Nobody answers for a lost node at once; the control plane gives it 40 s, 50 s since 1.32, before it calls it lost.
    node_unreachable_s: float = 30
    node_noticed_s: float = 120
    node_back_s: float = 180

    def stretched(self, factor: float) -> Self:
        """The same deadlines, each `factor` times as long."""
        return replace(self, **{entry.name: getattr(self, entry.name) * factor for entry in fields(self)})
