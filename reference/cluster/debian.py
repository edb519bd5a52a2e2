"""Root file systems from Debian's packages: one minimal base, and on it a set of packages per kind of image.

Packages are fetched on the host, by the host's own apt settings, and installed in a container without network.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

from . import docker
from .process import run
from .store import artifact_path, key_of, produce
from .versions import versions

BASE = "debian-base"
SETS = tuple(versions().table["debian"]["sets"])
COMMIT_RECIPE = 2  # raise when what a commit sets changes
# dpkg's settings, kept in the base and so for every set: what nobody reads in a container, a third of the base's files.
UNREAD = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
)
# Debian's own way to a merged /usr without the package that merges it, which brings all of Perl.
MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
INSTALL = """set -e
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d
mkdir -p /etc/postgresql-common; echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq --no-install-recommends -o APT::Sandbox::User=root /packages/*.deb > /dev/null
rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*.log
"""


def base() -> Path:
    """The folder with base.tar, the minimal root file system every other one grows from."""
    table = versions()
    always = ",".join(table.table["debian"]["always"])
    settings = [f"--dpkgopt={line}" for line in UNREAD]

    def make(folder: Path) -> None:
        run(
            "mmdebstrap", "--quiet", "--variant=minbase", f"--include={always}", f"--hook-dir={MERGED_USR}",
            "--aptopt=APT::Install-Recommends false", *settings, table.suite, folder / "base.tar",
        )  # fmt: skip

    return produce(BASE, base_key(), make)


def has_base() -> bool:
    return artifact_path(BASE, base_key()).is_dir()


def base_image() -> str:
    """The base as an image, for pods that need no more than a shell."""
    image = reference("")
    if not docker.has_image(image):
        docker.import_root(base() / "base.tar", image)
    return image


def packages(name: str) -> Path:
    """The folder with the .deb files that a set needs beyond the base, their own needs included."""
    wanted = versions().debian_set(name)
    rootfs = base()

    def make(folder: Path) -> None:
        work = folder / ".apt"
        for sub in ("state/lists/partial", "cache/archives/partial", "etc"):
            (work / sub).mkdir(parents=True)
        with tarfile.open(rootfs / "base.tar") as tar:
            for member, target in (
                ("./var/lib/dpkg/status", "state/status"),
                ("./etc/apt/sources.list", "etc/sources.list"),
            ):
                source = tar.extractfile(member) or io.BytesIO()
                (work / target).write_bytes(source.read())
        settings = {
            "Dir::State": work / "state",
            "Dir::State::status": work / "state/status",
            "Dir::Cache": work / "cache",
            "Dir::Etc::sourcelist": work / "etc/sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        run("apt-get", *options, "update", "-qq")
        run("apt-get", *options, "install", "-y", "-qq", "--download-only", *wanted)
        for deb in (work / "cache/archives").glob("*.deb"):
            shutil.move(deb, folder / deb.name)
        shutil.rmtree(work)

    return produce(f"debs-{name}", packages_key(name), make)


def base_key() -> str:
    always = ",".join(versions().table["debian"]["always"])
    return key_of(versions().suite, always, repr(UNREAD), MERGED_USR)


def packages_key(name: str) -> str:
    return key_of(base_key(), repr(versions().debian_set(name)))


def _install(name: str) -> str:
    """The shell's words that install a set from /packages, and take away what is not to be in it."""
    return f"{INSTALL}rm -rf {' '.join(versions().dropped(name))}\n"


def set_key(name: str) -> str:
    """The hash of what a set image is made of; the empty name is the base itself."""
    return key_of(packages_key(name), _install(name), str(COMMIT_RECIPE)) if name else base_key()


def reference(name: str) -> str:
    """The image of a set; the empty name is the base itself."""
    return docker.reference(f"debian-{name}" if name else "debian", set_key(name))


def installed(name: str) -> bool:
    return docker.has_image(reference(name))


def set_image(name: str) -> str:
    """An image of the base with a set of packages installed; the base for a Dockerfile."""
    image = reference(name)
    if not installed(name):
        with docker.scratch_container(base_image(), mounts={packages(name): "/packages"}) as container:
            docker.execute(container, "sh", "-c", _install(name))
            docker.commit(container, image)
    return image
