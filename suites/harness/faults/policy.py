"""A partition for clusters that enforce NetworkPolicy and allow no container to change a pod's network."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any

from suites.harness.clients.ephemeral import Kit
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, Unsupported
from suites.harness.faults.network import PeerFault
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.recovery import until_recovered
from suites.harness.faults.tools import tools_image
from suites.harness.wait import until


class PolicyPartition(PeerFault):
    """A NetworkPolicy that lets the component's pods reach all but the peer's, and be reached by all but those.

    Whether policies are enforced at all is seen by the proof alone. Many networks leave connections be that are open
    already. Policies only ever add what is allowed, so pods that another one selects cannot be cut off by this one, and
    are refused. The policy belongs to a Job that ends after `for_s`; the cluster deletes both.
    """

    kind = "policy_partition"

    @property
    def name(self) -> str:
        return "NetworkPolicy between {} and {}".format(*self.pair)

    @classmethod
    def kit(cls, cluster: Cluster) -> Kit:
        return Kit(purpose="probe", image=tools_image(cluster))

    def prepare(self) -> Mapping[str, Any]:
        details = super().prepare()
        labels = [tool.pod.labels for tool in self._tools]
        if others := sorted(
            policy["metadata"]["name"]
            for policy in self.cluster.policies.all()
            if any(selects(policy["spec"].get("podSelector") or {}, of_pod) for of_pod in labels)
        ):
            raise Unsupported(f"{self.pair[0]} is under {', '.join(others)} already: what those allow stays allowed")
        try:
            self._make("sre-probe", dry_run=True)
        except ClientError as error:
            raise Unsupported(f"a NetworkPolicy may not be made: {error}") from error
        return details

    def inject(self) -> None:
        assert self._record is not None
        self._make(self._record.name, dry_run=False)

    def wait_for_proof(self) -> str:
        return self.until_cut()

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        cluster.policies.remove(record.name)
        until(
            lambda: record.name in {policy["metadata"]["name"] for policy in cluster.policies.all()},
            where=lambda is_there: not is_there,
            within=deadlines.call_answered_s,
            what=f"NetworkPolicy {record.name} gone",
        )
        until_recovered(cluster, record.details["components"], deadlines)

    def _make(self, name: str, *, dry_run: bool) -> None:
        target = self.cluster.target
        spec = cut_off(
            labels_of(target.component(self.component).selector_of(self.role)),
            labels_of(target.component(self.peer).selector_of(self.peer_role)),
            namespace=self.cluster.namespace,
            addresses=self._reach.addresses,
        )
        self.cluster.policies.make(name, spec, image=tools_image(self.cluster), for_s=self.for_s, dry_run=dry_run)


def cut_off(
    victims: Mapping[str, str], peers: Mapping[str, str], *, namespace: str, addresses: tuple[str, ...]
) -> dict[str, Any]:
    """The policy's spec: pods with the victims' labels, and all there is in the world but pods with the peers'.

    Pods and addresses are both named, for some networks know pods by their labels only, and some by their address too.
    """
    others: list[dict[str, Any]] = [
        {"podSelector": {"matchExpressions": [{"key": key, "operator": "NotIn", "values": [value]}]}}
        for key, value in peers.items()
    ]
    elsewhere = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace]}
    others.append({"namespaceSelector": {"matchExpressions": [elsewhere]}})
    for version, everywhere, one in ((4, "0.0.0.0/0", 32), (6, "::/0", 128)):
        without = [f"{address}/{one}" for address in addresses if ip_address(address).version == version]
        others.append({"ipBlock": {"cidr": everywhere, "except": without}})
    return {
        "podSelector": {"matchLabels": dict(victims)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": others}],
        "egress": [{"to": others}],
    }


def labels_of(selector: str) -> dict[str, str]:
    """The labels that a selector asks for. Raises Unsupported for one that asks for anything else."""
    labels = {}
    for term in selector.split(","):
        key, equals, value = term.replace("==", "=").partition("=")
        if not equals or key.endswith("!") or "(" in term:
            raise Unsupported(
                f"selector {selector} is more than labels and their values: no policy can say its contrary"
            )
        labels[key.strip()] = value.strip()
    return labels


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a policy's selector finds a pod with these labels."""
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        _matches(term["operator"], labels.get(term["key"]), term.get("values") or ())
        for term in selector.get("matchExpressions") or ()
    )


def _matches(operator: str, value: str | None, values: Collection[str]) -> bool:
    if operator in ("Exists", "DoesNotExist"):
        return (value is not None) == (operator == "Exists")
    return (value in values) == (operator == "In")
