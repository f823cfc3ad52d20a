// Keeps the page in step with the server: server-sent events, a long poll where those do not
// get through, and a quiet return after the server was away.

const firstDelay = 300;
const longestDelay = 2000;
const sayLostAfter = 1200; // a restart shorter than this is nobody's business

/**
 * @param handlers {onEvent(event), onBack(), onLost(), isUp() -> Promise, poll(signal) -> Promise}
 *   `onBack` is called whenever the stream (re)opens: everything may have changed meanwhile.
 */
export function keepLive({ onEvent, onBack, onLost, isUp, poll }) {
  let source = null;
  let delay = firstDelay;
  let timer = null;
  let lostTimer = null;
  let refusals = 0;
  let polling = null;

  function connect() {
    clearTimeout(timer);
    source?.close();
    source = new EventSource("/sandbox/events");
    source.onopen = () => {
      delay = firstDelay;
      refusals = 0;
      polling?.abort();
      polling = null;
      back();
    };
    source.onmessage = (message) => {
      try {
        onEvent(JSON.parse(message.data));
      } catch {
        /* a keep-alive or a line we do not know */
      }
    };
    source.onerror = retry;
  }

  function back() {
    clearTimeout(lostTimer);
    lostTimer = null;
    onBack();
  }

  async function retry() {
    source.close();
    refusals += 1;
    lostTimer ??= setTimeout(onLost, sayLostAfter);
    clearTimeout(timer);
    // The server may be up while something on the way swallows event streams.
    if (refusals >= 3 && !polling && (await isUp())) longPoll();
    timer = setTimeout(connect, polling ? 30_000 : delay);
    delay = Math.min(delay * 1.6, longestDelay);
  }

  async function longPoll() {
    const stop = (polling = new AbortController());
    back();
    while (!stop.signal.aborted) {
      try {
        await poll(stop.signal);
      } catch {
        if (stop.signal.aborted) return;
        polling = null;
        lostTimer ??= setTimeout(onLost, sayLostAfter);
        timer = setTimeout(connect, delay);
        return;
      }
    }
  }

  // A browser gives one host six connections: tabs in the background return theirs.
  let sleep = null;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(sleep);
    if (document.hidden) {
      sleep = setTimeout(() => {
        source?.close();
        clearTimeout(timer);
      }, 60_000);
    } else if (source?.readyState === EventSource.CLOSED) connect();
    else onBack();
  });

  connect();
}
