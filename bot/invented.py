"""A school that does not exist, for the demo, the simulator and the tests.

Everybody in it is invented, and nobody can be called: the numbers beginning with 100 are no
Chinese mobile numbers, and those beginning with +447700900 are kept for fiction. The same seed
always makes the same school.
"""

import random
from dataclasses import replace

from checkin.access import Role
from checkin.facts import fact
from checkin.rosters import (
    GuardianOf,
    Roster,
    RosterGuardian,
    RosterStaff,
    RosterStudent,
)

SCHOOL_NAME = "青禾小学 / Green Shoots School"
DORMITORY = "枫园 Maple House"
BOARDERS = 12  # who live in the dormitory
THIS_YEAR = 2026  # the first year entered school in it; student numbers begin with the year

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓冯"
_YOUNG = (
    "子雨浩欣宇梓思俊诗博若天可明语嘉佳志晓泽心梦昊雅承安知书",
    "涵桐然怡轩萱远杰曦佑馨嫣晨妍瑶航悦琪禾云",
)
_GROWN = ("建秀海国桂玉春晓丽金永文", "英燕强兰芳军梅平华明霞刚玲峰红")
_ABROAD = (
    "Okafor Haddad Novak Silva Kim Sharma Larsen Tanaka Moreau Costa "
    "Petrov Mensah Ortiz Bianchi Nguyen Rahman Keller Dlamini Lopes Yilmaz"
)
_ABROAD_GIVEN = (
    "Grace Samuel Ngozi Leila Omar Noor Petra Jan Eva Lucia Pedro Rafael Minji Jihoon Priya Arjun "
    "Anika Ingrid Erik Astrid Yui Haruto Camille Hugo Irina Kofi Elena Marco Linh Amina Clara "
    "Thabo Ines Deniz Sofia Mateo"
)


@fact
class Personas:
    """The people of the demo, by what they show."""

    guardian_of_two: RosterGuardian
    second_guardian: RosterGuardian
    guardian_of_silent_child: RosterGuardian
    silent_child: RosterStudent
    student_with_own_account: RosterStudent
    class_teacher: RosterStaff
    school_lead: RosterStaff
    admin: RosterStaff
    doctor: RosterStaff
    deputy: RosterStaff
    warden: RosterStaff


def personas(roster: Roster) -> Personas:
    """Find the people of the demo in the invented school."""
    guardians = {guardian.name: guardian for guardian in roster.guardians}
    staff = {person.name: person for person in roster.staff}
    students = {student.name: student for student in roster.students}
    return Personas(
        guardian_of_two=guardians["Maria Lima"],
        second_guardian=guardians["Carlos Lima"],
        guardian_of_silent_child=guardians["周敏"],
        silent_child=students["周子昂"],
        student_with_own_account=students["沈知秋"],
        class_teacher=staff["王伟"],
        school_lead=staff["林岚"],
        admin=staff["顾小满"],
        doctor=staff["许静"],
        deputy=staff["方青"],
        warden=staff["宋桂芳"],
    )


def class_names(classes: int) -> list[str]:
    """Name the classes readably in both languages: 3-2 is the second class of grade 3.

    Few classes are spread over the grades 1, 3 and 5, so that there are small and large children.
    """
    grades = (1, 3, 5) if classes <= 6 else (1, 2, 3, 4, 5, 6)
    each = -(-classes // len(grades))
    return [f"{grades[place // each]}-{place % each + 1}" for place in range(classes)]


def invented_school(
    seed: int = 2026, students: int = 240, classes: int = 6, staff: int = 25
) -> Roster:
    """Invent a school: siblings, boarders, two guardians for most, some without a telephone.

    Raises:
        ValueError: It is too small for the people of the demo.
    """
    if classes < 4 or students < 4 * classes or staff < classes + 5:
        raise ValueError("An invented school has 4 classes, 4 students in each, and their staff.")
    chance = random.Random(seed)  # noqa: S311 - nothing secret is drawn
    names = class_names(classes)
    people = _People(chance)
    children, guardians = _families(people, chance, names, students)
    children = _housed(children)
    children.sort(key=lambda child: (names.index(child.class_name), child.number))
    return Roster(
        tuple(children),
        tuple(guardians),
        _staff(people, names, staff, housed=any(child.dormitory for child in children)),
        tuple(names),
    )


class _People:
    """Names and telephone numbers, none twice."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._taken: set[str] = set()
        self._phones = 0

    def name(self, surname: str, *, grown: bool = False) -> str:
        """Give a name that nobody has yet; a second given name helps when all are taken."""
        abroad = surname.isascii()
        for attempt in range(1000):
            if abroad:
                given = [
                    self._chance.choice(_ABROAD_GIVEN.split()) for _ in range(1 + attempt // 40)
                ]
                name = " ".join([*given, surname])
            else:
                name = surname + "".join(map(self._chance.choice, _GROWN if grown else _YOUNG))
            if name not in self._taken:
                self._taken.add(name)
                return name
        raise ValueError("There are not so many names.")

    def keep(self, *names: str) -> None:
        """Keep names for the people of the demo."""
        self._taken.update(names)

    def phone(self, *, abroad: bool = False) -> str:
        """Give a number that nobody can have."""
        self._phones += 1
        if abroad and self._phones < 1000:
            return f"+447700900{self._phones:03}"
        return f"100{self._phones:08}"


def _families(
    people: _People, chance: random.Random, names: list[str], students: int
) -> tuple[list[RosterStudent], list[RosterGuardian]]:
    seats = _seats(chance, names, students)
    small, middle = names[0], names[len(names) // 2 + len(names) % 2]
    middle = "3-2" if "3-2" in names else middle
    people.keep("王子涵", "周子昂", "周敏", "沈知秋", "沈立", "王伟", "林岚", "顾小满", "许静")
    people.keep("方青", "宋桂芳", "Mia Keller", "Ruth Adler", "Paul Keller")

    def take(class_name: str) -> str:
        return seats[class_name].pop()

    ana = RosterStudent(take(middle), "Ana Lima", middle, _grade(middle))
    ben = RosterStudent(take(small), "Ben Lima", small, _grade(small))
    silent = RosterStudent(take(middle), "周子昂", middle, _grade(middle))
    last = names[-1]
    own = RosterStudent(take(last), "沈知秋", last, _grade(last), boarder=True, own_account=True)
    second = names[1]
    namesakes = [
        RosterStudent(take(second), "王子涵", second, _grade(second)) for _ in range(2)
    ]  # told apart by their numbers alone
    mia = RosterStudent(take(small), "Mia Keller", small, _grade(small))
    limas = (ana.number, ben.number)
    children = [ana, ben, silent, own, *namesakes, mia]
    guardians = [
        RosterGuardian("Maria Lima", people.phone(abroad=True), _of(limas, 1, "mother"), "en"),
        RosterGuardian("Carlos Lima", people.phone(abroad=True), _of(limas, 2, "father"), "en"),
        RosterGuardian("周敏", people.phone(), _of((silent.number,), 1, "母亲"), "zh"),
        RosterGuardian("沈立", people.phone(), _of((own.number,), 1, "父亲"), "zh"),
        *(
            RosterGuardian(
                people.name(surname, grown=True),
                people.phone(),
                _of((child.number,), 1, relation),
                "zh",
            )
            for child, surname, relation in zip(
                namesakes, ("王", "孙"), ("父亲", "母亲"), strict=True
            )
        ),
    ]
    while any(seats.values()):
        new, theirs = _family(people, chance, seats, oldest=last)
        children += new
        guardians += theirs
    guardians += [  # two who live apart: neither is shown what the other says
        RosterGuardian(name, people.phone(), (of,), "en")
        for name, of in (
            ("Ruth Adler", GuardianOf(mia.number, 1, "mother", separate=True)),
            ("Paul Keller", GuardianOf(mia.number, 2, "father", separate=True)),
        )
    ]
    return children, guardians


def _housed(children: list[RosterStudent]) -> list[RosterStudent]:
    """Let a dozen boarders live in the dormitory; who answers for themself goes on doing so."""
    boarders = [child.number for child in children if child.boarder and not child.own_account]
    housed = set(boarders[:BOARDERS])
    return [
        replace(child, dormitory=DORMITORY) if child.number in housed else child
        for child in children
    ]


def _seats(chance: random.Random, names: list[str], students: int) -> dict[str, list[str]]:
    """Number every seat: year of entry, place of the class, seat in it. 20240217 is one."""
    seats = {}
    for place, name in enumerate(names):
        size = students // len(names) + (place < students % len(names))
        entered = THIS_YEAR + 1 - int(_grade(name))
        seats[name] = [f"{entered}{place + 1:02}{seat:02}" for seat in range(1, size + 1)]
        chance.shuffle(seats[name])
    return seats


def _grade(class_name: str) -> str:
    return class_name.partition("-")[0]


def _of(numbers: tuple[str, ...], order: int, relation: str) -> tuple[GuardianOf, ...]:
    return tuple(GuardianOf(number, order, relation) for number in numbers)


def _family(
    people: _People, chance: random.Random, seats: dict[str, list[str]], *, oldest: str
) -> tuple[list[RosterStudent], list[RosterGuardian]]:
    """Make one family: one child or two in different classes, one guardian or two."""
    open_classes = [name for name, free in seats.items() if free]
    wanted = 2 if chance.random() < 0.12 else 1
    chosen = chance.sample(open_classes, min(wanted, len(open_classes)))
    abroad = chance.random() < 0.15
    surname = chance.choice(_ABROAD.split() if abroad else _SURNAMES)
    boards = chance.random() < 0.1
    children = [
        RosterStudent(
            number=seats[name].pop(),
            name=people.name(surname),
            class_name=name,
            grade_name=_grade(name),
            boarder=boards,
            own_account=name == oldest and chance.random() < 0.03,
        )
        for name in chosen
    ]
    numbers = tuple(child.number for child in children)
    language = "en" if abroad else "zh"
    relations: tuple[str, ...] = ("mother", "father") if abroad else ("母亲", "父亲")
    if not abroad and chance.random() < 0.08:
        relations = ("奶奶",)
    elif chance.random() < 0.3:
        relations = (chance.choice(relations),)
    guardians = []
    for order, relation in enumerate(relations, 1):
        # A Chinese mother and grandmother keep the surname of their own family.
        theirs = chance.choice(_SURNAMES) if relation in {"母亲", "奶奶"} else surname
        name = people.name(theirs, grown=True)
        phone = None if chance.random() < 0.03 else people.phone(abroad=abroad)
        guardians.append(RosterGuardian(name, phone, _of(numbers, order, relation), language))
    return children, guardians


def _staff(
    people: _People, names: list[str], count: int, *, housed: bool
) -> tuple[RosterStaff, ...]:
    """Make the leads, the doctor, an admin, a warden, a teacher for each class, and the others.

    The teacher of the first class leads the grade.
    """
    middle = "3-2" if "3-2" in names else names[len(names) // 2 + len(names) % 2]
    made: list[RosterStaff] = []

    def add(name: str, *roles: tuple[Role, str | None]) -> None:
        made.append(RosterStaff(f"T{len(made) + 1:03}", name, people.phone(), roles))

    add("林岚", (Role.school_lead, None))
    add("许静", (Role.doctor, None))
    add("顾小满", (Role.admin, None))
    for name in names:
        invented = "王伟" if name == middle else _grown(people, len(made))
        leads = [(Role.grade_leader, _grade(name))] if name.endswith("-1") else []
        add(invented, (Role.class_teacher, name), *leads, (Role.teacher, None))
    add("方青", (Role.deputy_lead, None))
    add("宋桂芳", (Role.dormitory_warden, DORMITORY) if housed else (Role.staff, None))
    while len(made) < count:
        others = count - len(made) <= max(1, (count - len(names)) // 4)
        add(_grown(people, len(made)), (Role.staff if others else Role.teacher, None))
    return tuple(made)


def _grown(people: _People, place: int) -> str:
    pool = _ABROAD.split() if place % 7 == 5 else _SURNAMES
    return people.name(pool[place % len(pool)], grown=True)
