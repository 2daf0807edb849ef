"""What stands between all wires and the services, so that one can be out for all processes at once."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from devstack.mediaconvert import MediaConvertEmulator
from devstack.proxy import Proxy
from devstack.receiver import Answer
from devstack.scripted import SLOW_DOWN, SQS
from tests.e2e.world import World
from tests.soak.endpoint import WatchedEndpoint
from tests.soak.plan import Outage
from tests.soak.record import EVERYBODY, OUT, Record
from tests.soak.transcoder import WatchedTranscoder

THROTTLED = ("CreateJob", "GetJob", "Probe")
TIMES = 100_000


class Switchboard:
    """A context manager: a trunk to each service that may be out, and who must refuse where one only refuses."""

    def __init__(
        self,
        world: World,
        aws: WatchedEndpoint,
        transcoder: WatchedTranscoder,
        emulator: MediaConvertEmulator,
        record: Record,
    ) -> None:
        self._aws = aws
        self._receiver = world.receiver
        self._emulator = emulator
        self._record = record
        targets = {"S3": aws.url, "receiver": world.receiver.url, "MediaConvert": transcoder.url}
        self._trunks = {service: Proxy(target) for service, target in targets.items()}
        self._outage: Outage | None = None
        self._until = 0.0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for trunk in self._trunks.values():
            self._stack.enter_context(trunk)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def targets(self) -> dict[str, str]:
        """The URL of each service, the receiver's with the path of its callbacks."""
        return {"SQS": self._aws.url, **{service: trunk.url for service, trunk in self._trunks.items()}}

    def begin(self, outage: Outage) -> None:
        """Until it is ended, by `tend` or `end`. There is one at a time."""
        self.end()
        self._outage, self._until = outage, time.time() + outage.seconds
        self._record.begin(OUT[outage.service], EVERYBODY, time.time())
        match outage.how:
            case "unreachable":
                self._trunks[outage.service].cut()
            case "503" if outage.service == "S3":
                self._aws.rule = lambda operation: None if operation.startswith(SQS) else SLOW_DOWN
            case "429":
                for operation in THROTTLED:
                    self._emulator.refuse(operation, 429, "TooManyRequestsException", TIMES)
            case status:
                self._receiver.rule = lambda _: Answer(int(status))

    def tend(self) -> None:
        """End what is due."""
        if self._outage and self._until <= time.time():
            self.end()

    def end(self) -> None:
        """All is as usual."""
        if outage := self._outage:
            self._trunks[outage.service].heal()
            self._aws.rule = lambda _: None
            self._receiver.rule = lambda _: None
            if outage.how == "429":
                for operation in THROTTLED:
                    self._emulator.accept(operation)
            self._record.end({OUT[outage.service]}, EVERYBODY, time.time())
            self._outage = None
