"""The figures of the notebooks: `from seqrec_lib import plots`, then `plots.lines(table, "share")`.

Figures take tables, arrays and tensors, never models, and import nothing of the library. Read
`drawing` first (what all figures share), then `charts`; the other files are named after what they
show. Only this file hands names on.
"""

from seqrec_lib.plots.architecture import block_inside, model_page
from seqrec_lib.plots.attention import (
    attention_maps,
    dependence,
    growth,
    heads,
    known_maps,
    number_table,
)
from seqrec_lib.plots.charts import (
    bars,
    heatmap,
    intervals,
    learning_curves,
    lengths_and_popularity,
    lines,
)
from seqrec_lib.plots.comparing import differences, effect_sizes
from seqrec_lib.plots.diagrams import attention_mask, shift, split_cells, tie_orders, two_losses
from seqrec_lib.plots.drawing import Drawing, short
from seqrec_lib.plots.evaluation import curves, order_change, split_in_time, spread
from seqrec_lib.plots.inside import film_map, position_maps, ratio_map, share_maps, side_by_side
from seqrec_lib.plots.looking import added, looks, lookup, races
from seqrec_lib.plots.results import by_epoch, effects, off_the_paper, paper_and_ours
from seqrec_lib.plots.scaling import growths, page_of_table, shared_step
from seqrec_lib.plots.ssept import by_seed, replacements, windows

__all__ = [
    "Drawing",
    "added",
    "attention_maps",
    "attention_mask",
    "bars",
    "block_inside",
    "by_epoch",
    "by_seed",
    "curves",
    "dependence",
    "differences",
    "effect_sizes",
    "effects",
    "film_map",
    "growth",
    "growths",
    "heads",
    "heatmap",
    "intervals",
    "known_maps",
    "learning_curves",
    "lengths_and_popularity",
    "lines",
    "looks",
    "lookup",
    "model_page",
    "number_table",
    "off_the_paper",
    "order_change",
    "page_of_table",
    "paper_and_ours",
    "position_maps",
    "races",
    "ratio_map",
    "replacements",
    "share_maps",
    "shared_step",
    "shift",
    "short",
    "side_by_side",
    "split_cells",
    "split_in_time",
    "spread",
    "tie_orders",
    "two_losses",
    "windows",
]
