"""Three workers that are killed, stopped and cut off as planned, and started again as ECS would."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from devstack.mediaconvert import MediaConvertEmulator
from devstack.proxy import Proxy
from devstack.receiver import DROP, Answer, Plan
from devstack.scripted import ScriptedEndpoint
from tests.e2e.world import Worker, World
from tests.soak.plan import (
    ANSWERS,
    FREEZE,
    FROZEN,
    KILL,
    REFUSALS,
    SERVICES,
    SIGNALS,
    TERMINATE,
    TRANSCODER_THROTTLED,
    WIRE_FAULTS,
    Fault,
    wire,
)  # fmt: skip
from tests.soak.record import LEASE, Record, access_key, place_of
from tests.soak.transcoder import WatchedTranscoder

WORKERS = 3
SETTINGS = {
    "VISIBILITY_TIMEOUT": f"{LEASE:.0f}",
    "JOB_TIMEOUT": "120",
    "SHUTDOWN_GRACE": "5",
    "WORKER_CONCURRENCY": "4",
    "IMAGE_THREADS": "1",
    "HTTP_PORT": "0",
    "MEDIACONVERT_ROLE_ARN": "arn:aws:iam::000000000000:role/media-convert",
}
CANT_START = "media-worker can't start: "
"""What it says where a wire that it needs for its start is broken; ECS starts another then, as we do."""
DELAY = 0.4
BYTES_PER_SECOND = 60_000
ANSWER: Mapping[str, Plan] = {
    ANSWERS[0]: Answer(500),
    ANSWERS[1]: Answer(429, {"Retry-After": "2"}),
    ANSWERS[2]: DROP,
}


class Fleet:
    """The workers' places. Each place has its own wires, which outlive the processes in it."""

    def __init__(
        self, world: World, aws: ScriptedEndpoint, emulator: MediaConvertEmulator, record: Record, scratch: Path,
        code: Mapping[str, str],
    ) -> None:  # fmt: skip
        """`code` is what the workers' environment says of where their code is."""
        self._world = world
        self._aws = aws
        self._emulator = emulator
        self._record = record
        self._scratch = scratch
        self._code = code
        self._processes = 0
        self._workers: list[Worker] = []
        self._draining: list[Worker] = []
        self._wires: list[Mapping[str, Proxy]] = []
        self._heal_at: dict[Proxy, float] = {}
        self._thaw_at: dict[Worker, float] = {}
        self.faults: Counter[str] = Counter()
        self.exits: list[int] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """The workers run until the block ends; what is left of them then is stopped."""
        with ExitStack() as stack:
            transcoder = stack.enter_context(WatchedTranscoder(self._emulator.url, self._record))
            targets = (self._aws.url, self._aws.url, transcoder.url, self._world.receiver.url)
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
        wires, key = self._wires[place], access_key(place, self._processes)
        environment = self._world.environment(
            **SETTINGS,
            **self._code,
            AWS_ACCESS_KEY_ID=key,
            AWS_ENDPOINT_URL_S3=wires["S3"].url,
            AWS_ENDPOINT_URL_SQS=wires["SQS"].url,
            AWS_ENDPOINT_URL_MEDIACONVERT=wires["MediaConvert"].url,
            CALLBACK_URL=f"{wires['receiver'].url}/callback/{key}",
        )
        return Worker(environment, self._scratch / f"worker-{self._processes}.log").__enter__()

    def tend(self) -> None:
        """Heal the wires and thaw the processes whose time it is, and start a worker where one has ended."""
        now = time.time()
        for proxy in [proxy for proxy, due in self._heal_at.items() if due <= now]:
            self._heal(proxy)
        for worker in [worker for worker, due in self._thaw_at.items() if due <= now or not worker.running]:
            self._thaw(worker)
        for worker in [each for each in self._draining if not each.running]:
            self._draining.remove(worker)
            self._bury(worker)
        for place, worker in enumerate(self._workers):
            if not worker.running:
                self._bury(worker)
                self._workers[place] = self._start(place)

    def _bury(self, worker: Worker) -> None:
        self._record.end({TERMINATE}, _key(worker), time.time())
        self.exits.append(worker.wait(0))

    def cause(self, fault: Fault) -> None:
        """Have it happen."""
        self.faults[fault.name] += 1
        if fault.name in SIGNALS:
            self._signal(fault)
        elif which := wire(fault.name):
            proxy = self._wires[fault.worker][which[0]]
            self._heal(proxy)
            self._record.begin(fault.name, place_of(access_key(fault.worker, 0)), time.time())
            self._break(proxy, which[1])
            self._heal_at[proxy] = time.time() + fault.seconds
        else:
            self._refuse(fault)

    def _heal(self, proxy: Proxy) -> None:
        proxy.heal()
        self._heal_at.pop(proxy, None)
        for place, wires in enumerate(self._wires):
            names = {f"{service}: {each}" for service in wires for each in WIRE_FAULTS if wires[service] is proxy}
            self._record.end(names, place_of(access_key(place, 0)), time.time())

    def _thaw(self, worker: Worker) -> None:
        worker.send(signal.SIGCONT)
        self._thaw_at.pop(worker, None)
        self._record.end({FREEZE}, _key(worker), time.time())

    def _signal(self, fault: Fault) -> None:
        worker = self._workers[fault.worker]
        self._record.begin(fault.name, _key(worker), time.time())
        if fault.name == KILL:
            worker.send(signal.SIGKILL)
            worker.wait(10)
        elif fault.name == FREEZE:
            worker.send(signal.SIGSTOP)
            self._thaw_at[worker] = time.time() + fault.seconds + FROZEN
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
                self._emulator.refuse(operation, 429, "TooManyRequestsException", fault.times)
        else:
            self._world.receiver.plan(*[ANSWER[fault.name]] * fault.times)

    def calm(self) -> None:
        """No more faults, and none of those that were still to come."""
        for wires in self._wires:
            for proxy in wires.values():
                self._heal(proxy)
        for worker in list(self._thaw_at):
            self._thaw(worker)
        self._aws.forgive()
        self._world.receiver.drop_plan()
        for operation in ("CreateJob", "GetJob"):
            self._emulator.accept(operation)

    def unexpected_errors(self) -> Iterator[str]:
        """Log lines with a traceback of what nobody foresaw."""
        for log in sorted(self._scratch.glob("worker-*.log")):
            for line in log.read_text().splitlines():
                if "nexpected" in line or not line.startswith(("{", CANT_START)):
                    yield f"{log.name}: {line}"


def _key(worker: Worker) -> str:
    return worker.environment["AWS_ACCESS_KEY_ID"]
