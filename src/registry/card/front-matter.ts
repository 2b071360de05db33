/**
 * The metadata that stands before a model card in Markdown, as Hugging Face reads it: library_name, pipeline_tag, tags, metrics, model-index. Texts are
 * written as JSON strings, which YAML reads as what they are, whatever is in them.
 */
import type { ModelVersion } from '../../stores/control/registry.ts';
import type { CardFacts } from './document.ts';

/** The Hub's names of libraries, where they differ from ours. */
const LIBRARIES: Readonly<Record<string, string>> = {
  sklearn: 'sklearn',
  pytorch: 'pytorch',
  tensorflow: 'tf-keras',
  keras: 'keras',
};
const TASKS = { binary_classification: 'tabular-classification', regression: 'tabular-regression' } as const;

type Yaml = string | number | readonly Yaml[] | { readonly [key: string]: Yaml };

export function frontMatter({ version, spec }: CardFacts): string {
  const task = taskOf(version);
  const metrics = Object.entries(version.metrics).sort(([a], [b]) => (a < b ? -1 : 1));
  const meta: { [key: string]: Yaml } = {
    model_name: version.name,
    library_name: LIBRARIES[version.framework] ?? version.framework,
    ...(task !== undefined && { pipeline_tag: task }),
    tags: [
      ...new Set(['mlops', ...(task === undefined ? [] : ['tabular']), ...tagsOf(spec?.tags), ...tagsOf(version.tags)]),
    ],
    ...(metrics.length > 0 && { metrics: metrics.map(([name]) => name) }),
    'model-index': [
      {
        name: version.name,
        results:
          metrics.length === 0
            ? []
            : [
                {
                  task: { type: task ?? 'other' },
                  dataset: { type: 'feature-service', name: datasetName(version) },
                  metrics: metrics.map(([type, value]) => ({ type, value, name: type })),
                },
              ],
      },
    ],
  };
  return `---\n${lines(meta, '').join('\n')}\n---\n`;
}

function taskOf({ signature }: ModelVersion): string | undefined {
  const task = signature?.task;
  return task === undefined || task === 'other' ? undefined : TASKS[task];
}

const tagsOf = (tags: unknown): readonly string[] =>
  Array.isArray(tags)
    ? tags.map(String)
    : Object.entries((tags ?? {}) as Readonly<Record<string, string>>).map(([key, value]) =>
        value === '' ? key : `${key}:${value}`,
      );

function datasetName({ lineage }: ModelVersion): string {
  const { feature_service: service, digest } = (lineage['dataset'] ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof service !== 'string') return 'unknown';
  return typeof digest === 'string' ? `${service} ${digest.slice(0, 12)}` : service;
}

function lines(value: { readonly [key: string]: Yaml }, indent: string): string[] {
  return Object.entries(value).flatMap(([key, member]) => {
    const name = /^[A-Za-z][\w-]*$/.test(key) ? key : JSON.stringify(key);
    if (typeof member !== 'object') return [`${indent}${name}: ${scalar(member)}`];
    if (!Array.isArray(member))
      return [`${indent}${name}:`, ...lines(member as { [key: string]: Yaml }, `${indent}  `)];
    if (member.length === 0) return [`${indent}${name}: []`];
    return [`${indent}${name}:`, ...member.flatMap((item) => listItem(item as Yaml, indent))];
  });
}

function listItem(item: Yaml, indent: string): string[] {
  if (typeof item !== 'object') return [`${indent}- ${scalar(item)}`];
  const [first = '', ...rest] = lines(item as { [key: string]: Yaml }, `${indent}  `);
  return [`${indent}- ${first.trimStart()}`, ...rest];
}

function scalar(value: string | number): string {
  if (typeof value === 'number') return String(value);
  // JSON leaves these as they are; YAML ends lines at them.
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
