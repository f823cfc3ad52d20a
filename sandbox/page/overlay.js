// What lies over the page: toasts, alerts, questions, the picture at full size, menus.

import { byId, fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./words.js";

export function toast(text, kind = "") {
  const shown = h("div", { class: `toast ${kind}` }, text);
  const rack = byId("toasts");
  rack.append(shown);
  while (rack.children.length > 3) rack.firstChild.remove();
  const life = Math.min(7000, 2600 + text.length * 45);
  setTimeout(() => {
    shown.classList.add("leaving");
    setTimeout(() => shown.remove(), 250);
  }, life);
}

/** A native dialog, gone from the page when it is closed. */
export function dialog(className, build, label) {
  const box = h("dialog", { class: className, "aria-label": label });
  fill(box, build(() => box.close()));
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

export const alertBox = (text) =>
  dialog(
    "sheet alert",
    (close) => [
      h("p", { class: "alert-text" }, text),
      h("button", { class: "primary", type: "button", onclick: close, autofocus: true }, t("ok")),
    ],
    text,
  );

export const lightbox = (photo, caption) =>
  dialog(
    "lightbox",
    (close) => [
      h("img", { src: photo.url, alt: caption || t("photo"), onclick: close }),
      caption ? h("p", { class: "lightbox-caption" }, caption) : null,
      h(
        "div",
        { class: "lightbox-tools" },
        h(
          "a",
          { class: "round", href: photo.url, download: "", "aria-label": t("download") },
          icon("save"),
        ),
        h(
          "button",
          { class: "round", type: "button", onclick: close, "aria-label": t("close"), autofocus: true },
          icon("close"),
        ),
      ),
    ],
    t("photo"),
  );

/** A small menu under a button. `items` are {label, icon, act, className}, or null for a line. */
export function menu(anchor, items) {
  const wasOpen = anchor.getAttribute("aria-expanded") === "true";
  closeMenus();
  if (wasOpen) return;
  const list = h(
    "div",
    { class: "menu", role: "menu" },
    items.map((item) =>
      item
        ? h(
            "button",
            {
              type: "button",
              role: "menuitem",
              class: item.className,
              disabled: item.disabled,
              onclick: () => {
                closeMenus();
                anchor.focus();
                item.act();
              },
            },
            item.icon ? icon(item.icon) : null,
            item.before ? h("span", { class: "before" }, item.before) : null,
            h("span", null, item.label),
            item.aside ? h("span", { class: "aside" }, item.aside) : null,
          )
        : h("hr"),
    ),
  );
  document.body.append(list);
  const box = anchor.getBoundingClientRect();
  const left = Math.min(box.right - list.offsetWidth, innerWidth - list.offsetWidth - 8);
  list.style.left = `${Math.max(8, left)}px`;
  list.style.top = `${Math.min(box.bottom + 6, innerHeight - list.offsetHeight - 8)}px`;
  anchor.setAttribute("aria-expanded", "true");
  list.anchor = anchor;
  list.querySelector("button:not(:disabled)")?.focus({ preventScroll: true });
  list.addEventListener("keydown", (event) => walkMenu(list, event));
}

function walkMenu(list, event) {
  const buttons = [...list.querySelectorAll("button:not(:disabled)")];
  const at = buttons.indexOf(document.activeElement);
  if (event.key === "Escape") {
    list.anchor.focus();
    closeMenus();
  } else if (event.key === "ArrowDown") buttons[(at + 1) % buttons.length].focus();
  else if (event.key === "ArrowUp") buttons[(at - 1 + buttons.length) % buttons.length].focus();
  else if (event.key === "Tab") closeMenus();
  else return;
  if (event.key !== "Tab") event.preventDefault();
}

export function closeMenus() {
  for (const list of document.querySelectorAll(".menu")) {
    list.anchor?.setAttribute("aria-expanded", "false");
    list.remove();
  }
}

document.addEventListener("pointerdown", (event) => {
  const list = document.querySelector(".menu");
  if (list && !list.contains(event.target) && !list.anchor.contains(event.target)) closeMenus();
});
addEventListener("resize", closeMenus);
