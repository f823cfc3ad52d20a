// The users' API of the sandbox, one function for each thing a person can do.

export class Refused extends Error {}
export class Unreachable extends Error {}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(path);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(body?.error ?? `HTTP ${response.status}`);
  return body;
}

const post = (path, body) =>
  call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

const chatPath = (user, bot, part = "") => `/sandbox/chats/${user}${part}?bot=${bot}`;

export const bots = () => call("/sandbox/bots");
export const users = (ids) => call(`/sandbox/users${ids ? `?ids=${ids.join()}` : ""}`);
export const addUser = (user) => post("/sandbox/users", user);
export const chat = (user, bot) => call(chatPath(user, bot));
export const chatAfter = (user, bot, version, wait, signal) =>
  call(`${chatPath(user, bot)}&after=${version}&wait=${wait}`, { signal });
export const say = (user, bot, text) => post(chatPath(user, bot, "/messages"), { text });
export const start = (user, bot, code) => post(chatPath(user, bot, "/messages"), { start: code });
export const tap = (user, bot, tapped) =>
  post(chatPath(user, bot, "/taps"), { wait: 15, ...tapped });
export const read = (user, bot) => post(chatPath(user, bot, "/read"), {});
export const block = (user, bot, blocked) => post(chatPath(user, bot, "/block"), { blocked });
export const clock = () => call("/sandbox/clock");
export const tally = () => call("/sandbox/tally");
export const guide = () => call("/sandbox/guide");
export const setGuide = (wish) => post("/sandbox/guide", wish);
export const moveClock = (move) => post("/sandbox/clock", move);

export function sendFile(user, bot, file, kind, caption) {
  const form = new FormData();
  form.append("kind", kind);
  if (caption) form.append("caption", caption);
  form.append("file", file, file.name);
  return call(chatPath(user, bot, "/files"), { method: "POST", body: form });
}
