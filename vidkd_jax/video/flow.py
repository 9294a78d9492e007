"""Optical flow: computed between frames, and stored as JPEG in the form that MARS gave it.

MARS (Crasto et al., CVPR 2019) clips TV-L1 flow to +-20 pixels and maps it to 0..255, so that 127.5
is no motion; zero itself is stored as 128, half a step (0.08 pixels) to the right or down.
"""

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
import simplejpeg

from vidkd_jax.errors import InputError

MAX_FLOW = 20.0  # pixels a frame; MARS
MIN_SIDE = 16  # pixels: below, the methods' image pyramids have no level to start from
ALGORITHMS = ("dis", "tvl1")
FlowMethod = Callable[[np.ndarray, np.ndarray], np.ndarray]


def flow_method(algorithm: str) -> FlowMethod:
    """Returns a function from two grey frames, uint8 [h, w], to the flow between them.

    The flow is float32 [h, w, 2], in pixels: how far right and down the content of the first frame
    moves until the second. At 128 x 171 pixels, on one CPU core:

    - "dis" (Kroeger et al., ECCV 2016; OpenCV's preset MEDIUM): 2 ms, within 0.07 pixels of the
      truth on shifted textures. FAST takes a quarter of the time and is off by 0.2.
    - "tvl1" (Zach et al., 2007; what MARS uses): 190 ms, within 0.04. scikit-image's, not OpenCV's
      (in opencv-contrib): that one takes 400 to 3,000 ms and loses shifts of 8 pixels, and its
      package must not be installed beside the one that everything else here needs.

    Raises:
      InputError: "tvl1" without scikit-image.
    """
    return _dis() if algorithm == "dis" else _tvl1()


def _dis() -> FlowMethod:
    cv2.setNumThreads(1)  # worker processes are the parallelism
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return lambda first, second: method.calc(first, second, None)  # type: ignore[call-overload]


def _tvl1() -> FlowMethod:
    try:
        from skimage.registration import optical_flow_tvl1
    except ImportError as error:
        raise InputError(
            "--algorithm=tvl1: needs scikit-image: pip install 'vidkd_jax[flow]', or use dis"
        ) from error

    def method(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        frames = (frame.astype(np.float32) / 255 for frame in (first, second))
        rows, columns = optical_flow_tvl1(*frames, dtype=np.float32)
        return np.stack([columns, rows], axis=-1)

    return method


def flow_fields(frames: Iterable[np.ndarray], method: FlowMethod) -> Iterator[np.ndarray]:
    """Yields as many flow fields as there are frames: field t leads from frame t to t + 1.

    The last frame leads nowhere and repeats the field before, so that a clip's flow is found under
    the numbers of its frames; a video of one frame has no motion.

    Args:
      frames: grey, uint8 [h, w], at least one.
      method: as made by `flow_method`.
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

    At quality 95 the error on real videos at a short side of 128 is 0.06 pixels on average (0.05 of
    it from the 8 bits), less than 0.2 for 99 % of the values, and 0.4 at most, at 2 kB a field.
    TV-L1's sharper edges reach 0.8. Two JPEGs are no more exact and 15 % larger; colour channels
    are twice as far off, because JPEG mixes them.
    """
    scaled = (np.clip(field, -MAX_FLOW, MAX_FLOW) + MAX_FLOW) * (255 / (2 * MAX_FLOW))
    stacked = np.concatenate([scaled[..., :1], scaled[..., 1:]]).round().astype(np.uint8)
    return simplejpeg.encode_jpeg(stacked, quality=quality, colorspace="GRAY")


def decode_flow(jpeg: bytes) -> np.ndarray:
    """Returns a stored field, uint8 [h, w, 2] with 127.5 for no motion.

    Raises:
      ValueError: it is no such JPEG.
    """
    stacked = simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")
    return np.concatenate(np.split(stacked, 2), axis=-1)
