"""The lowest versions that pyproject.toml allows, as pip wants them: `python -m tests.lowest`.

What the library needs comes from there, `>=` read as `==`; what the tests need beside it comes from
requirements.txt, as it is pinned there; but for pyarrow, whose pinned version wants a newer numpy.
`make lowest` installs them into build/lowest and runs the library's own tests.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = re.compile(
    r"^(onnx|onnxscript|onnxruntime|pytest|pytest-xdist|hypothesis|nbval|playwright"
    r"|threadpoolctl|torchmetrics|nbformat|nbclient|nbconvert|ipykernel|ipywidgets|jupyterlab"
    r"|latex2mathml)=="
)


def lowest() -> list[str]:
    """Lines of a requirements file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = (line.split("#")[0].strip() for line in (ROOT / "requirements.txt").open())
    return [
        *(line.replace(">=", "==") for line in project["dependencies"]),
        *filter(TOOLS.match, pinned),
    ]


if __name__ == "__main__":
    print("\n".join(lowest()))
