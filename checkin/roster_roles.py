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
_CLASS_TEACHER = re.compile(r"(.*\d.*班?|[一二三四五六七八九十]+.*班)的?(?:副?班主任)")
_ENGLISH = re.compile(r"(?:class|homeroom|form) ?teacher(?: of)?(?: class)? ?:? ?(\S*\d\S*)")


def roles_of(text: str) -> tuple[tuple[Role, str | None], ...]:
    """Read a role cell; several may stand in it, and a class before 班主任. Empty is none known.

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
    if found := _CLASS_TEACHER.fullmatch(part.strip()) or _ENGLISH.fullmatch(part.strip()):
        return Role.class_teacher, found[1].strip()
    if _DEPUTY.fullmatch(plain):
        return Role.deputy_lead, None
    if _SUBJECT.fullmatch(plain):
        return Role.teacher, None
    return None
