/** Features of entities now: read, and updated by whoever knows better. */
import type { AlignedRow } from '../../features/online-row.ts';
import type { PushTarget } from '../../features/push.ts';
import { MlopsError } from '../../lib/error.ts';
import { alikeBodies } from '../alike-bodies.ts';
import type { ApiContext } from '../context.ts';
import { keysOf, qualifiedAlready, qualifiedFeatures, serviceFeatures, setWith } from '../feature-names.ts';
import { type AnswerNames, answerNames, writeAnswer } from '../online-answer.ts';
import { type Answer, json, type Route } from '../route.ts';
import { ONLINE_ROWS } from '../shapes.ts';
import { untypedKey } from '../short-feature-set.ts';
import { PUSH_TO } from './pushed-rows.ts';

const tag = 'features';
const ENTITY = { type: 'object', minProperties: 1 } as const;

type Entity = Readonly<Record<string, unknown>>;

interface Asked {
  readonly entities: Entity | readonly Entity[];
  readonly features?: readonly string[];
  readonly feature_service?: string;
}

/** Requests ask for the same names again and again; more kinds of request than this start afresh. */
const KEPT_NAMES = 500;

export function onlineFeatureRoutes({ features, catalog }: Pick<ApiContext, 'features' | 'catalog'>): readonly Route[] {
  const known = new Map<string, AnswerNames>();
  const ofServices = new WeakMap<readonly string[], readonly string[]>();
  /** Of lists that nobody can change, as `lean.parse` gives them. */
  const byList = new WeakMap<readonly string[], AnswerNames>();

  function membersOf(names: readonly string[]): AnswerNames {
    const own = byList.get(names);
    if (own !== undefined) return own;
    const id = JSON.stringify(names);
    const found = known.get(id) ?? answerNames(names);
    if (known.size >= KEPT_NAMES) known.clear();
    known.set(id, found);
    if (Object.isFrozen(names)) byList.set(names, found);
    return found;
  }

  /** Of a service one list for as long as it is applied as it is, so that it is known by itself. */
  function namesOf({ features: names, feature_service: service }: Asked): readonly string[] {
    if (names !== undefined) return names;
    const applied = serviceFeatures(service ?? '', catalog);
    const own = ofServices.get(applied) ?? Object.freeze([...applied]);
    ofServices.set(applied, own);
    return own;
  }

  return [
    {
      method: 'POST',
      path: '/api/v1/online-features',
      operationId: 'readFeatures',
      summary: 'Features of entities, as of now.',
      tag,
      body: {
        type: 'object',
        additionalProperties: false,
        required: ['entities'],
        properties: {
          entities: {
            anyOf: [ENTITY, { type: 'array', items: ENTITY, maxItems: 10_000 }],
            description: 'One entity, or a list: key to value.',
          },
          features: {
            type: 'array',
            minItems: 1,
            items: { type: 'string', minLength: 1 },
            description: '`age`, `set.age` or `set@2.age`.',
          },
          feature_service: { type: 'string', description: 'All features of it, instead of `features`.' },
        },
        anyOf: [{ required: ['features'] }, { required: ['feature_service'] }],
      },
      answers: { 200: { description: 'A row an entity, in their order.', schema: ONLINE_ROWS } },
      lean: {
        parse: alikeBodies('features', 'entities'),
        now: ({ body, caller }) => {
          const asked = body as Asked;
          const entities = listOf(asked.entities);
          const names = namesOf(asked);
          const rows = qualifiedAlready(names)
            ? features.reader.readNow(entities.map(untypedKey), names, caller.who)
            : undefined;
          const told = (found: readonly AlignedRow[]): Answer =>
            json(200, writeAnswer(membersOf(names), entities, found));
          return rows instanceof Promise ? rows.then(told) : rows && told(rows);
        },
      },
      handle: async ({ body, caller }) => {
        const asked = body as Asked;
        const entities = listOf(asked.entities);
        const names = namesOf(asked);
        const qualified = qualifiedAlready(names)
          ? names
          : qualifiedFeatures(names, Object.keys(entities[0] ?? {}), catalog);
        const rows = await features.reader.readAligned(entities.map(untypedKey), qualified, caller.who);
        return json(200, writeAnswer(membersOf(names), entities, rows));
      },
    },
    {
      method: 'PUT',
      path: '/api/v1/online-features',
      operationId: 'updateFeatures',
      summary: 'Newer values of an entity. An update older than what is stored never wins.',
      tag,
      body: {
        type: 'object',
        additionalProperties: false,
        required: ['features'],
        properties: {
          feature_set: { type: 'string', description: 'Default: the one that has these features.' },
          entity_id: { description: 'The value of the key, where the entity has one.' },
          entities: { anyOf: [ENTITY, { type: 'array', items: ENTITY, maxItems: 10_000 }] },
          features: { type: 'object', minProperties: 1 },
          event_time: { type: 'string', description: 'ISO 8601. Default: now.' },
          to: PUSH_TO,
        },
        anyOf: [{ required: ['entity_id'] }, { required: ['entities'] }],
      },
      answers: { 204: { description: 'Recorded. `X-Quarantined` counts the rows that are kept aside.' } },
      handle: async ({ body }) => {
        const asked = body as {
          feature_set?: string;
          entity_id?: unknown;
          entities?: Entity | readonly Entity[];
          features: Readonly<Record<string, unknown>>;
          event_time?: string;
          to?: PushTarget;
        };
        const given = asked.entities === undefined ? undefined : listOf(asked.entities);
        const names = Object.keys(asked.features).map((name) => name.slice(name.indexOf('.') + 1));
        const set =
          setNamed(asked.feature_set, Object.keys(asked.features)) ??
          setWith(names, given && Object.keys(given[0] ?? {}), catalog);
        const values = Object.fromEntries(
          Object.values(asked.features).map((value, index) => [names[index] ?? '', value]),
        );
        const entities = given ?? [{ [onlyKey(set, catalog)]: asked.entity_id }];
        const { quarantined } = await features.push(
          set,
          entities.map((entity) => ({
            entity: untypedKey(entity),
            features: values,
            ...(asked.event_time !== undefined && { eventTime: asked.event_time }),
          })),
          asked.to,
        );
        // Kept aside: recorded, but neither online nor in what is trained on.
        return {
          kind: 'empty',
          status: 204,
          ...(quarantined > 0 && { headers: { 'x-quarantined': String(quarantined) } }),
        };
      },
    },
  ];
}

const listOf = (entities: Entity | readonly Entity[]): readonly Entity[] =>
  Array.isArray(entities) ? entities : [entities as Entity];

/** The set that the request names, by itself or in the features' names; undefined where it names none. */
function setNamed(written: string | undefined, features: readonly string[]): string | undefined {
  const named = features.filter((name) => name.includes('.')).map((name) => name.slice(0, name.indexOf('.')));
  const sets = [...new Set([...(written === undefined ? [] : [written]), ...named])];
  if (sets.length > 1) {
    throw new MlopsError('API422', {
      detail: `An update is of one feature set; this one names ${sets.join(' and ')}.`,
      hint: 'send one request for each',
    });
  }
  const twice = features.find((name) => features.includes(`${sets[0]}.${name}`));
  if (twice !== undefined) throw new MlopsError('API422', { detail: `The feature ${twice} is given twice.` });
  return sets[0];
}

function onlyKey(set: string, catalog: ApiContext['catalog']): string {
  const recorded = catalog.get('feature_set', set);
  const keys = recorded === undefined ? [] : keysOf(recorded.spec.entity, catalog);
  if (keys.length === 1 && keys[0] !== undefined) return keys[0];
  throw new MlopsError(recorded === undefined ? 'FS201' : 'FS202', {
    detail:
      recorded === undefined
        ? `There is no feature set "${set}".`
        : `The feature set ${set} has the keys ${keys.join(', ')}; \`entity_id\` names one.`,
    hint: recorded === undefined ? undefined : 'send `entities` with all keys',
    status: recorded === undefined ? 404 : 422,
  });
}
