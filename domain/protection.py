"""Protection from scale-in, as the worker sees it. The pipeline doesn't touch it."""

from __future__ import annotations

from typing import Protocol


class TaskProtection(Protocol):
    """The task of an orchestrator that this process runs in. Both methods may be called at any time.

    Each raises Transient where the task isn't known to be as it was asked for, and Permanent where there is none.
    """

    def protect(self, minutes: int) -> None:
        """Have the task be ended by no scale-in and no deployment for so many minutes (1 to 2,880) from now."""

    def lift(self) -> None:
        """End the protection."""
