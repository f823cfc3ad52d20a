// The bar at the top: the school's clock, the day's steps, and the hand that moves time.

import { byId, calm, fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { menu } from "./overlay.js";
import { dayKey, hourMinute, hourOfDay, longDay, nextMorning, seconds, setZone, shortDay, stepTime } from "./times.js";
import { languageNow, pick, t } from "./words.js";

const pause = 9000; // while the day plays by itself: long enough to read what arrived

// After a step the school talks: the bot writes to everybody, and many answer. Whoever moved on
// at once would see half a morning. In milliseconds:
const lull = () => (calm() ? 500 : 1800); // so long without a message, and the talk is over
const longest = 12_000; // then whoever wants to move on may
const shortest = () => (calm() ? 300 : 1500); // until the first message may be there

/**
 * The colour of the sky through the day, as [hour, hue, chroma, lightness]. From yellow to blue
 * and back it goes by way of a pale sky, where the hue can turn unseen: mixing would give green.
 */
const sky = [
  [0, 268, 0.07, 0.46],
  [5, 290, 0.07, 0.6],
  [6.5, 55, 0.11, 0.86],
  [8.5, 85, 0.08, 0.92],
  [9.8, 90, 0.02, 0.95],
  [9.9, 225, 0.02, 0.95],
  [12, 225, 0.055, 0.91],
  [15, 225, 0.02, 0.94],
  [15.1, 80, 0.02, 0.94],
  [16.5, 80, 0.07, 0.9],
  [18.5, 40, 0.12, 0.8],
  [20.5, 300, 0.08, 0.58],
  [24, 268, 0.07, 0.46],
];

export function clockView({ onMove, onZone }) {
  const bar = byId("clock");
  const track = byId("steps");
  const next = byId("next");
  const play = byId("play");
  const more = byId("clock-more");
  let steps = [];
  let zone = null;
  let base = null; // {moment, at}: the server's clock when the page last asked
  let running = true;
  let playing = null;
  let drawn = "";
  let movedAt = -Infinity;
  let heardAt = -Infinity;

  const talking = () => {
    const at = performance.now();
    const since = at - movedAt;
    return since < shortest() || (since < longest && at - heardAt < lull());
  };

  function now() {
    if (!base) return new Date();
    const passed = running ? performance.now() - base.at : 0;
    return new Date(base.moment + passed);
  }

  function update(clock) {
    base = { moment: new Date(clock.now).getTime(), at: performance.now() };
    running = clock.running !== false;
    steps = (clock.steps ?? []).map((step) => ({ at: new Date(step.at), label: step.label }));
    if (clock.zone && clock.zone !== zone) {
      zone = clock.zone;
      setZone(zone);
      onZone();
    }
    draw();
  }

  const nextStep = () => steps.find((step) => step.at > now());

  /** Runs every second; builds the timeline again only when it says something else. */
  function draw() {
    if (!base) return;
    const moment = now();
    const [hour, minute] = hourMinute(moment).split(":");
    fill(
      byId("time"),
      h("span", null, hour),
      h("i", null, ":"),
      h("span", null, minute),
      h("small", null, seconds(moment)),
    );
    byId("date").textContent = longDay(moment);
    byId("date-short").textContent = shortDay(moment);
    byId("zone").textContent = (zone ?? "UTC").split("/").pop().replace(/_/g, " ");
    paintSky(hourOfDay(moment));
    const coming = nextStep();
    const key = JSON.stringify([
      languageNow(),
      zone,
      steps,
      coming?.at,
      Boolean(playing),
      talking(),
      longDay(moment),
    ]);
    if (key !== drawn) {
      drawn = key;
      drawSteps(coming);
      drawButtons(coming);
    }
    moveSun(moment);
  }

  function drawSteps(coming) {
    bar.classList.toggle("no-steps", !steps.length);
    track.style.setProperty("--count", steps.length);
    const known = track.querySelectorAll("li");
    const items = steps.map((step, i) => {
      const done = step.at <= now();
      const label = pick(step.label);
      const time = stepTime(step.at, now());
      const item = known[i] ?? h("li");
      item.className = done ? "done" : step === coming ? "next" : "";
      fill(
        item,
        h(
          "button",
          {
            type: "button",
            disabled: done,
            title: `${time} ${label}`,
            "aria-label": done
              ? `${time} ${label}, ${t("done")}`
              : t("jumpTo", { label, time }),
            "aria-current": step === coming ? "step" : null,
            onclick: () => goOnTo(step),
          },
          h("span", { class: "dot" }, done ? icon("tick") : null),
          h("span", { class: "step-time" }, time),
          h("span", { class: "step-label" }, label),
        ),
      );
      return item;
    });
    [...known].slice(steps.length).forEach((item) => item.remove());
    items.forEach((item, i) => known[i] ?? track.append(item));
  }

  function drawButtons(coming) {
    next.hidden = !steps.length;
    next.disabled = talking();
    play.hidden = !coming;
    if (next.disabled) fill(next, h("span", null, t("talking")));
    else if (coming) {
      // A phone has room for the step, not for the word before it.
      fill(
        next,
        h("span", { class: "lead" }, t("next")),
        h("span", { class: "what" }, pick(coming.label)),
        h("span", null, " ", stepTime(coming.at, now())),
        icon("send"),
      );
    } else if (steps.length) {
      fill(next, h("em", null, t("dayDone")), h("span", null, t("nextMorning")), icon("send"));
    }
    fill(play, icon(playing ? "pause" : "play"));
    play.setAttribute("aria-pressed", String(Boolean(playing)));
    play.setAttribute("aria-label", t(playing ? "pauseDay" : "playDay"));
    play.title = t(playing ? "pauseDay" : "playDay");
    more.setAttribute("aria-label", t("moveClock"));
    bar.setAttribute("aria-label", t("schoolClock"));
    track.setAttribute("aria-label", t("steps"));
  }

  /** Steps stand at equal distances; the sun moves between them in proportion to the time. */
  function moveSun(moment) {
    if (!steps.length) return;
    const i = steps.findIndex((step) => step.at > moment);
    let at = steps.length - 1;
    if (i === 0) at = -0.35;
    else if (i > 0) {
      const [from, to] = [steps[i - 1].at, steps[i].at];
      at = i - 1 + (moment - from) / (to - from || 1);
    }
    const part = (at + 0.5) / steps.length;
    track.style.setProperty("--sun-at", `${(Math.max(0, part) * 100).toFixed(2)}%`);
  }

  function paintSky(hour) {
    const i = sky.findIndex(([to]) => to > hour) || 1;
    const [from, to] = [sky[i - 1], sky[i]];
    const part = (hour - from[0]) / (to[0] - from[0]);
    const mix = (n) => from[n] + (to[n] - from[n]) * part;
    // The short way round the circle of hues.
    const turn = ((to[1] - from[1] + 540) % 360) - 180;
    bar.style.setProperty(
      "--sky",
      `oklch(${mix(3).toFixed(3)} ${mix(2).toFixed(3)} ${((from[1] + turn * part + 360) % 360).toFixed(1)})`,
    );
    bar.classList.toggle("night", hour < 5.5 || hour > 19.5);
  }

  async function move(change) {
    movedAt = performance.now();
    draw();
    setTimeout(draw, shortest());
    const clock = await onMove(change);
    if (clock?.now) update(clock);
  }

  /** One step after the other: a bot that is asked to jump over its morning would skip it. */
  async function goOnTo(step) {
    while (step.at > now()) {
      // After the last step of a day those of the next one take a moment to be told.
      if (!nextStep()) await new Promise((done) => setTimeout(done, 1500));
      if (!nextStep()) return;
      const before = now();
      await move({ jump: "next" });
      if (now() <= before) return;
      while (step.at > now() && talking()) await new Promise((done) => setTimeout(done, 200));
    }
  }

  function toMorning() {
    const first = steps.length ? hourOfDay(steps[0].at) - 5 / 60 : 6;
    return move({ now: nextMorning(now(), Math.max(0, Math.min(6, first))).toISOString() });
  }

  function togglePlay() {
    if (playing) {
      clearInterval(playing);
      playing = null;
    } else {
      playing = setInterval(playOn, 500);
      move({ jump: "next" });
    }
    draw();
  }

  /** Plays until the day is over; the next one waits to be asked for. */
  function playOn() {
    const coming = nextStep();
    if (!coming || dayKey(coming.at) !== dayKey(now())) togglePlay();
    else if (!talking() && performance.now() - movedAt > pause) move({ jump: "next" });
  }

  next.addEventListener("click", () => {
    nextStep() ? move({ jump: "next" }) : toMorning();
  });
  play.addEventListener("click", togglePlay);
  more.addEventListener("click", () => {
    const coming = nextStep();
    menu(more, [
      ...steps.map((step) => ({
        label: pick(step.label),
        aside: stepTime(step.at, now()),
        icon: step.at <= now() ? "tick" : "clock",
        className: `step-item${step === coming ? " next" : ""}`,
        disabled: step.at <= now(),
        act: () => goOnTo(step),
      })),
      steps.length ? null : undefined,
      { label: t("plus5"), act: () => move({ shift: 300 }) },
      { label: t("plus60"), act: () => move({ shift: 3600 }) },
      { label: t("nextMorning"), act: toMorning },
    ].filter((item) => item !== undefined));
  });
  setInterval(draw, 1000);

  /** Something was said in some chat. */
  const heard = () => {
    heardAt = performance.now();
  };

  return { update, draw, now, heard, talking, goOnTo };
}
