"""The step by recommenders' own methods, for a class that overrides them.

`create_combined_dataset`, `forward` and `loss_function` are called one after another, as a training
loop written for recommenders does. The plain step is faster: it has no logits of padding.
"""

from __future__ import annotations

import re
from typing import Any, Self

import torch
from torch import Tensor, nn

from seqrec_lib.common.distributed import World
from seqrec_lib.common.randomness import drawing_from
from seqrec_lib.training.losses import BCE
from seqrec_lib.training.options import TrainingOptions
from seqrec_lib.training.sampling import SampledBatch

_BY_WEIGHT = re.compile(r"^(item|output|positional)_embedding_layer$|ffn\.conv_layer[12]$")
_STEP = ("create_combined_dataset", "forward", "loss_function")


def own_step(model: Any, contract: type) -> bool:
    """Whether `model` has a step of its own: a method of `contract` overridden, in its class or in
    itself, or a hook on the model as a whole."""
    overridden = any(
        name in vars(model) or getattr(type(model), name) is not getattr(contract, name)
        for name in _STEP
    )
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return overridden or any(getattr(model, name) for name in hooks)


def refuse_what_is_not_called(model: nn.Module) -> None:
    """A ValueError for a hook on, or another forward of, a layer that is read by its weight alone.

    Output and positional embeddings and the two convolutions are: what is put there would be
    ignored without a word. The item embedding is called for what is read, and its weight gives the
    logits: a hook there sees what is read, another forward is refused. A parametrization of a
    weight is honoured.
    """
    for name, part in model.named_modules():
        if _BY_WEIGHT.search(name):
            kind = nn.Embedding if name.endswith("embedding_layer") else nn.Conv1d
            own = type(part).forward is kind.forward and "forward" not in vars(part)
            hooks = (part._forward_hooks, part._forward_pre_hooks, part._backward_hooks)
            if not own or (any(hooks) and name != "item_embedding_layer"):
                raise ValueError(
                    f"{name} is read by its weight alone, so a hook on it or another forward would "
                    "be ignored: parametrize the weight, or replace the part around it (the ffn, "
                    "or `embedding` in a subclass)"
                )


class ContractEngine:
    """One step after another by the model's methods.

    dropout: what `forward` draws its masks from in a run. ambient: see `PaddedEngine`.

    Raises ValueError for options that such a step cannot have.
    """

    def __init__(
        self,
        model: Any,
        options: TrainingOptions,
        world: World,
        dropout: torch.Generator,
        ambient: torch.Generator,
    ) -> None:
        self.model, self.dropout, self.ambient = model, dropout, ambient
        wrong = [
            text
            for text, is_wrong in (
                (f"loss={options.objective!r}", options.objective != BCE()),
                (f"tables={options.tables!r}", options.tables != "dense"),
                (f"attention={options.attention!r}", options.attention != "plain"),
                (f"precision={options.precision!r}", options.precision != "float32"),
                (f"compiled={options.compiled!r}", options.compiled),
                (f"captured={options.captured!r}", options.captured),
                (f"engine={options.engine!r}", options.engine == "packed"),
                (f"{world.size} processes", world.size > 1),
            )
            if is_wrong
        ]
        if wrong:
            raise ValueError(
                f"{type(model).__name__} has a forward, loss_function or create_combined_dataset "
                f"of its own, which are called as they are: {', '.join(wrong)} cannot be had with "
                "them; leave that out, or override encode, query or a block instead"
            )

    def __enter__(self) -> Self:
        self.model.run_generator = self.dropout
        return self

    def __exit__(self, *exc: object) -> None:
        self.model.run_generator = None

    def step(self, batch: SampledBatch, negatives: Tensor) -> Tensor:
        """Fill the gradients; the loss of `loss_function`. negatives are those of the batch."""
        arrays = (x.cpu().numpy() for x in (batch.users, batch.seq, batch.pos, batch.neg))
        inputs, _ = self.model.create_combined_dataset(*arrays)
        inputs = {name: torch.as_tensor(x).to(self.model.device) for name, x in inputs.items()}
        self.model.zero_grad(set_to_none=True)
        with drawing_from(self.ambient):
            loss = self.model.loss_function(*self.model(inputs, training=True))
        loss.backward()
        return loss.detach()
