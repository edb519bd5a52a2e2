"""No request makes this process keep more of its body than the largest that makes sense."""

from __future__ import annotations

from starlette.exceptions import HTTPException

from reference.searchapp.api.wire import Message, Receive, Scope

# A name and an address are a hundredth of it.
BODY_BYTES_MOST = 65_536


def bounded(scope: Scope, receive: Receive) -> Receive:
    """What is received, until it is more than a body may have: then 413.

    What still comes is dropped as it comes. Closing the connection instead would often take the answer along, and an
    ingress ends a request that was answered before it was sent.
    """
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    received = int(announced) if int(announced) > BODY_BYTES_MOST else 0

    async def counted() -> Message:
        nonlocal received
        message: Message = {} if received > BODY_BYTES_MOST else await receive()
        received += len(message.get("body", b""))
        if received > BODY_BYTES_MOST:
            raise HTTPException(413, f"a body may have {BODY_BYTES_MOST} bytes")
        return message

    return counted
