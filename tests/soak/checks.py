"""What became of the jobs, seen from outside: bucket, queues, endpoint and receiver, never the workers' word."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageStat

from devstack.ffmpeg import inspect
from devstack.mediaconvert import MediaConvertEmulator
from devstack.receiver import Callback
from tests.e2e.world import World
from tests.soak.evidence import Evidence
from tests.soak.jobs import Asset, Kind, Sent

WIDTHS = {"thumbnail": 200, "small": 400, "medium": 800, "large": 1200}


@dataclass
class Findings:
    """What is wrong, and what was counted on the way."""

    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def must(self, kept: bool, wrong: str, counted: str = "") -> None:
        if not kept:
            self.wrong.append(wrong)
        elif counted:
            self.counts[counted] += 1


def check_endings(sent: Sequence[Sent], evidence: Evidence, found: Findings) -> None:
    """Each job ended in exactly one of the two ways."""
    for each in sent:
        name = f"job {each.job_id} ({each.message_id})"
        done, dead = evidence.acknowledged(each), each.message_id in evidence.dead
        if not each.assets:
            found.counts["messages that name no job, in the DLQ without a callback"] += 1
            left = dead and not evidence.callbacks[each.message_id]
            found.must(left, f"{name} names no job, but isn't just left")
            continue
        found.must(bool(done) or dead, f"{name} is lost: neither acknowledged nor in the DLQ")
        if dead:
            _check_dead(each, evidence, found, name)
        elif done:
            found.counts["jobs done, acknowledged and deleted"] += 1
            found.must(not evidence.failures(each), f"{name} was reported as done and as failed")
            found.must(any(asset.good for asset in each.assets), f"{name} has nothing to process and is done")
        _check_repeats(done, evidence, found, name)


def _check_dead(sent: Sent, evidence: Evidence, found: Findings, name: str) -> None:
    failures = {each.headers["webhook-id"] for each in evidence.failures(sent)}
    lost = evidence.last_receive_was_lost(sent)
    if len(failures) == 1 and not evidence.acknowledged(sent):
        codes = {each.payload["error"]["code"] for each in evidence.failures(sent)}
        good = any(asset.good for asset in sent.assets)
        what = "that could be processed" if good else "that couldn't be processed"
        found.counts[f"jobs {what}, in the DLQ and reported as {', '.join(sorted(codes))}"] += 1
    elif lost:
        found.counts["jobs in the DLQ, killed or cut off on their last receive"] += 1
    else:
        found.must(False, f"{name} is in the DLQ with {len(failures)} failure callbacks")


def _check_repeats(done: Sequence[Callback], evidence: Evidence, found: Findings, name: str) -> None:
    found.must(len({each.headers["webhook-id"] for each in done}) <= 1, f"{name} was done under two webhook-ids")
    found.must(len({str(each.payload["outputs"]) for each in done}) <= 1, f"{name} was done in two ways")
    for first in done[:-1]:
        found.counts["acknowledged callbacks repeated under the same webhook-id"] += 1
        found.must(evidence.repeat_is_explained(first), f"{name} called back twice for no reason")


def check_outputs(world: World, sent: Sequence[Sent], evidence: Evidence, found: Findings, scratch: Path) -> None:
    """What an acknowledged callback names exists and is right."""
    for each in sent:
        for callback in evidence.acknowledged(each)[-1:]:
            outputs = callback.payload["outputs"]
            for asset, output in zip(each.assets, outputs, strict=True):
                if output["errorCode"]:
                    given_up = evidence.came_to_the_last_receive(each)
                    found.must(not asset.good or given_up, f"{asset.key}: {output['errorCode']}")
                    found.must("processedKey" not in output, f"{asset.key} failed and has a processedKey")
                else:
                    found.must(asset.good, f"{asset.key} can't have been processed")
                    for label, key in output["outputs"].items():
                        wrong = _what_is_wrong(world, asset, label.partition("_")[0], key, scratch)
                        found.must(not wrong, f"{key}: {wrong}", "derivatives named, found and right")


def _what_is_wrong(world: World, asset: Asset, size: str, key: str, scratch: Path) -> str:
    try:
        data = world.read(key)
    except world.s3.exceptions.NoSuchKey:
        return "there is none"
    if asset.kind is Kind.DOCUMENT:
        return "" if data == asset.data else "not the document"
    if size == "original":
        (scratch / "video.mp4").write_bytes(data)
        clip = inspect(scratch / "video.mp4")
        return "" if clip.codec == "h264" and clip.shown == asset.size else f"not the video: {clip}"
    picture = Image.open(io.BytesIO(data))
    width, height = asset.size
    wanted = min(WIDTHS[size], width)
    if picture.size != (wanted, round(height * wanted / width)):
        return f"{picture.size}"
    means = ImageStat.Stat(picture.convert("RGB")).mean
    strayed = max(abs(mean - colour) for mean, colour in zip(means, asset.colour, strict=True))
    return f"of another colour: {means}" if asset.kind is Kind.PHOTO and strayed > 4 else ""


def check_bundles(world: World, sent: Sequence[Sent], evidence: Evidence, found: Findings) -> None:
    """Each listing's bundle holds every processed object of it, and nothing else."""
    named: defaultdict[int, set[str]] = defaultdict(set)
    for each in sent:
        for callback in evidence.acknowledged(each):
            for output in callback.payload["outputs"]:
                named[each.listing_id].update(output["outputs"].values())
    given_up = {each.listing_id for each in sent if each.message_id in evidence.dead}
    for listing, keys in named.items():
        with world.bundle(listing) as bundle:
            found.must(bundle.testzip() is None, f"the bundle of listing {listing} is damaged")
            held = Counter(_digest(bundle.read(info)) for info in bundle.infolist())
        processed = world.keys(f"{listing}/processed/") - world.keys(f"{listing}/processed/zip/")
        there = Counter(_digest(world.read(key)) for key in processed)
        # What a job left that died before its bundle is in the bundle of the next one, if there is one.
        wanted = Counter(_digest(world.read(key)) for key in keys) if listing in given_up else there
        missing, foreign = wanted - held, held - there
        wrong = (
            f"the bundle of listing {listing} lacks {missing.total()} objects and has {foreign.total()} too many"
        )
        found.must(not missing and not foreign, wrong, "bundles complete")


def check_left_overs(
    world: World, sent: Sequence[Sent], evidence: Evidence, transcoder: MediaConvertEmulator, found: Findings
) -> None:
    """Nothing in flight, no upload open, no video paid for twice."""
    depth, uploads = world.depth(world.queue_url), world.open_uploads()
    found.must(depth == 0, f"{depth} messages are still on the queue")
    found.must(uploads == 0, f"{uploads} multipart uploads are open")
    inputs = [job.request["settings"]["inputs"][0]["fileInput"] for job in transcoder.jobs]
    jobs = Counter(url.removeprefix(f"s3://{world.bucket}/") for url in inputs)
    for each in sent:
        for asset in each.assets:
            if asset.kind is Kind.VIDEO:
                number = jobs[asset.key]
                unpaid = number == 0 and not evidence.acknowledged(each)
                found.must(number == 1 or unpaid, f"{asset.key}: {number} MediaConvert jobs")
                found.counts["videos"] += 1
    found.counts["MediaConvert jobs"] = len(transcoder.jobs)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
