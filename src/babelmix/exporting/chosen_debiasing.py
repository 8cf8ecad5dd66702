"""Bake in a debiasing as the pipeline chose it: means, directions, strength and example vectors of files on disk.

baked = bake_chosen(model, "hybrid", "shift", HERE)           # strength of metrics/debiasing/hybrid.json
baked = bake_chosen(model, "hybrid", "lir", HERE)
"""

from typing import TYPE_CHECKING, Any

from babelmix.benchmarks.files import read_benchmark
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.progress import say
from babelmix.common.reading import parse_json, read_text
from babelmix.exporting.debiasing import FORMS, LIR, Baked, Examples, bake_debiasing
from babelmix.retrieval.embeddings import open_embeddings
from babelmix.retrieval.language_means import read_means
from babelmix.retrieval.lir import read_directions
from babelmix.workspace import DEV, Workspace, evaluation_stage, remade_by

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def bake_chosen(
    model: "SentenceTransformer", system: str, form: str, workspace: Workspace, *, strength: float | None = None
) -> Baked:
    """Append a debiasing of a system to its model, in place, and say how it moves a text of an unknown language.

    The examples for the map that guesses the language are the system's vectors of the dev split, if they are on disk.

    Args:
        model: of the system, with its whole width.
        system: an encoder's name.
        form: "lir", "shift" or "centre", with or without a plus sign.
        workspace: of the project.
        strength: of shift and centre, from 0 to 1; None for what the dev splits chose.

    Raises:
        UserError: an unknown form, a strength that is none or that lir has not, a file that is missing or damaged.
    """
    name = form.removeprefix("+")
    if name not in FORMS:
        raise unknown_name("debiasing that a model can hold", name, FORMS, where="--debias")
    if name == LIR:
        if strength is not None:
            raise UserError("lir has no strength", where="--strength", how="leave it out")
        return bake_debiasing(model, name, directions=read_directions(workspace.lir(system)))
    share = _chosen(system, name, workspace) if strength is None else strength
    if not 0 <= share <= 1:
        raise UserError(f"a strength of {share:g}", where="--strength", how="give a share from 0 to 1")
    means, examples = read_means(workspace.offsets(system)), _examples(system, workspace)
    baked = bake_debiasing(model, name, means=means, strength=share, examples=examples)
    if baked.cosine is None:
        say(f"no vectors of the dev split: without a task the common mean stands for every language's ({name})")
    return baked


def _chosen(system: str, form: str, workspace: Workspace) -> float:
    """Return the strength that the dev splits chose."""
    file = workspace.debiasing(system)
    how = f"{remade_by(evaluation_stage(system))}, or give --strength"
    if not file.is_file():
        raise UserError("no strength was chosen", where=str(file), how=how)
    found: Any = parse_json(read_text(file), str(file))
    try:
        return float(found[form]["chosen"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("no strength in it", where=f"{file}, {form}", how=how) from error


def _examples(system: str, workspace: Workspace) -> Examples | None:
    """Return the vectors of the dev split and the languages of its texts; None where they are not on disk."""
    folder, benchmark = workspace.embeddings(system, DEV), workspace.benchmark(DEV)
    if not folder.is_dir() or not benchmark.is_dir():
        return None
    texts, vectors = read_benchmark(benchmark), open_embeddings(folder, benchmark)
    return Examples(
        {
            "query": (vectors.queries[:], [query.lang for query in texts.queries]),
            "document": (vectors.passages[:], [passage.lang for passage in texts.passages]),
        }
    )
