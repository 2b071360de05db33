/** A plan in the format that was asked for, on standard output; and the gate that `--fail-on` sets. */
import { readFileSync } from 'node:fs';
import { isAbsolute, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { string } from '@oclif/core/flags';
import { gitPrefix } from '../compose/identity.ts';
import type { Settings } from '../compose/settings.ts';
import type { OpenEnvironment } from '../compose.ts';
import { assertNever } from '../lib/assert.ts';
import { packageVersion } from '../lib/package.ts';
import { GATES, type Gate, type GateName, gateMessage, gateOf } from '../plan/gate.ts';
import type { Plan } from '../plan/plan.ts';
import { renderJson } from '../plan/render/json.ts';
import type { BaseCommand, GlobalFlags } from './base-command.ts';
import { showPlan } from './planning.ts';

export const PLAN_FORMATS = ['human', 'json', 'markdown', 'sarif', 'junit'] as const;

export type PlanFormat = (typeof PLAN_FORMATS)[number];

export const failOnFlag = string({
  description: 'Exit with 3 where a change is of this class or graver, or where a policy only warns.',
  options: [...GATES],
});

export function gateFor(plan: Plan, failOn: string | undefined): Gate | undefined {
  const asked = GATES.find((name): name is GateName => name === failOn);
  return asked === undefined ? undefined : gateOf(plan, asked);
}

export interface PlanOutput {
  readonly format: PlanFormat;
  readonly gate: Gate | undefined;
  readonly settings: Settings;
  readonly bundleFiles: ReadonlyMap<string, string>;
}

export async function writePlan(
  command: BaseCommand,
  flags: GlobalFlags,
  environment: OpenEnvironment,
  plan: Plan,
  { format, gate, settings, bundleFiles }: PlanOutput,
): Promise<void> {
  switch (format) {
    case 'human': {
      await showPlan(command, flags, environment, plan, bundleFiles, { gate });
      const blocked = gate === undefined ? undefined : gateMessage(gate);
      if (blocked !== undefined) command.print(command.paint(flags).red(blocked));
      return;
    }
    case 'json':
      return command.print(renderJson(plan, gate));
    case 'markdown': {
      const [{ renderMarkdown }, { readCodeTexts }] = await Promise.all([
        import('../plan/render/markdown.ts'),
        import('../apply/code-texts.ts'),
      ]);
      const codeText = await readCodeTexts(plan, bundleFiles, environment.artifacts);
      return command.print(renderMarkdown(plan, { codeText, gate }));
    }
    case 'sarif': {
      const [{ renderSarif }, prefix] = await Promise.all([
        import('../plan/render/sarif.ts'),
        gitPrefix(settings.root),
      ]);
      const configFile = relative(settings.root, settings.configFile).split(sep).join('/');
      const uriOf = (file: string): string => (isAbsolute(file) ? pathToFileURL(file).href : `${prefix}${file}`);
      return command.print(renderSarif(plan, { version: packageVersion(), configFile, uriOf, help: codeHelp(), gate }));
    }
    case 'junit': {
      const { renderJunit } = await import('../plan/render/junit.ts');
      return command.print(renderJunit(plan, { gate }));
    }
    default:
      return assertNever(format, 'plan format');
  }
}

/** What docs/codes.md, which comes with the package, says of a code. */
function codeHelp(): (code: string) => string | undefined {
  const page = readFileSync(new URL('../../docs/codes.md', import.meta.url), 'utf8');
  const entries = [...page.matchAll(/^- \*\*([A-Z]+\d+) .*?\*\* (.+)$/gm)];
  const texts = new Map(entries.map(([, code = '', text = '']) => [code, text]));
  return (code) => texts.get(code);
}
