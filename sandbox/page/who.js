// Two questions: who is new here, and who opens a link.

import { avatar } from "./avatar.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { dialog } from "./overlay.js";
import { about } from "./people.js";
import { languageNow, t } from "./words.js";

/** Asks for the name and the language of somebody new. */
export function askWho(onAdd) {
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

/** A link was opened and nobody has said who holds the phone: ask. It may be somebody new. */
export function whoOpens(users, bot, { onChosen, onNew }) {
  const played = users.filter((user) => !user.crowd);
  const crowd = users.filter((user) => user.crowd);
  dialog(
    "sheet who",
    (close) => {
      const chosen = (user) => () => {
        close();
        onChosen(user.id);
      };
      return [
        h("h2", null, t("whoOpens")),
        h("p", null, t("whoOpensText", { bot: bot.name })),
        h(
          "div",
          { class: "who-list", tabindex: -1 },
          newcomer(() => {
            close();
            onNew();
          }),
          h("ul", null, played.map((user) => choice(user, chosen(user)))),
          crowd.length
            ? h(
                "details",
                null,
                h("summary", null, t("everyoneElse", { n: crowd.length })),
                h("ul", null, crowd.map((user) => choice(user, chosen(user)))),
              )
            : null,
        ),
        h(
          "div",
          { class: "sheet-buttons" },
          h("button", { type: "button", class: "plain", onclick: close }, t("cancel")),
        ),
      ];
    },
    t("whoOpens"),
  );
}

const newcomer = (act) =>
  h(
    "button",
    { type: "button", class: "person newcomer", autofocus: true, onclick: act },
    h("span", { class: "avatar small", "aria-hidden": "true" }, icon("add")),
    h(
      "span",
      { class: "person-lines" },
      h("b", { class: "name" }, t("somebodyNew")),
      h("span", { class: "about" }, t("somebodyNewText")),
    ),
  );

const choice = (user, act) =>
  h(
    "li",
    null,
    h(
      "button",
      { type: "button", class: "person", onclick: act },
      avatar(user, "small"),
      h(
        "span",
        { class: "person-lines" },
        h("b", { class: "name" }, user.name),
        h("span", { class: "about" }, about(user)),
      ),
    ),
  );
