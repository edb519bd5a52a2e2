"""Registers the suites' fixtures and hooks; they live in suites/fixtures, one family per file."""

pytest_plugins = [
    # First: others import it, and pytest rewrites the asserts only of what nobody imported before.
    "suites.fixtures.evidence",
    "suites.fixtures.abuse",
    "suites.fixtures.benchmark",
    "suites.fixtures.by_name",
    "suites.fixtures.earlier",
    "suites.fixtures.faults",
    "suites.fixtures.idle",
    "suites.fixtures.ledger",
    "suites.fixtures.limits",
    "suites.fixtures.load",
    "suites.fixtures.scrapes",
    "suites.fixtures.scaling",
    "suites.fixtures.sites",
    "suites.fixtures.soak",
    "suites.fixtures.sweep",
    "suites.fixtures.target",
    "suites.fixtures.tasks",
    "suites.fixtures.traffic",
    "suites.fixtures.users",
    "suites.fixtures.witness",
]
