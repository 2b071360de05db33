/**
 * Follows the log of a pod's container, without loss and without doubles over any number of broken connections: the server
 * puts its time before each line; after a break it is asked for lines since the second of the last one, and as many lines of
 * that very time as were taken are passed over.
 */
import { StringDecoder } from 'node:string_decoder';
import type { JsonObject } from '../../../lib/json.ts';
import { pause } from '../../../lib/pause.ts';
import type { Cluster } from './cluster.ts';
import { ClusterError, hasStatus } from './cluster-error.ts';
import { CONTAINER } from './manifest.ts';

/** How far a log was taken. */
export interface LogPosition {
  readonly pod: string;
  /** Of the last whole line, as the server wrote it. */
  readonly time: string;
  /** Lines of that time that were taken. */
  readonly lines: number;
}

/** As it was stored. */
export function logPositionOf(stored: JsonObject | null): LogPosition | undefined {
  if (stored === null) return undefined;
  const { pod, time, lines } = stored;
  return typeof pod === 'string' && typeof time === 'string' && typeof lines === 'number'
    ? { pod, time, lines }
    : undefined;
}

export interface PodLogOptions {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly pod: string;
  readonly from: LogPosition | undefined;
  /** Text, with its line's end where it has one, and the position after it where a line ended. */
  readonly write: (text: string, position: LogPosition | undefined) => void;
  /** Resolves once there is room again. */
  readonly room: () => Promise<void>;
  /** Whether the container has ended: then what is there now is all. */
  readonly ended: () => boolean;
  readonly signal: AbortSignal;
}

const SILENT_MS = 10 * 60_000;
const TRIES_AFTER_END = 5;

/** Resolves when the log is taken to its end. Throws where it cannot be had although the container ended, and when aborted. */
export async function followPodLog(options: PodLogOptions): Promise<void> {
  const { signal } = options;
  const reader = createReader(options);
  let failures = 0;
  while (!signal.aborted) {
    const endedBefore = options.ended();
    try {
      await read(options, reader);
      if (endedBefore) {
        reader.finish();
        return;
      }
      failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      failures += 1;
      if (endedBefore && (failures >= TRIES_AFTER_END || hasStatus(error, 404))) throw error;
    }
    reader.reconnect();
    // The state of the pod and its log come by two ways: either may be first.
    await pause(options.ended() ? 100 : Math.min(5_000, 200 * 2 ** failures), signal);
  }
  signal.throwIfAborted();
}

async function read(options: PodLogOptions, reader: Reader): Promise<void> {
  const { cluster, namespace, pod, signal } = options;
  const query = {
    container: CONTAINER,
    follow: true,
    timestamps: true,
    sinceTime: reader.sinceTime(),
  };
  const body = await cluster.stream(`/api/v1/namespaces/${namespace}/pods/${pod}/log`, query, signal, SILENT_MS);
  const decoder = new StringDecoder('utf8');
  try {
    for await (const chunk of body) {
      reader.take(decoder.write(chunk as Buffer));
      await options.room();
    }
    reader.take(decoder.end());
  } catch (cause) {
    throw new ClusterError({ status: null, reason: 'NoAnswer', message: 'the log broke off', cause });
  } finally {
    body.destroy();
  }
}

interface Reader {
  sinceTime(): string | undefined;
  take(text: string): void;
  /** The log is over: what is left is a line without an end. */
  finish(): void;
  reconnect(): void;
}

/** Beyond so much of a line without its end it is passed on in parts. */
const PART = 64 * 1024;

/** The line that is being read. */
interface Line {
  readonly time: string;
  /** It was taken before the connection broke. */
  readonly known: boolean;
  /** How much of it was seen. */
  length: number;
}

function createReader({ pod, from, write }: PodLogOptions): Reader {
  const mine = from?.pod === pod;
  let time = mine ? from.time : undefined;
  let lines = mine ? from.lines : 0;
  let skipLines = lines;
  /** So much of the first line that is not known was passed on before the connection broke. */
  let skipText = 0;
  let line: Line | undefined;
  let buffer = '';

  function begin(text: string): { readonly line: Line; readonly rest: string } {
    const space = text.search(/[ \n]/);
    const at = space < 0 ? text : text.slice(0, space);
    const rest = text.slice(text[space] === ' ' ? space + 1 : at.length);
    let known = time !== undefined && compare(at, time) < 0;
    if (at === time && skipLines > 0) {
      skipLines -= 1;
      known = true;
    }
    return { line: { time: at, known, length: 0 }, rest };
  }

  function pass(text: string, isWhole: boolean): void {
    let rest = text;
    if (line === undefined) ({ line, rest } = begin(text));
    line.length += rest.length;
    if (!line.known) {
      const cut = Math.min(skipText, rest.length);
      skipText -= cut;
      if (isWhole) {
        lines = line.time === time ? lines + 1 : 1;
        time = line.time;
        skipText = 0;
        write(rest.slice(cut), { pod, time, lines });
      } else if (rest.length > cut) write(rest.slice(cut), undefined);
    }
    if (isWhole) line = undefined;
  }

  return {
    // The server counts in whole seconds.
    sinceTime: () => (time === undefined ? undefined : `${time.slice(0, 19)}Z`),
    take: (text) => {
      buffer += text;
      let begun = 0;
      for (let at = buffer.indexOf('\n'); at >= 0; at = buffer.indexOf('\n', begun)) {
        pass(buffer.slice(begun, at + 1), true);
        begun = at + 1;
      }
      buffer = buffer.slice(begun);
      if (buffer.length > PART) {
        pass(buffer, false);
        buffer = '';
      }
    },
    finish: () => {
      if (buffer !== '') pass(buffer, true);
      buffer = '';
    },
    reconnect: () => {
      skipLines = time === undefined ? 0 : lines;
      if (line !== undefined && !line.known) skipText = line.length;
      line = undefined;
      buffer = '';
    },
  };
}

/** Times of one server have one form, but as many digits behind the point as are not 0. */
function compare(a: string, b: string): number {
  const full = (time: string): string => {
    const [seconds = '', fraction = ''] = time.replace(/Z$/, '').split('.');
    return `${seconds}.${fraction.padEnd(9, '0')}`;
  };
  const [left, right] = [full(a), full(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
