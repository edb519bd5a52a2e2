"""What PostgreSQL itself says, asked by `psql` inside its pods: the one place with SQL.

Each instance is asked by itself and over its own socket, so neither a service nor a network stands in between.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.clients.streams import LineStream
from suites.harness.errors import ClientError

COMPONENT = "postgresql"
CONTAINER = "postgres"
DATABASE = "app"

# Between two questions to an instance; a busy machine may double it and still look five times a second.
WATCHED_EVERY_S = 0.1
# An instance that owes an answer for this long is called silent, again and again until it answers.
SILENT_AFTER_S = 0.5

_ASK = f"""exec psql -Xqt --csv -v ON_ERROR_STOP=1 -v given="$2" -d {DATABASE} <<< "$1" """
# Programs run in the folder of the data, where the last line about a setting counts.
_ARCHIVE_NOTHING = "copy (select 'archive_command = true') to program 'cat >> custom.conf'"
# The write is a message in the write-ahead log that nobody reads: it commits by the rules of every other write, so one
# that waits for a standby is not answered, and it leaves nothing behind.
_TRY_TO_WRITE = """
select extract(epoch from clock_timestamp()),
  case when pg_is_in_recovery() then 'standby'
       when current_setting('transaction_read_only') = 'on' then 'read-only'
       else (select 'accepted' from pg_logical_emit_message(true, 'primary-watch', ''))
  end,
  extract(epoch from pg_postmaster_start_time())
"""
# Asks for ever, and puts the pod's own time before every answer: what happens to a connection on its way to the reader
# moves nothing. Ends with its standard input. A line that is only half there when the time is up is put together later.
WATCH_SCRIPT = f"""
exec 3< <(
  while :; do
    echo "{" ".join(_TRY_TO_WRITE.split())} \\watch {WATCHED_EVERY_S}" | psql -XAtq -F ' ' -d postgres 2>/dev/null
    echo down
    sleep 0.2
  done
)
while :; do
  IFS= read -r -t {SILENT_AFTER_S} -u 3 piece
  got=$?
  line+=$piece
  if [ $got -eq 0 ]; then
    echo "$EPOCHREALTIME $line"
    line=
  elif [ $got -gt 128 ]; then
    echo "$EPOCHREALTIME silent"
  else
    exit
  fi
  read -r -t 0 -u 0 && exit
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeRow:
    """A scrape as an instance has it, by the key that its client gave it."""

    key: str
    id: str
    site: str
    status: str
    attempts: int
    started_at: float | None
    finished_at: float | None


class Postgres:
    """The target's PostgreSQL instances, each by the name of its pod."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._target = cluster.target
        cluster.target.component(COMPONENT)

    @property
    def instances_wanted(self) -> int:
        return self._cluster.readiness(COMPONENT).wanted

    def pods(self) -> list[Pod]:
        """The pods that are instances; jobs that make one are not."""
        return [
            pod
            for pod in self._cluster.pods(COMPONENT)
            if pod.phase == "Running" and any(container.name == CONTAINER for container in pod.containers)
        ]

    def is_primary(self, instance: str) -> bool:
        return self._value(instance, "select not pg_is_in_recovery()") == "t"

    def primary(self) -> str:
        """The instance that takes writes. Raises ClientError when not exactly one says so."""
        found = [pod.name for pod in self.pods() if self.is_primary(pod.name)]
        if len(found) != 1:
            raise ClientError(f"{len(found)} instances call themselves primary: {', '.join(found) or 'none'}")
        return found[0]

    def promote(self, instance: str) -> None:
        """End a standby's recovery, past whoever decides on that: it takes writes from then on.

        CloudNativePG's archiving would fail there at once, and the word of it have the instance demoted before it could
        be seen; so it archives nothing until its settings are written anew, which happens whenever it hears anything.
        """
        if self._target.component(COMPONENT).kind == "Cluster":
            self._rows(instance, _ARCHIVE_NOTHING)
            self._value(instance, "select pg_reload_conf()")
        self._value(instance, "select pg_promote(true, 10)")

    def failover_decided_at(self) -> float | None:
        """When the operator last chose another primary, as it says itself; None where there is no such operator."""
        component = self._target.component(COMPONENT)
        if component.kind != "Cluster":
            return None
        status = self._cluster.manifests("Cluster")[component.name].get("status", {})
        at = status.get("targetPrimaryTimestamp")
        return datetime.fromisoformat(at).timestamp() if at else None

    def written_up_to(self, instance: str) -> str:
        """The position in the write-ahead log up to which the primary has written to its disk."""
        return self._value(instance, "select pg_current_wal_flush_lsn()")

    def has_replayed(self, instance: str, position: str) -> bool:
        """Whether a replica shows everything up to that position."""
        return self._value(instance, "select pg_last_wal_replay_lsn() >= :'given'::pg_lsn", position) == "t"

    def sites_named(self, instance: str, prefix: str) -> dict[str, int]:
        """How many sites there are of each name that begins so."""
        rows = self._rows(
            instance, "select name, count(*) from sites where starts_with(name, :'given') group by name", prefix
        )
        return {name: int(count) for name, count in rows}

    def scrapes_keyed(self, instance: str, prefix: str) -> list[ScrapeRow]:
        """The scrapes whose idempotency key begins so."""
        rows = self._rows(
            instance,
            "select idempotency_key, id, site_id, status, attempts, extract(epoch from started_at), "
            "extract(epoch from finished_at) from scrapes "
            "where starts_with(idempotency_key, :'given') order by created_at",
            prefix,
        )
        return [
            ScrapeRow(
                key=key,
                id=id,
                site=site,
                status=status,
                attempts=int(attempts),
                started_at=float(started_at) if started_at else None,
                finished_at=float(finished_at) if finished_at else None,
            )
            for key, id, site, status, attempts, started_at, finished_at in rows
        ]

    def delete_sites_named(self, prefix: str) -> int:
        """Delete, on the primary, all sites whose name begins so; how many there were."""
        return int(
            self._value(
                self.primary(),
                "with gone as (delete from sites where starts_with(name, :'given') returning 1) "
                "select count(*) from gone",
                prefix,
            )
        )

    def watch(self, instance: str) -> LineStream:
        """Try to write to one instance again and again: lines of the pod's time and what became of it.

        `standby`, `read-only` or `accepted`, each after the time it was asked and before that of the server's start;
        `silent` while an answer is owed; `down` when there is no server.
        """
        return LineStream(self._target, instance, CONTAINER, ["bash", "-c", WATCH_SCRIPT])

    def _value(self, instance: str, statement: str, given: str = "") -> str:
        rows = self._rows(instance, statement, given)
        if len(rows) != 1 or len(rows[0]) != 1:
            raise ClientError(f"{instance}: {statement}: not one value: {rows[:3]}")
        return rows[0][0]

    def _rows(self, instance: str, statement: str, given: str = "") -> list[list[str]]:
        """What a statement finds, with `given` quoted in the place of `:'given'`."""
        ended = self._cluster.exec(instance, CONTAINER, ["bash", "-c", _ASK, "psql", statement, given])
        if ended.exit_code != 0:
            raise ClientError(f"{instance}: {statement[:100]}: {' '.join(ended.stderr.split())[:300]}")
        return list(csv.reader(ended.stdout.splitlines()))
