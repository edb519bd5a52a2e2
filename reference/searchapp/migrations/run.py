"""`searchapp migrate`: wait for the database, bring the schema up to date, store the bootstrap key.

Every change waits for a table's lock for two seconds at most: whoever queues for one keeps all behind it waiting, and
those are users. One that did not get it is tried again, like a database that does not answer.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, OperationalError

from reference.searchapp.api.keys import key_hash
from reference.searchapp.models import ApiKey
from reference.searchapp.settings import Settings
from reference.searchapp.stores.database import async_url

log = logging.getLogger(__name__)

# The chart's Job is not tried again after this one: the same statement would only be refused once more.
REFUSED = 3
HERE = Path(__file__).parent
# Two migrations at once would trip over each other; any number, as long as nobody else here uses it.
_LOCK = 0x5EA2C4
_LOCK_TIMEOUT = "2s"
_PAUSE_S = 1.0
# A rehearsal keeps its own account: what it did is nobody's schema.
_REHEARSALS = "alembic_rehearsals"


def migrate(settings: Settings, *, wait_s: float) -> int:
    """0 once the schema is current; 1 when that was not reached within `wait_s`; 3 when the database refused a change.

    What was refused left nothing behind.
    """
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
                connection.execute(sa.text(f"set local lock_timeout = '{_LOCK_TIMEOUT}'"))
                upgrade(connection)
                _rehearse(connection, wanted=settings.rehearse_migration)
                _break(connection, settings)
                _store_bootstrap_key(connection, settings.admin_api_key)
        except OperationalError as error:
            if time.monotonic() > deadline:
                log.error("no database", extra={"waited_s": wait_s, "error": str(error.orig)})
                return 1
            log.info("waiting for the database", extra={"error": str(error.orig).strip()})
            time.sleep(_PAUSE_S)
        except DBAPIError as error:
            log.error("migration refused", extra={"error": str(error.orig).strip()})
            return REFUSED
        else:
            log.info("schema is current")
            return 0


def upgrade(connection: sa.Connection) -> None:
    """Run the migrations that are missing, inside the caller's transaction; leave a later release's schema alone."""
    config = _config(connection, "versions")
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if later := sorted(found - known):
        # This release came after one that was taken back. Its schema serves the version before it as well.
        log.warning("the schema is of a later release: left as it is", extra={"revisions": later})
        return
    command.upgrade(config, "head")


def _rehearse(connection: sa.Connection, *, wanted: bool) -> None:
    """Add what a rehearsed release brings; take it away again with the first release that does not want it."""
    config = _config(connection, "rehearsals", version_table=_REHEARSALS)
    if wanted:
        command.upgrade(config, "head")
    elif sa.inspect(connection).has_table(_REHEARSALS):
        command.downgrade(config, "base")
        connection.execute(sa.text(f"drop table {_REHEARSALS}"))


def _break(connection: sa.Connection, settings: Settings) -> None:
    """For mutants and bad releases: a migration that keeps everybody from a busy table, and one that is refused."""
    if settings.fault_migration_locks_s:
        connection.execute(sa.text("lock table scrapes in access exclusive mode"))
        connection.execute(sa.text("select pg_sleep(:seconds)"), {"seconds": settings.fault_migration_locks_s})
    if settings.fault_migration_fails:
        connection.execute(sa.text("alter table scrapes add column status text"))


def _config(connection: sa.Connection, versions: str, **attributes: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(HERE / versions))
    config.set_main_option("path_separator", "os")
    config.attributes.update(attributes, connection=connection)
    return config


def _store_bootstrap_key(connection: sa.Connection, key: str) -> None:
    if not key:
        log.warning("ADMIN_API_KEY is not set: no key was stored")
        return
    connection.execute(insert(ApiKey).values(key_hash=key_hash(key), name="bootstrap").on_conflict_do_nothing())
