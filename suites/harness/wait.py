"""The one way to wait: `until` something holds, or make sure that it `never` does.

Errors that a target in trouble gives (`ClientError`, `OSError`) are polled through and remembered; any other exception
is a mistake in the caller and surfaces at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar, overload

from suites.harness.errors import ClientError, NotReached, Violated

T = TypeVar("T")

_POLLED_THROUGH = (ClientError, OSError)
# Long answers (a list of pods) would bury the sentence they stand in.
_SHOWN_CHARACTERS = 300


@overload
def until(
    read: Callable[[], T | None],
    *,
    within: float,
    what: str,
    every: float = ...,
    where: None = ...,
) -> T: ...
@overload
def until(
    read: Callable[[], T],
    *,
    within: float,
    what: str,
    every: float = ...,
    where: Callable[[T], bool],
) -> T: ...
def until(
    read: Callable[[], T],
    *,
    within: float,
    what: str,
    every: float = 0.5,
    where: Callable[[T], bool] | None = None,
) -> T:
    """The first value of `read` that is good: true, or where `where` is true. Raises NotReached after `within` seconds.

    The last poll starts at the deadline, so a condition that became true while sleeping still counts.
    """
    accepted: Callable[[T], bool] = where or bool
    deadline = time.monotonic() + within
    polls = 0
    last_seen = "nothing"
    last_error: BaseException | None = None
    while True:
        is_last = time.monotonic() >= deadline
        polls += 1
        try:
            value = read()
        except _POLLED_THROUGH as error:
            last_error = error
        else:
            last_seen = _shown(value)
            if accepted(value):
                return value
        if is_last:
            raise NotReached(_not_reached(what, within, polls, last_seen, last_error)) from last_error
        time.sleep(max(0.0, min(every, deadline - time.monotonic())))


def never(
    read: Callable[[], T],
    *,
    during: float,
    what: str,
    every: float = 0.5,
    where: Callable[[T], bool] | None = None,
) -> int:
    """How often it was looked and not seen. Raises Violated as soon as it is, NotReached when no poll could look."""
    forbidden: Callable[[T], bool] = where or bool
    deadline = time.monotonic() + during
    polls = looked = 0
    last_error: BaseException | None = None
    while True:
        is_last = time.monotonic() >= deadline
        polls += 1
        try:
            value = read()
        except _POLLED_THROUGH as error:
            last_error = error
        else:
            looked += 1
            if forbidden(value):
                raise Violated(f"{what}: never was to happen, seen at poll {polls}: {_shown(value)}")
        if is_last:
            break
        time.sleep(max(0.0, min(every, deadline - time.monotonic())))
    if not looked:
        raise NotReached(_not_reached(f"a look at {what}", during, polls, "nothing", last_error)) from last_error
    return looked


def _not_reached(what: str, within: float, polls: int, last_seen: str, last_error: BaseException | None) -> str:
    count = "1 poll" if polls == 1 else f"{polls} polls"
    return f"{what}: not within {within:g} s ({count}); last seen {last_seen}; last error: {last_error or 'none'}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
