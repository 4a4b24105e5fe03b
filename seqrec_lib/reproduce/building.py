"""From a recipe to what is trained: the model with fresh weights, the batches, the options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.models.recommenders import SASREC, SSEPT
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.reproduce.own_models import own_model
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.training.sampling import WarpSampler

BATCH = 128
VALIDATE_EVERY = 10


class Unscaled(SASREC):
    """SASRec whose item embeddings are not multiplied by the root of their width."""

    runs_packed = True

    def scaled_items(self, items: Tensor) -> Tensor:
        """(…,) ids → (…, D), as they are in the table."""
        return self.item_embedding_layer(items)


class ScoredByInput(SASREC):
    """SASRec with a second table for the output in training, and the input's table when scoring."""

    def score(
        self,
        users: Tensor | None,
        histories: Tensor,
        candidates: Tensor | None = None,
        times: Tensor | None = None,
    ) -> Tensor:
        """See `SequenceModel`: states are compared with the embeddings that the encoder reads."""
        trained = self.config
        self.config = replace(trained, shared_embedding=True)
        try:
            return super().score(users, histories, candidates, times)
        finally:
            self.config = trained


def _embedding_dropout(model: SASREC) -> None:
    model.dropout_rate = 0.0


def _attention_dropout(model: SASREC) -> None:
    for block in model.encoder.enc_layers:
        block.mha.dropout_rate = 0.0


def _feed_forward_dropout(model: SASREC) -> None:
    for block in model.encoder.enc_layers:
        block.ffn.dropout_rate = 0.0


def _attention_residual(model: SASREC) -> None:
    for block in model.encoder.enc_layers:
        block.mha.residual = False


def _feed_forward_residual(model: SASREC) -> None:
    for block in model.encoder.enc_layers:
        block.ffn.residual = False


# What a recipe may be `without`: a class that lacks it, or what switches it off in a built model
_KINDS: dict[str, type[SASREC]] = {
    "root of the width": Unscaled,
    "output table when scoring": ScoredByInput,
}
SWITCHES: dict[str, Callable[[SASREC], None]] = {
    "dropout of embeddings": _embedding_dropout,
    "dropout of attention": _attention_dropout,
    "dropout of feed-forward": _feed_forward_dropout,
    "residual around attention": _attention_residual,
    "residual around feed-forward": _feed_forward_residual,
}


def build_recipe(recipe: Recipe, dataset: SASRecDataSet, seed: int) -> SequenceModel:
    """The model of a recipe with fresh weights."""
    if recipe.own:
        return own_model(recipe.own, seed, dataset.itemnum, **recipe.model)
    if "user_embedding_dim" in recipe.model:
        return SSEPT(dataset.itemnum, **recipe.model, user_num=dataset.usernum, seed=seed)
    kinds = [_KINDS[part] for part in recipe.without if part in _KINDS]
    model = (kinds[0] if kinds else SASREC)(dataset.itemnum, **recipe.model, seed=seed)
    for part in recipe.without:
        if part not in _KINDS:
            SWITCHES[part](model)
    return model


def sampler_of(recipe: Recipe, dataset: SASRecDataSet, maxlen: int, seed: int) -> WarpSampler:
    """The batches of a recipe."""
    return WarpSampler(
        dataset.train,
        dataset.usernum,
        dataset.itemnum,
        batch_size=BATCH,
        maxlen=maxlen,
        seed=seed,
        window_probability=recipe.window_probability,
    )


def training_options(recipe: Recipe, seed: int, device: str | None) -> dict[str, Any]:
    """What `train_model` is told, but for the number of epochs."""
    return {
        "batch_size": BATCH,
        "val_epoch": VALIDATE_EVERY,
        "learning_rate": recipe.learning_rate,
        "schedule": recipe.schedule,
        "loss": recipe.loss,
        "patience": recipe.patience,
        "sse": recipe.sse,
        "betas": (0.9, 0.98),
        "epsilon": 1e-8,
        "seed": seed,
        "device": device,
    }
