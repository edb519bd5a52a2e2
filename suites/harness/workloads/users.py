"""Users with think time, by Locust: a process of its own, so that nothing of gevent gets into the one that judges."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from reports.records import History
from suites.harness.clients.site_search import SiteSearch
from suites.harness.target import Target
from suites.harness.workloads.corpus import Corpus, ensure_corpus
from suites.harness.workloads.crowd import (
    API_KEY_VARIABLE,
    FOLDER_VARIABLE,
    SCRIPT_VARIABLE,
    SPAWNED_PER_S,
    Crowd,
    UserScript,
)
from suites.harness.workloads.openloop import REPOSITORY, GeneratorError
from suites.harness.workloads.user_report import HISTORY, LOOKS, REPORT, UserReport

# Sites that users have scraped, over and over: small, so that the scrapes cost little, and kept as the corpus is.
_SCRAPE_SEEDS, _SCRAPE_PAGES, _SCRAPE_PAGE_BYTES = tuple(range(2001, 2005)), 3, 400
# Interpreter, corpus and mix of queries at the start; open requests and the report at the end.
START_AND_END_S = 90.0
LOG = "locust.log"


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

    @classmethod
    def read(cls, folder: Path, *, exit_code: int, log: Path) -> Self:
        """What Locust left in a folder. Raises GeneratorError, with the log's last line, when it did not end well."""
        if exit_code != 0 or not (folder / REPORT).exists():
            text = log.read_text(errors="replace") if log.exists() else ""
            said = text.strip().splitlines()[-1:] or ["it said nothing"]
            raise GeneratorError(f"Locust ended with {exit_code} and no report: {said[0]}; log {log}")
        return cls(
            history=History.read(folder / HISTORY),
            looks=History.read(folder / LOOKS),
            report=UserReport.read(folder / REPORT),
        )


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
    script.for_each_of(processes).write(told)
    crowd = Crowd(users=users, for_s=for_s, spawned_per_s=spawned_per_s)
    command = crowd.command(locustfile, url=base_url, folder=folder)
    if processes > 1:
        command += ["--processes", str(processes)]
    variables = {
        SCRIPT_VARIABLE: str(told),
        FOLDER_VARIABLE: str(folder),
        API_KEY_VARIABLE: api_key,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH", "")))),
    }
    log = folder / LOG
    try:
        with log.open("wb") as out:
            ended = subprocess.run(  # noqa: S603 our own words
                command, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                timeout=crowd.run_s + START_AND_END_S, check=False,
            )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise GeneratorError(f"Locust did not end within {error.timeout:.0f} s; log {log}") from error
    finally:
        told.unlink()
    return UsersRun.read(folder, exit_code=ended.returncode, log=log)
