"""Answers of searches: a small store in the process in front of Redis, both valid for one generation of a site."""

from __future__ import annotations

import asyncio
import struct
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass

from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.redis import Command, Redis

_LOCAL_BYTES = 32 * 1024 * 1024
# Answers are sent on together: a write of its own for each costs more than the few milliseconds are worth.
_GATHER_S = 0.02
_HEAD = struct.Struct("<d??16s")


@dataclass(frozen=True, slots=True)
class Answer:
    """A search's body as sent, and until when it may be sent again (Unix seconds)."""

    body: bytes
    has_results: bool
    degraded: bool
    expires_at: float

    def packed(self, generation: str) -> bytes:
        return _HEAD.pack(self.expires_at, self.has_results, self.degraded, generation.encode()) + self.body

    @classmethod
    def unpacked(cls, raw: bytes, generation: str) -> Answer | None:
        """The answer, unless it is of another generation or has expired."""
        expires_at, has_results, degraded, of_generation = _HEAD.unpack_from(raw)
        if of_generation.rstrip(b"\0").decode() != generation or expires_at < time.time():
            return None
        return cls(raw[_HEAD.size :], has_results, degraded, expires_at)


class LocalAnswers:
    """The least recently used go first: once the bytes are spent, and as soon as they may not be given any more."""

    def __init__(self, limit_bytes: int = _LOCAL_BYTES) -> None:
        self._limit = limit_bytes
        self._bytes = 0
        self._answers: OrderedDict[str, tuple[str, Answer]] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._answers

    def get(self, key: str, generation: str) -> Answer | None:
        found = self._answers.get(key)
        if found is None:
            return None
        if found[0] != generation or found[1].expires_at < time.time():
            self._drop(key)
            return None
        self._answers.move_to_end(key)
        return found[1]

    def put(self, key: str, generation: str, answer: Answer) -> None:
        if key in self._answers:
            self._drop(key)
        self._answers[key] = (generation, answer)
        self._bytes += len(answer.body)
        now = time.time()
        # Whoever was not used for an answer's lifetime has expired, so looking at the first one is enough.
        while (oldest := next(iter(self._answers), None)) is not None:
            if self._bytes <= self._limit and self._answers[oldest][1].expires_at >= now:
                return
            self._drop(oldest)

    def _drop(self, key: str) -> None:
        self._bytes -= len(self._answers.pop(key)[1].body)


class SharedAnswers:
    """Answers for the other replicas, handed to Redis a few at a time; one that is lost on the way is no harm."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[Command] = []
        self._sending: asyncio.Task[None] | None = None

    def put(self, key: str, generation: str, answer: Answer, ttl_s: float) -> None:
        self._waiting.append(("SET", answer_key(key), answer.packed(generation), "PX", int(ttl_s * 1000)))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_soon())

    async def _send_soon(self) -> None:
        await asyncio.sleep(_GATHER_S)
        commands, self._waiting, self._sending = self._waiting, [], None
        with suppress(Unavailable):
            await self._redis.call(*commands)


def answer_key(key: str) -> str:
    return f"answer:{key}"
