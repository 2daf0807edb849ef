"""One place's wires to the services, which outlive the processes in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from devstack.proxy import Proxy
from tests.soak.plan import WIRE_FAULTS
from tests.soak.record import Record

DELAY = 0.4
BYTES_PER_SECOND = 60_000


class Wires:
    """A context manager: a proxy to each service's target. `place` is what the record calls them by."""

    def __init__(self, place: str, targets: Mapping[str, str], record: Record) -> None:
        self._place = place
        self._record = record
        self._proxies = {service: Proxy(target) for service, target in targets.items()}
        self._heal_at: dict[str, float] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for proxy in self._proxies.values():
            self._stack.enter_context(proxy)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def url(self, service: str) -> str:
        return self._proxies[service].url

    def break_(self, service: str, fault: str, seconds: float) -> None:
        """Until it is healed, by `tend` or by another fault of the same wire."""
        self._heal(service)
        self._record.begin(f"{service}: {fault}", self._place, time.time())
        proxy = self._proxies[service]
        match fault:
            case "cut":
                proxy.cut()
            case "reset":
                proxy.reset()
            case "stalled":
                proxy.stall()
            case "delayed":
                proxy.delay(DELAY)
            case "slow":
                proxy.slow_down(BYTES_PER_SECOND)
        self._heal_at[service] = time.time() + seconds

    def tend(self) -> None:
        """Heal what is due."""
        for service in [service for service, due in self._heal_at.items() if due <= time.time()]:
            self._heal(service)

    def heal(self) -> None:
        """Heal all."""
        for service in self._proxies:
            self._heal(service)

    def _heal(self, service: str) -> None:
        self._proxies[service].heal()
        self._heal_at.pop(service, None)
        self._record.end([f"{service}: {fault}" for fault in WIRE_FAULTS], self._place, time.time())
