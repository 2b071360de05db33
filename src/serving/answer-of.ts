/** The answers of all rows as the answer to a request. */
import type { RowAnswer } from './answer-variant.ts';
import type { MemberAnswer } from './ensemble.ts';
import type { PredictAnswer, ToldMember } from './predict-answer.ts';

/** The rows of all groups in the order of the request. */
export function inOrder(groups: readonly (readonly RowAnswer[])[], rows: number): readonly RowAnswer[] {
  const byRow = new Array<RowAnswer>(rows);
  for (const group of groups) for (const answer of group) byRow[answer.position] = answer;
  return byRow;
}

export function answerOf(requestId: string, byRow: readonly RowAnswer[]): PredictAnswer {
  const { variant, model } = byRow[0]!.servedBy;
  const isOne = byRow.every(
    ({ servedBy: one }) =>
      one.variant === variant && one.model?.name === model?.name && one.model?.version === model?.version,
  );
  return {
    request_id: requestId,
    predictions: byRow.map(({ prediction }) => prediction),
    model,
    variant,
    features: byRow.map(({ features }) => features),
    ...(isOne ? {} : { served_by: byRow.map(({ servedBy }) => servedBy) }),
    ...(byRow.some(({ members }) => members !== undefined) && {
      members: byRow.map(({ members }) => members?.map(told) ?? null),
    }),
  };
}

function told({ member, model, said, failure }: MemberAnswer): ToldMember {
  return { member, model, prediction: said?.prediction ?? null, ...(failure !== undefined && { failure }) };
}
