"""Names that can no longer be looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suites.harness.errors import Unsupported
from suites.harness.faults.network import RulesFault, load, timed_set
from suites.harness.wait import until

# A name that every cluster's own DNS knows.
_NAME = "kubernetes.default.svc"
_ANSWERED_S = 3


class DnsOutage(RulesFault):
    """No answer of any DNS server reaches the component's pods for at most `for_s` seconds.

    Answers are dropped, and questions let through: to drop a question makes it fail at once where it is asked, and an
    outage does not look like that.
    """

    kind = "dns_outage"

    @property
    def name(self) -> str:
        return f"DNS outage of {self.component}{f' ({self.role})' if self.role else ''}"

    def prepare(self) -> Mapping[str, Any]:
        if blind := self._blind():
            raise Unsupported(f"{', '.join(blind)} cannot look up {_NAME} even without a fault")
        return {}

    def rules(self, table: str) -> str:
        return load(
            table,
            f"""{timed_set("dns", "inet_service", [53], self.for_s)}
chain incoming {{
  type filter hook input priority raw; policy accept;
  udp sport @dns counter drop
  tcp sport @dns counter drop
}}""",
        )

    def wait_for_proof(self) -> str:
        until(
            self._blind,
            where=lambda blind: len(blind) == len(self._tools),
            within=self.deadlines.call_answered_s,
            every=0.1,
            what=f"no look-up of {_NAME} answered in {self.victims}",
        )
        return f"{_NAME} is not found within {_ANSWERED_S} s by {self.victims}, which found it before"

    def _blind(self) -> list[str]:
        """The victims that look up a name and get no answer."""
        script = f"timeout {_ANSWERED_S} getent hosts {_NAME} >/dev/null && echo found || echo 'not found'"
        return sorted(pod for pod, text in self.run(script).items() if text.strip() != "found")
