// What the page itself says, in two languages. The bot's own words come from the bot.

const words = {
  en: {
    title: "Allclear rehearsal",
    rehearsal: "rehearsal",
    people: "People",
    noTalk: "No messages yet",
    find: "Find a person",
    nobodyFound: "Nobody by that name.",
    everyoneElse: "Everyone else ({n})",
    addPerson: "Add a person",
    addPersonWhy: "A new phone on the table. They do not know the bot yet.",
    name: "Name",
    theirLanguage: "Language",
    add: "Add",
    cancel: "Cancel",
    ok: "OK",
    send: "Send",
    close: "Close",
    back: "Back to the people",
    menu: "Menu",
    otherLanguage: "中文",
    otherLanguageLabel: "切换到中文",
    hintTitle: "This is a local rehearsal",
    hintText: "Everything stays on this computer. Nobody real is written to.",
    hintPick: "Pick a person: you now hold their phone",
    hintTap: "Tap the buttons, or type an answer",
    hintClock: "Press Next to move the clock through the morning",
    gotIt: "Got it",
    youAre: "You are",
    guideTitle: "A guided morning",
    lookAround: "I'll look around by myself",
    guideBegin: "Show me a morning",
    guideMe: "Guide me",
    guideNext: "Next",
    guideBusy: "One moment…",
    guideEnd: "Done",
    guideClose: "Close the guide",
    newsPeople: ["{n} person written to", "{n} people written to"],
    newsTaps: ["{n} tap", "{n} taps"],
    newsRefused: ["{n} out of reach", "{n} out of reach"],
    newsNone: "Nothing has happened yet",
    newsColon: ": ",
    newsAll: "What has happened today",
    pickTitle: "Whose phone do you pick up?",
    pickText: "Choose somebody on the left. You will see what they see and answer for them.",
    noPeopleTitle: "Nobody is here yet",
    noPeopleText: "Add a person, or let a demo fill the school with people.",
    noBotTitle: "No bot has come yet",
    noBotText: "Point a bot at this address and it will show up here by itself:",
    notStarted: "{name} has not written to this bot yet.",
    notStartedText: "A bot may not write first. Press Start to open the chat.",
    start: "Start",
    write: "Message",
    commands: "Commands",
    noCommands: "This bot has no command like that.",
    attach: "Send a file",
    dropHere: "Drop the file to send it",
    caption: "Caption (may be empty)",
    asFile: "Send as a file, not as a photo",
    sendFileTitle: "Send this?",
    newMessages: ["1 new message", "{n} new messages"],
    unreadFrom: "New",
    edited: "edited {time}",
    you: "You",
    photo: "Photo",
    document: "File",
    openPhoto: "Open the photo",
    download: "Download",
    tapToCopy: "Tap to copy",
    copied: "Copied",
    noAnswer: "The bot has not answered this tap yet.",
    block: "Block the bot",
    unblock: "Unblock the bot",
    blockedText: "{name} has blocked this bot. It cannot reach them.",
    copyPlace: "Copy a link to this chat",
    talksTo: "Chat with {bot}",
    whichBot: "Which bot",
    whoOpens: "Who opens this link?",
    whoOpensText: "It opens the chat with {bot}.",
    somebodyNew: "Somebody new",
    somebodyNewText: "A phone that has not seen this bot yet",
    unknownBot: "That link is for a bot that is not here.",
    lost: "The rehearsal has stopped. Waiting for it to come back…",
    unreachable: "The sandbox does not answer. Is it still running?",
    schoolClock: "School clock",
    steps: "Steps of the day",
    next: "Next: ",
    talking: "The school is talking…",
    dayDone: "Day done",
    nextMorning: "Next morning",
    moveClock: "Move the clock",
    plus5: "5 minutes later",
    plus60: "1 hour later",
    playDay: "Play the day by itself",
    pauseDay: "Pause",
    jumpTo: "Go to {label}, {time}",
    done: "done",
    unread: "{n} unread",
    openedCopied: "Link copied",
    language_en: "English",
    language_zh: "中文",
  },
  zh: {
    title: "Allclear 晨检排练",
    rehearsal: "排练",
    people: "人物",
    noTalk: "还没聊过",
    find: "找人",
    nobodyFound: "没有叫这个名字的人。",
    everyoneElse: "其他人（{n}）",
    addPerson: "加一个人",
    addPersonWhy: "桌上多一部手机。这个人还没用过机器人。",
    name: "名字",
    theirLanguage: "用哪种语言",
    add: "加进来",
    cancel: "取消",
    ok: "好",
    send: "发送",
    close: "关闭",
    back: "回到人物列表",
    menu: "菜单",
    otherLanguage: "EN",
    otherLanguageLabel: "Switch to English",
    hintTitle: "放心，这里只是排练",
    hintText: "消息都留在这台电脑上，不会发给任何真人。",
    hintPick: "选一个人，等于拿起 TA 的手机",
    hintTap: "点按钮，打字也行",
    hintClock: "点「下一步」拨钟，看完一个早上",
    gotIt: "知道了",
    youAre: "你是",
    guideTitle: "跟着看一个早上",
    lookAround: "我自己逛逛",
    guideBegin: "带我看一个早上",
    guideMe: "带我看",
    guideNext: "下一步",
    guideBusy: "稍等…",
    guideEnd: "看完了",
    guideClose: "不看了",
    newsPeople: ["发给 {n} 人", "发给 {n} 人"],
    newsTaps: ["点了 {n} 下", "点了 {n} 下"],
    newsRefused: ["{n} 人联系不上", "{n} 人联系不上"],
    newsNone: "还没有动静",
    newsColon: "：",
    newsAll: "今天发生了什么",
    pickTitle: "先拿起谁的手机？",
    pickText: "从左边选一个人，看 TA 收到什么，替 TA 回一句。",
    noPeopleTitle: "这里还没有人",
    noPeopleText: "可以自己加一个，也可以让演示程序把全校的人请来。",
    noBotTitle: "机器人还没来",
    noBotText: "让机器人连到这个地址，它自己就会出现：",
    notStarted: "{name}还没找过这个机器人。",
    notStartedText: "机器人不能先开口。点「开始」，聊天就通了。",
    start: "开始",
    write: "说点什么",
    commands: "命令",
    noCommands: "没有这样的命令。",
    attach: "发文件",
    dropHere: "松手就发",
    caption: "配一句话（可以不写）",
    asFile: "按文件发，不压成照片",
    sendFileTitle: "发这个？",
    newMessages: ["1 条新消息", "{n} 条新消息"],
    unreadFrom: "以下是新消息",
    edited: "{time} 改过",
    you: "我",
    photo: "照片",
    document: "文件",
    openPhoto: "看大图",
    download: "下载",
    tapToCopy: "点一下就复制",
    copied: "复制好了",
    noAnswer: "机器人还没回应，再等等。",
    block: "拉黑机器人",
    unblock: "取消拉黑",
    blockedText: "{name}拉黑了机器人，现在什么也收不到。",
    copyPlace: "复制这个聊天的链接",
    talksTo: "和「{bot}」聊天",
    whichBot: "哪个机器人",
    whoOpens: "谁来点这个链接？",
    whoOpensText: "点开就进入和「{bot}」的聊天。",
    somebodyNew: "新来的人",
    somebodyNewText: "拿一部还没用过机器人的手机",
    unknownBot: "链接里的机器人不在这儿。",
    lost: "排练停了，等它回来……",
    unreachable: "沙盒没有回应，看看它是不是还开着。",
    schoolClock: "学校时间",
    steps: "今天的安排",
    next: "下一步：",
    talking: "大家正在收发消息…",
    dayDone: "今天忙完了",
    nextMorning: "到明早",
    moveClock: "拨钟",
    plus5: "快进 5 分钟",
    plus60: "快进 1 小时",
    playDay: "自动走完这一天",
    pauseDay: "停一停",
    jumpTo: "跳到{label}，{time}",
    done: "已过",
    unread: "{n} 条未读",
    openedCopied: "链接复制好了",
    language_en: "English",
    language_zh: "中文",
  },
};

let language = "en";

export const languageNow = () => language;

/** Takes ?lang= first, then what was chosen before, then the browser's own language. */
export function chooseLanguage(asked) {
  const kept = remembered("language");
  const browser = (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
  setLanguage(words[asked] ? asked : words[kept] ? kept : browser);
  if (words[asked]) remember("language", asked);
}

export function setLanguage(chosen) {
  language = chosen;
  document.documentElement.lang = chosen === "zh" ? "zh-Hans" : "en";
}

/** One sentence of the page; a pair is [one, many] and is chosen by `n`. */
export function t(key, values = {}) {
  let text = words[language][key] ?? key;
  if (Array.isArray(text)) text = text[values.n === 1 ? 0 : 1];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** A label that comes in both languages, or as one plain string. */
export function pick(label) {
  if (!label) return "";
  if (typeof label === "string") return label;
  return label[language] || label.en || label.zh || "";
}

// Private windows may refuse localStorage; the page then simply forgets.
export function remember(key, value) {
  try {
    localStorage.setItem(`allclear.${key}`, value);
  } catch {
    /* nothing to do */
  }
}

export function remembered(key) {
  try {
    return localStorage.getItem(`allclear.${key}`);
  } catch {
    return null;
  }
}
