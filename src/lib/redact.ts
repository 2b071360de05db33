/** Removes secrets' exact values from text. */

export const REDACTED = '[redacted]';

export type Redact = (text: string) => string;

export function redactor(secrets: readonly string[]): Redact {
  // The longest first: one secret may be a part of another.
  const values = [...new Set(secrets)].filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
  return (text) => values.reduce((redacted, secret) => redacted.replaceAll(secret, REDACTED), text);
}
