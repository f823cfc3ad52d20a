"""The picture of a day: every class on it, every letter written, nothing over the edge."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image, ImageDraw

from bot import fonts
from bot.pictures import EDGE, PAPER, WIDTH, Sheet, draw_day
from bot.render_summary import picture as picture_message
from bot.texts import LANGUAGES, texts
from checkin.checkins import Counts
from checkin.questions import Disposition
from checkin.statuses import Status
from checkin.summaries import Stood
from handlers.summary_views import DayPicture, Tile, tile
from storage.summaries import PastDay

MONDAY = date(2026, 3, 2)
BOTH = pytest.mark.parametrize("language", LANGUAGES)
LONG = {
    "en": "The International Bilingual Experimental Evening Class of Environmental Sciences 10-3",
    "zh": "国际部双语实验高中一年级环境科学方向第三实验班",
}


def a_day(tiles: list[Tile], school: str = "青苗学校 Green Shoots", days: int = 10) -> DayPicture:
    past = [PastDay(MONDAY - timedelta(n), 100, 90 + n, n) for n in reversed(range(days))]
    expected = sum(each.expected for each in tiles)
    counts = Counts(expected=expected, in_=expected - sum(each.silent for each in tiles))
    at = datetime(2026, 3, 2, 0, 5, tzinfo=UTC)
    zone = ZoneInfo("Asia/Shanghai")
    return DayPicture(school, MONDAY, at, zone, counts, tuple(tiles), past)


def classes(count: int) -> list[Tile]:
    plights = [(0, 0, 0, 0), (2, 0, 0, 0), (1, 1, 1, 0), (40, 0, 0, 0), (0, 12, 13, 1)]
    tiles = []
    for n in range(count):
        silent, unwell, away, missing = plights[n % len(plights)]
        in_ = 40 - silent - unwell - away - missing
        tiles.append(Tile(f"{n // 8 + 1}-{n % 8 + 1}", 40, in_, silent, unwell, away, missing))
    return tiles


def opened(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    assert image.format == "PNG"
    return image.convert("RGB")


@BOTH
@pytest.mark.parametrize("count", [1, 9, 24, 60])
def test_a_day_is_a_picture_that_a_phone_and_telegram_take(count: int, language: str) -> None:
    content = draw_day(
        a_day([*classes(count), Tile("", 80, 80, 0, 0, 0, 0, True)]), texts(language)
    )
    image = opened(content)
    assert image.width == WIDTH
    assert image.height < 3 * WIDTH  # Telegram takes up to 20 times; nobody wants to scroll
    assert image.width + image.height <= 10_000
    assert len(content) < 300_000


def test_every_class_of_the_largest_school_is_on_it() -> None:
    """Taking any class away, or letting one child in it fall ill, gives another picture."""
    everybody = classes(60)
    whole = opened(draw_day(a_day(everybody), texts("en")))
    for place in (0, 29, 59):
        each = everybody[place]
        ill = Tile(each.name, 40, each.in_, each.silent, each.unwell + 30, each.away, each.missing)
        changed = [*everybody[:place], ill, *everybody[place + 1 :]]
        assert opened(draw_day(a_day(changed), texts("en"))).tobytes() != whole.tobytes()
    fewer = opened(draw_day(a_day(everybody[:-1]), texts("en")))
    assert fewer.tobytes() != whole.tobytes()


@BOTH
def test_a_long_name_stays_within_its_class(language: str) -> None:
    tiles = [Tile(LONG[language], 40, 40, 0, 0, 0, 0) for _ in range(60)]
    image = opened(draw_day(a_day(tiles, school=LONG[language] * 2), texts(language)))
    paper = Image.new("RGB", (1, 1), PAPER).getpixel((0, 0))
    margins = [(x, y) for y in range(0, image.height, 3) for x in (4, EDGE - 8, WIDTH - EDGE + 6)]
    shades = {image.getpixel(at) for at in margins}
    assert len(shades) == 1
    assert all(abs(a - b) < 8 for a, b in zip(shades.pop(), paper, strict=True))


def test_a_name_is_cut_in_its_middle_where_classes_are_alike() -> None:
    image = Image.new("RGB", (10, 10))
    sheet = Sheet(image, ImageDraw.Draw(image), texts("zh"))
    short, size = sheet.fit(LONG["zh"], (38, 27), 122)
    assert short.startswith("国")
    assert short.endswith("班")
    assert sheet.font(size, bold=True).getlength(short) <= 122
    assert sheet.fit("三(2)班", (38, 34, 30, 27), 122)[0] == "三(2)班"


@BOTH
@pytest.mark.parametrize("bold", [False, True])
def test_every_letter_can_be_written(language: str, bold: bool) -> None:
    words = "".join(
        form
        for key, forms in texts(language).words.items()
        if key.startswith("picture.")
        for form in forms
    )
    own = "青苗路中心小学（西校区）Green Shoots School 3-2 0123456789…%!周一二三四五六日月"
    for face in (fonts.face(), fonts.carried()):
        assert fonts.writes(face.load(30, bold=bold), words + own)


def test_a_box_in_place_of_a_letter_would_be_seen() -> None:
    assert not fonts.writes(fonts.carried().load(30), "晨\U0010fff0")


def test_a_machine_without_fonts_writes_chinese() -> None:
    assert fonts.face(()) == fonts.carried()
    nowhere = fonts.Face(Path("/nowhere/regular.ttc"), Path("/nowhere/bold.ttc"))
    assert fonts.face((nowhere,)) == fonts.carried()


def test_a_name_with_a_line_break_is_written_in_one_line() -> None:
    opened(draw_day(a_day(classes(1), school="Green\nShoots"), texts("en")))


def test_a_first_day_has_no_days_before() -> None:
    opened(draw_day(a_day(classes(2), days=1), texts("zh")))


@BOTH
def test_the_line_beneath_says_school_day_and_time(language: str) -> None:
    message = picture_message(a_day(classes(2)), texts(language))
    assert message.photo is not None
    assert message.photo[0] == "2026-03-02.png"
    assert "青苗学校 Green Shoots" in message.text
    assert "08:05" in message.text
    assert "\n" not in message.text


def test_a_class_adds_up_to_everybody_in_it() -> None:
    def one(status: Status, **more: object) -> Stood:
        return Stood(1, 1, 1, False, status, **more)  # type: ignore[arg-type]

    drawn = tile(
        "3-2",
        [
            one(Status.complete),
            one(Status.complete, absent=True),
            one(Status.complete, disposition=Disposition.cleared, presence="missing"),
            one(Status.excused),
            one(Status.no_response),
            one(Status.no_response, presence="here"),
            one(Status.unreachable),
        ],
    )
    assert (drawn.expected, drawn.in_, drawn.silent, drawn.away, drawn.missing) == (7, 2, 2, 2, 1)


def test_a_case_held_from_an_earlier_day_is_unwell_and_counted_once() -> None:
    held = Stood(1, 1, 1, False, Status.no_response, Disposition.stay_home)
    drawn = tile("3-2", [held, Stood(2, 2, 1, False, Status.complete)])
    assert (drawn.expected, drawn.in_, drawn.silent, drawn.unwell) == (2, 1, 0, 1)
