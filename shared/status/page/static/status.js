/* What the status page does beyond plain HTML: it shows local times, and refreshes itself while work is in progress.
   Without scripts everything works: times are UTC, and the page reloads every 30 seconds. */

"use strict";

const SHORTEST_PAUSE = { work: 3_000, waiting: 10_000 };
const LONGEST_PAUSE = 60_000;
const SHARE_OF_TIME = 10; // a page that takes long to load is polled less often

const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.valueOf())) time.textContent = format.format(moment);
  }
}

/* Replaces only the parts that changed, so that focus, scroll positions, selection and typed text stay. */
function replaceChanged(fresh) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!next) part.remove();
    if (!next || next.innerHTML === part.innerHTML) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const scrolled = [...part.querySelectorAll(".scroll[id]")].map((box) => [box.id, box.scrollLeft, box.scrollTop]);
    part.replaceChildren(...next.childNodes);
    for (const [id, left, top] of scrolled) document.getElementById(id)?.scrollTo({ left, top, behavior: "instant" });
    if (focused) (focusedAgain(part, focused) ?? part).focus({ preventScroll: true });
  }
}

function focusedAgain(part, before) {
  if (before.id) return document.getElementById(before.id);
  const address = before.getAttribute("href");
  return [...part.querySelectorAll("a[href]")].find((link) => link.getAttribute("href") === address);
}

function stayLive() {
  const live = document.getElementById("live");
  const pauseButton = document.getElementById("pause");
  if (!live || !pauseButton) return;
  let pause = SHORTEST_PAUSE[live.dataset.live];
  let isPaused = false;
  let timer = 0;

  const wait = () => {
    clearTimeout(timer);
    if (!isPaused && !document.hidden) timer = setTimeout(poll, pause);
  };

  const poll = async () => {
    if (!(live.dataset.live in SHORTEST_PAUSE)) return;
    const started = performance.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      showLocalTimes(fresh);
      if (isPaused) return;
      replaceChanged(fresh);
      live.dataset.live = fresh.getElementById("live")?.dataset.live ?? "over";
      live.classList.remove("is-late");
      if (!(live.dataset.live in SHORTEST_PAUSE)) {
        live.replaceChildren();
        return;
      }
      pause = Math.max(SHORTEST_PAUSE[live.dataset.live], SHARE_OF_TIME * (performance.now() - started));
    } catch {
      pause = Math.min(pause * 2, LONGEST_PAUSE);
      live.classList.add("is-late");
    }
    wait();
  };

  pauseButton.hidden = false;
  pauseButton.addEventListener("click", () => {
    isPaused = !isPaused;
    live.classList.toggle("is-paused", isPaused);
    pauseButton.textContent = isPaused ? "Resume" : "Pause";
    if (isPaused) wait();
    else poll();
  });
  document.addEventListener("visibilitychange", () => (document.hidden || isPaused ? wait() : poll()));
  wait();
}

showLocalTimes(document);
const zone = document.getElementById("zone");
if (zone) zone.textContent = `Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
stayLive();
