"""Free debiasing by the index's own passages, against encoding the same passages: it must cost less than a tenth.

pytest tests/speed/test_debiasing_speed.py --benchmark-enable

The smallest encoder of the project, 3 layers, encodes made-up texts as long as XQuAD's sentences. The means are
estimated, and every vector is moved once. With benchmarks off, few texts; the limit holds there too.
"""

from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ratios import Recorder, against

from babelmix.encoder.build import build_encoder
from babelmix.encoder.encode import encode
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Preset
from babelmix.retrieval.language_means import LanguageRows
from babelmix.retrieval.offsets import means_of_index, move
from babelmix.settings.params import load_settings

ROOT = Path(__file__).parents[2]
EMBED = load_settings(ROOT / "params.yaml").embed
THREADS, WORDS, MANY, FEW = 2, 24, 20_000, 300
LIMIT = 0.1  # of the encoding's time


def debias(vectors: NDArray[np.floating], spoken: list[str]) -> NDArray[np.floating]:
    """Estimate the means of an index and move its passages."""
    texts = LanguageRows.of(vectors, spoken)
    means = means_of_index(texts, vectors[:100], [str(number) for number in range(100)])["shift-index"]
    return move("shift-index", means, 1.0, texts, texts)[1][:]


def test_debiasing_costs_less_than_a_tenth_of_encoding(benchmark: Any, ratio: Recorder, tmp_path: Path) -> None:
    prompts = {"query_prefix": "query: ", "passage_prefix": "passage: "}
    build_encoder(Preset(layers=3, learning_rate=1e-4, **prompts), tmp_path / "m")
    model, rng = load_encoder(tmp_path / "m"), np.random.default_rng(1)
    number = MANY if benchmark.enabled else FEW
    words = ("river", "bridge", "Fluss", "Brücke", "mesa", "cadeira", "ville", "maison", "1999", "north", "und", "que")
    texts = [" ".join(rng.choice(words, WORDS)) for _ in range(number)]
    spoken = [("de", "en", "es", "pt", "fr")[row % 5] for row in range(number)]
    started = process_time()
    vectors = encode(model, texts, prompt="passage", settings=EMBED, threads=THREADS)
    encoding = process_time() - started
    started = process_time()
    moved = debias(vectors, spoken)
    assert process_time() - started < LIMIT * encoding
    assert moved.shape == vectors.shape and moved.tobytes() != vectors.tobytes()
    if benchmark.enabled:
        name = "encoding them, 3 layers"
        run = {name: lambda: encode(model, texts, prompt="passage", settings=EMBED, threads=THREADS)}
        ours, theirs, _ = against(benchmark, ours=lambda: debias(vectors, spoken), opponents=run, rounds=3)
        ratio(f"debiasing {number:,} passages by their means", name, ours=ours, theirs=theirs[name], target="10 times")
    else:
        benchmark.pedantic(lambda: debias(vectors, spoken))
