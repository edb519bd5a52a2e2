"""Runs a command later, in a process of its own that outlives whoever asked for it, unless it is called off before.

It is what ends a fault whose runner was killed. A file says that it is still wanted: without the file, or with another
call's token in it, the process ends within a second and does nothing.
"""

from __future__ import annotations

import math
import re
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from suites.harness.errors import ClientError
from suites.harness.target import cache

# A command that fails is tried again for a minute: what it reaches may be in trouble itself.
_SCRIPT = """
wanted=$1 token=$2 after_s=$3
shift 3
is_wanted() { [ "$(cat "$wanted" 2>/dev/null)" = "$token" ]; }
end=$(($(date +%s) + after_s))
while is_wanted && [ "$(date +%s)" -lt "$end" ]; do sleep 1; done
while is_wanted && [ "$(date +%s)" -lt "$((end + 60))" ]; do
  "$@" && break
  sleep 1
done
is_wanted && rm -f "$wanted"
"""
_STARTED_S = 10.0


def arm(name: str, command: Sequence[str], *, after_s: float) -> None:
    """Have the command run after that time. Another one under the same name is called off."""
    path, token = _file(name), secrets.token_hex(8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(token, encoding="utf-8")
    script = f"{{ {_SCRIPT} }} </dev/null >/dev/null 2>&1 &"
    words = ["sh", "-c", script, "site-search-expiry", str(path), token, str(math.ceil(after_s)), *command]
    try:
        # A session of its own, so that no signal to this one's group or terminal reaches it; the shell itself ends at
        # once and leaves the rest to init.
        subprocess.run(words, check=True, start_new_session=True, timeout=_STARTED_S)  # noqa: S603 no word is read by a shell
    except (OSError, subprocess.SubprocessError) as error:
        disarm(name)
        raise ClientError(f"start what ends {name} after {after_s:g} s: {error}") from error


def disarm(name: str) -> None:
    """Call it off. Twice is harmless."""
    _file(name).unlink(missing_ok=True)


def is_armed(name: str) -> bool:
    return _file(name).exists()


def _file(name: str) -> Path:
    return cache() / "expiries" / re.sub(r"[^A-Za-z0-9.-]+", "-", name)
