"""The `media-worker` command. Each subcommand imports what it needs: a health check must be cheap."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from worker.build_info import revision, version

WORKS = "Work on the queue until SIGTERM."
ASKS = "Ask the worker on this machine how it is: status 0 or 1."


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run the command; returns the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if "--version" in given:
        print(f"{version()} ({revision()})")
        return 0
    if given[:1] == ["health"]:
        from worker.probe import probe

        good, answer = probe(_health().parse_args(given[1:]).path)
        print(answer)
        return 0 if good else 1
    if given[:1] == ["run"]:
        _parser("run", WORKS).parse_args(given[1:])
        from worker.signals import Signals

        signals = Signals()  # before the other imports, in which process 1 of a container would miss a SIGTERM
        from worker.run import run

        return run(signals)
    from worker.desk.app import main as desk

    return desk(given, {"run": WORKS, "health": ASKS})


def _health() -> argparse.ArgumentParser:
    health = _parser("health", ASKS)
    paths = health.add_mutually_exclusive_group()
    for option, path, answers in (
        ("--live", "/livez", "should the process be replaced? (the default)"),
        ("--ready", "/readyz", "does the process get work done at the moment?"),
    ):
        paths.add_argument(option, action="store_const", const=path, dest="path", default="/livez", help=answers)
    return health


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"media-worker {command}", description=description)
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    return parser


if __name__ == "__main__":
    sys.exit(main())
