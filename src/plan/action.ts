/** What is done to a resource. A replace is two actions in order. `forget` drops the record and leaves the thing alone. */
export const ACTIONS = ['create', 'update', 'delete', 'no-op', 'forget'] as const;

export type Action = (typeof ACTIONS)[number];

const SYMBOLS: Readonly<Record<Action, string>> = { create: '+', update: '~', delete: '-', forget: '.', 'no-op': ' ' };

/** One column wide, for people. */
export function actionSymbol(actions: readonly Action[]): string {
  return actions.length > 1 ? '±' : SYMBOLS[actions[0] ?? 'no-op'];
}

export function isNoOp(actions: readonly Action[]): boolean {
  return actions.every((action) => action === 'no-op');
}
