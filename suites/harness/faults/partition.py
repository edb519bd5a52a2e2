"""Two components that no longer reach each other."""

from __future__ import annotations

from suites.harness.errors import ClientError
from suites.harness.faults.network import PeerFault, load
from suites.harness.wait import until


class Partition(PeerFault):
    """No packet passes between the component's pods and the peer's, in either direction, for at most `for_s` seconds.

    Packets are dropped, not refused: connections that are open hang as they do when a network fails.
    """

    kind = "partition"

    @property
    def name(self) -> str:
        return "partition between {} and {}".format(*self.pair)

    def rules(self, table: str) -> str:
        # Before connection tracking, so that it is the same for connections old and new.
        return load(
            table,
            f"""{self.elements("peers")}
chain incoming {{
  type filter hook input priority raw; policy accept;
  ip saddr @peers4 counter drop
  ip6 saddr @peers6 counter drop
}}
chain outgoing {{
  type filter hook output priority raw; policy accept;
  ip daddr @peers4 counter drop
  ip6 daddr @peers6 counter drop
}}""",
        )

    def wait_for_proof(self) -> str:
        until(
            self._still_open,
            where=lambda left: not left,
            within=self.deadlines.call_answered_s,
            every=0.1,
            what="no way from {} to {} open".format(*self.pair),
        )
        ways = sum(len(ways) for ways in self._before.values())
        return f"none of {ways} connections from {self.victims} to {self.pair[1]} that were possible before is now"

    def _still_open(self) -> list[str]:
        """The ways that were open before and still are. Raises ClientError where a pod does not tell."""
        now = self.open_ways()
        if now.keys() != self._before.keys():
            raise ClientError("a victim's pod did not tell")
        return [f"{pod} → {way.address}:{way.port}" for pod, ways in now.items() for way in sorted(ways)]
