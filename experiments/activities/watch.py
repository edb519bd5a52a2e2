"""What is looked at while an experiment runs."""

from __future__ import annotations

from experiments.stage import stage
from suites.harness.clients.sql import Postgres
from suites.harness.errors import HarnessError
from suites.harness.watch import PrimaryWatch


def watch_primaries() -> None:
    """Try to write on every PostgreSQL instance, ten times a second, until the experiment ends."""
    here = stage()
    if here.primaries is not None:
        raise HarnessError("the primaries are watched already")
    here.primaries = here.open.enter_context(PrimaryWatch(Postgres(here.cluster), here.folder / "primaries.jsonl"))
