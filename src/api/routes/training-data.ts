/** Features as they were: rows of a spine joined point in time, streamed in the format that the client accepts. */
import { createReadStream, unlink } from 'node:fs';
import { Readable } from 'node:stream';
import { acceptedFormat, MEDIA_TYPES, type TableFormat } from '../../features/file-format.ts';
import type { HistorySpine } from '../../features/history.ts';
import { parseTimestamp } from '../../features/time.ts';
import { MlopsError } from '../../lib/error.ts';
import type { ApiContext } from '../context.ts';
import { keysOf, qualifiedFeatures, serviceFeatures } from '../feature-names.ts';
import type { Route } from '../route.ts';

interface Asked {
  readonly features?: readonly string[];
  readonly feature_set?: string;
  readonly feature_service?: string;
  readonly spine?: string | readonly Readonly<Record<string, unknown>>[];
  readonly start?: string;
  readonly end?: string;
}

export function trainingDataRoutes({ features, catalog }: Pick<ApiContext, 'features' | 'catalog'>): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v1/training-data',
      operationId: 'readTrainingData',
      summary:
        'Features as they were at each row of a spine, or at each row of one feature set from start to end: as JSON, JSON lines, CSV, Parquet or an Arrow stream, as Accept says.',
      tag: 'features',
      body: {
        type: 'object',
        additionalProperties: false,
        properties: {
          features: {
            type: 'array',
            minItems: 1,
            items: { type: 'string', minLength: 1 },
            description: '`age`, `set.age` or `set@2.age`.',
          },
          feature_set: { type: 'string', description: 'All features of it, instead of `features`.' },
          feature_service: { type: 'string', description: 'All features of it, instead of `features`.' },
          spine: {
            anyOf: [
              { type: 'array', minItems: 1, items: { type: 'object', minProperties: 1 } },
              { type: 'string', minLength: 1 },
            ],
            description: 'Rows with the entity keys and the event time, or a query over sources that yields them.',
          },
          start: { type: 'string', description: 'Without a spine: rows of the set from this event time on, ISO 8601.' },
          end: { type: 'string', description: 'Without a spine: rows of the set before this event time, ISO 8601.' },
        },
        anyOf: [{ required: ['features'] }, { required: ['feature_set'] }, { required: ['feature_service'] }],
      },
      answers: {
        200: {
          description: 'The columns of the spine, then each feature; `set__feature` where two share a name.',
          schema: {
            type: 'object',
            required: ['rows'],
            properties: { rows: { type: 'array', items: { type: 'object' } } },
          },
        },
      },
      handle: async ({ body, header, signal, caller }) => {
        const format = acceptedFormat(header('accept'));
        const asked = body as Asked;
        const spine = spineOf(asked);
        const keys = 'rows' in spine ? Object.keys(spine.rows[0] ?? {}) : undefined;
        const { path } = await features.history(
          { features: namesOf(asked, keys, catalog), spine, format, reader: `history:${caller.who}` },
          { signal, log: () => {} },
        );
        return {
          kind: 'stream',
          status: 200,
          contentType: contentType(format),
          stream: streamOf(path, format),
        };
      },
    },
  ];
}

function spineOf({ spine, start, end }: Asked): HistorySpine {
  if (spine !== undefined && (start !== undefined || end !== undefined))
    throw new MlopsError('API422', { detail: 'Give a spine, or start and end; not both.' });
  if (typeof spine === 'string') return { query: spine };
  return spine === undefined ? { start: instantOf(start), end: instantOf(end) } : { rows: spine };
}

function instantOf(text: string | undefined): bigint | null {
  if (text === undefined) return null;
  const micros = parseTimestamp(text);
  if (micros === undefined)
    throw new MlopsError('API422', { detail: `${JSON.stringify(text)} is no time in ISO 8601.` });
  return micros;
}

function namesOf(asked: Asked, keys: readonly string[] | undefined, catalog: ApiContext['catalog']): readonly string[] {
  if (asked.feature_service !== undefined) return serviceFeatures(asked.feature_service, catalog);
  if (asked.feature_set === undefined) {
    const any = keys ?? catalog.list('entity').flatMap(({ name }) => keysOf(name, catalog));
    return qualifiedFeatures(asked.features ?? [], any, catalog);
  }
  const name = asked.feature_set;
  const set = catalog.get('feature_set', name.split('@')[0] ?? name);
  // A set that is not there is told by whoever looks it up.
  return (asked.features ?? Object.keys(set?.spec.features ?? { any: null })).map((feature) => `${name}.${feature}`);
}

function contentType(format: TableFormat): string {
  const type = MEDIA_TYPES.find(([, candidate]) => candidate === format)?.[0] ?? 'application/octet-stream';
  return type.startsWith('text/') || type === 'application/json' ? `${type}; charset=utf-8` : type;
}

/** The file's bytes, as a document where it is JSON. The file goes when the stream does, also where the client goes away first. */
function streamOf(path: string, format: TableFormat): Readable {
  const file = createReadStream(path, { highWaterMark: 2 ** 18 });
  const stream = format === 'json' ? Readable.from(wrapped(file)) : file;
  return stream.once('close', () => {
    file.destroy();
    unlink(path, () => {});
  });
}

async function* wrapped(array: Readable): AsyncGenerator<Buffer> {
  yield Buffer.from('{"rows":');
  yield* array as AsyncIterable<Buffer>;
  yield Buffer.from('}');
}
