"""A figure depends on no font of the machine, and a name that is not our figure stays as it is."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import altair as alt
import pytest
from fontTools.ttLib import TTFont

from babelmix.common.errors import UserError
from babelmix.reporting import drawing

pytestmark = pytest.mark.slow  # drawings take seconds

DRAW = """
import hashlib
from pathlib import Path
import altair as alt
from babelmix.reporting import drawing
rows = [{"pair": "de-en", "difference": -0.5}, {"pair": "zh-en", "difference": 1.5}]
chart = alt.Chart(alt.InlineData(rows)).mark_bar().encode(x="difference:Q", y="pair:N").properties(title="hybrid − x →")
for font in (drawing.FONT, "Other Sans"):
    drawing.CONFIG["font"] = font
    for suffix in (".png", ".svg"):
        drawing.save(chart, Path("chart" + suffix))
        print(hashlib.sha256(Path("chart" + suffix).read_bytes()).hexdigest())
"""


def hashes(fonts: Path, folder: Path) -> list[str]:
    """The sha256 of one chart, as PNG and SVG, in our font and in Other Sans, on a machine that has these fonts."""
    folder.mkdir()
    (folder / "fonts.conf").write_text(f'<?xml version="1.0"?><fontconfig><dir>{fonts}</dir></fontconfig>')
    environment = os.environ | {"FONTCONFIG_FILE": str(folder / "fonts.conf")}
    command = [sys.executable, "-c", DRAW]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.split()


def test_the_fonts_of_the_machine_decide_nothing(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "others").mkdir()
    for family in ("Other Sans", "Arial", "Liberation Sans"):
        font = TTFont(drawing.FONTS / "BabelmixSans-Bold.ttf")
        font["OS/2"].usWeightClass = 400
        font["name"].setName(family, 1, 3, 1, 0x409)
        font["name"].setName("Regular", 2, 3, 1, 0x409)
        font.save(tmp_path / "others" / f"{family}.ttf")
    without = hashes(tmp_path / "none", tmp_path / "one")
    others = hashes(tmp_path / "others", tmp_path / "two")
    assert without[:2] == others[:2]
    assert without[2:] != others[2:]  # a font of the machine would decide, were the figures drawn in one


@pytest.mark.parametrize("style", ["Regular", "Bold"])
def test_the_font_has_every_sign_that_the_figures_draw(style: str) -> None:
    source = Path(drawing.__file__).parent
    texts = "".join((source / name).read_text(encoding="utf-8") for name in ("figures.py", "drawing.py"))
    font = TTFont(drawing.FONTS / f"BabelmixSans-{style}.ttf")
    assert not {sign for sign in texts if ord(sign) not in font.getBestCmap()} - {"\n"}
    assert font["name"].getBestFamilyName() == drawing.FONT
    assert (drawing.FONTS / "OFL.txt").read_text(encoding="utf-8").startswith("Digitized data copyright (c) 2010")


def chart(**more: object) -> alt.Chart:
    return alt.Chart(alt.InlineData([{"a": 1}])).mark_point().encode(x="a:Q").properties(**more)


def test_an_svg_carries_its_font_in_the_weights_that_it_uses(tmp_path: Path) -> None:
    for title, faces in (("bold", 2), (alt.TitleParams("plain", fontWeight="normal"), 1)):
        drawing.save(chart(title=title), tmp_path / "a.svg")
        text = (tmp_path / "a.svg").read_text()
        assert text.count("@font-face") == faces and 'font-family="Babelmix Sans, Arial, sans-serif"' in text
    first = hashlib.sha256((tmp_path / "a.svg").read_bytes())
    drawing.save(chart(title=alt.TitleParams("plain", fontWeight="normal")), tmp_path / "a.svg")
    assert hashlib.sha256((tmp_path / "a.svg").read_bytes()).digest() == first.digest()


def test_a_file_that_babelmix_did_not_draw_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a figure is a \.svg"):
        drawing.claim_svg(tmp_path / "a.pdf")
    drawing.save(chart(), tmp_path / "a.svg")
    drawing.claim_svg(tmp_path / "a.svg")
    for other in (b"<svg/>", b"\xff\xfe"):
        (tmp_path / "a.svg").write_bytes(other)
        with pytest.raises(UserError, match="babelmix did not draw it"):
            drawing.claim_svg(tmp_path / "a.svg")
