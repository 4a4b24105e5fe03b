import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the tests share, as in pytest

from faults.command import main

if __name__ == "__main__":
    sys.exit(main())
