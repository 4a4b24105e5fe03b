"""All tables that are reproduced, and the way to find the recipes of their rows by name."""

from __future__ import annotations

from seqrec_lib.reproduce.our_rows import OUR_ROWS
from seqrec_lib.reproduce.question_rows import QUESTION_ROWS
from seqrec_lib.reproduce.race_rows import RACE_ROWS
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.sasrec_rows import SASREC_ROWS
from seqrec_lib.reproduce.size_rows import SIZE_ROWS
from seqrec_lib.reproduce.ssept_rows import SSEPT_ROWS

RECIPES = [*SASREC_ROWS, *SSEPT_ROWS, *OUR_ROWS, *QUESTION_ROWS, *RACE_ROWS, *SIZE_ROWS]
REPRODUCED_TABLES = list(dict.fromkeys(recipe.table for recipe in RECIPES))


def find_recipes(table: str, rows: list[str] | None = None) -> list[Recipe]:
    """The recipes of a table ("all": of every one), or those of its rows whose name is given.

    Raises ValueError for an unknown table or row; lists what there is.
    """
    if table not in (*REPRODUCED_TABLES, "all"):
        raise ValueError(
            f"table {table!r} must be one of {', '.join(map(repr, REPRODUCED_TABLES))}, 'all'"
        )
    there = {r.row: r for r in RECIPES if table in (r.table, "all")}
    if rows is None:
        return [recipe for recipe in RECIPES if table in (recipe.table, "all")]
    unknown = [row for row in rows if row not in there]
    if unknown:
        raise ValueError(
            f"row {unknown[0]!r} is not in table {table}: {', '.join(map(repr, there))}"
        )
    return [there[row] for row in rows]
