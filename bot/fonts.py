"""The letters of our pictures, Chinese among them: the machine's own, else those of a wheel.

Loaded anew for each picture, which takes a millisecond: a face is not shared between threads.
"""

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from checkin.facts import fact

Font = ImageFont.FreeTypeFont

_SAMPLE = "晨检校医，A"  # a face without these is of no use
_CARRIED = ("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc")
_SIMPLIFIED = 2  # the place of simplified Chinese in the collections of Noto


@fact
class Face:
    """Where a typeface lies; a variable one holds every weight in one file."""

    plain: Path
    bold: Path
    index: int = 0
    variable: bool = False

    def load(self, size: int, *, bold: bool = False) -> Font:
        """Load the face at a size.

        Raises:
            OSError: there is no such file, or it is no font.
        """
        path = self.bold if bold else self.plain
        layout = ImageFont.Layout.BASIC  # neither language needs more, and it is thrice as fast
        font = ImageFont.truetype(path, size, index=self.index, layout_engine=layout)
        if self.variable:
            font.set_variation_by_axes([700 if bold else 400])
        return font


_NOTO = ("NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc")
_FOLDERS = (
    "/usr/share/fonts/opentype/noto",
    "/usr/share/fonts/noto-cjk",
    "/usr/share/fonts/google-noto-cjk",
    "/usr/share/fonts/google-noto-sans-cjk-fonts",
)
OWN = (
    *(Face(Path(f, _NOTO[0]), Path(f, _NOTO[1]), _SIMPLIFIED) for f in _FOLDERS),
    Face(Path("C:/Windows/Fonts/msyh.ttc"), Path("C:/Windows/Fonts/msyhbd.ttc")),
    Face(
        Path("/System/Library/Fonts/Hiragino Sans GB.ttc"),
        Path("/System/Library/Fonts/Hiragino Sans GB.ttc"),
    ),
    Face(
        Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
        Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    ),
)


def carried() -> Face:
    """Return the face that comes with our dependencies.

    Raises:
        OSError: it is not installed.
    """
    package, name = _CARRIED
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise OSError(f"{package} is not installed")
    path = Path(spec.origin).parent / name
    return Face(path, path, _SIMPLIFIED, variable=True)


@cache
def face(own: tuple[Face, ...] = OWN) -> Face:
    """Return the first face that can write both languages: the machine's own, else the wheel's.

    Raises:
        OSError: there is none.
    """
    for found in _faces(own):
        try:
            if all(writes(found.load(20, bold=bold), _SAMPLE) for bold in (False, True)):
                return found
        except OSError:
            continue
    raise OSError("no font that can write Chinese")


def _faces(own: tuple[Face, ...]) -> Iterator[Face]:
    yield from own
    yield carried()


def writes(font: Font, text: str) -> bool:
    """Say whether a face has every letter of a text: none comes out as the empty box."""
    box = bytes(font.getmask("\U0010fffe"))
    return all(bytes(font.getmask(letter)) != box for letter in text if not letter.isspace())
