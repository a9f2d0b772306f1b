// A stream of events that says whether it is connected, can be stopped, and comes back by itself.

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const TEXTS = { connecting: "Connecting", live: "Live", lost: "Reconnecting", paused: "Paused", ended: "Ended" };

const button = document.getElementById("live");
const told = document.getElementById("live-told");

/** Show how it stands; a reader that is read out aloud hears of changes for the worse, and that it is well again. */
export function show(state) {
  const before = button.dataset.state;
  button.dataset.state = state;
  button.querySelector(".text").textContent = TEXTS[state];
  button.title = state === "paused" ? "Go on" : "Stop changes on this page";
  button.setAttribute("aria-pressed", String(state === "paused"));
  if (state === before) return;
  if (state === "lost") told.textContent = "The connection is lost. Trying again.";
  else if (state === "live" && before === "lost") told.textContent = "Connected again.";
}

/**
 * Follow a stream from the event `seen` on; null: from now on. `on` has a function for each kind of event, given its
 * data (parsed) and its id; `missed` is called when events may have been missed. Gives back what ends it.
 */
export function follow(url, seen, on, missed) {
  let source = null;
  let wait_ms = FIRST_WAIT_MS;
  let timer = 0;

  function open() {
    const address = new URL(url, location.href);
    if (seen) address.searchParams.set("last_event_id", seen);
    source = new EventSource(address);
    source.addEventListener("open", () => {
      wait_ms = FIRST_WAIT_MS;
      show("live");
    });
    source.addEventListener("error", () => {
      show("lost");
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again, and says what it has seen
      timer = setTimeout(open, wait_ms * (0.5 + Math.random() / 2));
      wait_ms = Math.min(wait_ms * 2, LONGEST_WAIT_MS);
    });
    for (const [kind, act] of Object.entries({ ...on, reset: missed })) {
      source.addEventListener(kind, (event) => {
        seen = event.lastEventId || seen;
        act(JSON.parse(event.data), event.lastEventId);
      });
    }
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function toggle() {
    if (source) {
      close();
      show("paused");
    } else {
      show("connecting");
      open();
    }
  }

  // A page that the browser keeps for the way back holds no connection meanwhile.
  function comeBack(event) {
    if (event.persisted && button.dataset.state !== "paused") open();
  }

  button.addEventListener("click", toggle);
  addEventListener("pagehide", close);
  addEventListener("pageshow", comeBack);
  if (button.dataset.state !== "paused") open();
  return () => {
    close();
    button.removeEventListener("click", toggle);
    removeEventListener("pagehide", close);
    removeEventListener("pageshow", comeBack);
  };
}
