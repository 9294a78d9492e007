"""Computes optical flow between frames, and stores it as JPEG with the scale of MARS.

MARS (Crasto et al., CVPR 2019) clips TV-L1 flow to +-20 pixels and maps it to 0..255, so that 127.5
means no motion. In 8 bits, zero is stored as 128, which is half a step (0.08 pixels) to the right
or down.
"""

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
import simplejpeg

from vidkd_jax.errors import InputError

MAX_FLOW = 20.0  # pixels per frame, from MARS
MIN_SIDE = 16  # pixels; the image pyramids of the methods have no level for smaller frames
ALGORITHMS = ("dis", "tvl1")
FlowMethod = Callable[[np.ndarray, np.ndarray], np.ndarray]


def flow_method(algorithm: str) -> FlowMethod:
    """Returns a function from two grey frames, uint8 [h, w], to the flow between them.

    The flow is float32 [h, w, 2], in pixels: how far the content of the first frame moves to the
    right and down until the second frame. At 128 x 171 pixels, on one CPU core:

    - "dis" (Kroeger et al., ECCV 2016; preset MEDIUM of OpenCV) takes 2 ms, and its error on
      shifted textures is at most 0.07 pixels. The preset FAST takes a quarter of the time, with
      errors of 0.2 pixels.
    - "tvl1" (Zach et al., 2007; the method of MARS) takes 190 ms, with errors of at most 0.04
      pixels. It is the implementation of scikit-image. The one of OpenCV (in opencv-contrib) takes
      400 to 3,000 ms and fails at shifts of 8 pixels, and its package must not be installed beside
      the OpenCV package that this library needs.

    Raises:
      InputError: The algorithm is "tvl1" and scikit-image is not installed.
    """
    return _dis() if algorithm == "dis" else _tvl1()


def _dis() -> FlowMethod:
    cv2.setNumThreads(1)  # the work is parallel over worker processes
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return lambda first, second: method.calc(first, second, None)  # type: ignore[call-overload]


def _tvl1() -> FlowMethod:
    try:
        from skimage.registration import optical_flow_tvl1
    except ImportError as error:
        raise InputError(
            "--algorithm=tvl1: needs scikit-image; install it with pip install 'vidkd_jax[flow]', "
            "or use --algorithm=dis"
        ) from error

    def method(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        frames = (frame.astype(np.float32) / 255 for frame in (first, second))
        rows, columns = optical_flow_tvl1(*frames, dtype=np.float32)
        return np.stack([columns, rows], axis=-1)

    return method


def flow_fields(frames: Iterable[np.ndarray], method: FlowMethod) -> Iterator[np.ndarray]:
    """Yields one flow field per frame. Field t is the motion from frame t to frame t + 1.

    The last frame has no next frame, so its field repeats the one before. Thus field t belongs to
    frame t for all frames. If there is only one frame, its field is zero.

    Args:
      frames: Grey frames, uint8 [h, w]; at least one.
      method: A function made by `flow_method`.
    """
    iterator = iter(frames)
    previous = next(iterator)
    field = np.zeros((*previous.shape, 2), np.float32)
    for frame in iterator:
        field = method(previous, frame)
        yield field
        previous = frame
    yield field


def encode_flow(field: np.ndarray, *, quality: int) -> bytes:
    """Returns a field in pixels, float [h, w, 2], as one grey JPEG: horizontal above vertical.

    At quality 95, a field of a real video with a short side of 128 takes 2 kB. The error is 0.06
    pixels on average (0.05 come from the 8 bits), below 0.2 for 99 % of the values, and 0.4 at
    most. TV-L1 has sharper edges, with errors up to 0.8. Two JPEGs would be 15 % larger and no more
    exact. Two colour channels would double the error, because JPEG mixes them.
    """
    scaled = (np.clip(field, -MAX_FLOW, MAX_FLOW) + MAX_FLOW) * (255 / (2 * MAX_FLOW))
    stacked = np.concatenate([scaled[..., :1], scaled[..., 1:]]).round().astype(np.uint8)
    return simplejpeg.encode_jpeg(stacked, quality=quality, colorspace="GRAY")


def decode_flow(jpeg: bytes) -> np.ndarray:
    """Returns a stored field, uint8 [h, w, 2], in which 127.5 means no motion.

    Raises:
      ValueError: The bytes are not such a JPEG.
    """
    stacked = simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")
    return np.concatenate(np.split(stacked, 2), axis=-1)
