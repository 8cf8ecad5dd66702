"""What a batch holds: three objectives over one small set of pairs, before anything is trained. Needs no model.

python examples/what_a_batch_holds.py                             # 40 made-up units in four languages
python examples/what_a_batch_holds.py data/pairs/human/libreoffice-help
"""

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from babelmix import Objective, Pair, audit, plan
from babelmix.corpus.records import read_pairs

OBJECTIVES = {
    "contrastive": Objective(alpha=1),  # every batch in one language
    "hybrid": Objective(alpha=0.5),  # half of the batches, arXiv 2408.10536
    "cross-lingual": Objective(alpha=0),  # query and passage never in one language
}


def made_up_pairs() -> list[Pair]:
    """Return 40 units in four languages; every tenth asks what the one before it asks."""
    return [
        Pair(
            f"page{unit:02}", lang, "train", f"question {unit - (unit % 10 == 9)} in {lang}", f"{unit}: {lang}", "human"
        )
        for unit in range(40)
        for lang in ("de", "en", "fr", "zh")
    ]


def main(arguments: list[str]) -> None:
    """Print the first two batches of each objective, and an audit of two hundred."""
    pairs = read_pairs(Path(arguments[0])) if arguments else made_up_pairs()
    table = Table("200 batches of 8", *OBJECTIVES)
    found = {name: audit(pairs, objective, steps=200, batch_size=8) for name, objective in OBJECTIVES.items()}
    own = {name: sum(one.own_language.values()) / sum(one.negatives.values()) for name, one in found.items()}
    table.add_row("monolingual", *(str(one.batches.get("monolingual", 0)) for one in found.values()))
    table.add_row("negatives in the query's language", *(f"{share:.0%}" for share in own.values()))
    table.add_row("answers among the negatives", *(str(one.false_negatives) for one in found.values()))
    table.add_row("the same, drawn blindly", *(str(one.false_negatives_blind) for one in found.values()))
    console = Console()
    for name, objective in OBJECTIVES.items():
        for batch in plan(pairs, objective, steps=2, batch_size=8):
            languages = " ".join(f"{query}-{passage}" for _, query, passage in batch.rows)
            console.print(f"{name:14}{batch.kind:13} {languages}")
    console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
