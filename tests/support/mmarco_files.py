"""The files of mMARCO, small: a few queries and passages in every language that they are tried in."""

from pathlib import Path

from babelmix.corpus.sources import mmarco

TRANSLATIONS = {
    "english": ("what is the capital of france", "Paris is the capital of France and its largest city."),
    "german": ("was ist die Hauptstadt von Frankreich", "Paris ist die Hauptstadt von Frankreich, seine größte Stadt."),
    "french": ("quelle est la capitale de la France", "Paris est la capitale de la France et sa plus grande ville."),
}  # fmt: skip


def write_mmarco(root: Path, queries: int = 6, languages: tuple[str, ...] = tuple(TRANSLATIONS)) -> Path:
    """Query q is answered by passage 100 + q; another answer and a repetition follow."""
    lines = [f"{query}\t{100 + query + extra}\t7\n" for extra in (0, 50) for query in range(1, queries + 1)]
    for name, text in {
        mmarco.TRIPLES: "".join(lines),
        **{
            f"data/google/queries/train/{lang}_queries.train.tsv": "".join(
                f"{query}\t{TRANSLATIONS[lang][0]} {query}\n" for query in range(queries, 0, -1)
            )
            for lang in languages
        },
        **{
            f"data/google/collections/{lang}_collection.tsv": "".join(
                f"{passage}\t{TRANSLATIONS[lang][1]} {passage}\n" for passage in range(100, 200)
            )
            for lang in languages
        },
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root
