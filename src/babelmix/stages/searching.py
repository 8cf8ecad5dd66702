"""Indexes of one's own texts: made, added to, deleted from, looked into and searched."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from babelmix.common.errors import UserError
from babelmix.common.progress import progress, say

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from babelmix.searching.index import Hit, SearchIndex
    from babelmix.searching.queries import PassageEncoder
    from babelmix.stages.systems import Prompts

LISTED = 5  # ids in a line


def make_index(source: Path, model: str, output: Path, language: str | None, prompts: "Prompts" = (None, None)) -> str:
    """Make an index of a file or folder of texts; return what was written."""
    from babelmix.searching.build import claim_index, index_documents
    from babelmix.searching.folder import read_documents
    from babelmix.searching.index import SearchIndex
    from babelmix.stages.systems import model_folder

    claim_index(output, inputs=[source, *([Path(model)] if Path(model).exists() else [])])
    folder = model_folder(model)
    counts: Counter[str] = Counter()
    with _told(counts), _encoder(folder, model, prompts) as encoder:
        index_documents(read_documents(source, counts, language=language), encoder, output)
    return f"wrote {output}: {describe(SearchIndex.open(output))}"


def add_to_index(index: Path, source: Path, model: str | None, language: str | None) -> str:
    """Add the texts of a file or folder to an index; return what was done."""
    from babelmix.searching.folder import read_documents
    from babelmix.searching.index import SearchIndex
    from babelmix.searching.record import read_record
    from babelmix.searching.update import add_documents

    made = read_record(index).model
    name, prompts = model or made.name, (made.query_prompt, made.passage_prompt)
    counts: Counter[str] = Counter()
    with _told(counts), _encoder(_found_model(index, name), name, prompts) as encoder:
        added = add_documents(index, read_documents(source, counts, language=language), encoder)
    parts = f"added {added.new:,}, replaced {added.replaced:,}, left {added.unchanged:,} that were there already"
    return f"{parts}; {index} has {describe(SearchIndex.open(index))}"


def delete_from_index(index: Path, ids: Sequence[str], file: Path | None) -> str:
    """Delete documents from an index by their ids, given and of a file with one id a line; return what was done."""
    from babelmix.common.reading import numbered_lines
    from babelmix.searching.index import SearchIndex
    from babelmix.searching.update import delete_ids

    wanted = [*ids, *(line.strip() for _, line in (numbered_lines(file) if file else ()) if line.strip())]
    if not wanted:
        raise UserError("no id", where="index-delete", how="give --id, or --ids with a file of one id a line")
    deleted, missing = delete_ids(index, wanted)
    if missing:
        listed = ", ".join(missing[:LISTED]) + (", ..." if len(missing) > LISTED else "")
        say(f"{index}: has no {len(missing):,} of these ids: {listed}")
    return f"deleted {deleted:,} documents; {index} has {describe(SearchIndex.open(index))}"


def check_index(index: Path) -> str:
    """Compare every file of an index with what was written, and return what the index holds."""
    from babelmix.searching.index import SearchIndex

    return f"every file of {index} is as it was written: {describe(SearchIndex.open(index, check=True))}"


def search_index(
    folder: Path,
    query: str,
    *,
    model: str | None,
    top: int,
    languages: Sequence[str] | None,
    equal_share: bool,
    shift: float,
) -> "list[Hit]":
    """Return the hits of one query, best first."""
    from babelmix.searching.index import SearchIndex
    from babelmix.searching.queries import checked_query

    text, index = checked_query(query), SearchIndex.open(folder)
    vectors = encoder_of(index, model)([text])
    return index.search(vectors, top, languages=languages or None, equal_share=equal_share, shift=shift)[0]


def encoder_of(index: "SearchIndex", model: str | None) -> "Callable[[Sequence[str]], NDArray[np.float32]]":
    """Return the query encoder of an index; `model` is where its model is now, a folder or a name on the hub."""
    from babelmix.searching.queries import query_encoder

    return query_encoder(index, _found_model(index.folder, model or index.model))


def describe(index: "SearchIndex") -> str:
    """Return what an index holds: its passages, languages and how it is searched."""
    languages = [f"{lang} {number:,}" for lang, number in index.languages.items()]
    if unknown := len(index) - sum(index.languages.values()):
        languages.append(f"in no known language {unknown:,}")
    parts = [f"{len(index):,} passages ({', '.join(languages)})" if languages else "no passages"]
    if (lists := index.record.lists) is not None:
        overall = lists.overall
        parts.append(
            f"recall@10 {overall.recall:.3f} against exact search over {overall.queries:,} trial queries, "
            f"{overall.probes} of {lists.lists:,} lists read"
        )
    else:
        parts.append("exact search")
    return "; ".join(parts)


@contextmanager
def _encoder(folder: Path, name: str, prompts: "Prompts") -> "Generator[PassageEncoder]":
    """Load a model to encode passages with, and show how many it has encoded; say how many it has cut."""
    from babelmix.searching.queries import passage_encoder
    from babelmix.workspace import vector_store

    recorded = str(folder.resolve()) if Path(name).is_dir() else name
    with progress(f"index with {name}", None) as step:
        encoder = passage_encoder(folder, recorded, prompts=prompts, on_progress=step, store=vector_store())
        yield encoder
    if encoder.cut[0]:
        most = encoder.model.max_tokens
        say(f"{encoder.cut[0]:,} passages are longer than the {most} tokens that are read: their ends are not searched")


def _found_model(index: Path, name: str) -> Path:
    """Return the folder of an index's model; UserError if a folder is not where it was."""
    from babelmix.stages.systems import model_folder

    if Path(name).is_absolute() and not Path(name).is_dir():
        how = "say where it is now with --model"
        raise UserError(f"the model that made {index} is not here", where=name, how=how)
    return model_folder(name)


@contextmanager
def _told(counts: Counter[str]) -> Generator[None]:
    """Say what a block has counted, also if it fails."""
    try:
        yield
    finally:
        if counts:
            say("; ".join(f"{what}: {number:,}" for what, number in sorted(counts.items())))
