// Every time on the page is the school's, in the school's zone, never the browser's.

import { languageNow } from "./words.js";

let zone = "UTC";

export function setZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    zone = name;
  } catch {
    zone = "UTC";
  }
}

export const zoneNow = () => zone;

const made = new Map();

function formatter(locale, options) {
  const key = `${zone}|${locale}|${JSON.stringify(options)}`;
  if (!made.has(key)) {
    made.set(key, new Intl.DateTimeFormat(locale, { timeZone: zone, ...options }));
  }
  return made.get(key);
}

const locale = () => (languageNow() === "zh" ? "zh-CN" : "en-GB");

const asDate = (when) => (when instanceof Date ? when : new Date(when));

export const hourMinute = (when) =>
  formatter("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(asDate(when));

export const seconds = (when) => String(asDate(when).getUTCSeconds()).padStart(2, "0");

/** "2026-03-02": the day in the school's zone, to compare and to separate. */
export const dayKey = (when) =>
  formatter("en-CA", { year: "numeric", month: "2-digit", day: "2-digit" }).format(asDate(when));

export function longDay(when) {
  const day = formatter(locale(), { day: "numeric", month: "long" }).format(asDate(when));
  const weekday = formatter(locale(), { weekday: "long" }).format(asDate(when));
  return languageNow() === "zh" ? `${day} ${weekday}` : `${weekday}, ${day}`;
}

export function shortDay(when) {
  const day = formatter(locale(), { day: "numeric", month: "short" }).format(asDate(when));
  const weekday = formatter(locale(), { weekday: "short" }).format(asDate(when));
  return languageNow() === "zh" ? `${day} ${weekday}` : `${weekday} ${day}`;
}

/** In the list: the time for today, the day for earlier. */
export const listTime = (when, now) =>
  dayKey(when) === dayKey(now)
    ? hourMinute(when)
    : formatter(locale(), { day: "numeric", month: "short" }).format(asDate(when));

/** A step of the day: its time, and the day when that is not today. */
export function stepTime(when, now) {
  if (dayKey(when) === dayKey(now)) return hourMinute(when);
  const weekday = formatter(locale(), { weekday: "short" }).format(asDate(when));
  return `${weekday} ${hourMinute(when)}`;
}

/** Hours since the school's midnight, with the minutes as a fraction. */
export function hourOfDay(when) {
  const [hours, minutes] = hourMinute(when).split(":").map(Number);
  return hours + minutes / 60;
}

/** The moment of the given local time on the school's next day. */
export function nextMorning(now, hour) {
  // Walking in quarter hours meets every zone and every change of the clocks without tables.
  const quarter = 15 * 60 * 1000;
  const today = dayKey(now);
  let moment = new Date(Math.ceil(asDate(now).getTime() / quarter) * quarter);
  for (let i = 0; i < 4 * 50; i += 1) {
    if (dayKey(moment) !== today && hourOfDay(moment) >= hour) return moment;
    moment = new Date(moment.getTime() + quarter);
  }
  return moment;
}
