"""Which translation route is best, held against what people wrote."""

from pathlib import Path

from babelmix.common.files import cache_dir, temporary_folder
from babelmix.common.progress import terminal
from babelmix.settings.params import Settings
from babelmix.translate import compare
from babelmix.translate.references import human_references
from babelmix.translate.route import allow_models
from babelmix.workspace import HERE


def compare_routes(settings: Settings, languages: list[str] | None, *, apply: bool, into: list[Path]) -> str:
    """Score the routes of translate.candidates and print the table; return what was done.

    `apply` puts the best routes into params.yaml; `into` names Markdown files that get the table.
    """
    from babelmix.reporting.experiments import check_into, write_into

    check_into(into, "routes")
    allow_models(settings.translate)
    candidates = compare.candidates_of(settings.translate, languages)
    with temporary_folder() as scratch:
        references = {lang: human_references(lang, Path(scratch), settings.pairs) for lang in candidates}
        cache = cache_dir() / "translations"
        scores = compare.score_routes(candidates, references, threads=settings.threads, cache=cache)
    compare.render(scores, terminal())
    for file in into:
        write_into(file, "routes", compare.to_markdown(scores))
    best = compare.best_routes(scores)
    if not apply:
        return f"scored {len(scores)} routes"
    compare.apply_routes(HERE.params, best)
    return f"wrote the best of {len(best)} languages to {HERE.params}"
