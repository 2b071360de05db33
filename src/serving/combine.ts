/** Answers of the members of an ensemble, made one. Pure. */
import { MlopsError } from '../lib/error.ts';
import type { JsonValue } from '../lib/json.ts';
import type { Prediction } from './prediction.ts';

/** What a member said of one row. */
export interface MemberSaid {
  readonly member: string;
  readonly weight: number;
  readonly prediction: Prediction;
}

const DECISION_THRESHOLD = 0.5;

type Task = 'binary' | 'regression' | 'class';

export function taskOfPrediction(prediction: Prediction): Task {
  if ('probability' in prediction) return 'binary';
  return 'value' in prediction ? 'regression' : 'class';
}

/** The probability of 1, or the value. EP208 of a member that answers classes. */
export function scoreOf({ member, prediction }: Pick<MemberSaid, 'member' | 'prediction'>): number {
  const score = prediction['probability'] ?? prediction['value'];
  if (typeof score === 'number') return score;
  throw unfit(`the member ${member} answers several numbers, but a score is one`);
}

/** Weighted by what those weigh who said something. EP208 where they do not answer the same task. */
export function meanOf(said: readonly MemberSaid[]): Prediction {
  const task = commonTask(said);
  const total = said.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) throw unfit('the members that answered weigh nothing');
  if (task !== 'class') {
    const mean = said.reduce((sum, one) => sum + one.weight * scoreOf(one), 0) / total;
    return task === 'regression' ? { value: mean } : { label: labelOfSide(said, mean), probability: mean };
  }
  const all = said.map(({ prediction }) => prediction['values'] as readonly number[]);
  const width = all[0]!.length;
  if (all.some((values) => values.length !== width)) throw unfit('the members answer different numbers of classes');
  const values = Array.from(
    { length: width },
    (_, at) => said.reduce((sum, { weight }, index) => sum + weight * all[index]![at]!, 0) / total,
  );
  const best = indexOfGreatest(values);
  const named = said.find(
    (one, index) => one.prediction['label'] !== undefined && indexOfGreatest(all[index]!) === best,
  );
  return named === undefined ? { values } : { label: named.prediction['label'] as JsonValue, values };
}

/** The label that most name; of equally many the greater one, as text. EP208 where they answer values. */
export function voteOf(said: readonly MemberSaid[]): Prediction {
  const task = commonTask(said);
  if (task === 'regression') throw unfit('values cannot be voted on: use mean');
  const votes = new Map<string, { label: JsonValue; count: number }>();
  for (const { prediction } of said) {
    const label = (prediction['label'] ?? indexOfGreatest(prediction['values'] as readonly number[])) as JsonValue;
    const known = votes.get(String(label));
    if (known === undefined) votes.set(String(label), { label, count: 1 });
    else known.count += 1;
  }
  const [, winner] = [...votes].reduce((best, next) =>
    next[1].count > best[1].count || (next[1].count === best[1].count && next[0] > best[0]) ? next : best,
  );
  if (task === 'class') return { label: winner.label, votes: winner.count / said.length };
  // Of a yes or no, the share of those who say yes.
  const yes = said.filter(({ prediction }) => isYes(prediction)).length;
  return { label: winner.label, probability: yes / said.length };
}

function isYes({ label, probability }: Prediction): boolean {
  return typeof label === 'number' ? label === 1 : (probability as number) >= DECISION_THRESHOLD;
}

function commonTask(said: readonly MemberSaid[]): Task {
  const first = said[0]!;
  const task = taskOfPrediction(first.prediction);
  const other = said.find(({ prediction }) => taskOfPrediction(prediction) !== task);
  if (other === undefined) return task;
  throw unfit(
    `the member ${first.member} answers ${ANSWERS[task]}, ${other.member} ${ANSWERS[taskOfPrediction(other.prediction)]}`,
  );
}

const ANSWERS: Readonly<Record<Task, string>> = {
  binary: 'the probability of 1',
  regression: 'a value',
  class: 'classes',
};

/** As the members call that side; 0 and 1 where they do not name it otherwise. */
function labelOfSide(said: readonly MemberSaid[], mean: number): JsonValue {
  const yes = mean >= DECISION_THRESHOLD;
  const named = said.find(
    ({ prediction }) =>
      typeof prediction['label'] === 'string' && (prediction['probability'] as number) >= DECISION_THRESHOLD === yes,
  );
  return named === undefined ? (yes ? 1 : 0) : (named.prediction['label'] as JsonValue);
}

function indexOfGreatest(values: readonly number[]): number {
  let best = 0;
  for (let at = 1; at < values.length; at += 1) if (values[at]! > values[best]!) best = at;
  return best;
}

function unfit(why: string): MlopsError {
  return new MlopsError('EP208', {
    detail: `The answers of the ensemble's members do not make one: ${why}.`,
    hint: 'let all members answer the same: a probability, a value, or the same classes',
    status: 500,
  });
}
