"""What a search costs: `python -m reference.tests.searchengine.speed [documents]`, no other load on the machine.

Starts a server, fills an index, and asks queries that differ all the time, as the platform asks them. The server's CPU
time is read from the kernel, so the number holds whatever the client costs.
"""

from __future__ import annotations

import http.client
import itertools
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import meilisearch
import orjson

from reference.tests.searchengine.running import MASTER_KEY, RunningServer

_CLIENTS = 8
_SECONDS = 10.0
_SHOWN = {
    "limit": 20,
    "attributesToRetrieve": ["url", "title"],
    "attributesToCrop": ["content"],
    "cropLength": 30,
    "attributesToHighlight": ["content"],
}


class Corpus:
    """English-like pages of about 2 KB with Zipf's frequencies."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        syllables = [c + v for c in "bcdfghjklmnprstvw" for v in "aeiou"]
        made = ("".join(self._random.choices(syllables, k=self._random.randint(2, 5))) for _ in itertools.count())
        self.words = list(itertools.islice(dict.fromkeys(itertools.islice(made, 20_000)), 8_000))
        self._weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(self.words))))

    def _text(self, count: int) -> str:
        return " ".join(self._random.choices(self.words, cum_weights=self._weights, k=count))

    def pages(self, count: int) -> list[dict[str, Any]]:
        return [
            {
                "id": f"page-{number}",
                "url": f"http://demosite/site/page/{number}",
                "title": self._text(5).title(),
                "content": ". ".join(self._text(12).capitalize() for _ in range(25)),
            }
            for number in range(count)
        ]

    def queries(self) -> Iterator[str]:
        """One to three words, one in five misspelt, one in ten only begun, one in ten not to be found."""
        while True:
            words = self._random.choices(self.words, cum_weights=self._weights, k=self._random.randint(1, 3))
            kind = self._random.random()
            if kind < 0.2:
                middle = len(words[-1]) // 2
                words[-1] = words[-1][:middle] + words[-1][middle + 1 :]
            elif kind < 0.3:
                words[-1] = words[-1][:3]
            elif kind < 0.4:
                words = [f"qx{self._random.getrandbits(40):x}"]
            yield " ".join(words)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ask(port: int, queries: Iterator[str], lock: threading.Lock, until: float, took_s: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {MASTER_KEY}", "Content-Type": "application/json"}
    while time.perf_counter() < until:
        with lock:
            body = orjson.dumps({"q": next(queries), **_SHOWN})
        started = time.perf_counter()
        connection.request("POST", "/indexes/pages/search", body, headers)
        answer = connection.getresponse()
        raw = answer.read()
        took_s.append(time.perf_counter() - started)
        if answer.status != 200:
            raise RuntimeError(raw.decode())


def main(count: int) -> None:
    corpus = Corpus(seed=7)
    with tempfile.TemporaryDirectory() as folder, RunningServer(Path(folder)) as server:
        index = meilisearch.Client(server.url, MASTER_KEY).index("pages")
        started = time.perf_counter()
        index.update_settings({"searchableAttributes": ["title", "content"]})
        pages = corpus.pages(count)
        uids = [index.add_documents(pages[at : at + 1000], "id").task_uid for at in range(0, count, 1000)]
        done = index.wait_for_task(uids[-1], timeout_in_ms=900_000)
        sys.stdout.write(f"indexed {count} documents in {time.perf_counter() - started:.1f} s: {done.status}\n")
        took_s: list[float] = []
        queries, lock = corpus.queries(), threading.Lock()
        cpu_s, until = _cpu_s(server.pid), time.perf_counter() + _SECONDS
        clients = [
            threading.Thread(target=_ask, args=(server.port, queries, lock, until, took_s)) for _ in range(_CLIENTS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        cpu_s = _cpu_s(server.pid) - cpu_s
        took_s.sort()
        sys.stdout.write(
            f"{len(took_s) / _SECONDS:.0f} searches/s by {_CLIENTS} clients, "
            f"{cpu_s / len(took_s) * 1e6:.0f} us of server CPU each, "
            f"p50 {took_s[len(took_s) // 2] * 1e3:.1f} ms, p95 {took_s[int(len(took_s) * 0.95)] * 1e3:.1f} ms\n"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
