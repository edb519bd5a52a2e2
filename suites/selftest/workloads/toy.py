"""A running toy server, and the way to give it orders."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Toy:
    """What it does is known exactly, so what is measured can be held against it."""

    url: str
    process: subprocess.Popen[str]

    @classmethod
    def start(cls) -> Toy:
        process = subprocess.Popen(
            [sys.executable, "-m", "suites.selftest.workloads.toy_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        return cls(f"http://127.0.0.1:{process.stdout.readline().strip()}", process)

    def order(self, what: str, seconds: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what} {seconds}\n")
        self.process.stdin.flush()

    def carried_out(self) -> dict[str, Any]:
        """When the order began and ended, once it is over."""
        assert self.process.stdout is not None
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told

    def end(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
