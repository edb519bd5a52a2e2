"""Users of the platform for Locust: `locust -f suites/load/locustfile.py`, then http://localhost:8089.

By hand the target is found as the checks find it (`--target`, `--context`, `--namespace`; `--host` for another
address), and 10,000 pages to search in are made where they are not there yet. `test_users.py` runs the same file
without its web interface and judges what these users saw.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner

from suites.harness.workloads.crowd import (
    API_KEY_VARIABLE,
    FOLDER_VARIABLE,
    HOST_VARIABLE,
    SCRIPT_VARIABLE,
    UserScript,
)
from suites.harness.workloads.locust_records import TOLD, BadAnswer, LocustRecords, Told
from suites.harness.workloads.outcome import outcome_of, value_of
from suites.harness.workloads.queries import QueryMix
from suites.harness.workloads.request import Request
from suites.harness.workloads.visits import SUBMIT, Answer, Visits

# The platform gives up a write after 3.5 s and says so; a user who left before would know less.
TIMEOUT_S = 5.0
# More than one processor can play; 198.18.0.0/15 has addresses for thirteen such processes.
USERS_OF_A_PROCESS = 10_000


class Everyone:
    """What the users of this process share."""

    visits: Visits
    records: LocustRecords | None = None
    numbers = itertools.count(1)
    # Users of several processes are told apart by where their numbers begin.
    first_number = 0
    # Beside what a request says itself.
    headers: Mapping[str, str] = {}


class Visitor(FastHttpUser):
    """Visits the platform again and again, one step of a visit at a time."""

    network_timeout = connection_timeout = TIMEOUT_S
    # Nothing is ever sent twice.
    max_retries = 0

    def on_start(self) -> None:
        if isinstance(self.environment.runner, WorkerRunner):
            Everyone.first_number = self.environment.runner.worker_index * USERS_OF_A_PROCESS
        number = next(Everyone.numbers) + Everyone.first_number
        self._name = f"user-{number}"
        self._visit = Everyone.visits.of_user(number)
        self._next = next(self._visit)

    @task
    def step(self) -> None:
        self._next = self._visit.send(self._answer(self._next))

    def _answer(self, request: Request) -> Answer:
        """Ask, and have it written down; the body of a good answer, None for any other."""
        told: Told = {"client": self._name, "kind": request.kind, "value": value_of(request, None) or None}
        if request.kind == SUBMIT and Everyone.records is not None:
            Everyone.records.scrapes_submitted += 1
        with self.client.request(
            request.method,
            request.path,
            name=f"{request.kind} {request.label}".strip(),
            data=request.body.decode() or None,
            headers={**Everyone.headers, **dict(request.headers)},
            context={TOLD: told},
            catch_response=True,
        ) as response:
            if not response.status_code:
                response.failure(unanswered(request, response.error))
                return None
            headers = response.headers
            told["value"] = value_of(request, lambda name: str(headers.get(name, ""))) or None
            outcome, error = outcome_of(request, response.status_code, response.content or b"")
            if outcome != "ok":
                response.failure(BadAnswer(outcome, error or outcome))
                return None
            answer: Answer = response.json()
            response.success()
            return answer


def unanswered(request: Request, error: Exception | None) -> BadAnswer:
    """What became of a request that got no answer: whether it was refused, or may have taken effect."""
    said = f"{type(error).__name__}: {error}" if error is not None else "no answer"
    if isinstance(error, ConnectionRefusedError):
        return BadAnswer("fail", f"cannot connect: {said}")
    timed_out = isinstance(error, TimeoutError) or "time" in said.lower()
    if timed_out:
        return BadAnswer("unknown", f"time-out: no answer within {TIMEOUT_S:g} s")
    return BadAnswer("fail" if request.reads_only else "unknown", said)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def ask_for_target(parser: LocustArgumentParser) -> None:
    """Whose users these are; nobody asks where a check runs this file."""
    told_once = {"include_in_web_ui": False}
    parser.add_argument(
        "--target", default="kind", env_var="SRE_TARGET", help="a name in suites/targets, or a .toml file", **told_once
    )
    parser.add_argument("--context", default="", help="another kubeconfig context than the target's", **told_once)
    parser.add_argument("--namespace", default="", help="another namespace than the target's", **told_once)
    parser.add_argument(
        "--scrapes-at-most", type=int, default=60, help="scrapes that all users may submit (default: 60)", **told_once
    )
    parser.add_argument(
        "--users-seed", type=int, default=1, help="what the users' choices are made from (default: 1)", **told_once
    )


@events.init.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Environment, **_: Any) -> None:
    told = os.environ.get(SCRIPT_VARIABLE)
    if told:
        script, api_key = UserScript.read(Path(told)), os.environ[API_KEY_VARIABLE]
    else:
        script, api_key = script_of_target(environment)
    if host := os.environ.get(HOST_VARIABLE):
        Everyone.headers = {"Host": host}
    Visitor.wait_time = between(script.think_at_least_s, script.think_at_most_s)
    Everyone.visits = Visits(
        iter(QueryMix.of_titles(script.titles, seed=script.seed)),
        scrape_sites=script.scrape_sites,
        api_key=api_key,
        seed=script.seed,
        scrapes_at_most=script.scrapes_at_most,
    )
    if folder := os.environ.get(FOLDER_VARIABLE):
        Everyone.records = LocustRecords(
            environment, Path(folder), is_worker=isinstance(environment.runner, WorkerRunner)
        )


def script_of_target(environment: Environment) -> tuple[UserScript, str]:
    """What users of the target know, and its key; its address becomes the host that is offered."""
    from suites.harness.clients.kubernetes import Cluster
    from suites.harness.clients.site_search import SiteSearch
    from suites.harness.target import Target
    from suites.harness.workloads.corpus import ensure_corpus
    from suites.harness.workloads.users import user_script

    options = environment.parsed_options
    assert options is not None
    target = Target.load(options.target, context=options.context or None, namespace=options.namespace or None)
    cluster = Cluster(target)
    environment.host = environment.host or target.base_url or cluster.ingress_url()
    api_key = cluster.secret(target.secret("admin_api_key"))
    with SiteSearch(environment.host, api_key) as platform:
        corpus = ensure_corpus(platform, target)
        script = user_script(platform, target, corpus, seed=options.users_seed, scrapes_at_most=options.scrapes_at_most)
    return script, api_key
