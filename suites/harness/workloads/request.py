"""What a generator sends: one request, and endless streams of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. `path` is ready for the wire: it is percent-encoded and carries its query string.

    `label` names the sort of request within its kind and comes first in the operation's value. `id` is the client's own
    name for what it asks for, and then is the whole value: what is looked for afterwards. An answer without `expect` in
    its body is a failure whatever its status says. `tells` is a header of the answer that ends the value, after an `@`.
    """

    path: str
    kind: str = "search"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    label: str = ""
    id: str = ""
    expect: bytes = b""
    tells: str = ""

    @property
    def reads_only(self) -> bool:
        """True when the request cannot have had an effect, answered or not."""
        return self.method in ("GET", "HEAD", "OPTIONS")


# Any iterable that can be pickled: it is sent to the generator's process and iterated over there.
Requests: TypeAlias = Iterable[Request]


class Repeat:
    """The same requests in turn, for ever."""

    def __init__(self, *requests: Request) -> None:
        self.requests = requests

    def __iter__(self) -> Iterator[Request]:
        return itertools.cycle(self.requests)
