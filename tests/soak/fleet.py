"""Three workers that are killed, stopped and cut off as planned, and started again as ECS would."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack.mediaconvert import MediaConvertEmulator
from devstack.proxy import Proxy
from devstack.receiver import DROP, Answer, Plan
from devstack.scripted import ScriptedEndpoint
from tests.e2e.world import Worker, World
from tests.soak.plan import ANSWERS, KILL, REFUSALS, SERVICES, SIGNALS, TRANSCODER_THROTTLED, Fault, wire

WORKERS = 3
SETTINGS = {
    "VISIBILITY_TIMEOUT": "9",
    "JOB_TIMEOUT": "120",
    "SHUTDOWN_GRACE": "5",
    "WORKER_CONCURRENCY": "4",
    "IMAGE_THREADS": "1",
    "HTTP_PORT": "0",
    "MEDIACONVERT_ROLE_ARN": "arn:aws:iam::000000000000:role/media-convert",
}
CANT_START = "media-worker can't start: "
"""What it says where a wire that it needs for its start is broken; ECS starts another then, as we do."""
REFUSED = 20.0
"""Seconds in which the calls that are to fail will have been made, give or take."""
DELAY = 0.4
BYTES_PER_SECOND = 60_000
ANSWER: Mapping[str, Plan] = {
    ANSWERS[0]: Answer(500),
    ANSWERS[1]: Answer(429, {"Retry-After": "2"}),
    ANSWERS[2]: DROP,
}


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault as it came: to one worker, or to all (None); epoch seconds."""

    name: str
    worker: int | None
    since: float
    until: float


def access_key(worker: int, process: int) -> str:
    """By which the endpoint tells the processes apart."""
    return f"SOAK{worker}N{process}"


def worker_of(key: str) -> int:
    return int(key.removeprefix("SOAK").partition("N")[0])


class Fleet:
    """The workers' places. Each place has its own wires, which outlive the processes in it."""

    def __init__(
        self, world: World, aws: ScriptedEndpoint, transcoder: MediaConvertEmulator, scratch: Path
    ) -> None:
        self._world = world
        self._aws = aws
        self._transcoder = transcoder
        self._scratch = scratch
        self._processes = 0
        self._workers: list[Worker] = []
        self._draining: list[Worker] = []
        self._wires: list[Mapping[str, Proxy]] = []
        self._heal_at: dict[Proxy, float] = {}
        self.happened: list[Happened] = []
        self.died: dict[str, float] = {}
        self.exits: list[int] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """The workers run until the block ends; what is left of them then is stopped."""
        targets = (self._aws.url, self._aws.url, self._transcoder.url, self._world.receiver.url)
        with ExitStack() as stack:
            for place in range(WORKERS):
                proxies = [stack.enter_context(Proxy(target)) for target in targets]
                self._wires.append(dict(zip(SERVICES, proxies, strict=True)))
                self._workers.append(self._start(place))
            try:
                yield
            finally:
                for worker in (*self._workers, *self._draining):
                    worker.stop(60)

    def _start(self, place: int) -> Worker:
        self._processes += 1
        wires = self._wires[place]
        environment = self._world.environment(
            **SETTINGS,
            AWS_ACCESS_KEY_ID=access_key(place, self._processes),
            AWS_ENDPOINT_URL_S3=wires["S3"].url,
            AWS_ENDPOINT_URL_SQS=wires["SQS"].url,
            AWS_ENDPOINT_URL_MEDIACONVERT=wires["MediaConvert"].url,
            CALLBACK_URL=f"{wires['receiver'].url}/callback",
        )
        return Worker(environment, self._scratch / f"worker-{self._processes}.log").__enter__()

    def tend(self) -> None:
        """Heal the wires whose time it is, and start a worker where one has ended."""
        now = time.time()
        for proxy in [proxy for proxy, due in self._heal_at.items() if due <= now]:
            proxy.heal()
            del self._heal_at[proxy]
        for worker in [each for each in self._draining if not each.running]:
            self._draining.remove(worker)
            self._bury(worker)
        for place, worker in enumerate(self._workers):
            if not worker.running:
                self._bury(worker)
                self._workers[place] = self._start(place)

    def _bury(self, worker: Worker) -> None:
        self.died[worker.environment["AWS_ACCESS_KEY_ID"]] = time.time()
        self.exits.append(worker.wait(0))

    def cause(self, fault: Fault) -> None:
        """Have it happen."""
        now = time.time()
        if fault.name in SIGNALS:
            self._signal(fault)
            self._note(fault.name, fault.worker, now, now)
        elif which := wire(fault.name):
            proxy = self._wires[fault.worker][which[0]]
            proxy.heal()
            self._break(proxy, which[1])
            self._heal_at[proxy] = now + fault.seconds
            self._note(fault.name, fault.worker, now, now + fault.seconds)
        else:
            self._refuse(fault)
            self._note(fault.name, None, now, now + REFUSED)

    def _note(self, name: str, worker: int | None, since: float, until: float) -> None:
        self.happened.append(Happened(name, worker, since, until))

    def _signal(self, fault: Fault) -> None:
        worker = self._workers[fault.worker]
        if fault.name == KILL:
            worker.send(signal.SIGKILL)
            worker.wait(10)
        else:
            worker.send(signal.SIGTERM)
            self._draining.append(worker)
            self._workers[fault.worker] = self._start(fault.worker)

    def _break(self, proxy: Proxy, fault: str) -> None:
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

    def _refuse(self, fault: Fault) -> None:
        if fault.name in REFUSALS:
            operation, error = REFUSALS[fault.name]
            self._aws.fail(operation, error, fault.times)
        elif fault.name == TRANSCODER_THROTTLED:
            for operation in ("CreateJob", "GetJob"):
                self._transcoder.refuse(operation, 429, "TooManyRequestsException", fault.times)
        else:
            self._world.receiver.plan(*[ANSWER[fault.name]] * fault.times)

    def calm(self) -> None:
        """No more faults, and none of those that were still to come."""
        for wires in self._wires:
            for proxy in wires.values():
                proxy.heal()
        self._heal_at.clear()
        self._aws.forgive()
        self._world.receiver.drop_plan()
        for operation in ("CreateJob", "GetJob"):
            self._transcoder.accept(operation)

    def unexpected_errors(self) -> Iterator[str]:
        """Log lines with a traceback of what nobody foresaw."""
        for log in sorted(self._scratch.glob("worker-*.log")):
            for line in log.read_text().splitlines():
                if "nexpected" in line or not line.startswith(("{", CANT_START)):
                    yield f"{log.name}: {line}"
