"""What models tell a training: a teacher's vectors, and hard negatives."""

from collections.abc import Sequence
from pathlib import Path

from babelmix.common.errors import unknown_name
from babelmix.common.files import temporary_folder
from babelmix.common.outputs import claim_file
from babelmix.common.progress import progress, say
from babelmix.encoder.build import build_encoder
from babelmix.encoder.load import load_encoder
from babelmix.settings.params import Settings
from babelmix.stages.encoders import allow_hub_of
from babelmix.stages.pairs import all_pairs
from babelmix.workspace import HERE


def teach(size: str, settings: Settings) -> str:
    """Encode the training pairs in the language they were written in with a larger encoder; return what was written."""
    from babelmix.corpus.records import read_pairs
    from babelmix.encoder.fingerprint import hash_model
    from babelmix.stages.systems import store_of
    from babelmix.training import teacher

    output, presets = HERE.teacher(size), settings.model.presets
    claim_file(output)
    if size not in presets:
        raise unknown_name("size", size, presets, where="params.yaml, model.presets")
    languages = {name: language for name in settings.sources if (language := settings.source_language(name))}
    written = [HERE.human_pairs(name) / f"{language}.jsonl" for name, language in languages.items()]
    known = [pair for pair in read_pairs(*written) if pair.split == "train"]
    allow_hub_of(presets[size])
    with temporary_folder() as scratch:
        build_encoder(presets[size], Path(scratch) / size)
        model = load_encoder(Path(scratch) / size)
        store = store_of(model, hash_model(Path(scratch) / size), settings, unit=True)
        with progress(f"teach {size}", 2 * len(known)) as step:
            vectors = teacher.encode_teacher(
                model, known, settings=settings.embed, threads=settings.threads, on_progress=step, store=store
            )
    teacher.write_teacher(output, vectors)
    return f"wrote {output}, {len(vectors.units):,} units of {vectors.queries.shape[1]} dimensions"


def mine(
    model: str,
    output: Path,
    settings: Settings,
    *,
    languages: Sequence[str] | None,
    number: int,
    share: float,
    words: bool,
    prompts: tuple[str | None, str | None],
) -> str:
    """Find hard negatives of the training pairs, or of their `words` alone, with a model; return what was written."""
    import numpy as np

    from babelmix.batches.units import index_units
    from babelmix.corpus.index import index_pairs, train_rows
    from babelmix.encoder.usage import similarity_of
    from babelmix.stages.systems import load_model
    from babelmix.training import hard_negatives
    from babelmix.training.mining import mine as run

    claim_file(output, inputs=[Path(model)], written=hard_negatives.ARRAYS)
    known = list(all_pairs(settings))
    index = index_pairs(known)
    rows = train_rows(index)
    units = index_units(index, rows)
    if languages:
        for lang in languages:
            if lang not in index.languages:
                raise unknown_name("language", lang, index.languages, where="--languages")
        rows = rows[np.isin(index.lang[rows], [index.languages.index(lang) for lang in languages])]
    if words:
        rows = rows[index.words[rows]]
    encoder = load_model(model, prompts)
    if (similarity := similarity_of(encoder)[0]) != "cosine":
        say(f"{model}: mined by cosine, though its file names the similarity {similarity!r}")
    with progress(f"mine with {model}", 3 * len(rows)) as step:
        found = run(
            encoder,
            [pair for pair, _ in known],
            index,
            rows,
            units,
            number,
            share=share,
            settings=settings.embed,
            threads=settings.threads,
            on_progress=step,
        )
    hard_negatives.write_negatives(output, found)
    count = np.count_nonzero(found.negatives >= 0)
    return f"wrote {output}, {count:,} negatives of {len(rows):,} pairs"
