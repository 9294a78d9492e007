"""The classes: seven motions, each played forwards as one class and backwards as another.

A motion is a path through the poses that all motions share, together with what happens to the box.
Motions share start and end states (standing beside the box, holding the box at the chest or
overhead, leaning on it). So a single frame never shows the direction, and often not even the
motion.
"""

from dataclasses import dataclass

from data_prep.marionette.poses import POSES, Body, Joints, Pose, blend, joints, shifted, with_arms

BOX = 0.30  # side of the box in body heights; 5 to 10 pixels in a frame of 48 pixels
_CHEST_REACH = 0.10  # how far the box's centre lies beyond the hands that hold it
_FLIGHT = (1.25, 0.55)  # how far ahead and up the box flies after the release, in body heights


@dataclass(frozen=True)
class Key:
    """A named pose at a moment of the motion (0 to 1), with the feet moved by `root`."""

    time: float
    pose: str
    root: float = 0.0


@dataclass(frozen=True)
class Motion:
    """One motion and its two classes: `forward` plays it forwards, `backward` backwards."""

    forward: str
    backward: str
    keys: tuple[Key, ...]
    held: tuple[float, float] | None  # the part of the motion in which the hands hold the box
    slides: bool = False  # the held box stays on the floor
    opens: bool = False  # the lid of the box opens
    walks: bool = False  # the keys follow each other without a stop, as steps do
    may_carry: bool = False  # some videos show the motion with the box held at the chest


def _gait(start: float, stop: float) -> tuple[Key, ...]:
    cycle = ("step_near", "pass_far", "step_far", "pass_near", "step_near")
    return tuple(Key(i / 4, pose, start + (stop - start) * i / 4) for i, pose in enumerate(cycle))


MOTIONS = (
    Motion("SitDown", "StandUp", (Key(0, "stand"), Key(1, "sit")), None, may_carry=True),
    Motion(
        "PickUp", "PutDown", (Key(0, "stand"), Key(0.5, "crouch"), Key(1, "hold")), held=(0.5, 1)
    ),
    Motion("Raise", "Lower", (Key(0, "hold"), Key(1, "overhead")), held=(0, 1)),
    Motion(
        "Throw",
        "Catch",
        (Key(0, "overhead"), Key(0.3, "windup"), Key(0.6, "reach"), Key(1, "reach")),
        held=(0, 0.5),
    ),
    Motion(
        "Push",
        "Pull",
        (Key(0, "lean_near", -0.45), Key(0.5, "lean_far", -0.12), Key(1, "lean_near", 0.21)),
        held=(0, 1),
        slides=True,
        walks=True,
    ),
    Motion("Open", "Close", (Key(0, "crouch"), Key(1, "reach")), None, opens=True),
    Motion("Advance", "Retreat", _gait(-0.4, 0.4), None, walks=True, may_carry=True),
)

CLASS_NAMES = tuple(name for motion in MOTIONS for name in (motion.forward, motion.backward))
"""Class names in label order: classes 2i and 2i + 1 are each other's time reversal."""


def motion_of(label: int) -> Motion:
    """Returns the motion of a class (label from 0)."""
    return MOTIONS[label // 2]


def is_backward(label: int) -> bool:
    """Returns whether the class plays its motion backwards."""
    return label % 2 == 1


@dataclass(frozen=True)
class Box:
    """Where the box is, in body heights, and how far its lid is open (0 to 1)."""

    x: float
    y: float
    lid: float = 0.0


def ease(amount: float) -> float:
    """Maps 0..1 to 0..1 with a smooth start and stop, symmetric under time reversal."""
    return amount * amount * (3.0 - 2.0 * amount)


def pose_at(motion: Motion, progress: float, *, carry: bool) -> Pose:
    """Returns the pose at a moment (0 to 1) of the motion."""
    keys = motion.keys
    i = max(j for j in range(len(keys) - 1) if keys[j].time <= progress or j == 0)
    a, b = keys[i], keys[i + 1]
    amount = (progress - a.time) / (b.time - a.time)
    start, stop = shifted(POSES[a.pose], a.root), shifted(POSES[b.pose], b.root)
    pose = blend(start, stop, amount if motion.walks else ease(amount))
    return with_arms(pose, POSES["hold"]) if carry else pose


def box_at(motion: Motion, progress: float, figure: Joints, body: Body, *, carry: bool) -> Box:
    """Returns the box at a moment (0 to 1) of the motion; `figure` is the figure at that moment."""
    if carry:
        return _in_hands(figure)
    if motion.held is None:
        return Box(_rest(body), BOX / 2, ease(progress) if motion.opens else 0.0)
    first, last = motion.held
    if progress < first:
        return _in_hands(_posed(motion, first, body))
    if progress <= last:
        box = _in_hands(figure)
        return Box(box.x, BOX / 2) if motion.slides else box
    released = _in_hands(_posed(motion, last, body))
    flown = (progress - last) / (1.0 - last)
    return Box(released.x + _FLIGHT[0] * flown, released.y + _FLIGHT[1] * flown * (1.4 - flown))


def _posed(motion: Motion, progress: float, body: Body) -> Joints:
    return joints(pose_at(motion, progress, carry=False), body)


def _rest(body: Body) -> float:
    """Returns where an untouched box stands: in front of the hands of a crouching figure."""
    return _in_hands(joints(POSES["crouch"], body)).x


def _in_hands(figure: Joints) -> Box:
    x, y = figure.hands
    return Box(x + _CHEST_REACH, max(y, BOX / 2))
