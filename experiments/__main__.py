"""Play the experiments one after another, all in one run. Exit codes: 0 each went as it says, 1 not, 130 interrupted.

python -m experiments                       # all but those with the tag by-name-only
python -m experiments app node/drain        # a component's, one
python -m experiments --run latest app      # their verdicts beside those of the newest run
python -m experiments --list                # what there is; touches nothing
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from reports.run import RUN_DIR_VARIABLE, Run, RunError, find_run

FOLDER = Path(__file__).parent
# An experiment with this tag is only played by name.
BY_NAME_ONLY = "by-name-only"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m experiments", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="an experiment (app/pod-kill) or a folder (app)")
    parser.add_argument("--list", action="store_true", help="what there is; touches nothing")
    parser.add_argument("--run", metavar="RUN", help="the run to join (an id, a folder, latest); else a new one")
    given = parser.parse_args(arguments)
    files, unknown = chosen(given.names)
    if unknown:
        parser.error(f"no experiment {', '.join(unknown)}; --list shows those there are")
    if given.list:
        for file in files:
            print(f"{name_of(file):32} {yaml.safe_load(file.read_text())['title']}")
        return 0
    argv = ["python", "-m", "experiments", *arguments]
    try:
        run = Run.join(find_run(given.run).path, argv=argv) if given.run else Run.create(argv=argv)
    except RunError as error:
        parser.error(str(error))
    environment = {**os.environ, RUN_DIR_VARIABLE: str(run.path)}
    failed = 0
    try:
        for number, file in enumerate(files, 1):
            failed += not _played(file, f"[{number}/{len(files)}] ", environment, run.path)
    except KeyboardInterrupt:
        return 130
    finally:
        run.finish()
        print(f"run {run.path}   report: python -m reports render {run.path.name}")
    print(f"{len(files) - failed} of {len(files)} experiments went as they say")
    return 1 if failed else 0


def chosen(names: Sequence[str], folder: Path = FOLDER) -> tuple[list[Path], list[str]]:
    """The files of these names, each once and in the catalogue's order of folders, and the names nothing has."""
    every = sorted(folder.glob("*/*.yaml"))
    if not names:
        return [file for file in every if BY_NAME_ONLY not in yaml.safe_load(file.read_text()).get("tags", ())], []
    wanted = [name.removeprefix("experiments/").removesuffix(".yaml").rstrip("/") for name in names]
    matches = {name: [file for file in every if name in (name_of(file), file.parent.name)] for name in wanted}
    hit = {file for files in matches.values() for file in files}
    return [file for file in every if file in hit], [name for name, files in matches.items() if not files]


def name_of(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def _played(file: Path, prefix: str, environment: dict[str, str], run: Path) -> bool:
    """Play one; Ctrl-C reaches it as well, and it heals before it ends."""
    log = run / "logs" / f"{file.parent.name}-{file.stem}.log"
    print(f"{prefix}{name_of(file)} …", end="", flush=True)
    started = time.monotonic()
    chaos = Path(sys.executable).with_name("chaos")
    command = [str(chaos), "run", "--journal-path", str(log.with_suffix(".json")), str(file)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            print(" interrupted, healing", flush=True)
            process.wait()
            raise
    word = "as it says" if code == 0 else f"NOT (exit {code}), {log}"
    print(f" {word}  {time.monotonic() - started:.0f} s", flush=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
