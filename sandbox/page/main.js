// Puts the page together: what is known, where we are, and who is told about a change.

import * as api from "./api.js";
import { avatar } from "./avatar.js";
import { chatView } from "./chat.js";
import { clockView } from "./clock.js";
import { composer } from "./composer.js";
import { byId, copyText, fill, h, narrow } from "./dom.js";
import { guideView } from "./guide.js";
import { icon } from "./icons.js";
import { keepLive } from "./live.js";
import { newsView } from "./news.js";
import { menu, toast } from "./overlay.js";
import { about, isBlocked, peopleView, unreadOf } from "./people.js";
import { askWho, whoOpens } from "./who.js";
import { chooseLanguage, languageNow, remember, remembered, setLanguage, t } from "./words.js";

const state = { bots: [], users: [], bot: null, user: null, version: null, empty: true };

/** Does something for the person and says in a toast why it did not work. */
async function trying(act) {
  try {
    return await act();
  } catch (error) {
    if (error instanceof api.Refused) toast(error.message, "bad");
    else if (error instanceof api.Unreachable) toast(t("unreachable"), "bad");
    else throw error;
    return false;
  }
}

/** Many events, few requests: one at a time, and once more if asked for meanwhile. */
function gathered(act) {
  let running = null;
  let again = false;
  return async function run() {
    if (running) {
      again = true;
      return running;
    }
    running = act();
    try {
      await running;
    } catch (error) {
      // The live connection notices by itself that the server is away.
      if (!(error instanceof api.Unreachable || error instanceof api.Refused)) throw error;
    } finally {
      running = null;
    }
    if (again) {
      again = false;
      run(); // not waited for: while a school talks there is always one more
    }
  };
}

// ---- the parts ----

const clock = clockView({
  onMove: (change) => trying(() => api.moveClock(change)),
  onZone: () => {
    chat.redraw();
    renderPeople();
  },
});

const people = peopleView({
  onOpen: (user) => go({ user }),
  onAdd: () => addSomebody((user) => go({ user })),
});

function addSomebody(then) {
  askWho(async (person) => {
    const made = await trying(() => api.addUser(person));
    if (!made) return;
    putPeople([made]);
    then(made.id);
  });
}

const chat = chatView({
  onTap: async (message, button) => {
    const tapped = { message_id: message.id, data: button.data };
    const answer = await trying(() => api.tap(state.user.id, state.bot.id, tapped));
    return answer || { answer: {} };
  },
  onCommand: (text) => sendText(text),
  onLink: openOwnLink,
  onSeen: () => markRead(),
});

const typing = composer({
  onText: (text) => sendText(text),
  onFile: (file, kind, caption) =>
    trying(() => api.sendFile(state.user.id, state.bot.id, file, kind, caption)),
});

const sendText = (text) => trying(() => api.say(state.user.id, state.bot.id, text));

const news = newsView({ now: () => clock.now() });

const guide = guideView({
  clock,
  open: (user) => go({ user }),
  where: () => state.user?.id,
  say: (user, text) => trying(() => api.say(user, state.bot.id, text)),
  begin: (language) => {
    readHint();
    api.setGuide({ language }).catch(() => {});
  },
});

// ---- loading ----

const everybody = "everybody";
const stale = new Set(); // whom to ask for again
const mostAtOnce = 200; // a school that wakes up: then everybody is asked for

/** Only those are asked for in whom something changed, and a burst of them together. */
const loadStale = gathered(async () => {
  const ids = [...stale];
  stale.clear();
  if (ids.includes(everybody) || ids.length > mostAtOnce) return takeEverybody();
  putPeople(await api.users(ids));
  settle();
  stillRead();
  await new Promise((done) => setTimeout(done, 150));
});

function loadPeople(id = everybody) {
  stale.add(id);
  return loadStale();
}

async function takeEverybody() {
  const [bots, users] = await Promise.all([api.bots(), api.users()]);
  state.bots = bots;
  const known = new Map(state.users.map((user) => [user.id, user]));
  state.users = users.map((user) => sameOr(known.get(user.id), user));
  settle();
  stillRead();
  if (arrived) arrive();
}

/** Keeps the object of a person in whom nothing changed: their row is then left alone. */
const sameOr = (had, user) =>
  had && JSON.stringify(had) === JSON.stringify(user) ? had : user;

function putPeople(changed) {
  const fresh = new Map(changed.map((user) => [user.id, user]));
  state.users = state.users.map((had) => {
    const user = fresh.get(had.id);
    fresh.delete(had.id);
    return user ? sameOr(had, user) : had;
  });
  state.users.push(...fresh.values());
}

/** The counts may be a second old: a school that wakes up changes them with every message. */
const loadNews = gathered(async () => {
  news.update(await api.tally());
  await new Promise((done) => setTimeout(done, 1000));
});

const loadGuide = gathered(async () => guide.offer(await api.guide()));

const loadClock = gathered(async () => clock.update(await api.clock()));

const loadChat = gathered(async () => {
  const { user, bot } = state;
  if (!user || !bot) return;
  const fresh = await api.chat(user.id, bot.id);
  if (user.id === state.user?.id && bot.id === state.bot?.id) showChat(fresh);
});

function showChat(fresh) {
  const first = state.version === null;
  state.version = fresh.version;
  state.empty = !fresh.messages.length;
  typing.setCommands(fresh.commands);
  typing.setKeyboard(fresh.keyboard);
  typing.setMenuButton(fresh.menu_button);
  chat.update(fresh.messages, { first });
  renderFoot();
  if (first && !guide.walking()) typing.focus(); // the walk has its own key
}

/** The message may be on the page before its badge is: who has it before their eyes has read it. */
function stillRead() {
  if (state.version !== null && !document.hidden) markRead();
}

async function markRead() {
  const { user, bot } = state;
  const known = state.users.find((one) => one.id === user?.id);
  if (!known || !bot || !unreadOf(known, bot)) return;
  putPeople([{ ...known, unread: { ...known.unread, [bot.id]: 0 } }]);
  renderPeople();
  await api.read(user.id, bot.id).catch(() => {});
}

// ---- where we are ----

function placeInHash() {
  const hash = new URLSearchParams(location.hash.slice(1));
  return { user: Number(hash.get("user")) || null, bot: Number(hash.get("bot")) || null };
}

function go(change, { replace = false } = {}) {
  const place = { user: state.user?.id, bot: state.bot?.id, ...change };
  const hash = new URLSearchParams();
  if (place.user) hash.set("user", place.user);
  if (place.bot) hash.set("bot", place.bot);
  const address = `${location.pathname}#${hash}`;
  if (replace) history.replaceState(null, "", address);
  else if (`#${hash}` !== location.hash) history.pushState(null, "", address);
  settle();
}

/** Makes the page agree with the address and with what the server has told. */
function settle() {
  const place = placeInHash();
  const bot = state.bots.find((one) => one.id === place.bot) ?? state.bots[0] ?? null;
  const user = state.users.find((one) => one.id === place.user) ?? null;
  const moved = bot?.id !== state.bot?.id || user?.id !== state.user?.id;
  state.bot = bot;
  state.user = user;
  document.body.classList.toggle("in-chat", Boolean(user && bot));
  renderPeople();
  renderBots();
  renderHead();
  if (moved) {
    state.version = null;
    state.empty = true;
    typing.clear();
    if (user && bot) {
      chat.open(user, bot, unreadOf(user, bot));
      people.show(user.id);
      loadChat();
    }
  }
  renderFoot();
}

addEventListener("resize", placeHint);
addEventListener("popstate", settle);
addEventListener("hashchange", settle);

/** Deep links: t.me/<a bot of ours>?start=CODE and /?bot=ID&start=CODE open here. */
function openOwnLink(href) {
  const url = new URL(href, location.href);
  let name = null;
  if (["t.me", "telegram.me"].includes(url.hostname)) name = url.pathname.split("/")[1];
  else if (url.protocol === "tg:") name = url.searchParams.get("domain");
  else if (url.origin === location.origin && url.pathname.startsWith("/t.me/")) {
    name = url.pathname.split("/")[2];
  } else if (url.origin !== location.origin || url.pathname !== "/") return false;
  const bot = name
    ? state.bots.find((one) => one.username?.toLowerCase() === name.toLowerCase())
    : state.bots.find((one) => one.id === Number(url.searchParams.get("bot")));
  if (!bot || !url.searchParams.has("start")) return false;
  openDeepLink(bot, url.searchParams.get("start"), Number(url.searchParams.get("user")));
  return true;
}

function openDeepLink(bot, code, userId) {
  const begin = async (user) => {
    go({ user, bot: bot.id });
    await trying(() => api.start(user, bot.id, code));
  };
  if (state.users.some((user) => user.id === userId)) begin(userId);
  else whoOpens(state.users, bot, { onChosen: begin, onNew: () => addSomebody(begin) });
}

/**
 * The query is for arriving; after that the hash says where we are, so that a reload is safe.
 * A link may be opened before its bot has woken up: then the query stays until there is a bot.
 */
function arrive() {
  const query = new URLSearchParams(location.search);
  const botId = Number(query.get("bot"));
  const userId = Number(query.get("user"));
  if ((!botId && !userId) || !state.bots.length) return;
  const bot = botId ? state.bots.find((one) => one.id === botId) : state.bots[0];
  const code = query.get("start");
  go({ user: code ? null : userId || null, bot: bot?.id }, { replace: true });
  if (!bot) toast(t("unknownBot"), "bad");
  else if (code) openDeepLink(bot, code, userId);
}

// ---- drawing ----

/** What calls somebody. The crowd calls nobody. */
const waitingFor = (bot) =>
  state.users.reduce((sum, user) => sum + (user.crowd ? 0 : unreadOf(user, bot)), 0);

function renderPeople() {
  const { users, bot, user } = state;
  people.render({ users, bot, current: user?.id ?? null, now: clock.now() });
  const waiting = waitingFor(bot);
  document.title = waiting ? `(${waiting}) ${t("title")}` : t("title");
}

function renderBots() {
  const picker = byId("bots");
  picker.hidden = state.bots.length < 2;
  fill(
    picker,
    state.bots.map((bot) => {
      const waiting = waitingFor(bot);
      const current = bot.id === state.bot?.id;
      return h(
        "button",
        {
          type: "button",
          class: current ? "current" : "",
          "aria-pressed": String(current),
          onclick: () => go({ bot: bot.id }),
        },
        bot.name,
        waiting && !current ? h("span", { class: "badge" }, waiting) : null,
      );
    }),
  );
}

function renderHead() {
  const { user, bot } = state;
  if (!user || !bot) return;
  fill(byId("chat-face"), avatar(user));
  byId("chat-name").textContent = user.name;
  byId("chat-about").textContent = about(user);
  fill(byId("chat-bot"), icon("bot"), h("span", null, t("talksTo", { bot: bot.name })));
}

/** Under the messages stands one of three: the typing area, Start, or Unblock. */
function renderFoot() {
  const { user, bot, empty, version } = state;
  const blocked = Boolean(user && bot && isBlocked(user, bot));
  const fresh = empty && version !== null && !blocked;
  byId("composer").hidden = blocked || empty;
  byId("start-bar").hidden = !fresh;
  byId("foot").classList.toggle("closed", byId("composer").hidden);
  byId("blocked-bar").hidden = !blocked;
  byId("welcome").hidden = Boolean(user && bot);
  placeHint();
  byId("no-bot").hidden = state.bots.length > 0;
  byId("pick-one").hidden = !state.bots.length;
  if (fresh) byId("start-who").textContent = t("notStarted", { name: user.name });
  if (blocked) byId("blocked-text").textContent = t("blockedText", { name: user.name });
}

/** The hint stands in the empty room; who came straight into a chat finds it under the list. */
let hintRead = false;

function placeHint() {
  const hint = byId("hint");
  const inChat = Boolean(state.user && state.bot);
  const inRoom = !narrow() && !inChat;
  const room = byId(inRoom ? "welcome" : "people");
  if (hint.parentElement !== room) room.append(hint);
  hint.hidden = !state.bot || remembered("hint") === "seen" || (inChat && hintRead);
  if (inRoom && state.bot) hintRead = true;
}

function renderWords() {
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-label]")) {
    node.setAttribute("aria-label", t(node.dataset.tLabel));
    if (node.matches("button")) node.title = t(node.dataset.tLabel);
  }
  for (const node of document.querySelectorAll("[data-t-hint]")) {
    node.placeholder = t(node.dataset.tHint);
  }
}

function renderAll() {
  renderWords();
  clock.draw();
  news.render();
  guide.render();
  settle();
  chat.redraw();
}

// ---- buttons of the frame ----

for (const node of document.querySelectorAll("[data-icon]")) node.append(icon(node.dataset.icon));

byId("language").addEventListener("click", () => {
  setLanguage(languageNow() === "zh" ? "en" : "zh");
  remember("language", languageNow());
  renderAll();
});

byId("back").addEventListener("click", () => go({ user: null }));

byId("chat-more").addEventListener("click", (event) => {
  const { user, bot } = state;
  const blocked = isBlocked(user, bot);
  menu(event.currentTarget, [
    { label: t("copyPlace"), icon: "copy", act: () => copyPlace() },
    {
      label: t(blocked ? "unblock" : "block"),
      icon: "block",
      className: blocked ? "" : "danger",
      act: () => setBlocked(!blocked),
    },
  ]);
});

async function copyPlace() {
  await copyText(location.href);
  toast(t("openedCopied"));
}

async function setBlocked(blocked) {
  await trying(() => api.block(state.user.id, state.bot.id, blocked));
  await loadPeople(state.user.id);
}

byId("unblock").addEventListener("click", () => setBlocked(false));
byId("start").addEventListener("click", () => sendText("/start"));

function readHint() {
  remember("hint", "seen");
  hintRead = true;
  byId("hint").hidden = true;
}

byId("got-it").addEventListener("click", readHint);
byId("guide-begin").addEventListener("click", () => guide.start());

document.addEventListener("visibilitychange", () => !document.hidden && markRead());

// ---- begin ----

chooseLanguage(new URLSearchParams(location.search).get("lang"));
byId("address").textContent = location.origin;
renderWords();

let arrived = false;

async function everything() {
  byId("lost").hidden = true;
  await Promise.all([loadClock(), loadPeople(), loadGuide()]);
  loadNews();
  if (arrived) return loadChat();
  arrived = true;
  arrive(); // which has also begun to load the chat
  document.body.classList.add("ready");
}

keepLive({
  onBack: everything,
  onLost: () => {
    byId("lost").hidden = false;
  },
  isUp: () => api.clock().then(() => true, () => false),
  poll: async (signal) => {
    const { user, bot, version } = state;
    if (user && bot && version !== null) {
      showChat(await api.chatAfter(user.id, bot.id, version, 3, signal));
    } else await new Promise((done) => setTimeout(done, 1000));
    await Promise.all([loadPeople(), loadClock(), loadGuide()]);
    loadNews();
  },
  onEvent: (event) => {
    if (event.kind === "clock") loadClock();
    if (event.kind === "guide") loadGuide();
    if (event.kind === "chat") clock.heard();
    if (event.kind === "chat" || event.kind === "clock") loadNews();
    if (event.kind === "users" || event.kind === "chat") loadPeople(event.user_id);
    const here = event.user_id === state.user?.id && event.bot_id === state.bot?.id;
    if (event.kind === "chat" && here && event.version !== state.version) loadChat();
  },
});
