"""A value is compared with its own kind alone, and noise is not taken for change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports.earlier import KEPT, Value, add, compare, machine_class, read
from reports.run import Machine

VALUE = Value(
    name="load.search_p95_ms", value=20.0, unit="ms", target="kind", machine="2 cores, m", at=100.0, run="r", speed=10.0
)


def earlier(*values: float, speed: float | None = 10.0) -> list[Value]:
    return [replace(VALUE, value=value, at=float(at), speed=speed) for at, value in enumerate(values)]


def test_the_first_value_has_nothing_beside_it() -> None:
    found = compare(VALUE, [])
    assert (found.runs, found.ratio, found.noise, found.is_beyond_noise) == (0, None, None, None)
    assert str(found) == "the first on 2 cores, m"


def test_the_ratio_is_to_the_median_and_the_noise_is_the_middle_half() -> None:
    found = compare(replace(VALUE, value=44.0), earlier(18, 20, 20, 22, 24, 20, 21, 90))
    assert (found.runs, found.median) == (8, 20.5)
    assert found.ratio == pytest.approx(44 / 20.5) and found.noise == pytest.approx(3.5 / 2 / 20.5)
    assert found.is_beyond_noise is True and "2.15 of 20.5 ms, the median of 8 earlier" in str(found)


def test_a_value_among_the_earlier_ones_is_within_their_noise() -> None:
    found = compare(VALUE, earlier(18, 20, 20, 22, 24, 20, 21, 90))
    assert found.is_beyond_noise is False and "within their noise" in str(found)


def test_two_runs_are_too_few_to_tell_noise_from_change() -> None:
    found = compare(VALUE, earlier(10, 30))
    assert (found.median, found.ratio, found.noise) == (20.0, 1.0, 0.5)
    assert found.is_beyond_noise is None and "too few" in str(found)


@pytest.mark.parametrize(
    "other", [{"machine": "4 cores, m"}, {"target": "production"}, {"name": "load.other_ms"}, {"unit": "s"}]
)
def test_another_kind_is_not_compared(other: dict[str, str]) -> None:
    assert compare(VALUE, [replace(each, **other) for each in earlier(1, 2, 3)]).runs == 0  # type: ignore[arg-type]


def test_a_median_of_nothing_has_no_ratio() -> None:
    found = compare(VALUE, earlier(0, 0, 0, 0))
    assert (found.ratio, found.noise, found.is_beyond_noise) == (None, None, None)
    assert "beside 0 ms" in str(found)


def test_the_machines_own_speed_stands_beside_it() -> None:
    found = compare(replace(VALUE, speed=5.0), earlier(20, 20, 20, 20))
    assert found.speed_ratio == 0.5 and "0.50 times as fast" in str(found)
    assert compare(VALUE, earlier(20, 20, speed=None)).speed_ratio is None


def test_of_each_kind_the_newest_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "earlier.jsonl"
    for at in range(KEPT + 5):
        add(path, replace(VALUE, value=float(at), at=float(at)))
    add(path, replace(VALUE, machine="4 cores, m"))
    kept = [each.value for each in read(path) if each.machine == VALUE.machine]
    assert kept == [float(at) for at in range(5, KEPT + 5)] and len(read(path)) == KEPT + 1


def test_a_damaged_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "earlier.jsonl"
    add(path, VALUE)
    with path.open("a", encoding="utf-8") as file:
        file.write('half a line\n{"name": "x"}\n[]\n')
    add(path, replace(VALUE, at=200.0))
    assert [each.at for each in read(path)] == [100.0, 200.0]


def test_no_file_is_no_earlier_run(tmp_path: Path) -> None:
    assert read(tmp_path / "none.jsonl") == []


def test_a_class_of_machines_is_cores_and_model() -> None:
    assert machine_class(Machine(cores=2, cpu_model="M", memory_bytes=1)) == "2 cores, M"
    assert machine_class(Machine()) == "? cores, model not known"
