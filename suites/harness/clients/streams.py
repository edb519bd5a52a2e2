"""A command in a container that goes on, read line by line while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from kubernetes import client, stream
from websocket import WebSocketException

from suites.harness.clients.api import api_client, named
from suites.harness.errors import ClientError
from suites.harness.target import Target

# Often enough for someone who wants to stop, rare enough to cost nothing.
_LOOK_EVERY_S = 0.5


class LineStream:
    """The lines a command writes. It is told that nobody reads any more by the end of its standard input."""

    def __init__(self, target: Target, pod: str, container: str, command: Sequence[str]) -> None:
        self._what = f"exec in {pod}/{container}"
        self._closing = False
        # `stream` swaps a method of the API client while it connects, so every stream gets a client of its own.
        core = client.CoreV1Api(api_client(target))
        with named(self._what):
            self._socket = stream.stream(
                core.connect_get_namespaced_pod_exec,
                pod,
                target.namespace,
                container=container,
                command=list(command),
                stdin=True,
                stdout=True,
                stderr=False,
                tty=False,
                _preload_content=False,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def __iter__(self) -> Iterator[str]:
        """Each whole line as it comes, until the command or the connection ends or `close` is called."""
        while not self._closing and self._socket.is_open():
            try:
                line = self._socket.readline_stdout(timeout=_LOOK_EVERY_S)
            except (WebSocketException, OSError) as error:
                raise ClientError(f"{self._what}: {error}") from error
            if line:
                yield line

    def close(self) -> None:
        """End the reading, from any thread, at most half a second from now."""
        self._closing = True
