"""The way from this machine to a pod's own port, past every Service and ingress."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx

from suites.harness.clients import expiry
from suites.harness.clients.objects import Pod
from suites.harness.clients.programs import said_by
from suites.harness.errors import ClientError, Unsupported
from suites.harness.target import Target

# A pod that is there answers at once, or refuses; what is not routed says nothing.
_ANSWERS_S = 2.0
_CALL_ENDED_S = 10.0
# Longer than any check may take: a route that outlives its runner leads nowhere else, and is gone after this.
_ROUTE_LASTS_S = 3600.0


@contextlib.contextmanager
def way_to(pod: Pod, port: int, target: Target, *, path: str, expect: str) -> Iterator[str]:
    """The URL at which the pod's port answers this machine, while the block lasts.

    It is the pod that answers when `path` there holds `expect`: on its way out of a machine a connection to an address
    of the cluster may well be taken by somebody else.

    The pod's own address where it is routed here (in the cluster, or in its network). On nodes of kind a route to this
    one pod leads over its node's container, which takes the right to make one. Raises Unsupported, saying why, where
    there is no way: a tunnel through the API server would be the limit of whatever is measured through it.
    """
    where, url = f"pod {pod.name} at {pod.address}:{port}", f"http://{pod.address}:{port}"
    with contextlib.ExitStack() as stack:
        if not _answers(url + path, expect):
            if target.node_provider != "kind":
                raise Unsupported(f"{where} is not reached from here: ask from where pods' addresses are routed")
            stack.enter_context(_route(pod))
            if not _answers(url + path, expect):
                raise Unsupported(f"{where} does not answer over its node {pod.node} either")
        yield url


def _answers(url: str, expect: str) -> bool:
    try:
        # Past any proxy that the environment names: it has another network.
        return expect in httpx.get(url, timeout=_ANSWERS_S, trust_env=False).text
    except httpx.HTTPError:
        return False


@contextlib.contextmanager
def _route(pod: Pod) -> Iterator[None]:
    route = [f"{pod.address}/32", "via", pod.node_address]
    name = f"route-{pod.address}"
    expiry.arm(name, ["ip", "route", "del", *route], after_s=_ROUTE_LASTS_S)
    try:
        _ip("replace", route)
    except ClientError as error:
        expiry.disarm(name)
        raise Unsupported(f"pod {pod.name} is not reached from this machine: {error}") from error
    try:
        yield
    finally:
        _ip("del", route)
        expiry.disarm(name)


def _ip(act: str, route: list[str]) -> None:
    said_by("ip", "route", act, *route, call=f"ip route {act} {' '.join(route)}", within_s=_CALL_ENDED_S)
