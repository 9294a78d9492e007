"""Makes the video files that tests need: images, encodings, and damage."""

import struct
from fractions import Fraction

import av
import numpy as np
import simplejpeg

# Corner colours that survive compression: red and green above, blue and white below.
CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def corners(height=32, width=48):
    return np.repeat(np.repeat(CORNERS, height // 2, axis=0), width // 2, axis=1)


def numbered_frames(num_frames, height=48, width=64):
    """Yields frames that all differ, so that tests notice an off-by-one error."""
    y, x = np.mgrid[:height, :width]
    for t in range(num_frames):
        yield np.stack([x * 3 + t * 5, y * 2 + t, x * 0 + t * 4], -1).astype(np.uint8)


def encode(
    path,
    frames,
    codec,
    pixel_format,
    times=None,
    options=None,
    file_options=None,
    title="video",
    aspect=None,
):
    """Writes videos that `write_video` cannot: other codecs, pixel formats and time stamps."""
    with av.open(str(path), "w", options=file_options or {}) as container:
        container.metadata["title"] = title
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = Fraction(1, 100)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
            frame.time_base = Fraction(1, 100)
            frame.pts = times[i] if times else 4 * i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def encode_audio(path, cover=None):
    """Writes a second of silence, with a cover picture if one is given."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=16000)
        if cover is not None:
            picture = container.add_stream("mjpeg", rate=1)
            picture.height, picture.width = cover.shape[:2]
            picture.pix_fmt = "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            frame = av.VideoFrame.from_ndarray(cover, format="rgb24").reformat(format="yuvj420p")
            container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        silence.sample_rate = 16000
        container.mux(sound.encode(silence))
        container.mux(sound.encode(None))


def set_display_matrix(path, a, b, c, d):
    """Patches the 2x2 part of the matrix in an .mp4's track header (ISO 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    data[matrix : matrix + 20] = struct.pack(">5i", a * one, b * one, 0, c * one, d * one)
    path.write_bytes(data)


def cut(path, part):
    """Truncates a file to a fraction of its length."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])


def damage(path, start=0.25, num_bytes=300):
    """Overwrites bytes by zeros, from a fraction of a file's length on."""
    data = bytearray(path.read_bytes())
    begin = int(len(data) * start)
    data[begin : begin + num_bytes] = bytes(num_bytes)
    path.write_bytes(data)


def moving_texture(num_frames, height=64, width=96):
    """Yields frames that take enough bytes for damage to hit what is shown."""
    coarse = np.random.default_rng(0).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    texture = coarse.repeat(4, axis=0).repeat(4, axis=1)
    for t in range(num_frames):
        yield np.roll(texture, (t, 2 * t), (0, 1))


def as_stream(source, target):
    """Copies the packets into a container that can be read from a pipe."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        (stream,) = before.streams.video
        copy = after.add_stream_from_template(stream)
        for packet in before.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                after.mux(packet)


def photographs(path, images):
    """Writes a Motion JPEG video whose frames have EXIF, as those that are copied from photos."""
    maker, upright = (0x010F, 2, 4, b"abc\0"), (0x0112, 3, 1, 1)
    tags = struct.pack("<IHHHI4sHHIII", 8, 2, *maker, *upright, 0)
    exif = b"Exif\0\0II*\0" + tags
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    with av.open(path, "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.time_base = "yuvj420p", Fraction(1, 10)
        for number, image in enumerate(images):
            jpeg = simplejpeg.encode_jpeg(image, quality=95, colorsubsampling="420")
            packet = av.Packet(jpeg[:2] + segment + jpeg[2:])
            packet.stream, packet.time_base, packet.is_keyframe = stream, stream.time_base, True
            packet.pts = packet.dts = number
            packet.duration = 1
            container.mux(packet)
