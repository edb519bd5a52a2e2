"""What is written down: operations and marks (history), measurements, verdicts.

Every record is one JSON object per line; times are Unix seconds of one clock, durations carry their unit in the name.
A history is closed on disk before anything reads it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

Outcome = Literal["ok", "fail", "unknown"]
MarkKind = Literal["steady", "injecting", "observed", "healing", "healed"]
Word = Literal["pass", "fail", "inconclusive"]


class RecordError(ValueError):
    """A line of a history or verdicts file that is not a record; names the file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing a client did. A timeout is `unknown`: it may have taken effect.

    `intended` is when the schedule wanted it to start (open model); latency counts from there.
    """

    client: str
    kind: str
    intended: float
    started: float
    finished: float
    outcome: Outcome
    value: Any = None
    error: str | None = None

    @property
    def latency_ms(self) -> float:
        return (self.finished - self.intended) * 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment in the life of a fault: steady, injecting, observed, healing or healed."""

    mark: MarkKind
    fault: str
    at: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From `start` to `end`, Unix seconds."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A number with its unit, sample count and window. `value` None means: nothing was measured.

    `guards` are the side values that an objective also bounds (for example `error_ratio`).
    `doubts` are reasons why the number may not be believed (fault never observed, generator late): any doubt makes
    the verdict inconclusive. `facts` are shown beside the number and never judged.
    """

    value: float | None
    unit: str
    samples: int
    window: Window | None = None
    guards: Mapping[str, float | None] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    fault: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one measurement by one objective, with all a reader needs to believe it."""

    objective: str
    word: Word
    reason: str
    value: float | None
    unit: str
    bound: str
    margin: float | None
    samples: int
    window: Window | None
    guards: Mapping[str, float | None]
    fault: str | None
    facts: Mapping[str, Any]
    gate: bool
    check: str
    evidence: str
    at: float


@dataclass(frozen=True, slots=True)
class History:
    """Operations and marks as read back from disk, each in order of time."""

    operations: tuple[Operation, ...]
    marks: tuple[Mark, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a closed history. Raises RecordError for a line that is not a record."""
        operations: list[Operation] = []
        marks: list[Mark] = []
        for row in read_lines(path):
            try:
                if "mark" in row:
                    marks.append(Mark(**row))
                else:
                    operations.append(Operation(**row))
            except TypeError as error:
                raise RecordError(f"{path}: not an operation or mark: {row!r} ({error})") from error
        operations.sort(key=lambda operation: operation.intended)
        marks.sort(key=lambda mark: mark.at)
        return cls(tuple(operations), tuple(marks))

    def first(self, mark: MarkKind) -> Mark | None:
        return next((entry for entry in self.marks if entry.mark == mark), None)


class HistoryWriter:
    """Appends operations and marks to a history file; safe from many threads. Closing flushes to disk."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def add(self, record: Operation | Mark) -> None:
        line = json.dumps(asdict(record), separators=(",", ":"))
        with self._lock:
            self._file.write(line + "\n")
            if isinstance(record, Mark):
                self._file.flush()

    def close(self) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Each JSON object of a .jsonl file. Raises RecordError naming the line that is not one."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise RecordError(f"{path}:{number}: not JSON: {error}") from error
            if not isinstance(row, dict):
                raise RecordError(f"{path}:{number}: not an object")
            yield row


def append_verdict(path: Path, verdict: Verdict) -> None:
    """Add one verdict to a run's verdicts.jsonl, whole or not at all for a reader of lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(verdict), separators=(",", ":")) + "\n")


def read_verdicts(path: Path) -> list[Verdict]:
    """All verdicts of a run in the order they were given. Raises RecordError for a damaged line."""
    verdicts = []
    for row in read_lines(path):
        try:
            window = row.get("window")
            verdicts.append(Verdict(**{**row, "window": Window(**window) if window else None}))
        except TypeError as error:
            raise RecordError(f"{path}: not a verdict: {row!r} ({error})") from error
    return verdicts


def worst(words: Iterable[Word]) -> Word:
    """fail > inconclusive > pass; nothing at all is inconclusive."""
    seen = set(words)
    if "fail" in seen:
        return "fail"
    return "pass" if seen == {"pass"} else "inconclusive"
