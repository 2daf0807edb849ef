"""What the jobs left: derivatives, bundles, MediaConvert jobs, and nothing else."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from zipfile import BadZipFile

from PIL import Image, ImageStat

from devstack.ffmpeg import inspect
from devstack.mediaconvert import MediaConvertEmulator
from tests.e2e.world import World
from tests.soak.evidence import Evidence
from tests.soak.findings import Findings
from tests.soak.jobs import Asset, Kind, Sent
from tests.soak.record import SUBMIT

WIDTHS = {"thumbnail": 200, "small": 400, "medium": 800, "large": 1200}
SIZES = {Kind.PHOTO: {*WIDTHS}, Kind.DOCUMENT: {"original"}, Kind.VIDEO: {"original", *WIDTHS}}
CREATED = 201


def check_outputs(world: World, sent: Sequence[Sent], evidence: Evidence, found: Findings, scratch: Path) -> None:
    """What an acknowledged callback names exists and is right."""
    for each in sent:
        for callback in evidence.acknowledged(each)[-1:]:
            named = [output["rawKey"] for output in callback.payload["outputs"]]
            found.must(named == [asset.key for asset in each.assets], f"job {each.job_id} names {named}")
            outputs = {output["rawKey"]: output for output in callback.payload["outputs"]}
            given_up = evidence.excuses.of_giving_up(each.message_id)
            excused = evidence.was_of_the_last_receive(callback) and bool(given_up)
            for asset in (asset for asset in each.assets if asset.key in outputs):
                output = outputs[asset.key]
                if code := output["errorCode"]:
                    found.must(not asset.good or excused, f"{asset.key}: {code}")
                    found.must("processedKey" not in output, f"{asset.key} failed and has a processedKey")
                else:
                    _check_derivatives(world, asset, output["outputs"], found, scratch)


def _check_derivatives(
    world: World, asset: Asset, named: Mapping[str, str], found: Findings, scratch: Path
) -> None:
    found.must(asset.good, f"{asset.key} can't have been processed")
    sizes = {label.partition("_")[0] for label in named}
    found.must(not asset.good or sizes == SIZES[asset.kind], f"{asset.key} has the derivatives {sorted(sizes)}")
    for label, key in named.items():
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
    given_up = {each.listing_id for each in sent if each.message_id in evidence.dead}
    for each in sent:
        good = {asset.key for asset in each.assets if asset.good}
        for callback in evidence.acknowledged(each):
            for output in callback.payload["outputs"]:
                named[each.listing_id].update(output["outputs"].values())
                if output["errorCode"] and output["rawKey"] in good:
                    given_up.add(each.listing_id)  # its video may be finished after the bundle
    for listing, keys in named.items():
        try:
            with world.bundle(listing) as bundle:
                held = Counter(_digest(bundle.read(info)) for info in bundle.infolist())
        except BadZipFile as error:
            found.wrong.append(f"the bundle of listing {listing} is damaged: {error}")
            continue
        processed = world.keys(f"{listing}/processed/") - world.keys(f"{listing}/processed/zip/")
        there = Counter(_digest(world.read(key)) for key in processed)
        # What a job left that died before its bundle is in the bundle of the next one, if there is one.
        wanted = Counter(_digest(world.read(key)) for key in keys) if listing in given_up else there
        missing, foreign = wanted - held, held - there
        wrong = (
            f"the bundle of listing {listing} lacks {missing.total()} objects and has {foreign.total()} too many"
        )
        found.must(not missing and not foreign, wrong, "bundles complete")


def check_left_overs(world: World, sent: Sequence[Sent], evidence: Evidence, found: Findings) -> None:
    """Nothing in flight, no upload open."""
    depth = world.depth(world.queue_url)
    found.must(depth == 0, f"{depth} messages are still on the queue")
    dead = {each.listing_id for each in sent if evidence.excuses.of_leaving(each.message_id)}
    for upload in world.s3.list_multipart_uploads(Bucket=world.bucket).get("Uploads", []):
        listing = int(upload["Key"].partition("/")[0])
        found.must(listing in dead, f"an upload of {upload['Key']} is open", "uploads left by a last receive")


def check_videos(
    sent: Sequence[Sent], evidence: Evidence, transcoder: MediaConvertEmulator, found: Findings
) -> None:
    """No video paid for twice, none submitted again that is known to be submitted."""
    inputs = [job.request["settings"]["inputs"][0]["fileInput"] for job in transcoder.jobs]
    jobs = Counter(url.partition("/raw/")[0].rpartition("/")[2] for url in inputs)
    for each in sent:
        for asset in (asset for asset in each.assets if asset.kind is Kind.VIDEO):
            found.counts["videos"] += 1
            made = {
                output["rawKey"]
                for callback in evidence.acknowledged(each)
                for output in callback.payload["outputs"]
                if not output["errorCode"]
            }
            number = jobs[str(each.listing_id)]
            unpaid = number == 0 and asset.key not in made
            found.must(number == 1 or unpaid, f"{asset.key}: {number} MediaConvert jobs")
            asked = evidence.record.asked(SUBMIT, str(each.listing_id))
            for first, second in pairwise(request for request in asked if request.status == CREATED):
                excuse = evidence.excuses.of_a_second_submission(first, second)
                found.must(bool(excuse), f"{asset.key} was submitted again for no reason")
    found.counts["MediaConvert jobs"] = len(transcoder.jobs)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
