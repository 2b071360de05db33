/**
 * A job of a GitHub workflow, run as its runner does: conditions and values in `${{ }}` by GitHub's own evaluator, scripts by bash, with the
 * variables of a runner. Actions are not run: what they would have been given is told.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { data, Evaluator, Lexer, Parser } from '@actions/expressions';

type Values = Readonly<Record<string, string | number | boolean>>;

export interface WorkflowStep {
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Values;
  readonly run?: string;
  readonly env?: Values;
  readonly 'continue-on-error'?: boolean;
}

export interface WorkflowJob {
  readonly if?: string;
  readonly strategy: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  readonly concurrency: { readonly group: string; readonly 'cancel-in-progress': boolean };
  readonly permissions: Readonly<Record<string, 'read' | 'write'>>;
  readonly env?: Values;
  readonly steps: readonly WorkflowStep[];
}

export interface Workflow {
  readonly on: Readonly<Record<string, { readonly types?: readonly string[]; readonly branches?: readonly string[] }>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<'plan' | 'apply', WorkflowJob>>;
}

export interface Contexts {
  readonly github: Readonly<Record<string, unknown>>;
  readonly matrix: Readonly<Record<string, string>>;
}

export interface DoneStep {
  readonly name: string;
  readonly outcome: 'success' | 'failure' | 'skipped';
  /** What an action was given. */
  readonly with: Readonly<Record<string, string>>;
}

export interface DoneJob {
  readonly conclusion: 'success' | 'failure' | 'skipped';
  readonly steps: readonly DoneStep[];
  readonly log: string;
}

export interface Runner {
  readonly workspace: string;
  readonly temp: string;
  readonly env: NodeJS.ProcessEnv;
  /** Called before a step's script is run. */
  readonly before?: ((step: string) => Promise<void>) | undefined;
}

/** The text with every `${{ }}` in it evaluated. */
export function filledIn(text: string, contexts: Contexts): string {
  return text.replace(/\$\{\{(.+?)\}\}/g, (_all, expression: string) => evaluated(expression, contexts).coerceString());
}

export function isTrue(condition: string, contexts: Contexts, state: 'success' | 'failure' = 'success'): boolean {
  const text = /^\$\{\{(.+)\}\}$/s.exec(condition.trim())?.[1] ?? condition;
  // Without a function of the state, a condition holds only after success.
  const whole = /\b(success|failure|cancelled|always)\(\)/.test(text) ? text : `success() && (${text})`;
  const value = evaluated(whole, contexts, state);
  return value.kind === data.Kind.Boolean ? value.value : value.coerceString() !== '';
}

export async function runJob(job: WorkflowJob, contexts: Contexts, runner: Runner): Promise<DoneJob> {
  if (job.if !== undefined && !isTrue(job.if, contexts)) return { conclusion: 'skipped', steps: [], log: '' };
  const files = Object.fromEntries(
    ['GITHUB_ENV', 'GITHUB_STEP_SUMMARY'].map((name) => [name, join(runner.temp, name.toLowerCase())]),
  );
  for (const file of Object.values(files)) writeFileSync(file, '');
  const steps: DoneStep[] = [];
  let log = '';
  let state: 'success' | 'failure' = 'success';
  for (const [index, step] of job.steps.entries()) {
    const name = step.name ?? step.uses ?? `step ${index}`;
    if (!isTrue(step.if ?? 'success()', withFiles(contexts, runner.workspace), state)) {
      steps.push({ name, outcome: 'skipped', with: {} });
      continue;
    }
    if (step.run === undefined) {
      steps.push({ name, outcome: 'success', with: allFilledIn(step.with ?? {}, contexts) });
      continue;
    }
    await runner.before?.(name);
    const env = {
      ...runner.env,
      ...allFilledIn(job.env ?? {}, contexts),
      ...written(files['GITHUB_ENV'] ?? ''),
      ...allFilledIn(step.env ?? {}, contexts),
      ...files,
      RUNNER_TEMP: runner.temp,
      GITHUB_WORKSPACE: runner.workspace,
    };
    const script = join(runner.temp, `step-${index}.sh`);
    writeFileSync(script, filledIn(step.run, contexts));
    const { code, output } = await shell(['bash', '-e', script], runner.workspace, env);
    log += output;
    steps.push({ name, outcome: code === 0 ? 'success' : 'failure', with: {} });
    if (code !== 0 && step['continue-on-error'] !== true) state = 'failure';
  }
  return { conclusion: state, steps, log };
}

/** The command's exit code and all that it wrote. */
export function shell(
  [command = '', ...args]: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

const STATE_FUNCTIONS = ['success', 'failure', 'cancelled', 'always'] as const;
const FUNCTIONS = [
  ...STATE_FUNCTIONS.map((name) => ({ name, minArgs: 0, maxArgs: 0 })),
  { name: 'hashFiles', minArgs: 1, maxArgs: 255 },
];

function evaluated(
  expression: string,
  contexts: Contexts & { readonly workspace?: string },
  state: 'success' | 'failure' = 'success',
): data.ExpressionData {
  const { github, matrix, workspace = '/' } = contexts;
  const tree = new Parser(new Lexer(expression).lex().tokens, ['github', 'matrix'], FUNCTIONS).parse();
  const answers = { success: state === 'success', failure: state === 'failure', cancelled: false, always: true };
  const functions = new Map(
    FUNCTIONS.map((info) => [
      info.name.toLowerCase(),
      {
        ...info,
        call: (...args: data.ExpressionData[]): data.ExpressionData =>
          info.name === 'hashFiles'
            ? new data.StringData(args.some((path) => existsSync(join(workspace, path.coerceString()))) ? 'digest' : '')
            : new data.BooleanData(answers[info.name as keyof typeof answers]),
      },
    ]),
  );
  const values = JSON.parse(JSON.stringify({ github, matrix }), data.reviver) as data.Dictionary;
  return new Evaluator(tree, values, functions).evaluate();
}

function withFiles(contexts: Contexts, workspace: string): Contexts & { readonly workspace: string } {
  return { ...contexts, workspace };
}

function allFilledIn(values: Values, contexts: Contexts): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, filledIn(String(value), contexts)]));
}

/** What steps before wrote into GITHUB_ENV. */
function written(file: string): Readonly<Record<string, string>> {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
