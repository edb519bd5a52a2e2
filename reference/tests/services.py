"""Real PostgreSQL, Redis and search engine for the tests: containers of the platform's own images.

A container is started once per session; PostgreSQL and Redis end by themselves after LIFE_S, should a run be killed.
"""

from __future__ import annotations

import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

# The reaper is an image of its own, which has to be pulled; `--rm` and LIFE_S do its work.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

import psycopg
from testcontainers.core.container import DockerContainer

from reference.cluster.images import ensure

LIFE_S = 1800
READY_WITHIN_S = 60.0
MASTER_KEY = "a-master-key-for-the-tests-only"

_POSTGRES = """
set -e
bin=/usr/lib/postgresql/15/bin
$bin/initdb -D /tmp/data -U postgres -A trust --no-sync >/dev/null
echo 'host all all all trust' >> /tmp/data/pg_hba.conf
exec timeout {life} $bin/postgres -D /tmp/data -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off
"""


class NotStarted(Exception):
    """A service did not answer in time; says what was last seen."""


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a database whose owner is not a superuser, and may create more of them."""
    container = (
        DockerContainer(ensure("postgresql"), user="26:26", entrypoint=["bash", "-c"], auto_remove=True)
        .with_command([_POSTGRES.format(life=LIFE_S)])
        .with_exposed_ports(5432)
    )
    with _running(container, 5432) as (host, port):
        admin = f"postgresql://postgres@{host}:{port}/postgres"
        _until(lambda: psycopg.connect(admin, connect_timeout=2).close(), psycopg.OperationalError, "PostgreSQL")
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("create role app login createdb")
            connection.execute("create database app owner app")
            # A test of deadlocks says which of two is given up: the one that looks for them.
            connection.execute("grant set on parameter deadlock_timeout to app")
        yield f"postgresql://app@{host}:{port}/app"


@contextmanager
def redis() -> Iterator[str]:
    """The URL of an empty Redis."""
    container = (
        DockerContainer(ensure("redis"), entrypoint=["timeout", str(LIFE_S), "redis-server"], auto_remove=True)
        .with_command(["--save", "", "--protected-mode", "no", "--bind", "*"])
        .with_exposed_ports(6379)
    )
    with _running(container, 6379) as (host, port):
        _until(lambda: _ping(host, port), OSError, "Redis")
        yield f"redis://{host}:{port}/0"


@contextmanager
def search_engine() -> Iterator[str]:
    """The URL of an empty search engine that knows MASTER_KEY."""
    container = (
        DockerContainer(ensure("searchengine"), auto_remove=True)
        .with_env("MEILI_MASTER_KEY", MASTER_KEY)
        .with_env("MEILI_NO_ANALYTICS", "true")
        .with_exposed_ports(7700)
    )
    with _running(container, 7700) as (host, port):
        url = f"http://{host}:{port}"
        _until(lambda: urllib.request.urlopen(f"{url}/health", timeout=2).close(), OSError, "search engine")  # noqa: S310
        yield url


@contextmanager
def _running(container: DockerContainer, port: int) -> Iterator[tuple[str, int]]:
    with container:
        yield container.get_container_host_ip(), int(container.get_exposed_port(port))


def _ping(host: str, port: int) -> None:
    with socket.create_connection((host, port), timeout=2) as connection:
        connection.sendall(b"PING\r\n")
        if not connection.recv(16).startswith(b"+PONG"):
            raise OSError("no PONG")


def _until(answers: object, refused: type[Exception], what: str) -> None:
    assert callable(answers)
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            answers()
        except refused as error:
            if time.monotonic() > deadline:
                raise NotStarted(f"{what}: not within {READY_WITHIN_S:.0f} s; last seen {error}") from error
            time.sleep(0.1)
        else:
            return
