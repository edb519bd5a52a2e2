"""Runs a mutant's checks in a process of their own, against whatever the target now is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.records import Verdict
from reports.run import RUN_DIR_VARIABLE, Run
from suites.mutants.mutant import Environment, Mutant
from suites.mutants.within import LIFELINE_VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
_TELL_EVERY_S = 20.0
# A check that is interrupted still heals its fault.
_INTERRUPTED_WITHIN_S = 360.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the checks of one mutant said, how their process ended, and where it wrote."""

    verdicts: tuple[Verdict, ...]
    exit_code: int
    log: Path


def run_checks(mutant: Mutant, *, into: Path, options: Sequence[str], say: Callable[[str], None]) -> Judged:
    """Run them to their end. An interruption ends them first, so that they heal, and then goes on."""
    argv = [
        sys.executable, "-m", "pytest", "-p", "suites.mutants.within", "--color=no", *mutant.checks, *mutant.options,
        *options,
    ]  # fmt: skip
    run = Run.create(into, argv=argv[2:])
    log = run.logs_dir / "checks.log"
    lifeline, held = os.pipe()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 the words come from the repository's own files
            argv,
            cwd=REPOSITORY,
            env={**os.environ, **_environment(mutant, run, lifeline)},
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[lifeline],
            # Ctrl-C is for the parent, which passes it on and waits.
            start_new_session=True,
        )
        try:
            _wait(process, say)
        finally:
            _end(process)
            os.close(lifeline)
            os.close(held)
            run.finish()
    return Judged(verdicts=tuple(run.verdicts()), exit_code=process.returncode, log=log)


def _environment(mutant: Mutant, run: Run, lifeline: int) -> dict[str, str]:
    variables = mutant.change.variables if isinstance(mutant.change, Environment) else {}
    path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH", ""))))
    return {"PYTHONPATH": path, **variables, RUN_DIR_VARIABLE: str(run.path), LIFELINE_VARIABLE: str(lifeline)}


def _wait(process: subprocess.Popen[bytes], say: Callable[[str], None]) -> None:
    started = time.monotonic()
    while process.poll() is None:
        try:
            process.wait(_TELL_EVERY_S)
        except subprocess.TimeoutExpired:
            say(f"checks running, {time.monotonic() - started:.0f} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_INTERRUPTED_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
