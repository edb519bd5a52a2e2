"""`searchapp migrate`: wait for the database, bring the schema up to date, store the bootstrap key."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from reference.searchapp.api.keys import key_hash
from reference.searchapp.models import ApiKey
from reference.searchapp.settings import Settings
from reference.searchapp.stores.database import async_url

log = logging.getLogger(__name__)

# Two migrations at once would trip over each other; any number, as long as nobody else here uses it.
_LOCK = 0x5EA2C4
_PAUSE_S = 1.0


def migrate(settings: Settings, *, wait_s: float) -> int:
    """0 once the schema is current; 1 when the database did not answer within `wait_s`."""
    logging.getLogger("alembic.runtime.plugins").setLevel("WARNING")
    engine = sa.create_engine(
        async_url(settings.database_url),
        poolclass=sa.NullPool,
        connect_args={"connect_timeout": 3, "target_session_attrs": "read-write"},
    )
    deadline = time.monotonic() + wait_s
    while True:
        try:
            with engine.begin() as connection:
                connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                upgrade(connection)
                _store_bootstrap_key(connection, settings.admin_api_key)
        except OperationalError as error:
            if time.monotonic() > deadline:
                log.error("no database", extra={"waited_s": wait_s, "error": str(error.orig)})
                return 1
            log.info("waiting for the database", extra={"error": str(error.orig).strip()})
            time.sleep(_PAUSE_S)
        else:
            log.info("schema is current")
            return 0


def upgrade(connection: sa.Connection) -> None:
    """Run the migrations that are missing, inside the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _store_bootstrap_key(connection: sa.Connection, key: str) -> None:
    if not key:
        log.warning("ADMIN_API_KEY is not set: no key was stored")
        return
    connection.execute(insert(ApiKey).values(key_hash=key_hash(key), name="bootstrap").on_conflict_do_nothing())
