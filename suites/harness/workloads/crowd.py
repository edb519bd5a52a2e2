"""A crowd of users as Locust's processes are told of it: the same words on this machine and in pods of a cluster.

In an image `python -m suites.harness.workloads.crowd … master|worker` becomes that process of Locust. Imports nothing
that such an image would have to carry along.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

# What Locust's processes are told by their environment; the Host only where users know another one than requests go to.
SCRIPT_VARIABLE, FOLDER_VARIABLE, API_KEY_VARIABLE = "SRE_USERS_SCRIPT", "SRE_USERS_FOLDER", "SRE_USERS_API_KEY"
HOST_VARIABLE = "SRE_USERS_HOST"
HTML = "locust.html"
# The ingress takes as many new connections in a second as there are visitors who come then.
SPAWNED_PER_S = 50.0
# After their time requests that are under way get this long.
_LAST_ANSWERS_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class UserScript:
    """What all users know: the titles of each site's pages, which sites may be scraped, and how often in all."""

    titles: Mapping[str, Sequence[str]]
    scrape_sites: Sequence[str]
    scrapes_at_most: int
    seed: int
    # How long a user looks at a page before the next click.
    think_at_least_s: float = 3.0
    think_at_most_s: float = 10.0

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def for_each_of(self, processes: int) -> Self:
        """What each of so many processes is told: none of them knows how often the others have submitted."""
        return replace(self, scrapes_at_most=math.ceil(self.scrapes_at_most / processes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """So many users come, stay together for that long, and go."""

    users: int
    for_s: float
    spawned_per_s: float = SPAWNED_PER_S

    @property
    def run_s(self) -> float:
        return self.users / self.spawned_per_s + self.for_s + 2.0

    def command(self, locustfile: Path, *, url: str, folder: Path) -> list[str]:
        """The process that plays them, or, with Locust's words for it added, shares them out to others."""
        return [
            *_locust(locustfile), "--headless", "--host", url, "--users", str(self.users),
            "--spawn-rate", f"{self.spawned_per_s:g}", "--run-time", f"{self.run_s:.0f}s",
            "--stop-timeout", str(_LAST_ANSWERS_S), "--html", str(folder / HTML),
        ]  # fmt: skip


def code_of(locustfile: Path) -> str:
    """A hash of what users are made of: an image may have been made before the latest change of it."""
    files = (locustfile, *sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _locust(locustfile: Path) -> list[str]:
    # Errors of the platform are for the verdict: nothing is wrong with who met them.
    told = ("--only-summary", "--exit-code-on-error", "0")
    return [sys.executable, "-m", "locust", "--locustfile", str(locustfile), *told]


def command_of(arguments: Sequence[str]) -> list[str]:
    """The command of a master or a worker, from a pod's arguments. Exits where others are asked for than are here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--locustfile", type=Path, required=True)
    parser.add_argument("--code", default="")
    roles = parser.add_subparsers(dest="role", required=True)
    master = roles.add_parser("master")
    master.add_argument("--users", type=int, required=True)
    master.add_argument("--for-s", type=float, required=True)
    master.add_argument("--spawned-per-s", type=float, required=True)
    master.add_argument("--url", required=True)
    master.add_argument("--workers", type=int, required=True)
    master.add_argument("--joined-within-s", type=int, required=True)
    worker = roles.add_parser("worker")
    worker.add_argument("--master", required=True)
    told = parser.parse_args(arguments)
    if told.code and told.code != code_of(told.locustfile):
        raise SystemExit("this image has other users than those who are asked for: make it anew")
    if told.role == "worker":
        return [*_locust(told.locustfile), "--worker", "--master-host", told.master]
    crowd = Crowd(users=told.users, for_s=told.for_s, spawned_per_s=told.spawned_per_s)
    return [
        *crowd.command(told.locustfile, url=told.url, folder=Path(os.environ[FOLDER_VARIABLE])), "--master",
        "--expect-workers", str(told.workers), "--expect-workers-max-wait", str(told.joined_within_s),
    ]  # fmt: skip


if __name__ == "__main__":
    command = command_of(sys.argv[1:])
    os.execv(command[0], command)  # noqa: S606 our own words
