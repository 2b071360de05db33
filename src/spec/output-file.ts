/** Files that tasks write for people: below the root of the project, in a format that the ending names. */

const ENDINGS = ['parquet', 'arrow', 'csv', 'jsonl', 'json'] as const;

/** Undefined where it may be written. What a template stands for is not known yet: it is asked again when it is filled. */
export function problemOfOutput(path: string): { readonly detail: string; readonly hint: string } | undefined {
  const parts = path.split(/[/\\]/);
  if (/^([/\\]|[A-Za-z]:)/.test(path) || parts.includes('..'))
    return {
      detail: `The file ${JSON.stringify(path)} is not below the root of the project.`,
      hint: 'write a relative path, such as out/predictions.parquet',
    };
  const ending = /\.([A-Za-z]+)$/.exec(path)?.[1]?.toLowerCase();
  if (parts.at(-1) !== '' && ENDINGS.some((known) => known === ending)) return undefined;
  return {
    detail: `The ending of ${JSON.stringify(path)} names no format.`,
    hint: `end it in ${ENDINGS.map((known) => `.${known}`).join(', ')}`,
  };
}
