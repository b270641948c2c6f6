#!/usr/bin/env python3
"""Reads a misora data set with nothing but Python's tarfile and NumPy, and says what is in it.

Shows that the shards can be read without misora: keys group the files of a sample as in WebDataset, the arrays are
uint8 [T, H, W, 3], the metadata is plain JSON, and the index names the right places. Checked with NumPy 2.4.6.

    python3 scripts/goldens/read_shards.py FOLDER
"""

import io
import json
import pathlib
import sys
import tarfile

import numpy


def samples(shard):
    """Groups the files of a shard by what stands before the first dot, as WebDataset does."""
    group, current = {}, None
    with tarfile.open(shard) as tar:
        for member in tar:
            key, extension = member.name.split(".", 1)
            if key != current and group:
                yield current, group
                group = {}
            current = key
            group[extension] = tar.extractfile(member).read()
    if group:
        yield current, group


def main(folder):
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    count = 0
    for shard in index["shards"]:
        path = folder / shard["file"]
        assert path.stat().st_size == shard["bytes"], path
        listed = {sample["key"]: sample for sample in shard["samples"]}
        with tarfile.open(path) as tar:
            offsets = {member.name: member.offset for member in tar}
        for key, files in samples(path):
            about = json.loads(files["json"])
            clip = numpy.load(io.BytesIO(files["npy"]), allow_pickle=False)
            width, height = map(int, about["resolution"].split("x"))
            assert clip.dtype == numpy.uint8, clip.dtype
            assert clip.shape == (about["num_frames"], height, width, 3), (clip.shape, about["resolution"])
            assert offsets[f"{key}.json"] == listed[key]["offset"], key
            if count == 0:
                print("first sample:", key, clip.shape, "mean", round(float(clip.mean()), 2), about["captions"][0]["text"])
            count += 1
        assert len(listed) == shard["num_samples"]
    print(f"{count} samples in {len(index['shards'])} shards: all readable")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
