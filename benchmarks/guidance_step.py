"""Compares a step of DTG-Net with what it is made of: its student's step and its teachers' answers.

    python -m benchmarks.guidance_step --width=0.125 --frames=8 --size=48 --batch=16 --threads=1

The student is a 3D ResNet-18, the teachers are still-image ResNet-18s of the same width, which see
another sparse clip of the video. The student's step alone has the labels, on the same clips. All
three are compiled first and then run in turns in one process. Prints one line of JSON: medians of
wall-clock and processor time, and the ratio of the whole to the sum of its parts.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import setting

CLASSES = 101


def sides(args: argparse.Namespace) -> dict[str, Callable[[], float]]:
    """Returns one step of each side, by name."""
    import jax

    from vidkd_jax import augment, methods, models
    from vidkd_jax.networks.network import Network
    from vidkd_jax.run.asking import ask_teachers
    from vidkd_jax.run.state import create_train_state, create_variables
    from vidkd_jax.run.train_step import train_step

    still = models.create("tsn_resnet18", CLASSES, width=args.width, dtype=args.dtype)
    clip, label = setting.clips(args, CLASSES)
    shape, key = clip.shape[1:], jax.random.key(0)
    batch = jax.device_put(
        {
            "clip": clip[:, None].repeat(2, axis=1),
            "label": label.astype("int32"),
            "video": jax.numpy.arange(args.batch),
        }
    )
    teachers = tuple(
        create_variables(jax.random.key(1 + number), shape, model=still)
        for number in range(args.teachers)
    )
    asked = {"frozen": (Network(still, clips=(1,)),) * args.teachers}
    shapes = asked["frozen"][0].output_shapes(teachers[0], {"clip": batch["clip"].shape})

    def step_of(name: str, given: dict[str, Any], **options: int) -> Callable[[], float]:
        method = methods.create(name, augment=augment.Augment.none(), **options)
        of_teachers = (shapes,) * len(given.get("frozen", ()))
        model = models.create("ty_r3d_18", CLASSES, width=args.width, dtype=args.dtype).clone(
            heads=method.heads(CLASSES, of_teachers)
        )
        student, optimizer = Network(model, clips=(0,)), setting.optimizer()
        state = create_train_state(key, shape, model=model, optimizer=optimizer)
        sizes = methods.Sizes(key, state.variables, {}, of_teachers, num_videos=10 * args.queue)
        state = state.replace(memory=method.init_memory(sizes))
        step = partial(
            train_step,
            student=student,
            teacher_networks=asked if given else {},
            method=method,
            optimizer=optimizer,
        )
        compiled = jax.jit(step, donate_argnums=0).lower(state, given, batch, key).compile()

        def one_step() -> float:
            nonlocal state
            state, metrics = compiled(state, given, batch, key)
            return float(metrics["loss"])

        return one_step

    def ask(given: dict[str, Any], batch: Any) -> Any:
        views = {"clip": augment.normalise(batch["clip"])}
        taught = ask_teachers(given, asked, views)["frozen"]
        return sum(jax.numpy.mean(outputs["features"]) for outputs in taught)

    guided = {"frozen": teachers}
    answers = jax.jit(ask).lower(guided, batch).compile()
    return {
        "student": step_of("supervised", {}),
        "teachers": lambda: float(answers(guided, batch)),
        "dtg": step_of("dtg", guided, queue=args.queue),
    }


def main(argv: list[str] | None = None) -> None:
    """Measures and prints one line of JSON."""
    parser = setting.parser(__doc__)
    parser.add_argument("--teachers", type=int, default=4)
    parser.add_argument("--queue", type=int, default=1024, help="features of each teacher")
    args = parser.parse_args(argv)
    setting.prepare(args.threads)
    import jax

    args.dtype = "float32" if jax.devices()[0].platform == "cpu" else "bfloat16"
    median = setting.take_turns(sides(args), steps=args.steps, warmup=args.warmup)
    parts = [median["student"], median["teachers"]]
    found = {
        "benchmark": "guidance_step",
        "teachers": args.teachers,
        **{f"{side}_ms": round(1e3 * wall, 1) for side, (wall, _) in median.items()},
        "ratio": round(median["dtg"][0] / sum(wall for wall, _ in parts), 3),
        "cpu_ratio": round(median["dtg"][1] / sum(cpu for _, cpu in parts), 3),
        "dtype": args.dtype,
        "device": jax.devices()[0].device_kind,
        **setting.place("jax"),
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
