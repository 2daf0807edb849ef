"""The composition root of the operators' commands."""

from __future__ import annotations

from adapters.signature import standard_signature

__all__ = ["standard_signature"]
