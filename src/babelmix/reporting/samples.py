"""Samples of machine translation: pairs of each language beside their source, for a person to judge.

write_samples(HERE, settings)       # libreoffice-help-pt.md, ...
"""

import heapq
from collections.abc import Iterable

from babelmix.common.files import new_file, new_folder
from babelmix.common.hashing import hash_order
from babelmix.corpus.records import Pair, Rejected, read_rows
from babelmix.corpus.registry import source_of
from babelmix.settings.params import Settings
from babelmix.workspace import Workspace

PAIRS = 20


def sample_name(source: str, lang: str) -> str:
    """Return the file name of one sample."""
    return f"{source}-{lang}.md"


def write_samples(workspace: Workspace, settings: Settings) -> None:
    """Write a sample for each source and language: 20 kept pairs, and one rejected pair for each reason.

    The pairs with the smallest sha256 of their `parallel_id` are drawn: nobody chose them, and anyone can repeat it.
    """
    with new_folder(workspace.samples) as folder:
        for source in settings.sources:
            own = workspace.human_pairs(source) / f"{settings.source_language(source)}.jsonl"
            for lang in settings.translate.languages:
                kept = (pair for _, pair in read_rows(workspace.machine_pairs(source, lang), Pair))
                drawn = heapq.nsmallest(PAIRS, kept, key=lambda pair: hash_order(pair.parallel_id))
                ids = {pair.parallel_id for pair in drawn}
                rows = read_rows(own, Pair) if ids else ()
                originals = {pair.parallel_id: pair for _, pair in rows if pair.parallel_id in ids}
                rejected: dict[str, Rejected] = {}
                for _, row in read_rows(workspace.rejected_pairs(source, lang), Rejected):
                    best = rejected.setdefault(row.reason, row)
                    rejected[row.reason] = min(best, row, key=lambda pair: hash_order(pair.parallel_id))
                licence = source_of(source, settings.source).licence
                beside = [(originals[pair.parallel_id], pair) for pair in drawn]
                sample = _sample(source, lang, licence, beside, rejected.values())
                with new_file(folder / sample_name(source, lang)) as stream:
                    stream.write(sample)


def _sample(
    source: str, lang: str, licence: str, kept: Iterable[tuple[Pair, Pair]], rejected: Iterable[Rejected]
) -> str:
    pairs = list(kept)
    rows = [f"| {_cell(one.query, one.passage)} | {_cell(two.query, two.passage)} |" for one, two in pairs]
    engine = f" by {pairs[0][1].origin}" if pairs else ""
    lines = [
        f"# {source} in {lang}{engine}",
        "",
        f"{len(pairs)} pairs, drawn by hash: the query in bold, then the passage. {licence}.",
        "",
        "| source | translation |",
        "|---|---|",
        *rows,
    ]
    rejected_rows = [
        f"| {row.reason} | {_cell(row.source_query, row.source_passage)} | {_cell(row.query, row.passage)} |"
        for row in sorted(rejected, key=lambda row: row.reason)
    ]
    if rejected_rows:
        head = [
            "",
            "Rejected pairs, one for each reason, drawn by hash too:",
            "",
            "| reason | source | translation |",
            "|---|---|---|",
        ]
        lines += [*head, *rejected_rows]
    return "\n".join(lines) + "\n"


def _cell(query: str, passage: str) -> str:
    def plain(text: str) -> str:
        for mark, safe in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("*", "\\*"), ("_", "\\_"), ("`", "\\`")):
            text = text.replace(mark, safe)
        return text

    return f"**{plain(query)}**<br>{plain(passage)}"
