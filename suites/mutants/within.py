"""A pytest plugin for checks that run within a mutant: whoever made it has the target, and outlives the checks."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from suites.harness.target import Target

# The reading end of a pipe that nobody writes to: it ends when the process that holds the other end does.
LIFELINE_VARIABLE = "SRE_MUTANT_LIFELINE"


@contextmanager
def _turn_of_the_parent(target: Target, *, alone: bool) -> Iterator[None]:  # noqa: ARG001
    yield


def pytest_configure() -> None:
    from suites.fixtures import target

    # The parent has the target alone; another wait for it would never end.
    vars(target)["turn"] = _turn_of_the_parent
    # What a shell started in the background ignores interruptions, and so does all that it starts; these must heal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    lifeline = int(os.environ[LIFELINE_VARIABLE])
    threading.Thread(target=_end_with_parent, args=[lifeline], name="lifeline", daemon=True).start()


def _end_with_parent(lifeline: int) -> None:
    """Interrupt these checks, so that they heal what they broke, when nobody will restore the target after them."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGINT)
