"""What became of every scrape that was accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from reports.records import History, Measurement, Window
from suites.harness.checkers.fault import doubts_of_fault
from suites.harness.checkers.shown import shown


class ScrapeSeen(Protocol):
    """A scrape as the platform has it, by the key its client gave it."""

    @property
    def key(self) -> str: ...
    @property
    def site(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def attempts(self) -> int: ...


def lost_tasks(
    history: History,
    scrapes: Sequence[ScrapeSeen],
    *,
    served: Mapping[str, Mapping[str, str]],
    stored: Mapping[str, Sequence[tuple[str, str]] | None],
    kind: str = "submit",
    around_fault: bool = True,
    doubts: Iterable[str] = (),
) -> Measurement:
    """The accepted scrapes that were not done: not there, not completed by the time they were read, or without effect.

    `served` is what each site serves (URL → checksum), `stored` the pages (URL, checksum) that the platform has of it,
    None where that could not be read. A scrape whose site lacks a page, or has another than is served, had no effect.
    Guard `duplicated_effects`: keys with more than one scrape, and pages that are stored twice.
    """
    submissions = [operation for operation in history.operations if operation.kind == kind]
    accepted = list(dict.fromkeys(str(each.value) for each in submissions if each.outcome == "ok" and each.value))
    by_key: dict[str, list[ScrapeSeen]] = {}
    for scrape in scrapes:
        by_key.setdefault(scrape.key, []).append(scrape)
    damage = {site: found for site in served if (found := _damage(served[site], stored.get(site)))}
    fates = {key: _fate(by_key.get(key, ()), damage) for key in accepted}
    lost = {key: fate for key, fate in fates.items() if fate != "completed"}
    again = sorted(key for key, found in by_key.items() if len(found) > 1)
    twice = sorted(url for pages in stored.values() for url, count in _times(pages).items() if count > 1)
    unread = sorted(site for site in served if stored.get(site) is None)
    injecting = history.first("injecting")
    return Measurement(
        value=float(len(lost)) if accepted else None,
        unit="count",
        samples=len(accepted),
        window=Window(start=submissions[0].intended, end=max(each.finished for each in submissions))
        if submissions
        else None,
        guards={"duplicated_effects": float(len(again) + len(twice))},
        doubts=(
            *doubts,
            *(_doubts(history, kind) if around_fault else ()),
            *(f"the pages of site {site} could not be read" for site in unread),
        ),
        fault=injecting.fault if injecting else None,
        facts={
            "accepted": len(accepted),
            "fates": dict(Counter(fates.values()).most_common()),
            "never_accepted_but_there": len(by_key.keys() - set(accepted)),
            "attempted_again": sum(1 for found in by_key.values() if any(scrape.attempts > 1 for scrape in found)),
            "pages_served": sum(len(pages) for pages in served.values()),
            **({"lost": shown([f"{key}: {fate}" for key, fate in lost.items()])} if lost else {}),
            **({"damaged_sites": damage} if damage else {}),
            **({"scrapes_with_one_key": shown(again)} if again else {}),
            **({"pages_stored_twice": shown(twice)} if twice else {}),
        },
    )


def _fate(found: Sequence[ScrapeSeen], damage: Mapping[str, Any]) -> str:
    """What became of an accepted scrape, `completed` when it was done."""
    if not found:
        return "not there"
    unfinished = [scrape.status for scrape in found if scrape.status != "completed"]
    if len(unfinished) == len(found):
        return unfinished[0]
    return "completed without effect" if any(scrape.site in damage for scrape in found) else "completed"


def _damage(served: Mapping[str, str], stored: Sequence[tuple[str, str]] | None) -> dict[str, list[str]]:
    if stored is None:
        return {}
    found = dict(stored)
    wrong = {
        "missing": [url for url in served if url not in found],
        "altered": [url for url, checksum in served.items() if url in found and found[url] != checksum],
    }
    return {name: shown(urls) for name, urls in wrong.items() if urls}


def _times(pages: Sequence[tuple[str, str]] | None) -> Counter[str]:
    return Counter(url for url, _ in pages or ())


def _doubts(history: History, kind: str) -> list[str]:
    doubts = doubts_of_fault(history)
    injecting, healed = history.first("injecting"), history.first("healed")
    if injecting is None:
        return doubts
    accepted_at = [
        each.finished for each in history.operations if each.kind == kind and each.outcome == "ok" and each.value
    ]
    if not any(injecting.at <= at and (healed is None or at <= healed.at) for at in accepted_at):
        doubts.append(f"no {kind} was accepted while the fault was on")
    return doubts
