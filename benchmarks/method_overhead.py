"""Compares the training step of each method with the supervised step, on the same network.

    python -m benchmarks.method_overhead --width=0.125 --frames=8 --size=48 --batch=16 --threads=1

All steps are compiled first and then run in turns in one process, so that all run under the same
conditions. Prints one line of JSON per method: medians of wall-clock and processor time, their
ratios to the supervised step, and the memory that XLA reserves for the step. Teachers are 3D
ResNet-18s with the width of the student.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks import setting

CLASSES = 101
BLOCKS = ("stage3_block2", "stage4_block2", "stage5_block2")
# For each line: the method, its options, and the number of its teachers.
METHODS: Mapping[str, tuple[str, dict[str, Any], int]] = {
    "supervised": ("supervised", {}, 0),
    "teaching_yourself": ("teaching_yourself", {}, 1),
    "moving_average": ("moving_average", {}, 0),
    "distillation": ("distillation", {}, 1),
    "distillation, 2 teachers": ("distillation", {}, 2),
    "decoupled": ("decoupled", {}, 1),
    "feature_matching": ("feature_matching", {}, 1),
    "hints": ("hints", {"student_blocks": BLOCKS[1:2], "blocks_of_teacher": BLOCKS[1:2]}, 1),
    "attention_transfer": (
        "attention_transfer",
        {"student_blocks": BLOCKS, "blocks_of_teacher": BLOCKS},
        1,
    ),
    "relational": ("relational", {}, 1),
    "mutual_learning": ("mutual_learning", {}, 0),
}


def build(args: argparse.Namespace, name: str) -> tuple[Callable[[], float], dict[str, Any]]:
    """Returns a function that runs one step of a method, and facts about the step."""
    import jax

    from vidkd_jax import augment, methods, models
    from vidkd_jax.networks.network import Network
    from vidkd_jax.run.state import create_train_state, create_variables
    from vidkd_jax.run.train_step import train_step

    method_name, options, num_teachers = METHODS[name]
    method = methods.create(method_name, augment=augment.Augment.none(), **options)
    sources = {source.name: source for source in method.teachers}
    dtype = "float32" if jax.devices()[0].platform == "cpu" else "bfloat16"
    model = models.create("ty_r3d_18", CLASSES, width=args.width, dtype=dtype)
    clip, label = setting.clips(args, CLASSES)
    batch = jax.device_put({"clip": clip[:, None], "label": label.astype("int32")})
    key = jax.random.key(0)
    teacher = Network(model.clone(taps=getattr(sources.get("frozen"), "blocks", ())))
    teachers = tuple(
        create_variables(jax.random.key(1 + i), clip.shape[1:], model=teacher.model)
        for i in range(num_teachers)
    )
    view = {"clip": (1, 1, *clip.shape[1:])}
    shapes = tuple(teacher.output_shapes(variables, view) for variables in teachers)
    plain = model.clone(taps=method.blocks)
    init = partial(plain.init_with_output, key, train=False)
    ours = jax.eval_shape(init, jax.ShapeDtypeStruct((1, *clip.shape[1:]), "float32"))[0]
    alone = plain.clone(adapters=method.adapters(ours, shapes))
    student = Network(models.Peers.of(alone) if "peer" in sources else alone)
    optimizer = setting.optimizer()
    state = create_train_state(key, clip.shape[1:], model=student.model, optimizer=optimizer)
    sizes = methods.Sizes(key, state.variables, ours, shapes, num_videos=args.batch)
    state = state.replace(memory=method.init_memory(sizes))
    given = {source: teachers for source in ("frozen", "best") if source in sources}
    step = partial(
        train_step,
        student=student,
        teacher_networks={n: (teacher,) * max(num_teachers, 1) for n in sources if n != "peer"},
        method=method,
        optimizer=optimizer,
    )
    compiled = jax.jit(step, donate_argnums=0).lower(state, given, batch, key).compile()
    memory = compiled.memory_analysis()

    def one_step() -> float:
        nonlocal state
        state, metrics = compiled(state, given, batch, key)
        return float(metrics["loss"])

    facts = {"dtype": dtype, "device": jax.devices()[0].device_kind}
    return one_step, facts | {"step_memory_mib": round(memory.temp_size_in_bytes / 2**20, 1)}


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Times the steps in turns and returns one line per method."""
    setting.prepare(args.threads)
    sides = {name: build(args, name) for name in ("supervised", *args.methods)}
    median = setting.take_turns(
        {name: one_step for name, (one_step, _) in sides.items()},
        steps=args.steps,
        warmup=args.warmup,
    )
    base = median["supervised"]
    return [
        {
            "benchmark": "method_overhead",
            "method": name,
            "ms": round(1e3 * wall, 1),
            "cpu_ms": round(1e3 * cpu, 1),
            "ratio": round(wall / base[0], 3),
            "cpu_ratio": round(cpu / base[1], 3),
            **sides[name][1],
            **setting.place("jax"),
        }
        for name, (wall, cpu) in median.items()
    ]


def main(argv: list[str] | None = None) -> None:
    """Measures and prints one line of JSON per method."""
    parser = setting.parser(__doc__)
    parser.add_argument(
        "--methods", nargs="*", default=[m for m in METHODS if m != "supervised"], choices=METHODS
    )
    for line in measure(parser.parse_args(argv)):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
