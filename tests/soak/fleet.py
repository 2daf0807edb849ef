"""Three workers that are killed, stopped and cut off as planned, and started again as ECS would."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e.world import Worker
from tests.soak.plan import FREEZE, FROZEN, KILL, SIGNALS, TERMINATE, Fault, Outage, wire
from tests.soak.record import LEASE, Record, access_key, place_of
from tests.soak.services import Services
from tests.soak.wires import Wires

WORKERS = 3
SETTINGS = {
    "VISIBILITY_TIMEOUT": f"{LEASE:.0f}",
    "JOB_TIMEOUT": "600",
    "SHUTDOWN_GRACE": "5",
    "WORKER_CONCURRENCY": "4",
    "IMAGE_PROCESSES": "1",
    "HTTP_PORT": "0",
    "MEDIACONVERT_ROLE_ARN": "arn:aws:iam::000000000000:role/media-convert",
}


class Fleet:
    """The workers' places. Each place has its own wires, which outlive the processes in it."""

    def __init__(self, services: Services, record: Record, scratch: Path, code: Mapping[str, str]) -> None:
        """`code` is what the workers' environment says of where their code is."""
        self._services = services
        self._record = record
        self._scratch = scratch
        self._code = code
        self._processes = 0
        self._workers: list[Worker] = []
        self._draining: list[Worker] = []
        self._wires: list[Wires] = []
        self._thaw_at: dict[Worker, float] = {}
        self.faults: Counter[str] = Counter()
        self.exits: list[int] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """The workers run until the block ends; what is left of them then is stopped."""
        with ExitStack() as stack:
            for place in range(WORKERS):
                wires = Wires(place_of(access_key(place, 0)), self._services.switchboard.targets(), self._record)
                self._wires.append(stack.enter_context(wires))
                self._workers.append(self._start(place))
            try:
                yield
            finally:
                left = (*self._workers, *self._draining)
                for worker in left:
                    worker.send(signal.SIGTERM)
                for worker in left:
                    worker.stop(60)

    def _start(self, place: int) -> Worker:
        self._processes += 1
        wires, key = self._wires[place], access_key(place, self._processes)
        environment = self._services.world.environment(
            **SETTINGS,
            **self._code,
            AWS_ACCESS_KEY_ID=key,
            AWS_ENDPOINT_URL_S3=wires.url("S3"),
            AWS_ENDPOINT_URL_SQS=wires.url("SQS"),
            AWS_ENDPOINT_URL_MEDIACONVERT=wires.url("MediaConvert"),
            CALLBACK_URL=f"{wires.url('receiver')}/callback/{key}",
        )
        return Worker(environment, self._scratch / f"worker-{self._processes}.log").__enter__()

    def tend(self) -> None:
        """Heal the wires and thaw the processes whose time it is, and start a worker where one has ended."""
        self._services.switchboard.tend()
        for wires in self._wires:
            wires.tend()
        now = time.time()
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
            self._wires[fault.worker].break_(*which, fault.seconds)
        else:
            self._services.refuse(fault)

    def go_out(self, outage: Outage) -> None:
        """Have it happen."""
        self.faults[outage.name] += 1
        self._services.switchboard.begin(outage)

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

    def calm(self) -> None:
        """No more faults, and none of those that were still to come."""
        for wires in self._wires:
            wires.heal()
        for worker in list(self._thaw_at):
            self._thaw(worker)
        self._services.accept()

    def unexpected_errors(self) -> Iterator[str]:
        """Log lines with a traceback of what nobody foresaw."""
        for log in sorted(self._scratch.glob("worker-*.log")):
            for line in log.read_text().splitlines():
                if "nexpected" in line or not line.startswith("{"):
                    yield f"{log.name}: {line}"


def _key(worker: Worker) -> str:
    return worker.environment["AWS_ACCESS_KEY_ID"]
