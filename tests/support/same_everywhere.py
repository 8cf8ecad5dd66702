"""One environment for all tests, on import: what the user's shell, home and locale say has no part in a test."""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Variables that change what babelmix, Git, DVC, MLflow, torch or a terminal do; a test sets those that it is about.
BEGINNINGS = (
    *("BABELMIX_", "DVC_", "GIT_", "HF_", "HUGGINGFACE", "MLFLOW_", "TORCH", "TRANSFORMERS_", "OMP_", "MKL_"),
    *("LC_", "XDG_"),
)
NAMES = (
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "LANG", "LANGUAGE"),
    *("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"),
)
KEPT = ("BABELMIX_MIRROR", "BABELMIX_GOLDEN", "BABELMIX_DRILLS")  # what `make` and the user say to the tests
GIT = "[user]\nname = A Tester\nemail = tester@example.org\n[init]\ndefaultBranch = main\n[safe]\ndirectory = *\n"


def _arrange() -> None:
    for name in list(os.environ):
        if name not in KEPT and (name in NAMES or name.startswith(BEGINNINGS)):
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    (Path(home) / ".gitconfig").write_text(GIT)
    os.environ |= {
        "HOME": home,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",  # dvc, whoever starts pytest
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",  # the same bytes everywhere, and two workers of pytest do not fight for the cores
    }
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell starts the tests in the background
    os.chdir(ROOT)
    os.umask(0o022)


_arrange()
