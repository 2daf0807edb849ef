"""What import-linter can't see: which parts of the standard library the domain uses."""

from __future__ import annotations

import ast
from pathlib import Path

import domain

PURE = {
    "__future__", "_typeshed", "base64", "binascii", "collections", "concurrent", "contextlib", "contextvars",
    "dataclasses", "datetime", "domain", "enum", "functools", "hashlib", "io", "itertools", "operator", "re",
    "struct", "threading", "types", "typing", "unicodedata", "zipfile", "zlib",
}  # fmt: skip
"""Computation alone. zipfile writes into whatever it is given, here a part of a multipart upload."""


def test_the_domain_imports_nothing_that_does_io() -> None:
    used = set()
    for file in Path(domain.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                used |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                used.add((node.module or "").partition(".")[0])
    assert "zipfile" in used
    assert used <= PURE
