/** Gates of a model, compared by metric: which versions can enter production now that could not, and the other way round. */
import type { Gate } from '../../spec/schema-types.ts';
import { type Analysis, type AnalysisContext, finding, says } from './analyzer.ts';

type Context = Pick<AnalysisContext<'model'>, 'address' | 'desired'>;

/** What a metric must reach, over all its gates. */
interface Demand {
  readonly min: number;
  readonly max: number;
  readonly atLeast: readonly string[];
}

export function changedGates(
  { address, desired }: Context,
  before: readonly Gate[],
  after: readonly Gate[],
): readonly Analysis[] {
  const metrics = [...new Set([...before, ...after].map(({ metric }) => metric))].sort();
  const loosened: string[] = [];
  const tightened: string[] = [];
  for (const metric of metrics) {
    const [old, next] = [demandOf(before, metric), demandOf(after, metric)];
    const gone = old.atLeast.filter((stage) => !next.atLeast.includes(stage));
    const came = next.atLeast.filter((stage) => !old.atLeast.includes(stage));
    const told = `${metric}: ${demandText(old)}, now ${demandText(next)}`;
    if (next.min < old.min || next.max > old.max || gone.length > 0) loosened.push(told);
    if (next.min > old.min || next.max < old.max || came.length > 0) tightened.push(told);
  }
  const pointer = after.length === 0 ? '' : '/gates';
  return [
    ...(loosened.length === 0
      ? []
      : [
          says(
            'safe',
            finding('MD102', 'warning', desired, {
              detail: `Versions of ${address} that were refused can enter production (${loosened.join('; ')}).`,
              fix: 'leave the gate, or say in the pull request why a worse version may serve',
              pointer,
            }),
          ),
        ]),
    ...(tightened.length === 0
      ? []
      : [
          says(
            'safe',
            finding('MD103', 'info', desired, {
              detail: `The next version of ${address} must reach more (${tightened.join('; ')}). The one in production stays there.`,
              pointer,
            }),
          ),
        ]),
  ];
}

function demandOf(gates: readonly Gate[], metric: string): Demand {
  const own = gates.filter((gate) => gate.metric === metric);
  return {
    min: Math.max(Number.NEGATIVE_INFINITY, ...own.flatMap(({ min }) => (min === undefined ? [] : [min]))),
    max: Math.min(Number.POSITIVE_INFINITY, ...own.flatMap(({ max }) => (max === undefined ? [] : [max]))),
    atLeast: [...new Set(own.flatMap(({ atLeast }) => (atLeast === undefined ? [] : [atLeast])))].sort(),
  };
}

function demandText({ min, max, atLeast }: Demand): string {
  const parts = [
    ...(Number.isFinite(min) ? [`at least ${min}`] : []),
    ...(Number.isFinite(max) ? [`at most ${max}`] : []),
    ...atLeast.map((stage) => `no worse than ${stage}`),
  ];
  return parts.length === 0 ? 'nothing' : parts.join(' and ');
}
