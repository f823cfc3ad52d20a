// One quiet line under the clock: what the day's last step has set going, counted by the server.

import { byId } from "./dom.js";
import { menu } from "./overlay.js";
import { stepTime } from "./times.js";
import { pick, t } from "./words.js";

export function newsView({ now }) {
  const line = byId("news");
  const said = byId("news-line");
  let tallies = [];

  const counts = ({ people, taps, refused }) =>
    [
      people ? t("newsPeople", { n: people }) : null,
      taps ? t("newsTaps", { n: taps }) : null,
      refused ? t("newsRefused", { n: refused }) : null,
    ]
      .filter(Boolean)
      .join(" · ");

  function update(fresh) {
    tallies = fresh;
    render();
  }

  function render() {
    const last = tallies.at(-1);
    said.disabled = !last;
    line.classList.toggle("empty", !last);
    const text = last
      ? [`${stepTime(last.at, now())} ${pick(last.label)}`, counts(last)]
          .filter(Boolean)
          .join(t("newsColon"))
      : t("newsNone");
    if (said.textContent !== text) said.textContent = text;
    said.title = last ? t("newsAll") : "";
  }

  said.addEventListener("click", () =>
    menu(
      said,
      tallies.map((tally) => ({
        label: pick(tally.label),
        before: stepTime(tally.at, now()),
        aside: counts(tally),
        className: "news-item",
        act: () => {},
      })),
    ),
  );

  return { update, render };
}
