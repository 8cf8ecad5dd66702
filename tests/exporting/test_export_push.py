"""`babelmix export --push` in a process of its own: the hub has the folder, or one line says why not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from upload_hub import UploadHub

from babelmix.benchmarks.dev import dev_benchmark
from babelmix.benchmarks.files import write_benchmark
from babelmix.corpus.records import Pair

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_hub_takes_an_export_or_refuses_it_in_one_line(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    write_benchmark(tmp_path / "data/benchmarks/small", dev_benchmark(parallel_pairs, 10))
    command = [sys.executable, "-m", "babelmix", "export", str(tiny_encoder), "--output", "exported", "--form", "st"]
    command += ["--benchmark", "small", "--push", "org/name"]
    with UploadHub(tmp_path / "hub") as hub:
        environment = hub.environment(tmp_path / "home", HF_HUB_DISABLE_XET="1", PYTHONPATH=str(ROOT / "src"))
        done = [subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)]
        there = {file.name for file in (hub.folder / "models/org/name").rglob("*") if file.is_file()}
        hub.status = 403
        done.append(subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True))
    assert done[0].returncode == 0 and f"{hub.endpoint}/org/name/commit/" in done[0].stdout, done[0].stderr
    assert {"README.md", "model.safetensors", "modules.json", "tokenizer.json"} <= there
    assert done[1].returncode == 2 and "Traceback" not in done[1].stderr
    assert "does not let you write there (403: You don't have the rights)" in done[1].stderr.splitlines()[-1]
    assert (tmp_path / "exported/model.safetensors").is_file()
    assert ModelCard.load(tmp_path / "exported/README.md").data.to_dict()["license"] == "other"
