// A walk through the day with one button. Each step goes to a person, lets time pass where it
// must, and presses on their phone what is to be seen. Whoever clicks elsewhere has left it.

import { byId, calm, flash } from "./dom.js";
import { languageNow, pick, t } from "./words.js";

const patience = 8000; // for what is still on its way, in milliseconds
const quick = () => (calm() ? 0.15 : 1);
const rest = (time) => new Promise((done) => setTimeout(done, time * quick()));
const key = "allclear.guide";

/** Waits for something that comes by itself, but not for ever. */
async function until(so) {
  const end = performance.now() + patience;
  while (!so() && performance.now() < end) await new Promise((done) => setTimeout(done, 50));
}

/** @param ways {clock, open(user), where() -> user, say(user, text), begin(language)} */
export function guideView({ clock, open, where, say, begin }) {
  const bar = byId("guide");
  const next = byId("guide-next");
  let offered = []; // what could be walked
  let steps = []; // what is being walked, kept as it was when it began
  let at = 0;
  let busy = false;

  function offer(guide) {
    offered = guide?.steps ?? [];
    if (!steps.length) resume();
    render();
  }

  /** A reload goes on where the walk was. */
  function resume() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(key));
      if (kept?.steps?.length) ({ steps, at } = kept);
    } catch {
      /* then it begins anew */
    }
  }

  function keep() {
    try {
      if (steps.length) sessionStorage.setItem(key, JSON.stringify({ steps, at }));
      else sessionStorage.removeItem(key);
    } catch {
      /* then a reload forgets it */
    }
  }

  function render() {
    const step = steps[at];
    bar.hidden = !step;
    document.body.classList.toggle("guided", Boolean(step));
    byId("guide-me").hidden = Boolean(step) || !offered.length;
    byId("guide-begin").hidden = !offered.length;
    byId("got-it").className = offered.length ? "plain" : "primary";
    byId("got-it").textContent = t(offered.length ? "lookAround" : "gotIt");
    if (!step) return;
    byId("guide-count").textContent = `${at + 1}/${steps.length}`;
    const text = pick(step.text);
    if (byId("guide-text").textContent !== text) byId("guide-text").textContent = text;
    const last = at === steps.length - 1;
    next.textContent = t(busy ? "guideBusy" : last ? "guideEnd" : "guideNext");
    next.setAttribute("aria-disabled", String(busy));
  }

  function start() {
    steps = offered;
    at = 0;
    begin(languageNow());
    play();
    next.focus({ preventScroll: true });
  }

  function stop() {
    steps = [];
    keep();
    render();
  }

  function goOn() {
    if (busy) return;
    if (at >= steps.length - 1) return stop();
    at += 1;
    play();
  }

  async function play() {
    const step = steps[at];
    busy = true;
    keep();
    render();
    try {
      if (step.user) open(step.user);
      await passTime(step);
      for (const act of step.acts ?? []) {
        if (steps[at] !== step || where() !== step.user || !(await does(step.user, act))) break;
      }
    } finally {
      busy = false;
      render();
    }
  }

  async function passTime(step) {
    await rest(700);
    const moment = step.at && new Date(step.at);
    if (!moment || moment <= clock.now()) return;
    while (clock.talking()) await rest(200);
    await clock.goOnTo({ at: moment });
    await until(() => !clock.talking());
  }

  async function does(user, act) {
    if (act.wait) await rest(act.wait * 1000);
    else if (act.look) await look(act.look);
    else if (act.say) {
      await say(user, act.say);
      await until(() => document.querySelector("#log .row:last-child.theirs"));
      await rest(1500); // what a bot takes back when it answers may go a moment later
    } else {
      const node = await point(act);
      if (!node) return false;
      node.click();
      await until(() => !node.isConnected);
    }
    await rest(1000);
    return true;
  }

  /** Brings the newest message that says so into sight, or the newest with a photo. */
  async function look(wanted) {
    let row = null;
    await until(() => {
      row = [...document.querySelectorAll("#log .row:not(.leaving)")].findLast((one) =>
        wanted === "photo" ? one.querySelector(".photo") : one.textContent.includes(wanted),
      );
      return row;
    });
    row?.scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
  }

  /** Shows which button it will be; one that is replaced meanwhile is looked for again. */
  async function point(act) {
    for (let tries = 0; tries < 4; tries += 1) {
      const node = await appears(act);
      if (!node) return null;
      node.scrollIntoView({ block: "nearest" });
      flash(node, "pointed");
      await rest(1100);
      if (node.isConnected) return node;
    }
    return null;
  }

  /**
   * The newest button that says so, or that stands at [row, place] of the newest keyboard; with
   * `of` of the newest whose message says so.
   */
  async function appears({ tap, of }) {
    let node = null;
    await until(() => {
      node = typeof tap === "string" ? saying(tap) : standing(tap, of ?? "");
      return node && !node.classList.contains("busy");
    });
    return node ?? null;
  }

  /** The messages below the last date: the buttons of yesterday are left alone. */
  function todays() {
    const all = [...byId("log").children];
    const day = all.findLastIndex((node) => node.matches(".day:not(.fresh)"));
    return all.slice(day + 1).filter((node) => node.matches(".row:not(.leaving):has(.keyboard)"));
  }

  const saying = (label) =>
    todays()
      .flatMap((one) => [...one.querySelectorAll("button.key")])
      .findLast((node) => node.textContent.includes(label));
  const standing = ([row, place], of) =>
    todays()
      .findLast((one) => one.querySelector(".bubble").textContent.includes(of))
      ?.querySelector(".keyboard").children[row]?.children[place];

  next.addEventListener("click", goOn);
  byId("guide-close").addEventListener("click", stop);
  byId("guide-me").addEventListener("click", start);

  return { offer, render, start, walking: () => steps.length > 0 };
}
