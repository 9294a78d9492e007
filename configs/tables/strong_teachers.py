"""TY's Table 5 with teachers that are better than their student, and with the term's weight varied.

The rows fork from one trunk of their seed, so that they differ by the teacher alone.
"""

import dataclasses

from vidkd_jax.tables import Row, Table

AFTER = 10  # epochs of 25: past the moment at which a network begins to learn
PLAIN = {"augment.enabled": False}
KEEP = {"train.keep_epochs": (AFTER,)}
TRUNK = Row("Student", "supervised_r18", {**PLAIN, **KEEP})
AUGMENTED = Row("Student + Data Aug", "supervised_r18", KEEP)

# Other actors teach: 4,536 videos of 324 of them. A teacher of the student's own videos knows these
# by heart, and its soft targets say little.
OTHERS = "marionette_teachers"
OTHER_ACTORS = [
    Row("3D ResNet-18 of other actors", "supervised_r18", PLAIN, dataset=OTHERS, only_seed=seed)
    for seed in (1, 2, 3)
]
TEACHER = OTHER_ACTORS[0]
WIDE = Row(
    "wide 3D ResNet-18 of other actors",
    "supervised_r18",
    {"model.width": 0.25, **PLAIN},
    dataset=OTHERS,
    only_seed=0,
)
EQUAL = Row("3D ResNet-18", "supervised_r18", PLAIN, seed_offset=2000)

# The papers' weight; the same times tau^2; and what the literature of distillation uses, cross-
# entropy .1 and KL .9: AdamW moves by the ratio alone.
PAPER: dict[str, object] = {}
SQUARED = {"method.scale_by_temperature_squared": True}
HEAVY = {"method.kd_weight": 9.0, "method.temperature": 4.0, **SQUARED}
WEIGHTS = {"lambda .2, tau 5": PAPER, "times tau^2": SQUARED, "CE .1 / KL .9": HEAVY}


def fork(trunk: Row) -> dict[str, object]:
    """Returns the overrides of a row that goes on from a trunk."""
    return {"train.fork_from": trunk, "train.fork_epoch": AFTER}


def again(trunk: Row, name: str) -> Row:
    """Returns the trunk's own arm, but for other clips after the fork: the noise floor."""
    same_seed = dataclasses.replace(trunk, seed_offset=-1000)
    overrides = {f: v for f, v in trunk.overrides.items() if f not in KEEP}
    overrides |= fork(same_seed)
    return Row(name, trunk.config, overrides, seed_offset=1000, against=trunk.name)


def taught(name: str, trunk: Row, weight: dict[str, object], *teachers: Row) -> Row:
    """Returns a row of the trunk's student with soft targets of teachers."""
    overrides = {f: v for f, v in trunk.overrides.items() if f not in KEEP}
    overrides |= {**fork(trunk), **weight, "teachers.runs": teachers}
    return Row(name, "distillation_r18", overrides, against=trunk.name)


def yourself(name: str, trunk: Row, weight: dict[str, object]) -> Row:
    """Returns a row of the trunk's student with its best past self as its teacher."""
    overrides = {f: v for f, v in trunk.overrides.items() if f not in KEEP}
    return Row(name, "ty_r18", {**overrides, **fork(trunk), **weight}, against=trunk.name)


TABLE = Table(
    title="TY Table 5 with strong teachers, forked",
    rows=(
        TRUNK,
        again(TRUNK, "Student, other clips"),
        *(taught(f"Teacher, {name}", TRUNK, w, TEACHER) for name, w in WEIGHTS.items()),
        *(yourself(f"TY, {name}", TRUNK, w) for name, w in WEIGHTS.items()),
        taught("Wide teacher, CE .1 / KL .9", TRUNK, HEAVY, WIDE),
        taught("Student to student, CE .1 / KL .9", TRUNK, HEAVY, EQUAL),
        taught("Three teachers, CE .1 / KL .9", TRUNK, HEAVY, *OTHER_ACTORS),
        AUGMENTED,
        again(AUGMENTED, "Student + Data Aug, other clips"),
        *(
            taught(f"Teacher + Data Aug, {name}", AUGMENTED, w, TEACHER)
            for name, w in WEIGHTS.items()
        ),
        *(yourself(f"TY + Data Aug, {name}", AUGMENTED, w) for name, w in WEIGHTS.items()),
    ),
    reference=TRUNK.name,
    scales={"marionette": {"": "marionette_study_third"}},
    noise=("Student, other clips", "Student + Data Aug, other clips"),
    metrics=("video_top1", "video_nll", "video_motion", "video_direction", "clip_ece"),
    note="'Other clips' is the same arm as its student but for the order of the clips after the "
    "fork. Rows with Data Aug are compared with the student with Data Aug. The teachers have been "
    "trained without augmentation on other actors, 4,536 videos of them; 'student to student' has "
    "one of the student's own kind and videos.",
)
