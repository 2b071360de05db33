/**
 * Which names models may have. Specs name models as they name everything; clients of other registries name theirs as these allow: with
 * upper case, spaces and letters of any script. Such a model is a model like any other, but no spec refers to it.
 */
import { posix } from 'node:path';
import { MlopsError } from '../lib/error.ts';
import { NAME_PATTERN } from '../spec/address.ts';

const CHARACTERS = 256;

/** `any`: also what no spec could name. SP106. */
export function checkModelName(name: string, { any = false }: { readonly any?: boolean } = {}): void {
  if (NAME_PATTERN.test(name)) return;
  if (any && isWideName(name)) return;
  throw new MlopsError('SP106', {
    detail: any
      ? `"${name}" is no name of a model: it has at most ${CHARACTERS} characters, and no "/", ":" or control character.`
      : `"${name}" is no name of a model: it must match ${NAME_PATTERN.source}.`,
    status: 422,
  });
}

/** It is one part of a path and of a URI, and one line of a report. */
function isWideName(name: string): boolean {
  return (
    name.trim() !== '' &&
    name.length <= CHARACTERS &&
    !/[/:\\\p{Cc}\p{Zl}\p{Zp}]/u.test(name) &&
    !/^\.{1,2}$/.test(name) &&
    posix.normalize(name) === name
  );
}
