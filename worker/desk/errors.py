"""What stops a command."""

from __future__ import annotations


class DeskError(Exception):
    """The command can't be done; the message is one line, and says what to do."""
