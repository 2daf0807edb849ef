"""What a photo's dominant colour and ThumbHash cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from PIL import Image

from adapters.pictures.placeholder import placeholder
from benchmarks.figure import Figure

ROUNDS = 50


def measure() -> Iterator[Figure]:
    gradients = Image.linear_gradient("L"), Image.radial_gradient("L"), Image.effect_noise((256, 256), 60)
    thumbnail = Image.merge("RGB", gradients).resize((200, 150))
    seconds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        placeholder(thumbnail)
        seconds.append(time.process_time() - before)
    yield Figure("dominant colour and ThumbHash of a thumbnail: CPU", 1000 * statistics.median(seconds), "ms", 3.0)
