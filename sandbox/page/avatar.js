// A face for everybody: an emoji when one is given, initials otherwise, on a colour that
// depends only on the id, so that the same person looks the same on every visit.

import { h } from "./dom.js";

const colours = 10;

function colourOf(id) {
  let hash = 7;
  for (const letter of String(id)) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return (hash ^ (hash >>> 7)) % colours;
}

/** The last two characters of a Chinese name, otherwise the first letters of first and last. */
function initials(name) {
  const trimmed = (name ?? "").trim();
  if (!trimmed) return "?";
  if (/\p{Script=Han}/u.test(trimmed)) {
    const han = [...trimmed].filter((letter) => /\p{Script=Han}/u.test(letter));
    return han.slice(-2).join("");
  }
  const parts = trimmed.split(/\s+/);
  const letters = parts.length > 1 ? [parts[0], parts[parts.length - 1]] : [parts[0]];
  return letters.map((part) => [...part][0].toUpperCase()).join("");
}

let emojiDrawn;

/** Small machines have no emoji font: an empty box is worse than initials. */
function drawsEmoji() {
  if (emojiDrawn !== undefined) return emojiDrawn;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 20;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.font = "16px sans-serif";
  pen.textBaseline = "top";
  pen.fillStyle = "#000";
  pen.fillText("😀", 0, 0);
  const pixels = pen.getImageData(0, 0, 20, 20).data;
  emojiDrawn = pixels.some((value, i) => i % 4 !== 3 && value > 40);
  return emojiDrawn;
}

export function avatar(someone, size = "") {
  // 🙂 is what a person gets who was given no face: initials tell more.
  const emoji = someone.emoji && someone.emoji !== "🙂" && drawsEmoji();
  const text = emoji ? someone.emoji : initials(someone.name);
  const kind = emoji ? "emoji" : text.length > 1 ? "two" : "one";
  return h(
    "span",
    { class: `avatar ${kind} ${size} tint-${colourOf(someone.id)}`, "aria-hidden": "true" },
    text,
  );
}
