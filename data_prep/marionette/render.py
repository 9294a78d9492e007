"""Renders a video from its latents: draws each frame, lights it and adds noise."""

import cv2
import numpy as np

from data_prep.marionette.actions import MOTIONS, Motion, box_at, is_backward, motion_of, pose_at
from data_prep.marionette.actors import Actor, Scene
from data_prep.marionette.canvas import Canvas, View
from data_prep.marionette.figure import Stage, draw_chair, draw_figure
from data_prep.marionette.latents import Bystander, Drifter, Latents, Light
from data_prep.marionette.poses import Pose, joints
from data_prep.marionette.presets import HEIGHT, WIDTH

VARIANTS = ("full", "background", "blurred")
_ASPECT = WIDTH / HEIGHT
# The blur keeps rough positions and removes poses; it is a quarter of the height of the frame.
_BLUR_SIGMA = HEIGHT / 4
_BLUR_STEP = 4  # pixels; so wide a blur can be computed on a coarser grid
_DARK = 64  # the level (of 255) that a loss of contrast does not change; typical of backgrounds


def render(
    actor: Actor, latents: Latents, label: int, noise_seed: np.random.SeedSequence, variant: str
) -> np.ndarray:
    """Renders one video.

    Args:
        actor: Scene, outfit and body.
        latents: Everything else that varies.
        label: Class, from 0.
        noise_seed: Seed of the pixel noise.
        variant: "full", "background" (without figure, chair and box) or "blurred".

    Returns:
        Frames [t, h, w, 3], uint8 RGB. A backward class gets the frames of its twin in reverse
        order.
    """
    rng = np.random.default_rng(noise_seed)
    motion = motion_of(label)
    frames = np.empty((latents.num_frames, HEIGHT, WIDTH, 3), np.uint8)
    for t in range(latents.num_frames):
        frame = _draw_frame(actor, latents, motion, t, with_figure=variant != "background")
        if latents.mirror:
            frame = cv2.flip(frame, 1)
        frames[t] = _add_noise(_lit(frame, latents.light, t), latents.noise, rng)
        if variant == "blurred":
            frames[t] = _blurred(frames[t])
    return frames[::-1] if is_backward(label) else frames


def _blurred(frame: np.ndarray) -> np.ndarray:
    coarse = (WIDTH // _BLUR_STEP, HEIGHT // _BLUR_STEP)
    small = cv2.resize(frame, coarse, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), _BLUR_SIGMA / _BLUR_STEP)
    return cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)


def _draw_frame(
    actor: Actor, latents: Latents, motion: Motion, t: int, *, with_figure: bool
) -> np.ndarray:
    camera = latents.camera
    view = View(camera.pan_x.at(t), camera.pan_y.at(t), 1.0 + camera.zoom.at(t))
    canvas = Canvas(HEIGHT, WIDTH, view)
    _draw_scene(canvas, actor.scene, latents.floor)
    for distractor in latents.distractors:
        _draw_drifter(canvas, distractor, t)
    if latents.bystander is not None:
        _draw_bystander(canvas, latents.bystander, t)
    progress = latents.progress[t]
    if with_figure and progress is not None:
        _draw_action(canvas, actor, latents, motion, progress)
    if latents.covered[t]:
        canvas.rectangle(_ASPECT / 2, 0.5, _ASPECT * 1.5, 2.0, actor.outfit.chair)
    if latents.occluder is not None:
        _draw_drifter(canvas, latents.occluder, t)
    return canvas.image


def _draw_scene(canvas: Canvas, scene: Scene, floor: float) -> None:
    centre = _ASPECT / 2
    canvas.rectangle(centre, 0.5, 4.0, 4.0, scene.wall)
    for shape in scene.shapes:
        if shape.kind == "disc":
            canvas.disc((shape.x, shape.y), shape.width / 2, shape.colour)
        elif shape.kind == "stripe":
            canvas.rectangle(centre, shape.y, 4.0, shape.height / 4, shape.colour)
        else:
            canvas.rectangle(shape.x, shape.y, shape.width, shape.height, shape.colour)
    horizon = floor - 0.04
    canvas.rectangle(centre, horizon + 1.0, 4.0, 2.0, scene.floor)


def _draw_action(
    canvas: Canvas, actor: Actor, latents: Latents, motion: Motion, progress: float
) -> None:
    stage = Stage(latents.x, latents.floor, latents.size)
    carry = latents.carry
    first, last = latents.extent
    progress = first + (last - first) * progress
    pose = _styled(pose_at(motion, progress, carry=carry), latents.style)
    figure = joints(pose, actor.body)
    box = box_at(motion, progress, figure, actor.body, carry=carry)
    draw_chair(canvas, stage, actor.outfit, actor.body)
    draw_figure(canvas, stage, actor.outfit, actor.body, figure, box)


def _draw_bystander(canvas: Canvas, bystander: Bystander, t: int) -> None:
    """Draws the second figure."""
    motion = next(motion for motion in MOTIONS if motion.forward == bystander.motion)
    done = (t - bystander.start + 0.5) / bystander.motion_frames
    progress = min(max(done, 0.0), 1.0)
    progress = 1.0 - progress if bystander.backward else progress
    figure = joints(pose_at(motion, progress, carry=False), bystander.body)
    box = box_at(motion, progress, figure, bystander.body, carry=False)
    stage = Stage(
        bystander.x, bystander.floor, bystander.size, facing=-1 if bystander.mirror else 1
    )
    draw_figure(canvas, stage, bystander.outfit, bystander.body, figure, box)


def _styled(pose: Pose, style: tuple[float, ...]) -> Pose:
    """Returns the pose with the style of the video (degrees) added to each joint angle."""
    return Pose.from_flat([*(a + b for a, b in zip(pose.flat(), style, strict=False)), pose.root])


def _draw_drifter(canvas: Canvas, drifter: Drifter, t: int) -> None:
    span = _ASPECT + 2 * drifter.width  # a drifter leaves the frame completely before it returns
    x = (drifter.x + drifter.speed * t) % span - drifter.width
    y = drifter.y + drifter.bob.at(t)
    if drifter.kind == "disc":
        canvas.disc((x, y), drifter.width / 2, drifter.colour)
    else:
        canvas.rectangle(x, y, drifter.width, drifter.height, drifter.colour)


def _lit(frame: np.ndarray, light: Light, t: int) -> np.ndarray:
    """Applies contrast, gain and tint to a frame, through a table of whole numbers."""
    gain = light.gain + light.flicker.at(t)
    grey = _DARK + (np.arange(256)[:, None] - _DARK) * light.contrast
    levels = grey * (np.array(light.tint) * gain)
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return cv2.LUT(frame, table.reshape(1, 256, 3))


def _add_noise(frame: np.ndarray, strength: int, rng: np.random.Generator) -> np.ndarray:
    """Adds triangular noise of ±2·strength levels; whole numbers, the same on every machine."""
    if strength == 0:
        return frame
    draws = rng.integers(-strength, strength + 1, (2, *frame.shape), np.int8)
    return cv2.add(frame, draws[0] + draws[1], dtype=cv2.CV_8U)
