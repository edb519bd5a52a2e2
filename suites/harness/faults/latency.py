"""Two components that reach each other slowly, or not with every packet."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from suites.harness.clients.network import Way
from suites.harness.errors import ClientError, FaultError, Unsupported
from suites.harness.faults.network import PeerFault, RulesFault, load
from suites.harness.wait import until

_HOLDING = Path(__file__).with_name("held_packets.py")
# Packets to be held back bear a mark made of this and their queue's number.
_MARK = 0x5200_0000
_ANSWERED_S = 5
# Asks for nothing and waits until the peer has hung up as well: a round trip that needs no protocol and is not logged.
_ROUND_TRIP = f"""
import socket, sys, time
taken = []
for _ in range(3):
    begun = time.perf_counter()
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), {_ANSWERED_S}) as connection:
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    taken.append(time.perf_counter() - begun)
print(min(taken) * 1000)
"""
# A chain that nothing leads to: the kernel says whether it knows such rules, and no packet gets there.
_CAN_QUEUE = """
chain=sre_$$
iptables -w 5 -t mangle -N $chain && iptables -w 5 -t mangle -A $chain -j NFQUEUE --queue-num 1 --queue-bypass
known=$?
iptables -w 5 -t mangle -F $chain; iptables -w 5 -t mangle -X $chain
"""
# iptables leaves its table behind when the last rule is gone; whoever has rules in it keeps it.
_DROP_EMPTY = r"""
for family in ip ip6; do
  listed=$(nft list table $family mangle 2>/dev/null) || continue
  echo "$listed" | grep -qvE '^(#.*|table .*|\s*chain .*|\s*type .*|\s*\}|)$' || nft delete table $family mangle
done
"""


class SlowNetwork(PeerFault, RulesFault):
    """A round trip between component and peer takes `latency_ms` longer, and `loss_ratio` of all packets are lost.

    Every packet that arrives from the peer is held back, in order, by a program in the victim's pod that the kernel
    hands it to; no kernel module for slow networks (netem) is needed. When that program is gone, packets pass at once.
    """

    kind = "slow_network"
    # Which of the packets that arrive from the peer are held back, in the language of nft.
    held: ClassVar[str] = ""

    _way: Way

    def __init__(
        self, component: str, peer: str, *, latency_ms: float = 0.0, loss_ratio: float = 0.0, **given: Any
    ) -> None:
        super().__init__(component, peer, **given)
        if not (latency_ms >= 0 and 0 <= loss_ratio < 1 and latency_ms + loss_ratio > 0):
            raise FaultError(f"{latency_ms:g} ms more and {loss_ratio:g} of all packets lost is no slow network")
        self.latency_ms = latency_ms
        self.loss_ratio = loss_ratio
        self._took_ms: Mapping[str, float] = {}

    @property
    def name(self) -> str:
        loss = f" and {self.loss_ratio:.1%} of packets lost" if self.loss_ratio else ""
        return f"{self.latency_ms:g} ms more{loss} between {self.pair[0]} and {self.pair[1]}"

    def prepare(self) -> Mapping[str, Any]:
        details = super().prepare()
        if self.latency_ms:
            self._check_support()
            self._way = self._common_way()
            self._took_ms = self._round_trips()
            if self._took_ms.keys() != self._before.keys():
                raise Unsupported(f"{self.pair[1]} does not hang up when asked to: how slow it is would not be seen")
        return details

    def rules(self, table: str) -> str:
        holding = self._holding(table) if self.latency_ms else ""
        return holding + load(table, f"{self.peers()}\n{self._chains(table)}")

    @classmethod
    def sweep(cls, table: str) -> str:
        queued = _queued(table)
        return f"""
nft delete table inet {table} 2>/dev/null
left=
for program in iptables ip6tables; do
  $program -w 5 -t mangle -D INPUT {queued} 2>/dev/null
  ! $program -w 5 -t mangle -C INPUT {queued} 2>/dev/null || left=yes
done
{_DROP_EMPTY}
holding=$(cat /tmp/{table}.pid 2>/dev/null)
[ -z "$holding" ] || ! grep -q {table} /proc/$holding/cmdline 2>/dev/null || kill $holding
rm -f /tmp/{table}.*
[ -z "$left" ] && ! nft list table inet {table} >/dev/null 2>&1
"""

    def wait_for_proof(self) -> str:
        proofs = []
        if self.latency_ms:
            took_ms = until(
                self._round_trips,
                where=self._are_all_late,
                within=self.deadlines.call_answered_s,
                every=0.1,
                what=f"round trips to {self.pair[1]} that take {self.latency_ms:g} ms longer",
            )
            proofs += [
                f"{pod} to {self.peer} and back in {took_ms[pod]:.0f} ms instead of {before:.0f}"
                for pod, before in self._took_ms.items()
            ]
        if self.loss_ratio:
            lost = until(
                self._lost, where=lambda lost: all(lost.values()), within=self.deadlines.call_answered_s, every=0.1,
                what=f"a packet lost between each of {self.victims} and {self.pair[1]}",
            )  # fmt: skip
            proofs += [f"{count} packets of {pod} lost" for pod, count in lost.items()]
        return "; ".join(proofs)

    def _holding(self, table: str) -> str:
        """Starts the program that holds packets back, waits until it does, and has packets with the mark sent there."""
        program = f"/tmp/{table}.py"  # noqa: S108 in a container of ours
        families = {4: "iptables", 6: "ip6tables"}
        queueing = "\n".join(
            f"{families[version]} -w 5 -t mangle -A INPUT {_queued(table)}"
            for version in families
            if self.addresses(version)
        )
        return f"""
cat > {program} <<'END_OF_PROGRAM'
{_HOLDING.read_text(encoding="utf-8")}
END_OF_PROGRAM
python3 {program} {table} {_queue(table)} {self.latency_ms} {math.ceil(self.for_s)} </dev/null >/tmp/{table}.log 2>&1 &
echo $! > /tmp/{table}.pid
for _ in $(seq 50); do ! grep -q ready /tmp/{table}.log || break; sleep 0.1; done
grep -q ready /tmp/{table}.log || {{ cat /tmp/{table}.log >&2; exit 1; }}
{queueing}
"""

    def _chains(self, table: str) -> str:
        def matched(side: str, act: str) -> str:
            return "\n".join(f"  {family} {side} @peers{version} {act}" for family, version in (("ip", 4), ("ip6", 6)))

        lose = f"numgen random mod 10000 < {round(self.loss_ratio * 10000)} counter name lost drop"
        hold = f"{self.held} meta mark set {_MARK | _queue(table):#x}"
        return f"""counter lost {{ }}
chain incoming {{
  type filter hook input priority mangle - 10; policy accept;
{matched("saddr", lose) if self.loss_ratio else ""}
{matched("saddr", hold) if self.latency_ms else ""}
}}
chain outgoing {{
  type filter hook output priority mangle - 10; policy accept;
{matched("daddr", lose) if self.loss_ratio else ""}
}}"""

    def _check_support(self) -> None:
        try:
            self.run(f"{_CAN_QUEUE}{_DROP_EMPTY}exit $known")
        except ClientError as error:
            raise Unsupported(f"the kernel of {self.victims} has no queue for packets (NFQUEUE): {error}") from error

    def _common_way(self) -> Way:
        """One on which every victim reaches the peer."""
        common = frozenset.intersection(*self._before.values())
        if not common:
            raise Unsupported(f"there is no address of {self.pair[1]} that all of {self.victims} can connect to")
        return min(common)

    def _round_trips(self) -> dict[str, float]:
        """How long one takes from each victim, in milliseconds; a victim without an answer is left out."""
        way = self._way
        written = self.run(
            f"python3 - {way.address} {way.port} 2>/dev/null <<'END_OF_PROGRAM' || true\n{_ROUND_TRIP}END_OF_PROGRAM"
        )
        return {pod: float(text) for pod, text in written.items() if text.strip()}

    def _are_all_late(self, took_ms: Mapping[str, float]) -> bool:
        # Both ends of a wait are rounded to the node's clock ticks.
        return took_ms.keys() == self._took_ms.keys() and all(
            took_ms[pod] >= before + 0.9 * self.latency_ms for pod, before in self._took_ms.items()
        )

    def _lost(self) -> dict[str, int]:
        """How many packets the rules have dropped in each pod, after some more were sent."""
        self.open_ways()
        written = self.run(f"nft list counter inet {self.table} lost")
        counted = {pod: re.search(r"packets (\d+)", text) for pod, text in written.items()}
        return {pod: int(found[1]) if found else 0 for pod, found in counted.items()}


class SlowDependency(SlowNetwork):
    """The peer answers `latency_ms` late, as a dependency does that is busy: connections are made as fast as ever.

    So a client's limit on connecting does not notice it, and only one on the answer does.
    """

    kind = "slow_dependency"
    held = "tcp flags & syn == 0"

    def __init__(self, component: str, peer: str, *, latency_ms: float, **given: Any) -> None:
        super().__init__(component, peer, latency_ms=latency_ms, **given)

    @property
    def name(self) -> str:
        return f"{self.pair[1]} answers {self.pair[0]} {self.latency_ms:g} ms late"


def _queue(table: str) -> int:
    """The number of a fault's own queue."""
    return int(table.removeprefix("sre_"), 16) % 65535 + 1


def _queued(table: str) -> str:
    queue = _queue(table)
    return f"-m mark --mark {_MARK | queue:#x} -j NFQUEUE --queue-num {queue} --queue-bypass"
