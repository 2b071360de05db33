/** The colours of plans and applies. Without colour every function leaves its text as it is. */
import pc from 'picocolors';
import { assertNever } from '../../lib/assert.ts';
import type { Severity } from '../../lib/diagnostics.ts';
import type { Action } from '../action.ts';
import type { ChangeClass } from '../change.ts';

export interface Paint {
  readonly create: (text: string) => string;
  readonly update: (text: string) => string;
  readonly remove: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly actions: (actions: readonly Action[], text: string) => string;
  readonly class: (name: ChangeClass, text: string) => string;
  readonly severity: (severity: Severity, text: string) => string;
}

export function createPaint(color: boolean): Paint {
  const colors = pc.createColors(color);
  return {
    create: colors.green,
    update: colors.yellow,
    remove: colors.red,
    strong: colors.bold,
    faint: colors.dim,
    actions: (actions, text) => {
      if (actions.includes('delete')) return colors.red(text);
      if (actions.includes('create')) return colors.green(text);
      return actions.includes('update') ? colors.yellow(text) : colors.dim(text);
    },
    class: (name, text) => {
      switch (name) {
        case 'safe':
          return colors.dim(text);
        case 'backfill':
        case 'new-version':
          return colors.cyan(text);
        case 'breaking':
        case 'destructive':
          return colors.red(text);
        default:
          return assertNever(name, 'class');
      }
    },
    severity: (severity, text) => {
      switch (severity) {
        case 'error':
          return colors.red(text);
        case 'warning':
          return colors.yellow(text);
        case 'info':
          return colors.cyan(text);
        default:
          return assertNever(severity, 'severity');
      }
    },
  };
}
