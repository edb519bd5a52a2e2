"""Holds back each packet of a netfilter queue for the same time and lets it go: a slow network, in user space.

    python3 held_packets.py NAME QUEUE LATENCY_MS FOR_S

A program of its own that runs in a victim's pod, so it stands on the standard library alone. It says `ready` once the
queue is its own, ends after FOR_S or at SIGTERM, and lets go of all it holds when it ends. Packets that come faster
than it reads, or when it is gone, pass at once (the rule that queues them must say `bypass`). NAME is for whoever looks
for it among the processes.
"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import struct
import sys
import time
from collections import deque

_NETFILTER = 12
_SUBSYSTEM_QUEUE = 3 << 8
_PACKET, _CONFIG, _VERDICT_OF_ALL_UP_TO = _SUBSYSTEM_QUEUE, _SUBSYSTEM_QUEUE | 2, _SUBSYSTEM_QUEUE | 3
_ERROR = 2
_REQUEST, _ACKNOWLEDGE = 1, 4
_BIND, _COPY_NO_CONTENT = 1, 1
# Numbers of attributes.
_CONFIG_COMMAND, _CONFIG_COPY, _CONFIG_LENGTH, _CONFIG_MASK, _CONFIG_FLAGS = 1, 2, 3, 4, 5
_PACKET_HEADER, _VERDICT_HEADER = 1, 2
# When the queue is full packets pass; large ones need not be cut up only to be looked at.
_FAIL_OPEN, _WITHOUT_CUTTING = 1, 4
_LONGEST_QUEUE = 65536
_ACCEPT = 1
_NETLINK, _NO_OVERRUN_ERRORS = 270, 5
_FORCED_RECEIVE_BUFFER, _RECEIVE_BUFFER_BYTES = 33, 16 << 20
_HEADER = struct.Struct("=IHHII")
_FAMILY = struct.Struct("!BBH")
_ATTRIBUTE = struct.Struct("=HH")


class Held:
    """Packets in order of arrival, each to be let go a fixed time later."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._packets: deque[tuple[float, int]] = deque()

    def __len__(self) -> int:
        return len(self._packets)

    def add(self, packet: int, at: float) -> None:
        self._packets.append((at + self._latency_s, packet))

    def due(self, now: float) -> int | None:
        """The last packet whose time has come, which stands for all before it; None when none has."""
        last = None
        while self._packets and self._packets[0][0] <= now:
            last = self._packets.popleft()[1]
        return last

    def next_s(self, now: float, *, otherwise: float) -> float:
        """How long until the next one is due."""
        return max(0.0, self._packets[0][0] - now) if self._packets else otherwise


def attribute(number: int, content: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    length = _ATTRIBUTE.size + len(content)
    return _ATTRIBUTE.pack(length, number) + content + bytes(-length % 4)


def message(kind: int, queue: int, *attributes: bytes, flags: int = _REQUEST) -> bytes:
    """One message to the kernel about that queue."""
    body = _FAMILY.pack(0, 0, queue) + b"".join(attributes)
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 0, 0) + body


def bindings(queue: int) -> list[bytes]:
    """What makes a queue ours, one message after the other."""
    settings = (
        attribute(_CONFIG_COMMAND, struct.pack("!BBH", _BIND, 0, 0)),
        attribute(_CONFIG_COPY, struct.pack("!IB", 0, _COPY_NO_CONTENT)),
        attribute(_CONFIG_LENGTH, struct.pack("!I", _LONGEST_QUEUE)),
        attribute(_CONFIG_FLAGS, struct.pack("!I", _FAIL_OPEN | _WITHOUT_CUTTING))
        + attribute(_CONFIG_MASK, struct.pack("!I", _FAIL_OPEN | _WITHOUT_CUTTING)),
    )
    return [message(_CONFIG, queue, setting, flags=_REQUEST | _ACKNOWLEDGE) for setting in settings]


def release(queue: int, packet: int) -> bytes:
    """Lets this packet and all that came before it go on."""
    return message(_VERDICT_OF_ALL_UP_TO, queue, attribute(_VERDICT_HEADER, struct.pack("!II", _ACCEPT, packet)))


def packets(data: bytes) -> list[int]:
    """The numbers of the packets that the kernel tells of. Raises OSError for an error that it tells of."""
    found = []
    while len(data) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(data)
        body = data[_HEADER.size : length]
        if kind == _ERROR:
            (code,) = struct.unpack_from("=i", body)
            if code:
                raise OSError(-code, "the kernel refused the queue")
        elif kind == _PACKET:
            found.append(_number(body[_FAMILY.size :]))
        data = data[(length + 3) & ~3 :]
    return found


def _number(attributes: bytes) -> int:
    while attributes:
        length, number = _ATTRIBUTE.unpack_from(attributes)
        if number == _PACKET_HEADER:
            (packet,) = struct.unpack_from("!I", attributes, _ATTRIBUTE.size)
            return int(packet)
        attributes = attributes[(length + 3) & ~3 :]
    raise ValueError("a packet without a header")


def hold(queue: int, latency_s: float, for_s: float) -> None:
    """Hold back what the queue gets until the time is over."""
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)
    # More than the usual limit, where that is allowed.
    with contextlib.suppress(PermissionError):
        kernel.setsockopt(socket.SOL_SOCKET, _FORCED_RECEIVE_BUFFER, _RECEIVE_BUFFER_BYTES)
    kernel.setsockopt(_NETLINK, _NO_OVERRUN_ERRORS, 1)
    for setting in bindings(queue):
        kernel.send(setting)
        packets(kernel.recv(65536))
    kernel.setblocking(False)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    held, end = Held(latency_s), time.monotonic() + for_s
    try:
        while (now := time.monotonic()) < end:
            select.select([kernel], [], [], min(end - now, held.next_s(now, otherwise=end - now)))
            with contextlib.suppress(BlockingIOError):
                while True:
                    for packet in packets(kernel.recv(65536)):
                        held.add(packet, time.monotonic())
            if (last := held.due(time.monotonic())) is not None:
                kernel.send(release(queue, last))
    finally:
        if (last := held.due(float("inf"))) is not None:
            kernel.send(release(queue, last))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    hold(int(sys.argv[2]), float(sys.argv[3]) / 1000, float(sys.argv[4]))
