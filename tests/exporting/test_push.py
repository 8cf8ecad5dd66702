"""A folder that babelmix wrote goes to a stand-in for the hub as it is, or not at all; the folder itself stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from upload_hub import UploadHub

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.exporting.push import push_folder

# huggingface_hub hands a file to httpx2 in the way of older versions.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadHub]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # the stand-in speaks plain https uploads only
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    with UploadHub(tmp_path / "hub") as found, found.connected(tmp_path / "home", monkeypatch):
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with new_folder(tmp_path / "export") as staging:
        (staging / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
        (staging / "1_Pooling").mkdir()
        (staging / "1_Pooling/config.json").write_text("{}")
        (staging / "model.safetensors").write_bytes(bytes(range(256)) * 100)
    return tmp_path / "export"


def content(folder: Path) -> dict[str, bytes]:
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return {name: data for name, data in files.items() if name != ".babelmix-manifest"}


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_a_folder_arrives_as_it_is(hub: UploadHub, folder: Path, kind: str) -> None:
    address = push_folder(folder, "org/name", kind=kind)  # pyright: ignore[reportArgumentType]
    assert content(hub.folder / f"{kind}s/org/name") == content(folder)
    assert address.startswith(hub.endpoint) and hub.created[0]["visibility"] == "private"
    push_folder(folder, "org/name", kind=kind)  # pyright: ignore[reportArgumentType]
    assert hub.commits == 2 and content(hub.folder / f"{kind}s/org/name") == content(folder)


def test_only_what_babelmix_wrote_is_sent(hub: UploadHub, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "secrets.txt").write_text("mine")
    push_folder(folder, "org/name", kind="model")
    assert "secrets.txt" not in content(hub.folder / "models/org/name")
    assert "not sent, as babelmix did not write them: 1 files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "what"),
    [
        pytest.param(401, "does not know you", id="no token"),
        pytest.param(403, "does not let you write there (403", id="forbidden"),
        pytest.param(404, "no such organisation", id="no organisation"),
        pytest.param(500, "answers with an error (500", id="broken"),
    ],
)
def test_a_hub_that_refuses(hub: UploadHub, folder: Path, status: int, what: str) -> None:
    before = content(folder)
    hub.status = status
    with pytest.raises(UserError, match=what.replace("(", r"\(")) as raised:
        push_folder(folder, "org/name", kind="model")
    assert "\n" not in str(raised.value) and raised.value.where == f"{hub.endpoint}/org/name"
    assert content(folder) == before and not hub.commits


def test_an_upload_that_breaks_off_leaves_no_commit_and_the_next_one_ends_it(hub: UploadHub, folder: Path) -> None:
    before = content(folder)
    hub.breaks = True
    with pytest.raises(UserError, match=r"does not answer .*run the same command again"):
        push_folder(folder, "org/name", kind="model")
    assert content(folder) == before and not hub.commits
    hub.breaks = False
    push_folder(folder, "org/name", kind="model")
    assert content(hub.folder / "models/org/name") == before


def test_a_card_that_the_hub_refuses(hub: UploadHub, folder: Path) -> None:
    hub.invalid_card = '"license" must be one of the list'
    with pytest.raises(UserError, match=r"must be one of.*README.md"):
        push_folder(folder, "org/name", kind="model")
    assert not hub.commits


@pytest.mark.parametrize("name", ["name", "a/b/c", "or g/na me", "../up"])
def test_no_name_of_a_repository(hub: UploadHub, folder: Path, name: str) -> None:
    with pytest.raises(UserError, match="not a name on the hub"):
        push_folder(folder, name, kind="model")
    assert not hub.asked


def test_a_folder_of_somebody_else(hub: UploadHub, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("x")
    with pytest.raises(UserError, match="not a folder that babelmix wrote"):
        push_folder(tmp_path / "mine", "org/name", kind="model")
    assert not hub.asked


def test_a_file_that_became_a_link_out_of_the_folder(hub: UploadHub, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    (folder / "1_Pooling/config.json").unlink()
    (folder / "1_Pooling/config.json").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="a link out of the folder"):
        push_folder(folder, "org/name", kind="model")
    assert not hub.asked


def test_a_hub_that_is_switched_off(hub: UploadHub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="switched off by HF_HUB_OFFLINE"):
        push_folder(folder, "org/name", kind="model")
    assert not hub.asked


def test_no_hub_at_all(hub: UploadHub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="does not answer"):
        push_folder(folder, "org/name", kind="model")
