"""The process that answers: HTTP, searches, and the writer beside it."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from reference.searchengine import dumps, store
from reference.searchengine.catalog import Catalog
from reference.searchengine.document_routes import DocumentRoutes
from reference.searchengine.http import Application, Router
from reference.searchengine.keys import Keys
from reference.searchengine.paths import Paths
from reference.searchengine.routes import Routes
from reference.searchengine.writer import ACKNOWLEDGED, POKE
from reference.serving.wholeanswers import WholeAnswers

_log = logging.getLogger("searchengine.server")
# A writer that is killed loses nothing; this is only so that a short task need not be done twice.
_WRITER_STOP_S = 2.0
_WRITER_RESTART_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line and the environment say."""

    data: Path
    dumps: Path
    host: str
    port: int
    master_key: str | None
    import_dump: Path | None
    log_level: str


class Server:
    """One database folder, served."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._paths = Paths.under(options.data, options.dumps)
        self._lock = self._paths.server_lock.open("w")
        # Two servers in one folder would each believe to know what is in it.
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._written = self._open_database()
        self._catalog = Catalog(self._paths)
        self._catalog.open_all()
        self._writes = ThreadPoolExecutor(1, "writes")
        self._reads = ThreadPoolExecutor(1, "reads")
        self._channel: socket.socket | None = None

    def _open_database(self) -> sqlite3.Connection:
        is_new = not self._paths.database.exists()
        database = store.open_store(self._paths.database)
        store.create_schema(database)
        if self._options.import_dump is not None:
            if not is_new:
                raise SystemExit(f"a dump is only imported into an empty database, {self._paths.data} holds one")
            count = dumps.read(database, self._options.import_dump)
            _log.info("%s: %d documents to index", self._options.import_dump, count)
        return database

    def serve(self) -> None:
        """Until SIGTERM."""
        meta = dict(self._written.execute("SELECT name, value FROM meta").fetchall())
        keys = Keys(self._options.master_key, meta["instance_uid"], meta["created_at"])
        router = Router()
        routes = Routes(self._catalog, self._enqueue, keys)
        routes.add_to(router)
        DocumentRoutes(self._catalog, routes).add_to(router)
        application = Application(router, keys.require)
        config = uvicorn.Config(
            application,
            host=self._options.host,
            port=self._options.port,
            http=WholeAnswers,
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_level=self._options.log_level,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
            backlog=2048,
        )
        # Uvicorn raises the signal that ended it once more when it is done; there is still a writer to end then.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        # Answers hold no cycles; looking for some among all the documents kept costs a tenth of a search.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(uvicorn.Server(config)))

    async def _serve(self, server: uvicorn.Server) -> None:
        loop = asyncio.get_running_loop()
        loop.run_in_executor(self._reads, self._catalog.refresh)
        async with self._writer(server):
            await server.serve()

    async def _enqueue(self, write: Callable[[sqlite3.Connection], dict[str, Any]]) -> dict[str, Any]:
        """Write in a thread of its own (a commit waits for the disk), then wake the writer."""

        def written() -> dict[str, Any]:
            with store.transaction(self._written):
                return write(self._written)

        answer = await asyncio.get_running_loop().run_in_executor(self._writes, written)
        self._say(POKE)
        return answer

    def _say(self, word: bytes) -> None:
        if self._channel is not None:
            try:
                self._channel.send(word)
            except BlockingIOError:
                pass  # A full channel means that there are pokes enough in it.
            except OSError:
                _log.warning("the writer does not listen; the task waits for its successor")

    @asynccontextmanager
    async def _writer(self, server: uvicorn.Server) -> AsyncIterator[None]:
        keeper = asyncio.create_task(self._keep_writer())

        def ended(keeper: asyncio.Task[None]) -> None:
            if not keeper.cancelled():
                # A server that answers and never writes again is worse than one that is started anew.
                _log.error("nobody keeps the writer any more", exc_info=keeper.exception())
                server.should_exit = True

        keeper.add_done_callback(ended)
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep_writer(self) -> None:
        """There always is a writer. When one dies, the next does what was left undone."""
        while True:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "reference.searchengine.writer", str(self._paths.data), str(self._paths.dumps),
                str(theirs.fileno()), pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
            theirs.close()
            self._channel = ours
            try:
                await self._listen(ours)
                _log.error("the writer ended with %s; starting another", await process.wait())
            finally:
                self._channel = None
                ours.close()
                try:
                    await asyncio.wait_for(process.wait(), _WRITER_STOP_S)
                except TimeoutError:
                    process.kill()
                    await process.wait()
            await asyncio.sleep(_WRITER_RESTART_S)

    async def _listen(self, channel: socket.socket) -> None:
        """Hear what the writer has done, until it is gone."""
        loop = asyncio.get_running_loop()
        rest = b""
        while heard := await _heard(channel):
            *lines, rest = (rest + heard).split(b"\n")
            for line in lines:
                word, _, folder = line.partition(b" ")
                if word == b"open":
                    await loop.run_in_executor(self._reads, self._catalog.open_engine, folder.decode())
                    self._say(ACKNOWLEDGED)
            if b"done" in lines:
                await loop.run_in_executor(self._reads, self._catalog.refresh)


async def _heard(channel: socket.socket) -> bytes:
    """What was said; nothing when nobody is there any more."""
    try:
        return await asyncio.get_running_loop().sock_recv(channel, 65536)
    except ConnectionResetError:
        # It died with something unread.
        return b""
