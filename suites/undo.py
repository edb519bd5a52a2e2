"""`python -m suites.undo`: heals what runs that are gone left behind on the target, from their undo records."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import HarnessError
from suites.harness.faults.undo import replay
from suites.harness.target import Target


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing is left. 1: somebody still holds a record. 2: something could not be healed."""
    parser = argparse.ArgumentParser(prog="python -m suites.undo", description=__doc__)
    parser.add_argument("--target", default="kind", help="a name in suites/targets, or a .toml file (default: kind)")
    parser.add_argument("--context")
    parser.add_argument("--namespace")
    parser.add_argument("--all", action="store_true", help="also what a process that still runs is going to heal")
    options = parser.parse_args(arguments)
    try:
        cluster = Cluster(Target.load(options.target, context=options.context, namespace=options.namespace))
        healed, held = replay(cluster, Deadlines(), only_abandoned=not options.all)
    except HarnessError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for record in healed:
        sys.stdout.write(f"healed {record.kind} on {record.component} ({record.name})\n")
    for record in held:
        sys.stdout.write(f"left {record.kind} on {record.component} to process {record.pid} on {record.host}\n")
    if not healed and not held:
        sys.stdout.write("nothing was left behind\n")
    return 1 if held else 0


if __name__ == "__main__":
    sys.exit(main())
