"""The bare framework: FastAPI under uvicorn, set up as the app's image has them, answering a constant from one process.

`python -m suites.harness.workloads.constant_answer --bytes 2000` prints its port; the end of standard input ends it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from suites.harness.errors import Unsupported

_REPOSITORY = Path(__file__).resolve().parents[2]
_HEAD, _TAIL = b'{"hits":["', b'"]}'
_ENDED_S = 10.0


@contextlib.contextmanager
def constant_answer(size: int) -> Iterator[str]:
    """The URL where every search gets the same `size` bytes, from a process that ends with this one.

    Raises Unsupported where the framework is not installed.
    """
    path = os.pathsep.join(filter(None, (str(_REPOSITORY), os.environ.get("PYTHONPATH", ""))))
    server = subprocess.Popen(  # noqa: S603 fixed words
        [sys.executable, "-m", "suites.harness.workloads.constant_answer", "--bytes", str(size)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert server.stdin is not None and server.stdout is not None and server.stderr is not None
    try:
        port = server.stdout.readline().strip()
        if not port:
            said = server.stderr.read().strip().splitlines()[-1:]
            raise Unsupported(f"the bare framework did not start: {said[0] if said else 'it said nothing'}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stdin.close()
        try:
            server.wait(_ENDED_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def serve(size: int) -> None:
    """Answer until nobody holds the other end of standard input."""
    # Here, so that asking needs none of them.
    import uvicorn
    from fastapi import FastAPI, Response

    app = FastAPI()
    body = _HEAD + b"x" * (size - len(_HEAD) - len(_TAIL)) + _TAIL

    @app.get("/search")
    async def search() -> Response:
        return Response(body, media_type="application/json")

    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", ws="none", log_config=None, access_log=False, server_header=False,
        date_header=False, proxy_headers=False, timeout_keep_alive=120, backlog=2048,
    )  # fmt: skip
    server = uvicorn.Server(config)

    def end_with_parent() -> None:
        sys.stdin.read()
        server.should_exit = server.force_exit = True

    with socket.create_server(("127.0.0.1", 0), backlog=2048) as door:
        print(door.getsockname()[1], flush=True)  # noqa: T201 how it says where it is
        threading.Thread(target=end_with_parent, daemon=True).start()
        server.run(sockets=[door])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, required=True, help="how long the answer's body is")
    serve(parser.parse_args().bytes)
