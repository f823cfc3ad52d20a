"""The words are whole, alike in both languages, short where they must be, and all of them used."""

import ast
import re
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from bot.texts import LANGUAGES, MissingWordsError, texts
from checkin.answers import understands_all_clear
from checkin.asking import NEVER_ASKED, NOBODY_ASKED, NOT_ASKED, STOPPED, Reason
from checkin.calendar_changes import CalendarCode
from checkin.calendar_files import CalendarField
from checkin.calendars import DayKind, Recurrence
from checkin.checkins import Status, Verdict
from checkin.corrections import Change
from checkin.flags import RELEASES, Decision
from checkin.invitations import parse_claim
from checkin.pauses import Excuse, Until
from checkin.plan_files import PlanFileCode, Word
from checkin.plans import Audience
from checkin.questions import Disposition
from checkin.recurrences import parse_recurrence
from checkin.roster_cells import ProblemCode, language_of
from checkin.roster_headers import Field, kind_of_row
from checkin.roster_roles import roles_of
from checkin.steps import Action, BadSteps, StepsReason, parse_steps
from checkin.typed_dates import take_date
from checkin.understanding import Doubt, Understood
from handlers.overtaken import OVERTAKEN
from handlers.roster_files import MOST_BYTES, RosterFileCode

A_MONDAY = date(2026, 3, 2)
HOUSE = Path(__file__).parent.parent.parent
CATALOGUES = HOUSE / "bot" / "texts"
# An empty answer to a tap; the names of files.
NOT_WORDS = {"toast.silent", "roster.csv", "calendar.csv", "plan.yaml"}

# Keys that the code completes: what stands before the braces, and what may follow.
COMMANDS = (
    "start today class substitute summary setup import roster invite plan calendar why health "
    "sending "
    "when pause language stop help"
)
FAMILIES: dict[str, Iterable[str]] = {
    "act.": {
        *{*Verdict, "released", *(f"released_{why}" for why in RELEASES), "flag_kept"},
        *("excused", "not_excused", "missing", "found", OVERTAKEN),
    },
    "calendar.bad_": (*CalendarCode, "term", "day"),
    "calendar.field_": CalendarField,
    "card.": Disposition,
    "card.held_": set(Disposition) - {Disposition.cleared},
    "class.": (
        *(
            "stay_home",
            "see_nurse",
            "correction",
            "absent",
            "said",
            "not_yet",
            "silent",
            "not_asked",
            "stopped",
            "nobody_asked",
            "never_asked",
            "unreachable",
        ),
        "excused",
    ),
    "command.": COMMANDS.split(),
    "day.": DayKind,
    "day_kind.": (set(DayKind) - {DayKind.school, DayKind.weekend}) | {"clear"},
    "disposition.": Disposition,
    "doubt.": Doubt,
    "field.": Field,
    "button.release_": RELEASES,
    "flag.as_": ("unseen", "instead", "last_resort"),
    "flag.done_": Decision,
    "join.consent": ("", "_boarder", "_to_see"),
    "join.done": ("", "_boarder", "_to_see"),
    "join.role_": ("admin", "school_lead", "class_teacher", "doctor"),
    "picture.": ("answered", "cases", "unaccounted", "missing"),
    "picture.key_": ("well", "away", "silent", "unwell", "missing"),
    "plan.": (*Recurrence, *Audience),
    "plan.action_": (*Action, "second"),
    "plan.bad_": StepsReason,
    "plan.step_": (*Action, "second"),
    "plan.today_": ("stopped", "later", "counts", "now", "over"),
    "plan.file_": (*(set(Word) - {Word.plans}), *Action, "second"),
    "plan.file_bad_": PlanFileCode,
    "excuse.": {*Excuse, "family"},
    "reminded.": ("reminded_lately", "unreachable", "not_asked", "closed"),
    "until.": Until,
    "roster.": ProblemCode,
    "roster.file_": RosterFileCode,
    "since.": Change,
    "status.": Status,
    "summary.": (NOT_ASKED, STOPPED, NOBODY_ASKED, NEVER_ASKED),
    "summary.by_": ("phoned", "sighted"),
    "summary.cases_": {*Disposition, "held"} - {Disposition.cleared},
    "summary.line_": set(Disposition) - {Disposition.cleared},
    "toast.": (Verdict.correction_asked, Verdict.too_late),
    "why.because_": (NOT_ASKED, STOPPED, NOBODY_ASKED, NEVER_ASKED),
    "why.not_": Reason,
    "alarm.": ("slow_teacher", "stopped_teacher", "goes_on_teacher"),
    "sending.": ("failed", "late", "uncertain"),
    "sending.kind_": ("card", "reminder", "news"),
    "button.": (
        *("morning", "evening", "refresh"),
        *("sending_stop", "sending_stop_sure", "sending_leave", "sending_go_on"),
    ),
    "card.ask": ("", "_evening", "_night", "_morning"),
    "card.ask_oneself": ("", "_evening", "_night", "_morning"),
    "window.": ("morning", "evening"),
    "why.way_": ("open", "blocked", "retired", "unproved", "absent", "barred", "unasked"),
}
# Words that stand on buttons, in toasts and menus, or inside other words.
PLAIN = (
    "act. button. calendar.field_ command. day. day_kind. disposition. field. plan.action_ "
    "plan.step_ status. "
    "summary.cases_ summary.until summary.by_ summary.out_of_reach summary.not_there since. "
    "picture.when picture.answered picture.cases picture.unaccounted picture.missing "
    "picture.classes picture.days picture.key_ summary.and_more toast. word. "
    "reminded. until."
)
# Beside a problem of a whole row or sheet; the renderer chooses by what is known of the place.
PLACES = {"roster.where", "roster.where_row", "roster.where_sheet"}
# What a call offers to the words where the arguments go through another function first.
OFFERED = {
    "button.sign_zero": {"n"},
    "button.sign": {"n"},
    "class.stay_home": {"names", "n"},
    "toast.reminded": {"n"},
    "substitute.you": {"unit", "day"},
    "substitute.given": {"name", "unit", "day"},
    "substitute.given_not_in_chat": {"name", "unit", "day"},
    "group.line": {"n", "time"},
    "invite.class_line": {"unit", "link"},
    "leave.names": {"n"},
    "leave.sure": {"n", "names"},
    "roster.done": {"students", "guardians", "staff", "classes", "changed"},
    "roster.problems": {"n"},
    "roster.where": {"sheet", "row", "column"},
    "roster.where_row": {"sheet", "row"},
    "roster.where_sheet": {"sheet"},
    "summary.line": {"name", "unit"},
    "corrected.changes": {"changes"},
    "summary.coverage": {"accounted", "of", "percent"},
    "summary.line_see_nurse": {"name", "unit", "until"},
    "summary.line_stay_home": {"name", "unit", "until"},
    "summary.no_cases": {"accounted", "of", "percent"},
    "summary.since": {"changes"},
    "summary.staff": {"n", "of", "percent", "timely"},
    "summary.students": {"n", "of", "percent", "timely"},
    "why.title": {"name", "unit"},
    "calendar.title": {"days"},
}


# ---- what the code says --------------------------------------------------------------------


@cache
def trees() -> tuple[ast.Module, ...]:
    floors = [HOUSE / "bot", HOUSE / "handlers", HOUSE / "web"]
    paths = [path for floor in floors for path in sorted(floor.rglob("*.py"))]
    return tuple(ast.parse(path.read_text()) for path in [*paths, HOUSE / "scheduler.py"])


def nodes() -> Iterator[ast.AST]:
    for tree in trees():
        yield from ast.walk(tree)


@cache
def sections() -> frozenset[str]:
    """The words before the first dot of a key: card, button, toast."""
    return frozenset(key.partition(".")[0] for key in texts("en").words if "." in key)


def is_key(said: str) -> bool:
    found = re.fullmatch(r"([a-z]+)\.[a-z_]*[a-z]", said)
    return found is not None and found[1] in sections() and said not in NOT_WORDS


def keys_of(node: ast.AST | None) -> list[str]:
    """The keys that an expression stands for: a string, a family, or one of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return keys_of(node.body) + keys_of(node.orelse)
    if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        before = str(node.values[0].value)
        return [f"{before}{one}" for one in FAMILIES.get(before, ())]
    return []


def called(call: ast.Call) -> tuple[ast.AST | None, bool]:
    """The argument of a call that is a key, and whether the call is one that says words."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    place = {"texts": 0, "plain": 0, "words": 0, "say": 2, "tell": 2, "toast": 2}.get(name)
    if place is None or len(call.args) <= place:
        return None, False
    return call.args[place], True


@cache
def used() -> frozenset[str]:
    found = {f"{before}{one}" for before, members in FAMILIES.items() for one in members} | PLACES
    for node in nodes():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_key(node.value):
            found.add(node.value)
        if isinstance(node, ast.Call):
            key, says = called(node)
            found |= {each for each in keys_of(key) if says}
    return frozenset(found - NOT_WORDS - {"zh", "en"})


def offers() -> Iterator[tuple[str, set[str]]]:
    """Each key with the names that one place in the code offers to fill it with."""
    for node in nodes():
        if isinstance(node, ast.Call):
            key, says = called(node)
            names = {keyword.arg or "**" for keyword in node.keywords}
            if says and "**" not in names:
                yield from ((each, names - {"alert"}) for each in keys_of(key))
        elif isinstance(node, ast.List | ast.Tuple) and len(node.elts) == 2:
            # A line of a longer message: ["setup.roster", {"n": 240}].
            key, params = node.elts
            if isinstance(params, ast.Dict) and None not in params.keys:
                names = {one for each in params.keys for one in keys_of(each)}
                yield from ((each, set(names)) for each in keys_of(key) if is_key(each))


def described(codes: type) -> dict[str, set[str]]:
    """What the docstring of an enumeration says of each code's arguments, in braces."""
    found: dict[str, set[str]] = {}
    for line in (codes.__doc__ or "").splitlines():
        if named := re.fullmatch(r"\s+([a-z_, ]+): (.*)", line):
            for code in named[1].split(", "):
                found[code] = set(re.findall(r"\{(\w+)\}", named[2]))
    return found


# ---- what the catalogues say ---------------------------------------------------------------


@cache
def plural_keys(language: str) -> dict[str, int]:
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    return {
        message.id[0]: len(message.string or ())
        for message in catalogue
        if message.id and message.pluralizable
    }


def every_form() -> Iterator[tuple[str, str, str]]:
    for language in LANGUAGES:
        for key, forms in texts(language).words.items():
            yield from ((language, key, form) for form in forms)


def placeholders(form: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(form) if name is not None}


def needed(language: str, key: str) -> set[str]:
    return {name for form in texts(language).words[key] for name in placeholders(form)}


def bare(form: str) -> str:
    return re.sub(r"\{\w+\}", "", form)


def is_plain(key: str) -> bool:
    return key.startswith(tuple(PLAIN.split()))


def examples(command: str) -> Iterator[str]:
    """What the words show to be typed behind a command."""
    for _, _, form in every_form():
        yield from re.findall(rf"<code>/{command} (.*?)</code>", form)


# ---- whole ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_the_code_says_has_words(language: str) -> None:
    assert sorted(used() - texts(language).words.keys()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_words_are_kept_that_nobody_says(language: str) -> None:
    assert sorted(texts(language).words.keys() - used()) == []


def test_every_key_that_the_code_completes_is_of_a_known_family() -> None:
    unknown = set()
    for node in nodes():
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
            before = str(node.values[0].value)
            if re.fullmatch(r"[a-z]+\.[a-z_]*", before) and before.partition(".")[0] in sections():
                unknown |= {before} - FAMILIES.keys()
    assert sorted(unknown) == []


def test_no_words_are_empty() -> None:
    assert [(language, key) for language, key, form in every_form() if not form.strip()] == []


def test_a_key_stands_once_in_a_catalogue() -> None:
    for language in LANGUAGES:
        keys = re.findall(r'^msgid "(.+)"$', (CATALOGUES / f"{language}.po").read_text(), re.M)
        assert sorted({key for key in keys if keys.count(key) > 1}) == []


def test_plurals_are_complete() -> None:
    assert set(plural_keys("en").values()) == {2}
    assert set(plural_keys("zh").values()) == {1}
    assert plural_keys("en").keys() == plural_keys("zh").keys()


def test_a_count_chooses_the_form() -> None:
    assert texts("en").plain("button.sign", n=1) == "Sign: 1 case"
    assert texts("en").plain("button.sign", n=2) == "Sign: 2 cases"
    assert texts("zh").plain("button.sign", n=2) == "签名：异常2例"


# ---- what goes into them -------------------------------------------------------------------


def test_both_languages_say_the_same_things() -> None:
    for key in texts("en").words:
        apart = needed("en", key) ^ needed("zh", key)
        # A language that needs no number in one of its forms may leave it out.
        assert apart <= ({"n"} if key in plural_keys("en") else set()), key


def test_words_ask_for_no_more_than_the_code_gives() -> None:
    known = [(key, names) for key, names in offers() if key not in OFFERED]
    known += OFFERED.items()
    for codes, before in (
        (ProblemCode, "roster."),
        (RosterFileCode, "roster.file_"),
        (StepsReason, "plan.bad_"),
        (CalendarCode, "calendar.bad_"),
    ):
        said = described(codes)
        assert said.keys() == {code.value for code in codes}
        known += [(f"{before}{code}", names) for code, names in said.items()]
    for key, offered in known:
        for language in LANGUAGES:
            if key in texts(language).words:
                assert needed(language, key) <= offered, (language, key)


def test_doubts_ask_for_numbers_that_are_always_there() -> None:
    for doubt in Doubt:
        always = {"longest"} if doubt is Doubt.too_long else set()
        assert needed("en", f"doubt.{doubt}") == always


def test_a_name_is_never_read_as_html() -> None:
    said = texts("en")("card.cleared", time="07:01", names="<b>Ana & Ben")
    assert said == "✓ 07:01 &lt;b&gt;Ana &amp; Ben: all clear"
    assert texts("en").plain("button.subject", name="<b>Ana & Ben") == "<b>Ana & Ben…"


def test_a_language_that_we_do_not_speak_is_english() -> None:
    assert texts("fr").language == texts(None).language == "en"


def test_a_key_without_words_is_an_error() -> None:
    with pytest.raises(MissingWordsError):
        texts("zh")("card.unheard_of")


# ---- their shape ---------------------------------------------------------------------------


class Balance(HTMLParser):
    """Reads Telegram's small HTML and notes what is not of it."""

    def __init__(self, form: str) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(form)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag not in {"b", "i", "code", "a"} or (attrs and tag != "a"):
            self.wrong.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if set(data) & set("<>&"):
            self.wrong.append(data)

    def handle_entityref(self, name: str) -> None:
        if name not in {"lt", "gt", "amp"}:
            self.wrong.append(name)


def test_html_is_balanced_and_of_telegrams_small_kind() -> None:
    for language, key, form in every_form():
        read = Balance(form)
        assert not read.wrong, (language, key)
        assert not read.open, (language, key)


def test_buttons_toasts_and_small_words_are_plain() -> None:
    for language, key, form in every_form():
        if is_plain(key):
            assert not set(form) & set("<>&\n"), (language, key)


def test_buttons_are_short() -> None:
    for language, key, form in every_form():
        if key.startswith("button."):
            assert len(bare(form)) <= {"en": 24, "zh": 12}[language], key


def test_toasts_fit_with_room_for_what_goes_in() -> None:
    for _, key, form in every_form():
        if key.startswith("toast."):
            assert len(bare(form)) <= 100, key


def test_menu_lines_are_short() -> None:
    for _, key, form in every_form():
        if key.startswith("command."):
            assert len(form) <= 60, key


def test_what_goes_with_a_document_fits_a_caption() -> None:
    assert all(len(form) <= 1024 for _, key, form in every_form() if key == "roster.how")


# ---- what they promise ---------------------------------------------------------------------


def test_zero_is_never_said_without_those_it_covers() -> None:
    for language in LANGUAGES:
        assert needed(language, "summary.no_cases") == {"accounted", "of", "percent"}


def test_what_joining_refuses_says_nothing_about_what_was_wrong() -> None:
    for key in ("join.bad_link", "join.no_match", "join.no_match_oneself", "join.wait"):
        assert needed("en", key) == needed("zh", key) == set()


def test_the_size_of_a_file_is_said_as_it_is() -> None:
    for language in LANGUAGES:
        assert f" {MOST_BYTES // 2**20} MB" in texts(language)("roster.file_too_big")


def test_the_ladders_shown_are_understood() -> None:
    shown = {
        re.sub(r"^(students|staff|学生|教职工) ", "", example) for example in examples("plan")
    }
    rhythms = {example for example in shown if parse_recurrence(example)}
    assert len(rhythms) >= 5
    ladders = shown - rhythms
    assert len(ladders) >= 3
    assert [ladder for ladder in ladders if isinstance(parse_steps(ladder), BadSteps)] == []


def test_the_claims_shown_are_understood() -> None:
    for key in ("join.which_child", "join.claim_form"):
        for language in LANGUAGES:
            [claim] = re.findall(r"<code>(.*?)</code>", texts(language)(key, unit="3-2"))
            assert parse_claim(claim), claim


def test_the_settings_shown_are_understood() -> None:
    words = {example.partition(" ")[0] for example in examples("setup")}
    assert words == {"name", "zone", "校名", "时区"}


def test_the_dates_shown_are_understood() -> None:
    for key in ("doubt.not_a_date", "doubt.which_date", "doubt.which_year"):
        for _, of, form in every_form():
            if of == key:
                [shown] = re.findall(r"2 March(?: \d{4})?|(?:\d{4}年)?3月2日", form)
                assert take_date(shown.lower(), None) is not None
                assert isinstance(take_date(shown.lower(), A_MONDAY), Understood), shown


def test_all_clear_as_help_says_it_is_understood() -> None:
    for _, key, form in every_form():
        if key == "help.card":
            [said] = re.findall(r"“(.*?)”", form)
            assert understands_all_clear(said)


def test_what_a_roster_is_told_to_hold_is_understood() -> None:
    for language, ask, understood in (
        ("en", "roster.role_unknown", roles_of),
        ("zh", "roster.role_unknown", roles_of),
        ("en", "roster.kind_unknown", kind_of_row),
        ("zh", "roster.kind_unknown", kind_of_row),
        ("en", "roster.language_unknown", language_of),
        ("zh", "roster.language_unknown", language_of),
    ):
        words = texts(language)(ask, value="?").split("Please enter ")[-1].split("请填")[-1]
        asked = re.split(r", or leave|，或者留空", words)[0].strip(" .。")
        for word in re.split(r", | or |、|或", asked):
            assert isinstance(understood(word.strip("“”")), str | tuple), word
            assert understood(word.strip("“”")), word
