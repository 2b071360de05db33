/** Removes secrets' exact values from a stream of text, also where one is cut in two by the end of a chunk. */
import { redactor } from '../lib/redact.ts';

export interface RedactingStream {
  /** What may be shown by now; what could be the begin of a secret is kept back. */
  push(text: string): string;
  /** The rest. */
  end(): string;
}

export function redactingStream(secrets: readonly string[]): RedactingStream {
  const redact = redactor(secrets);
  let kept = '';
  return {
    push: (text) => {
      const all = redact(kept + text);
      const back = Math.max(0, ...secrets.map((secret) => overlap(all, secret)));
      kept = all.slice(all.length - back);
      return all.slice(0, all.length - back);
    },
    end: () => {
      const rest = redact(kept);
      kept = '';
      return rest;
    },
  };
}

/** The length of the longest end of `text` that begins `secret`. */
function overlap(text: string, secret: string): number {
  for (let length = Math.min(text.length, secret.length - 1); length > 0; length -= 1) {
    if (secret.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
