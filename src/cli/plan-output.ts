/** A plan in the format that was asked for, on standard output; and the gate that `--fail-on` sets. */
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { string } from '@oclif/core/flags';
import { gitPrefix } from '../compose/identity.ts';
import type { Settings } from '../compose/settings.ts';
import type { OpenEnvironment } from '../compose.ts';
import { assertNever } from '../lib/assert.ts';
import { MlopsError } from '../lib/error.ts';
import { packageVersion } from '../lib/package.ts';
import { GATES, type Gate, type GateName, gateMessage, gateOf } from '../plan/gate.ts';
import type { Plan } from '../plan/plan.ts';
import { renderJson } from '../plan/render/json.ts';
import type { SarifOptions } from '../plan/render/sarif.ts';
import type { BundleSource } from '../spec/bundle-source.ts';
import type { BaseCommand, GlobalFlags } from './base-command.ts';
import { showPlan } from './planning.ts';
import { problemText } from './report.ts';
import { settingsOf } from './session.ts';
import { writing } from './writing.ts';

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

export const reportFlag = string({
  description: 'Also write it to a file, as FORMAT=FILE, e.g. markdown=plan.md. May be repeated.',
  multiple: true,
});

export interface PlanReport {
  readonly format: ReportFormat;
  readonly file: string;
}

type ReportFormat = Exclude<PlanFormat, 'human'>;

/** What `--report` asks for. */
export function reportsOf(asked: readonly string[] = []): readonly PlanReport[] {
  return asked.map((text) => {
    const [name = '', ...rest] = text.split('=');
    const format = PLAN_FORMATS.find((one): one is ReportFormat => one === name && one !== 'human');
    const file = rest.join('=');
    if (format === undefined || file === '') {
      throw new MlopsError('CL101', {
        detail: `"${text}" is no report.`,
        hint: `write FORMAT=FILE, where FORMAT is one of ${PLAN_FORMATS.filter((one) => one !== 'human').join(', ')}`,
      });
    }
    return { format, file };
  });
}

export interface PlanOutput {
  readonly format: PlanFormat;
  readonly reports: readonly PlanReport[];
  readonly gate: Gate | undefined;
  readonly settings: Settings;
  readonly bundleFiles: ReadonlyMap<string, BundleSource>;
}

export async function writePlan(
  command: BaseCommand,
  flags: GlobalFlags,
  environment: OpenEnvironment,
  plan: Plan,
  output: PlanOutput,
): Promise<void> {
  for (const { format, file } of output.reports)
    await writeReport(file, await planText(format, environment, plan, output));
  const { format, gate, bundleFiles } = output;
  if (format !== 'human') return command.print(await planText(format, environment, plan, output));
  await showPlan(command, flags, environment, plan, bundleFiles, { gate });
  const blocked = gate === undefined ? undefined : gateMessage(gate);
  if (blocked !== undefined) command.print(command.paint(flags).red(blocked));
}

async function planText(
  format: ReportFormat,
  environment: OpenEnvironment,
  plan: Plan,
  { gate, settings, bundleFiles }: PlanOutput,
): Promise<string> {
  switch (format) {
    case 'json':
      return renderJson(plan, gate);
    case 'markdown': {
      const [{ renderMarkdown }, { readCodeTexts }] = await Promise.all([
        import('../plan/render/markdown.ts'),
        import('../apply/code-texts.ts'),
      ]);
      const codeText = await readCodeTexts(plan, bundleFiles, environment.artifacts);
      return renderMarkdown(plan, { codeText, gate });
    }
    case 'sarif': {
      const { renderSarif } = await import('../plan/render/sarif.ts');
      return renderSarif(plan, { ...(await sarifOptions(settings)), gate });
    }
    case 'junit': {
      const { renderJunit } = await import('../plan/render/junit.ts');
      return renderJunit(plan, { gate });
    }
    default:
      return assertNever(format, 'plan format');
  }
}

/**
 * A plan that could not be made, where a comment or a report would have told of it: in `format` on standard output, and in the files. What
 * people and programs are told of an error is told elsewhere.
 */
export async function writeFailure(
  command: BaseCommand,
  flags: GlobalFlags,
  error: MlopsError,
  { format, reports }: Pick<PlanOutput, 'format' | 'reports'>,
): Promise<void> {
  const settings = await settingsOf(flags).catch(() => undefined);
  for (const { format: name, file } of reports) await writeReport(file, await failureText(name, error, settings));
  if (format !== 'human' && format !== 'json') command.print(await failureText(format, error, settings));
}

async function failureText(format: ReportFormat, error: MlopsError, settings: Settings | undefined): Promise<string> {
  if (format === 'json') return problemText(error);
  const { renderFailureMarkdown, renderFailureSarif, renderFailureJunit } = await import('../plan/render/failure.ts');
  switch (format) {
    case 'markdown':
      return renderFailureMarkdown(error, settings);
    case 'sarif': {
      const root = settings?.root ?? error.root ?? process.cwd();
      const configFile = settings?.configFile ?? join(root, 'mlops.config.ts');
      return renderFailureSarif(error, settings, await sarifOptions({ root, configFile }));
    }
    case 'junit':
      return renderFailureJunit(error, settings);
    default:
      return assertNever(format, 'plan format');
  }
}

async function sarifOptions({ root, configFile: path }: Pick<Settings, 'root' | 'configFile'>): Promise<SarifOptions> {
  const prefix = await gitPrefix(root);
  const configFile = relative(root, path).split(sep).join('/');
  const uriOf = (file: string): string => (isAbsolute(file) ? pathToFileURL(file).href : `${prefix}${file}`);
  return { version: packageVersion(), configFile, uriOf, help: codeHelp() };
}

function writeReport(file: string, text: string): Promise<void> {
  return writing(file, async () => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  });
}

/** What docs/codes.md, which comes with the package, says of a code. */
function codeHelp(): (code: string) => string | undefined {
  const page = readFileSync(new URL('../../docs/codes.md', import.meta.url), 'utf8');
  const entries = [...page.matchAll(/^- \*\*([A-Z]+\d+) .*?\*\* (.+)$/gm)];
  const texts = new Map(entries.map(([, code = '', text = '']) => [code, text]));
  return (code) => texts.get(code);
}
