"""`python -m reports`: look at runs, render them, and ask the gate."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from reports import objectives
from reports.compare import compare
from reports.gate import DAY_S, Candidate, Recorded, gate
from reports.objectives import ObjectiveError
from reports.render import FORMATS, SCHEMA, render
from reports.run import RUNS, Run, RunError, find_run, run_ids
from reports.terminal import compare_text, gate_text, list_text, show_text

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; its exit code is 0, or for `gate` 0 go, 1 no-go, 2 inconclusive."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except (RunError, ObjectiveError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        if options.command is _gate:
            _say(f"GATE: INCONCLUSIVE {str(error).splitlines()[0]}")
        return _USAGE
    return code


def _list(options: argparse.Namespace) -> int:
    found: list[tuple[str, Recorded | str]] = []
    for name in run_ids(options.runs):
        try:
            found.append((name, Recorded.read(Run(options.runs / name))))
        except RunError as error:
            found.append((name, str(error)))
    if not found:
        find_run(None, options.runs)
    _say(list_text(found))
    return 0


def _show(options: argparse.Namespace) -> int:
    _say(show_text(Recorded.read(find_run(options.run, options.runs)), objectives=options.objective))
    return 0


def _compare(options: argparse.Namespace) -> int:
    if len(options.run) < 2:
        raise RunError("one run has nothing to be compared with: name two or more, see `python -m reports list`")
    runs = [Recorded.read(find_run(name, options.runs)) for name in options.run]
    compared = compare(runs)
    _say(compare_text([run.facts.id for run in runs], compared))
    return int(any(line.flipped for line in compared))


def _render(options: argparse.Namespace) -> int:
    run = find_run(options.run, options.runs)
    for path in render(run, objectives.load(options.objectives), into=options.into, formats=options.format or FORMATS):
        _say(str(path))
    return 0


def _gate(options: argparse.Namespace) -> int:
    runs = [Recorded.read(find_run(name, options.runs)) for name in options.run or [None]]
    newest = max(runs, key=lambda run: run.facts.start)
    candidate = Candidate.read(options.candidate) if options.candidate else Candidate.of(newest.facts)
    now = time.time()
    gated = gate(runs, objectives.load(options.objectives), candidate, now=now, max_age_s=options.max_age)
    _say(gate_text(gated, now=now))
    return gated.decision


def _schema(_: argparse.Namespace) -> int:
    _say(SCHEMA.read_text(encoding="utf-8").rstrip())
    return 0


def _parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m reports",
        formatter_class=plain,
        description="Look at runs, render them, and ask the gate.\n\n"
        "A run is a folder with what was recorded while a target was judged: verdicts, histories, logs.\n"
        "A verdict is the judgement of one measurement by one objective: pass, fail or inconclusive.",
        epilog="Usual order: pytest suites/ (makes a run), then render (report.html), then gate (may it go out?).\n"
        "RUN is an id from `list`, a path, or `latest`, which is also the default.",
    )
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR", help="where runs are (default: reports/runs)")
    parser.add_argument(
        "--objectives",
        type=Path,
        default=objectives.FOLDER,
        metavar="DIR",
        help="where the promises are (default: reports/objectives)",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = commands.add_parser("list", help="every run, oldest first, with how many verdicts of each word")
    command.set_defaults(command=_list)

    command = commands.add_parser("show", help="one run's facts and the full reason of each verdict")
    command.add_argument("run", nargs="?", metavar="RUN")
    command.add_argument(
        "--objective", action="append", default=[], metavar="ID", help="only this one; may be repeated"
    )
    command.set_defaults(command=_show)

    command = commands.add_parser(
        "compare",
        help="what each objective was judged in several runs; exit code 1 where a word flipped",
        formatter_class=plain,
        description="Put the verdicts of several runs beside each other, objective by objective.\n\n"
        "A word that is not the same in all of them is marked: the platform changed, or the check cannot be relied on.",
        epilog="exit codes: 0 no word flipped, 1 at least one did, 2 wrong usage or no such run",
    )
    command.add_argument("run", nargs="+", metavar="RUN")
    command.set_defaults(command=_compare)

    command = commands.add_parser(
        "render",
        help="write report.html, report.md, junit.xml and report.json into the run's folder",
        formatter_class=plain,
        description="Write the reports of one run and print their paths.\n\n"
        "  report.html  one self-contained file: verdicts, timelines, run facts\n"
        "  report.md    the same in short, for a pull request\n"
        "  junit.xml    one testcase per objective; inconclusive is an error, so no CI shows it as passed\n"
        "  report.json  everything, as `python -m reports schema` describes it\n\n"
        "The gate's word in a report is as of the run's end; `gate` itself also refuses verdicts that are too old.",
    )
    command.add_argument("run", nargs="?", metavar="RUN")
    command.add_argument("--into", type=Path, metavar="DIR", help="write there instead of the run's folder")
    command.add_argument("--format", action="append", choices=FORMATS, help="only this one; may be repeated")
    command.set_defaults(command=_render)

    command = commands.add_parser(
        "gate",
        help="go, no-go or inconclusive for the candidate; exit code 0, 1, 2",
        formatter_class=plain,
        description="May this candidate be released? Reads runs only, never the target.\n\n"
        "Each objective with `gate: true` needs a fresh verdict about the candidate: same image digests, same chart.\n"
        "Of several verdicts the worst counts. Missing, stale, foreign or damaged is inconclusive, never a go.",
        epilog="exit codes: 0 go, 1 no-go, 2 inconclusive (also: wrong usage, no run, unreadable objectives)",
    )
    command.add_argument("run", nargs="*", metavar="RUN", help="one or more runs that together hold the verdicts")
    command.add_argument(
        "--candidate",
        type=Path,
        metavar="FILE",
        help="JSON with chart_version and images {component: digest}, such as a run.json (default: the newest run)",
    )
    command.add_argument(
        "--max-age",
        type=_seconds,
        default=DAY_S,
        metavar="AGE",
        help="older verdicts are stale: 90s, 30m, 24h, 7d (default: 24h)",
    )
    command.set_defaults(command=_gate)

    command = commands.add_parser("schema", help="print the JSON schema of report.json")
    command.set_defaults(command=_schema)
    return parser


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age; write 90s, 30m, 24h or 7d")
    return float(found.group(1)) * _SECONDS[found.group(2)]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
