"""Where things lie on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The database folder and the dumps' folder."""

    data: Path
    dumps: Path

    @classmethod
    def under(cls, data: Path, dumps: Path) -> Paths:
        paths = cls(data=data, dumps=dumps)
        for folder in (paths.engines, paths.dumps):
            folder.mkdir(parents=True, exist_ok=True)
        return paths

    @property
    def database(self) -> Path:
        return self.data / "store.sqlite3"

    @property
    def engines(self) -> Path:
        return self.data / "indexes"

    @property
    def server_lock(self) -> Path:
        return self.data / "server.lock"

    @property
    def writer_lock(self) -> Path:
        return self.data / "writer.lock"
