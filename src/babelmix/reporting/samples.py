"""Sample sheets: pairs of each machine-translated language beside their source, for a person to judge.

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


def sheet_name(source: str, lang: str) -> str:
    """Return the file name of one sheet."""
    return f"{source}-{lang}.md"


def write_samples(workspace: Workspace, settings: Settings) -> None:
    """Write a sheet for each source and language: 20 kept pairs, and one rejected for each reason.

    They are drawn by sha256 of the unit, so a sheet shows no choice of ours, and is the same for the same pairs.
    """
    with new_folder(workspace.samples) as folder:
        for source in settings.sources:
            own = workspace.human_pairs(source) / f"{settings.source_language(source)}.jsonl"
            for lang in settings.translate.languages:
                kept = (pair for _, pair in read_rows(workspace.machine_pairs(source, lang), Pair))
                drawn = heapq.nsmallest(PAIRS, kept, key=lambda pair: hash_order(pair.parallel_id))
                units = {pair.parallel_id for pair in drawn}
                originals = (
                    {pair.parallel_id: pair for _, pair in read_rows(own, Pair) if pair.parallel_id in units}
                    if units
                    else {}
                )
                thrown: dict[str, Rejected] = {}
                for _, row in read_rows(workspace.rejected_pairs(source, lang), Rejected):
                    if row.reason not in thrown or hash_order(row.parallel_id) < hash_order(
                        thrown[row.reason].parallel_id
                    ):
                        thrown[row.reason] = row
                licence = source_of(source, settings.source).licence
                sheet = _sheet(
                    source, lang, licence, [(originals[pair.parallel_id], pair) for pair in drawn], thrown.values()
                )
                with new_file(folder / sheet_name(source, lang)) as stream:
                    stream.write(sheet)


def _sheet(source: str, lang: str, licence: str, kept: Iterable[tuple[Pair, Pair]], thrown: Iterable[Rejected]) -> str:
    pairs = list(kept)
    rows = [f"| {_cell(one.query, one.passage)} | {_cell(two.query, two.passage)} |" for one, two in pairs]
    engine = f" by {pairs[0][1].origin}" if pairs else ""
    lines = [
        f"# {source} in {lang}{engine}",
        "",
        f"{len(pairs)} pairs, drawn by hash and not chosen: the query in bold, then the passage. {licence}.",
        "",
        "| source | translation |",
        "|---|---|",
        *rows,
    ]
    rejected = [
        f"| {row.reason} | {_cell(row.source_query, row.source_passage)} | {_cell(row.query, row.passage)} |"
        for row in sorted(thrown, key=lambda row: row.reason)
    ]
    if rejected:
        head = [
            "",
            "Rejected, one for each reason, drawn likewise:",
            "",
            "| reason | source | translation |",
            "|---|---|---|",
        ]
        lines += [*head, *rejected]
    return "\n".join(lines) + "\n"


def _cell(query: str, passage: str) -> str:
    def plain(text: str) -> str:
        for mark, safe in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("*", "\\*"), ("_", "\\_"), ("`", "\\`")):
            text = text.replace(mark, safe)
        return text

    return f"**{plain(query)}**<br>{plain(passage)}"
