"""The profile of a training step: whose time an event is, floors, tables, and the command on a small project."""

import ast
from pathlib import Path

import pytest
import torch
from small_training import one_thread, small_settings, write_small_tokenized
from torch.autograd.profiler import profile as profiled
from torch.autograd.profiler import record_function

from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.load import load_encoder
from babelmix.reporting import floors, step_parts
from babelmix.reporting.machine import describe_machine
from babelmix.reporting.profile import TITLE, Profile, claim_markdown, rows, sentences, to_markdown
from babelmix.stages.profiling import profile

SOURCE = Path(__file__).parents[2] / "src/babelmix"


def parts_of(events: list) -> dict[str, str]:
    """name -> part, of the events of a recording."""
    forward = {
        event.sequence_nr: event for event in events if event.sequence_nr >= 0 and not event.name.startswith("autograd")
    }
    return {event.name: step_parts.part_of(step_parts.lineage(event, forward)) for event in events}


def test_an_operator_belongs_to_its_part_and_everything_below_the_loss_to_the_loss() -> None:
    weight, given = torch.randn(4, 4), torch.randn(3, 4)
    with profiled() as recorded:
        torch.softmax(given @ weight, -1)
    parts = parts_of(recorded.function_events)
    assert parts["aten::mm"] == step_parts.PRODUCTS
    assert parts["aten::_softmax"] == step_parts.ATTENTION
    assert parts["aten::matmul"] == step_parts.PYTHON
    with profiled() as recorded, record_function("babelmix::loss"):
        torch.softmax(given @ weight, -1)
    assert set(parts_of(recorded.function_events).values()) == {step_parts.LOSS}


def test_the_backward_pass_belongs_to_the_part_of_its_forward_pass() -> None:
    given = torch.randn(3, 4, requires_grad=True)
    with profiled() as recorded:
        with record_function("babelmix::attention"):
            found = given.exp()
        found.sum().backward()
    backward = [event for event in recorded.function_events if event.name.startswith("aten::mul")]
    assert backward  # exp's gradient is a product, which no table names
    forward = {event.sequence_nr: event for event in recorded.function_events if event.name == "aten::exp"}
    assert {step_parts.part_of(step_parts.lineage(event, forward)) for event in backward} == {step_parts.ATTENTION}


def test_the_parts_of_a_step_sum_up_to_it_and_what_no_table_names_is_named() -> None:
    times = step_parts.StepTimes()
    given = torch.randn(64, 64)
    times.add(lambda: torch.linalg.inv(given), planned_s=0.5)
    assert sum(times.parts().values()) == pytest.approx(1000 * times.profiled[0])
    assert times.parts()[step_parts.DATA] == 500
    assert any("inv" in name for name in times.unknown())
    assert sum(times.unknown().values()) == pytest.approx(times.parts()[step_parts.OTHER])


def test_every_scope_of_the_code_is_in_a_table() -> None:
    named = {
        str(node.args[0].value)
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("record_function")
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert named <= step_parts.WHOLE.keys() | step_parts.SCOPES.keys()


def test_work_counts_each_product_three_times(tiny_encoder: Path) -> None:
    model = load_encoder(tiny_encoder).cpu()
    inner = model[0].model
    weights = sum(part.weight.numel() for part in inner.encoder.modules() if isinstance(part, torch.nn.Linear))
    config = inner.config
    todo = floors.work(model, [3, 5], rows=4, bfloat16=True)
    attention = 3 * 4 * config.num_hidden_layers * config.hidden_size * (9 + 25)
    assert todo.operations == 6 * weights * 8 + attention
    assert floors.work(model, [3, 5], rows=4, bfloat16=False).bytes > todo.bytes


def made_up() -> Profile:
    todo, found = floors.Work(1e9, 1e6), floors.Floors(0.01, 0.001, 1e11, 1e9)
    parts = {step_parts.PRODUCTS: 15.0, step_parts.OTHER: 5.0, step_parts.CASTS: 20.0}
    return Profile("base", "a machine", 2, 32, 640.0, 0.032, 0.04, parts, {"aten::inv": 5.0}, todo, found)


def test_the_table_is_sorted_and_the_gaps_are_of_the_step_without_the_profiler() -> None:
    listed = rows(made_up())
    assert [row[0] for row in listed] == [
        step_parts.CASTS, step_parts.PRODUCTS, step_parts.OTHER, "the whole step",
    ]  # fmt: skip
    assert listed[0] == (step_parts.CASTS, "20.0", "50.0%")
    plain, operations, moved, unknown = sentences(made_up())
    assert "1000.0 pairs and 20,000 tokens a second" in plain and "25.0%" in plain
    assert "10.0 ms. The step takes 3.20 times as long" in operations
    assert "1.0 ms. The step takes 32.00 times as long" in moved
    assert "aten::inv 5.0 ms" in unknown


def test_only_a_profile_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Mine\n")
    with pytest.raises(UserError, match="babelmix did not write it"):
        claim_markdown(tmp_path / "notes.md")
    (tmp_path / "profile.md").write_text(to_markdown(made_up()))
    claim_markdown(tmp_path / "profile.md")


def test_the_machine_is_described_with_its_threads_and_bfloat16() -> None:
    assert ", 2 threads, " in describe_machine(2) and "AMX" in describe_machine(2)


@pytest.mark.slow
def test_the_command_profiles_a_project_and_keeps_no_weights(
    tiny_encoder: Path,
    parallel_pairs: list[Pair],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="dvc repro encoder"):
        profile("hybrid", 1, small_settings(), None)
    (tmp_path / "models").mkdir()
    (tmp_path / "models/untrained").symlink_to(tiny_encoder)
    with pytest.raises(UserError, match="dvc repro tokenise"):
        profile("hybrid", 1, small_settings(), None)
    write_small_tokenized(tmp_path / "data/tokens", parallel_pairs, tiny_encoder)
    before = sorted(tmp_path.rglob("*"))
    with one_thread():
        line = profile("hybrid", 2, small_settings(), Path("profile.md"))
    assert line == "profiled 2 steps, wrote profile.md"
    text = (tmp_path / "profile.md").read_text()
    assert text.startswith(TITLE) and step_parts.PRODUCTS in text and "Floor of bytes" in text
    assert "matrix products" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "profile.md"])
