"""Train from the command line, on your own log or MovieLens, in one process or several.

    python -m seqrec_lib --data orders.csv --save shop.safetensors

    torchrun --standalone --nproc-per-node 2 -m seqrec_lib --data ml-1m --checkpoints runs/first

The first reads a log of your own: a csv, tsv, Parquet or JSON lines file whose columns have names,
such as user, item and time. `load("shop.safetensors")` gives model and histories back, with your
own ids.

The second has one process for each GPU of this machine (NCCL), or on a CPU as many as it has cores
to spare (gloo); several machines by torchrun's own --nnodes and --rdzv-endpoint. Without torchrun,
`python -m seqrec_lib …` is the same run in one process.

--batch is the batch of all processes together: its loss does not depend on how many they are. A run
with --checkpoints goes on where it stopped, with as many processes as there are then.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from torch.distributed.elastic.multiprocessing.errors import record

from seqrec_lib.common.distributed import processes
from seqrec_lib.common.paths import file_to_write, folder_to_write, write_text
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.loading import load_dataset
from seqrec_lib.models.recommenders import SASREC, SSEPT
from seqrec_lib.models.saved import save
from seqrec_lib.training.losses import LOSSES
from seqrec_lib.training.sampling import WarpSampler

_DATA = "your own log (csv, tsv, Parquet, JSON lines), a MovieLens release, or sample"


@record
def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns 0."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        for name in ("save", "json"):  # now, and not after hours of training
            if (place := getattr(options, name)) is not None:
                file_to_write(place, f"--{name}")
        if options.checkpoints is not None:
            folder_to_write(options.checkpoints, "--checkpoints")
        dataset = _data(options.data)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    with processes(options.timeout) as world:
        model = _model(options, dataset)
        if world.first:
            print(f"Data: {Path(options.data).name}, {dataset!r}. Processes: {world.size}.")
        started = time.perf_counter()
        history = model.train_model(
            dataset,
            WarpSampler(
                dataset.train,
                dataset.usernum,
                dataset.itemnum,
                options.batch,
                options.maxlen,
                seed=options.seed,
            ),
            options.epochs,
            options.batch,
            options.learning_rate,
            options.validate_every,
            loss=options.loss,
            tables=options.tables,
            engine=options.engine,
            threads=options.threads,
            seed=options.seed,
            checkpoints=options.checkpoints,
        )
        seconds = time.perf_counter() - started
        ndcg, hit_rate = model.evaluate(dataset, options.seed)
        if world.first:
            among = f"among 100 drawn {dataset.item_name}s"
            print(f"test NDCG@10 {ndcg:.4f}, HR@10 {hit_rate:.4f}, {among}")
            if options.save:
                card = {"data": options.data, "history": history}
                save(model, dataset, options.save, card)
            if options.json:
                about = {"test": [ndcg, hit_rate], "processes": world.size, "seconds": seconds}
                found = {**history, **about}
                write_text(options.json, json.dumps(found) + "\n", "--json")
    return 0


def _model(options: argparse.Namespace, dataset: SASRecDataSet) -> SASREC:
    settings = {
        "item_num": dataset.itemnum,
        "seq_max_len": options.maxlen,
        "embedding_dim": options.width,
        "dropout_rate": options.dropout,
        "seed": options.seed,
    }
    if options.model == "ssept":
        return SSEPT(user_num=dataset.usernum, **settings)
    return SASREC(**settings)


def _data(name: str) -> SASRecDataSet:
    """What is printed about its rows is printed once, however many processes there are."""
    first = os.environ.get("RANK", "0") == "0"  # of torchrun
    with redirect_stdout(sys.stdout if first else io.StringIO()):
        return load_dataset(name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m seqrec_lib",
        description="Train on your own log or MovieLens; with torchrun, in several processes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--data", default="ml-1m", help=_DATA)
    add("--model", choices=("sasrec", "ssept"), default="sasrec", help="which model")
    add("--maxlen", type=int, default=50, help="positions that it sees")
    add("--width", type=int, default=50, help="of an embedding")
    add("--dropout", type=float, default=0.2, help="rate of dropout")
    add("--loss", choices=tuple(LOSSES), default="bce", help="what is learned from")
    add("--epochs", type=int, default=20, help="how many in all, earlier runs included")
    add("--batch", type=int, default=128, help="users of a step, all processes together")
    add("--learning-rate", type=float, default=0.001, help="of Adam")
    add("--validate-every", type=int, default=0, help="so many epochs; 0 is never")
    add(
        "--tables", choices=("dense", "sparse"), default="dense", help="sparse: move only rows used"
    )
    add("--engine", choices=("auto", "packed", "padded"), default="auto", help="see train_model")
    add("--threads", type=int, help="of each process's packed engine (what torchrun leaves)")
    add("--seed", type=int, default=1, help="of weights, batches and dropout")
    add("--checkpoints", metavar="FOLDER", help="save every epoch there, and go on from there")
    add("--save", metavar="FILE", help="the trained model, for load")
    add("--json", metavar="FILE", help="losses, metrics and seconds")
    add("--timeout", type=float, default=60, help="seconds without an answer that end the run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
