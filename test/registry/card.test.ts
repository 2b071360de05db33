/** Model cards: the same facts as Markdown with metadata and as HTML; what people write is text in both, whatever it looks like. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { micromark } from 'micromark';
import { gfm, gfmHtml } from 'micromark-extension-gfm';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type CardFacts, cardDocument } from '../../src/registry/card/document.ts';
import { cardHtml } from '../../src/registry/card/html.ts';
import { cardMarkdown } from '../../src/registry/card/markdown.ts';
import type { ColumnProfile } from '../../src/stores/profile.ts';
import { expectGolden } from '../support/golden.ts';
import { newVersion } from '../support/models.ts';

const golden = (name: string) => join(dirname(fileURLToPath(import.meta.url)), 'golden', name);
const AT = new Date('2026-03-04T05:06:07Z');
const COLUMN: ColumnProfile = {
  dtype: 'float64',
  count: 1854,
  nulls: 68,
  invalid: null,
  distinct: 411,
  distinctEstimated: true,
  sampled: false,
  min: 40,
  max: 991,
  mean: 235.208_123_4,
  sd: 97.8037,
  quantiles: { p50: 230 },
  histogram: null,
  nonFinite: 0,
  top: null,
  lengths: null,
};

const FACTS: CardFacts = {
  version: {
    ...newVersion({
      name: 'pbc_mortality',
      framework: 'sklearn',
      metrics: { log_loss: 0.143_291_269, auc: 0.940_784_072 },
      hyperparameters: { trees: 150, nested: { depth: 3 }, list: [1, 'a'] },
      artifacts: [
        { path: 'model.onnx', digest: 'a'.repeat(64), bytes: 38_825, uri: null },
        { path: 'notes.txt', digest: null, bytes: null, uri: null },
      ],
      tags: { team: 'hepatology', reviewed: '' },
      lineage: {
        run: { id: 'r1', pipeline: 'weekly_retraining', task: 'register' },
        code: { digest: null, git_commit: 'c0ffee' },
        dataset: {
          digest: 'd'.repeat(64),
          rows: 1854,
          feature_service: 'mortality_inputs',
          feature_set_versions: { patient_labs: 3 },
        },
      },
      signature: {
        features: ['patient_labs.bili', 'patient_labs.sex'],
        inputs: [{ name: 'features', dtype: 'float32', shape: [-1, 2] }],
        outputs: [{ name: 'probabilities', dtype: 'float32', shape: [-1, 2] }],
        label: 'died_1y',
        task: 'binary_classification',
      },
      description: 'Trained on visits until 1987.',
    }),
    id: '06d3bb5a-48eb-46b3-a3a3-073145842f76',
    version: 3,
    stage: 'production',
    createdAt: AT,
    createdBy: 'pipeline.weekly_retraining run r1',
    stageChangedAt: AT,
    runId: 'r1',
    source: null,
    flavour: { version: '1.4.2', python: '3.11.4', requirements: ['scikit-learn==1.4.2', 'skl2onnx>=1.16'] },
    aliases: ['champion'],
    updatedAt: AT,
  },
  spec: {
    name: 'pbc_mortality',
    framework: 'sklearn',
    description: 'One-year mortality in primary biliary cirrhosis.',
    owner: 'hepatology',
    card: {
      intendedUse: 'To order who is seen first.\nNot for diagnosis.\n\nFor adults only.',
      limitations: '- few patients\n- one hospital',
      ethics: 'Nobody is turned away by it.',
    },
    gates: [{ metric: 'auc', min: 0.8 }],
  },
  description: null,
  features: [
    { name: 'patient_labs.bili', dtype: 'float64', unit: 'mg/dl', description: 'serum bilirubin' },
    { name: 'patient_labs.sex', dtype: null, unit: null, description: null },
  ],
  statistics: {
    rows: 1854,
    columns: {
      bili: COLUMN,
      sex: {
        ...COLUMN,
        dtype: 'string',
        min: null,
        max: null,
        mean: null,
        sd: null,
        quantiles: null,
        distinct: 2,
        distinctEstimated: false,
        top: [
          { value: 'f', count: 1600 },
          { value: 'm', count: 254 },
        ],
      },
    },
  },
  moves: [
    {
      model: 'pbc_mortality',
      version: 3,
      from: 'development',
      to: 'production',
      at: AT,
      who: 'ada',
      reason: 'better',
      gates: [],
      deleted: false,
    },
  ],
  gates: [
    {
      metric: 'auc',
      rule: 'min',
      observed: 0.940_784,
      required: 0.8,
      passed: true,
      detail: 'auc is 0.940784, at least 0.8 is required',
    },
  ],
};

/** Every text that people may write, hostile in each way that is known. */
function hostile(text: string): CardFacts {
  const { version, spec } = FACTS;
  return {
    ...FACTS,
    version: {
      ...version,
      name: text,
      framework: text,
      metrics: { [text]: 1 },
      hyperparameters: { [text]: text },
      artifacts: [{ path: text, digest: null, bytes: null, uri: text }],
      tags: { [text]: text },
      lineage: { run: { id: text }, dataset: { feature_service: text, [text]: [text] } },
      signature: { ...version.signature!, label: text, inputs: [{ name: text, dtype: text, shape: [1] }] },
      description: text,
      createdBy: text,
      source: text,
      aliases: [text],
      flavour: { version: text, python: text, requirements: [text] },
    },
    spec: { ...spec!, description: text, owner: text, card: { intendedUse: text, limitations: text, ethics: text } },
    features: [{ name: text, dtype: text, unit: text, description: text }],
    statistics: {
      rows: 1,
      columns: { [text]: { ...COLUMN, dtype: text, min: text, top: [{ value: text, count: 1 }] } },
    },
    moves: [{ ...FACTS.moves[0]!, who: text, reason: text }],
    gates: [{ ...FACTS.gates[0]!, metric: text, rule: text, detail: text }],
  };
}

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</title></style><svg/onload=alert(1)>',
  '[a link](javascript:alert(1)) ![x](http://x)',
  'http://evil.example https://evil.example www.evil.example mail@evil.example <http://evil.example>',
  '1\\. a\\b - [x] task [^1]: note',
  '10. ten\n11) eleven\n* star\n+ plus\n> quote\n***\n___',
  'a | b | c',
  '`code` ``more`` \\` end\\',
  '---\nlicense: evil\n---',
  '# heading\n## two\n\n- item\n1. one\n=====',
  '*bold* _em_ ~~gone~~ &lt;b&gt; $x$',
  '{{ template }} \u2028 \u2029 é 😀',
  '    indented code\n\ttab',
  ': yes\n- no\n"quoted" \'single\' #comment',
];

describe('a model card', () => {
  it('holds no control character that somebody wrote', () => {
    const facts = hostile('a\u0000b\u001b[31mc\u0085d');
    for (const card of [cardMarkdown(cardDocument(facts)), cardHtml(cardDocument(facts))])
      expect([...card].filter((one) => one < ' ' && one !== '\n')).toEqual([]);
  });

  it('tells in Markdown all that is known of a version', () => {
    expectGolden(golden('card.md'), cardMarkdown(cardDocument(FACTS)));
  });

  it('tells the same as a page', () => {
    expectGolden(golden('card.html'), cardHtml(cardDocument(FACTS)));
  });

  it('leaves out what is not known', () => {
    const { version } = FACTS;
    const bare = cardDocument({
      ...FACTS,
      version: {
        ...version,
        metrics: {},
        hyperparameters: {},
        artifacts: [],
        tags: {},
        lineage: {},
        signature: null,
        flavour: null,
        description: null,
      },
      spec: undefined,
      features: [],
      statistics: undefined,
      gates: [],
    });
    expect(bare.sections.map(({ title }) => title)).toEqual(['Overview', 'Lineage', 'Stages']);
    expect(frontMatter(cardMarkdown(bare))['model-index']).toEqual([{ name: 'pbc_mortality', results: [] }]);
  });

  it('has metadata that Hugging Face reads', () => {
    expect(frontMatter(cardMarkdown(cardDocument(FACTS)))).toEqual({
      model_name: 'pbc_mortality',
      library_name: 'sklearn',
      pipeline_tag: 'tabular-classification',
      tags: ['mlops', 'tabular', 'team:hepatology', 'reviewed'],
      metrics: ['auc', 'log_loss'],
      'model-index': [
        {
          name: 'pbc_mortality',
          results: [
            {
              task: { type: 'tabular-classification' },
              dataset: { type: 'feature-service', name: `mortality_inputs ${'d'.repeat(12)}` },
              metrics: [
                { type: 'auc', value: 0.940_784_072, name: 'auc' },
                { type: 'log_loss', value: 0.143_291_269, name: 'log_loss' },
              ],
            },
          ],
        },
      ],
    });
  });

  it.each(HOSTILE)('shows %j as the text that it is, on a page', (text) => {
    const page = cardHtml(cardDocument(hostile(text)));
    const reference = cardHtml(cardDocument(hostile('x')));
    // No element and no attribute more than with a harmless text, but for paragraphs of what has blank lines.
    const tags = (html: string) => (html.match(/<[^>]*>/g) ?? []).filter((tag) => !/^<\/?p>$/.test(tag));
    expect(tags(page)).toEqual(tags(reference));
    expect(textOf(page).replace(/\s+/g, ' ')).toContain(text.replace(/\s+/g, ' ').trim());
  });

  it.each(HOSTILE)('shows %j as the text that it is, in Markdown', (text) => {
    const card = cardMarkdown(cardDocument(hostile(text)));
    expect(frontMatter(card)).toMatchObject({ model_name: text, tags: expect.arrayContaining([`${text}:${text}`]) });
    const page = rendered(card);
    const tags = (html: string) => (html.match(/<[^>]*>/g) ?? []).filter((tag) => !/^<\/?p>$/.test(tag));
    expect(tags(page)).toEqual(tags(rendered(cardMarkdown(cardDocument(hostile('x'))))));
    expect(textOf(page).replace(/\s+/g, ' ')).toContain(text.replace(/\s+/g, ' ').trim());
  });
});

function frontMatter(card: string): Record<string, unknown> {
  const [, text = ''] = /^---\n([\s\S]*?)\n---\n/.exec(card) ?? [];
  return parse(text) as Record<string, unknown>;
}

/** As GitHub and the Hub read it, with whatever HTML would come through. */
function rendered(card: string): string {
  return micromark(card.slice(card.indexOf('\n---\n') + 5), {
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()],
    allowDangerousHtml: true,
    allowDangerousProtocol: true,
  });
}

const textOf = (html: string): string =>
  html
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
