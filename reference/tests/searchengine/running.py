"""A server of our own as a process: started, killed, started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

MASTER_KEY = "a-master-key-for-tests"
_START_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RunningServer:
    """`python -m reference.searchengine` over a folder, on a free port of the loopback interface."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder, self._arguments = folder, arguments
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    def start(self) -> None:
        """Start and wait for /health."""
        began = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "reference.searchengine", *self._arguments],
            env={
                **os.environ,
                "MEILI_DB_PATH": str(self._folder / "data"),
                "MEILI_DUMP_DIR": str(self._folder / "dumps"),
                "MEILI_HTTP_ADDR": f"127.0.0.1:{self.port}",
                "MEILI_MASTER_KEY": MASTER_KEY,
                "MEILI_NO_ANALYTICS": "true",
                "MEILI_ENV": "production",
            },
            cwd=Path(__file__).parents[3],
        )
        while not self._is_healthy():
            if self._process.poll() is not None or time.monotonic() - began > _START_S:
                raise RuntimeError(f"no server after {time.monotonic() - began:.1f} s, exit {self._process.poll()}")
            time.sleep(0.01)

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """SIGKILL, as when a node is lost. The writer beside it goes at the same moment."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(timeout=20)
        self._process = None
        return code

    def __enter__(self) -> RunningServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
