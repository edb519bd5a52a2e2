"""What can go wrong in the harness itself; none of these is a judgement of the platform.

HarnessError
├─ TargetError        the target's description is wrong, or it cannot be reached
├─ ClientError        a call to the target was refused or not answered; `until` polls on
│  └─ ApiError        the platform's HTTP API answered with an error; carries status and code
├─ NotReached         a wait ended before its condition held
├─ Violated           something happened that `never` forbids
└─ FaultError         a fault was not made
   ├─ NothingSelected   its selector matches nothing
   ├─ Refused           the target does not allow it
   └─ Unsupported       the target cannot be broken this way
"""

from __future__ import annotations


class HarnessError(Exception):
    """The harness could not do what was asked of it."""


class TargetError(HarnessError):
    """The target's description is wrong, or it cannot be reached; one line, with the way out."""


class ClientError(HarnessError):
    """A call to the target was refused or not answered."""


class ApiError(ClientError):
    """The platform's HTTP API answered with an error."""

    def __init__(self, status: int, code: str, detail: str, *, call: str, request_id: str | None) -> None:
        super().__init__(f"{call}: {status} {code}: {detail} (request {request_id or 'without id'})")
        self.status = status
        self.code = code


class NotReached(HarnessError):
    """A wait ended before its condition held; tells polls, the last value seen and the last error."""


class Violated(HarnessError):
    """Something happened that was never to happen."""


class FaultError(HarnessError):
    """A fault was not made; nothing was touched."""


class NothingSelected(FaultError):
    """A fault's selector matches nothing: an error, not a success."""


class Refused(FaultError):
    """The target does not allow faults here; says how to allow them."""


class Unsupported(FaultError):
    """The target cannot be broken this way; says why."""
