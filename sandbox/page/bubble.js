// One message, as a bubble with what hangs under it.

import { h, trusted } from "./dom.js";
import { icon } from "./icons.js";
import { hourMinute } from "./times.js";
import { t } from "./words.js";

/** @param ctx {bot, find(id), onTap(message, button, node), onQuote(id), onPhoto(photo, caption)} */
export function bubble(message, ctx) {
  const mine = message.from === "user";
  const hasText = Boolean(message.text || message.caption || message.html);
  return h(
    "article",
    { class: `row ${mine ? "mine" : "theirs"}`, "data-id": message.id },
    h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: `bubble${message.photo ? " has-photo" : ""}${hasText ? "" : " bare"}` },
        quote(message, ctx),
        photo(message, ctx),
        file(message),
        hasText ? words(message, mine) : null,
        meta(message, mine),
      ),
      keyboard(message, ctx),
    ),
  );
}

function words(message, mine) {
  // What a person typed is text. What a bot wrote comes as HTML that the server has built
  // from entities, everything else in it escaped.
  const body = mine
    ? h("div", { class: "text", dir: "auto" }, message.text || message.caption)
    : trusted("div", { class: "text", dir: "auto" }, message.html ?? "");
  if (!mine && !message.html) body.textContent = message.text || message.caption || "";
  if (mine) markCommand(body);
  // A block ends its line by itself; the line break after it would be an empty line.
  for (const block of body.querySelectorAll("pre, blockquote")) {
    const after = block.nextSibling;
    if (after?.nodeType === Node.TEXT_NODE) after.data = after.data.replace(/^\n/, "");
  }
  for (const link of body.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  for (const act of body.querySelectorAll("code, .command, .spoiler")) {
    act.setAttribute("role", "button");
    act.tabIndex = 0;
    if (act.matches("code")) act.title = t("tapToCopy");
  }
  return body;
}

function markCommand(body) {
  const [, command, rest] = /^(\/[a-z0-9_]+)([\s\S]*)$/i.exec(body.textContent) ?? [];
  if (command) body.replaceChildren(h("span", { class: "command" }, command), rest);
}

function meta(message, mine) {
  return h(
    "span",
    { class: "meta" },
    h("time", { datetime: message.date }, hourMinute(message.date)),
    message.edited
      ? h("span", { class: "edited" }, t("edited", { time: hourMinute(message.edited) }))
      : null,
    mine ? icon("tick") : null,
  );
}

function quote(message, ctx) {
  if (!message.reply_to) return null;
  const original = ctx.find(message.reply_to);
  if (!original) return null;
  return h(
    "button",
    { type: "button", class: "quote", onclick: () => ctx.onQuote(original.id) },
    h("b", null, original.from === "user" ? ctx.user.name : ctx.bot.name),
    h("span", null, summary(original)),
  );
}

/** A message in one line: for quotes, for the list, for a reader of the screen. */
export function summary(message) {
  const text = (message.text || message.caption || "").replace(/\s+/g, " ").trim();
  if (message.photo) return text ? `${t("photo")} · ${text}` : t("photo");
  if (message.document) return message.document.name;
  return text;
}

function photo(message, ctx) {
  if (!message.photo) return null;
  const { url, width, height } = message.photo;
  const caption = message.text || message.caption || "";
  // Width and height keep the place, so that nothing jumps when the picture arrives.
  return h(
    "button",
    {
      type: "button",
      class: "photo",
      "aria-label": t("openPhoto"),
      onclick: () => ctx.onPhoto(message.photo, caption),
    },
    h("img", { src: url, width, height, alt: caption || t("photo") }),
  );
}

function file(message) {
  if (!message.document) return null;
  const { name, size, url } = message.document;
  const ending = (/\.([^.]{1,5})$/.exec(name ?? "")?.[1] ?? "file").toLowerCase();
  return h(
    "a",
    { class: "file", href: url, download: name ?? "", title: `${t("download")}: ${name}` },
    h("span", { class: `file-kind kind-${ending}`, "aria-hidden": "true" }, ending),
    h(
      "span",
      { class: "file-about" },
      h("b", null, name),
      h("span", null, `${bytes(size)} · `, h("u", null, t("download"))),
    ),
  );
}

export function bytes(size) {
  if (!Number.isFinite(size)) return "";
  if (size < 1024) return `${size} B`;
  if (size < 1024 * 1024) return `${(size / 1024).toFixed(size < 10240 ? 1 : 0)} KB`;
  return `${(size / 1024 / 1024).toFixed(1)} MB`;
}

function keyboard(message, ctx) {
  if (!message.buttons?.length) return null;
  return h(
    "div",
    { class: "keyboard" },
    message.buttons.map((line) =>
      h(
        "div",
        { class: "keys" },
        line.map((button) => key(message, button, ctx)),
      ),
    ),
  );
}

function key(message, button, ctx) {
  const className = `key ${button.style ?? ""}`;
  const label = h("span", { class: "key-text" }, button.text);
  if (button.url) {
    return h(
      "a",
      { class: className, href: button.url, target: "_blank", rel: "noopener noreferrer" },
      label,
      icon("link"),
    );
  }
  const node = h(
    "button",
    { type: "button", class: className, onclick: () => ctx.onTap(message, button, node) },
    label,
    button.copy ? icon("copy") : null,
  );
  return node;
}
