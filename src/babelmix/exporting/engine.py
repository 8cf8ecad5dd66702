"""Run an exported form: a SentenceTransformer whose layers are computed by ONNX Runtime or OpenVINO.

    model = load_engine(Path("exported"), "openvino-int8", threads=2)
    vectors = encode_with(model, ["Hallo"], prompt="query")                # float32 [1, d]

All else, such as prompts, tokenizer, pooling and what follows it, is read from the folder by sentence-transformers' own
modules. So no optimum is needed: its releases need an older transformers than babelmix does.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.reading import parse_json, read_text
from babelmix.encoder.groups import group_by_length
from babelmix.encoder.tokenise import tokenise
from babelmix.exporting.names import FILES, ONNX, OPENVINO, Form
from babelmix.exporting.no_telemetry import import_libraries, import_openvino

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Run = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]  # ids, mask -> last hidden state

# Tokens that go through the layers together, padding too: few enough for the cache of a core, many enough to fill it.
TOKENS_PER_FORWARD = 2048
OWN = "sentence_transformers."  # classes from elsewhere are never run
TASKS = {"query": "query", "passage": "document"}  # the names of a Router's routes


def load_engine(folder: Path, form: Form, *, threads: int) -> "SentenceTransformer":
    """Load one form of an exported folder; `threads` is for the layers. UserError if the folder has no such form."""
    forms = [name for name in (*ONNX, *OPENVINO) if (folder / FILES[name]).is_file()]
    if form not in forms:
        raise unknown_name("form", form, forms, where=str(folder))
    file = folder / FILES[form]
    return with_layers(folder, onnx_run(file, threads) if form in ONNX else openvino_run(file, threads))


def with_layers(folder: Path, run: Run) -> "SentenceTransformer":
    """Return the folder's model with `run` for its transformer; no weights of the transformer are read."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer

    class EngineTransformer(Transformer):
        """The library's transformer module, with other layers."""

        def _load_model(self, *given: Any, **options: Any) -> Any:
            return _Layers(given[2], run)

    modules: list[torch.nn.Module] = []
    for number, (kind, path) in enumerate(_modules(folder)):
        if number == 0 and not issubclass(kind, Transformer):
            raise UserError("its first module is no transformer", where=str(folder), how="load it as st")
        used: Any = kind if number else EngineTransformer
        modules.append(used.load(str(folder), subfolder=path, local_files_only=True))
    about = _json(folder / "config_sentence_transformers.json")
    return SentenceTransformer(
        modules=modules,
        prompts=about.get("prompts"),
        similarity_fn_name=about.get("similarity_fn_name"),
        device="cpu",
    ).eval()


def encode_with(
    model: "SentenceTransformer",
    texts: Sequence[str],
    *,
    prompt: str,
    max_tokens: int = 512,
    tokens_per_forward: int = TOKENS_PER_FORWARD,
    on_progress: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32]:
    """Return float32 [texts, d] vectors, in order, each text after the model's own prompt ("query" or "passage").

    Texts of similar length share a batch, so that little of it is padding. A model with a Router takes the route of the
    prompt.
    """
    ids = tokenise(model, texts, prompt=prompt, max_tokens=max_tokens)
    vectors = np.empty((len(texts), model.get_embedding_dimension() or 0), dtype=np.float32)
    task = {"task": TASKS[prompt]}
    with torch.inference_mode():
        for rows in group_by_length([len(text) for text in ids], tokens_per_forward, padded=True):
            features = model.tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt")
            vectors[rows] = model.forward(dict(features), **task)["sentence_embedding"].numpy()
            on_progress(len(rows))
    return vectors


def onnx_run(file: Path, threads: int) -> Run:
    """Return a function that computes an ONNX file with ONNX Runtime."""
    (onnxruntime,) = import_libraries("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors; its warnings are about the machine
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return lambda ids, mask: session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


def openvino_run(file: Path, threads: int) -> Run:
    """Return a function that computes an OpenVINO file."""
    core = import_openvino().Core()
    return compiled_run(core.read_model(str(file)), threads)


def compiled_run(network: Any, threads: int) -> Run:
    """Return a function that computes a network of OpenVINO; float32 is computed as such, never in 16 bits."""
    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = import_openvino().Core().compile_model(network, "CPU", options)
    request = compiled.create_infer_request()
    return lambda ids, mask: request.infer({"input_ids": ids, "attention_mask": mask})[0]


def _modules(folder: Path) -> list[tuple[type, str]]:
    """Return the class and the subfolder of each module; UserError for foreign code, or a path out of the folder."""
    from sentence_transformers.util import import_from_string

    file, found = folder / "modules.json", list[tuple[type, str]]()
    for listed in _json(file):
        kind, path = str(listed.get("type")), str(listed.get("path", ""))
        if not kind.startswith(OWN):
            how = "use a model of sentence-transformers' own modules; code from a model folder is never run"
            raise UserError(f"module {kind!r} is foreign code", where=str(file), how=how)
        if not (folder / path).resolve().is_relative_to(folder.resolve()):
            raise UserError(f"module {path!r} is not in the folder", where=str(file), how="export the model again")
        found.append((import_from_string(kind), path))
    return found


def _json(file: Path) -> Any:
    return parse_json(read_text(file), str(file))


class _Layers(torch.nn.Module):
    """What sentence-transformers takes for a transformer: a configuration, and a function of ids and mask."""

    def __init__(self, config: Any, run: Run) -> None:
        super().__init__()
        self.config, self._run = config, run

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> dict[str, torch.Tensor]:
        found = self._run(input_ids.numpy(), attention_mask.numpy())
        return {"last_hidden_state": torch.from_numpy(np.asarray(found))}
