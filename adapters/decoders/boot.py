"""How a child process is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.decoders.limits import Limits

_BOOT = """\
import json, sys
sys.path[:], *rest = json.loads(sys.argv[1])
from adapters.decoders.child import main
main(*rest)
"""
"""As the worker finds its modules: in a checkout, installed, or in a zip file."""
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}
"""All of it: no credentials, and an address space that is the same on 2 CPUs and on 64. A picture's memory is kept
for the next one: given back, it cost an eighth of a JPEG's CPU in page faults."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What the children render with: "module:class", and what an instance of it is made with (JSON values)."""

    renderer: str
    arguments: Sequence[Any] = ()


def start(serving: Serving, limits: Limits) -> subprocess.Popen[bytes]:
    """A process in a group of its own, with a pipe at its standard input and output. Raises OSError."""
    path = [str(Path(entry).absolute()) for entry in sys.path]
    given = [path, serving.renderer, serving.arguments, limits.memory, limits.seconds, os.getpid()]
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-I", "-c", _BOOT, json.dumps(given)],
        env=_ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # libtiff may write 62 MB there
        process_group=0,  # a session of its own would have a share of the CPUs of its own
    )
