/**
 * What an operator gets, made of what its attempt knows. Thousands of attempts may begin at once, and few operators ask for more than a part
 * of it: the functions among it come to be when they are asked for.
 */
import { invariant } from '../lib/assert.ts';
import { systemClock } from '../lib/clock.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import { type EnvRef, resolveEnv } from '../lib/secret.ts';
import type { CanonicalPipeline } from '../spec/canonical-specs.ts';
import type { RunCause, TaskProgress } from '../stores/control/runs.ts';
import type { Attempt } from './attempt-state.ts';
import { instantOf } from './find-items.ts';
import { itemIndex } from './items.ts';
import type { ChildRuns, OperatorContext } from './operators/operator.ts';
import type { OperatorServices } from './services.ts';

type RunProcess = OperatorContext['runProcess'];

export class OperatorCall implements OperatorContext {
  readonly inputs: Readonly<Record<string, JsonObject>>;
  readonly ancestors: readonly string[];
  private readonly its: Attempt;
  private program: (() => RunProcess) | undefined;
  private at: Date | undefined;

  constructor(its: Attempt, ancestors: readonly string[], inputs: Readonly<Record<string, JsonObject>>) {
    this.its = its;
    this.ancestors = ancestors;
    this.inputs = inputs;
  }

  /** Said once the task is filled. */
  runsPrograms(program: () => RunProcess): void {
    this.program = program;
  }

  get runId(): string {
    return this.its.held.lease.runId;
  }
  get pipeline(): string {
    return this.its.held.lease.pipeline;
  }
  get task(): string {
    return this.its.held.lease.task;
  }
  get attempt(): number {
    return this.its.held.lease.attempt;
  }
  get item(): JsonValue | undefined {
    return this.its.held.lease.item;
  }
  get index(): number | null {
    return itemIndex(this.task);
  }
  get signal(): AbortSignal {
    return this.its.held.signal;
  }
  get params(): JsonObject {
    return this.its.run.params;
  }
  get instant(): Date {
    return instantOf(this.its.run);
  }
  get pipelineSpec(): CanonicalPipeline {
    return this.its.run.spec;
  }
  get cause(): RunCause {
    return this.its.run.cause;
  }
  get gitCommit(): string | null {
    return this.its.run.gitCommit;
  }
  get root(): string {
    return this.its.tools.root;
  }
  get services(): OperatorServices {
    return this.its.tools.services;
  }
  get newestRun(): OperatorContext['newestRun'] {
    return this.its.tools.newestRun;
  }
  get children(): ChildRuns {
    return this.its.tools.children;
  }
  get now(): Date {
    this.at ??= systemClock.now();
    return this.at;
  }
  get log(): (line: string) => void {
    const { held, redact } = this.its;
    return (line) => held.log.write('out', `${redact(line)}\n`);
  }
  get progress(): (told: TaskProgress) => void {
    const { held } = this.its;
    return (told) => held.progress.tell(told);
  }
  get resolve(): (value: string | EnvRef) => string {
    const { variables } = this.its.tools;
    return (value) => resolveEnv(value, variables);
  }
  get waited(): () => Promise<boolean> {
    const { held, tools } = this.its;
    return () => tools.waited(held);
  }
  get keepArtifact(): OperatorContext['keepArtifact'] {
    const { held, tools } = this.its;
    return (path, stored) => tools.keepArtifact(held, { path, ...stored });
  }
  get runProcess(): RunProcess {
    invariant(this.program !== undefined, 'an operator runs before its task is filled');
    return this.program();
  }
}
