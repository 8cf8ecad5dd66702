"""The texts that an export needs: to trim a vocabulary by, and to calibrate 8 bits with.

texts = texts_by_language(("de", "en"), benchmark, settings)
halves = calibration(None, benchmark, settings)            # of all languages
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from babelmix.benchmarks.files import is_built
from babelmix.common.errors import UserError
from babelmix.common.progress import say
from babelmix.settings.params import Settings
from babelmix.workspace import HERE, remade_by

if TYPE_CHECKING:
    from babelmix.benchmarks.benchmark import Benchmark
    from babelmix.exporting.form_files import Prompted


def texts_by_language(languages: Sequence[str], data: "Benchmark", settings: Settings) -> dict[str, list[str]]:
    """Return texts to trim by: pairs, Tatoeba's sentences, and benchmarks that the export is not measured on.

    A text that the measured benchmark has is left out wherever it comes from, as the dev split's are pairs too. A
    language that only the measured benchmark has gets that one's texts, which is said: its loss is too low then.
    """
    from babelmix.exporting.language_texts import texts_of

    others = [HERE.benchmark(name) for name in settings.benchmarks if name != data.name]
    found = texts_of(
        languages,
        pairs=[*_pairs(settings), *_translated(settings)],
        benchmarks=[one for one in others if is_built(one)],
        lexicons=HERE.lexicons,
    )
    measured = {one.text for one in (*data.queries, *data.passages)}
    found = {lang: [text for text in own if text not in measured] for lang, own in found.items()}
    for language in [lang for lang, own in found.items() if not own]:
        own = [one.text for one in (*data.queries, *data.passages) if one.lang == language]
        if not own:
            how = f"{remade_by('pairs')}, fetch Tatoeba with `babelmix fetch tatoeba`, or leave it out"
            raise UserError(f"no text in {language!r} to trim by", where="--languages", how=how)
        say(f"{language}: the only texts here are those of {data.name}, so its loss there is too low")
        found[language] = own
    return found


def calibration(languages: Sequence[str] | None, data: "Benchmark", settings: Settings) -> "Prompted":
    """Return texts of training pairs, spread over the languages, that the measured benchmark does not have."""
    from babelmix.corpus.records import iterate_pairs
    from babelmix.exporting.form_files import CALIBRATION, Prompted

    files = _pairs(settings)
    if not files:
        raise UserError("int8 needs training pairs to calibrate with", where="--int8", how=remade_by("pairs"))
    known = {one.text for one in (*data.queries, *data.passages)}
    by_language: dict[str, list[tuple[str, str]]] = {}
    for _, pair in iterate_pairs(*files):
        wanted = languages is None or pair.lang in languages
        if wanted and pair.split == "train" and not known & {pair.query, pair.passage}:
            by_language.setdefault(pair.lang, []).append((pair.query, pair.passage))
    each = max(1, CALIBRATION // max(1, len(by_language)))  # pairs: half of the texts for each of the two purposes
    spread = [own[:: max(1, len(own) // each)][:each] for _, own in sorted(by_language.items())]
    pairs = [pair for own in spread for pair in own]
    if len(pairs) < 2:
        raise UserError("too few training pairs to calibrate with", where="--int8", how=remade_by("pairs"))
    halves = [
        {"query": [query for query, _ in half], "passage": [passage for _, passage in half]}
        for half in (pairs[::2], pairs[1::2])
    ]
    return Prompted(*halves)


def _pairs(settings: Settings) -> list[Path]:
    return [folder for name in settings.sources if any((folder := HERE.human_pairs(name)).glob("*.jsonl"))]


def _translated(settings: Settings) -> list[Path]:
    files = [HERE.machine_pairs(name, lang) for name in settings.sources for lang in settings.translate.languages]
    return [file for file in files if file.is_file()]
