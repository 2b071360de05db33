/** What a change of the past changed in a spec, as lines: `path  before → after`. */
import type { JsonObject } from '../../lib/json.ts';
import { diffSpecs, dottedPath } from '../diff.ts';
import { inlineValue } from './value.ts';

const LONGEST = 120;

/** Nothing where there was no spec before, or is none after. */
export function differenceLines(
  before: object | undefined,
  after: object | undefined,
  indent: string,
): readonly string[] {
  if (before === undefined || after === undefined) return [];
  return diffSpecs(before as JsonObject, after as JsonObject).map(
    (diff) =>
      `${indent}${dottedPath(diff.path)}  ${short(inlineValue(diff.before))} → ${short(inlineValue(diff.after))}`,
  );
}

function short(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
