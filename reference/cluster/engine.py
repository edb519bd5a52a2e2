"""The Docker engine of this host: is it there, does it run, and what makes it so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from .paths import CLUSTER, cache
from .process import run, succeeds

WRAPPER_SOURCE = CLUSTER / "host" / "runc-within-bounds"
WRAPPER = Path("/usr/local/libexec/site-search/runc-within-bounds")
DAEMON_CONFIG = Path("/etc/docker/daemon.json")
RUNTIME = "within-bounds"
START_S = 60


class EngineError(RuntimeError):
    """The container engine cannot be used; the text says what to do."""


def lacks_capabilities() -> bool:
    """Whether root's bounding set on this host is smaller than what a privileged container asks for."""
    status = Path("/proc/self/status").read_text().splitlines()
    bounding = int(next(line.split()[1] for line in status if line.startswith("CapBnd")), 16)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return os.geteuid() == 0 and bounding != (1 << last + 1) - 1


def answers() -> bool:
    return succeeds("docker", "version", "--format", "{{.Server.Version}}")


def installed() -> bool:
    return bool(shutil.which("dockerd") or Path("/usr/sbin/dockerd").exists())


def version() -> str:
    return run("docker", "version", "--format", "{{.Server.Version}}").strip()


def wrapper_in_place() -> bool:
    """Whether the engine's configuration names the wrapper, and the wrapper is the current one."""
    if not (DAEMON_CONFIG.exists() and WRAPPER.exists()):
        return False
    named = json.loads(DAEMON_CONFIG.read_text()).get("default-runtime") == RUNTIME
    return named and WRAPPER.read_bytes() == WRAPPER_SOURCE.read_bytes()


def needs_wrapper() -> bool:
    """Whether the running engine would fail on privileged containers for want of a capability."""
    if not lacks_capabilities():
        return False
    return run("docker", "info", "--format", "{{.DefaultRuntime}}").strip() != RUNTIME


def install_wrapper() -> None:
    """Make the engine ask for no more capabilities than this host has; other settings of the engine are kept."""
    WRAPPER.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(WRAPPER_SOURCE, WRAPPER)
    WRAPPER.chmod(0o755)
    config = json.loads(DAEMON_CONFIG.read_text()) if DAEMON_CONFIG.exists() else {}
    config.setdefault("runtimes", {})[RUNTIME] = {"path": str(WRAPPER)}
    config["default-runtime"] = RUNTIME
    DAEMON_CONFIG.parent.mkdir(parents=True, exist_ok=True)
    DAEMON_CONFIG.write_text(json.dumps(config, indent=2) + "\n")


def restart() -> None:
    """Start the engine, or have a running one read its configuration anew."""
    if answers() and needs_wrapper():
        if not Path("/run/systemd/system").is_dir():
            raise EngineError(
                "the running Docker engine was started without the capabilities' wrapper; restart dockerd"
            )
        run("systemctl", "restart", "docker")
    start()


def start() -> None:
    """Start the engine and return when it answers. Raises EngineError with the end of its log."""
    if answers():
        return
    if Path("/run/systemd/system").is_dir():
        run("systemctl", "start", "docker")
        log = None
    else:
        log = cache() / "dockerd.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            subprocess.Popen(
                [shutil.which("dockerd") or "/usr/sbin/dockerd"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    stop_at = time.monotonic() + START_S
    while not answers():
        if time.monotonic() > stop_at:
            tail = "\n    ".join(log.read_text(errors="replace").splitlines()[-8:]) if log else "journalctl -u docker"
            raise EngineError(f"the Docker engine did not answer within {START_S} s; its log ends:\n    {tail}")
        time.sleep(0.3)
