"""A body far larger than any that makes sense, sent until somebody says no."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

_PIECE = b"x" * 65_536
# As fast as a client with a very good line. At the speed of a loopback all of it would be under way before any server
# could have answered.
_PIECE_EVERY_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class OversizedBody:
    """How much of a body was taken before the server refused it; `status` None where it only closed the connection."""

    chunked: bool
    offered_bytes: int
    taken_bytes: int
    status: int | None
    closed: bool

    @property
    def refused(self) -> bool:
        """Whether it was refused: with 413, or by closing before all of it was there."""
        return self.status == 413 or (self.status is None and self.closed and self.taken_bytes < self.offered_bytes)


def send_oversized(
    base_url: str, *, headers: tuple[tuple[str, str], ...], offered_bytes: int, chunked: bool, within_s: float
) -> OversizedBody:
    """Send a new site's name of that many bytes. What is taken counts what waits in buffers on the way as well."""
    url = urlsplit(base_url)
    taken, answer, closed = 0, b"", False
    with contextlib.ExitStack() as stack:
        connection: socket.socket = stack.enter_context(
            socket.create_connection((url.hostname, url.port or (443 if url.scheme == "https" else 80)), within_s)
        )
        if url.scheme == "https":
            tls = ssl.create_default_context()
            connection = stack.enter_context(tls.wrap_socket(connection, server_hostname=url.hostname))
        try:
            connection.sendall(_head(url.netloc, headers, None if chunked else offered_bytes))
            while taken < offered_bytes and not _readable(connection, _PIECE_EVERY_S):
                connection.sendall(b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE) if chunked else _PIECE)
                taken += len(_PIECE)
        except TimeoutError:
            # Neither taken nor refused.
            closed = False
        except OSError:
            closed = True
        with contextlib.suppress(OSError):
            while b"\r\n" not in answer and _readable(connection, within_s):
                piece = connection.recv(4096)
                if not piece:
                    closed = True
                    break
                answer += piece
    status = int(answer[9:12]) if answer.startswith(b"HTTP/1.") and answer[9:12].isdigit() else None
    return OversizedBody(chunked=chunked, offered_bytes=offered_bytes, taken_bytes=taken, status=status, closed=closed)


def _head(host: str, headers: tuple[tuple[str, str], ...], length: int | None) -> bytes:
    lines = [
        "POST /sites HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        *(f"{name}: {value}" for name, value in headers),
        "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}",
    ]
    return "\r\n".join((*lines, "", "")).encode()


def _readable(connection: socket.socket, within_s: float) -> bool:
    return bool(select.select([connection], [], [], within_s)[0])
