import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packages import make_package

from babelmix.common.errors import UserError
from babelmix.common.languages import LANGUAGES
from babelmix.common.outputs import MANIFEST
from babelmix.translate.engine import apertium_programs
from babelmix.translate.engine.apertium import DIRECTIONS, Apertium, escape, read_mode, unescape

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")
ODD = [
    "600 characters " + "of a long sentence, " * 30,
    "🎉 fiesta 🎉",
    "Привет, мир",
    "12,5 % de 1.000",
    "¿Qué es «esto» \"aquí\" 'y' ‘allí’?",
    "[casa] {casa} <b>casa</b> ^casa$ @casa casa\\ casa/casa #casa *casa casa+casa",
    "~/casa ~ 2",
    "...",
    ".",
    "?",
    "C++ y C#: %d of %s",
]


@given(st.text())
def test_what_is_escaped_comes_back(text: str):
    clean = text.replace("\ue07e", "")
    assert unescape(escape(clean)) == clean
    assert "~" not in escape(clean)


def test_every_direction_is_between_languages_of_the_project():
    assert {lang for pair in DIRECTIONS for lang in pair} <= LANGUAGES
    with pytest.raises(UserError, match=r"unknown direction 'es-de'.*valid: ca-es, ca-fr"):
        Apertium("es", "de")


def test_a_mode_is_read_without_a_shell(tmp_path: Path):
    text = "lt-proc -w '/usr/share/apertium/a b.bin' | apertium-tagger -g $2 '/usr/share/apertium/x' | lt-proc $1 y\n"
    assert read_mode(text, tmp_path, "en-es.mode") == [
        ["lt-proc", "-z", "-w", f"{tmp_path}/usr/share/apertium/a b.bin"],
        ["apertium-tagger", "-z", "-g", f"{tmp_path}/usr/share/apertium/x"],
        ["lt-proc", "-z", "-n", "y"],
    ]
    assert read_mode("lt-proc '/usr/share/apertium/a'", Path("/"), "a.mode") == [
        ["lt-proc", "-z", "/usr/share/apertium/a"]
    ]


def program(body: str) -> str:
    """A program that answers each message as `answer(text)` says and adds one more NUL at the end."""
    return f"""#!{sys.executable}
import sys
{body}
data, out = b"", sys.stdout.buffer
while block := sys.stdin.buffer.read1(65536):
    data += block
    *messages, data = data.split(b"\\0")
    for message in messages:
        out.write(answer(message.decode()).encode() + b"\\0")
    out.flush()
out.write(b"\\0")
"""


SAME = "def answer(text): return text"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Apertium]:
    """Make a store in which the pair es-pt is a chain of these programs."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))

    def make(**programs: str) -> Apertium:
        root = tmp_path / ".babelmix/apertium/apertium-es-pt/root"
        names = [name.replace("_", "-") for name in programs]
        for name, body in zip(names, programs.values(), strict=True):
            file = root / "usr/bin" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(program(body))
            file.chmod(0o755)
        (root / "usr/share/apertium/modes").mkdir(parents=True)
        (root / "usr/share/apertium/modes/es-pt.mode").write_text(" | ".join(names))
        (root.parent / "manifest.json").write_text('{"apertium-es-pt": {"version": "1.0-2"}}')
        return Apertium("es", "pt")

    return make


TEXTS = [f"casa {number}" for number in range(40)]


def test_the_name_says_package_version_and_direction(engine: Callable[..., Apertium]):
    assert engine(first=SAME).name == "apertium-es-pt 1.0-2 es-pt"


def test_sentences_keep_their_places(engine: Callable[..., Apertium]):
    made = engine(first=SAME, second="def answer(text): return text.replace('casa', ' CASA  ')")
    wanted = [text.replace("casa", "CASA") for text in TEXTS]
    assert made.translate(["", *TEXTS, "  ", TEXTS[3]]) == ["", *wanted, "", wanted[3]]
    assert made.translate([]) == made.translate(["", " "])[:0] == []


@pytest.mark.parametrize(
    "fault",
    [
        "sys.exit(1)",  # it takes the sentences after it along
        "return text[:3] + '\\0' + text",  # two answers: all after it would be another's
        "return ''",
        "return text.replace('[', '').replace(']', '')",
    ],
)
def test_a_sentence_that_makes_a_program_fail_is_alone_in_it(engine: Callable[..., Apertium], fault: str):
    body = f"def answer(text):\n    if 'poison' in text: {fault}\n    return text.upper()"
    texts = [*TEXTS[:7], "poison", *TEXTS[7:31], "more poison", *TEXTS[31:]]
    wanted = ["" if "poison" in text else text.upper() for text in texts]
    assert engine(first=SAME, second=body, third=SAME).translate(texts) == wanted


def test_sentences_that_fail_only_together_are_translated(engine: Callable[..., Apertium]):
    body = "seen = []\ndef answer(text):\n    seen.append(text)\n    return text.upper() if len(seen) < 3 else ''"
    assert engine(first=body).translate(TEXTS) == [text.upper() for text in TEXTS]


def test_a_program_that_hangs_is_ended(
    engine: Callable[..., Apertium], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hangs = tmp_path / "hangs"

    class AsSoonAsItHangs:
        """A timer that knows: its time is up when the program has said so."""

        def __init__(self, seconds: float, end: Callable[[], None]) -> None:
            assert seconds > apertium_programs.PATIENCE_SECONDS
            self._end, self._over = end, threading.Event()

        def start(self) -> None:
            threading.Thread(target=self._watch).start()

        def cancel(self) -> None:
            self._over.set()

        def _watch(self) -> None:
            while not self._over.wait(0.01):
                if hangs.exists():
                    hangs.unlink()
                    self._end()
                    return

    monkeypatch.setattr(apertium_programs, "Timer", AsSoonAsItHangs)
    body = f"""
import time
def answer(text):
    if 'poison' in text:
        open({str(hangs)!r}, 'w').close()
        time.sleep(3600)
    return text.upper()"""
    assert engine(first=SAME, second=body).translate(["a", "poison"]) == ["A", ""]


def test_a_large_batch_does_not_fill_the_pipes(engine: Callable[..., Apertium]):
    texts = [f"{number} " + "casa " * 40 for number in range(5000)]
    answers = engine(first=SAME, second="def answer(text): return text * 1", third=SAME).translate(texts)
    assert answers == [text.strip() for text in texts]


def test_the_tagger_starts_anew_when_it_has_learned(engine: Callable[..., Apertium]):
    body = """
learned = False
def answer(text):
    global learned
    result = text.upper() if learned else text
    if 'new' in text:
        print('Error: A new ambiguity class was found.', file=sys.stderr, flush=True)
        learned = True
    return result"""
    texts = ["one", "a new one", "two", "three", "the new", "four" * 30_000]
    assert engine(first=SAME, apertium_tagger=body, third=SAME).translate(texts) == texts


def test_a_tagger_that_ends_is_started_again(engine: Callable[..., Apertium]):
    body = "def answer(text):\n    if 'poison' in text: sys.exit(3)\n    return text.upper()"
    assert engine(apertium_tagger=body).translate(["a", "poison", "b"]) == ["A", "", "B"]


def test_programs_that_never_run_are_told(engine: Callable[..., Apertium]):
    body = "print('liblttoolbox.so.3: cannot open', file=sys.stderr)\nsys.exit(127)"
    with pytest.raises(
        UserError, match=r"do not run \(liblttoolbox.so.3: cannot open\).*apt-get install apertium-es-pt"
    ):
        engine(first=SAME, second=body).translate(TEXTS)


def test_a_program_that_is_not_there_is_told(engine: Callable[..., Apertium], tmp_path: Path):
    made = engine(first=SAME)
    (tmp_path / ".babelmix/apertium/apertium-es-pt/root/usr/bin/first").unlink()
    with pytest.raises(UserError, match="needs the program first"):
        made.translate(["a"])


def test_without_apt_the_error_says_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if Path("/usr/share/apertium/modes/pt-gl.mode").exists():
        pytest.skip("apertium-pt-gl is installed on this machine")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("BABELMIX_MIRROR", raising=False)
    with pytest.raises(UserError, match=r"apt-get.*BABELMIX_MIRROR/deb.*apt-get install apertium-pt-gl"):
        _ = Apertium("pt", "gl").name
    assert not (tmp_path / ".babelmix/apertium/apertium-pt-gl").exists()


@needs_dpkg
def test_packages_come_from_the_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mirror/deb").mkdir(parents=True)
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    mode = "head -c 0 /usr/share/apertium/none | cat"
    make_package(tmp_path / "mirror/deb", "apertium-pt-gl", {"usr/share/apertium/modes/pt-gl.mode": mode})
    assert Apertium("pt", "gl").name == "apertium-pt-gl 1 pt-gl"
    folder = tmp_path / ".babelmix/apertium/apertium-pt-gl"
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, "manifest.json", "root"]


def can_fetch(package: str) -> str:
    """Say why apt cannot fetch a package, empty if it can."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return "no apt-get on this machine"
    command = ["apt-get", "download", "--print-uris", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip().rpartition("\n")[2]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Engines whose packages were fetched by themselves, for this module once."""
    reason = can_fetch("apertium-es-pt")
    if reason:
        pytest.skip(f"no packages: {reason}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(tmp_path_factory.mktemp("store")))
        patch.delenv("BABELMIX_MIRROR", raising=False)
        found = {pair: Apertium(*pair) for pair in [("pt", "es"), ("es", "pt"), ("en", "es")]}
        for made in found.values():
            try:
                _ = made.name
            except UserError as error:
                pytest.skip(f"no packages: {error}")
        yield found


SENTENCES = {
    ("pt", "es"): ["Insira uma folha.", "O gato come peixe", "Cada página de sua tabela"],
    ("es", "pt"): ["Inserte una hoja.", "El gato come pescado", "Cada página de su tabla"],
    ("en", "es"): [
        "The cat eats fish.",
        "Every page of your table",
        "What is the house known for?",
        "The house opened.",
    ],
}


@pytest.mark.slow
@pytest.mark.network
def test_the_real_engine_translates(real: dict[tuple[str, str], Apertium]):
    assert real["pt", "es"].name.startswith("apertium-es-pt ") and real["pt", "es"].name.endswith(" pt-es")
    assert real["es", "pt"].translate(["El gato come una hoja."]) == ["O gato come uma folha."]
    assert "gato" in real["en", "es"].translate(["The cat eats fish."])[0]


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("pair", SENTENCES)
def test_every_sentence_has_its_own_real_answer(real: dict[tuple[str, str], Apertium], pair: tuple[str, str]):
    texts = [*SENTENCES[pair], *ODD, "", *SENTENCES[pair][::-1]]
    answers = real[pair].translate(texts)
    assert [bool(text) for text in answers] == [bool(text) for text in texts]
    assert answers == [real[pair].translate([text])[0] for text in texts]
    assert real[pair].translate(texts[::-1]) == answers[::-1]
    for text, answer in zip(texts, answers, strict=True):
        for mark in "[]{}<>^$@\\/#~🎉П":
            assert answer.count(mark) == text.count(mark), (text, answer)
        assert [number for number in answer.split() if number.isdigit()] == [n for n in text.split() if n.isdigit()]
