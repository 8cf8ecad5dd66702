"""Write the forms of a model into a folder, and say how large each is.

    write_forms(model, folder, Wanted(("onnx", "openvino"), int8=True), calibration)
    size_of(folder, "onnx-int8")                    # bytes

The folder holds the model as sentence-transformers saves it: all forms share its tokenizer and its last modules.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from babelmix.common.files import temporary_folder
from babelmix.exporting import int8, openvino_form
from babelmix.exporting.engine import compiled_run, encode_with, onnx_run, with_layers
from babelmix.exporting.names import FILES, Form, Kind
from babelmix.exporting.no_telemetry import import_libraries
from babelmix.exporting.older_readers import open_to_older
from babelmix.exporting.onnx_form import export_onnx
from babelmix.exporting.sensitivity import InFloat32, Vectors, choose_float32, most_sensitive

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CALIBRATION = 128  # texts that set the ranges of static 8 bits; as many others choose what stays in float32


@dataclass(frozen=True, slots=True)
class Wanted:
    """The forms that a user asks for."""

    kinds: tuple[Kind, ...]
    int8: bool = False

    @property
    def forms(self) -> tuple[Form, ...]:
        """The names of all forms, in the order of names.FILES."""
        return tuple(
            form
            for form in FILES
            if form.removesuffix("-int8") in self.kinds and (self.int8 or not form.endswith("-int8"))
        )


@dataclass(frozen=True, slots=True)
class Prompted:
    """Texts by their prompt, "query" or "passage": to calibrate with, and to choose what stays in float32."""

    ranges: Mapping[str, Sequence[str]]
    choice: Mapping[str, Sequence[str]]


def write_forms(
    model: "SentenceTransformer",
    folder: Path,
    wanted: Wanted,
    texts: Prompted | None,
    *,
    threads: int,
    on_form: Callable[[str], None] = lambda form: None,
) -> dict[Form, InFloat32]:
    """Write all forms but "st" below a folder that the model was saved into; return what int8 kept in float32.

    Args:
        model: as it was saved, on the CPU.
        folder: has its files.
        wanted: the forms.
        texts: needed for int8.
        threads: of the engines, to try a form with.
        on_form: gets each form's name before it is made.

    Raises:
        UserError: the extra `export` is not installed, or the model cannot be exported.
    """
    chosen: dict[Form, InFloat32] = {}
    narrow: _EightBits | None = None
    if not any(form != "st" for form in wanted.forms):
        return chosen
    open_to_older(folder)
    with temporary_folder() as scratch:
        plain = scratch / "model.onnx"
        on_form("onnx")
        export_onnx(model, plain)
        for form in wanted.forms:
            file = folder / FILES[form]
            file.parent.mkdir(exist_ok=True)
            if form == "onnx":
                file.write_bytes(plain.read_bytes())
            elif form == "openvino":
                on_form(form)
                openvino_form.write_openvino(openvino_form.convert(plain), file)
            elif form != "st" and texts is not None:
                on_form(form)
                narrow = narrow or _EightBits(model, folder, plain, texts, threads)
                chosen[form] = narrow.write(form)
    return chosen


def size_of(folder: Path, form: Form) -> int:
    """Return the bytes of a form's own files: weights and graph, without the tokenizer that all forms share.

    "st" may be any SentenceTransformer, with weights in folders of its modules too.
    """
    file = folder / FILES[form]
    files = folder.glob("**/model*.safetensors") if form == "st" else (file, file.with_suffix(".bin"))
    return sum(one.stat().st_size for one in files if one.is_file())


class _EightBits:
    """An exported model on its way to 8 bits: what both engines need of it is made once."""

    def __init__(self, model: "SentenceTransformer", folder: Path, plain: Path, texts: Prompted, threads: int) -> None:
        """Round the embeddings of `plain`, the model as ONNX in float32, into a file beside it."""
        (onnx,) = import_libraries("onnx")
        proto = onnx.load(str(plain))
        self._model, self._folder, self._texts, self._threads = model, folder, texts, threads
        self._products, self._file = int8.products_of(proto), plain.with_name("narrow.onnx")
        int8.narrow_embeddings(proto)
        onnx.save(proto, str(self._file))

    def write(self, form: Form) -> InFloat32:
        """Write one form, with as many products in float32 as it needs; return which."""
        return choose_float32(
            lambda places: self._vectors(form, [self._products[place] for place in places]),
            self._exact,
            lambda: self._order,
            products=len(self._products),
        )

    def _vectors(self, form: Form, in_float32: Sequence[str]) -> Vectors:
        """Write a form with these products in float32, and return its vectors of the texts that choose."""
        file = self._folder / FILES[form]
        if form == "onnx-int8":
            int8.quantise_dynamically(self._file, file, in_float32)
            run = onnx_run(file, self._threads)
        else:
            network = openvino_form.convert(self._file)
            network = openvino_form.quantise_statically(network, self._batches, self._products, in_float32)
            openvino_form.write_openvino(network, file)
            run = compiled_run(network, self._threads)
        return _encoded(with_layers(self._folder, run), self._texts.choice)

    @cached_property
    def _exact(self) -> Vectors:
        return _encoded(self._model, self._texts.choice)

    @cached_property
    def _order(self) -> list[int]:
        """All products, the most harmed by 8 bits first: no engine is asked."""
        return most_sensitive(self._model, lambda: _encoded(self._model, self._texts.choice))

    @cached_property
    def _batches(self) -> list[dict[str, Any]]:
        return [batch for prompt, own in self._texts.ranges.items() for batch in _batches(self._model, own, prompt)]


def _batches(model: "SentenceTransformer", texts: Sequence[str], prompt: str) -> list[dict[str, Any]]:
    """Return each text as a batch of its own, so that no range is one of padding."""
    from babelmix.encoder.tokenise import tokenise

    ids = tokenise(model, texts, prompt=prompt, max_tokens=512)
    rows = [np.array([one], dtype=np.int64) for one in ids]
    return [{"input_ids": row, "attention_mask": np.ones_like(row)} for row in rows]


def _encoded(model: "SentenceTransformer", texts: Mapping[str, Sequence[str]]) -> Vectors:
    """Return unit vectors of all texts."""
    found = np.concatenate([encode_with(model, own, prompt=prompt) for prompt, own in texts.items() if own])
    return found / np.linalg.norm(found, axis=1, keepdims=True)
