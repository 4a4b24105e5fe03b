"""The training loop: one for every model, loss and device."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from seqrec_lib.common.distributed import World, current
from seqrec_lib.common.memory import says_what_to_lower
from seqrec_lib.common.randomness import fresh_seed, make_generator
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.network.config import config_to_dict
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.training.batches import Batches, Sampler
from seqrec_lib.training.checkpoints import CheckpointFolder
from seqrec_lib.training.engines import engine_for, optimizer_for
from seqrec_lib.training.large_tables import PagedEngine
from seqrec_lib.training.options import TrainingOptions
from seqrec_lib.training.progress import Progress
from seqrec_lib.training.sampling import WarpSampler


def train(
    model: SequenceModel, dataset: SASRecDataSet, sampler: Sampler, options: TrainingOptions
) -> dict[str, list[float]]:
    """Train by Adam, and keep the best epoch by validation where there is validation.

    In a `distributed.processes` block the processes share every batch: the step is the same as that
    of one process, up to rounding and the draws of dropout. The sampler's batch_size is that of all
    processes together.

    Returns:
        {"loss": one per epoch, "val_ndcg": …, "val_hr": one per validation}.

    Raises:
        ValueError: model, data and sampler do not fit, or a batch is not of the right form.
        FloatingPointError: a loss that is not finite; says where, and what to try.
        torch.cuda.OutOfMemoryError: says which settings to lower.
        distributed.ProcessLostError: another process ended or hangs.
    """
    return Run(model, dataset, sampler, options).go()


def steps_an_epoch(dataset: SASRecDataSet, batch_size: int) -> int:
    """How many batches an epoch has: users // batch_size, as in the authors' code, at least 1."""
    return max(1, int(np.count_nonzero(dataset.sequences.lengths)) // batch_size)


class Run:
    """One training of one model: what it is made of, and the loop over its epochs."""

    def __init__(
        self,
        model: SequenceModel,
        dataset: SASRecDataSet,
        sampler: Sampler,
        options: TrainingOptions,
    ) -> None:
        _check_fit(model, dataset, sampler, options)
        self.model, self.dataset, self.sampler, self.options = model, dataset, sampler, options
        self.world = current()
        self.seed = self.world.give(fresh_seed() if options.seed is None else options.seed)
        gpu = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(options.device or self.world.device or gpu)
        model.to(self.device)
        generator = make_generator(self.seed, self.device)  # of what the processes draw alike
        alone = self.world.size == 1
        self.dropout = generator if alone else make_generator(self.seed, self.device)
        self.engine = engine_for(model, options, self.dropout, self.world)
        _share(self.world, model, dataset, sampler)
        self.optimizer = optimizer_for(model, options)
        self.progress = Progress(model, self.optimizer, generator, sampler)
        self.batches = Batches(dataset, sampler, options.objective, options.sse, generator, model)
        self.steps = steps_an_epoch(dataset, options.batch_size)

    def go(self) -> dict[str, list[float]]:
        """Train to the last epoch, or to the end of patience."""
        options, progress, verbose = (
            self.options,
            self.progress,
            self.options.verbose and self.world.first,
        )
        bar = tqdm(
            total=options.num_epochs,
            unit="epoch",
            file=sys.stdout,
            leave=False,
            disable=not verbose,
        )
        started, history, interrupted = time.perf_counter(), progress.history, False
        with self._folder() as saved, bar, self._advice():
            first = self._go_on_from(saved)
            bar.update(first)
            try:
                for epoch in range(first + 1, options.num_epochs + 1):
                    if options.patience is not None and progress.waited >= options.patience:
                        break
                    history["loss"].append(self.epoch(epoch))
                    bar.set_postfix(loss=f"{history['loss'][-1]:.4f}", refresh=False)
                    bar.update()
                    if options.validates_after(epoch):
                        progress.validated(
                            *self.model.evaluate_valid(
                                self.dataset, self.seed, options.eval_batch_size
                            )
                        )
                    if saved is not None:
                        saved.save(epoch, progress.state())
            except KeyboardInterrupt:
                if self.world.size > 1:  # the others are at another place; the checkpoints stay
                    raise
                # the stop button of a notebook: what was reached so far is worth keeping
                interrupted = True
            progress.put_best_back()
        if verbose:
            seconds = time.perf_counter() - started
            _report(history, first, self.steps, seconds, progress.best, interrupted)
        return history

    def epoch(self, number: int) -> float:
        """One epoch; the mean of its losses. Nothing waits for a number until the epoch is over."""
        rate = self.options.rate_after(number - 1)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if self.world.size > 1:
            self.dropout.manual_seed(self.world.seed_of(self.seed, number))
        losses = []
        with self.engine:
            for _ in range(self.steps):
                losses.append(self.engine.step(*self.batches.next()))
                self.optimizer.step()
        values = torch.stack(losses).cpu()
        self.world.add_([values])  # each process has its part of each
        if not bool(values.isfinite().all()):
            step = int((~values.isfinite()).nonzero()[0]) + 1
            raise FloatingPointError(
                f"the loss became {float(values[step - 1])} in epoch {number}, step {step} of "
                f"{self.steps}, at learning_rate={rate}: try a tenth of it, precision='float32', "
                "or check the data"
            )
        return float(values.mean())

    def settings(self) -> dict[str, Any]:
        """What a run that goes on from a checkpoint must have in common with this one."""
        data, sampler = self.dataset, self.sampler
        engine = self.engine.run if isinstance(self.engine, PagedEngine) else self.engine
        return {
            **self.options.fixed(),
            "model": config_to_dict(self.model.config),
            "sampler": sampler.settings() if isinstance(sampler, WarpSampler) else {},
            "data": [data.usernum, data.itemnum, len(data.train.items)],
            "device": self.device.type,
            "engine": type(engine).__name__,
            "threads": self.engine.threads,
            "processes": self.world.size,
        }

    def _folder(self) -> CheckpointFolder | nullcontext[None]:
        folder = self.options.checkpoints
        if folder is None or not self.world.first:
            return nullcontext()
        return CheckpointFolder(folder, self.settings(), self.options.keep_checkpoints)

    def _go_on_from(self, saved: CheckpointFolder | None) -> int:
        """Take up the last checkpoint, where there is one; how many epochs are done."""
        state = self.world.give(None if saved is None else saved.latest())
        if state is not None:
            self.progress.restore(state)
        return len(self.progress.history["loss"])

    def _advice(self) -> Any:
        return says_what_to_lower(
            "training",
            "halve batch_size; else lower seq_max_len, take a loss with negatives, or "
            "precision='bfloat16'",
            batch_size=self.options.batch_size,
            seq_max_len=self.model.seq_max_len,
            loss=self.options.objective,
            precision=self.options.precision,
        )


def _check_fit(
    model: SequenceModel, dataset: SASRecDataSet, sampler: Sampler, options: TrainingOptions
) -> None:
    if dataset.itemnum > model.item_num:
        raise ValueError(
            f"the data set has items up to {dataset.itemnum}, the model only item_num="
            f"{model.item_num}: build the model with item_num=dataset.itemnum"
        )
    if dataset.usernum > getattr(model, "user_num", dataset.usernum):
        raise ValueError(
            f"the data set has users up to {dataset.usernum}, the model only user_num="
            f"{model.user_num}: build the model with user_num=dataset.usernum"
        )
    ours = isinstance(sampler, WarpSampler)
    if options.checkpoints is not None and (options.seed is None or not ours):
        raise ValueError(
            "checkpoints need seed= and the library's WarpSampler (with a seed, too): without them "
            "a run cannot be gone on with as if it had never stopped"
        )


def _share(world: World, model: SequenceModel, dataset: SASRecDataSet, sampler: Sampler) -> None:
    """What has to be alike in all processes; the weights are made so."""
    if world.size == 1:
        return
    if not isinstance(sampler, WarpSampler):
        raise ValueError("several processes need the library's WarpSampler, with a seed")
    if sampler.batch_size < world.size:
        raise ValueError(
            f"the sampler's batch_size={sampler.batch_size} must be at least the number of "
            f"processes, {world.size}: it is that of all of them together"
        )
    world.require_equal(
        {
            "the model's configuration": config_to_dict(model.config),
            "the data set": (dataset.usernum, dataset.itemnum, len(dataset.train.items)),
            "what the sampler draws": (
                sampler.settings(),
                sampler.generator.get_state().numpy().tobytes(),
            ),
        }
    )
    world.copy_(list(model.state_dict().values()))


def _report(
    history: dict[str, list[float]],
    first: int,
    steps: int,
    seconds: float,
    best: float,
    interrupted: bool,
) -> None:
    losses = history["loss"]
    if first:
        print(f"went on from the checkpoint of epoch {first}")
    line = f"{len(losses) - first} epochs of {steps} steps in {seconds:.1f} s"
    if losses:
        line += f", loss {losses[0]:.4f} to {losses[-1]:.4f}"
    if history["val_ndcg"]:
        line += f", best validation NDCG@10 {best:.4f}"
    print(line + (" (stopped by hand)" if interrupted else ""))
