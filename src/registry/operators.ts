/** Registration and promotion as tasks of a pipeline do them: running twice does it once. */
import type { JsonObject } from '../lib/json.ts';
import type { Flavour, GateResult, ModelSignature, Stage } from '../stores/control/registry.ts';
import type { Registry } from './registry.ts';

/** The part of a trained model that a version records; orchestrator/services.ts has the whole. */
export interface TrainedForRegistry {
  readonly artifact: string;
  readonly framework: string;
  readonly flavour?: Flavour;
  readonly trainer: string;
  readonly hyperparameters: JsonObject;
  readonly signature: ModelSignature;
  readonly dataset: {
    readonly digest: string;
    readonly artifact: string;
    readonly rows: number;
    readonly trainRows: number;
    readonly testRows: number;
    readonly service: string;
    readonly spineDigest: string;
    readonly featureSetVersions: Readonly<Record<string, number>>;
    readonly sources: Readonly<Record<string, string>>;
  };
  readonly extraArtifacts: readonly { readonly path: string; readonly digest: string; readonly bytes: number }[];
}

interface TaskContext {
  readonly runId: string;
  readonly pipeline: string;
  readonly task: string;
}

export interface RegistryOperators {
  register(
    request: {
      readonly model: string;
      readonly trained: TrainedForRegistry;
      readonly metrics: Readonly<Record<string, number>>;
      readonly codeDigest: string | null;
      readonly gitCommit: string | null;
      /** The run of an experiment that trained it. */
      readonly trackedRun?: string;
    },
    context: TaskContext,
  ): Promise<{ readonly id: string; readonly model: string; readonly version: number }>;
  promote(
    request: { readonly versionId: string; readonly to: Stage; readonly reason: string },
    context: TaskContext,
  ): Promise<{
    readonly id: string;
    readonly model: string;
    readonly version: number;
    readonly stage: Stage;
    readonly gates: readonly GateResult[];
    readonly archived: number | null;
  }>;
}

/** `environment`: what the program runs on, e.g. its own version, Node's and the platform's; part of the lineage. */
export function createRegistryOperators(registry: Registry, environment: JsonObject): RegistryOperators {
  return {
    register: async ({ model, trained, metrics, codeDigest, gitCommit, trackedRun }, context) => {
      const { dataset, signature } = trained;
      const version = await registry.register(
        {
          name: model,
          framework: trained.framework,
          metrics,
          hyperparameters: trained.hyperparameters,
          artifacts: [
            { path: 'model.onnx', digest: trained.artifact, bytes: null, uri: null },
            ...trained.extraArtifacts.map((extra) => ({ ...extra, uri: null })),
          ],
          lineage: {
            run: { id: context.runId, pipeline: context.pipeline, task: context.task },
            ...(trackedRun !== undefined && { tracked_run: trackedRun }),
            code: { digest: codeDigest, git_commit: gitCommit },
            trainer: trained.trainer,
            dataset: {
              digest: dataset.digest,
              artifact: dataset.artifact,
              rows: dataset.rows,
              train_rows: dataset.trainRows,
              test_rows: dataset.testRows,
              feature_service: dataset.service,
              spine_digest: dataset.spineDigest,
              feature_set_versions: dataset.featureSetVersions,
              sources: dataset.sources,
            },
            environment,
          },
          signature,
          runId: context.runId,
          flavour: trained.flavour ?? null,
          idempotencyKey: `${context.runId}/${context.task}/${trained.artifact}`,
        },
        whoOf(context),
      );
      return { id: version.id, model, version: version.version };
    },
    promote: async ({ versionId, to, reason }, context) => {
      const who = whoOf(context);
      const known = await registry.versionById(versionId);
      const done = (await registry.history(known.name)).find(
        (move) => move.version === known.version && move.to === to && move.who === who,
      );
      // The run moved it already and was cut off before it could say so. Whoever moved production since has the last word.
      if (done !== undefined) {
        const { id, name: model, version, stage } = known;
        return { id, model, version, stage, gates: done.gates, archived: null };
      }
      const { version, gates, archived } = await registry.promote({ versionId, to, reason }, who);
      return {
        id: version.id,
        model: version.name,
        version: version.version,
        stage: version.stage,
        gates,
        archived: archived?.version ?? null,
      };
    },
  };
}

function whoOf({ pipeline, runId }: TaskContext): string {
  return `pipeline.${pipeline} run ${runId}`;
}
