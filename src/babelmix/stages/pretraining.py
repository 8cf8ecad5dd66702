"""The pre-training: the encoder that every training starts from."""

import hashlib
import json
import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import cache_dir, new_folder, write_json
from babelmix.common.outputs import MANIFEST, claim_file, claim_folder
from babelmix.common.progress import progress, say
from babelmix.corpus.registry import source_of
from babelmix.encoder.load import check_encoder, load_encoder, save_encoder
from babelmix.pretraining.history import Step
from babelmix.settings.params import Settings
from babelmix.training.history import write_history
from babelmix.workspace import HERE, UNTRAINED

if TYPE_CHECKING:
    from babelmix.pretraining.blocks import Blocks


def pretrain(settings: Settings) -> str:
    """Write `models/start`: the untrained encoder, or the same after the pre-training; return what was written.

    A pre-training that was stopped resumes from its last checkpoint.
    """
    objective, output, scores = settings.pretrain.objective, HERE.start, HERE.pretrain_scores("start")
    claim_folder(output, inputs=[HERE.model(UNTRAINED)])
    claim_file(HERE.pretrain_history)
    claim_file(scores, written=("objective",))
    if objective == "none":
        check_encoder(HERE.model(UNTRAINED))
        with new_folder(output) as folder:
            _copy(HERE.model(UNTRAINED), folder)
        write_history([], Step, HERE.pretrain_history)
        write_json(scores, {"objective": objective})
        return f"wrote {output}, the untrained encoder"
    from babelmix.pretraining.model_card import model_card

    name = f"{settings.model.size}/{objective}/s{settings.seed}"
    chosen, source = settings.pretraining(), settings.sources[0]
    card = model_card(name, settings.preset(), settings.pretrain, chosen, seed=settings.seed, source=source)
    with ExitStack() as stack:
        model, history, found, checkpoints = _pretrained(settings, None, stack)
        with new_folder(output) as folder:
            save_encoder(model, folder, card)
        write_history(history, Step, HERE.pretrain_history)
        write_json(scores, {"objective": objective} | found)
        checkpoints.delete()
    return f"wrote {output}, last loss {history[-1].loss:.3f}"


def transfer(language: str, settings: Settings) -> str:
    """Pre-train without a language and score its dev pages, to see what the document encoder carries over.

    Only scores are written; return what was written.
    """
    objective, scores = settings.pretrain.objective, HERE.pretrain_scores(f"without-{language}")
    where = "params.yaml, pretrain.objective"
    if objective in ("none", "bitext", "ccp"):
        how = "take one that has, such as msm"
        raise UserError(f"{objective} has no document encoder to transfer", where=where, how=how)
    if language not in settings.pairs.languages:
        raise unknown_name("language", language, settings.pairs.languages, where="--without")
    claim_file(scores, written=("objective",))
    with ExitStack() as stack:
        _, _, found, checkpoints = _pretrained(settings, language, stack)
        write_json(scores, {"objective": objective} | found)
        checkpoints.delete()
    reached = found.get("transfer")
    share = f", found {reached['all']:.0%} of {reached['texts']} masked {language} texts" if reached else ""
    return f"wrote {scores}{share}"


def _pretrained(
    settings: Settings, without: str | None, stack: ExitStack
) -> tuple[Any, list[Any], dict[str, Any], Any]:
    """Pre-train the untrained encoder; return it, the history, the scores on dev pages and the checkpoint's store.

    `stack` holds the lock of the checkpoint.
    """
    from babelmix.pretraining import loop
    from babelmix.pretraining.blocks import without as blocks_without
    from babelmix.pretraining.diagnostics import masked_text_accuracy, summary
    from babelmix.training.checkpoint import CheckpointStore
    from babelmix.training.distributed import process_group
    from babelmix.training.opening import announce

    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        how = "start it as `babelmix pretrain`; trainings may have several processes"
        raise UserError("a pre-training has one process", where="pretrain", how=how)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"  # nothing is forked once the pages are read
    section, chosen, start = settings.pretrain, settings.pretraining(), HERE.model(UNTRAINED)
    processes = stack.enter_context(process_group(settings.threads))
    inputs = loop.inputs(
        section,
        chosen,
        settings.pairs,
        without=without,
        seed=settings.seed,
        start=start,
        pages=HERE.raw(settings.sources[0]),
        processes=processes,
    )
    checkpoints = stack.enter_context(CheckpointStore(cache_dir() / "training", inputs).exclusive(say))
    model = load_encoder(start)
    blocks = _blocks(settings, model)
    announce("pre-training", model, chosen, processes, checkpoints)
    learned = blocks if without is None else blocks_without(blocks, [without])
    with progress(f"pretrain {section.objective}", section.steps) as step:
        history, engine = loop.pretrain(
            model,
            learned,
            section,
            chosen,
            seed=settings.seed,
            processes=processes,
            checkpoints=checkpoints,
            on_progress=step,
        )
    found: dict[str, Any] = {"loss": history[-1].loss, "blocks": blocks.counts}
    if section.objective != "bitext":
        found |= summary(masked_text_accuracy(engine, blocks, section), without)
    return model, history, found, checkpoints


def _blocks(settings: Settings, model: Any) -> "Blocks":
    """Return the blocks of the first source's pages, kept below `.babelmix/blocks` by what made them.

    Reading and checking the pages of all languages takes minutes, and all arms of a study share them.
    """
    from babelmix.encoder.fingerprint import hash_code, hash_files, hash_model, libraries
    from babelmix.pretraining.block_files import read_blocks, write_blocks
    from babelmix.pretraining.blocks import build_blocks
    from babelmix.pretraining.pages import read_pages

    source = source_of(settings.sources[0], settings.source)
    sentences, tokens = settings.pretrain.sentences, settings.train.max_passage_tokens
    inputs = {
        "pages": hash_files(HERE.raw(source.name)),
        "pairs": settings.pairs.model_dump(mode="json"),
        "encoder": hash_model(HERE.model(UNTRAINED)),
        "sentences": sentences,
        "tokens": tokens,
        "code": hash_code("pretraining.pages", "pretraining.blocks", "pretraining.block_files"),
        "libraries": libraries(),
    }
    name = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache_dir() / "blocks" / name
    if not folder.is_dir():
        say(f"reading the pages of {source.name}, which takes minutes; {folder} keeps them for the next pre-training")
        pages = read_pages([source], HERE.raw, settings.pairs)
        write_blocks(folder, build_blocks(pages, model, sentences=sentences, max_tokens=tokens))
    return read_blocks(folder)


def _copy(source: Path, folder: Path) -> None:
    """Copy an encoder's files into an empty folder, as hard links where the file system has them.

    babelmix and DVC never write into a file of a model: they replace it.
    """
    for file in sorted(source.rglob("*")):
        if file.is_file() and file != source / MANIFEST:
            target = folder / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.hardlink_to(file.resolve())
            except OSError:  # another disk, or no hard links
                shutil.copyfile(file, target)
