"""What the recorded runs say together: the first part of the page of results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from seqrec_lib.reproduce.pairs import paired
from seqrec_lib.reproduce.recorded import recorded_table
from seqrec_lib.reproduce.tables import find_recipes

_CHAIN = ("baselines", "ml-1m markov-chain")
# What is set against the Markov chain, by name.
_RIVALS = {
    "SASRec, n = 50, MovieLens 1M": (("V", "n=50"), _CHAIN),
    "SASRec, n = 200, MovieLens 1M": (("III", "ml-1m"), _CHAIN),
    "SASRec, cross-entropy, n = 50, MovieLens 1M": (("losses", "cross-entropy n=50"), _CHAIN),
    "SASRec, n = 50, Games": (("III", "games"), ("baselines", "games markov-chain")),
}
_WIDEST = ("losses", "sampled-softmax n=200 d=128 sse")
_USERS = ("SSE-PT", "sse-pt n=200 50+100")


def in_short(results: Path) -> str:
    """The findings in Markdown, with their numbers; "" where the runs are not all recorded."""
    rivals = [
        [name, *_differences(model, chain, results)] for name, (model, chain) in _RIVALS.items()
    ]
    lead = _differences(_WIDEST, _USERS, results)
    if not (results / "protocols.csv").exists() or any("" in row for row in [lead, *rivals]):
        return ""
    best = ndcg_of(_WIDEST, results)
    without, with_sse = (
        recorded_table("SSE-PT", results).set_index("row")["best_epoch"][row]
        for row in ("pt n=50 50+50", "sse-pt n=50 50+50")
    )
    return f"""## In short

**Which model is better depends on the candidates.** A first-order Markov chain counts which item
follows which. As published, with binary cross-entropy, SASRec is far ahead of it among 100 drawn
items. Among all items it is behind with n = 50, on both data sets; with n = 200, on MovieLens, the
two cannot be told apart. With cross-entropy it is ahead both ways. NDCG@10 of SASRec minus that of
the chain, paired over users, with 95% intervals over users and all recorded seeds:

{markdown_table(["", "among 100, one draw", "among all items"], rivals)}

All this holds out each user's last item. Split in time, so that no model trains on what lay in the
future of its test items, the order is another one: see the [questions](#questions).

Beside other baselines, all among the same candidates (NDCG@10, MovieLens 1M, one seed):

    python -m seqrec_lib.reproduce.protocols_table \\
      --run "SASRec BCE n=50" "data/results/ranks/V__n=50__1.csv.gz" \\
      --run "SASRec cross-entropy n=50" "data/results/ranks/losses__cross-entropy-n=50__1.csv.gz"

{_protocols(results)}

**Loss, width and SSE take SASRec further than user embeddings take SSE-PT.** Sampled softmax over
256 drawn films, 128 units and SSE bring the same two blocks to {best[0]:.4f} among 100 and to
{best[1]:.4f} among all films. That is ahead of SSE-PT with 50 + 100 units by {lead[0]}
among 100 and by {lead[1]} among all, without a vector for any user. For
losses at equal budgets see the [questions](#questions).

**SSE keeps user embeddings from overfitting.** At n = 50 on MovieLens the best of 150 epochs was
{without} without it and {with_sse} with it (one seed each). A new user then costs nothing that
counts: with the mean embedding for everybody, SSE-PT ranks as well as with each user's own (last
of the [questions](#questions))."""


def ndcg_of(place: tuple[str, str], results: Path) -> tuple[float, float]:
    """NDCG@10 of a recorded row: the mean over draws among 100, and among all items."""
    lines = recorded_table(place[0], results)
    lines = lines[lines["row"] == place[1]]
    return float(lines["mean_ndcg"].mean()), float(lines["full_ndcg"].mean())


def _differences(a: tuple[str, str], b: tuple[str, str], results: Path) -> list[str]:
    (first,), (second,) = (find_recipes(table, [row]) for table, row in (a, b))
    return [paired(first, second, protocol, results) for protocol in ("sampled", "full")]


def _protocols(results: Path) -> str:
    found = pd.read_csv(results / "protocols.csv")
    found = found[found["metric"] == "NDCG@10"].set_index(["model", "protocol"])
    lines = []
    for model in found.index.unique("model"):
        cells = [model]
        for protocol in ("sampled", "full"):
            row = found.loc[(model, protocol)]
            cells += [f"{row['value']:.4f}", f"{row['place']:.0f}"]
        lines.append(cells)
    return markdown_table(["", "100 negatives", "rank", "all films", "rank"], lines)


def markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table of a page; "|" in a cell is escaped."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in r) + " |" for r in rows)
