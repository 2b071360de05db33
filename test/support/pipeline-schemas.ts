/** Pipelines against the schemas that code hosts' editors hold them to. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';

const formats = { uri: true, 'uri-reference': true, 'date-time': true, regex: true } as const;

/** Empty: valid. */
export function pipelineProblems(schema: 'github-workflow' | 'gitlab-ci', pipeline: unknown): readonly string[] {
  const text = readFileSync(new URL(`./schemas/${schema}.json`, import.meta.url), 'utf8');
  const validate = new Ajv({ allErrors: true, strict: false, formats }).compile(JSON.parse(text) as object);
  return validate(pipeline)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
