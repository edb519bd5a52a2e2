"""Users with think time, by Locust: a process of its own, so that nothing of gevent gets into the one that judges."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from reports.records import History
from suites.harness.clients.site_search import SiteSearch
from suites.harness.target import Target
from suites.harness.workloads.corpus import Corpus, ensure_corpus
from suites.harness.workloads.openloop import REPOSITORY, GeneratorError
from suites.harness.workloads.user_report import HISTORY, LOOKS, REPORT, UserReport

# What Locust's process is told by its environment.
SCRIPT_VARIABLE, FOLDER_VARIABLE, API_KEY_VARIABLE = "SRE_USERS_SCRIPT", "SRE_USERS_FOLDER", "SRE_USERS_API_KEY"
# Sites that users have scraped, over and over: small, so that the scrapes cost little, and kept as the corpus is.
_SCRAPE_SEEDS, _SCRAPE_PAGES, _SCRAPE_PAGE_BYTES = tuple(range(2001, 2005)), 3, 400
# The ingress takes as many new connections in a second as there are visitors who come then.
SPAWNED_PER_S = 50.0
# Interpreter, corpus and mix of queries at the start; open requests and the report at the end.
_START_AND_END_S = 90.0
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


def user_script(platform: SiteSearch, target: Target, corpus: Corpus, *, seed: int, scrapes_at_most: int) -> UserScript:
    """Users who search the corpus, and have small sites of their own scraped."""
    scraped = ensure_corpus(
        platform, target, seeds=_SCRAPE_SEEDS, pages_per_site=_SCRAPE_PAGES, page_bytes=_SCRAPE_PAGE_BYTES
    )
    return UserScript(
        titles=corpus.titles, scrape_sites=tuple(scraped.titles), scrapes_at_most=scrapes_at_most, seed=seed
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersRun:
    """What the users saw, how many there were at each moment, and how their generator fared."""

    history: History
    looks: History
    report: UserReport


def run_users(
    locustfile: Path,
    script: UserScript,
    *,
    base_url: str,
    api_key: str,
    users: int,
    for_s: float,
    folder: Path,
    spawned_per_s: float = SPAWNED_PER_S,
    processes: int = 1,
) -> UsersRun:
    """So many users come, stay together for that long, and go. Raises GeneratorError when Locust does not end well.

    With several `processes` one of them shares the users out to the others and writes down what all of them saw.

    History, counts and Locust's own report (locust.html) are in `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "users-script.json"
    replace(script, scrapes_at_most=math.ceil(script.scrapes_at_most / processes)).write(told)
    run_s = users / spawned_per_s + for_s + 2.0
    log = folder / "locust.log"
    command = [
        sys.executable, "-m", "locust", "--locustfile", str(locustfile), "--headless", "--only-summary",
        "--host", base_url, "--users", str(users), "--spawn-rate", f"{spawned_per_s:g}", "--run-time", f"{run_s:.0f}s",
        "--stop-timeout", str(_LAST_ANSWERS_S), "--exit-code-on-error", "0", "--html", str(folder / "locust.html"),
    ]  # fmt: skip
    if processes > 1:
        command += ["--processes", str(processes)]
    variables = {
        SCRIPT_VARIABLE: str(told),
        FOLDER_VARIABLE: str(folder),
        API_KEY_VARIABLE: api_key,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH", "")))),
    }
    try:
        with log.open("wb") as out:
            ended = subprocess.run(  # noqa: S603 our own words
                command, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                timeout=run_s + _START_AND_END_S, check=False,
            )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise GeneratorError(f"Locust did not end within {error.timeout:.0f} s; log {log}") from error
    finally:
        told.unlink()
    if ended.returncode != 0 or not (folder / REPORT).exists():
        said = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise GeneratorError(f"Locust ended with {ended.returncode} and no report: {said[0]}; log {log}")
    return UsersRun(
        history=History.read(folder / HISTORY),
        looks=History.read(folder / LOOKS),
        report=UserReport.read(folder / REPORT),
    )
