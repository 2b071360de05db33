/** Models: the declaration that versions are checked against. Versions are made by runs and belong to the registry. */
import type { CanonicalModel } from '../../spec/canonical-specs.ts';
import { type Analysis, type AnalysisContext, analyzerOf, finding, listed, says } from './analyzer.ts';
import { changedGates } from './model-gates.ts';

type Context = AnalysisContext<'model'>;

export const analyzeModel = analyzerOf<'model'>({
  destroyed: (context, before) => [destroyed(context, before)],
  changed: (context, before, after) => [
    inputs(context, before, after),
    framework(context, before, after),
    ...changedGates(context, before.gates ?? [], after.gates ?? []),
    pipeline(context, before, after),
    card(context, before, after),
  ],
});

function destroyed({ address, facts }: Context, before: CanonicalModel): Analysis | undefined {
  const versions = facts.models?.get(before.name)?.versions;
  if (versions === 0) return undefined;
  const count =
    versions === undefined ? 'Versions that it has' : versions === 1 ? 'Its version' : `Its ${versions} versions`;
  return says(
    'destructive',
    finding('MD101', 'warning', undefined, {
      detail: `${address} loses its declaration: inputs, gates and card. ${count} can be neither promoted nor served by an endpoint any more. Versions, artifacts and history stay in the registry, and count again when a model of that name is declared.`,
      fix: 'put `protect: true` on a model that must not be destroyed',
    }),
  );
}

function inputs({ address, desired }: Context, before: CanonicalModel, after: CanonicalModel): Analysis | undefined {
  if (before.inputs === after.inputs) return undefined;
  const [old, next] = [before.inputs, after.inputs].map((name) =>
    name === undefined ? 'no service' : `feature_service.${name}`,
  );
  return says(
    'breaking',
    finding('MD104', 'warning', desired, {
      detail: `${address} reads ${next} instead of ${old}. Versions trained before go on with the features that they were trained with; one without a signature is asked with the new ones.`,
      fix: 'train again, and promote what was trained on the new inputs',
      pointer: after.inputs === undefined ? '' : '/inputs',
    }),
  );
}

function framework({ address, desired }: Context, before: CanonicalModel, after: CanonicalModel): Analysis | undefined {
  if (before.framework === after.framework) return undefined;
  return says(
    'safe',
    finding('MD105', 'warning', desired, {
      detail: `Versions of ${address} are ${after.framework} instead of ${before.framework}. Those that there are stay as they are.`,
      fix: 'see that the training leaves an ONNX artifact as well: without one a version cannot be served',
      pointer: '/framework',
    }),
  );
}

function pipeline({ address, desired }: Context, before: CanonicalModel, after: CanonicalModel): Analysis | undefined {
  if (before.pipeline === after.pipeline) return undefined;
  const gone = after.pipeline === undefined;
  return says(
    'safe',
    finding('MD106', gone ? 'warning' : 'info', desired, {
      detail: gone
        ? `${address} names no pipeline any more; it was pipeline.${before.pipeline}.`
        : `${address} is trained by pipeline.${after.pipeline}${before.pipeline === undefined ? '' : ` instead of pipeline.${before.pipeline}`}.`,
      ...(gone ? { fix: 'name the pipeline that trains it, so that a plan can say what a change of it does' } : {}),
      pointer: gone ? '' : '/pipeline',
    }),
  );
}

function card({ address, desired }: Context, before: CanonicalModel, after: CanonicalModel): Analysis | undefined {
  const told = (model: CanonicalModel): readonly string[] =>
    Object.entries(model.card ?? {}).flatMap(([section, text]) => (text === undefined || text === '' ? [] : [section]));
  const lost = told(before).filter((section) => !told(after).includes(section));
  if (lost.length === 0) return undefined;
  return says(
    'safe',
    finding('MD107', 'info', desired, {
      detail: `The card of ${address} no longer says ${listed(lost)}.`,
      pointer: after.card === undefined ? '' : '/card',
    }),
  );
}
