"""`python -m reference.cluster`: stands the target up on this machine, and takes it down again."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence

from . import docker, doctor, engine, gobuild, images, kind, node, platform
from .paths import cache, kubeconfig, tool
from .process import CommandFailed
from .progress import Progress
from .up import NotReady, Wish, up
from .versions import OtherSource

EPILOG = """examples:
  python -m reference.cluster doctor            what this host has and lacks
  python -m reference.cluster up --fix          mend the host, then bring the target up
  python -m reference.cluster status --json     for scripts
  python -m reference.cluster down              remove all that `up` made; --purge the cache too

The target: a kind cluster of its own, reachable at http://127.0.0.1:8080; kubeconfig and cache under $SITE_SEARCH_CACHE
(default ~/.cache/site-search). Other clusters and contexts are never touched."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done; 1: failed or not running; 2: wrong arguments, or a host that is not ready; 130: interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except NotReady as error:
        print(error, file=sys.stderr)
        return 2
    except (CommandFailed, OtherSource, engine.EngineError, images.UnknownImage, OSError, TimeoutError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except subprocess.TimeoutExpired as error:
        print(f"failed: {error.cmd[0]} did not end within {error.timeout:.0f} s", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, `up` goes on from there", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference.cluster",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    bring = commands.add_parser("up", help="bring the target up, or mend what is there")
    bring.add_argument("--fix", action="store_true", help="install and start what the host lacks (Debian, as root)")
    bring.add_argument(
        "--images", choices=("auto", "pull", "build"), default="auto",
        help="auto: pull where a registry answers within 3 s, else build everything from packages",
    )  # fmt: skip
    bring.add_argument("--workers", type=int, default=2, metavar="N", help="worker nodes (default 2)")
    bring.add_argument(
        "--http-port", type=int, default=8080, metavar="PORT", help="where the ingress answers on 127.0.0.1"
    )
    bring.add_argument(
        "--drop-compiler-cache", action="store_true", help="afterwards free about 6 GB used only by compiling"
    )
    bring.set_defaults(run=_up)

    down = commands.add_parser("down", help="remove all that `up` made")
    down.add_argument("--purge", action="store_true", help="the cache too: the next `up` is a cold one")
    down.set_defaults(run=_down)

    status = commands.add_parser("status", help="what is running; exit code 0 when the target is ready to be asked")
    status.add_argument("--json", action="store_true", help="one JSON object")
    status.set_defaults(run=_status)

    examine = commands.add_parser("doctor", help="what this host has, what is missing, and the command that mends it")
    examine.add_argument("--fix", action="store_true", help="run those commands where this program may")
    examine.add_argument("--images", choices=("pull", "build"), default="build", help="which way images would come")
    examine.set_defaults(run=_doctor)

    make = commands.add_parser("images", help="have images ready in this host's Docker, and print their references")
    make.add_argument("names", nargs="+", metavar="NAME", help=", ".join(sorted(images.RECIPES)))
    make.add_argument("--load", action="store_true", help="have them in the running cluster's workers as well")
    make.set_defaults(run=_images)

    tools = commands.add_parser("tools", help=f"build {', '.join(gobuild.GROUPS['tools'])} into the cache's bin folder")
    tools.set_defaults(run=_tools)

    tidy = commands.add_parser("tidy", help="bring go/go.mod in line with what is compiled; after an edit of it")
    tidy.set_defaults(run=_tidy)
    return parser


def _up(options: argparse.Namespace) -> int:
    wish = Wish(
        source=options.images, workers=options.workers, http_port=options.http_port, fix=options.fix,
        drop_compiler_cache=options.drop_compiler_cache,
    )  # fmt: skip
    progress = Progress()
    up(wish, progress)
    longest = sorted(progress.times_s.items(), key=lambda item: -item[1])[:6]
    print(
        f"ready after {progress.elapsed_s():.0f} s; the longest steps: "
        + ", ".join(f"{name} {took:.0f} s" for name, took in longest)
    )
    print(f"  ingress     http://127.0.0.1:{kind.published_port()}")
    print(f"  kubeconfig  {kubeconfig()} (context {kind.CONTEXT})")
    print("  next        pytest suites/")
    return 0


def _down(options: argparse.Namespace) -> int:
    if engine.answers():
        if not options.purge:
            node.keep()
        kind.delete()
        docker.remove_images(docker.own_images())
    elif kubeconfig().exists():
        print(
            "the Docker engine does not answer: start it and call `down` again to remove its containers",
            file=sys.stderr,
        )
        return 1
    if options.purge and cache().exists():
        gobuild.clean()
        shutil.rmtree(cache())
        print(f"removed {cache()}")
    print("down: no container, network or image of the target is left")
    return 0


def _status(options: argparse.Namespace) -> int:
    running = engine.answers()
    nodes = kind.nodes() if running else []
    reachable = bool(nodes) and kind.api_answers()
    pods = _pods() if reachable else {}
    states = {node.name: node.state for node in nodes}
    facts = {
        "engine": running,
        "nodes": states,
        "api": reachable,
        "url": f"http://127.0.0.1:{kind.published_port()}" if nodes and kind.published_port() else None,
        "kubeconfig": str(kubeconfig()),
        "context": kind.CONTEXT,
        "namespace": platform.NAMESPACE,
        "pods": pods,
        "cache": str(cache()),
    }
    ready = reachable and bool(pods) and all(pods.values())
    if options.json:
        print(json.dumps({**facts, "ready": ready}, indent=2))
    elif not nodes:
        print("no target here; bring one up: tox -e up" + ("" if running else "   (the Docker engine does not answer)"))
    else:
        for name, state in states.items():
            print(f"{state:<10} {name}")
        for name, is_ready in pods.items():
            print(f"{'ready' if is_ready else 'NOT READY':<10} {name}")
        print(f"{'ready' if ready else 'NOT READY':<10} {facts['url']}")
    return 0 if ready else 1


def _pods() -> dict[str, bool]:
    """Every pod of the platform that is meant to stay, and whether it is ready."""
    items = json.loads(kind.kubectl("get", "pods", "--namespace", platform.NAMESPACE, "-o", "json", timeout_s=20))[
        "items"
    ]
    return {
        pod["metadata"]["name"]: any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in pod["status"].get("conditions", [])
        )
        for pod in items
        if pod["status"].get("phase") not in ("Succeeded", "Failed")
    }


def _doctor(options: argparse.Namespace) -> int:
    pull = options.images == "pull"
    if options.fix:
        doctor.fix(lambda: doctor.examine(pull=pull), lambda text: print(text, file=sys.stderr))
    findings = doctor.examine(pull=pull)
    print(doctor.describe(findings))
    return 0 if all(finding.good or not finding.needed for finding in findings) else 2


def _images(options: argparse.Namespace) -> int:
    for name in options.names:
        print(images.ensure(name), flush=True)
        if options.load:
            platform.load_into_workers(name)
    return 0


def _tools(_options: argparse.Namespace) -> int:
    gobuild.install_tools()
    print(tool("kubectl").parent)
    return 0


def _tidy(_options: argparse.Namespace) -> int:
    gobuild.tidy()
    return 0


if __name__ == "__main__":
    sys.exit(main())
