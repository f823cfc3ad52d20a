"""Which column of a roster says what: headers in Chinese and English, as schools write them."""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum

from checkin.facts import fact
from checkin.roster_cells import BadCell, Cell, column_letter, text_of


class Field(StrEnum):
    """What a column can say about somebody."""

    number = "number"
    name = "name"
    class_name = "class_name"
    grade = "grade"
    boarder = "boarder"
    dormitory = "dormitory"
    own_account = "own_account"
    phone = "phone"
    order = "order"
    relation = "relation"
    rights = "rights"
    since = "since"
    until = "until"
    separate = "separate"
    language = "language"
    role = "role"
    kind = "kind"


class Person(StrEnum):
    """About whom a column, a row or a sheet speaks."""

    student = "student"
    guardian = "guardian"
    staff = "staff"


@fact
class Column:
    """A column whose header was understood.

    Args:
        person: whom it speaks about, where the header says so.
        slot: which of several guardians in one row: "1", "2", "父亲"; "" where there is one.
        relation: what the header itself says of the guardian: 父亲, mother.
    """

    place: int
    header: str
    field: Field
    person: Person | None = None
    slot: str = ""
    relation: str | None = None

    @property
    def label(self) -> str:
        """Return how a person finds the column: "C (班级)"."""
        return f"{column_letter(self.place)} ({self.header})"


@fact
class Headers:
    """The header row of a sheet (`row` counts from 1) and what was understood of it."""

    row: int
    columns: tuple[Column, ...]
    unused: tuple[str, ...]

    @property
    def says(self) -> int:
        """Count the different things it says."""
        return len({(column.field, column.person, column.slot) for column in self.columns})


_SPELLINGS = {
    Field.number: "编号 号 number no num id code",
    Field.name: "姓名 名字 名 name fullname names",
    Field.class_name: "班级 班 班别 班级名称 所在班级 任教班级 所带班级 负责班级 管理班级 行政班 "
    "班主任班级 class classname form homeroom classes",
    Field.grade: "年级 年级名称 所在年级 级部 grade gradename year yeargroup",
    Field.boarder: "住宿 寄宿 住校 是否住宿 是否寄宿 是否住校 住宿生 寄宿生 是否住宿生 是否寄宿生 "
    "住宿情况 就读方式 boarder boarding boards isboarder residence",
    Field.dormitory: "宿舍 宿舍楼 宿舍名称 宿舍楼名称 所在宿舍 住宿楼 所住宿舍 所住宿舍楼 "
    "负责宿舍 所管宿舍 管理宿舍 负责宿舍楼 dormitory dorm dormitoryname dormname boardinghouse "
    "hostel",
    Field.own_account: "本人账号 自有账号 自己账号 有账号 账号 本人使用 ownaccount "
    "hasownaccount account ownphone",
    Field.phone: "电话 手机 手机号 手机号码 电话号码 联系电话 联系方式 联系手机 移动电话 "
    "联系号码 phone phonenumber phoneno mobile mobilephone mobilenumber mobileno cell "
    "cellphone tel telephone telephonenumber contactnumber contactphone",
    Field.order: "顺序 次序 排序 联系顺序 优先级 优先顺序 order rank priority contactorder",
    Field.relation: "关系 与学生关系 与孩子关系 与本人关系 亲属关系 称谓 relation relationship "
    "relationtostudent relationshiptostudent",
    Field.rights: "权限 权利 查看权限 填报权限 查看填报权限 使用权限 监护权限 rights right "
    "permission permissions access accessrights",
    Field.since: "开始 开始日期 起始日期 起始 起 生效日期 监护开始 监护开始日期 监护起始日期 "
    "from since start startdate startson validfrom fromdate",
    Field.until: "截止 截止日期 结束 结束日期 终止日期 到期日期 止 监护截止 监护截止日期 "
    "监护结束日期 until till to end enddate endson validuntil validto todate untildate lastday",
    Field.separate: "分开监护 分居 父母分居 是否分居 是否分开监护 离异 父母离异 是否离异 分开 "
    "监护情况 监护方式 separate separated splitcustody custody separatecustody parentsseparated",
    Field.language: "语言 语种 使用语言 language lang preferredlanguage",
    Field.role: "职务 岗位 职位 角色 职责 role roles position job jobtitle duty duties",
    Field.kind: "类别 类型 人员类别 人员类型 身份 kind type category persontype",
}
_FIELD_OF = {word: field for field, words in _SPELLINGS.items() for word in words.split()}
_WHOLE = {
    **dict.fromkeys(
        ["学号", "学籍号", "admissionnumber", "admissionno"], (Person.student, Field.number)
    ),
    **dict.fromkeys(
        ["工号", "教工号", "职工号", "教职工号", "payrollnumber"], (Person.staff, Field.number)
    ),
}
_PEOPLE = {
    Person.student: "学生 孩子 幼儿 子女 儿童 student pupil child learner",
    Person.guardian: "家长 监护人 紧急联系人 联系人 guardian parent carer contact",
    Person.staff: "教职员工 教职工 教师 老师 教工 员工 职工 staff teacher employee",
}
_PERSON_OF = {word: person for person, words in _PEOPLE.items() for word in words.split()}
_RELATIVES = frozenset({"父亲", "爸爸", "母亲", "妈妈", "爷爷", "奶奶", "外公", "外婆", "姥姥"})
_RELATIVES |= {"姥爷", "father", "mother", "grandmother", "grandfather"}
_WHO = re.compile(
    "(?:第?([一二三四1-4])|(first)|(second))?("
    + "|".join(sorted({*_PERSON_OF, *_RELATIVES}, key=len, reverse=True))
    + r")s?(?:([一二三四1-4])(?:s(?=[a-z]))?)?的?(.*?)([一二三四1-4])?"
)
_SLOTS = {"一": "1", "二": "2", "三": "3", "四": "4", "first": "1", "second": "2"}
_OF_GUARDIANS = {Field.order, Field.relation, Field.rights}
_SHEETS = {
    Person.student: ("学生", "student", "pupil"),
    Person.guardian: ("家长", "监护人", "guardian", "parent"),
    Person.staff: ("教职", "教师", "老师", "员工", "职工", "教工", "staff", "teacher", "employee"),
}


def read_headers(rows: Sequence[Sequence[Cell]], within: int = 20) -> Headers | None:
    """Find the header row: the one with most columns understood, two at least, the upper first.

    It may stand below a title. Where a row says only half of it (家长1 above, 姓名 below), both
    are read together.
    """
    best: Headers | None = None
    for place in range(min(within, len(rows))):
        above = rows[place - 1] if place else ()
        alone = _read_row(rows[place], (), place + 1)
        joined = _read_row(rows[place], above, place + 1)
        for found in (alone, joined):
            if found.says > (best.says if best else 1):
                best = found
    return best


def kind_of_sheet(name: str, columns: Sequence[Column]) -> Person:
    """Say whom a sheet is about, by its name and else by its headers.

    A sheet with names and classes of students beside their guardians is a sheet of students.
    """
    plain = _plain(name)
    named = [person for person, words in _SHEETS.items() if any(word in plain for word in words)]
    if len(named) == 1:
        return named[0]
    known = {(column.person, column.field) for column in columns}
    fields = {field for _, field in known}
    if Field.role in fields or any(person is Person.staff for person, _ in known):
        return Person.staff
    guardian_named = (Person.guardian, Field.name) in known
    student_named = (Person.student, Field.name) in known or (
        (None, Field.name) in known and (guardian_named or not fields & _OF_GUARDIANS)
    )
    return Person.student if student_named and Field.class_name in fields else Person.guardian


def kind_of_row(text: str) -> Person | None:
    """Read the `kind` cell of a row: 学生, guardian, 教职工 ..."""
    plain = _plain(text)
    return _PERSON_OF.get(plain) or _PERSON_OF.get(plain.removesuffix("s"))


def _read_row(row: Sequence[Cell], above: Sequence[Cell], number: int) -> Headers:
    columns: list[Column] = []
    unused: list[str] = []
    for place, cell in enumerate(row):
        text = _said(cell)
        over = _said(above[place]) if place < len(above) else ""
        found = (read_header(place, over + text) if over and over != text else None) or (
            read_header(place, text)
        )
        if found:
            columns.append(found)
        elif text:
            unused.append(text)
    return Headers(number, tuple(columns), tuple(unused))


def _said(cell: Cell) -> str:
    text = text_of(cell)
    return "" if isinstance(text, BadCell) else text


def read_header(place: int, header: str) -> Column | None:
    """Understand one header, or not.

    Either the whole of it, or a part beside a slash, bracket or line break: both languages at
    once, or a hint ("住宿（是/否）").
    """
    parts = [header, *re.split(r"[/|()\n:*]+", header)]
    parts += re.split(r"(?<=[^\x00-\x7f])\s*(?=[A-Za-z])", header)
    for part in parts:
        plain = _plain(part)
        if (len(plain) > 1 or part == header) and (found := _understand(place, header, plain)):
            return found
    return None


def _understand(place: int, header: str, plain: str) -> Column | None:
    if plain in _WHOLE:
        person, field = _WHOLE[plain]
        return Column(place, header, field, person)
    if plain in _FIELD_OF:
        return Column(place, header, _FIELD_OF[plain])
    if found := re.fullmatch(r"(.+)of(.+)", plain):
        plain = found[2] + found[1]
    if not (who := _WHO.fullmatch(plain)):
        return None
    rest = who[6] or "name"
    if rest not in _FIELD_OF:
        return None
    slot = next((mark for mark in (who[1], who[2], who[3], who[5], who[7]) if mark), "")
    if who[4] in _RELATIVES:
        return Column(place, header, _FIELD_OF[rest], Person.guardian, who[4], who[4])
    return Column(place, header, _FIELD_OF[rest], _PERSON_OF[who[4]], _SLOTS.get(slot, slot))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("'s", "").replace("’s", "")
    return re.sub(r"[\W_]+|信息|资料|必填|选填|required|optional", "", folded)
