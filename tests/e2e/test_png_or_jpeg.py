"""PNGs through a real worker: photos become JPEGs under their own names, drawings stay what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devstack.scenes import floor_plan, house
from tests.e2e.world import World
from tests.images import encoded, opened

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import TaggingTypeDef

SEEN: TaggingTypeDef = {"TagSet": [{"Key": "seen", "Value": "yes"}]}
SIZES = ("thumbnail", "small", "medium", "large")


def test_a_photo_as_png_is_jpeg_in_bucket_and_bundle_and_is_made_once(world: World) -> None:
    uploads = {
        "28/raw/project/render/tower.png": encoded(house(900, 600, 0, "render"), "PNG"),
        "28/raw/project/render/plan.png": encoded(floor_plan(620, 877, "GROUND FLOOR"), "PNG"),
    }
    keys = [world.upload(key, data, "image/png") for key, data in uploads.items()]
    with world.worker():
        world.enqueue({"jobId": 21, "listingId": 28, "assets": keys})
        world.receiver.wait_for(1)
        world.wait_until_settled()
        made = world.keys("28/processed/project/")
        for key in made:  # a derivative that is written anew has no tag
            world.s3.put_object_tagging(Bucket=world.bucket, Key=key, Tagging=SEEN)
        world.enqueue({"jobId": 22, "listingId": 28, "assets": keys})
        first, second = (callback.payload for callback in world.receiver.wait_for(2))
        world.wait_until_settled()
    assert first["status"] == second["status"] == "SUCCEEDED"
    assert first["outputs"] == second["outputs"]
    assert world.keys("28/processed/project/") == made
    assert all(world.tags(key) == {"seen": "yes"} for key in made)
    for name, form, content_type in (("tower", "JPEG", "image/jpeg"), ("plan", "PNG", "image/png")):
        for size in SIZES:
            key = f"28/processed/project/render/{size}/{name}.png"
            stored = world.s3.get_object(Bucket=world.bucket, Key=key)
            assert stored["ContentType"] == content_type
            assert opened(stored["Body"].read()).format == form
    with world.bundle(28) as archive:
        assert sorted(archive.namelist()) == sorted(
            f"project/render/{size}/{name}" for size in SIZES for name in ("tower.jpg", "plan.png")
        )
