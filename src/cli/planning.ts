/** Making a plan and carrying it out, as `plan`, `apply`, `destroy` and `up` share it. */
import { relative } from 'node:path';
import type { HeldLock } from '../compose/views.ts';
import type { OpenEnvironment } from '../compose.ts';
import { MlopsError } from '../lib/error.ts';
import { secretsIn } from '../lib/secret.ts';
import { createPlan } from '../plan/create-plan.ts';
import { type Gate, gateMessage } from '../plan/gate.ts';
import { hasChanges, type Plan, type PlanMode } from '../plan/plan.ts';
import { renderHuman } from '../plan/render/human.ts';
import { type Address, parseAddress } from '../spec/address.ts';
import type { BundleSource } from '../spec/bundle-source.ts';
import type { Project } from '../spec/project.ts';
import { pastOf, requireCode } from './against.ts';
import { type ApplyFlags, showProgress } from './applying.ts';
import type { BaseCommand, GlobalFlags } from './base-command.ts';
import { changedOutputsOf } from './changed-outputs.ts';
import { EXIT_BLOCKED, EXIT_ERROR, EXIT_INTERRUPTED, useColor, widthOf, writeJsonLine } from './report.ts';

export async function planFor(
  environment: OpenEnvironment,
  project: Project,
  options: {
    readonly mode: PlanMode;
    readonly targets?: readonly string[] | undefined;
    /** Plans to go back to the specs of this serial. */
    readonly against?: number | undefined;
  },
): Promise<Plan> {
  const past = options.against === undefined ? undefined : await pastOf(environment, project, options.against);
  const [state, facts] = await Promise.all([environment.state.read(), environment.facts.read()]);
  const desired = past?.project ?? project;
  const plan = createPlan({
    project: desired,
    environment: environment.scope.environment,
    state,
    facts,
    changedOutputs: await changedOutputsOf(desired, state),
    mode: options.mode,
    targets: (options.targets ?? []).map(addressOfTarget),
    against: past?.serial ?? null,
    gitCommit: past === undefined ? await environment.gitCommit() : past.gitCommit,
  });
  if (past !== undefined) await requireCode(environment, plan, project);
  return plan;
}

/** What the stores hold beside what is recorded. */
export async function refreshPlanOf(environment: OpenEnvironment, signal: AbortSignal): Promise<Plan> {
  const { createRefreshPlan } = await import('../plan/refresh-plan.ts');
  const [{ state, observed }, gitCommit] = await Promise.all([environment.observe(signal), environment.gitCommit()]);
  return createRefreshPlan({ ...environment.scope, state, observed, gitCommit });
}

function addressOfTarget(text: string): Address {
  if (parseAddress(text) === undefined) {
    throw new MlopsError('CL101', {
      detail: `"${text}" is no address.`,
      hint: 'write kind.name, e.g. --target feature_set.patient_labs',
    });
  }
  return text as Address;
}

/** With the lines of changed code, where they can be read. */
export async function showPlan(
  command: BaseCommand,
  flags: GlobalFlags,
  environment: OpenEnvironment,
  plan: Plan,
  bundleFiles: ReadonlyMap<string, BundleSource>,
  { to = 'result', gate }: { readonly to?: 'result' | 'progress'; readonly gate?: Gate | undefined } = {},
): Promise<void> {
  const { readCodeTexts } = await import('../apply/code-texts.ts');
  const codeText = await readCodeTexts(plan, bundleFiles, environment.artifacts);
  const stream = to === 'result' ? process.stdout : process.stderr;
  const color = useColor(flags.color ? undefined : false, stream);
  const text = renderHuman(plan, { color, width: widthOf(stream), codeText, gate });
  if (to === 'result') command.print(text);
  else command.note(text.trimEnd());
}

/** Files of code bundles as a saved plan holds them: paths relative to the root. */
export function relativeBundleFiles(project: Project): Readonly<Record<string, BundleSource>> {
  return Object.fromEntries(
    [...project.bundleFiles].map(([digest, source]) => [
      digest,
      typeof source === 'string' ? relative(project.root, source) : source,
    ]),
  );
}

export interface Carried {
  readonly exitCode: number;
}

/** Applies, telling progress as it goes. The exit code: 0, 1 where a step failed, 130 where it was interrupted. */
export async function carryOut(
  command: BaseCommand,
  flags: ApplyFlags,
  environment: OpenEnvironment,
  plan: Plan,
  bundleFiles: ReadonlyMap<string, BundleSource>,
  lock?: HeldLock,
): Promise<Carried> {
  const { applyPlan } = await import('../apply/apply.ts');
  const [effects, artifacts, commit, show] = await Promise.all([
    environment.effects(),
    environment.artifacts(),
    environment.gitCommit(),
    showProgress(command, flags),
  ]);
  const result = await applyPlan({
    plan,
    bundleFiles,
    state: environment.state,
    effects,
    artifacts,
    who: environment.who,
    gitCommit: commit,
    root: environment.settings.root,
    secrets: secretsIn([plan, environment.settings.spec], process.env),
    lock,
    concurrency: flags.parallelism,
    signal: command.interruption.signal,
    onEvent: show.event,
  }).finally(show.end);
  if (flags.json) writeJsonLine({ type: 'result', ...result });
  switch (result.outcome) {
    case 'succeeded':
      return { exitCode: 0 };
    case 'failed':
      for (const { address, hint } of result.failed)
        if (hint !== null && !flags.json) command.note(`  ${address}: ${hint}`);
      return { exitCode: EXIT_ERROR };
    case 'interrupted':
      return { exitCode: EXIT_INTERRUPTED };
  }
}

/** Shows what would be done, asks on a terminal, and does it. Answers the exit code. */
export async function applyWithConsent(
  command: BaseCommand,
  flags: ApplyFlags & { readonly yes: boolean },
  environment: OpenEnvironment,
  plan: Plan,
  bundleFiles: ReadonlyMap<string, BundleSource>,
  { gate, lock }: { readonly gate?: Gate | undefined; readonly lock?: HeldLock | undefined } = {},
): Promise<number> {
  if (command.interruption.signal.aborted) throw interruptedBeforeApply();
  if (!flags.json) await showPlan(command, flags, environment, plan, bundleFiles, { to: 'progress', gate });
  if (plan.errored) {
    if (flags.json) writeJsonLine({ type: 'refused', plan });
    return EXIT_ERROR;
  }
  if (plan.summary.denied > 0) {
    if (flags.json) writeJsonLine({ type: 'refused', plan });
    else command.note('Nothing was changed.');
    return EXIT_BLOCKED;
  }
  const blocked = gate === undefined ? undefined : gateMessage(gate);
  if (blocked !== undefined) {
    if (flags.json) writeJsonLine({ type: 'refused', plan, gate });
    else command.note(`\n${command.paintErrors(flags).red(blocked)} Nothing was changed.`);
    return EXIT_BLOCKED;
  }
  if (!hasChanges(plan)) {
    if (flags.json)
      writeJsonLine({
        type: 'result',
        outcome: 'succeeded',
        applyId: null,
        done: [],
        failed: [],
        skipped: [],
        remaining: [],
      });
    return 0;
  }
  if (!flags.yes) await consent(command, plan);
  return (await carryOut(command, flags, environment, plan, bundleFiles, lock)).exitCode;
}

/** After an apply of the specs: code that they still have and that the artifact store has lost. */
export async function restoreLostCode(
  command: BaseCommand,
  environment: OpenEnvironment,
  { bundleFiles }: Project,
): Promise<void> {
  const { restoreCode } = await import('../apply/restore-code.ts');
  const restored = await restoreCode(bundleFiles, environment.artifacts);
  if (restored > 0)
    command.note(
      `Stored ${restored} ${restored === 1 ? 'file' : 'files'} of code again that the artifact store had lost.`,
    );
}

async function consent(command: BaseCommand, plan: Plan): Promise<void> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
    throw new MlopsError('CL103', {
      detail: 'Nothing was changed: there is no terminal to ask on.',
      hint: `look at the plan above, then run mlops ${plan.mode} --yes`,
    });
  }
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const word = plan.mode === 'destroy' ? plan.environment : 'yes';
    const question =
      plan.mode === 'destroy'
        ? `\nDestroy all of this? Type the environment's name (${word}): `
        : '\nApply this? Type yes: ';
    // The terminal takes Ctrl-C for itself; Ctrl-D closes it and leaves the question open.
    terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const asked = terminal.question(question, { signal: command.interruption.signal }).catch(() => '');
    const answer = await Promise.race([asked, closed]);
    if (command.interruption.signal.aborted) throw interruptedBeforeApply();
    if (answer.trim() !== word) throw new MlopsError('CL103', { detail: 'Nothing was changed.' });
  } finally {
    terminal.close();
  }
}

function interruptedBeforeApply(): MlopsError {
  return new MlopsError('AP106', { detail: 'Interrupted. Nothing was changed.' });
}
