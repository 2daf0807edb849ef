"""A mark for tests that read /proc or use namespaces: macOS has neither."""

from __future__ import annotations

import sys

import pytest

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc or namespaces: Linux alone")
