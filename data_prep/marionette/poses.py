"""The skeleton of the figure: the poses that all actions share, and forward kinematics.

The angle of a limb is in degrees from hanging straight down; the angle of the torso is in degrees
from upright. Positive angles point to the side that the figure faces (+x). Lengths are in units of
the body height, y points up, and the floor is y = 0.
"""

import math
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """Joint angles in degrees; `root` is how far the feet have moved, in body heights."""

    torso: float
    near_arm: tuple[float, float]  # upper arm, forearm
    far_arm: tuple[float, float]
    near_leg: tuple[float, float]  # thigh, shin
    far_leg: tuple[float, float]
    root: float = 0.0

    def flat(self) -> list[float]:
        """Returns all numbers of the pose in field order, [10]."""
        limbs = (*self.near_arm, *self.far_arm, *self.near_leg, *self.far_leg)
        return [self.torso, *limbs, self.root]

    @staticmethod
    def from_flat(v: list[float]) -> "Pose":
        """Makes a pose from the result of `flat`."""
        return Pose(v[0], (v[1], v[2]), (v[3], v[4]), (v[5], v[6]), (v[7], v[8]), v[9])


@dataclass(frozen=True)
class Body:
    """Proportions of one actor, as factors around 1."""

    legs: float
    arms: float
    girth: float
    head: float


@dataclass(frozen=True)
class Joints:
    """Positions of the joints of a figure, in body heights; limbs are from the trunk outwards."""

    pelvis: Point
    neck: Point
    head: Point
    near_arm: tuple[Point, Point, Point]
    far_arm: tuple[Point, Point, Point]
    near_leg: tuple[Point, Point, Point]
    far_leg: tuple[Point, Point, Point]

    @property
    def hands(self) -> Point:
        """The point midway between both hands."""
        (ax, ay), (bx, by) = self.near_arm[2], self.far_arm[2]
        return (ax + bx) / 2, (ay + by) / 2


# Lengths of the limbs in body heights; limbs are big, so that a figure is clear at 48x48 pixels.
THIGH, SHIN, TORSO, UPPER_ARM, FOREARM = 0.24, 0.24, 0.31, 0.19, 0.19
HEAD_RADIUS = 0.095

# Several actions share each start and end pose (see `actions.py`). Arguments: torso; near arm
# (upper arm, forearm); far arm; near leg (thigh, shin); far leg.
POSES = {
    "stand": Pose(0, (-4, 8), (10, 20), (6, 2), (-4, -8)),
    "hold": Pose(-3, (15, 85), (25, 95), (6, 2), (-4, -8)),
    "overhead": Pose(-4, (165, 178), (172, 185), (6, 2), (-4, -8)),
    "reach": Pose(14, (80, 88), (88, 94), (-14, -18), (24, 8)),
    "windup": Pose(-16, (178, 240), (188, 250), (-10, -14), (18, 6)),
    "crouch": Pose(62, (22, 30), (32, 40), (72, -32), (64, -38)),
    "lean_near": Pose(38, (48, 58), (56, 66), (40, 10), (-14, -34)),
    "lean_far": Pose(38, (48, 58), (56, 66), (-14, -34), (40, 10)),
    "sit": Pose(4, (20, 55), (30, 65), (90, 4), (84, -4)),
    "step_near": Pose(4, (-25, -5), (30, 45), (30, 14), (-20, -38)),
    "step_far": Pose(4, (30, 45), (-25, -5), (-20, -38), (30, 14)),
    "pass_near": Pose(4, (2, 15), (4, 18), (18, -28), (0, -4)),
    "pass_far": Pose(4, (4, 18), (2, 15), (0, -4), (18, -28)),
}


def blend(a: Pose, b: Pose, amount: float) -> Pose:
    """Interpolates linearly between the angles of two poses; `amount` is 0 for `a`, 1 for `b`."""
    return Pose.from_flat([x + (y - x) * amount for x, y in zip(a.flat(), b.flat(), strict=True)])


def with_arms(pose: Pose, arms: Pose) -> Pose:
    """Returns `pose` with the arms of another pose, for a figure that sits or walks with a box."""
    return Pose(pose.torso, arms.near_arm, arms.far_arm, pose.near_leg, pose.far_leg, pose.root)


def shifted(pose: Pose, root: float) -> Pose:
    """Returns `pose` with the feet moved to `root` (body heights)."""
    return Pose(pose.torso, pose.near_arm, pose.far_arm, pose.near_leg, pose.far_leg, root)


def joints(pose: Pose, body: Body) -> Joints:
    """Computes the joints of a pose. The lower foot is on the floor, the feet near `pose.root`."""
    near_drop, near_ahead = _leg_extent(pose.near_leg, body)
    far_drop, far_ahead = _leg_extent(pose.far_leg, body)
    pelvis = (pose.root - (near_ahead + far_ahead) / 2, max(near_drop, far_drop) + 0.03)
    neck = _end(pelvis, 180.0 - pose.torso, TORSO)
    head = _end(neck, 180.0 - pose.torso * 0.6, HEAD_RADIUS * body.head * 1.15)
    shoulder = _end(pelvis, 180.0 - pose.torso, TORSO * 0.88)
    arm = (UPPER_ARM * body.arms, FOREARM * body.arms)
    leg = (THIGH * body.legs, SHIN * body.legs)
    return Joints(
        pelvis,
        neck,
        head,
        _limb(shoulder, pose.near_arm, arm),
        _limb(shoulder, pose.far_arm, arm),
        _limb(pelvis, pose.near_leg, leg),
        _limb(pelvis, pose.far_leg, leg),
    )


def _leg_extent(leg: tuple[float, float], body: Body) -> tuple[float, float]:
    """Returns how far below and ahead of the pelvis the foot of a leg is."""
    thigh, shin = math.radians(leg[0]), math.radians(leg[1])
    drop = THIGH * math.cos(thigh) + SHIN * math.cos(shin)
    ahead = THIGH * math.sin(thigh) + SHIN * math.sin(shin)
    return drop * body.legs, ahead * body.legs


def _end(start: Point, angle: float, length: float) -> Point:
    radians = math.radians(angle)
    return start[0] + length * math.sin(radians), start[1] - length * math.cos(radians)


def _limb(
    start: Point, angles: tuple[float, float], lengths: tuple[float, float]
) -> tuple[Point, Point, Point]:
    middle = _end(start, angles[0], lengths[0])
    return start, middle, _end(middle, angles[1], lengths[1])
