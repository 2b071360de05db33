/**
 * A version of a model brought to an endpoint: it is loaded first, moved to the stage that the endpoint's variant follows, and waited for until
 * every daemon that answers requests says that it serves it.
 */
import { MlopsError } from '../lib/error.ts';
import { type EndpointModel, modelsOf } from '../spec/endpoint-models.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { GateResult, ModelVersion, RegistryStore, Stage } from '../stores/control/registry.ts';
import type { ServedVariant, ServingReport, ServingReportStore } from '../stores/control/serving-reports.ts';
import type { BatchPredictor } from './batch-prediction.ts';
import { HEARD_WITHIN_MS } from './serving-reporter.ts';

export interface DeploymentRequest {
  readonly endpoint: string;
  readonly variant: string;
  readonly model: string;
  /** Null: the one at the stage. */
  readonly version: number | null;
  /** Null: the stage that the variant follows. */
  readonly stage: Stage | null;
  /** Daemons that must serve it at least. */
  readonly daemons: number;
  readonly withinMs: number;
}

export interface Deployed {
  readonly endpoint: string;
  readonly variant: string;
  readonly model: string;
  readonly version: number;
  readonly versionId: string;
  readonly stage: Stage;
  /** Whether it was moved now, and what its gates said. */
  readonly moved: boolean;
  readonly gates: readonly GateResult[];
  readonly archived: number | null;
  /** How many daemons serve it. */
  readonly daemons: number;
}

export interface DeploymentParts {
  readonly catalog: Catalog;
  readonly registry: RegistryStore;
  readonly predictor: Pick<BatchPredictor, 'open'>;
  readonly reports: Pick<ServingReportStore, 'list'>;
  /** Through the gates of the model; the same move again is that move. */
  readonly promote: (
    versionId: string,
    to: Stage,
  ) => Promise<{ readonly gates: readonly GateResult[]; readonly archived: number | null }>;
  readonly monotonicMs?: () => number;
}

const LOOK_MS = 250;

/** EP201, EP202, EP205, MD202, MD203, MD204. */
export async function deploy(
  { catalog, registry, predictor, reports, promote, monotonicMs = () => performance.now() }: DeploymentParts,
  request: DeploymentRequest,
  { signal, log }: { readonly signal: AbortSignal; readonly log: (line: string) => void },
): Promise<Deployed> {
  const { endpoint, variant, model } = request;
  const target = targetOf(catalog, request);
  if (target === undefined)
    throw new MlopsError('EP201', {
      detail: `endpoint.${endpoint} has no variant ${variant} of model.${model} in what is applied.`,
      hint: 'see what is applied: mlops endpoints show',
      address: `endpoint.${endpoint}`,
    });
  const follows = target.version === undefined ? (target.stage ?? 'production') : undefined;
  const stage = request.stage ?? follows ?? 'production';
  // What does not load is not moved.
  const open = await predictor.open({
    model,
    version: request.version ?? (request.stage === null ? target.version : undefined),
    stage,
  });
  open.close();
  const { version } = open;
  if (target.version !== undefined && target.version !== version.version)
    throw notServed(
      request,
      version,
      `the variant stays at version ${target.version}`,
      `let it follow a stage: variants: { ${variant}: { model, stage: 'production' } }`,
    );
  const moved = follows !== undefined && version.stage !== follows;
  const { gates, archived } = moved ? await promote(version.id, follows) : { gates: [], archived: null };
  for (const gate of gates)
    log(`gate ${gate.metric} ${gate.rule}: ${gate.passed ? 'passed' : 'refused'}; ${gate.detail}`);
  if (moved) log(`version ${version.version} of ${model} is in ${follows}`);

  const until = monotonicMs() + request.withinMs;
  for (;;) {
    signal.throwIfAborted();
    if (follows !== undefined) await holdsItsPlace(registry, request, version, follows);
    const there = await reports.list(HEARD_WITHIN_MS);
    const waiting = there.filter((report) => servedBy(report, request)?.version !== version.version);
    if (waiting.length === 0 && there.length >= request.daemons) {
      const what = `version ${version.version} of ${model}`;
      log(
        there.length === 0
          ? `${endpoint}: no daemon answers requests now; the next one serves ${what}`
          : `${endpoint}: ${there.length} of ${there.length} daemons serve ${what}`,
      );
      return {
        endpoint,
        variant,
        model,
        version: version.version,
        versionId: version.id,
        stage: follows ?? version.stage,
        moved,
        gates,
        archived,
        daemons: there.length,
      };
    }
    if (monotonicMs() > until) throw tooLate(request, version, there, waiting);
    await rest(signal);
  }
}

/** Where the model answers in the variant, in its ensemble or as the shadow; EP205 where it does so in several ways. */
function targetOf(catalog: Catalog, request: DeploymentRequest): EndpointModel | undefined {
  const spec = catalog.get('endpoint', request.endpoint)?.spec;
  const named = spec === undefined ? [] : modelsOf(spec);
  const [first, ...others] = named.filter(({ name, model }) => name === request.variant && model === request.model);
  const other = others.find(({ stage, version }) => stage !== first?.stage || version !== first?.version);
  if (other === undefined) return first;
  throw new MlopsError('EP205', {
    detail: `model.${request.model} is in the variant ${request.variant} of endpoint.${request.endpoint} more than once, and not at one stage: which of them is meant cannot be told.`,
    hint: `move the version there yourself: mlops models promote ${request.model} VERSION --to STAGE`,
    address: `endpoint.${request.endpoint}`,
  });
}

function servedBy({ serves }: ServingReport, request: DeploymentRequest): ServedVariant | undefined {
  const { endpoint, variant, model } = request;
  return serves.find((one) => one.endpoint === endpoint && one.variant === variant && one.model === model);
}

/** Somebody may promote another meanwhile; a stage may hold several, of which the newest is served. */
async function holdsItsPlace(
  registry: RegistryStore,
  request: DeploymentRequest,
  version: ModelVersion,
  stage: Stage,
): Promise<void> {
  const now = await registry.atStage(request.model, stage);
  if (now?.id === version.id) return;
  const instead = now === undefined ? `nothing is in ${stage} any more` : `version ${now.version} is what ${stage} has`;
  throw notServed(request, version, instead, `mlops models history ${request.model} tells who moved it`);
}

function tooLate(
  request: DeploymentRequest,
  version: ModelVersion,
  there: readonly ServingReport[],
  waiting: readonly ServingReport[],
): MlopsError {
  const within = `within ${Math.round(request.withinMs / 1000)} s`;
  if (there.length < request.daemons)
    return notServed(
      request,
      version,
      `${there.length === 0 ? 'no daemon that answers requests was' : `${there.length} of ${request.daemons} daemons were`} heard of ${within}`,
      'start one: mlops daemon, or mlops daemon --role api',
    );
  const reasons = waiting.map((report) => {
    const served = servedBy(report, request);
    const why = served?.failure;
    if (why?.version === version.version) return `${report.name}: ${why.code ?? ''} ${why.detail}`.replace(':  ', ': ');
    if (served === undefined) return `${report.name} does not know the endpoint`;
    return `${report.name} serves ${served.version === null ? 'nothing' : `version ${served.version}`}`;
  });
  return notServed(
    request,
    version,
    `${within} ${waiting.length} of ${there.length} daemons do not serve it: ${reasons.join('; ')}`,
  );
}

function notServed(
  { endpoint, variant, model }: DeploymentRequest,
  { version }: ModelVersion,
  why: string,
  hint?: string,
): MlopsError {
  return new MlopsError('EP205', {
    detail: `Version ${version} of model.${model} is not what endpoint.${endpoint} serves as ${variant}: ${why}.`,
    hint,
    address: `endpoint.${endpoint}`,
  });
}

function rest(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, LOOK_MS);
    signal.addEventListener('abort', end, { once: true });
  });
}
