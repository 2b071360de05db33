// A client that costs little: raw sockets, requests made before, answers read as far as their length. Argument: a JSON object:
// url, bodies (of POST requests, taken in turn), seconds, connections, and either perSecond (an open loop: each request has its
// time, and its latency counts from then, also where it had to wait for a connection) or nothing (as many as get answered).
// Prints { answers, perSecond, p50, p99, max }: all answers, those of the warm-up included, and milliseconds.
import { connect } from 'node:net';

const { url, bodies, seconds, connections, perSecond } = JSON.parse(await new Response(process.stdin).text());
const { hostname, port, pathname } = new URL(url);
const requests = bodies.map((body) =>
  Buffer.from(
    `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  ),
);
const HEAD_END = Buffer.from('\r\n\r\n');
const latencies = [];
let answers = 0;
let next = 0;
let isMeasured = false;

function open() {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname).setNoDelay(true);
    const line = { socket, since: 0, wanted: -1, got: 0, done: () => {} };
    socket.once('connect', () => resolve(line)).once('error', reject);
    socket.on('data', (chunk) => {
      if (line.wanted < 0) {
        const end = chunk.indexOf(HEAD_END);
        const head = chunk.toString('latin1', 0, end);
        if (end < 0 || !head.startsWith('HTTP/1.1 200'))
          throw new Error(`no answer of 200: ${chunk.toString().slice(0, 400)}`);
        line.wanted = end + 4 + Number(/content-length: (\d+)/i.exec(head)[1]);
      }
      line.got += chunk.length;
      if (line.got < line.wanted) return;
      answers += 1;
      if (isMeasured) latencies.push(performance.now() - line.since);
      line.wanted = -1;
      line.got = 0;
      line.done();
    });
  });
}

function send(line, since) {
  line.since = since;
  line.socket.write(requests[next]);
  next = (next + 1) % requests.length;
}

const lines = await Promise.all(Array.from({ length: connections }, open));

/** Every connection sends its next request when it has its answer. */
function closedLoop(forMs) {
  const until = performance.now() + forMs;
  return Promise.all(
    lines.map(
      (line) =>
        new Promise((resolve) => {
          line.done = () => (performance.now() < until ? send(line, performance.now()) : resolve());
          line.done();
        }),
    ),
  );
}

function openLoop(forMs) {
  return new Promise((resolve) => {
    const begun = performance.now();
    const total = Math.round((forMs / 1000) * perSecond);
    const free = [...lines];
    const waiting = [];
    let sent = 0;
    let answered = 0;
    for (const line of lines) {
      line.done = () => {
        answered += 1;
        const due = waiting.shift();
        if (due === undefined) free.push(line);
        else send(line, due);
        if (answered === total) resolve();
      };
    }
    const tick = () => {
      const now = performance.now();
      while (sent < total && begun + (sent * 1000) / perSecond <= now) {
        const due = begun + (sent * 1000) / perSecond;
        sent += 1;
        const line = free.pop();
        if (line === undefined) waiting.push(due);
        else send(line, due);
      }
      // Timers are too coarse for a thousand a second.
      if (sent < total) setImmediate(tick);
    };
    tick();
  });
}

await closedLoop(Math.min(2_000, seconds * 500));
// What the warm-up left to be done is no part of what is measured.
if (perSecond !== undefined) await openLoop(1_000);
isMeasured = true;
const begun = performance.now();
await (perSecond === undefined ? closedLoop(seconds * 1000) : openLoop(seconds * 1000));
const took = (performance.now() - begun) / 1000;
latencies.sort((a, b) => a - b);
const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))];
process.stdout.write(
  JSON.stringify({
    answers,
    perSecond: latencies.length / took,
    p50: at(0.5),
    p99: at(0.99),
    max: latencies.at(-1),
  }),
);
for (const { socket } of lines) socket.destroy();
