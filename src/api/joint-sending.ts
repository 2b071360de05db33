/**
 * Answers that become ready in one turn of the event loop are sent together, when everything that has arrived was looked at. Who reads
 * them is woken once and not by each of them: waking a process costs the system more than handing it the bytes.
 */

/** With so many bytes ready, they are sent before the turn is over: large answers do not wait for each other. */
const MOST_WAITING_BYTES = 2 ** 18;

/** Sends when it is called; throws nothing. */
export type Send = () => void;

/** Takes what is ready to be sent, of so many bytes. */
export function jointSending(): (bytes: number, send: Send) => void {
  let waiting: Send[] = [];
  let waitingBytes = 0;

  function sendAll(): void {
    const sends = waiting;
    waiting = [];
    waitingBytes = 0;
    for (let at = 0; at < sends.length; at += 1) (sends[at] as Send)();
  }

  return (bytes, send) => {
    if (waiting.length === 0) setImmediate(sendAll);
    waiting.push(send);
    waitingBytes += bytes;
    if (waitingBytes >= MOST_WAITING_BYTES) sendAll();
  };
}
