"""What this host has, what is missing, and the exact command that mends it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import engine, gobuild
from .paths import cache
from .process import CommandFailed, run
from .versions import versions

GIB = 1 << 30
# Measured: compiler's cache 5 GB, modules 2 GB, archives 3 GB, Docker's images 5 GB.
NEEDED_DISK_GIB = 20
NEEDED_MEMORY_GIB = 8
DEBIAN_PACKAGES = {
    "dockerd": "docker.io",
    "mmdebstrap": "mmdebstrap",
    "iptables": "iptables",
    "runc": "runc",
    "containerd": "containerd",
}
INSTALL = "apt-get install -y --no-install-recommends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `mend` is the command or the advice; `fix` does it, where this program may."""

    name: str
    good: bool
    detail: str
    mend: str = ""
    fix: Callable[[], None] | None = None
    needed: bool = True


def examine(*, pull: bool = False) -> list[Finding]:
    """All findings, in the order in which they have to be mended."""
    return list(_examine(pull))


def _examine(pull: bool) -> Iterator[Finding]:
    debian = _debian_release() == versions().suite
    may_fix = debian and os.geteuid() == 0
    yield Finding(
        name="host",
        good=debian or pull,
        detail=f"{_debian_release() or 'not Debian'}, {os.cpu_count()} cores, uid {os.geteuid()}",
        mend=f"images are built from Debian {versions().suite} packages: use such a host, or --images pull",
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    yield Finding(
        name="memory",
        good=memory >= NEEDED_MEMORY_GIB,
        detail=f"{memory:.0f} GiB, {NEEDED_MEMORY_GIB} needed",
        mend="give the machine more memory",
    )
    yield _disk(pull=pull)
    missing = sorted({package for name, package in DEBIAN_PACKAGES.items() if not _which(name)})
    yield Finding(
        name="programs",
        good=not missing,
        detail="all there" if not missing else "missing: " + ", ".join(missing),
        mend=f"{INSTALL} {' '.join(missing)}" if debian else f"install {', '.join(missing)} by your system's means",
        fix=(lambda: _apt_install(missing)) if may_fix else None,
    )
    if not pull:
        yield _compiler()
        yield _pip()
    yield from _engine_findings(may_fix)


def _disk(*, pull: bool) -> Finding:
    place = next(folder for folder in (cache(), *cache().parents) if folder.exists())
    free = shutil.disk_usage(place).free / GIB
    made = all(gobuild.built(group) for group in (["tools"] if pull else gobuild.GROUPS))
    needed = NEEDED_DISK_GIB / 4 if made else NEEDED_DISK_GIB
    return Finding(
        name="disk",
        good=free >= needed,
        detail=f"{free:.0f} GiB free at {place}, {needed:.0f} needed{' (all is compiled)' if made else ''}",
        mend="free some room, or set SITE_SEARCH_CACHE to a folder on a larger disk",
    )


def _compiler() -> Finding:
    wheel = versions().table["go"]["wheel"]
    found = gobuild.host_go()
    detail = f"{found}" if found else f"none that is new enough; PyPI's {wheel} will be used"
    return Finding(name="go compiler", good=True, detail=detail)


def _pip() -> Finding:
    """Wheels for images are fetched by the pip of whoever runs this; uv's environments have none."""
    there = importlib.util.find_spec("pip") is not None
    install = (sys.executable, "-m", "ensurepip", "--upgrade")
    return Finding(
        name="pip",
        good=there,
        detail="there" if there else f"{sys.executable} has none",
        mend=" ".join(install),
        fix=lambda: _install_pip(install),
    )


def _install_pip(command: Sequence[str]) -> None:
    run(*command)
    importlib.invalidate_caches()


def _engine_findings(may_fix: bool) -> Iterator[Finding]:
    running = engine.answers()
    limited = engine.lacks_capabilities()
    wrapped = engine.wrapper_in_place()
    if limited:
        yield Finding(
            name="capabilities",
            good=wrapped,
            detail="root lacks some capabilities" + (", Docker asks for no more than there are" if wrapped else ""),
            mend="make Docker ask for fewer: python -m reference.cluster doctor --fix",
            fix=engine.install_wrapper if may_fix else None,
        )
    yield Finding(
        name="docker engine",
        good=running and not (limited and engine.needs_wrapper()),
        detail=f"answers, version {engine.version()}" if running else "does not answer",
        mend="systemctl start docker" if Path("/run/systemd/system").is_dir() else "dockerd &",
        fix=engine.restart if os.geteuid() == 0 else None,
    )
    if running:
        cgroup = "v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "v1"
        yield Finding(name="cgroup", good=True, detail=cgroup, needed=False)


def fix(findings: Callable[[], list[Finding]], note: Callable[[str], None]) -> list[Finding]:
    """Mend what may be mended, looking again after each; the findings that are left."""
    tried: set[str] = set()
    while True:
        bad = [finding for finding in findings() if not finding.good and finding.needed]
        mendable = next((finding for finding in bad if finding.fix and finding.name not in tried), None)
        if mendable is None or mendable.fix is None:
            return bad
        tried.add(mendable.name)
        note(f"mending {mendable.name}: {mendable.mend}")
        mendable.fix()


def describe(findings: list[Finding]) -> str:
    """A line per finding; those to be mended say how."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{'ok ' if finding.good else 'NO '} {finding.name:<{width}}  {finding.detail}")
        if not finding.good:
            lines.append(f"    {'':<{width}}  → {finding.mend}")
    return "\n".join(lines)


def _apt_install(packages: list[str]) -> None:
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    words = INSTALL.split()
    try:
        run(*words, "-qq", *packages, env=quiet)
    except CommandFailed:
        run("apt-get", "update", "-qq")
        run(*words, "-qq", *packages, env=quiet)


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _debian_release() -> str:
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return ""
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("VERSION_CODENAME", "") if values.get("ID") == "debian" else ""
