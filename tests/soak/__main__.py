"""`python -m tests.soak --minutes 30 [--seed N]`: prints what was survived, fails where something was lost."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from functools import partial
from pathlib import Path

from devstack.moto import moto_server
from tests.soak.plan import long
from tests.soak.soak import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.minutes:g} minutes of faults", flush=True)
    scratch = Path(tempfile.mkdtemp(prefix="soak-"))
    with moto_server() as endpoint:
        outcome = run(endpoint, scratch, options.seed, long(options.minutes * 60), {}, partial(print, flush=True))
    print(outcome.table())
    for wrong in outcome.found.wrong:
        print(f"WRONG: {wrong}")
    print(f"the workers' logs are in {scratch}")
    return 1 if outcome.found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
