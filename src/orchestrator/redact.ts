/** Removes secrets' exact values from text, also where one is cut in two by the end of a chunk. */

export const REDACTED = '[redacted]';

export type Redact = (text: string) => string;

export function redactor(secrets: readonly string[]): Redact {
  // The longest first: one secret may be a part of another.
  const values = [...new Set(secrets)].filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
  return (text) => values.reduce((redacted, secret) => redacted.replaceAll(secret, REDACTED), text);
}

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
