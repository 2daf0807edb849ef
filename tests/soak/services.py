"""What is outside of the workers: where it is reached, and what it refuses when told to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devstack.mediaconvert import MediaConvertEmulator
from devstack.receiver import DROP, Answer, Plan
from tests.e2e.world import World
from tests.soak.endpoint import WatchedEndpoint
from tests.soak.plan import ANSWERS, REFUSALS, TRANSCODER_THROTTLED, Fault
from tests.soak.switchboard import Switchboard

ANSWER: Mapping[str, Plan] = {
    ANSWERS[0]: Answer(500),
    ANSWERS[1]: Answer(429, {"Retry-After": "2"}),
    ANSWERS[2]: DROP,
}
THROTTLED = ("CreateJob", "GetJob")


@dataclass(frozen=True, slots=True)
class Services:
    """The emulators, which refuse what they are told to, and what stands between them and the workers."""

    world: World
    aws: WatchedEndpoint
    emulator: MediaConvertEmulator
    switchboard: Switchboard

    def refuse(self, fault: Fault) -> None:
        """The next requests, of whichever worker."""
        if fault.name in REFUSALS:
            operation, error = REFUSALS[fault.name]
            self.aws.fail(operation, error, fault.times)
        elif fault.name == TRANSCODER_THROTTLED:
            for operation in THROTTLED:
                self.emulator.refuse(operation, 429, "TooManyRequestsException", fault.times)
        else:
            self.world.receiver.plan(*[ANSWER[fault.name]] * fault.times)

    def accept(self) -> None:
        """Forget what is left of that, and end what is out."""
        self.switchboard.end()
        self.aws.forgive()
        self.world.receiver.drop_plan()
        for operation in THROTTLED:
            self.emulator.accept(operation)
