"""`python -m suites.harness.faults.held KIND JSON`: one fault in a process of its own, on until standard input closes.

For whoever wants to end that process in the middle of the fault, and see that the target heals all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from reports.records import HistoryWriter
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import HarnessError
from suites.harness.faults.undo import KINDS
from suites.harness.target import Target


def main(arguments: Sequence[str] | None = None) -> int:
    """0: it was on, and is healed. 2: it could not be made, proved or healed; the error is one line."""
    parser = argparse.ArgumentParser(prog="python -m suites.harness.faults.held", description=__doc__)
    parser.add_argument("--target", default="kind", help="a name in suites/targets, or a .toml file (default: kind)")
    parser.add_argument("--context")
    parser.add_argument("--namespace")
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("about", help='what it is made with: \'{"component": "app", "for_s": 15}\'')
    options = parser.parse_args(arguments)
    about = json.loads(options.about)
    with tempfile.TemporaryDirectory() as folder, HistoryWriter(Path(folder) / "history.jsonl") as history:
        try:
            target = Target.load(options.target, context=options.context, namespace=options.namespace)
            cluster = Cluster(target)
            with KINDS[options.kind](**about, cluster=cluster, history=history, deadlines=Deadlines()) as fault:
                sys.stdout.write(f"{fault.observed()}\n")
                sys.stdout.flush()
                sys.stdin.read()
        except HarnessError as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
