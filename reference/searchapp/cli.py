"""`searchapp api | worker | migrate`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from reference.searchapp import logs
from reference.searchapp.settings import Settings, SettingsError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the image's commands."""
    parser = argparse.ArgumentParser(prog="searchapp")
    commands = parser.add_subparsers(dest="command", required=True)
    api = commands.add_parser("api", help="answer requests on port 8000")
    api.add_argument("--port", type=int, default=8000)
    worker = commands.add_parser("worker", help="do scrapes; metrics and health on port 9100")
    worker.add_argument("--metrics-port", type=int, default=9100)
    migrate = commands.add_parser("migrate", help="bring the schema up to date and store the bootstrap key")
    migrate.add_argument("--wait", type=float, default=300.0, help="seconds to wait for the database")
    given = parser.parse_args(argv)
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        print(f"searchapp: {error}", file=sys.stderr)  # noqa: T201 - logging is not set up without settings
        return 2
    logs.configure(settings.log_level, pod=settings.pod_name, version=settings.app_version)
    logging.captureWarnings(True)
    # Each command imports its own half: a pod that restarts must not wait for the other's.
    if given.command == "api":
        from reference.searchapp.main import serve

        serve(settings, port=given.port)
        return 0
    if given.command == "worker":
        from reference.searchapp.tasks.worker import work

        return work(settings, metrics_port=given.metrics_port)
    from reference.searchapp.migrations.run import migrate as run_migrations

    return run_migrations(settings, wait_s=given.wait)
