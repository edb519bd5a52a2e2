"""A run: one folder with everything that was recorded while a target was judged.

    reports/runs/<run-id>/
      run.json                       who, when, against what (RunFacts)
      verdicts.jsonl                 one verdict per line, in the order given
      evidence/<check>/history.jsonl operations and marks; events.json: Kubernetes events
      logs/                          whatever else was kept
    reports/runs/latest              → the newest run

Several processes may write to one run, one after another or at once: each that joins is a session of the run, and the
run has ended when every session has. A run that was killed therefore never looks finished.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from reports.records import Verdict, append_verdict, read_verdicts

RUNS = Path(__file__).parent / "runs"
RUN_DIR_VARIABLE = "SRE_RUN_DIR"
LATEST = "latest"


class RunError(Exception):
    """A run that is missing, damaged, or about to be written to in a way that makes it untrue; says what to do next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine the clients ran on; the target's own may be another."""

    cores: int | None = None
    cpu_model: str | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One process's part of a run. `end` None: it still runs, or was killed."""

    argv: tuple[str, ...]
    pid: int
    start: float
    end: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What run.json holds. `images` is component → digest; empty or None means: not known."""

    id: str
    start: float
    end: float | None = None
    argv: tuple[str, ...] = ()
    target: str | None = None
    chart_version: str | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    git_head: str | None = None
    git_dirty: bool | None = None
    machine: Machine = field(default_factory=Machine)
    sessions: tuple[Session, ...] = ()


class Run:
    """One run folder. `create` and `join` begin a session of it; `open` reads, or adds to what others began."""

    def __init__(self, path: Path, session: int | None = None) -> None:
        self.path = path
        self._session = session
        self._evidence: dict[str, Path] = {}

    @classmethod
    def create(
        cls, root: Path = RUNS, *, argv: Sequence[str], seed: int | None = None, start: float | None = None
    ) -> Self:
        """A new run, newest in `root`, in which this process is the first session."""
        begun = time.time() if start is None else start
        root.mkdir(parents=True, exist_ok=True)
        path = root / _new_id(begun)
        path.mkdir()
        (path / "logs").mkdir()
        (path / "evidence").mkdir()
        head, dirty = _git_state(Path(__file__).parent)
        first = Session(argv=tuple(argv), pid=os.getpid(), start=begun)
        facts = RunFacts(
            id=path.name, start=begun, argv=tuple(argv), seed=seed, git_head=head, git_dirty=dirty,
            machine=_this_machine(), sessions=(first,),
        )  # fmt: skip
        _write(path, facts)
        _point_latest(root, path.name)
        return cls(path, session=0)

    @classmethod
    def open(cls, path: Path) -> Self:
        """A run that exists. Raises RunError if there is none, or its run.json is damaged."""
        run = cls(path)
        run.facts()
        return run

    @classmethod
    def join(cls, path: Path, *, argv: Sequence[str], start: float | None = None) -> Self:
        """A run that exists, in which this process is one more session; it has not ended until this one has."""
        run = cls.open(path)
        session = Session(argv=tuple(argv), pid=os.getpid(), start=time.time() if start is None else start)

        def add(facts: RunFacts) -> RunFacts:
            run._session = len(facts.sessions)
            return replace(facts, sessions=(*facts.sessions, session), end=None)

        run._update(add)
        return run

    @classmethod
    def current(cls, root: Path = RUNS, *, argv: Sequence[str], seed: int | None = None) -> Self:
        """The run named by SRE_RUN_DIR, joined; without it, a new one."""
        named = os.environ.get(RUN_DIR_VARIABLE)
        return cls.join(Path(named), argv=argv) if named else cls.create(root, argv=argv, seed=seed)

    def facts(self) -> RunFacts:
        """run.json as it is now."""
        return read_facts(self.path)

    def describe(
        self, *, target: str | None = None, chart_version: str | None = None, images: Mapping[str, str] | None = None
    ) -> None:
        """Write down what is judged. Raises RunError if the run already says otherwise: one run, one deployment."""
        told: dict[str, Any] = {
            "target": target,
            "chart_version": chart_version,
            "images": dict(images) if images else None,
        }

        def add(facts: RunFacts) -> RunFacts:
            news = {name: value for name, value in told.items() if value is not None}
            for name, value in news.items():
                known = getattr(facts, name)
                if known and known != value:
                    raise RunError(
                        f"{self.path.name} judges {name} {known}, now it is {value}: the deployment changed during the "
                        f"run; start a new run (unset {RUN_DIR_VARIABLE})"
                    )
            return replace(facts, **news)

        self._update(add)

    def evidence_dir(self, check: str) -> Path:
        """The folder for what `check` records: its own even when another process ran the same check before."""
        if check not in self._evidence:
            self._evidence[check] = _new_folder(self.path / "evidence", folder_name(check))
        return self._evidence[check]

    def evidence_path(self, check: str) -> str:
        """That folder as a verdict names it: as seen from where the command runs, if it lies below."""
        folder = self.evidence_dir(check).resolve()
        return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)

    @property
    def logs_dir(self) -> Path:
        return self.path / "logs"

    @property
    def verdicts_path(self) -> Path:
        return self.path / "verdicts.jsonl"

    def record(self, verdict: Verdict) -> None:
        """Add a verdict; it is on disk when this returns."""
        append_verdict(self.verdicts_path, verdict)

    def verdicts(self) -> list[Verdict]:
        """Every verdict in the order given; none yet is an empty list. Raises RecordError for a damaged line."""
        return read_verdicts(self.verdicts_path) if self.verdicts_path.exists() else []

    def finish(self, at: float | None = None) -> None:
        """End this process's session; the run has ended when the last one has. Twice is harmless."""
        ended = time.time() if at is None else at
        if self._session is None:
            raise RunError(f"{self.path.name} was opened for reading; only a run that was created or joined can finish")
        own = self._session

        def end(facts: RunFacts) -> RunFacts:
            sessions = tuple(
                replace(session, end=ended) if number == own and session.end is None else session
                for number, session in enumerate(facts.sessions)
            )
            ends = [session.end for session in sessions if session.end is not None]
            return replace(facts, sessions=sessions, end=max(ends) if len(ends) == len(sessions) else None)

        self._update(end)

    def _update(self, change: Callable[[RunFacts], RunFacts]) -> None:
        with _locked(self.path):
            _write(self.path, change(read_facts(self.path)))


def find_run(name: str | None = None, root: Path = RUNS) -> Run:
    """The run by id, path or `latest` (None). Raises RunError with the next step when there is none."""
    wanted = name or LATEST
    for candidate in (Path(wanted), root / wanted):
        if (candidate / "run.json").is_file():
            return Run.open(candidate.resolve())
    known = run_ids(root)
    if wanted == LATEST and known:
        return Run.open(root / known[-1])
    if not known:
        raise RunError(f"no run in {root} yet; next: `tox -e verify`, or `pytest suites/` against a target that is up")
    raise RunError(f"no run {wanted!r} in {root}; next: `python -m reports list` shows the {len(known)} there are")


def run_ids(root: Path = RUNS) -> list[str]:
    """Every run in `root`, oldest first."""
    return sorted(path.parent.name for path in root.glob("*/run.json") if path.parent.name != LATEST)


def read_facts(path: Path) -> RunFacts:
    """run.json of a run folder. Raises RunError if it is missing or damaged; unknown keys are passed over."""
    file = path / "run.json"
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
        known = {key.name: row[key.name] for key in fields(RunFacts) if key.name in row}
        known["argv"] = tuple(known.get("argv", ()))
        known["machine"] = Machine(**known.get("machine", {}))
        known["sessions"] = tuple(
            Session(**{**entry, "argv": tuple(entry["argv"])}) for entry in known.get("sessions", [])
        )
        facts = RunFacts(**known)
        if not isinstance(facts.id, str) or not isinstance(facts.images, dict) or not _is_time(facts.start, facts.end):
            raise TypeError("id, start, end or images has the wrong type")
    except FileNotFoundError as error:
        raise RunError(f"no run at {path}: run.json is missing; next: `python -m reports list`") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunError(f"{file}: damaged: {error}; its run cannot be believed, start a new one") from error
    return facts


def folder_name(check: str) -> str:
    """A folder name for a check: its own name where that is safe, else made safe and told apart by a digest."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", check).strip(".-")[:100] or "check"
    return safe if safe == check else f"{safe}-{hashlib.sha256(check.encode()).hexdigest()[:6]}"


def _is_time(start: object, end: object) -> bool:
    return isinstance(start, int | float) and (end is None or isinstance(end, int | float))


def _new_id(at: float) -> str:
    begun = datetime.fromtimestamp(at, UTC)
    # Sorts by time; the last part keeps two runs of the same millisecond apart.
    return f"{begun:%Y-%m-%dT%H%M%S}.{begun.microsecond // 1000:03d}Z-{secrets.token_hex(2)}"


def _new_folder(parent: Path, name: str) -> Path:
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder


def _write(path: Path, facts: RunFacts) -> None:
    """run.json whole or not at all: a reader never sees half of it."""
    draft = path / "run.json.new"
    draft.write_text(json.dumps(asdict(facts), indent=2) + "\n", encoding="utf-8")
    draft.replace(path / "run.json")


def _point_latest(root: Path, name: str) -> None:
    draft = root / f".{LATEST}-{name}"
    draft.symlink_to(name, target_is_directory=True)
    draft.replace(root / LATEST)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with (path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _git_state(inside: Path) -> tuple[str | None, bool | None]:
    """The commit and whether anything differs from it; None where there is no git to ask."""

    def ask(*words: str) -> str:
        return subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(inside), *words], capture_output=True, text=True, check=True, timeout=20  # noqa: S607
        ).stdout.strip()  # fmt: skip

    try:
        return ask("rev-parse", "HEAD"), bool(ask("status", "--porcelain"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def _this_machine() -> Machine:
    model, memory = None, None
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        model = found.group(1) if found else None
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        pass
    return Machine(cores=len(os.sched_getaffinity(0)), cpu_model=model, memory_bytes=memory)
