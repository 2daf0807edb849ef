"""The long-running process."""

__version__ = "0.1.0"
