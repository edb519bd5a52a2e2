"""Programs of this machine that a client asks, and what they say."""

from __future__ import annotations

import subprocess

from suites.harness.errors import ClientError


def said_by(program: str, *arguments: str, call: str, within_s: float) -> str:
    """What the program printed. Raises ClientError, naming the call, when it fails, is not there or takes too long."""
    try:
        ended = subprocess.run(  # noqa: S603 no shell reads the words
            [program, *arguments], capture_output=True, text=True, timeout=within_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClientError(f"{call}: {error}") from error
    if ended.returncode != 0:
        raise ClientError(f"{call}: {' '.join(ended.stderr.split())[:300]}")
    return ended.stdout
