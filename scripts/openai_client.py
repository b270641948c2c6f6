"""Drives a running server through the whole life of a video with OpenAI's own Python client.

    python3 -m venv venv && venv/bin/pip install openai
    misora serve &
    venv/bin/python scripts/openai_client.py http://127.0.0.1:8080/v1 [KEY]

Exits with an error at the first answer that is not what that client expects.
"""

import sys
import time
import warnings

import openai

warnings.simplefilter("ignore", DeprecationWarning)
SMALL = {"num_inference_steps": 4, "seed": 7}


def wait(client, video):
    """Polls as the client's own helper does, and takes every status that it does not know as an end."""
    while video.status in ("queued", "in_progress"):
        time.sleep(0.2)
        video = client.videos.retrieve(video.id)
    assert video.status == "completed", video
    assert video.progress == 100 and video.error is None, video
    return video


def pictures(mp4):
    """The coded pictures of a file, without what is signed anew each time."""
    at = 0
    while at < len(mp4):
        size, kind = int.from_bytes(mp4[at : at + 4], "big"), mp4[at + 4 : at + 8]
        if kind == b"mdat":
            return mp4[at + 8 : at + size]
        at += size
    raise AssertionError("a file without pictures")


def refused(status, call):
    try:
        call()
    except openai.APIStatusError as error:
        assert error.status_code == status, (error.status_code, error.body)
        return error
    raise AssertionError(f"this should have been refused with {status}")


def main():
    base, key = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "none"
    client = openai.OpenAI(base_url=base, api_key=key, max_retries=0)
    prompt = "a red ball rolls across the grass"

    video = client.videos.create(prompt=prompt, model="sora-2", seconds="1", size="64x64", extra_body=SMALL)
    assert video.object == "video" and video.status == "queued" and video.size == "64x64", video
    video = wait(client, video)
    polled = client.videos.create_and_poll(prompt=prompt, seconds="1", size="64x64", extra_body=SMALL)
    assert polled.status == "completed", polled

    content = client.videos.download_content(video.id).read()
    assert content[4:8] == b"ftyp", content[:16]
    again = client.videos.download_content(polled.id).read()
    assert pictures(again) == pictures(content), "the same seed made another video"
    for variant in ("thumbnail", "spritesheet"):
        picture = client.videos.download_content(video.id, variant=variant).read()
        assert picture[:2] == b"\xff\xd8", picture[:16]
    thumbnail = client.videos.download_content(video.id, variant="thumbnail").read()

    assert [found.id for found in client.videos.list(limit=1)] == [polled.id, video.id], "pages do not follow each other"
    assert [found.id for found in client.videos.list(order="asc")] == [video.id, polled.id]

    remix = wait(client, client.videos.remix(video.id, prompt="a blue ball", extra_body=SMALL))
    assert remix.remixed_from_video_id == video.id, remix
    extended = client.videos.extend(prompt=prompt, seconds="1", video=content, extra_body=SMALL)
    assert wait(client, extended).seconds == "2", extended
    wait(client, client.videos.edit(prompt="a green ball", video=content, extra_body=SMALL))
    # The client declares references to videos, and refuses them before it sends anything (3.57).
    for path in ("/videos/extensions", "/videos/edits"):
        body = {"prompt": prompt, "seconds": "1", "video": {"id": video.id}, **SMALL}
        if path == "/videos/edits":
            del body["seconds"]
        wait(client, client.post(path, cast_to=type(video), body=body))
    animated = client.videos.create(
        prompt=prompt, seconds="1", size="64x64", input_reference=("first.jpg", thumbnail, "image/jpeg"), extra_body=SMALL
    )
    wait(client, animated)

    error = refused(400, lambda: client.videos.create(prompt=prompt, size="100x100"))
    assert error.param == "size" and "nearest" in error.message, error.body
    refused(400, lambda: client.videos.create(prompt=prompt, model="dall-e"))
    refused(404, lambda: client.videos.retrieve("video_" + "0" * 32))

    for found in list(client.videos.list(limit=2)):
        deleted = client.videos.delete(found.id)
        assert deleted.deleted and deleted.object == "video.deleted", deleted
    assert list(client.videos.list()) == []
    refused(404, lambda: client.videos.download_content(video.id))
    assert [model.object for model in client.models.list()] == ["model"]
    print(f"openai {openai.__version__}: the whole life of a video passes")


if __name__ == "__main__":
    main()
