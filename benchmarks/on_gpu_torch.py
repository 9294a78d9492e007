"""PyTorch's side of `benchmarks.on_gpu`: a function for each kind of measurement.

With `torch.compile`, channels_last_3d, bfloat16 autocast, a fused optimiser, and cuDNN's benchmark
mode, in which it chooses its algorithms by trying them.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks import setting
from benchmarks.torch_resnet3d import ResNet3D
from benchmarks.torch_video_resnet import NETWORKS, VideoResNet

ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"


def _autocast() -> torch.autocast:
    # Not on a CPU: PyTorch 2.13 crashes there in bfloat16 gradients of channels_last_3d clips.
    return torch.autocast(DEVICE, torch.bfloat16, enabled=ON_GPU)


class _Normalised(nn.Module):
    """Normalises clips uint8 [b, 3, t, h, w] as a part of the compiled network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.network(clip.float() / 127.5 - 1)


def matmul(args: argparse.Namespace) -> dict[str, Any]:
    """Measures a large matrix product; also returns the version of cuDNN that is loaded."""
    size, chain = (8192, 20) if ON_GPU else (256, 1)
    # As `vidkd_jax.models.costs.matmul_flops_per_second` does: random, scaled to stay small.
    matrix = (torch.randn(size, size, device=DEVICE) / size**0.5).to(torch.bfloat16)

    def multiply() -> None:
        product = matrix
        for _ in range(chain):
            product = product @ matrix
        _wait(None)

    multiply()
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        multiply()
        best = min(best, time.perf_counter() - started)
    speed = chain * 2 * size**3 / best
    version = torch.backends.cudnn.version()
    return {"matmul_tflop_per_s": round(speed / 1e12, 3), "cudnn_loaded": version}


def supervised(args: argparse.Namespace) -> dict[str, Any]:
    """Measures the supervised training step."""
    return _training(args, lambda clip, logits: 0.0)


def teaching_yourself(args: argparse.Namespace) -> dict[str, Any]:
    """Measures TY's training step (eq. 5): adds a teacher's forward pass, and the KL term."""
    teacher = _compiled(_network(args).eval().requires_grad_(False), args)
    tau = setting.TEMPERATURE

    def term(clip: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            taught = functional.log_softmax(teacher(clip) / tau, dim=1)
        ours = functional.log_softmax(logits / tau, dim=1)
        return setting.KD_WEIGHT * functional.kl_div(
            ours, taught, log_target=True, reduction="batchmean"
        )

    return _training(args, term)


def forward(args: argparse.Namespace) -> dict[str, Any]:
    """Measures the forward pass of a network that does not train."""
    network = _compiled(_network(args).eval(), args)
    clip, _ = _batch(args)

    def step() -> torch.Tensor:
        with torch.no_grad(), _autocast():
            return network(clip)

    return _timed(step, args)[0]


def _training(
    args: argparse.Namespace, term: Callable[[torch.Tensor, torch.Tensor], Any]
) -> dict[str, Any]:
    """Measures a training step; `term`, of the clip and the logits, is added to the loss."""
    student = _network(args)
    network = _compiled(student, args)
    optimizer = torch.optim.SGD(
        student.parameters(),
        setting.LEARNING_RATE,
        momentum=setting.MOMENTUM,
        weight_decay=setting.WEIGHT_DECAY,
        fused=ON_GPU,
    )
    clip, label = _batch(args)

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        with _autocast():
            logits = network(clip)
            loss = functional.cross_entropy(logits, label) + term(clip, logits)
        loss.backward()
        optimizer.step()
        return loss.detach()

    times, loss = _timed(step, args)
    return times | {"loss": round(float(loss), 4)}


def _timed(
    step: Callable[[], torch.Tensor], args: argparse.Namespace
) -> tuple[dict[str, Any], torch.Tensor]:
    """Returns a step's times, memory and time to compile, and the last step's output."""
    started = time.perf_counter()
    _wait(step())  # compiles, and cuDNN tries its algorithms
    compile_s = round(time.perf_counter() - started, 1)
    if ON_GPU:
        torch.cuda.reset_peak_memory_stats()  # the algorithms' trials are not a part of the step
    times = setting.steady(step, _wait, seconds=args.seconds)
    peak = torch.cuda.max_memory_allocated() if ON_GPU else 0
    facts = {"compile_s": compile_s, "device_peak_mib": round(peak / 2**20)}
    return times | facts, step()


def _network(args: argparse.Namespace) -> nn.Module:
    """Returns the twin of the JAX network of this name."""
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")  # TF32 for what autocast leaves in float32
    if args.network in NETWORKS:
        options = NETWORKS[args.network]
        network: nn.Module = VideoResNet(width=args.width, classes=args.classes, **options)
    else:
        network = ResNet3D(round(64 * args.width), args.frames, args.classes)
    return _Normalised(network).to(DEVICE).to(memory_format=torch.channels_last_3d)


def _compiled(network: nn.Module, args: argparse.Namespace) -> Any:
    # A dry run only traces the network: generating code for a CPU takes minutes.
    return torch.compile(network, backend="eager" if args.dry_run else "inductor")


def _batch(args: argparse.Namespace) -> tuple[torch.Tensor, torch.Tensor]:
    clip, label = (torch.from_numpy(v).to(DEVICE) for v in setting.clips(args, args.classes))
    return clip.permute(0, 4, 1, 2, 3), label  # the memory is channels-last already


def _wait(_: Any) -> None:
    if ON_GPU:
        torch.cuda.synchronize()


KINDS: Mapping[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "matmul": matmul,
    "supervised": supervised,
    "teaching_yourself": teaching_yourself,
    "forward": forward,
}


def device() -> str:
    """Returns what PyTorch computes on: "cpu", or the GPU's name."""
    return torch.cuda.get_device_name() if ON_GPU else "cpu"
