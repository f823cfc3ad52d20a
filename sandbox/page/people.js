// The people at the left: whose phone can be picked up, and where something is unread. Those of
// the crowd, who are there but not meant to be played, are folded into one line below.

import { avatar } from "./avatar.js";
import { byId, fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { dayKey, listTime, zoneNow } from "./times.js";
import { languageNow, pick, t } from "./words.js";

const manyPeople = 9; // from here on a search box helps more than it takes room

export const unreadOf = (user, bot) => user.unread?.[bot?.id] ?? 0;
export const isBlocked = (user, bot) => (user.blocked ?? []).map(String).includes(String(bot?.id));

/** "Guardian · two children": role and note in one quiet line. */
export const about = (user) =>
  [pick(user.role), pick(user.note)].filter(Boolean).join(" · ") ||
  (user.username ? `@${user.username}` : "");

export function peopleView({ onOpen, onAdd }) {
  const room = byId("people-room");
  const search = byId("search");
  const box = search.parentElement;
  const crowd = byId("crowd");
  const line = byId("crowd-line");
  const played = rowList(byId("people-list"), onOpen);
  const others = rowList(byId("crowd-list"), onOpen);
  let state = { users: [], bot: null, current: null, now: new Date() };
  let open = false;

  function render(fresh) {
    state = { ...state, ...fresh };
    const { users } = state;
    const main = users.filter((user) => !user.crowd);
    const rest = users.filter((user) => user.crowd);
    crowd.hidden = !rest.length;
    placeSearch(main.length, rest.length);
    const wanted = box.hidden ? "" : search.value.trim().toLowerCase();
    const found = (some) => (wanted ? some.filter((user) => matches(user, wanted)) : some);
    if (rest.length) {
      line.firstChild.textContent = t("everyoneElse", { n: rest.length });
      line.setAttribute("aria-expanded", String(open));
      byId("crowd-list").hidden = !open;
      played.render(main, state, users);
      others.render(open ? found(rest) : [], state, users);
    } else played.render(found(main), state, users);
  }

  /** There is one search box: it is for the crowd where there is one, else for everybody. */
  function placeSearch(main, rest) {
    const home = rest ? byId("crowd-head") : byId("people");
    if (box.parentElement !== home) home.insertBefore(box, rest ? null : room);
    box.hidden = rest ? !open : main < manyPeople;
  }

  function unfold(wish) {
    open = wish;
    if (!open) search.value = "";
    render({});
  }

  fill(line, h("span"), icon("down"));
  line.addEventListener("click", () => {
    unfold(!open);
    if (open) crowd.scrollIntoView({ block: "start" });
  });
  search.addEventListener("input", () => render({}));
  room.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.target === search) return;
    const buttons = [...room.querySelectorAll("button")];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (next) next.focus();
    event.preventDefault();
  });
  byId("add-person").addEventListener("click", onAdd);

  /** Brings a person's row into sight, when a link or a reload has opened the chat. */
  function show(id) {
    if (!open && state.users.find((user) => user.id === id)?.crowd) unfold(true);
    (played.node(id) ?? others.node(id))?.scrollIntoView({ block: "nearest" });
  }

  return { render, show };
}

const matches = (user, wanted) =>
  `${user.name} ${user.username ?? ""} ${about(user)}`.toLowerCase().includes(wanted);

/**
 * Rows kept in step with people. Nothing is built again but the rows of those who changed: the
 * same object is the same person in the same state.
 */
function rowList(list, onOpen) {
  let rows = new Map(); // user id -> {node, user, look, unread}

  /** The order is the server's and stays: people sit around the table, the badge calls. */
  function render(shown, { bot, current, now }, everyone) {
    const look = [languageNow(), zoneNow(), dayKey(now), bot?.id].join();
    const known = rows;
    rows = new Map();
    for (const user of shown) {
      const had = known.get(user.id);
      if (had?.user === user && had.look === look) {
        rows.set(user.id, had);
        continue;
      }
      const node = row(user, bot, now, onOpen);
      const unread = unreadOf(user, bot);
      if (had) {
        if (unread > had.unread && !user.crowd) node.classList.add("called");
        if (had.node.contains(document.activeElement)) queueMicrotask(() => node.firstChild.focus());
        had.node.replaceWith(node);
      }
      rows.set(user.id, { node, user, look, unread });
    }
    arrange([...rows.values()].map(({ node }) => node));
    for (const [id, { node }] of rows) markCurrent(node.firstChild, id === current);
    if (!rows.size) fill(list, empty(everyone));
  }

  function arrange(nodes) {
    let at = list.firstElementChild;
    for (const node of nodes) {
      if (at === node) at = at.nextElementSibling;
      else list.insertBefore(node, at);
    }
    while (at) {
      const next = at.nextElementSibling;
      at.remove();
      at = next;
    }
  }

  return { render, node: (id) => rows.get(id)?.node };
}

function markCurrent(button, current) {
  if (button.classList.contains("current") === current) return;
  button.classList.toggle("current", current);
  if (current) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
}

function row(user, bot, now, onOpen) {
  const unread = unreadOf(user, bot);
  const last = user.last?.[bot?.id];
  return h(
    "li",
    { "data-user": user.id },
    h(
      "button",
      { type: "button", class: "person", onclick: () => onOpen(user.id) },
      avatar(user, user.crowd ? "small" : ""),
      h(
        "span",
        { class: "person-lines" },
        h(
          "span",
          { class: "line" },
          h("b", { class: "name" }, user.name),
          isBlocked(user, bot) ? h("span", { class: "blocked-mark" }, icon("block")) : null,
          last ? h("time", null, listTime(last.date, now)) : null,
        ),
        h("span", { class: "about" }, about(user)),
        h(
          "span",
          { class: "line" },
          h(
            "span",
            { class: `preview-text${last && last.text !== "/start" ? "" : " silent"}` },
            last && last.text !== "/start" ? last.text.replace(/\s+/g, " ") : t("noTalk"),
          ),
          unread
            ? h("span", { class: "badge", "aria-label": t("unread", { n: unread }) }, unread)
            : null,
        ),
      ),
    ),
  );
}

const empty = (everyone) =>
  h(
    "li",
    { class: "nobody" },
    everyone.length
      ? t("nobodyFound")
      : [h("b", null, t("noPeopleTitle")), h("span", null, t("noPeopleText"))],
  );
