"""Command line: `python -m data_prep.marionette --preset=tiny --out=DIR`."""

from pathlib import Path

from data_prep.arguments import add_workers
from data_prep.marionette.dataset import Job, write_dataset
from data_prep.marionette.presets import PRESETS
from data_prep.marionette.render import VARIANTS
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.command import FlagParser, run_command


def main(argv: list[str] | None = None) -> None:
    """Renders a preset, or the videos that an interrupted run did not render."""
    parser = FlagParser(prog="python -m data_prep.marionette", description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="each seed gives another benchmark")
    add_workers(parser, "processes; do not change the files")
    parser.add_argument(
        "--variant",
        choices=VARIANTS,
        default="full",
        help="full, only the background, or every frame blurred (controls for the benchmark)",
    )
    parser.add_argument(
        "--scene_bias",
        type=float,
        default=0.0,
        help="fraction of videos whose scene depends on the class (default 0)",
    )
    parser.add_argument(
        "--unseen_scenes",
        action="store_true",
        help="with --scene_bias: the test videos of split 1 keep scenes of their own",
    )
    args = parser.parse_args(argv)
    if not 0.0 <= args.scene_bias <= 1.0:
        raise InputError(f"--scene_bias={args.scene_bias}: must be between 0 and 1")
    if args.unseen_scenes and not args.scene_bias:
        raise InputError(
            "--unseen_scenes: without --scene_bias every actor has a scene of their own, and all "
            "scenes of the test are unseen; leave it out, or give --scene_bias"
        )
    if args.seed < 0:
        raise InputError(f"--seed={args.seed}: must be 0 or more")
    job = Job(PRESETS[args.preset], args.seed, args.variant, args.scene_bias, args.unseen_scenes)
    rendered = write_dataset(job, args.out, args.workers)
    kept = job.preset.num_videos - rendered
    print(f"{args.out}: rendered {rendered} videos, kept {kept} of an earlier run")


if __name__ == "__main__":
    run_command(main)
