// The people at the left: whose phone can be picked up, and where something is unread.

import { avatar } from "./avatar.js";
import { byId, fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { dialog } from "./overlay.js";
import { listTime } from "./times.js";
import { languageNow, pick, t } from "./words.js";

const manyPeople = 9; // from here on a search box helps more than it takes room

export const unreadOf = (user, bot) => user.unread?.[bot?.id] ?? 0;
export const isBlocked = (user, bot) => (user.blocked ?? []).map(String).includes(String(bot?.id));

/** "Guardian · two children": role and note in one quiet line. */
export const about = (user) =>
  [pick(user.role), pick(user.note)].filter(Boolean).join(" · ") ||
  (user.username ? `@${user.username}` : "");

export function peopleView({ onOpen, onAdd }) {
  const list = byId("people-list");
  const search = byId("search");
  let rows = new Map(); // user id -> {node, key}
  let state = { users: [], bot: null, current: null, now: new Date() };

  function render(fresh) {
    state = { ...state, ...fresh };
    const { users, bot, current, now } = state;
    search.parentElement.hidden = users.length < manyPeople;
    const wanted = search.value.trim().toLowerCase();
    const found = users.filter((user) =>
      `${user.name} ${user.username ?? ""} ${about(user)}`.toLowerCase().includes(wanted),
    );
    // The order is the server's and stays: people sit around the table, the badge calls.
    const known = rows;
    rows = new Map();
    const nodes = found.map((user) => {
      const key = rowKey(user, bot, current, now);
      const had = known.get(user.id);
      const node = had?.key === key ? had.node : row(user, bot, current === user.id, now, onOpen);
      if (had && had.key !== key) {
        if (unreadOf(user, bot) > had.unread) node.classList.add("called");
        if (had.node.contains(document.activeElement)) queueMicrotask(() => node.firstChild.focus());
      }
      rows.set(user.id, { node, key, unread: unreadOf(user, bot) });
      return node;
    });
    const unchanged =
      nodes.length > 0 &&
      nodes.length === list.children.length &&
      nodes.every((node, i) => list.children[i] === node);
    if (!unchanged) fill(list, nodes.length ? nodes : empty(users));
  }

  search.addEventListener("input", () => render({}));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...list.querySelectorAll("button")];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (next) next.focus();
    event.preventDefault();
  });
  byId("add-person").addEventListener("click", () => askWho(onAdd));
  /** Brings a person's row into sight, when a link or a reload has opened the chat. */
  const show = (id) => rows.get(id)?.node.scrollIntoView({ block: "nearest" });

  return { render, show };
}

const rowKey = (user, bot, current, now) =>
  JSON.stringify([
    languageNow(),
    user.name,
    user.emoji,
    user.role,
    user.note,
    unreadOf(user, bot),
    user.last?.[bot?.id],
    isBlocked(user, bot),
    current === user.id,
    user.last?.[bot?.id] ? listTime(user.last[bot.id].date, now) : "",
  ]);

function row(user, bot, current, now, onOpen) {
  const unread = unreadOf(user, bot);
  const last = user.last?.[bot?.id];
  return h(
    "li",
    { "data-user": user.id },
    h(
      "button",
      {
        type: "button",
        class: `person${current ? " current" : ""}`,
        "aria-current": current ? "true" : null,
        onclick: () => onOpen(user.id),
      },
      avatar(user),
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
            { class: `preview-text${last ? "" : " silent"}` },
            last ? last.text.replace(/\s+/g, " ") : t("noTalk"),
          ),
          unread
            ? h("span", { class: "badge", "aria-label": t("unread", { n: unread }) }, unread)
            : null,
        ),
      ),
    ),
  );
}

const empty = (users) =>
  h(
    "li",
    { class: "nobody" },
    users.length
      ? t("nobodyFound")
      : [h("b", null, t("noPeopleTitle")), h("span", null, t("noPeopleText"))],
  );

function askWho(onAdd) {
  const name = h("input", { type: "text", required: true, maxlength: 40, autofocus: true });
  const language = h(
    "select",
    null,
    ["zh", "en"].map((code) =>
      h("option", { value: code, selected: code === languageNow() }, t(`language_${code}`)),
    ),
  );
  dialog(
    "sheet",
    (close) =>
      h(
        "form",
        {
          onsubmit: (event) => {
            event.preventDefault();
            close();
            onAdd({ name: name.value.trim(), language: language.value });
          },
        },
        h("h2", null, t("addPerson")),
        h("p", null, t("addPersonWhy")),
        h("label", { class: "field" }, h("span", null, t("name")), name),
        h("label", { class: "field" }, h("span", null, t("theirLanguage")), language),
        h(
          "div",
          { class: "sheet-buttons" },
          h("button", { type: "button", class: "plain", onclick: close }, t("cancel")),
          h("button", { type: "submit", class: "primary" }, t("add")),
        ),
      ),
    t("addPerson"),
  );
}

/** A link was opened and nobody has said who holds the phone: ask. */
export function whoOpens(users, bot, code, onChosen) {
  dialog(
    "sheet who",
    (close) => [
      h("h2", null, t("whoOpens")),
      h("p", null, t("whoOpensText", { bot: bot.name, code })),
      h(
        "ul",
        { class: "who-list", tabindex: -1 },
        users.map((user, i) =>
          h(
            "li",
            null,
            h(
              "button",
              {
                type: "button",
                class: "person",
                autofocus: i === 0,
                onclick: () => {
                  close();
                  onChosen(user.id);
                },
              },
              avatar(user, "small"),
              h(
                "span",
                { class: "person-lines" },
                h("b", { class: "name" }, user.name),
                h("span", { class: "about" }, about(user)),
              ),
            ),
          ),
        ),
      ),
      h(
        "div",
        { class: "sheet-buttons" },
        h("button", { type: "button", class: "plain", onclick: close }, t("cancel")),
      ),
    ],
    t("whoOpens"),
  );
}
