"""How pods are reached, and what holds their packets back."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from suites.harness.clients.ephemeral import IDLE_S, Ephemeral, Kit, kept_busy, ours
from suites.harness.clients.network import Way, reach_of
from suites.harness.errors import Unsupported
from suites.harness.faults import held_packets


def manifest(
    name: str, *, ip: str = "10.0.0.1", host_network: bool = False, ports: tuple[int, ...] = ()
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": f"u-{name}"},
        "spec": {"hostNetwork": host_network, "containers": [{"ports": [{"containerPort": port} for port in ports]}]},
        "status": {"podIP": ip, "podIPs": [{"ip": ip}]},
    }


def service(name: str, *cluster_ips: str, port: int = 80) -> dict[str, Any]:
    ports = [{"port": port, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    return {"metadata": {"name": name}, "spec": {"clusterIPs": list(cluster_ips), "ports": ports}}


def endpoints(service: str, pod: str, *, ip: str = "10.0.0.1", port: int = 8000) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"kubernetes.io/service-name": service}},
        "endpoints": [{"addresses": [ip], "targetRef": {"uid": f"u-{pod}"}}],
        "ports": [{"port": port}],
    }


def test_a_pod_is_reached_at_its_own_address_and_its_services() -> None:
    reach = reach_of(
        {"u-redis-0"},
        pods=[manifest("redis-0", ports=(9121,)), manifest("app-0", ip="10.0.0.9")],
        services=[service("redis", "10.96.0.1", "fd00::1"), service("headless", "None"), service("app", "10.96.0.9")],
        slices=[
            endpoints("redis", "redis-0"),
            endpoints("headless", "redis-0"),
            endpoints("app", "app-0", ip="10.0.0.9"),
            {"metadata": {}, "endpoints": None, "ports": None},
        ],
    )
    assert reach.addresses == ("10.0.0.1", "10.96.0.1", "fd00::1")
    assert reach.ways == (
        Way(address="10.0.0.1", port=8000),
        Way(address="10.96.0.1", port=80),
        Way(address="fd00::1", port=80),
    )


def test_a_pod_without_a_service_is_reached_at_the_ports_it_names() -> None:
    reach = reach_of({"u-worker-0"}, pods=[manifest("worker-0", ports=(9000,))], services=[], slices=[])
    assert (reach.addresses, reach.ways) == (("10.0.0.1",), (Way(address="10.0.0.1", port=9000),))


def test_a_pod_on_its_nodes_network_has_no_address_of_its_own() -> None:
    with pytest.raises(Unsupported, match="pod ingress-0 is on its node's network"):
        reach_of({"u-ingress-0"}, pods=[manifest("ingress-0", host_network=True)], services=[], slices=[])


def test_a_container_of_ours_has_one_right_or_none() -> None:
    kit = Kit(purpose="network", image="i", changes_network=True)
    assert kit.container(2)["name"] == "sre-network-2"
    security = kit.container(1)["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]} and security["runAsUser"] == 0
    plain = Kit(purpose="disk", image="i", volume="data", mounted_at="/d").container(1)
    assert plain["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert plain["volumeMounts"] == [{"name": "data", "mountPath": "/d"}]


def test_a_container_of_ours_is_known_by_its_name_and_serves_its_own_kit() -> None:
    found = ours(
        {
            "spec": {
                "ephemeralContainers": [
                    {"name": "debugger-x", "image": "i"},
                    {"name": "sre-disk-1", "image": "i", "volumeMounts": [{"name": "data"}]},
                    {"name": "sre-network-2", "image": "i"},
                    {"name": "sre-network-3", "image": "i"},
                ]
            },
            "status": {
                "ephemeralContainerStatuses": [
                    {"name": "sre-disk-1", "state": {"running": {}}},
                    {"name": "sre-network-2", "state": {"terminated": {"exitCode": 0}}},
                    {"name": "sre-network-3", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}},
                ]
            },
        }
    )
    assert [(entry.name, entry.is_running, entry.detail) for entry in found] == [
        ("sre-disk-1", True, ""),
        ("sre-network-2", False, "ended with code 0"),
        ("sre-network-3", False, "ErrImagePull no"),
    ]
    assert found[0].serves(Kit(purpose="disk", image="i", volume="data"))
    assert not found[0].serves(Kit(purpose="disk", image="i", volume="log"))
    assert not found[1].serves(Kit(purpose="network", image="i"))
    newer = Ephemeral(name="sre-network-4", image="j", volume="", is_running=True)
    assert newer.serves(Kit(purpose="network", image="j")) and not newer.serves(Kit(purpose="network", image="i"))


def test_a_container_of_ours_stays_as_long_as_it_is_needed() -> None:
    *shell, script = kept_busy("echo hello", for_s=29.5)
    assert shell == ["sh", "-c"]
    assert f"+ {IDLE_S} + 30" in script and script.endswith("echo hello")


def test_packets_go_on_in_order_each_after_the_same_time() -> None:
    held = held_packets.Held(latency_s=0.1)
    held.add(1, at=10.0)
    held.add(2, at=10.05)
    assert held.due(10.09) is None and held.next_s(10.09, otherwise=9.0) == pytest.approx(0.01)
    assert held.due(10.11) == 1 and len(held) == 1
    # One verdict for the last stands for all before it.
    held.add(3, at=10.06)
    assert held.due(10.2) == 3 and not len(held)
    assert held.due(10.3) is None and held.next_s(10.3, otherwise=9.0) == 9.0


def told(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_the_kernels_messages_name_packets() -> None:
    family = struct.pack("!BBH", 2, 0, 7)
    hook = held_packets.attribute(6, b"abc")
    header = held_packets.attribute(1, struct.pack("!IHB", 4711, 0x0800, 1))
    data = told(0x0300, family + hook + header) + told(0x0300, family + header)
    assert held_packets.packets(data) == [4711, 4711]
    with pytest.raises(ValueError, match="a packet without a header"):
        held_packets.packets(told(0x0300, family + hook))


def test_the_kernels_refusal_is_an_error() -> None:
    assert held_packets.packets(told(2, struct.pack("=i", 0) + bytes(16))) == []
    with pytest.raises(PermissionError):
        held_packets.packets(told(2, struct.pack("=i", -1) + bytes(16)))


def test_what_is_said_to_the_kernel_is_laid_out_as_it_wants() -> None:
    assert held_packets.attribute(1, b"abcde") == struct.pack("=HH", 9, 1) + b"abcde\0\0\0"
    release = held_packets.release(7, 4711)
    assert struct.unpack("=IHHII", release[:16]) == (len(release), 0x0303, 1, 0, 0)
    assert struct.unpack("!BBH", release[16:20]) == (0, 0, 7)
    assert struct.unpack("!II", release[24:32]) == (1, 4711)
    assert all(len(setting) % 4 == 0 for setting in held_packets.bindings(7))
