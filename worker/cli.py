"""The `media-worker` command. Each subcommand imports what it needs: a health check must be cheap."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from worker.build_info import revision, version


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run the command; returns the exit status."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "health":
        from worker.probe import probe

        good, answer = probe(chosen.path)
        print(answer)
        return 0 if good else 1
    from worker.signals import Signals

    signals = Signals()  # before the other imports, in which process 1 of a container would miss a SIGTERM
    from worker.run import run

    return run(signals)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="media-worker", description="Processes a listing's uploads.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    works, asks = "work on the queue until SIGTERM", "ask the worker on this machine how it is: status 0 or 1"
    run = commands.add_parser("run", help=works, description=works)
    health = commands.add_parser("health", help=asks, description=asks)
    paths = health.add_mutually_exclusive_group()
    for option, path, answers in (
        ("--live", "/livez", "should the process be replaced? (the default)"),
        ("--ready", "/readyz", "does the process get work done at the moment?"),
    ):
        paths.add_argument(option, action="store_const", const=path, dest="path", default="/livez", help=answers)
    for each in (parser, run, health):
        each.add_argument("--version", action="version", version=f"{version()} ({revision()})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
