"""A circuit breaker: a dependency that does not answer costs requests nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from reference.searchapp import metrics

log = logging.getLogger(__name__)


class Unavailable(Exception):
    """A dependency cannot serve this call; nothing was done. Names the dependency."""

    def __init__(self, dependency: str, why: str) -> None:
        super().__init__(f"{dependency}: {why}")
        self.dependency = dependency
        self.why = why


@dataclass(slots=True, kw_only=True)
class Breaker:
    """Open after `failures_to_open` failures in a row or one failed probe; closed by the first success.

    While it is open only the health monitor's probe calls the dependency, so recovery needs no traffic. Where no probe
    can tell, `try_one` lets a single call find out.
    """

    dependency: str
    failures_to_open: int = 3
    healthy: bool | None = None
    latency_ms: float | None = None
    error: str | None = None
    _failures: int = field(default=0, init=False)
    _open: bool = field(default=False, init=False)
    _may_try: bool = field(default=False, init=False)
    _trying: bool = field(default=False, init=False)

    @property
    def is_open(self) -> bool:
        return self._open

    def require_closed(self) -> None:
        if self._open:
            raise Unavailable(self.dependency, self.error or "circuit open")

    def try_one(self) -> None:
        """Let the next call through although it is open, unless one that was let through is still out."""
        self._may_try = self._open and not self._trying

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Around a call: Unavailable while it is open, but for the one that finds out."""
        trial = self._may_try
        if trial:
            self._may_try, self._trying = False, True
        else:
            self.require_closed()
        try:
            yield
        finally:
            if trial:
                self._trying = False

    def succeeded(self) -> None:
        if self._failures or self._open:
            if self._open:
                log.warning("circuit closed", extra={"dependency": self.dependency})
                self.healthy = True
            self._failures, self._open, self._may_try = 0, False, False

    def failed(self, error: str) -> None:
        self._failures += 1
        self.error = error
        if self._failures >= self.failures_to_open and not self._open:
            self._open, self.healthy = True, False
            log.warning("circuit opened", extra={"dependency": self.dependency, "error": error})

    def probed(self, latency_ms: float, error: str | None) -> None:
        """Take over what the monitor's probe saw."""
        self.healthy, self.latency_ms = error is None, latency_ms
        metrics.dependency_up.labels(self.dependency).set(1 if error is None else 0)
        if error is None:
            self.error = None
            self.succeeded()
        else:
            self._failures = self.failures_to_open
            self.failed(error)
