"""A method that uses every feature of methods, and a config for it (`--config=` this file)."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from vidkd_jax import losses, methods
from vidkd_jax.evaluation import evaluators
from vidkd_jax.models import Head
from vidkd_jax.options import option
from vidkd_jax.samplers import Tuples
from vidkd_jax.settings.config import get_base_config, set_field


@dataclasses.dataclass(frozen=True)
class Everything(methods.Supervised):
    """Has two clips, a queue of a frozen teacher's features, an average, and a head over tuples."""

    queue: int = option(8, at_least=1)

    sharded_memory = ("queue",)
    validated_by = ("classification", "same_class")
    tested_by = (*validated_by, "linear_probe", "features")
    selected_on = "same_class"
    teachers = (methods.Frozen(most=1), methods.Average(0.9))

    def heads(self, num_classes, teachers):
        order = Head(2, hidden=4, over="tuple", training_only=True)
        return {**super().heads(num_classes, teachers), "order": order, "unit": Head(3, unit=True)}

    def sampler(self, frames, stride):
        return Tuples(frames, stride, clips=2, interval=1)

    def adapters(self, student, teachers):
        return {"features": teachers[0]["features"].shape[-1]}

    def init_memory(self, sizes):
        width = sizes.teachers[0]["features"].shape[-1]
        queue = jax.random.normal(sizes.key, (self.queue, width))
        return {**super().init_memory(sizes), "queue": queue, "counts": jnp.zeros(sizes.num_videos)}

    def terms(self, student, teachers, context):
        (frozen,), (average,) = teachers["frozen"], teachers["average"]
        label = jnp.broadcast_to(context.batch["label"][:, None], student["logits"].shape[:2])
        positive = jnp.sum(student["features/adapted"] * frozen["features"], -1)
        negatives = student["features/adapted"] @ context.memory["queue"].T
        kept = jax.random.bernoulli(methods.own_key(context.key, 0), 0.9, negatives.shape)
        scores = jnp.concatenate([positive[..., None], jnp.where(kept, negatives, -10.0)], -1)
        order = context.batch["video"] % 2
        drift = jnp.square(student["logits"] - average["logits"]).mean((1, 2))
        return {
            "cross_entropy": methods.Term(1.0, losses.cross_entropy(student["logits"], label)),
            "contrast": methods.Term(0.1, -jax.nn.log_softmax(scores)[..., 0].mean(1)),
            "order": methods.Term(0.1, losses.cross_entropy(student["order"], order)),
            "average": methods.Term(1 / (context.step + 1.0), drift),
        }

    def metrics(self, student, teachers, context):
        return {"seen": (context.memory["counts"] > 0).mean()}

    def remember(self, student, teachers, context, variables):
        (frozen,) = teachers["frozen"]
        queue = jnp.concatenate([frozen["features"].mean(1), context.memory["queue"]])
        counts = context.memory["counts"].at[context.batch["video"]].add(1)
        kept = super().remember(student, teachers, context, variables)
        return {**kept, "queue": queue[: self.queue], "counts": counts}


def same_class(judged, train, options):
    first, second = np.moveaxis(judged.outputs["logits"].argmax(-1), 1, 0)
    return {"same_class": float((first == second).mean())}, {}


def get_config():
    methods.register("everything", Everything)
    evaluators.register("same_class", evaluators.Evaluator(("logits",), same_class))
    set_field(config := get_base_config(), "method.name", "everything")
    return config
