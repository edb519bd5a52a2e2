"""One session: mutants one after another, each restored before the next."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reports.records import HistoryWriter
from reports.run import Run, RunError, find_run
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import HarnessError, Refused
from suites.harness.faults.base import check_allowed
from suites.harness.faults.changes import ChangeValues, PatchObject, TargetChange
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.standing import settle
from suites.harness.faults.undo import replay
from suites.harness.handover import primary_on_worker
from suites.harness.turns import turn
from suites.mutants import matrix
from suites.mutants.checks import Judged, run_checks
from suites.mutants.matrix import Row
from suites.mutants.mutant import Environment, Mutant, Patch, Values

Checks = Callable[..., Judged]


class TargetLeftBroken(HarnessError):
    """A mutant could not be taken off the target; its undo record is kept."""


@dataclass(slots=True, kw_only=True)
class Session:
    """The target, where the results go, and what was found so far."""

    cluster: Cluster
    deadlines: Deadlines
    run: Run
    options: Sequence[str]
    say: Callable[[str], None]
    checks: Checks = run_checks
    rows: list[Row] = field(default_factory=list)
    not_made: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Take off what a session that was killed left on the target, then write down what is there."""
        with self._alone():
            if held := self._take_off("an earlier run"):
                names = ", ".join(f"{record.kind} of process {record.pid} on {record.host}" for record in held)
                raise Refused(f"somebody else's fault is on the target: {names}; see `python -m suites.undo`")
            self.run.describe(
                target=self.cluster.target.label,
                chart_version=self.cluster.chart_version(),
                images=self.cluster.image_digests(),
            )

    def go_through(self, mutants: Sequence[Mutant], *, keep_going: bool) -> None:
        """Make each, let its checks judge it, take it off. Without `keep_going` the first surprise is the last one."""
        for number, mutant in enumerate(mutants, start=1):
            self.say(f"[{number}/{len(mutants)}] {mutant.name}: {mutant.title}")
            try:
                rows = self._judged(mutant)
            except TargetLeftBroken as error:
                self._keep(matrix.rows_without_checks(mutant, str(error).splitlines()[0]))
                raise
            except HarnessError as error:
                self.say(f"{mutant.name} could not be made: {error}")
                self.not_made.append(mutant.name)
                rows = matrix.rows_without_checks(mutant, str(error).splitlines()[0])
            self._keep(rows)
            if not keep_going and not all(row.ok for row in rows):
                return

    def _keep(self, rows: Sequence[Row]) -> None:
        """What is found is on disk before the next mutant is made."""
        self.rows += rows
        matrix.write(self.rows, self.run.path / matrix.FILE)
        for row in rows:
            self.say(f"  {'ok ' if row.ok else 'NOT'} {row.objective}: expected {row.expected}, got {row.got}")

    def _judged(self, mutant: Mutant) -> list[Row]:
        check_allowed(self.cluster.target, self.cluster.namespace_labels(), mutant.component)
        started = time.monotonic()
        with self._alone():
            if mutant.primary_on_worker:
                self.say(f"{primary_on_worker(self.cluster, self.deadlines)} is the primary, on a worker")
            with self._made(mutant) as proof:
                self.say(f"{proof} ({time.monotonic() - started:.0f} s); running {' '.join(mutant.checks)}")
                judged = self.checks(mutant, into=self._folder(mutant), options=self.options, say=self.say)
        self.say(f"restored ({time.monotonic() - started:.0f} s in all); checks' output: {judged.log}")
        return matrix.rows_of(mutant, judged.verdicts)

    def _take_off(self, whose: str) -> list[UndoRecord]:
        """Undo what whoever is gone left on the target; returns what somebody still holds."""
        healed, held = replay(self.cluster, self.deadlines, only_abandoned=True)
        for record in healed:
            self.say(f"took off what {whose} left: {record.kind} on {record.component} ({record.name})")
        return held

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """A turn at the target that nobody shares, from before it is broken until it is restored."""
        asked = time.monotonic()
        self.say("waiting until nobody else uses the target")
        with turn(self.cluster.target, alone=True):
            self.say(f"nobody else does, after {time.monotonic() - asked:.0f} s")
            yield

    @contextlib.contextmanager
    def _made(self, mutant: Mutant) -> Iterator[str]:
        """The target broken, and as it was when the block is over. Raises TargetLeftBroken when it is not."""
        if isinstance(mutant.change, Environment):
            settle(self.cluster, self.deadlines)
            try:
                yield "the target is as it was"
            finally:
                # The instrument may be one that does not heal.
                self._take_off("its checks")
            return
        with HistoryWriter(self.run.evidence_dir(mutant.name) / "history.jsonl") as history:
            change = self._change(mutant, history)
            try:
                with change:
                    yield change.observed()
                    self.say("restoring the target")
            except BaseException as error:
                # Also when the restoring itself was interrupted.
                if not change.is_undone:
                    raise TargetLeftBroken(
                        f"{mutant.name} was not taken off the target: {error}; next: `python -m suites.undo`, "
                        "or deploy the platform again"
                    ) from error
                raise

    def _change(self, mutant: Mutant, history: HistoryWriter) -> TargetChange:
        given = {
            "cluster": self.cluster,
            "history": history,
            "deadlines": self.deadlines,
            "becomes_ready": mutant.becomes_ready,
        }
        if isinstance(mutant.change, Values):
            return ChangeValues(mutant.component, mutant.change.values, **given)
        assert isinstance(mutant.change, Patch)
        return PatchObject(mutant.component, mutant.change.kind, mutant.change.name, mutant.change.patch, **given)

    def _folder(self, mutant: Mutant) -> Path:
        # Below this run, not beside others: what is judged here was never meant for a gate.
        return self.run.path / "mutants" / mutant.name


def show_in_latest(session: Session, known: Sequence[str]) -> str:
    """Put the matrix into the newest run of the suites when it judged the same deployment; tells what was done."""
    try:
        latest = find_run()
        facts, own = latest.facts(), session.run.facts()
    except RunError:
        return "no run of the suites to show the kill matrix in"
    if (facts.target, facts.chart_version, facts.images) != (own.target, own.chart_version, own.images):
        return f"run {latest.path.name} judged another deployment: the kill matrix is not shown in it"
    matrix.merge(session.rows, latest.path / matrix.FILE, known=known)
    return f"the kill matrix goes into run {latest.path.name}: python -m reports render"
