// The typing area: text, the command menu with its suggestions, files.

import { byId, fill, h, narrow } from "./dom.js";
import { bytes } from "./bubble.js";
import { dialog } from "./overlay.js";
import { t } from "./words.js";

export function composer({ onText, onFile }) {
  const form = byId("composer");
  const box = byId("text");
  const list = byId("suggestions");
  const slash = byId("slash");
  const picker = byId("file");
  let commands = [];
  let offered = [];
  let chosen = 0;
  let all = false; // the "/" button shows every command whatever is typed

  const isOpen = () => !list.hidden;

  function offer() {
    const typed = /^\/(\S*)$/.exec(box.value)?.[1]?.toLowerCase();
    const asked = all ? "" : typed;
    if (asked === undefined || (!commands.length && !all)) return close();
    const starts = commands.filter(({ command }) => command.startsWith(asked));
    const contains = commands.filter(
      ({ command, description }) =>
        !command.startsWith(asked) &&
        `${command} ${description}`.toLowerCase().includes(asked),
    );
    offered = [...starts, ...contains];
    chosen = 0;
    if (!offered.length && !all) return close();
    draw();
  }

  function draw() {
    fill(
      list,
      offered.length ? null : h("p", { class: "nothing" }, t("noCommands")),
      offered.map(({ command, description }, i) =>
        h(
          "div",
          {
            role: "option",
            id: `suggestion-${i}`,
            class: "suggestion",
            "aria-selected": String(i === chosen),
            onpointerdown: (event) => event.preventDefault(), // keeps the focus in the box
            onclick: () => use(offered[i]),
          },
          h("b", null, `/${command}`),
          h("span", null, description),
        ),
      ),
    );
    list.hidden = false;
    slash.setAttribute("aria-expanded", "true");
    box.setAttribute("aria-expanded", "true");
    if (offered.length) {
      box.setAttribute("aria-activedescendant", `suggestion-${chosen}`);
      byId(`suggestion-${chosen}`).scrollIntoView({ block: "nearest" });
    } else box.removeAttribute("aria-activedescendant");
  }

  function close() {
    all = false;
    list.hidden = true;
    slash.setAttribute("aria-expanded", "false");
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  }

  function use({ command }) {
    box.value = "";
    grow();
    close();
    onText(`/${command}`);
  }

  function grow() {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 160)}px`;
    form.classList.toggle("has-text", box.value.trim() !== "");
  }

  async function send() {
    const text = box.value.trim();
    if (!text) return;
    box.value = "";
    grow();
    close();
    const sent = await onText(text);
    // What could not be sent is not lost.
    if (sent === false && !box.value) {
      box.value = text;
      grow();
    }
  }

  box.addEventListener("input", () => {
    all = false;
    grow();
    offer();
  });
  box.addEventListener("blur", () => setTimeout(close, 120));
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // Enter that ends a pinyin word is not "send"
    if (isOpen() && offered.length) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        event.preventDefault();
        chosen = (chosen + step + offered.length) % offered.length;
        return draw();
      }
      if (event.key === "Tab") {
        event.preventDefault();
        box.value = `/${offered[chosen].command} `;
        grow();
        return close();
      }
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        return use(offered[chosen]);
      }
    }
    if (event.key === "Escape") close();
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
    box.focus();
  });
  slash.addEventListener("pointerdown", (event) => event.preventDefault());
  slash.addEventListener("click", () => {
    if (isOpen()) return close();
    all = true;
    box.focus();
    offer();
  });

  byId("attach").addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    if (picker.files.length) askToSend(picker.files[0], onFile);
    picker.value = "";
  });
  box.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file) return;
    event.preventDefault();
    askToSend(file, onFile);
  });
  acceptDrops(byId("conversation"), () => !form.hidden, (file) => askToSend(file, onFile));

  return {
    setCommands(fresh) {
      commands = fresh ?? [];
      slash.hidden = !commands.length;
      if (isOpen()) offer();
    },
    /** The chat's own keyboard under the typing area: each key says its text. */
    setKeyboard(keyboard) {
      const keys = byId("reply-keys");
      const lines = (keyboard?.keyboard ?? []).map((line) =>
        line.map((wish) => (typeof wish === "string" ? wish : wish.text)),
      );
      keys.hidden = !lines.length;
      fill(
        keys,
        lines.map((line) =>
          h(
            "div",
            { class: "keys" },
            line.map((text) =>
              h("button", { type: "button", class: "key", onclick: () => onText(text) }, text),
            ),
          ),
        ),
      );
    },
    /** A bot may put its own page at the left of the typing area. */
    setMenuButton(button) {
      const link = byId("menu-page");
      const url = button?.type === "web_app" ? button.url : null;
      link.hidden = !url;
      if (url) link.href = url;
      link.textContent = url ? button.text : "";
    },
    clear() {
      box.value = "";
      grow();
      close();
    },
    /** On a phone the keyboard would jump up; there the person taps the box when ready. */
    focus() {
      if (!narrow() && !form.hidden) box.focus({ preventScroll: true });
    },
  };
}

function acceptDrops(area, isOpen, onDrop) {
  const carriesFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0; // dragenter and dragleave also fire for every child
  const mark = (change) => {
    depth = Math.max(0, change);
    area.classList.toggle("dropping", depth > 0 && isOpen());
  };
  area.addEventListener("dragenter", (event) => carriesFile(event) && mark(depth + 1));
  area.addEventListener("dragleave", (event) => carriesFile(event) && mark(depth - 1));
  area.addEventListener("dragover", (event) => carriesFile(event) && event.preventDefault());
  area.addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    mark(0);
    if (isOpen() && event.dataTransfer.files.length) onDrop(event.dataTransfer.files[0]);
  });
}

function askToSend(file, onFile) {
  const image = /^image\/(png|jpeg|webp)$/.test(file.type);
  const preview = image ? URL.createObjectURL(file) : null;
  const caption = h("input", {
    type: "text",
    placeholder: t("caption"),
    "aria-label": t("caption"),
    autofocus: true,
  });
  const plain = h("input", { type: "checkbox" });
  const box = dialog(
    "sheet",
    (close) =>
      h(
        "form",
        {
          class: "send-file",
          onsubmit: (event) => {
            event.preventDefault();
            close();
            onFile(file, image && !plain.checked ? "photo" : "document", caption.value.trim());
          },
        },
        h("h2", null, t("sendFileTitle")),
        preview ? h("img", { class: "preview", src: preview, alt: "" }) : null,
        h("p", { class: "file-line" }, h("b", null, file.name), ` ${bytes(file.size)}`),
        caption,
        image ? h("label", { class: "check" }, plain, t("asFile")) : null,
        h(
          "div",
          { class: "sheet-buttons" },
          h("button", { type: "button", class: "plain", onclick: close }, t("cancel")),
          h("button", { type: "submit", class: "primary" }, t("send")),
        ),
      ),
    t("sendFileTitle"),
  );
  box.addEventListener("close", () => preview && URL.revokeObjectURL(preview));
}
