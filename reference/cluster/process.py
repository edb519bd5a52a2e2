"""Runs other programs; what they print goes to a log, and a failure shows the end of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

LAST_LINES = 15


class CommandFailed(RuntimeError):
    """A program that the set-up needs has failed; the text holds the command and the end of its output."""

    def __init__(self, command: Sequence[str], code: int, output: str) -> None:
        tail = "\n    ".join(output.strip().splitlines()[-LAST_LINES:])
        super().__init__(f"{' '.join(command[:6])}{' …' if len(command) > 6 else ''} exited with {code}\n    {tail}")
        self.output = output


def run(
    *command: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: IO[bytes] | str | None = None,
    check: bool = True,
    timeout_s: float | None = None,
) -> str:
    """What the program printed on standard output. Raises CommandFailed with both outputs' end when it fails."""
    words = [str(word) for word in command]
    environment = {**os.environ, **env} if env else None
    typed = stdin.encode() if isinstance(stdin, str) else None
    source = {"input": typed} if typed is not None else {"stdin": stdin or subprocess.DEVNULL}
    result: subprocess.CompletedProcess[bytes] = subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, timeout=timeout_s, check=False, **cast(Any, source)
    )
    output = result.stdout.decode(errors="replace")
    if check and result.returncode != 0:
        raise CommandFailed(words, result.returncode, output + result.stderr.decode(errors="replace"))
    return output


def succeeds(*command: str | Path, timeout_s: float = 20) -> bool:
    """Whether the program exists, ends in time and exits with 0."""
    try:
        run(*command, timeout_s=timeout_s)
    except (CommandFailed, OSError, subprocess.TimeoutExpired):
        return False
    return True
