"""`python -m reference.searchengine`, with the options and variables of the official program that the chart uses."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from reference.searchengine.server import Options, Server


def options(argv: Sequence[str] | None, env: Mapping[str, str]) -> Options:
    """What to serve, and where."""
    parser = argparse.ArgumentParser(prog="meilisearch", description="Meilisearch's HTTP API over the milli engine.")
    parser.add_argument("--db-path", default=env.get("MEILI_DB_PATH", "/meili_data"), type=Path)
    parser.add_argument("--dump-dir", default=env.get("MEILI_DUMP_DIR"), type=Path)
    parser.add_argument("--http-addr", default=env.get("MEILI_HTTP_ADDR", "0.0.0.0:7700"))
    parser.add_argument("--master-key", default=env.get("MEILI_MASTER_KEY"))
    parser.add_argument("--import-dump", default=env.get("MEILI_IMPORT_DUMP"), type=Path)
    parser.add_argument("--log-level", default=env.get("MEILI_LOG_LEVEL", "INFO"))
    parser.add_argument("--env", default=env.get("MEILI_ENV", "development"), choices=("development", "production"))
    # Taken as the official program takes them; nothing is ever sent anywhere, and there are no snapshots.
    parser.add_argument("--no-analytics", action="store_true")
    parser.add_argument("--snapshot-dir", type=Path)
    given = parser.parse_args(argv)
    host, _, port = given.http_addr.rpartition(":")
    if given.env == "production" and len((given.master_key or "").encode()) < 16:
        parser.error("in production a master key of at least 16 bytes is required (MEILI_MASTER_KEY)")
    return Options(
        data=given.db_path,
        dumps=given.dump_dir or given.db_path / "dumps",
        host=host.strip("[]"),
        port=int(port),
        master_key=given.master_key or None,
        import_dump=given.import_dump,
        log_level=given.log_level.lower(),
    )


if __name__ == "__main__":
    chosen = options(None, os.environ)
    logging.basicConfig(level=chosen.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    Server(chosen).serve()
