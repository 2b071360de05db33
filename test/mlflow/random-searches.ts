/** Random runs and searches, the same for the same seed. Some searches are not in the syntax. */
import { seededRandom } from '../../src/training/random.ts';

const METRICS = ['auc', 'loss', 'a b', 'val/x', 'rare'];
const PARAMS = ['lr', 'depth', 'model.kind', 'rare'];
const TAGS = ['team', 'mlflow.source.name', 'rare'];
const TEXTS = ['a', 'b', 'A', 'ab', 'a%b', 'x_y', "it's", '0.1', '10', '9', 'ж', ''];
const VALUES = [0, 0.5, 0.5, 1, -1, 2.25, 1e-7, 1e300, 'nan', 'inf', '-inf'];
const STATUSES = ['FINISHED', 'FAILED', 'KILLED', 'RUNNING'];

export function randomOf(seed: number) {
  const random = seededRandom(seed);
  const next = (): number => random.next();
  const below = (limit: number): number => Math.floor(next() * limit);
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const some = <T>(of: readonly T[], chance = 0.6): readonly T[] => of.filter(() => next() < chance);
  const quoted = (text: string): string => (text.includes("'") || next() < 0.3 ? `"${text}"` : `'${text}'`);
  const keyed = (entities: readonly string[], key: string): string =>
    `${one(entities)}.${/[^\w.]/.test(key) || next() < 0.2 ? (next() < 0.5 ? `\`${key}\`` : `"${key}"`) : key}`;
  const gap = (): string => one([' ', ' ', '', '  ']);
  const number = (): string => one(['0', '0.5', '1', '-1', '1e-7', '2.25', '100', '.5']);
  const like = (): string => one(['a%', '%b', '%', 'a_b', 'A%', 'x_y', 'a%b', 'ab', '%a%', '']);

  const condition = (): string => {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return `${keyed(['metrics', 'metric'], one(METRICS))}${gap()}${one(['>', '>=', '<', '<=', '=', '!='])}${gap()}${number()}`;
      case 3:
      case 4:
        return `${keyed(['params', 'param', 'parameter'], one(PARAMS))} ${one(['=', '!='])} ${quoted(one(TEXTS))}`;
      case 5:
        return `${keyed(['tags', 'tag'], one(TAGS))} ${one(['=', '!='])} ${quoted(one(TEXTS))}`;
      case 6:
        return `${keyed(['params', 'tags'], one([...PARAMS, ...TAGS]))} ${one(['LIKE', 'ILIKE'])} ${quoted(like())}`;
      case 7:
        return `${one(['attributes.status', 'status', 'attr.status', 'run.status'])} ${one(['=', '!='])} ${quoted(one(STATUSES))}`;
      case 8:
        return `${one(['start_time', 'attributes.start_time', 'created', 'end_time'])} ${one(['>', '<=', '!=', '='])} ${one(['1000', '1003', '1005.5', '2004'])}`;
      case 9:
        return `${one(['run_name', 'attributes.`run name`', 'user_id'])} ${one(['=', '!=', 'LIKE', 'ILIKE'])} ${quoted(one(['run 3', 'run 1%', 'RUN 2_', 'ada', 'b%']))}`;
      case 10:
        return `${one(['dataset', 'datasets'])}.${one(['name', 'digest', 'context'])} ${one(['=', '!=', 'LIKE', 'ILIKE'])} ${quoted(one(['d1', 'd2', 'x1', 'train', 'd%', 'D%']))}`;
      default:
        return one([
          `${keyed(['params', 'tags'], 'rare')} IS ${one(['NULL', 'NOT NULL'])}`,
          `dataset.name ${one(['IN', 'NOT IN'])} ('d1', 'd2')`,
          `params.lr > 3`,
          `metrics.auc LIKE 'a'`,
          `metrics.auc = 'a'`,
          `nothing.auc = 1`,
          `status IN ('FINISHED')`,
          `params.lr = 0.1`,
          `unknown = 'a'`,
          `metrics.auc > 0 OR metrics.auc < 0`,
        ]);
    }
  };
  const order = (): string =>
    one([
      `${keyed(['metrics', 'metric'], one(METRICS))}`,
      `${keyed(['params'], one(PARAMS))}`,
      `${keyed(['tags'], one(TAGS))}`,
      one([
        'start_time',
        'attributes.start_time',
        'end_time',
        'status',
        'run_name',
        'created',
        'Run Name'.toLowerCase().replace(' ', '_'),
      ]),
    ]) + one(['', ' ASC', ' DESC', ' desc', ' asc']);

  return {
    run: (index: number) => ({
      experiment: String(1 + (index % 2)),
      name: `run ${index}`,
      user: one(['ada', 'bob']),
      // No two at once: their ids, which are random, would order them.
      start: 1000 + ((index * 37) % 61),
      metrics: some(METRICS, 0.7)
        .filter((key) => key !== 'rare' || index % 10 === 0)
        .flatMap((key) => Array.from({ length: 1 + below(3) }, (_, at) => [key, one(VALUES), 100 + below(3), at % 2])),
      params: some(PARAMS)
        .filter((key) => key !== 'rare' || index % 10 === 0)
        .map((key) => [key, one(TEXTS)]),
      tags: some(TAGS)
        .filter((key) => key !== 'rare' || index % 10 === 0)
        .map((key) => [key, one(TEXTS)]),
      datasets: some(
        [
          ['d1', 'x1', 'train'],
          ['d2', 'x1', null],
          ['d1', 'x2', 'test'],
        ],
        0.3,
      ),
      status: one(STATUSES),
      end: next() < 0.5 ? 2000 + below(10) : null,
      deleted: next() < 0.1,
    }),
    runSearch: () => ({
      filter: Array.from({ length: below(4) }, condition).join(one([' AND ', ' and '])),
      order_by: Array.from({ length: below(3) }, order),
      max_results: one([3, 10, 1000]),
      view: one(['ACTIVE_ONLY', 'ACTIVE_ONLY', 'DELETED_ONLY', 'ALL']),
    }),
  };
}
