// Renders pictures with sharp as the worker does, one for each line on standard input, and answers each with the CPU in seconds.
// A line is `FORMAT PATH`: the format of the four renditions, and the picture. `-` is the answer where sharp can't read it.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";

const sharp = createRequire(join(process.argv[2], "sharp"))("sharp");
sharp.concurrency(1); // more threads cost more CPU, and that is what is measured
sharp.cache(false);

const OPTIONS = { jpeg: { quality: 85, chromaSubsampling: "4:2:0" }, webp: { quality: 85 }, png: {} };

// Decoded once; the smaller ones are made of the large one, which is cheaper than to decode four times.
async function render(path, format) {
  const wide = { width: 1200, withoutEnlargement: true };
  const large = await sharp(path).rotate().resize(wide).raw().toBuffer({ resolveWithObject: true });
  for (const width of [1200, 800, 400, 200]) {
    const image = sharp(large.data, { raw: large.info }).resize({ width, withoutEnlargement: true });
    await image.toFormat(format, OPTIONS[format]).toBuffer();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [format, path] = line.split(" ", 2);
  const before = process.cpuUsage();
  try {
    await render(path, format);
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1e6);
  } catch {
    console.log("-");
  }
}
