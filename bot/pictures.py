"""A school's day as one picture, for a phone: values in, PNG out.

Colours are told apart by lightness as much as by hue, and every state has a shape or a number of
its own: nobody needs to see red from green. Pillow is imported here and in `bot.fonts` only, by
the thread that draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image, ImageDraw

from bot.fonts import Font, face
from bot.phrases import clock_words, day_words, short_day_words
from bot.texts import Texts
from checkin.facts import fact
from handlers.summary_views import DayPicture, Tile

WIDTH = 1080
EDGE = 44
GAP = 14

PAPER = "#F4F2EC"
CARD = "#FFFFFF"
INK = "#1D2733"
QUIET = "#66717E"
LINE = "#D5D2C8"
WELL = "#3F7CB8"
AWAY = "#B4C4D4"
UNWELL = "#D55E00"
UNWELL_TINT = "#FDEBDD"
SILENT = "#FFFFFF"
SILENT_EDGE = "#5B6672"
MISSING = "#111111"
MISSING_TINT = "#F7D9C4"

_NARROW = str.maketrans({"（": "(", "）": ")", "　": " "})  # 三（2）班 in the room of 三(2)班
_PARTS = (("missing", MISSING), ("unwell", UNWELL), ("silent", SILENT), ("away", AWAY))


@dataclass
class Sheet:
    """What is being drawn on, and how far down it is full."""

    image: Image.Image
    pen: ImageDraw.ImageDraw
    texts: Texts
    fonts: dict[tuple[int, bool], Font] = field(default_factory=dict)
    shapes: dict[tuple[object, ...], tuple[Image.Image, Image.Image]] = field(default_factory=dict)

    def font(self, size: int, *, bold: bool = False) -> Font:
        """Return the letters of a size."""
        key = (size, bold)
        if key not in self.fonts:
            self.fonts[key] = face().load(size, bold=bold)
        return self.fonts[key]

    def write(
        self,
        at: tuple[float, float],
        text: str,
        size: int,
        colour: str = INK,
        *,
        bold: bool = False,
        anchor: str = "ls",
    ) -> None:
        """Write a line; `at` is on its foot."""
        self.pen.text(at, text, font=self.font(size, bold=bold), fill=colour, anchor=anchor)

    def fit(
        self, text: str, sizes: Sequence[int], room: float, *, bold: bool = True
    ) -> tuple[str, int]:
        """Return a text at the largest size that has room; cut where even the least has not.

        It is cut in its middle: what tells classes apart often stands at the end.
        """
        text = " ".join(text.split())  # a name may come with a line break
        for size in sizes:
            if self.font(size, bold=bold).getlength(text) <= room:
                return text, size
        least = self.font(sizes[-1], bold=bold)
        for kept in range(len(text) - 1, 0, -1):
            head = kept - kept // 2
            short = f"{text[:head].rstrip()}…{text[len(text) - kept // 2 :].lstrip()}"
            if least.getlength(short) <= room:
                return short, sizes[-1]
        return "…", sizes[-1]

    def rounded(
        self,
        box: tuple[float, float, float, float],
        radius: float,
        fill: str,
        edge: str | None = None,
        width: int = 0,
    ) -> None:
        """Draw a rounded box with smooth edges: twice as large, then halved."""
        left, top = round(box[0]), round(box[1])
        size = (round(box[2]) - left, round(box[3]) - top)
        key = (size, radius, fill, edge, width)
        shape = self.shapes.get(key)
        if shape is None:
            clear = fill if edge is None else edge  # else a dark rim shows where it fades
            large = Image.new("RGBA", (size[0] * 2, size[1] * 2), clear + "00")
            corner = (0, 0, size[0] * 2 - 1, size[1] * 2 - 1)
            ImageDraw.Draw(large).rounded_rectangle(
                corner, radius * 2, fill=fill, outline=edge, width=width * 2
            )
            small = large.reduce(2)
            shape = self.shapes[key] = (small.convert("RGB"), small.getchannel("A"))
        self.image.paste(shape[0], (left, top), shape[1])

    def pill(self, right: float, top: float, number: int, kind: str, size: int) -> float:
        """Draw a number in the shape of its state, its right end here; return its left end."""
        words = f"!{number}" if kind == "missing" else str(number)
        colour = dict(_PARTS)[kind]
        width = max(self.font(size, bold=True).getlength(words) + size * 0.7, size * 1.35)
        box = (right - width, top, right, top + size * 1.35)
        edge = SILENT_EDGE if kind == "silent" else colour
        self.rounded(box, size * 0.67, colour, edge, 3)
        ink = "#FFFFFF" if kind in {"missing", "unwell"} else INK
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        self.write(middle, words, size, ink, bold=True, anchor="mm")
        return right - width


def draw_day(picture: DayPicture, texts: Texts) -> bytes:
    """Draw a school's day: what stands, class by class, and the days before."""
    grid = _Grid.of(picture.tiles)
    height = 420 + 108 + grid.height + 60 + 450
    image = Image.new("RGB", (WIDTH, height), PAPER)
    sheet = Sheet(image, ImageDraw.Draw(image), texts)
    _title(sheet, picture)
    _figures(sheet, picture, 204)
    _classes(sheet, picture.tiles, grid, 420)
    _days(sheet, picture, 420 + 108 + grid.height + 60)
    out = BytesIO()
    few = image.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(out, "PNG", compress_level=6)  # a third of the size, in the same time
    return out.getvalue()


def _title(sheet: Sheet, picture: DayPicture) -> None:
    name, size = sheet.fit(picture.school, (60, 54, 48, 42, 38), WIDTH - 2 * EDGE)
    sheet.write((EDGE, 98), name, size, bold=True)
    when = sheet.texts.plain(
        "picture.when",
        day=day_words(sheet.texts, picture.day),
        time=clock_words(picture.at, picture.zone),
    )
    sheet.write((EDGE, 160), when, 40, QUIET)


def _figures(sheet: Sheet, picture: DayPicture, top: int) -> None:
    """Draw the numbers that the day comes to."""
    counts = picture.everybody
    zero = picture.zero
    missing = sum(tile.missing for tile in picture.tiles)
    rate = counts.response_rate
    shown = [
        ("answered", "–" if rate is None else f"{int(rate * 100 + 1e-9)}%", CARD, WELL),
        ("cases", str(zero.cases), *_alarm(zero.cases, UNWELL_TINT, UNWELL)),
        ("unaccounted", str(zero.unaccounted), CARD, INK),
    ]
    if missing:
        shown.append(("missing", str(missing), MISSING_TINT, MISSING))
    wide = (WIDTH - 2 * EDGE - GAP * (len(shown) - 1)) / len(shown)
    for place, (key, number, ground, ink) in enumerate(shown):
        left = EDGE + place * (wide + GAP)
        sheet.rounded((left, top, left + wide, top + 172), 22, ground)
        sheet.write((left + 26, top + 98), number, 80, ink, bold=True)
        words, size = sheet.fit(
            sheet.texts.plain(f"picture.{key}"), (34, 30, 27, 24), wide - 40, bold=False
        )
        sheet.write((left + 26, top + 148), words, size, QUIET)


def _alarm(number: int, ground: str, ink: str) -> tuple[str, str]:
    return (ground, ink) if number else (CARD, INK)


# ---- the classes ---------------------------------------------------------------------------


@fact
class _Grid:
    """How many classes stand side by side, and how tall each is."""

    columns: int
    rows: int
    tall: int

    @classmethod
    def of(cls, tiles: Sequence[Tile]) -> "_Grid":
        columns = next((c for c, most in ((3, 9), (4, 24), (5, 45)) if len(tiles) <= most), 6)
        rows = -(-len(tiles) // columns)
        return cls(columns, rows, {3: 156, 4: 148}.get(columns, 140))

    @property
    def height(self) -> int:
        return self.rows * (self.tall + GAP)

    @property
    def wide(self) -> float:
        return (WIDTH - 2 * EDGE - GAP * (self.columns - 1)) / self.columns


def _classes(sheet: Sheet, tiles: Sequence[Tile], grid: _Grid, top: int) -> None:
    sheet.write((EDGE, top + 34), sheet.texts.plain("picture.classes"), 40, bold=True)
    _legend(sheet, top + 60, any(tile.missing for tile in tiles))
    for place, tile in enumerate(tiles):
        left = EDGE + place % grid.columns * (grid.wide + GAP)
        upper = top + 122 + place // grid.columns * (grid.tall + GAP)
        _tile(sheet, tile, (left, upper, left + grid.wide, upper + grid.tall))


def _legend(sheet: Sheet, top: int, missing: bool) -> None:
    kinds = [("well", WELL), *reversed(_PARTS[1:]), *([_PARTS[0]] if missing else [])]
    words = [sheet.texts.plain(f"picture.key_{kind}") for kind, _ in kinds]
    size = next(
        (s for s in (32, 29, 26, 23) if sum(sheet.font(s).getlength(w) + s + 42 for w in words)
         <= WIDTH - 2 * EDGE),
        21,
    )  # fmt: skip
    left = float(EDGE)
    for (kind, colour), word in zip(kinds, words, strict=True):
        box = (left, top + 6, left + size, top + 6 + size)
        edge = SILENT_EDGE if kind == "silent" else colour
        sheet.rounded(box, 7, colour, edge, 3)
        sheet.write((left + size + 11, top + 3 + size), word, size, QUIET)
        left += sheet.font(size).getlength(word) + size + 38


def _tile(sheet: Sheet, tile: Tile, box: tuple[float, float, float, float]) -> None:
    """Draw a class: its name, what differs as numbers, and all of it as a bar."""
    left, top, right, bottom = box
    ground, edge = CARD, CARD
    if tile.unwell:
        ground, edge = UNWELL_TINT, UNWELL
    if tile.silent == tile.expected:
        edge = SILENT_EDGE
    if tile.missing:
        ground, edge = MISSING_TINT, MISSING
    sheet.rounded(box, 18, ground, edge, 4)
    name = sheet.texts.plain("word.staff") if tile.is_staff else tile.name.translate(_NARROW)
    words, size = sheet.fit(name, (38, 34, 30, 27), right - left - 32)
    sheet.write((left + 16, top + 46), words, size, bold=True)
    place = right - 14
    kinds = [(kind, getattr(tile, kind)) for kind, _ in reversed(_PARTS)]
    shown = [(kind, number) for kind, number in kinds if number]
    size = 30 if len(shown) < 3 or right - left > 200 else 25
    for kind, number in shown:
        place = sheet.pill(place, bottom - 36 - size * 1.35, number, kind, size) - 7
    if not shown or place - left > 70:
        sheet.write((left + 16, bottom - 46), str(tile.in_), 32, WELL)
    _bar(sheet, tile, (left + 16, bottom - 30, right - 16, bottom - 14))


def _bar(sheet: Sheet, tile: Tile, box: tuple[float, float, float, float]) -> None:
    """Draw everybody in a class as one bar; even one child in it can be seen."""
    left, top, right, bottom = box
    parts = [(tile.in_, WELL), *((getattr(tile, kind), colour) for kind, colour in _PARTS[::-1])]
    everybody = max(sum(number for number, _ in parts), 1)
    least = 8
    wide = {
        place: max((right - left) * number / everybody, least)
        for place, (number, _) in enumerate(parts)
        if number
    }
    over = sum(wide.values()) - (right - left)
    if wide and over > 0:
        widest = max(wide, key=lambda place: wide[place])
        wide[widest] -= over
    at = left
    for place, width in wide.items():
        colour = parts[place][1]
        edge = SILENT_EDGE if colour == SILENT else colour
        sheet.pen.rectangle((at, top, at + width - 2, bottom), fill=colour, outline=edge, width=2)
        at += width


# ---- the days before -----------------------------------------------------------------------


def _days(sheet: Sheet, picture: DayPicture, top: int) -> None:
    """Draw the last school days: how many answered, and the cases beneath."""
    sheet.write((EDGE, top + 34), sheet.texts.plain("picture.days"), 40, bold=True)
    box = (EDGE, top + 62, WIDTH - EDGE, top + 410)
    sheet.rounded(box, 22, CARD)
    wide = (WIDTH - 2 * EDGE - 40) / 10
    foot, tall = top + 274, 150
    sheet.pen.line((EDGE + 20, foot, WIDTH - EDGE - 20, foot), fill=LINE, width=3)
    for place, past in enumerate(picture.past):
        middle = EDGE + 20 + wide * (place + 0.5)
        today = past.day == picture.day
        rate = past.answered / past.expected if past.expected else 0.0
        upper = foot - max(tall * rate, 4)
        sheet.pen.rounded_rectangle(
            (middle - 30, upper, middle + 30, foot),
            8,
            fill=WELL if today else "#9DBBD8",
            corners=(True, True, False, False),
        )
        number = f"{int(rate * 100 + 1e-9)}"
        sheet.write((middle, upper - 12), number, 32, INK, bold=today, anchor="ms")
        day = short_day_words(sheet.texts, past.day)
        small = 29 if sheet.texts.language == "zh" else 25
        sheet.write(
            (middle, foot + 40), day, small, INK if today else QUIET, bold=today, anchor="ms"
        )
        if past.cases:
            width = max(sheet.font(30, bold=True).getlength(str(past.cases)) + 24, 42)
            sheet.pill(middle + width / 2, foot + 66, past.cases, "unwell", 30)
        else:
            sheet.write((middle, foot + 98), "0", 30, QUIET, anchor="ms")
