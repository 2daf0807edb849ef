"""One job, from upload to callback, through the real worker on an emulated AWS: `python -m devstack.demo`."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from devstack.aws import session, variables
from devstack.clips import clip_set
from devstack.contact_sheet import contact_sheet
from devstack.demo_output import OutputError, collect, emptied
from devstack.demo_words import farewell, table
from devstack.deploy import DeployError, deploy
from devstack.folder import FolderError, media_files, uploads
from devstack.mediaconvert import MediaConvertEmulator
from devstack.moto import moto_server
from devstack.processes import Child, ChildError, free_port
from devstack.progress import Progress, entries
from devstack.receiver import Callback, Receiver
from devstack.sample import TRACEPARENT, enqueue, upload
from devstack.samples import Sample, sample_set
from devstack.signatures import GENUINE

LISTING_ID, JOB_ID, FINALIZATION_ID = 28, 21, 22
PROFILES = Path(__file__).parents[1] / "infra" / "profiles"
START_SECONDS = STOP_SECONDS = 30
JOB_SECONDS, ASSET_SECONDS = 60, 5
"""How long a job may take: so much, and so much more for each of its assets; one's own videos may be long."""


class DemoError(Exception):
    """The demo can't go on; the message is for whoever started it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when the job was done and acknowledged, though single assets may have failed."""
    parser = argparse.ArgumentParser(prog="devstack.demo", description=__doc__)
    parser.add_argument("--media", type=_path, help="a folder of your own photos, videos and documents")
    parser.add_argument("--output", type=_path, default=Path("demo-output"), help="where the results go")
    parser.add_argument(
        "--profile",
        choices=sorted(file.stem for file in PROFILES.glob("*.env")),
        help="the settings of infra/profiles for one of the backend's versions",
    )
    options = parser.parse_args(arguments)
    # So that a SIGTERM leaves by the same doors as everything else, and stops the children.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        files = media_files(options.media) if options.media else []
        profile = dotenv_values(PROFILES / f"{options.profile}.env") if options.profile else {}
        with (
            emptied(options.output, options.media),
            tempfile.TemporaryDirectory(prefix="demo-") as scratch,
        ):
            return _run(files, profile, options.output, Path(scratch) / "worker.log")
    except (DemoError, FolderError, OutputError, DeployError, ChildError, TimeoutError) as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _path(text: str) -> Path:
    """sh and zsh leave the `~` of `MEDIA=~/…` to us."""
    return Path(os.path.expanduser(text))


def _run(files: list[Path], profile: Mapping[str, str | None], output: Path, log: Path) -> int:
    say = _teller()
    say("moto server and ffmpeg (AWS) and a callback receiver (the backend) start")
    secret = secrets.token_hex(16)
    with ExitStack() as running:
        endpoint = running.enter_context(moto_server())
        receiver = running.enter_context(Receiver(secret))
        s3 = session().client("s3", endpoint_url=endpoint)
        transcoder = running.enter_context(MediaConvertEmulator(s3))
        stack = deploy(endpoint, "demo")
        say(f"infra/storage-and-queues.yaml is deployed: bucket {stack.bucket}")
        sqs = session().client("sqs", endpoint_url=endpoint)
        whose = f"{len(files)} files of {files[0].parent} are" if files else "sample media are drawn and"
        say(f"{whose} uploaded")
        drawn = () if files else (*clip_set(), *sample_set())
        meant_to_fail = {sample.name for sample in drawn if sample.broken}
        samples: Iterable[Sample] = drawn or uploads(files)
        assets = upload(s3, stack.bucket, LISTING_ID, samples)
        settings = {
            **variables(endpoint),
            "QUEUE_URL": stack.queue_url,
            "MEDIA_BUCKET": stack.bucket,
            "CALLBACK_URL": receiver.url,
            "CALLBACK_SECRET": secret,
            "MEDIACONVERT_ROLE_ARN": stack.media_convert_role_arn,
            "AWS_ENDPOINT_URL_MEDIACONVERT": transcoder.url,
            "HTTP_PORT": str(free_port()),
            # A short lease makes short polls, and a worker ends when its last poll has come back.
            "VISIBILITY_TIMEOUT": "9",
            "LOG_LEVEL": "INFO",
            "LOG_FORMAT": "json",
            **{name: value for name, value in profile.items() if value},
        }
        with Child([sys.executable, "-m", "worker.cli", "run"], log=log, environment=settings) as worker:
            worker.wait_ready(f"http://127.0.0.1:{settings['HTTP_PORT']}/livez", START_SECONDS)
            enqueue(sqs, stack.queue_url, _job(assets))
            say(f"one message with {len(assets)} assets is in the queue")
            settled, seconds = Progress(log, say).settled, JOB_SECONDS + ASSET_SECONDS * len(assets)
            worker.wait_ready(settled, seconds)
            callback = _genuine(receiver, JOB_ID, worker)
            finalization = None
            if "BUNDLE_CONTENTS" in profile:  # such a backend takes the bundle from a finalization
                enqueue(sqs, stack.queue_url, _finalization(assets, callback))
                say("the owner approves: a finalization is in the queue")
                worker.wait_ready(settled, seconds)
                finalization = _genuine(receiver, FINALIZATION_ID, worker).payload
            say("the worker is told to stop, and drains")
            _stop(worker)
        shown = collect(s3, stack.bucket, callback.payload, finalization, output)
        shutil.copyfile(log, output / "worker.log")
    page = contact_sheet(callback.payload, shown, finalization, entries(log), meant_to_fail)
    (output / "index.html").write_text(page, encoding="utf-8")
    print(f"\n{table(shown, finalization)}\n")
    print(farewell(callback.payload["status"], shown, meant_to_fail, output))
    for payload in filter(None, (callback.payload, finalization)):
        if payload["status"] not in {"SUCCEEDED", "PARTIAL_SUCCESS"}:
            raise DemoError(f"job {payload['jobId']} ended as {payload['status']}: {payload['error']}")
    return 0


def _teller() -> Any:
    started = time.monotonic()
    return lambda line: print(f"{time.monotonic() - started:6.1f} s  {line}", flush=True)


def _job(assets: list[dict[str, Any]]) -> Mapping[str, Any]:
    return {
        "jobId": JOB_ID, "listingId": LISTING_ID, "batchId": "demo", "assets": assets, "retry": 0,
        "traceparent": TRACEPARENT,
    }  # fmt: skip


def _finalization(assets: list[dict[str, Any]], callback: Callback) -> Mapping[str, Any]:
    """The message for the bundle of what was processed."""
    processed = {output["rawKey"] for output in callback.payload["outputs"] if not output["errorCode"]}
    approved = [asset for asset in assets if asset["key"] in processed]
    return {"kind": "finalize", "jobId": FINALIZATION_ID, "listingId": LISTING_ID, "assets": approved}


def _stop(worker: Child) -> None:
    worker.send(signal.SIGTERM)
    if status := worker.wait(STOP_SECONDS):
        raise DemoError(f"the worker ended with status {status}\n{worker.tail()}")


def _genuine(receiver: Receiver, job_id: int, worker: Child) -> Callback:
    """The job's callback that was acknowledged. Raises `DemoError` if there is none, or it is a forged one."""
    acknowledged = [callback for callback in receiver.acknowledged if callback.payload["jobId"] == job_id]
    if not acknowledged:
        verdicts = [callback.verdict for callback in receiver.callbacks]
        raise DemoError(f"the backend acknowledged no callback; it saw {verdicts}\n{worker.tail()}")
    callback = acknowledged[-1]
    if callback.verdict != GENUINE:
        raise DemoError(f"the callback's signatures are wrong: {callback.verdict}")
    return callback


if __name__ == "__main__":
    sys.exit(main())
