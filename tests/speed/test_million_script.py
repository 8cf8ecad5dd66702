"""The script that measures an index of a million passages runs in small, on made embeddings."""

import json
from pathlib import Path

import million
import numpy as np
import pytest

from babelmix.searching import approximate


@pytest.mark.slow
def test_the_script_prints_a_row_for_all_and_for_each_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for name in million.BENCHMARKS:
        vectors, benchmark = tmp_path / "data/embeddings/hybrid" / name, tmp_path / "data/benchmarks" / name
        vectors.mkdir(parents=True)
        benchmark.mkdir(parents=True)
        for kind, rows in (("passages", 60), ("queries", 20)):
            found = rng.standard_normal((rows, 16)).astype(np.float32)
            np.save(vectors / f"{kind}.npy", found / np.linalg.norm(found, axis=1, keepdims=True))
        lines = (json.dumps({"lang": ("de", "en")[row % 2]}) for row in range(60))
        (benchmark / "passages.jsonl").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(approximate, "EXACT", 1000)
    million.main(["index", "--rows", "5000"])
    lines = capsys.readouterr().out.splitlines()
    firsts = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    assert firsts[:4] == ["5,000 passages", "build", "a question", "peak memory"]
    assert {first.split(",")[0] for first in firsts[4:]} == {"de alone", "en alone"}
    recalls = [float(line.split("recall@10 ")[1][:5]) for line in lines if "recall@10" in line]
    assert len(recalls) == 3 and min(recalls) > 0.9 and recalls[1:] == [1.0, 1.0]  # the languages are small: exact
