"""Where a number comes from: the commit of the code and the processor of the machine."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path


def commit(code: Path = Path(__file__).parents[1] / "__init__.py") -> str:
    """The commit that the code is of, with "+" if the code was changed since; blank without one."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=code.parent, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        if not git("ls-files", code.name):  # installed in a folder of somebody else's repository
            return ""
        changed = git("status", "--porcelain", "--", ".")
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor() -> str:
    """The processor's name, as the system tells it; its architecture where it tells none."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return platform.processor() or platform.machine()
