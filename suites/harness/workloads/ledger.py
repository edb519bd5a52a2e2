"""The ids that clients keep of what they asked for, looked up afterwards where each of them must be found."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping

from suites.harness.clients.sql import Postgres, ScrapeRow
from suites.harness.deadlines import Deadlines
from suites.harness.errors import HarnessError, NotReached
from suites.harness.wait import until

PREFIX = "ledger-"
# A replica that streams is behind by milliseconds; one that has to be made anew reads the whole database first.
_REPLAYED_WITHIN_S = 120.0


class Ledger:
    """One check's ids: `name` begins them all. What they stand for is deleted when the check is over."""

    def __init__(self, postgres: Postgres, deadlines: Deadlines) -> None:
        self.name = f"{PREFIX}{secrets.token_hex(4)}"
        self._postgres = postgres
        self._deadlines = deadlines

    def stored(self) -> Mapping[str, Mapping[str, int] | None]:
        """How often each instance has each id that was written, once it shows all that the primary had by now.

        None for an instance that is wanted and cannot be read, or never catches up. Nothing may be written any more.
        """
        primary = self._primary()
        position = self._postgres.written_up_to(primary)
        found: dict[str, Mapping[str, int] | None] = {primary: self._postgres.sites_named(primary, self.name)}
        for pod in self._postgres.pods():
            if pod.name != primary:
                found[pod.name] = self._stored_on_replica(pod.name, position)
        wanted = self._postgres.instances_wanted
        return found | {f"instance {number} of {wanted}": None for number in range(len(found) + 1, wanted + 1)}

    def scrapes(self, within_s: float | None = None) -> list[ScrapeRow]:
        """Every scrape that was submitted, once all are over; as they are after `within_s`, else a deadline."""
        primary = self._primary()
        with contextlib.suppress(NotReached):
            until(
                lambda: [
                    scrape.id
                    for scrape in self._postgres.scrapes_keyed(primary, self.name)
                    if scrape.status not in ("completed", "failed")
                ],
                where=lambda open_ones: not open_ones,
                within=self._deadlines.scrape_completed_s if within_s is None else within_s,
                every=1.0,
                what="the end of every scrape that was submitted",
            )
        return self._postgres.scrapes_keyed(primary, self.name)

    def scrapes_now(self) -> list[ScrapeRow]:
        """Every scrape that was submitted, as it is."""
        return self._postgres.scrapes_keyed(self._primary(), self.name)

    def erase(self) -> int:
        """Delete the sites that were written, here and by checks that were killed; how many there were."""
        return until(
            lambda: self._postgres.delete_sites_named(PREFIX),
            where=lambda count: count >= 0,
            within=self._deadlines.component_ready_again_s,
            every=1.0,
            what="the sites that were written to be deleted",
        )

    def _primary(self) -> str:
        return until(
            self._postgres.primary,
            within=self._deadlines.component_ready_again_s,
            what="exactly one primary",
        )

    def _stored_on_replica(self, instance: str, position: str) -> Mapping[str, int] | None:
        try:
            until(
                lambda: self._postgres.has_replayed(instance, position),
                within=_REPLAYED_WITHIN_S,
                every=0.2,
                what=f"{instance} at {position}",
            )
            return self._postgres.sites_named(instance, self.name)
        except HarnessError:
            return None
