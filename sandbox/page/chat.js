// The conversation: bubbles kept in step with the server, and a scroll that behaves.

import { bubble, summary } from "./bubble.js";
import { byId, calm, copyText, fill, flash, h } from "./dom.js";
import { icon } from "./icons.js";
import { alertBox, lightbox, toast } from "./overlay.js";
import { dayKey, longDay } from "./times.js";
import { t } from "./words.js";

const near = 80; // pixels from the bottom that still count as "at the bottom"

export function chatView({ onTap, onCommand, onLink, onSeen }) {
  const log = byId("log");
  const pill = byId("pill");
  let place = null; // {user, bot}
  let messages = [];
  let shown = new Map(); // message id -> {node, key}
  let unseen = 0;
  let firstNew = null; // the message above which "New" is written

  // While the log glides down it counts as being there: the next message keeps it going.
  let gliding = null;
  const atBottom = () =>
    gliding !== null || log.scrollHeight - log.scrollTop - log.clientHeight < near;

  function landed() {
    clearTimeout(gliding);
    gliding = null;
  }

  function toBottom(smooth) {
    const glide = smooth && !calm();
    landed();
    if (glide) gliding = setTimeout(landed, 1000);
    log.scrollTo({ top: log.scrollHeight, behavior: glide ? "smooth" : "auto" });
    unseen = 0;
    drawPill();
  }

  function drawPill() {
    pill.hidden = atBottom() && !unseen;
    fill(pill, unseen ? t("newMessages", { n: unseen }) : null, icon("down"));
    pill.setAttribute("aria-label", unseen ? t("newMessages", { n: unseen }) : "↓");
  }

  /** Opens a chat empty; `update` brings its messages. */
  function open(user, bot, unread) {
    place = { user, bot, unread };
    messages = [];
    shown = new Map();
    unseen = 0;
    firstNew = null;
    fill(log);
    drawPill();
  }

  function update(fresh, { first = false } = {}) {
    const known = shown;
    const stay = first || atBottom();
    const before = new Set(messages.map((message) => message.id));
    const arrived = first ? [] : fresh.filter((message) => !before.has(message.id));
    messages = fresh;
    if (first) firstNew = firstUnread(fresh, place.unread);
    shown = new Map();
    const nodes = [];
    let day = null;
    fresh.forEach((message, i) => {
      const its = dayKey(message.date);
      if (its !== day) nodes.push(keep(known, `day ${its}`, longDay(message.date), daySeparator));
      day = its;
      if (message.id === firstNew) nodes.push(keep(known, "new", t("unreadFrom"), newSeparator));
      const node = keep(known, message.id, signature(message), () => bubble(message, context()));
      if (known.has(message.id) && known.get(message.id).node !== node) {
        node.classList.add("just-edited");
      }
      if (arrived.includes(message)) node.classList.add("arrived");
      const next = fresh[i + 1];
      const last = !next || next.from !== message.from || dayKey(next.date) !== its;
      node.classList.toggle("last", last);
      nodes.push(node);
    });
    arrange(nodes);
    const mine = arrived.some((message) => message.from === "user");
    if (first && firstNew && !fits(shown.get("new").node)) shown.get("new").node.scrollIntoView();
    else if (stay || mine) toBottom(!first);
    else unseen += arrived.filter((message) => message.from === "bot").length;
    drawPill();
    speak(arrived);
    if (!document.hidden) onSeen();
  }

  /** Whether all from here to the end can be seen at once. */
  const fits = (node) => log.scrollHeight - node.offsetTop + log.offsetTop <= log.clientHeight;

  /** Moves only what changed, so that focus and a playing animation survive an update. */
  function arrange(nodes) {
    const wanted = new Set(nodes);
    const focused = document.activeElement?.closest?.(".row");
    const lostFocus = focused && log.contains(focused) && !wanted.has(focused);
    for (const node of [...log.children]) if (!wanted.has(node)) leave(node);
    let at = staying(log.firstElementChild);
    for (const node of nodes) {
      if (at === node) at = staying(at.nextElementSibling);
      else log.insertBefore(node, at);
    }
    if (lostFocus) {
      const again = log.querySelector(`[data-id="${focused.dataset.id}"] .key`);
      (again ?? log).focus({ preventScroll: true });
    }
  }

  /** A message that its bot has taken back goes gently; an edited one is simply replaced. */
  function leave(node) {
    const id = Number(node.dataset.id);
    if (!id || calm() || messages.some((message) => message.id === id)) return node.remove();
    node.style.height = `${node.offsetHeight}px`;
    node.classList.add("leaving");
    setTimeout(() => node.remove(), 280);
  }

  function staying(node) {
    while (node?.classList.contains("leaving")) node = node.nextElementSibling;
    return node;
  }

  function keep(known, id, key, make) {
    const had = known.get(id);
    const node = had && had.key === key ? had.node : make(key);
    shown.set(id, { node, key });
    return node;
  }

  const context = () => ({
    ...place,
    find: (id) => messages.find((message) => message.id === id),
    onQuote: goTo,
    onPhoto: lightbox,
    onTap: tapped,
  });

  async function tapped(message, button, node) {
    if (button.copy) {
      await copyText(button.copy);
      toast(t("copied"));
      return;
    }
    if (node.classList.contains("busy")) return;
    const from = place;
    node.classList.add("busy");
    node.setAttribute("aria-busy", "true");
    try {
      const { answer } = await onTap(message, button);
      if (from !== place) return;
      if (answer?.text) answer.alert ? alertBox(answer.text) : toast(answer.text);
      else if (!answer) toast(t("noAnswer"));
    } finally {
      node.classList.remove("busy");
      node.removeAttribute("aria-busy");
    }
  }

  function goTo(id) {
    const target = log.querySelector(`[data-id="${id}"]`);
    if (!target) return;
    target.scrollIntoView({ block: "center", behavior: calm() ? "auto" : "smooth" });
    flash(target, "found");
  }

  // A screen reader hears new messages of the bot, not the whole chat at each redraw.
  function speak(arrived) {
    const heard = arrived.filter((message) => message.from === "bot").map(summary);
    if (heard.length) byId("spoken").textContent = `${place.bot.name}: ${heard.join(". ")}`;
  }

  function actOn(event) {
    const code = event.target.closest("code");
    const command = event.target.closest(".command");
    const spoiler = event.target.closest(".spoiler");
    const link = event.target.closest("a");
    if (link) {
      if (onLink(link.href)) event.preventDefault();
    } else if (code) copyText(code.textContent).then(() => toast(t("copied")));
    else if (command) onCommand(command.textContent);
    else if (spoiler) spoiler.classList.add("seen");
  }

  log.addEventListener("click", actOn);
  log.addEventListener("keydown", (event) => {
    if (!["Enter", " "].includes(event.key) || !event.target.matches("[role=button]")) return;
    event.preventDefault();
    actOn(event);
  });
  for (const hand of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    log.addEventListener(hand, landed, { passive: true });
  }
  log.addEventListener("scrollend", landed);
  log.addEventListener("scroll", () => {
    if (atBottom()) unseen = 0;
    drawPill();
  });
  pill.addEventListener("click", () => toBottom(true));
  // The keyboard of a phone, or a growing text box, must not hide the last message.
  let height = log.clientHeight;
  new ResizeObserver(() => {
    const lost = height - log.clientHeight;
    height = log.clientHeight;
    if (log.scrollHeight - log.scrollTop - log.clientHeight - lost < near) toBottom(false);
  }).observe(log);

  /** Draws everything again, for another language or another zone. */
  function redraw() {
    const fresh = messages;
    shown = new Map();
    messages = [];
    if (place) update(fresh, { first: true });
  }

  return { open, update, redraw, toBottom };
}

const signature = ({ notices, ...rest }) => JSON.stringify(rest);

const daySeparator = (text) => h("div", { class: "day" }, h("span", null, text));
const newSeparator = (text) => h("div", { class: "day fresh" }, h("span", null, text));

function firstUnread(messages, unread) {
  if (!unread) return null;
  const fromBot = messages.filter((message) => message.from === "bot");
  // In a chat read for the first time everything is new: then the line says nothing.
  return unread < fromBot.length ? fromBot[fromBot.length - unread].id : null;
}
