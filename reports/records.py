"""What is written down: operations and marks (history), measurements, verdicts.

Every record is one JSON object per line; times are Unix seconds of one clock, durations carry their unit in the name.
A history is closed on disk before anything reads it.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

Outcome = Literal["ok", "fail", "unknown"]
MarkKind = Literal["steady", "injecting", "observed", "healing", "healed"]
Word = Literal["pass", "fail", "inconclusive"]
Record = TypeVar("Record")


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
        return cls._of(_parsed(path, _operation_or_mark))

    @classmethod
    def salvage(cls, path: Path) -> tuple[Self, list[RecordError]]:
        """What can be read of a history, and each line that cannot: to be shown, never to be judged."""
        damaged: list[RecordError] = []
        return cls._of(_parsed(path, _operation_or_mark, damaged)), damaged

    @classmethod
    def _of(cls, records: Iterable[Operation | Mark]) -> Self:
        operations: list[Operation] = []
        marks: list[Mark] = []
        for record in records:
            if isinstance(record, Mark):
                marks.append(record)
            else:
                operations.append(record)
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
        # Not asdict, which copies every value: a generator has one millisecond for each of its requests.
        row = {name: getattr(record, name) for name in record.__slots__}
        line = json.dumps(row, separators=(",", ":"))
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
    return _parsed(path, lambda row: row)


def append_verdict(path: Path, verdict: Verdict) -> None:
    """Add one verdict to a run's verdicts.jsonl, whole or not at all for a reader of lines; on disk when it returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Facts may hold a path or a decimal; a verdict that is lost over it would be worse than its text.
    line = json.dumps(asdict(verdict), separators=(",", ":"), default=str)
    # One write to a file opened for appending: two processes never mix their lines.
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        end = os.fstat(descriptor).st_size
        # A writer that was killed leaves half a line; the next verdict must not be swallowed by it.
        torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
        os.write(descriptor, f"{chr(10) if torn else ''}{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_verdicts(path: Path) -> list[Verdict]:
    """All verdicts of a run in the order they were given. Raises RecordError for a damaged line."""
    return list(_parsed(path, _verdict))


def salvage_verdicts(path: Path) -> tuple[list[Verdict], list[RecordError]]:
    """What can be read of a verdicts file, and each line that cannot: to be shown, never to pass a gate."""
    damaged: list[RecordError] = []
    return list(_parsed(path, _verdict, damaged)), damaged


def _parsed(
    path: Path, parse: Callable[[dict[str, Any]], Record], damaged: list[RecordError] | None = None
) -> Iterator[Record]:
    """Each line parsed; one that is not a record raises RecordError, or is collected where `damaged` is given."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise RecordError(f"{path}:{number}: not JSON: {error}") from error
                if not isinstance(row, dict):
                    raise RecordError(f"{path}:{number}: not an object")
                try:
                    record = parse(row)
                except (TypeError, ValueError) as error:
                    raise RecordError(f"{path}:{number}: not a record: {error}") from error
            except RecordError as error:
                if damaged is None:
                    raise
                damaged.append(error)
            else:
                yield record


def _operation_or_mark(row: dict[str, Any]) -> Operation | Mark:
    if "mark" in row:
        mark = Mark(**row)
        _require(mark.mark in get_args(MarkKind), f"mark {mark.mark!r} is none of {', '.join(get_args(MarkKind))}")
        _require_text(fault=mark.fault, detail=mark.detail)
        _require_number(at=mark.at)
        return mark
    operation = Operation(**row)
    _require(operation.outcome in get_args(Outcome), f"outcome {operation.outcome!r}: {', '.join(get_args(Outcome))}")
    _require_text(client=operation.client, kind=operation.kind)
    _require_number(intended=operation.intended, started=operation.started, finished=operation.finished)
    return operation


def _verdict(row: dict[str, Any]) -> Verdict:
    window = row.get("window")
    verdict = Verdict(**{**row, "window": None if window is None else Window(**window)})
    _require(verdict.word in get_args(Word), f"word {verdict.word!r} is none of {', '.join(get_args(Word))}")
    _require_text(
        objective=verdict.objective, reason=verdict.reason, unit=verdict.unit, bound=verdict.bound, check=verdict.check,
        evidence=verdict.evidence, fault=verdict.fault or "",
    )  # fmt: skip
    _require_number(at=verdict.at, samples=verdict.samples)
    _require_number_or_none(value=verdict.value, margin=verdict.margin)
    if verdict.window is not None:
        _require_number(start=verdict.window.start, end=verdict.window.end)
    _require(isinstance(verdict.gate, bool), f"gate {verdict.gate!r} is neither true nor false")
    _require(isinstance(verdict.guards, dict) and isinstance(verdict.facts, dict), "guards and facts must be objects")
    _require_number_or_none(**verdict.guards)
    return verdict


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _require_number(**values: object) -> None:
    for name, value in values.items():
        _require(type(value) in (int, float) and math.isfinite(value), f"{name} {value!r} is not a number")  # type: ignore[arg-type]


def _require_number_or_none(**values: object) -> None:
    _require_number(**{name: value for name, value in values.items() if value is not None})


def _require_text(**values: object) -> None:
    for name, value in values.items():
        _require(isinstance(value, str), f"{name} {value!r} is not a text")


def worst(words: Iterable[Word]) -> Word:
    """fail > inconclusive > pass; nothing at all is inconclusive."""
    seen = set(words)
    if "fail" in seen:
        return "fail"
    return "pass" if seen == {"pass"} else "inconclusive"
