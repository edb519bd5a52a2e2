"""Two components that no longer reach each other."""

from __future__ import annotations

from suites.harness.faults.network import PeerFault, RulesFault, load


class Partition(PeerFault, RulesFault):
    """No packet passes between the component's pods and the peer's, in either direction, for at most `for_s` seconds.

    Packets are dropped, not refused: connections that are open hang as they do when a network fails. Pods of the peer
    that appear while it is on are reached at their own address, though not through a Service.
    """

    kind = "partition"

    @property
    def name(self) -> str:
        return "partition between {} and {}".format(*self.pair)

    def rules(self, table: str) -> str:
        # Before connection tracking, so that it is the same for connections old and new.
        return load(
            table,
            f"""{self.peers()}
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
        return self.until_cut()
