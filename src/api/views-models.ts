/** Models and what may change of them, as JSON. */
import type { VersionComparison } from '../registry/compare.ts';
import type { HistoryLine } from '../registry/labels.ts';
import type { RegisteredModel } from '../stores/control/registry-labels.ts';
import { stageMoveView, versionView } from './views.ts';

export function modelView(model: RegisteredModel) {
  return {
    name: model.name,
    description: model.description,
    tags: model.tags,
    aliases: model.aliases,
    versions: model.versions,
    latest_version: model.latest,
    created_at: model.createdAt,
    updated_at: model.updatedAt,
  };
}

/** A move has `from` and `to` stages; a change has what it changed, before and after. */
export function historyLineView(line: HistoryLine) {
  if (line.kind === 'move') return { kind: line.kind, ...stageMoveView(line) };
  const { kind, model, version, change, key, before, after, at, who, reason } = line;
  return { kind, model, version, change, key, before, after, at, who, reason };
}

export function comparisonView({ from, to, ...comparison }: VersionComparison) {
  return { from: versionView(from), to: versionView(to), ...comparison };
}
