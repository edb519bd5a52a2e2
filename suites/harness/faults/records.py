"""The undo record: written in the cluster and on this machine before a fault touches anything, removed once it healed.

Whoever finds one later, with whatever runner, can heal the target from it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from suites.harness.errors import FaultError
from suites.harness.target import cache

RECORD_LABEL = "sre.site-search/undo-record"


class NoteKeeper(Protocol):
    """Where records are kept in the cluster."""

    def write_note(self, name: str, labels: dict[str, str], text: str) -> None: ...
    def notes(self, selector: str) -> dict[str, str]: ...
    def delete_note(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoRecord:
    """What heals one fault: its kind, where it is, who made it and when it is over by itself."""

    id: str
    kind: str
    context: str
    namespace: str
    component: str
    made_at: float
    expires_at: float
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The record's name in the cluster and on disk."""
        return f"sre-fault-{self.id}"

    def is_abandoned(self, now: float) -> bool:
        """Nobody heals this any more: its time is over, or the process that made it is gone."""
        return now >= self.expires_at or (self.host == socket.gethostname() and not _is_alive(self.pid))

    def write(self, keeper: NoteKeeper) -> None:
        """Keep the record in the cluster and on this machine; both must work before anything is touched."""
        text = json.dumps(asdict(self), indent=2)
        path = local_folder() / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        keeper.write_note(self.name, {RECORD_LABEL: self.kind}, text)

    def remove(self, keeper: NoteKeeper) -> None:
        """Forget the record; twice is harmless."""
        keeper.delete_note(self.name)
        (local_folder() / f"{self.name}.json").unlink(missing_ok=True)

    @classmethod
    def parse(cls, where: str, text: str) -> Self:
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise FaultError(
                f"{where} is not an undo record ({error}): heal the target by hand, then delete it"
            ) from error


def local_folder() -> Path:
    return cache() / "faults"


def left_records(keeper: NoteKeeper, context: str, namespace: str) -> list[UndoRecord]:
    """Every record of this namespace that is kept in the cluster or on this machine, oldest first."""
    texts = {f"ConfigMap {name}": text for name, text in keeper.notes(RECORD_LABEL).items()}
    texts |= {str(path): path.read_text(encoding="utf-8") for path in sorted(local_folder().glob("sre-fault-*.json"))}
    records = {record.id: record for record in (UndoRecord.parse(where, text) for where, text in texts.items())}
    here = (record for record in records.values() if (record.context, record.namespace) == (context, namespace))
    return sorted(here, key=lambda record: record.made_at)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
