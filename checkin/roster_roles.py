"""The roles of a school as its staff list writes them."""

import re
import unicodedata

from checkin.access import Role

ROLE_WORDS = {
    Role.school_lead: "school lead",
    Role.deputy_lead: "deputy head",
    Role.grade_leader: "grade leader",
    Role.class_teacher: "class teacher",
    Role.dormitory_warden: "dormitory warden",
    Role.doctor: "doctor",
    Role.admin: "admin",
    Role.teacher: "teacher",
    Role.staff: "staff",
}
_SPELLINGS = {
    Role.school_lead: "校长 园长 校领导 负责人 学校负责人 schoollead lead headteacher principal "
    "headmaster headmistress headofschool",
    Role.deputy_lead: "副校长 副园长 deputyhead deputy vicehead",
    Role.grade_leader: "年级组长 年级主任 级长 年级长 gradeleader headofyear headofgrade yearhead "
    "gradehead",
    Role.class_teacher: "班主任 正班主任 副班主任 辅导员 classteacher homeroomteacher formteacher "
    "formtutor homeroom classlead",
    Role.dormitory_warden: "宿管 宿管员 宿管老师 宿舍管理员 生活老师 dormitorywarden warden "
    "houseparent dormwarden matron",
    Role.doctor: "校医 保健医 保健老师 保健教师 卫生老师 卫生室 医生 护士 doctor nurse "
    "schooldoctor schoolnurse healthofficer healthworker",
    Role.admin: "管理员 系统管理员 信息员 平台管理员 admin administrator systemadmin",
    Role.teacher: "教师 老师 任课教师 任课老师 科任教师 专任教师 teacher subjectteacher tutor "
    "assistantteacher teachingassistant librarian",
    Role.staff: "员工 职工 教职工 工勤 后勤 保安 门卫 食堂 厨师 保洁 司机 会计 "
    "staff employee worker guard securityguard security gateguard gatekeeper cook canteen kitchen "
    "cleaner driver caretaker accountant secretary",
}
_ROLE_OF = {word: role for role, words in _SPELLINGS.items() for word in words.split()}
_SUBJECT = re.compile(r".+(教师|老师|teacher)")
_DEPUTY = re.compile(
    r"(?:常务)?副(?:校长|园长)|(?:deputy|vice|assistant)(?:headteacher|head|principal)"
)
_GRADE = (
    r"((?:小学|初中|高中)?[零一二三四五六七八九十\d]+(?:年级|级)|(?:高|初|小|大|中)[一二三四五六\d]+(?:年级|级)?"
    r"|[小中大]班年级)"
)
_OF_A_GRADE = (
    re.compile(_GRADE + r"(?:的)?(?:年级|级部)?(?:正|副)?(?:组长|主任|级长|长|负责人)"),
    re.compile(r"(?:年级组长|年级主任|级长|年级长)(?: ?[:(-] ?| )?(.+?)\)?"),
    re.compile(r"(?:head|leader) of ((?:year|grade) ?\S+)"),
    re.compile(r"((?:year|grade) ?\d\S*) (?:head|leader|lead)"),
    re.compile(
        r"(?:grade|year) ?(?:leader|lead|head)(?: of| for)?(?: ?[:(-] ?| )"
        r"((?:year|grade)? ?\S+?)\)?"
    ),
)
_WARDEN = r"(?:宿管员|宿管老师|宿管|宿舍管理员|生活老师)"
_WARDEN_ENGLISH = r"(?:dormitory |dorm )?(?:warden|houseparent|matron)"
_OF_A_DORMITORY = (
    re.compile(_WARDEN + r"(?: ?[:(-] ?| )?(.+?)\)?"),
    re.compile(r"(.+?)的?" + _WARDEN),
    re.compile(_WARDEN_ENGLISH + r"(?:,? of| for| at)?(?: ?[:(-] ?| )(.+?)\)?"),
    re.compile(r"(.+?)'?s? " + _WARDEN_ENGLISH),
)
_EVERYWHERE = {"学生", "学校", "宿舍", "住校生", "school", "dormitory", "the dormitory"}
_CLASS_TEACHER = re.compile(r"(.*?\d.*?班?|[一二三四五六七八九十]+.*班)的?(?:副?班主任)")
_ENGLISH = re.compile(r"(?:class|homeroom|form) ?teacher(?: of)?(?: class)? ?:? ?(\S*\d\S*)")


def roles_of(text: str) -> tuple[tuple[Role, str | None], ...]:
    """Read a role cell; several may stand in it, and with each the class, grade or dormitory.

    Empty is none known.

    >>> roles_of("三(2)班班主任、校医")
    ((<Role.class_teacher: 'class_teacher'>, '三(2)班'), (<Role.doctor: 'doctor'>, None))
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: list[tuple[Role, str | None]] = []
    for part in re.split(r"[,;/+&、，；\n]+|兼|\band\b", folded):
        if not part.strip():
            continue
        role = _role_of(part)
        if role is None:
            return ()
        if role not in found:
            found.append(role)
    return tuple(found)


def _role_of(part: str) -> tuple[Role, str | None] | None:
    plain = re.sub(r"[\s_.:·-]+", "", part)
    if plain in _ROLE_OF or plain.removesuffix("s") in _ROLE_OF:
        return _ROLE_OF.get(plain) or _ROLE_OF[plain.removesuffix("s")], None
    if len(both := re.split(r"(?<=[^\x00-\x7f])\s+(?=[a-z])", part.strip())) == 2:
        # One role in both languages: 宿管 warden.
        first, second = _role_of(both[0]), _role_of(both[1])
        if first and second and first[0] is second[0]:
            return first if first[1] else second
    if found := _CLASS_TEACHER.fullmatch(part.strip()) or _ENGLISH.fullmatch(part.strip()):
        return Role.class_teacher, found[1].strip()
    if _DEPUTY.fullmatch(plain):
        return Role.deputy_lead, None
    said = " ".join(part.split())
    for role, forms in (
        (Role.grade_leader, _OF_A_GRADE),
        (Role.dormitory_warden, _OF_A_DORMITORY),
    ):
        for form in forms:
            if found := form.fullmatch(said):
                unit = found[1].strip()
                return role, None if unit in _EVERYWHERE else unit
    if _SUBJECT.fullmatch(plain):
        return Role.teacher, None
    return None
