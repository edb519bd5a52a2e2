"""`python -m suites.mutants`: break the platform on purpose, mutant by mutant, and see the right checks turn red."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from reports.run import RUNS, Run, RunError
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import HarnessError
from suites.harness.target import Target
from suites.mutants import matrix, mutant
from suites.mutants.mutant import Mutant
from suites.mutants.session import Session, TargetLeftBroken, show_in_latest

# Apart from the runs that a gate looks through: here a fail is what is wanted.
MUTANT_RUNS = RUNS / "mutants"
_ALL_HELD, _NOT_ALL, _ERROR, _INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every expectation held. 1: not. 2: a mutant could not be made, or not be taken off. 130: interrupted."""
    options = _parser().parse_args(arguments)
    try:
        mutants = mutant.load()
        chosen = mutant.choose(mutants, options.names)
        if options.list:
            sys.stdout.write(_listed(chosen))
            return _ALL_HELD
        return _go(options, mutants, chosen)
    except TargetLeftBroken as error:
        sys.stderr.write(f"\n{'!' * 30} THE TARGET IS LEFT BROKEN {'!' * 30}\n{error}\n")
        return _ERROR
    except (HarnessError, RunError) as error:
        sys.stderr.write(f"{error}\n")
        return _ERROR


def _go(options: argparse.Namespace, mutants: Mapping[str, Mutant], chosen: Sequence[Mutant]) -> int:
    target = Target.load(
        options.target,
        context=options.context,
        namespace=options.namespace,
        kubeconfig=options.kubeconfig,
        base_url=options.base_url,
    )
    cluster = Cluster(target)
    cluster.check_reachable()
    # Asked to end, it restores the target first, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    session = Session(
        cluster=cluster,
        deadlines=Deadlines().stretched(options.slow_factor),
        run=Run.create(MUTANT_RUNS, argv=sys.argv),
        options=_passed_on(options),
        say=_say,
    )
    interrupted = False
    try:
        session.begin()
        session.go_through(chosen, keep_going=options.keep_going)
    except KeyboardInterrupt:
        interrupted = True
        _say("interrupted; the target was restored")
    finally:
        session.run.finish()
        if session.rows:
            sys.stdout.write(f"\n{matrix.table(session.rows)}\n\n")
            _say(show_in_latest(session, list(mutants)))
        _say(f"this run: {session.run.path}")
    if interrupted:
        return _INTERRUPTED
    if session.not_made:
        return _ERROR
    return _ALL_HELD if all(row.ok for row in session.rows) else _NOT_ALL


def _passed_on(options: argparse.Namespace) -> list[str]:
    """The target as the checks are to find it."""
    named = {
        "--target": options.target,
        "--context": options.context,
        "--namespace": options.namespace,
        "--kubeconfig": options.kubeconfig,
        "--base-url": options.base_url,
        "--slow-factor": options.slow_factor,
    }
    return [f"{name}={value}" for name, value in named.items() if value is not None]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m suites.mutants",
        description="Break the platform on purpose, one mutant at a time, and see the right checks turn red.",
        epilog="exit codes: 0 every expectation held, 1 not, 2 one could not be made or taken off, 130 interrupted",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a file in suites/mutants without .yaml (default: all)"
    )
    parser.add_argument("--list", action="store_true", help="what there is and what is expected of it; touches nothing")
    parser.add_argument("--keep-going", action="store_true", help="go on after a mutant that was not found out")
    parser.add_argument("--target", default="kind", help="a name in suites/targets, or a .toml file (default: kind)")
    parser.add_argument("--context")
    parser.add_argument("--namespace")
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--base-url")
    parser.add_argument("--slow-factor", type=float, default=1.0, help="stretches deadlines; objectives never stretch")
    return parser


def _listed(mutants: Sequence[Mutant]) -> str:
    lines = []
    for entry in mutants:
        lines.append(f"{entry.name}: {entry.title}")
        lines += [f"    {objective} must be {word}" for objective, word in entry.expected.items()]
    return "\n".join(lines) + "\n"


def _say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
