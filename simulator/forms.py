"""The words of the bot, written down a second time: the oracle reads what a family reads.

They are in both languages; the names of the forms are those of the catalogues, so that a test can
say which of them has changed.
"""

import re

_FIELDS = {
    "time": r"\d\d:\d\d",
    "n": r"\d+",
    "of": r"\d+",
    "place": r"\d+",
    "accounted": r"\d+",
    "unaccounted": r"\d+",
    "cases": r"\d+",
    "percent": r"\d+%|–",
    "timely": r"\d+%|–",
    "until": r".*",
    "day": r"[A-Z][a-z]{2} \d+ [A-Z][a-z]{2}|\d+月\d+日 周.",
    "unit": r"[^（()）]+",
}

# By the key of the catalogue: in English (forms for one and for many) and in Chinese; of several
# lines the first.
FORMS: dict[str, tuple[str, ...]] = {
    # the household's card
    "card.greeting": ("Good morning. {day}", "早上好！{day}"),
    "card.day": ("{day}", "{day}"),
    "card.ask": (
        "All well this morning? One tap is enough.",
        "How is everyone this morning? One tap if all is well.",
        "今早身体都好吗？没有不舒服，点一下就行。",
    ),
    "card.ask_oneself": (
        "How are you this morning? One tap if all is well.",
        "您今早身体怎么样？没有不舒服，点一下就行。",
    ),
    "card.cleared": ("✓ {time} {names}: all clear", "✓ {time} {names}：都好"),
    "card.done_absent": (
        "✓ {time} {names}: not coming today, noted",
        "✓ {time} {names}：今天不到校，已记下",
    ),
    "card.see_nurse": (
        "{time} {names}: please see the nurse on arrival.",
        "{time} {names}：到校请先找校医看一下。",
    ),
    "card.stay_home": (
        "{time} {names}: please stay home today.",
        "{time} {names}：今天请在家休息，先不要到校。",
    ),
    "card.held_stay_home": (
        "{names}: at home until {until}, as agreed. How does it go today?",
        "{names}：在家休息到{until}。今天好些了吗？",
    ),
    "card.held_see_nurse": (
        "{names}: to the nurse first until {until}. How does it go today?",
        "{names}：到{until}为止，到校先看校医。今天好些了吗？",
    ),
    "card.answered_by": (" ({name})", "（{name}已填）"),
    "card.not_yet": ("{names}: not answered yet", "{names}：还没填"),
    "card.correction_waits": ("Your correction is with the school.", "修改已转给学校。"),
    "card.closed_late": (
        "The check-in closed at {time}. You can still answer; it counts as late.",
        "晨检已于{time}截止，现在还可以补填，会记为迟报。",
    ),
    "card.closed": (
        "This check-in is over. If someone is unwell, you can still say so.",
        "这次晨检已经结束。如果有人不舒服，仍然可以报告。",
    ),
    "card.nothing": (
        "Nothing for you to answer here now. If that is not right, please ask the class teacher.",
        "这里现在没有由您填的晨检。如有疑问，请联系班主任。",
    ),
    "question.progress": ("{place} of {of} · {who}", "{place}/{of} · {who}"),
    # after a silence
    "remind.after_outage": (
        "Sorry, for a while we could not hear anybody. If you have answered, please do it once"
        " more.",
        "抱歉，刚才有一阵子收不到消息。如果您已经填过，请再填一次。",
    ),
    "alarm.gap": (
        "⚠️ The bot heard nobody from {from} to {until}.",
        "⚠️ 从 {from} 到 {until}，机器人没有收到任何消息。",
    ),
    "alarm.purge_messages": (
        "🗑 From {on}, the bot's own notes from before {before} are deleted.",
        "🗑 {on} 起，{before} 以前的发送记录会被删除。",
    ),
    # reminders
    "remind": (
        "Still waiting for {names}. Please answer by {time}.",
        "{names}今天的晨检还没填，请在{time}前填好。",
    ),
    "remind.oneself": (
        "Still waiting for your answer. Please send it by {time}.",
        "您今天的晨检还没填，请在{time}前填好。",
    ),
    # the class card
    "class.title": ("Class {unit} · {day}", "{unit} 晨检 · {day}"),
    "class.title_dormitory": ("{unit} · {day}", "{unit} 晨检 · {day}"),
    "class.unreachable_count": ("{n} out of reach", "联系不上{n}人"),
    "class.absent_count": ("{n} not coming", "不来{n}人"),
    "class.in": ("{n} of {of} in", "应填{of}人，已填{n}人"),
    "class.unwell": ("{n} unwell", "不适{n}人"),
    "class.silent_count": ("{n} silent", "未填{n}人"),
    "class.nobody_asked_count": ("{n} not asked", "没问到{n}人"),
    "class.stay_home": ("Stay home: {names}", "在家休息：{names}"),
    "class.see_nurse": ("Nurse first: {names}", "到校先看校医：{names}"),
    "class.correction": ("Correction asked: {names}", "申请修改：{names}"),
    "class.absent": ("Not coming: {names}", "今天不来：{names}"),
    "class.silent": ("Silent: {names}", "未填：{names}"),
    "class.nobody_asked": (
        "Not asked, as the check-in did not run this morning: {names}",
        "今早的晨检没有发出，没问到：{names}",
    ),
    "class.unreachable": (
        "Not joined or out of reach: {names}",
        "家长未加入或收不到消息：{names}",
    ),
    "class.all_well": (
        "Everyone expected has answered, and all are well.",
        "应填的都填了，都好。",
    ),
    "class.closed": (
        "The check-in is closed. Late answers still show here.",
        "已截止，之后补填的也会显示在这里。",
    ),
    # word of a flag
    "flag.stay_home_until": (
        "⚠️ {time} {name} ({unit}): stays home until {until}",
        "⚠️ {time} {name}（{unit}）：在家休息到{until}",
    ),
    "flag.stay_home": (
        "⚠️ {time} {name} ({unit}): stays home today",
        "⚠️ {time} {name}（{unit}）：今天在家休息",
    ),
    "flag.see_nurse": (
        "⚠️ {time} {name} ({unit}): comes in, nurse first",
        "⚠️ {time} {name}（{unit}）：到校先看校医",
    ),
    "flag.missing": (
        "🚨 {time} {name} ({unit}): said to be coming, and not in class.",
        "🚨 {time} {name}（{unit}）：家里说来学校，人却不在班上。",
    ),
    "flag.correction": (
        "{name} ({unit}): a correction is asked for.",
        "{name}（{unit}）申请修改填报。",
    ),
    "flag.correction_was": (
        "{name} ({unit}): a correction was asked for.",
        "{name}（{unit}）申请过修改填报。",
    ),
    "flag.as_unseen": ("⏰ Nobody has confirmed this yet:", "⏰ 还没有人确认："),
    "flag.as_instead": (
        "Nobody closer to {unit} can be reached here, so it comes to you:",
        "{unit}的老师和校医都还没加入，所以先告诉您：",
    ),
    "flag.as_last_resort": (
        "Nobody of the school who should know can be reached here. Please ring them now:",
        "该知道的老师和领导都还没加入，请马上打电话转告：",
    ),
    "flag.seen": ("✓ seen by {name} {time}", "✓ {name} {time} 已看到"),
    "flag.passed_on": ("{time} passed on to the lead", "{time} 已转告校领导"),
    "flag.done_agreed": (
        "✓ {time} accepted by {by}. Now: {now}; the family sees it.",
        "✓ {time} {by}同意修改，现在是“{now}”，家长能看到。",
    ),
    "flag.done_left": (
        "{time} left as it was by {by}. Still: {now}; the family has been told.",
        "{time} {by}决定维持原来的，仍是“{now}”，已告知家长。",
    ),
    "flag.done_call": (
        "✓ {time} released by {by} after a call. Now: {now}.",
        "✓ {time} {by}打电话核实过，现在是“{now}”。",
    ),
    "flag.done_undone": (
        "↩ {time} taken back by the family: all clear after all",
        "↩ {time} 家长自己撤回，改为正常",
    ),
    "flag.done_overtaken": (
        "{time} overtaken: there is newer word",
        "{time} 又有新情况，以新的为准",
    ),
    "flag.done_found": ("✓ {time} found ({by})", "✓ {time} 找到了（{by}）"),
    "flag.left_for_family": (
        "{name}: the school has looked at your correction and leaves it as it is for now: {now}.",
        "{name}：学校看过您的修改申请，暂时维持“{now}”。",
    ),
    "flag.left_for_family_until": (
        "{name}: the school has looked at your correction and leaves it as it is for now: {now},"
        " until {until}.",
        "{name}：学校看过您的修改申请，暂时维持“{now}”，到{until}为止。",
    ),
    # the summary
    "summary.title": ("{unit} · {day}", "{unit} · {day}"),
    "summary.students": (
        "Students: {n} of {of} answered ({percent}; in time {timely})",
        "学生：应填{of}人，已填{n}人（填报率{percent}，按时{timely}）",
    ),
    "summary.staff": (
        "Staff: {n} of {of} answered ({percent}; in time {timely})",
        "教职工：应填{of}人，已填{n}人（填报率{percent}，按时{timely}）",
    ),
    "summary.no_cases": (
        "No case among the {accounted} accounted for, of {of} ({percent}).",
        "已掌握情况{accounted}人，异常0例（共{of}人，覆盖率{percent}）。",
    ),
    "summary.cases": ("{n} case: {kinds}", "{n} cases: {kinds}", "异常{n}例：{kinds}"),
    "summary.cases_stay_home": ("{n} stay home", "在家休息{n}人"),
    "summary.cases_see_nurse": ("{n} to the nurse", "先看校医{n}人"),
    "summary.cases_held": ("{n} still held from before", "之前未到期的{n}人"),
    "summary.line_stay_home": (
        "· {name} ({unit}): stay home{until}",
        "· {name}（{unit}）：在家休息{until}",
    ),
    "summary.line_see_nurse": (
        "· {name} ({unit}): to the nurse{until}",
        "· {name}（{unit}）：先看校医{until}",
    ),
    "summary.unsigned": (
        "The summary of {unit} is not signed yet. Please have a look and sign.",
        "{unit}今天的汇总还没有签名，请核对后签名。",
    ),
    "sign.yours_now": (
        "The head of school has not signed yet. The summary of {unit} is now yours to sign.",
        "校长还没有签名，{unit}的汇总现在请您签名。",
    ),
    "sign.fell": (
        "You have not signed the summary of {unit} yet, so it went to the deputy as well."
        " Either of you can sign.",
        "{unit}的汇总还没有签名，已同时转给副校长，您两位都可以签。",
    ),
    "summary.coverage": (
        "Accounted for: {accounted} of {of} ({percent})",
        "已掌握情况：{accounted}人（共{of}人，覆盖率{percent}）",
    ),
    "summary.silent_class": (
        "· {unit}: nothing known of all {n}",
        "· {unit}：全班{n}人情况不明",
    ),
    "summary.and_more": ("+ {n} more", "另{n}人"),
    "summary.out_of_reach": ("{name} (out of reach)", "{name}（联系不上）"),
    "summary.not_there": ("{name} (not there)", "{name}（未到）"),
    "summary.since": ("Since the signature: {changes}", "签名后：{changes}"),
    "since.missing": ("{n} missing", "未到校{n}人"),
    "since.new_case": ("{n} new case", "{n} new cases", "新增异常{n}例"),
    "since.raised": ("{n} case graver", "{n} cases graver", "加重{n}例"),
    "since.found": ("{n} found", "已找到{n}人"),
    "since.released": ("{n} case released", "{n} cases released", "解除异常{n}例"),
    "since.late": ("{n} answered late", "补填{n}人"),
    "since.excused": ("{n} excused", "免填{n}人"),
    "since.absent": ("{n} not coming", "不到校{n}人"),
    "since.other": ("{n} other change", "{n} other changes", "其他变动{n}项"),
    "picture.caption": ("{unit} · {day} · as of {time}", "{unit} · {day} · 截至{time}"),
    "corrected.title": ("{unit} · {day}, after your signature", "{unit} · {day}，签名后的变动"),
    "corrected.changes": ("{changes}", "{changes}"),
    "summary.absent": ("Not coming, nothing amiss reported: {n}", "不到校，未报不适：{n}人"),
    "summary.unaccounted": ("Not heard from: {n}", "情况不明：{n}人"),
    "summary.nobody_asked": (
        "{n} of them were not asked, as the check-in did not run this morning",
        "其中{n}人因今早的晨检没有发出，没问到",
    ),
    "summary.unasked_days": (
        "The check-in did not run on {days}: nobody was asked, and nobody counts as healthy.",
        "{days}的晨检没有发出，当天谁都没有问到，也没有人计为正常。",
    ),
    "summary.class_line": ("· {unit} ({n}): {names}", "· {unit}（{n}人）：{names}"),
    "summary.line": ("· {name} ({unit})", "· {name}（{unit}）"),
    "summary.more": ("… and {n} more: /class", "……还有{n}人：/class"),
    "summary.everyone": ("Nobody is unaccounted for.", "情况不明：0人，全员已落实。"),
    "summary.signed": (
        "✍️ Signed at {time} by {name}. Cases: {cases}, not heard from: {unaccounted}",
        "✍️ {time} {name} 已签名：异常{cases}例，情况不明{unaccounted}人",
    ),
    # short answers to a tap
    "toast.thanks": ("Thank you. Have a good day!", "收到，谢谢您！"),
    "toast.already_answered": ("Already answered, thank you.", "已经填过了，谢谢您。"),
    "toast.other_answered": (
        "{name} answered at {time}. Thank you.",
        "{name} {time} 已填，谢谢您。",
    ),
    "toast.card_was_old": (
        "Something has changed since. Please look again.",
        "情况有更新，请看最新的卡片。",
    ),
    "toast.correction_asked": (
        "Noted. The school will look at it first; until then the earlier answer stands.",
        "已记下。要等学校确认后才修改，在此之前以原来的为准。",
    ),
    "toast.too_late": (
        "This check-in is over, so nothing was changed. If someone is unwell, you can still say"
        " so.",
        "这次晨检已经结束，没有改动。如果有人不舒服，仍然可以报告。",
    ),
    "toast.not_yours": (
        "This button does not work for you any more. Nothing was changed.",
        "这个按钮您现在用不了，没有任何改动。",
    ),
    "toast.refreshed": ("This is how it stands now.", "已是最新情况。"),
    "toast.reasons": ("Reported: {reasons}", "填报的情况：{reasons}"),
    "toast.seen": ("Thank you. The others see that you have it.", "谢谢！其他人能看到您已接手。"),
    "toast.seen_already": ("Somebody has it already.", "已经有人接手了。"),
    "toast.let_go": (
        "Released. Everybody who was told sees it, and so does the family.",
        "已解除，收到提醒的老师和家长都能看到。",
    ),
    "toast.released": ("Correction accepted.", "已同意修改。"),
    "toast.flag_kept": ("It stays as it was.", "维持原来的，没有修改。"),
    "toast.nothing_to_release": ("This has been decided already.", "这件事已经处理过了。"),
    "toast.signed": ("Signed. Thank you.", "已签名，辛苦了！"),
    "toast.already_signed": ("This day has been signed already.", "这一天已经签过名了。"),
    "toast.picture_comes": ("The picture is on its way.", "图马上就来。"),
    "toast.not_closed_yet": (
        "Answers are still coming in. You can sign after the deadline.",
        "还在填报，截止后才能签名。",
    ),
    # buttons
    "button.all_clear": ("All clear", "All clear for all {n}", "都好"),
    "button.all_clear_both": ("All clear for both", "两个都好"),
    "button.all_clear_named": ("All clear: {names}", "{names}：都好"),
    "button.subject": ("{name}…", "{name}…"),
    "button.oneself": ("About me…", "说说我的情况"),
    "button.change": ("Change", "修改"),
    "button.done": ("Done ({n} chosen)", "选好了（{n}项）"),
    "button.none": ("None of these", "都没有"),
    "button.refresh": ("Refresh", "刷新"),
    "button.details": ("Why?", "看原因"),
    "button.call_list": ("Call list ({n})", "电话名单（{n}）"),
    "button.well_by_phone": ("All well (by phone)", "都好（电话）"),
    "button.back": ("‹ Back", "‹ 返回"),
    "button.all_here": ("✓ All here ({n})", "✓ {n}人都到了"),
    "toast.kept_by_phone": ("Kept: all well, by phone.", "已记下：电话确认，都好。"),
    "toast.all_here": ("Kept: everyone expected is here.", "已记下：应到的都到了。"),
    "button.seen": ("Seen", "已看到"),
    "button.release_because": ("Release…", "解除…"),
    "button.release_call": ("Cleared up by phone", "电话核实过"),
    "button.release": ("Accept", "同意修改"),
    "button.keep_flag": ("Leave as it is", "维持原来的"),
    "button.picture": ("Picture", "看图"),
    "button.sign_zero": ("Sign: zero cases", "签名：零报告"),
    "button.sign": ("Sign: {n} case", "Sign: {n} cases", "签名：异常{n}例"),
}

# The choices of the questionnaire, as they stand on buttons.
CHOICES: dict[str, tuple[str, ...]] = {
    "normal": ("Normal", "正常"),
    "fever": ("37.3 °C or above", "37.3℃及以上"),
    "cough": ("☐ Cough", "☐ 咳嗽"),
    "town": ("Here in town", "在本地"),
    "neither": ("Neither", "都没有"),
    "coming": ("Yes", "来"),
    "not_coming": ("Not today", "今天不来"),
}


def _pattern(form: str) -> str:
    parts = re.split(r"\{(\w+)\}", form)
    made, seen = "", set()
    for place, part in enumerate(parts):
        if place % 2 == 0:
            made += re.escape(part)
        elif part in seen:
            made += f"(?P={part})"
        else:
            seen.add(part)
            made += f"(?P<{part}>{_FIELDS.get(part, '.+?')})"
    return made


_COMPILED = {
    key: tuple(re.compile(_pattern(form) + r"\Z") for form in forms)
    for key, forms in (FORMS | CHOICES).items()
}


def says(key: str, line: str) -> dict[str, str] | None:
    """Return what a line says in this form; None when it is of another."""
    for pattern in _COMPILED[key]:
        if found := pattern.match(line):
            return found.groupdict()
    return None
