from __future__ import annotations

import time

import pytest

from reference.searchapp.stores.cache import Answer, LocalAnswers


def _answer(body: bytes = b"{}", *, ttl_s: float = 60.0) -> Answer:
    return Answer(body, True, False, time.time() + ttl_s)


def test_an_answer_is_given_for_its_generation_only() -> None:
    answers = LocalAnswers()
    answers.put("k", "g1", _answer())
    assert answers.get("k", "g1") is not None
    assert answers.get("k", "g2") is None
    assert answers.get("k", "g1") is None, "an answer of another generation is dropped"


def test_an_expired_answer_is_not_given() -> None:
    answers = LocalAnswers()
    answers.put("k", "g", _answer(ttl_s=-1))
    assert answers.get("k", "g") is None


def test_the_least_recently_used_go_first() -> None:
    answers = LocalAnswers(limit_bytes=25)
    for key in ("a", "b"):
        answers.put(key, "g", _answer(b"x" * 10))
    assert answers.get("a", "g") is not None
    answers.put("c", "g", _answer(b"x" * 10))
    assert "b" not in answers
    assert "a" in answers
    assert "c" in answers


def test_what_expired_makes_room_without_being_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = LocalAnswers()
    for key in ("a", "b"):
        answers.put(key, "g", _answer(ttl_s=60))
    answers.put("c", "g", _answer(ttl_s=120))
    assert "a" in answers, "not yet expired"
    later = time.time() + 90
    monkeypatch.setattr(time, "time", lambda: later)
    answers.put("d", "g", _answer())
    assert [key for key in "abcd" if key in answers] == ["c", "d"]


def test_an_answer_survives_redis_in_its_own_generation_and_time() -> None:
    answer = Answer(b'{"hits": []}', False, True, time.time() + 5)
    assert Answer.unpacked(answer.packed("0"), "0") == answer
    assert Answer.unpacked(answer.packed("0"), "1") is None
    assert Answer.unpacked(_answer(ttl_s=-1).packed("0"), "0") is None
